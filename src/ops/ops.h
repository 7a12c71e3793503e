/* What operations share. */
#ifndef MOTE_OPS_OPS_H
#define MOTE_OPS_OPS_H

#include "graph/core.h"
#include "mote/operations.h"

/* The policy of a product in this run: its random numbers differ from step to step. */
static inline mote_policy mote_run_policy(const mote_run *run, const mote_node *node)
{
    mote_policy policy = node->policy;
    policy.seed += mote_run_stream(run, node);
    return policy;
}

/* The gradient of something that was broadcast: dy summed to shape. */
mote_value mote_sum_to(mote_graph *graph, mote_value dy, const mote_layout *shape);

#endif
