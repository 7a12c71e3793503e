/* One product of two matrices, from sources or packed panels. */
#ifndef MOTE_KERNELS_GEMM_PRODUCT_H
#define MOTE_KERNELS_GEMM_PRODUCT_H

#include "kernels/gemm/source.h"

/* Columns packed for products: codes in panels as expand_body.h arranges them, scales beside them. Segments come first,
 * so that whoever passes over one reads memory from end to end.
 *
 *   codes   [segment][panel][block of 32][line]: 64 bytes times the bits of an element a block
 *   scales  [segment][panel][scale block][column]: a byte each. Blocks of zeros carry the panel's largest scale instead
 *           of their own, so that their exponents cannot leave FP32's range
 *   ranges  [segment][panel]: smallest and largest scale byte of the MX formats; 255 if one is a NaN
 */
typedef struct mote_gemm_packed {
    mote_format format;
    const mote_element *element;
    size_t columns, length; /* length: of the reduction dimension */
    size_t panels, blocks;  /* blocks: of 32 */
    size_t block_codes;     /* bytes of a block of a panel */
    size_t block_scales;    /* 0 for formats without blocks */
    float tensor_scale;
    uint8_t *codes, *scales, *ranges;
} mote_gemm_packed;

enum { MOTE_GEMM_SEGMENT_BLOCKS = MOTE_GEMM_SEGMENT / MOTE_MX_BLOCK };

/* Blocks of 32 in front of a panel's first in a segment. */
static inline size_t mote_gemm_blocks_before(const mote_gemm_packed *p, size_t panel, size_t segment)
{
    size_t first = segment * MOTE_GEMM_SEGMENT_BLOCKS;
    return first * p->panels + panel * mote_size_min(MOTE_GEMM_SEGMENT_BLOCKS, p->blocks - first);
}

/* Describes columns x length values of a format as panels in memory; memory NULL: only counts the bytes. */
size_t mote_gemm_packed_place(mote_format format, size_t columns, size_t length, uint8_t *memory,
                              mote_gemm_packed *packed);

/* Packs lines first .. first + count - 1 of a source, values begin .. begin + length - 1, to panels; first is a
 * multiple of the panel. packed has been placed for these. */
typedef struct mote_gemm_worker mote_gemm_worker;
void mote_gemm_pack(const mote_gemm_worker *worker, const mote_gemm_source *source, size_t first, size_t begin,
                    mote_gemm_packed *packed);

/* True if the codes of a block of 32 are zero but for their signs. */
bool mote_gemm_block_is_zero(const mote_element *element, const uint8_t *block);

/* Who does the work: the context's threads, or, inside a parallel task, the calling one with its own areas. */
struct mote_gemm_worker {
    const mote_context *context;
    const mote_kernels *kernels;
    void *scratch;      /* NULL: all threads */
    uint8_t *workspace; /* mote_gemm_workspace() bytes */
};
void mote_gemm_run(const mote_gemm_worker *worker, size_t count, void (*task)(void *, size_t, void *), void *argument);

/* A thread's areas: a context is created with one for each thread. */
typedef struct mote_gemm_scratch {
    mote_gemm_line_scratch line;
    _Alignas(64) uint8_t panels[2 * MOTE_GEMM_SEGMENT * MOTE_GEMM_LINE];
    int32_t scales[2 * MOTE_GEMM_PANEL * MOTE_GEMM_SEGMENT / MOTE_NVFP4_BLOCK];
    float sums[2 * MOTE_GEMM_PIECE];
} mote_gemm_scratch;

/* Kind of arithmetic for a pair of formats on a level; MOTE_GEMM_KIND_COUNT if they do not go together. */
mote_gemm_kind mote_gemm_choose(mote_cpu_level level, mote_format a, mote_format b);

/* y[m][n] = sum over k of a[m][k] b[n][k]. b is a source or packed. bias: one a column, or NULL. */
typedef struct mote_gemm_product {
    mote_gemm_source a;
    const mote_gemm_source *b;
    const mote_gemm_packed *packed;
    const float *bias;
    bool accumulate;
    float *y;
    ptrdiff_t stride; /* floats from row to row of y */
    bool expanded;    /* the workspace still holds the rows of a that another product of the same kind expanded there */
} mote_gemm_product;

/* What the rows in a context's workspace are. */
typedef struct mote_kept_rows {
    uint64_t identity; /* the caller's number for their values */
    mote_gemm_kind kind;
    mote_format format;
    mote_quantize_options options;
    size_t lines, length;
} mote_kept_rows;

/* True if a product leaves all of its rows expanded in its workspace. */
bool mote_gemm_keeps_rows(const mote_context *context, mote_gemm_kind kind, const mote_gemm_product *product);

/* Bytes of workspace for a product; bounded whatever its size. */
size_t mote_gemm_workspace(const mote_context *context, mote_gemm_kind kind, const mote_gemm_product *product);
void mote_gemm_multiply(const mote_gemm_worker *worker, mote_gemm_kind kind, const mote_gemm_product *product);

#endif
