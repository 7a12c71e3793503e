/* A round of the network: what goes in, what comes out, and what the next round is told of it. */
#include <math.h>
#include <string.h>

#include "graph/core.h"
#include "infer/fold.h"

enum { CA = 1, CB = 4 }; /* in the order of atom14 */

/* AlphaFold's: the last bin of recycled distances begins here, in angstrom. */
static const double last_recycling_bin = 20.75;

static float *numbers(const mote_fold_round *r, mote_value value) { return mote_plan_data(r->plan, value); }

static int32_t *integers(const mote_fold_round *r, mote_value value) { return mote_plan_data(r->plan, value); }

static size_t count_of(const mote_fold_round *r, mote_value value)
{
    return mote_value_count(r->network->graph, value);
}

/* Memory of a value in any format, whose planes lie one behind the other; all zero bytes mean zeros in each. */
static void *planes(const mote_fold_round *r, mote_value value)
{
    mote_tensor tensor = {.elements = NULL};
    mote_plan_tensor(r->plan, value, &tensor); /* an input or an output, so it is there */
    return tensor.elements;
}

static size_t bytes_of(const mote_fold_round *r, mote_value value)
{
    return mote_value_bytes(r->context, mote_layout_of(r->network->graph, value));
}

static void clear(const mote_fold_round *r, mote_value value) { memset(planes(r, value), 0, bytes_of(r, value)); }

void mote_fold_round_begin(const mote_fold_round *r)
{
    const mote_trunk *t = &r->network->trunk;
    const mote_msa *msa = r->msa;
    clear(r, t->previous_m);
    clear(r, t->previous_z);
    clear(r, t->previous_bins);
    for (size_t i = 0; i < msa->length; i++) {
        integers(r, r->network->aatype)[i] = msa->types[i];
    }
    bool multimer = r->sizes->trunk.multimer != 0;
    mote_trunk_relative_positions(&r->sizes->trunk, msa->length, msa->residue_index, multimer ? msa->asym_id : NULL,
                                  multimer ? msa->entity_id : NULL, multimer ? msa->sym_id : NULL,
                                  integers(r, t->offsets), multimer ? integers(r, t->copies) : NULL);
}

/* extra_msa_feat: the code one-hot, has deletion, deletion value. */
static void fill_extra(const mote_features *f, float *to)
{
    enum { CHANNELS = MOTE_MSA_CODES + 2 };
    size_t count = f->extra * f->length;
    memset(to, 0, count * CHANNELS * sizeof *to);
    for (size_t i = 0; i < count; i++, to += CHANNELS) {
        to[f->extra_msa[i]] = 1;
        to[MOTE_MSA_CODES] = f->extra_has_deletion[i];
        to[MOTE_MSA_CODES + 1] = f->extra_deletion_value[i];
    }
}

static void fill(const mote_fold_round *r, mote_value value, const float *from)
{
    memcpy(numbers(r, value), from, count_of(r, value) * sizeof *from);
}

void mote_fold_round_features(const mote_fold_round *r, uint64_t seed, size_t index)
{
    const mote_trunk *t = &r->network->trunk;
    mote_features *f = r->features;
    f->options.seed = seed;
    mote_features_sample(r->context, r->msa, (uint32_t)index, f);
    fill(r, t->target, f->target);
    fill(r, t->residue_mask, f->seq_mask);
    fill(r, t->msa, f->msa);
    fill(r, t->msa_mask, f->msa_mask);
    fill(r, t->extra_mask, f->extra_mask);
    fill_extra(f, numbers(r, t->extra));
}

/* ---- results ---- */

/* Root mean square change of the distances between residues. */
static double distance_change(size_t residues, const uint8_t *types, const float *one, const float *other)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < residues; i++) {
        for (size_t j = 0; j < i; j++) {
            if (types[i] != MOTE_RESIDUE_X && types[j] != MOTE_RESIDUE_X) {
                double a = 0, b = 0;
                for (size_t d = 0; d < 3; d++) {
                    double x = (double)one[3 * i + d] - (double)one[3 * j + d];
                    double y = (double)other[3 * i + d] - (double)other[3 * j + d];
                    a += x * x;
                    b += y * y;
                }
                sum += (sqrt(a) - sqrt(b)) * (sqrt(a) - sqrt(b));
                count++;
            }
        }
    }
    return count > 0 ? sqrt(sum / count) : 0;
}

