/* Element-wise, row-wise and optimizer drivers: the same bits on every instruction set and any number of threads;
 * gradients against differences of the reference; optimizers over several steps. Bounds are checked in tests/check. */
#include "unit.h"

#include <math.h>

#include "base/context.h"
#include "functions.h"
#include "kernels/kernels.h"

enum { COUNT = 70001, ROWS = 700, COLUMNS = 100, THREADS = 3 };

/* Values of every kind, in an order that puts rare ones beside plain ones. */
static void fill(float *x, size_t count, uint32_t salt)
{
    static const uint32_t rare[] = {0x00000000, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC00001, 0xFFA00000, 0x00000001,
                                    0x807FFFFF, 0x7F7FFFFF, 0xC2B00000, 0x42B17218, 0xC2D00000, 0xC15A0000, 0xC1A00000};
    for (size_t i = 0; i < count; i++) {
        x[i] = unit_value(i + salt) * 8;
        if ((i + salt) % 97 == 0) {
            memcpy(x + i, rare + (i + salt) / 97 % (sizeof rare / sizeof rare[0]), sizeof *x);
        }
    }
}

/* Values without NaN and infinity, for what mixes the values of a row. */
static void fill_plain(float *x, size_t count, uint32_t salt)
{
    for (size_t i = 0; i < count; i++) {
        x[i] = unit_value(i + salt);
    }
}

/* Inputs of one run and all that it writes. */
typedef struct results {
    float unary[MOTE_UNARY_COUNT][COUNT], gradient[MOTE_UNARY_COUNT][COUNT], binary[2][MOTE_BINARY_COUNT][COUNT];
    float swiglu[3][COUNT], dropout[COUNT], rotary[COUNT];
    float norm[2][ROWS * COLUMNS], statistics[2][2 * ROWS], dx[2][ROWS * COLUMNS], dweight[2][COLUMNS], dbias[COLUMNS];
    float softmax[ROWS * COLUMNS], dsoftmax[ROWS * COLUMNS], losses[ROWS], sums[ROWS], dlogits[ROWS * COLUMNS];
    float adamw[3][COUNT], sgd[2][COUNT], average[COUNT], blocks[COUNT];
    uint8_t state[2][(COUNT / 32 + 1) * 33];
    double squares;
} results;

static float a[COUNT], b[COUNT], c[COUNT], row[ROWS * COLUMNS], slope[ROWS * COLUMNS], weight[COLUMNS];

static int prepare(void **state)
{
    (void)state;
    fill(a, COUNT, 0);
    fill(b, COUNT, 31);
    fill(c, COUNT, 77);
    fill_plain(row, ROWS * COLUMNS, 5);
    fill_plain(slope, ROWS * COLUMNS, 6);
    fill_plain(weight, COLUMNS, 7);
    row[3 * COLUMNS + 1] = NAN; /* rows of their own */
    row[9 * COLUMNS + 99] = -INFINITY;
    row[12 * COLUMNS] = INFINITY;
    return 0;
}

static void run_map(mote_context *context, results *r)
{
    for (int op = 0; op < MOTE_UNARY_COUNT; op++) {
        mote_map_unary(context, (mote_unary)op, COUNT, a, r->unary[op]);
        mote_map_unary_gradient(context, (mote_unary)op, COUNT, a, b, r->gradient[op]);
    }
    for (int op = 0; op < MOTE_BINARY_COUNT; op++) {
        mote_map_binary(context, (mote_binary)op, COUNT, a, 1, b, 1, r->binary[0][op]);
        mote_map_binary(context, (mote_binary)op, COUNT, a + 1, 0, b, 1, r->binary[1][op]);
    }
    mote_swiglu(context, COUNT, a, b, r->swiglu[0]);
    mote_swiglu_gradient(context, COUNT, a, b, c, r->swiglu[1], r->swiglu[2]);
    mote_dropout(context, COUNT, 11, 12345, 1u << 30, 4.0f / 3, a, r->dropout);
    context->kernels->rotary(COUNT / 2, b, c, -1, a, r->rotary);
}

