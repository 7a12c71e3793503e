/* Reading tables. */
#include "study/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/stream.h"
#include "io/text_file.h"
#include "study/data.h"

/* A walk over the text of a file, which it cuts into cells in place. */
typedef struct reader {
    mote_text_file text;
    mote_text_file whole; /* as it was before it was cut, for the places in messages */
    char separator;
    bool comments; /* lines with % at their begin are passed over */
    size_t at;
} reader;

static bool ends_cell(const reader *r, uint8_t byte)
{
    return byte == '\n' || byte == '\r' || (r->separator == ' ' ? mote_is_blank(byte) : byte == (uint8_t)r->separator);
}

static void skip_blanks(reader *r)
{
    while (r->separator == ' ' && r->at < r->text.size &&
           (r->text.bytes[r->at] == ' ' || r->text.bytes[r->at] == '\t')) {
        r->at++;
    }
}

/* Cuts out the cell at r->at, whose end becomes a NUL; *last: it was the row's last. */
static mote_status cut(reader *r, const char **cell, bool *last)
{
    uint8_t *bytes = (uint8_t *)r->text.bytes;
    size_t from = r->at, to = from;
    const size_t began = r->at;
    if (r->at < r->text.size && bytes[r->at] == '"') {
        from = to = ++r->at;
        while (r->at < r->text.size && (bytes[r->at] != '"' || bytes[r->at + 1] == '"')) {
            r->at += bytes[r->at] == '"';
            bytes[to++] = bytes[r->at++];
        }
        if (r->at >= r->text.size) {
            return mote_text_file_bad(&r->whole, began,
                                      "expected a quote that ends the cell, found the end of the file");
        }
        r->at++;
        if (r->at < r->text.size && !ends_cell(r, bytes[r->at])) {
            return mote_text_file_bad(&r->whole, r->at, "expected the end of the cell behind its quote");
        }
    } else {
        while (r->at < r->text.size && !ends_cell(r, bytes[r->at])) {
            r->at++;
        }
        to = r->at;
    }
    skip_blanks(r);
    *last = r->at >= r->text.size || bytes[r->at] == '\n' || bytes[r->at] == '\r';
    if (*last && r->at + 1 < r->text.size && bytes[r->at] == '\r' && bytes[r->at + 1] == '\n') {
        r->at++;
    }
    if (r->separator != ' ' || *last) {
        r->at++;
    }
    bytes[to] = '\0';
    *cell = (const char *)bytes + from;
    return MOTE_OK;
}

static void skip_line(reader *r)
{
    while (r->at < r->text.size && r->text.bytes[r->at] != '\n') {
        r->at++;
    }
}

static void skip_empty_lines(reader *r)
{
    skip_blanks(r);
    while (r->at < r->text.size && (r->text.bytes[r->at] == '\n' || r->text.bytes[r->at] == '\r' ||
                                    (r->comments && r->text.bytes[r->at] == '%'))) {
        if (r->text.bytes[r->at] == '%') {
            skip_line(r);
        } else {
            r->at++;
        }
        skip_blanks(r);
    }
}

/* To behind the line @data. */
static mote_status skip_declarations(reader *r)
{
    static const char data[] = "@data";
    for (; r->at < r->text.size; r->at++) {
        if (r->text.size - r->at >= sizeof data - 1 &&
            strncasecmp((const char *)r->text.bytes + r->at, data, sizeof data - 1) == 0) {
            skip_line(r);
            r->comments = true;
            return MOTE_OK;
        }
        skip_line(r);
    }
    return mote_text_file_bad(&r->text, r->text.size, "expected a line @data, found none");
}

/* The row at r->at into cells [expected]; count: how many it has. */
static mote_status read_row(reader *r, size_t expected, const char **cells, size_t *count)
{
    const size_t began = r->at;
    bool last = false;
    *count = 0;
    while (!last) {
        const char *cell = NULL;
        mote_status status = cut(r, &cell, &last);
        if (status != MOTE_OK) {
            return status;
        }
        if (*count < expected) {
            cells[*count] = cell;
        }
        (*count)++;
    }
    return *count == expected ? MOTE_OK
                              : mote_text_file_bad(&r->whole, began, "expected %zu cells, found %zu", expected, *count);
}

