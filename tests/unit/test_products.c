/* Products through the C interface: what Python does not reach. Bounds and bits are checked in tests/python. */
#include "unit.h"

#include "base/context.h"
#include "kernels/gemm/operand.h"
#include "mote/linear.h"

enum { ROWS = 19, INPUTS = 70, OUTPUTS = 37 };

static float x[ROWS * INPUTS], w[OUTPUTS * INPUTS], dy[ROWS * OUTPUTS];

static void fill(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)((int)(i * 2654435761u >> 20 & 0xFFF) - 2048) * 0x1p-9f;
    }
}

static int prepare(void **state)
{
    (void)state;
    fill(x, ROWS * INPUTS);
    fill(w, OUTPUTS * INPUTS);
    fill(dy, ROWS * OUTPUTS);
    return 0;
}

static mote_operand array(const float *values, size_t rows, size_t columns, const ptrdiff_t *strides,
                          mote_format format)
{
    return (mote_operand){.values = values, .rank = 2, .shape = {rows, columns}, .strides = strides, .format = format};
}

/* Arrays with gaps between their rows give the same bits, and the gaps of y stay as they were. */
static void leading_dimensions(void **state)
{
    (void)state;
    enum { GAP = 5, WIDE = INPUTS + GAP, WIDE_Y = OUTPUTS + GAP };
    mote_context *context = unit_context(2, NULL);
    float wide_x[ROWS * WIDE], wide_w[OUTPUTS * WIDE], y[ROWS * OUTPUTS], wide_y[ROWS * WIDE_Y];
    for (size_t r = 0; r < ROWS; r++) {
        memcpy(wide_x + r * WIDE, x + r * INPUTS, INPUTS * sizeof *x);
    }
    for (size_t r = 0; r < OUTPUTS; r++) {
        memcpy(wide_w + r * WIDE, w + r * INPUTS, INPUTS * sizeof *w);
    }
    for (int p = 0; mote_policy_name(p); p++) {
        mote_policy policy;
        assert_int_equal(mote_policy_find(mote_policy_name(p), &policy), 1);
        memset(wide_y, 0x5A, sizeof wide_y);
        unit_ok(context, mote_linear(context, &policy, ROWS, INPUTS, OUTPUTS, x, 0, w, 0, NULL, y, 0));
        unit_ok(context,
                mote_linear(context, &policy, ROWS, INPUTS, OUTPUTS, wide_x, WIDE, wide_w, WIDE, NULL, wide_y, WIDE_Y));
        for (size_t r = 0; r < ROWS; r++) {
            assert_memory_equal(wide_y + r * WIDE_Y, y + r * OUTPUTS, OUTPUTS * sizeof *y);
            for (size_t g = OUTPUTS; g < WIDE_Y; g++) {
                uint32_t bits;
                memcpy(&bits, wide_y + r * WIDE_Y + g, sizeof bits);
                assert_int_equal(bits, 0x5A5A5A5A);
            }
        }
    }
    mote_context_destroy(context);
}

static void accumulation(void **state)
{
    (void)state;
    mote_context *context = unit_context(2, NULL);
    mote_policy policy;
    float dw[OUTPUTS * INPUTS], twice[OUTPUTS * INPUTS], db[OUTPUTS], twice_b[OUTPUTS];
    mote_policy_find("mxint8", &policy);
    unit_ok(context,
            mote_linear_backward(context, &policy, ROWS, INPUTS, OUTPUTS, x, 0, w, 0, dy, 0, 0, NULL, 0, dw, 0, db));
    memcpy(twice, dw, sizeof dw);
    memcpy(twice_b, db, sizeof db);
    unit_ok(context, mote_linear_backward(context, &policy, ROWS, INPUTS, OUTPUTS, x, 0, w, 0, dy, 0, 1, NULL, 0, twice,
                                          0, twice_b));
    for (size_t i = 0; i < OUTPUTS * INPUTS; i++) {
        assert_true(twice[i] == 2 * dw[i]); /* doubling is exact */
    }
    for (size_t i = 0; i < OUTPUTS; i++) {
        assert_true(twice_b[i] == 2 * db[i]);
    }
    mote_context_destroy(context);
}

