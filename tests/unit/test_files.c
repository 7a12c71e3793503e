/* Files: round trips through each format, and headers that lie. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "unit.h"

static char folder[64];

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/mote-files-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void write_bytes(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* Opens what must be refused with a message that has this part. */
static void refused(const char *name, mote_status expected, const char *part)
{
    mote_context *context = unit_context(1, NULL);
    mote_file *file;
    mote_status status = mote_file_open(context, path_of(name), &file);
    if (status != expected || !strstr(mote_context_message(context), part)) {
        fail_msg("%s: status %d, message '%s', expected '%s'", name, status, mote_context_message(context), part);
    }
    assert_null(file);
    assert_non_null(strstr(mote_context_message(context), name));
    mote_context_destroy(context);
}

/* A safetensors file from a header and some data bytes. */
static void safetensors(const char *header, size_t data, const char *part)
{
    static uint8_t bytes[65536];
    size_t length = strlen(header);
    memset(bytes, 0, sizeof bytes);
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)((uint64_t)length >> 8 * i);
    }
    memcpy(bytes + 8, header, length);
    write_bytes("bad.safetensors", bytes, 8 + length + data);
    refused("bad.safetensors", strstr(part, "mote does not know") ? MOTE_ERROR_UNSUPPORTED : MOTE_ERROR_FILE, part);
}

static void hostile_safetensors(void **state)
{
    (void)state;
    safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[1152921504606846976],\"data_offsets\":[0,4]}}", 4, "64 bits");
    safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[1073741824],\"data_offsets\":[0,4]}}", 4, "do not fit");
    safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4, "64 bits");
    safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "truncated");
    safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8, "trailing");
    safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
                6, "overlap");
    safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
                12, "hole");
    safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
                8, "duplicate");
    safetensors("{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2, "12 bits");
    safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "sizes");
    safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "do not fit");
    safetensors("{\"a\":{\"dtype\":\"Q7\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "mote does not know");
    safetensors("{\"a\":[1,2]}", 0, "expected dtype");
    safetensors("{\"__metadata__\":{\"k\":7}}", 0, "expected a string");
    safetensors("{\"a\":", 0, "offset");
    safetensors(
        "{\"w\":{\"dtype\":\"F4\",\"shape\":[32],\"data_offsets\":[0,16]},"
        "\"__metadata__\":{\"mote:w\":\"{\\\"format\\\":\\\"mxfp4_e2m1\\\",\\\"shape\\\":[32],\\\"axis\\\":0}\"}}",
        16, "missing");
    safetensors("{\"w\":{\"dtype\":\"F4\",\"shape\":[32],\"data_offsets\":[0,16]},"
                "\"__metadata__\":{\"mote:w\":\"{\\\"format\\\":\\\"mxfp9\\\"}\"}}",
                16, "metadata 'mote:w'");
    /* nested far deeper than any header */
    static char nested[40000];
    size_t used = (size_t)snprintf(nested, sizeof nested, "{\"a\":");
    memset(nested + used, '[', 30000);
    safetensors(nested, 0, "depth");
    static const uint8_t huge[] = {0, 0, 0, 0x05, 0, 0, 0, 0, '{', '}'};
    write_bytes("long.safetensors", huge, sizeof huge);
    refused("long.safetensors", MOTE_ERROR_FILE, "header claims");
    write_bytes("nothing.safetensors", "", 0);
    refused("nothing.safetensors", MOTE_ERROR_FILE, "not a tensor file");
    refused("absent.safetensors", MOTE_ERROR_IO, "No such file");
}

static void npy(const char *dictionary, size_t data, const char *part)
{
    static uint8_t bytes[4096];
    memset(bytes, 0, sizeof bytes);
    size_t length = strlen(dictionary);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    bytes[8] = (uint8_t)length;
    bytes[9] = (uint8_t)(length >> 8);
    memcpy(bytes + 10, dictionary, length);
    write_bytes("bad.npy", bytes, 10 + length + data);
    refused("bad.npy", MOTE_ERROR_FILE, part);
}

static void hostile_npy(void **state)
{
    (void)state;
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976,), }", 4, "too large");
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }", 4, "64 bits");
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", 8, "truncated");
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 8, "expected 4 bytes");
    npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8, "pickled");
    npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4, "little-endian");
    npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4, "structured");
    npy("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }", 4, "True or False");
    npy("{'descr': '<f4', 'shape': (1,), }", 4, "fortran_order");
    npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 4, "once each");
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4, "8 dimensions");
    npy("", 0, "'{'");
    write_bytes("short.npy", "\x93NUMPY\x01", 7);
    refused("short.npy", MOTE_ERROR_FILE, "npy");
}

