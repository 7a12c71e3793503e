/* Networks whose parts hear of one another, against their definitions: graphs, messages, recurrence, attention, Fourier
 * operators. */
#include <complex.h>

#include "network_problem.h"

#include "models/networks.h"

enum { BATCH = 2 };

/* ---- graphs ---- */

enum { ROWS = 3, NODES = 4 };

static void define_convolve_graph(const network *n, double *y)
{
    const double *adjacency = network_of(n, "adjacency");
    double made[BATCH * NODES * 2];
    define_linear(n, "net.linear", false, BATCH * NODES, 3, 2, network_of(n, "x"), made);
    for (size_t b = 0; b < BATCH; b++) {
        for (size_t r = 0; r < ROWS; r++) {
            for (size_t o = 0; o < 2; o++) {
                y[(b * ROWS + r) * 2 + o] = 0;
                for (size_t k = 0; k < NODES; k++) {
                    y[(b * ROWS + r) * 2 + o] += adjacency[(b * ROWS + r) * NODES + k] * made[(b * NODES + k) * 2 + o];
                }
            }
        }
    }
}

static void convolve_graph(void **state)
{
    (void)state;
    network *n = network_open();
    mote_value adjacency = network_input(n, "adjacency", 3, (size_t[]){BATCH, ROWS, NODES});
    mote_value x = network_input(n, "x", 3, (size_t[]){BATCH, NODES, 3});
    network_check(n, mote_convolve_graph(n->graph, "net", adjacency, x, 2), define_convolve_graph);
}

/* ---- messages between atoms ---- */

enum { ATOMS = 3, INPUTS = 2, CHANNELS = 4, HEADS = 2, KINDS = 3, ALL = BATCH * ATOMS };

/* What an atom hears in a channel: others' numbers, by the channel's head's weight of the bond. */
static double heard(const network *n, const double *sent, size_t atom, size_t channel)
{
    const double *kinds = network_of(n, "kinds"), *weight = network_of(n, "bonds.weight");
    const size_t molecule = atom / ATOMS * ATOMS, head = channel / (CHANNELS / HEADS);
    double sum = 0;
    for (size_t j = 0; j < ATOMS; j++) {
        const size_t kind = (size_t)kinds[atom * ATOMS + j];
        sum += kind ? weight[(kind - 1) * HEADS + head] * sent[(molecule + j) * CHANNELS + channel] : 0;
    }
    return sum;
}

static void pass(const network *n, const char *round, double *x)
{
    char name[32];
    double own[ALL * CHANNELS], sent[ALL * CHANNELS], both[ALL * 2 * CHANNELS], made[ALL * CHANNELS];
    snprintf(name, sizeof name, "net.%s.norm", round);
    define_norm(n, name, ALL, CHANNELS, x, own);
    snprintf(name, sizeof name, "net.%s.send", round);
    define_linear(n, name, false, ALL, CHANNELS, CHANNELS, own, sent);
    for (size_t i = 0; i < ALL; i++) {
        for (size_t c = 0; c < CHANNELS; c++) {
            both[i * 2 * CHANNELS + c] = own[i * CHANNELS + c];
            both[i * 2 * CHANNELS + CHANNELS + c] = heard(n, sent, i, c);
        }
    }
    snprintf(name, sizeof name, "net.%s.update", round);
    define_linear(n, name, true, ALL, 2 * CHANNELS, CHANNELS, both, made);
    define_map(ALL * CHANNELS, made, define_gelu);
    snprintf(name, sizeof name, "net.%s.out", round);
    define_linear(n, name, true, ALL, CHANNELS, CHANNELS, made, own);
    for (size_t i = 0; i < ALL * CHANNELS; i++) {
        x[i] += own[i];
    }
}

static void define_message_passing(const network *n, double *y)
{
    double x[ALL * CHANNELS];
    define_linear(n, "net.first", true, ALL, INPUTS, CHANNELS, network_of(n, "x"), x);
    pass(n, "0", x);
    pass(n, "1", x);
    define_norm(n, "net.norm", ALL, CHANNELS, x, y);
}