/* A packed operand belongs to no context and outlives the one that made it. */
static void packed_without_its_context(void **state)
{
    (void)state;
    mote_context *maker = unit_context(1, NULL), *user = unit_context(2, "c");
    ptrdiff_t turned[2] = {1, INPUTS};
    mote_operand a = array(x, ROWS, INPUTS, NULL, MOTE_MXFP6_E2M3);
    mote_operand b = array(w, INPUTS, OUTPUTS, turned, MOTE_MXFP4_E2M1);
    float y[ROWS * OUTPUTS], z[ROWS * OUTPUTS];
    mote_packed *packed;
    unit_ok(maker, mote_pack(maker, &b, &packed));
    unit_ok(maker, mote_matmul(maker, &a, &b, NULL, 0, y, NULL));
    mote_context_destroy(maker);
    assert_int_equal(mote_packed_rows(packed), INPUTS);
    assert_int_equal(mote_packed_columns(packed), OUTPUTS);
    assert_int_equal(mote_packed_format(packed), MOTE_MXFP4_E2M1);
    unit_ok(user, mote_matmul_packed(user, &a, packed, NULL, 0, z, NULL));
    assert_memory_equal(y, z, sizeof y);
    mote_packed_destroy(packed);
    mote_context_destroy(user);
}

static mote_fault refuse(void *user, mote_fault_site site)
{
    int *left = user;
    return site == MOTE_FAULT_ALLOCATE && (*left)-- == 0 ? MOTE_FAULT_FAIL : MOTE_FAULT_NONE;
}

/* Every allocation fails once; the call says so, and works again afterwards. */
static void no_memory(void **state)
{
    (void)state;
    mote_context *context = unit_context(2, NULL);
    ptrdiff_t turned[2] = {1, INPUTS};
    mote_operand a = array(x, ROWS, INPUTS, NULL, MOTE_MXINT8), b = array(w, INPUTS, OUTPUTS, turned, MOTE_MXINT8);
    mote_convolution shape = {1, 1, ROWS, INPUTS, OUTPUTS, 1, 1, 1, 1, 0, 0, 1, 1};
    mote_policy policy;
    float y[ROWS * OUTPUTS];
    mote_packed *packed = NULL;
    int left = 0;
    mote_policy_find("mxfp6", &policy);
    context->fault = refuse;
    context->fault_user = &left;
    assert_int_equal(mote_matmul(context, &a, &b, NULL, 0, y, NULL), MOTE_ERROR_MEMORY);
    assert_non_null(strstr(mote_context_message(context), "out of memory"));
    left = 0;
    assert_int_equal(mote_convolve(context, &policy, &shape, x, w, NULL, y), MOTE_ERROR_MEMORY);
    left = 0;
    assert_int_equal(mote_pack(context, &b, &packed), MOTE_ERROR_MEMORY);
    assert_null(packed);
    left = -1;
    unit_ok(context, mote_matmul(context, &a, &b, NULL, 0, y, NULL));
    left = 0; /* the second call of a size allocates nothing */
    unit_ok(context, mote_matmul(context, &a, &b, NULL, 0, y, NULL));
    assert_int_equal(left, 0);
    mote_context_destroy(context);
}

enum { MANY = 257, LONG = 130, WIDE = 131 }; /* large enough to be worked on by all threads */

static struct {
    float x[MANY * LONG], other[MANY * LONG], w[2][WIDE * LONG], y[MANY * WIDE], z[2][MANY * WIDE];
    ptrdiff_t turned[2];
} many = {.turned = {1, LONG}};

/* y = x times weight number which, whose rows are known by identity; or not, where it is 0. */
static void multiply_many(mote_context *context, const float *values, uint64_t identity, int which, mote_format format,
                          mote_quantize_options options, float *y)
{
    mote_operand a = array(values, MANY, LONG, NULL, format), b = array(many.w[which], LONG, WIDE, many.turned, format);
    a.options = options;
    if (identity) {
        unit_ok(context, mote_matmul_known(context, &a, identity, &b, NULL, y));
    } else {
        unit_ok(context, mote_matmul(context, &a, &b, NULL, 0, y, NULL));
    }
}

/* The product with weight 1 gives the bits of expected. */
static void expect_many(mote_context *context, const float *values, uint64_t identity, mote_format format,
                        mote_quantize_options options, const float *expected)
{
    multiply_many(context, values, identity, 1, format, options, many.y);
    assert_memory_equal(many.y, expected, sizeof many.y);
}

