/* What the fault loops share. */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include "base/context.h"
#include "mote/mote.h"

enum { FAULT_PATH = 512, FAULT_NUMBERS = 128 };

/* The fault to come. */
typedef struct fault_state {
    long left; /* calls at the site until the fault; negative: never */
    mote_fault_site site;
    mote_fault kind;
    bool fired;
    bool inside; /* it hit jansson, which may do without some memory: then only the result counts */
} fault_state;

extern fault_state armed;
extern long live, runs; /* blocks of memory that are allocated; scenarios that were run */

void complain(const char *scenario, const char *what);

/* Path of a file in the tests' folder, FAULT_PATH bytes; returns path. */
char *path_of(const char *name, char *path);

/* The first megabyte of a file, the caller's (free); empty if there is none. */
char *read_file(const char *path, size_t *size);

/* Training on a file of sequences of the tests' folder; all: every fault, minutes instead of seconds. */
void train_faults(mote_context *context, const char *sequences, bool all);

/* Runs a scenario as often as it allocates, each time with another allocation that fails: it must say so, leak nothing,
 * and without a fault give the same numbers (all of which it writes that it wants compared) again. */
void allocation_faults(mote_context *context, const char *name,
                       mote_status (*scenario)(mote_context *context, float numbers[FAULT_NUMBERS]));

/* Every allocation of a graph of pieces, of one with packed parameters, and of a structure module with its losses, from
 * building to running it. */
void pieces_faults(mote_context *context);
void packed_faults(mote_context *context);
void structure_faults(mote_context *context);

/* Every allocation of a profile, of counts, of measuring. */
void energy_faults(mote_context *context);

/* Every allocation of AlphaFold 2's trunk, built and measured. */
void trunk_faults(mote_context *context);

/* A file of AlphaFold 2's parameters; opening and loading it. */
void weights_begin(mote_context *context, const char *name);
mote_status weights_run(mote_context *context, const char *name);
void weights_end(void);

/* A study whose results are there; the file of a table; a folder with a study.json for reports. */
void study_faults(mote_context *context);
mote_status sheet_run(mote_context *context, const char *name);
void study_begin(const char *name);
void study_end(const char *name);

#endif
