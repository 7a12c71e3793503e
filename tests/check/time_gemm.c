/* Timings of family gemm: a tile against its columns in the first cache, the other kernels on a panel. */
#include "check_gemm.h"

enum { BLOCKS = 8 };

typedef struct timing {
    const check_kernel *kernel;
    mote_gemm_kind kind;
    const mote_element *element;
    mote_gemm_rows a;
    mote_gemm_columns b;
    void *in, *out;
    int32_t *corrections;
    float *sums;
} timing;

static void call_tile(void *argument)
{
    timing *t = argument;
    size_t blocks = (size_t)BLOCKS << mote_gemm_is_nv(t->kind);
    ((mote_gemm_tile_fn *)t->kernel->function)(t->kind, false, MOTE_GEMM_ROWS, 2, blocks, &t->a, &t->b, NULL, t->sums);
}

void time_gemm_tile(const check_kernel *kernel)
{
    static const char *const names[] = {"int8 (GOP/s)",    "int16 (GOP/s)",    "float (GOP/s)", "bf16 (GOP/s)",
                                        "int8 nv (GOP/s)", "float nv (GOP/s)", "plain (GOP/s)"};
    for (int kind = 0; kind < MOTE_GEMM_KIND_COUNT; kind++) {
        if (!offered(kernel, kind)) {
            continue;
        }
        size_t row = BLOCKS * mote_gemm_steps((mote_gemm_kind)kind) * 4, panel = row * MOTE_GEMM_PANEL;
        timing t = {.kernel = kernel, .kind = (mote_gemm_kind)kind};
        uint8_t *values = memset(check_buffer(VALUES, MOTE_GEMM_ROWS * row), 0, MOTE_GEMM_ROWS * row);
        uint8_t *columns = memset(check_buffer(COLUMNS, 2 * panel), 0, 2 * panel);
        size_t scales = 2 * BLOCKS * 2 * MOTE_GEMM_PANEL * 4;
        int32_t *zeros = memset(check_buffer(ROW_SCALES, scales), 0, scales);
        t.a = (mote_gemm_rows){values, row, zeros, zeros, 2 * BLOCKS};
        t.b = (mote_gemm_columns){columns, panel, zeros, 2 * BLOCKS * MOTE_GEMM_PANEL};
        t.sums =
            memset(check_buffer(SUMS, MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH * 4), 0, MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH * 4);
        check_time(names[kind], (size_t)2 * MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH * BLOCKS * MOTE_MX_BLOCK, call_tile, &t);
    }
}

static void call_expand_row(void *argument)
{
    timing *t = argument;
    ((mote_gemm_expand_row_fn *)t->kernel->function)(t->kind, t->element, BLOCKS * MOTE_MX_BLOCK, t->in, t->out,
                                                     t->corrections);
}

static void call_pack_panel(void *argument)
{
    timing *t = argument;
    size_t stride = BLOCKS * MOTE_MX_BLOCK * (size_t)t->element->bits / 8;
    ((mote_gemm_pack_panel_fn *)t->kernel->function)(t->element, BLOCKS * MOTE_MX_BLOCK, MOTE_GEMM_PANEL, t->in, stride,
                                                     t->out);
}

static void call_expand_panel(void *argument)
{
    timing *t = argument;
    ((mote_gemm_expand_panel_fn *)t->kernel->function)(t->kind, t->element, BLOCKS * MOTE_MX_BLOCK, t->in, t->out);
}

static mote_cpu_level level(const check_kernel *kernel)
{
    int found = 0;
    while (strcmp(mote_cpu_level_name((mote_cpu_level)found), kernel->isa) != 0) {
        found++;
    }
    return (mote_cpu_level)found;
}

