/* The study: scientific tasks trained and run in every number format with one recipe each, and what that costs.
 *
 * Four settings of each task, as in the Microscaling paper (Rouhani et al., arXiv 2310.10537, section 4): training in
 * FP32; a direct cast of those weights, run in a format; some steps of finetuning from them with the format in the
 * forward pass alone; training from scratch in the format. docs/study.md says what the tasks are.
 */
#ifndef MOTE_STUDY_H
#define MOTE_STUDY_H

#include "mote/energy.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mote_study_setting {
    MOTE_STUDY_TRAIN = 0,    /* trained from scratch in the policy */
    MOTE_STUDY_CAST = 1,     /* the FP32 weights, run in the policy */
    MOTE_STUDY_FINETUNE = 2, /* a tenth of the steps more from the FP32 weights, at a tenth of the rate, with the policy
                                in the forward pass */
    MOTE_STUDY_SETTINGS = 3
} mote_study_setting;

/* "train", "cast", "finetune". Static storage. */
MOTE_API const char *mote_study_setting_name(mote_study_setting setting);

/* Strings and arrays belong to the caller. 0 or NULL in a field means its default. */
typedef struct mote_study_options {
    const char *const *tasks; /* names; none: all */
    size_t task_count;
    const char *const *policies; /* names of policies; fp32 is always among them. Default: fp32 mxint8 mxfp8 mxfp6
                                    mxfp4-w_mxfp6-ag mxfp4 */
    size_t policy_count;
    size_t seeds;        /* default 3 */
    int quick;           /* not 0: six tasks of six sciences, fp32 mxfp6 mxfp4-w_mxfp6-ag, one seed, unless others are
                            named */
    size_t jobs;         /* experiments at a time, each with its share of the context's threads; default: as many as
                            threads. With 1, joules are measured where the machine can */
    const char *data;    /* the folder of real data sets; NULL: the environment's MOTE_DATA */
    const char *output;  /* the study's folder; required */
    const char *command; /* how it was asked for, for study.json; NULL: not known */
    const char *profile; /* the machine whose joules are modelled; default epyc-9654 */
    int resume;          /* not 0: keeps what the folder already has of these tasks */
} mote_study_options;

/* After every experiment. */
typedef struct mote_study_progress {
    size_t done, total; /* experiments */
    const char *task, *policy, *metric;
    mote_study_setting setting;
    uint64_t seed;
    double score;
    double seconds; /* of the experiment */
} mote_study_progress;

/* Not 0: stop. Also called now and then during an experiment, with done as it was and task NULL. Calls come from
 * several threads, one at a time. */
typedef int mote_study_callback(void *user, const mote_study_progress *progress);

/* A policy in a setting, over the seeds. */
typedef struct mote_study_figure {
    size_t seeds;            /* that there are results of; 0: none, and what follows is NaN */
    double mean, spread;     /* of scores, and their standard deviation (n - 1) */
    double difference;       /* from FP32 in per cent of it; above 0 is better */
    double spreads;          /* the same in units of the larger of FP32's spread and this one's; 0 / 0 is 0 */
    double bytes;            /* of the weights */
    double seconds;          /* of training; of inference where setting is cast */
    double training_joules;  /* modelled: of all steps, those in FP32 before a cast or finetuning included */
    double inference_joules; /* modelled: of one sample */
    double measured_joules;  /* of the experiment; NaN: not measured */
} mote_study_figure;

/* A task of a study. Strings are static but for reason. */
typedef struct mote_study_task {
    const char *name, *science, *title, *model, *metric, *unit;
    int larger_is_better, simulated;
    const char *trivial_name, *strong_name,
        *published_source;             /* strong_name, published_source: NULL where there is none */
    double trivial, strong, published; /* NaN where there is none, or the task was not run */
    size_t training_samples, test_samples, steps, batch;
    char reason[512]; /* why it was not run; "": it was */
} mote_study_task;

/* Tasks of the library, in order; 0 from the end on. Baselines are not computed. */
MOTE_API int mote_study_task_at(size_t index, mote_study_task *task);

typedef struct mote_study_result {
    size_t tasks, not_run, failed; /* not_run: for want of data or a library; failed: by an error */
    size_t experiments;            /* that ran, those kept from before not counted */
    double seconds;
    char failure[512]; /* the first error; "": none */
} mote_study_result;

/* Runs the study and writes into output: results/ (a file for each experiment, whole or not there), study.json,
 * results.csv. callback may be NULL. A task that cannot be run is listed with the reason. Same options, same scores,
 * whatever the number of threads and jobs, and however often it was killed and resumed. Errors: MOTE_ERROR_ARGUMENT of
 * options, and an output that holds a study where resume was not asked for; MOTE_ERROR_IO; MOTE_ERROR_MEMORY;
 * MOTE_ERROR_CANCELLED: what was done is kept. */
MOTE_API mote_status mote_study(mote_context *context, const mote_study_options *options, mote_study_callback *callback,
                                void *user, mote_study_result *result);

/* Writes the report on the study in folder as one HTML file that works offline. Errors: MOTE_ERROR_IO, MOTE_ERROR_FILE
 * of study.json; MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_study_report(mote_context *context, const char *folder, const char *path);

/* ---- the data of a task ---- */

typedef struct mote_study_data mote_study_data;

/* Makes or reads it. root: the folder of real data sets; NULL: the environment's MOTE_DATA. The caller owns *data
 * (mote_study_data_close). Errors: MOTE_ERROR_ARGUMENT an unknown task; MOTE_ERROR_UNSUPPORTED something that it needs
 * is not there; of files. */
MOTE_API mote_status mote_study_data_open(mote_context *context, const char *task, const char *root,
                                          mote_study_data **data);
MOTE_API void mote_study_data_close(mote_study_data *data);

MOTE_API size_t mote_study_data_count(const mote_study_data *data);

/* Array index: its name, layout [samples, ...] and values, which are the data's. split: 0 training, 1 test. Errors:
 * MOTE_ERROR_ARGUMENT out of range. */
MOTE_API mote_status mote_study_data_array(const mote_study_data *data, size_t index, int split, const char **name,
                                           mote_tensor *tensor);

/* Scores of the baselines on the test samples; strong NaN where there is none. */
MOTE_API void mote_study_data_baselines(const mote_study_data *data, double *trivial, double *strong);

/* The task's metric of predictions [count], as many as the task's model makes of the test samples. Errors:
 * MOTE_ERROR_SHAPE another count. */
MOTE_API mote_status mote_study_data_score(mote_study_data *data, size_t count, const float *predictions,
                                           double *score);

#ifdef __cplusplus
}
#endif
#endif
