/* Element codes one a byte, in the tensor's own order: for people, Python and tests. */
#include "kernels/quantize/box.h"

static mote_status open_codes(mote_context *context, const mote_tensor *tensor, const uint8_t *codes,
                              mote_open_tensor *open)
{
    mote_status status = mote_tensor_open(context, tensor, NULL, open);
    if (status == MOTE_OK && (!open->spec.element || open->spec.element->bits > 8)) {
        status = mote_fail(context, MOTE_ERROR_ARGUMENT, "%s has no element codes of 8 bits or fewer",
                           open->layout.traits->name);
    }
    if (status == MOTE_OK && !codes && open->layout.sizes.count) {
        status = mote_fail(context, MOTE_ERROR_ARGUMENT, "codes is NULL");
    }
    return status;
}

/* Packed line and row-major position of the first value of the line at index. */
static void line_at(const mote_resolved_layout *layout, const size_t *index, size_t *line, size_t *position)
{
    *line = 0;
    *position = 0;
    for (int d = 0; d < layout->rank; d++) {
        *line += layout->line_stride[d] * index[d];
        *position += layout->stride[d] * index[d];
    }
}

mote_status mote_codes_unpack(mote_context *context, const mote_tensor *tensor, uint8_t *codes)
{
    mote_open_tensor open;
    mote_status status = open_codes(context, tensor, codes, &open);
    if (status != MOTE_OK) {
        return status;
    }
    const mote_resolved_layout *layout = &open.layout;
    const uint8_t *elements = tensor->elements;
    int bits = open.spec.element->bits, axis = layout->axis;
    if (layout->traits->block_length == 1) {
        for (size_t i = 0; i < layout->sizes.count; i++) {
            codes[i] = (uint8_t)mote_unpack_code(elements, bits, i);
        }
        return MOTE_OK;
    }
    size_t index[MOTE_MAXIMUM_RANK] = {0}, line, position;
    mote_box box = {{0}, {0}};
    memcpy(box.extent, layout->shape, sizeof box.extent);
    if (layout->sizes.count == 0) {
        return MOTE_OK;
    }
    do {
        line_at(layout, index, &line, &position);
        for (size_t i = 0; i < layout->shape[axis]; i++) {
            codes[position + i * layout->stride[axis]] =
                (uint8_t)mote_unpack_code(elements + line * layout->line_bytes, bits, i);
        }
    } while (mote_box_next(&box, layout->rank, 1u << axis, index));
    return MOTE_OK;
}

mote_status mote_codes_pack(mote_context *context, const uint8_t *codes, mote_tensor *tensor)
{
    mote_open_tensor open;
    mote_status status = open_codes(context, tensor, codes, &open);
    if (status != MOTE_OK) {
        return status;
    }
    const mote_resolved_layout *layout = &open.layout;
    int bits = open.spec.element->bits, axis = layout->axis;
    if (layout->traits->block_length == 1) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "%s has no blocks to pack", layout->traits->name);
    }
    for (size_t i = 0; i < layout->sizes.count; i++) {
        if (codes[i] >> bits) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "code %u at position %zu does not fit the %d bits of %s",
                             codes[i], i, bits, layout->traits->name);
        }
    }
    size_t index[MOTE_MAXIMUM_RANK] = {0}, line, position, block = (size_t)layout->traits->block_length;
    mote_box box = {{0}, {0}};
    memcpy(box.extent, layout->shape, sizeof box.extent);
    if (layout->sizes.count == 0) {
        return MOTE_OK;
    }
    do {
        line_at(layout, index, &line, &position);
        uint8_t *to = (uint8_t *)tensor->elements + line * layout->line_bytes;
        for (size_t at = 0; at < layout->shape[axis]; at += block) {
            uint8_t some[MOTE_MX_BLOCK] = {0};
            for (size_t i = 0; i < mote_size_min(block, layout->shape[axis] - at); i++) {
                some[i] = codes[position + (at + i) * layout->stride[axis]];
            }
            mote_pack_codes(bits, block, some, to + at * (size_t)bits / 8);
        }
    } while (mote_box_next(&box, layout->rank, 1u << axis, index));
    return MOTE_OK;
}
