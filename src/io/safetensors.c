/* safetensors: a length, a JSON header, then raw little-endian arrays without gaps.
 * Source: the safetensors README ("Format") and its reference implementation's checks. */
#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "formats/layout.h"
#include "io/json.h"

static const struct {
    const char *dtype;
    mote_format format;
} dtypes[] = {
    {"F32", MOTE_FP32},         {"BF16", MOTE_BF16},        {"F16", MOTE_FP16},         {"F64", MOTE_FP64},
    {"F8_E4M3", MOTE_FP8_E4M3}, {"F8_E5M2", MOTE_FP8_E5M2}, {"F8_E8M0", MOTE_FP8_E8M0}, {"F6_E2M3", MOTE_FP6_E2M3},
    {"F6_E3M2", MOTE_FP6_E3M2}, {"F4", MOTE_FP4_E2M1},      {"I8", MOTE_INT8},          {"I16", MOTE_INT16},
    {"I32", MOTE_INT32},        {"I64", MOTE_INT64},        {"U8", MOTE_UINT8},         {"U16", MOTE_UINT16},
    {"U32", MOTE_UINT32},       {"U64", MOTE_UINT64},       {"BOOL", MOTE_BOOL},        {"C64", MOTE_COMPLEX64},
};

enum { DTYPES = sizeof dtypes / sizeof dtypes[0], LENGTH_BYTES = 8, HEADER_MAXIMUM = 100000000, COMPARED = 64 };

static bool safetensors_matches(const uint8_t *head, size_t size)
{
    /* no magic number: a length, then '{' (older writers put spaces before it) */
    return size > LENGTH_BYTES && mote_little_endian(head, LENGTH_BYTES) <= HEADER_MAXIMUM &&
           (head[LENGTH_BYTES] == '{' || head[LENGTH_BYTES] == ' ');
}

static mote_format find_dtype(const char *dtype)
{
    for (int i = 0; i < DTYPES; i++) {
        if (strcmp(dtype, dtypes[i].dtype) == 0) {
            return dtypes[i].format;
        }
    }
    return MOTE_FORMAT_COUNT;
}

static const char *dtype_of(mote_format format)
{
    for (int i = 0; i < DTYPES; i++) {
        if (dtypes[i].format == format) {
            return dtypes[i].dtype;
        }
    }
    return NULL;
}

/* A tensor's description: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}. */
static mote_status parse_entry(mote_file *file, const mote_input *input, const char *name, json_t *value, uint64_t data,
                               mote_entry *entry)
{
    const char *dtype = "";
    json_t *shape = NULL, *size;
    json_int_t begin = -1, end = -1;
    size_t d;
    if (json_unpack(value, "{s:s, s:o, s:[I, I!]}", "dtype", &dtype, "shape", &shape, "data_offsets", &begin, &end) !=
            0 ||
        !json_is_array(shape)) {
        return mote_bad_path(file->context, input->path,
                             "header of '%.100s': expected dtype, shape and data_offsets [BEGIN, END]", name);
    }
    entry->format = find_dtype(dtype);
    if (entry->format == MOTE_FORMAT_COUNT) {
        return mote_fail(file->context, MOTE_ERROR_UNSUPPORTED,
                         "%s: '%.100s' has dtype '%.40s', which mote does not know", input->path, name, dtype);
    }
    if (json_array_size(shape) > MOTE_MAXIMUM_RANK + 1) {
        return mote_fail(file->context, MOTE_ERROR_UNSUPPORTED,
                         "%s: '%.100s' has %zu dimensions; at most %d are supported", input->path, name,
                         json_array_size(shape), MOTE_MAXIMUM_RANK);
    }
    size_t count = 1, bits;
    bool fits = true;
    entry->rank = (int)json_array_size(shape);
    json_array_foreach(shape, d, size)
    {
        json_int_t length = json_is_integer(size) ? json_integer_value(size) : -1;
        fits = fits && length >= 0 && mote_size_multiply(count, (size_t)length, &count);
        entry->shape[d] = (size_t)length;
    }
    fits = fits && mote_size_multiply(count, (size_t)mote_format_get(entry->format)->element_bits, &bits);
    if (!fits) {
        return mote_bad_path(file->context, input->path,
                             "header of '%.100s': the shape is not a list of sizes that fit 64 bits", name);
    }
    entry->bytes = bits / 8;
    if (begin < 0 || end < begin || (uint64_t)end > input->size - data || bits % 8 ||
        (uint64_t)(end - begin) != entry->bytes) {
        return mote_bad_path(
            file->context, input->path,
            "header of '%.100s': data_offsets [%lld, %lld] do not fit: %s of this shape need %zu bits and "
            "the file has %llu bytes of data%s",
            name, (long long)begin, (long long)end, dtype, bits, (unsigned long long)(input->size - data),
            (uint64_t)(end < 0 ? 0 : end) > input->size - data ? " (truncated?)" : "");
    }
    entry->place = data + (uint64_t)begin;
    return MOTE_OK;
}

