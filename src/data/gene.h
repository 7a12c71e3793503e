/* A simulated genome with a known entropy rate: what a perfect model of its bases would pay for each of them. */
#ifndef MOTE_DATA_GENE_H
#define MOTE_DATA_GENE_H

#include "data/hmm.h"

/* Length at which the standard error of the entropy rate is below 0.001 bits. */
enum { MOTE_GENE_LENGTH = 6000000 };

/* The chain itself: genes of three classes with introns, in intergenic sequence; gene.c has its numbers. Symbols 0 .. 3
 * are A C G T. The caller owns *hmm (mote_hmm_destroy). */
mote_status mote_gene_create(mote_context *context, mote_hmm **hmm);

/* bases: [length] of 0 .. 3 for A C G T; the same seed gives the same bases. */
mote_status mote_gene_sample(mote_context *context, uint64_t seed, size_t length, uint8_t *bases);

/* The entropy rate in bits a base and its standard error, from a sample of length bases (0: MOTE_GENE_LENGTH). See
 * mote_hmm_entropy_rate. */
mote_status mote_gene_entropy_rate(mote_context *context, uint64_t seed, size_t length, double *bits, double *error);

#endif
