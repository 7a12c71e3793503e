/* Conversions of whole tensors: every axis, strides, threads; against ref/ value by value. */
#include <math.h>

#include "kernels/quantize/box.h"
#include "mx.h"
#include "unit.h"

static const mote_format block_formats[] = {MOTE_MXFP8_E4M3, MOTE_MXFP8_E5M2, MOTE_MXFP6_E3M2, MOTE_MXFP6_E2M3,
                                            MOTE_MXFP4_E2M1, MOTE_MXINT8,     MOTE_NVFP4};
enum { BLOCK_FORMATS = sizeof block_formats / sizeof block_formats[0] };

static size_t count_of(const mote_layout *layout)
{
    size_t count = 1;
    for (int d = 0; d < layout->rank; d++) {
        count *= layout->shape[d];
    }
    return count;
}

/* Codes and scales of a row-major tensor by ref/, in the order of the public layout. */
static void reference(const mote_layout *layout, const mote_quantize_options *options, const float *x,
                      float tensor_encode, float tensor_decode, uint8_t *codes, uint8_t *scales)
{
    size_t inner = 1, length = layout->rank ? layout->shape[layout->axis] : 1, count = count_of(layout);
    for (int d = layout->axis + 1; d < layout->rank; d++) {
        inner *= layout->shape[d];
    }
    size_t block = (size_t)mote_format_get(layout->format)->block_length, blocks = (length + block - 1) / block;
    for (size_t line = 0; count && line < count / length; line++) {
        size_t start = line / inner * inner * length + line % inner;
        for (size_t b = 0; b < blocks; b++) {
            float values[32];
            uint32_t random[32];
            uint8_t some[32];
            size_t n = length - b * block < block ? length - b * block : block;
            for (size_t i = 0; i < n; i++) {
                size_t position = start + (b * block + i) * inner;
                values[i] = x[position];
                random[i] = ref_philox(options->seed, position);
            }
            if (layout->format == MOTE_NVFP4) {
                ref_quantize_nvfp4(options->rounding, tensor_encode, tensor_decode, (int)n, values, random, some,
                                   &scales[line * blocks + b]);
            } else {
                ref_quantize_mx(layout->format, options, (int)n, values, random, some, &scales[line * blocks + b]);
            }
            for (size_t i = 0; i < n; i++) {
                codes[start + (b * block + i) * inner] = some[i];
            }
        }
    }
}

static void check_layout(mote_context *context, mote_layout layout, mote_quantize_options options)
{
    mote_layout_sizes sizes;
    assert_int_equal(mote_layout_measure(context, &layout, &sizes), MOTE_OK);
    float *x = malloc((sizes.count + 1) * sizeof *x), *y = malloc((sizes.count + 1) * sizeof *y), largest = 0;
    uint8_t *codes = calloc(1, sizes.count + 1), *expected = calloc(1, sizes.count + 1);
    uint8_t *scales = calloc(1, sizes.scale_bytes + 1);
    float encode = 1, decode = 1;
    for (size_t i = 0; i < sizes.count; i++) {
        x[i] = unit_value(i);
        largest = fmaxf(largest, fabsf(x[i]));
    }
    if (layout.format == MOTE_NVFP4) {
        ref_nvfp4_scales(largest, &encode, &decode);
    }
    mote_tensor tensor = unit_tensor(context, layout);
    assert_int_equal(mote_quantize(context, x, NULL, &options, &tensor), MOTE_OK);
    assert_int_equal(mote_codes_unpack(context, &tensor, codes), MOTE_OK);
    reference(&layout, &options, x, encode, decode, expected, scales);
    assert_memory_equal(codes, expected, sizes.count);
    assert_memory_equal(tensor.scales, scales, sizes.scale_bytes);
    assert_true(tensor.tensor_scale == decode);
    assert_int_equal(mote_dequantize(context, &tensor, y, NULL), MOTE_OK);
    mote_tensor packed = unit_tensor(context, layout);
    assert_int_equal(mote_codes_pack(context, codes, &packed), MOTE_OK);
    assert_memory_equal(packed.elements, tensor.elements, sizes.element_bytes);
    unit_free(&packed);
    unit_free(&tensor);
    free(x);
    free(y);
    free(codes);
    free(expected);
    free(scales);
}

