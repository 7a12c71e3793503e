/* Promises of attention with biases and a gate: the same bits everywhere, what hidden keys and large biases do, memory,
 * errors. */
#include "evoformer_problem.h"

#include <float.h>
#include <stdio.h>

#include "base/context.h"

/* ---- bits ---- */

static void same_results(const evo *x, const evo *y, const char *what)
{
    for (int a = 0; a < E_ARRAYS; a++) {
        if (evo_is_result(a) && memcmp(x->arrays[a], y->arrays[a], evo_count(x, a) * sizeof(float)) != 0) {
            fail_msg("%s: %s differs", what, evo_names[a]);
        }
    }
    for (int i = 0; i < x->count; i++) {
        size_t bytes = evo_bias_count(&x->biases[i]) * sizeof(float);
        if (x->biases[i].gradient && y->biases[i].gradient &&
            memcmp(x->biases[i].gradient, y->biases[i].gradient, bytes) != 0) {
            fail_msg("%s: the gradient of bias %d differs", what, i);
        }
    }
    assert_memory_equal(x->statistics, y->statistics, 2 * evo_rows(x) * sizeof(float));
}

/* Biases of every kind: over queries and keys, shared by some leading indices or heads; over queries, over keys, over
 * neither. */
static void add_kinds(evo *p, int kind)
{
    int rank = p->shape.rank + 3;
    unsigned leading = (1u << p->shape.rank) - 1;
    evo_add_bias(p, rank, leading << 3 | 1);           /* a mask of keys */
    evo_add_bias(p, rank, kind == 1 ? 3 : 1 << 3 | 7); /* a pair bias; kind 1: for all heads and indices */
    evo_add_bias(p, rank, 2);                          /* over queries */
    evo_add_bias(p, rank, leading << 3 | 4);           /* over heads and leading indices */
    evo_add_bias(p, 0, 0);                             /* one number */
    if (kind == 2) {
        evo_add_bias(p, rank, leading << 3 | 7); /* whole */
        evo_add_bias(p, 2, 3);
        evo_add_bias(p, 1, 1);
        evo_add_bias(p, rank, leading << 3 | 3);
        evo_add_bias(p, rank, leading << 3 | 2);
    }
}

static void same_everywhere(const evo *p, const mote_policy *policy, const char *name)
{
    mote_context *one = unit_context(1, "c");
    evo_run(one, policy, p);
    mote_context_destroy(one);
    for (int level = 0; level <= (int)mote_cpu_best(); level++) {
        static const int counts[] = {1, 2, 3, 7}; /* with 7 threads, stretches are too few */
        for (int n = 0; n < 4; n++) {
            evo t = evo_twin(p);
            char what[64];
            const char *cpu = mote_cpu_level_name((mote_cpu_level)level);
            mote_context *context = unit_context(counts[n], cpu);
            evo_run(context, policy, &t);
            snprintf(what, sizeof what, "%s, %s, %d threads", name, cpu, counts[n]);
            same_results(p, &t, what);
            mote_context_destroy(context);
            evo_drop(&t);
        }
    }
}

static void same_bits(void **unused)
{
    (void)unused;
    static const char *const policies[] = {"fp32", "mxint8", "mxfp6", "nvfp4", "bf16"};
    for (int n = 0; n < 5; n++) {
        mote_policy policy;
        mote_policy_find(policies[n], &policy);
        policy.seed = 5;
        policy.gradient_rounding = n % 2 ? MOTE_STOCHASTIC : MOTE_NEAREST_EVEN;
        state = 200 + (uint64_t)n;
        for (int kind = 0; kind < 3; kind++) {
            evo p = evo_make((mote_evoformer_shape){2, {2, 2}, 200, 260, 2, 24, 0}, kind != 1);
            add_kinds(&p, kind);
            same_everywhere(&p, &policy, policies[n]);
            evo_drop(&p);
        }
    }
}

