/* Training under faults: whatever fails, and wherever, the run can be started or resumed again and ends with the bits
 * of one that nothing disturbed. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"

enum { STEPS = 3, HALF = 2, MOST_FILES = 16 };

/* A file as it was. */
typedef struct kept_file {
    char name[256];
    char *bytes;
    size_t size;
} kept_file;

typedef struct scenario {
    const char *name;
    mote_train_options options;
    char run[FAULT_PATH];
    kept_file start[MOST_FILES]; /* the run folder's at the beginning; none: there is no folder */
    int start_count;
    char *model; /* bytes that it ends with */
    size_t model_size;
} scenario;

static char *file_of(const scenario *s, const char *name, char path[2 * FAULT_PATH])
{
    snprintf(path, 2 * FAULT_PATH, "%s/%s", s->run, name);
    return path;
}

static bool exists(const scenario *s, const char *name)
{
    char path[2 * FAULT_PATH];
    return access(file_of(s, name, path), F_OK) == 0;
}

/* Removes the folder; *unfinished counts what should not have been there. */
static void remove_run(const scenario *s, int *unfinished)
{
    char path[2 * FAULT_PATH];
    DIR *directory = opendir(s->run);
    for (struct dirent *e; directory && (e = readdir(directory)) != NULL;) {
        *unfinished += strstr(e->d_name, ".part") != NULL;
        unlink(file_of(s, e->d_name, path));
    }
    if (directory) {
        closedir(directory);
    }
    rmdir(s->run);
}

static void keep_run(scenario *s)
{
    char path[2 * FAULT_PATH];
    DIR *directory = opendir(s->run);
    for (struct dirent *e; directory && (e = readdir(directory)) != NULL;) {
        if (e->d_name[0] != '.' && s->start_count < MOST_FILES) {
            kept_file *file = &s->start[s->start_count++];
            snprintf(file->name, sizeof file->name, "%s", e->d_name);
            file->bytes = read_file(file_of(s, e->d_name, path), &file->size);
        }
    }
    if (directory) {
        closedir(directory);
    }
}

static void begin_run(const scenario *s)
{
    char path[2 * FAULT_PATH];
    for (int i = 0; i < s->start_count; i++) {
        mkdir(s->run, 0777);
        FILE *file = fopen(file_of(s, s->start[i].name, path), "wb");
        if (!file || fwrite(s->start[i].bytes, 1, s->start[i].size, file) != s->start[i].size || fclose(file) != 0) {
            complain(s->name, "the beginning cannot be made");
        }
    }
}

static mote_status train(mote_context *context, const scenario *s)
{
    mote_train_options options = s->options;
    mote_train_result result;
    options.output = s->run;
    options.resume = exists(s, "run.json");
    return mote_train(context, &options, NULL, NULL, &result);
}

static bool ends_right(const scenario *s)
{
    char path[2 * FAULT_PATH];
    size_t size;
    char *bytes = read_file(file_of(s, "model.safetensors", path), &size);
    bool right = size == s->model_size && memcmp(bytes, s->model, size) == 0;
    free(bytes);
    return right;
}

static void run_fault(mote_context *context, const scenario *s)
{
    int unfinished = 0;
    begin_run(s);
    long before = live;
    armed.fired = armed.inside = false;
    mote_status status = train(context, s);
    armed.left = -1;
    runs++;
    if (live != before) {
        complain(s->name, "memory leaked");
    }
    if (status == MOTE_OK && !ends_right(s)) {
        complain(s->name, "said ok, but the model is wrong");
    }
    if (status == MOTE_OK && armed.fired && !armed.inside && armed.kind == MOTE_FAULT_FAIL) {
        complain(s->name, "a failure was swallowed");
    }
    if (status != MOTE_OK && (!armed.fired || armed.kind == MOTE_FAULT_SHORT)) {
        complain(s->name, mote_context_message(context));
    }
    if (status != MOTE_OK && !armed.inside && status != MOTE_ERROR_MEMORY && status != MOTE_ERROR_IO) {
        complain(s->name, mote_context_message(context));
    }
    if (status != MOTE_OK && (train(context, s) != MOTE_OK || !ends_right(s))) {
        complain(s->name, "afterwards the run does not go on to the same end");
        complain(s->name, mote_context_message(context));
    }
    remove_run(s, &unfinished);
    if (unfinished) {
        complain(s->name, "an unfinished file stayed");
    }
}

/* All of them, or every so many: there are 15000 allocations, and a run takes as many milliseconds. */
static void each_fault(mote_context *context, const scenario *s, bool all)
{
    static const long strides[] = {[MOTE_FAULT_ALLOCATE] = 61,
                                   [MOTE_FAULT_OPEN] = 1,
                                   [MOTE_FAULT_READ] = 5,
                                   [MOTE_FAULT_WRITE] = 11,
                                   [MOTE_FAULT_RENAME] = 1};
    for (int site = MOTE_FAULT_ALLOCATE; site <= MOTE_FAULT_RENAME; site++) {
        bool transfer = site == MOTE_FAULT_READ || site == MOTE_FAULT_WRITE;
        for (int kind = transfer ? MOTE_FAULT_SHORT : MOTE_FAULT_FAIL; kind <= MOTE_FAULT_FAIL; kind++) {
            for (long k = 0;; k += all ? 1 : strides[site]) {
                armed.site = (mote_fault_site)site;
                armed.kind = (mote_fault)kind;
                armed.left = k;
                run_fault(context, s);
                if (!armed.fired) {
                    break;
                }
            }
        }
    }
}

/* Stops after half of the steps. */
static int stop_halfway(void *user, const mote_train_progress *progress)
{
    (void)user;
    return progress->step == HALF;
}

static void run_scenario(mote_context *context, scenario *s, bool all)
{
    char path[2 * FAULT_PATH];
    int unfinished = 0;
    armed.left = -1;
    if (train(context, s) != MOTE_OK) {
        complain(s->name, mote_context_message(context));
    } else {
        s->model = read_file(file_of(s, "model.safetensors", path), &s->model_size);
        remove_run(s, &unfinished);
        each_fault(context, s, all);
        free(s->model);
    }
    remove_run(s, &unfinished);
    for (int i = 0; i < s->start_count; i++) {
        free(s->start[i].bytes);
    }
}

void train_faults(mote_context *context, const char *sequences, bool all)
{
    char path[FAULT_PATH];
    const char *const data[] = {path_of(sequences, path)};
    const char *model = "{\"model\": \"gpt-tiny\", \"layers\": 1, \"width\": 8, \"heads\": 1, \"context\": 8}";
    scenario fresh = {.name = "training",
                      .options = {.data = data,
                                  .data_count = 1,
                                  .model = model,
                                  .steps = STEPS,
                                  .batch = 1,
                                  .accumulation = 2,
                                  .average = 0.5,
                                  .optimizer = "adamw8",
                                  .evaluate_batches = 1,
                                  .checkpoint_every = 1}};
    mote_train_result result;
    path_of("training", fresh.run);
    scenario resumed = fresh;
    resumed.name = "resuming";
    run_scenario(context, &fresh, all);
    resumed.options.output = resumed.run;
    armed.left = -1;
    if (mote_train(context, &resumed.options, stop_halfway, NULL, &result) != MOTE_ERROR_CANCELLED) {
        complain(resumed.name, mote_context_message(context));
    }
    keep_run(&resumed);
    run_scenario(context, &resumed, all);
}
