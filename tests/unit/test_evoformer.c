/* Attention with biases and a gate against its definition in FP64, with bounds that the definition carries along. */
#include "evoformer_problem.h"

#include <stdio.h>

#include "attention_reference.h"

static double worst[E_ARRAYS + 2]; /* of errors over bounds: arrays, statistics, gradients of biases */
enum { STATISTICS = E_ARRAYS, GRADIENTS };

static void hold(int what, const char *name, double x, double y, double bound, const mote_evoformer_shape *s)
{
    double error = fabs(x - y);
    worst[what] = error > worst[what] * bound && bound > 0 ? error / bound : worst[what];
    if (!(error <= bound)) {
        fail_msg("%s: %.9g, expected %.9g +- %.3g (%zu queries, %zu keys, %zu heads of %zu, batch %zu)", name, x, y,
                 bound, s->queries, s->keys, s->heads, s->width, evo_batch(s));
    }
}

/* A head of an array [batch, position, head, width] and the way back. */
static size_t at_place(const evo *p, int array, size_t b, size_t h, size_t i)
{
    const mote_evoformer_shape *s = &p->shape;
    size_t positions = of_keys(array) && array < E_GATE ? s->keys : s->queries;
    return ((b * positions + i) * s->heads + h) * s->width;
}

static double *head_of(const evo *p, int array, size_t b, size_t h)
{
    size_t positions = of_keys(array) && array < E_GATE ? p->shape.keys : p->shape.queries, width = p->shape.width;
    double *values = malloc((positions * width + 1) * sizeof *values);
    for (size_t i = 0; i < positions * width; i++) {
        values[i] = (double)p->arrays[array][at_place(p, array, b, h, i / width) + i % width];
    }
    return values;
}

static void compare(const evo *p, int array, size_t b, size_t h, const ref_attention_array *expected)
{
    size_t positions = of_keys(array) && array < E_GATE ? p->shape.keys : p->shape.queries, width = p->shape.width;
    for (size_t i = 0; i < positions * width; i++) {
        double x = (double)p->arrays[array][at_place(p, array, b, h, i / width) + i % width];
        hold(array, evo_names[array], x, expected->values[i], expected->errors[i], &p->shape);
    }
}

static void compare_statistics(const evo *p, size_t b, size_t h, const ref_attention *a)
{
    const float *s = p->statistics + 2 * (b * p->shape.heads + h) * p->shape.queries;
    for (size_t i = 0; i < p->shape.queries; i++) {
        double expected = a->logsumexp.values[i], sum = (double)s[2 * i + 1];
        if (isinf(expected)) {
            assert_true(sum == 0);
            continue;
        }
        double t_error = 0; /* the maximum, of which the log-sum is one step from, is off by as much as its score */
        for (size_t j = 0; j < a->keys; j++) {
            double largest = 0;
            for (int n = 0; n < p->count; n++) {
                largest += fabs(a->added->biases[n][i * a->keys + j]);
            }
            largest = isfinite(largest) ? largest : 0;
            t_error = largest > t_error ? largest : t_error;
        }
        double found = (double)s[2 * i] * log(2) + log(sum);
        hold(STATISTICS, "log-sum", found, expected, a->logsumexp.errors[i] + (t_error + fabs(expected)) * 0x1p-50,
             &p->shape);
    }
}

/* Gradients of biases: dS summed where each bias is broadcast, with the error of a chain of that many additions. */
typedef struct gathered {
    double *values, *errors, *magnitudes;
} gathered;

static void gather_head(const evo *p, size_t b, size_t h, const ref_attention_array *ds, gathered *all)
{
    const mote_evoformer_shape *s = &p->shape;
    for (int n = 0; n < p->count; n++) {
        for (size_t i = 0; i < s->queries * s->keys; i++) {
            size_t to = evo_place(s, &p->biases[n], b, h, i / s->keys, i % s->keys);
            all[n].values[to] += ds->values[i];
            all[n].errors[to] += ds->errors[i];
            all[n].magnitudes[to] += fabs(ds->values[i]) + ds->errors[i];
        }
    }
}

/* Additions on the way of a value into a gradient, at most: by units that share it, and by rows and keys if it is one
 * over neither. */
