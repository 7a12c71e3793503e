/* Attention against its definition in FP64, with bounds that the definition carries along. */
#include "attention_problem.h"
#include "attention_reference.h"

#include <math.h>
#include <stdio.h>

static bool sees(const mote_attention_shape *s, size_t b, size_t i, size_t j)
{
    const int32_t *segments = s->segments ? s->segments + b * s->queries : NULL;
    size_t apart = i > j ? i - j : j - i;
    return (!s->causal || j <= i) && (!s->window || apart < s->window) &&
           (!segments || (segments[i] >= 0 && segments[i] == segments[j]));
}

/* Packed documents: runs of equal numbers, some of them padding. */
static int32_t *random_segments(size_t batch, size_t positions)
{
    int32_t *segments = malloc((batch * positions + 1) * sizeof *segments), number = 0;
    for (size_t i = 0; i < batch * positions; i++) {
        bool start = i % positions == 0 || below(20) == 0;
        number = start ? (int32_t)i + 1 : number < 0 ? -number : number;
        number = start && below(5) == 0 ? -number : i && !start && segments[i - 1] < 0 ? -number : number;
        segments[i] = number;
    }
    return segments;
}

/* ---- against the definition ---- */

static double *dense(const problem *p, int array, size_t b, size_t h)
{
    size_t positions = positions_of(&p->shape, array), width = p->shape.width;
    double *values = malloc((positions * width + 1) * sizeof *values);
    for (size_t i = 0; i < positions; i++) {
        for (size_t d = 0; d < width; d++) {
            values[i * width + d] = (double)at(p, array, b, i, h)[d];
        }
    }
    return values;
}

static double worst; /* of errors over bounds */

static void compare(const problem *p, int array, size_t b, size_t h, const ref_attention_array *expected)
{
    size_t width = p->shape.width;
    for (size_t i = 0; i < positions_of(&p->shape, array); i++) {
        for (size_t d = 0; d < width; d++) {
            double x = (double)at(p, array, b, i, h)[d], y = expected->values[i * width + d];
            double bound = expected->errors[i * width + d], error = fabs(x - y);
            worst = error > worst * bound && bound > 0 ? error / bound : worst;
            if (!(error <= bound)) {
                fail_msg("%s[%zu][%zu][%zu][%zu]: %.9g, expected %.9g +- %.3g (%zu queries, %zu keys, width %zu)",
                         names[array], b, i, h, d, x, y, bound, p->shape.queries, p->shape.keys, width);
            }
        }
    }
}

static void compare_sums(const problem *p, size_t b, size_t h, const ref_attention_array *expected)
{
    for (size_t i = 0; i < p->shape.queries; i++) {
        double x = (double)p->logsumexp[(b * p->shape.heads + h) * p->shape.queries + i], y = expected->values[i];
        if (!(x == y || fabs(x - y) <= expected->errors[i])) {
            fail_msg("logsumexp of row %zu: %.9g, expected %.9g +- %.3g", i, x, y, expected->errors[i]);
        }
    }
}

/* Adds the part of one head that shares a key head. */
static void add(ref_attention_array *sum, const ref_attention_array *part, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum->values[i] += part->values[i];
        sum->errors[i] += part->errors[i] + 0x1p-24 * fabs(part->values[i]) + 0x1p-24 * fabs(sum->values[i]);
    }
}

