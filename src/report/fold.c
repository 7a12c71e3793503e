/* mote_fold_report: builds the page on a result from its sections, writes it. */
#include "report/fold.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "io/json.h"

/* Residues of all drawn predictions together: what a page can hold and a browser draw. */
enum { DRAWN_RESIDUES = 250000 };

mote_fold_label mote_fold_label_of(const char *name)
{
    mote_fold_label label;
    snprintf(label.text, sizeof label.text, "%s", name);
    mote_text_repair(label.text);
    return label;
}

mote_fold_label mote_fold_label_ranked(const mote_fold_page *page, size_t rank)
{
    const mote_fold_prediction *p = &page->result->predictions[rank];
    bool several = false;
    char seed[32] = "", text[256];
    for (size_t i = 0; i < page->result->count; i++) {
        several |= page->result->predictions[i].seed != p->seed;
    }
    if (several) {
        snprintf(seed, sizeof seed, ", seed %" PRIu64, p->seed);
    }
    snprintf(text, sizeof text, "%zu. %s%s", rank + 1, p->model, seed);
    return mote_fold_label_of(text);
}

mote_shown mote_fold_counted(size_t count, const char *one, const char *several)
{
    mote_shown shown = mote_show_fixed((double)count, 0);
    size_t used = strlen(shown.text);
    snprintf(shown.text + used, sizeof shown.text - used, "\u00a0%s", count == 1 ? one : several);
    return shown;
}

static mote_status write_page(mote_fold_page *page, const char *path)
{
    static const mote_embedded *const scripts[] = {&mote_embedded_ribbon_js, &mote_embedded_raster_js,
                                                   &mote_embedded_structure_js, &mote_embedded_maps_js, NULL};
    mote_fold_label title = mote_fold_label_of(*page->result->name ? page->result->name : "protein");
    page->data = json_pack("{s:{} s:{} s:{}}", "charts", "sets", "protein");
    mote_fold_section_head(page, title.text);
    mote_fold_section_structure(page);
    mote_fold_section_alignment(page);
    mote_fold_section_table(page);
    mote_fold_section_cost(page);
    if (page->bad) {
        json_decref(page->data);
        page->data = NULL;
    }
    mote_status status = mote_page_write(page->context, path, title.text, &page->body, page->data, scripts);
    mote_text_clear(&page->body);
    return status;
}

mote_status mote_fold_report(mote_context *context, const mote_fold_result *result, const char *path)
{
    mote_fold_page page = {.context = context, .result = result, .body = {.context = context}};
    if (result->residues == 0 || result->chains == 0 || result->count == 0) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "%s: a result without residues or predictions: nothing to show",
                         path);
    }
    size_t *lengths = mote_allocate_array(context, result->chains, sizeof *lengths);
    if (!lengths) {
        return MOTE_ERROR_MEMORY;
    }
    memset(lengths, 0, result->chains * sizeof *lengths);
    for (size_t i = 0; i < result->residues; i++) {
        lengths[result->chain_of[i]]++;
    }
    page.lengths = lengths;
    page.shown = DRAWN_RESIDUES / result->residues;
    page.shown = page.shown < 1 ? 1 : mote_size_min(page.shown, result->count);
    mote_status status = write_page(&page, path);
    mote_release(context, lengths);
    return status;
}
