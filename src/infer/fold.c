/* Folding: an alignment, models, seeds and rounds; predictions in the order of their score. */
#include "infer/fold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/alignment.h"
#include "mote/energy.h"
#include "mote/machine.h"

enum { MOST_MODELS = 64, MOST_SEEDS = 4096, MOST_RECYCLES = 1000 };

/* A call under way. */
typedef struct fold_job {
    mote_context *context;
    const mote_fold_options *options;
    mote_msa *msa;
    mote_features *features;
    const char *policy_text;
    mote_policy_set *policy;
    size_t models;
    mote_weights *weights[MOST_MODELS];
    mote_fold_sizes sizes[MOST_MODELS]; /* with no weights the first is the published model's */
    size_t seeds, rounds;
    double tolerance;
    mote_fold_plan plan;
    mote_fold_callback *callback;
    void *user;
    mote_fold_progress progress;
    double began;
    mote_energy *energy; /* while predictions are made */
} fold_job;

/* ---- before the first round ---- */

static mote_status check_options(mote_context *context, const mote_fold_options *o)
{
    if (!o->input) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "fold: no input");
    }
    if (o->weight_count > MOST_MODELS || o->seeds > MOST_SEEDS || o->recycles > MOST_RECYCLES) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT,
                         "fold: expected at most %d models, %d seeds and %d recycles, found %zu, %zu and %d",
                         MOST_MODELS, MOST_SEEDS, MOST_RECYCLES, o->weight_count, o->seeds, o->recycles);
    }
    return MOTE_OK;
}

static mote_status open_weights(fold_job *j)
{
    for (size_t i = 0; i < j->options->weight_count; i++) {
        mote_weights **weights = &j->weights[i];
        mote_status status = mote_weights_open(j->context, j->options->weights[i], weights);
        if (status != MOTE_OK) {
            return status;
        }
        j->models++;
        if ((*weights)->trunk.multimer != j->weights[0]->trunk.multimer) {
            return mote_fail(j->context, MOTE_ERROR_ARGUMENT,
                             "%s and %s: a model of monomers and one of complexes cannot predict together",
                             j->options->weights[0], j->options->weights[i]);
        }
        j->sizes[i] = (mote_fold_sizes){.trunk = (*weights)->trunk, .structure = (*weights)->structure};
    }
    return MOTE_OK;
}

/* The alignment as the models want it; whether it is a complex decides where there are none. */
static mote_status read_input(fold_job *j)
{
    mote_alignment *alignment;
    mote_status status = mote_alignment_read(j->context, j->options->input, &alignment);
    if (status != MOTE_OK) {
        return status;
    }
    size_t chains = 0;
    for (size_t i = 0; i < alignment->chain_count; i++) {
        chains += alignment->chains[i].copies;
    }
    if (!j->models) {
        j->sizes[0] = mote_fold_published(chains > 1);
    }
    if (j->sizes[0].trunk.multimer) {
        status = mote_msa_multimer(j->context, alignment, &j->msa);
    } else if (chains > 1) {
        status = mote_fail(j->context, MOTE_ERROR_ARGUMENT,
                           "%s has %zu chains, and the weights are a monomer's: give those of a multimer model",
                           j->options->input, chains);
    } else {
        status = mote_msa_monomer(j->context, alignment, &j->msa);
    }
    mote_alignment_free(alignment);
    return status;
}

static size_t or_default(size_t number, size_t otherwise) { return number ? number : otherwise; }

static mote_status make_features(fold_job *j)
{
    const mote_fold_options *o = j->options;
    bool multimer = j->msa->multimer;
    mote_features_options options = {.clusters = or_default(o->clusters, multimer ? 508 : 512),
                                     .extra = or_default(o->extra, multimer ? 2048 : 1024),
                                     .replaced = 0.15f};
    int recycles = o->recycles ? o->recycles : multimer ? 20 : 3;
    j->seeds = or_default(o->seeds, 1);
    j->rounds = 1 + (size_t)(recycles < 0 ? 0 : recycles);
    j->tolerance = o->tolerance != 0 ? o->tolerance : multimer ? 0.5 : -1;
    return mote_features_create(j->context, j->msa, &options, &j->features);
}

