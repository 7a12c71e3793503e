/* Residues, samples and scores where the answer is known; tests/python holds them to programs of their own. */
#include "unit.h"

#include <math.h>

#include "fold/features.h"
#include "fold/residue.h"
#include "fold/score.h"

/* ---- residues ---- */

static void residues_agree(void **state)
{
    (void)state;
    mote_residue_tables t;
    mote_residue_tables_fill(&t);
    int atoms = 0, angles = 0, symmetric = 0, ambiguous = 0;
    for (int type = 0; type < MOTE_RESIDUE_TYPES; type++) {
        assert_int_equal(mote_residue_row(type)->letter, "ARNDCQEGHILKMFPSTWYVX"[type]);
        assert_int_equal(mote_residue_named(mote_residue_name(type), 3), type);
        for (int i = 0; i < MOTE_ATOM14; i++) {
            int atom = t.atom14_to_atom37[type][i];
            atoms += t.atom14_mask[type][i] == 1;
            if (t.atom14_mask[type][i] == 1) {
                assert_int_equal(t.atom37_to_atom14[type][atom], i);
                assert_true(t.atom37_mask[type][atom] == 1);
            }
            int other = t.atom14_swap[type][i];
            assert_int_equal(t.atom14_swap[type][other], i);
            assert_true(t.atom14_ambiguous[type][i] == (other != i));
            ambiguous += other != i;
        }
        for (int k = 0; k < MOTE_CHI_ANGLES; k++) {
            angles += t.chi_mask[type][k] == 1;
            symmetric += t.chi_symmetric[type][k] == 1;
        }
    }
    assert_int_equal(atoms, 167);
    assert_int_equal(angles, 39);
    assert_int_equal(symmetric, 4);
    assert_int_equal(ambiguous, 12);
    assert_int_equal(mote_atom_named("OXT", 3), MOTE_ATOM_OXT);
    assert_int_equal(mote_atom_named("CA", 1), MOTE_ATOM_C);
    assert_int_equal(mote_atom_named("H", 1), -1);
    assert_int_equal(mote_atom_named("", 0), -1);
}

/* Every frame turns without stretching, and puts the atom at its origin where the group before has it. */
static void frames_are_rigid(void **state)
{
    (void)state;
    mote_residue_tables t;
    mote_residue_tables_fill(&t);
    for (int type = 0; type < MOTE_RESIDUE_X; type++) {
        for (int g = 0; g < MOTE_RIGID_GROUPS; g++) {
            float(*f)[4] = t.frames[type][g];
            bool there = g < 4 || t.chi_mask[type][g - 4] == 1;
            for (int i = 0; i < 3; i++) {
                for (int j = 0; j < 3; j++) {
                    double dot = 0;
                    for (int k = 0; k < 3; k++) {
                        dot += (double)f[k][i] * (double)f[k][j];
                    }
                    assert_true(fabs(dot - (there && i == j)) < 2e-7);
                }
            }
            if (there && g >= 4) {
                int end = t.atom37_to_atom14[type][t.chi_atoms[type][g - 4][2]];
                assert_int_equal(t.atom14_group[type][end], g == 4 ? 0 : g - 1);
                for (int k = 0; k < 3; k++) {
                    assert_true(f[k][3] == t.atom14_position[type][end][k]);
                }
            }
        }
    }
}

/* ---- features ---- */

enum { ROWS = 300, COLUMNS = 70 };

static uint8_t codes[ROWS * COLUMNS];
static uint16_t deletions[ROWS * COLUMNS];
static mote_alignment_chain one_chain = {"", COLUMNS, 1};

/* Rows that differ from the query the more the later they come. */
static mote_alignment make_alignment(void)
{
    static char query[COLUMNS + 1];
    for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++) {
        uint32_t r = (uint32_t)(i * 2654435761u) >> 7;
        codes[i] = (uint8_t)(i < COLUMNS || r % ROWS < i / COLUMNS ? r % 20 : codes[i % COLUMNS]);
        codes[i] = i >= COLUMNS && r % 11 == 0 ? MOTE_RESIDUE_GAP : codes[i];
        deletions[i] = (uint16_t)(i >= COLUMNS && r % 13 == 0 ? r % 29 : 0);
        query[i % COLUMNS] = mote_residue_letter(codes[i % COLUMNS]);
    }
    return (mote_alignment){.rows = ROWS,
                            .columns = COLUMNS,
                            .codes = codes,
                            .deletions = deletions,
                            .query = query,
                            .chain_count = 1,
                            .chains = &one_chain};
}

