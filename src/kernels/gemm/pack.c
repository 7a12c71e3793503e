/* Packing columns into panels. */
#include "kernels/gemm/product.h"

static size_t round_up(size_t size) { return (size + 63) / 64 * 64; }

size_t mote_gemm_packed_place(mote_format format, size_t columns, size_t length, uint8_t *memory,
                              mote_gemm_packed *packed)
{
    *packed = (mote_gemm_packed){.format = format,
                                 .element = mote_element_get(format),
                                 .columns = columns,
                                 .length = length,
                                 .panels = mote_size_divide_up(columns, MOTE_GEMM_PANEL),
                                 .blocks = mote_size_divide_up(length, MOTE_MX_BLOCK),
                                 .tensor_scale = 1};
    int block = mote_format_get(format)->block_length;
    packed->block_codes = MOTE_GEMM_LINE * (packed->element ? (size_t)packed->element->bits : 32);
    packed->block_scales = block == 1 ? 0 : MOTE_GEMM_PANEL * (size_t)(MOTE_MX_BLOCK / block);
    size_t codes = packed->panels * packed->blocks * packed->block_codes;
    size_t scales = round_up(packed->panels * packed->blocks * packed->block_scales);
    size_t ranges = round_up(packed->panels * mote_size_divide_up(length, MOTE_GEMM_SEGMENT) * 2);
    if (memory) {
        packed->codes = memory;
        packed->scales = memory + codes;
        packed->ranges = memory + codes + scales;
    }
    return codes + scales + ranges;
}

bool mote_gemm_block_is_zero(const mote_element *element, const uint8_t *block)
{
    static const uint8_t masks[3][3] = {{0x77, 0x77, 0x77}, {0xDF, 0xF7, 0x7D}, {0x7F, 0x7F, 0x7F}};
    const uint8_t *mask = masks[element->bits / 2 - 2];
    uint8_t any = 0;
    for (size_t i = 0; i < (size_t)element->bits * MOTE_MX_BLOCK / 8; i++) {
        any |= block[i] & (element->twos_complement ? 0xFF : mask[i % 3]);
    }
    return any == 0;
}

/* Scales of a panel's lines in one segment, transposed, and their range. */
static void pack_scales(const mote_gemm_packed *packed, const mote_gemm_lines *lines, size_t first, size_t count,
                        size_t blocks, uint8_t *scales, uint8_t *range)
{
    enum { SCALE_BLOCKS = MOTE_GEMM_SEGMENT / MOTE_MX_BLOCK };
    uint8_t zero[SCALE_BLOCKS * MOTE_GEMM_PANEL];
    size_t bytes = (size_t)mote_format_get(packed->format)->block_bytes;
    bool powers = packed->format != MOTE_NVFP4;
    int lowest = MOTE_E8M0_LARGEST, highest = 0, zeros = 0;
    for (size_t b = 0; b < blocks; b++) {
        for (size_t c = 0; c < MOTE_GEMM_PANEL; c++) {
            bool there = c < count;
            uint8_t scale = there ? lines->scales[(first + c) * lines->scale_stride + b] : 0;
            scales[b * MOTE_GEMM_PANEL + c] = scale;
            if (!powers) {
                continue;
            }
            bool empty = scale == 0 &&
                         (!there || mote_gemm_block_is_zero(packed->element,
                                                            lines->elements + (first + c) * lines->stride + b * bytes));
            zero[b * MOTE_GEMM_PANEL + c] = empty;
            zeros += empty;
            lowest = !empty && scale < lowest ? scale : lowest;
            highest = !empty && scale > highest ? scale : highest;
        }
    }
    int lift = highest > 0 && highest < MOTE_E8M0_NAN ? highest : MOTE_FP32_BIAS;
    for (size_t i = 0; zeros && i < blocks * MOTE_GEMM_PANEL; i++) {
        /* a NaN elsewhere in the panel must not spread; with one, tiles are careful and any scale will do */
        scales[i] = zero[i] ? (uint8_t)lift : scales[i];
    }
    if (powers) {
        range[0] = (uint8_t)(zeros && lift < lowest ? lift : lowest);
        range[1] = (uint8_t)(zeros && lift > highest ? lift : highest);
    }
}