/* More heads than a round of sums by key and by query has. */
static void many_heads(void **unused)
{
    (void)unused;
    mote_policy policy;
    mote_policy_find("fp32", &policy);
    state = 240;
    evo p = evo_make((mote_evoformer_shape){2, {3, 130}, 2, 700, 2, 1, 0}, false);
    for (unsigned mask = 0; mask < 8; mask++) {
        evo_add_bias(&p, 4, mask);
    }
    mote_context *one = unit_context(1, NULL);
    evo_run(one, &policy, &p);
    mote_context_destroy(one);
    for (int threads = 2; threads <= 7; threads += 5) {
        evo t = evo_twin(&p);
        mote_context *context = unit_context(threads, NULL);
        evo_run(context, &policy, &t);
        same_results(&p, &t, "threads");
        mote_context_destroy(context);
        evo_drop(&t);
    }
    evo_drop(&p);
}

static void repeated(void **unused)
{
    (void)unused;
    mote_context *context = unit_context(2, NULL);
    mote_policy policy;
    mote_policy_find("fp32", &policy);
    state = 250;
    evo p = evo_make((mote_evoformer_shape){1, {4}, 65, 63, 4, 31, 0}, true);
    add_kinds(&p, 2);
    evo_run(context, &policy, &p);
    evo t = evo_twin(&p);
    for (int i = 0; i < 1000; i++) {
        evo_run(context, &policy, &t);
        same_results(&p, &t, "again");
    }
    evo_drop(&t);
    evo_drop(&p);
    mote_context_destroy(context);
}

/* What is not wanted is not written, and changes nothing else. */
static void unwanted(void **unused)
{
    (void)unused;
    mote_context *context = unit_context(2, NULL);
    mote_policy policy;
    mote_policy_find("fp32", &policy);
    state = 260;
    evo p = evo_make((mote_evoformer_shape){2, {2, 3}, 70, 90, 2, 33, 0}, true);
    add_kinds(&p, 2);
    evo_run(context, &policy, &p);
    for (int left = 0; left < p.count; left++) {
        evo t = evo_twin(&p);
        for (int i = 0; i < p.count; i++) {
            t.biases[i].gradient = i == left ? t.biases[i].gradient : NULL;
        }
        evo_run(context, &policy, &t);
        same_results(&p, &t, "one gradient");
        for (int i = 0; i < p.count; i++) {
            size_t count = evo_bias_count(&p.biases[i]);
            assert_memory_equal(t.values[i], p.values[i], 2 * count * sizeof(float));
        }
        evo_drop(&t);
    }
    evo_drop(&p);
    mote_context_destroy(context);
}

/* Without biases or a gate it is attention, but for the rounding of the scale, and for it exactly where that is 1. */
static void plain_attention(void **unused)
{
    (void)unused;
    enum { LENGTH = 150, HEADS = 3, WIDTH = 40 };
    mote_context *context = unit_context(2, NULL);
    mote_policy policy;
    mote_policy_find("fp32", &policy);
    state = 270;
    evo p = evo_make((mote_evoformer_shape){1, {2}, LENGTH, LENGTH, HEADS, WIDTH, 1}, false);
    mote_attention_shape shape = {2, LENGTH, LENGTH, HEADS, HEADS, WIDTH, 1, 0, 0, NULL};
    mote_attention_array arrays[4];
    float *y = malloc(evo_count(&p, E_Y) * sizeof *y);
    for (int a = 0; a < 4; a++) {
        arrays[a] = (mote_attention_array){a == 3 ? y : p.arrays[a], LENGTH * HEADS * WIDTH, HEADS * WIDTH, WIDTH};
    }
    evo_run(context, &policy, &p);
    unit_ok(context, mote_attention(context, &policy, &shape, &arrays[0], &arrays[1], &arrays[2], &arrays[3], NULL));
    assert_memory_equal(y, p.arrays[E_Y], evo_count(&p, E_Y) * sizeof *y);
    free(y);
    evo_drop(&p);
    mote_context_destroy(context);
}