static void run_rows(mote_context *context, results *r)
{
    int32_t targets[ROWS];
    for (int i = 0; i < ROWS; i++) {
        targets[i] = i % 7 ? i % COLUMNS : -1;
    }
    for (int centre = 0; centre < 2; centre++) {
        mote_norm(context, centre, ROWS, COLUMNS, row, weight, centre ? weight : NULL, 1e-5f, r->norm[centre],
                  r->statistics[centre]);
        unit_ok(context, mote_norm_backward(context, centre, ROWS, COLUMNS, row, weight, r->statistics[centre], slope,
                                            r->dx[centre], r->dweight[centre], centre ? r->dbias : NULL));
    }
    mote_softmax(context, ROWS, COLUMNS, row, r->softmax);
    mote_softmax_backward(context, ROWS, COLUMNS, r->softmax, slope, r->dsoftmax);
    mote_cross_entropy(context, ROWS, COLUMNS, row, targets, r->losses, r->sums);
    mote_cross_entropy_backward(context, ROWS, COLUMNS, row, r->sums, targets, 0.25f, r->dlogits);
}

static void run_updates(mote_context *context, results *r)
{
    const mote_adamw adamw = {1e-3, 0.9, 0.999, 1e-8, 0.1};
    const mote_sgd_step sgd = {1, 0.999f, 0.9f, 0.01f, true};
    const size_t elements = (COUNT / 32 + 1) * 32;
    const mote_adamw_blocks state = {r->state[0], r->state[0] + elements, r->state[1], r->state[1] + elements};
    memcpy(r->adamw[0], b, sizeof b);
    memcpy(r->sgd[0], b, sizeof b);
    memcpy(r->average, b, sizeof b);
    memcpy(r->blocks, b, sizeof b);
    for (uint64_t t = 1; t <= 3; t++) {
        mote_adamw_step step = mote_adamw_at(&adamw, t, 0.5f);
        mote_update_adamw(context, COUNT, &step, a, r->adamw[0], r->adamw[1], r->adamw[2]);
        mote_update_adamw_blocks(context, COUNT, &step, t, 64, a, r->blocks, &state);
        mote_update_sgd(context, COUNT, &sgd, a, r->sgd[0], r->sgd[1]);
        mote_update_average(context, COUNT, 0.01f, a, r->average);
    }
    r->squares = mote_sum_squares(context, ROWS * COLUMNS, slope);
}

/* Every level of this machine and 1 to 3 threads write the same bytes, and no NaN but the one. */
static void same_bits(void **state)
{
    (void)state;
    results *first = calloc(1, sizeof *first), *again = calloc(1, sizeof *again);
    for (int level = 0; level <= (int)mote_cpu_best(); level++) {
        for (int threads = 1; threads <= THREADS; threads++) {
            mote_context *context = unit_context(threads, mote_cpu_level_name((mote_cpu_level)level));
            results *r = level == 0 && threads == 1 ? first : again;
            memset(r, 0, sizeof *r);
            run_map(context, r);
            run_rows(context, r);
            run_updates(context, r);
            assert_memory_equal(r, first, sizeof *r);
            mote_context_destroy(context);
        }
    }
    for (size_t i = 0; i < offsetof(results, state) / sizeof(uint32_t); i++) {
        uint32_t bits;
        memcpy(&bits, (const char *)first + 4 * i, sizeof bits);
        assert_true((bits & 0x7FFFFFFF) <= 0x7F800000 || bits == 0x7FC00000);
    }
    free(first);
    free(again);
}

/* Each function against the central difference of its reference, and the reference's derivative with it. */
static void gradients_of_maps(void **state)
{
    (void)state;
    static const struct {
        mote_unary op;
        double (*value)(double);
    } functions[] = {{MOTE_UNARY_SQUARE_ROOT, sqrt}, {MOTE_UNARY_EXP, exp},       {MOTE_UNARY_LOG, log},
                     {MOTE_UNARY_TANH, tanh},        {MOTE_UNARY_ERF, erf},       {MOTE_UNARY_SIGMOID, ref_sigmoid},
                     {MOTE_UNARY_SILU, ref_silu},    {MOTE_UNARY_GELU, ref_gelu}, {MOTE_UNARY_GELU_TANH, ref_gelu_tanh},
                     {MOTE_UNARY_RELU, ref_relu},    {MOTE_UNARY_ABSOLUTE, fabs}};
    mote_context *context = unit_context(1, NULL);
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        bool positive = functions[f].op == MOTE_UNARY_LOG || functions[f].op == MOTE_UNARY_SQUARE_ROOT;
        for (float x = positive ? 0.3f : -6.05f; x < 6; x += 0.125f) {
            const float dy = 0.75f;
            const double h = 1e-5;
            float dx;
            mote_map_unary_gradient(context, functions[f].op, 1, &x, &dy, &dx);
            double difference = (functions[f].value((double)x + h) - functions[f].value((double)x - h)) / (2 * h);
            double expected = 0.75 * difference;
            assert_true(fabs((double)dx - expected) <= 3e-7 + 1e-6 * fabs(expected));
        }
    }
    mote_context_destroy(context);
}

