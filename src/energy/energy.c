/* The recorder: readings of all counters, and what may be added up. */
#include "energy/energy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/context.h"

/* What one counter has counted. */
typedef struct reading {
    double number; /* the last one read */
    double joules;
    double idle_watts; /* NaN: not known */
    bool lost;         /* it could not be read any more */
} reading;

struct mote_energy {
    mote_context *context;
    bool gpus;
    double began, at;             /* clock of the start, of the last readings */
    double own_began, busy_began; /* processor time, in seconds; NaN: not known */
    char root[MOTE_COUNTER_PATH]; /* of the files */
    mote_meters meters;
    reading readings[MOTE_COUNTERS];
};

const char *mote_energy_kind_name(mote_energy_kind kind)
{
    static const char *const names[] = {"unavailable", "measured", "modelled"};
    return kind >= MOTE_ENERGY_UNAVAILABLE && kind <= MOTE_ENERGY_MODELLED ? names[kind] : "unavailable";
}

/* ---- readings ---- */

/* A counter's progress between two readings, or the joules of a power that changed evenly. */
static void advance(const mote_counter *c, double number, double seconds, reading *r)
{
    double counts = number - r->number;
    if (c->power) {
        r->joules += (number + r->number) / 2 * c->unit * seconds;
    } else if (counts >= 0) {
        r->joules += counts * c->unit;
    } else if (c->range + counts >= 0) { /* it began again */
        r->joules += (c->range + counts) * c->unit;
    } else {
        r->lost = true;
    }
    r->number = number;
}

static void read_all(mote_energy *e)
{
    double now = mote_clock(), seconds = now - e->at;
    for (int i = 0; i < e->meters.counter_count; i++) {
        const mote_counter *c = &e->meters.counters[i];
        reading *r = &e->readings[i];
        double number;
        if (r->lost) {
            continue;
        }
        if (!mote_counter_read(&e->meters, c, &number) || number < 0) {
            r->lost = true;
            continue;
        }
        advance(c, number, seconds, r);
    }
    e->at = now;
}

/* Processor time of this program. */
static double own_seconds(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : NAN;
}

/* Time in which the machine's processors worked, all together. */
static double busy_seconds(const char *root)
{
    char path[2 * MOTE_COUNTER_PATH], line[256];
    unsigned long long user, nice, system, idle, wait, interrupts, soft;
    snprintf(path, sizeof path, "%s/proc/stat", root);
    mote_meter_line(path, line, sizeof line);
    int found =
        sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait, &interrupts, &soft);
    return found == 7 ? (double)(user + nice + system + interrupts + soft) / (double)sysconf(_SC_CLK_TCK) : NAN;
}

/* ---- start and stop ---- */

static void begin(mote_energy *e)
{
    e->at = mote_clock();
    for (int i = 0; i < e->meters.counter_count; i++) {
        reading *r = &e->readings[i];
        r->joules = 0;
        r->lost = !mote_counter_read(&e->meters, &e->meters.counters[i], &r->number);
    }
    e->began = e->at;
    e->own_began = own_seconds();
    e->busy_began = busy_seconds(e->root);
}

/* What the machine draws when nothing runs. */
static void watch_idle(mote_energy *e, double seconds)
{
    struct timespec pause = {(time_t)seconds, (long)(fmod(seconds, 1) * 1e9)};
    nanosleep(&pause, NULL); /* a signal ends it sooner */
    read_all(e);
    for (int i = 0; i < e->meters.counter_count; i++) {
        e->readings[i].idle_watts = e->readings[i].joules / (e->at - e->began);
    }
}

mote_status mote_energy_start_in(mote_context *context, const mote_energy_options *options, const char *root,
                                 const char *nvml, mote_energy **energy)
{
    const mote_energy_options none = {0}, *o = options ? options : &none;
    mote_energy *e = mote_allocate(context, sizeof *e);
    *energy = e;
    if (!e) {
        return MOTE_ERROR_MEMORY;
    }
    e->context = context;
    e->gpus = o->gpus != 0;
    snprintf(e->root, sizeof e->root, "%s", root);
    mote_meters_open(&e->meters, e->root, nvml);
    for (int i = 0; i < MOTE_COUNTERS; i++) {
        e->readings[i] = (reading){.idle_watts = NAN};
    }
    begin(e);
    if (o->idle_seconds > 0) {
        watch_idle(e, o->idle_seconds);
        begin(e);
    }
    return MOTE_OK;
}

mote_status mote_energy_start(mote_context *context, const mote_energy_options *options, mote_energy **energy)
{
    return mote_energy_start_in(context, options, context->meters ? context->meters : "", MOTE_NVML, energy);
}