/* Plans every model; what is told is the largest. */
static mote_status plan_models(fold_job *j)
{
    const mote_fold_options *o = j->options;
    const mote_features *f = j->features;
    mote_machine machine;
    mote_machine_describe(&machine);
    uint64_t available = o->memory_limit ? o->memory_limit : machine.memory_available_bytes;
    size_t count = or_default(j->models, 1), predictions = count * j->seeds;
    for (size_t i = 0; i < count; i++) {
        mote_fold_plan plan = {.residues = j->msa->length,
                               .chains = j->msa->chain_count,
                               .rows = j->msa->rows,
                               .clusters = f->clusters,
                               .extra = f->extra_rows,
                               .recycles = j->rounds - 1,
                               .predictions = predictions,
                               .available = available};
        mote_fold_sizes *sizes = &j->sizes[i];
        snprintf(plan.policy, sizeof plan.policy, "%s", strchr(j->policy_text, '{') ? "custom" : j->policy_text);
        sizes->trunk.stored = o->pairs;
        sizes->lengths =
            (mote_trunk_lengths){.residues = f->length, .sequences = f->clusters, .extra = f->extra, .templates = 0};
        uint64_t beside = mote_fold_beside(sizes, j->msa, f, predictions);
        mote_status status = mote_fold_fit(j->context, sizes, j->policy, beside, available, &plan);
        if (status != MOTE_OK) {
            return status;
        }
        j->plan = plan.total > j->plan.total ? plan : j->plan;
    }
    return MOTE_OK;
}

static mote_status prepare(fold_job *j)
{
    mote_status status = check_options(j->context, j->options);
    status = status == MOTE_OK ? open_weights(j) : status;
    status = status == MOTE_OK ? read_input(j) : status;
    status = status == MOTE_OK ? make_features(j) : status;
    if (status == MOTE_OK) {
        const char *suits = mote_fold_policy_of(j->models ? j->weights[0]->format : MOTE_FP32);
        j->policy_text = j->options->policy ? j->options->policy : suits;
        status = mote_policy_set_create(j->context, j->policy_text, &j->policy);
    }
    return status == MOTE_OK ? plan_models(j) : status;
}

static void release(fold_job *j)
{
    for (size_t i = 0; i < j->models; i++) {
        mote_weights_close(j->weights[i]);
    }
    mote_policy_set_destroy(j->context, j->policy);
    mote_features_free(j->features);
    mote_msa_free(j->msa);
}

mote_status mote_fold_measure(mote_context *context, const mote_fold_options *options, mote_fold_plan *plan)
{
    fold_job *j = mote_allocate(context, sizeof *j);
    if (!j) {
        return MOTE_ERROR_MEMORY;
    }
    *j = (fold_job){.context = context, .options = options};
    mote_status status = prepare(j);
    *plan = j->plan;
    release(j);
    mote_release(context, j);
    return status;
}

/* ---- results ---- */

/* The part of a path that names it: no folder, and no ending of those that files of this kind have. */
static void base_name(const char *path, char *name, size_t size)
{
    static const char *const endings[] = {".gz", ".bgz", ".a3m", ".sto", ".stockholm",   ".fasta",
                                          ".fa", ".faa", ".npz", ".pt",  ".safetensors", ".json"};
    const char *slash = strrchr(path, '/');
    snprintf(name, size, "%s", slash ? slash + 1 : path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(name), ending = strlen(endings[i]);
        if (length > ending && strcmp(name + length - ending, endings[i]) == 0) {
            name[length - ending] = '\0';
            i = (size_t)-1; /* another one may stand in front */
        }
    }
}

