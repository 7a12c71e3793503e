/* Entries and tensors: how the planes of a block tensor are named and shaped in formats that store plain arrays.
 *
 * mote writes NAME (elements), NAME_scale and, for nvfp4, NAME_scale_2, plus a metadata record
 * "mote:NAME" = {"format": ..., "shape": ..., "axis": ...}. It also reads what other tools write; the table
 * of conventions below says what that looks like. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/element.h"
#include "formats/layout.h"
#include "io/format.h"

static const char record_prefix[] = "mote:";
static const char *const plane_suffix[MOTE_PLANES_MAXIMUM] = {"", "_scale", "_scale_2"};

/* A convention: how entries are called, what they hold and which tensor they make. Blocks run along the last
 * axis. packed: elements are bytes, [..., blocks * block_bytes] or [..., blocks, block_bytes]. */
typedef struct convention {
    const char *elements, *scales, *tensor_scale; /* suffixes */
    mote_format element_format, scale_format, format;
    bool packed, inverse;
} convention;

static const convention conventions[] = {
    /* typed arrays: mote, and checkpoints that use the narrow types of safetensors */
    {"", "_scale", NULL, MOTE_FP4_E2M1, MOTE_FP8_E8M0, MOTE_MXFP4_E2M1, false, false},
    {"", "_scale", NULL, MOTE_FP6_E2M3, MOTE_FP8_E8M0, MOTE_MXFP6_E2M3, false, false},
    {"", "_scale", NULL, MOTE_FP6_E3M2, MOTE_FP8_E8M0, MOTE_MXFP6_E3M2, false, false},
    {"", "_scale", NULL, MOTE_FP8_E4M3, MOTE_FP8_E8M0, MOTE_MXFP8_E4M3, false, false},
    {"", "_scale", NULL, MOTE_FP8_E5M2, MOTE_FP8_E8M0, MOTE_MXFP8_E5M2, false, false},
    {"", "_scale", NULL, MOTE_INT8, MOTE_FP8_E8M0, MOTE_MXINT8, false, false},
    {"", "_scale", "_scale_2", MOTE_FP4_E2M1, MOTE_FP8_E4M3, MOTE_NVFP4, false, false},
    /* NVIDIA ModelOpt */
    {"", "_scale", "_scale_2", MOTE_UINT8, MOTE_FP8_E4M3, MOTE_NVFP4, true, false},
    {"", "_scale", NULL, MOTE_UINT8, MOTE_UINT8, MOTE_MXFP4_E2M1, true, false},
    {"", "_scale", NULL, MOTE_FP8_E4M3, MOTE_UINT8, MOTE_MXFP8_E4M3, false, false},
    /* compressed-tensors */
    {"_packed", "_scale", "_global_scale", MOTE_UINT8, MOTE_FP8_E4M3, MOTE_NVFP4, true, true},
    {"_packed", "_scale", NULL, MOTE_UINT8, MOTE_UINT8, MOTE_MXFP4_E2M1, true, false},
    /* gpt-oss, as Hugging Face and as OpenAI name them */
    {"_blocks", "_scales", NULL, MOTE_UINT8, MOTE_UINT8, MOTE_MXFP4_E2M1, true, false},
    {".blocks", ".scales", NULL, MOTE_UINT8, MOTE_UINT8, MOTE_MXFP4_E2M1, true, false},
};

enum { CONVENTIONS = sizeof conventions / sizeof conventions[0] };

/* The entries in the order of their names, to find them by name. */
typedef struct name_index {
    const mote_file *file;
    const mote_entry **sorted;
} name_index;

static int compare_names(const void *a, const void *b)
{
    const mote_entry *const *first = a, *const *second = b;
    return strcmp((*first)->name, (*second)->name);
}

