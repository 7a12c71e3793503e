/* Hidden Markov chains against closed forms, bounds and a plain second implementation; then the gene model. */
#include "unit.h"

#include <math.h>

#include "data/gene.h"

static mote_hmm *create(mote_context *context, size_t states, size_t symbols, const mote_hmm_edge *edges, size_t count)
{
    mote_hmm *hmm;
    unit_ok(context, mote_hmm_create(context, states, symbols, edges, count, &hmm));
    return hmm;
}

/* The estimate must lie within four standard errors of the truth, and the error must be worth something. */
static void hold_rate(mote_hmm *hmm, double low, double high, double largest_error)
{
    enum { LENGTH = 400000 };
    double bits, error;
    unit_ok(hmm->context, mote_hmm_entropy_rate(hmm, 7, LENGTH, &bits, &error));
    if (!(bits >= low - 4 * error && bits <= high + 4 * error && error <= largest_error)) {
        fail_msg("expected %.6f .. %.6f, found %.6f +- %.6f", low, high, bits, error);
    }
}

static void independent_symbols(void **state)
{
    (void)state;
    static const mote_hmm_edge edges[] = {{0, 0, 0, 0.5}, {0, 0, 1, 0.25}, {0, 0, 2, 0.125}, {0, 0, 3, 0.125}};
    static const uint8_t symbols[] = {0, 0, 1, 3, 2, 0};
    mote_context *context = unit_context(1, NULL);
    mote_hmm *hmm = create(context, 1, 4, edges, 4);
    assert_true(fabs(mote_hmm_bits(hmm, symbols, 6) - (1 + 1 + 2 + 3 + 3 + 1)) < 1e-12);
    hold_rate(hmm, 1.75, 1.75, 0.003);
    mote_hmm_destroy(hmm);
    mote_context_destroy(context);
}

static double entropy2(double p) { return -p * log2(p) - (1 - p) * log2(1 - p); }

/* A Markov chain shows its state: the rate is the mean entropy of a step. */
static void markov_chain(void **state)
{
    (void)state;
    static const mote_hmm_edge edges[] = {{1, 0, 0, 0.4}, {0, 0, 0, 0.9}, {0, 1, 1, 0.1}, {1, 1, 1, 0.6}};
    mote_context *context = unit_context(1, NULL);
    mote_hmm *hmm = create(context, 2, 2, edges, 4);
    double rate = 0.8 * entropy2(0.1) + 0.2 * entropy2(0.4);
    assert_true(fabs(hmm->stationary[0] - 0.8) < 1e-12);
    hold_rate(hmm, rate, rate, 0.003);
    mote_hmm_destroy(hmm);
    mote_context_destroy(context);
}

/* The even process: ones come in runs of even length. No finite order describes it, yet its rate is 2/3. */
static void even_process(void **state)
{
    (void)state;
    static const mote_hmm_edge edges[] = {{0, 0, 0, 0.5}, {0, 1, 1, 0.5}, {1, 0, 1, 1}};
    static const uint8_t odd[] = {0, 1, 0};
    mote_context *context = unit_context(1, NULL);
    mote_hmm *hmm = create(context, 2, 2, edges, 3);
    hold_rate(hmm, 2.0 / 3, 2.0 / 3, 0.003);
    assert_true(isinf(mote_hmm_bits(hmm, odd, 3)));
    mote_hmm_destroy(hmm);
    mote_context_destroy(context);
}

/* P(symbols), starting with the distribution belief: dense, unscaled, straight from the definition. */
static double probability(const mote_hmm *hmm, const double *belief, const uint8_t *symbols, size_t length)
{
    double now[8], then[8], sum = 0;
    memcpy(now, belief, hmm->states * sizeof *now);
    for (size_t i = 0; i < length; i++) {
        memset(then, 0, sizeof then);
        for (size_t e = 0; e < hmm->edge_count; e++) {
            if (hmm->edges[e].symbol == symbols[i]) {
                then[hmm->edges[e].to] += now[hmm->edges[e].from] * hmm->edges[e].probability;
            }
        }
        memcpy(now, then, sizeof now);
    }
    for (size_t s = 0; s < hmm->states; s++) {
        sum += now[s];
    }
    return sum;
}

