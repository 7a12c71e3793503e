/* From one tensor to another of the same shape without an FP32 copy of the whole: boxes of whole blocks along
 * both axes, dequantized into a small tile and quantized from there. Also the exchange of dimensions. */
#include "base/parallel.h"
#include "kernels/quantize/box.h"

#include "kernels/quantize/plain.h"

/* A tile is at most 32 x 32 blocks' worth of values: it stays in the L2 cache. */
enum { TILE_VALUES = 32 * 1024 };

typedef struct requantize_job {
    const mote_kernels *kernels;
    const mote_open_tensor *input, *output;
    mote_cut cut;
    float *tiles;      /* one of TILE_VALUES for each piece */
    bool measuring;    /* find the largest magnitude instead of writing, for nvfp4's tensor scale */
    uint32_t *largest; /* one a piece */
} requantize_job;

static void decode_box(const requantize_job *j, const mote_box *box, const mote_strided *tile, mote_scratch *scratch)
{
    (mote_in_blocks(j->input) ? mote_dequantize_box : mote_plain_dequantize_box)(j->kernels, j->input, box, tile,
                                                                                 scratch);
}

/* One tile: its box in both tensors is the same. */
static void requantize_tile(const requantize_job *j, const mote_box *box, size_t piece, mote_scratch *scratch)
{
    mote_strided tile = {.start = j->tiles + piece * TILE_VALUES};
    size_t count = 1;
    for (int d = j->output->layout.rank - 1; d >= 0; d--) {
        tile.stride[d] = (ptrdiff_t)count;
        count *= box->extent[d];
    }
    decode_box(j, box, &tile, scratch);
    if (j->measuring) {
        uint32_t here = j->kernels->largest_magnitude(count, tile.start);
        j->largest[piece] = here > j->largest[piece] ? here : j->largest[piece];
    } else if (mote_in_blocks(j->output)) {
        mote_quantize_box(j->kernels, j->output, box, &tile, scratch);
    } else {
        mote_plain_quantize_box(j->kernels, j->output, box, &tile, scratch);
    }
}

/* Sizes of a tile: whole blocks along both axes, then as much as fits, from the last dimension outwards. */
static void tile_extent(const requantize_job *j, size_t *extent)
{
    const mote_resolved_layout *layout = &j->output->layout;
    size_t room = TILE_VALUES;
    for (int d = 0; d < layout->rank; d++) {
        bool blocked = d == layout->axis || d == j->input->layout.axis;
        extent[d] = blocked ? mote_size_min(MOTE_MX_BLOCK, layout->shape[d]) : 1;
        room /= extent[d];
    }
    for (int d = layout->rank - 1; d >= 0; d--) {
        size_t times = mote_size_min(room, mote_size_divide_up(layout->shape[d], extent[d]));
        extent[d] *= times;
        room /= times;
    }
}

static void requantize_task(void *argument, size_t piece, void *scratch)
{
    const requantize_job *j = argument;
    const mote_resolved_layout *layout = &j->output->layout;
    size_t extent[MOTE_MAXIMUM_RANK], index[MOTE_MAXIMUM_RANK] = {0};
    mote_box whole = mote_cut_box(layout, &j->cut, piece), steps = whole;
    if (mote_box_empty(&whole, layout->rank)) {
        return;
    }
    tile_extent(j, extent);
    for (int d = 0; d < layout->rank; d++) {
        steps.extent[d] = mote_size_divide_up(whole.extent[d], extent[d]);
    }
    do {
        mote_box box;
        for (int d = 0; d < layout->rank; d++) {
            size_t begin = index[d] * extent[d];
            box.origin[d] = whole.origin[d] + begin;
            box.extent[d] = mote_size_min(extent[d], whole.extent[d] - begin);
        }
        requantize_tile(j, &box, piece, scratch);
    } while (mote_box_next(&steps, layout->rank, 0, index));
}

static mote_status same_shape(mote_context *context, const mote_resolved_layout *a, const mote_resolved_layout *b)
{
    if (a->rank == b->rank && memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0) {
        return MOTE_OK;
    }
    char first[128], second[128];
    return mote_fail(context, MOTE_ERROR_SHAPE, "the tensors' shapes differ: %s and %s",
                     mote_shape_text(a->rank, a->shape, first, sizeof first),
                     mote_shape_text(b->rank, b->shape, second, sizeof second));
}

