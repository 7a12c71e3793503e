/* The tensors that a model has, by building its graph, held against those of a file. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/layout.h"
#include "graph/graph.h"
#include "models/weights/weights.h"

/* ---- what is wrong ---- */

enum { MISSING, MISSHAPEN, UNEXPECTED, COMPLAINTS, LISTED = 12, LISTED_BYTES = 1200 };

typedef struct report {
    size_t count[COMPLAINTS], listed[COMPLAINTS];
    char text[COMPLAINTS][LISTED_BYTES];
} report;

__attribute__((format(printf, 3, 4))) static void complain(report *r, int complaint, const char *format, ...)
{
    char *text = r->text[complaint] + strlen(r->text[complaint]);
    size_t room = (size_t)(r->text[complaint] + LISTED_BYTES - text);
    va_list arguments;
    r->count[complaint]++;
    if (r->listed[complaint] < LISTED && r->listed[complaint] + 1 == r->count[complaint]) {
        va_start(arguments, format);
        bool whole = (size_t)vsnprintf(text, room, format, arguments) < room;
        va_end(arguments);
        r->listed[complaint] += whole;
        *text = whole ? *text : '\0';
    }
}

/* The shape of a tensor that is there. */
static void hold_shape(report *r, const char *name, const mote_layout *expected, const mote_layout *found)
{
    char text[2][128];
    bool same = expected->rank == found->rank;
    for (int d = 0; d < expected->rank && same; d++) {
        same = expected->shape[d] == found->shape[d];
    }
    if (mote_format_get(found->format)->kind == MOTE_KIND_CARRIED) {
        complain(r, MISSHAPEN, " '%.100s' (%s is no format of numbers),", name, mote_format_get(found->format)->name);
    } else if (!same) {
        complain(r, MISSHAPEN, " '%.100s' (expected %s, found %s),", name,
                 mote_shape_text(expected->rank, expected->shape, text[0], sizeof text[0]),
                 mote_shape_text(found->rank, found->shape, text[1], sizeof text[1]));
    }
}

static mote_status conclude(const mote_weights *w, const report *r, const char *of)
{
    static const char *const what[COMPLAINTS] = {"missing", "of another shape", "of no such model"};
    char text[COMPLAINTS * (LISTED_BYTES + 64)];
    size_t length = 0;
    for (int i = 0; i < COMPLAINTS; i++) {
        if (r->count[i]) {
            length += (size_t)snprintf(text + length, sizeof text - length, "%s %zu %s:%s", length ? ";" : "",
                                       r->count[i], what[i], r->text[i]);
            length -= text[length - 1] == ',';
            if (r->count[i] > r->listed[i]) {
                length +=
                    (size_t)snprintf(text + length, sizeof text - length, " and %zu more", r->count[i] - r->listed[i]);
            }
        }
    }
    text[length] = '\0';
    return length ? mote_fail(w->memory->context, MOTE_ERROR_FILE, "%s: the tensors are not those of %s:%s",
                              w->memory->path, of, text)
                  : MOTE_OK;
}

/* ---- the model ---- */

/* All parameters of a model with one block in each stack, for one residue. */
static mote_status build_model(const mote_weights *w, mote_graph *graph)
{
    mote_trunk_config config = w->trunk;
    mote_structure_config structure = w->structure;
    mote_trunk_lengths lengths = {.residues = 1, .sequences = 1, .extra = 1, .templates = w->templates};
    mote_trunk trunk;
    mote_structure_result result;
    mote_structure_scores scores;
    config.evoformer_blocks = config.extra_blocks = config.template_blocks = 1;
    config.piece = 0;
    structure.structure_layers = 1;
    mote_status status = mote_trunk_build(graph, &config, &lengths, &trunk);
    if (status != MOTE_OK) {
        return status;
    }
    mote_value types = mote_graph_input(graph, "types", MOTE_INT32, 1, (size_t[]){1});
    mote_structure_module(graph, &structure, trunk.single, trunk.z, types, trunk.residue_mask, NULL, &result);
    mote_structure_heads(graph, &structure, trunk.m, trunk.z, trunk.single, result.single, &scores);
    return mote_graph_status(graph);
}

