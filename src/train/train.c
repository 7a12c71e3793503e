/* The training loop: steps, evaluations, checkpoints, and every way in which a run can end. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/json.h"
#include "mote/machine.h"
#include "train/folder.h"
#include "train/watch.h"

/* What the loop keeps beside the trainer. */
typedef struct loop {
    mote_trainer *t;
    mote_train_callback *callback;
    void *user;
    double began, before; /* clock at the start; seconds of the run before it */
    size_t first;         /* step at which this process began */
    double smooth, best;  /* running mean of the loss, and its least */
    size_t saved;         /* step of the last checkpoint; 0: there is none */
    char notice[1200];    /* of the resume */
    mote_energy *energy;
    double joules_before; /* of the run before this process; NaN: not known */
} loop;

static double seconds_now(const loop *l) { return l->before + mote_clock() - l->began; }

static double tokens_a_step(const mote_trainer *t)
{
    return (double)t->options.batch * (double)t->options.accumulation * (double)t->config.context;
}

static double rate_at(const mote_trainer *t, size_t step)
{
    const mote_train_options *o = &t->options;
    return o->learning_rate *
           mote_schedule_factor(mote_schedule_find(o->schedule), step, o->steps, o->warmup, o->minimum_rate);
}

/* Measured so far, or why not. */
static mote_energy_result energy_now(const loop *l)
{
    mote_energy_result r = {.joules = NAN, .idle_watts = NAN, .busy_share = NAN};
    snprintf(r.source, sizeof r.source, "unavailable: nothing was run");
    if (l->energy) {
        mote_energy_get(l->energy, &r);
    }
    if (r.kind == MOTE_ENERGY_MEASURED && isnan(l->joules_before)) {
        r.kind = MOTE_ENERGY_UNAVAILABLE;
        snprintf(r.source, sizeof r.source, "unavailable: not measured before the run was resumed");
    }
    r.joules += l->joules_before;
    r.seconds += l->before;
    return r;
}

/* Of the steps on the profile that was named, where nothing was measured. */
static mote_status model_energy(const loop *l, mote_energy_result *r)
{
    mote_trainer *t = l->t;
    mote_graph_counts counts;
    mote_estimate estimate;
    if (!t->profile || r->kind == MOTE_ENERGY_MEASURED) {
        return MOTE_OK;
    }
    mote_status status = mote_trainer_count(t, &counts);
    if (status == MOTE_OK) {
        mote_profile_estimate(t->profile, &counts, &estimate);
        *r = (mote_energy_result){.kind = MOTE_ENERGY_MODELLED,
                                  .joules = estimate.joules * (double)t->step,
                                  .seconds = estimate.seconds * (double)t->step,
                                  .idle_watts = t->profile->idle_watts.value,
                                  .busy_share = NAN};
        snprintf(r->source, sizeof r->source, "modelled: the steps on profile %.400s", t->profile->name);
        mote_text_repair(r->source); /* a path in another encoding, or one that was cut */
    }
    return status;
}

static mote_status save_checkpoint(loop *l)
{
    mote_training_state state = mote_trainer_state(l->t);
    if (!l->t->options.output) {
        return MOTE_OK;
    }
    state.seconds = seconds_now(l);
    state.joules = energy_now(l).joules;
    mote_status status = mote_checkpoint_write(l->t->context, &state, l->t->options.output);
    if (status == MOTE_OK) {
        l->saved = state.step;
        mote_checkpoint_rotate(l->t->options.output, state.step, l->t->options.keep);
    }
    return status;
}

static mote_status log_step(loop *l)
{
    mote_trainer *t = l->t;
    if (!t->options.output) {
        return MOTE_OK;
    }
    double joules = energy_now(l).joules;
    return mote_folder_append(t, json_pack("{s:I s:f s:f s:f s:f s:f s:f s:o}", "step", (json_int_t)t->step, "loss",
                                           t->loss, "bits", mote_trainer_bits(t, t->loss), "learning_rate",
                                           rate_at(t, t->step - 1), "gradient_norm", t->gradient_norm, "seconds",
                                           seconds_now(l), "tokens", tokens_a_step(t) * (double)t->step, "joules",
                                           isfinite(joules) ? json_real(joules) : json_null()));
}

static mote_status evaluate(loop *l, size_t batches)
{
    mote_trainer *t = l->t;
    double loss;
    mote_status status = mote_trainer_validate(t, batches, &loss);
    if (status != MOTE_OK || !t->options.output || isnan(loss)) {
        return status;
    }
    return mote_folder_append(t, json_pack("{s:I s:f s:f s:f}", "step", (json_int_t)t->step, "validation_loss", loss,
                                           "validation_bits", mote_trainer_bits(t, loss), "seconds", seconds_now(l)));
}

