/* Invariant point attention: Alg. 22. Probabilities [heads, residues, residues] exist: they are a fraction of the
 * pairs, which have 128 channels to their 12 heads. */
#include <math.h>

#include "models/structure/layers.h"

typedef struct mote_layer layer;

mote_point_attention_layers mote_point_attention_create(mote_graph *graph, const mote_structure_config *c)
{
    size_t scalars = c->ipa_heads * c->ipa_width, q = 3 * c->ipa_heads * c->query_points,
           v = 3 * c->ipa_heads * c->value_points;
    size_t found = scalars + c->ipa_heads * (4 * c->value_points + c->c_z);
    mote_point_attention_layers l = {0};
    mote_linear_start start = c->multimer ? MOTE_START_UNBIASED : MOTE_START_PLAIN;
    l.q = mote_linear_layer(graph, "linear_q", c->c_s, scalars, start);
    l.q_points = mote_linear_layer(graph, "linear_q_points.linear", c->c_s, q, MOTE_START_PLAIN);
    if (c->multimer) {
        l.k = mote_linear_layer(graph, "linear_k", c->c_s, scalars, start);
        l.v = mote_linear_layer(graph, "linear_v", c->c_s, scalars, start);
        l.k_points = mote_linear_layer(graph, "linear_k_points.linear", c->c_s, q, MOTE_START_PLAIN);
        l.v_points = mote_linear_layer(graph, "linear_v_points.linear", c->c_s, v, MOTE_START_PLAIN);
    } else {
        l.k = mote_linear_layer(graph, "linear_kv", c->c_s, 2 * scalars, MOTE_START_PLAIN);
        l.k_points = mote_linear_layer(graph, "linear_kv_points.linear", c->c_s, q + v, MOTE_START_PLAIN);
    }
    l.pair = mote_linear_layer(graph, "linear_b", c->c_z, c->ipa_heads, MOTE_START_PLAIN);
    l.out = mote_linear_layer(graph, "linear_out", found, c->c_s, MOTE_START_RESIDUAL);
    /* softplus(0.54) = 1 (1.8.2) */
    l.head_weights =
        mote_graph_parameter(graph, "head_weights", 1, &c->ipa_heads, MOTE_INITIAL_NUMBER, log(exp(1) - 1));
    return l;
}

/* What one call works on. */
typedef struct attention {
    mote_graph *graph;
    const mote_structure_config *c;
    size_t residues;
    const mote_frames *frames;
} attention;

/* [residues, heads, width] as [heads, residues, width]. */
static mote_value by_heads(const attention *a, mote_value x)
{
    return mote_graph_permute(a->graph, x, (int[]){1, 0, 2});
}

static mote_value scalars(const attention *a, const layer *l, mote_value s, size_t width)
{
    mote_value x = mote_apply_linear(a->graph, l, s);
    return by_heads(a, mote_structure_reshape3(a->graph, x, a->residues, a->c->ipa_heads, width));
}

/* count points of each head in the global frame: [heads, residues, 3 count]. */
static mote_value points(const attention *a, const layer *l, mote_value s, size_t count)
{
    size_t heads = a->c->ipa_heads;
    mote_value x = mote_apply_linear(a->graph, l, s);
    if (a->c->multimer) {
        x = mote_structure_reshape4(a->graph, x, a->residues, heads, 3, count);
        x = mote_graph_permute(a->graph, x, (int[]){0, 1, 3, 2});
    } else {
        x = mote_structure_reshape3(a->graph, x, a->residues, 3, heads * count);
        x = mote_graph_permute(a->graph, x, (int[]){0, 2, 1});
    }
    x = mote_structure_reshape3(a->graph, x, a->residues, heads * count, 3);
    x = mote_frames_apply(a->graph, a->frames, x);
    return by_heads(a, mote_structure_reshape3(a->graph, x, a->residues, heads, 3 * count));
}

/* Lines 1 to 3: queries, keys and values, each [heads, residues, ...]. */
typedef struct operands {
    mote_value q, k, v, q_points, k_points, v_points;
} operands;

static operands open_operands(const attention *a, const mote_point_attention_layers *l, mote_value s)
{
    mote_graph *graph = a->graph;
    size_t width = a->c->ipa_width, nq = a->c->query_points, nv = a->c->value_points;
    operands o = {.q = scalars(a, &l->q, s, width), .q_points = points(a, &l->q_points, s, nq)};
    if (a->c->multimer) {
        o.k = scalars(a, &l->k, s, width);
        o.v = scalars(a, &l->v, s, width);
        o.k_points = points(a, &l->k_points, s, nq);
        o.v_points = points(a, &l->v_points, s, nv);
    } else {
        mote_value both = scalars(a, &l->k, s, 2 * width), both_points = points(a, &l->k_points, s, nq + nv);
        o.k = mote_graph_slice(graph, both, 2, 0, width);
        o.v = mote_graph_slice(graph, both, 2, width, width);
        o.k_points = mote_graph_slice(graph, both_points, 2, 0, 3 * nq);
        o.v_points = mote_graph_slice(graph, both_points, 2, 3 * nq, 3 * nv);
    }
    return o;
}

