/* An arena: many small allocations that live and die together, such as the names in a file's header. */
#ifndef MOTE_BASE_ARENA_H
#define MOTE_BASE_ARENA_H

#include "base/context.h"

typedef struct mote_arena_chunk mote_arena_chunk;

/* Zero-initialized is empty. Owner: whoever holds it; mote_arena_clear frees everything. */
typedef struct mote_arena {
    mote_arena_chunk *chunks;
} mote_arena;

/* size bytes, 16-byte aligned, valid until mote_arena_clear; NULL with the context's message set. */
void *mote_arena_allocate(mote_context *context, mote_arena *arena, size_t size);

/* Copy of length bytes of text with a terminating NUL; NULL with the context's message set. */
char *mote_arena_string(mote_context *context, mote_arena *arena, const char *text, size_t length);

/* Bytes of all chunks. */
size_t mote_arena_bytes(const mote_arena *arena);

void mote_arena_clear(mote_context *context, mote_arena *arena);

#endif
