/* PyTorch checkpoints (.pt, .pth) as torch.save has written them since version 1.6, for reading: a zip archive of a
 * pickle (ROOT/data.pkl) and of the storages that its tensors are views of (ROOT/data/KEY), stored as they are.
 *
 * The pickle is read as data (pickle.h). Tensors get their names from the containers around them, joined by dots; what
 * is no tensor is left out. Views are handed out in row-major order, whatever their strides are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/archive.h"
#include "io/pickle.h"

enum {
    DEPTH_MAXIMUM = 64,
    NAME_MAXIMUM = 1024,
    VISITS_MAXIMUM = 1 << 22,
    NAMES_BYTES_MAXIMUM = 64 << 20,
    LEGACY_MAGIC = 12,
    LEGACY_LOOK = 32,
};

typedef struct archive_state {
    zip_t *archive;
    zip_stat_t *members; /* [count], by name */
    size_t count, root_length;
    const char *root; /* what the names of all members begin with: "NAME/" */
    const mote_pickle_tensor **tensors;
} archive_state;

/* LONG1 of ten bytes: the number with which the files of older versions begin. */
static const uint8_t legacy_magic[LEGACY_MAGIC] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                                   0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

static bool is_legacy(const uint8_t *head, size_t size)
{
    bool found = false;
    for (size_t at = 2; head[0] == 0x80 && !found && at < LEGACY_LOOK && at + LEGACY_MAGIC <= size; at++) {
        found = memcmp(head + at, legacy_magic, LEGACY_MAGIC) == 0;
    }
    return found;
}

/* The first member of an archive of torch's lies in a folder; those of .npz are called NAME.npy. */
static bool pt_matches(const uint8_t *head, size_t size)
{
    enum { NAME_LENGTH_AT = 26, NAME_AT = 30 };
    if (size < NAME_AT || memcmp(head, "PK\3\4", 4) != 0) {
        return is_legacy(head, size);
    }
    size_t length = (size_t)mote_little_endian(head + NAME_LENGTH_AT, 2);
    const uint8_t *name = head + NAME_AT;
    return length <= size - NAME_AT && memchr(name, '/', length) &&
           !(length > 4 && memcmp(name + length - 4, ".npy", 4) == 0);
}

static void pt_close(mote_file *file)
{
    archive_state *state = file->state;
    if (state && state->archive) {
        zip_discard(state->archive);
    }
}

static int compare_members(const void *a, const void *b)
{
    const zip_stat_t *first = a, *second = b;
    return strcmp(first->name, second->name);
}

/* The member ROOT/folder key, or NULL. */
static const zip_stat_t *find_member(const archive_state *state, const char *folder, const char *key)
{
    char name[NAME_MAXIMUM];
    int length = snprintf(name, sizeof name, "%.*s%s%s", (int)state->root_length, state->root, folder, key);
    zip_stat_t wanted = {.name = name};
    return length > 0 && (size_t)length < sizeof name
               ? bsearch(&wanted, state->members, state->count, sizeof wanted, compare_members)
               : NULL;
}

static mote_status list_members(mote_file *file, archive_state *state)
{
    uint64_t taken = 0;
    state->count = (size_t)zip_get_num_entries(state->archive, 0);
    state->members = mote_arena_allocate(file->context, &file->arena, state->count * sizeof *state->members);
    if (!state->members) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < state->count; i++) {
        mote_status status = mote_archive_stat(file, state->archive, i, &taken, &state->members[i]);
        if (status != MOTE_OK) {
            return status;
        }
    }
    qsort(state->members, state->count, sizeof *state->members, compare_members);
    for (size_t i = 1; i < state->count; i++) {
        if (compare_members(&state->members[i - 1], &state->members[i]) == 0) {
            return mote_bad_file(file, "the member '%.100s' occurs twice", state->members[i].name);
        }
    }
    return MOTE_OK;
}

static bool begins_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

