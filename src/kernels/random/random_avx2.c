/* The vectorized body for avx2. */
#include "kernels/random/random_body.h"

void mote_random_words__avx2(uint64_t seed, uint64_t first, size_t count, uint32_t *words)
{
    random_words(seed, first, count, words);
}
