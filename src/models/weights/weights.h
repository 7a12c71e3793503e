/* The inside of mote_weights: where in a file each tensor of a model lies. Names are OpenFold's unless said otherwise.
 */
#ifndef MOTE_MODELS_WEIGHTS_WEIGHTS_H
#define MOTE_MODELS_WEIGHTS_WEIGHTS_H

#include "base/arena.h"
#include "mote/weights.h"

enum {
    MOTE_WEIGHTS_NAME = 192,  /* bytes that each name of a model, AlphaFold's too, fits into */
    MOTE_WEIGHTS_BLOCKS = 256 /* most of a stack */
};

/* A tensor of the file under the name by which it is looked for: OpenFold's of today without a prefix, or AlphaFold's
 * key without the part that all have. */
typedef struct mote_weights_name {
    const char *name;
    size_t tensor;
} mote_weights_name;

/* Where a tensor of the model lies. */
typedef struct mote_weights_source {
    size_t tensor;        /* of the file */
    size_t block, blocks; /* which part along its first dimension, and of how many; blocks 0: it is no stack */
    bool turned;          /* as [inputs, outputs] */
    bool swapped;         /* with the halves of its outputs exchanged */
    bool product;         /* only products read it: it may be in blocks */
} mote_weights_source;

struct mote_weights_memory {
    mote_context *context;
    mote_arena arena;
    const char *path;
    mote_file *file; /* owned */
    size_t tensor_count;
    const mote_tensor_info *tensors; /* of the file */
    bool alphafold;
    size_t name_count;
    mote_weights_name *names; /* [name_count], sorted; tensors under other prefixes are not among them */
    size_t count;
    mote_tensor_info *infos; /* [count], of the model's tensors as mote_weights_read() gives them */
    mote_weights_source *sources;
    const mote_tensor_info **sorted; /* infos by name */
    size_t held;                     /* the tensor of the file whose planes array has, or SIZE_MAX */
    mote_tensor array;
    float *part; /* what was made of it, or NULL */
};

/* ---- for casting ---- */

/* Whose names the tensors have, "alphafold" or "openfold"; NULL: neither's. */
const char *mote_weights_whose(const mote_file *file);

/* mote_weights_open() of a file that is open already; on success weights owns it. */
mote_status mote_weights_of_file(mote_context *context, mote_file *file, mote_weights **weights);

/* Fills tensor, whose layout becomes that of infos[index]; its planes are valid until the next call. Parts of one array
 * of the file that are read one after the other are read once. */
mote_status mote_weights_read(mote_weights *weights, size_t index, mote_tensor *tensor);

/* ---- pieces of opening a file ---- */

/* All of opening but the reading of the header: tensors and path must outlive weights, which owns no file. */
mote_status mote_weights_describe(mote_context *context, const char *path, size_t count,
                                  const mote_tensor_info *tensors, mote_weights **weights);

/* Fills memory->names and memory->alphafold. */
mote_status mote_weights_list_names(struct mote_weights_memory *memory);

/* Finds a tensor: its layout as mote_weights_read() gives it, FP32 where it has to be made, and where it lies. False:
 * there is none. Needs weights->trunk.multimer. */
bool mote_weights_find(const mote_weights *weights, const char *name, mote_layout *layout, mote_weights_source *source);

/* Fills the public fields from shapes. */
mote_status mote_weights_configure(mote_weights *weights);

/* Lists the model's tensors in memory->infos and sources; fails unless the file has all of them and no other. */
mote_status mote_weights_list_tensors(mote_weights *weights);

/* Fails with the parameters of graph that infos have not or in another shape. */
mote_status mote_weights_check_graph(const mote_weights *weights, const mote_graph *graph);

/* The index of a tensor of the model; SIZE_MAX: there is none. */
size_t mote_weights_index(const mote_weights *weights, const char *name);

/* ---- AlphaFold's names ---- */

#define MOTE_ALPHAFOLD_PREFIX "alphafold/alphafold_iteration/"

/* How AlphaFold has a tensor. */
typedef struct mote_alphafold_place {
    char key[MOTE_WEIGHTS_NAME]; /* without MOTE_ALPHAFOLD_PREFIX */
    bool stacked;                /* the array has all blocks of the stack, this is one */
    size_t block;
    bool vector;       /* or matrix: first the inputs, then the outputs */
    bool outputs_last; /* the outputs are the last dimension alone; otherwise the inputs are the first alone */
    bool swapped;      /* the halves of the outputs are exchanged */
} mote_alphafold_place;

/* False for names that no AlphaFold 2 model has. */
bool mote_alphafold_find(const char *name, bool multimer, mote_alphafold_place *place);

/* ---- OpenFold's names ---- */

/* Length of the prefix that the tensors of the model have in a file of count tensors; -1: it has no model. Of several
 * models the averaged one ("ema"), or else the first. */
ptrdiff_t mote_openfold_prefix(size_t count, const mote_tensor_info *tensors);

/* The present spelling of a name without its prefix, which may be that of the first checkpoints; in arena. NULL without
 * memory. */
const char *mote_openfold_name(mote_context *context, mote_arena *arena, const char *name);

#endif
