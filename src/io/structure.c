/* Structures: atoms gathered into residues, and the arrays they become. */
#include "io/structure.h"

#include <math.h>
#include <string.h>

#include "io/format.h"
#include "io/structure_format.h"

enum {
    RESIDUES_MAXIMUM = 1 << 22,
    CHAINS_MAXIMUM = 1 << 14,
    CHAIN_NAME_MAXIMUM = 64,
    FIRST_CAPACITY = 256,
    NAME_BYTES = 8
};

struct mote_structure_memory {
    mote_context *context;
    mote_arena arena;
};

/* A residue while its atoms arrive. */
typedef struct residue {
    float positions[MOTE_ATOM_COUNT][3], occupancies[MOTE_ATOM_COUNT];
    uint64_t present; /* bit a: atom a */
    float factor;
    int32_t number;
    uint32_t chain;
    char insertion, name[NAME_BYTES]; /* the name's first bytes, for comparison */
    uint8_t type;
    bool known; /* the type is in the name */
} residue;

struct mote_structure_builder {
    const mote_text_file *text;
    residue *residues;
    size_t count, capacity;
    const char **chains; /* in the text's arena */
    size_t chain_count, chain_capacity;
};

/* ---- numbers ---- */

bool mote_structure_integer(const char *bytes, size_t length, int32_t *number)
{
    size_t i = length > 0 && (bytes[0] == '-' || bytes[0] == '+');
    int64_t value = 0;
    if (i == length) {
        return false;
    }
    for (; i < length; i++) {
        if (bytes[i] < '0' || bytes[i] > '9' || value > INT32_MAX) {
            return false;
        }
        value = 10 * value + (bytes[i] - '0');
    }
    value = bytes[0] == '-' ? -value : value;
    *number = (int32_t)value;
    return value >= INT32_MIN && value <= INT32_MAX;
}

