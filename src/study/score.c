/* Scores. */
#include "study/score.h"

#include <math.h>
#include <stdlib.h>

double mote_score_rmse(size_t count, const float *truth, const float *predicted)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double d = (double)predicted[i] - (double)truth[i];
        sum += d * d;
    }
    return sqrt(sum / (double)count);
}

double mote_score_mae(size_t count, const float *truth, const float *predicted)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += fabs((double)predicted[i] - (double)truth[i]);
    }
    return sum / (double)count;
}

static double mean_of(size_t count, const float *x)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)x[i];
    }
    return sum / (double)count;
}

double mote_score_pearson(size_t count, const float *truth, const float *predicted)
{
    const double mean_t = mean_of(count, truth), mean_p = mean_of(count, predicted);
    double tt = 0, pp = 0, tp = 0;
    for (size_t i = 0; i < count; i++) {
        double t = (double)truth[i] - mean_t, p = (double)predicted[i] - mean_p;
        tt += t * t;
        pp += p * p;
        tp += t * p;
    }
    return tt > 0 && pp > 0 ? tp / sqrt(tt * pp) : isnan(pp) ? NAN : 0;
}

double mote_score_r2(size_t count, const float *truth, const float *predicted)
{
    const double mean = mean_of(count, truth);
    double all = 0, left = 0;
    for (size_t i = 0; i < count; i++) {
        double t = (double)truth[i] - mean, d = (double)predicted[i] - (double)truth[i];
        all += t * t;
        left += d * d;
    }
    return 1 - left / all;
}

typedef struct placed {
    float value;
    size_t at;
} placed;

static int compare(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    return x->value != y->value ? (x->value < y->value ? -1 : 1) : (x->at > y->at) - (x->at < y->at);
}

/* Ranks from 0, ties in the middle, into ranks. False without memory. */
static bool rank(size_t count, const float *x, float *ranks)
{
    placed *order = malloc((count ? count : 1) * sizeof *order);
    if (!order) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        order[i] = (placed){x[i], i};
    }
    qsort(order, count, sizeof *order, compare);
    for (size_t i = 0; i < count;) {
        size_t j = i;
        while (j < count && order[j].value == order[i].value) {
            j++;
        }
        j = j > i ? j : i + 1; /* a NaN equals nothing */
        for (size_t k = i; k < j; k++) {
            ranks[order[k].at] = (float)((double)(i + j - 1) / 2);
        }
        i = j;
    }
    free(order);
    return true;
}

static bool any_nan(size_t count, const float *x)
{
    for (size_t i = 0; i < count; i++) {
        if (isnan(x[i])) {
            return true;
        }
    }
    return false;
}

double mote_score_spearman(size_t count, const float *truth, const float *predicted)
{
    float *ranks = malloc((count ? count : 1) * 2 * sizeof *ranks);
    bool ranked =
        ranks && !any_nan(count, predicted) && rank(count, truth, ranks) && rank(count, predicted, ranks + count);
    double score = ranked ? mote_score_pearson(count, ranks, ranks + count) : NAN;
    free(ranks);
    return score;
}

double mote_score_relative(size_t count, size_t size, const float *truth, const float *predicted)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double left = 0, all = 0;
        for (size_t j = i * size; j < (i + 1) * size; j++) {
            double d = (double)predicted[j] - (double)truth[j];
            left += d * d;
            all += (double)truth[j] * (double)truth[j];
        }
        sum += all > 0 ? sqrt(left / all) : left > 0;
    }
    return sum / (double)count;
}

static size_t largest(size_t classes, const float *scores)
{
    size_t best = 0;
    for (size_t c = 1; c < classes; c++) {
        best = scores[c] > scores[best] ? c : best;
    }
    return best;
}

double mote_score_accuracy(size_t count, size_t classes, const int32_t *truth, const float *scores)
{
    size_t right = 0, all = 0;
    if (any_nan(count * classes, scores)) {
        return NAN;
    }
    for (size_t i = 0; i < count; i++) {
        right += truth[i] >= 0 && largest(classes, scores + i * classes) == (size_t)truth[i];
        all += truth[i] >= 0;
    }
    return (double)right / (double)all;
}

double mote_score_macro_f1(size_t count, size_t classes, const int32_t *truth, const float *scores)
{
    size_t *hit = calloc(3 * classes, sizeof *hit), *said = hit ? hit + classes : NULL,
           *there = hit ? said + classes : NULL;
    double sum = 0;
    if (!hit || any_nan(count * classes, scores)) {
        free(hit);
        return NAN;
    }
    for (size_t i = 0; i < count; i++) {
        if (truth[i] >= 0) {
            size_t answer = largest(classes, scores + i * classes);
            hit[answer] += answer == (size_t)truth[i];
            said[answer]++;
            there[truth[i]]++;
        }
    }
    for (size_t c = 0; c < classes; c++) {
        sum += said[c] + there[c] ? 2 * (double)hit[c] / (double)(said[c] + there[c]) : 0;
    }
    free(hit);
    return sum / (double)classes;
}

double mote_score_matthews(size_t count, const int32_t *truth, const float *scores)
{
    double tp = 0, tn = 0, fp = 0, fn = 0;
    if (any_nan(2 * count, scores)) {
        return NAN;
    }
    for (size_t i = 0; i < count; i++) {
        bool said = largest(2, scores + 2 * i) == 1, is = truth[i] == 1;
        tp += said && is;
        tn += !said && !is;
        fp += said && !is;
        fn += !said && is;
    }
    double below = sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
    return below > 0 ? (tp * tn - fp * fn) / below : 0;
}

double mote_score_auroc(size_t count, const int32_t *truth, const float *scores)
{
    float *margins = calloc(count ? count : 1, 2 * sizeof *margins), *ranks = margins ? margins + count : NULL;
    double positives = 0, sum = 0, score = NAN;
    for (size_t i = 0; margins && i < count; i++) {
        margins[i] = scores[2 * i + 1] - scores[2 * i];
    }
    if (margins && !any_nan(count, margins) && rank(count, margins, ranks)) {
        for (size_t i = 0; i < count; i++) {
            positives += truth[i] == 1;
            sum += truth[i] == 1 ? (double)ranks[i] : 0;
        }
        double negatives = (double)count - positives;
        score = (sum - positives * (positives - 1) / 2) / (positives * negatives);
    }
    free(margins);
    return score;
}

double mote_score_auroc_classes(size_t count, size_t classes, const int32_t *truth, const float *scores)
{
    float *pairs = calloc(count ? count : 1, 2 * sizeof *pairs);
    int32_t *is = calloc(count ? count : 1, sizeof *is);
    double sum = pairs && is ? 0 : NAN, counted = 0;
    for (size_t c = 0; pairs && is && c < classes; c++) {
        size_t rows = 0;
        for (size_t i = 0; i < count; i++) {
            const float *s = scores + i * classes;
            double all = 0;
            for (size_t k = 0; k < classes; k++) {
                all += exp((double)s[k] - (double)s[c]);
            }
            pairs[2 * i + 1] = (float)-log(all);
            is[i] = truth[i] == (int32_t)c;
            rows += (size_t)is[i];
        }
        sum += rows > 0 && rows < count ? mote_score_auroc(count, is, pairs) : 0;
        counted += rows > 0 && rows < count;
    }
    free(pairs);
    free(is);
    return sum / counted;
}