/* Separators of the first line, quoted ones left out, plus one; lines of the text. */
static void measure(const reader *r, size_t *columns, size_t *lines)
{
    bool quoted = false, first = true, blank = true;
    *columns = 0;
    *lines = 1;
    for (size_t i = r->at; i < r->text.size; i++) {
        const uint8_t byte = r->text.bytes[i];
        quoted = quoted != (byte == '"');
        if (byte == '\n' || (byte == '\r' && r->text.bytes[i + 1] != '\n')) {
            first = first && quoted;
            ++*lines;
        }
        if (first && !quoted && r->separator == ' ') {
            *columns += blank && !mote_is_blank(byte);
        } else if (first && !quoted) {
            *columns += byte == (uint8_t)r->separator;
        }
        blank = mote_is_blank(byte);
    }
    *columns += r->separator != ' ';
}

static mote_status name_columns(mote_sheet *sheet)
{
    for (size_t c = 0; c < sheet->columns; c++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", c);
        sheet->names[c] = mote_arena_string(sheet->data->context, &sheet->data->arena, number, strlen(number));
        if (!sheet->names[c]) {
            return MOTE_ERROR_MEMORY;
        }
    }
    return MOTE_OK;
}

static mote_status read_rows(reader *r, mote_sheet_header header, mote_sheet *sheet)
{
    size_t lines, count;
    mote_status status = header == MOTE_SHEET_ARFF ? skip_declarations(r) : MOTE_OK;
    if (status != MOTE_OK) {
        return status;
    }
    skip_empty_lines(r);
    measure(r, &sheet->columns, &lines);
    sheet->names = mote_data_memory(sheet->data, sheet->columns, sizeof *sheet->names);
    sheet->cells = sheet->names ? mote_data_memory(sheet->data, lines * sheet->columns, sizeof *sheet->cells) : NULL;
    if (!sheet->cells) {
        return MOTE_ERROR_MEMORY;
    }
    status = header == MOTE_SHEET_HEADER ? read_row(r, sheet->columns, sheet->names, &count) : name_columns(sheet);
    for (skip_empty_lines(r); status == MOTE_OK && r->at < r->text.size; skip_empty_lines(r)) {
        status = read_row(r, sheet->columns, sheet->cells + sheet->rows++ * sheet->columns, &count);
    }
    return status == MOTE_OK && sheet->rows == 0
               ? mote_text_file_bad(&r->whole, r->whole.size, "expected rows, found none")
               : status;
}

mote_status mote_sheet_read(mote_task_data *data, const char *name, char separator, mote_sheet_header header,
                            mote_sheet *sheet)
{
    char path[MOTE_PATH_BYTES];
    uint8_t *bytes = NULL;
    reader r = {.text.context = data->context, .separator = separator};
    *sheet = (mote_sheet){.data = data};
    mote_status status = mote_path_join(data->context, data->folder, name, path);
    status = status == MOTE_OK ? mote_text_file_read(data->context, path, &bytes, &r.text.size) : status;
    if (status != MOTE_OK) {
        mote_release(data->context, bytes);
        return status;
    }
    uint8_t *kept = mote_data_memory(data, r.text.size + 2, 1); /* with NULs at the end */
    sheet->path = r.text.path = mote_arena_string(data->context, &data->arena, path, strlen(path));
    if (kept && sheet->path) {
        memcpy(kept, bytes, r.text.size);
        r.whole = r.text;
        r.whole.bytes = bytes;
        r.text.bytes = kept;
        status = read_rows(&r, header, sheet);
    } else {
        status = MOTE_ERROR_MEMORY;
    }
    mote_release(data->context, bytes);
    return status;
}

