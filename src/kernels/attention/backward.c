/* The backward pass. Work is a pair: a tile of keys and a block of queries.
 *
 *   S = Q K^T, dP = dY V^T                  for each tile of up to 12 rows
 *   P, dS                                   attention_gradient
 *   dQ += dS K                              the rows' gradient, added to the array after each tile of keys
 *   dV += P^T dY, dK += dS^T Q              for each tile of up to 12 keys; the sums of SEGMENT_BLOCKS blocks of
 * queries stay in the second cache and are then added to the arrays
 *
 * delta is the mean of a row's dP under its P. In exact arithmetic it is dy . y, and in FP32 that is what is taken.
 * Where dP comes from narrow operands it would not be the mean of that dP, the changes of a row would not add up to
 * zero, and what is left over would swamp them: then a pass of its own (two products) sums P dP first. */
#include <math.h>

#include "kernels/attention/backward.h"

enum {
    SEGMENT_BLOCKS = 8, /* blocks of queries whose sums are one chain of additions */
    TILE_KEYS = 192,
    TILE_KEYS_NARROW = 256 /* of narrow heads with biases: queries are then filled once for the usual 256 keys */
};

/* Keys of a tile, so that all that a pair needs fits a second cache. */
size_t mote_attention_backward_keys(const mote_attention_shape *shape, bool added)
{
    bool narrow = added && shape->width <= MOTE_MX_BLOCK;
    size_t keys = narrow                ? TILE_KEYS_NARROW
                  : shape->width <= 64  ? TILE_KEYS
                  : shape->width <= 256 ? TILE_KEYS / 2
                                        : MOTE_MX_BLOCK;
    return mote_size_min(keys, mote_size_divide_up(shape->keys, MOTE_MX_BLOCK) * MOTE_MX_BLOCK);
}

static size_t block_rows(const mote_attention_shape *shape)
{
    return mote_size_min(MOTE_ATTENTION_BLOCK, shape->queries);
}

static size_t pieces_of(size_t count) { return mote_size_divide_up(count, MOTE_GEMM_WIDTH); }

static size_t place(const mote_attention_shape *shape, bool added, uint8_t *memory, mote_attention_work *w)
{
    size_t rows = block_rows(shape), keys = mote_attention_backward_keys(shape, added), width = shape->width;
    size_t padded = mote_size_divide_up(rows, MOTE_MX_BLOCK) * MOTE_MX_BLOCK;
    size_t sums = mote_attention_tiles(keys) * pieces_of(width);
    mote_attention_memory m = {memory, 0};
    size_t bytes = mote_attention_code_bytes(keys, width),
           others[] = {mote_attention_code_bytes(width, keys), mote_attention_code_bytes(width, rows)};
    bytes = others[0] > bytes ? others[0] : bytes;
    bytes = others[1] > bytes ? others[1] : bytes;
    uint8_t *codes = mote_attention_take(&m, 1, bytes);
    mote_attention_place_columns(&m, keys, width, codes, &w->k);
    mote_attention_place_columns(&m, keys, width, codes, &w->v);
    mote_attention_place_columns(&m, width, keys, codes, &w->k_down);
    mote_attention_place_columns(&m, width, rows, codes, &w->q_down);
    mote_attention_place_columns(&m, width, rows, codes, &w->dy_down);
    mote_attention_place_rows(&m, rows, width, &w->q);
    mote_attention_place_rows(&m, rows, width, &w->dy);
    mote_attention_place_rows(&m, MOTE_GEMM_ROWS, keys, &w->ds);
    mote_attention_place_rows(&m, keys, rows, &w->turned);
    w->stride = keys;
    w->turned_stride = padded;
    w->row = mote_attention_take(&m, rows, sizeof *w->row);
    w->seen = mote_attention_take(&m, rows, sizeof *w->seen);
    w->scores = mote_attention_take(&m, pieces_of(keys), MOTE_ATTENTION_PIECE * sizeof(float));
    w->dp = mote_attention_take(&m, pieces_of(keys), MOTE_ATTENTION_PIECE * sizeof(float));
    w->p = mote_attention_take(&m, padded * w->stride, sizeof(float));
    w->change = mote_attention_take(&m, padded * w->stride, sizeof(float));
    w->turned_values = mote_attention_take(&m, keys * w->turned_stride, sizeof(float));
    w->ones = mote_attention_take(&m, w->stride, sizeof(float));
    w->dk = mote_attention_take(&m, sums, MOTE_ATTENTION_PIECE * sizeof(float));
    w->dv = mote_attention_take(&m, sums, MOTE_ATTENTION_PIECE * sizeof(float));
    if (added) {
        w->gated = mote_attention_take(&m, rows * width, sizeof(float));
        w->maxima = mote_attention_take(&m, rows, sizeof(float));
    }
    return m.used;
}

