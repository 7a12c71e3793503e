/* Values in narrow formats, as models ask for them; the operations are those that passes append. */
#include "graph/core.h"
#include "ops/ops.h"

static bool lies_in(const mote_graph *graph, mote_value x, mote_format format)
{
    return x >= 0 && x < graph->value_count && mote_layout_of(graph, x)->format == format;
}

mote_value mote_graph_cast(mote_graph *graph, mote_value x, mote_format format)
{
    const mote_format_traits *traits = mote_format_get(format);
    if (!traits || traits->kind != MOTE_KIND_TARGET) {
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "cast: expected a format from fp32 to nvfp4, found %s",
                        traits ? traits->name : "an unknown one");
        return MOTE_NO_VALUE;
    }
    if (lies_in(graph, x, format)) {
        return x;
    }
    mote_layout layout = {.format = format};
    if (lies_in(graph, x, MOTE_FP32)) { /* otherwise the operation refuses it */
        layout = *mote_layout_of(graph, x);
        layout.format = format;
    }
    return mote_core_cast(graph, x, &layout, &(mote_quantize_options){0});
}

mote_value mote_graph_widen(mote_graph *graph, mote_value x)
{
    return lies_in(graph, x, MOTE_FP32) ? x : mote_core_widen(graph, x);
}
