/* Cutting tensors into boxes, and the walk over one box. */
#include "kernels/quantize/box.h"

#include "base/philox.h"
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

mote_status mote_options_check(mote_context *context, mote_format format, const mote_quantize_options *options)
{
    if (!mote_rounding_name(options->rounding) || !mote_scale_rule_name(options->scale_rule)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "unknown rounding %d or scale rule %d", (int)options->rounding,
                         (int)options->scale_rule);
    }
    if (format == MOTE_NVFP4 && options->scale_rule != MOTE_SCALE_FLOOR) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT,
                         "scale rule %s: nvfp4 scales are E4M3 numbers by their own rule; leave it at floor",
                         mote_scale_rule_name(options->scale_rule));
    }
    return MOTE_OK;
}

mote_block_spec mote_block_spec_of(mote_format format, const mote_quantize_options *options, float tensor_scale)
{
    mote_block_spec spec = {.element = mote_element_get(format),
                            .block = mote_format_get(format)->block_length,
                            .rounding = options->rounding,
                            .tensor_scale = tensor_scale,
                            .encode_scale = 1};
    if (spec.element) {
        spec.increment = mote_scale_increment(spec.element, options->scale_rule);
    }
    return spec;
}

mote_status mote_tensor_open(mote_context *context, const mote_tensor *tensor, const mote_quantize_options *options,
                             mote_open_tensor *open)
{
    static const mote_quantize_options defaults = {MOTE_NEAREST_EVEN, MOTE_SCALE_FLOOR, 0};
    *open = (mote_open_tensor){.tensor = tensor, .options = options ? options : &defaults};
    mote_status status = mote_layout_resolve(context, &tensor->layout, &open->layout);
    if (status == MOTE_OK) {
        status = mote_options_check(context, tensor->layout.format, open->options);
    }
    if (status != MOTE_OK) {
        return status;
    }
    if (tensor->layout.format == MOTE_Q8_0 && open->layout.axis != open->layout.rank - 1) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED, "q8_0 blocks run along the last axis only");
    }
    const mote_layout_sizes *sizes = &open->layout.sizes;
    if ((sizes->element_bytes && !tensor->elements) || (sizes->scale_bytes && !tensor->scales)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "a plane of the tensor is NULL");
    }
    open->spec = mote_block_spec_of(tensor->layout.format, open->options, tensor->tensor_scale);
    return MOTE_OK;
}

