/* The work of a run: what the products multiply and in which formats, what all operations move and how soon again. */
#include <math.h>
#include <string.h>

#include "graph/core.h"
#include "graph/pieces.h"

_Static_assert((int)MOTE_OPERAND_FORMATS == (int)MOTE_NVFP4 + 1, "every format that operands have");

/* When a value was last read or written. */
typedef struct touch {
    int root;       /* the value whose memory it is */
    double at;      /* bytes that had been moved until then; negative: never */
    double written; /* bytes of it that nobody has read yet */
} touch;

/* The walk over one graph. */
typedef struct walk {
    const mote_graph *graph;
    mote_graph_counts *counts;
    double times;   /* that it runs */
    double moved;   /* bytes, in one of these runs so far */
    touch *touches; /* of its values; NULL: nobody asks how soon */
} walk;

static double bytes_of(const mote_graph *graph, mote_value value)
{
    return value >= 0 ? (double)mote_value_bytes(graph->context, mote_layout_of(graph, value)) : 0;
}

/* Counts bytes of a reach, see mote_graph_counts. */
static void add_bytes(const walk *w, double reach, double bytes)
{
    int power = MOTE_REACHES - 1;
    if (isfinite(reach)) {
        frexp(reach, &power);
        power = power < MOTE_REACHES - 1 ? power : MOTE_REACHES - 2;
    }
    w->counts->bytes[power] += w->times * bytes;
}

/* Bytes that no cache is held to have. */
static void move(walk *w, double bytes)
{
    add_bytes(w, INFINITY, bytes);
    w->moved += bytes;
}

static touch *touch_of(const walk *w, mote_value value) { return &w->touches[w->touches[value].root]; }

static void read_value(walk *w, mote_value value)
{
    double bytes = bytes_of(w->graph, value);
    if (value < 0 || !w->touches) {
        move(w, bytes);
        return;
    }
    touch *t = touch_of(w, value);
    double reach = t->at < 0 ? INFINITY : w->moved - t->at + bytes;
    add_bytes(w, reach, bytes + t->written);
    w->moved += bytes;
    *t = (touch){t->root, w->moved, 0};
}

static void write_value(walk *w, mote_value value)
{
    double bytes = bytes_of(w->graph, value);
    if (!w->touches) {
        move(w, bytes);
        return;
    }
    w->moved += bytes;
    *touch_of(w, value) = (touch){value, w->moved, bytes};
}

static void add_products(const walk *w, const mote_node *node)
{
    mote_format formats[MOTE_NODE_PRODUCTS][2] = {{MOTE_FP32, MOTE_FP32}};
    int count = node->op->operands ? node->op->operands(node, formats) : 1;
    double all = node->op->multiply_adds ? w->times * node->op->multiply_adds(w->graph, node) : 0;
    for (int i = 0; i < count; i++) {
        w->counts->multiply_adds[formats[i][0]][formats[i][1]] += all / count;
    }
}

static mote_status walk_graph(walk *w, bool reaches);

/* What a body has read or written between its runs is not held to be in a cache. */
static void leave_caches(walk *w, mote_value value)
{
    if (w->touches && value >= 0) {
        touch *t = touch_of(w, value);
        add_bytes(w, INFINITY, t->written);
        *t = (touch){t->root, w->moved, 0};
    }
}

/* What is moved where pieces of a value are copied, or converted, between its place and the body's. */
static double bytes_of_copies(const mote_graph *graph, mote_value value, int axis)
{
    const mote_layout *layout = mote_layout_of(graph, value);
    mote_layout seen = mote_pieces_seen(layout, axis, axis == MOTE_WHOLE ? 0 : layout->shape[axis]);
    return mote_pieces_lie(layout, axis) ? 0 : bytes_of(graph, value) + (double)mote_value_bytes(graph->context, &seen);
}

