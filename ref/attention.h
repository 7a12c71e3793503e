/* The definition of attention and of its gradients, from the formula, in FP64; and how far FP32 arithmetic may be from
 * it.
 *
 * Errors are carried along: each array comes with a bound for what FP32 may do to it, u = 2^-24 a rounding, gamma(n)
 * for a sum of n products; where an operand is quantized, its bound is what quantizing does to the ends of its
 * interval. The bounds are sums of first-order terms, times 1.01 for the rest. Only tests link this. */
#ifndef REF_ATTENTION_H
#define REF_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Operands in the order in which the products take them. */
enum {
    REF_FORWARD_Q,
    REF_FORWARD_K,
    REF_FORWARD_P,
    REF_FORWARD_V,
    REF_BACKWARD_DY,
    REF_BACKWARD_V,
    REF_UPDATE_P,
    REF_UPDATE_DY,
    REF_BACKWARD_DS,
    REF_BACKWARD_K,
    REF_UPDATE_DS,
    REF_UPDATE_Q
};

/* result = values [rows, columns] as an operand's format has them, with blocks along the columns' dimension or, down,
 * the rows'. */
typedef void ref_attention_quantize(void *user, int operand, size_t rows, size_t columns, bool down,
                                    const double *values, double *result);

typedef struct ref_attention_array {
    double *values, *errors;
} ref_attention_array;

/* Additive biases and a gate, of one head. Scores of -infinity are unseen. */
typedef struct ref_attention_added {
    int count;
    const double *const *biases; /* [queries, keys] each, added in order */
    const double *gate;          /* [queries, width], NULL: none */
    ref_attention_array dgate;   /* [queries, width] */
    ref_attention_array ds;      /* [queries, keys]: the gradient of each bias */
} ref_attention_added;

/* One head. The caller owns everything; gradients may be NULL for the forward pass. */
typedef struct ref_attention {
    size_t queries, keys, width;
    double scale;
    const uint8_t *seen;              /* [queries, keys] */
    const double *q, *k, *v, *dy;     /* [positions, width] */
    ref_attention_quantize *quantize; /* NULL: operands stay as they are */
    void *user;
    bool blocks;                      /* sums go by blocks of 32 */
    ref_attention_array y, logsumexp; /* [queries, width], [queries] */
    ref_attention_array dq, dk, dv;
    const ref_attention_added
        *added; /* NULL: none; the log-sum's error is then that of the logarithm of the sum alone */
} ref_attention;

void ref_attention_forward(const ref_attention *a);
/* Needs y and logsumexp from the forward pass. */
void ref_attention_backward(const ref_attention *a);

#endif
