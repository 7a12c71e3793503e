/* Linear layers and convolutions under a policy, forward and backward.
 *
 * A policy names the number format of each operand of each product. As in the MX paper's training recipe, each product
 * quantizes both operands along its own reduction dimension, from FP32: weights are therefore quantized twice, along
 * the inputs for y = x W^T and along the outputs for dx = dy W.
 *
 * Sources: Rouhani et al., arXiv 2310.10537, section 4.2 and figure 2 (compute flow of training).
 */
#ifndef MOTE_LINEAR_H
#define MOTE_LINEAR_H

#include "mote/matmul.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Formats of the operands of a layer's three products, and how they are rounded. */
typedef struct mote_policy {
    mote_format forward_activation, forward_weight; /* y = x W^T, reduced over the inputs */
    mote_format backward_gradient, backward_weight; /* dx = dy W, reduced over the outputs */
    mote_format update_gradient, update_activation; /* dW = dy^T x, reduced over the rows */
    mote_rounding rounding;                         /* of weights and activations */
    mote_rounding gradient_rounding;                /* of output gradients */
    mote_scale_rule scale_rule;                     /* of the MX formats */
    uint64_t seed;                                  /* for stochastic rounding; change it every step */
} mote_policy;

/* Fills policy from a name: that of a format (but mxfp6_e2m3's: that format everywhere), or
 *   mxfp8              E4M3 everywhere (arXiv 2506.08027)
 *   mxfp6              E3M2 everywhere (arXiv 2310.10537, table 6)
 *   mxfp6_e2m3         E2M3 forward and for weights and activations, E3M2 for gradients
 *   mxfp4-w_mxfp6-ag   E2M1 weights, E3M2 activations and gradients (arXiv 2310.10537, table 6)
 * Rounding nearest even, scale rule floor, seed 0. Returns 1, or 0 for an unknown name. */
MOTE_API int mote_policy_find(const char *name, mote_policy *policy);

/* The names that mote_policy_find knows, in order; NULL from the end on. */
MOTE_API const char *mote_policy_name(int index);

/* y [rows, outputs] = x [rows, inputs] w [outputs, inputs]^T (+ bias [outputs]). Arrays are FP32, row-major, with that
 * many floats from row to row (0: no gap). For weights that stay the same, pack them once: mote_pack,
 * mote_matmul_packed. Errors: as mote_matmul. */
MOTE_API mote_status mote_linear(mote_context *context, const mote_policy *policy, size_t rows, size_t inputs,
                                 size_t outputs, const float *x, ptrdiff_t x_stride, const float *w, ptrdiff_t w_stride,
                                 const float *bias, float *y, ptrdiff_t y_stride);

/* Gradients of the layer above from dy [rows, outputs]. Any of dx [rows, inputs], dw [outputs, inputs] and db [outputs]
 * may be NULL; with accumulate, dw and db are added to. db is summed in FP64 in the order of rows and rounded once,
 * before it is added to what is there. dx and dw are the products of operands quantized under the policy, exactly as
 * mote_quantize makes them (with stochastic rounding each operand has a seed of its own, derived from the policy's). */
MOTE_API mote_status mote_linear_backward(mote_context *context, const mote_policy *policy, size_t rows, size_t inputs,
                                          size_t outputs, const float *x, ptrdiff_t x_stride, const float *w,
                                          ptrdiff_t w_stride, const float *dy, ptrdiff_t dy_stride, int accumulate,
                                          float *dx, ptrdiff_t dx_stride, float *dw, ptrdiff_t dw_stride, float *db);

/* A convolution: sizes of a batch of images, channels last, and of its filters. One-dimensional ones have height,
 * kernel_height and strides of 1 and no padding there. */
typedef struct mote_convolution {
    size_t batch, height, width, channels;
    size_t filters, kernel_height, kernel_width;
    size_t stride_height, stride_width;     /* at least 1 */
    size_t padding_height, padding_width;   /* zeros on either side */
    size_t dilation_height, dilation_width; /* at least 1: 1 is dense */
} mote_convolution;

/* Height and width of the result. Errors: MOTE_ERROR_SHAPE (a stride or dilation of 0, a kernel larger than the padded
 * image, sizes that overflow). */
MOTE_API mote_status mote_convolution_output(mote_context *context, const mote_convolution *shape, size_t *height,
                                             size_t *width);

/* y [batch, out height, out width, filters] = x [batch, height, width, channels] * w [filters, kernel height, kernel
 * width, channels] (+ bias [filters]); all FP32, row-major, dense. A product over (kernel height, kernel width,
 * channels), in this order, whose left operand is never unfolded in memory. Errors: as mote_matmul. */
MOTE_API mote_status mote_convolve(mote_context *context, const mote_policy *policy, const mote_convolution *shape,
                                   const float *x, const float *w, const float *bias, float *y);

/* Gradients from dy, shaped as y; as mote_linear_backward. dx is a product over (kernel height, kernel width, filters),
 * dw one over (batch, out height, out width). */
MOTE_API mote_status mote_convolve_backward(mote_context *context, const mote_policy *policy,
                                            const mote_convolution *shape, const float *x, const float *w,
                                            const float *dy, int accumulate, float *dx, float *dw, float *db);

#ifdef __cplusplus
}
#endif
#endif
