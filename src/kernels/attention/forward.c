/* The forward pass. A task is a block of queries of one head: its keys pass tile by tile, packed once for the block,
 * and for each tile of rows the scores, the probabilities and what they gather of the values follow one another in the
 * first cache. What the rows have gathered stays in the second.
 *
 *   for each tile of keys                             K and V as columns: packed once for BLOCK_ROWS rows
 *     for each tile of up to 12 rows                  S = Q K^T by pieces of 32 keys that a row of the tile sees
 *       P, maxima, sums                               attention_softmax
 *       Y = Y * factor + P V                          by pieces of 32 columns
 *   y = Y / sums
 */
#include <float.h>
#include <math.h>

#include "kernels/attention/bias.h"
#include "kernels/attention/side.h"

enum {
    BLOCK_ROWS = 384, /* a whole number of tiles and of blocks of 32 */
    BLOCK_TILES = BLOCK_ROWS / MOTE_GEMM_ROWS,
    TILE_KEYS = 256 /* both tiles of keys and 384 rows stay in the second cache */
};

/* Keys of a tile: fewer for wide heads. */
static size_t tile_keys(const mote_attention_shape *shape)
{
    size_t keys = TILE_KEYS;
    while (keys > MOTE_MX_BLOCK && keys * shape->width > 2 * TILE_KEYS * 64) {
        keys /= 2;
    }
    return mote_size_min(keys, mote_size_divide_up(shape->keys, MOTE_MX_BLOCK) * MOTE_MX_BLOCK);
}

static size_t block_rows(const mote_attention_shape *shape) { return mote_size_min(BLOCK_ROWS, shape->queries); }

static size_t pieces_of(size_t count) { return mote_size_divide_up(count, MOTE_GEMM_WIDTH); }

/* A thread's areas and what it works on. */
typedef struct forward {
    const mote_attention_job *j;
    mote_gemm_scratch *scratch;
    size_t batch, head, query, rows, key, keys;
    mote_attention_rows q, p;
    mote_attention_columns k, v;
    float *scores, *probabilities; /* of a tile of rows */
    float *gathered;               /* [tile][piece of the width][row][32] */
    float *maxima, *sums;          /* of each row */
    mote_attention_range *seen;    /* of each row, in the tile of keys */
    bool started[BLOCK_TILES];     /* a tile of rows has gathered something */
} forward;

static size_t place(const mote_attention_shape *shape, uint8_t *memory, forward *f)
{
    size_t rows = block_rows(shape), keys = tile_keys(shape), width = shape->width;
    size_t pieces = mote_attention_tiles(rows) * pieces_of(width);
    mote_attention_memory m = {memory, 0};
    uint8_t *codes = mote_attention_take(&m, 1, mote_attention_code_bytes(keys, width));
    mote_attention_place_columns(&m, keys, width, codes, &f->k);
    codes = mote_attention_take(&m, 1, mote_attention_code_bytes(width, keys));
    mote_attention_place_columns(&m, width, keys, codes, &f->v);
    mote_attention_place_rows(&m, rows, width, &f->q);
    mote_attention_place_rows(&m, MOTE_GEMM_ROWS, keys, &f->p);
    f->scores = mote_attention_take(&m, pieces_of(keys), MOTE_ATTENTION_PIECE * sizeof(float));
    f->probabilities = mote_attention_take(&m, MOTE_GEMM_ROWS * keys, sizeof(float));
    f->gathered = mote_attention_take(&m, pieces, MOTE_ATTENTION_PIECE * sizeof(float));
    f->maxima = mote_attention_take(&m, rows, sizeof(float));
    f->sums = mote_attention_take(&m, rows, sizeof(float));
    f->seen = mote_attention_take(&m, rows, sizeof *f->seen);
    return m.used;
}

size_t mote_attention_forward_bytes(const mote_attention_shape *shape)
{
    forward f;
    return place(shape, NULL, &f);
}

static void begin_block(forward *f)
{
    const mote_attention_shape *s = f->j->shape;
    mote_attention_view view =
        mote_attention_view_of(f->j, &f->j->q, s->queries, s->heads, f->batch, f->head, f->query);
    mote_attention_fill_rows(f->j, MOTE_FORWARD_Q, &view, f->rows, s->width, false, f->scratch, &f->q);
    memset(f->started, 0, sizeof f->started);
    for (size_t r = 0; r < f->rows; r++) {
        f->maxima[r] = -FLT_MAX;
        f->sums[r] = 0;
    }
}

static void fill_keys(forward *f)
{
    const mote_attention_shape *s = f->j->shape;
    size_t head = f->head / (s->heads / s->key_heads);
    mote_attention_view k = mote_attention_view_of(f->j, &f->j->k, s->keys, s->key_heads, f->batch, head, f->key);
    mote_attention_view v = mote_attention_view_of(f->j, &f->j->v, s->keys, s->key_heads, f->batch, head, f->key);
    mote_attention_fill_columns(f->j, MOTE_FORWARD_K, &k, f->keys, s->width, false, f->scratch, &f->k);
    mote_attention_fill_columns(f->j, MOTE_FORWARD_V, &v, f->keys, s->width, true, f->scratch, &f->v);
}

