/* NumPy .npy: one plain array.
 * Source: numpy/lib/format.py, "Format Version 1.0" to "3.0". */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "io/format.h"

static const struct {
    const char *descr;
    mote_format format;
} descrs[] = {
    {"<f4", MOTE_FP32},   {"<f2", MOTE_FP16},  {"<f8", MOTE_FP64},      {"|i1", MOTE_INT8},   {"<i2", MOTE_INT16},
    {"<i4", MOTE_INT32},  {"<i8", MOTE_INT64}, {"|u1", MOTE_UINT8},     {"<u2", MOTE_UINT16}, {"<u4", MOTE_UINT32},
    {"<u8", MOTE_UINT64}, {"|b1", MOTE_BOOL},  {"<c8", MOTE_COMPLEX64},
};

enum { DESCRS = sizeof descrs / sizeof descrs[0], MAGIC_BYTES = 6, ALIGNMENT = 64 };
static const uint8_t magic[MAGIC_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

const char *mote_npy_descr(mote_format format)
{
    for (int i = 0; i < DESCRS; i++) {
        if (descrs[i].format == format) {
            return descrs[i].descr;
        }
    }
    return NULL;
}

/* The header's text: a Python dictionary literal, read from left to right. */
typedef struct cursor {
    mote_context *context;
    const char *path, *where, *text, *end;
    size_t begin; /* offset of text's first byte, for messages */
    const char *start;
} cursor;

static mote_status bad(const cursor *c, const char *expected)
{
    int left = (int)(c->end - c->text);
    return mote_bad_path(c->context, c->path, "%snpy header, offset %zu: expected %s, found '%.*s'", c->where,
                         c->begin + (size_t)(c->text - c->start), expected, left < 24 ? left : 24, c->text);
}

static void skip_space(cursor *c)
{
    while (c->text < c->end && isspace((unsigned char)*c->text)) {
        c->text++;
    }
}

static bool accept(cursor *c, const char *token)
{
    size_t length = strlen(token);
    skip_space(c);
    if ((size_t)(c->end - c->text) < length || memcmp(c->text, token, length) != 0) {
        return false;
    }
    c->text += length;
    return true;
}

/* 'text' or "text" without escapes. */
static bool accept_string(cursor *c, char *out, size_t size)
{
    skip_space(c);
    char quote = c->text < c->end ? *c->text : 0;
    if (quote != '\'' && quote != '"') {
        return false;
    }
    const char *close = memchr(c->text + 1, quote, (size_t)(c->end - c->text - 1));
    if (!close || (size_t)(close - c->text) > size) {
        return false;
    }
    size_t length = (size_t)(close - c->text - 1);
    memcpy(out, c->text + 1, length);
    out[length] = '\0';
    c->text = close + 1;
    return true;
}

static mote_status parse_shape(cursor *c, mote_entry *entry)
{
    if (!accept(c, "(")) {
        return bad(c, "'(' of the shape");
    }
    while (!accept(c, ")")) {
        size_t size = 0;
        skip_space(c);
        if (c->text == c->end || !isdigit((unsigned char)*c->text)) {
            return bad(c, "a size or ')'");
        }
        for (; c->text < c->end && isdigit((unsigned char)*c->text); c->text++) {
            if (!mote_size_multiply(size, 10, &size) || !mote_size_add(size, (size_t)(*c->text - '0'), &size)) {
                return bad(c, "a size that fits 64 bits");
            }
        }
        accept(c, "L"); /* Python 2 wrote long integers so */
        if (entry->rank == MOTE_MAXIMUM_RANK) {
            return bad(c, "at most 8 dimensions");
        }
        entry->shape[entry->rank++] = size;
        if (!accept(c, ",")) {
            if (!accept(c, ")")) {
                return bad(c, "',' or ')'");
            }
            break;
        }
    }
    return MOTE_OK;
}

static mote_status parse_descr(cursor *c, mote_entry *entry)
{
    char descr[32];
    const char *value = c->text;
    if (!accept_string(c, descr, sizeof descr)) {
        return bad(c, "a simple data type (structured arrays are not supported)");
    }
    for (int i = 0; i < DESCRS && strlen(descr) > 1; i++) {
        /* the order mark of one-byte types is '|', but any is right */
        if (strcmp(descr + 1, descrs[i].descr + 1) == 0 &&
            (descr[0] == descrs[i].descr[0] || descrs[i].descr[0] == '|' || descr[0] == '=')) {
            entry->format = descrs[i].format;
            return MOTE_OK;
        }
    }
    if (strchr(descr, 'O')) {
        return mote_bad_path(c->context, c->path, "%sholds pickled Python objects, which mote never loads", c->where);
    }
    c->text = value;
    return bad(c, descr[0] == '>' ? "little-endian data (in Python: a.astype(a.dtype.newbyteorder('<')))"
                                  : "a data type among f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1 c8");
}

static mote_status parse_dictionary(cursor *c, mote_entry *entry)
{
    char key[32];
    enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };
    int seen = 0;
    if (!accept(c, "{")) {
        return bad(c, "'{'");
    }
    while (!accept(c, "}")) {
        mote_status status = MOTE_OK;
        if (!accept_string(c, key, sizeof key) || !accept(c, ":")) {
            return bad(c, "'key':");
        }
        skip_space(c);
        int which = strcmp(key, "descr") == 0           ? DESCR
                    : strcmp(key, "fortran_order") == 0 ? ORDER
                    : strcmp(key, "shape") == 0         ? SHAPE
                                                        : 0;
        if (!which || seen & which) {
            return bad(c, "descr, fortran_order and shape, once each");
        }
        seen |= which;
        if (which == DESCR) {
            status = parse_descr(c, entry);
        } else if (which == SHAPE) {
            status = parse_shape(c, entry);
        } else {
            entry->column_major = accept(c, "True");
            status = entry->column_major || accept(c, "False") ? MOTE_OK : bad(c, "True or False");
        }
        if (status != MOTE_OK) {
            return status;
        }
        if (!accept(c, ",") && !(accept(c, "}") && c->text--)) {
            return bad(c, "',' or '}'");
        }
    }
    return seen == ALL ? MOTE_OK : bad(c, "descr, fortran_order and shape");
}

