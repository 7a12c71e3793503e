/* What a model is, from a preset or JSON, and back. */
#include "models/config.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define COMMON .epsilon = 1e-5, .rotary_base = 10000
#define GPT(preset, l, w, h)                                                                                           \
    {                                                                                                                  \
        .name = preset, .layers = l, .width = w, .heads = h, .key_heads = h, .hidden = 4 * (w), .tied = 1,             \
        .context = 512, COMMON                                                                                         \
    }
#define LLAMA(preset, l, w, h, k, m, c)                                                                                \
    {                                                                                                                  \
        .name = preset, .layers = l, .width = w, .heads = h, .key_heads = k, .hidden = m, .norm = MOTE_NORM_RMS,       \
        .activation = MOTE_SWIGLU, .positions = MOTE_POSITIONS_ROTARY, .context = c, COMMON                            \
    }
#define ESM(preset, l, w, h)                                                                                           \
    {                                                                                                                  \
        .name = preset, .masked = 1, .layers = l, .width = w, .heads = h, .key_heads = h, .hidden = 4 * (w),           \
        .tied = 1, .activation = MOTE_GELU, .positions = MOTE_POSITIONS_ROTARY, .context = 512, COMMON                 \
    }

static const mote_model_config presets[] = {
    GPT("gpt-tiny", 4, 128, 4),
    GPT("gpt-small", 6, 256, 8),
    GPT("gpt-medium", 6, 512, 8),
    LLAMA("llama-mini", 3, 128, 4, 2, 344, 256),
    LLAMA("llama-tiny", 4, 128, 4, 2, 344, 512),
    LLAMA("llama-small", 6, 256, 8, 4, 688, 512),
    ESM("esm-tiny", 4, 128, 4),
    ESM("esm-small", 6, 320, 20),
};

enum { PRESETS = sizeof presets / sizeof presets[0] };

const char *mote_model_name(int index) { return index >= 0 && index < PRESETS ? presets[index].name : NULL; }

static mote_status find_preset(mote_context *context, const char *name, mote_model_config *config)
{
    for (int i = 0; i < PRESETS; i++) {
        if (strcmp(presets[i].name, name) == 0) {
            *config = presets[i];
            return MOTE_OK;
        }
    }
    return mote_fail(
        context, MOTE_ERROR_ARGUMENT,
        "model: unknown name '%s'; known: gpt-tiny gpt-small gpt-medium llama-mini llama-tiny llama-small esm-tiny "
        "esm-small, or JSON beginning with '{'",
        name);
}

/* ---- fields ---- */

typedef enum kind { SIZE, NUMBER, FLAG, CHOICE } kind;

static const char *const norms[] = {"layer", "rms", NULL}, *const activations[] = {"gelu_tanh", "gelu", "swiglu", NULL},
                         *const positions[] = {"learned", "rotary", NULL};

static const struct field {
    const char *key;
    kind kind;
    size_t offset;
    const char *const *choices;
} fields[] = {
    {"masked", FLAG, offsetof(mote_model_config, masked), NULL},
    {"vocabulary", SIZE, offsetof(mote_model_config, vocabulary), NULL},
    {"context", SIZE, offsetof(mote_model_config, context), NULL},
    {"layers", SIZE, offsetof(mote_model_config, layers), NULL},
    {"width", SIZE, offsetof(mote_model_config, width), NULL},
    {"heads", SIZE, offsetof(mote_model_config, heads), NULL},
    {"key_heads", SIZE, offsetof(mote_model_config, key_heads), NULL},
    {"hidden", SIZE, offsetof(mote_model_config, hidden), NULL},
    {"window", SIZE, offsetof(mote_model_config, window), NULL},
    {"norm", CHOICE, offsetof(mote_model_config, norm), norms},
    {"activation", CHOICE, offsetof(mote_model_config, activation), activations},
    {"positions", CHOICE, offsetof(mote_model_config, positions), positions},
    {"tied", FLAG, offsetof(mote_model_config, tied), NULL},
    {"dropout", NUMBER, offsetof(mote_model_config, dropout), NULL},
    {"epsilon", NUMBER, offsetof(mote_model_config, epsilon), NULL},
    {"rotary_base", NUMBER, offsetof(mote_model_config, rotary_base), NULL},
};

enum { FIELDS = sizeof fields / sizeof fields[0] };

static bool read_field(const struct field *f, const json_t *value, mote_model_config *config)
{
    char *at = (char *)config + f->offset;
    switch (f->kind) {
    case SIZE:
        if (!json_is_integer(value) || json_integer_value(value) < 0) {
            return false;
        }
        *(size_t *)(void *)at = (size_t)json_integer_value(value);
        return true;
    case NUMBER:
        if (!json_is_number(value)) {
            return false;
        }
        *(double *)(void *)at = json_number_value(value);
        return true;
    case FLAG:
        if (!json_is_boolean(value)) {
            return false;
        }
        *(int *)(void *)at = json_is_true(value);
        return true;
    default:
        for (int i = 0; f->choices[i] && json_is_string(value); i++) {
            if (strcmp(f->choices[i], json_string_value(value)) == 0) {
                memcpy(at, &i, sizeof i); /* the enumerations are ints */
                return true;
            }
        }
        return false;
    }
}

