/* What accuracy costs: means over tasks of every policy in every setting against joules and bytes, and their quotients.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/data.h"
#include "report/study.h"

/* Over the tasks that have a result: the mean gain, where one below 0 (the trivial baseline is at hand) or without a
 * finite score counts as 0, and geometric means of what it costs, to which every task adds the same whatever its size.
 */
typedef struct average {
    size_t tasks;
    double gain, training_joules, inference_joules, bytes;
} average;

static average average_of(const mote_study_page *page, size_t policy, int setting)
{
    average a = {0};
    for (size_t i = 0; i < page->row_count; i++) {
        const mote_study_cell *cell = &page->rows[i].cells[policy][setting];
        if (cell->there && page->rows[i].trivial.name) {
            a.tasks++;
            a.gain += fmax(cell->gain, 0); /* 0 of a NaN */
            a.training_joules += log(cell->training_joules);
            a.inference_joules += log(cell->inference_joules);
            a.bytes += log(cell->bytes);
        }
    }
    const double n = (double)a.tasks;
    a.gain /= n;
    a.training_joules = exp(a.training_joules / n);
    a.inference_joules = exp(a.inference_joules / n);
    a.bytes = exp(a.bytes / n);
    return a;
}

static json_t *points_of(mote_study_page *page)
{
    json_t *points = json_array();
    for (size_t p = 0; p < page->policy_count; p++) {
        for (int s = 0; s < MOTE_STUDY_SETTINGS; s++) {
            const average a = average_of(page, p, s);
            if (a.tasks > 0) {
                mote_data_push(points,
                               json_pack("{s:s s:i s:s s:o s:o s:o s:o}", "policy", page->policies[p], "color",
                                         mote_study_color(page, p), "setting", mote_study_setting_word(s), "gain",
                                         mote_data_number(a.gain), "training", mote_data_number(a.training_joules),
                                         "inference", mote_data_number(a.inference_joules), "bytes",
                                         mote_data_number(a.bytes)),
                               &page->bad);
            }
        }
    }
    return points;
}

static void add_charts(mote_study_page *page)
{
    static const struct {
        const char *id, *tab, *column, *label, *unit;
    } charts[] = {
        {"front_training", "Training", "training", "modelled joules of training", "J"},
        {"front_inference", "Inference", "inference", "modelled joules of one sample", "J"},
        {"front_bytes", "Bytes", "bytes", "bytes of the weights", "B"},
    };
    json_t *list = json_object_get(page->data, "charts"), *sets = json_object_get(page->data, "sets");
    json_t *policies = json_array();
    for (size_t p = 0; p < page->policy_count; p++) {
        mote_data_push(policies, json_pack("{s:s s:i}", "name", page->policies[p], "color", mote_study_color(page, p)),
                       &page->bad);
    }
    mote_data_put(sets, "policies", policies, &page->bad);
    mote_data_put(page->data, "points", points_of(page), &page->bad);
    mote_page_tabs_begin(&page->body);
    for (size_t i = 0; i < sizeof charts / sizeof *charts; i++) {
        mote_data_put(list, charts[i].id,
                      json_pack("{s:s s:s s:s s:s}", "kind", "front", "column", charts[i].column, "label",
                                charts[i].label, "unit", charts[i].unit),
                      &page->bad);
        mote_page_chart(&page->body, charts[i].id, charts[i].tab,
                        "Towards the upper left is better: the dotted line joins what nothing beats in both. Joules "
                        "and bytes: geometric means "
                        "over tasks; training in FP32 counts before a cast or finetuning.");
    }
    mote_page_tabs_end(&page->body);
}

/* ---- the table ---- */

static mote_shown per_joule(double gain, double joules)
{
    const double value = gain / joules;
    return value >= 1000 ? mote_show_large(value) : mote_study_score(value, false);
}

static void add_quotient(mote_text *body, double gain, double joules, double base)
{
    mote_table_number(body, joules, mote_study_joules(joules), "");
    mote_table_number(body, gain / joules, per_joule(gain, joules), "");
    mote_shown times = mote_study_score(gain / joules / base, false);
    snprintf(times.text + strlen(times.text), sizeof times.text - strlen(times.text), "%s",
             isfinite(gain / joules / base) ? "\u00a0\u00d7" : "");
    mote_table_number(body, gain / joules / base, times, "");
}

static void add_table(mote_study_page *page)
{
    static const mote_column columns[] = {
        {"", "policy", "", true},
        {"", "setting", "", true},
        {"", "tasks", "that have a result and a trivial baseline", false},
        {"", "gain", "mean over tasks: 0 the trivial baseline, 1 perfect", false},
        {"", "weights", "bytes, geometric mean over tasks", false},
        {"training", "joules", "modelled, geometric mean over tasks", false},
        {"training", "gain per J", "", false},
        {"training", "of FP32", "", false},
        {"inference, one sample", "joules", "modelled, geometric mean over tasks", false},
        {"inference, one sample", "gain per J", "", false},
        {"inference, one sample", "of FP32", "", false},
    };
    mote_text *body = &page->body;
    const average base = average_of(page, 0, MOTE_STUDY_TRAIN);
    mote_table_begin(body, NULL, columns, sizeof columns / sizeof *columns);
    for (size_t p = 0; p < page->policy_count; p++) {
        for (int s = 0; s < MOTE_STUDY_SETTINGS; s++) {
            const average a = average_of(page, p, s);
            if (a.tasks > 0) {
                mote_table_row(body);
                mote_table_name(body, mote_study_color(page, p), page->policies[p], "");
                mote_table_text(body, mote_study_setting_word(s));
                mote_table_number(body, (double)a.tasks, mote_show_fixed((double)a.tasks, 0), "");
                mote_table_number(body, a.gain, mote_show_fixed(a.gain, 3), "");
                mote_table_number(body, a.bytes, mote_show_bytes(a.bytes), "");
                add_quotient(body, a.gain, a.training_joules, base.gain / base.training_joules);
                add_quotient(body, a.gain, a.inference_joules, base.gain / base.inference_joules);
            }
        }
    }
    mote_table_end(body, NULL);
}

void mote_study_section_fronts(mote_study_page *page)
{
    mote_page_section(
        &page->body, "Accuracy against joules and bytes",
        "Gain is what a result is worth: 0 as good as the trivial baseline, 1 perfect; mean over tasks, where less "
        "than nothing counts as 0.");
    add_charts(page);
    mote_page_section(&page->body, "Intelligence per joule",
                      "Gain divided by modelled joules, of training and of inference by themselves.");
    add_table(page);
}
