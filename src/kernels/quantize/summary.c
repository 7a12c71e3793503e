/* What the values of a tensor look like: counts, moments, histograms of exponents. */
#include <math.h>

#include "base/parallel.h"
#include "kernels/quantize/segment.h"

typedef struct summary_job {
    const mote_kernels *kernels;
    const mote_open_tensor *open;
    mote_cut cut;
    mote_summary *parts; /* one a piece */
} summary_job;

static void summarize_segment(void *argument, const mote_open_tensor *open, const mote_segment *segment)
{
    mote_summary *s = argument;
    (void)open;
    for (size_t i = 0; i < segment->count; i++) {
        float value = segment->values[i];
        uint32_t magnitude = mote_float_bits(value) & MOTE_FP32_ABS;
        s->count++;
        if (magnitude >= MOTE_FP32_INFINITY) {
            s->nonfinite++;
            continue;
        }
        s->zeros += magnitude == 0;
        s->magnitudes[magnitude >> MOTE_FP32_MANTISSA_BITS] += magnitude != 0;
        s->minimum = value < s->minimum ? value : s->minimum;
        s->maximum = value > s->maximum ? value : s->maximum;
        s->sum += (double)value;
        s->sum_squares += (double)value * (double)value;
    }
}

static void summarize_task(void *argument, size_t index, void *scratch)
{
    const summary_job *j = argument;
    mote_box box = mote_cut_box(&j->open->layout, &j->cut, index);
    mote_visit_segments(j->kernels, j->open, &box, summarize_segment, &j->parts[index], scratch);
}

static void add(mote_summary *total, const mote_summary *part)
{
    total->count += part->count;
    total->nonfinite += part->nonfinite;
    total->zeros += part->zeros;
    total->minimum = fminf(total->minimum, part->minimum);
    total->maximum = fmaxf(total->maximum, part->maximum);
    total->sum += part->sum;
    total->sum_squares += part->sum_squares;
    for (int i = 0; i < MOTE_SUMMARY_BINS; i++) {
        total->magnitudes[i] += part->magnitudes[i];
    }
}

static const mote_summary nothing = {.minimum = INFINITY, .maximum = -INFINITY};

mote_status mote_summarize(mote_context *context, const mote_tensor *tensor, mote_summary *summary)
{
    mote_open_tensor open;
    mote_status status = mote_tensor_open(context, tensor, NULL, &open);
    *summary = nothing;
    if (status != MOTE_OK) {
        return status;
    }
    if (open.layout.traits->kind == MOTE_KIND_CARRIED) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED, "%s tensors are carried as they are, not read as numbers",
                         open.layout.traits->name);
    }
    summary_job j = {.kernels = context->kernels, .open = &open, .cut = mote_cut_fixed(&open.layout)};
    j.parts = mote_allocate_array(context, j.cut.pieces, sizeof *j.parts);
    if (!j.parts) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < j.cut.pieces; i++) {
        j.parts[i] = nothing;
    }
    mote_parallel_for(context, j.cut.pieces, summarize_task, &j);
    for (size_t i = 0; i < j.cut.pieces; i++) {
        add(summary, &j.parts[i]);
    }
    mote_release(context, j.parts);
    for (size_t i = 0; open.layout.traits->scale_bytes == 1 && i < open.layout.sizes.scale_bytes; i++) {
        summary->scales[tensor->scales[i]]++;
    }
    return MOTE_OK;
}
