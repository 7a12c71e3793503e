/* Lets a callback stop what takes long before there is a first step: reading, simulating, planning. */
#ifndef MOTE_TRAIN_WATCH_H
#define MOTE_TRAIN_WATCH_H

#include "base/context.h"
#include "mote/train.h"

typedef struct mote_watch {
    mote_train_callback *callback; /* NULL: nobody is asked */
    void *user;
} mote_watch;

/* From here to mote_watch_end, mote_stop_check() asks the callback, with progress of step 0 of 0. watch must last. */
void mote_watch_begin(mote_context *context, mote_watch *watch);

/* Asks once more if status is MOTE_OK, and returns status or MOTE_ERROR_CANCELLED with this message. */
mote_status mote_watch_end(mote_context *context, mote_status status, const char *message);

#endif
