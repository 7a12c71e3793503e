/* Sequences in FASTA files as the study reads them: what is read, and what is refused and where. */
#include "folder.h"

#include "study/records.h"

static mote_context *context;
static mote_task_data data;

static int setup(void **state)
{
    context = unit_context(1, NULL);
    return folder_open(state);
}

static int teardown(void **state)
{
    mote_context_destroy(context);
    return folder_close(state);
}

static int clear(void **state)
{
    (void)state;
    mote_arena_clear(context, &data.arena);
    return 0;
}

static mote_status read_text(const char *text, mote_records *records)
{
    folder_text("s.fa", text);
    data = (mote_task_data){.context = context, .folder = folder};
    return mote_records_read(&data, "s.fa", records);
}

static void expect_message(mote_status status, const char *words)
{
    assert_int_equal(status, MOTE_ERROR_FILE);
    if (!strstr(mote_context_message(context), words) || !strstr(mote_context_message(context), "s.fa")) {
        fail_msg("not '%s' in '%s'", words, mote_context_message(context));
    }
}

static void expect_record(const mote_records *records, size_t number, const char *header, const char *sequence)
{
    assert_string_equal(records->records[number].header, header);
    assert_string_equal(records->records[number].sequence, sequence);
    assert_int_equal(records->records[number].length, strlen(sequence));
}

/* Lines of a sequence are one, and may end as on any system; '>' begins a record at the begin of a line alone. */
static void test_reads(void **state)
{
    static const char *const texts[] = {">a b=1\nACGT\nAC\n>c\nG>G\n", ">a b=1 \r\nACGT\r\nAC\r\n>c\r\nG>G",
                                        "\n\n>a b=1\nAC GT\n\n  AC\n\n>c\nG>\nG\n\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        mote_records records;
        unit_ok(context, read_text(texts[i], &records));
        assert_int_equal(records.count, 2);
        expect_record(&records, 0, "a b=1", "ACGTAC");
        expect_record(&records, 1, "c", "G>G");
        unit_ok(context, mote_records_expect(&records, 0, 6));
        expect_message(mote_records_expect(&records, 1, 6), "record 2: expected 6 letters, found 3");
        clear(NULL);
    }
}

/* A header may be empty, the letters may be anything. */
static void test_odd(void **state)
{
    mote_records records;
    (void)state;
    unit_ok(context, read_text(">\n1\n>>x\n\xC3\xA9\n", &records));
    assert_int_equal(records.count, 2);
    expect_record(&records, 0, "", "1");
    expect_record(&records, 1, ">x", "\xC3\xA9");
}

#ifdef MOTE_WITH_HTSLIB
static void test_packed(void **state)
{
    mote_records records;
    (void)state;
    folder_write("s.fa", ">a\nAC\n", 6, FOLDER_GZIP);
    data = (mote_task_data){.context = context, .folder = folder};
    unit_ok(context, mote_records_read(&data, "s.fa", &records));
    expect_record(&records, 0, "a", "AC");
}
#endif

static void test_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } refused[] = {
        {"", "expected '>' and a header"},
        {"\n \n", "expected '>' and a header"},
        {"ACGT\n", "expected '>' and a header"},
        {"ACGT\n>a\nAC\n", "line 1, column 1: expected '>' and a header"},
        {" >a\nAC\n>b\nAC\n", "line 1, column 2: expected '>' and a header"},
        {">a\n>b\nAC\n", "record 1: expected a sequence behind the header, found none"},
        {">a\r\n>b\r\nAC\r\n", "record 1: expected a sequence behind the header, found none"},
        {">a\nAC\n>b\n>c\nAC\n>d\nAC\n", "record 2: expected a sequence behind the header, found none"},
        {">a\nAC\n>b\n \n>c\nAC", "record 2: expected a sequence"},
        {">a\nAC\n>b", "record 2: expected a sequence"},
        {">", "record 1: expected a sequence"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        mote_records records;
        expect_message(read_text(refused[i].text, &records), refused[i].why);
        clear(NULL);
    }
    mote_records records;
    data = (mote_task_data){.context = context, .folder = folder};
    assert_int_equal(mote_records_read(&data, "absent.fa", &records), MOTE_ERROR_IO);
}

static void test_classes(void **state)
{
    mote_records records;
    int32_t classes[6];
    (void)state;
    unit_ok(context, read_text(">a\nTAGC\n>b\nANa\xFF\n", &records));
    unit_ok(context, mote_records_classes(&records, 0, "ACGT", false, classes));
    assert_memory_equal(classes, ((int32_t[]){3, 0, 2, 1}), 4 * sizeof *classes);
    unit_ok(context, mote_records_classes(&records, 1, "ACGT", true, classes));
    assert_memory_equal(classes, ((int32_t[]){0, -1, -1, -1}), 4 * sizeof *classes);
    expect_message(mote_records_classes(&records, 1, "ACGT", false, classes),
                   "record 2, letter 2: expected one of ACGT, found the byte 0x4E ('N')");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_reads, clear),   cmocka_unit_test_teardown(test_odd, clear),
#ifdef MOTE_WITH_HTSLIB
        cmocka_unit_test_teardown(test_packed, clear),
#endif
        cmocka_unit_test_teardown(test_refused, clear), cmocka_unit_test_teardown(test_classes, clear),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
