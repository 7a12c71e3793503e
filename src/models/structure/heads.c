/* The heads: Alg. 29, 1.9.7 to 1.9.10. */
#include "models/structure/layers.h"

static mote_value one_layer(mote_graph *graph, const char *name, size_t inputs, size_t outputs, mote_value x)
{
    mote_layer layer = mote_linear_layer(graph, name, inputs, outputs, MOTE_START_RESIDUAL);
    return mote_apply_linear(graph, &layer, x);
}

/* The same of what the trunk gives, in any format. */
static mote_value layer_by_rows(mote_graph *graph, const char *name, size_t inputs, size_t outputs, mote_value x)
{
    mote_layer layer = mote_linear_layer(graph, name, inputs, outputs, MOTE_START_RESIDUAL);
    return mote_apply_linear_by_rows(graph, &layer, x);
}

/* Alg. 29. */
static mote_value lddt_head(mote_graph *graph, const mote_structure_config *c, mote_value s)
{
    mote_graph_enter(graph, "plddt");
    mote_layer norm = mote_norm_layer(graph, "layer_norm", c->c_s);
    mote_layer first = mote_linear_layer(graph, "linear_1", c->c_s, c->c_lddt, MOTE_START_RECTIFIED);
    mote_layer second = mote_linear_layer(graph, "linear_2", c->c_lddt, c->c_lddt, MOTE_START_RECTIFIED);
    s = mote_apply_norm(graph, &norm, s);
    s = mote_graph_map(graph, "relu", mote_apply_linear(graph, &first, s));
    s = mote_graph_map(graph, "relu", mote_apply_linear(graph, &second, s));
    s = one_layer(graph, "linear_3", c->c_lddt, c->lddt_bins, s);
    mote_graph_leave(graph);
    return s;
}

void mote_structure_heads(mote_graph *graph, const mote_structure_config *config, mote_value msa, mote_value pair,
                          mote_value single, mote_value structure_single, mote_structure_scores *scores)
{
    enum { ATOMS = 37 };
    const mote_structure_config *c = config;
    *scores = (mote_structure_scores){.aligned_error = MOTE_NO_VALUE};
    mote_status status = mote_structure_config_check(graph->context, config);
    if (status != MOTE_OK) {
        mote_graph_fail(graph, status, "%s", mote_context_message(graph->context));
        return;
    }
    mote_graph_enter(graph, "aux_heads");
    scores->lddt = lddt_head(graph, c, structure_single);
    /* both halves have the bias: it counts twice */
    mote_value half = layer_by_rows(graph, "distogram.linear", c->c_z, c->distance_bins, pair);
    scores->distances = mote_graph_add(graph, half, mote_graph_permute(graph, half, (int[]){1, 0, 2}));
    scores->msa = layer_by_rows(graph, "masked_msa.linear", c->c_m, c->msa_classes, msa);
    scores->resolved = one_layer(graph, "experimentally_resolved.linear", c->c_s, ATOMS, single);
    if (c->aligned_error) {
        scores->aligned_error = layer_by_rows(graph, "tm.linear", c->c_z, c->error_bins, pair);
    }
    mote_graph_leave(graph);
}
