/* Forces in a cluster of 13 Lennard-Jones atoms about its melting, from a network of each atom's surroundings.
 *
 * u(r) = 4 (r^-12 - r^-6) in reduced units; the cluster is an icosahedron that melts near a temperature of 0.3
 * (Jellinek, Beck and Berry, J. Chem. Phys. 84 (1986) 2783). Trajectories of constant energy by velocity Verlet. The
 * energy is a sum of one network's answers for all atoms, which see radial symmetry functions of their neighbours, and
 * forces are its gradient (Behler and Parrinello, Phys. Rev. Lett. 98 (2007) 146401). Reference energies and forces
 * that are trained on have an error, as those of quantum Monte Carlo have; the test has none. */
#include <math.h>
#include <string.h>

#include "study/data.h"
#include "study/forces.h"
#include "study/score.h"

enum { ATOMS = 13, FUNCTIONS = 16, COORDINATES = 3 * ATOMS };
enum { TRAINING_PATHS = 50, TEST_PATHS = 25, POINTS = 8, SPACING = 250, SPIN_UP = 2500 };
static const double time_step = 0.004, cutoff = 3.5, nearest = 0.95, force_noise = 0.5, energy_noise = 0.1;

/* Forces on atoms at x; the energy is the result. */
static double lennard_jones(const double *x, double *forces)
{
    double energy = 0;
    memset(forces, 0, COORDINATES * sizeof *forces);
    for (int i = 0; i < ATOMS; i++) {
        for (int j = 0; j < i; j++) {
            double d[3], square = 0;
            for (int k = 0; k < 3; k++) {
                d[k] = x[3 * i + k] - x[3 * j + k];
                square += d[k] * d[k];
            }
            const double six = 1 / (square * square * square), slope = 24 * (2 * six - 1) * six / square;
            energy += 4 * (six - 1) * six;
            for (int k = 0; k < 3; k++) {
                forces[3 * i + k] += slope * d[k];
                forces[3 * j + k] -= slope * d[k];
            }
        }
    }
    return energy;
}

static void verlet(int steps, double *x, double *v, double *forces)
{
    for (int s = 0; s < steps; s++) {
        for (int i = 0; i < COORDINATES; i++) {
            v[i] += 0.5 * time_step * forces[i];
            x[i] += time_step * v[i];
        }
        lennard_jones(x, forces);
        for (int i = 0; i < COORDINATES; i++) {
            v[i] += 0.5 * time_step * forces[i];
        }
    }
}

/* The icosahedron, at rest as a whole, its atoms moving as at this temperature. */
static void start(mote_random *random, double temperature, double *x, double *v)
{
    const double golden = (1 + sqrt(5)) / 2, scale = 1.08 / sqrt(1 + golden * golden);
    double mean[3] = {0};
    memset(x, 0, COORDINATES * sizeof *x); /* the last atom is in the middle */
    for (int i = 0; i < ATOMS - 1; i++) {
        const int axis = i / 4;
        x[3 * i + (axis + 1) % 3] = scale * (i & 1 ? 1 : -1);
        x[3 * i + (axis + 2) % 3] = scale * (i & 2 ? golden : -golden);
    }
    for (int i = 0; i < COORDINATES; i++) {
        v[i] = sqrt(temperature) * mote_random_normal(random);
        mean[i % 3] += v[i] / ATOMS;
    }
    for (int i = 0; i < COORDINATES; i++) {
        v[i] -= mean[i % 3];
    }
}

/* Sums over neighbours of exp(-((r - center) / width)^2) (cos(pi r / cutoff) + 1) / 2 for each atom, [ATOMS,
 * FUNCTIONS], and their derivatives [ATOMS, FUNCTIONS, COORDINATES]; both hold zeros before. */
