/* study.json and results.csv. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "io/stream.h"
#include "mote/machine.h"
#include "study/study.h"

/* What a score is worth: 0 as good as the trivial baseline, 1 perfect (docs/energy.md). */
static double gain(const mote_study_entry *e, double score)
{
    return e->task->larger_is_better ? (score - e->trivial) / (1 - e->trivial) : 1 - score / e->trivial;
}

static json_t *baseline(const char *name, double score)
{
    return name && !isnan(score) ? json_pack("{s:s s:o}", "name", name, "score", mote_json_number(score)) : json_null();
}

/* A failure to make value or to append it is one of memory. */
static mote_status append(mote_context *context, json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0
               ? MOTE_OK
               : mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: no room for study.json");
}

static mote_status add_figure(mote_context *context, const mote_study_plan *plan, const mote_study_entry *e,
                              const char *policy, mote_study_setting setting, json_t *results, FILE *csv)
{
    mote_study_figure f;
    mote_status status = mote_study_figure_of(context, plan, e, policy, setting, &f);
    if (status != MOTE_OK || f.seeds == 0) {
        return status;
    }
    const double worth = gain(e, f.mean);
    status = append(context, results,
                    json_pack("{s:s s:s s:I s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o}", "policy", policy,
                              "setting", mote_study_setting_name(setting), "seeds", (json_int_t)f.seeds, "mean",
                              mote_json_number(f.mean), "spread", mote_json_number(f.spread), "difference_percent",
                              mote_json_number(f.difference), "difference_spreads", mote_json_number(f.spreads),
                              "bytes", mote_json_number(f.bytes), "seconds", mote_json_number(f.seconds),
                              "modelled_training_joules", mote_json_number(f.training_joules),
                              "modelled_inference_joules", mote_json_number(f.inference_joules), "measured_joules",
                              mote_json_number(f.measured_joules), "gain", mote_json_number(worth),
                              "gain_per_training_joule", mote_json_number(worth / f.training_joules),
                              "gain_per_inference_joule", mote_json_number(worth / f.inference_joules)));
    fprintf(csv, "%s,%s,%s,%s,%zu,%s,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g\n", e->task->name, e->task->science,
            mote_study_setting_name(setting), policy, f.seeds, e->task->metric, f.mean, f.spread, f.difference,
            f.spreads, f.bytes, f.seconds, f.training_joules, f.inference_joules, f.measured_joules);
    return status;
}

