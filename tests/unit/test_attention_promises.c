/* Attention's promises: the same bits everywhere, masks that nothing passes, memory, errors. */
#include "attention_problem.h"

#include <math.h>
#include <stdio.h>

#include "base/context.h"
#include "kernels/attention/attention.h"

/* ---- bits ---- */

static bool is_result(int array) { return array == Y || array >= DQ; }

/* The same inputs and masks, other memory for results. */
static problem twin(const problem *p)
{
    problem t = *p;
    for (int a = 0; a < ARRAYS; a++) {
        t.memory[a] = NULL;
        if (is_result(a)) {
            t.memory[a] = malloc((p->counts[a] + 1) * sizeof(float));
            memcpy(t.memory[a], p->memory[a], p->counts[a] * sizeof(float));
            t.arrays[a].values = t.memory[a];
        }
    }
    t.logsumexp = calloc(p->shape.batch * p->shape.heads * p->shape.queries + 1, sizeof(float));
    t.segments = NULL;
    return t;
}

static void same_results(const problem *x, const problem *y, const char *what)
{
    for (int a = 0; a < ARRAYS; a++) {
        if (is_result(a) && memcmp(x->memory[a], y->memory[a], x->counts[a] * sizeof(float)) != 0) {
            fail_msg("%s: %s differs", what, names[a]);
        }
    }
    assert_memory_equal(x->logsumexp, y->logsumexp, x->shape.batch * x->shape.heads * x->shape.queries * sizeof(float));
}

static void same_everywhere(const problem *p, const mote_policy *policy, const char *name)
{
    mote_context *one = unit_context(1, "c");
    run(one, policy, p, true);
    mote_context_destroy(one);
    for (int level = 0; level <= (int)mote_cpu_best(); level++) {
        for (int threads = 1; threads <= 3; threads++) {
            problem t = twin(p);
            char what[64];
            mote_context *context = unit_context(threads, mote_cpu_level_name((mote_cpu_level)level));
            run(context, policy, &t, true);
            snprintf(what, sizeof what, "%s, %s, %d threads", name, mote_cpu_level_name((mote_cpu_level)level),
                     threads);
            same_results(p, &t, what);
            mote_context_destroy(context);
            drop(&t);
        }
    }
}

/* Every instruction set and number of threads, with the backward pass in one part and in two. */
static void same_bits(void **unused)
{
    (void)unused;
    mote_policy policy;
    for (int n = 0; mote_policy_name(n); n++) {
        mote_policy_find(mote_policy_name(n), &policy);
        policy.seed = 5;
        policy.gradient_rounding = n % 2 ? MOTE_STOCHASTIC : MOTE_NEAREST_EVEN;
        policy.rounding = n % 4 == 1 ? MOTE_STOCHASTIC : MOTE_NEAREST_EVEN;
        state = 200 + (uint64_t)n;
        problem large = make((mote_attention_shape){1, 310, 450, 1, 1, 40, 0, 1, 0, NULL}, false, NULL);
        same_everywhere(&large, &policy, mote_policy_name(n));
        drop(&large);
        problem grouped = make((mote_attention_shape){2, 70, 70, 4, 2, 24, 0, 0, 50, NULL}, true, NULL);
        same_everywhere(&grouped, &policy, mote_policy_name(n));
        drop(&grouped);
    }
}

/* A sequence alone and as the last of a batch. (Stochastic rounding goes by position in the whole.) */
static void alone_or_in_a_batch(void **unused)
{
    (void)unused;
    mote_context *context = unit_context(2, NULL);
    for (int n = 0; mote_policy_name(n); n++) {
        mote_policy policy;
        mote_policy_find(mote_policy_name(n), &policy);
        state = 300;
        problem p = make((mote_attention_shape){3, 130, 130, 2, 1, 33, 0, 1, 0, NULL}, n % 2 != 0, NULL);
        run(context, &policy, &p, true);
        problem t = twin(&p);
        for (int a = 0; a < ARRAYS; a++) {
            t.arrays[a].values += 2 * t.arrays[a].batch;
        }
        t.shape.batch = 1;
        run(context, &policy, &t, true);
        for (int a = 0; a < ARRAYS; a++) {
            if (is_result(a)) {
                assert_memory_equal(p.memory[a], t.memory[a], p.counts[a] * sizeof(float));
            }
        }
        assert_memory_equal(p.logsumexp + 2 * 2 * 130, t.logsumexp, 2 * 130 * sizeof(float));
        drop(&t);
        drop(&p);
    }
    mote_context_destroy(context);
}

