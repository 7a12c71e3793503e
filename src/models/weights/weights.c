/* Opening a file of weights, reading its tensors, and filling a plan. */
#include "models/weights/weights.h"

#include <stdlib.h>
#include <string.h>

#include "formats/layout.h"
#include "graph/graph.h"
#include "io/format.h"

/* ---- names ---- */

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static bool is_alphafold(size_t count, const mote_tensor_info *tensors)
{
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        found = begins(tensors[i].name, MOTE_ALPHAFOLD_PREFIX);
    }
    return found;
}

const char *mote_weights_whose(const mote_file *file)
{
    return is_alphafold(file->tensor_count, file->tensors)                ? "alphafold"
           : mote_openfold_prefix(file->tensor_count, file->tensors) >= 0 ? "openfold"
                                                                          : NULL;
}

static int compare_names(const void *a, const void *b)
{
    const mote_weights_name *first = a, *second = b;
    return strcmp(first->name, second->name);
}

mote_status mote_weights_list_names(struct mote_weights_memory *m)
{
    size_t count = m->tensor_count;
    m->alphafold = is_alphafold(count, m->tensors);
    ptrdiff_t prefix = m->alphafold ? 0 : mote_openfold_prefix(count, m->tensors);
    const char *model = NULL; /* a name that has the prefix */
    if (prefix < 0) {
        return mote_fail(m->context, MOTE_ERROR_FILE,
                         "%s: not an AlphaFold 2 model: there is neither '%s...' nor OpenFold's "
                         "'evoformer.linear.weight'",
                         m->path, MOTE_ALPHAFOLD_PREFIX);
    }
    for (size_t i = 0; i < count && !model; i++) {
        bool whole = m->alphafold || mote_openfold_prefix(1, &m->tensors[i]) == prefix;
        model = whole ? m->tensors[i].name : NULL;
    }
    m->names = mote_allocate_array(m->context, count, sizeof *m->names);
    for (size_t i = 0; m->names && i < count; i++) {
        const char *name = m->tensors[i].name;
        if (m->alphafold) {
            name += begins(name, MOTE_ALPHAFOLD_PREFIX) ? strlen(MOTE_ALPHAFOLD_PREFIX) : 0;
        } else if (strncmp(name, model, (size_t)prefix) == 0) {
            name = mote_openfold_name(m->context, &m->arena, name + prefix);
        } else {
            continue;
        }
        if (!name) {
            return MOTE_ERROR_MEMORY;
        }
        m->names[m->name_count++] = (mote_weights_name){name, i};
    }
    if (!m->names) {
        return MOTE_ERROR_MEMORY;
    }
    qsort(m->names, m->name_count, sizeof *m->names, compare_names);
    for (size_t i = 1; i < m->name_count; i++) {
        if (strcmp(m->names[i - 1].name, m->names[i].name) == 0) {
            return mote_fail(m->context, MOTE_ERROR_FILE, "%s: '%.100s' and '%.100s' are the same parameter", m->path,
                             m->tensors[m->names[i - 1].tensor].name, m->tensors[m->names[i].tensor].name);
        }
    }
    return MOTE_OK;
}

static const mote_weights_name *find_name(const struct mote_weights_memory *m, const char *name)
{
    const mote_weights_name wanted = {.name = name};
    return bsearch(&wanted, m->names, m->name_count, sizeof *m->names, compare_names);
}

/* ---- shapes ---- */

/* Product of dimensions first to end; 0 if there is one, or if it is too large to be any. */
static size_t product(const mote_layout *layout, int first, int end)
{
    size_t count = 1;
    for (int d = first; d < end; d++) {
        if (!mote_size_multiply(count, layout->shape[d], &count)) {
            return 0;
        }
    }
    return count;
}

