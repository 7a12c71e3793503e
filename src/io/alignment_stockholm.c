/* Stockholm 1.0: blocks of lines "NAME COLUMNS", with the rows in the same order in each, blank lines between blocks,
 * and
 * "//" at the end. Lines that begin with '#' are annotation, which nobody needs here.
 * Source: the format's description in HMMER's user guide and Pfam's. */
#include <string.h>

#include "io/alignment_format.h"

enum { FIRST_FRAGMENTS = 1024 };

static const char magic[] = "# STOCKHOLM";

/* A row's columns in one block. */
typedef struct fragment {
    size_t name, name_length, begin, end; /* offsets; name begins the line */
} fragment;

typedef struct reader {
    const mote_text_file *text;
    fragment *fragments; /* [blocks][rows] */
    size_t count, capacity;
    size_t rows;    /* in each block; 0 in the first */
    size_t block;   /* number of the fragment that begins the block */
    size_t columns; /* of all blocks before this one */
} reader;

static bool is_space(uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\r'; }

static size_t skip_blank(const mote_text_file *text)
{
    size_t at = text->size >= 3 && memcmp(text->bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (at < text->size && (is_space(text->bytes[at]) || text->bytes[at] == '\n')) {
        at++;
    }
    return at;
}

static bool begins_with(const mote_text_file *text, size_t at, const char *prefix)
{
    size_t length = strlen(prefix);
    return text->size - at >= length && memcmp(text->bytes + at, prefix, length) == 0;
}

static bool matches(const mote_text_file *text) { return begins_with(text, skip_blank(text), magic); }

static mote_status grow(reader *r)
{
    size_t capacity = r->capacity ? 2 * r->capacity : FIRST_FRAGMENTS;
    fragment *grown = mote_allocate_array(r->text->context, capacity, sizeof *grown);
    if (!grown) {
        return MOTE_ERROR_MEMORY;
    }
    if (r->count) {
        memcpy(grown, r->fragments, r->count * sizeof *grown);
    }
    mote_release(r->text->context, r->fragments);
    r->fragments = grown;
    r->capacity = capacity;
    return MOTE_OK;
}

static bool same_name(const mote_text_file *text, const fragment *a, const fragment *b)
{
    return a->name_length == b->name_length &&
           memcmp(text->bytes + a->name, text->bytes + b->name, a->name_length) == 0;
}

/* The name of the line must be the one that this row had in the first block. */
static mote_status check_name(const reader *r, const fragment *f)
{
    size_t row = r->count - r->block;
    if (r->rows == 0) {
        if (row > 0 && same_name(r->text, f, &r->fragments[0])) {
            return mote_text_file_bad(r->text, f->name,
                                      "expected a blank line in front of the next block, found the first row's name");
        }
        return row < MOTE_ALIGNMENT_ROWS_MAXIMUM
                   ? MOTE_OK
                   : mote_text_file_bad(r->text, f->name, "more than %d rows", MOTE_ALIGNMENT_ROWS_MAXIMUM);
    }
    if (row == r->rows) {
        return mote_text_file_bad(r->text, f->name, "expected a blank line behind the %zu rows of a block, found a row",
                                  r->rows);
    }
    const fragment *first = &r->fragments[row];
    if (!same_name(r->text, f, first)) {
        const char *expected = mote_alignment_name(r->text, r->text->bytes + first->name, first->name_length),
                   *found = mote_alignment_name(r->text, r->text->bytes + f->name, f->name_length);
        return mote_text_file_bad(r->text, f->name, "expected row %zu of the block, '%.60s', found '%.60s'", row + 1,
                                  expected ? expected : "", found ? found : "");
    }
    return MOTE_OK;
}

/* Every byte of the columns must be a residue or a gap, and there must be as many as in the block's first row. */
static mote_status check_columns(const reader *r, const fragment *f)
{
    char shown[32];
    for (size_t i = f->begin; i < f->end; i++) {
        if (mote_residue_code(r->text->bytes[i]) == MOTE_RESIDUE_NONE) {
            return mote_text_file_bad(r->text, i, "expected a residue or a gap, found %s",
                                      mote_text_file_byte(r->text->bytes[i], shown));
        }
    }
    size_t found = f->end - f->begin;
    const fragment *first = r->count == r->block ? f : &r->fragments[r->block];
    size_t expected = first->end - first->begin;
    if (found == 0) {
        return mote_text_file_bad(r->text, f->end, "expected a name and columns, found a name alone");
    }
    if (found != expected) {
        return mote_text_file_bad(r->text, f->begin + (found < expected ? found : expected),
                                  "row %zu of the block has %zu columns, expected %zu as in the query",
                                  r->count - r->block + 1, found, expected);
    }
    return MOTE_OK;
}

static mote_status add_line(reader *r, size_t begin, size_t end)
{
    const uint8_t *bytes = r->text->bytes;
    fragment f = {.name = begin, .end = end};
    while (begin < end && !is_space(bytes[begin])) {
        begin++;
    }
    f.name_length = begin - f.name;
    while (begin < end && is_space(bytes[begin])) {
        begin++;
    }
    f.begin = begin;
    mote_status status = check_name(r, &f);
    status = status == MOTE_OK ? check_columns(r, &f) : status;
    if (status == MOTE_OK && r->count == r->capacity) {
        status = grow(r);
    }
    if (status == MOTE_OK) {
        r->fragments[r->count++] = f;
    }
    return status;
}

/* A blank line, or the end: the block must be whole. */
static mote_status end_block(reader *r, size_t at)
{
    size_t rows = r->count - r->block;
    if (rows == 0) {
        return MOTE_OK;
    }
    if (r->rows && rows != r->rows) {
        return mote_text_file_bad(r->text, at, "a block of %zu rows, expected %zu as in the first", rows, r->rows);
    }
    r->columns += r->fragments[r->block].end - r->fragments[r->block].begin;
    r->rows = rows;
    r->block = r->count;
    return MOTE_OK;
}

/* Reads the lines up to "//". */
static mote_status read_lines(reader *r)
{
    const mote_text_file *text = r->text;
    size_t at = skip_blank(text), end;
    if (!begins_with(text, at, "# STOCKHOLM 1.")) {
        return mote_text_file_bad(text, at, "expected '# STOCKHOLM 1.0', found another version");
    }
    for (mote_status status = MOTE_OK; at < text->size; at = end + 1) {
        const uint8_t *newline = memchr(text->bytes + at, '\n', text->size - at);
        size_t last = end = newline ? (size_t)(newline - text->bytes) : text->size;
        while (at < last && is_space(text->bytes[at])) {
            at++;
        }
        while (last > at && is_space(text->bytes[last - 1])) {
            last--;
        }
        if (last - at == 2 && begins_with(text, at, "//")) {
            return end == text->size ? end_block(r, at)
                                     : mote_text_file_bad(text, end + 1,
                                                          "expected the end of the file behind '//', found more: "
                                                          "only files of one alignment are read");
        }
        if (at == last) {
            status = end_block(r, at);
        } else if (text->bytes[at] != '#') {
            status = add_line(r, at, last);
        }
        if (status != MOTE_OK) {
            return status;
        }
    }
    return mote_text_file_bad(text, text->size, "truncated: expected '//', which ends an alignment");
}

/* Fills the rows once all lines are known. */
static mote_status fill(const reader *r, const bool *kept, mote_alignment *alignment)
{
    const mote_text_file *text = r->text;
    mote_alignment_row row = {.text = text, .alignment = alignment, .kept = kept};
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < r->rows && status == MOTE_OK; i++) {
        const fragment *f = &r->fragments[i];
        alignment->names[i] = mote_alignment_name(text, text->bytes + f->name, f->name_length);
        status = alignment->names[i] ? MOTE_OK : MOTE_ERROR_MEMORY;
        mote_alignment_begin(&row, i);
        for (size_t k = i; k < r->count; k += r->rows) {
            f = &r->fragments[k];
            for (size_t at = f->begin; at < f->end && status == MOTE_OK; at++) {
                status = mote_alignment_put(&row, text->bytes[at], at);
            }
        }
    }
    return status;
}

static mote_status parse(const mote_text_file *text, mote_alignment *alignment)
{
    reader r = {.text = text};
    bool *kept = NULL;
    size_t columns = 0, aligned = 0;
    mote_status status = read_lines(&r);
    if (status == MOTE_OK) {
        kept = mote_allocate(text->context, r.columns);
        status = kept ? MOTE_OK : MOTE_ERROR_MEMORY;
    }
    for (size_t k = 0; status == MOTE_OK && k < r.count; k += r.rows) {
        for (size_t at = r.fragments[k].begin; at < r.fragments[k].end; at++) {
            kept[aligned] = mote_residue_code(text->bytes[at]) != MOTE_RESIDUE_GAP;
            columns += kept[aligned++];
        }
    }
    if (status == MOTE_OK && columns == 0) {
        status = mote_text_file_bad(text, r.count ? r.fragments[0].name : text->size,
                                    "row 1, the query: expected a sequence, found none");
    }
    status = status == MOTE_OK ? mote_alignment_reserve(text, r.rows, columns, alignment) : status;
    status = status == MOTE_OK ? fill(&r, kept, alignment) : status;
    mote_release(text->context, kept);
    mote_release(text->context, r.fragments);
    alignment->format = "stockholm";
    return status;
}

const mote_alignment_kind mote_alignment_stockholm = {matches, parse};
