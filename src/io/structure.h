/* Structures of proteins as AlphaFold's atom37: read from PDB and mmCIF files, written as both.
 *
 * Formats: PDB Contents Guide 3.30, sections Coordinate; PDBx/mmCIF, categories atom_site, entity_poly_seq and, for
 * predictions, ModelCIF's ma_qa_metric_local. */
#ifndef MOTE_IO_STRUCTURE_H
#define MOTE_IO_STRUCTURE_H

#include "base/context.h"
#include "io/atom_names.h"

typedef struct mote_structure {
    size_t residues, chain_count; /* at least 1 each */
    const char **chain_names;     /* [chain_count]: printable ASCII without blanks */
    uint8_t *types;               /* [residues]: residue types, MOTE_RESIDUE_X for others */
    uint32_t *chains;             /* [residues]: which chain; rises from 0 by steps of one */
    int32_t *numbers;             /* [residues]: as in the file; need be neither dense nor rising */
    char *insertions;             /* [residues]: what tells residues of the same number apart, or '\0' */
    float *positions;             /* [residues, 37, 3] in angstrom, zero where there is no atom */
    uint8_t *mask;                /* [residues, 37]: 1 where there is an atom, otherwise 0 */
    float *factors;               /* [residues]: B factor of the alpha carbon, or of the first atom; in predictions the
                                   * pLDDT, 0 to 100 */
    struct mote_structure_memory *memory;
} mote_structure;

/* Reads the proteins of the first model in path; plain, gzip or bgzip, the content tells the format.
 *
 * Read are the residues of polymers (ATOM records; HETATM records before their chain's TER in PDB files, with a
 * label_seq_id in mmCIF files) that are one of the twenty or UNK, selenomethionine as methionine (SE as SD), and any
 * other with N, CA and C as X. Nucleotides, ligands and water are left out, and so are hydrogens and atoms that are
 * none of the 37. Of alternative locations the most occupied is read, the first among equals; of residues that share a
 * place the first. Chains and numbers are the authors' (mmCIF: auth_*, or label_* where there are none).
 *
 * On success the caller owns *structure (mote_structure_free); on failure it is NULL. Fails with MOTE_ERROR_IO;
 * MOTE_ERROR_FILE with a message that names file, line and column: neither format, a number that is none, a row without
 * all its columns, no protein, more than 2^22 residues or 2^14 chains; and as mote_text_file_read() does. */
mote_status mote_structure_read(mote_context *context, const char *path, mote_structure **structure);

enum { MOTE_CHAIN_NAME_BYTES = 32 };

/* What chain (from 0) of a prediction is called: A to Z, a to z, 0 to 9, as far as PDB files have room, then AA, AB and
 * so on. Returns a place in name. */
const char *mote_chain_name(size_t chain, char name[MOTE_CHAIN_NAME_BYTES]);

/* A structure to be filled and written: all arrays zero, every residue in chain 0, chains named as above. Owned by the
 * caller; NULL with the message set. */
mote_structure *mote_structure_create(mote_context *context, size_t residues, size_t chain_count);

/* NULL is allowed. */
void mote_structure_free(mote_structure *structure);

/* Writes path as a PDB file: one model, chains ended by TER, factors as B factors, blank-padded to 80 columns. The
 * format ends at 99999 atoms, at residue numbers from -999 to 9999, at coordinates of 4 digits before the point, and at
 * chain names of one letter; beyond it fails with MOTE_ERROR_UNSUPPORTED and says that mmCIF has room. Fails
 * with MOTE_ERROR_ARGUMENT where a number is not finite or there is no atom. Writes the whole file or nothing. */
mote_status mote_structure_write_pdb(mote_context *context, const char *path, const mote_structure *structure);

/* Writes path as a ModelCIF file of a prediction called name (letters, digits, '-', '_', '.'; "" is "model"): entities
 * (chains of the same residues share one), sequences, atoms, factors as B factors and as pLDDT in ma_qa_metric_*, as in
 * the AlphaFold database. label_seq_id counts from 1 in each chain; auth_seq_id is the residue's number. Fails with
 * MOTE_ERROR_ARGUMENT where a number is not finite, a name does not fit or there is no atom. */
mote_status mote_structure_write_mmcif(mote_context *context, const char *path, const char *name,
                                       const mote_structure *structure);

#endif