/* Fails with what is left of the run. */
static void fail_diverged(const loop *l, size_t step, const char *what)
{
    const mote_trainer *t = l->t;
    char kept[64] = "there is no checkpoint yet";
    if (l->saved) {
        snprintf(kept, sizeof kept, "the checkpoint of step %zu is kept", l->saved);
    }
    mote_fail(t->context, MOTE_ERROR_UNSUPPORTED,
              "step %zu: %s; %s. Try a lower learning rate (now %g), a longer warm-up or a wider policy", step, what,
              kept, t->options.learning_rate);
}

/* A loss that is not finite, or whose running mean has gone far above its best. The message says what happened. */
static bool diverged(loop *l)
{
    enum { SETTLED = 20 }; /* steps before the running mean counts */
    mote_trainer *t = l->t;
    char what[800];
    if (!isfinite(t->loss)) {
        snprintf(what, sizeof what, "the loss or its gradient is not finite: %s", mote_context_message(t->context));
        fail_diverged(l, t->step + 1, what);
        return true;
    }
    l->smooth = t->step - l->first <= 1 ? t->loss : 0.9 * l->smooth + 0.1 * t->loss;
    l->best = t->step - l->first <= SETTLED || l->smooth < l->best ? l->smooth : l->best;
    if (l->smooth > 1.5 * l->best + 0.5) {
        snprintf(what, sizeof what, "training diverged: the loss rose from %.3f to %.3f", l->best, l->smooth);
        fail_diverged(l, t->step, what);
        return true;
    }
    return false;
}

static bool wants_to_stop(loop *l)
{
    mote_trainer *t = l->t;
    mote_train_progress progress = {.step = t->step,
                                    .steps = t->options.steps,
                                    .loss = t->loss,
                                    .bits = mote_trainer_bits(t, t->loss),
                                    .validation_bits = mote_trainer_bits(t, t->validation_loss),
                                    .learning_rate = rate_at(t, t->step - 1),
                                    .gradient_norm = t->gradient_norm,
                                    .seconds = seconds_now(l)};
    double here = mote_clock() - l->began;
    progress.tokens_per_second = here > 0 ? tokens_a_step(t) * (double)(t->step - l->first) / here : 0;
    return l->callback && l->callback(l->user, &progress) != 0;
}

static bool due(size_t step, size_t every, size_t steps) { return step % every == 0 || step == steps; }

/* Steps until the end, a stop or a failure. */
static mote_status run_steps(loop *l)
{
    mote_trainer *t = l->t;
    const mote_train_options *o = &t->options;
    while (t->step < o->steps) {
        mote_status status = mote_trainer_step(t);
        if (status != MOTE_OK) {
            return status;
        }
        mote_energy_read(l->energy);
        if (diverged(l)) {
            return MOTE_ERROR_UNSUPPORTED;
        }
        status = due(t->step, o->log_every, o->steps) ? log_step(l) : MOTE_OK;
        if (status == MOTE_OK && due(t->step, o->evaluate_every, o->steps)) {
            status = evaluate(l, o->evaluate_batches);
        }
        bool stop = status == MOTE_OK && wants_to_stop(l) && t->step < o->steps;
        if (status == MOTE_OK && (stop || due(t->step, o->checkpoint_every, o->steps))) {
            status = save_checkpoint(l);
        }
        if (status != MOTE_OK) {
            return status;
        }
        if (stop) {
            return mote_fail(t->context, MOTE_ERROR_CANCELLED, "stopped after step %zu of %zu; a checkpoint is saved",
                             t->step, o->steps);
        }
    }
    return MOTE_OK;
}

static mote_status resume(loop *l, bool *found)
{
    mote_trainer *t = l->t;
    mote_training_state state = mote_trainer_state(t);
    mote_status status =
        mote_checkpoint_read(t->context, &state, t->options.output, l->notice, sizeof l->notice, found);
    if (status == MOTE_OK && *found) {
        t->step = l->saved = state.step;
        l->before = state.seconds;
        l->joules_before = state.joules;
    }
    if (status == MOTE_OK) {
        mote_folder_clean(t);
    }
    return status == MOTE_OK ? mote_folder_cut_metrics(t, t->step) : status;
}

static mote_train_result result_of(const loop *l)
{
    const mote_trainer *t = l->t;
    double here = mote_clock() - l->began;
    mote_train_result result = {.parameters = mote_graph_parameter_count(t->graph),
                                .steps = t->step,
                                .loss = t->validation_loss,
                                .bits = mote_trainer_bits(t, t->validation_loss),
                                .perplexity = exp(t->validation_loss),
                                .seconds = seconds_now(l),
                                .tokens_per_second =
                                    here > 0 ? tokens_a_step(t) * (double)(t->step - l->first) / here : 0,
                                .limit_bits = t->limit_bits,
                                .limit_error = t->limit_error,
                                .energy = energy_now(l),
                                .planned_bytes = mote_trainer_bytes(t)};
    snprintf(result.folder, sizeof result.folder, "%s", t->options.output ? t->options.output : "");
    snprintf(result.notice, sizeof result.notice, "%s", l->notice);
    return result;
}

