/* Checkpoints: everything that a run needs to go on, in one safetensors file.
 *
 * Its tensors are "parameter.NAME", "STATE.NAME" of the optimizer and "average.NAME"; its metadata the step, the recipe
 * that it belongs to, and xxh3 hashes of all tensors' bytes and of this metadata, which are checked when it is read. */
#ifndef MOTE_TRAIN_CHECKPOINT_H
#define MOTE_TRAIN_CHECKPOINT_H

#include <stdbool.h>

#include "train/optimizer.h"

/* What a checkpoint holds. average: NULL, or one array a value that is a parameter. */
typedef struct mote_training_state {
    mote_graph *graph;
    mote_plan *plan;
    mote_optimizer *optimizer;
    float *const *average;
    const char *recipe; /* text that must be the same when it is read */
    size_t step;
    double seconds; /* of training so far */
    double joules;  /* measured so far; NaN: not known */
} mote_training_state;

/* Writes folder/checkpoint-STEP.safetensors. */
mote_status mote_checkpoint_write(mote_context *context, const mote_training_state *state, const char *folder);

/* Removes all but the last keep of those up to step, and any of a later step: they were passed over when the run was
 * resumed, for they are damaged. */
void mote_checkpoint_rotate(const char *folder, size_t step, size_t keep);

/* Reads the last checkpoint of folder that is whole, filling the arrays, step, seconds and joules; one that is damaged
 * is passed over for the one before, and notice (notice_size bytes) says so. *found is false if there is none at all.
 * Errors: MOTE_ERROR_FILE if none of them is whole; MOTE_ERROR_ARGUMENT if it belongs to another recipe. */
mote_status mote_checkpoint_read(mote_context *context, mote_training_state *state, const char *folder, char *notice,
                                 size_t notice_size, bool *found);

#endif
