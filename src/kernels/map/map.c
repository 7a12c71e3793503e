/* Whole arrays: cut into pieces, handed to threads. A value depends on nothing but its own arguments, so the cut may
 * follow what is fast. */
#include "base/parallel.h"
#include "kernels/kernels.h"

/* Values of a piece; arrays below SERIAL are not worth waking threads for. */
enum { PIECE = 1 << 14, SERIAL = 1 << 16 };

typedef struct map_job {
    const mote_kernels *kernels;
    size_t count, piece;
    int op;
    const float *a, *b, *c;
    size_t a_step, b_step;
    float *y, *z;
    uint64_t seed, position;
    uint32_t threshold;
    float scale;
} map_job;

static void run(const mote_context *context, map_job *job, mote_task *task)
{
    job->kernels = context->kernels;
    job->piece = job->count < SERIAL ? SERIAL : PIECE;
    mote_parallel_for(context, mote_size_divide_up(job->count, job->piece), task, job);
}

static size_t piece_of(const map_job *j, size_t index, size_t *begin)
{
    *begin = index * j->piece;
    return mote_size_min(j->piece, j->count - *begin);
}

static void unary_task(void *argument, size_t index, void *scratch)
{
    const map_job *j = argument;
    size_t begin, count = piece_of(j, index, &begin);
    (void)scratch;
    j->kernels->map_unary((mote_unary)j->op, count, j->a + begin, j->y + begin);
}

void mote_map_unary(const mote_context *context, mote_unary op, size_t count, const float *x, float *y)
{
    map_job job = {.op = (int)op, .count = count, .a = x, .y = y};
    run(context, &job, unary_task);
}

static void unary_gradient_task(void *argument, size_t index, void *scratch)
{
    const map_job *j = argument;
    size_t begin, count = piece_of(j, index, &begin);
    (void)scratch;
    j->kernels->map_unary_gradient((mote_unary)j->op, count, j->a + begin, j->b + begin, j->y + begin);
}

void mote_map_unary_gradient(const mote_context *context, mote_unary op, size_t count, const float *x, const float *dy,
                             float *dx)
{
    map_job job = {.op = (int)op, .count = count, .a = x, .b = dy, .y = dx};
    run(context, &job, unary_gradient_task);
}

static void binary_task(void *argument, size_t index, void *scratch)
{
    const map_job *j = argument;
    size_t begin, count = piece_of(j, index, &begin);
    (void)scratch;
    j->kernels->map_binary((mote_binary)j->op, count, j->a + begin * j->a_step, j->a_step, j->b + begin * j->b_step,
                           j->b_step, j->y + begin);
}

void mote_map_binary(const mote_context *context, mote_binary op, size_t count, const float *a, size_t a_step,
                     const float *b, size_t b_step, float *y)
{
    map_job job = {.op = (int)op, .count = count, .a = a, .a_step = a_step, .b = b, .b_step = b_step, .y = y};
    run(context, &job, binary_task);
}

static void swiglu_task(void *argument, size_t index, void *scratch)
{
    const map_job *j = argument;
    size_t begin, count = piece_of(j, index, &begin);
    (void)scratch;
    j->kernels->swiglu(count, j->a + begin, j->b + begin, j->y + begin);
}

void mote_swiglu(const mote_context *context, size_t count, const float *gate, const float *up, float *y)
{
    map_job job = {.count = count, .a = gate, .b = up, .y = y};
    run(context, &job, swiglu_task);
}

static void swiglu_gradient_task(void *argument, size_t index, void *scratch)
{
    const map_job *j = argument;
    size_t begin, count = piece_of(j, index, &begin);
    (void)scratch;
    j->kernels->swiglu_gradient(count, j->a + begin, j->b + begin, j->c + begin, j->y + begin, j->z + begin);
}

void mote_swiglu_gradient(const mote_context *context, size_t count, const float *gate, const float *up,
                          const float *dy, float *dgate, float *dup)
{
    map_job job = {.count = count, .a = gate, .b = up, .c = dy, .y = dgate, .z = dup};
    run(context, &job, swiglu_gradient_task);
}

static void dropout_task(void *argument, size_t index, void *scratch)
{
    const map_job *j = argument;
    size_t begin, count = piece_of(j, index, &begin);
    (void)scratch;
    j->kernels->dropout(count, j->seed, j->position + begin, j->threshold, j->scale, j->a + begin, j->y + begin);
}

void mote_dropout(const mote_context *context, size_t count, uint64_t seed, uint64_t position, uint32_t threshold,
                  float scale, const float *x, float *y)
{
    map_job job = {
        .count = count, .seed = seed, .position = position, .threshold = threshold, .scale = scale, .a = x, .y = y};
    run(context, &job, dropout_task);
}
