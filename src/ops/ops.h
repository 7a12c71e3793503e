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

/* Of one product: for an operation's operands(). */
static inline int mote_one_product(mote_format left, mote_format right, mote_format formats[MOTE_NODE_PRODUCTS][2])
{
    formats[0][0] = left;
    formats[0][1] = right;
    return 1;
}

/* Of attention's two products, or of the five of its gradient. */
int mote_attention_operands(const mote_policy *policy, bool backward, mote_format formats[MOTE_NODE_PRODUCTS][2]);

/* The gradient of something that was broadcast: dy summed to shape. */
mote_value mote_sum_to(mote_graph *graph, mote_value dy, const mote_layout *shape);

#endif
