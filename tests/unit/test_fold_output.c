/* What a prediction leaves behind: its files. What is written is read back. */
#include <ctype.h>
#include <sys/stat.h>

#include "fold_result.h"

static void check_structure(const mote_fold_result *r, const mote_fold_prediction *p, const char *path)
{
    mote_structure *s;
    char name[MOTE_CHAIN_NAME_BYTES];
    unit_ok(context, mote_structure_read(context, path, &s));
    assert_int_equal(s->residues, r->residues);
    assert_int_equal(s->chain_count, r->chains);
    for (size_t i = 0; i < r->chains; i++) {
        assert_string_equal(s->chain_names[i], mote_chain_name(i, name));
    }
    for (size_t i = 0; i < r->residues; i++) {
        assert_int_equal(s->types[i], r->types[i]);
        assert_int_equal(s->chains[i], r->chain_of[i]);
        assert_int_equal(s->numbers[i], r->index[i] + 1);
        assert_float_equal(s->factors[i], p->residue_lddt[i], 0.00501);
    }
    assert_memory_equal(s->mask, p->atom_mask, r->residues * MOTE_ATOM_COUNT);
    for (size_t i = 0; i < r->residues * MOTE_ATOM_COUNT * 3; i++) {
        assert_float_equal(s->positions[i], p->atom_mask[i / 3] ? p->positions[i] : 0, 0.000502);
    }
    mote_structure_free(s);
}

static void check_scores(const mote_fold_result *r, const mote_fold_prediction *p, const char *path)
{
    json_t *root = read_json(path), *lddt = json_object_get(root, "plddt"), *pae = json_object_get(root, "pae");
    size_t n = r->residues;
    assert_int_equal(json_array_size(lddt), n);
    for (size_t i = 0; i < n; i++) {
        assert_float_equal(json_number_value(json_array_get(lddt, i)), p->residue_lddt[i], 0.00501);
    }
    assert_string_equal(text_at(root, "model"), p->model);
    assert_float_equal(number_at(root, "mean_plddt"), p->lddt, 1e-4);
    assert_int_equal(number_at(root, "seed"), p->seed);
    if (!p->aligned_error) {
        static const char *const absent[] = {"pae", "max_pae", "ptm", "iptm", "change"};
        for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
            assert_null(json_object_get(root, absent[i]));
        }
    } else {
        float most = 0;
        assert_int_equal(json_array_size(pae), n);
        for (size_t i = 0; i < n * n; i++) {
            const json_t *row = json_array_get(pae, i / n);
            assert_int_equal(json_array_size(row), n);
            assert_float_equal(json_number_value(json_array_get(row, i % n)), p->aligned_error[i], 0.00501);
            most = fmaxf(most, p->aligned_error[i]);
        }
        assert_float_equal(number_at(root, "max_pae"), most, 0.00501);
        assert_float_equal(number_at(root, "ptm"), 0.8125, 1e-6);
        assert_float_equal(number_at(root, "change"), 0.25, 1e-6);
    }
    json_decref(root);
}

static void check_run(const mote_fold_result *r, const char *path)
{
    json_t *root = read_json(path), *energy = json_object_get(root, "energy"), *plan = json_object_get(root, "plan"),
           *predictions = json_object_get(root, "predictions"), *parts = json_object_get(plan, "categories");
    double sum = 0;
    assert_string_equal(text_at(root, "mote"), mote_version());
    assert_string_equal(text_at(json_object_get(root, "policy"), "name"), r->plan.policy);
    assert_true(number_at(json_object_get(root, "machine"), "threads") == 1);
    assert_string_equal(text_at(energy, "status"), "modelled");
    assert_string_equal(text_at(energy, "source"), "a guess");
    assert_true(number_at(energy, "joules") == 3456);
    assert_true(number_at(plan, "peak_bytes") == 1000);
    for (size_t i = 0; i < json_array_size(parts); i++) {
        sum += number_at(json_array_get(parts, i), "bytes");
    }
    assert_true(sum == 1000);
    assert_int_equal(json_array_size(predictions), r->count);
    assert_string_equal(text_at(json_array_get(predictions, 0), "files"), "protein_rank_1_model_1_ptm_seed_7");
    json_decref(root);
}

