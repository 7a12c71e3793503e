/* The stack machine of pickles, protocols 2 to 5, as far as torch.save uses it. */
#include "io/pickle.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/stream.h"

enum {
    VALUES_MAXIMUM = 1 << 22,
    MEMO_MAXIMUM = 1 << 22,
    FIRST_CAPACITY = 64,
    FIRST_ITEMS = 4,
};

typedef mote_pickle_machine machine;
typedef mote_pickle_value value;

mote_status mote_pickle_bad(machine *m, mote_status status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return mote_fail(m->context, status, "%s: %s, offset %zu: %s", m->path, m->where, m->begin, text);
}

#define bad(m, ...) mote_pickle_bad(m, MOTE_ERROR_FILE, __VA_ARGS__)

value *mote_pickle_make(machine *m, mote_pickle_kind kind)
{
    if (m->value_count == VALUES_MAXIMUM) {
        m->failure = bad(m, "more than %d values", VALUES_MAXIMUM);
        return NULL;
    }
    value *made = mote_arena_allocate(m->context, m->arena, sizeof *made);
    m->failure = made ? MOTE_OK : MOTE_ERROR_MEMORY;
    if (made) {
        *made = (value){.kind = kind, .place = m->begin};
        m->value_count++;
    }
    return made;
}

/* Room for item number count of an array of the machine; new items are zero. */
static mote_status reserve(machine *m, void **items, size_t *capacity, size_t count, size_t item_size)
{
    if (count < *capacity) {
        return MOTE_OK;
    }
    size_t wanted = *capacity ? *capacity : FIRST_CAPACITY;
    while (wanted <= count) {
        wanted *= 2; /* counts are bounded by VALUES_MAXIMUM or the size of the pickle */
    }
    char *grown = mote_allocate_array(m->context, wanted, item_size);
    if (!grown) {
        return MOTE_ERROR_MEMORY;
    }
    if (*items) {
        memcpy(grown, *items, *capacity * item_size);
    }
    memset(grown + *capacity * item_size, 0, (wanted - *capacity) * item_size);
    mote_release(m->context, *items);
    *items = grown;
    *capacity = wanted;
    return MOTE_OK;
}

static mote_status push(machine *m, value *pushed)
{
    if (!pushed) { /* it could not be made: the message says why */
        return m->failure;
    }
    mote_status status = reserve(m, (void **)&m->stack, &m->stack_capacity, m->stack_count, sizeof(value *));
    if (status == MOTE_OK) {
        m->stack[m->stack_count++] = pushed;
    }
    return status;
}

/* Values above the last mark. */
static size_t available(const machine *m) { return m->stack_count - (m->mark_count ? m->marks[m->mark_count - 1] : 0); }

static mote_status need(machine *m, size_t count)
{
    return available(m) >= count ? MOTE_OK
                                 : bad(m, "the operation needs %zu values, the stack has %zu", count, available(m));
}

/* The next count bytes of the pickle. */
static mote_status take(machine *m, size_t count, const uint8_t **bytes)
{
    *bytes = m->bytes + m->at;
    if (count > m->size - m->at) {
        return bad(m, "truncated: expected %zu bytes, found %zu", count, m->size - m->at);
    }
    m->at += count;
    return MOTE_OK;
}

/* A length of width bytes, then as many bytes. */
static mote_status take_counted(machine *m, size_t width, const uint8_t **bytes, size_t *length)
{
    mote_status status = take(m, width, bytes);
    *length = 0;
    if (status != MOTE_OK) {
        return status;
    }
    *length = (size_t)mote_little_endian(*bytes, (int)width);
    return take(m, *length, bytes);
}

/* ---- operations; argument is the number in their row of the table ---- */

static mote_status run_protocol(machine *m, int argument)
{
    (void)argument;
    const uint8_t *bytes;
    mote_status status = take(m, 1, &bytes);
    if (status == MOTE_OK && (*bytes < 2 || *bytes > 5)) {
        return mote_pickle_bad(m, MOTE_ERROR_UNSUPPORTED, "pickle protocol %d: expected 2 to 5", *bytes);
    }
    return status;
}

