/* Family attention: powers against FP64, everything else, the order of sums too, bit for bit; and timings. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "check.h"

enum { IN, IN_TWO, OUT, OUT_TWO, STATE, STATE_TWO, STATE_THREE, MOST_PIECES = 9, MOST = MOST_PIECES * MOTE_GEMM_WIDTH };

static bool same(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

/* Scores that are numbers mostly: some rows far apart, some with what check_values makes of them. */
static void fill_scores(float *x, size_t count)
{
    if (check_below(3) == 0) {
        check_values(x, count);
        return;
    }
    float spread = ldexpf(1, (int)check_below(12) - 3);
    for (size_t i = 0; i < count; i++) {
        x[i] = spread * ((float)(check_random() & 0xFFFF) * 0x1p-15f - 1);
    }
}

static void random_ranges(int rows, size_t pieces, mote_attention_range *seen)
{
    size_t width = pieces * MOTE_GEMM_WIDTH;
    for (int r = 0; r < rows; r++) {
        size_t a = check_below(width + 1), b = check_below(width + 1);
        bool all = check_below(3) == 0;
        seen[r] = all ? (mote_attention_range){0, (int)width}
                      : (mote_attention_range){(int)(a < b ? a : b), (int)(a < b ? b : a)};
    }
}

static size_t piece_place(int r, size_t i)
{
    return i / MOTE_GEMM_WIDTH * MOTE_ATTENTION_PIECE + (size_t)r * MOTE_GEMM_WIDTH + i % MOTE_GEMM_WIDTH;
}

/* True if p is 2^x within 1.02 ulp, and 0 below the smallest. Of all fractions of x the worst is off by 1.0145 ulp. */
static bool is_power(float p, float x)
{
    if (!(x >= MOTE_ATTENTION_POWER_LOWEST)) {
        return isnan(x) ? isnan(p) : same(p, 0);
    }
    double exact = exp2((double)x), ulp = ldexp(1, (int)floor(log2(exact)) - MOTE_FP32_MANTISSA_BITS);
    return fabs((double)p - exact) <= 1.02 * ulp;
}

/* A chain for each lane of a piece, then lanes 16 apart, 8, 4, 2, 1. */
static float sum_of(const float *p, size_t count)
{
    float lanes[MOTE_GEMM_WIDTH] = {0};
    for (size_t i = 0; i < count; i++) {
        lanes[i % MOTE_GEMM_WIDTH] += p[i];
    }
    for (int half = MOTE_GEMM_WIDTH / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) {
            lanes[i] += lanes[i + half];
        }
    }
    return lanes[0];
}

static void check_probabilities(mote_attention_range seen, size_t width, int r, float scale, const float *scores,
                                const float *before, const float *after, float factor, const float *p)
{
    float maximum = before[0];
    for (int i = seen.first; i < seen.last; i++) {
        float t = scores[piece_place(r, (size_t)i)] * scale;
        maximum = ceilf(t) > maximum ? ceilf(t) : maximum;
    }
    for (size_t i = 0; i < width; i++) {
        float t = scores[piece_place(r, i)] * scale;
        bool in = (int)i >= seen.first && (int)i < seen.last;
        if (in ? !is_power(p[i], t - maximum) : !same(p[i], 0)) {
            check_fail("p of %a: %a", (double)(t - maximum), (double)p[i]);
            return;
        }
    }
    bool any = seen.first < seen.last;
    double step = (double)before[0] - (double)maximum;
    float expected = !any ? 1 : step >= -126 ? (float)ldexp(1, (int)step) : 0;
    float sum = any ? before[1] * expected + sum_of(p, width) : before[1];
    if (after[0] != (any ? maximum : before[0]) || !same(factor, expected) || !same(after[1], sum)) {
        check_fail("maximum %a, factor %a, sum %a; expected %a, %a, %a", (double)after[0], (double)factor,
                   (double)after[1], (double)maximum, (double)expected, (double)sum);
    }
}

