/* What tasks of energies and forces share. */
#include "study/forces.h"

#include <math.h>

#include "models/networks.h"
#include "study/data.h"
#include "study/losses.h"
#include "study/picture.h"

mote_status mote_forces_declare(mote_task_data *data, size_t atoms, size_t places, size_t features)
{
    mote_data_array(data, "features", MOTE_FP32, 2, (size_t[]){places, features});
    mote_data_array(data, "jacobian", MOTE_FP32, 2, (size_t[]){places * features, 3 * atoms});
    mote_data_array(data, "energy", MOTE_FP32, 0, NULL);
    mote_data_array(data, "forces", MOTE_FP32, 1, (size_t[]){3 * atoms});
    mote_forces *own = data->own = mote_data_memory(data, 1, sizeof *own);
    if (own) {
        *own = (mote_forces){.atoms = atoms, .places = places, .features = features};
    }
    return own ? MOTE_OK : MOTE_ERROR_MEMORY;
}

static void scale_sample(const mote_task_data *data, const mote_task_split *split, size_t sample, double mean,
                         const double *deviations)
{
    const mote_forces *own = data->own;
    const size_t coordinates = 3 * own->atoms;
    float *jacobian = mote_data_at(data, split, MOTE_FORCES_JACOBIAN, sample);
    float *forces = mote_data_at(data, split, MOTE_FORCES_FORCES, sample);
    float *energy = mote_data_at(data, split, MOTE_FORCES_ENERGY, sample);
    for (size_t i = 0; i < own->places * own->features; i++) {
        for (size_t k = 0; k < coordinates; k++) {
            jacobian[i * coordinates + k] /= (float)deviations[i % own->features];
        }
    }
    for (size_t k = 0; k < coordinates; k++) {
        forces[k] /= (float)own->unit;
    }
    *energy = (float)(((double)*energy - mean) / own->unit);
}

mote_status mote_forces_scale(mote_task_data *data)
{
    mote_forces *own = data->own;
    const size_t count = data->training.count, forces = count * 3 * own->atoms;
    const float *force = data->training.values[MOTE_FORCES_FORCES];
    double *deviations = mote_data_memory(data, own->features, sizeof *deviations), squares = 0, mean = 0;
    if (!deviations) {
        return MOTE_ERROR_MEMORY;
    }
    for (size_t i = 0; i < forces; i++) {
        squares += (double)force[i] * (double)force[i];
    }
    for (size_t i = 0; i < count; i++) {
        mean += (double)*mote_data_at(data, &data->training, MOTE_FORCES_ENERGY, i) / (double)count;
    }
    own->unit = squares > 0 ? sqrt(squares / (double)forces) : 1;
    mote_data_standardize(data, MOTE_FORCES_FEATURES, own->features, NULL, deviations);
    for (int s = 0; s < 2; s++) {
        const mote_task_split *split = s ? &data->test : &data->training;
        for (size_t i = 0; i < split->count; i++) {
            scale_sample(data, split, i, mean, deviations);
        }
    }
    return MOTE_OK;
}

void mote_forces_build(mote_graph *graph, const mote_task_data *data, size_t batch, const mote_value *inputs, int count,
                       const size_t *widths, mote_task_outputs *outputs)
{
    const mote_forces *own = data->own;
    const size_t rows = batch * own->places;
    mote_value x = mote_graph_reshape(graph, inputs[MOTE_FORCES_FEATURES], 2, (size_t[]){rows, own->features});
    mote_potential place = mote_potential_network(graph, "energy", x, count, widths);
    mote_value energy = mote_graph_reshape(graph, place.energy, 2, (size_t[]){batch, own->places});
    energy = mote_graph_sum(graph, energy, 1, 1);
    mote_value forces = mote_chain_rule(graph, place.gradient, inputs[MOTE_FORCES_JACOBIAN]);
    outputs->prediction = mote_graph_map(graph, "negate", forces);
    outputs->loss =
        mote_graph_add(graph, mote_loss_squares(graph, outputs->prediction, inputs[MOTE_FORCES_FORCES]),
                       mote_graph_scale(graph, mote_loss_squares(graph, energy, inputs[MOTE_FORCES_ENERGY]), 0.1));
}

json_t *mote_forces_picture(const mote_task_data *data, const char *label, const float *predictions)
{
    const mote_forces *own = data->own;
    return mote_picture_scatter(data->test.count * 3 * own->atoms, label, data->test.values[MOTE_FORCES_FORCES],
                                predictions);
}
