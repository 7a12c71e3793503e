/* The inside of optimizers: their states, which checkpoints keep. One row of the table in optimizer.c each. */
#ifndef MOTE_TRAIN_OPTIMIZER_H
#define MOTE_TRAIN_OPTIMIZER_H

#include "mote/optimizer.h"

/* One state of one parameter: a tensor, FP32 or in blocks, that a checkpoint keeps. */
typedef struct mote_optimizer_state {
    mote_value parameter;
    const char *name; /* "m", "v" */
    mote_tensor tensor;
} mote_optimizer_state;

/* Norm of all parameters' gradients in a plan of graph together. */
double mote_gradient_norm(const mote_context *context, const mote_graph *graph, const mote_plan *plan);

size_t mote_optimizer_state_count(const mote_optimizer *optimizer);
mote_optimizer_state *mote_optimizer_get_state(mote_optimizer *optimizer, size_t index);

#endif