/* ---- hidden keys and large biases ---- */

static void expect_zeros(const evo *p, int array, size_t i)
{
    size_t row = p->shape.heads * p->shape.width;
    for (size_t n = i * row; n < (i + 1) * row; n++) {
        assert_true(p->arrays[array][n] == 0);
    }
}

/* Rows without a key, whatever V holds. */
static void rows_without_keys(void **unused)
{
    (void)unused;
    enum { LENGTH = 300 };
    static const char *const policies[] = {"fp32", "mxint8", "nvfp4"};
    mote_context *context = unit_context(2, NULL);
    for (int n = 0; n < 3; n++) {
        mote_policy policy;
        mote_policy_find(policies[n], &policy);
        state = 300;
        evo p = evo_make((mote_evoformer_shape){0, {0}, LENGTH, LENGTH, 2, 16, 0}, true);
        evo_add_bias(&p, 3, 3);
        evo_add_bias(&p, 1, 1);
        for (size_t i = 0; i < LENGTH * LENGTH; i++) {
            p.values[0][i] = i / LENGTH % 3 == 0 ? -INFINITY : p.values[0][i];
        }
        evo_run(context, &policy, &p);
        for (size_t i = 0; i < LENGTH; i += 3) {
            expect_zeros(&p, E_Y, i);
            expect_zeros(&p, E_DQ, i);
            expect_zeros(&p, E_DGATE, i);
            for (size_t j = 0; j < LENGTH; j++) {
                assert_true(p.biases[0].gradient[i * LENGTH + j] == 0);
            }
        }
        for (int a = 0; a < E_ARRAYS; a++) {
            for (size_t i = 0; i < evo_count(&p, a) && evo_is_result(a); i++) {
                assert_true(isfinite(p.arrays[a][i]));
            }
        }
        p.arrays[E_V][7] = NAN;
        unit_ok(context, evo_forward(context, &policy, &p));
        expect_zeros(&p, E_Y, 0);
        evo_drop(&p);
    }
    mote_context_destroy(context);
}

/* Beside a bias of -1e9, or FP32's last number, scores of about one are lost: with it everywhere, y is the mean and P
 * 1 / keys in the gradients too; with it in places, the rest is a softmax. */
static void large_biases(void **unused)
{
    (void)unused;
    enum { LENGTH = 200, WIDTH = 8 };
    static const float sizes[] = {-1e9f, -FLT_MAX, FLT_MAX};
    mote_context *context = unit_context(1, NULL);
    mote_policy policy;
    mote_policy_find("fp32", &policy);
    for (int n = 0; n < 3; n++) {
        state = 350;
        evo p = evo_make((mote_evoformer_shape){0, {0}, 2, LENGTH, 1, WIDTH, 0}, false);
        evo_add_bias(&p, 2, 3);
        for (size_t i = 0; i < 2 * LENGTH; i++) {
            p.values[0][i] = i < LENGTH ? sizes[n] : i % LENGTH < 5 ? 0 : -fabsf(sizes[n]);
        }
        evo_run(context, &policy, &p);
        for (size_t d = 0; d < WIDTH; d++) {
            double mean = 0;
            for (size_t j = 0; j < LENGTH; j++) {
                mean += (double)p.arrays[E_V][j * WIDTH + d] / LENGTH;
            }
            assert_true(fabs((double)p.arrays[E_Y][d] - mean) < 1e-6);
        }
        for (size_t j = 0; j < LENGTH; j++) { /* of the first row: dv = dy / keys where the second has none */
            double expected = (double)p.arrays[E_DY][2] / LENGTH;
            assert_true(j < 5 || fabs((double)p.arrays[E_DV][j * WIDTH + 2] - expected) < 1e-7);
            assert_true(j < 5 || p.biases[0].gradient[LENGTH + j] == 0);
        }
        evo few = evo_make((mote_evoformer_shape){0, {0}, 1, 5, 1, WIDTH, 0}, false);
        memcpy(few.arrays[E_Q], p.arrays[E_Q] + WIDTH, WIDTH * sizeof(float));
        memcpy(few.arrays[E_K], p.arrays[E_K], 5 * WIDTH * sizeof(float));
        memcpy(few.arrays[E_V], p.arrays[E_V], 5 * WIDTH * sizeof(float));
        unit_ok(context, evo_forward(context, &policy, &few));
        for (size_t d = 0; d < WIDTH; d++) {
            assert_true(fabsf(few.arrays[E_Y][d] - p.arrays[E_Y][WIDTH + d]) < 1e-6f);
        }
        evo_drop(&few);
        evo_drop(&p);
    }
    mote_context_destroy(context);
}

