/* Files as untrusted bytes: bounded reading at offsets, and writing that leaves either the whole new file or
 * the old one. Every call passes the context's fault hook. */
#ifndef MOTE_IO_STREAM_H
#define MOTE_IO_STREAM_H

#include "base/context.h"

enum { MOTE_PATH_BYTES = 4096 };

/* path = folder/name, of MOTE_PATH_BYTES. Error: MOTE_ERROR_ARGUMENT if that is too long. */
mote_status mote_path_join(mote_context *context, const char *folder, const char *name, char *path);

/* Makes the folder at path, and those above it, as far as they are missing. */
mote_status mote_path_make(mote_context *context, const char *path);

typedef struct mote_input {
    mote_context *context;
    const char *path; /* borrowed; for messages */
    int descriptor;   /* -1: closed */
    uint64_t size;
} mote_input;

/* Opens path for reading; it must be a regular file. */
mote_status mote_input_open(mote_context *context, const char *path, mote_input *input);
void mote_input_close(mote_input *input);

/* The whole file at path, of at most most bytes, in memory to be released by the caller. */
mote_status mote_input_whole(mote_context *context, const char *path, uint64_t most, char **bytes, size_t *size);

/* Exactly size bytes from offset; beyond the end is MOTE_ERROR_FILE ("truncated"). */
mote_status mote_input_read(const mote_input *input, uint64_t offset, size_t size, void *bytes);

typedef struct mote_output {
    mote_context *context;
    char *path, *temporary; /* owned */
    int descriptor;
    uint64_t written;
} mote_output;

/* Writes a whole file. */
mote_status mote_output_whole(mote_context *context, const char *path, const void *bytes, size_t size);

/* Creates a temporary file beside path. */
mote_status mote_output_create(mote_context *context, const char *path, mote_output *output);

/* Appends. */
mote_status mote_output_write(mote_output *output, const void *bytes, size_t size);

/* Appends size zero bytes. */
mote_status mote_output_pad(mote_output *output, size_t size);

/* Flushes to the disk and renames; on failure removes the temporary file. Frees what the output owns. */
mote_status mote_output_finish(mote_output *output);

/* The same after somebody else has written the temporary file anew under its name. */
mote_status mote_output_finish_replaced(mote_output *output);

/* Removes the temporary file and frees what the output owns. Safe on a zeroed or finished output. */
void mote_output_discard(mote_output *output);

/* Little-endian numbers, whatever the machine. */
static inline uint64_t mote_little_endian(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static inline void mote_store_little_endian(uint8_t *bytes, int count, uint64_t value)
{
    for (int i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
}

#endif
