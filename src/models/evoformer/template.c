/* Templates: algorithms 16 and 17, and the multimer's (Evans et al. 7.2). Their features are made of few numbers: of a
 * one-hot feature and its linear layer only a column of the weight is left. */
#include "graph/graph.h"
#include "models/evoformer/modules.h"

enum { TYPES = 22, SCALARS = 5 }; /* SCALARS: beta mask, x, y, z, backbone mask */

/* What is cut along rows; monomers have neither directions nor z. */
enum { BINS, BETA, BACKBONE, TYPE, DIRECTIONS, Z, CUT };

typedef struct templates {
    const mote_trunk_config *config;
    mote_value z;
    mote_value bins, second, first; /* tables: of distances, of the types of residues j and i */
    mote_value types_j;             /* [residues, c_t] of the template that is being computed */
    mote_value bias;                /* of all layers together */
    mote_value weights[SCALARS];    /* [c_t] of features that are one number; x, y, z in monomers: MOTE_NO_VALUE */
    mote_layer query_norm, query, norm;
} templates;

/* ---- parameters ---- */

/* Columns begin ... of a linear layer's weight, as rows of a table. */
static mote_value columns(mote_graph *graph, mote_value weight, size_t begin, size_t count)
{
    return mote_graph_permute(graph, mote_graph_slice(graph, weight, 1, begin, count), (int[]){1, 0});
}

static mote_value vector(mote_graph *graph, mote_value weight, size_t column)
{
    size_t channels = mote_extent(graph, weight, 0);
    return mote_graph_reshape(graph, mote_graph_slice(graph, weight, 1, column, 1), 1, &channels);
}

/* One layer for all features, side by side: distances, beta mask, types of j, types of i, x, y, z, backbone mask. The
 * published weights were trained without x, y and z, which are 0. */
static void monomer_layers(mote_graph *graph, templates *t)
{
    const mote_trunk_config *c = t->config;
    size_t bins = c->template_bins, last = bins + 1 + 2 * TYPES + 3;
    mote_layer layer = mote_linear_layer(graph, "linear", last + 1, c->c_t, MOTE_START_RECTIFIED);
    t->bins = mote_table_from_one(graph, mote_graph_slice(graph, layer.weight, 1, 0, bins));
    t->second = columns(graph, layer.weight, bins + 1, TYPES);
    t->first = columns(graph, layer.weight, bins + 1 + TYPES, TYPES);
    for (int i = 0; i < SCALARS; i++) {
        t->weights[i] = MOTE_NO_VALUE;
    }
    t->weights[0] = vector(graph, layer.weight, bins);
    t->weights[SCALARS - 1] = vector(graph, layer.weight, last);
    t->bias = layer.bias;
}

/* A layer for each feature. */
static void multimer_layers(mote_graph *graph, templates *t)
{
    static const char *const scalars[SCALARS] = {"pseudo_beta_mask_linear", "x_linear", "y_linear", "z_linear",
                                                 "backbone_mask_linear"};
    const mote_trunk_config *c = t->config;
    t->query_norm = mote_norm_layer(graph, "query_embedding_layer_norm", c->c_z);
    t->query = mote_linear_layer(graph, "query_embedding_linear", c->c_z, c->c_t, MOTE_START_RECTIFIED);
    mote_layer layer = mote_linear_layer(graph, "dgram_linear", c->template_bins, c->c_t, MOTE_START_RECTIFIED);
    t->bins = mote_table_from_one(graph, layer.weight);
    t->bias = layer.bias;
    layer = mote_linear_layer(graph, "aatype_linear_1", TYPES, c->c_t, MOTE_START_RECTIFIED);
    t->second = columns(graph, layer.weight, 0, TYPES);
    t->bias = mote_graph_add(graph, t->bias, layer.bias);
    layer = mote_linear_layer(graph, "aatype_linear_2", TYPES, c->c_t, MOTE_START_RECTIFIED);
    t->first = columns(graph, layer.weight, 0, TYPES);
    t->bias = mote_graph_add(graph, t->bias, layer.bias);
    for (int i = 0; i < SCALARS; i++) {
        layer = mote_linear_layer(graph, scalars[i], 1, c->c_t, MOTE_START_RECTIFIED);
        t->weights[i] = vector(graph, layer.weight, 0);
        t->bias = mote_graph_add(graph, t->bias, layer.bias);
    }
}

/* ---- one template's pairs ---- */

/* sum + feature [rows, residues] * weight [c_t]. */
static mote_value add_scalar(mote_graph *graph, mote_value sum, mote_value feature, mote_value weight)
{
    size_t shape[3] = {mote_extent(graph, sum, 0), mote_extent(graph, sum, 1), 1};
    return mote_graph_add(graph, sum, mote_graph_multiply(graph, mote_graph_reshape(graph, feature, 3, shape), weight));
}