size_t mote_attention_backward_bytes(const mote_attention_shape *shape, bool added)
{
    mote_attention_work w;
    return place(shape, added, NULL, &w);
}

/* ---- operands ---- */

static mote_attention_view keys_view(const mote_attention_work *w, const mote_attention_array *array)
{
    const mote_attention_shape *s = w->j->shape;
    return mote_attention_view_of(w->j, array, s->keys, s->key_heads, w->batch, w->key_head, w->key);
}

static mote_attention_view queries_view(const mote_attention_work *w, const mote_attention_array *array)
{
    const mote_attention_shape *s = w->j->shape;
    return mote_attention_view_of(w->j, array, s->queries, s->heads, w->batch, w->head, w->query);
}

/* Of the block of queries. */
static float *deltas_of(const mote_attention_work *w)
{
    const mote_attention_shape *s = w->j->shape;
    return w->j->deltas + (w->batch * s->heads + w->head) * s->queries + w->query;
}

static void fill_keys(mote_attention_work *w)
{
    const mote_attention_job *j = w->j;
    size_t width = j->shape->width;
    mote_attention_view k = keys_view(w, &j->k), v = keys_view(w, &j->v);
    mote_attention_fill_columns(j, MOTE_FORWARD_K, &k, w->keys, width, false, w->scratch, &w->k);
    mote_attention_fill_columns(j, MOTE_BACKWARD_V, &v, w->keys, width, false, w->scratch, &w->v);
    if (w->queries_wanted) {
        mote_attention_fill_columns(j, MOTE_BACKWARD_K, &k, w->keys, width, true, w->scratch, &w->k_down);
    }
}

/* What dY is before the gate, and the gate's gradient, once for each query. */
static mote_attention_view before_gate(const mote_attention_work *w, mote_attention_view dy, mote_attention_view y)
{
    const mote_attention_job *j = w->j;
    size_t width = j->shape->width;
    mote_attention_view gate = queries_view(w, &j->added->gate);
    const mote_attention_array *d = &j->added->dgate;
    float *dgate =
        d->values + (ptrdiff_t)w->batch * d->batch + (ptrdiff_t)w->query * d->position + (ptrdiff_t)w->head * d->head;
    for (ptrdiff_t r = 0; r < (ptrdiff_t)w->rows; r++) {
        const float *here = gate.values + r * gate.stride, *from = dy.values + r * dy.stride;
        j->kernels->attention_gate(width, here, from, w->gated + (size_t)r * width);
        if (d->values && w->queries_wanted && w->key == 0) {
            j->kernels->attention_gate_gradient(width, here, y.values + r * y.stride, from, dgate + r * d->position);
        }
    }
    dy.values = w->gated;
    dy.stride = (ptrdiff_t)width;
    return dy;
}

