/* CIF word by word. */
#include "io/cif.h"

#include <string.h>
#include <strings.h>

/* Behind blanks and comments. */
static size_t skip(const mote_text_file *text, size_t at)
{
    while (at < text->size && (mote_is_blank(text->bytes[at]) || text->bytes[at] == '#')) {
        if (text->bytes[at] == '#') {
            const uint8_t *newline = memchr(text->bytes + at, '\n', text->size - at);
            at = newline ? (size_t)(newline - text->bytes) : text->size;
        } else {
            at++;
        }
    }
    return at;
}

static bool begins_line(const mote_text_file *text, size_t at) { return at == 0 || text->bytes[at - 1] == '\n'; }

/* A value between two quotes; the second has a blank behind it. */
static mote_status quoted(const mote_text_file *text, size_t *at, mote_cif_word *word)
{
    uint8_t quote = text->bytes[*at];
    size_t begin = *at + 1, end = begin;
    while (end < text->size && text->bytes[end] != '\n') {
        if (text->bytes[end] == quote && (end + 1 == text->size || mote_is_blank(text->bytes[end + 1]))) {
            word->bytes = (const char *)text->bytes + begin;
            word->length = end - begin;
            *at = end + 1;
            return MOTE_OK;
        }
        end++;
    }
    return mote_text_file_bad(text, *at, "expected a second %c on the line", quote);
}

/* A text field: from a ';' at the beginning of a line to the next. */
static mote_status field(const mote_text_file *text, size_t *at, mote_cif_word *word)
{
    size_t begin = *at + 1, end = begin;
    while (end < text->size && !(text->bytes[end] == ';' && text->bytes[end - 1] == '\n')) {
        end++;
    }
    if (end >= text->size) {
        return mote_text_file_bad(text, *at, "expected a line that begins with ';', which ends this text");
    }
    word->bytes = (const char *)text->bytes + begin;
    word->length = end - begin - 1; /* the last line's end is none of the text */
    word->length -= word->length > 0 && word->bytes[word->length - 1] == '\r';
    *at = end + 1;
    return MOTE_OK;
}

static bool is_word(const mote_cif_word *word, const char *reserved, bool whole)
{
    size_t length = strlen(reserved);
    return (whole ? word->length == length : word->length >= length) && strncasecmp(word->bytes, reserved, length) == 0;
}

static void plain(const mote_text_file *text, size_t *at, mote_cif_word *word)
{
    size_t end = *at;
    while (end < text->size && !mote_is_blank(text->bytes[end])) {
        end++;
    }
    word->bytes = (const char *)text->bytes + *at;
    word->length = end - *at;
    *at = end;
    if (*word->bytes == '_') {
        word->kind = MOTE_CIF_TAG;
    } else if (is_word(word, "data_", false)) {
        word->kind = MOTE_CIF_DATA;
        word->bytes += strlen("data_");
        word->length -= strlen("data_");
    } else if (is_word(word, "loop_", true)) {
        word->kind = MOTE_CIF_LOOP;
    } else if (is_word(word, "save_", false) || is_word(word, "global_", true) || is_word(word, "stop_", true)) {
        word->kind = MOTE_CIF_OTHER;
    } else {
        word->null = word->length == 1 && (*word->bytes == '.' || *word->bytes == '?');
    }
}

mote_status mote_cif_next(const mote_text_file *text, size_t *at, mote_cif_word *word)
{
    *at = skip(text, *at);
    *word = (mote_cif_word){.kind = MOTE_CIF_VALUE, .bytes = "", .at = *at};
    if (*at == text->size) {
        word->kind = MOTE_CIF_END;
        return MOTE_OK;
    }
    uint8_t first = text->bytes[*at];
    if (first == '\'' || first == '"') {
        return quoted(text, at, word);
    }
    if (first == ';' && begins_line(text, *at)) {
        return field(text, at, word);
    }
    plain(text, at, word);
    return MOTE_OK;
}

bool mote_cif_is_tag(const mote_cif_word *word, const char *tag)
{
    return word->kind == MOTE_CIF_TAG && is_word(word, tag, true);
}
