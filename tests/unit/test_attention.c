/* Attention against its definition in FP64, with bounds that the definition carries along; bits; masks; errors. */
#include "unit.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "attention.h"
#include "base/context.h"

static uint64_t state;

static uint32_t draw(void)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33);
}

static size_t below(size_t bound) { return draw() % bound; }

static float normal(void)
{
    float sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (float)(draw() & 0xFFFF) - 32767.5f;
    }
    return sum * 0x1p-16f;
}

/* A problem with its arrays: q, k and v may be slices of one array, and every array has gaps. */
enum { ARRAYS = 8 };
typedef struct problem {
    mote_attention_shape shape;
    mote_attention_array arrays[ARRAYS]; /* q k v y dy dq dk dv */
    float *memory[ARRAYS], *logsumexp;
    size_t counts[ARRAYS]; /* floats of memory */
    int32_t *segments;
} problem;
enum { Q, K, V, Y, DY, DQ, DK, DV };
static const char *const names[ARRAYS] = {"q", "k", "v", "y", "dy", "dq", "dk", "dv"};

static bool of_keys(int array) { return array == K || array == V || array == DK || array == DV; }

static size_t positions_of(const mote_attention_shape *s, int array) { return of_keys(array) ? s->keys : s->queries; }
static size_t heads_of(const mote_attention_shape *s, int array) { return of_keys(array) ? s->key_heads : s->heads; }

static float *at(const problem *p, int array, size_t b, size_t i, size_t h)
{
    const mote_attention_array *a = &p->arrays[array];
    return a->values + (ptrdiff_t)b * a->batch + (ptrdiff_t)i * a->position + (ptrdiff_t)h * a->head;
}

static problem make(mote_attention_shape shape, bool packed, const int32_t *segments)
{
    problem p = {.shape = shape};
    size_t gap = packed ? 0 : 3, packed_row = (shape.heads + 2 * shape.key_heads) * shape.width;
    packed = packed && shape.queries == shape.keys;
    for (int a = 0; a < ARRAYS; a++) {
        size_t row = packed && a <= V ? packed_row : heads_of(&shape, a) * (shape.width + gap);
        p.counts[a] = shape.batch * positions_of(&shape, a) * row;
        p.memory[a] = packed && (a == K || a == V) ? NULL : malloc((p.counts[a] + 1) * sizeof(float));
        for (size_t i = 0; p.memory[a] && i < p.counts[a]; i++) {
            p.memory[a][i] = normal();
        }
        p.arrays[a] = (mote_attention_array){p.memory[a], (ptrdiff_t)(positions_of(&shape, a) * row), (ptrdiff_t)row,
                                             (ptrdiff_t)(shape.width + gap)};
        if (packed && (a == K || a == V)) {
            p.counts[a] = 0;
            p.arrays[a].values = p.memory[Q] + (a == K ? shape.heads : shape.heads + shape.key_heads) * shape.width;
        }
    }
    p.logsumexp = malloc((shape.batch * shape.heads * shape.queries + 1) * sizeof(float));
    if (segments) {
        size_t bytes = shape.batch * shape.queries * sizeof *segments;
        p.segments = malloc(bytes + 1);
        memcpy(p.segments, segments, bytes);
        p.shape.segments = p.segments;
    }
    return p;
}

static void drop(problem *p)
{
    for (int a = 0; a < ARRAYS; a++) {
        free(p->memory[a]);
    }
    free(p->logsumexp);
    free(p->segments);
}

static void run(mote_context *context, const mote_policy *policy, const problem *p, bool backward)
{
    const mote_attention_array *a = p->arrays;
    unit_ok(context, mote_attention(context, policy, &p->shape, &a[Q], &a[K], &a[V], &a[Y], p->logsumexp));
    if (backward) {
        unit_ok(context, mote_attention_backward(context, policy, &p->shape, &a[Q], &a[K], &a[V], &a[Y], p->logsumexp,
                                                 &a[DY], &a[DQ], &a[DK], &a[DV]));
    }
}

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

typedef struct quantizer {
    mote_context *context;
    const mote_policy *policy;
    const mote_attention_shape *shape;
    size_t batch, head, key_head; /* of the call */
} quantizer;

static mote_format format_of(const mote_policy *p, int operand)
{
    switch (operand) {
    case REF_BACKWARD_DY:
    case REF_BACKWARD_DS: return p->backward_gradient;
    case REF_UPDATE_DY:
    case REF_UPDATE_DS: return p->update_gradient;
    case REF_UPDATE_P:
    case REF_UPDATE_Q: return p->update_activation;
    default: return p->forward_activation;
    }
}

/* The operand's place in its whole array, where random numbers go by position: [batch, positions, heads, width], or, of
 * probabilities and their gradients, [batch, heads, queries, keys]. */
typedef struct place {
    mote_layout layout;
    size_t start, step; /* of the first value; from row to row */
} place;

