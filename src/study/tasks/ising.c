/* Phases of matter: is a configuration of the two-dimensional Ising model from below its critical temperature?
 *
 * Spins s = +1, -1 on a torus of 16 x 16 with the energy - sum over neighbours of s_i s_j, drawn from exp(-E / T) by
 * Wolff's clusters (Phys. Rev. Lett. 62 (1989) 361). Trained far from the critical temperature 2 / ln(1 + sqrt 2) =
 * 2.269 (Onsager 1944), tested near it, as Carrasquilla and Melko do (Nature Physics 13 (2017) 431, arXiv 1605.01735):
 * where the network is in two minds is its own critical temperature. Near it a finite lattice does not tell its phase
 * for certain, so no classifier is perfect. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/layers.h"
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { SIDE = 16, SPINS = SIDE * SIDE, CLASSES = 2 };
enum { TRAINING_TEMPERATURES = 20, TRAINING_EACH = 100, TEST_TEMPERATURES = 26, TEST_EACH = 40 };
enum { INPUT, CLASS };
static const double critical = 2.2691853142130216; /* 2 / ln(1 + sqrt 2) */

/* 1.00, 1.10, ... 1.90 and 2.70, 2.80, ... 3.60: none near the transition. */
static double training_temperature(size_t t) { return (t < 10 ? 1.0 : 1.7) + 0.1 * (double)t; }

/* 1.895, 1.925, ... 2.645: as many below as above. */
static double test_temperature(size_t t) { return critical + 0.03 * ((double)t - 12.5); }

/* A configuration on its way. */
typedef struct lattice {
    mote_random random;
    double join; /* the probability that an equal neighbour joins a cluster */
    float spins[SPINS];
    size_t stack[SPINS];
} lattice;

/* Turns one of Wolff's clusters; returns its size. */
static size_t turn_cluster(lattice *l)
{
    size_t place = mote_random_below(&l->random, SPINS), waiting = 1, turned = 1;
    const float up = l->spins[place];
    l->stack[0] = place;
    l->spins[place] = -up;
    while (waiting > 0) {
        place = l->stack[--waiting];
        const size_t row = place / SIDE, column = place % SIDE;
        const size_t neighbours[] = {(row + 1) % SIDE * SIDE + column, (row + SIDE - 1) % SIDE * SIDE + column,
                                     row * SIDE + (column + 1) % SIDE, row * SIDE + (column + SIDE - 1) % SIDE};
        for (int i = 0; i < 4; i++) {
            const size_t next = neighbours[i];
            if (l->spins[next] == up && mote_random_uniform(&l->random) < l->join) {
                l->spins[next] = -up;
                l->stack[waiting++] = next;
                turned++;
            }
        }
    }
    return turned;
}

/* Samples of one temperature, begun with all spins up. As many clusters lie between two as turn each spin twice on
 * average, which is counted beforehand: to stop when enough were turned would favour large last clusters. */
static void sample(mote_task_data *data, const mote_task_split *split, size_t first, size_t count, double temperature)
{
    enum { CLUSTERS = 400 };
    lattice l = {.random.seed = (uint64_t)(1e4 * temperature), .join = 1 - exp(-2 / temperature)};
    size_t turned = 0;
    for (size_t i = 0; i < SPINS; i++) {
        l.spins[i] = 1;
    }
    for (int c = 0; c < CLUSTERS; c++) {
        turned += turn_cluster(&l);
    }
    const size_t between = 1 + 2 * SPINS * CLUSTERS / turned;
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < between; c++) {
            turn_cluster(&l);
        }
        memcpy(mote_data_at(data, split, INPUT, first + i), l.spins, sizeof l.spins);
        *mote_data_classes(data, split, CLASS, first + i) = temperature < critical;
    }
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_accuracy(data->test.count, CLASSES, data->test.values[CLASS], predictions);
}

