/* A model in several safetensors files with an index: {"metadata": {"total_size": N}, "weight_map": {"tensor":
 * "file", ...}}, as Hugging Face's libraries write it. */
#include <stdio.h>
#include <string.h>

#include "io/json.h"
#include "io/safetensors.h"

enum { SHARDS_MAXIMUM = 4096, INDEX_MAXIMUM = 100000000 };
/* Bytes of one shard that is written; the first tensor may exceed it. */
static const uint64_t shard_bytes = UINT64_C(5000000000);

typedef struct shards {
    size_t count;
    const char **paths; /* reading; in the file's arena */
    mote_input *inputs;
    mote_output *outputs; /* writing: complete, not yet renamed */
    size_t *first;        /* writing: the first tensor of each shard */
    size_t current;
} shards;

static bool shards_matches(const uint8_t *head, size_t size) { return size > 0 && (head[0] == '{' || head[0] == '\n'); }

static void shards_close(mote_file *file)
{
    shards *s = file->state;
    for (size_t i = 0; s && i < s->count; i++) {
        mote_input_close(&s->inputs[i]);
    }
}

/* The path of a file beside the index; a name with a folder in it could lead anywhere and is refused. */
static const char *beside(mote_context *context, mote_arena *arena, const char *index, const char *name)
{
    const char *slash = strrchr(index, '/');
    size_t folder = slash ? (size_t)(slash - index) + 1 : 0, size = folder + strlen(name) + 1;
    char *path = mote_arena_allocate(context, arena, size);
    if (path) {
        memcpy(path, index, folder);
        memcpy(path + folder, name, size - folder);
    }
    return path;
}

static mote_status open_shard(mote_file *file, shards *s, const char *name)
{
    if (strchr(name, '/') || strcmp(name, "..") == 0 || !*name) {
        return mote_bad_file(file, "weight_map: expected the name of a file beside the index, found '%.100s'", name);
    }
    const char *path = beside(file->context, &file->arena, file->path, name);
    if (!path) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->paths[i], path) == 0) {
            return MOTE_OK;
        }
    }
    if (s->count == SHARDS_MAXIMUM) {
        return mote_bad_file(file, "weight_map: more than %d files", SHARDS_MAXIMUM);
    }
    mote_status status = mote_input_open(file->context, path, &s->inputs[s->count]);
    if (status != MOTE_OK) {
        return status;
    }
    s->paths[s->count] = path;
    s->count++;
    return mote_safetensors_append(file, &s->inputs[s->count - 1], (int)s->count - 1);
}