/* Sum of slopes times the outputs of a row function of FP64: a scalar whose differences are the gradient. */
enum { LENGTH = 37 };
typedef double row_loss(const double *x, const double *w, const double *dy);

static double dot(const double *y, const double *dy)
{
    double sum = 0;
    for (int i = 0; i < LENGTH; i++) {
        sum += y[i] * dy[i];
    }
    return sum;
}

static double layer_norm_loss(const double *x, const double *w, const double *dy)
{
    double y[LENGTH], mean, rstd;
    ref_norm(true, LENGTH, x, w, w, 1e-5, y, &mean, &rstd);
    return dot(y, dy);
}

static double rms_norm_loss(const double *x, const double *w, const double *dy)
{
    double y[LENGTH], mean, rstd;
    ref_norm(false, LENGTH, x, w, NULL, 1e-5, y, &mean, &rstd);
    return dot(y, dy);
}

static double softmax_loss(const double *x, const double *w, const double *dy)
{
    double y[LENGTH];
    (void)w;
    ref_softmax(LENGTH, x, y);
    return dot(y, dy);
}

static double cross_entropy_loss(const double *x, const double *w, const double *dy)
{
    (void)w;
    (void)dy;
    return ref_logsumexp(LENGTH, x) - x[5];
}

static void expect_difference(row_loss *loss, const float *x, const float *w, const float *dy, bool of_weight,
                              const float *gradient)
{
    double wide[LENGTH], scale[LENGTH], slopes[LENGTH];
    for (int i = 0; i < LENGTH; i++) {
        wide[i] = (double)x[i];
        scale[i] = (double)w[i];
        slopes[i] = (double)dy[i];
    }
    for (int i = 0; i < LENGTH; i++) {
        double *moved = of_weight ? scale + i : wide + i, at = *moved, h = 1e-6;
        *moved = at + h;
        double above = loss(wide, scale, slopes);
        *moved = at - h;
        double difference = (above - loss(wide, scale, slopes)) / (2 * h);
        *moved = at;
        assert_true(fabs((double)gradient[i] - difference) <= 2e-6 * (1 + fabs(difference)));
    }
}

static void gradients_of_rows(void **state)
{
    (void)state;
    const float *x = row + 20 * COLUMNS, *dy = slope;
    float y[LENGTH], statistics[2], dx[LENGTH], dweight[LENGTH], dbias[LENGTH], loss, sum;
    const int32_t target = 5;
    mote_context *context = unit_context(1, NULL);
    mote_norm(context, true, 1, LENGTH, x, weight, weight, 1e-5f, y, statistics);
    unit_ok(context, mote_norm_backward(context, true, 1, LENGTH, x, weight, statistics, dy, dx, dweight, dbias));
    expect_difference(layer_norm_loss, x, weight, dy, false, dx);
    for (int i = 0; i < LENGTH; i++) {
        dweight[i] += dbias[i]; /* the loss takes the weight for the bias as well */
    }
    expect_difference(layer_norm_loss, x, weight, dy, true, dweight);
    mote_norm(context, false, 1, LENGTH, x, weight, NULL, 1e-5f, y, statistics);
    unit_ok(context, mote_norm_backward(context, false, 1, LENGTH, x, weight, statistics, dy, dx, dweight, NULL));
    expect_difference(rms_norm_loss, x, weight, dy, false, dx);
    expect_difference(rms_norm_loss, x, weight, dy, true, dweight);
    mote_softmax(context, 1, LENGTH, x, y);
    mote_softmax_backward(context, 1, LENGTH, y, dy, dx);
    expect_difference(softmax_loss, x, weight, dy, false, dx);
    mote_cross_entropy(context, 1, LENGTH, x, &target, &loss, &sum);
    assert_true(fabs((double)(sum - x[5] - loss)) < 1e-6);
    mote_cross_entropy_backward(context, 1, LENGTH, x, &sum, &target, 1, dx);
    expect_difference(cross_entropy_loss, x, weight, dy, false, dx);
    mote_context_destroy(context);
}

