/* The inside of a graph: nodes, values, and what an operation must provide. */
#ifndef MOTE_GRAPH_GRAPH_H
#define MOTE_GRAPH_GRAPH_H

#include "base/arena.h"
#include "mote/graph.h"

enum {
    MOTE_NODE_INPUTS = 32, /* pieces have many: what their body reads; masks of them have 32 bits */
    MOTE_NODE_OUTPUTS = 32,
    MOTE_NODE_ATTRIBUTES = 112, /* bytes */
    MOTE_NO_SEGMENT = -1,
    MOTE_LAYER_DEPTH = 16,
    MOTE_NODE_PRODUCTS = 5,
    MOTE_PLACE_ALIGNMENT = 64
};

typedef struct mote_op mote_op;
typedef struct mote_pieces mote_pieces; /* graph/pieces.h */

/* The passes that appended a node. */
typedef enum mote_phase { MOTE_PHASE_FORWARD, MOTE_PHASE_BACKWARD } mote_phase;

typedef struct mote_node {
    const mote_op *op;
    mote_value inputs[MOTE_NODE_INPUTS], outputs[MOTE_NODE_OUTPUTS]; /* inputs may be MOTE_NO_VALUE where optional */
    int input_count, output_count;
    const char *layer; /* "h.0.attention"; "" outside of all */
    int segment;
    mote_phase phase;
    int number;         /* of the node that the builder made: gradients and copies share it with their origin */
    mote_policy policy; /* of products */
    unsigned in_place;  /* bit i: output 0 may take the memory of input i; the operation's, unless infer changes it */
    mote_value scratch; /* in a plan's copy: memory for this node's run alone, or MOTE_NO_VALUE */
    _Alignas(8) uint8_t attributes[MOTE_NODE_ATTRIBUTES]; /* the operation's own struct */
} mote_node;

typedef enum mote_value_kind { MOTE_VALUE_INPUT, MOTE_VALUE_PARAMETER, MOTE_VALUE_RESULT } mote_value_kind;

typedef struct mote_value_info {
    const char *name;
    mote_value_kind kind;
    mote_layout layout; /* rank, shape, format, axis: block formats have planes one behind the other, see place.h */
    int producer;       /* node, or -1 */
    bool kept;          /* an output of the graph */
    bool wanted;        /* an input whose gradient is asked for */
    bool consumed;      /* an input that is gone when it has been read */
    mote_value gradient;
    mote_initializer initializer;
    double spread;
    mote_quantize_options conversion; /* from FP32, of parameters in block formats; deterministic */
} mote_value_info;

struct mote_graph {
    mote_context *context;
    mote_arena names;
    mote_node *nodes;
    int node_count, node_capacity;
    int *order;      /* of execution: node numbers */
    int order_count; /* nodes that are left in it */
    mote_value_info *values;
    int value_count, value_capacity;
    char layer[512];              /* of the nodes being made */
    int depths[MOTE_LAYER_DEPTH]; /* lengths of its names, outer layers first */
    int depth;
    const char *layer_name;     /* its copy in names */
    int segment, segment_count; /* segment: open one, or MOTE_NO_SEGMENT */
    mote_phase phase;
    int number;          /* for new nodes: -1, their own; otherwise of the node whose gradient is being made */
    mote_pieces *pieces; /* owned: of its nodes and, a body's gradients aside, of those in its bodies */
    mote_value body;     /* the first value of the body of pieces that is being built, or MOTE_NO_VALUE */
    mote_value again;    /* values from here on are found by their names (a body's second time); or MOTE_NO_VALUE */
    mote_status status;
    char message[512]; /* of the first failure */
};

/* One run of a plan, as operations see it. */
typedef struct mote_run {
    mote_context *context;
    const mote_graph *graph;
    void *const *data; /* memory of each value */
    uint64_t seed;
    int *nonfinite;         /* set, and the run ends, where a result is not finite; NULL: nobody looks */
    mote_plan_watch *watch; /* NULL: none; and within bodies */
    void *watch_user;
} mote_run;

