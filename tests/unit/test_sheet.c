/* Tables in text files: what is read of them, and what is refused and where. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "study/sheet.h"
#include "unit.h"

static mote_context *context;
static char folder[] = "/tmp/mote-sheet-XXXXXX", path[64];
static mote_task_data data;

static int setup(void **state)
{
    (void)state;
    context = unit_context(1, NULL);
    if (!mkdtemp(folder)) {
        return 1;
    }
    snprintf(path, sizeof path, "%s/table.csv", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    mote_context_destroy(context);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    mote_arena_clear(context, &data.arena);
    return 0;
}

static mote_status read_sheet(const char *text, char separator, mote_sheet_header header, mote_sheet *sheet)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    data = (mote_task_data){.context = context, .folder = folder};
    return mote_sheet_read(&data, "table.csv", separator, header, sheet);
}

static void expect_failure(const char *text, const char *words)
{
    mote_sheet sheet;
    assert_int_equal(read_sheet(text, ',', MOTE_SHEET_HEADER, &sheet), MOTE_ERROR_FILE);
    if (!strstr(mote_context_message(context), words) || !strstr(mote_context_message(context), "table.csv")) {
        fail_msg("%s: not '%s' in '%s'", text, words, mote_context_message(context));
    }
    clear(NULL);
}

static void expect_cell(const mote_sheet *sheet, size_t row, size_t column, const char *text)
{
    assert_string_equal(mote_sheet_text(sheet, row, column), text);
}

static void test_plain(void **state)
{
    mote_sheet sheet;
    size_t column;
    (void)state;
    unit_ok(context, read_sheet("name,mass\nmuon,105.66\ntau,1776.9\n", ',', MOTE_SHEET_HEADER, &sheet));
    assert_int_equal(sheet.rows, 2);
    assert_int_equal(sheet.columns, 2);
    unit_ok(context, mote_sheet_column(&sheet, "mass", &column));
    assert_int_equal(column, 1);
    expect_cell(&sheet, 1, 0, "tau");
    assert_int_equal(mote_sheet_column(&sheet, "charge", &column), MOTE_ERROR_FILE);
    assert_non_null(strstr(mote_context_message(context), "'charge'"));
}

/* RFC 4180: separators, line ends and doubled quotes within quotes are text. */
static void test_quotes(void **state)
{
    mote_sheet sheet;
    (void)state;
    unit_ok(context, read_sheet("\"a\",\"b, c\"\r\n\"say \"\"x\"\"\",\"two\nlines\"\r\n\"\",\"\"\"\"\r\n", ',',
                                MOTE_SHEET_HEADER, &sheet));
    assert_int_equal(sheet.columns, 2);
    assert_int_equal(sheet.rows, 2);
    assert_string_equal(sheet.names[1], "b, c");
    expect_cell(&sheet, 0, 0, "say \"x\"");
    expect_cell(&sheet, 0, 1, "two\nlines");
    expect_cell(&sheet, 1, 0, "");
    expect_cell(&sheet, 1, 1, "\"");
}

/* Lines may end as on any system, the last one not at all; empty ones are passed over. */
static void test_line_ends(void **state)
{
    static const char *const texts[] = {"a,b\n1,2\n3,4", "a,b\r\n1,2\r\n3,4\r\n", "a,b\r1,2\r3,4\r",
                                        "\n\na,b\n\n1,2\n\n\n3,4\n\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        mote_sheet sheet;
        unit_ok(context, read_sheet(texts[i], ',', MOTE_SHEET_HEADER, &sheet));
        assert_int_equal(sheet.rows, 2);
        expect_cell(&sheet, 0, 1, "2");
        expect_cell(&sheet, 1, 1, "4");
        clear(NULL);
    }
}

static void test_blanks(void **state)
{
    mote_sheet sheet;
    (void)state;
    unit_ok(context, read_sheet("  1.5\t2   3 \n4 5 6\n", ' ', MOTE_SHEET_NO_HEADER, &sheet));
    assert_int_equal(sheet.columns, 3);
    assert_int_equal(sheet.rows, 2);
    assert_string_equal(sheet.names[2], "2");
    expect_cell(&sheet, 0, 2, "3");
    expect_cell(&sheet, 1, 0, "4");
}

