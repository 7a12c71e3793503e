/* Whole text files: read in one piece, through gzip where need be, and places in them by line and column. */
#include "io/text_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/format.h"
#include "io/unpack.h"

static const size_t text_maximum = (size_t)4 << 30, first_capacity = (size_t)1 << 20;

mote_status mote_text_file_bad(const mote_text_file *text, size_t at, const char *format, ...)
{
    char said[512];
    size_t line = 1, begin = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < at && i < text->size; i++) {
        if (text->bytes[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    return mote_bad_path(text->context, text->path, "line %zu, column %zu: %s", line, at - begin + 1, said);
}

const char *mote_text_file_byte(int byte, char shown[32])
{
    if (byte > ' ' && byte < 0x7F) {
        snprintf(shown, 32, "the byte 0x%02X ('%c')", (unsigned)byte, byte);
    } else {
        snprintf(shown, 32, "the byte 0x%02X", (unsigned)byte);
    }
    return shown;
}

mote_status mote_text_file_read(mote_context *context, const char *path, uint8_t **bytes, size_t *size)
{
    mote_unpack file;
    size_t capacity = 0, count = 1;
    *bytes = NULL;
    *size = 0;
    mote_status status = mote_unpack_open(context, path, &file);
    while (status == MOTE_OK && count > 0) {
        if (*size == capacity) { /* one byte more than a plain file has, so that its end is seen */
            size_t wanted = capacity ? 2 * capacity : first_capacity;
            if (!capacity && !file.stream && file.input.size < text_maximum) {
                wanted = (size_t)file.input.size + 1;
            }
            uint8_t *grown = capacity > text_maximum ? NULL : mote_allocate(context, wanted);
            if (!grown) {
                status = capacity > text_maximum ? mote_bad_path(context, path, "more than 4 GiB of text")
                                                 : MOTE_ERROR_MEMORY;
                break;
            }
            if (*bytes) {
                memcpy(grown, *bytes, *size);
            }
            mote_release(context, *bytes);
            *bytes = grown;
            capacity = wanted;
        }
        status = mote_unpack_read(&file, capacity - *size, *bytes + *size, &count);
        *size += count;
    }
    mote_unpack_close(&file);
    if (status != MOTE_OK) {
        mote_release(context, *bytes);
        *bytes = NULL;
        *size = 0;
    }
    while (*size > 0 && ((*bytes)[*size - 1] == '\0' || mote_is_blank((*bytes)[*size - 1]))) {
        --*size;
    }
    return status;
}
