/* From options to everything that a step needs. */
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/gene.h"
#include "graph/core.h"
#include "io/json.h"
#include "kernels/map/map.h"
#include "kernels/update/update.h"
#include "models/config.h"

/* ---- data ---- */

static mote_status find_split(mote_context *context, const char *name, mote_corpus_split *split)
{
    static const char *const names[] = {
        [MOTE_SPLIT_AUTO] = "auto", [MOTE_SPLIT_RECORD] = "record", [MOTE_SPLIT_BLOCK] = "block"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            *split = (mote_corpus_split)i;
            return MOTE_OK;
        }
    }
    return mote_fail(context, MOTE_ERROR_ARGUMENT, "split: unknown name '%s'; known: auto record block", name);
}

static mote_status open_corpus(mote_trainer *t)
{
    const mote_train_options *o = &t->options;
    mote_corpus_options c = {.vocabulary = o->vocabulary,
                             .validation_fraction = o->validation,
                             .strands = o->no_reverse_complement ? MOTE_STRANDS_FORWARD : MOTE_STRANDS_AUTO,
                             .context = t->config.context,
                             .seed = o->seed};
    mote_status status = find_split(t->context, o->split, &c.split);
    t->limit_bits = t->limit_error = NAN;
    if (status != MOTE_OK) {
        return status;
    }
    if (o->data_count) {
        return mote_corpus_open(t->context, o->data, o->data_count, &c, &t->corpus);
    }
    status = mote_corpus_simulate(t->context, &c, MOTE_SIMULATED_BASES, &t->corpus);
    return status == MOTE_OK ? mote_gene_entropy_rate(t->context, o->seed, 0, &t->limit_bits, &t->limit_error) : status;
}

static uint64_t corpus_bytes(const mote_trainer *t)
{
    const mote_corpus_info *info = mote_corpus_describe(t->corpus);
    return ((uint64_t)info->training_tokens + info->validation_tokens) * (info->vocabulary->size > 256 ? 2 : 1);
}

/* What simple models of the same data pay. This comes before the plans are allocated, and an order whose counts would
 * take more than the plans will is left out, so that a run's peak stays the planned one. */
static mote_status measure_baselines(mote_trainer *t)
{
    const mote_vocabulary *vocabulary = mote_corpus_describe(t->corpus)->vocabulary;
    static const int base_orders[] = {0, 3, 6, 9}, other_orders[] = {0, 1, 2, -1};
    const int *orders = vocabulary->dna && vocabulary->unit == 1 ? base_orders : other_orders;
    const uint64_t room = mote_trainer_bytes(t) - corpus_bytes(t);
    for (int i = 0; i < 4; i++) {
        size_t bytes = mote_corpus_context_bytes(t->corpus, orders[i]);
        if (bytes == 0 || bytes > room) {
            continue;
        }
        mote_baseline *baseline = &t->baselines[t->baseline_count];
        mote_status status = mote_corpus_context_bits(t->corpus, orders[i], &baseline->bits);
        if (status != MOTE_OK) {
            return status;
        }
        baseline->order = orders[i];
        t->baseline_count++;
    }
    return MOTE_OK;
}

static json_t *describe_baselines(const mote_trainer *t)
{
    json_t *baselines = json_array();
    for (int i = 0; i < t->baseline_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "order-%d", t->baselines[i].order);
        json_array_append_new(baselines, json_pack("{s:s s:f}", "name", name, "bits", t->baselines[i].bits));
    }
    return baselines;
}

/* A line for titles: "ecoli.fa.gz and 2 more, 4.64 million bases". */
static void describe_shortly(const mote_trainer *t, char *text, size_t size)
{
    const mote_corpus_info *info = mote_corpus_describe(t->corpus);
    const char *first = t->options.data_count ? t->options.data[0] : "simulated genes", *slash = strrchr(first, '/');
    char more[32] = "";
    if (t->options.data_count > 1) {
        snprintf(more, sizeof more, " and %zu more", t->options.data_count - 1);
    }
    snprintf(text, size, "%s%s, %.3g million %ss", slash ? slash + 1 : first, more, (double)info->letters / 1e6,
             info->vocabulary->dna ? "base" : "residue");
}

