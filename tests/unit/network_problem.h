/* A network beside its definition, for tests: results, and gradients against central differences of the definition.
 *
 * Definitions are plain loops in FP64 that read inputs and parameters by their names in the graph. The loss is the sum
 * of the results, each times a number, so that every result has a say in the gradients. */
#ifndef TESTS_NETWORK_PROBLEM_H
#define TESTS_NETWORK_PROBLEM_H

#include <math.h>
#include <stdio.h>

#include "unit.h"

enum { NETWORK_PARTS = 48, NETWORK_NUMBERS = 1024 };

typedef struct network_part {
    const char *name;
    mote_value value;
    size_t count;
    double numbers[NETWORK_NUMBERS];
    bool whole; /* int32 */
} network_part;

typedef struct network {
    mote_context *context;
    mote_graph *graph;
    size_t part_count;
    network_part parts[NETWORK_PARTS];
    uint32_t random;
} network;

/* y, of as many numbers as the network's result has. */
typedef void network_definition(const network *n, double *y);

static inline double network_draw(network *n)
{
    n->random = n->random * 1664525u + 1013904223u;
    return (double)(n->random >> 8) / (1 << 23) - 1;
}

static inline network *network_open(void)
{
    network *n = calloc(1, sizeof *n);
    assert_non_null(n);
    n->random = 1;
    n->context = unit_context(1, NULL);
    unit_ok(n->context, mote_graph_create(n->context, &n->graph));
    return n;
}

static inline network_part *network_add(network *n, mote_value value)
{
    mote_layout layout;
    assert_true(n->part_count < NETWORK_PARTS);
    network_part *part = &n->parts[n->part_count++];
    unit_ok(n->context, mote_graph_value_layout(n->graph, value, &layout));
    part->name = mote_graph_value_name(n->graph, value);
    part->value = value;
    part->count = 1;
    for (int d = 0; d < layout.rank; d++) {
        part->count *= layout.shape[d];
    }
    assert_true(part->count <= NETWORK_NUMBERS);
    for (size_t i = 0; i < part->count; i++) {
        part->numbers[i] = (double)(float)network_draw(n);
    }
    return part;
}

static inline mote_value network_input(network *n, const char *name, int rank, const size_t *shape)
{
    mote_value value = mote_graph_input(n->graph, name, MOTE_FP32, rank, shape);
    mote_graph_want_gradient(n->graph, value);
    network_add(n, value);
    return value;
}

/* int32 from 0 to below limit. */
static inline mote_value network_classes(network *n, const char *name, int rank, const size_t *shape, int limit)
{
    network_part *part = network_add(n, mote_graph_input(n->graph, name, MOTE_INT32, rank, shape));
    part->whole = true;
    for (size_t i = 0; i < part->count; i++) {
        part->numbers[i] = floor((part->numbers[i] + 1) / 2 * limit);
    }
    return part->value;
}

/* The numbers of an input or a parameter. */
static inline const double *network_of(const network *n, const char *name)
{
    for (size_t p = 0; p < n->part_count; p++) {
        if (strcmp(n->parts[p].name, name) == 0) {
            return n->parts[p].numbers;
        }
    }
    fail_msg("the network has no %s", name);
    return NULL;
}

/* ---- comparison ---- */

static inline void network_compare(const char *what, const char *name, size_t count, const float *found,
                                   const double *expected)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(expected[i]));
    }
    for (size_t i = 0; i < count; i++) {
        if (!(fabs((double)found[i] - expected[i]) <= 1e-5 * largest + 1e-7)) {
            fail_msg("%s of %s: number %zu: expected %.9g, found %.9g", what, name, i, expected[i], (double)found[i]);
        }
    }
}

static inline double network_loss(const network *n, network_definition *define, size_t count, const double *factors,
                                  double *y)
{
    double sum = 0;
    define(n, y);
    for (size_t i = 0; i < count; i++) {
        sum += factors[i] * y[i];
    }
    return sum;
}

static inline void network_check_gradients(network *n, const mote_plan *plan, network_definition *define, size_t count,
                                           const double *factors)
{
    static const double step = 1e-5;
    double *y = calloc(count, sizeof *y), *slopes = calloc(NETWORK_NUMBERS, sizeof *slopes);
    assert_true(y && slopes);
    for (size_t p = 0; p < n->part_count; p++) {
        network_part *part = &n->parts[p];
        for (size_t i = 0; !part->whole && i < part->count; i++) {
            const double kept = part->numbers[i];
            part->numbers[i] = kept + step;
            const double above = network_loss(n, define, count, factors, y);
            part->numbers[i] = kept - step;
            slopes[i] = (above - network_loss(n, define, count, factors, y)) / (2 * step);
            part->numbers[i] = kept;
        }
        if (!part->whole) {
            const mote_value gradient = mote_graph_gradient(n->graph, part->value);
            assert_int_not_equal(gradient, MOTE_NO_VALUE);
            network_compare("gradient", part->name, part->count, mote_plan_data(plan, gradient), slopes);
        }
    }
    free(y);
    free(slopes);
}

