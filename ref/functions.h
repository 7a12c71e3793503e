/* The definition of the functions that training needs, in FP64 with the C library's, straight from their formulas; slow
 * and sharing no code with src/. Only tests link this.
 *
 * Sources: GELU: Hendrycks and Gimpel, arXiv 1606.08415; SwiGLU: Shazeer, arXiv 2002.05202; layer norm: arXiv
 * 1607.06450; RMS norm: arXiv 1910.07467; rotary: arXiv 2104.09864; AdamW: arXiv 1711.05101 as PyTorch orders it. */
#ifndef REF_FUNCTIONS_H
#define REF_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Functions of one value, and their derivatives; those that libm has are not repeated. */
double ref_sigmoid(double x);
double ref_sigmoid_slope(double x);
double ref_silu(double x);
double ref_silu_slope(double x);
double ref_gelu(double x);
double ref_gelu_slope(double x);
double ref_gelu_tanh(double x);
double ref_gelu_tanh_slope(double x);
double ref_relu(double x);
double ref_tanh_slope(double x);
double ref_erf_slope(double x);

/* One row of a norm: mean (0 unless centre), rstd and y; weight and bias may be NULL. */
void ref_norm(bool centre, size_t count, const double *x, const double *weight, const double *bias, double epsilon,
              double *y, double *mean, double *rstd);
/* The gradients of sum(dy y) for one row; dweight and dbias are added to. */
void ref_norm_gradient(bool centre, size_t count, const double *x, const double *weight, double mean, double rstd,
                       const double *dy, double *dx, double *dweight, double *dbias);

/* One row. Of -infinity alone: zeros. */
void ref_softmax(size_t count, const double *x, double *y);
void ref_softmax_gradient(size_t count, const double *y, const double *dy, double *dx);
double ref_logsumexp(size_t count, const double *x);

/* One step of AdamW on one value, t = 1, 2, ... */
typedef struct ref_adamw {
    double learning_rate, beta1, beta2, epsilon, weight_decay;
} ref_adamw;
void ref_adamw_step(const ref_adamw *adamw, int t, double gradient, double *parameter, double *m, double *v);

/* Gradient descent with momentum. */
void ref_sgd_step(double learning_rate, double weight_decay, double momentum, bool nesterov, double gradient,
                  double *parameter, double *buffer);

#endif