typedef struct pack_job {
    const mote_kernels *kernels;
    const mote_gemm_source *source;
    const mote_gemm_packed *packed;
    size_t first, begin, group;
} pack_job;

/* FP32 whose columns lie side by side is in the panel's order already. */
static bool already_in_order(const mote_gemm_source *source)
{
    return !source->element && source->values && !source->window && source->line_stride == 1;
}

/* Rows of memory are read in order, across the panels. */
static void copy_in_order(const mote_gemm_source *source, size_t line, size_t lines, size_t begin, size_t count,
                          float *panels)
{
    const float *from = source->values + (ptrdiff_t)begin * source->stride + line;
    size_t padded = mote_size_divide_up(count, MOTE_MX_BLOCK) * MOTE_MX_BLOCK;
    for (size_t k = 0; k < padded; k++, from += source->stride) {
        float *to = panels + k * MOTE_GEMM_PANEL;
        for (size_t l = 0; l < lines; l += MOTE_GEMM_PANEL, to += padded * MOTE_GEMM_PANEL) {
            if (k < count && lines - l >= MOTE_GEMM_PANEL) {
                memcpy(to, from + l, MOTE_GEMM_PANEL * sizeof *to);
            } else {
                memset(to, 0, MOTE_GEMM_PANEL * sizeof *to);
                memcpy(to, from + l, k < count ? (lines - l) * sizeof *to : 0);
            }
        }
    }
}

/* One group of lines over one segment. */
static void pack_task(void *argument, size_t index, void *scratch)
{
    const pack_job *j = argument;
    const mote_gemm_packed *p = j->packed;
    size_t segments = mote_size_divide_up(p->length, MOTE_GEMM_SEGMENT), segment = index % segments;
    size_t line = index / segments * j->group, lines = mote_size_min(j->group, p->columns - line);
    size_t at = segment * MOTE_GEMM_SEGMENT, count = mote_size_min(MOTE_GEMM_SEGMENT, p->length - at);
    size_t blocks = mote_size_divide_up(count, MOTE_MX_BLOCK);
    if (already_in_order(j->source)) {
        uint8_t *panels = p->codes + mote_gemm_blocks_before(p, line / MOTE_GEMM_PANEL, segment) * p->block_codes;
        copy_in_order(j->source, j->first + line, lines, j->begin + at, count, (float *)(void *)panels);
        return;
    }
    mote_gemm_lines got =
        mote_gemm_lines_get(j->kernels, j->source, j->first + line, lines, j->begin + at, count, scratch);
    for (size_t l = 0; l < lines; l += MOTE_GEMM_PANEL) {
        size_t panel = (line + l) / MOTE_GEMM_PANEL, here = mote_size_min(MOTE_GEMM_PANEL, lines - l);
        size_t before = mote_gemm_blocks_before(p, panel, segment);
        uint8_t *codes = p->codes + before * p->block_codes;
        if (!p->element && here == MOTE_GEMM_PANEL) {
            j->kernels->transpose(here, blocks * MOTE_MX_BLOCK,
                                  (const float *)(const void *)got.elements + l * got.stride / sizeof(float),
                                  got.stride / sizeof(float), (float *)(void *)codes, MOTE_GEMM_PANEL);
        } else {
            j->kernels->gemm_pack_panel(p->element, blocks * MOTE_MX_BLOCK, (int)here, got.elements + l * got.stride,
                                        got.stride, codes);
        }
        if (p->block_scales) {
            pack_scales(p, &got, l, here, blocks * p->block_scales / MOTE_GEMM_PANEL,
                        p->scales + before * p->block_scales, p->ranges + 2 * (segment * p->panels + panel));
        }
    }
}

void mote_gemm_pack(const mote_gemm_worker *worker, const mote_gemm_source *source, size_t first, size_t begin,
                    mote_gemm_packed *packed)
{
    enum { IN_ORDER = 4 * MOTE_GEMM_PANEL };
    size_t group = already_in_order(source) ? IN_ORDER : mote_gemm_source_group(source);
    pack_job j = {worker->kernels, source, packed, first, begin, group};
    size_t groups = mote_size_divide_up(packed->columns, j.group);
    packed->tensor_scale = source->tensor_scale;
    mote_gemm_run(worker, groups * mote_size_divide_up(packed->length, MOTE_GEMM_SEGMENT), pack_task, &j);
}
