/* The run folder: run.json and metrics.jsonl. */
#ifndef MOTE_TRAIN_FOLDER_H
#define MOTE_TRAIN_FOLDER_H

#include "train/trainer.h"

/* Makes the folder, or checks that it holds a run to resume. With a fresh run the folder must not hold another. */
mote_status mote_folder_open(mote_trainer *trainer);

/* Removes the unfinished files of a run that was killed while it wrote. */
void mote_folder_clean(const mote_trainer *trainer);

/* Writes run.json; state: "running", "done", "interrupted", "diverged"; result may be NULL. */
mote_status mote_folder_write_run(const mote_trainer *trainer, const char *state, const mote_train_result *result);

/* Appends a line to metrics.jsonl. Steals object. */
mote_status mote_folder_append(const mote_trainer *trainer, json_t *object);

/* Drops the lines of metrics.jsonl that lie behind step, which a resumed run will write again. */
mote_status mote_folder_cut_metrics(const mote_trainer *trainer, size_t step);

#endif
