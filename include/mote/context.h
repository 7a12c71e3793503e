/* The context: the one handle that every call of libmote takes.
 *
 * It holds the number of threads, the instruction set in use, the allocator and the message of the last
 * failure. There is no other state: two contexts never see each other. A context may be used by one
 * thread at a time; create one for each thread of your program that calls libmote.
 */
#ifndef MOTE_CONTEXT_H
#define MOTE_CONTEXT_H

#include <stddef.h>

#include "mote/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_context mote_context;

/* Instruction-set levels, weakest first; each includes the ones before it on its architecture. */
typedef enum mote_cpu_level {
    MOTE_CPU_C = 0,          /* portable C */
    MOTE_CPU_AVX2 = 1,       /* AVX2, FMA, F16C */
    MOTE_CPU_AVX512 = 2,     /* AVX-512 F, BW, DQ, VL */
    MOTE_CPU_AVX512VNNI = 3, /* ... and VNNI */
    MOTE_CPU_AVX512BF16 = 4, /* ... and VBMI and BF16 dot products faster than FP32 (AMD's are, Intel's are not) */
    MOTE_CPU_LEVEL_COUNT = 5
} mote_cpu_level;

/* Where a context gets its memory. Both functions must be safe to call from the context's thread. */
typedef struct mote_allocator {
    /* Returns at least size bytes aligned to alignment (a power of two), or NULL. */
    void *(*allocate)(void *user, size_t size, size_t alignment);
    /* Frees what allocate returned; pointer may be NULL. */
    void (*release)(void *user, void *pointer);
    void *user;
} mote_allocator;

typedef struct mote_context_options {
    int threads;                     /* 0: MOTE_THREADS, else the processors this process may use */
    const char *cpu;                 /* NULL: MOTE_CPU, else the best level; or "c", "avx2", "avx512", ... */
    const mote_allocator *allocator; /* NULL: the C library's; copied */
} mote_context_options;

/* Creates a context. options may be NULL (all defaults). On success *context is owned by the caller
 * (mote_context_destroy). On failure *context is NULL and message (message_size bytes, may be NULL)
 * receives the reason: an unknown or unavailable instruction-set level, a bad thread count, no memory. */
MOTE_API mote_status mote_context_create(const mote_context_options *options, mote_context **context, char *message,
                                         size_t message_size);

/* Destroys a context; NULL is allowed. Files opened with it must have been closed. */
MOTE_API void mote_context_destroy(mote_context *context);

/* The sentence for the last call on this context that failed; "" if none did. Valid until the next call. */
MOTE_API const char *mote_context_message(const mote_context *context);

/* Number of threads that calls on this context use. */
MOTE_API int mote_context_threads(const mote_context *context);

/* Instruction-set level that calls on this context use. */
MOTE_API mote_cpu_level mote_context_cpu(const mote_context *context);

/* Name of a level as MOTE_CPU spells it ("c", "avx2", "avx512", "avx512vnni"); NULL if out of range. */
MOTE_API const char *mote_cpu_level_name(mote_cpu_level level);

/* The best level that this processor and operating system offer, from CPUID and XCR0. */
MOTE_API mote_cpu_level mote_cpu_best(void);

/* Version of the library, for example "0.1.0". */
MOTE_API const char *mote_version(void);

#ifdef __cplusplus
}
#endif
#endif
