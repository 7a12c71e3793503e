/* The network of a round as a graph, and what it takes: pieces as long as memory allows. */
#include <math.h>
#include <stdio.h>

#include "graph/pieces.h"
#include "infer/fold.h"

mote_fold_sizes mote_fold_published(bool multimer)
{
    return (mote_fold_sizes){.trunk = mote_trunk_preset(multimer), .structure = mote_structure_preset(multimer, true)};
}

const char *mote_fold_policy_of(mote_format weights)
{
    switch (weights) {
    case MOTE_MXINT8: return "mxint8";
    case MOTE_MXFP8_E4M3: return "mxfp8";
    case MOTE_MXFP6_E3M2: return "mxfp6";
    case MOTE_MXFP6_E2M3: return "mxfp6_e2m3";
    case MOTE_MXFP4_E2M1: return "mxfp4-w_mxfp6-ag";
    case MOTE_NVFP4: return "nvfp4";
    default: return "fp32";
    }
}

/* ---- the graph ---- */

static void build(const mote_fold_sizes *sizes, mote_fold_network *n)
{
    mote_graph *graph = n->graph;
    mote_structure_result structure;
    mote_structure_scores scores;
    if (mote_trunk_build(graph, &sizes->trunk, &sizes->lengths, &n->trunk) != MOTE_OK) {
        return; /* the failure sticks */
    }
    n->first_row = mote_graph_widen(graph, mote_graph_slice(graph, n->trunk.m, 0, 0, 1));
    n->aatype = mote_graph_input(graph, "aatype", MOTE_INT32, 1, &sizes->lengths.residues);
    mote_structure_module(graph, &sizes->structure, n->trunk.single, n->trunk.z, n->aatype, n->trunk.residue_mask, NULL,
                          &structure);
    mote_structure_heads(graph, &sizes->structure, n->trunk.m, n->trunk.z, n->trunk.single, structure.single, &scores);
    const mote_value consumed[] = {n->trunk.target, n->trunk.msa, n->trunk.extra, n->trunk.previous_m,
                                   n->trunk.previous_z};
    for (size_t i = 0; i < sizeof consumed / sizeof *consumed; i++) {
        mote_graph_consume(graph, consumed[i]); /* all are set for every round */
    }
    n->atoms = structure.atoms;
    n->lddt = scores.lddt;
    n->aligned = sizes->structure.aligned_error ? scores.aligned_error : MOTE_NO_VALUE;
    const mote_value results[] = {n->first_row, n->trunk.z, n->atoms, n->lddt, n->aligned};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        if (results[i] != MOTE_NO_VALUE) {
            mote_graph_output(graph, results[i]);
        }
    }
}

mote_status mote_fold_network_create(mote_context *context, const mote_fold_sizes *sizes, const mote_policy_set *policy,
                                     mote_fold_network *network)
{
    mote_status status = mote_graph_create(context, &network->graph);
    if (status == MOTE_OK) {
        build(sizes, network);
        status = mote_graph_status(network->graph);
    }
    status = status == MOTE_OK ? mote_graph_apply_policy(network->graph, policy) : status;
    status = status == MOTE_OK ? mote_graph_pack_parameters(network->graph) : status;
    if (status != MOTE_OK) {
        mote_fold_network_destroy(network);
    }
    return status;
}

void mote_fold_network_destroy(mote_fold_network *network)
{
    mote_graph_destroy(network->graph);
    network->graph = NULL;
}

/* ---- memory ---- */

uint64_t mote_fold_beside(const mote_fold_sizes *sizes, const mote_msa *msa, const mote_features *features,
                          size_t predictions)
{
    double length = (double)sizes->lengths.residues, share = length / (double)msa->length;
    double atoms = MOTE_ATOM_COUNT * (3 * sizeof(float) + 1), row = sizeof *msa->codes + sizeof *msa->deletions;
    double result = length * atoms + (sizes->structure.aligned_error ? length * length * sizeof(float) : 0);
    double beside = share * (double)features->bytes + (double)msa->rows * length * row + (double)predictions * result;
    return beside < 1e18 ? (uint64_t)beside : (uint64_t)1e18;
}

