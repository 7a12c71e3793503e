/* Problems of attention with biases and a gate for the unit tests: dense arrays, biases of any broadcast shape. */
#ifndef TESTS_UNIT_EVOFORMER_H
#define TESTS_UNIT_EVOFORMER_H

#include <math.h>

#include "attention_problem.h"

enum { E_Q, E_K, E_V, E_Y, E_DY, E_DQ, E_DK, E_DV, E_GATE, E_DGATE, E_ARRAYS, E_BIASES = 10 };
static const char *const evo_names[E_ARRAYS] = {"q", "k", "v", "y", "dy", "dq", "dk", "dv", "gate", "dgate"};

typedef struct evo {
    mote_evoformer_shape shape;
    bool gated;
    int count;
    mote_evoformer_bias biases[E_BIASES];
    float *values[E_BIASES]; /* of biases, which gradients lie behind */
    float *arrays[E_ARRAYS], *statistics;
} evo;

static inline size_t evo_batch(const mote_evoformer_shape *s)
{
    size_t batch = 1;
    for (int d = 0; d < s->rank; d++) {
        batch *= s->leading[d];
    }
    return batch;
}

static inline size_t evo_count(const evo *p, int array)
{
    const mote_evoformer_shape *s = &p->shape;
    return evo_batch(s) * s->heads * s->width * (of_keys(array) && array < E_GATE ? s->keys : s->queries);
}

static inline size_t evo_rows(const evo *p) { return evo_batch(&p->shape) * p->shape.heads * p->shape.queries; }

static inline size_t evo_bias_count(const mote_evoformer_bias *b)
{
    size_t count = 1;
    for (int d = 0; d < b->rank; d++) {
        count *= b->shape[d];
    }
    return count;
}

static inline bool evo_is_result(int array)
{
    return array == E_Y || array == E_DGATE || (array >= E_DQ && array <= E_DV);
}

/* The place in a bias of an element of [leading..., heads, queries, keys]. */
static inline size_t evo_place(const mote_evoformer_shape *s, const mote_evoformer_bias *b, size_t batch, size_t h,
                               size_t i, size_t j)
{
    size_t whole[MOTE_EVOFORMER_RANK], index[MOTE_EVOFORMER_RANK], place = 0;
    int rank = s->rank + 3;
    memcpy(whole, s->leading, sizeof s->leading);
    whole[rank - 3] = s->heads;
    whole[rank - 2] = s->queries;
    whole[rank - 1] = s->keys;
    index[rank - 3] = h;
    index[rank - 2] = i;
    index[rank - 1] = j;
    for (int d = rank - 4; d >= 0; d--) {
        index[d] = batch % whole[d];
        batch /= whole[d];
    }
    for (int d = 0; d < b->rank; d++) {
        place = place * b->shape[d] + (b->shape[d] > 1 ? index[rank - b->rank + d] : 0);
    }
    return place;
}

/* The bias over the last rank dimensions, those of mask: bit d for dimension number d from the last. */
static inline void evo_add_bias(evo *p, int rank, unsigned mask)
{
    mote_evoformer_bias *b = &p->biases[p->count];
    const size_t last[] = {p->shape.keys, p->shape.queries, p->shape.heads};
    *b = (mote_evoformer_bias){.rank = rank};
    for (int d = 0; d < rank; d++) {
        size_t whole = d < 3 ? last[d] : p->shape.leading[p->shape.rank + 2 - d];
        b->shape[rank - 1 - d] = mask >> d & 1 ? whole : 1;
    }
    size_t count = evo_bias_count(b);
    float *values = malloc((2 * count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] = 2 * normal();
    }
    p->values[p->count++] = values;
    b->values = values;
    b->gradient = values + count;
}

static inline evo evo_make(mote_evoformer_shape shape, bool gated)
{
    evo p = {.shape = shape, .gated = gated};
    for (int a = 0; a < E_ARRAYS; a++) {
        size_t count = evo_count(&p, a);
        p.arrays[a] = malloc((count + 1) * sizeof(float));
        for (size_t i = 0; i < count; i++) {
            p.arrays[a][i] = normal() * (a == E_GATE ? 3 : 1);
        }
    }
    p.statistics = calloc(2 * evo_rows(&p) + 1, sizeof(float));
    return p;
}

/* The same inputs, other memory for results. */
static inline evo evo_twin(const evo *p)
{
    evo t = *p;
    for (int a = 0; a < E_ARRAYS; a++) {
        t.arrays[a] = malloc((evo_count(p, a) + 1) * sizeof(float));
        memcpy(t.arrays[a], p->arrays[a], evo_count(p, a) * sizeof(float));
    }
    for (int i = 0; i < p->count; i++) {
        size_t count = evo_bias_count(&p->biases[i]);
        t.values[i] = malloc((2 * count + 1) * sizeof(float));
        memcpy(t.values[i], p->values[i], 2 * count * sizeof(float));
        t.biases[i].values = t.values[i];
        t.biases[i].gradient = p->biases[i].gradient ? t.values[i] + count : NULL;
    }
    t.statistics = calloc(2 * evo_rows(p) + 1, sizeof(float));
    return t;
}

static inline void evo_drop(evo *p)
{
    for (int a = 0; a < E_ARRAYS; a++) {
        free(p->arrays[a]);
    }
    for (int i = 0; i < p->count; i++) {
        free(p->values[i]);
    }
    free(p->statistics);
}

static inline mote_status evo_forward(mote_context *context, const mote_policy *policy, const evo *p)
{
    float *const *a = p->arrays;
    return mote_evoformer_attention(context, policy, &p->shape, a[E_Q], a[E_K], a[E_V], p->count, p->biases,
                                    p->gated ? a[E_GATE] : NULL, a[E_Y], p->statistics);
}

static inline mote_status evo_backward(mote_context *context, const mote_policy *policy, const evo *p)
{
    float *const *a = p->arrays;
    return mote_evoformer_attention_backward(context, policy, &p->shape, a[E_Q], a[E_K], a[E_V], p->count, p->biases,
                                             p->gated ? a[E_GATE] : NULL, a[E_Y], p->statistics, a[E_DY], a[E_DQ],
                                             a[E_DK], a[E_DV], p->gated ? a[E_DGATE] : NULL);
}

static inline void evo_run(mote_context *context, const mote_policy *policy, const evo *p)
{
    unit_ok(context, evo_forward(context, policy, p));
    unit_ok(context, evo_backward(context, policy, p));
}

#endif
