/* Frames: 1.8.1, and Alg. 23. */
#include "models/structure/layers.h"

mote_frames mote_frames_origin(mote_graph *graph, size_t count)
{
    static const float one[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    mote_value matrix = mote_graph_array(graph, 2, (size_t[]){3, 3}, one);
    return (mote_frames){mote_graph_broadcast(graph, matrix, 3, (size_t[]){count, 3, 3}),
                         mote_graph_constant(graph, 2, (size_t[]){count, 3}, 0)};
}

/* Translations [..., 3] as points [..., 1, 3]: one for all points of a frame. */
static mote_value as_points(mote_graph *graph, mote_value translations)
{
    size_t shape[MOTE_MAXIMUM_RANK];
    int rank = 0;
    if (translations < 0) {
        return MOTE_NO_VALUE;
    }
    const mote_layout *t = mote_layout_of(graph, translations);
    for (; rank < t->rank - 1 && rank < MOTE_MAXIMUM_RANK - 2; rank++) {
        shape[rank] = t->shape[rank];
    }
    shape[rank++] = 1;
    shape[rank++] = 3;
    return mote_graph_reshape(graph, translations, rank, shape);
}

mote_value mote_frames_apply(mote_graph *graph, const mote_frames *frames, mote_value x)
{
    mote_value turned = mote_graph_rotate(graph, frames->rotations, x, 0);
    return mote_graph_add(graph, turned, as_points(graph, frames->translations));
}

mote_value mote_frames_apply_inverse(mote_graph *graph, const mote_frames *frames, mote_value x)
{
    mote_value moved = mote_graph_subtract(graph, x, as_points(graph, frames->translations));
    return mote_graph_rotate(graph, frames->rotations, moved, 1);
}

/* x with its last two dimensions exchanged. */
static mote_value transposed(mote_graph *graph, mote_value x)
{
    int axes[MOTE_MAXIMUM_RANK], rank = x < 0 ? 2 : mote_layout_of(graph, x)->rank;
    rank = rank < 2 ? 2 : rank; /* the permutation refuses it */
    for (int d = 0; d < rank; d++) {
        axes[d] = d;
    }
    axes[rank - 2] = rank - 1;
    axes[rank - 1] = rank - 2;
    return mote_graph_permute(graph, x, axes);
}

mote_frames mote_frames_compose(mote_graph *graph, const mote_frames *one, const mote_frames *other)
{
    mote_value columns = mote_graph_rotate(graph, one->rotations, transposed(graph, other->rotations), 0);
    mote_value moved = mote_graph_rotate(graph, one->rotations, as_points(graph, other->translations), 0);
    if (moved >= 0) {
        mote_layout t = *mote_layout_of(graph, other->translations);
        moved = mote_graph_reshape(graph, moved, t.rank, t.shape);
    }
    return (mote_frames){transposed(graph, columns), mote_graph_add(graph, moved, one->translations)};
}

/* A rotation is linear in the products of its quaternion (w, x, y, z) with itself: rows are products ww, wx, ... zz,
 * columns the nine numbers of the matrix. */
static const float from_products[16][9] = {
    [0] = {1, 0, 0, 0, 1, 0, 0, 0, 1},    [1] = {0, 0, 0, 0, 0, -2, 0, 2, 0},   [2] = {0, 0, 2, 0, 0, 0, -2, 0, 0},
    [3] = {0, -2, 0, 2, 0, 0, 0, 0, 0},   [5] = {1, 0, 0, 0, -1, 0, 0, 0, -1},  [6] = {0, 2, 0, 2, 0, 0, 0, 0, 0},
    [7] = {0, 0, 2, 0, 0, 0, 2, 0, 0},    [10] = {-1, 0, 0, 0, 1, 0, 0, 0, -1}, [11] = {0, 0, 0, 0, 0, 2, 0, 2, 0},
    [15] = {-1, 0, 0, 0, -1, 0, 0, 0, 1},
};

mote_frames mote_frames_from_update(mote_graph *graph, mote_value update)
{
    size_t count = mote_extent(graph, update, 0);
    mote_value parts[2] = {mote_graph_constant(graph, 2, (size_t[]){count, 1}, 1),
                           mote_graph_slice(graph, update, 1, 0, 3)};
    mote_value q = mote_graph_concatenate(graph, 2, parts, 1);
    mote_value length = mote_graph_map(graph, "sqrt", mote_structure_squared_length(graph, q, 2));
    q = mote_graph_divide(graph, q, mote_structure_reshape2(graph, length, count, 1));
    mote_value products = mote_graph_multiply(graph, mote_structure_reshape3(graph, q, count, 4, 1),
                                              mote_structure_reshape3(graph, q, count, 1, 4));
    products = mote_graph_multiply(graph, mote_structure_reshape3(graph, products, count, 16, 1),
                                   mote_graph_array(graph, 2, (size_t[]){16, 9}, from_products[0]));
    mote_value rotations = mote_graph_sum(graph, products, 1, 1);
    return (mote_frames){mote_structure_reshape3(graph, rotations, count, 3, 3),
                         mote_graph_slice(graph, update, 1, 3, 3)};
}