/* Rows of a template's pairs [rows, residues, c_t], of its features' rows. Monomer: all features are masked where a
 * backbone is not whole; multimer: distances where a CB is missing, and the pairs so far are an input. */
static mote_value embed_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const templates *t = argument;
    size_t rows = mote_extent(graph, pieces[BETA], 0), c_t = t->config->c_t;
    bool multimer = t->config->multimer != 0;
    mote_value y = mote_graph_embedding(graph, t->bins, pieces[BINS]);
    if (multimer) {
        y = mote_masked(graph, y, pieces[BETA]);
    }
    mote_value first = mote_graph_embedding(graph, t->first, pieces[TYPE]);
    y = mote_graph_add(graph, y, mote_graph_reshape(graph, first, 3, (size_t[]){rows, 1, c_t}));
    y = mote_graph_add(graph, y, t->types_j);
    y = add_scalar(graph, y, pieces[BETA], t->weights[0]);
    y = add_scalar(graph, y, pieces[BACKBONE], t->weights[SCALARS - 1]);
    for (size_t i = 0; i < 3 && multimer; i++) {
        y = add_scalar(graph, y, mote_graph_slice(graph, pieces[DIRECTIONS], 2, i, 1), t->weights[1 + i]);
    }
    if (multimer) {
        mote_value query = mote_apply_norm(graph, &t->query_norm, pieces[Z]);
        y = mote_graph_add(graph, y, mote_apply_linear(graph, &t->query, query));
    } else {
        y = mote_masked(graph, y, pieces[BACKBONE]);
    }
    return mote_graph_add(graph, y, t->bias);
}

static mote_value norm_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    return mote_apply_norm(graph, argument, pieces[0]);
}

/* A template through algorithm 16: [residues, residues, c_t]. The multimer's are summed whole, so these are FP32. */
static mote_value compute(mote_graph *graph, templates *t, const mote_trunk_template *given, mote_value pair_mask)
{
    const mote_trunk_config *c = t->config;
    mote_value cut[CUT] = {given->bins, given->beta_mask, given->backbone_mask, given->types, given->directions, t->z};
    mote_trunk_state state = {MOTE_NO_VALUE, MOTE_NO_VALUE, MOTE_NO_VALUE, pair_mask};
    mote_graph_enter(graph, "template_embedder.template_pair_embedder");
    t->types_j = mote_graph_embedding(graph, t->second, given->types);
    state.z = mote_in_pieces(graph, c, c->multimer ? CUT : DIRECTIONS, cut, (int[CUT]){0}, 0, c->stored, embed_body, t);
    mote_graph_leave(graph);
    mote_trunk_add_stack(graph, c, MOTE_STACK_TEMPLATE, &state);
    mote_graph_enter(graph, "template_embedder.template_pair_stack");
    mote_value y =
        mote_in_pieces(graph, c, 1, &state.z, (int[]){0}, 0, c->multimer ? MOTE_FP32 : c->stored, norm_body, &t->norm);
    mote_graph_leave(graph);
    return y;
}

/* ---- over the templates ---- */

typedef struct pointwise {
    size_t count;
    mote_trunk_attention heads;
    mote_value there, any; /* [1, templates]; 1 if there is one, 0 otherwise */
} pointwise;

/* Algorithm 17, rows: each pair of z attends over that pair in the templates, each [rows, residues, c_t]. */
static mote_value pointwise_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const pointwise *p = argument;
    size_t rows = mote_extent(graph, pieces[0], 0), residues = mote_extent(graph, pieces[0], 1);
    size_t c_z = mote_extent(graph, pieces[0], 2), pairs = rows * residues;
    mote_value each[MOTE_TRUNK_TEMPLATES];
    for (size_t i = 0; i < p->count; i++) {
        size_t shape[3] = {pairs, 1, mote_extent(graph, pieces[1 + i], 2)};
        each[i] = mote_graph_reshape(graph, pieces[1 + i], 3, shape);
    }
    mote_value memory = mote_graph_concatenate(graph, (int)p->count, each, 1);
    mote_value queries = mote_graph_reshape(graph, pieces[0], 3, (size_t[]){pairs, 1, c_z});
    mote_value y = mote_apply_attention(graph, &p->heads, queries, memory, p->there, MOTE_NO_VALUE);
    y = mote_graph_reshape(graph, y, 3, (size_t[]){rows, residues, c_z});
    return mote_graph_add(graph, pieces[0], mote_graph_multiply(graph, y, p->any));
}

