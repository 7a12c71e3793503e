/* Graphs: a model as operations on tensors of known shape, built once, then differentiated, planned and run.
 *
 * A builder call appends a node and returns its result. The first mistake (shapes that do not fit, no memory) sticks:
 * every later call on the graph returns MOTE_NO_VALUE and changes nothing, so a model is written without checks and
 * asks mote_graph_status() once at its end.
 *
 * Values are FP32, row-major and dense, except inputs, which may be int32, weights after mote_graph_pack_parameters(),
 * and what is asked to lie in a narrower format (mote_graph_cast()). Operations are in mote/operations.h.
 */
#ifndef MOTE_GRAPH_H
#define MOTE_GRAPH_H

#include "mote/linear.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_graph mote_graph;

/* Number of a value in its graph. */
typedef int32_t mote_value;
enum { MOTE_NO_VALUE = -1 };

/* Creates an empty graph, owned by the caller (mote_graph_destroy), which keeps using context. */
MOTE_API mote_status mote_graph_create(mote_context *context, mote_graph **graph);
MOTE_API void mote_graph_destroy(mote_graph *graph);

/* MOTE_OK, or what went wrong first; the context then has the message, which names the layer and the operation. */
MOTE_API mote_status mote_graph_status(mote_graph *graph);

/* Layers: names of parameters and nodes made between enter and leave begin with "NAME.". Levels nest. */
MOTE_API void mote_graph_enter(mote_graph *graph, const char *name);
MOTE_API void mote_graph_leave(mote_graph *graph);

/* Marks the nodes made between begin and end as a segment that a plan under a memory limit may compute a second time
 * instead of keeping its results for the gradients. Segments do not nest. */
MOTE_API void mote_graph_begin_segment(mote_graph *graph);
MOTE_API void mote_graph_end_segment(mote_graph *graph);

/* A value that is given before each run; format: MOTE_FP32, MOTE_INT32 or what mote_graph_cast() makes, with blocks
 * along the last dimension, which mote_plan_set() fills. */
MOTE_API mote_value mote_graph_input(mote_graph *graph, const char *name, mote_format format, int rank,
                                     const size_t *shape);

/* From now on an input has its memory only until the last operation that reads it has run, so that others can use it:
 * it is undefined until it is set, and must be set anew before each run. */
MOTE_API void mote_graph_consume(mote_graph *graph, mote_value input);

typedef enum mote_initializer {
    MOTE_INITIAL_ZEROS = 0,
    MOTE_INITIAL_ONES = 1,
    MOTE_INITIAL_NORMAL = 2,
    MOTE_INITIAL_NUMBER = 3
} mote_initializer;

/* A trained FP32 value with its starting distribution; spread: the standard deviation, or the number that all start
 * with. */
MOTE_API mote_value mote_graph_parameter(mote_graph *graph, const char *name, int rank, const size_t *shape,
                                         mote_initializer initializer, double spread);

/* From now on a parameter (or an input) whose name one made since value first has is that one, if it has its shape, as
 * where one network is applied several times; MOTE_NO_VALUE: no more. */
MOTE_API void mote_graph_share(mote_graph *graph, mote_value first);

/* Keeps a value until the end of a run, so that it can be read. */
MOTE_API void mote_graph_output(mote_graph *graph, mote_value value);

/* Appends the gradients of loss (one number) with respect to every parameter. */
MOTE_API mote_status mote_graph_differentiate(mote_graph *graph, mote_value loss);

/* The gradient of a parameter (or, where keep was asked for with mote_graph_want_gradient, of an input);
 * MOTE_NO_VALUE before mote_graph_differentiate or where loss does not depend on it. */
MOTE_API mote_value mote_graph_gradient(const mote_graph *graph, mote_value value);

/* Asks mote_graph_differentiate for the gradient of an FP32 input as well. */
MOTE_API void mote_graph_want_gradient(mote_graph *graph, mote_value input);

/* Values: inputs, parameters and results in the order in which they were made. */
MOTE_API size_t mote_graph_value_count(const mote_graph *graph);
MOTE_API const char *mote_graph_value_name(const mote_graph *graph, mote_value value);
MOTE_API mote_status mote_graph_value_layout(mote_graph *graph, mote_value value, mote_layout *layout);
MOTE_API int mote_graph_is_parameter(const mote_graph *graph, mote_value value);

/* Number of parameters' values. */
MOTE_API size_t mote_graph_parameter_count(const mote_graph *graph);

