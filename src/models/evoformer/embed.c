/* From features to the MSA and the pairs: algorithms 3, 4 and 32, and the multimer's relative positions. */
#include "models/evoformer/modules.h"

/* ---- rows of features ---- */

typedef struct rows {
    mote_layer layer;
    mote_value added; /* to every row [residues, channels], or MOTE_NO_VALUE */
} rows;

static mote_value rows_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const rows *r = argument;
    mote_value y = mote_apply_linear(graph, &r->layer, pieces[0]);
    return r->added == MOTE_NO_VALUE ? y : mote_graph_add(graph, y, r->added);
}

mote_value mote_trunk_embed_msa(mote_graph *graph, const mote_trunk_config *config, mote_value target, mote_value msa)
{
    if (mote_trunk_begin(graph, config) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    mote_graph_enter(graph, "input_embedder");
    mote_layer all = mote_linear_layer(graph, "linear_tf_m", config->target_features, config->c_m, MOTE_START_PLAIN);
    rows r = {.layer = mote_linear_layer(graph, "linear_msa_m", config->msa_features, config->c_m, MOTE_START_PLAIN)};
    r.added = mote_apply_linear(graph, &all, target);
    mote_value m = mote_in_pieces(graph, config, 1, &msa, (int[]){0}, 0, config->stored, rows_body, &r);
    mote_graph_leave(graph);
    return m;
}

mote_value mote_trunk_embed_extra(mote_graph *graph, const mote_trunk_config *config, mote_value extra)
{
    if (mote_trunk_begin(graph, config) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    mote_graph_enter(graph, "extra_msa_embedder");
    rows r = {.layer = mote_linear_layer(graph, "linear", config->extra_features, config->c_e, MOTE_START_PLAIN),
              .added = MOTE_NO_VALUE};
    mote_value m = mote_in_pieces(graph, config, 1, &extra, (int[]){0}, 0, config->stored, rows_body, &r);
    mote_graph_leave(graph);
    return m;
}

/* ---- pairs ---- */

typedef struct pairs {
    mote_value second;          /* [residues, c_z] */
    mote_value offsets, copies; /* tables [numbers, c_z] of relative positions; copies may be MOTE_NO_VALUE */
    mote_value bias;
} pairs;

/* Rows of pairs: of the first residues [rows, c_z], their offsets and copies [rows, residues]. */
static mote_value pairs_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const pairs *p = argument;
    size_t shape[3] = {mote_extent(graph, pieces[0], 0), 1, mote_extent(graph, pieces[0], 1)};
    mote_value z = mote_graph_add(graph, mote_graph_reshape(graph, pieces[0], 3, shape), p->second);
    z = mote_graph_add(graph, z, mote_graph_embedding(graph, p->offsets, pieces[1]));
    if (p->copies != MOTE_NO_VALUE) {
        z = mote_graph_add(graph, z, mote_graph_embedding(graph, p->copies, pieces[2]));
    }
    return mote_graph_add(graph, z, p->bias);
}

/* Columns of linear_relpos as tables: a product with one-hot rows is a column of the weight. Numbers of copies: the
 * last is for other entities; all before it also have the column of "the same entity". */
static void relative_tables(mote_graph *graph, const mote_trunk_config *c, pairs *p)
{
    size_t offsets = 2 * c->relative_positions + 1 + (c->multimer ? 1 : 0), copies = 2 * c->relative_chains + 2;
    mote_layer layer =
        mote_linear_layer(graph, "linear_relpos", offsets + (c->multimer ? copies + 1 : 0), c->c_z, MOTE_START_PLAIN);
    p->bias = layer.bias;
    p->copies = MOTE_NO_VALUE;
    p->offsets = mote_graph_permute(graph, layer.weight, (int[]){1, 0});
    if (c->multimer) {
        mote_value all = p->offsets, same = mote_graph_slice(graph, all, 0, offsets, 1), ends[2];
        p->offsets = mote_graph_slice(graph, all, 0, 0, offsets);
        ends[0] = mote_graph_add(graph, mote_graph_slice(graph, all, 0, offsets + 1, copies - 1), same);
        ends[1] = mote_graph_slice(graph, all, 0, offsets + copies, 1);
        p->copies = mote_graph_concatenate(graph, 2, ends, 0);
    }
}

mote_value mote_trunk_embed_pairs(mote_graph *graph, const mote_trunk_config *config, mote_value target,
                                  mote_value offsets, mote_value copies)
{
    pairs p;
    if (mote_trunk_begin(graph, config) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    mote_graph_enter(graph, "input_embedder");
    mote_layer first =
        mote_linear_layer(graph, "linear_tf_z_i", config->target_features, config->c_z, MOTE_START_PLAIN);
    mote_layer second =
        mote_linear_layer(graph, "linear_tf_z_j", config->target_features, config->c_z, MOTE_START_PLAIN);
    relative_tables(graph, config, &p);
    p.second = mote_apply_linear(graph, &second, target);
    mote_value cut[3] = {mote_apply_linear(graph, &first, target), offsets, copies};
    mote_value z = mote_in_pieces(graph, config, config->multimer ? 3 : 2, cut, (int[]){0, 0, 0}, 0, config->stored,
                                  pairs_body, &p);
    mote_graph_leave(graph);
    return z;
}

/* ---- recycling ---- */

typedef struct recycling {
    mote_layer norm;
    mote_value table, bias; /* table [1 + bins, c_z]: of no bin, 0 */
} recycling;

static mote_value recycling_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    const recycling *r = argument;
    mote_value z = mote_graph_add(graph, pieces[0], mote_graph_embedding(graph, r->table, pieces[2]));
    z = mote_graph_add(graph, z, r->bias);
    return mote_graph_add(graph, z, mote_apply_norm(graph, &r->norm, pieces[1]));
}

mote_value mote_trunk_recycle_pairs(mote_graph *graph, const mote_trunk_config *config, mote_value z,
                                    mote_value previous, mote_value bins)
{
    if (mote_trunk_begin(graph, config) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    recycling r;
    mote_graph_enter(graph, "recycling_embedder");
    mote_layer layer = mote_linear_layer(graph, "linear", config->recycling_bins, config->c_z, MOTE_START_PLAIN);
    r.norm = mote_norm_layer(graph, "layer_norm_z", config->c_z);
    r.bias = layer.bias;
    r.table = mote_table_from_one(graph, layer.weight);
    z = mote_in_pieces(graph, config, 3, (mote_value[]){z, previous, bins}, (int[]){0, 0, 0}, 0, config->stored,
                       recycling_body, &r);
    mote_graph_leave(graph);
    return z;
}

/* Columns m [sequences, columns, c_m] and the row before of theirs [columns, c_m]. */
static mote_value first_row_body(mote_graph *graph, void *argument, const mote_value *pieces)
{
    size_t sequences = mote_extent(graph, pieces[0], 0);
    mote_value parts[2] = {mote_graph_slice(graph, pieces[0], 0, 0, 1), MOTE_NO_VALUE};
    parts[0] = mote_graph_add(graph, parts[0], mote_apply_norm(graph, argument, pieces[1]));
    if (sequences == 1) {
        return parts[0];
    }
    parts[1] = mote_graph_slice(graph, pieces[0], 0, 1, sequences - 1);
    return mote_graph_concatenate(graph, 2, parts, 0);
}

mote_value mote_trunk_recycle_msa(mote_graph *graph, const mote_trunk_config *config, mote_value m, mote_value previous)
{
    if (mote_trunk_begin(graph, config) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    mote_graph_enter(graph, "recycling_embedder");
    mote_layer norm = mote_norm_layer(graph, "layer_norm_m", config->c_m);
    m = mote_in_pieces(graph, config, 2, (mote_value[]){m, previous}, (int[]){1, 0}, 1, config->stored, first_row_body,
                       &norm);
    mote_graph_leave(graph);
    return m;
}
