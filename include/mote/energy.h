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

/* Takes readings, if the last ones are a second old (NULL: none). Call it at least once a minute: counters begin again
 * at zero after some minutes (RAPL's 32 bits: from 65 or 262 kJ on), which can be made good once between readings; and
 * the power of sensors and batteries is held to change evenly between two. */
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

/* ---- modelling ---- */

/* A number of a profile, and where it is from: a publication, or "estimate: " and how it was made. */
typedef struct mote_figure {
    double value;
    const char *source;
} mote_figure;

enum { MOTE_PROFILE_LEVELS = 4 };

/* A cache, or the memory behind it. */
typedef struct mote_profile_level {
    const char *name;
    mote_figure bytes;            /* what it holds; of memory, the last level: infinity, without a source */
    mote_figure bytes_per_second; /* between it and the operations */
    mote_figure joules_per_byte;  /* the same way, through all levels in between */
} mote_profile_level;

/* A machine on paper. */
typedef struct mote_profile {
    const char *name, *description;
    mote_figure multiply_adds_per_second[MOTE_OPERAND_FORMATS]; /* at its best; by mote_format of both operands */
    mote_figure joules_per_multiply_add[MOTE_OPERAND_FORMATS];
    int level_count;
    mote_profile_level levels[MOTE_PROFILE_LEVELS]; /* the smallest first */
    mote_figure idle_watts;
} mote_profile;

/* The profiles that the library carries, in order; NULL from the end on. */
MOTE_API const char *mote_profile_name(int index);

/* Opens one of these by its name, or the JSON file at this path (see docs/energy.md); released with
 * mote_profile_close. Errors: MOTE_ERROR_ARGUMENT an unknown name; MOTE_ERROR_IO the file cannot be read;
 * MOTE_ERROR_FILE it is no profile, the message names place and cause; MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_profile_open(mote_context *context, const char *name_or_path, mote_profile **profile);
MOTE_API void mote_profile_close(mote_context *context, mote_profile *profile);

/* What a run takes on a machine, modelled. */
typedef struct mote_estimate {
    double seconds;         /* the longest of those below, as if all went on at once: less is impossible */
    double product_seconds; /* all products at their formats' best rates */
    double level_seconds[MOTE_PROFILE_LEVELS];
    double level_bytes[MOTE_PROFILE_LEVELS]; /* that come from there */
    double joules;                           /* of products, bytes and idling together */
    double product_joules, byte_joules, idle_joules;
} mote_estimate;

/* Two formats multiply at the rate of the slower and for the joules of the costlier one. Bytes come from the first
 * level that holds as many as their reach (mote_graph_counts). Idle power is drawn for all seconds. What operations
 * other than products compute is held to cost no more than its bytes. */
MOTE_API void mote_profile_estimate(const mote_profile *profile, const mote_graph_counts *counts,
                                    mote_estimate *estimate);

#ifdef __cplusplus
}
#endif
#endif
