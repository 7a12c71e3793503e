/* The reader of alignments against arbitrary bytes: read twice; both times must go the same way, and what is read must
 * be what the header promises. */
#define _GNU_SOURCE
#include "fuzz.h"
#include "io/alignment.h"

static void check_chains(const mote_alignment *a)
{
    size_t sum = 0;
    for (size_t i = 0; i < a->chain_count; i++) {
        demand(a->chains[i].name && a->chains[i].length > 0 && a->chains[i].copies > 0, "an empty chain");
        sum += a->chains[i].length;
    }
    demand(sum == a->columns, "chains that do not add up to the query");
}

static uint64_t read_all(mote_context *context, const char *path)
{
    mote_alignment *a;
    mote_status status = mote_alignment_read(context, path, &a);
    uint64_t digest = (uint64_t)status;
    demand((status == MOTE_OK) == (a != NULL), "a status that does not fit the alignment");
    demand_message(context, status);
    if (status != MOTE_OK) {
        return digest;
    }
    demand(a->rows > 0 && a->columns > 0 && strlen(a->query) == a->columns, "an empty alignment");
    check_chains(a);
    for (size_t i = 0; i < a->rows * a->columns; i++) {
        demand(a->codes[i] < MOTE_RESIDUE_CODES, "a code out of range");
        digest = (digest * 31 + a->codes[i]) * 31 + a->deletions[i];
    }
    for (size_t i = 0; i < a->columns; i++) {
        demand(a->codes[i] != MOTE_RESIDUE_GAP && a->codes[i] == mote_residue_code((uint8_t)a->query[i]),
               "a query with a gap, or that is not the first row");
    }
    for (size_t i = 0; i < a->rows; i++) {
        digest = digest * 31 + strlen(a->names[i]);
    }
    mote_alignment_free(a);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mote_context *context = fuzz_context();
    const char *path = fuzz_file(data, size);
    demand(read_all(context, path) == read_all(context, path), "the same bytes were read in two ways");
    return 0;
}
