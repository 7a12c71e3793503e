/* Reading GGUF. The header is read once from front to back through a small window; every count is held against the
 * bytes that are left before it is believed. */
#include "io/gguf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/element.h"
#include "io/json.h"

enum { WINDOW = 65536, STRING_MAXIMUM = 1 << 30 };

/* Where the header is read. Errors stick: after the first, every call does nothing and returns 0. */
typedef struct reader {
    mote_file *file;
    uint64_t at; /* offset in the file of the next byte */
    uint64_t window_begin;
    size_t window_size;
    uint8_t *window;
    mote_status status;
} reader;

/* What the tensor table says, beside file->tensors. */
typedef struct place {
    const mote_gguf_type *type;
    uint64_t offset; /* in the file */
    size_t bytes;
    uint64_t scale; /* offset of its tensor scale, or NONE */
    bool hidden;    /* is the tensor scale of another */
} place;

static const uint64_t NONE = UINT64_MAX;

static uint64_t left(const reader *r) { return r->file->input.size - r->at; }

static void fail_at(reader *r, const char *expected)
{
    if (r->status == MOTE_OK) {
        r->status = mote_bad_file(r->file, "offset %" PRIu64 ": expected %s", r->at, expected);
    }
}

static void take(reader *r, size_t size, void *bytes)
{
    uint8_t *to = bytes;
    if (r->status == MOTE_OK && size > left(r)) {
        r->status = mote_bad_file(r->file, "truncated: expected %zu bytes at offset %" PRIu64 ", found %" PRIu64, size,
                                  r->at, left(r));
    }
    while (size > 0 && r->status == MOTE_OK) {
        if (r->at < r->window_begin || r->at >= r->window_begin + r->window_size) {
            r->window_begin = r->at;
            r->window_size = (size_t)(left(r) < WINDOW ? left(r) : WINDOW);
            r->status = mote_input_read(&r->file->input, r->at, r->window_size, r->window);
            continue;
        }
        size_t from = (size_t)(r->at - r->window_begin), count = mote_size_min(size, r->window_size - from);
        memcpy(to, r->window + from, count);
        to += count;
        r->at += count;
        size -= count;
    }
}

static uint64_t take_number(reader *r, int bytes)
{
    uint8_t raw[8] = {0};
    take(r, (size_t)bytes, raw);
    return r->status == MOTE_OK ? mote_little_endian(raw, bytes) : 0;
}

/* A length-prefixed string into the arena; NULL on failure. Without a NUL inside. */
static const char *take_string(reader *r, const char *what)
{
    uint64_t length = take_number(r, 8);
    if (r->status == MOTE_OK && (length > left(r) || length > STRING_MAXIMUM)) {
        r->status = mote_bad_file(r->file, "offset %" PRIu64 ": %s claims %" PRIu64 " bytes, %" PRIu64 " are left",
                                  r->at, what, length, left(r));
    }
    char *text =
        r->status == MOTE_OK ? mote_arena_allocate(r->file->context, &r->file->arena, (size_t)length + 1) : NULL;
    if (!text) {
        r->status = r->status == MOTE_OK ? MOTE_ERROR_MEMORY : r->status;
        return NULL;
    }
    take(r, (size_t)length, text);
    text[length] = '\0';
    if (r->status == MOTE_OK && !mote_text_valid(text, (size_t)length)) {
        r->status = mote_bad_file(r->file, "offset %" PRIu64 ": %s is not UTF-8 text", r->at - length, what);
    }
    return r->status == MOTE_OK ? text : NULL;
}

