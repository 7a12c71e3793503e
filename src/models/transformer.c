/* Transformers of sequences: one block for decoders and encoders; families differ in names and choices.
 *
 * Sources: Radford et al. 2019 (GPT-2, section 2.3: pre-norm, scaled residual projections); Touvron et al.,
 * arXiv 2302.13971, section 2.2 (Llama); Lin et al., Science 379 (2023), supplement A.1 (ESM-2). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"
#include "models/model.h"

static const mote_file_name gpt2_files[] = {{"c_attn.weight", {"c_attn.weight"}, true},
                                            {"c_proj.weight", {"c_proj.weight"}, true},
                                            {"c_fc.weight", {"c_fc.weight"}, true},
                                            {0}};

static const mote_file_name llama_files[] = {
    {"qkv_proj", {"q_proj", "k_proj", "v_proj"}, false}, {"gate_up_proj", {"gate_proj", "up_proj"}, false}, {0}};

static const mote_file_name esm_files[] = {{"self.qkv", {"self.query", "self.key", "self.value"}, false}, {0}};

const mote_model_family mote_gpt2_family = {.type = "gpt2",
                                            .embedding = "transformer.wte",
                                            .positions = "transformer.wpe",
                                            .block = "transformer.h.%zu",
                                            .norm1 = "ln_1",
                                            .attention = "attn",
                                            .qkv = "attn.c_attn",
                                            .projection = "attn.c_proj",
                                            .norm2 = "ln_2",
                                            .up = "mlp.c_fc",
                                            .down = "mlp.c_proj",
                                            .final_norm = "transformer.ln_f",
                                            .head = "lm_head",
                                            .files = gpt2_files};

const mote_model_family mote_llama_family = {.type = "llama",
                                             .embedding = "model.embed_tokens",
                                             .positions = "model.embed_positions",
                                             .block = "model.layers.%zu",
                                             .norm1 = "input_layernorm",
                                             .attention = "self_attn",
                                             .qkv = "self_attn.qkv_proj",
                                             .projection = "self_attn.o_proj",
                                             .norm2 = "post_attention_layernorm",
                                             .up = "mlp.gate_up_proj",
                                             .down = "mlp.down_proj",
                                             .final_norm = "model.norm",
                                             .head = "lm_head",
                                             .files = llama_files};

const mote_model_family mote_esm_family = {.type = "esm",
                                           .embedding = "esm.embeddings.word_embeddings",
                                           .positions = "esm.embeddings.position_embeddings",
                                           .block = "esm.encoder.layer.%zu",
                                           .norm1 = "attention.LayerNorm",
                                           .attention = "attention.self",
                                           .qkv = "attention.self.qkv",
                                           .projection = "attention.output.dense",
                                           .norm2 = "LayerNorm",
                                           .up = "intermediate.dense",
                                           .down = "output.dense",
                                           .final_norm = "esm.encoder.emb_layer_norm_after",
                                           .head = "lm_head",
                                           .files = esm_files};

const mote_model_family *mote_model_family_of(const mote_model_config *config)
{
    return config->masked ? &mote_esm_family : config->norm == MOTE_NORM_RMS ? &mote_llama_family : &mote_gpt2_family;
}

bool mote_model_is_standard(const mote_model_config *c)
{
    bool plain = c->window == 0;
    if (c->masked) {
        return plain && c->norm == MOTE_NORM_LAYER && c->activation == MOTE_GELU && c->key_heads == c->heads &&
               c->tied && c->positions == MOTE_POSITIONS_ROTARY && c->rotary_base == 10000;
    }
    if (c->norm == MOTE_NORM_RMS) {
        return plain && c->activation == MOTE_SWIGLU && c->positions == MOTE_POSITIONS_ROTARY;
    }
    return plain && c->activation == MOTE_GELU_TANH && c->positions == MOTE_POSITIONS_LEARNED &&
           c->key_heads == c->heads;
}

/* ---- layers ---- */

typedef struct builder {
    mote_graph *graph;
    const mote_model_config *config;
    const mote_model_family *family;
    bool training;
    bool biases; /* of products */
} builder;

enum { INITIAL_SPREAD_PERCENT = 2 }; /* GPT-2: a standard deviation of 0.02 */

static mote_value weight(const builder *b, size_t outputs, size_t inputs, double spread)
{
    return mote_graph_parameter(b->graph, "weight", 2, (size_t[]){outputs, inputs}, MOTE_INITIAL_NORMAL, spread);
}

static mote_value linear(const builder *b, const char *name, mote_value x, size_t inputs, size_t outputs, double spread)
{
    mote_graph_enter(b->graph, name);
    mote_value w = weight(b, outputs, inputs, spread), bias = MOTE_NO_VALUE;
    if (b->biases) {
        bias = mote_graph_parameter(b->graph, "bias", 1, &outputs, MOTE_INITIAL_ZEROS, 0);
    }
    mote_value y = mote_graph_linear(b->graph, x, w, bias);
    mote_graph_leave(b->graph);
    return y;
}

static mote_value norm(const builder *b, const char *name, mote_value x)
{
    const mote_model_config *c = b->config;
    mote_graph_enter(b->graph, name);
    mote_value w = mote_graph_parameter(b->graph, "weight", 1, &c->width, MOTE_INITIAL_ONES, 0), y;
    if (c->norm == MOTE_NORM_RMS) {
        y = mote_graph_rms_norm(b->graph, x, w, c->epsilon);
    } else {
        mote_value bias = mote_graph_parameter(b->graph, "bias", 1, &c->width, MOTE_INITIAL_ZEROS, 0);
        y = mote_graph_layer_norm(b->graph, x, w, bias, c->epsilon);
    }
    mote_graph_leave(b->graph);
    return y;
}

