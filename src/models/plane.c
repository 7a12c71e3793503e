/* Convolutions over a plane: lattices, images, fields. */
#include <math.h>
#include <stdio.h>

#include "models/layers.h"
#include "models/networks.h"

mote_value mote_convolve_plane(mote_graph *graph, const char *name, mote_value x, const mote_convolution_plane *shape)
{
    const size_t channels = mote_extent(graph, x, 3), width = shape->width, reach = width / 2;
    const size_t stride = shape->stride ? shape->stride : 1, padding = shape->around ? 0 : reach;
    const mote_convolution options = {.stride_height = stride,
                                      .stride_width = stride,
                                      .padding_height = padding,
                                      .padding_width = padding,
                                      .dilation_height = 1,
                                      .dilation_width = 1};
    mote_graph_enter(graph, name);
    if (shape->around && reach) {
        x = mote_wrap(graph, mote_wrap(graph, x, 1, reach), 2, reach);
    }
    mote_value weight =
        mote_graph_parameter(graph, "weight", 4, (size_t[]){shape->filters, width, width, channels},
                             MOTE_INITIAL_NORMAL, sqrt(2.0 / (double)(width * width * (channels ? channels : 1))));
    mote_value bias = mote_graph_parameter(graph, "bias", 1, &shape->filters, MOTE_INITIAL_ZEROS, 0);
    x = mote_graph_convolution(graph, x, weight, bias, &options);
    mote_graph_leave(graph);
    return x;
}

mote_value mote_residual_plane(mote_graph *graph, const char *name, mote_value x, int blocks,
                               const mote_convolution_plane *shape)
{
    mote_graph_enter(graph, name);
    for (int i = 0; i < blocks; i++) {
        char first[16], second[16];
        snprintf(first, sizeof first, "%d.0", i);
        snprintf(second, sizeof second, "%d.1", i);
        mote_value y = mote_graph_map(graph, "gelu", mote_convolve_plane(graph, first, x, shape));
        x = mote_graph_add(graph, x, mote_graph_scale(graph, mote_convolve_plane(graph, second, y, shape), 0.5));
    }
    mote_graph_leave(graph);
    return x;
}