/* Sample number index with this many threads. */
static mote_features *sample(mote_context *context, const mote_msa *msa, uint64_t seed, uint32_t index, float replaced)
{
    mote_features_options options = {.clusters = 40, .extra = 100, .replaced = replaced, .seed = seed};
    mote_features *f;
    unit_ok(context, mote_features_create(context, msa, &options, &f));
    mote_features_sample(context, msa, index + 1, f); /* leaves nothing behind */
    mote_features_sample(context, msa, index, f);
    return f;
}

static bool same_features(const mote_features *a, const mote_features *b)
{
    size_t own = a->clusters * a->length, extra = a->extra * a->length;
    return memcmp(a->rows, b->rows, (a->clusters + a->extra_rows) * sizeof *a->rows) == 0 &&
           memcmp(a->msa, b->msa, own * MOTE_MSA_CHANNELS * sizeof *a->msa) == 0 &&
           memcmp(a->bert_mask, b->bert_mask, own * sizeof *a->bert_mask) == 0 &&
           memcmp(a->true_msa, b->true_msa, own) == 0 && memcmp(a->extra_msa, b->extra_msa, extra) == 0 &&
           memcmp(a->extra_deletion_value, b->extra_deletion_value, extra * sizeof *a->extra_deletion_value) == 0;
}

static void same_seed_same_bits(void **state)
{
    (void)state;
    mote_alignment alignment = make_alignment();
    mote_context *one = unit_context(1, NULL), *five = unit_context(5, NULL);
    mote_msa *msa;
    unit_ok(one, mote_msa_monomer(one, &alignment, &msa));
    mote_features *a = sample(one, msa, 7, 2, 0.15f), *b = sample(five, msa, 7, 2, 0.15f);
    assert_true(same_features(a, b));
    mote_features_free(b);
    b = sample(one, msa, 8, 2, 0.15f);
    assert_false(same_features(a, b));
    mote_features_free(b);
    b = sample(one, msa, 7, 3, 0.15f);
    assert_false(same_features(a, b));
    mote_features_free(a);
    mote_features_free(b);
    mote_msa_free(msa);
    mote_context_destroy(one);
    mote_context_destroy(five);
}

/* Every row but the query comes as often as any other; nothing comes twice. */
static void order_is_fair(void **state)
{
    (void)state;
    enum { SAMPLES = 2000, CLUSTERS = 40, DRAWN = 140 };
    mote_alignment alignment = make_alignment();
    mote_context *context = unit_context(1, NULL);
    mote_msa *msa;
    alignment.columns = one_chain.length = 10; /* of which rows are made anew: only their order counts here */
    unit_ok(context, mote_msa_monomer(context, &alignment, &msa));
    mote_features_options options = {.clusters = CLUSTERS, .extra = DRAWN - CLUSTERS, .replaced = 0, .seed = 3};
    mote_features *f;
    unit_ok(context, mote_features_create(context, msa, &options, &f));
    double counts[ROWS] = {0}, chi = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        bool seen[ROWS] = {false};
        mote_features_sample(context, msa, i, f);
        assert_int_equal(f->rows[0], 0);
        for (size_t r = 0; r < DRAWN; r++) {
            assert_true(f->rows[r] < msa->rows && !seen[f->rows[r]]);
            seen[f->rows[r]] = true;
            counts[f->rows[r]] += r < CLUSTERS;
        }
    }
    double p = (CLUSTERS - 1.0) / (double)(msa->rows - 1), expected = SAMPLES * p;
    for (size_t r = 1; r < msa->rows; r++) {
        chi += (counts[r] - expected) * (counts[r] - expected) / (expected * (1 - p));
    }
    /* chi is near to chi-squared of as many degrees: five deviations */
    double degrees = (double)msa->rows - 1;
    assert_true(fabs(chi - degrees) < 5 * sqrt(2 * degrees));
    mote_features_free(f);
    mote_msa_free(msa);
    one_chain.length = COLUMNS;
    mote_context_destroy(context);
}

