/* Running a study: tasks and seeds shared among threads, each experiment's result kept as soon as it is there. */
#include "study/study.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "io/stream.h"
#include "mote/machine.h"
#include "study/data.h"

/* What the threads share; lock guards everything that changes. */
typedef struct shared {
    mote_context *context;
    mote_study_plan *plan;
    mote_study_callback *callback;
    void *user;
    mote_profile *profile;
    const char *root;
    pthread_mutex_t lock;
    size_t next, total, done;
    bool stopping;
    mote_status status; /* of what ends the study */
    char message[1024];
    mote_study_result *result;
} shared;

/* A thread's part: one seed of one task. */
typedef struct unit {
    shared *shared;
    mote_context *context;
    mote_study_entry *entry;
    mote_task_data *data;
    uint64_t seed;
    size_t count;           /* of weights */
    float *weights, *start; /* being trained; the FP32 ones */
    bool have_start;
    double start_joules;
} unit;

static size_t settings_of(const mote_study_plan *plan)
{
    size_t count = 0;
    for (size_t p = 0; p < plan->policy_count; p++) {
        for (int s = 0; s < MOTE_STUDY_SETTINGS; s++) {
            count += mote_study_has(plan->policies[p], (mote_study_setting)s);
        }
    }
    return count;
}

static bool stops(void *user)
{
    shared *s = user;
    pthread_mutex_lock(&s->lock);
    const mote_study_progress waiting = {.done = s->done, .total = s->total};
    s->stopping = s->stopping || (s->callback && s->callback(s->user, &waiting) != 0);
    bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

static void report(shared *s, const mote_study_key *key, double score, double seconds, bool ran)
{
    pthread_mutex_lock(&s->lock);
    s->done++;
    s->result->experiments += ran;
    mote_study_progress progress = {.done = s->done,
                                    .total = s->total,
                                    .task = key->task->name,
                                    .policy = key->policy,
                                    .metric = key->task->metric,
                                    .setting = key->setting,
                                    .seed = key->seed,
                                    .score = score,
                                    .seconds = seconds};
    s->stopping = s->stopping || (s->callback && s->callback(s->user, &progress) != 0);
    pthread_mutex_unlock(&s->lock);
}

/* ---- one experiment ---- */

/* The FP32 weights of the seed into start, from the file that an earlier process left where they are not there yet. */
static mote_status need_start(unit *u)
{
    char path[MOTE_PATH_BYTES];
    if (u->have_start) {
        return MOTE_OK;
    }
    mote_status status = mote_store_weights(u->context, u->shared->plan->options.output, u->entry->task, u->seed, path);
    status = status == MOTE_OK ? mote_experiment_load(u->data, path, u->start) : status;
    u->have_start = status == MOTE_OK;
    return status;
}

static mote_status keep_start(unit *u)
{
    char path[MOTE_PATH_BYTES];
    memcpy(u->start, u->weights, u->count * sizeof *u->start);
    u->have_start = true;
    mote_status status = mote_store_weights(u->context, u->shared->plan->options.output, u->entry->task, u->seed, path);
    return status == MOTE_OK ? mote_experiment_save(u->data, u->start, path) : status;
}

/* Trains or finetunes, as the setting asks; u->weights are then those to be tested. */
static mote_status make_weights(unit *u, const mote_study_key *key, const mote_experiment *e,
                                mote_experiment_cost *cost)
{
    const size_t steps = e->data->task->recipe.steps;
    *cost = (mote_experiment_cost){0};
    if (key->setting == MOTE_STUDY_TRAIN) {
        mote_status status = mote_experiment_train(e, steps, 1, false, u->weights, cost);
        return status == MOTE_OK && strcmp(key->policy, "fp32") == 0 ? keep_start(u) : status;
    }
    mote_status status = need_start(u);
    if (status != MOTE_OK) {
        return status;
    }
    memcpy(u->weights, u->start, u->count * sizeof *u->weights);
    return key->setting == MOTE_STUDY_FINETUNE
               ? mote_experiment_train(e, steps / 10 ? steps / 10 : 1, 0.1, true, u->weights, cost)
               : MOTE_OK;
}

static mote_status run(unit *u, const mote_study_key *key, mote_study_record *record)
{
    char policy[256];
    float *predictions;
    mote_experiment_cost trained, tested;
    mote_study_policy(key->policy, key->setting, policy);
    mote_experiment e = {.data = u->data,
                         .policy = policy,
                         .seed = u->seed,
                         .profile = u->shared->profile,
                         .stop = stops,
                         .user = u->shared};
    mote_status status = make_weights(u, key, &e, &trained);
    e.policy = key->policy;
    status = status == MOTE_OK ? mote_experiment_predict(&e, u->weights, &predictions, &tested) : status;
    if (status != MOTE_OK) {
        return status;
    }
    *record = (mote_study_record){.score = trained.diverged ? NAN : u->data->task->score(u->data, predictions),
                                  .seconds = key->setting == MOTE_STUDY_CAST ? tested.seconds : trained.seconds,
                                  .joules = trained.joules,
                                  .inference_joules = tested.joules,
                                  .measured_joules = NAN,
                                  .bytes = (double)tested.bytes,
                                  .parameters = tested.parameters};
    if (u->seed == 0 && key->setting == MOTE_STUDY_TRAIN && u->data->task->picture) {
        record->picture = u->data->task->picture(u->data, predictions);
    }
    mote_release(u->context, predictions);
    return MOTE_OK;
}

/* The same with the machine's counters read, where nothing else runs. */
static mote_status run_metered(unit *u, const mote_study_key *key, mote_study_record *record)
{
    mote_energy *energy;
    mote_energy_result measured;
    if (u->shared->plan->options.jobs > 1) {
        return run(u, key, record);
    }
    mote_status status = mote_energy_start(u->context, NULL, &energy);
    if (status != MOTE_OK) {
        return status;
    }
    status = run(u, key, record);
    mote_energy_get(energy, &measured);
    mote_energy_stop(energy);
    if (status == MOTE_OK && measured.kind == MOTE_ENERGY_MEASURED) {
        record->measured_joules = measured.joules;
    }
    return status;
}

static mote_status experiment(unit *u, const char *policy, mote_study_setting setting)
{
    const char *folder = u->shared->plan->options.output;
    mote_study_key key = {.task = u->entry->task, .setting = setting, .policy = policy, .seed = u->seed};
    mote_study_record record;
    bool found = false;
    mote_status status = MOTE_OK;
    if (u->shared->plan->options.resume) {
        status = mote_store_read(u->context, folder, &key, u->entry->fingerprint, &found, &record);
    }
    if (found && setting == MOTE_STUDY_TRAIN && strcmp(policy, "fp32") == 0) {
        status = need_start(u);
        if (status != MOTE_OK) { /* of no use to what comes after it: again, unless there is no memory */
            json_decref(record.picture);
            found = false;
            status = status == MOTE_ERROR_MEMORY ? status : MOTE_OK;
        }
    }
    if (status == MOTE_OK && !found) {
        status = run_metered(u, &key, &record);
        status =
            status == MOTE_OK ? mote_store_write(u->context, folder, &key, u->entry->fingerprint, &record) : status;
    } else if (found) {
        json_decref(record.picture);
    }
    if (status == MOTE_OK) {
        report(u->shared, &key, record.score, record.seconds, !found);
    }
    return status;
}

/* ---- one seed of one task ---- */

/* Everything that decides a result: data, recipe, size of the model. */
static void describe(unit *u, size_t weights)
{
    const mote_task_recipe *r = &u->entry->task->recipe;
    char text[160];
    snprintf(text, sizeof text, "%016llx %zu %zu %zu %.17g %.17g", (unsigned long long)mote_data_hash(u->data), weights,
             r->steps, r->batch, r->learning_rate, r->weight_decay);
    pthread_mutex_lock(&u->shared->lock);
    snprintf(u->entry->fingerprint, sizeof u->entry->fingerprint, "%016llx",
             (unsigned long long)XXH3_64bits(text, strlen(text)));
    u->entry->trivial = u->data->trivial;
    u->entry->strong = u->data->strong;
    u->entry->training_samples = u->data->training.count;
    u->entry->test_samples = u->data->test.count;
    u->entry->parameters = weights;
    u->entry->known = true;
    pthread_mutex_unlock(&u->shared->lock);
}

static mote_status run_unit(unit *u)
{
    const mote_study_plan *plan = u->shared->plan;
    mote_status status = mote_task_data_open(u->context, u->entry->task, u->shared->root, u->data);
    status = status == MOTE_OK ? mote_experiment_weights(u->data, &u->count) : status;
    if (status == MOTE_OK) {
        u->weights = mote_allocate_array(u->context, u->count, sizeof *u->weights);
        u->start = mote_allocate_array(u->context, u->count, sizeof *u->start);
        status = u->weights && u->start ? mote_store_make(u->context, plan->options.output, u->entry->task)
                                        : MOTE_ERROR_MEMORY;
    }
    if (status == MOTE_OK) {
        describe(u, u->count);
    }
    for (size_t p = 0; status == MOTE_OK && p < plan->policy_count; p++) {
        for (int s = 0; status == MOTE_OK && s < MOTE_STUDY_SETTINGS; s++) {
            bool wanted = mote_study_has(plan->policies[p], (mote_study_setting)s);
            status = wanted ? experiment(u, plan->policies[p], (mote_study_setting)s) : MOTE_OK;
        }
    }
    mote_release(u->context, u->weights);
    mote_release(u->context, u->start);
    mote_task_data_close(u->data);
    return status;
}

/* A failure of one task is noted and the study goes on; out of memory, disk or patience ends it. */
static void note(unit *u, mote_status status)
{
    shared *s = u->shared;
    const char *message = mote_context_message(u->context);
    bool fatal = status == MOTE_ERROR_MEMORY || status == MOTE_ERROR_IO || status == MOTE_ERROR_CANCELLED;
    pthread_mutex_lock(&s->lock);
    if (fatal && s->status == MOTE_OK) {
        s->status = status;
        s->stopping = true;
        snprintf(s->message, sizeof s->message, "%s: %.900s", u->entry->task->name, message);
    } else if (!fatal && !*u->entry->reason) {
        bool missing = status == MOTE_ERROR_UNSUPPORTED && !u->entry->known;
        snprintf(u->entry->reason, sizeof u->entry->reason, "%s%.480s", missing ? "" : "failed: ", message);
        if (!missing && !*s->result->failure) {
            snprintf(s->result->failure, sizeof s->result->failure, "%s: %.400s", u->entry->task->name, message);
        }
        s->result->failed += !missing;
        s->result->not_run += missing;
    }
    pthread_mutex_unlock(&s->lock);
}

/* The next unit: all tasks with the first seed, then all with the second. False at the end. */
static bool take(shared *s, size_t *index)
{
    pthread_mutex_lock(&s->lock);
    *index = s->next++;
    bool there = !s->stopping && *index < s->plan->entry_count * s->plan->options.seeds;
    pthread_mutex_unlock(&s->lock);
    return there;
}

static void *work(void *argument)
{
    shared *s = argument;
    size_t index;
    mote_context *context;
    const int threads = s->context->threads / (int)s->plan->options.jobs;
    mote_context_options options = {.threads = threads > 0 ? threads : 1, .allocator = &s->context->allocator};
    char message[sizeof s->message];
    mote_status status = mote_context_create(&options, &context, message, sizeof message);
    if (status != MOTE_OK) {
        pthread_mutex_lock(&s->lock);
        s->status = status;
        memcpy(s->message, message, sizeof message);
        pthread_mutex_unlock(&s->lock);
        return NULL;
    }
    context->fault = s->context->fault;
    context->fault_user = s->context->fault_user;
    while (take(s, &index)) {
        mote_task_data data;
        unit u = {.shared = s,
                  .context = context,
                  .entry = &s->plan->entries[index % s->plan->entry_count],
                  .data = &data,
                  .seed = index / s->plan->entry_count};
        status = *u.entry->reason ? MOTE_OK : run_unit(&u);
        if (status != MOTE_OK) {
            note(&u, status);
        }
    }
    mote_context_destroy(context);
    return NULL;
}

/* ---- the whole ---- */

static mote_status run_all(shared *s)
{
    enum { MOST_JOBS = 256 };
    pthread_t threads[MOST_JOBS];
    size_t jobs = mote_size_min(s->plan->options.jobs, MOST_JOBS), started = 0;
    while (started + 1 < jobs && pthread_create(&threads[started], NULL, work, s) == 0) {
        started++;
    }
    work(s); /* this thread is one of them */
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    return s->status == MOTE_OK ? MOTE_OK : mote_fail(s->context, s->status, "%s", s->message);
}

static mote_status check_folder(mote_context *context, const mote_study_options *o)
{
    char path[MOTE_PATH_BYTES];
    mote_status status = mote_path_join(context, o->output, "results", path);
    if (status == MOTE_OK && !o->resume && access(path, F_OK) == 0) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT,
                         "%s holds a study already: go on with it with resume, or choose another folder", o->output);
    }
    return status == MOTE_OK ? mote_path_make(context, path) : status;
}

