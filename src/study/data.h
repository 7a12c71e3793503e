/* What tasks make their data with: arrays, random numbers, scaling, simple baselines. */
#ifndef MOTE_STUDY_DATA_H
#define MOTE_STUDY_DATA_H

#include "study/task.h"

/* The data of a task. root: the folder of data sets, MOTE_DATA; may be NULL for simulated tasks. Errors: those of the
 * task; MOTE_ERROR_UNSUPPORTED where something that it needs is not there, and the message says what. The caller closes
 * *data whether it succeeds or not. */
mote_status mote_task_data_open(mote_context *context, const mote_science_task *task, const char *root,
                                mote_task_data *data);
void mote_task_data_close(mote_task_data *data);

/* Declares an array, whose number is how many were declared before, of samples of this shape. */
void mote_data_array(mote_task_data *data, const char *name, mote_format format, int rank, const size_t *shape);

/* Memory for all samples of all arrays, zeros. Errors: MOTE_ERROR_MEMORY. */
mote_status mote_data_allocate(mote_task_data *data, size_t training, size_t test);

/* Memory that lives as long as the data: zeros. NULL with the context's message without memory. */
void *mote_data_memory(mote_task_data *data, size_t count, size_t item_size);

/* Sample's part of an array. */
float *mote_data_at(const mote_task_data *data, const mote_task_split *split, int array, size_t sample);
int32_t *mote_data_classes(const mote_task_data *data, const mote_task_split *split, int array, size_t sample);

/* Subtracts the mean and divides by the standard deviation that the training samples have, in both splits: of each of
 * the last groups numbers by itself (groups divides the size of a sample, and runs fastest). mean, deviation: [groups],
 * may be NULL. A deviation of 0 counts as 1. */
void mote_data_standardize(mote_task_data *data, int array, size_t groups, double *mean, double *deviation);

/* A hash of all samples. */
uint64_t mote_data_hash(const mote_task_data *data);

/* ---- random numbers, one after the other ---- */

typedef struct mote_random {
    uint64_t seed, next;
} mote_random;

double mote_random_uniform(mote_random *random); /* [0, 1) */
double mote_random_normal(mote_random *random);
size_t mote_random_below(mote_random *random, size_t count); /* 0 .. count - 1; count > 0 */
/* A number of events of which mean are expected (Poisson), by products of uniform numbers; takes time like mean. */
size_t mote_random_poisson(mote_random *random, double mean);
/* A random order of 0 .. count - 1. */
void mote_random_order(mote_random *random, size_t count, size_t *order);

/* ---- baselines: what they predict for every test sample ---- */

/* The training samples' mean of an array of numbers, into predictions [test count, size]. */
void mote_baseline_mean(const mote_task_data *data, int target, float *predictions);

/* Log frequencies of the training samples' classes, for an array of one class a sample or several: [test count, size,
 * classes]. Negative classes do not count. */
void mote_baseline_frequency(const mote_task_data *data, int target, size_t classes, float *predictions);

/* Ridge regression of all numbers of an input on all numbers of a target, both centred, in FP64; penalty: times the
 * mean square of an input. Into [test count, size of target]. Errors: MOTE_ERROR_MEMORY. */
mote_status mote_baseline_ridge(const mote_task_data *data, int input, int target, double penalty, float *predictions);

/* The same on classes as ones and zeros: [test count, classes]. */
mote_status mote_baseline_ridge_classes(const mote_task_data *data, int input, int target, size_t classes,
                                        double penalty, float *predictions);

enum { MOTE_LEAST_SQUARES_TERMS = 16 };

/* What y [count] is of x [count, terms] without a constant, at most MOTE_LEAST_SQUARES_TERMS of them: coefficients
 * [terms] by normal equations, in FP64. A term that is 0 everywhere gets 0. */
void mote_least_squares(size_t count, size_t terms, const double *x, const double *y, double *coefficients);

/* The baselines of most tasks: sets data->trivial to the task's score of the mean (of the frequencies), data->strong to
 * that of ridge regression from an input. Errors: MOTE_ERROR_MEMORY. */
mote_status mote_baselines(mote_task_data *data, int input, int target, double penalty);
mote_status mote_baselines_classes(mote_task_data *data, int input, int target, size_t classes, double penalty);

/* Room for predictions of size numbers a test sample, for a baseline. */
float *mote_data_predictions(mote_task_data *data, size_t size);

#endif
