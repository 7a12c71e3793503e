/* Attention along rows and columns of the MSA and of the pairs: algorithms 7, 8, 13, 14 and 19. */
#include "models/evoformer/modules.h"

/* ---- heads ---- */

mote_trunk_attention mote_attention_layers(mote_graph *graph, size_t queries, size_t memory, size_t heads, size_t width,
                                           bool gated)
{
    size_t inner = heads * width;
    mote_trunk_attention a = {.heads = heads, .width = width};
    mote_graph_enter(graph, "mha");
    a.q = mote_linear_layer(graph, "linear_q", queries, inner, MOTE_START_UNBIASED);
    a.k = mote_linear_layer(graph, "linear_k", memory, inner, MOTE_START_UNBIASED);
    a.v = mote_linear_layer(graph, "linear_v", memory, inner, MOTE_START_UNBIASED);
    a.gate.weight = MOTE_NO_VALUE;
    if (gated) {
        a.gate = mote_linear_layer(graph, "linear_g", queries, inner, MOTE_START_GATE);
    }
    a.out = mote_linear_layer(graph, "linear_o", inner, queries, MOTE_START_RESIDUAL);
    mote_graph_leave(graph);
    return a;
}

/* What is added to scores: 0, or -1e9 for masked keys, beside which FP32 forgets the score: where all keys are masked,
 * all weigh the same. [rows, 1, 1, keys] */
static mote_value mask_bias(mote_graph *graph, mote_value mask)
{
    size_t shape[4] = {mote_extent(graph, mask, 0), 1, 1, mote_extent(graph, mask, 1)};
    mote_value missing = mote_graph_subtract(graph, mask, mote_graph_constant(graph, 0, NULL, 1));
    return mote_graph_reshape(graph, mote_graph_scale(graph, missing, 1e9), 4, shape);
}

/* The layer of x [rows, positions, c], heads apart: [rows, positions, heads, width]. */
static mote_value project(mote_graph *graph, const mote_trunk_attention *a, const mote_layer *layer, mote_value x)
{
    size_t shape[4] = {mote_extent(graph, x, 0), mote_extent(graph, x, 1), a->heads, a->width};
    return mote_graph_reshape(graph, mote_apply_linear(graph, layer, x), 4, shape);
}

mote_value mote_apply_attention(mote_graph *graph, const mote_trunk_attention *a, mote_value queries, mote_value memory,
                                mote_value mask, mote_value bias)
{
    mote_value biases[2], gate = MOTE_NO_VALUE;
    int count = 0;
    mote_graph_enter(graph, "mha");
    if (mask != MOTE_NO_VALUE) {
        biases[count++] = mask_bias(graph, mask);
    }
    if (bias != MOTE_NO_VALUE) {
        biases[count++] = bias;
    }
    mote_value q = project(graph, a, &a->q, queries), k = project(graph, a, &a->k, memory);
    mote_value v = project(graph, a, &a->v, memory);
    if (a->gate.weight != MOTE_NO_VALUE) {
        gate = project(graph, a, &a->gate, queries);
    }
    mote_value y = mote_graph_evoformer_attention(graph, q, k, v, gate, count, biases, 0);
    size_t shape[3] = {mote_extent(graph, y, 0), mote_extent(graph, y, 1), a->heads * a->width};
    y = mote_apply_linear(graph, &a->out, mote_graph_reshape(graph, y, 3, shape));
    mote_graph_leave(graph);
    return y;
}

/* ---- rows and columns ---- */

/* Rows of x that attend within themselves, or, turned, columns. */
typedef struct axial {
    const mote_trunk_sizes *sizes;
    bool turned;
    mote_layer norm, pair_norm, pair; /* pair: the bias of heads */
    mote_trunk_attention heads;
    mote_value bias, dropped; /* each may be MOTE_NO_VALUE */
} axial;

/* Piece x [rows, positions, c] plus its attention, or columns x [positions, columns, c]; mask alike. */
static mote_value axial_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const axial *a = argument;
    mote_value x = pieces[0], mask = pieces[1];
    if (a->turned) {
        x = mote_exchange(graph, x);
        mask = mote_graph_permute(graph, mask, (int[]){1, 0});
    }
    x = mote_apply_norm(graph, &a->norm, x);
    mote_value y = mote_apply_attention(graph, &a->heads, x, x, mask, a->bias);
    y = a->turned ? mote_exchange(graph, y) : y;
    return mote_graph_add(graph, pieces[0], mote_drop(graph, y, a->dropped));
}

