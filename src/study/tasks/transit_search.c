/* Transits of exoplanets in light curves with red noise.
 *
 * A planet makes its star fainter by a depth of a fraction of the noise for some hours, once a period: a trapezoid with
 * a tenth of its duration as ingress and egress. The star itself varies: noise is white noise plus an
 * Ornstein-Uhlenbeck process, whose correlation time is that of transits, as in the photometry of real stars (Pont,
 * Zucker and Queloz, MNRAS 373 (2006) 231). Half of the curves have a planet. Convolutional networks search light
 * curves so in Pearson, Palafox and Griffith, MNRAS 474 (2018) 478. The strong baseline is the box least squares
 * spectrum (Kovacs, Zucker and Mazeh, A&A 391 (2002) 369, section 2), its highest peak. */
#include <math.h>

#include "models/layers.h"
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { TIMES = 256, CLASSES = 2, TRAINING = 5000, TEST = 1000, POOL = 4 };
enum { FLUX, PLANET };
static const double red_share = 0.5, correlation = 12; /* of the variance; in times of the curve */

/* How much of a transit's depth is seen at time t. */
static double trapezoid(double t, double period, double phase, double duration)
{
    const double away = fabs(t - phase - period * round((t - phase) / period)) / duration;
    return away >= 0.5 ? 0 : away <= 0.4 ? 1 : (0.5 - away) / 0.1;
}

static void write_curve(mote_random *random, bool planet, float *flux)
{
    const double keep = exp(-1 / correlation);
    const double period = 30 + 60 * mote_random_uniform(random), phase = period * mote_random_uniform(random);
    const double duration = 4 + 8 * mote_random_uniform(random), depth = 0.7 + 1.1 * mote_random_uniform(random);
    double red = mote_random_normal(random);
    for (size_t t = 0; t < TIMES; t++) {
        red = keep * red + sqrt(1 - keep * keep) * mote_random_normal(random);
        flux[t] = (float)(sqrt(red_share) * red + sqrt(1 - red_share) * mote_random_normal(random) -
                          (planet ? depth * trapezoid((double)t, period, phase, duration) : 0));
    }
}

/* The significance of the best box: over periods, phases and durations, the mean of the flux within it times the square
 * root of how many times it is of and how many it is not. flux: of mean 0. */
static double box_least_squares(const float *flux)
{
    double best = 0, sums[90], counts[90];
    for (size_t period = 30; period < 90; period++) {
        for (size_t p = 0; p < period; p++) {
            sums[p] = counts[p] = 0;
        }
        for (size_t t = 0; t < TIMES; t++) {
            sums[t % period] += (double)flux[t];
            counts[t % period]++;
        }
        for (size_t duration = 4; duration <= 12; duration += 2) {
            for (size_t first = 0; first < period; first++) {
                double sum = 0, count = 0;
                for (size_t d = 0; d < duration; d++) {
                    sum += sums[(first + d) % period];
                    count += counts[(first + d) % period];
                }
                const double power = sum < 0 ? sum * sum / (count * (TIMES - count)) : 0;
                best = power > best ? power : best;
            }
        }
    }
    return best;
}

static void strong_baseline(mote_task_data *data, float *guess)
{
    for (size_t i = 0; i < TEST; i++) {
        const float *flux = mote_data_at(data, &data->test, FLUX, i);
        float centred[TIMES];
        double mean = 0;
        for (size_t t = 0; t < TIMES; t++) {
            mean += (double)flux[t] / TIMES;
        }
        for (size_t t = 0; t < TIMES; t++) {
            centred[t] = (float)((double)flux[t] - mean);
        }
        guess[i * CLASSES] = 0;
        guess[i * CLASSES + 1] = (float)box_least_squares(centred);
    }
}

static double score(const mote_task_data *data, const float *predictions)
{
    return mote_score_auroc(TEST, data->test.values[PLANET], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_random random = {.seed = 2009};
    mote_data_array(data, "flux", MOTE_FP32, 1, (size_t[]){TIMES});
    mote_data_array(data, "planet", MOTE_INT32, 0, NULL);
    mote_status status = mote_data_allocate(data, TRAINING, TEST);
    float *guess = status == MOTE_OK ? mote_data_predictions(data, CLASSES) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    for (size_t i = 0; i < TRAINING + TEST; i++) {
        const mote_task_split *split = i < TRAINING ? &data->training : &data->test;
        const size_t sample = i < TRAINING ? i : i - TRAINING;
        write_curve(&random, i % 2, mote_data_at(data, split, FLUX, sample));
        *mote_data_classes(data, split, PLANET, sample) = i % 2;
    }
    strong_baseline(data, guess);
    data->strong = score(data, guess);
    mote_data_standardize(data, FLUX, 1, NULL, NULL);
    mote_baseline_frequency(data, PLANET, CLASSES, guess);
    data->trivial = score(data, guess);
    return MOTE_OK;
}

/* Means of POOL neighbours. */
static mote_value pool(mote_graph *graph, mote_value x, size_t batch, size_t length, size_t channels)
{
    x = mote_graph_reshape(graph, x, 4, (size_t[]){batch, length / POOL, POOL, channels});
    return mote_graph_mean(graph, x, 2, 1);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    enum { CHANNELS = 16 };
    const mote_convolution_line first = {.filters = CHANNELS, .width = 9};
    (void)data, (void)training;
    mote_value x = mote_graph_reshape(graph, inputs[FLUX], 3, (size_t[]){batch, TIMES, 1});
    x = mote_graph_map(graph, "gelu", mote_convolve_line(graph, "first", x, &first));
    x = pool(graph, x, batch, TIMES, CHANNELS);
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"near", "middle", "far"};
        const mote_convolution_line shape = {.filters = CHANNELS, .width = 7, .dilation = (size_t)1 << (2 * i)};
        x = mote_residual_line(graph, names[i], x, 1, &shape);
    }
    mote_layer norm = mote_norm_layer(graph, "norm", CHANNELS);
    x = mote_graph_mean(graph, mote_graph_map(graph, "gelu", mote_apply_norm(graph, &norm, x)), 1, 1);
    outputs->prediction = mote_multilayer(graph, "classifier", x, 2, (size_t[]){32, CLASSES}, "gelu");
    outputs->loss = mote_loss_classes(graph, outputs->prediction, inputs[PLANET]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    static const char *const names[] = {"star alone", "planet"};
    return mote_picture_confusion(TEST, CLASSES, names, data->test.values[PLANET], predictions);
}

const mote_science_task mote_task_transit_search = {
    .name = "transit_search",
    .science = "astronomy",
    .title = "Transits of exoplanets in light curves with red noise",
    .model = "convolutional network",
    .metric = "AUROC",
    .unit = "",
    .larger_is_better = true,
    .trivial = "frequencies",
    .strong = "box least squares",
    .recipe = {.steps = 400, .batch = 16, .learning_rate = 3e-3},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
