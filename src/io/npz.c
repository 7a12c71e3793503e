/* NumPy .npz: a zip archive of .npy arrays, through libzip.
 *
 * Reading trusts no size: what deflate cannot have produced from the compressed bytes is refused before
 * anything is allocated. Writing needs every array's bytes when the archive is closed, so arrays go to a
 * spool file beside the output first. Archives are stored uncompressed and without times: the same tensors
 * give the same bytes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/archive.h"
#include "io/json.h"

enum { METADATA_MAXIMUM = 4 << 20 /* JSON takes tens of times its text in memory */ };
static const char metadata_name[] = "__metadata__";

static bool npz_matches(const uint8_t *head, size_t size)
{
    return size >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0);
}

static void npz_close(mote_file *file)
{
    if (file->state) {
        zip_discard(file->state);
    }
}

/* One member: its npy header becomes an entry. */
static mote_status open_member(mote_file *file, const zip_stat_t *info, uint8_t *head, mote_entry *entry)
{
    size_t length = strlen(info->name), header;
    size_t size = (size_t)(info->size < MOTE_NPY_HEADER_MAXIMUM ? info->size : MOTE_NPY_HEADER_MAXIMUM);
    char where[160];
    bool npy = length > 4 && strcmp(info->name + length - 4, ".npy") == 0;
    *entry =
        (mote_entry){.name = mote_arena_string(file->context, &file->arena, info->name, npy ? length - 4 : length)};
    if (!entry->name) {
        return MOTE_ERROR_MEMORY;
    }
    if (!npy) {
        return mote_bad_file(file, "'%.100s': expected only .npy members", info->name);
    }
    mote_status status = mote_archive_read(file, file->state, info, 0, size, false, head);
    if (status != MOTE_OK) {
        return status;
    }
    snprintf(where, sizeof where, "'%.100s': ", info->name);
    status = mote_npy_parse(file->context, file->path, where, head, size, entry, &header);
    if (status != MOTE_OK) {
        return status;
    }
    if (info->size - header != entry->bytes) {
        return mote_bad_file(file, "%sexpected %zu bytes of data, found %llu", where, entry->bytes,
                             (unsigned long long)(info->size - header));
    }
    entry->place = header;
    entry->source = (int)info->index;
    return MOTE_OK;
}

static mote_status npz_read_entry(mote_file *file, const mote_entry *entry, uint8_t *bytes)
{
    zip_stat_t info;
    if (zip_stat_index(file->state, (zip_uint64_t)entry->source, 0, &info) != 0) {
        return mote_bad_file(file, "'%s': %s", entry->name, zip_strerror(file->state));
    }
    return mote_archive_read(file, file->state, &info, entry->place, entry->bytes, true, bytes);
}

/* The metadata member: UTF-8 JSON in a uint8 array. */
static mote_status parse_metadata(mote_file *file, const mote_entry *entry)
{
    json_error_t error;
    const char *key;
    json_t *value, *root = NULL;
    if (file->metadata || entry->bytes > METADATA_MAXIMUM) {
        return mote_bad_file(file, "'%s' %s", metadata_name, file->metadata ? "occurs twice" : "is larger than 4 MiB");
    }
    uint8_t *text = mote_allocate(file->context, entry->bytes);
    mote_status status = text ? npz_read_entry(file, entry, text) : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        root = json_loadb((const char *)text, entry->bytes, JSON_REJECT_DUPLICATES, &error);
        status = json_is_object(root) ? MOTE_OK : mote_bad_file(file, "'%s': expected a JSON object", metadata_name);
    }
    if (status == MOTE_OK) {
        file->metadata =
            mote_arena_allocate(file->context, &file->arena, json_object_size(root) * sizeof *file->metadata);
        status = file->metadata ? MOTE_OK : MOTE_ERROR_MEMORY;
    }
    json_object_foreach(root, key, value)
    {
        const char *content = json_string_value(value);
        if (status == MOTE_OK && content) {
            mote_metadata *m = &file->metadata[file->metadata_count++];
            *m = (mote_metadata){mote_arena_string(file->context, &file->arena, key, strlen(key)),
                                 mote_arena_string(file->context, &file->arena, content, strlen(content)), NULL, 0};
            status = m->key && m->text ? MOTE_OK : MOTE_ERROR_MEMORY;
        }
    }
    json_decref(root);
    mote_release(file->context, text);
    return status;
}

static mote_status open_members(mote_file *file, size_t count, uint8_t *head)
{
    uint64_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        zip_stat_t info;
        mote_entry *entry = &file->entries[file->entry_count];
        mote_status status = mote_archive_stat(file, file->state, i, &taken, &info);
        status = status == MOTE_OK ? open_member(file, &info, head, entry) : status;
        if (status == MOTE_OK && strcmp(entry->name, metadata_name) == 0 && entry->format == MOTE_UINT8) {
            status = parse_metadata(file, entry);
        } else {
            file->entry_count += status == MOTE_OK;
        }
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}

static mote_status npz_open(mote_file *file)
{
    zip_t *archive;
    mote_status status = mote_archive_open(file, &archive);
    if (status != MOTE_OK) {
        return status;
    }
    file->state = archive;
    size_t count = (size_t)zip_get_num_entries(file->state, 0);
    uint8_t *head = mote_allocate(file->context, MOTE_NPY_HEADER_MAXIMUM);
    file->entries = mote_arena_allocate(file->context, &file->arena, count * sizeof *file->entries);
    status = head && file->entries ? open_members(file, count, head) : MOTE_ERROR_MEMORY;
    mote_release(file->context, head);
    return status == MOTE_OK ? mote_planes_group(file) : status;
}