/* ---- what is not seen, and what is not a number ---- */

/* Documents between padding, whose values are anything: the results are those with zeros there, and 0 in the padding.
 */
static void padding_does_not_matter(void **unused)
{
    (void)unused;
    enum { LENGTH = 200, HEADS = 2, WIDTH = 40 };
    static const char *const policies[] = {"fp32", "bf16", "fp16"};
    int32_t segments[LENGTH];
    mote_context *context = unit_context(2, NULL);
    for (int i = 0; i < LENGTH; i++) {
        segments[i] = i < 11 || (i >= 75 && i < 80) || i >= 190 ? -1 : i < 75 ? 3 : i < 150 ? 1 : 2;
    }
    for (int n = 0; n < 6; n++) {
        mote_policy policy;
        mote_policy_find(policies[n / 2], &policy);
        state = 400;
        mote_attention_shape shape = {1, LENGTH, LENGTH, HEADS, HEADS, WIDTH, 0, n % 2, 0, NULL};
        problem clean = make(shape, false, segments), dirty;
        for (int a = 0; a < ARRAYS; a++) {
            for (size_t i = 0; i < LENGTH * (size_t)clean.arrays[a].position && !is_result(a); i++) {
                bool padding = segments[i / (size_t)clean.arrays[a].position] < 0;
                clean.memory[a][i] = padding ? 0 : clean.memory[a][i];
            }
        }
        run(context, &policy, &clean, true);
        dirty = twin(&clean);
        for (int a = 0; a < ARRAYS; a++) {
            for (size_t i = 0; i < LENGTH * (size_t)clean.arrays[a].position && !is_result(a); i++) {
                bool padding = segments[i / (size_t)clean.arrays[a].position] < 0;
                clean.memory[a][i] = padding ? (i % 3 ? NAN : i % 2 ? INFINITY : 1e30f) : clean.memory[a][i];
            }
        }
        run(context, &policy, &dirty, true);
        for (size_t i = 0; i < LENGTH * HEADS * WIDTH; i++) {
            size_t position = i / (HEADS * WIDTH), h = i / WIDTH % HEADS, d = i % WIDTH;
            for (int a = 0; a < ARRAYS; a++) {
                float x = is_result(a) ? at(&clean, a, 0, position, h)[d] : 0;
                float y = is_result(a) ? at(&dirty, a, 0, position, h)[d] : 0;
                if (!(x == y && (segments[position] >= 0 || y == 0))) {
                    fail_msg("%s: %s[%zu][%zu][%zu]: %g with zeros in the padding, %g", policies[n / 2], names[a],
                             position, h, d, (double)x, (double)y);
                }
            }
        }
        assert_true(clean.logsumexp[0] == -INFINITY && dirty.logsumexp[0] == -INFINITY);
        drop(&dirty);
        drop(&clean);
    }
    mote_context_destroy(context);
}

