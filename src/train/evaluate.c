/* Evaluation of a trained model by a sliding window. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/corpus.h"
#include "mote/machine.h"
#include "train/trainer.h"
#include "train/watch.h"

typedef struct evaluation {
    mote_context *context;
    mote_evaluate_options options;
    mote_model_config config;
    mote_corpus *corpus;
    mote_policy_set *policy;
    mote_graph *graph;
    mote_model model;
    mote_plan *plan;
} evaluation;

/* The data as the model wants it: its vocabulary, all of it for scoring. */
static mote_status open_data(evaluation *e, const char *extra)
{
    json_t *own = json_loads(extra, 0, NULL);
    const char *vocabulary = json_string_value(json_object_get(own, "vocabulary"));
    mote_corpus_options options = {
        .vocabulary = vocabulary, .validation_fraction = 1, .strands = MOTE_STRANDS_FORWARD, .context = 0};
    mote_status status;
    if (e->options.data_count) {
        status = mote_corpus_open(e->context, e->options.data, e->options.data_count, &options, &e->corpus);
    } else {
        status = mote_corpus_simulate(e->context, &options, MOTE_SIMULATED_BASES / 8, &e->corpus);
    }
    if (status == MOTE_OK && (size_t)mote_corpus_describe(e->corpus)->vocabulary->size != e->config.vocabulary) {
        status = mote_fail(e->context, MOTE_ERROR_FILE, "%s: the model has %zu tokens, vocabulary '%s' has %d",
                           e->options.folder, e->config.vocabulary, vocabulary ? vocabulary : "(none)",
                           mote_corpus_describe(e->corpus)->vocabulary->size);
    }
    json_decref(own);
    return status;
}

static mote_status open_model(evaluation *e)
{
    mote_evaluate_options *o = &e->options;
    mote_plan_options plan = {.only_forward = 1};
    if (o->context > e->config.context && e->config.positions == MOTE_POSITIONS_LEARNED) {
        return mote_fail(e->context, MOTE_ERROR_ARGUMENT, "context: the model has learned %zu positions, found %zu",
                         e->config.context, o->context);
    }
    if (o->stride > o->context) {
        return mote_fail(e->context, MOTE_ERROR_ARGUMENT, "stride: expected at most the context, %zu, found %zu",
                         o->context, o->stride);
    }
    mote_status status = mote_graph_create(e->context, &e->graph);
    status = status == MOTE_OK ? mote_model_build(e->graph, &e->config, o->batch, o->context, 0, &e->model) : status;
    status =
        status == MOTE_OK ? mote_policy_set_create(e->context, o->policy ? o->policy : "fp32", &e->policy) : status;
    status = status == MOTE_OK ? mote_graph_apply_policy(e->graph, e->policy) : status;
    status = status == MOTE_OK ? mote_graph_pack_parameters(e->graph) : status;
    status = status == MOTE_OK ? mote_plan_create(e->graph, &plan, &e->plan) : status;
    return status == MOTE_OK ? mote_model_load(e->graph, &e->config, e->plan, o->folder) : status;
}

static mote_status score(evaluation *e, mote_train_callback *callback, void *user, mote_evaluate_result *r)
{
    const mote_evaluate_options *o = &e->options;
    bool masked = e->config.masked != 0;
    size_t count = masked ? mote_corpus_masked_validation_count(e->corpus, o->batch, o->context)
                          : mote_corpus_validation_count(e->corpus, o->batch, o->context, o->stride);
    int32_t *tokens = mote_plan_data(e->plan, e->model.tokens), *targets = mote_plan_data(e->plan, e->model.targets),
            *segments = mote_plan_data(e->plan, e->model.segments);
    const float *losses = mote_plan_data(e->plan, e->model.losses);
    const mote_vocabulary *vocabulary = mote_corpus_describe(e->corpus)->vocabulary;
    double sum = 0;
    count = o->limit ? mote_size_min(count, o->limit) : count;
    for (size_t i = 0; i < count; i++) {
        mote_status status =
            masked ? mote_corpus_masked_validation(e->corpus, i, o->batch, o->context, tokens, targets, segments)
                   : mote_corpus_validation(e->corpus, i, o->batch, o->context, o->stride, tokens, targets, segments);
        status = status == MOTE_OK ? mote_plan_run(e->plan, 0) : status;
        if (status != MOTE_OK) {
            return status;
        }
        for (size_t k = 0; k < o->batch * o->context; k++) {
            if (targets[k] >= 0) {
                sum += (double)losses[k];
                r->units += mote_vocabulary_units(vocabulary, targets[k]);
                r->tokens++;
            }
        }
        mote_train_progress progress = {
            .step = i + 1, .steps = count, .loss = r->tokens ? sum / (double)r->tokens : NAN};
        if (callback && callback(user, &progress)) {
            return mote_fail(e->context, MOTE_ERROR_CANCELLED, "stopped after %zu of %zu batches", i + 1, count);
        }
    }
    if (r->tokens == 0) {
        return mote_fail(e->context, MOTE_ERROR_SHAPE, "the data has no token to score in windows of %zu", o->context);
    }
    r->loss = sum / (double)r->tokens;
    r->bits = r->units > 0 ? sum / log(2) / r->units : NAN;
    r->perplexity = exp(r->loss);
    return MOTE_OK;
}

mote_status mote_evaluate(mote_context *context, const mote_evaluate_options *options, mote_train_callback *callback,
                          void *user, mote_evaluate_result *result)
{
    evaluation e = {.context = context, .options = *options};
    char *extra = NULL;
    double began = mote_clock();
    *result = (mote_evaluate_result){0};
    mote_status status = mote_model_read_config(context, options->folder, &e.config, &extra);
    e.options.batch = options->batch ? options->batch : 8;
    e.options.context = options->context ? options->context : e.config.context;
    e.options.stride = options->stride ? options->stride : (e.options.context + 1) / 2;
    mote_watch watch = {callback, user};
    mote_watch_begin(context, &watch);
    status = status == MOTE_OK ? open_data(&e, extra) : status;
    status = status == MOTE_OK ? open_model(&e) : status;
    status = mote_watch_end(context, status, "stopped before the first batch");
    status = status == MOTE_OK ? score(&e, callback, user, result) : status;
    result->seconds = mote_clock() - began;
    mote_plan_destroy(e.plan);
    mote_graph_destroy(e.graph);
    mote_policy_set_destroy(context, e.policy);
    mote_corpus_close(e.corpus);
    mote_text_release(context, extra);
    return status;
}
