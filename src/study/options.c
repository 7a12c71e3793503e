/* What a study is made of: tasks, policies, settings. */
#include <stdio.h>
#include <string.h>

#include "mote/linear.h"
#include "mote/machine.h"
#include "study/study.h"

static const char *const all_policies[] = {"fp32", "mxint8", "mxfp8", "mxfp6", "mxfp4-w_mxfp6-ag", "mxfp4"};
static const char *const quick_policies[] = {"fp32", "mxfp6", "mxfp4-w_mxfp6-ag"};
static const char *const quick_tasks[] = {"lorenz96",       "kuramoto_sivashinsky", "ising",
                                          "spike_decoding", "lennard_jones",        "law_discovery"};

const char *mote_study_setting_name(mote_study_setting setting)
{
    static const char *const names[] = {"train", "cast", "finetune"};
    return names[setting];
}

bool mote_study_has(const char *policy, mote_study_setting setting)
{
    return setting != MOTE_STUDY_CAST || strcmp(policy, "fp32") != 0;
}

void mote_study_policy(const char *policy, mote_study_setting setting, char *text)
{
    enum { SIZE = 256 };
    if (setting != MOTE_STUDY_FINETUNE || strcmp(policy, "fp32") == 0) {
        snprintf(text, SIZE, "%s", policy);
        return;
    }
    snprintf(text, SIZE,
             "{\"policy\": \"fp32\", \"layers\": [{\"match\": \"*\", \"policy\": \"%s\", \"backward\": {\"gradient\": "
             "\"fp32\", \"weight\": \"fp32\"}, \"update\": {\"gradient\": \"fp32\", \"activation\": \"fp32\"}}]}",
             policy);
}

static mote_status add_policy(mote_context *context, mote_study_plan *plan, const char *name)
{
    mote_policy policy;
    for (size_t i = 0; i < plan->policy_count; i++) {
        if (strcmp(plan->policies[i], name) == 0) {
            return MOTE_OK;
        }
    }
    if (!mote_policy_find(name, &policy)) {
        char known[256] = "";
        for (int i = 0; mote_policy_name(i); i++) {
            size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, " %s", mote_policy_name(i));
        }
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "unknown policy '%s'; known:%s", name, known);
    }
    if (plan->policy_count == MOTE_STUDY_POLICIES) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "more than %d policies", MOTE_STUDY_POLICIES);
    }
    plan->policies[plan->policy_count++] = name;
    return MOTE_OK;
}

static mote_status add_task(mote_context *context, mote_study_plan *plan, const char *name)
{
    const mote_science_task *task = mote_science_task_find(name);
    if (!task) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "unknown task '%s'; 'mote study --list' shows all", name);
    }
    for (size_t i = 0; i < plan->entry_count; i++) {
        if (plan->entries[i].task == task) {
            return MOTE_OK;
        }
    }
    plan->entries[plan->entry_count++] = (mote_study_entry){.task = task};
    return MOTE_OK;
}

mote_status mote_study_resolve(mote_context *context, const mote_study_options *options, mote_study_plan *plan)
{
    *plan = (mote_study_plan){.options = *options};
    mote_study_options *o = &plan->options;
    const char *const *policies = options->policy_count ? options->policies : o->quick ? quick_policies : all_policies;
    const char *const *tasks = options->task_count ? options->tasks : o->quick ? quick_tasks : NULL;
    size_t policy_count = options->policy_count ? options->policy_count
                          : o->quick            ? sizeof quick_policies / sizeof *quick_policies
                                                : sizeof all_policies / sizeof *all_policies;
    size_t task_count = options->task_count ? options->task_count : sizeof quick_tasks / sizeof *quick_tasks;
    if (!o->output) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "a study needs a folder for its results");
    }
    o->seeds = o->seeds ? o->seeds : o->quick ? 1 : 3;
    o->jobs = o->jobs ? o->jobs : (size_t)context->threads;
    o->profile = o->profile ? o->profile : "epyc-9654";
    mote_status status = add_policy(context, plan, "fp32");
    for (size_t i = 0; status == MOTE_OK && i < policy_count; i++) {
        status = add_policy(context, plan, policies[i]);
    }
    for (size_t i = 0; status == MOTE_OK && tasks && i < task_count; i++) {
        status = add_task(context, plan, tasks[i]);
    }
    for (size_t i = 0; status == MOTE_OK && !tasks && mote_science_task_at(i); i++) {
        status = add_task(context, plan, mote_science_task_at(i)->name);
    }
    return status;
}
