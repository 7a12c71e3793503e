/* The walk over one product: segments of the reduction dimension, then stretches of columns and rows that fit a bounded
 * workspace, then tiles. Rows are expanded once for each stretch and shared by all threads; each thread expands the
 * columns it works on, two panels at a time, and keeps them in its cache while the rows pass. */
#include "kernels/gemm/product.h"

#include <math.h>

#include "base/parallel.h"

enum {
    STRETCH_COLUMNS = 2048,
    FEW_ROWS = MOTE_GEMM_ROWS, /* one tile */
    FEW_CHUNK = 256,           /* of the reduction dimension */
    ROW_PADDING = 64           /* between expanded rows, so that they do not share cache sets */
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

/* A range of scale bytes. */
typedef struct range {
    int lowest, highest;
} range;

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
    uint8_t *values; /* expanded rows */
    size_t row_bytes;
    int32_t *scales, *corrections;
    uint8_t *ranges;  /* of each row: smallest and largest scale byte */
    range rows_range; /* of all rows here */
    mote_gemm_scale scale;
    size_t group, row_tasks;
} job;

/* Scale blocks in 32 values. */
static size_t scale_parts(mote_gemm_kind kind) { return mote_gemm_is_nv(kind) ? 2 : 1; }

static size_t row_bytes(mote_gemm_kind kind, size_t blocks) { return blocks * mote_gemm_steps(kind) * 4 + ROW_PADDING; }

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

static size_t row_workspace(const mote_context *context, mote_gemm_kind kind, const mote_gemm_product *p)
{
    size_t blocks = stretch_blocks(p);
    size_t each = row_bytes(kind, blocks) + 2 * blocks * scale_parts(kind) * sizeof(int32_t) + 2;
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

/* What stands for the scales of a side without blocks: one. */
static void unit_scales(mote_gemm_kind kind, int bias, size_t count, int32_t *scales)
{
    int field = mote_gemm_is_nv(kind) ? MOTE_FP32_BIAS : bias;
    for (size_t i = 0; i < count; i++) {
        scales[i] = field << MOTE_FP32_MANTISSA_BITS;
    }
}

/* FP32 rows that tiles can read where they lie. */
static bool rows_in_place(const job *j)
{
    const mote_gemm_source *a = &j->product->a;
    return a->line_stride % 256 && !a->element && a->values && !a->window && a->stride == 1 && a->line_stride >= 0 &&
           j->count % MOTE_MX_BLOCK == 0;
}

/* Scales of a row as the tile takes them, and their range. */
static void expand_scales(const job *j, const mote_gemm_lines *lines, size_t line, size_t row)
{
    size_t blocks = j->blocks * scale_parts(j->kind);
    int32_t *scales = j->scales + row * blocks;
    uint8_t lowest = MOTE_FP32_BIAS, highest = MOTE_FP32_BIAS;
    if (!lines->scales) {
        unit_scales(j->kind, MOTE_GEMM_ROW_BIAS, blocks, scales);
    } else {
        const uint8_t *bytes = lines->scales + line * lines->scale_stride;
        int fraction = mote_gemm_fraction(j->kind, j->product->a.element);
        j->kernels->gemm_expand_scales(mote_gemm_is_nv(j->kind), -MOTE_GEMM_COLUMN_BIAS - fraction, blocks, bytes,
                                       scales);
        lowest = highest = bytes[0];
        for (size_t b = 1; b < blocks; b++) {
            lowest = bytes[b] < lowest ? bytes[b] : lowest;
            highest = bytes[b] > highest ? bytes[b] : highest;
        }
    }
    j->ranges[2 * row] = lowest;
    j->ranges[2 * row + 1] = highest;
}

/* Blocks of zeros have the smallest scale there is; they get the row's largest instead, for 0 times it is still 0. */
static void lift_zeros(const job *j, const mote_gemm_lines *lines, size_t line, size_t row)
{
    const mote_element *element = j->product->a.element;
    const uint8_t *bytes = lines->scales + line * lines->scale_stride;
    uint8_t *found = j->ranges + 2 * row, lowest = MOTE_E8M0_NAN;
    int32_t *scales = j->scales + row * j->blocks;
    int lift = found[1] < MOTE_E8M0_NAN && found[1] > 0 ? found[1] : MOTE_FP32_BIAS;
    int field = lift - MOTE_GEMM_COLUMN_BIAS - mote_gemm_fraction(j->kind, element);
    for (size_t b = 0; b < j->blocks; b++) {
        if (bytes[b] == 0 && mote_gemm_block_is_zero(element, lines->elements + line * lines->stride +
                                                                  b * (size_t)element->bits * MOTE_MX_BLOCK / 8)) {
            scales[b] = field * MOTE_FP32_IMPLIED_ONE;
            lowest = lift < lowest ? (uint8_t)lift : lowest;
        } else {
            lowest = bytes[b] < lowest ? bytes[b] : lowest;
        }
    }
    found[0] = lowest;
    found[1] = found[1] > lift ? found[1] : (uint8_t)lift;
}

static void expand_rows_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    mote_gemm_scratch *s = scratch;
    const mote_gemm_source *source = &j->product->a;
    size_t row = index * j->group, rows = mote_size_min(j->group, j->rows - row), padded = j->blocks * MOTE_MX_BLOCK;
    size_t parts = scale_parts(j->kind);
    mote_gemm_lines lines = mote_gemm_lines_get(j->kernels, source, j->row + row, rows, j->begin, j->count, &s->line);
    for (size_t l = 0; l < rows; l++) {
        const uint8_t *line = lines.elements + l * lines.stride;
        uint8_t *to = j->values + (row + l) * j->row_bytes;
        if (rows_in_place(j)) {
            /* nothing to do */
        } else if (!source->element) {
            memcpy(to, line, padded * sizeof(float));
        } else if (source->element->bits == 16) {
            j->kernels->widen(source->format, padded, (const uint16_t *)(const void *)line, (float *)(void *)to);
        } else {
            j->kernels->gemm_expand_row(j->kind, source->element, padded, line, to,
                                        j->corrections + (row + l) * j->blocks * parts);
        }
        if (j->kind != MOTE_GEMM_PLAIN) {
            expand_scales(j, &lines, l, row + l);
        }
        if (lines.scales && !mote_gemm_is_nv(j->kind) && j->ranges[2 * (row + l)] == 0) {
            lift_zeros(j, &lines, l, row + l);
        }
    }
}