/* AlphaFold's array as OpenFold's tensor. */
static void reshape(const mote_layout *array, const mote_alphafold_place *place, mote_layout *layout,
                    mote_weights_source *source)
{
    int first = place->stacked ? 1 : 0, end = array->rank > first ? array->rank : first;
    source->block = place->block;
    source->blocks = place->stacked && array->rank ? array->shape[0] : 0;
    source->turned = !place->vector;
    source->swapped = place->swapped;
    /* a weight for each output of a feature that is one number has no dimension for it */
    int split = end - first < 2 ? first : place->outputs_last ? end - 1 : first + 1;
    bool carried = mote_format_get(array->format)->kind == MOTE_KIND_CARRIED;
    *layout = (mote_layout){
        .format = carried ? array->format : MOTE_FP32, .rank = place->vector ? 1 : 2, .axis = place->vector ? 0 : 1};
    layout->shape[0] = product(array, place->vector ? first : split, end);
    layout->shape[1] = place->vector ? 0 : product(array, first, split);
}

bool mote_weights_find(const mote_weights *w, const char *name, mote_layout *layout, mote_weights_source *source)
{
    const struct mote_weights_memory *m = w->memory;
    mote_alphafold_place place;
    if (m->alphafold && !mote_alphafold_find(name, w->trunk.multimer != 0, &place)) {
        return false;
    }
    const mote_weights_name *found = find_name(m, m->alphafold ? place.key : name);
    if (!found) {
        return false;
    }
    *source = (mote_weights_source){.tensor = found->tensor};
    *layout = m->tensors[found->tensor].layout;
    if (m->alphafold) {
        reshape(&m->tensors[found->tensor].layout, &place, layout, source);
        return !place.stacked || place.block < source->blocks;
    }
    return true;
}

/* ---- opening ---- */

mote_status mote_weights_describe(mote_context *context, const char *path, size_t count,
                                  const mote_tensor_info *tensors, mote_weights **weights)
{
    mote_weights *w = mote_allocate(context, sizeof *w);
    struct mote_weights_memory *m = w ? mote_allocate(context, sizeof *m) : NULL;
    *weights = NULL;
    if (!m) {
        mote_release(context, w);
        return MOTE_ERROR_MEMORY;
    }
    *m = (struct mote_weights_memory){
        .context = context, .path = path, .tensor_count = count, .tensors = tensors, .held = SIZE_MAX};
    *w = (mote_weights){.memory = m};
    mote_status status = mote_weights_list_names(m);
    w->names = m->alphafold ? "alphafold" : "openfold";
    status = status == MOTE_OK ? mote_weights_configure(w) : status;
    status = status == MOTE_OK ? mote_weights_list_tensors(w) : status;
    if (status != MOTE_OK) {
        mote_weights_close(w);
        return status;
    }
    *weights = w;
    return MOTE_OK;
}

mote_status mote_weights_of_file(mote_context *context, mote_file *file, mote_weights **weights)
{
    mote_status status = mote_weights_describe(context, file->path, file->tensor_count, file->tensors, weights);
    if (status == MOTE_OK) {
        (*weights)->memory->file = file;
    }
    return status;
}

mote_status mote_weights_open(mote_context *context, const char *path, mote_weights **weights)
{
    mote_file *file;
    *weights = NULL;
    mote_status status = mote_file_open(context, path, &file);
    status = status == MOTE_OK ? mote_weights_of_file(context, file, weights) : status;
    if (status != MOTE_OK) {
        mote_file_close(file);
    }
    return status;
}

/* Gives back what reading holds. */
static void let_go(struct mote_weights_memory *m)
{
    mote_release(m->context, m->array.elements);
    mote_release(m->context, m->array.scales);
    mote_release(m->context, m->part);
    m->array = (mote_tensor){.elements = NULL};
    m->part = NULL;
    m->held = SIZE_MAX;
}

void mote_weights_close(mote_weights *w)
{
    if (w) {
        struct mote_weights_memory *m = w->memory;
        mote_context *context = m->context;
        let_go(m);
        mote_file_close(m->file);
        mote_release(context, m->names);
        mote_release(context, m->infos);
        mote_release(context, m->sources);
        mote_release(context, m->sorted);
        mote_arena_clear(context, &m->arena);
        mote_release(context, m);
        mote_release(context, w);
    }
}

/* ---- reading ---- */

