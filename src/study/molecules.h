/* Molecules as tasks see them: numbers of atoms and bonds, fingerprints, scaffolds. */
#ifndef MOTE_STUDY_MOLECULES_H
#define MOTE_STUDY_MOLECULES_H

#include "io/smiles.h"
#include "study/sheet.h"

enum {
    MOTE_ATOM_FEATURES = 24,
    MOTE_BOND_KINDS = 4,   /* single, double, triple and above, aromatic */
    MOTE_FINGERPRINT = 256 /* numbers */
};

/* The first arrays of a task on molecules. */
enum { MOTE_MOLECULE_ATOMS, MOTE_MOLECULE_BONDS, MOTE_MOLECULE_MASK, MOTE_MOLECULE_FINGERPRINT, MOTE_MOLECULE_ARRAYS };

/* Declares them for molecules of at most atoms atoms: "atoms" [atoms, MOTE_ATOM_FEATURES], "bonds" int32 [atoms,
 * atoms] (0 none, 1 to MOTE_BOND_KINDS), "mask" [atoms] and "fingerprint" [MOTE_FINGERPRINT]. */
void mote_molecules_declare(mote_task_data *data, size_t atoms);

/* The SMILES in a cell. The caller frees *molecule. Errors: those of mote_smiles_read, naming file, row and column. */
mote_status mote_sheet_molecule(const mote_sheet *sheet, size_t row, size_t column, mote_molecule **molecule);

/* Puts the molecule of a cell into a sample's arrays; of a larger one the first atoms in the order of its SMILES.
 * Features are element, neighbours and hydrogens as ones and zeros, charge, aromatic, ring. The fingerprint is log(1 +
 * how often) each environment of up to two bonds occurs, by a hash of it (Rogers and Hahn, J. Chem. Inf. Model. 50
 * (2010) 742), and sees all atoms. Errors: those of mote_sheet_molecule. */
mote_status mote_molecule_put(const mote_sheet *sheet, size_t row, size_t column, const mote_task_split *split,
                              size_t sample);

/* A hash of the scaffold: rings, what links them, and what is bonded to these twice (Bemis and Murcko, J. Med. Chem. 39
 * (1996) 2887); hydrogens do not count. 0: no ring. Graphs are told apart by colours of their atoms (Weisfeiler and
 * Leman 1968) and by which bonds are in rings, which is not proof but enough to group. Errors: MOTE_ERROR_MEMORY. */
mote_status mote_molecule_scaffold(mote_context *context, const mote_molecule *molecule, uint64_t *scaffold);

typedef enum mote_part { MOTE_PART_TRAINING, MOTE_PART_VALIDATION, MOTE_PART_TEST } mote_part;

/* MoleculeNet's scaffold split (Wu et al. 2018, arXiv 1703.00564, section 3.2; order and cuts as in DeepChem): groups
 * of one scaffold, the largest first, are training samples up to 80 %, then validation up to 90 %, then test. Errors:
 * MOTE_ERROR_MEMORY. */
mote_status mote_split_scaffolds(mote_task_data *data, size_t count, const uint64_t *scaffolds, mote_part *parts);

/* The model of these tasks: message passing over bonds, atoms summed up, a perceptron: [batch, outputs]. inputs are the
 * task's. */
mote_value mote_molecule_network(mote_graph *graph, const mote_value *inputs, size_t outputs);

#endif
