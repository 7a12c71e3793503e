/* AlphaFold's names: the path of a Haiku module, "//", the parameter. A stack's blocks are one array with a dimension
 * more in front, weights are [inputs, outputs], and either may be split into heads.
 *
 * Facts from the published code (github.com/google-deepmind/alphafold, model/modules.py, modules_multimer.py,
 * folding.py, folding_multimer.py). In the incoming triangle multiplication it calls "left" what the paper calls b;
 * version 3 of the multimer has left and right side by side, so that there the halves are exchanged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/weights/weights.h"

/* Which models have a row: most names tell by themselves. */
enum { BOTH, MONOMER, MULTIMER };

typedef struct row {
    const char *name; /* of a layer; of norms, the last part begins with "layer_norm" or ends so */
    const char *key;  /* of a module, to which "//" and the parameter are added; with "//", of the parameter: of
                       * "//output_" its end is missing */
    int models;
} row;

typedef struct stack {
    const char *name, *key;
} stack;

#define ONE             "evoformer/template_embedding/single_template_embedding/"
#define PAIR_STACK      "template_embedder.template_pair_stack."
#define PAIR_EMBEDDER   "template_embedder.template_pair_embedder."
#define SINGLE_EMBEDDER "template_embedder.template_single_embedder."
#define FOLD            "structure_module/fold_iteration/"
#define POINTS          FOLD "invariant_point_attention/"
#define SIDE            FOLD "rigid_sidechain/"
#define ROW             "msa_row_attention_with_pair_bias/"
#define COLUMN          "msa_column_attention/"
#define GLOBAL          "msa_column_global_attention/"
#define OUTGOING        "triangle_multiplication_outgoing/"
#define INCOMING        "triangle_multiplication_incoming/"
#define STARTING        "triangle_attention_starting_node/"
#define ENDING          "triangle_attention_ending_node/"
#define RELATIVE        "evoformer/~_relative_encoding/position_activations"

/* Of blocks, whose own part of the name comes before; "pair_stack." is left out. */
static const row block_rows[] = {
    {"msa_att_row.layer_norm_m", ROW "query_norm", BOTH},
    {"msa_att_row.layer_norm_z", ROW "feat_2d_norm", BOTH},
    {"msa_att_row.linear_z", ROW "/feat_2d_weights", BOTH},
    {"msa_att_row.mha", ROW "attention", BOTH},
    {"msa_att_col._msa_att.layer_norm_m", COLUMN "query_norm", BOTH},
    {"msa_att_col._msa_att.mha", COLUMN "attention", BOTH},
    {"msa_att_col.layer_norm_m", GLOBAL "query_norm", BOTH},
    {"msa_att_col.global_attention", GLOBAL "attention", BOTH},
    {"msa_transition.layer_norm", "msa_transition/input_layer_norm", BOTH},
    {"msa_transition.linear_1", "msa_transition/transition1", BOTH},
    {"msa_transition.linear_2", "msa_transition/transition2", BOTH},
    {"outer_product_mean.layer_norm", "outer_product_mean/layer_norm_input", BOTH},
    {"outer_product_mean.linear_1", "outer_product_mean/left_projection", BOTH},
    {"outer_product_mean.linear_2", "outer_product_mean/right_projection", BOTH},
    {"outer_product_mean.linear_out", "outer_product_mean//output_", BOTH},
    {"tri_mul_out.layer_norm_in", OUTGOING "layer_norm_input", MONOMER},
    {"tri_mul_out.linear_a_p", OUTGOING "left_projection", BOTH},
    {"tri_mul_out.linear_b_p", OUTGOING "right_projection", BOTH},
    {"tri_mul_out.linear_a_g", OUTGOING "left_gate", BOTH},
    {"tri_mul_out.linear_b_g", OUTGOING "right_gate", BOTH},
    {"tri_mul_out.layer_norm_out", OUTGOING "center_layer_norm", MONOMER},
    {"tri_mul_out.layer_norm_in", OUTGOING "left_norm_input", MULTIMER},
    {"tri_mul_out.linear_ab_p", OUTGOING "projection", BOTH},
    {"tri_mul_out.linear_ab_g", OUTGOING "gate", BOTH},
    {"tri_mul_out.layer_norm_out", OUTGOING "center_norm", MULTIMER},
    {"tri_mul_out.linear_z", OUTGOING "output_projection", BOTH},
    {"tri_mul_out.linear_g", OUTGOING "gating_linear", BOTH},
    {"tri_mul_in.layer_norm_in", INCOMING "layer_norm_input", MONOMER},
    {"tri_mul_in.linear_b_p", INCOMING "left_projection", BOTH},
    {"tri_mul_in.linear_a_p", INCOMING "right_projection", BOTH},
    {"tri_mul_in.linear_b_g", INCOMING "left_gate", BOTH},
    {"tri_mul_in.linear_a_g", INCOMING "right_gate", BOTH},
    {"tri_mul_in.layer_norm_out", INCOMING "center_layer_norm", MONOMER},
    {"tri_mul_in.layer_norm_in", INCOMING "left_norm_input", MULTIMER},
    {"tri_mul_in.linear_ab_p", INCOMING "projection", BOTH},
    {"tri_mul_in.linear_ab_g", INCOMING "gate", BOTH},
    {"tri_mul_in.layer_norm_out", INCOMING "center_norm", MULTIMER},
    {"tri_mul_in.linear_z", INCOMING "output_projection", BOTH},
    {"tri_mul_in.linear_g", INCOMING "gating_linear", BOTH},
    {"tri_att_start.layer_norm", STARTING "query_norm", BOTH},
    {"tri_att_start.linear", STARTING "/feat_2d_weights", BOTH},
    {"tri_att_start.mha", STARTING "attention", BOTH},
    {"tri_att_end.layer_norm", ENDING "query_norm", BOTH},
    {"tri_att_end.linear", ENDING "/feat_2d_weights", BOTH},
    {"tri_att_end.mha", ENDING "attention", BOTH},
    {"pair_transition.layer_norm", "pair_transition/input_layer_norm", BOTH},
    {"pair_transition.linear_1", "pair_transition/transition1", BOTH},
    {"pair_transition.linear_2", "pair_transition/transition2", BOTH},
    {NULL, NULL, BOTH},
};