/* Frames only help readers that buffer. */
static mote_status run_skip(machine *m, int argument)
{
    const uint8_t *bytes;
    return take(m, (size_t)argument, &bytes);
}

static mote_status run_scalar(machine *m, int argument)
{
    const uint8_t *bytes;
    mote_status status = take(m, (size_t)argument, &bytes);
    return status == MOTE_OK ? push(m, m->scalar) : status;
}

/* Bytes: a length of argument bytes, then the bytes. */
static mote_status run_bytes(machine *m, int argument)
{
    const uint8_t *bytes;
    size_t length;
    mote_status status = take_counted(m, (size_t)argument, &bytes, &length);
    return status == MOTE_OK ? push(m, m->scalar) : status;
}

static mote_status push_integer(machine *m, int64_t integer)
{
    value *made = mote_pickle_make(m, MOTE_PICKLE_INTEGER);
    if (made) {
        made->integer = integer;
    }
    return push(m, made);
}

/* One of argument bytes: only that of four has a sign. */
static mote_status run_integer(machine *m, int argument)
{
    const uint8_t *bytes;
    mote_status status = take(m, (size_t)argument, &bytes);
    if (status != MOTE_OK) {
        return status;
    }
    uint64_t bits = mote_little_endian(bytes, argument);
    return push_integer(m, argument == 4 ? (int64_t)(int32_t)(uint32_t)bits : (int64_t)bits);
}

/* Two's complement of any length. */
static mote_status run_long(machine *m, int argument)
{
    const uint8_t *bytes;
    size_t length;
    mote_status status = take_counted(m, (size_t)argument, &bytes, &length);
    if (status != MOTE_OK) {
        return status;
    }
    if (length > sizeof(int64_t)) {
        return push(m, m->scalar);
    }
    uint64_t bits = mote_little_endian(bytes, (int)length);
    if (length > 0 && length < sizeof bits && bytes[length - 1] & 0x80) {
        bits |= UINT64_MAX << 8 * length;
    }
    return push_integer(m, (int64_t)bits);
}

static mote_status run_text(machine *m, int argument)
{
    const uint8_t *bytes;
    size_t length;
    mote_status status = take_counted(m, (size_t)argument, &bytes, &length);
    if (status != MOTE_OK) {
        return status;
    }
    value *made = mote_pickle_make(m, MOTE_PICKLE_TEXT);
    if (made) {
        made->text = (const char *)bytes;
        made->length = length;
    }
    return push(m, made);
}

static mote_status run_empty(machine *m, int argument)
{
    return push(m, mote_pickle_make(m, (mote_pickle_kind)argument));
}

static mote_status run_mark(machine *m, int argument)
{
    (void)argument;
    mote_status status = reserve(m, (void **)&m->marks, &m->mark_capacity, m->mark_count, sizeof *m->marks);
    if (status == MOTE_OK) {
        m->marks[m->mark_count++] = m->stack_count;
    }
    return status;
}

/* Puts the topmost count values into a container, in the order in which they were pushed. */
static mote_status append(machine *m, value *container, size_t count)
{
    size_t total = container->count + count;
    if (total > container->capacity) {
        size_t capacity = container->capacity ? 2 * container->capacity : FIRST_ITEMS;
        capacity = capacity < total ? total : capacity;
        value **items = mote_arena_allocate(m->context, m->arena, capacity * sizeof *items);
        if (!items) {
            return MOTE_ERROR_MEMORY;
        }
        if (container->count) {
            memcpy(items, container->items, container->count * sizeof *items);
        }
        container->items = items;
        container->capacity = capacity;
    }
    m->stack_count -= count;
    if (count) {
        memcpy(container->items + container->count, m->stack + m->stack_count, count * sizeof *container->items);
    }
    container->count = total;
    return MOTE_OK;
}

