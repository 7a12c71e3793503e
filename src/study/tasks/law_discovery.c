/* Discovery of a physical law: Lorenz's convection equations of 1963 from noisy measurements.
 *
 * dx/dt = 10 (y - x), dy/dt = x (28 - z) - y, dz/dt = x y - 8/3 z (Lorenz, J. Atmos. Sci. 20 (1963) 130). States and
 * their derivatives are measured with noise. Each derivative is modelled as a sparse sum of the monomials of x, y, z up
 * to degree five, as in SINDy (Brunton, Proctor and Kutz, PNAS 113 (2016) 3932). Sparsity comes from factors: a weight
 * is a product u v w, and the sum of the squares of factors is penalized, which is the penalty |weight|^(2/3) (Hoff,
 * Comput. Stat. Data Anal. 115 (2017) 186, section 4). The test is a trajectory without noise. */
#include <math.h>

#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/solver.h"

enum { STATES = 3, DEGREE = 5, TERMS = 55, TRAINING = 256, TEST = 500, FACTORS = 3 };
enum { LIBRARY, RATE };
static const double spin_up = 10, apart = 0.23, step = 0.01; /* of time: before, between samples of training and test */
static const double state_noise = 0.01, rate_noise = 0.5;    /* times the standard deviations */
static const double penalty = 0.0006;

static void derivative(void *argument, double t, const double *s, double *rate)
{
    (void)argument, (void)t;
    rate[0] = 10 * (s[1] - s[0]);
    rate[1] = s[0] * (28 - s[2]) - s[1];
    rate[2] = s[0] * s[1] - 8.0 / 3 * s[2];
}

/* Monomials of degree 1 to DEGREE, of coordinates of about unit size. */
static void library(const double *s, float *terms)
{
    const double x = s[0] / 8, y = s[1] / 9, z = (s[2] - 23.5) / 8.6;
    size_t n = 0;
    for (int degree = 1; degree <= DEGREE; degree++) {
        for (int i = degree; i >= 0; i--) {
            for (int j = degree - i; j >= 0; j--) {
                terms[n++] = (float)(pow(x, i) * pow(y, j) * pow(z, degree - i - j));
            }
        }
    }
}

static mote_status simulate(mote_task_data *data)
{
    enum { TIMES = 2 + TRAINING + TEST };
    static const double deviations[STATES] = {7.9, 9.0, 8.7}, rate_deviations[STATES] = {43.5, 66.6, 80.3};
    double times[TIMES] = {0}, start[STATES] = {1, 2, 20};
    double *path = mote_data_memory(data, (size_t)TIMES * STATES, sizeof *path);
    mote_random random = {.seed = 1963};
    for (size_t i = 1; i < TIMES; i++) {
        times[i] = i == 1 ? spin_up : times[i - 1] + (i < 2 + TRAINING ? apart : step);
    }
    mote_status status =
        path ? mote_solve(data->context, NULL, STATES, derivative, NULL, start, TIMES, times, path) : MOTE_ERROR_MEMORY;
    for (size_t i = 0; status == MOTE_OK && i < TRAINING + TEST; i++) {
        const bool test = i >= TRAINING;
        const mote_task_split *split = test ? &data->test : &data->training;
        double *s = path + (2 + i) * STATES, rate[STATES];
        derivative(NULL, 0, s, rate);
        for (size_t j = 0; j < STATES; j++) {
            double noise = test ? 0 : rate_noise * rate_deviations[j] * mote_random_normal(&random);
            mote_data_at(data, split, RATE, test ? i - TRAINING : i)[j] = (float)(rate[j] + noise);
            s[j] += test ? 0 : state_noise * deviations[j] * mote_random_normal(&random);
        }
        library(s, mote_data_at(data, split, LIBRARY, test ? i - TRAINING : i));
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_relative(1, (size_t)TEST * STATES, data->test.values[RATE], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "library", MOTE_FP32, 1, (size_t[]){TERMS});
    mote_data_array(data, "rate", MOTE_FP32, 1, (size_t[]){STATES});
    mote_status status = mote_data_allocate(data, TRAINING, TEST);
    status = status == MOTE_OK ? simulate(data) : status;
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, LIBRARY, TERMS, NULL, NULL);
    mote_data_standardize(data, RATE, STATES, NULL, NULL);
    return mote_baselines(data, LIBRARY, RATE, 1e-9);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    static const char *const names[FACTORS] = {"u", "v", "w"};
    (void)data, (void)batch, (void)training;
    mote_value weight = MOTE_NO_VALUE, squares = MOTE_NO_VALUE;
    mote_graph_enter(graph, "equations");
    for (int i = 0; i < FACTORS; i++) {
        mote_value factor =
            mote_graph_parameter(graph, names[i], 2, (size_t[]){STATES, TERMS}, MOTE_INITIAL_NORMAL, 0.5);
        mote_value sum = mote_graph_sum(graph, mote_graph_map(graph, "square", factor), 0, 2);
        weight = i ? mote_graph_multiply(graph, weight, factor) : factor;
        squares = i ? mote_graph_add(graph, squares, sum) : sum;
    }
    outputs->prediction = mote_graph_linear(graph, inputs[LIBRARY], weight, MOTE_NO_VALUE);
    mote_graph_leave(graph);
    outputs->loss = mote_graph_add(graph, mote_loss_squares(graph, outputs->prediction, inputs[RATE]),
                                   mote_graph_scale(graph, squares, penalty));
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    float time[TEST], truth[TEST], predicted[TEST];
    for (size_t i = 0; i < TEST; i++) {
        time[i] = (float)(step * (double)i);
        truth[i] = mote_data_at(data, &data->test, RATE, i)[2];
        predicted[i] = predictions[i * STATES + 2];
    }
    return mote_picture_lines(TEST, time, "time", "dz/dt, in standard deviations", truth, predicted);
}

const mote_science_task mote_task_law_discovery = {
    .name = "law_discovery",
    .science = "nonlinear dynamics",
    .title = "Lorenz's equations of 1963, found in noisy measurements by sparse regression",
    .model = "sparse regression",
    .metric = "relative error",
    .unit = "",
    .trivial = "mean",
    .strong = "least squares",
    .uses_solver = true,
    .recipe = {.steps = 4000, .batch = 256, .learning_rate = 1e-2},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