/* Digits exactly as far as 64 bits hold them, which is further than any file has them; independent of the locale. */
bool mote_structure_number(const char *bytes, size_t length, float *number)
{
    size_t i = length > 0 && (bytes[0] == '-' || bytes[0] == '+');
    uint64_t digits = 0;
    int32_t exponent = 0, scale = 0;
    bool any = false, point = false;
    for (; i < length && bytes[i] != 'e' && bytes[i] != 'E'; i++) {
        if (bytes[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (bytes[i] < '0' || bytes[i] > '9' || digits > UINT64_MAX / 10 - 1) {
            return false;
        }
        digits = 10 * digits + (uint64_t)(bytes[i] - '0');
        scale -= point;
        any = true;
    }
    if (!any || (i < length && (!mote_structure_integer(bytes + i + 1, length - i - 1, &exponent) || exponent > 99 ||
                                exponent < -99))) {
        return false;
    }
    exponent += scale;
    double power = 1;
    for (int32_t k = exponent < 0 ? -exponent : exponent; k > 0; k--) {
        power *= 10;
    }
    double value = exponent < 0 ? (double)digits / power : (double)digits * power;
    *number = (float)(bytes[0] == '-' ? -value : value);
    return isfinite(*number);
}

/* ---- residues ---- */

/* A copy of count items with room for twice as many; releases the old one. */
static bool grow(mote_context *context, void **items, size_t count, size_t *capacity, size_t size)
{
    size_t wanted = *capacity ? 2 * *capacity : FIRST_CAPACITY;
    void *grown = mote_allocate_array(context, wanted, size);
    if (!grown) {
        return false;
    }
    if (count > 0) {
        memcpy(grown, *items, count * size);
    }
    mote_release(context, *items);
    *items = grown;
    *capacity = wanted;
    return true;
}

/* The number of a chain, new or old. Chains come one after the other, so that the last is nearly always it. */
static mote_status find_chain(mote_structure_builder *b, const mote_structure_atom *atom, uint32_t *chain)
{
    const mote_text_file *text = b->text;
    for (size_t i = b->chain_count; i-- > 0;) {
        if (strlen(b->chains[i]) == atom->chain_length && memcmp(b->chains[i], atom->chain, atom->chain_length) == 0) {
            *chain = (uint32_t)i;
            return MOTE_OK;
        }
    }
    if (b->chain_count == CHAINS_MAXIMUM || atom->chain_length > CHAIN_NAME_MAXIMUM) {
        return b->chain_count == CHAINS_MAXIMUM
                   ? mote_text_file_bad(text, atom->at, "more than %d chains", CHAINS_MAXIMUM)
                   : mote_text_file_bad(text, atom->at, "expected a chain's name of at most %d letters, found %zu",
                                        CHAIN_NAME_MAXIMUM, atom->chain_length);
    }
    for (size_t i = 0; i < atom->chain_length; i++) {
        if (atom->chain[i] <= ' ' || atom->chain[i] >= 0x7F) {
            return mote_text_file_bad(text, atom->at, "expected a chain's name of letters, found the byte 0x%02X",
                                      (unsigned)(uint8_t)atom->chain[i]);
        }
    }
    void *items = b->chains;
    if (b->chain_count == b->chain_capacity &&
        !grow(text->context, &items, b->chain_count, &b->chain_capacity, sizeof *b->chains)) {
        return MOTE_ERROR_MEMORY;
    }
    b->chains = items;
    char *name = mote_arena_string(text->context, text->arena, atom->chain, atom->chain_length);
    if (!name) {
        return MOTE_ERROR_MEMORY;
    }
    *chain = (uint32_t)b->chain_count;
    b->chains[b->chain_count++] = name;
    return MOTE_OK;
}

static bool is_name(const char *name, size_t length, const char *wanted)
{
    return length == strlen(wanted) && memcmp(name, wanted, length) == 0;
}

static mote_status begin_residue(mote_structure_builder *b, const mote_structure_atom *atom, uint32_t chain)
{
    void *items = b->residues;
    if (b->count == RESIDUES_MAXIMUM) {
        return mote_text_file_bad(b->text, atom->at, "more than %d residues", RESIDUES_MAXIMUM);
    }
    if (b->count == b->capacity && !grow(b->text->context, &items, b->count, &b->capacity, sizeof *b->residues)) {
        return MOTE_ERROR_MEMORY;
    }
    b->residues = items;
    residue *r = &b->residues[b->count++];
    int type = is_name(atom->residue, atom->residue_length, "MSE")
                   ? mote_residue_named("MET", 3)
                   : mote_residue_named(atom->residue, atom->residue_length);
    *r = (residue){.number = atom->number, .chain = chain, .insertion = atom->insertion, .factor = atom->factor};
    r->type = (uint8_t)(type < 0 ? MOTE_RESIDUE_X : type);
    r->known = type >= 0;
    memcpy(r->name, atom->residue, mote_size_min(atom->residue_length, NAME_BYTES));
    return MOTE_OK;
}

/* True if a residue is made of amino acid; those of unknown names show it by their backbone. */
static bool is_protein(const residue *r)
{
    const uint64_t backbone = 1u << MOTE_ATOM_N | 1u << MOTE_ATOM_CA | 1u << MOTE_ATOM_C;
    return r->known ? r->present != 0 : (r->present & backbone) == backbone;
}

/* Forgets the last residue if it is none of a protein. */
static void end_residue(mote_structure_builder *b)
{
    if (b->count > 0 && !is_protein(&b->residues[b->count - 1])) {
        b->count--;
    }
}

mote_status mote_structure_add(mote_structure_builder *b, const mote_structure_atom *atom)
{
    residue *r = b->count > 0 ? &b->residues[b->count - 1] : NULL;
    uint32_t chain = 0;
    mote_status status = find_chain(b, atom, &chain);
    if (status != MOTE_OK) {
        return status;
    }
    if (!r || r->chain != chain || r->number != atom->number || r->insertion != atom->insertion) {
        end_residue(b);
        status = begin_residue(b, atom, chain);
        if (status != MOTE_OK) {
            return status;
        }
        r = &b->residues[b->count - 1];
    }
    char name[NAME_BYTES] = {0};
    memcpy(name, atom->residue, mote_size_min(atom->residue_length, NAME_BYTES));
    if (memcmp(name, r->name, NAME_BYTES) != 0) {
        return MOTE_OK; /* another residue at the same place */
    }
    int which = mote_atom_named(atom->name, atom->name_length);
    if (is_name(atom->residue, atom->residue_length, "MSE") && is_name(atom->name, atom->name_length, "SE")) {
        which = MOTE_ATOM_SD;
    }
    if (which < 0 || (r->present >> which & 1 && atom->occupancy <= r->occupancies[which])) {
        return MOTE_OK;
    }
    memcpy(r->positions[which], atom->position, sizeof atom->position);
    r->occupancies[which] = atom->occupancy;
    r->present |= (uint64_t)1 << which;
    r->factor = which == MOTE_ATOM_CA ? atom->factor : r->factor;
    return MOTE_OK;
}

/* ---- arrays ---- */

const char *mote_chain_name(size_t chain, char name[MOTE_CHAIN_NAME_BYTES])
{
    static const char single[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char *begin = name + MOTE_CHAIN_NAME_BYTES - 1;
    *begin = '\0';
    if (chain < sizeof single - 1) {
        *--begin = single[chain];
    } else { /* numbers of 26 digits without a zero; the first of two digits is 26 */
        size_t left = chain - (sizeof single - 1) + 26 + 1;
        for (; left > 0; left = (left - 1) / 26) {
            *--begin = (char)('A' + (left - 1) % 26);
        }
    }
    return begin;
}

static bool name_chains(mote_context *context, mote_arena *arena, mote_structure *s)
{
    for (size_t i = 0; i < s->chain_count; i++) {
        char name[MOTE_CHAIN_NAME_BYTES];
        const char *begin = mote_chain_name(i, name);
        s->chain_names[i] = mote_arena_string(context, arena, begin, strlen(begin));
        if (!s->chain_names[i]) {
            return false;
        }
    }
    return true;
}

mote_structure *mote_structure_create(mote_context *context, size_t residues, size_t chain_count)
{
    size_t atoms;
    if (!mote_size_multiply(residues, MOTE_ATOM_COUNT * 3 * sizeof(float), &atoms)) {
        mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: a structure of %zu residues", residues);
        return NULL;
    }
    struct mote_structure_memory *memory = mote_allocate(context, sizeof *memory);
    if (!memory) {
        return NULL;
    }
    *memory = (struct mote_structure_memory){.context = context};
    mote_arena *arena = &memory->arena;
    mote_structure made = {.residues = residues, .chain_count = chain_count, .memory = memory}, *structure;
    structure = mote_arena_allocate(context, arena, sizeof *structure);
    made.chain_names = mote_arena_allocate(context, arena, chain_count * sizeof *made.chain_names);
    made.types = mote_arena_allocate(context, arena, residues);
    made.chains = mote_arena_allocate(context, arena, residues * sizeof *made.chains);
    made.numbers = mote_arena_allocate(context, arena, residues * sizeof *made.numbers);
    made.insertions = mote_arena_allocate(context, arena, residues);
    made.positions = mote_arena_allocate(context, arena, atoms);
    made.mask = mote_arena_allocate(context, arena, residues * MOTE_ATOM_COUNT);
    made.factors = mote_arena_allocate(context, arena, residues * sizeof *made.factors);
    if (!structure || !made.chain_names || !name_chains(context, arena, &made) || !made.types || !made.chains ||
        !made.numbers || !made.insertions || !made.positions || !made.mask || !made.factors) {
        mote_arena_clear(context, arena);
        mote_release(context, memory);
        return NULL;
    }
    *structure = made;
    memset(structure->types, 0, residues);
    memset(structure->chains, 0, residues * sizeof *structure->chains);
    memset(structure->numbers, 0, residues * sizeof *structure->numbers);
    memset(structure->insertions, 0, residues);
    memset(structure->positions, 0, atoms);
    memset(structure->mask, 0, residues * MOTE_ATOM_COUNT);
    memset(structure->factors, 0, residues * sizeof *structure->factors);
    return structure;
}

void mote_structure_free(mote_structure *structure)
{
    if (structure) {
        struct mote_structure_memory *memory = structure->memory;
        mote_arena_clear(memory->context, &memory->arena);
        mote_release(memory->context, memory);
    }
}

/* Chains of proteins alone, and the residues of each together, in the order in which chains begin. */
static mote_status finish(const mote_structure_builder *b, uint32_t *map, size_t *begins, mote_structure **made)
{
    mote_context *context = b->text->context;
    size_t chains = 0, at = 0;
    memset(begins, 0, b->chain_count * sizeof *begins);
    for (size_t i = 0; i < b->count; i++) {
        begins[b->residues[i].chain]++;
    }
    for (size_t i = 0; i < b->chain_count; i++) {
        size_t count = begins[i];
        map[i] = (uint32_t)chains;
        chains += count > 0;
        begins[i] = at;
        at += count;
    }
    mote_structure *s = *made = mote_structure_create(context, b->count, chains);
    if (!s) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < b->chain_count; i++) {
        const char *name = *b->chains[i] ? b->chains[i] : "_";
        bool empty = begins[i] == (i + 1 < b->chain_count ? begins[i + 1] : b->count);
        if (!empty && !(s->chain_names[map[i]] = mote_arena_string(context, &s->memory->arena, name, strlen(name)))) {
            return MOTE_ERROR_MEMORY;
        }
    }
    for (size_t i = 0; i < b->count; i++) {
        const residue *r = &b->residues[i];
        size_t place = begins[r->chain]++;
        s->types[place] = r->type;
        s->chains[place] = map[r->chain];
        s->numbers[place] = r->number;
        s->insertions[place] = r->insertion;
        s->factors[place] = r->factor;
        for (size_t a = 0; a < MOTE_ATOM_COUNT; a++) {
            s->mask[place * MOTE_ATOM_COUNT + a] = r->present >> a & 1;
            memcpy(s->positions + (place * MOTE_ATOM_COUNT + a) * 3, r->positions[a], sizeof r->positions[a]);
        }
    }
    return MOTE_OK;
}

/* ---- the file ---- */

static mote_status parse(const mote_text_file *text, mote_structure_builder *b, mote_structure **structure)
{
    mote_context *context = text->context;
    mote_status status =
        mote_structure_is_mmcif(text) ? mote_structure_parse_mmcif(text, b) : mote_structure_parse_pdb(text, b);
    if (status != MOTE_OK) {
        return status;
    }
    end_residue(b);
    if (b->count == 0) {
        return mote_bad_path(context, text->path, "expected atoms of a protein, found none");
    }
    uint32_t *map = mote_allocate_array(context, b->chain_count, sizeof *map);
    size_t *begins = mote_allocate_array(context, b->chain_count, sizeof *begins);
    status = map && begins ? finish(b, map, begins, structure) : MOTE_ERROR_MEMORY;
    mote_release(context, map);
    mote_release(context, begins);
    return status;
}

mote_status mote_structure_read(mote_context *context, const char *path, mote_structure **structure)
{
    uint8_t *bytes;
    mote_arena arena = {NULL};
    mote_text_file text = {.context = context, .path = path, .arena = &arena};
    mote_structure_builder builder = {.text = &text};
    *structure = NULL;
    mote_status status = mote_text_file_read(context, path, &bytes, &text.size);
    if (status == MOTE_OK) {
        text.bytes = bytes;
        status = parse(&text, &builder, structure);
    }
    mote_release(context, bytes);
    mote_release(context, builder.residues);
    mote_release(context, builder.chains);
    mote_arena_clear(context, &arena);
    if (status != MOTE_OK) {
        mote_structure_free(*structure);
        *structure = NULL;
    }
    return status;
}

mote_status mote_structure_check(mote_context *context, const char *path, const mote_structure *s)
{
    size_t atoms = 0;
    for (size_t i = 0; i < s->residues; i++) {
        uint32_t chain = s->chains[i], before = i > 0 ? s->chains[i - 1] : 0;
        if (s->types[i] >= MOTE_RESIDUE_TYPES || chain < before || chain - before > (i > 0)) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT,
                             "%s: residue %zu: expected a type below %d and chain %u or the next, found type %d and "
                             "chain %u",
                             path, i + 1, MOTE_RESIDUE_TYPES, (unsigned)before, s->types[i], (unsigned)chain);
        }
        bool finite = isfinite(s->factors[i]);
        for (size_t a = 0; a < MOTE_ATOM_COUNT; a++) {
            const float *p = s->positions + (i * MOTE_ATOM_COUNT + a) * 3;
            if (s->mask[i * MOTE_ATOM_COUNT + a]) {
                finite = finite && isfinite(p[0]) && isfinite(p[1]) && isfinite(p[2]);
                atoms++;
            }
        }
        if (!finite) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT,
                             "%s: residue %zu: expected finite coordinates and factors, found NaN or infinity", path,
                             i + 1);
        }
    }
    if (s->residues == 0 || s->chains[s->residues - 1] + 1 != s->chain_count) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "%s: expected residues in each of %zu chains", path,
                         s->chain_count);
    }
    return atoms > 0 ? MOTE_OK
                     : mote_fail(context, MOTE_ERROR_ARGUMENT, "%s: a structure without atoms: nothing to write", path);
}