/* The parts that are masked, and what they become. */
static void masks_as_promised(void **state)
{
    (void)state;
    enum { SAMPLES = 60 };
    mote_alignment alignment = make_alignment();
    mote_context *context = unit_context(1, NULL);
    mote_msa *msa;
    unit_ok(context, mote_msa_monomer(context, &alignment, &msa));
    double masked = 0, all = 0, became_mask = 0, stayed = 0, expected_stay = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        mote_features *f = sample(context, msa, 11, i, 0.15f);
        for (size_t k = 0; k < f->clusters * f->length; k++) {
            const float *channels = f->msa + k * MOTE_MSA_CHANNELS;
            int code = 0;
            while (channels[code] != 1) {
                code++;
            }
            all++;
            if (f->bert_mask[k] == 0) {
                assert_int_equal(code, f->true_msa[k]);
                continue;
            }
            masked++;
            became_mask += code == MOTE_MSA_MASK;
            stayed += code == f->true_msa[k];
            expected_stay += 0.1 + (f->true_msa[k] < 20 ? 0.005 : 0) +
                             0.1 * (double)msa->profile[k % f->length * MOTE_MSA_PROFILE + f->true_msa[k]];
        }
        mote_features_free(f);
    }
    assert_true(fabs(masked / all - 0.15) < 5 * sqrt(0.15 * 0.85 / all));
    assert_true(fabs(became_mask / masked - 0.7) < 5 * sqrt(0.7 * 0.3 / masked));
    assert_true(fabs(stayed - expected_stay) < 5 * sqrt(expected_stay));
    mote_features *f = sample(context, msa, 11, 0, 1);
    for (size_t k = 0; k < f->clusters * f->length; k++) {
        assert_true(f->bert_mask[k] == 1);
    }
    mote_features_free(f);
    mote_msa_free(msa);
    mote_context_destroy(context);
}

static void refuses_features(void **state)
{
    (void)state;
    mote_alignment alignment = make_alignment();
    mote_alignment_chain two[] = {{"", 30, 1}, {"", 40, 1}}, many = {"", COLUMNS, 2}, endless = {"", COLUMNS, SIZE_MAX};
    mote_context *context = unit_context(1, NULL);
    mote_msa *msa;
    mote_features *f;
    alignment.chains = &many;
    assert_int_equal(mote_msa_monomer(context, &alignment, &msa), MOTE_ERROR_ARGUMENT);
    alignment.chains = &endless;
    assert_int_equal(mote_msa_multimer(context, &alignment, &msa), MOTE_ERROR_ARGUMENT);
    alignment.chains = two;
    alignment.chain_count = 2;
    assert_int_equal(mote_msa_monomer(context, &alignment, &msa), MOTE_ERROR_ARGUMENT);
    assert_non_null(strstr(mote_context_message(context), "multimer"));
    unit_ok(context, mote_msa_multimer(context, &alignment, &msa));
    mote_features_options options[] = {{0, 1, 0, 0}, {1, 0, 0, 0}, {1, 1, 1.5f, 0}, {1, 1, NAN, 0}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        assert_int_equal(mote_features_create(context, msa, &options[i], &f), MOTE_ERROR_ARGUMENT);
        assert_null(f);
    }
    mote_msa_free(msa);
    mote_context_destroy(context);
}

/* One row alone: no extra rows but one that is masked. */
static void one_row(void **state)
{
    (void)state;
    mote_alignment alignment = make_alignment();
    mote_context *context = unit_context(1, NULL);
    mote_msa *msa;
    alignment.rows = 1;
    unit_ok(context, mote_msa_monomer(context, &alignment, &msa));
    mote_features *f = sample(context, msa, 1, 0, 0);
    assert_int_equal(f->clusters, 1);
    assert_int_equal(f->extra, 1);
    assert_int_equal(f->extra_rows, 0);
    for (size_t i = 0; i < COLUMNS; i++) {
        const float *channels = f->msa + i * MOTE_MSA_CHANNELS;
        assert_true(f->extra_mask[i] == 0 && f->msa_mask[i] == 1 && f->seq_mask[i] == 1);
        assert_true(channels[msa->codes[i]] == 1 && channels[25 + msa->codes[i]] == 1 / 1.000001f);
        assert_true(f->target[i * 22 + 1 + msa->types[i]] == 1);
    }
    for (size_t i = 0; i < MOTE_TEMPLATES; i++) {
        assert_true(f->template_mask[i] == 0);
    }
    mote_features_free(f);
    mote_msa_free(msa);
    mote_context_destroy(context);
}

/* ---- scores ---- */

enum { POINTS = 60 };

/* A helix with a bend. */
static void make_points(float *points)
{
    for (int i = 0; i < POINTS; i++) {
        double angle = i * 100 * 3.14159265 / 180;
        points[3 * i] = (float)(2.3 * cos(angle) + (i > 30 ? 0.7 * (i - 30) : 0));
        points[3 * i + 1] = (float)(2.3 * sin(angle));
        points[3 * i + 2] = (float)(1.5 * (i > 30 ? 30 : i));
    }
}

