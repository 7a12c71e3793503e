/* Attention with biases and a gate: the public calls, and what they need beside attention's. */
#include "kernels/attention/bias.h"

enum { LINES_BYTES = 2 << 20, LINES_LEAST = 16 }; /* of sums of dS by key and by query: a round's */

static mote_attention_shape plain_shape(const mote_evoformer_shape *s)
{
    mote_attention_shape shape = {.batch = 1,
                                  .queries = s->queries,
                                  .keys = s->keys,
                                  .heads = s->heads,
                                  .key_heads = s->heads,
                                  .width = s->width,
                                  .scale = s->scale};
    for (int d = 0; d < s->rank; d++) {
        shape.batch *= s->leading[d];
    }
    return shape;
}

static mote_status check_leading(mote_context *context, const mote_evoformer_shape *s)
{
    if (s->rank < 0 || s->rank > MOTE_EVOFORMER_LEADING) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "leading dimensions: expected 0 to %d, found %d",
                         MOTE_EVOFORMER_LEADING, s->rank);
    }
    size_t batch = 1;
    for (int d = 0; d < s->rank; d++) {
        if (!mote_size_multiply(batch, s->leading[d], &batch)) {
            return mote_fail(context, MOTE_ERROR_SHAPE, "leading dimension %d: %zu is too large", d, s->leading[d]);
        }
    }
    return MOTE_OK;
}

/* The whole size of dimension number i from the last of what biases are added to. */
static size_t whole_size(const mote_evoformer_shape *s, int i)
{
    return i == 0 ? s->keys : i == 1 ? s->queries : i == 2 ? s->heads : s->leading[s->rank + 2 - i];
}

static mote_status check_biases(mote_context *context, const mote_evoformer_shape *s, int count,
                                const mote_evoformer_bias *biases)
{
    if (count < 0 || (count > 0 && !biases)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "biases: expected an array of %d, found NULL", count);
    }
    for (int n = 0; n < count; n++) {
        const mote_evoformer_bias *b = &biases[n];
        if (b->rank < 0 || b->rank > s->rank + 3) {
            return mote_fail(context, MOTE_ERROR_SHAPE, "bias %d: expected at most %d dimensions, found %d", n,
                             s->rank + 3, b->rank);
        }
        size_t values = 1;
        for (int d = 0; d < b->rank; d++) {
            size_t whole = whole_size(s, b->rank - 1 - d);
            if (b->shape[d] != 1 && b->shape[d] != whole) {
                return mote_fail(context, MOTE_ERROR_SHAPE, "bias %d, dimension %d: expected 1 or %zu, found %zu", n, d,
                                 whole, b->shape[d]);
            }
            if (!mote_size_multiply(values, b->shape[d], &values) || values > PTRDIFF_MAX / sizeof(float)) {
                return mote_fail(context, MOTE_ERROR_SHAPE, "bias %d: too large", n);
            }
        }
        if (!b->values && values) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "bias %d: values is NULL", n);
        }
    }
    return MOTE_OK;
}

static size_t value_count(const mote_evoformer_bias *b)
{
    size_t count = 1;
    for (int d = 0; d < b->rank; d++) {
        count *= b->shape[d];
    }
    return count;
}

/* Floats of a line of sums, and lines of a round. */
static size_t line_length(const mote_attention_shape *s, mote_attention_wanted wanted)
{
    return (wanted.columns ? s->keys : 0) + (wanted.rows ? s->queries : 0);
}

static size_t line_count(const mote_attention_shape *s, mote_attention_wanted wanted)
{
    size_t units = s->batch * s->heads, length = line_length(s, wanted);
    if (length == 0) {
        return units;
    }
    size_t most = LINES_BYTES / sizeof(float) / length;
    return mote_size_min(units, most > LINES_LEAST ? most : LINES_LEAST);
}

/* The workspace: each thread's, deltas where products are narrow, lines of sums. */
static size_t deltas_count(const mote_policy *policy, const mote_attention_shape *s)
{
    bool narrow = policy->backward_gradient != MOTE_FP32 || policy->forward_activation != MOTE_FP32;
    return narrow ? s->batch * s->heads * s->queries : 0;
}

static size_t workspace_bytes(const mote_context *context, const mote_policy *policy, const mote_attention_shape *s,
                              mote_attention_wanted wanted, bool backward)
{
    if (!backward) {
        return mote_attention_forward_bytes(s) * (size_t)context->threads;
    }
    size_t length = line_length(s, wanted), lines = length ? line_count(s, wanted) * length : 0;
    return mote_attention_backward_bytes(s, true) * (size_t)context->threads +
           (deltas_count(policy, s) + lines) * sizeof(float);
}

size_t mote_evoformer_workspace(const mote_context *context, const mote_policy *policy,
                                const mote_evoformer_shape *shape, int bias_count, const mote_evoformer_bias *biases,
                                int backward)
{
    if (shape->rank < 0 || shape->rank > MOTE_EVOFORMER_LEADING) {
        return 0;
    }
    mote_attention_shape plain = plain_shape(shape);
    bool refused = mote_attention_workspace(context, &plain, backward) == 0;
    return refused ? 0 : workspace_bytes(context, policy, &plain, mote_attention_wants(bias_count, biases), backward);
}

