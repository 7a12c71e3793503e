/* Cutting tensors into boxes, and the walk over one box. */
#include "kernels/quantize/box.h"

#include "base/philox.h"

mote_status mote_tensor_open(mote_context *context, const mote_tensor *tensor,
                             const mote_quantize_options *options, mote_open_tensor *open)
{
    static const mote_quantize_options defaults = {MOTE_NEAREST_EVEN, MOTE_SCALE_FLOOR, 0};
    *open = (mote_open_tensor){.tensor = tensor, .options = options ? options : &defaults};
    mote_status status = mote_layout_resolve(context, &tensor->layout, &open->layout);
    if (status != MOTE_OK) {
        return status;
    }
    options = open->options;
    if (!mote_rounding_name(options->rounding) || !mote_scale_rule_name(options->scale_rule)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "unknown rounding %d or scale rule %d",
                         (int)options->rounding, (int)options->scale_rule);
    }
    if (tensor->layout.format == MOTE_NVFP4 && options->scale_rule != MOTE_SCALE_FLOOR) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT,
                         "scale rule %s: nvfp4 scales are E4M3 numbers by their own rule; leave it at floor",
                         mote_scale_rule_name(options->scale_rule));
    }
    const mote_layout_sizes *sizes = &open->layout.sizes;
    if ((sizes->element_bytes && !tensor->elements) || (sizes->scale_bytes && !tensor->scales)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "a plane of the tensor is NULL");
    }
    const mote_element *element = mote_element_get(tensor->layout.format);
    open->spec = (mote_block_spec){.element = element,
                                   .block = open->layout.traits->block_length,
                                   .rounding = options->rounding,
                                   .tensor_scale = tensor->tensor_scale,
                                   .encode_scale = 1};
    if (element) {
        open->spec.increment = mote_scale_increment(element, options->scale_rule);
    }
    return MOTE_OK;
}

mote_cut mote_cut_choose(const mote_resolved_layout *layout, int axis, int second_axis, size_t grain,
                         int threads)
{
    enum { PIECES_PER_THREAD = 4, SMALL = 16384 };
    mote_cut best = {.dim = 0, .grain = grain, .pieces = 1};
    size_t most = 0;
    for (int d = 0; d < layout->rank; d++) {
        size_t unit = d == axis || d == second_axis ? grain : 1;
        size_t units = mote_size_divide_up(layout->shape[d], unit);
        if (units > most) { /* the first of the largest: outer dimensions make longer runs of memory */
            most = units;
            best.dim = d;
            best.grain = unit;
        }
    }
    size_t wanted = (size_t)threads * PIECES_PER_THREAD;
    wanted = mote_size_min(wanted, layout->sizes.count / SMALL + 1);
    best.pieces = threads > 1 ? mote_size_min(wanted, most ? most : 1) : 1;
    return best;
}

mote_box mote_cut_box(const mote_resolved_layout *layout, const mote_cut *cut, size_t index)
{
    mote_box box = {{0}, {0}};
    for (int d = 0; d < layout->rank; d++) {
        box.extent[d] = layout->shape[d];
    }
    size_t units = mote_size_divide_up(layout->shape[cut->dim], cut->grain);
    /* units * index would overflow for no real tensor, but dividing first costs nothing */
    size_t share = units / cut->pieces, rest = units % cut->pieces;
    size_t begin = share * index + mote_size_min(index, rest);
    size_t end = begin + share + (index < rest);
    size_t length = layout->shape[cut->dim];
    box.origin[cut->dim] = mote_size_min(begin * cut->grain, length);
    box.extent[cut->dim] = mote_size_min(end * cut->grain, length) - box.origin[cut->dim];
    return box;
}

mote_strided mote_strided_at(const mote_resolved_layout *layout, const float *x, const ptrdiff_t *strides,
                             const mote_box *box)
{
    mote_strided view = {.start = x};
    for (int d = 0; d < layout->rank; d++) {
        view.stride[d] = strides ? strides[d] : (ptrdiff_t)layout->stride[d];
        view.start += view.stride[d] * (ptrdiff_t)box->origin[d];
    }
    return view;
}

