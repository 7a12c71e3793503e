/* RAPL counters of Intel and AMD processors through Linux's powercap files, in microjoules. */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "energy/meter.h"

void mote_probe_powercap(mote_meter *meter)
{
    glob_t found = {0};
    int readable = 0, refused = 0;
    char names[128] = "";
    snprintf(meter->name, sizeof meter->name, "powercap (RAPL)");
    glob("/sys/class/powercap/intel-rapl:*/energy_uj", 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        unsigned long long microjoules;
        FILE *file = fopen(found.gl_pathv[i], "r");
        if (!file || fscanf(file, "%llu", &microjoules) != 1) {
            refused++;
        } else {
            char path[512], domain[64] = "";
            size_t folder = strlen(found.gl_pathv[i]) - strlen("energy_uj"), used = strlen(names);
            snprintf(path, sizeof path, "%.*sname", (int)folder, found.gl_pathv[i]);
            FILE *name = fopen(path, "r");
            if (name && fscanf(name, "%63s", domain) == 1) {
                snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", domain);
            }
            if (name) {
                fclose(name);
            }
            readable++;
        }
        if (file) {
            fclose(file);
        }
    }
    meter->available = readable > 0;
    if (readable) {
        snprintf(meter->detail, sizeof meter->detail, "%d domain(s): %s", readable, names);
    } else if (refused) {
        snprintf(meter->detail, sizeof meter->detail,
                 "%d domain(s), but no permission; as root: chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj",
                 refused);
    } else {
        snprintf(meter->detail, sizeof meter->detail,
                 "no RAPL domains in /sys/class/powercap (virtual machine, or the driver is not loaded)");
    }
    globfree(&found);
}
