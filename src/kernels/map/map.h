/* Kernel family map: functions of one value or a few, value by value.
 *
 * The same bits on every instruction set and whatever the arrays are cut into. Every NaN written is 0x7FC00000. Arrays
 * may be the same or must not overlap: a result may replace any argument that is read a value at a time. */
#ifndef MOTE_KERNELS_MAP_MAP_H
#define MOTE_KERNELS_MAP_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/context.h"

/* With their largest errors, in units in the last place (ulp) of the exact result; "exact" is rounded once. Results
 * below 2^-126 add one smallest subnormal, and where they are x times such a number, |x| of them;
 * processors take long for such numbers, which gelu makes from -13 down. */
typedef enum mote_unary {
    MOTE_UNARY_NEGATE,      /* exact */
    MOTE_UNARY_ABSOLUTE,    /* exact */
    MOTE_UNARY_SQUARE,      /* exact */
    MOTE_UNARY_SQUARE_ROOT, /* exact */
    MOTE_UNARY_RECIPROCAL,  /* exact */
    MOTE_UNARY_RELU,        /* exact: maximum(x, 0) */
    MOTE_UNARY_EXP,         /* 1 */
    MOTE_UNARY_LOG,         /* 1; -infinity for zeros, NaN below */
    MOTE_UNARY_TANH,        /* 2 */
    MOTE_UNARY_ERF,         /* 2 */
    MOTE_UNARY_SIGMOID,     /* 1 / (1 + e^-x): 3 */
    MOTE_UNARY_SILU,        /* x sigmoid(x): 4; -0 for -infinity */
    MOTE_UNARY_GELU,        /* x (1 + erf(x / sqrt 2)) / 2: 8, far into the negative tail too; -0 for -infinity */
    MOTE_UNARY_GELU_TANH,   /* x (1 + tanh z) / 2, z = sqrt(2/pi) (x + 0.044715 x^3): 4 + 6 |z|; -0 for -infinity */
    MOTE_UNARY_COUNT
} mote_unary;

/* y[i] = op(x[i]). y may be x. */
typedef void mote_map_unary_fn(mote_unary op, size_t count, const float *x, float *y);

/* dx[i] = dy[i] * op'(x[i]). dx may be x or dy. op' is exact for the exact operations but square_root and reciprocal (3
 * ulp), and has the error of op and 3 ulp more for the others; where it crosses zero (silu, gelu, gelu_tanh) the error
 * is that many ulp of 1: 8, 8, 16. It is an FP32 number: zero below 2^-150, and for silu, gelu and gelu_tanh already
 * where their gate is, so that an infinite dy may become NaN there. At zero the derivative of the absolute value is
 * zero; relu's is zero up to zero, and a NaN of x leaves dy. */
typedef void mote_map_unary_gradient_fn(mote_unary op, size_t count, const float *x, const float *dy, float *dx);

typedef enum mote_binary {
    MOTE_BINARY_ADD,
    MOTE_BINARY_SUBTRACT,
    MOTE_BINARY_MULTIPLY,
    MOTE_BINARY_DIVIDE,
    MOTE_BINARY_MAXIMUM, /* a where a > b or a is NaN, else b */
    MOTE_BINARY_COUNT
} mote_binary;

/* y[i] = a[i * a_step] op b[i * b_step], rounded once; steps are 0 (one value for all) or 1. y may be an argument of
 * step 1. */
typedef void mote_map_binary_fn(mote_binary op, size_t count, const float *a, size_t a_step, const float *b,
                                size_t b_step, float *y);

/* y[i] = silu(gate[i]) * up[i], to 5 ulp. y may be gate or up. */
typedef void mote_swiglu_fn(size_t count, const float *gate, const float *up, float *y);

/* dgate[i] = dy[i] * up[i] * silu'(gate[i]), dup[i] = dy[i] * silu(gate[i]). Each may be any of the three arguments. */
typedef void mote_swiglu_gradient_fn(size_t count, const float *gate, const float *up, const float *dy, float *dgate,
                                     float *dup);

/* y[i] = word(position + i) < threshold ? 0 : x[i] * scale, with the words of stream seed (base/philox.h): a value is
 * dropped with probability threshold / 2^32, the same one in the backward pass, which is the same call on dy. y may be
 * x. */
typedef void mote_dropout_fn(size_t count, uint64_t seed, uint64_t position, uint32_t threshold, float scale,
                             const float *x, float *y);

/* Rotates the pairs (x[i], x[half + i]) by the angles whose cosines and sines are given, half of each:
 *
 *   y[i] = x[i] cosine[i] - sign x[half + i] sine[i],   y[half + i] = x[half + i] cosine[i] + sign x[i] sine[i]
 *
 * each one product and one fused multiply-add. sign is 1, or -1 for the inverse, which is the backward pass. y may be
 * x. */
typedef void mote_rotary_fn(size_t half, const float *cosine, const float *sine, float sign, const float *x, float *y);

/* The same for whole arrays, shared among the context's threads. */
void mote_map_unary(const mote_context *context, mote_unary op, size_t count, const float *x, float *y);
void mote_map_unary_gradient(const mote_context *context, mote_unary op, size_t count, const float *x, const float *dy,
                             float *dx);
void mote_map_binary(const mote_context *context, mote_binary op, size_t count, const float *a, size_t a_step,
                     const float *b, size_t b_step, float *y);
void mote_swiglu(const mote_context *context, size_t count, const float *gate, const float *up, float *y);
void mote_swiglu_gradient(const mote_context *context, size_t count, const float *gate, const float *up,
                          const float *dy, float *dgate, float *dup);
void mote_dropout(const mote_context *context, size_t count, uint64_t seed, uint64_t position, uint32_t threshold,
                  float scale, const float *x, float *y);

#endif
