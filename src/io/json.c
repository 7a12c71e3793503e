/* json_dumps() grows a buffer and can lose part of the text when memory runs out; this measures first. */
#include "io/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "io/stream.h"

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

mote_status mote_json_write(mote_context *context, const char *path, json_t *value, size_t flags)
{
    size_t length;
    char *text = mote_json_text(context, value, flags, &length);
    mote_status status = text ? mote_output_whole(context, path, text, length) : MOTE_ERROR_MEMORY;
    mote_release(context, text);
    return status;
}

json_t *mote_json_number(double number) { return isfinite(number) ? json_real(number) : json_null(); }

json_t *mote_json_count(uint64_t count)
{
    return count <= INT64_MAX ? json_integer((json_int_t)count) : json_sprintf("%" PRIu64, count);
}

void mote_json_date(char text[32])
{
    time_t now = time(NULL);
    struct tm date;
    if (!gmtime_r(&now, &date) || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &date) == 0) {
        *text = '\0';
    }
}

/* Where memory runs out within a token, jansson shortens the token without a word. What two readings agree on is right.
 */
json_t *mote_json_parse(const char *bytes, size_t size, size_t flags, json_error_t *error)
{
    json_t *first = json_loadb(bytes, size, flags, error), *second = json_loadb(bytes, size, flags, error);
    if (!first && !second) {
        return NULL;
    }
    if (!first || !second || !json_equal(first, second)) {
        json_decref(first);
        first = NULL;
        error->text[0] = '\0';
    }
    json_decref(second);
    return first;
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

void mote_text_repair(char *text)
{
    enum { LONGEST = 4 };
    for (size_t i = 0, left = strlen(text), size; left > 0; i += size, left -= size) {
        for (size = 1; size < left && size < LONGEST && !mote_text_valid(text + i, size); size++) {
        }
        if (!mote_text_valid(text + i, size)) {
            text[i] = '?';
            size = 1;
        }
    }
}
