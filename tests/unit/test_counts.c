/* What mote_graph_count says a run multiplies and moves, against kernels that count, and against sums written out. */
#include <math.h>

#include "graph/graph.h"
#include "kernels/gemm/product.h"
#include "kernels/kernels.h"
#include "mote/operations.h"
#include "unit.h"

/* ---- kernels that count ---- */

static const mote_kernels *real;
static double executed[MOTE_GEMM_KIND_COUNT];

static void counting_tile(mote_gemm_kind kind, bool careful, int rows, int panels, size_t blocks,
                          const mote_gemm_rows *a, const mote_gemm_columns *b, const mote_gemm_ahead *ahead,
                          float *sums)
{
    executed[kind] += (double)rows * panels * MOTE_GEMM_PANEL * (double)blocks * (mote_gemm_is_nv(kind) ? 16 : 32);
    real->gemm_tile(kind, careful, rows, panels, blocks, a, b, ahead, sums);
}

static void counting_few(mote_gemm_kind kind, const mote_element *element, int rows, int panels, size_t blocks,
                         const mote_gemm_rows *a, const mote_gemm_codes *b, float *sums)
{
    executed[kind] += (double)rows * panels * MOTE_GEMM_PANEL * (double)blocks * 32;
    real->gemm_few(kind, element, rows, panels, blocks, a, b, sums);
}

/* Counted multiply-adds by the kind of arithmetic that their formats get. */
static void by_kind(const mote_context *context, const mote_graph_counts *counts, double sums[MOTE_GEMM_KIND_COUNT])
{
    memset(sums, 0, MOTE_GEMM_KIND_COUNT * sizeof *sums);
    for (int a = 0; a < MOTE_OPERAND_FORMATS; a++) {
        for (int b = 0; b < MOTE_OPERAND_FORMATS; b++) {
            if (counts->multiply_adds[a][b] > 0) {
                sums[mote_gemm_choose(context->cpu, (mote_format)a, (mote_format)b)] += counts->multiply_adds[a][b];
            }
        }
    }
}

/* Runs a graph whose loss is given, forward and backward, and compares. Sizes must be whole tiles and blocks. */
static void check_run(mote_context *context, mote_graph *graph, mote_value result, const char *policy)
{
    mote_graph_counts counts;
    mote_policy_set *set;
    mote_plan *plan;
    const mote_plan_options options = {0};
    double counted[MOTE_GEMM_KIND_COUNT];
    mote_layout layout;
    unit_ok(context, mote_graph_value_layout(graph, result, &layout));
    mote_value loss = mote_graph_mean(graph, result, 0, layout.rank);
    unit_ok(context, mote_graph_differentiate(graph, loss));
    mote_graph_output(graph, loss);
    unit_ok(context, mote_policy_set_create(context, policy, &set));
    unit_ok(context, mote_graph_apply_policy(graph, set));
    mote_policy_set_destroy(context, set);
    unit_ok(context, mote_graph_count(graph, 0, 0, &counts));
    unit_ok(context, mote_plan_create(graph, &options, &plan));
    unit_ok(context, mote_plan_initialize(plan, 1));
    mote_kernels counting = *context->kernels;
    real = context->kernels;
    counting.gemm_tile = counting_tile;
    counting.gemm_few = counting_few;
    memset(executed, 0, sizeof executed);
    context->kernels = &counting;
    unit_ok(context, mote_plan_run(plan, 1));
    context->kernels = real;
    by_kind(context, &counts, counted);
    assert_true(mote_graph_counts_multiply_adds(&counts) > 0);
    for (int k = 0; k < MOTE_GEMM_KIND_COUNT; k++) {
        if (executed[k] != counted[k]) {
            fail_msg("%s, kind %d: %.17g multiply-adds executed, %.17g counted", policy, k, executed[k], counted[k]);
        }
    }
    mote_plan_destroy(plan);
}

