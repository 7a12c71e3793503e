/* Sensors of boards and cards, in microjoules or microwatts: those of which it is known what they cover are counted,
 * the others only shown. Source: Linux, Documentation/hwmon/sysfs-interface.rst. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "energy/meter.h"

static mote_cover cover_of(const char *driver)
{
    static const struct {
        const char *driver;
        mote_cover cover;
    } known[] = {{"amdgpu", MOTE_COVER_GPU}, {"power_meter", MOTE_COVER_MACHINE}}; /* power_meter: ACPI's */
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].driver, driver) == 0) {
            return known[i].cover;
        }
    }
    return MOTE_COVER_PART;
}

/* True for the power of a moment of which there is an average too. */
static bool has_average(const char *path, const char *end)
{
    char file[2 * MOTE_COUNTER_PATH];
    snprintf(file, sizeof file, "%.*s_average", (int)(end - path), path);
    return strcmp(end, "_input") == 0 && access(file, F_OK) == 0;
}

/* Appends the sensor at path; false if it may not be read. */
static bool add_sensor(mote_meters *meters, mote_meter *meter, const char *path)
{
    mote_counter counter = {.unit = 1e-6};
    char driver[24], label[32], file[2 * MOTE_COUNTER_PATH];
    double number;
    const char *slash = strrchr(path, '/'), *sensor = slash + 1, *end = strchr(sensor, '_');
    if (strlen(path) >= sizeof counter.path || has_average(path, end)) {
        return true;
    }
    if (!mote_meter_number(path, &number)) {
        return errno != EACCES && errno != EPERM;
    }
    snprintf(counter.path, sizeof counter.path, "%s", path);
    snprintf(file, sizeof file, "%.*s/name", (int)(slash - path), path);
    mote_meter_line(file, driver, sizeof driver);
    snprintf(file, sizeof file, "%.*s_label", (int)(end - path), path);
    mote_meter_line(file, label, sizeof label);
    snprintf(counter.name, sizeof counter.name, "%s/%.*s", driver, *label ? 31 : (int)(end - sensor),
             *label ? label : sensor);
    counter.power = sensor[0] == 'p';
    counter.cover = cover_of(driver);
    mote_meter_say(meter->detail, sizeof meter->detail, "%s%s", meter->available ? ", " : "", counter.name);
    meter->available = true;
    mote_meters_add(meters, &counter);
    return true;
}

static void open_hwmon(mote_meters *meters, mote_meter *meter, const char *nvml)
{
    static const char *const files[] = {"energy*_input", "power*_average", "power*_input"};
    (void)nvml;
    for (int f = 0; f < 3; f++) {
        char pattern[2 * MOTE_COUNTER_PATH];
        glob_t found = {0};
        snprintf(pattern, sizeof pattern, "%s/sys/class/hwmon/hwmon*/%s", meters->root, files[f]);
        glob(pattern, 0, NULL, &found);
        for (size_t i = 0; i < found.gl_pathc; i++) {
            if (!add_sensor(meters, meter, found.gl_pathv[i]) && !*meter->grant) {
                mote_meter_say(meter->grant, sizeof meter->grant, "sudo chmod a+r %s", pattern);
            }
        }
        globfree(&found);
    }
    if (*meter->grant) {
        mote_meter_say(meter->detail, sizeof meter->detail, "%ssensors that may not be read",
                       meter->available ? "; " : "");
    } else if (!meter->available) {
        mote_meter_say(meter->detail, sizeof meter->detail, "no sensor of energy or power in /sys/class/hwmon");
    }
}

static bool read_hwmon(const mote_meters *meters, const mote_counter *counter, double *number)
{
    (void)meters;
    return mote_meter_number(counter->path, number);
}

const mote_meter_kind mote_hwmon_meter = {"hwmon (sensors)", open_hwmon, read_hwmon, NULL};
