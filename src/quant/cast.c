/* The direct cast of a file: read, dequantize if need be, quantize, compare, write, one tensor at a time. Files of
 * AlphaFold 2's parameters are read as OpenFold's tensors, whatever their names and layouts. */
#include "mote/cast.h"

#include <fnmatch.h>
#include <string.h>

#include "base/context.h"
#include "models/weights/weights.h"

typedef struct cast {
    mote_context *context;
    const mote_cast_options *options;
    mote_file *file;
    mote_weights *weights; /* then file is its own; or NULL */
    mote_writer *writer;
    mote_tensor_info *outputs; /* what is announced to the writer */
    mote_cast_progress progress;
} cast;

static bool any_match(const char *const *patterns, const char *name)
{
    for (; patterns && *patterns; patterns++) {
        if (fnmatch(*patterns, name, 0) == 0) {
            return true;
        }
    }
    return false;
}

static bool chosen(const mote_cast_options *options, const mote_tensor_info *info)
{
    bool included = !options->include || !*options->include || any_match(options->include, info->name);
    bool number = mote_format_get(info->layout.format)->kind != MOTE_KIND_CARRIED;
    return number && included && !any_match(options->exclude, info->name);
}

static size_t tensor_count(const cast *c)
{
    return c->weights ? c->weights->memory->count : mote_file_tensor_count(c->file);
}

static const mote_tensor_info *tensor_info(const cast *c, size_t index)
{
    return c->weights ? &c->weights->memory->infos[index] : mote_file_tensor(c->file, index);
}

/* The layout that a tensor is going to have. Of AlphaFold 2 only what products read gets the format; the rest, vectors
 * and a few tables, is FP32. */
static mote_status announce(cast *c, size_t index, mote_tensor_info *output)
{
    const mote_tensor_info *input = tensor_info(c, index);
    const mote_cast_options *options = c->options;
    bool narrow = !c->weights || c->weights->memory->sources[index].product;
    mote_format format = narrow ? options->format : MOTE_FP32;
    int rank = input->layout.rank ? input->layout.rank : 1;
    int axis = options->axis < 0 ? options->axis + rank : options->axis;
    *output = *input;
    if (!chosen(options, input)) {
        return MOTE_OK;
    }
    bool blocks = mote_format_get(format)->block_length > 1;
    if (blocks && (axis < 0 || axis >= rank)) {
        return mote_fail(
            c->context, MOTE_ERROR_SHAPE,
            "tensor '%s' has %d dimension(s) and so no axis %d to put blocks along; exclude it (--exclude)",
            input->name, input->layout.rank, options->axis);
    }
    mote_layout_sizes sizes;
    output->layout.format = format;
    output->layout.axis = blocks ? axis : rank - 1;
    mote_status status = mote_layout_measure(c->context, &output->layout, &sizes);
    if (status == MOTE_OK) {
        output->element_bytes = sizes.element_bytes;
        output->scale_bytes = sizes.scale_bytes;
    }
    return status;
}

static bool same_layout(const mote_layout *a, const mote_layout *b)
{
    return a->format == b->format && (mote_format_get(a->format)->block_length == 1 || a->axis == b->axis);
}

static mote_status tell(cast *c)
{
    if (c->options->progress && c->options->progress(c->options->user, &c->progress) != MOTE_OK) {
        return mote_fail(c->context, MOTE_ERROR_CANCELLED, "stopped at tensor '%s'", c->progress.input->name);
    }
    return MOTE_OK;
}

/* Planes for a tensor; released together. elements is NULL on failure. */
static mote_status allocate_planes(mote_context *context, const mote_tensor_info *info, mote_tensor *tensor)
{
    tensor->layout = info->layout;
    tensor->tensor_scale = 1;
    tensor->elements = mote_allocate(context, info->element_bytes);
    tensor->scales = tensor->elements ? mote_allocate(context, info->scale_bytes) : NULL;
    return tensor->scales ? MOTE_OK : MOTE_ERROR_MEMORY;
}

static void release_planes(mote_context *context, mote_tensor *tensor)
{
    mote_release(context, tensor->elements);
    mote_release(context, tensor->scales);
}

/* Quantizes what was read and compares. x: the values in FP32. */
static mote_status convert(cast *c, const float *x, mote_tensor *output)
{
    mote_context *context = c->context;
    mote_status status = allocate_planes(context, c->progress.output, output);
    status = status == MOTE_OK ? mote_quantize(context, x, NULL, &c->options->quantize, output) : status;
    return status == MOTE_OK ? mote_compare(context, x, NULL, output, &c->progress.error) : status;
}

