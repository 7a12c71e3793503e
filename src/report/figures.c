/* The charts of a report, as data for charts.js. Long curves are thinned here, so that the page stays small however
 * long the run was. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/data.h"
#include "report/sections.h"

/* Points of all runs together, of loss curves and of memory timelines; and what each run has at least and at most. */
enum { CURVE_POINTS = 6000, CURVE_LEAST = 40, CURVE_MOST = 800, TIMELINE_POINTS = 6000, TIMELINE_MOST = 1500 };

static size_t share(size_t all, size_t runs, size_t least, size_t most)
{
    size_t each = all / runs;
    return each < least ? least : each > most ? most : each;
}

/* The mean of points first .. end - 1, of what they have. */
static mote_run_point mean_point(const mote_run_point *points, size_t first, size_t end)
{
    double sums[4] = {0}, counts[4] = {0};
    for (size_t i = first; i < end; i++) {
        const double values[4] = {points[i].step, points[i].bits, points[i].seconds, points[i].joules};
        for (int k = 0; k < 4; k++) {
            sums[k] += isnan(values[k]) ? 0 : values[k];
            counts[k] += !isnan(values[k]);
        }
    }
    return (mote_run_point){sums[0] / counts[0], sums[1] / counts[1], sums[2] / counts[2], sums[3] / counts[3]};
}

/* Columns of a series with at most most points. The first is as measured; of the others, neighbours are averaged, or
 * the last of them stands for all. joules: whether they were measured. */
static json_t *curve(const mote_run_series *series, size_t most, bool average, bool joules, bool *bad)
{
    json_t *step = json_array(), *bits = json_array(), *seconds = json_array(), *energy = json_array();
    size_t points = series->count < most ? series->count : most;
    for (size_t i = 0; i < points; i++) {
        size_t end = i ? 1 + i * (series->count - 1) / (points - 1) : 1,
               first = i ? 1 + (i - 1) * (series->count - 1) / (points - 1) : 0;
        mote_run_point p = mean_point(series->points, average ? first : end - 1, end);
        mote_data_push(step, mote_data_number(p.step), bad);
        mote_data_push(bits, mote_data_number(p.bits), bad);
        mote_data_push(seconds, mote_data_number(p.seconds), bad);
        mote_data_push(energy, mote_data_number(joules ? p.joules : NAN), bad);
    }
    json_t *columns = json_object();
    mote_data_put(columns, "step", step, bad);
    mote_data_put(columns, "bits", bits, bad);
    mote_data_put(columns, "seconds", seconds, bad);
    mote_data_put(columns, "joules", energy, bad);
    return columns;
}

/* Name and colour of a run; add columns with mote_data_put. */
static json_t *series_of(const mote_run *run, bool *bad)
{
    json_t *series = json_object();
    mote_data_put(series, "name", json_string(run->name), bad);
    mote_data_put(series, "label", json_string(run->policy), bad);
    mote_data_put(series, "color", json_integer(run->color), bad);
    return series;
}

static json_t *loss_set(const mote_run *runs, size_t count, bool *bad)
{
    json_t *set = json_array();
    size_t most = share(CURVE_POINTS, count, CURVE_LEAST, CURVE_MOST);
    for (size_t i = 0; i < count; i++) {
        bool joules = isfinite(mote_run_measured_joules(&runs[i]));
        json_t *series = series_of(&runs[i], bad);
        mote_data_put(series, "line", curve(&runs[i].training, most, true, joules, bad), bad);
        mote_data_put(series, "points", curve(&runs[i].validation, most / 4, false, joules, bad), bad);
        mote_data_push(set, series, bad);
    }
    return set;
}

/* Adds a level that curves are seen against, once. */
static void reference(json_t *references, const char *name, double value, double error, bool strong, bool *bad)
{
    for (size_t i = 0; i < json_array_size(references); i++) {
        const json_t *known = json_array_get(references, i);
        const char *same = mote_run_text(known, "name");
        if (same && strcmp(same, name) == 0 && mote_run_number(known, "value") == value) {
            return;
        }
    }
    if (isfinite(value)) {
        json_t *level = json_object();
        mote_data_put(level, "name", json_string(name), bad);
        mote_data_put(level, "value", json_real(value), bad);
        mote_data_put(level, "error", mote_data_number(error), bad);
        mote_data_put(level, "strong", json_boolean(strong), bad);
        mote_data_push(references, level, bad);
    }
}

