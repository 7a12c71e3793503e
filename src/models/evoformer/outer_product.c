/* Outer product mean: algorithm 10. */
#include "models/evoformer/modules.h"

typedef struct outer {
    mote_layer norm, left, right, out;
    mote_value rights, mask; /* whole: [sequences, residues, c_outer], [sequences, residues] */
} outer;

/* One side of sequences m [sequences, residues, c_m]. */
static mote_value side(mote_graph *graph, const outer *o, const mote_layer *layer, mote_value m, mote_value mask)
{
    return mote_masked(graph, mote_apply_linear(graph, layer, mote_apply_norm(graph, &o->norm, m)), mask);
}

static mote_value right_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const outer *o = argument;
    return side(graph, o, &o->right, pieces[0], pieces[1]);
}

/* 1e-3 and in how many sequences both residues are, [rows, residues, 1]: a product of zeros and ones, which are exact
 * in all formats. */
static mote_value counts(mote_graph *graph, mote_value some, mote_value all)
{
    size_t shape[3] = {mote_extent(graph, some, 1), mote_extent(graph, all, 1), 1};
    mote_value y = mote_graph_matmul(graph, some, all, 1, 0);
    y = mote_graph_add(graph, y, mote_graph_constant(graph, 0, NULL, 1e-3));
    return mote_graph_reshape(graph, y, 3, shape);
}

/* Rows z [rows, residues, c_z] plus theirs, of columns m [sequences, rows, c_m] and mask [sequences, rows]. */
static mote_value outer_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const outer *o = argument;
    mote_value left = side(graph, o, &o->left, pieces[1], pieces[2]);
    size_t sequences = mote_extent(graph, left, 0), rows = mote_extent(graph, left, 1), c = mote_extent(graph, left, 2);
    size_t residues = mote_extent(graph, o->rights, 1);
    left = mote_graph_reshape(graph, left, 2, (size_t[]){sequences, rows * c});
    mote_value right = mote_graph_reshape(graph, o->rights, 2, (size_t[]){sequences, residues * c});
    mote_value y = mote_graph_matmul(graph, left, right, 1, 0);
    y = mote_graph_reshape(graph, y, 4, (size_t[]){rows, c, residues, c});
    y = mote_graph_permute(graph, y, (int[]){0, 2, 1, 3});
    y = mote_apply_linear(graph, &o->out, mote_graph_reshape(graph, y, 3, (size_t[]){rows, residues, c * c}));
    return mote_graph_add(graph, pieces[0], mote_graph_divide(graph, y, counts(graph, pieces[2], o->mask)));
}

/* z_ij += (linear of sum over sequences s of left_si x right_sj) / (1e-3 + their number): the published code divides
 * the linear layer's bias too, and adds 1e-3. */
mote_value mote_outer_product_mean(mote_graph *graph, const mote_trunk_sizes *s, const mote_trunk_state *state)
{
    const mote_trunk_config *c = s->config;
    outer o = {.mask = state->msa_mask};
    mote_graph_enter(graph, "outer_product_mean");
    o.norm = mote_norm_layer(graph, "layer_norm", s->c_m);
    o.left = mote_linear_layer(graph, "linear_1", s->c_m, c->c_outer, MOTE_START_PLAIN);
    o.right = mote_linear_layer(graph, "linear_2", s->c_m, c->c_outer, MOTE_START_PLAIN);
    o.out = mote_linear_layer(graph, "linear_out", c->c_outer * c->c_outer, s->c_z, MOTE_START_RESIDUAL);
    o.rights = mote_in_pieces(graph, c, 2, (mote_value[]){state->m, state->msa_mask}, (int[]){0, 0}, 0, MOTE_FP32,
                              right_body, &o);
    mote_value y = mote_in_pieces(graph, c, 3, (mote_value[]){state->z, state->m, state->msa_mask}, (int[]){0, 1, 1}, 0,
                                  c->stored, outer_body, &o);
    mote_graph_leave(graph);
    return y;
}