/* Multiply-adds of the products of one run, and bytes that all operations read and write. */
MOTE_API void mote_graph_cost(const mote_graph *graph, double *multiply_adds, double *bytes);

enum { MOTE_OPERAND_FORMATS = 10, MOTE_REACHES = 64 };

/* What one run multiplies and moves.
 *
 * multiply_adds[a][b]: of products whose left operand has mote_format a and whose right one b. They are those of the
 * definition: rows times columns times length, in attention pairs of positions that may see each other; what kernels
 * add to fill tiles and blocks, or make twice so that threads need not wait, is not counted.
 *
 * bytes[r]: what operations read and write, each value once for each operation that reads it and once when it is made,
 * in whole lines of 64 bytes; what an operation moves within itself is not counted. r says how soon: a value's reach is
 * the bytes that all operations moved since it was last read or written, and its own; it lies in [2^(r-1), 2^r). A
 * value is made at the reach with which it is first read. A cache of 2^r bytes that keeps what was used last has these
 * values and those of smaller r. The last r is for what no cache is held to have: inputs and parameters at their first
 * use, results that no operation reads, and all that bodies of pieces read and write of the graph around them. */
typedef struct mote_graph_counts {
    double multiply_adds[MOTE_OPERAND_FORMATS][MOTE_OPERAND_FORMATS];
    double bytes[MOTE_REACHES];
} mote_graph_counts;

/* Counts what a plan runs: without what nobody reads; with only_forward without what mote_graph_differentiate appended;
 * with the first recomputed segments twice (see mote_plan_memory). Errors: MOTE_ERROR_ARGUMENT more segments than there
 * are; MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_graph_count(mote_graph *graph, int only_forward, size_t recomputed,
                                      mote_graph_counts *counts);

/* Sums of the counts. */
MOTE_API double mote_graph_counts_multiply_adds(const mote_graph_counts *counts);
MOTE_API double mote_graph_counts_bytes(const mote_graph_counts *counts);

/* Checks everything that holds between passes: order, shapes, formats. MOTE_ERROR_SHAPE names the node. */
MOTE_API mote_status mote_graph_verify(mote_graph *graph);

/* The graph as text, one node a line, or for Graphviz: released with mote_text_release. NULL with the context's message
 * when there is no memory. */
MOTE_API char *mote_graph_text(mote_graph *graph);
MOTE_API char *mote_graph_dot(mote_graph *graph);
MOTE_API void mote_text_release(mote_context *context, char *text);

/* ---- policies ---- */

/* Number formats for all layers of a model: rules from patterns of layer names to policies; the last that matches
 * counts. In JSON:
 *
 *   {"policy": "mxfp6", "saved": "bf16",
 *    "layers": [{"match": "*.attention", "policy": "mxfp8"},
 *               {"match": "head", "forward": {"weight": "mxfp8", "activation": "mxfp8"}, "rounding": "stochastic"}]}
 *
 * policy: a name of mote_policy_find. A rule starts from its "policy" or the default one and may change
 * "forward" {"weight", "activation"}, "backward" {"gradient", "weight"}, "update" {"gradient", "activation"},
 * "rounding", "gradient_rounding", "scale_rule". Patterns know * and ?. saved: the format in which what element-wise
 * gradients read is kept between the passes, "fp32" or "bf16" (default: bf16 for block formats, otherwise fp32). */
typedef struct mote_policy_set mote_policy_set;

/* From a short name or JSON text. Errors: MOTE_ERROR_ARGUMENT with the place in the text. */
MOTE_API mote_status mote_policy_set_create(mote_context *context, const char *name_or_json, mote_policy_set **set);
MOTE_API void mote_policy_set_destroy(mote_context *context, mote_policy_set *set);

/* Gives every product of the graph its formats and saves activations as the gradients will read them. After
 * mote_graph_differentiate. A pattern that matches no layer is an error that lists the layers. */
MOTE_API mote_status mote_graph_apply_policy(mote_graph *graph, const mote_policy_set *set);

/* For inference: lets weights lie in memory as the products read them. A parameter that linear layers alone read, as
 * their weight, and all under the same block format, rounding and scale rule, gets that format, with blocks along its
 * inputs (the last axis): about an eighth to a quarter of the bytes, and results with the same bits, as FP32 would be
 * converted to it in each run. All others stay FP32: what something else reads too or the caller keeps
 * (mote_graph_output), and weights under stochastic rounding, which is another one in each run. mote_graph_value_layout
 * tells. After mote_graph_apply_policy and before any plan; the graph is complete then.
 * Errors: MOTE_ERROR_ARGUMENT after mote_graph_differentiate: gradients move FP32 parameters; MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_graph_pack_parameters(mote_graph *graph);

/* ---- plans ---- */

