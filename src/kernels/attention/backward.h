/* The backward pass: the work of a thread, and the pieces that its tasks consist of (backward.c). */
#ifndef MOTE_KERNELS_ATTENTION_BACKWARD_H
#define MOTE_KERNELS_ATTENTION_BACKWARD_H

#include "kernels/attention/bias.h"
#include "kernels/attention/side.h"

enum { MOTE_ATTENTION_BLOCK = 192 }; /* queries of a block: a whole number of tiles and of blocks of 32 */

/* A thread's areas and what it works on. */
typedef struct mote_attention_work {
    const mote_attention_job *j;
    mote_gemm_scratch *scratch;
    bool queries_wanted, keys_wanted; /* dQ; dK and dV */
    bool biases_wanted;               /* gradients of biases over queries and keys */
    bool measuring;                   /* only the deltas */
    size_t batch, head, key_head, query, rows, key, keys;
    mote_attention_columns k, v, k_down; /* of the tile of keys */
    mote_attention_rows q, dy;           /* of the block of queries */
    mote_attention_columns q_down, dy_down;
    mote_attention_rows ds, turned; /* of a tile of rows; P^T, then dS^T */
    mote_attention_row *row;        /* of each query */
    mote_attention_range *seen;
    float *scores, *dp;   /* of a tile of rows */
    float *p, *change;    /* P and dS: [row][stride] */
    float *turned_values; /* of formats without blocks: [key][turned_stride] */
    float *ones;          /* of a row of a tile of keys */
    float *dk, *dv;       /* sums: [tile of keys][piece of the width][key][32] */
    float *gated;         /* with a gate: what dY is before it */
    float *maxima;        /* with biases: of each query, in units of log 2 */
    size_t line;          /* with biases: of the sums of dS that the unit has */
    size_t stride, turned_stride;
    bool dirty; /* there is something in the sums */
} mote_attention_work;

/* Keys of a tile. */
size_t mote_attention_backward_keys(const mote_attention_shape *shape, bool added);

/* Of a batch and a key head: unit batch * key_heads + key_head. */
mote_attention_work mote_attention_begin(const mote_attention_job *j, size_t unit, bool queries, bool keys,
                                         uint8_t *memory, mote_gemm_scratch *scratch);

/* Clears positions of a gradient. */
void mote_attention_clear(const mote_attention_array *array, size_t batch, size_t head, size_t position, size_t count,
                          size_t width);

/* Clears dQ of some queries, and their sums of dS. */
void mote_attention_clear_queries(const mote_attention_work *w, size_t head, size_t query, size_t count);

/* The tile of keys from key on against all queries of the heads that share it. */
void mote_attention_tile_of_keys(mote_attention_work *w, size_t key);

/* The block of a head's queries from query on against the tiles of keys from key to end. */
void mote_attention_block_of_queries(mote_attention_work *w, size_t head, size_t query, size_t key, size_t end);

#endif
