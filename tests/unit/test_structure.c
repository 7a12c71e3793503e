/* Structures: what is read and left out, what is refused and how, and where the formats that are written end. */
#include "folder.h"

#include <float.h>
#include <locale.h>
#include <math.h>

#include "io/structure.h"

/* A structure as "chain.number+insertion NAME:atom(x)...". */
static void describe(const mote_structure *s, char *all, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < s->residues; i++) {
        n += (size_t)snprintf(all + n, size - n, "%s%s.%d%c %s:", i ? "; " : "", s->chain_names[s->chains[i]],
                              s->numbers[i], s->insertions[i] ? s->insertions[i] : '_', mote_residue_name(s->types[i]));
        for (int a = 0; a < MOTE_ATOM_COUNT; a++) {
            size_t at = i * MOTE_ATOM_COUNT + (size_t)a;
            if (s->mask[at]) {
                n += (size_t)snprintf(all + n, size - n, "%s(%g)", mote_atom_name(a), (double)s->positions[3 * at]);
            }
        }
    }
}

#define LINE(record, atom, residue, place, x, rest)                                                                    \
    record "    1 " atom residue " " place "   " x "   2.000   3.000" rest "\n"
#define GLY(x) LINE("ATOM  ", " CA  ", "GLY", "A   1 ", x, "")
#define CIF                                                                                                            \
    "data_x\nloop_\n_atom_site.group_PDB\n_atom_site.label_atom_id\n_atom_site.label_comp_id\n"                        \
    "_atom_site.label_asym_id\n_atom_site.label_seq_id\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n"

static const struct {
    const char *text, *all;
} good[] = {
    {GLY("   1.000"), "A.1_ GLY:CA(1)"},
    {"REMARK\r\n" GLY("-100.500") "TER\nEND\n" GLY("   2.000"), "A.1_ GLY:CA(-100.5)"},
    /* the most occupied of alternatives, the first of equals; residues at one place: the first */
    {LINE("ATOM  ", " CA A", "GLY", "A   1 ", "   1.000", "  0.40")
         LINE("ATOM  ", " CA B", "GLY", "A   1 ", "   2.000", "  0.60")
             LINE("ATOM  ", " CA C", "GLY", "A   1 ", "   3.000", "  0.60")
                 LINE("ATOM  ", " CA D", "SER", "A   1 ", "   4.000", "  0.90"),
     "A.1_ GLY:CA(2)"},
    /* selenomethionine; other names only with a backbone; insertion codes */
    {LINE("HETATM", "SE   ", "MSE", "A   1 ", "   1.000", "") LINE("ATOM  ", " CA  ", "SEP", "A   2 ", "   1.000", "")
         LINE("HETATM", " N   ", "SEP", "A   3 ", "   1.000", "")
             LINE("HETATM", " CA  ", "SEP", "A   3 ", "   2.000", "")
                 LINE("HETATM", " C   ", "SEP", "A   3 ", "   3.000", "")
                     LINE("HETATM", " P   ", "SEP", "A   3 ", "   4.000", "")
                         LINE("ATOM  ", " N   ", "UNK", "A   3A", "   5.000", ""),
     "A.1_ MET:SD(1); A.3_ UNK:N(1)CA(2)C(3); A.3A UNK:N(5)"},
    /* behind TER only ATOM records are of the polymer; chains are put together again */
    {GLY("   1.000") LINE("ATOM  ", " CA  ", "ALA", "B  -5 ", "   2.000", "") "TER\n" LINE(
         "HETATM", " CA  ", "GLY", "B   9 ", "   3.000", "") LINE("HETATM", " CA  ", "SER", "A   2 ", "   4.000", "")
         LINE("ATOM  ", " CA  ", "CYS", "B   7 ", "   5.000", ""),
     "A.1_ GLY:CA(1); A.2_ SER:CA(4); B.-5_ ALA:CA(2); B.7_ CYS:CA(5)"},
    {GLY("   1.000") "ENDMDL\n" LINE("ATOM  ", " CA  ", "ALA", "A   2 ", "   2.000", ""), "A.1_ GLY:CA(1)"},
    {LINE("ATOM  ", " CA  ", "GLY", "    1 ", "   1.000", ""), "_.1_ GLY:CA(1)"},
    /* mmCIF */
    {"#\n" CIF "ATOM CA GLY AA 7 1.5 2 3\n", "AA.7_ GLY:CA(1.5)"},
    {CIF "ATOM CA GLY AA 7 +1.5e1(3) 2 3 HETATM SE MSE AA 8 1 2 3 HETATM CA GLY B . 1 2 3\nloop_ _b.c 1 2 3",
     "AA.7_ GLY:CA(15); AA.8_ MET:SD(1)"},
    {CIF "'ATOM' \"CA\" GLY 'A''B' 7\n;1.5\n;\n2 3 # and 'more\n#", "A''B.7_ GLY:CA(1.5)"},
    {CIF "ATOM CA GLY A 7 1 2 3\ndata_y " CIF "ATOM CA GLY A 7 1 2 3", "A.7_ GLY:CA(1)"},
    {"DATA_x\nLOOP_\n_ATOM_SITE.auth_atom_id _atom_site.label_comp_id _atom_site.auth_comp_id _atom_site.auth_asym_id "
     "_atom_site.auth_seq_id _atom_site.label_seq_id _atom_site.pdbx_pdb_model_num _atom_site.cartn_x "
     "_atom_site.cartn_y _atom_site.cartn_z CA ? GLY Z -3 1 5 1 2 3 CA GLY GLY Z -2 2 6 1 2 3",
     "Z.-3_ GLY:CA(1)"},
};

