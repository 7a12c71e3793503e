/* Convolutions as products whose unfolded operand exists only a few lines at a time, in a thread's scratch.
 *
 *   y   lines: positions of the result     values: (ky, kx, channel) of x around it
 *   dx  lines: positions of the image      values: (ky, kx, filter) of dy that reached it; and of w, by channel
 *   dW  lines: (ky, kx, channel)           values: positions of the result; the left side is dy, by filter */
#include "kernels/gemm/linear.h"
#include "kernels/gemm/operand.h"

struct mote_gemm_window {
    const mote_convolution *shape;
    size_t out_height, out_width;
    const float *values;
};

/* A dimension's size after the kernel has passed over it; 0 if it does not fit. */
static size_t passed(size_t size, size_t padding, size_t kernel, size_t dilation, size_t stride)
{
    size_t padded, reach;
    if (!mote_size_multiply(padding, 2, &padded) || !mote_size_add(padded, size, &padded) ||
        !mote_size_multiply(kernel - 1, dilation, &reach) || !mote_size_add(reach, 1, &reach) || padded < reach) {
        return 0;
    }
    return (padded - reach) / stride + 1;
}

mote_status mote_convolution_output(mote_context *context, const mote_convolution *s, size_t *height, size_t *width)
{
    if (!s->stride_height || !s->stride_width || !s->dilation_height || !s->dilation_width || !s->kernel_height ||
        !s->kernel_width) {
        return mote_fail(context, MOTE_ERROR_SHAPE, "convolution: kernel, stride and dilation must be at least 1");
    }
    *height = passed(s->height, s->padding_height, s->kernel_height, s->dilation_height, s->stride_height);
    *width = passed(s->width, s->padding_width, s->kernel_width, s->dilation_width, s->stride_width);
    if (!*height || !*width) {
        return mote_fail(
            context, MOTE_ERROR_SHAPE,
            "convolution: a kernel of %zu by %zu does not fit into an image of %zu by %zu with padding %zu, %zu",
            s->kernel_height, s->kernel_width, s->height, s->width, s->padding_height, s->padding_width);
    }
    return MOTE_OK;
}

/* Position of the image under kernel place k of result position at; false outside. */
static bool under(size_t at, size_t stride, size_t k, size_t dilation, size_t padding, size_t size, size_t *position)
{
    size_t padded = at * stride + k * dilation;
    *position = padded - padding;
    return padded >= padding && *position < size;
}

/* Position of the result whose kernel place k lies over image position at; false if there is none. */
static bool over(size_t at, size_t stride, size_t k, size_t dilation, size_t padding, size_t size, size_t *position)
{
    size_t padded = at + padding, back = k * dilation;
    *position = (padded - back) / stride;
    return padded >= back && (padded - back) % stride == 0 && *position < size;
}

/* Values from place begin on until the inner dimension ends, at most left. */
static size_t run_length(size_t begin, size_t inner, size_t left) { return mote_size_min(inner - begin % inner, left); }

/* Patches of a grid of positions: each holds, for each place of the kernel, inner values of an array of height by
 * width; reach says which position of the array a place comes from. */
typedef struct patches {
    size_t rows, columns; /* of the grid that lines walk */
    size_t height, width, inner;
    bool (*reach)(size_t at, size_t stride, size_t k, size_t dilation, size_t padding, size_t size, size_t *position);
} patches;

static void gather_patch(const mote_gemm_window *w, const patches *p, size_t line, size_t begin, size_t count,
                         float *values)
{
    const mote_convolution *s = w->shape;
    size_t column = line % p->columns, row = line / p->columns % p->rows, image = line / p->columns / p->rows;
    for (size_t i = 0; i < count;) {
        size_t k = begin + i, length = run_length(k, p->inner, count - i), place = k / p->inner, x, y;
        bool in_y = p->reach(row, s->stride_height, place / s->kernel_width, s->dilation_height, s->padding_height,
                             p->height, &y);
        bool in_x = p->reach(column, s->stride_width, place % s->kernel_width, s->dilation_width, s->padding_width,
                             p->width, &x);
        if (in_x && in_y) {
            memcpy(values + i, w->values + ((image * p->height + y) * p->width + x) * p->inner + k % p->inner,
                   length * sizeof *values);
        } else {
            memset(values + i, 0, length * sizeof *values);
        }
        i += length;
    }
}

