/* A Hamiltonian network learns the motion of a double pendulum.
 *
 * Two equal masses on equal rods, in units where mass, length and gravity are 1: H = (p1^2 + 2 p2^2 - 2 p1 p2 cos d) /
 * (2 (1 + sin^2 d)) - 2 cos a1 - cos a2 with d = a1 - a2 (Goldstein, Classical Mechanics, sections 1.4 and 8.1). States
 * are observed with noise, and their derivatives are differences of observations. The network is an energy; what it
 * predicts follows from Hamilton's equations (Greydanus, Dzamba and Yosinski 2019, arXiv 1906.01563, section 2). Angles
 * enter as sines and cosines. The test is on states and derivatives without noise, of other trajectories. */
#include <math.h>
#include <string.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/solver.h"

enum { STATE = 4, FEATURE_COUNT = 6, TRAINING_PATHS = 100, TEST_PATHS = 40, POINTS = 25 };
enum { FEATURES, JACOBIAN, DERIVATIVE };
static const double step = 0.1, spacing = 0.5, noise = 0.03;

/* y: angles a1, a2 and their momenta. */
static void derivative(void *argument, double t, const double *y, double *dydt)
{
    (void)argument, (void)t;
    const double d = y[0] - y[1], c = cos(d), s = sin(d), w = 1 + s * s;
    const double first = y[2] * y[3] * s / w;
    const double second = (y[2] * y[2] + 2 * y[3] * y[3] - 2 * y[2] * y[3] * c) * s * c / (w * w);
    dydt[0] = (y[2] - y[3] * c) / w;
    dydt[1] = (2 * y[3] - y[2] * c) / w;
    dydt[2] = -2 * sin(y[0]) - first + second;
    dydt[3] = -sin(y[1]) + first - second;
}

static void put(const mote_task_data *data, const mote_task_split *split, size_t sample, const double *y,
                const double *dydt)
{
    float *features = mote_data_at(data, split, FEATURES, sample);
    float *jacobian = mote_data_at(data, split, JACOBIAN, sample); /* [FEATURE_COUNT, STATE] */
    for (int i = 0; i < 2; i++) {
        features[i] = (float)sin(y[i]);
        features[2 + i] = (float)cos(y[i]);
        features[4 + i] = (float)y[2 + i];
        jacobian[i * STATE + i] = (float)cos(y[i]);
        jacobian[(2 + i) * STATE + i] = (float)-sin(y[i]);
        jacobian[(4 + i) * STATE + 2 + i] = 1;
    }
    for (int i = 0; i < STATE; i++) {
        mote_data_at(data, split, DERIVATIVE, sample)[i] = (float)dydt[i];
    }
}

/* Each point of a path is three times: it and a step before and after. */
static mote_status simulate(mote_task_data *data)
{
    enum { TIMES = 1 + 3 * POINTS };
    double times[TIMES] = {0}, path[TIMES * STATE];
    mote_random random = {.seed = 1906};
    for (int t = 1; t < TIMES; t++) {
        times[t] = spacing * (1 + (t - 1) / 3) + step * ((t - 1) % 3 - 1);
    }
    mote_status status = MOTE_OK;
    for (size_t p = 0; status == MOTE_OK && p < TRAINING_PATHS + TEST_PATHS; p++) {
        const bool test = p >= TRAINING_PATHS;
        double start[STATE] = {0};
        for (int i = 0; i < 2; i++) {
            start[i] = (2 * mote_random_uniform(&random) - 1) * 2;
        }
        status = mote_solve(data->context, NULL, STATE, derivative, NULL, start, TIMES, times, path);
        for (size_t k = 0; status == MOTE_OK && k < POINTS; k++) {
            double y[3][STATE], dydt[STATE];
            memcpy(y, path + (1 + 3 * k) * STATE, sizeof y);
            derivative(NULL, 0, y[1], dydt);
            for (int i = 0; !test && i < STATE; i++) {
                for (int t = 0; t < 3; t++) {
                    y[t][i] += noise * mote_random_normal(&random);
                }
                dydt[i] = (y[2][i] - y[0][i]) / (2 * step);
            }
            put(data, test ? &data->test : &data->training, (test ? p - TRAINING_PATHS : p) * POINTS + k, y[1], dydt);
        }
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_rmse(data->test.count * STATE, data->test.values[DERIVATIVE], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "features", MOTE_FP32, 1, (size_t[]){FEATURE_COUNT});
    mote_data_array(data, "jacobian", MOTE_FP32, 2, (size_t[]){FEATURE_COUNT, STATE});
    mote_data_array(data, "derivative", MOTE_FP32, 1, (size_t[]){STATE});
    mote_status status = mote_data_allocate(data, TRAINING_PATHS * POINTS, TEST_PATHS * POINTS);
    status = status == MOTE_OK ? simulate(data) : status;
    return status == MOTE_OK ? mote_baselines(data, FEATURES, DERIVATIVE, 1e-6) : status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)batch, (void)training;
    mote_potential energy = mote_potential_network(graph, "energy", inputs[FEATURES], 2, (size_t[]){128, 128});
    mote_value gradient = mote_chain_rule(graph, energy.gradient, inputs[JACOBIAN]);
    mote_value parts[] = {mote_graph_slice(graph, gradient, 1, 2, 2),
                          mote_graph_map(graph, "negate", mote_graph_slice(graph, gradient, 1, 0, 2))};
    outputs->prediction = mote_graph_concatenate(graph, 2, parts, 1);
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[DERIVATIVE]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_scatter(data->test.count * STATE, "time derivatives of angles and momenta",
                                data->test.values[DERIVATIVE], predictions);
}

const mote_science_task mote_task_double_pendulum = {
    .name = "double_pendulum",
    .science = "mechanics",
    .title = "Motion of a double pendulum from a learned Hamiltonian",
    .model = "Hamiltonian network",
    .metric = "RMSE",
    .unit = "",
    .trivial = "mean",
    .strong = "ridge regression",
    .uses_solver = true,
    .recipe = {.steps = 3000, .batch = 64, .learning_rate = 2e-3},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
