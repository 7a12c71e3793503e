/* The bytes of a text file that may be packed by gzip or bgzip, which its first bytes tell. */
#ifndef MOTE_IO_UNPACK_H
#define MOTE_IO_UNPACK_H

#include "io/stream.h"

typedef struct mote_unpack {
    mote_input input; /* open while the file is plain */
    uint64_t at;      /* in input */
    void *stream;     /* htslib's, for packed files */
} mote_unpack;

/* Opens path, a regular file; path is borrowed. Fails with MOTE_ERROR_IO (cannot be opened), MOTE_ERROR_FILE (bgzip
 * without its last block), or MOTE_ERROR_UNSUPPORTED for packed files in a build without htslib. */
mote_status mote_unpack_open(mote_context *context, const char *path, mote_unpack *unpack);

/* The next bytes, at most size (> 0); *count is 0 only at the end. Fails with MOTE_ERROR_IO, or MOTE_ERROR_FILE for
 * packed data that is damaged or cut off. */
mote_status mote_unpack_read(mote_unpack *unpack, size_t size, void *bytes, size_t *count);

/* Safe on a zeroed or closed one. */
void mote_unpack_close(mote_unpack *unpack);

#endif
