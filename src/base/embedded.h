/* Files that the library carries as bytes: cmake/embed.cmake makes each of them. */
#ifndef MOTE_BASE_EMBEDDED_H
#define MOTE_BASE_EMBEDDED_H

#include <stddef.h>

typedef struct mote_embedded {
    const unsigned char *bytes; /* not terminated */
    size_t size;
} mote_embedded;

#endif
