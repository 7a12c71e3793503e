/* Parameters of AlphaFold 2 in files, whatever their names and layouts: AlphaFold's .npz, OpenFold's .pt, tensors with
 * OpenFold's names in any tensor file, FP32 or in a block format. */
#ifndef MOTE_MODELS_WEIGHTS_H
#define MOTE_MODELS_WEIGHTS_H

#include "mote/file.h"
#include "mote/graph.h"
#include "mote/structure_module.h"
#include "mote/trunk.h"

typedef struct mote_weights {
    const char *names; /* "alphafold" or "openfold": whose names and layouts the file has */
    mote_trunk_config trunk;
    mote_structure_config structure; /* both as the shapes of the tensors tell */
    bool templates;                  /* has the parameters of templates */
    mote_format format;              /* of the matrices; MOTE_FP32 if they differ or are plain */
    size_t parameters;               /* values of all tensors */
    struct mote_weights_memory *memory;
} mote_weights;

/* Opens path and reads its header. The caller owns *weights (mote_weights_close), NULL on failure. Fails as
 * mote_file_open() does; with MOTE_ERROR_FILE if the tensors are not those of an AlphaFold 2 model, which names what is
 * missing first. */
mote_status mote_weights_open(mote_context *context, const char *path, mote_weights **weights);

/* NULL is allowed. */
void mote_weights_close(mote_weights *weights);

/* Fills every parameter of plan, which is one of graph, from the file. MOTE_ERROR_FILE lists each parameter that the
 * file lacks, each tensor of the file that no AlphaFold 2 model has, and each of another shape. Parameters of the file
 * that this graph does not use (templates, the heads of training) are no error. Memory: the largest array of the file.
 */
mote_status mote_weights_load(mote_weights *weights, const mote_graph *graph, mote_plan *plan);

#endif
