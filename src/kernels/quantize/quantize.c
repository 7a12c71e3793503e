/* The public conversions: check, cut into boxes, hand to threads. */
#include <stdatomic.h>

#include "base/parallel.h"
#include "kernels/quantize/box.h"
#include "kernels/quantize/plain.h"

/* FP32 results of 32 MiB and more are written past the caches: whoever reads them next will not find them there. */
enum { STREAM_VALUES = 8 << 20 };

/* One conversion, of a part of a tensor that begins at entry begin of dimension dim; boxes of the part are numbered by
 * the cut. */
typedef struct job {
    const mote_kernels *kernels;
    const mote_open_tensor *open;
    const mote_resolved_layout *part; /* the tensor's own where that is converted as a whole */
    int dim;
    size_t begin;
    mote_cut cut;
    const float *array;
    const ptrdiff_t *strides;
    _Atomic uint32_t largest; /* bits of the largest finite magnitude */
} job;

static void quantize_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    mote_box box = mote_cut_box(j->part, &j->cut, index);
    mote_strided x = mote_strided_at(j->part, j->array, j->strides, &box);
    box.origin[j->dim] += j->begin;
    if (mote_in_blocks(j->open)) {
        mote_quantize_box(j->kernels, j->open, &box, &x, scratch);
    } else {
        mote_plain_quantize_box(j->kernels, j->open, &box, &x, scratch);
    }
}

static void dequantize_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    mote_box box = mote_cut_box(j->part, &j->cut, index);
    mote_strided y = mote_strided_at(j->part, j->array, j->strides, &box);
    box.origin[j->dim] += j->begin;
    if (mote_in_blocks(j->open)) {
        mote_dequantize_box(j->kernels, j->open, &box, &y, scratch);
    } else {
        mote_plain_dequantize_box(j->kernels, j->open, &box, &y, scratch);
    }
}

static void largest_task(void *argument, size_t index, void *scratch)
{
    job *j = argument;
    (void)scratch;
    int rank = j->open->layout.rank, last = rank - 1;
    mote_box box = mote_cut_box(&j->open->layout, &j->cut, index);
    mote_strided x = mote_strided_at(&j->open->layout, j->array, j->strides, &box);
    size_t at[MOTE_MAXIMUM_RANK] = {0};
    uint32_t largest = 0;
    if (mote_box_empty(&box, rank)) {
        return;
    }
    do {
        const float *run = x.start;
        for (int d = 0; d < last; d++) {
            run += x.stride[d] * (ptrdiff_t)at[d];
        }
        for (size_t i = 0; i < box.extent[last]; i += x.stride[last] == 1 ? box.extent[last] : 1) {
            size_t count = x.stride[last] == 1 ? box.extent[last] : 1;
            uint32_t here = j->kernels->largest_magnitude(count, run + (ptrdiff_t)i * x.stride[last]);
            largest = here > largest ? here : largest;
        }
    } while (mote_box_next(&box, rank, 1u << last, at));
    uint32_t seen = atomic_load(&j->largest);
    while (largest > seen && !atomic_compare_exchange_weak(&j->largest, &seen, largest)) {
    }
}

typedef struct scales_job {
    uint32_t largest;
    mote_block_spec *spec;
} scales_job;

static void scales_task(void *argument, size_t index, void *scratch)
{
    const scales_job *j = argument;
    (void)index;
    (void)scratch;
    mote_nvfp4_scales(mote_bits_float(j->largest), &j->spec->encode_scale, &j->spec->tensor_scale);
}

void mote_nvfp4_open(const mote_context *context, uint32_t largest, mote_block_spec *spec)
{
    scales_job j = {largest, spec};
    mote_parallel_for(context, 1, scales_task, &j);
}

static void run(const mote_context *context, job *j, mote_task *task)
{
    const mote_open_tensor *open = j->open;
    int axis = open->spec.block > 1 ? open->layout.axis : -1;
    j->part = j->part ? j->part : &open->layout;
    j->cut = mote_cut_choose(j->part, axis, -1, (size_t)open->spec.block, context->threads);
    mote_parallel_for(context, j->cut.pieces, task, j);
}