void mote_energy_stop(mote_energy *energy)
{
    if (energy) {
        mote_meters_close(&energy->meters);
        mote_release(energy->context, energy);
    }
}

void mote_energy_read(mote_energy *energy)
{
    if (energy && mote_clock() - energy->at >= 1) {
        read_all(energy);
    }
}

/* ---- results ---- */

static bool is_component(const mote_energy *e, const mote_counter *c)
{
    return c->cover == MOTE_COVER_PROCESSOR || (c->cover == MOTE_COVER_GPU && e->gpus);
}

/* Which counters are added up: those of parts of the machine; where there are none, those of the first meter that has
 * the whole machine's. */
static bool is_counted(const mote_energy *e, const mote_counter *counter)
{
    int whole = -1;
    for (int i = 0; i < e->meters.counter_count; i++) {
        const mote_counter *c = &e->meters.counters[i];
        if (is_component(e, c)) {
            return is_component(e, counter);
        }
        whole = whole < 0 && c->cover == MOTE_COVER_MACHINE ? c->meter : whole;
    }
    return counter->cover == MOTE_COVER_MACHINE && counter->meter == whole;
}

/* Nothing is counted: why, and the command that would help. */
static void say_why(const mote_energy *e, mote_energy_result *result)
{
    for (int m = 0; m < e->meters.count; m++) {
        const mote_meter *meter = &e->meters.meters[m];
        if (*meter->grant) {
            snprintf(result->source, sizeof result->source, "unavailable: %s: %.120s: %s", meter->name, meter->detail,
                     meter->grant);
            return;
        }
    }
    snprintf(result->source, sizeof result->source,
             "unavailable: this machine shows no energy counter of its processors, see mote info --energy");
}

/* Adds up; returns how many counters. A counter that has not moved measures nothing, as in some virtual machines and
 * of some memories; still gets its name. */
static int add_counters(const mote_energy *e, mote_energy_result *result, char *still, int still_size)
{
    int counted = 0;
    result->joules = result->idle_watts = 0;
    snprintf(result->source, sizeof result->source, "measured: ");
    for (int i = 0; i < e->meters.counter_count; i++) {
        const mote_counter *c = &e->meters.counters[i];
        const reading *r = &e->readings[i];
        if (!is_counted(e, c)) {
            continue;
        }
        if (r->lost) {
            snprintf(result->source, sizeof result->source, "unavailable: %s could not be read to the end", c->name);
            return 0;
        }
        if (r->joules == 0) {
            mote_meter_say(still, still_size, "%s%s", *still ? ", " : "", c->name);
            continue;
        }
        result->joules += r->joules;
        result->idle_watts += r->idle_watts;
        mote_meter_say(result->source, sizeof result->source, "%s%s", counted++ ? ", " : "", c->name);
    }
    if (!counted && !*still) {
        say_why(e, result);
    } else if (!counted) {
        snprintf(result->source, sizeof result->source, "unavailable: no progress of %s", still);
    } else if (*still) {
        mote_meter_say(result->source, sizeof result->source, "; no progress of %s", still);
    }
    return counted;
}

static void add_up(const mote_energy *e, mote_energy_result *result)
{
    char still[256] = "";
    int counted = add_counters(e, result, still, sizeof still);
    if (e->meters.overflow) {
        snprintf(result->source, sizeof result->source, "unavailable: the machine has more than %d energy counters",
                 MOTE_COUNTERS);
    }
    result->kind = counted && !e->meters.overflow ? MOTE_ENERGY_MEASURED : MOTE_ENERGY_UNAVAILABLE;
    if (result->kind == MOTE_ENERGY_UNAVAILABLE) {
        result->joules = result->idle_watts = NAN;
    }
}

void mote_energy_get(mote_energy *energy, mote_energy_result *result)
{
    read_all(energy);
    double own = own_seconds() - energy->own_began, busy = busy_seconds(energy->root) - energy->busy_began;
    *result = (mote_energy_result){.kind = MOTE_ENERGY_UNAVAILABLE,
                                   .seconds = energy->at - energy->began,
                                   .busy_share = busy > 0 ? fmin(own / busy, 1) : NAN};
    add_up(energy, result);
}

int mote_energy_domain_count(const mote_energy *energy) { return energy->meters.counter_count; }

mote_energy_domain mote_energy_get_domain(const mote_energy *energy, int index)
{
    const mote_counter *c = &energy->meters.counters[index];
    const reading *r = &energy->readings[index];
    double seconds = energy->at - energy->began;
    mote_energy_domain domain = {.joules = r->lost ? NAN : r->joules, .counted = is_counted(energy, c)};
    domain.watts = seconds > 0 ? domain.joules / seconds : NAN;
    snprintf(domain.name, sizeof domain.name, "%s", c->name);
    return domain;
}
