/* The top of the page on a study: what ran where, key figures, which joules are which; and its end: what was not run,
 * and the command that runs it again. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/study.h"

/* "1 task", "12 tasks" */
static mote_shown counted(double count, const char *one, const char *several)
{
    mote_shown shown = mote_show_fixed(count, 0);
    size_t used = strlen(shown.text);
    snprintf(shown.text + used, sizeof shown.text - used, "\u00a0%s", count == 1 ? one : several);
    return shown;
}

static double experiments(const mote_study_page *page)
{
    double sum = 0;
    for (size_t i = 0; i < page->row_count; i++) {
        for (size_t p = 0; p < page->policy_count; p++) {
            for (int s = 0; s < MOTE_STUDY_SETTINGS; s++) {
                sum += page->rows[i].cells[p][s].seeds;
            }
        }
    }
    return sum;
}

static size_t not_run(const mote_study_page *page)
{
    size_t count = 0;
    for (size_t i = 0; i < page->row_count; i++) {
        count += page->rows[i].not_run != NULL;
    }
    return count;
}

/* In how many of the tasks that have such a result it is as good as FP32: better, or worse by no more than the larger
 * spread of the two over seeds. */
static size_t as_good(const mote_study_page *page, size_t policy, int setting, size_t *of)
{
    size_t count = 0;
    *of = 0;
    for (size_t i = 0; i < page->row_count; i++) {
        const mote_study_cell *cell = &page->rows[i].cells[policy][setting];
        *of += cell->there;
        count += cell->there && (cell->percent >= 0 || cell->spreads >= -1); /* neither holds for a NaN */
    }
    return count;
}

static void add_share(mote_study_page *page, const char *policy, int setting, const char *label)
{
    size_t number = 0, of = 0;
    while (number < page->policy_count && strcmp(page->policies[number], policy) != 0) {
        number++;
    }
    const size_t good = number < page->policy_count ? as_good(page, number, setting, &of) : 0;
    if (number == page->policy_count || of == 0) {
        return;
    }
    mote_shown share = mote_show_fixed(100 * (double)good / (double)of, 0);
    snprintf(share.text + strlen(share.text), sizeof share.text - strlen(share.text), "\u00a0%%");
    mote_page_number_begin(&page->body, label, share);
    mote_text_html(&page->body, "%s of %s as good as FP32: %s", mote_show_fixed((double)good, 0).text,
                   counted((double)of, "task", "tasks").text,
                   mote_study_has_spreads(page) ? "better, or within the spread of its seeds"
                                                : "no worse; one seed shows no spread");
    mote_page_number_end(&page->body);
}

/* Of the whole study, where a meter counted them. */
static bool is_measured(const mote_study_page *page)
{
    return strcmp(page->energy_kind, "measured") == 0 && isfinite(page->joules);
}

static void add_joules(mote_study_page *page)
{
    mote_page_number_begin(&page->body, "Joules of the study", mote_show_joules(page->joules));
    mote_text_html(&page->body, "measured: %s", page->energy_source);
    mote_page_number_end(&page->body);
}

static void add_numbers(mote_study_page *page)
{
    const size_t missing = not_run(page);
    mote_page_numbers_begin(&page->body);
    mote_page_number_begin(&page->body, "Tasks", mote_show_fixed((double)(page->row_count - missing), 0));
    mote_text_html(&page->body, "of %s", counted((double)page->science_count, "science", "sciences").text);
    if (missing) {
        mote_text_html(&page->body, "; %s not run", mote_show_fixed((double)missing, 0).text);
    }
    mote_page_number_end(&page->body);
    mote_page_number_begin(&page->body, "Experiments", mote_show_fixed(experiments(page), 0));
    mote_text_html(&page->body, "%s, %s", counted((double)page->policy_count, "policy", "policies").text,
                   counted(page->seeds, "seed", "seeds").text);
    mote_page_number_end(&page->body);
    add_share(page, "mxint8", MOTE_STUDY_CAST, "MXINT8, cast");
    add_share(page, "mxfp6", MOTE_STUDY_FINETUNE, "MXFP6, finetuned");
    add_share(page, "mxfp6", MOTE_STUDY_TRAIN, "MXFP6, trained");
    if (is_measured(page)) {
        add_joules(page);
    }
    mote_page_numbers_end(&page->body);
}

/* Which joules are which. */
static void add_boundary(mote_study_page *page)
{
    mote_text_html(&page->body,
                   "<p class=\"note joules\">Joules of single results are <b>modelled</b>: multiply-adds and bytes, "
                   "counted, times the prices of the profile %s; they are no figures of the machine above. "
                   "Measured joules stand by themselves and are never added to them.",
                   page->profile);
    if (!is_measured(page)) {
        mote_text_html(&page->body, " The study as a whole: %s.", page->energy_source);
    }
    mote_text_html(&page->body, "</p>\n");
}

void mote_study_section_head(mote_study_page *page)
{
    mote_text *body = &page->body;
    mote_text_html(body, "<header><h1>Number formats in science: %s of %s</h1>\n",
                   counted((double)(page->row_count - not_run(page)), "task", "tasks").text,
                   counted((double)page->science_count, "science", "sciences").text);
    mote_text_html(
        body, "<p class=\"facts\">Each task is trained with one recipe in FP32 and in narrow formats from scratch; "
              "the FP32 weights are also cast to each format, and finetuned in it.</p>\n");
    mote_text_html(body, "<p class=\"facts\">%s · %s · %s · %s · took %s · mote %s</p></header>\n",
                   mote_show_time(page->date).text, *page->processor ? page->processor : "unknown processor",
                   counted(page->processors, "processor", "processors").text, page->system,
                   mote_show_seconds(page->seconds).text, page->version);
    add_numbers(page);
    add_boundary(page);
}

/* ---- the end ---- */

static void add_missing(mote_study_page *page)
{
    static const mote_column columns[] = {
        {"", "task", "", true}, {"", "science", "", true}, {"", "why it was not run", "", true}};
    if (not_run(page) == 0) {
        return;
    }
    mote_page_section(&page->body, "Not run", "");
    mote_table_begin(&page->body, NULL, columns, 3);
    for (size_t i = 0; i < page->row_count; i++) {
        const mote_study_row *row = &page->rows[i];
        if (row->not_run) {
            mote_table_row(&page->body);
            mote_table_text(&page->body, row->name);
            mote_table_text(&page->body, page->sciences[row->science]);
            mote_text_html(&page->body, "<td class=\"text reason\">%s</td>", row->not_run);
        }
    }
    mote_table_end(&page->body, NULL);
}

void mote_study_section_end(mote_study_page *page)
{
    add_missing(page);
    mote_page_section(
        &page->body, "Run it again",
        "The same command gives the same scores on any machine and any number of threads. Beside this page are "
        "study.json and results.csv with every figure, and a file for each experiment.");
    mote_text_html(&page->body, "<pre>%s</pre>\n", page->command ? page->command : "mote study");
}
