/* How often a paper will have been cited after twenty years, from its first five.
 *
 * The model of Wang, Song and Barabasi (Science 342 (2013) 127, equation 3): a paper of fitness lambda, whose
 * attraction fades as a log-normal of its age t, has c(t) = m (exp(lambda Phi((ln t - mu) / sigma)) - 1) citations,
 * m = 30. Parameters differ from paper to paper, drawn here; citations of each quarter are Poisson with the mean that
 * c(t) grows by. The network sees the twenty quarters and tells log(1 + citations after twenty years). */
#include <math.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { QUARTERS = 20, HORIZON = 80, TRAINING = 4000, TEST = 1500 };
enum { HISTORY, FUTURE };

typedef struct scales {
    double deviation[1]; /* of log(1 + citations) */
} scales;

static double expected(double lambda, double mu, double sigma, double years)
{
    const double phi = years > 0 ? 0.5 * erfc(-(log(years) - mu) / (sigma * M_SQRT2)) : 0;
    return 30 * (exp(lambda * phi) - 1);
}

static void write_paper(mote_random *random, float *history, float *future)
{
    const double lambda = exp(-0.2 + 0.6 * mote_random_normal(random)), mu = 1.9 + 0.6 * mote_random_normal(random);
    const double sigma = exp(-0.1 + 0.3 * mote_random_normal(random));
    double cited = 0;
    for (int q = 0; q < HORIZON; q++) {
        cited += (double)mote_random_poisson(random, expected(lambda, mu, sigma, 0.25 * (q + 1)) -
                                                         expected(lambda, mu, sigma, 0.25 * q));
        if (q < QUARTERS) {
            history[q] = (float)log1p(cited);
        }
    }
    *future = (float)log1p(cited);
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    return s->deviation[0] * mote_score_rmse(TEST, data->test.values[FUTURE], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_random random = {.seed = 2013};
    mote_data_array(data, "history", MOTE_FP32, 1, (size_t[]){QUARTERS});
    mote_data_array(data, "future", MOTE_FP32, 1, (size_t[]){1});
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? mote_data_allocate(data, TRAINING, TEST) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        return status;
    }
    for (size_t i = 0; i < TRAINING + TEST; i++) {
        const mote_task_split *split = i < TRAINING ? &data->training : &data->test;
        const size_t sample = i < TRAINING ? i : i - TRAINING;
        write_paper(&random, mote_data_at(data, split, HISTORY, sample), mote_data_at(data, split, FUTURE, sample));
    }
    mote_data_standardize(data, HISTORY, QUARTERS, NULL, NULL);
    mote_data_standardize(data, FUTURE, 1, NULL, s->deviation);
    return mote_baselines(data, HISTORY, FUTURE, 1e-3);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)batch;
    mote_value x = mote_multilayer(graph, "read", inputs[HISTORY], 2, (size_t[]){64, 64}, "gelu");
    x = mote_graph_map(graph, "gelu", x);
    x = training ? mote_graph_dropout(graph, x, 0.1) : x;
    outputs->prediction = mote_multilayer(graph, "tell", x, 2, (size_t[]){64, 1}, "gelu");
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[FUTURE]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_scatter(TEST, "log(1 + citations), in standard deviations", data->test.values[FUTURE],
                                predictions);
}

const mote_science_task mote_task_citation_growth = {
    .name = "citation_growth",
    .science = "science of science",
    .title = "Citations of a paper after twenty years, from its first five",
    .model = "multilayer perceptron",
    .metric = "RMSE of log(1 + citations)",
    .unit = "",
    .trivial = "mean",
    .strong = "ridge regression",
    .recipe = {.steps = 2000, .batch = 64, .learning_rate = 2e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