/* The trained model with what is needed to feed it. */
static mote_status save_model(loop *l)
{
    mote_trainer *t = l->t;
    char extra[256];
    const mote_corpus_info *info = mote_corpus_describe(t->corpus);
    snprintf(extra, sizeof extra, "{\"vocabulary\": \"%s\", \"simulated\": %s}", info->vocabulary->name,
             t->options.data_count ? "false" : "true");
    mote_trainer_exchange_average(t);
    mote_status status = mote_model_save(t->graph, &t->config, t->plan, extra, t->options.output);
    mote_trainer_exchange_average(t);
    return status;
}

/* run.json says how it ended; what the context says about a failure is kept. */
static mote_status write_end(loop *l, mote_status status, const mote_train_result *result)
{
    mote_trainer *t = l->t;
    char message[1024];
    const char *state = status == MOTE_OK                  ? "done"
                        : status == MOTE_ERROR_CANCELLED   ? "interrupted"
                        : status == MOTE_ERROR_UNSUPPORTED ? "diverged"
                                                           : "failed";
    snprintf(message, sizeof message, "%s", mote_context_message(t->context));
    mote_status written = mote_folder_write_run(t, state, result);
    if (status == MOTE_OK) {
        return written;
    }
    return mote_fail(t->context, status, "%s", message);
}

mote_status mote_train(mote_context *context, const mote_train_options *options, mote_train_callback *callback,
                       void *user, mote_train_result *result)
{
    mote_trainer t = {.context = context, .options = *options};
    loop l = {.t = &t, .callback = callback, .user = user};
    bool found = false;
    mote_json_date(t.started);
    mote_watch watch = {callback, user};
    mote_watch_begin(context, &watch);
    mote_status status = mote_trainer_open(&t, true);
    status = mote_watch_end(context, status, "stopped before the first step; nothing was written");
    bool folder = status == MOTE_OK && options->output;
    status = folder ? mote_folder_open(&t) : status;
    folder = folder && status == MOTE_OK;
    if (status == MOTE_OK && options->resume) {
        status = resume(&l, &found);
        folder = folder && status == MOTE_OK; /* another run's folder is left alone */
    }
    status = status == MOTE_OK && folder ? mote_folder_write_run(&t, "running", NULL) : status;
    const mote_energy_options metering = {.idle_seconds = options->idle_seconds};
    status = status == MOTE_OK ? mote_energy_start(context, &metering, &l.energy) : status;
    l.began = mote_clock();
    l.first = t.step;
    status = status == MOTE_OK ? run_steps(&l) : status;
    if (status == MOTE_OK && isnan(t.validation_loss)) { /* a finished run was resumed */
        status = mote_trainer_validate(&t, t.options.evaluate_batches, &t.validation_loss);
    }
    if (t.graph && t.corpus) {
        *result = result_of(&l);
        mote_status modelled = model_energy(&l, &result->energy);
        status = status == MOTE_OK ? modelled : status;
    }
    if (status == MOTE_OK && folder) {
        mote_checkpoint_rotate(options->output, t.step, t.options.keep); /* a kill may have left one too many */
        status = save_model(&l);
    }
    status = folder ? write_end(&l, status, result) : status;
    mote_energy_stop(l.energy);
    mote_trainer_close(&t);
    return status;
}

mote_status mote_train_measure(mote_context *context, const mote_train_options *options, mote_train_plan *plan)
{
    mote_trainer t = {.context = context, .options = *options};
    mote_status status = mote_trainer_open(&t, false);
    if (status == MOTE_OK) {
        const mote_train_options *o = &t.options;
        *plan = (mote_train_plan){.model = t.config,
                                  .parameters = mote_graph_parameter_count(t.graph),
                                  .batch = o->batch,
                                  .accumulation = o->accumulation,
                                  .steps = o->steps,
                                  .tokens = tokens_a_step(&t) * (double)o->steps,
                                  .training = t.memory,
                                  .optimizer = t.optimizer_bytes,
                                  .evaluation = t.evaluation_memory.total,
                                  .total = mote_trainer_bytes(&t)};
        status = mote_trainer_count(&t, &plan->counts);
        plan->multiply_adds = mote_graph_counts_multiply_adds(&plan->counts);
        plan->bytes_moved = mote_graph_counts_bytes(&plan->counts);
        plan->data = plan->total - t.memory.total - t.optimizer_bytes;
    }
    mote_trainer_close(&t);
    return status;
}