static mote_value attend(mote_graph *graph, const mote_trunk_config *c, const mote_trunk_templates *given, mote_value z,
                         const mote_value *each)
{
    pointwise p = {.count = given->count};
    mote_value one = mote_graph_constant(graph, 0, NULL, 1), cut[1 + MOTE_TRUNK_TEMPLATES] = {z};
    for (size_t i = 0; i < given->count; i++) {
        cut[1 + i] = each[i];
    }
    mote_graph_enter(graph, "template_embedder.template_pointwise_att");
    p.heads = mote_attention_layers(graph, c->c_z, c->c_t, c->template_heads, c->template_width, false);
    p.there = mote_graph_reshape(graph, given->there, 2, (size_t[]){1, given->count});
    p.any = mote_graph_map(graph, "relu", mote_graph_subtract(graph, one, mote_graph_sum(graph, given->there, 0, 1)));
    p.any = mote_graph_subtract(graph, one, p.any);
    z = mote_in_pieces(graph, c, 1 + (int)given->count, cut, (int[1 + MOTE_TRUNK_TEMPLATES]){0}, 0, c->stored,
                       pointwise_body, &p);
    mote_graph_leave(graph);
    return z;
}

typedef struct mean {
    mote_layer out;
    size_t count;
} mean;

static mote_value mean_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const mean *m = argument;
    mote_value y = mote_graph_map(graph, "relu", mote_graph_scale(graph, pieces[1], 1 / (double)m->count));
    return mote_graph_add(graph, pieces[0], mote_apply_linear(graph, &m->out, y));
}

static mote_value average(mote_graph *graph, const mote_trunk_config *c, size_t count, mote_value z, mote_value sum)
{
    mean m = {.count = count};
    mote_graph_enter(graph, "template_embedder");
    m.out = mote_linear_layer(graph, "linear_t", c->c_t, c->c_z, MOTE_START_RECTIFIED);
    z = mote_in_pieces(graph, c, 2, (mote_value[]){z, sum}, (int[]){0, 0}, 0, c->stored, mean_body, &m);
    mote_graph_leave(graph);
    return z;
}

mote_value mote_trunk_add_template_pairs(mote_graph *graph, const mote_trunk_config *config,
                                         const mote_trunk_templates *given, mote_value z, mote_value pair_mask)
{
    templates t = {.config = config, .z = z};
    mote_value each[MOTE_TRUNK_TEMPLATES], sum = MOTE_NO_VALUE;
    if (mote_trunk_begin(graph, config) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    if (given->count < 1 || given->count > MOTE_TRUNK_TEMPLATES) {
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "trunk: expected 1 to %d templates, found %zu",
                        MOTE_TRUNK_TEMPLATES, given->count);
        return MOTE_NO_VALUE;
    }
    mote_graph_enter(graph, "template_embedder.template_pair_embedder");
    (config->multimer ? multimer_layers : monomer_layers)(graph, &t);
    mote_graph_leave(graph);
    mote_graph_enter(graph, "template_embedder.template_pair_stack");
    t.norm = mote_norm_layer(graph, "layer_norm", config->c_t);
    mote_graph_leave(graph);
    mote_value first = (mote_value)mote_graph_value_count(graph);
    for (size_t i = 0; i < given->count; i++) {
        mote_graph_share(graph, i ? first : MOTE_NO_VALUE);
        each[i] = compute(graph, &t, &given->each[i], pair_mask);
        sum = i && config->multimer ? mote_graph_add(graph, sum, each[i]) : each[i];
    }
    mote_graph_share(graph, MOTE_NO_VALUE);
    return config->multimer ? average(graph, config, given->count, z, sum) : attend(graph, config, given, z, each);
}

/* Columns of m, and behind them those of further rows. */
static mote_value behind_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    (void)argument;
    return mote_graph_concatenate(graph, 2, pieces, 0);
}

/* linear(relu(linear(angles))): rows like an MSA's. */
void mote_trunk_add_template_rows(mote_graph *graph, const mote_trunk_config *config, const mote_trunk_templates *given,
                                  mote_trunk_state *state)
{
    if (mote_trunk_begin(graph, config) != MOTE_OK) {
        return;
    }
    bool multimer = config->multimer != 0;
    mote_graph_enter(graph, "template_embedder.template_single_embedder");
    mote_layer first = mote_linear_layer(graph, multimer ? "template_single_embedder" : "linear_1",
                                         config->template_angle_features, config->c_m, MOTE_START_RECTIFIED);
    mote_layer second = mote_linear_layer(graph, multimer ? "template_projector" : "linear_2", config->c_m, config->c_m,
                                          MOTE_START_RECTIFIED);
    mote_value rows = mote_graph_map(graph, "relu", mote_apply_linear(graph, &first, given->angles));
    rows = mote_apply_linear(graph, &second, rows);
    state->m = mote_in_pieces(graph, config, 2, (mote_value[]){state->m, rows}, (int[]){1, 1}, 1, config->stored,
                              behind_body, NULL);
    state->msa_mask = mote_graph_concatenate(graph, 2, (mote_value[]){state->msa_mask, given->angle_mask}, 0);
    mote_graph_leave(graph);
}
