/* What structure files call the residues and heavy atoms of proteins.
 *
 * Residue types are AlphaFold's (Jumper et al. 2021, supplement 1.2.1): ARNDCQEGHILKMFPSTWYV and X, the order of
 * mote_residue_type() in io/alignment.h. Atoms are its "atom37": every name that one of the twenty residues has. */
#ifndef MOTE_IO_ATOM_NAMES_H
#define MOTE_IO_ATOM_NAMES_H

#include <stddef.h>

enum { MOTE_RESIDUE_X = 20, MOTE_RESIDUE_TYPES = 21 };

typedef enum mote_atom {
    MOTE_ATOM_N,
    MOTE_ATOM_CA,
    MOTE_ATOM_C,
    MOTE_ATOM_CB,
    MOTE_ATOM_O,
    MOTE_ATOM_CG,
    MOTE_ATOM_CG1,
    MOTE_ATOM_CG2,
    MOTE_ATOM_OG,
    MOTE_ATOM_OG1,
    MOTE_ATOM_SG,
    MOTE_ATOM_CD,
    MOTE_ATOM_CD1,
    MOTE_ATOM_CD2,
    MOTE_ATOM_ND1,
    MOTE_ATOM_ND2,
    MOTE_ATOM_OD1,
    MOTE_ATOM_OD2,
    MOTE_ATOM_SD,
    MOTE_ATOM_CE,
    MOTE_ATOM_CE1,
    MOTE_ATOM_CE2,
    MOTE_ATOM_CE3,
    MOTE_ATOM_NE,
    MOTE_ATOM_NE1,
    MOTE_ATOM_NE2,
    MOTE_ATOM_OE1,
    MOTE_ATOM_OE2,
    MOTE_ATOM_CH2,
    MOTE_ATOM_NH1,
    MOTE_ATOM_NH2,
    MOTE_ATOM_OH,
    MOTE_ATOM_CZ,
    MOTE_ATOM_CZ2,
    MOTE_ATOM_CZ3,
    MOTE_ATOM_NZ,
    MOTE_ATOM_OXT,
    MOTE_ATOM_COUNT
} mote_atom;

/* "ALA" to "VAL", "UNK"; type below MOTE_RESIDUE_TYPES. */
const char *mote_residue_name(int type);

/* The type of a name of length letters, upper case; -1 if it is none of these. */
int mote_residue_named(const char *name, size_t length);

/* "N" to "OXT"; the first letter is the element. */
const char *mote_atom_name(int atom);

/* The atom of a name; -1 if it is none of these. */
int mote_atom_named(const char *name, size_t length);

#endif
