/* Whole arrays: cut into pieces, handed to threads. A value depends on nothing but its own arguments; sums of squares
 * and blocks are cut by the count alone. */
#include <assert.h>
#include <math.h>

#include "base/parallel.h"
#include "kernels/kernels.h"
#include "kernels/quantize/box.h"

/* Values of a piece; a sum has at most SUMS of them. */
enum { PIECE = 1 << 16, SUMS = 256 };

typedef struct update_job {
    const mote_kernels *kernels;
    size_t count, piece;
    const void *step;
    const float *gradient;
    float *parameter, *m, *v;
    float weight;
    double *sums;
    const mote_adamw_blocks *state;
    uint64_t seed, position;
} update_job;

static void run(const mote_context *context, update_job *job, mote_task *task)
{
    job->kernels = context->kernels;
    job->piece = job->piece ? job->piece : PIECE;
    mote_parallel_for(context, mote_size_divide_up(job->count, job->piece), task, job);
}

static size_t piece_of(const update_job *j, size_t index, size_t *begin)
{
    *begin = index * j->piece;
    return mote_size_min(j->piece, j->count - *begin);
}

/* x^n by squaring: the same on every machine, which pow() need not be. */
static double power(double x, uint64_t n)
{
    double result = 1;
    for (; n; n /= 2, x *= x) {
        result *= n % 2 ? x : 1;
    }
    return result;
}

mote_adamw_step mote_adamw_at(const mote_adamw *adamw, uint64_t t, float multiplier)
{
    return (mote_adamw_step){.multiplier = multiplier,
                             .decay = (float)(1 - adamw->learning_rate * adamw->weight_decay),
                             .weight1 = (float)(1 - adamw->beta1),
                             .beta2 = (float)adamw->beta2,
                             .weight2 = (float)(1 - adamw->beta2),
                             .rate = (float)(adamw->learning_rate / (1 - power(adamw->beta1, t))),
                             .correction = (float)sqrt(1 - power(adamw->beta2, t)),
                             .epsilon = (float)adamw->epsilon};
}

static void adamw_task(void *argument, size_t index, void *scratch)
{
    const update_job *j = argument;
    size_t begin, count = piece_of(j, index, &begin);
    (void)scratch;
    j->kernels->update_adamw(count, j->step, j->gradient + begin, j->parameter + begin, j->m + begin, j->v + begin);
}

void mote_update_adamw(const mote_context *context, size_t count, const mote_adamw_step *step, const float *gradient,
                       float *parameter, float *m, float *v)
{
    update_job job = {.count = count, .step = step, .gradient = gradient, .parameter = parameter, .m = m, .v = v};
    run(context, &job, adamw_task);
}

static void sgd_task(void *argument, size_t index, void *scratch)
{
    const update_job *j = argument;
    size_t begin, count = piece_of(j, index, &begin);
    (void)scratch;
    j->kernels->update_sgd(count, j->step, j->gradient + begin, j->parameter + begin, j->m ? j->m + begin : NULL);
}

void mote_update_sgd(const mote_context *context, size_t count, const mote_sgd_step *step, const float *gradient,
                     float *parameter, float *buffer)
{
    update_job job = {.count = count, .step = step, .gradient = gradient, .parameter = parameter, .m = buffer};
    run(context, &job, sgd_task);
}

static void average_task(void *argument, size_t index, void *scratch)
{
    const update_job *j = argument;
    size_t begin, count = piece_of(j, index, &begin);
    (void)scratch;
    j->kernels->update_average(count, j->weight, j->gradient + begin, j->parameter + begin);
}

void mote_update_average(const mote_context *context, size_t count, float weight, const float *x, float *average)
{
    update_job job = {.count = count, .weight = weight, .gradient = x, .parameter = average};
    run(context, &job, average_task);
}

