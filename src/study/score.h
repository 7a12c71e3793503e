/* Measures of predictions against truth, all in FP64. */
#ifndef MOTE_STUDY_SCORE_H
#define MOTE_STUDY_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of count numbers. */
double mote_score_rmse(size_t count, const float *truth, const float *predicted);
double mote_score_mae(size_t count, const float *truth, const float *predicted);
double mote_score_pearson(size_t count, const float *truth, const float *predicted);
double mote_score_r2(size_t count, const float *truth, const float *predicted);
/* Pearson's correlation of ranks; ties share the mean of theirs. NaN without memory. */
double mote_score_spearman(size_t count, const float *truth, const float *predicted);

/* Mean over count samples of |predicted - truth| / |truth| as vectors of size numbers. */
double mote_score_relative(size_t count, size_t size, const float *truth, const float *predicted);

/* Of count rows of scores [count, classes]: the largest is the answer. Rows whose class is negative do not count. */
double mote_score_accuracy(size_t count, size_t classes, const int32_t *truth, const float *scores);
/* Mean over classes of each one's F1. NaN without memory. */
double mote_score_macro_f1(size_t count, size_t classes, const int32_t *truth, const float *scores);
/* Matthews' correlation of two classes. */
double mote_score_matthews(size_t count, const int32_t *truth, const float *scores);

/* The probability that a row of class 1 scores above one of class 0, by score 1 minus score 0 of [count, 2]; half where
 * equal. NaN without memory. */
double mote_score_auroc(size_t count, const int32_t *truth, const float *scores);
/* The same for rows [count, classes]: the mean over classes of each one's against all others, by the logarithm of its
 * share of the softmax. Classes without a row do not count. */
double mote_score_auroc_classes(size_t count, size_t classes, const int32_t *truth, const float *scores);

#endif
