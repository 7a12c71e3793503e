/* CVODE behind mote_solve. */
#include "study/solver.h"

#ifndef MOTE_WITH_SUNDIALS

bool mote_solver_available(void) { return false; }

mote_status mote_solve(mote_context *context, const mote_solver_options *options, size_t count,
                       mote_derivative *derivative, void *argument, const double *y, size_t time_count,
                       const double *times, double *path)
{
    (void)options, (void)count, (void)derivative, (void)argument, (void)y, (void)time_count, (void)times, (void)path;
    return mote_fail(context, MOTE_ERROR_UNSUPPORTED, "this build has no SUNDIALS to solve differential equations");
}

#else

#include <cvode/cvode.h>
#include <nvector/nvector_serial.h>
#include <stdlib.h>
#include <string.h>
#include <sunlinsol/sunlinsol_spgmr.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

enum { MOST_STEPS = 1000000, PREVIOUS = 3 /* iterates that Anderson's method mixes */ };

typedef struct problem {
    mote_derivative *derivative;
    void *argument;
} problem;

typedef struct solver {
    SUNContext sundials;
    N_Vector state;
    void *memory;
    SUNNonlinearSolver iterations;
    SUNLinearSolver linear;
} solver;

static int right_side(realtype t, N_Vector y, N_Vector dydt, void *user)
{
    const problem *p = user;
    p->derivative(p->argument, t, N_VGetArrayPointer(y), N_VGetArrayPointer(dydt));
    return 0;
}

static void quiet(int code, const char *module, const char *function, char *message, void *user)
{
    (void)code, (void)module, (void)function, (void)message, (void)user;
}

/* Makes everything; false where something could not be. */
static bool start(solver *s, const mote_solver_options *o, problem *p, size_t count, const double *y, double begin)
{
    if (SUNContext_Create(NULL, &s->sundials) != 0) {
        return false;
    }
    s->state = N_VNew_Serial((sunindextype)count, s->sundials);
    s->memory = CVodeCreate(o->stiff ? CV_BDF : CV_ADAMS, s->sundials);
    if (!s->state || !s->memory) {
        return false;
    }
    memcpy(N_VGetArrayPointer(s->state), y, count * sizeof *y);
    CVodeSetErrHandlerFn(s->memory, quiet, NULL);
    bool made = CVodeInit(s->memory, right_side, begin, s->state) == CV_SUCCESS &&
                CVodeSStolerances(s->memory, o->relative > 0 ? o->relative : 1e-9,
                                  o->absolute > 0 ? o->absolute : 1e-12) == CV_SUCCESS &&
                CVodeSetUserData(s->memory, p) == CV_SUCCESS &&
                CVodeSetMaxNumSteps(s->memory, MOST_STEPS) == CV_SUCCESS;
    if (made && o->stiff) {
        s->linear = SUNLinSol_SPGMR(s->state, SUN_PREC_NONE, 0, s->sundials);
        return s->linear && CVodeSetLinearSolver(s->memory, s->linear, NULL) == CV_SUCCESS;
    }
    s->iterations = made ? SUNNonlinSol_FixedPoint(s->state, PREVIOUS, s->sundials) : NULL;
    return s->iterations && CVodeSetNonlinearSolver(s->memory, s->iterations) == CV_SUCCESS;
}

static void finish(solver *s)
{
    if (s->memory) {
        CVodeFree(&s->memory);
    }
    if (s->iterations) {
        SUNNonlinSolFree(s->iterations);
    }
    if (s->linear) {
        SUNLinSolFree(s->linear);
    }
    if (s->state) {
        N_VDestroy(s->state);
    }
    if (s->sundials) {
        SUNContext_Free(&s->sundials);
    }
}

bool mote_solver_available(void) { return true; }

mote_status mote_solve(mote_context *context, const mote_solver_options *options, size_t count,
                       mote_derivative *derivative, void *argument, const double *y, size_t time_count,
                       const double *times, double *path)
{
    const mote_solver_options defaults = {0};
    problem p = {derivative, argument};
    solver s = {0};
    mote_status status = MOTE_OK;
    if (!start(&s, options ? options : &defaults, &p, count, y, times[0])) {
        status =
            mote_fail(context, MOTE_ERROR_MEMORY, "no memory to solve differential equations of %zu unknowns", count);
    }
    for (size_t i = 0; status == MOTE_OK && i < time_count; i++) {
        double reached = times[0];
        int code = i ? CVode(s.memory, times[i], s.state, &reached, CV_NORMAL) : CV_SUCCESS;
        if (code < 0) {
            char *name = CVodeGetReturnFlagName(code); /* ours to free */
            status =
                mote_fail(context, MOTE_ERROR_UNSUPPORTED, "differential equations: CVODE stopped at time %g of %g: %s",
                          reached, times[time_count - 1], name ? name : "no memory");
            free(name);
        } else {
            memcpy(path + i * count, N_VGetArrayPointer(s.state), count * sizeof *path);
        }
    }
    finish(&s);
    return status;
}

#endif
