/* The reader of alignments: each quirk of each format, and what it says about what it refuses. */
#include "folder.h"

#include "io/alignment.h"

#define BYTES(text) text, sizeof(text) - 1

/* An alignment as "format name=ROW/deletions;... |chain:length*copies ...": deletions as digits. */
static void describe(const mote_alignment *a, char *all, size_t size)
{
    size_t n = (size_t)snprintf(all, size, "%s ", a->format);
    for (size_t row = 0; row < a->rows; row++) {
        n += (size_t)snprintf(all + n, size - n, "%s=", a->names[row]);
        for (size_t c = 0; c < a->columns; c++) {
            n += (size_t)snprintf(all + n, size - n, "%c", mote_residue_letter(a->codes[row * a->columns + c]));
        }
        n += (size_t)snprintf(all + n, size - n, "/");
        for (size_t c = 0; c < a->columns; c++) {
            n += (size_t)snprintf(all + n, size - n, "%d", a->deletions[row * a->columns + c]);
        }
        n += (size_t)snprintf(all + n, size - n, ";");
    }
    n += (size_t)snprintf(all + n, size - n, "%s", a->query);
    for (size_t i = 0; i < a->chain_count; i++) {
        n += (size_t)snprintf(all + n, size - n, " %s:%zu*%zu", a->chains[i].name, a->chains[i].length,
                              a->chains[i].copies);
    }
}

#define STO "# STOCKHOLM 1.0\n"

