/* A run folder as it was left: run.json and metrics.jsonl. Nothing in them is trusted: a field that is missing or of
 * another type than expected is not there, and everything else is shown. */
#ifndef MOTE_REPORT_RUN_H
#define MOTE_REPORT_RUN_H

#include <jansson.h>

#include "base/arena.h"

/* One line of metrics.jsonl; NAN where it says nothing. */
typedef struct mote_run_point {
    double step, bits, seconds, joules;
} mote_run_point;

typedef struct mote_run_series {
    mote_run_point *points; /* by rising step */
    size_t count, capacity;
} mote_run_series;

typedef struct mote_run {
    mote_context *context;
    mote_arena arena;
    json_t *root;                         /* run.json, an object */
    const char *name, *policy;            /* never NULL: the folder's name and "unknown" stand in */
    mote_run_series training, validation; /* bits per unit of data */
    bool incomplete;                      /* the last line of metrics.jsonl was cut off, and left out */
    int color;                            /* of the policy: 0 is FP32, others count up */
} mote_run;

/* Reads folder/run.json and, if there is one, folder/metrics.jsonl. Where steps begin again, as after a resume, what
 * came later counts. Clear run in any case. Errors: a file that cannot be read; run.json that is not an object; a line
 * of metrics.jsonl, other than the last, that is not an object (the message names file and line). */
mote_status mote_run_read(mote_context *context, const char *folder, mote_run *run);

void mote_run_clear(mote_run *run);

/* The value at a path of keys joined by dots, such as "results.energy.status", below an object; NULL if there is none.
 */
const json_t *mote_run_value(const json_t *object, const char *path);

/* The same as a number, NAN if it is none; and as text, NULL if it is none. */
double mote_run_number(const json_t *object, const char *path);
const char *mote_run_text(const json_t *object, const char *path);

/* Validation loss at the end in bits: of the results, else of the last validation. *step is -1 in the first case and
 * that validation's step in the second. NAN if there is neither. */
double mote_run_bits(const mote_run *run, double *step);

/* What a token stands for: "base", "residue"; "token" if unknown. */
const char *mote_run_unit(const mote_run *run);

/* The least loss that any model can reach (the entropy rate of the source) in bits; NAN if unknown. */
double mote_run_limit(const mote_run *run);

/* The FP32 run that run may be measured against: same model, recipe and data, and the same seed if there is one. NULL
 * if there is none. It may be run itself. */
const mote_run *mote_run_baseline(const mote_run *runs, size_t count, const mote_run *run);

/* True if both ran on the same processor with the same instruction set and number of threads, so that speeds compare.
 */
bool mote_run_same_machine(const mote_run *a, const mote_run *b);

#endif
