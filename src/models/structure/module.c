/* The structure module: Alg. 20. */
#include "models/structure/layers.h"

/* Parameters of one iteration; all iterations have the same. */
typedef struct iteration {
    mote_point_attention_layers attention;
    mote_angle_layers angles;
    mote_layer attention_norm, transition[3], transition_norm, update;
} iteration;

static iteration create_iteration(mote_graph *graph, const mote_structure_config *c)
{
    static const char *const transitions[3] = {"transition.layers.0.linear_1", "transition.layers.0.linear_2",
                                               "transition.layers.0.linear_3"};
    iteration p = {0};
    mote_graph_enter(graph, "ipa");
    p.attention = mote_point_attention_create(graph, c);
    mote_graph_leave(graph);
    p.attention_norm = mote_norm_layer(graph, "layer_norm_ipa", c->c_s);
    for (int i = 0; i < 3; i++) {
        p.transition[i] = mote_linear_layer(graph, transitions[i], c->c_s, c->c_s,
                                            i < 2 ? MOTE_START_RECTIFIED : MOTE_START_RESIDUAL);
    }
    p.transition_norm = mote_norm_layer(graph, "transition.layer_norm", c->c_s);
    p.update = mote_linear_layer(graph, "bb_update.linear", c->c_s, 6, MOTE_START_RESIDUAL);
    mote_graph_enter(graph, "angle_resnet");
    p.angles = mote_angles_create(graph, c);
    mote_graph_leave(graph);
    return p;
}

static mote_value drop(mote_graph *graph, const mote_structure_config *c, mote_value x)
{
    return c->training && c->dropout > 0 ? mote_graph_dropout(graph, x, c->dropout) : x;
}

/* Lines 6 to 9. */
static mote_value refine(mote_graph *graph, const mote_structure_config *c, const iteration *p, mote_value s,
                         mote_value z, const mote_frames *frames, mote_value mask)
{
    mote_graph_enter(graph, "ipa");
    mote_value attended = mote_point_attention(graph, c, &p->attention, s, z, frames, mask);
    mote_graph_leave(graph);
    s = mote_apply_norm(graph, &p->attention_norm, drop(graph, c, mote_graph_add(graph, s, attended)));
    mote_value inner = s;
    for (int i = 0; i < 3; i++) {
        inner = i ? mote_graph_map(graph, "relu", inner) : inner;
        inner = mote_apply_linear(graph, &p->transition[i], inner);
    }
    return mote_apply_norm(graph, &p->transition_norm, drop(graph, c, mote_graph_add(graph, s, inner)));
}

/* What the iterations pass on and collect. */
typedef struct state {
    mote_value s;
    mote_frames frames; /* in units of the scale */
    mote_value angles[MOTE_STRUCTURE_LAYERS], raw_angles[MOTE_STRUCTURE_LAYERS];
} state;

static void iterate(mote_graph *graph, const mote_structure_config *c, const iteration *p, size_t number,
                    mote_value initial, mote_value z, mote_value mask, state *now, mote_structure_result *result)
{
    mote_graph_begin_segment(graph);
    now->s = refine(graph, c, p, now->s, z, &now->frames, mask);
    mote_frames update = mote_frames_from_update(graph, mote_apply_linear(graph, &p->update, now->s));
    now->frames = mote_frames_compose(graph, &now->frames, &update); /* line 10 */
    mote_graph_enter(graph, "angle_resnet");
    mote_value raw = MOTE_NO_VALUE, angles = mote_angles(graph, c, &p->angles, now->s, initial, &raw);
    mote_graph_leave(graph);
    size_t shape[4] = {1, mote_extent(graph, angles, 0), mote_extent(graph, angles, 1), 2};
    now->angles[number] = mote_graph_reshape(graph, angles, 4, shape);
    now->raw_angles[number] = mote_graph_reshape(graph, raw, 4, shape);
    result->frames[number] =
        (mote_frames){now->frames.rotations, mote_graph_scale(graph, now->frames.translations, c->position_scale)};
    if (number + 1 < c->structure_layers) { /* line 20 */
        now->frames.rotations = mote_graph_stop_gradient(graph, now->frames.rotations);
    }
    mote_graph_end_segment(graph);
}

void mote_structure_module(mote_graph *graph, const mote_structure_config *config, mote_value single, mote_value pair,
                           mote_value aatype, mote_value mask, const mote_frames *start, mote_structure_result *result)
{
    size_t residues = mote_extent(graph, single, 0);
    *result = (mote_structure_result){.layers = config->structure_layers};
    mote_status status = mote_structure_config_check(graph->context, config);
    if (status != MOTE_OK) {
        mote_graph_fail(graph, status, "%s", mote_context_message(graph->context));
        return;
    }
    mote_graph_enter(graph, "structure_module");
    mote_layer single_norm = mote_norm_layer(graph, "layer_norm_s", config->c_s),
               pair_norm = mote_norm_layer(graph, "layer_norm_z", config->c_z),
               in = mote_linear_layer(graph, "linear_in", config->c_s, config->c_s, MOTE_START_PLAIN);
    iteration p = create_iteration(graph, config);
    mote_value initial = mote_apply_norm(graph, &single_norm, single);
    mote_value z = mote_apply_norm_by_rows(graph, &pair_norm, pair);
    state now = {.s = mote_apply_linear(graph, &in, initial),
                 .frames = start ? *start : mote_frames_origin(graph, residues)};
    for (size_t i = 0; i < config->structure_layers; i++) {
        iterate(graph, config, &p, i, initial, z, mask, &now, result);
    }
    int layers = (int)config->structure_layers;
    size_t last = config->structure_layers - 1, angles[3] = {residues, mote_extent(graph, now.angles[0], 2), 2};
    result->groups =
        mote_group_frames(graph, aatype, &result->frames[last], mote_graph_reshape(graph, now.angles[last], 3, angles));
    result->atoms = mote_atoms14(graph, aatype, &result->groups);
    result->angles = mote_graph_concatenate(graph, layers, now.angles, 0);
    result->raw_angles = mote_graph_concatenate(graph, layers, now.raw_angles, 0);
    result->single = now.s;
    mote_graph_leave(graph);
}
