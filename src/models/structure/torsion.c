/* Torsion angles and what they make of residues: Alg. 20 lines 11 to 14, Alg. 24 and 25. */
#include "models/structure/layers.h"

enum { GROUPS = 8, CHAINED = 4, ANGLES = 7 }; /* from group CHAINED + 1 on each hangs on the one before */

mote_angle_layers mote_angles_create(mote_graph *graph, const mote_structure_config *c)
{
    static const char *const names[MOTE_ANGLE_BLOCKS][2] = {
        {"layers.0.linear_1", "layers.0.linear_2"}, {"layers.1.linear_1", "layers.1.linear_2"},
        {"layers.2.linear_1", "layers.2.linear_2"}, {"layers.3.linear_1", "layers.3.linear_2"},
        {"layers.4.linear_1", "layers.4.linear_2"}, {"layers.5.linear_1", "layers.5.linear_2"},
        {"layers.6.linear_1", "layers.6.linear_2"}, {"layers.7.linear_1", "layers.7.linear_2"}};
    mote_angle_layers l = {0};
    l.in = mote_linear_layer(graph, "linear_in", c->c_s, c->c_angles, MOTE_START_PLAIN);
    l.initial = mote_linear_layer(graph, "linear_initial", c->c_s, c->c_angles, MOTE_START_PLAIN);
    for (size_t i = 0; i < c->angle_blocks && i < MOTE_ANGLE_BLOCKS; i++) {
        l.blocks[i][0] = mote_linear_layer(graph, names[i][0], c->c_angles, c->c_angles, MOTE_START_RECTIFIED);
        l.blocks[i][1] = mote_linear_layer(graph, names[i][1], c->c_angles, c->c_angles, MOTE_START_RESIDUAL);
    }
    l.out = mote_linear_layer(graph, "linear_out", c->c_angles, (size_t)2 * ANGLES, MOTE_START_PLAIN);
    return l;
}

static mote_value rectified(mote_graph *graph, const mote_layer *layer, mote_value x)
{
    return mote_apply_linear(graph, layer, mote_graph_map(graph, "relu", x));
}

mote_value mote_angles(mote_graph *graph, const mote_structure_config *config, const mote_angle_layers *layers,
                       mote_value s, mote_value initial, mote_value *raw)
{
    size_t residues = mote_extent(graph, s, 0);
    mote_value a = mote_graph_add(graph, rectified(graph, &layers->in, s), rectified(graph, &layers->initial, initial));
    for (size_t i = 0; i < config->angle_blocks && i < MOTE_ANGLE_BLOCKS; i++) {
        mote_value inner = rectified(graph, &layers->blocks[i][0], a);
        a = mote_graph_add(graph, a, rectified(graph, &layers->blocks[i][1], inner));
    }
    *raw = mote_structure_reshape3(graph, rectified(graph, &layers->out, a), residues, ANGLES, 2);
    mote_value squared = mote_structure_at_least(graph, mote_structure_squared_length(graph, *raw, 3), 1e-12);
    mote_value length = mote_structure_reshape3(graph, mote_graph_map(graph, "sqrt", squared), residues, ANGLES, 1);
    return mote_graph_divide(graph, *raw, length);
}

/* Turns about the x axis, one a group: [residues, 8, 3, 3] (Alg. 25). The backbone's is none. */
static mote_value turns(mote_graph *graph, size_t residues, mote_value angles)
{
    static const float none[2] = {0, 1}, axis[9] = {1}, turn[2][9] = {{[5] = -1, [7] = 1}, {[4] = 1, [8] = 1}};
    mote_value first = mote_graph_array(graph, 1, (size_t[]){2}, none);
    first = mote_graph_broadcast(graph, first, 3, (size_t[]){residues, 1, 2});
    mote_value all = mote_graph_concatenate(graph, 2, (mote_value[]){first, angles}, 1);
    all = mote_graph_multiply(graph, mote_structure_reshape4(graph, all, residues, GROUPS, 2, 1),
                              mote_graph_array(graph, 2, (size_t[]){2, 9}, turn[0]));
    all = mote_graph_add(graph, mote_graph_sum(graph, all, 2, 1), mote_graph_array(graph, 1, (size_t[]){9}, axis));
    return mote_structure_reshape4(graph, all, residues, GROUPS, 3, 3);
}

