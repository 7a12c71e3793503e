/* Atomization energies of small organic molecules from the places of their atoms.
 *
 * 7101 molecules of up to seven atoms of C, N, O and S, and hydrogens (QM7: Rupp et al., Phys. Rev. Lett. 108 (2012)
 * 058301), PBE0. What is learned is what remains of the energy after a constant for each element, which is fitted to
 * the training molecules; a network passes messages that distances weigh (SchNet, arXiv 1706.08566). */
#include <math.h>

#include "io/stream.h"
#include "io/xyz.h"
#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"
#include "study/score.h"

enum { ATOMS = 23, ELEMENTS = 5, COULOMB = ATOMS * (ATOMS + 1) / 2 };
enum { ELEMENT, DISTANCE, WEIGHT, MASK, MATRIX, ENERGY };
static const uint8_t elements[ELEMENTS] = {1, 6, 7, 8, 16};
static const double reach = 6; /* angstrom */

typedef struct scales {
    double deviation[1]; /* of energies, in kcal/mol */
} scales;

typedef struct molecules {
    char path[MOTE_PATH_BYTES];
    mote_xyz_structure *all;
    size_t count;
    size_t *order;
    double *counts; /* [count, ELEMENTS], in this order */
    double *energies;
} molecules;

/* Each atom's element as a place in the table. */
static mote_status element_of(const mote_task_data *data, const molecules *m, const mote_xyz_structure *x, size_t atom,
                              size_t *element)
{
    for (*element = 0; *element < ELEMENTS; ++*element) {
        if (elements[*element] == x->elements[atom]) {
            return MOTE_OK;
        }
    }
    return mote_fail(data->context, MOTE_ERROR_FILE, "%s: line %zu: expected H, C, N, O or S, found element %d",
                     m->path, x->line + 2 + atom, x->elements[atom]);
}

static mote_status count_elements(const mote_task_data *data, molecules *m)
{
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < m->count; i++) {
        const mote_xyz_structure *x = &m->all[m->order[i]];
        status = mote_xyz_number(data->context, m->path, x, "atomization_energy_pbe0_kcal_mol", &m->energies[i]);
        if (status == MOTE_OK && x->atoms > ATOMS) {
            return mote_fail(data->context, MOTE_ERROR_FILE, "%s: line %zu: expected at most %d atoms, found %zu",
                             m->path, x->line, ATOMS, x->atoms);
        }
        for (size_t a = 0; status == MOTE_OK && a < x->atoms; a++) {
            size_t element;
            status = element_of(data, m, x, a, &element);
            if (status == MOTE_OK) {
                m->counts[i * ELEMENTS + element]++;
            }
        }
    }
    return status;
}

static double between(const mote_xyz_structure *x, size_t a, size_t b)
{
    const double *p = x->positions + 3 * a, *q = x->positions + 3 * b;
    return sqrt((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) + (p[2] - q[2]) * (p[2] - q[2]));
}

/* Rupp et al., equation 1, in atomic units; rows with the largest norms first, lower half. */
static void coulomb_matrix(const mote_xyz_structure *x, float *lower)
{
    double matrix[ATOMS][ATOMS], norms[ATOMS];
    size_t order[ATOMS];
    for (size_t i = 0; i < x->atoms; i++) {
        norms[i] = 0;
        for (size_t j = 0; j < x->atoms; j++) {
            const double z = x->elements[i], apart = fmax(between(x, i, j), 0.1) / 0.529177;
            matrix[i][j] = i == j ? 0.5 * pow(z, 2.4) : z * x->elements[j] / apart;
            norms[i] += matrix[i][j] * matrix[i][j];
        }
        size_t place = i;
        for (; place > 0 && norms[order[place - 1]] < norms[i]; place--) {
            order[place] = order[place - 1];
        }
        order[place] = i;
    }
    for (size_t i = 0; i < x->atoms; i++) {
        for (size_t j = 0; j <= i; j++) {
            lower[i * (i + 1) / 2 + j] = (float)matrix[order[i]][order[j]];
        }
    }
}

static void put(const mote_task_data *data, const mote_task_split *split, size_t sample, const mote_xyz_structure *x)
{
    float *element = mote_data_at(data, split, ELEMENT, sample), *mask = mote_data_at(data, split, MASK, sample);
    float *distance = mote_data_at(data, split, DISTANCE, sample), *weight = mote_data_at(data, split, WEIGHT, sample);
    for (size_t i = 0; i < x->atoms; i++) {
        mask[i] = 1;
        for (size_t e = 0; e < ELEMENTS; e++) {
            element[i * ELEMENTS + e] = elements[e] == x->elements[i];
        }
        for (size_t j = 0; j < x->atoms; j++) {
            const double d = between(x, i, j);
            distance[i * ATOMS + j] = (float)fmin(d, reach);
            weight[i * ATOMS + j] = i != j && d < reach ? (float)(0.5 + 0.5 * cos(M_PI * d / reach)) : 0;
        }
    }
    coulomb_matrix(x, mote_data_at(data, split, MATRIX, sample));
}