/* ---- memory and errors ---- */

static mote_fault refuse(void *user, mote_fault_site site)
{
    int *left = user;
    return site == MOTE_FAULT_ALLOCATE && (*left)-- == 0 ? MOTE_FAULT_FAIL : MOTE_FAULT_NONE;
}

static void memory(void **unused)
{
    (void)unused;
    mote_context *context = unit_context(2, NULL);
    mote_policy policy;
    mote_policy_find("mxint8", &policy);
    state = 400;
    evo p = evo_make((mote_evoformer_shape){1, {2}, 40, 50, 2, 32, 0}, true);
    add_kinds(&p, 0);
    evo t = evo_twin(&p);
    int left = 0;
    context->fault = refuse;
    context->fault_user = &left;
    assert_int_equal(evo_forward(context, &policy, &p), MOTE_ERROR_MEMORY);
    assert_non_null(strstr(mote_context_message(context), "out of memory"));
    left = -1;
    unit_ok(context, evo_forward(context, &policy, &p));
    assert_true(context->workspace_bytes == mote_evoformer_workspace(context, &policy, &p.shape, p.count, p.biases, 0));
    memcpy(t.arrays[E_Y], p.arrays[E_Y], evo_count(&p, E_Y) * sizeof(float));
    memcpy(t.statistics, p.statistics, 2 * evo_rows(&p) * sizeof(float));
    left = 0;
    assert_int_equal(evo_backward(context, &policy, &p), MOTE_ERROR_MEMORY);
    same_results(&t, &p, "after a failure");
    left = -1;
    unit_ok(context, evo_backward(context, &policy, &p));
    assert_true(context->workspace_bytes == mote_evoformer_workspace(context, &policy, &p.shape, p.count, p.biases, 1));
    for (size_t width = 1; width <= 2048; width *= 2) {
        mote_evoformer_shape shape = {2, {1, 512}, 1 << 14, 1 << 14, 8, width, 0};
        float nothing;
        mote_evoformer_bias mask = {&nothing, &nothing, 5, {1, 512, 1, 1, 1 << 14}};
        for (int backward = 0; backward < 2; backward++) {
            size_t bytes = mote_evoformer_workspace(context, &policy, &shape, 1, &mask, backward),
                   rows = 512 * 8 * (1 << 14);
            bytes -= backward ? rows * sizeof(float) + (2 << 20) : 0;
            assert_true(bytes > 0 && bytes / 2 < (width <= 128 ? (size_t)2 << 20 : (size_t)14 << 20));
        }
    }
    evo_drop(&t);
    evo_drop(&p);
    mote_context_destroy(context);
}

