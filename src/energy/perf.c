/* The kernel's perf "power" events, the same RAPL counters by another door: perf_event_paranoid guards it. They are 64
 * bits wide and never begin again. Source: Linux, arch/x86/events/rapl.c. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "energy/meter.h"

#define FOLDER "/sys/bus/event_source/devices/power/"

static const struct {
    const char *name;
    mote_cover cover;
} events[] = {{"energy-pkg", MOTE_COVER_PROCESSOR},
              {"energy-ram", MOTE_COVER_PROCESSOR},
              {"energy-cores", MOTE_COVER_PART},
              {"energy-gpu", MOTE_COVER_PART},
              {"energy-psys", MOTE_COVER_MACHINE}};

enum { EVENTS = sizeof events / sizeof events[0], LINE = 128 };

/* The first line of a file of the events' folder. */
static void read_line(const mote_meters *meters, const char *name, const char *more, char line[LINE])
{
    char path[2 * MOTE_COUNTER_PATH];
    snprintf(path, sizeof path, "%s" FOLDER "%s%s", meters->root, name, more);
    mote_meter_line(path, line, LINE);
}

/* Opens one event on one processor of a package; the error if it fails. */
static int add_event(mote_meters *meters, unsigned type, int event, int processor)
{
    char name[64], config[LINE], scale[LINE];
    mote_counter counter = {.cover = events[event].cover, .unit = 0x1p-32};
    snprintf(name, sizeof name, "events/%s", events[event].name);
    read_line(meters, name, "", config);
    read_line(meters, name, ".scale", scale);
    if (strncmp(config, "event=", 6) != 0 || strcmp(scale, "2.3283064365386962890625e-10") != 0) { /* 2^-32 J */
        return 0;
    }
    struct perf_event_attr attribute = {
        .type = type, .size = sizeof attribute, .config = strtoul(config + 6, NULL, 16)};
    int descriptor = (int)syscall(SYS_perf_event_open, &attribute, -1, processor, -1, PERF_FLAG_FD_CLOEXEC);
    if (descriptor < 0) {
        return errno;
    }
    counter.event = descriptor + 1;
    snprintf(counter.name, sizeof counter.name, "%s, processor %d", events[event].name, processor);
    if (meters->counter_count == MOTE_COUNTERS) {
        close(descriptor);
    }
    mote_meters_add(meters, &counter);
    return 0;
}

/* One processor of each package, as "0,48" or "0-1"; returns the first error. */
static int add_events(mote_meters *meters, unsigned type, const char *mask)
{
    int failed = 0;
    while (*mask) {
        char *end;
        long first = strtol(mask, &end, 10), last = first;
        if (end == mask) {
            break;
        }
        if (*end == '-') {
            last = strtol(end + 1, &end, 10);
        }
        for (long processor = first; processor <= last && processor - first < MOTE_COUNTERS; processor++) {
            for (int event = 0; event < EVENTS; event++) {
                int error = add_event(meters, type, event, (int)processor);
                failed = failed ? failed : error;
            }
        }
        mask = end + (*end == ',');
    }
    return failed;
}

static bool read_perf(const mote_meters *meters, const mote_counter *counter, double *number)
{
    uint64_t count;
    (void)meters;
    bool found = read(counter->event - 1, &count, sizeof count) == (ssize_t)sizeof count;
    *number = found ? (double)count : 0;
    return found;
}

/* Drops the counters from first on that have not moved since they were opened, as in virtual machines: 0 joules would
 * be no measurement. */
static void keep_moving(mote_meters *meters, mote_meter *meter, int first)
{
    const struct timespec pause = {0, 10 * 1000 * 1000}; /* they move every millisecond */
    int kept = first, count = meters->counter_count;
    nanosleep(&pause, NULL);
    for (int i = first; i < count; i++) {
        const mote_counter c = meters->counters[i];
        double number;
        bool moves = read_perf(meters, &c, &number) && number > 0;
        mote_meter_say(meter->detail, sizeof meter->detail, "%s%s%s", *meter->detail ? "; " : "", c.name,
                       moves ? "" : " stands still");
        if (moves) {
            meters->counters[kept++] = c;
        } else {
            close(c.event - 1);
        }
    }
    meters->counter_count = kept;
    meter->available = kept > first;
}

static bool already_covered(const mote_meters *meters)
{
    for (int i = 0; i < meters->counter_count; i++) {
        if (meters->counters[i].cover != MOTE_COVER_PART) {
            return true;
        }
    }
    return false;
}

static void open_perf(mote_meters *meters, mote_meter *meter, const char *nvml)
{
    char type[LINE], mask[LINE];
    (void)nvml;
    read_line(meters, "type", "", type);
    read_line(meters, "cpumask", "", mask);
    if (!*type || !*mask) {
        mote_meter_say(meter->detail, sizeof meter->detail, "the kernel offers no power events here");
        return;
    }
    if (already_covered(meters)) {
        mote_meter_say(meter->detail, sizeof meter->detail, "not needed: powercap reads the same counters");
        return;
    }
    int first = meters->counter_count, error = add_events(meters, (unsigned)strtoul(type, NULL, 10), mask);
    if (meters->counter_count > first) {
        keep_moving(meters, meter, first);
        return;
    }
    mote_meter_say(meter->detail, sizeof meter->detail, "power events: %s", error ? strerror(error) : "none of energy");
    if (error == EACCES || error == EPERM) {
        snprintf(meter->grant, sizeof meter->grant, "sudo sysctl kernel.perf_event_paranoid=0");
    }
}

static void close_perf(mote_meters *meters)
{
    for (int i = 0; i < meters->counter_count; i++) {
        if (meters->counters[i].event) {
            close(meters->counters[i].event - 1);
        }
    }
}

const mote_meter_kind mote_perf_meter = {"perf (power events)", open_perf, read_perf, close_perf};