/* An operation: one row in one file of src/ops. */
struct mote_op {
    const char *name;
    /* Checks inputs and attributes, and gives the outputs their layouts (format, rank, shape) through
     * mote_node_result(). */
    mote_status (*infer)(mote_graph *graph, mote_node *node);
    /* Appends the nodes that compute dx[i] from dy[] for every input that needs one; dx starts as MOTE_NO_VALUE, dy[i]
     * is MOTE_NO_VALUE where output i has no gradient. NULL: none can be asked for. node is a copy. */
    void (*differentiate)(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                          mote_value *dx);
    mote_status (*run)(const mote_run *run, const mote_node *node);
    /* Multiply-adds; NULL: none. Bytes are counted from the layouts. */
    double (*multiply_adds)(const mote_graph *graph, const mote_node *node);
    /* Of its products, which share the multiply-adds equally, the formats of the left and the right operand; returns
     * how many there are. NULL: one, in FP32. */
    int (*operands)(const mote_node *node, mote_format formats[MOTE_NODE_PRODUCTS][2]);
    /* Bytes of the context's workspace that run() needs; NULL: none. */
    size_t (*workspace)(mote_context *context, const mote_graph *graph, const mote_node *node);
    /* Attributes as text; NULL: there are none. */
    void (*describe)(const mote_node *node, char *text, size_t size);
    /* The block layout in which run() would rather read an input that is kept for it, by the forward pass or as a
     * parameter, with the results that FP32 gives: fills layout and the options of the conversion, or returns false.
     * NULL: FP32 only. */
    bool (*kept_layout)(const mote_graph *graph, const mote_node *node, int input, mote_layout *layout,
                        mote_quantize_options *options);
    unsigned in_place;        /* of its nodes */
    unsigned exact_inputs;    /* bit i: input i must not be rounded when it is saved (targets, statistics) */
    unsigned may_be_infinite; /* bit o: infinities in output o are no failure */
    bool view;                /* output 0 is input 0's memory under another shape */
    bool stops;               /* its results count as constants: no gradient goes through */
    bool product;             /* reads node->policy */
    bool pieces;              /* has bodies: mote_node_pieces() */
};

/* ---- for operations ---- */

/* Appends a node and infers its outputs; returns output 0, further ones through mote_node_output. attributes: copied,
 * may be NULL. Inputs may be MOTE_NO_VALUE only where optional: the op's infer checks. */
mote_value mote_graph_append(mote_graph *graph, const mote_op *op, int input_count, const mote_value *inputs,
                             const void *attributes, size_t size);

/* Output index of the node that made value. */
mote_value mote_graph_output_of(const mote_graph *graph, mote_value value, int index);

/* For infer: declares the next output. */
mote_status mote_node_result(mote_graph *graph, mote_node *node, mote_format format, int rank, const size_t *shape);

/* For infer: fails with the layer and the name of the operation in front. */
__attribute__((format(printf, 3, 4))) mote_status mote_node_fail(mote_graph *graph, const mote_node *node,
                                                                 const char *format, ...);

/* Layout of an input or output. value must exist. */
static inline const mote_layout *mote_layout_of(const mote_graph *graph, mote_value value)
{
    return &graph->values[value].layout;
}

/* Values of a layout; no overflow: it was checked when the value was made. */
size_t mote_value_count(const mote_graph *graph, mote_value value);

/* Sizes as [rows, columns]: all dimensions but the last, and the last. */
size_t mote_value_columns(const mote_graph *graph, mote_value value);
size_t mote_value_rows(const mote_graph *graph, mote_value value);

/* True if both values have the same shape. */
bool mote_same_shape(const mote_graph *graph, mote_value a, mote_value b);

/* Checks an input: there, of format, of rank (-1: any). */
mote_status mote_node_expect(mote_graph *graph, const mote_node *node, int input, mote_format format, int rank);

/* The attributes as the op's own struct. */
#define MOTE_ATTRIBUTES(node, type) ((const type *)(const void *)(node)->attributes)

/* Memory of input or output i in a run; NULL for MOTE_NO_VALUE. */
static inline const float *mote_run_input(const mote_run *run, const mote_node *node, int i)
{
    return node->inputs[i] < 0 ? NULL : run->data[node->inputs[i]];
}

static inline float *mote_run_output(const mote_run *run, const mote_node *node, int i)
{
    return run->data[node->outputs[i]];
}

/* A number that differs between nodes and runs but not between a node and its gradient. */
uint64_t mote_run_stream(const mote_run *run, const mote_node *node);

/* Runs all nodes in their order. */
mote_status mote_run_nodes(const mote_run *run);

/* ---- for passes ---- */

/* Appends a node to nodes and order, and returns its index, or -1. */
int mote_graph_append_node(mote_graph *graph, const mote_node *node);

/* Appends a value; MOTE_NO_VALUE without memory. */
mote_value mote_graph_append_value(mote_graph *graph, const mote_value_info *info);

/* mote_graph_differentiate() of any value, whose own gradient is dy. */
mote_status mote_graph_differentiate_from(mote_graph *graph, mote_value value, mote_value dy);

/* Fails and makes the failure stick. */
__attribute__((format(printf, 3, 4))) mote_status mote_graph_fail(mote_graph *graph, mote_status status,
                                                                  const char *format, ...);

/* Appends a copy of a node whose outputs are new values of the same layouts; returns its index or -1. */
int mote_graph_copy_node(mote_graph *graph, int index);

/* Takes the nodes from position first of the order on and puts them in front of position before. */
void mote_graph_move_last(mote_graph *graph, int first, int before);

#endif