mote_status mote_npy_parse(mote_context *context, const char *path, const char *where, const uint8_t *bytes,
                           size_t size, mote_entry *entry, size_t *header_bytes)
{
    if (size < 10 || memcmp(bytes, magic, MAGIC_BYTES) != 0) {
        return mote_bad_path(context, path,
                             "%snot an npy array: expected \\x93NUMPY, found %zu bytes of something else", where, size);
    }
    int version = bytes[6], length_bytes = version == 1 ? 2 : 4;
    if (version < 1 || version > 3 || size < (size_t)(8 + length_bytes)) {
        return mote_bad_path(context, path, "%snpy version %d.%d: expected 1.0, 2.0 or 3.0", where, version, bytes[7]);
    }
    size_t begin = (size_t)(8 + length_bytes), length = (size_t)mote_little_endian(bytes + 8, length_bytes);
    if (length > size - begin) {
        return mote_bad_path(context, path,
                             "%struncated or hostile: the npy header claims %zu bytes, at most %zu follow", where,
                             length, size - begin);
    }
    const char *text = (const char *)bytes + begin;
    cursor c = {context, path, where, text, text + length, begin, text};
    mote_status status = parse_dictionary(&c, entry);
    if (status != MOTE_OK) {
        return status;
    }
    mote_layout layout = {.format = entry->format, .rank = entry->rank};
    memcpy(layout.shape, entry->shape, (size_t)entry->rank * sizeof *entry->shape);
    mote_layout_sizes sizes;
    status = mote_layout_measure(context, &layout, &sizes);
    if (status != MOTE_OK) {
        return mote_bad_path(context, path, "%sthe npy header claims a shape that is too large", where);
    }
    entry->bytes = sizes.element_bytes;
    *header_bytes = begin + length;
    return MOTE_OK;
}

