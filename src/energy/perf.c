/* The kernel's perf "power" events, the same RAPL counters by another door: perf_event_paranoid guards it. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "energy/meter.h"

static int read_number(const char *path, const char *format, unsigned *number)
{
    FILE *file = fopen(path, "r");
    int found = file && fscanf(file, format, number) == 1;
    if (file) {
        fclose(file);
    }
    return found;
}

void mote_probe_perf(mote_meter *meter)
{
    unsigned type, event;
    uint64_t count;
    snprintf(meter->name, sizeof meter->name, "perf (power events)");
    meter->available = false;
    if (!read_number("/sys/bus/event_source/devices/power/type", "%u", &type) ||
        !read_number("/sys/bus/event_source/devices/power/events/energy-pkg", "event=%x", &event)) {
        snprintf(meter->detail, sizeof meter->detail, "the kernel offers no power events here");
        return;
    }
    struct perf_event_attr attribute = {.type = type, .size = sizeof attribute, .config = event};
    long descriptor = syscall(SYS_perf_event_open, &attribute, -1, 0, -1, 0);
    if (descriptor < 0) {
        snprintf(meter->detail, sizeof meter->detail, "energy-pkg: %s; as root: sysctl kernel.perf_event_paranoid=-1",
                 strerror(errno));
        return;
    }
    meter->available = read((int)descriptor, &count, sizeof count) == (ssize_t)sizeof count;
    snprintf(meter->detail, sizeof meter->detail, "%s", meter->available ? "energy-pkg" : "energy-pkg cannot be read");
    close((int)descriptor);
}
