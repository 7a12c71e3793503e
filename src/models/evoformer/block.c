/* Blocks and stacks: which modules, in which order, under which names. */
#include <stdio.h>

#include "graph/graph.h"
#include "models/evoformer/modules.h"

enum { MODULES = 9 };

#define MSA        MOTE_TRUNK_MSA_ROW_ATTENTION, MOTE_TRUNK_MSA_COLUMN_ATTENTION, MOTE_TRUNK_MSA_TRANSITION
#define OUTER      MOTE_TRUNK_OUTER_PRODUCT_MEAN
#define PRODUCTS   MOTE_TRUNK_TRIANGLE_OUTGOING, MOTE_TRUNK_TRIANGLE_INCOMING
#define ATTENTIONS MOTE_TRUNK_TRIANGLE_STARTING, MOTE_TRUNK_TRIANGLE_ENDING
#define LAST       MOTE_TRUNK_PAIR_TRANSITION

/* Algorithms 6 and 18; in the multimer the outer product mean comes first. */
static const mote_trunk_module block_order[2][MODULES] = {{MSA, OUTER, PRODUCTS, ATTENTIONS, LAST},
                                                          {OUTER, MSA, PRODUCTS, ATTENTIONS, LAST}};

/* Algorithm 16; in the multimer products come first. */
enum { TEMPLATE_MODULES = 5 };
static const mote_trunk_module template_order[2][TEMPLATE_MODULES] = {{ATTENTIONS, PRODUCTS, LAST},
                                                                      {PRODUCTS, ATTENTIONS, LAST}};

static const char *const stack_layers[] = {"evoformer.blocks.%zu", "extra_msa_stack.blocks.%zu",
                                           "template_embedder.template_pair_stack.blocks.%zu"};

mote_trunk_sizes mote_trunk_sizes_of(const mote_trunk_config *c, mote_trunk_stack stack)
{
    if (stack == MOTE_STACK_TEMPLATE) {
        return (mote_trunk_sizes){.config = c,
                                  .c_z = c->c_t,
                                  .pair_width = c->template_width,
                                  .c_triangle = c->c_template_triangle,
                                  .transition = c->template_transition};
    }
    bool extra = stack == MOTE_STACK_EXTRA;
    return (mote_trunk_sizes){.config = c,
                              .c_m = extra ? c->c_e : c->c_m,
                              .c_z = c->c_z,
                              .msa_width = extra ? c->extra_width : c->msa_width,
                              .pair_width = c->pair_width,
                              .c_triangle = c->c_triangle,
                              .transition = c->transition};
}

/* ---- what a state must be ---- */

/* FP32, or format where a value has three dimensions. */
static void expect(mote_graph *graph, const char *what, mote_value value, mote_format format, int rank,
                   const size_t *shape)
{
    bool fits = value >= 0 && value < graph->value_count && mote_layout_of(graph, value)->rank == rank &&
                (mote_layout_of(graph, value)->format == MOTE_FP32 || mote_layout_of(graph, value)->format == format);
    for (int d = 0; fits && d < rank; d++) {
        fits = mote_extent(graph, value, d) == shape[d];
    }
    if (!fits && rank == 3) {
        mote_graph_fail(graph, MOTE_ERROR_SHAPE, "trunk: %s must be fp32%s%s [%zu, %zu, %zu]", what,
                        format == MOTE_FP32 ? "" : " or ", format == MOTE_FP32 ? "" : mote_format_get(format)->name,
                        shape[0], shape[1], shape[2]);
    } else if (!fits) {
        mote_graph_fail(graph, MOTE_ERROR_SHAPE, "trunk: %s must be fp32 [%zu, %zu]", what, shape[0], shape[1]);
    }
}

mote_status mote_trunk_begin(mote_graph *graph, const mote_trunk_config *config)
{
    mote_status status = mote_graph_status(graph);
    if (status == MOTE_OK && mote_trunk_check(graph->context, config) != MOTE_OK) {
        return mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "%s", mote_context_message(graph->context));
    }
    return status;
}

static mote_status check_state(mote_graph *graph, const mote_trunk_sizes *s, const mote_trunk_state *state)
{
    if (mote_trunk_begin(graph, s->config) != MOTE_OK) {
        return graph->status;
    }
    size_t residues = mote_extent(graph, state->z, 0), sequences = mote_extent(graph, state->m, 0);
    mote_format stored = s->config->stored;
    expect(graph, "z", state->z, stored, 3, (size_t[]){residues, residues, s->c_z});
    expect(graph, "pair_mask", state->pair_mask, MOTE_FP32, 2, (size_t[]){residues, residues});
    if (s->c_m) {
        expect(graph, "m", state->m, stored, 3, (size_t[]){sequences, residues, s->c_m});
        expect(graph, "msa_mask", state->msa_mask, MOTE_FP32, 2, (size_t[]){sequences, residues});
    }
    return mote_graph_status(graph);
}

/* ---- building ---- */

static bool is_stack(mote_graph *graph, mote_trunk_stack stack)
{
    bool known = stack >= MOTE_STACK_EVOFORMER && stack <= MOTE_STACK_TEMPLATE;
    if (!known) {
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "trunk: there is no stack %d", (int)stack);
    }
    return known;
}

