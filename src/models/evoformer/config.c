/* What a trunk is: the published models' sizes, and what cannot be. */
#include <stddef.h>

#include "base/context.h"
#include "mote/trunk.h"

mote_trunk_config mote_trunk_preset(int multimer)
{
    return (mote_trunk_config){.multimer = multimer != 0,
                               .c_m = 256,
                               .c_z = 128,
                               .c_s = 384,
                               .c_e = 64,
                               .c_t = 64,
                               .target_features = multimer ? 21 : 22,
                               .msa_features = 49,
                               .extra_features = 25,
                               .template_pair_features = 88,
                               .template_angle_features = multimer ? 34 : 57,
                               .relative_positions = 32,
                               .relative_chains = 2,
                               .recycling_bins = 15,
                               .template_bins = 39,
                               .evoformer_blocks = 48,
                               .extra_blocks = 4,
                               .template_blocks = 2,
                               .msa_heads = 8,
                               .msa_width = 32,
                               .extra_width = 8,
                               .pair_heads = 4,
                               .pair_width = 32,
                               .template_heads = 4,
                               .template_width = 16,
                               .c_outer = 32,
                               .c_triangle = 128,
                               .c_template_triangle = 64,
                               .transition = 4,
                               .template_transition = 2,
                               .piece = 16,
                               .msa_dropout = 0.15,
                               .pair_dropout = 0.25};
}

enum { LARGEST = 1 << 20 }; /* a size; products of two fit into what layouts check */

#define SIZE(field)                                                                                                    \
    {                                                                                                                  \
#field, offsetof(mote_trunk_config, field)                                                                     \
    }

static const struct {
    const char *name;
    size_t offset;
} sizes[] = {
    SIZE(c_m),
    SIZE(c_z),
    SIZE(c_s),
    SIZE(c_e),
    SIZE(c_t),
    SIZE(target_features),
    SIZE(msa_features),
    SIZE(extra_features),
    SIZE(template_pair_features),
    SIZE(template_angle_features),
    SIZE(relative_positions),
    SIZE(relative_chains),
    SIZE(recycling_bins),
    SIZE(template_bins),
    SIZE(msa_heads),
    SIZE(msa_width),
    SIZE(extra_width),
    SIZE(pair_heads),
    SIZE(pair_width),
    SIZE(template_heads),
    SIZE(template_width),
    SIZE(c_outer),
    SIZE(c_triangle),
    SIZE(c_template_triangle),
    SIZE(transition),
    SIZE(template_transition),
};

mote_status mote_trunk_check(mote_context *context, const mote_trunk_config *config)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t value = *(const size_t *)(const void *)((const char *)config + sizes[i].offset);
        if (value < 1 || value > LARGEST) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "trunk: %s: expected 1 to %d, found %zu", sizes[i].name,
                             LARGEST, value);
        }
    }
    const mote_format_traits *stored = mote_format_get(config->stored);
    if (!stored || stored->kind != MOTE_KIND_TARGET || config->stored == MOTE_NVFP4) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT,
                         "trunk: stored: expected fp32, bf16, fp16 or a format with scales of blocks alone, found %s",
                         stored ? stored->name : "an unknown format");
    }
    if (config->stored != MOTE_FP32 && !config->piece) {
        return mote_fail(
            context, MOTE_ERROR_ARGUMENT,
            "trunk: stored: %s needs pieces, in which it is decoded; expected piece of at least 1, found 0",
            stored->name);
    }
    const double rates[] = {config->msa_dropout, config->pair_dropout};
    for (int i = 0; i < 2; i++) {
        if (!(rates[i] >= 0 && rates[i] < 1)) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "trunk: %s_dropout: expected from 0 to below 1, found %g",
                             i ? "pair" : "msa", rates[i]);
        }
    }
    return MOTE_OK;
}
