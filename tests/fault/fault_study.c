/* The study under faults: a table of data, a study whose results are there already, and its report. Whatever fails, and
 * wherever, what is written is whole or as it was, and the same study can be gone on with. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "mote/study.h"
#include "study/sheet.h"

enum { ROWS = 60, FEATURES = 8 };

static char root[FAULT_PATH], output[FAULT_PATH];

/* path, of 2 * FAULT_PATH, = the place of a file or folder below another. */
static char *below(const char *folder, const char *name, char *path)
{
    snprintf(path, 2 * FAULT_PATH, "%s/%s", folder, name);
    return path;
}

/* Data like HTRU2's. */
static void make_data(void)
{
    char path[2 * FAULT_PATH];
    mkdir(path_of("data", root), 0777);
    mkdir(below(root, "astronomy", path), 0777);
    mkdir(below(root, "astronomy/htru2_pulsars", path), 0777);
    FILE *file = fopen(below(root, "astronomy/htru2_pulsars/HTRU_2.csv.gz", path), "wb");
    fputs("a,b,c,d,e,f,g,h,target_class\n", file);
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < FEATURES; k++) {
            fprintf(file, "%d.5,", (i * i + 3 * k * i + k) % 17 + (i % 5 == 0));
        }
        fputs(i % 5 == 0 ? "pulsar\n" : "not_pulsar\n", file);
    }
    fclose(file);
}

static void remove_all(const char *path)
{
    char command[2 * FAULT_PATH];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (system(command) != 0) {
        complain("study", "its files cannot be removed");
    }
}

static mote_status study(mote_context *context)
{
    const char *const tasks[] = {"htru2_pulsars"}, *const policies[] = {"fp32"};
    const mote_study_options options = {.tasks = tasks,
                                        .task_count = 1,
                                        .policies = policies,
                                        .policy_count = 1,
                                        .seeds = 1,
                                        .jobs = 1,
                                        .data = root,
                                        .output = output,
                                        .resume = 1};
    mote_study_result result;
    mote_status status = mote_study(context, &options, NULL, NULL, &result);
    return status == MOTE_OK && result.failed ? mote_fail(context, MOTE_ERROR_MEMORY, "%s", result.failure) : status;
}

/* The tasks of study.json without the seconds of results, some of which may have been made again; NULL: no such file,
 * or it is broken. */
static json_t *tasks_of(void)
{
    char path[2 * FAULT_PATH];
    json_t *all = json_load_file(below(output, "study.json", path), 0, NULL);
    json_t *tasks = json_incref(json_object_get(all, "tasks"));
    json_decref(all);
    const json_t *results = json_object_get(json_array_get(tasks, 0), "results");
    for (size_t i = 0; i < json_array_size(results); i++) {
        json_object_del(json_array_get(results, i), "seconds");
    }
    return tasks;
}

static bool keeps(const json_t *expected)
{
    json_t *tasks = tasks_of();
    bool same = tasks && json_equal(tasks, expected);
    json_decref(tasks);
    return same;
}

static void run_fault(mote_context *context, const json_t *expected)
{
    char path[2 * FAULT_PATH];
    long before = live;
    armed.fired = armed.inside = false;
    mote_status status = study(context);
    armed.left = -1;
    runs++;
    if (live != before) {
        complain("study", "memory leaked");
    }
    if (status == MOTE_OK && armed.fired && !armed.inside && armed.kind == MOTE_FAULT_FAIL &&
        armed.site != MOTE_FAULT_READ &&
        armed.site != MOTE_FAULT_OPEN) { /* a result that cannot be read is made again */
        complain("study", "a failure was swallowed");
    }
    if (status == MOTE_OK ? !keeps(expected)
                          : access(below(output, "study.json", path), F_OK) == 0 && !keeps(expected)) {
        complain("study", status == MOTE_OK ? "said ok, but study.json is wrong" : "failed, and study.json is broken");
    }
    if (status != MOTE_OK && (!armed.fired || armed.kind == MOTE_FAULT_SHORT)) {
        complain("study", mote_context_message(context));
    }
    if (!keeps(expected) && study(context) != MOTE_OK) {
        complain("study", "cannot be gone on with");
    }
}