static void files_say_what_was_predicted(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(50, 2, 2, 3);
    add_errors(&r->predictions[0], 50);
    char out[600], path[700];
    snprintf(out, sizeof out, "%s/a/deep/folder", new_folder("files"));
    unit_ok(context, mote_fold_write(context, r, out));
    assert_int_equal(count_files(out, ""), 7);
    for (size_t i = 0; i < 2; i++) {
        static const char *const endings[] = {"pdb", "cif"};
        for (int k = 0; k < 2; k++) {
            snprintf(path, sizeof path, "%s/protein_rank_%zu_model_%zu_ptm_seed_7.%s", out, i + 1, i + 1, endings[k]);
            check_structure(r, &r->predictions[i], path);
        }
        snprintf(path, sizeof path, "%s/protein_rank_%zu_model_%zu_ptm_seed_7.json", out, i + 1, i + 1);
        check_scores(r, &r->predictions[i], path);
    }
    snprintf(path, sizeof path, "%s/run.json", out);
    check_run(r, path);
    unit_ok(context, mote_fold_write(context, r, out)); /* once more, over the old ones */
    assert_int_equal(count_files(out, ""), 7);
    free_result(r);
    new_folder("files");
}

/* PDB files name 62 chains. */
static void pdb_has_its_limits(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(126, 63, 1, 1);
    const char *out = new_folder("files");
    char stale[600];
    assert_int_equal(mkdir(out, 0777), 0);
    snprintf(stale, sizeof stale, "%s/protein_rank_1_model_1_ptm_seed_7.pdb", out);
    fclose(fopen(stale, "w"));
    unit_ok(context, mote_fold_write(context, r, out));
    assert_int_equal(count_files(out, ".pdb"), 0);
    assert_int_equal(count_files(out, ".cif"), 1);
    assert_int_equal(count_files(out, ""), 3);
    free_result(r);
    new_folder("files");
}

static void names_are_harmless(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(5, 1, 3, 1);
    const char *out = new_folder("files");
    char longest[sizeof r->predictions[0].model];
    strcpy(r->name, "../../</script><b>\xff\xc3\xa9 x");
    strcpy(r->predictions[0].model, "-rf \n.\"'$(x)");
    memset(longest, '.', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    strcpy(r->predictions[1].model, longest);
    *r->predictions[2].model = '\0';
    r->predictions[2].seed = UINT64_MAX;
    unit_ok(context, mote_fold_write(context, r, out));
    assert_int_equal(count_files(out, ""), 10);
    DIR *entries = opendir(out);
    for (struct dirent *e; (e = readdir(entries)) != NULL;) {
        for (const char *c = e->d_name; *c; c++) {
            assert_true(isalnum((unsigned char)*c) || strchr("-_.", *c));
        }
        assert_true(*e->d_name != '-' && strlen(e->d_name) < 230);
    }
    closedir(entries);
    char path[600];
    snprintf(path, sizeof path, "%s/run.json", out);
    json_t *root = read_json(path);
    assert_string_equal(text_at(root, "name"), "../../</script><b>?\xc3\xa9 x");
    assert_string_equal(text_at(json_array_get(json_object_get(root, "predictions"), 2), "seed"),
                        "18446744073709551615");
    json_decref(root);
    free_result(r);
    new_folder("files");
}

static void broken_results(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(30, 1, 1, 1);
    const char *out = new_folder("files");
    r->predictions[0].positions[3 * MOTE_ATOM_COUNT + 4] = NAN;
    refused(mote_fold_write(context, r, out), MOTE_ERROR_ARGUMENT, "residue 2: expected finite");
    assert_int_equal(count_files(out, ""), 0);
    r->residues = 0;
    refused(mote_fold_write(context, r, out), MOTE_ERROR_ARGUMENT, "without residues");
    free_result(r);
    new_folder("files");
}

/* One residue, and many. */
static void all_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 1500};
    for (size_t i = 0; i < 2; i++) {
        mote_fold_result *r = make_result(sizes[i], i ? 3 : 1, 5, 1);
        const char *out = new_folder("files");
        add_errors(&r->predictions[0], sizes[i]);
        unit_ok(context, mote_fold_write(context, r, out));
        check_structure(r, &r->predictions[0], folder_path("files/protein_rank_1_model_1_ptm_seed_7.pdb"));
        check_structure(r, &r->predictions[4], folder_path("files/protein_rank_5_model_5_ptm_seed_7.cif"));
        check_scores(r, &r->predictions[0], folder_path("files/protein_rank_1_model_1_ptm_seed_7.json"));
        free_result(r);
        new_folder("files");
    }
}

