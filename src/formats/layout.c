/* Sizes of a layout, every product checked. */
#include "formats/layout.h"

#include <stdio.h>
#include <string.h>

const char *mote_shape_text(int rank, const size_t *shape, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int d = 0; d < rank && d < MOTE_MAXIMUM_RANK && used < size; d++) {
        used += (size_t)snprintf(text + used, size - used, "%s%zu", d ? ", " : "", shape[d]);
    }
    if (used < size) {
        snprintf(text + used, size - used, "]");
    }
    return text;
}

static mote_status too_large(mote_context *context, const mote_layout *layout)
{
    char text[256];
    return mote_fail(context, MOTE_ERROR_SHAPE, "shape %s in %s is larger than the address space",
                     mote_shape_text(layout->rank, layout->shape, text, sizeof text),
                     mote_format_get(layout->format)->name);
}

/* Bytes of the planes; false on overflow. A shape with a zero in it has no bytes, whatever else it says. */
static bool measure(mote_resolved_layout *r)
{
    mote_layout_sizes *s = &r->sizes;
    size_t block = (size_t)r->traits->block_length, bits, blocks;
    bool empty = false;
    for (int d = 0; d < r->rank; d++) {
        empty |= r->shape[d] == 0;
    }
    if (empty) {
        return true;
    }
    s->count = 1;
    s->lines = 1;
    for (int d = r->rank - 1; d >= 0; d--) {
        r->stride[d] = s->count;
        r->line_stride[d] = d == r->axis ? 0 : s->lines;
        if (!mote_size_multiply(s->count, r->shape[d], &s->count) ||
            (d != r->axis && !mote_size_multiply(s->lines, r->shape[d], &s->lines))) {
            return false;
        }
    }
    enum { WIDEST_BITS = 64 };
    if (s->count > PTRDIFF_MAX / WIDEST_BITS || s->lines > PTRDIFF_MAX) {
        return false;
    }
    if (block == 1) {
        s->blocks_per_line = 0;
        s->scale_bytes = 0;
        r->line_bytes = 0;
        bits = s->count * (size_t)r->traits->element_bits;
        s->element_bytes = mote_size_divide_up(bits, 8);
        return true;
    }
    s->blocks_per_line = mote_size_divide_up(r->shape[r->axis], block);
    return mote_size_multiply(s->lines, s->blocks_per_line, &blocks) &&
           mote_size_multiply(blocks, (size_t)r->traits->scale_bytes, &s->scale_bytes) &&
           mote_size_multiply(s->blocks_per_line, (size_t)r->traits->block_bytes, &r->line_bytes) &&
           mote_size_multiply(s->lines, r->line_bytes, &s->element_bytes) && s->element_bytes <= PTRDIFF_MAX;
}

mote_status mote_layout_resolve(mote_context *context, const mote_layout *layout, mote_resolved_layout *resolved)
{
    mote_resolved_layout r = {.traits = mote_format_get(layout->format)};
    if (!r.traits) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "unknown format number %d", (int)layout->format);
    }
    if (layout->rank < 0 || layout->rank > MOTE_MAXIMUM_RANK) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "rank %d is outside 0 .. %d", layout->rank, MOTE_MAXIMUM_RANK);
    }
    r.rank = layout->rank ? layout->rank : 1;
    r.scalar = layout->rank == 0;
    r.axis = layout->axis < 0 ? layout->axis + r.rank : layout->axis;
    if (r.traits->block_length == 1) { /* nothing runs along it */
        r.axis = r.rank - 1;
    }
    if (r.axis < 0 || r.axis >= r.rank) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "axis %d does not exist in a tensor of rank %d", layout->axis,
                         layout->rank);
    }
    r.shape[0] = 1;
    memcpy(r.shape, layout->shape, (size_t)layout->rank * sizeof r.shape[0]);
    if (!measure(&r)) {
        return too_large(context, layout);
    }
    *resolved = r;
    return MOTE_OK;
}

mote_status mote_layout_measure(mote_context *context, const mote_layout *layout, mote_layout_sizes *sizes)
{
    mote_resolved_layout resolved;
    mote_status status = mote_layout_resolve(context, layout, &resolved);
    if (status == MOTE_OK) {
        *sizes = resolved.sizes;
    }
    return status;
}

bool mote_layout_same(const mote_layout *a, const mote_layout *b)
{
    bool blocks = mote_format_get(a->format)->block_length > 1;
    bool same = a->format == b->format && a->rank == b->rank && (!blocks || a->axis == b->axis);
    for (int d = 0; same && d < a->rank; d++) {
        same = a->shape[d] == b->shape[d];
    }
    return same;
}
