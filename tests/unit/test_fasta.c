/* The reader of FASTA and FASTQ: what it accepts, in every packing, and what it says about what it does not. */
#include "folder.h"

#include <sys/stat.h>

#include "base/philox.h"
#include "io/fasta.h"

#define BYTES(text) text, sizeof(text) - 1

#ifdef MOTE_WITH_HTSLIB

/* All records as "name=LETTERS;..."; the status of the call that ended it. */
static mote_status read_all(mote_context *context, const char *path, char *all, size_t size)
{
    mote_fasta *fasta;
    mote_fasta_record record;
    bool found = true;
    all[0] = '\0';
    mote_status status = mote_fasta_open(context, path, &fasta);
    assert_true((status == MOTE_OK) == (fasta != NULL));
    for (size_t number = 1; status == MOTE_OK && found; number++) {
        status = mote_fasta_next(fasta, &record, &found);
        if (status == MOTE_OK && found) {
            assert_int_equal(record.number, number);
            size_t length = strlen(all);
            snprintf(all + length, size - length, "%s=%.*s;", record.name, (int)record.length,
                     (const char *)record.letters);
        }
    }
    mote_fasta_close(fasta);
    return status;
}

static const struct {
    const char *bytes;
    size_t size;
    const char *all;
} good[] = {
    {BYTES(">a\nACGT\n"), "a=ACGT;"},
    {BYTES(">a\nACGT"), "a=ACGT;"},
    {BYTES(">a some words\nAC\nGT\n>b\tx\nTT\n"), "a=ACGT;b=TT;"},
    {BYTES(">a\r\nAC\r\nGT\r\n\r\n>b\r\nTT\r\n"), "a=ACGT;b=TT;"},
    {BYTES("\n\r\n  \n>a\n\nAC\n\n\nGT\n\n\n>b\nTT\n\n"), "a=ACGT;b=TT;"},
    {BYTES(">a\nacgtnRYswkmBDHVu\n"), "a=ACGTNRYSWKMBDHVU;"},
    {BYTES(">p\nMKV*LA**\n"), "p=MKV*LA;"},
    {BYTES(">a\nA-C..G T\tT\n"), "a=ACGTT;"},
    {BYTES(">a\n>b\nTT\n>c\n"), "a=;b=TT;c=;"},
    {BYTES("> \nTT\n>\nGG\n"), "=TT;=GG;"},
    {BYTES(">a>b@c+d\nTT\n"), "a>b@c+d=TT;"},
    {BYTES(">n\x01\xff\nTT\n"), "n?\?=TT;"},
    {BYTES("@a x\nACGT\n+\nIIII\n@b\nTT\n+b\n@>\n"), "a=ACGT;b=TT;"},
    {BYTES("@a\r\nAC\r\nGT\r\n+\r\n@I\r\n+I\r\n\r\n@b\r\nT.\r\n+\r\nII"), "a=ACGT;b=T;"},
    {BYTES("@a\n\n+\n\n@b\nTT\n+\n>@\n>c\nGG\n"), "a=;b=TT;c=GG;"},
};

static void reads_every_packing(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    char all[256];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (int kind = FOLDER_PLAIN; kind <= FOLDER_BGZIP; kind++) {
            const char *path = folder_write("good", good[i].bytes, good[i].size, (folder_kind)kind);
            unit_ok(context, read_all(context, path, all, sizeof all));
            assert_string_equal(all, good[i].all);
        }
    }
    mote_context_destroy(context);
}