/* Where the walk stands: the offset in the FP32 array, the line and the position in the tensor. */
typedef struct place {
    ptrdiff_t offset;
    size_t line;
    uint64_t position; /* row-major, for random numbers */
} place;

static place locate(const mote_resolved_layout *layout, const mote_box *box, const mote_strided *x,
                    const size_t *index)
{
    place p = {0, 0, 0};
    for (int d = 0; d < layout->rank; d++) {
        size_t at = box->origin[d] + index[d];
        p.offset += x->stride[d] * (ptrdiff_t)index[d];
        p.line += layout->line_stride[d] * at;
        p.position += (uint64_t)layout->stride[d] * at;
    }
    return p;
}

/* The dimension whose neighbours are adjacent in memory and so can be the lanes of the column kernels: the
 * last one, if the blocks run along another. -1: there is none worth it. */
static int column_dimension(const mote_open_tensor *open, const mote_box *box, const mote_strided *x)
{
    enum { WORTHWHILE = 4 };
    int last = open->layout.rank - 1, axis = open->layout.axis;
    bool usable = last != axis && x->stride[last] == 1 && box->extent[last] >= WORTHWHILE;
    return usable ? last : -1;
}

static const uint32_t *line_random(const mote_kernels *kernels, const mote_open_tensor *open, uint64_t position,
                                   size_t step, size_t count, uint32_t *words)
{
    if (open->options->rounding != MOTE_STOCHASTIC) {
        return NULL;
    }
    if (step == 1) {
        kernels->random_words(open->options->seed, position, count, words);
    } else {
        for (size_t i = 0; i < count; i++) {
            words[i] = mote_philox_word(open->options->seed, position + step * i);
        }
    }
    return words;
}

/* Lines of the box, a segment at a time; values that are not adjacent go through the scratch buffer. */
static void quantize_lines(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                           const mote_strided *x, mote_scratch *scratch)
{
    const mote_resolved_layout *layout = &open->layout;
    const mote_tensor *tensor = open->tensor;
    int axis = layout->axis;
    size_t index[MOTE_MAXIMUM_RANK] = {0};
    ptrdiff_t stride = x->stride[axis];
    do {
        place p = locate(layout, box, x, index);
        for (size_t at = 0; at < box->extent[axis]; at += MOTE_SEGMENT) {
            size_t count = mote_size_min(MOTE_SEGMENT, box->extent[axis] - at);
            size_t block = (box->origin[axis] + at) / (size_t)open->spec.block;
            const float *values = x->start + p.offset + (ptrdiff_t)at * stride;
            const uint32_t *random = line_random(kernels, open, p.position + layout->stride[axis] * at,
                                                 layout->stride[axis], count, scratch->random);
            if (stride != 1) {
                for (size_t i = 0; i < count; i++) {
                    scratch->values[i] = values[(ptrdiff_t)i * stride];
                }
                values = scratch->values;
            }
            kernels->quantize_rows(&open->spec, count, values, random,
                                   (uint8_t *)tensor->elements + p.line * layout->line_bytes +
                                       block * (size_t)layout->traits->block_bytes,
                                   tensor->scales + p.line * layout->sizes.blocks_per_line + block);
        }
    } while (mote_box_next(box, layout->rank, 1u << axis, index));
}

/* Panels of one block by up to MOTE_PANEL_COLUMNS columns; with stochastic rounding a panel's random words
 * fill the scratch buffer. */
