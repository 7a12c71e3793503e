/* JSON out: jansson's text in mote's memory. */
#ifndef MOTE_IO_JSON_H
#define MOTE_IO_JSON_H

#include <jansson.h>

#include "base/context.h"

/* The text of value (NULL: an earlier failure to build it), to be released with mote_release; *length without a
 * terminating NUL. NULL with the context's message set when there is no memory. Steals the reference. */
char *mote_json_text(mote_context *context, json_t *value, size_t flags, size_t *length);

/* True if text is UTF-8 without a NUL in it, as names and values must be to go into every kind of file. */
bool mote_text_valid(const char *text, size_t length);

#endif
