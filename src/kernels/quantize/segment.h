/* Values of a tensor of any format, a segment of a line at a time: for sums and histograms. */
#ifndef MOTE_KERNELS_QUANTIZE_SEGMENT_H
#define MOTE_KERNELS_QUANTIZE_SEGMENT_H

#include "kernels/quantize/box.h"

/* At most MOTE_SEGMENT values along the tensor's axis, decoded. */
typedef struct mote_segment {
    size_t origin[MOTE_MAXIMUM_RANK]; /* of the first value */
    size_t line, count;
    const float *values;
} mote_segment;

typedef void mote_segment_visitor(void *argument, const mote_open_tensor *open, const mote_segment *segment);

/* Visits the segments of a box in order. */
void mote_visit_segments(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                         mote_segment_visitor *visitor, void *argument, mote_scratch *scratch);

/* A cut that does not depend on the number of threads, so that sums over its pieces do not either. */
enum { MOTE_FIXED_PIECES = 64 };
mote_cut mote_cut_fixed(const mote_resolved_layout *layout);

#endif
