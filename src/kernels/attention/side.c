/* Operands to rows and columns, and tiles of both. */
#include "kernels/attention/side.h"

void *mote_attention_take(mote_attention_memory *memory, size_t count, size_t size)
{
    uint8_t *here = memory->memory ? memory->memory + memory->used : NULL;
    memory->used += (count * size + 63) / 64 * 64;
    return here;
}

static size_t blocks_of(size_t length) { return mote_size_divide_up(length, MOTE_MX_BLOCK); }

void mote_attention_place_rows(mote_attention_memory *memory, size_t lines, size_t length, mote_attention_rows *rows)
{
    size_t blocks = blocks_of(length), parts = MOTE_MX_BLOCK / MOTE_NVFP4_BLOCK;
    *rows = (mote_attention_rows){.tensor_scale = 1};
    rows->area.values = mote_attention_take(memory, lines, mote_gemm_row_bytes(MOTE_GEMM_PLAIN, blocks));
    rows->area.scales = mote_attention_take(memory, lines * blocks * parts, sizeof(int32_t));
    rows->area.corrections = mote_attention_take(memory, lines * blocks * parts, sizeof(int32_t));
    rows->area.ranges = mote_attention_take(memory, lines, 2);
}

void mote_attention_place_columns(mote_attention_memory *memory, size_t lines, size_t length, uint8_t *codes,
                                  mote_attention_columns *columns)
{
    size_t panels = mote_size_divide_up(lines, MOTE_GEMM_PANEL), blocks = blocks_of(length);
    size_t parts = MOTE_MX_BLOCK / MOTE_NVFP4_BLOCK;
    *columns = (mote_attention_columns){.codes = codes, .tensor_scale = 1};
    columns->values = mote_attention_take(memory, panels * blocks, mote_gemm_steps(MOTE_GEMM_PLAIN) * MOTE_GEMM_LINE);
    columns->scales = mote_attention_take(memory, panels * blocks * parts * MOTE_GEMM_PANEL, sizeof(int32_t));
}

