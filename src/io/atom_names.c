/* The names of residues and atoms. */
#include "io/atom_names.h"

#include <string.h>

static const char residues[MOTE_RESIDUE_TYPES][4] = {
    "ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE", "LEU",
    "LYS", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL", "UNK",
};

static const char atoms[MOTE_ATOM_COUNT][4] = {
    "N",   "CA",  "C",   "CB",  "O",   "CG", "CG1", "CG2", "OG",  "OG1", "SG",  "CD",  "CD1",
    "CD2", "ND1", "ND2", "OD1", "OD2", "SD", "CE",  "CE1", "CE2", "CE3", "NE",  "NE1", "NE2",
    "OE1", "OE2", "CH2", "NH1", "NH2", "OH", "CZ",  "CZ2", "CZ3", "NZ",  "OXT",
};

static int find(size_t count, const char names[][4], const char *name, size_t length)
{
    for (size_t i = 0; i < count && length > 0 && length < sizeof names[i]; i++) {
        if (memcmp(names[i], name, length) == 0 && names[i][length] == '\0') {
            return (int)i;
        }
    }
    return -1;
}

const char *mote_residue_name(int type) { return residues[type]; }

int mote_residue_named(const char *name, size_t length) { return find(MOTE_RESIDUE_TYPES, residues, name, length); }

const char *mote_atom_name(int atom) { return atoms[atom]; }

int mote_atom_named(const char *name, size_t length) { return find(MOTE_ATOM_COUNT, atoms, name, length); }