/* Finds ROOT, and refuses what only looks like a checkpoint. */
static mote_status find_root(mote_file *file, archive_state *state)
{
    static const char pickle[] = "data.pkl";
    bool script = false;
    for (size_t i = 0; i < state->count; i++) {
        const char *name = state->members[i].name, *slash = strchr(name, '/');
        if (!slash) {
            continue;
        }
        if (strcmp(slash + 1, pickle) == 0 && !state->root) {
            state->root = name;
            state->root_length = (size_t)(slash + 1 - name);
        }
        script = script || strcmp(slash + 1, "constants.pkl") == 0 || begins_with(slash + 1, "code/");
    }
    if (script) {
        return mote_fail(file->context, MOTE_ERROR_UNSUPPORTED,
                         "%s: a TorchScript program, not a checkpoint; in Python: "
                         "torch.save(torch.jit.load(PATH).state_dict(), NEW_PATH)",
                         file->path);
    }
    if (!state->root || state->root_length > NAME_MAXIMUM / 2) {
        return mote_bad_file(file, "an archive without NAME/data.pkl: not a PyTorch checkpoint (nor .npz)");
    }
    return MOTE_OK;
}

/* A stored member of at most most bytes, whole, behind which a NUL stands. */
static mote_status read_small(mote_file *file, const archive_state *state, const zip_stat_t *member, size_t most,
                              uint8_t **bytes)
{
    *bytes = NULL;
    if (member->size > most) {
        return mote_bad_file(file, "'%.100s' has %llu bytes: at most %zu are read", member->name,
                             (unsigned long long)member->size, most);
    }
    *bytes = mote_arena_allocate(file->context, &file->arena, (size_t)member->size + 1);
    if (!*bytes) {
        return MOTE_ERROR_MEMORY;
    }
    (*bytes)[member->size] = '\0';
    return mote_archive_read(file, state->archive, member, 0, (size_t)member->size, true, *bytes);
}

static mote_status check_byte_order(mote_file *file, const archive_state *state)
{
    enum { ORDER_MAXIMUM = 16 };
    uint8_t *order;
    const zip_stat_t *member = find_member(state, "", "byteorder");
    mote_status status = member ? read_small(file, state, member, ORDER_MAXIMUM, &order) : MOTE_OK;
    if (status == MOTE_OK && member && strcmp((const char *)order, "little") != 0) {
        return mote_fail(file->context, MOTE_ERROR_UNSUPPORTED,
                         "%s: '%s' says '%.8s': only little-endian files are read; save it again on such a machine",
                         file->path, member->name, (const char *)order);
    }
    return status;
}

/* ---- from containers to entries ---- */

/* Goes through the containers twice: to count the tensors, and to make the entries. */
typedef struct walk {
    mote_file *file;
    archive_state *state;
    size_t visits, count, names_bytes;
    char name[NAME_MAXIMUM];
} walk;

/* The storage must be there, stored, and have the bytes that the pickle says. */
static mote_status check_storage(mote_file *file, const archive_state *state, const char *name,
                                 const mote_pickle_storage *storage, const zip_stat_t **member)
{
    size_t bytes = storage->count * ((size_t)mote_format_get(storage->format)->element_bits / 8);
    *member = find_member(state, "data/", storage->key);
    if (!*member) {
        return mote_bad_file(file, "'%.100s': its storage, the member 'data/%s', is missing", name, storage->key);
    }
    if ((*member)->comp_method != ZIP_CM_STORE) {
        return mote_fail(file->context, MOTE_ERROR_UNSUPPORTED,
                         "%s: '%.100s' is compressed; torch.save stores its data as they are", file->path,
                         (*member)->name);
    }
    if ((*member)->size != bytes) {
        return mote_bad_file(file, "'%.100s': its storage '%.100s' has %llu bytes, expected %zu%s", name,
                             (*member)->name, (unsigned long long)(*member)->size, bytes,
                             (*member)->size < bytes ? ": truncated" : "");
    }
    return MOTE_OK;
}

static mote_status add_entry(walk *w, const mote_pickle_tensor *tensor, size_t length)
{
    mote_file *file = w->file;
    mote_entry *entry = &file->entries[w->count];
    const zip_stat_t *member;
    const char *name = length ? mote_arena_string(file->context, &file->arena, w->name, length) : mote_file_stem(file);
    mote_status status = name ? check_storage(file, w->state, name, tensor->storage, &member) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        return status;
    }
    *entry = (mote_entry){.name = name,
                          .format = tensor->storage->format,
                          .rank = tensor->rank,
                          .bytes = (size_t)mote_format_get(tensor->storage->format)->element_bits / 8,
                          .place = w->count,
                          .source = (int)(member - w->state->members)};
    for (int d = 0; d < tensor->rank; d++) {
        entry->shape[d] = tensor->shape[d];
        if (!mote_size_multiply(entry->bytes, tensor->shape[d], &entry->bytes)) {
            return mote_bad_file(file, "'%.100s' claims a shape larger than the address space", name);
        }
    }
    if (entry->bytes > file->input.size) { /* strides of 0 repeat elements */
        return mote_bad_file(file,
                             "'%.100s' is a repeating view of %zu bytes in a file of %llu; in Python, save "
                             "tensor.clone()",
                             name, entry->bytes, (unsigned long long)file->input.size);
    }
    w->state->tensors[w->count] = tensor;
    return MOTE_OK;
}

