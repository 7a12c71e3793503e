/* The table of file formats, and what all of them have in common. */
#include "io/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reading tries them in this order, the stricter test first: .pt before .npz, which are both archives; the two without
 * a magic number come last. */
static const mote_file_kind *const formats[] = {
    &mote_npy_format,
#ifdef MOTE_WITH_LIBZIP
    &mote_pt_format,   &mote_npz_format,
#endif
    &mote_gguf_format, &mote_safetensors_format, &mote_shards_format,
};

enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

mote_status mote_bad_path(mote_context *context, const char *path, const char *format, ...)
{
    char text[sizeof context->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return mote_fail(context, MOTE_ERROR_FILE, "%s: %s", path, text);
}

const char *mote_file_stem(mote_file *file)
{
    const char *slash = strrchr(file->path, '/'), *name = slash ? slash + 1 : file->path;
    const char *dot = strrchr(name, '.');
    size_t length = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    return mote_arena_string(file->context, &file->arena, name, length);
}

mote_status mote_file_open(mote_context *context, const char *path, mote_file **opened)
{
    uint8_t head[MOTE_HEAD_BYTES] = {0};
    *opened = NULL;
    mote_file *file = mote_allocate(context, sizeof *file);
    if (!file) {
        return MOTE_ERROR_MEMORY;
    }
    *file = (mote_file){.context = context, .input = {.descriptor = -1}};
    file->path = mote_arena_string(context, &file->arena, path, strlen(path));
    mote_status status = file->path ? mote_input_open(context, file->path, &file->input) : MOTE_ERROR_MEMORY;
    size_t head_size = (size_t)(file->input.size < MOTE_HEAD_BYTES ? file->input.size : MOTE_HEAD_BYTES);
    if (status == MOTE_OK) {
        status = mote_input_read(&file->input, 0, head_size, head);
    }
    for (int i = 0; status == MOTE_OK && !file->format && i < FORMAT_COUNT; i++) {
        file->format = formats[i]->matches(head, head_size) ? formats[i] : NULL;
    }
    if (status == MOTE_OK && !file->format) {
        status = mote_bad_file(file,
                               "not a tensor file: expected .npy, .npz, .pt, .safetensors or GGUF, found %zu bytes "
                               "that begin with 0x%02x%02x%02x%02x",
                               (size_t)file->input.size, head[0], head[1], head[2], head[3]);
    }
    if (status == MOTE_OK) {
        status = file->format->open(file);
    }
    if (status != MOTE_OK) {
        mote_file_close(file);
        return status;
    }
    *opened = file;
    return MOTE_OK;
}

void mote_file_close(mote_file *file)
{
    if (!file) {
        return;
    }
    if (file->format && file->format->close) {
        file->format->close(file);
    }
    mote_input_close(&file->input);
    mote_arena_clear(file->context, &file->arena);
    mote_release(file->context, file);
}

const char *mote_file_format(const mote_file *file) { return file->format->name; }

size_t mote_file_tensor_count(const mote_file *file) { return file->tensor_count; }

const mote_tensor_info *mote_file_tensor(const mote_file *file, size_t index)
{
    return index < file->tensor_count ? &file->tensors[index] : NULL;
}

size_t mote_file_metadata_count(const mote_file *file) { return file->metadata_count; }

const mote_metadata *mote_file_metadata(const mote_file *file, size_t index)
{
    return index < file->metadata_count ? &file->metadata[index] : NULL;
}

mote_status mote_file_read(mote_file *file, size_t index, mote_tensor *tensor)
{
    const mote_tensor_info *info = mote_file_tensor(file, index);
    if (!info) {
        return mote_fail(file->context, MOTE_ERROR_ARGUMENT, "%s: tensor %zu of %zu does not exist", file->path, index,
                         file->tensor_count);
    }
    if ((info->element_bytes && !tensor->elements) || (info->scale_bytes && !tensor->scales)) {
        return mote_fail(file->context, MOTE_ERROR_ARGUMENT, "%s: a plane to read '%s' into is NULL", file->path,
                         info->name);
    }
    tensor->layout = info->layout;
    tensor->tensor_scale = 1;
    return file->format->read(file, index, tensor);
}

/* The format for a name: the longest ending that fits. */
static const mote_file_kind *format_for(const char *path)
{
    size_t length = strlen(path), best = 0;
    const mote_file_kind *found = NULL;
    for (int i = 0; i < FORMAT_COUNT; i++) {
        size_t ending = strlen(formats[i]->ending);
        if (length > ending && ending > best && strcmp(path + length - ending, formats[i]->ending) == 0) {
            found = formats[i];
            best = ending;
        }
    }
    return found;
}

/* Copies of what was announced, with sizes worked out. */
static mote_status copy_announcement(mote_writer *writer, const mote_tensor_info *tensors,
                                     const mote_metadata *metadata)
{
    mote_context *context = writer->context;
    mote_arena *arena = &writer->arena;
    writer->tensors = mote_arena_allocate(context, arena, writer->tensor_count * sizeof *tensors);
    writer->metadata = mote_arena_allocate(context, arena, writer->metadata_count * sizeof *metadata);
    if (!writer->tensors || !writer->metadata) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < writer->tensor_count; i++) {
        mote_layout_sizes sizes;
        mote_status status = mote_layout_measure(context, &tensors[i].layout, &sizes);
        if (status != MOTE_OK) {
            return status;
        }
        writer->tensors[i] =
            (mote_tensor_info){.name = mote_arena_string(context, arena, tensors[i].name, strlen(tensors[i].name)),
                               .layout = tensors[i].layout,
                               .element_bytes = sizes.element_bytes,
                               .scale_bytes = sizes.scale_bytes};
        if (!writer->tensors[i].name) {
            return MOTE_ERROR_MEMORY;
        }
    }
    for (size_t i = 0; i < writer->metadata_count; i++) {
        const mote_metadata *m = &metadata[i];
        void *raw = m->raw ? mote_arena_allocate(context, arena, m->raw_bytes) : NULL;
        writer->metadata[i] =
            (mote_metadata){mote_arena_string(context, arena, m->key, strlen(m->key)),
                            mote_arena_string(context, arena, m->text, strlen(m->text)), raw, m->raw_bytes};
        if (!writer->metadata[i].key || !writer->metadata[i].text || (m->raw && !raw)) {
            return MOTE_ERROR_MEMORY;
        }
        if (raw) {
            memcpy(raw, m->raw, m->raw_bytes);
        }
    }
    return MOTE_OK;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *first = a, *const *second = b;
    return strcmp(*first, *second);
}