static json_t *loss_references(const mote_run *runs, size_t count, bool *bad)
{
    json_t *references = json_array();
    for (size_t i = 0; i < count; i++) {
        const json_t *baselines = mote_run_value(runs[i].root, "data.baselines");
        reference(references, "limit", mote_run_limit(&runs[i]), mote_run_number(runs[i].root, "data.limit.error"),
                  true, bad);
        for (size_t k = 0; k < json_array_size(baselines) && k < MOTE_REPORT_CATEGORIES; k++) {
            const char *name = mote_run_text(json_array_get(baselines, k), "name");
            if (name) {
                reference(references, name, mote_run_number(json_array_get(baselines, k), "bits"), NAN, false, bad);
            }
        }
    }
    return references;
}

static json_t *loss_chart(const mote_run *runs, size_t count, const char *column, const char *label, const char *format,
                          bool *bad)
{
    char loss[64];
    json_t *chart = json_object();
    mote_data_put(chart, "kind", json_string("lines"), bad);
    mote_data_put(chart, "set", json_string("loss"), bad);
    mote_data_put(chart, "smooth", json_true(), bad);
    mote_data_put(chart, "x", mote_data_axis(column, label, format), bad);
    mote_data_put(chart, "y", mote_data_axis("bits", mote_run_loss_label(runs, count, loss, sizeof loss), "bits"), bad);
    mote_data_put(chart, "references", loss_references(runs, count, bad), bad);
    return chart;
}

static void loss_figures(mote_text *body, json_t *data, json_t *charts, const mote_run *runs, size_t count, bool *bad)
{
    char caption[400];
    size_t measured = 0;
    bool limit = false, baselines = false;
    json_t *sets = json_object_get(data, "sets");
    for (size_t i = 0; i < count; i++) {
        measured += isfinite(mote_run_measured_joules(&runs[i]));
        limit |= isfinite(mote_run_limit(&runs[i]));
        baselines |= json_array_size(mote_run_value(runs[i].root, "data.baselines")) > 0;
    }
    snprintf(caption, sizeof caption,
             "Lines: training loss, smoothed, with what was measured faint behind. Dots: validation.%s%s",
             limit ? " Dashed: the limit, the entropy rate of the source, with its error." : "",
             baselines ? " Thin level lines: simpler models, for comparison." : "");
    mote_page_section(
        body, "Loss",
        mote_page_draws_charts() ? "" : "No charts: this mote was built without D3. The tables have the figures.");
    mote_page_tabs_begin(body);
    mote_page_chart(body, "steps", "against steps", caption);
    mote_page_chart(body, "time", "against time", caption);
    if (measured > 0) {
        mote_page_chart(body, "joules", "against joules",
                        measured == count ? caption : "Only the runs whose joules were measured are drawn.");
        mote_data_put(charts, "joules", loss_chart(runs, count, "joules", "energy, measured", "joules", bad), bad);
    } else {
        mote_page_no_chart(body, "against joules",
                           "Joules: unavailable on this machine. No meter measured these runs.");
    }
    mote_page_tabs_end(body);
    mote_data_put(charts, "steps", loss_chart(runs, count, "step", "step", "count", bad), bad);
    mote_data_put(charts, "time", loss_chart(runs, count, "seconds", "time", "seconds", bad), bad);
    mote_data_put(sets, "loss", loss_set(runs, count, bad), bad);
    mote_section_loss_table(body, runs, count);
}

static json_t *memory_chart(const mote_run *runs, size_t count, const char *const *names, size_t used, bool *bad)
{
    json_t *chart = json_object(), *parts = json_array(), *rows = json_array();
    for (size_t k = 0; k < used; k++) {
        mote_data_push(parts, json_string(names[k]), bad);
    }
    for (size_t i = 0; i < count; i++) {
        json_t *row = series_of(&runs[i], bad), *values = json_array();
        for (size_t k = 0; k < used; k++) {
            mote_data_push(values, mote_data_number(mote_run_category(&runs[i], names[k])), bad);
        }
        mote_data_put(row, "values", values, bad);
        mote_data_put(row, "mark", mote_data_number(mote_run_number(runs[i].root, "results.measured_peak_bytes")), bad);
        mote_data_push(rows, row, bad);
    }
    mote_data_put(chart, "kind", json_string("stack"), bad);
    mote_data_put(chart, "format", json_string("bytes"), bad);
    mote_data_put(chart, "parts", parts, bad);
    mote_data_put(chart, "rows", rows, bad);
    mote_data_put(chart, "mark", json_string("measured peak"), bad);
    return chart;
}

