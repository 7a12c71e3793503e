/* What the processor and the operating system offer. */
#ifndef MOTE_CPU_CPU_H
#define MOTE_CPU_CPU_H

#include <stdbool.h>
#include <stddef.h>

#include "mote/context.h"

/* Finds a level by name; MOTE_CPU_LEVEL_COUNT if there is none of that name. */
mote_cpu_level mote_cpu_level_find(const char *name);

/* Writes the names of the instruction-set features that are present and usable, space separated, into text
 * (size bytes, always terminated). Includes features that no kernel uses yet. */
void mote_cpu_features(char *text, size_t size);

/* Processor name as the hardware reports it, or "unknown". */
void mote_cpu_model(char *text, size_t size);

/* Data cache size in bytes of level 1, 2 or 3; 0 if unknown. */
size_t mote_cpu_cache_bytes(int level);

#endif
