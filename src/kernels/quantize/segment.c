/* The walk over lines. */
#include "kernels/quantize/segment.h"

#include "kernels/quantize/plain.h"

mote_cut mote_cut_fixed(const mote_resolved_layout *layout)
{
    enum { PIECES_PER_THREAD = 4 };
    return mote_cut_choose(layout, layout->axis, -1, MOTE_MX_BLOCK, MOTE_FIXED_PIECES / PIECES_PER_THREAD);
}

void mote_visit_segments(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                         mote_segment_visitor *visitor, void *argument, mote_scratch *scratch)
{
    const mote_resolved_layout *layout = &open->layout;
    int axis = layout->axis;
    size_t index[MOTE_MAXIMUM_RANK] = {0};
    float values[MOTE_SEGMENT];
    mote_strided dense = {.start = values};
    mote_box line = *box;
    if (mote_box_empty(box, layout->rank)) {
        return;
    }
    for (int d = 0; d < layout->rank; d++) {
        dense.stride[d] = 1; /* every extent but one is 1 */
    }
    do {
        mote_segment segment = {.values = values};
        for (int d = 0; d < layout->rank; d++) {
            line.origin[d] = box->origin[d] + index[d];
            line.extent[d] = 1;
            segment.line += layout->line_stride[d] * line.origin[d];
        }
        for (size_t at = 0; at < box->extent[axis]; at += MOTE_SEGMENT) {
            line.origin[axis] = box->origin[axis] + at;
            line.extent[axis] = mote_size_min(MOTE_SEGMENT, box->extent[axis] - at);
            segment.count = line.extent[axis];
            memcpy(segment.origin, line.origin, sizeof segment.origin);
            (mote_in_blocks(open) ? mote_dequantize_box : mote_plain_dequantize_box)(kernels, open, &line, &dense,
                                                                                     scratch);
            visitor(argument, open, &segment);
        }
    } while (mote_box_next(box, layout->rank, 1u << axis, index));
}
