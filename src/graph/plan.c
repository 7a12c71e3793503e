/* Plans: passes over a copy of the graph, places, memory, and the run. */
#include "graph/pieces.h"

#include <math.h>
#include <string.h>

#include "formats/element.h"
#include "formats/layout.h"
#include "graph/core.h"
#include "kernels/gemm/operand.h"

/* ---- making ---- */

static mote_status find_places(mote_graph *graph, const mote_plan_options *options, int recomputed, mote_graph *copy,
                               mote_places *places)
{
    mote_status status = mote_graph_copy(graph, copy);
    if (status != MOTE_OK) {
        return status;
    }
    status = mote_graph_prune(copy, options->only_forward != 0);
    if (status == MOTE_OK && recomputed) {
        status = mote_graph_recompute(copy, recomputed);
    }
    status = status == MOTE_OK ? mote_pieces_plan(copy) : status;
    status = status == MOTE_OK ? mote_places_find(copy, options->share != NULL, places) : status;
    if (status != MOTE_OK) {
        mote_graph_release_copy(copy);
    } else {
        places->memory.recomputed = (size_t)recomputed;
    }
    return status;
}

static void discard(mote_graph *copy, mote_places *places)
{
    mote_places_release(copy->context, places);
    mote_graph_release_copy(copy);
}

/* As few segments computed twice as the limit allows; if none fits, *smallest is the limit that would do. */
static mote_status obey_limit(mote_graph *graph, const mote_plan_options *options, mote_graph *copy,
                              mote_places *places, uint64_t *smallest)
{
    uint64_t least = UINT64_MAX;
    *smallest = 0;
    int best = 0, segments = options->only_forward ? 0 : graph->segment_count;
    for (int recomputed = 0; recomputed <= segments; recomputed++) {
        mote_status status = mote_stop_check(graph->context);
        status = status == MOTE_OK ? find_places(graph, options, recomputed, copy, places) : status;
        if (status != MOTE_OK) {
            return status;
        }
        if (!options->memory_limit || places->memory.total <= options->memory_limit) {
            return MOTE_OK;
        }
        best = places->memory.total < least ? recomputed : best;
        least = places->memory.total < least ? places->memory.total : least;
        discard(copy, places);
    }
    *smallest = least;
    return mote_fail(graph->context, MOTE_ERROR_MEMORY,
                     "the plan does not fit into %.2f MB; the smallest limit that works is %.2f MB, with %d of %d "
                     "segments computed twice: raise the limit, or make batch, context or model smaller",
                     (double)options->memory_limit / 1e6, ceil((double)least / 1e4) / 100, best, segments);
}

mote_status mote_plan_measure(mote_graph *graph, const mote_plan_options *options, mote_plan_memory *memory)
{
    mote_graph copy;
    mote_places places;
    uint64_t smallest = 0;
    mote_status status = mote_graph_verify(graph);
    status = status == MOTE_OK ? obey_limit(graph, options, &copy, &places, &smallest) : status;
    *memory = (mote_plan_memory){.total = smallest};
    if (status == MOTE_OK) {
        *memory = places.memory;
        discard(&copy, &places);
    }
    return status;
}

/* Whether one can be the other: their shape, their format, and how values become those of the format. */
static mote_status check_shared(mote_plan *plan, const mote_value_info *info, const mote_value_info *other)
{
    const mote_layout *layout = &info->layout;
    if (layout->rank != other->layout.rank ||
        memcmp(layout->shape, other->layout.shape, (size_t)layout->rank * sizeof *layout->shape) != 0) {
        return mote_fail(plan->context, MOTE_ERROR_SHAPE, "shared parameter '%s' has another shape", info->name);
    }
    const char *here = mote_format_get(layout->format)->name, *there = mote_format_get(other->layout.format)->name;
    if (!mote_layout_same(layout, &other->layout)) {
        return mote_fail(plan->context, MOTE_ERROR_ARGUMENT,
                         "shared parameter '%s' is %s in the plan to share with, %s in this graph: pack the parameters "
                         "of both or of none, under the same policy",
                         info->name, there, here);
    }
    if (info->conversion.rounding != other->conversion.rounding ||
        info->conversion.scale_rule != other->conversion.scale_rule) {
        return mote_fail(plan->context, MOTE_ERROR_ARGUMENT,
                         "shared parameter '%s' is packed as %s under another rounding or scale rule", info->name,
                         here);
    }
    return MOTE_OK;
}