static double magnetization(const mote_task_data *data, const mote_task_split *split, size_t sample)
{
    const float *spins = mote_data_at(data, split, INPUT, sample);
    double sum = 0;
    for (size_t i = 0; i < SPINS; i++) {
        sum += (double)spins[i];
    }
    return fabs(sum) / SPINS;
}

/* The magnetization midway between the means of the two training phases parts them. */
static void part_by_magnetization(const mote_task_data *data, float *guess)
{
    double mean[CLASSES] = {0};
    for (size_t i = 0; i < data->training.count; i++) {
        mean[*mote_data_classes(data, &data->training, CLASS, i)] +=
            magnetization(data, &data->training, i) / ((double)data->training.count / CLASSES);
    }
    for (size_t i = 0; i < data->test.count; i++) {
        guess[CLASSES * i] = (float)(mean[0] + mean[1]) / 2;
        guess[CLASSES * i + 1] = (float)magnetization(data, &data->test, i);
    }
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "spins", MOTE_FP32, 3, (size_t[]){SIDE, SIDE, 1});
    mote_data_array(data, "ordered", MOTE_INT32, 0, NULL);
    mote_status status =
        mote_data_allocate(data, (size_t)TRAINING_TEMPERATURES * TRAINING_EACH, (size_t)TEST_TEMPERATURES * TEST_EACH);
    float *guess = status == MOTE_OK ? mote_data_predictions(data, CLASSES) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    for (size_t t = 0; t < TRAINING_TEMPERATURES; t++) {
        sample(data, &data->training, t * TRAINING_EACH, TRAINING_EACH, training_temperature(t));
    }
    for (size_t t = 0; t < TEST_TEMPERATURES; t++) {
        sample(data, &data->test, t * TEST_EACH, TEST_EACH, test_temperature(t));
    }
    mote_baseline_frequency(data, CLASS, CLASSES, guess);
    data->trivial = score(data, guess);
    part_by_magnetization(data, guess);
    data->strong = score(data, guess);
    return MOTE_OK;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    enum { CHANNELS = 16 };
    const mote_convolution_plane first = {.filters = CHANNELS, .width = 3, .around = true};
    const mote_convolution_plane second = {.filters = 2 * CHANNELS, .width = 3, .stride = 2, .around = true};
    (void)data, (void)training;
    mote_value x = mote_graph_map(graph, "gelu", mote_convolve_plane(graph, "first", inputs[INPUT], &first));
    x = mote_graph_map(graph, "gelu", mote_convolve_plane(graph, "second", x, &second));
    x = mote_graph_reshape(graph, x, 2, (size_t[]){batch, (size_t)SPINS / 4 * 2 * CHANNELS});
    outputs->prediction = mote_multilayer(graph, "head", x, 2, (size_t[]){32, CLASSES}, "gelu");
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[CLASS]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    float x[TEST_TEMPERATURES], truth[TEST_TEMPERATURES], predicted[TEST_TEMPERATURES];
    char label[96];
    for (size_t t = 0; t < TEST_TEMPERATURES; t++) {
        double sum = 0;
        for (size_t i = t * TEST_EACH; i < (t + 1) * TEST_EACH; i++) {
            sum += 1 / (1 + exp((double)predictions[CLASSES * i] - (double)predictions[CLASSES * i + 1]));
        }
        x[t] = (float)test_temperature(t);
        truth[t] = (float)*mote_data_classes(data, &data->test, CLASS, t * TEST_EACH);
        predicted[t] = (float)(sum / TEST_EACH);
    }
    snprintf(label, sizeof label, "probability of order (critical at %.3f)", critical);
    return mote_picture_lines(TEST_TEMPERATURES, x, "temperature", label, truth, predicted);
}

const mote_science_task mote_task_ising = {
    .name = "ising",
    .science = "statistical physics",
    .title = "Ordered or disordered: phases of the two-dimensional Ising model near its critical temperature",
    .model = "convolutional network",
    .metric = "accuracy",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "threshold on the magnetization",
    .recipe = {.steps = 300, .batch = 32, .learning_rate = 1e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