mote_status mote_names_unique(mote_context *context, const char *path, size_t count, const char **names,
                              mote_status failure)
{
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            return mote_fail(context, failure, "%s: the name '%.100s' occurs twice", path, names[i]);
        }
    }
    return MOTE_OK;
}

static mote_status check_names(mote_writer *writer)
{
    const char **names = mote_allocate_array(writer->context, writer->tensor_count, sizeof *names);
    if (!names) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < writer->tensor_count; i++) {
        names[i] = writer->tensors[i].name;
    }
    mote_status status =
        mote_names_unique(writer->context, writer->path, writer->tensor_count, names, MOTE_ERROR_ARGUMENT);
    mote_release(writer->context, names);
    return status;
}

mote_status mote_writer_create(mote_context *context, const char *path, size_t tensor_count,
                               const mote_tensor_info *tensors, size_t metadata_count, const mote_metadata *metadata,
                               mote_writer **created)
{
    const mote_file_kind *format = format_for(path);
    *created = NULL;
    if (!format) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED,
                         "%s: cannot tell the file format from the name; end it in .npy, .npz, .safetensors, "
                         ".safetensors.index.json or .gguf%s",
                         path,
#ifdef MOTE_WITH_LIBZIP
                         ""
#else
                         " (.npz and .pt are not available: this build has no libzip)"
#endif
        );
    }
    mote_writer *writer = mote_allocate(context, sizeof *writer);
    if (!writer) {
        return MOTE_ERROR_MEMORY;
    }
    *writer = (mote_writer){.context = context,
                            .format = format,
                            .output = {.descriptor = -1},
                            .tensor_count = tensor_count,
                            .metadata_count = metadata_count};
    writer->path = mote_arena_string(context, &writer->arena, path, strlen(path));
    mote_status status = writer->path ? copy_announcement(writer, tensors, metadata) : MOTE_ERROR_MEMORY;
    status = status == MOTE_OK ? check_names(writer) : status;
    if (status == MOTE_OK) {
        status = format->create(writer);
    }
    if (status != MOTE_OK) {
        mote_writer_discard(writer);
        return status;
    }
    *created = writer;
    return MOTE_OK;
}

mote_status mote_writer_put(mote_writer *writer, const mote_tensor *tensor)
{
    mote_context *context = writer->context;
    if (writer->failed) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "%s: an earlier write failed; discard the writer", writer->path);
    }
    if (writer->next == writer->tensor_count) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "%s: all %zu announced tensors are written", writer->path,
                         writer->tensor_count);
    }
    const mote_tensor_info *info = &writer->tensors[writer->next];
    const mote_layout *a = &info->layout, *b = &tensor->layout;
    if (a->format != b->format || a->rank != b->rank ||
        memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) != 0 ||
        (info->scale_bytes && a->axis != b->axis)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "%s: tensor '%s' is not the one that was announced",
                         writer->path, info->name);
    }
    if ((info->element_bytes && !tensor->elements) || (info->scale_bytes && !tensor->scales)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "%s: a plane of tensor '%s' is NULL", writer->path, info->name);
    }
    mote_status status = writer->format->put(writer, tensor);
    writer->failed = status != MOTE_OK;
    writer->next += status == MOTE_OK;
    return status;
}

static void free_writer(mote_writer *writer)
{
    if (writer->format->discard) {
        writer->format->discard(writer);
    }
    mote_output_discard(&writer->output);
    mote_arena_clear(writer->context, &writer->arena);
    mote_release(writer->context, writer);
}

mote_status mote_writer_finish(mote_writer *writer)
{
    mote_status status;
    if (writer->failed || writer->next < writer->tensor_count) {
        status = mote_fail(writer->context, MOTE_ERROR_ARGUMENT, "%s: only %zu of %zu announced tensors were written",
                           writer->path, writer->next, writer->tensor_count);
    } else {
        status = writer->format->finish(writer);
    }
    free_writer(writer);
    return status;
}

void mote_writer_discard(mote_writer *writer)
{
    if (writer) {
        free_writer(writer);
    }
}