/* More letters than any buffer has, so that lines, records and markers fall on all borders. */
static void reads_long_records(void **state)
{
    (void)state;
    enum { LETTERS = 300000, WIDTH = 61 };
    mote_context *context = unit_context(1, NULL);
    char *bytes = malloc(3 * LETTERS);
    for (int kind = FOLDER_PLAIN; kind <= FOLDER_BGZIP; kind++) {
        size_t size = 0;
        for (size_t r = 0; r < 2; r++) {
            size += (size_t)sprintf(bytes + size, ">r%zu\n", r);
            for (size_t i = 0; i < LETTERS; i++) {
                bytes[size++] = "acgt"[(i * i + r) % 7 % 4];
                if (i % WIDTH == WIDTH - 1) {
                    bytes[size++] = '\n';
                }
            }
            bytes[size++] = '\n';
        }
        const char *path = folder_write("long", bytes, size, (folder_kind)kind);
        mote_fasta *fasta;
        mote_fasta_record record;
        bool found;
        unit_ok(context, mote_fasta_open(context, path, &fasta));
        for (size_t r = 0; r < 2; r++) {
            unit_ok(context, mote_fasta_next(fasta, &record, &found));
            assert_true(found);
            assert_int_equal(record.length, LETTERS);
            for (size_t i = 0; i < LETTERS; i++) {
                assert_int_equal(record.letters[i], "ACGT"[(i * i + r) % 7 % 4]);
            }
        }
        unit_ok(context, mote_fasta_next(fasta, &record, &found));
        assert_false(found);
        mote_fasta_close(fasta);
    }
    free(bytes);
    mote_context_destroy(context);
}

static const struct {
    const char *bytes;
    size_t size;
    const char *said;
} bad[] = {
    {BYTES(""), "empty file"},
    {BYTES("\n \n\r\n"), "no records"},
    {BYTES("ACGT\n>a\nAC\n"), "line 1: expected a record ('>' of FASTA or '@' of FASTQ): this is another kind of file, "
                              "found the byte 0x41"},
    {BYTES("\n\nBAM\1"), "line 3: expected a record"},
    {BYTES(">a\n>b\n\n>c"), "every record is empty (3)"},
    {BYTES(">a\nAC\n>b c\nACG\nTA\0C\n"),
     "record 2 ('b'), line 5: expected a letter behind letter 5, found the byte 0x00"},
    {BYTES(">a\nACG1\n"), "record 1 ('a'), line 2: expected a letter behind letter 3, found the byte 0x31 ('1')"},
    {BYTES(">a\nAC\n@b\nAC\n"), "record 1 ('a'), line 3: expected a letter behind letter 2, found the byte 0x40"},
    {BYTES(">a\nAC\xc3\xa4\n"), "found the byte 0xC3"},
    {BYTES("@a\nACGT\n"), "record 1 ('a'), line 3: a FASTQ record without its '+' line"},
    {BYTES("@a\nACGT\n+\nIII\n"), "expected 4 qualities, one for each letter, found fewer"},
    {BYTES("@a\nACGT\n+\nIIIII\n"), "expected 4 qualities, one for each letter, found more"},
    {BYTES("@a\nACGT\n+\nIIII\nACGT\n"),
     "record 1 ('a'), line 5: expected a record ('>' of FASTA or '@' of FASTQ) behind"},
};

static void refuses_what_is_no_sequence(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    char all[256];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *path = folder_write("bad.fa", bad[i].bytes, bad[i].size, FOLDER_PLAIN);
        assert_int_equal(read_all(context, path, all, sizeof all), MOTE_ERROR_FILE);
        const char *message = mote_context_message(context);
        if (!strstr(message, bad[i].said) || !strstr(message, "bad.fa")) {
            fail_msg("expected '%s', found '%s'", bad[i].said, message);
        }
    }
    mote_context_destroy(context);
}

/* Cut anywhere, a compressed file is refused, at the latest where its letters end. */
static void refuses_truncated_files(void **state)
{
    (void)state;
    enum { LETTERS = 200000 };
    mote_context *context = unit_context(1, NULL);
    char *bytes = malloc(LETTERS), *all = malloc(2 * LETTERS);
    memcpy(bytes, ">a\n", 3);
    for (uint32_t i = 3; i < LETTERS; i++) {
        bytes[i] = "ACGT"[mote_philox_word(1, i) >> 30];
    }
    for (int kind = FOLDER_GZIP; kind <= FOLDER_BGZIP; kind++) {
        static const long cuts[] = {1, 4, 8, 9, 27, 28, 29, 100, 20000};
        for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
            const char *path = folder_write("cut.fa.gz", bytes, LETTERS, (folder_kind)kind);
            folder_cut(path, cuts[i]);
            mote_status status = read_all(context, path, all, 2 * LETTERS);
            if (status != MOTE_ERROR_FILE) {
                fail_msg("kind %d cut by %ld: %s", kind, cuts[i], mote_status_name(status));
            }
            const char *message = mote_context_message(context);
            assert_true(strstr(message, "cut.fa.gz: truncated: the block that ends") ||
                        (strstr(message, "cut.fa.gz: ") && strstr(message, "damaged or cut off")));
        }
    }
    free(all);
    free(bytes);
    mote_context_destroy(context);
}

