/* Energy meters: one file a meter, one line in the table of machine.c. A measured joule comes from one of
 * these; anything else is called modelled. */
#ifndef MOTE_ENERGY_METER_H
#define MOTE_ENERGY_METER_H

#include "mote/machine.h"

/* Says whether the meter can be read here: takes one reading to be sure. Fills the whole struct. */
typedef void mote_meter_probe(mote_meter *meter);

mote_meter_probe mote_probe_powercap, mote_probe_perf, mote_probe_nvml, mote_probe_battery;

#endif