/* ---- tiles ---- */

/* Two panels, or the last one, expanded from packed blocks first .. first + blocks - 1 of the job's. */
static mote_gemm_columns expand_columns(const job *j, size_t panel, int panels, size_t first, size_t blocks,
                                        mote_gemm_scratch *s)
{
    const mote_gemm_packed *p = j->columns;
    size_t parts = scale_parts(j->kind), bytes = blocks * mote_gemm_steps(j->kind) * MOTE_GEMM_LINE;
    mote_gemm_columns out = {s->panels, bytes, s->scales, blocks * parts * MOTE_GEMM_PANEL};
    for (int i = 0; i < panels; i++) {
        size_t before = mote_gemm_blocks_before(p, panel + (size_t)i, j->segment) + first;
        const uint8_t *codes = p->codes + before * p->block_codes, *scales = p->scales + before * p->block_scales;
        int32_t *to = s->scales + (size_t)i * out.scale_stride;
        if (!p->element) { /* FP32 is what the tile takes */
            out.values = i ? out.values : codes;
            out.stride = j->blocks * p->block_codes;
        } else {
            j->kernels->gemm_expand_panel(j->kind, p->element, blocks * MOTE_MX_BLOCK, codes,
                                          s->panels + (size_t)i * bytes);
        }
        if (!mote_format_is_block(p->format)) {
            unit_scales(j->kind, MOTE_GEMM_COLUMN_BIAS, j->kind == MOTE_GEMM_PLAIN ? 0 : out.scale_stride, to);
        } else {
            int fraction = mote_gemm_fraction(j->kind, p->element);
            j->kernels->gemm_expand_scales(mote_gemm_is_nv(j->kind), -fraction - MOTE_GEMM_ROW_BIAS, out.scale_stride,
                                           scales, to);
        }
    }
    return out;
}

static range widen_range(range r, const uint8_t *bytes)
{
    return (range){bytes[0] < r.lowest ? bytes[0] : r.lowest, bytes[1] > r.highest ? bytes[1] : r.highest};
}

static range range_of_rows(const job *j, size_t row, size_t rows)
{
    range r = {MOTE_E8M0_NAN, 0};
    for (size_t i = 0; i < rows; i++) {
        r = widen_range(r, j->ranges + 2 * (row + i));
    }
    return r;
}

static range range_of_panels(const job *j, size_t panel, int panels)
{
    const mote_gemm_packed *p = j->columns;
    range r = {MOTE_E8M0_NAN, 0};
    if (!mote_format_is_block(p->format)) {
        return (range){MOTE_FP32_BIAS, MOTE_FP32_BIAS};
    }
    for (int i = 0; i < panels; i++) {
        r = widen_range(r, p->ranges + 2 * (j->segment * p->panels + panel + (size_t)i));
    }
    return r;
}

