/* A chaotic flame front: the Kuramoto-Sivashinsky equation, forecast over 8 units of time.
 *
 * u_t = -u u_x - u_xx - u_xxxx on a ring of length 64, where errors grow e-fold in about 12 units. Solved in Fourier
 * space by exponential time differencing of fourth order (Kassam and Trefethen, SIAM J. Sci. Comput. 26 (2005) 1214,
 * section 4), with products on all 64 places and the upper third of the waves left out. The state is observed with
 * noise; the network is a Fourier neural operator (Li et al. 2021, arXiv 2010.08895). */
#include <complex.h>
#include <math.h>
#include <string.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { PLACES = 64, WAVES = 22, STEPS = 32, SPIN_UP = 400, CONTOUR = 32 };
enum {
    TRAINING_PATHS = 40,
    TEST_PATHS = 10,
    POINTS = 50,
    TRAINING = TRAINING_PATHS * POINTS,
    TEST = TEST_PATHS * POINTS
};
enum { STATE, FUTURE };
static const double length = 64, time_step = 0.25, noise = 0.1;

typedef struct scales {
    double deviation[1]; /* of states */
} scales;

/* The scheme's coefficients for each wave, and tables of the transforms. */
typedef struct solver {
    double whole[WAVES], half[WAVES], q[WAVES], f1[WAVES], f2[WAVES], f3[WAVES];
    double number[WAVES];
    double cosine[WAVES][PLACES], sine[WAVES][PLACES];
} solver;

/* Functions of h L that lose all digits near 0 are means over a circle about it. */
static void prepare_solver(solver *s)
{
    *s = (solver){0};
    for (int k = 0; k < WAVES; k++) {
        const double number = 2 * M_PI * k / length, rate = number * number * (1 - number * number), h = time_step;
        s->number[k] = number;
        s->whole[k] = exp(h * rate);
        s->half[k] = exp(h * rate / 2);
        for (int m = 0; m < CONTOUR; m++) {
            const double complex z = h * rate + cexp(I * M_PI * (m + 0.5) / CONTOUR), e = cexp(z), cube = z * z * z;
            s->q[k] += h / CONTOUR * creal((cexp(z / 2) - 1) / z);
            s->f1[k] += h / CONTOUR * creal((-4 - z + e * (4 - 3 * z + z * z)) / cube);
            s->f2[k] += h / CONTOUR * creal((2 + z + e * (z - 2)) / cube);
            s->f3[k] += h / CONTOUR * creal((-4 - 3 * z - z * z + e * (4 - z)) / cube);
        }
        for (int x = 0; x < PLACES; x++) {
            s->cosine[k][x] = cos(2 * M_PI * k * x / PLACES);
            s->sine[k][x] = sin(2 * M_PI * k * x / PLACES);
        }
    }
}

/* u at all places, of its waves: u = sum over k of Re(w_k exp(i k x)). */
static void field(const solver *s, const double complex *waves, double *u)
{
    for (int x = 0; x < PLACES; x++) {
        u[x] = 0;
    }
    for (int k = 0; k < WAVES; k++) {
        const double a = creal(waves[k]), b = cimag(waves[k]);
        for (int x = 0; x < PLACES; x++) {
            u[x] += a * s->cosine[k][x] - b * s->sine[k][x];
        }
    }
}

/* Waves of -(u^2 / 2)_x; the mean stays. */
static void advection(const solver *s, const double complex *waves, double complex *result)
{
    double u[PLACES];
    field(s, waves, u);
    for (int x = 0; x < PLACES; x++) {
        u[x] *= u[x];
    }
    for (int k = 0; k < WAVES; k++) {
        double a = 0, b = 0;
        for (int x = 0; x < PLACES; x++) {
            a += u[x] * s->cosine[k][x];
            b -= u[x] * s->sine[k][x];
        }
        result[k] = -0.5 * I * s->number[k] * (2.0 / PLACES) * (a + I * b);
    }
}

