/* Matrices in full, loops in the order of the formulas. */
#include "attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double u = 0x1p-24, second_order = 1.01, tiny = 0x1p-126, log2_e = 1.4426950408889634;

enum { LANES = 16 };

static double gamma_of(double n) { return n * u / (1 - n * u); }

/* For a sum of n products: in order, or block after block, with a few more additions for pieces of long sums. */
static double product_gamma(const ref_attention *a, size_t n)
{
    double length = (double)n, pieces = 4 + length / 32;
    return gamma_of((a->blocks ? 33 + length / 32 : length) + pieces);
}

static double *make(size_t count) { return calloc(count + 1, sizeof(double)); }

/* An operand with what quantizing makes of the ends of its intervals. errors NULL: none. */
typedef struct matrix {
    double *values, *errors;
} matrix;

static matrix quantized(const ref_attention *a, int operand, size_t rows, size_t columns, bool down,
                        const double *values, const double *errors)
{
    size_t count = rows * columns;
    matrix m = {make(count), make(count)};
    double *end = make(count), *result = make(count);
    if (!a->quantize) {
        memcpy(m.values, values, count * sizeof *values);
        memcpy(m.errors, errors ? errors : end, count * sizeof *values);
    } else {
        a->quantize(a->user, operand, rows, columns, down, values, m.values);
        for (int sign = -1; sign <= 1 && errors; sign += 2) {
            for (size_t i = 0; i < count; i++) {
                end[i] = values[i] + sign * errors[i];
            }
            a->quantize(a->user, operand, rows, columns, down, end, result);
            for (size_t i = 0; i < count; i++) {
                double change = fabs(result[i] - m.values[i]);
                m.errors[i] = change > m.errors[i] ? change : m.errors[i];
            }
        }
    }
    free(end);
    free(result);
    return m;
}

static void drop(matrix m)
{
    free(m.values);
    free(m.errors);
}

/* Element (i, j) of x y^T over count values: strides of lines and of values; and its error. */
typedef struct line {
    const matrix *m;
    size_t start, step;
} line;

static double product(const ref_attention *a, line x, line y, size_t count, double *error)
{
    double sum = 0, magnitude = 0, carried = 0;
    for (size_t i = 0; i < count; i++) {
        size_t p = x.start + i * x.step, q = y.start + i * y.step;
        double b = y.m->values[q], c = x.m->values[p];
        if (c == 0 && x.m->errors[p] == 0) {
            continue; /* unseen: even infinity does not matter */
        }
        sum += c * b;
        magnitude += fabs(c * b);
        carried += x.m->errors[p] * fabs(b) + y.m->errors[q] * fabs(c);
    }
    *error = carried + product_gamma(a, count) * magnitude + (double)count * tiny;
    return sum;
}

/* A score in FP32's steps: the scale, each bias, then the unit; and its error. */
static double add_biases(const ref_attention *a, size_t at, double s, double *error)
{
    double t = s * a->scale;
    *error = fabs(a->scale) * *error + u * fabs(t);
    for (int b = 0; b < a->added->count && a->seen[at]; b++) {
        t += a->added->biases[b][at];
        *error += u * (fabs(t) + *error);
    }
    *error = log2_e * *error + 2 * u * fabs(t * log2_e);
    return t * log2_e;
}

/* Scores in units of log 2, and their errors. */
static matrix scores_of(const ref_attention *a)
{
    matrix q = quantized(a, REF_FORWARD_Q, a->queries, a->width, false, a->q, NULL);
    matrix k = quantized(a, REF_FORWARD_K, a->keys, a->width, false, a->k, NULL);
    matrix t = {make(a->queries * a->keys), make(a->queries * a->keys)};
    double factor = a->scale * log2_e;
    for (size_t i = 0; i < a->queries; i++) {
        for (size_t j = 0; j < a->keys; j++) {
            double error, s = product(a, (line){&q, i * a->width, 1}, (line){&k, j * a->width, 1}, a->width, &error);
            size_t at = i * a->keys + j;
            t.values[at] = a->added ? add_biases(a, at, s, &error) : s * factor;
            t.errors[at] = a->added ? error : fabs(factor) * error + 2 * u * fabs(s * factor);
        }
    }
    drop(q);
    drop(k);
    return t;
}

