/* The public calls: everything is checked here, once. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "kernels/attention/attention.h"
#include "kernels/gemm/linear.h"
#include "kernels/gemm/operand.h"

enum { WIDTH_MOST = MOTE_GEMM_SEGMENT };

/* Numbers for random sequences: a linear layer's operands have the first six. */
enum { FIRST_NUMBER = 6 };

static mote_status check_shape(mote_context *context, const mote_attention_shape *s)
{
    size_t queries, keys, scores;
    if (s->width < 1 || s->width > WIDTH_MOST) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "width of a head: expected 1 to %d, found %zu", WIDTH_MOST,
                         s->width);
    }
    if (s->key_heads == 0 ? s->heads > 0 : s->heads % s->key_heads > 0) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "heads: expected a multiple of key_heads (%zu), found %zu",
                         s->key_heads, s->heads);
    }
    if (s->segments && s->queries != s->keys) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "segments: expected as many queries as keys, found %zu and %zu",
                         s->queries, s->keys);
    }
    bool fits = mote_size_multiply(s->batch, s->heads, &scores) && mote_size_multiply(scores, s->width, &scores) &&
                mote_size_multiply(scores, s->queries, &queries) && mote_size_multiply(scores, s->keys, &keys);
    if (!fits || queries > PTRDIFF_MAX / sizeof(float) || keys > PTRDIFF_MAX / sizeof(float)) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "batch %zu, %zu heads of %zu, %zu queries, %zu keys: too large",
                         s->batch, s->heads, s->width, s->queries, s->keys);
    }
    if (!isfinite(s->scale)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "scale: expected a finite number, found %g", (double)s->scale);
    }
    return MOTE_OK;
}

static mote_status take_array(mote_context *context, const mote_attention_array *array, size_t count, const char *name,
                              mote_attention_array *to)
{
    if (!array || (!array->values && count)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "%s is NULL", name);
    }
    *to = *array;
    return MOTE_OK;
}

void mote_attention_formats(const mote_policy *p, mote_format formats[MOTE_ATTENTION_OPERANDS])
{
    const mote_format all[MOTE_ATTENTION_OPERANDS] = {
        [MOTE_FORWARD_Q] = p->forward_activation,  [MOTE_FORWARD_K] = p->forward_activation,
        [MOTE_FORWARD_P] = p->forward_activation,  [MOTE_FORWARD_V] = p->forward_activation,
        [MOTE_BACKWARD_DY] = p->backward_gradient, [MOTE_BACKWARD_V] = p->forward_activation,
        [MOTE_UPDATE_P] = p->update_activation,    [MOTE_UPDATE_DY] = p->update_gradient,
        [MOTE_BACKWARD_DS] = p->backward_gradient, [MOTE_BACKWARD_K] = p->forward_activation,
        [MOTE_UPDATE_DS] = p->update_gradient,     [MOTE_UPDATE_Q] = p->update_activation,
    };
    memcpy(formats, all, sizeof all);
}

