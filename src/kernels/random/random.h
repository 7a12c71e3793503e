/* Kernel family random: words of the counter-based generator in bulk. */
#ifndef MOTE_KERNELS_RANDOM_RANDOM_H
#define MOTE_KERNELS_RANDOM_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* words[i] = word first + i of stream seed, 0 <= i < count (mote_philox_word). Exact. */
typedef void mote_random_words_fn(uint64_t seed, uint64_t first, size_t count, uint32_t *words);

#endif