/* Packs what only products read, which tells these parameters from the others. */
static mote_status mark_products(mote_graph *graph)
{
    mote_policy_set *narrow = NULL;
    mote_status status = mote_policy_set_create(graph->context, "mxint8", &narrow);
    status = status == MOTE_OK ? mote_graph_apply_policy(graph, narrow) : status;
    status = status == MOTE_OK ? mote_graph_pack_parameters(graph) : status;
    mote_policy_set_destroy(graph->context, narrow);
    return status;
}

/* How many blocks the stack has whose first block a name is of, where its number is; 1 and NULL: none. */
static size_t blocks_of(const mote_weights *w, const char *name, const char **number)
{
    const char *at = strstr(name, ".blocks.0.");
    *number = at ? at + strlen(".blocks.") : NULL;
    return !at                                    ? 1
           : strncmp(name, "evoformer.", 10) == 0 ? w->trunk.evoformer_blocks
           : strncmp(name, "extra_msa", 9) == 0   ? w->trunk.extra_blocks
                                                  : w->trunk.template_blocks;
}

/* True for the weights of which products read one half of the outputs at a time, each with blocks of its own. */
static bool is_halves(const char *name)
{
    static const char *const endings[] = {".linear_ab_p.weight", ".linear_ab_g.weight"};
    size_t length = strlen(name), ending = strlen(endings[0]);
    return length > ending &&
           (strcmp(name + length - ending, endings[0]) == 0 || strcmp(name + length - ending, endings[1]) == 0);
}

/* Fills the entry of one tensor of the model. */
static mote_status add_tensor(mote_weights *w, const char *name, const mote_layout *expected, size_t blocks, bool *used,
                              report *r)
{
    struct mote_weights_memory *m = w->memory;
    mote_tensor_info *info = &m->infos[m->count];
    mote_weights_source *source = &m->sources[m->count];
    mote_layout_sizes sizes;
    if (!mote_weights_find(w, name, &info->layout, source)) {
        complain(r, MISSING, " '%.100s',", name);
        return MOTE_OK;
    }
    used[source->tensor] = true;
    hold_shape(r, name, expected, &info->layout);
    if (source->blocks && source->blocks != blocks && source->block == 0) {
        complain(r, MISSHAPEN, " '%.100s' (expected %zu blocks, found %zu),", name, blocks, source->blocks);
    }
    info->name = mote_arena_string(m->context, &m->arena, name, strlen(name));
    mote_status status = info->name ? mote_layout_measure(m->context, &info->layout, &sizes) : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        info->element_bytes = sizes.element_bytes;
        info->scale_bytes = sizes.scale_bytes;
        source->product = expected->format != MOTE_FP32 || is_halves(name);
        w->parameters += sizes.count;
        m->count++;
    }
    return status;
}

/* The block format that all tensors of products have. */
static mote_format common_format(const struct mote_weights_memory *m)
{
    mote_format format = MOTE_FORMAT_COUNT;
    for (size_t i = 0; i < m->count; i++) {
        const mote_layout *layout = &m->infos[i].layout;
        if (m->sources[i].product) {
            format = format == MOTE_FORMAT_COUNT || format == layout->format ? layout->format : MOTE_FP32;
        }
    }
    return format != MOTE_FORMAT_COUNT && mote_format_get(format)->block_length > 1 ? format : MOTE_FP32;
}

/* Entries of all tensors that graph, which has one block of each stack, says that there are. */
static mote_status list(mote_weights *w, const mote_graph *graph, bool *used, report *r)
{
    struct mote_weights_memory *m = w->memory;
    mote_status status = MOTE_OK;
    for (int v = 0; v < graph->value_count && status == MOTE_OK; v++) {
        const mote_value_info *value = &graph->values[v];
        const char *number;
        size_t blocks = blocks_of(w, value->name ? value->name : "", &number);
        for (size_t b = 0; b < blocks && status == MOTE_OK && value->kind == MOTE_VALUE_PARAMETER; b++) {
            char name[MOTE_WEIGHTS_NAME];
            snprintf(name, sizeof name, "%s", value->name);
            if (number) {
                snprintf(name, sizeof name, "%.*s%zu%s", (int)(number - value->name), value->name, b, number + 1);
            }
            status = add_tensor(w, name, &value->layout, blocks, used, r);
        }
    }
    for (size_t i = 0; i < m->name_count && status == MOTE_OK; i++) {
        if (!used[m->names[i].tensor]) {
            complain(r, UNEXPECTED, " '%.100s',", m->names[i].name);
        }
    }
    return status;
}