static const struct {
    const char *bytes;
    size_t size;
    const char *all;
} good[] = {
    /* A3M */
    {BYTES(">q\nMKV\n>a\nM-V\n"), "a3m q=MKV/000;a=M-V/000;MKV :3*1"},
    {BYTES(">q\nMKV\n>a\naMbb-ccV\n>b\n-Kvv-ww\n"), "a3m q=MKV/000;a=M-V/122;b=-K-/002;MKV :3*1"},
    {BYTES(">q d\r\nMK\r\nV\r\n\r\n>a\r\nM-\r\nV"), "a3m q d=MKV/000;a=M-V/000;MKV :3*1"},
    {BYTES(">q\nMKV\n>a\nM-V\n\0\0\n\0"), "a3m q=MKV/000;a=M-V/000;MKV :3*1"},
    {BYTES("\xEF\xBB\xBF\n; note\n>q\nMKV\n; more > words 123\n>a\n# more\nM-V\n#\n"),
     "a3m q=MKV/000;a=M-V/000;MKV :3*1"},
    {BYTES(">q\nMBJOUXZ\n>a\nBJOUXZ-\n"), "a3m q=MDXXCXE/0000000;a=DXXCXE-/0000000;MBJOUXZ :7*1"},
    {BYTES(">q\nMKV\n>a\nM-V\n>a\nM-V\n"), "a3m q=MKV/000;a=M-V/000;a=M-V/000;MKV :3*1"},
    {BYTES(">\nMKV\n>\nM-V*\n> x\x01y\n MK V \n"), "a3m =MKV/000;=M-V/000;x?y=MKV/000;MKV :3*1"},
    {BYTES(">q\nMKV\n>a\nMRV\n"), "a3m q=MKV/000;a=MRV/000;MKV :3*1"},
    {BYTES(">q\nMK~V\n>a\nMKA_\n"), "a3m q=MKV/000;a=MK-/001;MKV :3*1"},
    /* A2M: dots are padding */
    {BYTES(">q\nM..K.V\n>a\nMaaKb-\n"), "a3m q=MKV/000;a=MK-/021;MKV :3*1"},
    /* aligned FASTA: dots are gaps, and columns without a residue of the query go */
    {BYTES(">q\nM..K.V\n>a\nMAAKC.\n>b\n.....V\n"), "a3m q=MKV/000;a=MK-/021;b=--V/000;MKV :3*1"},
    {BYTES(">q\n-M--KV-\n>a\nAMAAKVA\n>b\n-M-A-V-\n"), "a3m q=MKV/000;a=MKV/120;b=M-V/010;MKV :3*1"},
    {BYTES(">q\nmk-v\n>a\nmkav\n"), "a3m q=MKV/000;a=MKV/001;MKV :3*1"},
    /* insertions of the query itself are left out, as AlphaFold does */
    {BYTES(">q\nMaaKV\n>a\nMK-\n"), "a3m q=MKV/020;a=MK-/000;MKV :3*1"},
    /* ColabFold */
    {BYTES("#3\t1\n>101\nMKV\n>a\nM-V\n"), "a3m 101=MKV/000;a=M-V/000;MKV :3*1"},
    {BYTES("#3\t2\n>101\nMKV\n"), "a3m 101=MKV/000;MKV :3*2"},
    {BYTES("# made by hand\n#3,2\t1,12\r\n>101\t102\nMKVAA\n>a\tb\nM-Va-A\n>c\nMKV--\n>d\n---CC\n\0"),
     "a3m 101\t102=MKVAA/00000;a\tb=M-V-A/00010;c=MKV--/00000;d=---CC/00000;MKVAA :3*1 :2*12"},
    {BYTES("#3\t1 or so\n>a\nMK\n>b\nMKV\n"), "fasta a=MKMKV/00000;MKMKV a:2*1 b:3*1"},
    /* FASTA */
    {BYTES(">one chain\nmkV\nL*\n"), "fasta one chain=MKVL/0000;MKVL one chain:4*1"},
    {BYTES(">a\nMK\n>b x\nACD*\n"), "fasta a=MKACD/00000;MKACD a:2*1 b x:3*1"},
    {BYTES(">a\nMKV\n>b\nM\nKV\n"), "fasta a=MKVMKV/000000;MKVMKV a:3*1 b:3*1"},
    {BYTES(">a\nmkv\n>b\nac\n"), "fasta a=MKVAC/00000;MKVAC a:3*1 b:2*1"},
    /* Stockholm */
    {BYTES(STO "q MKV\na M-V\n//\n"), "stockholm q=MKV/000;a=M-V/000;MKV :3*1"},
    {BYTES(STO "\n#=GF ID x\n#=GS a DE words\nq  M.-K~_V\n#=GR q SS ..HH\na/1-9\tMaAK.cV\nb  ..AkC.. \n#=GC RF "
               "xxxx\n//\n\n\0"),
     "stockholm q=MKV/000;a/1-9=MKV/021;b=-K-/011;MKV :3*1"},
    {BYTES("\r\n" STO "q MK\r\na -C\r\n\r\n#=GC SS ..\r\n\r\n  q .V\r\na AV\r\n//\r\n"),
     "stockholm q=MKV/000;a=-CV/001;MKV :3*1"},
    {BYTES(STO "q mku\na bjz\na bjz\n//"), "stockholm q=MKC/000;a=DXE/000;a=DXE/000;MKU :3*1"},
};

static void reads_every_quirk(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    char all[512];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
#ifdef MOTE_WITH_HTSLIB
        for (int kind = FOLDER_PLAIN; kind <= FOLDER_BGZIP; kind++) {
#else
        for (int kind = FOLDER_PLAIN; kind <= FOLDER_PLAIN; kind++) {
#endif
            mote_alignment *alignment;
            const char *path = folder_write("good", good[i].bytes, good[i].size, (folder_kind)kind);
            unit_ok(context, mote_alignment_read(context, path, &alignment));
            describe(alignment, all, sizeof all);
            assert_string_equal(all, good[i].all);
            mote_alignment_free(alignment);
        }
    }
    mote_alignment_free(NULL);
    mote_context_destroy(context);
}