/* Number of the entry called base + suffix; -1 if there is none. */
static int find_entry(const name_index *names, const char *base, size_t length, const char *suffix)
{
    size_t low = 0, high = names->file->entry_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const char *name = names->sorted[middle]->name;
        int order = strncmp(base, name, length);
        order = order ? order : strcmp(suffix, name + length);
        if (order == 0) {
            return (int)(names->sorted[middle] - names->file->entries);
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return -1;
}

/* The name without a suffix; 0 if it does not end in it or is nothing else. */
static size_t base_length(const char *name, const char *suffix)
{
    size_t length = strlen(name), end = strlen(suffix);
    return length > end && strcmp(name + length - end, suffix) == 0 ? length - end : 0;
}

/* True if elements and scales have the shapes of a convention; then layout is the tensor's. */
static bool shapes_fit(const convention *c, const mote_entry *elements, const mote_entry *scales, mote_layout *layout)
{
    const mote_format_traits *traits = mote_format_get(c->format);
    int last = scales->rank - 1;
    if (last < 0 || scales->rank > MOTE_MAXIMUM_RANK || elements->column_major || scales->column_major) {
        return false;
    }
    size_t blocks = scales->shape[last];
    size_t per_block = (size_t)(c->packed ? traits->block_bytes : traits->block_length), length, values;
    if (!mote_size_multiply(blocks, per_block, &length) ||
        !mote_size_multiply(blocks, (size_t)traits->block_length, &values)) {
        return false;
    }
    bool flat = elements->rank == scales->rank && elements->shape[last] == length;
    bool split = c->packed && elements->rank == scales->rank + 1 && elements->shape[last] == blocks &&
                 elements->shape[last + 1] == per_block;
    *layout = (mote_layout){.format = c->format, .rank = scales->rank, .axis = last};
    for (int d = 0; d < last; d++) {
        layout->shape[d] = scales->shape[d];
        if (elements->shape[d] != scales->shape[d]) {
            return false;
        }
    }
    layout->shape[last] = values;
    return flat || split;
}

/* Tries a convention for entry i; fills parts, layout and the length of the tensor's name. */
static bool try_convention(const name_index *names, const convention *c, int i, mote_tensor_entries *parts,
                           mote_layout *layout, size_t *length)
{
    const mote_entry *entries = names->file->entries;
    *length = base_length(entries[i].name, c->elements);
    if (!*length || entries[i].format != c->element_format) {
        return false;
    }
    *parts = (mote_tensor_entries){i, find_entry(names, entries[i].name, *length, c->scales), -1, c->inverse};
    if (parts->scales < 0 || entries[parts->scales].format != c->scale_format ||
        !shapes_fit(c, &entries[i], &entries[parts->scales], layout)) {
        return false;
    }
    if (c->tensor_scale) {
        int at = find_entry(names, entries[i].name, *length, c->tensor_scale);
        if (at >= 0 && (entries[at].format != MOTE_FP32 || entries[at].bytes != 4)) {
            return false; /* one scale a row or an expert: not a tensor that mote has */
        }
        parts->tensor_scale = at;
    }
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    const mote_metadata *const *first = a, *const *second = b;
    return strcmp((*first)->key, (*second)->key);
}

static int compare_record(const void *name, const void *record)
{
    const mote_metadata *const *m = record;
    return strcmp(name, (*m)->key + sizeof record_prefix - 1);
}

/* The records of a file in the order of their names. */
typedef struct record_index {
    size_t count;
    const mote_metadata **sorted;
} record_index;

static mote_status index_records(mote_file *file, record_index *records)
{
    records->count = 0;
    records->sorted = mote_allocate_array(file->context, file->metadata_count, sizeof *records->sorted);
    if (!records->sorted) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < file->metadata_count; i++) {
        if (strncmp(file->metadata[i].key, record_prefix, sizeof record_prefix - 1) == 0) {
            records->sorted[records->count++] = &file->metadata[i];
        }
    }
    qsort(records->sorted, records->count, sizeof *records->sorted, compare_keys);
    return MOTE_OK;
}

static const char *record_of(const record_index *records, const char *name)
{
    const mote_metadata **found =
        records->count ? bsearch(name, records->sorted, records->count, sizeof *records->sorted, compare_record) : NULL;
    return found ? (*found)->text : NULL;
}

