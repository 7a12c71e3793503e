/* Multiple sequence alignments of proteins: A3M (and aligned FASTA, A2M), Stockholm 1.0, or the chains of a FASTA file.
 * Plain, gzip or bgzip; the content tells the format, not the name.
 *
 * Columns are those of the first row, the query: where the query has a gap, the column is taken out, and residues there
 * count as insertions, like the lower-case letters of A3M. Duplicate rows are kept. */
#ifndef MOTE_IO_ALIGNMENT_H
#define MOTE_IO_ALIGNMENT_H

#include "base/context.h"

/* Residues in the order of HHblits, which AlphaFold's alignment features use: ACDEFGHIKLMNPQRSTVWYX-. */
enum { MOTE_RESIDUE_UNKNOWN = 20, MOTE_RESIDUE_GAP = 21, MOTE_RESIDUE_CODES = 22, MOTE_RESIDUE_NONE = 255 };

/* The code of a letter of either case, or of a gap ('-', '.', '~', '_'). B is read as D, Z as E, U as C; J and O as X.
 * MOTE_RESIDUE_NONE for any other byte. */
uint8_t mote_residue_code(uint8_t letter);

/* The letter of a code below MOTE_RESIDUE_CODES. */
char mote_residue_letter(uint8_t code);

/* The same residue in AlphaFold's order of residue types, ARNDCQEGHILKMFPSTWYVX-. */
uint8_t mote_residue_type(uint8_t code);

/* A chain of the query; the chains follow one another in its columns. */
typedef struct mote_alignment_chain {
    const char *name; /* "" where the file has none */
    size_t length;    /* in columns */
    size_t copies;    /* how often the complex has it, at least 1; its columns are there once */
} mote_alignment_chain;

typedef struct mote_alignment {
    const char *format;   /* "a3m", "stockholm" or "fasta"; static storage */
    size_t rows, columns; /* at least 1 each */
    const char **names;   /* [rows]: the header line, or Stockholm's name; unprintable bytes as '?' */
    uint8_t *codes;       /* [rows, columns] */
    uint16_t *deletions; /* [rows, columns]: residues of the row between the column before and this one; residues behind
                          * the last column are in none */
    const char *query;   /* [columns] and a NUL: the first row's letters, upper case, as they stand in the file */
    size_t chain_count;
    mote_alignment_chain *chains; /* [chain_count] */
    struct mote_alignment_memory *memory;
} mote_alignment;

/* Reads the alignment in path.
 *
 * Records that begin with '>' are rows of an alignment if any has a gap or (where the query has upper-case letters) a
 * lower-case letter, or if ColabFold's line "#LENGTH,LENGTH...<tab>COPIES,COPIES..." stands before them: it tells the
 * chains. Otherwise they are chains if their lengths differ or if all are the same sequence (copies of one chain, each
 * with columns of its own), and rows if not. Dots are the padding of A2M where rows agree without them, and gaps where
 * they agree with them. Blanks, line ends of either kind, NUL bytes at the end of the file, a '*' at the end of a
 * record and comments (lines that begin with ';' or '#') mean nothing.
 *
 * On success the caller owns *alignment (mote_alignment_free); on failure it is NULL. Fails with MOTE_ERROR_IO;
 * MOTE_ERROR_FILE with a message that names file, line and column: not an alignment, an unknown letter, a row of
 * another length than the query, no sequence, chains that do not add up, more than 2^24 rows, 2^20 columns, 4 GiB of
 * text or 65535 residues in one insertion, a Stockholm file without its last line, damaged or truncated gzip;
 * MOTE_ERROR_UNSUPPORTED (gzip in a build without htslib); MOTE_ERROR_MEMORY. */
mote_status mote_alignment_read(mote_context *context, const char *path, mote_alignment **alignment);

/* NULL is allowed. */
void mote_alignment_free(mote_alignment *alignment);

#endif
