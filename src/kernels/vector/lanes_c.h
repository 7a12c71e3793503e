/* lanes.h in portable C: four vectors of 16 bytes, which SSE2, NEON and the like have. Fused multiply-adds go one by
 * one through fmaf(), slowly where the processor has none: the bits are worth more here than the speed. */
#ifndef MOTE_KERNELS_VECTOR_LANES_C_H
#define MOTE_KERNELS_VECTOR_LANES_C_H

#include <math.h>

#include "kernels/vector/lanes_types.h"

/* Long functions are compiled once a file: most of their time goes into calls of fmaf() anyway. */
#define LANES_LONG static __attribute__((noinline, unused))

enum { LANES_PARTS = 4, LANES_PART = 4 };
typedef uint32_t bits_quarter __attribute__((vector_size(16)));
typedef int32_t integer_quarter __attribute__((vector_size(16)));
typedef double wide_pair __attribute__((vector_size(16)));

typedef struct lanes {
    lanes_quarter part[LANES_PARTS];
} lanes;
typedef struct lanes_bits {
    bits_quarter part[LANES_PARTS];
} lanes_bits;
typedef lanes_bits lanes_mask;
typedef struct lanes_wide {
    double lane[LANES];
} lanes_wide;

/* The value of expression for each part i. */
#define EACH_PART(type, expression)                                                                                    \
    type result = {{{0}}};                                                                                             \
    for (int i = 0; i < LANES_PARTS; i++) {                                                                            \
        result.part[i] = (expression);                                                                                 \
    }                                                                                                                  \
    return result

INLINE lanes lanes_set(float x) { EACH_PART(lanes, ((lanes_quarter){x, x, x, x})); }
INLINE lanes lanes_load(const float *p)
{
    lanes a;
    memcpy(&a, p, sizeof a);
    return a;
}
INLINE void lanes_store(float *p, lanes a) { memcpy(p, &a, sizeof a); }
INLINE lanes lanes_load_first(const float *p, size_t n)
{
    lanes a = {{{0}}};
    memcpy(&a, p, n * sizeof *p);
    return a;
}
INLINE void lanes_store_first(float *p, lanes a, size_t n) { memcpy(p, &a, n * sizeof *p); }

INLINE lanes lanes_add(lanes a, lanes b) { EACH_PART(lanes, a.part[i] + b.part[i]); }
INLINE lanes lanes_subtract(lanes a, lanes b) { EACH_PART(lanes, a.part[i] - b.part[i]); }
INLINE lanes lanes_multiply(lanes a, lanes b) { EACH_PART(lanes, a.part[i] * b.part[i]); }
INLINE lanes lanes_divide(lanes a, lanes b) { EACH_PART(lanes, a.part[i] / b.part[i]); }
INLINE lanes lanes_square_root(lanes a)
{
    EACH_PART(lanes,
              ((lanes_quarter){sqrtf(a.part[i][0]), sqrtf(a.part[i][1]), sqrtf(a.part[i][2]), sqrtf(a.part[i][3])}));
}
INLINE lanes_quarter quarter_fma(lanes_quarter a, lanes_quarter b, lanes_quarter c)
{
    return (lanes_quarter){fmaf(a[0], b[0], c[0]), fmaf(a[1], b[1], c[1]), fmaf(a[2], b[2], c[2]),
                           fmaf(a[3], b[3], c[3])};
}
LANES_LONG lanes lanes_fma(lanes a, lanes b, lanes c)
{
    EACH_PART(lanes, quarter_fma(a.part[i], b.part[i], c.part[i]));
}

