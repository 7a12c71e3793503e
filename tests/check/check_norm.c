/* Family norm against ref/, and its rates. */
#include <stdlib.h>

#include "check_vector.h"
#include "functions.h"

enum { X, WEIGHT, BIAS, DY, Y, SUMS };

/* Roundings of a sum of count terms as lanes_row.h makes it: at most 64 additions to an accumulator, then six. */
static double sum_roundings(size_t count) { return (double)(count / 64 < 64 ? count / 64 : 64) + 8; }

static double *widened(const float *x, size_t count)
{
    double *wide = x ? malloc((count + 1) * sizeof *wide) : NULL;
    for (size_t i = 0; x && i < count; i++) {
        wide[i] = (double)x[i];
    }
    return wide;
}

static double mean_magnitude(size_t count, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += fabs(x[i]) / (double)count;
    }
    return sum;
}

/* Mean and rstd against FP64; y against what it should be with the mean and rstd that were found. */
static bool norm_close(bool centre, size_t count, const float *x, const float *weight, const float *bias,
                       const float *y, const float *statistics)
{
    const double u = 0x1p-24, epsilon = (double)1e-5f, found = (double)statistics[0], scale = (double)statistics[1];
    double *wide = widened(x, count), *w = widened(weight, count), *b = widened(bias, count), mean, rstd;
    double *expected = malloc((count + 1) * sizeof *expected);
    ref_norm(centre, count, wide, w, b, epsilon, expected, &mean, &rstd);
    double shift = (sum_roundings(count) + 1) * u * mean_magnitude(count, wide), off = shift * rstd;
    bool good = vector_close(statistics[0], mean, centre ? shift : 0) &&
                vector_close(statistics[1], rstd, rstd * ((sum_roundings(count) + 6) * u + off * off + 2 * u * off));
    for (size_t i = 0; i < count && good; i++) {
        double z = ((double)x[i] - found) * scale * (w ? w[i] : 1), exact = z + (b ? b[i] : 0);
        good = vector_close(y[i], exact, 3 * u * fabs(z) + u * fabs(exact) + 0x1p-148);
    }
    free(wide);
    free(w);
    free(b);
    free(expected);
    return good;
}

/* Values with a mean of their own, so that centring matters. */
static void fill(float *x, size_t count, float offset)
{
    vector_values(CHECK_PATTERNS, x, count);
    for (size_t i = 0; i < count; i++) {
        x[i] += offset;
    }
}

static size_t row_length(size_t step, size_t tile)
{
    static const size_t longer[] = {1000, 4096, 4097, 10000};
    return step <= 4 * tile + 3 ? step : longer[step - 4 * tile - 4];
}

void check_norm_rows(const check_kernel *kernel)
{
    mote_norm_rows_fn *norm = (mote_norm_rows_fn *)kernel->function;
    for (size_t step = 1; step <= 4 * kernel->tile + 7; step++) {
        for (int i = 0; i < 8; i++) {
            size_t count = row_length(step, kernel->tile);
            float *x = check_buffer(X, count * sizeof *x), *y = check_buffer(Y, count * sizeof *y), statistics[2];
            float *weight = i & 1 ? check_buffer(WEIGHT, count * sizeof *weight) : NULL;
            float *bias = i & 2 ? check_buffer(BIAS, count * sizeof *bias) : NULL;
            fill(x, count, i & 4 ? 3 : 0);
            if (weight) {
                fill(weight, count, 1);
            }
            if (bias) {
                fill(bias, count, 0);
            }
            norm(i & 4, count, x, weight, bias, 1e-5f, y, statistics);
            if (!norm_close(i & 4, count, x, weight, bias, y, statistics)) {
                check_fail("%zu values, centre %d, weight %d, bias %d", count, i >> 2, i & 1, i >> 1 & 1);
            }
            norm(i & 4, count, x, weight, bias, 1e-5f, x, statistics);
            if (!vector_same(x, y, count) || !check_intact(X) || !check_intact(Y)) {
                check_fail("in place or bytes around, %zu values", count);
            }
        }
    }
    float x[70] = {0}, y[70], statistics[2];
    x[69] = NAN;
    norm(true, 70, x, NULL, NULL, 1e-5f, y, statistics);
    for (int i = 0; i < 70; i++) {
        if (!vector_close(y[i], (double)NAN, 0)) {
            check_fail("a NaN did not reach value %d", i);
        }
    }
    norm(false, 0, x, NULL, NULL, 1, y, statistics);
    if (statistics[0] != 0 || statistics[1] != 1) {
        check_fail("no values: mean %a, rstd %a", (double)statistics[0], (double)statistics[1]);
    }
}

