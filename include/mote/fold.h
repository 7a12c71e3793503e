/* Folding: from an alignment of a protein's sequence, or of a complex's, to its structure, by AlphaFold 2's network.
 *
 * Jumper et al., Nature 596 (2021), supplement 1 ("algorithm n"); Evans et al., bioRxiv 2021.10.04.463034 (multimer).
 * Weights are files of the published parameters: AlphaFold's .npz, OpenFold's .pt, .safetensors with OpenFold's names,
 * or what mote cast made of these. mote has none of its own. No templates are used.
 */
#ifndef MOTE_FOLD_H
#define MOTE_FOLD_H

#include "mote/graph.h"
#include "mote/structure_module.h"
#include "mote/trunk.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Strings and arrays belong to the caller. 0 or NULL in a field means its default. */
typedef struct mote_fold_options {
    const char *input;          /* A3M, Stockholm or FASTA, plain or compressed */
    const char *const *weights; /* files; each is a model that predicts */
    size_t weight_count;
    const char *policy; /* formats of products: a name or JSON, see mote_policy_set; NULL: fp32, or, with weights in a
                           block format, the policy that this format has */
    mote_format pairs;  /* in which pairs and MSA are kept between modules; default MOTE_FP32 */
    size_t clusters;    /* rows of the MSA at most; default 512, multimer 508 */
    size_t extra;       /* extra rows at most; default 1024, multimer 2048 */
    int recycles;       /* rounds after the first at most; default 3, multimer 20; negative: none */
    double tolerance;   /* a change of CA distances, in angstrom, below which recycling ends; default 0 (never),
                           multimer 0.5; negative: never */
    uint64_t seed;      /* of the first prediction of each model; the next have seed + 1, ... */
    size_t seeds;       /* predictions of each model; default 1 */
    uint64_t memory_limit; /* bytes that a prediction may take; 0: no limit */
} mote_fold_options;

/* What mote_fold() would take, exactly but for the time. */
typedef struct mote_fold_plan {
    char policy[128];                  /* its name, or "custom" */
    size_t residues, chains, rows;     /* rows: different ones of the alignment */
    size_t clusters, extra;            /* rows that the network sees */
    size_t recycles, predictions;      /* at most */
    size_t piece;                      /* rows or columns of pairs computed at a time */
    mote_plan_memory memory;           /* of the network */
    uint64_t features;                 /* bytes of features and results */
    uint64_t graph;                    /* of the network's description */
    uint64_t total;                    /* of everything, the largest model's */
    uint64_t available;                /* bytes that the limit, or this machine, has; 0: unknown */
    size_t longest;                    /* residues that fit into available with as many rows; 0: unknown */
    double multiply_adds, bytes_moved; /* of one round: of the products; by all operations */
} mote_fold_plan;

typedef enum mote_fold_stage {
    MOTE_FOLD_READING = 0,   /* input and weights */
    MOTE_FOLD_FEATURES = 1,  /* of a round */
    MOTE_FOLD_PREDICTING = 2 /* a round of the network */
} mote_fold_stage;

typedef struct mote_fold_progress {
    mote_fold_stage stage;
    size_t prediction, predictions; /* from 0 */
    size_t round, rounds;           /* from 0; rounds: at most */
    const char *layer;              /* what is being computed, "evoformer.blocks.7.msa_att_row"; "" outside of rounds */
    double done;                    /* part of everything, 0 to 1, as if no recycling ended early */
    double lddt;                    /* mean of the last round; NaN before the first */
    double seconds;
} mote_fold_progress;

/* Not 0: stop; mote_fold returns MOTE_ERROR_CANCELLED. */
typedef int mote_fold_callback(void *user, const mote_fold_progress *progress);

/* One model's prediction with one seed. */
typedef struct mote_fold_prediction {
    char model[128]; /* the weights' file without folder and ending */
    uint64_t seed;
    size_t rounds;            /* that were run, the first included */
    double change;            /* of CA distances in the last round, angstrom; NaN after one round */
    double lddt;              /* mean of lddt */
    double tm, interface_tm;  /* pTM, ipTM; NaN where the model has no head for them, or a single chain */
    double score;             /* by which predictions are ranked: lddt, or 80 ipTM + 20 pTM for complexes */
    float *residue_lddt;      /* [residues]: 0 to 100 */
    float *aligned_error;     /* [residues, residues] in angstrom: of a column's residue in a row's frame; NULL without
                                 that head */
    float *positions;         /* [residues, 37, 3] in angstrom */
    unsigned char *atom_mask; /* [residues, 37]: 1 where there is an atom */
    double seconds;
} mote_fold_prediction;

typedef struct mote_fold_result {
    char name[128]; /* of the input, without folder and endings */
    size_t residues, chains;
    const unsigned char *types; /* [residues]: 0 to 20, in the order ARNDCQEGHILKMFPSTWYVX */
    const int *chain_of;        /* [residues]: from 0 */
    const int *index;           /* [residues]: from 0 in each chain */
    size_t rows;                /* of the alignment, without duplicates; the first is the query */
    const unsigned char *codes; /* [rows, residues]: types, and 21 for gaps */
    size_t count;
    mote_fold_prediction *predictions; /* [count], best first */
    mote_fold_plan plan;
    double seconds;
    double joules;           /* NaN: unavailable */
    char joules_source[512]; /* "measured: ...", "modelled: ..." or "unavailable: ..." */
    struct mote_fold_memory *memory;
} mote_fold_result;

/* Predicts. The caller owns *result (mote_fold_free); NULL on failure. Same options, same bits, whatever the number of
 * threads. Errors: those of the files; MOTE_ERROR_ARGUMENT of options, and several chains with a monomer's weights;
 * MOTE_ERROR_MEMORY with the smallest limit that works; MOTE_ERROR_CANCELLED. callback may be NULL. */
MOTE_API mote_status mote_fold(mote_context *context, const mote_fold_options *options, mote_fold_callback *callback,
                               void *user, mote_fold_result **result);

/* What it would take. Reads the input, and of the weights the header. */
MOTE_API mote_status mote_fold_measure(mote_context *context, const mote_fold_options *options, mote_fold_plan *plan);

/* NULL is allowed. */
MOTE_API void mote_fold_free(mote_fold_result *result);

/* Writes into folder, which is made if need be: of each prediction, in order of rank, "NAME_rank_1_MODEL_seed_0.pdb"
 * (left out where a PDB file has no room), ".cif" with pLDDT as B factor, and ".json" with scores and aligned error;
 * and "run.json": what ran, where, with what memory, time and joules. Each file is whole or not there. */
MOTE_API mote_status mote_fold_write(mote_context *context, const mote_fold_result *result, const char *folder);

/* Writes the report on a result as one HTML file that works offline: the structure, pLDDT along the chains, aligned
 * errors, coverage of the alignment, memory, time and joules. */
MOTE_API mote_status mote_fold_report(mote_context *context, const mote_fold_result *result, const char *path);

#ifdef __cplusplus
}
#endif
#endif