/* Rows that have no target cost nothing and get no gradient. */
static void targets_may_be_missing(void **state)
{
    (void)state;
    const int32_t targets[] = {-1, COLUMNS, 2};
    float losses[3], sums[3], dlogits[3 * COLUMNS];
    mote_context *context = unit_context(1, NULL);
    mote_cross_entropy(context, 3, COLUMNS, slope, targets, losses, sums);
    mote_cross_entropy_backward(context, 3, COLUMNS, slope, sums, targets, 1, dlogits);
    assert_true(losses[0] == 0 && losses[1] == 0 && losses[2] > 0);
    for (int i = 0; i < 3 * COLUMNS; i++) {
        assert_true(i < 2 * COLUMNS ? dlogits[i] == 0 : dlogits[i] != 0);
    }
    mote_context_destroy(context);
}

/* Sums over 100,000 rows lose nothing worth mentioning, and dx may take dy's place. */
static void many_rows(void **state)
{
    (void)state;
    enum { MANY = 100000, FEW = 8 };
    float *x = malloc(MANY * FEW * sizeof *x), *dy = malloc(MANY * FEW * sizeof *dy);
    float *statistics = malloc(2 * MANY * sizeof *statistics), dweight[FEW], dbias[FEW];
    mote_context *context = unit_context(2, NULL);
    fill_plain(x, MANY * FEW, 1);
    for (size_t i = 0; i < MANY * FEW; i++) {
        dy[i] = 1 + 0.125f * unit_value(i + 9);
    }
    mote_norm(context, true, MANY, FEW, x, NULL, NULL, 1e-5f, x, statistics);
    for (size_t r = 0; r < MANY; r++) {
        statistics[2 * r] = 0;
        statistics[2 * r + 1] = 1;
    }
    double sums[FEW] = {0}, slopes[FEW] = {0}, sizes[FEW] = {0};
    for (size_t i = 0; i < MANY * FEW; i++) {
        sums[i % FEW] += (double)x[i] * (double)dy[i];
        sizes[i % FEW] += fabs((double)x[i] * (double)dy[i]);
        slopes[i % FEW] += (double)dy[i];
    }
    unit_ok(context, mote_norm_backward(context, false, MANY, FEW, x, NULL, statistics, dy, dy, dweight, dbias));
    for (int column = 0; column < FEW; column++) {
        assert_true(fabs((double)dweight[column] - sums[column]) <= 1e-6 * sizes[column]);
        assert_true(fabs((double)dbias[column] - slopes[column]) <= 1e-6 * slopes[column]);
    }
    free(x);
    free(dy);
    free(statistics);
    mote_context_destroy(context);
}

static float gradient_of(size_t i, int t) { return unit_value(i * 13 + (size_t)t * 1009) * (t % 2 ? 1 : 0.5f); }

