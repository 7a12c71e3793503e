/* The table of vocabularies. */
#include "data/vocabulary.h"

#include <stdio.h>
#include <string.h>

enum { SPECIALS = 5 };

static const char base_letters[] = "ACGTNRYSWKMBDHV";
/* ESM-2 numbers its 33 tokens <cls> <pad> <eos> <unk>, then these, then <null_1> <mask>: its files have rows in this
 * order. */
static const char residue_letters[] = "LAGVSERTIDPKQNFYMHWCXBUZO.-";

#define KMER(k, name, both, size)                                                                                      \
    {                                                                                                                  \
        name, true, both, k, (size) + SPECIALS, 0, 1, 2, 3, 4, SPECIALS, size, size, NULL                              \
    }

static const mote_vocabulary rows[] = {
    {"byte", true, true, 1, 20, 0, 1, 2, 3, 4, SPECIALS, 4, 15, base_letters},
    KMER(2, "kmer:2", true, 16),
    KMER(3, "kmer:3", true, 64),
    KMER(4, "kmer:4", true, 256),
    KMER(5, "kmer:5", true, 1024),
    KMER(6, "kmer:6", true, 4096),
    /* one token a codon and five specials, as many as GenSLM has; the frame is that of the coding strand */
    KMER(3, "codon", false, 64),
    {"protein", false, false, 1, 33, 1, 0, 2, 3, 32, 4, 20, 27, residue_letters},
};

/* Token of a letter, 0 where there is none: the two tables are base_letters and residue_letters turned round (U is T).
 */
static const uint8_t base_tokens[26] = {
    ['A' - 'A'] = 5,  ['C' - 'A'] = 6,  ['G' - 'A'] = 7,  ['T' - 'A'] = 8,  ['U' - 'A'] = 8,  ['N' - 'A'] = 9,
    ['R' - 'A'] = 10, ['Y' - 'A'] = 11, ['S' - 'A'] = 12, ['W' - 'A'] = 13, ['K' - 'A'] = 14, ['M' - 'A'] = 15,
    ['B' - 'A'] = 16, ['D' - 'A'] = 17, ['H' - 'A'] = 18, ['V' - 'A'] = 19,
};
static const uint8_t residue_tokens[26] = {
    ['L' - 'A'] = 4,  ['A' - 'A'] = 5,  ['G' - 'A'] = 6,  ['V' - 'A'] = 7,  ['S' - 'A'] = 8,
    ['E' - 'A'] = 9,  ['R' - 'A'] = 10, ['T' - 'A'] = 11, ['I' - 'A'] = 12, ['D' - 'A'] = 13,
    ['P' - 'A'] = 14, ['K' - 'A'] = 15, ['Q' - 'A'] = 16, ['N' - 'A'] = 17, ['F' - 'A'] = 18,
    ['Y' - 'A'] = 19, ['M' - 'A'] = 20, ['H' - 'A'] = 21, ['W' - 'A'] = 22, ['C' - 'A'] = 23,
    ['X' - 'A'] = 24, ['B' - 'A'] = 25, ['U' - 'A'] = 26, ['Z' - 'A'] = 27, ['O' - 'A'] = 28,
};

const mote_vocabulary *mote_vocabulary_row(size_t index)
{
    return index < sizeof rows / sizeof rows[0] ? &rows[index] : NULL;
}

const mote_vocabulary *mote_vocabulary_find(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

double mote_vocabulary_base_share(const uint64_t counts[26])
{
    uint64_t all = 0, bases = 0;
    for (int i = 0; i < 26; i++) {
        all += counts[i];
        bases += strchr("ACGTUN", 'A' + i) ? counts[i] : 0;
    }
    return all ? (double)bases / (double)all : 0;
}

const mote_vocabulary *mote_vocabulary_guess(const uint64_t counts[26])
{
    return mote_vocabulary_find(mote_vocabulary_base_share(counts) >= 0.9 ? "byte" : "protein");
}

int mote_vocabulary_token(const mote_vocabulary *vocabulary, const uint8_t *letters)
{
    if (vocabulary->unit == 1) {
        unsigned letter = letters[0] - (unsigned)'A';
        int token = letter >= 26 ? 0 : vocabulary->dna ? base_tokens[letter] : residue_tokens[letter];
        return token ? token : vocabulary->unknown;
    }
    int number = 0;
    for (int i = 0; i < vocabulary->unit; i++) {
        unsigned letter = letters[i] - (unsigned)'A';
        unsigned base = (letter >= 26 ? 0u : base_tokens[letter]) - SPECIALS;
        if (base > 3) {
            return vocabulary->unknown;
        }
        number = number * 4 + (int)base;
    }
    return vocabulary->ordinary + number;
}

size_t mote_vocabulary_encode(const mote_vocabulary *vocabulary, const uint8_t *letters, size_t length,
                              uint16_t *tokens)
{
    size_t unit = (size_t)vocabulary->unit, count = length / unit;
    for (size_t i = 0; i < count; i++) {
        tokens[i] = (uint16_t)mote_vocabulary_token(vocabulary, letters + i * unit);
    }
    return count;
}

void mote_vocabulary_text(const mote_vocabulary *vocabulary, int token, char text[MOTE_TOKEN_TEXT])
{
    int number = token - vocabulary->ordinary;
    const char *special = token == vocabulary->pad       ? "<pad>"
                          : token == vocabulary->begin   ? "<begin>"
                          : token == vocabulary->end     ? "<end>"
                          : token == vocabulary->unknown ? "<unknown>"
                          : token == vocabulary->mask    ? "<mask>"
                                                         : NULL;
    if (special) {
        snprintf(text, MOTE_TOKEN_TEXT, "%s", special);
    } else if (vocabulary->unit == 1 && number >= 0 && number < vocabulary->known) {
        snprintf(text, MOTE_TOKEN_TEXT, "%c", vocabulary->letters[number]);
    } else if (vocabulary->unit > 1 && number >= 0 && number < vocabulary->known) {
        text[vocabulary->unit] = '\0';
        for (int i = vocabulary->unit; i-- > 0; number /= 4) {
            text[i] = base_letters[number % 4];
        }
    } else {
        snprintf(text, MOTE_TOKEN_TEXT, "<null>");
    }
}

bool mote_vocabulary_special(const mote_vocabulary *vocabulary, int token)
{
    return token < vocabulary->ordinary || token >= vocabulary->ordinary + vocabulary->known;
}

int mote_vocabulary_units(const mote_vocabulary *vocabulary, int token)
{
    bool counts = token == vocabulary->unknown || !mote_vocabulary_special(vocabulary, token);
    return counts ? vocabulary->unit : 0;
}

int mote_vocabulary_complement(const mote_vocabulary *vocabulary, int token)
{
    /* of A C G T N R Y S W K M B D H V: T G C A N Y R S W M K V H D B */
    static const uint8_t of_letter[] = {3, 2, 1, 0, 4, 6, 5, 7, 8, 10, 9, 14, 13, 12, 11};
    if (token == vocabulary->begin) {
        return vocabulary->end;
    }
    if (token == vocabulary->end) {
        return vocabulary->begin;
    }
    if (mote_vocabulary_special(vocabulary, token)) {
        return token;
    }
    int number = token - vocabulary->ordinary, other = 0;
    if (vocabulary->unit == 1) {
        other = of_letter[number];
    } else {
        for (int i = 0; i < vocabulary->unit; i++, number /= 4) {
            other = other * 4 + 3 - number % 4;
        }
    }
    return vocabulary->ordinary + other;
}
