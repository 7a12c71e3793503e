/* Products with few rows, bound by reading the columns: codes are expanded in registers and used at once, so that the
 * only memory touched is the packed panel, one stream from end to end, and it is asked for well ahead of its use. (Two
 * panels side by side halve the broadcasts of rows and are faster from the cache, but two streams are slower from
 * memory.) */
#include "kernels/gemm/expand_body.h"
#include "kernels/gemm/tile_body.h"

/* Some blocks of the slowest memory's latency at the highest rate. */
enum { AHEAD_BYTES = 8192, AHEAD_SCALES = 512 };

/* What stays the same from block to block. */
typedef struct few_job {
    const mote_gemm_rows *a;
    const mote_element *element, *e4m3; /* e4m3: of nvfp4's scales */
    const uint8_t *codes, *scales;      /* of LANES columns */
    int field;
    const bf16_table *table;
} few_job;

INLINE vint few_scale(const few_job *f, bool nv, size_t block)
{
    vint byte = vi_load_bytes(f->scales + block * MOTE_GEMM_PANEL, LANES);
    return nv ? vf_bits(decode(f->e4m3, 8, 0, byte))
              : vi_shl(vi_add(byte, vi_set((uint32_t)f->field)), MOTE_FP32_MANTISSA_BITS);
}

/* Columns of word number w of a code line: a line holds one word of bytes, two of 16-bit integers or four of FP32. */
INLINE vint few_column(mote_gemm_kind kind, int sort, const few_job *f, vint code, int w)
{
    if (kind == MOTE_GEMM_BF16) {
        return bf16_words(sort, f->element, f->table, code, w);
    }
    if (kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV) {
        return column_integers(WIDTH(sort), code);
    }
    return kind == MOTE_GEMM_INT16 ? integer_words(f->element, WIDTH(sort), vi_words_of_lanes(code, w))
                                   : vf_bits(floats(sort, f->element, code, w));
}

/* One block, in parts where a scale belongs to half of it. */
INLINE void few_block(mote_gemm_kind kind, int sort, int rows, const few_job *f, size_t block, vfloat *total)
{
    const bool nv = kind == MOTE_GEMM_INT8_NV;
    const int parts = nv ? 2 : 1, lines = BLOCK_LINES / parts;
    const int words = kind == MOTE_GEMM_INT8 || nv ? 1 : kind == MOTE_GEMM_INT16 || kind == MOTE_GEMM_BF16 ? 2 : 4;
    const uint8_t *values = f->a->values + block * (size_t)(BLOCK_LINES * words * 4);
    vint code[BLOCK_LINES], sum[MOTE_GEMM_FEW];
    unpack_block(WIDTH(sort), f->codes + block * (size_t)WIDTH(sort) * MOTE_GEMM_LINE, code);
    for (int p = 0; p < parts; p++) {
        size_t first = block * (size_t)parts + (size_t)p;
        for (int r = 0; r < rows; r++) {
            sum[r] = begin_block(kind, f->a->corrections + (size_t)r * f->a->scale_stride + first);
        }
#pragma GCC unroll 8
        for (int j = p * lines; j < (p + 1) * lines; j++) {
            vint line = words == 4 ? vi_by_byte(code[j]) : code[j];
#pragma GCC unroll 4
            for (int w = 0; w < words; w++) {
                vint column = few_column(kind, sort, f, line, w);
                for (int r = 0; r < rows; r++) {
                    const uint8_t *row = values + (size_t)r * f->a->stride + 4 * (j * words + w);
                    sum[r] = step(kind, sum[r], column, vi_broadcast(row));
                }
            }
        }
        vint scale = few_scale(f, nv, first);
        for (int r = 0; r < rows; r++) {
            size_t at = (size_t)r * f->a->scale_stride + first;
            total[r] = add_block(kind, false, total[r], end_block(kind, sum[r], f->a->corrections + at),
                                 f->a->scales + at, scale);
        }
    }
}

/* LANES columns. */
INLINE void few_rows(mote_gemm_kind kind, int sort, int rows, size_t blocks, const few_job *f, float *sums)
{
    const size_t bytes = (size_t)WIDTH(sort) * MOTE_GEMM_LINE;
    const size_t scales = (kind == MOTE_GEMM_INT8_NV ? 2 : 1) * MOTE_GEMM_PANEL;
    vfloat total[MOTE_GEMM_FEW];
    for (int r = 0; r < rows; r++) {
        total[r] = vf_load(sums + r * MOTE_GEMM_WIDTH);
    }
    for (size_t block = 0; block < blocks; block++) {
        for (size_t line = 0; line < bytes; line += MOTE_GEMM_LINE) {
            __builtin_prefetch(f->codes + block * bytes + line + AHEAD_BYTES);
        }
        __builtin_prefetch(f->scales + block * scales + AHEAD_SCALES);
        few_block(kind, sort, rows, f, block, total);
    }
    for (int r = 0; r < rows; r++) {
        vf_store(sums + r * MOTE_GEMM_WIDTH, total[r]);
    }
}

INLINE void few_of(mote_gemm_kind kind, const mote_element *element, int sort, int rows, int panels, size_t blocks,
                   const mote_gemm_rows *a, const mote_gemm_codes *b, float *sums)
{
    const bf16_table table = kind == MOTE_GEMM_BF16 ? bf16_table_of(sort, element) : (bf16_table){0};
    for (int i = 0; i < panels * HALVES; i++) {
        size_t panel = (size_t)(i / HALVES), half = (size_t)(i % HALVES);
        for (int r = 0; r < rows;) {
            mote_gemm_rows here = rows_from(a, r);
            few_job f = {&here,
                         element,
                         mote_element_get(MOTE_MXFP8_E4M3),
                         b->codes + panel * b->stride + half * sizeof(vint),
                         b->scales + panel * b->scale_stride + half * LANES,
                         b->field,
                         &table};
            float *to = sums + r * MOTE_GEMM_WIDTH + i * LANES;
            if (rows - r >= 4) {
                few_rows(kind, sort, 4, blocks, &f, to);
                r += 4;
            } else if (rows - r >= 2) {
                few_rows(kind, sort, 2, blocks, &f, to);
                r += 2;
            } else {
                few_rows(kind, sort, 1, blocks, &f, to);
                r++;
            }
        }
    }
}

INLINE void gemm_few(mote_gemm_kind kind, const mote_element *element, int rows, int panels, size_t blocks,
                     const mote_gemm_rows *a, const mote_gemm_codes *b, float *sums)
{
    FOR_EACH_PAIR(few_of, kind, element, rows, panels, blocks, a, b, sums);
}
