/* A file for each experiment. */
#include "study/store.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/json.h"
#include "io/stream.h"

enum { MOST_BYTES = 1 << 24 };

static mote_status place(mote_context *context, const char *folder, const mote_science_task *task, const char *name,
                         char *path)
{
    char inner[256];
    snprintf(inner, sizeof inner, "results/%s%s%s", task->name, *name ? "/" : "", name);
    return mote_path_join(context, folder, inner, path);
}

static mote_status place_result(mote_context *context, const char *folder, const mote_study_key *key, char *path)
{
    char name[160];
    snprintf(name, sizeof name, "%s.%s.%llu.json", mote_study_setting_name(key->setting), key->policy,
             (unsigned long long)key->seed);
    return place(context, folder, key->task, name, path);
}

mote_status mote_store_make(mote_context *context, const char *folder, const mote_science_task *task)
{
    char path[MOTE_PATH_BYTES];
    mote_status status = place(context, folder, task, "", path);
    return status == MOTE_OK ? mote_path_make(context, path) : status;
}

mote_status mote_store_weights(mote_context *context, const char *folder, const mote_science_task *task, uint64_t seed,
                               char *path)
{
    char name[64];
    snprintf(name, sizeof name, "fp32.%llu.safetensors", (unsigned long long)seed);
    return place(context, folder, task, name, path);
}

static double number(const json_t *root, const char *key)
{
    const json_t *value = json_object_get(root, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

mote_status mote_store_read(mote_context *context, const char *folder, const mote_study_key *key,
                            const char *fingerprint, bool *found, mote_study_record *record)
{
    char path[MOTE_PATH_BYTES], *bytes;
    size_t size;
    json_error_t error = {0};
    *found = false;
    mote_status status = place_result(context, folder, key, path);
    if (status != MOTE_OK) {
        return status;
    }
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return MOTE_OK;
    }
    status = mote_input_whole(context, path, MOST_BYTES, &bytes, &size);
    if (status != MOTE_OK) {
        mote_release(context, bytes);
        return status == MOTE_ERROR_FILE ? MOTE_OK : status; /* too large to be one */
    }
    json_t *root = mote_json_parse(bytes, size, 0, &error);
    mote_release(context, bytes);
    if (!root && !*error.text) {
        return mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: no room for the JSON of %s", path);
    }
    const char *theirs = json_string_value(json_object_get(root, "fingerprint"));
    if (theirs && strcmp(theirs, fingerprint) == 0) {
        *found = true;
        *record = (mote_study_record){.score = number(root, "score"),
                                      .seconds = number(root, "seconds"),
                                      .joules = number(root, "modelled_joules"),
                                      .inference_joules = number(root, "modelled_joules_per_sample"),
                                      .measured_joules = number(root, "measured_joules"),
                                      .bytes = number(root, "bytes"),
                                      .parameters = (size_t)json_integer_value(json_object_get(root, "parameters")),
                                      .picture = json_incref(json_object_get(root, "picture"))};
    }
    json_decref(root);
    return MOTE_OK;
}

mote_status mote_store_write(mote_context *context, const char *folder, const mote_study_key *key,
                             const char *fingerprint, const mote_study_record *record)
{
    char path[MOTE_PATH_BYTES];
    json_t *root =
        json_pack("{s:s s:s s:s s:I s:s s:o s:o s:o s:o s:o s:o s:I s:o}", "task", key->task->name, "setting",
                  mote_study_setting_name(key->setting), "policy", key->policy, "seed", (json_int_t)key->seed,
                  "fingerprint", fingerprint, "score", mote_json_number(record->score), "seconds",
                  mote_json_number(record->seconds), "modelled_joules", mote_json_number(record->joules),
                  "modelled_joules_per_sample", mote_json_number(record->inference_joules), "measured_joules",
                  mote_json_number(record->measured_joules), "bytes", mote_json_number(record->bytes), "parameters",
                  (json_int_t)record->parameters, "picture", record->picture ? record->picture : json_null());
    mote_status status = place_result(context, folder, key, path);
    if (status != MOTE_OK) {
        json_decref(root);
        return status;
    }
    return mote_json_write(context, path, root, JSON_COMPACT);
}
