/* El Nino half a year ahead: the anomaly of the sea's temperature in the region Nino 3.4 from what it and the southern
 * oscillation index were in the two years before, and the month. Forecasts through spring are hard (Webster and Yang,
 * Q. J. R. Meteorol. Soc. 118 (1992) 877), so what a state says depends on the season. Learned on what came before
 * 1980, tested from 1981 on. */
#include <math.h>
#include <stdlib.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { MONTHS = 24, SERIES = 2, YEAR = 12, NUMBERS = SERIES * MONTHS + YEAR, LEAD = 6 };
enum {
    LAST_TRAINING = 1979 * YEAR + 11,
    FIRST_TEST = 1981 * YEAR
};                                               /* months since year 0: of what is forecast, seen */
enum { FIRST = 1860 * YEAR, SPAN = 200 * YEAR }; /* of all months that may be */
enum { INPUT, TARGET };

typedef struct oscillation {
    float temperature[SPAN], pressure[SPAN]; /* NaN where unknown */
    double deviation[1];                     /* of temperatures, K */
} oscillation;

static mote_status put(const mote_sheet *sheet, size_t row, long year, long month, size_t column, float *series)
{
    if (month < 1 || month > YEAR || year < FIRST / YEAR || year >= (FIRST + SPAN) / YEAR) {
        return mote_fail(sheet->data->context, MOTE_ERROR_FILE,
                         "%s: row %zu: expected a month from %d on, found year %ld, month %ld", sheet->path, row + 1,
                         FIRST / YEAR, year, month);
    }
    return mote_sheet_number(sheet, row, column, &series[year * YEAR + month - 1 - FIRST]);
}

static mote_status read_temperature(mote_task_data *data, oscillation *o)
{
    enum { YEAR_COLUMN, MONTH_COLUMN, COLUMNS = 8 };
    mote_sheet sheet;
    size_t column;
    mote_status status = mote_sheet_read(data, "oni.csv", ',', MOTE_SHEET_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_expect(&sheet, COLUMNS, 1) : status;
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "NINO34_ANOM", &column) : status;
    for (size_t row = 0; status == MOTE_OK && row < sheet.rows; row++) {
        float when[2];
        status = mote_sheet_complete(&sheet, row, YEAR_COLUMN, 2, when);
        if (status == MOTE_OK && !(fabsf(when[0]) < 1e6F && fabsf(when[1]) < 1e6F)) {
            status = mote_fail(data->context, MOTE_ERROR_FILE, "%s: row %zu: expected a year and a month", sheet.path,
                               row + 1);
        }
        status = status == MOTE_OK ? put(&sheet, row, (long)when[0], (long)when[1], column, o->temperature) : status;
    }
    return status;
}

static mote_status read_pressure(mote_task_data *data, oscillation *o)
{
    mote_sheet sheet;
    mote_status status = mote_sheet_read(data, "soi.long.csv", ',', MOTE_SHEET_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_expect(&sheet, 2, 1) : status;
    for (size_t row = 0; status == MOTE_OK && row < sheet.rows; row++) {
        const char *text = mote_sheet_text(&sheet, row, 0);
        if (*text) { /* the file ends with empty rows */
            char *end;
            const long year = strtol(text, &end, 10), month = *end == '-' ? strtol(end + 1, NULL, 10) : 0;
            status = put(&sheet, row, year, month, 1, o->pressure);
        }
    }
    return status;
}

/* Months whose past and future are known, as samples of split; NULL: they are only counted. */
static size_t collect(mote_task_data *data, const oscillation *o, bool test, const mote_task_split *split)
{
    size_t count = 0;
    for (size_t now = MONTHS - 1; now + LEAD < SPAN; now++) {
        const size_t begin = now + 1 - MONTHS, month = now + FIRST;
        bool known = test ? month >= FIRST_TEST : month + LEAD <= LAST_TRAINING;
        for (size_t t = begin; known && t <= now; t++) {
            known = isfinite(o->temperature[t]) && isfinite(o->pressure[t]);
        }
        if (!known || !isfinite(o->temperature[now + LEAD])) {
            continue;
        }
        float *x = split ? mote_data_at(data, split, INPUT, count) : NULL;
        for (size_t t = 0; x && t < MONTHS; t++) {
            x[t] = o->temperature[begin + t];
            x[MONTHS + t] = o->pressure[begin + t];
        }
        if (x) {
            x[SERIES * MONTHS + month % YEAR] = 1;
            *mote_data_at(data, split, TARGET, count) = o->temperature[now + LEAD];
        }
        count++;
    }
    return count;
}

static mote_status read(mote_task_data *data, oscillation *o)
{
    for (size_t t = 0; t < SPAN; t++) {
        o->temperature[t] = o->pressure[t] = NAN;
    }
    mote_status status = read_temperature(data, o);
    status = status == MOTE_OK ? read_pressure(data, o) : status;
    if (status != MOTE_OK) {
        return status;
    }
    const size_t training = collect(data, o, false, NULL), test = collect(data, o, true, NULL);
    if (training < 100 || test < 100) {
        return mote_fail(data->context, MOTE_ERROR_FILE,
                         "%s: expected 100 months or more to learn from and for the test, found %zu and %zu",
                         data->folder, training, test);
    }
    status = mote_data_allocate(data, training, test);
    if (status == MOTE_OK) {
        collect(data, o, false, &data->training);
        collect(data, o, true, &data->test);
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    const oscillation *o = data->own;
    return o->deviation[0] * mote_score_rmse(data->test.count, data->test.values[TARGET], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "months", MOTE_FP32, 1, (size_t[]){NUMBERS});
    mote_data_array(data, "half a year later", MOTE_FP32, 0, NULL);
    oscillation *o = data->own = mote_data_memory(data, 1, sizeof *o);
    mote_status status = o ? read(data, o) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, INPUT, NUMBERS, NULL, NULL);
    mote_data_standardize(data, TARGET, 1, NULL, o->deviation);
    return mote_baselines(data, INPUT, TARGET, 0.05);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)data;
    mote_value x = training ? mote_graph_dropout(graph, inputs[INPUT], 0.2) : inputs[INPUT];
    x = mote_multilayer(graph, "forecast", x, 3, (size_t[]){128, 64, 1}, "gelu");
    outputs->prediction = mote_graph_reshape(graph, x, 1, &batch);
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[TARGET]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_lines(data->test.count, NULL, "months since 1981", "anomaly of Nino 3.4, deviations",
                              data->test.values[TARGET], predictions);
}

const mote_science_task mote_task_enso = {
    .name = "enso",
    .science = "climate",
    .title = "El Nino half a year ahead",
    .model = "multilayer perceptron",
    .metric = "RMSE",
    .unit = "K",
    .trivial = "mean",
    .strong = "ridge regression",
    .requires = "climate/enso_indices",
    .recipe = {.steps = 1500, .batch = 64, .learning_rate = 1e-3, .weight_decay = 3},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
