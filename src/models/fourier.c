/* Fourier neural operators. Waves are complex numbers, held as a part that is real and one that is imaginary. */
#include <math.h>
#include <stdio.h>

#include "models/layers.h"
#include "models/networks.h"

enum { LARGEST = 64 }; /* side of a field */

/* Matrices that transform along width and height, both orthonormal: the transpose leads back. */
typedef struct transforms {
    size_t height, width;
    size_t rows, columns;     /* waves along the height, of both directions, and along the width */
    mote_value along_width;   /* [2 columns, width] */
    mote_value along_height;  /* [2 rows, 2 height]; MOTE_NO_VALUE: height is 1 */
    mote_value back_to_width; /* the transposes */
    mote_value back_to_height;
} transforms;

/* A matrix [rows, columns] and its transpose as constants. */
static void constant_pair(mote_graph *graph, size_t rows, size_t columns, const float *matrix, mote_value *forward,
                          mote_value *back)
{
    *forward = mote_graph_array(graph, 2, (size_t[]){rows, columns}, matrix);
    *back = mote_graph_permute(graph, *forward, (int[]){1, 0});
}

/* Real fields: waves of 0, 1, ... periods; those of both directions are one. */
static void make_along_width(mote_graph *graph, transforms *t)
{
    float matrix[LARGEST * LARGEST];
    for (size_t k = 0; k < t->columns; k++) {
        const double size = sqrt((k == 0 || 2 * k == t->width ? 1.0 : 2.0) / (double)t->width);
        for (size_t x = 0; x < t->width; x++) {
            const double phase = 2 * M_PI * (double)(k * x % t->width) / (double)t->width;
            matrix[k * t->width + x] = (float)(size * cos(phase));
            matrix[(t->columns + k) * t->width + x] = (float)(-size * sin(phase));
        }
    }
    constant_pair(graph, 2 * t->columns, t->width, matrix, &t->along_width, &t->back_to_width);
}

/* Complex columns: waves of -(modes - 1) .. modes - 1 periods. */
static void make_along_height(mote_graph *graph, transforms *t)
{
    float matrix[4 * LARGEST * LARGEST];
    const size_t half = t->rows / 2, line = 2 * t->height;
    for (size_t k = 0; k < t->rows; k++) {
        for (size_t y = 0; y < t->height; y++) {
            const double periods = (double)k - (double)half, size = 1 / sqrt((double)t->height);
            const double phase = 2 * M_PI * periods * (double)y / (double)t->height;
            matrix[k * line + y] = (float)(size * cos(phase));
            matrix[k * line + t->height + y] = (float)(size * sin(phase));
            matrix[(t->rows + k) * line + y] = (float)(-size * sin(phase));
            matrix[(t->rows + k) * line + t->height + y] = (float)(size * cos(phase));
        }
    }
    constant_pair(graph, 2 * t->rows, line, matrix, &t->along_height, &t->back_to_height);
}

/* Sides and modes fit into the matrices, also where they make no sense, which the shapes of products then tell. */
static transforms make_transforms(mote_graph *graph, mote_value x, const mote_fourier *shape)
{
    transforms t = {.height = mote_extent(graph, x, 1), .width = mote_extent(graph, x, 2), .rows = 1};
    t.along_height = t.back_to_height = MOTE_NO_VALUE;
    t.width = t.width < LARGEST ? t.width : LARGEST;
    t.height = t.height < LARGEST ? t.height : LARGEST;
    t.columns = shape->modes_width < t.width / 2 ? shape->modes_width : t.width / 2;
    make_along_width(graph, &t);
    if (t.height > 1) {
        const size_t modes = shape->modes_height < t.height / 2 ? shape->modes_height : t.height / 2;
        t.rows = modes ? 2 * modes - 1 : 0;
        make_along_height(graph, &t);
    }
    return t;
}

/* Waves of x: [columns * rows, batch, 2 channels]. */
static mote_value to_waves(mote_graph *graph, const transforms *t, mote_value x)
{
    const size_t batch = mote_extent(graph, x, 0), channels = mote_extent(graph, x, 3);
    x = mote_graph_permute(graph, x, (int[]){0, 3, 1, 2});
    x = mote_graph_linear(graph, x, t->along_width, MOTE_NO_VALUE);
    x = mote_graph_reshape(graph, x, 5, (size_t[]){batch, channels, t->height, 2, t->columns});
    x = mote_graph_permute(graph, x, (int[]){0, 1, 4, 3, 2});
    if (t->height > 1) {
        x = mote_graph_reshape(graph, x, 4, (size_t[]){batch, channels, t->columns, 2 * t->height});
        x = mote_graph_linear(graph, x, t->along_height, MOTE_NO_VALUE);
        x = mote_graph_reshape(graph, x, 5, (size_t[]){batch, channels, t->columns, 2, t->rows});
    }
    x = mote_graph_permute(graph, x, (int[]){2, 4, 0, 3, 1});
    return mote_graph_reshape(graph, x, 3, (size_t[]){t->columns * t->rows, batch, 2 * channels});
}

