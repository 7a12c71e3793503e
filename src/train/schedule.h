/* Learning-rate schedules. */
#ifndef MOTE_TRAIN_SCHEDULE_H
#define MOTE_TRAIN_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

/* The factor of the learning rate at step (from 0) of steps: linear over warmup steps, then by the schedule to least at
 * the end. Sources: Loshchilov and Hutter, arXiv 1608.03983, equation 5 (cosine); Goyal et al., arXiv 1706.02677,
 * section 2.2 (warm-up). */
typedef double mote_schedule(double progress, double least);

/* NULL for an unknown name; known: cosine, linear, constant. */
mote_schedule *mote_schedule_find(const char *name);
double mote_schedule_factor(mote_schedule *schedule, size_t step, size_t steps, size_t warmup, double least);

#endif
