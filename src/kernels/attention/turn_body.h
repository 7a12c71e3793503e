/* Transposing over vector_<isa>.h: LANES rows by four columns at a time, in registers. */
#include "kernels/attention/attention_body.h"

INLINE void attention_turn(size_t rows, size_t columns, const float *from, size_t from_stride, float *to,
                           size_t to_stride)
{
    for (size_t r = 0; r < rows; r += LANES) {
        for (size_t c = 0; c < columns; c += 4) {
            vint turned[4];
            vi_load_transposed((const uint8_t *)(from + r * from_stride + c), from_stride * sizeof *from, 16, LANES,
                               turned);
            for (size_t i = 0; i < 4; i++) {
                vi_store(to + (c + i) * to_stride + r, turned[i]);
            }
        }
    }
}
