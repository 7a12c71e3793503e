/* Predictions without a network: means, frequencies, ridge regression. */
#include <math.h>
#include <string.h>

#include "study/data.h"

void mote_baseline_mean(const mote_task_data *data, int target, float *predictions)
{
    const size_t size = data->arrays[target].size;
    for (size_t j = 0; j < size; j++) {
        double sum = 0;
        for (size_t i = 0; i < data->training.count; i++) {
            sum += (double)mote_data_at(data, &data->training, target, i)[j];
        }
        for (size_t i = 0; i < data->test.count; i++) {
            predictions[i * size + j] = (float)(sum / (double)data->training.count);
        }
    }
}

void mote_baseline_frequency(const mote_task_data *data, int target, size_t classes, float *predictions)
{
    const size_t size = data->arrays[target].size;
    const int32_t *truth = data->training.values[target];
    for (size_t c = 0; c < classes; c++) {
        double seen = 0.5, all = 0.5 * (double)classes; /* so that a class that was never seen is not impossible */
        for (size_t i = 0; i < data->training.count * size; i++) {
            seen += truth[i] == (int32_t)c;
            all += truth[i] >= 0;
        }
        for (size_t i = 0; i < data->test.count * size; i++) {
            predictions[i * classes + c] = (float)log(seen / all);
        }
    }
}

/* ---- ridge regression ---- */

typedef struct regression {
    size_t inputs, outputs;
    double *mean_x, *mean_y; /* [inputs], [outputs] */
    double *gram;            /* [inputs, inputs], then its Cholesky factor */
    double *weights;         /* [inputs, outputs] */
} regression;

static double *allocate(mote_context *context, size_t a, size_t b)
{
    size_t count;
    double *made = mote_size_multiply(a, b, &count) ? mote_allocate_array(context, count, sizeof *made) : NULL;
    if (made) {
        memset(made, 0, count * sizeof *made);
    }
    return made;
}

static void release(mote_context *context, regression *r)
{
    mote_release(context, r->mean_x);
    mote_release(context, r->mean_y);
    mote_release(context, r->gram);
    mote_release(context, r->weights);
}

/* Gives y of a training sample. */
typedef double target_of(const mote_task_data *data, int target, size_t sample, size_t output);

static double number_of(const mote_task_data *data, int target, size_t sample, size_t output)
{
    return (double)mote_data_at(data, &data->training, target, sample)[output];
}

static double class_of(const mote_task_data *data, int target, size_t sample, size_t output)
{
    return *mote_data_classes(data, &data->training, target, sample) == (int32_t)output;
}

static void accumulate(const mote_task_data *data, int input, int target, target_of *y_of, regression *r)
{
    const size_t n = data->training.count, d = r->inputs;
    for (size_t i = 0; i < n; i++) {
        const float *x = mote_data_at(data, &data->training, input, i);
        for (size_t a = 0; a < d; a++) {
            r->mean_x[a] += (double)x[a] / (double)n;
        }
        for (size_t o = 0; o < r->outputs; o++) {
            r->mean_y[o] += y_of(data, target, i, o) / (double)n;
        }
    }
    for (size_t i = 0; i < n; i++) {
        const float *x = mote_data_at(data, &data->training, input, i);
        for (size_t a = 0; a < d; a++) {
            const double xa = (double)x[a] - r->mean_x[a];
            for (size_t b = 0; b <= a; b++) {
                r->gram[a * d + b] += xa * ((double)x[b] - r->mean_x[b]);
            }
        }
        for (size_t o = 0; o < r->outputs; o++) {
            const double y = y_of(data, target, i, o) - r->mean_y[o];
            for (size_t a = 0; a < d; a++) {
                r->weights[a * r->outputs + o] += ((double)x[a] - r->mean_x[a]) * y;
            }
        }
    }
}

/* Cholesky's factor in place of the lower half, then both triangular systems. The penalty keeps pivots above zero. */
static void solve(regression *r, double penalty)
{
    const size_t d = r->inputs, k = r->outputs;
    double trace = 0;
    for (size_t a = 0; a < d; a++) {
        trace += r->gram[a * d + a];
    }
    const double ridge = penalty * trace / (double)d + 1e-300;
    for (size_t a = 0; a < d; a++) {
        for (size_t b = 0; b <= a; b++) {
            double sum = r->gram[a * d + b] + (a == b ? ridge : 0);
            for (size_t c = 0; c < b; c++) {
                sum -= r->gram[a * d + c] * r->gram[b * d + c];
            }
            r->gram[a * d + b] = a == b ? sqrt(sum > ridge * 1e-6 ? sum : ridge * 1e-6) : sum / r->gram[b * d + b];
        }
    }
    for (size_t o = 0; o < k; o++) {
        for (size_t a = 0; a < d; a++) {
            double sum = r->weights[a * k + o];
            for (size_t c = 0; c < a; c++) {
                sum -= r->gram[a * d + c] * r->weights[c * k + o];
            }
            r->weights[a * k + o] = sum / r->gram[a * d + a];
        }
        for (size_t a = d; a-- > 0;) {
            double sum = r->weights[a * k + o];
            for (size_t c = a + 1; c < d; c++) {
                sum -= r->gram[c * d + a] * r->weights[c * k + o];
            }
            r->weights[a * k + o] = sum / r->gram[a * d + a];
        }
    }
}

