/* GGUF: what reading and writing share.
 * Source: docs/gguf.md and src/gguf.cpp of ggml (version 3 of the format), src/ggml-common.h (blocks). */
#ifndef MOTE_IO_GGUF_H
#define MOTE_IO_GGUF_H

#include "io/format.h"

enum {
    MOTE_GGUF_VERSION = 3,
    MOTE_GGUF_ALIGNMENT = 32,
    MOTE_GGUF_DIMENSIONS = 4,
    MOTE_GGUF_NAME = 64,      /* bytes with the NUL */
    MOTE_GGUF_CHUNK = 1 << 16 /* file bytes converted at a time: whole blocks of every type */
};

/* Types of metadata values. */
enum mote_gguf_value {
    MOTE_GGUF_U8,
    MOTE_GGUF_I8,
    MOTE_GGUF_U16,
    MOTE_GGUF_I16,
    MOTE_GGUF_U32,
    MOTE_GGUF_I32,
    MOTE_GGUF_F32,
    MOTE_GGUF_BOOL,
    MOTE_GGUF_STRING,
    MOTE_GGUF_ARRAY,
    MOTE_GGUF_U64,
    MOTE_GGUF_I64,
    MOTE_GGUF_F64,
    MOTE_GGUF_VALUES
};

/* A tensor type that mote knows: its number, and how many values share how many bytes in the file. */
typedef struct mote_gguf_type {
    uint32_t number;
    mote_format format;
    uint32_t values, bytes;
} mote_gguf_type;

/* NULL if mote does not know the type. */
const mote_gguf_type *mote_gguf_type_by_number(uint32_t number);
/* The type that stores a format; mxint8 is stored as Q8_0 with power-of-two scales. NULL if there is none. */
const mote_gguf_type *mote_gguf_type_for(mote_format format);

/* Name of any ggml tensor type, known or not, for messages. */
const char *mote_gguf_type_name(uint32_t number);

/* nvfp4's tensor scale is a tensor of its own: "x.weight" has "x.scale", "y" has "y.scale". In the arena. */
const char *mote_gguf_scale_name(mote_context *context, mote_arena *arena, const char *name);

/* blocks consecutive blocks between the file's form and the two planes. Formats without blocks: one value is
 * a block. count: file blocks. Packing returns false if a scale cannot be expressed. */
void mote_gguf_unpack(const mote_gguf_type *type, size_t count, const uint8_t *bytes, uint8_t *elements,
                      uint8_t *scales);
bool mote_gguf_pack(const mote_gguf_type *type, mote_format format, size_t count, const uint8_t *elements,
                    const uint8_t *scales, uint8_t *bytes);

/* mote_file_kind.create and so on, in gguf_write.c. */
mote_status mote_gguf_create(mote_writer *writer);
mote_status mote_gguf_put(mote_writer *writer, const mote_tensor *tensor);
mote_status mote_gguf_finish(mote_writer *writer);

#endif
