/* One call of attention: what its passes share. */
#ifndef MOTE_KERNELS_ATTENTION_ATTENTION_H
#define MOTE_KERNELS_ATTENTION_ATTENTION_H

#include "kernels/gemm/expand.h"
#include "mote/attention.h"
#include "mote/evoformer.h"

/* Operands of the products, left and right of each; operand / 2 numbers the product. */
enum {
    MOTE_FORWARD_Q, /* S = Q K^T */
    MOTE_FORWARD_K,
    MOTE_FORWARD_P, /* y = P V */
    MOTE_FORWARD_V,
    MOTE_BACKWARD_DY, /* dP = dY V^T */
    MOTE_BACKWARD_V,
    MOTE_UPDATE_P, /* dV = P^T dY */
    MOTE_UPDATE_DY,
    MOTE_BACKWARD_DS, /* dQ = dS K */
    MOTE_BACKWARD_K,
    MOTE_UPDATE_DS, /* dK = dS^T Q */
    MOTE_UPDATE_Q,
    MOTE_ATTENTION_OPERANDS
};

typedef struct mote_attention_operand {
    mote_format format;
    const mote_element *element;
    mote_quantize_options options;
    mote_block_spec spec; /* with tensor scale 1 */
} mote_attention_operand;

/* A product's arithmetic; bias: as of mote_gemm_bias. */
typedef struct mote_attention_kind {
    mote_gemm_kind kind;
    int bias;
} mote_attention_kind;

/* The order in which heads are worked on: unit after unit, in stretches of walk units that share what biases are added
 * to; one task takes a stretch. A unit's number is one of mixed radix, its first axis the slowest. */
typedef struct mote_attention_plan {
    int axes;
    size_t sizes[MOTE_EVOFORMER_LEADING + 1];
    size_t steps[MOTE_EVOFORMER_LEADING + 1]; /* in batch * heads + head */
    size_t units, walk;
} mote_attention_plan;

/* What attention with biases and a gate has beside the rest. */
typedef struct mote_attention_added {
    const mote_evoformer_shape *shape;
    int count;
    const mote_evoformer_bias *biases;
    mote_attention_array gate, dgate; /* values NULL: none */
    float *statistics;                /* [batch, heads, queries, 2]; NULL: not wanted */
    mote_attention_plan plan;
    bool owned; /* backward: a bias over queries and keys wants its gradient, and stretches own their parts */
    float *columns, *rows; /* backward: sums of dS by key and by query, a line a unit of a round; NULL: not wanted */
    size_t round;          /* units of a round, at most */
    size_t task, tasks, step, steps; /* the round: stretches, and which units of each */
} mote_attention_added;

typedef struct mote_attention_job {
    const mote_context *context;
    const mote_kernels *kernels;
    const mote_attention_shape *shape;
    float scale, binary_scale; /* of scores, and times log2 e */
    mote_attention_operand operands[MOTE_ATTENTION_OPERANDS];
    mote_attention_kind kinds[MOTE_ATTENTION_OPERANDS / 2];
    mote_attention_array q, k, v, y, dy, dq, dk, dv;
    float *logsumexp; /* written by the forward pass, read by the backward one; NULL: not wanted */
    float *deltas;    /* backward: [batch, heads, queries] in the workspace; NULL: dy . y when it is wanted */
    bool narrow;      /* deltas are those of narrow operands, not dy . y */
    size_t thread_bytes;
    mote_attention_added *added; /* NULL: none */
} mote_attention_job;

/* What one of the arrays holds of one head: positions from the first on. Random numbers go by position in the dense
 * array [batch, position, head, width]; those of P and dS by position in [batch, head, query, key]. */
typedef struct mote_attention_view {
    const float *values;
    ptrdiff_t stride;         /* floats from position to position */
    uint64_t position;        /* of the first value */
    uint64_t step, neighbour; /* from position to position, from value to value */
} mote_attention_view;

/* positions, heads: of the whole array. */
mote_attention_view mote_attention_view_of(const mote_attention_job *j, const mote_attention_array *array,
                                           size_t positions, size_t heads, size_t batch, size_t head, size_t position);

/* Fails if equal numbers of the shape's segments do not lie side by side. */
mote_status mote_attention_check_segments(mote_context *context, const mote_attention_shape *shape);

/* Which of keys key .. key + keys - 1 each of rows queries sees, relative to key; returns the union's ends. */
mote_attention_range mote_attention_see(const mote_attention_shape *shape, size_t batch, size_t query, size_t rows,
                                        size_t key, size_t keys, mote_attention_range *seen);

/* Pairs of a query and a key of one head that see each other, whatever their segments. */
double mote_attention_pairs(const mote_attention_shape *shape);

/* The formats of the operands under a policy. */
void mote_attention_formats(const mote_policy *policy, mote_format formats[MOTE_ATTENTION_OPERANDS]);

/* Rows of a tile lie in tiles of at most MOTE_GEMM_ROWS, as equal as possible: the first row of tile number t. */
static inline size_t mote_attention_tiles(size_t rows) { return mote_size_divide_up(rows, MOTE_GEMM_ROWS); }
static inline size_t mote_attention_tile_row(size_t rows, size_t t) { return rows * t / mote_attention_tiles(rows); }

/* The bytes that a pass needs for each thread. */
size_t mote_attention_forward_bytes(const mote_attention_shape *shape);
size_t mote_attention_backward_bytes(const mote_attention_shape *shape, bool added);

/* Natural logarithm of sum * 2^maximum, the same bits on every machine. */
double mote_attention_log(float maximum, float sum);

/* The checks of the public calls, and their end. */
mote_status mote_attention_open(mote_context *context, const mote_policy *policy, const mote_attention_shape *shape,
                                bool backward, mote_attention_job *j);
mote_status mote_attention_start(mote_context *context, bool backward, size_t bytes, mote_attention_job *j);

/* Runs tasks, each with its thread's part of the workspace; on one thread if there is little to do. */
typedef void mote_attention_task(const mote_attention_job *j, size_t index, uint8_t *memory,
                                 mote_gemm_scratch *scratch);
void mote_attention_run(const mote_attention_job *j, size_t count, mote_attention_task *task);

/* The passes over a checked job. */
void mote_attention_forward_run(const mote_attention_job *j);
void mote_attention_backward_run(const mote_attention_job *j);

#endif
