/* The reader of XYZ files against arbitrary bytes: read twice, both times the same way; what is read must be what the
 * header promises. */
#define _GNU_SOURCE
#include <math.h>

#include "fuzz.h"
#include "io/elements.h"
#include "io/xyz.h"

static uint64_t digest_of(mote_context *context, const mote_xyz_structure *structures, size_t count)
{
    uint64_t digest = count;
    demand(count > 0, "no structure");
    for (size_t i = 0; i < count; i++) {
        const mote_xyz_structure *x = &structures[i];
        double number;
        mote_status status = mote_xyz_number(context, "the file", x, "energy", &number);
        demand(status != MOTE_OK || isfinite(number), "a number that is not finite");
        demand_message(context, status);
        demand(x->atoms > 0 && x->line > 0, "a structure without atoms");
        for (size_t a = 0; a < x->atoms; a++) {
            demand(x->elements[a] >= 1 && x->elements[a] <= MOTE_ELEMENTS, "an element that is none");
            for (size_t d = 0; d < 3; d++) {
                demand(isfinite(x->positions[3 * a + d]), "a coordinate that is not finite");
            }
        }
        digest = fuzz_digest(digest, x->comment, strlen(x->comment));
        digest = fuzz_digest(digest, x->elements, x->atoms);
        digest = fuzz_digest(digest, x->positions, 3 * x->atoms * sizeof *x->positions);
    }
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mote_context *context = fuzz_context();
    const char *path = fuzz_file(data, size);
    uint64_t digests[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        mote_arena arena = {0};
        mote_xyz_structure *structures = NULL;
        size_t count = 0;
        mote_status status = mote_xyz_read(context, path, &arena, &structures, &count);
        demand_message(context, status);
        digests[i] = status == MOTE_OK ? digest_of(context, structures, count) : 0;
        mote_arena_clear(context, &arena);
    }
    demand(digests[0] == digests[1], "the same bytes were read in two ways");
    return 0;
}