/* Puts a key behind the name so far; the length of both, 0 if it cannot be a part of a name. */
static size_t join(walk *w, size_t length, const mote_pickle_value *key, size_t index)
{
    size_t left = sizeof w->name - length;
    const char *dot = length ? "." : "";
    int added = 0;
    if (key && key->kind == MOTE_PICKLE_TEXT && key->length < sizeof w->name && !memchr(key->text, 0, key->length)) {
        added = snprintf(w->name + length, left, "%s%.*s", dot, (int)key->length, key->text);
    } else if (!key || key->kind == MOTE_PICKLE_INTEGER) {
        added = snprintf(w->name + length, left, "%s%lld", dot, key ? (long long)key->integer : (long long)index);
    }
    return added > 0 && (size_t)added < left ? length + (size_t)added : 0;
}

static bool is_container(const mote_pickle_value *value)
{
    return value->kind == MOTE_PICKLE_TUPLE || value->kind == MOTE_PICKLE_LIST || value->kind == MOTE_PICKLE_DICTIONARY;
}

static mote_status visit(walk *w, mote_pickle_value *value, size_t length, int depth)
{
    if (value->kind == MOTE_PICKLE_TENSOR) {
        mote_status status = w->file->entries ? add_entry(w, value->tensor, length) : MOTE_OK;
        w->count++;
        w->names_bytes += length + 1;
        return status;
    }
    if (!is_container(value)) {
        return MOTE_OK;
    }
    if (value->open || depth > DEPTH_MAXIMUM) {
        return mote_bad_file(w->file, "data.pkl, offset %zu: '%.100s' %s", value->place, length ? w->name : "",
                             value->open ? "contains itself" : "is more than 64 containers deep");
    }
    size_t step = value->kind == MOTE_PICKLE_DICTIONARY ? 2 : 1;
    mote_status status = MOTE_OK;
    value->open = true;
    for (size_t i = 0; i < value->count && status == MOTE_OK; i += step) {
        mote_pickle_value *item = value->items[i + step - 1];
        size_t joined = join(w, length, step == 2 ? value->items[i] : NULL, i);
        if (++w->visits > VISITS_MAXIMUM || w->names_bytes > NAMES_BYTES_MAXIMUM) {
            status = mote_bad_file(w->file,
                                   "data.pkl, offset %zu: containers that are shared too often: more than %d "
                                   "values, or more than %d bytes of names",
                                   value->place, VISITS_MAXIMUM, NAMES_BYTES_MAXIMUM);
        } else if (joined) {
            status = visit(w, item, joined, depth + 1);
        } else if (is_container(item) || item->kind == MOTE_PICKLE_TENSOR) {
            status = mote_bad_file(w->file,
                                   "data.pkl, offset %zu: a key of a dict that is no text and no integer, is "
                                   "empty, or makes a name longer than %d bytes",
                                   item->place, NAME_MAXIMUM - 1);
        }
    }
    value->open = false;
    return status;
}

static mote_status make_entries(mote_file *file, archive_state *state, mote_pickle_value *root)
{
    walk w = {.file = file, .state = state};
    mote_status status = visit(&w, root, 0, 0);
    if (status == MOTE_OK) {
        size_t count = w.count;
        state->tensors = mote_arena_allocate(file->context, &file->arena, count * sizeof *state->tensors);
        file->entries = mote_arena_allocate(file->context, &file->arena, count * sizeof *file->entries);
        if (!state->tensors || !file->entries) {
            return MOTE_ERROR_MEMORY;
        }
        w = (walk){.file = file, .state = state};
        status = visit(&w, root, 0, 0);
        file->entry_count = count;
    }
    return status;
}

