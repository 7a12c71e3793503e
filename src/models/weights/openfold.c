/* OpenFold's names: prefixes of checkpoints, and what the first checkpoints (2022, monomers only) called differently
 * (github.com/aqlaboratory/openfold, utils/import_weights.py). */
#include <stdio.h>
#include <string.h>

#include "models/weights/weights.h"

/* Every checkpoint has it, before and after the renaming, and nothing else ends so. */
static const char anchor[] = "evoformer.linear.weight";

/* Length of the prefix in front of the anchor; -1: this is another tensor. */
static ptrdiff_t prefix_of(const char *name)
{
    size_t length = strlen(name), tail = sizeof anchor - 1;
    bool found = length >= tail && strcmp(name + length - tail, anchor) == 0 &&
                 (length == tail || name[length - tail - 1] == '.');
    return found ? (ptrdiff_t)(length - tail) : -1;
}

/* "ema" as a part of a prefix. */
static bool averaged(const char *name, ptrdiff_t prefix)
{
    const char *at = strstr(name, "ema.");
    return at && at - name < prefix && (at == name || at[-1] == '.');
}

ptrdiff_t mote_openfold_prefix(size_t count, const mote_tensor_info *tensors)
{
    ptrdiff_t first = -1;
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t prefix = prefix_of(tensors[i].name);
        if (prefix >= 0 && averaged(tensors[i].name, prefix)) {
            return prefix;
        }
        first = first < 0 ? prefix : first;
    }
    return first;
}

/* An earlier name begins with, or, where the first letter is a dot, contains the one and has the other instead. */
static const struct {
    const char *earlier, *present;
} renamed[] = {
    {"template_angle_embedder.", "template_embedder.template_single_embedder."},
    {"template_pair_embedder.", "template_embedder.template_pair_embedder."},
    {"template_pair_stack.", "template_embedder.template_pair_stack."},
    {"template_pointwise_att.", "template_embedder.template_pointwise_att."},
    {".core.msa_transition.", ".msa_transition."},
    {".core.outer_product_mean.", ".outer_product_mean."},
    {".core.", ".pair_stack."},
    {"structure_module.ipa.linear_q_points.", "structure_module.ipa.linear_q_points.linear."},
    {"structure_module.ipa.linear_kv_points.", "structure_module.ipa.linear_kv_points.linear."},
};

const char *mote_openfold_name(mote_context *context, mote_arena *arena, const char *name)
{
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
        const char *earlier = renamed[i].earlier, *present = renamed[i].present;
        const char *at = *earlier == '.'                           ? strstr(name, earlier)
                         : strncmp(name, earlier, strlen(earlier)) ? NULL
                                                                   : name;
        if (!at || strncmp(name, present, strlen(present)) == 0) {
            continue;
        }
        size_t front = (size_t)(at - name), size = strlen(name) + strlen(present) + 1;
        char *text = mote_arena_allocate(context, arena, size);
        if (text) {
            snprintf(text, size, "%.*s%s%s", (int)front, name, present, at + strlen(earlier));
        }
        return text;
    }
    return name;
}
