/* Operands of the public products, checked and opened as sources. */
#ifndef MOTE_KERNELS_GEMM_OPERAND_H
#define MOTE_KERNELS_GEMM_OPERAND_H

#include "kernels/gemm/product.h"
#include "mote/matmul.h"

struct mote_packed {
    mote_gemm_packed place;
    size_t bytes;
    mote_allocator allocator;
};

/* Which side of the product. */
typedef enum mote_side { MOTE_SIDE_ROWS, MOTE_SIDE_COLUMNS } mote_side;

/* An operand whose matrices are sources: all alike but for where they start. */
typedef struct mote_open_operand {
    mote_gemm_source source; /* of the first matrix */
    int rank;                /* of the operand; batch dimensions are the first rank - 2 */
    size_t shape[MOTE_MAXIMUM_RANK];
    ptrdiff_t value_stride[MOTE_MAXIMUM_RANK];   /* of values, in floats */
    size_t line_stride[MOTE_MAXIMUM_RANK];       /* of planes, in lines */
    uint64_t position_stride[MOTE_MAXIMUM_RANK]; /* row-major */
} mote_open_operand;

mote_status mote_operand_open(mote_context *context, const mote_operand *operand, mote_side side, const char *name,
                              mote_open_operand *open);

/* The source of the matrix at index (of rank batch dimensions, the last ones are the operand's; length 1 broadcasts).
 */
mote_gemm_source mote_operand_at(const mote_open_operand *open, int rank, const size_t *index);

/* Fails if products do not take a format; name says whose it is. */
mote_status mote_format_check(mote_context *context, mote_format format, const char *name);

/* Gives a source in nvfp4 its scales, which come from the whole array (rank at least 2 with strides; NULL: row-major).
 */
void mote_gemm_measure(mote_context *context, mote_gemm_source *source, int rank, const size_t *shape,
                       const ptrdiff_t *strides);

/* Fails with both names if the formats do not go together. */
mote_status mote_formats_check(mote_context *context, mote_format a, mote_format b, mote_gemm_kind *kind);

/* mote_matmul() with a number, not 0, that stands for the values of a. If the product before had an a of the same
 * number, format and options and nothing has used the workspace since, its rows are not converted again: layers that
 * read one x read it once. The caller vouches for values that have not changed, and forgets where a number may come to
 * stand for others. */
mote_status mote_matmul_known(mote_context *context, const mote_operand *a, uint64_t identity, const mote_operand *b,
                              const float *bias, float *y);
void mote_forget_rows(mote_context *context);

/* Bytes of the context's workspace that mote_matmul takes for count products [rows, length] x [length, columns]. */
size_t mote_matmul_workspace(const mote_context *context, mote_format a, mote_format b, size_t count, size_t rows,
                             size_t columns, size_t length);

#endif
