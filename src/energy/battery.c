/* A laptop's battery: what it discharges is what the whole machine draws. */
#include <glob.h>
#include <stdio.h>

#include "energy/meter.h"

void mote_probe_battery(mote_meter *meter)
{
    glob_t found = {0};
    snprintf(meter->name, sizeof meter->name, "battery");
    meter->available = false;
    snprintf(meter->detail, sizeof meter->detail, "no battery reports its power in /sys/class/power_supply");
    glob("/sys/class/power_supply/BAT*/power_now", 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc && !meter->available; i++) {
        unsigned long long microwatts;
        FILE *file = fopen(found.gl_pathv[i], "r");
        meter->available = file && fscanf(file, "%llu", &microwatts) == 1;
        if (meter->available) {
            snprintf(meter->detail, sizeof meter->detail, "power of the whole machine while it runs on battery");
        }
        if (file) {
            fclose(file);
        }
    }
    globfree(&found);
}
