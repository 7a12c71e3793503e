/* Losses. */
#include "study/losses.h"

static mote_value flat(mote_graph *graph, mote_value x)
{
    mote_layout layout;
    size_t count = 1;
    if (mote_graph_status(graph) != MOTE_OK || mote_graph_value_layout(graph, x, &layout) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    for (int d = 0; d < layout.rank; d++) {
        count *= layout.shape[d];
    }
    return mote_graph_reshape(graph, x, 1, &count);
}

mote_value mote_loss_squares(mote_graph *graph, mote_value prediction, mote_value target)
{
    mote_value difference = mote_graph_subtract(graph, prediction, target);
    return mote_graph_mean(graph, flat(graph, mote_graph_map(graph, "square", difference)), 0, 1);
}

mote_value mote_loss_classes(mote_graph *graph, mote_value scores, mote_value targets)
{
    return mote_graph_mean_loss(graph, mote_graph_softmax_cross_entropy(graph, scores, targets), targets);
}
