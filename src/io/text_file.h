/* Text files that are read as a whole, packed or not, and messages that name a place in them. */
#ifndef MOTE_IO_TEXT_FILE_H
#define MOTE_IO_TEXT_FILE_H

#include "base/arena.h"

/* A whole file in memory. */
typedef struct mote_text_file {
    mote_context *context;
    const char *path;
    mote_arena *arena; /* of what is made of the text */
    const uint8_t *bytes;
    size_t size; /* without NUL bytes and blanks at the end */
} mote_text_file;

/* All bytes of a file, packed by gzip or bgzip or not, at most 4 GiB and without NUL bytes and blanks at the end; the
 * caller releases them. Fails as mote_unpack_open and mote_unpack_read do, and with MOTE_ERROR_FILE if there are more,
 * leaving *bytes NULL. */
mote_status mote_text_file_read(mote_context *context, const char *path, uint8_t **bytes, size_t *size);

/* Fails with a message that names the file and the line and column of offset at. */
__attribute__((format(printf, 3, 4))) mote_status mote_text_file_bad(const mote_text_file *text, size_t at,
                                                                     const char *format, ...);

/* "the byte 0xHH ('c')" for messages. */
const char *mote_text_file_byte(int byte, char shown[32]);

/* Blanks as in C's isspace, whatever the locale. */
static inline bool mote_is_blank(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

#endif
