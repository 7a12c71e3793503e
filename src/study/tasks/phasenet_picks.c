/* When an earthquake's first wave arrives: windows of ten seconds of seismograms from Northern California, 100 samples
 * a second of three components (Zhu and Beroza, Geophys. J. Int. 216 (2019) 261). The network gives each place of 0.08
 * seconds a score; the highest is its pick. */
#include <math.h>

#include "models/networks.h"
#include "study/arrays.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { SAMPLES = 6000, COMPONENTS = 3, ARRIVAL = 3000 }; /* of a record, whose wave arrives there */
enum { PLACES = 128, PATCH = 8, WINDOW = PLACES * PATCH, FEATURES = PATCH * COMPONENTS };
enum { EARLIEST = 64, TRAINING_CROPS = 24, TEST_CROPS = 8 };
enum { INPUT, PLACE, TIME };
static const double rate = 100; /* Hz */

/* A window of a record, each component with mean 0 and deviation 1. */
static void crop(const double *record, size_t arrival, mote_task_data *data, const mote_task_split *split,
                 size_t sample)
{
    const double *from = record + (ARRIVAL - arrival) * COMPONENTS;
    float *to = mote_data_at(data, split, INPUT, sample);
    for (size_t c = 0; c < COMPONENTS; c++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < WINDOW; i++) {
            sum += from[i * COMPONENTS + c];
        }
        const double mean = sum / WINDOW;
        for (size_t i = 0; i < WINDOW; i++) {
            const double d = from[i * COMPONENTS + c] - mean;
            squares += d * d;
        }
        const double scale = squares > 0 ? 1 / sqrt(squares / WINDOW) : 0; /* a component that was not recorded */
        for (size_t i = 0; i < WINDOW; i++) {
            to[i * COMPONENTS + c] = (float)((from[i * COMPONENTS + c] - mean) * scale);
        }
    }
    *mote_data_classes(data, split, PLACE, sample) = (int32_t)(arrival / PATCH);
    *mote_data_at(data, split, TIME, sample) = (float)((double)arrival / rate);
}

/* A quarter of the records, each of another earthquake, is for the test. Windows begin at random. */
static mote_status read(mote_task_data *data)
{
    size_t shape[] = {0, SAMPLES, COMPONENTS}, known[] = {0};
    double *waves, *arrivals;
    mote_random random = {.seed = 2019};
    mote_status status = mote_arrays_read(data, "waveforms.npz", "waveform", 3, shape, &waves);
    status = status == MOTE_OK ? mote_arrays_read(data, "waveforms.npz", "p_index", 1, known, &arrivals) : status;
    const size_t count = shape[0], test = count / 4;
    if (status == MOTE_OK && (known[0] != count || test == 0)) {
        status = mote_fail(data->context, MOTE_ERROR_FILE,
                           "%s/waveforms.npz: expected as many arrivals as waveforms, four or more, found %zu and %zu",
                           data->folder, known[0], count);
    }
    size_t *order = status == MOTE_OK ? mote_data_memory(data, count, sizeof *order) : NULL;
    if (!order) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    mote_random_order(&random, count, order);
    status = mote_data_allocate(data, (count - test) * TRAINING_CROPS, test * TEST_CROPS);
    for (size_t i = 0; status == MOTE_OK && i < count; i++) {
        const bool tests = i < test;
        const size_t crops = tests ? TEST_CROPS : TRAINING_CROPS, record = order[i];
        if (arrivals[record] != ARRIVAL) {
            return mote_fail(data->context, MOTE_ERROR_FILE,
                             "%s/waveforms.npz: array p_index: expected %d, found %g at %zu", data->folder, ARRIVAL,
                             arrivals[record], record);
        }
        for (size_t c = 0; c < crops; c++) {
            const size_t arrival = EARLIEST + mote_random_below(&random, WINDOW - 2 * EARLIEST);
            crop(waves + record * SAMPLES * COMPONENTS, arrival, data, tests ? &data->test : &data->training,
                 (tests ? i : i - test) * crops + c);
        }
    }
    return status;
}