static void message_passing(void **state)
{
    const mote_message_passing_shape shape = {.channels = CHANNELS, .rounds = 2, .heads = HEADS};
    (void)state;
    network *n = network_open();
    mote_value x = network_input(n, "x", 3, (size_t[]){BATCH, ATOMS, INPUTS});
    mote_value kinds = network_classes(n, "kinds", 3, (size_t[]){BATCH, ATOMS, ATOMS}, KINDS + 1);
    mote_value edges = mote_bond_edges(n->graph, "bonds", kinds, KINDS, HEADS);
    network_check(n, mote_message_passing(n->graph, "net", x, edges, &shape), define_message_passing);
}

static void define_pool(const network *n, double *y)
{
    const double *mask = network_of(n, "mask");
    double values[ALL * 5], gates[ALL * 5];
    define_linear(n, "net.value", true, ALL, CHANNELS, 5, network_of(n, "x"), values);
    define_linear(n, "net.gate", true, ALL, CHANNELS, 5, network_of(n, "x"), gates);
    memset(y, 0, BATCH * 5 * sizeof *y);
    for (size_t i = 0; i < ALL; i++) {
        for (size_t o = 0; o < 5; o++) {
            y[i / ATOMS * 5 + o] += 0.25 * mask[i] * define_sigmoid(gates[i * 5 + o]) * values[i * 5 + o];
        }
    }
}

static void pool(void **state)
{
    (void)state;
    network *n = network_open();
    mote_value x = network_input(n, "x", 3, (size_t[]){BATCH, ATOMS, CHANNELS});
    mote_value mask = network_input(n, "mask", 2, (size_t[]){BATCH, ATOMS});
    network_check(n, mote_pool_atoms(n->graph, "net", x, mask, 5, 0.25), define_pool);
}

/* ---- recurrence ---- */

enum { STEPS = 4, UNITS = 3 };

/* h = z h + (1 - z) tanh(W x + r (U h + b)), with gates r and z of x and h (section 2.3 there). */
static void define_recurrent(const network *n, double *y)
{
    const double *x = network_of(n, "x");
    memset(y, 0, BATCH * UNITS * sizeof *y);
    for (size_t b = 0; b < BATCH; b++) {
        double *h = y + b * UNITS;
        for (size_t t = 0; t < STEPS; t++) {
            double now[3 * UNITS], kept[3 * UNITS];
            define_linear(n, "net.input", true, 1, INPUTS, 3 * UNITS, x + (b * STEPS + t) * INPUTS, now);
            define_linear(n, "net.state", true, 1, UNITS, 3 * UNITS, h, kept);
            for (size_t u = 0; u < UNITS; u++) {
                const double reset = define_sigmoid(now[u] + kept[u]);
                const double update = define_sigmoid(now[UNITS + u] + kept[UNITS + u]);
                h[u] = update * h[u] + (1 - update) * tanh(now[2 * UNITS + u] + reset * kept[2 * UNITS + u]);
            }
        }
    }
}

static void recurrent(void **state)
{
    (void)state;
    network *n = network_open();
    mote_value x = network_input(n, "x", 3, (size_t[]){BATCH, STEPS, INPUTS});
    network_check(n, mote_gated_recurrent(n->graph, "net", x, UNITS), define_recurrent);
}

/* ---- attention ---- */

enum { POSITIONS = 5, WIDTH = 8, HEAD = WIDTH / 2, HIDDEN = 6, QKV = 3 * WIDTH };

static bool causal;

/* A head's vector at a position, turned: entry i and entry i + HEAD / 2 by position / 10000^(2 i / HEAD). */
static void turn(const double *from, size_t position, double *to)
{
    for (size_t i = 0; i < HEAD / 2; i++) {
        const double angle = (double)position * pow(10000, -2.0 * (double)i / HEAD);
        to[i] = from[i] * cos(angle) - from[i + HEAD / 2] * sin(angle);
        to[i + HEAD / 2] = from[i] * sin(angle) + from[i + HEAD / 2] * cos(angle);
    }
}