static mote_value drop(const builder *b, mote_value x)
{
    return b->training ? mote_graph_dropout(b->graph, x, b->config->dropout) : x;
}

static mote_value block(const builder *b, size_t number, mote_value x, mote_value segments)
{
    const mote_model_config *c = b->config;
    const mote_model_family *f = b->family;
    const double spread = INITIAL_SPREAD_PERCENT / 100.0, residual = spread / sqrt(2.0 * (double)c->layers);
    size_t head = c->width / c->heads;
    mote_attention_options options = {
        .heads = c->heads, .key_heads = c->key_heads, .causal = !c->masked, .window = c->window};
    char name[64];
    snprintf(name, sizeof name, f->block, number);
    mote_graph_enter(b->graph, name);
    mote_graph_begin_segment(b->graph);
    mote_value h = norm(b, f->norm1, x);
    h = linear(b, f->qkv, h, c->width, (c->heads + 2 * c->key_heads) * head, spread);
    mote_graph_enter(b->graph, f->attention);
    if (c->positions == MOTE_POSITIONS_ROTARY) {
        h = mote_graph_rotary(b->graph, h, c->heads + c->key_heads, head, c->rotary_base);
    }
    h = mote_graph_attention(b->graph, h, segments, &options);
    mote_graph_leave(b->graph);
    h = linear(b, f->projection, h, c->width, c->width, residual);
    x = mote_graph_add(b->graph, x, drop(b, h));
    h = norm(b, f->norm2, x);
    h = linear(b, f->up, h, c->width, c->activation == MOTE_SWIGLU ? 2 * c->hidden : c->hidden, spread);
    h = c->activation == MOTE_SWIGLU ? mote_graph_swiglu(b->graph, h)
                                     : mote_graph_map(b->graph, c->activation == MOTE_GELU ? "gelu" : "gelu_tanh", h);
    h = linear(b, f->down, h, c->hidden, c->width, residual);
    x = mote_graph_add(b->graph, x, drop(b, h));
    mote_graph_end_segment(b->graph);
    mote_graph_leave(b->graph);
    return x;
}

/* The embedding of tokens and, where they are learned, positions. */
static mote_value embed(const builder *b, mote_value tokens, size_t positions, mote_value *table)
{
    const mote_model_config *c = b->config;
    const double spread = INITIAL_SPREAD_PERCENT / 100.0;
    mote_graph_enter(b->graph, b->family->embedding);
    *table = weight(b, c->vocabulary, c->width, spread);
    mote_value x = mote_graph_embedding(b->graph, *table, tokens);
    mote_graph_leave(b->graph);
    if (c->positions == MOTE_POSITIONS_LEARNED) {
        mote_graph_enter(b->graph, b->family->positions);
        mote_value all = weight(b, c->context, c->width, spread);
        x = mote_graph_add(b->graph, x,
                           positions < c->context ? mote_graph_slice(b->graph, all, 0, 0, positions) : all);
        mote_graph_leave(b->graph);
    }
    return drop(b, x);
}

/* What stands between the last block and the last product: in encoders a product of its own (ESM's lm_head). */
static mote_value finish(const builder *b, mote_value x, mote_value *bias)
{
    const mote_model_config *c = b->config;
    x = norm(b, b->family->final_norm, x);
    *bias = MOTE_NO_VALUE;
    if (c->masked) {
        mote_graph_enter(b->graph, b->family->head);
        x = linear(b, "dense", x, c->width, c->width, INITIAL_SPREAD_PERCENT / 100.0);
        x = norm(b, "layer_norm", mote_graph_map(b->graph, "gelu", x));
        *bias = mote_graph_parameter(b->graph, "bias", 1, &c->vocabulary, MOTE_INITIAL_ZEROS, 0);
        mote_graph_leave(b->graph);
    }
    return x;
}

mote_status mote_model_build(mote_graph *graph, const mote_model_config *config, size_t batch, size_t positions,
                             int training, mote_model *model)
{
    const mote_model_family *family = mote_model_family_of(config);
    builder b = {graph, config, family, training != 0, family != &mote_llama_family};
    size_t shape[2] = {batch, positions}, rows;
    mote_value table, bias;
    mote_status status = mote_model_check(graph->context, config);
    if (status == MOTE_OK && config->positions == MOTE_POSITIONS_LEARNED && positions > config->context) {
        status = mote_fail(graph->context, MOTE_ERROR_SHAPE, "model: %zu positions, but only %zu were learned",
                           positions, config->context);
    }
    if (status != MOTE_OK) {
        return status;
    }
    if (!mote_size_multiply(batch, positions, &rows)) {
        rows = 0; /* the inputs' layouts refuse it */
    }
    model->tokens = mote_graph_input(graph, "tokens", MOTE_INT32, 2, shape);
    model->targets = mote_graph_input(graph, "targets", MOTE_INT32, 1, &rows);
    model->segments = mote_graph_input(graph, "segments", MOTE_INT32, 2, shape);
    mote_value x = embed(&b, model->tokens, positions, &table);
    for (size_t i = 0; i < config->layers; i++) {
        x = block(&b, i, x, model->segments);
    }
    model->hidden = finish(&b, x, &bias);
    mote_graph_enter(graph, family->head);
    if (!config->tied) {
        table = weight(&b, config->vocabulary, config->width, INITIAL_SPREAD_PERCENT / 100.0);
    }
    x = mote_graph_reshape(graph, model->hidden, 2, (size_t[]){rows, config->width});
    model->losses = mote_graph_linear_cross_entropy(graph, x, table, bias, model->targets);
    model->loss = mote_graph_mean_loss(graph, model->losses, model->targets);
    mote_graph_leave(graph);
    mote_graph_output(graph, model->losses);
    mote_graph_output(graph, model->loss);
    return mote_graph_status(graph);
}
