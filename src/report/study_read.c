/* study.json, which anybody may have written: every field that the page shows is looked at before it is believed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/json.h"
#include "io/stream.h"
#include "report/study.h"

enum { MOST_BYTES = 1 << 28, MOST_TASKS = 4096, PLACE = 64 };

mote_status mote_study_bad(const mote_study_reader *r, const char *place, const char *key, const char *expected)
{
    return mote_fail(r->context, MOTE_ERROR_FILE, "%s: %s%s%s: expected %s", r->path, place, *place && *key ? "." : "",
                     key, expected);
}

/* ---- single fields ---- */

static mote_status read_text(const mote_study_reader *r, const json_t *object, const char *place, const char *key,
                             const char **text)
{
    *text = json_string_value(json_object_get(object, key));
    return *text ? MOTE_OK : mote_study_bad(r, place, key, "a text");
}

/* NULL for null. */
static mote_status read_text_or_null(const mote_study_reader *r, const json_t *object, const char *place,
                                     const char *key, const char **text)
{
    const json_t *value = json_object_get(object, key);
    *text = json_string_value(value);
    return *text || json_is_null(value) ? MOTE_OK : mote_study_bad(r, place, key, "a text or null");
}

static mote_status read_number(const mote_study_reader *r, const json_t *object, const char *place, const char *key,
                               double *number)
{
    const json_t *value = json_object_get(object, key);
    *number = json_is_number(value) ? json_number_value(value) : NAN;
    return json_is_number(value) || json_is_null(value) ? MOTE_OK : mote_study_bad(r, place, key, "a number or null");
}

static mote_status read_count(const mote_study_reader *r, const json_t *object, const char *place, const char *key,
                              double *count)
{
    const json_t *value = json_object_get(object, key);
    *count = (double)json_integer_value(value);
    return json_is_integer(value) && *count >= 0 ? MOTE_OK : mote_study_bad(r, place, key, "a count");
}

typedef struct field {
    const char *key;
    size_t offset; /* in what it is read into */
} field;

typedef mote_status read_field(const mote_study_reader *r, const json_t *object, const char *place, const char *key,
                               double *number);

static mote_status read_numbers(const mote_study_reader *r, const json_t *object, const char *place,
                                const field *fields, size_t count, read_field *read, void *into)
{
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < count; i++) {
        status = read(r, object, place, fields[i].key, (double *)((char *)into + fields[i].offset));
    }
    return status;
}

static mote_status read_texts(const mote_study_reader *r, const json_t *object, const char *place, const field *fields,
                              size_t count, void *into)
{
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < count; i++) {
        status = read_text(r, object, place, fields[i].key, (const char **)((char *)into + fields[i].offset));
    }
    return status;
}

/* ---- a task ---- */

/* A policy's place among the page's. */
static mote_status read_policy(const mote_study_reader *r, const mote_study_page *page, const json_t *object,
                               const char *place, size_t *policy)
{
    const char *name = json_string_value(json_object_get(object, "policy"));
    for (*policy = 0; name && *policy < page->policy_count; ++*policy) {
        if (strcmp(page->policies[*policy], name) == 0) {
            return MOTE_OK;
        }
    }
    return mote_study_bad(r, place, "policy", "one of the study's policies");
}

static mote_status read_setting(const mote_study_reader *r, const json_t *object, const char *place, int *setting)
{
    const char *name = json_string_value(json_object_get(object, "setting"));
    for (*setting = 0; name && *setting < MOTE_STUDY_SETTINGS; ++*setting) {
        if (strcmp(mote_study_setting_name((mote_study_setting)*setting), name) == 0) {
            return MOTE_OK;
        }
    }
    return mote_study_bad(r, place, "setting", "train, cast or finetune");
}

static mote_status read_result(const mote_study_reader *r, const mote_study_page *page, const json_t *object,
                               const char *place, mote_study_row *row)
{
    static const field numbers[] = {
        {"mean", offsetof(mote_study_cell, mean)},
        {"spread", offsetof(mote_study_cell, spread)},
        {"difference_percent", offsetof(mote_study_cell, percent)},
        {"difference_spreads", offsetof(mote_study_cell, spreads)},
        {"bytes", offsetof(mote_study_cell, bytes)},
        {"seconds", offsetof(mote_study_cell, seconds)},
        {"modelled_training_joules", offsetof(mote_study_cell, training_joules)},
        {"modelled_inference_joules", offsetof(mote_study_cell, inference_joules)},
        {"measured_joules", offsetof(mote_study_cell, measured_joules)},
        {"gain", offsetof(mote_study_cell, gain)},
        {"gain_per_training_joule", offsetof(mote_study_cell, gain_per_training_joule)},
        {"gain_per_inference_joule", offsetof(mote_study_cell, gain_per_inference_joule)},
    };
    size_t policy = 0;
    int setting = 0;
    mote_status status = json_is_object(object) ? read_policy(r, page, object, place, &policy)
                                                : mote_study_bad(r, place, "", "an object");
    status = status == MOTE_OK ? read_setting(r, object, place, &setting) : status;
    if (status != MOTE_OK) {
        return status;
    }
    mote_study_cell *cell = &row->cells[policy][setting];
    if (cell->there) {
        return mote_study_bad(r, place, "", "each policy and setting once");
    }
    cell->there = true;
    status = read_count(r, object, place, "seeds", &cell->seeds);
    return status == MOTE_OK
               ? read_numbers(r, object, place, numbers, sizeof numbers / sizeof *numbers, read_number, cell)
               : status;
}

