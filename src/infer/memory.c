/* From a plan's categories to those that a prediction has. */
#include "infer/memory.h"

void mote_fold_parts(const mote_fold_plan *plan, mote_fold_part parts[MOTE_FOLD_PARTS])
{
    const mote_plan_memory *m = &plan->memory;
    const mote_fold_part named[MOTE_FOLD_PARTS - 1] = {
        {"parameters", m->parameters}, {"inputs", m->inputs},        {"activations", m->saved + m->temporaries},
        {"workspace", m->workspace},   {"features", plan->features}, {"graph", plan->graph}};
    uint64_t left = plan->total;
    for (int i = 0; i < MOTE_FOLD_PARTS - 1; i++) {
        parts[i] = named[i];
        left -= named[i].bytes < left ? named[i].bytes : left;
    }
    parts[MOTE_FOLD_PARTS - 1] = (mote_fold_part){"other", left};
}
