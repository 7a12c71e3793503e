/* What the steps of a sample share. Each is a loop over rows whose tasks write rows of their own, so that the number
 * of threads does not matter. */
#ifndef MOTE_FOLD_FEATURES_STATE_H
#define MOTE_FOLD_FEATURES_STATE_H

#include "base/arena.h"
#include "base/philox.h"
#include "fold/features.h"

/* Where the profile and what follows it lie in a row of msa_feat. */
enum {
    MOTE_FEATURE_HAS_DELETION = 23,
    MOTE_FEATURE_DELETION_VALUE = 24,
    MOTE_FEATURE_PROFILE = 25,
    MOTE_FEATURE_DELETION_MEAN = 48
};

struct mote_features_memory {
    mote_context *context;
    mote_arena arena;
    size_t others;     /* rows that are no cluster */
    size_t words;      /* of 64 bits a row of members */
    uint32_t *order;   /* [rows]: clusters, then the others */
    uint8_t *codes;    /* [clusters, length]: after masking */
    uint8_t *keys;     /* [clusters, length]: codes, but what agrees with nothing where they are gaps or masks */
    uint64_t *members; /* [others, words]: bit c of row o: it is in cluster c */
    float *shares;     /* [others]: what it counts there */
};

/* A sample under way. */
typedef struct mote_features_task {
    const mote_msa *msa;
    mote_features *features;
    uint32_t index;
} mote_features_task;

/* What numbers are drawn for: the high word of Philox's counter. Below are the sample's index and 64 bits of place. */
typedef enum mote_features_draw { MOTE_DRAW_ORDER = 64, MOTE_DRAW_REPLACE } mote_features_draw;

static inline void mote_features_words(const mote_features_task *t, mote_features_draw use, uint64_t place,
                                       uint32_t words[4])
{
    uint64_t seed = t->features->options.seed;
    words[0] = (uint32_t)place;
    words[1] = (uint32_t)(place >> 32);
    words[2] = t->index;
    words[3] = use;
    mote_philox4x32(words, (uint32_t)seed, (uint32_t)(seed >> 32));
}

/* 2 / pi atan(deletions / 3), supplement table 1. In FP64, whose rounding hides differences of mathematical libraries.
 */
float mote_deletion_value(double deletions);

/* Fills codes, keys, true_msa and bert_mask of the clusters (mask.c). */
void mote_features_mask(const mote_context *context, mote_features_task *task);

/* Fills members and shares, and of msa_feat the clusters' profiles and mean deletions (cluster.c). */
void mote_features_cluster(const mote_context *context, mote_features_task *task);

#endif
