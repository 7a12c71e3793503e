/* The page that every report is: a skeleton with style and scripts inside, and its parts. One file, which asks for
 * nothing from anywhere. Figures are described in the page's data and drawn by scripts: drawing.js says how. */
#ifndef MOTE_REPORT_PAGE_H
#define MOTE_REPORT_PAGE_H

#include <jansson.h>

#include "report/embedded.h"
#include "report/text.h"

/* Writes the page to path, through a temporary file. body: what stands in <main>. data: the object that drawing.js
 * reads, whose reference is taken; NULL is a failure to build it. scripts: what draws further kinds of figures, ended
 * by NULL; NULL for none. Errors: body's failure, memory, those of mote_output_*. */
mote_status mote_page_write(mote_context *context, const char *path, const char *title, const mote_text *body,
                            json_t *data, const mote_embedded *const *scripts);

/* A heading of the page with a sentence below it; note may be "". */
void mote_page_section(mote_text *body, const char *title, const char *note);

/* The row of key figures. What is written between a number's begin and end is the note below it. */
void mote_page_numbers_begin(mote_text *body);
void mote_page_number_begin(mote_text *body, const char *label, mote_shown value);
void mote_page_number_end(mote_text *body);
void mote_page_numbers_end(mote_text *body);

/* Figures between begin and end share a place, with a tab for each on a screen, all of them on paper. */
void mote_page_tabs_begin(mote_text *body);
void mote_page_tabs_end(mote_text *body);

/* Room for the chart that the data describe under id, none in a build that draws no charts; tab: its name among tabs.
 * The caption says how to read it. */
void mote_page_chart(mote_text *body, const char *id, const char *tab, const char *caption);

/* The same for figures that the page's own scripts draw, in every build. */
void mote_page_figure(mote_text *body, const char *id, const char *tab, const char *caption);

/* Two figures between begin and end stand side by side where there is room. */
void mote_page_pair_begin(mote_text *body);
void mote_page_pair_end(mote_text *body);

/* What stands in a chart's place when it cannot be drawn, and why. */
void mote_page_no_chart(mote_text *body, const char *tab, const char *reason);

/* False if this build carries no charting library. */
bool mote_page_draws_charts(void);

/* A name with its colour in front; color: 0 for FP32 and what else stands apart, then 1, 2 ... */
void mote_page_name(mote_text *body, int color, const char *name);

typedef struct mote_column {
    const char *group; /* above the heading; neighbours with the same text share it; "" for none */
    const char *heading;
    const char *help; /* shown on hover */
    bool text;        /* to the left, not compared as numbers */
} mote_column;

/* A table whose columns can be sorted. Cells are given row by row. summary: with one, the table is folded away once
 * charts are drawn; NULL: always open. */
void mote_table_begin(mote_text *body, const char *summary, const mote_column *columns, size_t count);
void mote_table_row(mote_text *body);
/* key: what the column is sorted by, not finite for a figure that is missing. note: small, below; "" for none. */
void mote_table_number(mote_text *body, double key, mote_shown shown, const char *note);
void mote_table_name(mote_text *body, int color, const char *name, const char *note);
void mote_table_text(mote_text *body, const char *name);
void mote_table_end(mote_text *body, const char *summary);

#endif
