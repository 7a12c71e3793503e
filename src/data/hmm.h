/* Hidden Markov chains with few transitions: sampling, likelihood, entropy rate. */
#ifndef MOTE_DATA_HMM_H
#define MOTE_DATA_HMM_H

#include "base/context.h"

/* One way to go on: from state `from`, with this probability, write symbol and move to `to`. Several edges of a state
 * may write the same symbol, so a sequence does not tell its states. */
typedef struct mote_hmm_edge {
    uint16_t from, to;
    uint8_t symbol;
    double probability;
} mote_hmm_edge;

typedef struct mote_hmm {
    mote_context *context;
    size_t states, symbols, edge_count;
    mote_hmm_edge *edges;  /* [edge_count] by state: those of state s are first[s] .. first[s + 1] - 1 */
    size_t *first;         /* [states + 1] */
    mote_hmm_edge *moves;  /* [edge_count] the same by symbol: first_move[x] .. first_move[x + 1] - 1 */
    size_t *first_move;    /* [symbols + 1] */
    double *stationary;    /* [states] the distribution that a step leaves as it is */
    double *belief, *next; /* [states] of the likelihood, between two steps */
} mote_hmm;

enum { MOTE_HMM_STATES_MAXIMUM = 4096, MOTE_HMM_SYMBOLS_MAXIMUM = 256 };

/* Builds a chain from count edges in any order. The probabilities of every state's edges must add up to 1 within 1e-12,
 * and steps from the uniform distribution must settle; otherwise MOTE_ERROR_ARGUMENT. That the chain is irreducible,
 * so that there is one stationary distribution, is the caller's to know. The caller owns *hmm (mote_hmm_destroy). */
mote_status mote_hmm_create(mote_context *context, size_t states, size_t symbols, const mote_hmm_edge *edges,
                            size_t count, mote_hmm **hmm);

/* NULL is allowed. */
void mote_hmm_destroy(mote_hmm *hmm);

/* length symbols of stream seed, starting from the stationary distribution. path: [length + 1] the states gone through,
 * or NULL. */
void mote_hmm_sample(const mote_hmm *hmm, uint64_t seed, size_t length, uint8_t *symbols, uint16_t *path);

/* Sets what is believed about the hidden state: state, or the stationary distribution if state is negative. */
void mote_hmm_believe(mote_hmm *hmm, int state);

/* -log2 P(symbols | what is believed), in bits, by the scaled forward algorithm in FP64; moves the belief behind the
 * last symbol, so that a long sequence can be scored in parts. Infinity if the chain cannot write the symbols. Source:
 * Rabiner, "A tutorial on hidden Markov models", Proc. IEEE 77 (1989), sections III.A and V.A. */
double mote_hmm_bits(mote_hmm *hmm, const uint8_t *symbols, size_t length);

/* Entropy rate in bits a symbol: -log2 P(x) / length of one long sample x, which converges to it with probability 1
 * for a stationary ergodic process (Shannon-McMillan-Breiman; Cover & Thomas, Elements of Information Theory, 2nd
 * edition, section 16.8). *error is its standard error by batch means: 64 stretches, whose means are nearly
 * independent if a stretch is much longer than the chain's memory. length >= 64. */
mote_status mote_hmm_entropy_rate(mote_hmm *hmm, uint64_t seed, size_t length, double *bits, double *error);

#endif
