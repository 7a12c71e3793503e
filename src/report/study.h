/* A study as its report shows it: study.json, read and checked, and the sections of the page, top to bottom. */
#ifndef MOTE_REPORT_STUDY_H
#define MOTE_REPORT_STUDY_H

#include <jansson.h>

#include "mote/study.h"
#include "report/page.h"

enum { MOTE_STUDY_PAGE_POLICIES = 16 };

/* A policy in a setting; NaN where study.json has null. */
typedef struct mote_study_cell {
    bool there;
    double seeds, mean, spread, percent, spreads, bytes, seconds;
    double training_joules, inference_joules, measured_joules; /* modelled, modelled, measured */
    double gain, gain_per_training_joule, gain_per_inference_joule;
} mote_study_cell;

/* A score to compare with; name NULL: there is none. */
typedef struct mote_study_level {
    const char *name;
    double score;
} mote_study_level;

/* A task. Texts belong to the page's root. */
typedef struct mote_study_row {
    const char *name, *title, *model, *metric, *unit, *kind;
    const char *not_run; /* why; NULL: it was */
    size_t science;      /* number of the page's */
    bool larger_is_better;
    mote_study_level trivial, strong, published;
    double training_samples, test_samples, parameters, steps, batch;
    mote_study_cell cells[MOTE_STUDY_PAGE_POLICIES][MOTE_STUDY_SETTINGS];
    const json_t *pictures[MOTE_STUDY_PAGE_POLICIES]; /* checked; NULL: none */
} mote_study_row;

typedef struct mote_study_page {
    mote_context *context;
    json_t *root; /* study.json */
    const char *version, *date, *command, *processor, *system, *profile, *energy_kind,
        *energy_source; /* command: may be NULL */
    double processors, seeds, jobs, seconds, joules;
    size_t policy_count, row_count, science_count;
    const char *policies[MOTE_STUDY_PAGE_POLICIES];
    mote_study_row *rows;  /* [row_count] */
    const char **sciences; /* [science_count], in the order of tasks */
    mote_text body;
    json_t *data; /* of the scripts */
    bool bad;     /* memory ran out while data was built */
} mote_study_page;

/* Reads folder/study.json into page, whose context is set; clear it in any case. A key that this does not know is
 * passed over; one that is missing, or of another type or size than the study writes, is MOTE_ERROR_FILE, and the
 * message names it. Other errors: MOTE_ERROR_IO, MOTE_ERROR_MEMORY. */
mote_status mote_study_page_read(mote_study_page *page, const char *folder);
void mote_study_page_clear(mote_study_page *page);

/* What messages need while it is read. */
typedef struct mote_study_reader {
    mote_context *context;
    const char *path;
} mote_study_reader;

/* Checks a picture as study/picture.h describes it. Errors: MOTE_ERROR_FILE. */
mote_status mote_study_picture_check(const mote_study_reader *reader, const json_t *picture, const char *place);

/* MOTE_ERROR_FILE: expected was, at place. */
mote_status mote_study_bad(const mote_study_reader *reader, const char *place, const char *key, const char *expected);

/* ---- sections ---- */

void mote_study_section_head(mote_study_page *page);
void mote_study_section_table(mote_study_page *page);
void mote_study_section_fronts(mote_study_page *page);
void mote_study_section_pictures(mote_study_page *page);
void mote_study_section_end(mote_study_page *page); /* what was not run, and how to run it again */

/* ---- what sections share ---- */

/* Colour of a policy: 0 is FP32. */
int mote_study_color(const mote_study_page *page, size_t policy);

/* "trained", "cast", "finetuned". */
const char *mote_study_setting_word(int setting);

/* Three digits that count; five where exact. */
mote_shown mote_study_score(double score, bool exact);

/* With a unit before which thousandths stand as letters: 3.1 µJ. */
mote_shown mote_study_joules(double joules);

/* True if any cell of the study has more than one seed, so that there are spreads. */
bool mote_study_has_spreads(const mote_study_page *page);

#endif