typedef struct builder {
    uint8_t bytes[8192];
    size_t size;
} builder;

static void put(builder *b, int width, uint64_t value)
{
    for (int i = 0; i < width; i++) {
        b->bytes[b->size++] = (uint8_t)(value >> 8 * i);
    }
}

static void put_text(builder *b, const char *text)
{
    put(b, 8, strlen(text));
    memcpy(b->bytes + b->size, text, strlen(text));
    b->size += strlen(text);
}

static void begin_gguf(builder *b, uint64_t tensors, uint64_t keys)
{
    *b = (builder){.size = 0};
    memcpy(b->bytes, "GGUF", 4);
    b->size = 4;
    put(b, 4, 3);
    put(b, 8, tensors);
    put(b, 8, keys);
}

static void put_tensor(builder *b, const char *name, uint64_t size, uint32_t type, uint64_t offset)
{
    put_text(b, name);
    put(b, 4, 1);
    put(b, 8, size);
    put(b, 4, type);
    put(b, 8, offset);
}

static void gguf_refused(builder *b, mote_status status, const char *part)
{
    write_bytes("bad.gguf", b->bytes, b->size + 256);
    refused("bad.gguf", status, part);
}

static void hostile_gguf(void **state)
{
    (void)state;
    builder b;
    begin_gguf(&b, UINT64_C(1) << 60, 0);
    gguf_refused(&b, MOTE_ERROR_FILE, "hostile");
    begin_gguf(&b, 0, UINT64_C(1) << 60);
    gguf_refused(&b, MOTE_ERROR_FILE, "hostile");
    begin_gguf(&b, 1, 0);
    put_tensor(&b, "a", UINT64_C(1) << 60, 0, 0);
    gguf_refused(&b, MOTE_ERROR_FILE, "address space");
    begin_gguf(&b, 1, 0);
    put_tensor(&b, "a", 1 << 20, 0, 0);
    gguf_refused(&b, MOTE_ERROR_FILE, "truncated");
    begin_gguf(&b, 1, 0);
    put_tensor(&b, "a", 8, 0, 32);
    gguf_refused(&b, MOTE_ERROR_FILE, "expected offset 0");
    begin_gguf(&b, 2, 0);
    put_tensor(&b, "a", 8, 0, 0);
    put_tensor(&b, "a", 8, 0, 32);
    gguf_refused(&b, MOTE_ERROR_FILE, "twice");
    begin_gguf(&b, 1, 0);
    put_tensor(&b, "a", 33, 39, 0);
    gguf_refused(&b, MOTE_ERROR_FILE, "whole blocks");
    begin_gguf(&b, 1, 0);
    put_tensor(&b, "a", 256, 12, 0);
    gguf_refused(&b, MOTE_ERROR_UNSUPPORTED, "Q4_K");
    begin_gguf(&b, 0, 1);
    put_text(&b, "key");
    put(&b, 4, 9);
    put(&b, 4, 5);
    put(&b, 8, UINT64_C(1) << 61);
    gguf_refused(&b, MOTE_ERROR_FILE, "array");
    begin_gguf(&b, 0, 1);
    put_text(&b, "key");
    put(&b, 4, 77);
    gguf_refused(&b, MOTE_ERROR_FILE, "metadata type");
    begin_gguf(&b, 0, 1);
    put(&b, 8, UINT64_C(1) << 40);
    gguf_refused(&b, MOTE_ERROR_FILE, "claims");
    begin_gguf(&b, 0, 1);
    put_text(&b, "general.alignment");
    put(&b, 4, 4);
    put(&b, 4, 24);
    gguf_refused(&b, MOTE_ERROR_FILE, "power of two");
    write_bytes("short.gguf", "GGUF\3\0", 6);
    refused("short.gguf", MOTE_ERROR_FILE, "truncated");
}

static void hostile_index(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"{\"weight_map\":{\"a\":\"../../etc/passwd\"}}", "beside the index"},
        {"{\"weight_map\":{\"a\":\"absent.safetensors\"}}", "absent.safetensors"},
        {"{\"weight_map\":{}}", "weight_map"},
        {"{\"weight_map\":{\"a\":5}}", "file name"},
        {"{\"weight_map\"", "offset"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *name = i == 1 ? "absent.safetensors" : "bad.safetensors.index.json";
        write_bytes("bad.safetensors.index.json", texts[i][0], strlen(texts[i][0]));
        mote_context *context = unit_context(1, NULL);
        mote_file *file;
        assert_int_not_equal(mote_file_open(context, path_of("bad.safetensors.index.json"), &file), MOTE_OK);
        assert_non_null(strstr(mote_context_message(context), texts[i][1]));
        assert_non_null(strstr(mote_context_message(context), name));
        mote_context_destroy(context);
    }
}