static mote_status pt_open(mote_file *file)
{
    uint8_t head[MOTE_HEAD_BYTES] = {0}, *bytes;
    size_t size = file->input.size < sizeof head ? (size_t)file->input.size : sizeof head;
    mote_status status = mote_input_read(&file->input, 0, size, head);
    if (status == MOTE_OK && is_legacy(head, size)) {
        return mote_fail(file->context, MOTE_ERROR_UNSUPPORTED,
                         "%s: a checkpoint in PyTorch's format before version 1.6; in a newer PyTorch: "
                         "torch.save(torch.load(PATH), NEW_PATH)",
                         file->path);
    }
    archive_state *state = mote_arena_allocate(file->context, &file->arena, sizeof *state);
    if (status != MOTE_OK || !state) {
        return status != MOTE_OK ? status : MOTE_ERROR_MEMORY;
    }
    *state = (archive_state){0};
    file->state = state;
    status = mote_archive_open(file, &state->archive);
    status = status == MOTE_OK ? list_members(file, state) : status;
    status = status == MOTE_OK ? find_root(file, state) : status;
    status = status == MOTE_OK ? check_byte_order(file, state) : status;
    if (status != MOTE_OK) {
        return status;
    }
    mote_pickle_value *root;
    const zip_stat_t *member = find_member(state, "", "data.pkl");
    status = read_small(file, state, member, MOTE_PICKLE_BYTES_MAXIMUM, &bytes);
    status = status == MOTE_OK ? mote_pickle_read(file->context, &file->arena, file->path, "data.pkl", bytes,
                                                  (size_t)member->size, &root)
                               : status;
    status = status == MOTE_OK ? make_entries(file, state, root) : status;
    return status == MOTE_OK ? mote_planes_group(file) : status;
}

/* ---- reading ---- */

static bool is_row_major(const mote_pickle_tensor *tensor)
{
    size_t expected = 1;
    bool fits = true;
    for (int d = tensor->rank - 1; d >= 0 && fits; d--) {
        fits = tensor->shape[d] == 1 || tensor->stride[d] == expected;
        expected *= tensor->shape[d];
    }
    return fits;
}

/* The elements of a view in row-major order; from is the first one. */
static void gather(const mote_pickle_tensor *tensor, size_t width, size_t count, const uint8_t *from, uint8_t *to)
{
    size_t index[MOTE_MAXIMUM_RANK] = {0}, at = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(to + i * width, from + at * width, width);
        for (int d = tensor->rank - 1; d >= 0; d--) {
            at += tensor->stride[d];
            if (++index[d] < tensor->shape[d]) {
                break;
            }
            at -= index[d] * tensor->stride[d];
            index[d] = 0;
        }
    }
}

static mote_status pt_read_entry(mote_file *file, const mote_entry *entry, uint8_t *bytes)
{
    const archive_state *state = file->state;
    const mote_pickle_tensor *tensor = state->tensors[entry->place];
    const zip_stat_t *member = &state->members[entry->source];
    size_t width = (size_t)mote_format_get(entry->format)->element_bits / 8, span = 1;
    if (entry->bytes == 0) {
        return MOTE_OK;
    }
    if (is_row_major(tensor)) {
        return mote_archive_read(file, state->archive, member, tensor->offset * width, entry->bytes,
                                 entry->bytes == member->size, bytes);
    }
    for (int d = 0; d < tensor->rank; d++) {
        span += (tensor->shape[d] - 1) * tensor->stride[d];
    }
    uint8_t *storage = mote_allocate_array(file->context, span, width);
    mote_status status = storage ? mote_archive_read(file, state->archive, member, tensor->offset * width, span * width,
                                                     span * width == member->size, storage)
                                 : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        gather(tensor, width, entry->bytes / width, storage, bytes);
    }
    mote_release(file->context, storage);
    return status;
}

static mote_status pt_create(mote_writer *writer)
{
    return mote_fail(writer->context, MOTE_ERROR_UNSUPPORTED,
                     "%s: .pt is only read; write .safetensors, which PyTorch reads as well", writer->path);
}

const mote_file_kind mote_pt_format = {.name = "pt",
                                       .ending = ".pt",
                                       .matches = pt_matches,
                                       .open = pt_open,
                                       .read = mote_planes_read,
                                       .read_entry = pt_read_entry,
                                       .close = pt_close,
                                       .create = pt_create};
