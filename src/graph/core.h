/* The operations that passes themselves append. */
#ifndef MOTE_GRAPH_CORE_H
#define MOTE_GRAPH_CORE_H

#include "graph/graph.h"

/* An FP32 value whose every element is number. */
mote_value mote_core_constant(mote_graph *graph, int rank, const size_t *shape, double number);

/* a + b, of one shape. */
mote_value mote_core_sum(mote_graph *graph, mote_value a, mote_value b);

/* An FP32 value in another format: block formats along layout's axis. Its shape is layout's, which may group the
 * dimensions of x otherwise. options: of the conversion. */
mote_value mote_core_cast(mote_graph *graph, mote_value x, const mote_layout *layout,
                          const mote_quantize_options *options);

/* The inverse: FP32 again. */
mote_value mote_core_widen(mote_graph *graph, mote_value x);

/* Bytes that a value takes in memory: element plane, scale plane, and, for nvfp4, its tensor scale, each beginning at a
 * multiple of MOTE_PLACE_ALIGNMENT. */
size_t mote_value_bytes(mote_context *context, const mote_layout *layout);

/* A value in any format, at memory, as a tensor. */
mote_tensor mote_value_tensor(mote_context *context, const mote_layout *layout, void *memory);

/* Puts the tensor scale of such a tensor, after a conversion to it, where mote_value_tensor() finds it; only nvfp4 has
 * one. */
void mote_value_keep_scale(mote_context *context, const mote_tensor *tensor);

#endif