static const char *expectation(const struct field *f)
{
    static const char *const texts[] = {"a whole number", "a number", "true or false"};
    return f->kind != CHOICE           ? texts[f->kind]
           : f->choices == norms       ? "\"layer\" or \"rms\""
           : f->choices == activations ? "\"gelu_tanh\", \"gelu\" or \"swiglu\""
                                       : "\"learned\" or \"rotary\"";
}

mote_status mote_model_from_json(mote_context *context, const json_t *object, mote_model_config *config)
{
    const json_t *model = json_object_get(object, "model");
    const char *key;
    json_t *value;
    mote_status status = find_preset(context, json_is_string(model) ? json_string_value(model) : "gpt-small", config);
    bool heads = json_object_get(object, "key_heads") != NULL, hidden = json_object_get(object, "hidden") != NULL;
    if (status != MOTE_OK) {
        return status;
    }
    json_object_foreach((json_t *)object, key, value)
    {
        int i = 0;
        while (i < FIELDS && strcmp(fields[i].key, key) != 0) {
            i++;
        }
        if (strcmp(key, "model") == 0) {
            continue;
        }
        if (i == FIELDS) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "model: unknown key '%s'", key);
        }
        if (!read_field(&fields[i], value, config)) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "model: %s: expected %s", key, expectation(&fields[i]));
        }
    }
    mote_model_resize(config, !heads, !hidden);
    return MOTE_OK;
}

void mote_model_resize(mote_model_config *config, bool key_heads, bool hidden)
{
    if (key_heads) {
        bool grouped = config->norm == MOTE_NORM_RMS && !config->masked && config->heads % 2 == 0;
        config->key_heads = grouped ? config->heads / 2 : config->heads;
    }
    if (hidden) { /* SwiGLU has three matrices instead of two: two thirds, in whole eights */
        config->hidden = config->activation == MOTE_SWIGLU ? (config->width * 8 / 3 + 7) / 8 * 8 : 4 * config->width;
    }
}

json_t *mote_model_to_json(const mote_model_config *config)
{
    json_t *object = json_object();
    int failed = json_object_set_new(object, "model", json_string(config->name));
    for (int i = 0; i < FIELDS; i++) {
        const char *at = (const char *)config + fields[i].offset;
        json_t *value = NULL;
        int number;
        switch (fields[i].kind) {
        case SIZE: value = json_integer((json_int_t) * (const size_t *)(const void *)at); break;
        case NUMBER: value = json_real(*(const double *)(const void *)at); break;
        case FLAG: value = json_boolean(*(const int *)(const void *)at); break;
        default:
            memcpy(&number, at, sizeof number);
            value = json_string(fields[i].choices[number]);
            break;
        }
        failed |= json_object_set_new(object, fields[i].key, value);
    }
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
}

mote_status mote_model_parse(mote_context *context, const char *name_or_json, mote_model_config *config)
{
    json_error_t error;
    if (name_or_json[strspn(name_or_json, " \t\r\n")] != '{') {
        return find_preset(context, name_or_json, config);
    }
    json_t *root = json_loads(name_or_json, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "model: line %d, column %d: %s", error.line, error.column,
                         error.text);
    }
    const json_t *own = json_object_get(json_object_get(root, "mote"), "config"); /* of a model folder */
    mote_status status = mote_model_from_json(context, own ? own : root, config);
    json_decref(root);
    return status;
}

mote_status mote_model_check(mote_context *context, const mote_model_config *c)
{
    enum { MOST = 1 << 24, MOST_LAYERS = 1 << 10 }; /* passes over a graph take time by the square of its nodes */
    size_t sizes[] = {c->vocabulary, c->context, c->layers, c->width, c->heads, c->key_heads, c->hidden};
    const char *const names[] = {"vocabulary", "context", "layers", "width", "heads", "key_heads", "hidden"};
    for (int i = 0; i < 7; i++) {
        size_t most = strcmp(names[i], "layers") == 0 ? MOST_LAYERS : MOST;
        if (sizes[i] == 0 || sizes[i] > most) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "model: %s: expected 1 to %zu, found %zu", names[i], most,
                             sizes[i]);
        }
    }
    if (c->width % c->heads || c->heads % c->key_heads) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT,
                         "model: the width (%zu) must be a multiple of heads (%zu), and heads of key_heads (%zu)",
                         c->width, c->heads, c->key_heads);
    }
    if (c->positions == MOTE_POSITIONS_ROTARY && c->width / c->heads % 2) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT,
                         "model: rotary positions need heads of an even width, found %zu / %zu", c->width, c->heads);
    }
    if (!(c->dropout >= 0 && c->dropout < 1) || !(c->epsilon > 0) || !(c->rotary_base > 1) ||
        !isfinite(c->rotary_base)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT,
                         "model: dropout must be from 0 to below 1, epsilon above 0, rotary_base above 1");
    }
    return MOTE_OK;
}