static mote_status read_picture(const mote_study_reader *r, const mote_study_page *page, const json_t *object,
                                const char *place, mote_study_row *row)
{
    char inner[3 * PLACE];
    size_t policy = 0;
    mote_status status = json_is_object(object) ? read_policy(r, page, object, place, &policy)
                                                : mote_study_bad(r, place, "", "an object");
    if (status == MOTE_OK && row->pictures[policy]) {
        status = mote_study_bad(r, place, "", "each policy once");
    }
    if (status == MOTE_OK) {
        snprintf(inner, sizeof inner, "%s.picture", place);
        row->pictures[policy] = json_object_get(object, "picture");
        status = mote_study_picture_check(r, row->pictures[policy], inner);
    }
    return status;
}

/* {name_key: a text, "score": a number}, or null. */
static mote_status read_level(const mote_study_reader *r, const json_t *task, const char *place, const char *key,
                              const char *name_key, mote_study_level *level)
{
    char inner[2 * PLACE];
    const json_t *value = json_object_get(task, key);
    *level = (mote_study_level){NULL, NAN};
    if (json_is_null(value)) {
        return MOTE_OK;
    }
    if (!json_is_object(value)) {
        return mote_study_bad(r, place, key, "an object or null");
    }
    snprintf(inner, sizeof inner, "%s.%s", place, key);
    mote_status status = read_text(r, value, inner, name_key, &level->name);
    return status == MOTE_OK ? read_number(r, value, inner, "score", &level->score) : status;
}

/* The number of a science, a new one where no earlier task has it. */
static size_t number_of(mote_study_page *page, const char *science)
{
    for (size_t i = 0; i < page->science_count; i++) {
        if (strcmp(page->sciences[i], science) == 0) {
            return i;
        }
    }
    page->sciences[page->science_count] = science;
    return page->science_count++;
}

static mote_status read_facts(const mote_study_reader *r, mote_study_page *page, const json_t *task, const char *place,
                              mote_study_row *row)
{
    static const field texts[] = {
        {"name", offsetof(mote_study_row, name)},   {"title", offsetof(mote_study_row, title)},
        {"model", offsetof(mote_study_row, model)}, {"metric", offsetof(mote_study_row, metric)},
        {"unit", offsetof(mote_study_row, unit)},   {"kind", offsetof(mote_study_row, kind)},
    };
    static const field counts[] = {
        {"training_samples", offsetof(mote_study_row, training_samples)},
        {"test_samples", offsetof(mote_study_row, test_samples)},
        {"parameters", offsetof(mote_study_row, parameters)},
        {"steps", offsetof(mote_study_row, steps)},
        {"batch", offsetof(mote_study_row, batch)},
    };
    const char *science;
    const json_t *larger = json_object_get(task, "larger_is_better");
    mote_status status = read_texts(r, task, place, texts, sizeof texts / sizeof *texts, row);
    status = status == MOTE_OK ? read_numbers(r, task, place, counts, sizeof counts / sizeof *counts, read_count, row)
                               : status;
    status = status == MOTE_OK ? read_text_or_null(r, task, place, "not_run", &row->not_run) : status;
    status = status == MOTE_OK ? read_level(r, task, place, "trivial", "name", &row->trivial) : status;
    status = status == MOTE_OK ? read_level(r, task, place, "strong", "name", &row->strong) : status;
    status = status == MOTE_OK ? read_level(r, task, place, "published", "source", &row->published) : status;
    status = status == MOTE_OK ? read_text(r, task, place, "science", &science) : status;
    if (status == MOTE_OK && !json_is_boolean(larger)) {
        status = mote_study_bad(r, place, "larger_is_better", "true or false");
    }
    if (status == MOTE_OK) {
        row->larger_is_better = json_is_true(larger);
        row->science = number_of(page, science);
    }
    return status;
}

typedef mote_status read_item(const mote_study_reader *r, const mote_study_page *page, const json_t *object,
                              const char *place, mote_study_row *row);

static mote_status read_list(const mote_study_reader *r, const mote_study_page *page, const json_t *task,
                             const char *place, const char *key, read_item *read, mote_study_row *row)
{
    const json_t *list = json_object_get(task, key);
    mote_status status = json_is_array(list) ? MOTE_OK : mote_study_bad(r, place, key, "an array");
    for (size_t i = 0; status == MOTE_OK && i < json_array_size(list); i++) {
        char inner[2 * PLACE];
        snprintf(inner, sizeof inner, "%s.%s[%zu]", place, key, i);
        status = read(r, page, json_array_get(list, i), inner, row);
    }
    return status;
}