static mote_value run_axial(mote_graph *graph, axial *a, mote_value x, mote_value mask)
{
    int axis = a->turned ? 1 : 0;
    return mote_in_pieces(graph, a->sizes->config, 2, (mote_value[]){x, mask}, (int[]){axis, axis}, axis,
                          a->sizes->config->stored, axial_body, a);
}

/* Rows z [rows, residues, c_z] as biases [heads, rows, residues], or, where the ending node attends, [heads, residues,
 * rows]. */
static mote_value bias_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const axial *a = argument;
    mote_value y = mote_apply_linear(graph, &a->pair, mote_apply_norm(graph, &a->pair_norm, pieces[0]));
    return mote_graph_permute(graph, y, a->turned ? (int[]){2, 1, 0} : (int[]){2, 0, 1});
}

static mote_value make_bias(mote_graph *graph, axial *a, mote_value z)
{
    return mote_in_pieces(graph, a->sizes->config, 1, &z, (int[]){0}, a->turned ? 2 : 1, MOTE_FP32, bias_body, a);
}

/* Algorithm 7: s_ij of each sequence has a bias from pair ij. Dropout is shared by all sequences. */
mote_value mote_msa_row_attention(mote_graph *graph, const mote_trunk_sizes *s, const mote_trunk_state *state)
{
    const mote_trunk_config *c = s->config;
    axial a = {.sizes = s};
    mote_graph_enter(graph, "msa_att_row");
    a.norm = mote_norm_layer(graph, "layer_norm_m", s->c_m);
    a.pair_norm = mote_norm_layer(graph, "layer_norm_z", s->c_z);
    a.pair = mote_linear_layer(graph, "linear_z", s->c_z, c->msa_heads, MOTE_START_UNBIASED);
    a.heads = mote_attention_layers(graph, s->c_m, s->c_m, c->msa_heads, s->msa_width, true);
    a.bias = make_bias(graph, &a, state->z);
    a.dropped = mote_shared_dropout(graph, c, c->msa_dropout, 0, mote_extent(graph, state->m, 1), s->c_m);
    mote_value y = run_axial(graph, &a, state->m, state->msa_mask);
    mote_graph_leave(graph);
    return y;
}

/* Algorithm 8. */
mote_value mote_msa_column_attention(mote_graph *graph, const mote_trunk_sizes *s, const mote_trunk_state *state)
{
    axial a = {.sizes = s, .turned = true, .bias = MOTE_NO_VALUE, .dropped = MOTE_NO_VALUE};
    mote_graph_enter(graph, "msa_att_col._msa_att");
    a.norm = mote_norm_layer(graph, "layer_norm_m", s->c_m);
    a.heads = mote_attention_layers(graph, s->c_m, s->c_m, s->config->msa_heads, s->msa_width, true);
    mote_value y = run_axial(graph, &a, state->m, state->msa_mask);
    mote_graph_leave(graph);
    return y;
}

/* Algorithm 13, and 14 (ending), which is the same on z^T: s_jk of row i has a bias from pair jk, and s_jk of column i
 * one from pair kj. Dropout is shared by what attends separately: all rows, or all columns. */
mote_value mote_triangle_attention(mote_graph *graph, const mote_trunk_sizes *s, const mote_trunk_state *state,
                                   bool ending)
{
    const mote_trunk_config *c = s->config;
    axial a = {.sizes = s, .turned = ending};
    mote_graph_enter(graph, ending ? "tri_att_end" : "tri_att_start");
    a.norm = a.pair_norm = mote_norm_layer(graph, "layer_norm", s->c_z);
    a.pair = mote_linear_layer(graph, "linear", s->c_z, c->pair_heads, MOTE_START_UNBIASED);
    a.heads = mote_attention_layers(graph, s->c_z, s->c_z, c->pair_heads, s->pair_width, true);
    a.bias = make_bias(graph, &a, state->z);
    a.dropped = mote_shared_dropout(graph, c, c->pair_dropout, ending ? 1 : 0, mote_extent(graph, state->z, 0), s->c_z);
    mote_value y = run_axial(graph, &a, state->z, state->pair_mask);
    mote_graph_leave(graph);
    return y;
}

