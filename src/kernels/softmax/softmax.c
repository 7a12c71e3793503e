/* Softmax and cross entropy of whole matrices: rows are independent. */
#include "base/parallel.h"
#include "kernels/kernels.h"

/* A task takes rows of about this many values. */
enum { PIECE = 1 << 13 };

typedef struct softmax_job {
    const mote_kernels *kernels;
    size_t rows, columns, piece; /* piece: rows of a task */
    const float *x, *dy, *logsumexps;
    const int32_t *targets;
    float scale;
    float *y, *losses;
} softmax_job;

static void run(const mote_context *context, softmax_job *job, mote_task *task)
{
    job->kernels = context->kernels;
    job->piece = job->columns < PIECE ? PIECE / (job->columns ? job->columns : 1) : 1;
    mote_parallel_for(context, mote_size_divide_up(job->rows, job->piece), task, job);
}

static void softmax_task(void *argument, size_t index, void *scratch)
{
    const softmax_job *j = argument;
    size_t end = mote_size_min(j->rows, (index + 1) * j->piece);
    (void)scratch;
    for (size_t r = index * j->piece; r < end; r++) {
        j->kernels->softmax_row(j->columns, j->x + r * j->columns, j->y + r * j->columns);
    }
}

void mote_softmax(const mote_context *context, size_t rows, size_t columns, const float *x, float *y)
{
    softmax_job job = {.rows = rows, .columns = columns, .x = x, .y = y};
    run(context, &job, softmax_task);
}

static void softmax_backward_task(void *argument, size_t index, void *scratch)
{
    const softmax_job *j = argument;
    size_t end = mote_size_min(j->rows, (index + 1) * j->piece);
    (void)scratch;
    for (size_t r = index * j->piece; r < end; r++) {
        size_t at = r * j->columns;
        j->kernels->softmax_row_gradient(j->columns, j->x + at, j->dy + at, j->y + at);
    }
}

void mote_softmax_backward(const mote_context *context, size_t rows, size_t columns, const float *y, const float *dy,
                           float *dx)
{
    softmax_job job = {.rows = rows, .columns = columns, .x = y, .dy = dy, .y = dx};
    run(context, &job, softmax_backward_task);
}

static bool has_target(const softmax_job *j, size_t row)
{
    return j->targets[row] >= 0 && (size_t)j->targets[row] < j->columns;
}

static void cross_entropy_task(void *argument, size_t index, void *scratch)
{
    const softmax_job *j = argument;
    size_t end = mote_size_min(j->rows, (index + 1) * j->piece);
    (void)scratch;
    for (size_t r = index * j->piece; r < end; r++) {
        const float *logits = j->x + r * j->columns;
        j->y[r] = j->kernels->logsumexp_row(j->columns, logits);
        float loss = has_target(j, r) ? j->y[r] - logits[j->targets[r]] : 0;
        j->losses[r] = loss == loss ? loss : mote_bits_float(MOTE_FP32_NAN);
    }
}

void mote_cross_entropy(const mote_context *context, size_t rows, size_t columns, const float *logits,
                        const int32_t *targets, float *losses, float *logsumexps)
{
    softmax_job job = {
        .rows = rows, .columns = columns, .x = logits, .targets = targets, .losses = losses, .y = logsumexps};
    run(context, &job, cross_entropy_task);
}

static void cross_entropy_backward_task(void *argument, size_t index, void *scratch)
{
    const softmax_job *j = argument;
    size_t end = mote_size_min(j->rows, (index + 1) * j->piece);
    (void)scratch;
    for (size_t r = index * j->piece; r < end; r++) {
        size_t at = r * j->columns;
        if (has_target(j, r)) {
            j->kernels->cross_entropy_row_gradient(j->columns, j->x + at, j->logsumexps[r], (size_t)j->targets[r],
                                                   j->scale, j->y + at);
        } else {
            memset(j->y + at, 0, j->columns * sizeof *j->y);
        }
    }
}

void mote_cross_entropy_backward(const mote_context *context, size_t rows, size_t columns, const float *logits,
                                 const float *logsumexps, const int32_t *targets, float scale, float *dlogits)
{
    softmax_job job = {.rows = rows,
                       .columns = columns,
                       .x = logits,
                       .logsumexps = logsumexps,
                       .targets = targets,
                       .scale = scale,
                       .y = dlogits};
    run(context, &job, cross_entropy_backward_task);
}
