/* The ground state of a quantum magnet as a neural network: the Ising chain in a transverse field.
 *
 * H = - sum_i sz_i sz_{i+1} - h sum_i sx_i on a ring of 10 spins at the critical field h = 1. The state is a restricted
 * Boltzmann machine that respects translations (Carleo and Troyer, Science 355 (2017) 602, arXiv 1606.02318, eq. 2 and
 * supplement): ln psi(s) = sum over filters f and rotations r of ln cosh(b_f + w_f . r(s)). Its energy
 * <psi|H|psi> / <psi|psi> is above the exact one of free fermions, - sum over k = (2 n + 1) pi / 10 of
 * sqrt(1 + h^2 - 2 h cos k) (Pfeuty, Annals of Physics 57 (1970) 79), and is the loss. All 2^10 states are one batch,
 * so nothing is sampled: they are the training and the test samples. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "models/layers.h"
#include "study/data.h"
#include "study/picture.h"

enum { SPINS = 10, STATES = 1 << SPINS };
enum { ROTATIONS, BONDS, FLIPPED };
static const double field = 1;

static int spin(size_t state, int place) { return (state >> place % SPINS) & 1 ? 1 : -1; }

static double bonds(size_t state)
{
    double sum = 0;
    for (int i = 0; i < SPINS; i++) {
        sum -= spin(state, i) * spin(state, i + 1);
    }
    return sum;
}

static double exact_energy(void)
{
    double sum = 0;
    for (int n = 0; n < SPINS; n++) {
        sum -= sqrt(1 + field * field - 2 * field * cos((2 * n + 1) * M_PI / SPINS));
    }
    return sum;
}

/* <psi|H|psi> / <psi|psi>, where psi is exp(logarithms). */
static double energy(const double *logarithms)
{
    double largest = -DBL_MAX, above = 0, below = 0, psi[STATES];
    for (size_t s = 0; s < STATES; s++) {
        largest = fmax(largest, logarithms[s]);
    }
    for (size_t s = 0; s < STATES; s++) {
        psi[s] = exp(logarithms[s] - largest);
    }
    for (size_t s = 0; s < STATES; s++) {
        above += bonds(s) * psi[s] * psi[s];
        below += psi[s] * psi[s];
        for (int i = 0; i < SPINS; i++) {
            above -= field * psi[s] * psi[s ^ ((size_t)1 << i)];
        }
    }
    return above / below;
}

static double error_of(const double *logarithms)
{
    return 100 * (energy(logarithms) - exact_energy()) / fabs(exact_energy());
}

static double score(const mote_task_data *data, const float *predictions)
{
    double logarithms[STATES];
    (void)data;
    for (size_t s = 0; s < STATES; s++) {
        logarithms[s] = (double)predictions[s];
    }
    return error_of(logarithms);
}

/* Sum of the spins (distance 0) or of products of two at a distance. */
static double pairs(size_t state, int distance)
{
    double sum = 0;
    for (int i = 0; i < SPINS; i++) {
        sum += distance ? spin(state, i) * spin(state, i + distance) : spin(state, i);
    }
    return sum;
}

/* The error of exp(logarithms + number * pairs). */
static double error_with(const double *logarithms, int distance, double number)
{
    double changed[STATES];
    for (size_t s = 0; s < STATES; s++) {
        changed[s] = logarithms[s] + number * pairs(s, distance);
    }
    return error_of(changed);
}

/* Adds to logarithms the multiple of pairs, within reach on either side of 0, whose error is least, by golden section.
 * Returns that error. */
static double improve(double *logarithms, int distance, double reach)
{
    enum { STEPS = 24 };
    const double golden = (sqrt(5) - 1) / 2;
    double from = -reach, to = reach;
    for (int step = 0; step < STEPS; step++) {
        const double a = to - golden * (to - from), b = from + golden * (to - from);
        const bool lower = error_with(logarithms, distance, a) < error_with(logarithms, distance, b);
        from = lower ? from : a;
        to = lower ? b : to;
    }
    for (size_t s = 0; s < STATES; s++) {
        logarithms[s] += (from + to) / 2 * pairs(s, distance);
    }
    return error_of(logarithms);
}

static void find_baselines(mote_task_data *data)
{
    enum { ROUNDS = 3 };
    double logarithms[STATES] = {0};
    for (size_t s = 0; s < STATES; s++) {
        logarithms[s] = pairs(s, 0); /* all up: there the error has one minimum */
    }
    data->trivial = improve(logarithms, 0, 1);
    memset(logarithms, 0, sizeof logarithms);
    for (int round = 0; round < ROUNDS; round++) {
        for (int distance = 1; distance <= SPINS / 2; distance++) {
            data->strong = improve(logarithms, distance, 0.5);
        }
    }
}

