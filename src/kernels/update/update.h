/* Kernel family update: what an optimizer does to parameters, value by value, and the norm of a gradient.
 *
 * The same bits on every instruction set and whatever the arrays are cut into. Every operation rounds to FP32 by
 * itself, in the order that is written here. Every NaN written is 0x7FC00000. Arrays must not overlap. */
#ifndef MOTE_KERNELS_UPDATE_UPDATE_H
#define MOTE_KERNELS_UPDATE_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "formats/element.h"

/* One step of AdamW (Loshchilov and Hutter, arXiv 1711.05101) as torch.optim.AdamW orders it; mote_adamw_at() fills it.
 *
 *   g = gradient multiplier;   p = p decay
 *   m = m + weight1 (g - m)                         weight1 = 1 - beta1 below 1/2; else m = g - (g - m) (1 - weight1)
 *   v = v beta2 + (weight2 g) g                     weight2 = 1 - beta2
 *   p = p - (rate m) / (sqrt(v) / correction + epsilon) */
typedef struct mote_adamw_step {
    float multiplier; /* of the gradient: clipping */
    float decay;      /* 1 - learning rate * weight decay */
    float weight1, beta2, weight2;
    float rate;       /* learning rate / (1 - beta1^t) */
    float correction; /* sqrt(1 - beta2^t) */
    float epsilon;
} mote_adamw_step;

typedef void mote_update_adamw_fn(size_t count, const mote_adamw_step *step, const float *gradient, float *parameter,
                                  float *m, float *v);

/* Gradient descent with momentum and decoupled decay:
 *
 *   g = gradient multiplier;   p = p decay;   b = momentum b + g;   p = p - rate (nesterov ? g + momentum b : b)
 *
 * buffer (b) starts as zeros; NULL: momentum is zero and b is g. */
typedef struct mote_sgd_step {
    float multiplier, decay, momentum, rate;
    bool nesterov;
} mote_sgd_step;

typedef void mote_update_sgd_fn(size_t count, const mote_sgd_step *step, const float *gradient, float *parameter,
                                float *buffer);

/* average += weight (x - average), weight = 1 - decay of a moving average. */
typedef void mote_update_average_fn(size_t count, float weight, const float *x, float *average);

/* Sum of x^2 in FP64, where squares are exact: term i goes to sum i % 32, sums fold in halves. 2^-53 (count / 32 + 5)
 * relative. */
typedef double mote_sum_squares_fn(size_t count, const float *x);

/* Lifts values above zero, in blocks of MOTE_MX_BLOCK (the last may be shorter), to the smallest number above zero that
 * the element type has at the block's scale, so that rounding to blocks makes none of them zero. increment:
 * mote_scale_increment(). x >= 0. */
typedef void mote_update_lift_blocks_fn(const mote_element *element, uint32_t increment, size_t count, float *x);

/* What AdamW is set to. */
typedef struct mote_adamw {
    double learning_rate, beta1, beta2, epsilon, weight_decay;
} mote_adamw;

/* Step t = 1, 2, ..., gradients multiplied by multiplier; computed in FP64 and rounded once. */
mote_adamw_step mote_adamw_at(const mote_adamw *adamw, uint64_t t, float multiplier);

/* The same for whole arrays, shared among the context's threads. */
void mote_update_adamw(const mote_context *context, size_t count, const mote_adamw_step *step, const float *gradient,
                       float *parameter, float *m, float *v);
void mote_update_sgd(const mote_context *context, size_t count, const mote_sgd_step *step, const float *gradient,
                     float *parameter, float *buffer);
void mote_update_average(const mote_context *context, size_t count, float weight, const float *x, float *average);

/* Cut by count alone. */
double mote_sum_squares(const mote_context *context, size_t count, const float *x);

/* AdamW's state in 8 bits a value and 1/32 of a scale: m as MXINT8, sqrt(v) as MXFP8 E4M3, both one line of count
 * values with the scale rule ceil. Planes as mote_layout_measure sizes them; all zeros is the state before the first
 * step. */
typedef struct mote_adamw_blocks {
    uint8_t *m_elements, *m_scales, *root_elements, *root_scales;
} mote_adamw_blocks;

/* mote_update_adamw on such a state. m and v are rounded stochastically, from the words position + i of stream seed;
 * choose another seed for every step. (With nearest rounding a moment that changes by less than half the distance of
 * its neighbouring elements a step, as nearly all do, would never change.) So moments are right on average, while one
 * root by itself walks at random, by up to a third of itself, as it decays.
 *
 * A root above zero that is too small for its block is first lifted to the smallest element above zero, so none is
 * lost: its parameter moves less than it would, where a zero would make it jump. A block with a NaN or an infinity
 * becomes NaN, its parameters with it. position is where parameter lies in an array that is updated part by part, each
 * a whole number of blocks; the state's planes are the part's. */
void mote_update_adamw_blocks(const mote_context *context, size_t count, const mote_adamw_step *step, uint64_t seed,
                              uint64_t position, const float *gradient, float *parameter,
                              const mote_adamw_blocks *state);

#endif
