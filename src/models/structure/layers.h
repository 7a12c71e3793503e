/* What the parts of the structure module are made of. */
#ifndef MOTE_MODELS_STRUCTURE_LAYERS_H
#define MOTE_MODELS_STRUCTURE_LAYERS_H

#include "graph/graph.h"
#include "models/layers.h"
#include "mote/structure_module.h"

mote_value mote_structure_reshape2(mote_graph *graph, mote_value x, size_t a, size_t b);
mote_value mote_structure_reshape3(mote_graph *graph, mote_value x, size_t a, size_t b, size_t c);
mote_value mote_structure_reshape4(mote_graph *graph, mote_value x, size_t a, size_t b, size_t c, size_t d);

/* x + number. */
mote_value mote_structure_offset(mote_graph *graph, mote_value x, double number);

/* The larger of x and a number. */
mote_value mote_structure_at_least(mote_graph *graph, mote_value x, double number);

/* Sum over the last of rank dimensions of x times itself. */
mote_value mote_structure_squared_length(mote_graph *graph, mote_value x, int rank);

/* Constants of residues by their types (fold/residue.h), as rows that aatype chooses. */
typedef enum mote_residue_array {
    MOTE_RESIDUE_FRAMES,   /* [8, 3, 4]: of the groups, relative to the one they hang on, with all angles 0 */
    MOTE_RESIDUE_ATOMS14,  /* [14, 8, 4]: (x, y, z, 1) in an atom's group, 0 in all others */
    MOTE_RESIDUE_ATOMS37,  /* [37, 14]: which of the 14 atoms each is */
    MOTE_RESIDUE_MASK37,   /* [37] */
    MOTE_RESIDUE_CHI_TURN, /* [4]: -1 for angles that half a turn leaves the same, 1 for others */
    MOTE_RESIDUE_ARRAYS
} mote_residue_array;

/* [residues, all numbers of a type]. */
mote_value mote_residue_rows(mote_graph *graph, mote_residue_array which, mote_value aatype);

#endif