typedef struct mote_plan mote_plan;

typedef struct mote_plan_options {
    uint64_t memory_limit;  /* bytes that the plan may take, workspace included; 0: no limit */
    const mote_plan *share; /* takes its parameters from this plan, by name, shape and format; NULL: has its own */
    int only_forward;       /* leaves out what mote_graph_differentiate appended */
} mote_plan_options;

/* What a plan takes, in bytes, exactly: all of it is allocated by mote_plan_create, nothing later. */
typedef struct mote_plan_memory {
    uint64_t total;
    uint64_t parameters; /* 0 where shared */
    uint64_t gradients;  /* of parameters */
    uint64_t inputs;
    uint64_t saved;       /* results of the forward pass that the backward pass reads, at the fullest moment */
    uint64_t temporaries; /* everything else at that moment, and what packing loses */
    uint64_t workspace;   /* of the context */
    size_t segments, recomputed;
} mote_plan_memory;

/* Orders, places and allocates. Under a memory limit segments are computed twice, as many as are needed; if that is not
 * enough, MOTE_ERROR_MEMORY says the smallest limit that works. The graph must not change afterwards; it must outlive
 * the plan. Parameters are zero until they are set. */
MOTE_API mote_status mote_plan_create(mote_graph *graph, const mote_plan_options *options, mote_plan **plan);
MOTE_API void mote_plan_destroy(mote_plan *plan);

/* The same without allocating: what it would take. If the limit is too low, memory->total is the smallest that works
 * and the rest of it 0. */
MOTE_API mote_status mote_plan_measure(mote_graph *graph, const mote_plan_options *options, mote_plan_memory *memory);

MOTE_API mote_plan_memory mote_plan_get_memory(const mote_plan *plan);

/* Fills all parameters with their starting distributions: numbers depend on seed and the parameter's name alone. Packed
 * ones are converted, one after the other: for as long, memory for one of them in FP32. Errors: MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_plan_initialize(mote_plan *plan, uint64_t seed);

/* Memory of an input, a parameter, a parameter's gradient or an output: the last two after a run. NULL for other
 * values, and for those in block formats, which are no array of numbers: mote_plan_tensor. */
MOTE_API void *mote_plan_data(const mote_plan *plan, mote_value value);

/* The same values, and those in block formats, as a tensor in their format. Its planes are the plan's. Errors:
 * MOTE_ERROR_ARGUMENT where mote_plan_data knows no value. */
MOTE_API mote_status mote_plan_tensor(const mote_plan *plan, mote_value value, mote_tensor *tensor);

/* Gives a parameter, or an input, the values of a tensor of the same shape in any format, converted to its own: planes
 * that lie like its own are copied bit for bit; into a narrow format others are rounded, through FP32, a packed
 * parameter as its policy rounds weights. int32 inputs take int32 alone. Errors: MOTE_ERROR_ARGUMENT if value is
 * neither; MOTE_ERROR_SHAPE; those of mote_dequantize() and mote_requantize(). */
MOTE_API mote_status mote_plan_set(mote_plan *plan, mote_value value, const mote_tensor *tensor);

/* Called in front of each node of a run: number index of count, in layer. Not 0: the run ends with
 * MOTE_ERROR_CANCELLED. */
typedef int mote_plan_watch(void *user, size_t index, size_t count, const char *layer);

/* Sets it; NULL: none. */
MOTE_API void mote_plan_set_watch(mote_plan *plan, mote_plan_watch *watch, void *user);

/* Runs every node. seed: for dropout and stochastic rounding; give each step its own. Errors: those of the operations;
 * parameters are never changed. */
MOTE_API mote_status mote_plan_run(mote_plan *plan, uint64_t seed);

/* As mote_plan_run, and stops at the first node whose result is not finite although what it read was: found != 0, and
 * the message names operation and layer. */
MOTE_API mote_status mote_plan_find_nonfinite(mote_plan *plan, uint64_t seed, int *found);

/* Live bytes of the arena at node index; 0 from the last node on. For pictures. */
MOTE_API uint64_t mote_plan_live_bytes(const mote_plan *plan, size_t index);

#ifdef __cplusplus
}
#endif
#endif
