/* Reading run folders, and what follows from one run or two. */
#include "report/run.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "io/json.h"
#include "io/stream.h"

/* Far above any real file; a larger one is a mistake that must not fill the memory. */
static const uint64_t LARGEST_FILE = UINT64_C(1) << 30;

const json_t *mote_run_value(const json_t *object, const char *path)
{
    char key[64];
    while (object) {
        size_t length = strcspn(path, ".");
        if (length >= sizeof key) {
            return NULL;
        }
        memcpy(key, path, length);
        key[length] = '\0';
        object = json_object_get(object, key);
        if (!path[length]) {
            return object;
        }
        path += length + 1;
    }
    return NULL;
}

double mote_run_number(const json_t *object, const char *path)
{
    const json_t *value = mote_run_value(object, path);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *mote_run_text(const json_t *object, const char *path)
{
    return json_string_value(mote_run_value(object, path));
}

/* path = folder/name in the run's arena. */
static char *join(mote_run *run, const char *folder, const char *name)
{
    size_t length = strlen(folder), more = strlen(name);
    while (length > 1 && folder[length - 1] == '/') {
        length--;
    }
    char *path = mote_arena_allocate(run->context, &run->arena, length + more + 2);
    if (path) {
        memcpy(path, folder, length);
        path[length] = '/';
        memcpy(path + length + 1, name, more + 1);
    }
    return path;
}

/* jansson has no words for a lack of memory, and that is not the file's fault. */
static bool out_of_memory(const json_error_t *error) { return error->text[0] == '\0'; }

static mote_status parser_failure(mote_context *context, const char *path, size_t line, const json_error_t *error)
{
    if (out_of_memory(error)) {
        return mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: no room for the JSON of %s", path);
    }
    return mote_fail(context, MOTE_ERROR_FILE, "%s: line %zu: expected a JSON object, found: %s", path, line,
                     error->text);
}

static mote_status read_description(mote_run *run, const char *path)
{
    char *bytes;
    size_t size;
    json_error_t error = {0};
    mote_status status = mote_input_whole(run->context, path, LARGEST_FILE, &bytes, &size);
    if (status == MOTE_OK) {
        run->root = mote_json_parse(bytes, size, 0, &error);
        if (!run->root) {
            status = parser_failure(run->context, path, error.line > 0 ? (size_t)error.line : 1, &error);
        } else if (!json_is_object(run->root)) {
            status = mote_fail(run->context, MOTE_ERROR_FILE, "%s: expected a JSON object, found something else", path);
        }
    }
    mote_release(run->context, bytes);
    return status;
}

/* Removes what was measured at or after step, or only after it. */
static void rewind_to(mote_run_series *series, double step, bool keep_step)
{
    while (series->count > 0) {
        double last = series->points[series->count - 1].step;
        if (last < step || (keep_step && last <= step)) {
            return;
        }
        series->count--;
    }
}

static mote_status append(mote_context *context, mote_run_series *series, mote_run_point point)
{
    if (series->count == series->capacity) {
        size_t capacity = series->capacity ? 2 * series->capacity : 256;
        mote_run_point *grown = mote_allocate_array(context, capacity, sizeof *grown);
        if (!grown) {
            return MOTE_ERROR_MEMORY;
        }
        if (series->count > 0) {
            memcpy(grown, series->points, series->count * sizeof *grown);
        }
        mote_release(context, series->points);
        series->points = grown;
        series->capacity = capacity;
    }
    series->points[series->count++] = point;
    return MOTE_OK;
}

static mote_status add_line(mote_run *run, const json_t *line)
{
    mote_run_point point = {mote_run_number(line, "step"), mote_run_number(line, "bits"),
                            mote_run_number(line, "seconds"), mote_run_number(line, "joules")};
    double validation = mote_run_number(line, "validation_bits");
    mote_status status = MOTE_OK;
    if (isnan(point.step)) {
        return MOTE_OK;
    }
    rewind_to(&run->training, point.step, isnan(point.bits));
    rewind_to(&run->validation, point.step, isnan(validation));
    if (!isnan(point.bits)) {
        status = append(run->context, &run->training, point);
    }
    if (!isnan(validation) && status == MOTE_OK) {
        point.bits = validation;
        status = append(run->context, &run->validation, point);
    }
    return status;
}

/* Joules of validation lines: those of the training line at the same step. */
static void lend_joules(const mote_run_series *training, mote_run_series *validation)
{
    for (size_t i = 0, t = 0; i < validation->count; i++) {
        while (t < training->count && training->points[t].step < validation->points[i].step) {
            t++;
        }
        if (isnan(validation->points[i].joules) && t < training->count &&
            training->points[t].step == validation->points[i].step) {
            validation->points[i].joules = training->points[t].joules;
        }
    }
}

static mote_status read_metrics(mote_run *run, const char *path)
{
    char *bytes;
    size_t size = 0, number = 1;
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return MOTE_OK; /* the run has not come to its first line */
    }
    mote_status status = mote_input_whole(run->context, path, LARGEST_FILE, &bytes, &size);
    while (size > 0 && strchr(" \t\r\n", bytes[size - 1]) && bytes[size - 1]) {
        size--; /* so that the last line is one that says something */
    }
    for (size_t at = 0; at < size && status == MOTE_OK; number++) {
        const char *end = memchr(bytes + at, '\n', size - at);
        size_t length = end ? (size_t)(end - bytes) - at : size - at;
        bool last = at + length == size;
        json_error_t error = {0};
        json_t *line = mote_json_parse(bytes + at, length, 0, &error);
        if (json_is_object(line)) {
            status = add_line(run, line);
        } else if (last && (line || !out_of_memory(&error))) {
            run->incomplete = true;
        } else if (line) {
            status = mote_fail(run->context, MOTE_ERROR_FILE,
                               "%s: line %zu: expected a JSON object, found something else", path, number);
        } else if (strspn(bytes + at, " \t\r") < length) {
            status = parser_failure(run->context, path, number, &error);
        }
        json_decref(line);
        at += length + 1;
    }
    lend_joules(&run->training, &run->validation);
    mote_release(run->context, bytes);
    return status;
}

