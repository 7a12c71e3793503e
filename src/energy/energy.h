/* The recorder, for tests: other counters than this machine's. */
#ifndef MOTE_ENERGY_ENERGY_H
#define MOTE_ENERGY_ENERGY_H

#include "energy/meter.h"
#include "mote/energy.h"

/* mote_energy_start with the files below root, such as root/sys/class/powercap, and NVIDIA's library of another name.
 */
mote_status mote_energy_start_in(mote_context *context, const mote_energy_options *options, const char *root,
                                 const char *nvml, mote_energy **energy);

#endif
