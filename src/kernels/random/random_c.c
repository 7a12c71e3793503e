/* Portable C. */
#include "base/philox.h"
#include "kernels/kernels.h"

void mote_random_words__c(uint64_t seed, uint64_t first, size_t count, uint32_t *words)
{
    uint32_t group[4];
    for (size_t i = 0; i < count; i++) {
        uint64_t index = first + i;
        if (i == 0 || index % 4 == 0) {
            mote_philox_group(seed, index / 4, group);
        }
        words[i] = group[index % 4];
    }
}