static void every_axis_and_format(void **state)
{
    (void)state;
    static const mote_layout shapes[] = {
        {.rank = 0},
        {.rank = 1, .shape = {1}},
        {.rank = 1, .shape = {0}},
        {.rank = 1, .shape = {4099}},
        {.rank = 2, .shape = {3, 33}},
        {.rank = 2, .shape = {33, 3}},
        {.rank = 2, .shape = {70, 0}},
        {.rank = 2, .shape = {100, 130}},
        {.rank = 3, .shape = {5, 67, 21}},
        {.rank = 4, .shape = {2, 3, 40, 7}},
        {.rank = 8, .shape = {2, 1, 3, 2, 1, 5, 2, 9}},
    };
    mote_context *context = unit_context(2, NULL);
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        for (int axis = 0; axis < (shapes[s].rank ? shapes[s].rank : 1); axis++) {
            for (int f = 0; f < BLOCK_FORMATS; f++) {
                mote_layout layout = shapes[s];
                layout.format = block_formats[f];
                layout.axis = axis;
                check_layout(context, layout, (mote_quantize_options){MOTE_NEAREST_EVEN, MOTE_SCALE_FLOOR, 0});
                check_layout(context, layout, (mote_quantize_options){MOTE_STOCHASTIC, MOTE_SCALE_FLOOR, 12345});
            }
        }
    }
    mote_context_destroy(context);
}

/* Wide enough for several panels and stripes of the column path, and streams of the row path. */
static void large_columns(void **state)
{
    (void)state;
    mote_context *context = unit_context(2, NULL);
    for (int f = 0; f < BLOCK_FORMATS; f++) {
        mote_layout layout = {block_formats[f], 2, 0, {600, 2100}};
        check_layout(context, layout, (mote_quantize_options){MOTE_NEAREST_EVEN, MOTE_SCALE_FLOOR, 0});
        check_layout(context, layout, (mote_quantize_options){MOTE_STOCHASTIC, MOTE_SCALE_FLOOR, 7});
    }
    mote_context_destroy(context);
}

/* Planes and results so large that they are written past the caches: columns against rows of the transposed copy. */
static void larger_than_caches(void **state)
{
    (void)state;
    enum { ROWS = 4100, COLUMNS = 2310, COUNT = ROWS * COLUMNS };
    float *x = malloc(COUNT * sizeof *x), *turned = malloc(COUNT * sizeof *x);
    for (size_t i = 0; i < COUNT; i++) {
        x[i] = unit_value(i);
        turned[i % COLUMNS * ROWS + i / COLUMNS] = x[i];
    }
    mote_context *context = unit_context(2, NULL);
    for (int f = 0; f < BLOCK_FORMATS; f++) {
        mote_layout_sizes sizes;
        mote_tensor down = unit_tensor(context, (mote_layout){block_formats[f], 2, 0, {ROWS, COLUMNS}});
        mote_tensor along = unit_tensor(context, (mote_layout){block_formats[f], 2, 1, {COLUMNS, ROWS}});
        assert_int_equal(mote_layout_measure(context, &down.layout, &sizes), MOTE_OK);
        assert_int_equal(mote_quantize(context, x, NULL, NULL, &down), MOTE_OK);
        assert_int_equal(mote_quantize(context, turned, NULL, NULL, &along), MOTE_OK);
        assert_memory_equal(down.elements, along.elements, sizes.element_bytes);
        assert_memory_equal(down.scales, along.scales, sizes.scale_bytes);
        float *y = malloc(COUNT * sizeof *y), *back = malloc(COUNT * sizeof *y);
        assert_int_equal(mote_dequantize(context, &down, y, NULL), MOTE_OK);
        assert_int_equal(mote_dequantize(context, &along, back, NULL), MOTE_OK);
        for (size_t i = 0; i < COUNT; i++) {
            if (memcmp(&y[i], &back[i % COLUMNS * ROWS + i / COLUMNS], sizeof *y) != 0) {
                fail_msg("format %d, value %zu", f, i);
            }
        }
        free(y);
        free(back);
        unit_free(&down);
        unit_free(&along);
    }
    free(x);
    free(turned);
    mote_context_destroy(context);
}

