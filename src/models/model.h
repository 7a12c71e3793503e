/* What model files share. */
#ifndef MOTE_MODELS_MODEL_H
#define MOTE_MODELS_MODEL_H

#include "mote/model.h"

/* How a parameter is called in files: where part is found in its name, it is replaced by names[0], or the rows are
 * split among several names. */
typedef struct mote_file_name {
    const char *part;
    const char *names[3]; /* NULL: no more */
    bool transposed;      /* [inputs, outputs] in the file */
} mote_file_name;

/* A family's layer names, and how files call its tensors. */
typedef struct mote_model_family {
    const char *type; /* config.json's model_type */
    const char *embedding, *positions, *block, *norm1, *attention, *qkv, *projection, *norm2, *up, *down, *final_norm,
        *head;
    const mote_file_name *files; /* the last has no part */
} mote_model_family;

extern const mote_model_family mote_gpt2_family, mote_llama_family, mote_esm_family;

/* The family whose names a model takes. */
const mote_model_family *mote_model_family_of(const mote_model_config *config);

/* True if other tools' definition of the family is this model exactly. */
bool mote_model_is_standard(const mote_model_config *config);

#endif
