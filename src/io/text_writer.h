/* Formatted text into a file that appears whole or not at all. The first failure is kept; what follows does nothing. */
#ifndef MOTE_IO_TEXT_WRITER_H
#define MOTE_IO_TEXT_WRITER_H

#include "io/stream.h"

enum { MOTE_TEXT_WRITER_BYTES = 1 << 14, MOTE_FIXED_BYTES = 32 };

typedef struct mote_text_writer {
    mote_output output;
    mote_status status;
    size_t used;
    char bytes[MOTE_TEXT_WRITER_BYTES];
} mote_text_writer;

mote_status mote_text_writer_create(mote_context *context, const char *path, mote_text_writer *writer);

/* Appends, as printf does, up to 1000 bytes. Not for floating-point numbers: printf writes them as the host program's
 * locale wants them. */
__attribute__((format(printf, 2, 3))) void mote_text_writer_put(mote_text_writer *writer, const char *format, ...);

/* Puts the file in place, or removes what there is of it after a failure. */
mote_status mote_text_writer_finish(mote_text_writer *writer);

/* A finite number below 1e12 with this many decimals (at most 6), rounded to nearest; returns text. */
const char *mote_text_fixed(double value, int decimals, char text[MOTE_FIXED_BYTES]);

#endif