/* The field [batch, height, width, channels] of waves. */
static mote_value from_waves(mote_graph *graph, const transforms *t, mote_value x)
{
    const size_t batch = mote_extent(graph, x, 1), channels = mote_extent(graph, x, 2) / 2;
    x = mote_graph_reshape(graph, x, 5, (size_t[]){t->columns, t->rows, batch, 2, channels});
    x = mote_graph_permute(graph, x, (int[]){2, 4, 0, 3, 1});
    if (t->height > 1) {
        x = mote_graph_reshape(graph, x, 4, (size_t[]){batch, channels, t->columns, 2 * t->rows});
        x = mote_graph_linear(graph, x, t->back_to_height, MOTE_NO_VALUE);
        x = mote_graph_reshape(graph, x, 5, (size_t[]){batch, channels, t->columns, 2, t->height});
    }
    x = mote_graph_permute(graph, x, (int[]){0, 1, 4, 3, 2});
    x = mote_graph_reshape(graph, x, 4, (size_t[]){batch, channels, t->height, 2 * t->columns});
    x = mote_graph_linear(graph, x, t->back_to_width, MOTE_NO_VALUE);
    return mote_graph_permute(graph, x, (int[]){0, 2, 3, 1});
}

/* Complex matrices [waves, inputs, outputs] as real ones [waves, 2 inputs, 2 outputs]. */
static mote_value wave_weights(mote_graph *graph, size_t waves, size_t inputs, size_t outputs)
{
    const size_t shape[] = {waves, inputs, outputs};
    const double spread = sqrt(0.5 / (double)(inputs ? inputs : 1));
    mote_value real = mote_graph_parameter(graph, "real", 3, shape, MOTE_INITIAL_NORMAL, spread);
    mote_value imaginary = mote_graph_parameter(graph, "imaginary", 3, shape, MOTE_INITIAL_NORMAL, spread);
    mote_value upper[] = {real, imaginary}, lower[] = {mote_graph_map(graph, "negate", imaginary), real};
    mote_value halves[] = {mote_graph_concatenate(graph, 2, upper, 2), mote_graph_concatenate(graph, 2, lower, 2)};
    return mote_graph_concatenate(graph, 2, halves, 1);
}

/* A convolution in Fourier space: a complex matrix of weights for each wave. */
static mote_value convolve(mote_graph *graph, const char *name, mote_value x, const transforms *t, size_t channels)
{
    mote_graph_enter(graph, name);
    mote_value weights = wave_weights(graph, t->columns * t->rows, mote_extent(graph, x, 3), channels);
    x = mote_graph_matmul(graph, to_waves(graph, t, x), weights, 0, 0);
    x = from_waves(graph, t, x);
    mote_graph_leave(graph);
    return x;
}

mote_value mote_fourier_operator(mote_graph *graph, const char *name, mote_value x, size_t outputs,
                                 const mote_fourier *shape)
{
    const size_t channels = shape->channels;
    const transforms t = make_transforms(graph, x, shape);
    mote_graph_enter(graph, name);
    mote_layer lift = mote_linear_layer(graph, "lift", mote_extent(graph, x, 3), channels, MOTE_START_PLAIN);
    x = mote_apply_linear(graph, &lift, x);
    for (int i = 0; i < shape->layers; i++) {
        char waves[24], points[24];
        snprintf(waves, sizeof waves, "%d.waves", i);
        snprintf(points, sizeof points, "%d.points", i);
        mote_layer here = mote_linear_layer(graph, points, channels, channels, MOTE_START_PLAIN);
        mote_value y = mote_apply_linear(graph, &here, x);
        x = mote_graph_add(graph, convolve(graph, waves, x, &t, channels), y);
        x = i + 1 < shape->layers ? mote_graph_map(graph, "gelu", x) : x;
    }
    x = mote_multilayer(graph, "project", x, 2, (size_t[]){2 * channels, outputs}, "gelu");
    mote_graph_leave(graph);
    return x;
}

/* Coordinates that vary along one axis of x, [1 or height, 1 or width, 1] broadcast to x's places. */
static mote_value coordinates(mote_graph *graph, mote_value x, int axis)
{
    float places[LARGEST];
    const size_t whole = mote_extent(graph, x, axis), count = whole < LARGEST ? whole : LARGEST;
    const size_t batch = mote_extent(graph, x, 0), height = mote_extent(graph, x, 1), width = mote_extent(graph, x, 2);
    for (size_t i = 0; i < count; i++) {
        places[i] = count > 1 ? (float)(2.0 * (double)i / (double)(count - 1) - 1) : 0.0F;
    }
    size_t shape[] = {1, 1, 1};
    shape[axis - 1] = count;
    mote_value line = mote_graph_array(graph, 3, shape, places);
    return mote_graph_broadcast(graph, line, 4, (size_t[]){batch, height, width, 1});
}

mote_value mote_with_places(mote_graph *graph, mote_value x)
{
    const bool field = mote_extent(graph, x, 1) > 1;
    mote_value parts[] = {x, coordinates(graph, x, 2), field ? coordinates(graph, x, 1) : MOTE_NO_VALUE};
    return mote_graph_concatenate(graph, field ? 3 : 2, parts, 3);
}
