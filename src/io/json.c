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

bool mote_text_valid(const char *text, size_t length)
{
    const uint8_t *p = (const uint8_t *)text;
    for (size_t i = 0; i < length;) {
        int more = p[i] < 0x80 ? 0 : p[i] >> 5 == 0x6 ? 1 : p[i] >> 4 == 0xE ? 2 : p[i] >> 3 == 0x1E ? 3 : -1;
        static const uint32_t least[] = {1, 0x80, 0x800, 0x10000};
        if (more < 0 || length - i <= (size_t)more) {
            return false;
        }
        uint32_t point = more ? p[i] & (0x3Fu >> more) : p[i];
        for (int k = 1; k <= more; k++) {
            if (p[i + (size_t)k] >> 6 != 2) {
                return false;
            }
            point = point << 6 | (p[i + (size_t)k] & 0x3F);
        }
        if (point < least[more] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
            return false;
        }
        i += (size_t)more + 1;
    }
    return true;
}
