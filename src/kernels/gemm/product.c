/* The walk over one product: segments of the reduction dimension, then stretches of columns and rows that fit a bounded
 * workspace, then tiles. Rows are expanded once for each stretch and shared by all threads; each thread expands the
 * columns it works on, a group of two panels at a time (FP32's, which need no expanding, by three), and keeps them in
 * its cache while the rows pass. */
#include "kernels/gemm/product.h"

#include "base/parallel.h"
#include "kernels/gemm/expand.h"

enum {
    STRETCH_COLUMNS = 2048,
    FEW_ROWS = MOTE_GEMM_ROWS, /* one tile */
    FEW_CHUNK = 256            /* of the reduction dimension */
};

void mote_gemm_run(const mote_gemm_worker *worker, size_t count, mote_task *task, void *argument)
{
    if (!worker->scratch) {
        mote_parallel_for(worker->context, count, task, argument);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        task(argument, i, worker->scratch);
    }
}

static bool in_integers(mote_format f) { return f == MOTE_MXINT8 || f == MOTE_MXFP6_E2M3 || f == MOTE_MXFP4_E2M1; }

/* A format added to the table has no product until its codes are expanded somewhere. */
static bool known(mote_format f) { return f >= MOTE_FP32 && f <= MOTE_NVFP4; }

mote_gemm_kind mote_gemm_choose(mote_cpu_level level, mote_format a, mote_format b)
{
    if (!known(a) || !known(b)) {
        return MOTE_GEMM_KIND_COUNT;
    }
    bool plain_a = !mote_format_is_block(a), plain_b = !mote_format_is_block(b);
    if (plain_a && plain_b) {
        return MOTE_GEMM_PLAIN;
    }
    if (a == MOTE_NVFP4 || b == MOTE_NVFP4) {
        return a == b ? MOTE_GEMM_INT8_NV : plain_a || plain_b ? MOTE_GEMM_FLOAT_NV : MOTE_GEMM_KIND_COUNT;
    }
    /* below VNNI, 8-bit dot products have 16-bit sums: a block of e2m1 fits, (12 + 128) * 12 * 2 * 8 < 2^15 */
    if (in_integers(a) && in_integers(b) &&
        (level == MOTE_CPU_C || level >= MOTE_CPU_AVX512VNNI || (a == MOTE_MXFP4_E2M1 && b == MOTE_MXFP4_E2M1))) {
        return MOTE_GEMM_INT8;
    }
    bool sixteen = (in_integers(a) || a == MOTE_MXFP6_E3M2) && (in_integers(b) || b == MOTE_MXFP6_E3M2);
    if (sixteen) {
        return MOTE_GEMM_INT16;
    }
    return level >= MOTE_CPU_AVX512BF16 && !plain_a && !plain_b ? MOTE_GEMM_BF16 : MOTE_GEMM_FLOAT;
}

/* What is worked on: one segment, a stretch of columns, a stretch of rows. */
typedef struct job {
    const mote_gemm_product *product;
    const mote_kernels *kernels;
    mote_gemm_kind kind;
    const mote_gemm_packed *columns;
    size_t column, columns_here; /* of y, and how many */
    size_t segment;              /* within columns */
    size_t begin, count, blocks; /* of the reduction dimension; blocks of 32 */
    size_t row, rows;
    mote_gemm_row_area area;    /* of the expanded rows */
    mote_gemm_range rows_range; /* of all rows here */
    mote_gemm_scale scale;
    size_t group, row_tasks;
    size_t panels, groups; /* of columns: groups share the panels as evenly as they can */
} job;

/* Rows expanded together: about the second cache, so that most of a panel pair's pass finds them there while the
 * columns, which each stretch expands again, still serve many rows. */
static size_t stretch_rows(const mote_context *context, mote_gemm_kind kind, const mote_gemm_product *p)
{
    size_t rows = context->level2_bytes / (MOTE_GEMM_SEGMENT / MOTE_MX_BLOCK * mote_gemm_steps(kind) * 4);
    return mote_size_min(rows, p->a.lines);
}

