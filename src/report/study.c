/* mote_study_report: reads the study, builds the page from its sections, writes it. */
#include "report/study.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int mote_study_color(const mote_study_page *page, size_t policy)
{
    (void)page;
    return (int)policy; /* fp32 is the first */
}

const char *mote_study_setting_word(int setting)
{
    static const char *const words[MOTE_STUDY_SETTINGS] = {"trained", "cast", "finetuned"};
    return words[setting];
}

mote_shown mote_study_score(double score, bool exact)
{
    mote_shown shown = {"\u2013"};
    if (isfinite(score)) {
        snprintf(shown.text, sizeof shown.text, "%s%.*g", score < 0 ? "\u2212" : "", exact ? 5 : 3, fabs(score));
    }
    return shown;
}

mote_shown mote_study_joules(double joules)
{
    static const char *const units[] = {"J", "mJ", "\u00b5J", "nJ", "pJ"};
    int unit = 0;
    if (!isfinite(joules) || joules <= 0 || joules >= 1) {
        return mote_show_joules(joules);
    }
    while (joules < 0.9995 && unit < 4) {
        joules *= 1000;
        unit++;
    }
    mote_shown shown = {""};
    snprintf(shown.text, sizeof shown.text, "%.3g\u00a0%s", joules, units[unit]);
    return shown;
}

bool mote_study_has_spreads(const mote_study_page *page)
{
    for (size_t i = 0; i < page->row_count; i++) {
        for (size_t p = 0; p < page->policy_count; p++) {
            for (int s = 0; s < MOTE_STUDY_SETTINGS; s++) {
                const mote_study_cell *cell = &page->rows[i].cells[p][s];
                if (cell->there && isfinite(cell->spreads) && cell->seeds > 1) {
                    return true;
                }
            }
        }
    }
    return false;
}

static mote_status write_page(mote_study_page *page, const char *path)
{
    static const mote_embedded *const scripts[] = {&mote_embedded_maps_js, &mote_embedded_study_js, NULL};
    page->data = json_pack("{s:{} s:{} s:[]}", "charts", "sets", "cells");
    page->bad = !page->data;
    mote_study_section_head(page);
    mote_study_section_table(page);
    mote_study_section_fronts(page);
    mote_study_section_pictures(page);
    mote_study_section_end(page);
    if (page->bad) {
        json_decref(page->data);
        page->data = NULL;
    }
    return mote_page_write(page->context, path, "mote study", &page->body, page->data, scripts);
}

mote_status mote_study_report(mote_context *context, const char *folder, const char *path)
{
    mote_study_page page = {.context = context, .body = {.context = context}};
    mote_status status = mote_study_page_read(&page, folder);
    status = status == MOTE_OK ? write_page(&page, path) : status;
    mote_study_page_clear(&page);
    return status;
}
