/* Opening operands: shapes, strides, formats and scales are checked here, once. */
#include "kernels/gemm/operand.h"

mote_status mote_format_check(mote_context *context, mote_format format, const char *name)
{
    const mote_format_traits *traits = mote_format_get(format);
    if (!traits || traits->kind != MOTE_KIND_TARGET) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED, "%s: products take fp32 to nvfp4, found %s", name,
                         traits ? traits->name : "an unknown format");
    }
    return MOTE_OK;
}

mote_status mote_formats_check(mote_context *context, mote_format a, mote_format b, mote_gemm_kind *kind)
{
    *kind = mote_gemm_choose(context->cpu, a, b);
    if (*kind == MOTE_GEMM_KIND_COUNT) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED,
                         "no product of %s with %s: nvfp4 goes with nvfp4, fp32, bf16 or fp16; convert one side",
                         mote_format_get(a)->name, mote_format_get(b)->name);
    }
    return MOTE_OK;
}

void mote_gemm_measure(mote_context *context, mote_gemm_source *source, int rank, const size_t *shape,
                       const ptrdiff_t *strides)
{
    mote_open_tensor tensor = {.spec = source->spec};
    mote_layout layout = {.format = source->format, .rank = rank, .axis = -1};
    ptrdiff_t turned[MOTE_MAXIMUM_RANK];
    int last = rank - 1;
    if (source->format != MOTE_NVFP4 || !source->values) { /* NULL is refused by whoever knows if there is a need */
        return;
    }
    memcpy(layout.shape, shape, (size_t)rank * sizeof *shape);
    if (strides && strides[last] != 1 && strides[last - 1] == 1) {
        /* the order does not matter to a maximum, memory's is faster */
        memcpy(turned, strides, (size_t)rank * sizeof *strides);
        layout.shape[last] = shape[last - 1];
        layout.shape[last - 1] = shape[last];
        turned[last] = 1;
        turned[last - 1] = strides[last];
        strides = turned;
    }
    if (mote_layout_resolve(context, &layout, &tensor.layout) == MOTE_OK && tensor.layout.sizes.count) {
        mote_nvfp4_measure(context, &tensor, source->values, strides);
        source->spec = tensor.spec;
        source->tensor_scale = tensor.spec.tensor_scale;
    }
}

static mote_status open_values(mote_context *context, const mote_operand *operand, mote_side side, const char *name,
                               mote_open_operand *open)
{
    mote_layout layout = {.format = MOTE_FP32, .rank = operand->rank};
    mote_resolved_layout resolved;
    mote_gemm_source *source = &open->source;
    if (operand->rank < 2 || operand->rank > MOTE_MAXIMUM_RANK) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "%s: expected 2 to %d dimensions, found %d", name,
                         MOTE_MAXIMUM_RANK, operand->rank);
    }
    memcpy(layout.shape, operand->shape, sizeof layout.shape);
    mote_status status = mote_layout_resolve(context, &layout, &resolved);
    status = status == MOTE_OK ? mote_format_check(context, operand->format, name) : status;
    status = status == MOTE_OK ? mote_options_check(context, operand->format, &operand->options) : status;
    if (status != MOTE_OK) {
        return status;
    }
    int line = side == MOTE_SIDE_ROWS ? operand->rank - 2 : operand->rank - 1;
    int along = side == MOTE_SIDE_ROWS ? operand->rank - 1 : operand->rank - 2;
    open->rank = operand->rank;
    for (int d = 0; d < operand->rank; d++) {
        open->shape[d] = operand->shape[d];
        open->value_stride[d] = operand->strides ? operand->strides[d] : (ptrdiff_t)resolved.stride[d];
        open->position_stride[d] = resolved.stride[d];
    }
    *source = (mote_gemm_source){.format = operand->format,
                                 .element = mote_element_get(operand->format),
                                 .lines = operand->shape[line],
                                 .length = operand->shape[along],
                                 .values = operand->values,
                                 .line_stride = open->value_stride[line],
                                 .stride = open->value_stride[along],
                                 .options = &operand->options,
                                 .line_position = resolved.stride[line],
                                 .value_position = resolved.stride[along],
                                 .tensor_scale = 1};
    source->spec = mote_block_spec_of(operand->format, &operand->options, 1);
    mote_gemm_measure(context, source, open->rank, open->shape, open->value_stride);
    return MOTE_OK;
}

