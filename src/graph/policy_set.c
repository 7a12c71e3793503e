/* Policies for the layers of a model, from a name or JSON. */
#include "graph/policy_set.h"

#include <fnmatch.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "graph/pieces.h"

/* ---- reading ---- */

static mote_status refuse(mote_context *context, const char *place, const char *expected)
{
    return mote_fail(context, MOTE_ERROR_ARGUMENT, "policy: %s: expected %s", place, expected);
}

/* The formats of one product: {"weight": ..., "activation": ...}. */
static mote_status read_formats(mote_context *context, const json_t *object, const char *place, const char *const *keys,
                                mote_format *const *formats)
{
    const char *key;
    json_t *value;
    if (!object) {
        return MOTE_OK;
    }
    if (!json_is_object(object)) {
        return refuse(context, place, "an object");
    }
    json_object_foreach((json_t *)object, key, value)
    {
        int i = strcmp(key, keys[0]) == 0 ? 0 : strcmp(key, keys[1]) == 0 ? 1 : -1;
        mote_format format = json_is_string(value) ? mote_format_find(json_string_value(value)) : MOTE_FORMAT_COUNT;
        if (i < 0) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "policy: %s has '%s' and '%s', found '%s'", place, keys[0],
                             keys[1], key);
        }
        if (format == MOTE_FORMAT_COUNT || mote_format_get(format)->kind != MOTE_KIND_TARGET) {
            return mote_fail(
                context, MOTE_ERROR_ARGUMENT,
                "policy: %s.%s: unknown format '%s'; known: fp32 bf16 fp16 mxfp8_e4m3 mxfp8_e5m2 mxfp6_e3m2 "
                "mxfp6_e2m3 mxfp4_e2m1 mxint8 nvfp4",
                place, key, json_is_string(value) ? json_string_value(value) : "(no string)");
        }
        *formats[i] = format;
    }
    return MOTE_OK;
}

static mote_status read_name(mote_context *context, const json_t *value, const char *place, mote_policy *policy)
{
    if (!value) {
        return MOTE_OK;
    }
    if (!json_is_string(value) || !mote_policy_find(json_string_value(value), policy)) {
        char known[256] = "";
        size_t used = 0;
        for (int i = 0; mote_policy_name(i); i++) {
            int length = snprintf(known + used, sizeof known - used, " %s", mote_policy_name(i));
            used += length > 0 && (size_t)length < sizeof known - used ? (size_t)length : 0;
        }
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "policy: %s: unknown policy '%s'; known:%s", place,
                         json_is_string(value) ? json_string_value(value) : "(no string)", known);
    }
    return MOTE_OK;
}

static mote_status read_choice(mote_context *context, const json_t *value, const char *place, int count,
                               const char *(*name)(int), int *choice)
{
    if (!value) {
        return MOTE_OK;
    }
    for (int i = 0; i < count; i++) {
        if (json_is_string(value) && strcmp(json_string_value(value), name(i)) == 0) {
            *choice = i;
            return MOTE_OK;
        }
    }
    char known[256] = "";
    for (int i = 0; i < count; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, " %s", name(i));
    }
    return mote_fail(context, MOTE_ERROR_ARGUMENT, "policy: %s: unknown name '%s'; known:%s", place,
                     json_is_string(value) ? json_string_value(value) : "(no string)", known);
}

static const char *rounding_name(int i) { return mote_rounding_name((mote_rounding)i); }
static const char *rule_name(int i) { return mote_scale_rule_name((mote_scale_rule)i); }

static mote_status check_keys(mote_context *context, const json_t *object, const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        int i = 0;
        while (known[i] && strcmp(known[i], key) != 0) {
            i++;
        }
        if (!known[i]) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "policy: unknown key '%s'", key);
        }
    }
    return MOTE_OK;
}

