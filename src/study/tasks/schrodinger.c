/* Quantum mechanics in one dimension: the lowest energies of a particle in a random potential.
 *
 * -1/2 psi'' + V psi = E psi on 0 < x < 8 between hard walls, in atomic units, with V the sum of a few wells, Gaussian
 * in x, of random places, depths and widths: the electronic structure that Mills, Spanner and Tamblyn learn (Phys. Rev.
 * A 96 (2017) 042113, arXiv 1702.01361, section II), in one dimension. Three-point differences make it a symmetric
 * tridiagonal matrix; its eigenvalues are bisected by Sturm's counts (Golub and Van Loan, Matrix Computations, 4th ed.,
 * section 8.4.1). The network sees the potential as a noisy probe would tell it: with errors of 0.1. */
#include <math.h>
#include <string.h>

#include "models/layers.h"
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { POINTS = 63, PLACES = 64, LEVELS = 4, WELLS = 5, TRAINING = 4000, TEST = 500 };
enum { POTENTIAL, ENERGY };
static const double length = 8, noise = 0.1;

typedef struct scales {
    double mean[LEVELS], deviation[LEVELS];
} scales;

/* Eigenvalues below e of the matrix with this diagonal and the same off-diagonal everywhere: the negative pivots of its
 * factorization without e. */
static int count_below(const double *diagonal, double off, double e)
{
    int below = 0;
    double pivot = 1;
    for (int i = 0; i < POINTS; i++) {
        pivot = diagonal[i] - e - (i ? off * off / pivot : 0);
        pivot = fabs(pivot) < 1e-12 ? -1e-12 : pivot;
        below += pivot < 0;
    }
    return below;
}

/* The lowest energies in a potential. */
static void solve(const double *potential, double *energies)
{
    const double h = length / (POINTS + 1), off = -0.5 / (h * h);
    double diagonal[POINTS], least = potential[0], most = potential[0];
    for (int i = 0; i < POINTS; i++) {
        diagonal[i] = potential[i] + 1 / (h * h);
        least = fmin(least, potential[i]);
        most = fmax(most, potential[i]);
    }
    for (int level = 0; level < LEVELS; level++) {
        double from = least, to = most + 4 / (h * h); /* Gershgorin */
        while (to - from > 1e-9) {
            const double middle = (from + to) / 2;
            if (count_below(diagonal, off, middle) > level) {
                to = middle;
            } else {
                from = middle;
            }
        }
        energies[level] = (from + to) / 2;
    }
}

static void draw(mote_random *random, double *potential)
{
    const double h = length / (POINTS + 1);
    const size_t wells = 2 + mote_random_below(random, WELLS - 1);
    memset(potential, 0, POINTS * sizeof *potential);
    for (size_t w = 0; w < wells; w++) {
        const double middle = length * (0.1 + 0.8 * mote_random_uniform(random));
        const double depth = 2 + 8 * mote_random_uniform(random), width = 0.2 + 0.8 * mote_random_uniform(random);
        for (int i = 0; i < POINTS; i++) {
            const double d = ((i + 1) * h - middle) / width;
            potential[i] -= depth * exp(-d * d / 2);
        }
    }
}

/* Bohr and Sommerfeld's rule: the momentum's integral over where the particle may be, times 1 / pi, is level + 1 / 2.
 */
static double semiclassical(const double *potential, int level)
{
    const double h = length / (POINTS + 1);
    double from = -60, to = 100;
    while (to - from > 1e-6) {
        const double e = (from + to) / 2;
        double phase = 0;
        for (int i = 0; i < POINTS; i++) {
            phase += h * sqrt(2 * fmax(e - potential[i], 0)) / M_PI;
        }
        to = phase > level + 0.5 ? e : to;
        from = phase > level + 0.5 ? from : e;
    }
    return (from + to) / 2;
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    double sum = 0;
    for (size_t i = 0; i < data->test.count; i++) {
        const float *truth = mote_data_at(data, &data->test, ENERGY, i);
        for (size_t l = 0; l < LEVELS; l++) {
            sum += s->deviation[l] * fabs((double)predictions[i * LEVELS + l] - (double)truth[l]);
        }
    }
    return sum / (double)(data->test.count * LEVELS);
}

