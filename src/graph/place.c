/* Lifetimes, and their packing into one arena: largest first, each at the lowest place that is free while it lives.
 * Source: Pisarchyk and Lee, arXiv 2001.03288, section 5.2 (greedy by size). */
#include <stdlib.h>
#include <string.h>

#include "graph/core.h"
#include "graph/plan.h"

static int root_of(const mote_places *p, int value)
{
    while (p->root[value] != value) {
        value = p->root[value];
    }
    return value;
}

/* True if a value lies in the arena. */
static bool in_arena(const mote_value_info *info)
{
    return info->kind == MOTE_VALUE_RESULT || (info->kind == MOTE_VALUE_INPUT && info->consumed);
}

/* Values that are another shape of what they read. */
static void join_views(const mote_graph *graph, mote_places *p)
{
    for (int i = 0; i < graph->order_count; i++) {
        const mote_node *node = &graph->nodes[graph->order[i]];
        if (node->op->view) {
            p->root[node->outputs[0]] = root_of(p, node->inputs[0]);
        }
    }
}

static void find_lifetimes(const mote_graph *graph, mote_places *p)
{
    for (int v = 0; v < graph->value_count; v++) {
        bool consumed = in_arena(&graph->values[v]) && graph->values[v].kind == MOTE_VALUE_INPUT;
        p->first[v] = p->last[v] = consumed ? 0 : MOTE_NO_PLACE;
    }
    for (int i = 0; i < graph->order_count; i++) {
        const mote_node *node = &graph->nodes[graph->order[i]];
        for (int o = 0; o < node->output_count; o++) {
            int root = root_of(p, node->outputs[o]);
            p->first[root] = p->first[root] == MOTE_NO_PLACE ? i : p->first[root];
            p->last[root] = i > p->last[root] ? i : p->last[root];
            if (graph->values[node->outputs[o]].kept) {
                p->last[root] = graph->order_count;
            }
        }
        if (node->scratch >= 0) {
            p->first[node->scratch] = p->last[node->scratch] = i;
        }
        for (int k = 0; k < node->input_count; k++) {
            if (node->inputs[k] >= 0) {
                int root = root_of(p, node->inputs[k]);
                p->last[root] = i > p->last[root] ? i : p->last[root];
            }
        }
    }
}

/* True if the node's result may take input k's memory: nobody reads that later, and the node reads it in step with
 * writing. */
static bool may_replace(const mote_graph *graph, const mote_places *p, int position, const mote_node *node, int k)
{
    mote_value value = node->inputs[k];
    if (!(node->in_place >> k & 1) || value < 0) {
        return false;
    }
    int root = root_of(p, value);
    if (!in_arena(&graph->values[root]) || p->last[root] != position ||
        mote_value_count(graph, root) != mote_value_count(graph, node->outputs[0]) ||
        p->bytes[root] != p->bytes[node->outputs[0]] || p->first[root] == position) {
        return false;
    }
    for (int i = 0; i < node->input_count; i++) {
        if (i != k && node->inputs[i] >= 0 && root_of(p, node->inputs[i]) == root && !(node->in_place >> i & 1)) {
            return false;
        }
    }
    return true;
}

static void join_in_place(const mote_graph *graph, mote_places *p)
{
    for (int i = 0; i < graph->order_count; i++) {
        const mote_node *node = &graph->nodes[graph->order[i]];
        for (int k = 0; k < node->input_count && !node->op->view; k++) {
            if (may_replace(graph, p, i, node, k)) {
                int root = root_of(p, node->inputs[k]), result = root_of(p, node->outputs[0]);
                p->root[result] = root;
                p->last[root] = p->last[result] > p->last[root] ? p->last[result] : p->last[root];
                break;
            }
        }
    }
}

/* ---- packing ---- */

typedef struct item {
    int value;
    uint64_t bytes;
    int first;
} item;

static int by_size(const void *a, const void *b)
{
    const item *x = a, *y = b;
    if (x->bytes != y->bytes) {
        return x->bytes < y->bytes ? 1 : -1;
    }
    return x->first != y->first ? (x->first > y->first) - (x->first < y->first)
                                : (x->value > y->value) - (x->value < y->value);
}

/* Puts items[index] below, between or above those already placed that live at the same time; sorted[] holds them by
 * offset. */
static void place_item(mote_places *p, const item *it, int *sorted, int *placed)
{
    uint64_t offset = 0;
    int at = 0;
    for (int i = 0; i < *placed; i++) {
        int other = sorted[i];
        if (p->last[other] < p->first[it->value] || p->first[other] > p->last[it->value]) {
            continue;
        }
        if (p->offset[other] >= offset + it->bytes) {
            break;
        }
        uint64_t end = p->offset[other] + p->bytes[other];
        offset = end > offset ? end : offset;
    }
    p->offset[it->value] = offset;
    while (at < *placed && p->offset[sorted[at]] <= offset) {
        at++;
    }
    memmove(sorted + at + 1, sorted + at, (size_t)(*placed - at) * sizeof *sorted);
    sorted[at] = it->value;
    (*placed)++;
    p->arena = offset + it->bytes > p->arena ? offset + it->bytes : p->arena;
}

