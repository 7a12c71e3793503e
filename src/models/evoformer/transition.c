/* Transitions of the MSA and of the pairs: algorithms 9 and 15. Each position is computed by itself, so pieces need no
 * whole rows: they are so many positions that a piece and its hidden layer stay in the second and third cache. */
#include "models/evoformer/modules.h"

typedef struct transition {
    mote_layer norm, up, down;
} transition;

static mote_value body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const transition *t = argument;
    mote_value hidden = mote_apply_linear(graph, &t->up, mote_apply_norm(graph, &t->norm, pieces[0]));
    mote_value y = mote_apply_linear(graph, &t->down, mote_graph_map(graph, "relu", hidden));
    return mote_graph_add(graph, pieces[0], y);
}

/* x + linear(relu(linear(norm(x)))), in the caller's layer. */
mote_value mote_transition(mote_graph *graph, const mote_trunk_sizes *s, mote_value x)
{
    enum { POSITIONS = 512 };
    size_t rows = mote_extent(graph, x, 0), columns = mote_extent(graph, x, 1), channels = mote_extent(graph, x, 2);
    transition t = {.norm = mote_norm_layer(graph, "layer_norm", channels)};
    t.up = mote_linear_layer(graph, "linear_1", channels, s->transition * channels, MOTE_START_RECTIFIED);
    t.down = mote_linear_layer(graph, "linear_2", s->transition * channels, channels, MOTE_START_RESIDUAL);
    x = mote_graph_reshape(graph, x, 2, (size_t[]){rows * columns, channels});
    x = mote_in_pieces(graph, s->config->piece ? POSITIONS : 0, 1, &x, (int[]){0}, 0, s->config->stored, body, &t);
    return mote_graph_reshape(graph, x, 3, (size_t[]){rows, columns, channels});
}
