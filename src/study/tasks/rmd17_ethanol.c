/* Forces in ethanol from 1000 configurations of density functional theory (PBE/def2-SVP): the revised MD17 data
 * (Christensen and von Lilienfeld, Mach. Learn.: Sci. Technol. 1 (2020) 045018), its first official split.
 *
 * The network sees the inverse distances of all pairs of atoms, as sGDML does, and the energy is its sum over the six
 * relabellings of hydrogens that motion at this temperature makes: turns of the methyl group and their mirror images
 * (Chmiela et al., Nat. Commun. 9 (2018) 3887). Forces are the gradient of the energy. */
#include <math.h>

#include "study/arrays.h"
#include "study/data.h"
#include "study/forces.h"
#include "study/score.h"

enum { ATOMS = 9, PAIRS = ATOMS * (ATOMS - 1) / 2, COORDINATES = 3 * ATOMS, LABELLINGS = 6 };

/* Atoms 3 and 4 are the hydrogens of CH2, 5 to 7 those of CH3. */
static const int labellings[LABELLINGS][ATOMS] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8}, {0, 1, 2, 3, 4, 6, 7, 5, 8}, {0, 1, 2, 3, 4, 7, 5, 6, 8},
    {0, 1, 2, 4, 3, 6, 5, 7, 8}, {0, 1, 2, 4, 3, 5, 7, 6, 8}, {0, 1, 2, 4, 3, 7, 6, 5, 8},
};

/* Inverse distances [LABELLINGS, PAIRS] of atoms at x and their derivatives [LABELLINGS, PAIRS, COORDINATES]. */
static void inverse_distances(const double *x, float *features, float *jacobian)
{
    for (size_t l = 0, row = 0; l < LABELLINGS; l++) {
        for (int i = 0; i < ATOMS; i++) {
            for (int j = 0; j < i; j++, row++) {
                const int a = 3 * labellings[l][i], b = 3 * labellings[l][j];
                const double d[] = {x[a] - x[b], x[a + 1] - x[b + 1], x[a + 2] - x[b + 2]};
                const double r = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
                features[row] = (float)(1 / r);
                for (int k = 0; k < 3; k++) {
                    jacobian[row * COORDINATES + (size_t)(a + k)] = (float)(-d[k] / (r * r * r));
                    jacobian[row * COORDINATES + (size_t)(b + k)] = (float)(d[k] / (r * r * r));
                }
            }
        }
    }
}

/* Atoms that lie upon each other would have no finite inverse distance. */
static mote_status check(mote_task_data *data, const mote_task_split *split, size_t sample, const char *name)
{
    const float *features = mote_data_at(data, split, MOTE_FORCES_FEATURES, sample);
    for (size_t i = 0; i < PAIRS; i++) {
        if (!(features[i] < 10)) {
            return mote_fail(data->context, MOTE_ERROR_FILE,
                             "%s/%s: expected atoms apart, found two within 0.1 angstrom in configuration %zu",
                             data->folder, name, sample);
        }
    }
    return MOTE_OK;
}

/* The arrays of a file: coordinates in angstrom, energies in kcal/mol. */
typedef struct configurations {
    const char *name;
    size_t count;
    double *coordinates, *energies, *forces;
} configurations;

static mote_status read(mote_task_data *data, configurations *c)
{
    size_t shape[] = {0, ATOMS, 3};
    mote_status status = mote_arrays_read(data, c->name, "coords", 3, shape, &c->coordinates);
    status = status == MOTE_OK ? mote_arrays_read(data, c->name, "energies", 1, shape, &c->energies) : status;
    status = status == MOTE_OK ? mote_arrays_read(data, c->name, "forces", 3, shape, &c->forces) : status;
    c->count = shape[0];
    return status;
}

static mote_status fill(mote_task_data *data, const mote_task_split *split, const configurations *c, double energy)
{
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < split->count; i++) {
        inverse_distances(c->coordinates + i * COORDINATES, mote_data_at(data, split, MOTE_FORCES_FEATURES, i),
                          mote_data_at(data, split, MOTE_FORCES_JACOBIAN, i));
        for (size_t k = 0; k < COORDINATES; k++) {
            mote_data_at(data, split, MOTE_FORCES_FORCES, i)[k] = (float)c->forces[i * COORDINATES + k];
        }
        *mote_data_at(data, split, MOTE_FORCES_ENERGY, i) = (float)(c->energies[i] - energy);
        status = check(data, split, i, c->name);
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    const mote_forces *own = data->own;
    return own->unit *
           mote_score_mae(data->test.count * COORDINATES, data->test.values[MOTE_FORCES_FORCES], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    configurations training = {.name = "rmd17_ethanol_train_01.npz"}, test = {.name = "rmd17_ethanol_test_01.npz"};
    mote_status status = mote_forces_declare(data, ATOMS, LABELLINGS, PAIRS);
    status = status == MOTE_OK ? read(data, &training) : status;
    status = status == MOTE_OK ? read(data, &test) : status;
    status = status == MOTE_OK ? mote_data_allocate(data, training.count, test.count) : status;
    /* Energies have five digits before the point: FP32 would not do for them. */
    status = status == MOTE_OK ? fill(data, &data->training, &training, training.energies[0]) : status;
    status = status == MOTE_OK ? fill(data, &data->test, &test, training.energies[0]) : status;
    status = status == MOTE_OK ? mote_forces_scale(data) : status;
    float *zeros = status == MOTE_OK ? mote_data_predictions(data, COORDINATES) : NULL;
    if (!zeros) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    data->trivial = score(data, zeros);
    return MOTE_OK;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)training;
    mote_forces_build(graph, data, batch, inputs, 2, (size_t[]){96, 96}, outputs);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_forces_picture(data, "forces on atoms", predictions);
}

const mote_science_task mote_task_rmd17_ethanol = {
    .name = "rmd17_ethanol",
    .science = "chemistry",
    .title = "Forces in ethanol learned from quantum chemistry",
    .model = "network of inverse distances",
    .metric = "MAE of forces",
    .unit = "kcal/mol/angstrom",
    .trivial = "no force",
    .requires = "quantum_chemistry/rmd17",
    .recipe = {.steps = 3000, .batch = 16, .learning_rate = 3e-3},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