/* The delta, and the logarithm of the sum that makes probabilities of powers: less maxima where there are biases. */
static void fill_row(mote_attention_work *w, size_t r, const float *dy, const float *y)
{
    const mote_attention_job *j = w->j;
    const mote_attention_shape *s = j->shape;
    const double log2_e = 1.4426950408889634;
    size_t row = (w->batch * s->heads + w->head) * s->queries + w->query + r;
    if (j->added) {
        const float *statistics = j->added->statistics + 2 * row;
        w->maxima[r] = statistics[0];
        w->row[r].shift = (float)(mote_attention_log(0, statistics[1]) * log2_e);
    } else {
        w->row[r].shift = (float)((double)j->logsumexp[row] * log2_e);
    }
    if (w->measuring) {
        w->row[r].delta = 0;
    } else if (j->deltas) {
        w->row[r].delta = j->deltas[row];
    } else {
        w->row[r].delta = j->kernels->attention_dot(s->width, dy, y);
    }
}

static void fill_queries(mote_attention_work *w)
{
    const mote_attention_job *j = w->j;
    const mote_attention_shape *s = j->shape;
    mote_attention_view q = queries_view(w, &j->q), dy = queries_view(w, &j->dy), y = queries_view(w, &j->y);
    for (size_t r = 0; r < w->rows; r++) {
        fill_row(w, r, dy.values + (ptrdiff_t)r * dy.stride, y.values + (ptrdiff_t)r * y.stride);
    }
    if (j->added && j->added->gate.values) {
        dy = before_gate(w, dy, y);
    }
    mote_attention_fill_rows(j, MOTE_FORWARD_Q, &q, w->rows, s->width, false, w->scratch, &w->q);
    mote_attention_fill_rows(j, MOTE_BACKWARD_DY, &dy, w->rows, s->width, false, w->scratch, &w->dy);
    if (w->keys_wanted) {
        mote_attention_fill_columns(j, MOTE_UPDATE_Q, &q, w->rows, s->width, true, w->scratch, &w->q_down);
        mote_attention_fill_columns(j, MOTE_UPDATE_DY, &dy, w->rows, s->width, true, w->scratch, &w->dy_down);
    }
}

/* Rows that the pair's queries see, and whether there are any. Rows whose sum was 0 see nothing. */
static bool see(mote_attention_work *w)
{
    mote_attention_range all = mote_attention_see(w->j->shape, w->batch, w->query, w->rows, w->key, w->keys, w->seen);
    for (size_t r = 0; r < w->rows && all.first < all.last; r++) {
        if (isinf(w->row[r].shift) && w->row[r].shift < 0) {
            w->seen[r] = (mote_attention_range){0, 0};
        }
    }
    return all.first < all.last;
}

/* ---- a tile of rows ---- */

/* dQ += dS K over blocks first .. first + count - 1 of the tile of keys. */
static void tile_gradient(mote_attention_work *w, size_t row, size_t rows, size_t first, size_t count)
{
    const mote_attention_job *j = w->j;
    const mote_attention_shape *s = j->shape;
    const float *values = w->change + row * w->stride;
    mote_attention_tile tile = {.rows = (int)rows, .a = first, .b = first, .count = count};
    if (mote_attention_in_place(j, MOTE_BACKWARD_DS)) {
        mote_attention_use_rows(MOTE_BACKWARD_DS, values, w->stride, &w->ds);
    } else {
        uint64_t at = (w->batch * s->heads + w->head) * s->queries + w->query + row;
        mote_attention_view view = {values, (ptrdiff_t)w->stride, at * s->keys + w->key, s->keys, 1};
        mote_attention_fill_rows(j, MOTE_BACKWARD_DS, &view, rows, pieces_of(w->keys) * MOTE_GEMM_WIDTH, false,
                                 w->scratch, &w->ds);
    }
    float *to = j->dq.values + (ptrdiff_t)w->batch * j->dq.batch + (ptrdiff_t)(w->query + row) * j->dq.position +
                (ptrdiff_t)w->head * j->dq.head;
    for (size_t piece = 0; piece < pieces_of(s->width); piece++) {
        size_t column = piece * MOTE_GEMM_WIDTH;
        tile.panel = 2 * piece;
        mote_attention_multiply_seen(j, &w->ds, &w->k_down, &tile, w->seen + row, false, w->scratch->sums);
        j->kernels->gemm_finish((int)rows, mote_size_min(MOTE_GEMM_WIDTH, s->width - column), w->scratch->sums,
                                (mote_gemm_scale){1, 1, 1}, NULL, true, to + column, j->dq.position);
    }
}