json_t *mote_trainer_data(const mote_trainer *t)
{
    const mote_corpus_info *info = mote_corpus_describe(t->corpus);
    json_t *sources = json_array(), *limit = json_null();
    for (size_t i = 0; i < t->options.data_count; i++) {
        json_array_append_new(sources, json_string(t->options.data[i]));
    }
    if (!isnan(t->limit_bits)) {
        limit = json_pack("{s:f s:f}", "bits", t->limit_bits, "error", t->limit_error);
    }
    char description[256];
    describe_shortly(t, description, sizeof description);
    return json_pack("{s:s s:s s:o s:s s:s s:I s:I s:o s:o}", "description", description, "details", info->description,
                     "sources", sources, "vocabulary", info->vocabulary->name, "unit",
                     info->vocabulary->dna ? "base" : "residue", "tokens", (json_int_t)info->training_tokens,
                     "validation_tokens", (json_int_t)info->validation_tokens, "limit", limit, "baselines",
                     describe_baselines(t));
}

/* ---- graphs and plans ---- */

static mote_status build_graphs(mote_trainer *t)
{
    const mote_train_options *o = &t->options;
    t->config.vocabulary = (size_t)mote_corpus_describe(t->corpus)->vocabulary->size;
    mote_status status = mote_model_check(t->context, &t->config);
    status = status == MOTE_OK ? mote_policy_set_create(t->context, o->policy, &t->policy) : status;
    status = status == MOTE_OK ? mote_graph_create(t->context, &t->graph) : status;
    status =
        status == MOTE_OK ? mote_model_build(t->graph, &t->config, o->batch, t->config.context, 1, &t->model) : status;
    status = status == MOTE_OK ? mote_graph_differentiate(t->graph, t->model.loss) : status;
    status = status == MOTE_OK ? mote_graph_apply_policy(t->graph, t->policy) : status;
    status = status == MOTE_OK ? mote_graph_create(t->context, &t->evaluation_graph) : status;
    status = status == MOTE_OK ? mote_model_build(t->evaluation_graph, &t->config, o->batch, t->config.context, 0,
                                                  &t->evaluation_model)
                               : status;
    return status == MOTE_OK ? mote_graph_apply_policy(t->evaluation_graph, t->policy) : status;
}

/* Bytes of copies of the parameters: the moving average, the sums of accumulated gradients. */
static uint64_t copies_bytes(const mote_trainer *t)
{
    uint64_t one = mote_graph_parameter_count(t->graph) * sizeof(float);
    return (t->options.average > 0 ? one : 0) + (t->options.accumulation > 1 ? one : 0);
}

/* The plan of the steps, under what the limit leaves for it. */
static mote_status obey_limit(mote_trainer *t)
{
    const uint64_t limit = t->options.memory_limit, other = mote_trainer_bytes(t) - t->memory.total;
    mote_plan_options training = {.memory_limit = limit > other ? limit - other : 1};
    mote_status status = mote_plan_measure(t->graph, &training, &t->memory);
    if (status == MOTE_ERROR_MEMORY && t->memory.total) {
        return mote_fail(
            t->context, MOTE_ERROR_MEMORY,
            "the run does not fit into %.2f MB; the smallest limit that works is %.2f MB, of which %.2f MB "
            "are optimizer, data and evaluation: raise the limit, or make batch, context or model smaller",
            (double)limit / 1e6, ceil((double)(t->memory.total + other) / 1e4) / 100, (double)other / 1e6);
    }
    return status;
}

static mote_status measure(mote_trainer *t)
{
    const mote_train_options *o = &t->options;
    mote_plan_options evaluation = {.only_forward = 1}, unlimited = {0};
    mote_status status = mote_optimizer_bytes(t->context, o->optimizer, t->graph, &t->optimizer_bytes);
    status = status == MOTE_OK ? mote_plan_measure(t->evaluation_graph, &evaluation, &t->evaluation_memory) : status;
    t->evaluation_memory.total -= t->evaluation_memory.parameters; /* which it will share */
    t->evaluation_memory.parameters = 0;
    status = status == MOTE_OK ? mote_plan_measure(t->graph, &unlimited, &t->memory) : status;
    bool fits = !o->memory_limit || mote_trainer_bytes(t) <= o->memory_limit;
    return status == MOTE_OK && !fits ? obey_limit(t) : status;
}

