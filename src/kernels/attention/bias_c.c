/* Biases and gates of attention for portable C. */
#include "kernels/attention/bias_body.h"

void mote_attention_add_biases__c(int rows, size_t keys, float scale, int count, const mote_attention_bias *biases,
                                  bool finish, const float *shifts, float *scores)
{
    attention_add_biases(rows, keys, scale, count, biases, finish, shifts, scores);
}

void mote_attention_gather_bias__c(int rows, size_t keys, const float *ds, size_t stride, float *to, ptrdiff_t row,
                                   ptrdiff_t step)
{
    attention_gather_bias(rows, keys, ds, stride, to, row, step);
}

void mote_attention_gate__c(size_t count, const float *gate, const float *x, float *y)
{
    attention_gate(count, gate, x, y);
}

void mote_attention_gate_gradient__c(size_t count, const float *gate, const float *y, const float *dy, float *dgate)
{
    attention_gate_gradient(count, gate, y, dy, dgate);
}
