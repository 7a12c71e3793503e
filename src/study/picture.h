/* Pictures of predictions beside the truth, as JSON that the report draws. NULL without memory, which the caller passes
 * on. */
#ifndef MOTE_STUDY_PICTURE_H
#define MOTE_STUDY_PICTURE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Two curves over x (NULL: 0, 1, ...). */
json_t *mote_picture_lines(size_t count, const float *x, const char *x_label, const char *y_label, const float *truth,
                           const float *predicted);

/* Two fields of rows [height, width], row 0 at the top. */
json_t *mote_picture_field(size_t height, size_t width, const char *label, const float *truth, const float *predicted);

/* Predicted against true numbers; of more than a few hundred, every n-th. */
json_t *mote_picture_scatter(size_t count, const char *label, const float *truth, const float *predicted);

/* How often each class (row) was taken for each (column), from scores [count, classes]; names of the classes, NULL:
 * numbers. Negative classes do not count. */
json_t *mote_picture_confusion(size_t count, size_t classes, const char *const *names, const int32_t *truth,
                               const float *scores);

#endif