static mote_status pack(const mote_graph *graph, mote_places *p)
{
    size_t count = (size_t)graph->value_count + 1;
    item *items = mote_allocate_array(graph->context, count, sizeof *items);
    int *sorted = mote_allocate_array(graph->context, count, sizeof *sorted);
    int found = 0, placed = 0;
    for (int v = 0; items && sorted && v < graph->value_count; v++) {
        bool root = p->root[v] == v;
        if (in_arena(&graph->values[v]) && root && p->first[v] != MOTE_NO_PLACE && p->bytes[v]) {
            items[found++] = (item){v, p->bytes[v], p->first[v]};
        }
    }
    if (items && sorted) {
        qsort(items, (size_t)found, sizeof *items, by_size);
        for (int i = 0; i < found; i++) {
            place_item(p, &items[i], sorted, &placed);
        }
    }
    mote_status status = items && sorted ? MOTE_OK : MOTE_ERROR_MEMORY;
    mote_release(graph->context, items);
    mote_release(graph->context, sorted);
    return status;
}

/* ---- what it takes ---- */

static bool is_live(const mote_graph *graph, const mote_places *p, int value, int position)
{
    return in_arena(&graph->values[value]) && p->root[value] == value && p->first[value] != MOTE_NO_PLACE &&
           p->first[value] <= position && p->last[value] >= position;
}

uint64_t mote_places_live(const mote_graph *graph, const mote_places *places, int position)
{
    uint64_t live = 0;
    for (int v = 0; v < graph->value_count; v++) {
        live += is_live(graph, places, v, position) ? places->bytes[v] : 0;
    }
    return live;
}

static void account(mote_graph *graph, mote_places *p)
{
    mote_plan_memory *m = &p->memory;
    uint64_t most = 0;
    int fullest = 0, backward = graph->order_count;
    for (int i = graph->order_count - 1; i >= 0; i--) {
        const mote_node *node = &graph->nodes[graph->order[i]];
        uint64_t live = mote_places_live(graph, p, i);
        backward = node->phase == MOTE_PHASE_BACKWARD ? i : backward;
        fullest = live >= most ? i : fullest;
        most = live >= most ? live : most;
        size_t workspace = node->op->workspace ? node->op->workspace(graph->context, graph, node) : 0;
        m->workspace = workspace > m->workspace ? workspace : m->workspace;
    }
    for (int v = 0; v < graph->value_count; v++) {
        mote_value gradient = graph->values[v].gradient;
        int root = gradient >= 0 ? root_of(p, gradient) : -1;
        m->gradients += root >= 0 && p->first[root] != MOTE_NO_PLACE ? p->bytes[root] : 0;
        if (is_live(graph, p, v, fullest) && p->first[v] < backward && p->last[v] >= backward &&
            p->last[v] < graph->order_count) {
            m->saved += p->bytes[v];
        }
    }
    m->parameters = p->parameters;
    m->inputs = p->inputs;
    m->temporaries = p->arena > m->gradients + m->saved ? p->arena - m->gradients - m->saved : 0;
    m->segments = (size_t)graph->segment_count;
    m->total = p->parameters + p->inputs + p->arena + m->workspace;
}

mote_status mote_places_find(mote_graph *graph, bool shared_parameters, mote_places *p)
{
    size_t count = (size_t)graph->value_count + 1;
    *p = (mote_places){.root = mote_allocate_array(graph->context, count, sizeof(int)),
                       .first = mote_allocate_array(graph->context, count, sizeof(int)),
                       .last = mote_allocate_array(graph->context, count, sizeof(int)),
                       .bytes = mote_allocate_array(graph->context, count, sizeof(uint64_t)),
                       .offset = mote_allocate_array(graph->context, count, sizeof(uint64_t))};
    if (!p->root || !p->first || !p->last || !p->bytes || !p->offset) {
        mote_places_release(graph->context, p);
        return MOTE_ERROR_MEMORY;
    }
    for (int v = 0; v < graph->value_count; v++) {
        p->root[v] = v;
        p->offset[v] = 0; /* of empty values, which are not packed, for ever */
        p->bytes[v] = mote_value_bytes(graph->context, &graph->values[v].layout);
        if (graph->values[v].kind == MOTE_VALUE_PARAMETER && !shared_parameters) {
            p->offset[v] = p->parameters;
            p->parameters += p->bytes[v];
        } else if (graph->values[v].kind == MOTE_VALUE_INPUT && !graph->values[v].consumed) {
            p->offset[v] = p->inputs;
            p->inputs += p->bytes[v];
        }
    }
    join_views(graph, p);
    find_lifetimes(graph, p);
    join_in_place(graph, p);
    for (int v = 0; v < graph->value_count; v++) {
        p->root[v] = root_of(p, v);
    }
    mote_status status = pack(graph, p);
    if (status == MOTE_OK) {
        account(graph, p);
    } else {
        mote_places_release(graph->context, p);
    }
    return status;
}

void mote_places_release(mote_context *context, mote_places *places)
{
    mote_release(context, places->root);
    mote_release(context, places->first);
    mote_release(context, places->last);
    mote_release(context, places->bytes);
    mote_release(context, places->offset);
    *places = (mote_places){0};
}
