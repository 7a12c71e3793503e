/* A model as a folder: config.json and model.safetensors with the names that other tools know. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "data/vocabulary.h"
#include "formats/layout.h"
#include "graph/graph.h"
#include "io/json.h"
#include "io/stream.h"
#include "models/config.h"
#include "models/model.h"
#include "mote/file.h"

enum { CONFIG_BYTES = 1 << 24 };

/* ---- config.json ---- */

/* The fields by which other tools know the architecture. */
static json_t *standard_config(const mote_model_config *c, const mote_model_family *family)
{
    json_int_t vocabulary = (json_int_t)c->vocabulary, context = (json_int_t)c->context, layers = (json_int_t)c->layers,
               width = (json_int_t)c->width, heads = (json_int_t)c->heads, hidden = (json_int_t)c->hidden;
    if (family == &mote_gpt2_family) {
        return json_pack("{s:[s] s:s s:I s:I s:I s:I s:I s:I s:s s:f s:f s:f s:b}", "architectures", "GPT2LMHeadModel",
                         "model_type", family->type, "vocab_size", vocabulary, "n_positions", context, "n_embd", width,
                         "n_layer", layers, "n_head", heads, "n_inner", hidden, "activation_function", "gelu_new",
                         "layer_norm_epsilon", c->epsilon, "resid_pdrop", c->dropout, "embd_pdrop", c->dropout,
                         "tie_word_embeddings", c->tied);
    }
    if (family == &mote_llama_family) {
        return json_pack("{s:[s] s:s s:I s:I s:I s:I s:I s:I s:I s:s s:f s:f s:b}", "architectures", "LlamaForCausalLM",
                         "model_type", family->type, "vocab_size", vocabulary, "max_position_embeddings", context,
                         "hidden_size", width, "num_hidden_layers", layers, "num_attention_heads", heads,
                         "num_key_value_heads", (json_int_t)c->key_heads, "intermediate_size", hidden, "hidden_act",
                         "silu", "rms_norm_eps", c->epsilon, "rope_theta", c->rotary_base, "tie_word_embeddings",
                         c->tied);
    }
    return json_pack("{s:[s] s:s s:I s:I s:I s:I s:I s:I s:s s:s s:f s:b s:b s:b}", "architectures", "EsmForMaskedLM",
                     "model_type", family->type, "vocab_size", vocabulary, "max_position_embeddings", context,
                     "hidden_size", width, "num_hidden_layers", layers, "num_attention_heads", heads,
                     "intermediate_size", hidden, "position_embedding_type", "rotary", "hidden_act", "gelu",
                     "layer_norm_eps", c->epsilon, "tie_word_embeddings", c->tied, "token_dropout", 0,
                     "emb_layer_norm_before", 0);
}

/* Special tokens as other tools want to know them. */
static void add_tokens(json_t *root, const char *vocabulary, bool masked)
{
    enum { ESM_PAD = 1 }; /* without one, transformers' ESM does not run */
    const mote_vocabulary *v = vocabulary ? mote_vocabulary_find(vocabulary) : NULL;
    if (v) {
        json_object_set_new(root, "bos_token_id", json_integer(v->begin));
        json_object_set_new(root, "eos_token_id", json_integer(v->end));
    }
    if (v && masked) {
        json_object_set_new(root, "mask_token_id", json_integer(v->mask));
    }
    if (v || masked) {
        json_object_set_new(root, "pad_token_id", json_integer(v ? v->pad : ESM_PAD));
    }
}

