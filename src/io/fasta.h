/* Sequences from FASTA and FASTQ files: plain, gzip or bgzip, told apart by their bytes. */
#ifndef MOTE_IO_FASTA_H
#define MOTE_IO_FASTA_H

#include "base/context.h"

typedef struct mote_fasta mote_fasta;

/* One record. Everything in it belongs to the reader and is valid until the next call on it. */
typedef struct mote_fasta_record {
    const char *name;       /* first word of the header, at most 127 bytes, unprintable ones as '?' */
    const uint8_t *letters; /* [length] A-Z in upper case, and '*' where it stands between letters */
    size_t length;          /* 0: a header without a sequence */
    size_t number;          /* 1 for the first record of the file */
} mote_fasta_record;

/* Opens path, a regular file. On success the caller owns *fasta (mote_fasta_close); on failure it is NULL.
 * Fails with MOTE_ERROR_IO (cannot be opened), MOTE_ERROR_FILE (empty, bgzip without its last block),
 * MOTE_ERROR_MEMORY, or MOTE_ERROR_UNSUPPORTED in a build without htslib. */
mote_status mote_fasta_open(mote_context *context, const char *path, mote_fasta **fasta);

/* The next record; *found is false behind the last one. Lower case becomes upper case; line ends of either kind, blank
 * lines, blanks, the gaps '-' and '.' of alignments and a '*' at the end (a protein's stop) are left out.
 * Fails with MOTE_ERROR_FILE, naming file, record, line and letter: text before the first record, a byte that is
 * no letter, FASTQ qualities of another length, damaged compressed data, no records, nothing but empty records; with
 * MOTE_ERROR_MEMORY for a record that does not fit. After a failure the reader can only be closed. */
mote_status mote_fasta_next(mote_fasta *fasta, mote_fasta_record *record, bool *found);

/* NULL is allowed. */
void mote_fasta_close(mote_fasta *fasta);

#endif