/* Everything else; angle_resnet.layers has a rule. */
static const row rows[] = {
    {"input_embedder.linear_tf_m", "evoformer/preprocess_1d", BOTH},
    {"input_embedder.linear_msa_m", "evoformer/preprocess_msa", BOTH},
    {"input_embedder.linear_tf_z_i", "evoformer/left_single", BOTH},
    {"input_embedder.linear_tf_z_j", "evoformer/right_single", BOTH},
    {"input_embedder.linear_relpos", "evoformer/pair_activiations", MONOMER}, /* spelled so */
    {"input_embedder.linear_relpos", RELATIVE, MULTIMER},
    {"recycling_embedder.linear", "evoformer/prev_pos_linear", BOTH},
    {"recycling_embedder.layer_norm_m", "evoformer/prev_msa_first_row_norm", BOTH},
    {"recycling_embedder.layer_norm_z", "evoformer/prev_pair_norm", BOTH},
    {"extra_msa_embedder.linear", "evoformer/extra_msa_activations", BOTH},
    {"evoformer.linear", "evoformer/single_activations", BOTH},
    {SINGLE_EMBEDDER "linear_1", "evoformer/template_single_embedding", BOTH},
    {SINGLE_EMBEDDER "linear_2", "evoformer/template_projection", BOTH},
    {SINGLE_EMBEDDER "template_single_embedder", "evoformer/template_single_embedding", BOTH},
    {SINGLE_EMBEDDER "template_projector", "evoformer/template_projection", BOTH},
    {PAIR_STACK "layer_norm", ONE "output_layer_norm", BOTH},
    {PAIR_EMBEDDER "linear", ONE "embedding2d", BOTH},
    {"template_embedder.template_pointwise_att.mha", "evoformer/template_embedding/attention", BOTH},
    {"template_embedder.linear_t", "evoformer/template_embedding/output_linear", BOTH},
    {PAIR_EMBEDDER "query_embedding_layer_norm", ONE "query_embedding_norm", BOTH},
    {PAIR_EMBEDDER "dgram_linear", ONE "template_pair_embedding_0", BOTH},
    {PAIR_EMBEDDER "pseudo_beta_mask_linear", ONE "template_pair_embedding_1", BOTH},
    {PAIR_EMBEDDER "aatype_linear_1", ONE "template_pair_embedding_2", BOTH},
    {PAIR_EMBEDDER "aatype_linear_2", ONE "template_pair_embedding_3", BOTH},
    {PAIR_EMBEDDER "x_linear", ONE "template_pair_embedding_4", BOTH},
    {PAIR_EMBEDDER "y_linear", ONE "template_pair_embedding_5", BOTH},
    {PAIR_EMBEDDER "z_linear", ONE "template_pair_embedding_6", BOTH},
    {PAIR_EMBEDDER "backbone_mask_linear", ONE "template_pair_embedding_7", BOTH},
    {PAIR_EMBEDDER "query_embedding_linear", ONE "template_pair_embedding_8", BOTH},
    {"structure_module.layer_norm_s", "structure_module/single_layer_norm", BOTH},
    {"structure_module.layer_norm_z", "structure_module/pair_layer_norm", BOTH},
    {"structure_module.linear_in", "structure_module/initial_projection", BOTH},
    {"structure_module.ipa.linear_q", POINTS "q_scalar", MONOMER},
    {"structure_module.ipa.linear_kv", POINTS "kv_scalar", BOTH},
    {"structure_module.ipa.linear_q_points.linear", POINTS "q_point_local", MONOMER},
    {"structure_module.ipa.linear_kv_points.linear", POINTS "kv_point_local", BOTH},
    {"structure_module.ipa.linear_q", POINTS "q_scalar_projection", MULTIMER},
    {"structure_module.ipa.linear_k", POINTS "k_scalar_projection", BOTH},
    {"structure_module.ipa.linear_v", POINTS "v_scalar_projection", BOTH},
    {"structure_module.ipa.linear_q_points.linear", POINTS "q_point_projection/point_projection", MULTIMER},
    {"structure_module.ipa.linear_k_points.linear", POINTS "k_point_projection/point_projection", BOTH},
    {"structure_module.ipa.linear_v_points.linear", POINTS "v_point_projection/point_projection", BOTH},
    {"structure_module.ipa.head_weights", POINTS "/trainable_point_weights", BOTH},
    {"structure_module.ipa.linear_b", POINTS "attention_2d", BOTH},
    {"structure_module.ipa.linear_out", POINTS "output_projection", BOTH},
    {"structure_module.layer_norm_ipa", FOLD "attention_layer_norm", BOTH},
    {"structure_module.transition.layers.0.linear_1", FOLD "transition", BOTH},
    {"structure_module.transition.layers.0.linear_2", FOLD "transition_1", BOTH},
    {"structure_module.transition.layers.0.linear_3", FOLD "transition_2", BOTH},
    {"structure_module.transition.layer_norm", FOLD "transition_layer_norm", BOTH},
    {"structure_module.bb_update.linear", FOLD "affine_update", MONOMER},
    {"structure_module.bb_update.linear", FOLD "quat_rigid/rigid", MULTIMER},
    {"structure_module.angle_resnet.linear_in", SIDE "input_projection", BOTH},
    {"structure_module.angle_resnet.linear_initial", SIDE "input_projection_1", BOTH},
    {"structure_module.angle_resnet.linear_out", SIDE "unnormalized_angles", BOTH},
    {"aux_heads.plddt.layer_norm", "predicted_lddt_head/input_layer_norm", BOTH},
    {"aux_heads.plddt.linear_1", "predicted_lddt_head/act_0", BOTH},
    {"aux_heads.plddt.linear_2", "predicted_lddt_head/act_1", BOTH},
    {"aux_heads.plddt.linear_3", "predicted_lddt_head/logits", BOTH},
    {"aux_heads.distogram.linear", "distogram_head/half_logits", BOTH},
    {"aux_heads.masked_msa.linear", "masked_msa_head/logits", BOTH},
    {"aux_heads.experimentally_resolved.linear", "experimentally_resolved_head/logits", BOTH},
    {"aux_heads.tm.linear", "predicted_aligned_error_head/logits", BOTH},
    {NULL, NULL, BOTH},
};