static mote_status read_tasks(const mote_study_reader *r, mote_study_page *page, const json_t *tasks)
{
    const size_t count = json_array_size(tasks);
    if (!json_is_array(tasks) || count == 0 || count > MOST_TASKS) {
        return mote_study_bad(r, "", "tasks", "an array of at least one task");
    }
    page->rows = mote_allocate_array(page->context, count, sizeof *page->rows);
    page->sciences = mote_allocate_array(page->context, count, sizeof *page->sciences);
    if (!page->rows || !page->sciences) {
        return MOTE_ERROR_MEMORY;
    }
    memset(page->rows, 0, count * sizeof *page->rows);
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < count; i++) {
        char place[PLACE];
        const json_t *task = json_array_get(tasks, i);
        snprintf(place, sizeof place, "tasks[%zu]", i);
        mote_study_row *row = &page->rows[page->row_count++];
        status =
            json_is_object(task) ? read_facts(r, page, task, place, row) : mote_study_bad(r, place, "", "an object");
        status = status == MOTE_OK ? read_list(r, page, task, place, "results", read_result, row) : status;
        status = status == MOTE_OK ? read_list(r, page, task, place, "pictures", read_picture, row) : status;
    }
    return status;
}

/* ---- the whole ---- */

/* fp32 comes first, as everything is compared with it. */
static mote_status read_policies(const mote_study_reader *r, mote_study_page *page)
{
    const json_t *list = json_object_get(page->root, "policies");
    if (json_array_size(list) == 0 || json_array_size(list) > MOTE_STUDY_PAGE_POLICIES) {
        return mote_study_bad(r, "", "policies", "an array of 1 to 16 names");
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        for (size_t k = 0; name && k < i; k++) {
            name = strcmp(page->policies[k], name) == 0 ? NULL : name;
        }
        if (!name || (i == 0 && strcmp(name, "fp32") != 0)) {
            return mote_study_bad(r, "", "policies", "different names, fp32 first");
        }
        page->policies[page->policy_count++] = name;
    }
    return MOTE_OK;
}

static mote_status read_root(const mote_study_reader *r, mote_study_page *page)
{
    static const field texts[] = {{"mote", offsetof(mote_study_page, version)},
                                  {"date", offsetof(mote_study_page, date)},
                                  {"profile", offsetof(mote_study_page, profile)}};
    static const field counts[] = {{"seeds", offsetof(mote_study_page, seeds)},
                                   {"jobs", offsetof(mote_study_page, jobs)}};
    const json_t *machine = json_object_get(page->root, "machine"), *energy = json_object_get(page->root, "energy");
    mote_status status = read_texts(r, page->root, "", texts, 3, page);
    status = status == MOTE_OK ? read_numbers(r, page->root, "", counts, 2, read_count, page) : status;
    status = status == MOTE_OK ? read_number(r, page->root, "", "seconds", &page->seconds) : status;
    status = status == MOTE_OK ? read_text_or_null(r, page->root, "", "command", &page->command) : status;
    status = status == MOTE_OK ? read_text(r, machine, "machine", "processor", &page->processor) : status;
    status = status == MOTE_OK ? read_text(r, machine, "machine", "system", &page->system) : status;
    status = status == MOTE_OK ? read_count(r, machine, "machine", "processors", &page->processors) : status;
    status = status == MOTE_OK ? read_text(r, energy, "energy", "kind", &page->energy_kind) : status;
    status = status == MOTE_OK ? read_text(r, energy, "energy", "source", &page->energy_source) : status;
    status = status == MOTE_OK ? read_number(r, energy, "energy", "joules", &page->joules) : status;
    status = status == MOTE_OK ? read_policies(r, page) : status;
    return status == MOTE_OK ? read_tasks(r, page, json_object_get(page->root, "tasks")) : status;
}

mote_status mote_study_page_read(mote_study_page *page, const char *folder)
{
    char path[MOTE_PATH_BYTES], *bytes = NULL;
    size_t size = 0;
    json_error_t error = {0};
    mote_study_reader r = {page->context, path};
    mote_status status = mote_path_join(page->context, folder, "study.json", path);
    status = status == MOTE_OK ? mote_input_whole(page->context, path, MOST_BYTES, &bytes, &size) : status;
    if (status != MOTE_OK) {
        mote_release(page->context, bytes);
        return status;
    }
    page->root = mote_json_parse(bytes, size, JSON_REJECT_DUPLICATES, &error);
    mote_release(page->context, bytes);
    if (!page->root && !*error.text) {
        return mote_fail(page->context, MOTE_ERROR_MEMORY, "out of memory: no room for the JSON of %s", path);
    }
    if (!json_is_object(page->root)) {
        return mote_fail(page->context, MOTE_ERROR_FILE, "%s: line %d: expected a JSON object, found: %s", path,
                         error.line > 0 ? error.line : 1, *error.text ? error.text : "something else");
    }
    return read_root(&r, page);
}

void mote_study_page_clear(mote_study_page *page)
{
    mote_release(page->context, page->rows);
    mote_release(page->context, page->sciences);
    json_decref(page->root);
    mote_text_clear(&page->body);
    *page = (mote_study_page){.context = page->context};
}
