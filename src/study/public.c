/* The library's face of tasks and their data. */
#include <math.h>
#include <stdlib.h>

#include "mote/study.h"
#include "study/data.h"
#include "study/experiment.h"

int mote_study_task_at(size_t index, mote_study_task *task)
{
    const mote_science_task *t = mote_science_task_at(index);
    if (!t) {
        return 0;
    }
    *task = (mote_study_task){.name = t->name,
                              .science = t->science,
                              .title = t->title,
                              .model = t->model,
                              .metric = t->metric,
                              .unit = t->unit,
                              .larger_is_better = t->larger_is_better,
                              .simulated = !t->requires,
                              .trivial_name = t->trivial,
                              .strong_name = t->strong,
                              .published_source = t->published_source,
                              .trivial = NAN,
                              .strong = NAN,
                              .published = t->published_source ? t->published : NAN,
                              .steps = t->recipe.steps,
                              .batch = t->recipe.batch};
    return 1;
}

struct mote_study_data {
    mote_task_data data;
};

mote_status mote_study_data_open(mote_context *context, const char *task, const char *root, mote_study_data **data)
{
    const mote_science_task *found = mote_science_task_find(task);
    const char *environment = getenv("MOTE_DATA");
    *data = NULL;
    if (!found) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "unknown task '%s'", task);
    }
    mote_study_data *made = mote_allocate(context, sizeof *made);
    if (!made) {
        return MOTE_ERROR_MEMORY;
    }
    root = root ? root : environment && *environment ? environment : NULL;
    mote_status status = mote_task_data_open(context, found, root, &made->data);
    if (status != MOTE_OK) {
        mote_study_data_close(made);
        return status;
    }
    *data = made;
    return MOTE_OK;
}

void mote_study_data_close(mote_study_data *data)
{
    if (data) {
        mote_context *context = data->data.context;
        mote_task_data_close(&data->data);
        mote_release(context, data);
    }
}

size_t mote_study_data_count(const mote_study_data *data) { return (size_t)data->data.array_count; }

mote_status mote_study_data_array(const mote_study_data *data, size_t index, int split, const char **name,
                                  mote_tensor *tensor)
{
    const mote_task_data *d = &data->data;
    if (index >= (size_t)d->array_count || split < 0 || split > 1) {
        return mote_fail(d->context, MOTE_ERROR_ARGUMENT, "task %s: expected an array below %d and a split of 0 or 1",
                         d->task->name, d->array_count);
    }
    const mote_task_array *a = &d->arrays[index];
    const mote_task_split *s = split ? &d->test : &d->training;
    *name = a->name;
    *tensor = (mote_tensor){.layout = {.format = a->format, .rank = a->rank + 1, .axis = a->rank, .shape = {s->count}},
                            .elements = s->values[index]};
    for (int i = 0; i < a->rank; i++) {
        tensor->layout.shape[i + 1] = a->shape[i];
    }
    return MOTE_OK;
}

void mote_study_data_baselines(const mote_study_data *data, double *trivial, double *strong)
{
    *trivial = data->data.trivial;
    *strong = data->data.strong;
}

mote_status mote_study_data_score(mote_study_data *data, size_t count, const float *predictions, double *score)
{
    size_t size;
    mote_status status = mote_experiment_prediction_size(&data->data, &size);
    if (status != MOTE_OK) {
        return status;
    }
    if (count != size * data->data.test.count) {
        return mote_fail(data->data.context, MOTE_ERROR_SHAPE, "task %s: expected %zu predictions, found %zu",
                         data->data.task->name, size * data->data.test.count, count);
    }
    *score = data->data.task->score(&data->data, predictions);
    return MOTE_OK;
}
