/* Linear layers and layer norms with their parameters. */
#include "models/layers.h"

#include <math.h>

#include "graph/graph.h"

mote_layer mote_linear_layer(mote_graph *graph, const char *name, size_t inputs, size_t outputs,
                             mote_linear_start start)
{
    mote_layer made = {name, MOTE_NO_VALUE, MOTE_NO_VALUE};
    bool zero = start == MOTE_START_GATE || start == MOTE_START_RESIDUAL;
    double spread = sqrt((start == MOTE_START_RECTIFIED ? 2.0 : 1.0) / (double)(inputs ? inputs : 1));
    mote_graph_enter(graph, name);
    made.weight = mote_graph_parameter(graph, "weight", 2, (size_t[]){outputs, inputs},
                                       zero ? MOTE_INITIAL_ZEROS : MOTE_INITIAL_NORMAL, spread);
    if (start != MOTE_START_UNBIASED) {
        made.bias = mote_graph_parameter(graph, "bias", 1, &outputs,
                                         start == MOTE_START_GATE ? MOTE_INITIAL_ONES : MOTE_INITIAL_ZEROS, 0);
    }
    mote_graph_leave(graph);
    return made;
}

mote_layer mote_norm_layer(mote_graph *graph, const char *name, size_t channels)
{
    mote_layer made = {.name = name};
    mote_graph_enter(graph, name);
    made.weight = mote_graph_parameter(graph, "weight", 1, &channels, MOTE_INITIAL_ONES, 0);
    made.bias = mote_graph_parameter(graph, "bias", 1, &channels, MOTE_INITIAL_ZEROS, 0);
    mote_graph_leave(graph);
    return made;
}

mote_value mote_apply_linear(mote_graph *graph, const mote_layer *layer, mote_value x)
{
    mote_graph_enter(graph, layer->name);
    mote_value y = mote_graph_linear(graph, x, layer->weight, layer->bias);
    mote_graph_leave(graph);
    return y;
}

mote_value mote_apply_norm(mote_graph *graph, const mote_layer *layer, mote_value x)
{
    mote_graph_enter(graph, layer->name);
    mote_value y = mote_graph_layer_norm(graph, x, layer->weight, layer->bias, 1e-5);
    mote_graph_leave(graph);
    return y;
}

static mote_value linear_body(mote_graph *graph, void *layer, const mote_value *pieces)
{
    return mote_apply_linear(graph, layer, pieces[0]);
}

static mote_value norm_body(mote_graph *graph, void *layer, const mote_value *pieces)
{
    return mote_apply_norm(graph, layer, pieces[0]);
}

static mote_value by_rows(mote_graph *graph, const mote_layer *layer, mote_value x, mote_piece_builder *body)
{
    enum { ROWS = 16 };
    mote_layer given = *layer;
    mote_pieces_options options = {1, &x, (int[]){0}, ROWS, 0, MOTE_FP32};
    return mote_graph_pieces(graph, &options, body, &given);
}

mote_value mote_apply_linear_by_rows(mote_graph *graph, const mote_layer *layer, mote_value x)
{
    return by_rows(graph, layer, x, linear_body);
}

mote_value mote_apply_norm_by_rows(mote_graph *graph, const mote_layer *layer, mote_value x)
{
    return by_rows(graph, layer, x, norm_body);
}

size_t mote_extent(const mote_graph *graph, mote_value value, int dimension)
{
    if (value < 0 || value >= graph->value_count || dimension >= mote_layout_of(graph, value)->rank) {
        return 0;
    }
    return mote_layout_of(graph, value)->shape[dimension];
}

mote_value mote_wrap(mote_graph *graph, mote_value x, int axis, size_t reach)
{
    const size_t extent = mote_extent(graph, x, axis);
    mote_value parts[] = {mote_graph_slice(graph, x, axis, extent - reach, reach), x,
                          mote_graph_slice(graph, x, axis, 0, reach)};
    return mote_graph_concatenate(graph, 3, parts, axis);
}
