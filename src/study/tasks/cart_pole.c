/* A pole on a cart, balanced by a network that was trained through the laws of motion.
 *
 * The cart (1 kg) and the hinged pole (0.1 kg) of Barto, Sutton and Anderson (IEEE Trans. SMC 13 (1983) 834, appendix),
 * without friction, pushed with at most 10 N every 0.05 s for 2.5 s. The pole's half length, 0.35 to 0.75 m, differs
 * from sample to sample and no controller knows it; sensors err. The gradient of the cost goes back through all steps
 * of the simulation, which are part of the graph: backpropagation through a differentiable simulator (de Avila
 * Belbute-Peres et al., NeurIPS 2018). The angle is kept as cosine and sine, turned by Cayley's map (exactly a
 * rotation, by 2 atan(dt w / 2)), which needs products and a quotient alone. Linear-quadratic control is optimal near
 * the upright pole of middle length. */
#include <math.h>
#include <string.h>

#include "models/layers.h"
#include "models/networks.h"
#include "study/data.h"
#include "study/picture.h"

enum { STEPS = 50, TRAINING = 2000, TEST = 500, PIECE = 25 };
enum { START, POLE, NOISE };
enum { X, V, COSINE, SINE, TURN, STATE }; /* m, m/s, of the angle from upright, rad/s */
enum { ROW = STATE + 1 };                 /* the state with the cosine less 1, and the force / N */
static const double dt = 0.05, gravity = 9.8, cart_mass = 1, pole_mass = 0.1, middle_length = 0.55;
static const double strongest = 10, sensor_error = 0.03;

/* The cost of a row: quadratic, as (1 - cos)^2 + sin^2 = 2 (1 - cos). */
static const double costs[ROW] = {1, 0.1, 10, 10, 0.1, 0.05};

/* ---- in FP64, for the baselines ---- */

static void move(double *state, double length, double force)
{
    const double mass = cart_mass + pole_mass, c = state[COSINE], s = state[SINE], w = state[TURN];
    const double push = (force + pole_mass * length * w * w * s) / mass;
    const double turn = (gravity * s - c * push) / (length * (4.0 / 3 - pole_mass * c * c / mass));
    state[V] += dt * (push - pole_mass * length * turn * c / mass);
    state[X] += dt * state[V];
    state[TURN] += dt * turn;
    const double half = dt / 2 * state[TURN], square = half * half;
    state[COSINE] = ((1 - square) * c - 2 * half * s) / (1 + square);
    state[SINE] = ((1 - square) * s + 2 * half * c) / (1 + square);
}

/* What the sensors say of test sample's state in front of a step. */
static double seen(const mote_task_data *data, size_t sample, size_t step, const double *state, int part)
{
    return state[part] + (double)mote_data_at(data, &data->test, NOISE, sample)[step * STATE + (size_t)part];
}

enum { LINEAR = 4 };
static const int linear[LINEAR] = {X, V, SINE, TURN}; /* the state near upright */

/* The step's derivatives at rest of length middle_length, by central differences: next = a now + b force. */
static void linearize(double a[LINEAR][LINEAR], double b[LINEAR])
{
    const double little = 1e-5;
    for (int j = 0; j <= LINEAR; j++) {
        double up[STATE] = {[COSINE] = 1}, down[STATE] = {[COSINE] = 1};
        const double force = j == LINEAR ? little : 0;
        if (j < LINEAR) {
            up[linear[j]] += little;
            down[linear[j]] -= little;
        }
        move(up, middle_length, force);
        move(down, middle_length, -force);
        for (int i = 0; i < LINEAR; i++) {
            const double slope = (up[linear[i]] - down[linear[i]]) / (2 * little);
            *(j < LINEAR ? &a[i][j] : &b[i]) = slope;
        }
    }
}

/* One step back of Riccati's equation: the cost to go p of what follows becomes that of now, and gain what is optimal.
 */
static void step_back(double a[LINEAR][LINEAR], const double b[LINEAR], double p[LINEAR][LINEAR], double gain[LINEAR])
{
    double pa[LINEAR][LINEAR] = {{0}}, next[LINEAR][LINEAR], curve = costs[STATE];
    for (int i = 0; i < LINEAR; i++) {
        for (int j = 0; j < LINEAR; j++) {
            curve += b[i] * p[i][j] * b[j];
            for (int k = 0; k < LINEAR; k++) {
                pa[i][j] += p[i][k] * a[k][j];
            }
        }
    }
    for (int j = 0; j < LINEAR; j++) {
        gain[j] = 0;
        for (int k = 0; k < LINEAR; k++) {
            gain[j] += b[k] * pa[k][j] / curve;
        }
    }
    for (int i = 0; i < LINEAR; i++) {
        for (int j = 0; j < LINEAR; j++) {
            next[i][j] = (i == j ? costs[linear[i]] : 0) - gain[i] * gain[j] * curve;
            for (int k = 0; k < LINEAR; k++) {
                next[i][j] += a[k][i] * pa[k][j];
            }
        }
    }
    for (int i = 0; i < LINEAR; i++) {
        for (int j = 0; j < LINEAR; j++) {
            p[i][j] = (next[i][j] + next[j][i]) / 2; /* what rounding makes asymmetric would grow */
        }
    }
}