static size_t stretch_blocks(const mote_gemm_product *p)
{
    return mote_size_divide_up(mote_size_min(MOTE_GEMM_SEGMENT, p->a.length), MOTE_MX_BLOCK);
}

bool mote_gemm_keeps_rows(const mote_context *context, mote_gemm_kind kind, const mote_gemm_product *product)
{
    return product->a.length <= MOTE_GEMM_SEGMENT && stretch_rows(context, kind, product) == product->a.lines;
}

static size_t row_workspace(const mote_context *context, mote_gemm_kind kind, const mote_gemm_product *p)
{
    size_t blocks = stretch_blocks(p);
    size_t each = mote_gemm_row_bytes(kind, blocks) + 2 * blocks * mote_gemm_parts(kind) * sizeof(int32_t) + 2;
    return (stretch_rows(context, kind, p) * each + 63) / 64 * 64;
}

size_t mote_gemm_workspace(const mote_context *context, mote_gemm_kind kind, const mote_gemm_product *p)
{
    mote_gemm_packed packed;
    size_t bytes = row_workspace(context, kind, p);
    if (!p->packed) {
        bytes += mote_gemm_packed_place(p->b->format, mote_size_min(STRETCH_COLUMNS, p->b->lines),
                                        mote_size_min(MOTE_GEMM_SEGMENT, p->b->length), NULL, &packed);
    }
    return bytes;
}

/* ---- rows ---- */

/* FP32 rows that tiles can read where they lie: those of a tile must not crowd a few sets of the first cache for long,
 * as rows of 8 KiB and more do that are a multiple of 1 KiB apart. */
static bool rows_in_place(const job *j)
{
    enum { CROWDED = 2048 };
    const mote_gemm_source *a = &j->product->a;
    return (a->line_stride % 256 || a->line_stride < CROWDED) && !a->element && a->values && !a->window &&
           a->stride == 1 && a->line_stride >= 0 && j->count % MOTE_MX_BLOCK == 0;
}

static void expand_rows_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    mote_gemm_scratch *s = scratch;
    const mote_gemm_source *source = &j->product->a;
    size_t row = index * j->group, rows = mote_size_min(j->group, j->rows - row);
    mote_gemm_lines lines = mote_gemm_lines_get(j->kernels, source, j->row + row, rows, j->begin, j->count, &s->line);
    mote_gemm_expand_rows(j->kernels, j->kind, source, &lines, rows, rows_in_place(j), &j->area, row);
}

/* ---- tiles ---- */

/* Two panels, or the last one, expanded from packed blocks first .. first + blocks - 1 of the job's. */
static mote_gemm_columns expand_columns(const job *j, size_t panel, int panels, size_t first, size_t blocks,
                                        mote_gemm_scratch *s)
{
    return mote_gemm_expand_columns(j->kernels, j->kind, j->columns, j->segment, panel, (size_t)panels, first, blocks,
                                    s->panels, s->scales);
}

static bool needs_care(const job *j, mote_gemm_range rows, mote_gemm_range columns)
{
    int bias = mote_gemm_bias(j->kind, j->product->a.format, j->columns->format);
    return mote_gemm_needs_care(bias, rows, columns);
}

static void finish(const job *j, size_t row, int rows, size_t panel, int panels, const float *sums)
{
    const mote_gemm_product *p = j->product;
    size_t column = panel * MOTE_GEMM_PANEL,
           end = mote_size_min(column + (size_t)panels * MOTE_GEMM_PANEL, j->columns_here);
    bool first = j->begin == 0;
    for (; column < end; column += MOTE_GEMM_WIDTH, sums += MOTE_GEMM_PIECE) {
        j->kernels->gemm_finish(rows, mote_size_min(MOTE_GEMM_WIDTH, end - column), sums, j->scale,
                                first && p->bias ? p->bias + j->column + column : NULL, p->accumulate || !first,
                                p->y + (ptrdiff_t)(j->row + row) * p->stride + j->column + column, p->stride);
    }
}

