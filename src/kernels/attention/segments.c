/* Packed documents must be whole: equal numbers side by side. What sees what is found by the ends of a document, so a
 * number that came back would silently join what lies between. */
#include <string.h>

#include "kernels/attention/attention.h"

enum { GROUP = 1024, PLACES = 4 * GROUP, HASH_SHIFT = 20 /* 32 - log2 PLACES */ };

/* Numbers that only rise cannot come back. The usual case: documents are counted. */
static bool rises(const int32_t *numbers, size_t count)
{
    int32_t last = -1;
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] >= 0) {
            if (numbers[i] < last || (numbers[i] == last && numbers[i - 1] != last)) {
                return false;
            }
            last = numbers[i];
        }
    }
    return true;
}

/* Where number is in the table (open addressing; -1 is free), or where it would be. */
static size_t place_of(const int32_t *table, int32_t number)
{
    size_t at = (uint32_t)number * 2654435761u >> HASH_SHIFT; /* Knuth's multiplicative hash */
    while (table[at] >= 0 && table[at] != number) {
        at = (at + 1) % PLACES;
    }
    return at;
}

/* A position at which a number comes back; count if there is none. GROUP documents at a time are remembered, and all
 * behind them looked up: as many steps as positions for up to GROUP documents in any order, and no memory but this. */
static size_t find_return(const int32_t *numbers, size_t count)
{
    int32_t table[PLACES];
    size_t begin = 0, next = count;
    while (begin < count) {
        size_t known = 0;
        memset(table, 0xFF, sizeof table);
        next = count;
        for (size_t i = begin; i < count; i++) {
            if (numbers[i] < 0 || (i > 0 && numbers[i] == numbers[i - 1])) {
                continue;
            }
            size_t at = place_of(table, numbers[i]);
            if (table[at] == numbers[i]) {
                return i;
            }
            if (known < GROUP) {
                table[at] = numbers[i];
                known++;
            } else {
                next = i < next ? i : next;
            }
        }
        begin = next;
    }
    return count;
}

mote_status mote_attention_check_segments(mote_context *context, const mote_attention_shape *shape)
{
    for (size_t row = 0; shape->segments && row < shape->batch; row++) {
        const int32_t *numbers = shape->segments + row * shape->queries;
        size_t at = rises(numbers, shape->queries) ? shape->queries : find_return(numbers, shape->queries);
        if (at < shape->queries) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT,
                             "segments: row %zu has the number %d again at position %zu, behind others; equal numbers "
                             "must lie side by side",
                             row, (int)numbers[at], at);
        }
    }
    return MOTE_OK;
}
