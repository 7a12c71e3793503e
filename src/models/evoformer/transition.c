/* Transitions of the MSA and of the pairs: algorithms 9 and 15. */
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
    size_t channels = mote_extent(graph, x, 2), hidden = s->transition * channels;
    transition t = {.norm = mote_norm_layer(graph, "layer_norm", channels)};
    t.up = mote_linear_layer(graph, "linear_1", channels, hidden, MOTE_START_RECTIFIED);
    t.down = mote_linear_layer(graph, "linear_2", hidden, channels, MOTE_START_RESIDUAL);
    return mote_in_pieces(graph, s->config, 1, &x, (int[]){0}, 0, s->config->stored, body, &t);
}
