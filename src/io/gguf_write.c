/* Writing GGUF: the whole header is known before the first tensor. */
#include <stdio.h>
#include <string.h>

#include "formats/element.h"
#include "io/gguf.h"

/* A row of the tensor table that is going to be written. */
typedef struct row {
    const char *name;
    const mote_gguf_type *type;
    const mote_layout *layout; /* NULL: a tensor scale, one FP32 */
    uint64_t offset, bytes;
} row;

static uint64_t padded(uint64_t size)
{
    return (size + MOTE_GGUF_ALIGNMENT - 1) / MOTE_GGUF_ALIGNMENT * MOTE_GGUF_ALIGNMENT;
}

static mote_status refuse(mote_writer *writer, const char *name, const char *why)
{
    return mote_fail(writer->context, MOTE_ERROR_UNSUPPORTED, "%s: GGUF cannot hold '%.100s': %s; write .safetensors",
                     writer->path, name, why);
}

static mote_status check_tensor(mote_writer *writer, const mote_tensor_info *info, const mote_gguf_type *type)
{
    const mote_layout *layout = &info->layout;
    int last = layout->rank - 1;
    char why[128];
    if (!type) {
        snprintf(why, sizeof why, "it has no type for %s", mote_format_get(layout->format)->name);
        return refuse(writer, info->name, why);
    }
    if (layout->rank > MOTE_GGUF_DIMENSIONS) {
        return refuse(writer, info->name, "it has more than 4 dimensions");
    }
    if (strlen(info->name) >= MOTE_GGUF_NAME) {
        return refuse(writer, info->name, "names have at most 63 bytes");
    }
    if (type->values > 1) {
        int axis = layout->axis < 0 ? layout->axis + layout->rank : layout->axis;
        if (layout->rank == 0 || axis != last) {
            return refuse(writer, info->name, "blocks must run along the last axis");
        }
        if (layout->shape[last] % type->values) {
            snprintf(why, sizeof why, "its last dimension, %zu, is not a multiple of %u", layout->shape[last],
                     type->values);
            return refuse(writer, info->name, why);
        }
    }
    return MOTE_OK;
}

static mote_status plan_rows(mote_writer *writer, row *rows, size_t *count)
{
    uint64_t offset = 0;
    *count = 0;
    for (size_t i = 0; i < writer->tensor_count; i++) {
        const mote_tensor_info *info = &writer->tensors[i];
        const mote_gguf_type *type = mote_gguf_type_for(info->layout.format);
        mote_layout_sizes sizes;
        mote_status status = check_tensor(writer, info, type);
        status = status == MOTE_OK ? mote_layout_measure(writer->context, &info->layout, &sizes) : status;
        if (status != MOTE_OK) {
            return status;
        }
        rows[*count] = (row){info->name, type, &info->layout, offset, sizes.count / type->values * type->bytes};
        offset += padded(rows[(*count)++].bytes);
        if (info->layout.format == MOTE_NVFP4) {
            const char *name = mote_gguf_scale_name(writer->context, &writer->arena, info->name);
            if (!name) {
                return MOTE_ERROR_MEMORY;
            }
            if (strlen(name) >= MOTE_GGUF_NAME) {
                return refuse(writer, name, "names have at most 63 bytes");
            }
            rows[(*count)++] = (row){name, mote_gguf_type_for(MOTE_FP32), NULL, offset, 4};
            offset += padded(4);
        }
    }
    return MOTE_OK;
}

/* Sticky little writer of numbers and strings. */
static void put_number(mote_writer *writer, mote_status *status, int bytes, uint64_t value)
{
    uint8_t raw[8];
    mote_store_little_endian(raw, bytes, value);
    *status = *status == MOTE_OK ? mote_output_write(&writer->output, raw, (size_t)bytes) : *status;
}

static void put_string(mote_writer *writer, mote_status *status, const char *text)
{
    put_number(writer, status, 8, strlen(text));
    *status = *status == MOTE_OK ? mote_output_write(&writer->output, text, strlen(text)) : *status;
}

/* The alignment is always the default, the file type said what the weights were before, and records of the
 * other formats mean nothing here. */
static bool carried(const mote_metadata *m)
{
    return strncmp(m->key, "mote:", 5) != 0 && strcmp(m->key, "general.alignment") != 0 &&
           strcmp(m->key, "general.file_type") != 0;
}

static mote_status put_metadata(mote_writer *writer)
{
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < writer->metadata_count; i++) {
        const mote_metadata *m = &writer->metadata[i];
        if (!carried(m)) {
            continue;
        }
        put_string(writer, &status, m->key);
        if (m->raw) {
            status = status == MOTE_OK ? mote_output_write(&writer->output, m->raw, m->raw_bytes) : status;
        } else {
            put_number(writer, &status, 4, MOTE_GGUF_STRING);
            put_string(writer, &status, m->text);
        }
    }
    return status;
}