mote_cut mote_cut_choose(const mote_resolved_layout *layout, int axis, int second_axis, size_t grain, int threads)
{
    enum { PIECES_PER_THREAD = 4, SMALL = 16384 };
    mote_cut best = {.dim = 0, .grain = grain, .pieces = 1};
    size_t most = 0, wanted = (size_t)threads * PIECES_PER_THREAD;
    wanted = threads > 1 ? mote_size_min(wanted, layout->sizes.count / SMALL + 1) : 1;
    /* outer dimensions make longer runs of memory: the first that has enough, or the one that has most */
    for (int d = 0; d < layout->rank && most < wanted; d++) {
        size_t unit = d == axis || d == second_axis ? grain : 1;
        size_t units = mote_size_divide_up(layout->shape[d], unit);
        if (units > most) {
            most = units;
            best.dim = d;
            best.grain = unit;
        }
    }
    best.pieces = mote_size_min(wanted, most ? most : 1);
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
        view.stride[d] = strides && !layout->scalar ? strides[d] : (ptrdiff_t)layout->stride[d];
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

static place locate(const mote_open_tensor *open, const mote_box *box, const mote_strided *x, const size_t *index)
{
    const mote_resolved_layout *layout = &open->layout;
    place p = {0, 0, open->position};
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
        place p = locate(open, box, x, index);
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

/* Where blocks run down columns.
 *
 * Matrices love widths that are powers of two; then the rows of a panel, and likewise the packed lines of neighbouring
 * columns, fall into a handful of cache sets and evict each other. So the maxima of a panel are found row by row, in
 * the order of memory, each line is read only once more, and the packed blocks of a few panels are gathered until they
 * fill whole cache lines of output. While one panel is converted the kernel fetches the next one, a line with each
 * vector of codes: asked for in bursts, the same lines made the processor wait. */

/* A panel of the matrix: length rows by columns, stride floats apart. */
typedef struct panel {
    const float *start;
    ptrdiff_t stride;
    size_t length, columns;
} panel;

enum { CACHE_LINE = 64, PAST_BYTES = 8 << 20 };

/* Copies a run of packed blocks to its column. past: the plane is too large for the caches, so whole cache lines go
 * past them; otherwise each would first have to be fetched. */
static void copy_run(uint8_t *to, const uint8_t *from, size_t bytes, bool past)
{
#if defined(__x86_64__)
    if (past && (uintptr_t)to % CACHE_LINE == 0 && bytes % CACHE_LINE == 0) {
        for (size_t i = 0; i < bytes; i += sizeof(__m128i)) {
            _mm_stream_si128((__m128i *)(void *)(to + i), _mm_loadu_si128((const __m128i *)(const void *)(from + i)));
        }
        return;
    }
#endif
    (void)past;
    memcpy(to, from, bytes);
}

/* The panel that follows down the same columns; without rows if there is none. */
static panel panel_at(const mote_open_tensor *open, const mote_box *box, const mote_strided *x, const place *p,
                      size_t c, size_t columns, size_t at)
{
    int axis = open->layout.axis;
    size_t left = at < box->extent[axis] ? box->extent[axis] - at : 0;
    return (panel){x->start + p->offset + (ptrdiff_t)at * x->stride[axis] + c, x->stride[axis],
                   mote_size_min((size_t)open->spec.block, left), columns};
}

/* One panel, with stochastic rounding in strips; its packed blocks go to elements, stride bytes a column apart. */
static void quantize_panel(const mote_kernels *kernels, const mote_open_tensor *open, const panel *this,
                           const panel *next, uint64_t position, mote_scratch *scratch, uint8_t *elements,
                           size_t element_stride, uint8_t *scales)
{
    const mote_resolved_layout *layout = &open->layout;
    bool stochastic = open->options->rounding == MOTE_STOCHASTIC;
    size_t width = stochastic ? MOTE_STRIP_COLUMNS : this->columns;
    size_t strips = mote_size_divide_up(this->columns, width);
    kernels->column_maxima(this->length, this->columns, this->start, this->stride, scratch->maxima);
    for (size_t s = 0; s < strips; s++) {
        size_t c = s * width, count = mote_size_min(width, this->columns - c);
        for (size_t r = 0; stochastic && r < this->length; r++) {
            kernels->random_words(open->options->seed, position + layout->stride[layout->axis] * r + c, count,
                                  scratch->random + r * count);
        }
        kernels->quantize_columns(&open->spec, this->length, count, this->start + c,
                                  (next->length == this->length ? next->start : this->start) + c, this->stride,
                                  scratch->maxima + c, stochastic ? scratch->random : NULL,
                                  elements + c * element_stride, element_stride, scales + c * MOTE_RUN_SCALES,
                                  MOTE_RUN_SCALES);
    }
}

/* Packed blocks that are gathered before they are written. */
static size_t run_blocks(size_t block_bytes)
{
    return MOTE_RUN_BYTES % block_bytes ? MOTE_RUN_BYTES_SIX / block_bytes : MOTE_RUN_BYTES / block_bytes;
}

/* A stripe of columns from its first row to its last. c: its first column in the box. */
static void quantize_stripe(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                            const mote_strided *x, mote_scratch *scratch, const place *p, size_t c, size_t columns)
{
    const mote_resolved_layout *layout = &open->layout;
    int axis = layout->axis;
    size_t block = (size_t)open->spec.block, bytes = (size_t)layout->traits->block_bytes;
    size_t run = run_blocks(bytes);
    bool past = layout->sizes.element_bytes >= PAST_BYTES;
    size_t line = p->line + c, first = box->origin[axis] / block,
           blocks = mote_size_divide_up(box->extent[axis], block);
    uint8_t *to = (uint8_t *)open->tensor->elements + line * layout->line_bytes + first * bytes;
    uint8_t *scales = open->tensor->scales + line * layout->sizes.blocks_per_line + first;
    for (size_t b = 0; b < blocks; b++) {
        size_t in_run = b % run, in_scales = b % MOTE_RUN_SCALES;
        panel this = panel_at(open, box, x, p, c, columns, b * block);
        panel next = panel_at(open, box, x, p, c, columns, (b + 1) * block);
        uint64_t position = p->position + layout->stride[axis] * (uint64_t)(b * block) + c;
        quantize_panel(kernels, open, &this, &next, position, scratch, scratch->elements + in_run * bytes, run * bytes,
                       scratch->scales + in_scales);
        if (in_run + 1 == run || b + 1 == blocks) {
            for (size_t i = 0; i < columns; i++) {
                copy_run(to + i * layout->line_bytes + (b - in_run) * bytes, scratch->elements + i * run * bytes,
                         (in_run + 1) * bytes, past);
            }
        }
        if (in_scales + 1 == MOTE_RUN_SCALES || b + 1 == blocks) {
            for (size_t i = 0; i < columns; i++) {
                memcpy(scales + i * layout->sizes.blocks_per_line + (b - in_scales),
                       scratch->scales + i * MOTE_RUN_SCALES, in_scales + 1);
            }
        }
    }
}

typedef void stripe_work(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                         const mote_strided *array, mote_scratch *scratch, const place *p, size_t c, size_t columns);

/* Cuts the box into stripes of columns along dimension lanes. */
static void walk_stripes(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                         const mote_strided *array, mote_scratch *scratch, int lanes, stripe_work *work)
{
    size_t index[MOTE_MAXIMUM_RANK] = {0};
    do {
        place p = locate(open, box, array, index);
        for (size_t c = 0; c < box->extent[lanes]; c += MOTE_PANEL_COLUMNS) {
            work(kernels, open, box, array, scratch, &p, c, mote_size_min(MOTE_PANEL_COLUMNS, box->extent[lanes] - c));
        }
    } while (mote_box_next(box, open->layout.rank, 1u << open->layout.axis | 1u << lanes, index));
#if defined(__x86_64__)
    _mm_sfence(); /* other threads must see what went past the cache */
#endif
}

void mote_quantize_box(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                       const mote_strided *x, mote_scratch *scratch)
{
    if (mote_box_empty(box, open->layout.rank)) {
        return;
    }
    int lanes = column_dimension(open, box, x);
    if (lanes >= 0) {
        walk_stripes(kernels, open, box, x, scratch, lanes, quantize_stripe);
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
        place p = locate(open, box, y, index);
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

/* A stripe of columns from its first row to its last: packed blocks are gathered a cache line a column, then decoded
 * panel by panel. */
static void dequantize_stripe(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                              const mote_strided *y, mote_scratch *scratch, const place *p, size_t c, size_t columns)
{
    const mote_resolved_layout *layout = &open->layout;
    int axis = layout->axis;
    size_t block = (size_t)open->spec.block, bytes = (size_t)layout->traits->block_bytes, run = run_blocks(bytes);
    size_t line = p->line + c, first = box->origin[axis] / block,
           blocks = mote_size_divide_up(box->extent[axis], block);
    const uint8_t *from = (const uint8_t *)open->tensor->elements + line * layout->line_bytes + first * bytes;
    const uint8_t *scales = open->tensor->scales + line * layout->sizes.blocks_per_line + first;
    for (size_t b = 0; b < blocks; b++) {
        size_t in_run = b % run, in_scales = b % MOTE_RUN_SCALES;
        for (size_t i = 0; in_run == 0 && i < columns; i++) {
            for (size_t ahead = 0; ahead < run * bytes; ahead += CACHE_LINE) {
                __builtin_prefetch(from + i * layout->line_bytes + (b + run) * bytes + ahead);
            }
            memcpy(scratch->elements + i * run * bytes, from + i * layout->line_bytes + b * bytes,
                   mote_size_min(run, blocks - b) * bytes);
        }
        for (size_t i = 0; in_scales == 0 && i < columns; i++) {
            memcpy(scratch->scales + i * MOTE_RUN_SCALES, scales + i * layout->sizes.blocks_per_line + b,
                   mote_size_min(MOTE_RUN_SCALES, blocks - b));
        }
        kernels->dequantize_columns(
            &open->spec, mote_size_min(block, box->extent[axis] - b * block), columns,
            scratch->elements + in_run * bytes, run * bytes, scratch->scales + in_scales, MOTE_RUN_SCALES,
            (float *)y->start + p->offset + (ptrdiff_t)(b * block) * y->stride[axis] + c, y->stride[axis]);
    }
}

void mote_dequantize_box(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                         const mote_strided *y, mote_scratch *scratch)
{
    if (mote_box_empty(box, open->layout.rank)) {
        return;
    }
    int lanes = column_dimension(open, box, y);
    if (lanes >= 0) {
        walk_stripes(kernels, open, box, y, scratch, lanes, dequantize_stripe);
    } else {
        dequantize_lines(kernels, open, box, y, scratch);
    }
}
