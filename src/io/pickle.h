/* Pickles as torch.save writes them, read as data.
 *
 * A pickle is a program for a small stack machine that can call any function of Python. This machine calls none: it
 * knows the operations that make numbers, text and containers, and the few names of torch that describe a tensor
 * (pickle_torch.c), which it answers itself. Everything else ends the reading with a message.
 * Sources: Python's Lib/pickletools.py for the operations; torch/_utils.py and torch/serialization.py for the names. */
#ifndef MOTE_IO_PICKLE_H
#define MOTE_IO_PICKLE_H

#include "base/arena.h"
#include "mote/quantize.h"

typedef enum mote_pickle_kind {
    MOTE_PICKLE_SCALAR, /* None, a truth value, a float, bytes, an integer of more than 64 bits: not kept */
    MOTE_PICKLE_INTEGER,
    MOTE_PICKLE_TEXT,
    MOTE_PICKLE_TUPLE,
    MOTE_PICKLE_LIST,
    MOTE_PICKLE_DICTIONARY, /* dict or OrderedDict */
    MOTE_PICKLE_NAME,       /* one of the names of pickle_torch.c */
    MOTE_PICKLE_STORAGE,
    MOTE_PICKLE_TENSOR
} mote_pickle_kind;

/* An array that tensors are views of; its bytes are the archive's member data/KEY. */
typedef struct mote_pickle_storage {
    const char *key; /* letters, digits, '_', '-' and '.' */
    mote_format format;
    size_t count; /* of elements; their bytes fit size_t */
} mote_pickle_storage;

/* Element [i, j, ...] is element offset + i * stride[0] + j * stride[1] + ... of the storage, and lies in it. */
typedef struct mote_pickle_tensor {
    const mote_pickle_storage *storage;
    size_t offset;
    int rank;
    size_t shape[MOTE_MAXIMUM_RANK], stride[MOTE_MAXIMUM_RANK]; /* in elements */
} mote_pickle_tensor;

typedef struct mote_pickle_value mote_pickle_value;

struct mote_pickle_value {
    mote_pickle_kind kind;
    bool open;    /* for walks: on the path from the root, so a second visit is a cycle */
    size_t place; /* offset in the pickle of the operation that made it */
    union {
        int64_t integer;
        int name; /* row of the table */
        struct {
            const char *text; /* in the pickle, not terminated */
            size_t length;
        };
        struct {
            mote_pickle_value **items; /* of a dictionary: key, value, key, value ... */
            size_t count, capacity;
        };
        const mote_pickle_storage *storage;
        const mote_pickle_tensor *tensor;
    };
};

enum { MOTE_PICKLE_BYTES_MAXIMUM = 64 << 20 };

/* Reads a pickle of at most MOTE_PICKLE_BYTES_MAXIMUM bytes. Values are made in arena and point into bytes, which must
 * live as long. Containers may share parts, and contain themselves. Path and where name file and member in messages.
 * Fails with MOTE_ERROR_FILE (not a pickle of tensors; the message has the byte offset), MOTE_ERROR_UNSUPPORTED (names
 * that are not torch.save's own, tensors that mote cannot hold), MOTE_ERROR_MEMORY. */
mote_status mote_pickle_read(mote_context *context, mote_arena *arena, const char *path, const char *where,
                             const uint8_t *bytes, size_t size, mote_pickle_value **root);

/* ---- between pickle.c and pickle_torch.c ---- */

typedef struct mote_pickle_machine {
    mote_context *context;
    mote_arena *arena;
    const char *path, *where;
    const uint8_t *bytes;
    size_t size, at;
    size_t begin; /* of the operation that runs */
    size_t value_count;
    mote_status failure;       /* of the last mote_pickle_make */
    mote_pickle_value *scalar; /* the one that stands for all */
    mote_pickle_value **stack, **memo;
    size_t *marks; /* heights of the stack */
    size_t stack_count, stack_capacity, mark_count, mark_capacity, memo_count, memo_capacity;
} mote_pickle_machine;

/* Fails with a message that names file, member and the offset of the operation. */
__attribute__((format(printf, 3, 4))) mote_status mote_pickle_bad(mote_pickle_machine *m, mote_status status,
                                                                  const char *format, ...);

/* A zeroed value of this kind; NULL with the message set and the status in m->failure. */
mote_pickle_value *mote_pickle_make(mote_pickle_machine *m, mote_pickle_kind kind);

/* The value of a name, if it is one that torch.save writes for tensors. */
mote_status mote_pickle_find_name(mote_pickle_machine *m, const char *module, size_t module_length, const char *name,
                                  size_t name_length, mote_pickle_value **value);

/* What a persistent id stands for: a storage. */
mote_status mote_pickle_find_storage(mote_pickle_machine *m, const mote_pickle_value *id, mote_pickle_value **value);

/* What a name "called" with arguments gives. */
mote_status mote_pickle_reduce(mote_pickle_machine *m, const mote_pickle_value *name, mote_pickle_value *arguments,
                               mote_pickle_value **value);

#endif
