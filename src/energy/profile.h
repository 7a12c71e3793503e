/* Profiles of machines: what the library carries, and reading one. */
#ifndef MOTE_ENERGY_PROFILE_H
#define MOTE_ENERGY_PROFILE_H

#include "base/embedded.h"
#include "mote/energy.h"

/* cmake/profiles.cmake makes the table, in the order of names; the last has none. */
typedef struct mote_embedded_profile {
    const char *name;
    const mote_embedded *text;
} mote_embedded_profile;

extern const mote_embedded_profile mote_embedded_profiles[];

/* A profile from JSON text; path: its name, and for messages. Errors: MOTE_ERROR_FILE, MOTE_ERROR_MEMORY. */
mote_status mote_profile_parse(mote_context *context, const char *path, const char *text, size_t size,
                               mote_profile **profile);

#endif
