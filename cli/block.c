/* A block of AlphaFold 2's trunk as a graph. */
#include "block.h"

#include <math.h>
#include <string.h>

enum { MOST_TENSORS = 128 }; /* of a block: 4 inputs and some 90 parameters */

const char *const cli_block_layers[CLI_BLOCK_MODULES] = {"msa_att_row",        "msa_att_col", "msa_transition",
                                                         "outer_product_mean", "tri_mul_out", "tri_mul_in",
                                                         "tri_att_start",      "tri_att_end", "pair_transition"};
const char *const cli_block_names[CLI_BLOCK_MODULES] = {
    "MSA row attention",      "MSA column attention",    "MSA transition",
    "outer product mean",     "triangle mult. outgoing", "triangle mult. incoming",
    "triangle att. starting", "triangle att. ending",    "pair transition"};

static mote_trunk_state make_inputs(mote_graph *graph, const mote_trunk_config *c, mote_trunk_stack stack,
                                    size_t sequences, size_t residues)
{
    size_t m[3] = {sequences, residues, stack == MOTE_STACK_EXTRA ? c->c_e : c->c_m};
    size_t z[3] = {residues, residues, c->c_z};
    return (mote_trunk_state){
        mote_graph_input(graph, "m", MOTE_FP32, 3, m), mote_graph_input(graph, "z", MOTE_FP32, 3, z),
        mote_graph_input(graph, "msa_mask", MOTE_FP32, 2, m), mote_graph_input(graph, "pair_mask", MOTE_FP32, 2, z)};
}

/* The sum of a result, weighted. */
static mote_value weighted(mote_graph *graph, const char *name, mote_value result, mote_value *weights)
{
    mote_layout layout;
    result = mote_graph_widen(graph, result);
    if (mote_graph_value_layout(graph, result, &layout) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    *weights = mote_graph_input(graph, name, MOTE_FP32, layout.rank, layout.shape);
    return mote_graph_sum(graph, mote_graph_multiply(graph, result, *weights), 0, layout.rank);
}

static void add_loss(cli_block *block, mote_trunk_stack stack)
{
    mote_graph *graph = block->graph;
    mote_value loss = weighted(graph, "weights.z", block->results.z, &block->weights[1]);
    if (stack != MOTE_STACK_EXTRA) {
        loss = mote_graph_add(graph, loss, weighted(graph, "weights.m", block->results.m, &block->weights[0]));
    }
    mote_graph_output(graph, loss);
    mote_graph_differentiate(graph, loss);
}

bool cli_block_build(mote_context *context, const mote_trunk_config *config, mote_trunk_stack stack, size_t sequences,
                     size_t residues, bool backward, cli_block *block)
{
    *block = (cli_block){.weights = {MOTE_NO_VALUE, MOTE_NO_VALUE}};
    if (mote_graph_create(context, &block->graph) != MOTE_OK) {
        return false;
    }
    mote_graph *graph = block->graph;
    block->inputs = make_inputs(graph, config, stack, sequences, residues);
    block->results = block->inputs;
    if (backward) {
        mote_graph_want_gradient(graph, block->inputs.m);
        mote_graph_want_gradient(graph, block->inputs.z);
    }
    block->results.m = mote_graph_scale(graph, block->inputs.m, 1);
    block->results.z = mote_graph_scale(graph, block->inputs.z, 1);
    mote_trunk_add_block(graph, config, stack, 0, &block->results);
    if (backward) {
        add_loss(block, stack);
    } else {
        mote_graph_output(graph, block->results.m);
        mote_graph_output(graph, block->results.z);
    }
    if (mote_graph_status(graph) != MOTE_OK) {
        mote_graph_destroy(graph);
        return false;
    }
    return true;
}

double cli_block_module_work(mote_context *context, const mote_trunk_config *config, mote_trunk_stack stack,
                             size_t sequences, size_t residues, mote_trunk_module module)
{
    mote_graph *graph;
    double work = 0, bytes;
    if (mote_graph_create(context, &graph) != MOTE_OK) {
        return 0;
    }
    mote_trunk_state state = make_inputs(graph, config, stack, sequences, residues);
    mote_trunk_add_module(graph, config, stack, module, &state);
    mote_graph_cost(graph, &work, &bytes);
    mote_graph_destroy(graph);
    return work;
}

/* ---- without tiles and pieces ---- */

cli_block_standard cli_block_count_standard(const mote_trunk_config *c, mote_trunk_stack stack, size_t sequences,
                                            size_t residues)
{
    enum { ATTENTION = 7, TRANSITION = 5, PRODUCT = 13 };
    bool extra = stack == MOTE_STACK_EXTRA;
    double n = (double)sequences, l = (double)residues, c_m = (double)(extra ? c->c_e : c->c_m), c_z = (double)c->c_z;
    double m = 4 * n * l * c_m, z = 4 * l * l * c_z, heads = (double)c->msa_heads, outer = (double)c->c_outer;
    double rows = 4 * heads * n * l * l, columns = 4 * heads * l * n * (extra ? 1 : n);
    double triangles = 4 * (double)c->pair_heads * l * l * l;
    /* global attention: normed input, gate, gated values, and keys and values of one head */
    double column_attention = extra ? 3 + 2 * (double)c->extra_width / c_m : ATTENTION;
    double in_m = ATTENTION + column_attention + TRANSITION + 1 + 2 * outer / c_m + 3;
    double in_z = 1 + outer * outer / c_z + 2 * PRODUCT + 2 * ATTENTION + TRANSITION + 5;
    cli_block_standard s = {.scores = rows + columns + 2 * triangles};
    s.kept = in_m * m + in_z * z + s.scores;
    s.largest = rows > columns ? rows : columns;
    s.largest = triangles > s.largest ? triangles : s.largest;
    return s;
}

/* ---- numbers ---- */

/* Roughly normal, of deviation 1. */
static float next_number(uint64_t *state)
{
    float sum = 0;
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    for (int k = 0; k < 4; k++) {
        sum += (float)(*state >> (16 * k) & 0xFFFF) - 32767.5f;
    }
    return sum * 0x1.bb67aep-17f; /* sqrt(3) / 2^17 */
}

static size_t count_of(const mote_layout *layout)
{
    size_t count = 1;
    for (int d = 0; d < layout->rank; d++) {
        count *= layout->shape[d];
    }
    return count;
}

static void fill(const cli_block *block, const mote_plan *plan, mote_value value, uint64_t *state)
{
    mote_layout layout;
    float *x = mote_plan_data(plan, value);
    if (!x || mote_graph_value_layout(block->graph, value, &layout) != MOTE_OK) {
        return;
    }
    const char *name = mote_graph_value_name(block->graph, value);
    bool mask = value == block->inputs.msa_mask || value == block->inputs.pair_mask;
    bool norm = layout.rank == 1 && strstr(name, ".weight");
    float spread = layout.rank == 1 ? 0.1f : layout.rank == 2 ? 1 / sqrtf((float)layout.shape[1]) : 1;
    for (size_t i = 0; i < count_of(&layout); i++) {
        float number = next_number(state);
        x[i] = mask ? (number < 1.645f ? 1.0f : 0.0f) : spread * number + (norm ? 1.0f : 0.0f);
    }
}

void cli_block_fill(const cli_block *block, const mote_plan *plan)
{
    const mote_trunk_state *in = &block->inputs;
    const mote_value inputs[] = {in->m, in->z, in->msa_mask, in->pair_mask, block->weights[0], block->weights[1]};
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        fill(block, plan, inputs[i], &state);
    }
    for (size_t v = 0; v < mote_graph_value_count(block->graph); v++) {
        if (mote_graph_is_parameter(block->graph, (mote_value)v)) {
            fill(block, plan, (mote_value)v, &state);
        }
    }
}

