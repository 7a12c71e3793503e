/* Norms of whole matrices. Rows are independent; sums over rows are cut into slabs and strips by the shape alone, and
 * the slabs' sums added in order. */
#include "base/parallel.h"
#include "kernels/kernels.h"

/* A task takes rows of about PIECE values; sums over rows are made for COLUMNS columns of at most SLABS slabs. */
enum { PIECE = 1 << 14, COLUMNS = 512, SLABS = 16, SLAB_ROWS = 256 };

typedef struct norm_job {
    const mote_kernels *kernels;
    bool centre;
    size_t rows, columns, piece;                 /* piece: rows of a task */
    const float *x, *weight, *bias, *dy, *given; /* given: statistics */
    float epsilon;
    float *y, *statistics, *dweight, *dbias;
    size_t strips, slabs;
    double *sums; /* dweight's, slab after slab, then dbias's */
} norm_job;

static size_t piece_rows(size_t columns) { return columns < PIECE ? PIECE / (columns ? columns : 1) : 1; }

static void norm_task(void *argument, size_t index, void *scratch)
{
    const norm_job *j = argument;
    size_t end = mote_size_min(j->rows, (index + 1) * j->piece);
    (void)scratch;
    for (size_t r = index * j->piece; r < end; r++) {
        j->kernels->norm_rows(j->centre, j->columns, j->x + r * j->columns, j->weight, j->bias, j->epsilon,
                              j->y + r * j->columns, j->statistics + 2 * r);
    }
}

void mote_norm(const mote_context *context, bool centre, size_t rows, size_t columns, const float *x,
               const float *weight, const float *bias, float epsilon, float *y, float *statistics)
{
    norm_job job = {.kernels = context->kernels,
                    .centre = centre,
                    .rows = rows,
                    .columns = columns,
                    .piece = piece_rows(columns),
                    .x = x,
                    .weight = weight,
                    .bias = bias,
                    .epsilon = epsilon,
                    .y = y,
                    .statistics = statistics};
    mote_parallel_for(context, mote_size_divide_up(rows, job.piece), norm_task, &job);
}

static void rows_gradient_task(void *argument, size_t index, void *scratch)
{
    const norm_job *j = argument;
    size_t end = mote_size_min(j->rows, (index + 1) * j->piece);
    (void)scratch;
    for (size_t r = index * j->piece; r < end; r++) {
        size_t at = r * j->columns;
        j->kernels->norm_rows_gradient(j->centre, j->columns, j->x + at, j->weight, j->given + 2 * r, j->dy + at,
                                       j->y + at);
    }
}

static void columns_gradient_task(void *argument, size_t index, void *scratch)
{
    const norm_job *j = argument;
    size_t slab = index / j->strips, column = index % j->strips * COLUMNS, row = slab * j->piece;
    size_t rows = mote_size_min(j->piece, j->rows - row), columns = mote_size_min(COLUMNS, j->columns - column);
    size_t from = row * j->columns + column;
    double *dweight = j->sums + slab * j->columns + column, *dbias = dweight + j->slabs * j->columns;
    (void)scratch;
    memset(dweight, 0, columns * sizeof *dweight);
    memset(dbias, 0, columns * sizeof *dbias);
    j->kernels->norm_columns_gradient(rows, columns, j->columns, j->x + from, j->given + 2 * row, j->dy + from, dweight,
                                      dbias);
}

static void add_slabs(const norm_job *j, const double *sums, size_t column, float *total)
{
    double sum = 0;
    for (size_t s = 0; s < j->slabs; s++) {
        sum += sums[s * j->columns + column];
    }
    total[column] = sum == sum ? (float)sum : mote_bits_float(MOTE_FP32_NAN);
}

static void add_slabs_task(void *argument, size_t index, void *scratch)
{
    const norm_job *j = argument;
    size_t end = mote_size_min(j->columns, (index + 1) * COLUMNS);
    (void)scratch;
    for (size_t c = index * COLUMNS; c < end; c++) {
        if (j->dweight) {
            add_slabs(j, j->sums, c, j->dweight);
        }
        if (j->dbias) {
            add_slabs(j, j->sums + j->slabs * j->columns, c, j->dbias);
        }
    }
}

/* Rows whose sums are formed together. */
static size_t slab_rows(size_t rows)
{
    size_t slab = mote_size_divide_up(mote_size_divide_up(rows, SLABS), MOTE_NORM_CHUNK) * MOTE_NORM_CHUNK;
    return slab > SLAB_ROWS ? slab : SLAB_ROWS;
}

size_t mote_norm_workspace(size_t rows, size_t columns)
{
    return 2 * mote_size_divide_up(rows, slab_rows(rows)) * columns * sizeof(double);
}

/* dweight and dbias. */
static mote_status sum_columns(mote_context *context, norm_job *job)
{
    size_t bytes;
    job->piece = slab_rows(job->rows);
    job->slabs = mote_size_divide_up(job->rows, job->piece);
    job->strips = mote_size_divide_up(job->columns, COLUMNS);
    if (!mote_size_multiply(2 * job->slabs * sizeof(double), job->columns, &bytes)) {
        return mote_fail(context, MOTE_ERROR_MEMORY, "norm: no room for the sums of %zu columns", job->columns);
    }
    job->sums = (double *)(void *)mote_workspace(context, bytes);
    if (!job->sums) {
        return MOTE_ERROR_MEMORY;
    }
    mote_parallel_for(context, job->slabs * job->strips, columns_gradient_task, job);
    mote_parallel_for(context, job->strips, add_slabs_task, job);
    return MOTE_OK;
}

mote_status mote_norm_backward(mote_context *context, bool centre, size_t rows, size_t columns, const float *x,
                               const float *weight, const float *statistics, const float *dy, float *dx, float *dweight,
                               float *dbias)
{
    norm_job job = {.kernels = context->kernels,
                    .centre = centre,
                    .rows = rows,
                    .columns = columns,
                    .x = x,
                    .weight = weight,
                    .dy = dy,
                    .given = statistics,
                    .y = dx,
                    .dweight = dweight,
                    .dbias = dbias};
    if (dweight || dbias) { /* first, for dx may take the place of dy or x */
        mote_status status = sum_columns(context, &job);
        if (status != MOTE_OK) {
            return status;
        }
    }
    if (dx) {
        job.piece = piece_rows(columns);
        mote_parallel_for(context, mote_size_divide_up(rows, job.piece), rows_gradient_task, &job);
    }
    return MOTE_OK;
}
