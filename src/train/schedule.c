#include "train/schedule.h"

#include <math.h>
#include <string.h>

static double cosine(double progress, double least)
{
    return least + (1 - least) * 0.5 * (1 + cos(3.14159265358979323846 * progress));
}

static double linear(double progress, double least) { return 1 - (1 - least) * progress; }

static double constant(double progress, double least)
{
    (void)progress;
    (void)least;
    return 1;
}

static const struct {
    const char *name;
    mote_schedule *schedule;
} schedules[] = {{"cosine", cosine}, {"linear", linear}, {"constant", constant}};

mote_schedule *mote_schedule_find(const char *name)
{
    for (size_t i = 0; i < sizeof schedules / sizeof schedules[0]; i++) {
        if (strcmp(schedules[i].name, name) == 0) {
            return schedules[i].schedule;
        }
    }
    return NULL;
}

double mote_schedule_factor(mote_schedule *schedule, size_t step, size_t steps, size_t warmup, double least)
{
    if (step < warmup) {
        return (double)(step + 1) / (double)warmup;
    }
    double length = steps > warmup ? (double)(steps - warmup) : 1;
    return schedule((double)(step - warmup) / length, least);
}