/* True if exponents of these rows and columns could leave FP32's normal range, or one is a NaN. */
static bool needs_care(const job *j, range rows, range columns)
{
    int fraction = 0;
    if (mote_format_is_block(j->product->a.format)) {
        fraction += mote_gemm_fraction(j->kind, j->product->a.element);
    }
    if (mote_format_is_block(j->columns->format)) {
        fraction += mote_gemm_fraction(j->kind, j->columns->element);
    }
    int bias = MOTE_FP32_BIAS + fraction;
    return rows.highest == MOTE_E8M0_NAN || columns.highest == MOTE_E8M0_NAN ||
           rows.lowest + columns.lowest - bias < 1 || rows.highest + columns.highest - bias > MOTE_E8M0_LARGEST;
}

/* Kinds whose scales are powers of two. */
static bool has_powers(const job *j) { return j->kind != MOTE_GEMM_PLAIN && !mote_gemm_is_nv(j->kind); }

static void finish(const job *j, size_t row, int rows, size_t panel, const float *sums)
{
    const mote_gemm_product *p = j->product;
    size_t column = panel * MOTE_GEMM_PANEL, columns = mote_size_min(MOTE_GEMM_WIDTH, j->columns_here - column);
    bool first = j->begin == 0;
    j->kernels->gemm_finish(rows, columns, sums, j->scale, first && p->bias ? p->bias + j->column + column : NULL,
                            p->accumulate || !first, p->y + (ptrdiff_t)(j->row + row) * p->stride + j->column + column,
                            p->stride);
}

/* Expanded rows from row on, from block first on. */
static mote_gemm_rows rows_at(const job *j, size_t row, size_t first)
{
    size_t parts = scale_parts(j->kind), scale_stride = j->blocks * parts, at = row * scale_stride + first * parts;
    mote_gemm_rows a = {j->values + row * j->row_bytes + first * mote_gemm_steps(j->kind) * 4, j->row_bytes,
                        j->scales + at, j->corrections + at, scale_stride};
    if (rows_in_place(j)) {
        const mote_gemm_source *source = &j->product->a;
        a.values = (const uint8_t *)(source->values + (ptrdiff_t)(j->row + row) * source->line_stride + j->begin +
                                     first * MOTE_MX_BLOCK);
        a.stride = (size_t)source->line_stride * sizeof(float);
    }
    return a;
}

static void multiply_tile(const job *j, bool careful, size_t row, int rows, int panels, size_t first, size_t blocks,
                          const mote_gemm_columns *columns, float *sums)
{
    mote_gemm_rows a = rows_at(j, row, first);
    j->kernels->gemm_tile(j->kind, careful, rows, panels, blocks * scale_parts(j->kind), &a, columns, sums);
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
        multiply_tile(j, careful, 0, (int)j->rows, panels, first, blocks, &columns, s->sums);
    }
}

/* Asks for part number of parts of the packed codes of the next pair of panels, while this one is at work. */
static void fetch_ahead(const job *j, size_t panel, size_t part, size_t parts)
{
    const mote_gemm_packed *p = j->columns;
    if (panel + 2 >= p->panels) {
        return;
    }
    size_t panels = mote_size_min(2, p->panels - panel - 2),
           lines = panels * j->blocks * p->block_codes / MOTE_GEMM_LINE;
    const uint8_t *codes = p->codes + mote_gemm_blocks_before(p, panel + 2, j->segment) * p->block_codes;
    for (size_t line = lines * part / parts; line < lines * (part + 1) / parts; line++) {
        __builtin_prefetch(codes + line * MOTE_GEMM_LINE, 0, 2);
    }
}

/* Asks for the lines of y that a tile will write, as far as the second cache: rows a power of two apart would crowd the
 * first. */
static void fetch_result(const job *j, size_t row, int rows, size_t panel)
{
    const mote_gemm_product *p = j->product;
    const float *y = p->y + (ptrdiff_t)(j->row + row) * p->stride + j->column + panel * MOTE_GEMM_PANEL;
    for (int r = 0; r < rows; r++) {
        __builtin_prefetch(y + r * p->stride, 0, 2);
        __builtin_prefetch(y + r * p->stride + MOTE_GEMM_PANEL, 0, 2);
    }
}

