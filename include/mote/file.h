/* Tensor files: NumPy .npy and .npz, .safetensors (one file or a sharded index), GGUF; PyTorch .pt and .pth for
 * reading.
 *
 * A file is a list of named tensors and a list of metadata. Reading recognizes the content, whatever the
 * name; writing goes by the name's ending. Every byte read is untrusted: a bad file gives
 * MOTE_ERROR_FILE with a message that names the file, the place, what was expected and what was found.
 * How block tensors lie in each format, and which conventions of other tools are understood, is in
 * docs/formats.md. */
#ifndef MOTE_FILE_H
#define MOTE_FILE_H

#include "mote/quantize.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_file mote_file;

/* One tensor of a file. Pointers live as long as the file. */
typedef struct mote_tensor_info {
    const char *name;
    mote_layout layout;
    size_t element_bytes; /* of the planes in memory: what mote_file_read() fills */
    size_t scale_bytes;
} mote_tensor_info;

/* One piece of metadata. text is the value for people, and what other formats receive; raw, if not NULL, is
 * a GGUF value (type, then bytes) that only GGUF understands. */
typedef struct mote_metadata {
    const char *key;
    const char *text;
    const void *raw;
    size_t raw_bytes;
} mote_metadata;

/* Opens a file and reads its header. On success *file is owned by the caller (mote_file_close) and keeps
 * using context. Errors: MOTE_ERROR_IO, MOTE_ERROR_FILE, MOTE_ERROR_UNSUPPORTED, MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_file_open(mote_context *context, const char *path, mote_file **file);

/* Closes a file; NULL is allowed. */
MOTE_API void mote_file_close(mote_file *file);

/* Name of the format: "npy", "npz", "pt", "safetensors", "safetensors index", "gguf". Static storage. */
MOTE_API const char *mote_file_format(const mote_file *file);

MOTE_API size_t mote_file_tensor_count(const mote_file *file);
/* NULL if index is out of range. */
MOTE_API const mote_tensor_info *mote_file_tensor(const mote_file *file, size_t index);
MOTE_API size_t mote_file_metadata_count(const mote_file *file);
MOTE_API const mote_metadata *mote_file_metadata(const mote_file *file, size_t index);

/* Reads tensor index into tensor's planes, which the caller owns and which have the sizes of the info; sets
 * layout and tensor_scale. Errors: as mote_file_open, MOTE_ERROR_ARGUMENT. */
MOTE_API mote_status mote_file_read(mote_file *file, size_t index, mote_tensor *tensor);

typedef struct mote_writer mote_writer;

/* Starts a file at path. All tensors are announced first, so that the header can be written and nothing has to
 * be kept: tensors[i] needs name and layout. The arrays are copied. Data goes to a temporary name beside path.
 * Metadata goes where the format has a place for it; .npy has none.
 * Errors: MOTE_ERROR_UNSUPPORTED (an ending that is not known; a format or shape that this kind of file
 * cannot hold), MOTE_ERROR_ARGUMENT (a name twice, or not UTF-8), MOTE_ERROR_SHAPE, MOTE_ERROR_IO, MOTE_ERROR_MEMORY.
 */
MOTE_API mote_status mote_writer_create(mote_context *context, const char *path, size_t tensor_count,
                                        const mote_tensor_info *tensors, size_t metadata_count,
                                        const mote_metadata *metadata, mote_writer **writer);

/* Writes the next tensor, in the order announced. tensor's layout must be the announced one.
 * After a failure the writer accepts nothing more. Errors: MOTE_ERROR_ARGUMENT, MOTE_ERROR_UNSUPPORTED (values that
 * this kind of file cannot express, such as NaN blocks in GGUF), MOTE_ERROR_IO. */
MOTE_API mote_status mote_writer_put(mote_writer *writer, const mote_tensor *tensor);

/* Completes the file: flushes it to the disk and gives it its name, replacing what had the name before. Frees the
 * writer, whether it succeeds or not; after a failure nothing is left behind and the old file is untouched. A sharded
 * model is several files: its shards get their names one by one, the index last. */
MOTE_API mote_status mote_writer_finish(mote_writer *writer);

/* Gives up: removes the temporary file and frees the writer; NULL is allowed. */
MOTE_API void mote_writer_discard(mote_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
