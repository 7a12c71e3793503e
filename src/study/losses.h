/* Losses that tasks share. */
#ifndef MOTE_STUDY_LOSSES_H
#define MOTE_STUDY_LOSSES_H

#include "mote/operations.h"

/* Mean of (prediction - target)^2, of one shape. */
mote_value mote_loss_squares(mote_graph *graph, mote_value prediction, mote_value target);

/* Mean cross entropy of scores [..., classes] at targets (int32 [...]), in nats; negative targets do not count. */
mote_value mote_loss_classes(mote_graph *graph, mote_value scores, mote_value targets);

#endif
