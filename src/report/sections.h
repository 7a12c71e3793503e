/* The sections of a report on runs, top to bottom, each a file. runs: count of them, at least one. */
#ifndef MOTE_REPORT_SECTIONS_H
#define MOTE_REPORT_SECTIONS_H

#include "report/page.h"
#include "report/run.h"

/* What ran and when, and the key figures. */
void mote_section_head(mote_text *body, const mote_run *runs, size_t count, const char *title);

/* Loss against steps, time and joules; where the memory goes; with the figures behind them as tables. Adds what the
 * charts need to data; false without memory. */
bool mote_section_charts(mote_text *body, json_t *data, const mote_run *runs, size_t count);

/* One row a run. */
void mote_section_table(mote_text *body, const mote_run *runs, size_t count);

/* The figures behind the charts: loss at a few steps, bytes by category. */
void mote_section_loss_table(mote_text *body, const mote_run *runs, size_t count);
void mote_section_memory_table(mote_text *body, const mote_run *runs, size_t count);

/* Model, data, recipe, policy, machine; how to run it again. */
void mote_section_settings(mote_text *body, const mote_run *runs, size_t count);

/* Figures that several sections show. */

/* "loss, bits per base", or "loss, bits" where the runs count different things; returns text. */
const char *mote_run_loss_label(const mote_run *runs, size_t count, char *text, size_t size);

enum { MOTE_REPORT_CATEGORIES = 16 };

/* The categories of planned memory that any of the runs has, in their order; returns how many. The names are the runs'.
 */
size_t mote_run_categories(const mote_run *runs, size_t count, const char *names[MOTE_REPORT_CATEGORIES]);

/* Bytes of a category; NAN if the run does not have it. */
double mote_run_category(const mote_run *run, const char *name);

/* True if the run came to its end: only then is its last loss worth comparing. A run that does not say did. */
bool mote_run_finished(const mote_run *run);

/* Difference of the last loss from the FP32 run's in per cent; NAN if there is none to compare with. */
double mote_run_against_baseline(const mote_run *runs, size_t count, const mote_run *run);

/* Tokens a second over the FP32 run's on the same machine; NAN if there is none. */
double mote_run_speedup(const mote_run *runs, size_t count, const mote_run *run);

/* Peak memory: measured, else planned. */
double mote_run_peak(const mote_run *run);

/* Joules if they were measured, else NAN. A model's joules are never compared with those of a meter. */
double mote_run_measured_joules(const mote_run *run);

#endif
