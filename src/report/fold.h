/* The report on predicted structures: what its sections share. They stand top to bottom, each a file. */
#ifndef MOTE_REPORT_FOLD_H
#define MOTE_REPORT_FOLD_H

#include "mote/fold.h"
#include "report/data.h"
#include "report/page.h"

typedef struct mote_fold_page {
    mote_context *context;
    const mote_fold_result *result;
    const size_t *lengths; /* [chains]: residues of each */
    size_t shown;          /* how many of the predictions, the best, are drawn; the table has all */
    mote_text body;
    json_t *data; /* {charts, sets, protein}, see drawing.js and structure.js */
    bool bad;     /* there was no memory for data */
} mote_fold_page;

/* A name of the result, valid UTF-8 whatever it was. */
typedef struct mote_fold_label {
    char text[256];
} mote_fold_label;

mote_fold_label mote_fold_label_of(const char *name);

/* "1. MODEL", or "1. MODEL, seed 0" where models have several predictions. rank: from 0. */
mote_fold_label mote_fold_label_ranked(const mote_fold_page *page, size_t rank);

/* "1 chain", "2 chains". */
mote_shown mote_fold_counted(size_t count, const char *one, const char *several);

/* What was predicted, and the best prediction's scores. */
void mote_fold_section_head(mote_fold_page *page, const char *title);

/* The structures beside their aligned errors, and pLDDT along the chains. */
void mote_fold_section_structure(mote_fold_page *page);

/* What the alignment covers. */
void mote_fold_section_alignment(mote_fold_page *page);

/* One row a prediction. */
void mote_fold_section_table(mote_fold_page *page);

/* Memory, work, time and joules. */
void mote_fold_section_cost(mote_fold_page *page);

#endif
