/* Philox4x32-10, the counter-based random numbers of all of mote: word i of stream seed is a pure
 * function of (seed, i), so any thread can make any part of it.
 * Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11, section 3.3. */
#ifndef MOTE_BASE_PHILOX_H
#define MOTE_BASE_PHILOX_H

#include <stdint.h>

enum { MOTE_PHILOX_ROUNDS = 10 };
#define MOTE_PHILOX_M0 0xD2511F53u
#define MOTE_PHILOX_M1 0xCD9E8D57u
#define MOTE_PHILOX_W0 0x9E3779B9u
#define MOTE_PHILOX_W1 0xBB67AE85u

/* Replaces the counter by four random words. */
static inline void mote_philox4x32(uint32_t counter[4], uint32_t key0, uint32_t key1)
{
    for (int round = 0; round < MOTE_PHILOX_ROUNDS; round++) {
        uint64_t product0 = (uint64_t)MOTE_PHILOX_M0 * counter[0];
        uint64_t product1 = (uint64_t)MOTE_PHILOX_M1 * counter[2];
        uint32_t next0 = (uint32_t)(product1 >> 32) ^ counter[1] ^ key0;
        uint32_t next2 = (uint32_t)(product0 >> 32) ^ counter[3] ^ key1;
        counter[0] = next0;
        counter[1] = (uint32_t)product1;
        counter[2] = next2;
        counter[3] = (uint32_t)product0;
        key0 += MOTE_PHILOX_W0;
        key1 += MOTE_PHILOX_W1;
    }
}

/* Words 4 * group .. 4 * group + 3 of stream seed. The upper half of the counter is left for sub-streams. */
static inline void mote_philox_group(uint64_t seed, uint64_t group, uint32_t words[4])
{
    words[0] = (uint32_t)group;
    words[1] = (uint32_t)(group >> 32);
    words[2] = 0;
    words[3] = 0;
    mote_philox4x32(words, (uint32_t)seed, (uint32_t)(seed >> 32));
}

/* Word index of stream seed. */
static inline uint32_t mote_philox_word(uint64_t seed, uint64_t index)
{
    uint32_t words[4];
    mote_philox_group(seed, index / 4, words);
    return words[index % 4];
}

#endif
