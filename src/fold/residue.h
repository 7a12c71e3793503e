/* Residues as AlphaFold 2 builds them: atoms, torsion angles and rigid groups with their ideal geometry.
 *
 * Jumper et al. 2021, supplement 1.8 and its tables 2 (rigid groups) and 3 (ambiguous names); the numbers are those of
 * the published parameters' residue constants (Engh and Huber's geometry). Types and atoms are numbered as in
 * io/atom_names.h.
 *
 * A residue has eight rigid groups (supplement 1.8.4): 0 the backbone, 1 pre-omega (no atoms), 2 phi (no heavy
 * atoms), 3 psi, 4 to 7 chi 1 to 4. Atom positions are relative to their group's frame, in angstrom: the origin is the
 * atom where the axis of the torsion ends, x runs along the axis, and the atom that defines the angle is in the x-y
 * plane with y > 0. */
#ifndef MOTE_FOLD_RESIDUE_H
#define MOTE_FOLD_RESIDUE_H

#include <stdint.h>

#include "io/atom_names.h"

enum { MOTE_ATOM14 = 14, MOTE_RIGID_GROUPS = 8, MOTE_CHI_ANGLES = 4, MOTE_CHI_GROUP = 4, MOTE_RESIDUE_SWAPS = 2 };

typedef struct mote_residue_atom {
    uint8_t atom, group; /* a mote_atom; a rigid group */
    int16_t position[3]; /* in thousandths of an angstrom, as they were published */
} mote_residue_atom;

typedef struct mote_residue {
    char letter;
    uint8_t atom_count;                   /* 0 for X, otherwise 4 to 14 */
    uint8_t chi_count;                    /* 0 to 4 */
    uint8_t chi_symmetric;                /* bit k: chi k + 1 is the same after half a turn */
    mote_residue_atom atoms[MOTE_ATOM14]; /* in the order of "atom14" */
    /* chi k + 1 turns about chi_chain[k + 1] - chi_chain[k + 2], between the atoms chi_chain[k] and chi_chain[k + 3] */
    uint8_t chi_chain[MOTE_CHI_ANGLES + 3];
    /* pairs of atom14 whose names may be exchanged (supplement 1.8.5); 0, 0: none */
    uint8_t swaps[MOTE_RESIDUE_SWAPS][2];
} mote_residue;

/* type below MOTE_RESIDUE_TYPES; static storage. */
const mote_residue *mote_residue_row(int type);

/* Everything above as arrays over types, the form in which networks gather it. Entries that mean nothing are zero, as
 * in AlphaFold: maps point at atom 0, and groups without a torsion have frames of zeros. */
typedef struct mote_residue_tables {
    float atom14_mask[MOTE_RESIDUE_TYPES][MOTE_ATOM14];
    float atom37_mask[MOTE_RESIDUE_TYPES][MOTE_ATOM_COUNT]; /* without OXT, which no residue has of its own */
    uint8_t atom14_to_atom37[MOTE_RESIDUE_TYPES][MOTE_ATOM14];
    uint8_t atom37_to_atom14[MOTE_RESIDUE_TYPES][MOTE_ATOM_COUNT];
    uint8_t atom14_group[MOTE_RESIDUE_TYPES][MOTE_ATOM14];
    float atom14_position[MOTE_RESIDUE_TYPES][MOTE_ATOM14][3]; /* angstrom, in the group's frame */
    uint8_t atom14_swap[MOTE_RESIDUE_TYPES][MOTE_ATOM14];      /* the atom under the other name, or itself */
    float atom14_ambiguous[MOTE_RESIDUE_TYPES][MOTE_ATOM14];   /* 1: it has another name */
    float chi_mask[MOTE_RESIDUE_TYPES][MOTE_CHI_ANGLES];
    float chi_symmetric[MOTE_RESIDUE_TYPES][MOTE_CHI_ANGLES];
    uint8_t chi_atoms[MOTE_RESIDUE_TYPES][MOTE_CHI_ANGLES][MOTE_CHI_GROUP]; /* atom37 */
    /* [.., 3, 4]: rotation and, as the last column, translation, from a group to the backbone (groups 1 to 4) or to
     * the group before (5 to 7), with the torsion at zero */
    float frames[MOTE_RESIDUE_TYPES][MOTE_RIGID_GROUPS][3][4];
} mote_residue_tables;

void mote_residue_tables_fill(mote_residue_tables *tables);

#endif