/* Reads {"format": "mxfp4_e2m1", "shape": [5, 33], "axis": 1}. */
static mote_status parse_record(mote_file *file, const char *name, const char *text, mote_layout *layout)
{
    json_error_t error;
    const char *format = NULL;
    json_t *shape = NULL, *size;
    size_t d;
    *layout = (mote_layout){.format = MOTE_FORMAT_COUNT};
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (root && json_unpack(root, "{s:s, s:o, s:i}", "format", &format, "shape", &shape, "axis", &layout->axis) == 0 &&
        json_is_array(shape) && json_array_size(shape) <= MOTE_MAXIMUM_RANK) {
        layout->format = mote_format_find(format);
        layout->rank = (int)json_array_size(shape);
        json_array_foreach(shape, d, size)
        {
            json_int_t value = json_is_integer(size) ? json_integer_value(size) : -1;
            layout->format = value < 0 ? MOTE_FORMAT_COUNT : layout->format;
            layout->shape[d] = (size_t)value;
        }
    }
    bool starved = !root && json_error_code(&error) == json_error_out_of_memory;
    json_decref(root);
    if (starved) {
        return mote_fail(file->context, MOTE_ERROR_MEMORY, "%s: out of memory: no room for the metadata", file->path);
    }
    if (layout->format == MOTE_FORMAT_COUNT) {
        return mote_bad_file(file,
                             "metadata '%s%s': expected {\"format\": NAME, \"shape\": [SIZES], \"axis\": NUMBER}, "
                             "found '%.200s'",
                             record_prefix, name, text);
    }
    return MOTE_OK;
}

/* A tensor that mote wrote: the record says what it is, the entries must have its sizes. */
static mote_status group_by_record(mote_file *file, const name_index *names, int i, const char *record,
                                   mote_tensor_entries *parts, mote_layout *layout)
{
    const mote_entry *entries = file->entries;
    const char *name = entries[i].name;
    size_t length = strlen(name);
    mote_layout_sizes sizes;
    mote_status status = parse_record(file, name, record, layout);
    if (status == MOTE_OK && mote_layout_measure(file->context, layout, &sizes) != MOTE_OK) {
        status = mote_bad_file(file, "metadata '%s%s': shape and axis make no tensor", record_prefix, name);
    }
    if (status != MOTE_OK) {
        return status;
    }
    if (layout->axis < 0) {
        layout->axis += layout->rank ? layout->rank : 1;
    }
    bool scaled = mote_format_is_block(layout->format), twice = layout->format == MOTE_NVFP4;
    *parts = (mote_tensor_entries){i, scaled ? find_entry(names, name, length, plane_suffix[1]) : -1,
                                   twice ? find_entry(names, name, length, plane_suffix[2]) : -1, false};
    if ((scaled && parts->scales < 0) || (twice && parts->tensor_scale < 0)) {
        return mote_bad_file(file, "tensor '%s' is %s, but its scales ('%s%s') are missing", name,
                             mote_format_get(layout->format)->name, name, plane_suffix[parts->scales < 0 ? 1 : 2]);
    }
    size_t scale_bytes = scaled ? entries[parts->scales].bytes : 0;
    if (entries[i].bytes != sizes.element_bytes || scale_bytes != sizes.scale_bytes ||
        (twice && (entries[parts->tensor_scale].bytes != 4 || entries[parts->tensor_scale].format != MOTE_FP32))) {
        return mote_bad_file(file, "tensor '%s': expected %zu bytes of elements and %zu of scales, found %zu and %zu",
                             name, sizes.element_bytes, sizes.scale_bytes, entries[i].bytes, scale_bytes);
    }
    return MOTE_OK;
}

/* What one entry turns out to be. */
typedef struct group {
    mote_tensor_entries parts;
    mote_layout layout;
    size_t name_length;
    bool leads;   /* the entry holds elements of a tensor of several planes */
    bool claimed; /* the entry is a plane of another one's tensor */
} group;

static mote_status find_groups(mote_file *file, const name_index *names, const record_index *records, group *groups)
{
    for (size_t i = 0; i < file->entry_count; i++) {
        group *g = &groups[i];
        const char *record = record_of(records, file->entries[i].name);
        if (record) {
            mote_status status = group_by_record(file, names, (int)i, record, &g->parts, &g->layout);
            if (status != MOTE_OK) {
                return status;
            }
            g->leads = true;
            g->name_length = strlen(file->entries[i].name);
        }
        for (int c = 0; !g->leads && c < CONVENTIONS; c++) {
            g->leads = try_convention(names, &conventions[c], (int)i, &g->parts, &g->layout, &g->name_length);
        }
        if (g->leads && g->parts.scales >= 0) {
            groups[g->parts.scales].claimed = true;
        }
        if (g->leads && g->parts.tensor_scale >= 0) {
            groups[g->parts.tensor_scale].claimed = true;
        }
    }
    return MOTE_OK;
}

