/* Layouts with their sizes worked out: what the kernels' drivers and the file formats need to know. */
#ifndef MOTE_FORMATS_LAYOUT_H
#define MOTE_FORMATS_LAYOUT_H

#include "base/context.h"
#include "mote/format.h"

/* A checked layout: axis in 0 .. rank - 1 (0 for a scalar, which is treated as shape [1]). */
typedef struct mote_resolved_layout {
    const mote_format_traits *traits;
    mote_layout_sizes sizes;
    int rank;    /* at least 1 */
    bool scalar; /* rank was 0: there are no strides */
    int axis;
    size_t shape[MOTE_MAXIMUM_RANK];
    size_t line_stride[MOTE_MAXIMUM_RANK]; /* lines between neighbours along each dimension; 0 at axis */
    size_t stride[MOTE_MAXIMUM_RANK];      /* row-major strides in elements */
    size_t line_bytes;                     /* of the element plane; 0 for formats without blocks */
} mote_resolved_layout;

mote_status mote_layout_resolve(mote_context *context, const mote_layout *layout, mote_resolved_layout *resolved);

/* "[2, 3]" into text; returns text. */
const char *mote_shape_text(int rank, const size_t *shape, char *text, size_t size);

/* True if both have the same format and shape, and, where there are blocks, the same axis. */
bool mote_layout_same(const mote_layout *a, const mote_layout *b);

#endif
