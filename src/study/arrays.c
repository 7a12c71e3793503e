/* Reading arrays. */
#include "study/arrays.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "io/format.h"
#include "io/stream.h"
#include "mote/file.h"
#include "study/data.h"

/* Looks for an array by its name, and for its shape. */
static mote_status find(mote_task_data *data, mote_file *file, const char *path, const char *name, int rank,
                        size_t *shape, size_t *index)
{
    const mote_tensor_info *info = mote_file_tensor(file, *index = 0);
    while (info && strcmp(info->name, name) != 0) {
        info = mote_file_tensor(file, ++*index);
    }
    if (!info) {
        return mote_bad_path(data->context, path, "expected an array %s, found none", name);
    }
    if (info->layout.rank != rank) {
        return mote_bad_path(data->context, path, "array %s: expected %d dimensions, found %d", name, rank,
                             info->layout.rank);
    }
    for (int d = 0; d < rank; d++) {
        const size_t found = info->layout.shape[d];
        if (found == 0) {
            return mote_bad_path(data->context, path, "array %s: expected numbers, found none", name);
        }
        if (shape[d] != found && (d > 0 || shape[d] > 0)) {
            return mote_bad_path(data->context, path, "array %s: dimension %d: expected %zu, found %zu", name, d,
                                 shape[d], found);
        }
        shape[d] = found;
    }
    return MOTE_OK;
}

static mote_status convert(mote_task_data *data, const char *path, const char *name, const mote_tensor *tensor,
                           size_t count, double *numbers)
{
    const uint8_t *bytes = tensor->elements;
    for (size_t i = 0; i < count; i++) {
        float single;
        int16_t small;
        int32_t whole;
        switch (tensor->layout.format) {
        case MOTE_FP64: memcpy(&numbers[i], bytes + i * sizeof numbers[i], sizeof numbers[i]); break;
        case MOTE_FP32:
            memcpy(&single, bytes + i * sizeof single, sizeof single);
            numbers[i] = (double)single;
            break;
        case MOTE_INT16:
            memcpy(&small, bytes + i * sizeof small, sizeof small);
            numbers[i] = small;
            break;
        case MOTE_INT32:
            memcpy(&whole, bytes + i * sizeof whole, sizeof whole);
            numbers[i] = whole;
            break;
        case MOTE_UINT8:
        case MOTE_BOOL: numbers[i] = bytes[i]; break;
        default:
            return mote_bad_path(data->context, path,
                                 "array %s: expected FP32, FP64, int16, int32, uint8 or bool, found %s", name,
                                 mote_format_get(tensor->layout.format)->name);
        }
        if (!(fabs(numbers[i]) <= (double)FLT_MAX)) {
            return mote_bad_path(data->context, path, "array %s: expected finite numbers of FP32, found another at %zu",
                                 name, i);
        }
    }
    return MOTE_OK;
}

static mote_status read(mote_task_data *data, mote_file *file, const char *path, const char *name, int rank,
                        size_t *shape, double **numbers)
{
    size_t index;
    mote_layout_sizes sizes;
    mote_status status = find(data, file, path, name, rank, shape, &index);
    if (status != MOTE_OK) {
        return status;
    }
    const mote_tensor_info *info = mote_file_tensor(file, index);
    mote_tensor tensor = {.layout = info->layout};
    status = mote_layout_measure(data->context, &info->layout, &sizes);
    if (status != MOTE_OK) {
        return status;
    }
    tensor.elements = mote_data_memory(data, info->element_bytes, 1);
    *numbers = mote_data_memory(data, sizes.count, sizeof **numbers);
    if (!tensor.elements || !*numbers) {
        return MOTE_ERROR_MEMORY;
    }
    status = mote_file_read(file, index, &tensor);
    return status == MOTE_OK ? convert(data, path, name, &tensor, sizes.count, *numbers) : status;
}

mote_status mote_arrays_read(mote_task_data *data, const char *file_name, const char *name, int rank, size_t *shape,
                             double **numbers)
{
    char path[MOTE_PATH_BYTES];
    mote_file *file;
    mote_status status = mote_path_join(data->context, data->folder, file_name, path);
    status = status == MOTE_OK ? mote_file_open(data->context, path, &file) : status;
    if (status == MOTE_OK) {
        status = read(data, file, path, name, rank, shape, numbers);
        mote_file_close(file);
    }
    return status;
}
