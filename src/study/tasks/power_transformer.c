/* Loads and oil temperature of a power transformer over the next four days, from the week before: ETTh1, hourly, seven
 * series (Zhou et al., AAAI 2021; its split into 12, 4 and 4 months of 30 days). Series are standardized by
 * the training months and forecast each by itself with shared weights, as changes from the last value seen (Zeng et
 * al., AAAI 2023, section 4, NLinear): a linear forecast plus a perceptron's. */
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { SERIES = 7, PAST = 168, FUTURE = 96, DAY = 24, MONTH = 30 * DAY };
enum { LEARNED = 12 * MONTH, TEST_BEGIN = 16 * MONTH, TEST_END = 20 * MONTH, STRIDE = 2 };
enum { BEFORE, AFTER };

/* [rows, SERIES]; the training months of each series have mean 0 and deviation 1. */
static mote_status read_series(mote_task_data *data, float **series)
{
    mote_sheet sheet;
    mote_status status = mote_sheet_read(data, "ETTh1.csv.gz", ',', MOTE_SHEET_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_expect(&sheet, SERIES + 1, TEST_END) : status;
    *series = status == MOTE_OK ? mote_data_memory(data, (size_t)TEST_END * SERIES, sizeof **series) : NULL;
    if (!*series) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    for (size_t row = 0; status == MOTE_OK && row < TEST_END; row++) {
        status = mote_sheet_complete(&sheet, row, 1, SERIES, *series + row * SERIES);
    }
    mote_task_data months = *data; /* the same numbers as samples of an array, to be scaled */
    months.arrays[0].size = SERIES;
    months.training = (mote_task_split){.count = LEARNED, .values = {*series}};
    months.test = (mote_task_split){.count = TEST_END - LEARNED, .values = {*series + (size_t)LEARNED * SERIES}};
    if (status == MOTE_OK) {
        mote_data_standardize(&months, 0, SERIES, NULL, NULL);
    }
    return status;
}

/* now: the first hour that is forecast. */
static void cut(mote_task_data *data, const float *series, size_t now, const mote_task_split *split, size_t sample)
{
    float *before = mote_data_at(data, split, BEFORE, sample), *after = mote_data_at(data, split, AFTER, sample);
    for (size_t s = 0; s < SERIES; s++) {
        const float last = series[(now - 1) * SERIES + s];
        for (size_t t = 0; t < PAST; t++) {
            before[s * PAST + t] = series[(now - PAST + t) * SERIES + s] - last;
        }
        for (size_t t = 0; t < FUTURE; t++) {
            after[s * FUTURE + t] = series[(now + t) * SERIES + s] - last;
        }
    }
}

static mote_status read(mote_task_data *data)
{
    float *series;
    const size_t training = (LEARNED - PAST - FUTURE) / STRIDE + 1, test = TEST_END - TEST_BEGIN - FUTURE + 1;
    mote_status status = read_series(data, &series);
    status = status == MOTE_OK ? mote_data_allocate(data, training, test) : status;
    for (size_t i = 0; status == MOTE_OK && i < training; i++) {
        cut(data, series, PAST + i * STRIDE, &data->training, i);
    }
    for (size_t i = 0; status == MOTE_OK && i < test; i++) {
        cut(data, series, TEST_BEGIN + i, &data->test, i);
    }
    return status;
}

/* The mean square of errors. */
static double score(const mote_task_data *data, const float *predictions)
{
    const double rmse = mote_score_rmse(data->test.count * SERIES * FUTURE, data->test.values[AFTER], predictions);
    return rmse * rmse;
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "before", MOTE_FP32, 2, (size_t[]){SERIES, PAST});
    mote_data_array(data, "after", MOTE_FP32, 2, (size_t[]){SERIES, FUTURE});
    mote_status status = read(data);
    float *guess = status == MOTE_OK ? mote_data_predictions(data, (size_t)SERIES * FUTURE) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    data->trivial = score(data, guess);
    for (size_t row = 0; row < data->test.count * SERIES; row++) {
        const float *before = (const float *)data->test.values[BEFORE] + row * PAST;
        for (size_t t = 0; t < FUTURE; t++) {
            guess[row * FUTURE + t] = before[PAST - DAY + t % DAY];
        }
    }
    data->strong = score(data, guess);
    return status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data, (void)batch;
    mote_value x = training ? mote_graph_dropout(graph, inputs[BEFORE], 0.1) : inputs[BEFORE];
    mote_value line = mote_multilayer(graph, "linear", x, 1, (size_t[]){FUTURE}, "gelu");
    mote_value rest = mote_multilayer(graph, "perceptron", x, 2, (size_t[]){128, FUTURE}, "gelu");
    outputs->prediction = mote_graph_add(graph, line, rest);
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[AFTER]);
}

/* The third series, a load, over four days. */
static json_t *picture(const mote_task_data *data, const float *predictions)
{
    const size_t at = (data->test.count / 2 * SERIES + 2) * FUTURE;
    return mote_picture_lines(FUTURE, NULL, "hours ahead", "middle useful load, change in deviations",
                              (const float *)data->test.values[AFTER] + at, predictions + at);
}

const mote_science_task mote_task_power_transformer = {
    .name = "power_transformer",
    .science = "energy",
    .title = "Loads and oil temperature of a power transformer, four days ahead",
    .model = "linear model and perceptron",
    .metric = "MSE",
    .unit = "",
    .trivial = "persistence",
    .strong = "the day before, again",
    .requires = "energy/ett_h1",
    .recipe = {.steps = 1500, .batch = 16, .learning_rate = 1e-3, .weight_decay = 1},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
