/* Layers and arithmetic that all parts of the structure module use. */
#include "models/structure/layers.h"

#include <math.h>

mote_structure_layer mote_structure_linear_layer(mote_graph *graph, const char *name, size_t inputs, size_t outputs,
                                                 mote_structure_start start)
{
    mote_structure_layer made = {.name = name};
    double spread = sqrt((start == MOTE_STRUCTURE_RECTIFIED ? 2.0 : 1.0) / (double)(inputs ? inputs : 1));
    mote_graph_enter(graph, name);
    made.weight = mote_graph_parameter(graph, "weight", 2, (size_t[]){outputs, inputs},
                                       start == MOTE_STRUCTURE_ZERO ? MOTE_INITIAL_ZEROS : MOTE_INITIAL_NORMAL, spread);
    made.bias = start == MOTE_STRUCTURE_UNBIASED
                    ? MOTE_NO_VALUE
                    : mote_graph_parameter(graph, "bias", 1, &outputs, MOTE_INITIAL_ZEROS, 0);
    mote_graph_leave(graph);
    return made;
}

mote_structure_layer mote_structure_norm_layer(mote_graph *graph, const char *name, size_t channels)
{
    mote_structure_layer made = {.name = name};
    mote_graph_enter(graph, name);
    made.weight = mote_graph_parameter(graph, "weight", 1, &channels, MOTE_INITIAL_ONES, 0);
    made.bias = mote_graph_parameter(graph, "bias", 1, &channels, MOTE_INITIAL_ZEROS, 0);
    mote_graph_leave(graph);
    return made;
}

mote_value mote_structure_linear(mote_graph *graph, const mote_structure_layer *layer, mote_value x)
{
    mote_graph_enter(graph, layer->name);
    mote_value y = mote_graph_linear(graph, x, layer->weight, layer->bias);
    mote_graph_leave(graph);
    return y;
}

mote_value mote_structure_norm(mote_graph *graph, const mote_structure_layer *layer, mote_value x)
{
    mote_graph_enter(graph, layer->name);
    mote_value y = mote_graph_layer_norm(graph, x, layer->weight, layer->bias, 1e-5);
    mote_graph_leave(graph);
    return y;
}

size_t mote_structure_extent(const mote_graph *graph, mote_value value, int dimension)
{
    if (value < 0 || value >= graph->value_count || dimension >= mote_layout_of(graph, value)->rank) {
        return 0;
    }
    return mote_layout_of(graph, value)->shape[dimension];
}

mote_value mote_structure_reshape2(mote_graph *graph, mote_value x, size_t a, size_t b)
{
    return mote_graph_reshape(graph, x, 2, (size_t[]){a, b});
}

mote_value mote_structure_reshape3(mote_graph *graph, mote_value x, size_t a, size_t b, size_t c)
{
    return mote_graph_reshape(graph, x, 3, (size_t[]){a, b, c});
}

mote_value mote_structure_reshape4(mote_graph *graph, mote_value x, size_t a, size_t b, size_t c, size_t d)
{
    return mote_graph_reshape(graph, x, 4, (size_t[]){a, b, c, d});
}

mote_value mote_structure_offset(mote_graph *graph, mote_value x, double number)
{
    return mote_graph_add(graph, x, mote_graph_constant(graph, 0, NULL, number));
}

mote_value mote_structure_at_least(mote_graph *graph, mote_value x, double number)
{
    mote_value above = mote_graph_map(graph, "relu", mote_structure_offset(graph, x, -number));
    return mote_structure_offset(graph, above, number);
}

mote_value mote_structure_squared_length(mote_graph *graph, mote_value x, int rank)
{
    return mote_graph_sum(graph, mote_graph_map(graph, "square", x), rank - 1, 1);
}
