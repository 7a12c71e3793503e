/* Biases of attention: where they lie, what they add to a tile of scores, and who owns their gradients.
 *
 * A gradient over both queries and keys is added up where it lies: a task walks, one after the other, all heads and
 * leading indices that share it, and so owns its part of it. Its sums are therefore in one order on any number of
 * threads. One over queries or keys alone, or neither, is added up by way of a line of sums for each unit, which are
 * then added in order. */
#ifndef MOTE_KERNELS_ATTENTION_BIAS_H
#define MOTE_KERNELS_ATTENTION_BIAS_H

#include "kernels/attention/attention.h"

/* Queries and keys of a head. */
typedef struct mote_attention_part {
    size_t batch, head, query, rows, key, keys;
} mote_attention_part;

/* scores, in pieces from the first key on: sums of products become what the softmax takes with scale 1, less shifts. */
void mote_attention_add(const mote_attention_job *j, const mote_attention_part *part, const float *shifts,
                        float *scores);

/* Adds dS of a part, stride floats a row, to the gradients over queries and keys. */
void mote_attention_gather(const mote_attention_job *j, const mote_attention_part *part, const float *ds,
                           size_t stride);

/* Adds a unit's sums of dS by key and by query to the other gradients. */
void mote_attention_gather_lines(const mote_attention_job *j, size_t batch, size_t head, const float *columns,
                                 const float *rows);

/* Which gradients are wanted: over queries and keys; by way of sums by key; by way of sums by query. */
typedef struct mote_attention_wanted {
    bool both, columns, rows;
} mote_attention_wanted;
mote_attention_wanted mote_attention_wants(int count, const mote_evoformer_bias *biases);

/* The order of units: those last, and one after the other, that share a bias over queries and keys, so that it stays in
 * the second cache. owned: that share a wanted gradient, and walk is their number; otherwise walk is 1. */
mote_attention_plan mote_attention_plan_of(const mote_attention_added *added, bool owned);

/* batch * heads + head of a unit. */
size_t mote_attention_plan_unit(const mote_attention_plan *plan, size_t unit);

#endif
