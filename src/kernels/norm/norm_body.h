/* The norm kernels over lanes.h, once for every instruction set.
 *
 * Their speed: a row of a few thousand values stays in the first cache while it is passed over three times (sum,
 * squares, result), so from memory or the second cache it is read once and written once. Down columns, sums of a strip
 * stay in the first cache and are loaded and stored once for four rows. */
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/vector/lanes_row.h"

typedef struct norm_row {
    const float *x, *weight, *dy;
    float mean, rstd;
} norm_row;

/* Rows are short: what follows is fetched a few of them ahead. */
enum { AHEAD = 1024 };

INLINE lanes norm_value(const void *row, size_t i, size_t n)
{
    const norm_row *r = row;
    __builtin_prefetch(r->x + i + AHEAD);
    return row_load(r->x + i, n);
}

INLINE lanes norm_square(const void *row, size_t i, size_t n)
{
    const norm_row *r = row;
    lanes d = lanes_subtract(row_load(r->x + i, n), lanes_set(r->mean)), square = lanes_multiply(d, d);
    return n == LANES ? square : lanes_keep_first(square, n);
}

/* dy weight */
INLINE lanes norm_slope(const void *row, size_t i, size_t n)
{
    const norm_row *r = row;
    lanes dy = row_load(r->dy + i, n);
    return r->weight ? lanes_multiply(dy, row_load(r->weight + i, n)) : dy;
}

INLINE lanes norm_z(const norm_row *r, size_t i, size_t n)
{
    return lanes_multiply(lanes_subtract(row_load(r->x + i, n), lanes_set(r->mean)), lanes_set(r->rstd));
}

/* Zero behind the row, for the slope is; but zero times a z that is NaN or infinite is not. */
INLINE lanes norm_slope_z(const void *row, size_t i, size_t n)
{
    lanes product = lanes_multiply(norm_slope(row, i, n), norm_z(row, i, n));
    return n == LANES ? product : lanes_keep_first(product, n);
}

INLINE void norm_write(bool weighted, bool biased, size_t count, const norm_row *r, const float *bias, float *y)
{
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes z = norm_z(r, i, n), b = biased ? row_load(bias + i, n) : lanes_zero();
        if (weighted) {
            z = lanes_fma(z, row_load(r->weight + i, n), b);
        } else if (biased) {
            z = lanes_add(z, b);
        }
        row_store(y + i, lanes_canonical(z), n);
    }
}

static inline void norm_rows(bool centre, size_t count, const float *x, const float *weight, const float *bias,
                             float epsilon, float *y, float *statistics)
{
    norm_row r = {.x = x, .weight = weight};
    const double share = 1 / (count ? (double)count : 1); /* a division less to wait for between the passes */
    r.mean = centre ? (float)(row_sum(norm_value, &r, count) * share) : 0;
    r.rstd = (float)(1 / sqrt(row_sum(norm_square, &r, count) * share + (double)epsilon));
    statistics[0] = scalar_canonical(r.mean);
    statistics[1] = scalar_canonical(r.rstd);
    if (weight && bias) {
        norm_write(true, true, count, &r, bias, y);
    } else if (weight) {
        norm_write(true, false, count, &r, NULL, y);
    } else if (bias) {
        norm_write(false, true, count, &r, bias, y);
    } else {
        norm_write(false, false, count, &r, NULL, y);
    }
}

INLINE void norm_gradient(bool centre, size_t count, const norm_row *r, float *dx)
{
    const double share = 1 / (count ? (double)count : 1);
    const lanes mean = lanes_set(centre ? (float)(row_sum(norm_slope, r, count) * share) : 0);
    const lanes along = lanes_set((float)(-row_sum(norm_slope_z, r, count) * share)), rstd = lanes_set(r->rstd);
    for (size_t i = 0; i < count; i += LANES) {
        size_t here = mote_size_min(LANES, count - i);
        lanes g = lanes_subtract(norm_slope(r, i, here), mean);
        lanes value = lanes_multiply(lanes_fma(along, norm_z(r, i, here), g), rstd);
        row_store(dx + i, lanes_canonical(value), here);
    }
}

static inline void norm_rows_gradient(bool centre, size_t count, const float *x, const float *weight,
                                      const float *statistics, const float *dy, float *dx)
{
    norm_row r = {x, weight, dy, statistics[0], statistics[1]};
    if (centre && weight) {
        norm_gradient(true, count, &r, dx);
    } else if (centre) {
        r.weight = NULL; /* a constant to the compiler */
        norm_gradient(true, count, &r, dx);
    } else {
        norm_gradient(false, count, &r, dx);
    }
}

/* Columns whose sums are kept in the first cache, and rows that are added to them at a time. */
enum { STRIP = 512, GROUP = 4 };

typedef struct norm_strip {
    float dweight[STRIP], dbias[STRIP];
} norm_strip;

INLINE void strip_rows(size_t rows, size_t columns, size_t stride, const float *x, const float *statistics,
                       const float *dy, norm_strip *sums)
{
    for (size_t c = 0; c < columns; c += LANES) {
        size_t n = mote_size_min(LANES, columns - c);
        lanes dweight = lanes_load(sums->dweight + c), dbias = lanes_load(sums->dbias + c);
#pragma GCC unroll 4
        for (size_t r = 0; r < rows; r++) {
            lanes d = row_load(dy + r * stride + c, n);
            lanes z = lanes_subtract(row_load(x + r * stride + c, n), lanes_set(statistics[2 * r]));
            dweight = lanes_fma(d, lanes_multiply(z, lanes_set(statistics[2 * r + 1])), dweight);
            dbias = lanes_add(dbias, d);
        }
        lanes_store(sums->dweight + c, dweight);
        lanes_store(sums->dbias + c, dbias);
    }
}

static inline void add_sums(size_t count, const float *sums, double *totals)
{
    for (size_t c = 0; totals && c < count; c++) {
        totals[c] += (double)sums[c];
    }
}

static inline void norm_columns_gradient(size_t rows, size_t columns, size_t stride, const float *x,
                                         const float *statistics, const float *dy, double *dweight, double *dbias)
{
    for (size_t c = 0; c < columns; c += STRIP) {
        size_t here = mote_size_min(STRIP, columns - c);
        for (size_t begin = 0; begin < rows; begin += MOTE_NORM_CHUNK) {
            norm_strip sums = {0};
            size_t end = mote_size_min(rows, begin + MOTE_NORM_CHUNK), r = begin;
            for (; end - r >= GROUP; r += GROUP) {
                strip_rows(GROUP, here, stride, x + r * stride + c, statistics + 2 * r, dy + r * stride + c, &sums);
            }
            for (; r < end; r++) {
                strip_rows(1, here, stride, x + r * stride + c, statistics + 2 * r, dy + r * stride + c, &sums);
            }
            add_sums(here, sums.dweight, dweight ? dweight + c : NULL);
            add_sums(here, sums.dbias, dbias ? dbias + c : NULL);
        }
    }
}