/* Of a network in pieces of length; with few blocks, whose memory is that of many but for the parameters. */
static mote_status measure(mote_context *context, const mote_fold_sizes *sizes, size_t piece, bool few,
                           const mote_policy_set *policy, mote_plan_memory *memory, mote_fold_plan *plan)
{
    mote_fold_sizes changed = *sizes;
    mote_fold_network network;
    changed.trunk.piece = piece;
    if (few) {
        changed.trunk.evoformer_blocks = mote_size_min(1, sizes->trunk.evoformer_blocks);
        changed.trunk.extra_blocks = mote_size_min(1, sizes->trunk.extra_blocks);
        changed.structure.structure_layers = mote_size_min(2, sizes->structure.structure_layers);
    }
    mote_status status = mote_fold_network_create(context, &changed, policy, &network);
    if (status == MOTE_OK) {
        status = mote_plan_measure(network.graph, &(mote_plan_options){0}, memory);
        if (plan) {
            mote_graph_cost(network.graph, &plan->multiply_adds, &plan->bytes_moved);
            plan->graph = mote_graph_bytes(network.graph);
        }
        mote_fold_network_destroy(&network);
    }
    return status;
}

/* The most residues that fit, with everything else as it is: doubled until they do not, then halved in. */
static size_t find_longest(mote_context *context, const mote_fold_sizes *sizes, const mote_policy_set *policy,
                           uint64_t fixed, uint64_t beside, uint64_t available)
{
    enum { MOST = 1 << 16, STEP = 16 };
    const size_t residues = sizes->lengths.residues;
    size_t fits = 0, too_long = MOST;
    for (size_t next = residues; fits + STEP < too_long;) {
        mote_fold_sizes changed = *sizes;
        mote_plan_memory memory;
        changed.lengths.residues = next;
        if (measure(context, &changed, sizes->trunk.piece, true, policy, &memory, NULL) != MOTE_OK) {
            return 0;
        }
        double growth = (double)next / (double)residues;
        double total = (double)(memory.total - memory.parameters + fixed) + growth * growth * (double)beside;
        fits = total <= (double)available ? next : fits;
        too_long = total <= (double)available ? too_long : next;
        next = too_long == MOST ? mote_size_min(2 * next, MOST - 1) : fits + (too_long - fits) / 2;
    }
    return fits;
}

mote_status mote_fold_fit(mote_context *context, mote_fold_sizes *sizes, const mote_policy_set *policy, uint64_t beside,
                          uint64_t available, mote_fold_plan *plan)
{
    const size_t longest_piece = sizes->trunk.piece;
    uint64_t least = UINT64_MAX;
    for (size_t piece = longest_piece; piece > 0; piece /= 2) {
        mote_status status = measure(context, sizes, piece, false, policy, &plan->memory, plan);
        if (status != MOTE_OK) {
            return status;
        }
        plan->total = plan->memory.total + plan->graph + beside;
        plan->features = beside;
        plan->piece = sizes->trunk.piece = piece;
        least = plan->total < least ? plan->total : least;
        if (!available || plan->total <= available) {
            plan->longest = available ? find_longest(context, sizes, policy, plan->memory.parameters + plan->graph,
                                                     beside, available)
                                      : 0;
            return MOTE_OK;
        }
    }
    sizes->trunk.piece = longest_piece;
    plan->longest = find_longest(context, sizes, policy, plan->memory.parameters + plan->graph, beside, available);
    char most[64] = "nothing fits";
    if (plan->longest) {
        snprintf(most, sizeof most, "at most about %zu residues fit", plan->longest);
    }
    return mote_fail(context, MOTE_ERROR_MEMORY,
                     "folding %zu residues with %zu + %zu rows takes at least %.2f MB, and there are %.2f MB, into "
                     "which %s: raise the limit, or ask for fewer rows",
                     sizes->lengths.residues, sizes->lengths.sequences, sizes->lengths.extra,
                     ceil((double)least / 1e4) / 100, (double)available / 1e6, most);
}
