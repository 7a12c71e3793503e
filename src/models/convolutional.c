/* Convolutions along a line: series, rings, sequences. */
#include <math.h>
#include <stdio.h>

#include "models/layers.h"
#include "models/networks.h"

mote_value mote_convolve_line(mote_graph *graph, const char *name, mote_value x, const mote_convolution_line *shape)
{
    mote_layout layout;
    if (mote_graph_status(graph) != MOTE_OK || mote_graph_value_layout(graph, x, &layout) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    const size_t batch = layout.shape[0], length = layout.shape[1], channels = layout.shape[2];
    const size_t dilation = shape->dilation ? shape->dilation : 1, reach = (shape->width / 2) * dilation;
    const size_t weight_shape[] = {shape->filters, 1, shape->width, channels};
    const mote_convolution options = {.stride_height = 1,
                                      .stride_width = 1,
                                      .padding_width = shape->around ? 0 : reach,
                                      .dilation_height = 1,
                                      .dilation_width = dilation};
    mote_graph_enter(graph, name);
    x = shape->around && reach ? mote_wrap(graph, x, 1, reach) : x;
    const size_t padded = length + (shape->around ? 2 * reach : 0);
    mote_value weight = mote_graph_parameter(graph, "weight", 4, weight_shape, MOTE_INITIAL_NORMAL,
                                             sqrt(2.0 / (double)(shape->width * channels)));
    mote_value bias = mote_graph_parameter(graph, "bias", 1, &shape->filters, MOTE_INITIAL_ZEROS, 0);
    x = mote_graph_reshape(graph, x, 4, (size_t[]){batch, 1, padded, channels});
    x = mote_graph_convolution(graph, x, weight, bias, &options);
    x = mote_graph_reshape(graph, x, 3, (size_t[]){batch, length, shape->filters});
    mote_graph_leave(graph);
    return x;
}

mote_value mote_residual_line(mote_graph *graph, const char *name, mote_value x, int blocks,
                              const mote_convolution_line *shape)
{
    mote_graph_enter(graph, name);
    for (int i = 0; i < blocks; i++) {
        char first[16], second[16];
        snprintf(first, sizeof first, "%d.0", i);
        snprintf(second, sizeof second, "%d.1", i);
        mote_value y = mote_graph_map(graph, "gelu", mote_convolve_line(graph, first, x, shape));
        x = mote_graph_add(graph, x, mote_graph_scale(graph, mote_convolve_line(graph, second, y, shape), 0.5));
    }
    mote_graph_leave(graph);
    return x;
}