mote_status mote_study(mote_context *context, const mote_study_options *options, mote_study_callback *callback,
                       void *user, mote_study_result *result)
{
    mote_study_plan *plan = mote_allocate(context, sizeof *plan);
    mote_energy *energy = NULL;
    mote_energy_result measured;
    *result = (mote_study_result){0};
    if (!plan) {
        return MOTE_ERROR_MEMORY;
    }
    shared s = {.context = context, .plan = plan, .callback = callback, .user = user, .result = result};
    const double began = mote_clock();
    pthread_mutex_init(&s.lock, NULL);
    mote_status status = mote_study_resolve(context, options, plan);
    status = status == MOTE_OK ? mote_profile_open(context, plan->options.profile, &s.profile) : status;
    status = status == MOTE_OK ? check_folder(context, &plan->options) : status;
    status = status == MOTE_OK ? mote_energy_start(context, NULL, &energy) : status;
    if (status == MOTE_OK) {
        const char *environment = getenv("MOTE_DATA");
        s.root = plan->options.data ? plan->options.data : environment && *environment ? environment : NULL;
        s.total = settings_of(plan) * plan->entry_count * plan->options.seeds;
        result->tasks = plan->entry_count;
        status = run_all(&s);
        result->seconds = mote_clock() - began;
        mote_energy_get(energy, &measured);
        mote_energy_stop(energy);
    }
    if (status == MOTE_OK) {
        status = mote_study_summarize(context, plan, result, &measured);
    }
    mote_profile_close(context, s.profile);
    pthread_mutex_destroy(&s.lock);
    mote_release(context, plan);
    return status;
}