/* Expanded rows from row on, from block first on. */
static mote_gemm_rows rows_at(const job *j, size_t row, size_t first)
{
    const mote_gemm_row_area *area = &j->area;
    size_t parts = mote_gemm_parts(j->kind), scale_stride = j->blocks * parts, at = row * scale_stride + first * parts;
    mote_gemm_rows a = {area->values + row * area->stride + first * mote_gemm_steps(j->kind) * 4, area->stride,
                        area->scales + at, area->corrections + at, scale_stride};
    if (rows_in_place(j)) {
        const mote_gemm_source *source = &j->product->a;
        a.values = (const uint8_t *)(source->values + (ptrdiff_t)(j->row + row) * source->line_stride + j->begin +
                                     first * MOTE_MX_BLOCK);
        a.stride = (size_t)source->line_stride * sizeof(float);
    }
    return a;
}

static void multiply_tile(const job *j, bool careful, size_t row, int rows, int panels, size_t first, size_t blocks,
                          const mote_gemm_columns *columns, const mote_gemm_ahead *ahead, float *sums)
{
    mote_gemm_rows a = rows_at(j, row, first);
    j->kernels->gemm_tile(j->kind, careful, rows, panels, blocks * mote_gemm_parts(j->kind), &a, columns, ahead, sums);
}

/* Few rows against packed panels, expanded in registers. */
static void multiply_few(const job *j, size_t panel, int panels, float *sums)
{
    const mote_gemm_packed *p = j->columns;
    mote_gemm_rows a = rows_at(j, 0, 0);
    size_t before = mote_gemm_blocks_before(p, panel, j->segment);
    mote_gemm_codes b = {p->codes + before * p->block_codes, p->scales + before * p->block_scales,
                         j->blocks * p->block_codes, j->blocks * p->block_scales,
                         -mote_gemm_fraction(j->kind, p->element) - MOTE_GEMM_ROW_BIAS};
    j->kernels->gemm_few(j->kind, p->element, (int)j->rows, panels, j->blocks, &a, &b, sums);
}

/* Few rows otherwise: columns are expanded and used in pieces that stay in the first cache. */
static void multiply_chunks(const job *j, bool careful, size_t panel, int panels, mote_gemm_scratch *s)
{
    for (size_t first = 0; first < j->blocks; first += FEW_CHUNK / MOTE_MX_BLOCK) {
        size_t blocks = mote_size_min(FEW_CHUNK / MOTE_MX_BLOCK, j->blocks - first);
        mote_gemm_columns columns = expand_columns(j, panel, panels, first, blocks, s);
        multiply_tile(j, careful, 0, (int)j->rows, panels, first, blocks, &columns, NULL, s->sums);
    }
}

/* The first panel of a group. */
static size_t group_start(const job *j, size_t group) { return j->panels * group / j->groups; }

/* What tiles of tile_rows rows ask for while they work: part number of parts of the packed codes of the next group of
 * panels, and the next rows of y. */
static mote_gemm_ahead ahead_of(const job *j, size_t row, size_t tile_rows, size_t group, size_t part, size_t parts)
{
    const mote_gemm_packed *p = j->columns;
    const mote_gemm_product *product = j->product;
    size_t panel = group_start(j, group), next = group_start(j, group + 1);
    size_t turns = j->blocks * mote_gemm_parts(j->kind);
    mote_gemm_ahead ahead = {.stride = (uintptr_t)product->stride * sizeof(float)};
    if (j->kind != MOTE_GEMM_PLAIN && tile_rows > MOTE_GEMM_ROWS / 2) {
        turns *= 2; /* it takes the rows in two lots */
    }
    ahead.result =
        (uintptr_t)(product->y + j->column + panel * MOTE_GEMM_PANEL) + (j->row + row + tile_rows) * ahead.stride;
    ahead.rows = (int)mote_size_divide_up(tile_rows, turns);
    if (group + 1 < j->groups) {
        size_t lines = (group_start(j, group + 2) - next) * j->blocks * p->block_codes / MOTE_GEMM_LINE;
        ahead.columns = (uintptr_t)p->codes + mote_gemm_blocks_before(p, next, j->segment) * p->block_codes +
                        lines * part / parts * MOTE_GEMM_LINE;
        ahead.lines = (int)mote_size_divide_up(mote_size_divide_up(lines, parts), turns);
    }
    return ahead;
}

