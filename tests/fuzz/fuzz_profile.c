/* The reader of profiles against arbitrary text: what is taken is whole, and is taken twice in the same way. */
#define _GNU_SOURCE
#include <math.h>

#include "energy/profile.h"
#include "fuzz.h"

static uint64_t add_figure(uint64_t digest, const mote_figure *figure)
{
    demand(figure->value > 0 && isfinite(figure->value) && figure->source && *figure->source,
           "a number that is none, or without a source");
    digest = fuzz_digest(digest, &figure->value, sizeof figure->value);
    return fuzz_digest(digest, figure->source, strlen(figure->source));
}

static uint64_t use(const mote_profile *p)
{
    mote_graph_counts counts = {.bytes = {0}};
    mote_estimate estimate;
    uint64_t digest = add_figure(0, &p->idle_watts);
    for (int f = 0; f < MOTE_OPERAND_FORMATS; f++) {
        digest = add_figure(digest, &p->multiply_adds_per_second[f]);
        digest = add_figure(digest, &p->joules_per_multiply_add[f]);
        counts.multiply_adds[f][0] = 1;
    }
    demand(p->level_count >= 1 && p->level_count <= MOTE_PROFILE_LEVELS, "levels that there are not");
    for (int l = 0; l < p->level_count; l++) {
        demand(p->levels[l].name && *p->levels[l].name, "a level without a name");
        demand((l + 1 == p->level_count) == isinf(p->levels[l].bytes.value), "memory that is not the last level");
        digest = l + 1 < p->level_count ? add_figure(digest, &p->levels[l].bytes) : digest;
        digest = add_figure(digest, &p->levels[l].bytes_per_second);
        digest = add_figure(digest, &p->levels[l].joules_per_byte);
    }
    for (int r = 0; r < MOTE_REACHES; r++) {
        counts.bytes[r] = 1;
    }
    mote_profile_estimate(p, &counts, &estimate);
    demand(estimate.seconds > 0 && estimate.joules > 0, "work that takes nothing"); /* infinity is no harm */
    return digest;
}

static uint64_t read_profile(mote_context *context, const uint8_t *data, size_t size)
{
    mote_profile *profile;
    mote_status status = mote_profile_parse(context, "fuzz", (const char *)data, size, &profile);
    demand((status == MOTE_OK) == (profile != NULL), "a profile and a failure, or neither");
    demand_message(context, status);
    uint64_t digest = profile ? use(profile) : (uint64_t)status;
    mote_profile_close(context, profile);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mote_context *context = fuzz_context();
    demand(read_profile(context, data, size) == read_profile(context, data, size),
           "the same text was read in two ways");
    return 0;
}