/* A dense array [batch, positions, heads, width]. */
static mote_attention_array dense(const mote_attention_shape *s, const float *values, size_t positions)
{
    ptrdiff_t row = (ptrdiff_t)(s->heads * s->width);
    return (mote_attention_array){(float *)(uintptr_t)values, (ptrdiff_t)positions * row, row, (ptrdiff_t)s->width};
}

/* An array of a call. */
typedef struct argument {
    const char *name;
    const float *values;
    bool of_keys;
    mote_attention_array *to;
} argument;

static mote_status open_call(mote_context *context, const mote_policy *policy, const mote_evoformer_shape *shape,
                             bool backward, int count, const argument *arguments, mote_attention_shape *plain,
                             mote_attention_job *j)
{
    mote_status status = check_leading(context, shape);
    if (status != MOTE_OK) {
        return status;
    }
    *plain = plain_shape(shape);
    status = mote_attention_open(context, policy, plain, backward, j);
    size_t row = plain->batch * plain->heads;
    for (int i = 0; i < count && status == MOTE_OK; i++) {
        size_t positions = arguments[i].of_keys ? plain->keys : plain->queries;
        *arguments[i].to = dense(plain, arguments[i].values, positions);
        if (!arguments[i].values && row > 0 && positions > 0) {
            status = mote_fail(context, MOTE_ERROR_ARGUMENT, "%s is NULL", arguments[i].name);
        }
    }
    return status == MOTE_OK ? check_biases(context, shape, j->added->count, j->added->biases) : status;
}

mote_status mote_evoformer_attention(mote_context *context, const mote_policy *policy,
                                     const mote_evoformer_shape *shape, const float *q, const float *k, const float *v,
                                     int bias_count, const mote_evoformer_bias *biases, const float *gate, float *y,
                                     float *statistics)
{
    mote_attention_shape plain;
    mote_attention_added added = {.shape = shape, .count = bias_count, .biases = biases, .statistics = statistics};
    mote_attention_job j = {.added = &added};
    const argument arguments[] = {
        {"q", q, false, &j.q}, {"k", k, true, &j.k}, {"v", v, true, &j.v}, {"y", y, false, &j.y}};
    mote_status status = open_call(context, policy, shape, false, 4, arguments, &plain, &j);
    if (status != MOTE_OK) {
        return status;
    }
    added.gate = dense(&plain, gate, plain.queries);
    added.plan = mote_attention_plan_of(&added, false);
    size_t bytes = workspace_bytes(context, policy, &plain, (mote_attention_wanted){0}, false);
    return mote_attention_start(context, false, bytes, &j);
}

/* Gradients that sums are added to, or that nothing is. */
static void clear_gradients(const mote_attention_added *a, const mote_attention_shape *s)
{
    for (int i = 0; i < a->count; i++) {
        if (a->biases[i].gradient) {
            memset(a->biases[i].gradient, 0, value_count(&a->biases[i]) * sizeof(float));
        }
    }
    if (a->dgate.values && s->keys == 0) {
        memset(a->dgate.values, 0, s->batch * s->queries * s->heads * s->width * sizeof(float));
    }
}

mote_status mote_evoformer_attention_backward(mote_context *context, const mote_policy *policy,
                                              const mote_evoformer_shape *shape, const float *q, const float *k,
                                              const float *v, int bias_count, const mote_evoformer_bias *biases,
                                              const float *gate, const float *y, const float *statistics,
                                              const float *dy, float *dq, float *dk, float *dv, float *dgate)
{
    mote_attention_shape plain;
    mote_attention_added added = {.shape = shape,
                                  .count = bias_count,
                                  .biases = biases,
                                  .statistics = (float *)(uintptr_t)statistics}; /* only read */
    mote_attention_job j = {.added = &added};
    mote_attention_array rows; /* for its check */
    const argument arguments[] = {
        {"q", q, false, &j.q},   {"k", k, true, &j.k},     {"v", v, true, &j.v},
        {"y", y, false, &j.y},   {"dy", dy, false, &j.dy}, {"dq", dq, false, &j.dq},
        {"dk", dk, true, &j.dk}, {"dv", dv, true, &j.dv},  {"statistics", statistics, false, &rows}};
    mote_status status = open_call(context, policy, shape, true, 9, arguments, &plain, &j);
    if (status != MOTE_OK) {
        return status;
    }
    mote_attention_wanted wanted = mote_attention_wants(bias_count, biases);
    size_t bytes = workspace_bytes(context, policy, &plain, wanted, true);
    if (!mote_workspace(context, bytes)) {
        return MOTE_ERROR_MEMORY;
    }
    float *lines =
        (float *)(void *)(context->workspace + mote_attention_backward_bytes(&plain, true) * (size_t)context->threads);
    lines += deltas_count(policy, &plain);
    added.gate = dense(&plain, gate, plain.queries);
    added.dgate = dense(&plain, gate ? dgate : NULL, plain.queries);
    added.owned = wanted.both;
    added.plan = mote_attention_plan_of(&added, added.owned);
    added.round = line_count(&plain, wanted);
    added.columns = wanted.columns ? lines : NULL;
    added.rows = wanted.rows ? lines + (wanted.columns ? added.round * plain.keys : 0) : NULL;
    clear_gradients(&added, &plain);
    return mote_attention_start(context, true, bytes, &j);
}
