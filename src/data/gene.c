/* The gene model: a hidden Markov chain that writes intergenic sequence and genes of a small eukaryote.
 *
 *     intergenic -> AAAA ATG -> codon codon ... -> stop -> intergenic
 *                               |  ^
 *                               v  |   between two codons (phase 0) or behind a codon's first base (phase 1)
 *                               GTATGT body TACTAAC tail YAG
 *
 * What a model can learn from the last few bases: motifs and the commonest codons. What needs more: where the frame is,
 * which class of gene this is, that an intron ends in the frame it began in. An order-k context model therefore
 * stays above the entropy rate, which the forward algorithm gives to three decimals.
 *
 * States: a codon is 1 + 4 + 16 states (nothing read, one base, two bases), so its third base may depend on the first
 * two. An intron is copied for each class and for each thing to come back to: 5, as introns of phase 2, the rarest, are
 * left out to keep the chain small. */
#include "data/gene.h"

#include "base/context.h"

enum { A, C, G, T, BASES };
enum { CLASSES = 3, MEMORIES = 1 + BASES, EDGES_MAXIMUM = 8192 };

/* The model in numbers. */
static const struct {
    double intergenic_length, gene_codons, intron_codons, body_length, tail_length; /* means of geometric lengths */
    double intergenic[BASES], start[BASES], body[BASES], tail[BASES], motif_loss;
    double stop_taa, stop_tag;
    struct {
        double share;                                 /* of the genes */
        double third[BASES];                          /* weight of a codon by its third base */
        double hydrophobic, charged, aromatic, small; /* factors on the amino acids of that kind */
    } classes[CLASSES];
} model = {
    /* compact, as in yeast or in the ciliate Paramecium, whose introns are the shortest known (25 bases) */
    .intergenic_length = 100,
    .gene_codons = 200,
    .intron_codons = 80,
    .body_length = 30,
    .tail_length = 12,
    /* noncoding sequence is rich in A and T, introns in T; both are shares of A C G T */
    .intergenic = {0.34, 0.16, 0.16, 0.34},
    .start = {0.60, 0.15, 0.15, 0.10}, /* four bases before ATG: A preferred, as in yeast */
    .body = {0.32, 0.13, 0.13, 0.42},
    .tail = {0.20, 0.16, 0.04, 0.60}, /* the polypyrimidine tract */
    .motif_loss = 0.02,               /* a base of GTATGT or TACTAAC differs from it; its GT and the last AG never do */
    .stop_taa = 0.5,
    .stop_tag = 0.2,
    /* One class as in the GC-richest genomes (Streptomyces: nine of ten codons end in G or C), one as in the AT-richest
     * (Plasmodium), one with the few preferred codons of highly expressed genes. Single genomes hold such
     * genes next to each other less often than here: this is what makes the class worth knowing. */
    .classes = {{0.4, {0.04, 0.56, 0.36, 0.04}, 1.0, 1.0, 1.0, 1.2},
                {0.35, {0.46, 0.04, 0.05, 0.45}, 0.7, 1.8, 1.0, 0.7},
                {0.25, {0.04, 0.10, 0.06, 0.80}, 1.8, 0.4, 1.6, 1.0}},
};

/* Amino acids in the average protein, in percent: the statistics of UniProtKB/Swiss-Prot. */
static const struct {
    char letter, kind; /* hydrophobic, charged, aromatic, small or other */
    double percent;
} amino_acids[] = {
    {'A', 's', 8.25}, {'R', 'c', 5.53}, {'N', 'o', 4.06}, {'D', 'c', 5.45}, {'C', 'o', 1.37},
    {'Q', 'o', 3.93}, {'E', 'c', 6.75}, {'G', 's', 7.07}, {'H', 'o', 2.27}, {'I', 'h', 5.96},
    {'L', 'h', 9.66}, {'K', 'c', 5.84}, {'M', 'h', 2.42}, {'F', 'a', 3.86}, {'P', 'o', 4.70},
    {'S', 's', 6.56}, {'T', 'o', 5.34}, {'W', 'a', 1.08}, {'Y', 'a', 2.92}, {'V', 'h', 6.87},
};

/* The standard genetic code by first, second and third base in the order A C G T; '*' is stop. */
static const char code[] = "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF";

typedef struct chain {
    size_t states, count;
    mote_hmm_edge *edges;
} chain;

static size_t add_state(chain *c) { return c->states++; }

static void add_edge(chain *c, size_t from, size_t to, int symbol, double probability)
{
    if (probability > 0) {
        c->edges[c->count++] = (mote_hmm_edge){(uint16_t)from, (uint16_t)to, (uint8_t)symbol, probability};
    }
}

/* From state from to state to by one base of the distribution, with probability share. */
static void add_base(chain *c, size_t from, size_t to, const double *bases, double share)
{
    for (int b = 0; b < BASES; b++) {
        add_edge(c, from, to, b, share * bases[b]);
    }
}

/* A state for each letter of the motif behind from, the last of which is returned: it has yet to write. Letters are A
 * C G T, in lower case if another base may stand for them, y for C or T. */
static size_t add_motif(chain *c, size_t from, const char *motif)
{
    double loss = model.motif_loss;
    for (; *motif; motif++) {
        size_t next = add_state(c);
        double bases[BASES] = {0};
        switch (*motif) {
        case 'A': bases[A] = 1; break;
        case 'G': bases[G] = 1; break;
        case 'T': bases[T] = 1; break;
        case 'y': bases[C] = bases[T] = 0.5; break;
        default:
            for (int b = 0; b < BASES; b++) {
                bases[b] = "acgt"[b] == *motif ? 1 - loss : loss / (BASES - 1);
            }
        }
        add_base(c, from, next, bases, 1);
        from = next;
    }
    return from;
}

