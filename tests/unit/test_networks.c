/* Networks of scientific models against their definitions: perceptrons, convolutions, potentials. */
#include "network_problem.h"

#include "models/networks.h"

/* ---- perceptrons ---- */

static void define_multilayer(const network *n, double *y)
{
    double first[6 * 5], second[6 * 3];
    define_linear(n, "net.0", true, 6, 4, 5, network_of(n, "x"), first);
    define_map(6 * 5, first, tanh);
    define_linear(n, "net.1", true, 6, 5, 3, first, second);
    define_map(6 * 3, second, tanh);
    define_linear(n, "net.2", true, 6, 3, 2, second, y);
}

static void multilayer(void **state)
{
    (void)state;
    network *n = network_open();
    mote_value x = network_input(n, "x", 3, (size_t[]){2, 3, 4});
    network_check(n, mote_multilayer(n->graph, "net", x, 3, (size_t[]){5, 3, 2}, "tanh"), define_multilayer);
}

/* ---- convolutions along a line ---- */

enum { BATCH = 2, LENGTH = 7, CHANNELS = 3 };

static mote_convolution_line line;

/* A place of x, which beyond the ends is at the other one, or 0. */
static double line_at(const double *x, long place, size_t channel, size_t channels)
{
    if (place < 0 || place >= LENGTH) {
        return line.around ? line_at(x, (place + LENGTH) % LENGTH, channel, channels) : 0;
    }
    return x[(size_t)place * channels + channel];
}

/* "NAME.weight" [filters, 1, width, channels]. */
static void convolve_line(const network *n, const char *name, const double *x, size_t channels, double *y)
{
    char full[64];
    snprintf(full, sizeof full, "%s.bias", name);
    const double *bias = network_of(n, full);
    snprintf(full, sizeof full, "%s.weight", name);
    const double *weight = network_of(n, full);
    const long half = (long)line.width / 2, apart = line.dilation ? (long)line.dilation : 1;
    for (size_t b = 0; b < BATCH; b++) {
        for (long t = 0; t < LENGTH; t++) {
            for (size_t f = 0; f < line.filters; f++) {
                double sum = bias[f];
                for (long k = -half; k <= half; k++) {
                    for (size_t c = 0; c < channels; c++) {
                        sum += weight[(f * line.width + (size_t)(k + half)) * channels + c] *
                               line_at(x + b * LENGTH * channels, t + k * apart, c, channels);
                    }
                }
                y[(b * LENGTH + (size_t)t) * line.filters + f] = sum;
            }
        }
    }
}

static void define_convolve_line(const network *n, double *y)
{
    convolve_line(n, "near", network_of(n, "x"), CHANNELS, y);
}

static void define_residual_line(const network *n, double *y)
{
    enum { SIZE = BATCH * LENGTH * CHANNELS };
    static const char *const names[2][2] = {{"net.0.0", "net.0.1"}, {"net.1.0", "net.1.1"}};
    double inner[SIZE], change[SIZE];
    memcpy(y, network_of(n, "x"), sizeof change);
    for (int block = 0; block < 2; block++) {
        convolve_line(n, names[block][0], y, CHANNELS, inner);
        define_map(SIZE, inner, define_gelu);
        convolve_line(n, names[block][1], inner, CHANNELS, change);
        for (size_t i = 0; i < SIZE; i++) {
            y[i] += change[i] / 2;
        }
    }
}

