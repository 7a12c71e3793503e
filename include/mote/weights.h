/* Parameters of AlphaFold 2 in files, whatever their names and layouts:
 *
 *   - AlphaFold's names and layouts, as in params_model_1.npz ... params_model_1_multimer_v3.npz: blocks of a stack in
 * one array, weights [inputs, heads, width];
 *   - OpenFold's names and layouts, those of its first checkpoints too, with or without a prefix ("module.", "model.",
 *     "ema.params.": the averaged ones are taken where there are several).
 *
 * The file may be of any kind that mote_file_open() reads, and its numbers in any format that mote_dequantize() reads.
 * mote_cast_file() gives AlphaFold's files OpenFold's names and layouts, so that blocks run along the inputs. */
#ifndef MOTE_WEIGHTS_H
#define MOTE_WEIGHTS_H

#include <stdbool.h>

#include "mote/file.h"
#include "mote/graph.h"
#include "mote/structure_module.h"
#include "mote/trunk.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What shapes do not tell is the published models': structure_layers, position_scale, relative_chains, dropout, piece,
 * and all that concerns templates where there are none. */
typedef struct mote_weights {
    const char *names; /* "alphafold" or "openfold": whose names and layouts the file has */
    mote_trunk_config trunk;
    mote_structure_config structure;
    bool templates;     /* has the parameters of templates */
    mote_format format; /* the block format of all matrices; otherwise MOTE_FP32 */
    size_t parameters;  /* values of all tensors */
    struct mote_weights_memory *memory;
} mote_weights;

/* Opens path and reads its header. The caller owns *weights (mote_weights_close), which keeps using context; NULL on
 * failure. Errors: as mote_file_open(); MOTE_ERROR_FILE lists the tensors that are missing, those that no AlphaFold 2
 * model has and those of another shape; MOTE_ERROR_UNSUPPORTED: multimers of version 1 or 2. */
MOTE_API mote_status mote_weights_open(mote_context *context, const char *path, mote_weights **weights);

/* NULL is allowed. */
MOTE_API void mote_weights_close(mote_weights *weights);

/* Fills every parameter of plan, which is one of graph, from the file; the graph need not use all that the file has
 * (templates, heads). Memory: the largest array of the file and one block's part of it. Errors: MOTE_ERROR_FILE lists
 * the parameters that the file does not have or has in another shape; those of mote_file_read(), mote_plan_set(). */
MOTE_API mote_status mote_weights_load(mote_weights *weights, const mote_graph *graph, mote_plan *plan);

#ifdef __cplusplus
}
#endif
#endif
