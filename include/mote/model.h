/* Language models of sequences as graphs: GPT-like decoders and ESM-2-like encoders. */
#ifndef MOTE_MODEL_H
#define MOTE_MODEL_H

#include "mote/operations.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mote_norm_kind { MOTE_NORM_LAYER = 0, MOTE_NORM_RMS = 1 } mote_norm_kind;
typedef enum mote_activation { MOTE_GELU_TANH = 0, MOTE_GELU = 1, MOTE_SWIGLU = 2 } mote_activation;
typedef enum mote_positions { MOTE_POSITIONS_LEARNED = 0, MOTE_POSITIONS_ROTARY = 1 } mote_positions;

/* What a model is. All blocks are pre-norm: x + attention(norm(x)), then x + mlp(norm(x)). */
typedef struct mote_model_config {
    char name[32]; /* of the preset it started from */
    int masked;    /* 0: a decoder that predicts the next token; 1: an encoder that predicts masked ones */
    size_t vocabulary, context;
    size_t layers, width, heads;
    size_t key_heads; /* a divisor of heads */
    size_t hidden;    /* of the mlp */
    size_t window;    /* of attention; 0: all */
    mote_norm_kind norm;
    mote_activation activation;
    mote_positions positions;
    int tied;       /* the last product's weight is the embedding's */
    double dropout; /* of embeddings and of what is added to the residual stream */
    double epsilon, rotary_base;
} mote_model_config;

/* Fills config from a preset, or from JSON: {"model": "gpt-small", "layers": 8, "norm": "rms", ...} with the names of
 * the fields above as keys, or a model folder's config.json. Presets: gpt-tiny, gpt-small, gpt-medium (GPT-2's
 * architecture), llama-mini, llama-tiny, llama-small (RMS norm, SwiGLU, rotary positions, untied), esm-tiny, esm-small
 * (ESM-2's). Errors: MOTE_ERROR_ARGUMENT, naming the key. */
MOTE_API mote_status mote_model_parse(mote_context *context, const char *name_or_json, mote_model_config *config);

/* Name of preset index; NULL from the end on. */
MOTE_API const char *mote_model_name(int index);

/* Fails with the field that cannot be. */
MOTE_API mote_status mote_model_check(mote_context *context, const mote_model_config *config);

/* Values of a model in its graph. */
typedef struct mote_model {
    mote_value tokens;   /* input int32 [batch, positions] */
    mote_value targets;  /* input int32 [batch * positions]; negative: not scored */
    mote_value segments; /* input int32 [batch, positions]: documents, see mote_graph_attention */
    mote_value hidden;   /* [batch, positions, width] in front of the last product */
    mote_value losses;   /* [batch * positions], in nats */
    mote_value loss;     /* their mean */
} mote_model;

/* Appends the model to graph for batches of this size; training: with dropout. Errors: those of mote_model_check, and
 * more positions than were learned; the graph is as before then. */
MOTE_API mote_status mote_model_build(mote_graph *graph, const mote_model_config *config, size_t batch,
                                      size_t positions, int training, mote_model *model);

/* Writes a folder (made if need be) with config.json and model.safetensors, whose tensors have the names and layouts
 * that the architecture's other tools use: GPT-2, Llama and ESM as Hugging Face's transformers library names them.
 * extra: JSON object with more to keep in config.json under "mote", or NULL; a "vocabulary" in it also names the
 * special tokens. Each file is replaced atomically. Errors: MOTE_ERROR_ARGUMENT where plan's parameters are packed,
 * and so no longer those that were trained. */
MOTE_API mote_status mote_model_save(mote_graph *graph, const mote_model_config *config, const mote_plan *plan,
                                     const char *extra, const char *folder);

/* Reads a folder's config.json. extra (NULL allowed): its "mote" object as JSON text, released with mote_text_release.
 */
MOTE_API mote_status mote_model_read_config(mote_context *context, const char *folder, mote_model_config *config,
                                            char **extra);

/* Reads the tensors of a folder into plan's parameters, packed or not. Errors: MOTE_ERROR_FILE naming a missing or
 * misshapen tensor.
 */
MOTE_API mote_status mote_model_load(mote_graph *graph, const mote_model_config *config, mote_plan *plan,
                                     const char *folder);

#ifdef __cplusplus
}
#endif
#endif