/* The same bytes for any number of threads and any instruction set. */
static void threads_and_levels_agree(void **state)
{
    (void)state;
    enum { ROWS = 130, COLUMNS = 530 };
    float *x = malloc(ROWS * COLUMNS * sizeof *x);
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        x[i] = unit_value(i);
    }
    mote_quantize_options options = {MOTE_STOCHASTIC, MOTE_SCALE_CEIL, 99};
    for (int axis = 0; axis < 2; axis++) {
        mote_layout layout = {MOTE_MXFP6_E2M3, 2, axis, {ROWS, COLUMNS}};
        mote_context *first = unit_context(1, "c");
        mote_tensor expected = unit_tensor(first, layout);
        mote_layout_sizes sizes;
        assert_int_equal(mote_layout_measure(first, &layout, &sizes), MOTE_OK);
        assert_int_equal(mote_quantize(first, x, NULL, &options, &expected), MOTE_OK);
        mote_error reference_error = {0};
        assert_int_equal(mote_compare(first, x, NULL, &expected, &reference_error), MOTE_OK);
        for (int level = 0; level <= (int)mote_cpu_best(); level++) {
            for (int threads = 1; threads <= 4; threads++) {
                mote_context *context = unit_context(threads, mote_cpu_level_name((mote_cpu_level)level));
                mote_tensor tensor = unit_tensor(context, layout);
                mote_error error = {0};
                assert_int_equal(mote_quantize(context, x, NULL, &options, &tensor), MOTE_OK);
                assert_memory_equal(tensor.elements, expected.elements, sizes.element_bytes);
                assert_memory_equal(tensor.scales, expected.scales, sizes.scale_bytes);
                assert_int_equal(mote_compare(context, x, NULL, &tensor, &error), MOTE_OK);
                assert_memory_equal(&error, &reference_error, sizeof error);
                unit_free(&tensor);
                mote_context_destroy(context);
            }
        }
        unit_free(&expected);
        mote_context_destroy(first);
    }
    free(x);
}

/* Strides: every second column, reversed rows, a transposed view; compared with the copied array. */
static void strided_arrays(void **state)
{
    (void)state;
    enum { ROWS = 37, COLUMNS = 45, WIDE = 2 * COLUMNS };
    static float base[ROWS * WIDE], dense[ROWS * COLUMNS], back[ROWS * WIDE], y[ROWS * COLUMNS];
    const struct {
        size_t start;
        ptrdiff_t stride[2];
    } views[] = {{0, {WIDE, 2}}, {(ROWS - 1) * WIDE, {-WIDE, 1}}, {0, {1, ROWS}}, {COLUMNS - 1, {WIDE, -1}}};
    for (size_t i = 0; i < ROWS * WIDE; i++) {
        base[i] = unit_value(i);
    }
    mote_context *context = unit_context(2, NULL);
    for (size_t v = 0; v < sizeof views / sizeof views[0]; v++) {
        for (int axis = 0; axis < 2; axis++) {
            for (int f = 0; f <= MOTE_NVFP4; f++) {
                mote_layout layout = {(mote_format)f, 2, axis, {ROWS, COLUMNS}};
                mote_quantize_options options = {f % 2 ? MOTE_STOCHASTIC : MOTE_NEAREST_EVEN, MOTE_SCALE_FLOOR, 5};
                mote_layout_sizes sizes;
                for (int r = 0; r < ROWS; r++) {
                    for (int c = 0; c < COLUMNS; c++) {
                        dense[r * COLUMNS + c] =
                            base[(ptrdiff_t)views[v].start + r * views[v].stride[0] + c * views[v].stride[1]];
                    }
                }
                mote_tensor a = unit_tensor(context, layout), b = unit_tensor(context, layout);
                assert_int_equal(mote_layout_measure(context, &layout, &sizes), MOTE_OK);
                assert_int_equal(mote_quantize(context, dense, NULL, &options, &a), MOTE_OK);
                assert_int_equal(mote_quantize(context, base + views[v].start, views[v].stride, &options, &b), MOTE_OK);
                assert_memory_equal(a.elements, b.elements, sizes.element_bytes);
                assert_memory_equal(a.scales, b.scales, sizes.scale_bytes);
                assert_int_equal(mote_dequantize(context, &a, y, NULL), MOTE_OK);
                assert_int_equal(mote_dequantize(context, &a, back + views[v].start, views[v].stride), MOTE_OK);
                for (int i = 0; i < ROWS * COLUMNS; i++) {
                    ptrdiff_t at =
                        (ptrdiff_t)views[v].start + i / COLUMNS * views[v].stride[0] + i % COLUMNS * views[v].stride[1];
                    assert_memory_equal(&back[at], &y[i], sizeof *y);
                }
                unit_free(&a);
                unit_free(&b);
            }
        }
    }
    mote_context_destroy(context);
}

