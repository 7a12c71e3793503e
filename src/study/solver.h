/* Ordinary differential equations, solved by SUNDIALS. */
#ifndef MOTE_STUDY_SOLVER_H
#define MOTE_STUDY_SOLVER_H

#include "base/context.h"

/* dy/dt of count numbers at time t. */
typedef void mote_derivative(void *argument, double t, const double *y, double *dydt);

typedef struct mote_solver_options {
    double relative, absolute; /* tolerances of each step; 0: 1e-9, 1e-12 */
    bool stiff; /* backward differences with a matrix-free Newton method (CVODE's BDF and GMRES) instead of
                   Adams' methods with fixed-point iterations */
} mote_solver_options;

/* False in a build without SUNDIALS; mote_solve then fails with MOTE_ERROR_UNSUPPORTED. */
bool mote_solver_available(void);

/* Integrates from times[0], where y holds the state, and writes the state at each of times [time_count], the first
 * included, to path [time_count, count]. Errors: MOTE_ERROR_MEMORY, MOTE_ERROR_UNSUPPORTED where the solver gives up.
 * Source: Hindmarsh et al., ACM TOMS 31 (2005) 363, section 2.1. */
mote_status mote_solve(mote_context *context, const mote_solver_options *options, size_t count,
                       mote_derivative *derivative, void *argument, const double *y, size_t time_count,
                       const double *times, double *path);

#endif
