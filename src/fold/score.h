/* How alike two structures of the same residues are. Points are alpha carbons (or any one atom a residue), [count, 3]
 * in angstrom; mask is [count], 1 where both structures have the residue, or NULL for everywhere. All sums are FP64 and
 * in order, so that the same points give the same bits. */
#ifndef MOTE_FOLD_SCORE_H
#define MOTE_FOLD_SCORE_H

#include "base/context.h"

/* target is nearest to rotation * mobile + translation. */
typedef struct mote_superposition {
    double rotation[3][3], translation[3];
    double rmsd; /* angstrom, after it */
} mote_superposition;

/* The best rigid superposition of mobile on target, without reflection (Kabsch 1976; by the quaternion of Horn 1987,
 * which cannot reflect). No points: the identity, and an rmsd of 0. */
void mote_superpose(size_t count, const float *mobile, const float *target, const uint8_t *mask,
                    mote_superposition *superposition);

/* TM-score of model against target, 0 to 1 (Zhang and Skolnick 2004): the mean over length residues of
 * 1 / (1 + (d / d0)^2), with d0 = 1.24 (length - 15)^(1/3) - 1.8 and at least 0.5, under the superposition that makes
 * it largest. The search is that paper's: from superpositions of all stretches of the length, half of it, a quarter and
 * so on down to 4 residues, each refined over the residues it brings near. length: of the target, of which residues may
 * be missing in mask. Error: MOTE_ERROR_MEMORY. */
mote_status mote_tm_score(mote_context *context, size_t count, const float *model, const float *target,
                          const uint8_t *mask, size_t length, double *score);

/* lDDT of model against target, 0 to 1 (Mariani et al. 2013, as in Jumper et al. 2021, supplement 1.9.6): of the pairs
 * nearer than 15 angstrom in target, the part whose distance is kept within 0.5, 1, 2 and 4 angstrom, averaged over the
 * four. each: [count], the same for each residue alone, or NULL. Without any pair the score is 1, as there. */
double mote_lddt(size_t count, const float *model, const float *target, const uint8_t *mask, float *each);

#endif