static const char *const policies[] = {"fp32",       "bf16",       "mxint8",           "mxfp8",
                                       "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4-w_mxfp6-ag", "nvfp4"};
enum { POLICIES = sizeof policies / sizeof policies[0] };

typedef mote_value builder(mote_graph *graph);

static mote_value parameter(mote_graph *graph, const char *name, int rank, const size_t *shape)
{
    return mote_graph_parameter(graph, name, rank, shape, MOTE_INITIAL_NORMAL, 0.5);
}

static mote_value linear(mote_graph *graph)
{
    mote_value x = parameter(graph, "x", 2, (size_t[]){64, 96});
    return mote_graph_linear(graph, x, parameter(graph, "w", 2, (size_t[]){160, 96}), MOTE_NO_VALUE);
}

/* Few rows take other kernels; no product over them, which would be no whole block. */
static mote_value few_rows(mote_graph *graph)
{
    mote_value x = parameter(graph, "x", 2, (size_t[]){3, 96});
    mote_value w = mote_graph_input(graph, "w", MOTE_FP32, 2, (size_t[]){160, 96});
    return mote_graph_linear(graph, x, w, MOTE_NO_VALUE);
}

static mote_value matmul(mote_graph *graph)
{
    mote_value a = parameter(graph, "a", 3, (size_t[]){2, 64, 96}), b = parameter(graph, "b", 3, (size_t[]){2, 32, 96});
    return mote_graph_matmul(graph, a, b, 0, 1);
}

static mote_value convolution(mote_graph *graph)
{
    const mote_convolution shape = {.stride_height = 1,
                                    .stride_width = 1,
                                    .padding_height = 1,
                                    .padding_width = 1,
                                    .dilation_height = 1,
                                    .dilation_width = 1};
    mote_value x = parameter(graph, "x", 4, (size_t[]){2, 8, 8, 32});
    return mote_graph_convolution(graph, x, parameter(graph, "w", 4, (size_t[]){64, 3, 3, 32}), MOTE_NO_VALUE, &shape);
}

static mote_value cross_entropy(mote_graph *graph)
{
    mote_value targets = mote_graph_input(graph, "targets", MOTE_INT32, 1, (size_t[]){64});
    mote_value x = parameter(graph, "x", 2, (size_t[]){64, 32});
    return mote_graph_linear_cross_entropy(graph, x, parameter(graph, "w", 2, (size_t[]){96, 32}), MOTE_NO_VALUE,
                                           targets);
}

static mote_value pieces_of_linear(mote_graph *graph, void *argument, const mote_value *pieces)
{
    return mote_graph_linear(graph, pieces[0], *(mote_value *)argument, MOTE_NO_VALUE);
}

/* Five pieces of 32 rows, without and with a shorter last one. */
static mote_value pieces(mote_graph *graph)
{
    mote_value x = parameter(graph, "x", 2, (size_t[]){160, 64}), w = parameter(graph, "w", 2, (size_t[]){32, 64});
    mote_pieces_options options = {.count = 1, .values = &x, .axes = (int[]){0}, .length = 32};
    return mote_graph_pieces(graph, &options, pieces_of_linear, &w);
}

static mote_value uneven_pieces(mote_graph *graph)
{
    mote_value x = parameter(graph, "x", 2, (size_t[]){160, 64}), w = parameter(graph, "w", 2, (size_t[]){32, 64});
    mote_pieces_options options = {.count = 1, .values = &x, .axes = (int[]){0}, .length = 64};
    return mote_graph_pieces(graph, &options, pieces_of_linear, &w);
}

