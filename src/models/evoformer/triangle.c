/* Triangle multiplications: algorithms 11 and 12, and the multimer's, where one product makes both factors. */
#include "models/evoformer/modules.h"

typedef struct product {
    const mote_trunk_sizes *sizes;
    bool incoming, fused; /* fused: parameters of both factors lie one behind the other */
    mote_layer norm_in, linear[2], gate[2], norm_out, out, out_gate; /* linear, gate: of factors a and b */
    mote_value other; /* the factor that is whole [c_triangle, residues, residues] */
    mote_value dropped;
} product;

/* Rows of a layer that makes both factors: those of factor half. */
static mote_layer take_half(mote_graph *graph, const mote_layer *both, size_t half, size_t channels)
{
    return (mote_layer){both->name, mote_graph_slice(graph, both->weight, 0, half * channels, channels),
                        mote_graph_slice(graph, both->bias, 0, half * channels, channels)};
}

static void make_factors(mote_graph *graph, product *p)
{
    static const char *const names[2][2] = {{"linear_a_p", "linear_a_g"}, {"linear_b_p", "linear_b_g"}};
    size_t c_z = p->sizes->c_z, c = p->sizes->c_triangle;
    mote_layer linear = {0}, gate = {0};
    if (p->fused) {
        linear = mote_linear_layer(graph, "linear_ab_p", c_z, 2 * c, MOTE_START_PLAIN);
        gate = mote_linear_layer(graph, "linear_ab_g", c_z, 2 * c, MOTE_START_GATE);
    }
    for (size_t i = 0; i < 2; i++) {
        if (p->fused) {
            p->linear[i] = take_half(graph, &linear, i, c);
            p->gate[i] = take_half(graph, &gate, i, c);
        } else {
            p->linear[i] = mote_linear_layer(graph, names[i][0], c_z, c, MOTE_START_PLAIN);
            p->gate[i] = mote_linear_layer(graph, names[i][1], c_z, c, MOTE_START_GATE);
        }
    }
}

/* Factor which of normed pairs x [r, s, c_z], so that channels are the batch of a product: [c_triangle, r, s], or,
 * turned, [c_triangle, s, r]. */
static mote_value factor(mote_graph *graph, const product *p, int which, bool turned, mote_value x, mote_value mask)
{
    mote_value y = mote_apply_gated(graph, &p->linear[which], &p->gate[which], x);
    return mote_graph_permute(graph, mote_masked(graph, y, mask), turned ? (int[]){2, 1, 0} : (int[]){2, 0, 1});
}

/* b for the outgoing product, a for the incoming one, of rows of z. */
static mote_value other_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const product *p = argument;
    return factor(graph, p, p->incoming ? 0 : 1, false, mote_apply_norm(graph, &p->norm_in, pieces[0]), pieces[1]);
}

/* The other one: of rows of z for the outgoing product, of columns for the incoming one. */
static mote_value mine_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const product *p = argument;
    mote_value x = mote_apply_norm(graph, &p->norm_in, pieces[0]);
    return factor(graph, p, p->incoming ? 1 : 0, p->incoming, x, pieces[1]);
}

/* z plus y [c_triangle, rows or columns, residues], normed, projected and gated. The last piece is the incoming
 * product's dropout, if there is any. */
static mote_value end_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const product *p = argument;
    mote_value x = mote_apply_norm(graph, &p->norm_in, pieces[0]);
    mote_value y = mote_graph_permute(graph, pieces[1], p->incoming ? (int[]){2, 1, 0} : (int[]){1, 2, 0});
    y = mote_apply_linear(graph, &p->out, mote_apply_norm(graph, &p->norm_out, y));
    y = mote_graph_gate(graph, y, mote_apply_linear(graph, &p->out_gate, x));
    y = mote_drop(graph, y, p->dropped != MOTE_NO_VALUE && p->incoming ? pieces[2] : p->dropped);
    return mote_graph_add(graph, pieces[0], y);
}

/* Rows of z plus the outgoing product's, or columns of z plus the incoming one's: both need no other part of z. The
 * factor that is a piece gives the few rows of the product, the whole one its columns. What is made of each position by
 * itself is made in smaller pieces. */
static mote_value product_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    product *p = argument;
    size_t length = p->sizes->config->piece;
    int axis = p->incoming ? 1 : 0, count = p->incoming && p->dropped != MOTE_NO_VALUE ? 3 : 2;
    mote_value mine = mote_in_pieces(graph, length, 2, pieces, (int[]){axis, axis}, 1, MOTE_FP32, mine_body, p);
    mote_value y = mote_graph_matmul(graph, mine, p->other, 0, !p->incoming);
    mote_value cut[3] = {pieces[0], y, count == 3 ? pieces[2] : MOTE_NO_VALUE};
    return mote_in_pieces(graph, length, count, cut, (int[]){axis, 1, 1}, axis, MOTE_FP32, end_body, p);
}

/* Outgoing: y_ij = sum over k of a_ik b_jk, so rows of a make rows of y; incoming: y_ij = sum over k of a_ki b_kj, so
 * columns of b make columns of y. Factors a, b = mask * sigmoid(gate) * linear of the normed pairs. Only the other
 * factor is ever whole. Dropout is shared by all rows. */
mote_value mote_triangle_product(mote_graph *graph, const mote_trunk_sizes *s, const mote_trunk_state *state,
                                 bool incoming)
{
    const mote_trunk_config *c = s->config;
    product p = {.sizes = s, .incoming = incoming, .fused = c->multimer != 0};
    int axis = incoming ? 1 : 0;
    mote_graph_enter(graph, incoming ? "tri_mul_in" : "tri_mul_out");
    p.norm_in = mote_norm_layer(graph, "layer_norm_in", s->c_z);
    make_factors(graph, &p);
    p.norm_out = mote_norm_layer(graph, "layer_norm_out", s->c_triangle);
    p.out = mote_linear_layer(graph, "linear_z", s->c_triangle, s->c_z, MOTE_START_RESIDUAL);
    p.out_gate = mote_linear_layer(graph, "linear_g", s->c_z, s->c_z, MOTE_START_GATE);
    p.dropped = mote_shared_dropout(graph, c, c->pair_dropout, 0, mote_extent(graph, state->z, 1), s->c_z);
    mote_value cut[3] = {state->z, state->pair_mask, p.dropped};
    p.other = mote_in_pieces(graph, c->piece, 2, cut, (int[]){0, 0}, 1, MOTE_FP32, other_body, &p);
    int count = incoming && p.dropped != MOTE_NO_VALUE ? 3 : 2;
    mote_value y = mote_in_pieces(graph, MOTE_PRODUCT_PIECES * c->piece, count, cut, (int[]){axis, axis, 1}, axis,
                                  c->stored, product_body, &p);
    mote_graph_leave(graph);
    return y;
}