static void refused(void **unused)
{
    (void)unused;
    mote_context *context = unit_context(1, NULL);
    mote_policy policy;
    mote_policy_find("fp32", &policy);
    state = 450;
    evo p = evo_make((mote_evoformer_shape){1, {2}, 5, 6, 3, 8, 0}, false);
    evo_add_bias(&p, 4, 15);
#define FAILS(change, status)                                                                                          \
    do {                                                                                                               \
        evo t = p;                                                                                                     \
        change;                                                                                                        \
        assert_int_equal(evo_forward(context, &policy, &t), status);                                                   \
        assert_true(strlen(mote_context_message(context)) > 8);                                                        \
        assert_int_equal(evo_backward(context, &policy, &t), status);                                                  \
    } while (0)
    FAILS(t.shape.width = 0, MOTE_ERROR_SHAPE);
    FAILS(t.shape.width = 4096, MOTE_ERROR_SHAPE);
    FAILS(t.shape.rank = 7, MOTE_ERROR_SHAPE);
    FAILS(t.shape.rank = -1, MOTE_ERROR_SHAPE);
    FAILS(t.shape.leading[0] = SIZE_MAX / 8, MOTE_ERROR_SHAPE);
    FAILS(t.shape.keys = SIZE_MAX / 64, MOTE_ERROR_SHAPE);
    FAILS(t.shape.scale = NAN, MOTE_ERROR_ARGUMENT);
    FAILS(t.biases[0].shape[3] = 5, MOTE_ERROR_SHAPE);
    FAILS(t.biases[0].shape[0] = 3, MOTE_ERROR_SHAPE);
    FAILS(t.biases[0].rank = 5, MOTE_ERROR_SHAPE);
    FAILS(t.biases[0].values = NULL, MOTE_ERROR_ARGUMENT);
    FAILS(t.count = -1, MOTE_ERROR_ARGUMENT);
    FAILS(t.arrays[E_K] = NULL, MOTE_ERROR_ARGUMENT);
    FAILS(t.arrays[E_Y] = NULL, MOTE_ERROR_ARGUMENT);
#undef FAILS
    float *statistics = p.statistics;
    p.statistics = NULL;
    unit_ok(context, evo_forward(context, &policy, &p)); /* not wanted */
    assert_int_equal(evo_backward(context, &policy, &p), MOTE_ERROR_ARGUMENT);
    p.statistics = statistics;
    mote_evoformer_shape shape = p.shape;
    shape.rank = 7;
    assert_true(mote_evoformer_workspace(context, &policy, &shape, 0, NULL, 0) == 0);
    evo_drop(&p);
    mote_context_destroy(context);
}

/* No keys: zeros. No queries: zero gradients of keys and biases. Nothing at all: nothing. */
static void empty(void **unused)
{
    (void)unused;
    static const mote_evoformer_shape shapes[] = {
        {1, {2}, 5, 0, 2, 8, 0}, {1, {2}, 0, 5, 2, 8, 0}, {1, {0}, 5, 5, 2, 8, 0}, {1, {2}, 5, 5, 0, 8, 0}};
    mote_context *context = unit_context(2, NULL);
    mote_policy policy;
    mote_policy_find("mxint8", &policy);
    for (int n = 0; n < 4; n++) {
        evo p = evo_make(shapes[n], true);
        add_kinds(&p, 2);
        evo_run(context, &policy, &p);
        for (int a = 0; a < E_ARRAYS; a++) {
            for (size_t i = 0; i < evo_count(&p, a) && evo_is_result(a); i++) {
                assert_true(p.arrays[a][i] == 0);
            }
        }
        for (int b = 0; b < p.count; b++) {
            for (size_t i = 0; i < evo_bias_count(&p.biases[b]); i++) {
                assert_true(p.biases[b].gradient[i] == 0);
            }
        }
        evo_drop(&p);
    }
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),    cmocka_unit_test(many_heads),      cmocka_unit_test(repeated),
        cmocka_unit_test(unwanted),     cmocka_unit_test(plain_attention), cmocka_unit_test(rows_without_keys),
        cmocka_unit_test(large_biases), cmocka_unit_test(memory),          cmocka_unit_test(refused),
        cmocka_unit_test(empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