/* The first seed's pictures of training in each policy. */
static mote_status add_pictures(mote_context *context, const mote_study_plan *plan, const mote_study_entry *e,
                                json_t *pictures)
{
    for (size_t p = 0; p < plan->policy_count; p++) {
        const mote_study_key key = {e->task, MOTE_STUDY_TRAIN, plan->policies[p], 0};
        mote_study_record r;
        bool found;
        mote_status status = mote_store_read(context, plan->options.output, &key, e->fingerprint, &found, &r);
        if (status != MOTE_OK) {
            return status;
        }
        if (found && json_is_object(r.picture)) {
            status = append(context, pictures, json_pack("{s:s s:O}", "policy", key.policy, "picture", r.picture));
        }
        if (found) {
            json_decref(r.picture);
        }
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}

static mote_status add_task(mote_context *context, const mote_study_plan *plan, const mote_study_entry *e,
                            json_t *tasks, FILE *csv)
{
    const mote_science_task *t = e->task;
    json_t *results = json_array(), *pictures = json_array();
    mote_status status = MOTE_OK;
    for (size_t p = 0; status == MOTE_OK && e->known && p < plan->policy_count; p++) {
        for (int s = 0; status == MOTE_OK && s < MOTE_STUDY_SETTINGS; s++) {
            if (mote_study_has(plan->policies[p], (mote_study_setting)s)) {
                status = add_figure(context, plan, e, plan->policies[p], (mote_study_setting)s, results, csv);
            }
        }
    }
    status = status == MOTE_OK && e->known ? add_pictures(context, plan, e, pictures) : status;
    mote_status added = append(
        context, tasks,
        json_pack("{s:s s:s s:s s:s s:s s:s s:s s:b s:o s:o s:o s:I s:I s:I s:I s:I s:f s:o s:o s:o}", "name", t->name,
                  "science", t->science, "title", t->title, "kind", t->requires ? "real" : "simulated", "model",
                  t->model, "metric", t->metric, "unit", t->unit, "larger_is_better", t->larger_is_better, "trivial",
                  baseline(t->trivial, e->trivial), "strong", baseline(t->strong, e->strong), "published",
                  t->published_source ? json_pack("{s:f s:s}", "score", t->published, "source", t->published_source)
                                      : json_null(),
                  "training_samples", (json_int_t)e->training_samples, "test_samples", (json_int_t)e->test_samples,
                  "parameters", (json_int_t)e->parameters, "steps", (json_int_t)t->recipe.steps, "batch",
                  (json_int_t)t->recipe.batch, "learning_rate", t->recipe.learning_rate, "not_run",
                  *e->reason ? json_string(e->reason) : json_null(), "results", results, "pictures", pictures));
    return status == MOTE_OK ? added : status;
}

static json_t *describe(const mote_study_plan *plan, const mote_study_result *r, const mote_energy_result *energy,
                        json_t *tasks)
{
    mote_machine *machine = calloc(1, sizeof *machine);
    char date[32];
    json_t *policies = json_array();
    if (machine) {
        mote_machine_describe(machine);
    }
    mote_json_date(date);
    bool bad = false;
    for (size_t p = 0; p < plan->policy_count; p++) {
        bad |= json_array_append_new(policies, json_string(plan->policies[p])) != 0;
    }
    json_t *root =
        json_pack("{s:s s:s s:o s:{s:s s:s s:i} s:s s:o s:I s:I s:f s:{s:s s:o s:s} s:o}", "mote", MOTE_VERSION, "date",
                  date, "command", plan->options.command ? json_string(plan->options.command) : json_null(), "machine",
                  "processor", machine ? machine->processor : "", "system", machine ? machine->system : "",
                  "processors", machine ? machine->processors : 0, "profile", plan->options.profile, "policies",
                  policies, "seeds", (json_int_t)plan->options.seeds, "jobs", (json_int_t)plan->options.jobs, "seconds",
                  r->seconds, "energy", "kind", mote_energy_kind_name(energy->kind), "joules",
                  mote_json_number(energy->joules), "source", energy->source, "tasks", tasks);
    free(machine);
    if (bad) {
        json_decref(root);
        return NULL;
    }
    return root;
}

mote_status mote_study_summarize(mote_context *context, const mote_study_plan *plan, const mote_study_result *result,
                                 const mote_energy_result *energy)
{
    char path[MOTE_PATH_BYTES], *text = NULL;
    size_t size = 0;
    FILE *csv = open_memstream(&text, &size);
    if (!csv) {
        return mote_fail(context, MOTE_ERROR_MEMORY, "no memory for results.csv");
    }
    fprintf(csv, "task,science,setting,policy,seeds,metric,mean,spread,difference_percent,difference_spreads,bytes,"
                 "seconds,modelled_training_joules,modelled_inference_joules,measured_joules\n");
    json_t *tasks = json_array();
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < plan->entry_count; i++) {
        status = add_task(context, plan, &plan->entries[i], tasks, csv);
    }
    if (fclose(csv) != 0 && status == MOTE_OK) {
        status = mote_fail(context, MOTE_ERROR_MEMORY, "no memory for results.csv");
    }
    json_t *root = describe(plan, result, energy, tasks);
    status = status == MOTE_OK ? mote_path_join(context, plan->options.output, "results.csv", path) : status;
    status = status == MOTE_OK ? mote_output_whole(context, path, text, size) : status;
    status = status == MOTE_OK ? mote_path_join(context, plan->options.output, "study.json", path) : status;
    if (status == MOTE_OK) {
        status = mote_json_write(context, path, root, JSON_COMPACT | JSON_REAL_PRECISION(9));
    } else {
        json_decref(root);
    }
    free(text);
    return status;
}
