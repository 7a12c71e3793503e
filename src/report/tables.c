/* The tables of a report: one row a run. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/sections.h"

const char *mote_run_loss_label(const mote_run *runs, size_t count, char *text, size_t size)
{
    const char *unit = mote_run_unit(&runs[0]);
    bool same = true;
    for (size_t i = 1; i < count; i++) {
        same &= strcmp(unit, mote_run_unit(&runs[i])) == 0;
    }
    if (!same || (size_t)snprintf(text, size, "loss, bits per %s", unit) >= size) {
        snprintf(text, size, "loss, bits");
    }
    return text;
}

static void joules_cell(mote_text *body, const mote_run *run)
{
    const char *status = mote_run_text(run->root, "results.energy.status");
    double joules = mote_run_number(run->root, "results.energy.joules");
    mote_table_number(body, joules, mote_show_joules(joules),
                      status             ? status
                      : isfinite(joules) ? "origin unknown"
                                         : "");
}

static void run_row(mote_text *body, const mote_run *runs, size_t count, const mote_run *run)
{
    double step, bits = mote_run_bits(run, &step), above = bits - mote_run_limit(run),
                 parameters = mote_run_number(run->root, "model.parameters"),
                 against = mote_run_against_baseline(runs, count, run),
                 perplexity = mote_run_number(run->root, "results.perplexity"),
                 speed = mote_run_number(run->root, "results.tokens_per_second"),
                 speedup = mote_run_speedup(runs, count, run), planned = mote_run_number(run->root, "plan.peak_bytes"),
                 measured = mote_run_number(run->root, "results.measured_peak_bytes");
    char at_step[64] = "";
    if (step >= 0) {
        snprintf(at_step, sizeof at_step, "at step %s", mote_show_fixed(step, 0).text);
    }
    const char *status = mote_run_text(run->root, "status");
    mote_table_row(body);
    mote_table_name(body, run->color, run->name, "");
    mote_table_text(body, run->policy);
    mote_table_number(body, parameters, mote_show_large(parameters), "");
    mote_table_number(body, bits, mote_show_fixed(bits, 4), at_step);
    mote_table_number(body, above, mote_show_signed(above, 4), "");
    mote_table_number(body, against, mote_show_signed(against, 2), "");
    mote_table_number(body, perplexity, mote_show_rounded(perplexity), "");
    mote_table_number(body, speed, mote_show_fixed(speed, 0), "");
    mote_table_number(body, speedup, mote_show_fixed(speedup, 2), "");
    mote_table_number(body, planned, mote_show_bytes(planned), "");
    mote_table_number(body, measured, mote_show_bytes(measured), "");
    joules_cell(body, run);
    mote_table_text(body, status ? status : "\u2013");
}

void mote_section_table(mote_text *body, const mote_run *runs, size_t count)
{
    char loss[64];
    mote_run_loss_label(runs, count, loss, sizeof loss);
    const mote_column columns[] = {
        {"", "run", "", true},
        {"", "policy", "number formats of the products' operands", true},
        {"", "parameters", "", false},
        {loss, "at the end", "on validation data", false},
        {loss, "above limit", "distance from the entropy rate of the source, the least loss of any model", false},
        {loss, "% of FP32", "difference from the finished FP32 run of the same model, recipe and data", false},
        {"", "perplexity", "exp of the mean loss of a token", false},
        {"speed", "tokens/s", "", false},
        {"speed", "\u00d7 FP32", "over the FP32 run of the same model, recipe and data on the same machine", false},
        {"peak memory", "planned", "known before the run", false},
        {"peak memory", "measured", "", false},
        {"", "joules", "measured by a meter, modelled, or unavailable; the kinds do not compare", false},
        {"", "status", "", true},
    };
    mote_page_section(
        body, count == 1 ? "The run in figures" : "The runs in figures",
        count == 1 ? "" : "A click on a heading sorts by it. Of runs that did not finish, losses are not compared.");
    mote_table_begin(body, NULL, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < count; i++) {
        run_row(body, runs, count, &runs[i]);
    }
    mote_table_end(body, NULL);
}

static double bits_at(const mote_run *run, double step)
{
    for (size_t i = 0; i < run->validation.count; i++) {
        if (run->validation.points[i].step == step) {
            return run->validation.points[i].bits;
        }
    }
    return NAN;
}

void mote_section_loss_table(mote_text *body, const mote_run *runs, size_t count)
{
    enum { STEPS = 8 };
    static const char summary[] = "Validation loss as a table";
    const mote_run_series *longest = &runs[0].validation;
    for (size_t i = 1; i < count; i++) {
        longest = runs[i].validation.count > longest->count ? &runs[i].validation : longest;
    }
    size_t steps = longest->count < STEPS ? longest->count : STEPS;
    mote_shown headings[STEPS];
    double at[STEPS];
    char group[64];
    mote_run_loss_label(runs, count, group, sizeof group);
    mote_column columns[STEPS + 1] = {{"", "run", "", true}};
    for (size_t s = 0; s < steps; s++) {
        size_t index = steps > 1 ? s * (longest->count - 1) / (steps - 1) : 0;
        at[s] = longest->points[index].step;
        headings[s] = mote_show_fixed(at[s], 0);
        columns[s + 1] = (mote_column){group, headings[s].text, "step", false};
    }
    if (steps == 0) {
        return;
    }
    mote_table_begin(body, summary, columns, steps + 1);
    for (size_t i = 0; i < count; i++) {
        mote_table_row(body);
        mote_table_name(body, runs[i].color, runs[i].name, "");
        for (size_t s = 0; s < steps; s++) {
            double bits = bits_at(&runs[i], at[s]);
            mote_table_number(body, bits, mote_show_fixed(bits, 4), "");
        }
    }
    mote_table_end(body, summary);
}

size_t mote_run_categories(const mote_run *runs, size_t count, const char *names[MOTE_REPORT_CATEGORIES])
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *categories = mote_run_value(runs[i].root, "plan.categories");
        for (size_t k = 0; k < json_array_size(categories); k++) {
            const char *name = mote_run_text(json_array_get(categories, k), "name");
            size_t known = 0;
            while (known < used && name && strcmp(names[known], name) != 0) {
                known++;
            }
            if (name && known == used && used < MOTE_REPORT_CATEGORIES) {
                names[used++] = name;
            }
        }
    }
    return used;
}

double mote_run_category(const mote_run *run, const char *name)
{
    const json_t *categories = mote_run_value(run->root, "plan.categories");
    for (size_t k = 0; k < json_array_size(categories); k++) {
        const json_t *category = json_array_get(categories, k);
        const char *found = mote_run_text(category, "name");
        if (found && strcmp(found, name) == 0) {
            return mote_run_number(category, "bytes");
        }
    }
    return NAN;
}

void mote_section_memory_table(mote_text *body, const mote_run *runs, size_t count)
{
    static const char summary[] = "Memory as a table";
    const char *names[MOTE_REPORT_CATEGORIES];
    size_t used = mote_run_categories(runs, count, names);
    mote_column columns[MOTE_REPORT_CATEGORIES + 2] = {{"", "run", "", true}};
    for (size_t k = 0; k < used; k++) {
        columns[k + 1] = (mote_column){"planned at the peak", names[k], "", false};
    }
    columns[used + 1] = (mote_column){"", "peak", "of the plan", false};
    mote_table_begin(body, summary, columns, used + 2);
    for (size_t i = 0; i < count; i++) {
        double peak = mote_run_number(runs[i].root, "plan.peak_bytes");
        mote_table_row(body);
        mote_table_name(body, runs[i].color, runs[i].name, "");
        for (size_t k = 0; k < used; k++) {
            double bytes = mote_run_category(&runs[i], names[k]);
            mote_table_number(body, bytes, mote_show_bytes(bytes), "");
        }
        mote_table_number(body, peak, mote_show_bytes(peak), "");
    }
    mote_table_end(body, summary);
}