/* 80 u of rstd (|g| + mean |g| + |z| mean |g z|) at most. */
static bool gradient_close(bool centre, size_t count, const float *x, const float *weight, const float *statistics,
                           const float *dy, const float *dx)
{
    double *wide = widened(x, count), *w = widened(weight, count), *slope = widened(dy, count), along = 0, flat = 0;
    double *expected = calloc(3 * count + 1, sizeof *expected), mean = (double)statistics[0],
           rstd = (double)statistics[1];
    ref_norm_gradient(centre, count, wide, w, mean, rstd, slope, expected, expected + count, expected + 2 * count);
    for (size_t i = 0; i < count; i++) {
        double g = slope[i] * (w ? w[i] : 1);
        flat += fabs(g) / (double)count;
        along += fabs(g * (wide[i] - mean) * rstd) / (double)count;
    }
    bool good = true;
    for (size_t i = 0; i < count && good; i++) {
        double size = fabs(slope[i] * (w ? w[i] : 1)) + flat + fabs(wide[i] - mean) * rstd * along;
        good = vector_close(dx[i], expected[i], (sum_roundings(count) + 8) * 0x1p-24 * rstd * size);
    }
    free(wide);
    free(w);
    free(slope);
    free(expected);
    return good;
}

void check_norm_rows_gradient(const check_kernel *kernel)
{
    mote_norm_rows_gradient_fn *gradient = (mote_norm_rows_gradient_fn *)kernel->function;
    for (size_t step = 1; step <= 4 * kernel->tile + 7; step++) {
        for (int i = 0; i < 4; i++) {
            size_t count = row_length(step, kernel->tile);
            float *x = check_buffer(X, count * sizeof *x), *dx = check_buffer(Y, count * sizeof *dx);
            float *weight = i & 1 ? check_buffer(WEIGHT, count * sizeof *weight) : NULL;
            float *dy = check_buffer(DY, count * sizeof *dy), statistics[2] = {i & 2 ? 0.25f : 0, 1.75f};
            fill(x, count, 0.25f);
            fill(dy, count, 0.125f);
            if (weight) {
                fill(weight, count, 1);
            }
            gradient(i & 2, count, x, weight, statistics, dy, dx);
            if (!gradient_close(i & 2, count, x, weight, statistics, dy, dx)) {
                check_fail("%zu values, centre %d, weight %d", count, i >> 1, i & 1);
            }
            float *over = i & 1 ? x : dy;
            gradient(i & 2, count, x, weight, statistics, dy, over);
            if (!vector_same(over, dx, count) || !check_intact(Y)) {
                check_fail("in place or bytes around, %zu values", count);
            }
        }
    }
}

/* True if found is what a sum held before plus the sum over rows of one column of dy, times z if weighted: 64 roundings
 * in FP32 and those of its terms. */
static bool column_close(bool weighted, size_t rows, size_t stride, const float *x, const float *statistics,
                         const float *dy, double before, double found)
{
    double sum = before, size = 0;
    for (size_t r = 0; r < rows; r++) {
        double z = ((double)x[r * stride] - (double)statistics[2 * r]) * (double)statistics[2 * r + 1];
        double term = (double)dy[r * stride] * (weighted ? z : 1);
        sum += term;
        size += fabs(term);
    }
    return fabs(found - sum) <= 68 * 0x1p-24 * size;
}

/* Room for doubles in a buffer, whose bytes may begin between two of them. */
static double *doubles(int number, size_t count)
{
    uint8_t *bytes = check_buffer(number, (count + 1) * sizeof(double));
    return (double *)(void *)(bytes + (8 - (uintptr_t)bytes % 8) % 8);
}