/* A run's timeline with at most most points: of neighbours the largest stays, so that the peak does. */
static json_t *timeline(const mote_run *run, size_t most, bool *bad)
{
    const json_t *points = mote_run_value(run->root, "plan.timeline");
    size_t all = json_array_size(points), kept = all < most ? all : most;
    json_t *node = json_array(), *bytes = json_array(), *columns = json_object();
    for (size_t i = 0; i < kept; i++) {
        const json_t *best = NULL;
        for (size_t k = i * all / kept; k < (i + 1) * all / kept; k++) {
            const json_t *point = json_array_get(points, k);
            if (json_is_number(json_array_get(point, 0)) && json_is_number(json_array_get(point, 1)) &&
                (!best || json_number_value(json_array_get(point, 1)) > json_number_value(json_array_get(best, 1)))) {
                best = point;
            }
        }
        if (best) {
            mote_data_push(node, mote_data_number(json_number_value(json_array_get(best, 0))), bad);
            mote_data_push(bytes, mote_data_number(json_number_value(json_array_get(best, 1))), bad);
        }
    }
    mote_data_put(columns, "node", node, bad);
    mote_data_put(columns, "bytes", bytes, bad);
    return columns;
}

static json_t *timeline_set(const mote_run *runs, size_t count, bool *bad)
{
    json_t *set = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *series = series_of(&runs[i], bad);
        mote_data_put(series, "line",
                      timeline(&runs[i], share(TIMELINE_POINTS, count, CURVE_LEAST, TIMELINE_MOST), bad), bad);
        mote_data_push(set, series, bad);
    }
    return set;
}

static json_t *timeline_chart(bool *bad)
{
    json_t *chart = json_object();
    mote_data_put(chart, "kind", json_string("lines"), bad);
    mote_data_put(chart, "set", json_string("timeline"), bad);
    mote_data_put(chart, "area", json_true(), bad);
    mote_data_put(chart, "x", mote_data_axis("node", "operation, in the order of one step", "count"), bad);
    mote_data_put(chart, "y", mote_data_axis("bytes", "memory in use", "bytes"), bad);
    return chart;
}

static void memory_figures(mote_text *body, json_t *data, json_t *charts, const mote_run *runs, size_t count, bool *bad)
{
    const char *names[MOTE_REPORT_CATEGORIES];
    size_t used = mote_run_categories(runs, count, names);
    bool timelines = false, measured = false;
    for (size_t i = 0; i < count; i++) {
        measured |= isfinite(mote_run_number(runs[i].root, "results.measured_peak_bytes"));
        timelines |= json_array_size(mote_run_value(runs[i].root, "plan.timeline")) > 0;
    }
    if (used == 0 && !timelines) {
        return;
    }
    mote_page_section(body, "Where the memory goes", "");
    if (used > 0) {
        mote_page_chart(body, "memory", "",
                        measured
                            ? "What is in memory at the peak of a step, as planned before the run. The mark is the "
                              "measured peak."
                            : "What is in memory at the peak of a step, as planned before the run.");
        mote_data_put(charts, "memory", memory_chart(runs, count, names, used, bad), bad);
    }
    if (timelines) {
        mote_page_chart(
            body, "timeline", "",
            "Bytes in use over one training step: forward, backward, update. The highest point is the peak.");
        mote_data_put(charts, "timeline", timeline_chart(bad), bad);
        mote_data_put(json_object_get(data, "sets"), "timeline", timeline_set(runs, count, bad), bad);
    }
    if (used > 0) {
        mote_section_memory_table(body, runs, count);
    }
}

bool mote_section_charts(mote_text *body, json_t *data, const mote_run *runs, size_t count)
{
    bool bad = false;
    json_t *charts = json_object();
    mote_data_put(data, "sets", json_object(), &bad);
    loss_figures(body, data, charts, runs, count, &bad);
    memory_figures(body, data, charts, runs, count, &bad);
    mote_data_put(data, "charts", charts, &bad);
    return !bad;
}
