/* What every instruction set's lanes are made with. */
#ifndef MOTE_KERNELS_VECTOR_LANES_TYPES_H
#define MOTE_KERNELS_VECTOR_LANES_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };

/* Four lanes: what a horizontal sum or maximum has left after two halvings. */
typedef float lanes_quarter __attribute__((vector_size(16)));

#endif
