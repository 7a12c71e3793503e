/* What tests/python compares with other programs: structures as read and written, residues, features, scores. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fold/features.h"
#include "fold/residue.h"
#include "fold/score.h"
#include "io/structure.h"

static mote_context *context;

/* ---- structures ---- */

static void print_structure(const mote_structure *s)
{
    for (size_t i = 0; i < s->residues; i++) {
        printf("%s %d %c %s %.9g", s->chain_names[s->chains[i]], s->numbers[i],
               s->insertions[i] ? s->insertions[i] : '.', mote_residue_name(s->types[i]), s->factors[i]);
        for (int a = 0; a < MOTE_ATOM_COUNT; a++) {
            size_t at = i * MOTE_ATOM_COUNT + (size_t)a;
            if (s->mask[at]) {
                const float *p = s->positions + 3 * at;
                printf(" %s %.9g %.9g %.9g", mote_atom_name(a), p[0], p[1], p[2]);
            }
        }
        putchar('\n');
    }
}

static mote_status structure(int count, char **arguments)
{
    mote_structure *s;
    mote_status status = mote_structure_read(context, arguments[0], &s);
    if (status == MOTE_OK && count == 1) {
        print_structure(s);
    } else if (status == MOTE_OK) {
        const char *ending = strrchr(arguments[1], '.');
        status = ending && strcmp(ending, ".cif") == 0
                     ? mote_structure_write_mmcif(context, arguments[1], count > 2 ? arguments[2] : "", s)
                     : mote_structure_write_pdb(context, arguments[1], s);
    }
    mote_structure_free(s);
    return status;
}

/* ---- residues ---- */

/* The tables as they lie in memory, one behind the other. */
static mote_status residues(int count, char **arguments)
{
    (void)count;
    (void)arguments;
    mote_residue_tables t;
    mote_residue_tables_fill(&t);
#define PUT(field) fwrite(t.field, 1, sizeof t.field, stdout)
    PUT(atom14_mask);
    PUT(atom37_mask);
    PUT(atom14_to_atom37);
    PUT(atom37_to_atom14);
    PUT(atom14_group);
    PUT(atom14_position);
    PUT(atom14_swap);
    PUT(atom14_ambiguous);
    PUT(chi_mask);
    PUT(chi_symmetric);
    PUT(chi_atoms);
    PUT(frames);
#undef PUT
    return MOTE_OK;
}

/* ---- features ---- */

static void put(const void *array, size_t count, size_t size) { fwrite(array, size, count, stdout); }

static void put_msa(const mote_msa *m)
{
    printf("%zu %zu %zu\n", m->rows, m->length, m->chain_count);
    put(m->types, m->length, 1);
    put(m->residue_index, m->length, 4);
    put(m->asym_id, m->length, 4);
    put(m->entity_id, m->length, 4);
    put(m->sym_id, m->length, 4);
    put(m->codes, m->rows * m->length, 1);
    put(m->deletions, m->rows * m->length, 2);
    put(m->profile, m->length * MOTE_MSA_PROFILE, 4);
}

static void put_features(const mote_features *f)
{
    printf("%zu %zu %zu %zu\n", f->clusters, f->extra, f->length, f->target_channels);
    put(f->rows, f->clusters + f->extra_rows, 4);
    put(f->target, f->length * f->target_channels, 4);
    put(f->msa, f->clusters * f->length * MOTE_MSA_CHANNELS, 4);
    put(f->msa_mask, f->clusters * f->length, 4);
    put(f->true_msa, f->clusters * f->length, 1);
    put(f->bert_mask, f->clusters * f->length, 4);
    put(f->extra_msa, f->extra * f->length, 1);
    put(f->extra_mask, f->extra * f->length, 4);
    put(f->extra_has_deletion, f->extra * f->length, 4);
    put(f->extra_deletion_value, f->extra * f->length, 4);
}

/* PATH monomer|multimer CLUSTERS EXTRA REPLACED SEED RECYCLES */
static mote_status features(int count, char **arguments)
{
    mote_alignment *alignment;
    mote_msa *msa = NULL;
    mote_features *made = NULL;
    if (count != 7) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "expected seven arguments, found %d", count);
    }
    bool multimer = strcmp(arguments[1], "multimer") == 0;
    mote_features_options options = {.clusters = strtoul(arguments[2], NULL, 10),
                                     .extra = strtoul(arguments[3], NULL, 10),
                                     .replaced = strtof(arguments[4], NULL),
                                     .seed = strtoull(arguments[5], NULL, 10)};
    mote_status status = mote_alignment_read(context, arguments[0], &alignment);
    if (status == MOTE_OK) {
        status = multimer ? mote_msa_multimer(context, alignment, &msa) : mote_msa_monomer(context, alignment, &msa);
    }
    mote_alignment_free(alignment);
    status = status == MOTE_OK ? mote_features_create(context, msa, &options, &made) : status;
    if (status == MOTE_OK) {
        put_msa(msa);
    }
    for (uint32_t i = 0; status == MOTE_OK && i < strtoul(arguments[6], NULL, 10); i++) {
        mote_features_sample(context, msa, i, made);
        put_features(made);
    }
    mote_features_free(made);
    mote_msa_free(msa);
    return status;
}

/* ---- scores ---- */

/* Reads COUNT points of two structures from standard input as float32 [2, COUNT, 3]. */
static mote_status scores(int count, char **arguments)
{
    size_t points = count == 1 ? strtoul(arguments[0], NULL, 10) : 0;
    float *all = calloc(points + 1, 7 * sizeof *all), *each = all + 6 * points;
    mote_superposition s;
    double tm, lddt;
    if (!all || fread(all, 3 * sizeof *all, 2 * points, stdin) != 2 * points) {
        free(all);
        return mote_fail(context, MOTE_ERROR_FILE, "too few points");
    }
    mote_superpose(points, all, all + 3 * points, NULL, &s);
    mote_status status = mote_tm_score(context, points, all, all + 3 * points, NULL, points, &tm);
    if (status == MOTE_OK) {
        lddt = mote_lddt(points, all, all + 3 * points, NULL, each);
        printf("%.17g %.17g %.17g\n", s.rmsd, tm, lddt);
        for (int i = 0; i < 3; i++) {
            printf("%.17g %.17g %.17g %.17g\n", s.rotation[i][0], s.rotation[i][1], s.rotation[i][2], s.translation[i]);
        }
        for (size_t i = 0; i < points; i++) {
            printf("%.9g ", each[i]);
        }
        putchar('\n');
    }
    free(all);
    return status;
}

int main(int argc, char **argv)
{
    static const struct verb {
        const char *name;
        int least;
        mote_status (*run)(int count, char **arguments);
    } verbs[] = {
        {"structure", 1, structure}, {"residues", 0, residues}, {"features", 7, features}, {"scores", 1, scores}};
    if (argc < 2 || mote_context_create(NULL, &context, NULL, 0) != MOTE_OK) {
        return 2;
    }
    mote_status status = MOTE_ERROR_ARGUMENT;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].least) {
            status = verbs[i].run(argc - 2, argv + 2);
        }
    }
    if (status != MOTE_OK) {
        fprintf(stderr, "%s\n", mote_context_message(context));
    }
    mote_context_destroy(context);
    return status != MOTE_OK;
}
