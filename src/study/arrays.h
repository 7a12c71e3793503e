/* Arrays of real data in .npy and .npz files. */
#ifndef MOTE_STUDY_ARRAYS_H
#define MOTE_STUDY_ARRAYS_H

#include "study/task.h"

/* Reads array name of a file of the task's folder, of FP32, FP64, int16, int32, uint8 or bool, into memory that lives
 * as long as the data. shape: [rank], what it must be; where the first extent is 0 it may be any, and is set. Errors:
 * MOTE_ERROR_FILE, naming file and array, where there is no such array, where its format or shape is another and where
 * a number is not finite in FP32; MOTE_ERROR_IO; MOTE_ERROR_MEMORY. */
mote_status mote_arrays_read(mote_task_data *data, const char *file_name, const char *name, int rank, size_t *shape,
                             double **numbers);

#endif
