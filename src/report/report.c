/* mote_report: reads the runs, builds the page from its sections, writes it. */
#include "mote/report.h"

#include <math.h>
#include <string.h>

#include "report/sections.h"

bool mote_run_finished(const mote_run *run)
{
    const char *status = mote_run_text(run->root, "status");
    return !status || strcmp(status, "done") == 0;
}

double mote_run_against_baseline(const mote_run *runs, size_t count, const mote_run *run)
{
    double step;
    const mote_run *baseline = mote_run_baseline(runs, count, run);
    if (!baseline || baseline == run || !mote_run_finished(run) || !mote_run_finished(baseline)) {
        return NAN;
    }
    return 100 * (mote_run_bits(run, &step) / mote_run_bits(baseline, &step) - 1);
}

double mote_run_speedup(const mote_run *runs, size_t count, const mote_run *run)
{
    const mote_run *baseline = mote_run_baseline(runs, count, run);
    if (!baseline || !mote_run_same_machine(baseline, run)) {
        return NAN;
    }
    return mote_run_number(run->root, "results.tokens_per_second") /
           mote_run_number(baseline->root, "results.tokens_per_second");
}

double mote_run_peak(const mote_run *run)
{
    double measured = mote_run_number(run->root, "results.measured_peak_bytes");
    return isnan(measured) ? mote_run_number(run->root, "plan.peak_bytes") : measured;
}

double mote_run_measured_joules(const mote_run *run)
{
    const char *status = mote_run_text(run->root, "results.energy.status");
    return status && strcmp(status, "measured") == 0 ? mote_run_number(run->root, "results.energy.joules") : NAN;
}

/* FP32 has the colour of ink, other policies get one each in the order of the runs. */
static void choose_colors(mote_run *runs, size_t count)
{
    int next = 1;
    for (size_t i = 0; i < count; i++) {
        runs[i].color = strcmp(runs[i].policy, "fp32") == 0 ? 0 : -1;
        for (size_t k = 0; k < i && runs[i].color < 0; k++) {
            runs[i].color = strcmp(runs[i].policy, runs[k].policy) == 0 ? runs[k].color : -1;
        }
        runs[i].color = runs[i].color < 0 ? next++ : runs[i].color;
    }
}

/* Runs of the same name are told apart by a number. From the last to the first, so that names before are as they were.
 */
static mote_status tell_apart(mote_run *runs, size_t count)
{
    for (size_t i = count; i-- > 1;) {
        mote_text name = {.context = runs[i].context};
        double number = 1;
        for (size_t k = 0; k < i; k++) {
            number += strcmp(runs[k].name, runs[i].name) == 0;
        }
        if (number > 1) {
            mote_text_bytes(&name, runs[i].name, strlen(runs[i].name));
            mote_text_html(&name, " (%s)", mote_show_fixed(number, 0).text);
            runs[i].name =
                name.failed ? NULL : mote_arena_string(runs[i].context, &runs[i].arena, name.bytes, name.length);
            mote_text_clear(&name);
        }
        if (!runs[i].name) {
            return MOTE_ERROR_MEMORY;
        }
    }
    return MOTE_OK;
}

/* One run's name, or what several have in common. */
static void make_title(mote_text *title, const mote_run *runs, size_t count)
{
    const char *data = mote_run_text(runs[0].root, "data.description");
    for (size_t i = 1; i < count && data; i++) {
        const char *other = mote_run_text(runs[i].root, "data.description");
        data = other && strcmp(data, other) == 0 ? data : NULL;
    }
    const char *name = count == 1 ? runs[0].name : data && *data ? data : "Comparison";
    mote_text_bytes(title, name, strlen(name));
    if (count > 1) {
        mote_text_html(title, ": %s runs", mote_show_fixed((double)count, 0).text);
    }
    mote_text_bytes(title, "", 1);
}

static mote_status write_report(mote_context *context, const mote_run *runs, size_t count, const char *output)
{
    mote_text title = {.context = context}, body = title;
    json_t *data = json_object();
    make_title(&title, runs, count);
    if (!title.failed) {
        mote_section_head(&body, runs, count, title.bytes);
    }
    if (!mote_section_charts(&body, data, runs, count)) {
        json_decref(data);
        data = NULL;
    }
    mote_section_table(&body, runs, count);
    mote_section_settings(&body, runs, count);
    body.failed |= title.failed;
    mote_status status = mote_page_write(context, output, title.failed ? "" : title.bytes, &body, data, NULL);
    mote_text_clear(&title);
    mote_text_clear(&body);
    return status;
}

mote_status mote_report(mote_context *context, const char *const *folders, size_t count, const char *output)
{
    if (count == 0) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "a report: expected at least one run folder, found none");
    }
    mote_run *runs = mote_allocate_array(context, count, sizeof *runs);
    if (!runs) {
        return MOTE_ERROR_MEMORY;
    }
    mote_status status = MOTE_OK;
    size_t read = 0;
    while (read < count && status == MOTE_OK) {
        status = mote_run_read(context, folders[read], &runs[read]);
        read++;
    }
    if (status == MOTE_OK) {
        choose_colors(runs, count);
        status = tell_apart(runs, count);
    }
    if (status == MOTE_OK) {
        status = write_report(context, runs, count, output);
    }
    while (read > 0) {
        mote_run_clear(&runs[--read]);
    }
    mote_release(context, runs);
    return status;
}
