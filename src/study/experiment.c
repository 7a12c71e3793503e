/* Training and running a task's model. */
#include "study/experiment.h"

#include <math.h>
#include <string.h>

#include "graph/core.h"
#include "graph/graph.h"
#include "mote/file.h"
#include "mote/machine.h"
#include "study/data.h"
#include "train/optimizer.h"
#include "train/schedule.h"

/* A graph for batches of one size, and its plan. */
typedef struct session {
    const mote_task_data *data;
    mote_graph *graph;
    mote_plan *plan;
    mote_policy_set *policy;
    size_t batch;
    mote_value inputs[MOTE_TASK_ARRAYS];
    mote_task_outputs outputs;
} session;

static void finish(session *s)
{
    mote_plan_destroy(s->plan);
    mote_graph_destroy(s->graph);
    mote_policy_set_destroy(s->data->context, s->policy);
}

/* The graph of the task without gradients or policy. */
static mote_status build(session *s, const mote_task_data *data, size_t batch, bool training)
{
    *s = (session){.data = data, .batch = batch};
    mote_status status = mote_graph_create(data->context, &s->graph);
    if (status != MOTE_OK) {
        return status;
    }
    for (int a = 0; a < data->array_count; a++) {
        const mote_task_array *array = &data->arrays[a];
        size_t shape[MOTE_TASK_RANK + 1] = {batch};
        memcpy(shape + 1, array->shape, (size_t)array->rank * sizeof *shape);
        s->inputs[a] = mote_graph_input(s->graph, array->name, array->format, array->rank + 1, shape);
    }
    data->task->build(s->graph, data, batch, training, s->inputs, &s->outputs);
    return mote_graph_status(s->graph);
}

static mote_status start_training(session *s, const mote_experiment *e)
{
    const mote_task_recipe *recipe = &e->data->task->recipe;
    mote_status status = build(s, e->data, mote_size_min(recipe->batch, e->data->training.count), true);
    status = status == MOTE_OK ? mote_policy_set_create(e->data->context, e->policy, &s->policy) : status;
    status = status == MOTE_OK ? mote_graph_differentiate(s->graph, s->outputs.loss) : status;
    status = status == MOTE_OK ? mote_graph_apply_policy(s->graph, s->policy) : status;
    return status == MOTE_OK ? mote_plan_create(s->graph, &(mote_plan_options){0}, &s->plan) : status;
}

static mote_status start_inference(session *s, const mote_experiment *e)
{
    const mote_task_recipe *recipe = &e->data->task->recipe;
    mote_status status = build(s, e->data, mote_size_min(recipe->batch, e->data->test.count), false);
    mote_graph_output(s->graph, s->outputs.prediction);
    status = status == MOTE_OK ? mote_graph_status(s->graph) : status;
    status = status == MOTE_OK ? mote_policy_set_create(e->data->context, e->policy, &s->policy) : status;
    status = status == MOTE_OK ? mote_graph_apply_policy(s->graph, s->policy) : status;
    status = status == MOTE_OK ? mote_graph_pack_parameters(s->graph) : status;
    return status == MOTE_OK ? mote_plan_create(s->graph, &(mote_plan_options){.only_forward = 1}, &s->plan) : status;
}

/* Fills the inputs with samples; order NULL: from first on, and the last sample again where there are no more. */
static void load(const session *s, const mote_task_split *split, const size_t *order, size_t first)
{
    for (int a = 0; a < s->data->array_count; a++) {
        float *to = mote_plan_data(s->plan, s->inputs[a]);
        const size_t size = s->data->arrays[a].size;
        for (size_t b = 0; to && b < s->batch; b++) {
            size_t sample = order ? order[first + b] : mote_size_min(first + b, split->count - 1);
            memcpy(to + b * size, mote_data_at(s->data, split, a, sample), size * sizeof *to);
        }
    }
}

