/* How infectious is it? The rates of an epidemic, from the cases reported in its first twelve weeks and a survey.
 *
 * S' = - b S I, E' = b S I - e E, I' = e E - g I, C' = e E of a population's shares (Kermack and McKendrick 1927 with a
 * latent class; Keeling and Rohani, Modeling Infectious Diseases, 2008, section 2.5), from a few infected among 20 000.
 * Latency 1 / e is three days; the transmission b and the infectious time 1 / g differ from outbreak to outbreak. A
 * share of the new cases, unknown too, is reported, fewer on weekends, with the scatter of a negative binomial
 * distribution (Lloyd-Smith, PLoS ONE 2 (2007) e180); at the end 500 people are tested for antibodies. The network
 * tells ln b and ln g: amortized inference by simulation. */
#include <math.h>

#include "models/layers.h"
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/solver.h"

enum { DAYS = 84, WEEK = 7, TRAINING = 4500, TEST = 500, RATES = 2, STATE = 4, SHAPE = 30, TESTED = 500 };
enum { OBSERVED, RATE };
static const double population = 20000;

typedef struct scales {
    double mean[RATES], deviation[RATES];
} scales;

typedef struct outbreak {
    double transmission, onset, recovery; /* each day */
} outbreak;

static void derivative(void *argument, double t, const double *y, double *dydt)
{
    const outbreak *o = argument;
    (void)t;
    const double infected = o->transmission * y[0] * y[2], fallen_ill = o->onset * y[1];
    dydt[0] = -infected;
    dydt[1] = infected - fallen_ill;
    dydt[2] = fallen_ill - o->recovery * y[2];
    dydt[3] = fallen_ill;
}

/* Between low and high, evenly in its logarithm. */
static double draw(mote_random *random, double low, double high)
{
    return low * exp(log(high / low) * mote_random_uniform(random));
}

/* What a negative binomial's mean is multiplied by in front of a Poisson process: gamma of this shape and mean 1. */
static double scatter(mote_random *random)
{
    double product = 1;
    for (int i = 0; i < SHAPE; i++) {
        product *= 1 - mote_random_uniform(random);
    }
    return -log(product) / SHAPE;
}

/* Cases where so many are expected; of many, by the normal distribution. */
static double count(mote_random *random, double expected)
{
    enum { MANY = 30 };
    return expected < MANY ? (double)mote_random_poisson(random, expected)
                           : round(expected + sqrt(expected) * mote_random_normal(random));
}

static mote_status make(mote_task_data *data, const mote_task_split *split, size_t sample, mote_random *random)
{
    outbreak o;
    double times[DAYS + 1], path[(DAYS + 1) * STATE], start[STATE] = {0};
    do {
        o = (outbreak){draw(random, 0.25, 1), 1.0 / 3, draw(random, 1.0 / 12, 1.0 / 3)};
    } while (o.transmission < 1.5 * o.recovery); /* it would not break out */
    start[2] = draw(random, 10, 40) / population;
    start[0] = 1 - start[2];
    for (int day = 0; day <= DAYS; day++) {
        times[day] = day;
    }
    mote_status status = mote_solve(data->context, &(mote_solver_options){.relative = 1e-6, .absolute = 1e-10}, STATE,
                                    derivative, &o, start, DAYS + 1, times, path);
    const double reported = draw(random, 0.2, 0.4), weekend = 0.4 + 0.5 * mote_random_uniform(random);
    const size_t weekday = mote_random_below(random, WEEK);
    for (size_t day = 0; status == MOTE_OK && day < DAYS; day++) {
        const double fallen_ill = fmax(path[(day + 1) * STATE + 3] - path[day * STATE + 3], 0);
        const double share = reported * ((day + weekday) % WEEK < 2 ? weekend : 1);
        const double cases = count(random, population * fallen_ill * share * scatter(random));
        mote_data_at(data, split, OBSERVED, sample)[day] = (float)log1p(fmax(cases, 0));
    }
    size_t positive = 0;
    for (int i = 0; i < TESTED; i++) {
        positive += mote_random_uniform(random) < path[DAYS * STATE + 3];
    }
    mote_data_at(data, split, OBSERVED, sample)[DAYS] = (float)positive / TESTED;
    mote_data_at(data, split, RATE, sample)[0] = (float)log(o.transmission);
    mote_data_at(data, split, RATE, sample)[1] = (float)log(o.recovery);
    return status;
}

