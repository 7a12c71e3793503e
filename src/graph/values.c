/* The values in a plan: where they are read, and how parameters and inputs get theirs. */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "formats/element.h"
#include "formats/layout.h"
#include "graph/core.h"
#include "graph/plan.h"

/* True for values that whoever has the plan may see. */
static bool is_visible(const mote_plan *plan, mote_value value)
{
    bool there = value >= 0 && value < plan->graph.value_count && plan->data[value];
    return there && (plan->graph.values[value].kind != MOTE_VALUE_RESULT || plan->graph.values[value].kept);
}

void *mote_plan_data(const mote_plan *plan, mote_value value)
{
    bool numbers = is_visible(plan, value) && !mote_format_is_block(plan->graph.values[value].layout.format);
    return numbers ? plan->data[value] : NULL;
}

mote_status mote_plan_tensor(const mote_plan *plan, mote_value value, mote_tensor *tensor)
{
    if (!is_visible(plan, value)) {
        return mote_fail(plan->context, MOTE_ERROR_ARGUMENT,
                         "value %d is no input, parameter, gradient or output of the graph", (int)value);
    }
    *tensor = mote_value_tensor(plan->context, &plan->graph.values[value].layout, plan->data[value]);
    return MOTE_OK;
}

/* ---- values that are given ---- */

/* A tensor's planes where they belong. */
static mote_status copy_planes(mote_context *context, const mote_tensor *from, mote_tensor *to)
{
    mote_layout_sizes sizes;
    mote_status status = mote_layout_measure(context, &to->layout, &sizes);
    if (status != MOTE_OK || sizes.count == 0) {
        return status;
    }
    if (!from->elements || (sizes.scale_bytes && !from->scales)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "a plane of the tensor is NULL");
    }
    memcpy(to->elements, from->elements, sizes.element_bytes);
    if (sizes.scale_bytes) {
        memcpy(to->scales, from->scales, sizes.scale_bytes);
    }
    to->tensor_scale = from->tensor_scale;
    return MOTE_OK;
}

/* Gives a packed parameter, or an input in a narrow format, its values. */
static mote_status set_packed(mote_plan *plan, mote_value value, const mote_tensor *tensor)
{
    const mote_value_info *info = &plan->graph.values[value];
    mote_tensor own = mote_value_tensor(plan->context, &info->layout, plan->data[value]);
    mote_layout from = tensor->layout;
    from.axis += from.axis < 0 ? from.rank : 0;
    mote_status status = mote_layout_same(&info->layout, &from)
                             ? copy_planes(plan->context, tensor, &own)
                             : mote_requantize(plan->context, tensor, &info->conversion, &own);
    if (status == MOTE_OK) {
        mote_value_keep_scale(plan->context, &own);
    }
    return status;
}

mote_status mote_plan_set(mote_plan *plan, mote_value value, const mote_tensor *tensor)
{
    if (!is_visible(plan, value) || plan->graph.values[value].kind == MOTE_VALUE_RESULT) {
        return mote_fail(plan->context, MOTE_ERROR_ARGUMENT, "value %d is neither parameter nor input", (int)value);
    }
    const mote_value_info *info = &plan->graph.values[value];
    const mote_layout *from = &tensor->layout, *to = &info->layout;
    const mote_format_traits *format = mote_format_get(from->format);
    bool same = from->rank == to->rank;
    for (int d = 0; same && d < to->rank; d++) {
        same = from->shape[d] == to->shape[d];
    }
    if (!same) {
        return mote_fail(plan->context, MOTE_ERROR_SHAPE, "'%s' has another shape than its values", info->name);
    }
    if (to->format == MOTE_FP32) {
        return mote_dequantize(plan->context, tensor, plan->data[value], NULL);
    }
    if (mote_format_get(to->format)->kind == MOTE_KIND_TARGET) {
        return set_packed(plan, value, tensor);
    }
    if (from->format != to->format) {
        return mote_fail(plan->context, MOTE_ERROR_ARGUMENT, "'%s' takes %s, found %s", info->name,
                         mote_format_get(to->format)->name, format ? format->name : "an unknown format");
    }
    mote_tensor own = mote_value_tensor(plan->context, to, plan->data[value]);
    return copy_planes(plan->context, tensor, &own);
}

/* ---- starting values ---- */

static uint64_t hash_name(const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *name; name++) {
        hash = (hash ^ (uint8_t)*name) * UINT64_C(1099511628211);
    }
    return hash;
}

typedef struct fill_job {
    float *values;
    size_t count;
    uint64_t seed;
    double spread;
} fill_job;

enum { FILL_GROUP = 4096 };

/* Box-Muller on the words of one Philox group: four normal numbers. */
static void fill_task(void *argument, size_t index, void *scratch)
{
    const fill_job *j = argument;
    size_t end = mote_size_min(j->count, (index + 1) * FILL_GROUP);
    (void)scratch;
    for (size_t i = index * FILL_GROUP; i < end; i += 4) {
        uint32_t words[4];
        float numbers[4];
        mote_philox_group(j->seed, i / 4, words);
        for (int k = 0; k < 4; k += 2) {
            double radius = sqrt(-2 * log(((double)words[k] + 1) * 0x1p-32));
            double angle = 2 * 3.14159265358979323846 * (double)words[k + 1] * 0x1p-32;
            numbers[k] = (float)(j->spread * radius * cos(angle));
            numbers[k + 1] = (float)(j->spread * radius * sin(angle));
        }
        memcpy(j->values + i, numbers, mote_size_min(4, end - i) * sizeof *numbers);
    }
}

static void fill(mote_plan *plan, mote_value parameter, uint64_t seed, float *values)
{
    const mote_value_info *info = &plan->graph.values[parameter];
    fill_job j = {values, mote_value_count(&plan->graph, parameter), seed + hash_name(info->name), info->spread};
    if (info->initializer == MOTE_INITIAL_NORMAL) {
        mote_parallel_for(plan->context, mote_size_divide_up(j.count, FILL_GROUP), fill_task, &j);
        return;
    }
    float number = info->initializer == MOTE_INITIAL_ONES ? 1.0f : 0.0f;
    number = info->initializer == MOTE_INITIAL_NUMBER ? (float)info->spread : number;
    for (size_t i = 0; i < j.count; i++) {
        j.values[i] = number;
    }
}

static mote_status fill_packed(mote_plan *plan, mote_value parameter, uint64_t seed)
{
    mote_tensor tensor = {.layout = plan->graph.values[parameter].layout, .tensor_scale = 1};
    size_t count = mote_value_count(&plan->graph, parameter);
    tensor.layout.format = MOTE_FP32;
    tensor.elements = mote_allocate_array(plan->context, count + 1, sizeof(float));
    if (!tensor.elements) {
        return MOTE_ERROR_MEMORY;
    }
    fill(plan, parameter, seed, tensor.elements);
    mote_status status = set_packed(plan, parameter, &tensor);
    mote_release(plan->context, tensor.elements);
    return status;
}

mote_status mote_plan_initialize(mote_plan *plan, uint64_t seed)
{
    mote_status status = MOTE_OK;
    for (int v = 0; v < plan->graph.value_count && status == MOTE_OK; v++) {
        if (plan->graph.values[v].kind != MOTE_VALUE_PARAMETER) {
            continue;
        }
        if (mote_format_is_block(plan->graph.values[v].layout.format)) {
            status = fill_packed(plan, v, seed);
        } else {
            fill(plan, v, seed, plan->data[v]);
        }
    }
    return status;
}
