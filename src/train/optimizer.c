#include "train/optimizer.h"

#include <math.h>
#include <string.h>

#include "graph/core.h"
#include "kernels/update/update.h"

/* What an optimizer is: the formats of its states, and a step of one parameter. */
typedef struct method {
    const char *name;
    int states;
    const char *state_names[2];
    mote_format formats[2];
    void (*step)(const mote_context *context, size_t count, uint64_t position, bool decays, const float *gradient,
                 float *parameter, mote_optimizer_state *states, const mote_optimizer_settings *settings);
} method;

struct mote_optimizer {
    mote_context *context;
    const method *method;
    mote_graph *graph;
    mote_optimizer_state *states; /* those of a parameter follow each other */
    size_t count;
    uint8_t *memory;
    uint64_t bytes;
};

static mote_adamw_step adamw_step(bool decays, const mote_optimizer_settings *s)
{
    mote_adamw adamw = {.learning_rate = s->learning_rate,
                        .beta1 = s->beta1,
                        .beta2 = s->beta2,
                        .epsilon = 1e-8,
                        .weight_decay = decays ? s->weight_decay : 0};
    return mote_adamw_at(&adamw, s->step, (float)s->multiplier);
}

/* Loshchilov and Hutter, arXiv 1711.05101, algorithm 2. */
static void step_adamw(const mote_context *context, size_t count, uint64_t position, bool decays, const float *gradient,
                       float *parameter, mote_optimizer_state *states, const mote_optimizer_settings *settings)
{
    mote_adamw_step step = adamw_step(decays, settings);
    (void)position;
    mote_update_adamw(context, count, &step, gradient, parameter, states[0].tensor.elements, states[1].tensor.elements);
}

/* The same with states in blocks of eight bits; Dettmers et al., arXiv 2110.02861, for the idea. */
static void step_adamw_blocks(const mote_context *context, size_t count, uint64_t position, bool decays,
                              const float *gradient, float *parameter, mote_optimizer_state *states,
                              const mote_optimizer_settings *settings)
{
    mote_adamw_step step = adamw_step(decays, settings);
    mote_adamw_blocks blocks = {states[0].tensor.elements, states[0].tensor.scales, states[1].tensor.elements,
                                states[1].tensor.scales};
    mote_update_adamw_blocks(context, count, &step, settings->seed + settings->step, position, gradient, parameter,
                             &blocks);
}

/* Sutskever et al., ICML 2013, section 2, with decoupled decay. */
static void step_sgd(const mote_context *context, size_t count, uint64_t position, bool decays, const float *gradient,
                     float *parameter, mote_optimizer_state *states, const mote_optimizer_settings *settings)
{
    mote_sgd_step step = {.multiplier = (float)settings->multiplier,
                          .decay = (float)(1 - settings->learning_rate * (decays ? settings->weight_decay : 0)),
                          .momentum = (float)settings->beta1,
                          .rate = (float)settings->learning_rate};
    (void)position;
    mote_update_sgd(context, count, &step, gradient, parameter, states[0].tensor.elements);
}

static const method methods[] = {
    {"adamw", 2, {"m", "v"}, {MOTE_FP32, MOTE_FP32}, step_adamw},
    {"adamw8", 2, {"m", "root_v"}, {MOTE_MXINT8, MOTE_MXFP8_E4M3}, step_adamw_blocks},
    {"sgd", 1, {"momentum"}, {MOTE_FP32}, step_sgd},
};

enum { METHODS = sizeof methods / sizeof methods[0] };

static mote_status find(mote_context *context, const char *name, const method **found)
{
    for (int i = 0; i < METHODS; i++) {
        if (strcmp(methods[i].name, name) == 0) {
            *found = &methods[i];
            return MOTE_OK;
        }
    }
    return mote_fail(context, MOTE_ERROR_ARGUMENT, "optimizer: unknown name '%s'; known: adamw adamw8 sgd", name);
}