static void full_disks(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(60, 2, 2, 3);
    const char *out = new_folder("files"), *pdb = folder_path("files/protein_rank_1_model_1_ptm_seed_7.pdb");
    struct stat whole;
    add_errors(&r->predictions[0], 60);
    unit_ok(context, mote_fold_write(context, r, out));
    assert_int_equal(stat(pdb, &whole), 0);
    const rlim_t sizes[] = {300, 3000, (rlim_t)whole.st_size - 1, (rlim_t)whole.st_size};
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) { /* what fits is whole, what does not is not there */
        new_folder("files");
        limit_files(sizes[i]);
        mote_status status = mote_fold_write(context, r, out);
        limit_files(RLIM_INFINITY);
        refused(status, MOTE_ERROR_IO, "cannot write: File too large");
        assert_int_equal(count_files(out, ""), i == 3);
    }
    check_structure(r, &r->predictions[0], pdb);
    free_result(r);
    new_folder("files");
}

static void no_folder(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(5, 1, 1, 1);
    char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    folder_text("file", "");
    refused(mote_fold_write(context, r, folder_path("file")), MOTE_ERROR_IO, "Not a directory");
    refused(mote_fold_write(context, r, folder_path("file/out")), MOTE_ERROR_IO, "cannot make the folder");
    refused(mote_fold_write(context, r, longest), MOTE_ERROR_ARGUMENT, "expected a folder's path of 1 to 4095 bytes");
    refused(mote_fold_write(context, r, ""), MOTE_ERROR_ARGUMENT, "expected a folder's path");
    remove(folder_path("file"));
    const char *out = new_folder("files");
    mkdir(out, 0555);
    if (access(out, W_OK) != 0) { /* there are users that may write everywhere */
        refused(mote_fold_write(context, r, out), MOTE_ERROR_IO, "Permission denied");
        assert_int_equal(count_files(out, ""), 0);
    }
    free_result(r);
    new_folder("files");
}

/* Every allocation, open, write and rename fails once: an error, and nothing that is half there. */
static void faults(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(12, 2, 2, 3);
    char out[512], run[600]; /* folder_path() forgets */
    snprintf(out, sizeof out, "%s", new_folder("files"));
    snprintf(run, sizeof run, "%s/run.json", out);
    mote_fault_site site = MOTE_FAULT_ALLOCATE;
    add_errors(&r->predictions[0], 12);
    context->fault = fail_one;
    context->fault_user = &site;
    for (; site <= MOTE_FAULT_RENAME; site++) {
        bool fired = true;
        for (long k = 0; fired; k++) {
            new_folder("files");
            faults_left = k;
            mote_status status = mote_fold_write(context, r, out);
            fired = faults_left < 0;
            assert_int_equal(status, !fired                        ? MOTE_OK
                                     : site == MOTE_FAULT_ALLOCATE ? MOTE_ERROR_MEMORY
                                                                   : MOTE_ERROR_IO);
            assert_int_equal(count_files(out, ".part"), 0);
            assert_int_equal(access(run, F_OK), fired ? -1 : 0);
        }
    }
    context->fault = NULL;
    json_set_alloc_funcs(json_allocate, json_release);
    bool fired = true;
    for (long k = 0; fired; k++) {
        json_left = k;
        mote_status status = mote_fold_write(context, r, out);
        fired = json_left < 0;
        assert_int_equal(status, fired ? MOTE_ERROR_MEMORY : MOTE_OK);
        assert_int_equal(json_live, 0);
    }
    json_set_alloc_funcs(malloc, free);
    free_result(r);
    new_folder("files");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_say_what_was_predicted),
        cmocka_unit_test(pdb_has_its_limits),
        cmocka_unit_test(names_are_harmless),
        cmocka_unit_test(broken_results),
        cmocka_unit_test(all_sizes),
        cmocka_unit_test(full_disks),
        cmocka_unit_test(no_folder),
        cmocka_unit_test(faults),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