/* Forces of - gain . state are optimal in the long run. */
static void find_gain(double gain[LINEAR])
{
    enum { ITERATIONS = 1000 };
    double a[LINEAR][LINEAR], b[LINEAR] = {0}, p[LINEAR][LINEAR] = {{0}};
    linearize(a, b);
    for (int iteration = 0; iteration < ITERATIONS; iteration++) {
        step_back(a, b, p, gain);
    }
}

static void control(const mote_task_data *data, const double gain[LINEAR], float *rows)
{
    for (size_t i = 0; i < TEST; i++) {
        double state[STATE];
        for (int part = 0; part < STATE; part++) {
            state[part] = (double)mote_data_at(data, &data->test, START, i)[part];
        }
        for (size_t t = 0; t < STEPS; t++, rows += ROW) {
            double force = 0;
            for (int j = 0; j < LINEAR; j++) {
                force -= gain[j] * seen(data, i, t, state, linear[j]);
            }
            force = fmin(fmax(force, -strongest), strongest);
            move(state, (double)*mote_data_at(data, &data->test, POLE, i), force);
            for (int part = 0; part < STATE; part++) {
                rows[part] = (float)(state[part] - (part == COSINE));
            }
            rows[STATE] = (float)force;
        }
    }
}

/* ---- the task ---- */

static double score(const mote_task_data *data, const float *predictions)
{
    double sum = 0;
    (void)data;
    for (size_t i = 0; i < (size_t)TEST * STEPS * ROW; i++) {
        sum += costs[i % ROW] * (double)predictions[i] * (double)predictions[i];
    }
    return sum / (TEST * STEPS);
}

static void draw(mote_task_data *data, const mote_task_split *split, mote_random *random)
{
    for (size_t i = 0; i < split->count; i++) {
        float *start = mote_data_at(data, split, START, i);
        const double angle = 0.8 * mote_random_uniform(random) - 0.4;
        start[X] = (float)(2 * mote_random_uniform(random) - 1);
        start[V] = (float)(mote_random_uniform(random) - 0.5);
        start[COSINE] = (float)cos(angle);
        start[SINE] = (float)sin(angle);
        start[TURN] = (float)(2 * mote_random_uniform(random) - 1);
        *mote_data_at(data, split, POLE, i) = (float)(middle_length + 0.4 * (mote_random_uniform(random) - 0.5));
        for (size_t j = 0; j < (size_t)STEPS * STATE; j++) {
            mote_data_at(data, split, NOISE, i)[j] = (float)(sensor_error * mote_random_normal(random));
        }
    }
}

static mote_status prepare(mote_task_data *data)
{
    mote_random random = {.seed = 1983};
    double gain[LINEAR] = {0};
    mote_data_array(data, "start", MOTE_FP32, 1, (size_t[]){STATE});
    mote_data_array(data, "half_length", MOTE_FP32, 1, (size_t[]){1});
    mote_data_array(data, "sensor_errors", MOTE_FP32, 2, (size_t[]){STEPS, STATE});
    mote_status status = mote_data_allocate(data, TRAINING, TEST);
    float *rows = status == MOTE_OK ? mote_data_predictions(data, (size_t)STEPS * ROW) : NULL;
    if (!rows) {
        return status == MOTE_OK ? MOTE_ERROR_MEMORY : status;
    }
    draw(data, &data->training, &random);
    draw(data, &data->test, &random);
    control(data, gain, rows);
    data->trivial = score(data, rows);
    find_gain(gain);
    control(data, gain, rows);
    data->strong = score(data, rows);
    return MOTE_OK;
}

/* ---- the same in the graph ---- */

static mote_value product(mote_graph *graph, mote_value a, mote_value b) { return mote_graph_multiply(graph, a, b); }

/* a + factor b */
static mote_value plus(mote_graph *graph, mote_value a, double factor, mote_value b)
{
    return mote_graph_add(graph, a, factor == 1 ? b : mote_graph_scale(graph, b, factor));
}

