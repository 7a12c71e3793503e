/* Predictions made by formula, and what tests of their files and pages share. */
#ifndef TESTS_FOLD_RESULT_H
#define TESTS_FOLD_RESULT_H

#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/context.h"
#include "folder.h"
#include "io/structure.h"
#include "mote/fold.h"

static mote_context *context;

static inline int set_up(void **state)
{
    context = unit_context(1, NULL);
    return folder_open(state);
}

static inline int tear_down(void **state)
{
    mote_context_destroy(context);
    return folder_close(state);
}

/* ---- results ---- */

/* Alpha helices, and strands, of 20 residues each in turn; the other backbone atoms around the alpha carbon. */
static inline void place_residue(size_t i, float *positions, unsigned char *mask)
{
    bool helix = i / 20 % 2 == 0;
    double turn = 100 * acos(-1) / 180 * (double)(i % 20), along = helix ? 1.5 : 3.3;
    double ca[3] = {(helix ? 2.3 * cos(turn) : 0) + 12 * (double)(i / 20),
                    helix   ? 2.3 * sin(turn)
                    : i % 2 ? 0.9
                            : -0.9,
                    along * (double)(i % 20)};
    static const double around[5][3] = {{-0.5, 0.8, -1.1}, {0, 0, 0}, {0.6, 0.7, 1.2}, {1, -0.9, 0.5}, {1.2, 1.7, 1.3}};
    for (int a = 0; a < 5; a++) {
        mask[a] = 1;
        for (int k = 0; k < 3; k++) {
            positions[3 * a + k] = (float)(ca[k] + around[a][k]);
        }
    }
}

static inline float lddt_at(size_t i) { return (float)(30 + 68 * (0.5 + 0.5 * sin((double)i / 7))); }

static inline float error_at(size_t row, size_t column)
{
    double apart = fabs((double)row - (double)column);
    return (float)fmin(31.75, 0.25 + 0.3 * apart + 0.2 * (double)(column % 10));
}

static inline void make_prediction(mote_fold_prediction *p, size_t residues, int number)
{
    *p =
        (mote_fold_prediction){.seed = 7, .rounds = 4, .change = NAN, .tm = NAN, .interface_tm = NAN, .seconds = 61.26};
    snprintf(p->model, sizeof p->model, "model_%d_ptm", number);
    p->residue_lddt = calloc(residues, sizeof *p->residue_lddt);
    p->positions = calloc(residues * MOTE_ATOM_COUNT * 3, sizeof *p->positions);
    p->atom_mask = calloc(residues, MOTE_ATOM_COUNT);
    for (size_t i = 0; i < residues; i++) {
        float *at = p->positions + i * MOTE_ATOM_COUNT * 3;
        place_residue(i, at, p->atom_mask + i * MOTE_ATOM_COUNT);
        for (int a = 0; a < MOTE_ATOM_COUNT && number > 1; a++) { /* another place: a quarter turn, and away */
            float x = at[3 * a];
            at[3 * a] = -at[3 * a + 1] + 40;
            at[3 * a + 1] = x - 15;
        }
        p->residue_lddt[i] = lddt_at(i);
        p->lddt += (double)lddt_at(i) / (double)residues;
    }
    p->score = p->lddt;
}

static inline void add_errors(mote_fold_prediction *p, size_t residues)
{
    p->aligned_error = calloc(residues * residues, sizeof *p->aligned_error);
    for (size_t i = 0; i < residues * residues; i++) {
        p->aligned_error[i] = error_at(i / residues, i % residues);
    }
    p->tm = 0.8125;
    p->change = 0.25;
}

/* chains of equal lengths, the last takes what is left; rows: the k-th shares all but k residues with the query, and
 * the second half of the rows has residues of the first chain alone. */