static void advance(const solver *s, int steps, double complex *v)
{
    double complex a[WAVES], b[WAVES], c[WAVES], nv[WAVES], na[WAVES], nb[WAVES], nc[WAVES];
    for (int i = 0; i < steps; i++) {
        advection(s, v, nv);
        for (int k = 0; k < WAVES; k++) {
            a[k] = s->half[k] * v[k] + s->q[k] * nv[k];
        }
        advection(s, a, na);
        for (int k = 0; k < WAVES; k++) {
            b[k] = s->half[k] * v[k] + s->q[k] * na[k];
        }
        advection(s, b, nb);
        for (int k = 0; k < WAVES; k++) {
            c[k] = s->half[k] * a[k] + s->q[k] * (2 * nb[k] - nv[k]);
        }
        advection(s, c, nc);
        for (int k = 0; k < WAVES; k++) {
            v[k] = s->whole[k] * v[k] + nv[k] * s->f1[k] + 2 * (na[k] + nb[k]) * s->f2[k] + nc[k] * s->f3[k];
        }
    }
}

/* Pairs of states of one trajectory, each the start of the next. Trajectories are short, since in the end many come to
 * rest in eight equal cells. */
static void simulate_path(const mote_task_data *data, const solver *s, const mote_task_split *split, size_t first,
                          mote_random *random)
{
    double complex v[WAVES] = {0};
    double now[PLACES], next[PLACES];
    for (int k = 1; k < 6; k++) {
        v[k] = mote_random_normal(random) + I * mote_random_normal(random);
    }
    advance(s, SPIN_UP, v);
    field(s, v, next);
    for (size_t i = 0; i < POINTS; i++) {
        memcpy(now, next, sizeof now);
        advance(s, STEPS, v);
        field(s, v, next);
        for (size_t x = 0; x < PLACES; x++) {
            mote_data_at(data, split, STATE, first + i)[x] = (float)(now[x] + noise * mote_random_normal(random));
            mote_data_at(data, split, FUTURE, first + i)[x] = (float)next[x];
        }
    }
}

static mote_status simulate(mote_task_data *data)
{
    mote_random random = {.seed = 1978};
    solver *s = mote_data_memory(data, 1, sizeof *s);
    if (!s) {
        return MOTE_ERROR_MEMORY;
    }
    prepare_solver(s);
    for (size_t p = 0; p < TRAINING_PATHS; p++) {
        simulate_path(data, s, &data->training, p * POINTS, &random);
    }
    for (size_t p = 0; p < TEST_PATHS; p++) {
        simulate_path(data, s, &data->test, p * POINTS, &random);
    }
    return MOTE_OK;
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    return s->deviation[0] * mote_score_rmse((size_t)TEST * PLACES, data->test.values[FUTURE], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "state", MOTE_FP32, 1, (size_t[]){PLACES});
    mote_data_array(data, "future", MOTE_FP32, 1, (size_t[]){PLACES});
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? mote_data_allocate(data, TRAINING, TEST) : MOTE_ERROR_MEMORY;
    status = status == MOTE_OK ? simulate(data) : status;
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, STATE, 1, NULL, NULL);
    mote_data_standardize(data, FUTURE, 1, NULL, s->deviation);
    return mote_baselines(data, STATE, FUTURE, 1e-3);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    const mote_fourier shape = {.channels = 24, .modes_height = 1, .modes_width = 20, .layers = 3};
    (void)data, (void)training;
    mote_value x = mote_graph_reshape(graph, inputs[STATE], 4, (size_t[]){batch, 1, PLACES, 1});
    x = mote_fourier_operator(graph, "operator", x, 1, &shape);
    outputs->prediction = mote_graph_reshape(graph, x, 2, (size_t[]){batch, PLACES});
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[FUTURE]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_field(16, PLACES, "front after the forecast; down: samples, across: place",
                              data->test.values[FUTURE], predictions);
}

const mote_science_task mote_task_kuramoto_sivashinsky = {
    .name = "kuramoto_sivashinsky",
    .science = "fluids",
    .title = "Forecast of a chaotic flame front of the Kuramoto-Sivashinsky equation",
    .model = "Fourier neural operator",
    .metric = "RMSE",
    .unit = "",
    .trivial = "mean",
    .strong = "ridge regression",
    .recipe = {.steps = 500, .batch = 32, .learning_rate = 3e-3},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