static void gather_image(const mote_gemm_window *w, size_t line, size_t begin, size_t count, float *values)
{
    const mote_convolution *s = w->shape;
    patches p = {w->out_height, w->out_width, s->height, s->width, s->channels, under};
    gather_patch(w, &p, line, begin, count, values);
}

static void gather_gradient(const mote_gemm_window *w, size_t line, size_t begin, size_t count, float *values)
{
    const mote_convolution *s = w->shape;
    patches p = {s->height, s->width, w->out_height, w->out_width, s->filters, over};
    gather_patch(w, &p, line, begin, count, values);
}

/* Weights of one channel over (ky, kx, filter). */
static void gather_weights(const mote_gemm_window *w, size_t line, size_t begin, size_t count, float *values)
{
    const mote_convolution *s = w->shape;
    size_t places = s->kernel_height * s->kernel_width;
    for (size_t i = 0; i < count; i++) {
        size_t filter = (begin + i) % s->filters, place = (begin + i) / s->filters;
        values[i] = w->values[(filter * places + place) * s->channels + line];
    }
}

/* One (ky, kx, channel) of the image over the positions of the result. */
static void gather_positions(const mote_gemm_window *w, size_t line, size_t begin, size_t count, float *values)
{
    const mote_convolution *s = w->shape;
    size_t channel = line % s->channels, kx = line / s->channels % s->kernel_width,
           ky = line / s->channels / s->kernel_width;
    for (size_t i = 0; i < count; i++) {
        size_t at = begin + i, ox = at % w->out_width, oy = at / w->out_width % w->out_height;
        size_t image = at / w->out_width / w->out_height, x, y;
        bool in_y = under(oy, s->stride_height, ky, s->dilation_height, s->padding_height, s->height, &y);
        bool in_x = under(ox, s->stride_width, kx, s->dilation_width, s->padding_width, s->width, &x);
        values[i] = in_x && in_y ? w->values[((image * s->height + y) * s->width + x) * s->channels + channel] : 0;
    }
}

/* A source of lines x length values, plain (window NULL) or gathered. total: values behind them, for nvfp4's scale. */
static mote_gemm_source source_of(mote_context *context, mote_format format, const mote_quantize_options *options,
                                  const float *values, size_t total, size_t lines, size_t length)
{
    mote_gemm_source source = {.format = format,
                               .element = mote_element_get(format),
                               .lines = lines,
                               .length = length,
                               .values = values,
                               .line_stride = (ptrdiff_t)length,
                               .stride = 1,
                               .options = options,
                               .line_position = length,
                               .value_position = 1,
                               .tensor_scale = 1};
    source.spec = mote_block_spec_of(format, options, 1);
    mote_gemm_measure(context, &source, 1, &total, NULL);
    return source;
}

/* Everything that the three products need, checked. */
typedef struct sizes {
    size_t out_height, out_width, image, weights, result, positions, places, patch;
} sizes;

static mote_status measure(mote_context *context, const mote_convolution *s, const mote_policy *policy, sizes *n)
{
    mote_status status = mote_convolution_output(context, s, &n->out_height, &n->out_width);
    mote_layout layouts[] = {{.rank = 4, .shape = {s->batch, s->height, s->width, s->channels}},
                             {.rank = 4, .shape = {s->filters, s->kernel_height, s->kernel_width, s->channels}},
                             {.rank = 4, .shape = {s->batch, n->out_height, n->out_width, s->filters}}};
    size_t *counts[] = {&n->image, &n->weights, &n->result};
    mote_format formats[] = {policy->forward_activation, policy->forward_weight,  policy->backward_gradient,
                             policy->backward_weight,    policy->update_gradient, policy->update_activation};
    for (int i = 0; i < 3 && status == MOTE_OK; i++) {
        mote_layout_sizes measured;
        status = mote_layout_measure(context, &layouts[i], &measured);
        *counts[i] = status == MOTE_OK ? measured.count : 0;
    }
    for (int i = 0; i < 6 && status == MOTE_OK; i++) {
        mote_quantize_options options = mote_policy_options(policy, formats[i], i == 2 || i == 4, 0);
        status = mote_format_check(context, formats[i], "policy");
        status = status == MOTE_OK ? mote_options_check(context, formats[i], &options) : status;
    }
    n->positions = s->batch * n->out_height * n->out_width;
    n->places = s->kernel_height * s->kernel_width;
    n->patch = n->places * s->channels;
    return status;
}

