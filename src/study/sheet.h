/* Tables of real data in text files: comma or tab separated values with a header, plain or gzipped. */
#ifndef MOTE_STUDY_SHEET_H
#define MOTE_STUDY_SHEET_H

#include "study/task.h"

/* Cells are texts in the arena of the data; a quoted cell (RFC 4180) has lost its quotes. */
typedef struct mote_sheet {
    mote_task_data *data;
    const char *path;
    size_t rows, columns; /* without the header */
    const char **names;   /* [columns]; numbers of the columns where there is no header */
    const char **cells;   /* [rows, columns] */
} mote_sheet;

/* MOTE_SHEET_ARFF: rows begin behind the line @data and columns have numbers; lines with % at their begin are passed
 * over. */
typedef enum mote_sheet_header { MOTE_SHEET_HEADER, MOTE_SHEET_NO_HEADER, MOTE_SHEET_ARFF } mote_sheet_header;

/* Reads a file of the task's folder. Cells are separated by separator; ' ' means any blanks. Empty lines are passed
 * over. Errors: MOTE_ERROR_FILE naming line and what was expected, where a row has another number of cells than the
 * first and where there is no row; MOTE_ERROR_IO; MOTE_ERROR_MEMORY. */
mote_status mote_sheet_read(mote_task_data *data, const char *name, char separator, mote_sheet_header header,
                            mote_sheet *sheet);

/* The column of this name. Errors: MOTE_ERROR_FILE, naming it. */
mote_status mote_sheet_column(const mote_sheet *sheet, const char *name, size_t *column);

const char *mote_sheet_text(const mote_sheet *sheet, size_t row, size_t column);

/* A cell as a number; missing (empty, NA, nan, ?) is NaN. Errors: MOTE_ERROR_FILE, naming row and column. */
mote_status mote_sheet_number(const mote_sheet *sheet, size_t row, size_t column, float *number);

/* The same for count columns from first on. */
mote_status mote_sheet_numbers(const mote_sheet *sheet, size_t row, size_t first, size_t count, float *numbers);

/* MOTE_ERROR_FILE where there is another number of columns, or fewer than least rows. */
mote_status mote_sheet_expect(const mote_sheet *sheet, size_t columns, size_t least);

/* A cell as a number that must be there and finite. Errors: as above, and of any other. */
mote_status mote_sheet_finite(const mote_sheet *sheet, size_t row, size_t column, float *number);

/* The same for count columns from first on. */
mote_status mote_sheet_complete(const mote_sheet *sheet, size_t row, size_t first, size_t count, float *numbers);

/* The place of a cell's text among count names. Errors: MOTE_ERROR_FILE, naming row, column and text. */
mote_status mote_sheet_class(const mote_sheet *sheet, size_t row, size_t column, size_t count, const char *const *names,
                             int32_t *number);

/* A cell as a class, 0 to classes - 1. Errors: MOTE_ERROR_FILE, naming row and column, of anything else. */
mote_status mote_sheet_class_number(const mote_sheet *sheet, size_t row, size_t column, size_t classes,
                                    int32_t *number);

#endif
