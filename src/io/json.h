/* JSON in and out: what jansson leaves to its callers when memory runs out, and whole files. */
#ifndef MOTE_IO_JSON_H
#define MOTE_IO_JSON_H

#include <jansson.h>

#include "base/context.h"

/* The text of value (NULL: an earlier failure to build it), to be released with mote_release; *length without a
 * terminating NUL. NULL with the context's message set when there is no memory. Steals the reference. */
char *mote_json_text(mote_context *context, json_t *value, size_t flags, size_t *length);

/* Replaces the file at path by the text of value, whose reference is taken. */
mote_status mote_json_write(mote_context *context, const char *path, json_t *value, size_t flags);

/* A number; null if it is not finite, which JSON has no word for. */
json_t *mote_json_number(double number);

/* A count. JSON's readers have integers of 63 bits: larger ones are strings of digits. */
json_t *mote_json_count(uint64_t count);

/* Now, as our JSON files say it: ISO 8601 in UTC. */
void mote_json_date(char text[32]);

/* A value from text, a new reference. NULL if it is none, and then *error says why; it has no text if memory ran out.
 */
json_t *mote_json_parse(const char *bytes, size_t size, size_t flags, json_error_t *error);

/* True if text is UTF-8 without a NUL in it, as names and values must be to go into every kind of file. */
bool mote_text_valid(const char *text, size_t length);

/* Makes '?' of the bytes of text that are no UTF-8. */
void mote_text_repair(char *text);

#endif
