/* One run along the last dimension at a time. */
#include "kernels/quantize/plain.h"

static float canonical(float x) { return x == x ? x : mote_bits_float(MOTE_FP32_NAN); }

/* Values first .. first + count - 1 of a q8_0 tensor: signed bytes times their block's FP16 scale. Lines are
 * along the last axis, which files guarantee. */
static void decode_q8_0(const mote_kernels *kernels, const mote_open_tensor *open, size_t first, size_t count, float *y)
{
    const mote_resolved_layout *layout = &open->layout;
    size_t length = layout->shape[layout->axis], blocks = layout->sizes.blocks_per_line;
    for (size_t i = 0; i < count; i++) {
        size_t line = (first + i) / length, at = (first + i) % length;
        uint16_t code;
        float scale;
        memcpy(&code, open->tensor->scales + 2 * (line * blocks + at / MOTE_MX_BLOCK), sizeof code);
        kernels->widen(MOTE_FP16, 1, &code, &scale);
        int8_t element = ((const int8_t *)open->tensor->elements)[line * layout->line_bytes + at];
        y[i] = canonical((float)element * scale);
    }
}

/* Values first .. first + count - 1, in row-major order. */
static void decode_run(const mote_kernels *kernels, const mote_open_tensor *open, size_t first, size_t count, float *y)
{
    const uint8_t *elements = open->tensor->elements;
    const mote_element *element = open->spec.element;
    mote_format format = open->tensor->layout.format;
    switch (format) {
    case MOTE_FP32:
        memcpy(y, elements + 4 * first, 4 * count);
        for (size_t i = 0; i < count; i++) {
            y[i] = canonical(y[i]);
        }
        break;
    case MOTE_BF16:
    case MOTE_FP16: kernels->widen(format, count, (const uint16_t *)(const void *)(elements + 2 * first), y); break;
    case MOTE_FP64:
        for (size_t i = 0; i < count; i++) {
            double value;
            memcpy(&value, elements + 8 * (first + i), sizeof value);
            y[i] = canonical((float)value);
        }
        break;
    case MOTE_FP8_E8M0:
        for (size_t i = 0; i < count; i++) {
            y[i] = mote_bits_float(mote_e8m0_bits(elements[first + i]));
        }
        break;
    case MOTE_Q8_0: decode_q8_0(kernels, open, first, count, y); break;
    default:
        for (size_t i = 0; i < count; i++) {
            y[i] = mote_decode_element(element, mote_unpack_code(elements, element->bits, first + i));
        }
        break;
    }
}

static void encode_run(const mote_kernels *kernels, const mote_open_tensor *open, size_t first, size_t count,
                       const float *x, uint32_t *random)
{
    uint8_t *elements = open->tensor->elements;
    mote_format format = open->tensor->layout.format;
    if (format == MOTE_FP32) {
        memcpy(elements + 4 * first, x, 4 * count);
        return;
    }
    bool stochastic = open->options->rounding == MOTE_STOCHASTIC;
    if (stochastic) {
        kernels->random_words(open->options->seed, first, count, random);
    }
    kernels->narrow(format, open->options->rounding, count, x, stochastic ? random : NULL,
                    (uint16_t *)(void *)(elements + 2 * first));
}

/* Walks the box in runs of at most MOTE_SEGMENT along the last dimension. */
static void walk(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                 const mote_strided *array, mote_scratch *scratch, bool decoding)
{
    const mote_resolved_layout *layout = &open->layout;
    int last = layout->rank - 1;
    size_t index[MOTE_MAXIMUM_RANK] = {0};
    ptrdiff_t stride = array->stride[last];
    if (mote_box_empty(box, layout->rank)) {
        return;
    }
    do {
        size_t first = box->origin[last];
        float *values = (float *)array->start;
        for (int d = 0; d < last; d++) {
            first += layout->stride[d] * (box->origin[d] + index[d]);
            values += array->stride[d] * (ptrdiff_t)index[d];
        }
        for (size_t at = 0; at < box->extent[last]; at += MOTE_SEGMENT) {
            size_t count = mote_size_min(MOTE_SEGMENT, box->extent[last] - at);
            float *run = values + (ptrdiff_t)at * stride;
            float *dense = stride == 1 ? run : scratch->values;
            for (size_t i = 0; !decoding && stride != 1 && i < count; i++) {
                dense[i] = run[(ptrdiff_t)i * stride];
            }
            if (decoding) {
                decode_run(kernels, open, first + at, count, dense);
            } else {
                encode_run(kernels, open, first + at, count, dense, scratch->random);
            }
            for (size_t i = 0; decoding && stride != 1 && i < count; i++) {
                run[(ptrdiff_t)i * stride] = dense[i];
            }
        }
    } while (mote_box_next(box, layout->rank, 1u << last, index));
}

void mote_plain_quantize_box(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                             const mote_strided *x, mote_scratch *scratch)
{
    walk(kernels, open, box, x, scratch, false);
}

void mote_plain_dequantize_box(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                               const mote_strided *y, mote_scratch *scratch)
{
    walk(kernels, open, box, y, scratch, true);
}