static void check_head(const problem *p, const reference_quantizer *z, size_t b, size_t h, ref_attention_array *dk,
                       ref_attention_array *dv)
{
    const mote_attention_shape *s = &p->shape;
    size_t group = s->heads / s->key_heads, queries = s->queries * s->width, keys = s->keys * s->width;
    uint8_t *seen = malloc(s->queries * s->keys + 1);
    bool sixteen = z->policy->forward_activation == MOTE_BF16 || z->policy->forward_activation == MOTE_FP16;
    bool plain = z->policy->forward_activation == MOTE_FP32;
    double *inputs[] = {dense(p, Q, b, h), dense(p, K, b, h / group), dense(p, V, b, h / group), dense(p, DY, b, h)};
    ref_attention a = {.queries = s->queries,
                       .keys = s->keys,
                       .width = s->width,
                       .scale = s->scale != 0 ? (double)s->scale : 1 / sqrt((double)s->width),
                       .seen = seen,
                       .q = inputs[0],
                       .k = inputs[1],
                       .v = inputs[2],
                       .dy = inputs[3],
                       .quantize = plain ? NULL : reference_quantize,
                       .user = (void *)(uintptr_t)z,
                       .blocks = !plain && !sixteen,
                       .y = ref_array(queries),
                       .logsumexp = ref_array(s->queries),
                       .dq = ref_array(queries),
                       .dk = ref_array(keys),
                       .dv = ref_array(keys)};
    a.scale = (double)(float)a.scale;
    for (size_t i = 0; i < s->queries * s->keys; i++) {
        seen[i] = sees(s, b, i / s->keys, i % s->keys);
    }
    ref_attention_forward(&a);
    ref_attention_backward(&a);
    compare(p, Y, b, h, &a.y);
    compare_sums(p, b, h, &a.logsumexp);
    compare(p, DQ, b, h, &a.dq);
    add(dk, &a.dk, keys);
    add(dv, &a.dv, keys);
    ref_attention_array all[] = {a.y, a.logsumexp, a.dq, a.dk, a.dv};
    for (int i = 0; i < 5; i++) {
        drop_array(all[i]);
    }
    for (int i = 0; i < 4; i++) {
        free(inputs[i]);
    }
    free(seen);
}

static void check_problem(mote_context *context, const mote_policy *policy, const problem *p)
{
    const mote_attention_shape *s = &p->shape;
    reference_quantizer z = {context, policy, s, 0, 0, 0};
    size_t group = s->heads / s->key_heads;
    run(context, policy, p, true);
    for (size_t unit = 0; unit < s->batch * s->key_heads; unit++) {
        size_t b = unit / s->key_heads, key_head = unit % s->key_heads;
        ref_attention_array dk = ref_array(s->keys * s->width), dv = ref_array(s->keys * s->width);
        for (size_t h = 0; h < group; h++) {
            z.batch = b;
            z.head = key_head * group + h;
            z.key_head = key_head;
            check_head(p, &z, b, key_head * group + h, &dk, &dv);
        }
        compare(p, DK, b, key_head, &dk);
        compare(p, DV, b, key_head, &dv);
        drop_array(dk);
        drop_array(dv);
    }
}

/* Odd sizes; larger ones come with fewer heads. */
static problem random_problem(void)
{
    static const size_t lengths[] = {1, 2, 3, 12, 31, 32, 33, 64, 65, 97, 130, 200, 270},
                        widths[] = {1, 3, 8, 16, 24, 31, 32, 33, 64, 80, 130, 520};
    mote_attention_shape s = {.batch = 1 + below(2), .key_heads = 1 + below(2)};
    s.queries = lengths[below(sizeof lengths / sizeof *lengths)];
    s.keys = below(2) ? s.queries : lengths[below(sizeof lengths / sizeof *lengths)];
    s.width = widths[below(sizeof widths / sizeof *widths)];
    if (s.width > 200) { /* more tiles, but not more work */
        s.queries = s.queries > 65 ? 65 : s.queries;
        s.keys = s.keys > 130 ? 130 : s.keys;
    }
    if (s.queries * s.keys > 100 * 100) {
        s.batch = s.key_heads = 1;
    }
    s.heads = s.key_heads * (1 + below(2));
    s.causal = (int)below(2);
    s.window = below(3) ? 0 : 1 + below(s.keys + 5);
    s.scale = below(3) ? 0 : 0.3f * normal();
    int32_t *segments = s.queries == s.keys && below(2) ? random_segments(s.batch, s.queries) : NULL;
    problem p = make(s, below(2) != 0, segments);
    free(segments);
    if (below(4) == 0) { /* scales whose exponents no longer add up in FP32's range: scores far apart, small values */
        p.shape.scale = 8;
        for (size_t i = 0; i < p.counts[V]; i++) {
            p.memory[V][i] *= 0x1p-100f;
        }
    }
    return p;
}