static mote_status allocate(mote_trainer *t)
{
    const mote_train_options *o = &t->options;
    size_t values = (size_t)t->graph->value_count, count = mote_graph_parameter_count(t->graph);
    mote_plan_options training = {.memory_limit = o->memory_limit ? t->memory.total : 0};
    mote_status status = mote_plan_create(t->graph, &training, &t->plan);
    mote_plan_options evaluation = {.share = t->plan, .only_forward = 1};
    status = status == MOTE_OK ? mote_plan_create(t->evaluation_graph, &evaluation, &t->evaluation_plan) : status;
    status = status == MOTE_OK ? mote_optimizer_create(t->context, o->optimizer, t->graph, &t->optimizer) : status;
    status = status == MOTE_OK ? mote_plan_initialize(t->plan, o->seed) : status;
    if (status == MOTE_OK && o->accumulation > 1) {
        t->accumulated = mote_allocate_array(t->context, count, sizeof *t->accumulated);
        status = t->accumulated ? MOTE_OK : MOTE_ERROR_MEMORY;
    }
    if (status == MOTE_OK && o->average > 0) {
        t->average_memory = mote_allocate_array(t->context, count, sizeof *t->average_memory);
        t->average = mote_allocate_array(t->context, values, sizeof *t->average);
        status = t->average_memory && t->average ? MOTE_OK : MOTE_ERROR_MEMORY;
        float *at = t->average_memory;
        for (int v = 0; status == MOTE_OK && v < t->graph->value_count; v++) {
            t->average[v] = NULL;
            if (mote_graph_is_parameter(t->graph, v)) {
                t->average[v] = at;
                memcpy(at, mote_plan_data(t->plan, v), mote_value_count(t->graph, v) * sizeof *at);
                at += mote_value_count(t->graph, v);
            }
        }
    }
    return status;
}

/* All that decides the numbers of a run, as text; of the data what is in it, not where it lies. */
static mote_status make_recipe(mote_trainer *t)
{
    size_t length;
    char hash[20];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)mote_corpus_hash(t->corpus));
    json_t *root = json_pack("{s:o s:o s:s s:{s:s s:s}}", "recipe", mote_trainer_recipe(t), "model",
                             mote_model_to_json(&t->config), "policy", t->options.policy, "data", "description",
                             mote_corpus_describe(t->corpus)->description, "xxh3", hash);
    char *text = mote_json_text(t->context, root, JSON_COMPACT | JSON_SORT_KEYS, &length);
    t->recipe = text ? mote_allocate(t->context, length + 1) : NULL;
    if (t->recipe) {
        memcpy(t->recipe, text, length);
        t->recipe[length] = '\0';
    }
    mote_release(t->context, text);
    return t->recipe ? MOTE_OK : MOTE_ERROR_MEMORY;
}

mote_status mote_trainer_open(mote_trainer *t, bool allocating)
{
    mote_status status = mote_train_resolve(t);
    t->validation_loss = NAN;
    if (status == MOTE_OK && t->options.profile) {
        status = mote_profile_open(t->context, t->options.profile, &t->profile);
    }
    status = status == MOTE_OK ? open_corpus(t) : status;
    status = status == MOTE_OK ? build_graphs(t) : status;
    status = status == MOTE_OK ? measure(t) : status;
    status = status == MOTE_OK ? make_recipe(t) : status;
    status = status == MOTE_OK && allocating && t->options.output ? measure_baselines(t) : status;
    return status == MOTE_OK && allocating ? allocate(t) : status;
}

void mote_trainer_close(mote_trainer *t)
{
    mote_optimizer_destroy(t->optimizer);
    mote_plan_destroy(t->evaluation_plan);
    mote_plan_destroy(t->plan);
    mote_graph_destroy(t->evaluation_graph);
    mote_graph_destroy(t->graph);
    mote_policy_set_destroy(t->context, t->policy);
    mote_corpus_close(t->corpus);
    mote_release(t->context, t->average_memory);
    mote_release(t->context, t->average);
    mote_release(t->context, t->accumulated);
    mote_release(t->context, t->recipe);
    mote_profile_close(t->context, t->profile);
}

uint64_t mote_trainer_bytes(const mote_trainer *t)
{
    uint64_t workspace =
        t->memory.workspace > t->evaluation_memory.workspace ? t->memory.workspace : t->evaluation_memory.workspace;
    return t->memory.total - t->memory.workspace + t->evaluation_memory.total - t->evaluation_memory.workspace +
           workspace + t->optimizer_bytes + copies_bytes(t) + corpus_bytes(t);
}

/* Bytes of what comes behind the gradients: parameters and the optimizer's states are read and written, gradients read
 * for their norm and for the update; the average is kept up; parts are looked at, added up and put back. */
static double update_bytes(const mote_trainer *t)
{
    double one = (double)(mote_graph_parameter_count(t->graph) * sizeof(float)),
           parts = (double)t->options.accumulation;
    double bytes = 4 * one + 2 * (double)t->optimizer_bytes;
    bytes += t->options.average > 0 ? 3 * one : 0;
    return bytes + (parts > 1 ? (4 * parts + 1) * one : 0);
}

