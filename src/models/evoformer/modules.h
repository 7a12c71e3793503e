/* The modules of a block, each a file's business. All add their residual: the result takes the place of m or z. */
#ifndef MOTE_MODELS_EVOFORMER_MODULES_H
#define MOTE_MODELS_EVOFORMER_MODULES_H

#include "models/evoformer/layers.h"

/* Sizes of a stack's modules. */
typedef struct mote_trunk_sizes {
    const mote_trunk_config *config;
    size_t c_m, c_z, msa_width, pair_width, c_triangle, transition;
} mote_trunk_sizes;

mote_trunk_sizes mote_trunk_sizes_of(const mote_trunk_config *config, mote_trunk_stack stack);

/* Attention of a batch of rows, heads side by side: q and gate of queries [rows, queries, c], k and v of memory [rows,
 * keys, c']; algorithm 7, lines 2 to 6. mask [rows, keys] or MOTE_NO_VALUE, bias as mote_graph_evoformer_attention
 * takes it or MOTE_NO_VALUE. */
typedef struct mote_trunk_attention {
    size_t heads, width;
    mote_layer q, k, v, gate, out; /* gate.weight MOTE_NO_VALUE: none */
} mote_trunk_attention;

mote_trunk_attention mote_attention_layers(mote_graph *graph, size_t queries, size_t memory, size_t heads, size_t width,
                                           bool gated);
mote_value mote_apply_attention(mote_graph *graph, const mote_trunk_attention *layers, mote_value queries,
                                mote_value memory, mote_value mask, mote_value bias);

/* Fails unless the configuration can be. */
mote_status mote_trunk_begin(mote_graph *graph, const mote_trunk_config *config);

mote_value mote_msa_row_attention(mote_graph *graph, const mote_trunk_sizes *sizes, const mote_trunk_state *state);
mote_value mote_msa_column_attention(mote_graph *graph, const mote_trunk_sizes *sizes, const mote_trunk_state *state);
mote_value mote_msa_global_attention(mote_graph *graph, const mote_trunk_sizes *sizes, const mote_trunk_state *state);
mote_value mote_triangle_attention(mote_graph *graph, const mote_trunk_sizes *sizes, const mote_trunk_state *state,
                                   bool ending);
mote_value mote_triangle_product(mote_graph *graph, const mote_trunk_sizes *sizes, const mote_trunk_state *state,
                                 bool incoming);
mote_value mote_outer_product_mean(mote_graph *graph, const mote_trunk_sizes *sizes, const mote_trunk_state *state);
mote_value mote_transition(mote_graph *graph, const mote_trunk_sizes *sizes, mote_value x);

#endif
