/* Products of matrices in any format.
 *
 *   y = a b (+ bias) (+ y)      a [..., m, k], b [..., k, n], y [..., m, n]
 *
 * Either side is an FP32 array that is converted on the way, along the reduction dimension k, or a tensor that is in
 * its format already. Products of elements are exact; a block's products are summed exactly where they are integers
 * (mxint8, mxfp6, mxfp4, nvfp4 with each other) and by FP32 multiply-adds in order otherwise; blocks are added to an
 * FP32 sum in order, one rounding each. An element of y therefore depends on its row of a and its column of b alone: it
 * has the same bits on every CPU and instruction set, for any number of threads, alone or in any batch. (One exception,
 * by its definition: nvfp4's tensor scale comes from the whole operand.) docs/numerics.md gives the bounds. A NaN block
 * makes NaN of exactly the elements of y that read it.
 *
 * Sources: OCP MX v1.0 section 6.1 and 6.2 (dot products of blocks); Rouhani et al., arXiv 2310.10537, section 4.
 */
#ifndef MOTE_MATMUL_H
#define MOTE_MATMUL_H

#include "mote/quantize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One side of a product: values, or tensor.
 *
 * values: an FP32 array of this shape (rank 2 to MOTE_MAXIMUM_RANK, the last two dimensions are the matrix), any
 * strides (in elements; NULL: row-major), taken in format: fp32 as it is, any other format by conversion under options
 * (random numbers by row-major position). rank, shape, strides, format and options are not read where tensor is given.
 * tensor: its blocks must run along the reduction dimension: the last for a, the last but one for b; fp32, bf16 and
 * fp16 tensors have no blocks and may be a; as b only fp32 ones. Exchanging a tensor's last two dimensions is free
 * (see mote_transpose()), so weights [n, k] with axis 1 are b as [k, n] with axis 0. */
typedef struct mote_operand {
    const float *values;
    const mote_tensor *tensor;
    int rank;
    size_t shape[MOTE_MAXIMUM_RANK];
    const ptrdiff_t *strides;
    mote_format format;
    mote_quantize_options options;
} mote_operand;

/* The right-hand side packed once for many products: its codes in the order in which the kernels read them, with no
 * more bits a value than the format has (columns are rounded up to 16, the reduction dimension to 32). */
typedef struct mote_packed mote_packed;

/* Packs b (rank 2). *packed is owned by the caller (mote_packed_destroy). May be used with any context and any number
 * of threads at a time. Errors: MOTE_ERROR_ARGUMENT, MOTE_ERROR_SHAPE, MOTE_ERROR_UNSUPPORTED, MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_pack(mote_context *context, const mote_operand *b, mote_packed **packed);
MOTE_API void mote_packed_destroy(mote_packed *packed);

/* Bytes that a packed operand holds, its format, k and n. */
MOTE_API size_t mote_packed_bytes(const mote_packed *packed);
MOTE_API mote_format mote_packed_format(const mote_packed *packed);
MOTE_API size_t mote_packed_rows(const mote_packed *packed);
MOTE_API size_t mote_packed_columns(const mote_packed *packed);

/* y = a b, batch dimensions broadcast as in NumPy. bias: n values or NULL. accumulate: not 0 to add to y. y: FP32 with
 * the broadcast shape; strides in elements, NULL for row-major, the last one 1. y must not overlap the operands.
 * Formats: any MX format with any MX format; any MX format or nvfp4 with fp32, bf16 or fp16; nvfp4 with nvfp4; fp32,
 * bf16 and fp16 with each other. Memory: a workspace of at most 64 MiB (one product: 16 MiB and one and a half
 * times a second-level cache), kept by the context for the next call.
 * Errors: MOTE_ERROR_ARGUMENT, MOTE_ERROR_SHAPE, MOTE_ERROR_UNSUPPORTED (formats), MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_matmul(mote_context *context, const mote_operand *a, const mote_operand *b, const float *bias,
                                 int accumulate, float *y, const ptrdiff_t *strides);

/* The same with a packed right-hand side: y [..., m, n] = a [..., m, k] packed. */
MOTE_API mote_status mote_matmul_packed(mote_context *context, const mote_operand *a, const mote_packed *b,
                                        const float *bias, int accumulate, float *y, const ptrdiff_t *strides);

#ifdef __cplusplus
}
#endif
#endif
