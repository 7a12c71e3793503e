/* The machine as files of runs name it. */
#ifndef MOTE_ENERGY_MACHINE_H
#define MOTE_ENERGY_MACHINE_H

#include <jansson.h>

#include "mote/context.h"

/* Processor, level, threads and memory_bytes; NULL without memory. */
json_t *mote_machine_json(const mote_context *context);

#endif