/* 2^x within 1.02 ulp, or 1.42 units of roundoff, for an x that is off by error and is rounded once more. */
static double power_error(double x, double error)
{
    if (x + error + u * fabs(x) < -101) {
        return 0x1p-99; /* 0, however large the error */
    }
    return exp2(x) * (expm1((error + u * fabs(x)) / log2_e) + 2 * u) * second_order + 0x1p-99;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* Gates are within 5 units in the last place. */
static const double gate_error = 10 * 0x1p-24;

/* y behind the gate, if there is one. */
static void gate_result(const ref_attention *a)
{
    for (size_t i = 0; i < a->queries * a->width && a->added && a->added->gate; i++) {
        double s = sigmoid(a->added->gate[i]);
        a->y.values[i] *= s;
        a->y.errors[i] = a->y.errors[i] * s * second_order + gate_error * fabs(a->y.values[i]) + tiny;
    }
}

/* dY before the gate; and the gate's gradient. */
static matrix before_gate(const ref_attention *a)
{
    size_t count = a->queries * a->width;
    matrix dy = {make(count), make(count)};
    memcpy(dy.values, a->dy, count * sizeof *dy.values);
    for (size_t i = 0; i < count && a->added && a->added->gate; i++) {
        double gate = a->added->gate[i], y = a->y.values[i], opposite = sigmoid(-gate);
        dy.values[i] *= sigmoid(gate);
        dy.errors[i] = gate_error * fabs(dy.values[i]) + tiny;
        a->added->dgate.values[i] = a->dy[i] * y * opposite;
        a->added->dgate.errors[i] = second_order * (fabs(a->dy[i]) * opposite * a->y.errors[i] +
                                                    1.2 * gate_error * fabs(a->dy[i] * y * opposite)) +
                                    tiny * (1 + fabs(a->dy[i]));
    }
    return dy;
}

void ref_attention_forward(const ref_attention *a)
{
    matrix t = scores_of(a), p = {make(a->queries * a->keys), make(a->queries * a->keys)};
    matrix v = quantized(a, REF_FORWARD_V, a->keys, a->width, true, a->v, NULL);
    double *sums = make(a->queries), *sum_errors = make(a->queries);
    for (size_t i = 0; i < a->queries; i++) {
        double maximum = -INFINITY;
        for (size_t j = 0; j < a->keys; j++) {
            double x = t.values[i * a->keys + j];
            maximum = a->seen[i * a->keys + j] && x > maximum ? x : maximum;
        }
        maximum = ceil(maximum);
        for (size_t j = 0; j < a->keys; j++) {
            size_t at = i * a->keys + j;
            if (a->seen[at]) {
                p.values[at] = exp2(t.values[at] - maximum);
                p.errors[at] = power_error(t.values[at] - maximum, t.errors[at]);
                sums[i] += p.values[at];
                sum_errors[i] += p.errors[at];
            }
        }
        sum_errors[i] += gamma_of((double)a->keys / LANES + (double)a->keys / 32 + 6) * sums[i];
        double logsumexp = (maximum + log2(sums[i])) / log2_e;
        a->logsumexp.values[i] = sums[i] > 0 ? logsumexp : -INFINITY;
        a->logsumexp.errors[i] =
            sums[i] > 0 ? second_order * (sum_errors[i] / sums[i] + (a->added ? 0 : u) * fabs(logsumexp)) + tiny : 0;
    }
    matrix codes = quantized(a, REF_FORWARD_P, a->queries, a->keys, false, p.values, p.errors);
    for (size_t i = 0; i < a->queries; i++) {
        for (size_t d = 0; d < a->width; d++) {
            double error, sum = product(a, (line){&codes, i * a->keys, 1}, (line){&v, d, a->width}, a->keys, &error);
            double y = sums[i] > 0 ? sum / sums[i] : 0;
            a->y.values[i * a->width + d] = y;
            a->y.errors[i * a->width + d] =
                sums[i] > 0 ? second_order * (error / sums[i] + fabs(y) * (sum_errors[i] / sums[i] + 3 * u)) + tiny : 0;
        }
    }
    gate_result(a);
    drop(t);
    drop(p);
    drop(v);
    drop(codes);
    free(sums);
    free(sum_errors);
}

/* The mean of dP under P: dy . y, or, where operands are quantized, of the dP that they give. */
static double mean_change(const ref_attention *a, size_t i, const matrix *p, const matrix *dp, double *error)
{
    double sum = 0;
    *error = 0;
    for (size_t d = 0; d < a->width && !a->quantize; d++) {
        double x = a->dy[i * a->width + d], y = a->y.values[i * a->width + d];
        sum += x * y;
        *error += fabs(x) * a->y.errors[i * a->width + d] + gamma_of((double)a->width / LANES + 6) * fabs(x * y) + tiny;
    }
    for (size_t at = i * a->keys; at < (i + 1) * a->keys && a->quantize; at++) {
        double term = p->values[at] * dp->values[at];
        sum += term;
        *error += p->errors[at] * fabs(dp->values[at]) + (p->values[at] + p->errors[at]) * dp->errors[at] +
                  gamma_of((double)a->keys / LANES + (double)a->keys / 32 + 8) * fabs(term) + tiny;
    }
    return sum;
}

/* P and dS with their errors. */
static void gradients_of_scores(const ref_attention *a, const matrix *gradient, matrix p, matrix ds)
{
    matrix t = scores_of(a);
    matrix dy = quantized(a, REF_BACKWARD_DY, a->queries, a->width, false, gradient->values, gradient->errors);
    double rest = log2((double)a->keys + 1) + 1; /* of the logarithm of a row's sum, at most */
    matrix v = quantized(a, REF_BACKWARD_V, a->keys, a->width, false, a->v, NULL);
    matrix dp = {make(a->queries * a->keys), make(a->queries * a->keys)};
    for (size_t i = 0; i < a->queries; i++) {
        double delta_error, shift = a->logsumexp.values[i] * log2_e;
        for (size_t j = 0; j < a->keys; j++) {
            size_t at = i * a->keys + j;
            if (!a->seen[at] || isinf(shift)) {
                continue;
            }
            double x = t.values[at] - shift;
            dp.values[at] =
                product(a, (line){&dy, i * a->width, 1}, (line){&v, j * a->width, 1}, a->width, &dp.errors[at]);
            p.values[at] = exp2(x);
            double rounding = a->added ? u * (fabs(x) + 3 * rest) : 2 * u * fabs(shift);
            p.errors[at] = power_error(x, t.errors[at] + a->logsumexp.errors[i] * log2_e + rounding);
        }
        double delta = mean_change(a, i, &p, &dp, &delta_error);
        for (size_t at = i * a->keys; at < (i + 1) * a->keys; at++) {
            if (!a->seen[at] || isinf(shift)) {
                continue;
            }
            double change = dp.values[at] - delta;
            ds.values[at] = p.values[at] * change * a->scale;
            double error = (p.errors[at] + 3 * u * p.values[at]) * fabs(change) +
                           (p.values[at] + p.errors[at]) * (dp.errors[at] + delta_error);
            ds.errors[at] = fabs(a->scale) * error * second_order + tiny;
            if (a->added) {
                a->added->ds.values[at] = p.values[at] * change;
                a->added->ds.errors[at] = error * second_order + tiny;
            }
        }
    }
    drop(t);
    drop(dy);
    drop(v);
    drop(dp);
}

/* to [lines, width] = x y, lines of x start steps of line apart and its values step apart; y is [count, width]. */
static void gather(const ref_attention *a, const matrix *x, size_t lines, size_t line_step, size_t step,
                   const matrix *y, size_t count, ref_attention_array to)
{
    for (size_t i = 0; i < lines; i++) {
        for (size_t d = 0; d < a->width; d++) {
            double error;
            to.values[i * a->width + d] =
                product(a, (line){x, i * line_step, step}, (line){y, d, a->width}, count, &error);
            to.errors[i * a->width + d] = second_order * error;
        }
    }
}

void ref_attention_backward(const ref_attention *a)
{
    size_t count = a->queries * a->keys;
    matrix p = {make(count), make(count)}, ds = {make(count), make(count)};
    matrix gradient = before_gate(a);
    gradients_of_scores(a, &gradient, p, ds);
    matrix p_down = quantized(a, REF_UPDATE_P, a->queries, a->keys, true, p.values, p.errors);
    matrix dy = quantized(a, REF_UPDATE_DY, a->queries, a->width, true, gradient.values, gradient.errors);
    matrix ds_along = quantized(a, REF_BACKWARD_DS, a->queries, a->keys, false, ds.values, ds.errors);
    matrix k = quantized(a, REF_BACKWARD_K, a->keys, a->width, true, a->k, NULL);
    matrix ds_down = quantized(a, REF_UPDATE_DS, a->queries, a->keys, true, ds.values, ds.errors);
    matrix q = quantized(a, REF_UPDATE_Q, a->queries, a->width, true, a->q, NULL);
    gather(a, &p_down, a->keys, 1, a->keys, &dy, a->queries, a->dv);
    gather(a, &ds_along, a->queries, a->keys, 1, &k, a->keys, a->dq);
    gather(a, &ds_down, a->keys, 1, a->keys, &q, a->queries, a->dk);
    matrix all[] = {gradient, p, ds, p_down, dy, ds_along, k, ds_down, q};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        drop(all[i]);
    }
}
