/* Who sees whom. */
#include "kernels/attention/attention.h"

/* Positions of a stretch with the same number as a query's: one run, which neighbouring queries share. */
typedef struct run {
    bool known;
    int32_t number;
    size_t first, last;
} run;

static void find_run(const int32_t *segments, int32_t number, size_t first, size_t last, run *r)
{
    if (r->known && r->number == number) {
        return;
    }
    while (first < last && segments[first] != number) {
        first++;
    }
    while (last > first && segments[last - 1] != number) {
        last--;
    }
    *r = (run){true, number, first, last};
}

mote_attention_range mote_attention_see(const mote_attention_shape *shape, size_t batch, size_t query, size_t rows,
                                        size_t key, size_t keys, mote_attention_range *seen)
{
    const int32_t *segments = shape->segments ? shape->segments + batch * shape->queries : NULL;
    mote_attention_range all = {(int)keys, 0};
    run same = {0};
    for (size_t r = 0; r < rows; r++) {
        size_t i = query + r, first = key, last = key + keys;
        if (shape->causal && last > i + 1) {
            last = i + 1;
        }
        if (shape->window && i >= shape->window && first < i + 1 - shape->window) {
            first = i + 1 - shape->window;
        }
        if (shape->window && shape->window < last && i < last - shape->window) {
            last = i + shape->window;
        }
        if (segments && first < last) {
            if (segments[i] < 0) {
                last = first;
            } else {
                find_run(segments, segments[i], key, key + keys, &same);
                first = first > same.first ? first : same.first;
                last = last < same.last ? last : same.last;
            }
        }
        seen[r] = (mote_attention_range){0, 0};
        if (first < last) {
            seen[r] = (mote_attention_range){(int)(first - key), (int)(last - key)};
            all.first = seen[r].first < all.first ? seen[r].first : all.first;
            all.last = seen[r].last > all.last ? seen[r].last : all.last;
        }
    }
    return all;
}

double mote_attention_pairs(const mote_attention_shape *shape)
{
    mote_attention_shape all = *shape;
    double pairs = 0;
    all.segments = NULL;
    for (size_t i = 0; i < all.queries; i++) {
        mote_attention_range seen;
        mote_attention_see(&all, 0, i, 1, 0, all.keys, &seen);
        pairs += seen.last - seen.first;
    }
    return pairs;
}
