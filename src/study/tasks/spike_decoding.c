/* Where is the animal? Its place in a box, decoded from the spikes of 48 place cells of its hippocampus.
 *
 * The animal runs about in a unit square with an Ornstein-Uhlenbeck velocity, turned back by the walls. A cell fires as
 * a Poisson process whose rate is a background of 0.5 Hz and a Gaussian field of up to 20 Hz, times a wave of the theta
 * rhythm's 8 Hz (O'Keefe and Recce, Hippocampus 3 (1993) 317); spikes are counted in bins of 50 ms. The decoder sees
 * the counts of the last 16 bins, as the recurrent ones of Glaser et al. (eNeuro 7 (2020) ENEURO.0506-19.2020, "Machine
 * learning for neural decoding"), whose baseline is Wiener's filter, a linear regression on the same counts. */
#include <math.h>
#include <string.h>

#include "models/layers.h"
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { CELLS = 48, BINS = 16, TRAINING = 8000, TEST = 1000, GAP = 40, AXES = 2, STEPS = TRAINING + GAP + TEST + BINS };
enum { COUNTS, PLACE };
static const double bin = 0.05, relaxation = 1, speed = 0.25; /* s, s, sides a second along an axis */
static const double background = 0.5, peak = 20, theta = 8;   /* Hz */

typedef struct scales {
    double mean[AXES], deviation[AXES];
} scales;

typedef struct cell {
    double middle[AXES], width;
} cell;

/* One axis of the animal's way for a bin: the velocity's exact step, then the place, mirrored at the walls. */
static void move(mote_random *random, double *place, double *velocity)
{
    const double kept = exp(-bin / relaxation);
    *velocity = kept * *velocity + speed * sqrt(1 - kept * kept) * mote_random_normal(random);
    *place += bin * *velocity;
    if (*place < 0 || *place > 1) {
        *place = *place < 0 ? -*place : 2 - *place;
        *velocity = -*velocity;
    }
}

static double rate(const cell *c, const double *place, double time)
{
    double squares = 0;
    for (int axis = 0; axis < AXES; axis++) {
        const double d = (place[axis] - c->middle[axis]) / c->width;
        squares += d * d;
    }
    return background + peak * exp(-squares / 2) * (1 + cos(2 * M_PI * theta * time));
}

/* Places [STEPS, AXES] and counts [STEPS, CELLS] of one run through the box. */
static void run(double *places, float *counts)
{
    mote_random random = {.seed = 1971};
    cell cells[CELLS];
    double place[AXES] = {0.5, 0.5}, velocity[AXES] = {0};
    for (int c = 0; c < CELLS; c++) {
        for (int axis = 0; axis < AXES; axis++) {
            cells[c].middle[axis] = mote_random_uniform(&random);
        }
        cells[c].width = 0.08 + 0.08 * mote_random_uniform(&random);
    }
    for (size_t t = 0; t < STEPS; t++) {
        for (int axis = 0; axis < AXES; axis++) {
            move(&random, &place[axis], &velocity[axis]);
            places[t * AXES + (size_t)axis] = place[axis];
        }
        for (size_t c = 0; c < CELLS; c++) {
            const double mean = bin * rate(&cells[c], place, (double)t * bin);
            counts[t * CELLS + c] = (float)mote_random_poisson(&random, mean);
        }
    }
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    double sum = 0;
    for (size_t i = 0; i < TEST; i++) {
        double squares = 0;
        for (size_t axis = 0; axis < AXES; axis++) {
            const double truth = (double)mote_data_at(data, &data->test, PLACE, i)[axis];
            const double d = s->deviation[axis] * ((double)predictions[i * AXES + axis] - truth);
            squares += d * d;
        }
        sum += sqrt(squares) / TEST;
    }
    return sum;
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "counts", MOTE_FP32, 2, (size_t[]){BINS, CELLS});
    mote_data_array(data, "place", MOTE_FP32, 1, (size_t[]){AXES});
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    double *places = mote_data_memory(data, (size_t)STEPS * AXES, sizeof *places);
    float *counts = mote_data_memory(data, (size_t)STEPS * CELLS, sizeof *counts);
    mote_status status = s && places && counts ? mote_data_allocate(data, TRAINING, TEST) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        return status;
    }
    run(places, counts);
    for (size_t i = 0; i < TRAINING + TEST; i++) {
        const bool test = i >= TRAINING;
        const mote_task_split *split = test ? &data->test : &data->training;
        const size_t sample = test ? i - TRAINING : i, first = test ? i + GAP : i;
        memcpy(mote_data_at(data, split, COUNTS, sample), counts + first * CELLS, sizeof(float) * BINS * CELLS);
        for (size_t axis = 0; axis < AXES; axis++) {
            mote_data_at(data, split, PLACE, sample)[axis] = (float)places[(first + BINS - 1) * AXES + axis];
        }
    }
    mote_data_standardize(data, COUNTS, CELLS, NULL, NULL);
    mote_data_standardize(data, PLACE, AXES, s->mean, s->deviation);
    return mote_baselines(data, COUNTS, PLACE, 1);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    enum { UNITS = 48 };
    const mote_layer head = mote_linear_layer(graph, "head", UNITS, AXES, MOTE_START_PLAIN);
    (void)data, (void)batch, (void)training;
    mote_value state = mote_gated_recurrent(graph, "recurrent", inputs[COUNTS], UNITS);
    outputs->prediction = mote_apply_linear(graph, &head, state);
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[PLACE]);
}

/* Along one wall, over 15 seconds. */
static json_t *picture(const mote_task_data *data, const float *predictions)
{
    enum { SHOWN = 300 };
    const scales *s = data->own;
    float time[SHOWN], truth[SHOWN], predicted[SHOWN];
    for (size_t i = 0; i < SHOWN; i++) {
        time[i] = (float)((double)i * bin);
        truth[i] = (float)(s->mean[0] + s->deviation[0] * (double)mote_data_at(data, &data->test, PLACE, i)[0]);
        predicted[i] = (float)(s->mean[0] + s->deviation[0] * (double)predictions[i * AXES]);
    }
    return mote_picture_lines(SHOWN, time, "time (s)", "place along one wall (sides)", truth, predicted);
}

const mote_science_task mote_task_spike_decoding = {
    .name = "spike_decoding",
    .science = "neuroscience",
    .title = "Where an animal is, decoded from the spikes of its place cells",
    .model = "gated recurrent network",
    .metric = "mean distance",
    .unit = "sides of the box",
    .trivial = "mean",
    .strong = "Wiener filter (ridge regression)",
    .recipe = {.steps = 800, .batch = 32, .learning_rate = 5e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