/* One head of one sequence: qkv [POSITIONS, QKV], into y [POSITIONS, WIDTH]. */
static void attend(const double *qkv, size_t head, double *y)
{
    for (size_t i = 0; i < POSITIONS; i++) {
        double query[HEAD], key[HEAD], weights[POSITIONS], all = 0;
        const size_t seen = causal ? i + 1 : POSITIONS;
        turn(qkv + i * QKV + head * HEAD, i, query);
        for (size_t j = 0; j < seen; j++) {
            double score = 0;
            turn(qkv + j * QKV + WIDTH + head * HEAD, j, key);
            for (size_t c = 0; c < HEAD; c++) {
                score += query[c] * key[c] / sqrt(HEAD);
            }
            weights[j] = exp(score);
            all += weights[j];
        }
        for (size_t c = 0; c < HEAD; c++) {
            y[i * WIDTH + head * HEAD + c] = 0;
            for (size_t j = 0; j < seen; j++) {
                y[i * WIDTH + head * HEAD + c] += weights[j] / all * qkv[j * QKV + 2 * WIDTH + head * HEAD + c];
            }
        }
    }
}

static void block(const network *n, const char *number, double *x)
{
    enum { COUNT = BATCH * POSITIONS };
    char name[32];
    double y[COUNT * WIDTH], qkv[COUNT * QKV], hidden[COUNT * HIDDEN];
    snprintf(name, sizeof name, "net.%s.norm1", number);
    define_norm(n, name, COUNT, WIDTH, x, y);
    snprintf(name, sizeof name, "net.%s.qkv", number);
    define_linear(n, name, true, COUNT, WIDTH, QKV, y, qkv);
    for (size_t b = 0; b < BATCH; b++) {
        for (size_t h = 0; h < WIDTH / HEAD; h++) {
            attend(qkv + b * POSITIONS * QKV, h, y + b * POSITIONS * WIDTH);
        }
    }
    snprintf(name, sizeof name, "net.%s.projection", number);
    define_linear(n, name, true, COUNT, WIDTH, WIDTH, y, qkv);
    for (size_t i = 0; i < COUNT * WIDTH; i++) {
        x[i] += qkv[i];
    }
    snprintf(name, sizeof name, "net.%s.norm2", number);
    define_norm(n, name, COUNT, WIDTH, x, y);
    snprintf(name, sizeof name, "net.%s.up", number);
    define_linear(n, name, true, COUNT, WIDTH, HIDDEN, y, hidden);
    define_map(COUNT * HIDDEN, hidden, define_gelu);
    snprintf(name, sizeof name, "net.%s.down", number);
    define_linear(n, name, true, COUNT, HIDDEN, WIDTH, hidden, y);
    for (size_t i = 0; i < COUNT * WIDTH; i++) {
        x[i] += y[i];
    }
}

static void define_transformer(const network *n, double *y)
{
    double x[BATCH * POSITIONS * WIDTH];
    memcpy(x, network_of(n, "x"), sizeof x);
    block(n, "0", x);
    block(n, "1", x);
    define_norm(n, "net.norm", BATCH * POSITIONS, WIDTH, x, y);
}

static void transformer(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const mote_transformer_shape shape = {.blocks = 2, .heads = WIDTH / HEAD, .hidden = HIDDEN, .causal = i};
        network *n = network_open();
        causal = i;
        mote_value x = network_input(n, "x", 3, (size_t[]){BATCH, POSITIONS, WIDTH});
        network_check(n, mote_transformer_blocks(n->graph, "net", x, &shape), define_transformer);
    }
}

/* ---- Fourier operators ---- */

enum { SIDE = 8, SIZE = BATCH * SIDE * SIDE, FIELDS = 3 };

static size_t height, width; /* of fields */
static mote_fourier kept;

/* exp(2 pi i (ky y / height + kx x / width)). */
static double complex wave(long ky, size_t y, size_t kx, size_t x)
{
    return cexp(2 * M_PI * I * ((double)ky * (double)y / (double)height + (double)kx * (double)x / (double)width));
}

/* A field's share of a wave, in a channel: the sum over places of value times the wave's conjugate, by their number. */
static double complex share(const double *x, size_t channel, long ky, size_t kx)
{
    double complex sum = 0;
    for (size_t i = 0; i < height * width; i++) {
        sum += x[i * FIELDS + channel] * conj(wave(ky, i / width, kx, i % width));
    }
    return sum / (double)(height * width);
}

/* Adds to y what a wave becomes: its shares times a complex matrix [inputs, outputs]. Waves of kx > 0 stand for those
 * of -kx too, which are their conjugates since fields are real. */