static mote_status set_weights(session *s, const float *weights)
{
    mote_status status = MOTE_OK;
    for (mote_value v = 0; status == MOTE_OK && v < s->graph->value_count; v++) {
        if (mote_graph_is_parameter(s->graph, v)) {
            mote_layout layout;
            status = mote_graph_value_layout(s->graph, v, &layout);
            layout.format = MOTE_FP32;
            mote_tensor tensor = {.layout = layout, .elements = (uint8_t *)weights};
            status = status == MOTE_OK ? mote_plan_set(s->plan, v, &tensor) : status;
            weights += mote_value_count(s->graph, v);
        }
    }
    return status;
}

static void get_weights(const session *s, float *weights)
{
    for (mote_value v = 0; v < s->graph->value_count; v++) {
        if (mote_graph_is_parameter(s->graph, v)) {
            size_t count = mote_value_count(s->graph, v);
            memcpy(weights, mote_plan_data(s->plan, v), count * sizeof *weights);
            weights += count;
        }
    }
}

/* ---- training ---- */

typedef struct course {
    const mote_experiment *experiment;
    session session;
    mote_optimizer *optimizer;
    size_t *order; /* of the training samples, this time round; NULL: all of them at once */
    size_t next;   /* place in it */
    uint64_t round;
    size_t steps;
    double factor;
} course;

static const size_t *next_batch(course *c)
{
    const size_t count = c->experiment->data->training.count;
    if (c->order && c->next + c->session.batch > count) {
        mote_random random = {.seed = (c->experiment->seed << 20) + ++c->round};
        mote_random_order(&random, count, c->order);
        c->next = 0;
    }
    return c->order;
}

static mote_status step(course *c, size_t index, mote_experiment_cost *cost)
{
    session *s = &c->session;
    const mote_task_recipe *recipe = &s->data->task->recipe;
    const uint64_t seed = c->experiment->seed * UINT64_C(0x9E3779B97F4A7C15) + index + 1;
    const size_t *order = next_batch(c);
    load(s, &s->data->training, order, order ? c->next : 0);
    c->next += s->batch;
    mote_status status = mote_plan_run(s->plan, seed);
    if (status != MOTE_OK) {
        return status;
    }
    const double loss = (double)*(const float *)mote_plan_data(s->plan, s->outputs.loss),
                 norm = mote_gradient_norm(s->data->context, s->graph, s->plan);
    cost->diverged = !isfinite(loss) || !isfinite(norm);
    if (!cost->diverged) {
        mote_optimizer_settings settings = {
            .learning_rate = c->factor * recipe->learning_rate *
                             mote_schedule_factor(mote_schedule_find("cosine"), index, c->steps, c->steps / 20, 0.01),
            .beta1 = 0.9,
            .beta2 = 0.99,
            .weight_decay = recipe->weight_decay,
            .multiplier = norm > 1 ? 1 / norm : 1,
            .step = index + 1,
            .seed = c->experiment->seed};
        mote_optimizer_step(c->optimizer, s->plan, &settings);
    }
    return MOTE_OK;
}

