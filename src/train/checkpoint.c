#include "train/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/arena.h"
#include "formats/layout.h"
#include "graph/graph.h"
#include "io/stream.h"
#include "mote/file.h"

enum { NAME_BYTES = 768, STEP_DIGITS = 9 };

/* ---- the tensors, in the order of the file ---- */

typedef struct tensors {
    mote_arena names;
    mote_tensor_info *infos;
    mote_tensor *tensors;
    size_t count;
} tensors;

static mote_status add(mote_context *context, tensors *t, const char *prefix, const char *name,
                       const mote_tensor *tensor)
{
    char text[NAME_BYTES];
    int length = snprintf(text, sizeof text, "%s.%s", prefix, name);
    char *copy = length > 0 && length < NAME_BYTES ? mote_arena_string(context, &t->names, text, (size_t)length) : NULL;
    if (!copy) {
        return MOTE_ERROR_MEMORY;
    }
    t->infos[t->count] = (mote_tensor_info){.name = copy, .layout = tensor->layout};
    t->tensors[t->count++] = *tensor;
    return MOTE_OK;
}

static mote_status list(mote_context *context, const mote_training_state *state, tensors *t)
{
    const mote_graph *graph = state->graph;
    size_t most = 2 * (size_t)graph->value_count + mote_optimizer_state_count(state->optimizer) + 1;
    *t = (tensors){0};
    t->infos = mote_allocate_array(context, most, sizeof *t->infos);
    t->tensors = mote_allocate_array(context, most, sizeof *t->tensors);
    mote_status status = t->infos && t->tensors ? MOTE_OK : MOTE_ERROR_MEMORY;
    for (int v = 0; v < graph->value_count && status == MOTE_OK; v++) {
        if (graph->values[v].kind != MOTE_VALUE_PARAMETER) {
            continue;
        }
        mote_tensor tensor = {
            .layout = graph->values[v].layout, .elements = mote_plan_data(state->plan, v), .tensor_scale = 1};
        status = add(context, t, "parameter", graph->values[v].name, &tensor);
        if (state->average && status == MOTE_OK) {
            tensor.elements = state->average[v];
            status = add(context, t, "average", graph->values[v].name, &tensor);
        }
    }
    for (size_t i = 0; i < mote_optimizer_state_count(state->optimizer) && status == MOTE_OK; i++) {
        const mote_optimizer_state *s = mote_optimizer_get_state(state->optimizer, i);
        status = add(context, t, s->name, graph->values[s->parameter].name, &s->tensor);
    }
    return status;
}

static void release(mote_context *context, tensors *t)
{
    mote_arena_clear(context, &t->names);
    mote_release(context, t->infos);
    mote_release(context, t->tensors);
}

enum { METADATA = 6, HASH_BYTES = 20 };

/* The metadata, in the order of the file. The last is the hash of the other texts: so that a damaged recipe is not
 * taken for another one, or a damaged step for the right one. */
static const char *const keys[METADATA] = {"training.step",   "training.seconds", "training.joules",
                                           "training.recipe", "training.xxh3",    "training.metadata_xxh3"};
enum { STEP, SECONDS, JOULES, RECIPE, TENSORS_HASH, METADATA_HASH };

static void hash_metadata(const char *const texts[METADATA], char hash[HASH_BYTES])
{
    XXH64_hash_t sum = 0;
    for (int i = 0; i < METADATA_HASH; i++) {
        bool older = i == JOULES && !*texts[i]; /* files that were written before there were joules in them */
        sum = older ? sum : XXH3_64bits_withSeed(texts[i], strlen(texts[i]), sum);
    }
    snprintf(hash, HASH_BYTES, "%016llx", (unsigned long long)sum);
}

static mote_status hash_tensors(mote_context *context, const tensors *t, char hash[HASH_BYTES])
{
    XXH3_state_t *state = XXH3_createState();
    if (!state) {
        return mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: no room for a hash");
    }
    XXH3_64bits_reset(state);
    for (size_t i = 0; i < t->count; i++) {
        mote_layout_sizes sizes = {0};
        mote_layout_measure(context, &t->tensors[i].layout, &sizes);
        XXH3_64bits_update(state, t->tensors[i].elements, sizes.element_bytes);
        if (sizes.scale_bytes) {
            XXH3_64bits_update(state, t->tensors[i].scales, sizes.scale_bytes);
        }
    }
    snprintf(hash, HASH_BYTES, "%016llx", (unsigned long long)XXH3_64bits_digest(state));
    XXH3_freeState(state);
    return MOTE_OK;
}

/* ---- the folder ---- */

/* Step numbers of the checkpoints in folder, largest first; at most most. Returns how many. */
static int by_step(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x < y) - (x > y);
}

static size_t find_steps(const char *folder, size_t *steps, size_t most)
{
    DIR *directory = opendir(folder);
    size_t count = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;) {
        unsigned long long step;
        char tail[32] = "";
        if (sscanf(entry->d_name, "checkpoint-%9llu.%31s", &step, tail) == 2 && strcmp(tail, "safetensors") == 0 &&
            count < most) {
            steps[count++] = (size_t)step;
        }
    }
    if (directory) {
        closedir(directory);
    }
    qsort(steps, count, sizeof *steps, by_step);
    return count;
}

static void path_of(const char *folder, size_t step, char *path)
{
    snprintf(path, MOTE_PATH_BYTES, "%s/checkpoint-%0*zu.safetensors", folder, STEP_DIGITS, step);
}

enum { MOST_FILES = 1024 };

