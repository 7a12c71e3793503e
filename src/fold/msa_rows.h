/* Rows of an alignment on their way into a mote_msa. */
#ifndef MOTE_FOLD_MSA_ROWS_H
#define MOTE_FOLD_MSA_ROWS_H

#include "fold/msa.h"

/* An MSA of this size in new memory, all gaps; NULL with the message set. */
mote_msa *mote_msa_reserve(mote_context *context, size_t rows, size_t length);

/* The residue type of a letter of the query, X unless it is one of the twenty: B, Z and U are D, E and C in rows only.
 */
uint8_t mote_msa_type(char letter);

/* The profile of the rows. */
void mote_msa_fill_profile(mote_msa *msa);

/* A set of strings of codes, by hash and then by the codes themselves. */
typedef struct mote_row_set {
    size_t capacity; /* a power of two */
    size_t *rows;    /* [capacity]: one more than the row's number, or 0 */
} mote_row_set;

/* Room for count rows; release with mote_release(context, set->rows). */
mote_status mote_row_set_create(mote_context *context, size_t count, mote_row_set *set);

/* True if columns begin to end of row are those of no row before, and then they are kept. */
bool mote_row_set_add(mote_row_set *set, const mote_alignment *alignment, size_t row, size_t begin, size_t end);

/* True if they are those of a row before. */
bool mote_row_set_has(const mote_row_set *set, const mote_alignment *alignment, size_t row, size_t begin, size_t end);

#endif
