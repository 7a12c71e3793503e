/* What a model is, from the shapes of its tensors. */
#include <stdio.h>
#include <string.h>

#include "models/weights/weights.h"

#define TRUNK(field)     offsetof(mote_weights, trunk.field)
#define STRUCTURE(field) offsetof(mote_weights, structure.field)
#define BLOCK            "evoformer.blocks.0."
#define PAIRS            "template_embedder.template_pair_stack.blocks.0."
#define EMBEDDER         "template_embedder.template_single_embedder."

/* Which files have a tensor. */
enum { ALWAYS = 0, TEMPLATES = 1, MONOMER = 2, MULTIMER = 4, ALIGNED_ERROR = 8 };

/* A field is a dimension of a tensor over factor and over another field, which comes before; divisor 0: no other. */
static const struct {
    size_t field;
    const char *name;
    int dimension;
    unsigned where;
    size_t factor, divisor;
} rules[] = {
    {TRUNK(c_m), "evoformer.linear.weight", 1, ALWAYS, 1, 0},
    {TRUNK(c_s), "evoformer.linear.weight", 0, ALWAYS, 1, 0},
    {TRUNK(c_z), "recycling_embedder.linear.weight", 0, ALWAYS, 1, 0},
    {TRUNK(recycling_bins), "recycling_embedder.linear.weight", 1, ALWAYS, 1, 0},
    {TRUNK(c_e), "extra_msa_embedder.linear.weight", 0, ALWAYS, 1, 0},
    {TRUNK(extra_features), "extra_msa_embedder.linear.weight", 1, ALWAYS, 1, 0},
    {TRUNK(target_features), "input_embedder.linear_tf_m.weight", 1, ALWAYS, 1, 0},
    {TRUNK(msa_features), "input_embedder.linear_msa_m.weight", 1, ALWAYS, 1, 0},
    {TRUNK(relative_positions), "input_embedder.linear_relpos.weight", 1, ALWAYS, 1, 0}, /* all numbers, at first */
    {TRUNK(msa_heads), BLOCK "msa_att_row.linear_z.weight", 0, ALWAYS, 1, 0},
    {TRUNK(msa_width), BLOCK "msa_att_row.mha.linear_q.weight", 0, ALWAYS, 1, TRUNK(msa_heads)},
    {TRUNK(extra_width), "extra_msa_stack.blocks.0.msa_att_col.global_attention.linear_k.weight", 0, ALWAYS, 1, 0},
    {TRUNK(pair_heads), BLOCK "pair_stack.tri_att_start.linear.weight", 0, ALWAYS, 1, 0},
    {TRUNK(pair_width), BLOCK "pair_stack.tri_att_start.mha.linear_q.weight", 0, ALWAYS, 1, TRUNK(pair_heads)},
    {TRUNK(c_outer), BLOCK "outer_product_mean.linear_1.weight", 0, ALWAYS, 1, 0},
    {TRUNK(c_triangle), BLOCK "pair_stack.tri_mul_out.linear_z.weight", 1, ALWAYS, 1, 0},
    {TRUNK(transition), BLOCK "msa_transition.linear_1.weight", 0, ALWAYS, 1, TRUNK(c_m)},
    {TRUNK(c_t), "template_embedder.template_pair_stack.layer_norm.weight", 0, TEMPLATES, 1, 0},
    {TRUNK(c_template_triangle), PAIRS "tri_mul_out.linear_z.weight", 1, TEMPLATES, 1, 0},
    {TRUNK(template_width), PAIRS "tri_att_start.mha.linear_q.weight", 0, TEMPLATES, 1, TRUNK(pair_heads)},
    {TRUNK(template_transition), PAIRS "pair_transition.linear_1.weight", 0, TEMPLATES, 1, TRUNK(c_t)},
    {TRUNK(template_angle_features), EMBEDDER "linear_1.weight", 1, TEMPLATES | MONOMER, 1, 0},
    {TRUNK(template_angle_features), EMBEDDER "template_single_embedder.weight", 1, TEMPLATES | MULTIMER, 1, 0},
    {TRUNK(template_pair_features), "template_embedder.template_pair_embedder.linear.weight", 1, TEMPLATES | MONOMER, 1,
     0},
    {TRUNK(template_heads), "template_embedder.template_pointwise_att.mha.linear_q.weight", 0, TEMPLATES | MONOMER, 1,
     TRUNK(template_width)},
    {TRUNK(template_bins), "template_embedder.template_pair_embedder.dgram_linear.weight", 1, TEMPLATES | MULTIMER, 1,
     0},
    {STRUCTURE(ipa_heads), "structure_module.ipa.head_weights", 0, ALWAYS, 1, 0},
    {STRUCTURE(ipa_width), "structure_module.ipa.linear_q.weight", 0, ALWAYS, 1, STRUCTURE(ipa_heads)},
    {STRUCTURE(query_points), "structure_module.ipa.linear_q_points.linear.weight", 0, ALWAYS, 3, STRUCTURE(ipa_heads)},
    {STRUCTURE(value_points), "structure_module.ipa.linear_v_points.linear.weight", 0, MULTIMER, 3,
     STRUCTURE(ipa_heads)},
    {STRUCTURE(value_points), "structure_module.ipa.linear_kv_points.linear.weight", 0, MONOMER, 3,
     STRUCTURE(ipa_heads)}, /* with the keys, at first */
    {STRUCTURE(c_angles), "structure_module.angle_resnet.linear_in.weight", 0, ALWAYS, 1, 0},
    {STRUCTURE(c_lddt), "aux_heads.plddt.linear_1.weight", 0, ALWAYS, 1, 0},
    {STRUCTURE(lddt_bins), "aux_heads.plddt.linear_3.weight", 0, ALWAYS, 1, 0},
    {STRUCTURE(distance_bins), "aux_heads.distogram.linear.weight", 0, ALWAYS, 1, 0},
    {STRUCTURE(msa_classes), "aux_heads.masked_msa.linear.weight", 0, ALWAYS, 1, 0},
    {STRUCTURE(error_bins), "aux_heads.tm.linear.weight", 0, ALIGNED_ERROR, 1, 0},
};