static mote_status train(course *c, mote_experiment_cost *cost)
{
    const mote_experiment *e = c->experiment;
    for (size_t i = 0; i < c->steps && !cost->diverged; i++) {
        if (e->stop && e->stop(e->user)) {
            return mote_fail(e->data->context, MOTE_ERROR_CANCELLED, "stopped");
        }
        mote_status status = step(c, i, cost);
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}

/* Joules of a run of the plan; of training, with the update: parameters, gradients and two states are read, parameters
 * and states written, gradients read again for their norm. */
static mote_status model_joules(const session *s, const mote_profile *profile, bool training, double *joules)
{
    mote_graph_counts counts;
    mote_estimate estimate;
    mote_status status = mote_graph_count(s->graph, !training, 0, &counts);
    *joules = NAN;
    if (status == MOTE_OK && profile) {
        counts.bytes[MOTE_REACHES - 1] +=
            training ? 8.0 * (double)sizeof(float) * (double)mote_graph_parameter_count(s->graph) : 0;
        mote_profile_estimate(profile, &counts, &estimate);
        *joules = estimate.joules;
    }
    return status;
}

static mote_status begin(course *c, bool start, const float *weights)
{
    const mote_experiment *e = c->experiment;
    session *s = &c->session;
    mote_context *context = e->data->context;
    mote_status status = start_training(s, e);
    const size_t count = e->data->training.count;
    if (status == MOTE_OK && s->batch < count) {
        c->order = mote_allocate_array(context, count, sizeof *c->order);
        status = c->order ? MOTE_OK : MOTE_ERROR_MEMORY;
        c->next = count;
    }
    status = status == MOTE_OK ? mote_optimizer_create(context, "adamw", s->graph, &c->optimizer) : status;
    if (status == MOTE_OK) {
        status = start ? set_weights(s, weights) : mote_plan_initialize(s->plan, e->seed);
    }
    return status;
}

mote_status mote_experiment_train(const mote_experiment *experiment, size_t steps, double factor, bool start,
                                  float *weights, mote_experiment_cost *cost)
{
    course c = {.experiment = experiment, .session.data = experiment->data, .steps = steps, .factor = factor};
    *cost = (mote_experiment_cost){.steps = steps, .joules = NAN};
    mote_status status = begin(&c, start, weights);
    status = status == MOTE_OK ? model_joules(&c.session, experiment->profile, true, &cost->joules) : status;
    if (status == MOTE_OK) {
        const double began = mote_clock();
        cost->parameters = mote_graph_parameter_count(c.session.graph);
        status = train(&c, cost);
        cost->seconds = mote_clock() - began;
        cost->joules *= (double)steps;
    }
    if (status == MOTE_OK) {
        get_weights(&c.session, weights);
    }
    mote_optimizer_destroy(c.optimizer);
    mote_release(experiment->data->context, c.order);
    finish(&c.session);
    return status;
}

mote_status mote_experiment_weights(const mote_task_data *data, size_t *count)
{
    session s;
    mote_status status = build(&s, data, 1, false);
    *count = status == MOTE_OK ? mote_graph_parameter_count(s.graph) : 0;
    finish(&s);
    return status;
}

mote_status mote_experiment_prediction_size(const mote_task_data *data, size_t *size)
{
    session s;
    mote_status status = build(&s, data, 1, false);
    *size = status == MOTE_OK ? mote_value_count(s.graph, s.outputs.prediction) : 0;
    finish(&s);
    return status;
}

/* ---- inference ---- */

/* Bytes of the weights in a file where matrices and larger ones are in the policy's format, as mote cast writes it. */
static uint64_t weight_bytes(const session *s, const char *name)
{
    mote_policy policy;
    uint64_t bytes = 0;
    bool known = mote_policy_find(name, &policy);
    for (mote_value v = 0; v < s->graph->value_count; v++) {
        mote_layout layout;
        mote_layout_sizes sizes;
        if (!mote_graph_is_parameter(s->graph, v) || mote_graph_value_layout(s->graph, v, &layout) != MOTE_OK) {
            continue;
        }
        layout.format = known && layout.rank >= 2 ? policy.forward_weight : MOTE_FP32;
        layout.axis = layout.rank ? layout.rank - 1 : 0;
        if (mote_layout_measure(s->data->context, &layout, &sizes) == MOTE_OK) {
            bytes += sizes.element_bytes + sizes.scale_bytes;
        }
    }
    return bytes;
}

static mote_status run_test(session *s, float **predictions)
{
    const mote_task_split *test = &s->data->test;
    const size_t size = mote_value_count(s->graph, s->outputs.prediction) / s->batch;
    *predictions = mote_allocate_array(s->data->context, test->count, size * sizeof **predictions);
    mote_status status = *predictions ? MOTE_OK : MOTE_ERROR_MEMORY;
    for (size_t first = 0; status == MOTE_OK && first < test->count; first += s->batch) {
        load(s, test, NULL, first);
        status = mote_plan_run(s->plan, 0);
        memcpy(*predictions + first * size, mote_plan_data(s->plan, s->outputs.prediction),
               mote_size_min(s->batch, test->count - first) * size * sizeof **predictions);
    }
    return status;
}

mote_status mote_experiment_predict(const mote_experiment *experiment, const float *weights, float **predictions,
                                    mote_experiment_cost *cost)
{
    session s = {.data = experiment->data};
    *predictions = NULL;
    *cost = (mote_experiment_cost){.joules = NAN};
    mote_status status = start_inference(&s, experiment);
    status = status == MOTE_OK ? set_weights(&s, weights) : status;
    status = status == MOTE_OK ? model_joules(&s, experiment->profile, false, &cost->joules) : status;
    if (status == MOTE_OK) {
        const double began = mote_clock();
        cost->joules /= (double)s.batch;
        cost->parameters = mote_graph_parameter_count(s.graph);
        cost->bytes = weight_bytes(&s, experiment->policy);
        status = run_test(&s, predictions);
        cost->seconds = mote_clock() - began;
    }
    if (status != MOTE_OK) {
        mote_release(experiment->data->context, *predictions);
        *predictions = NULL;
    }
    finish(&s);
    return status;
}

/* ---- weights in files ---- */

static mote_status write_tensors(mote_writer *writer, size_t count, const mote_tensor_info *infos, const float *weights)
{
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < count; i++) {
        mote_tensor tensor = {.layout = infos[i].layout, .elements = (uint8_t *)weights};
        status = mote_writer_put(writer, &tensor);
        weights += infos[i].element_bytes / sizeof(float);
    }
    if (status == MOTE_OK) {
        return mote_writer_finish(writer);
    }
    mote_writer_discard(writer);
    return status;
}

