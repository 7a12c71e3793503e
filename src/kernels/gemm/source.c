/* Lines of a source: quantized, narrowed, gathered or found in place. */
#include "kernels/gemm/source.h"

size_t mote_gemm_source_group(const mote_gemm_source *source)
{
    bool wide = mote_gemm_source_blocks(source) && !source->window;
    return wide ? MOTE_GEMM_GROUP : MOTE_GEMM_GROUP_PLAIN;
}

/* A copy of FP32 lines, contiguous, rows of stride floats, padded with zeros. */
static void copy_values(const mote_kernels *kernels, const mote_gemm_source *source, size_t first, size_t lines,
                        size_t begin, size_t count, size_t stride, float *to)
{
    for (size_t l = 0; l < lines; l++) {
        memset(to + l * stride + count, 0, (stride - count) * sizeof *to);
    }
    if (source->window) {
        for (size_t l = 0; l < lines; l++) {
            source->gather(source->window, first + l, begin, count, to + l * stride);
        }
        return;
    }
    const float *from = source->values + (ptrdiff_t)first * source->line_stride + (ptrdiff_t)begin * source->stride;
    if (source->stride == 1) {
        for (size_t l = 0; l < lines; l++) {
            memcpy(to + l * stride, from + (ptrdiff_t)l * source->line_stride, count * sizeof *to);
        }
        return;
    }
    size_t turned = 0; /* values that are transposed by sixteen: of lines that are columns of memory */
    if (source->line_stride == 1 && source->stride >= 0 && lines % MOTE_TRANSPOSE == 0) {
        turned = count - count % MOTE_TRANSPOSE;
        kernels->transpose(turned, lines, from, (size_t)source->stride, to, stride);
    }
    for (size_t k = turned; k < count; k++) { /* memory is read in order where lines are its columns */
        const float *row = from + (ptrdiff_t)k * source->stride;
        for (size_t l = 0; l < lines; l++) {
            to[l * stride + k] = row[(ptrdiff_t)l * source->line_stride];
        }
    }
}

/* FP32, bf16 and fp16. */
static mote_gemm_lines plain_lines(const mote_kernels *kernels, const mote_gemm_source *source, size_t first,
                                   size_t lines, size_t begin, size_t count, mote_gemm_line_scratch *scratch)
{
    size_t padded = mote_size_divide_up(count, MOTE_MX_BLOCK) * MOTE_MX_BLOCK;
    float *values = (float *)(void *)scratch->lines;
    if (source->elements) {
        size_t bytes = mote_gemm_source_bits(source) / 8;
        const uint8_t *from = source->elements + first * source->line_bytes + begin * bytes;
        if (padded == count) {
            return (mote_gemm_lines){from, NULL, source->line_bytes, 0};
        }
        for (size_t l = 0; l < lines; l++) {
            memcpy(scratch->lines + l * padded * bytes, from + l * source->line_bytes, count * bytes);
            memset(scratch->lines + l * padded * bytes + count * bytes, 0, (padded - count) * bytes);
        }
        return (mote_gemm_lines){scratch->lines, NULL, padded * bytes, 0};
    }
    if (!source->element) {
        if (!source->window && source->stride == 1 && padded == count) {
            const float *from = source->values + (ptrdiff_t)first * source->line_stride + begin;
            return (mote_gemm_lines){(const uint8_t *)from, NULL, (size_t)source->line_stride * sizeof(float), 0};
        }
        copy_values(kernels, source, first, lines, begin, count, padded, values);
        return (mote_gemm_lines){scratch->lines, NULL, padded * sizeof(float), 0};
    }
    copy_values(kernels, source, first, lines, begin, count, padded, scratch->values);
    uint16_t *codes = (uint16_t *)(void *)scratch->lines;
    uint32_t random[MOTE_GEMM_SEGMENT];
    bool stochastic = source->options->rounding == MOTE_STOCHASTIC;
    for (size_t l = 0; l < lines; l++) {
        uint64_t position = source->position + (first + l) * source->line_position + begin * source->value_position;
        for (size_t k = 0; stochastic && k < padded; k++) {
            kernels->random_words(source->options->seed, position + k * source->value_position, 1, random + k);
        }
        kernels->narrow(source->format, source->options->rounding, padded, scratch->values + l * padded,
                        stochastic ? random : NULL, codes + l * padded);
    }
    return (mote_gemm_lines){scratch->lines, NULL, padded * sizeof *codes, 0};
}