/* Planes of a tensor of the input, to be released unless there are weights, whose planes they then are. */
static mote_status read_input(cast *c, size_t index, mote_tensor *input)
{
    if (c->weights) {
        return mote_weights_read(c->weights, index, input);
    }
    mote_status status = allocate_planes(c->context, mote_file_tensor(c->file, index), input);
    return status == MOTE_OK ? mote_file_read(c->file, index, input) : status;
}

static mote_status cast_tensor(cast *c, size_t index)
{
    mote_context *context = c->context;
    const mote_tensor_info *info = tensor_info(c, index);
    mote_tensor input = {.elements = NULL}, output = {.elements = NULL};
    float *values = NULL;
    const float *x = NULL;
    c->progress.input = info;
    c->progress.output = &c->outputs[index];
    c->progress.index = index;
    c->progress.done = false;
    c->progress.error = (mote_error){0};
    c->progress.converted = !same_layout(&info->layout, &c->outputs[index].layout);
    mote_status status = tell(c);
    status = status == MOTE_OK ? read_input(c, index, &input) : status;
    if (status == MOTE_OK && c->progress.converted) {
        x = input.elements;
        if (info->layout.format != MOTE_FP32) {
            mote_layout_sizes sizes;
            mote_layout_measure(context, &info->layout, &sizes);
            x = values = mote_allocate_array(context, sizes.count, sizeof *values);
            status = values ? mote_dequantize(context, &input, values, NULL) : MOTE_ERROR_MEMORY;
        }
        status = status == MOTE_OK ? convert(c, x, &output) : status;
    }
    if (status == MOTE_OK && c->writer) {
        status = mote_writer_put(c->writer, c->progress.converted ? &output : &input);
    }
    if (!c->weights) {
        release_planes(context, &input);
    }
    release_planes(context, &output);
    mote_release(context, values);
    c->progress.bytes_done += (uint64_t)info->element_bytes + info->scale_bytes;
    c->progress.done = true;
    return status == MOTE_OK ? tell(c) : status;
}

/* Announces all tensors and the metadata to a new writer. */
static mote_status begin(cast *c, const char *path)
{
    mote_context *context = c->context;
    size_t count = tensor_count(c), keys = mote_file_metadata_count(c->file);
    mote_metadata *metadata = mote_allocate_array(context, keys, sizeof *metadata);
    c->outputs = mote_allocate_array(context, count, sizeof *c->outputs);
    mote_status status = metadata && c->outputs ? MOTE_OK : MOTE_ERROR_MEMORY;
    c->progress.count = count;
    for (size_t i = 0; status == MOTE_OK && i < count; i++) {
        const mote_tensor_info *info = tensor_info(c, i);
        status = announce(c, i, &c->outputs[i]);
        c->progress.bytes_total += (uint64_t)info->element_bytes + info->scale_bytes;
    }
    for (size_t i = 0; status == MOTE_OK && i < keys; i++) {
        metadata[i] = *mote_file_metadata(c->file, i);
    }
    if (status == MOTE_OK && path) {
        status = mote_writer_create(context, path, count, c->outputs, keys, metadata, &c->writer);
    }
    mote_release(context, metadata);
    return status;
}

/* Opens the input. Files with AlphaFold's names must be whole; with OpenFold's, others are cast as any file is. */
static mote_status open_input(cast *c, const char *path)
{
    mote_status status = mote_file_open(c->context, path, &c->file);
    const char *whose = status == MOTE_OK ? mote_weights_whose(c->file) : NULL;
    if (whose) {
        status = mote_weights_of_file(c->context, c->file, &c->weights);
        bool any = strcmp(whose, "openfold") == 0 && (status == MOTE_ERROR_FILE || status == MOTE_ERROR_UNSUPPORTED);
        status = any ? MOTE_OK : status;
    }
    return status;
}

mote_status mote_cast_file(mote_context *context, const char *input, const char *output,
                           const mote_cast_options *options)
{
    cast c = {.context = context, .options = options};
    const mote_format_traits *traits = mote_format_get(options->format);
    if (!traits || traits->kind != MOTE_KIND_TARGET) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "cannot cast to %s; choose a format from fp32 to nvfp4",
                         traits ? traits->name : "an unknown format");
    }
    mote_status status = open_input(&c, input);
    status = status == MOTE_OK ? begin(&c, output) : status;
    for (size_t i = 0; status == MOTE_OK && i < c.progress.count; i++) {
        status = cast_tensor(&c, i);
    }
    if (status == MOTE_OK && c.writer) {
        status = mote_writer_finish(c.writer);
        c.writer = NULL;
    }
    mote_writer_discard(c.writer);
    mote_release(context, c.outputs);
    if (c.weights) {
        mote_weights_close(c.weights);
    } else {
        mote_file_close(c.file);
    }
    return status;
}
