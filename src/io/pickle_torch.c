/* The names in pickles that describe tensors, and what they stand for. Nothing is looked up anywhere but in this table.
 */
#include "io/pickle.h"

#include <stdio.h>
#include <string.h>

typedef mote_pickle_machine machine;
typedef mote_pickle_value value;

enum name_role { ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, STORAGE_TYPE };

static const struct {
    const char *module, *name;
    enum name_role role;
    mote_format format; /* of a storage; MOTE_FORMAT_COUNT: mote has none */
} names[] = {
    {"collections", "OrderedDict", ORDERED_DICT, MOTE_FORMAT_COUNT},
    {"torch._utils", "_rebuild_tensor_v2", REBUILD_TENSOR, MOTE_FORMAT_COUNT},
    {"torch._utils", "_rebuild_parameter", REBUILD_PARAMETER, MOTE_FORMAT_COUNT},
    {"torch", "FloatStorage", STORAGE_TYPE, MOTE_FP32},
    {"torch", "HalfStorage", STORAGE_TYPE, MOTE_FP16},
    {"torch", "BFloat16Storage", STORAGE_TYPE, MOTE_BF16},
    {"torch", "DoubleStorage", STORAGE_TYPE, MOTE_FP64},
    {"torch", "LongStorage", STORAGE_TYPE, MOTE_INT64},
    {"torch", "IntStorage", STORAGE_TYPE, MOTE_INT32},
    {"torch", "ShortStorage", STORAGE_TYPE, MOTE_INT16},
    {"torch", "CharStorage", STORAGE_TYPE, MOTE_INT8},
    {"torch", "ByteStorage", STORAGE_TYPE, MOTE_UINT8},
    {"torch", "BoolStorage", STORAGE_TYPE, MOTE_BOOL},
    {"torch", "ComplexFloatStorage", STORAGE_TYPE, MOTE_COMPLEX64},
    {"torch", "ComplexDoubleStorage", STORAGE_TYPE, MOTE_FORMAT_COUNT},
};

enum { NAMES = sizeof names / sizeof names[0], KEY_MAXIMUM = 64, ARGUMENTS = 6 };

#define bad(m, ...) mote_pickle_bad(m, MOTE_ERROR_FILE, __VA_ARGS__)

static bool same(const char *text, size_t length, const char *expected)
{
    return length == strlen(expected) && memcmp(text, expected, length) == 0;
}

/* Names come from a stranger: only what prints is shown, and not much of it. */
static const char *printable(const char *text, size_t length, char shown[64])
{
    size_t count = mote_size_min(length, 63);
    for (size_t i = 0; i < count; i++) {
        shown[i] = text[i] > ' ' && text[i] < 0x7F ? text[i] : '?';
    }
    shown[count] = '\0';
    return shown;
}

mote_status mote_pickle_find_name(machine *m, const char *module, size_t module_length, const char *name,
                                  size_t name_length, value **found)
{
    for (int i = 0; i < NAMES; i++) {
        if (same(module, module_length, names[i].module) && same(name, name_length, names[i].name)) {
            *found = mote_pickle_make(m, MOTE_PICKLE_NAME);
            if (!*found) {
                return m->failure;
            }
            (*found)->name = i;
            return MOTE_OK;
        }
    }
    char shown[2][64];
    return mote_pickle_bad(
        m, MOTE_ERROR_UNSUPPORTED,
        "it asks for Python's '%s.%s': mote runs nothing that a file asks for and reads only tensors "
        "in dicts, lists and tuples; in Python, save those alone: torch.save(model.state_dict(), "
        "PATH)",
        printable(module, module_length, shown[0]), printable(name, name_length, shown[1]));
}

/* A storage's key names a member of the archive; torch writes numbers. */
static bool valid_key(const value *key)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    bool valid = key->kind == MOTE_PICKLE_TEXT && key->length > 0 && key->length <= KEY_MAXIMUM;
    for (size_t i = 0; valid && i < key->length; i++) {
        valid = key->text[i] && strchr(allowed, key->text[i]);
    }
    return valid;
}

mote_status mote_pickle_find_storage(machine *m, const value *id, value **found)
{
    static const char expected[] =
        "a persistent id: expected ('storage', a storage type, a key of at most 64 letters and "
        "digits, a device, a count)";
    if (id->kind != MOTE_PICKLE_TUPLE || id->count != 5 || id->items[0]->kind != MOTE_PICKLE_TEXT ||
        !same(id->items[0]->text, id->items[0]->length, "storage") || id->items[1]->kind != MOTE_PICKLE_NAME ||
        names[id->items[1]->name].role != STORAGE_TYPE || !valid_key(id->items[2]) ||
        id->items[3]->kind != MOTE_PICKLE_TEXT || id->items[4]->kind != MOTE_PICKLE_INTEGER ||
        id->items[4]->integer < 0) {
        return bad(m, "%s", expected);
    }
    const value *key = id->items[2];
    mote_format format = names[id->items[1]->name].format;
    size_t count = (size_t)id->items[4]->integer, bytes;
    if (format == MOTE_FORMAT_COUNT) {
        return mote_pickle_bad(m, MOTE_ERROR_UNSUPPORTED, "a tensor of torch.%s, which mote does not have",
                               names[id->items[1]->name].name);
    }
    if (!mote_size_multiply(count, (size_t)mote_format_get(format)->element_bits, &bytes)) {
        return bad(m, "a storage of %zu elements", count);
    }
    *found = mote_pickle_make(m, MOTE_PICKLE_STORAGE);
    if (!*found) {
        return m->failure;
    }
    mote_pickle_storage *storage = mote_arena_allocate(m->context, m->arena, sizeof *storage);
    const char *copy = mote_arena_string(m->context, m->arena, key->text, key->length);
    if (!storage || !copy) {
        return MOTE_ERROR_MEMORY;
    }
    *storage = (mote_pickle_storage){copy, format, count};
    (*found)->storage = storage;
    return MOTE_OK;
}