static mote_status allocate_prediction(fold_job *j, mote_fold_result *r, const mote_fold_sizes *sizes,
                                       mote_fold_prediction *p)
{
    mote_context *context = j->context;
    mote_arena *arena = &r->memory->arena;
    size_t length = j->msa->length; /* at most 2^20 */
    p->residue_lddt = mote_arena_allocate(context, arena, length * sizeof(float));
    p->positions = mote_arena_allocate(context, arena, length * MOTE_ATOM_COUNT * 3 * sizeof(float));
    p->atom_mask = mote_arena_allocate(context, arena, length * MOTE_ATOM_COUNT);
    bool there = p->residue_lddt && p->positions && p->atom_mask;
    if (there && sizes->structure.aligned_error) {
        p->aligned_error = mote_arena_allocate(context, arena, length * length * sizeof(float));
        there = p->aligned_error != NULL;
    }
    return there ? MOTE_OK : MOTE_ERROR_MEMORY;
}

static mote_status create_result(fold_job *j, mote_fold_result **result)
{
    mote_context *context = j->context;
    mote_fold_result *r = mote_allocate(context, sizeof *r);
    struct mote_fold_memory *memory = r ? mote_allocate(context, sizeof *memory) : NULL;
    if (!memory) {
        mote_release(context, r);
        return MOTE_ERROR_MEMORY;
    }
    *memory = (struct mote_fold_memory){.context = context};
    *r = (mote_fold_result){.residues = j->msa->length,
                            .chains = j->msa->chain_count,
                            .types = j->msa->types,
                            .index = j->msa->residue_index,
                            .rows = j->msa->rows,
                            .codes = j->msa->codes,
                            .count = j->models * j->seeds,
                            .plan = j->plan,
                            .joules = NAN,
                            .memory = memory};
    *result = r;
    base_name(j->options->input, r->name, sizeof r->name);
    int32_t *chain_of = mote_arena_allocate(context, &memory->arena, r->residues * sizeof *chain_of);
    r->predictions = mote_arena_allocate(context, &memory->arena, r->count * sizeof *r->predictions);
    if (!chain_of || !r->predictions) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < r->residues; i++) {
        chain_of[i] = j->msa->asym_id[i] - 1;
    }
    r->chain_of = chain_of;
    for (size_t i = 0; i < r->count; i++) {
        mote_fold_prediction *p = &r->predictions[i];
        size_t model = i / j->seeds;
        *p = (mote_fold_prediction){.seed = j->options->seed + i % j->seeds, .change = NAN};
        base_name(j->options->weights[model], p->model, sizeof p->model);
        mote_status status = allocate_prediction(j, r, &j->sizes[model], p);
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}

void mote_fold_free(mote_fold_result *result)
{
    if (result) {
        struct mote_fold_memory *memory = result->memory;
        mote_context *context = memory->context;
        mote_msa_free(memory->msa);
        mote_arena_clear(context, &memory->arena);
        mote_release(context, memory);
        mote_release(context, result);
    }
}

/* ---- predicting ---- */

static mote_status tell(fold_job *j, mote_fold_stage stage, const char *layer, double part_of_round)
{
    mote_fold_progress *p = &j->progress;
    double rounds = (double)(p->prediction * j->rounds + p->round) + part_of_round;
    p->stage = stage;
    p->layer = layer;
    p->done = rounds / (double)(p->predictions * j->rounds);
    p->seconds = mote_clock() - j->began;
    mote_energy_read(j->energy);
    if (j->callback && j->callback(j->user, p)) {
        return mote_fail(j->context, MOTE_ERROR_CANCELLED, "stopped");
    }
    return MOTE_OK;
}

static int watch(void *user, size_t index, size_t count, const char *layer)
{
    return tell(user, MOTE_FOLD_PREDICTING, layer, (double)index / (double)count) != MOTE_OK;
}

static mote_status predict(fold_job *j, const mote_fold_round *round, mote_fold_prediction *p)
{
    double began = mote_clock();
    bool settled = false;
    j->progress.lddt = NAN;
    mote_fold_round_begin(round);
    for (size_t i = 0; !settled; i++) {
        j->progress.round = i;
        mote_status status = tell(j, MOTE_FOLD_FEATURES, "", 0);
        if (status != MOTE_OK) {
            return status;
        }
        mote_fold_round_features(round, p->seed, i);
        status = mote_plan_run(round->plan, p->seed + i);
        status = status == MOTE_OK ? mote_fold_round_read(round, p) : status;
        if (status != MOTE_OK) {
            return status;
        }
        j->progress.lddt = p->lddt;
        settled = i + 1 == j->rounds || p->change < j->tolerance; /* not for the first round's NaN */
        if (!settled) {
            mote_fold_round_carry(round);
        }
    }
    mote_fold_round_score(round, p);
    p->seconds = mote_clock() - began;
    return MOTE_OK;
}

