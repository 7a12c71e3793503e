/* Which tokens are for training and which for validation. */
#ifndef MOTE_DATA_SPLIT_H
#define MOTE_DATA_SPLIT_H

#include "data/corpus.h"

/* One sequence as it was read. */
typedef struct mote_sequence {
    const uint8_t *letters;
    size_t length;
    size_t tokens;   /* length / unit */
    uint64_t key;    /* equal for equal sequences and for reverse complements */
    uint64_t rank;   /* random, by seed and key */
    bool validation; /* split by record */
} mote_sequence;

/* Tokens begin .. begin + count - 1 of a sequence: a document. */
typedef struct mote_stretch {
    size_t sequence, begin, count;
    bool validation;
} mote_stretch;

/* The key of a sequence (U counts as T). */
uint64_t mote_sequence_key(const uint8_t *letters, size_t length, bool dna);

/* Splits by record: sets validation (and rank) of count sequences so that about fraction of the tokens have it, at
 * least one sequence and never all if two differ. Sequences of one key stay together. fraction 1: all. */
mote_status mote_split_records(mote_context *context, mote_sequence *sequences, size_t count, double fraction,
                               uint64_t seed);

/* Stretches of all sequences in their order; the caller releases *stretches. by_record: as marked; otherwise by block.
 * Blocks of validation do not depend on the context length of a model, so that models of different ones can be
 * compared. */
mote_status mote_split_stretches(mote_context *context, const mote_sequence *sequences, size_t count, bool by_record,
                                 double fraction, uint64_t seed, mote_stretch **stretches, size_t *stretch_count);

#endif