/* The number of values since the last mark, which is taken away. */
static mote_status pop_mark(machine *m, size_t *count)
{
    *count = 0;
    if (m->mark_count == 0) {
        return bad(m, "the operation needs a mark, and there is none");
    }
    *count = available(m);
    m->mark_count--;
    return MOTE_OK;
}

static mote_status push_of(machine *m, mote_pickle_kind kind, size_t count)
{
    value *made = mote_pickle_make(m, kind);
    if (!made) {
        return m->failure;
    }
    if (kind == MOTE_PICKLE_DICTIONARY && count % 2) {
        return bad(m, "a dict of %zu keys and values", count);
    }
    mote_status status = append(m, made, count);
    return status == MOTE_OK ? push(m, made) : status;
}

/* A container of what lies above the mark. */
static mote_status run_collect(machine *m, int argument)
{
    size_t count;
    mote_status status = pop_mark(m, &count);
    return status == MOTE_OK ? push_of(m, (mote_pickle_kind)argument, count) : status;
}

/* A tuple of the topmost one, two or three. */
static mote_status run_tuple(machine *m, int argument)
{
    mote_status status = need(m, (size_t)argument);
    return status == MOTE_OK ? push_of(m, MOTE_PICKLE_TUPLE, (size_t)argument) : status;
}

/* The topmost count values go into the container below them. */
static mote_status insert(machine *m, mote_pickle_kind kind, size_t count)
{
    mote_status status = need(m, count + 1);
    if (status != MOTE_OK) {
        return status;
    }
    value *container = m->stack[m->stack_count - count - 1];
    if (container->kind != kind || (kind == MOTE_PICKLE_DICTIONARY && count % 2)) {
        return bad(m, "%zu values for something that is no %s", count,
                   kind == MOTE_PICKLE_LIST ? "list" : "dict, or that are no pairs");
    }
    return append(m, container, count);
}

static mote_status run_append(machine *m, int argument)
{
    return insert(m, (mote_pickle_kind)argument, argument == MOTE_PICKLE_LIST ? 1 : 2);
}

static mote_status run_extend(machine *m, int argument)
{
    size_t count;
    mote_status status = pop_mark(m, &count);
    return status == MOTE_OK ? insert(m, (mote_pickle_kind)argument, count) : status;
}

/* Remembers the topmost value under a number of argument bytes, or under the next free one. */
static mote_status run_put(machine *m, int argument)
{
    const uint8_t *bytes;
    mote_status status = take(m, (size_t)argument, &bytes);
    status = status == MOTE_OK ? need(m, 1) : status;
    if (status != MOTE_OK) {
        return status;
    }
    size_t number = argument ? (size_t)mote_little_endian(bytes, argument) : m->memo_count;
    if (number >= MEMO_MAXIMUM) {
        return bad(m, "memo number %zu: at most %d are kept", number, MEMO_MAXIMUM);
    }
    status = reserve(m, (void **)&m->memo, &m->memo_capacity, number, sizeof(value *));
    if (status == MOTE_OK) {
        m->memo_count += !m->memo[number];
        m->memo[number] = m->stack[m->stack_count - 1];
    }
    return status;
}

static mote_status run_get(machine *m, int argument)
{
    const uint8_t *bytes;
    mote_status status = take(m, (size_t)argument, &bytes);
    if (status != MOTE_OK) {
        return status;
    }
    size_t number = (size_t)mote_little_endian(bytes, argument);
    if (number >= m->memo_capacity || !m->memo[number]) {
        return bad(m, "memo number %zu was never set", number);
    }
    return push(m, m->memo[number]);
}

static mote_status take_line(machine *m, const char **line, size_t *length)
{
    const uint8_t *bytes = m->bytes + m->at, *end = memchr(bytes, '\n', m->size - m->at);
    *line = (const char *)bytes;
    *length = 0;
    if (!end) {
        return bad(m, "truncated: a name without its end");
    }
    *length = (size_t)(end - bytes);
    m->at += *length + 1;
    return MOTE_OK;
}

