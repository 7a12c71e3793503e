/* Waves and vortices of shallow water on a rotating square without sides, forecast.
 *
 * u_t = (f + zeta) v - B_x, v_t = -(f + zeta) u - B_y, h_t = -(h u)_x - (h v)_y with zeta = v_x - u_y and B = g h +
 * (u^2 + v^2) / 2 (Vallis, Atmospheric and Oceanic Fluid Dynamics, section 3.1), in units of the mean depth, the speed
 * of gravity waves and f = 1 per unit of time. Differences on Arakawa's C grid (Sadourny, J. Atmos. Sci. 32 (1975) 680,
 * the scheme that conserves energy), in time by the Runge-Kutta method of fourth order; water is conserved to rounding.
 * The depth and velocities are observed with noise; the network is a Fourier neural operator (Li et al. 2021, arXiv
 * 2010.08895), and tells the depth later. */
#include <math.h>
#include <string.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { SIDE = 16, SIZE = SIDE * SIDE, FIELDS = 3, NUMBERS = FIELDS * SIZE };
enum { TRAINING = 800, TEST = 200, SPIN_UP = 20, STEPS = 50, WAVES = 3 };
enum { STATE, FUTURE };
static const double spacing = 0.5, time_step = 0.1, coriolis = 1, noise = 0.1;

typedef struct scales {
    double deviation[1]; /* of depths in the future */
} scales;

/* The depth h at the middle of each cell, u at its left side, v at its upper one; zeta at its upper left corner. */
static void derivative(const double *state, double *dstate)
{
    const double *h = state, *u = state + SIZE, *v = state + 2 * SIZE;
    double mass_x[SIZE], mass_y[SIZE], vorticity[SIZE], head[SIZE];
    for (int y = 0; y < SIDE; y++) {
        const int up = (y + SIDE - 1) % SIDE * SIDE, here = y * SIDE, down = (y + 1) % SIDE * SIDE;
        for (int x = 0; x < SIDE; x++) {
            const int left = (x + SIDE - 1) % SIDE, right = (x + 1) % SIDE, i = here + x;
            const double depth = 0.25 * (h[i] + h[here + left] + h[up + x] + h[up + left]);
            mass_x[i] = 0.5 * (h[i] + h[here + left]) * u[i];
            mass_y[i] = 0.5 * (h[i] + h[up + x]) * v[i];
            vorticity[i] = (coriolis + (v[i] - v[here + left] - u[i] + u[up + x]) / spacing) / depth;
            head[i] = h[i] + 0.25 * (u[i] * u[i] + u[here + right] * u[here + right] + v[i] * v[i] +
                                     v[down + x] * v[down + x]);
        }
    }
    for (int y = 0; y < SIDE; y++) {
        const int up = (y + SIDE - 1) % SIDE * SIDE, here = y * SIDE, down = (y + 1) % SIDE * SIDE;
        for (int x = 0; x < SIDE; x++) {
            const int left = (x + SIDE - 1) % SIDE, right = (x + 1) % SIDE, i = here + x;
            dstate[i] = -(mass_x[here + right] - mass_x[i] + mass_y[down + x] - mass_y[i]) / spacing;
            dstate[SIZE + i] = 0.25 * (vorticity[i] * (mass_y[i] + mass_y[here + left]) +
                                       vorticity[down + x] * (mass_y[down + x] + mass_y[down + left])) -
                               (head[i] - head[here + left]) / spacing;
            dstate[2 * SIZE + i] = -0.25 * (vorticity[i] * (mass_x[i] + mass_x[up + x]) +
                                            vorticity[here + right] * (mass_x[here + right] + mass_x[up + right])) -
                                   (head[i] - head[up + x]) / spacing;
        }
    }
}

static void advance(int steps, double *state)
{
    static const double stages[] = {0.5, 0.5, 1, 0}, weights[] = {1 / 6.0, 1 / 3.0, 1 / 3.0, 1 / 6.0};
    double slope[NUMBERS], at[NUMBERS], next[NUMBERS];
    for (int s = 0; s < steps; s++) {
        memcpy(at, state, sizeof at);
        memcpy(next, state, sizeof next);
        for (int k = 0; k < 4; k++) {
            derivative(at, slope);
            for (int i = 0; i < NUMBERS; i++) {
                next[i] += time_step * weights[k] * slope[i];
                at[i] = state[i] + time_step * stages[k] * slope[i];
            }
        }
        memcpy(state, next, sizeof next);
    }
}