static bool there(const mote_weights *w, const char *name)
{
    mote_layout layout;
    mote_weights_source source;
    return mote_weights_find(w, name, &layout, &source);
}

static size_t *field_of(mote_weights *w, size_t offset) { return (size_t *)(void *)((char *)w + offset); }

static mote_status apply_rules(mote_weights *w)
{
    unsigned has = (w->templates ? TEMPLATES : 0) | (w->trunk.multimer ? MULTIMER : MONOMER) |
                   (w->structure.aligned_error ? ALIGNED_ERROR : 0);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        mote_layout layout;
        mote_weights_source source;
        if ((rules[i].where & has) != rules[i].where) {
            continue;
        }
        if (!mote_weights_find(w, rules[i].name, &layout, &source)) {
            return mote_fail(w->memory->context, MOTE_ERROR_FILE,
                             "%s: not a whole AlphaFold 2 model: there is no tensor of what OpenFold calls '%s'",
                             w->memory->path, rules[i].name);
        }
        size_t divisor = rules[i].factor * (rules[i].divisor ? *field_of(w, rules[i].divisor) : 1);
        size_t extent = rules[i].dimension < layout.rank ? layout.shape[rules[i].dimension] : 0;
        *field_of(w, rules[i].field) = divisor ? extent / divisor : 0;
    }
    return MOTE_OK;
}

