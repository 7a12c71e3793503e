/* Optimizers: from gradients to parameters. One row of the table in optimizer.c each. */
#ifndef MOTE_TRAIN_OPTIMIZER_H
#define MOTE_TRAIN_OPTIMIZER_H

#include "mote/graph.h"

typedef struct mote_optimizer mote_optimizer;

typedef struct mote_optimizer_settings {
    double learning_rate, beta1, beta2, weight_decay; /* weight decay: of parameters with two dimensions and more */
    double multiplier;                                /* of gradients */
    size_t step;                                      /* from 1 */
    uint64_t seed;                                    /* of the run: for states that are rounded stochastically */
} mote_optimizer_settings;

/* One state of one parameter: a tensor, FP32 or in blocks, that a checkpoint keeps. */
typedef struct mote_optimizer_state {
    mote_value parameter;
    const char *name; /* "m", "v" */
    mote_tensor tensor;
} mote_optimizer_state;

/* Makes the states, all zero, for the parameters of graph. The caller owns *optimizer (mote_optimizer_destroy).
 * Errors: MOTE_ERROR_ARGUMENT (unknown name), MOTE_ERROR_MEMORY. */
mote_status mote_optimizer_create(mote_context *context, const char *name, mote_graph *graph,
                                  mote_optimizer **optimizer);
void mote_optimizer_destroy(mote_optimizer *optimizer);

/* Bytes of the states of the optimizer of this name. */
mote_status mote_optimizer_bytes(mote_context *context, const char *name, mote_graph *graph, uint64_t *bytes);

size_t mote_optimizer_state_count(const mote_optimizer *optimizer);
mote_optimizer_state *mote_optimizer_get_state(mote_optimizer *optimizer, size_t index);

/* One step of every parameter that has a gradient in plan, a plan of the optimizer's graph. */
void mote_optimizer_step(mote_optimizer *optimizer, const mote_plan *plan, const mote_optimizer_settings *settings);

#endif
