/* Vocabularies: how letters of a sequence become tokens. One row of a table each; see vocabulary.c. */
#ifndef MOTE_DATA_VOCABULARY_H
#define MOTE_DATA_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tokens 0 .. size - 1. Ordinary tokens are those that stand for what sequences are made of (A C G T, the 20 amino
 * acids, all k-mers); the others are specials, ambiguity codes or rare residues. */
typedef struct mote_vocabulary {
    const char *name;
    bool dna;          /* bases; otherwise amino acids */
    bool both_strands; /* reverse complements are good training data unless told otherwise */
    int unit;          /* letters a token */
    int size;
    int pad, begin, end, unknown, mask;
    int ordinary, ordinary_count; /* the first of them and how many */
    int known;                    /* tokens from ordinary on that stand for letters, rare ones included */
    const char *letters;          /* unit 1: [known] those letters */
} mote_vocabulary;

enum { MOTE_TOKEN_TEXT = 16 };

/* By name: "byte", "kmer:2" .. "kmer:6", "codon" or "protein"; NULL if there is none of that name. */
const mote_vocabulary *mote_vocabulary_find(const char *name);

/* Row index of the table, NULL behind the last. */
const mote_vocabulary *mote_vocabulary_row(size_t index);

/* The share of ACGTUN among letters that were counted from A to Z; 0 if there are none. */
double mote_vocabulary_base_share(const uint64_t counts[26]);

/* byte if nine of ten letters are ACGTUN, else protein. */
const mote_vocabulary *mote_vocabulary_guess(const uint64_t counts[26]);

/* The token of the unit letters at letters (A-Z, or anything: that is unknown). */
int mote_vocabulary_token(const mote_vocabulary *vocabulary, const uint8_t *letters);

/* Tokens of a sequence, length / unit of them, non-overlapping from its first letter; letters that are left over at the
 * end have none. tokens: [length / unit]. Returns their number. */
size_t mote_vocabulary_encode(const mote_vocabulary *vocabulary, const uint8_t *letters, size_t length,
                              uint16_t *tokens);

/* What a token stands for, such as "A", "GAT" or "<mask>". */
void mote_vocabulary_text(const mote_vocabulary *vocabulary, int token, char text[MOTE_TOKEN_TEXT]);

/* Letters that a token stands for: unit, or 0 for specials. <unknown> stands for unit letters that were there. */
int mote_vocabulary_units(const mote_vocabulary *vocabulary, int token);

/* A special, <unknown> included: never chosen for masking. */
bool mote_vocabulary_special(const mote_vocabulary *vocabulary, int token);

/* The token of the same place on the other strand (read backwards): the reverse complement; begin and end change
 * places. DNA only. */
int mote_vocabulary_complement(const mote_vocabulary *vocabulary, int token);

#endif