/* requantize is dequantize and quantize, for every pair of axes and some pairs of formats. */
static void requantize_is_both(void **state)
{
    (void)state;
    static const mote_format targets[] = {MOTE_MXFP4_E2M1, MOTE_NVFP4, MOTE_BF16, MOTE_FP32, MOTE_MXINT8};
    enum { A = 70, B = 3, C = 77, COUNT = A * B * C };
    float *x = malloc(COUNT * sizeof *x), *y = malloc(COUNT * sizeof *y);
    for (size_t i = 0; i < COUNT; i++) {
        x[i] = unit_value(i);
    }
    for (int threads = 1; threads <= 3; threads += 2) {
        mote_context *context = unit_context(threads, NULL);
        for (int from = 0; from < 3; from++) {
            mote_tensor input = unit_tensor(context, (mote_layout){MOTE_MXFP6_E3M2, 3, from, {A, B, C}});
            assert_int_equal(mote_quantize(context, x, NULL, NULL, &input), MOTE_OK);
            assert_int_equal(mote_dequantize(context, &input, y, NULL), MOTE_OK);
            for (int to = 0; to < 3; to++) {
                for (size_t f = 0; f < sizeof targets / sizeof targets[0]; f++) {
                    mote_layout layout = {targets[f], 3, to, {A, B, C}};
                    mote_layout_sizes sizes;
                    mote_quantize_options options = {MOTE_STOCHASTIC, MOTE_SCALE_FLOOR, 3};
                    mote_tensor direct = unit_tensor(context, layout), both = unit_tensor(context, layout);
                    assert_int_equal(mote_layout_measure(context, &layout, &sizes), MOTE_OK);
                    assert_int_equal(mote_requantize(context, &input, &options, &direct), MOTE_OK);
                    assert_int_equal(mote_quantize(context, y, NULL, &options, &both), MOTE_OK);
                    assert_memory_equal(direct.elements, both.elements, sizes.element_bytes);
                    assert_memory_equal(direct.scales, both.scales, sizes.scale_bytes);
                    assert_true(direct.tensor_scale == both.tensor_scale);
                    unit_free(&direct);
                    unit_free(&both);
                }
            }
            unit_free(&input);
        }
        mote_context_destroy(context);
    }
    free(x);
    free(y);
}