void check_attention_softmax(const check_kernel *kernel)
{
    for (int n = 0; n < 600 && !check_failed(); n++) {
        int rows = 1 + (int)check_below(MOTE_GEMM_ROWS);
        size_t pieces = 1 + check_below(MOST_PIECES), width = pieces * MOTE_GEMM_WIDTH, stride = width + check_below(9);
        size_t bytes = ((size_t)(rows - 1) * stride + width) * sizeof(float);
        float *scores = check_buffer(IN, pieces * MOTE_ATTENTION_PIECE * sizeof(float)), *p = check_buffer(OUT, bytes);
        float *maxima = check_buffer(STATE, (size_t)rows * sizeof(float)), scale = (float)check_below(8) - 3.5f;
        float *sums = check_buffer(STATE_TWO, (size_t)rows * sizeof(float));
        float *factors = check_buffer(STATE_THREE, (size_t)rows * sizeof(float));
        float before[MOTE_GEMM_ROWS][2], portable[MOTE_GEMM_ROWS * (MOST + 9)], states[3][MOTE_GEMM_ROWS];
        mote_attention_range seen[MOTE_GEMM_ROWS];
        random_ranges(rows, pieces, seen);
        fill_scores(scores, pieces * MOTE_ATTENTION_PIECE);
        for (int r = 0; r < rows; r++) {
            bool fresh = check_below(2);
            maxima[r] = states[0][r] = before[r][0] = fresh ? -FLT_MAX : (float)check_below(300) - 150;
            sums[r] = states[1][r] = before[r][1] = fresh ? 0 : (float)check_below(1000) * 0.25f;
        }
        ((mote_attention_softmax_fn *)kernel->function)(rows, pieces, seen, scale, scores, maxima, sums, factors, p,
                                                        stride);
        mote_attention_softmax__c(rows, pieces, seen, scale, scores, states[0], states[1], states[2], portable, stride);
        for (int r = 0; r < rows; r++) {
            float after[2] = {maxima[r], sums[r]}, *row = p + (size_t)r * stride;
            check_probabilities(seen[r], width, r, scale, scores, before[r], after, factors[r], row);
            for (size_t i = 0; i < width; i++) {
                if (!same(row[i], portable[(size_t)r * stride + i])) {
                    check_fail("p %a, portable C %a", (double)row[i], (double)portable[(size_t)r * stride + i]);
                    return;
                }
            }
        }
        if (!check_intact(OUT) || !check_intact(STATE) || !check_intact(STATE_TWO) || !check_intact(STATE_THREE)) {
            check_fail("bytes around the results");
        }
    }
}

void check_attention_gradient(const check_kernel *kernel)
{
    for (int n = 0; n < 600 && !check_failed(); n++) {
        int rows = 1 + (int)check_below(MOTE_GEMM_ROWS);
        size_t pieces = 1 + check_below(MOST_PIECES), width = pieces * MOTE_GEMM_WIDTH, stride = width + check_below(9);
        size_t bytes = ((size_t)(rows - 1) * stride + width) * sizeof(float),
               piece = MOTE_ATTENTION_PIECE * sizeof(float);
        float *scores = check_buffer(IN, pieces * piece), *dp = check_buffer(IN_TWO, pieces * piece);
        float *p = check_buffer(OUT, bytes), *ds = check_buffer(OUT_TWO, bytes), scale = (float)check_below(8) - 3.5f;
        float gradient_scale = 0.7f, other[2][MOTE_GEMM_ROWS * (MOST + 9)];
        mote_attention_range seen[MOTE_GEMM_ROWS];
        mote_attention_row row[MOTE_GEMM_ROWS];
        random_ranges(rows, pieces, seen);
        fill_scores(scores, pieces * MOTE_ATTENTION_PIECE);
        fill_scores(dp, pieces * MOTE_ATTENTION_PIECE);
        for (int r = 0; r < rows; r++) {
            row[r] = (mote_attention_row){(float)check_below(40), (float)check_below(40) * 0.1f};
        }
        ((mote_attention_gradient_fn *)kernel->function)(rows, pieces, seen, scale, gradient_scale, row, scores, dp, p,
                                                         ds, stride);
        mote_attention_gradient__c(rows, pieces, seen, scale, gradient_scale, row, scores, dp, other[0], other[1],
                                   stride);
        for (size_t i = 0; i < (size_t)rows * width && !check_failed(); i++) {
            int r = (int)(i / width), c = (int)(i % width);
            size_t to = (size_t)r * stride + (size_t)c, from = piece_place(r, (size_t)c);
            float x = scores[from] * scale - row[r].shift;
            float expected = p[to] * (dp[from] - row[r].delta) * gradient_scale;
            bool in = c >= seen[r].first && c < seen[r].last;
            if (in ? !is_power(p[to], x > 0 ? 0 : x) || !same(ds[to], expected) : !same(p[to], 0) || !same(ds[to], 0)) {
                check_fail("x %a: p %a, ds %a, expected %a", (double)x, (double)p[to], (double)ds[to],
                           (double)expected);
            }
            if (!same(p[to], other[0][to]) || !same(ds[to], other[1][to])) {
                check_fail("x %a: p %a, portable C %a", (double)x, (double)p[to], (double)other[0][to]);
            }
        }
        if (!check_intact(OUT) || !check_intact(OUT_TWO)) {
            check_fail("bytes around the results");
        }
    }
}

void check_attention_dot(const check_kernel *kernel)
{
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        float *x = check_buffer(IN, count * sizeof *x), *y = check_buffer(IN_TWO, count * sizeof *y), lanes[16] = {0};
        fill_scores(x, count);
        fill_scores(y, count);
        for (size_t i = 0; i < (count + 15) / 16 * 16; i++) {
            lanes[i % 16] = fmaf(i < count ? x[i] : 0, i < count ? y[i] : 0, lanes[i % 16]);
        }
        for (int half = 8; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                lanes[i] += lanes[i + half];
            }
        }
        float sum = ((mote_attention_dot_fn *)kernel->function)(count, x, y);
        if (!same(sum, lanes[0])) {
            check_fail("%zu values: %a, expected %a", count, (double)sum, (double)lanes[0]);
        }
    }
}

