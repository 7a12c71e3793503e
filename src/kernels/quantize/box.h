/* A box: a part of a tensor, the unit of work of the conversions.
 *
 * The drivers cut a tensor into boxes, hand them to threads, and each box calls the row or column kernels.
 * Whatever the cut, the bytes are the same: a cut along the block axis falls between blocks. */
#ifndef MOTE_KERNELS_QUANTIZE_BOX_H
#define MOTE_KERNELS_QUANTIZE_BOX_H

#include "formats/layout.h"
#include "kernels/kernels.h"
#include "mote/quantize.h"

typedef struct mote_box {
    size_t origin[MOTE_MAXIMUM_RANK]; /* a whole number of blocks at the tensor's axis */
    size_t extent[MOTE_MAXIMUM_RANK];
} mote_box;

/* An FP32 array seen as a tensor. start points to the element at the box's origin. */
typedef struct mote_strided {
    const float *start;
    ptrdiff_t stride[MOTE_MAXIMUM_RANK]; /* in elements */
} mote_strided;

/* A tensor ready for work: checked, with its kernels' arguments filled in. */
typedef struct mote_open_tensor {
    const mote_tensor *tensor;
    mote_resolved_layout layout;
    mote_block_spec spec;
    const mote_quantize_options *options;
    uint64_t position; /* of the first value, where this is a part of a larger tensor: for random numbers */
} mote_open_tensor;

/* What a box needs to work on, so that nothing is allocated (about 120 KiB on the stack): a segment of a line, or,
 * where blocks run down columns, the maxima and the packed blocks of a run of panels of one block by MOTE_PANEL_COLUMNS
 * columns. A run is as many blocks as fill two cache lines of a column; of six-bit blocks, three. */
enum {
    MOTE_SEGMENT = 4096,
    MOTE_PANEL_COLUMNS = 2048,
    MOTE_STRIP_COLUMNS = MOTE_SEGMENT / MOTE_MX_BLOCK, /* whose random words fit */
    MOTE_RUN_BYTES = 128,
    MOTE_RUN_BYTES_SIX = 192,
    MOTE_RUN_SCALES = 16
};
typedef struct mote_scratch {
    uint32_t random[MOTE_SEGMENT];
    union {
        float values[MOTE_SEGMENT];
        struct {
            uint32_t maxima[MOTE_PANEL_COLUMNS];
            uint8_t scales[MOTE_PANEL_COLUMNS * MOTE_RUN_SCALES];
            uint8_t elements[MOTE_PANEL_COLUMNS * MOTE_RUN_BYTES_SIX];
        };
    };
} mote_scratch;

/* Checks tensor and options and fills open. options NULL: defaults. */
mote_status mote_tensor_open(mote_context *context, const mote_tensor *tensor, const mote_quantize_options *options,
                             mote_open_tensor *open);

/* What kernels must know of a block or 16-bit format under these options. */
mote_block_spec mote_block_spec_of(mote_format format, const mote_quantize_options *options, float tensor_scale);

/* Checks rounding and scale rule for a format. */
mote_status mote_options_check(mote_context *context, mote_format format, const mote_quantize_options *options);

/* The conversions of entries begin ... begin + length - 1 of dimension dim of a tensor, along which its blocks do not
 * run, from and to a dense array of their shape: the same bytes and values as when all of it is converted. To nearest
 * even, scale rule floor; not to nvfp4, whose scale depends on all of it. Errors: as mote_dequantize(). */
mote_status mote_quantize_part(mote_context *context, const float *x, mote_tensor *tensor, int dim, size_t begin,
                               size_t length);
mote_status mote_dequantize_part(mote_context *context, const mote_tensor *tensor, int dim, size_t begin, size_t length,
                                 float *y);

/* Finds the largest finite magnitude of x and sets the scales of open->spec for nvfp4. */
void mote_nvfp4_measure(const mote_context *context, mote_open_tensor *open, const float *x, const ptrdiff_t *strides);

/* Sets spec's scales for nvfp4 from the bits of the largest finite magnitude, in the default floating-point
 * environment. */
void mote_nvfp4_open(const mote_context *context, uint32_t largest, mote_block_spec *spec);

/* Single-threaded work on one box. tensor->tensor_scale must be final. */
void mote_quantize_box(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                       const mote_strided *x, mote_scratch *scratch);
void mote_dequantize_box(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                         const mote_strided *y, mote_scratch *scratch);

/* How a tensor is cut: piece i of pieces along dimension dim, in units of grain. */
typedef struct mote_cut {
    int dim;
    size_t grain, pieces;
} mote_cut;

/* A cut into enough pieces for threads, each a whole number of blocks along every axis given (-1: none). */
mote_cut mote_cut_choose(const mote_resolved_layout *layout, int axis, int second_axis, size_t grain, int threads);

/* Box number index of a cut. */
mote_box mote_cut_box(const mote_resolved_layout *layout, const mote_cut *cut, size_t index);

/* The array as seen from the box's origin. strides NULL: row-major. */
mote_strided mote_strided_at(const mote_resolved_layout *layout, const float *x, const ptrdiff_t *strides,
                             const mote_box *box);

/* Steps index through the box's extent, skipping the dimensions in skip (a bit mask), last one fastest.
 * Returns false after the last. index starts at zeros. */
static inline bool mote_box_next(const mote_box *box, int rank, unsigned skip, size_t *index)
{
    for (int d = rank - 1; d >= 0; d--) {
        if (skip >> d & 1) {
            continue;
        }
        if (++index[d] < box->extent[d]) {
            return true;
        }
        index[d] = 0;
    }
    return false;
}

static inline bool mote_box_empty(const mote_box *box, int rank)
{
    for (int d = 0; d < rank; d++) {
        if (box->extent[d] == 0) {
            return true;
        }
    }
    return false;
}

#endif