/* H(X_1 .. X_length) in bits over all binary sequences. */
static double block_entropy(const mote_hmm *hmm, const double *belief, size_t length)
{
    double entropy = 0;
    for (uint32_t number = 0; number < 1u << length; number++) {
        uint8_t symbols[32];
        for (size_t i = 0; i < length; i++) {
            symbols[i] = number >> i & 1;
        }
        double p = probability(hmm, belief, symbols, length);
        entropy -= p > 0 ? p * log2(p) : 0;
    }
    return entropy;
}

/* H(X_n | X_1 .. X_(n-1), S_0) <= rate <= H(X_n | X_1 .. X_(n-1)): Cover & Thomas, theorem 4.5.1. */
static void bounds_by_enumeration(void **state)
{
    (void)state;
    enum { N = 11 };
    static const mote_hmm_edge edges[] = {{0, 0, 0, 0.6}, {0, 1, 0, 0.1}, {0, 0, 1, 0.2},
                                          {0, 2, 1, 0.1}, {1, 1, 1, 0.7}, {1, 2, 0, 0.3},
                                          {2, 0, 1, 0.5}, {2, 2, 0, 0.4}, {2, 1, 1, 0.1}};
    mote_context *context = unit_context(1, NULL);
    mote_hmm *hmm = create(context, 3, 2, edges, 9);
    double upper = block_entropy(hmm, hmm->stationary, N) - block_entropy(hmm, hmm->stationary, N - 1), lower = 0;
    for (size_t s = 0; s < 3; s++) {
        double known[3] = {s == 0, s == 1, s == 2};
        lower += hmm->stationary[s] * (block_entropy(hmm, known, N) - block_entropy(hmm, known, N - 1));
    }
    assert_true(lower < upper && upper - lower < 0.004);
    hold_rate(hmm, lower, upper, 0.003);
    mote_hmm_destroy(hmm);
    mote_context_destroy(context);
}

static void refuses_bad_chains(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_hmm *hmm;
    double bits, error;
    static const mote_hmm_edge less[] = {{0, 0, 0, 0.5}, {0, 0, 1, 0.4999}}, outside[] = {{0, 1, 0, 1}},
                               unknown[] = {{0, 0, 2, 1}}, nan[] = {{0, 0, 0, NAN}, {0, 0, 1, 1}},
                               two[] = {{0, 1, 0, 1}, {1, 0, 1, 1}};
    assert_int_equal(mote_hmm_create(context, 1, 2, less, 2, &hmm), MOTE_ERROR_ARGUMENT);
    assert_null(hmm);
    assert_non_null(strstr(mote_context_message(context), "state 0 add up to 0.999"));
    assert_int_equal(mote_hmm_create(context, 1, 2, outside, 1, &hmm), MOTE_ERROR_ARGUMENT);
    assert_int_equal(mote_hmm_create(context, 1, 2, unknown, 1, &hmm), MOTE_ERROR_ARGUMENT);
    assert_int_equal(mote_hmm_create(context, 1, 2, nan, 2, &hmm), MOTE_ERROR_ARGUMENT);
    assert_int_equal(mote_hmm_create(context, 0, 2, less, 0, &hmm), MOTE_ERROR_ARGUMENT);
    hmm = create(context, 2, 2, two, 2);
    assert_int_equal(mote_hmm_entropy_rate(hmm, 1, 63, &bits, &error), MOTE_ERROR_ARGUMENT);
    unit_ok(context, mote_hmm_entropy_rate(hmm, 1, 64, &bits, &error));
    mote_hmm_destroy(hmm);
    mote_context_destroy(context);
}