static void test_numbers(void **state)
{
    mote_sheet sheet;
    float numbers[8];
    int32_t class;
    static const char *const names[] = {"no", "yes"};
    (void)state;
    unit_ok(context, read_sheet("a,b,c,d,e,f,g,h\n1,-2.5e3, 7 ,,NA,nan,?,yes\n1,x,0x,1 2,inf,,,maybe\n", ',',
                                MOTE_SHEET_HEADER, &sheet));
    unit_ok(context, mote_sheet_numbers(&sheet, 0, 0, 7, numbers));
    assert_true(numbers[0] == 1 && numbers[1] == -2500 && numbers[2] == 7);
    assert_true(isnan(numbers[3]) && isnan(numbers[4]) && isnan(numbers[5]) && isnan(numbers[6]));
    assert_int_equal(mote_sheet_complete(&sheet, 0, 0, 4, numbers), MOTE_ERROR_FILE);
    assert_int_equal(mote_sheet_complete(&sheet, 1, 4, 1, numbers), MOTE_ERROR_FILE); /* not finite */
    for (size_t column = 1; column <= 3; column++) {
        assert_int_equal(mote_sheet_number(&sheet, 1, column, numbers), MOTE_ERROR_FILE);
    }
    assert_non_null(strstr(mote_context_message(context), "row 2, column 'd': expected a number, found '1 2'"));
    unit_ok(context, mote_sheet_class(&sheet, 0, 7, 2, names, &class));
    assert_int_equal(class, 1);
    assert_int_equal(mote_sheet_class(&sheet, 1, 7, 2, names, &class), MOTE_ERROR_FILE);
    assert_non_null(strstr(mote_context_message(context), "maybe"));
}

/* Messages name the line of the file as an editor counts it, whatever was cut into cells before. */
static void test_lines(void **state)
{
    static const struct {
        const char *text, *words;
    } files[] = {
        {"a,b\n1,2\n3,4\n5\n6,7\n", "line 4, column 1: expected 2 cells, found 1"},
        {"a,b\r\n1,2\r\n3,4\r\n5\r\n6,7\r\n", "line 4, column 1: expected 2 cells, found 1"},
        {"\n\na,b\n1,2\n\n\n3\n", "line 7, column 1: expected 2 cells, found 1"},
        {"a\n1\n2\n3,4\n", "line 4, column 1: expected 1 cells, found 2"},
        {"a,\"b\nc\"\n1,\"2\n\n\"\n3\n", "line 6, column 1: expected 2 cells, found 1"},
        {"a,b\n1,2\n33,\"4\n5,6\n", "line 3, column 4: expected a quote that ends the cell"},
        {"a,b\n1,2\n3,\"4\"x\n", "line 3, column 6: expected the end of the cell behind its quote"},
        {"a,b\n\"1\"\"\",2\n\"3\"\"\",\"4\"x\n", "line 3, column 10: expected the end of the cell"},
    };
    mote_sheet sheet;
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        expect_failure(files[i].text, files[i].words);
    }
    assert_int_equal(read_sheet("% x\n@relation t\n@data\n1,2\n% 3\n\n4\n", ',', MOTE_SHEET_ARFF, &sheet),
                     MOTE_ERROR_FILE);
    assert_non_null(strstr(mote_context_message(context), "line 7, column 1: expected 2 cells, found 1"));
    clear(NULL);
    assert_int_equal(read_sheet("1 2\n 3\t4 \n  5\n", ' ', MOTE_SHEET_NO_HEADER, &sheet), MOTE_ERROR_FILE);
    assert_non_null(strstr(mote_context_message(context), "line 3, column 3: expected 2 cells, found 1"));
    clear(NULL);
    assert_int_equal(read_sheet("a,b\n1,2\n", ',', MOTE_SHEET_ARFF, &sheet), MOTE_ERROR_FILE);
    assert_non_null(strstr(mote_context_message(context), "line 2, column 4: expected a line @data, found none"));
}