static mote_status plain_layout(mote_file *file, const mote_entry *entry, mote_layout *layout)
{
    if (entry->rank > MOTE_MAXIMUM_RANK) {
        return mote_fail(file->context, MOTE_ERROR_UNSUPPORTED, "%s: '%s' has %d dimensions; at most %d are supported",
                         file->path, entry->name, entry->rank, MOTE_MAXIMUM_RANK);
    }
    *layout = (mote_layout){.format = entry->format, .rank = entry->rank, .axis = entry->rank ? entry->rank - 1 : 0};
    memcpy(layout->shape, entry->shape, (size_t)entry->rank * sizeof *entry->shape);
    return MOTE_OK;
}

/* Turns groups and single entries into file->tensors. */
static mote_status make_tensors(mote_file *file, const group *groups)
{
    for (size_t i = 0; i < file->entry_count; i++) {
        const group *g = &groups[i];
        const mote_entry *entry = &file->entries[i];
        if (g->claimed && !g->leads) {
            continue;
        }
        mote_tensor_info *info = &file->tensors[file->tensor_count];
        mote_layout_sizes sizes;
        mote_status status = MOTE_OK;
        file->parts[file->tensor_count] = g->leads ? g->parts : (mote_tensor_entries){(int)i, -1, -1, false};
        info->layout = g->layout;
        info->name = entry->name;
        if (!g->leads) {
            status = plain_layout(file, entry, &info->layout);
        } else if (entry->name[g->name_length]) {
            info->name = mote_arena_string(file->context, &file->arena, entry->name, g->name_length);
            status = info->name ? MOTE_OK : MOTE_ERROR_MEMORY;
        }
        if (status == MOTE_OK && mote_layout_measure(file->context, &info->layout, &sizes) != MOTE_OK) {
            status = mote_bad_file(file, "tensor '%.100s' claims a shape larger than the address space", info->name);
        }
        if (status != MOTE_OK) {
            return status;
        }
        info->element_bytes = sizes.element_bytes;
        info->scale_bytes = sizes.scale_bytes;
        file->tensor_count++;
    }
    return MOTE_OK;
}

/* Grouping can give two tensors one name: "x", and "x_packed" with its scales. */
static mote_status check_tensor_names(mote_file *file)
{
    const char **names = mote_allocate_array(file->context, file->tensor_count, sizeof *names);
    if (!names) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < file->tensor_count; i++) {
        names[i] = file->tensors[i].name;
    }
    mote_status status = mote_names_unique(file->context, file->path, file->tensor_count, names, MOTE_ERROR_FILE);
    mote_release(file->context, names);
    return status;
}

mote_status mote_planes_group(mote_file *file)
{
    mote_context *context = file->context;
    size_t count = file->entry_count;
    name_index names = {file, mote_allocate_array(context, count, sizeof *names.sorted)};
    group *groups = mote_allocate_array(context, count, sizeof *groups);
    mote_status status = names.sorted && groups ? MOTE_OK : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        file->tensors = mote_arena_allocate(context, &file->arena, count * sizeof *file->tensors);
        file->parts = mote_arena_allocate(context, &file->arena, count * sizeof *file->parts);
        status = file->tensors && file->parts ? MOTE_OK : MOTE_ERROR_MEMORY;
    }
    if (status == MOTE_OK) {
        memset(groups, 0, count * sizeof *groups);
        for (size_t i = 0; i < count; i++) {
            names.sorted[i] = &file->entries[i];
        }
        qsort(names.sorted, count, sizeof *names.sorted, compare_names);
        for (size_t i = 1; status == MOTE_OK && i < count; i++) {
            if (strcmp(names.sorted[i - 1]->name, names.sorted[i]->name) == 0) {
                status = mote_bad_file(file, "the name '%s' occurs twice", names.sorted[i]->name);
            }
        }
    }
    record_index records = {0, NULL};
    status = status == MOTE_OK ? index_records(file, &records) : status;
    status = status == MOTE_OK ? find_groups(file, &names, &records, groups) : status;
    status = status == MOTE_OK ? make_tensors(file, groups) : status;
    status = status == MOTE_OK ? check_tensor_names(file) : status;
    mote_release(context, records.sorted);
    mote_release(context, names.sorted);
    mote_release(context, groups);
    return status;
}