size_t mote_npy_header(const mote_entry *entry, uint8_t *bytes)
{
    char shape[32 * MOTE_MAXIMUM_RANK + 8] = "";
    size_t used = 0;
    for (int d = 0; d < entry->rank; d++) {
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%zu", d ? ", " : "", entry->shape[d]);
    }
    char *text = (char *)bytes + 10;
    int length = sprintf(text, "{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }",
                         mote_npy_descr(entry->format), shape, entry->rank == 1 ? "," : "");
    size_t total = ((size_t)length + 10 + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    memset(text + length, ' ', total - 10 - (size_t)length);
    bytes[total - 1] = '\n';
    memcpy(bytes, magic, MAGIC_BYTES);
    bytes[6] = 1;
    bytes[7] = 0;
    mote_store_little_endian(bytes + 8, 2, total - 10);
    return total;
}

static bool npy_matches(const uint8_t *head, size_t size)
{
    return size >= MAGIC_BYTES && memcmp(head, magic, MAGIC_BYTES) == 0;
}

static mote_status npy_open(mote_file *file)
{
    uint64_t size = file->input.size;
    size_t head = (size_t)(size < MOTE_NPY_HEADER_MAXIMUM ? size : MOTE_NPY_HEADER_MAXIMUM), header;
    mote_entry *entry = mote_arena_allocate(file->context, &file->arena, sizeof *entry);
    uint8_t *bytes = mote_allocate(file->context, head);
    mote_status status = entry && bytes ? mote_input_read(&file->input, 0, head, bytes) : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        *entry = (mote_entry){.name = mote_file_stem(file)};
        status = entry->name ? mote_npy_parse(file->context, file->path, "", bytes, head, entry, &header)
                             : MOTE_ERROR_MEMORY;
    }
    mote_release(file->context, bytes);
    if (status != MOTE_OK) {
        return status;
    }
    if (size - header != entry->bytes) {
        return mote_bad_file(file, "expected %zu bytes of data after the header, found %llu%s", entry->bytes,
                             (unsigned long long)(size - header), size - header < entry->bytes ? ": truncated" : "");
    }
    entry->place = header;
    file->entries = entry;
    file->entry_count = 1;
    return mote_planes_group(file);
}

static mote_status npy_read_entry(mote_file *file, const mote_entry *entry, uint8_t *bytes)
{
    return mote_input_read(&file->input, entry->place, entry->bytes, bytes);
}

static mote_status npy_create(mote_writer *writer)
{
    uint8_t header[512 + 24 * MOTE_MAXIMUM_RANK];
    mote_context *context = writer->context;
    if (writer->tensor_count != 1) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED,
                         "%s: .npy holds one array, not %zu; write .npz or .safetensors", writer->path,
                         writer->tensor_count);
    }
    const mote_layout *layout = &writer->tensors[0].layout;
    if (!mote_npy_descr(layout->format)) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED, "%s: .npy cannot hold %s; write .npz or .safetensors",
                         writer->path, mote_format_get(layout->format)->name);
    }
    mote_entry entry = {.format = layout->format, .rank = layout->rank};
    memcpy(entry.shape, layout->shape, (size_t)layout->rank * sizeof *layout->shape);
    mote_status status = mote_output_create(context, writer->path, &writer->output);
    return status == MOTE_OK ? mote_output_write(&writer->output, header, mote_npy_header(&entry, header)) : status;
}

static mote_status npy_put(mote_writer *writer, const mote_tensor *tensor)
{
    return mote_output_write(&writer->output, tensor->elements, writer->tensors[0].element_bytes);
}

static mote_status npy_finish(mote_writer *writer) { return mote_output_finish(&writer->output); }

const mote_file_kind mote_npy_format = {.name = "npy",
                                        .ending = ".npy",
                                        .matches = npy_matches,
                                        .open = npy_open,
                                        .read = mote_planes_read,
                                        .read_entry = npy_read_entry,
                                        .create = npy_create,
                                        .put = npy_put,
                                        .finish = npy_finish};