/* A NaN or an infinity reaches what sees it and nothing else. */
static void strange_numbers_spread_no_further(void **unused)
{
    (void)unused;
    enum { LENGTH = 100, WIDTH = 24, STRANGE = 41 };
    mote_context *context = unit_context(2, NULL);
    mote_policy policy;
    mote_policy_find("fp32", &policy);
    for (int n = 0; n < 8; n++) {
        static const int arrays[] = {Q, K, V, DY};
        state = 500;
        problem p = make((mote_attention_shape){1, LENGTH, LENGTH, 1, 1, WIDTH, 0, 1, 0, NULL}, false, NULL);
        run(context, &policy, &p, true);
        problem t = twin(&p);
        at(&p, arrays[n / 2], 0, STRANGE, 0)[3] = n % 2 ? INFINITY : NAN;
        run(context, &policy, &t, true);
        for (size_t i = 0; i < LENGTH; i++) {
            bool forward = arrays[n / 2] == Q ? i == STRANGE : arrays[n / 2] != DY && i >= STRANGE;
            bool same = memcmp(at(&p, Y, 0, i, 0), at(&t, Y, 0, i, 0), WIDTH * sizeof(float)) == 0;
            assert_true(same == !forward);
            assert_true(!forward || n % 2 || isnan(at(&t, Y, 0, i, 0)[arrays[n / 2] == V ? 3 : 0]));
            bool query = arrays[n / 2] == Q || arrays[n / 2] == DY ? i == STRANGE : i >= STRANGE;
            assert_true(query || memcmp(at(&p, DQ, 0, i, 0), at(&t, DQ, 0, i, 0), WIDTH * sizeof(float)) == 0);
            bool later = (arrays[n / 2] == Q || arrays[n / 2] == DY) && i > STRANGE;
            assert_true(!later || memcmp(at(&p, DV, 0, i, 0), at(&t, DV, 0, i, 0), WIDTH * sizeof(float)) == 0);
            assert_true(!later || memcmp(at(&p, DK, 0, i, 0), at(&t, DK, 0, i, 0), WIDTH * sizeof(float)) == 0);
        }
        drop(&t);
        drop(&p);
    }
    mote_context_destroy(context);
}

/* Scores at the ends of FP32: far apart, equal and huge, -infinity. */
static void extreme_scores(void **unused)
{
    (void)unused;
    enum { KEYS = 40 };
    static const char *const policies[] = {"fp32", "mxint8", "mxfp6_e2m3"};
    mote_context *context = unit_context(1, NULL);
    for (int n = 0; n < 3; n++) {
        mote_policy policy;
        mote_policy_find(policies[n], &policy);
        problem p = make((mote_attention_shape){1, 4, KEYS, 1, 1, 1, 1, 0, 0, NULL}, false, NULL);
        for (size_t j = 0; j < KEYS; j++) {
            *at(&p, K, 0, j, 0) = j == 7 ? 1 : -1;
            *at(&p, V, 0, j, 0) = j == 7 ? 4 : 0.5f;
        }
        const float queries[] = {0x1p100f, -0x1p100f, 0, 0x1p10f};
        for (size_t i = 0; i < 4; i++) {
            *at(&p, Q, 0, i, 0) = queries[i];
            *at(&p, DY, 0, i, 0) = 1;
        }
        run(context, &policy, &p, true);
        assert_true(*at(&p, Y, 0, 0, 0) == 4);
        assert_true(*at(&p, Y, 0, 1, 0) == 0.5f);
        assert_true(fabsf(*at(&p, Y, 0, 2, 0) - (4 + 39 * 0.5f) / 40) < 1e-5f);
        /* P = 2^-0.7 against its sum, which is not quantized: half of 2^-4 relative for E2M3 */
        assert_true(fabsf(*at(&p, Y, 0, 3, 0) - 4) <= (n ? 0.125f : 0x1p-20f));
        assert_true(p.logsumexp[0] == 0x1p100f && fabsf(p.logsumexp[3] - 0x1p10f) <= 0x1p-12f);
        for (size_t i = 0; i < KEYS; i++) {
            assert_true(isfinite(*at(&p, DK, 0, i, 0)) && isfinite(*at(&p, DV, 0, i, 0)));
        }
        drop(&p);
    }
    mote_policy policy;
    mote_policy_find("fp32", &policy);
    problem p = make((mote_attention_shape){1, 2, KEYS, 1, 1, 1, 1, 0, 0, NULL}, false, NULL);
    for (size_t j = 0; j < KEYS; j++) {
        *at(&p, K, 0, j, 0) = j == 9 ? -1 : 1;
        *at(&p, V, 0, j, 0) = (float)j;
    }
    *at(&p, Q, 0, 0, 0) = -INFINITY; /* key 9 scores infinity: no number; the rest do not matter */
    *at(&p, Q, 0, 1, 0) = 1;
    run(context, &policy, &p, false);
    assert_true(isnan(*at(&p, Y, 0, 0, 0)) && isfinite(*at(&p, Y, 0, 1, 0)));
    *at(&p, K, 0, 9, 0) = 1; /* all score -infinity: as if the row saw nothing */
    run(context, &policy, &p, true);
    assert_true(*at(&p, Y, 0, 0, 0) == 0 && p.logsumexp[0] == -INFINITY && *at(&p, DQ, 0, 0, 0) == 0);
    drop(&p);
    mote_context_destroy(context);
}

