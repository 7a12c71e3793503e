/* Number formats: what one number is, and how a tensor of them lies in memory.
 *
 * Source: OCP Microscaling Formats (MX) Specification v1.0, sections 5 and 6; NVFP4: arXiv 2509.25149,
 * appendix B. docs/formats.md draws every format bit by bit.
 */
#ifndef MOTE_FORMAT_H
#define MOTE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "mote/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mote_format {
    /* formats that mote converts to, computes in and trains in */
    MOTE_FP32 = 0,
    MOTE_BF16,
    MOTE_FP16,
    MOTE_MXFP8_E4M3,
    MOTE_MXFP8_E5M2,
    MOTE_MXFP6_E3M2,
    MOTE_MXFP6_E2M3,
    MOTE_MXFP4_E2M1,
    MOTE_MXINT8,
    MOTE_NVFP4,
    /* formats that files hold: read as numbers, never made by a conversion */
    MOTE_FP64,
    MOTE_FP8_E4M3, /* elements without a block scale */
    MOTE_FP8_E5M2,
    MOTE_FP8_E8M0,
    MOTE_FP6_E3M2,
    MOTE_FP6_E2M3,
    MOTE_FP4_E2M1,
    MOTE_Q8_0, /* GGUF: 32 signed bytes share an FP16 scale */
    /* carried through unchanged */
    MOTE_INT8,
    MOTE_INT16,
    MOTE_INT32,
    MOTE_INT64,
    MOTE_UINT8,
    MOTE_UINT16,
    MOTE_UINT32,
    MOTE_UINT64,
    MOTE_BOOL,
    MOTE_COMPLEX64,
    MOTE_FORMAT_COUNT
} mote_format;

typedef enum mote_format_kind {
    MOTE_KIND_TARGET = 0, /* mote_quantize() can make it, mote_dequantize() reads it */
    MOTE_KIND_SOURCE = 1, /* mote_dequantize() reads it */
    MOTE_KIND_CARRIED = 2 /* integers and the like: bytes only */
} mote_format_kind;

/* One row of the traits table. */
typedef struct mote_format_traits {
    const char *name;    /* "mxfp4_e2m1" */
    const char *summary; /* one line for people */
    mote_format_kind kind;
    int element_bits;      /* bits of one element as stored */
    int block_length;      /* elements that share a scale; 1: no scale */
    int block_bytes;       /* bytes of one block in the element plane; 0 where block_length is 1 */
    int scale_bytes;       /* bytes of one block scale; 0 where block_length is 1 */
    int exponent_bits;     /* of the element; 0 for integers */
    int mantissa_bits;     /* of the element, without the implied one; mxint8: 6 fraction bits */
    int maximum_exponent;  /* exponent of the largest element: OCP's emax */
    int minimum_exponent;  /* exponent of the smallest normal element */
    double largest;        /* largest finite element; 0 for carried formats */
    double smallest;       /* smallest element above zero; 0 for carried formats */
    double bits_per_value; /* storage with its share of the block scale */
} mote_format_traits;

/* The row of a format; NULL if out of range. Static storage. */
MOTE_API const mote_format_traits *mote_format_get(mote_format format);

/* Finds a format by name. The short names mxfp8 (e4m3), mxfp6 (e3m2) and mxfp4 are understood.
 * Returns MOTE_FORMAT_COUNT for an unknown name. */
MOTE_API mote_format mote_format_find(const char *name);

/* Value of one element code (the low element_bits of code, at most 16 bits) without its block scale.
 * Only for formats whose element has at most 16 bits; otherwise, and for NaN codes, returns NaN. */
MOTE_API double mote_element_value(mote_format format, uint32_t code);

enum { MOTE_MAXIMUM_RANK = 8 };

/* Format and shape of a tensor.
 *
 * Block formats keep two planes. The tensor is cut into lines along axis; a line is a whole number of
 * blocks, the last one padded with zeros. Lines follow each other in row-major order of the remaining
 * dimensions, so blocks are contiguous along the reduction dimension whatever axis is:
 *
 *   shape [2, 40], axis 1, mxfp4 (16 bytes a block, 1 byte a scale)
 *   elements: | row 0: block 0 | row 0: block 1, 8 + 24 zeros | row 1: block 0 | row 1: block 1 |
 *   scales:   | s00 | s01 | s10 | s11 |
 *
 * Within a block elements are packed from the least significant bit up: 4 bits: even element in the low
 * nibble; 6 bits: four elements in three bytes; 8 bits: one a byte. Formats without blocks are one flat
 * row-major array and axis is ignored. */
typedef struct mote_layout {
    mote_format format;
    int rank;                        /* 0 (a scalar) to MOTE_MAXIMUM_RANK */
    int axis;                        /* blocks run along it; negative counts from the end */
    size_t shape[MOTE_MAXIMUM_RANK]; /* elements; a dimension may be 0 */
} mote_layout;

typedef struct mote_layout_sizes {
    size_t count; /* values */
    size_t lines; /* lines along axis */
    size_t blocks_per_line;
    size_t element_bytes; /* bytes of the element plane */
    size_t scale_bytes;   /* bytes of the scale plane; 0 for formats without blocks */
} mote_layout_sizes;

/* Checks a layout and computes its sizes, every product checked for overflow.
 * Errors: MOTE_ERROR_ARGUMENT (unknown format), MOTE_ERROR_SHAPE (rank, axis, too large). */
MOTE_API mote_status mote_layout_measure(mote_context *context, const mote_layout *layout, mote_layout_sizes *sizes);

#ifdef __cplusplus
}
#endif
#endif
