/* Training of sequence models: data in, a run folder out.
 *
 * A run folder holds run.json (what ran, where, how it ended), metrics.jsonl (one line a logged step), the last
 * checkpoints, report.html and the trained model: config.json and model.safetensors, see mote_model_save(). A run
 * killed at any instant and resumed ends with the same bits as one that was not.
 */
#ifndef MOTE_TRAIN_H
#define MOTE_TRAIN_H

#include "mote/energy.h"
#include "mote/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Strings and arrays belong to the caller. 0 or NULL in a field means its default, which mote_train_resolve() fills. */
typedef struct mote_train_options {
    const char *const *data; /* FASTA files, plain or compressed; none: simulated genes, see docs/training.md */
    size_t data_count;
    const char *vocabulary; /* byte, kmer:K, codon, protein; NULL: by the data */
    const char *model; /* a preset or JSON, see mote_model_parse; NULL: llama-small (llama-mini for simulated genes) */
    size_t layers, width, heads, context; /* 0: the model's */
    const char *policy;                   /* a name or JSON, see mote_policy_set; NULL: mxfp6_e2m3 */
    const char *output;                   /* the run folder; NULL: none is written */
    const char *command;                  /* how the run was asked for, for run.json; NULL: not known */
    size_t steps;                         /* default 1000 (simulated genes: 1400) */
    size_t batch;                         /* sequences a step; default 8 (4) */
    size_t accumulation;   /* parts of a step that are run one after the other; batch is that of each; default 1 */
    const char *optimizer; /* adamw (default), adamw8 (states in 8-bit blocks), sgd */
    const char *schedule;  /* cosine (default), linear, constant */
    double learning_rate;  /* default 1.5e-3 * sqrt(128 / width); sgd: ten times that */
    double minimum_rate;   /* fraction of it at the end of the schedule; default 0.1; negative: 0 */
    size_t warmup;         /* steps; default steps / 20 */
    double beta1, beta2;   /* adamw; sgd: beta1 is the momentum; defaults 0.9, 0.95 */
    double weight_decay;   /* of matrices; default 0.1; negative: none */
    double clip;           /* norm of all gradients together; default 1; negative: none */
    double average;        /* decay of an exponential moving average of the parameters, which is then what is evaluated
                              and saved; 0: none */
    double dropout;        /* default: the model's; negative: none */
    double validation;     /* fraction of the data; default 0.05 */
    const char *split;     /* auto (default), record, block */
    int no_reverse_complement; /* not 0: windows of DNA are taken from the given strand only */
    size_t evaluate_every;     /* steps; default steps / 20 */
    size_t evaluate_batches;   /* of the validation data at most; default 32 */
    size_t checkpoint_every;   /* steps; default steps / 10; at the end always */
    size_t keep;               /* checkpoints; default 2 */
    size_t log_every;          /* steps; default steps / 200 */
    uint64_t seed;             /* of everything random */
    uint64_t memory_limit;     /* bytes of plans and optimizer together; 0: none */
    int resume;                /* not 0: go on from output's last checkpoint; options must be the run's own */
    const char *profile;       /* a machine whose joules are modelled where none can be measured, see
                                  mote_profile_open; NULL: none */
    double idle_seconds;       /* waits so long before the first step to measure what the machine draws then; 0: not */
} mote_train_options;

/* After every step; and, with all fields 0, now and then before the first, while data is read and memory planned. */
typedef struct mote_train_progress {
    size_t step, steps;
    double loss;            /* of the step, nats a token */
    double bits;            /* the same in bits a base or residue */
    double validation_bits; /* of the last evaluation; NaN before the first */
    double learning_rate, gradient_norm;
    double seconds; /* of training so far, those before a resume included */
    double tokens_per_second;
} mote_train_progress;

/* Not 0: stop. After a step a checkpoint is saved, before the first nothing is written; mote_train returns
 * MOTE_ERROR_CANCELLED. */
typedef int mote_train_callback(void *user, const mote_train_progress *progress);

typedef struct mote_train_result {
    size_t parameters, steps;
    double loss, bits, perplexity; /* of the validation data: nats a token, bits a base or residue, e^loss */
    double seconds, tokens_per_second;
    double limit_bits, limit_error; /* of simulated genes: their entropy rate and its error; NaN for other data */
    uint64_t planned_bytes;         /* everything that was allocated for the run */
    mote_energy_result energy;      /* of the steps with their evaluations; of modelled joules: of the steps alone */
    char folder[512];               /* where it lies; "" if nothing was written */
    char notice[1200];              /* about a resume that passed over a damaged checkpoint; otherwise "" */
} mote_train_result;

/* Trains. callback may be NULL. Errors: those of the options; MOTE_ERROR_FILE and MOTE_ERROR_IO of data and folder;
 * MOTE_ERROR_MEMORY, with the limit that would work; MOTE_ERROR_UNSUPPORTED if the loss diverged or became NaN, naming
 * the operation and layer where that began; the last good checkpoint is kept. */
MOTE_API mote_status mote_train(mote_context *context, const mote_train_options *options, mote_train_callback *callback,
                                void *user, mote_train_result *result);

/* What mote_train would take, without training. */
typedef struct mote_train_plan {
    mote_model_config model;
    size_t parameters, batch, accumulation, steps;
    double tokens; /* of the whole run */
    mote_plan_memory training;
    uint64_t optimizer, evaluation, data, total; /* bytes; training.total is part of total */
    mote_graph_counts counts;                    /* of one step, the update of the parameters included */
    double multiply_adds, bytes_moved;           /* their sums */
} mote_train_plan;

MOTE_API mote_status mote_train_measure(mote_context *context, const mote_train_options *options,
                                        mote_train_plan *plan);

typedef struct mote_evaluate_options {
    const char *const *data; /* FASTA files; none: simulated genes */
    size_t data_count;
    const char *folder; /* of a trained model */
    const char *policy; /* of the forward pass; NULL: fp32 */
    size_t context;     /* 0: the model's */
    size_t stride;      /* every window scores its last stride tokens; 0: half the context */
    size_t batch;       /* default 8 */
    size_t limit;       /* batches at most; 0: all */
} mote_evaluate_options;

typedef struct mote_evaluate_result {
    size_t tokens;                 /* scored */
    double units;                  /* bases or residues scored */
    double loss, bits, perplexity; /* nats a token, bits a base or residue, e^loss */
    double seconds;
} mote_evaluate_result;

/* Scores data with a trained model by a sliding window; callback's progress has step and steps only. */
MOTE_API mote_status mote_evaluate(mote_context *context, const mote_evaluate_options *options,
                                   mote_train_callback *callback, void *user, mote_evaluate_result *result);

#ifdef __cplusplus
}
#endif
#endif