static void lines(void **state)
{
    static const mote_convolution_line shapes[] = {
        {.filters = 4, .width = 3},
        {.filters = 4, .width = 3, .around = true},
        {.filters = 2, .width = 5, .dilation = 1},
        {.filters = 2, .width = 3, .dilation = 3},
        {.filters = 2, .width = 3, .dilation = 2, .around = true},
        {.filters = 5, .width = 1},
        {.filters = 5, .width = 1, .around = true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        network *n = network_open();
        mote_value x = network_input(n, "x", 3, (size_t[]){BATCH, LENGTH, CHANNELS});
        line = shapes[i];
        network_check(n, mote_convolve_line(n->graph, "near", x, &line), define_convolve_line);
    }
}

static void residual_lines(void **state)
{
    (void)state;
    for (int around = 0; around < 2; around++) {
        network *n = network_open();
        mote_value x = network_input(n, "x", 3, (size_t[]){BATCH, LENGTH, CHANNELS});
        line = (mote_convolution_line){.filters = CHANNELS, .width = 3, .dilation = 2, .around = around};
        network_check(n, mote_residual_line(n->graph, "net", x, 2, &line), define_residual_line);
    }
}

/* ---- convolutions over a plane ---- */

enum { HEIGHT = 5, WIDTH = 4, DEPTH = 2 };

static mote_convolution_plane plane;

static double plane_at(const double *x, long row, long column, size_t channel)
{
    if (row < 0 || row >= HEIGHT || column < 0 || column >= WIDTH) {
        return plane.around ? plane_at(x, (row + HEIGHT) % HEIGHT, (column + WIDTH) % WIDTH, channel) : 0;
    }
    return x[(size_t)(row * WIDTH + column) * DEPTH + channel];
}

/* The filter's product around a place. */
static double plane_sum(const double *weight, const double *x, long row, long column)
{
    const long half = (long)plane.width / 2;
    double sum = 0;
    for (long i = -half; i <= half; i++) {
        for (long j = -half; j <= half; j++) {
            for (size_t c = 0; c < DEPTH; c++) {
                sum += weight[((size_t)(i + half) * plane.width + (size_t)(j + half)) * DEPTH + c] *
                       plane_at(x, row + i, column + j, c);
            }
        }
    }
    return sum;
}

/* "NAME.weight" [filters, width, width, DEPTH]. */
static void convolve_plane(const network *n, const char *name, const double *x, double *y)
{
    char full[64];
    snprintf(full, sizeof full, "%s.bias", name);
    const double *bias = network_of(n, full);
    snprintf(full, sizeof full, "%s.weight", name);
    const double *weight = network_of(n, full);
    const long stride = plane.stride ? (long)plane.stride : 1;
    size_t at = 0;
    for (size_t b = 0; b < BATCH; b++) {
        for (long row = 0; row < HEIGHT; row += stride) {
            for (long column = 0; column < WIDTH; column += stride) {
                for (size_t f = 0; f < plane.filters; f++) {
                    const double *filter = weight + f * plane.width * plane.width * DEPTH;
                    y[at++] = bias[f] + plane_sum(filter, x + b * HEIGHT * WIDTH * DEPTH, row, column);
                }
            }
        }
    }
}

static void define_convolve_plane(const network *n, double *y) { convolve_plane(n, "near", network_of(n, "x"), y); }

static void define_residual_plane(const network *n, double *y)
{
    enum { SIZE = BATCH * HEIGHT * WIDTH * DEPTH };
    static const char *const names[2][2] = {{"net.0.0", "net.0.1"}, {"net.1.0", "net.1.1"}};
    double inner[SIZE], change[SIZE];
    memcpy(y, network_of(n, "x"), sizeof change);
    for (int block = 0; block < 2; block++) {
        convolve_plane(n, names[block][0], y, inner);
        define_map(SIZE, inner, define_gelu);
        convolve_plane(n, names[block][1], inner, change);
        for (size_t i = 0; i < SIZE; i++) {
            y[i] += change[i] / 2;
        }
    }
}

static void planes(void **state)
{
    static const mote_convolution_plane shapes[] = {
        {.filters = 3, .width = 3},
        {.filters = 3, .width = 3, .around = true},
        {.filters = 2, .width = 3, .stride = 2},
        {.filters = 2, .width = 3, .stride = 2, .around = true},
        {.filters = 1, .width = 5, .stride = 3},
        {.filters = 4, .width = 1},
        {.filters = 4, .width = 1, .around = true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        network *n = network_open();
        mote_value x = network_input(n, "x", 4, (size_t[]){BATCH, HEIGHT, WIDTH, DEPTH});
        plane = shapes[i];
        network_check(n, mote_convolve_plane(n->graph, "near", x, &plane), define_convolve_plane);
    }
}

static void residual_planes(void **state)
{
    (void)state;
    for (int around = 0; around < 2; around++) {
        network *n = network_open();
        mote_value x = network_input(n, "x", 4, (size_t[]){BATCH, HEIGHT, WIDTH, DEPTH});
        plane = (mote_convolution_plane){.filters = DEPTH, .width = 3, .around = around};
        network_check(n, mote_residual_plane(n->graph, "net", x, 2, &plane), define_residual_plane);
    }
}

/* ---- potentials ---- */

enum { ROWS = 3, INPUTS = 4, FIRST = 5, SECOND = 3 };

/* Values and their slopes by one input, side by side: forwards through a layer and a tanh. */
static void forwards(const network *n, const char *name, size_t inputs, size_t outputs, double *values, double *slopes)
{
    char full[64];
    double out[8], slope[8];
    snprintf(full, sizeof full, "%s.weight", name);
    const double *weight = network_of(n, full);
    define_linear(n, name, true, 1, inputs, outputs, values, out);
    for (size_t o = 0; o < outputs; o++) {
        slope[o] = 0;
        for (size_t i = 0; i < inputs; i++) {
            slope[o] += weight[o * inputs + i] * slopes[i];
        }
    }
    memcpy(values, out, outputs * sizeof *values);
    memcpy(slopes, slope, outputs * sizeof *slopes);
}

static void bend(size_t count, double *values, double *slopes)
{
    for (size_t i = 0; i < count; i++) {
        slopes[i] /= cosh(values[i]) * cosh(values[i]);
        values[i] = tanh(values[i]);
    }
}

/* Of each row the energy, then its slope by each input. */
static void define_potential(const network *n, double *y)
{
    const double *x = network_of(n, "x");
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t k = 0; k < INPUTS; k++) {
            double values[8], slopes[8] = {0};
            memcpy(values, x + r * INPUTS, INPUTS * sizeof *values);
            slopes[k] = 1;
            forwards(n, "net.0", INPUTS, FIRST, values, slopes);
            bend(FIRST, values, slopes);
            forwards(n, "net.1", FIRST, SECOND, values, slopes);
            bend(SECOND, values, slopes);
            forwards(n, "net.2", SECOND, 1, values, slopes);
            y[r * (INPUTS + 1)] = values[0];
            y[r * (INPUTS + 1) + 1 + k] = slopes[0];
        }
    }
}