static const struct {
    const char *bytes;
    size_t size;
    const char *said;
} bad[] = {
    {BYTES(""), "expected an alignment, found an empty file"},
    {BYTES("\n \r\n\0\0"), "expected an alignment, found an empty file"},
    {BYTES("; only words\n# and more\n"),
     "line 1, column 1: expected an alignment ('>' of A3M and FASTA, or '# STOCKHOLM 1.0'), found the byte 0x3B (';')"},
    {BYTES("\n MKV\n"), "line 2, column 2: expected an alignment"},
    {BYTES("BAM\1"), "found the byte 0x42 ('B')"},
    {BYTES(">"), "line 1, column 1: record 1: expected a sequence, found none"},
    {BYTES(">q\n>a\nMKV\n"), "line 1, column 1: record 1: expected a sequence"},
    {BYTES(">q\nMKV\n>a\n*\n"), "line 3, column 1: record 2: expected a sequence"},
    {BYTES(">q\n---\n>a\nMKV\n"), "line 1, column 1: record 1, the query: expected a sequence"},
    {BYTES(">q\nMKV\n\n>a w\nM-\nVA\n"), "line 6, column 2: row 2 ('a w') has 4 columns, expected 3 as in the query"},
    {BYTES(">q\nMKV\n>a\nM-\n>b\nMKV\n"), "line 4, column 3: row 2 ('a') has 2 columns, expected 3 as in the query"},
    {BYTES(">q\nM-V\n>a\n"), "row 2 ('a') has 0 columns, expected 3"},
    {BYTES(">q\nMK.V\n>a\nM.V\n"), "row 2 ('a') has 2 columns, expected 3"},
    {BYTES(">q\nMK1V\n"), "line 2, column 3: record 1: expected a residue or a gap, found the byte 0x31 ('1')"},
    {BYTES(">q\nMKV\n>a\nM\0V\n"), "line 4, column 2: record 2: expected a residue or a gap, found the byte 0x00"},
    {BYTES(">q\nMK\xc3\xa4\n"), "found the byte 0xC3"},
    {BYTES(">q\nM*KV\n"), "line 2, column 2: record 1: expected '*' only at the end of a sequence"},
    {BYTES("#2,2\t1,1\n>q\nMKV\n>a\nM-V\n"),
     "line 1, column 1: the chains have 4 residues, expected 3 as in the query"},
    {BYTES("#3\t1\n>q\nMKV\n>a\nMK\n"), "line 5, column 3: row 2 ('a') has 2 columns"},
    {BYTES("# STOCKHOLM 2.0\nq MKV\n//\n"), "line 1, column 1: expected '# STOCKHOLM 1.0', found another version"},
    {BYTES(STO "q MKV\na M-V\n"), "line 3, column 6: truncated: expected '//'"},
    {BYTES(STO), "truncated: expected '//'"},
    {BYTES(STO "//\n"), "row 1, the query: expected a sequence, found none"},
    {BYTES(STO "q ---\na MKV\n//\n"), "line 2, column 1: row 1, the query: expected a sequence"},
    {BYTES(STO "q MKV\na M-\n//\n"), "line 3, column 5: row 2 of the block has 2 columns, expected 3 as in the query"},
    {BYTES(STO "q MKV\na M-VV\n//\n"), "line 3, column 6: row 2 of the block has 4 columns"},
    {BYTES(STO "q MKV\na M V\n//\n"), "line 3, column 4: expected a residue or a gap, found the byte 0x20"},
    {BYTES(STO "q MKV\nalone\n//\n"), "line 3, column 6: expected a name and columns, found a name alone"},
    {BYTES(STO "q MKV\na M-V\nq AAA\na AAA\n//\n"),
     "line 4, column 1: expected a blank line in front of the next block"},
    {BYTES(STO "q MKV\na M-V\n\nq AAA\nb AAA\n//\n"), "line 6, column 1: expected row 2 of the block, 'a', found 'b'"},
    {BYTES(STO "q MKV\na M-V\n\nq AAA\n//\n"), "line 6, column 1: a block of 1 rows, expected 2"},
    {BYTES(STO "q MKV\n\nq AAA\nq AAA\n//\n"), "line 5, column 1: expected a blank line behind the 1 rows of a block"},
    {BYTES(STO "q MKV\n//\n" STO "q MKV\n//\n"), "line 4, column 1: expected the end of the file behind '//'"},
};

static void refuse(mote_context *context, const char *path, const char *said)
{
    mote_alignment *alignment;
    assert_int_equal(mote_alignment_read(context, path, &alignment), MOTE_ERROR_FILE);
    assert_null(alignment);
    const char *message = mote_context_message(context);
    if (!strstr(message, said) || !strstr(message, path)) {
        fail_msg("expected '%s', found '%s'", said, message);
    }
}

