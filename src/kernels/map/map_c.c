/* The body for c. */
#include "kernels/map/map_body.h"

void mote_map_unary__c(mote_unary op, size_t count, const float *x, float *y) { map_unary(op, count, x, y); }

void mote_map_unary_gradient__c(mote_unary op, size_t count, const float *x, const float *dy, float *dx)
{
    map_unary_gradient(op, count, x, dy, dx);
}

void mote_map_binary__c(mote_binary op, size_t count, const float *a, size_t a_step, const float *b, size_t b_step,
                        float *y)
{
    map_binary(op, count, a, a_step, b, b_step, y);
}

void mote_swiglu__c(size_t count, const float *gate, const float *up, float *y) { swiglu(count, gate, up, y); }

void mote_swiglu_gradient__c(size_t count, const float *gate, const float *up, const float *dy, float *dgate,
                             float *dup)
{
    swiglu_gradient(count, gate, up, dy, dgate, dup);
}

void mote_dropout__c(size_t count, uint64_t seed, uint64_t position, uint32_t threshold, float scale, const float *x,
                     float *y)
{
    dropout(mote_random_words__c, count, seed, position, threshold, scale, x, y);
}

void mote_rotary__c(size_t half, const float *cosine, const float *sine, float sign, const float *x, float *y)
{
    rotary(half, cosine, sine, sign, x, y);
}