static void products_as_executed(void **state)
{
    (void)state;
    static builder *const builders[] = {linear, few_rows, matmul, convolution, cross_entropy, pieces, uneven_pieces};
    for (int level = 0; level <= (int)mote_cpu_best(); level++) {
        mote_context *context = unit_context(1, mote_cpu_level_name((mote_cpu_level)level));
        for (int p = 0; p < POLICIES; p++) {
            for (size_t b = 0; b < sizeof builders / sizeof builders[0]; b++) {
                mote_graph *graph;
                unit_ok(context, mote_graph_create(context, &graph));
                check_run(context, graph, builders[b](graph), policies[p]);
                mote_graph_destroy(graph);
            }
        }
        mote_context_destroy(context);
    }
}

/* On one thread and in FP32 no product of attention is made twice. */
static mote_value attention(mote_graph *graph)
{
    const mote_attention_options options = {.heads = 2};
    mote_value x = parameter(graph, "x", 3, (size_t[]){2, 96, 6 * 32});
    return mote_graph_attention(graph, x, MOTE_NO_VALUE, &options);
}

static mote_value evoformer(mote_graph *graph)
{
    const size_t shape[4] = {2, 64, 2, 32};
    mote_value q = parameter(graph, "q", 4, shape), k = parameter(graph, "k", 4, shape);
    mote_value v = parameter(graph, "v", 4, shape), bias = parameter(graph, "bias", 3, (size_t[]){2, 64, 64});
    return mote_graph_evoformer_attention(graph, q, k, v, MOTE_NO_VALUE, 1, &bias, 0);
}

static void attention_as_executed(void **state)
{
    (void)state;
    static builder *const builders[] = {attention, evoformer};
    mote_context *context = unit_context(1, NULL);
    for (int b = 0; b < 2; b++) {
        mote_graph *graph;
        unit_ok(context, mote_graph_create(context, &graph));
        check_run(context, graph, builders[b](graph), "fp32");
        mote_graph_destroy(graph);
    }
    mote_context_destroy(context);
}

/* ---- pairs that see each other, by looking at each ---- */

static double pairs_of(size_t positions, int causal, size_t window)
{
    double pairs = 0;
    for (size_t i = 0; i < positions; i++) {
        for (size_t j = 0; j < positions; j++) {
            size_t distance = i > j ? i - j : j - i;
            pairs += (!causal || j <= i) && (!window || distance < window);
        }
    }
    return pairs;
}

static void attention_counts_pairs(void **state)
{
    (void)state;
    enum { POSITIONS = 37, HEADS = 3, WIDTH = 5, BATCH = 2 };
    static const size_t windows[] = {0, 1, 4, 36, 37, 100};
    mote_context *context = unit_context(1, NULL);
    for (int causal = 0; causal < 2; causal++) {
        for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++) {
            mote_graph *graph;
            mote_graph_counts counts;
            const mote_attention_options options = {.heads = HEADS, .causal = causal, .window = windows[w]};
            unit_ok(context, mote_graph_create(context, &graph));
            mote_value x = parameter(graph, "x", 3, (size_t[]){BATCH, POSITIONS, 3 * HEADS * WIDTH});
            mote_value y = mote_graph_attention(graph, x, MOTE_NO_VALUE, &options);
            mote_value loss = mote_graph_mean(graph, y, 0, 3);
            mote_graph_output(graph, loss);
            unit_ok(context, mote_graph_differentiate(graph, loss));
            double one = BATCH * HEADS * WIDTH * pairs_of(POSITIONS, causal, windows[w]);
            unit_ok(context, mote_graph_count(graph, 1, 0, &counts));
            assert_true(counts.multiply_adds[MOTE_FP32][MOTE_FP32] == 2 * one);
            unit_ok(context, mote_graph_count(graph, 0, 0, &counts));
            assert_true(counts.multiply_adds[MOTE_FP32][MOTE_FP32] == 7 * one);
            mote_graph_destroy(graph);
        }
    }
    mote_context_destroy(context);
}

/* ---- formats ---- */