/* Lines of whole blocks as one line, or NULL: blocks do not know of lines, and kernels like many at a time. Short lines
 * with gaps between them are brought together first. */
static const float *as_one_line(const mote_kernels *kernels, const mote_gemm_source *source, size_t first, size_t lines,
                                size_t begin, size_t count, mote_gemm_line_scratch *scratch)
{
    enum { SHORT = 256 };
    const float *from = source->values + (ptrdiff_t)first * source->line_stride + (ptrdiff_t)begin;
    if (source->window || source->stride != 1 || count % MOTE_MX_BLOCK ||
        source->options->rounding == MOTE_STOCHASTIC) { /* random numbers go by position */
        return NULL;
    }
    if (lines == 1 || source->line_stride == (ptrdiff_t)count) {
        return from;
    }
    if (count > SHORT) {
        return NULL;
    }
    copy_values(kernels, source, first, lines, begin, count, count, scratch->values);
    return scratch->values;
}

/* FP32 to blocks, by the conversion's own box: rows or columns of memory, whichever the lines are. */
static mote_gemm_lines quantized_lines(const mote_kernels *kernels, const mote_gemm_source *source, size_t first,
                                       size_t lines, size_t begin, size_t count, mote_gemm_line_scratch *scratch)
{
    const mote_format_traits *traits = mote_format_get(source->format);
    size_t blocks = mote_size_divide_up(count, MOTE_MX_BLOCK) * (size_t)(MOTE_MX_BLOCK / traits->block_length);
    const float *line = as_one_line(kernels, source, first, lines, begin, count, scratch);
    if (line) {
        kernels->quantize_rows(&source->spec, lines * count, line, NULL, scratch->lines, scratch->scales);
        return (mote_gemm_lines){scratch->lines, scratch->scales, blocks * (size_t)traits->block_bytes, blocks};
    }
    /* random numbers go by position, and the column kernel takes neighbouring columns for neighbouring positions */
    bool in_order = source->options->rounding != MOTE_STOCHASTIC || source->line_position == 1;
    bool columns = !source->window && source->line_stride == 1 && in_order;
    int axis = columns ? 0 : 1;
    mote_tensor tensor = {.elements = scratch->lines, .scales = scratch->scales, .tensor_scale = 1};
    mote_open_tensor open = {.tensor = &tensor, .spec = source->spec, .options = source->options};
    mote_resolved_layout *layout = &open.layout;
    mote_box box = {{0}, {0}};
    mote_strided x = {.start = source->values};
    open.position = source->position + first * source->line_position + begin * source->value_position;
    layout->traits = traits;
    layout->rank = 2;
    layout->axis = axis;
    layout->line_bytes = blocks * (size_t)traits->block_bytes;
    layout->line_stride[!axis] = 1;
    layout->stride[axis] = source->value_position;
    layout->stride[!axis] = source->line_position;
    layout->sizes = (mote_layout_sizes){.count = lines * count, .blocks_per_line = blocks};
    box.extent[axis] = layout->shape[axis] = count;
    box.extent[!axis] = layout->shape[!axis] = lines;
    x.stride[axis] = source->stride;
    x.stride[!axis] = source->line_stride;
    if (source->window) {
        copy_values(kernels, source, first, lines, begin, count, count, scratch->values);
        x = (mote_strided){scratch->values, {(ptrdiff_t)count, 1}};
    } else {
        x.start += (ptrdiff_t)first * source->line_stride + (ptrdiff_t)begin * source->stride;
    }
    if (count % MOTE_MX_BLOCK) { /* nvfp4's last block of 16 may be missing */
        size_t last = (size_t)traits->block_bytes;
        for (size_t l = 1; l <= lines; l++) {
            memset(scratch->lines + l * layout->line_bytes - last, 0, last);
            scratch->scales[l * blocks - 1] = 0;
        }
    }
    mote_quantize_box(kernels, &open, &box, &x, &scratch->box);
    return (mote_gemm_lines){scratch->lines, scratch->scales, layout->line_bytes, blocks};
}