/* Monomer, multimer. */
static const stack stacks[][2] = {
    {{"evoformer.blocks.", "evoformer/evoformer_iteration/"}, {"evoformer.blocks.", "evoformer/evoformer_iteration/"}},
    {{"extra_msa_stack.blocks.", "evoformer/extra_msa_stack/"},
     {"extra_msa_stack.blocks.", "evoformer/extra_msa_stack/"}},
    {{PAIR_STACK "blocks.", ONE "template_pair_stack/__layer_stack_no_state/"},
     {PAIR_STACK "blocks.", ONE "template_embedding_iteration/"}},
};

/* ---- from a name to a key ---- */

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static bool ends(const char *text, const char *with)
{
    size_t length = strlen(text), tail = strlen(with);
    return length >= tail && strcmp(text + length - tail, with) == 0;
}

static const row *find_row(const row *table, const char *name, size_t length, bool multimer)
{
    for (const row *r = table; r->name; r++) {
        bool there = r->models == BOTH || (r->models == MULTIMER) == multimer;
        if (there && strncmp(r->name, name, length) == 0 && r->name[length] == '\0') {
            return r;
        }
    }
    return NULL;
}

/* Puts the pieces of a key together. */
static bool spell(mote_alphafold_place *place, const char *stack_key, const char *key, const char *separator,
                  const char *parameter)
{
    int length = snprintf(place->key, sizeof place->key, "%s%s%s%s", stack_key, key, separator, parameter);
    return length > 0 && (size_t)length < sizeof place->key;
}