static void formats_of_operands(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_graph *graph;
    mote_policy_set *set;
    mote_graph_counts counts;
    unit_ok(context, mote_graph_create(context, &graph));
    mote_value loss = mote_graph_mean(graph, linear(graph), 0, 2);
    mote_graph_output(graph, loss);
    unit_ok(context, mote_graph_differentiate(graph, loss));
    unit_ok(context, mote_policy_set_create(context,
                                            "{\"policy\": \"mxfp4-w_mxfp6-ag\", \"layers\": [{\"match\": \"*\", "
                                            "\"backward\": {\"gradient\": \"bf16\", \"weight\": \"mxint8\"}, "
                                            "\"update\": {\"gradient\": \"mxfp8_e5m2\", \"activation\": "
                                            "\"mxfp8_e4m3\"}}]}",
                                            &set));
    unit_ok(context, mote_graph_apply_policy(graph, set));
    mote_policy_set_destroy(context, set);
    unit_ok(context, mote_graph_count(graph, 0, 0, &counts));
    const double one = 64.0 * 96 * 160;
    assert_true(counts.multiply_adds[MOTE_MXFP6_E3M2][MOTE_MXFP4_E2M1] == one);
    assert_true(counts.multiply_adds[MOTE_BF16][MOTE_MXINT8] == one);
    assert_true(counts.multiply_adds[MOTE_MXFP8_E5M2][MOTE_MXFP8_E4M3] == one);
    assert_true(mote_graph_counts_multiply_adds(&counts) == 3 * one);
    mote_graph_destroy(graph);
    mote_context_destroy(context);
}

/* ---- bytes ---- */

/* Counted bytes of one reach in powers of two, all others being there too. */
static void assert_bytes(const mote_graph_counts *counts, const double expected[MOTE_REACHES])
{
    for (int r = 0; r < MOTE_REACHES; r++) {
        if (counts->bytes[r] != expected[r]) {
            fail_msg("reach %d: %.17g bytes expected, %.17g counted", r, expected[r], counts->bytes[r]);
        }
    }
}

/* x [16, 16] and w [16, 16] of 1024 bytes each: y = x w^T, z = gelu(y), s = y + z, and a view of s, m = mean. */
static void bytes_and_reaches(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_graph *graph;
    mote_graph_counts counts;
    const size_t shape[2] = {16, 16};
    unit_ok(context, mote_graph_create(context, &graph));
    mote_value x = mote_graph_input(graph, "x", MOTE_FP32, 2, shape);
    mote_value y = mote_graph_linear(graph, x, parameter(graph, "w", 2, shape), MOTE_NO_VALUE);
    mote_value z = mote_graph_map(graph, "gelu", y);
    mote_value s = mote_graph_add(graph, y, z);
    mote_value flat = mote_graph_reshape(graph, s, 1, (size_t[]){256});
    mote_graph_output(graph, mote_graph_mean(graph, flat, 0, 1));
    unit_ok(context, mote_graph_count(graph, 0, 0, &counts));
    double expected[MOTE_REACHES] = {0};
    expected[MOTE_REACHES - 1] += 2 * 1024; /* x and w, for the first time */
    expected[11] += 2 * 1024;               /* y made and read at once: [1024, 2048) */
    expected[12] += 1024;                   /* y again, behind z: 2048 */
    expected[12] += 2 * 1024;               /* z made and read behind y: 2048 */
    expected[11] += 2 * 1024;               /* s made and read at once, by its view */
    expected[8] += 4 * 64;                  /* their sum and 1/256, made and read by the product behind them: 128 */
    expected[MOTE_REACHES - 1] += 64;       /* the mean, a line */
    assert_bytes(&counts, expected);
    assert_true(mote_graph_counts_bytes(&counts) == 9 * 1024 + 5 * 64);
    mote_graph_destroy(graph);
    mote_context_destroy(context);
}

static double cost_of(const mote_graph *graph, double *bytes)
{
    double multiply_adds;
    mote_graph_cost(graph, &multiply_adds, bytes);
    return multiply_adds;
}