/* The parameter of another plan with this name and shape. */
static mote_status shared_parameter(mote_plan *plan, int value, void **data)
{
    const mote_value_info *info = &plan->graph.values[value];
    const mote_graph *other = &plan->share->graph;
    for (int v = 0; v < other->value_count; v++) {
        if (other->values[v].kind == MOTE_VALUE_PARAMETER && strcmp(other->values[v].name, info->name) == 0) {
            *data = plan->share->data[v];
            return check_shared(plan, info, &other->values[v]);
        }
    }
    return mote_fail(plan->context, MOTE_ERROR_ARGUMENT, "the plan to share with has no parameter '%s'", info->name);
}

static mote_status bind(mote_plan *plan)
{
    const mote_places *p = &plan->places;
    for (int v = 0; v < plan->graph.value_count; v++) {
        int root = p->root[v];
        plan->data[v] = NULL;
        switch (plan->graph.values[root].kind) {
        case MOTE_VALUE_INPUT:
            plan->data[v] = (plan->graph.values[root].consumed ? plan->arena : plan->inputs) + p->offset[root];
            break;
        case MOTE_VALUE_PARAMETER:
            if (plan->share) {
                mote_status status = shared_parameter(plan, root, &plan->data[v]);
                if (status != MOTE_OK) {
                    return status;
                }
            } else {
                plan->data[v] = plan->parameters + p->offset[root];
            }
            break;
        default:
            if (p->first[root] != MOTE_NO_PLACE) {
                plan->data[v] = plan->arena + p->offset[root];
            }
        }
    }
    return MOTE_OK;
}

mote_status mote_plan_create(mote_graph *graph, const mote_plan_options *options, mote_plan **plan)
{
    mote_context *context = graph->context;
    mote_plan *made = mote_allocate(context, sizeof *made);
    uint64_t smallest;
    *plan = NULL;
    if (!made) {
        return MOTE_ERROR_MEMORY;
    }
    *made = (mote_plan){.context = context, .share = options->share};
    mote_status status = mote_graph_verify(graph);
    status = status == MOTE_OK ? obey_limit(graph, options, &made->graph, &made->places, &smallest) : status;
    if (status != MOTE_OK) {
        mote_release(context, made);
        return status;
    }
    const mote_places *p = &made->places;
    made->arena = mote_allocate(context, p->arena);
    made->inputs = mote_allocate(context, p->inputs);
    made->parameters = options->share ? NULL : mote_allocate(context, p->parameters);
    made->data = mote_allocate_array(context, (size_t)made->graph.value_count + 1, sizeof *made->data);
    bool there = made->arena && made->inputs && (made->parameters || options->share) && made->data &&
                 mote_workspace(context, p->memory.workspace);
    status = there ? bind(made) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        mote_plan_destroy(made);
        return status;
    }
    memset(made->inputs, 0, p->inputs);
    if (made->parameters) {
        memset(made->parameters, 0, p->parameters);
    }
    *plan = made;
    return MOTE_OK;
}

void mote_plan_destroy(mote_plan *plan)
{
    if (plan) {
        mote_context *context = plan->context;
        mote_release(context, plan->arena);
        mote_release(context, plan->inputs);
        mote_release(context, plan->parameters);
        mote_release(context, plan->data);
        discard(&plan->graph, &plan->places);
        mote_release(context, plan);
    }
}

mote_plan_memory mote_plan_get_memory(const mote_plan *plan) { return plan->places.memory; }

void mote_plan_set_watch(mote_plan *plan, mote_plan_watch *watch, void *user)
{
    plan->watch = watch;
    plan->watch_user = user;
}

uint64_t mote_plan_live_bytes(const mote_plan *plan, size_t index)
{
    return index < (size_t)plan->graph.order_count ? mote_places_live(&plan->graph, &plan->places, (int)index) : 0;
}

/* ---- running ---- */

