/* Transformer blocks on any sequence of vectors, for models that bring their own inputs and outputs. */
#include <stdio.h>

#include "models/layers.h"
#include "models/networks.h"

static mote_value block(mote_graph *graph, mote_value x, size_t width, const mote_transformer_shape *shape)
{
    const mote_attention_options options = {.heads = shape->heads, .causal = shape->causal};
    mote_layer norm = mote_norm_layer(graph, "norm1", width);
    mote_layer qkv = mote_linear_layer(graph, "qkv", width, 3 * width, MOTE_START_PLAIN);
    mote_layer projection = mote_linear_layer(graph, "projection", width, width, MOTE_START_RESIDUAL);
    mote_value y = mote_apply_linear(graph, &qkv, mote_apply_norm(graph, &norm, x));
    y = mote_graph_rotary(graph, y, 2 * shape->heads, width / shape->heads, 10000);
    mote_graph_enter(graph, "attention");
    y = mote_graph_attention(graph, y, MOTE_NO_VALUE, &options);
    mote_graph_leave(graph);
    x = mote_graph_add(graph, x, mote_apply_linear(graph, &projection, y));
    norm = mote_norm_layer(graph, "norm2", width);
    mote_layer up = mote_linear_layer(graph, "up", width, shape->hidden, MOTE_START_RECTIFIED);
    mote_layer down = mote_linear_layer(graph, "down", shape->hidden, width, MOTE_START_RESIDUAL);
    y = mote_graph_map(graph, "gelu", mote_apply_linear(graph, &up, mote_apply_norm(graph, &norm, x)));
    return mote_graph_add(graph, x, mote_apply_linear(graph, &down, y));
}

mote_value mote_transformer_blocks(mote_graph *graph, const char *name, mote_value x,
                                   const mote_transformer_shape *shape)
{
    const size_t width = mote_extent(graph, x, 2);
    mote_graph_enter(graph, name);
    for (size_t i = 0; i < shape->blocks; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        mote_graph_enter(graph, number);
        x = block(graph, x, width, shape);
        mote_graph_leave(graph);
    }
    mote_layer norm = mote_norm_layer(graph, "norm", width);
    x = mote_apply_norm(graph, &norm, x);
    mote_graph_leave(graph);
    return x;
}