mote_status mote_trainer_count(mote_trainer *t, mote_graph_counts *counts)
{
    double parts = (double)t->options.accumulation;
    mote_status status = mote_graph_count(t->graph, 0, t->memory.recomputed, counts);
    for (int a = 0; a < MOTE_OPERAND_FORMATS; a++) {
        for (int b = 0; b < MOTE_OPERAND_FORMATS; b++) {
            counts->multiply_adds[a][b] *= parts;
        }
    }
    for (int r = 0; r < MOTE_REACHES; r++) {
        counts->bytes[r] *= parts;
    }
    counts->bytes[MOTE_REACHES - 1] += update_bytes(t);
    return status;
}

mote_training_state mote_trainer_state(mote_trainer *t)
{
    return (mote_training_state){.graph = t->graph,
                                 .plan = t->plan,
                                 .optimizer = t->optimizer,
                                 .average = t->average,
                                 .recipe = t->recipe,
                                 .step = t->step,
                                 .seconds = t->seconds};
}

/* ---- a step ---- */

static mote_status load_batch(mote_trainer *t, size_t part)
{
    const mote_train_options *o = &t->options;
    uint64_t number = (uint64_t)t->step * o->accumulation + part;
    return (t->config.masked ? mote_corpus_masked_batch : mote_corpus_batch)(
        t->corpus, number, o->batch, t->config.context, mote_plan_data(t->plan, t->model.tokens),
        mote_plan_data(t->plan, t->model.targets), mote_plan_data(t->plan, t->model.segments));
}

/* Calls visit for every parameter's gradient, of which offset values came before. */
typedef void visit_gradient(mote_trainer *t, float *gradient, size_t count, size_t offset);

static void each_gradient(mote_trainer *t, visit_gradient *visit)
{
    size_t offset = 0;
    for (int v = 0; v < t->graph->value_count; v++) {
        float *gradient =
            mote_graph_is_parameter(t->graph, v) ? mote_plan_data(t->plan, mote_graph_gradient(t->graph, v)) : NULL;
        if (gradient) {
            visit(t, gradient, mote_value_count(t->graph, v), offset);
            offset += mote_value_count(t->graph, v);
        }
    }
}

static void keep(mote_trainer *t, float *gradient, size_t count, size_t offset)
{
    memcpy(t->accumulated + offset, gradient, count * sizeof *gradient);
}

static void accumulate(mote_trainer *t, float *gradient, size_t count, size_t offset)
{
    mote_map_binary(t->context, MOTE_BINARY_ADD, count, t->accumulated + offset, 1, gradient, 1,
                    t->accumulated + offset);
}

static void restore(mote_trainer *t, float *gradient, size_t count, size_t offset)
{
    memcpy(gradient, t->accumulated + offset, count * sizeof *gradient);
}

/* A seed that no other step or part has. */
static uint64_t seed_of(const mote_trainer *t, size_t part)
{
    return t->options.seed * UINT64_C(0x9E3779B97F4A7C15) + ((uint64_t)t->step * t->options.accumulation + part) + 1;
}

/* After a part that gave something that is not finite: the context's message says where that began. */
static mote_status find_nonfinite(mote_trainer *t, size_t part)
{
    int found = 0;
    t->loss = NAN;
    mote_status status = mote_plan_find_nonfinite(t->plan, seed_of(t, part), &found);
    if (status == MOTE_OK && !found) {
        mote_fail(t->context, MOTE_OK, "every operation gives finite values, their sum is not");
    }
    return status;
}

/* Runs the parts; leaves the sum of their gradients in the plan. */
static mote_status run_parts(mote_trainer *t)
{
    size_t parts = t->options.accumulation;
    t->loss = 0;
    for (size_t part = 0; part < parts; part++) {
        mote_status status = load_batch(t, part);
        status = status == MOTE_OK ? mote_plan_run(t->plan, seed_of(t, part)) : status;
        if (status != MOTE_OK) {
            return status;
        }
        float loss = *(const float *)mote_plan_data(t->plan, t->model.loss);
        t->loss += (double)loss / (double)parts;
        if (!isfinite(loss) || (parts > 1 && !isfinite(mote_gradient_norm(t->context, t->graph, t->plan)))) {
            return find_nonfinite(t, part);
        }
        if (parts > 1) {
            each_gradient(t, part ? accumulate : keep);
        }
    }
    if (parts > 1) {
        each_gradient(t, restore);
    }
    return MOTE_OK;
}