static void place_atoms(const mote_fold_round *r, const float *atoms, mote_fold_prediction *p)
{
    const size_t length = r->msa->length;
    memset(p->positions, 0, length * MOTE_ATOM_COUNT * 3 * sizeof(float));
    memset(p->atom_mask, 0, length * MOTE_ATOM_COUNT);
    for (size_t i = 0; i < length; i++) {
        const mote_residue *residue = mote_residue_row(r->msa->types[i]);
        const float *own = atoms + i * MOTE_ATOM14 * 3;
        for (size_t a = 0; a < residue->atom_count; a++) {
            size_t place = i * MOTE_ATOM_COUNT + residue->atoms[a].atom;
            memcpy(p->positions + 3 * place, own + 3 * a, 3 * sizeof(float));
            p->atom_mask[place] = 1;
        }
        /* glycine has no CB; X has no atoms, and its points are zero either way */
        size_t point = residue->letter == 'G' ? CA : CB;
        memcpy(r->points + 3 * i, own + 3 * point, 3 * sizeof(float));
        memcpy(r->after + 3 * i, own + 3 * CA, 3 * sizeof(float));
    }
}

static bool all_finite(const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i])) {
            return false;
        }
    }
    return true;
}

mote_status mote_fold_round_read(const mote_fold_round *r, mote_fold_prediction *p)
{
    const mote_fold_network *n = r->network;
    const size_t length = r->msa->length;
    const float *atoms = numbers(r, n->atoms), *scores = numbers(r, n->lddt);
    if (!all_finite(atoms, count_of(r, n->atoms)) || !all_finite(scores, count_of(r, n->lddt))) {
        return mote_fail(r->context, MOTE_ERROR_UNSUPPORTED,
                         "model %s gives positions that are not finite: its weights are damaged, or the policy's "
                         "formats are too narrow for it",
                         p->model);
    }
    memcpy(r->before, r->after, length * 3 * sizeof(float));
    place_atoms(r, atoms, p);
    mote_predicted_lddt(length, r->sizes->structure.lddt_bins, scores, p->residue_lddt);
    p->lddt = 0;
    for (size_t i = 0; i < length; i++) {
        p->lddt += (double)p->residue_lddt[i] / (double)length;
    }
    p->change = p->rounds ? distance_change(length, r->msa->types, r->before, r->after) : NAN;
    p->rounds++;
    return MOTE_OK;
}

/* Inputs may lie where results are, so what is written first must not be read later. */
void mote_fold_round_carry(const mote_fold_round *r)
{
    const mote_fold_network *n = r->network;
    memcpy(r->first_row, numbers(r, n->first_row), count_of(r, n->first_row) * sizeof(float));
    memmove(planes(r, n->trunk.previous_z), planes(r, n->trunk.z), bytes_of(r, n->trunk.z));
    fill(r, n->trunk.previous_m, r->first_row);
    mote_trunk_distance_bins(r->msa->length, r->points, r->sizes->trunk.recycling_bins, last_recycling_bin,
                             integers(r, n->trunk.previous_bins));
}

void mote_fold_round_score(const mote_fold_round *r, mote_fold_prediction *p)
{
    const size_t length = r->msa->length, bins = r->sizes->structure.error_bins;
    p->tm = p->interface_tm = NAN;
    p->score = p->lddt;
    if (p->aligned_error) {
        const float *scores = numbers(r, r->network->aligned);
        mote_predicted_aligned_error(length, bins, scores, p->aligned_error);
        p->tm = mote_predicted_tm(length, bins, scores, NULL, NULL);
        if (r->msa->multimer && r->msa->chain_count > 1) {
            p->interface_tm = mote_predicted_tm(length, bins, scores, NULL, r->msa->asym_id);
            p->score = 80 * p->interface_tm + 20 * p->tm; /* Evans et al., section 2.5, in per cent */
        }
    }
}