/* Column-major bytes of an entry into row-major order. */
static void reorder(const mote_entry *entry, const uint8_t *from, uint8_t *to)
{
    size_t index[MOTE_MAXIMUM_RANK + 2] = {0};
    size_t width = (size_t)mote_format_get(entry->format)->element_bits / 8, count = entry->bytes / width;
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        for (int d = entry->rank - 1; d >= 0; d--) {
            at = at * entry->shape[d] + index[d];
        }
        memcpy(to + i * width, from + at * width, width);
        for (int d = entry->rank - 1; d >= 0 && ++index[d] == entry->shape[d]; d--) {
            index[d] = 0;
        }
    }
}

static mote_status read_entry(mote_file *file, const mote_entry *entry, uint8_t *bytes)
{
    if (!entry->column_major || entry->rank < 2) {
        return file->format->read_entry(file, entry, bytes);
    }
    uint8_t *raw = mote_allocate(file->context, entry->bytes);
    mote_status status = raw ? file->format->read_entry(file, entry, raw) : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        reorder(entry, raw, bytes);
    }
    mote_release(file->context, raw);
    return status;
}

mote_status mote_planes_read(mote_file *file, size_t index, mote_tensor *tensor)
{
    const mote_tensor_entries *parts = &file->parts[index];
    mote_status status = read_entry(file, &file->entries[parts->elements], tensor->elements);
    if (status == MOTE_OK && parts->scales >= 0) {
        status = read_entry(file, &file->entries[parts->scales], tensor->scales);
    }
    if (status == MOTE_OK && parts->tensor_scale >= 0) {
        uint8_t bytes[4];
        status = read_entry(file, &file->entries[parts->tensor_scale], bytes);
        float scale = mote_bits_float((uint32_t)mote_little_endian(bytes, 4));
        tensor->tensor_scale = parts->inverse_tensor_scale ? 1.0f / scale : scale;
    }
    return status;
}

/* Plain formats of the planes of a block format. */
static void plane_formats(mote_format format, mote_format *elements, mote_format *scales)
{
    *scales = MOTE_FP8_E8M0;
    switch (format) {
    case MOTE_MXFP8_E4M3: *elements = MOTE_FP8_E4M3; break;
    case MOTE_MXFP8_E5M2: *elements = MOTE_FP8_E5M2; break;
    case MOTE_MXFP6_E3M2: *elements = MOTE_FP6_E3M2; break;
    case MOTE_MXFP6_E2M3: *elements = MOTE_FP6_E2M3; break;
    case MOTE_MXFP4_E2M1: *elements = MOTE_FP4_E2M1; break;
    case MOTE_NVFP4:
        *elements = MOTE_FP4_E2M1;
        *scales = MOTE_FP8_E4M3;
        break;
    case MOTE_Q8_0:
        *elements = MOTE_INT8;
        *scales = MOTE_FP16;
        break;
    default: *elements = MOTE_INT8; break;
    }
}

