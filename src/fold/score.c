/* Superposition, TM-score and lDDT. */
#include "fold/score.h"

#include <math.h>
#include <string.h>

enum { SWEEPS = 30, SHORTEST = 4, REFINEMENTS = 20 };

/* ---- superposition ---- */

/* Turns away the element (p, q) of a symmetric matrix, and collects the turns in vectors. */
static void turn(double a[4][4], double vectors[4][4], int p, int q)
{
    double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1)), c = 1 / sqrt(t * t + 1), s = t * c;
    for (int k = 0; k < 4; k++) {
        double x = a[k][p], y = a[k][q];
        a[k][p] = c * x - s * y;
        a[k][q] = s * x + c * y;
    }
    for (int k = 0; k < 4; k++) {
        double x = a[p][k], y = a[q][k], v = vectors[k][p], w = vectors[k][q];
        a[p][k] = c * x - s * y;
        a[q][k] = s * x + c * y;
        vectors[k][p] = c * v - s * w;
        vectors[k][q] = s * v + c * w;
    }
}

/* The eigenvector of the largest eigenvalue of a symmetric matrix, by Jacobi's method; destroys the matrix. */
static void largest_eigenvector(double a[4][4], double vector[4])
{
    double vectors[4][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        for (int p = 0; p < 3; p++) {
            for (int q = p + 1; q < 4; q++) {
                /* what no longer changes the diagonal is as good as zero */
                if (fabs(a[p][q]) > 1e-17 * (fabs(a[p][p]) + fabs(a[q][q]))) {
                    turn(a, vectors, p, q);
                }
            }
        }
    }
    int best = 0;
    for (int i = 1; i < 4; i++) {
        best = a[i][i] > a[best][best] ? i : best;
    }
    for (int i = 0; i < 4; i++) {
        vector[i] = vectors[i][best];
    }
}

static void rotation_of(const double q[4], double r[3][3])
{
    double w = q[0], x = q[1], y = q[2], z = q[3], n = w * w + x * x + y * y + z * z;
    const double turned[3][3] = {{w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)},
                                 {2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)},
                                 {2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z}};
    for (int i = 0; i < 9; i++) {
        r[i / 3][i % 3] = turned[i / 3][i % 3] / n;
    }
}

static double square_distance(const mote_superposition *s, const float *mobile, const float *target)
{
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        double moved = s->translation[i] - target[i];
        for (int j = 0; j < 3; j++) {
            moved += s->rotation[i][j] * mobile[j];
        }
        sum += moved * moved;
    }
    return sum;
}

/* Means of both sets of points; returns how many they are. */
static size_t find_centers(size_t count, const float *mobile, const float *target, const uint8_t *mask, double from[3],
                           double to[3])
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (!mask || mask[i]) {
            for (int k = 0; k < 3; k++) {
                from[k] += mobile[3 * i + (size_t)k];
                to[k] += target[3 * i + (size_t)k];
            }
            used++;
        }
    }
    for (int k = 0; k < 3 && used > 0; k++) {
        from[k] /= (double)used;
        to[k] /= (double)used;
    }
    return used;
}

