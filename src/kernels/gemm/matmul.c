/* The public products: broadcasting over batches, and who works on what. */
#include "base/parallel.h"
#include "kernels/gemm/operand.h"

/* A product for every index of the batch. */
typedef struct batch {
    mote_context *context;
    mote_open_operand a, b;
    const mote_gemm_packed *packed; /* instead of b */
    const float *bias;
    bool accumulate;
    mote_gemm_kind kind;
    int rank; /* of the batch */
    size_t shape[MOTE_MAXIMUM_RANK], count, rows, columns;
    float *y;
    ptrdiff_t stride[MOTE_MAXIMUM_RANK]; /* of y, all its dimensions */
    size_t workspace;                    /* of one product */
    uint64_t identity;                   /* of a's values; 0: unknown */
} batch;

static mote_status broadcast(mote_context *context, batch *j)
{
    int ranks[2] = {j->a.rank - 2, j->packed ? 0 : j->b.rank - 2};
    j->rank = ranks[0] > ranks[1] ? ranks[0] : ranks[1];
    j->count = 1;
    for (int d = 0; d < j->rank; d++) {
        int da = d - (j->rank - ranks[0]), db = d - (j->rank - ranks[1]);
        size_t na = da >= 0 ? j->a.shape[da] : 1, nb = db >= 0 ? j->b.shape[db] : 1;
        if (na != nb && na != 1 && nb != 1) {
            return mote_fail(context, MOTE_ERROR_SHAPE,
                             "batch dimension %d: a has %zu, b has %zu; expected the same or 1", d, na, nb);
        }
        j->shape[d] = na == 1 ? nb : na;
        if (!mote_size_multiply(j->count, j->shape[d], &j->count)) {
            return mote_fail(context, MOTE_ERROR_SHAPE, "the batch is too large");
        }
    }
    return MOTE_OK;
}

/* Strides of y, and the check that its size is no fantasy. */
static mote_status place_result(mote_context *context, batch *j, const ptrdiff_t *strides)
{
    mote_layout layout = {.format = MOTE_FP32, .rank = j->rank + 2};
    mote_resolved_layout resolved;
    memcpy(layout.shape, j->shape, sizeof layout.shape);
    layout.shape[j->rank] = j->rows;
    layout.shape[j->rank + 1] = j->columns;
    mote_status status = mote_layout_resolve(context, &layout, &resolved);
    if (status != MOTE_OK) {
        return status;
    }
    for (int d = 0; d < layout.rank; d++) {
        j->stride[d] = strides ? strides[d] : (ptrdiff_t)resolved.stride[d];
    }
    if (strides && strides[j->rank + 1] != 1 && j->columns > 1) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "y: its last dimension must be contiguous, found stride %td",
                         strides[j->rank + 1]);
    }
    if (!j->y && resolved.sizes.count) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "y is NULL");
    }
    return MOTE_OK;
}

/* Batch dimensions of a become rows where b is one matrix and memory allows: larger products, same bits. */
static void collapse(batch *j)
{
    while (j->rank > 0 && (j->packed || j->b.rank == 2) && j->a.rank == j->rank + 2) {
        int d = j->rank - 1;
        bool in_values = !j->a.source.values || j->a.value_stride[d] == j->a.source.line_stride * (ptrdiff_t)j->rows;
        bool in_lines = j->a.source.values || j->a.line_stride[d] == j->rows;
        bool in_positions = j->a.source.elements || j->a.position_stride[d] == j->a.source.line_position * j->rows;
        if (!in_values || !in_lines || !in_positions || j->stride[d] != j->stride[d + 1] * (ptrdiff_t)j->rows) {
            return;
        }
        j->rows *= j->shape[d];
        j->count = j->shape[d] ? j->count / j->shape[d] : 0;
        j->a.source.lines = j->rows;
        j->a.rank--;
        j->rank--;
        j->stride[d] = j->stride[d + 1];
        j->stride[d + 1] = 1;
    }
}

static mote_gemm_product product_at(const batch *j, size_t number, mote_gemm_source *b)
{
    size_t index[MOTE_MAXIMUM_RANK] = {0};
    float *y = j->y;
    for (int d = j->rank - 1; d >= 0; d--) {
        index[d] = number % j->shape[d];
        number /= j->shape[d];
        y += (ptrdiff_t)index[d] * j->stride[d];
    }
    if (!j->packed) {
        *b = mote_operand_at(&j->b, j->rank, index);
    }
    return (mote_gemm_product){.a = mote_operand_at(&j->a, j->rank, index),
                               .b = j->packed ? NULL : b,
                               .packed = j->packed,
                               .bias = j->bias,
                               .accumulate = j->accumulate,
                               .y = y,
                               .stride = j->stride[j->rank]};
}

