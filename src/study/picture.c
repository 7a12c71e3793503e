/* Pictures as JSON. */
#include "study/picture.h"

#include <stdio.h>
#include <stdlib.h>

#include "io/json.h"

static json_t *numbers(size_t count, size_t stride, const float *values)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        /* five digits are more than a picture shows */
        char text[32];
        snprintf(text, sizeof text, "%.5g", (double)values[i * stride]);
        json_array_append_new(array, mote_json_number(strtod(text, NULL)));
    }
    return array;
}

json_t *mote_picture_lines(size_t count, const float *x, const char *x_label, const char *y_label, const float *truth,
                           const float *predicted)
{
    json_t *positions = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(positions, x ? mote_json_number((double)x[i]) : json_integer((json_int_t)i));
    }
    return json_pack("{s:s s:s s:s s:o s:o s:o}", "kind", "lines", "x_label", x_label, "y_label", y_label, "x",
                     positions, "truth", numbers(count, 1, truth), "predicted", numbers(count, 1, predicted));
}

json_t *mote_picture_field(size_t height, size_t width, const char *label, const float *truth, const float *predicted)
{
    return json_pack("{s:s s:s s:I s:I s:o s:o}", "kind", "field", "label", label, "height", (json_int_t)height,
                     "width", (json_int_t)width, "truth", numbers(height * width, 1, truth), "predicted",
                     numbers(height * width, 1, predicted));
}

json_t *mote_picture_scatter(size_t count, const char *label, const float *truth, const float *predicted)
{
    enum { POINTS = 300 };
    const size_t stride = count / POINTS ? count / POINTS : 1, shown = count / stride;
    return json_pack("{s:s s:s s:o s:o}", "kind", "scatter", "label", label, "truth", numbers(shown, stride, truth),
                     "predicted", numbers(shown, stride, predicted));
}

json_t *mote_picture_confusion(size_t count, size_t classes, const char *const *names, const int32_t *truth,
                               const float *scores)
{
    json_t *labels = json_array(), *rows = json_array();
    for (size_t c = 0; c < classes; c++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", c);
        json_array_append_new(labels, json_string(names ? names[c] : number));
        json_t *row = json_array();
        for (size_t k = 0; k < classes; k++) {
            json_int_t seen = 0;
            for (size_t i = 0; i < count; i++) {
                const float *s = scores + i * classes;
                size_t best = 0;
                for (size_t j = 1; j < classes; j++) {
                    best = s[j] > s[best] ? j : best;
                }
                seen += truth[i] == (int32_t)c && best == k;
            }
            json_array_append_new(row, json_integer(seen));
        }
        json_array_append_new(rows, row);
    }
    return json_pack("{s:s s:o s:o}", "kind", "confusion", "classes", labels, "counts", rows);
}