static size_t value_bytes(uint32_t type)
{
    static const uint8_t bytes[MOTE_GGUF_VALUES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return type < MOTE_GGUF_VALUES ? bytes[type] : 0;
}

/* Moves over one value. */
static void skip_value(reader *r, uint32_t type)
{
    uint64_t size = value_bytes(type);
    if (type == MOTE_GGUF_STRING) {
        size = take_number(r, 8);
    } else if (size == 0) {
        fail_at(r, "a metadata type between 0 and 12 (arrays of arrays are not supported)");
    }
    if (r->status == MOTE_OK && size > left(r)) {
        fail_at(r, "a value that ends inside the file");
    }
    r->at += r->status == MOTE_OK ? size : 0;
}

static void skip_array(reader *r, uint32_t *item_type, uint64_t *count)
{
    *item_type = (uint32_t)take_number(r, 4);
    *count = take_number(r, 8);
    uint64_t each = value_bytes(*item_type);
    if (r->status == MOTE_OK && *count > left(r) / (each ? each : 8)) {
        fail_at(r, "an array that ends inside the file");
    } else if (each) {
        r->at += *count * each;
    } else {
        for (uint64_t i = 0; i < *count && r->status == MOTE_OK; i++) {
            skip_value(r, *item_type);
        }
    }
}

/* The value for people. bytes: the raw value without its type. */
static const char *value_text(reader *r, uint32_t type, const uint8_t *bytes, size_t size, uint32_t item_type,
                              uint64_t items)
{
    char text[64];
    uint64_t number = size <= 8 ? mote_little_endian(bytes, (int)size) : 0;
    int unused = size <= 8 ? 64 - 8 * (int)size : 0;
    double wide;
    memcpy(&wide, &number, sizeof wide);
    switch (type) {
    case MOTE_GGUF_STRING:
        if (!mote_text_valid((const char *)bytes + 8, size - 8)) {
            snprintf(text, sizeof text, "[%zu bytes that are not text]", size - 8);
            break;
        }
        return mote_arena_string(r->file->context, &r->file->arena, (const char *)bytes + 8, size - 8);
    case MOTE_GGUF_ARRAY: snprintf(text, sizeof text, "[%" PRIu64 " values of type %u]", items, item_type); break;
    case MOTE_GGUF_F32: snprintf(text, sizeof text, "%.9g", (double)mote_bits_float((uint32_t)number)); break;
    case MOTE_GGUF_F64: snprintf(text, sizeof text, "%.17g", wide); break;
    case MOTE_GGUF_BOOL: snprintf(text, sizeof text, "%s", number ? "true" : "false"); break;
    case MOTE_GGUF_I8:
    case MOTE_GGUF_I16:
    case MOTE_GGUF_I32:
    case MOTE_GGUF_I64: snprintf(text, sizeof text, "%" PRId64, (int64_t)(number << unused) >> unused); break;
    default: snprintf(text, sizeof text, "%" PRIu64, number); break;
    }
    return mote_arena_string(r->file->context, &r->file->arena, text, strlen(text));
}

/* One key and its value, kept raw so that it can be written as it was. */
static void take_metadata(reader *r, mote_metadata *m)
{
    mote_file *file = r->file;
    m->key = take_string(r, "a metadata key");
    uint64_t begin = r->at;
    uint32_t type = (uint32_t)take_number(r, 4), item_type = 0;
    uint64_t items = 0;
    if (type == MOTE_GGUF_ARRAY) {
        skip_array(r, &item_type, &items);
    } else {
        skip_value(r, type);
    }
    if (r->status != MOTE_OK) {
        return;
    }
    m->raw_bytes = (size_t)(r->at - begin);
    uint8_t *raw = mote_arena_allocate(file->context, &file->arena, m->raw_bytes);
    m->raw = raw;
    r->status = raw ? mote_input_read(&file->input, begin, m->raw_bytes, raw) : MOTE_ERROR_MEMORY;
    if (r->status == MOTE_OK) {
        m->text = value_text(r, type, raw + 4, m->raw_bytes - 4, item_type, items);
        r->status = m->text ? MOTE_OK : MOTE_ERROR_MEMORY;
    }
}

/* One row of the tensor table; offsets still count from the data. */
static void take_tensor(reader *r, mote_tensor_info *info, place *p)
{
    mote_context *context = r->file->context;
    info->name = take_string(r, "a tensor name");
    uint32_t rank = (uint32_t)take_number(r, 4);
    if (rank > MOTE_GGUF_DIMENSIONS) {
        fail_at(r, "at most 4 dimensions");
        return;
    }
    info->layout = (mote_layout){.rank = (int)rank, .axis = rank ? (int)rank - 1 : 0};
    for (uint32_t d = 0; d < rank && r->status == MOTE_OK; d++) {
        info->layout.shape[rank - 1 - d] = (size_t)take_number(r, 8); /* GGUF's first dimension is the fastest */
    }
    uint32_t number = (uint32_t)take_number(r, 4);
    p->offset = take_number(r, 8);
    p->scale = NONE;
    p->type = mote_gguf_type_by_number(number);
    if (r->status == MOTE_OK && !p->type) {
        r->status =
            mote_fail(context, MOTE_ERROR_UNSUPPORTED,
                      "%s: tensor '%.100s' is of type %u (%s); mote reads F32, F16, BF16, Q8_0, MXFP4, NVFP4 and "
                      "whole numbers",
                      r->file->path, info->name, number, mote_gguf_type_name(number));
    }
    if (r->status != MOTE_OK) {
        return;
    }
    mote_layout_sizes sizes;
    info->layout.format = p->type->format;
    r->status = mote_layout_measure(context, &info->layout, &sizes);
    if (r->status != MOTE_OK) {
        r->status = mote_bad_file(r->file, "tensor '%.100s' claims a shape larger than the address space", info->name);
    }
    size_t row = rank ? info->layout.shape[rank - 1] : 1;
    if (r->status == MOTE_OK && row % p->type->values) {
        r->status = mote_bad_file(r->file, "tensor '%.100s': rows of %zu are not whole blocks of %u", info->name, row,
                                  p->type->values);
    }
    if (r->status == MOTE_OK) {
        info->element_bytes = sizes.element_bytes;
        info->scale_bytes = sizes.scale_bytes;
        p->bytes = sizes.count / p->type->values * p->type->bytes;
    }
}

/* Tensors must follow each other, each padded to the alignment, and end inside the file. */
static void check_places(reader *r, place *places, uint64_t alignment)
{
    mote_file *file = r->file;
    uint64_t data = (r->at + alignment - 1) / alignment * alignment, expected = 0;
    for (size_t i = 0; i < file->tensor_count && r->status == MOTE_OK; i++) {
        place *p = &places[i];
        if (p->offset != expected) {
            r->status = mote_bad_file(file, "tensor '%.100s': expected offset %" PRIu64 ", found %" PRIu64,
                                      file->tensors[i].name, expected, p->offset);
        } else if (data > file->input.size || p->offset > file->input.size - data ||
                   p->bytes > file->input.size - data - p->offset) {
            r->status = mote_bad_file(
                file, "truncated: tensor '%.100s' needs %zu bytes at offset %" PRIu64 ", the file has %" PRIu64,
                file->tensors[i].name, p->bytes, data + p->offset, file->input.size);
        }
        expected += (p->bytes + alignment - 1) / alignment * alignment;
        p->offset += data;
    }
}

static uint64_t find_alignment(reader *r)
{
    for (size_t i = 0; i < r->file->metadata_count && r->status == MOTE_OK; i++) {
        const mote_metadata *m = &r->file->metadata[i];
        if (strcmp(m->key, "general.alignment") == 0) {
            uint64_t value = m->raw_bytes == 8 ? mote_little_endian((const uint8_t *)m->raw + 4, 4) : 0;
            if (value == 0 || value & (value - 1)) {
                fail_at(r, "general.alignment to be a power of two");
            }
            return value ? value : 1;
        }
    }
    return MOTE_GGUF_ALIGNMENT;
}

static int compare_infos(const void *a, const void *b)
{
    const mote_tensor_info *const *first = a, *const *second = b;
    return strcmp((*first)->name, (*second)->name);
}

static int compare_name(const void *name, const void *info)
{
    const mote_tensor_info *const *m = info;
    return strcmp(name, (*m)->name);
}

/* Finds the tensor scale of an nvfp4 tensor and hides it. */
static void pair_scale(reader *r, place *places, size_t i, const mote_tensor_info **sorted)
{
    mote_file *file = r->file;
    const char *name = mote_gguf_scale_name(file->context, &file->arena, file->tensors[i].name);
    if (!name) {
        r->status = MOTE_ERROR_MEMORY;
        return;
    }
    const mote_tensor_info **found = bsearch(name, sorted, file->tensor_count, sizeof *sorted, compare_name);
    if (found) {
        place *scale = &places[*found - file->tensors];
        if (scale->bytes != 4 || scale->type->format != MOTE_FP32) {
            r->status =
                mote_fail(file->context, MOTE_ERROR_UNSUPPORTED,
                          "%s: '%.100s' is more than one scale; mote reads one for a whole tensor", file->path, name);
        }
        scale->hidden = true;
        places[i].scale = scale->offset;
    }
}

/* Hides the tensor scales of nvfp4 tensors; refuses names that occur twice. */
static void pair_scales(reader *r, place *places)
{
    mote_file *file = r->file;
    size_t count = file->tensor_count, kept = 0;
    const mote_tensor_info **sorted =
        r->status == MOTE_OK ? mote_allocate_array(file->context, count, sizeof *sorted) : NULL;
    if (!sorted) {
        r->status = r->status == MOTE_OK ? MOTE_ERROR_MEMORY : r->status;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &file->tensors[i];
    }
    qsort(sorted, count, sizeof *sorted, compare_infos);
    for (size_t i = 1; i < count && r->status == MOTE_OK; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
            r->status = mote_bad_file(file, "the name '%.100s' occurs twice", sorted[i]->name);
        }
    }
    for (size_t i = 0; i < count && r->status == MOTE_OK; i++) {
        if (places[i].type->format == MOTE_NVFP4) {
            pair_scale(r, places, i, sorted);
        }
    }
    mote_release(file->context, sorted);
    for (size_t i = 0; i < count && r->status == MOTE_OK; i++) {
        if (!places[i].hidden) {
            file->tensors[kept] = file->tensors[i];
            places[kept++] = places[i];
        }
    }
    file->tensor_count = kept;
}

