/* What follows from a molecule's atoms and bonds once all are read. */
#ifndef MOTE_IO_SMILES_GRAPH_H
#define MOTE_IO_SMILES_GRAPH_H

#include "io/smiles.h"

enum {
    MOTE_SMILES_UNWRITTEN = 6,  /* order of a bond between aromatic atoms where nothing was written */
    MOTE_SMILES_IMPLICIT = 0xFF /* hydrogens that are to be told from the valence */
};

/* Fills first and incident, tells what is part of a cycle, then orders and hydrogens that were not written. Errors:
 * MOTE_ERROR_MEMORY. */
mote_status mote_molecule_finish(mote_context *context, mote_molecule *molecule);

#endif