/* Seconds from the begin of the window to the middle of the place with the highest score. */
static double pick(const float *scores)
{
    size_t best = 0;
    for (size_t i = 1; i < PLACES; i++) {
        best = scores[i] > scores[best] ? i : best;
    }
    return ((double)best + 0.5) * PATCH / rate;
}

static double score(const mote_task_data *data, const float *predictions)
{
    size_t near = 0;
    for (size_t i = 0; i < data->test.count; i++) {
        const float *scores = predictions + i * PLACES;
        for (size_t p = 0; p < PLACES; p++) {
            if (isnan(scores[p])) {
                return NAN;
            }
        }
        near += fabs(pick(scores) - (double)*mote_data_at(data, &data->test, TIME, i)) <= 0.1;
    }
    return (double)near / (double)data->test.count;
}

/* Energy in the half second behind each place over that in the two seconds before it. */
static void short_over_long(const mote_task_data *data, float *predictions)
{
    enum { SHORT = 50, LONG = 200 };
    for (size_t i = 0; i < data->test.count; i++) {
        const float *x = mote_data_at(data, &data->test, INPUT, i);
        double sums[WINDOW + 1] = {0};
        for (size_t t = 0; t < WINDOW; t++) {
            const float *v = x + t * COMPONENTS;
            sums[t + 1] = sums[t] + (double)(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        }
        for (size_t p = 0; p < PLACES; p++) {
            const size_t t = p * PATCH + PATCH / 2, from = t > LONG ? t - LONG : 0,
                         to = t + SHORT < WINDOW ? t + SHORT : WINDOW;
            const double after = (sums[to] - sums[t]) / SHORT, before = (sums[t] - sums[from]) / LONG;
            predictions[i * PLACES + p] = t < SHORT ? 0 : (float)(after / (before + 1e-3));
        }
    }
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "waves", MOTE_FP32, 2, (size_t[]){PLACES, FEATURES});
    mote_data_array(data, "place", MOTE_INT32, 0, NULL);
    mote_data_array(data, "time", MOTE_FP32, 0, NULL);
    mote_status status = read(data);
    float *guess = status == MOTE_OK ? mote_data_predictions(data, PLACES) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    mote_baseline_frequency(data, PLACE, PLACES, guess);
    data->trivial = score(data, guess);
    short_over_long(data, guess);
    data->strong = score(data, guess);
    return status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    static const char *const names[] = {"near", "middle", "far", "farther"};
    (void)data, (void)training;
    mote_value x = mote_multilayer(graph, "embedding", inputs[INPUT], 1, (size_t[]){24}, "gelu");
    x = mote_graph_layer_norm(graph, x, MOTE_NO_VALUE, MOTE_NO_VALUE, 1e-5);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const mote_convolution_line line = {.filters = 24, .width = 3, .dilation = (size_t)1 << i};
        x = mote_residual_line(graph, names[i], x, 1, &line);
    }
    x = mote_multilayer(graph, "last", x, 1, (size_t[]){1}, "gelu");
    outputs->prediction = mote_graph_reshape(graph, x, 2, (size_t[]){batch, PLACES});
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[PLACE]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    float *picked = mote_allocate_array(data->context, data->test.count, sizeof *picked);
    for (size_t i = 0; picked && i < data->test.count; i++) {
        picked[i] = (float)pick(predictions + i * PLACES);
    }
    json_t *made = picked ? mote_picture_scatter(data->test.count, "arrival of the first wave in the window, s",
                                                 data->test.values[TIME], picked)
                          : NULL;
    mote_release(data->context, picked);
    return made;
}

const mote_science_task mote_task_phasenet_picks = {
    .name = "phasenet_picks",
    .science = "seismology",
    .title = "Arrivals of earthquakes' first waves in seismograms",
    .model = "convolutional network",
    .metric = "share within 0.1 s",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "short over long energy",
    .requires = "seismology/phasenet_waveforms",
    .recipe = {.steps = 400, .batch = 8, .learning_rate = 3e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