static void refuses_damaged_data(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    char all[256];
    for (int kind = FOLDER_GZIP; kind <= FOLDER_BGZIP; kind++) {
        const char *path = folder_write("flip.fa.gz", BYTES(">a\nACGTACGGTTAACCGATTTAGA\n"), (folder_kind)kind);
        FILE *file = fopen(path, "rb+");
        fseek(file, kind == FOLDER_GZIP ? 25 : 33, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, -1, SEEK_CUR);
        fputc(byte ^ 4, file);
        fclose(file);
        assert_int_equal(read_all(context, path, all, sizeof all), MOTE_ERROR_FILE);
        assert_non_null(strstr(mote_context_message(context), "damaged or cut off"));
    }
    mote_context_destroy(context);
}

static void refuses_what_is_no_file(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    char all[8];
    assert_int_equal(read_all(context, folder_path("missing"), all, sizeof all), MOTE_ERROR_IO);
    assert_non_null(strstr(mote_context_message(context), "missing"));
    assert_int_equal(read_all(context, folder, all, sizeof all), MOTE_ERROR_IO);
    assert_non_null(strstr(mote_context_message(context), "a directory"));
    assert_int_equal(mkfifo(folder_path("pipe"), 0600), 0);
    assert_int_equal(read_all(context, folder_path("pipe"), all, sizeof all), MOTE_ERROR_IO);
    mote_context_destroy(context);
}

/* An allocator with little to give. */
static void *scarce_allocate(void *user, size_t size, size_t alignment)
{
    void *pointer = NULL;
    return size <= *(size_t *)user && posix_memalign(&pointer, alignment, size) == 0 ? pointer : NULL;
}

static void scarce_release(void *user, void *pointer)
{
    (void)user;
    free(pointer);
}

static void says_when_a_record_is_too_long(void **state)
{
    (void)state;
    size_t most = (size_t)64 << 20;
    mote_allocator allocator = {scarce_allocate, scarce_release, &most};
    mote_context_options options = {.threads = 1, .allocator = &allocator};
    mote_context *context;
    assert_int_equal(mote_context_create(&options, &context, NULL, 0), MOTE_OK);
    most = 70000;
    char *bytes = malloc(100000), all[8];
    memset(bytes, 'A', 100000);
    memcpy(bytes, ">chr1\n", 6);
    const char *path = folder_write("long.fa", bytes, 100000, FOLDER_PLAIN);
    assert_int_equal(read_all(context, path, all, sizeof all), MOTE_ERROR_MEMORY);
    assert_non_null(
        strstr(mote_context_message(context), "record 1 ('chr1'): no memory for more than its first 65536"));
    free(bytes);
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_packing),
        cmocka_unit_test(reads_long_records),
        cmocka_unit_test(refuses_what_is_no_sequence),
        cmocka_unit_test(refuses_truncated_files),
        cmocka_unit_test(refuses_damaged_data),
        cmocka_unit_test(refuses_what_is_no_file),
        cmocka_unit_test(says_when_a_record_is_too_long),
    };
    return cmocka_run_group_tests(tests, folder_open, folder_close);
}

#else

static void says_that_it_is_missing(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_fasta *fasta;
    assert_int_equal(mote_fasta_open(context, folder_text("a.fa", ">a\nACGT\n"), &fasta), MOTE_ERROR_UNSUPPORTED);
    assert_null(fasta);
    assert_non_null(strstr(mote_context_message(context), "htslib"));
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(says_that_it_is_missing)};
    return cmocka_run_group_tests(tests, folder_open, folder_close);
}

#endif
