/* What the memory of a prediction is for. */
#ifndef MOTE_INFER_MEMORY_H
#define MOTE_INFER_MEMORY_H

#include "mote/fold.h"

enum { MOTE_FOLD_PARTS = 7 };

typedef struct mote_fold_part {
    const char *name; /* static storage */
    uint64_t bytes;
} mote_fold_part;

/* The parts of plan->total: parameters, inputs, activations, workspace, features, graph, and what is left. */
void mote_fold_parts(const mote_fold_plan *plan, mote_fold_part parts[MOTE_FOLD_PARTS]);

#endif
