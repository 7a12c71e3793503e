/* Time and joules of counts on a profile: the roofline, and a sum of prices. Source: Williams et al., Roofline, CACM
 * 52(4), 2009. */
#include <math.h>
#include <string.h>

#include "mote/energy.h"

/* The first level that holds this reach: the last one holds any. */
static int level_of(const mote_profile *profile, int power)
{
    int level = 0;
    while (level + 1 < profile->level_count &&
           (power == MOTE_REACHES - 1 || profile->levels[level].bytes.value < ldexp(1, power))) {
        level++;
    }
    return level;
}

static void estimate_products(const mote_profile *p, const mote_graph_counts *counts, mote_estimate *e)
{
    for (int a = 0; a < MOTE_OPERAND_FORMATS; a++) {
        for (int b = 0; b < MOTE_OPERAND_FORMATS; b++) {
            double rate = fmin(p->multiply_adds_per_second[a].value, p->multiply_adds_per_second[b].value);
            double joules = fmax(p->joules_per_multiply_add[a].value, p->joules_per_multiply_add[b].value);
            e->product_seconds += counts->multiply_adds[a][b] / rate;
            e->product_joules += counts->multiply_adds[a][b] * joules;
        }
    }
}

void mote_profile_estimate(const mote_profile *profile, const mote_graph_counts *counts, mote_estimate *estimate)
{
    memset(estimate, 0, sizeof *estimate);
    estimate_products(profile, counts, estimate);
    for (int r = 0; r < MOTE_REACHES; r++) {
        estimate->level_bytes[level_of(profile, r)] += counts->bytes[r];
    }
    estimate->seconds = estimate->product_seconds;
    for (int l = 0; l < profile->level_count; l++) {
        const mote_profile_level *level = &profile->levels[l];
        estimate->level_seconds[l] = estimate->level_bytes[l] / level->bytes_per_second.value;
        estimate->byte_joules += estimate->level_bytes[l] * level->joules_per_byte.value;
        estimate->seconds = fmax(estimate->seconds, estimate->level_seconds[l]);
    }
    estimate->idle_joules = estimate->seconds * profile->idle_watts.value;
    estimate->joules = estimate->product_joules + estimate->byte_joules + estimate->idle_joules;
}
