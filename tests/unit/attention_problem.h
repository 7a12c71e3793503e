/* Problems of attention for the unit tests: arrays with gaps, or slices of one array. */
#ifndef TESTS_UNIT_ATTENTION_H
#define TESTS_UNIT_ATTENTION_H

#include "unit.h"

/* Repeatable numbers; set state before drawing. */
static uint64_t state;

static inline uint32_t draw(void)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33);
}

static inline size_t below(size_t bound) { return draw() % bound; }

static inline float normal(void)
{
    float sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (float)(draw() & 0xFFFF) - 32767.5f;
    }
    return sum * 0x1p-16f;
}

/* A problem with its arrays: q, k and v may be slices of one array, and every array has gaps. */
enum { ARRAYS = 8 };
typedef struct problem {
    mote_attention_shape shape;
    mote_attention_array arrays[ARRAYS]; /* q k v y dy dq dk dv */
    float *memory[ARRAYS], *logsumexp;
    size_t counts[ARRAYS]; /* floats of memory */
    int32_t *segments;
} problem;
enum { Q, K, V, Y, DY, DQ, DK, DV };
static const char *const names[ARRAYS] = {"q", "k", "v", "y", "dy", "dq", "dk", "dv"};

static inline bool of_keys(int array) { return array == K || array == V || array == DK || array == DV; }

static inline size_t positions_of(const mote_attention_shape *s, int array)
{
    return of_keys(array) ? s->keys : s->queries;
}
static inline size_t heads_of(const mote_attention_shape *s, int array)
{
    return of_keys(array) ? s->key_heads : s->heads;
}

static inline float *at(const problem *p, int array, size_t b, size_t i, size_t h)
{
    const mote_attention_array *a = &p->arrays[array];
    return a->values + (ptrdiff_t)b * a->batch + (ptrdiff_t)i * a->position + (ptrdiff_t)h * a->head;
}

static inline problem make(mote_attention_shape shape, bool packed, const int32_t *segments)
{
    problem p = {.shape = shape};
    size_t gap = packed ? 0 : 3, packed_row = (shape.heads + 2 * shape.key_heads) * shape.width;
    packed = packed && shape.queries == shape.keys;
    for (int a = 0; a < ARRAYS; a++) {
        size_t row = packed && a <= V ? packed_row : heads_of(&shape, a) * (shape.width + gap);
        p.counts[a] = shape.batch * positions_of(&shape, a) * row;
        p.memory[a] = packed && (a == K || a == V) ? NULL : malloc((p.counts[a] + 1) * sizeof(float));
        for (size_t i = 0; p.memory[a] && i < p.counts[a]; i++) {
            p.memory[a][i] = normal();
        }
        p.arrays[a] = (mote_attention_array){p.memory[a], (ptrdiff_t)(positions_of(&shape, a) * row), (ptrdiff_t)row,
                                             (ptrdiff_t)(shape.width + gap)};
        if (packed && (a == K || a == V)) {
            p.counts[a] = 0;
            p.arrays[a].values = p.memory[Q] + (a == K ? shape.heads : shape.heads + shape.key_heads) * shape.width;
        }
    }
    p.logsumexp = malloc((shape.batch * shape.heads * shape.queries + 1) * sizeof(float));
    if (segments) {
        size_t bytes = shape.batch * shape.queries * sizeof *segments;
        p.segments = malloc(bytes + 1);
        memcpy(p.segments, segments, bytes);
        p.shape.segments = p.segments;
    }
    return p;
}

static inline void drop(problem *p)
{
    for (int a = 0; a < ARRAYS; a++) {
        free(p->memory[a]);
    }
    free(p->logsumexp);
    free(p->segments);
}

static inline void run(mote_context *context, const mote_policy *policy, const problem *p, bool backward)
{
    const mote_attention_array *a = p->arrays;
    unit_ok(context, mote_attention(context, policy, &p->shape, &a[Q], &a[K], &a[V], &a[Y], p->logsumexp));
    if (backward) {
        unit_ok(context, mote_attention_backward(context, policy, &p->shape, &a[Q], &a[K], &a[V], &a[Y], p->logsumexp,
                                                 &a[DY], &a[DQ], &a[DK], &a[DV]));
    }
}

#endif