/* What both the whole policy and a rule may say. */
static mote_status read_policy(mote_context *context, const json_t *object, mote_policy *policy)
{
    static const char *const forward_keys[] = {"weight", "activation"}, *const backward_keys[] = {"gradient", "weight"},
                             *const update_keys[] = {"gradient", "activation"};
    int rounding = policy->rounding, gradient_rounding = policy->gradient_rounding, rule = policy->scale_rule;
    mote_format *forward[] = {&policy->forward_weight, &policy->forward_activation};
    mote_format *backward[] = {&policy->backward_gradient, &policy->backward_weight};
    mote_format *update[] = {&policy->update_gradient, &policy->update_activation};
    mote_status status = read_name(context, json_object_get(object, "policy"), "policy", policy);
    if (status == MOTE_OK) {
        status = read_formats(context, json_object_get(object, "forward"), "forward", forward_keys, forward);
    }
    if (status == MOTE_OK) {
        status = read_formats(context, json_object_get(object, "backward"), "backward", backward_keys, backward);
    }
    if (status == MOTE_OK) {
        status = read_formats(context, json_object_get(object, "update"), "update", update_keys, update);
    }
    if (status == MOTE_OK) {
        status = read_choice(context, json_object_get(object, "rounding"), "rounding", MOTE_ROUNDING_COUNT,
                             rounding_name, &rounding);
    }
    if (status == MOTE_OK) {
        status = read_choice(context, json_object_get(object, "gradient_rounding"), "gradient_rounding",
                             MOTE_ROUNDING_COUNT, rounding_name, &gradient_rounding);
    }
    if (status == MOTE_OK) {
        status = read_choice(context, json_object_get(object, "scale_rule"), "scale_rule", MOTE_SCALE_RULE_COUNT,
                             rule_name, &rule);
    }
    policy->rounding = (mote_rounding)rounding;
    policy->gradient_rounding = (mote_rounding)gradient_rounding;
    policy->scale_rule = (mote_scale_rule)rule;
    return status;
}

/* Puts the rule in front of what is wrong with it. */
static mote_status bad_rule(mote_context *context, mote_status status, const char *pattern)
{
    char message[sizeof context->message];
    const char *what = strcpy(message, context->message);
    what += strncmp(what, "policy: ", 8) == 0 ? 8 : 0;
    return mote_fail(context, status, "policy: rule for '%.60s': %s", pattern, what);
}

static mote_status read_rules(mote_context *context, const json_t *layers, mote_policy_set *set)
{
    static const char *const known[] = {
        "match", "policy", "forward", "backward", "update", "rounding", "gradient_rounding", "scale_rule", NULL};
    if (!layers) {
        return MOTE_OK;
    }
    if (!json_is_array(layers)) {
        return refuse(context, "layers", "an array");
    }
    set->rules = mote_arena_allocate(context, &set->memory, (json_array_size(layers) + 1) * sizeof *set->rules);
    if (!set->rules) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i), *match = json_object_get(layer, "match");
        mote_policy_rule *rule = &set->rules[set->count];
        if (!json_is_string(match)) {
            return refuse(context, "layers", "objects with \"match\": a pattern of layer names");
        }
        rule->policy = set->policy;
        rule->pattern =
            mote_arena_string(context, &set->memory, json_string_value(match), strlen(json_string_value(match)));
        mote_status status = rule->pattern ? check_keys(context, layer, known) : MOTE_ERROR_MEMORY;
        status = status == MOTE_OK ? read_policy(context, layer, &rule->policy) : status;
        if (status == MOTE_ERROR_ARGUMENT) {
            return bad_rule(context, status, rule->pattern);
        }
        if (status != MOTE_OK) {
            return status;
        }
        set->count++;
    }
    return MOTE_OK;
}

static mote_format default_saved(const mote_policy *policy)
{
    return mote_format_get(policy->forward_activation)->block_length > 1 || policy->forward_activation == MOTE_BF16
               ? MOTE_BF16
               : MOTE_FP32;
}

static mote_status read_set(mote_context *context, const json_t *root, mote_policy_set *set)
{
    static const char *const known[] = {
        "policy",     "saved", "layers", "name", "forward", "backward", "update", "rounding", "gradient_rounding",
        "scale_rule", NULL};
    const json_t *saved = json_object_get(root, "saved");
    mote_status status = check_keys(context, root, known);
    status = status == MOTE_OK ? read_policy(context, root, &set->policy) : status;
    if (status != MOTE_OK) {
        return status;
    }
    set->saved = default_saved(&set->policy);
    if (saved) {
        set->saved = json_is_string(saved) ? mote_format_find(json_string_value(saved)) : MOTE_FORMAT_COUNT;
        if (set->saved != MOTE_FP32 && set->saved != MOTE_BF16) {
            return refuse(context, "saved", "\"fp32\" or \"bf16\"");
        }
    }
    return read_rules(context, json_object_get(root, "layers"), set);
}