/* Blocks with an element that is a NaN without being the block's scale: only foreign e4m3 has them, and its fast
 * decoder would take them for numbers. Their scale becomes NaN, which makes NaN of the same results. */
static void mark_nan_elements(const mote_element *element, size_t blocks, const uint8_t *elements, uint8_t *scales)
{
    for (size_t b = 0; b < blocks; b++) {
        int nan = 0;
        for (size_t i = 0; i < MOTE_MX_BLOCK; i++) {
            nan |= (elements[b * MOTE_MX_BLOCK + i] & 0x7Fu) >= element->nan;
        }
        scales[b] = nan ? MOTE_E8M0_NAN : scales[b];
    }
}

/* Clears codes from count on in a line of whole blocks: a file's padding may hold anything. */
static void clear_padding(size_t bits, size_t count, size_t padded, uint8_t *line)
{
    size_t bit = count * bits, byte = bit / 8;
    if (bit % 8) {
        line[byte] &= (uint8_t)((1u << bit % 8) - 1);
        byte++;
    }
    memset(line + byte, 0, padded * bits / 8 - byte);
}

static mote_gemm_lines tensor_lines(const mote_gemm_source *source, size_t first, size_t lines, size_t begin,
                                    size_t count, mote_gemm_line_scratch *scratch)
{
    size_t bits = mote_gemm_source_bits(source), block = (size_t)mote_format_get(source->format)->block_length;
    size_t padded = mote_size_divide_up(count, MOTE_MX_BLOCK) * MOTE_MX_BLOCK;
    mote_gemm_lines out = {source->elements + first * source->line_bytes + begin * bits / 8,
                           source->scales + first * source->scale_bytes + begin / block, source->line_bytes,
                           source->scale_bytes};
    const mote_element *element = source->element;
    bool nan_codes = element->nan && !element->infinity;
    if (padded == count && !nan_codes) {
        return out;
    }
    size_t bytes = padded * bits / 8, there = mote_size_divide_up(count, block), scales = padded / block;
    for (size_t l = 0; l < lines; l++) {
        memcpy(scratch->lines + l * bytes, out.elements + l * out.stride, there * block * bits / 8);
        clear_padding(bits, count, padded, scratch->lines + l * bytes);
        memset(scratch->scales + l * scales, 0, scales);
        memcpy(scratch->scales + l * scales, out.scales + l * out.scale_stride, there);
        if (nan_codes) {
            mark_nan_elements(element, scales, scratch->lines + l * bytes, scratch->scales + l * scales);
        }
    }
    return (mote_gemm_lines){scratch->lines, scratch->scales, bytes, scales};
}

mote_gemm_lines mote_gemm_lines_get(const mote_kernels *kernels, const mote_gemm_source *source, size_t first,
                                    size_t lines, size_t begin, size_t count, mote_gemm_line_scratch *scratch)
{
    if (!mote_gemm_source_blocks(source)) {
        return plain_lines(kernels, source, first, lines, begin, count, scratch);
    }
    if (source->elements) {
        return tensor_lines(source, first, lines, begin, count, scratch);
    }
    return quantized_lines(kernels, source, first, lines, begin, count, scratch);
}