/* However bytes are told apart, they are as many; and pieces that are cut along the second axis are copied. */
static void sums_are_costs(void **state)
{
    (void)state;
    static builder *const builders[] = {linear, convolution, cross_entropy, pieces, uneven_pieces, attention};
    mote_context *context = unit_context(1, NULL);
    for (size_t b = 0; b < sizeof builders / sizeof builders[0]; b++) {
        mote_graph *graph;
        mote_graph_counts counts;
        double bytes;
        unit_ok(context, mote_graph_create(context, &graph));
        mote_graph_output(graph, builders[b](graph));
        unit_ok(context, mote_graph_count(graph, 0, 0, &counts));
        assert_true(cost_of(graph, &bytes) == mote_graph_counts_multiply_adds(&counts));
        assert_true(bytes == mote_graph_counts_bytes(&counts));
        mote_graph_destroy(graph);
    }
    mote_context_destroy(context);
}

/* x [160, 64] cut in five along rows: bodies read pieces where they lie and the weight as often. */
static void bytes_of_pieces(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_graph *graph;
    mote_graph_counts counts;
    unit_ok(context, mote_graph_create(context, &graph));
    mote_graph_output(graph, pieces(graph));
    unit_ok(context, mote_graph_count(graph, 0, 0, &counts));
    double expected[MOTE_REACHES] = {0};
    expected[MOTE_REACHES - 1] = 4.0 * (160 * 64 + 5 * 32 * 64 + 160 * 32);
    assert_bytes(&counts, expected);
    mote_graph_destroy(graph);
    mote_context_destroy(context);
}

/* ---- what a plan leaves out, or computes twice ---- */

static void recomputed_segments(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_graph *graph;
    mote_graph_counts plain, twice;
    unit_ok(context, mote_graph_create(context, &graph));
    mote_graph_begin_segment(graph);
    mote_value hidden = mote_graph_map(graph, "gelu", linear(graph));
    mote_value y = mote_graph_linear(graph, hidden, parameter(graph, "v", 2, (size_t[]){32, 160}), MOTE_NO_VALUE);
    mote_graph_end_segment(graph);
    mote_value unread = mote_graph_linear(graph, hidden, parameter(graph, "u", 2, (size_t[]){32, 160}), MOTE_NO_VALUE);
    mote_value loss = mote_graph_mean(graph, y, 0, 2);
    mote_graph_output(graph, loss);
    unit_ok(context, mote_graph_differentiate(graph, loss));
    const double first = 64.0 * 96 * 160, second = 64.0 * 160 * 32;
    unit_ok(context, mote_graph_count(graph, 0, 0, &plain));
    assert_true(unread >= 0 && mote_graph_counts_multiply_adds(&plain) == 3 * first + 3 * second);
    unit_ok(context, mote_graph_count(graph, 0, 1, &twice)); /* the first layer again; nobody needs y again */
    assert_true(mote_graph_counts_multiply_adds(&twice) == 4 * first + 3 * second);
    assert_true(mote_graph_counts_bytes(&twice) > mote_graph_counts_bytes(&plain));
    unit_ok(context, mote_graph_count(graph, 1, 0, &plain));
    assert_true(mote_graph_counts_multiply_adds(&plain) == first + second);
    assert_int_equal(mote_graph_count(graph, 0, 2, &twice), MOTE_ERROR_ARGUMENT);
    assert_non_null(strstr(mote_context_message(context), "1 segment"));
    mote_graph_destroy(graph);
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_as_executed),   cmocka_unit_test(attention_as_executed),
        cmocka_unit_test(attention_counts_pairs), cmocka_unit_test(formats_of_operands),
        cmocka_unit_test(bytes_and_reaches),      cmocka_unit_test(sums_are_costs),
        cmocka_unit_test(bytes_of_pieces),        cmocka_unit_test(recomputed_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