/* The union of the ranges of some rows. */
static mote_attention_range seen_by(const mote_attention_work *w, size_t row, size_t rows)
{
    mote_attention_range all = {(int)w->keys, 0};
    for (size_t r = row; r < row + rows; r++) {
        if (w->seen[r].first < w->seen[r].last) {
            all.first = w->seen[r].first < all.first ? w->seen[r].first : all.first;
            all.last = w->seen[r].last > all.last ? w->seen[r].last : all.last;
        }
    }
    return all;
}

static void clear(float *values, size_t stride, size_t rows, size_t begin, size_t end)
{
    for (size_t r = 0; r < rows && begin < end; r++) {
        memset(values + r * stride + begin, 0, (end - begin) * sizeof *values);
    }
}

/* True if gradients of biases take dS before its scale. */
static bool gathers(const mote_attention_work *w)
{
    const mote_attention_added *a = w->j->added;
    return a && (w->biases_wanted || (w->keys_wanted && a->columns) || (w->queries_wanted && a->rows));
}

/* Adds ds, of rows from row on, to what biases ask for; then it gets its scale. */
static void gather_biases(const mote_attention_work *w, const mote_attention_part *part, float *ds)
{
    const mote_attention_job *j = w->j;
    const mote_attention_added *a = j->added;
    if (w->biases_wanted) {
        mote_attention_gather(j, part, ds, w->stride);
    }
    if (w->keys_wanted && a->columns) {
        float *sums = a->columns + w->line * j->shape->keys + part->key;
        j->kernels->attention_gather_bias((int)part->rows, part->keys, ds, w->stride, sums, 0, 1);
    }
    if (w->queries_wanted && a->rows) {
        float *sums = a->rows + w->line * j->shape->queries + part->query;
        j->kernels->attention_gather_bias((int)part->rows, part->keys, ds, w->stride, sums, 1, 0);
    }
    for (size_t r = 0; r < part->rows && (w->keys_wanted || w->queries_wanted); r++) {
        float *row = ds + r * w->stride;
        j->kernels->map_binary(MOTE_BINARY_MULTIPLY, part->keys, row, 1, &j->scale, 0, row);
    }
}

