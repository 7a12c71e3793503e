/* Conversion between FP32 arrays and tensors in any format.
 *
 * Sources: OCP MX v1.0 section 6.3; Rouhani et al., arXiv 2310.10537, algorithm 1; scale rule "ceil":
 * arXiv 2506.08027; NVFP4: arXiv 2509.25149, appendix B. Results are bit-exact: the same bytes on every
 * CPU, instruction set and number of threads.
 *
 * All pointers are owned by the caller. Arrays must not overlap unless a function says otherwise.
 * Strides are in elements, one for each dimension, and may be negative; NULL means row-major.
 */
#ifndef MOTE_QUANTIZE_H
#define MOTE_QUANTIZE_H

#include <stddef.h>
#include <stdint.h>

#include "mote/format.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mote_rounding {
    MOTE_NEAREST_EVEN = 0, /* ties to the even code (OCP MX v1.0 section 5.3: required) */
    MOTE_NEAREST_AWAY = 1, /* ties away from zero: the MX paper's setting for training */
    MOTE_TOWARD_ZERO = 2,
    MOTE_STOCHASTIC = 3, /* up with the probability of the discarded fraction, from seed and position */
    MOTE_ROUNDING_COUNT
} mote_rounding;

typedef enum mote_scale_rule {
    MOTE_SCALE_FLOOR = 0, /* exponent of the largest magnitude: OCP MX v1.0 section 6.3 */
    MOTE_SCALE_EVEN = 1,  /* floor after rounding the largest magnitude to the element's mantissa width */
    MOTE_SCALE_CEIL = 2,  /* smallest power of two for which nothing saturates */
    MOTE_SCALE_RULE_COUNT
} mote_scale_rule;

typedef struct mote_quantize_options {
    mote_rounding rounding;
    mote_scale_rule scale_rule; /* of the MX formats; nvfp4 has its own and accepts only MOTE_SCALE_FLOOR */
    uint64_t seed;              /* for MOTE_STOCHASTIC */
} mote_quantize_options;

/* Names as the command line and Python spell them ("nearest_even", "floor", ...); NULL out of range. */
MOTE_API const char *mote_rounding_name(mote_rounding rounding);
MOTE_API const char *mote_scale_rule_name(mote_scale_rule rule);

/* A tensor: its layout and its planes, which the caller owns (sizes from mote_layout_measure). */
typedef struct mote_tensor {
    mote_layout layout;
    void *elements;     /* element plane, any alignment; 64 bytes is fastest */
    uint8_t *scales;    /* scale plane; NULL for formats without blocks */
    float tensor_scale; /* nvfp4: value = element * block scale * tensor_scale; otherwise 1 */
} mote_tensor;

/* y = quantize(x). x has tensor->layout's shape. Writes the planes and tensor_scale of tensor.
 * options may be NULL: nearest even, floor. A block with a NaN or an infinity becomes a NaN block (scale
 * 0xFF, elements 0; nvfp4: scale 0x7F); elements beyond the largest magnitude saturate; FP32 subnormals
 * count; fp16 and bf16 keep NaN (as the quiet NaN of the same sign) and overflow to infinity as IEEE 754
 * says. Allocates nothing.
 * Errors: MOTE_ERROR_ARGUMENT, MOTE_ERROR_SHAPE, MOTE_ERROR_UNSUPPORTED (format is no target). */
MOTE_API mote_status mote_quantize(mote_context *context, const float *x, const ptrdiff_t *strides,
                                   const mote_quantize_options *options, mote_tensor *tensor);

/* y = dequantize(tensor), exact: FP32 holds every value but those above its range, which become
 * infinities (and, for nvfp4 and fp64, values with more than 24 bits, which are rounded once).
 * NaN elements and blocks give the quiet NaN 0x7FC00000.
 * Errors: as mote_quantize. */
MOTE_API mote_status mote_dequantize(mote_context *context, const mote_tensor *tensor, float *y,
                                     const ptrdiff_t *strides);

/* output = quantize(dequantize(input)) without an FP32 copy of the whole: the same shape, another axis or
 * another format. Memory: a few hundred KiB a thread. Errors: as mote_quantize, MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_requantize(mote_context *context, const mote_tensor *input,
                                     const mote_quantize_options *options, mote_tensor *output);

/* Exchanges the last two dimensions of a block tensor without touching a value: output's shape, and its
 * axis, must be input's with the last two exchanged. Because lines are stored along axis, this copies
 * whole lines; where axis is one of the two it is one memcpy, and reading the same planes with the
 * other layout does it for free. Errors: MOTE_ERROR_SHAPE, MOTE_ERROR_ARGUMENT. */
MOTE_API mote_status mote_transpose(mote_context *context, const mote_tensor *input, mote_tensor *output);

/* Element codes of a block tensor, one a byte, row-major in the tensor's shape, without padding.
 * mote_codes_pack is the inverse: it fills the element plane (padding with zeros) from codes and leaves
 * the scales alone; bits above the element's width are an error.
 * Only for formats with at most 8 bits an element. Errors: MOTE_ERROR_ARGUMENT, MOTE_ERROR_SHAPE. */
MOTE_API mote_status mote_codes_unpack(mote_context *context, const mote_tensor *tensor, uint8_t *codes);
MOTE_API mote_status mote_codes_pack(mote_context *context, const uint8_t *codes, mote_tensor *tensor);

/* What a conversion lost. Sums run over finite x in FP64. */
typedef struct mote_error {
    size_t count;            /* values */
    size_t nonfinite;        /* values of x that are NaN or infinite */
    size_t poisoned;         /* finite values of x that share a block with one, and so became NaN */
    size_t saturated;        /* finite, larger than the largest element times the block's scale */
    size_t flushed;          /* not zero in x, zero in the tensor */
    double signal;           /* sum of x^2 */
    double noise;            /* sum of (x - q)^2 */
    double maximum_relative; /* largest |x - q| / |x|, x not zero */
    double maximum_absolute; /* largest |x - q| */
} mote_error;

/* Compares x with tensor, adding to *error (zero it first; several tensors may share one).
 * The sums do not depend on the number of threads. Errors: as mote_dequantize. */
MOTE_API mote_status mote_compare(mote_context *context, const float *x, const ptrdiff_t *strides,
                                  const mote_tensor *tensor, mote_error *error);

/* Adds part to total: counts and sums add up, maxima are the larger ones. */
MOTE_API void mote_error_add(mote_error *total, const mote_error *part);

/* Signal-to-noise ratio in dB: 10 log10(signal / noise); infinite if nothing was lost. */
MOTE_API double mote_error_snr(const mote_error *error);

enum { MOTE_SUMMARY_BINS = 256 };

/* What a tensor's values look like. */
typedef struct mote_summary {
    size_t count, zeros, nonfinite;
    float minimum, maximum;               /* of finite values; +inf, -inf if there are none */
    double sum, sum_squares;              /* of finite values */
    size_t magnitudes[MOTE_SUMMARY_BINS]; /* by exponent: bin b holds 2^(b-127) <= |x| < 2^(b-126), x not zero */
    size_t scales[MOTE_SUMMARY_BINS];     /* block scales by their byte; zeros for formats without */
} mote_summary;

/* Summarizes a tensor of any format that mote_dequantize reads, without an FP32 copy of it.
 * Errors: as mote_dequantize, MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_summarize(mote_context *context, const mote_tensor *tensor, mote_summary *summary);

#ifdef __cplusplus
}
#endif
#endif