/* Every fifth molecule, in an order that is drawn once, is a test sample. */
static mote_status read(mote_task_data *data, molecules *m)
{
    mote_random random = {.seed = 7};
    double constants[ELEMENTS];
    mote_status status = mote_path_join(data->context, data->folder, "qm7.xyz.gz", m->path);
    status = status == MOTE_OK ? mote_xyz_read(data->context, m->path, &data->arena, &m->all, &m->count) : status;
    if (status != MOTE_OK) {
        return status;
    }
    m->order = mote_data_memory(data, m->count, sizeof *m->order);
    m->counts = mote_data_memory(data, m->count, ELEMENTS * sizeof *m->counts);
    m->energies = mote_data_memory(data, m->count, sizeof *m->energies);
    if (!m->order || !m->counts || !m->energies) {
        return MOTE_ERROR_MEMORY;
    }
    const size_t test = m->count / 5;
    mote_random_order(&random, m->count, m->order);
    status = count_elements(data, m);
    status = status == MOTE_OK ? mote_data_allocate(data, m->count - test, test) : status;
    mote_least_squares(m->count - test, ELEMENTS, m->counts + test * ELEMENTS, m->energies + test, constants);
    for (size_t i = 0; status == MOTE_OK && i < m->count; i++) {
        const mote_task_split *split = i < test ? &data->test : &data->training;
        const size_t sample = i < test ? i : i - test;
        double rest = m->energies[i];
        for (size_t e = 0; e < ELEMENTS; e++) {
            rest -= constants[e] * m->counts[i * ELEMENTS + e];
        }
        put(data, split, sample, &m->all[m->order[i]]);
        *mote_data_at(data, split, ENERGY, sample) = (float)rest;
    }
    return status;
}

static double score(const mote_task_data *data, const float *predictions)
{
    const scales *s = data->own;
    return s->deviation[0] * mote_score_mae(data->test.count, data->test.values[ENERGY], predictions);
}

static mote_status prepare(mote_task_data *data)
{
    mote_data_array(data, "elements", MOTE_FP32, 2, (size_t[]){ATOMS, ELEMENTS});
    mote_data_array(data, "distances", MOTE_FP32, 2, (size_t[]){ATOMS, ATOMS});
    mote_data_array(data, "weights", MOTE_FP32, 2, (size_t[]){ATOMS, ATOMS});
    mote_data_array(data, "mask", MOTE_FP32, 1, (size_t[]){ATOMS});
    mote_data_array(data, "Coulomb matrix", MOTE_FP32, 1, (size_t[]){COULOMB});
    mote_data_array(data, "energy", MOTE_FP32, 0, NULL);
    scales *s = data->own = mote_data_memory(data, 1, sizeof *s);
    molecules *m = s ? mote_data_memory(data, 1, sizeof *m) : NULL;
    mote_status status = m ? read(data, m) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        return status;
    }
    mote_data_standardize(data, ENERGY, 1, NULL, s->deviation);
    return mote_baselines(data, MATRIX, ENERGY, 1e-4);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    const mote_message_passing_shape shape = {.channels = 48, .rounds = 2, .heads = 4};
    (void)data, (void)training;
    mote_value edges =
        mote_distance_edges(graph, "distances", inputs[DISTANCE], inputs[WEIGHT], 24, reach, shape.heads);
    mote_value x = mote_message_passing(graph, "messages", inputs[ELEMENT], edges, &shape);
    x = mote_multilayer(graph, "readout", x, 2, (size_t[]){48, 1}, "gelu");
    x = mote_graph_multiply(graph, mote_graph_reshape(graph, x, 2, (size_t[]){batch, ATOMS}), inputs[MASK]);
    outputs->prediction = mote_graph_sum(graph, x, 1, 1);
    outputs->loss = mote_loss_squares(graph, outputs->prediction, inputs[ENERGY]);
}

static json_t *picture(const mote_task_data *data, const float *predictions)
{
    return mote_picture_scatter(data->test.count, "energy beyond the elements', standard deviations",
                                data->test.values[ENERGY], predictions);
}

const mote_science_task mote_task_qm7 = {
    .name = "qm7",
    .science = "quantum chemistry",
    .title = "Atomization energies of small organic molecules",
    .model = "message passing network",
    .metric = "MAE",
    .unit = "kcal/mol",
    .trivial = "a constant for each element",
    .strong = "the same and ridge regression on Coulomb matrices",
    .requires = "quantum_chemistry/qm7",
    .published = 10,
    .published_source = "kernel regression on Coulomb matrices (Rupp et al. 2012, arXiv 1109.2618, abstract: about 10 "
                        "kcal/mol, in cross validation); here one drawn fifth is tested",
    .recipe = {.steps = 700, .batch = 16, .learning_rate = 3e-3, .weight_decay = 0.01},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