static void plain_bounds(void **unused)
{
    (void)unused;
    mote_context *context = unit_context(2, NULL);
    mote_policy policy;
    mote_policy_find("fp32", &policy);
    state = 1;
    worst = 0;
    for (int i = 0; i < 260; i++) {
        problem p = random_problem();
        check_problem(context, &policy, &p);
        drop(&p);
    }
    printf("fp32: largest error / bound %.2f\n", worst);
    assert_true(worst > 0.01); /* the bounds are not idle */
    mote_context_destroy(context);
}

static void quantized_bounds(void **unused)
{
    (void)unused;
    static const char *const policies[] = {"bf16",       "fp16",       "mxint8", "mxfp8_e4m3",      "mxfp8_e5m2",
                                           "mxfp6_e3m2", "mxfp6_e2m3", "mxfp4",  "mxfp4-w_mxfp6-ag"};
    mote_context *context = unit_context(2, NULL);
    for (size_t n = 0; n < sizeof policies / sizeof *policies; n++) {
        mote_policy policy;
        mote_policy_find(policies[n], &policy);
        policy.scale_rule = n % 3 == 0 ? MOTE_SCALE_FLOOR : n % 3 == 1 ? MOTE_SCALE_CEIL : MOTE_SCALE_EVEN;
        state = 100 + n;
        worst = 0;
        for (int i = 0; i < 24; i++) {
            problem p = random_problem();
            policy.rounding = policy.gradient_rounding = i % 3 == 2 ? MOTE_STOCHASTIC : MOTE_NEAREST_EVEN;
            policy.seed = (uint64_t)i;
            check_problem(context, &policy, &p);
            drop(&p);
        }
        printf("%s: largest error / bound %.2f\n", policies[n], worst);
    }
    mote_context_destroy(context);
}

/* ---- gradients of the definition ---- */

static double loss(const ref_attention *a)
{
    double sum = 0;
    ref_attention_forward(a);
    for (size_t i = 0; i < a->queries * a->width; i++) {
        sum += a->dy[i] * a->y.values[i];
    }
    return sum;
}

/* The definition's own gradients against central differences of its forward pass. */
static void differences(void **unused)
{
    (void)unused;
    enum { QUERIES = 7, KEYS = 9, WIDTH = 5, MOST = KEYS * WIDTH };
    const double step = 1e-5;
    double q[MOST], k[MOST], v[MOST], dy[MOST];
    uint8_t seen[QUERIES * KEYS];
    double *inputs[] = {q, k, v};
    ref_attention a = {
        .queries = QUERIES, .keys = KEYS, .width = WIDTH, .scale = 0.7, .seen = seen, .q = q, .k = k, .v = v, .dy = dy};
    ref_attention_array *arrays[] = {&a.y, &a.logsumexp, &a.dq, &a.dk, &a.dv}, *gradients[] = {&a.dq, &a.dk, &a.dv};
    state = 7;
    for (int i = 0; i < MOST; i++) {
        q[i] = (double)normal();
        k[i] = (double)normal();
        v[i] = (double)normal();
        dy[i] = (double)normal();
    }
    for (int i = 0; i < QUERIES * KEYS; i++) {
        seen[i] = below(4) != 0;
    }
    for (int i = 0; i < 5; i++) {
        *arrays[i] = ref_array(MOST);
    }
    ref_attention_forward(&a);
    ref_attention_backward(&a);
    for (int n = 0; n < 3; n++) {
        for (int i = 0; i < (n ? KEYS : QUERIES) * WIDTH; i++) {
            double x = inputs[n][i];
            inputs[n][i] = x + step;
            double above = loss(&a);
            inputs[n][i] = x - step;
            double slope = (above - loss(&a)) / (2 * step);
            inputs[n][i] = x;
            assert_true(fabs(slope - gradients[n]->values[i]) < 1e-8);
        }
    }
    for (int i = 0; i < 5; i++) {
        drop_array(*arrays[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences),
        cmocka_unit_test(plain_bounds),
        cmocka_unit_test(quantized_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