static void batch_task(void *argument, size_t index, void *scratch)
{
    const batch *j = argument;
    const mote_context *context = j->context;
    size_t thread = (size_t)((char *)scratch - context->scratch) / context->scratch_bytes;
    mote_gemm_source b;
    mote_gemm_product product = product_at(j, index, &b);
    mote_gemm_worker worker = {context, context->kernels, scratch, context->workspace + thread * j->workspace};
    mote_gemm_multiply(&worker, j->kind, &product);
}

/* With as many products as threads, or small ones, each is one thread's; otherwise all work on one after the other. */
static bool works_apart(const mote_context *context, size_t count, const mote_gemm_product *product, size_t columns,
                        size_t workspace)
{
    enum {
        TOGETHER = 64 << 20, /* bytes of all workspaces */
        SMALL = 1 << 22      /* products of elements: some 20 microseconds, not worth waking threads for */
    };
    double work = (double)product->a.lines * (double)columns * (double)product->a.length;
    return (work < SMALL || (count > 1 && count >= (size_t)context->threads)) &&
           workspace <= TOGETHER / (size_t)context->threads;
}

size_t mote_matmul_workspace(const mote_context *context, mote_format a, mote_format b, size_t count, size_t rows,
                             size_t columns, size_t length)
{
    mote_gemm_source right = {.format = b, .lines = columns, .length = length};
    mote_gemm_product product = {.a = {.format = a, .lines = rows, .length = length}, .b = &right};
    size_t workspace = mote_gemm_workspace(context, mote_gemm_choose(context->cpu, a, b), &product);
    return works_apart(context, count, &product, columns, workspace) ? workspace * (size_t)context->threads : workspace;
}

void mote_forget_rows(mote_context *context) { context->workspace_kept = false; }

static bool same_rows(const mote_kept_rows *a, const mote_kept_rows *b)
{
    const mote_quantize_options *x = &a->options, *y = &b->options;
    return a->identity == b->identity && a->kind == b->kind && a->format == b->format && x->rounding == y->rounding &&
           (x->rounding != MOTE_STOCHASTIC || x->seed == y->seed) && x->scale_rule == y->scale_rule &&
           a->lines == b->lines && a->length == b->length;
}

/* The one product of a batch, by all threads: rows that are still there from the one before serve again. kept: the
 * workspace still held what *context->kept says when this product asked for it. */
static void multiply_known(mote_context *context, const batch *j, mote_gemm_product *product, bool kept)
{
    mote_gemm_worker worker = {context, context->kernels, NULL, context->workspace};
    mote_kept_rows rows = {.identity = j->identity,
                           .kind = j->kind,
                           .format = product->a.format,
                           .options = *product->a.options,
                           .lines = product->a.lines,
                           .length = product->a.length};
    product->expanded = kept && same_rows(context->kept, &rows);
    mote_gemm_multiply(&worker, j->kind, product);
    *context->kept = rows;
    context->workspace_kept = true;
}

static mote_status run(mote_context *context, batch *j)
{
    mote_gemm_source b;
    mote_gemm_product first = product_at(j, 0, &b);
    const uint8_t *before = context->workspace_kept ? context->workspace : NULL;
    j->workspace = mote_gemm_workspace(context, j->kind, &first);
    bool apart = works_apart(context, j->count, &first, j->columns, j->workspace);
    if (!mote_workspace(context, j->workspace * (apart ? (size_t)context->threads : 1))) {
        return MOTE_ERROR_MEMORY;
    }
    if (apart) {
        mote_parallel_for(context, j->count, batch_task, j);
        return MOTE_OK;
    }
    if (j->identity && j->count == 1 && first.a.options && mote_gemm_keeps_rows(context, j->kind, &first)) {
        multiply_known(context, j, &first, before == context->workspace);
        return MOTE_OK;
    }
    for (size_t i = 0; i < j->count; i++) {
        mote_gemm_product product = product_at(j, i, &b);
        mote_gemm_worker worker = {context, context->kernels, NULL, context->workspace};
        mote_gemm_multiply(&worker, j->kind, &product);
    }
    return MOTE_OK;
}