/* move() of parts [batch, 1] each. */
static void move_in_graph(mote_graph *graph, mote_value *state, mote_value length, mote_value force)
{
    const double mass = cart_mass + pole_mass;
    const mote_value c = state[COSINE], s = state[SINE], one = mote_graph_constant(graph, 0, NULL, 1);
    mote_value square = product(graph, mote_graph_map(graph, "square", state[TURN]), product(graph, length, s));
    mote_value push = mote_graph_scale(graph, plus(graph, force, pole_mass, square), 1 / mass);
    mote_value above = plus(graph, mote_graph_scale(graph, s, gravity), -1, product(graph, c, push));
    mote_value below = plus(graph, mote_graph_constant(graph, 0, NULL, 4.0 / 3), -pole_mass / mass,
                            mote_graph_map(graph, "square", c));
    mote_value turn = mote_graph_divide(graph, above, product(graph, length, below));
    mote_value back = product(graph, product(graph, length, turn), c);
    state[V] = plus(graph, state[V], dt, plus(graph, push, -pole_mass / mass, back));
    state[X] = plus(graph, state[X], dt, state[V]);
    state[TURN] = plus(graph, state[TURN], dt, turn);
    mote_value half = mote_graph_scale(graph, state[TURN], dt / 2), h2 = mote_graph_map(graph, "square", half);
    mote_value less = plus(graph, one, -1, h2), more = plus(graph, one, 1, h2);
    mote_value cosine = plus(graph, product(graph, less, c), -2, product(graph, half, s));
    mote_value sine = plus(graph, product(graph, less, s), 2, product(graph, half, c));
    state[COSINE] = mote_graph_divide(graph, cosine, more);
    state[SINE] = mote_graph_divide(graph, sine, more);
}

/* The controller is one network at every step. */
static mote_value apply_controller(mote_graph *graph, const mote_layer *layers, mote_value observed)
{
    mote_value x = mote_graph_map(graph, "tanh", mote_apply_linear(graph, &layers[0], observed));
    x = mote_graph_map(graph, "tanh", mote_apply_linear(graph, &layers[1], x));
    x = mote_graph_map(graph, "tanh", mote_apply_linear(graph, &layers[2], x));
    return mote_graph_scale(graph, x, strongest);
}

static void build(mote_graph *graph, const mote_task_data *data, size_t batch, bool training, const mote_value *inputs,
                  mote_task_outputs *outputs)
{
    enum { WIDTH = 32 };
    const mote_layer layers[] = {mote_linear_layer(graph, "controller.0", STATE, WIDTH, MOTE_START_PLAIN),
                                 mote_linear_layer(graph, "controller.1", WIDTH, WIDTH, MOTE_START_PLAIN),
                                 mote_linear_layer(graph, "controller.2", WIDTH, 1, MOTE_START_PLAIN)};
    const mote_value one = mote_graph_constant(graph, 0, NULL, 1);
    mote_value state[ROW], pieces[STEPS / PIECE], rows[PIECE];
    float weights[ROW];
    (void)data, (void)training;
    for (size_t part = 0; part < STATE; part++) {
        state[part] = mote_graph_slice(graph, inputs[START], 1, part, 1);
    }
    for (size_t t = 0; t < STEPS; t++) {
        mote_value noise =
            mote_graph_reshape(graph, mote_graph_slice(graph, inputs[NOISE], 1, t, 1), 2, (size_t[]){batch, STATE});
        mote_value observed = mote_graph_add(graph, mote_graph_concatenate(graph, STATE, state, 1), noise);
        mote_value force = apply_controller(graph, layers, observed);
        move_in_graph(graph, state, inputs[POLE], force);
        mote_value row[ROW] = {state[X],    state[V],    plus(graph, state[COSINE], -1, one),
                               state[SINE], state[TURN], force};
        rows[t % PIECE] =
            mote_graph_reshape(graph, mote_graph_concatenate(graph, ROW, row, 1), 3, (size_t[]){batch, 1, ROW});
        if ((t + 1) % PIECE == 0) {
            pieces[t / PIECE] = mote_graph_concatenate(graph, PIECE, rows, 1);
        }
    }
    for (int part = 0; part < ROW; part++) {
        weights[part] = (float)(costs[part] / STEPS / (double)batch);
    }
    outputs->prediction = mote_graph_concatenate(graph, STEPS / PIECE, pieces, 1);
    mote_value weighed = product(graph, mote_graph_map(graph, "square", outputs->prediction),
                                 mote_graph_array(graph, 1, (size_t[]){ROW}, weights));
    outputs->loss = mote_graph_sum(graph, weighed, 0, 3);
}

/* Angles from some starts, one behind the other. */
static json_t *picture(const mote_task_data *data, const float *predictions)
{
    enum { SHOWN = 5 * STEPS };
    float time[SHOWN], wanted[SHOWN], angle[SHOWN];
    (void)data;
    for (size_t t = 0; t < SHOWN; t++) {
        const float *row = predictions + t * ROW;
        time[t] = (float)((double)(t + 1) * dt);
        wanted[t] = 0;
        angle[t] = atan2f(row[SINE], row[COSINE] + 1);
    }
    return mote_picture_lines(SHOWN, time, "time (s), five starts of 2.5 s", "angle from upright (rad), 0 is wanted",
                              wanted, angle);
}

const mote_science_task mote_task_cart_pole = {
    .name = "cart_pole",
    .science = "robotics",
    .title = "A pole on a cart, balanced by a controller trained through the laws of motion",
    .model = "multilayer perceptron in a differentiable simulator",
    .metric = "mean quadratic cost",
    .unit = "",
    .trivial = "no control",
    .strong = "linear-quadratic control",
    .recipe = {.steps = 800, .batch = 32, .learning_rate = 5e-3},
    .prepare = prepare,
    .build = build,
    .score = score,
    .picture = picture,
};