/* ---- files ---- */

/* What of a block goes into a file; returns how many. */
static size_t choose(const cli_block *block, bool results, mote_value *values)
{
    const mote_trunk_state *state = results ? &block->results : &block->inputs;
    size_t count = 0;
    values[count++] = state->m;
    values[count++] = state->z;
    if (!results) {
        values[count++] = state->msa_mask;
        values[count++] = state->pair_mask;
        for (size_t v = 0; v < mote_graph_value_count(block->graph) && count < MOST_TENSORS; v++) {
            if (mote_graph_is_parameter(block->graph, (mote_value)v)) {
                values[count++] = (mote_value)v;
            }
        }
    }
    return count;
}

mote_status cli_block_save(mote_context *context, const cli_block *block, const mote_plan *plan, bool results,
                           const char *path)
{
    mote_value values[MOST_TENSORS];
    mote_tensor_info tensors[MOST_TENSORS];
    mote_writer *writer;
    size_t count = choose(block, results, values);
    for (size_t i = 0; i < count; i++) {
        const char *name = mote_graph_value_name(block->graph, values[i]);
        tensors[i] = (mote_tensor_info){.name = results ? (i ? "z" : "m") : name};
        mote_graph_value_layout(block->graph, values[i], &tensors[i].layout);
    }
    mote_status status = mote_writer_create(context, path, count, tensors, 0, NULL, &writer);
    if (status != MOTE_OK) {
        return status;
    }
    for (size_t i = 0; i < count && status == MOTE_OK; i++) {
        mote_tensor tensor = {tensors[i].layout, mote_plan_data(plan, values[i]), NULL, 1};
        status = mote_writer_put(writer, &tensor);
    }
    if (status != MOTE_OK) {
        mote_writer_discard(writer);
        return status;
    }
    return mote_writer_finish(writer);
}