mote_status mote_sheet_column(const mote_sheet *sheet, const char *name, size_t *column)
{
    for (*column = 0; *column < sheet->columns; ++*column) {
        if (strcmp(sheet->names[*column], name) == 0) {
            return MOTE_OK;
        }
    }
    return mote_fail(sheet->data->context, MOTE_ERROR_FILE, "%s: expected a column '%s', found none", sheet->path,
                     name);
}

const char *mote_sheet_text(const mote_sheet *sheet, size_t row, size_t column)
{
    return sheet->cells[row * sheet->columns + column];
}

mote_status mote_sheet_number(const mote_sheet *sheet, size_t row, size_t column, float *number)
{
    static const char *const missing[] = {"", "NA", "na", "nan", "NaN", "?"};
    const char *text = mote_sheet_text(sheet, row, column);
    char *end;
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        if (strcmp(text, missing[i]) == 0) {
            *number = NAN;
            return MOTE_OK;
        }
    }
    *number = strtof(text, &end);
    while (mote_is_blank((uint8_t)*end)) {
        end++;
    }
    if (end == text || *end) {
        return mote_fail(sheet->data->context, MOTE_ERROR_FILE,
                         "%s: row %zu, column '%s': expected a number, found '%.40s'", sheet->path, row + 1,
                         sheet->names[column], text);
    }
    return MOTE_OK;
}

mote_status mote_sheet_numbers(const mote_sheet *sheet, size_t row, size_t first, size_t count, float *numbers)
{
    for (size_t c = 0; c < count; c++) {
        mote_status status = mote_sheet_number(sheet, row, first + c, &numbers[c]);
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}

mote_status mote_sheet_expect(const mote_sheet *sheet, size_t columns, size_t least)
{
    return sheet->columns == columns && sheet->rows >= least
               ? MOTE_OK
               : mote_fail(sheet->data->context, MOTE_ERROR_FILE,
                           "%s: expected %zu columns and at least %zu rows, found %zu and %zu", sheet->path, columns,
                           least, sheet->columns, sheet->rows);
}

mote_status mote_sheet_finite(const mote_sheet *sheet, size_t row, size_t column, float *number)
{
    mote_status status = mote_sheet_number(sheet, row, column, number);
    return status != MOTE_OK || isfinite(*number)
               ? status
               : mote_fail(sheet->data->context, MOTE_ERROR_FILE,
                           "%s: row %zu, column '%s': expected a finite number, found '%.40s'", sheet->path, row + 1,
                           sheet->names[column], mote_sheet_text(sheet, row, column));
}

mote_status mote_sheet_complete(const mote_sheet *sheet, size_t row, size_t first, size_t count, float *numbers)
{
    mote_status status = MOTE_OK;
    for (size_t c = 0; status == MOTE_OK && c < count; c++) {
        status = mote_sheet_finite(sheet, row, first + c, &numbers[c]);
    }
    return status;
}

mote_status mote_sheet_class(const mote_sheet *sheet, size_t row, size_t column, size_t count, const char *const *names,
                             int32_t *number)
{
    const char *text = mote_sheet_text(sheet, row, column);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, names[i]) == 0) {
            *number = (int32_t)i;
            return MOTE_OK;
        }
    }
    return mote_fail(sheet->data->context, MOTE_ERROR_FILE,
                     "%s: row %zu, column '%s': expected one of %zu classes, found '%.40s'", sheet->path, row + 1,
                     sheet->names[column], count, text);
}

mote_status mote_sheet_class_number(const mote_sheet *sheet, size_t row, size_t column, size_t classes, int32_t *number)
{
    float value;
    mote_status status = mote_sheet_number(sheet, row, column, &value);
    if (status == MOTE_OK && !(value >= 0 && value < (float)classes && value == floorf(value))) {
        return mote_fail(sheet->data->context, MOTE_ERROR_FILE,
                         "%s: row %zu, column '%s': expected a class, 0 to %zu, found '%.40s'", sheet->path, row + 1,
                         sheet->names[column], classes - 1, mote_sheet_text(sheet, row, column));
    }
    *number = status == MOTE_OK ? (int32_t)value : 0;
    return status;
}