static mote_status open_operands(mote_context *context, const mote_policy *p, int count, mote_attention_job *j)
{
    static const struct {
        const char *name;
        bool gradient;
    } all[MOTE_ATTENTION_OPERANDS] = {
        [MOTE_FORWARD_Q] = {"q", false},
        [MOTE_FORWARD_K] = {"k", false},
        [MOTE_FORWARD_P] = {"probabilities", false},
        [MOTE_FORWARD_V] = {"v", false},
        [MOTE_BACKWARD_DY] = {"dy", true},
        [MOTE_BACKWARD_V] = {"v", false},
        [MOTE_UPDATE_P] = {"probabilities", false},
        [MOTE_UPDATE_DY] = {"dy", true},
        [MOTE_BACKWARD_DS] = {"gradient of the scores", true},
        [MOTE_BACKWARD_K] = {"k", false},
        [MOTE_UPDATE_DS] = {"gradient of the scores", true},
        [MOTE_UPDATE_Q] = {"q", false},
    };
    mote_format formats[MOTE_ATTENTION_OPERANDS];
    mote_attention_formats(p, formats);
    for (int i = 0; i < count; i++) {
        mote_attention_operand *o = &j->operands[i];
        mote_status status = mote_format_check(context, formats[i], all[i].name);
        if (status != MOTE_OK) {
            return status;
        }
        o->format = formats[i];
        o->element = mote_element_get(o->format);
        o->options = mote_policy_options(p, o->format, all[i].gradient, (uint64_t)(FIRST_NUMBER + i));
        status = mote_options_check(context, o->format, &o->options);
        if (status != MOTE_OK) {
            return status;
        }
        o->spec = mote_block_spec_of(o->format, &o->options, 1);
        if (i % 2) {
            mote_attention_kind *k = &j->kinds[i / 2];
            status = mote_formats_check(context, formats[i - 1], o->format, &k->kind);
            if (status != MOTE_OK) {
                return status;
            }
            k->bias = mote_gemm_bias(k->kind, formats[i - 1], o->format);
        }
    }
    return MOTE_OK;
}

mote_status mote_attention_open(mote_context *context, const mote_policy *policy, const mote_attention_shape *shape,
                                bool backward, mote_attention_job *j)
{
    mote_status status = check_shape(context, shape);
    status = status == MOTE_OK ? mote_attention_check_segments(context, shape) : status;
    if (status != MOTE_OK) {
        return status;
    }
    j->context = context;
    j->kernels = context->kernels;
    j->shape = shape;
    j->scale = shape->scale != 0 ? shape->scale : (float)(1 / sqrt((double)shape->width));
    j->binary_scale = (float)((double)j->scale * 1.4426950408889634 /* log2 e */);
    return open_operands(context, policy, backward ? MOTE_ATTENTION_OPERANDS : MOTE_BACKWARD_DY, j);
}

/* Runs the passes in bytes of workspace. */
mote_status mote_attention_start(mote_context *context, bool backward, size_t bytes, mote_attention_job *j)
{
    if (!mote_workspace(context, bytes)) {
        return MOTE_ERROR_MEMORY;
    }
    j->thread_bytes =
        backward ? mote_attention_backward_bytes(j->shape, j->added) : mote_attention_forward_bytes(j->shape);
    j->narrow = j->operands[MOTE_BACKWARD_DY].format != MOTE_FP32 || j->operands[MOTE_BACKWARD_V].format != MOTE_FP32;
    if (backward && (j->narrow || !j->added)) {
        size_t rows = j->shape->batch * j->shape->heads * j->shape->queries;
        j->deltas = (float *)(void *)(context->workspace + (size_t)context->threads * j->thread_bytes);
        memset(j->deltas, 0, j->narrow ? rows * sizeof *j->deltas : 0); /* they are added up, not written */
    }
    if (backward) {
        mote_attention_backward_run(j);
    } else {
        mote_attention_forward_run(j);
    }
    return MOTE_OK;
}

mote_status mote_attention(mote_context *context, const mote_policy *policy, const mote_attention_shape *shape,
                           const mote_attention_array *q, const mote_attention_array *k, const mote_attention_array *v,
                           const mote_attention_array *y, float *logsumexp)
{
    mote_attention_job j = {.logsumexp = logsumexp};
    mote_status status = mote_attention_open(context, policy, shape, false, &j);
    size_t queries = shape->batch * shape->heads * shape->queries, keys = shape->batch * shape->key_heads * shape->keys;
    status = status == MOTE_OK ? take_array(context, q, queries, "q", &j.q) : status;
    status = status == MOTE_OK ? take_array(context, k, keys, "k", &j.k) : status;
    status = status == MOTE_OK ? take_array(context, v, keys, "v", &j.v) : status;
    status = status == MOTE_OK ? take_array(context, y, queries, "y", &j.y) : status;
    return status == MOTE_OK ? mote_attention_start(context, false, mote_attention_workspace(context, shape, false), &j)
                             : status;
}