/* Parts along a dimension that blocks do not follow, one after the other, are the whole, and touch nothing else. */
static void parts_are_the_whole(void **state)
{
    (void)state;
    enum { A = 5, B = 260, C = 70, COUNT = A * B * C };
    static float x[COUNT], part[COUNT], y[COUNT];
    const size_t shape[3] = {A, B, C};
    mote_context *context = unit_context(3, NULL);
    for (size_t i = 0; i < COUNT; i++) {
        x[i] = unit_value(i);
    }
    for (int f = 0; f < MOTE_NVFP4; f++) {
        mote_layout layout = {(mote_format)f, 3, 2, {A, B, C}};
        mote_layout_sizes sizes;
        assert_int_equal(mote_layout_measure(context, &layout, &sizes), MOTE_OK);
        mote_tensor whole = unit_tensor(context, layout), made = unit_tensor(context, layout);
        unit_ok(context, mote_quantize(context, x, NULL, NULL, &whole));
        unit_ok(context, mote_dequantize(context, &whole, y, NULL));
        for (size_t dim = 0; dim < (f > MOTE_FP16 ? 2 : 3); dim++) {
            size_t inner = dim == 0 ? B * C : dim == 1 ? C : 1, extent = shape[dim], outer = COUNT / inner / extent;
            memset(made.elements, 0xA5, sizes.element_bytes);
            memset(made.scales, 0xA5, sizes.scale_bytes);
            for (size_t begin = 0, length; begin < extent; begin += length) {
                length = begin + 3 > extent ? extent - begin : 3;
                for (size_t o = 0; o < outer; o++) {
                    memcpy(part + o * length * inner, x + (o * extent + begin) * inner, length * inner * sizeof *x);
                }
                unit_ok(context, mote_quantize_part(context, part, &made, (int)dim, begin, length));
                unit_ok(context, mote_dequantize_part(context, &made, (int)dim, begin, length, part));
                for (size_t o = 0; o < outer; o++) {
                    assert_memory_equal(part + o * length * inner, y + (o * extent + begin) * inner,
                                        length * inner * sizeof *x);
                }
            }
            assert_memory_equal(made.elements, whole.elements, sizes.element_bytes);
            assert_memory_equal(made.scales, whole.scales, sizes.scale_bytes);
        }
        unit_free(&whole);
        unit_free(&made);
    }
    mote_context_destroy(context);
}

static void transpose_moves_lines(void **state)
{
    (void)state;
    enum { A = 3, B = 40, C = 35, COUNT = A * B * C };
    static float x[COUNT], y[COUNT], z[COUNT];
    mote_context *context = unit_context(1, NULL);
    for (size_t i = 0; i < COUNT; i++) {
        x[i] = unit_value(i);
    }
    for (int axis = 0; axis < 3; axis++) {
        int other = axis == 1 ? 2 : axis == 2 ? 1 : 0;
        mote_tensor input = unit_tensor(context, (mote_layout){MOTE_NVFP4, 3, axis, {A, B, C}});
        mote_tensor output = unit_tensor(context, (mote_layout){MOTE_NVFP4, 3, other, {A, C, B}});
        assert_int_equal(mote_quantize(context, x, NULL, NULL, &input), MOTE_OK);
        assert_int_equal(mote_transpose(context, &input, &output), MOTE_OK);
        assert_int_equal(mote_dequantize(context, &input, y, NULL), MOTE_OK);
        assert_int_equal(mote_dequantize(context, &output, z, NULL), MOTE_OK);
        for (int a = 0; a < A; a++) {
            for (int i = 0; i < B * C; i++) {
                assert_true(y[a * B * C + i] == z[a * B * C + i % C * B + i / C]);
            }
        }
        output.layout.axis = (other + 1) % 3;
        assert_int_equal(mote_transpose(context, &input, &output), MOTE_ERROR_SHAPE);
        unit_free(&input);
        unit_free(&output);
    }
    mote_context_destroy(context);
}

static void special_blocks(void **state)
{
    (void)state;
    enum { N = 96 };
    float x[N] = {0}, y[N];
    mote_context *context = unit_context(1, NULL);
    for (int i = 0; i < 32; i++) {
        x[32 + i] = (float)i;
        x[64 + i] = i % 2 ? -0.0f : 0.0f;
    }
    x[40] = NAN;
    x[41] = INFINITY;
    for (int f = 0; f < BLOCK_FORMATS; f++) {
        bool nvfp4 = block_formats[f] == MOTE_NVFP4;
        mote_tensor tensor = unit_tensor(context, (mote_layout){block_formats[f], 1, 0, {N}});
        assert_int_equal(mote_quantize(context, x, NULL, NULL, &tensor), MOTE_OK);
        assert_int_equal(tensor.scales[0], 0);
        assert_int_equal(tensor.scales[nvfp4 ? 2 : 1], nvfp4 ? 0x7F : 0xFF);
        assert_int_equal(mote_dequantize(context, &tensor, y, NULL), MOTE_OK);
        mote_error error = {0};
        assert_int_equal(mote_compare(context, x, NULL, &tensor, &error), MOTE_OK);
        assert_int_equal(error.count, N);
        assert_int_equal(error.nonfinite, 2);
        assert_int_equal(error.poisoned, nvfp4 ? 14 : 30);
        for (int i = 0; i < N; i++) {
            bool poisoned = i >= 32 && i < (nvfp4 ? 48 : 64);
            assert_true(poisoned ? isnan(y[i]) : !isnan(y[i]));
            if (i >= 64) {
                assert_int_equal(!!signbit(y[i]), i % 2 && block_formats[f] != MOTE_MXINT8);
            }
        }
        unit_free(&tensor);
    }
    mote_context_destroy(context);
}

