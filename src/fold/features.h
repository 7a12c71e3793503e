/* The input of AlphaFold 2's network: rows sampled from an MSA, clustered, masked and put into numbers. Jumper et al.
 * 2021, supplement 1.2.6 to 1.2.9 and table 1; for complexes as in the multimer models, version 3.
 *
 * Each recycling iteration may have its own sample ("ensemble"): the numbers drawn are a function of the seed and the
 * iteration alone, whatever the number of threads. They are Philox's; TensorFlow's or JAX's cannot be repeated, so a
 * sample is one of AlphaFold's by its distribution, not by its bits. */
#ifndef MOTE_FOLD_FEATURES_H
#define MOTE_FOLD_FEATURES_H

#include "fold/msa.h"
#include "io/atom_names.h"

enum { MOTE_MSA_CHANNELS = 49, MOTE_TARGET_CHANNELS = 22, MOTE_TARGET_CHANNELS_MULTIMER = 21, MOTE_TEMPLATES = 4 };

typedef struct mote_features_options {
    size_t clusters; /* rows of the MSA at most, at least 1: AlphaFold 512 (508 beside templates), multimer 508 */
    size_t extra;    /* extra rows at most, at least 1: 1024 or 5120, multimer 2048 or 1152 */
    float replaced;  /* part of the MSA that is masked: 0.15 in AlphaFold, at inference too */
    uint64_t seed;
} mote_features_options;

typedef struct mote_features {
    size_t clusters, extra, length; /* clusters, extra: at most as in the options, and as many as there are rows; where
                                     * none is left for extra, it has one row of zeros, masked */
    size_t extra_rows;              /* rows of extra that are rows of the MSA */
    size_t target_channels;         /* 22; 21 for multimer models */
    float *target;                  /* [length, target_channels] "target_feat": 0 (between_segment_residues; not for
                                     * multimer models), then the type one-hot */
    float *msa;      /* [clusters, length, 49] "msa_feat": 0-22 code one-hot, 23 has deletion, 24 deletion value, 25-47
                      * cluster profile, 48 mean deletion value of the cluster */
    float *msa_mask; /* [clusters, length]: ones */
    uint8_t *true_msa;           /* [clusters, length]: codes before masking */
    float *bert_mask;            /* [clusters, length]: 1 where a code was masked (also where it stayed the same) */
    uint8_t *extra_msa;          /* [extra, length]: codes */
    float *extra_mask;           /* [extra, length] */
    float *extra_has_deletion;   /* [extra, length]: 0 or 1 */
    float *extra_deletion_value; /* [extra, length]: 2 / pi atan(deletions / 3) */
    float *seq_mask;             /* [length]: ones */
    uint32_t *rows;              /* [clusters + extra_rows]: which row of the MSA each is */
    /* no templates: what AlphaFold's network gets where there are none */
    uint8_t *template_types;             /* [4, length]: zeros */
    float *template_positions;           /* [4, length, 37, 3]: zeros */
    float *template_atom_mask;           /* [4, length, 37]: zeros */
    float template_mask[MOTE_TEMPLATES]; /* zeros */
    mote_features_options options;
    size_t bytes; /* of all that and of what drawing needs */
    struct mote_features_memory *memory;
} mote_features;

/* Memory for samples of msa, and what is the same in all of them. The caller owns *features (mote_features_free); NULL
 * on failure. Fails with MOTE_ERROR_ARGUMENT (options), MOTE_ERROR_MEMORY. */
mote_status mote_features_create(mote_context *context, const mote_msa *msa, const mote_features_options *options,
                                 mote_features **features);

/* Draws sample number index, in these steps:
 * 1. clusters: the query, then rows without replacement; all others are extra (supplement 1.2.7).
 * 2. each code of a cluster is masked with probability options.replaced: 10 % a residue type at random, 10 % one of the
 *    column's profile, 10 % unchanged, 70 % the mask (1.2.6).
 * 3. each extra row joins the cluster that agrees with it in most places; gaps and masks do not count, of equals the
 *    first is taken. The cluster's profile and deletions are means over it and its rows (1.2.7). In multimer models
 *    equals share the row, and each row counts as often as there are residues, as in the published network.
 * 4. extra is cut to its size; it is in random order.
 * msa is the one of mote_features_create(). Allocates nothing, and cannot fail. */
void mote_features_sample(const mote_context *context, const mote_msa *msa, uint32_t index, mote_features *features);

/* NULL is allowed. */
void mote_features_free(mote_features *features);

#endif
