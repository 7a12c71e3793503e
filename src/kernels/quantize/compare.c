/* What a conversion lost. Sums are made per line segment, then in a fixed tree of pieces, so they do not
 * depend on the number of threads. */
#include <math.h>

#include "base/parallel.h"
#include "kernels/quantize/box.h"
#include "kernels/quantize/plain.h"

/* Fixed, whatever the number of threads: the order of the sums must not change. */
enum { PIECES = 64 };

typedef struct compare_job {
    const mote_kernels *kernels;
    const mote_open_tensor *open;
    mote_cut cut;
    const float *x;
    const ptrdiff_t *strides;
    mote_error *errors; /* one a piece */
} compare_job;

/* Adds one segment of a line. limit(i): the largest magnitude that value i can have without saturating. */
static void compare_run(const mote_open_tensor *open, size_t count, const float *x, ptrdiff_t stride,
                        const float *q, const float *limit, mote_error *error)
{
    size_t block = (size_t)open->spec.block;
    for (size_t i = 0; i < count; i++) {
        float value = x[(ptrdiff_t)i * stride];
        error->count++;
        if (!isfinite(value)) {
            error->nonfinite++;
            continue;
        }
        if (isnan(q[i])) {
            error->poisoned++;
            continue;
        }
        double loss = fabs((double)value - (double)q[i]), size = fabs((double)value);
        error->saturated += size > (double)limit[i / block];
        error->flushed += size > 0 && q[i] == 0;
        error->signal += size * size;
        error->noise += loss * loss;
        error->maximum_absolute = loss > error->maximum_absolute ? loss : error->maximum_absolute;
        if (size > 0 && loss / size > error->maximum_relative) {
            error->maximum_relative = loss / size;
        }
    }
}

/* Largest representable magnitude of each block of a segment that starts at block first of a line. */
static void segment_limits(const mote_open_tensor *open, size_t line, size_t first, size_t blocks, float *limit)
{
    const mote_resolved_layout *layout = &open->layout;
    float largest = (float)layout->traits->largest;
    const uint8_t *scales = open->tensor->scales + line * layout->sizes.blocks_per_line + first;
    const mote_element *e4m3 = mote_element_get(MOTE_MXFP8_E4M3);
    for (size_t b = 0; b < blocks; b++) {
        limit[b] = largest;
        if (open->spec.block == MOTE_MX_BLOCK) {
            limit[b] *= mote_bits_float(mote_e8m0_bits(scales[b]));
        } else if (open->spec.block == MOTE_NVFP4_BLOCK) {
            limit[b] *= mote_decode_element(e4m3, scales[b]) * open->spec.tensor_scale;
        }
    }
}

static void compare_segment(const compare_job *j, const mote_box *line, const float *x, ptrdiff_t stride,
                            float *q, float *limit, mote_scratch *scratch, mote_error *error)
{
    const mote_open_tensor *open = j->open;
    const mote_resolved_layout *layout = &open->layout;
    mote_strided dense = {.start = q};
    size_t number = 0;
    for (int d = 0; d < layout->rank; d++) {
        dense.stride[d] = 1;
        number += layout->line_stride[d] * line->origin[d];
    }
    size_t count = line->extent[layout->axis], block = (size_t)open->spec.block;
    if (block > 1) {
        mote_dequantize_box(j->kernels, open, line, &dense, scratch);
        segment_limits(open, number, line->origin[layout->axis] / block, mote_size_divide_up(count, block),
                       limit);
    } else {
        mote_plain_dequantize_box(j->kernels, open, line, &dense, scratch);
        for (size_t i = 0; i < count; i++) {
            limit[i] = (float)layout->traits->largest;
        }
    }
    compare_run(open, count, x, stride, q, limit, error);
}

static void compare_task(void *argument, size_t piece)
{
    const compare_job *j = argument;
    const mote_resolved_layout *layout = &j->open->layout;
    int axis = layout->axis;
    mote_scratch scratch;
    float q[MOTE_SEGMENT], limit[MOTE_SEGMENT];
    mote_box box = mote_cut_box(layout, &j->cut, piece), line = box;
    mote_strided x = mote_strided_at(layout, j->x, j->strides, &box);
    size_t index[MOTE_MAXIMUM_RANK] = {0};
    if (mote_box_empty(&box, layout->rank)) {
        return;
    }
    do {
        const float *start = x.start;
        for (int d = 0; d < layout->rank; d++) {
            line.origin[d] = box.origin[d] + index[d];
            line.extent[d] = 1;
            start += x.stride[d] * (ptrdiff_t)index[d];
        }
        for (size_t at = 0; at < box.extent[axis]; at += MOTE_SEGMENT) {
            line.origin[axis] = box.origin[axis] + at;
            line.extent[axis] = mote_size_min(MOTE_SEGMENT, box.extent[axis] - at);
            compare_segment(j, &line, start + (ptrdiff_t)at * x.stride[axis], x.stride[axis], q, limit, &scratch,
                            &j->errors[piece]);
        }
    } while (mote_box_next(&box, layout->rank, 1u << axis, index));
}

static void add(mote_error *total, const mote_error *part)
{
    total->count += part->count;
    total->nonfinite += part->nonfinite;
    total->poisoned += part->poisoned;
    total->saturated += part->saturated;
    total->flushed += part->flushed;
    total->signal += part->signal;
    total->noise += part->noise;
    total->maximum_relative = fmax(total->maximum_relative, part->maximum_relative);
    total->maximum_absolute = fmax(total->maximum_absolute, part->maximum_absolute);
}

mote_status mote_compare(mote_context *context, const float *x, const ptrdiff_t *strides,
                         const mote_tensor *tensor, mote_error *error)
{
    mote_open_tensor open;
    mote_error errors[PIECES] = {{0}};
    mote_status status = mote_tensor_open(context, tensor, NULL, &open);
    if (status != MOTE_OK) {
        return status;
    }
    if (open.layout.traits->kind != MOTE_KIND_TARGET) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED, "%s is not a format that a conversion makes",
                         open.layout.traits->name);
    }
    compare_job j = {.kernels = context->kernels, .open = &open, .x = x, .strides = strides, .errors = errors};
    j.cut = mote_cut_choose(&open.layout, open.layout.axis, -1, MOTE_MX_BLOCK, PIECES / 4);
    mote_parallel_for(context, j.cut.pieces, compare_task, &j);
    for (size_t i = 0; i < j.cut.pieces; i++) {
        add(error, &errors[i]);
    }
    return MOTE_OK;
}

double mote_error_snr(const mote_error *error)
{
    return error->noise > 0 ? 10 * log10(error->signal / error->noise) : (double)INFINITY;
}