static mote_value transition(mote_graph *graph, const mote_trunk_sizes *s, const char *name, mote_value x)
{
    mote_graph_enter(graph, name);
    mote_value y = mote_transition(graph, s, x);
    mote_graph_leave(graph);
    return y;
}

/* The module on the MSA, or MOTE_NO_VALUE if it is none of these. */
static mote_value msa_module(mote_graph *graph, const mote_trunk_sizes *s, bool global, mote_trunk_module module,
                             const mote_trunk_state *state)
{
    switch (module) {
    case MOTE_TRUNK_MSA_ROW_ATTENTION: return mote_msa_row_attention(graph, s, state);
    case MOTE_TRUNK_MSA_COLUMN_ATTENTION:
        return (global ? mote_msa_global_attention : mote_msa_column_attention)(graph, s, state);
    default: return transition(graph, s, "msa_transition", state->m);
    }
}

static mote_value pair_module(mote_graph *graph, const mote_trunk_sizes *s, mote_trunk_module module,
                              const mote_trunk_state *state)
{
    switch (module) {
    case MOTE_TRUNK_TRIANGLE_OUTGOING:
    case MOTE_TRUNK_TRIANGLE_INCOMING:
        return mote_triangle_product(graph, s, state, module == MOTE_TRUNK_TRIANGLE_INCOMING);
    case MOTE_TRUNK_TRIANGLE_STARTING:
    case MOTE_TRUNK_TRIANGLE_ENDING:
        return mote_triangle_attention(graph, s, state, module == MOTE_TRUNK_TRIANGLE_ENDING);
    default: return transition(graph, s, "pair_transition", state->z);
    }
}

void mote_trunk_add_module(mote_graph *graph, const mote_trunk_config *config, mote_trunk_stack stack,
                           mote_trunk_module module, mote_trunk_state *state)
{
    mote_trunk_sizes s = mote_trunk_sizes_of(config, stack);
    if (check_state(graph, &s, state) != MOTE_OK) {
        return;
    }
    if (module < MOTE_TRUNK_MSA_ROW_ATTENTION || module > MOTE_TRUNK_PAIR_TRANSITION ||
        (stack == MOTE_STACK_TEMPLATE && module <= MOTE_TRUNK_OUTER_PRODUCT_MEAN)) {
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "trunk: the stack has no module %d", (int)module);
    } else if (module <= MOTE_TRUNK_MSA_TRANSITION) {
        state->m = msa_module(graph, &s, stack == MOTE_STACK_EXTRA, module, state);
    } else if (module == MOTE_TRUNK_OUTER_PRODUCT_MEAN) {
        state->z = mote_outer_product_mean(graph, &s, state);
    } else if (stack == MOTE_STACK_TEMPLATE) {
        state->z = pair_module(graph, &s, module, state);
    } else {
        mote_graph_enter(graph, "pair_stack");
        state->z = pair_module(graph, &s, module, state);
        mote_graph_leave(graph);
    }
}

void mote_trunk_add_block(mote_graph *graph, const mote_trunk_config *config, mote_trunk_stack stack, size_t number,
                          mote_trunk_state *state)
{
    if (!is_stack(graph, stack)) {
        return;
    }
    char name[64];
    mote_trunk_sizes s = mote_trunk_sizes_of(config, stack);
    if (check_state(graph, &s, state) != MOTE_OK) {
        return;
    }
    bool template = stack == MOTE_STACK_TEMPLATE;
    const mote_trunk_module *order =
        template ? template_order[config->multimer != 0] : block_order[config->multimer != 0];
    snprintf(name, sizeof name, stack_layers[stack], number);
    mote_graph_enter(graph, name);
    if (!template) { /* in front of the segment, which keeps what it reads */
        state->m = mote_graph_cast(graph, state->m, config->stored);
    }
    state->z = mote_graph_cast(graph, state->z, config->stored);
    mote_graph_begin_segment(graph);
    for (int i = 0; i < (template ? TEMPLATE_MODULES : MODULES); i++) {
        mote_trunk_add_module(graph, config, stack, order[i], state);
    }
    mote_graph_end_segment(graph);
    mote_graph_leave(graph);
}

void mote_trunk_add_stack(mote_graph *graph, const mote_trunk_config *config, mote_trunk_stack stack,
                          mote_trunk_state *state)
{
    const size_t blocks[] = {config->evoformer_blocks, config->extra_blocks, config->template_blocks};
    for (size_t i = 0; is_stack(graph, stack) && i < blocks[stack] && mote_graph_status(graph) == MOTE_OK; i++) {
        mote_trunk_add_block(graph, config, stack, i, state);
    }
}

mote_value mote_trunk_single(mote_graph *graph, const mote_trunk_config *config, mote_value m)
{
    size_t residues = mote_extent(graph, m, 1);
    mote_value first = mote_graph_slice(graph, m, 0, 0, 1);
    mote_graph_enter(graph, "evoformer");
    mote_layer layer = mote_linear_layer(graph, "linear", config->c_m, config->c_s, MOTE_START_PLAIN);
    mote_value y =
        mote_apply_linear(graph, &layer, mote_graph_reshape(graph, first, 2, (size_t[]){residues, config->c_m}));
    mote_graph_leave(graph);
    return y;
}