/* Every target format along both axes through a file and back: the same planes. */
static void round_trip(const char *name, bool last_axis_only, const mote_format *formats, size_t count)
{
    enum { ROWS = 6, COLUMNS = 128 };
    static float x[ROWS * COLUMNS];
    mote_tensor tensors[24];
    mote_tensor_info infos[24];
    char names[24][32];
    size_t n = 0;
    mote_context *context = unit_context(1, NULL);
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        x[i] = unit_value(i);
    }
    for (size_t f = 0; f < count; f++) {
        for (int axis = last_axis_only ? 1 : 0; axis < 2; axis++, n++) {
            tensors[n] = unit_tensor(context, (mote_layout){formats[f], 2, axis, {ROWS, COLUMNS}});
            assert_int_equal(mote_quantize(context, x, NULL, NULL, &tensors[n]), MOTE_OK);
            snprintf(names[n], sizeof names[n], "t%d.%d.weight", (int)f, axis);
            infos[n] = (mote_tensor_info){.name = names[n], .layout = tensors[n].layout};
        }
    }
    mote_metadata metadata = {"note", "written by a test", NULL, 0};
    mote_writer *writer;
    assert_int_equal(mote_writer_create(context, path_of(name), n, infos, 1, &metadata, &writer), MOTE_OK);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(mote_writer_put(writer, &tensors[i]), MOTE_OK);
    }
    assert_int_equal(mote_writer_finish(writer), MOTE_OK);
    mote_file *file;
    if (mote_file_open(context, path_of(name), &file) != MOTE_OK) {
        fail_msg("%s", mote_context_message(context));
    }
    assert_int_equal(mote_file_tensor_count(file), n);
    bool noted = false;
    for (size_t i = 0; i < mote_file_metadata_count(file); i++) {
        const mote_metadata *m = mote_file_metadata(file, i);
        noted |= strcmp(m->key, "note") == 0 && strcmp(m->text, metadata.text) == 0;
    }
    assert_true(noted);
    for (size_t i = 0; i < n; i++) {
        const mote_tensor_info *info = NULL;
        size_t at = 0;
        while ((info = mote_file_tensor(file, at)) != NULL && strcmp(info->name, names[i]) != 0) {
            at++;
        }
        assert_non_null(info);
        mote_tensor back = unit_tensor(context, info->layout);
        assert_int_equal(mote_file_read(file, at, &back), MOTE_OK);
        assert_int_equal(back.layout.format, tensors[i].layout.format);
        assert_memory_equal(back.elements, tensors[i].elements, info->element_bytes);
        assert_memory_equal(back.scales, tensors[i].scales, info->scale_bytes);
        assert_true(back.tensor_scale == tensors[i].tensor_scale);
        unit_free(&back);
    }
    mote_file_close(file);
    for (size_t i = 0; i < n; i++) {
        unit_free(&tensors[i]);
    }
    mote_context_destroy(context);
}

static void round_trips(void **state)
{
    (void)state;
    static const mote_format all[] = {MOTE_FP32,       MOTE_BF16,       MOTE_FP16,       MOTE_MXFP8_E4M3,
                                      MOTE_MXFP8_E5M2, MOTE_MXFP6_E3M2, MOTE_MXFP6_E2M3, MOTE_MXFP4_E2M1,
                                      MOTE_MXINT8,     MOTE_NVFP4};
    static const mote_format gguf[] = {MOTE_FP32, MOTE_BF16, MOTE_FP16, MOTE_MXFP4_E2M1, MOTE_NVFP4};
    round_trip("all.safetensors", false, all, 10);
    round_trip("all.safetensors.index.json", false, all, 10);
    round_trip("all.gguf", true, gguf, 5);
#ifdef MOTE_WITH_LIBZIP
    round_trip("all.npz", false, all, 10);
#endif
}