/* ---- columns with one query ---- */

typedef struct global {
    size_t heads, width;
    mote_layer norm, q, k, v, gate, out;
} global;

/* The mean of x [columns, sequences, c] over sequences that are there, mask [columns, sequences]: [columns, c]. */
static mote_value masked_mean(mote_graph *graph, mote_value x, mote_value mask)
{
    mote_value count =
        mote_graph_add(graph, mote_graph_sum(graph, mask, 1, 1), mote_graph_constant(graph, 0, NULL, 1e-10));
    mote_value total = mote_graph_sum(graph, mote_masked(graph, x, mask), 1, 1);
    return mote_graph_divide(graph, total,
                             mote_graph_reshape(graph, count, 2, (size_t[]){mote_extent(graph, mask, 0), 1}));
}

/* Keys and values have no heads, so heads are the queries of one head. */
static mote_value global_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const global *g = argument;
    mote_value mask = mote_graph_permute(graph, pieces[1], (int[]){1, 0});
    mote_value x = mote_apply_norm(graph, &g->norm, mote_exchange(graph, pieces[0]));
    size_t columns = mote_extent(graph, x, 0), sequences = mote_extent(graph, x, 1);
    size_t queries[4] = {columns, g->heads, 1, g->width}, keys[4] = {columns, sequences, 1, g->width};
    mote_graph_enter(graph, "global_attention");
    mote_value q = mote_apply_linear(graph, &g->q, masked_mean(graph, x, mask));
    mote_value k = mote_graph_reshape(graph, mote_apply_linear(graph, &g->k, x), 4, keys);
    mote_value v = mote_graph_reshape(graph, mote_apply_linear(graph, &g->v, x), 4, keys);
    mote_value bias = mask_bias(graph, mask);
    q = mote_graph_reshape(graph, q, 4, queries);
    mote_value y = mote_graph_evoformer_attention(graph, q, k, v, MOTE_NO_VALUE, 1, &bias, 0);
    y = mote_graph_reshape(graph, y, 3, (size_t[]){columns, 1, g->heads * g->width});
    mote_value open = mote_graph_map(graph, "sigmoid", mote_apply_linear(graph, &g->gate, x));
    y = mote_apply_linear(graph, &g->out, mote_graph_multiply(graph, open, y));
    mote_graph_leave(graph);
    return mote_graph_add(graph, pieces[0], mote_exchange(graph, y));
}

/* Algorithm 19: as 8, with one query for all sequences, their mean. */
mote_value mote_msa_global_attention(mote_graph *graph, const mote_trunk_sizes *s, const mote_trunk_state *state)
{
    size_t inner = s->config->msa_heads * s->msa_width;
    global g = {.heads = s->config->msa_heads, .width = s->msa_width};
    mote_graph_enter(graph, "msa_att_col");
    g.norm = mote_norm_layer(graph, "layer_norm_m", s->c_m);
    mote_graph_enter(graph, "global_attention");
    g.q = mote_linear_layer(graph, "linear_q", s->c_m, inner, MOTE_START_UNBIASED);
    g.k = mote_linear_layer(graph, "linear_k", s->c_m, s->msa_width, MOTE_START_UNBIASED);
    g.v = mote_linear_layer(graph, "linear_v", s->c_m, s->msa_width, MOTE_START_UNBIASED);
    g.gate = mote_linear_layer(graph, "linear_g", s->c_m, inner, MOTE_START_GATE);
    g.out = mote_linear_layer(graph, "linear_o", inner, s->c_m, MOTE_START_RESIDUAL);
    mote_graph_leave(graph);
    mote_value y = mote_in_pieces(graph, s->config, 2, (mote_value[]){state->m, state->msa_mask}, (int[]){1, 1}, 1,
                                  s->config->stored, global_body, &g);
    mote_graph_leave(graph);
    return y;
}