/* The folder's own name, for runs that have none. */
static const char *folder_name(mote_run *run, const char *folder)
{
    size_t end = strlen(folder), start;
    while (end > 1 && folder[end - 1] == '/') {
        end--;
    }
    for (start = end; start > 0 && folder[start - 1] != '/';) {
        start--;
    }
    if (!mote_text_valid(folder + start, end - start)) {
        return "unnamed run";
    }
    return mote_arena_string(run->context, &run->arena, folder + start, end - start);
}

mote_status mote_run_read(mote_context *context, const char *folder, mote_run *run)
{
    *run = (mote_run){.context = context};
    char *description = join(run, folder, "run.json"), *metrics = join(run, folder, "metrics.jsonl");
    if (!description || !metrics) {
        return MOTE_ERROR_MEMORY;
    }
    mote_status status = read_description(run, description);
    if (status == MOTE_OK) {
        status = read_metrics(run, metrics);
    }
    if (status != MOTE_OK) {
        return status;
    }
    const char *name = mote_run_text(run->root, "name"), *policy = mote_run_text(run->root, "policy.name");
    run->name = name && *name ? name : folder_name(run, folder);
    run->policy = policy && *policy ? policy : "unknown";
    return run->name ? MOTE_OK : MOTE_ERROR_MEMORY;
}

void mote_run_clear(mote_run *run)
{
    if (run->context) {
        mote_release(run->context, run->training.points);
        mote_release(run->context, run->validation.points);
        mote_arena_clear(run->context, &run->arena);
        json_decref(run->root);
    }
    *run = (mote_run){0};
}

double mote_run_bits(const mote_run *run, double *step)
{
    double bits = mote_run_number(run->root, "results.bits");
    *step = -1;
    if (isnan(bits) && run->validation.count > 0) {
        bits = run->validation.points[run->validation.count - 1].bits;
        *step = run->validation.points[run->validation.count - 1].step;
    }
    return bits;
}

const char *mote_run_unit(const mote_run *run)
{
    const char *unit = mote_run_text(run->root, "data.unit");
    return unit && *unit ? unit : "token";
}

double mote_run_limit(const mote_run *run) { return mote_run_number(run->root, "data.limit.bits"); }

/* What neither says is not known to be the same. */
static bool same(const mote_run *a, const mote_run *b, const char *path)
{
    const json_t *x = mote_run_value(a->root, path), *y = mote_run_value(b->root, path);
    return x && y && json_equal(x, y);
}

const mote_run *mote_run_baseline(const mote_run *runs, size_t count, const mote_run *run)
{
    const mote_run *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(runs[i].policy, "fp32") == 0 && same(&runs[i], run, "model") && same(&runs[i], run, "recipe") &&
            same(&runs[i], run, "data") && (!found || (!same(found, run, "seed") && same(&runs[i], run, "seed")))) {
            found = &runs[i];
        }
    }
    return found;
}

bool mote_run_same_machine(const mote_run *a, const mote_run *b)
{
    return same(a, b, "machine.processor") && same(a, b, "machine.level") && same(a, b, "machine.threads");
}