static void reads(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        mote_structure *s;
        char all[1024];
        unit_ok(context, mote_structure_read(context, folder_text("in", good[i].text), &s));
        describe(s, all, sizeof all);
        assert_string_equal(all, good[i].all);
        mote_structure_free(s);
    }
    mote_context_destroy(context);
}

static const struct {
    const char *text, *message;
} bad[] = {
    {"", "expected atoms of a protein, found none"},
    {"no structure\n", "expected atoms of a protein, found none"},
    {LINE("HETATM", " O   ", "HOH", "A   1 ", "   1.000", ""), "expected atoms of a protein, found none"},
    {GLY("   1.000") GLY("  1.0x00"), "line 2, column 31: expected a coordinate in columns 31 to 38, found '1.0x00'"},
    {GLY("     nan"), "line 1, column 31: expected a coordinate"},
    {GLY("        "), "found ''"},
    {"ATOM      1  CA  GLY A   1 ", "line 1, column 27: expected a coordinate in columns 31 to 38"},
    {LINE("ATOM  ", " CA  ", "GLY", "A A000", "   1.000", ""), "expected a residue's number in columns 23 to 26"},
    {LINE("ATOM  ", " CA  ", "GLY", "A   1 ", "   1.000", "  much"), "column 55: expected an occupancy"},
    {LINE("ATOM  ", " CA  ", "GLY", "\x80   1 ", "   1.000", ""), "expected a chain's name of letters"},
    {CIF "ATOM CA GLY A 7 1 2", "line 11, column 20: row 1 of the loop of atoms ends after 7 of 8 values"},
    {CIF "ATOM CA GLY A 7 1 2 3 ATOM\nCA GLY A 7 1 b 3",
     "line 12, column 14: expected a coordinate as _atom_site.Cartn_y, found 'b'"},
    {CIF "ATOM CA GLY A 7 1 ? 3", "expected a coordinate as _atom_site.Cartn_y, found '?'"},
    {CIF "ATOM CA GLY A x 1 2 3", "expected a residue's number as _atom_site.auth_seq_id, found 'x'"},
    {CIF "ATOM CA GLY A 2147483648 1 2 3", "expected a residue's number"},
    {CIF "ATOM CA GLY A 7 1e40 2 3", "expected a coordinate"},
    {CIF "ATOM CA 'GLY A 7 1 2 3\n", "line 11, column 9: expected a second ' on the line"},
    {CIF "ATOM CA\n;GLY A 7 1 2 3\n ;", "line 12, column 1: expected a line that begins with ';'"},
    {CIF "ATOM CA GLY 'A B' 7 1 2 3", "expected a chain's name of letters, found the byte 0x20"},
    {"data_x loop_ _atom_site.Cartn_x 1 2",
     "line 1, column 14: expected a loop of atoms with _atom_site.label_atom_id"},
    {"data_x _cell.a 3", "expected atoms of a protein, found none"},
};

static void refuses(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mote_structure *s = (mote_structure *)&s;
        const char *path = folder_text("in", bad[i].text);
        assert_int_equal(mote_structure_read(context, path, &s), MOTE_ERROR_FILE);
        assert_null(s);
        if (!strstr(mote_context_message(context), bad[i].message) || !strstr(mote_context_message(context), path)) {
            fail_msg("expected '%s', found '%s'", bad[i].message, mote_context_message(context));
        }
    }
    mote_context_destroy(context);
}

