/* Family softmax against ref/, and its rates. */
#include <stdlib.h>

#include "check_vector.h"
#include "functions.h"

enum { X, DY, Y };

static const size_t longer[] = {1000, 4096, 4097, 10000};
enum { LONGER = sizeof longer / sizeof longer[0] };

static size_t row_length(size_t step, size_t tile) { return step <= 4 * tile + 3 ? step : longer[step - 4 * tile - 4]; }

/* Roundings of a sum of count terms as lanes_row.h makes it. */
static double sum_roundings(size_t count) { return (double)(count / 64 < 64 ? count / 64 : 64) + 8; }

static void widen_row(const float *x, double *wide, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wide[i] = (double)x[i];
    }
}

static double largest(size_t count, const double *x)
{
    double most = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        most = x[i] > most ? x[i] : most;
    }
    return most;
}

/* Rows of plain values, and rows that are masked here and there, or everywhere. */
static void fill(float *x, size_t count, int kind)
{
    vector_values(CHECK_PATTERNS + kind % 3, x, count);
    for (size_t i = 0; i < count && kind >= 3; i++) {
        x[i] = kind == 4 || check_below(3) == 0 ? -INFINITY : x[i];
    }
}

enum { KINDS = 5 };

void check_softmax_row(const check_kernel *kernel)
{
    mote_softmax_row_fn *softmax = (mote_softmax_row_fn *)kernel->function;
    for (size_t step = 0; step < 4 * kernel->tile + 4 + LONGER; step++) {
        for (int kind = 0; kind < KINDS; kind++) {
            size_t count = row_length(step, kernel->tile);
            float *x = check_buffer(X, count * sizeof *x), *y = check_buffer(Y, count * sizeof *y);
            double *wide = malloc((2 * count + 1) * sizeof *wide), *expected = wide + count;
            fill(x, count, kind);
            widen_row(x, wide, count);
            ref_softmax(count, wide, expected);
            softmax(count, x, y);
            double most = largest(count, wide);
            for (size_t i = 0; i < count; i++) {
                double distance = expected[i] > 0 ? most - wide[i] : 0;
                double error = expected[i] * (sum_roundings(count) + 8 + distance) * 0x1p-24 + 0x1p-148;
                if (!vector_close(y[i], expected[i], error)) {
                    check_fail("value %zu of %zu: %a, expected %a", i, count, (double)y[i], expected[i]);
                    break;
                }
            }
            free(wide);
            softmax(count, x, x);
            if (!vector_same(x, y, count) || !check_intact(X) || !check_intact(Y)) {
                check_fail("in place or bytes around, %zu values", count);
            }
        }
    }
    float row[3][40], y[40];
    for (int i = 0; i < 40; i++) {
        row[0][i] = row[1][i] = -INFINITY;
        row[2][i] = 0;
    }
    row[1][17] = NAN;
    row[2][17] = INFINITY;
    for (int r = 0; r < 3; r++) {
        softmax(40, row[r], y);
        for (int i = 0; i < 40; i++) {
            if (!vector_close(y[i], r == 0 ? 0 : (double)NAN, 0)) {
                check_fail("special row %d, value %d: %a", r, i, (double)y[i]);
            }
        }
    }
}

void check_softmax_row_gradient(const check_kernel *kernel)
{
    mote_softmax_row_gradient_fn *gradient = (mote_softmax_row_gradient_fn *)kernel->function;
    for (size_t step = 0; step < 4 * kernel->tile + 4 + LONGER; step++) {
        size_t count = row_length(step, kernel->tile);
        float *y = check_buffer(X, count * sizeof *y), *dy = check_buffer(DY, count * sizeof *dy);
        float *dx = check_buffer(Y, count * sizeof *dx);
        double *wide = malloc((3 * count + 1) * sizeof *wide), *slope = wide + count, *expected = slope + count;
        double size = 0;
        vector_values(CHECK_PATTERNS, y, count);
        vector_values(CHECK_PATTERNS, dy, count);
        widen_row(y, wide, count);
        widen_row(dy, slope, count);
        ref_softmax_gradient(count, wide, slope, expected);
        gradient(count, y, dy, dx);
        for (size_t i = 0; i < count; i++) {
            size += fabs(wide[i] * slope[i]);
        }
        for (size_t i = 0; i < count; i++) {
            double error = (sum_roundings(count) + 4) * 0x1p-24 * fabs(wide[i]) * (size + fabs(slope[i]));
            if (!vector_close(dx[i], expected[i], error)) {
                check_fail("value %zu of %zu: %a, expected %a", i, count, (double)dx[i], expected[i]);
                break;
            }
        }
        free(wide);
        float *over = step % 2 ? y : dy;
        gradient(count, y, dy, over);
        if (!vector_same(over, dx, count) || !check_intact(Y)) {
            check_fail("in place or bytes around, %zu values", count);
        }
    }
}