/* What is not one dimension: sums, and what both configurations have. */
static void derive(mote_weights *w)
{
    enum { TYPES = 22, OTHERS = 1 + 2 * TYPES + 3 + 1 }; /* of a template's pairs, besides distances */
    mote_trunk_config *t = &w->trunk;
    mote_structure_config *s = &w->structure;
    /* 2 r + 1; multimers: also "another chain", and 2 c + 3 of chains */
    size_t others = t->multimer ? 2 * t->relative_chains + 5 : 1;
    t->relative_positions = t->relative_positions > others ? (t->relative_positions - others) / 2 : 0;
    if (!t->multimer) {
        t->template_bins = t->template_pair_features > OTHERS ? t->template_pair_features - OTHERS : 0;
        s->value_points = s->value_points > s->query_points ? s->value_points - s->query_points : 0;
    }
    s->c_m = t->c_m;
    s->c_z = t->c_z;
    s->c_s = t->c_s;
}

/* How many tensors there are of a name with a number in it, which counts from 0; at most one more than most. */
static size_t count_blocks(const mote_weights *w, const char *before, const char *after, size_t most)
{
    char name[MOTE_WEIGHTS_NAME];
    size_t count = 0;
    do {
        snprintf(name, sizeof name, "%s%zu%s", before, count, after);
    } while (there(w, name) && ++count <= most);
    return count;
}

static mote_status count_stacks(mote_weights *w)
{
    mote_trunk_config *t = &w->trunk;
    t->evoformer_blocks = count_blocks(w, "evoformer.blocks.", ".msa_att_row.linear_z.weight", MOTE_WEIGHTS_BLOCKS);
    t->extra_blocks = count_blocks(w, "extra_msa_stack.blocks.", ".msa_att_row.linear_z.weight", MOTE_WEIGHTS_BLOCKS);
    if (w->templates) {
        t->template_blocks = count_blocks(w, "template_embedder.template_pair_stack.blocks.",
                                          ".tri_att_start.linear.weight", MOTE_WEIGHTS_BLOCKS);
    }
    w->structure.angle_blocks =
        count_blocks(w, "structure_module.angle_resnet.layers.", ".linear_1.weight", MOTE_ANGLE_BLOCKS);
    size_t most = t->evoformer_blocks > t->extra_blocks ? t->evoformer_blocks : t->extra_blocks;
    most = most > t->template_blocks ? most : t->template_blocks;
    return most <= MOTE_WEIGHTS_BLOCKS
               ? MOTE_OK
               : mote_fail(w->memory->context, MOTE_ERROR_FILE, "%s: a stack of more than %d blocks", w->memory->path,
                           MOTE_WEIGHTS_BLOCKS);
}

static mote_status check(mote_weights *w)
{
    char text[256];
    mote_context *context = w->memory->context;
    mote_status status = mote_trunk_check(context, &w->trunk);
    status = status == MOTE_OK ? mote_structure_config_check(context, &w->structure) : status;
    if (status == MOTE_OK) {
        return MOTE_OK;
    }
    snprintf(text, sizeof text, "%s", mote_context_message(context));
    return mote_fail(context, MOTE_ERROR_FILE, "%s: shapes of no AlphaFold 2 model: %s", w->memory->path, text);
}

mote_status mote_weights_configure(mote_weights *w)
{
    static const char keys[] = "structure_module.ipa.linear_k.weight"; /* monomers: with the values, linear_kv */
    w->trunk = mote_trunk_preset(1);
    bool multimer = there(w, keys);
    w->trunk = mote_trunk_preset(multimer);
    w->templates = there(w, "template_embedder.template_pair_stack.layer_norm.weight");
    w->structure = mote_structure_preset(multimer, there(w, "aux_heads.tm.linear.weight"));
    if (multimer && there(w, BLOCK "pair_stack.tri_mul_out.linear_a_p.weight")) {
        return mote_fail(
            w->memory->context, MOTE_ERROR_UNSUPPORTED,
            "%s: a multimer of version 1 or 2, whose triangle multiplications have other layers; version 3 "
            "is read",
            w->memory->path);
    }
    mote_status status = apply_rules(w);
    if (status == MOTE_OK) {
        derive(w);
        status = count_stacks(w);
    }
    return status == MOTE_OK ? check(w) : status;
}