/* Chains of residues that have all the atoms of their number, on a grid. */
static mote_structure *make(mote_context *context, size_t chains, size_t each, const char *const *names)
{
    mote_structure *s = mote_structure_create(context, chains * each, chains);
    assert_non_null(s);
    for (size_t i = 0; i < s->residues; i++) {
        s->chains[i] = (uint32_t)(i / each);
        s->chain_names[i / each] = names[i / each];
        s->types[i] = (uint8_t)(i % each % MOTE_RESIDUE_TYPES);
        s->numbers[i] = (int32_t)(i % each) + 1;
        s->factors[i] = (float)(i % 100) + 0.25f;
        for (size_t a = 0; a < MOTE_ATOM_COUNT; a++) {
            s->mask[i * MOTE_ATOM_COUNT + a] = 1;
            for (size_t k = 0; k < 3; k++) {
                s->positions[(i * MOTE_ATOM_COUNT + a) * 3 + k] = unit_value(i * 111 + a * 3 + k) * 450;
            }
        }
    }
    return s;
}

typedef mote_status writer(mote_context *context, const char *path, const mote_structure *structure);

static mote_status write_mmcif(mote_context *context, const char *path, const mote_structure *structure)
{
    return mote_structure_write_mmcif(context, path, "some-name_1.0", structure);
}

static void same(const mote_structure *a, const mote_structure *b)
{
    assert_int_equal(a->residues, b->residues);
    assert_int_equal(a->chain_count, b->chain_count);
    assert_memory_equal(a->types, b->types, a->residues);
    assert_memory_equal(a->mask, b->mask, a->residues * MOTE_ATOM_COUNT);
    assert_memory_equal(a->insertions, b->insertions, a->residues);
    for (size_t i = 0; i < a->residues; i++) {
        assert_string_equal(a->chain_names[a->chains[i]], b->chain_names[b->chains[i]]);
        assert_int_equal(a->numbers[i], b->numbers[i]);
        assert_true(fabsf(a->factors[i] - b->factors[i]) <= 0.00501f);
    }
    for (size_t i = 0; i < a->residues * MOTE_ATOM_COUNT * 3; i++) {
        assert_true(fabsf(a->positions[i] - b->positions[i]) <= 0.00056f);
    }
}

static void comes_back(void **state)
{
    (void)state;
    static writer *const writers[] = {mote_structure_write_pdb, write_mmcif};
    static const char *const letters[] = {"A", "B", "c", "'", "#", "_"}, *const words[] = {"AA",   "loop_", "'",
                                                                                           "\"B;", "_tag",  "data_x"};
    mote_context *context = unit_context(1, NULL);
    for (int w = 0; w < 3; w++) {
        mote_structure *s = make(context, 6, 25, w == 2 ? words : letters), *again;
        s->insertions[3] = 'A';
        s->insertions[4] = w ? '#' : 'B';
        s->numbers[5] = -999;
        unit_ok(context, writers[w > 0](context, folder_path("out"), s));
        unit_ok(context, mote_structure_read(context, folder_path("out"), &again));
        same(s, again);
        mote_structure_free(s);
        mote_structure_free(again);
    }
    mote_context_destroy(context);
}

/* The bytes of a small file, whatever the locale. */
static void pdb_columns(void **state)
{
    (void)state;
    static const char *const names[] = {"A"};
    const char *expected = "ATOM      1  N   ALA A   1    -999.990   0.000   0.001  1.00  0.25           N  \n"
                           "ATOM      2  OXT ALA A   1    9999.999  -0.500   1.000  1.00  0.25           O  \n"
                           "TER       3      ALA A   1                                                      \n";
    mote_context *context = unit_context(1, NULL);
    mote_structure *s = make(context, 1, 1, names);
    memset(s->mask, 0, MOTE_ATOM_COUNT);
    const float n[] = {-999.99f, 0.0004f, 0.0006f}, oxt[] = {9999.999f, -0.5f, 0.9999f};
    memcpy(s->positions, n, sizeof n);
    memcpy(s->positions + 3 * (size_t)MOTE_ATOM_OXT, oxt, sizeof oxt);
    s->mask[MOTE_ATOM_N] = s->mask[MOTE_ATOM_OXT] = 1;
    setlocale(LC_ALL, "de_DE.UTF-8");
    unit_ok(context, mote_structure_write_pdb(context, folder_path("out"), s));
    setlocale(LC_ALL, "C");
    char text[1024] = {0};
    FILE *file = fopen(folder_path("out"), "rb");
    assert_int_equal(fread(text, 1, sizeof text, file), 6 * 81);
    fclose(file);
    assert_memory_equal(text + 81, expected, strlen(expected));
    for (int i = 0; i < 6; i++) {
        assert_int_equal(text[i * 81 + 80], '\n');
    }
    mote_structure_free(s);
    mote_context_destroy(context);
}

