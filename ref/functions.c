/* Formulas, one after the other. */
#include "functions.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

double ref_sigmoid(double x) { return 1 / (1 + exp(-x)); }

double ref_sigmoid_slope(double x) { return ref_sigmoid(x) * ref_sigmoid(-x); }

double ref_silu(double x) { return x * ref_sigmoid(x); }

double ref_silu_slope(double x) { return ref_sigmoid(x) * (1 + x * ref_sigmoid(-x)); }

double ref_gelu(double x) { return x * 0.5 * erfc(-x / sqrt(2)); }

double ref_gelu_slope(double x) { return 0.5 * erfc(-x / sqrt(2)) + x * exp(-x * x / 2) / sqrt(2 * pi); }

/* twice the argument of the hyperbolic tangent: (1 + tanh z) / 2 = sigmoid(2 z), which does not cancel */
static double gelu_tanh_z(double x) { return 2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x); }

double ref_gelu_tanh(double x) { return x * ref_sigmoid(gelu_tanh_z(x)); }

double ref_gelu_tanh_slope(double x)
{
    double slope = 2 * sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x);
    return ref_sigmoid(gelu_tanh_z(x)) + x * ref_sigmoid_slope(gelu_tanh_z(x)) * slope;
}

double ref_relu(double x) { return x > 0 ? x : 0; }

double ref_tanh_slope(double x) { return 1 / (cosh(x) * cosh(x)); }

double ref_erf_slope(double x) { return 2 / sqrt(pi) * exp(-x * x); }

void ref_norm(bool centre, size_t count, const double *x, const double *weight, const double *bias, double epsilon,
              double *y, double *mean, double *rstd)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; centre && i < count; i++) {
        sum += x[i];
    }
    *mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) {
        squares += (x[i] - *mean) * (x[i] - *mean);
    }
    *rstd = 1 / sqrt(squares / (double)count + epsilon);
    for (size_t i = 0; i < count; i++) {
        y[i] = (x[i] - *mean) * *rstd * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
    }
}

void ref_norm_gradient(bool centre, size_t count, const double *x, const double *weight, double mean, double rstd,
                       const double *dy, double *dx, double *dweight, double *dbias)
{
    double sum = 0, along = 0;
    for (size_t i = 0; i < count; i++) {
        double g = dy[i] * (weight ? weight[i] : 1), z = (x[i] - mean) * rstd;
        sum += g;
        along += g * z;
        dweight[i] += dy[i] * z;
        dbias[i] += dy[i];
    }
    for (size_t i = 0; i < count; i++) {
        double g = dy[i] * (weight ? weight[i] : 1), z = (x[i] - mean) * rstd;
        dx[i] = rstd * (g - (centre ? sum / (double)count : 0) - z * along / (double)count);
    }
}

static double largest(size_t count, const double *x)
{
    double most = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        most = x[i] > most ? x[i] : most;
    }
    return most;
}

void ref_softmax(size_t count, const double *x, double *y)
{
    double most = largest(count, x), sum = 0;
    for (size_t i = 0; i < count; i++) {
        y[i] = exp(x[i] - (most > -INFINITY ? most : 0));
        sum += y[i];
    }
    for (size_t i = 0; i < count; i++) {
        y[i] = sum == 0 ? 0 : y[i] / sum;
    }
}

void ref_softmax_gradient(size_t count, const double *y, const double *dy, double *dx)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += y[i] * dy[i];
    }
    for (size_t i = 0; i < count; i++) {
        dx[i] = y[i] * (dy[i] - sum);
    }
}

double ref_logsumexp(size_t count, const double *x)
{
    double most = largest(count, x), sum = 0;
    most = isinf(most) ? 0 : most;
    for (size_t i = 0; i < count; i++) {
        sum += exp(x[i] - most);
    }
    return most + log(sum);
}

void ref_adamw_step(const ref_adamw *adamw, int t, double gradient, double *parameter, double *m, double *v)
{
    *parameter *= 1 - adamw->learning_rate * adamw->weight_decay;
    *m = adamw->beta1 * *m + (1 - adamw->beta1) * gradient;
    *v = adamw->beta2 * *v + (1 - adamw->beta2) * gradient * gradient;
    double first = *m / (1 - pow(adamw->beta1, t)), second = *v / (1 - pow(adamw->beta2, t));
    *parameter -= adamw->learning_rate * first / (sqrt(second) + adamw->epsilon);
}

void ref_sgd_step(double learning_rate, double weight_decay, double momentum, bool nesterov, double gradient,
                  double *parameter, double *buffer)
{
    *parameter *= 1 - learning_rate * weight_decay;
    *buffer = momentum * *buffer + gradient;
    *parameter -= learning_rate * (nesterov ? gradient + momentum * *buffer : *buffer);
}