/* All seeds of a model. */
static mote_status run_model(fold_job *j, size_t model, mote_fold_result *result)
{
    mote_context *context = j->context;
    mote_fold_network network;
    size_t points = j->msa->length * 3, row = j->msa->length * j->sizes[model].trunk.c_m;
    float *memory = mote_allocate_array(context, 3 * points + row, sizeof *memory);
    mote_status status = memory ? tell(j, MOTE_FOLD_READING, "", 0) : MOTE_ERROR_MEMORY;
    status = status == MOTE_OK ? mote_fold_network_create(context, &j->sizes[model], j->policy, &network) : status;
    if (status != MOTE_OK) {
        mote_release(context, memory);
        return status;
    }
    mote_fold_round round = {.context = context,
                             .sizes = &j->sizes[model],
                             .network = &network,
                             .msa = j->msa,
                             .features = j->features,
                             .points = memory,
                             .before = memory + points,
                             .after = memory + 2 * points,
                             .first_row = memory + 3 * points};
    status = mote_plan_create(network.graph, &(mote_plan_options){0}, &round.plan);
    status = status == MOTE_OK ? mote_weights_load(j->weights[model], network.graph, round.plan) : status;
    if (status == MOTE_OK) {
        mote_plan_set_watch(round.plan, watch, j);
    }
    for (size_t seed = 0; seed < j->seeds && status == MOTE_OK; seed++) {
        j->progress.prediction = model * j->seeds + seed;
        status = predict(j, &round, &result->predictions[j->progress.prediction]);
    }
    mote_plan_destroy(round.plan);
    mote_fold_network_destroy(&network);
    mote_release(context, memory);
    return status;
}

static int by_score(const void *a, const void *b)
{
    const mote_fold_prediction *x = a, *y = b;
    int order = (x->score < y->score) - (x->score > y->score);
    order = order ? order : strcmp(x->model, y->model); /* the same order for equals, whatever the sort */
    return order ? order : (x->seed > y->seed) - (x->seed < y->seed);
}

static mote_status run_all(fold_job *j, mote_fold_result **result)
{
    mote_status status = create_result(j, result);
    j->progress = (mote_fold_progress){.predictions = j->models * j->seeds, .rounds = j->rounds, .lddt = NAN};
    status = status == MOTE_OK ? mote_energy_start(j->context, NULL, &j->energy) : status;
    for (size_t i = 0; i < j->models && status == MOTE_OK; i++) {
        status = run_model(j, i, *result);
    }
    if (status == MOTE_OK) {
        mote_fold_result *r = *result;
        mote_energy_result energy;
        mote_energy_get(j->energy, &energy);
        r->joules = energy.joules;
        snprintf(r->joules_source, sizeof r->joules_source, "%s", energy.source);
        qsort(r->predictions, r->count, sizeof *r->predictions, by_score);
        r->seconds = mote_clock() - j->began;
        r->memory->msa = j->msa; /* whose arrays are the result's */
        j->msa = NULL;
    }
    mote_energy_stop(j->energy);
    return status;
}

mote_status mote_fold(mote_context *context, const mote_fold_options *options, mote_fold_callback *callback, void *user,
                      mote_fold_result **result)
{
    *result = NULL;
    if (options->weight_count == 0) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "fold: no weights");
    }
    fold_job *j = mote_allocate(context, sizeof *j);
    if (!j) {
        return MOTE_ERROR_MEMORY;
    }
    *j = (fold_job){.context = context, .options = options, .callback = callback, .user = user, .began = mote_clock()};
    mote_status status = prepare(j);
    status = status == MOTE_OK ? run_all(j, result) : status;
    if (status != MOTE_OK) {
        mote_fold_free(*result);
        *result = NULL;
    }
    release(j);
    mote_release(context, j);
    return status;
}
