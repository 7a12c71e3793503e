/* What a file format is to the rest of mote: one row of functions, in the table of file.c.
 *
 * GGUF works on tensors directly. The others store plain arrays ("entries") and share planes.c, which
 * groups entries into tensors (elements, scales, tensor scale) by mote's own metadata or by the conventions
 * of other tools. */
#ifndef MOTE_IO_FORMAT_H
#define MOTE_IO_FORMAT_H

#include "base/arena.h"
#include "io/stream.h"
#include "mote/file.h"

/* One plain array of a file. */
typedef struct mote_entry {
    const char *name;
    mote_format format; /* without blocks */
    int rank;
    size_t shape[MOTE_MAXIMUM_RANK + 2]; /* planes of packed bytes add dimensions */
    size_t bytes;
    bool column_major; /* npy's fortran_order */
    uint64_t place;    /* where the format keeps it: an offset, an index */
    int source;        /* which shard */
} mote_entry;

typedef struct mote_file_kind mote_file_kind;

/* Which entries make up a tensor; -1: none. */
typedef struct mote_tensor_entries {
    int elements, scales, tensor_scale;
    bool inverse_tensor_scale; /* compressed-tensors divides by it */
} mote_tensor_entries;

struct mote_file {
    mote_context *context;
    const mote_file_kind *format;
    char *path;
    mote_arena arena; /* names, entries, infos, metadata */
    mote_input input;
    size_t entry_count, tensor_count, metadata_count;
    size_t entry_capacity, metadata_capacity; /* of arrays that grow */
    mote_entry *entries;
    mote_tensor_entries *parts;
    mote_tensor_info *tensors;
    mote_metadata *metadata;
    void *state; /* the format's own; released by its close */
};

struct mote_writer {
    mote_context *context;
    const mote_file_kind *format;
    char *path;
    mote_arena arena;
    mote_output output;
    size_t tensor_count, metadata_count, next; /* next: tensors written so far */
    bool failed;                               /* a write failed: nothing more is accepted */
    mote_tensor_info *tensors;
    mote_metadata *metadata;
    void *state;
};

enum { MOTE_HEAD_BYTES = 512 }; /* so that the name of a zip archive's first member is in them */

struct mote_file_kind {
    const char *name;
    const char *ending; /* of the file names it writes */
    /* True if a file that begins with these bytes is of this format. size is what there is, up to
     * MOTE_HEAD_BYTES; the head has that many bytes in any case, zeros behind the end. */
    bool (*matches)(const uint8_t *head, size_t size);
    mote_status (*open)(mote_file *file);
    mote_status (*read)(mote_file *file, size_t index, mote_tensor *tensor);
    /* For formats with entries: size bytes of an entry from offset on. */
    mote_status (*read_entry)(mote_file *file, const mote_entry *entry, uint8_t *bytes);
    void (*close)(mote_file *file); /* may be NULL */
    mote_status (*create)(mote_writer *writer);
    mote_status (*put)(mote_writer *writer, const mote_tensor *tensor);
    mote_status (*finish)(mote_writer *writer);
    void (*discard)(mote_writer *writer); /* frees state; may be NULL */
};

extern const mote_file_kind mote_npy_format, mote_npz_format, mote_pt_format, mote_safetensors_format,
    mote_shards_format, mote_gguf_format;

/* A MOTE_ERROR_FILE whose message begins with the file's name. */
#define mote_bad_file(file, ...) mote_bad_path((file)->context, (file)->path, __VA_ARGS__)
__attribute__((format(printf, 3, 4))) mote_status mote_bad_path(mote_context *context, const char *path,
                                                                const char *format, ...);

/* The file's name without folders and ending, in its arena: what the one array of a file is called. NULL with the
 * message set. */
const char *mote_file_stem(mote_file *file);

/* Sorts names and fails with this status if one occurs twice. */
mote_status mote_names_unique(mote_context *context, const char *path, size_t count, const char **names,
                              mote_status failure);

/* ---- planes.c: entries and tensors ---- */

/* Builds file->tensors from file->entries and file->metadata. */
mote_status mote_planes_group(mote_file *file);

/* mote_file_kind.read for formats with entries. */
mote_status mote_planes_read(mote_file *file, size_t index, mote_tensor *tensor);

/* The entries that hold one tensor, in the order in which they are written; returns their number (1 to 3).
 * names are made in the writer's arena. Block formats: elements as [lines ..., padded length]. bytes_only:
 * the file knows no narrow types, so planes are uint8 arrays of packed bytes. */
enum { MOTE_PLANES_MAXIMUM = 3 };
mote_status mote_planes_of(mote_writer *writer, const mote_tensor_info *info, bool bytes_only,
                           mote_entry entries[MOTE_PLANES_MAXIMUM], int *count);

/* Bytes of plane number plane of a tensor, matching mote_planes_of(). */
const void *mote_plane_bytes(const mote_tensor *tensor, int plane);

/* Metadata to write: the caller's, then a "mote:NAME" record for each block tensor, which says what the planes
 * mean. Both arrays are in the writer's arena. */
mote_status mote_planes_metadata(mote_writer *writer, size_t *count, mote_metadata **metadata);

/* ---- npy.c: the header, shared with npz ---- */

enum { MOTE_NPY_HEADER_MAXIMUM = 65536 };
/* Parses a header at the start of bytes (size bytes are there); fills format, shape, bytes and column_major of
 * entry and the length of the header. where names the place in messages. */
mote_status mote_npy_parse(mote_context *context, const char *path, const char *where, const uint8_t *bytes,
                           size_t size, mote_entry *entry, size_t *header_bytes);
/* Writes a header into bytes (at least 512 + 24 * rank); returns its length. */
size_t mote_npy_header(const mote_entry *entry, uint8_t *bytes);

/* The descr of a format ("<f4"), or NULL if npy has none. */
const char *mote_npy_descr(mote_format format);

#endif