static mote_status multiply(mote_context *context, mote_gemm_source a, const mote_gemm_source *b, const float *bias,
                            int accumulate, float *y)
{
    mote_gemm_kind kind;
    mote_gemm_product product = {
        .a = a, .b = b, .bias = bias, .accumulate = accumulate != 0, .y = y, .stride = (ptrdiff_t)b->lines};
    mote_status status = mote_formats_check(context, a.format, b->format, &kind);
    if (status != MOTE_OK) {
        return status;
    }
    mote_gemm_worker worker = {context, context->kernels, NULL,
                               mote_workspace(context, mote_gemm_workspace(context, kind, &product))};
    if (!worker.workspace) {
        return MOTE_ERROR_MEMORY;
    }
    mote_gemm_multiply(&worker, kind, &product);
    return MOTE_OK;
}

mote_status mote_convolve(mote_context *context, const mote_policy *policy, const mote_convolution *shape,
                          const float *x, const float *w, const float *bias, float *y)
{
    sizes n = {0};
    mote_status status = measure(context, shape, policy, &n);
    if (status != MOTE_OK) {
        return status;
    }
    if ((!x && n.image) || (!w && n.weights) || (!y && n.result)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "convolution: x, w or y is NULL");
    }
    mote_format activation = policy->forward_activation, weight = policy->forward_weight;
    mote_quantize_options activation_options = mote_policy_options(policy, activation, false, 0),
                          weight_options = mote_policy_options(policy, weight, false, 1);
    mote_gemm_window window = {shape, n.out_height, n.out_width, x};
    mote_gemm_source a = source_of(context, activation, &activation_options, x, n.image, n.positions, n.patch);
    mote_gemm_source b = source_of(context, weight, &weight_options, w, n.weights, shape->filters, n.patch);
    a.window = &window;
    a.gather = gather_image;
    return multiply(context, a, &b, bias, 0, y);
}

mote_status mote_convolve_backward(mote_context *context, const mote_policy *policy, const mote_convolution *shape,
                                   const float *x, const float *w, const float *dy, int accumulate, float *dx,
                                   float *dw, float *db)
{
    sizes n = {0};
    mote_status status = measure(context, shape, policy, &n);
    if (status != MOTE_OK) {
        return status;
    }
    if ((!x && n.image && dw) || (!w && n.weights && dx) || (!dy && n.result)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "convolution: x, w or dy is NULL");
    }
    mote_gemm_window of_dy = {shape, n.out_height, n.out_width, dy}, of_w = of_dy, of_x = of_dy;
    of_w.values = w;
    of_x.values = x;
    if (dx) {
        mote_format gradient = policy->backward_gradient, weight = policy->backward_weight;
        mote_quantize_options gradient_options = mote_policy_options(policy, gradient, true, 2),
                              weight_options = mote_policy_options(policy, weight, false, 3);
        size_t length = n.places * shape->filters;
        mote_gemm_source a = source_of(context, gradient, &gradient_options, dy, n.result,
                                       shape->batch * shape->height * shape->width, length);
        mote_gemm_source b = source_of(context, weight, &weight_options, w, n.weights, shape->channels, length);
        a.window = &of_dy;
        a.gather = gather_gradient;
        b.window = &of_w;
        b.gather = gather_weights;
        status = multiply(context, a, &b, NULL, 0, dx);
    }
    if (dw && status == MOTE_OK) {
        mote_format gradient = policy->update_gradient, activation = policy->update_activation;
        mote_quantize_options gradient_options = mote_policy_options(policy, gradient, true, 4),
                              activation_options = mote_policy_options(policy, activation, false, 5);
        mote_gemm_source a = source_of(context, gradient, &gradient_options, dy, n.result, shape->filters, n.positions);
        mote_gemm_source b = source_of(context, activation, &activation_options, x, n.image, n.patch, n.positions);
        a.line_stride = 1;
        a.stride = (ptrdiff_t)shape->filters;
        b.window = &of_x;
        b.gather = gather_positions;
        status = multiply(context, a, &b, NULL, accumulate, dw);
    }
    if (db && status == MOTE_OK) {
        mote_sum_columns(context, n.positions, shape->filters, dy, (ptrdiff_t)shape->filters, accumulate != 0, db);
    }
    return status;
}
