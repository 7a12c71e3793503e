/* Chemical formulas as numbers: fractions of elements and what is known of these. */
#ifndef MOTE_STUDY_COMPOSITION_H
#define MOTE_STUDY_COMPOSITION_H

#include "study/sheet.h"

enum {
    MOTE_COMPOSITION_ELEMENTS = 96, /* hydrogen to curium */
    MOTE_COMPOSITION_PROPERTIES = 24
};

/* Amounts of the elements by atomic number - 1, with sum 1. */
typedef struct mote_composition {
    double fractions[MOTE_COMPOSITION_ELEMENTS];
} mote_composition;

/* Reads a formula: "Fe2O3", "Ca(OH)2", "Fe0.62[C0.01Mn0.02]3". Blanks at the end are passed over. place: what the text
 * is, at the head of messages. Errors: MOTE_ERROR_FILE with a message that names place and column (from 1): an unknown
 * element or one beyond curium, brackets that do not match or are more than 8 deep, an amount that is not above 0, no
 * element. */
mote_status mote_composition_read(mote_context *context, const char *place, const char *text,
                                  mote_composition *composition);

/* Mean, mean deviation from it, least and largest of atomic number, mass, period, group, electronegativity and covalent
 * radius, weighed by fractions: [MOTE_COMPOSITION_PROPERTIES] (Ward et al., npj Comput. Mater. 2 (2016) 16028, methods:
 * their statistics of elemental properties, of fewer ones). */
void mote_composition_properties(const mote_composition *composition, float *properties);

/* Arrays of tasks on compositions. */
enum { MOTE_COMPOSITION_FRACTION, MOTE_COMPOSITION_PROPERTY, MOTE_COMPOSITION_TARGET };

/* Declares "fractions", "properties" and "target", reads a table of Matbench (Dunn et al., npj Comput. Mater. 6 (2020)
 * 138) with columns formula, target and test_fold, and standardizes the properties. Fold 0 is the test split. classes:
 * the target is one of that many; 0: a number. Errors: of files, and of a target that is neither. */
mote_status mote_matbench_read(mote_task_data *data, const char *name, size_t classes);

/* The model of these tasks, a perceptron of fractions and properties: [batch, outputs]. dropout: 0 in inference. */
mote_value mote_composition_network(mote_graph *graph, const mote_value *inputs, size_t outputs, double dropout);

#endif