/* 16-bit codes or block scales say where a number is not finite. */
static bool is_narrow_finite(const mote_run *run, mote_value value)
{
    const mote_layout *layout = mote_layout_of(run->graph, value);
    mote_tensor tensor = mote_value_tensor(run->context, layout, run->data[value]);
    mote_layout_sizes sizes = {0};
    mote_layout_measure(run->context, layout, &sizes);
    const uint16_t *codes = tensor.elements, infinity = layout->format == MOTE_BF16 ? 0x7F80 : 0x7C00;
    const uint8_t nan = layout->format == MOTE_NVFP4 ? 0x7F : 0xFF;
    bool finite = true;
    for (size_t i = 0; i < sizes.scale_bytes && finite; i++) {
        finite = (tensor.scales[i] & nan) != nan;
    }
    for (size_t i = 0; i < sizes.count && !sizes.scale_bytes && finite; i++) {
        finite = (codes[i] & infinity) != infinity;
    }
    return finite;
}

static bool is_finite(const mote_run *run, mote_value value)
{
    const float *x = run->data[value];
    size_t count = mote_value_count(run->graph, value);
    mote_format format = mote_layout_of(run->graph, value)->format;
    if (mote_format_get(format)->kind != MOTE_KIND_TARGET || !x) {
        return true;
    }
    if (format != MOTE_FP32) {
        return is_narrow_finite(run, value);
    }
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i])) {
            return false;
        }
    }
    return true;
}

/* Sets *nonfinite and says where if the node's results are not finite. */
static void look_at_results(const mote_run *run, const mote_node *node)
{
    for (int o = 0; o < node->output_count && !*run->nonfinite; o++) {
        if (!is_finite(run, node->outputs[o]) && !(node->op->may_be_infinite >> o & 1)) {
            *run->nonfinite = 1;
            mote_fail(run->context, MOTE_OK, "%s of layer '%s' (%s pass) gives a value that is not finite",
                      node->op->name, *node->layer ? node->layer : "(outermost)",
                      node->phase == MOTE_PHASE_BACKWARD ? "backward" : "forward");
        }
    }
}

static mote_status run_nodes(const mote_run *run)
{
    for (int i = 0; i < run->graph->order_count && !(run->nonfinite && *run->nonfinite); i++) {
        const mote_node *node = &run->graph->nodes[run->graph->order[i]];
        if (run->watch && run->watch(run->watch_user, (size_t)i, (size_t)run->graph->order_count, node->layer)) {
            return mote_fail(run->context, MOTE_ERROR_CANCELLED, "stopped");
        }
        mote_status status = node->op->view ? MOTE_OK : node->op->run(run, node);
        if (status != MOTE_OK) {
            return status;
        }
        if (run->nonfinite && !node->op->view) {
            look_at_results(run, node);
        }
    }
    return MOTE_OK;
}

mote_status mote_run_nodes(const mote_run *run)
{
    mote_forget_rows(run->context); /* numbers of values mean others in another run, or graph */
    mote_status status = run_nodes(run);
    mote_forget_rows(run->context);
    return status;
}

mote_status mote_plan_run(mote_plan *plan, uint64_t seed)
{
    mote_run run = {plan->context, &plan->graph, plan->data, seed, NULL, plan->watch, plan->watch_user};
    return mote_run_nodes(&run);
}

/* Whether an input or a parameter is finite, packed or not. */
static mote_status look_at_given(const mote_run *run, mote_value value, bool *finite)
{
    const mote_layout *layout = mote_layout_of(run->graph, value);
    mote_summary summary;
    *finite = is_finite(run, value);
    if (!mote_format_is_block(layout->format)) {
        return MOTE_OK;
    }
    mote_tensor tensor = mote_value_tensor(run->context, layout, run->data[value]);
    mote_status status = mote_summarize(run->context, &tensor, &summary);
    *finite = status == MOTE_OK && summary.nonfinite == 0;
    return status;
}

mote_status mote_plan_find_nonfinite(mote_plan *plan, uint64_t seed, int *found)
{
    const mote_graph *graph = &plan->graph;
    mote_run run = {plan->context, graph, plan->data, seed, found, plan->watch, plan->watch_user};
    *found = 0;
    for (int v = 0; v < graph->value_count; v++) {
        bool finite;
        if (graph->values[v].kind == MOTE_VALUE_RESULT) {
            continue;
        }
        mote_status status = look_at_given(&run, v, &finite);
        if (status != MOTE_OK) {
            return status;
        }
        if (!finite) {
            *found = 1;
            mote_fail(plan->context, MOTE_OK, "%s '%s' has a value that is not finite",
                      graph->values[v].kind == MOTE_VALUE_INPUT ? "input" : "parameter", graph->values[v].name);
            return MOTE_OK;
        }
    }
    return mote_run_nodes(&run);
}