void study_faults(mote_context *context)
{
    make_data();
    path_of("kept", output);
    if (study(context) != MOTE_OK) {
        complain("study", mote_context_message(context));
    }
    json_t *expected = tasks_of();
    for (int site = MOTE_FAULT_ALLOCATE; site <= MOTE_FAULT_RENAME; site++) {
        bool transfer = site == MOTE_FAULT_READ || site == MOTE_FAULT_WRITE;
        for (int kind = transfer ? MOTE_FAULT_SHORT : MOTE_FAULT_FAIL; kind <= MOTE_FAULT_FAIL; kind++) {
            armed.fired = true;
            for (long k = 0; armed.fired; k++) {
                armed.site = (mote_fault_site)site;
                armed.kind = (mote_fault)kind;
                armed.left = k;
                run_fault(context, expected);
            }
        }
    }
    json_decref(expected);
    remove_all(root);
    remove_all(output);
}

/* ---- a table ---- */

mote_status sheet_run(mote_context *context, const char *name)
{
    char folder[FAULT_PATH];
    mote_task_data data = {.context = context, .folder = path_of(".", folder)};
    mote_sheet sheet;
    mote_status status = mote_sheet_read(&data, name, ',', MOTE_SHEET_HEADER, &sheet);
    if (status == MOTE_OK && (sheet.rows != 2 || strcmp(mote_sheet_text(&sheet, 1, 1), "x, y") != 0)) {
        status = mote_fail(context, MOTE_ERROR_FILE, "a table with other cells");
    }
    mote_arena_clear(context, &data.arena);
    return status;
}

/* ---- a report ---- */

/* A study of one task with every field there is, and one that was not run. */
void study_begin(const char *name)
{
    static const char head[] = "{\"mote\":\"0\",\"date\":\"2026-11-29T22:50:00Z\",\"command\":null,\"machine\":{"
                               "\"processor\":\"p\",\"system\":\"s\","
                               "\"processors\":2},\"profile\":\"h200\",\"policies\":[\"fp32\",\"mxfp6\"],\"seeds\":2,"
                               "\"jobs\":1,\"seconds\":1.5,"
                               "\"energy\":{\"kind\":\"unavailable\",\"joules\":null,\"source\":\"none\"},\"tasks\":[";
    static const char task[] =
        "{\"name\":\"a\",\"science\":\"s\",\"title\":\"t\",\"kind\":\"real\",\"model\":\"m\",\"metric\":\"RMSE\","
        "\"unit\":\"K\","
        "\"larger_is_better\":false,\"trivial\":{\"name\":\"mean\",\"score\":2},\"strong\":null,\"published\":{"
        "\"score\":1,"
        "\"source\":\"x\"},\"training_samples\":4,\"test_samples\":2,\"parameters\":8,\"steps\":1,\"batch\":2,";
    static const char result[] =
        "\"seeds\":2,\"mean\":1,\"spread\":0.1,\"difference_percent\":-1,\"difference_spreads\":-0.5,\"bytes\":9,"
        "\"seconds\":1,"
        "\"modelled_training_joules\":1,\"modelled_inference_joules\":1e-6,\"measured_joules\":3,\"gain\":0.5,"
        "\"gain_per_training_joule\":0.5,\"gain_per_inference_joule\":5e5}";
    static const char picture[] =
        "\"picture\":{\"kind\":\"scatter\",\"label\":\"l\",\"truth\":[1,2],\"predicted\":[1,null]}}";
    char folder[FAULT_PATH], path[2 * FAULT_PATH];
    mkdir(path_of(name, folder), 0777);
    FILE *file = fopen(below(folder, "study.json", path), "wb");
    fprintf(file,
            "%s%s\"not_run\":null,\"results\":[{\"policy\":\"fp32\",\"setting\":\"train\",%s,{\"policy\":\"mxfp6\","
            "\"setting\":\"cast\",%s],\"pictures\":[{\"policy\":\"fp32\",%s,{\"policy\":\"mxfp6\",%s]},",
            head, task, result, result, picture, picture);
    fprintf(file, "%s\"not_run\":\"no data\",\"results\":[],\"pictures\":[]}]}", task);
    fclose(file);
}

void study_end(const char *name)
{
    char folder[FAULT_PATH];
    remove_all(path_of(name, folder));
}