/* Times a kernel for every format in the kind that its products with itself take. lines: handled in one call. */
static void time_formats(const check_kernel *kernel, size_t lines, void (*call)(void *))
{
    for (int f = 0; f < FORMATS; f++) {
        timing t = {.kernel = kernel, .element = mote_element_get(gemm_formats[f])};
        t.kind = mote_gemm_choose(level(kernel), gemm_formats[f], gemm_formats[f]);
        size_t values = lines * BLOCKS * MOTE_MX_BLOCK, bytes = values * (size_t)t.element->bits / 8;
        t.in = memset(check_buffer(VALUES, bytes), 0, bytes);
        t.out = check_buffer(COLUMNS, values * 4);
        t.corrections = check_buffer(CORRECTIONS, 4 * values);
        check_time(mote_format_get(gemm_formats[f])->name, bytes, call, &t);
    }
}

void time_gemm_expand_row(const check_kernel *kernel) { time_formats(kernel, 1, call_expand_row); }
void time_gemm_pack_panel(const check_kernel *kernel) { time_formats(kernel, MOTE_GEMM_PANEL, call_pack_panel); }
void time_gemm_expand_panel(const check_kernel *kernel) { time_formats(kernel, MOTE_GEMM_PANEL, call_expand_panel); }

static void call_expand_scales(void *argument)
{
    timing *t = argument;
    ((mote_gemm_expand_scales_fn *)t->kernel->function)(false, -40, BLOCKS * MOTE_GEMM_PANEL, t->in, t->out);
}

void time_gemm_expand_scales(const check_kernel *kernel)
{
    timing t = {.kernel = kernel, .in = check_buffer(VALUES, BLOCKS * MOTE_GEMM_PANEL)};
    t.out = check_buffer(COLUMNS, BLOCKS * MOTE_GEMM_PANEL * 4);
    check_time("", BLOCKS * MOTE_GEMM_PANEL, call_expand_scales, &t);
}

static void call_few(void *argument)
{
    timing *t = argument;
    mote_gemm_codes b = {t->in, t->out, 0, 0, -40};
    ((mote_gemm_few_fn *)t->kernel->function)(t->kind, t->element, 1, 1, BLOCKS, &t->a, &b, t->sums);
}

void time_gemm_few(const check_kernel *kernel)
{
    for (int f = 0; f < FORMATS; f++) {
        timing t = {.kernel = kernel, .element = mote_element_get(gemm_formats[f])};
        t.kind = mote_gemm_choose(level(kernel), gemm_formats[f], gemm_formats[f]);
        size_t row = BLOCKS * MOTE_MX_BLOCK * 4, codes = BLOCKS * (size_t)t.element->bits * MOTE_GEMM_LINE;
        size_t scales = 2 * BLOCKS * MOTE_GEMM_PANEL;
        int32_t *zeros = memset(check_buffer(ROW_SCALES, 4 * scales), 0, 4 * scales);
        t.a = (mote_gemm_rows){memset(check_buffer(VALUES, row), 0, row), row, zeros, zeros, 2 * BLOCKS};
        t.in = memset(check_buffer(COLUMNS, codes), 0, codes);
        t.out = memset(check_buffer(COLUMN_SCALES, scales), 0, scales);
        t.sums = memset(check_buffer(SUMS, MOTE_GEMM_WIDTH * 4), 0, MOTE_GEMM_WIDTH * 4);
        check_time(mote_format_get(gemm_formats[f])->name, codes, call_few, &t);
    }
}

static void call_finish(void *argument)
{
    timing *t = argument;
    ((mote_gemm_finish_fn *)t->kernel->function)(MOTE_GEMM_ROWS, MOTE_GEMM_WIDTH, t->sums, (mote_gemm_scale){1, 1, 1},
                                                 NULL, false, t->out, MOTE_GEMM_WIDTH);
}

void time_gemm_finish(const check_kernel *kernel)
{
    size_t bytes = MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH * sizeof(float);
    timing t = {.kernel = kernel, .sums = memset(check_buffer(SUMS, bytes), 0, bytes)};
    t.out = check_buffer(COLUMNS, bytes);
    check_time("", bytes, call_finish, &t);
}