static mote_status multiply(mote_context *context, const mote_operand *a, const mote_operand *b, batch *j,
                            const ptrdiff_t *strides)
{
    mote_status status = mote_operand_open(context, a, MOTE_SIDE_ROWS, "a", &j->a);
    if (status == MOTE_OK && b) {
        status = mote_operand_open(context, b, MOTE_SIDE_COLUMNS, "b", &j->b);
    }
    if (status != MOTE_OK) {
        return status;
    }
    size_t length = j->packed ? j->packed->length : j->b.source.length;
    j->rows = j->a.source.lines;
    j->columns = j->packed ? j->packed->columns : j->b.source.lines;
    if (j->a.source.length != length) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "a has %zu columns, b has %zu rows; expected the same",
                         j->a.source.length, length);
    }
    status =
        mote_formats_check(context, j->a.source.format, j->packed ? j->packed->format : j->b.source.format, &j->kind);
    status = status == MOTE_OK ? broadcast(context, j) : status;
    status = status == MOTE_OK ? place_result(context, j, strides) : status;
    if (status != MOTE_OK) {
        return status;
    }
    if (j->count == 0 || j->rows == 0 || j->columns == 0) {
        return MOTE_OK;
    }
    collapse(j);
    return run(context, j);
}

mote_status mote_matmul(mote_context *context, const mote_operand *a, const mote_operand *b, const float *bias,
                        int accumulate, float *y, const ptrdiff_t *strides)
{
    batch j = {.context = context, .bias = bias, .accumulate = accumulate != 0, .y = y};
    return multiply(context, a, b, &j, strides);
}

mote_status mote_matmul_known(mote_context *context, const mote_operand *a, uint64_t identity, const mote_operand *b,
                              const float *bias, float *y)
{
    batch j = {.context = context, .bias = bias, .y = y, .identity = identity};
    return multiply(context, a, b, &j, NULL);
}

mote_status mote_matmul_packed(mote_context *context, const mote_operand *a, const mote_packed *b, const float *bias,
                               int accumulate, float *y, const ptrdiff_t *strides)
{
    batch j = {.context = context, .packed = &b->place, .bias = bias, .accumulate = accumulate != 0, .y = y};
    return multiply(context, a, NULL, &j, strides);
}

mote_status mote_pack(mote_context *context, const mote_operand *b, mote_packed **packed)
{
    mote_open_operand open;
    mote_gemm_packed place;
    *packed = NULL;
    mote_status status = mote_operand_open(context, b, MOTE_SIDE_COLUMNS, "b", &open);
    if (status != MOTE_OK) {
        return status;
    }
    if (open.rank != 2) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "b: a packed operand is one matrix, found %d dimensions",
                         open.rank);
    }
    size_t columns, length, count; /* rounded up, in values of at most four bytes and their scales */
    if (!mote_size_add(open.source.lines, MOTE_GEMM_PANEL, &columns) ||
        !mote_size_add(open.source.length, MOTE_MX_BLOCK, &length) || !mote_size_multiply(columns, length, &count) ||
        count > SIZE_MAX / 8) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "b: %zu by %zu values are too many to pack", open.source.length,
                         open.source.lines);
    }
    size_t bytes = mote_gemm_packed_place(open.source.format, open.source.lines, open.source.length, NULL, &place);
    size_t header = (sizeof(mote_packed) + 63) / 64 * 64;
    uint8_t *memory = mote_allocate(context, header + bytes);
    if (!memory) {
        return MOTE_ERROR_MEMORY;
    }
    mote_packed *made = (mote_packed *)(void *)memory;
    *made = (mote_packed){.bytes = bytes, .allocator = context->allocator};
    mote_gemm_packed_place(open.source.format, open.source.lines, open.source.length, memory + header, &made->place);
    mote_gemm_worker worker = {context, context->kernels, NULL, NULL};
    mote_gemm_pack(&worker, &open.source, 0, 0, &made->place);
    *packed = made;
    return MOTE_OK;
}

void mote_packed_destroy(mote_packed *packed)
{
    if (packed) {
        mote_allocator allocator = packed->allocator;
        allocator.release(allocator.user, packed);
    }
}

size_t mote_packed_bytes(const mote_packed *packed) { return packed->bytes; }
mote_format mote_packed_format(const mote_packed *packed) { return packed->place.format; }
size_t mote_packed_rows(const mote_packed *packed) { return packed->place.length; }
size_t mote_packed_columns(const mote_packed *packed) { return packed->place.columns; }