/* Where each member lies in the spool. */
typedef struct spool {
    mote_output file;
    size_t count;
    struct member {
        const char *name;
        uint64_t offset, size;
    } * members;
} spool;

static mote_status spool_member(mote_writer *writer, const mote_entry *entry, const void *bytes)
{
    uint8_t header[512 + 24 * MOTE_MAXIMUM_RANK];
    spool *s = writer->state;
    size_t length = mote_npy_header(entry, header), size = strlen(entry->name) + sizeof ".npy";
    char *name = mote_arena_allocate(writer->context, &writer->arena, size);
    if (!name) {
        return MOTE_ERROR_MEMORY;
    }
    snprintf(name, size, "%s.npy", entry->name);
    s->members[s->count++] = (struct member){name, s->file.written, length + entry->bytes};
    mote_status status = mote_output_write(&s->file, header, length);
    return status == MOTE_OK ? mote_output_write(&s->file, bytes, entry->bytes) : status;
}

static mote_status npz_create(mote_writer *writer)
{
    mote_context *context = writer->context;
    spool *s = mote_arena_allocate(context, &writer->arena, sizeof *s);
    if (!s) {
        return MOTE_ERROR_MEMORY;
    }
    size_t most = writer->tensor_count * MOTE_PLANES_MAXIMUM + 1;
    *s = (spool){.members = mote_arena_allocate(context, &writer->arena, most * sizeof *s->members)};
    writer->state = s;
    return s->members ? mote_output_create(context, writer->path, &s->file) : MOTE_ERROR_MEMORY;
}

static mote_status npz_put(mote_writer *writer, const mote_tensor *tensor)
{
    mote_entry entries[MOTE_PLANES_MAXIMUM];
    int planes = 0;
    mote_status status = mote_planes_of(writer, &writer->tensors[writer->next], true, entries, &planes);
    for (int plane = 0; status == MOTE_OK && plane < planes; plane++) {
        status = spool_member(writer, &entries[plane], mote_plane_bytes(tensor, plane));
    }
    return status;
}

static mote_status put_metadata(mote_writer *writer)
{
    size_t count;
    mote_metadata *metadata;
    mote_status status = mote_planes_metadata(writer, &count, &metadata);
    const spool *s = writer->state;
    if (status != MOTE_OK || (count == 0 && s->count > 0)) { /* an archive needs at least one member */
        return status;
    }
    json_t *root = json_object();
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed |= json_object_set_new(root, metadata[i].key, json_string(metadata[i].text));
    }
    if (failed) {
        json_decref(root);
        return mote_fail(writer->context, MOTE_ERROR_MEMORY, "%s: no room for the metadata, or it is not UTF-8",
                         writer->path);
    }
    mote_entry entry = {.name = metadata_name, .format = MOTE_UINT8, .rank = 1};
    char *text = mote_json_text(writer->context, root, 0, &entry.bytes);
    entry.shape[0] = entry.bytes;
    status = text ? spool_member(writer, &entry, text) : MOTE_ERROR_MEMORY;
    mote_release(writer->context, text);
    return status;
}

static mote_status zip_failure(mote_writer *writer, zip_t *archive, const char *verb)
{
    mote_status status = mote_fail(writer->context, MOTE_ERROR_IO, "%s: cannot %s: %s", writer->path, verb,
                                   archive ? zip_strerror(archive) : strerror(errno));
    if (archive) {
        zip_discard(archive);
    }
    return status;
}

/* Builds the archive at path from the spool. */
static mote_status build_archive(mote_writer *writer, const char *path)
{
    const spool *s = writer->state;
    int code;
    zip_t *archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    bool failed = mote_fault_check(writer->context, MOTE_FAULT_WRITE) == MOTE_FAULT_FAIL;
    if (!archive || failed) {
        return zip_failure(writer, archive, "create");
    }
    for (size_t i = 0; i < s->count; i++) {
        const struct member *m = &s->members[i];
        zip_source_t *source = zip_source_file(archive, s->file.temporary, m->offset, (zip_int64_t)m->size);
        zip_int64_t added = source ? zip_file_add(archive, m->name, source, ZIP_FL_ENC_UTF_8) : -1;
        if (added < 0) {
            zip_source_free(source);
            return zip_failure(writer, archive, m->name);
        }
        const time_t epoch = 315532800; /* 1980-01-01, the first day that zip knows */
        zip_set_file_compression(archive, (zip_uint64_t)added, ZIP_CM_STORE, 0);
        zip_file_set_mtime(archive, (zip_uint64_t)added, epoch, 0);
    }
    return zip_close(archive) == 0 ? MOTE_OK : zip_failure(writer, archive, "write");
}

static mote_status npz_finish(mote_writer *writer)
{
    mote_status status = put_metadata(writer);
    if (status == MOTE_OK) {
        status = mote_output_create(writer->context, writer->path, &writer->output);
    }
    if (status == MOTE_OK) {
        status = build_archive(writer, writer->output.temporary);
    }
    /* libzip replaces the file that it was given: the open descriptor is the old one */
    return status == MOTE_OK ? mote_output_finish_replaced(&writer->output) : status;
}

static void npz_discard(mote_writer *writer)
{
    spool *s = writer->state;
    if (s) {
        mote_output_discard(&s->file);
    }
}

const mote_file_kind mote_npz_format = {.name = "npz",
                                        .ending = ".npz",
                                        .matches = npz_matches,
                                        .open = npz_open,
                                        .read = mote_planes_read,
                                        .read_entry = npz_read_entry,
                                        .close = npz_close,
                                        .create = npz_create,
                                        .put = npz_put,
                                        .finish = npz_finish,
                                        .discard = npz_discard};
