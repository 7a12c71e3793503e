/* What the sharded index needs of safetensors: the entries of one file. */
#ifndef MOTE_IO_SAFETENSORS_H
#define MOTE_IO_SAFETENSORS_H

#include "io/format.h"

/* Appends the entries and metadata of the safetensors file behind input to file; source goes into each entry.
 * The arrays grow in the file's arena. */
mote_status mote_safetensors_append(mote_file *file, const mote_input *input, int source);

/* Begins a safetensors file: writes the header for these tensors of the writer and this metadata. */
mote_status mote_safetensors_begin(mote_writer *writer, const char *path, size_t first, size_t count,
                                   size_t metadata_count, const mote_metadata *metadata);

/* Writes the planes of a tensor. */
mote_status mote_safetensors_put(mote_writer *writer, const mote_tensor *tensor);

#endif
