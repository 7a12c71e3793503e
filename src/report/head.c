/* The top of a report: what ran and when, and a row of key figures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/sections.h"

/* A fact that all runs share, else NULL. */
static const json_t *shared(const mote_run *runs, size_t count, const char *path)
{
    const json_t *value = mote_run_value(runs[0].root, path);
    for (size_t i = 1; i < count && value; i++) {
        const json_t *other = mote_run_value(runs[i].root, path);
        value = other && json_equal(value, other) ? value : NULL;
    }
    return value;
}

/* A line of facts with dots between them. */
typedef struct fact_line {
    mote_text *body;
    const mote_run *runs;
    size_t count, facts;
} fact_line;

static void add_fact(fact_line *line, const char *before, const char *fact, const char *after)
{
    mote_text_html(line->body, line->facts++ ? " · %s%s%s" : "<p class=\"facts\">%s%s%s", before, fact, after);
}

static void add_text(fact_line *line, const char *before, const char *path)
{
    const json_t *value = shared(line->runs, line->count, path);
    if (json_is_string(value) && json_string_length(value) > 0) {
        add_fact(line, before, json_string_value(value), "");
    }
}

static void add_number(fact_line *line, const char *before, const char *path, const char *after, bool large)
{
    const json_t *value = shared(line->runs, line->count, path);
    if (json_is_number(value)) {
        double number = json_number_value(value);
        add_fact(line, before, large ? mote_show_large(number).text : mote_show_fixed(number, 0).text, after);
    }
}

static void end_line(fact_line *line)
{
    if (line->facts) {
        mote_text_html(line->body, "</p>\n");
    }
    line->facts = 0;
}

/* "21 November 2026, 05:00 UTC", or the first and the last of several. The times are ISO 8601: text order is time
 * order. */
static void add_times(fact_line *line)
{
    const char *first = NULL, *last = NULL;
    for (size_t i = 0; i < line->count; i++) {
        const char *started = mote_run_text(line->runs[i].root, "started");
        first = started && (!first || strcmp(started, first) < 0) ? started : first;
        last = started && (!last || strcmp(started, last) > 0) ? started : last;
    }
    if (first) {
        add_fact(line, "", mote_show_time(first).text, "");
    }
    if (first && strcmp(first, last) != 0) {
        mote_text_html(line->body, " to %s", mote_show_time(last).text);
    }
}

static void add_facts(mote_text *body, const mote_run *runs, size_t count)
{
    fact_line line = {body, runs, count, 0};
    add_text(&line, "", "model.type");
    add_number(&line, "", "model.parameters", " parameters", true);
    add_number(&line, "", "model.layers", " layers", false);
    add_number(&line, "width ", "model.width", "", false);
    add_number(&line, "context ", "model.context", "", false);
    add_number(&line, "", "recipe.steps", " steps", false);
    if (count == 1) {
        add_text(&line, "", "policy.name");
        end_line(&line);
        add_text(&line, "", "data.description");
    }
    end_line(&line);
    add_times(&line);
    add_text(&line, "", "machine.processor");
    add_number(&line, "", "machine.threads", " threads", false);
    add_text(&line, "mote ", "mote");
    end_line(&line);
}

/* The run with the least value of a measure; NULL if no run has one. */
typedef double measure(const mote_run *runs, size_t count, const mote_run *run);

static const mote_run *least(const mote_run *runs, size_t count, measure *measured)
{
    const mote_run *best = NULL;
    for (size_t i = 0; i < count; i++) {
        double value = mote_run_finished(&runs[i]) ? measured(runs, count, &runs[i]) : NAN;
        if (isfinite(value) && (!best || value < measured(runs, count, best))) {
            best = &runs[i];
        }
    }
    return best;
}

static double bits_of(const mote_run *runs, size_t count, const mote_run *run)
{
    double step;
    (void)runs, (void)count;
    return mote_run_bits(run, &step);
}

static double slowness(const mote_run *runs, size_t count, const mote_run *run)
{
    (void)runs, (void)count;
    return -mote_run_number(run->root, "results.tokens_per_second");
}

static double peak_of(const mote_run *runs, size_t count, const mote_run *run)
{
    (void)runs, (void)count;
    return mote_run_peak(run);
}

static double joules_of(const mote_run *runs, size_t count, const mote_run *run)
{
    (void)runs, (void)count;
    return mote_run_measured_joules(run);
}

static void number_of_loss(mote_text *body, const char *label, const mote_run *run, bool named)
{
    double step, bits = mote_run_bits(run, &step), above = bits - mote_run_limit(run);
    mote_page_number_begin(body, label, mote_show_fixed(bits, 4));
    mote_text_html(body, "bits per %s", mote_run_unit(run));
    if (named) {
        mote_text_html(body, ", %s", run->name);
    } else if (isfinite(above)) {
        mote_text_html(body, ", %s %s the limit", mote_show_fixed(fabs(above), 4).text, above < 0 ? "below" : "above");
    }
    mote_page_number_end(body);
}

/* With where it is from, or why there is none. */
static void number_of_energy(mote_text *body, const char *label, const mote_run *run, bool named)
{
    const char *status = mote_run_text(run->root, "results.energy.status"),
               *source = mote_run_text(run->root, "results.energy.source");
    double joules = mote_run_number(run->root, "results.energy.joules");
    mote_page_number_begin(body, label, mote_show_joules(joules));
    if (status && source) {
        mote_text_html(body, "%s: %s", status, source);
    } else if (isnan(joules)) {
        mote_text_html(body, status ? "unavailable on this machine" : "not stated");
    } else {
        mote_text_html(body, "%s", status ? status : "of unknown origin");
    }
    if (named && isfinite(joules)) {
        mote_text_html(body, ", %s", run->name);
    }
    mote_page_number_end(body);
}