/* The bodies, so many times as there are pieces, and what is copied from and to their places. */
static mote_status add_pieces(walk *w, const mote_node *node)
{
    const mote_pieces *p = mote_node_pieces(node);
    double whole = (double)(p->extent / p->length);
    mote_status status = MOTE_OK;
    for (int b = 0; b < MOTE_BODIES && status == MOTE_OK; b++) {
        if (p->bodies[b].graph) {
            double times = b ? 1 : whole;
            walk body = {.graph = p->bodies[b].graph, .counts = w->counts, .times = w->times * times};
            status = walk_graph(&body, w->touches != NULL);
            w->moved += times * body.moved;
        }
    }
    for (int k = 0; k < p->input_count; k++) {
        move(w, bytes_of_copies(w->graph, node->inputs[k], p->input_axes[k]));
        leave_caches(w, node->inputs[k]);
    }
    for (int r = 0; r < p->result_count; r++) {
        double sums = p->result_axes[r] == MOTE_WHOLE ? 3 * (whole + (p->bodies[1].graph != NULL) - 1) : 0;
        move(w, sums * bytes_of(w->graph, node->outputs[r]));
        move(w, bytes_of_copies(w->graph, node->outputs[r], p->result_axes[r]));
        leave_caches(w, node->outputs[r]);
    }
    return status;
}

static mote_status add_node(walk *w, const mote_node *node)
{
    if (node->op->pieces) {
        return add_pieces(w, node);
    }
    if (node->op->view) {
        if (w->touches) {
            w->touches[node->outputs[0]].root = w->touches[node->inputs[0]].root;
        }
        return MOTE_OK;
    }
    add_products(w, node);
    for (int k = 0; k < node->input_count; k++) {
        read_value(w, node->inputs[k]);
    }
    for (int o = 0; o < node->output_count; o++) {
        write_value(w, node->outputs[o]);
    }
    return MOTE_OK;
}

static mote_status walk_graph(walk *w, bool reaches)
{
    const mote_graph *graph = w->graph;
    mote_status status = MOTE_OK;
    if (reaches) {
        w->touches = mote_allocate_array(graph->context, (size_t)graph->value_count + 1, sizeof *w->touches);
        if (!w->touches) {
            return MOTE_ERROR_MEMORY;
        }
    }
    for (int v = 0; reaches && v < graph->value_count; v++) {
        w->touches[v] = (touch){v, -1, 0};
    }
    for (int i = 0; i < graph->order_count && status == MOTE_OK; i++) {
        status = add_node(w, &graph->nodes[graph->order[i]]);
    }
    for (int v = 0; reaches && v < graph->value_count; v++) {
        add_bytes(w, INFINITY, w->touches[v].written);
    }
    mote_release(graph->context, w->touches);
    w->touches = NULL;
    return status;
}

mote_status mote_graph_count(mote_graph *graph, int only_forward, size_t recomputed, mote_graph_counts *counts)
{
    mote_graph copy;
    memset(counts, 0, sizeof *counts);
    if (graph->status != MOTE_OK) {
        return mote_graph_status(graph);
    }
    if (recomputed > (size_t)graph->segment_count) {
        return mote_fail(graph->context, MOTE_ERROR_ARGUMENT, "recomputed: the graph has %d segments, found %zu",
                         graph->segment_count, recomputed);
    }
    mote_status status = mote_graph_copy(graph, &copy);
    if (status != MOTE_OK) {
        return status;
    }
    status = mote_graph_prune(&copy, only_forward != 0);
    if (status == MOTE_OK && recomputed) {
        status = mote_graph_recompute(&copy, (int)recomputed);
    }
    if (status == MOTE_OK) {
        walk w = {.graph = &copy, .counts = counts, .times = 1};
        status = walk_graph(&w, true);
    }
    mote_graph_release_copy(&copy);
    return status;
}

double mote_graph_counts_multiply_adds(const mote_graph_counts *counts)
{
    double sum = 0;
    for (int a = 0; a < MOTE_OPERAND_FORMATS; a++) {
        for (int b = 0; b < MOTE_OPERAND_FORMATS; b++) {
            sum += counts->multiply_adds[a][b];
        }
    }
    return sum;
}

double mote_graph_counts_bytes(const mote_graph_counts *counts)
{
    double sum = 0;
    for (int r = 0; r < MOTE_REACHES; r++) {
        sum += counts->bytes[r];
    }
    return sum;
}

void mote_graph_cost(const mote_graph *graph, double *multiply_adds, double *bytes)
{
    mote_graph_counts counts = {0};
    walk w = {.graph = graph, .counts = &counts, .times = 1};
    walk_graph(&w, false); /* takes no memory, so it does not fail */
    *multiply_adds = mote_graph_counts_multiply_adds(&counts);
    *bytes = mote_graph_counts_bytes(&counts);
}
