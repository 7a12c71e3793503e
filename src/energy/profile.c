/* Profiles of machines from JSON: everything that a profile has must be there, once, with its source. */
#include "energy/profile.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "io/json.h"
#include "io/stream.h"

enum { MOST_BYTES = 1 << 20, PLACE = 96 };

/* What is given out, and its texts behind it. */
typedef struct owned {
    mote_profile profile;
    mote_arena texts;
} owned;

typedef struct reader {
    mote_context *context;
    const char *path;
    owned *made;
} reader;

static mote_status bad(const reader *r, const char *place, const char *expected)
{
    return mote_fail(r->context, MOTE_ERROR_FILE, "%s: %s: expected %s", r->path, place, expected);
}

/* An object of these keys, all of them and no others. */
static mote_status check_object(const reader *r, const json_t *object, const char *place, const char *const *keys)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object)) {
        return bad(r, place, "an object");
    }
    for (int i = 0; keys[i]; i++) {
        if (!json_object_get(object, keys[i])) {
            return mote_fail(r->context, MOTE_ERROR_FILE, "%s: %s: '%s' is missing", r->path, place, keys[i]);
        }
    }
    json_object_foreach((json_t *)object, key, value)
    {
        int i = 0;
        while (keys[i] && strcmp(keys[i], key) != 0) {
            i++;
        }
        if (!keys[i]) {
            return mote_fail(r->context, MOTE_ERROR_FILE, "%s: %s: unknown key '%.64s'", r->path, place, key);
        }
    }
    return MOTE_OK;
}

static mote_status read_text(const reader *r, const json_t *object, const char *key, const char *place,
                             const char **text)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value) || json_string_length(value) == 0) {
        return bad(r, place, "a text");
    }
    *text = mote_arena_string(r->context, &r->made->texts, json_string_value(value), json_string_length(value));
    return *text ? MOTE_OK : MOTE_ERROR_MEMORY;
}

/* {"value": a number above 0, "source": a text} */
static mote_status read_figure(const reader *r, const json_t *object, const char *key, const char *place,
                               mote_figure *figure)
{
    static const char *const keys[] = {"value", "source", NULL};
    char here[2 * PLACE];
    const json_t *entry = json_object_get(object, key), *value = json_object_get(entry, "value");
    snprintf(here, sizeof here, "%s%s%s", place, *place ? "." : "", key);
    mote_status status = check_object(r, entry, here, keys);
    if (status != MOTE_OK) {
        return status;
    }
    figure->value = json_is_number(value) ? json_number_value(value) : NAN;
    if (!isfinite(figure->value) || figure->value <= 0) {
        return bad(r, here, "a value above 0");
    }
    return read_text(r, entry, "source", here, &figure->source);
}

/* One rate and price, of several formats. */
static mote_status read_products(const reader *r, const json_t *entry, const char *place)
{
    static const char *const keys[] = {"formats", "per_second", "joules", NULL};
    const json_t *formats = json_object_get(entry, "formats");
    mote_profile *p = &r->made->profile;
    mote_figure rate, joules;
    mote_status status = check_object(r, entry, place, keys);
    status = status == MOTE_OK ? read_figure(r, entry, "per_second", place, &rate) : status;
    status = status == MOTE_OK ? read_figure(r, entry, "joules", place, &joules) : status;
    if (status == MOTE_OK && json_array_size(formats) == 0) {
        return bad(r, place, "an array of formats");
    }
    for (size_t i = 0; i < json_array_size(formats) && status == MOTE_OK; i++) {
        const char *name = json_string_value(json_array_get(formats, i));
        mote_format format = name ? mote_format_find(name) : MOTE_FORMAT_COUNT;
        if ((int)format >= MOTE_OPERAND_FORMATS || strcmp(mote_format_get(format)->name, name) != 0) {
            return bad(r, place, "formats of operands, such as mxfp6_e3m2");
        }
        if (p->joules_per_multiply_add[format].source) {
            return mote_fail(r->context, MOTE_ERROR_FILE, "%s: %s: %s is there already", r->path, place, name);
        }
        p->multiply_adds_per_second[format] = rate;
        p->joules_per_multiply_add[format] = joules;
    }
    return status;
}

static mote_status read_all_products(const reader *r, const json_t *array)
{
    mote_status status = json_is_array(array) ? MOTE_OK : bad(r, "multiply_adds", "an array");
    for (size_t i = 0; i < json_array_size(array) && status == MOTE_OK; i++) {
        char place[PLACE];
        snprintf(place, sizeof place, "multiply_adds[%zu]", i);
        status = read_products(r, json_array_get(array, i), place);
    }
    for (int f = 0; f < MOTE_OPERAND_FORMATS && status == MOTE_OK; f++) {
        if (!r->made->profile.joules_per_multiply_add[f].source) {
            return mote_fail(r->context, MOTE_ERROR_FILE, "%s: multiply_adds: %s is missing", r->path,
                             mote_format_get((mote_format)f)->name);
        }
    }
    return status;
}

