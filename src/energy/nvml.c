/* NVIDIA GPUs through NVML, loaded at run time: machines without a GPU need no NVIDIA library. */
#include <dlfcn.h>
#include <stdio.h>

#include "energy/meter.h"

typedef int nvml_call(void);
typedef int nvml_count(unsigned *count);
typedef int nvml_handle(unsigned index, void **device);
typedef int nvml_energy(void *device, unsigned long long *millijoules);

static int probe_devices(void *library, mote_meter *meter)
{
    nvml_count *count = (nvml_count *)dlsym(library, "nvmlDeviceGetCount_v2");
    nvml_handle *handle = (nvml_handle *)dlsym(library, "nvmlDeviceGetHandleByIndex_v2");
    nvml_energy *energy = (nvml_energy *)dlsym(library, "nvmlDeviceGetTotalEnergyConsumption");
    unsigned devices = 0, readable = 0;
    if (!count || !handle || !energy || count(&devices) != 0) {
        snprintf(meter->detail, sizeof meter->detail, "libnvidia-ml.so.1 is too old or does not answer");
        return 0;
    }
    for (unsigned i = 0; i < devices; i++) {
        void *device;
        unsigned long long millijoules;
        readable += handle(i, &device) == 0 && energy(device, &millijoules) == 0;
    }
    snprintf(meter->detail, sizeof meter->detail, "%u of %u GPU(s) count their energy", readable, devices);
    return readable > 0;
}

void mote_probe_nvml(mote_meter *meter)
{
    snprintf(meter->name, sizeof meter->name, "NVML (NVIDIA GPUs)");
    meter->available = false;
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(meter->detail, sizeof meter->detail, "libnvidia-ml.so.1 is not installed: no NVIDIA driver");
        return;
    }
    nvml_call *start = (nvml_call *)dlsym(library, "nvmlInit_v2"), *stop = (nvml_call *)dlsym(library, "nvmlShutdown");
    if (start && stop && start() == 0) {
        meter->available = probe_devices(library, meter);
        stop();
    } else {
        snprintf(meter->detail, sizeof meter->detail, "NVML does not start: no GPU, or the driver does not run");
    }
    dlclose(library);
}
