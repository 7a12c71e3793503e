/* JSON as the scripts of a page read it. */
#include "report/data.h"

#include <math.h>

json_t *mote_data_number(double value)
{
    if (!isfinite(value)) {
        return json_null();
    }
    return value == floor(value) && fabs(value) < 1e15 ? json_integer((json_int_t)value) : json_real(value);
}

json_t *mote_data_bytes(mote_context *context, const uint8_t *bytes, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length;
    char *text = mote_size_multiply(mote_size_divide_up(size, 3), 4, &length) ? mote_allocate(context, length) : NULL;
    if (!text) {
        return NULL;
    }
    for (size_t i = 0, at = 0; i < size; i += 3, at += 4) {
        size_t left = size - i;
        uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)(left > 1 ? bytes[i + 1] : 0) << 8 |
                         (uint32_t)(left > 2 ? bytes[i + 2] : 0);
        text[at] = letters[three >> 18];
        text[at + 1] = letters[three >> 12 & 63];
        text[at + 2] = '=';
        text[at + 3] = '=';
        if (left > 1) {
            text[at + 2] = letters[three >> 6 & 63];
        }
        if (left > 2) {
            text[at + 3] = letters[three & 63];
        }
    }
    json_t *string = json_stringn_nocheck(text, length);
    mote_release(context, text);
    return string;
}

json_t *mote_data_axis(const char *column, const char *label, const char *format)
{
    return json_pack("{s:s, s:s, s:s}", "column", column, "label", label, "format", format);
}

void mote_data_put(json_t *object, const char *key, json_t *value, bool *bad)
{
    *bad |= json_object_set_new(object, key, value) != 0;
}

void mote_data_push(json_t *array, json_t *value, bool *bad) { *bad |= json_array_append_new(array, value) != 0; }
