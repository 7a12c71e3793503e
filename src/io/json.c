/* json_dumps() grows a buffer and can lose part of the text when memory runs out; this measures first. */
#include "io/json.h"

char *mote_json_text(mote_context *context, json_t *value, size_t flags, size_t *length)
{
    size_t size = value ? json_dumpb(value, NULL, 0, flags) : 0;
    char *text = size ? mote_allocate(context, size) : NULL;
    if (text && json_dumpb(value, text, size, flags) != size) {
        mote_release(context, text);
        text = NULL;
    }
    json_decref(value);
    if (!text) {
        mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: no room for JSON text");
    }
    *length = size;
    return text;
}
