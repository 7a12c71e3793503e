/* From results of single experiments to the figures of a study: means, spreads, differences. */
#include <math.h>

#include "study/study.h"

typedef struct sums {
    size_t count, measured;
    double scores[64];
    double seconds, joules, inference, bytes, meter;
} sums;

static mote_status collect(mote_context *context, const mote_study_plan *plan, const mote_study_entry *entry,
                           const char *policy, mote_study_setting setting, sums *s)
{
    *s = (sums){0};
    for (uint64_t seed = 0; seed < plan->options.seeds && seed < 64; seed++) {
        const mote_study_key key = {entry->task, setting, policy, seed};
        mote_study_record r;
        bool found;
        mote_status status = mote_store_read(context, plan->options.output, &key, entry->fingerprint, &found, &r);
        if (status != MOTE_OK) {
            return status;
        }
        if (found) {
            json_decref(r.picture);
            s->scores[s->count++] = r.score;
            s->seconds += r.seconds;
            s->joules += r.joules;
            s->inference += r.inference_joules;
            s->bytes += r.bytes;
            s->meter += isnan(r.measured_joules) ? 0 : r.measured_joules;
            s->measured += !isnan(r.measured_joules);
        }
    }
    return MOTE_OK;
}

static double mean(const sums *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        sum += s->scores[i];
    }
    return sum / (double)s->count; /* NaN for none */
}

static double deviation(const sums *s)
{
    const double middle = mean(s);
    double sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        sum += (s->scores[i] - middle) * (s->scores[i] - middle);
    }
    return s->count > 1 ? sqrt(sum / (double)(s->count - 1)) : NAN;
}

mote_status mote_study_figure_of(mote_context *context, const mote_study_plan *plan, const mote_study_entry *entry,
                                 const char *policy, mote_study_setting setting, mote_study_figure *figure)
{
    sums base, s;
    mote_status status = collect(context, plan, entry, "fp32", MOTE_STUDY_TRAIN, &base);
    status = status == MOTE_OK ? collect(context, plan, entry, policy, setting, &s) : status;
    if (status != MOTE_OK) {
        return status;
    }
    const double n = (double)s.count, sign = entry->task->larger_is_better ? 1 : -1;
    *figure = (mote_study_figure){.seeds = s.count, .mean = mean(&s), .spread = deviation(&s)};
    const double better = sign * (figure->mean - mean(&base));
    const double spread = fmax(deviation(&base), figure->spread); /* fmax passes over a NaN */
    figure->difference = 100 * better / fabs(mean(&base));
    figure->spreads = better == 0 ? 0 : better / spread;
    figure->bytes = s.bytes / n;
    figure->seconds = s.seconds / n;
    figure->training_joules = s.joules / n;
    figure->training_joules += setting == MOTE_STUDY_TRAIN ? 0 : base.joules / (double)base.count;
    figure->inference_joules = s.inference / n;
    figure->measured_joules = s.measured == s.count && s.count ? s.meter / n : NAN;
    return MOTE_OK;
}
