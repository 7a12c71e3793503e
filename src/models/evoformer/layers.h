/* What the modules of the trunk are made of. */
#ifndef MOTE_MODELS_EVOFORMER_LAYERS_H
#define MOTE_MODELS_EVOFORMER_LAYERS_H

#include <stdbool.h>

#include "models/layers.h"
#include "mote/trunk.h"

/* sigmoid(gate of x) * (linear of x). */
mote_value mote_apply_gated(mote_graph *graph, const mote_layer *linear, const mote_layer *gate, mote_value x);

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

/* The computation by pieces as the configuration says. format: of the result; the MSA and the pairs lie in
 * config->stored, all else in MOTE_FP32. */
mote_value mote_in_pieces(mote_graph *graph, const mote_trunk_config *config, int count, const mote_value *values,
                          const int *axes, int result_axis, mote_format format, mote_piece_builder *build,
                          void *argument);

#endif