/* States of the eight-bit kinds are one line, whatever the parameter's shape. */
static mote_layout state_layout(mote_graph *graph, mote_value parameter, mote_format format)
{
    mote_layout layout = *mote_layout_of(graph, parameter);
    if (mote_format_get(format)->block_length > 1) {
        layout.shape[0] = mote_value_count(graph, parameter);
        layout.rank = 1;
        layout.axis = 0;
    }
    layout.format = format;
    return layout;
}

mote_status mote_optimizer_bytes(mote_context *context, const char *name, mote_graph *graph, uint64_t *bytes)
{
    const method *m = NULL;
    mote_status status = find(context, name, &m);
    *bytes = 0;
    for (int v = 0; m && v < graph->value_count; v++) {
        for (int i = 0; graph->values[v].kind == MOTE_VALUE_PARAMETER && i < m->states; i++) {
            mote_layout layout = state_layout(graph, v, m->formats[i]);
            *bytes += mote_value_bytes(context, &layout);
        }
    }
    return status;
}

mote_status mote_optimizer_create(mote_context *context, const char *name, mote_graph *graph,
                                  mote_optimizer **optimizer)
{
    const method *m = NULL;
    uint64_t bytes = 0;
    *optimizer = NULL;
    mote_status status = find(context, name, &m);
    status = status == MOTE_OK ? mote_optimizer_bytes(context, name, graph, &bytes) : status;
    if (status != MOTE_OK) {
        return status;
    }
    mote_optimizer *made = mote_allocate(context, sizeof *made);
    if (!made) {
        return MOTE_ERROR_MEMORY;
    }
    *made = (mote_optimizer){.context = context, .method = m, .graph = graph, .bytes = bytes};
    made->memory = mote_allocate(context, bytes);
    made->states = mote_allocate_array(context, 2 * (size_t)graph->value_count + 1, sizeof *made->states);
    if (!made->memory || !made->states) {
        mote_optimizer_destroy(made);
        return MOTE_ERROR_MEMORY;
    }
    memset(made->memory, 0, bytes);
    uint8_t *at = made->memory;
    for (int v = 0; v < graph->value_count; v++) {
        for (int i = 0; graph->values[v].kind == MOTE_VALUE_PARAMETER && i < m->states; i++) {
            mote_layout layout = state_layout(graph, v, m->formats[i]);
            made->states[made->count++] =
                (mote_optimizer_state){v, m->state_names[i], mote_value_tensor(context, &layout, at)};
            at += mote_value_bytes(context, &layout);
        }
    }
    *optimizer = made;
    return MOTE_OK;
}

void mote_optimizer_destroy(mote_optimizer *optimizer)
{
    if (optimizer) {
        mote_context *context = optimizer->context;
        mote_release(context, optimizer->memory);
        mote_release(context, optimizer->states);
        mote_release(context, optimizer);
    }
}

size_t mote_optimizer_state_count(const mote_optimizer *optimizer) { return optimizer->count; }

mote_optimizer_state *mote_optimizer_get_state(mote_optimizer *optimizer, size_t index)
{
    return &optimizer->states[index];
}

void mote_optimizer_step(mote_optimizer *optimizer, const mote_plan *plan, const mote_optimizer_settings *settings)
{
    const mote_graph *graph = optimizer->graph;
    uint64_t position = 0;
    for (size_t i = 0; i < optimizer->count; i += (size_t)optimizer->method->states) {
        mote_value parameter = optimizer->states[i].parameter;
        size_t count = mote_value_count(graph, parameter);
        const float *gradient = mote_plan_data(plan, mote_graph_gradient(graph, parameter));
        if (gradient) {
            optimizer->method->step(optimizer->context, count, position, mote_layout_of(graph, parameter)->rank > 1,
                                    gradient, mote_plan_data(plan, parameter), &optimizer->states[i], settings);
        }
        position += count;
    }
}

double mote_gradient_norm(const mote_context *context, const mote_graph *graph, const mote_plan *plan)
{
    double sum = 0;
    for (mote_value v = 0; v < graph->value_count; v++) {
        const float *gradient =
            mote_graph_is_parameter(graph, v) ? mote_plan_data(plan, mote_graph_gradient(graph, v)) : NULL;
        sum += gradient ? mote_sum_squares(context, mote_value_count(graph, v), gradient) : 0;
    }
    return sqrt(sum);
}