static mote_frames part(mote_graph *graph, const mote_frames *groups, size_t begin, size_t count)
{
    return (mote_frames){mote_graph_slice(graph, groups->rotations, 1, begin, count),
                         mote_graph_slice(graph, groups->translations, 1, begin, count)};
}

/* Frames relative to the backbone, from those relative to the group that each hangs on. */
static mote_frames chained(mote_graph *graph, const mote_frames *groups)
{
    mote_frames last = part(graph, groups, CHAINED, 1), first = part(graph, groups, 0, CHAINED + 1);
    mote_value rotations[GROUPS - CHAINED] = {first.rotations}, translations[GROUPS - CHAINED] = {first.translations};
    for (size_t g = CHAINED + 1; g < GROUPS; g++) {
        mote_frames own = part(graph, groups, g, 1);
        last = mote_frames_compose(graph, &last, &own);
        rotations[g - CHAINED] = last.rotations;
        translations[g - CHAINED] = last.translations;
    }
    return (mote_frames){mote_graph_concatenate(graph, GROUPS - CHAINED, rotations, 1),
                         mote_graph_concatenate(graph, GROUPS - CHAINED, translations, 1)};
}

mote_frames mote_group_frames(mote_graph *graph, mote_value aatype, const mote_frames *backbone, mote_value angles)
{
    size_t residues = mote_extent(graph, aatype, 0);
    mote_value rows = mote_residue_rows(graph, MOTE_RESIDUE_FRAMES, aatype);
    rows = mote_structure_reshape4(graph, rows, residues, GROUPS, 3, 4);
    mote_frames resting = {mote_graph_slice(graph, rows, 3, 0, 3),
                           mote_structure_reshape3(graph, mote_graph_slice(graph, rows, 3, 3, 1), residues, GROUPS, 3)};
    mote_frames turning = {turns(graph, residues, angles),
                           mote_graph_constant(graph, 3, (size_t[]){residues, GROUPS, 3}, 0)};
    mote_frames groups = mote_frames_compose(graph, &resting, &turning);
    groups = chained(graph, &groups);
    mote_value columns = mote_graph_permute(graph, groups.rotations, (int[]){0, 1, 3, 2});
    columns = mote_structure_reshape3(graph, columns, residues, (size_t)GROUPS * 3, 3);
    columns = mote_graph_rotate(graph, backbone->rotations, columns, 0);
    columns = mote_structure_reshape4(graph, columns, residues, GROUPS, 3, 3);
    return (mote_frames){mote_graph_permute(graph, columns, (int[]){0, 1, 3, 2}),
                         mote_frames_apply(graph, backbone, groups.translations)};
}

/* The sum over b of weights [residues, a, b] times points [residues, b, 3]: by additions in FP32, whatever the policy.
 */
static mote_value combined(mote_graph *graph, mote_value weights, mote_value points, size_t residues, size_t a,
                           size_t b)
{
    mote_value each = mote_graph_multiply(graph, mote_structure_reshape4(graph, weights, residues, a, b, 1),
                                          mote_structure_reshape4(graph, points, residues, 1, b, 3));
    return mote_graph_sum(graph, each, 2, 1);
}

mote_value mote_atoms14(mote_graph *graph, mote_value aatype, const mote_frames *groups)
{
    size_t residues = mote_extent(graph, aatype, 0);
    mote_value columns[2] = {mote_graph_permute(graph, groups->rotations, (int[]){0, 1, 3, 2}),
                             mote_structure_reshape4(graph, groups->translations, residues, GROUPS, 1, 3)};
    mote_value points = mote_graph_concatenate(graph, 2, columns, 2);
    mote_value places = mote_residue_rows(graph, MOTE_RESIDUE_ATOMS14, aatype);
    return combined(graph, places, points, residues, 14, (size_t)GROUPS * 4);
}

mote_value mote_atoms37(mote_graph *graph, mote_value aatype, mote_value atoms14)
{
    size_t residues = mote_extent(graph, aatype, 0);
    return combined(graph, mote_residue_rows(graph, MOTE_RESIDUE_ATOMS37, aatype), atoms14, residues, 37, 14);
}
