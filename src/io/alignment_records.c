/* Records that begin with '>': where they are and what is in them, and whether they are rows or chains. */
#include <string.h>

#include "io/alignment_format.h"

enum { FIRST_RECORDS = 1024 };

static size_t line_end(const mote_text_file *text, size_t at)
{
    const uint8_t *end = memchr(text->bytes + at, '\n', text->size - at);
    return end ? (size_t)(end - text->bytes) : text->size;
}

static bool is_blank(int byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

/* The offset behind a byte order mark, blank lines and comments, where the first record begins. *colabfold is the
 * offset of ColabFold's line, or the size of the text. */
static size_t skip_head(const mote_text_file *text, size_t *colabfold)
{
    size_t at = text->size >= 3 && memcmp(text->bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    *colabfold = text->size;
    while (at < text->size && (is_blank(text->bytes[at]) || text->bytes[at] == '#' || text->bytes[at] == ';')) {
        if (*colabfold == text->size && mote_a3m_is_colabfold(text, at)) {
            *colabfold = at;
        }
        at = is_blank(text->bytes[at]) ? at + 1 : line_end(text, at);
    }
    return at;
}

static bool matches(const mote_text_file *text)
{
    size_t colabfold, at = skip_head(text, &colabfold);
    return at < text->size && text->bytes[at] == '>';
}

mote_record_cursor mote_record_open(const mote_text_file *text, const mote_record *record)
{
    return (mote_record_cursor){text, record->begin, record->end, true};
}

int mote_record_next(mote_record_cursor *cursor)
{
    while (cursor->at < cursor->end) {
        int byte = cursor->text->bytes[cursor->at++];
        if (cursor->line_begins && (byte == '#' || byte == ';')) {
            cursor->at = line_end(cursor->text, cursor->at);
        } else if (!is_blank(byte)) {
            cursor->line_begins = false;
            return byte;
        } else {
            cursor->line_begins = cursor->line_begins || byte == '\n';
        }
    }
    return -1;
}

const char *mote_record_name(const mote_text_file *text, const mote_record *record)
{
    size_t begin = record->header + 1;
    return mote_alignment_name(text, text->bytes + begin, record->begin - begin);
}

/* Counts what is in a record, and refuses what cannot be in one. */
static mote_status count_letters(const mote_text_file *text, size_t number, mote_record *record)
{
    mote_record_cursor cursor = mote_record_open(text, record);
    char shown[32];
    size_t star = text->size; /* where the first one is */
    for (int byte; (byte = mote_record_next(&cursor)) >= 0;) {
        if (byte == '*') {
            star = star < text->size ? star : cursor.at - 1;
            continue;
        }
        if (star < text->size) {
            return mote_text_file_bad(text, star, "record %zu: expected '*' only at the end of a sequence", number + 1);
        }
        uint8_t code = mote_residue_code((uint8_t)byte);
        if (code == MOTE_RESIDUE_NONE) {
            return mote_text_file_bad(text, cursor.at - 1, "record %zu: expected a residue or a gap, found %s",
                                      number + 1, mote_text_file_byte(byte, shown));
        }
        record->dots += byte == '.';
        record->gaps += code == MOTE_RESIDUE_GAP && byte != '.';
        record->lower += byte >= 'a' && byte <= 'z';
        record->upper += byte >= 'A' && byte <= 'Z';
    }
    record->end = star < record->end ? star : record->end;
    return MOTE_OK;
}

/* The end of a record: a '>' at the beginning of a line, or the end of the text. */
static size_t find_next(const mote_text_file *text, size_t at)
{
    while (at < text->size && text->bytes[at] != '>') {
        at = line_end(text, at);
        at += at < text->size;
    }
    return at;
}

/* All records; *records is the caller's to release. */
static mote_status find_records(const mote_text_file *text, size_t at, mote_record **records, size_t *count)
{
    size_t capacity = 0;
    *records = NULL;
    *count = 0;
    while (at < text->size) {
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : FIRST_RECORDS;
            mote_record *grown = mote_allocate_array(text->context, capacity, sizeof *grown);
            if (!grown) {
                return MOTE_ERROR_MEMORY;
            }
            if (*count) {
                memcpy(grown, *records, *count * sizeof *grown);
            }
            mote_release(text->context, *records);
            *records = grown;
        }
        if (*count == MOTE_ALIGNMENT_ROWS_MAXIMUM) {
            return mote_text_file_bad(text, at, "more than %d records", MOTE_ALIGNMENT_ROWS_MAXIMUM);
        }
        mote_record *record = &(*records)[*count];
        size_t begin = line_end(text, at);
        begin += begin < text->size;
        *record = (mote_record){.header = at, .begin = begin, .end = find_next(text, begin)};
        at = record->end;
        mote_status status = count_letters(text, *count, record);
        if (status != MOTE_OK) {
            return status;
        }
        ++*count;
    }
    return MOTE_OK;
}

static bool same_sequence(const mote_text_file *text, const mote_record *a, const mote_record *b)
{
    mote_record_cursor first = mote_record_open(text, a), second = mote_record_open(text, b);
    int x, y;
    do {
        x = mote_record_next(&first);
        y = mote_record_next(&second);
    } while (x == y && x >= 0);
    return x == y;
}

/* Chains, that is no rows of an alignment: see mote_alignment_read(). */
static bool are_chains(const mote_text_file *text, size_t count, const mote_record *records, bool blind)
{
    bool plain = true, lengths_differ = false, all_same = true;
    const mote_record *query = records;
    for (size_t i = 0; i < count && plain; i++) {
        const mote_record *r = &records[i];
        plain = r->gaps == 0 && r->dots == 0 && (blind || r->lower == 0);
        lengths_differ = lengths_differ || r->upper + r->lower != query->upper + query->lower;
        all_same = all_same && !lengths_differ && same_sequence(text, query, r);
    }
    return plain && (lengths_differ || all_same);
}

static mote_status parse(const mote_text_file *text, mote_alignment *alignment)
{
    mote_record *records;
    size_t count, colabfold, at = skip_head(text, &colabfold);
    mote_status status = find_records(text, at, &records, &count);
    if (status == MOTE_OK) {
        bool blind = count == 1 || records[0].upper == 0;
        status = colabfold == text->size && are_chains(text, count, records, blind)
                     ? mote_fasta_chains(text, count, records, alignment)
                     : mote_a3m_parse(text, count, records, blind, colabfold, alignment);
    }
    mote_release(text->context, records);
    return status;
}

const mote_alignment_kind mote_alignment_records = {matches, parse};