static int compare_places(const void *a, const void *b)
{
    const mote_entry *x = a, *y = b;
    if (x->place != y->place) {
        return x->place < y->place ? -1 : 1;
    }
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* Entries must cover the data without holes or overlaps; they are left in the order of their place. */
static mote_status check_cover(mote_file *file, const mote_input *input, uint64_t data, mote_entry *entries,
                               size_t count)
{
    qsort(entries, count, sizeof *entries, compare_places);
    uint64_t expected = data;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].place != expected) {
            return mote_bad_path(file->context, input->path, "data of '%.100s' begins at %llu, expected %llu: %s",
                                 entries[i].name, (unsigned long long)(entries[i].place - data),
                                 (unsigned long long)(expected - data),
                                 entries[i].place < expected ? "tensors overlap" : "there is a hole");
        }
        expected += entries[i].bytes;
    }
    if (expected != input->size) {
        return mote_bad_path(file->context, input->path, "expected %llu bytes, found %llu: trailing data",
                             (unsigned long long)expected, (unsigned long long)input->size);
    }
    return MOTE_OK;
}

static mote_status append_metadata(mote_file *file, const mote_input *input, json_t *value, mote_metadata *metadata)
{
    const char *key;
    json_t *text;
    if (!json_is_object(value)) {
        return mote_bad_path(file->context, input->path, "__metadata__: expected an object of strings");
    }
    json_object_foreach(value, key, text)
    {
        if (!json_is_string(text)) {
            return mote_bad_path(file->context, input->path, "__metadata__ '%.100s': expected a string", key);
        }
        mote_metadata *m = &metadata[file->metadata_count];
        *m = (mote_metadata){
            mote_arena_string(file->context, &file->arena, key, strlen(key)),
            mote_arena_string(file->context, &file->arena, json_string_value(text), json_string_length(text)), NULL, 0};
        if (!m->key || !m->text) {
            return MOTE_ERROR_MEMORY;
        }
        file->metadata_count++;
    }
    return MOTE_OK;
}

/* Room for more items behind those of an array of the file; the arena keeps the old one, so arrays double. */
static void *grow(mote_file *file, void *items, size_t count, size_t *capacity, size_t more, size_t item_size)
{
    size_t wanted = count + more;
    if (items && wanted <= *capacity) {
        return items;
    }
    wanted = wanted > 2 * *capacity ? wanted : 2 * *capacity;
    void *grown = mote_arena_allocate(file->context, &file->arena, wanted * item_size);
    if (grown) {
        if (count) {
            memcpy(grown, items, count * item_size);
        }
        *capacity = wanted;
    }
    return grown;
}

