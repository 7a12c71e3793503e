/* What a conversion lost. Sums are made per line segment, then in a fixed tree of pieces, so they do not
 * depend on the number of threads. */
#include <math.h>

#include "base/parallel.h"
#include "kernels/quantize/segment.h"

typedef struct compare_job {
    const mote_kernels *kernels;
    const mote_open_tensor *open;
    mote_cut cut;
    const float *x;
    const ptrdiff_t *strides;
    mote_error *errors; /* one a piece */
} compare_job;

typedef struct compare_piece {
    const compare_job *job;
    mote_error *error;
} compare_piece;

/* Adds one segment of a line. limit(i): the largest magnitude that value i can have without saturating. */
static void compare_run(const mote_open_tensor *open, size_t count, const float *x, ptrdiff_t stride, const float *q,
                        const float *limit, mote_error *error)
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
    /* nvfp4's scales are quotients: the largest value may lie a rounding above its limit without having been cut */
    const float slack = 1 + 0x1p-20f;
    for (size_t b = 0; b < blocks; b++) {
        limit[b] = largest;
        if (open->spec.block == MOTE_MX_BLOCK) {
            limit[b] *= mote_bits_float(mote_e8m0_bits(scales[b]));
        } else if (open->spec.block == MOTE_NVFP4_BLOCK) {
            limit[b] *= mote_decode_element(e4m3, scales[b]) * open->spec.tensor_scale * slack;
        }
    }
}

static ptrdiff_t stride_of(const compare_job *j, int dim)
{
    const mote_resolved_layout *layout = &j->open->layout;
    return j->strides && !layout->scalar ? j->strides[dim] : (ptrdiff_t)layout->stride[dim];
}

static void compare_segment(void *argument, const mote_open_tensor *open, const mote_segment *segment)
{
    const compare_piece *piece = argument;
    const compare_job *j = piece->job;
    size_t block = (size_t)open->spec.block;
    float limit[MOTE_SEGMENT];
    const float *x = j->x;
    for (int d = 0; d < open->layout.rank; d++) {
        ptrdiff_t stride = stride_of(j, d);
        x += stride * (ptrdiff_t)segment->origin[d];
    }
    int axis = open->layout.axis;
    ptrdiff_t stride = stride_of(j, axis);
    if (block > 1) {
        segment_limits(open, segment->line, segment->origin[axis] / block, mote_size_divide_up(segment->count, block),
                       limit);
    } else {
        for (size_t i = 0; i < segment->count; i++) {
            limit[i] = (float)open->layout.traits->largest;
        }
    }
    compare_run(open, segment->count, x, stride, segment->values, limit, piece->error);
}

static void compare_task(void *argument, size_t index, void *scratch)
{
    const compare_job *j = argument;
    mote_box box = mote_cut_box(&j->open->layout, &j->cut, index);
    compare_piece piece = {j, &j->errors[index]};
    mote_visit_segments(j->kernels, j->open, &box, compare_segment, &piece, scratch);
}

void mote_error_add(mote_error *total, const mote_error *part)
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

mote_status mote_compare(mote_context *context, const float *x, const ptrdiff_t *strides, const mote_tensor *tensor,
                         mote_error *error)
{
    mote_open_tensor open;
    mote_error errors[MOTE_FIXED_PIECES] = {{0}};
    mote_status status = mote_tensor_open(context, tensor, NULL, &open);
    if (status != MOTE_OK) {
        return status;
    }
    if (open.layout.traits->kind != MOTE_KIND_TARGET) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED, "%s is not a format that a conversion makes",
                         open.layout.traits->name);
    }
    if (!x && open.layout.sizes.count) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "x is NULL");
    }
    compare_job j = {.kernels = context->kernels, .open = &open, .x = x, .strides = strides, .errors = errors};
    j.cut = mote_cut_fixed(&open.layout);
    mote_parallel_for(context, j.cut.pieces, compare_task, &j);
    for (size_t i = 0; i < j.cut.pieces; i++) {
        mote_error_add(error, &errors[i]);
    }
    return MOTE_OK;
}

double mote_error_snr(const mote_error *error)
{
    return error->noise > 0 ? 10 * log10(error->signal / error->noise) : (double)INFINITY;
}