static size_t most_tensors(const mote_weights *w, const mote_graph *graph)
{
    size_t count = 0;
    for (int v = 0; v < graph->value_count; v++) {
        const char *number;
        count += graph->values[v].kind == MOTE_VALUE_PARAMETER ? blocks_of(w, graph->values[v].name, &number) : 0;
    }
    return count;
}

static int compare_infos(const void *a, const void *b)
{
    const mote_tensor_info *const *first = a, *const *second = b;
    return strcmp((*first)->name, (*second)->name);
}

/* Room for the entries, and the entries. */
static mote_status list_graph(mote_weights *w, const mote_graph *graph)
{
    struct mote_weights_memory *m = w->memory;
    size_t most = most_tensors(w, graph);
    bool *used = mote_allocate(m->context, m->tensor_count);
    report *r = mote_allocate(m->context, sizeof *r);
    m->infos = mote_allocate_array(m->context, most, sizeof *m->infos);
    m->sources = mote_allocate_array(m->context, most, sizeof *m->sources);
    m->sorted = mote_allocate_array(m->context, most, sizeof *m->sorted);
    mote_status status = used && r && m->infos && m->sources && m->sorted ? MOTE_OK : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        memset(used, 0, m->tensor_count);
        memset(r, 0, sizeof *r);
        status = list(w, graph, used, r);
    }
    if (status == MOTE_OK) {
        status = conclude(w, r, w->trunk.multimer ? "an AlphaFold 2 multimer" : "an AlphaFold 2 monomer");
    }
    if (status == MOTE_OK) {
        for (size_t i = 0; i < m->count; i++) {
            m->sorted[i] = &m->infos[i];
        }
        qsort(m->sorted, m->count, sizeof *m->sorted, compare_infos);
        w->format = common_format(m);
    }
    mote_release(m->context, used);
    mote_release(m->context, r);
    return status;
}

mote_status mote_weights_list_tensors(mote_weights *w)
{
    mote_context *context = w->memory->context;
    mote_graph *graph = NULL;
    char text[256];
    mote_status status = mote_graph_create(context, &graph);
    if (status != MOTE_OK) {
        return status;
    }
    status = build_model(w, graph);
    if (status != MOTE_OK && status != MOTE_ERROR_MEMORY) { /* sizes that no layout can have */
        snprintf(text, sizeof text, "%s", mote_context_message(context));
        status = mote_fail(context, MOTE_ERROR_FILE, "%s: shapes of no AlphaFold 2 model: %s", w->memory->path, text);
    }
    status = status == MOTE_OK ? mark_products(graph) : status;
    status = status == MOTE_OK ? list_graph(w, graph) : status;
    mote_graph_destroy(graph);
    return status;
}

/* ---- a graph that wants to be filled ---- */

size_t mote_weights_index(const mote_weights *w, const char *name)
{
    const struct mote_weights_memory *m = w->memory;
    const mote_tensor_info wanted = {.name = name}, *key = &wanted;
    const mote_tensor_info **found = bsearch(&key, m->sorted, m->count, sizeof *m->sorted, compare_infos);
    return found ? (size_t)(*found - m->infos) : SIZE_MAX;
}

mote_status mote_weights_check_graph(const mote_weights *w, const mote_graph *graph)
{
    report *r = mote_allocate(w->memory->context, sizeof *r);
    if (!r) {
        return MOTE_ERROR_MEMORY;
    }
    memset(r, 0, sizeof *r);
    for (int v = 0; v < graph->value_count; v++) {
        const mote_value_info *value = &graph->values[v];
        if (value->kind != MOTE_VALUE_PARAMETER) {
            continue;
        }
        size_t index = mote_weights_index(w, value->name);
        if (index == SIZE_MAX) {
            complain(r, MISSING, " '%.100s',", value->name);
        } else {
            hold_shape(r, value->name, &value->layout, &w->memory->infos[index].layout);
        }
    }
    mote_status status = conclude(w, r, "the graph");
    mote_release(w->memory->context, r);
    return status;
}