static void potential(void **state)
{
    (void)state;
    network *n = network_open();
    mote_value x = network_input(n, "x", 2, (size_t[]){ROWS, INPUTS});
    mote_potential made = mote_potential_network(n->graph, "net", x, 2, (size_t[]){FIRST, SECOND});
    mote_value y = mote_graph_concatenate(n->graph, 2, (mote_value[]){made.energy, made.gradient}, 1);
    network_check(n, y, define_potential);
}

static void define_chain_rule(const network *n, double *y)
{
    const double *gradient = network_of(n, "gradient"), *jacobian = network_of(n, "jacobian");
    for (size_t r = 0; r < 2; r++) {
        for (size_t c = 0; c < 5; c++) {
            y[r * 5 + c] = 0;
            for (size_t f = 0; f < 6; f++) {
                y[r * 5 + c] += gradient[r * 6 + f] * jacobian[(r * 6 + f) * 5 + c];
            }
        }
    }
}

static void chain_rule(void **state)
{
    (void)state;
    network *n = network_open();
    mote_value gradient = network_input(n, "gradient", 2, (size_t[]){4, 3}); /* three features at two places a row */
    mote_value jacobian = network_input(n, "jacobian", 3, (size_t[]){2, 6, 5});
    network_check(n, mote_chain_rule(n->graph, gradient, jacobian), define_chain_rule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multilayer), cmocka_unit_test(lines),           cmocka_unit_test(residual_lines),
        cmocka_unit_test(planes),     cmocka_unit_test(residual_planes), cmocka_unit_test(potential),
        cmocka_unit_test(chain_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
