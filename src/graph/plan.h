/* The inside of a plan: a private copy of the graph after its passes, and where everything lies. */
#ifndef MOTE_GRAPH_PLAN_H
#define MOTE_GRAPH_PLAN_H

#include "graph/graph.h"

enum { MOTE_NO_PLACE = -1 };

/* Where values lie. */
typedef struct mote_places {
    int *root;         /* of each value: the one whose memory it shares; itself otherwise */
    int *first, *last; /* positions in the order between which a root is live; last is order_count where it is kept */
    uint64_t *bytes, *offset; /* of roots; in the arena, or among the inputs or parameters */
    uint64_t arena, parameters, inputs;
    mote_plan_memory memory;
} mote_places;

struct mote_plan {
    mote_context *context;
    mote_graph graph; /* names belong to the graph that it was copied from */
    mote_places places;
    const mote_plan *share;
    uint8_t *arena, *parameters, *inputs; /* parameters: NULL where shared */
    void **data;
    mote_plan_watch *watch;
    void *watch_user;
};

/* Copies nodes, order and values; names stay the original's. */
mote_status mote_graph_copy(const mote_graph *graph, mote_graph *copy);
void mote_graph_release_copy(mote_graph *copy);

/* Drops the nodes whose results nobody reads; with only_forward first all that differentiation appended. */
mote_status mote_graph_prune(mote_graph *graph, bool only_forward);

/* Computes the first count segments a second time in front of their gradients. */
mote_status mote_graph_recompute(mote_graph *graph, int count);

/* Finds lifetimes and packs them. places owns its arrays: mote_places_release. */
mote_status mote_places_find(mote_graph *graph, bool shared_parameters, mote_places *places);
void mote_places_release(mote_context *context, mote_places *places);

/* Bytes of the arena that are live while the node at position runs. */
uint64_t mote_places_live(const mote_graph *graph, const mote_places *places, int position);

#endif