/* nvfp4's tensor scales come from tiles, so there is no other definition: it must be about as near as its elements. */
static void coarse_formats(void **unused)
{
    (void)unused;
    mote_context *context = unit_context(2, NULL);
    mote_policy plain, policy;
    mote_policy_find("fp32", &plain);
    mote_policy_find("nvfp4", &policy);
    state = 600;
    problem p = make((mote_attention_shape){1, 300, 300, 2, 2, 64, 0, 1, 0, NULL}, false, NULL), t = twin(&p);
    run(context, &plain, &p, true);
    run(context, &policy, &t, true);
    for (int a = 0; a < ARRAYS; a++) {
        double error = 0, norm = 0;
        for (size_t i = 0; i < 300 * 128 && is_result(a); i++) {
            double x = (double)at(&p, a, 0, i / 128, i / 64 % 2)[i % 64],
                   y = (double)at(&t, a, 0, i / 128, i / 64 % 2)[i % 64];
            error += (x - y) * (x - y);
            norm += x * x;
        }
        /* both operands of each of three products in turn: relative errors of about 0.1 each */
        assert_true(!is_result(a) || (error > 0 && error < 0.35 * 0.35 * norm));
    }
    drop(&t);
    drop(&p);
    mote_context_destroy(context);
}

/* Whatever an earlier call left in the workspace does not matter. */
static void leftovers(void **unused)
{
    (void)unused;
    for (int n = 0; mote_policy_name(n); n++) {
        mote_context *fresh = unit_context(1, NULL), *used = unit_context(1, NULL);
        mote_policy policy;
        mote_policy_find(mote_policy_name(n), &policy);
        state = 650;
        problem nan = make((mote_attention_shape){1, 300, 300, 1, 1, 80, 0, 0, 0, NULL}, false, NULL);
        problem p = make((mote_attention_shape){1, 45, 37, 1, 1, 13, 0, 1, 0, NULL}, false, NULL), t = twin(&p);
        for (int a = 0; a < ARRAYS; a++) {
            for (size_t i = 0; i < nan.counts[a]; i++) {
                nan.memory[a][i] = NAN;
            }
        }
        run(fresh, &policy, &p, true);
        run(used, &policy, &nan, true);
        run(used, &policy, &t, true);
        same_results(&p, &t, mote_policy_name(n));
        drop(&p);
        drop(&t);
        drop(&nan);
        mote_context_destroy(fresh);
        mote_context_destroy(used);
    }
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
    state = 700;
    problem p = make((mote_attention_shape){2, 40, 40, 2, 2, 32, 0, 1, 0, NULL}, false, NULL), t = twin(&p);
    const mote_attention_array *a = p.arrays;
    int left = 0;
    context->fault = refuse;
    context->fault_user = &left;
    assert_int_equal(mote_attention(context, &policy, &p.shape, &a[Q], &a[K], &a[V], &a[Y], NULL), MOTE_ERROR_MEMORY);
    assert_non_null(strstr(mote_context_message(context), "out of memory"));
    same_results(&t,
                 &(problem){.shape = p.shape,
                            .memory = {NULL, NULL, NULL, p.memory[Y], NULL, p.memory[DQ], p.memory[DK], p.memory[DV]},
                            .counts = {0},
                            .logsumexp = t.logsumexp},
                 "after a failure");
    left = -1;
    unit_ok(context, mote_attention(context, &policy, &p.shape, &a[Q], &a[K], &a[V], &a[Y], p.logsumexp));
    assert_true(context->workspace_bytes == mote_attention_workspace(context, &p.shape, 0));
    left = 0;
    assert_int_equal(mote_attention_backward(context, &policy, &p.shape, &a[Q], &a[K], &a[V], &a[Y], p.logsumexp,
                                             &a[DY], &a[DQ], &a[DK], &a[DV]),
                     MOTE_ERROR_MEMORY);
    left = -1;
    run(context, &policy, &p, true);
    assert_true(context->workspace_bytes == mote_attention_workspace(context, &p.shape, 1));
    for (size_t width = 1; width <= 2048; width *= 2) {
        mote_attention_shape shape = {1, 1 << 20, 1 << 20, 8, 8, width, 0, 1, 0, NULL};
        for (int backward = 0; backward < 2; backward++) {
            size_t rows = backward ? shape.heads * shape.queries * sizeof(float) : 0;
            size_t bytes = (mote_attention_workspace(context, &shape, backward) - rows) / 2;
            assert_true(bytes > 0 && bytes < (width <= 128 ? (size_t)2 << 20 : (size_t)12 << 20));
        }
    }
    drop(&t);
    drop(&p);
    mote_context_destroy(context);
}

