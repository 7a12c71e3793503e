/* Optimizers: from the gradients of a plan to its parameters. mote_train() has its own; this is for graphs of yours:
 *
 *   mote_graph_differentiate(graph, loss);
 *   mote_plan_create(graph, &plan_options, &plan);
 *   mote_optimizer_create(context, "adamw", graph, &optimizer);
 *   for (size_t step = 1; step <= steps; step++) {
 *       ... fill mote_plan_data(plan, input) ...
 *       mote_plan_run(plan, step);
 *       settings.step = step;
 *       mote_optimizer_step(optimizer, plan, &settings);
 *   }
 */
#ifndef MOTE_OPTIMIZER_H
#define MOTE_OPTIMIZER_H

#include "mote/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_optimizer mote_optimizer;

/* Of one step. Every field counts as it is: nothing has a default. */
typedef struct mote_optimizer_settings {
    double learning_rate;
    double beta1, beta2; /* adamw: decay of the means of gradients and of their squares, such as 0.9 and 0.95; sgd:
                            beta1 is the momentum */
    double weight_decay; /* of parameters with two dimensions and more */
    double multiplier;   /* of gradients: 1, or less to clip them */
    size_t step;         /* from 1 */
    uint64_t seed;       /* of the run: for states that are rounded stochastically */
} mote_optimizer_settings;

/* name: adamw (arXiv 1711.05101), adamw8 (the same with states in 8-bit blocks), sgd. Makes the states, all zero, for
 * the parameters of graph, which must outlive it. The caller owns *optimizer (mote_optimizer_destroy). Errors:
 * MOTE_ERROR_ARGUMENT (unknown name), MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_optimizer_create(mote_context *context, const char *name, mote_graph *graph,
                                           mote_optimizer **optimizer);
MOTE_API void mote_optimizer_destroy(mote_optimizer *optimizer);

/* Bytes of the states of the optimizer of this name. */
MOTE_API mote_status mote_optimizer_bytes(mote_context *context, const char *name, mote_graph *graph, uint64_t *bytes);

/* One step of every parameter that has a gradient in plan, a plan of the optimizer's graph that was run. */
MOTE_API void mote_optimizer_step(mote_optimizer *optimizer, const mote_plan *plan,
                                  const mote_optimizer_settings *settings);

#ifdef __cplusplus
}
#endif
#endif
