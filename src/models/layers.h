/* Layers with their parameters, as the parts of AlphaFold 2 use them: made first, since several bodies of pieces or
 * iterations may use the same ones, then applied. */
#ifndef MOTE_MODELS_LAYERS_H
#define MOTE_MODELS_LAYERS_H

#include "mote/operations.h"

/* How linear layers start (supplement 1.11.4). */
typedef enum mote_linear_start {
    MOTE_START_PLAIN,     /* variance 1 / inputs */
    MOTE_START_UNBIASED,  /* the same, without a bias */
    MOTE_START_RECTIFIED, /* in front of a ReLU: variance 2 / inputs */
    MOTE_START_GATE,      /* in front of a sigmoid: weights 0, biases 1, so gates start open */
    MOTE_START_RESIDUAL   /* in front of a residual or a loss: 0 */
} mote_linear_start;

mote_layer mote_linear_layer(mote_graph *graph, const char *name, size_t inputs, size_t outputs,
                             mote_linear_start start);
mote_layer mote_norm_layer(mote_graph *graph, const char *name, size_t channels);

/* The layer of x; the products' nodes have its name, so that policies find them. */
mote_value mote_apply_linear(mote_graph *graph, const mote_layer *layer, mote_value x);
mote_value mote_apply_norm(mote_graph *graph, const mote_layer *layer, mote_value x);

/* The same some rows (entries of dimension 0) at a time, so that x may lie in any format: nothing but the result is
 * whole in FP32. */
mote_value mote_apply_linear_by_rows(mote_graph *graph, const mote_layer *layer, mote_value x);
mote_value mote_apply_norm_by_rows(mote_graph *graph, const mote_layer *layer, mote_value x);

/* x with reach places of the other end at either end of an axis, as on a ring. */
mote_value mote_wrap(mote_graph *graph, mote_value x, int axis, size_t reach);

/* Extent of a dimension; 0 where there is none, as after a mistake. */
size_t mote_extent(const mote_graph *graph, mote_value value, int dimension);

#endif