static mote_status write_config(mote_context *context, const mote_model_config *config, const char *extra,
                                const char *path)
{
    const mote_model_family *family = mote_model_family_of(config);
    json_t *root =
        mote_model_is_standard(config) ? standard_config(config, family) : json_pack("{s:s}", "model_type", "mote");
    json_t *own = extra ? json_loads(extra, 0, NULL) : json_object();
    add_tokens(root, json_string_value(json_object_get(own, "vocabulary")), config->masked != 0);
    json_object_set_new(own, "config", mote_model_to_json(config));
    json_object_set_new(root, "mote", own);
    return mote_json_write(context, path, root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
}

static mote_status read_json(mote_context *context, const char *path, json_t **root)
{
    json_error_t error = {0};
    char *bytes;
    size_t size;
    mote_status status = mote_input_whole(context, path, CONFIG_BYTES, &bytes, &size);
    *root = status == MOTE_OK ? mote_json_parse(bytes, size, JSON_REJECT_DUPLICATES, &error) : NULL;
    mote_release(context, bytes);
    if (status == MOTE_OK && !*root) {
        return *error.text ? mote_fail(context, MOTE_ERROR_FILE, "%s: line %d, column %d: %s", path, error.line,
                                       error.column, error.text)
                           : mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: no room for the JSON of %s", path);
    }
    return status;
}

mote_status mote_model_read_config(mote_context *context, const char *folder, mote_model_config *config, char **extra)
{
    char path[MOTE_PATH_BYTES];
    mote_status status = mote_path_join(context, folder, "config.json", path);
    json_t *root = NULL;
    status = status == MOTE_OK ? read_json(context, path, &root) : status;
    if (status != MOTE_OK) {
        return status;
    }
    json_t *own = json_object_get(root, "mote");
    if (!own || !json_is_object(json_object_get(own, "config"))) {
        status = mote_fail(context, MOTE_ERROR_FILE,
                           "%s: expected an object 'mote' with 'config', as mote train writes it", path);
    } else {
        status = mote_model_from_json(context, json_object_get(own, "config"), config);
        status = status == MOTE_OK ? mote_model_check(context, config) : status;
    }
    if (status == MOTE_OK && extra) {
        size_t length = json_dumpb(own, NULL, 0, 0);
        *extra = mote_allocate(context, length + 1);
        status = *extra ? MOTE_OK : MOTE_ERROR_MEMORY;
        if (*extra) {
            json_dumpb(own, *extra, length, 0);
            (*extra)[length] = '\0';
        }
    }
    json_decref(root);
    return status;
}

/* ---- model.safetensors ---- */

/* A tensor of the file: some rows of a parameter, perhaps transposed. */
typedef struct piece {
    mote_value parameter;
    size_t row, rows;
    bool transposed;
} piece;

typedef struct table {
    mote_arena memory;
    mote_tensor_info *infos;
    piece *pieces;
    size_t count;
} table;

static const mote_file_name *find_rule(const mote_model_family *family, const char *name)
{
    for (const mote_file_name *rule = family->files; rule->part; rule++) {
        if (strstr(name, rule->part)) {
            return rule;
        }
    }
    return NULL;
}

static mote_status add_piece(mote_graph *graph, table *t, mote_value parameter, const mote_file_name *rule, int index,
                             size_t row, size_t rows)
{
    const char *name = graph->values[parameter].name;
    mote_layout layout = *mote_layout_of(graph, parameter);
    char text[768];
    int length;
    if (rule) {
        const char *at = strstr(name, rule->part);
        length = snprintf(text, sizeof text, "%.*s%s%s", (int)(at - name), name, rule->names[index],
                          at + strlen(rule->part));
    } else {
        length = snprintf(text, sizeof text, "%s", name);
    }
    layout.format = MOTE_FP32; /* of files, whatever the graph packs */
    layout.shape[0] = rows;
    bool transposed = rule && rule->transposed;
    if (transposed) {
        layout.shape[0] = layout.shape[1];
        layout.shape[1] = rows;
    }
    char *copy = mote_arena_string(graph->context, &t->memory, text, (size_t)length);
    if (!copy) {
        return MOTE_ERROR_MEMORY;
    }
    t->infos[t->count] = (mote_tensor_info){.name = copy, .layout = layout};
    t->pieces[t->count++] = (piece){parameter, row, rows, transposed};
    return MOTE_OK;
}

static mote_status make_table(mote_graph *graph, const mote_model_config *c, table *t)
{
    const mote_model_family *family = mote_model_family_of(c);
    size_t head = c->width / c->heads, values = (size_t)graph->value_count;
    mote_status status = MOTE_OK;
    *t = (table){0};
    t->infos = mote_allocate_array(graph->context, 3 * values + 1, sizeof *t->infos);
    t->pieces = mote_allocate_array(graph->context, 3 * values + 1, sizeof *t->pieces);
    if (!t->infos || !t->pieces) {
        return MOTE_ERROR_MEMORY;
    }
    for (int v = 0; v < graph->value_count && status == MOTE_OK; v++) {
        if (graph->values[v].kind != MOTE_VALUE_PARAMETER) {
            continue;
        }
        const mote_file_name *rule = find_rule(family, graph->values[v].name);
        size_t rows = graph->values[v].layout.shape[0], row = 0;
        for (int i = 0; status == MOTE_OK && (i == 0 || (rule && i < 3 && rule->names[i])); i++) {
            size_t here = !rule || !rule->names[1] ? rows
                          : !rule->names[2]        ? rows / 2
                          : i == 0                 ? c->heads * head
                                                   : c->key_heads * head;
            status = add_piece(graph, t, v, rule, i, row, here);
            row += here;
        }
        if (status == MOTE_OK && row != rows) {
            status = mote_fail(graph->context, MOTE_ERROR_ARGUMENT,
                               "the graph's '%s' has %zu rows, the model's %zu: the graph is of another model",
                               graph->values[v].name, rows, row);
        }
    }
    return status;
}

static void release_table(mote_context *context, table *t)
{
    mote_arena_clear(context, &t->memory);
    mote_release(context, t->infos);
    mote_release(context, t->pieces);
}

/* Between a parameter's rows and the file's order: to the file, or back. */
static void turn(const piece *p, size_t columns, float *parameter, float *file, bool to_file)
{
    for (size_t r = 0; r < p->rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            float *a = &parameter[(p->row + r) * columns + c], *b = &file[c * p->rows + r];
            *(to_file ? b : a) = *(to_file ? a : b);
        }
    }
}

