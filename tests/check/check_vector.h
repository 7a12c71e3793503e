/* What the checks of the vector kernels share. */
#ifndef TESTS_CHECK_VECTOR_H
#define TESTS_CHECK_VECTOR_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "check.h"

enum { VECTOR_PATTERNS = CHECK_PATTERNS + 3 };

/* check_values_of(), and three patterns of plain values: up to 1, 16 and 110. */
static inline void vector_values(int pattern, float *x, size_t count)
{
    static const float sizes[] = {1, 16, 110};
    if (pattern < CHECK_PATTERNS) {
        check_values_of(pattern, x, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        x[i] = ((float)(check_random() >> 8) * 0x1p-23f - 1) * sizes[pattern - CHECK_PATTERNS];
    }
}

/* Distance of neighbouring FP32 numbers at x. */
static inline double vector_ulp(double x)
{
    int exponent;
    frexp(x, &exponent);
    return fabs(x) < 0x1p-126 || x == 0 ? 0x1p-149 : isfinite(x) ? ldexp(1, exponent - 24) : 0;
}

/* True if y is expected, rounded, with at most this error. NaN must be the one NaN that kernels write; beyond the
 * largest number infinity is right. */
static inline bool vector_close(float y, double expected, double error)
{
    uint32_t bits;
    memcpy(&bits, &y, sizeof bits);
    if (isnan(expected) || isnan(y)) {
        return isnan(expected) && bits == 0x7FC00000u;
    }
    if (isinf(y)) {
        return fabs(expected) + error > (double)FLT_MAX && (y > 0) == (expected > 0);
    }
    return isfinite(expected) && fabs((double)y - expected) <= error;
}

/* Bits of values, for messages and comparisons of results that must be the same. */
static inline bool vector_same(const float *a, const float *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

#endif