static void symmetry_functions(const double *x, float *features, float *jacobian)
{
    const double width = 1.6 / FUNCTIONS;
    for (int i = 0; i < ATOMS; i++) {
        for (int j = 0; j < ATOMS; j++) {
            const double *a = x + (size_t)3 * i, *b = x + (size_t)3 * j;
            const double d[] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
            const double r = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
            for (int f = 0; i != j && r < cutoff && f < FUNCTIONS; f++) {
                const double away = (r - nearest) / width - f, near = exp(-away * away);
                const double fade = 0.5 * (cos(M_PI * r / cutoff) + 1);
                const double slope = near * (-2 * away / width * fade - 0.5 * M_PI / cutoff * sin(M_PI * r / cutoff));
                float *row = jacobian + ((size_t)i * FUNCTIONS + (size_t)f) * COORDINATES;
                features[i * FUNCTIONS + f] += (float)(near * fade);
                for (int k = 0; k < 3; k++) {
                    row[3 * i + k] += (float)(slope * d[k] / r);
                    row[3 * j + k] -= (float)(slope * d[k] / r);
                }
            }
        }
    }
}

static void simulate(mote_task_data *data)
{
    mote_random random = {.seed = 1924}, errors = {.seed = 1925};
    double x[COORDINATES], v[COORDINATES], forces[COORDINATES];
    for (size_t p = 0; p < TRAINING_PATHS + TEST_PATHS; p++) {
        const bool test = p >= TRAINING_PATHS;
        const mote_task_split *split = test ? &data->test : &data->training;
        start(&random, 0.4 + 0.4 * mote_random_uniform(&random), x, v); /* half of it goes into the potential */
        lennard_jones(x, forces);
        verlet(SPIN_UP, x, v, forces);
        for (size_t k = 0; k < POINTS; k++) {
            const size_t sample = (test ? p - TRAINING_PATHS : p) * POINTS + k;
            verlet(SPACING, x, v, forces);
            const double energy = lennard_jones(x, forces);
            symmetry_functions(x, mote_data_at(data, split, MOTE_FORCES_FEATURES, sample),
                               mote_data_at(data, split, MOTE_FORCES_JACOBIAN, sample));
            *mote_data_at(data, split, MOTE_FORCES_ENERGY, sample) =
                (float)(energy + (test ? 0 : energy_noise * mote_random_normal(&errors)));
            for (int i = 0; i < COORDINATES; i++) {
                mote_data_at(data, split, MOTE_FORCES_FORCES, sample)[i] =
                    (float)(forces[i] + (test ? 0 : force_noise * mote_random_normal(&errors)));
            }
        }
    }
}

static double score(const mote_task_data *data, const float *predictions)
{
    const mote_forces *own = data->own;
    return own->unit *
           mote_score_rmse(data->test.count * COORDINATES, data->test.values[MOTE_FORCES_FORCES], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_status status = mote_forces_declare(data, ATOMS, ATOMS, FUNCTIONS);
    status = status == MOTE_OK ? mote_data_allocate(data, (size_t)TRAINING_PATHS * POINTS, (size_t)TEST_PATHS * POINTS)
                               : status;
    float *zeros = status == MOTE_OK ? mote_data_predictions(data, COORDINATES) : NULL;
    if (!zeros) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    simulate(data);
    status = mote_forces_scale(data);
    data->trivial = score(data, zeros);
    return status;
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    (void)training;
    mote_forces_build(graph, data, batch, inputs, 2, (size_t[]){48, 48}, outputs);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_forces_picture(data, "forces on atoms", predictions);
}

const mote_science_task mote_task_lennard_jones = {
    .name = "lennard_jones",
    .science = "chemistry",
    .title = "Forces in a cluster of 13 Lennard-Jones atoms about its melting",
    .model = "network of atoms' surroundings",
    .metric = "RMSE of forces",
    .unit = "epsilon/sigma",
    .trivial = "no force",
    .recipe = {.steps = 1200, .batch = 16, .learning_rate = 3e-3},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