static void refuses_what_is_no_alignment(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_alignment *alignment;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse(context, folder_write("bad.a3m", bad[i].bytes, bad[i].size, FOLDER_PLAIN), bad[i].said);
    }
    assert_int_equal(mote_alignment_read(context, folder_path("missing"), &alignment), MOTE_ERROR_IO);
    assert_null(alignment);
    mote_context_destroy(context);
}

/* Text with count letters in one place. */
static const char *write_many(const char *before, char letter, size_t count, const char *after)
{
    size_t first = strlen(before), size = first + count + strlen(after);
    char *bytes = malloc(size + 1);
    strcpy(bytes, before);
    memset(bytes + first, letter, count);
    strcpy(bytes + first + count, after);
    const char *path = folder_write("many.a3m", bytes, size, FOLDER_PLAIN);
    free(bytes);
    return path;
}

static void keeps_to_its_limits(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_alignment *alignment;
    unit_ok(context, mote_alignment_read(context, write_many(">q\nMK\n>a\n-", 'a', 65535, "K\n"), &alignment));
    assert_int_equal(alignment->deletions[3], 65535);
    mote_alignment_free(alignment);
    refuse(context, write_many(">q\nMK\n>a\n-", 'a', 65536, "K\n"),
           "line 4, column 65537: an insertion of more than 65535 residues");
    unit_ok(context, mote_alignment_read(context, write_many(">q\n", 'W', 1 << 20, "\n"), &alignment));
    assert_int_equal(alignment->columns, 1 << 20);
    mote_alignment_free(alignment);
    refuse(context, write_many(">q\n", 'W', (1 << 20) + 1, "\n"), "at most 16777216 rows of 1048576 columns");
    mote_context_destroy(context);
}

#ifdef MOTE_WITH_HTSLIB
static void refuses_truncated_gzip(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    char bytes[4000] = ">q\n";
    for (size_t i = 3; i < sizeof bytes; i++) {
        bytes[i] = "ACDEFGHIKLMNPQRSTVWY"[(i * i * i + 7 * i) % 1009 % 20];
    }
    for (int kind = FOLDER_GZIP; kind <= FOLDER_BGZIP; kind++) {
        static const long cuts[] = {1, 8, 9, 28, 29, 500};
        for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
            const char *path = folder_write("cut.a3m.gz", bytes, sizeof bytes, (folder_kind)kind);
            mote_alignment *alignment;
            folder_cut(path, cuts[i]);
            assert_int_equal(mote_alignment_read(context, path, &alignment), MOTE_ERROR_FILE);
            const char *message = mote_context_message(context);
            assert_true(strstr(message, "cut.a3m.gz: the compressed data is damaged or cut off") ||
                        strstr(message, "cut.a3m.gz: truncated: the block"));
        }
    }
    mote_context_destroy(context);
}
#endif

static void maps_residues(void **state)
{
    (void)state;
    static const char hhblits[] = "ACDEFGHIKLMNPQRSTVWYX-", types[] = "ARNDCQEGHILKMFPSTWYVX-";
    for (uint8_t code = 0; code < MOTE_RESIDUE_CODES; code++) {
        assert_int_equal(mote_residue_letter(code), hhblits[code]);
        assert_int_equal(types[mote_residue_type(code)], hhblits[code]);
        assert_int_equal(mote_residue_code((uint8_t)hhblits[code]), code);
    }
    int known = 0;
    for (int byte = 0; byte < 256; byte++) {
        known += mote_residue_code((uint8_t)byte) != MOTE_RESIDUE_NONE;
    }
    assert_int_equal(known, 26 + 26 + 4);
    for (int i = 0; i < 26; i++) {
        assert_int_equal(mote_residue_code((uint8_t)('a' + i)), mote_residue_code((uint8_t)('A' + i)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_quirk),      cmocka_unit_test(refuses_what_is_no_alignment),
        cmocka_unit_test(keeps_to_its_limits),
#ifdef MOTE_WITH_HTSLIB
        cmocka_unit_test(refuses_truncated_gzip),
#endif
        cmocka_unit_test(maps_residues),
    };
    return cmocka_run_group_tests(tests, folder_open, folder_close);
}
