/* Independent tasks over a context's threads. */
#ifndef MOTE_BASE_PARALLEL_H
#define MOTE_BASE_PARALLEL_H

#include "base/context.h"
#include "mote/machine.h"

/* scratch: the thread's own area, context->scratch_bytes long. */
typedef void mote_task(void *argument, size_t index, void *scratch);

/* Runs task(argument, i, scratch) for 0 <= i < count, not from within a task. Task i always does the same work; which
 * thread runs it, and how many there are, must not matter to the result. Tasks run with the default floating-point
 * environment (nearest even, subnormals honoured) whatever the host program has set. In a child of fork() they run one
 * after the other: the threads stayed with the parent. So do those for which no thread can be started. */
void mote_parallel_for(const mote_context *context, size_t count, mote_task *task, void *argument);

/* A context's threads, which start with the first call that needs them. NULL without memory. */
mote_pool *mote_pool_create(const mote_allocator *allocator, int threads);
/* Ends and joins the threads, unless they stayed with the parent of a fork. NULL is allowed. */
void mote_pool_destroy(const mote_allocator *allocator, mote_pool *pool, bool forked);

/* Processors that this process may use (its affinity mask), at least 1. */
int mote_processor_count(void);

#endif
