/* Philox over LANES counters at a time, written so that the compiler vectorizes the loops over lanes; one
 * body, compiled once for each instruction set. A counter is a column of four rows. */
#include "base/philox.h"
#include "kernels/kernels.h"

enum { LANES = 16, WORDS = 4 * LANES };

static inline void philox_lanes(uint64_t seed, uint64_t group, uint32_t *words)
{
    uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    for (int i = 0; i < LANES; i++) {
        c0[i] = (uint32_t)(group + (uint64_t)i);
        c1[i] = (uint32_t)((group + (uint64_t)i) >> 32);
        c2[i] = 0;
        c3[i] = 0;
    }
    for (int round = 0; round < MOTE_PHILOX_ROUNDS; round++) {
        for (int i = 0; i < LANES; i++) {
            uint64_t product0 = (uint64_t)MOTE_PHILOX_M0 * c0[i];
            uint64_t product1 = (uint64_t)MOTE_PHILOX_M1 * c2[i];
            c0[i] = (uint32_t)(product1 >> 32) ^ c1[i] ^ key0;
            c1[i] = (uint32_t)product1;
            c2[i] = (uint32_t)(product0 >> 32) ^ c3[i] ^ key1;
            c3[i] = (uint32_t)product0;
        }
        key0 += MOTE_PHILOX_W0;
        key1 += MOTE_PHILOX_W1;
    }
    for (int i = 0; i < LANES; i++) {
        words[4 * i] = c0[i];
        words[4 * i + 1] = c1[i];
        words[4 * i + 2] = c2[i];
        words[4 * i + 3] = c3[i];
    }
}

static inline void random_words(uint64_t seed, uint64_t first, size_t count, uint32_t *words)
{
    size_t head = mote_size_min(count, (size_t)(-first % 4)); /* up to the next whole group */
    mote_random_words__c(seed, first, head, words);
    size_t i = head;
    for (; count - i >= WORDS; i += WORDS) {
        philox_lanes(seed, (first + i) / 4, words + i);
    }
    mote_random_words__c(seed, first + i, count - i, words + i);
}
