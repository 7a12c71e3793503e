/* A laptop's battery: what it discharges is what the whole machine draws. Source: Linux, Documentation/ABI/testing/
 * sysfs-class-power. */
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "energy/meter.h"

static bool file_number(const char *folder, const char *name, double *number)
{
    char path[2 * MOTE_COUNTER_PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return mote_meter_number(path, number);
}

/* Microwatts; false where it does not discharge: then it says nothing of the machine. */
static bool read_battery(const mote_meters *meters, const mote_counter *counter, double *number)
{
    char path[2 * MOTE_COUNTER_PATH], status[32];
    double microamperes, microvolts;
    (void)meters;
    snprintf(path, sizeof path, "%s/status", counter->path);
    mote_meter_line(path, status, sizeof status);
    if (strcmp(status, "Discharging") != 0) {
        return false;
    }
    if (file_number(counter->path, "power_now", number)) {
        return true;
    }
    bool found = file_number(counter->path, "current_now", &microamperes) &&
                 file_number(counter->path, "voltage_now", &microvolts);
    *number = found ? fabs(microamperes * microvolts) * 1e-6 : 0; /* some have a sign for the direction */
    return found;
}

static void open_battery(mote_meters *meters, mote_meter *meter, const char *nvml)
{
    char pattern[2 * MOTE_COUNTER_PATH];
    glob_t found = {0};
    (void)nvml;
    snprintf(pattern, sizeof pattern, "%s/sys/class/power_supply/BAT*", meters->root);
    glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        mote_counter counter = {.cover = MOTE_COVER_MACHINE, .power = true, .unit = 1e-6};
        double number;
        if (strlen(found.gl_pathv[i]) < sizeof counter.path) {
            snprintf(counter.path, sizeof counter.path, "%s", found.gl_pathv[i]);
            snprintf(counter.name, sizeof counter.name, "battery %.50s", strrchr(found.gl_pathv[i], '/') + 1);
            if (read_battery(meters, &counter, &number)) {
                mote_meters_add(meters, &counter);
                meter->available = true;
            }
        }
    }
    mote_meter_say(meter->detail, sizeof meter->detail, "%s",
                   meter->available ? "power of the whole machine, while it runs on battery"
                   : found.gl_pathc ? "no battery that discharges: on mains it says nothing of the machine"
                                    : "no battery reports its power in /sys/class/power_supply");
    globfree(&found);
}

const mote_meter_kind mote_battery_meter = {"battery", open_battery, read_battery, NULL};
