/* Constants of residues in graphs. */
#include <string.h>

#include "fold/residue.h"
#include "models/structure/layers.h"

/* Numbers of a type. */
static const size_t counts[MOTE_RESIDUE_ARRAYS] = {
    [MOTE_RESIDUE_FRAMES] = (size_t)MOTE_RIGID_GROUPS * 12,
    [MOTE_RESIDUE_ATOMS14] = (size_t)MOTE_ATOM14 * MOTE_RIGID_GROUPS * 4,
    [MOTE_RESIDUE_ATOMS37] = (size_t)MOTE_ATOM_COUNT * MOTE_ATOM14,
    [MOTE_RESIDUE_MASK37] = MOTE_ATOM_COUNT,
    [MOTE_RESIDUE_CHI_TURN] = MOTE_CHI_ANGLES,
};

static void fill_row(const mote_residue_tables *t, mote_residue_array which, int type, float *row)
{
    switch (which) {
    case MOTE_RESIDUE_FRAMES: memcpy(row, t->frames[type], sizeof t->frames[type]); break;
    case MOTE_RESIDUE_ATOMS14:
        for (int a = 0; a < MOTE_ATOM14; a++) {
            float *place = row + (a * MOTE_RIGID_GROUPS + t->atom14_group[type][a]) * 4;
            memcpy(place, t->atom14_position[type][a], sizeof t->atom14_position[type][a]);
            place[3] = t->atom14_mask[type][a];
        }
        break;
    case MOTE_RESIDUE_ATOMS37:
        for (int a = 0; a < MOTE_ATOM_COUNT; a++) {
            row[a * MOTE_ATOM14 + t->atom37_to_atom14[type][a]] = t->atom37_mask[type][a];
        }
        break;
    case MOTE_RESIDUE_MASK37: memcpy(row, t->atom37_mask[type], sizeof t->atom37_mask[type]); break;
    default:
        for (int k = 0; k < MOTE_CHI_ANGLES; k++) {
            row[k] = 1 - 2 * t->chi_symmetric[type][k];
        }
    }
}

mote_value mote_residue_rows(mote_graph *graph, mote_residue_array which, mote_value aatype)
{
    mote_value table = MOTE_NO_VALUE;
    size_t shape[2] = {MOTE_RESIDUE_TYPES, counts[which]}, count = shape[0] * shape[1];
    if (graph->status != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    mote_residue_tables *tables = mote_allocate(graph->context, sizeof *tables);
    float *rows = mote_allocate_array(graph->context, count, sizeof *rows);
    if (tables && rows) {
        mote_residue_tables_fill(tables);
        memset(rows, 0, count * sizeof *rows);
        for (int type = 0; type < MOTE_RESIDUE_TYPES; type++) {
            fill_row(tables, which, type, rows + (size_t)type * counts[which]);
        }
        table = mote_graph_array(graph, 2, shape, rows);
    } else {
        mote_graph_fail(graph, MOTE_ERROR_MEMORY, "out of memory: no room for the constants of residues");
    }
    mote_release(graph->context, rows);
    mote_release(graph->context, tables);
    return mote_graph_embedding(graph, table, aatype);
}