size_t mote_attention_code_bytes(size_t lines, size_t length)
{
    size_t most = 0;
    for (int f = MOTE_FP32 + 1; f <= MOTE_NVFP4; f++) {
        mote_gemm_packed packed;
        size_t bytes = mote_gemm_packed_place((mote_format)f, lines, length, NULL, &packed);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* ---- filling ---- */

/* Bits of the largest finite magnitude of a view. */
static uint32_t largest_of(const mote_kernels *kernels, const mote_attention_view *view, size_t positions, size_t width)
{
    uint32_t most = 0;
    for (size_t i = 0; i < positions; i++) {
        uint32_t here = kernels->largest_magnitude(width, view->values + (ptrdiff_t)i * view->stride);
        most = here > most ? here : most;
    }
    return most;
}

static mote_gemm_source source_of(const mote_attention_job *j, int operand, const mote_attention_view *view,
                                  size_t positions, size_t width, bool down)
{
    const mote_attention_operand *o = &j->operands[operand];
    mote_gemm_source source = {.format = o->format,
                               .element = o->element,
                               .lines = down ? width : positions,
                               .length = down ? positions : width,
                               .values = view->values,
                               .line_stride = down ? 1 : view->stride,
                               .stride = down ? view->stride : 1,
                               .spec = o->spec,
                               .options = &o->options,
                               .position = view->position,
                               .line_position = down ? view->neighbour : view->step,
                               .value_position = down ? view->step : view->neighbour,
                               .tensor_scale = 1};
    if (o->format == MOTE_NVFP4) {
        bool probabilities = operand == MOTE_FORWARD_P || operand == MOTE_UPDATE_P;
        float largest = probabilities ? 1 : mote_bits_float(largest_of(j->kernels, view, positions, width));
        mote_nvfp4_scales(largest, &source.spec.encode_scale, &source.spec.tensor_scale);
        source.tensor_scale = source.spec.tensor_scale;
    }
    return source;
}

void mote_attention_fill_rows(const mote_attention_job *j, int operand, const mote_attention_view *view,
                              size_t positions, size_t width, bool down, mote_gemm_scratch *scratch,
                              mote_attention_rows *rows)
{
    mote_gemm_kind kind = j->kinds[operand / 2].kind;
    mote_gemm_source source = source_of(j, operand, view, positions, width, down);
    size_t group = mote_gemm_source_group(&source);
    rows->operand = operand;
    rows->tensor_scale = source.tensor_scale;
    rows->area.blocks = blocks_of(source.length);
    rows->area.stride = mote_gemm_row_bytes(kind, rows->area.blocks);
    for (size_t l = 0; l < source.lines; l += group) {
        size_t count = mote_size_min(group, source.lines - l);
        mote_gemm_lines lines = mote_gemm_lines_get(j->kernels, &source, l, count, 0, source.length, &scratch->line);
        mote_gemm_expand_rows(j->kernels, kind, &source, &lines, count, false, &rows->area, l);
    }
    if (mote_gemm_has_powers(kind)) {
        rows->range = mote_gemm_range_of_rows(rows->area.ranges, 0, source.lines);
    }
}

bool mote_attention_in_place(const mote_attention_job *j, int operand)
{
    return j->kinds[operand / 2].kind == MOTE_GEMM_PLAIN && j->operands[operand].format == MOTE_FP32;
}

void mote_attention_use_rows(int operand, const float *values, size_t stride, mote_attention_rows *rows)
{
    rows->operand = operand;
    rows->area.values = (uint8_t *)(uintptr_t)values; /* tiles only read them */
    rows->area.stride = stride * sizeof(float);
}

/* True if the operand's format holds a value of the view as infinity or NaN. */
static bool is_wild(const mote_attention_job *j, mote_format format, const mote_attention_view *view, size_t positions,
                    size_t width, mote_gemm_scratch *scratch)
{
    enum { ABOVE_HALF = 0x477FE001, ABOVE_BRAIN = 0x7F7F0001 }; /* bits above the largest finite number */
    uint32_t limit = format == MOTE_FP16 ? ABOVE_HALF : format == MOTE_BF16 ? ABOVE_BRAIN : MOTE_FP32_INFINITY;
    uint32_t *maxima = scratch->line.box.maxima, most = 0;
    j->kernels->column_maxima(positions, width, view->values, view->stride, maxima);
    for (size_t i = 0; i < width; i++) {
        most = maxima[i] > most ? maxima[i] : most;
    }
    return most >= limit;
}

void mote_attention_fill_columns(const mote_attention_job *j, int operand, const mote_attention_view *view,
                                 size_t positions, size_t width, bool down, mote_gemm_scratch *scratch,
                                 mote_attention_columns *columns)
{
    mote_gemm_kind kind = j->kinds[operand / 2].kind;
    mote_gemm_source source = source_of(j, operand, view, positions, width, down);
    mote_gemm_worker worker = {j->context, j->kernels, scratch, NULL};
    mote_gemm_packed packed;
    bool expanded = source.format == MOTE_FP32; /* as packed */
    mote_gemm_packed_place(source.format, source.lines, source.length, expanded ? columns->values : columns->codes,
                           &packed);
    mote_gemm_pack(&worker, &source, 0, 0, &packed);
    columns->operand = operand;
    columns->panels = packed.panels;
    columns->tensor_scale = source.tensor_scale;
    columns->columns = mote_gemm_expand_columns(j->kernels, kind, &packed, 0, 0, packed.panels, 0, packed.blocks,
                                                columns->values, columns->scales);
    if (mote_gemm_has_powers(kind)) {
        columns->range = mote_gemm_range_of_panels(&packed, 0, 0, packed.panels);
    }
    bool told = mote_gemm_has_powers(kind) && mote_format_is_block(source.format); /* by a scale */
    columns->wild = down && (told ? columns->range.highest == MOTE_E8M0_NAN
                                  : is_wild(j, source.format, view, positions, width, scratch));
}

/* ---- tiles ---- */

static mote_gemm_rows rows_at(mote_gemm_kind kind, const mote_attention_rows *a, size_t row, size_t block)
{
    const mote_gemm_row_area *area = &a->area;
    size_t parts = mote_gemm_parts(kind), stride = area->blocks * parts, at = row * stride + block * parts;
    return (mote_gemm_rows){area->values + row * area->stride + block * mote_gemm_steps(kind) * 4, area->stride,
                            area->scales + at, area->corrections + at, stride};
}

static mote_gemm_columns columns_at(mote_gemm_kind kind, const mote_attention_columns *b, size_t panel, size_t block)
{
    const mote_gemm_columns *c = &b->columns;
    return (mote_gemm_columns){
        c->values + panel * c->stride + block * mote_gemm_steps(kind) * MOTE_GEMM_LINE, c->stride,
        c->scales + panel * c->scale_stride + block * mote_gemm_parts(kind) * MOTE_GEMM_PANEL, c->scale_stride};
}

static int panels_of(const mote_attention_columns *b, size_t panel)
{
    return (int)mote_size_min(MOTE_GEMM_WIDTH / MOTE_GEMM_PANEL, b->panels - panel);
}

/* A tile with its columns given. */
static void multiply(const mote_attention_job *j, const mote_attention_rows *a, const mote_attention_columns *b,
                     const mote_attention_tile *tile, const mote_gemm_columns *columns, bool add, float *to)
{
    const mote_attention_kind *k = &j->kinds[a->operand / 2];
    mote_gemm_rows rows = rows_at(k->kind, a, tile->row, tile->a);
    size_t blocks = tile->count * mote_gemm_parts(k->kind), bytes = (size_t)tile->rows * MOTE_GEMM_WIDTH * sizeof *to;
    bool careful =
        mote_gemm_has_powers(k->kind) && mote_gemm_needs_care(k->bias, a->range, b->range) &&
        mote_gemm_needs_care(k->bias, mote_gemm_range_of_rows(a->area.ranges, tile->row, (size_t)tile->rows), b->range);
    int panels = panels_of(b, tile->panel);
    if (!mote_gemm_is_nv(k->kind)) {
        if (!add) {
            memset(to, 0, bytes);
        }
        j->kernels->gemm_tile(k->kind, careful, tile->rows, panels, blocks, &rows, columns, NULL, to);
        return;
    }
    float sums[MOTE_GEMM_PIECE] = {0};
    j->kernels->gemm_tile(k->kind, false, tile->rows, panels, blocks, &rows, columns, NULL, sums);
    j->kernels->gemm_finish(tile->rows, MOTE_GEMM_WIDTH, sums,
                            mote_gemm_scale_of(k->kind, a->tensor_scale, b->tensor_scale), NULL, add, to,
                            MOTE_GEMM_WIDTH);
}

void mote_attention_multiply(const mote_attention_job *j, const mote_attention_rows *a, const mote_attention_columns *b,
                             const mote_attention_tile *tile, bool add, float *to)
{
    mote_gemm_columns columns = columns_at(j->kinds[a->operand / 2].kind, b, tile->panel, tile->b);
    multiply(j, a, b, tile, &columns, add, to);
}

/* One row and one block of columns that are FP32 words: those of positions that the row does not see become zeros. */
static void multiply_masked(const mote_attention_job *j, const mote_attention_rows *a, const mote_attention_columns *b,
                            const mote_attention_tile *tile, mote_attention_range seen, float *to)
{
    enum { WORDS = MOTE_MX_BLOCK * MOTE_GEMM_PANEL };
    float values[2 * WORDS];
    mote_gemm_columns columns = columns_at(j->kinds[a->operand / 2].kind, b, tile->panel, tile->b);
    int first = seen.first - (int)tile->b * MOTE_MX_BLOCK, last = seen.last - (int)tile->b * MOTE_MX_BLOCK;
    for (int p = 0; p < panels_of(b, tile->panel); p++) {
        memcpy(values + p * WORDS, columns.values + (size_t)p * columns.stride, WORDS * sizeof *values);
        for (int i = 0; i < MOTE_MX_BLOCK; i++) {
            if (i < first || i >= last) {
                memset(values + p * WORDS + i * MOTE_GEMM_PANEL, 0, MOTE_GEMM_LINE);
            }
        }
    }
    columns.values = (const uint8_t *)values;
    columns.stride = sizeof values / 2;
    multiply(j, a, b, tile, &columns, true, to);
}

void mote_attention_multiply_seen(const mote_attention_job *j, const mote_attention_rows *a,
                                  const mote_attention_columns *b, const mote_attention_tile *tile,
                                  const mote_attention_range *seen, bool add, float *to)
{
    if (!b->wild) {
        mote_attention_multiply(j, a, b, tile, add, to);
        return;
    }
    if (!add) {
        memset(to, 0, (size_t)tile->rows * MOTE_GEMM_WIDTH * sizeof *to);
    }
    bool words = !mote_format_is_block(j->operands[b->operand].format);
    for (size_t i = 0; i < (size_t)tile->rows * tile->count; i++) {
        size_t r = i / tile->count, block = i % tile->count;
        mote_attention_tile one = {tile->row + r, 1, tile->panel, tile->a + block, tile->b + block, 1};
        int begin = (int)one.b * MOTE_MX_BLOCK, end = begin + MOTE_MX_BLOCK;
        if (seen[r].first >= seen[r].last || seen[r].last <= begin || seen[r].first >= end) {
            continue;
        }
        if (words) {
            multiply_masked(j, a, b, &one, seen[r], to + r * MOTE_GEMM_WIDTH);
        } else {
            mote_attention_multiply(j, a, b, &one, true, to + r * MOTE_GEMM_WIDTH);
        }
    }
}