static double additions(const evo *p, const mote_evoformer_bias *b)
{
    const mote_evoformer_shape *s = &p->shape;
    bool keys = b->rank > 0 && b->shape[b->rank - 1] > 1, queries = b->rank > 1 && b->shape[b->rank - 2] > 1;
    double units = (double)(evo_batch(s) * s->heads), all = (double)(s->queries * s->keys) * units;
    double shared = all / (double)evo_bias_count(b) / (queries ? 1 : (double)s->queries) / (keys ? 1 : (double)s->keys);
    return shared + 1 + (queries ? 0 : (double)s->queries) + (keys ? 0 : (double)s->keys / 16 + 6) +
           (queries && !keys ? (double)s->keys / 256 : 0);
}

static void compare_gradients(const evo *p, const gathered *all)
{
    for (int n = 0; n < p->count; n++) {
        double depth = additions(p, &p->biases[n]) * 0x1p-24;
        for (size_t i = 0; i < evo_bias_count(&p->biases[n]) && p->biases[n].gradient; i++) {
            double bound = 1.01 * (all[n].errors[i] + depth / (1 - depth) * all[n].magnitudes[i]) + 0x1p-126;
            hold(GRADIENTS, "gradient of a bias", (double)p->biases[n].gradient[i], all[n].values[i], bound, &p->shape);
        }
    }
}

static void check_head(const evo *p, reference_quantizer *z, size_t b, size_t h, gathered *all)
{
    const mote_evoformer_shape *s = &p->shape;
    size_t queries = s->queries * s->width, keys = s->keys * s->width, scores = s->queries * s->keys;
    mote_format format = z->policy->forward_activation;
    bool plain = format == MOTE_FP32, sixteen = format == MOTE_BF16 || format == MOTE_FP16;
    uint8_t *seen = malloc(scores + 1);
    double *inputs[] = {head_of(p, E_Q, b, h), head_of(p, E_K, b, h), head_of(p, E_V, b, h), head_of(p, E_DY, b, h),
                        head_of(p, E_GATE, b, h)};
    double *biases[E_BIASES];
    memset(seen, 1, scores);
    for (int n = 0; n < p->count; n++) {
        biases[n] = malloc((scores + 1) * sizeof(double));
        for (size_t i = 0; i < scores; i++) {
            biases[n][i] = (double)p->biases[n].values[evo_place(s, &p->biases[n], b, h, i / s->keys, i % s->keys)];
            seen[i] = seen[i] && biases[n][i] > (double)-INFINITY;
        }
    }
    ref_attention_added added = {p->count, (const double *const *)biases, p->gated ? inputs[4] : NULL,
                                 ref_array(queries), ref_array(scores)};
    ref_attention a = {.queries = s->queries,
                       .keys = s->keys,
                       .width = s->width,
                       .scale = (double)(float)(s->scale != 0 ? (double)s->scale : 1 / sqrt((double)s->width)),
                       .seen = seen,
                       .q = inputs[0],
                       .k = inputs[1],
                       .v = inputs[2],
                       .dy = inputs[3],
                       .quantize = plain ? NULL : reference_quantize,
                       .user = z,
                       .blocks = !plain && !sixteen,
                       .y = ref_array(queries),
                       .logsumexp = ref_array(s->queries),
                       .dq = ref_array(queries),
                       .dk = ref_array(keys),
                       .dv = ref_array(keys),
                       .added = &added};
    z->batch = b;
    z->head = z->key_head = h;
    ref_attention_forward(&a);
    ref_attention_backward(&a);
    const struct {
        int array;
        const ref_attention_array *expected;
    } results[] = {{E_Y, &a.y}, {E_DQ, &a.dq}, {E_DK, &a.dk}, {E_DV, &a.dv}, {E_DGATE, &added.dgate}};
    for (int i = 0; i < (p->gated ? 5 : 4); i++) {
        compare(p, results[i].array, b, h, results[i].expected);
    }
    compare_statistics(p, b, h, &a);
    gather_head(p, b, h, &added.ds, all);
    ref_attention_array arrays[] = {a.y, a.logsumexp, a.dq, a.dk, a.dv, added.dgate, added.ds};
    for (int i = 0; i < 7; i++) {
        drop_array(arrays[i]);
    }
    for (int i = 0; i < 5; i++) {
        free(inputs[i]);
    }
    for (int n = 0; n < p->count; n++) {
        free(biases[n]);
    }
    free(seen);
}