/* The gene model's likelihood in parts and at once, and by logarithms of unscaled sums over a few bases. */
static void gene_likelihood(void **state)
{
    (void)state;
    enum { LENGTH = 3000, SHORT = 40 };
    uint8_t bases[LENGTH];
    mote_context *context = unit_context(1, NULL);
    mote_hmm *hmm;
    unit_ok(context, mote_gene_create(context, &hmm));
    mote_hmm_sample(hmm, 3, LENGTH, bases, NULL);
    mote_hmm_believe(hmm, -1);
    double whole = mote_hmm_bits(hmm, bases, LENGTH);
    mote_hmm_believe(hmm, -1);
    double parts = mote_hmm_bits(hmm, bases, 1000);
    parts += mote_hmm_bits(hmm, bases + 1000, LENGTH - 1000);
    assert_true(fabs(whole - parts) < 1e-9);
    double *now = malloc(hmm->states * sizeof *now), *then = malloc(hmm->states * sizeof *then), sum = 0;
    memcpy(now, hmm->stationary, hmm->states * sizeof *now);
    for (size_t i = 0; i < SHORT; i++) {
        memset(then, 0, hmm->states * sizeof *then);
        for (size_t e = 0; e < hmm->edge_count; e++) {
            if (hmm->edges[e].symbol == bases[i]) {
                then[hmm->edges[e].to] += now[hmm->edges[e].from] * hmm->edges[e].probability;
            }
        }
        memcpy(now, then, hmm->states * sizeof *now);
    }
    for (size_t s = 0; s < hmm->states; s++) {
        sum += now[s];
    }
    mote_hmm_believe(hmm, -1);
    assert_true(fabs(mote_hmm_bits(hmm, bases, SHORT) + log2(sum)) < 1e-9);
    free(now);
    free(then);
    mote_hmm_destroy(hmm);
    mote_context_destroy(context);
}

static void gene_rate(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    double bits, error, again, again_error;
    unit_ok(context, mote_gene_entropy_rate(context, 1, 0, &bits, &error));
    assert_true(bits > 1.7 && bits < 1.8);
    assert_true(error > 0 && error < 0.001);
    unit_ok(context, mote_gene_entropy_rate(context, 2, 1000000, &again, &again_error));
    assert_true(fabs(bits - again) <= 4 * hypot(error, again_error) && bits != again);
    mote_context_destroy(context);
}

/* Blocks of the sample, scored with and without knowing the hidden state in front of each: the mean code lengths are
 * H(X_1 .. X_n | S_0) / n and H(X_1 .. X_n) / n, between which the rate lies. */
static void gene_bounds(void **state)
{
    (void)state;
    enum { BLOCKS = 500, LENGTH = 2000 };
    mote_context *context = unit_context(1, NULL);
    mote_hmm *hmm;
    double means[2] = {0, 0}, squares[2] = {0, 0}, bits, error;
    uint8_t *bases = malloc(BLOCKS * LENGTH);
    uint16_t *path = malloc((BLOCKS * LENGTH + 1) * sizeof *path);
    unit_ok(context, mote_gene_create(context, &hmm));
    mote_hmm_sample(hmm, 5, BLOCKS * LENGTH, bases, path);
    for (int unknown = 0; unknown < 2; unknown++) {
        for (size_t b = 0; b < BLOCKS; b++) {
            mote_hmm_believe(hmm, unknown ? -1 : path[b * LENGTH]);
            double mean = mote_hmm_bits(hmm, bases + b * LENGTH, LENGTH) / LENGTH;
            means[unknown] += mean / BLOCKS;
            squares[unknown] += mean * mean / BLOCKS;
        }
    }
    unit_ok(context, mote_hmm_entropy_rate(hmm, 6, 2000000, &bits, &error));
    double lower_error = sqrt((squares[0] - means[0] * means[0]) / BLOCKS),
           upper_error = sqrt((squares[1] - means[1] * means[1]) / BLOCKS);
    assert_true(means[0] < means[1] && means[1] - means[0] < 0.01);
    assert_true(means[0] - 4 * hypot(lower_error, error) < bits && bits < means[1] + 4 * hypot(upper_error, error));
    free(path);
    free(bases);
    mote_hmm_destroy(hmm);
    mote_context_destroy(context);
}

/* The state behind s other than s itself, if there is but one; the letters on the way there. */
static int only_successor(const mote_hmm *hmm, size_t s, bool letters[4])
{
    int found = -1;
    memset(letters, 0, 4 * sizeof *letters);
    for (size_t e = hmm->first[s]; e < hmm->first[s + 1]; e++) {
        size_t to = hmm->edges[e].to;
        if (to != s && found >= 0 && to != (size_t)found) {
            return -1;
        }
        found = to != s ? (int)to : found;
        letters[hmm->edges[e].symbol] |= to != s;
    }
    return found;
}

/* Marks the states of introns: behind a G of their own probability there is T, then a single
 * way that ends with A and G where it began. */
