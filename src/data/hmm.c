/* Edges are kept twice: by state for sampling, by symbol for the likelihood, where one symbol of the sequence means one
 * pass over the edges that write it. That is why a chain of some hundred states costs about a microsecond a symbol. */
#include "data/hmm.h"

#include <math.h>
#include <string.h>

#include "base/philox.h"

enum { BATCHES = 64, STATIONARY_STEPS = 1 << 20 };
static const double sum_tolerance = 1e-12, stationary_tolerance = 1e-15;

static mote_status check_edges(mote_context *context, size_t states, size_t symbols, const mote_hmm_edge *edges,
                               size_t count, double *sums)
{
    memset(sums, 0, states * sizeof *sums);
    for (size_t i = 0; i < count; i++) {
        const mote_hmm_edge *e = &edges[i];
        if (e->from >= states || e->to >= states || e->symbol >= symbols || !(e->probability >= 0)) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "hidden Markov chain: edge %zu (%d -> %d, symbol %d, %g)", i,
                             e->from, e->to, e->symbol, e->probability);
        }
        sums[e->from] += e->probability;
    }
    for (size_t s = 0; s < states; s++) {
        if (!(fabs(sums[s] - 1) <= sum_tolerance)) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT,
                             "hidden Markov chain: the edges of state %zu add up to %.17g, not to 1", s, sums[s]);
        }
    }
    return MOTE_OK;
}

/* Counting sort by state (edges) and by symbol (moves). */
static void sort_edges(mote_hmm *hmm, const mote_hmm_edge *edges)
{
    size_t count = hmm->edge_count;
    memset(hmm->first, 0, (hmm->states + 1) * sizeof *hmm->first);
    memset(hmm->first_move, 0, (hmm->symbols + 1) * sizeof *hmm->first_move);
    for (size_t i = 0; i < count; i++) {
        hmm->first[edges[i].from + 1]++;
        hmm->first_move[edges[i].symbol + 1]++;
    }
    for (size_t s = 0; s < hmm->states; s++) {
        hmm->first[s + 1] += hmm->first[s];
    }
    for (size_t x = 0; x < hmm->symbols; x++) {
        hmm->first_move[x + 1] += hmm->first_move[x];
    }
    for (size_t i = count; i-- > 0;) {
        hmm->edges[--hmm->first[edges[i].from + 1]] = edges[i];
        hmm->moves[--hmm->first_move[edges[i].symbol + 1]] = edges[i];
    }
    /* every entry but the first now holds the beginning of the one before it */
    memmove(hmm->first, hmm->first + 1, hmm->states * sizeof *hmm->first);
    memmove(hmm->first_move, hmm->first_move + 1, hmm->symbols * sizeof *hmm->first_move);
    hmm->first[hmm->states] = hmm->first_move[hmm->symbols] = count;
}

/* The power method: steps the distribution until it stays. */
static mote_status find_stationary(mote_hmm *hmm)
{
    double *now = hmm->stationary, *then = hmm->next;
    for (size_t s = 0; s < hmm->states; s++) {
        now[s] = 1 / (double)hmm->states;
    }
    for (int step = 0; step < STATIONARY_STEPS; step++) {
        double sum = 0, change = 0;
        memset(then, 0, hmm->states * sizeof *then);
        for (size_t i = 0; i < hmm->edge_count; i++) {
            then[hmm->edges[i].to] += now[hmm->edges[i].from] * hmm->edges[i].probability;
        }
        for (size_t s = 0; s < hmm->states; s++) {
            sum += then[s];
        }
        for (size_t s = 0; s < hmm->states; s++) {
            change += fabs(then[s] / sum - now[s]);
            now[s] = then[s] / sum;
        }
        if (change <= stationary_tolerance * (double)hmm->states) {
            return MOTE_OK;
        }
    }
    return mote_fail(hmm->context, MOTE_ERROR_ARGUMENT, "hidden Markov chain: no stationary distribution in %d steps",
                     (int)STATIONARY_STEPS);
}

mote_status mote_hmm_create(mote_context *context, size_t states, size_t symbols, const mote_hmm_edge *edges,
                            size_t count, mote_hmm **result)
{
    *result = NULL;
    if (states < 1 || states > MOTE_HMM_STATES_MAXIMUM || symbols < 1 || symbols > MOTE_HMM_SYMBOLS_MAXIMUM) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "hidden Markov chain: %zu states and %zu symbols", states,
                         symbols);
    }
    mote_hmm *hmm = mote_allocate(context, sizeof *hmm);
    if (!hmm) {
        return MOTE_ERROR_MEMORY;
    }
    *hmm = (mote_hmm){.context = context, .states = states, .symbols = symbols, .edge_count = count};
    hmm->edges = mote_allocate_array(context, count, sizeof *hmm->edges);
    hmm->moves = mote_allocate_array(context, count, sizeof *hmm->moves);
    hmm->first = mote_allocate_array(context, states + 1, sizeof *hmm->first);
    hmm->first_move = mote_allocate_array(context, symbols + 1, sizeof *hmm->first_move);
    hmm->stationary = mote_allocate_array(context, states, sizeof *hmm->stationary);
    hmm->belief = mote_allocate_array(context, states, sizeof *hmm->belief);
    hmm->next = mote_allocate_array(context, states, sizeof *hmm->next);
    bool granted =
        hmm->edges && hmm->moves && hmm->first && hmm->first_move && hmm->stationary && hmm->belief && hmm->next;
    mote_status status =
        granted ? check_edges(context, states, symbols, edges, count, hmm->stationary) : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        sort_edges(hmm, edges);
        status = find_stationary(hmm);
    }
    if (status != MOTE_OK) {
        mote_hmm_destroy(hmm);
        return status;
    }
    mote_hmm_believe(hmm, -1);
    *result = hmm;
    return MOTE_OK;
}

