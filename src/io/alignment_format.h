/* What the formats of alignments share: the text, the table, and how columns are put into rows. */
#ifndef MOTE_IO_ALIGNMENT_FORMAT_H
#define MOTE_IO_ALIGNMENT_FORMAT_H

#include "io/alignment.h"
#include "io/text_file.h"

typedef struct mote_alignment_kind {
    /* True if the text is of this format. */
    bool (*matches)(const mote_text_file *text);
    /* Fills the alignment, whose parts come from text->arena. */
    mote_status (*parse)(const mote_text_file *text, mote_alignment *alignment);
} mote_alignment_kind;

extern const mote_alignment_kind mote_alignment_stockholm, mote_alignment_records;

enum { MOTE_ALIGNMENT_ROWS_MAXIMUM = 1 << 24, MOTE_ALIGNMENT_COLUMNS_MAXIMUM = 1 << 20 };

/* A copy of length bytes in the arena, without blanks around and with '?' for what does not print; NULL with the
 * message set. */
const char *mote_alignment_name(const mote_text_file *text, const uint8_t *name, size_t length);

/* Allocates names, codes, deletions and query for rows and columns, and one chain of all columns. */
mote_status mote_alignment_reserve(const mote_text_file *text, size_t rows, size_t columns, mote_alignment *alignment);

/* Puts the columns of one row after the other into an alignment. */
typedef struct mote_alignment_row {
    const mote_text_file *text;
    mote_alignment *alignment;
    const bool *kept; /* [aligned columns]: the query has a residue there */
    size_t row, aligned, column;
    size_t deletions; /* since the last kept column */
} mote_alignment_row;

/* Begins row number row. */
void mote_alignment_begin(mote_alignment_row *r, size_t row);

/* A letter or a gap in the next aligned column; at is its offset, for messages. */
mote_status mote_alignment_put(mote_alignment_row *r, uint8_t letter, size_t at);

/* A residue between two aligned columns. */
mote_status mote_alignment_insert(mote_alignment_row *r, size_t at);

/* ---- records that begin with '>': alignment_records.c reads, _a3m.c and _fasta.c understand ---- */

typedef struct mote_record {
    size_t header;     /* offset of the '>' */
    size_t begin, end; /* of the sequence's lines */
    size_t upper, lower, gaps, dots;
} mote_record;

/* Walks through the letters, gaps and dots of a record; blanks, comments and a last '*' are left out. */
typedef struct mote_record_cursor {
    const mote_text_file *text;
    size_t at, end; /* at: behind the byte that was given last */
    bool line_begins;
} mote_record_cursor;

mote_record_cursor mote_record_open(const mote_text_file *text, const mote_record *record);

/* The next byte of the sequence, or -1. */
int mote_record_next(mote_record_cursor *cursor);

/* The name of a record. */
const char *mote_record_name(const mote_text_file *text, const mote_record *record);

/* Rows of an alignment. blind: lower-case letters are residues like the others. colabfold: the offset of ColabFold's
 * line, or the size of the text. */
mote_status mote_a3m_parse(const mote_text_file *text, size_t count, const mote_record *records, bool blind,
                           size_t colabfold, mote_alignment *alignment);

/* True if the line from at on is ColabFold's. */
bool mote_a3m_is_colabfold(const mote_text_file *text, size_t at);

/* Chains without an alignment: one row that has them all. */
mote_status mote_fasta_chains(const mote_text_file *text, size_t count, const mote_record *records,
                              mote_alignment *alignment);

#endif
