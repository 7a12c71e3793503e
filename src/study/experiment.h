/* One experiment: a task's model trained, or run on its test samples, in a policy. */
#ifndef MOTE_STUDY_EXPERIMENT_H
#define MOTE_STUDY_EXPERIMENT_H

#include "mote/energy.h"
#include "study/task.h"

/* True: stop. */
typedef bool mote_experiment_stop(void *user);

typedef struct mote_experiment {
    const mote_task_data *data;
    const char *policy;          /* a name or JSON, see mote_policy_set */
    uint64_t seed;               /* of weights, the order of samples, dropout and stochastic rounding */
    const mote_profile *profile; /* whose joules are modelled */
    mote_experiment_stop *stop;  /* NULL: none */
    void *user;
} mote_experiment;

/* What it took. */
typedef struct mote_experiment_cost {
    size_t parameters, steps;
    uint64_t bytes; /* of the weights in a file, matrices in the policy's format */
    double seconds; /* measured */
    double joules;  /* modelled: of all steps, or of one test sample */
    bool diverged;  /* a loss or gradient was not finite, so training stopped */
} mote_experiment_cost;

/* Numbers in the weights of a task's model. Errors: those of graphs, where it cannot be built. */
mote_status mote_experiment_weights(const mote_task_data *data, size_t *count);

/* Numbers that the model predicts for a sample. */
mote_status mote_experiment_prediction_size(const mote_task_data *data, size_t *size);

/* Trains for steps at factor times the recipe's learning rate. weights: starts from them where start is not 0,
 * otherwise from the seed; the trained ones come back, parameter after parameter in the order of the graph. Errors:
 * those of graphs and plans; MOTE_ERROR_CANCELLED. */
mote_status mote_experiment_train(const mote_experiment *experiment, size_t steps, double factor, bool start,
                                  float *weights, mote_experiment_cost *cost);

/* Predictions of all test samples [test count, size], in memory to be released by the caller. */
mote_status mote_experiment_predict(const mote_experiment *experiment, const float *weights, float **predictions,
                                    mote_experiment_cost *cost);

/* Writes weights as safetensors, a tensor each; reads them back. Errors: of files; MOTE_ERROR_FILE where they are not
 * this task's. */
mote_status mote_experiment_save(const mote_task_data *data, const float *weights, const char *path);
mote_status mote_experiment_load(const mote_task_data *data, const char *path, float *weights);

#endif
