/* A buffer in front of an output file. */
#include "io/text_writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { PUT_MAXIMUM = 1024 };

mote_status mote_text_writer_create(mote_context *context, const char *path, mote_text_writer *writer)
{
    writer->used = 0;
    writer->status = mote_output_create(context, path, &writer->output);
    return writer->status;
}

static void flush(mote_text_writer *writer)
{
    if (writer->status == MOTE_OK) {
        writer->status = mote_output_write(&writer->output, writer->bytes, writer->used);
    }
    writer->used = 0;
}

void mote_text_writer_put(mote_text_writer *writer, const char *format, ...)
{
    va_list arguments;
    if (sizeof writer->bytes - writer->used < PUT_MAXIMUM) {
        flush(writer);
    }
    va_start(arguments, format);
    int length = vsnprintf(writer->bytes + writer->used, PUT_MAXIMUM, format, arguments);
    va_end(arguments);
    writer->used += mote_size_min((size_t)(length < 0 ? 0 : length), PUT_MAXIMUM - 1);
}

mote_status mote_text_writer_finish(mote_text_writer *writer)
{
    flush(writer);
    if (writer->status == MOTE_OK) {
        writer->status = mote_output_finish(&writer->output);
    } else {
        mote_output_discard(&writer->output);
    }
    return writer->status;
}

const char *mote_text_fixed(double value, int decimals, char text[MOTE_FIXED_BYTES])
{
    int64_t unit = 1;
    for (int i = 0; i < decimals; i++) {
        unit *= 10;
    }
    int64_t scaled = (int64_t)rint(value * (double)unit), size = scaled < 0 ? -scaled : scaled;
    snprintf(text, MOTE_FIXED_BYTES, "%s%" PRId64 ".%0*" PRId64, scaled < 0 ? "-" : "", size / unit, decimals,
             size % unit);
    return text;
}
