/* RAPL counters of Intel and AMD processors through Linux's powercap files, in microjoules.
 *
 * A package has its cores and its graphics in it; the memory is beside it although the files are below the package's;
 * "psys" is the whole platform. Source: Linux, Documentation/power/powercap/powercap.rst; Intel, Software Developer's
 * Manual, volume 3B, section 15.10 (domains). */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "energy/meter.h"

#define FOLDER "/sys/class/powercap/"

/* Fills name and cover of the domain in folder ("intel-rapl:0:2") from its name and, where it is nested, its parent's.
 */
static void name_domain(const mote_meters *meters, const char *folder, mote_counter *counter)
{
    char path[2 * MOTE_COUNTER_PATH], own[36], parent[24] = "";
    const char *colon = strrchr(folder, ':');
    bool nested = colon && strchr(folder, ':') != colon;
    snprintf(path, sizeof path, "%s" FOLDER "%s/name", meters->root, folder);
    mote_meter_line(path, own, sizeof own);
    if (!*own) {
        snprintf(own, sizeof own, "%.35s", folder);
    }
    if (nested) {
        snprintf(path, sizeof path, "%s" FOLDER "%.*s/name", meters->root, (int)(colon - folder), folder);
        mote_meter_line(path, parent, sizeof parent);
    }
    snprintf(counter->name, sizeof counter->name, "%s%s%s", parent, *parent ? "/" : "", own);
    counter->cover = strcmp(own, "psys") == 0              ? MOTE_COVER_MACHINE
                     : !nested || strcmp(own, "dram") == 0 ? MOTE_COVER_PROCESSOR
                                                           : MOTE_COVER_PART;
}

/* Appends the domain whose counter is at path; false if it may not be read. */
static bool add_domain(mote_meters *meters, mote_meter *meter, const char *path)
{
    mote_counter counter = {.unit = 1e-6};
    char folder[64], range[2 * MOTE_COUNTER_PATH];
    double number;
    const char *begin = path + strlen(meters->root) + strlen(FOLDER), *end = strrchr(path, '/');
    if (strlen(path) >= sizeof counter.path || (size_t)(end - begin) >= sizeof folder) {
        return true;
    }
    snprintf(counter.path, sizeof counter.path, "%s", path);
    snprintf(folder, sizeof folder, "%.*s", (int)(end - begin), begin);
    snprintf(range, sizeof range, "%.*s/max_energy_range_uj", (int)(end - path), path);
    if (!mote_meter_number(path, &number)) {
        return errno != EACCES && errno != EPERM;
    }
    name_domain(meters, folder, &counter);
    if (!mote_meter_number(range, &counter.range)) {
        counter.range = 0;
    }
    mote_meter_say(meter->detail, sizeof meter->detail, "%s%s", meter->available ? ", " : "", counter.name);
    meter->available = true;
    mote_meters_add(meters, &counter);
    return true;
}

static void open_powercap(mote_meters *meters, mote_meter *meter, const char *nvml)
{
    char pattern[2 * MOTE_COUNTER_PATH];
    glob_t found = {0};
    int refused = 0;
    (void)nvml;
    snprintf(pattern, sizeof pattern, "%s" FOLDER "intel-rapl:*/energy_uj", meters->root);
    glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        refused += !add_domain(meters, meter, found.gl_pathv[i]);
    }
    if (refused) {
        mote_meter_say(meter->detail, sizeof meter->detail, "%s%d domain(s) may not be read",
                       meter->available ? "; " : "", refused);
        mote_meter_say(meter->grant, sizeof meter->grant, "sudo chmod a+r %s", pattern);
    } else if (!meter->available) {
        mote_meter_say(meter->detail, sizeof meter->detail,
                       "no RAPL domains in /sys/class/powercap (virtual machine, or the driver is not loaded)");
    }
    globfree(&found);
}

static bool read_powercap(const mote_meters *meters, const mote_counter *counter, double *number)
{
    (void)meters;
    return mote_meter_number(counter->path, number);
}

const mote_meter_kind mote_powercap_meter = {"powercap (RAPL)", open_powercap, read_powercap, NULL};
