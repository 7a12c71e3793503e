/* Pictures of predictions as results keep them: what the page's scripts may rely on. */
#include <string.h>

#include "report/study.h"

enum { MOST_VALUES = 1 << 20, MOST_CLASSES = 256 };

/* An array of as many numbers or nulls; count SIZE_MAX: any number of them, but one. */
static mote_status check_numbers(const mote_study_reader *r, const json_t *picture, const char *place, const char *key,
                                 size_t count)
{
    const json_t *array = json_object_get(picture, key);
    const size_t size = json_array_size(array);
    if (size == 0 || size > MOST_VALUES || (count != SIZE_MAX && size != count)) {
        return mote_study_bad(r, place, key, "an array of numbers, as many as its neighbours have");
    }
    for (size_t i = 0; i < size; i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_number(value) && !json_is_null(value)) {
            return mote_study_bad(r, place, key, "numbers or null");
        }
    }
    return MOTE_OK;
}

static mote_status check_text(const mote_study_reader *r, const json_t *picture, const char *place, const char *key)
{
    return json_is_string(json_object_get(picture, key)) ? MOTE_OK : mote_study_bad(r, place, key, "a text");
}

/* Truth and predictions of the same length as one another. */
static mote_status check_both(const mote_study_reader *r, const json_t *picture, const char *place, size_t count)
{
    mote_status status = check_numbers(r, picture, place, "truth", count);
    return status == MOTE_OK
               ? check_numbers(r, picture, place, "predicted", json_array_size(json_object_get(picture, "truth")))
               : status;
}

static mote_status check_lines(const mote_study_reader *r, const json_t *picture, const char *place)
{
    mote_status status = check_text(r, picture, place, "x_label");
    status = status == MOTE_OK ? check_text(r, picture, place, "y_label") : status;
    status = status == MOTE_OK ? check_numbers(r, picture, place, "x", SIZE_MAX) : status;
    return status == MOTE_OK ? check_both(r, picture, place, json_array_size(json_object_get(picture, "x"))) : status;
}

static mote_status check_field(const mote_study_reader *r, const json_t *picture, const char *place)
{
    const json_t *height = json_object_get(picture, "height"), *width = json_object_get(picture, "width");
    const json_int_t rows = json_integer_value(height), columns = json_integer_value(width);
    mote_status status = check_text(r, picture, place, "label");
    if (status == MOTE_OK && (rows < 1 || rows > MOST_VALUES || columns < 1 || columns > MOST_VALUES / rows)) {
        status = mote_study_bad(r, place, "height", "with width, integers above 0 and not too large");
    }
    return status == MOTE_OK ? check_both(r, picture, place, (size_t)(rows * columns)) : status;
}

static mote_status check_scatter(const mote_study_reader *r, const json_t *picture, const char *place)
{
    mote_status status = check_text(r, picture, place, "label");
    return status == MOTE_OK ? check_both(r, picture, place, SIZE_MAX) : status;
}

static mote_status check_confusion(const mote_study_reader *r, const json_t *picture, const char *place)
{
    const json_t *classes = json_object_get(picture, "classes"), *counts = json_object_get(picture, "counts");
    const size_t count = json_array_size(classes);
    if (count == 0 || count > MOST_CLASSES) {
        return mote_study_bad(r, place, "classes", "an array of 1 to 256 names");
    }
    if (json_array_size(counts) != count) {
        return mote_study_bad(r, place, "counts", "a row for each class");
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(counts, i);
        if (!json_is_string(json_array_get(classes, i))) {
            return mote_study_bad(r, place, "classes", "texts");
        }
        for (size_t k = 0; k < count; k++) {
            const json_t *value = json_array_get(row, k);
            if (json_array_size(row) != count || !json_is_integer(value) || json_integer_value(value) < 0) {
                return mote_study_bad(r, place, "counts", "rows of a count for each class");
            }
        }
    }
    return MOTE_OK;
}

mote_status mote_study_picture_check(const mote_study_reader *r, const json_t *picture, const char *place)
{
    static const struct {
        const char *kind;
        mote_status (*check)(const mote_study_reader *r, const json_t *picture, const char *place);
    } kinds[] = {
        {"lines", check_lines}, {"field", check_field}, {"scatter", check_scatter}, {"confusion", check_confusion}};
    const char *kind = json_string_value(json_object_get(picture, "kind"));
    for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            return kinds[i].check(r, picture, place);
        }
    }
    return mote_study_bad(r, place, "kind", "lines, field, scatter or confusion");
}
