#include "train/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "energy/machine.h"
#include "graph/graph.h"
#include "io/json.h"
#include "io/stream.h"
#include "models/config.h"
#include "models/model.h"

static mote_status system_error(const mote_trainer *t, const char *path, const char *what)
{
    return mote_fail(t->context, MOTE_ERROR_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

mote_status mote_folder_open(mote_trainer *t)
{
    char path[MOTE_PATH_BYTES];
    mote_status status = mote_path_join(t->context, t->options.output, "run.json", path);
    if (status != MOTE_OK) {
        return status;
    }
    bool there = access(path, F_OK) == 0;
    if (there && !t->options.resume) {
        return mote_fail(t->context, MOTE_ERROR_ARGUMENT,
                         "%s: holds a run already; resume it, or choose another folder", t->options.output);
    }
    if (!there && t->options.resume) {
        return mote_fail(t->context, MOTE_ERROR_FILE, "%s: holds no run to resume", t->options.output);
    }
    status = mote_path_make(t->context, t->options.output);
    if (status == MOTE_OK && access(t->options.output, W_OK) != 0) {
        return system_error(t, t->options.output, "write into it");
    }
    return status;
}

void mote_folder_clean(const mote_trainer *t)
{
    DIR *directory = opendir(t->options.output);
    char path[MOTE_PATH_BYTES];
    for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;) {
        if (fnmatch("*.[0-9]*-[0-9]*.part", entry->d_name, 0) == 0 &&
            mote_path_join(t->context, t->options.output, entry->d_name, path) == MOTE_OK) {
            unlink(path); /* one that stays does no harm */
        }
    }
    if (directory) {
        closedir(directory);
    }
}

/* ---- run.json ---- */

static json_t *describe_policy(const mote_trainer *t)
{
    json_t *formats = json_null();
    for (int i = 0; i < t->graph->node_count; i++) {
        const mote_node *node = &t->graph->nodes[i];
        if (node->op->product && node->phase == MOTE_PHASE_FORWARD) {
            const mote_policy *p = &node->policy;
            formats = json_pack("{s:s s:s s:s}", "weight", mote_format_get(p->forward_weight)->name, "activation",
                                mote_format_get(p->forward_activation)->name, "gradient",
                                mote_format_get(p->backward_gradient)->name);
            break;
        }
    }
    bool json = strchr(t->options.policy, '{') != NULL;
    json_t *policy = json_pack("{s:s s:o}", "name", json ? "custom" : t->options.policy, "formats", formats);
    if (json) {
        json_object_set_new(policy, "definition", json_loads(t->options.policy, 0, NULL));
    }
    return policy;
}

static json_t *describe_plan(const mote_trainer *t)
{
    const mote_plan_memory *m = &t->memory;
    struct {
        const char *name;
        uint64_t bytes;
    } parts[] = {{"parameters", m->parameters},   {"gradients", m->gradients},     {"optimizer", t->optimizer_bytes},
                 {"saved activations", m->saved}, {"temporaries", m->temporaries}, {"workspace", m->workspace},
                 {"data and evaluation", 0}};
    json_t *categories = json_array(), *timeline = json_array();
    uint64_t total = mote_trainer_bytes(t), sum = 0;
    for (int i = 0; i < 6; i++) {
        sum += parts[i].bytes;
    }
    parts[6].bytes = total - sum;
    for (int i = 0; i < 7; i++) {
        json_array_append_new(categories,
                              json_pack("{s:s s:I}", "name", parts[i].name, "bytes", (json_int_t)parts[i].bytes));
    }
    for (size_t i = 0; t->plan && mote_plan_live_bytes(t->plan, i); i++) {
        json_array_append_new(timeline,
                              json_pack("[I, I]", (json_int_t)i, (json_int_t)mote_plan_live_bytes(t->plan, i)));
    }
    return json_pack("{s:I s:o s:o s:I s:I}", "peak_bytes", (json_int_t)total, "categories", categories, "timeline",
                     timeline, "segments", (json_int_t)m->segments, "recomputed", (json_int_t)m->recomputed);
}

/* Of this program alone: what getrusage says may be its parent's, from before the exec. 0 where it is not known. */
static uint64_t peak_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    unsigned long long kilobytes = 0;
    while (file && fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %llu kB", &kilobytes) != 1) {
    }
    if (file) {
        fclose(file);
    }
    return (uint64_t)kilobytes * 1024;
}