/* P and dS of a tile of rows, zeros where they see nothing, and dQ. */
static void tile_of_rows(mote_attention_work *w, size_t row, size_t rows)
{
    const mote_attention_job *j = w->j;
    mote_attention_range all = seen_by(w, row, rows), relative[MOTE_GEMM_ROWS];
    size_t whole = pieces_of(w->keys) * MOTE_GEMM_WIDTH, first = 0, end = 0;
    float *p = w->p + row * w->stride, *change = w->change + row * w->stride;
    if (all.first < all.last) {
        first = (size_t)all.first / MOTE_GEMM_WIDTH;
        end = pieces_of((size_t)all.last);
    }
    clear(p, w->stride, rows, 0, first * MOTE_GEMM_WIDTH);
    clear(change, w->stride, rows, 0, first * MOTE_GEMM_WIDTH);
    clear(p, w->stride, rows, end * MOTE_GEMM_WIDTH, whole);
    clear(change, w->stride, rows, end * MOTE_GEMM_WIDTH, whole);
    if (first == end) {
        return;
    }
    mote_attention_tile tile = {
        .row = row, .rows = (int)rows, .count = mote_size_divide_up(j->shape->width, MOTE_MX_BLOCK)};
    for (size_t b = first; b < end; b++) {
        size_t at = (b - first) * MOTE_ATTENTION_PIECE;
        tile.panel = 2 * b;
        mote_attention_multiply(j, &w->q, &w->k, &tile, false, w->scores + at);
        mote_attention_multiply(j, &w->dy, &w->v, &tile, false, w->dp + at);
    }
    for (size_t r = 0; r < rows; r++) {
        mote_attention_range seen = w->seen[row + r];
        int shift = seen.first < seen.last ? (int)(first * MOTE_GEMM_WIDTH) : 0;
        relative[r] = (mote_attention_range){seen.first - shift, seen.last - shift};
    }
    p += first * MOTE_GEMM_WIDTH;
    change += first * MOTE_GEMM_WIDTH;
    size_t key = first * MOTE_GEMM_WIDTH, keys = mote_size_min(end * MOTE_GEMM_WIDTH, w->keys) - key;
    mote_attention_part part = {w->batch, w->head, w->query + row, rows, w->key + key, keys};
    if (j->added) {
        mote_attention_add(j, &part, w->maxima + row, w->scores);
    }
    j->kernels->attention_gradient((int)rows, end - first, relative, j->added ? 1 : j->binary_scale,
                                   w->measuring || gathers(w) ? 1 : j->scale, w->row + row, w->scores, w->dp, p, change,
                                   w->stride);
    if (gathers(w)) {
        gather_biases(w, &part, change);
    }
    for (size_t r = 0; w->measuring && r < rows; r++) {
        deltas_of(w)[row + r] +=
            j->kernels->attention_dot((end - first) * MOTE_GEMM_WIDTH, change + r * w->stride, w->ones);
    }
    if (w->queries_wanted) {
        tile_gradient(w, row, rows, first, end - first);
    }
}

/* ---- gradients of the keys ---- */

/* P or dS by key: rows of keys along the queries. */
static void turn(mote_attention_work *w, int operand, const float *values)
{
    const mote_attention_job *j = w->j;
    const mote_attention_shape *s = j->shape;
    size_t padded = mote_size_divide_up(w->rows, MOTE_MX_BLOCK) * MOTE_MX_BLOCK;
    uint64_t row = (w->batch * s->heads + w->head) * s->queries + w->query;
    mote_attention_view view = {values, (ptrdiff_t)w->stride, row * s->keys + w->key, s->keys, 1};
    if (mote_format_is_block(j->operands[operand].format)) {
        mote_attention_fill_rows(j, operand, &view, w->rows, w->keys, true, w->scratch, &w->turned);
        return;
    }
    j->kernels->transpose(padded, pieces_of(w->keys) * MOTE_GEMM_WIDTH, values, w->stride, w->turned_values,
                          w->turned_stride);
    if (mote_attention_in_place(j, operand)) {
        mote_attention_use_rows(operand, w->turned_values, w->turned_stride, &w->turned);
        return;
    }
    view = (mote_attention_view){w->turned_values, (ptrdiff_t)w->turned_stride, view.position, 1, s->keys};
    mote_attention_fill_rows(j, operand, &view, w->keys, w->rows, false, w->scratch, &w->turned);
}

/* Queries of the block that see each key, where a product must leave out the others. */
static void seen_from(const mote_attention_work *w, size_t key, size_t keys, mote_attention_range *queries)
{
    for (size_t i = 0; i < keys; i++) {
        mote_attention_range range = {(int)w->rows, 0};
        for (int r = 0; r < (int)w->rows; r++) {
            if (w->seen[r].first <= (int)(key + i) && (int)(key + i) < w->seen[r].last) {
                range.first = r < range.first ? r : range.first;
                range.last = r + 1;
            }
        }
        queries[i] = range;
    }
}

