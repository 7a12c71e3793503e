/* The tasks of the backward pass.
 *
 * With enough heads, a task is a key head: each tile of keys meets all blocks of queries of the heads that share it,
 * once (five products). Otherwise one pass gives dK and dV, a task for each tile of keys, and another dQ, a task for
 * each block of queries (seven products, but for all threads). A pair does the same in both, and pairs add up in the
 * same order, so the bits are the same.
 *
 * With biases the order of heads is a plan's (bias.h), and a task takes a stretch of it: each tile of keys meets the
 * heads of the stretch one after the other, so that the biases' tile stays in the second cache. If stretches are too
 * few for the threads, gradients that they own get a pass of their own, a task for each tile of theirs (two products
 * more): the same sums in the same order. Sums of dS by key and by query are kept for a round of heads, and added to
 * their gradients when it ends. */
#include "kernels/attention/backward.h"

/* Numbers 0 .. count - 1 from the first and the last in turn: any stretch has its share of long ones. */
static size_t in_turn(size_t i, size_t count) { return i % 2 ? count - 1 - i / 2 : i / 2; }

static size_t tile_keys(const mote_attention_job *j) { return mote_attention_backward_keys(j->shape, j->added); }

static size_t key_tiles(const mote_attention_job *j) { return mote_size_divide_up(j->shape->keys, tile_keys(j)); }

static size_t query_blocks(const mote_attention_shape *s)
{
    return mote_size_divide_up(s->queries, MOTE_ATTENTION_BLOCK);
}

/* A key head: everything. */
static void head_task(const mote_attention_job *j, size_t index, uint8_t *memory, mote_gemm_scratch *scratch)
{
    const mote_attention_shape *s = j->shape;
    size_t group = s->heads / s->key_heads;
    mote_attention_work w = mote_attention_begin(j, index, true, true, memory, scratch);
    for (size_t h = 0; h < group; h++) {
        mote_attention_clear_queries(&w, w.key_head * group + h, 0, s->queries);
    }
    for (size_t key = 0; key < s->keys; key += tile_keys(j)) {
        mote_attention_tile_of_keys(&w, key);
    }
}

/* A tile of keys: dK and dV. */
static void keys_task(const mote_attention_job *j, size_t index, uint8_t *memory, mote_gemm_scratch *scratch)
{
    size_t tiles = key_tiles(j);
    mote_attention_work w = mote_attention_begin(j, index / tiles, false, true, memory, scratch);
    mote_attention_tile_of_keys(&w, in_turn(index % tiles, tiles) * tile_keys(j));
}

/* A block of queries: dQ, or its deltas. */
static void queries_or_deltas(const mote_attention_job *j, size_t index, bool measuring, uint8_t *memory,
                              mote_gemm_scratch *scratch)
{
    const mote_attention_shape *s = j->shape;
    size_t blocks = query_blocks(s), head = index / blocks;
    mote_attention_work w =
        mote_attention_begin(j, head / (s->heads / s->key_heads), !measuring, false, memory, scratch);
    w.measuring = measuring;
    for (size_t i = 0; i < w.stride && measuring; i++) {
        w.ones[i] = 1;
    }
    mote_attention_block_of_queries(&w, head % s->heads, MOTE_ATTENTION_BLOCK * in_turn(index % blocks, blocks), 0,
                                    s->keys);
}

static void queries_task(const mote_attention_job *j, size_t index, uint8_t *memory, mote_gemm_scratch *scratch)
{
    queries_or_deltas(j, index, false, memory, scratch);
}

static void deltas_task(const mote_attention_job *j, size_t index, uint8_t *memory, mote_gemm_scratch *scratch)
{
    queries_or_deltas(j, index, true, memory, scratch);
}

/* A block of queries: its deltas where they are dy . y. */
static void dots_task(const mote_attention_job *j, size_t index, uint8_t *memory, mote_gemm_scratch *scratch)
{
    const mote_attention_shape *s = j->shape;
    size_t blocks = query_blocks(s), unit = index / blocks, query = index % blocks * MOTE_ATTENTION_BLOCK;
    size_t rows = mote_size_min(MOTE_ATTENTION_BLOCK, s->queries - query), batch = unit / s->heads,
           head = unit % s->heads;
    mote_attention_view dy = mote_attention_view_of(j, &j->dy, s->queries, s->heads, batch, head, query);
    mote_attention_view y = mote_attention_view_of(j, &j->y, s->queries, s->heads, batch, head, query);
    (void)memory, (void)scratch;
    for (ptrdiff_t r = 0; r < (ptrdiff_t)rows; r++) {
        j->deltas[unit * s->queries + query + (size_t)r] =
            j->kernels->attention_dot(s->width, dy.values + r * dy.stride, y.values + r * y.stride);
    }
}

/* ---- with biases ---- */

/* Unit number i of the round's task number t. */
static mote_attention_work begin_unit(const mote_attention_job *j, size_t t, size_t i, bool queries, bool keys,
                                      uint8_t *memory, mote_gemm_scratch *scratch)
{
    const mote_attention_added *a = j->added;
    size_t unit = (a->task + t) * a->plan.walk + a->step + i;
    mote_attention_work w =
        mote_attention_begin(j, mote_attention_plan_unit(&a->plan, unit), queries, keys, memory, scratch);
    w.line = t * a->steps + i;
    return w;
}