static size_t mark_introns(const mote_hmm *hmm, uint8_t *inside)
{
    enum { SHORTEST = 18 };
    size_t introns = 0;
    for (size_t e = 0; e < hmm->edge_count; e++) {
        size_t home = hmm->edges[e].from, at = hmm->edges[e].to, steps = 1;
        bool letters[4], before[4] = {false};
        if (hmm->edges[e].symbol != 2 || fabs(hmm->edges[e].probability - 0.5 / 80) > 1e-12) {
            continue;
        }
        for (int next; steps < 30 && at != home; at = (size_t)next, steps++) {
            memcpy(before, letters, sizeof before);
            next = only_successor(hmm, at, letters);
            assert_true(next >= 0);
            assert_true(steps > 1 || (letters[3] && !letters[0] && !letters[1] && !letters[2]));
            inside[at] = 1;
        }
        assert_int_equal(at, home);
        assert_true(steps >= SHORTEST && letters[2] && !letters[0] && !letters[1] && !letters[3]);
        assert_true(before[0] && !before[1] && !before[2] && !before[3]);
        introns++;
    }
    return introns;
}

/* Without its introns every gene is whole codons from ATG to the only stop codon in its frame. */
static void genes_translate(void **state)
{
    (void)state;
    enum { LENGTH = 300000, CODON_EDGES = 6 };
    mote_context *context = unit_context(1, NULL);
    mote_hmm *hmm;
    uint8_t *bases = malloc(LENGTH), inside[MOTE_HMM_STATES_MAXIMUM] = {0}, word[4] = {0};
    uint16_t *path = malloc((LENGTH + 1) * sizeof *path);
    unit_ok(context, mote_gene_create(context, &hmm));
    assert_int_equal(mark_introns(hmm, inside), 15);
    mote_hmm_sample(hmm, 12, LENGTH, bases, path);
    size_t genes = 0, codons = 0, length = 0;
    bool gene = false;
    for (size_t i = 3; i < LENGTH; i++) {
        bool codon = hmm->first[path[i] + 1u] - hmm->first[path[i]] == CODON_EDGES && !inside[path[i]];
        if (codon && !gene) {
            gene = true;
            length = 0;
            assert_true(bases[i - 3] == 0 && bases[i - 2] == 3 && bases[i - 1] == 2);
        }
        if (!gene || inside[path[i]] || inside[path[i + 1]]) {
            continue; /* the G in front of an intron's first state belongs to the intron */
        }
        word[length++] = "ACGT"[bases[i]];
        bool last = path[i + 1] == 0,
             stop = !strcmp((char *)word, "TAA") || !strcmp((char *)word, "TAG") || !strcmp((char *)word, "TGA");
        assert_true(length < 3 ? !last : stop == last);
        if (length == 3) {
            codons++;
            genes += last;
            gene = !last;
            length = 0;
            memset(word, 0, sizeof word);
        }
    }
    assert_true(genes > 150 && codons > 150 * genes);
    free(path);
    free(bases);
    mote_hmm_destroy(hmm);
    mote_context_destroy(context);
}

/* A seed is a sequence, a prefix of a longer one of the same seed. */
static void gene_sample_repeats(void **state)
{
    (void)state;
    enum { LENGTH = 5000 };
    uint8_t a[LENGTH], b[LENGTH];
    mote_context *context = unit_context(1, NULL);
    unit_ok(context, mote_gene_sample(context, 9, LENGTH, a));
    unit_ok(context, mote_gene_sample(context, 9, LENGTH / 2, b));
    assert_memory_equal(a, b, LENGTH / 2);
    unit_ok(context, mote_gene_sample(context, 10, LENGTH / 2, b));
    assert_memory_not_equal(a, b, LENGTH / 2);
    for (size_t i = 0; i < LENGTH; i++) {
        assert_true(a[i] < 4);
    }
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(independent_symbols), cmocka_unit_test(markov_chain),
        cmocka_unit_test(even_process),        cmocka_unit_test(bounds_by_enumeration),
        cmocka_unit_test(refuses_bad_chains),  cmocka_unit_test(gene_likelihood),
        cmocka_unit_test(gene_rate),           cmocka_unit_test(gene_bounds),
        cmocka_unit_test(genes_translate),     cmocka_unit_test(gene_sample_repeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