/* sums += turned * columns for each tile of keys, over the blocks of queries that see any of it. */
static void gather(mote_attention_work *w, const mote_attention_columns *columns, float *sums)
{
    const mote_attention_job *j = w->j;
    mote_attention_range blocks[MOTE_ATTENTION_BLOCK / MOTE_MX_BLOCK], queries[MOTE_GEMM_ROWS];
    size_t count = mote_size_divide_up(w->rows, MOTE_MX_BLOCK), pieces = pieces_of(j->shape->width);
    for (size_t b = 0; b < count; b++) {
        size_t row = b * MOTE_MX_BLOCK;
        blocks[b] = seen_by(w, row, mote_size_min(MOTE_MX_BLOCK, w->rows - row));
    }
    for (size_t t = 0; t < mote_attention_tiles(w->keys); t++) {
        size_t key = mote_attention_tile_row(w->keys, t), keys = mote_attention_tile_row(w->keys, t + 1) - key;
        size_t first = 0, end = count;
        while (first < end && (blocks[first].last <= (int)key || blocks[first].first >= (int)(key + keys))) {
            first++;
        }
        while (end > first && (blocks[end - 1].last <= (int)key || blocks[end - 1].first >= (int)(key + keys))) {
            end--;
        }
        if (first == end) {
            continue;
        }
        if (columns->wild) {
            seen_from(w, key, keys, queries);
        }
        mote_attention_tile tile = {key, (int)keys, 0, first, first, end - first};
        for (size_t piece = 0; piece < pieces; piece++) {
            tile.panel = 2 * piece;
            mote_attention_multiply_seen(j, &w->turned, columns, &tile, queries, true,
                                         sums + (t * pieces + piece) * MOTE_ATTENTION_PIECE);
        }
    }
}

/* Adds sums to an array's tile of keys. */
static void flush(const mote_attention_work *w, const mote_attention_array *array, float *sums)
{
    const mote_attention_shape *s = w->j->shape;
    size_t pieces = pieces_of(s->width), tiles = mote_attention_tiles(w->keys);
    float *start = array->values + (ptrdiff_t)w->batch * array->batch + (ptrdiff_t)w->key * array->position +
                   (ptrdiff_t)w->key_head * array->head;
    for (size_t t = 0; t < tiles; t++) {
        size_t key = mote_attention_tile_row(w->keys, t), keys = mote_attention_tile_row(w->keys, t + 1) - key;
        for (size_t piece = 0; piece < pieces; piece++) {
            size_t column = piece * MOTE_GEMM_WIDTH;
            w->j->kernels->gemm_finish((int)keys, mote_size_min(MOTE_GEMM_WIDTH, s->width - column),
                                       sums + (t * pieces + piece) * MOTE_ATTENTION_PIECE, (mote_gemm_scale){1, 1, 1},
                                       NULL, true, start + (ptrdiff_t)key * array->position + column, array->position);
        }
    }
}

/* ---- pairs ---- */

/* The pair of the tile of keys and the block of queries; both are filled. */
static void pair(mote_attention_work *w)
{
    size_t padded = mote_size_divide_up(w->rows, MOTE_MX_BLOCK) * MOTE_MX_BLOCK, tiles = mote_attention_tiles(w->rows);
    size_t whole = pieces_of(w->keys) * MOTE_GEMM_WIDTH;
    for (size_t t = 0; t < tiles; t++) {
        size_t row = mote_attention_tile_row(w->rows, t);
        tile_of_rows(w, row, mote_attention_tile_row(w->rows, t + 1) - row);
    }
    if (!w->keys_wanted) {
        return;
    }
    clear(w->p + w->rows * w->stride, w->stride, padded - w->rows, 0, whole);
    clear(w->change + w->rows * w->stride, w->stride, padded - w->rows, 0, whole);
    if (!w->dirty) {
        size_t sums = mote_attention_tiles(w->keys) * pieces_of(w->j->shape->width) * MOTE_ATTENTION_PIECE;
        memset(w->dk, 0, sums * sizeof *w->dk);
        memset(w->dv, 0, sums * sizeof *w->dv);
        w->dirty = true;
    }
    turn(w, MOTE_UPDATE_P, w->p);
    gather(w, &w->dy_down, w->dv);
    turn(w, MOTE_UPDATE_DS, w->change);
    gather(w, &w->q_down, w->dk);
}

