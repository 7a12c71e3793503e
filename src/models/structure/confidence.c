/* What scores mean: pLDDT (Alg. 29), the predicted aligned error, pTM and ipTM (1.9.7; Evans et al. 2021, eq. 1). */
#include <math.h>

#include "mote/structure_module.h"

/* The mean of value(bin) under softmax(scores). */
static double expectation(size_t bins, const float *scores, double (*value)(size_t bin, double scale), double scale)
{
    double most = (double)scores[0], sum = 0, total = 0;
    for (size_t i = 1; i < bins; i++) {
        most = fmax(most, (double)scores[i]);
    }
    for (size_t i = 0; i < bins; i++) {
        double e = exp((double)scores[i] - most);
        total += e;
        sum += e * value(i, scale);
    }
    return sum / total;
}

static double centre(size_t bin, double width) { return ((double)bin + 0.5) * width; }

/* 1 / (1 + (error / d0)^2); scale: the width of a bin in d0. */
static double closeness(size_t bin, double scale) { return 1 / (1 + centre(bin, scale) * centre(bin, scale)); }

/* Angstrom of a bin of the aligned error; the last is for all that is more than 31. */
static double error_width(size_t bins) { return 31.0 / ((double)bins - 2); }

void mote_predicted_lddt(size_t residues, size_t bins, const float *scores, float *lddt)
{
    for (size_t i = 0; i < residues; i++) {
        lddt[i] = (float)expectation(bins, scores + i * bins, centre, 100.0 / (double)bins);
    }
}

void mote_predicted_aligned_error(size_t residues, size_t bins, const float *scores, float *error)
{
    for (size_t i = 0; i < residues * residues; i++) {
        error[i] = (float)expectation(bins, scores + i * bins, centre, error_width(bins));
    }
}

double mote_predicted_tm(size_t residues, size_t bins, const float *scores, const float *weights, const int32_t *chains)
{
    double counted = 0, best = 0, most = -1;
    for (size_t i = 0; i < residues; i++) {
        counted += weights ? (double)weights[i] : 1;
    }
    double d0 = 1.24 * cbrt(fmax(floor(counted), 19) - 15) - 1.8;
    for (size_t i = 0; i < residues; i++) {
        double sum = 0, pairs = 1e-8, weight = weights ? (double)weights[i] : 1;
        for (size_t j = 0; j < residues; j++) {
            double pair = weight * (weights ? (double)weights[j] : 1);
            if (pair > 0 && !(chains && chains[i] == chains[j])) {
                const float *row = scores + (i * residues + j) * bins;
                sum += pair * expectation(bins, row, closeness, error_width(bins) / d0);
                pairs += pair;
            }
        }
        if (sum / pairs * weight > most) {
            most = sum / pairs * weight;
            best = sum / pairs;
        }
    }
    return best;
}