static mote_status read_header(reader *r)
{
    mote_file *file = r->file;
    mote_context *context = file->context;
    enum { METADATA_LEAST = 13, TENSOR_LEAST = 24 }; /* bytes that one of them takes */
    r->at = 4;
    uint64_t version = take_number(r, 4), tensors = take_number(r, 8), keys = take_number(r, 8);
    if (r->status != MOTE_OK) {
        return r->status;
    }
    if (version != MOTE_GGUF_VERSION && version != 2) {
        return mote_bad_file(file, "GGUF version %" PRIu64 ": expected 2 or 3%s", version,
                             version & 0xFFFF ? "" : " (a big-endian file?)");
    }
    if (tensors > left(r) / TENSOR_LEAST || keys > left(r) / METADATA_LEAST) {
        return mote_bad_file(file,
                             "truncated or hostile: the header claims %" PRIu64 " tensors and %" PRIu64
                             " keys, %" PRIu64 " bytes are left",
                             tensors, keys, left(r));
    }
    file->metadata = mote_arena_allocate(context, &file->arena, (size_t)keys * sizeof *file->metadata);
    file->tensors = mote_arena_allocate(context, &file->arena, (size_t)tensors * sizeof *file->tensors);
    place *places = mote_arena_allocate(context, &file->arena, (size_t)tensors * sizeof *places);
    if (!file->metadata || !file->tensors || !places) {
        return MOTE_ERROR_MEMORY;
    }
    memset(places, 0, (size_t)tensors * sizeof *places);
    file->state = places;
    for (; file->metadata_count < keys && r->status == MOTE_OK; file->metadata_count++) {
        take_metadata(r, &file->metadata[file->metadata_count]);
    }
    for (; file->tensor_count < tensors && r->status == MOTE_OK; file->tensor_count++) {
        take_tensor(r, &file->tensors[file->tensor_count], &places[file->tensor_count]);
    }
    uint64_t alignment = find_alignment(r);
    check_places(r, places, alignment);
    pair_scales(r, places);
    return r->status;
}

