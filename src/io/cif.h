/* The words of a CIF file. Hall, Allen and Brown, "The Crystallographic Information File", version 1.1. */
#ifndef MOTE_IO_CIF_H
#define MOTE_IO_CIF_H

#include "io/text_file.h"

typedef enum mote_cif_kind {
    MOTE_CIF_END,   /* of the file */
    MOTE_CIF_DATA,  /* data_NAME: bytes are NAME */
    MOTE_CIF_LOOP,  /* loop_ */
    MOTE_CIF_TAG,   /* _category.item */
    MOTE_CIF_VALUE, /* plain, in quotes, or a text field between lines that begin with ';' */
    MOTE_CIF_OTHER  /* save_, global_, stop_ */
} mote_cif_kind;

typedef struct mote_cif_word {
    mote_cif_kind kind;
    const char *bytes; /* in the text, without quotes */
    size_t length;
    bool null; /* a plain '.' or '?' */
    size_t at; /* its offset */
} mote_cif_word;

/* Reads the word from *at on, and moves behind it. Fails with MOTE_ERROR_FILE where a quote or text field has no end.
 */
mote_status mote_cif_next(const mote_text_file *text, size_t *at, mote_cif_word *word);

/* True if a tag is this one; case does not matter. */
bool mote_cif_is_tag(const mote_cif_word *word, const char *tag);

#endif