/* Makes array the tensor of the file, in FP32 if parts are going to be made of it that need not begin with a byte. */
static mote_status hold(struct mote_weights_memory *m, size_t tensor)
{
    const mote_tensor_info *info = &m->tensors[tensor];
    if (m->held == tensor) {
        return MOTE_OK;
    }
    let_go(m);
    m->array.elements = mote_allocate(m->context, info->element_bytes);
    m->array.scales = mote_allocate(m->context, info->scale_bytes);
    mote_status status =
        m->array.elements && m->array.scales ? mote_file_read(m->file, tensor, &m->array) : MOTE_ERROR_MEMORY;
    const mote_format_traits *traits = mote_format_get(info->layout.format);
    if (status == MOTE_OK && m->alphafold && (traits->block_length > 1 || traits->element_bits % 8)) {
        float *values = mote_allocate_array(m->context, product(&info->layout, 0, info->layout.rank), sizeof *values);
        status = values ? mote_dequantize(m->context, &m->array, values, NULL) : MOTE_ERROR_MEMORY;
        mote_release(m->context, m->array.elements);
        m->array.elements = values;
        m->array.layout.format = MOTE_FP32;
        m->array.tensor_scale = 1;
    }
    m->held = status == MOTE_OK ? tensor : SIZE_MAX;
    return status;
}

static void exchange_halves(float *values, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        float one = values[i];
        values[i] = values[count / 2 + i];
        values[count / 2 + i] = one;
    }
}

/* One block of the array as OpenFold has it. */
static mote_status make_part(struct mote_weights_memory *m, const mote_layout *layout,
                             const mote_weights_source *source)
{
    size_t count = product(layout, 0, layout->rank);
    size_t bytes = count * (size_t)mote_format_get(m->array.layout.format)->element_bits / 8;
    mote_tensor part = {.layout = *layout, .tensor_scale = 1};
    part.layout.format = m->array.layout.format;
    part.elements = (char *)m->array.elements + (source->blocks ? source->block * bytes : 0);
    mote_release(m->context, m->part);
    m->part = mote_allocate_array(m->context, count, sizeof *m->part);
    if (!m->part) {
        return MOTE_ERROR_MEMORY;
    }
    const ptrdiff_t strides[2] = {1, (ptrdiff_t)layout->shape[1]}; /* of [inputs, outputs] */
    if (source->turned) {
        part.layout.shape[0] = layout->shape[1];
        part.layout.shape[1] = layout->shape[0];
    }
    mote_status status = mote_dequantize(m->context, &part, m->part, source->turned ? strides : NULL);
    if (source->swapped) {
        exchange_halves(m->part, count);
    }
    return status;
}

mote_status mote_weights_read(mote_weights *w, size_t index, mote_tensor *tensor)
{
    struct mote_weights_memory *m = w->memory;
    const mote_weights_source *source = &m->sources[index];
    mote_status status = hold(m, source->tensor);
    if (status == MOTE_OK && m->alphafold) {
        status = make_part(m, &m->infos[index].layout, source);
        *tensor = (mote_tensor){.layout = m->infos[index].layout, .elements = m->part, .tensor_scale = 1};
    } else {
        *tensor = m->array;
    }
    return status;
}

mote_status mote_weights_load(mote_weights *w, const mote_graph *graph, mote_plan *plan)
{
    struct mote_weights_memory *m = w->memory;
    mote_value *values = mote_allocate_array(m->context, m->count, sizeof *values);
    mote_status status = values ? mote_weights_check_graph(w, graph) : MOTE_ERROR_MEMORY;
    for (size_t i = 0; i < m->count && status == MOTE_OK; i++) {
        values[i] = MOTE_NO_VALUE;
    }
    for (mote_value v = 0; v < graph->value_count && status == MOTE_OK; v++) {
        if (graph->values[v].kind == MOTE_VALUE_PARAMETER) {
            values[mote_weights_index(w, graph->values[v].name)] = v;
        }
    }
    for (size_t i = 0; i < m->count && status == MOTE_OK; i++) {
        mote_tensor tensor;
        if (values[i] == MOTE_NO_VALUE) {
            continue;
        }
        status = mote_weights_read(w, i, &tensor);
        status = status == MOTE_OK ? mote_plan_set(plan, values[i], &tensor) : status;
    }
    let_go(m);
    mote_release(m->context, values);
    return status;
}
