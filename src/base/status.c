/* Status names and the context's message. */
#include <stdarg.h>
#include <stdio.h>

#include "base/context.h"

const char *mote_status_name(mote_status status)
{
    switch (status) {
    case MOTE_OK: return "ok";
    case MOTE_ERROR_ARGUMENT: return "argument";
    case MOTE_ERROR_SHAPE: return "shape";
    case MOTE_ERROR_MEMORY: return "memory";
    case MOTE_ERROR_IO: return "io";
    case MOTE_ERROR_FILE: return "file";
    case MOTE_ERROR_UNSUPPORTED: return "unsupported";
    case MOTE_ERROR_CANCELLED: return "cancelled";
    }
    return "unknown";
}

mote_status mote_fail(mote_context *context, mote_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context->message, sizeof context->message, format, arguments);
    va_end(arguments);
    return status;
}

mote_status mote_stop_check(mote_context *context)
{
    return context->stop && context->stop(context->stop_user) ? mote_fail(context, MOTE_ERROR_CANCELLED, "stopped")
                                                              : MOTE_OK;
}

const char *mote_context_message(const mote_context *context) { return context->message; }

int mote_context_threads(const mote_context *context) { return context->threads; }

mote_cpu_level mote_context_cpu(const mote_context *context) { return context->cpu; }
