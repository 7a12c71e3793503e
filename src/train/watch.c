#include "train/watch.h"

static bool stops(void *user)
{
    const mote_watch *watch = user;
    const mote_train_progress nothing_yet = {0};
    return watch->callback && watch->callback(watch->user, &nothing_yet) != 0;
}

void mote_watch_begin(mote_context *context, mote_watch *watch)
{
    context->stop = stops;
    context->stop_user = watch;
}

mote_status mote_watch_end(mote_context *context, mote_status status, const char *message)
{
    status = status == MOTE_OK ? mote_stop_check(context) : status;
    context->stop = NULL;
    return status == MOTE_ERROR_CANCELLED ? mote_fail(context, status, "%s", message) : status;
}