static void statistics(void **state)
{
    (void)state;
    float x[32] = {7.9f, 1, -2, 0.01f}; /* scale 1: 7.9 saturates at 6, 0.01 is flushed */
    mote_context *context = unit_context(1, NULL);
    mote_tensor tensor = unit_tensor(context, (mote_layout){MOTE_MXFP4_E2M1, 1, 0, {32}});
    mote_error error = {0};
    assert_int_equal(mote_quantize(context, x, NULL, NULL, &tensor), MOTE_OK);
    assert_int_equal(mote_compare(context, x, NULL, &tensor, &error), MOTE_OK);
    assert_int_equal(error.saturated, 1);
    assert_int_equal(error.flushed, 1);
    assert_true(error.maximum_relative == 1);
    double noise = ((double)7.9f - 6) * ((double)7.9f - 6) + (double)0.01f * (double)0.01f;
    assert_true(fabs(error.noise - noise) < 1e-12);
    assert_true(fabs(mote_error_snr(&error) - 10 * log10(error.signal / noise)) < 1e-9);
    mote_summary summary;
    assert_int_equal(mote_summarize(context, &tensor, &summary), MOTE_OK);
    assert_int_equal(summary.count, 32);
    assert_int_equal(summary.zeros, 29);
    assert_int_equal(summary.scales[127], 1);
    assert_int_equal(summary.magnitudes[129], 1); /* 6 */
    assert_true(summary.minimum == -2 && summary.maximum == 6);
    unit_free(&tensor);
    mote_context_destroy(context);
}

/* Stochastic rounding is unbiased: the mean over many seeds comes close to the value. */
static void stochastic_is_unbiased(void **state)
{
    (void)state;
    enum { SEEDS = 4000 };
    float x[32] = {4, 0.3f, -1.2f, 2.9f}, y[32];
    double sum[4] = {0};
    mote_context *context = unit_context(1, NULL);
    mote_tensor tensor = unit_tensor(context, (mote_layout){MOTE_MXFP4_E2M1, 1, 0, {32}});
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        mote_quantize_options options = {MOTE_STOCHASTIC, MOTE_SCALE_FLOOR, seed};
        assert_int_equal(mote_quantize(context, x, NULL, &options, &tensor), MOTE_OK);
        assert_int_equal(mote_dequantize(context, &tensor, y, NULL), MOTE_OK);
        for (int i = 0; i < 4; i++) {
            sum[i] += (double)y[i];
        }
    }
    for (int i = 0; i < 4; i++) {
        /* a step of at most 1, so a standard error of at most 0.5 / sqrt(4000) = 0.008: five of them */
        assert_true(fabs(sum[i] / SEEDS - (double)x[i]) < 0.04);
    }
    unit_free(&tensor);
    mote_context_destroy(context);
}