mote_status mote_planes_of(mote_writer *writer, const mote_tensor_info *info, bool bytes_only,
                           mote_entry entries[MOTE_PLANES_MAXIMUM], int *count)
{
    const mote_format_traits *traits = mote_format_get(info->layout.format);
    mote_resolved_layout layout;
    mote_status status = mote_layout_resolve(writer->context, &info->layout, &layout);
    if (status != MOTE_OK) {
        return status;
    }
    memset(entries, 0, MOTE_PLANES_MAXIMUM * sizeof *entries);
    entries[0] = (mote_entry){
        .name = info->name, .format = info->layout.format, .rank = info->layout.rank, .bytes = info->element_bytes};
    memcpy(entries[0].shape, info->layout.shape, (size_t)info->layout.rank * sizeof(size_t));
    *count = 1;
    if (!mote_format_is_block(info->layout.format)) {
        if (bytes_only && !mote_npy_descr(info->layout.format)) {
            bool words = traits->element_bits == 16;
            entries[0].format = words ? MOTE_UINT16 : MOTE_UINT8;
            entries[0].rank = words ? entries[0].rank : 1;
            entries[0].shape[0] = words ? entries[0].shape[0] : info->element_bytes;
        }
        return MOTE_OK;
    }
    *count = info->layout.format == MOTE_NVFP4 ? 3 : 2;
    plane_formats(info->layout.format, &entries[0].format, &entries[1].format);
    size_t per_block = (size_t)(bytes_only ? traits->block_bytes : traits->block_length);
    if (bytes_only) {
        entries[0].format = MOTE_UINT8;
        entries[1].format = traits->scale_bytes == 1 ? MOTE_UINT8 : MOTE_FP16;
    }
    int rank = 0;
    for (int d = 0; d < layout.rank; d++) {
        if (d != layout.axis) {
            entries[0].shape[rank] = entries[1].shape[rank] = layout.shape[d];
            rank++;
        }
    }
    entries[0].shape[rank] = layout.sizes.blocks_per_line * per_block;
    entries[1].shape[rank] = layout.sizes.blocks_per_line;
    entries[0].rank = entries[1].rank = rank + 1;
    entries[1].bytes = info->scale_bytes;
    entries[2].format = MOTE_FP32;
    entries[2].bytes = 4;
    for (int plane = 1; plane < *count; plane++) {
        size_t length = strlen(info->name), size = length + strlen(plane_suffix[plane]) + 1;
        char *name = mote_arena_allocate(writer->context, &writer->arena, size);
        if (!name) {
            return MOTE_ERROR_MEMORY;
        }
        snprintf(name, size, "%s%s", info->name, plane_suffix[plane]);
        entries[plane].name = name;
    }
    return MOTE_OK;
}

const void *mote_plane_bytes(const mote_tensor *tensor, int plane)
{
    return plane == 0 ? tensor->elements : plane == 1 ? (const void *)tensor->scales : &tensor->tensor_scale;
}

static bool needs_record(const mote_layout *layout)
{
    mote_format_kind kind = mote_format_get(layout->format)->kind;
    bool other_tools_know = layout->format == MOTE_FP32 || layout->format == MOTE_FP16 || layout->format == MOTE_FP64;
    return mote_format_is_block(layout->format) || (kind != MOTE_KIND_CARRIED && !other_tools_know);
}

mote_status mote_planes_metadata(mote_writer *writer, size_t *count, mote_metadata **metadata)
{
    mote_context *context = writer->context;
    mote_arena *arena = &writer->arena;
    size_t used = 0, prefix = sizeof record_prefix - 1;
    mote_metadata *all =
        mote_arena_allocate(context, arena, (writer->metadata_count + writer->tensor_count) * sizeof *all);
    if (!all) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < writer->metadata_count; i++) {
        /* records of the input speak of the input's tensors */
        if (strncmp(writer->metadata[i].key, record_prefix, prefix) != 0) {
            all[used++] = writer->metadata[i];
        }
    }
    for (size_t i = 0; i < writer->tensor_count; i++) {
        const mote_tensor_info *info = &writer->tensors[i];
        char shape[32 * MOTE_MAXIMUM_RANK], text[sizeof shape + 128];
        if (!needs_record(&info->layout)) {
            continue;
        }
        int axis = info->layout.axis < 0 ? info->layout.axis + info->layout.rank : info->layout.axis;
        int length = snprintf(text, sizeof text, "{\"format\": \"%s\", \"shape\": %s, \"axis\": %d}",
                              mote_format_get(info->layout.format)->name,
                              mote_shape_text(info->layout.rank, info->layout.shape, shape, sizeof shape), axis);
        size_t size = prefix + strlen(info->name) + 1;
        char *key = mote_arena_allocate(context, arena, size);
        all[used] = (mote_metadata){key, mote_arena_string(context, arena, text, (size_t)length), NULL, 0};
        if (!key || !all[used].text) {
            return MOTE_ERROR_MEMORY;
        }
        snprintf(key, size, "%s%s", record_prefix, info->name);
        used++;
    }
    *count = used;
    *metadata = all;
    return MOTE_OK;
}
