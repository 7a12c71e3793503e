/* An NVML with two GPUs: the first has used MOTE_FAKE_MILLIJOULES so far, the second does not count. */
#include <stdlib.h>

static int devices[2];

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules);

int nvmlInit_v2(void) { return getenv("MOTE_FAKE_MILLIJOULES") ? 0 : 9; }

int nvmlShutdown(void) { return 0; }

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = 2;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    *device = &devices[index];
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules)
{
    *millijoules = strtoull(getenv("MOTE_FAKE_MILLIJOULES"), NULL, 10);
    return device == &devices[0] ? 0 : 3;
}