void mote_checkpoint_rotate(const char *folder, size_t step, size_t keep)
{
    size_t steps[MOST_FILES], count = find_steps(folder, steps, MOST_FILES), kept = 0;
    for (size_t i = 0; i < count; i++) {
        char path[MOTE_PATH_BYTES];
        path_of(folder, steps[i], path);
        if (steps[i] > step || ++kept > keep) {
            unlink(path); /* an old one that stays does no harm */
        }
    }
}

mote_status mote_checkpoint_write(mote_context *context, const mote_training_state *state, const char *folder)
{
    char path[MOTE_PATH_BYTES], step[24], seconds[40], joules[40], tensors_hash[HASH_BYTES], metadata_hash[HASH_BYTES];
    const char *const texts[METADATA] = {step, seconds, joules, state->recipe, tensors_hash, metadata_hash};
    mote_metadata metadata[METADATA] = {{0}};
    tensors t;
    mote_writer *writer = NULL;
    mote_status status = list(context, state, &t);
    status = status == MOTE_OK ? hash_tensors(context, &t, tensors_hash) : status;
    if (status == MOTE_OK) {
        path_of(folder, state->step, path);
        snprintf(step, sizeof step, "%zu", state->step);
        snprintf(seconds, sizeof seconds, "%.17g", state->seconds);
        snprintf(joules, sizeof joules, isfinite(state->joules) ? "%.17g" : "unknown", state->joules);
        hash_metadata(texts, metadata_hash);
        for (int i = 0; i < METADATA; i++) {
            metadata[i] = (mote_metadata){.key = keys[i], .text = texts[i]};
        }
        status = mote_writer_create(context, path, t.count, t.infos, METADATA, metadata, &writer);
    }
    for (size_t i = 0; i < t.count && status == MOTE_OK; i++) {
        status = mote_writer_put(writer, &t.tensors[i]);
    }
    if (status == MOTE_OK) {
        status = mote_writer_finish(writer);
    } else {
        mote_writer_discard(writer);
    }
    release(context, &t);
    return status;
}

/* ---- reading ---- */

static const char *metadata_of(const mote_file *file, const char *key)
{
    for (size_t i = 0; i < mote_file_metadata_count(file); i++) {
        const mote_metadata *m = mote_file_metadata(file, i);
        if (strcmp(m->key, key) == 0 && m->text) {
            return m->text;
        }
    }
    return "";
}

static mote_status read_tensors(mote_context *context, mote_file *file, const char *path, tensors *t)
{
    for (size_t i = 0; i < t->count; i++) {
        size_t at = 0;
        while (at < mote_file_tensor_count(file) && strcmp(mote_file_tensor(file, at)->name, t->infos[i].name) != 0) {
            at++;
        }
        if (at == mote_file_tensor_count(file) ||
            !mote_layout_same(&mote_file_tensor(file, at)->layout, &t->infos[i].layout)) {
            return mote_fail(context, MOTE_ERROR_FILE, "%s: tensor '%s' is missing or has another shape", path,
                             t->infos[i].name);
        }
        mote_status status = mote_file_read(file, at, &t->tensors[i]);
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}

static mote_status damaged(mote_context *context, const char *path, const char *hash, const char *expected)
{
    return mote_fail(context, MOTE_ERROR_FILE, "%s: damaged: its hash is %s, expected %s", path, hash,
                     *expected ? expected : "one");
}

static mote_status read_one(mote_context *context, mote_training_state *state, const char *path, tensors *t)
{
    mote_file *file;
    char hash[HASH_BYTES];
    const char *texts[METADATA];
    mote_status status = mote_file_open(context, path, &file);
    if (status != MOTE_OK) {
        return status;
    }
    for (int i = 0; i < METADATA; i++) {
        texts[i] = metadata_of(file, keys[i]);
    }
    hash_metadata(texts, hash);
    if (strcmp(hash, texts[METADATA_HASH]) != 0) {
        status = damaged(context, path, hash, texts[METADATA_HASH]);
    } else if (strcmp(texts[RECIPE], state->recipe) != 0) {
        status =
            mote_fail(context, MOTE_ERROR_ARGUMENT,
                      "%s: belongs to a run with another model, policy, recipe or data; resume with the options of "
                      "that run, or choose another folder",
                      path);
    }
    status = status == MOTE_OK ? read_tensors(context, file, path, t) : status;
    status = status == MOTE_OK ? hash_tensors(context, t, hash) : status;
    if (status == MOTE_OK && strcmp(hash, texts[TENSORS_HASH]) != 0) {
        status = damaged(context, path, hash, texts[TENSORS_HASH]);
    }
    if (status == MOTE_OK) {
        state->step = (size_t)strtoull(texts[STEP], NULL, 10);
        state->seconds = strtod(texts[SECONDS], NULL);
        char *end;
        state->joules = strtod(texts[JOULES], &end);
        state->joules = end == texts[JOULES] || *end ? NAN : state->joules;
    }
    mote_file_close(file);
    return status;
}

/* What a damaged file can be taken for. */
static bool is_damage(mote_status status) { return status == MOTE_ERROR_FILE || status == MOTE_ERROR_UNSUPPORTED; }

mote_status mote_checkpoint_read(mote_context *context, mote_training_state *state, const char *folder, char *notice,
                                 size_t notice_size, bool *found)
{
    size_t steps[MOST_FILES], count = find_steps(folder, steps, MOST_FILES);
    tensors t;
    mote_status status = list(context, state, &t);
    *found = count > 0;
    *notice = '\0';
    for (size_t i = 0; i < count && (i == 0 ? status == MOTE_OK : is_damage(status)); i++) {
        char path[MOTE_PATH_BYTES];
        path_of(folder, steps[i], path);
        if (i > 0) {
            snprintf(notice, notice_size, "%s; went on from the checkpoint before it", mote_context_message(context));
        }
        status = read_one(context, state, path, &t);
    }
    release(context, &t);
    return status;
}
