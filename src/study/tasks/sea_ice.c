/* How far ice covers the Arctic sea two months ahead (NSIDC's daily extents from 1980 on). The network sees how the
 * past year differed from the mean of its days in 1980 to 2009, and the season, and tells the difference to come; it is
 * tested on 2010 to 2019, with less ice than it learned on. */
#include <math.h>
#include <stdio.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"
#include "study/sheet.h"

enum { FIRST_YEAR = 1980, TEST_YEAR = 2010, YEARS = 100, DAYS = 366, YEAR = 365 };
enum { LEAD = 60, SPACING = 10, PAST = YEAR / SPACING + 1, WAVES = 4, NUMBERS = PAST + WAVES, STRIDE = 5 };
enum { INPUT, TARGET };

typedef struct ice {
    size_t days;
    float extent[YEARS * DAYS];                  /* million square kilometres, day after day; NaN where not known */
    short year[YEARS * DAYS], day[YEARS * DAYS]; /* day of the year from 0 on */
    double mean[DAYS];                           /* of the training years */
    double deviation[1];
} ice;

static bool leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

/* The day number day of month in the year, from 0 on; -1: there is none. */
static int day_of_year(int year, int month, int day)
{
    static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int days = 0;
    if (month < 1 || month > 12 || day < 1 || day > length[month - 1] + (month == 2 && leap(year))) {
        return -1;
    }
    for (int m = 1; m < month; m++) {
        days += length[m - 1] + (m == 2 && leap(year));
    }
    return days + day - 1;
}