static mote_status append_parsed(mote_file *file, const mote_input *input, json_t *root, uint64_t data, int source)
{
    mote_context *context = file->context;
    json_t *value, *meta = json_object_get(root, "__metadata__");
    size_t added = json_object_size(root), before = file->entry_count;
    size_t keys = json_is_object(meta) ? json_object_size(meta) : 0;
    mote_entry *entries = grow(file, file->entries, before, &file->entry_capacity, added, sizeof *entries);
    mote_metadata *metadata =
        grow(file, file->metadata, file->metadata_count, &file->metadata_capacity, keys, sizeof *metadata);
    if (!entries || !metadata) {
        return MOTE_ERROR_MEMORY;
    }
    file->entries = entries;
    file->metadata = metadata;
    mote_status status = meta && !json_is_null(meta) ? append_metadata(file, input, meta, metadata) : MOTE_OK;
    const char *name;
    json_object_foreach(root, name, value)
    {
        if (status != MOTE_OK || strcmp(name, "__metadata__") == 0) {
            continue;
        }
        mote_entry *entry = &entries[file->entry_count];
        *entry = (mote_entry){.name = mote_arena_string(context, &file->arena, name, strlen(name)), .source = source};
        status = entry->name ? parse_entry(file, input, name, value, data, entry) : MOTE_ERROR_MEMORY;
        file->entry_count += status == MOTE_OK;
    }
    return status == MOTE_OK ? check_cover(file, input, data, entries + before, file->entry_count - before) : status;
}

mote_status mote_safetensors_append(mote_file *file, const mote_input *input, int source)
{
    uint8_t length_bytes[LENGTH_BYTES];
    mote_status status = mote_input_read(input, 0, LENGTH_BYTES, length_bytes);
    if (status != MOTE_OK) {
        return status;
    }
    uint64_t length = mote_little_endian(length_bytes, LENGTH_BYTES);
    if (length > HEADER_MAXIMUM || length > input->size - LENGTH_BYTES) {
        return mote_bad_path(
            file->context, input->path,
            "truncated or not safetensors: the header claims %llu bytes, the file has %llu (and 100 MB is "
            "the limit)",
            (unsigned long long)length, (unsigned long long)input->size);
    }
    char *text = mote_allocate(file->context, (size_t)length);
    if (!text) {
        return MOTE_ERROR_MEMORY;
    }
    status = mote_input_read(input, LENGTH_BYTES, (size_t)length, text);
    if (status == MOTE_OK) {
        json_error_t error;
        json_t *root = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &error);
        if (!root && json_error_code(&error) == json_error_out_of_memory) {
            status =
                mote_fail(file->context, MOTE_ERROR_MEMORY, "%s: out of memory: no room for the header", input->path);
        } else if (!json_is_object(root)) {
            status = mote_bad_path(file->context, input->path, "header, offset %d: %s", error.position + LENGTH_BYTES,
                                   root ? "expected an object" : error.text);
        } else {
            status = append_parsed(file, input, root, LENGTH_BYTES + length, source);
        }
        json_decref(root);
    }
    mote_release(file->context, text);
    return status;
}

static mote_status safetensors_open(mote_file *file)
{
    mote_status status = mote_safetensors_append(file, &file->input, 0);
    return status == MOTE_OK ? mote_planes_group(file) : status;
}

static mote_status safetensors_read_entry(mote_file *file, const mote_entry *entry, uint8_t *bytes)
{
    return mote_input_read(&file->input, entry->place, entry->bytes, bytes);
}

