/* The large table: a row a task, a column for each policy in each setting, each cell coloured by how far it is from
 * FP32. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/json.h"
#include "report/data.h"
#include "report/study.h"

/* In this order from left to right: the later, the more the format had a say. */
static const mote_study_setting order[] = {MOTE_STUDY_CAST, MOTE_STUDY_FINETUNE, MOTE_STUDY_TRAIN};

/* Whether any task has results of it. FP32 trained is what others are compared with, and has a column of its own. */
static bool has_column(const mote_study_page *page, size_t policy, int setting)
{
    bool there = false;
    for (size_t i = 0; i < page->row_count; i++) {
        there |= page->rows[i].cells[policy][setting].there;
    }
    return there && !(policy == 0 && setting == MOTE_STUDY_TRAIN);
}

/* How strongly a difference is coloured, 0 to 1: not at all up to least, fully from most on. */
static double strength(double difference, double least, double most)
{
    double part = log(fabs(difference) / least) / log(most / least);
    return isfinite(difference) && part > 0 ? fmin(part, 1) : difference != 0 && !isfinite(difference) ? 1 : 0;
}

static mote_shown difference_text(double value)
{
    const double most = 1000;
    if (fabs(value) >= most) {
        return mote_show_text(value < 0 ? "<\u22121k" : ">1k");
    }
    return mote_show_signed(value, fabs(value) < 9.95 ? 1 : 0);
}

/* ---- what is shown of a cell that is pointed at ---- */

static void add_line(json_t *lines, const char *label, const char *value, bool *bad)
{
    mote_data_push(lines, json_pack("[s, s]", label, value), bad);
}

static void add_spreads(json_t *lines, const mote_study_cell *cell, bool *bad)
{
    char text[160];
    snprintf(text, sizeof text, "%s \u00b1 %s, %.0f seeds", mote_study_score(cell->mean, true).text,
             mote_study_score(cell->spread, true).text, cell->seeds);
    add_line(lines, "score", cell->seeds > 1 ? text : mote_study_score(cell->mean, true).text, bad);
    if (isfinite(cell->percent)) {
        snprintf(text, sizeof text, "%s %%", mote_show_signed(cell->percent, 2).text);
        add_line(lines, "from FP32", text, bad);
    }
    if (isfinite(cell->spreads) && cell->seeds > 1) {
        snprintf(text, sizeof text, "%s spreads", mote_show_signed(cell->spreads, 2).text);
        add_line(lines, "", text, bad);
    }
}

static json_t *describe(const mote_study_row *row, const mote_study_page *page, size_t policy, int setting)
{
    bool bad = false;
    char title[256];
    const mote_study_cell *cell = &row->cells[policy][setting];
    json_t *lines = json_array();
    add_spreads(lines, cell, &bad);
    add_line(lines, "gain", mote_study_score(cell->gain, false).text, &bad);
    add_line(lines, "weights", mote_show_bytes(cell->bytes).text, &bad);
    add_line(lines, setting == MOTE_STUDY_CAST ? "inference took" : "training took",
             mote_show_seconds(cell->seconds).text, &bad);
    add_line(lines, "training, modelled", mote_study_joules(cell->training_joules).text, &bad);
    add_line(lines, "one sample, modelled", mote_study_joules(cell->inference_joules).text, &bad);
    if (isfinite(cell->measured_joules)) {
        add_line(lines, "experiment, measured", mote_study_joules(cell->measured_joules).text, &bad);
    }
    snprintf(title, sizeof title, "%.100s \u00b7 %.60s, %s", row->name, page->policies[policy],
             mote_study_setting_word(setting));
    mote_text_repair(title); /* cut within a letter */
    json_t *made = bad ? NULL : json_pack("{s:s, s:O}", "title", title, "lines", lines);
    json_decref(lines);
    return made;
}

/* Its number among those that the scripts know. */
static mote_shown keep(mote_study_page *page, const mote_study_row *row, size_t policy, int setting)
{
    json_t *cells = json_object_get(page->data, "cells");
    mote_shown number = mote_show_key((double)json_array_size(cells));
    mote_data_push(cells, describe(row, page, policy, setting), &page->bad);
    return number;
}

/* ---- the table ---- */

/* edge: " edge" at the first column of a policy. */
static void add_cell(mote_study_page *page, const mote_study_row *row, size_t policy, int setting, const char *edge)
{
    const mote_study_cell *cell = &row->cells[policy][setting];
    mote_text *body = &page->body;
    if (!cell->there) {
        mote_text_html(body, "<td class=\"none%s\"></td>", edge);
        return;
    }
    const bool compared = isfinite(cell->percent), spreads = isfinite(cell->spreads) && cell->seeds > 1;
    const mote_shown shown = compared ? difference_text(cell->percent) : mote_show_text("\u00d7");
    mote_text_html(
        body, "<td tabindex=\"0\" data-cell=\"%s\" data-percent=\"%s\" data-spreads=\"%s\" class=\"cell %s%s\" ",
        keep(page, row, policy, setting).text, shown.text, spreads ? difference_text(cell->spreads).text : "",
        !compared || cell->percent < 0 ? "worse" : "better", edge);
    mote_text_html(body, "style=\"--percent:%s;--spreads:%s\">%s</td>",
                   mote_show_fixed(compared ? strength(cell->percent, 0.1, 30) : 1, 2).text,
                   mote_show_fixed(spreads    ? strength(cell->spreads, 1, 30)
                                   : compared ? 0
                                              : 1,
                                   2)
                       .text,
                   shown.text);
}

