/* Chunks in a list, newest first; a chunk is filled from the front and never moved. */
#include "base/arena.h"

#include <string.h>

enum {
    FIRST_CHUNK = 512,
    LARGEST_CHUNK = 16384,
    HEADER_BYTES = 64,
    GRAIN = 16
}; /* each twice the last: many arenas stay small */

struct mote_arena_chunk {
    mote_arena_chunk *next;
    size_t used, capacity; /* bytes behind the header */
};

_Static_assert(sizeof(mote_arena_chunk) <= HEADER_BYTES, "the header must fit in front of the data");

void *mote_arena_allocate(mote_context *context, mote_arena *arena, size_t size)
{
    if (size > SIZE_MAX - GRAIN - HEADER_BYTES) {
        mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: %zu bytes were asked for", size);
        return NULL;
    }
    size = (size + GRAIN - 1) / GRAIN * GRAIN;
    mote_arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->capacity - chunk->used < size) {
        size_t wanted =
            chunk ? mote_size_min(2 * mote_size_min(chunk->capacity, LARGEST_CHUNK), LARGEST_CHUNK) : FIRST_CHUNK;
        size_t capacity = size > wanted - HEADER_BYTES ? size : wanted - HEADER_BYTES;
        chunk = mote_allocate(context, capacity + HEADER_BYTES);
        if (!chunk) {
            return NULL;
        }
        *chunk = (mote_arena_chunk){arena->chunks, 0, capacity};
        arena->chunks = chunk;
    }
    void *pointer = (char *)chunk + HEADER_BYTES + chunk->used;
    chunk->used += size;
    return pointer;
}

char *mote_arena_string(mote_context *context, mote_arena *arena, const char *text, size_t length)
{
    char *copy = length < SIZE_MAX ? mote_arena_allocate(context, arena, length + 1) : NULL;
    if (copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

size_t mote_arena_bytes(const mote_arena *arena)
{
    size_t bytes = 0;
    for (const mote_arena_chunk *chunk = arena->chunks; chunk; chunk = chunk->next) {
        bytes += HEADER_BYTES + chunk->capacity;
    }
    return bytes;
}

void mote_arena_clear(mote_context *context, mote_arena *arena)
{
    while (arena->chunks) {
        mote_arena_chunk *next = arena->chunks->next;
        mote_release(context, arena->chunks);
        arena->chunks = next;
    }
}