void check_attention_finish(const check_kernel *kernel)
{
    for (size_t columns = 1; columns <= MOTE_GEMM_WIDTH; columns++) {
        int rows = 1 + (int)check_below(MOTE_GEMM_ROWS);
        ptrdiff_t stride = (ptrdiff_t)(columns + check_below(5));
        size_t bytes = ((size_t)(rows - 1) * (size_t)stride + columns) * sizeof(float);
        float *values = check_buffer(IN, (size_t)rows * MOTE_GEMM_WIDTH * sizeof *values), factors[MOTE_GEMM_ROWS];
        float *y = check_buffer(OUT, bytes), nan = mote_bits_float(MOTE_FP32_NAN);
        check_values(values, (size_t)rows * MOTE_GEMM_WIDTH);
        check_values(factors, (size_t)rows);
        ((mote_attention_finish_fn *)kernel->function)(rows, columns, values, factors, y, stride);
        for (size_t i = 0; i < (size_t)rows * columns; i++) {
            size_t r = i / columns, c = i % columns;
            float expected = values[r * MOTE_GEMM_WIDTH + c] * factors[r], *found = y + (ptrdiff_t)r * stride + c;
            expected = isnan(expected) ? nan : expected;
            if (memcmp(found, &expected, sizeof expected) != 0) {
                check_fail("row %zu column %zu of %zu: %a, expected %a", r, c, columns, (double)*found,
                           (double)expected);
                return;
            }
            memset(found, 0xA5, sizeof *found); /* as the gaps, which must be as they were */
        }
        if (!check_intact(OUT) || !check_untouched(y, bytes)) {
            check_fail("bytes around the rows");
        }
    }
}

/* ---- timings: a tile of twelve rows and 256 keys ---- */

enum { TIMED_PIECES = 8, TIMED = TIMED_PIECES * MOTE_GEMM_WIDTH };

typedef struct timing {
    const check_kernel *kernel;
    float *scores, *p, *ds;
    float maxima[MOTE_GEMM_ROWS], sums[MOTE_GEMM_ROWS], factors[MOTE_GEMM_ROWS];
    mote_attention_range seen[MOTE_GEMM_ROWS];
    mote_attention_row row[MOTE_GEMM_ROWS];
} timing;

static timing prepare(const check_kernel *kernel)
{
    size_t bytes = (size_t)TIMED * MOTE_GEMM_ROWS * sizeof(float);
    timing t = {.kernel = kernel, .scores = check_buffer(IN, bytes), .p = check_buffer(OUT, bytes)};
    t.ds = check_buffer(OUT_TWO, bytes);
    for (size_t i = 0; i < bytes / sizeof(float); i++) {
        t.scores[i] = (float)(check_random() & 0xFFFF) * 0x1p-14f;
    }
    for (int r = 0; r < MOTE_GEMM_ROWS; r++) {
        t.seen[r] = (mote_attention_range){0, TIMED};
        t.row[r] = (mote_attention_row){9, 1};
    }
    return t;
}

static void call_softmax(void *argument)
{
    timing *t = argument;
    ((mote_attention_softmax_fn *)t->kernel->function)(MOTE_GEMM_ROWS, TIMED_PIECES, t->seen, 1, t->scores, t->maxima,
                                                       t->sums, t->factors, t->p, TIMED);
}

static void call_gradient(void *argument)
{
    timing *t = argument;
    ((mote_attention_gradient_fn *)t->kernel->function)(MOTE_GEMM_ROWS, TIMED_PIECES, t->seen, 1, 1, t->row, t->scores,
                                                        t->scores, t->p, t->ds, TIMED);
}

static void call_dot(void *argument)
{
    timing *t = argument;
    t->sums[0] = ((mote_attention_dot_fn *)t->kernel->function)(TIMED, t->scores, t->scores);
}

static void call_finish(void *argument)
{
    timing *t = argument;
    ((mote_attention_finish_fn *)t->kernel->function)(MOTE_GEMM_ROWS, MOTE_GEMM_WIDTH, t->scores, t->factors, t->p,
                                                      MOTE_GEMM_WIDTH);
}

static void report(const check_kernel *kernel, const char *what, size_t bytes, void (*call)(void *))
{
    timing t = prepare(kernel);
    check_time(what, bytes, call, &t);
}

void time_attention_softmax(const check_kernel *kernel)
{
    report(kernel, "12 x 256 scores", (size_t)MOTE_GEMM_ROWS * TIMED * sizeof(float), call_softmax);
}

void time_attention_gradient(const check_kernel *kernel)
{
    report(kernel, "12 x 256 scores", (size_t)MOTE_GEMM_ROWS * TIMED * sizeof(float), call_gradient);
}

void time_attention_dot(const check_kernel *kernel) { report(kernel, "256", 2 * TIMED * sizeof(float), call_dot); }

void time_attention_finish(const check_kernel *kernel)
{
    report(kernel, "12 x 32", MOTE_ATTENTION_PIECE * sizeof(float), call_finish);
}
