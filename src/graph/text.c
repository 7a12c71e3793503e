/* A graph for people: as text, a node a line, and for Graphviz. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/pieces.h"

/* Text that grows; written twice: once to measure. */
typedef struct writer {
    char *text; /* NULL: only counts */
    size_t used, size;
} writer;

__attribute__((format(printf, 2, 3))) static void put(writer *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(w->text ? w->text + w->used : NULL, w->text ? w->size - w->used : 0, format, arguments);
    va_end(arguments);
    w->used += length > 0 ? (size_t)length : 0;
}

static void put_layout(writer *w, const mote_layout *layout)
{
    put(w, "%s[", mote_format_get(layout->format)->name);
    for (int d = 0; d < layout->rank; d++) {
        put(w, "%s%zu", d ? "," : "", layout->shape[d]);
    }
    put(w, "]");
    if (mote_format_get(layout->format)->block_length > 1) {
        put(w, "/%d", layout->axis);
    }
}

static void put_operation(writer *w, const mote_node *node)
{
    char text[256] = "";
    if (node->op->describe) {
        node->op->describe(node, text, sizeof text);
    }
    put(w, "%s", node->op->name);
    if (*text) {
        put(w, " {%s}", text);
    }
}

static void put_value_name(writer *w, const mote_graph *graph, mote_value v)
{
    if (v < 0) {
        put(w, "-");
    } else if (graph->values[v].kind == MOTE_VALUE_RESULT) {
        put(w, "%%%d", (int)v);
    } else {
        put(w, "%s", graph->values[v].name);
    }
}

static void put_names(writer *w, const mote_graph *graph, int indent)
{
    for (int v = 0; v < graph->value_count; v++) {
        if (graph->values[v].kind != MOTE_VALUE_RESULT) {
            put(w, "%*s%s %s: ", indent, "", graph->values[v].kind == MOTE_VALUE_INPUT ? "input" : "parameter",
                graph->values[v].name);
            put_layout(w, &graph->values[v].layout);
            put(w, "\n");
        }
    }
}

static void put_nodes(writer *w, const mote_graph *graph, int indent);

/* What is cut where and how it is put together, and the body of the first pieces. */
static void put_pieces(writer *w, const mote_node *node, int indent)
{
    const mote_pieces *p = mote_node_pieces(node);
    const mote_body *body = &p->bodies[0];
    put_names(w, body->graph, indent);
    put_nodes(w, body->graph, indent);
    put(w, "%*sgives", indent, "");
    for (int r = 0; r < p->result_count; r++) {
        put(w, "%s ", r ? "," : "");
        put_value_name(w, body->graph, body->results[r]);
        if (p->result_axes[r] == MOTE_WHOLE) {
            put(w, " summed");
        } else {
            put(w, " joined along axis %d", p->result_axes[r]);
        }
    }
    put(w, "\n");
}

static void put_nodes(writer *w, const mote_graph *graph, int indent)
{
    for (int i = 0; i < graph->order_count; i++) {
        const mote_node *node = &graph->nodes[graph->order[i]];
        put(w, "%*s", indent, "");
        for (int o = 0; o < node->output_count; o++) {
            put(w, "%s%%%d: ", o ? ", " : "", (int)node->outputs[o]);
            put_layout(w, mote_layout_of(graph, node->outputs[o]));
        }
        put(w, " = ");
        put_operation(w, node);
        for (int k = 0; k < node->input_count; k++) {
            put(w, "%s", k ? ", " : " ");
            put_value_name(w, graph, node->inputs[k]);
        }
        put(w, "  # %s%s%s\n", node->phase == MOTE_PHASE_BACKWARD ? "backward " : "", node->layer,
            node->op->product && mote_format_get(node->policy.forward_weight)->block_length > 1 ? " mx" : "");
        if (node->op->pieces) {
            put_pieces(w, node, indent + 4);
        }
    }
}

static void put_text(writer *w, const mote_graph *graph)
{
    put_names(w, graph, 0);
    put_nodes(w, graph, 0);
}

static void put_dot_nodes(writer *w, const mote_graph *graph, const char *path);

/* The body of the first pieces in a frame of its own, tied to its node by dashes. */
static void put_dot_body(writer *w, const mote_node *node, int index, const char *path)
{
    const mote_pieces *p = mote_node_pieces(node);
    const mote_body *body = &p->bodies[0];
    char inside[128];
    snprintf(inside, sizeof inside, "%s%d_", path, index);
    put(w, "  subgraph cluster_%s {\n  label=\"", inside);
    put_operation(w, node);
    put(w, "\";\n");
    put_dot_nodes(w, body->graph, inside);
    put(w, "  }\n");
    for (int k = 0; k < p->input_count; k++) {
        put(w, "  n%s%d -> v%s%d [style=dashed];\n", path, index, inside, (int)body->inputs[k]);
    }
}

/* Nodes and edges; path: in front of their numbers, so that those of bodies are others. */
static void put_dot_nodes(writer *w, const mote_graph *graph, const char *path)
{
    for (int v = 0; v < graph->value_count; v++) {
        if (graph->values[v].kind != MOTE_VALUE_RESULT) {
            put(w, "  v%s%d [shape=%s, fillcolor=\"%s\", label=\"%s\\n", path, v,
                graph->values[v].kind == MOTE_VALUE_INPUT ? "oval" : "note",
                graph->values[v].kind == MOTE_VALUE_INPUT ? "#d0e7ff" : "#ffe9c7", graph->values[v].name);
            put_layout(w, &graph->values[v].layout);
            put(w, "\"];\n");
        }
    }
    for (int i = 0; i < graph->order_count; i++) {
        const mote_node *node = &graph->nodes[graph->order[i]];
        put(w, "  n%s%d [fillcolor=\"%s\", label=\"", path, graph->order[i],
            node->phase == MOTE_PHASE_BACKWARD ? "#f3d9e5" : "#e4f2dd");
        put_operation(w, node);
        put(w, "\\n%s\"];\n", node->layer);
        for (int k = 0; k < node->input_count; k++) {
            mote_value v = node->inputs[k];
            if (v < 0) {
                continue;
            }
            int producer = graph->values[v].producer;
            put(w, "  %c%s%d -> n%s%d [label=\"", producer >= 0 ? 'n' : 'v', path, producer >= 0 ? producer : (int)v,
                path, graph->order[i]);
            put_layout(w, mote_layout_of(graph, v));
            put(w, "\", fontsize=9];\n");
        }
        if (node->op->pieces) {
            put_dot_body(w, node, graph->order[i], path);
        }
    }
}

static void put_dot(writer *w, const mote_graph *graph)
{
    put(w, "digraph mote {\n  rankdir=TB; node [shape=box, style=\"rounded,filled\", fontname=Helvetica, "
           "fillcolor=white];\n");
    put_dot_nodes(w, graph, "");
    put(w, "}\n");
}

static char *render(mote_graph *graph, void (*put_all)(writer *, const mote_graph *))
{
    writer w = {0};
    put_all(&w, graph);
    w.size = w.used + 1;
    w.used = 0;
    w.text = mote_allocate(graph->context, w.size);
    if (w.text) {
        *w.text = '\0';
        put_all(&w, graph);
    }
    return w.text;
}

char *mote_graph_text(mote_graph *graph) { return render(graph, put_text); }
char *mote_graph_dot(mote_graph *graph) { return render(graph, put_dot); }
void mote_text_release(mote_context *context, char *text) { mote_release(context, text); }
