/* An inverse problem: how well a rod conducts heat at each place, from noisy temperatures along it.
 *
 * u_t = (k u_x)_x for 0 < x < 1, u = 0 at first, then u = 1 at the left end and 0 at the right one; k = exp(g) with g a
 * random smooth function. Cells of equal size, harmonic means of k between them, in time the method of Crank and
 * Nicolson after two steps of the implicit Euler method (Patankar, Numerical Heat Transfer and Fluid Flow, chapter 4;
 * Rannacher, Numer. Math. 43 (1984) 309). Small differences of late temperatures carry k, so noise weighs heavily
 * (Kaipio and Somersalo, Statistical and Computational Inverse Problems, chapter 1). A perceptron learns the mean of
 * log k that fits. */
#include <math.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { CELLS = 32, TIMES = 4, WAVES = 8, TRAINING = 6000, TEST = 1000, EULER_STEPS = 2 };
enum { TEMPERATURES, CONDUCTION };
static const int measured[TIMES] = {10, 25, 50, 100}; /* steps */
static const double time_step = 0.002, noise = 0.005;

typedef struct scales {
    double deviation[1]; /* of log k */
} scales;

/* What flows through the faces of cells for a difference of 1 in temperature, by the square of a cell's size; the ends
 * are half a cell away. */
static void conductances(const double *logarithm, double *faces)
{
    const double square = 1.0 / (CELLS * CELLS);
    for (int i = 1; i < CELLS; i++) {
        const double a = exp(logarithm[i - 1]), b = exp(logarithm[i]);
        faces[i] = 2 * a * b / (a + b) / square;
    }
    faces[0] = 2 * exp(logarithm[0]) / square;
    faces[CELLS] = 2 * exp(logarithm[CELLS - 1]) / square;
}

/* A step, of which the new temperatures count for share; solved from left to right and back. */
static void step(const double *faces, double share, double *u)
{
    double right[CELLS], upper[CELLS];
    for (int i = 0; i < CELLS; i++) {
        const double left_u = i ? u[i - 1] : 1, right_u = i + 1 < CELLS ? u[i + 1] : 0;
        const double flow = faces[i] * (left_u - u[i]) + faces[i + 1] * (right_u - u[i]);
        right[i] = u[i] + time_step * (1 - share) * flow + (i ? 0 : time_step * share * faces[0]);
    }
    for (int i = 0; i < CELLS; i++) {
        const double lower = i ? -time_step * share * faces[i] : 0;
        double middle = 1 + time_step * share * (faces[i] + faces[i + 1]);
        middle -= i ? lower * upper[i - 1] : 0;
        upper[i] = -time_step * share * faces[i + 1] / middle;
        right[i] = (right[i] - (i ? lower * right[i - 1] : 0)) / middle;
    }
    for (int i = CELLS - 1; i >= 0; i--) {
        u[i] = right[i] - (i + 1 < CELLS ? upper[i] * u[i + 1] : 0);
    }
}

static void simulate(const mote_task_data *data, const mote_task_split *split, mote_random *random)
{
    for (size_t sample = 0; sample < split->count; sample++) {
        float *temperatures = mote_data_at(data, split, TEMPERATURES, sample);
        double logarithm[CELLS] = {0}, faces[CELLS + 1], u[CELLS] = {0};
        for (int k = 0; k < WAVES; k++) {
            const double size = 0.7 / (1 + 0.25 * k * k) * mote_random_normal(random);
            for (int i = 0; i < CELLS; i++) {
                logarithm[i] += size * cos(M_PI * k * (i + 0.5) / CELLS);
            }
        }
        conductances(logarithm, faces);
        for (int s = 1, t = 0; t < TIMES; s++) {
            step(faces, s <= EULER_STEPS ? 1 : 0.5, u);
            for (int i = 0; s == measured[t] && i < CELLS; i++) {
                temperatures[i * TIMES + t] = (float)(u[i] + noise * mote_random_normal(random));
            }
            t += s == measured[t];
        }
        for (int i = 0; i < CELLS; i++) {
            mote_data_at(data, split, CONDUCTION, sample)[i] = (float)logarithm[i];
        }
    }
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    return s->deviation[0] * mote_score_rmse((size_t)TEST * CELLS, data->test.values[CONDUCTION], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_random random = {.seed = 1807};
    mote_data_array(data, "temperatures", MOTE_FP32, 2, (size_t[]){CELLS, TIMES});
    mote_data_array(data, "conduction", MOTE_FP32, 1, (size_t[]){CELLS});
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? mote_data_allocate(data, TRAINING, TEST) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        return status;
    }
    simulate(data, &data->training, &random);
    simulate(data, &data->test, &random);
    mote_data_standardize(data, TEMPERATURES, (size_t)CELLS * TIMES, NULL, NULL);
    mote_data_standardize(data, CONDUCTION, 1, NULL, s->deviation);
    return mote_baselines(data, TEMPERATURES, CONDUCTION, 1e-3);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)training;
    mote_value x = mote_graph_reshape(graph, inputs[TEMPERATURES], 2, (size_t[]){batch, CELLS * TIMES});
    outputs->prediction = mote_multilayer(graph, "inverse", x, 3, (size_t[]){192, 192, CELLS}, "gelu");
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[CONDUCTION]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_field(30, CELLS, "logarithm of conduction; down: rods, across: place",
                              data->test.values[CONDUCTION], predictions);
}

const mote_science_task mote_task_heat_inverse = {
    .name = "heat_inverse",
    .science = "inverse problems",
    .title = "Conduction along a rod from noisy temperatures",
    .model = "multilayer perceptron",
    .metric = "RMSE of log k",
    .unit = "",
    .trivial = "mean",
    .strong = "ridge regression",
    .recipe = {.steps = 2500, .batch = 64, .learning_rate = 2e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