/* Rows begin .. end - 1 against one pair of panels. */
static void tiles_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    mote_gemm_scratch *s = scratch;
    size_t pair = index / j->row_tasks, part = index % j->row_tasks, panel = 2 * pair;
    int panels = (int)mote_size_min(2, mote_size_divide_up(j->columns_here, MOTE_GEMM_PANEL) - panel);
    size_t tiles = mote_size_divide_up(j->rows, MOTE_GEMM_ROWS);
    size_t begin = tiles * part / j->row_tasks, end = tiles * (part + 1) / j->row_tasks;
    range columns_range = has_powers(j) ? range_of_panels(j, panel, panels) : (range){0, 0};
    bool watch = has_powers(j) && needs_care(j, j->rows_range, columns_range);
    if (j->rows <= FEW_ROWS) {
        memset(s->sums, 0, sizeof s->sums);
        if (!watch && mote_format_is_block(j->columns->format) && j->kind != MOTE_GEMM_FLOAT_NV) {
            multiply_few(j, panel, panels, s->sums);
        } else {
            multiply_chunks(j, watch, panel, panels, s);
        }
        finish(j, 0, (int)j->rows, panel, s->sums);
        return;
    }
    mote_gemm_columns columns = expand_columns(j, panel, panels, 0, j->blocks, s);
    for (size_t t = begin; t < end; t++) { /* tiles of equal height, or one less */
        size_t row = j->rows * t / tiles;
        int rows = (int)(j->rows * (t + 1) / tiles - row);
        bool careful = watch && needs_care(j, range_of_rows(j, row, (size_t)rows), columns_range);
        memset(s->sums, 0, sizeof s->sums);
        fetch_ahead(j, panel, t - begin, end - begin);
        fetch_result(j, row, rows, panel);
        multiply_tile(j, careful, row, rows, panels, 0, j->blocks, &columns, s->sums);
        finish(j, row, rows, panel, s->sums);
    }
}

/* ---- the walk ---- */

static void multiply_stretch(const mote_gemm_worker *worker, job *j)
{
    enum { TASKS_PER_THREAD = 4 };
    size_t wanted = worker->scratch ? 1 : (size_t)worker->context->threads;
    size_t pairs = mote_size_divide_up(j->columns_here, MOTE_GEMM_WIDTH);
    size_t tiles = mote_size_divide_up(j->rows, MOTE_GEMM_ROWS);
    wanted = wanted > 1 ? wanted * TASKS_PER_THREAD : 1;
    j->group = mote_gemm_source_group(&j->product->a);
    if (j->kind != MOTE_GEMM_PLAIN || !rows_in_place(j)) {
        mote_gemm_run(worker, mote_size_divide_up(j->rows, j->group), expand_rows_task, j);
    }
    j->rows_range = has_powers(j) ? range_of_rows(j, 0, j->rows) : (range){0, 0};
    j->row_tasks = mote_size_min(mote_size_divide_up(wanted, pairs), j->rows <= FEW_ROWS ? 1 : tiles);
    mote_gemm_run(worker, pairs * j->row_tasks, tiles_task, j);
}

/* The tensor scales' product, which need not fit FP32. nvfp4's integers are twice their elements, a factor that the
 * powers of two of the other formats carry in their exponents. */
static mote_gemm_scale tensor_scale(const job *j)
{
    int power_a, power_b;
    if (!mote_gemm_is_nv(j->kind)) {
        return (mote_gemm_scale){1, 1, 1};
    }
    float fraction = frexpf(j->product->a.tensor_scale, &power_a) * frexpf(j->columns->tensor_scale, &power_b);
    bool finite = isfinite(fraction); /* a file's may be anything; frexpf leaves the powers of others undefined */
    int power = finite ? power_a + power_b - (j->kind == MOTE_GEMM_INT8_NV ? 2 : 0) : 0;
    power = power < MOTE_GEMM_POWER_LOWEST ? MOTE_GEMM_POWER_LOWEST : power;
    power = power > MOTE_E8M0_LARGEST ? MOTE_E8M0_LARGEST : power; /* whose halves are the largest powers of FP32 */
    return (mote_gemm_scale){fraction, ldexpf(1, power / 2), ldexpf(1, power - power / 2)};
}

static void multiply_rows(const mote_gemm_worker *worker, job *j)
{
    const mote_gemm_product *p = j->product;
    size_t stretch = stretch_rows(worker->context, j->kind, p), parts = scale_parts(j->kind);
    j->values = worker->workspace;
    j->row_bytes = row_bytes(j->kind, j->blocks);
    j->scales = (int32_t *)(void *)(worker->workspace + stretch * j->row_bytes);
    j->corrections = j->scales + stretch * j->blocks * parts;
    j->ranges = (uint8_t *)(j->corrections + stretch * j->blocks * parts);
    j->scale = tensor_scale(j);
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