void mote_hmm_destroy(mote_hmm *hmm)
{
    if (!hmm) {
        return;
    }
    mote_context *context = hmm->context;
    mote_release(context, hmm->edges);
    mote_release(context, hmm->moves);
    mote_release(context, hmm->first);
    mote_release(context, hmm->first_move);
    mote_release(context, hmm->stationary);
    mote_release(context, hmm->belief);
    mote_release(context, hmm->next);
    mote_release(context, hmm);
}

/* Number index of the stream, uniform in [0, 1) with 53 bits. */
static double uniform(uint64_t seed, uint64_t index)
{
    uint32_t words[4];
    mote_philox_group(seed, index / 2, words);
    size_t at = index % 2 * 2;
    return (double)(((uint64_t)words[at] << 32 | words[at + 1]) >> 11) * 0x1p-53;
}

void mote_hmm_sample(const mote_hmm *hmm, uint64_t seed, size_t length, uint8_t *symbols, uint16_t *path)
{
    size_t state = 0;
    double left = uniform(seed, 0);
    while (state + 1 < hmm->states && (left -= hmm->stationary[state]) >= 0) {
        state++;
    }
    for (size_t i = 0; i < length; i++) {
        size_t e = hmm->first[state], last = hmm->first[state + 1] - 1;
        left = uniform(seed, i + 1);
        while (e < last && (left -= hmm->edges[e].probability) >= 0) {
            e++;
        }
        if (path) {
            path[i] = (uint16_t)state;
        }
        symbols[i] = hmm->edges[e].symbol;
        state = hmm->edges[e].to;
    }
    if (path) {
        path[length] = (uint16_t)state;
    }
}

void mote_hmm_believe(mote_hmm *hmm, int state)
{
    memcpy(hmm->belief, hmm->stationary, hmm->states * sizeof *hmm->belief);
    for (size_t s = 0; s < hmm->states && state >= 0; s++) {
        hmm->belief[s] = (int)s == state;
    }
}

double mote_hmm_bits(mote_hmm *hmm, const uint8_t *symbols, size_t length)
{
    double bits = 0;
    for (size_t i = 0; i < length; i++) {
        const mote_hmm_edge *move = hmm->moves + hmm->first_move[symbols[i]],
                            *end = hmm->moves + hmm->first_move[symbols[i] + 1];
        double *next = hmm->next, *belief = hmm->belief, sum = 0;
        memset(next, 0, hmm->states * sizeof *next);
        for (; move < end; move++) {
            double weight = belief[move->from] * move->probability;
            next[move->to] += weight;
            sum += weight;
        }
        bits -= log2(sum);
        double scale = sum > 0 ? 1 / sum : 0;
        for (size_t s = 0; s < hmm->states; s++) {
            next[s] *= scale;
        }
        hmm->belief = next;
        hmm->next = belief;
    }
    return bits;
}

mote_status mote_hmm_entropy_rate(mote_hmm *hmm, uint64_t seed, size_t length, double *bits, double *error)
{
    double means[BATCHES], sum = 0, squares = 0;
    if (length < BATCHES) {
        return mote_fail(hmm->context, MOTE_ERROR_ARGUMENT,
                         "entropy rate: expected a sample of %d symbols or more, found %zu", (int)BATCHES, length);
    }
    uint8_t *symbols = mote_allocate(hmm->context, length);
    if (!symbols) {
        return MOTE_ERROR_MEMORY;
    }
    size_t stretch = length / BATCHES;
    mote_hmm_sample(hmm, seed, stretch * BATCHES, symbols, NULL);
    mote_hmm_believe(hmm, -1);
    mote_status status = MOTE_OK;
    for (size_t b = 0; b < BATCHES && status == MOTE_OK; b++) {
        status = mote_stop_check(hmm->context);
        means[b] = mote_hmm_bits(hmm, symbols + b * stretch, stretch) / (double)stretch;
        sum += means[b];
    }
    mote_release(hmm->context, symbols);
    if (status != MOTE_OK) {
        return status;
    }
    *bits = sum / BATCHES;
    for (size_t b = 0; b < BATCHES; b++) {
        squares += (means[b] - *bits) * (means[b] - *bits);
    }
    *error = sqrt(squares / (BATCHES - 1) / BATCHES);
    return MOTE_OK;
}
