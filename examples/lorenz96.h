/* The Lorenz-96 model of an atmosphere, in double precision.
 *
 * dx_i/dt = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F, forty sites on a circle of latitude, F = 8: chaotic.
 * Source: E. N. Lorenz, "Predictability: a problem partly solved", ECMWF 1996. Classical Runge-Kutta steps of 0.05,
 * six hours of weather each. */
#ifndef EXAMPLES_LORENZ96_H
#define EXAMPLES_LORENZ96_H

enum { SITES = 40, SPIN_UP = 400 };

static inline void lorenz96_tendency(const double *x, double *rate)
{
    const double forcing = 8;
    for (int i = 0; i < SITES; i++) {
        double next = x[(i + 1) % SITES], before = x[(i + SITES - 1) % SITES], second = x[(i + SITES - 2) % SITES];
        rate[i] = (next - second) * before - x[i] + forcing;
    }
}

static inline void lorenz96_step(double *x)
{
    const double dt = 0.05;
    static const double weight[4] = {1, 2, 2, 1}, reach[4] = {0, 0.5, 0.5, 1};
    double rate[SITES] = {0}, sum[SITES] = {0}, at[SITES];
    for (int stage = 0; stage < 4; stage++) {
        for (int i = 0; i < SITES; i++) {
            at[i] = x[i] + reach[stage] * dt * rate[i];
        }
        lorenz96_tendency(at, rate);
        for (int i = 0; i < SITES; i++) {
            sum[i] += weight[stage] * rate[i];
        }
    }
    for (int i = 0; i < SITES; i++) {
        x[i] += dt / 6 * sum[i];
    }
}

/* The weather of steps times, [steps, SITES], after it has forgotten its beginning. */
static inline void lorenz96_run(int steps, float *trajectory)
{
    double x[SITES];
    for (int i = 0; i < SITES; i++) {
        x[i] = i == 0 ? 8.01 : 8; /* the resting state, disturbed a little */
    }
    for (int t = -SPIN_UP; t < steps; t++) {
        lorenz96_step(x);
        for (int i = 0; i < SITES && t >= 0; i++) {
            trajectory[t * SITES + i] = (float)x[i];
        }
    }
}

#endif