static void quantize_panels(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                            const mote_strided *x, mote_scratch *scratch, int lanes)
{
    const mote_resolved_layout *layout = &open->layout;
    const mote_tensor *tensor = open->tensor;
    int axis = layout->axis;
    bool stochastic = open->options->rounding == MOTE_STOCHASTIC;
    size_t index[MOTE_MAXIMUM_RANK] = {0}, block = (size_t)open->spec.block;
    size_t width = stochastic ? MOTE_PANEL_COLUMNS : box->extent[lanes];
    do {
        place p = locate(layout, box, x, index);
        for (size_t at = 0; at < box->extent[axis]; at += block) {
            size_t length = mote_size_min(block, box->extent[axis] - at);
            size_t number = (box->origin[axis] + at) / block;
            for (size_t c = 0; c < box->extent[lanes]; c += width) {
                size_t count = mote_size_min(width, box->extent[lanes] - c), line = p.line + c;
                for (size_t r = 0; stochastic && r < length; r++) {
                    uint64_t position = p.position + layout->stride[axis] * (at + r) + c;
                    kernels->random_words(open->options->seed, position, count, scratch->random + r * count);
                }
                kernels->quantize_columns(
                    &open->spec, length, count, x->start + p.offset + (ptrdiff_t)at * x->stride[axis] + c,
                    x->stride[axis], stochastic ? scratch->random : NULL,
                    (uint8_t *)tensor->elements + line * layout->line_bytes +
                        number * (size_t)layout->traits->block_bytes,
                    layout->line_bytes, tensor->scales + line * layout->sizes.blocks_per_line + number,
                    layout->sizes.blocks_per_line);
            }
        }
    } while (mote_box_next(box, layout->rank, 1u << axis | 1u << lanes, index));
}

void mote_quantize_box(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                       const mote_strided *x, mote_scratch *scratch)
{
    if (mote_box_empty(box, open->layout.rank)) {
        return;
    }
    int lanes = column_dimension(open, box, x);
    if (lanes >= 0) {
        quantize_panels(kernels, open, box, x, scratch, lanes);
    } else {
        quantize_lines(kernels, open, box, x, scratch);
    }
}

static void dequantize_lines(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                             const mote_strided *y, mote_scratch *scratch)
{
    const mote_resolved_layout *layout = &open->layout;
    const mote_tensor *tensor = open->tensor;
    int axis = layout->axis;
    size_t index[MOTE_MAXIMUM_RANK] = {0};
    ptrdiff_t stride = y->stride[axis];
    do {
        place p = locate(layout, box, y, index);
        for (size_t at = 0; at < box->extent[axis]; at += MOTE_SEGMENT) {
            size_t count = mote_size_min(MOTE_SEGMENT, box->extent[axis] - at);
            size_t block = (box->origin[axis] + at) / (size_t)open->spec.block;
            float *values = (float *)y->start + p.offset + (ptrdiff_t)at * stride;
            kernels->dequantize_rows(&open->spec, count,
                                     (const uint8_t *)tensor->elements + p.line * layout->line_bytes +
                                         block * (size_t)layout->traits->block_bytes,
                                     tensor->scales + p.line * layout->sizes.blocks_per_line + block,
                                     stride == 1 ? values : scratch->values);
            for (size_t i = 0; stride != 1 && i < count; i++) {
                values[(ptrdiff_t)i * stride] = scratch->values[i];
            }
        }
    } while (mote_box_next(box, layout->rank, 1u << axis, index));
}

static void dequantize_panels(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                              const mote_strided *y, int lanes)
{
    const mote_resolved_layout *layout = &open->layout;
    const mote_tensor *tensor = open->tensor;
    int axis = layout->axis;
    size_t index[MOTE_MAXIMUM_RANK] = {0}, block = (size_t)open->spec.block;
    do {
        place p = locate(layout, box, y, index);
        for (size_t at = 0; at < box->extent[axis]; at += block) {
            size_t length = mote_size_min(block, box->extent[axis] - at);
            size_t number = (box->origin[axis] + at) / block;
            kernels->dequantize_columns(
                &open->spec, length, box->extent[lanes],
                (const uint8_t *)tensor->elements + p.line * layout->line_bytes +
                    number * (size_t)layout->traits->block_bytes,
                layout->line_bytes, tensor->scales + p.line * layout->sizes.blocks_per_line + number,
                layout->sizes.blocks_per_line, (float *)y->start + p.offset + (ptrdiff_t)at * y->stride[axis],
                y->stride[axis]);
        }
    } while (mote_box_next(box, layout->rank, 1u << axis | 1u << lanes, index));
}

void mote_dequantize_box(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                         const mote_strided *y, mote_scratch *scratch)
{
    if (mote_box_empty(box, open->layout.rank)) {
        return;
    }
    int lanes = column_dimension(open, box, y);
    if (lanes >= 0) {
        dequantize_panels(kernels, open, box, y, lanes);
    } else {
        dequantize_lines(kernels, open, box, y, scratch);
    }
}
