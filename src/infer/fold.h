/* What the steps of folding share. */
#ifndef MOTE_INFER_FOLD_H
#define MOTE_INFER_FOLD_H

#include "base/arena.h"
#include "fold/features.h"
#include "fold/residue.h"
#include "mote/fold.h"
#include "mote/weights.h"

/* Sizes of a model and of what it is given. */
typedef struct mote_fold_sizes {
    mote_trunk_config trunk;
    mote_structure_config structure;
    mote_trunk_lengths lengths;
} mote_fold_sizes;

/* The network of one round: trunk, structure module and the heads that tell how sure it is. */
typedef struct mote_fold_network {
    mote_graph *graph;
    mote_trunk trunk;
    mote_value aatype;                          /* an input */
    mote_value first_row, atoms, lddt, aligned; /* results; aligned: MOTE_NO_VALUE without that head */
} mote_fold_network;

/* The graph of a round, its products by policy, without gradients. On failure the graph is NULL. */
mote_status mote_fold_network_create(mote_context *context, const mote_fold_sizes *sizes, const mote_policy_set *policy,
                                     mote_fold_network *network);
void mote_fold_network_destroy(mote_fold_network *network);

/* The published model's sizes for rows of this MSA, for when there are no weights. */
mote_fold_sizes mote_fold_published(bool multimer);

/* The name of the policy of an inference whose weights have a format. */
const char *mote_fold_policy_of(mote_format weights);

/* What a prediction has beside the network, in bytes. */
uint64_t mote_fold_beside(const mote_fold_sizes *sizes, const mote_msa *msa, const mote_features *features,
                          size_t predictions);

/* Chooses sizes->trunk.piece: the published one, or the largest below it with which network and beside fit into
 * available (0: unknown). Fills memory, piece, total and longest of plan. MOTE_ERROR_MEMORY names the smallest limit
 * that works. */
mote_status mote_fold_fit(mote_context *context, mote_fold_sizes *sizes, const mote_policy_set *policy, uint64_t beside,
                          uint64_t available, mote_fold_plan *plan);

/* A network with weights, and what it is predicting. */
typedef struct mote_fold_round {
    mote_context *context;
    const mote_fold_sizes *sizes;
    const mote_fold_network *network;
    mote_plan *plan;
    const mote_msa *msa;
    mote_features *features;
    float *points, *before; /* [residues, 3]: CB, or CA, of the round before; CA of that and the one before it */
    float *after;           /* [residues, 3]: CA of the last round */
    float *first_row;       /* [residues, c_m]: of the last round's MSA */
} mote_fold_round;

/* Makes the inputs of the first round: nothing is known of a round before. */
void mote_fold_round_begin(const mote_fold_round *round);

/* Draws features for round number index of seed, and gives them to the network. */
void mote_fold_round_features(const mote_fold_round *round, uint64_t seed, size_t index);

/* Reads atoms and lDDT of the last run into prediction. change: root mean square change of CA distances since the round
 * before. MOTE_ERROR_UNSUPPORTED if results are not finite. */
mote_status mote_fold_round_read(const mote_fold_round *round, mote_fold_prediction *prediction);

/* Makes the last run the round before of the next; its results are gone then. */
void mote_fold_round_carry(const mote_fold_round *round);

/* Aligned errors, pTM and ipTM of the last run, and the score by which predictions are ranked. */
void mote_fold_round_score(const mote_fold_round *round, mote_fold_prediction *prediction);

struct mote_fold_memory {
    mote_context *context;
    mote_arena arena;
    mote_msa *msa;
};

#endif