/* Rows begin .. end - 1 against one group of panels. */
static void tiles_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    mote_gemm_scratch *s = scratch;
    size_t part = index % j->row_tasks, group = index / j->row_tasks, panel = group_start(j, group);
    int panels = (int)(group_start(j, group + 1) - panel);
    size_t tiles = mote_size_divide_up(j->rows, panels == MOTE_GEMM_PANELS ? MOTE_GEMM_WIDE_ROWS : MOTE_GEMM_ROWS);
    size_t begin = tiles * part / j->row_tasks, end = tiles * (part + 1) / j->row_tasks;
    bool powers = mote_gemm_has_powers(j->kind);
    mote_gemm_range columns_range = {0, 0};
    if (powers) {
        columns_range = mote_gemm_range_of_panels(j->columns, j->segment, panel, (size_t)panels);
    }
    bool watch = powers && needs_care(j, j->rows_range, columns_range);
    if (j->rows <= FEW_ROWS) {
        memset(s->sums, 0, sizeof s->sums);
        if (!watch && mote_format_is_block(j->columns->format) && j->kind != MOTE_GEMM_FLOAT_NV) {
            multiply_few(j, panel, panels, s->sums);
        } else {
            multiply_chunks(j, watch, panel, panels, s);
        }
        finish(j, 0, (int)j->rows, panel, panels, s->sums);
        return;
    }
    mote_gemm_columns columns = expand_columns(j, panel, panels, 0, j->blocks, s);
    for (size_t t = begin; t < end; t++) { /* tiles of equal height, or one less */
        size_t row = j->rows * t / tiles;
        int rows = (int)(j->rows * (t + 1) / tiles - row);
        bool careful =
            watch && needs_care(j, mote_gemm_range_of_rows(j->area.ranges, row, (size_t)rows), columns_range);
        for (int p = 0; p < panels; p += 2) {
            memset(s->sums + p / 2 * MOTE_GEMM_PIECE, 0, (size_t)rows * MOTE_GEMM_WIDTH * sizeof(float));
        }
        mote_gemm_ahead ahead = ahead_of(j, row, (size_t)rows, group, t - begin, end - begin);
        multiply_tile(j, careful, row, rows, panels, 0, j->blocks, &columns, &ahead, s->sums);
        finish(j, row, rows, panel, panels, s->sums);
    }
}

/* ---- the walk ---- */

static void multiply_stretch(const mote_gemm_worker *worker, job *j)
{
    enum { TASKS_PER_THREAD = 4 };
    size_t wanted = worker->scratch ? 1 : (size_t)worker->context->threads;
    bool few = j->rows <= FEW_ROWS, plain = j->kind == MOTE_GEMM_PLAIN && !j->columns->element;
    bool wide = plain && !few && worker->context->cpu >= MOTE_CPU_AVX512; /* others have not the registers */
    size_t tiles = mote_size_divide_up(j->rows, MOTE_GEMM_ROWS);
    j->panels = mote_size_divide_up(j->columns_here, MOTE_GEMM_PANEL);
    j->groups = mote_size_divide_up(j->panels, wide ? MOTE_GEMM_PANELS : 2);
    wanted = wanted > 1 ? wanted * TASKS_PER_THREAD : 1;
    j->group = mote_gemm_source_group(&j->product->a);
    if (!j->product->expanded && (j->kind != MOTE_GEMM_PLAIN || !rows_in_place(j))) {
        mote_gemm_run(worker, mote_size_divide_up(j->rows, j->group), expand_rows_task, j);
    }
    if (mote_gemm_has_powers(j->kind)) {
        j->rows_range = mote_gemm_range_of_rows(j->area.ranges, 0, j->rows);
    }
    j->row_tasks = mote_size_min(mote_size_divide_up(wanted, j->groups), few ? 1 : tiles);
    mote_gemm_run(worker, j->groups * j->row_tasks, tiles_task, j);
}

