/* The inside of mote_context, and the services that every room uses: messages, memory, faults. */
#ifndef MOTE_BASE_CONTEXT_H
#define MOTE_BASE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mote/context.h"

/* Places where a test can make the outside world fail. */
typedef enum mote_fault_site {
    MOTE_FAULT_ALLOCATE,
    MOTE_FAULT_OPEN,
    MOTE_FAULT_READ,
    MOTE_FAULT_WRITE,
    MOTE_FAULT_RENAME
} mote_fault_site;

/* What a fault hook answers. SHORT halves a read or write; FAIL makes the call fail. */
typedef enum mote_fault { MOTE_FAULT_NONE, MOTE_FAULT_SHORT, MOTE_FAULT_FAIL } mote_fault;

typedef mote_fault mote_fault_hook(void *user, mote_fault_site site);

/* True: whoever waits does not want to any longer. */
typedef bool mote_stop_hook(void *user);

struct mote_kernels;
typedef struct mote_pool mote_pool; /* base/parallel.h */

struct mote_context {
    int threads;
    long process; /* that created the context: threads do not survive a fork */
    mote_pool *pool;
    mote_cpu_level cpu;
    const struct mote_kernels *kernels; /* points behind this struct, see kernels/context.c */
    mote_allocator allocator;
    char *scratch; /* one area of scratch_bytes for each thread, made with the context; contents mean nothing */
    size_t scratch_bytes;
    uint8_t *workspace; /* shared by the threads of one call, grows to what the largest call needed */
    size_t workspace_bytes;
    bool workspace_kept;         /* it holds *kept: true from a product that leaves them to the next mote_workspace() */
    struct mote_kept_rows *kept; /* behind this struct, see kernels/context.c */
    size_t level2_bytes;         /* of one core's second cache */
    mote_fault_hook *fault;      /* NULL outside tests */
    void *fault_user;
    const char *meters;   /* in front of the paths of energy meters; NULL outside tests */
    mote_stop_hook *stop; /* NULL but while a call lasts that can be stopped */
    void *stop_user;
    char message[4096];
};

/* Sets the context's message and returns status, so that a failure is one line: return mote_fail(...). */
__attribute__((format(printf, 3, 4))) mote_status mote_fail(mote_context *context, mote_status status,
                                                            const char *format, ...);

/* The one gateway for memory. 64-byte aligned; size 0 gives a valid pointer. NULL with the context's
 * message set when there is none. Caller releases with mote_release. */
void *mote_allocate(mote_context *context, size_t size);
/* As above for count items of item_size bytes, with the product checked. */
void *mote_allocate_array(mote_context *context, size_t count, size_t item_size);
void mote_release(mote_context *context, void *pointer);

/* The context's workspace with at least size bytes, 64-byte aligned, contents undefined; NULL with the message set.
 * Valid until the next call that asks for more. Repeated work of one size allocates once. */
uint8_t *mote_workspace(mote_context *context, size_t size);

/* Asks the fault hook; MOTE_FAULT_NONE outside tests. Every injected fault passes here: break on it. */
mote_fault mote_fault_check(mote_context *context, mote_fault_site site);

/* MOTE_ERROR_CANCELLED if the stop hook says so. Loops that may take longer than a moment before there is anything to
 * show ask it now and then, on the thread of the call. */
mote_status mote_stop_check(mote_context *context);

/* Checked size arithmetic: false on overflow, and then *result is unspecified. */
static inline bool mote_size_multiply(size_t a, size_t b, size_t *result)
{
    return !__builtin_mul_overflow(a, b, result);
}

static inline bool mote_size_add(size_t a, size_t b, size_t *result) { return !__builtin_add_overflow(a, b, result); }

static inline size_t mote_size_min(size_t a, size_t b) { return a < b ? a : b; }

/* ceil(a / b) without overflow; b > 0. */
static inline size_t mote_size_divide_up(size_t a, size_t b) { return a / b + (a % b != 0); }

#endif