/* ln of the exact ground state's amplitudes over that of all spins up, by iterations of SPINS - H on a positive vector:
 * the ground state has no sign changes. */
static mote_status find_ground_state(mote_task_data *data)
{
    enum { ITERATIONS = 1500 };
    float *logarithms = data->own = mote_data_memory(data, STATES, sizeof *logarithms);
    double psi[STATES], next[STATES];
    for (size_t s = 0; s < STATES; s++) {
        psi[s] = 1;
    }
    for (int iteration = 0; iteration < ITERATIONS; iteration++) {
        for (size_t s = 0; s < STATES; s++) {
            next[s] = (SPINS - bonds(s)) * psi[s];
            for (int i = 0; i < SPINS; i++) {
                next[s] += field * psi[s ^ ((size_t)1 << i)];
            }
        }
        for (size_t s = 0; s < STATES; s++) {
            psi[s] = next[s] / next[STATES - 1];
        }
    }
    for (size_t s = 0; logarithms && s < STATES; s++) {
        logarithms[s] = (float)log(psi[s]);
    }
    return logarithms ? MOTE_OK : MOTE_ERROR_MEMORY;
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "rotations", MOTE_FP32, 2, (size_t[]){SPINS, SPINS});
    mote_data_array(data, "bonds", MOTE_FP32, 0, NULL);
    mote_data_array(data, "flipped", MOTE_INT32, 1, (size_t[]){SPINS});
    mote_status status = mote_data_allocate(data, STATES, STATES);
    for (int t = 0; status == MOTE_OK && t < 2; t++) {
        const mote_task_split *split = t ? &data->test : &data->training;
        for (size_t s = 0; s < STATES; s++) {
            *mote_data_at(data, split, BONDS, s) = (float)bonds(s);
            for (int i = 0; i < SPINS; i++) {
                mote_data_classes(data, split, FLIPPED, s)[i] = (int32_t)(s ^ ((size_t)1 << i));
                for (int j = 0; j < SPINS; j++) {
                    mote_data_at(data, split, ROTATIONS, s)[i * SPINS + j] = (float)spin(s, i + j);
                }
            }
        }
    }
    status = status == MOTE_OK ? find_ground_state(data) : status;
    find_baselines(data);
    return status;
}

/* ln cosh x */
static mote_value log_cosh(mote_graph *graph, mote_value x)
{
    mote_value both = mote_graph_add(graph, mote_graph_map(graph, "exp", x),
                                     mote_graph_map(graph, "exp", mote_graph_map(graph, "negate", x)));
    return mote_graph_map(graph, "log", mote_graph_scale(graph, both, 0.5));
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    enum { FILTERS = 1 };
    (void)data, (void)training;
    const mote_layer machine = mote_linear_layer(graph, "machine", SPINS, FILTERS, MOTE_START_PLAIN);
    mote_value logarithm = log_cosh(graph, mote_apply_linear(graph, &machine, inputs[ROTATIONS]));
    outputs->prediction = mote_graph_sum(graph, logarithm, 1, 2);
    /* its scale does not matter to the energy, and exp must not overflow */
    mote_value mean = mote_graph_stop_gradient(graph, mote_graph_mean(graph, outputs->prediction, 0, 1));
    mote_value psi = mote_graph_map(graph, "exp", mote_graph_subtract(graph, outputs->prediction, mean));
    mote_value table = mote_graph_reshape(graph, psi, 2, (size_t[]){batch, 1});
    mote_value others = mote_graph_sum(graph, mote_graph_embedding(graph, table, inputs[FLIPPED]), 1, 2);
    mote_value acted = mote_graph_subtract(graph, mote_graph_multiply(graph, inputs[BONDS], psi),
                                           mote_graph_scale(graph, others, field));
    mote_value above = mote_graph_sum(graph, mote_graph_multiply(graph, psi, acted), 0, 1);
    outputs->loss = mote_graph_divide(graph, above, mote_graph_sum(graph, mote_graph_map(graph, "square", psi), 0, 1));
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    const float *exact = data->own;
    float logarithms[STATES];
    for (size_t s = 0; s < STATES; s++) {
        logarithms[s] = predictions[s] - predictions[STATES - 1];
    }
    return mote_picture_scatter(STATES, "ln of a state's amplitude over that of all spins up", exact, logarithms);
}

const mote_science_task mote_task_transverse_ising = {
    .name = "transverse_ising",
    .science = "quantum physics",
    .title = "Ground state of the Ising chain in a transverse field as a neural network",
    .model = "restricted Boltzmann machine",
    .metric = "relative error of the energy",
    .unit = "%",
    .trivial = "spins independent of each other",
    .strong = "Jastrow state of pairs at all distances",
    .recipe = {.steps = 1000, .batch = STATES, .learning_rate = 1e-2},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