/* An intron whose first G has been written on the way to the state that this returns; its last G leads to back. */
static size_t add_intron(chain *c, size_t back)
{
    size_t entry = add_state(c), body = add_motif(c, entry, "Tatgt");
    add_base(c, body, body, model.body, 1 - 1 / model.body_length);
    size_t branch = add_state(c);
    add_base(c, body, branch, model.body, 1 / model.body_length);
    size_t tail = add_motif(c, branch, "tactaac");
    add_base(c, tail, tail, model.tail, 1 - 1 / model.tail_length);
    size_t acceptor = add_state(c);
    add_base(c, tail, acceptor, model.tail, 1 / model.tail_length);
    add_edge(c, add_motif(c, acceptor, "yA"), back, G, 1);
    return entry;
}

/* P(codon) in genes of a class, [64] by first, second and third base; stops have none. */
static void codon_usage(int class, double *usage)
{
    double sum = 0;
    for (int codon = 0; codon < 64; codon++) {
        usage[codon] = 0;
        for (size_t a = 0; a < sizeof amino_acids / sizeof amino_acids[0]; a++) {
            if (amino_acids[a].letter != code[codon]) {
                continue;
            }
            double synonyms = 0, factor = 1;
            for (int other = 0; other < 64; other++) {
                synonyms += code[other] == code[codon] ? model.classes[class].third[other % BASES] : 0;
            }
            switch (amino_acids[a].kind) {
            case 'h': factor = model.classes[class].hydrophobic; break;
            case 'c': factor = model.classes[class].charged; break;
            case 'a': factor = model.classes[class].aromatic; break;
            case 's': factor = model.classes[class].small; break;
            default: break;
            }
            usage[codon] = factor * amino_acids[a].percent * model.classes[class].third[codon % BASES] / synonyms;
        }
        sum += usage[codon];
    }
    for (int codon = 0; codon < 64; codon++) {
        usage[codon] /= sum;
    }
}

/* The codons of a class; codon is the state between two of them, stop the state behind the T of a stop codon. */
static void add_class(chain *c, int class, size_t codon, size_t stop)
{
    double usage[64], intron = 0.5 / model.intron_codons, ending = 1 / model.gene_codons;
    codon_usage(class, usage);
    add_edge(c, codon, stop, T, ending);
    add_edge(c, codon, add_intron(c, codon), G, intron);
    for (int first = 0; first < BASES; first++) {
        double of_first = 0;
        for (int i = 0; i < 16; i++) {
            of_first += usage[first * 16 + i];
        }
        size_t one = add_state(c);
        add_edge(c, codon, one, first, of_first * (1 - ending - intron));
        add_edge(c, one, add_intron(c, one), G, intron);
        for (int second = 0; second < BASES; second++) {
            const double *thirds = usage + first * 16 + second * BASES;
            double of_second = thirds[A] + thirds[C] + thirds[G] + thirds[T];
            size_t two = add_state(c);
            add_edge(c, one, two, second, of_second / of_first * (1 - intron));
            for (int third = 0; third < BASES; third++) {
                add_edge(c, two, codon, third, thirds[third] / of_second);
            }
        }
    }
}

static void build(chain *c)
{
    double leaving = 1 / model.intergenic_length;
    size_t intergenic = add_state(c), start = add_state(c), stop = add_state(c);
    add_base(c, intergenic, intergenic, model.intergenic, 1 - leaving);
    add_base(c, intergenic, start, model.intergenic, leaving);
    for (int i = 0; i < 4; i++) {
        size_t next = add_state(c);
        add_base(c, start, next, model.start, 1);
        start = next;
    }
    start = add_motif(c, start, "AT");
    for (int class = 0; class < CLASSES; class ++) {
        size_t codon = add_state(c);
        add_edge(c, start, codon, G, model.classes[class].share);
        add_class(c, class, codon, stop);
    }
    size_t after_a = add_state(c), after_g = add_state(c);
    add_edge(c, stop, after_a, A, model.stop_taa + model.stop_tag);
    add_edge(c, stop, after_g, G, 1 - model.stop_taa - model.stop_tag);
    add_edge(c, after_a, intergenic, A, model.stop_taa / (model.stop_taa + model.stop_tag));
    add_edge(c, after_a, intergenic, G, model.stop_tag / (model.stop_taa + model.stop_tag));
    add_edge(c, after_g, intergenic, A, 1);
}

mote_status mote_gene_create(mote_context *context, mote_hmm **hmm)
{
    *hmm = NULL;
    chain c = {0, 0, mote_allocate_array(context, EDGES_MAXIMUM, sizeof *c.edges)};
    if (!c.edges) {
        return MOTE_ERROR_MEMORY;
    }
    build(&c);
    mote_status status = mote_hmm_create(context, c.states, BASES, c.edges, c.count, hmm);
    mote_release(context, c.edges);
    return status;
}

mote_status mote_gene_sample(mote_context *context, uint64_t seed, size_t length, uint8_t *bases)
{
    mote_hmm *hmm;
    mote_status status = mote_gene_create(context, &hmm);
    if (status == MOTE_OK) {
        mote_hmm_sample(hmm, seed, length, bases, NULL);
    }
    mote_hmm_destroy(hmm);
    return status;
}

mote_status mote_gene_entropy_rate(mote_context *context, uint64_t seed, size_t length, double *bits, double *error)
{
    mote_hmm *hmm;
    mote_status status = mote_gene_create(context, &hmm);
    if (status == MOTE_OK) {
        status = mote_hmm_entropy_rate(hmm, seed, length ? length : MOTE_GENE_LENGTH, bits, error);
    }
    mote_hmm_destroy(hmm);
    return status;
}