static mote_status gguf_open(mote_file *file)
{
    reader r = {.file = file, .window = mote_allocate(file->context, WINDOW)};
    mote_status status = r.window ? read_header(&r) : MOTE_ERROR_MEMORY;
    mote_release(file->context, r.window);
    if (status != MOTE_OK) {
        file->tensor_count = 0;
        file->metadata_count = 0;
    }
    return status;
}

static mote_status gguf_read(mote_file *file, size_t index, mote_tensor *tensor)
{
    const place *p = &((const place *)file->state)[index];
    const mote_format_traits *traits = mote_format_get(p->type->format);
    size_t per_block = p->type->values, total = p->bytes / p->type->bytes;
    size_t step = MOTE_GGUF_CHUNK / p->type->bytes;
    size_t scales = per_block > 1 ? per_block / (size_t)traits->block_length * (size_t)traits->scale_bytes : 0;
    size_t elements = per_block * (size_t)traits->element_bits / 8;
    uint8_t *chunk = mote_allocate(file->context, MOTE_GGUF_CHUNK);
    mote_status status = chunk ? MOTE_OK : MOTE_ERROR_MEMORY;
    for (size_t at = 0; at < total && status == MOTE_OK; at += step) {
        size_t count = mote_size_min(step, total - at);
        status = mote_input_read(&file->input, p->offset + at * p->type->bytes, count * p->type->bytes, chunk);
        if (status == MOTE_OK) {
            mote_gguf_unpack(p->type, count, chunk, (uint8_t *)tensor->elements + at * elements,
                             scales ? tensor->scales + at * scales : NULL);
        }
    }
    mote_release(file->context, chunk);
    if (status == MOTE_OK && p->scale != NONE) {
        uint8_t bytes[4];
        status = mote_input_read(&file->input, p->scale, sizeof bytes, bytes);
        tensor->tensor_scale = mote_bits_float((uint32_t)mote_little_endian(bytes, 4));
    }
    return status;
}

static bool gguf_matches(const uint8_t *head, size_t size) { return size >= 4 && memcmp(head, "GGUF", 4) == 0; }

const mote_file_kind mote_gguf_format = {.name = "gguf",
                                         .ending = ".gguf",
                                         .matches = gguf_matches,
                                         .open = gguf_open,
                                         .read = gguf_read,
                                         .create = mote_gguf_create,
                                         .put = mote_gguf_put,
                                         .finish = mote_gguf_finish};