static void refused(void **unused)
{
    (void)unused;
    mote_context *context = unit_context(1, NULL);
    mote_policy policy;
    mote_policy_find("fp32", &policy);
    problem p = make((mote_attention_shape){1, 5, 6, 4, 2, 8, 0, 0, 0, NULL}, false, NULL);
    const mote_attention_array *a = p.arrays, none = {NULL, 0, 0, 0};
    int32_t segments[8] = {0};
#define FAILS(change, status)                                                                                          \
    do {                                                                                                               \
        mote_attention_shape shape = p.shape;                                                                          \
        change;                                                                                                        \
        assert_int_equal(mote_attention(context, &policy, &shape, &a[Q], &a[K], &a[V], &a[Y], NULL), status);          \
        assert_true(strlen(mote_context_message(context)) > 10);                                                       \
    } while (0)
    FAILS(shape.width = 0, MOTE_ERROR_SHAPE);
    FAILS(shape.width = 4096, MOTE_ERROR_SHAPE);
    FAILS(shape.key_heads = 3, MOTE_ERROR_SHAPE);
    FAILS(shape.key_heads = 0, MOTE_ERROR_SHAPE);
    FAILS(shape.segments = segments, MOTE_ERROR_SHAPE);
    segments[2] = 1; /* 0 0 1 0 0 */
    FAILS((shape.keys = 5, shape.segments = segments), MOTE_ERROR_ARGUMENT);
    FAILS(shape.keys = SIZE_MAX / 64, MOTE_ERROR_SHAPE);
    FAILS(shape.scale = NAN, MOTE_ERROR_ARGUMENT);
#undef FAILS
    assert_int_equal(mote_attention(context, &policy, &p.shape, &a[Q], &none, &a[V], &a[Y], NULL), MOTE_ERROR_ARGUMENT);
    assert_int_equal(mote_attention(context, &policy, &p.shape, &a[Q], &a[K], NULL, &a[Y], NULL), MOTE_ERROR_ARGUMENT);
    assert_int_equal(mote_attention_backward(context, &policy, &p.shape, &a[Q], &a[K], &a[V], &a[Y], NULL, &a[DY],
                                             &a[DQ], &a[DK], &a[DV]),
                     MOTE_ERROR_ARGUMENT);
    policy.forward_activation = MOTE_NVFP4;
    policy.backward_gradient = MOTE_MXINT8;
    unit_ok(context, mote_attention(context, &policy, &p.shape, &a[Q], &a[K], &a[V], &a[Y], p.logsumexp));
    assert_int_equal(mote_attention_backward(context, &policy, &p.shape, &a[Q], &a[K], &a[V], &a[Y], p.logsumexp,
                                             &a[DY], &a[DQ], &a[DK], &a[DV]),
                     MOTE_ERROR_UNSUPPORTED);
    drop(&p);
    mote_context_destroy(context);
}

