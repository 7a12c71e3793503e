/* What is predicted, science by science: truth, FP32 and a narrow format side by side. */
#include <stdio.h>
#include <string.h>

#include "io/json.h"
#include "report/data.h"
#include "report/study.h"

/* The same picture but for what was predicted, which is all that the page keeps of further policies. */
static bool same_but_prediction(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"kind", "x", "truth", "height", "width", "classes"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *x = json_object_get(a, keys[i]), *y = json_object_get(b, keys[i]);
        if (x != y && !json_equal(x, y)) {
            return false;
        }
    }
    return true;
}

/* Predictions by policy, and the scores below them. */
static json_t *predictions_of(mote_study_page *page, const mote_study_row *row, const json_t *picture)
{
    json_t *all = json_object();
    for (size_t p = 0; p < page->policy_count; p++) {
        const json_t *own = row->pictures[p];
        if (own && same_but_prediction(own, picture)) {
            const mote_study_cell *cell = &row->cells[p][MOTE_STUDY_TRAIN];
            json_t *values = json_object_get(own, "predicted");
            values = values ? values : json_object_get(own, "counts");
            mote_data_put(all, page->policies[p],
                          json_pack("{s:O s:s s:i}", "values", values, "score",
                                    cell->there ? mote_study_score(cell->mean, false).text : "", "color",
                                    mote_study_color(page, p)),
                          &page->bad);
        }
    }
    return all;
}

static const json_t *first_picture(const mote_study_row *row)
{
    for (size_t p = 0; p < MOTE_STUDY_PAGE_POLICIES; p++) {
        if (row->pictures[p]) {
            return row->pictures[p];
        }
    }
    return NULL;
}

static json_t *chart_of(mote_study_page *page, const mote_study_row *row, const json_t *picture)
{
    static const char *const shared[] = {"x", "truth", "height", "width", "classes", "label", "x_label", "y_label"};
    json_t *chart =
        json_pack("{s:s s:s}", "kind", json_string_value(json_object_get(picture, "kind")), "metric", row->metric);
    if (!chart) {
        page->bad = true;
        return NULL;
    }
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
        json_t *value = json_object_get(picture, shared[i]);
        if (value) {
            mote_data_put(chart, shared[i], json_incref(value), &page->bad);
        }
    }
    char kind[32];
    snprintf(kind, sizeof kind, "picture_%.16s", json_string_value(json_object_get(picture, "kind")));
    mote_data_put(chart, "kind", json_string(kind), &page->bad);
    mote_data_put(chart, "predicted", predictions_of(page, row, picture), &page->bad);
    return chart;
}

static void add_picture(mote_study_page *page, size_t number, const json_t *picture)
{
    const mote_study_row *row = &page->rows[number];
    char id[32], caption[320];
    mote_shown trivial = mote_study_score(row->trivial.score, false);
    snprintf(id, sizeof id, "picture%zu", number);
    snprintf(caption, sizeof caption, "%.80s: %.60s%s%.40s, %s is better%s%.80s%s%s", row->name, row->metric,
             *row->unit ? ", " : "", row->unit, row->larger_is_better ? "more" : "less", row->trivial.name ? "; " : "",
             row->trivial.name ? row->trivial.name : "", row->trivial.name ? ": " : "",
             row->trivial.name ? trivial.text : "");
    mote_text_repair(caption); /* cut within a letter */
    mote_data_put(json_object_get(page->data, "charts"), id, chart_of(page, row, picture), &page->bad);
    mote_text_html(&page->body, "<div class=\"picture %s\"><h4>%s</h4>\n",
                   json_string_value(json_object_get(picture, "kind")), row->title);
    mote_page_figure(&page->body, id, row->name, caption);
    mote_text_html(&page->body, "</div>\n");
}

/* The policy that is drawn beside FP32: at first MXFP6, or the first that is not FP32. */
static void add_choice(mote_study_page *page)
{
    size_t chosen = 1;
    for (size_t p = 1; p < page->policy_count; p++) {
        chosen = strcmp(page->policies[p], "mxfp6") == 0 ? p : chosen;
    }
    if (page->policy_count < 2) {
        return;
    }
    mote_text_html(&page->body, "<div class=\"bar policies\"><label>FP32 beside <select>");
    for (size_t p = 1; p < page->policy_count; p++) {
        mote_text_html(&page->body, p == chosen ? "<option selected=\"\">%s</option>" : "<option>%s</option>",
                       page->policies[p]);
    }
    mote_text_html(&page->body, "</select></label></div>\n");
}

/* How many pictures there are of a science. */
static size_t count_pictures(const mote_study_page *page, size_t science)
{
    size_t count = 0;
    for (size_t i = 0; i < page->row_count; i++) {
        count += page->rows[i].science == science && first_picture(&page->rows[i]);
    }
    return count;
}

static void add_science(mote_study_page *page, size_t science, size_t pictures)
{
    mote_text_html(&page->body, "<section class=\"pictures%s\"><h3>%s</h3>\n<div class=\"gallery\">\n",
                   pictures > 1 ? " several" : "", page->sciences[science]);
    for (size_t i = 0; i < page->row_count; i++) {
        const json_t *picture = page->rows[i].science == science ? first_picture(&page->rows[i]) : NULL;
        if (picture) {
            add_picture(page, i, picture);
        }
    }
    mote_text_html(&page->body, "</div></section>\n");
}

void mote_study_section_pictures(mote_study_page *page)
{
    bool any = false;
    for (size_t k = 0; k < page->science_count; k++) {
        const size_t pictures = count_pictures(page, k);
        if (pictures && !any) {
            mote_page_section(&page->body, "What is predicted",
                              "Test samples of the first seed: the truth, and what models trained in FP32 and in a "
                              "narrow format make of them.");
            add_choice(page);
            mote_text_html(&page->body, "<div class=\"sciences\">\n");
        }
        if (pictures) {
            add_science(page, k, pictures);
            any = true;
        }
    }
    if (any) {
        mote_text_html(&page->body, "</div>\n");
    }
}
