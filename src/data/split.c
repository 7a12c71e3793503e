/* Splits by record and by block. */
#include "data/split.h"

#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "data/corpus_state.h"

enum { BLOCKS_MAXIMUM = 32, BLOCK_TOKENS = 1024 };

/* 64 random bits of the split. */
static uint64_t draw(uint64_t seed, uint64_t index)
{
    uint32_t words[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0, MOTE_DRAW_SPLIT};
    mote_philox4x32(words, (uint32_t)seed, (uint32_t)(seed >> 32));
    return (uint64_t)words[0] << 32 | words[1];
}

static uint8_t complement_letter(uint8_t letter)
{
    /* of A to Z; letters that are no base stay */
    static const char of[] = "TVGHEFCDIJMLKNOPQYSAABWXRZ";
    return letter >= 'A' && letter <= 'Z' ? (uint8_t)of[letter - 'A'] : letter;
}

/* FNV-1a over 64 bits: a chance collision only puts two sequences on one side. */
uint64_t mote_sequence_key(const uint8_t *letters, size_t length, bool dna)
{
    const uint64_t basis = 0xCBF29CE484222325u, prime = 0x100000001B3u;
    uint64_t forward = basis, backward = basis;
    for (size_t i = 0; i < length; i++) {
        forward = (forward ^ (dna && letters[i] == 'U' ? 'T' : letters[i])) * prime;
        backward = (backward ^ complement_letter(letters[length - 1 - i])) * prime;
    }
    return dna && backward < forward ? backward : forward;
}

static int by_rank(const void *a, const void *b)
{
    const mote_sequence *x = *(mote_sequence *const *)a, *y = *(mote_sequence *const *)b;
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    return x->key < y->key ? -1 : x->key > y->key;
}

/* Sequences of one key from order[begin] on: one behind the last. */
static size_t group_end(mote_sequence *const *order, size_t count, size_t begin, size_t *tokens)
{
    size_t end = begin;
    *tokens = 0;
    while (end < count && order[end]->key == order[begin]->key) {
        *tokens += order[end++]->tokens;
    }
    return end;
}

mote_status mote_split_records(mote_context *context, mote_sequence *sequences, size_t count, double fraction,
                               uint64_t seed)
{
    mote_sequence **order = mote_allocate_array(context, count, sizeof(mote_sequence *));
    size_t total = 0, taken = 0, tokens, end, smallest = 0, fewest = SIZE_MAX;
    if (!order) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        order[i] = &sequences[i];
        sequences[i].rank = draw(seed, sequences[i].key);
        sequences[i].validation = fraction >= 1;
        total += sequences[i].tokens;
    }
    qsort(order, count, sizeof *order, by_rank);
    for (size_t i = 0; i < count && fraction < 1; i = end) {
        end = group_end(order, count, i, &tokens);
        if (tokens > 0 && tokens < fewest) {
            fewest = tokens;
            smallest = i;
        }
        /* taken if that brings us nearer to what is wanted; never everything */
        if ((double)tokens < 2 * (fraction * (double)total - (double)taken) && taken + tokens < total) {
            taken += tokens;
            for (size_t j = i; j < end; j++) {
                order[j]->validation = true;
            }
        }
    }
    if (fraction < 1 && taken == 0 && fewest < total) {
        end = group_end(order, count, smallest, &tokens);
        for (size_t j = smallest; j < end; j++) {
            order[j]->validation = true;
        }
    }
    mote_release(context, order);
    return MOTE_OK;
}

/* Blocks of validation in all tokens one behind the other: block i begins at begins[i] and has length tokens. One lies
 * at random in each of as many equal parts. */
static size_t place_blocks(size_t total, double fraction, uint64_t seed, size_t begins[BLOCKS_MAXIMUM], size_t *length)
{
    size_t wanted = (size_t)((double)total * fraction), blocks = wanted / BLOCK_TOKENS;
    blocks = blocks < 1 ? 1 : mote_size_min(blocks, BLOCKS_MAXIMUM);
    *length = wanted / blocks;
    size_t part = total / blocks, left_over = total % blocks;
    for (size_t i = 0; i < blocks; i++) {
        size_t begin = part * i + mote_size_min(i, left_over), size = part + (i < left_over);
        begins[i] = begin + (size_t)(draw(seed, i) % (size - mote_size_min(*length, size) + 1));
    }
    return *length ? blocks : 0;
}

static void add(mote_stretch *stretches, size_t *count, size_t sequence, size_t begin, size_t end, bool validation)
{
    if (end > begin) {
        stretches[(*count)++] = (mote_stretch){sequence, begin, end - begin, validation};
    }
}

mote_status mote_split_stretches(mote_context *context, const mote_sequence *sequences, size_t count, bool by_record,
                                 double fraction, uint64_t seed, mote_stretch **result, size_t *stretch_count)
{
    size_t total = 0, at = 0, blocks = 0, block = 0, length = 0, begins[BLOCKS_MAXIMUM];
    for (size_t i = 0; i < count; i++) {
        total += sequences[i].tokens;
    }
    if (!by_record && fraction < 1) {
        blocks = place_blocks(total, fraction, seed, begins, &length);
    }
    *stretch_count = 0;
    /* every block adds two cuts, and each cut one stretch */
    mote_stretch *stretches = *result =
        mote_allocate_array(context, count + 2 * (size_t)BLOCKS_MAXIMUM, sizeof *stretches);
    if (!stretches) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < count; at += sequences[i++].tokens) {
        size_t end = at + sequences[i].tokens, done = at;
        while (block < blocks && begins[block] < end) {
            size_t first = begins[block] > done ? begins[block] : done, last = begins[block] + length;
            add(stretches, stretch_count, i, done - at, first - at, false);
            done = mote_size_min(last, end);
            add(stretches, stretch_count, i, first - at, done - at, true);
            if (last > end) {
                break; /* the rest of the block lies in the next sequence */
            }
            block++;
        }
        add(stretches, stretch_count, i, done - at, end - at, by_record ? sequences[i].validation : fraction >= 1);
    }
    return MOTE_OK;
}