/* Samples of a split; guess: what the semiclassical rule says of each, or NULL. */
static void make(mote_task_data *data, const mote_task_split *split, mote_random *random, float *guess)
{
    for (size_t i = 0; i < split->count; i++) {
        double potential[POINTS], energies[LEVELS];
        draw(random, potential);
        solve(potential, energies);
        for (size_t j = 0; j < POINTS; j++) {
            potential[j] += noise * mote_random_normal(random);
            mote_data_at(data, split, POTENTIAL, i)[j] = (float)potential[j];
        }
        for (size_t l = 0; l < LEVELS; l++) {
            mote_data_at(data, split, ENERGY, i)[l] = (float)energies[l];
            if (guess) {
                guess[i * LEVELS + l] = (float)semiclassical(potential, (int)l);
            }
        }
    }
}

static mote_status prepare(mote_task_data *data)
{
    mote_random random = {.seed = 1926};
    mote_data_array(data, "potential", MOTE_FP32, 1, (size_t[]){PLACES}); /* the last place is the wall's: 0 */
    mote_data_array(data, "energy", MOTE_FP32, 1, (size_t[]){LEVELS});
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? mote_data_allocate(data, TRAINING, TEST) : MOTE_ERROR_MEMORY;
    float *guess = status == MOTE_OK ? mote_data_predictions(data, LEVELS) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    make(data, &data->training, &random, NULL);
    make(data, &data->test, &random, guess);
    mote_data_standardize(data, POTENTIAL, 1, NULL, NULL);
    mote_data_standardize(data, ENERGY, LEVELS, s->mean, s->deviation);
    for (size_t i = 0; i < (size_t)TEST * LEVELS; i++) {
        guess[i] = (float)(((double)guess[i] - s->mean[i % LEVELS]) / s->deviation[i % LEVELS]);
    }
    data->strong = score(data, guess);
    mote_baseline_mean(data, ENERGY, guess);
    data->trivial = score(data, guess);
    return MOTE_OK;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    enum { PATCH = 4, CHANNELS = 32 };
    const mote_convolution_line wide = {.filters = CHANNELS, .width = 5};
    const mote_layer embed = mote_linear_layer(graph, "embed", PATCH, CHANNELS, MOTE_START_PLAIN);
    (void)data, (void)training;
    mote_value x = mote_graph_reshape(graph, inputs[POTENTIAL], 3, (size_t[]){batch, PLACES / PATCH, PATCH});
    x = mote_apply_linear(graph, &embed, x);
    x = mote_residual_line(graph, "middle", x, 2, &wide);
    x = mote_graph_reshape(graph, x, 2, (size_t[]){batch, (size_t)PLACES / PATCH * CHANNELS});
    outputs->prediction = mote_multilayer(graph, "head", x, 2, (size_t[]){64, LEVELS}, "gelu");
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[ENERGY]);
}

/* Ground states' energies alone. */
static json_t *picture(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    float truth[TEST], predicted[TEST];
    for (size_t i = 0; i < TEST; i++) {
        const double mean = s->mean[0], deviation = s->deviation[0];
        truth[i] = (float)(mean + deviation * (double)mote_data_at(data, &data->test, ENERGY, i)[0]);
        predicted[i] = (float)(mean + deviation * (double)predictions[i * LEVELS]);
    }
    return mote_picture_scatter(TEST, "energy of the ground state (hartree)", truth, predicted);
}

const mote_science_task mote_task_schrodinger = {
    .name = "schrodinger",
    .science = "quantum physics",
    .title = "The lowest energies of a particle in a random potential, without solving the Schroedinger equation",
    .model = "convolutional network",
    .metric = "MAE",
    .unit = "hartree",
    .trivial = "mean",
    .strong = "Bohr-Sommerfeld quantization",
    .recipe = {.steps = 1000, .batch = 32, .learning_rate = 3e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