/* What it took, or why that is not known; idle: what the machine would have drawn anyway. */
static json_t *describe_energy(const mote_trainer *t, const mote_energy_result *e)
{
    const mote_train_options *o = &t->options;
    double tokens = (double)o->batch * (double)o->accumulation * (double)t->config.context * (double)t->step;
    const char *unit = mote_corpus_describe(t->corpus)->vocabulary->dna ? "joules_per_base" : "joules_per_residue";
    double joules = tokens > 0 ? e->joules / tokens : NAN;
    const char *colon = strstr(e->source, ": "); /* behind the status */
    return json_pack("{s:s s:o s:s s:f s:o s:o s:o s:o s:o}", "status", mote_energy_kind_name(e->kind), "joules",
                     mote_json_number(e->joules), "source", colon ? colon + 2 : e->source, "seconds", e->seconds,
                     "idle_watts", mote_json_number(e->idle_watts), "idle_joules",
                     mote_json_number(e->idle_watts * e->seconds), "busy_share", mote_json_number(e->busy_share),
                     "joules_per_token", mote_json_number(joules), unit,
                     mote_json_number(joules / mote_trainer_units(t)));
}

static json_t *describe_result(const mote_trainer *t, const mote_train_result *r)
{
    uint64_t peak = peak_bytes();
    return r ? json_pack("{s:o s:o s:o s:f s:f s:o s:o}", "loss", mote_json_number(r->loss), "bits",
                         mote_json_number(r->bits), "perplexity", mote_json_number(r->perplexity), "seconds",
                         r->seconds, "tokens_per_second", r->tokens_per_second, "measured_peak_bytes",
                         peak ? json_integer((json_int_t)peak) : json_null(), "energy", describe_energy(t, &r->energy))
             : json_null();
}

/* The last part of the folder's path, if it is a text. */
static const char *name_of(const char *folder)
{
    const char *slash = strrchr(folder, '/'), *name = slash && slash[1] ? slash + 1 : folder;
    return mote_text_valid(name, strlen(name)) ? name : "run";
}

mote_status mote_folder_write_run(const mote_trainer *t, const char *state, const mote_train_result *result)
{
    char path[MOTE_PATH_BYTES], written[32];
    mote_status status = mote_path_join(t->context, t->options.output, "run.json", path);
    if (status != MOTE_OK) {
        return status;
    }
    mote_json_date(written);
    json_t *model = mote_model_to_json(&t->config);
    json_object_set_new(model, "type", json_string(mote_model_family_of(&t->config)->type));
    json_object_set_new(model, "parameters", json_integer((json_int_t)mote_graph_parameter_count(t->graph)));
    json_t *root =
        json_pack("{s:s s:s s:s s:s s:s s:o s:o s:o s:o s:o s:I s:o s:o}", "mote", mote_version(), "name",
                  name_of(t->options.output), "status", state, "started", t->started, "written", written, "model",
                  model, "policy", describe_policy(t), "recipe", mote_trainer_recipe(t), "data", mote_trainer_data(t),
                  "machine", mote_machine_json(t->context), "seed", (json_int_t)t->options.seed, "plan",
                  describe_plan(t), "results", describe_result(t, result));
    if (t->options.command) {
        json_object_set_new(root, "command", json_string(t->options.command));
    }
    return mote_json_write(t->context, path, root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
}

/* ---- metrics.jsonl ---- */

mote_status mote_folder_append(const mote_trainer *t, json_t *object)
{
    char path[MOTE_PATH_BYTES];
    size_t length;
    char *text = mote_json_text(t->context, object, JSON_COMPACT | JSON_REAL_PRECISION(9), &length);
    mote_status status =
        text ? mote_path_join(t->context, t->options.output, "metrics.jsonl", path) : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        errno = ENOSPC; /* what an injected fault says */
        FILE *file = mote_fault_check(t->context, MOTE_FAULT_WRITE) != MOTE_FAULT_FAIL ? fopen(path, "a") : NULL;
        bool written = file && fwrite(text, 1, length, file) == length && fputc('\n', file) != EOF;
        written = file && fclose(file) == 0 && written;
        status = written ? MOTE_OK : system_error(t, path, "append to it");
    }
    mote_release(t->context, text);
    return status;
}

mote_status mote_folder_cut_metrics(const mote_trainer *t, size_t step)
{
    char path[MOTE_PATH_BYTES], line[4096];
    mote_output output;
    mote_status status = mote_path_join(t->context, t->options.output, "metrics.jsonl", path);
    FILE *file = status == MOTE_OK ? fopen(path, "r") : NULL;
    if (!file) {
        return status; /* nothing was written yet */
    }
    status = mote_output_create(t->context, path, &output);
    while (status == MOTE_OK && fgets(line, sizeof line, file)) {
        json_t *object = json_loads(line, 0, NULL); /* a line that a kill cut short is none */
        const json_t *at = json_object_get(object, "step");
        if (json_is_integer(at) && (size_t)json_integer_value(at) <= step) {
            status = mote_output_write(&output, line, strlen(line));
        }
        json_decref(object);
    }
    fclose(file);
    if (status == MOTE_OK) {
        return mote_output_finish(&output);
    }
    mote_output_discard(&output);
    return status;
}