INLINE lanes_mask lanes_less(lanes a, lanes b) { EACH_PART(lanes_mask, (bits_quarter)(a.part[i] < b.part[i])); }
INLINE lanes_mask lanes_equal(lanes a, lanes b) { EACH_PART(lanes_mask, (bits_quarter)(a.part[i] == b.part[i])); }
INLINE lanes_mask lanes_mask_and(lanes_mask a, lanes_mask b) { EACH_PART(lanes_mask, a.part[i] & b.part[i]); }
INLINE lanes_mask lanes_first(size_t n)
{
    const bits_quarter end = {(uint32_t)n, (uint32_t)n, (uint32_t)n, (uint32_t)n}, lane = {0, 1, 2, 3};
    EACH_PART(lanes_mask, (bits_quarter)(lane + (uint32_t)(i * LANES_PART) < end));
}
INLINE lanes lanes_select(lanes_mask mask, lanes a, lanes b)
{
    EACH_PART(lanes,
              (lanes_quarter)((mask.part[i] & (bits_quarter)a.part[i]) | (~mask.part[i] & (bits_quarter)b.part[i])));
}
INLINE lanes lanes_maximum(lanes a, lanes b) { return lanes_select(lanes_less(b, a), a, b); }
INLINE lanes lanes_minimum(lanes a, lanes b) { return lanes_select(lanes_less(a, b), a, b); }

INLINE lanes_bits lanes_to_bits(lanes a) { EACH_PART(lanes_bits, (bits_quarter)a.part[i]); }
INLINE lanes lanes_from_bits(lanes_bits a) { EACH_PART(lanes, (lanes_quarter)a.part[i]); }
INLINE lanes lanes_from_integer(lanes_bits a)
{
    EACH_PART(lanes, __builtin_convertvector((integer_quarter)a.part[i], lanes_quarter));
}
INLINE lanes_bits bits_set(uint32_t x) { EACH_PART(lanes_bits, ((bits_quarter){x, x, x, x})); }
INLINE lanes_bits bits_load(const uint32_t *p)
{
    lanes_bits a;
    memcpy(&a, p, sizeof a);
    return a;
}
INLINE lanes_bits bits_add(lanes_bits a, lanes_bits b) { EACH_PART(lanes_bits, a.part[i] + b.part[i]); }
INLINE lanes_bits bits_subtract(lanes_bits a, lanes_bits b) { EACH_PART(lanes_bits, a.part[i] - b.part[i]); }
INLINE lanes_bits bits_and(lanes_bits a, lanes_bits b) { EACH_PART(lanes_bits, a.part[i] & b.part[i]); }
INLINE lanes_bits bits_or(lanes_bits a, lanes_bits b) { EACH_PART(lanes_bits, a.part[i] | b.part[i]); }
INLINE lanes_bits bits_xor(lanes_bits a, lanes_bits b) { EACH_PART(lanes_bits, a.part[i] ^ b.part[i]); }
INLINE lanes_bits bits_left(lanes_bits a, int n) { EACH_PART(lanes_bits, a.part[i] << n); }
INLINE lanes_bits bits_right_signed(lanes_bits a, int n)
{
    EACH_PART(lanes_bits, (bits_quarter)((integer_quarter)a.part[i] >> n));
}
INLINE lanes_mask bits_less(lanes_bits a, lanes_bits b)
{
    EACH_PART(lanes_mask, (bits_quarter)(a.part[i] < b.part[i]));
}

#undef EACH_PART

INLINE lanes_quarter lanes_fold_sum(lanes a) { return (a.part[0] + a.part[2]) + (a.part[1] + a.part[3]); }

INLINE lanes_quarter quarter_maximum(lanes_quarter a, lanes_quarter b)
{
    bits_quarter mask = (bits_quarter)(a > b);
    return (lanes_quarter)((mask & (bits_quarter)a) | (~mask & (bits_quarter)b));
}

INLINE lanes_quarter lanes_fold_maximum(lanes a)
{
    return quarter_maximum(quarter_maximum(a.part[0], a.part[2]), quarter_maximum(a.part[1], a.part[3]));
}

INLINE lanes_wide wide_zero(void) { return (lanes_wide){{0}}; }

INLINE lanes_wide wide_add_square(lanes_wide sum, lanes a)
{
    for (int i = 0; i < LANES; i++) {
        double x = (double)a.part[i / LANES_PART][i % LANES_PART];
        sum.lane[i] += x * x; /* the product is exact, so a fused one gives the same */
    }
    return sum;
}

INLINE void wide_store(double *p, lanes_wide a) { memcpy(p, &a, sizeof a); }

#endif