static void check_problem(mote_context *context, const mote_policy *policy, const evo *p)
{
    const mote_evoformer_shape *s = &p->shape;
    mote_attention_shape plain = {.batch = evo_batch(s),
                                  .queries = s->queries,
                                  .keys = s->keys,
                                  .heads = s->heads,
                                  .key_heads = s->heads,
                                  .width = s->width};
    reference_quantizer z = {context, policy, &plain, 0, 0, 0};
    gathered all[E_BIASES];
    for (int n = 0; n < p->count; n++) {
        size_t count = evo_bias_count(&p->biases[n]) + 1;
        all[n] =
            (gathered){calloc(count, sizeof(double)), calloc(count, sizeof(double)), calloc(count, sizeof(double))};
    }
    evo_run(context, policy, p);
    for (size_t unit = 0; unit < plain.batch * s->heads; unit++) {
        check_head(p, &z, unit / s->heads, unit % s->heads, all);
    }
    compare_gradients(p, all);
    for (int n = 0; n < p->count; n++) {
        free(all[n].values);
        free(all[n].errors);
        free(all[n].magnitudes);
    }
}

/* ---- random problems ---- */

/* Now and then -infinity, in single places or in whole rows; or -1e9. */
static void spoil(evo *p)
{
    for (int n = 0; n < p->count; n++) {
        mote_evoformer_bias *b = &p->biases[n];
        size_t count = evo_bias_count(b), line = b->rank ? b->shape[b->rank - 1] : 1, kind = below(4);
        bool lose = false;
        for (size_t i = 0; i < count && kind < 2; i++) {
            lose = i % line == 0 ? below(6) == 0 : lose;
            p->values[n][i] = kind == 0 && (lose || below(4) == 0) ? -INFINITY : p->values[n][i];
            p->values[n][i] = kind == 1 && line > 1 && i % line > 0 && below(3) == 0 ? -1e9f : p->values[n][i];
        }
    }
}

static evo random_problem(size_t most)
{
    static const size_t lengths[] = {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130, 257},
                        widths[] = {1, 8, 31, 32, 33, 64, 128};
    mote_evoformer_shape s = {.rank = (int)below(MOTE_EVOFORMER_LEADING + 1), .heads = 1 + below(3)};
    s.queries = lengths[below(sizeof lengths / sizeof *lengths)];
    s.keys = below(3) == 0 ? s.queries : lengths[below(sizeof lengths / sizeof *lengths)];
    s.width = widths[below(sizeof widths / sizeof *widths)];
    s.scale = below(3) ? 0 : 0.3f * normal();
    for (int d = 0; d < s.rank; d++) {
        s.leading[d] = 1;
    }
    while (s.heads > 1 && s.queries * s.keys * s.heads > most) {
        s.heads--;
    }
    for (int n = 0; n < 3 && s.rank; n++) {
        size_t *size = &s.leading[below((size_t)s.rank)];
        if (evo_batch(&s) / *size * (*size + 1) * s.heads * s.queries * s.keys <= most) {
            ++*size;
        }
    }
    evo p = evo_make(s, below(2) != 0);
    for (size_t n = below(5); n > 0; n--) {
        int rank = below(3) ? s.rank + 3 : (int)below((size_t)s.rank + 4);
        evo_add_bias(&p, rank, draw());
        p.biases[p.count - 1].gradient = below(5) ? p.biases[p.count - 1].gradient : NULL;
    }
    if (below(2)) {
        spoil(&p);
    }
    return p;
}

static void print_worst(const char *name)
{
    printf("%s: largest error / bound: y %.2f, log-sum %.2f, dq %.2f, dk %.2f, dv %.2f, dgate %.2f, biases %.2f\n",
           name, worst[E_Y], worst[STATISTICS], worst[E_DQ], worst[E_DK], worst[E_DV], worst[E_DGATE],
           worst[GRADIENTS]);
}