/* Each of the fields a sum of long waves with random sizes. */
static void start(mote_random *random, double *state)
{
    static const double sizes[FIELDS] = {0.06, 0.12, 0.12};
    double cosine[SIDE]; /* of parts of a turn */
    for (int i = 0; i < SIDE; i++) {
        cosine[i] = cos(2 * M_PI * i / SIDE);
    }
    for (int f = 0; f < FIELDS; f++) {
        double *field = state + (size_t)f * SIZE;
        for (int i = 0; i < SIZE; i++) {
            field[i] = f == 0 ? 1 : 0;
        }
        for (int ky = -WAVES; ky <= WAVES; ky++) {
            for (int kx = 0; kx <= WAVES; kx++) {
                const double size = (kx || ky > 0) ? sizes[f] / (kx * kx + ky * ky) : 0;
                const double a = size * mote_random_normal(random), b = size * mote_random_normal(random);
                for (int i = 0; i < SIZE; i++) {
                    const int turns = kx * (i % SIDE) + (ky + SIDE) * (i / SIDE);
                    field[i] += a * cosine[turns % SIDE] + b * cosine[(turns + SIDE / 4) % SIDE];
                }
            }
        }
    }
}

/* In the state the places run before the fields: [SIDE, SIDE, FIELDS]. */
static void simulate(const mote_task_data *data)
{
    mote_random random = {.seed = 1975};
    double state[NUMBERS];
    for (size_t i = 0; i < TRAINING + TEST; i++) {
        const bool test = i >= TRAINING;
        const mote_task_split *split = test ? &data->test : &data->training;
        float *now = mote_data_at(data, split, STATE, test ? i - TRAINING : i);
        float *later = mote_data_at(data, split, FUTURE, test ? i - TRAINING : i);
        start(&random, state);
        advance(SPIN_UP, state);
        for (int f = 0; f < FIELDS; f++) {
            for (int k = 0; k < SIZE; k++) {
                now[k * FIELDS + f] = (float)state[f * SIZE + k];
            }
        }
        advance(STEPS, state);
        for (int k = 0; k < SIZE; k++) {
            later[k] = (float)state[k];
        }
    }
}

/* Noise, in units of each field's deviation. */
static void observe(const mote_task_split *split, mote_random *errors)
{
    float *values = split->values[STATE];
    for (size_t i = 0; i < split->count * NUMBERS; i++) {
        values[i] += (float)(noise * mote_random_normal(errors));
    }
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    return s->deviation[0] * mote_score_rmse((size_t)TEST * SIZE, data->test.values[FUTURE], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_random errors = {.seed = 1976};
    mote_data_array(data, "state", MOTE_FP32, 3, (size_t[]){SIDE, SIDE, FIELDS});
    mote_data_array(data, "future", MOTE_FP32, 2, (size_t[]){SIDE, SIDE});
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? mote_data_allocate(data, TRAINING, TEST) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        return status;
    }
    simulate(data);
    mote_data_standardize(data, STATE, FIELDS, NULL, NULL);
    observe(&data->training, &errors);
    observe(&data->test, &errors);
    mote_data_standardize(data, FUTURE, 1, NULL, s->deviation);
    return mote_baselines(data, STATE, FUTURE, 1e-1);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    const mote_fourier shape = {.channels = 16, .modes_height = 6, .modes_width = 6, .layers = 3};
    (void)data, (void)training;
    mote_value x = mote_fourier_operator(graph, "operator", inputs[STATE], 1, &shape);
    outputs->prediction = mote_graph_reshape(graph, x, 3, (size_t[]){batch, SIDE, SIDE});
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[FUTURE]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_field(SIDE, SIDE, "depth after the forecast", data->test.values[FUTURE], predictions);
}

const mote_science_task mote_task_shallow_water = {
    .name = "shallow_water",
    .science = "fluids",
    .title = "Forecast of waves and vortices of rotating shallow water",
    .model = "Fourier neural operator",
    .metric = "RMSE of depth",
    .unit = "mean depths",
    .trivial = "mean",
    .strong = "ridge regression",
    .recipe = {.steps = 600, .batch = 8, .learning_rate = 3e-3},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