/* Blocks of keys that a tile of rows sees, and their ranges from the first of them on. */
typedef struct tile_view {
    size_t row, first, count;
    int rows;
    mote_attention_range relative[MOTE_GEMM_ROWS];
} tile_view;

static tile_view view_tile(const forward *f, size_t t)
{
    tile_view v = {.row = mote_attention_tile_row(f->rows, t)};
    int first = (int)f->keys, last = 0;
    v.rows = (int)(mote_attention_tile_row(f->rows, t + 1) - v.row);
    for (int r = 0; r < v.rows; r++) {
        mote_attention_range seen = f->seen[v.row + (size_t)r];
        if (seen.first < seen.last) {
            first = seen.first < first ? seen.first : first;
            last = seen.last > last ? seen.last : last;
        }
    }
    if (first < last) {
        v.first = (size_t)first / MOTE_MX_BLOCK;
        v.count = mote_size_divide_up((size_t)last, MOTE_MX_BLOCK) - v.first;
    }
    for (int r = 0; r < v.rows; r++) {
        mote_attention_range seen = f->seen[v.row + (size_t)r];
        int shift = seen.first < seen.last ? (int)v.first * MOTE_MX_BLOCK : 0;
        v.relative[r] = (mote_attention_range){seen.first - shift, seen.last - shift};
    }
    return v;
}

/* P of a tile as rows, from where the softmax left it, without gaps. */
static void take_probabilities(forward *f, const tile_view *v)
{
    const mote_attention_shape *s = f->j->shape;
    size_t count = v->count * MOTE_MX_BLOCK;
    if (mote_attention_in_place(f->j, MOTE_FORWARD_P)) {
        mote_attention_use_rows(MOTE_FORWARD_P, f->probabilities, count, &f->p);
        return;
    }
    uint64_t row = (f->batch * s->heads + f->head) * s->queries + f->query + v->row;
    uint64_t position = row * s->keys + f->key + v->first * MOTE_MX_BLOCK;
    mote_attention_view view = {f->probabilities, (ptrdiff_t)count, position, s->keys, 1};
    mote_attention_fill_rows(f->j, MOTE_FORWARD_P, &view, (size_t)v->rows, count, false, f->scratch, &f->p);
}

/* y = y * factor + sums, a piece. */
static void merge(const forward *f, int rows, const float *factors, const float *sums, float *y)
{
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < MOTE_GEMM_WIDTH && factors[r] != 1; c++) {
            y[r * MOTE_GEMM_WIDTH + c] *= factors[r];
        }
    }
    f->j->kernels->gemm_finish(rows, MOTE_GEMM_WIDTH, sums, (mote_gemm_scale){1, 1, 1}, NULL, true, y, MOTE_GEMM_WIDTH);
}

static void tile_task(forward *f, size_t t)
{
    const mote_attention_job *j = f->j;
    tile_view v = view_tile(f, t);
    float factors[MOTE_GEMM_ROWS], *gathered = f->gathered + t * pieces_of(j->shape->width) * MOTE_ATTENTION_PIECE;
    mote_attention_tile tile = {
        .row = v.row, .rows = v.rows, .count = mote_size_divide_up(j->shape->width, MOTE_MX_BLOCK)};
    if (!v.count) {
        return;
    }
    for (size_t b = 0; b < v.count; b++) {
        tile.panel = 2 * (v.first + b);
        mote_attention_multiply(j, &f->q, &f->k, &tile, false, f->scores + b * MOTE_ATTENTION_PIECE);
    }
    if (j->added) {
        size_t key = v.first * MOTE_MX_BLOCK, keys = mote_size_min(v.count * MOTE_MX_BLOCK, f->keys - key);
        mote_attention_part part = {f->batch, f->head, f->query + v.row, (size_t)v.rows, f->key + key, keys};
        mote_attention_add(j, &part, NULL, f->scores);
    }
    j->kernels->attention_softmax(v.rows, v.count, v.relative, j->added ? 1 : j->binary_scale, f->scores,
                                  f->maxima + v.row, f->sums + v.row, factors, f->probabilities,
                                  v.count * MOTE_GEMM_WIDTH);
    take_probabilities(f, &v);
    tile = (mote_attention_tile){.rows = v.rows, .b = v.first, .count = v.count};
    for (size_t piece = 0; piece < pieces_of(j->shape->width); piece++) {
        float *to = gathered + piece * MOTE_ATTENTION_PIECE, *sums = f->started[t] ? f->scratch->sums : to;
        tile.panel = 2 * piece;
        mote_attention_multiply_seen(j, &f->p, &f->v, &tile, f->seen + v.row, false, sums);
        if (f->started[t]) {
            merge(f, v.rows, factors, sums, to);
        }
    }
    f->started[t] = true;
}

/* The logarithm of sum = 2^e f, 1/sqrt(2) <= f <
 * sqrt(2), as 2 atanh of s = (f - 1) / (f + 1), |s| < 0.172, in FP64; seven terms leave 2^-39. */
