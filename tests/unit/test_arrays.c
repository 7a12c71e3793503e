/* Arrays of real data: numbers of each type, shapes that must be and those that may, and what is refused. */
#include <math.h>

#include "folder.h"

#include "study/arrays.h"

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

/* A file x.npy: a type of NumPy, a shape as it writes them, and the numbers' bytes (NEP 1). */
static void write_array(const char *type, const char *shape, const void *numbers, size_t size)
{
    char bytes[512] = "\x93NUMPY\x01";
    const size_t head = 10, whole = 128;
    memset(bytes + head, ' ', whole - head);
    const int length = snprintf(bytes + head, sizeof bytes - head,
                                "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type, shape);
    assert_true(length > 0 && head + (size_t)length < whole && whole + size <= sizeof bytes);
    bytes[head + (size_t)length] = ' ';
    bytes[whole - 1] = '\n';
    bytes[8] = (char)(whole - head);
    memcpy(bytes + whole, numbers, size);
    folder_write("x.npy", bytes, whole + size, FOLDER_PLAIN);
}

static mote_status read_array(const char *name, int rank, size_t *shape, double **numbers)
{
    clear(NULL);
    data = (mote_task_data){.context = context, .folder = folder};
    return mote_arrays_read(&data, "x.npy", name, rank, shape, numbers);
}

static void expect_refusal(int rank, const size_t *shape, const char *words)
{
    size_t wanted[3] = {0};
    double *numbers;
    memcpy(wanted, shape, (size_t)rank * sizeof *wanted);
    assert_int_equal(read_array("x", rank, wanted, &numbers), MOTE_ERROR_FILE);
    if (!strstr(mote_context_message(context), words) || !strstr(mote_context_message(context), "x.npy")) {
        fail_msg("not '%s' in '%s'", words, mote_context_message(context));
    }
    clear(NULL);
}

static void test_types(void **state)
{
    const struct {
        const char *type;
        size_t size;
        const void *numbers;
    } types[] = {
        {"<f4", 4, (const float[]){-2, 0, 100, 7}},    {"<f8", 8, (const double[]){-2, 0, 100, 7}},
        {"<i2", 2, (const int16_t[]){-2, 0, 100, 7}},  {"<i4", 4, (const int32_t[]){-2, 0, 100, 7}},
        {"|u1", 1, (const uint8_t[]){254, 0, 100, 7}}, {"|b1", 1, (const uint8_t[]){1, 0, 1, 1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t shape[] = {0, 2};
        double *numbers;
        write_array(types[i].type, "(2, 2)", types[i].numbers, 4 * types[i].size);
        unit_ok(context, read_array("x", 2, shape, &numbers));
        assert_int_equal(shape[0], 2);
        assert_true(numbers[0] == (i < 4 ? -2 : i == 4 ? 254 : 1) && numbers[1] == 0);
        assert_true(numbers[2] == (i < 5 ? 100 : 1) && numbers[3] == (i < 5 ? 7 : 1));
        clear(NULL);
    }
}

static void test_one_number(void **state)
{
    double *numbers;
    (void)state;
    write_array("<f8", "()", (const double[]){0.1}, sizeof(double));
    unit_ok(context, read_array("x", 0, NULL, &numbers));
    assert_true(*numbers == 0.1);
}

static void test_shapes(void **state)
{
    const float numbers[6] = {0};
    (void)state;
    write_array("<f4", "(2, 3)", numbers, sizeof numbers);
    expect_refusal(1, (size_t[]){0}, "array x: expected 1 dimensions, found 2");
    expect_refusal(3, (size_t[]){0, 2, 3}, "array x: expected 3 dimensions, found 2");
    expect_refusal(2, (size_t[]){0, 2}, "array x: dimension 1: expected 2, found 3");
    expect_refusal(2, (size_t[]){4, 3}, "array x: dimension 0: expected 4, found 2");
    write_array("<f4", "(0, 3)", numbers, 0);
    expect_refusal(2, (size_t[]){0, 3}, "array x: expected numbers, found none");
}

static void test_refused(void **state)
{
    static const double none[] = {NAN, INFINITY, -INFINITY, 3.5e38}; /* the last is not of FP32 */
    size_t shape[] = {0};
    double *numbers;
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        write_array("<f8", "(3,)", (const double[]){1, none[i], 2}, 3 * sizeof(double));
        expect_refusal(1, shape, "array x: expected finite numbers of FP32, found another at 1");
    }
    write_array("<f8", "(3,)", (const double[]){3.4e38, -3.4e38, 1e-300}, 3 * sizeof(double));
    unit_ok(context, read_array("x", 1, shape, &numbers));
    assert_int_equal(read_array("y", 1, shape, &numbers), MOTE_ERROR_FILE);
    assert_non_null(strstr(mote_context_message(context), "expected an array y, found none"));
    write_array("<i8", "(1,)", (const int64_t[]){1}, sizeof(int64_t));
    expect_refusal(1, (size_t[]){0}, "array x: expected FP32, FP64, int16, int32, uint8 or bool, found int64");
    folder_cut(folder_path("x.npy"), 1);
    expect_refusal(1, (size_t[]){0}, "x.npy");
    clear(NULL);
    assert_int_equal(mote_arrays_read(&data, "absent.npy", "x", 1, shape, &numbers), MOTE_ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_types, clear),
        cmocka_unit_test_teardown(test_one_number, clear),
        cmocka_unit_test_teardown(test_shapes, clear),
        cmocka_unit_test_teardown(test_refused, clear),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
