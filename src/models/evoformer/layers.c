/* Gates, masks, shared dropout and pieces, as all modules of the trunk use them. */
#include "models/evoformer/layers.h"

mote_value mote_apply_gated(mote_graph *graph, const mote_layer *linear, const mote_layer *gate, mote_value x)
{
    mote_value y = mote_apply_linear(graph, linear, x);
    return mote_graph_gate(graph, y, mote_apply_linear(graph, gate, x));
}

mote_value mote_exchange(mote_graph *graph, mote_value x) { return mote_graph_permute(graph, x, (int[]){1, 0, 2}); }

mote_value mote_table_from_one(mote_graph *graph, mote_value weight)
{
    mote_value rows[2] = {mote_graph_constant(graph, 2, (size_t[]){1, mote_extent(graph, weight, 0)}, 0),
                          mote_graph_permute(graph, weight, (int[]){1, 0})};
    return mote_graph_concatenate(graph, 2, rows, 0);
}

mote_value mote_masked(mote_graph *graph, mote_value x, mote_value mask)
{
    size_t shape[3] = {mote_extent(graph, mask, 0), mote_extent(graph, mask, 1), 1};
    return mote_graph_multiply(graph, x, mote_graph_reshape(graph, mask, 3, shape));
}

mote_value mote_shared_dropout(mote_graph *graph, const mote_trunk_config *config, double rate, int axis, size_t extent,
                               size_t channels)
{
    if (!config->training || rate == 0) {
        return MOTE_NO_VALUE;
    }
    size_t shape[3] = {axis == 0 ? 1 : extent, axis == 0 ? extent : 1, channels};
    return mote_graph_dropout(graph, mote_graph_constant(graph, 3, shape, 1), rate);
}

mote_value mote_drop(mote_graph *graph, mote_value x, mote_value factors)
{
    return factors == MOTE_NO_VALUE ? x : mote_graph_multiply(graph, x, factors);
}

mote_value mote_in_pieces(mote_graph *graph, size_t length, int count, const mote_value *values, const int *axes,
                          int result_axis, mote_format format, mote_piece_builder *build, void *argument)
{
    mote_pieces_options options = {count, values, axes, length, result_axis, format};
    if (mote_graph_status(graph) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    return length ? mote_graph_pieces(graph, &options, build, argument) : build(graph, argument, values);
}
