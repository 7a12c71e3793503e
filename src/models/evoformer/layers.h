/* What the modules of the trunk are made of. */
#ifndef MOTE_MODELS_EVOFORMER_LAYERS_H
#define MOTE_MODELS_EVOFORMER_LAYERS_H

#include <stdbool.h>

#include "mote/trunk.h"

/* The parameters of a linear layer or a layer norm. They are made before the bodies of pieces that use them, since two
 * bodies may use the same ones. */
typedef struct mote_trunk_layer {
    const char *name;
    mote_value weight, bias; /* bias may be MOTE_NO_VALUE */
} mote_trunk_layer;

/* How linear layers start (supplement 1.11.4). */
typedef enum mote_linear_start {
    MOTE_START_PLAIN,     /* variance 1 / inputs */
    MOTE_START_UNBIASED,  /* the same, without a bias */
    MOTE_START_RECTIFIED, /* in front of a ReLU: variance 2 / inputs */
    MOTE_START_GATE,      /* in front of a sigmoid: weights 0, biases 1, so gates start open */
    MOTE_START_RESIDUAL   /* in front of a residual: 0 */
} mote_linear_start;

mote_trunk_layer mote_linear_layer(mote_graph *graph, const char *name, size_t inputs, size_t outputs,
                                   mote_linear_start start);
mote_trunk_layer mote_norm_layer(mote_graph *graph, const char *name, size_t channels);

/* The layer of x; the products' nodes have its name, so that policies find them. */
mote_value mote_apply_linear(mote_graph *graph, const mote_trunk_layer *layer, mote_value x);
mote_value mote_apply_norm(mote_graph *graph, const mote_trunk_layer *layer, mote_value x);

/* sigmoid(gate of x) * (linear of x). */
mote_value mote_apply_gated(mote_graph *graph, const mote_trunk_layer *linear, const mote_trunk_layer *gate,
                            mote_value x);

/* Extent of a dimension; 0 where there is none, as after a mistake. */
size_t mote_extent(const mote_graph *graph, mote_value value, int dimension);

/* x with the first two of its dimensions (2 or 3) exchanged. */
mote_value mote_exchange(mote_graph *graph, mote_value x);

/* A linear layer of one-hot numbers from 1 on as a table [1 + inputs, outputs]; number 0 is none. */
mote_value mote_table_from_one(mote_graph *graph, mote_value weight);

/* x [a, b, c] * mask [a, b]. */
mote_value mote_masked(mote_graph *graph, mote_value x, mote_value mask);

/* Factors of dropout that are shared along dimension 0 (axis 0: [1, extent, channels]) or 1 ([extent, 1, channels]); a
 * number drawn for each, 0 or 1 / (1 - rate). MOTE_NO_VALUE where nothing is dropped. */
mote_value mote_shared_dropout(mote_graph *graph, const mote_trunk_config *config, double rate, int axis, size_t extent,
                               size_t channels);

/* x times factors, or x. */
mote_value mote_drop(mote_graph *graph, mote_value x, mote_value factors);

/* The computation by pieces as the configuration says. */
mote_value mote_in_pieces(mote_graph *graph, const mote_trunk_config *config, int count, const mote_value *values,
                          const int *axes, int result_axis, mote_piece_builder *build, void *argument);

#endif