static void plain_bounds(void **unused)
{
    (void)unused;
    mote_context *context = unit_context(2, NULL);
    mote_policy policy;
    mote_policy_find("fp32", &policy);
    state = 1;
    memset(worst, 0, sizeof worst);
    for (int i = 0; i < 500; i++) {
        evo p = random_problem(30000);
        check_problem(context, &policy, &p);
        evo_drop(&p);
    }
    print_worst("fp32");
    assert_true(worst[E_Y] > 0.01 && worst[GRADIENTS] > 0.01); /* the bounds are not idle */
    mote_context_destroy(context);
}

/* More heads than a round of sums by key and by query has. */
static void many_heads(void **unused)
{
    (void)unused;
    mote_context *context = unit_context(2, NULL);
    mote_policy policy;
    mote_policy_find("fp32", &policy);
    state = 50;
    memset(worst, 0, sizeof worst);
    for (int both = 0; both < 2; both++) { /* with biases over queries and keys, tasks walk all heads */
        evo p = evo_make((mote_evoformer_shape){2, {3, 130}, 2, 700, 2, 1, 0}, false);
        for (unsigned mask = 0; mask < 8; mask++) { /* keys, queries, heads */
            if (both || (mask & 3) != 3) {
                evo_add_bias(&p, 4, mask);
            }
        }
        check_problem(context, &policy, &p);
        evo_drop(&p);
    }
    print_worst("fp32, 780 heads");
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
        memset(worst, 0, sizeof worst);
        for (int i = 0; i < 24; i++) {
            evo p = random_problem(12000);
            policy.rounding = policy.gradient_rounding = i % 3 == 2 ? MOTE_STOCHASTIC : MOTE_NEAREST_EVEN;
            policy.seed = (uint64_t)i;
            check_problem(context, &policy, &p);
            evo_drop(&p);
        }
        print_worst(policies[n]);
    }
    mote_context_destroy(context);
}

/* ---- gradients of the definition ---- */

enum { QUERIES = 6, KEYS = 7, WIDTH = 4, MOST = KEYS * QUERIES };

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
    const double step = 1e-5;
    double q[MOST], k[MOST], v[MOST], dy[MOST], gate[MOST], first[MOST], second[MOST];
    uint8_t seen[MOST];
    double *inputs[] = {q, k, v, gate, first, second, dy};
    const double *const biases[] = {first, second};
    ref_attention_added added = {2, biases, gate, ref_array(MOST), ref_array(MOST)};
    ref_attention a = {.queries = QUERIES,
                       .keys = KEYS,
                       .width = WIDTH,
                       .scale = 0.7,
                       .seen = seen,
                       .q = q,
                       .k = k,
                       .v = v,
                       .dy = dy,
                       .y = ref_array(MOST),
                       .logsumexp = ref_array(MOST),
                       .dq = ref_array(MOST),
                       .dk = ref_array(MOST),
                       .dv = ref_array(MOST),
                       .added = &added};
    const ref_attention_array *gradients[] = {&a.dq, &a.dk, &a.dv, &added.dgate, &added.ds, &added.ds};
    static const size_t counts[] = {QUERIES * WIDTH, KEYS * WIDTH, KEYS * WIDTH, QUERIES * WIDTH, MOST, MOST};
    state = 7;
    for (int i = 0; i < MOST; i++) {
        for (int n = 0; n < 7; n++) {
            inputs[n][i] = (double)normal();
        }
        seen[i] = below(4) != 0;
    }
    ref_attention_forward(&a);
    ref_attention_backward(&a);
    for (int n = 0; n < 6; n++) {
        for (size_t i = 0; i < counts[n]; i++) {
            double x = inputs[n][i];
            inputs[n][i] = x + step;
            double above = loss(&a);
            inputs[n][i] = x - step;
            double slope = (above - loss(&a)) / (2 * step);
            inputs[n][i] = x;
            assert_true(fabs(slope - gradients[n]->values[i]) < 1e-8);
        }
    }
    ref_attention_array all[] = {a.y, a.logsumexp, a.dq, a.dk, a.dv, added.dgate, added.ds};
    for (int i = 0; i < 7; i++) {
        drop_array(all[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences),
        cmocka_unit_test(plain_bounds),
        cmocka_unit_test(many_heads),
        cmocka_unit_test(quantized_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
