/* The vectorized body for avx512. */
#include "kernels/random/random_body.h"

void mote_random_words__avx512(uint64_t seed, uint64_t first, size_t count, uint32_t *words)
{
    random_words(seed, first, count, words);
}
