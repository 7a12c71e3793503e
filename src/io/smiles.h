/* Molecules written as SMILES: graphs of atoms and bonds.
 *
 * Format: the OpenSMILES specification 1.0 (Craig James et al. 2016, opensmiles.org), sections 3 and 4. */
#ifndef MOTE_IO_SMILES_H
#define MOTE_IO_SMILES_H

#include "base/context.h"

enum { MOTE_SMILES_BYTES = 1 << 14 };

typedef enum mote_bond_order {
    MOTE_BOND_SINGLE = 1,
    MOTE_BOND_DOUBLE = 2,
    MOTE_BOND_TRIPLE = 3,
    MOTE_BOND_QUADRUPLE = 4,
    MOTE_BOND_AROMATIC = 5
} mote_bond_order;

typedef struct mote_smiles_atom {
    uint8_t element;   /* atomic number; 0: any atom, '*' */
    uint8_t hydrogens; /* that are not atoms of the graph: as written in brackets, otherwise what the valence leaves */
    int8_t charge;     /* -15 to 15 */
    bool aromatic, ring;
} mote_smiles_atom;

typedef struct mote_smiles_bond {
    uint32_t atoms[2]; /* the earlier one in the text first */
    uint8_t order;     /* a mote_bond_order */
    bool ring;         /* part of a cycle */
} mote_smiles_bond;

/* Parts that no bond joins ("[Na+].[Cl-]") are one molecule. */
typedef struct mote_molecule {
    size_t atom_count, bond_count; /* at least one atom */
    mote_smiles_atom *atoms;
    mote_smiles_bond *bonds;
    uint32_t *first;    /* [atom_count + 1]: where an atom's bonds begin in incident */
    uint32_t *incident; /* [2 bond_count]: numbers of bonds */
} mote_molecule;

/* Reads length bytes of text; blanks at the end are passed over. Chirality, isotopes, directions of bonds and atom
 * classes are checked and left out. An aromatic bond that is written by nothing between two atoms is single where it
 * is no part of a cycle, as toolkits read it. place: what the text is, at the head of messages.
 *
 * On success the caller owns *molecule (mote_molecule_free); on failure it is NULL. Errors: MOTE_ERROR_FILE with a
 * message that names place and column (from 1), and what was expected: a byte that may not stand there, an element
 * that is none, rings and branches that are not closed, two bonds between the same atoms, a charge beyond 15, more
 * than MOTE_SMILES_BYTES bytes, no atom; MOTE_ERROR_MEMORY. */
mote_status mote_smiles_read(mote_context *context, const char *place, const char *text, size_t length,
                             mote_molecule **molecule);

/* NULL is allowed. */
void mote_molecule_free(mote_context *context, mote_molecule *molecule);

/* The atom at the other end of a bond. */
static inline uint32_t mote_bond_other(const mote_smiles_bond *bond, uint32_t atom)
{
    return bond->atoms[bond->atoms[0] == atom];
}

#endif