/* A number that comes back is refused wherever it stands, in any row, behind padding too, whatever the order. */
static void segments_side_by_side(void **unused)
{
    (void)unused;
    enum { ROWS = 2, LENGTH = 5000 };
    static int32_t segments[ROWS * LENGTH];
    mote_context *context = unit_context(1, NULL);
    mote_attention_shape shape = {ROWS, LENGTH, LENGTH, 1, 1, 1, 0, 0, 0, segments};
    for (int order = 0; order < 3; order++) {
        for (int i = 0; i < ROWS * LENGTH; i++) { /* documents of two: rising, falling, in a shuffled order */
            int document = i % LENGTH / 2;
            segments[i] = order == 0 ? document : order == 1 ? LENGTH - document : document * 7919 % 104729;
        }
        unit_ok(context, mote_attention_check_segments(context, &shape));
        for (int trial = 0; trial < 200; trial++) {
            size_t from = below(ROWS * LENGTH / 2) * 2, to = from / LENGTH * LENGTH + below(LENGTH);
            int32_t before = segments[to];
            bool beside = to + 1 >= from && to <= from + 2; /* the document has grown at one end */
            segments[to] = segments[from];
            assert_int_equal(mote_attention_check_segments(context, &shape), beside ? MOTE_OK : MOTE_ERROR_ARGUMENT);
            segments[to] = before;
        }
        segments[LENGTH + 11] = -1; /* in the middle of a document */
        segments[LENGTH + 12] = segments[LENGTH + 10];
        assert_int_equal(mote_attention_check_segments(context, &shape), MOTE_ERROR_ARGUMENT);
        assert_non_null(strstr(mote_context_message(context), "row 1 has the number "));
        assert_non_null(strstr(mote_context_message(context), " again at position 12, behind others"));
    }
    mote_context_destroy(context);
}

/* No keys: zeros. No queries: zero gradients of keys. Nothing at all: nothing. */
static void empty(void **unused)
{
    (void)unused;
    mote_context *context = unit_context(2, NULL);
    mote_policy policy;
    mote_policy_find("mxint8", &policy);
    problem p = make((mote_attention_shape){1, 5, 0, 2, 2, 8, 0, 0, 0, NULL}, false, NULL);
    run(context, &policy, &p, true);
    for (size_t i = 0; i < 5; i++) {
        assert_true(*at(&p, Y, 0, i, 1) == 0 && *at(&p, DQ, 0, i, 1) == 0 && p.logsumexp[i] == -INFINITY);
    }
    drop(&p);
    p = make((mote_attention_shape){1, 0, 5, 2, 1, 8, 0, 0, 0, NULL}, false, NULL);
    run(context, &policy, &p, true);
    for (size_t i = 0; i < 5; i++) {
        assert_true(*at(&p, DK, 0, i, 0) == 0 && *at(&p, DV, 0, i, 0) == 0);
    }
    drop(&p);
    p = make((mote_attention_shape){0, 5, 5, 0, 0, 8, 0, 0, 0, NULL}, false, NULL);
    run(context, &policy, &p, true);
    drop(&p);
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test(alone_or_in_a_batch),
        cmocka_unit_test(padding_does_not_matter),
        cmocka_unit_test(strange_numbers_spread_no_further),
        cmocka_unit_test(extreme_scores),
        cmocka_unit_test(coarse_formats),
        cmocka_unit_test(leftovers),
        cmocka_unit_test(memory),
        cmocka_unit_test(refused),
        cmocka_unit_test(segments_side_by_side),
        cmocka_unit_test(empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