/* Of the logarithms: about the relative error. */
static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    double sum = 0;
    for (size_t i = 0; i < (size_t)TEST * RATES; i++) {
        const double truth = (double)((const float *)data->test.values[RATE])[i];
        const double d = s->deviation[i % RATES] * ((double)predictions[i] - truth);
        sum += d * d;
    }
    return sqrt(sum / (TEST * RATES));
}

static mote_status prepare(mote_task_data *data)
{
    mote_random random = {.seed = 1927};
    mote_data_array(data, "log_cases_and_survey", MOTE_FP32, 1, (size_t[]){DAYS + 1});
    mote_data_array(data, "log_rates", MOTE_FP32, 1, (size_t[]){RATES});
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    mote_status status = s ? mote_data_allocate(data, TRAINING, TEST) : MOTE_ERROR_MEMORY;
    for (size_t i = 0; status == MOTE_OK && i < TRAINING + TEST; i++) {
        const bool test = i >= TRAINING;
        status = make(data, test ? &data->test : &data->training, test ? i - TRAINING : i, &random);
    }
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, OBSERVED, DAYS + 1, NULL, NULL);
    mote_data_standardize(data, RATE, RATES, s->mean, s->deviation);
    return mote_baselines(data, OBSERVED, RATE, 1e-2);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    enum { CHANNELS = 32 };
    const mote_convolution_line wide = {.filters = CHANNELS, .width = 3};
    const mote_layer embed = mote_linear_layer(graph, "embed", WEEK, CHANNELS, MOTE_START_PLAIN);
    (void)data, (void)training;
    mote_value x = mote_graph_slice(graph, inputs[OBSERVED], 1, 0, DAYS);
    x = mote_graph_reshape(graph, x, 3, (size_t[]){batch, DAYS / WEEK, WEEK});
    x = mote_apply_linear(graph, &embed, x);
    x = mote_residual_line(graph, "middle", x, 2, &wide);
    x = mote_graph_reshape(graph, x, 2, (size_t[]){batch, (size_t)DAYS / WEEK * CHANNELS});
    mote_value both[] = {x, mote_graph_slice(graph, inputs[OBSERVED], 1, DAYS, 1)};
    x = mote_graph_concatenate(graph, 2, both, 1);
    outputs->prediction = mote_multilayer(graph, "head", x, 2, (size_t[]){32, RATES}, "gelu");
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[RATE]);
}

/* How many one infected person infects, b / g. */
static json_t *picture(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    float truth[TEST], predicted[TEST];
    for (size_t i = 0; i < TEST; i++) {
        const float *rates = mote_data_at(data, &data->test, RATE, i), *told = predictions + i * RATES;
        double numbers[2] = {s->mean[0] - s->mean[1], s->mean[0] - s->mean[1]};
        for (int r = 0; r < RATES; r++) {
            numbers[0] += (r ? -1 : 1) * s->deviation[r] * (double)rates[r];
            numbers[1] += (r ? -1 : 1) * s->deviation[r] * (double)told[r];
        }
        truth[i] = (float)exp(numbers[0]);
        predicted[i] = (float)exp(numbers[1]);
    }
    return mote_picture_scatter(TEST, "basic reproduction number", truth, predicted);
}

const mote_science_task mote_task_epidemic = {
    .name = "epidemic",
    .science = "epidemiology",
    .title = "Transmission and recovery in an epidemic, from reported cases and a survey of antibodies",
    .model = "convolutional network",
    .metric = "RMSE of logarithms",
    .unit = "",
    .trivial = "mean",
    .strong = "ridge regression",
    .uses_solver = true,
    .recipe = {.steps = 800, .batch = 32, .learning_rate = 2e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