static mote_status open_tensor(mote_context *context, const mote_operand *operand, mote_side side, const char *name,
                               mote_open_operand *open)
{
    mote_open_tensor tensor;
    mote_status status = mote_tensor_open(context, operand->tensor, NULL, &tensor);
    status = status == MOTE_OK ? mote_format_check(context, operand->tensor->layout.format, name) : status;
    if (status != MOTE_OK) {
        return status;
    }
    const mote_resolved_layout *layout = &tensor.layout;
    int rank = layout->rank, along = side == MOTE_SIDE_ROWS ? rank - 1 : rank - 2;
    int line = side == MOTE_SIDE_ROWS ? rank - 2 : rank - 1;
    bool blocks = layout->traits->block_length > 1;
    if (layout->scalar || rank < 2) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "%s: expected 2 to %d dimensions, found %d", name,
                         MOTE_MAXIMUM_RANK, operand->tensor->layout.rank);
    }
    if (blocks && layout->axis != along) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT,
                         "%s: its blocks run along axis %d, the product reduces axis %d; quantize it along that one",
                         name, layout->axis, along);
    }
    if (!blocks && layout->traits->element_bits == 16 && side == MOTE_SIDE_COLUMNS) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED,
                         "%s: a %s tensor cannot be the right-hand side; give its values as fp32 with format %s", name,
                         layout->traits->name, layout->traits->name);
    }
    open->rank = rank;
    memcpy(open->shape, layout->shape, sizeof open->shape);
    memcpy(open->line_stride, layout->line_stride, sizeof open->line_stride);
    size_t bytes = (size_t)layout->traits->element_bits / 8;
    open->source = (mote_gemm_source){
        .format = operand->tensor->layout.format,
        .element = mote_element_get(operand->tensor->layout.format),
        .lines = layout->shape[line],
        .length = layout->shape[along],
        .spec = tensor.spec,
        .elements = operand->tensor->elements,
        .scales = operand->tensor->scales,
        .line_bytes = blocks ? layout->line_bytes : layout->shape[along] * bytes,
        .scale_bytes = layout->sizes.blocks_per_line,
        .tensor_scale = operand->tensor->layout.format == MOTE_NVFP4 ? operand->tensor->tensor_scale : 1};
    if (!blocks) { /* plain numbers: an array, its lines counted along the last dimension */
        for (int d = 0; d < rank; d++) {
            open->value_stride[d] = (ptrdiff_t)layout->stride[d];
            open->line_stride[d] = layout->shape[rank - 1] ? layout->stride[d] / layout->shape[rank - 1] : 0;
        }
        if (layout->traits->element_bits == 32) {
            open->source.values = operand->tensor->elements;
            open->source.elements = NULL;
            open->source.line_stride = (ptrdiff_t)layout->stride[line];
            open->source.stride = (ptrdiff_t)layout->stride[along];
        }
    }
    return MOTE_OK;
}

mote_status mote_operand_open(mote_context *context, const mote_operand *operand, mote_side side, const char *name,
                              mote_open_operand *open)
{
    *open = (mote_open_operand){.rank = 0};
    if (operand->tensor) {
        return open_tensor(context, operand, side, name, open);
    }
    mote_status status = open_values(context, operand, side, name, open);
    if (status == MOTE_OK && !operand->values && open->source.lines && open->source.length) {
        status = mote_fail(context, MOTE_ERROR_ARGUMENT, "%s: neither values nor a tensor", name);
    }
    return status;
}

mote_gemm_source mote_operand_at(const mote_open_operand *open, int rank, const size_t *index)
{
    mote_gemm_source source = open->source;
    for (int d = 0; d < open->rank - 2; d++) {
        size_t at = open->shape[d] == 1 ? 0 : index[d + rank - (open->rank - 2)];
        if (source.values) {
            source.values += (ptrdiff_t)at * open->value_stride[d];
            source.position += at * open->position_stride[d];
        } else {
            size_t lines = at * open->line_stride[d];
            source.elements += lines * source.line_bytes;
            if (source.scales) {
                source.scales += lines * source.scale_bytes;
            }
        }
    }
    return source;
}