static mote_status put_header(mote_writer *writer, const row *rows, size_t count)
{
    uint64_t keys = 0;
    for (size_t i = 0; i < writer->metadata_count; i++) {
        keys += carried(&writer->metadata[i]);
    }
    mote_status status = mote_output_write(&writer->output, "GGUF", 4);
    put_number(writer, &status, 4, MOTE_GGUF_VERSION);
    put_number(writer, &status, 8, count);
    put_number(writer, &status, 8, keys);
    status = status == MOTE_OK ? put_metadata(writer) : status;
    for (size_t i = 0; i < count; i++) {
        const mote_layout *layout = rows[i].layout;
        int rank = layout && layout->rank ? layout->rank : 1;
        put_string(writer, &status, rows[i].name);
        put_number(writer, &status, 4, (uint64_t)rank);
        for (int d = rank - 1; d >= 0; d--) {
            put_number(writer, &status, 8, layout && layout->rank ? layout->shape[d] : 1);
        }
        put_number(writer, &status, 4, rows[i].type->number);
        put_number(writer, &status, 8, rows[i].offset);
    }
    return status == MOTE_OK
               ? mote_output_pad(&writer->output, (size_t)(padded(writer->output.written) - writer->output.written))
               : status;
}

static mote_status check_names(mote_writer *writer, const row *rows, size_t count)
{
    const char **names = mote_allocate_array(writer->context, count, sizeof *names);
    if (!names) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = rows[i].name;
    }
    mote_status status = mote_names_unique(writer->context, writer->path, count, names, MOTE_ERROR_ARGUMENT);
    mote_release(writer->context, names);
    return status;
}

mote_status mote_gguf_create(mote_writer *writer)
{
    size_t count;
    row *rows = mote_arena_allocate(writer->context, &writer->arena, 2 * writer->tensor_count * sizeof *rows);
    mote_status status = rows ? plan_rows(writer, rows, &count) : MOTE_ERROR_MEMORY;
    status = status == MOTE_OK ? check_names(writer, rows, count) : status;
    status = status == MOTE_OK ? mote_output_create(writer->context, writer->path, &writer->output) : status;
    return status == MOTE_OK ? put_header(writer, rows, count) : status;
}

mote_status mote_gguf_put(mote_writer *writer, const mote_tensor *tensor)
{
    mote_format format = tensor->layout.format;
    const mote_gguf_type *type = mote_gguf_type_for(format);
    const mote_format_traits *traits = mote_format_get(format);
    mote_layout_sizes sizes;
    mote_status status = mote_layout_measure(writer->context, &tensor->layout, &sizes);
    uint8_t *chunk = status == MOTE_OK ? mote_allocate(writer->context, MOTE_GGUF_CHUNK) : NULL;
    status = status == MOTE_OK && !chunk ? MOTE_ERROR_MEMORY : status;
    size_t total = sizes.count / type->values, step = MOTE_GGUF_CHUNK / type->bytes;
    size_t elements = type->values * (size_t)traits->element_bits / 8;
    size_t scales = type->values / (size_t)traits->block_length * (size_t)traits->scale_bytes;
    for (size_t at = 0; at < total && status == MOTE_OK; at += step) {
        size_t count = mote_size_min(step, total - at);
        if (!mote_gguf_pack(type, format, count, (const uint8_t *)tensor->elements + at * elements,
                            tensor->scales ? tensor->scales + at * scales : NULL, chunk)) {
            status = refuse(writer, writer->tensors[writer->next].name,
                            format == MOTE_MXINT8 ? "Q8_0's FP16 scale cannot express one of its block scales"
                                                  : "a block is NaN, which GGUF cannot express");
        }
        status = status == MOTE_OK ? mote_output_write(&writer->output, chunk, count * type->bytes) : status;
    }
    mote_release(writer->context, chunk);
    uint64_t written = writer->output.written;
    status = status == MOTE_OK ? mote_output_pad(&writer->output, (size_t)(padded(written) - written)) : status;
    if (format == MOTE_NVFP4) {
        uint32_t scale = mote_float_bits(tensor->tensor_scale);
        put_number(writer, &status, 4, scale);
        status = status == MOTE_OK ? mote_output_pad(&writer->output, MOTE_GGUF_ALIGNMENT - 4) : status;
    }
    return status;
}

mote_status mote_gguf_finish(mote_writer *writer) { return mote_output_finish(&writer->output); }
