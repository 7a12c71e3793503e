/* Energy meters: one file a meter, one line in the table of meters.c. A measured joule comes from one of
 * these; anything else is called modelled. */
#ifndef MOTE_ENERGY_METER_H
#define MOTE_ENERGY_METER_H

#include "mote/machine.h"

enum { MOTE_COUNTERS = 128, MOTE_COUNTER_PATH = 192 };

/* What a counter covers, so that no joule is added twice. */
typedef enum mote_cover {
    MOTE_COVER_PART,      /* a part of what another one covers, or nobody knows what */
    MOTE_COVER_PROCESSOR, /* a processor's package, or the memory beside it */
    MOTE_COVER_GPU,       /* a GPU with its memory */
    MOTE_COVER_MACHINE    /* the whole machine */
} mote_cover;

/* One number that a meter reads: energy since some moment, or the power of this one. */
typedef struct mote_counter {
    char name[64];                /* "package-0", "package-0/core" */
    char path[MOTE_COUNTER_PATH]; /* its file or folder; "" where it has none */
    int meter;                    /* in the table */
    int event;                    /* of perf: its descriptor and 1 */
    void *device;                 /* of NVML */
    mote_cover cover;
    bool power;   /* watts, not joules */
    double unit;  /* joules or watts of one count */
    double range; /* counts after which it begins again at 0; 0: it does not */
} mote_counter;

/* All meters of the machine, and what they can read. */
typedef struct mote_meters {
    const char *root; /* in front of every path; "" but in tests */
    void *library;    /* NVML's; NULL: not loaded */
    int (*read_device)(void *device, unsigned long long *millijoules);
    int count, counter_count;
    bool overflow; /* there are more counters than fit */
    mote_meter meters[MOTE_METERS_MAXIMUM];
    mote_counter counters[MOTE_COUNTERS];
} mote_meters;

/* root: in front of every path, "" for the machine; nvml: name of NVIDIA's library. Both must outlive meters. */
void mote_meters_open(mote_meters *meters, const char *root, const char *nvml);
void mote_meters_close(mote_meters *meters);

/* True and the number, or false: it cannot be read any more. */
bool mote_counter_read(const mote_meters *meters, const mote_counter *counter, double *number);

/* ---- for meters ---- */

#define MOTE_NVML "libnvidia-ml.so.1"

typedef struct mote_meter_kind {
    const char *name;
    /* Appends its counters, and says in *meter whether there are any, or why not and which command would help. */
    void (*open)(mote_meters *meters, mote_meter *meter, const char *nvml);
    bool (*read)(const mote_meters *meters, const mote_counter *counter, double *number);
    void (*close)(mote_meters *meters); /* NULL: nothing to do */
} mote_meter_kind;

extern const mote_meter_kind mote_powercap_meter, mote_perf_meter, mote_nvml_meter, mote_hwmon_meter,
    mote_battery_meter;

/* Appends a counter that *counter describes. */
void mote_meters_add(mote_meters *meters, const mote_counter *counter);

/* A whole number from a file: true; otherwise errno says why, 0 if it holds none. */
bool mote_meter_number(const char *path, double *number);

/* The first line of a file; "" if there is none. */
void mote_meter_line(const char *path, char *line, int size);

/* Appends to a text as far as it has room. */
__attribute__((format(printf, 3, 4))) void mote_meter_say(char *text, int size, const char *format, ...);

#endif
