/* A scientific task: its data, its model, how it is scored and what a picture of it shows. One file in tasks/ and one
 * line in tasks.c each.
 *
 * A task knows nothing of number formats: it gives samples, a graph for a batch of them and a score of what the graph
 * predicts. The study trains and runs that graph in every policy with the same recipe.
 */
#ifndef MOTE_STUDY_TASK_H
#define MOTE_STUDY_TASK_H

#include <jansson.h>

#include "base/arena.h"
#include "mote/operations.h"

enum { MOTE_TASK_ARRAYS = 8, MOTE_TASK_RANK = 4 };

/* One array of a data set, of the same shape for every sample: an input of the graph. */
typedef struct mote_task_array {
    const char *name;
    mote_format format; /* MOTE_FP32 or MOTE_INT32 */
    int rank;           /* of one sample; 0: one number */
    size_t shape[MOTE_TASK_RANK];
    size_t size; /* numbers of one sample */
} mote_task_array;

/* Samples: values[a] is [count, shape of array a...]. */
typedef struct mote_task_split {
    size_t count;
    void *values[MOTE_TASK_ARRAYS];
} mote_task_split;

typedef struct mote_science_task mote_science_task;

/* The data of a task, ready to train on. Everything lies in its arena. */
typedef struct mote_task_data {
    mote_context *context;
    mote_arena arena;
    const mote_science_task *task;
    const char *folder; /* of the task's files, see mote_science_task.requires; NULL for simulated tasks */
    int array_count;
    mote_task_array arrays[MOTE_TASK_ARRAYS];
    mote_task_split training, test;
    double trivial, strong; /* scores of the baselines on the test samples; strong: NaN where there is none */
    void *own;              /* what the task keeps for its graph, score and picture, in the arena */
} mote_task_data;

/* Values of a task's graph. */
typedef struct mote_task_outputs {
    mote_value loss;       /* one number */
    mote_value prediction; /* [batch, ...] FP32: what score and picture get, sample by sample */
} mote_task_outputs;

/* AdamW (0.9, 0.99) with warm-up over a twentieth of the steps, cosine to a hundredth of the rate, gradients clipped to
 * norm 1. A batch of as many samples as there are takes all of them in order, otherwise samples come in a new order
 * each time round. */
typedef struct mote_task_recipe {
    size_t steps, batch;
    double learning_rate, weight_decay;
} mote_task_recipe;

struct mote_science_task {
    const char *name;             /* of the table: lower_snake_case */
    const char *science;          /* one of a few words that tasks share: "weather", "proteins" */
    const char *title;            /* a sentence for people, without a full stop */
    const char *model;            /* "convolutional network": what kind it is */
    const char *metric;           /* "RMSE", "accuracy" */
    const char *unit;             /* "" without one */
    bool larger_is_better;        /* then 1 is perfect; otherwise 0 */
    const char *trivial, *strong; /* what the baselines are; strong: NULL where there is none */
    const char *requires;         /* folder below MOTE_DATA, "materials/matbench_steels"; NULL: simulated */
    bool uses_solver;             /* needs SUNDIALS */
    double published;             /* a figure for this data set; 0: none */
    const char *published_source; /* what reached it, in which publication, and how its setting differs from this one */
    mote_task_recipe recipe;
    /* Makes arrays, splits and baselines. The same data every time. */
    mote_status (*prepare)(mote_task_data *data);
    /* Appends the model for batch samples to graph; inputs[a]: [batch, shape of array a...]. training: with dropout.
     * Mistakes stick in the graph. */
    void (*build)(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs);
    /* The metric of predictions of all test samples. */
    double (*score)(const mote_task_data *data, const float *predictions);
    /* What is predicted beside the truth, made by a function of study/picture.h. */
    json_t *(*picture)(const mote_task_data *data, const float *predictions);
};

/* Every task in the order of the table; NULL from the end on. */
const mote_science_task *mote_science_task_at(size_t index);
const mote_science_task *mote_science_task_find(const char *name);

#endif
