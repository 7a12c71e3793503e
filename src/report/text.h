/* HTML as it grows, safe by construction: whatever is put into it as an argument is escaped. And numbers as people read
 * them. */
#ifndef MOTE_REPORT_TEXT_H
#define MOTE_REPORT_TEXT_H

#include "base/context.h"

/* Owner: whoever made it, until mote_text_clear. A failure to grow sticks: later calls do nothing, and the context has
 * the message. */
typedef struct mote_text {
    mote_context *context;
    char *bytes; /* not terminated */
    size_t length, capacity;
    bool failed;
} mote_text;

void mote_text_clear(mote_text *text);

/* Appends bytes as they are. */
void mote_text_bytes(mote_text *text, const void *bytes, size_t size);

/* Appends format, which is HTML, with each %s replaced by an escaped argument; %% is a per cent sign, and there is
 * nothing else. Escaped are & < > " ', so that an argument may also stand between quotes as an attribute's value. */
__attribute__((format(printf, 2, 3))) void mote_text_html(mote_text *text, const char *format, ...);

/* A number for reading. A struct, so that it can be an argument: mote_show_bytes(n).text. A value that is not finite
 * (how missing figures are kept) shows as a dash. */
typedef struct mote_shown {
    char text[48];
} mote_shown;

mote_shown mote_show_fixed(double value, int decimals);  /* 1.8612; thousands are separated: 12,345.6 */
mote_shown mote_show_signed(double value, int decimals); /* +0.42 */
mote_shown mote_show_rounded(double value);              /* three digits: 3.62, 19.3 */
mote_shown mote_show_exact(double value);                /* a setting: 19,000,000, 0.001 */
mote_shown mote_show_large(double value);                /* 19.0 million */
mote_shown mote_show_bytes(double bytes);                /* 214 MB, decimal units as everywhere in mote */
mote_shown mote_show_seconds(double seconds);            /* 61.2 s, 12 min 5 s, 3 h 12 min */
mote_shown mote_show_joules(double joules);              /* 1.23 kJ */

/* All digits, for machines: a table's sort key. Empty if not finite. */
mote_shown mote_show_key(double value);

/* As much of a text as fits, whole characters only. */
mote_shown mote_show_text(const char *text);

/* "21 November 2026, 05:00 UTC" of "2026-11-21T05:00:00Z"; as mote_show_text if it is anything else.
 */
mote_shown mote_show_time(const char *text);

#endif