/* A stretch: everything. */
static void stretch_task(const mote_attention_job *j, size_t index, uint8_t *memory, mote_gemm_scratch *scratch)
{
    const mote_attention_added *a = j->added;
    const mote_attention_shape *s = j->shape;
    for (size_t i = 0; i < a->steps; i++) {
        mote_attention_work w = begin_unit(j, index, i, true, true, memory, scratch);
        mote_attention_clear_queries(&w, w.key_head, 0, s->queries);
    }
    for (size_t key = 0; key < s->keys; key += tile_keys(j)) {
        for (size_t i = 0; i < a->steps; i++) {
            mote_attention_work w = begin_unit(j, index, i, true, true, memory, scratch);
            w.biases_wanted = a->owned;
            mote_attention_tile_of_keys(&w, key);
        }
    }
}

/* A tile of keys of a unit: dK, dV and sums by key. */
static void unit_keys_task(const mote_attention_job *j, size_t index, uint8_t *memory, mote_gemm_scratch *scratch)
{
    size_t tiles = key_tiles(j), unit = index / tiles, steps = j->added->steps;
    mote_attention_work w = begin_unit(j, unit / steps, unit % steps, false, true, memory, scratch);
    mote_attention_tile_of_keys(&w, index % tiles * tile_keys(j));
}

/* A block of queries of a unit: dQ and sums by query. */
static void unit_queries_task(const mote_attention_job *j, size_t index, uint8_t *memory, mote_gemm_scratch *scratch)
{
    size_t blocks = query_blocks(j->shape), unit = index / blocks, steps = j->added->steps;
    mote_attention_work w = begin_unit(j, unit / steps, unit % steps, true, false, memory, scratch);
    mote_attention_block_of_queries(&w, w.key_head, index % blocks * MOTE_ATTENTION_BLOCK, 0, j->shape->keys);
}

/* A tile of the gradients that a stretch owns. */
static void owned_task(const mote_attention_job *j, size_t index, uint8_t *memory, mote_gemm_scratch *scratch)
{
    size_t tiles = key_tiles(j), blocks = query_blocks(j->shape), tile = tile_keys(j);
    size_t key = index % tiles * tile, query = index / tiles % blocks * MOTE_ATTENTION_BLOCK;
    for (size_t i = 0; i < j->added->steps; i++) {
        mote_attention_work w = begin_unit(j, index / tiles / blocks, i, false, false, memory, scratch);
        w.biases_wanted = true;
        mote_attention_block_of_queries(&w, w.key_head, query, key, mote_size_min(key + tile, j->shape->keys));
    }
}

/* The round's sums, in order. */
static void lines_task(const mote_attention_job *j, size_t index, uint8_t *memory, mote_gemm_scratch *scratch)
{
    const mote_attention_added *a = j->added;
    (void)index;
    for (size_t line = 0; line < a->tasks * a->steps; line++) {
        mote_attention_work w = begin_unit(j, line / a->steps, line % a->steps, false, false, memory, scratch);
        mote_attention_gather_lines(j, w.batch, w.key_head, a->columns ? a->columns + line * j->shape->keys : NULL,
                                    a->rows ? a->rows + line * j->shape->queries : NULL);
    }
}

/* True if so many tasks of 5 products are done sooner by the threads than pieces of them of apart products in all. */
static bool enough(const mote_attention_job *j, size_t tasks, int apart)
{
    enum { TOGETHER = 5 };
    size_t threads = (size_t)j->context->threads;
    double rounds = (double)mote_size_divide_up(tasks, threads);
    return j->shape->queries == 0 || j->shape->keys == 0 ||
           rounds * (double)threads * TOGETHER <= (double)tasks * apart;
}

static void run_round(const mote_attention_job *j)
{
    const mote_attention_added *a = j->added;
    if (enough(j, a->tasks, a->owned ? 9 : 7)) {
        mote_attention_run(j, a->tasks, stretch_task);
    } else {
        size_t units = a->tasks * a->steps, tiles = key_tiles(j), blocks = query_blocks(j->shape);
        mote_attention_run(j, units * tiles, unit_keys_task);
        mote_attention_run(j, units * blocks, unit_queries_task);
        mote_attention_run(j, a->owned ? a->tasks * blocks * tiles : 0, owned_task);
    }
    /* An empty bias over queries and keys would pass for a line. */
    bool any = j->shape->queries > 0 && j->shape->keys > 0;
    if (any && (a->columns || a->rows)) {
        mote_attention_run(j, 1, lines_task);
    }
}

static void run_added(const mote_attention_job *j)
{
    mote_attention_added *a = j->added;
    size_t tasks = a->plan.units / a->plan.walk;
    size_t tasks_together = mote_size_min(tasks, a->round),
           together = mote_size_min(a->plan.walk, a->round / tasks_together);
    for (a->step = 0; a->step < a->plan.walk; a->step += together) {
        a->steps = mote_size_min(together, a->plan.walk - a->step);
        for (a->task = 0; a->task < tasks; a->task += tasks_together) {
            a->tasks = mote_size_min(tasks_together, tasks - a->task);
            run_round(j);
        }
    }
}

void mote_attention_backward_run(const mote_attention_job *j)
{
    const mote_attention_shape *s = j->shape;
    size_t units = s->batch * s->key_heads, blocks = s->batch * s->heads * query_blocks(s);
    if (units == 0) {
        return;
    }
    if (j->deltas && s->keys) {
        mote_attention_run(j, blocks, j->narrow ? deltas_task : dots_task);
    }
    if (j->added) {
        run_added(j);
    } else if (enough(j, units, 7)) {
        mote_attention_run(j, units, head_task);
    } else {
        mote_attention_run(j, units * key_tiles(j), keys_task);
        mote_attention_run(j, blocks, queries_task);
    }
}