static void update_average(mote_trainer *t)
{
    for (int v = 0; t->average && v < t->graph->value_count; v++) {
        if (t->average[v]) {
            mote_update_average(t->context, mote_value_count(t->graph, v), (float)(1 - t->options.average),
                                mote_plan_data(t->plan, v), t->average[v]);
        }
    }
}

mote_status mote_trainer_step(mote_trainer *t)
{
    const mote_train_options *o = &t->options;
    mote_status status = run_parts(t);
    if (status != MOTE_OK || !isfinite(t->loss)) {
        return status;
    }
    double parts = (double)o->accumulation;
    t->gradient_norm = mote_gradient_norm(t->context, t->graph, t->plan) / parts;
    if (!isfinite(t->gradient_norm)) {
        return find_nonfinite(t, o->accumulation - 1);
    }
    double clip = o->clip > 0 && t->gradient_norm > o->clip ? o->clip / t->gradient_norm : 1;
    mote_optimizer_settings settings = {.learning_rate = o->learning_rate *
                                                         mote_schedule_factor(mote_schedule_find(o->schedule), t->step,
                                                                              o->steps, o->warmup, o->minimum_rate),
                                        .beta1 = o->beta1,
                                        .beta2 = o->beta2,
                                        .weight_decay = o->weight_decay,
                                        .multiplier = clip / parts,
                                        .step = t->step + 1,
                                        .seed = o->seed};
    mote_optimizer_step(t->optimizer, t->plan, &settings);
    update_average(t);
    t->step++;
    return MOTE_OK;
}

/* ---- validation ---- */

/* Exchanges parameters and their average. */
void mote_trainer_exchange_average(mote_trainer *t)
{
    for (int v = 0; t->average && v < t->graph->value_count; v++) {
        float *a = t->average[v], *b = t->average[v] ? mote_plan_data(t->plan, v) : NULL;
        for (size_t i = 0; a && i < mote_value_count(t->graph, v); i++) {
            float swap = a[i];
            a[i] = b[i];
            b[i] = swap;
        }
    }
}

static mote_status load_validation(mote_trainer *t, size_t index, int32_t *targets)
{
    size_t rows = t->options.batch, context = t->config.context;
    int32_t *tokens = mote_plan_data(t->evaluation_plan, t->evaluation_model.tokens);
    int32_t *segments = mote_plan_data(t->evaluation_plan, t->evaluation_model.segments);
    return t->config.masked
               ? mote_corpus_masked_validation(t->corpus, index, rows, context, tokens, targets, segments)
               : mote_corpus_validation(t->corpus, index, rows, context, context, tokens, targets, segments);
}

static mote_status validate(mote_trainer *t, size_t batches, double *loss)
{
    size_t rows = t->options.batch, context = t->config.context, scored = 0;
    size_t there = t->config.masked ? mote_corpus_masked_validation_count(t->corpus, rows, context)
                                    : mote_corpus_validation_count(t->corpus, rows, context, context);
    int32_t *targets = mote_plan_data(t->evaluation_plan, t->evaluation_model.targets);
    double sum = 0;
    for (size_t i = 0; i < mote_size_min(batches, there); i++) {
        /* spread over all of the data where not all of it is used */
        mote_status status = load_validation(t, batches < there ? i * there / batches : i, targets);
        status = status == MOTE_OK ? mote_plan_run(t->evaluation_plan, 0) : status;
        if (status != MOTE_OK) {
            return status;
        }
        const float *losses = mote_plan_data(t->evaluation_plan, t->evaluation_model.losses);
        for (size_t r = 0; r < rows * context; r++) {
            sum += targets[r] >= 0 ? (double)losses[r] : 0;
            scored += targets[r] >= 0;
        }
    }
    *loss = scored ? sum / (double)scored : NAN;
    return MOTE_OK;
}

mote_status mote_trainer_validate(mote_trainer *t, size_t batches, double *loss)
{
    mote_trainer_exchange_average(t);
    mote_status status = validate(t, batches, loss);
    mote_trainer_exchange_average(t);
    t->validation_loss = *loss;
    return status;
}

double mote_trainer_units(const mote_trainer *t)
{
    const mote_corpus_info *info = mote_corpus_describe(t->corpus);
    return t->config.masked ? (double)info->vocabulary->unit : info->units_per_target;
}

double mote_trainer_bits(const mote_trainer *t, double loss) { return loss / log(2) / mote_trainer_units(t); }