/* A tuple of numbers that are not negative. */
static bool read_sizes(const value *tuple, size_t *sizes)
{
    bool valid = true;
    for (size_t i = 0; valid && i < tuple->count; i++) {
        valid = tuple->items[i]->kind == MOTE_PICKLE_INTEGER && tuple->items[i]->integer >= 0;
        sizes[i] = valid ? (size_t)tuple->items[i]->integer : 0;
    }
    return valid;
}

/* Every element must lie in the storage. */
static mote_status check_bounds(machine *m, const mote_pickle_tensor *tensor)
{
    size_t last = tensor->offset, step, elements = 1, bits;
    bool fits = true, empty = false;
    for (int d = 0; d < tensor->rank; d++) {
        empty = empty || tensor->shape[d] == 0;
    }
    for (int d = 0; fits && !empty && d < tensor->rank; d++) {
        fits = mote_size_multiply(tensor->shape[d] - 1, tensor->stride[d], &step) && mote_size_add(last, step, &last) &&
               mote_size_multiply(elements, tensor->shape[d], &elements);
    }
    fits = fits && mote_size_multiply(elements, (size_t)mote_format_get(tensor->storage->format)->element_bits, &bits);
    if (!fits || (!empty && last >= tensor->storage->count) || tensor->offset > tensor->storage->count) {
        return bad(m, "a tensor that reaches beyond storage '%s', which has %zu elements", tensor->storage->key,
                   tensor->storage->count);
    }
    return MOTE_OK;
}

/* _rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad, hooks[, metadata]). */
static mote_status rebuild_tensor(machine *m, const value *arguments, value **made)
{
    value *const *items = arguments->items;
    if (arguments->count < ARGUMENTS || arguments->count > ARGUMENTS + 1 || items[0]->kind != MOTE_PICKLE_STORAGE ||
        items[1]->kind != MOTE_PICKLE_INTEGER || items[1]->integer < 0 || items[2]->kind != MOTE_PICKLE_TUPLE ||
        items[3]->kind != MOTE_PICKLE_TUPLE || items[2]->count != items[3]->count) {
        return bad(m, "a tensor: expected a storage, an offset, sizes and as many strides");
    }
    if (items[2]->count > MOTE_MAXIMUM_RANK) {
        return mote_pickle_bad(m, MOTE_ERROR_UNSUPPORTED, "a tensor of %zu dimensions; at most %d are supported",
                               items[2]->count, MOTE_MAXIMUM_RANK);
    }
    *made = mote_pickle_make(m, MOTE_PICKLE_TENSOR);
    if (!*made) {
        return m->failure;
    }
    mote_pickle_tensor *tensor = mote_arena_allocate(m->context, m->arena, sizeof *tensor);
    if (!tensor) {
        return MOTE_ERROR_MEMORY;
    }
    *tensor = (mote_pickle_tensor){
        .storage = items[0]->storage, .offset = (size_t)items[1]->integer, .rank = (int)items[2]->count};
    if (!read_sizes(items[2], tensor->shape) || !read_sizes(items[3], tensor->stride)) {
        return bad(m, "a tensor: sizes or strides that are no numbers, or negative");
    }
    (*made)->tensor = tensor;
    return check_bounds(m, tensor);
}

mote_status mote_pickle_reduce(machine *m, const value *name, value *arguments, value **made)
{
    *made = NULL;
    if (name->kind != MOTE_PICKLE_NAME || arguments->kind != MOTE_PICKLE_TUPLE) {
        return bad(m, "a call of something that is no name, or without a tuple of arguments");
    }
    switch (names[name->name].role) {
    case REBUILD_TENSOR: return rebuild_tensor(m, arguments, made);
    case REBUILD_PARAMETER:
        *made = arguments->count == 3 ? arguments->items[0] : NULL;
        return *made && (*made)->kind == MOTE_PICKLE_TENSOR ? MOTE_OK
                                                            : bad(m, "a parameter: expected a tensor and two flags");
    case ORDERED_DICT:
        if (arguments->count == 0) {
            *made = mote_pickle_make(m, MOTE_PICKLE_DICTIONARY);
            return m->failure;
        }
        return bad(m, "an OrderedDict of %zu arguments: expected none", arguments->count);
    default: return bad(m, "a call of the storage type '%s'", names[name->name].name);
    }
}
