/* The lower part of a report on a prediction: its figures as a table, and what it took. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "infer/memory.h"
#include "report/fold.h"

void mote_fold_section_table(mote_fold_page *page)
{
    static const mote_column columns[] = {
        {"", "prediction", "by rank", true},
        {"", "seed", "", false},
        {"", "rounds", "of the network, the first included", false},
        {"", "change", "of alpha carbons' distances in the last round, angstrom", false},
        {"", "pLDDT", "mean over residues, of 100", false},
        {"", "pTM", "of 1; only of models that predict aligned errors", false},
        {"", "ipTM", "of 1; between chains", false},
        {"", "score", "by which predictions are ranked: pLDDT, or 80 ipTM + 20 pTM for complexes", false},
        {"", "time", "", false},
    };
    mote_text *body = &page->body;
    mote_page_section(body, "Predictions", "");
    mote_table_begin(body, NULL, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < page->result->count; i++) {
        const mote_fold_prediction *p = &page->result->predictions[i];
        char name[256];
        mote_shown seed;
        snprintf(name, sizeof name, "%zu. %s", i + 1, p->model);
        snprintf(seed.text, sizeof seed.text, "%" PRIu64, p->seed);
        mote_table_row(body);
        mote_table_name(body, (int)(i % INT32_MAX), mote_fold_label_of(name).text, "");
        mote_table_number(body, (double)p->seed, seed, "");
        mote_table_number(body, (double)p->rounds, mote_show_fixed((double)p->rounds, 0), "");
        mote_table_number(body, p->change, mote_show_fixed(p->change, 2), "");
        mote_table_number(body, p->lddt, mote_show_fixed(p->lddt, 1), "");
        mote_table_number(body, p->tm, mote_show_fixed(p->tm, 3), "");
        mote_table_number(body, p->interface_tm, mote_show_fixed(p->interface_tm, 3), "");
        mote_table_number(body, p->score, mote_show_fixed(p->score, 1), "");
        mote_table_number(body, p->seconds, mote_show_seconds(p->seconds), "");
    }
    mote_table_end(body, NULL);
}

static json_t *memory_chart(mote_fold_page *page, const mote_fold_part *parts)
{
    json_t *names = json_array(), *values = json_array();
    for (int i = 0; i < MOTE_FOLD_PARTS; i++) {
        if (parts[i].bytes > 0) {
            mote_data_push(names, json_string(parts[i].name), &page->bad);
            mote_data_push(values, mote_data_number((double)parts[i].bytes), &page->bad);
        }
    }
    return json_pack("{s:s s:s s:o s:[{s:s s:s s:i s:o}]}", "kind", "stack", "format", "bytes", "parts", names, "rows",
                     "name", "peak", "label", "", "color", 0, "values", values);
}

static void begin_group(mote_fold_page *page, const char *title)
{
    mote_text_html(&page->body, "<section><h3>%s</h3>\n<dl>\n", title);
}

static void end_group(mote_fold_page *page) { mote_text_html(&page->body, "</dl></section>\n"); }

static void add_setting(mote_fold_page *page, const char *name, const char *value)
{
    mote_text_html(&page->body, "<dt>%s</dt><dd>%s</dd>\n", name, value);
}

/* A figure that is not known is left out. */
static void add_figure(mote_fold_page *page, const char *name, double value, mote_shown (*show)(double))
{
    if (isfinite(value) && value > 0) {
        add_setting(page, name, show(value).text);
    }
}

static void add_memory(mote_fold_page *page, const mote_fold_part *parts)
{
    const mote_fold_plan *plan = &page->result->plan;
    begin_group(page, "Memory");
    for (int i = 0; i < MOTE_FOLD_PARTS; i++) {
        add_figure(page, parts[i].name, (double)parts[i].bytes, mote_show_bytes);
    }
    add_figure(page, "together", (double)plan->total, mote_show_bytes);
    add_figure(page, "available", (double)plan->available, mote_show_bytes);
    add_figure(page, "longest that fits", (double)plan->longest, mote_show_exact);
    end_group(page);
}

static void add_network(mote_fold_page *page)
{
    const mote_fold_result *r = page->result;
    begin_group(page, "What the network saw");
    add_setting(page, "policy", mote_fold_label_of(r->plan.policy).text);
    add_figure(page, "residues", (double)r->residues, mote_show_exact);
    add_figure(page, "rows", (double)r->rows, mote_show_exact);
    add_figure(page, "clusters", (double)r->plan.clusters, mote_show_exact);
    add_figure(page, "extra rows", (double)r->plan.extra, mote_show_exact);
    add_figure(page, "recycles at most", (double)r->plan.recycles, mote_show_exact);
    add_figure(page, "rows of pairs at a time", (double)r->plan.piece, mote_show_exact);
    end_group(page);
}

static void add_work(mote_fold_page *page)
{
    const mote_fold_result *r = page->result;
    double rounds = 0, seconds = 0;
    for (size_t i = 0; i < r->count; i++) {
        rounds += (double)r->predictions[i].rounds;
        seconds += r->predictions[i].seconds;
    }
    begin_group(page, "Work, time and energy");
    add_figure(page, "multiply-adds a round", r->plan.multiply_adds, mote_show_large);
    add_figure(page, "bytes moved a round", r->plan.bytes_moved, mote_show_bytes);
    add_figure(page, "rounds", rounds, mote_show_exact);
    add_figure(page, "multiply-adds a second", r->plan.multiply_adds * rounds / seconds, mote_show_large);
    add_figure(page, "time a prediction", seconds / (double)r->count, mote_show_seconds);
    add_figure(page, "time a round", seconds / rounds, mote_show_seconds);
    add_figure(page, "time in all", r->seconds, mote_show_seconds);
    add_setting(page, "energy", mote_show_joules(r->joules).text);
    if (r->count > 1) {
        add_figure(page, "energy a prediction", r->joules / (double)r->count, mote_show_joules);
    }
    add_setting(page, "its source", mote_fold_label_of(r->joules_source).text);
    end_group(page);
}

void mote_fold_section_cost(mote_fold_page *page)
{
    mote_fold_part parts[MOTE_FOLD_PARTS];
    mote_fold_parts(&page->result->plan, parts);
    mote_page_section(&page->body, "What it took", "");
    if (page->result->plan.total > 0) {
        mote_page_chart(&page->body, "memory", "",
                        "What is in memory at the fullest moment, as planned before the start.");
        mote_data_put(json_object_get(page->data, "charts"), "memory", memory_chart(page, parts), &page->bad);
    }
    mote_text_html(&page->body, "<div class=\"settings\">\n");
    add_network(page);
    add_memory(page, parts);
    add_work(page);
    mote_text_html(&page->body, "</div>\n");
}