static inline void network_fill(const network *n, const mote_plan *plan)
{
    for (size_t p = 0; p < n->part_count; p++) {
        const network_part *part = &n->parts[p];
        void *to = mote_plan_data(plan, part->value);
        for (size_t i = 0; i < part->count; i++) {
            if (part->whole) {
                ((int32_t *)to)[i] = (int32_t)part->numbers[i];
            } else {
                ((float *)to)[i] = (float)part->numbers[i];
            }
        }
    }
}

/* Runs the network whose result is y, compares it and all gradients with the definition, and closes n. */
static inline void network_check(network *n, mote_value y, network_definition *define)
{
    mote_plan *plan;
    mote_layout layout;
    size_t count = 1;
    unit_ok(n->context, mote_graph_status(n->graph));
    unit_ok(n->context, mote_graph_value_layout(n->graph, y, &layout));
    for (int d = 0; d < layout.rank; d++) {
        count *= layout.shape[d];
    }
    for (mote_value v = 0; v < (mote_value)mote_graph_value_count(n->graph); v++) {
        if (mote_graph_is_parameter(n->graph, v)) {
            network_add(n, v);
        }
    }
    double *factors = calloc(count, sizeof *factors), *expected = calloc(count, sizeof *expected);
    float *given = calloc(count, sizeof *given);
    assert_true(factors && expected && given);
    for (size_t i = 0; i < count; i++) {
        factors[i] = (double)(given[i] = (float)network_draw(n));
    }
    mote_value loss = mote_graph_reshape(n->graph, y, 1, &count);
    loss = mote_graph_multiply(n->graph, loss, mote_graph_array(n->graph, 1, &count, given));
    loss = mote_graph_sum(n->graph, loss, 0, 1);
    mote_graph_output(n->graph, y);
    unit_ok(n->context, mote_graph_differentiate(n->graph, loss));
    unit_ok(n->context, mote_plan_create(n->graph, &(mote_plan_options){0}, &plan));
    network_fill(n, plan);
    unit_ok(n->context, mote_plan_run(plan, 1));
    define(n, expected);
    network_compare("result", "the network", count, mote_plan_data(plan, y), expected);
    network_check_gradients(n, plan, define, count, factors);
    mote_plan_destroy(plan);
    mote_graph_destroy(n->graph);
    mote_context_destroy(n->context);
    free(factors);
    free(expected);
    free(given);
    free(n);
}

/* ---- what definitions are made of ---- */

static inline double define_gelu(double x) { return x * 0.5 * (1 + erf(x / sqrt(2))); }
static inline double define_sigmoid(double x) { return 1 / (1 + exp(-x)); }

static inline void define_map(size_t count, double *x, double (*f)(double))
{
    for (size_t i = 0; i < count; i++) {
        x[i] = f(x[i]);
    }
}

/* "NAME.weight" [outputs, inputs] times each row of x [rows, inputs], plus "NAME.bias" where it has one. */
static inline void define_linear(const network *n, const char *name, bool biased, size_t rows, size_t inputs,
                                 size_t outputs, const double *x, double *y)
{
    char full[96];
    snprintf(full, sizeof full, "%s.weight", name);
    const double *weight = network_of(n, full);
    snprintf(full, sizeof full, "%s.bias", name);
    const double *bias = biased ? network_of(n, full) : NULL;
    for (size_t r = 0; r < rows; r++) {
        for (size_t o = 0; o < outputs; o++) {
            double sum = bias ? bias[o] : 0;
            for (size_t i = 0; i < inputs; i++) {
                sum += weight[o * inputs + i] * x[r * inputs + i];
            }
            y[r * outputs + o] = sum;
        }
    }
}

/* Rows with mean 0 and variance 1, times "NAME.weight" plus "NAME.bias". */
static inline void define_norm(const network *n, const char *name, size_t rows, size_t width, const double *x,
                               double *y)
{
    char full[96];
    snprintf(full, sizeof full, "%s.weight", name);
    const double *weight = network_of(n, full);
    snprintf(full, sizeof full, "%s.bias", name);
    const double *bias = network_of(n, full);
    for (size_t r = 0; r < rows; r++) {
        double mean = 0, variance = 0;
        for (size_t i = 0; i < width; i++) {
            mean += x[r * width + i] / (double)width;
        }
        for (size_t i = 0; i < width; i++) {
            variance += (x[r * width + i] - mean) * (x[r * width + i] - mean) / (double)width;
        }
        for (size_t i = 0; i < width; i++) {
            y[r * width + i] = (x[r * width + i] - mean) / sqrt(variance + 1e-5) * weight[i] + bias[i];
        }
    }
}

#endif