static void add_level(mote_text *body, const mote_study_level *level, const char *edge)
{
    mote_text_html(body, "<td class=\"level%s\" title=\"%s\">%s</td>", edge, level->name ? level->name : "",
                   level->name ? mote_study_score(level->score, false).text : "");
}

static void add_row(mote_study_page *page, const mote_study_row *row)
{
    mote_text *body = &page->body;
    mote_text_html(body, "<tr><th scope=\"row\" title=\"%s\">%s<small>%s%s%s %s</small></th>", row->title, row->name,
                   row->metric, *row->unit ? ", " : "", row->unit, row->larger_is_better ? "\u2191" : "\u2193");
    if (row->cells[0][MOTE_STUDY_TRAIN].there) {
        mote_text_html(body, "<td tabindex=\"0\" class=\"cell level\" data-cell=\"%s\">%s</td>",
                       keep(page, row, 0, MOTE_STUDY_TRAIN).text,
                       mote_study_score(row->cells[0][MOTE_STUDY_TRAIN].mean, false).text);
    } else {
        mote_text_html(body, "<td class=\"none\"></td>");
    }
    for (size_t p = 0; p < page->policy_count; p++) {
        bool first = true;
        for (size_t s = 0; s < MOTE_STUDY_SETTINGS; s++) {
            if (has_column(page, p, order[s])) {
                add_cell(page, row, p, order[s], first && p > 0 ? " edge" : "");
                first = false;
            }
        }
    }
    add_level(body, &row->trivial, " first");
    add_level(body, &row->strong, "");
    add_level(body, &row->published, "");
    mote_text_html(body, "</tr>\n");
}

/* Policies above their settings; how many columns there are. */
static size_t add_headings(mote_study_page *page)
{
    mote_text *body = &page->body;
    size_t columns = 5;
    mote_text_html(body, "<tr class=\"groups\"><th></th>");
    for (size_t p = 0; p < page->policy_count; p++) {
        size_t span = p == 0;
        for (size_t s = 0; s < MOTE_STUDY_SETTINGS; s++) {
            span += has_column(page, p, order[s]);
        }
        if (span > 0) {
            mote_text_html(body, "<th class=\"group\" colspan=\"%s\">", mote_show_fixed((double)span, 0).text);
            mote_page_name(body, mote_study_color(page, p), page->policies[p]);
            mote_text_html(body, "</th>");
        }
        columns += p == 0 ? span - 1 : span;
    }
    mote_text_html(body,
                   "<th class=\"group\" colspan=\"3\">to compare with</th></tr>\n<tr><th>task</th><th>score</th>");
    for (size_t p = 0; p < page->policy_count; p++) {
        for (size_t s = 0; s < MOTE_STUDY_SETTINGS; s++) {
            static const char *const names[MOTE_STUDY_SETTINGS] = {"train", "cast", "tune"};
            if (has_column(page, p, order[s])) {
                mote_text_html(body, "<th class=\"%s\" title=\"%s\">%s</th>", "setting",
                               mote_study_setting_word(order[s]), names[order[s]]);
            }
        }
    }
    mote_text_html(body, "<th title=\"what costs nothing\">trivial</th><th title=\"a strong simple method\">strong</th>"
                         "<th title=\"a figure from a publication, whose setting may differ\">published</th></tr>");
    return columns;
}

static bool was_run(const mote_study_page *page, size_t science)
{
    for (size_t i = 0; i < page->row_count; i++) {
        if (page->rows[i].science == science && !page->rows[i].not_run) {
            return true;
        }
    }
    return false;
}

void mote_study_section_table(mote_study_page *page)
{
    mote_text *body = &page->body;
    const bool spreads = mote_study_has_spreads(page);
    mote_page_section(
        body, "Every task in every format",
        "How far each result is from FP32 in per cent of its score; above 0 is better, whichever way the metric "
        "runs. Point at a cell for its figures, at a task for its title. \u00d7: no finite score.");
    mote_text_html(body,
                   "<div class=\"wide heatmap\" data-spreads=\"%s\"><div class=\"canvas\">"
                   "<div class=\"scroll tall\"><table class=\"heat\">\n<thead>",
                   spreads ? "yes" : "no");
    const size_t columns = add_headings(page);
    mote_text_html(body, "</thead>\n");
    for (size_t k = 0; k < page->science_count; k++) {
        if (!was_run(page, k)) {
            continue;
        }
        mote_text_html(body,
                       "<tbody><tr class=\"science\"><th scope=\"rowgroup\">%s</th><td colspan=\"%s\"></td></tr>\n",
                       page->sciences[k], mote_show_fixed((double)columns - 1, 0).text);
        for (size_t i = 0; i < page->row_count; i++) {
            if (page->rows[i].science == k && !page->rows[i].not_run) {
                add_row(page, &page->rows[i]);
            }
        }
        mote_text_html(body, "</tbody>\n");
    }
    mote_text_html(body, "</table></div></div></div>\n");
}