static mote_status run_global(machine *m, int argument)
{
    (void)argument;
    const char *module, *name;
    size_t module_length, name_length;
    value *found = NULL;
    mote_status status = take_line(m, &module, &module_length);
    status = status == MOTE_OK ? take_line(m, &name, &name_length) : status;
    status = status == MOTE_OK ? mote_pickle_find_name(m, module, module_length, name, name_length, &found) : status;
    return status == MOTE_OK ? push(m, found) : status;
}

static mote_status run_stack_global(machine *m, int argument)
{
    (void)argument;
    value *found = NULL;
    mote_status status = need(m, 2);
    if (status != MOTE_OK) {
        return status;
    }
    const value *module = m->stack[m->stack_count - 2], *name = m->stack[m->stack_count - 1];
    if (module->kind != MOTE_PICKLE_TEXT || name->kind != MOTE_PICKLE_TEXT) {
        return bad(m, "a module and a name that are not text");
    }
    m->stack_count -= 2;
    status = mote_pickle_find_name(m, module->text, module->length, name->text, name->length, &found);
    return status == MOTE_OK ? push(m, found) : status;
}

static mote_status run_persistent(machine *m, int argument)
{
    (void)argument;
    value *found = NULL;
    mote_status status = need(m, 1);
    status = status == MOTE_OK ? mote_pickle_find_storage(m, m->stack[--m->stack_count], &found) : status;
    return status == MOTE_OK ? push(m, found) : status;
}

static mote_status run_reduce(machine *m, int argument)
{
    (void)argument;
    value *made = NULL;
    mote_status status = need(m, 2);
    if (status != MOTE_OK) {
        return status;
    }
    m->stack_count -= 2;
    status = mote_pickle_reduce(m, m->stack[m->stack_count], m->stack[m->stack_count + 1], &made);
    return status == MOTE_OK ? push(m, made) : status;
}

/* Attributes of an object: state dicts carry their versions so. Nobody reads them here. */
static mote_status run_build(machine *m, int argument)
{
    (void)argument;
    mote_status status = need(m, 2);
    if (status != MOTE_OK) {
        return status;
    }
    if (m->stack[m->stack_count - 2]->kind != MOTE_PICKLE_DICTIONARY ||
        m->stack[m->stack_count - 1]->kind != MOTE_PICKLE_DICTIONARY) {
        return bad(m, "attributes for something that is no OrderedDict");
    }
    m->stack_count--;
    return MOTE_OK;
}

typedef mote_status run(machine *m, int argument);