static place place_of(const quantizer *z, int operand, size_t rows, size_t columns, bool down)
{
    const mote_attention_shape *s = z->shape;
    bool scores =
        operand == REF_FORWARD_P || operand == REF_UPDATE_P || operand == REF_BACKWARD_DS || operand == REF_UPDATE_DS;
    bool keys =
        operand == REF_FORWARD_K || operand == REF_FORWARD_V || operand == REF_BACKWARD_V || operand == REF_BACKWARD_K;
    mote_layout layout = {.format = format_of(z->policy, operand), .rank = 4};
    if (z->policy->rounding != MOTE_STOCHASTIC) { /* then the rest does not matter */
        layout = (mote_layout){layout.format, 2, down ? 0 : 1, {rows, columns}};
        return (place){layout, 0, columns};
    }
    size_t heads = keys ? s->key_heads : s->heads, head = keys ? z->key_head : z->head;
    size_t shape[4] = {s->batch, scores ? heads : rows, scores ? rows : heads, columns};
    memcpy(layout.shape, shape, sizeof shape);
    layout.axis = !down ? 3 : scores ? 2 : 1;
    size_t start = scores ? (z->batch * heads + head) * rows * columns : (z->batch * rows * heads + head) * columns;
    return (place){layout, start, scores ? columns : heads * columns};
}

static void quantize(void *user, int operand, size_t rows, size_t columns, bool down, const double *values,
                     double *result)
{
    const quantizer *z = user;
    bool gradient = operand == REF_BACKWARD_DY || operand == REF_BACKWARD_DS || operand == REF_UPDATE_DY ||
                    operand == REF_UPDATE_DS;
    place at_ = place_of(z, operand, rows, columns, down);
    mote_quantize_options options = {.rounding = gradient ? z->policy->gradient_rounding : z->policy->rounding,
                                     .scale_rule = z->policy->scale_rule,
                                     .seed = z->policy->seed + (uint64_t)(6 + operand) * UINT64_C(0x9E3779B97F4A7C15)};
    mote_tensor tensor = unit_tensor(z->context, at_.layout);
    size_t count = 1;
    for (int d = 0; d < at_.layout.rank; d++) {
        count *= at_.layout.shape[d];
    }
    float *x = calloc(count + 1, sizeof *x);
    for (size_t i = 0; i < rows * columns; i++) {
        x[at_.start + i / columns * at_.step + i % columns] = (float)values[i];
    }
    unit_ok(z->context, mote_quantize(z->context, x, NULL, &options, &tensor));
    unit_ok(z->context, mote_dequantize(z->context, &tensor, x, NULL));
    for (size_t i = 0; i < rows * columns; i++) {
        result[i] = (double)x[at_.start + i / columns * at_.step + i % columns];
    }
    free(x);
    unit_free(&tensor);
}

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

static ref_attention_array ref_array(size_t count)
{
    return (ref_attention_array){calloc(count + 1, sizeof(double)), calloc(count + 1, sizeof(double))};
}

static void drop_array(ref_attention_array a)
{
    free(a.values);
    free(a.errors);
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

static void check_head(const problem *p, const quantizer *z, size_t b, size_t h, ref_attention_array *dk,
                       ref_attention_array *dv)
{
    const mote_attention_shape *s = &p->shape;
    size_t group = s->heads / s->key_heads, queries = s->queries * s->width, keys = s->keys * s->width;
    uint8_t *seen = malloc(s->queries * s->keys + 1);
    bool sixteen = z->policy->forward_activation == MOTE_BF16 || z->policy->forward_activation == MOTE_FP16;
    bool plain = z->policy->forward_activation == MOTE_FP32;
    double *inputs[] = {dense(p, Q, b, h), dense(p, K, b, h / group), dense(p, V, b, h / group), dense(p, DY, b, h)};
    ref_attention a = {s->queries,
                       s->keys,
                       s->width,
                       s->scale != 0 ? (double)s->scale : 1 / sqrt((double)s->width),
                       seen,
                       inputs[0],
                       inputs[1],
                       inputs[2],
                       inputs[3],
                       plain ? NULL : quantize,
                       (void *)(uintptr_t)z,
                       !plain && !sixteen,
                       ref_array(queries),
                       ref_array(s->queries),
                       ref_array(queries),
                       ref_array(keys),
                       ref_array(keys)};
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
    quantizer z = {context, policy, s, 0, 0, 0};
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
                        widths[] = {1, 3, 8, 16, 24, 31, 32, 33, 64, 80, 130};
    mote_attention_shape s = {.batch = 1 + below(2), .key_heads = 1 + below(2)};
    s.queries = lengths[below(sizeof lengths / sizeof *lengths)];
    s.keys = below(2) ? s.queries : lengths[below(sizeof lengths / sizeof *lengths)];
    s.width = widths[below(sizeof widths / sizeof *widths)];
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
            size_t bytes = mote_attention_workspace(context, &shape, backward) / 2;
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
        cmocka_unit_test(differences),
        cmocka_unit_test(plain_bounds),
        cmocka_unit_test(quantized_bounds),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(alone_or_in_a_batch),
        cmocka_unit_test(padding_does_not_matter),
        cmocka_unit_test(strange_numbers_spread_no_further),
        cmocka_unit_test(extreme_scores),
        cmocka_unit_test(coarse_formats),
        cmocka_unit_test(leftovers),
        cmocka_unit_test(memory),
        cmocka_unit_test(refused),
        cmocka_unit_test(empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
