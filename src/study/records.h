/* Sequences of real data in FASTA files whose headers and letters both count, plain or gzipped. */
#ifndef MOTE_STUDY_RECORDS_H
#define MOTE_STUDY_RECORDS_H

#include "study/task.h"

/* One record: texts in the arena of the data. */
typedef struct mote_record {
    const char *header;   /* the line behind '>' */
    const char *sequence; /* all its lines in one, without blanks; any other characters */
    size_t length;        /* at least 1 */
} mote_record;

typedef struct mote_records {
    mote_task_data *data;
    const char *path;
    size_t count; /* at least 1 */
    mote_record *records;
} mote_records;

/* Reads a file of the task's folder. Errors: MOTE_ERROR_FILE naming the place, where text stands in front of the
 * first record or a record has no sequence; MOTE_ERROR_IO; MOTE_ERROR_MEMORY. */
mote_status mote_records_read(mote_task_data *data, const char *name, mote_records *records);

/* The place of each letter of record number in alphabet, into classes [length]. A letter that is not there becomes -1
 * where others are allowed, otherwise MOTE_ERROR_FILE, naming record, place and letter. */
mote_status mote_records_classes(const mote_records *records, size_t number, const char *alphabet, bool others,
                                 int32_t *classes);

/* MOTE_ERROR_FILE where record number has another length. */
mote_status mote_records_expect(const mote_records *records, size_t number, size_t length);

#endif
