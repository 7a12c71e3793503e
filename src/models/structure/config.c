/* What a structure module is: the published models' sizes, and what cannot be. */
#include <stddef.h>

#include "base/context.h"
#include "mote/structure_module.h"

mote_structure_config mote_structure_preset(int multimer, int aligned_error)
{
    return (mote_structure_config){.multimer = multimer != 0,
                                   .c_m = 256,
                                   .c_z = 128,
                                   .c_s = 384,
                                   .structure_layers = 8,
                                   .ipa_heads = 12,
                                   .ipa_width = 16,
                                   .query_points = 4,
                                   .value_points = 8,
                                   .c_angles = 128,
                                   .angle_blocks = 2,
                                   .c_lddt = 128,
                                   .lddt_bins = 50,
                                   .distance_bins = 64,
                                   .error_bins = 64,
                                   .msa_classes = multimer ? 22 : 23,
                                   .aligned_error = aligned_error != 0,
                                   .position_scale = multimer ? 20 : 10,
                                   .dropout = 0.1};
}

enum { LARGEST = 1 << 20 }; /* a size; products of two fit into what layouts check */

#define SIZE(field, least, most)                                                                                       \
    {                                                                                                                  \
#field, offsetof(mote_structure_config, field), least, most                                                    \
    }

static const struct {
    const char *name;
    size_t offset, least, most;
} sizes[] = {
    SIZE(c_m, 1, LARGEST),          SIZE(c_z, 1, LARGEST),
    SIZE(c_s, 1, LARGEST),          SIZE(structure_layers, 1, MOTE_STRUCTURE_LAYERS),
    SIZE(ipa_heads, 1, LARGEST),    SIZE(ipa_width, 1, LARGEST),
    SIZE(query_points, 1, LARGEST), SIZE(value_points, 1, LARGEST),
    SIZE(c_angles, 1, LARGEST),     SIZE(angle_blocks, 0, MOTE_ANGLE_BLOCKS),
    SIZE(c_lddt, 1, LARGEST),       SIZE(lddt_bins, 1, LARGEST),
    SIZE(distance_bins, 3, 256),    SIZE(error_bins, 3, 256),
    SIZE(msa_classes, 1, LARGEST),
};

mote_status mote_structure_config_check(mote_context *context, const mote_structure_config *config)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t value = *(const size_t *)(const void *)((const char *)config + sizes[i].offset);
        if (value < sizes[i].least || value > sizes[i].most) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "structure module: %s: expected %zu to %zu, found %zu",
                             sizes[i].name, sizes[i].least, sizes[i].most, value);
        }
    }
    if (!(config->dropout >= 0 && config->dropout < 1)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT,
                         "structure module: dropout: expected from 0 to below 1, found %g", config->dropout);
    }
    if (!(config->position_scale > 0)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "structure module: position_scale: expected above 0, found %g",
                         config->position_scale);
    }
    return MOTE_OK;
}
