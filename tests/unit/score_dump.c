/* Prints the study's scores, for comparison with other definitions. score_dump COUNT 0: truth [COUNT] and predicted
 * [COUNT] on standard input, FP32; score_dump COUNT CLASSES: truth [COUNT], INT32, and scores [COUNT, CLASSES], FP32.
 */
#include <stdio.h>
#include <stdlib.h>

#include "study/score.h"

static void print_numbers(size_t count, const float *truth, const float *predicted)
{
    printf("rmse %.17g\nmae %.17g\npearson %.17g\nr2 %.17g\nspearman %.17g\nrelative %.17g\n",
           mote_score_rmse(count, truth, predicted), mote_score_mae(count, truth, predicted),
           mote_score_pearson(count, truth, predicted), mote_score_r2(count, truth, predicted),
           mote_score_spearman(count, truth, predicted), mote_score_relative(count / 4, 4, truth, predicted));
}

static void print_classes(size_t count, size_t classes, const int32_t *truth, const float *scores)
{
    printf("accuracy %.17g\nmacro_f1 %.17g\nauroc_classes %.17g\n", mote_score_accuracy(count, classes, truth, scores),
           mote_score_macro_f1(count, classes, truth, scores), mote_score_auroc_classes(count, classes, truth, scores));
    if (classes == 2) {
        printf("matthews %.17g\nauroc %.17g\n", mote_score_matthews(count, truth, scores),
               mote_score_auroc(count, truth, scores));
    }
}

int main(int argc, char **argv)
{
    const size_t count = argc == 3 ? strtoul(argv[1], NULL, 10) : 0, classes = count ? strtoul(argv[2], NULL, 10) : 0;
    const size_t more = count * (classes ? classes : 1);
    void *truth = malloc(count * 4 + 1), *predicted = malloc(more * 4 + 1);
    bool read =
        truth && predicted && fread(truth, 4, count, stdin) == count && fread(predicted, 4, more, stdin) == more;
    if (read && classes) {
        print_classes(count, classes, truth, predicted);
    } else if (read) {
        print_numbers(count, truth, predicted);
    }
    free(truth);
    free(predicted);
    return read && count ? 0 : 2;
}