/* Declarations end with the line @data, whatever its case; lines with % are passed over where a row might begin. */
static void test_arff(void **state)
{
    static const char *const texts[] = {"% note\n@relation r\n@attribute a {x,y}\n@data\nx,1\n% between, rows\ny,2%\n",
                                        "@RELATION 'at @data'\n@ATTRIBUTE a real\r\n@DATA\r\n\r\n%\r\nx,1\r\n\r\ny,2%",
                                        "@data % and more\n%\n%%\nx,1\ny,2%\n%"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        mote_sheet sheet;
        unit_ok(context, read_sheet(texts[i], ',', MOTE_SHEET_ARFF, &sheet));
        assert_int_equal(sheet.rows, 2);
        assert_int_equal(sheet.columns, 2);
        assert_string_equal(sheet.names[1], "1");
        expect_cell(&sheet, 0, 0, "x");
        expect_cell(&sheet, 1, 1, "2%"); /* no comment within a row */
        clear(NULL);
    }
}

static void test_arff_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } refused[] = {
        {"", "expected a line @data, found none"},
        {"@relation r\nx,1\n", "expected a line @data, found none"},
        {"% @data\nx,1\n", "expected a line @data, found none"},
        {"@relation r\n@data\n", "expected rows, found none"},
        {"@data\n% none\n", "expected rows, found none"},
        {"@data\nx,1\ny\n", "line 3"},
        {"@relation r\n@data\n%\nx,1\n%\ny,2,3\n", "line 6, column 1: expected 2 cells, found 3"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        mote_sheet sheet;
        assert_int_equal(read_sheet(refused[i].text, ',', MOTE_SHEET_ARFF, &sheet), MOTE_ERROR_FILE);
        if (!strstr(mote_context_message(context), refused[i].why)) {
            fail_msg("%zu: not '%s' in '%s'", i, refused[i].why, mote_context_message(context));
        }
        clear(NULL);
    }
}

/* Classes as numbers: whole, from 0, below their count. */
static void test_class_numbers(void **state)
{
    static const char *const names[] = {"0", "2", "2.0", "3", "-1", "1.5", "x", "", "inf"};
    mote_sheet sheet;
    char text[256] = "class,\n";
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s,\n", names[i]);
    }
    unit_ok(context, read_sheet(text, ',', MOTE_SHEET_HEADER, &sheet));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int32_t class = -1;
        mote_status status = mote_sheet_class_number(&sheet, i, 0, 3, &class);
        assert_int_equal(status, i < 3 ? MOTE_OK : MOTE_ERROR_FILE);
        assert_true(i >= 3 || class == (i ? 2 : 0));
    }
    assert_non_null(strstr(mote_context_message(context), "row 9, column 'class': expected a class, 0 to 2"));
}

static void test_refused(void **state)
{
    mote_sheet sheet;
    (void)state;
    expect_failure("a,b\n", "expected rows, found none");
    expect_failure("", "expected rows, found none");
    expect_failure("a,b\n1,2\n3\n", "expected 2 cells, found 1");
    expect_failure("a,b\n1,2\n3,4,5\n", "expected 2 cells, found 3");
    expect_failure("a,b\n1,2\n3,4,5\n", "line 3");
    expect_failure("a,b\n1,\"2\n", "expected a quote that ends the cell");
    expect_failure("a,b\n1,\"2\"x\n", "expected the end of the cell behind its quote");
    unit_ok(context, read_sheet("a,b\n1,2\n", ',', MOTE_SHEET_HEADER, &sheet));
    assert_int_equal(mote_sheet_expect(&sheet, 3, 1), MOTE_ERROR_FILE);
    assert_int_equal(mote_sheet_expect(&sheet, 2, 2), MOTE_ERROR_FILE);
    unit_ok(context, mote_sheet_expect(&sheet, 2, 1));
    clear(NULL);
    data = (mote_task_data){.context = context, .folder = folder};
    assert_int_equal(mote_sheet_read(&data, "absent.csv", ',', MOTE_SHEET_HEADER, &sheet), MOTE_ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_plain, clear),         cmocka_unit_test_teardown(test_quotes, clear),
        cmocka_unit_test_teardown(test_line_ends, clear),     cmocka_unit_test_teardown(test_blanks, clear),
        cmocka_unit_test_teardown(test_numbers, clear),       cmocka_unit_test_teardown(test_refused, clear),
        cmocka_unit_test_teardown(test_arff, clear),          cmocka_unit_test_teardown(test_arff_refused, clear),
        cmocka_unit_test_teardown(test_class_numbers, clear), cmocka_unit_test_teardown(test_lines, clear),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
