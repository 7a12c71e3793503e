/* Tasks of energies and forces on atoms: a network of descriptors whose sum over several places is the energy, and
 * whose gradient gives the forces. */
#ifndef MOTE_STUDY_FORCES_H
#define MOTE_STUDY_FORCES_H

#include "study/task.h"

/* Arrays of such a task, in this order. */
enum {
    MOTE_FORCES_FEATURES, /* [places, features]: descriptors that one network sees at each place */
    MOTE_FORCES_JACOBIAN, /* [places * features, 3 * atoms]: their derivatives by coordinates */
    MOTE_FORCES_ENERGY,   /* one number */
    MOTE_FORCES_FORCES    /* [3 * atoms] */
};

/* The data's own. */
typedef struct mote_forces {
    size_t atoms, places, features;
    double unit; /* of forces and energies, set by mote_forces_scale: the training forces' root mean square */
} mote_forces;

/* Declares the arrays. Errors: MOTE_ERROR_MEMORY. */
mote_status mote_forces_declare(mote_task_data *data, size_t atoms, size_t places, size_t features);

/* Standardizes each feature, and its derivatives with it; subtracts the mean energy; divides energies and forces by the
 * unit. Errors: MOTE_ERROR_MEMORY. */
mote_status mote_forces_scale(mote_task_data *data);

/* A perceptron with hidden layers of these widths (mote_potential_network). Predicted are the forces [batch, 3 atoms];
 * the loss is of forces and, at a tenth of the weight, energies. */
void mote_forces_build(mote_graph *graph, const mote_task_data *data, size_t batch, const mote_value *inputs, int count,
                       const size_t *widths, mote_task_outputs *outputs);

/* Of all forces' components. */
json_t *mote_forces_picture(const mote_task_data *data, const char *label, const float *predictions);

#endif