/* The parameters of a graph as tensors of a file; *count of them. NULL without memory. */
static mote_tensor_info *describe(const session *s, size_t *count)
{
    mote_tensor_info *infos = mote_allocate_array(s->data->context, (size_t)s->graph->value_count, sizeof *infos);
    *count = 0;
    for (mote_value v = 0; infos && v < s->graph->value_count; v++) {
        if (mote_graph_is_parameter(s->graph, v)) {
            mote_tensor_info *info = &infos[(*count)++];
            *info = (mote_tensor_info){.name = mote_graph_value_name(s->graph, v),
                                       .element_bytes = mote_value_count(s->graph, v) * sizeof(float)};
            mote_graph_value_layout(s->graph, v, &info->layout);
        }
    }
    return infos;
}

mote_status mote_experiment_save(const mote_task_data *data, const float *weights, const char *path)
{
    session s;
    size_t count;
    mote_writer *writer;
    mote_tensor_info *infos = NULL;
    mote_status status = build(&s, data, 1, false);
    if (status == MOTE_OK) {
        infos = describe(&s, &count);
        status = infos ? mote_writer_create(data->context, path, count, infos, 0, NULL, &writer) : MOTE_ERROR_MEMORY;
        status = status == MOTE_OK ? write_tensors(writer, count, infos, weights) : status;
    }
    mote_release(data->context, infos);
    finish(&s);
    return status;
}

static mote_status read_tensors(const mote_task_data *data, const char *path, size_t count,
                                const mote_tensor_info *infos, float *weights)
{
    mote_file *file;
    mote_status status = mote_file_open(data->context, path, &file);
    if (status != MOTE_OK) {
        return status;
    }
    for (size_t i = 0; status == MOTE_OK && i < count; i++) {
        size_t at = 0;
        const mote_tensor_info *found = mote_file_tensor(file, 0);
        while (found && strcmp(found->name, infos[i].name) != 0) {
            found = mote_file_tensor(file, ++at);
        }
        if (!found || found->layout.format != MOTE_FP32 || found->element_bytes != infos[i].element_bytes) {
            status = mote_fail(data->context, MOTE_ERROR_FILE,
                               "%s: expected weights of task %s, found no tensor %s of %zu bytes", path,
                               data->task->name, infos[i].name, infos[i].element_bytes);
            break;
        }
        mote_tensor tensor = {.elements = (uint8_t *)weights};
        status = mote_file_read(file, at, &tensor);
        weights += infos[i].element_bytes / sizeof(float);
    }
    mote_file_close(file);
    return status;
}

mote_status mote_experiment_load(const mote_task_data *data, const char *path, float *weights)
{
    session s;
    size_t count;
    mote_tensor_info *infos = NULL;
    mote_status status = build(&s, data, 1, false);
    if (status == MOTE_OK) {
        infos = describe(&s, &count);
        status = infos ? read_tensors(data, path, count, infos, weights) : MOTE_ERROR_MEMORY;
    }
    mote_release(data->context, infos);
    finish(&s);
    return status;
}
