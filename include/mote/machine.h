/* What this machine is: processor, memory, the libraries in use, the energy meters that can be read. */
#ifndef MOTE_MACHINE_H
#define MOTE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "mote/context.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { MOTE_MACHINE_TEXT = 256, MOTE_MACHINE_CACHES = 3, MOTE_METERS_MAXIMUM = 8, MOTE_LIBRARIES_MAXIMUM = 8 };

/* A way to measure joules, or the reason why it cannot be used here. */
typedef struct mote_meter {
    char name[64]; /* "powercap (RAPL)" */
    bool available;
    char detail[MOTE_MACHINE_TEXT]; /* what it covers, or why not */
    char grant[MOTE_MACHINE_TEXT];  /* the command that makes readable what may not be read; "": none would */
} mote_meter;

typedef struct mote_library {
    char name[32], version[64];
} mote_library;

typedef struct mote_machine {
    char processor[MOTE_MACHINE_TEXT];
    char architecture[64];
    char system[MOTE_MACHINE_TEXT];
    char compiler[MOTE_MACHINE_TEXT];
    char features[MOTE_MACHINE_TEXT];              /* instruction sets that are present and usable, space separated */
    int processors;                                /* that this process may use */
    uint64_t memory_bytes, memory_available_bytes; /* 0: unknown; limits of a control group count */
    uint64_t cache_bytes[MOTE_MACHINE_CACHES];     /* data caches, level 1 first; 0: unknown */
    int meter_count, library_count;
    mote_meter meters[MOTE_METERS_MAXIMUM];
    mote_library libraries[MOTE_LIBRARIES_MAXIMUM];
} mote_machine;

/* Describes the machine. Never fails: what cannot be found out is empty, 0 or "unknown". */
MOTE_API void mote_machine_describe(mote_machine *machine);

/* Monotonic clock in seconds; only differences mean something. */
MOTE_API double mote_clock(void);

#ifdef __cplusplus
}
#endif
#endif
