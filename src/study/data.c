/* Arrays of tasks: made, scaled, hashed. */
#include "study/data.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/philox.h"
#include "io/stream.h"
#include "study/solver.h"

static mote_status find_folder(mote_task_data *data, const char *root)
{
    const char *wanted = data->task->requires;
    char path[MOTE_PATH_BYTES];
    if (!wanted) {
        return MOTE_OK;
    }
    if (!root) {
        return mote_fail(data->context, MOTE_ERROR_UNSUPPORTED,
                         "no data: set MOTE_DATA to the folder that holds %s (docs/data.md says where it is from)",
                         wanted);
    }
    mote_status status = mote_path_join(data->context, root, wanted, path);
    if (status == MOTE_OK && access(path, R_OK) != 0) {
        return mote_fail(data->context, MOTE_ERROR_UNSUPPORTED,
                         "no data: %s is not there (docs/data.md says where it is from)", path);
    }
    data->folder = status == MOTE_OK ? mote_arena_string(data->context, &data->arena, path, strlen(path)) : NULL;
    return status == MOTE_OK && !data->folder ? MOTE_ERROR_MEMORY : status;
}

mote_status mote_task_data_open(mote_context *context, const mote_science_task *task, const char *root,
                                mote_task_data *data)
{
    *data = (mote_task_data){.context = context, .task = task, .trivial = NAN, .strong = NAN};
    if (task->uses_solver && !mote_solver_available()) {
        return mote_fail(context, MOTE_ERROR_UNSUPPORTED,
                         "this build has no solver of differential equations: install libsundials-dev and build again");
    }
    mote_status status = find_folder(data, root);
    return status == MOTE_OK ? task->prepare(data) : status;
}

void mote_task_data_close(mote_task_data *data) { mote_arena_clear(data->context, &data->arena); }

void mote_data_array(mote_task_data *data, const char *name, mote_format format, int rank, const size_t *shape)
{
    mote_task_array *array = &data->arrays[data->array_count++];
    *array = (mote_task_array){.name = name, .format = format, .rank = rank, .size = 1};
    for (int d = 0; d < rank; d++) {
        array->shape[d] = shape[d];
        array->size *= shape[d];
    }
}

void *mote_data_memory(mote_task_data *data, size_t count, size_t item_size)
{
    size_t bytes;
    if (!mote_size_multiply(count, item_size, &bytes)) {
        mote_fail(data->context, MOTE_ERROR_MEMORY, "%s: %zu items of %zu bytes are too many", data->task->name, count,
                  item_size);
        return NULL;
    }
    void *memory = mote_arena_allocate(data->context, &data->arena, bytes ? bytes : 1);
    if (memory) {
        memset(memory, 0, bytes);
    }
    return memory;
}

mote_status mote_data_allocate(mote_task_data *data, size_t training, size_t test)
{
    if (training == 0 || test == 0) {
        return mote_fail(data->context, MOTE_ERROR_FILE,
                         "%s: expected samples to train on and to test with, found %zu and %zu",
                         data->folder ? data->folder : data->task->name, training, test);
    }
    data->training.count = training;
    data->test.count = test;
    for (int a = 0; a < data->array_count; a++) {
        for (int s = 0; s < 2; s++) {
            mote_task_split *split = s ? &data->test : &data->training;
            size_t numbers;
            bool fits = mote_size_multiply(split->count, data->arrays[a].size, &numbers);
            split->values[a] = fits ? mote_data_memory(data, numbers, sizeof(float)) : NULL;
            if (!split->values[a]) {
                return MOTE_ERROR_MEMORY;
            }
        }
    }
    return MOTE_OK;
}

float *mote_data_at(const mote_task_data *data, const mote_task_split *split, int array, size_t sample)
{
    return (float *)split->values[array] + sample * data->arrays[array].size;
}

int32_t *mote_data_classes(const mote_task_data *data, const mote_task_split *split, int array, size_t sample)
{
    return (int32_t *)split->values[array] + sample * data->arrays[array].size;
}

float *mote_data_predictions(mote_task_data *data, size_t size)
{
    size_t numbers;
    return mote_size_multiply(data->test.count, size, &numbers) ? mote_data_memory(data, numbers, sizeof(float)) : NULL;
}

static void shift_and_divide(mote_task_split *split, int array, size_t size, size_t groups, size_t group, double mean,
                             double deviation)
{
    float *values = split->values[array];
    for (size_t i = group; i < split->count * size; i += groups) {
        values[i] = (float)(((double)values[i] - mean) / deviation);
    }
}

void mote_data_standardize(mote_task_data *data, int array, size_t groups, double *mean, double *deviation)
{
    const size_t size = data->arrays[array].size, numbers = data->training.count * size;
    const float *values = data->training.values[array];
    for (size_t g = 0; g < groups; g++) {
        double sum = 0, squares = 0;
        for (size_t i = g; i < numbers; i += groups) {
            sum += (double)values[i];
        }
        const double count = (double)(numbers / groups), m = sum / count;
        for (size_t i = g; i < numbers; i += groups) {
            double d = (double)values[i] - m;
            squares += d * d;
        }
        double s = sqrt(squares / count);
        s = s > 1e-12 * (fabs(m) + 1e-30) ? s : 1;
        shift_and_divide(&data->training, array, size, groups, g, m, s);
        shift_and_divide(&data->test, array, size, groups, g, m, s);
        if (mean) {
            mean[g] = m;
        }
        if (deviation) {
            deviation[g] = s;
        }
    }
}

uint64_t mote_data_hash(const mote_task_data *data)
{
    uint64_t hash = 0;
    for (int a = 0; a < data->array_count; a++) {
        const mote_task_split *splits[] = {&data->training, &data->test};
        for (int s = 0; s < 2; s++) {
            hash = XXH3_64bits_withSeed(splits[s]->values[a], splits[s]->count * data->arrays[a].size * sizeof(float),
                                        hash + 1);
        }
    }
    return hash;
}

/* ---- random numbers ---- */

double mote_random_uniform(mote_random *random)
{
    uint64_t high = mote_philox_word(random->seed, random->next++) >> 5;
    uint64_t low = mote_philox_word(random->seed, random->next++) >> 6;
    return ((double)high * 67108864.0 + (double)low) / 9007199254740992.0;
}

double mote_random_normal(mote_random *random)
{
    double radius = sqrt(-2 * log(1 - mote_random_uniform(random)));
    return radius * cos(2 * M_PI * mote_random_uniform(random));
}

size_t mote_random_below(mote_random *random, size_t count)
{
    size_t drawn = (size_t)(mote_random_uniform(random) * (double)count);
    return drawn < count ? drawn : count - 1;
}

size_t mote_random_poisson(mote_random *random, double mean)
{
    size_t count = 0;
    for (; mean > 0; mean -= 20) { /* in parts, so that exp(-mean) is a number */
        const double least = exp(-fmin(mean, 20));
        for (double product = mote_random_uniform(random); product > least; count++) {
            product *= mote_random_uniform(random);
        }
    }
    return count;
}

void mote_random_order(mote_random *random, size_t count, size_t *order)
{
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (size_t i = count; i > 1; i--) {
        size_t j = mote_random_below(random, i), swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
}