/* Whether known rows serve again shows where the values were exchanged, against the rules, before the product. */
static void known_rows(void **state)
{
    (void)state;
    static const mote_format formats[] = {MOTE_MXINT8,     MOTE_MXFP6_E3M2, MOTE_MXFP4_E2M1,
                                          MOTE_MXFP8_E4M3, MOTE_NVFP4,      MOTE_BF16};
    const mote_quantize_options nearest = {0}, even = {.scale_rule = MOTE_SCALE_EVEN},
                                random = {.rounding = MOTE_STOCHASTIC, .seed = 1},
                                again = {.rounding = MOTE_STOCHASTIC, .seed = 2};
    fill(many.x, MANY * LONG);
    fill(many.w[0], 2 * WIDE * LONG);
    for (size_t i = 0; i < MANY * LONG; i++) {
        many.other[i] = -many.x[i]; /* of the same largest magnitude, which nvfp4 scales by */
    }
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        mote_format format = formats[f];
        mote_context *context = unit_context(2, NULL);
        context->level2_bytes = 4 << 20; /* all rows fit */
        float *of_x = many.z[0], *of_other = many.z[1];
        multiply_many(context, many.x, 0, 1, format, nearest, of_x);
        multiply_many(context, many.other, 0, 1, format, nearest, of_other);
        multiply_many(context, many.x, 1, 0, format, nearest, many.y);
        expect_many(context, many.x, 1, format, nearest, of_x);         /* the same x */
        expect_many(context, many.other, 1, format, nearest, of_x);     /* its rows serve again */
        expect_many(context, many.other, 2, format, nearest, of_other); /* another number */
        multiply_many(context, many.x, 0, 0, format, nearest, many.y);  /* this uses the workspace */
        expect_many(context, many.other, 2, format, nearest, of_other);
        mote_forget_rows(context);
        expect_many(context, many.x, 2, format, nearest, of_x);
        if (format != MOTE_BF16 && format != MOTE_NVFP4) { /* other options */
            mote_forget_rows(context);
            multiply_many(context, many.other, 2, 1, format, even, many.y);
            expect_many(context, many.x, 2, format, nearest, of_x);
        }
        context->level2_bytes = 1 << 16; /* they do not */
        mote_forget_rows(context);
        expect_many(context, many.x, 2, format, nearest, of_x);
        expect_many(context, many.other, 2, format, nearest, of_other);
        context->level2_bytes = 4 << 20;
        multiply_many(context, many.x, 0, 1, format, again, of_x);
        multiply_many(context, many.x, 2, 1, format, random, many.y);
        expect_many(context, many.x, 2, format, again, of_x);
        mote_context_destroy(context);
    }
}

enum { PIECES = 3, HEIGHT = 256, CHANNELS = 128, WHOLE = PIECES * HEIGHT * CHANNELS };

/* Two layers of one x, and a third of their sum. */
static mote_value three_layers(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const mote_value *weights = argument;
    mote_value a = mote_graph_linear(graph, *pieces, weights[0], MOTE_NO_VALUE);
    mote_value b = mote_graph_linear(graph, *pieces, weights[1], MOTE_NO_VALUE);
    return mote_graph_linear(graph, mote_graph_add(graph, a, b), weights[2], MOTE_NO_VALUE);
}

static mote_value one_layer(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const mote_value *weights = argument;
    return mote_graph_linear(graph, *pieces, weights[0], MOTE_NO_VALUE);
}

/* What a layer of the plan should give. */
static void expect_layer(mote_context *context, const mote_plan *plan, const float *values, size_t rows,
                         mote_value weight, float *y)
{
    mote_policy policy;
    mote_policy_find("mxint8", &policy);
    unit_ok(context, mote_linear(context, &policy, rows, CHANNELS, CHANNELS, values, 0, mote_plan_data(plan, weight), 0,
                                 NULL, y, 0));
}

/* Pieces of x lie behind one number one after the other, behind that of another input of the graph around them, and so
 * do the inputs of two runs. */