static void columns_once(const check_kernel *kernel, size_t rows, size_t columns, int asked)
{
    mote_norm_columns_gradient_fn *gradient = (mote_norm_columns_gradient_fn *)kernel->function;
    size_t stride = columns + check_below(3), count = rows ? (rows - 1) * stride + columns : 0;
    float *x = check_buffer(X, count * sizeof *x), *dy = check_buffer(DY, count * sizeof *dy);
    float *statistics = check_buffer(WEIGHT, 2 * rows * sizeof *statistics);
    double *dweight = doubles(SUMS, columns), *dbias = doubles(Y, columns);
    fill(x, count, 0.5f);
    fill(dy, count, 0.25f);
    fill(statistics, 2 * rows, 0);
    for (size_t c = 0; c < columns; c++) {
        dweight[c] = 1;
        dbias[c] = 2;
    }
    gradient(rows, columns, stride, x, statistics, dy, asked & 1 ? dweight : NULL, asked & 2 ? dbias : NULL);
    for (size_t c = 0; c < columns; c++) {
        if (!column_close(true, asked & 1 ? rows : 0, stride, x + c, statistics, dy + c, 1, dweight[c]) ||
            !column_close(false, asked & 2 ? rows : 0, stride, x + c, statistics, dy + c, 2, dbias[c])) {
            check_fail("column %zu of %zu, %zu rows, asked %d", c, columns, rows, asked);
            break;
        }
    }
    if (!check_intact(SUMS) || !check_intact(Y)) {
        check_fail("bytes around, %zu columns", columns);
    }
}

void check_norm_columns_gradient(const check_kernel *kernel)
{
    for (size_t columns = 0; columns <= 4 * kernel->tile + 3; columns++) {
        columns_once(kernel, check_below(200), columns, 3);
    }
    columns_once(kernel, 130, 1100, 3);
    columns_once(kernel, 20000, 5, 3);
    columns_once(kernel, 70, 20, 1);
    columns_once(kernel, 70, 20, 2);
}

enum { ROWS = 32, COLUMNS = 1024 };

typedef struct timing {
    const check_kernel *kernel;
    float *x, *weight, *bias, *dy, *y;
    double *sums;
} timing;

static void call_norm(void *argument)
{
    const timing *t = argument;
    float statistics[2];
    for (size_t r = 0; r < ROWS; r++) {
        ((mote_norm_rows_fn *)t->kernel->function)(true, COLUMNS, t->x + r * COLUMNS, t->weight, t->bias, 1e-5f,
                                                   t->y + r * COLUMNS, statistics);
    }
}

static void call_gradient(void *argument)
{
    const timing *t = argument;
    for (size_t r = 0; r < ROWS; r++) {
        ((mote_norm_rows_gradient_fn *)t->kernel->function)(true, COLUMNS, t->x + r * COLUMNS, t->weight, t->bias,
                                                            t->dy + r * COLUMNS, t->y + r * COLUMNS);
    }
}

static void call_columns(void *argument)
{
    const timing *t = argument;
    ((mote_norm_columns_gradient_fn *)t->kernel->function)(ROWS, COLUMNS, COLUMNS, t->x, t->bias, t->dy, t->sums,
                                                           t->sums + COLUMNS);
}

static void time_one(const check_kernel *kernel, size_t arrays, void (*call)(void *))
{
    timing t = {.kernel = kernel, .sums = doubles(SUMS, 2 * COLUMNS)};
    float **all[] = {&t.x, &t.weight, &t.bias, &t.dy, &t.y};
    for (int i = 0; i < 5; i++) {
        *all[i] = check_buffer(i, ROWS * COLUMNS * sizeof(float));
        fill(*all[i], ROWS * COLUMNS, 0);
    }
    memset(t.sums, 0, 2 * COLUMNS * sizeof *t.sums);
    check_time("32 rows of 1024", arrays * ROWS * COLUMNS * sizeof(float), call, &t);
}

void time_norm_rows(const check_kernel *kernel) { time_one(kernel, 2, call_norm); }

void time_norm_rows_gradient(const check_kernel *kernel) { time_one(kernel, 3, call_gradient); }

void time_norm_columns_gradient(const check_kernel *kernel) { time_one(kernel, 2, call_columns); }
