/* Message passing on graphs of atoms (Gilmer et al. 2017, arXiv 1704.01212, section 2), with messages that edges weigh
 * head by head, as filters weigh them in Schuett et al. 2017 (arXiv 1706.08566, section 4). */
#include <stdio.h>

#include "models/layers.h"
#include "models/networks.h"

/* x [batch, atoms, channels] as [batch, heads, atoms, channels / heads], or back. */
static mote_value split_heads(mote_graph *graph, mote_value x, size_t heads)
{
    const size_t batch = mote_extent(graph, x, 0), atoms = mote_extent(graph, x, 1),
                 channels = mote_extent(graph, x, 2);
    x = mote_graph_reshape(graph, x, 4, (size_t[]){batch, atoms, heads, channels / heads});
    return mote_graph_permute(graph, x, (int[]){0, 2, 1, 3});
}

static mote_value join_heads(mote_graph *graph, mote_value x)
{
    const size_t batch = mote_extent(graph, x, 0), heads = mote_extent(graph, x, 1), atoms = mote_extent(graph, x, 2),
                 width = mote_extent(graph, x, 3);
    x = mote_graph_permute(graph, x, (int[]){0, 2, 1, 3});
    return mote_graph_reshape(graph, x, 3, (size_t[]){batch, atoms, heads * width});
}

/* x plus what it and its messages make. */
static mote_value pass(mote_graph *graph, const char *name, mote_value x, mote_value edges,
                       const mote_message_passing_shape *shape)
{
    const size_t channels = shape->channels;
    mote_graph_enter(graph, name);
    mote_layer norm = mote_norm_layer(graph, "norm", channels);
    mote_layer send = mote_linear_layer(graph, "send", channels, channels, MOTE_START_UNBIASED);
    mote_layer update = mote_linear_layer(graph, "update", 2 * channels, channels, MOTE_START_RECTIFIED);
    mote_layer out = mote_linear_layer(graph, "out", channels, channels, MOTE_START_PLAIN);
    mote_value own = mote_apply_norm(graph, &norm, x);
    mote_value sent = split_heads(graph, mote_apply_linear(graph, &send, own), shape->heads);
    mote_value heard = join_heads(graph, mote_graph_matmul(graph, edges, sent, 0, 0));
    mote_value both = mote_graph_concatenate(graph, 2, (mote_value[]){own, heard}, 2);
    mote_value made = mote_graph_map(graph, "gelu", mote_apply_linear(graph, &update, both));
    x = mote_graph_add(graph, x, mote_apply_linear(graph, &out, made));
    mote_graph_leave(graph);
    return x;
}

mote_value mote_message_passing(mote_graph *graph, const char *name, mote_value x, mote_value edges,
                                const mote_message_passing_shape *shape)
{
    mote_graph_enter(graph, name);
    mote_layer first = mote_linear_layer(graph, "first", mote_extent(graph, x, 2), shape->channels, MOTE_START_PLAIN);
    x = mote_apply_linear(graph, &first, x);
    edges = mote_graph_permute(graph, edges, (int[]){0, 3, 1, 2});
    for (size_t i = 0; i < shape->rounds; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        x = pass(graph, number, x, edges, shape);
    }
    mote_layer norm = mote_norm_layer(graph, "norm", shape->channels);
    x = mote_apply_norm(graph, &norm, x);
    mote_graph_leave(graph);
    return x;
}

mote_value mote_bond_edges(mote_graph *graph, const char *name, mote_value kinds, size_t count, size_t heads)
{
    mote_graph_enter(graph, name);
    mote_value none = mote_graph_constant(graph, 2, (size_t[]){1, heads}, 0);
    mote_value rest = mote_graph_parameter(graph, "weight", 2, (size_t[]){count, heads}, MOTE_INITIAL_NORMAL, 0.7);
    mote_value table = mote_graph_concatenate(graph, 2, (mote_value[]){none, rest}, 0);
    mote_value edges = mote_graph_embedding(graph, table, kinds);
    mote_graph_leave(graph);
    return edges;
}

enum { BASIS = 64 };

mote_value mote_distance_edges(mote_graph *graph, const char *name, mote_value distances, mote_value weight,
                               size_t basis, double reach, size_t heads)
{
    const size_t batch = mote_extent(graph, distances, 0), atoms = mote_extent(graph, distances, 1);
    const size_t shape[] = {batch, atoms, atoms, 1};
    const double width = reach / (double)(basis - 1);
    float middles[BASIS];
    for (size_t i = 0; i < basis; i++) {
        middles[i] = (float)(width * (double)i);
    }
    mote_graph_enter(graph, name);
    mote_value x = mote_graph_reshape(graph, distances, 4, shape);
    x = mote_graph_subtract(graph, x, mote_graph_array(graph, 1, &basis, middles));
    x = mote_graph_scale(graph, mote_graph_map(graph, "square", x), -0.5 / (width * width));
    x = mote_multilayer(graph, "filter", mote_graph_map(graph, "exp", x), 1, &heads, "gelu");
    x = mote_graph_multiply(graph, x, mote_graph_reshape(graph, weight, 4, shape));
    mote_graph_leave(graph);
    return x;
}

mote_value mote_pool_atoms(mote_graph *graph, const char *name, mote_value x, mote_value mask, size_t outputs,
                           double factor)
{
    const size_t batch = mote_extent(graph, x, 0), atoms = mote_extent(graph, x, 1),
                 channels = mote_extent(graph, x, 2);
    mote_graph_enter(graph, name);
    mote_layer value = mote_linear_layer(graph, "value", channels, outputs, MOTE_START_PLAIN);
    mote_layer gate = mote_linear_layer(graph, "gate", channels, outputs, MOTE_START_GATE);
    x = mote_graph_gate(graph, mote_apply_linear(graph, &value, x), mote_apply_linear(graph, &gate, x));
    x = mote_graph_multiply(graph, x, mote_graph_reshape(graph, mask, 3, (size_t[]){batch, atoms, 1}));
    x = mote_graph_scale(graph, mote_graph_sum(graph, x, 1, 1), factor);
    mote_graph_leave(graph);
    return x;
}
