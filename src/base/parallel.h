/* Fixed work partition over OpenMP threads. */
#ifndef MOTE_BASE_PARALLEL_H
#define MOTE_BASE_PARALLEL_H

#include "base/context.h"
#include "mote/machine.h"

/* scratch: the thread's own area, context->scratch_bytes long. */
typedef void mote_task(void *argument, size_t index, void *scratch);

/* Runs task(argument, i, scratch) for 0 <= i < count. Task i always does the same work; which thread runs it, and
 * how many there are, must not matter to the result. Tasks run with the default floating-point
 * environment (nearest even, subnormals honoured) whatever the host program has set. In a child of fork() they run one
 * after the other: the threads stayed with the parent. */
void mote_parallel_for(const mote_context *context, size_t count, mote_task *task, void *argument);

/* Processors that this process may use (its affinity mask), at least 1. */
int mote_processor_count(void);

#endif