void mote_nvfp4_measure(const mote_context *context, mote_open_tensor *open, const float *x, const ptrdiff_t *strides)
{
    job j = {.kernels = context->kernels, .open = open, .array = x, .strides = strides};
    run(context, &j, largest_task);
    mote_nvfp4_open(context, atomic_load(&j.largest), &open->spec);
}

mote_status mote_quantize(mote_context *context, const float *x, const ptrdiff_t *strides,
                          const mote_quantize_options *options, mote_tensor *tensor)
{
    mote_open_tensor open;
    mote_status status = mote_tensor_open(context, tensor, options, &open);
    if (status != MOTE_OK) {
        return status;
    }
    if (open.layout.traits->kind != MOTE_KIND_TARGET) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED, "cannot convert to %s; choose a format from fp32 to nvfp4",
                         open.layout.traits->name);
    }
    if (!x && open.layout.sizes.count) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "x is NULL");
    }
    job j = {.kernels = context->kernels, .open = &open, .array = x, .strides = strides};
    tensor->tensor_scale = 1;
    if (open.layout.sizes.count == 0) {
        return MOTE_OK;
    }
    if (tensor->layout.format == MOTE_NVFP4) {
        mote_nvfp4_measure(context, &open, x, strides);
        tensor->tensor_scale = open.spec.tensor_scale;
    }
    run(context, &j, quantize_task);
    return MOTE_OK;
}

static mote_status open_readable(mote_context *context, const mote_tensor *tensor, mote_open_tensor *open)
{
    mote_status status = mote_tensor_open(context, tensor, NULL, open);
    if (status == MOTE_OK && open->layout.traits->kind == MOTE_KIND_CARRIED) {
        status = mote_fail(context, MOTE_ERROR_UNSUPPORTED, "%s tensors are carried as they are, not converted",
                           open->layout.traits->name);
    }
    return status;
}

mote_status mote_dequantize(mote_context *context, const mote_tensor *tensor, float *y, const ptrdiff_t *strides)
{
    mote_open_tensor open;
    mote_status status = open_readable(context, tensor, &open);
    if (status != MOTE_OK) {
        return status;
    }
    if (!y && open.layout.sizes.count) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "y is NULL");
    }
    job j = {.kernels = context->kernels, .open = &open, .array = y, .strides = strides};
    if (open.layout.sizes.count == 0) {
        return MOTE_OK;
    }
    open.spec.stream = open.layout.sizes.count >= STREAM_VALUES;
    run(context, &j, dequantize_task);
    return MOTE_OK;
}

/* ---- parts ---- */

/* Opens tensor and the layout of entries begin ... begin + length - 1 of dimension dim. */
static mote_status open_part(mote_context *context, const mote_tensor *tensor, int dim, size_t length,
                             mote_open_tensor *open, mote_resolved_layout *part)
{
    mote_layout layout = tensor->layout;
    layout.shape[dim] = length;
    mote_status status = open_readable(context, tensor, open);
    return status == MOTE_OK ? mote_layout_resolve(context, &layout, part) : status;
}

mote_status mote_quantize_part(mote_context *context, const float *x, mote_tensor *tensor, int dim, size_t begin,
                               size_t length)
{
    mote_open_tensor open;
    mote_resolved_layout part;
    mote_status status = open_part(context, tensor, dim, length, &open, &part);
    job j = {.kernels = context->kernels, .open = &open, .part = &part, .dim = dim, .begin = begin, .array = x};
    if (status == MOTE_OK && part.sizes.count) {
        run(context, &j, quantize_task);
    }
    return status;
}

mote_status mote_dequantize_part(mote_context *context, const mote_tensor *tensor, int dim, size_t begin, size_t length,
                                 float *y)
{
    mote_open_tensor open;
    mote_resolved_layout part;
    mote_status status = open_part(context, tensor, dim, length, &open, &part);
    job j = {.kernels = context->kernels, .open = &open, .part = &part, .dim = dim, .begin = begin, .array = y};
    if (status == MOTE_OK && part.sizes.count) {
        run(context, &j, dequantize_task);
    }
    return status;
}