/* Ten steps against FP64; the parameter may be off by its roundings and a small part of what it moved. */
static void ten_steps(void **state)
{
    (void)state;
    enum { VALUES = 500, STEPS = 10 };
    static const mote_adamw adamw = {0.01, 0.9, 0.99, 1e-8, 0.1};
    static const ref_adamw reference = {0.01, 0.9, 0.99, 1e-8, 0.1};
    const mote_sgd_step sgd = {2, 1 - 0.01f * 0.1f, 0.9f, 0.01f, true};
    float p[VALUES], m[VALUES] = {0}, v[VALUES] = {0}, q[VALUES], buffer[VALUES] = {0}, g[VALUES];
    double wide[VALUES][5] = {{0}};
    mote_context *context = unit_context(1, NULL);
    for (size_t i = 0; i < VALUES; i++) {
        p[i] = q[i] = unit_value(i);
        wide[i][0] = wide[i][3] = (double)p[i];
    }
    for (int t = 1; t <= STEPS; t++) {
        mote_adamw_step step = mote_adamw_at(&adamw, (uint64_t)t, 2);
        for (size_t i = 0; i < VALUES; i++) {
            g[i] = gradient_of(i, t);
            ref_adamw_step(&reference, t, 2 * (double)g[i], &wide[i][0], &wide[i][1], &wide[i][2]);
            ref_sgd_step(0.01, 0.1, (double)0.9f, true, 2 * (double)g[i], &wide[i][3], &wide[i][4]);
        }
        mote_update_adamw(context, VALUES, &step, g, p, m, v);
        mote_update_sgd(context, VALUES, &sgd, g, q, buffer);
    }
    for (size_t i = 0; i < VALUES; i++) {
        double u = 0x1p-24, moved = STEPS * adamw.learning_rate;
        assert_true(fabs((double)p[i] - wide[i][0]) <= STEPS * 2 * u * (fabs(wide[i][0]) + moved) + 40 * u * moved);
        assert_true(fabs((double)q[i] - wide[i][3]) <= STEPS * 2 * u * (fabs(wide[i][3]) + 4));
        assert_true(fabs((double)v[i] - wide[i][2]) <= 40 * u * wide[i][2]);
    }
    mote_context_destroy(context);
}

typedef struct blocks_run {
    uint8_t m[512], m_scales[16], root[512], root_scales[16];
} blocks_run;

static mote_adamw_blocks planes(blocks_run *run)
{
    return (mote_adamw_blocks){run->m, run->m_scales, run->root, run->root_scales};
}

/* A value of a line of blocks. */
static double state_value(mote_context *context, mote_format format, uint8_t *elements, uint8_t *scales, size_t i)
{
    float values[512];
    mote_tensor tensor = {{format, 1, 0, {512}}, elements, scales, 1};
    unit_ok(context, mote_dequantize(context, &tensor, values, NULL));
    return (double)values[i];
}

/* Moments in blocks follow those in FP32: on average over many values, for each is rounded by chance, they decay as
 * they should, although a step moves them by much less than the distance of neighbouring elements. */
static void blocks_follow(void **state)
{
    (void)state;
    enum { VALUES = 512, STEPS = 300 };
    static const mote_adamw adamw = {1e-3, 0.9, 0.99, 1e-8, 0};
    float g[VALUES], p[VALUES] = {0}, q[VALUES] = {0}, m[VALUES] = {0}, v[VALUES] = {0};
    blocks_run run = {.m = {0}};
    const mote_adamw_blocks blocks = planes(&run);
    mote_context *context = unit_context(1, NULL);
    double moved = 0, off = 0, root = 0, expected = 0, first = 0, size = 0;
    for (int t = 1; t <= STEPS; t++) {
        mote_adamw_step step = mote_adamw_at(&adamw, (uint64_t)t, 1);
        for (size_t i = 0; i < VALUES; i++) {
            g[i] = t <= 5 || t % 50 == 0 ? gradient_of(i, t) : 0;
        }
        mote_update_adamw(context, VALUES, &step, g, p, m, v);
        mote_update_adamw_blocks(context, VALUES, &step, (uint64_t)t, 0, g, q, &blocks);
    }
    for (size_t i = 0; i < VALUES; i++) {
        moved += fabs((double)p[i]);
        off += fabs((double)q[i] - (double)p[i]);
        root += state_value(context, MOTE_MXFP8_E4M3, run.root, run.root_scales, i);
        expected += sqrt((double)v[i]);
        first += fabs(state_value(context, MOTE_MXINT8, run.m, run.m_scales, i) - (double)m[i]);
        size += fabs((double)m[i]);
    }
    assert_true(fabs(root / expected - 1) < 0.03);
    assert_true(first < 0.1 * size);
    assert_true(off < 0.35 * moved);
    mote_context_destroy(context);
}