mote_status mote_policy_set_create(mote_context *context, const char *name_or_json, mote_policy_set **set)
{
    json_error_t error = {.line = 1, .text = "expected a name in UTF-8"}; /* json_pack says nothing */
    mote_policy_set *made = mote_allocate(context, sizeof *made);
    mote_status status = MOTE_OK;
    *set = NULL;
    if (!made) {
        return MOTE_ERROR_MEMORY;
    }
    *made = (mote_policy_set){.saved = MOTE_FP32};
    mote_policy_find("fp32", &made->policy);
    json_t *root = name_or_json[strspn(name_or_json, " \t\r\n")] == '{'
                       ? json_loads(name_or_json, JSON_REJECT_DUPLICATES, &error)
                       : json_pack("{s:s}", "policy", name_or_json);
    if (!root) {
        status = mote_fail(context, MOTE_ERROR_ARGUMENT, "policy: line %d, column %d: %s", error.line, error.column,
                           error.text);
    }
    status = status == MOTE_OK ? read_set(context, root, made) : status;
    json_decref(root);
    if (status != MOTE_OK) {
        mote_policy_set_destroy(context, made);
        return status;
    }
    *set = made;
    return MOTE_OK;
}

void mote_policy_set_destroy(mote_context *context, mote_policy_set *set)
{
    if (set) {
        mote_arena_clear(context, &set->memory);
        mote_release(context, set);
    }
}

/* ---- applying ---- */

/* A list of words that a message has room for. */
typedef struct words {
    char text[400];
    size_t used;
} words;

/* Appends a word in front of which stands between; once there is no room, three dots. */
static void add_word(words *list, const char *between, const char *word)
{
    size_t room = sizeof list->text - list->used, length = strlen(between) + strlen(word);
    if (room > length + sizeof " ...") {
        list->used += (size_t)snprintf(list->text + list->used, room, "%s%s", list->used ? between : "", word);
    } else if (room > sizeof " ...") {
        snprintf(list->text + list->used, room, " ...");
        list->used = sizeof list->text;
    }
}

/* A layer's name with * for its numbers: one name for the same layer of every block. */
static void generalize(const char *layer, char *name, size_t size)
{
    size_t used = 0;
    while (*layer && used + 1 < size) {
        size_t digits = strspn(layer, "0123456789");
        name[used++] = digits ? '*' : *layer;
        layer += digits ? digits : 1;
    }
    name[used] = '\0';
}

static bool is_product(const mote_node *node) { return node->op->product && node->phase == MOTE_PHASE_FORWARD; }

/* The layers that there are, each once. */
typedef struct layers {
    char names[32][64]; /* more than a message has room for */
    int count;
    words text;
} layers;

static void add_layers(const mote_graph *graph, layers *list)
{
    int most = (int)(sizeof list->names / sizeof *list->names);
    for (int i = 0; i < graph->node_count && list->count < most; i++) {
        int known = 0;
        generalize(graph->nodes[i].layer, list->names[list->count], sizeof *list->names);
        while (known < list->count && strcmp(list->names[known], list->names[list->count]) != 0) {
            known++;
        }
        if (known == list->count && is_product(&graph->nodes[i])) {
            add_word(&list->text, " ", list->names[list->count++]);
        }
    }
    for (const mote_pieces *p = graph->pieces; p; p = p->next) {
        add_layers(p->bodies[0].graph, list);
    }
}

/* Fails with the patterns that match nothing and the layers that there are. */
static mote_status no_layer(mote_graph *graph, const words *patterns)
{
    layers list = {.count = 0};
    add_layers(graph, &list);
    return mote_fail(graph->context, MOTE_ERROR_ARGUMENT, "policy: no layer matches %s; layers with products: %s",
                     patterns->text, list.text.text);
}

/* Gives the products of layers that match, of bodies too, this policy; true if there are any. */
static bool set_policy(mote_graph *graph, const char *pattern, const mote_policy *policy)
{
    bool matched = false;
    for (int i = 0; i < graph->node_count; i++) {
        mote_node *node = &graph->nodes[i];
        if (node->op->product && (!pattern || fnmatch(pattern, node->layer, 0) == 0)) {
            node->policy = *policy;
            matched = true;
        }
    }
    for (mote_pieces *p = graph->pieces; p; p = p->next) {
        for (int b = 0; b < MOTE_BODIES && p->bodies[b].graph; b++) {
            matched = set_policy(p->bodies[b].graph, pattern, policy) || matched;
        }
    }
    return matched;
}

mote_status mote_policy_set_products(mote_graph *graph, const mote_policy_set *set)
{
    words unmatched = {.used = 0};
    set_policy(graph, NULL, &set->policy);
    for (size_t r = 0; r < set->count; r++) {
        if (!set_policy(graph, set->rules[r].pattern, &set->rules[r].policy)) {
            char quoted[64];
            snprintf(quoted, sizeof quoted, "'%.60s'", set->rules[r].pattern);
            add_word(&unmatched, ", ", quoted);
        }
    }
    return unmatched.used ? no_layer(graph, &unmatched) : MOTE_OK;
}