static mote_status open_all(mote_file *file, json_t *root)
{
    mote_context *context = file->context;
    json_t *map = json_object_get(root, "weight_map"), *value;
    const char *name;
    shards *s = mote_arena_allocate(context, &file->arena, sizeof *s);
    if (!json_is_object(map) || json_object_size(map) == 0) {
        return mote_bad_file(file, "expected a safetensors index with a weight_map");
    }
    if (!s) {
        return MOTE_ERROR_MEMORY;
    }
    size_t most = mote_size_min(json_object_size(map), SHARDS_MAXIMUM);
    *s = (shards){.paths = mote_arena_allocate(context, &file->arena, most * sizeof *s->paths),
                  .inputs = mote_arena_allocate(context, &file->arena, most * sizeof *s->inputs)};
    if (!s->paths || !s->inputs) {
        return MOTE_ERROR_MEMORY;
    }
    file->state = s;
    json_object_foreach(map, name, value)
    {
        if (!json_is_string(value)) {
            return mote_bad_file(file, "weight_map '%.100s': expected a file name", name);
        }
        mote_status status = open_shard(file, s, json_string_value(value));
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}

/* Every tensor of the map must be in the file that the map names. */
static mote_status check_map(mote_file *file, json_t *root)
{
    json_t *map = json_object_get(root, "weight_map"), *found = json_object(), *value;
    const shards *s = file->state;
    mote_status status = MOTE_OK;
    const char *name;
    for (size_t i = 0; i < file->entry_count && status == MOTE_OK; i++) {
        const char *path = s->paths[file->entries[i].source], *slash = strrchr(path, '/');
        if (json_object_set_new(found, file->entries[i].name, json_string(slash ? slash + 1 : path)) != 0) {
            status =
                mote_fail(file->context, MOTE_ERROR_MEMORY, "%s: out of memory: no room for the index", file->path);
        }
    }
    json_object_foreach(map, name, value)
    {
        const char *where = json_string_value(json_object_get(found, name));
        if (status == MOTE_OK && (!where || strcmp(where, json_string_value(value)) != 0)) {
            status = mote_bad_file(file, "weight_map: '%.100s' is not in '%.100s'", name, json_string_value(value));
        }
    }
    json_decref(found);
    return status;
}

static mote_status shards_open(mote_file *file)
{
    if (file->input.size > INDEX_MAXIMUM) {
        return mote_bad_file(file, "an index of %llu bytes; at most %d are read", (unsigned long long)file->input.size,
                             INDEX_MAXIMUM);
    }
    size_t size = (size_t)file->input.size;
    char *text = mote_allocate(file->context, size);
    if (!text) {
        return MOTE_ERROR_MEMORY;
    }
    json_error_t error;
    json_t *root = NULL;
    mote_status status = mote_input_read(&file->input, 0, size, text);
    if (status == MOTE_OK) {
        root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
        status = root ? open_all(file, root) : mote_bad_file(file, "offset %d: %s", error.position, error.text);
    }
    if (status == MOTE_OK) {
        status = check_map(file, root);
    }
    json_decref(root);
    mote_release(file->context, text);
    return status == MOTE_OK ? mote_planes_group(file) : status;
}

static mote_status shards_read_entry(mote_file *file, const mote_entry *entry, uint8_t *bytes)
{
    const shards *s = file->state;
    return mote_input_read(&s->inputs[entry->source], entry->place, entry->bytes, bytes);
}

/* "model.safetensors.index.json" to "model-00002-of-00005.safetensors". */
static const char *shard_path(mote_writer *writer, const shards *s, size_t number)
{
    size_t stem = strlen(writer->path) - strlen(mote_shards_format.ending), size = stem + 64;
    char *path = mote_arena_allocate(writer->context, &writer->arena, size);
    if (path) {
        snprintf(path, size, "%.*s-%05zu-of-%05zu.safetensors", (int)stem, writer->path, number + 1, s->count);
    }
    return path;
}

static mote_status begin_shard(mote_writer *writer, shards *s)
{
    size_t first = s->first[s->current], metadata_count;
    mote_metadata *metadata;
    const char *path = shard_path(writer, s, s->current);
    mote_status status = path ? mote_planes_metadata(writer, &metadata_count, &metadata) : MOTE_ERROR_MEMORY;
    /* the records go into the first shard; reading gathers the metadata of all */
    return status == MOTE_OK ? mote_safetensors_begin(writer, path, first, s->first[s->current + 1] - first,
                                                      s->current == 0 ? metadata_count : 0, metadata)
                             : status;
}

static mote_status shards_create(mote_writer *writer)
{
    mote_context *context = writer->context;
    shards *s = mote_arena_allocate(context, &writer->arena, sizeof *s);
    if (!s) {
        return MOTE_ERROR_MEMORY;
    }
    *s = (shards){.first = mote_arena_allocate(context, &writer->arena, (writer->tensor_count + 2) * sizeof *s->first)};
    if (!s->first) {
        return MOTE_ERROR_MEMORY;
    }
    uint64_t filled = 0;
    s->first[0] = 0;
    s->count = 1;
    for (size_t i = 0; i < writer->tensor_count; i++) {
        uint64_t bytes = (uint64_t)writer->tensors[i].element_bytes + writer->tensors[i].scale_bytes;
        if (filled && filled + bytes > shard_bytes) {
            s->first[s->count++] = i;
            filled = 0;
        }
        filled += bytes;
    }
    s->first[s->count] = writer->tensor_count;
    s->outputs = mote_arena_allocate(context, &writer->arena, s->count * sizeof *s->outputs);
    if (!s->outputs) {
        return MOTE_ERROR_MEMORY;
    }
    memset(s->outputs, 0, s->count * sizeof *s->outputs);
    writer->state = s;
    return begin_shard(writer, s);
}

/* Sets a complete shard aside; all are renamed together at the end. */
static void set_aside(mote_writer *writer, shards *s)
{
    s->outputs[s->current++] = writer->output;
    writer->output = (mote_output){.descriptor = -1};
}

static mote_status shards_put(mote_writer *writer, const mote_tensor *tensor)
{
    shards *s = writer->state;
    mote_status status = MOTE_OK;
    if (writer->next == s->first[s->current + 1]) {
        set_aside(writer, s);
        status = begin_shard(writer, s);
    }
    return status == MOTE_OK ? mote_safetensors_put(writer, tensor) : status;
}

static mote_status write_index(mote_writer *writer, const shards *s)
{
    json_t *map = json_object();
    json_int_t total = 0;
    int failed = 0;
    for (size_t shard = 0; shard < s->count; shard++) {
        const char *path = shard_path(writer, s, shard), *slash = path ? strrchr(path, '/') : NULL;
        failed |= !path;
        for (size_t i = s->first[shard]; path && i < s->first[shard + 1]; i++) {
            mote_entry entries[MOTE_PLANES_MAXIMUM];
            int planes = 0;
            failed |= mote_planes_of(writer, &writer->tensors[i], false, entries, &planes) != MOTE_OK;
            for (int plane = 0; !failed && plane < planes; plane++) {
                failed |= json_object_set_new(map, entries[plane].name, json_string(slash ? slash + 1 : path));
                total += (json_int_t)entries[plane].bytes;
            }
        }
    }
    if (failed) {
        json_decref(map);
        return mote_fail(writer->context, MOTE_ERROR_MEMORY, "out of memory: no room for the index");
    }
    size_t length;
    json_t *root = json_pack("{s:{s:I}, s:o}", "metadata", "total_size", total, "weight_map", map);
    char *text = mote_json_text(writer->context, root, JSON_INDENT(2) | JSON_SORT_KEYS, &length);
    mote_status status = text ? mote_output_create(writer->context, writer->path, &writer->output) : MOTE_ERROR_MEMORY;
    status = status == MOTE_OK ? mote_output_write(&writer->output, text, length) : status;
    status = status == MOTE_OK ? mote_output_write(&writer->output, "\n", 1) : status;
    mote_release(writer->context, text);
    return status;
}

static mote_status shards_finish(mote_writer *writer)
{
    shards *s = writer->state;
    set_aside(writer, s);
    mote_status status = write_index(writer, s);
    for (size_t i = 0; status == MOTE_OK && i < s->count; i++) {
        status = mote_output_finish(&s->outputs[i]);
    }
    return status == MOTE_OK ? mote_output_finish(&writer->output) : status;
}

static void shards_discard(mote_writer *writer)
{
    shards *s = writer->state;
    for (size_t i = 0; s && i < s->count; i++) {
        mote_output_discard(&s->outputs[i]);
    }
}

const mote_file_kind mote_shards_format = {.name = "safetensors index",
                                           .ending = ".safetensors.index.json",
                                           .matches = shards_matches,
                                           .open = shards_open,
                                           .read = mote_planes_read,
                                           .read_entry = shards_read_entry,
                                           .close = shards_close,
                                           .create = shards_create,
                                           .put = shards_put,
                                           .finish = shards_finish,
                                           .discard = shards_discard};
