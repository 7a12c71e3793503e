/* Linear layers: three products that differ in what they reduce, which strides alone express. */
#include "kernels/gemm/linear.h"
#include "base/parallel.h"

typedef struct column_job {
    const mote_kernels *kernels;
    const float *values;
    size_t rows, columns;
    ptrdiff_t stride;
    bool accumulate;
    float *sums;
} column_job;

static void column_task(void *argument, size_t index, void *scratch)
{
    const column_job *j = argument;
    size_t begin = index * MOTE_SUM_COLUMNS, count = mote_size_min(MOTE_SUM_COLUMNS, j->columns - begin);
    double sums[MOTE_SUM_COLUMNS] = {0};
    (void)scratch;
    j->kernels->sum_columns(j->rows, count, j->values + begin, j->stride, sums);
    for (size_t c = 0; c < count; c++) {
        float sum = (float)sums[c];
        sum = j->accumulate ? j->sums[begin + c] + sum : sum;
        j->sums[begin + c] = sum == sum ? sum : mote_bits_float(MOTE_FP32_NAN);
    }
}

void mote_sum_columns(const mote_context *context, size_t rows, size_t columns, const float *values, ptrdiff_t stride,
                      bool accumulate, float *sums)
{
    column_job j = {context->kernels, values, rows, columns, stride, accumulate, sums};
    mote_parallel_for(context, mote_size_divide_up(columns, MOTE_SUM_COLUMNS), column_task, &j);
}

mote_quantize_options mote_policy_options(const mote_policy *policy, mote_format format, bool gradient, uint64_t number)
{
    /* operands of one layer draw from different sequences */
    const uint64_t spread = UINT64_C(0x9E3779B97F4A7C15);
    return (mote_quantize_options){.rounding = gradient ? policy->gradient_rounding : policy->rounding,
                                   .scale_rule = format == MOTE_NVFP4 ? MOTE_SCALE_FLOOR : policy->scale_rule,
                                   .seed = policy->seed + number * spread};
}

/* A matrix as an operand: its strides live in *strides. */
static mote_operand matrix(const float *values, size_t rows, size_t columns, ptrdiff_t *strides, mote_format format,
                           mote_quantize_options options)
{
    return (mote_operand){.values = values,
                          .rank = 2,
                          .shape = {rows, columns},
                          .strides = strides,
                          .format = format,
                          .options = options};
}

static ptrdiff_t stride_or(ptrdiff_t stride, size_t columns) { return stride ? stride : (ptrdiff_t)columns; }

mote_status mote_linear(mote_context *context, const mote_policy *policy, size_t rows, size_t inputs, size_t outputs,
                        const float *x, ptrdiff_t x_stride, const float *w, ptrdiff_t w_stride, const float *bias,
                        float *y, ptrdiff_t y_stride)
{
    ptrdiff_t x_strides[2] = {stride_or(x_stride, inputs), 1}, w_strides[2] = {1, stride_or(w_stride, inputs)};
    ptrdiff_t y_strides[2] = {stride_or(y_stride, outputs), 1};
    mote_format activation = policy->forward_activation, weight = policy->forward_weight;
    mote_operand a = matrix(x, rows, inputs, x_strides, activation, mote_policy_options(policy, activation, false, 0));
    mote_operand b = matrix(w, inputs, outputs, w_strides, weight, mote_policy_options(policy, weight, false, 1));
    return mote_matmul(context, &a, &b, bias, 0, y, y_strides);
}

mote_status mote_linear_backward(mote_context *context, const mote_policy *policy, size_t rows, size_t inputs,
                                 size_t outputs, const float *x, ptrdiff_t x_stride, const float *w, ptrdiff_t w_stride,
                                 const float *dy, ptrdiff_t dy_stride, int accumulate, float *dx, ptrdiff_t dx_stride,
                                 float *dw, ptrdiff_t dw_stride, float *db)
{
    ptrdiff_t x_strides[2] = {stride_or(x_stride, inputs), 1}, w_strides[2] = {stride_or(w_stride, inputs), 1};
    ptrdiff_t dy_strides[2] = {stride_or(dy_stride, outputs), 1}, turned[2] = {1, dy_strides[0]};
    ptrdiff_t dx_strides[2] = {stride_or(dx_stride, inputs), 1}, dw_strides[2] = {stride_or(dw_stride, inputs), 1};
    mote_status status = MOTE_OK;
    if (dx) {
        mote_format gradient = policy->backward_gradient, weight = policy->backward_weight;
        mote_operand a =
            matrix(dy, rows, outputs, dy_strides, gradient, mote_policy_options(policy, gradient, true, 2));
        mote_operand b = matrix(w, outputs, inputs, w_strides, weight, mote_policy_options(policy, weight, false, 3));
        status = mote_matmul(context, &a, &b, NULL, 0, dx, dx_strides);
    }
    if (dw && status == MOTE_OK) {
        mote_format gradient = policy->update_gradient, activation = policy->update_activation;
        mote_operand a = matrix(dy, outputs, rows, turned, gradient, mote_policy_options(policy, gradient, true, 4));
        mote_operand b =
            matrix(x, rows, inputs, x_strides, activation, mote_policy_options(policy, activation, false, 5));
        status = mote_matmul(context, &a, &b, NULL, accumulate, dw, dw_strides);
    }
    if (db && status == MOTE_OK) {
        if (!dy && rows && outputs) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "dy is NULL");
        }
        mote_sum_columns(context, rows, outputs, dy, dy_strides[0], accumulate != 0, db);
    }
    return status;
}