static mote_status read_level(const reader *r, const json_t *entry, bool last, mote_profile_level *level)
{
    static const char *const cache[] = {"name", "bytes", "bytes_per_second", "joules_per_byte", NULL},
                             *const memory[] = {"name", "bytes_per_second", "joules_per_byte", NULL};
    char place[PLACE];
    snprintf(place, sizeof place, "levels[%d]", r->made->profile.level_count);
    mote_status status = check_object(r, entry, place, last ? memory : cache);
    level->bytes = (mote_figure){INFINITY, NULL};
    status = status == MOTE_OK ? read_text(r, entry, "name", place, &level->name) : status;
    status = status == MOTE_OK && !last ? read_figure(r, entry, "bytes", place, &level->bytes) : status;
    status = status == MOTE_OK ? read_figure(r, entry, "bytes_per_second", place, &level->bytes_per_second) : status;
    return status == MOTE_OK ? read_figure(r, entry, "joules_per_byte", place, &level->joules_per_byte) : status;
}

/* From the smallest cache to memory. */
static mote_status read_levels(const reader *r, const json_t *array)
{
    mote_profile *p = &r->made->profile;
    size_t count = json_array_size(array);
    if (count == 0 || count > MOTE_PROFILE_LEVELS) {
        return bad(r, "levels", "an array of 1 to 4 levels");
    }
    for (size_t i = 0; i < count; i++) {
        mote_status status = read_level(r, json_array_get(array, i), i + 1 == count, &p->levels[i]);
        if (status != MOTE_OK) {
            return status;
        }
        if (i && p->levels[i].bytes.value <= p->levels[i - 1].bytes.value) {
            return bad(r, "levels", "each level larger than the one before");
        }
        p->level_count++;
    }
    return MOTE_OK;
}

static mote_status read_profile(const reader *r, const json_t *root)
{
    static const char *const keys[] = {"description", "multiply_adds", "levels", "idle_watts", NULL};
    mote_profile *p = &r->made->profile;
    p->name = mote_arena_string(r->context, &r->made->texts, r->path, strlen(r->path));
    mote_status status = p->name ? check_object(r, root, "the profile", keys) : MOTE_ERROR_MEMORY;
    status = status == MOTE_OK ? read_text(r, root, "description", "description", &p->description) : status;
    status = status == MOTE_OK ? read_all_products(r, json_object_get(root, "multiply_adds")) : status;
    status = status == MOTE_OK ? read_levels(r, json_object_get(root, "levels")) : status;
    return status == MOTE_OK ? read_figure(r, root, "idle_watts", "", &p->idle_watts) : status;
}

mote_status mote_profile_parse(mote_context *context, const char *path, const char *text, size_t size,
                               mote_profile **profile)
{
    json_error_t error;
    reader r = {context, path, mote_allocate(context, sizeof *r.made)};
    *profile = NULL;
    if (!r.made) {
        return MOTE_ERROR_MEMORY;
    }
    *r.made = (owned){0};
    json_t *root = mote_json_parse(text, size, JSON_REJECT_DUPLICATES, &error);
    mote_status status =
        root          ? read_profile(&r, root)
        : *error.text ? mote_fail(context, MOTE_ERROR_FILE, "%s: no JSON: line %d: %s", path, error.line, error.text)
                      : mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: no room for a profile");
    json_decref(root);
    if (status != MOTE_OK) {
        mote_profile_close(context, &r.made->profile);
        return status;
    }
    *profile = &r.made->profile;
    return MOTE_OK;
}

const char *mote_profile_name(int index)
{
    for (int i = 0; index >= 0 && mote_embedded_profiles[i].name; i++) {
        if (i == index) {
            return mote_embedded_profiles[i].name;
        }
    }
    return NULL;
}

static bool names_file(const char *text)
{
    size_t length = strlen(text);
    return strchr(text, '/') || (length > 5 && strcmp(text + length - 5, ".json") == 0);
}

mote_status mote_profile_open(mote_context *context, const char *name_or_path, mote_profile **profile)
{
    char known[256] = "";
    *profile = NULL;
    for (int i = 0; mote_embedded_profiles[i].name; i++) {
        const mote_embedded_profile *e = &mote_embedded_profiles[i];
        size_t used = strlen(known);
        if (strcmp(e->name, name_or_path) == 0) {
            return mote_profile_parse(context, e->name, (const char *)e->text->bytes, e->text->size, profile);
        }
        snprintf(known + used, sizeof known - used, " %s", e->name);
    }
    if (!names_file(name_or_path)) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "profile: unknown name '%.200s'; known:%s, or a file .json",
                         name_or_path, known);
    }
    char *text;
    size_t size;
    mote_status status = mote_input_whole(context, name_or_path, MOST_BYTES, &text, &size);
    if (status == MOTE_OK) {
        status = mote_profile_parse(context, name_or_path, text, size, profile);
        mote_release(context, text);
    }
    return status;
}

void mote_profile_close(mote_context *context, mote_profile *profile)
{
    if (profile) {
        owned *made = (owned *)(void *)profile; /* its first member */
        mote_arena_clear(context, &made->texts);
        mote_release(context, made);
    }
}