static void errors_name_the_cause(void **state)
{
    (void)state;
    float x[4] = {0};
    uint8_t code = 16;
    mote_context *context = unit_context(1, NULL);
    mote_layout_sizes sizes;
    mote_layout huge = {MOTE_MXFP4_E2M1, 3, 0, {SIZE_MAX / 2, 3, 5}};
    assert_int_equal(mote_layout_measure(context, &huge, &sizes), MOTE_ERROR_SHAPE);
    mote_layout wide = {MOTE_FP64, 1, 0, {SIZE_MAX / 8}};
    assert_int_equal(mote_layout_measure(context, &wide, &sizes), MOTE_ERROR_SHAPE);
    mote_layout axis = {MOTE_MXFP4_E2M1, 1, 1, {4}};
    assert_int_equal(mote_layout_measure(context, &axis, &sizes), MOTE_ERROR_SHAPE);
    assert_non_null(strstr(mote_context_message(context), "axis 1"));
    mote_layout rank = {MOTE_MXFP4_E2M1, 9, 0, {4}};
    assert_int_equal(mote_layout_measure(context, &rank, &sizes), MOTE_ERROR_SHAPE);
    mote_layout unknown = {(mote_format)99, 1, 0, {4}};
    assert_int_equal(mote_layout_measure(context, &unknown, &sizes), MOTE_ERROR_ARGUMENT);

    mote_tensor tensor = unit_tensor(context, (mote_layout){MOTE_NVFP4, 1, 0, {4}});
    mote_quantize_options options = {MOTE_NEAREST_EVEN, MOTE_SCALE_CEIL, 0};
    assert_int_equal(mote_quantize(context, x, NULL, &options, &tensor), MOTE_ERROR_ARGUMENT);
    assert_non_null(strstr(mote_context_message(context), "nvfp4"));
    options = (mote_quantize_options){(mote_rounding)7, MOTE_SCALE_FLOOR, 0};
    assert_int_equal(mote_quantize(context, x, NULL, &options, &tensor), MOTE_ERROR_ARGUMENT);
    assert_int_equal(mote_quantize(context, NULL, NULL, NULL, &tensor), MOTE_ERROR_ARGUMENT);
    tensor.layout.shape[0] = 1;
    assert_int_equal(mote_codes_pack(context, &code, &tensor), MOTE_ERROR_ARGUMENT);
    assert_non_null(strstr(mote_context_message(context), "does not fit"));
    tensor.layout.format = MOTE_FP64;
    assert_int_equal(mote_quantize(context, x, NULL, NULL, &tensor), MOTE_ERROR_UNSUPPORTED);
    tensor.layout.format = MOTE_INT8;
    assert_int_equal(mote_dequantize(context, &tensor, x, NULL), MOTE_ERROR_UNSUPPORTED);
    unit_free(&tensor);
    mote_context_destroy(context);
}

/* Every code of every format decodes as ref/ says, and the traits agree with the codes. */
static void element_codes(void **state)
{
    (void)state;
    for (int f = 0; f < MOTE_FORMAT_COUNT; f++) {
        const mote_format_traits *traits = mote_format_get((mote_format)f);
        assert_int_equal(mote_format_find(traits->name), f);
        if (traits->element_bits > 16 || traits->kind == MOTE_KIND_CARRIED || f == MOTE_FP8_E8M0 || f == MOTE_Q8_0) {
            continue;
        }
        double largest = 0, smallest = INFINITY;
        for (unsigned code = 0; code < 1u << traits->element_bits; code++) {
            double value = mote_element_value((mote_format)f, code), expected = ref_element_value((mote_format)f, code);
            assert_true(isnan(expected) ? isnan(value) : value == expected && !signbit(value) == !signbit(expected));
            bool minus_two = f == MOTE_MXINT8 && code == 128; /* -128 / 64 decodes but is never made */
            if (isfinite(value) && value != 0 && !minus_two) {
                largest = fmax(largest, fabs(value));
                smallest = fmin(smallest, fabs(value));
            }
        }
        assert_true(traits->largest == largest);
        assert_true(traits->smallest == smallest);
    }
    assert_int_equal(mote_format_find("mxfp4"), MOTE_MXFP4_E2M1);
    assert_int_equal(mote_format_find("mxfp5"), MOTE_FORMAT_COUNT);
}

