/* The top of a report on a prediction: what was predicted, and the best prediction's scores. */
#include <math.h>

#include "io/json.h"
#include "mote/machine.h"
#include "report/fold.h"

static void add_facts(mote_fold_page *page)
{
    const mote_fold_result *r = page->result;
    mote_machine machine;
    char date[32];
    mote_machine_describe(&machine);
    mote_json_date(date);
    mote_text_html(&page->body, "<p class=\"facts\">%s · %s · %s · policy %s</p>\n",
                   mote_fold_counted(r->residues, "residue", "residues").text,
                   mote_fold_counted(r->chains, "chain", "chains").text,
                   mote_fold_counted(r->rows, "row in the alignment", "rows in the alignment").text,
                   mote_fold_label_of(r->plan.policy).text);
    mote_text_html(
        &page->body, "<p class=\"facts\">%s · %s · %s · mote %s</p>\n", mote_show_time(date).text, machine.processor,
        mote_fold_counted((size_t)mote_context_threads(page->context), "thread", "threads").text, mote_version());
}

/* The AlphaFold database's words. */
static const char *confidence(double lddt)
{
    return lddt > 90 ? "very high" : lddt > 70 ? "confident" : lddt > 50 ? "low" : "very low";
}

static void add_scores(mote_fold_page *page)
{
    const mote_fold_prediction *best = &page->result->predictions[0];
    mote_text *body = &page->body;
    if (isfinite(best->lddt)) {
        mote_page_number_begin(body, "mean pLDDT", mote_show_fixed(best->lddt, 1));
        mote_text_html(body, "of 100, %s: %s", confidence(best->lddt), mote_fold_label_of(best->model).text);
        mote_page_number_end(body);
    }
    if (isfinite(best->tm)) {
        mote_page_number_begin(body, "pTM", mote_show_fixed(best->tm, 3));
        mote_text_html(body, "of 1: the whole fold");
        mote_page_number_end(body);
    }
    if (isfinite(best->interface_tm)) {
        mote_page_number_begin(body, "ipTM", mote_show_fixed(best->interface_tm, 3));
        mote_text_html(body, "of 1: how chains lie to each other");
        mote_page_number_end(body);
    }
    if (isfinite(best->score) && page->result->chains > 1) {
        mote_page_number_begin(body, "score", mote_show_fixed(best->score, 1));
        mote_text_html(body, "of 100, the best of %s",
                       mote_fold_counted(page->result->count, "prediction", "predictions").text);
        mote_page_number_end(body);
    }
    mote_page_number_begin(body, "rounds", mote_show_fixed((double)best->rounds, 0));
    if (isfinite(best->change)) {
        mote_text_html(body, "the last moved alpha carbons by %s\u00a0Å", mote_show_rounded(best->change).text);
    }
    mote_page_number_end(body);
}

static void add_costs(mote_fold_page *page)
{
    const mote_fold_result *r = page->result;
    mote_text *body = &page->body;
    if (isfinite(r->seconds)) {
        mote_page_number_begin(body, "time", mote_show_seconds(r->seconds));
        mote_text_html(body, "for %s", mote_fold_counted(r->count, "prediction", "predictions").text);
        mote_page_number_end(body);
    }
    if (r->plan.total > 0) {
        mote_page_number_begin(body, "peak memory", mote_show_bytes((double)r->plan.total));
        mote_text_html(body, r->plan.available ? "known before the start; %s were there" : "known before the start",
                       mote_show_bytes((double)r->plan.available).text);
        mote_page_number_end(body);
    }
    mote_page_number_begin(body, "energy", mote_show_joules(r->joules));
    mote_text_html(body, "%s", mote_fold_label_of(r->joules_source).text);
    mote_page_number_end(body);
}

void mote_fold_section_head(mote_fold_page *page, const char *title)
{
    mote_text_html(&page->body, "<header>\n<h1>%s</h1>\n", title);
    add_facts(page);
    mote_text_html(&page->body, "</header>\n");
    mote_page_numbers_begin(&page->body);
    add_scores(page);
    add_costs(page);
    mote_page_numbers_end(&page->body);
}
