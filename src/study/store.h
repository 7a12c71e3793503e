/* Results of experiments in files, so that a study can be killed and resumed: one file each, whole or not there. */
#ifndef MOTE_STUDY_STORE_H
#define MOTE_STUDY_STORE_H

#include "mote/study.h"
#include "study/experiment.h"

/* One experiment. */
typedef struct mote_study_key {
    const mote_science_task *task;
    mote_study_setting setting;
    const char *policy;
    uint64_t seed;
} mote_study_key;

typedef struct mote_study_record {
    double score, seconds, joules, inference_joules, measured_joules;
    double bytes;
    size_t parameters;
    json_t *picture; /* NULL: none kept; the record's */
} mote_study_record;

/* Makes the folder of a task's results. */
mote_status mote_store_make(mote_context *context, const char *folder, const mote_science_task *task);

/* found: whether a result with this fingerprint is there; then *record is it, whose picture the caller releases. A file
 * whose content is not one counts as not there. Errors: MOTE_ERROR_IO, MOTE_ERROR_MEMORY. */
mote_status mote_store_read(mote_context *context, const char *folder, const mote_study_key *key,
                            const char *fingerprint, bool *found, mote_study_record *record);

/* Takes the picture's reference. */
mote_status mote_store_write(mote_context *context, const char *folder, const mote_study_key *key,
                             const char *fingerprint, const mote_study_record *record);

/* Where the FP32 weights of a seed are kept; path of MOTE_PATH_BYTES. */
mote_status mote_store_weights(mote_context *context, const char *folder, const mote_science_task *task, uint64_t seed,
                               char *path);

#endif
