/* The family over vector_<isa>.h. Transposing takes squares of LANES in registers, so that a line of memory is read
 * once even where rows lie a power of two apart and share a set of the cache. Columns are summed in as many chains as
 * there are columns, all of them in registers while the rows pass. */
#include "kernels/kernels.h"

#define INLINE static inline __attribute__((always_inline))

INLINE void transpose(size_t rows, size_t columns, const float *from, size_t from_stride, float *to, size_t to_stride)
{
    for (size_t r = 0; r < rows; r += LANES) {
        for (size_t c = 0; c < columns; c += LANES) {
            vint square[LANES];
            for (size_t i = 0; i < LANES; i++) {
                square[i] = vi_load(from + (r + i) * from_stride + c);
            }
            vi_transpose(square);
            for (size_t i = 0; i < LANES; i++) {
                vi_store(to + (c + i) * to_stride + r, square[i]);
            }
        }
    }
}

INLINE void sum_columns(size_t rows, size_t columns, const float *values, ptrdiff_t stride, double *sums)
{
    enum { WIDE = LANES / 2, CHAINS = 8, STRIP = CHAINS * WIDE };
    size_t whole = columns - columns % STRIP;
    for (size_t c = 0; c < whole; c += STRIP) {
        vdouble sum[CHAINS];
        for (int i = 0; i < CHAINS; i++) {
            sum[i] = vd_load(sums + c + i * WIDE);
        }
        for (size_t r = 0; r < rows; r++) {
            const float *row = values + (ptrdiff_t)r * stride + c;
            for (int i = 0; i < CHAINS; i++) {
                sum[i] = vd_add(sum[i], vd_load_floats(row + i * WIDE));
            }
        }
        for (int i = 0; i < CHAINS; i++) {
            vd_store(sums + c + i * WIDE, sum[i]);
        }
    }
    mote_sum_columns__c(rows, columns - whole, values + whole, stride, sums + whole);
}