/* 1e5 sqrt(1/3 or 1) for pairs that are masked: [1, residues, residues]. */
static mote_value penalty(const attention *a, mote_value mask)
{
    mote_value pairs = mote_graph_multiply(a->graph, mote_structure_reshape3(a->graph, mask, 1, a->residues, 1),
                                           mote_structure_reshape3(a->graph, mask, 1, 1, a->residues));
    double most = 1e5 * (a->c->multimer ? sqrt(1.0 / 3) : 1);
    return mote_graph_scale(a->graph, mote_structure_offset(a->graph, pairs, -1), -most);
}

/* Line 7: [heads, residues, residues]. w_L = sqrt(1/3) is in each term. */
static mote_value probabilities(const attention *a, const mote_point_attention_layers *l, const operands *o,
                                mote_value z, mote_value mask)
{
    mote_graph *graph = a->graph;
    const double third = sqrt(1.0 / 3);
    mote_value q = mote_graph_scale(graph, o->q, third / sqrt((double)a->c->ipa_width));
    mote_value scores = mote_graph_matmul(graph, q, o->k, 0, 1);
    mote_value bias = mote_graph_permute(graph, mote_apply_linear(graph, &l->pair, z), (int[]){2, 0, 1});
    scores = mote_graph_add(graph, scores, mote_graph_scale(graph, bias, third));
    mote_value gamma = mote_structure_offset(graph, mote_graph_map(graph, "exp", l->head_weights), 1);
    gamma = mote_graph_scale(graph, mote_graph_map(graph, "log", gamma),
                             third / 2 * sqrt(2 / (9 * (double)a->c->query_points)));
    mote_value distances = mote_graph_squared_distances(graph, o->q_points, o->k_points);
    distances = mote_graph_multiply(graph, distances, mote_structure_reshape3(graph, gamma, a->c->ipa_heads, 1, 1));
    scores = mote_graph_subtract(graph, scores, distances);
    return mote_graph_softmax(graph, mote_graph_subtract(graph, scores, penalty(a, mask)));
}

/* Lengths [residues, points] of x [residues, points, 3], with the published code's guards against a root at 0. */
static mote_value lengths(const attention *a, mote_value x)
{
    mote_value squared = mote_structure_squared_length(a->graph, x, 3);
    squared = a->c->multimer ? mote_structure_at_least(a->graph, squared, 1e-16)
                             : mote_structure_offset(a->graph, squared, 1e-8);
    return mote_graph_map(a->graph, "sqrt", squared);
}

/* Lines 8 to 11: what line 11 puts together. */
static mote_value gathered(const attention *a, const operands *o, mote_value p, mote_value z)
{
    mote_graph *graph = a->graph;
    size_t n = a->residues, heads = a->c->ipa_heads, width = a->c->ipa_width, nv = a->c->value_points;
    mote_value values = mote_graph_concatenate(graph, 2, (mote_value[]){o->v, o->v_points}, 2);
    mote_value found = by_heads(a, mote_graph_matmul(graph, p, values, 0, 0));
    mote_value local = mote_graph_slice(graph, found, 2, width, 3 * nv);
    local = mote_frames_apply_inverse(graph, a->frames, mote_structure_reshape3(graph, local, n, heads * nv, 3));
    mote_value parts[4] = {
        mote_structure_reshape2(graph, mote_graph_slice(graph, found, 2, 0, width), n, heads * width),
        mote_structure_reshape2(graph, mote_graph_permute(graph, local, (int[]){0, 2, 1}), n, 3 * heads * nv),
        lengths(a, local),
        mote_structure_reshape2(graph, mote_graph_matmul(graph, by_heads(a, p), z, 0, 0), n, heads * a->c->c_z),
    };
    return mote_graph_concatenate(graph, 4, parts, 1);
}

mote_value mote_point_attention(mote_graph *graph, const mote_structure_config *config,
                                const mote_point_attention_layers *layers, mote_value s, mote_value z,
                                const mote_frames *frames, mote_value mask)
{
    attention a = {graph, config, mote_extent(graph, s, 0), frames};
    operands o = open_operands(&a, layers, s);
    mote_value p = probabilities(&a, layers, &o, z, mask);
    return mote_apply_linear(graph, &layers->out, gathered(&a, &o, p, z));
}