static void sum_squares_task(void *argument, size_t index, void *scratch)
{
    const update_job *j = argument;
    size_t begin, count = piece_of(j, index, &begin);
    (void)scratch;
    j->sums[index] = j->kernels->sum_squares(count, j->gradient + begin);
}

double mote_sum_squares(const mote_context *context, size_t count, const float *x)
{
    double sums[SUMS] = {0}, total = 0;
    size_t pieces = mote_size_divide_up(count, PIECE);
    update_job job = {
        .count = count, .gradient = x, .sums = sums, .piece = PIECE * mote_size_divide_up(pieces ? pieces : 1, SUMS)};
    run(context, &job, sum_squares_task);
    for (size_t i = 0; i < SUMS; i++) {
        total += sums[i];
    }
    return total;
}

/* A piece of a state in blocks is worked off in chunks that fit the first cache, unpacked. */
enum { CHUNK = 2048 };

typedef struct blocks_scratch {
    float m[CHUNK], v[CHUNK];
    uint32_t random[CHUNK];
} blocks_scratch;

/* m and v are rounded with the same words, the halves exchanged for v: sixteen bits decide all but one case in 65536,
 * so the two are as good as independent at half the cost. */
static void exchange_halves(size_t count, uint32_t *words)
{
    for (size_t i = 0; i < count; i++) {
        words[i] = words[i] << 16 | words[i] >> 16;
    }
}

/* Values begin .. begin + count - 1, begin a whole number of blocks. */
static void blocks_chunk(const update_job *j, size_t begin, size_t count, blocks_scratch *s)
{
    static const mote_quantize_options options = {MOTE_STOCHASTIC, MOTE_SCALE_CEIL, 0};
    const mote_block_spec m_spec = mote_block_spec_of(MOTE_MXINT8, &options, 1);
    const mote_block_spec root_spec = mote_block_spec_of(MOTE_MXFP8_E4M3, &options, 1);
    const mote_kernels *k = j->kernels;
    size_t block = begin / MOTE_MX_BLOCK;
    uint8_t *m = j->state->m_elements + begin, *m_scales = j->state->m_scales + block;
    uint8_t *root = j->state->root_elements + begin, *root_scales = j->state->root_scales + block;
    k->dequantize_rows(&m_spec, count, m, m_scales, s->m);
    k->dequantize_rows(&root_spec, count, root, root_scales, s->v);
    k->map_unary(MOTE_UNARY_SQUARE, count, s->v, s->v);
    k->update_adamw(count, j->step, j->gradient + begin, j->parameter + begin, s->m, s->v);
    k->map_unary(MOTE_UNARY_SQUARE_ROOT, count, s->v, s->v);
    k->update_lift_blocks(root_spec.element, root_spec.increment, count, s->v);
    k->random_words(j->seed, j->position + begin, count, s->random);
    k->quantize_rows(&m_spec, count, s->m, s->random, m, m_scales);
    exchange_halves(count, s->random);
    k->quantize_rows(&root_spec, count, s->v, s->random, root, root_scales);
}

static void blocks_task(void *argument, size_t index, void *scratch)
{
    const update_job *j = argument;
    size_t begin, count = piece_of(j, index, &begin);
    for (size_t at = 0; at < count; at += CHUNK) {
        blocks_chunk(j, begin + at, mote_size_min(CHUNK, count - at), scratch);
    }
}

void mote_update_adamw_blocks(const mote_context *context, size_t count, const mote_adamw_step *step, uint64_t seed,
                              uint64_t position, const float *gradient, float *parameter,
                              const mote_adamw_blocks *state)
{
    enum { BLOCKS_PIECE = 1 << 14 };
    update_job job = {.count = count,
                      .piece = BLOCKS_PIECE,
                      .step = step,
                      .gradient = gradient,
                      .parameter = parameter,
                      .state = state,
                      .seed = seed,
                      .position = position};
    assert(context->scratch_bytes >= sizeof(blocks_scratch));
    run(context, &job, blocks_task);
}
