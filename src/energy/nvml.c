/* NVIDIA GPUs through NVML, loaded at run time: machines without a GPU need no NVIDIA library. */
#include <dlfcn.h>
#include <stdio.h>

#include "energy/meter.h"

typedef int nvml_call(void);
typedef int nvml_count(unsigned *count);
typedef int nvml_handle(unsigned index, void **device);
typedef int nvml_energy(void *device, unsigned long long *millijoules);

static void add_devices(mote_meters *meters, mote_meter *meter)
{
    nvml_count *count = (nvml_count *)dlsym(meters->library, "nvmlDeviceGetCount_v2");
    nvml_handle *handle = (nvml_handle *)dlsym(meters->library, "nvmlDeviceGetHandleByIndex_v2");
    nvml_energy *energy = (nvml_energy *)dlsym(meters->library, "nvmlDeviceGetTotalEnergyConsumption");
    unsigned devices = 0, readable = 0;
    if (!count || !handle || !energy || count(&devices) != 0) {
        mote_meter_say(meter->detail, sizeof meter->detail, "NVML is too old or does not answer");
        return;
    }
    meters->read_device = energy;
    for (unsigned i = 0; i < devices; i++) {
        mote_counter counter = {.cover = MOTE_COVER_GPU, .unit = 1e-3};
        unsigned long long millijoules;
        if (handle(i, &counter.device) == 0 && energy(counter.device, &millijoules) == 0) {
            snprintf(counter.name, sizeof counter.name, "GPU %u", i);
            mote_meters_add(meters, &counter);
            readable++;
        }
    }
    meter->available = readable > 0;
    mote_meter_say(meter->detail, sizeof meter->detail, "%u of %u GPU(s) count their energy", readable, devices);
}

static void open_nvml(mote_meters *meters, mote_meter *meter, const char *nvml)
{
    void *library = dlopen(nvml, RTLD_NOW | RTLD_LOCAL);
    nvml_call *start = library ? (nvml_call *)dlsym(library, "nvmlInit_v2") : NULL;
    if (!library) {
        mote_meter_say(meter->detail, sizeof meter->detail, "%s is not installed: no NVIDIA driver", MOTE_NVML);
    } else if (!start || start() != 0) {
        mote_meter_say(meter->detail, sizeof meter->detail, "NVML does not start: no GPU, or the driver does not run");
        dlclose(library);
    } else {
        meters->library = library;
        add_devices(meters, meter);
    }
}

static bool read_nvml(const mote_meters *meters, const mote_counter *counter, double *number)
{
    unsigned long long millijoules;
    bool found = meters->read_device(counter->device, &millijoules) == 0;
    *number = found ? (double)millijoules : 0;
    return found;
}

static void close_nvml(mote_meters *meters)
{
    if (meters->library) {
        nvml_call *stop = (nvml_call *)dlsym(meters->library, "nvmlShutdown");
        if (stop) {
            stop();
        }
        dlclose(meters->library);
        meters->library = NULL;
    }
}

const mote_meter_kind mote_nvml_meter = {"NVML (NVIDIA GPUs)", open_nvml, read_nvml, close_nvml};