/* Files have what was trained: the values of packed parameters are rounded ones. */
static mote_status refuse_packed(const mote_graph *graph, const mote_plan *plan)
{
    for (int v = 0; v < graph->value_count; v++) {
        if (graph->values[v].kind == MOTE_VALUE_PARAMETER && !mote_plan_data(plan, v)) {
            return mote_fail(graph->context, MOTE_ERROR_ARGUMENT,
                             "save: parameter '%s' is packed; a model is saved from FP32 parameters",
                             graph->values[v].name);
        }
    }
    return MOTE_OK;
}

static mote_status write_tensors(mote_graph *graph, const mote_plan *plan, const table *t, const char *path)
{
    mote_context *context = graph->context;
    const mote_metadata metadata = {.key = "format", .text = "pt"};
    mote_writer *writer;
    mote_status status = mote_writer_create(context, path, t->count, t->infos, 1, &metadata, &writer);
    if (status != MOTE_OK) {
        return status;
    }
    for (size_t i = 0; i < t->count && status == MOTE_OK; i++) {
        const piece *p = &t->pieces[i];
        size_t columns = mote_layout_of(graph, p->parameter)->rank > 1 ? mote_value_columns(graph, p->parameter) : 1;
        float *values = mote_plan_data(plan, p->parameter), *turned = NULL;
        mote_tensor tensor = {.layout = t->infos[i].layout, .elements = values + p->row * columns, .tensor_scale = 1};
        if (p->transposed) {
            turned = mote_allocate_array(context, p->rows * columns, sizeof *turned);
            if (!turned) {
                status = MOTE_ERROR_MEMORY;
                break;
            }
            turn(p, columns, values, turned, true);
            tensor.elements = turned;
        }
        status = mote_writer_put(writer, &tensor);
        mote_release(context, turned);
    }
    if (status != MOTE_OK) {
        mote_writer_discard(writer);
        return status;
    }
    return mote_writer_finish(writer);
}

