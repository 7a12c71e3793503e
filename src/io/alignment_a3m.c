/* A3M, and what is like it: A2M, aligned FASTA. Upper-case letters and '-' are columns, lower-case letters insertions.
 * ColabFold puts a line before the first record that tells the lengths and the copies of the chains in its columns. */
#include "io/alignment_format.h"

#include <string.h>

/* Which bytes are columns. */
typedef struct column_rule {
    bool blind; /* lower-case letters are */
    bool dots;  /* dots are */
} column_rule;

static size_t width(const mote_record *record, column_rule rule)
{
    return record->upper + record->gaps + (rule.blind ? record->lower : 0) + (rule.dots ? record->dots : 0);
}

static bool is_column(int byte, column_rule rule)
{
    return byte == '.' ? rule.dots : byte >= 'a' && byte <= 'z' ? rule.blind : true;
}

/* The first row of another width than the query, or count. */
static size_t first_odd(size_t count, const mote_record *records, column_rule rule)
{
    size_t i = 1;
    while (i < count && width(&records[i], rule) == width(&records[0], rule)) {
        i++;
    }
    return i;
}

/* Names the place where a row ends too early, or where the first column too many stands. */
static mote_status bad_width(const mote_text_file *text, const mote_record *records, size_t odd, column_rule rule)
{
    size_t wanted = width(&records[0], rule), at = records[odd].header;
    mote_record_cursor cursor = mote_record_open(text, &records[odd]);
    for (int byte; (byte = mote_record_next(&cursor)) >= 0;) {
        if (is_column(byte, rule) && wanted-- == 0) {
            at = cursor.at - 1;
            break;
        }
        at = cursor.at;
    }
    const char *name = mote_record_name(text, &records[odd]);
    return mote_text_file_bad(text, at, "row %zu ('%.60s') has %zu columns, expected %zu as in the query", odd + 1,
                              name ? name : "", width(&records[odd], rule), width(&records[0], rule));
}

/* Positive numbers with commas between them; returns how many, 0 if it is something else. *at goes behind them. */
static size_t read_numbers(const mote_text_file *text, size_t *at, size_t *numbers)
{
    size_t count = 0;
    bool more = true;
    while (more) {
        size_t number = 0, digits = 0;
        for (; *at < text->size && text->bytes[*at] >= '0' && text->bytes[*at] <= '9' && digits < 9; ++*at, digits++) {
            number = 10 * number + (size_t)(text->bytes[*at] - '0');
        }
        if (digits == 0 || number == 0) {
            return 0;
        }
        if (numbers) {
            numbers[count] = number;
        }
        count++;
        more = *at < text->size && text->bytes[*at] == ',';
        *at += more;
    }
    return count;
}

/* "#LENGTHS<tab>COPIES"; the lists may be NULL. Returns their length, 0 if the line is not ColabFold's. */
static size_t read_colabfold(const mote_text_file *text, size_t at, size_t *lengths, size_t *copies)
{
    if (at >= text->size || text->bytes[at++] != '#') {
        return 0;
    }
    size_t count = read_numbers(text, &at, lengths);
    if (count == 0 || at >= text->size || text->bytes[at++] != '\t' || read_numbers(text, &at, copies) != count) {
        return 0;
    }
    while (at < text->size && (text->bytes[at] == '\r' || text->bytes[at] == ' ')) {
        at++;
    }
    return at == text->size || text->bytes[at] == '\n' ? count : 0;
}

bool mote_a3m_is_colabfold(const mote_text_file *text, size_t at) { return read_colabfold(text, at, NULL, NULL) > 0; }

static mote_status set_chains(const mote_text_file *text, size_t at, mote_alignment *alignment)
{
    size_t count = read_colabfold(text, at, NULL, NULL), sum = 0;
    size_t *numbers = mote_allocate_array(text->context, 2 * count, sizeof *numbers);
    mote_alignment_chain *chains = mote_arena_allocate(text->context, text->arena, count * sizeof *chains);
    if (!numbers || !chains) {
        mote_release(text->context, numbers);
        return MOTE_ERROR_MEMORY;
    }
    read_colabfold(text, at, numbers, numbers + count);
    for (size_t i = 0; i < count; i++) {
        chains[i] = (mote_alignment_chain){"", numbers[i], numbers[count + i]};
        sum += numbers[i];
    }
    mote_release(text->context, numbers);
    if (sum != alignment->columns) {
        return mote_text_file_bad(text, at, "the chains have %zu residues, expected %zu as in the query", sum,
                                  alignment->columns);
    }
    alignment->chains = chains;
    alignment->chain_count = count;
    return MOTE_OK;
}

/* Marks the columns in which the query has a residue; returns their number. */
static size_t mark_kept(const mote_text_file *text, const mote_record *query, column_rule rule, bool *kept)
{
    size_t aligned = 0, columns = 0;
    mote_record_cursor cursor = mote_record_open(text, query);
    for (int byte; (byte = mote_record_next(&cursor)) >= 0;) {
        if (is_column(byte, rule)) {
            kept[aligned] = mote_residue_code((uint8_t)byte) != MOTE_RESIDUE_GAP;
            columns += kept[aligned++];
        }
    }
    return columns;
}

static mote_status fill_row(mote_alignment_row *row, const mote_record *record, size_t number, column_rule rule)
{
    mote_record_cursor cursor = mote_record_open(row->text, record);
    mote_status status = MOTE_OK;
    mote_alignment_begin(row, number);
    for (int byte; status == MOTE_OK && (byte = mote_record_next(&cursor)) >= 0;) {
        if (is_column(byte, rule)) {
            status = mote_alignment_put(row, (uint8_t)byte, cursor.at - 1);
        } else if (byte != '.') {
            status = mote_alignment_insert(row, cursor.at - 1);
        }
    }
    const char *name = mote_record_name(row->text, record);
    row->alignment->names[number] = name;
    return status == MOTE_OK && !name ? MOTE_ERROR_MEMORY : status;
}

mote_status mote_a3m_parse(const mote_text_file *text, size_t count, const mote_record *records, bool blind,
                           size_t colabfold, mote_alignment *alignment)
{
    column_rule rule = {.blind = blind, .dots = false};
    if (first_odd(count, records, rule) < count) {
        rule.dots = true;
        if (first_odd(count, records, rule) < count) {
            rule.dots = false;
            return bad_width(text, records, first_odd(count, records, rule), rule);
        }
    }
    bool *kept = mote_allocate(text->context, width(&records[0], rule));
    if (!kept) {
        return MOTE_ERROR_MEMORY;
    }
    size_t columns = mark_kept(text, &records[0], rule, kept);
    mote_status status =
        columns ? mote_alignment_reserve(text, count, columns, alignment)
                : mote_text_file_bad(text, records[0].header, "record 1, the query: expected a sequence, found none");
    mote_alignment_row row = {.text = text, .alignment = alignment, .kept = kept};
    for (size_t i = 0; i < count && status == MOTE_OK; i++) {
        status = fill_row(&row, &records[i], i, rule);
    }
    mote_release(text->context, kept);
    alignment->format = "a3m";
    return status == MOTE_OK && colabfold < text->size ? set_chains(text, colabfold, alignment) : status;
}
