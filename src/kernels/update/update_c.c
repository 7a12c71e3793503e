/* The body for c. */
#include "kernels/update/update_body.h"

void mote_update_adamw__c(size_t count, const mote_adamw_step *step, const float *gradient, float *parameter, float *m,
                          float *v)
{
    update_adamw(count, step, gradient, parameter, m, v);
}

void mote_update_sgd__c(size_t count, const mote_sgd_step *step, const float *gradient, float *parameter, float *buffer)
{
    update_sgd(count, step, gradient, parameter, buffer);
}

void mote_update_average__c(size_t count, float weight, const float *x, float *average)
{
    update_average(count, weight, x, average);
}

double mote_sum_squares__c(size_t count, const float *x) { return sum_squares(count, x); }

void mote_update_lift_blocks__c(const mote_element *element, uint32_t increment, size_t count, float *x)
{
    update_lift_blocks(element, increment, count, x);
}