void check_logsumexp_row(const check_kernel *kernel)
{
    mote_logsumexp_row_fn *logsumexp = (mote_logsumexp_row_fn *)kernel->function;
    for (size_t step = 0; step < 4 * kernel->tile + 4 + LONGER; step++) {
        for (int kind = 0; kind < KINDS; kind++) {
            size_t count = row_length(step, kernel->tile);
            float *x = check_buffer(X, count * sizeof *x);
            double *wide = malloc((count + 1) * sizeof *wide);
            fill(x, count, kind);
            widen_row(x, wide, count);
            double expected = ref_logsumexp(count, wide), most = largest(count, wide);
            double error = (sum_roundings(count) + 12) * 0x1p-24 + vector_ulp(expected) + vector_ulp(most);
            float found = logsumexp(count, x);
            if (!vector_close(found, expected, isfinite(expected) ? error : 0)) {
                check_fail("%zu values: %a, expected %a", count, (double)found, expected);
            }
            free(wide);
        }
    }
    float row[40] = {0};
    row[39] = INFINITY;
    if (logsumexp(40, row) != INFINITY) {
        check_fail("infinity is lost");
    }
    row[5] = NAN;
    if (!vector_close(logsumexp(40, row), (double)NAN, 0)) {
        check_fail("NaN is lost");
    }
}

void check_cross_entropy_row_gradient(const check_kernel *kernel)
{
    mote_cross_entropy_row_gradient_fn *gradient = (mote_cross_entropy_row_gradient_fn *)kernel->function;
    for (size_t count = 0; count <= 4 * kernel->tile + 3; count++) {
        for (int kind = 0; kind < 4; kind++) {
            float *x = check_buffer(X, count * sizeof *x), *dx = check_buffer(Y, count * sizeof *dx);
            size_t target = check_below(count + 2);
            fill(x, count, kind);
            float total = mote_logsumexp_row__c(count, x), scale = 0.375f;
            gradient(count, x, total, target, scale, dx);
            for (size_t i = 0; i < count && isfinite(total); i++) {
                double distance = (double)x[i] - (double)total, e = exp(distance);
                double expected = (e - (i == target)) * (double)scale;
                double error = isfinite(distance) ? ((2 + fabs(distance)) * e + fabs(e - (i == target))) * 0x1p-24 : 0;
                if (!vector_close(dx[i], expected, error * (double)scale + fabs(expected) * 0x1p-24 + 0x1p-148)) {
                    check_fail("value %zu of %zu, target %zu: %a, expected %a", i, count, target, (double)dx[i],
                               expected);
                    break;
                }
            }
            gradient(count, x, total, target, scale, x);
            if (!vector_same(x, dx, count) || !check_intact(X) || !check_intact(Y)) {
                check_fail("in place or bytes around, %zu values", count);
            }
        }
    }
}

enum { ROWS = 32, COLUMNS = 1024 };

typedef struct timing {
    const check_kernel *kernel;
    float *x, *dy, *y;
} timing;

static void call_softmax(void *argument)
{
    const timing *t = argument;
    for (size_t r = 0; r < ROWS; r++) {
        ((mote_softmax_row_fn *)t->kernel->function)(COLUMNS, t->x + r * COLUMNS, t->y + r * COLUMNS);
    }
}

static void call_gradient(void *argument)
{
    const timing *t = argument;
    for (size_t r = 0; r < ROWS; r++) {
        ((mote_softmax_row_gradient_fn *)t->kernel->function)(COLUMNS, t->x + r * COLUMNS, t->dy + r * COLUMNS,
                                                              t->y + r * COLUMNS);
    }
}

static void call_logsumexp(void *argument)
{
    const timing *t = argument;
    for (size_t r = 0; r < ROWS; r++) {
        t->y[r] = ((mote_logsumexp_row_fn *)t->kernel->function)(COLUMNS, t->x + r * COLUMNS);
    }
}

static void call_cross_entropy(void *argument)
{
    const timing *t = argument;
    for (size_t r = 0; r < ROWS; r++) {
        ((mote_cross_entropy_row_gradient_fn *)t->kernel->function)(COLUMNS, t->x + r * COLUMNS, 9, r, 1,
                                                                    t->y + r * COLUMNS);
    }
}

static void time_one(const check_kernel *kernel, size_t arrays, void (*call)(void *))
{
    timing t = {.kernel = kernel};
    float **all[] = {&t.x, &t.dy, &t.y};
    for (int i = 0; i < 3; i++) {
        *all[i] = check_buffer(i, ROWS * COLUMNS * sizeof(float));
        fill(*all[i], ROWS * COLUMNS, 0);
    }
    check_time("32 rows of 1024", arrays * ROWS * COLUMNS * sizeof(float), call, &t);
}

void time_softmax_row(const check_kernel *kernel) { time_one(kernel, 2, call_softmax); }

void time_softmax_row_gradient(const check_kernel *kernel) { time_one(kernel, 3, call_gradient); }

void time_logsumexp_row(const check_kernel *kernel) { time_one(kernel, 1, call_logsumexp); }

void time_cross_entropy_row_gradient(const check_kernel *kernel) { time_one(kernel, 2, call_cross_entropy); }