static void multiply_rows(const mote_gemm_worker *worker, job *j)
{
    const mote_gemm_product *p = j->product;
    size_t stretch = stretch_rows(worker->context, j->kind, p), parts = mote_gemm_parts(j->kind);
    mote_gemm_row_area *area = &j->area;
    area->blocks = j->blocks;
    area->values = worker->workspace;
    area->stride = mote_gemm_row_bytes(j->kind, j->blocks);
    area->scales = (int32_t *)(void *)(worker->workspace + stretch * area->stride);
    area->corrections = area->scales + stretch * j->blocks * parts;
    area->ranges = (uint8_t *)(area->corrections + stretch * j->blocks * parts);
    j->scale = mote_gemm_scale_of(j->kind, p->a.tensor_scale, j->columns->tensor_scale);
    for (j->row = 0; j->row < p->a.lines; j->row += stretch) {
        j->rows = mote_size_min(stretch, p->a.lines - j->row);
        multiply_stretch(worker, j);
    }
}

/* A product over nothing: rows of a tile's height. */
static void empty_task(void *argument, size_t index, void *scratch)
{
    static const float zeros[MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH];
    const job *j = argument;
    const mote_gemm_product *p = j->product;
    size_t row = index * MOTE_GEMM_ROWS, rows = mote_size_min(MOTE_GEMM_ROWS, p->a.lines - row);
    (void)scratch;
    for (size_t c = 0; c < j->columns_here; c += MOTE_GEMM_WIDTH) {
        j->kernels->gemm_finish((int)rows, mote_size_min(MOTE_GEMM_WIDTH, j->columns_here - c), zeros,
                                (mote_gemm_scale){1, 1, 1}, p->bias ? p->bias + c : NULL, p->accumulate,
                                p->y + (ptrdiff_t)row * p->stride + c, p->stride);
    }
}

void mote_gemm_multiply(const mote_gemm_worker *worker, mote_gemm_kind kind, const mote_gemm_product *product)
{
    size_t columns = product->packed ? product->packed->columns : product->b->lines, length = product->a.length;
    job j = {.product = product, .kernels = worker->kernels, .kind = kind};
    if (columns == 0 || product->a.lines == 0) {
        return;
    }
    if (length == 0) {
        j.columns_here = columns;
        mote_gemm_run(worker, mote_size_divide_up(product->a.lines, MOTE_GEMM_ROWS), empty_task, &j);
        return;
    }
    size_t stretch = product->packed ? columns : mote_size_min(STRETCH_COLUMNS, columns);
    for (j.begin = 0; j.begin < length; j.begin += MOTE_GEMM_SEGMENT) {
        j.count = mote_size_min(MOTE_GEMM_SEGMENT, length - j.begin);
        j.blocks = mote_size_divide_up(j.count, MOTE_MX_BLOCK);
        for (j.column = 0; j.column < columns; j.column += stretch) {
            mote_gemm_packed packed;
            j.columns_here = mote_size_min(stretch, columns - j.column);
            j.columns = product->packed;
            j.segment = j.begin / MOTE_GEMM_SEGMENT;
            if (!product->packed) {
                mote_gemm_packed_place(product->b->format, j.columns_here, j.count,
                                       worker->workspace + row_workspace(worker->context, kind, product), &packed);
                mote_gemm_pack(worker, product->b, j.column, j.begin, &packed);
                j.columns = &packed;
                j.segment = 0;
            }
            multiply_rows(worker, &j);
        }
    }
}