static void layers_of_one_x(void **state)
{
    (void)state;
    static float sums[WHOLE], expected[WHOLE];
    const size_t rows = (size_t)PIECES * HEIGHT, piece_bytes = (size_t)HEIGHT * CHANNELS * sizeof *sums;
    mote_context *context = unit_context(2, NULL);
    mote_policy_set *set;
    mote_graph *graph;
    mote_plan *plan;
    mote_value weights[3], y[4];
    context->level2_bytes = 4 << 20; /* a piece's rows fit */
    unit_ok(context, mote_graph_create(context, &graph));
    mote_value around = mote_graph_input(graph, "around", MOTE_FP32, 2, (size_t[]){HEIGHT, CHANNELS});
    mote_value cut = mote_graph_input(graph, "cut", MOTE_FP32, 3, (size_t[]){PIECES, HEIGHT, CHANNELS});
    mote_pieces_options options = {1, &cut, (int[]){0}, 1, 0, MOTE_FP32};
    for (int i = 0; i < 3; i++) {
        weights[i] = mote_graph_parameter(graph, (const char *[]){"a", "b", "c"}[i], 2, (size_t[]){CHANNELS, CHANNELS},
                                          MOTE_INITIAL_NORMAL, 1);
    }
    y[0] = mote_graph_linear(graph, around, weights[0], MOTE_NO_VALUE);
    y[1] = mote_graph_pieces(graph, &options, three_layers, weights);
    y[2] = mote_graph_pieces(graph, &options, one_layer, weights);
    y[3] = mote_graph_linear(graph, around, weights[1], MOTE_NO_VALUE);
    for (int i = 0; i < 4; i++) {
        mote_graph_output(graph, y[i]);
    }
    unit_ok(context, mote_policy_set_create(context, "mxint8", &set));
    unit_ok(context, mote_graph_apply_policy(graph, set));
    mote_policy_set_destroy(context, set);
    unit_ok(context, mote_plan_create(graph, &(mote_plan_options){0}, &plan));
    unit_ok(context, mote_plan_initialize(plan, 1));
    float *outer = mote_plan_data(plan, around), *inner = mote_plan_data(plan, cut);
    for (size_t run = 0; run < 2; run++) {
        for (size_t i = 0; i < WHOLE; i++) {
            inner[i] = unit_value(i + run);
            outer[i % (HEIGHT * CHANNELS)] = unit_value(2 * i + run + 1);
        }
        unit_ok(context, mote_plan_run(plan, 1));
        for (int i = 0; i < 2; i++) {
            expect_layer(context, plan, outer, HEIGHT, weights[i], expected);
            assert_memory_equal(mote_plan_data(plan, y[3 * i]), expected, piece_bytes);
        }
        expect_layer(context, plan, inner, rows, weights[0], sums);
        assert_memory_equal(mote_plan_data(plan, y[2]), sums, sizeof sums);
        expect_layer(context, plan, inner, rows, weights[1], expected);
        for (size_t i = 0; i < WHOLE; i++) {
            sums[i] += expected[i];
        }
        expect_layer(context, plan, sums, rows, weights[2], expected);
        assert_memory_equal(mote_plan_data(plan, y[1]), expected, sizeof expected);
    }
    mote_plan_destroy(plan);
    mote_graph_destroy(graph);
    mote_context_destroy(context);
}

static void hostile_shapes(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    const size_t huge = (size_t)1 << 40;
    float y[ROWS * OUTPUTS];
    mote_operand a = array(x, huge, huge, NULL, MOTE_FP32), b = array(w, huge, huge, NULL, MOTE_FP32);
    size_t height, width;
    assert_int_equal(mote_matmul(context, &a, &b, NULL, 0, y, NULL), MOTE_ERROR_SHAPE);
    a = array(x, ROWS, INPUTS, NULL, MOTE_FP64);
    b = array(w, INPUTS, OUTPUTS, NULL, MOTE_FP32);
    assert_int_equal(mote_matmul(context, &a, &b, NULL, 0, y, NULL), MOTE_ERROR_UNSUPPORTED);
    a = array(x, ROWS, INPUTS, NULL, (mote_format)99);
    assert_int_equal(mote_matmul(context, &a, &b, NULL, 0, y, NULL), MOTE_ERROR_UNSUPPORTED);
    a = array(NULL, ROWS, INPUTS, NULL, MOTE_FP32);
    assert_int_equal(mote_matmul(context, &a, &b, NULL, 0, y, NULL), MOTE_ERROR_ARGUMENT);
    a = array(NULL, ROWS, INPUTS, NULL, MOTE_NVFP4);
    assert_int_equal(mote_matmul(context, &a, &b, NULL, 0, y, NULL), MOTE_ERROR_ARGUMENT);
    a = array(x, ROWS, INPUTS, NULL, MOTE_FP32);
    assert_int_equal(mote_matmul(context, &a, &b, NULL, 0, NULL, NULL), MOTE_ERROR_ARGUMENT);
    ptrdiff_t across[2] = {1, ROWS};
    assert_int_equal(mote_matmul(context, &a, &b, NULL, 0, y, across), MOTE_ERROR_ARGUMENT);
    a.rank = 9;
    assert_int_equal(mote_matmul(context, &a, &b, NULL, 0, y, NULL), MOTE_ERROR_SHAPE);
    mote_convolution shape = {1, 5, 5, 1, 1, 3, 3, 1, 1, SIZE_MAX / 2 + 1, 0, 1, 1};
    assert_int_equal(mote_convolution_output(context, &shape, &height, &width), MOTE_ERROR_SHAPE);
    shape = (mote_convolution){1, 5, 5, 1, 1, 3, 3, 1, 1, 0, 0, SIZE_MAX, 1};
    assert_int_equal(mote_convolution_output(context, &shape, &height, &width), MOTE_ERROR_SHAPE);
    shape = (mote_convolution){1, 5, 5, 1, 1, 3, 3, 0, 1, 0, 0, 1, 1};
    assert_int_equal(mote_convolution_output(context, &shape, &height, &width), MOTE_ERROR_SHAPE);
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leading_dimensions),
        cmocka_unit_test(accumulation),
        cmocka_unit_test(packed_without_its_context),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(known_rows),
        cmocka_unit_test(layers_of_one_x),
        cmocka_unit_test(hostile_shapes),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