void mote_superpose(size_t count, const float *mobile, const float *target, const uint8_t *mask, mote_superposition *s)
{
    double from[3] = {0}, to[3] = {0}, m[3][3] = {{0}}, q[4], sum = 0;
    *s = (mote_superposition){.rotation = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    size_t used = find_centers(count, mobile, target, mask, from, to);
    if (used == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        for (int k = 0; k < 9 && (!mask || mask[i]); k++) {
            m[k / 3][k % 3] +=
                (mobile[3 * i + (size_t)(k / 3)] - from[k / 3]) * (target[3 * i + (size_t)(k % 3)] - to[k % 3]);
        }
    }
    double n[4][4] = {{m[0][0] + m[1][1] + m[2][2], m[1][2] - m[2][1], m[2][0] - m[0][2], m[0][1] - m[1][0]},
                      {0, m[0][0] - m[1][1] - m[2][2], m[0][1] + m[1][0], m[2][0] + m[0][2]},
                      {0, 0, -m[0][0] + m[1][1] - m[2][2], m[1][2] + m[2][1]},
                      {0, 0, 0, -m[0][0] - m[1][1] + m[2][2]}};
    for (int i = 0; i < 16; i++) {
        n[i / 4][i % 4] = i / 4 > i % 4 ? n[i % 4][i / 4] : n[i / 4][i % 4];
    }
    largest_eigenvector(n, q);
    rotation_of(q, s->rotation);
    for (int i = 0; i < 3; i++) {
        s->translation[i] = to[i];
        for (int j = 0; j < 3; j++) {
            s->translation[i] -= s->rotation[i][j] * from[j];
        }
    }
    for (size_t i = 0; i < count; i++) {
        sum += !mask || mask[i] ? square_distance(s, mobile + 3 * i, target + 3 * i) : 0;
    }
    s->rmsd = sqrt(sum / (double)used);
}

/* ---- TM-score ---- */

typedef struct search {
    size_t count; /* residues that both have, one behind the other */
    float *model, *target;
    uint8_t *near, *nearer; /* [count]: which are superposed, and would be next */
    double scale, best;     /* d0; the largest sum yet */
} search;

/* The sum of the scores under a superposition. */
static double sum_scores(const search *t, const mote_superposition *s)
{
    double sum = 0;
    for (size_t i = 0; i < t->count; i++) {
        sum += 1 / (1 + square_distance(s, t->model + 3 * i, t->target + 3 * i) / (t->scale * t->scale));
    }
    return sum;
}

/* Marks what a superposition brings within reach; the reach grows until there are three, or all. */
static void mark_near(const search *t, const mote_superposition *s, double reach, uint8_t *near)
{
    for (size_t found = 0; found < mote_size_min(3, t->count); reach += reach < 64 ? 0.5 : reach) {
        found = 0;
        for (size_t i = 0; i < t->count; i++) {
            near[i] = square_distance(s, t->model + 3 * i, t->target + 3 * i) < reach * reach;
            found += near[i];
        }
        if (reach > 1e6) {
            return; /* a structure that has flown apart */
        }
    }
}

/* Superposes the residues in near, and then what is near, until that stays the same. */
static void refine(search *t)
{
    double reach = fmin(fmax(t->scale, 4.5), 8);
    mote_superposition s;
    for (int i = 0; i <= REFINEMENTS; i++) {
        mote_superpose(t->count, t->model, t->target, t->near, &s);
        t->best = fmax(t->best, sum_scores(t, &s));
        mark_near(t, &s, i == 0 ? reach - 1 : reach + 1, t->nearer);
        if (memcmp(t->near, t->nearer, t->count) == 0) {
            return;
        }
        memcpy(t->near, t->nearer, t->count);
    }
}

static void search_all(search *t)
{
    size_t length = t->count;
    for (bool last = false; !last && length > 0; length = length / 2) {
        if (length <= SHORTEST) {
            length = mote_size_min(SHORTEST, t->count);
            last = true;
        }
        for (size_t begin = 0; begin + length <= t->count; begin++) {
            memset(t->near, 0, t->count);
            memset(t->near + begin, 1, length);
            refine(t);
        }
    }
}

mote_status mote_tm_score(mote_context *context, size_t count, const float *model, const float *target,
                          const uint8_t *mask, size_t length, double *score)
{
    /* of targets so short that the formula has no meaning, TM-score's program takes 0.5 */
    double scale = length > 15 ? 1.24 * cbrt((double)length - 15) - 1.8 : 0;
    search t = {.scale = fmax(scale, 0.5)};
    *score = 0;
    t.model = mote_allocate_array(context, count, 3 * sizeof(float));
    t.target = mote_allocate_array(context, count, 3 * sizeof(float));
    t.near = mote_allocate(context, count);
    t.nearer = mote_allocate(context, count);
    mote_status status = t.model && t.target && t.near && t.nearer ? MOTE_OK : MOTE_ERROR_MEMORY;
    for (size_t i = 0; status == MOTE_OK && i < count; i++) {
        if (!mask || mask[i]) {
            memcpy(t.model + 3 * t.count, model + 3 * i, 3 * sizeof *model);
            memcpy(t.target + 3 * t.count++, target + 3 * i, 3 * sizeof *target);
        }
    }
    if (status == MOTE_OK && length > 0) {
        search_all(&t);
        *score = t.best / (double)length;
    }
    mote_release(context, t.model);
    mote_release(context, t.target);
    mote_release(context, t.near);
    mote_release(context, t.nearer);
    return status;
}

/* ---- lDDT ---- */

static double distance(const float *a, const float *b)
{
    double x = (double)a[0] - b[0], y = (double)a[1] - b[1], z = (double)a[2] - b[2];
    return sqrt(x * x + y * y + z * z);
}

double mote_lddt(size_t count, const float *model, const float *target, const uint8_t *mask, float *each)
{
    static const double cutoff = 15, limits[] = {0.5, 1, 2, 4};
    size_t all_kept = 0, all_pairs = 0; /* kept counts quarters */
    for (size_t i = 0; i < count; i++) {
        size_t kept = 0, pairs = 0;
        for (size_t j = 0; j < count; j++) {
            double wanted = distance(target + 3 * i, target + 3 * j);
            if (i == j || wanted >= cutoff || (mask && !(mask[i] && mask[j]))) {
                continue;
            }
            double error = fabs(wanted - distance(model + 3 * i, model + 3 * j));
            for (int k = 0; k < 4; k++) {
                kept += error < limits[k];
            }
            pairs++;
        }
        if (each) {
            each[i] = pairs ? (float)((double)kept / 4 / (double)pairs) : 1;
        }
        all_kept += kept;
        all_pairs += pairs;
    }
    return all_pairs ? (double)all_kept / 4 / (double)all_pairs : 1;
}