double mote_attention_log(float maximum, float sum)
{
    int e;
    double f = frexp((double)sum, &e);
    if (!(sum > 0) || !isfinite(sum)) {
        return sum == 0 ? -(double)INFINITY : (double)mote_bits_float(MOTE_FP32_NAN);
    }
    if (f < 0.70710678118654752) {
        f *= 2;
        e--;
    }
    double s = (f - 1) / (f + 1), z = s * s, series = 1.0 / 13;
    for (int k = 11; k > 0; k -= 2) {
        series = series * z + 1.0 / k;
    }
    return ((double)maximum + e) * 0.69314718055994531 + 2 * s * series;
}

static void end_tile(const forward *f, size_t t)
{
    static const float zeros[MOTE_ATTENTION_PIECE];
    const mote_attention_shape *s = f->j->shape;
    const mote_attention_array *y = &f->j->y;
    size_t row = mote_attention_tile_row(f->rows, t), rows = mote_attention_tile_row(f->rows, t + 1) - row;
    const float *gathered = f->gathered + t * pieces_of(s->width) * MOTE_ATTENTION_PIECE;
    float *to = y->values + (ptrdiff_t)f->batch * y->batch + (ptrdiff_t)(f->query + row) * y->position +
                (ptrdiff_t)f->head * y->head;
    float factors[MOTE_GEMM_ROWS];
    for (size_t r = 0; r < rows; r++) {
        factors[r] = f->sums[row + r] != 0 ? 1 / f->sums[row + r] : 0;
    }
    for (size_t piece = 0; piece < pieces_of(s->width); piece++) {
        size_t column = piece * MOTE_GEMM_WIDTH;
        f->j->kernels->attention_finish((int)rows, mote_size_min(MOTE_GEMM_WIDTH, s->width - column),
                                        f->started[t] ? gathered + piece * MOTE_ATTENTION_PIECE : zeros, factors,
                                        to + column, y->position);
    }
}

/* The gate, and zeros in rows that have no key, whatever their values are; statistics. */
static void end_added(const forward *f)
{
    const mote_attention_shape *s = f->j->shape;
    const mote_attention_added *a = f->j->added;
    const mote_attention_array *y = &f->j->y, *gate = &a->gate;
    float *statistics =
        a->statistics ? a->statistics + 2 * ((f->batch * s->heads + f->head) * s->queries + f->query) : NULL;
    for (size_t r = 0; r < f->rows; r++) {
        ptrdiff_t at =
            (ptrdiff_t)f->batch * y->batch + (ptrdiff_t)(f->query + r) * y->position + (ptrdiff_t)f->head * y->head;
        if (f->sums[r] == 0) {
            memset(y->values + at, 0, s->width * sizeof(float));
        } else if (gate->values) { /* laid out as y */
            f->j->kernels->attention_gate(s->width, gate->values + at, y->values + at, y->values + at);
        }
        if (statistics) {
            statistics[2 * r] = f->maxima[r];
            statistics[2 * r + 1] = f->sums[r];
        }
    }
}

static void end_block(const forward *f)
{
    const mote_attention_shape *s = f->j->shape;
    float *logsumexp = f->j->logsumexp;
    for (size_t t = 0; t < mote_attention_tiles(f->rows); t++) {
        end_tile(f, t);
    }
    for (size_t r = 0; r < f->rows && logsumexp; r++) {
        size_t row = (f->batch * s->heads + f->head) * s->queries + f->query + r;
        logsumexp[row] = (float)mote_attention_log(f->maxima[r], f->sums[r]);
    }
    if (f->j->added) {
        end_added(f);
    }
}

/* Blocks come from the first and the last in turn, so that any stretch of tasks has its share of long ones. */
static void block_task(const mote_attention_job *j, size_t index, uint8_t *memory, mote_gemm_scratch *scratch)
{
    const mote_attention_shape *s = j->shape;
    size_t blocks = mote_size_divide_up(s->queries, BLOCK_ROWS), unit = index / blocks, order = index % blocks;
    unit = j->added ? mote_attention_plan_unit(&j->added->plan, unit) : unit;
    forward f = {.j = j, .scratch = scratch, .batch = unit / s->heads, .head = unit % s->heads};
    place(s, memory, &f);
    f.query = BLOCK_ROWS * (order % 2 ? blocks - 1 - order / 2 : order / 2);
    f.rows = mote_size_min(BLOCK_ROWS, s->queries - f.query);
    begin_block(&f);
    for (f.key = 0; f.key < s->keys; f.key += tile_keys(s)) {
        f.keys = mote_size_min(tile_keys(s), s->keys - f.key);
        mote_attention_range all = mote_attention_see(s, f.batch, f.query, f.rows, f.key, f.keys, f.seen);
        if (all.first >= all.last) {
            continue;
        }
        fill_keys(&f);
        for (size_t t = 0; t < mote_attention_tiles(f.rows); t++) {
            tile_task(&f, t);
        }
    }
    end_block(&f);
}

void mote_attention_forward_run(const mote_attention_job *j)
{
    const mote_attention_shape *s = j->shape;
    mote_attention_run(j, s->batch * s->heads * mote_size_divide_up(s->queries, BLOCK_ROWS), block_task);
}
