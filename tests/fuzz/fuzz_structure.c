/* The reader of structures against arbitrary bytes: read twice, both times the same way; what is read must be what the
 * header promises, and must come back from an mmCIF file that is written of it. */
#define _GNU_SOURCE
#include "fuzz.h"
#include "io/structure.h"

static uint64_t digest_of(const mote_structure *s, bool exact)
{
    uint64_t digest = s->residues * 31 + s->chain_count;
    for (size_t i = 0; i < s->residues; i++) {
        demand(s->types[i] < MOTE_RESIDUE_TYPES && s->chains[i] < s->chain_count, "a residue out of range");
        demand(s->chains[i] - (i > 0 ? s->chains[i - 1] : 0) <= (i > 0), "chains out of order");
        const char *name = s->chain_names[s->chains[i]];
        demand(*name && strlen(name) <= 64, "a chain without a name");
        digest = fuzz_digest(digest, name, strlen(name));
        digest = fuzz_digest(digest, &s->numbers[i], sizeof s->numbers[i]);
        digest = digest * 31 + s->types[i];
        for (size_t a = 0; a < MOTE_ATOM_COUNT; a++) {
            digest = digest * 3 + s->mask[i * MOTE_ATOM_COUNT + a];
        }
    }
    if (exact) {
        digest = fuzz_digest(digest, s->positions, s->residues * MOTE_ATOM_COUNT * 3 * sizeof(float));
        digest = fuzz_digest(digest, s->factors, s->residues * sizeof(float));
    }
    return digest;
}

static mote_structure *read_structure(mote_context *context, const char *path)
{
    mote_structure *s;
    mote_status status = mote_structure_read(context, path, &s);
    demand((status == MOTE_OK) == (s != NULL), "a status that does not fit the structure");
    demand_message(context, status);
    return s;
}

/* Residues of unknown names are read back only with all of their backbone, which they have. Places that two residues
 * share do not survive either: the digest would tell. */
static void write_and_read(mote_context *context, const mote_structure *s)
{
    char path[256];
    fuzz_write(0, "structure.cif", (const uint8_t *)"", 0);
    snprintf(path, sizeof path, "%s/structure.cif", fuzz_folder());
    mote_status status = mote_structure_write_mmcif(context, path, "", s);
    demand_message(context, status);
    if (status != MOTE_OK) {
        return;
    }
    mote_structure *again = read_structure(context, path);
    demand(again != NULL, "what was written cannot be read");
    for (size_t i = 1; i < s->residues; i++) {
        if (s->numbers[i] == s->numbers[i - 1] && s->chains[i] == s->chains[i - 1]) {
            mote_structure_free(again);
            return;
        }
    }
    demand(digest_of(again, false) == digest_of(s, false), "what was written reads differently");
    mote_structure_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mote_context *context = fuzz_context();
    const char *path = fuzz_file(data, size);
    mote_structure *first = read_structure(context, path), *second = read_structure(context, path);
    demand((first == NULL) == (second == NULL), "the same bytes were read in two ways");
    if (first) {
        demand(digest_of(first, true) == digest_of(second, true), "the same bytes were read in two ways");
        write_and_read(context, first);
    }
    mote_structure_free(first);
    mote_structure_free(second);
    return 0;
}