mote_status mote_attention_backward(mote_context *context, const mote_policy *policy, const mote_attention_shape *shape,
                                    const mote_attention_array *q, const mote_attention_array *k,
                                    const mote_attention_array *v, const mote_attention_array *y,
                                    const float *logsumexp, const mote_attention_array *dy,
                                    const mote_attention_array *dq, const mote_attention_array *dk,
                                    const mote_attention_array *dv)
{
    mote_attention_job j = {.logsumexp = (float *)(uintptr_t)logsumexp}; /* only read */
    mote_status status = mote_attention_open(context, policy, shape, true, &j);
    size_t queries = shape->batch * shape->heads * shape->queries, keys = shape->batch * shape->key_heads * shape->keys;
    const struct {
        const mote_attention_array *array;
        size_t count;
        const char *name;
        mote_attention_array *to;
    } arrays[] = {{q, queries, "q", &j.q}, {k, keys, "k", &j.k},       {v, keys, "v", &j.v},
                  {y, queries, "y", &j.y}, {dy, queries, "dy", &j.dy}, {dq, queries, "dq", &j.dq},
                  {dk, keys, "dk", &j.dk}, {dv, keys, "dv", &j.dv}};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays && status == MOTE_OK; i++) {
        status = take_array(context, arrays[i].array, arrays[i].count, arrays[i].name, arrays[i].to);
    }
    if (status == MOTE_OK && !logsumexp && queries) {
        status = mote_fail(context, MOTE_ERROR_ARGUMENT, "logsumexp is NULL");
    }
    return status == MOTE_OK ? mote_attention_start(context, true, mote_attention_workspace(context, shape, true), &j)
                             : status;
}

size_t mote_attention_workspace(const mote_context *context, const mote_attention_shape *shape, int backward)
{
    if (shape->width < 1 || shape->width > WIDTH_MOST) {
        return 0;
    }
    size_t rows = shape->batch * shape->heads * shape->queries; /* checked with the arrays, which are larger */
    return backward ? mote_attention_backward_bytes(shape, false) * (size_t)context->threads + rows * sizeof(float)
                    : mote_attention_forward_bytes(shape) * (size_t)context->threads;
}

mote_attention_view mote_attention_view_of(const mote_attention_job *j, const mote_attention_array *array,
                                           size_t positions, size_t heads, size_t batch, size_t head, size_t position)
{
    size_t width = j->shape->width;
    const float *values = array->values + (ptrdiff_t)batch * array->batch + (ptrdiff_t)position * array->position +
                          (ptrdiff_t)head * array->head;
    return (mote_attention_view){.values = values,
                                 .stride = array->position,
                                 .position = ((batch * positions + position) * heads + head) * width,
                                 .step = heads * width,
                                 .neighbour = 1};
}

/* ---- tasks ---- */

typedef struct tasks {
    const mote_attention_job *j;
    size_t count;
    mote_attention_task *task;
} tasks;

static void one_task(void *argument, size_t index, void *scratch)
{
    const tasks *t = argument;
    const mote_context *context = t->j->context;
    size_t thread = (size_t)((char *)scratch - context->scratch) / context->scratch_bytes;
    t->task(t->j, index, context->workspace + thread * t->j->thread_bytes, scratch);
}

static void all_tasks(void *argument, size_t index, void *scratch)
{
    const tasks *t = argument;
    (void)index;
    for (size_t i = 0; i < t->count; i++) {
        one_task(argument, i, scratch);
    }
}

void mote_attention_run(const mote_attention_job *j, size_t count, mote_attention_task *task)
{
    enum { SMALL = 1 << 22 }; /* products of elements: some 20 microseconds, not worth waking threads for */
    const mote_attention_shape *s = j->shape;
    tasks t = {j, count, task};
    double work = (double)s->batch * (double)s->heads * (double)s->queries * (double)s->keys * (double)s->width;
    if (work < SMALL) {
        mote_parallel_for(j->context, 1, all_tasks, &t);
    } else {
        mote_parallel_for(j->context, count, one_task, &t);
    }
}
