/* Biases: places, additions, gradients, the order of heads. */
#include "kernels/attention/bias.h"

/* A bias's size in dimension number i from the last: keys, queries, heads, then the leading ones. */
static size_t size_of(const mote_evoformer_bias *b, int i) { return i < b->rank ? b->shape[b->rank - 1 - i] : 1; }

static size_t leading_of(const mote_evoformer_shape *s, int i) { return s->leading[s->rank - 1 - i]; }

static bool over_both(const mote_evoformer_bias *b) { return size_of(b, 0) > 1 && size_of(b, 1) > 1; }

static bool over_queries(const mote_evoformer_bias *b) { return size_of(b, 0) == 1 && size_of(b, 1) > 1; }

/* Where a head's part begins, and the steps from query to query and from key to key. */
typedef struct place {
    ptrdiff_t start, row, step;
} place;

static place place_of(const mote_evoformer_shape *s, const mote_evoformer_bias *b, size_t batch, size_t head)
{
    place p = {.step = size_of(b, 0) > 1, .row = size_of(b, 1) > 1 ? (ptrdiff_t)size_of(b, 0) : 0};
    ptrdiff_t stride = (ptrdiff_t)(size_of(b, 0) * size_of(b, 1));
    p.start = size_of(b, 2) > 1 ? (ptrdiff_t)head * stride : 0;
    stride *= (ptrdiff_t)size_of(b, 2);
    for (int i = 3; i < b->rank; i++) {
        size_t size = leading_of(s, i - 3);
        if (size_of(b, i) > 1) {
            p.start += (ptrdiff_t)(batch % size) * stride;
        }
        batch /= size;
        stride *= (ptrdiff_t)size_of(b, i);
    }
    return p;
}

void mote_attention_add(const mote_attention_job *j, const mote_attention_part *part, const float *shifts,
                        float *scores)
{
    enum { TOGETHER = 8 };
    const mote_attention_added *a = j->added;
    mote_attention_bias biases[TOGETHER];
    for (int first = 0; first == 0 || first < a->count; first += TOGETHER) {
        int count = a->count - first < TOGETHER ? a->count - first : TOGETHER;
        for (int i = 0; i < count; i++) {
            const mote_evoformer_bias *b = &a->biases[first + i];
            place p = place_of(a->shape, b, part->batch, part->head);
            const float *values = b->values + p.start + (ptrdiff_t)part->query * p.row + (ptrdiff_t)part->key * p.step;
            biases[i] = (mote_attention_bias){values, p.row, p.step};
        }
        j->kernels->attention_add_biases((int)part->rows, part->keys, first ? 1 : j->scale, count, biases,
                                         first + TOGETHER >= a->count, shifts, scores);
    }
}

void mote_attention_gather(const mote_attention_job *j, const mote_attention_part *part, const float *ds, size_t stride)
{
    for (int i = 0; i < j->added->count; i++) {
        const mote_evoformer_bias *b = &j->added->biases[i];
        if (b->gradient && over_both(b)) {
            place p = place_of(j->added->shape, b, part->batch, part->head);
            float *to = b->gradient + p.start + (ptrdiff_t)part->query * p.row + (ptrdiff_t)part->key * p.step;
            j->kernels->attention_gather_bias((int)part->rows, part->keys, ds, stride, to, p.row, p.step);
        }
    }
}

void mote_attention_gather_lines(const mote_attention_job *j, size_t batch, size_t head, const float *columns,
                                 const float *rows)
{
    const mote_evoformer_shape *s = j->added->shape;
    for (int i = 0; i < j->added->count; i++) {
        const mote_evoformer_bias *b = &j->added->biases[i];
        if (b->gradient && !over_both(b)) {
            place p = place_of(s, b, batch, head);
            bool queries = over_queries(b);
            j->kernels->attention_gather_bias(1, queries ? s->queries : s->keys, queries ? rows : columns, 0,
                                              b->gradient + p.start, 0, queries ? p.row : p.step);
        }
    }
}

mote_attention_wanted mote_attention_wants(int count, const mote_evoformer_bias *biases)
{
    mote_attention_wanted w = {0};
    for (int i = 0; i < count; i++) {
        if (biases[i].gradient) {
            bool both = over_both(&biases[i]), queries = over_queries(&biases[i]);
            w.both |= both;
            w.rows |= queries;
            w.columns |= !both && !queries;
        }
    }
    return w;
}

/* True if a bias over queries and keys is the same for all of dimension number i from the last. */
static bool is_shared(const mote_attention_added *a, int i, bool owned)
{
    for (int n = 0; n < a->count; n++) {
        const mote_evoformer_bias *b = &a->biases[n];
        if (over_both(b) && size_of(b, i) == 1 && (b->gradient || !owned)) {
            return true;
        }
    }
    return false;
}

mote_attention_plan mote_attention_plan_of(const mote_attention_added *added, bool owned)
{
    const mote_evoformer_shape *s = added->shape;
    mote_attention_plan plan = {.units = 1, .walk = 1};
    for (int shared = 0; shared < 2; shared++) {
        for (int d = 0; d <= s->rank; d++) {
            size_t size = d < s->rank ? s->leading[d] : s->heads, step = d < s->rank ? s->heads : 1;
            for (int later = d + 1; later < s->rank; later++) {
                step *= s->leading[later];
            }
            if (size == 1 || is_shared(added, s->rank + 2 - d, owned) != shared) {
                continue;
            }
            plan.sizes[plan.axes] = size;
            plan.steps[plan.axes++] = step;
            plan.units *= size;
            plan.walk *= owned && shared ? size : 1;
        }
    }
    return plan;
}

size_t mote_attention_plan_unit(const mote_attention_plan *plan, size_t unit)
{
    size_t place_in_all = 0;
    for (int i = plan->axes - 1; i >= 0; i--) {
        place_in_all += unit % plan->sizes[i] * plan->steps[i];
        unit /= plan->sizes[i];
    }
    return place_in_all;
}