/* Every day of YEARS years; the days before the first row and behind the last are cut off. */
static mote_status read_days(mote_task_data *data, ice *o)
{
    mote_sheet sheet;
    size_t begins[YEARS + 1] = {0}, last = 0;
    mote_status status = mote_sheet_read(data, "seaice.csv", ',', MOTE_SHEET_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_expect(&sheet, 2, 1) : status;
    for (int y = 0; y < YEARS; y++) {
        begins[y + 1] = begins[y] + (size_t)YEAR + leap(FIRST_YEAR + y);
        for (size_t t = begins[y]; t < begins[y + 1]; t++) {
            o->extent[t] = NAN;
            o->year[t] = (short)(FIRST_YEAR + y);
            o->day[t] = (short)(t - begins[y]);
        }
    }
    for (size_t row = 0; status == MOTE_OK && row < sheet.rows; row++) {
        int year = 0, month = 0, day = 0;
        const char *text = mote_sheet_text(&sheet, row, 0);
        const bool read = sscanf(text, "%4d-%2d-%2d", &year, &month, &day) == 3;
        const int at = read ? day_of_year(year, month, day) : -1;
        if (at < 0 || year < FIRST_YEAR || year >= FIRST_YEAR + YEARS) {
            return mote_fail(data->context, MOTE_ERROR_FILE, "%s: row %zu: expected a day from %d on, found '%.40s'",
                             sheet.path, row + 1, FIRST_YEAR, text);
        }
        const size_t t = begins[year - FIRST_YEAR] + (size_t)at;
        status = mote_sheet_complete(&sheet, row, 1, 1, &o->extent[t]);
        last = t > last ? t : last;
    }
    o->days = last + 1;
    return status;
}

/* Days without a measurement (every second one, in the first years) lie on a straight line between their neighbours. */
static void fill_gaps(ice *o)
{
    size_t known = 0;
    for (size_t t = 0; t < o->days; t++) {
        if (isfinite(o->extent[t])) {
            for (size_t g = known + 1; g < t && isfinite(o->extent[known]); g++) {
                const double part = (double)(g - known) / (double)(t - known);
                o->extent[g] = (float)((1 - part) * (double)o->extent[known] + part * (double)o->extent[t]);
            }
            known = t;
        }
    }
}

static double anomaly(const ice *o, size_t t) { return (double)o->extent[t] - o->mean[o->day[t]]; }

/* Samples of split, of every fifth day; NULL: they are only counted. */
static size_t collect(mote_task_data *data, const ice *o, bool test, const mote_task_split *split)
{
    size_t count = 0;
    for (size_t now = YEAR; now + LEAD < o->days; now += STRIDE) {
        const bool wanted = test ? o->year[now] >= TEST_YEAR : o->year[now + LEAD] < TEST_YEAR;
        if (!wanted) {
            continue;
        }
        float *x = split ? mote_data_at(data, split, INPUT, count) : NULL;
        for (size_t k = 0; x && k < PAST; k++) {
            x[k] = (float)anomaly(o, now - k * SPACING);
        }
        for (int k = 0; x && k < WAVES; k++) {
            const double angle = 2 * M_PI * (1 + k / 2) * o->day[now] / 365.25;
            x[PAST + k] = (float)(k % 2 ? sin(angle) : cos(angle));
        }
        if (x) {
            *mote_data_at(data, split, TARGET, count) = (float)anomaly(o, now + LEAD);
        }
        count++;
    }
    return count;
}

static mote_status read(mote_task_data *data, ice *o)
{
    double seen[DAYS] = {0};
    bool whole = true;
    mote_status status = read_days(data, o);
    if (status != MOTE_OK) {
        return status;
    }
    fill_gaps(o);
    for (size_t t = 0; t < o->days; t++) {
        whole = whole && isfinite(o->extent[t]);
        o->mean[o->day[t]] += o->year[t] < TEST_YEAR ? (double)o->extent[t] : 0;
        seen[o->day[t]] += o->year[t] < TEST_YEAR;
    }
    if (!whole || o->year[o->days - 1] <= TEST_YEAR) {
        return mote_fail(data->context, MOTE_ERROR_FILE,
                         "%s/seaice.csv: expected days from the first of %d to %d or later", data->folder, FIRST_YEAR,
                         TEST_YEAR + 1);
    }
    for (size_t d = 0; d < DAYS; d++) {
        o->mean[d] /= seen[d];
    }
    status = mote_data_allocate(data, collect(data, o, false, NULL), collect(data, o, true, NULL));
    if (status == MOTE_OK) {
        collect(data, o, false, &data->training);
        collect(data, o, true, &data->test);
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    const ice *o = data->own;
    return o->deviation[0] * mote_score_rmse(data->test.count, data->test.values[TARGET], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    double mean[1], means[NUMBERS], deviations[NUMBERS];
    mote_data_array(data, "past year", MOTE_FP32, 1, (size_t[]){NUMBERS});
    mote_data_array(data, "two months later", MOTE_FP32, 0, NULL);
    ice *o = data->own = mote_data_memory(data, 1, sizeof *o);
    mote_status status = o ? read(data, o) : MOTE_ERROR_MEMORY;
    float *guess = status == MOTE_OK ? mote_data_predictions(data, 1) : NULL;
    if (!guess) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    mote_data_standardize(data, INPUT, NUMBERS, means, deviations);
    mote_data_standardize(data, TARGET, 1, mean, o->deviation);
    for (size_t i = 0; i < data->test.count; i++) {
        guess[i] = (float)(-mean[0] / o->deviation[0]);
    }
    data->trivial = score(data, guess);
    for (size_t i = 0; i < data->test.count; i++) {
        const double now = means[0] + deviations[0] * (double)mote_data_at(data, &data->test, INPUT, i)[0];
        guess[i] = (float)((now - mean[0]) / o->deviation[0]);
    }
    data->strong = score(data, guess);
    return status;
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
    return mote_picture_lines(data->test.count, NULL, "time, five days each", "unusual ice, deviations",
                              data->test.values[TARGET], predictions);
}

const mote_science_task mote_task_sea_ice = {
    .name = "sea_ice",
    .science = "climate",
    .title = "Ice on the Arctic sea two months ahead",
    .model = "multilayer perceptron",
    .metric = "RMSE",
    .unit = "million km2",
    .trivial = "mean of the day of the year",
    .strong = "persistence of the difference from it",
    .requires = "climate/sea_ice_extent",
    .recipe = {.steps = 1500, .batch = 64, .learning_rate = 1e-3, .weight_decay = 1},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
