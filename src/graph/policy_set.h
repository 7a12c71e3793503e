/* The inside of a policy set. */
#ifndef MOTE_GRAPH_POLICY_SET_H
#define MOTE_GRAPH_POLICY_SET_H

#include "base/arena.h"
#include "mote/graph.h"

typedef struct mote_policy_rule {
    const char *pattern;
    mote_policy policy;
} mote_policy_rule;

struct mote_policy_set {
    mote_arena memory;
    mote_policy policy; /* of layers that no rule matches */
    mote_format saved;
    mote_policy_rule *rules;
    size_t count;
};

/* Gives every product of the graph its policy. */
mote_status mote_policy_set_products(mote_graph *graph, const mote_policy_set *set);

#endif
