/* Energy: what a run took, measured by the machine's counters; what one would take, modelled from a profile of a
 * machine. Every figure says which of the two it is, or why there is none. docs/energy.md explains both. */
#ifndef MOTE_ENERGY_H
#define MOTE_ENERGY_H

#include "mote/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mote_energy_kind {
    MOTE_ENERGY_UNAVAILABLE = 0,
    MOTE_ENERGY_MEASURED,
    MOTE_ENERGY_MODELLED /* from counts and a profile; never to be added to a measured one */
} mote_energy_kind;

/* "unavailable", "measured", "modelled". Static storage. */
MOTE_API const char *mote_energy_kind_name(mote_energy_kind kind);

/* ---- measuring ---- */

/* Readings of every energy counter of the machine that may be read: RAPL (powercap, else perf), NVIDIA GPUs (NVML),
 * sensors (hwmon), a battery that discharges. Counters belong to the machine: what other programs do meanwhile, in
 * other containers too, is in them. */
typedef struct mote_energy mote_energy;

typedef struct mote_energy_options {
    int gpus;            /* not 0: GPUs count too, as the work is theirs; 0: they are only shown */
    double idle_seconds; /* waits so long first, while the machine is idle, to know what it draws then; 0: does not */
} mote_energy_options;

/* Starts measuring; options NULL: all 0. Where nothing can be read it starts too, and the result says so. Owned by the
 * caller: mote_energy_stop. Errors: MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_energy_start(mote_context *context, const mote_energy_options *options, mote_energy **energy);
MOTE_API void mote_energy_stop(mote_energy *energy);

/* Takes readings, if the last ones are a second old. Call it at least once a minute: counters begin again at zero after
 * some minutes (RAPL's 32 bits: from 65 or 262 kJ on), which can be made good once between readings; and the power of
 * sensors and batteries is held to change evenly between two. */
MOTE_API void mote_energy_read(mote_energy *energy);

/* What was used since the start. */
typedef struct mote_energy_result {
    mote_energy_kind kind;
    double joules;     /* of all domains that are counted; NaN: unavailable */
    double idle_watts; /* of the same while the machine was idle; NaN: not known */
    double busy_share; /* this program's share of the time in which the machine's processors worked; NaN: not known */
    double seconds;
    char source[512]; /* "measured: package-0, package-0/dram", or "unavailable: " and why and what would help */
} mote_energy_result;

/* Takes readings and adds up. */
MOTE_API void mote_energy_get(mote_energy *energy, mote_energy_result *result);

/* One counter, as of the last readings. */
typedef struct mote_energy_domain {
    char name[64]; /* "package-0", "package-0/core", "GPU 0" */
    double joules; /* NaN: it vanished */
    double watts;  /* mean since the start */
    int counted;   /* in the total; others are parts of counted ones, or cover more or something else */
} mote_energy_domain;

/* Number of counters; the one of an index below it. */
MOTE_API int mote_energy_domain_count(const mote_energy *energy);
MOTE_API mote_energy_domain mote_energy_get_domain(const mote_energy *energy, int index);

#ifdef __cplusplus
}
#endif
#endif
