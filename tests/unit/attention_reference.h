/* What the definition of attention asks of the unit tests: memory, and operands in the formats of a policy. */
#ifndef TESTS_UNIT_ATTENTION_REFERENCE_H
#define TESTS_UNIT_ATTENTION_REFERENCE_H

#include "unit.h"

#include "attention.h"

typedef struct reference_quantizer {
    mote_context *context;
    const mote_policy *policy;
    const mote_attention_shape *shape;
    size_t batch, head, key_head; /* of the call */
} reference_quantizer;

static inline mote_format format_of(const mote_policy *p, int operand)
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

static inline place place_of(const reference_quantizer *z, int operand, size_t rows, size_t columns, bool down)
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

static inline void reference_quantize(void *user, int operand, size_t rows, size_t columns, bool down,
                                      const double *values, double *result)
{
    const reference_quantizer *z = user;
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

static inline ref_attention_array ref_array(size_t count)
{
    return (ref_attention_array){calloc(count + 1, sizeof(double)), calloc(count + 1, sizeof(double))};
}

static inline void drop_array(ref_attention_array a)
{
    free(a.values);
    free(a.errors);
}

#endif