void mote_attention_clear(const mote_attention_array *array, size_t batch, size_t head, size_t position, size_t count,
                          size_t width)
{
    float *start = array->values + (ptrdiff_t)batch * array->batch + (ptrdiff_t)head * array->head;
    for (size_t i = position; i < position + count; i++) {
        memset(start + (ptrdiff_t)i * array->position, 0, width * sizeof(float));
    }
}

void mote_attention_clear_queries(const mote_attention_work *w, size_t head, size_t query, size_t count)
{
    const mote_attention_job *j = w->j;
    mote_attention_clear(&j->dq, w->batch, head, query, count, j->shape->width);
    if (j->added && j->added->rows) {
        memset(j->added->rows + w->line * j->shape->queries + query, 0, count * sizeof(float));
    }
}

/* One head's blocks of queries against the tile of keys. */
static void head_of_tile(mote_attention_work *w)
{
    const mote_attention_shape *s = w->j->shape;
    size_t block = 0;
    for (w->query = 0; w->query < s->queries; w->query += MOTE_ATTENTION_BLOCK, block++) {
        w->rows = mote_size_min(MOTE_ATTENTION_BLOCK, s->queries - w->query);
        mote_attention_range all = mote_attention_see(s, w->batch, w->query, w->rows, w->key, w->keys, w->seen);
        if (all.first < all.last) {
            fill_queries(w);
            see(w);
            pair(w);
        }
        bool last = w->query + w->rows == s->queries || block % SEGMENT_BLOCKS == SEGMENT_BLOCKS - 1;
        if (last && w->dirty && w->keys_wanted) {
            flush(w, &w->j->dk, w->dk);
            flush(w, &w->j->dv, w->dv);
            w->dirty = false;
        }
    }
}

void mote_attention_tile_of_keys(mote_attention_work *w, size_t key)
{
    const mote_attention_shape *s = w->j->shape;
    size_t group = s->heads / s->key_heads;
    w->key = key;
    w->keys = mote_size_min(mote_attention_backward_keys(s, w->j->added), s->keys - key);
    mote_attention_clear(&w->j->dk, w->batch, w->key_head, key, w->keys, s->width);
    mote_attention_clear(&w->j->dv, w->batch, w->key_head, key, w->keys, s->width);
    if (w->j->added && w->j->added->columns) {
        memset(w->j->added->columns + w->line * s->keys + key, 0, w->keys * sizeof(float));
    }
    fill_keys(w);
    for (size_t h = 0; h < group; h++) {
        w->head = w->key_head * group + h;
        head_of_tile(w);
    }
}

mote_attention_work mote_attention_begin(const mote_attention_job *j, size_t unit, bool queries, bool keys,
                                         uint8_t *memory, mote_gemm_scratch *scratch)
{
    const mote_attention_shape *s = j->shape;
    mote_attention_work w = {.j = j, .scratch = scratch, .queries_wanted = queries, .keys_wanted = keys};
    place(s, j->added, memory, &w);
    w.batch = unit / s->key_heads;
    w.key_head = unit % s->key_heads;
    return w;
}

void mote_attention_block_of_queries(mote_attention_work *w, size_t head, size_t query, size_t key, size_t end)
{
    const mote_attention_shape *s = w->j->shape;
    w->head = head;
    w->query = query;
    w->rows = mote_size_min(MOTE_ATTENTION_BLOCK, s->queries - query);
    w->key = key;
    if (w->queries_wanted) {
        mote_attention_clear_queries(w, head, query, w->rows);
    }
    fill_queries(w);
    for (; w->key < end; w->key += mote_attention_backward_keys(s, w->j->added)) {
        w->keys = mote_size_min(mote_attention_backward_keys(s, w->j->added), s->keys - w->key);
        if (see(w)) {
            fill_keys(w);
            pair(w);
        }
    }
}
