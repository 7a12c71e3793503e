/* What AlphaFold 2 makes of an alignment once, before it samples: Jumper et al. 2021, supplement 1.2.2 to 1.2.5, and
 * for complexes Evans et al. 2021, "Protein complex prediction with AlphaFold-Multimer", supplement 7.2. */
#ifndef MOTE_FOLD_MSA_H
#define MOTE_FOLD_MSA_H

#include "base/context.h"
#include "io/alignment.h"

/* Codes of rows: the 20 residue types, X, gap (both as in mote_residue_type()), and the mask of masked rows. */
enum { MOTE_MSA_X = 20, MOTE_MSA_GAP = 21, MOTE_MSA_MASK = 22, MOTE_MSA_CODES = 23, MOTE_MSA_PROFILE = 22 };

typedef struct mote_msa {
    size_t rows, length;    /* at least 1 each; length in residues of all chains, each as often as it occurs */
    size_t chain_count;     /* copies counted */
    bool multimer;          /* made for the multimer models */
    uint8_t *types;         /* [length]: residue types 0 to 20 ("aatype") */
    int32_t *residue_index; /* [length]: from 0 in each chain */
    int32_t *asym_id;       /* [length]: which chain, from 1 */
    int32_t *entity_id;     /* [length]: which sequence, from 1; chains of one sequence share it and lie together */
    int32_t *sym_id;        /* [length]: which copy of the entity, from 1 */
    uint8_t *codes;         /* [rows, length]: 0 to 21; the first row is the query */
    uint16_t *deletions;    /* [rows, length] */
    float *profile;         /* [length, 22]: how often each code is in a column ("hhblits_profile") */
    struct mote_msa_memory *memory;
} mote_msa;

/* For the monomer models: the rows of an alignment of one chain in AlphaFold's codes. Rows whose columns repeat an
 * earlier row's are left out; insertions do not count. (AlphaFold compares letters; B and D, Z and E, U and C, and J, O
 * and X are one code here.) The caller owns *msa (mote_msa_free); NULL on failure. Fails with MOTE_ERROR_ARGUMENT if
 * the alignment has more chains than one, or copies; MOTE_ERROR_MEMORY. */
mote_status mote_msa_monomer(mote_context *context, const mote_alignment *alignment, mote_msa **msa);

/* For the multimer models: chains of the same sequence become one entity; its chains lie together, entities in the
 * order in which they appear first. A row that has residues in one chain alone is unpaired, any other is paired.
 *
 * One entity: all rows, each repeated in every chain of it. More: first paired rows, at most 1024, across all
 * chains; behind them, entity by entity, its unpaired rows that repeat no paired row there, in blocks along the
 * diagonal with gaps outside. An entity has at most 2048 rows, of which those that take part in paired rows count.
 * Duplicates are left out as in mote_msa_monomer().
 *
 * Not done: AlphaFold pairs rows itself, by species identifiers of UniProt, best by similarity to the query; here rows
 * are paired where the alignment has them in one row (as ColabFold's are), and stay in its order. AlphaFold's padding
 * to 512 rows is not done either: mote_features_sample() counts what there is. */
mote_status mote_msa_multimer(mote_context *context, const mote_alignment *alignment, mote_msa **msa);

/* NULL is allowed. */
void mote_msa_free(mote_msa *msa);

#endif