mote_status mote_model_save(mote_graph *graph, const mote_model_config *config, const mote_plan *plan,
                            const char *extra, const char *folder)
{
    char path[MOTE_PATH_BYTES];
    table t;
    if (refuse_packed(graph, plan) != MOTE_OK) {
        return MOTE_ERROR_ARGUMENT;
    }
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        return mote_fail(graph->context, MOTE_ERROR_IO, "%s: cannot make the folder: %s", folder, strerror(errno));
    }
    mote_status status = make_table(graph, config, &t);
    status = status == MOTE_OK ? mote_path_join(graph->context, folder, "model.safetensors", path) : status;
    status = status == MOTE_OK ? write_tensors(graph, plan, &t, path) : status;
    status = status == MOTE_OK ? mote_path_join(graph->context, folder, "config.json", path) : status;
    status = status == MOTE_OK ? write_config(graph->context, config, extra, path) : status;
    release_table(graph->context, &t);
    return status;
}

/* Reads a tensor into its rows of the parameter's values. */
static mote_status read_piece(mote_graph *graph, float *values, mote_file *file, const char *path,
                              const mote_tensor_info *wanted, const piece *p)
{
    mote_context *context = graph->context;
    size_t columns = mote_layout_of(graph, p->parameter)->rank > 1 ? mote_value_columns(graph, p->parameter) : 1;
    for (size_t i = 0; i < mote_file_tensor_count(file); i++) {
        const mote_tensor_info *found = mote_file_tensor(file, i);
        if (strcmp(found->name, wanted->name) != 0) {
            continue;
        }
        if (!mote_layout_same(&found->layout, &wanted->layout)) {
            return mote_fail(context, MOTE_ERROR_FILE,
                             "%s: tensor '%s' does not have the shape or format that config.json says", path,
                             wanted->name);
        }
        float *turned = p->transposed ? mote_allocate_array(context, p->rows * columns, sizeof *turned) : NULL;
        if (p->transposed && !turned) {
            return MOTE_ERROR_MEMORY;
        }
        mote_tensor tensor = {.layout = found->layout, .elements = turned ? turned : values + p->row * columns};
        mote_status status = mote_file_read(file, i, &tensor);
        if (turned && status == MOTE_OK) {
            turn(p, columns, values, turned, false);
        }
        mote_release(context, turned);
        return status;
    }
    return mote_fail(context, MOTE_ERROR_FILE, "%s: there is no tensor '%s'", path, wanted->name);
}

/* Reads a parameter's tensors, count of them from number first on, into the plan: a packed one through an FP32 copy, as
 * it is converted as a whole. */
static mote_status read_parameter(mote_graph *graph, mote_plan *plan, mote_file *file, const char *path, const table *t,
                                  size_t first, size_t count)
{
    mote_value parameter = t->pieces[first].parameter;
    mote_tensor whole = {.layout = *mote_layout_of(graph, parameter), .tensor_scale = 1};
    mote_status status = MOTE_OK;
    float *place = mote_plan_data(plan, parameter), *values = place;
    if (!place) {
        values = mote_allocate_array(graph->context, mote_value_count(graph, parameter) + 1, sizeof *values);
    }
    if (!values) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = first; i < first + count && status == MOTE_OK; i++) {
        status = read_piece(graph, values, file, path, &t->infos[i], &t->pieces[i]);
    }
    if (!place) {
        whole.layout.format = MOTE_FP32;
        whole.elements = values;
        status = status == MOTE_OK ? mote_plan_set(plan, parameter, &whole) : status;
        mote_release(graph->context, values);
    }
    return status;
}

mote_status mote_model_load(mote_graph *graph, const mote_model_config *config, mote_plan *plan, const char *folder)
{
    char path[MOTE_PATH_BYTES];
    mote_file *file = NULL;
    table t;
    mote_status status = make_table(graph, config, &t);
    status = status == MOTE_OK ? mote_path_join(graph->context, folder, "model.safetensors", path) : status;
    status = status == MOTE_OK ? mote_file_open(graph->context, path, &file) : status;
    for (size_t i = 0, count; i < t.count && status == MOTE_OK; i += count) {
        for (count = 1; i + count < t.count && t.pieces[i + count].parameter == t.pieces[i].parameter;) {
            count++;
        }
        status = read_parameter(graph, plan, file, path, &t, i, count);
    }
    mote_file_close(file);
    release_table(graph->context, &t);
    return status;
}
