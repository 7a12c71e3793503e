/* Bodies that are computed piece by piece along an axis: a node of pieces has a small graph of its own, the body, that
 * runs once for each piece, in memory that the next piece uses again. */
#ifndef MOTE_GRAPH_PIECES_H
#define MOTE_GRAPH_PIECES_H

#include "graph/plan.h"
#include "mote/operations.h"

enum {
    MOTE_BODIES = 2, /* for pieces of full length, and for a shorter last one */
    MOTE_WHOLE = -1  /* instead of an axis: the value is not cut; the result is summed over the pieces */
};

typedef struct mote_body {
    mote_graph *graph;                                               /* NULL: there is none */
    mote_value inputs[MOTE_NODE_INPUTS], results[MOTE_NODE_OUTPUTS]; /* its values for the node's */
    mote_places places; /* of its values, from the beginning of the node's scratch memory; see mote_pieces_plan */
    void **data;        /* where they are in a run; NULL before there is a plan */
} mote_body;

/* What a node of pieces computes. Owned by the graph that it was made for; copies of the graph and of the node share
 * it. */
struct mote_pieces {
    size_t extent, length; /* of what is cut, and of a piece, along the axes */
    int input_count, result_count;
    int input_axes[MOTE_NODE_INPUTS], result_axes[MOTE_NODE_OUTPUTS];
    mote_format format; /* of the first result; gradients are FP32 */
    mote_body bodies[MOTE_BODIES];
    mote_pieces *next; /* of the graph's */
};

/* Attributes of its nodes. */
typedef struct mote_pieces_attributes {
    mote_pieces *pieces;
} mote_pieces_attributes;

/* What a node computes by pieces; NULL for other nodes. */
static inline mote_pieces *mote_node_pieces(const mote_node *node)
{
    return node->op->pieces ? MOTE_ATTRIBUTES(node, mote_pieces_attributes)->pieces : NULL;
}

/* Calls the builder for each length of pieces and cuts what it appended out of the graph, which keeps its parameters.
 * inputs: what the node reads: values that are cut, then those that the body reads whole. NULL: the failure sticks. */
mote_pieces *mote_pieces_build(mote_graph *graph, const mote_pieces_options *options, mote_piece_builder *build,
                               void *argument, mote_value inputs[MOTE_NODE_INPUTS]);

/* The gradients of its only result with respect to the inputs that need one: result_of each input, or -1. Its inputs
 * are the same ones and then the gradient of the result. NULL: the failure sticks. */
mote_pieces *mote_pieces_differentiate(mote_graph *graph, const mote_pieces *pieces, const bool *needed,
                                       int result_of[MOTE_NODE_INPUTS]);

/* Layout of a value of which the body sees pieces, or the body's value for pieces of this length. */
mote_layout mote_pieces_resize(const mote_layout *layout, int axis, size_t length);

/* The body's layout for a piece of an input: what is cut is FP32 there whatever it is outside, but for integers. */
mote_layout mote_pieces_seen(const mote_layout *layout, int axis, size_t length);

/* True if pieces of a value are used where they are: in one stretch each, and as the body has them. */
bool mote_pieces_lie(const mote_layout *layout, int axis);

/* For a plan's copy of a graph: plans all bodies, once for all plans as no policy changes their values, and gives their
 * nodes scratch memory. */
mote_status mote_pieces_plan(mote_graph *graph);

/* Bytes of the description of a graph, its bodies and one plan of it: what they take beside the memory of values. */
uint64_t mote_graph_bytes(const mote_graph *graph);

/* Releases all that the graph owns. */
void mote_pieces_destroy(mote_graph *graph);

#endif