static void scores_of_the_same(void **state)
{
    (void)state;
    float a[3 * POINTS], b[3 * POINTS], each[POINTS];
    mote_context *context = unit_context(1, NULL);
    mote_superposition s;
    double tm;
    make_points(a);
    for (int i = 0; i < POINTS; i++) { /* a turn of 120 degrees about (1, 1, 1) */
        b[3 * i] = a[3 * i + 1] + 10;
        b[3 * i + 1] = a[3 * i + 2] - 20;
        b[3 * i + 2] = a[3 * i] + 30;
    }
    mote_superpose(POINTS, a, b, NULL, &s);
    assert_true(s.rmsd < 1e-5 && fabs(s.rotation[0][1] - 1) < 1e-6 && fabs(s.translation[2] - 30) < 1e-5);
    unit_ok(context, mote_tm_score(context, POINTS, a, b, NULL, POINTS, &tm));
    assert_true(fabs(tm - 1) < 1e-9);
    assert_true(mote_lddt(POINTS, a, b, NULL, each) == 1);
    assert_true(each[17] == 1);
    /* a mirror image is not the same, though all its distances are */
    for (int i = 0; i < POINTS; i++) {
        b[3 * i] = -b[3 * i];
    }
    mote_superpose(POINTS, a, b, NULL, &s);
    unit_ok(context, mote_tm_score(context, POINTS, a, b, NULL, POINTS, &tm));
    assert_true(s.rmsd > 1 && tm < 0.9 && mote_lddt(POINTS, a, b, NULL, NULL) == 1);
    mote_context_destroy(context);
}

/* Residues that are missing count for the length alone; of two halves that moved apart, one is found. */
static void scores_of_parts(void **state)
{
    (void)state;
    float a[3 * POINTS], b[3 * POINTS];
    uint8_t mask[POINTS];
    mote_context *context = unit_context(1, NULL);
    mote_superposition s;
    double tm, d0 = 1.24 * cbrt(POINTS - 15) - 1.8;
    make_points(a);
    memcpy(b, a, sizeof b);
    for (int i = 0; i < POINTS; i++) {
        mask[i] = i < 40;
        b[3 * i] += i < 40 ? 0 : 1000;
    }
    unit_ok(context, mote_tm_score(context, POINTS, a, b, mask, POINTS, &tm));
    assert_true(fabs(tm - 40.0 / POINTS) < 1e-9);
    unit_ok(context, mote_tm_score(context, POINTS, a, b, NULL, POINTS, &tm));
    double least = (40 + 20 / (1 + 1e6 / (d0 * d0))) / POINTS;
    assert_true(tm >= least - 1e-9 && tm < least + 1e-3);
    mote_superpose(POINTS, a, b, mask, &s);
    assert_true(s.rmsd < 1e-6);
    assert_true(mote_lddt(POINTS, a, b, mask, NULL) == 1);
    memset(mask, 0, sizeof mask);
    mote_superpose(POINTS, a, b, mask, &s);
    assert_true(s.rmsd == 0 && s.rotation[1][1] == 1);
    unit_ok(context, mote_tm_score(context, POINTS, a, b, mask, POINTS, &tm));
    assert_true(tm == 0 && mote_lddt(POINTS, a, b, mask, NULL) == 1);
    mote_context_destroy(context);
}

/* Two points 10 apart that are d too far: 4, 3, 2, 1 and 0 quarters. */
static void lddt_counts_quarters(void **state)
{
    (void)state;
    static const float errors[] = {0.4f, 0.6f, 1.5f, 3, 4.5f};
    float target[] = {0, 0, 0, 10, 0, 0, 100, 0, 0}, model[9], each[3];
    for (int i = 0; i < 5; i++) {
        memcpy(model, target, sizeof model);
        model[3] += errors[i];
        assert_true(mote_lddt(3, model, target, NULL, each) == (4 - i) / 4.0);
        assert_true(each[0] == (float)(4 - i) / 4 && each[2] == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(residues_agree),
        cmocka_unit_test(frames_are_rigid),
        cmocka_unit_test(same_seed_same_bits),
        cmocka_unit_test(order_is_fair),
        cmocka_unit_test(masks_as_promised),
        cmocka_unit_test(refuses_features),
        cmocka_unit_test(one_row),
        cmocka_unit_test(scores_of_the_same),
        cmocka_unit_test(scores_of_parts),
        cmocka_unit_test(lddt_counts_quarters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
