/* Arithmetic that all parts of the structure module use. */
#include "models/structure/layers.h"

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