/* A root far below its block's largest is lifted, never lost: no parameter jumps. A NaN stays in its block. */
static void blocks_never_lose_a_root(void **state)
{
    (void)state;
    enum { VALUES = 512 };
    static const mote_adamw adamw = {1e-3, 0.9, 0.999, 1e-8, 0};
    float g[VALUES], p[VALUES] = {0};
    blocks_run run = {.m = {0}};
    const mote_adamw_blocks blocks = planes(&run);
    mote_context *context = unit_context(1, NULL);
    for (size_t i = 0; i < VALUES; i++) {
        g[i] = i % 32 == 0 ? 1e6f : i % 32 == 1 ? 0 : 1e-6f * unit_value(3 * i + 1);
    }
    g[64] = NAN;
    for (int t = 1; t <= 20; t++) {
        mote_adamw_step step = mote_adamw_at(&adamw, (uint64_t)t, 1);
        mote_update_adamw_blocks(context, VALUES, &step, (uint64_t)t, 0, g, p, &blocks);
    }
    for (size_t i = 0; i < VALUES; i++) {
        bool poisoned = i / 32 == 2;
        double root = state_value(context, MOTE_MXFP8_E4M3, run.root, run.root_scales, i);
        assert_true(poisoned ? isnan(p[i]) && isnan(root) : fabsf(p[i]) < 0.1f);
        assert_true(poisoned || (root > 0) == (g[i] != 0));
    }
    mote_context_destroy(context);
}

/* Random decisions belong to positions, not to pieces: an array in two calls is as in one. */
static void positions_not_pieces(void **state)
{
    (void)state;
    enum { FIRST = 33 * 1024, ELEMENTS = (COUNT / 32 + 1) * 32, SCALES = COUNT / 32 + 1 };
    static float whole[2][COUNT], parts[2][COUNT];
    static uint8_t planes_of[2][2 * (ELEMENTS + SCALES)];
    const mote_adamw_step step = mote_adamw_at(&(mote_adamw){1e-3, 0.9, 0.999, 1e-8, 0}, 1, 1);
    mote_context *context = unit_context(2, NULL);
    mote_dropout(context, COUNT, 11, 99, 1u << 30, 1, a, whole[0]);
    mote_dropout(context, FIRST, 11, 99, 1u << 30, 1, a, parts[0]);
    mote_dropout(context, COUNT - FIRST, 11, 99 + FIRST, 1u << 30, 1, a + FIRST, parts[0] + FIRST);
    for (int p = 0; p < 2; p++) {
        uint8_t *m = planes_of[p], *root = m + ELEMENTS, *m_scales = root + ELEMENTS, *root_scales = m_scales + SCALES;
        for (size_t begin = 0, end = p ? FIRST : COUNT; begin < COUNT; begin = end, end = COUNT) {
            const mote_adamw_blocks part = {m + begin, m_scales + begin / 32, root + begin, root_scales + begin / 32};
            mote_update_adamw_blocks(context, end - begin, &step, 5, begin, c + begin, (p ? parts : whole)[1] + begin,
                                     &part);
        }
    }
    assert_memory_equal(whole, parts, sizeof whole);
    assert_memory_equal(planes_of[0], planes_of[1], sizeof planes_of[0]);
    mote_context_destroy(context);
}

static mote_fault no_memory(void *user, mote_fault_site site)
{
    (void)user;
    return site == MOTE_FAULT_ALLOCATE ? MOTE_FAULT_FAIL : MOTE_FAULT_NONE;
}

/* A workspace that cannot be had is an error, and nothing was written. */
static void out_of_memory(void **state)
{
    (void)state;
    float statistics[2] = {0}, dx[COLUMNS] = {4}, dweight[COLUMNS] = {5};
    mote_context *context = unit_context(1, NULL);
    assert_int_equal(mote_norm_backward(context, true, SIZE_MAX / 1024, SIZE_MAX / 16, row, NULL, statistics, slope, dx,
                                        dweight, NULL),
                     MOTE_ERROR_MEMORY);
    context->fault = no_memory;
    assert_int_equal(mote_norm_backward(context, true, 1, COLUMNS, row, NULL, statistics, slope, dx, dweight, NULL),
                     MOTE_ERROR_MEMORY);
    assert_true(dx[0] == 4 && dweight[0] == 5);
    context->fault = NULL;
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test(gradients_of_maps),
        cmocka_unit_test(gradients_of_rows),
        cmocka_unit_test(targets_may_be_missing),
        cmocka_unit_test(many_rows),
        cmocka_unit_test(ten_steps),
        cmocka_unit_test(blocks_follow),
        cmocka_unit_test(blocks_never_lose_a_root),
        cmocka_unit_test(positions_not_pieces),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