/* Formats without blocks, from planes of exactly their size. */
static void plain_formats(void **state)
{
    (void)state;
    static const mote_format plain[] = {MOTE_FP8_E4M3, MOTE_FP8_E5M2, MOTE_FP6_E3M2, MOTE_FP6_E2M3,
                                        MOTE_FP4_E2M1, MOTE_BF16,     MOTE_FP16};
    mote_context *context = unit_context(1, NULL);
    for (size_t f = 0; f < sizeof plain / sizeof plain[0]; f++) {
        int bits = mote_format_get(plain[f])->element_bits;
        for (size_t n = 1; n < 20; n++) {
            mote_tensor tensor = {.layout = {plain[f], 1, 0, {n}}, .tensor_scale = 1};
            size_t bytes = (n * (size_t)bits + 7) / 8;
            uint8_t *exact = malloc(bytes);
            float y[20];
            for (size_t i = 0; i < bytes; i++) {
                exact[i] = (uint8_t)(i * 37 + n);
            }
            tensor.elements = exact;
            assert_int_equal(mote_dequantize(context, &tensor, y, NULL), MOTE_OK);
            for (size_t i = 0; i < n; i++) {
                unsigned code = 0;
                for (int b = 0; b < bits; b++) {
                    size_t at = i * (size_t)bits + (size_t)b;
                    code |= (unsigned)(exact[at / 8] >> at % 8 & 1) << b;
                }
                double expected = ref_element_value(plain[f], code);
                assert_true(isnan(expected) ? isnan(y[i]) : (double)y[i] == expected);
            }
            free(exact);
        }
    }
    mote_context_destroy(context);
}

/* Nothing to do is done without touching a pointer; a scalar has no strides. */
static void empty_and_scalar(void **state)
{
    (void)state;
    float one = 3, back = 0;
    mote_context *context = unit_context(2, NULL);
    for (int f = 0; f <= MOTE_NVFP4; f++) {
        mote_tensor nothing = {.layout = {(mote_format)f, 2, 0, {0, (size_t)1 << 40}}};
        mote_tensor exchanged = {.layout = {(mote_format)f, 2, 1, {(size_t)1 << 40, 0}}};
        mote_error error = {0};
        assert_int_equal(mote_quantize(context, NULL, NULL, NULL, &nothing), MOTE_OK);
        assert_int_equal(mote_dequantize(context, &nothing, NULL, NULL), MOTE_OK);
        assert_int_equal(mote_requantize(context, &nothing, NULL, &nothing), MOTE_OK);
        assert_int_equal(mote_compare(context, NULL, NULL, &nothing, &error), MOTE_OK);
        if (f > MOTE_FP16) {
            assert_int_equal(mote_transpose(context, &nothing, &exchanged), MOTE_OK);
            assert_int_equal(mote_codes_unpack(context, &nothing, NULL), MOTE_OK);
        }
        ptrdiff_t *none = malloc(0);
        mote_tensor scalar = unit_tensor(context, (mote_layout){.format = (mote_format)f});
        assert_int_equal(mote_quantize(context, &one, none, NULL, &scalar), MOTE_OK);
        assert_int_equal(mote_dequantize(context, &scalar, &back, none), MOTE_OK);
        assert_true(fabsf(back - 3) < 1e-6f * 3); /* exact but for nvfp4, whose scales are quotients */
        unit_free(&scalar);
        free(none);
    }
    mote_tensor q = unit_tensor(context, (mote_layout){MOTE_Q8_0, 2, 0, {64, 2}});
    float y[128];
    assert_int_equal(mote_dequantize(context, &q, y, NULL), MOTE_ERROR_UNSUPPORTED);
    unit_free(&q);
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(element_codes),
        cmocka_unit_test(every_axis_and_format),
        cmocka_unit_test(large_columns),
        cmocka_unit_test(larger_than_caches),
        cmocka_unit_test(threads_and_levels_agree),
        cmocka_unit_test(strided_arrays),
        cmocka_unit_test(requantize_is_both),
        cmocka_unit_test(parts_are_the_whole),
        cmocka_unit_test(transpose_moves_lines),
        cmocka_unit_test(special_blocks),
        cmocka_unit_test(statistics),
        cmocka_unit_test(stochastic_is_unbiased),
        cmocka_unit_test(errors_name_the_cause),
        cmocka_unit_test(plain_formats),
        cmocka_unit_test(empty_and_scalar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