mote_status mote_requantize(mote_context *context, const mote_tensor *input, const mote_quantize_options *options,
                            mote_tensor *output)
{
    mote_open_tensor in, out;
    mote_status status = mote_tensor_open(context, input, NULL, &in);
    if (status == MOTE_OK) {
        status = mote_tensor_open(context, output, options, &out);
    }
    if (status == MOTE_OK) {
        status = same_shape(context, &in.layout, &out.layout);
    }
    if (status != MOTE_OK) {
        return status;
    }
    if (in.layout.traits->kind == MOTE_KIND_CARRIED || out.layout.traits->kind != MOTE_KIND_TARGET) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED, "cannot convert %s to %s", in.layout.traits->name,
                         out.layout.traits->name);
    }
    output->tensor_scale = 1;
    if (out.layout.sizes.count == 0) {
        return MOTE_OK;
    }
    requantize_job j = {.kernels = context->kernels, .input = &in, .output = &out};
    j.cut = mote_cut_choose(&out.layout, in.layout.axis, out.layout.axis, MOTE_MX_BLOCK, context->threads);
    j.tiles = mote_allocate_array(context, j.cut.pieces, (TILE_VALUES + 1) * sizeof *j.tiles);
    if (!j.tiles) {
        return MOTE_ERROR_MEMORY;
    }
    if (output->layout.format == MOTE_NVFP4) {
        uint32_t largest = 0;
        j.largest = (uint32_t *)(void *)(j.tiles + j.cut.pieces * TILE_VALUES);
        memset(j.largest, 0, j.cut.pieces * sizeof *j.largest);
        j.measuring = true;
        mote_parallel_for(context, j.cut.pieces, requantize_task, &j);
        for (size_t i = 0; i < j.cut.pieces; i++) {
            largest = j.largest[i] > largest ? j.largest[i] : largest;
        }
        j.measuring = false;
        mote_nvfp4_open(context, largest, &out.spec);
        output->tensor_scale = out.spec.tensor_scale;
    }
    mote_parallel_for(context, j.cut.pieces, requantize_task, &j);
    mote_release(context, j.tiles);
    return MOTE_OK;
}

mote_status mote_transpose(mote_context *context, const mote_tensor *input, mote_tensor *output)
{
    mote_open_tensor in, out;
    mote_status status = mote_tensor_open(context, input, NULL, &in);
    if (status == MOTE_OK) {
        status = mote_tensor_open(context, output, NULL, &out);
    }
    if (status != MOTE_OK) {
        return status;
    }
    int rank = in.layout.rank, a = rank - 2, b = rank - 1;
    bool fits = rank >= 2 && out.layout.rank == rank && in.layout.traits == out.layout.traits &&
                in.layout.traits->block_length > 1;
    for (int d = 0; fits && d < rank; d++) {
        int from = d == a ? b : d == b ? a : d;
        fits = out.layout.shape[d] == in.layout.shape[from] && (d == out.layout.axis) == (from == in.layout.axis);
    }
    if (!fits) {
        return mote_fail(context, MOTE_ERROR_SHAPE,
                         "transpose wants two block tensors of one format, the output's shape and axis being "
                         "the input's with the last two dimensions exchanged");
    }
    const mote_resolved_layout *from = &in.layout, *to = &out.layout;
    size_t line_bytes = from->line_bytes;
    size_t scale_bytes = from->sizes.blocks_per_line * (size_t)from->traits->scale_bytes;
    size_t index[MOTE_MAXIMUM_RANK] = {0};
    mote_box box = {{0}, {0}};
    memcpy(box.extent, from->shape, sizeof box.extent);
    output->tensor_scale = input->tensor_scale;
    if (from->sizes.count == 0) {
        return MOTE_OK;
    }
    if (from->axis >= a) {
        memcpy(output->elements, input->elements, from->sizes.element_bytes);
        memcpy(output->scales, input->scales, from->sizes.scale_bytes);
        return MOTE_OK;
    }
    do {
        size_t source = 0, target = 0;
        for (int d = 0; d < rank; d++) {
            source += from->line_stride[d] * index[d];
            target += to->line_stride[d == a ? b : d == b ? a : d] * index[d];
        }
        memcpy((uint8_t *)output->elements + target * line_bytes,
               (const uint8_t *)input->elements + source * line_bytes, line_bytes);
        memcpy(output->scales + target * scale_bytes, input->scales + source * scale_bytes, scale_bytes);
    } while (mote_box_next(&box, rank, 1u << from->axis, index));
    return MOTE_OK;
}
