/* Family attention for portable C: sixteen lanes are a loop. */
#include "kernels/attention/attention_body.h"

void mote_attention_softmax__c(int rows, size_t pieces, const mote_attention_range *visible, float scale,
                               const float *scores, float *maxima, float *sums, float *factors, float *p, size_t stride)
{
    attention_softmax(rows, pieces, visible, scale, scores, maxima, sums, factors, p, stride);
}

void mote_attention_gradient__c(int rows, size_t pieces, const mote_attention_range *visible, float scale,
                                float gradient_scale, const mote_attention_row *row, const float *scores,
                                const float *dp, float *p, float *ds, size_t stride)
{
    attention_gradient(rows, pieces, visible, scale, gradient_scale, row, scores, dp, p, ds, stride);
}

float mote_attention_dot__c(size_t count, const float *x, const float *y) { return attention_dot(count, x, y); }

void mote_attention_finish__c(int rows, size_t columns, const float *values, const float *factors, float *y,
                              ptrdiff_t stride)
{
    attention_finish(rows, columns, values, factors, y, stride);
}