/* The operations by their byte. */
static const struct operation {
    run *run;
    int argument;
} operations[256] = {
    [0x80] = {run_protocol, 0},                  /* PROTO */
    [0x95] = {run_skip, 8},                      /* FRAME */
    ['N'] = {run_scalar, 0},                     /* NONE */
    [0x88] = {run_scalar, 0},                    /* NEWTRUE */
    [0x89] = {run_scalar, 0},                    /* NEWFALSE */
    ['G'] = {run_scalar, 8},                     /* BINFLOAT */
    ['C'] = {run_bytes, 1},                      /* SHORT_BINBYTES */
    ['B'] = {run_bytes, 4},                      /* BINBYTES */
    [0x8e] = {run_bytes, 8},                     /* BINBYTES8 */
    ['K'] = {run_integer, 1},                    /* BININT1 */
    ['M'] = {run_integer, 2},                    /* BININT2 */
    ['J'] = {run_integer, 4},                    /* BININT */
    [0x8a] = {run_long, 1},                      /* LONG1 */
    [0x8b] = {run_long, 4},                      /* LONG4 */
    [0x8c] = {run_text, 1},                      /* SHORT_BINUNICODE */
    ['X'] = {run_text, 4},                       /* BINUNICODE */
    [0x8d] = {run_text, 8},                      /* BINUNICODE8 */
    ['}'] = {run_empty, MOTE_PICKLE_DICTIONARY}, /* EMPTY_DICT */
    [']'] = {run_empty, MOTE_PICKLE_LIST},       /* EMPTY_LIST */
    [')'] = {run_empty, MOTE_PICKLE_TUPLE},      /* EMPTY_TUPLE */
    ['('] = {run_mark, 0},
    ['t'] = {run_collect, MOTE_PICKLE_TUPLE},      /* TUPLE */
    ['l'] = {run_collect, MOTE_PICKLE_LIST},       /* LIST */
    ['d'] = {run_collect, MOTE_PICKLE_DICTIONARY}, /* DICT */
    [0x85] = {run_tuple, 1},                       /* TUPLE1 */
    [0x86] = {run_tuple, 2},
    [0x87] = {run_tuple, 3},
    ['a'] = {run_append, MOTE_PICKLE_LIST},       /* APPEND */
    ['s'] = {run_append, MOTE_PICKLE_DICTIONARY}, /* SETITEM */
    ['e'] = {run_extend, MOTE_PICKLE_LIST},       /* APPENDS */
    ['u'] = {run_extend, MOTE_PICKLE_DICTIONARY}, /* SETITEMS */
    ['q'] = {run_put, 1},                         /* BINPUT */
    ['r'] = {run_put, 4},                         /* LONG_BINPUT */
    [0x94] = {run_put, 0},                        /* MEMOIZE */
    ['h'] = {run_get, 1},                         /* BINGET */
    ['j'] = {run_get, 4},                         /* LONG_BINGET */
    ['c'] = {run_global, 0},                      /* GLOBAL */
    [0x93] = {run_stack_global, 0},               /* STACK_GLOBAL */
    ['Q'] = {run_persistent, 0},                  /* BINPERSID */
    ['R'] = {run_reduce, 0},                      /* REDUCE */
    ['b'] = {run_build, 0},                       /* BUILD */
};

static mote_status run_all(machine *m, value **root)
{
    mote_status status = MOTE_OK;
    uint8_t code = 0;
    while (status == MOTE_OK && code != '.') {
        const uint8_t *bytes;
        m->begin = m->at;
        status = take(m, 1, &bytes);
        if (status != MOTE_OK) {
            return bad(m, "truncated: the pickle has no end");
        }
        code = *bytes;
        if (m->begin == 0 && code != 0x80) {
            return bad(m, "expected a pickle of protocol 2 to 5, found the byte 0x%02X", (unsigned)code);
        }
        if (operations[code].run) {
            status = operations[code].run(m, operations[code].argument);
        } else if (code != '.') {
            return bad(m, "operation 0x%02X, which torch.save does not write", (unsigned)code);
        }
    }
    if (status == MOTE_OK && (m->stack_count != 1 || m->mark_count || m->at != m->size)) {
        return bad(m, "the pickle ends with %zu values, %zu marks and %zu bytes left: expected one value",
                   m->stack_count, m->mark_count, m->size - m->at);
    }
    *root = status == MOTE_OK ? m->stack[0] : NULL;
    return status;
}

mote_status mote_pickle_read(mote_context *context, mote_arena *arena, const char *path, const char *where,
                             const uint8_t *bytes, size_t size, value **root)
{
    machine m = {.context = context, .arena = arena, .path = path, .where = where, .bytes = bytes, .size = size};
    *root = NULL;
    if (size > MOTE_PICKLE_BYTES_MAXIMUM) {
        return bad(&m, "%zu bytes: at most %d are read", size, MOTE_PICKLE_BYTES_MAXIMUM);
    }
    m.scalar = mote_pickle_make(&m, MOTE_PICKLE_SCALAR);
    mote_status status = m.scalar ? run_all(&m, root) : m.failure;
    mote_release(context, m.stack);
    mote_release(context, m.marks);
    mote_release(context, m.memo);
    return status;
}
