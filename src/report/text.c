/* Growing text with sticky failure; escaping; numbers for people. */
#include "report/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void mote_text_clear(mote_text *text)
{
    mote_release(text->context, text->bytes);
    *text = (mote_text){.context = text->context};
}

static bool reserve(mote_text *text, size_t more)
{
    enum { FIRST = 4096 };
    size_t wanted, doubled;
    if (text->failed) {
        return false;
    }
    if (text->capacity - text->length >= more) {
        return true;
    }
    char *grown = NULL;
    if (mote_size_add(text->length, more, &wanted)) {
        wanted = wanted < FIRST ? FIRST : wanted;
        if (mote_size_multiply(text->capacity, 2, &doubled) && doubled > wanted) {
            wanted = doubled;
        }
        grown = mote_allocate(text->context, wanted);
    }
    if (!grown) {
        text->failed = true;
        return false;
    }
    if (text->length > 0) {
        memcpy(grown, text->bytes, text->length);
    }
    mote_release(text->context, text->bytes);
    text->bytes = grown;
    text->capacity = wanted;
    return true;
}

void mote_text_bytes(mote_text *text, const void *bytes, size_t size)
{
    if (size > 0 && reserve(text, size)) {
        memcpy(text->bytes + text->length, bytes, size);
        text->length += size;
    }
}

static void escape(mote_text *text, const char *argument)
{
    static const char special[] = "&<>\"'";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (const char *at = argument; *at;) {
        size_t plain = strcspn(at, special);
        mote_text_bytes(text, at, plain);
        at += plain;
        if (*at) {
            const char *entity = entities[strchr(special, *at) - special];
            mote_text_bytes(text, entity, strlen(entity));
            at++;
        }
    }
}

void mote_text_html(mote_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    for (const char *at = format; *at;) {
        size_t plain = strcspn(at, "%");
        mote_text_bytes(text, at, plain);
        at += plain;
        if (*at && at[1] == 's') {
            escape(text, va_arg(arguments, const char *));
        } else if (*at) {
            mote_text_bytes(text, "%", 1);
        }
        at += *at ? 2 : 0;
    }
    va_end(arguments);
}

static const mote_shown missing = {"\u2013"};

mote_shown mote_show_key(double value)
{
    mote_shown shown = {""};
    if (isfinite(value)) {
        snprintf(shown.text, sizeof shown.text, "%.17g", value);
    }
    return shown;
}

mote_shown mote_show_fixed(double value, int decimals)
{
    mote_shown shown = {""};
    char digits[40];
    if (!isfinite(value)) {
        return missing;
    }
    if (fabs(value) >= 1e15) {
        snprintf(shown.text, sizeof shown.text, "%.3g", value);
        return shown;
    }
    snprintf(digits, sizeof digits, "%.*f", decimals, fabs(value));
    size_t whole = strcspn(digits, ".,"), used = 0;
    const char *minus = value < 0 && strpbrk(digits, "123456789") ? "\u2212" : "";
    used = (size_t)snprintf(shown.text, sizeof shown.text, "%s", minus);
    for (size_t i = 0; digits[i] && used + 2 < sizeof shown.text; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0) {
            shown.text[used++] = ',';
        }
        shown.text[used++] = i == whole ? '.' : digits[i];
    }
    shown.text[used] = '\0';
    return shown;
}

mote_shown mote_show_signed(double value, int decimals)
{
    mote_shown shown = mote_show_fixed(value, decimals);
    if (isfinite(value) && value > 0 && strpbrk(shown.text, "123456789")) {
        memmove(shown.text + 1, shown.text, sizeof shown.text - 2);
        shown.text[0] = '+';
    }
    return shown;
}

/* value with three digits, then unit. */
static mote_shown with_unit(double value, const char *unit)
{
    mote_shown shown = mote_show_fixed(value, fabs(value) < 9.995 ? 2 : fabs(value) < 99.95 ? 1 : 0);
    size_t used = strlen(shown.text);
    snprintf(shown.text + used, sizeof shown.text - used, "%s%s", *unit ? "\u00a0" : "", unit);
    return shown;
}

/* Steps of a thousand; whole units below the first step if they cannot be split. */
static mote_shown scaled(double value, const char *const *units, int count, bool whole)
{
    int unit = 0;
    if (!isfinite(value)) {
        return missing;
    }
    if (whole && fabs(value) < 999.5) {
        mote_shown shown = mote_show_fixed(value, 0);
        size_t used = strlen(shown.text);
        snprintf(shown.text + used, sizeof shown.text - used, "%s%s", *units[0] ? "\u00a0" : "", units[0]);
        return shown;
    }
    while (fabs(value) >= 999.5 && unit < count - 1) {
        value /= 1000;
        unit++;
    }
    return with_unit(value, units[unit]);
}

mote_shown mote_show_rounded(double value) { return isfinite(value) ? with_unit(value, "") : missing; }

mote_shown mote_show_exact(double value)
{
    mote_shown shown = {""};
    if (!isfinite(value) || (value == floor(value) && fabs(value) < 1e15)) {
        return mote_show_fixed(value, 0);
    }
    snprintf(shown.text, sizeof shown.text, "%.9g", value);
    return shown;
}

mote_shown mote_show_large(double value)
{
    static const char *const units[] = {"", "thousand", "million", "billion", "trillion"};
    return scaled(value, units, 5, true);
}

mote_shown mote_show_bytes(double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    return scaled(bytes, units, 6, true);
}

mote_shown mote_show_joules(double joules)
{
    static const char *const units[] = {"J", "kJ", "MJ", "GJ"};
    return scaled(joules, units, 4, false);
}

mote_shown mote_show_seconds(double seconds)
{
    enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };
    mote_shown shown;
    if (!isfinite(seconds) || fabs(seconds) < 99.95 || fabs(seconds) > 1e12) {
        return isfinite(seconds) ? with_unit(seconds, "s") : missing;
    }
    static const struct {
        double size;
        const char *large, *small;
    } scales[] = {{DAY, "d", "h"}, {HOUR, "h", "min"}, {MINUTE, "min", "s"}};
    int i = fabs(seconds) >= DAY ? 0 : fabs(seconds) >= HOUR ? 1 : 2;
    double part = i == 0 ? HOUR : i == 1 ? MINUTE : 1;
    double parts = round(seconds / part), per = scales[i].size / part;
    snprintf(shown.text, sizeof shown.text, "%.0f\u00a0%s %.0f\u00a0%s", trunc(parts / per), scales[i].large,
             fabs(fmod(parts, per)), scales[i].small);
    return shown;
}

mote_shown mote_show_text(const char *text)
{
    mote_shown shown;
    size_t length = mote_size_min(strlen(text), sizeof shown.text - 1);
    while (text[length] && length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) {
        length--;
    }
    memcpy(shown.text, text, length);
    shown.text[length] = '\0';
    return shown;
}

mote_shown mote_show_time(const char *text)
{
    static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December"};
    mote_shown shown;
    unsigned year, month, day, hour, minute;
    int end = 0;
    if (sscanf(text, "%4u-%2u-%2uT%2u:%2u:%*2u%n", &year, &month, &day, &hour, &minute, &end) == 5 && end == 19 &&
        strcmp(text + end, "Z") == 0 && month >= 1 && month <= 12) {
        snprintf(shown.text, sizeof shown.text, "%u\u00a0%s\u00a0%u, %02u:%02u\u00a0UTC", day, months[month - 1], year,
                 hour, minute);
    } else {
        shown = mote_show_text(text);
    }
    return shown;
}