/* A layer's weight or bias. name: of the layer, length: of that; key: of its module. */
static bool layer_parameter(const char *stack_key, const char *key, const char *name, size_t length, bool weight,
                            mote_alphafold_place *place)
{
    const char *norm = strstr(name, "layer_norm");
    place->vector = !weight || (norm && norm < name + length);
    if (ends(key, "//output_")) {
        place->outputs_last = weight;
        return spell(place, stack_key, key, "", weight ? "w" : "b");
    }
    if (strstr(key, "//")) {
        return weight && spell(place, stack_key, key, "", "");
    }
    return spell(place, stack_key, key, "//",
                 place->vector && weight ? "scale"
                 : weight                ? "weights"
                 : norm                  ? "offset"
                                         : "bias");
}

/* The same of an attention, whose layers are "linear_q" and so on: part is that letter. */
static bool attention_parameter(const char *stack_key, const char *key, char part, bool weight,
                                mote_alphafold_place *place)
{
    static const struct {
        char part;
        const char *weight, *bias;
    } parts[] = {{'q', "query_w", NULL},
                 {'k', "key_w", NULL},
                 {'v', "value_w", NULL},
                 {'g', "gating_w", "gating_b"},
                 {'o', "output_w", "output_b"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *parameter = weight ? parts[i].weight : parts[i].bias;
        if (parts[i].part == part && parameter) {
            place->vector = !weight;
            place->outputs_last = weight && part == 'o';
            return spell(place, stack_key, key, "//", parameter);
        }
    }
    return false;
}

/* "layers.BLOCK.linear_LAYER", the residual blocks of the torsion angles: resblock1, resblock2, resblock1_1 ... */
static bool angle_parameter(const char *rest, bool weight, mote_alphafold_place *place)
{
    char *end, key[96];
    unsigned long block = strtoul(rest, &end, 10);
    bool right = *rest >= '0' && *rest <= '9' && begins(end, ".linear_") && (end[8] == '1' || end[8] == '2') &&
                 (end[9] == '.' || !end[9]);
    place->vector = !weight;
    snprintf(key, sizeof key, block ? SIDE "resblock%c_%lu" : SIDE "resblock%c", end[right ? 8 : 0], block);
    return right && spell(place, "", key, "//", weight ? "weights" : "bias");
}

/* Cuts "NAME.blocks.N." off; the rest. */
static const char *cut_stack(const char *name, bool multimer, const char **stack_key, mote_alphafold_place *place)
{
    for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++) {
        const stack *s = &stacks[i][multimer];
        const char *number = name + strlen(s->name);
        if (begins(name, s->name) && *number >= '0' && *number <= '9') {
            char *end;
            place->block = strtoul(number, &end, 10);
            place->stacked = *end == '.';
            *stack_key = s->key;
            name = place->stacked ? end + 1 : name;
            return begins(name, "pair_stack.") ? name + strlen("pair_stack.") : name;
        }
    }
    return name;
}

bool mote_alphafold_find(const char *name, bool multimer, mote_alphafold_place *place)
{
    static const char angles[] = "structure_module.angle_resnet.layers.";
    const char *stack_key = "";
    *place = (mote_alphafold_place){.stacked = false};
    name = cut_stack(name, multimer, &stack_key, place);
    const row *table = place->stacked ? block_rows : rows;
    const char *leaf = strrchr(name, '.');
    bool weight = leaf && strcmp(leaf, ".weight") == 0;
    if (leaf && strcmp(leaf, ".head_weights") == 0) { /* of no layer */
        const row *whole = find_row(table, name, strlen(name), multimer);
        place->vector = true;
        return whole && spell(place, stack_key, whole->key, "", "");
    }
    if (!weight && !(leaf && strcmp(leaf, ".bias") == 0)) {
        return false;
    }
    place->swapped = begins(name, "tri_mul_in.linear_ab_");
    const row *found = find_row(table, name, (size_t)(leaf - name), multimer);
    if (found) {
        return layer_parameter(stack_key, found->key, name, (size_t)(leaf - name), weight, place);
    }
    const char *part = leaf - strlen(".linear_q");
    if (part > name && begins(part, ".linear_") && !begins(name, angles)) {
        found = find_row(table, name, (size_t)(part - name), multimer);
        return found && attention_parameter(stack_key, found->key, leaf[-1], weight, place);
    }
    return begins(name, angles) && angle_parameter(name + strlen(angles), weight, place);
}