/* Of a run that did not come to its end: how it stands, and where its last figure is from. */
static void number_of_status(mote_text *body, const mote_run *run)
{
    double step;
    mote_run_bits(run, &step);
    mote_page_number_begin(body, "status", mote_show_text(mote_run_text(run->root, "status")));
    if (step >= 0) {
        mote_text_html(body, "last validation at step %s", mote_show_fixed(step, 0).text);
    }
    mote_page_number_end(body);
}

static void number_of_memory(mote_text *body, const mote_run *run)
{
    double measured = mote_run_number(run->root, "results.measured_peak_bytes"),
           planned = mote_run_number(run->root, "plan.peak_bytes");
    mote_page_number_begin(body, "peak memory", mote_show_bytes(mote_run_peak(run)));
    if (isnan(measured)) {
        mote_text_html(body, "planned");
    } else if (measured == planned) {
        mote_text_html(body, "measured, to the byte as planned");
    } else {
        mote_text_html(body, "measured; planned %s", mote_show_bytes(planned).text);
    }
    mote_page_number_end(body);
}

/* What a run does not say has no place, but for energy: that it is unknown must be seen. */
static void numbers_of_one(mote_text *body, const mote_run *run)
{
    double perplexity = mote_run_number(run->root, "results.perplexity"), step,
           speed = mote_run_number(run->root, "results.tokens_per_second"),
           seconds = mote_run_number(run->root, "results.seconds");
    if (!mote_run_finished(run)) {
        number_of_status(body, run);
    }
    if (isfinite(mote_run_bits(run, &step))) {
        number_of_loss(body, "validation loss", run, false);
    }
    if (isfinite(perplexity)) {
        mote_page_number_begin(body, "perplexity", mote_show_rounded(perplexity));
        mote_text_html(body, "on validation data");
        mote_page_number_end(body);
    }
    if (isfinite(speed)) {
        mote_page_number_begin(body, "tokens per second", mote_show_fixed(speed, 0));
        mote_text_html(body, "%s in all", mote_show_seconds(seconds).text);
        mote_page_number_end(body);
    }
    if (isfinite(mote_run_peak(run))) {
        number_of_memory(body, run);
    }
    number_of_energy(body, "energy", run, false);
}

static void numbers_of_several(mote_text *body, const mote_run *runs, size_t count)
{
    const mote_run *run = least(runs, count, bits_of);
    if (run) {
        number_of_loss(body, "lowest validation loss", run, true);
    }
    if ((run = least(runs, count, mote_run_against_baseline)) != NULL) {
        mote_shown shown = mote_show_signed(mote_run_against_baseline(runs, count, run), 2);
        strncat(shown.text, "\u00a0%", sizeof shown.text - strlen(shown.text) - 1);
        mote_page_number_begin(body, "loss against FP32", shown);
        mote_text_html(body, "%s, the lowest of the others", run->name);
        mote_page_number_end(body);
    }
    if ((run = least(runs, count, slowness)) != NULL) {
        double speedup = mote_run_speedup(runs, count, run);
        mote_page_number_begin(body, "tokens per second",
                               mote_show_fixed(mote_run_number(run->root, "results.tokens_per_second"), 0));
        mote_text_html(body, "%s, the fastest", run->name);
        if (isfinite(speedup) && run->color != 0) {
            mote_text_html(body, ": %s\u00a0×\u00a0FP32", mote_show_fixed(speedup, 2).text);
        }
        mote_page_number_end(body);
    }
    if ((run = least(runs, count, peak_of)) != NULL) {
        const mote_run *baseline = mote_run_baseline(runs, count, run);
        mote_page_number_begin(body, "peak memory", mote_show_bytes(mote_run_peak(run)));
        mote_text_html(body, "%s, the least", run->name);
        if (baseline && baseline != run && isfinite(mote_run_peak(baseline))) {
            mote_text_html(body, ": %s\u00a0×\u00a0FP32",
                           mote_show_fixed(mote_run_peak(run) / mote_run_peak(baseline), 2).text);
        }
        mote_page_number_end(body);
    }
    if ((run = least(runs, count, joules_of)) != NULL) {
        number_of_energy(body, "least energy", run, true);
    } else {
        bool joules = false;
        for (size_t i = 0; i < count; i++) {
            joules |= isfinite(mote_run_number(runs[i].root, "results.energy.joules"));
        }
        mote_page_number_begin(body, "energy", mote_show_joules(NAN));
        mote_text_html(body, joules ? "not measured: the table has figures of a model" : "unavailable on this machine");
        mote_page_number_end(body);
    }
}

void mote_section_head(mote_text *body, const mote_run *runs, size_t count, const char *title)
{
    mote_text_html(body, "<header>\n<h1>%s</h1>\n", title);
    add_facts(body, runs, count);
    mote_text_html(body, "</header>\n");
    mote_page_numbers_begin(body);
    if (count == 1) {
        numbers_of_one(body, runs);
    } else {
        numbers_of_several(body, runs, count);
    }
    mote_page_numbers_end(body);
}
