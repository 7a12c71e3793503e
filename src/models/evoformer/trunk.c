/* A round of the trunk, algorithm 2, and what its integer inputs hold. */
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"
#include "models/evoformer/modules.h"

/* ---- inputs ---- */

static mote_value input(mote_graph *graph, const char *name, mote_format format, size_t a, size_t b, size_t c)
{
    size_t shape[3] = {a, b, c};
    int rank = c ? 3 : b ? 2 : 1;
    return mote_graph_input(graph, name, format, rank, shape);
}

static void make_template_inputs(mote_graph *graph, const mote_trunk_config *c, size_t n, mote_trunk_templates *t)
{
    t->there = input(graph, "template_mask", MOTE_FP32, t->count, 0, 0);
    t->angles = input(graph, "template_angles", MOTE_FP32, t->count, n, c->template_angle_features);
    t->angle_mask = input(graph, "template_angle_mask", MOTE_FP32, t->count, n, 0);
    for (size_t i = 0; i < t->count && i < MOTE_TRUNK_TEMPLATES; i++) {
        char layer[32];
        mote_trunk_template *one = &t->each[i];
        snprintf(layer, sizeof layer, "template.%zu", i);
        mote_graph_enter(graph, layer);
        one->bins = input(graph, "bins", MOTE_INT32, n, n, 0);
        one->types = input(graph, "types", MOTE_INT32, n, 0, 0);
        one->beta_mask = input(graph, "beta_mask", MOTE_FP32, n, n, 0);
        one->backbone_mask = input(graph, "backbone_mask", MOTE_FP32, n, n, 0);
        if (c->multimer) {
            one->directions = input(graph, "directions", MOTE_FP32, n, n, 3);
        }
        mote_graph_leave(graph);
    }
}

static void make_inputs(mote_graph *graph, const mote_trunk_config *c, const mote_trunk_lengths *l, mote_trunk *t)
{
    size_t n = l->residues;
    memset(t, 0xFF, sizeof *t); /* all values MOTE_NO_VALUE */
    t->templates.count = l->templates;
    t->target = input(graph, "target", MOTE_FP32, n, c->target_features, 0);
    t->residue_mask = input(graph, "residue_mask", MOTE_FP32, n, 0, 0);
    t->msa = input(graph, "msa", MOTE_FP32, l->sequences, n, c->msa_features);
    t->msa_mask = input(graph, "msa_mask", MOTE_FP32, l->sequences, n, 0);
    t->extra = input(graph, "extra", MOTE_FP32, l->extra, n, c->extra_features);
    t->extra_mask = input(graph, "extra_mask", MOTE_FP32, l->extra, n, 0);
    t->offsets = input(graph, "offsets", MOTE_INT32, n, n, 0);
    if (c->multimer) {
        t->copies = input(graph, "copies", MOTE_INT32, n, n, 0);
    }
    t->previous_m = input(graph, "previous_m", MOTE_FP32, n, c->c_m, 0);
    t->previous_z = input(graph, "previous_z", c->stored, n, n, c->c_z);
    t->previous_bins = input(graph, "previous_bins", MOTE_INT32, n, n, 0);
    if (l->templates) {
        make_template_inputs(graph, c, n, &t->templates);
    }
}

/* ---- the graph ---- */

static mote_value first_rows_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    return mote_graph_slice(graph, pieces[0], 0, 0, *(const size_t *)argument);
}

/* m without the rows behind the first ones. */
static mote_value first_rows(mote_graph *graph, const mote_trunk_config *config, mote_value m, size_t count)
{
    return mote_in_pieces(graph, config, 1, &m, (int[]){1}, 1, config->stored, first_rows_body, &count);
}

/* What concerns the pairs alone comes first, so that no MSA lies beside it. */
mote_status mote_trunk_build(mote_graph *graph, const mote_trunk_config *config, const mote_trunk_lengths *lengths,
                             mote_trunk *trunk)
{
    size_t n = lengths->residues;
    if (mote_trunk_begin(graph, config) == MOTE_OK && (n == 0 || lengths->sequences == 0 || lengths->extra == 0)) {
        mote_graph_fail(graph, MOTE_ERROR_SHAPE, "trunk: expected at least 1 residue, sequence and extra sequence");
    }
    make_inputs(graph, config, lengths, trunk);
    mote_value mask = mote_graph_multiply(graph, mote_graph_reshape(graph, trunk->residue_mask, 2, (size_t[]){n, 1}),
                                          trunk->residue_mask);
    mote_value z = mote_trunk_embed_pairs(graph, config, trunk->target, trunk->offsets, trunk->copies);
    z = mote_trunk_recycle_pairs(graph, config, z, trunk->previous_z, trunk->previous_bins);
    if (lengths->templates) {
        z = mote_trunk_add_template_pairs(graph, config, &trunk->templates, z, mask);
    }
    mote_trunk_state extra = {mote_trunk_embed_extra(graph, config, trunk->extra), z, trunk->extra_mask, mask};
    mote_trunk_add_stack(graph, config, MOTE_STACK_EXTRA, &extra);
    mote_value m = mote_trunk_embed_msa(graph, config, trunk->target, trunk->msa);
    m = mote_trunk_recycle_msa(graph, config, m, trunk->previous_m);
    mote_trunk_state state = {m, extra.z, trunk->msa_mask, mask};
    if (lengths->templates) {
        mote_trunk_add_template_rows(graph, config, &trunk->templates, &state);
    }
    mote_trunk_add_stack(graph, config, MOTE_STACK_EVOFORMER, &state);
    trunk->z = state.z;
    trunk->single = mote_trunk_single(graph, config, state.m);
    trunk->m = lengths->templates ? first_rows(graph, config, state.m, lengths->sequences) : state.m;
    return mote_graph_status(graph);
}

/* ---- numbers of positions and distances ---- */

static int32_t clipped(int64_t offset, size_t reach)
{
    int64_t most = (int64_t)reach;
    return (int32_t)((offset < -most ? -most : offset > most ? most : offset) + most);
}

void mote_trunk_relative_positions(const mote_trunk_config *c, size_t residues, const int32_t *index,
                                   const int32_t *asym, const int32_t *entity, const int32_t *sym, int32_t *offsets,
                                   int32_t *copies)
{
    for (size_t i = 0; i < residues; i++) {
        for (size_t j = 0; j < residues; j++) {
            size_t at = i * residues + j;
            offsets[at] = clipped((int64_t)index[i] - index[j], c->relative_positions);
            if (c->multimer) {
                offsets[at] = asym[i] == asym[j] ? offsets[at] : (int32_t)(2 * c->relative_positions + 1);
                copies[at] = entity[i] == entity[j] ? clipped((int64_t)sym[i] - sym[j], c->relative_chains)
                                                    : (int32_t)(2 * c->relative_chains + 1);
            }
        }
    }
}

void mote_trunk_distance_bins(size_t residues, const float *points, size_t count, double last, int32_t *found)
{
    const double first = 3.25, step = count > 1 ? (last - first) / (double)(count - 1) : 0;
    for (size_t i = 0; i < residues; i++) {
        for (size_t j = 0; j < residues; j++) {
            double squared = 0;
            for (size_t d = 0; d < 3; d++) {
                double difference = (double)points[3 * i + d] - (double)points[3 * j + d];
                squared += difference * difference;
            }
            size_t bin = 0;
            while (bin < count && squared > (first + (double)bin * step) * (first + (double)bin * step)) {
                bin++;
            }
            double edge = first + (double)bin * step;
            found[i * residues + j] = bin < count && squared == edge * edge ? 0 : (int32_t)bin;
        }
    }
}