static void expect(mote_context *context, mote_status status, mote_status expected, const char *message)
{
    assert_int_equal(status, expected);
    if (!strstr(mote_context_message(context), message)) {
        fail_msg("expected '%s', found '%s'", message, mote_context_message(context));
    }
    assert_int_equal(access(folder_path("none"), F_OK), -1);
}

static void formats_end(void **state)
{
    (void)state;
    static const char *const one[] = {"A"}, *const two[] = {"A", "AB"}, *const blank[] = {"A B"};
    mote_context *context = unit_context(1, NULL);
    const char *path = folder_path("none");
    mote_structure *s = make(context, 2, 1, two);
    expect(context, mote_structure_write_pdb(context, path, s), MOTE_ERROR_UNSUPPORTED, "chain 'AB'");
    s->chains[1] = 0;
    expect(context, write_mmcif(context, path, s), MOTE_ERROR_ARGUMENT, "residues in each of 2 chains");
    s->chains[0] = 1;
    expect(context, write_mmcif(context, path, s), MOTE_ERROR_ARGUMENT, "residue 1");
    mote_structure_free(s);
    s = make(context, 1, 2710, one);
    expect(context, mote_structure_write_pdb(context, path, s), MOTE_ERROR_UNSUPPORTED, "100271 atoms");
    s->numbers[7] = 10000;
    expect(context, mote_structure_write_pdb(context, path, s), MOTE_ERROR_UNSUPPORTED, "mmCIF has room");
    mote_structure_free(s);
    s = make(context, 1, 1, blank);
    expect(context, write_mmcif(context, path, s), MOTE_ERROR_ARGUMENT, "'A B'");
    s->chain_names[0] = "A";
    expect(context, mote_structure_write_mmcif(context, path, "a b", s), MOTE_ERROR_ARGUMENT, "'a b'");
    s->positions[4] = NAN;
    expect(context, mote_structure_write_pdb(context, path, s), MOTE_ERROR_ARGUMENT, "finite");
    s->positions[4] = 1e10f;
    expect(context, write_mmcif(context, path, s), MOTE_ERROR_ARGUMENT, "beyond 10^9");
    expect(context, mote_structure_write_pdb(context, path, s), MOTE_ERROR_UNSUPPORTED, "atom CA");
    s->positions[4] = 9999.9996f;
    expect(context, mote_structure_write_pdb(context, path, s), MOTE_ERROR_UNSUPPORTED, "atom CA");
    s->positions[4] = 0;
    s->factors[0] = FLT_MAX;
    expect(context, write_mmcif(context, path, s), MOTE_ERROR_ARGUMENT, "beyond 10^9");
    memset(s->mask, 0, MOTE_ATOM_COUNT);
    s->factors[0] = 0;
    expect(context, write_mmcif(context, path, s), MOTE_ERROR_ARGUMENT, "nothing to write");
    mote_structure_free(s);
    mote_context_destroy(context);
}

/* More chains than there are letters. */
static void names_chains(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    for (size_t chains = 62; chains <= 800; chains += chains == 62 ? 1 : 737) {
        mote_structure *s = mote_structure_create(context, chains, chains), *again;
        assert_string_equal(s->chain_names[25], "Z");
        assert_string_equal(s->chain_names[61], "9");
        for (size_t i = 0; i < chains; i++) {
            s->chains[i] = (uint32_t)i;
            s->mask[i * MOTE_ATOM_COUNT + MOTE_ATOM_CA] = 1;
            for (size_t j = 0; j < i; j++) {
                assert_string_not_equal(s->chain_names[i], s->chain_names[j]);
            }
        }
        if (chains > 62) {
            assert_string_equal(s->chain_names[62], "AA");
            expect(context, mote_structure_write_pdb(context, folder_path("none"), s), MOTE_ERROR_UNSUPPORTED, "'AA'");
        } else {
            unit_ok(context, mote_structure_write_pdb(context, folder_path("out"), s));
            unit_ok(context, mote_structure_read(context, folder_path("out"), &again));
            same(s, again);
            mote_structure_free(again);
        }
        unit_ok(context, write_mmcif(context, folder_path("out"), s));
        unit_ok(context, mote_structure_read(context, folder_path("out"), &again));
        same(s, again);
        assert_true(chains < 800 || strcmp(again->chain_names[738], "AAA") == 0);
        mote_structure_free(again);
        mote_structure_free(s);
    }
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),       cmocka_unit_test(refuses),     cmocka_unit_test(comes_back),
        cmocka_unit_test(pdb_columns), cmocka_unit_test(formats_end), cmocka_unit_test(names_chains),
    };
    return cmocka_run_group_tests(tests, folder_open, folder_close);
}