static void add_wave(const double *x, const double *real, const double *imaginary, long ky, size_t kx, double *y)
{
    double complex shares[FIELDS];
    for (size_t c = 0; c < FIELDS; c++) {
        shares[c] = share(x, c, ky, kx);
    }
    for (size_t o = 0; o < FIELDS; o++) {
        double complex made = 0;
        for (size_t c = 0; c < FIELDS; c++) {
            made += shares[c] * (real[c * FIELDS + o] + I * imaginary[c * FIELDS + o]);
        }
        for (size_t i = 0; i < height * width; i++) {
            y[i * FIELDS + o] += (kx ? 2 : 1) * creal(made * wave(ky, i / width, kx, i % width));
        }
    }
}

/* The waves' matrices lie in order of kx, then of ky from the most negative one on. */
static void add_waves(const network *n, const char *layer, const double *x, double *y)
{
    char name[48];
    snprintf(name, sizeof name, "net.%s.waves.real", layer);
    const double *real = network_of(n, name);
    snprintf(name, sizeof name, "net.%s.waves.imaginary", layer);
    const double *imaginary = network_of(n, name);
    const long most = height > 1 ? (long)kept.modes_height - 1 : 0;
    for (size_t b = 0; b < BATCH; b++) {
        size_t at = 0;
        for (size_t kx = 0; kx < kept.modes_width; kx++) {
            for (long ky = -most; ky <= most; ky++, at += FIELDS * FIELDS) {
                add_wave(x + b * height * width * FIELDS, real + at, imaginary + at, ky, kx,
                         y + b * height * width * FIELDS);
            }
        }
    }
}

/* x with coordinates from -1 to 1. */
static size_t with_places(const network *n, double *y)
{
    const double *x = network_of(n, "x");
    const size_t channels = height > 1 ? 3 : 2;
    for (size_t i = 0; i < BATCH * height * width; i++) {
        y[i * channels] = x[i];
        y[i * channels + 1] = 2 * (double)(i % width) / (double)(width - 1) - 1;
        if (height > 1) {
            y[i * channels + 2] = 2 * (double)(i / width % height) / (double)(height - 1) - 1;
        }
    }
    return channels;
}

static void define_fourier(const network *n, double *y)
{
    static const char *const layers[] = {"0", "1"};
    double given[SIZE * 3], x[SIZE * FIELDS], next[SIZE * 2 * FIELDS];
    const size_t places = BATCH * height * width, channels = with_places(n, given);
    define_linear(n, "net.lift", true, places, channels, FIELDS, given, x);
    for (int i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "net.%s.points", layers[i]);
        define_linear(n, name, true, places, FIELDS, FIELDS, x, next);
        add_waves(n, layers[i], x, next);
        memcpy(x, next, places * FIELDS * sizeof *x);
        if (i == 0) {
            define_map(places * FIELDS, x, define_gelu);
        }
    }
    define_linear(n, "net.project.0", true, places, FIELDS, 2 * FIELDS, x, next);
    define_map(places * 2 * FIELDS, next, define_gelu);
    define_linear(n, "net.project.1", true, places, 2 * FIELDS, 2, next, y);
}

static void fourier(void **state)
{
    static const struct {
        size_t height, width, modes_height, modes_width;
    } shapes[] = {{1, 8, 1, 4}, {1, 7, 0, 3}, {4, 6, 2, 3}, {6, 5, 3, 1}, {3, 4, 1, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        network *n = network_open();
        height = shapes[i].height;
        width = shapes[i].width;
        kept = (mote_fourier){.channels = FIELDS,
                              .modes_height = shapes[i].modes_height,
                              .modes_width = shapes[i].modes_width,
                              .layers = 2};
        mote_value x = network_input(n, "x", 4, (size_t[]){BATCH, height, width, 1});
        x = mote_with_places(n->graph, x);
        network_check(n, mote_fourier_operator(n->graph, "net", x, 2, &kept), define_fourier);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolve_graph), cmocka_unit_test(message_passing), cmocka_unit_test(pool),
        cmocka_unit_test(recurrent),      cmocka_unit_test(transformer),     cmocka_unit_test(fourier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
