/* A study while it runs: its files share this. */
#ifndef MOTE_STUDY_STUDY_H
#define MOTE_STUDY_STUDY_H

#include "study/store.h"

enum { MOTE_STUDY_POLICIES = 16, MOTE_STUDY_TASKS = 96 };

/* What is known of a task after its data was made. */
typedef struct mote_study_entry {
    const mote_science_task *task;
    char reason[512]; /* why it was not run; "": it was, or will be */
    bool known;       /* the fields below are set */
    double trivial, strong;
    size_t training_samples, test_samples, parameters;
    char fingerprint[20]; /* of all that decides its results */
} mote_study_entry;

typedef struct mote_study_plan {
    mote_study_options options; /* resolved */
    const char *policies[MOTE_STUDY_POLICIES];
    size_t policy_count;
    mote_study_entry entries[MOTE_STUDY_TASKS];
    size_t entry_count;
} mote_study_plan;

/* Fills plan from options with their defaults. Errors: MOTE_ERROR_ARGUMENT of a name that is not known. */
mote_status mote_study_resolve(mote_context *context, const mote_study_options *options, mote_study_plan *plan);

/* The setting's policy set: with finetuning, the forward pass alone in the policy. Of 256 bytes. */
void mote_study_policy(const char *policy, mote_study_setting setting, char *text);

/* Whether this setting of this policy is an experiment; an FP32 cast is the training itself. */
bool mote_study_has(const char *policy, mote_study_setting setting);

/* Reads all results of an entry and a policy over the seeds. */
mote_status mote_study_figure_of(mote_context *context, const mote_study_plan *plan, const mote_study_entry *entry,
                                 const char *policy, mote_study_setting setting, mote_study_figure *figure);

/* Writes study.json and results.csv. */
mote_status mote_study_summarize(mote_context *context, const mote_study_plan *plan, const mote_study_result *result,
                                 const mote_energy_result *energy);

#endif