/* The description of an entry; NULL if there is no memory. */
static json_t *describe(const mote_entry *entry, uint64_t begin)
{
    int failed = 0;
    json_t *shape = json_array();
    for (int d = 0; d < entry->rank; d++) {
        failed |= json_array_append_new(shape, json_integer((json_int_t)entry->shape[d]));
    }
    if (failed) {
        json_decref(shape);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_of(entry->format), "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)(begin + entry->bytes));
}

/* What failed while name (or its value) was put into the header: the text, or memory. */
static mote_status refuse_name(mote_writer *writer, const char *name, const char *value)
{
    json_t *valid_name = json_string(name), *valid_value = json_string(value), *memory = json_string("");
    bool starved = !memory || (valid_name && valid_value);
    json_decref(valid_name);
    json_decref(valid_value);
    json_decref(memory);
    return starved ? mote_fail(writer->context, MOTE_ERROR_MEMORY, "%s: out of memory: no room for the header",
                               writer->path)
                   : mote_fail(writer->context, MOTE_ERROR_ARGUMENT, "%s: '%s' or its value is not UTF-8 text",
                               writer->path, name);
}

static mote_status build_header(mote_writer *writer, size_t first, size_t count, json_t *root)
{
    uint64_t offset = 0;
    for (size_t i = first; i < first + count; i++) {
        mote_entry entries[MOTE_PLANES_MAXIMUM];
        int planes;
        mote_status status = mote_planes_of(writer, &writer->tensors[i], false, entries, &planes);
        for (int plane = 0; status == MOTE_OK && plane < planes; plane++) {
            const char *name = entries[plane].name;
            if (json_object_get(root, name) || strcmp(name, "__metadata__") == 0) {
                return mote_fail(writer->context, MOTE_ERROR_ARGUMENT, "%s: the name '%s' would occur twice",
                                 writer->path, name);
            }
            if (json_object_set_new(root, name, describe(&entries[plane], offset)) != 0) {
                return refuse_name(writer, name, "");
            }
            offset += entries[plane].bytes;
        }
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}

mote_status mote_safetensors_begin(mote_writer *writer, const char *path, size_t first, size_t count,
                                   size_t metadata_count, const mote_metadata *metadata)
{
    mote_context *context = writer->context;
    json_t *root = json_object(), *texts = json_object();
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < metadata_count && status == MOTE_OK; i++) {
        if (json_object_set_new(texts, metadata[i].key, json_string(metadata[i].text)) != 0) {
            status = refuse_name(writer, metadata[i].key, metadata[i].text);
        }
    }
    if (metadata_count && status == MOTE_OK && json_object_set(root, "__metadata__", texts) != 0) {
        status = refuse_name(writer, "__metadata__", "");
    }
    json_decref(texts);
    status = status == MOTE_OK ? build_header(writer, first, count, root) : status;
    size_t length;
    char *text = status == MOTE_OK ? mote_json_text(context, json_incref(root), JSON_COMPACT, &length) : NULL;
    json_decref(root);
    if (status == MOTE_OK) {
        status = text ? mote_output_create(context, path, &writer->output) : MOTE_ERROR_MEMORY;
    }
    if (status == MOTE_OK) {
        uint8_t length_bytes[LENGTH_BYTES];
        size_t padding = (LENGTH_BYTES - length % LENGTH_BYTES) % LENGTH_BYTES;
        mote_store_little_endian(length_bytes, LENGTH_BYTES, length + padding);
        status = mote_output_write(&writer->output, length_bytes, LENGTH_BYTES);
        status = status == MOTE_OK ? mote_output_write(&writer->output, text, length) : status;
        status = status == MOTE_OK ? mote_output_write(&writer->output, "        ", padding) : status;
    }
    mote_release(context, text);
    return status;
}

static mote_status safetensors_create(mote_writer *writer)
{
    size_t count;
    mote_metadata *metadata;
    mote_status status = mote_planes_metadata(writer, &count, &metadata);
    return status == MOTE_OK ? mote_safetensors_begin(writer, writer->path, 0, writer->tensor_count, count, metadata)
                             : status;
}

mote_status mote_safetensors_put(mote_writer *writer, const mote_tensor *tensor)
{
    const mote_tensor_info *info = &writer->tensors[writer->next];
    mote_status status = mote_output_write(&writer->output, tensor->elements, info->element_bytes);
    if (status == MOTE_OK && info->scale_bytes) {
        status = mote_output_write(&writer->output, tensor->scales, info->scale_bytes);
    }
    if (status == MOTE_OK && tensor->layout.format == MOTE_NVFP4) {
        status = mote_output_write(&writer->output, &tensor->tensor_scale, sizeof tensor->tensor_scale);
    }
    return status;
}

static mote_status safetensors_finish(mote_writer *writer) { return mote_output_finish(&writer->output); }

const mote_file_kind mote_safetensors_format = {.name = "safetensors",
                                                .ending = ".safetensors",
                                                .matches = safetensors_matches,
                                                .open = safetensors_open,
                                                .read = mote_planes_read,
                                                .read_entry = safetensors_read_entry,
                                                .create = safetensors_create,
                                                .put = mote_safetensors_put,
                                                .finish = safetensors_finish};