static void predict(const mote_task_data *data, int input, const regression *r, float *predictions)
{
    for (size_t i = 0; i < data->test.count; i++) {
        const float *x = mote_data_at(data, &data->test, input, i);
        for (size_t o = 0; o < r->outputs; o++) {
            double sum = r->mean_y[o];
            for (size_t a = 0; a < r->inputs; a++) {
                sum += ((double)x[a] - r->mean_x[a]) * r->weights[a * r->outputs + o];
            }
            predictions[i * r->outputs + o] = (float)sum;
        }
    }
}

static mote_status regress(const mote_task_data *data, int input, int target, size_t outputs, target_of *y_of,
                           double penalty, float *predictions)
{
    mote_context *context = data->context;
    regression r = {.inputs = data->arrays[input].size, .outputs = outputs};
    r.mean_x = allocate(context, r.inputs, 1);
    r.mean_y = allocate(context, outputs, 1);
    r.gram = allocate(context, r.inputs, r.inputs);
    r.weights = allocate(context, r.inputs, outputs);
    bool made = predictions && r.mean_x && r.mean_y && r.gram && r.weights;
    if (made) {
        accumulate(data, input, target, y_of, &r);
        solve(&r, penalty);
        predict(data, input, &r, predictions);
    }
    release(context, &r);
    return made ? MOTE_OK : MOTE_ERROR_MEMORY;
}

mote_status mote_baseline_ridge(const mote_task_data *data, int input, int target, double penalty, float *predictions)
{
    return regress(data, input, target, data->arrays[target].size, number_of, penalty, predictions);
}

mote_status mote_baseline_ridge_classes(const mote_task_data *data, int input, int target, size_t classes,
                                        double penalty, float *predictions)
{
    return regress(data, input, target, classes, class_of, penalty, predictions);
}

void mote_least_squares(size_t count, size_t terms, const double *x, const double *y, double *coefficients)
{
    double m[MOTE_LEAST_SQUARES_TERMS][MOTE_LEAST_SQUARES_TERMS + 1] = {{0}};
    for (size_t i = 0; i < count; i++) {
        for (size_t a = 0; a < terms; a++) {
            for (size_t b = 0; b <= terms; b++) {
                m[a][b] += x[i * terms + a] * (b < terms ? x[i * terms + b] : y[i]);
            }
        }
    }
    for (size_t a = 0; a < terms; a++) {
        for (size_t row = 0; row < terms; row++) {
            const double factor = row == a || m[a][a] == 0 ? 0 : m[row][a] / m[a][a];
            for (size_t b = a; b <= terms; b++) {
                m[row][b] -= factor * m[a][b];
            }
        }
    }
    for (size_t a = 0; a < terms; a++) {
        coefficients[a] = m[a][a] == 0 ? 0 : m[a][terms] / m[a][a];
    }
}

mote_status mote_baselines(mote_task_data *data, int input, int target, double penalty)
{
    float *guess = mote_data_predictions(data, data->arrays[target].size);
    if (!guess) {
        return MOTE_ERROR_MEMORY;
    }
    mote_baseline_mean(data, target, guess);
    data->trivial = data->task->score(data, guess);
    mote_status status = mote_baseline_ridge(data, input, target, penalty, guess);
    data->strong = data->task->score(data, guess);
    return status;
}

mote_status mote_baselines_classes(mote_task_data *data, int input, int target, size_t classes, double penalty)
{
    float *guess = mote_data_predictions(data, data->arrays[target].size * classes);
    if (!guess) {
        return MOTE_ERROR_MEMORY;
    }
    mote_baseline_frequency(data, target, classes, guess);
    data->trivial = data->task->score(data, guess);
    mote_status status = mote_baseline_ridge_classes(data, input, target, classes, penalty, guess);
    data->strong = data->task->score(data, guess);
    return status;
}