/* MXINT8 goes into GGUF as Q8_0 with the same values, or is refused. */
static void mxint8_as_q8_0(void **state)
{
    (void)state;
    enum { N = 64 };
    float x[N], y[N], z[N];
    for (size_t i = 0; i < N; i++) {
        x[i] = unit_value(i + 1);
    }
    mote_context *context = unit_context(1, NULL);
    for (int tiny = 0; tiny < 2; tiny++) {
        mote_tensor tensor = unit_tensor(context, (mote_layout){MOTE_MXINT8, 1, 0, {N}});
        mote_tensor_info info = {.name = "w", .layout = tensor.layout};
        mote_writer *writer;
        x[0] = 1;
        for (int i = 0; tiny && i < N; i++) {
            x[i] *= 0x1p-60f;
        }
        assert_int_equal(mote_quantize(context, x, NULL, NULL, &tensor), MOTE_OK);
        assert_int_equal(mote_writer_create(context, path_of("q.gguf"), 1, &info, 0, NULL, &writer), MOTE_OK);
        if (tiny) {
            assert_int_equal(mote_writer_put(writer, &tensor), MOTE_ERROR_UNSUPPORTED);
            mote_writer_discard(writer);
        } else {
            assert_int_equal(mote_writer_put(writer, &tensor), MOTE_OK);
            assert_int_equal(mote_writer_finish(writer), MOTE_OK);
            mote_file *file;
            assert_int_equal(mote_file_open(context, path_of("q.gguf"), &file), MOTE_OK);
            mote_tensor back = unit_tensor(context, mote_file_tensor(file, 0)->layout);
            assert_int_equal(back.layout.format, MOTE_Q8_0);
            assert_int_equal(mote_file_read(file, 0, &back), MOTE_OK);
            assert_int_equal(mote_dequantize(context, &tensor, y, NULL), MOTE_OK);
            assert_int_equal(mote_dequantize(context, &back, z, NULL), MOTE_OK);
            assert_memory_equal(y, z, sizeof y);
            mote_file_close(file);
            unit_free(&back);
        }
        unit_free(&tensor);
    }
    mote_context_destroy(context);
}

static void writers_refuse(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_writer *writer;
    float x[40] = {0};
    mote_tensor_info infos[2] = {{.name = "a", .layout = {MOTE_FP32, 1, 0, {40}}},
                                 {.name = "b", .layout = {MOTE_FP32, 1, 0, {40}}}};
    assert_int_equal(mote_writer_create(context, path_of("x.txt"), 1, infos, 0, NULL, &writer), MOTE_ERROR_UNSUPPORTED);
    assert_int_equal(mote_writer_create(context, path_of("x.npy"), 2, infos, 0, NULL, &writer), MOTE_ERROR_UNSUPPORTED);
    assert_int_equal(mote_writer_create(context, path_of("no/x.npy"), 1, infos, 0, NULL, &writer), MOTE_ERROR_IO);
    infos[1].name = "a";
    assert_int_equal(mote_writer_create(context, path_of("x.safetensors"), 2, infos, 0, NULL, &writer),
                     MOTE_ERROR_ARGUMENT);
    infos[0].name = "bad \xff utf-8";
    assert_int_equal(mote_writer_create(context, path_of("x.safetensors"), 1, infos, 0, NULL, &writer),
                     MOTE_ERROR_ARGUMENT);
    infos[0].name = "a";
    infos[0].layout.format = MOTE_MXFP4_E2M1;
    assert_int_equal(mote_writer_create(context, path_of("x.gguf"), 1, infos, 0, NULL, &writer),
                     MOTE_ERROR_UNSUPPORTED);
    assert_non_null(strstr(mote_context_message(context), "multiple of 32"));
    infos[0].layout.format = MOTE_MXFP6_E3M2;
    assert_int_equal(mote_writer_create(context, path_of("x.gguf"), 1, infos, 0, NULL, &writer),
                     MOTE_ERROR_UNSUPPORTED);
    infos[0].layout.format = MOTE_FP32;
    assert_int_equal(mote_writer_create(context, path_of("x.npy"), 1, infos, 0, NULL, &writer), MOTE_OK);
    mote_tensor wrong = {.layout = {MOTE_FP32, 1, 0, {39}}, .elements = x};
    assert_int_equal(mote_writer_put(writer, &wrong), MOTE_ERROR_ARGUMENT);
    assert_int_equal(mote_writer_finish(writer), MOTE_ERROR_ARGUMENT);
    assert_int_not_equal(access(path_of("x.npy"), F_OK), 0);
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_safetensors), cmocka_unit_test(hostile_npy), cmocka_unit_test(hostile_gguf),
        cmocka_unit_test(hostile_index),       cmocka_unit_test(round_trips), cmocka_unit_test(mxint8_as_q8_0),
        cmocka_unit_test(writers_refuse),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