static inline mote_fold_result *make_result(size_t residues, size_t chains, size_t count, size_t rows)
{
    mote_fold_result *r = calloc(1, sizeof *r);
    unsigned char *types = calloc(residues, 1), *codes = calloc(rows, residues);
    int *chain_of = calloc(residues, sizeof *chain_of), *index = calloc(residues, sizeof *index);
    size_t length = residues / chains;
    for (size_t i = 0; i < residues; i++) {
        types[i] = (unsigned char)(i % 20);
        chain_of[i] = (int)mote_size_min(i / length, chains - 1);
        index[i] = (int)(i - (size_t)chain_of[i] * length);
    }
    for (size_t i = 0; i < rows * residues; i++) {
        size_t row = i / residues, place = i % residues;
        bool outside = chains > 1 && 2 * row >= rows && chain_of[place] > 0;
        codes[i] = outside ? 21 : (unsigned char)((place + (place < row)) % 20);
    }
    *r = (mote_fold_result){.residues = residues,
                            .chains = chains,
                            .types = types,
                            .chain_of = chain_of,
                            .index = index,
                            .rows = rows,
                            .codes = codes,
                            .count = count,
                            .seconds = 125.5,
                            .joules = 3456,
                            .joules_source = "modelled: a guess"};
    strcpy(r->name, "protein");
    r->plan = (mote_fold_plan){
        .policy = "mxfp8_e4m3",
        .memory = {.total = 900, .parameters = 300, .inputs = 100, .saved = 50, .temporaries = 250, .workspace = 200},
        .features = 70,
        .total = 1000,
        .available = 5000,
        .multiply_adds = 1.5e12};
    r->predictions = calloc(count, sizeof *r->predictions);
    for (size_t i = 0; i < count; i++) {
        make_prediction(&r->predictions[i], residues, (int)i + 1);
    }
    return r;
}

static inline void free_result(mote_fold_result *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->predictions[i].residue_lddt);
        free(r->predictions[i].aligned_error);
        free(r->predictions[i].positions);
        free(r->predictions[i].atom_mask);
    }
    free((void *)r->types);
    free((void *)r->codes);
    free((void *)r->chain_of);
    free((void *)r->index);
    free(r->predictions);
    free(r);
}

/* ---- files ---- */

/* A new folder for files, which holds nothing yet. */
static inline const char *new_folder(const char *name)
{
    char command[600];
    const char *path = folder_path(name);
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
    return path;
}

static inline size_t count_files(const char *path, const char *ending)
{
    size_t count = 0;
    DIR *entries = opendir(path);
    for (struct dirent *e; entries && (e = readdir(entries)) != NULL;) {
        size_t length = strlen(e->d_name), tail = strlen(ending);
        count += *e->d_name != '.' && length >= tail && strcmp(e->d_name + length - tail, ending) == 0;
    }
    if (entries) {
        closedir(entries);
    }
    return count;
}

static inline char *read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    assert_int_equal(fread(text, 1, (size_t)size, file), size);
    fclose(file);
    assert_int_equal(strlen(text), size);
    return text;
}

static inline json_t *read_json(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root) {
        fail_msg("%s: line %d: %s", path, error.line, error.text);
    }
    return root;
}

static inline double number_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) {
        fail_msg("'%s' is no number", key);
    }
    return json_number_value(value);
}

static inline const char *text_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) {
        fail_msg("'%s' is no text", key);
    }
    return json_string_value(value);
}

static inline void refused(mote_status status, mote_status expected, const char *part)
{
    if (status != expected || !strstr(mote_context_message(context), part)) {
        fail_msg("status %d, message '%s', expected '%s'", status, mote_context_message(context), part);
    }
}

static inline void limit_files(rlim_t size)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = size;
    setrlimit(RLIMIT_FSIZE, &limit);
}

/* ---- faults ---- */

/* Counts down to the allocation or system call that fails. */
static long faults_left;

static inline mote_fault fail_one(void *user, mote_fault_site site)
{
    return site == *(mote_fault_site *)user && faults_left-- == 0 ? MOTE_FAULT_FAIL : MOTE_FAULT_NONE;
}

/* The same for what jansson allocates; what it hands out is counted, so that nothing may leak. */
static long json_left, json_live;

static inline void *json_allocate(size_t size)
{
    void *made = json_left-- == 0 ? NULL : malloc(size);
    json_live += made != NULL;
    return made;
}

static inline void json_release(void *pointer)
{
    json_live -= pointer != NULL;
    free(pointer);
}

#endif
