/* Casting whole files: every tensor of numbers to one format, tensor by tensor, so that a file larger than
 * memory works. The direct cast of Rouhani et al., arXiv 2310.10537, section 4. */
#ifndef MOTE_CAST_H
#define MOTE_CAST_H

#include <stdbool.h>

#include "mote/file.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is known when a tensor is begun (done false) and when it has been written (done true). */
typedef struct mote_cast_progress {
    const mote_tensor_info *input, *output;
    size_t index, count;              /* this tensor and all */
    uint64_t bytes_done, bytes_total; /* of input */
    bool done;
    bool converted;   /* false: carried unchanged */
    mote_error error; /* of this tensor, if converted and done */
} mote_cast_progress;

typedef struct mote_cast_options {
    mote_format format;
    int axis; /* of the blocks; negative counts from the end */
    mote_quantize_options quantize;
    /* Shell patterns (*, ?, [a-z]) on tensor names; a name is converted if it matches one of include (or there is
     * none) and none of exclude. NULL-terminated lists; NULL: empty. Others are carried unchanged. */
    const char *const *include;
    const char *const *exclude;
    /* Called before and after each tensor; anything but MOTE_OK stops with MOTE_ERROR_CANCELLED. May be NULL. */
    mote_status (*progress)(void *user, const mote_cast_progress *progress);
    void *user;
} mote_cast_options;

/* Casts the file input to output, whose name's ending says what file it becomes; output NULL writes nothing, so
 * that progress can tell what the format would lose. Integers, booleans and
 * complex numbers are carried, and so are tensors that have the format already. Metadata is carried as text; GGUF
 * values of other types keep theirs from GGUF to GGUF, without general.file_type, which spoke of the old weights.
 * Parameters of AlphaFold 2 (mote/weights.h) are tensors with OpenFold's names and layouts here, in the callback and in
 * the output: matrices are converted, vectors become FP32. With AlphaFold's names they must be a whole model, with
 * OpenFold's anything else is cast as any file is.
 * Peak memory: the planes of the largest tensor in both formats and, unless the input is FP32, one FP32 copy.
 * On failure nothing is left behind and an old output is untouched.
 * Errors: those of mote_file_open, mote_file_read, mote_writer_create, mote_quantize. */
MOTE_API mote_status mote_cast_file(mote_context *context, const char *input, const char *output,
                                    const mote_cast_options *options);

#ifdef __cplusplus
}
#endif
#endif
