/* A training run in memory: what mote_train makes of its options. */
#ifndef MOTE_TRAIN_TRAINER_H
#define MOTE_TRAIN_TRAINER_H

#include <jansson.h>

#include "data/corpus.h"
#include "mote/train.h"
#include "train/checkpoint.h"
#include "train/optimizer.h"
#include "train/schedule.h"

enum { MOTE_SIMULATED_BASES = 4 << 20 };

/* What a context model pays for the validation data. */
typedef struct mote_baseline {
    int order;
    double bits;
} mote_baseline;

typedef struct mote_trainer {
    mote_context *context;
    mote_train_options options; /* every field filled */
    mote_model_config config;
    mote_policy_set *policy;
    mote_corpus *corpus;
    double limit_bits, limit_error; /* NaN: not known */
    mote_baseline baselines[4];
    int baseline_count;
    mote_graph *graph, *evaluation_graph;
    mote_model model, evaluation_model;
    mote_plan *plan, *evaluation_plan;
    mote_plan_memory memory, evaluation_memory;
    mote_optimizer *optimizer;
    uint64_t optimizer_bytes;
    float *average_memory, **average, *accumulated; /* NULL where not used */
    char *recipe;                                   /* text by which a checkpoint knows its run */
    mote_profile *profile;                          /* NULL: none was named */
    size_t step;
    double seconds, loss, gradient_norm, validation_loss;
    char started[32]; /* when this process began, ISO 8601 */
} mote_trainer;

/* Fills every option that was left to its default. */
mote_status mote_train_resolve(mote_trainer *trainer);

/* Opens data and model and measures; with allocate, also makes plans and optimizer. The trainer's fields context and
 * options are set; the others are zero. mote_trainer_close frees whatever there is. */
mote_status mote_trainer_open(mote_trainer *trainer, bool allocate);
void mote_trainer_close(mote_trainer *trainer);

/* Everything that takes memory, in bytes. */
uint64_t mote_trainer_bytes(const mote_trainer *trainer);

/* What a step multiplies and moves, the update included; evaluations are not. */
mote_status mote_trainer_count(mote_trainer *trainer, mote_graph_counts *counts);

/* A step with everything that belongs to it; *loss may not be finite, and then no parameter has changed. */
mote_status mote_trainer_step(mote_trainer *trainer);

/* Mean loss, in nats, of the validation data, at most batches of it. */
mote_status mote_trainer_validate(mote_trainer *trainer, size_t batches, double *loss);

/* Nats a token as bits a base or residue; and how many of these a token is. */
double mote_trainer_bits(const mote_trainer *trainer, double loss);
double mote_trainer_units(const mote_trainer *trainer);

/* The recipe, and the data with what simple models pay for it, as JSON; new references. */
json_t *mote_trainer_recipe(const mote_trainer *trainer);
json_t *mote_trainer_data(const mote_trainer *trainer);

/* Exchanges the parameters and their moving average, if there is one: what is evaluated and saved. */
void mote_trainer_exchange_average(mote_trainer *trainer);

/* The state that checkpoints keep. */
mote_training_state mote_trainer_state(mote_trainer *trainer);

#endif
