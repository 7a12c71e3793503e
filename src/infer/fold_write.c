/* Predictions as files: structures, scores, and what ran. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "energy/machine.h"
#include "infer/memory.h"
#include "io/json.h"
#include "io/structure.h"
#include "io/text_writer.h"

/* Two names, their numbers and the ending of a temporary file fit into the 255 bytes that a file's name may have. */
enum { NAME_BYTES = 81, STEM_BYTES = 224, PATH_BYTES = MOTE_PATH_BYTES };

/* The files of one result, and of one prediction of it. */
typedef struct writing {
    mote_context *context;
    const mote_fold_result *result;
    const char *folder;
    mote_structure *structure; /* filled anew for each prediction */
    const mote_fold_prediction *prediction;
    size_t rank; /* from 1 */
    char name[NAME_BYTES], stem[STEM_BYTES], path[PATH_BYTES];
} writing;

static bool letter_or_digit(char c) { return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9'); }

/* As much of a name as may stand in a file's: letters, digits, '-', '_' and '.', and '_' for anything else. It begins
 * neither like a hidden file nor like an option. */
static void plain_name(const char *text, char name[NAME_BYTES])
{
    size_t length = 0;
    for (; text[length] && length < NAME_BYTES - 1; length++) {
        char c = text[length];
        name[length] = letter_or_digit(c) || (strchr("-.", c) && length > 0) ? c : '_';
    }
    name[length] = '\0';
    if (length == 0) {
        strcpy(name, "_");
    }
}

/* "NAME_rank_1_MODEL_seed_0" */
static void name_files(const writing *w, size_t rank, char stem[STEM_BYTES])
{
    char model[NAME_BYTES];
    const mote_fold_prediction *p = &w->result->predictions[rank - 1];
    plain_name(p->model, model);
    snprintf(stem, STEM_BYTES, "%s_rank_%zu_%s_seed_%" PRIu64, w->name, rank, model, p->seed);
}

/* Sets w->path to a file of this prediction. */
static mote_status choose_path(writing *w, const char *ending)
{
    char name[STEM_BYTES + 8];
    snprintf(name, sizeof name, "%s%s", w->stem, ending);
    return mote_path_join(w->context, w->folder, name, w->path);
}

/* ---- structures ---- */

static void fill_structure(const writing *w)
{
    const mote_fold_result *r = w->result;
    const mote_fold_prediction *p = w->prediction;
    mote_structure *s = w->structure;
    for (size_t i = 0; i < r->residues; i++) {
        s->types[i] = r->types[i];
        s->chains[i] = (uint32_t)r->chain_of[i];
        s->numbers[i] = r->index[i] + 1;
        s->factors[i] = p->residue_lddt[i];
    }
    memcpy(s->positions, p->positions, r->residues * MOTE_ATOM_COUNT * 3 * sizeof *s->positions);
    memcpy(s->mask, p->atom_mask, r->residues * MOTE_ATOM_COUNT);
}

/* Where a PDB file has no room for the structure there is none, not even an old one. */
static mote_status write_pdb(writing *w)
{
    mote_status status = choose_path(w, ".pdb");
    status = status == MOTE_OK ? mote_structure_write_pdb(w->context, w->path, w->structure) : status;
    if (status == MOTE_ERROR_UNSUPPORTED) {
        status = unlink(w->path) == 0 || errno == ENOENT
                     ? MOTE_OK
                     : mote_fail(w->context, MOTE_ERROR_IO, "%s: cannot remove: %s", w->path, strerror(errno));
    }
    return status;
}

static mote_status write_mmcif(writing *w)
{
    char name[NAME_BYTES + 32];
    snprintf(name, sizeof name, "%s_rank_%zu", w->name, w->rank);
    mote_status status = choose_path(w, ".cif");
    return status == MOTE_OK ? mote_structure_write_mmcif(w->context, w->path, name, w->structure) : status;
}

/* ---- scores ---- */

/* A text of a result; they have less than 512 bytes. */
static json_t *text_of(const char *name)
{
    char text[512];
    snprintf(text, sizeof text, "%s", name);
    mote_text_repair(text);
    return json_string(text);
}

/* Adds a member, or at the end; where there is no memory the whole becomes NULL, and stays so. */
static void add(json_t **object, const char *key, json_t *value)
{
    if (json_object_set_new(*object, key, value) != 0) {
        json_decref(*object);
        *object = NULL;
    }
}

static void append(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) != 0) {
        json_decref(*array);
        *array = NULL;
    }
}

static void add_finite(json_t **object, const char *key, double value)
{
    if (isfinite(value)) {
        add(object, key, json_real(value));
    }
}

/* What a prediction is, and its scores that are single numbers. NULL without memory. */
static json_t *describe_prediction(const writing *w, size_t rank)
{
    const mote_fold_prediction *p = &w->result->predictions[rank - 1];
    json_t *root = json_pack("{s:o s:o s:o s:o}", "rank", mote_json_count(rank), "model", text_of(p->model), "seed",
                             mote_json_count(p->seed), "rounds", mote_json_count(p->rounds));
    add_finite(&root, "change", p->change);
    add_finite(&root, "mean_plddt", p->lddt);
    add_finite(&root, "ptm", p->tm);
    add_finite(&root, "iptm", p->interface_tm);
    add_finite(&root, "score", p->score);
    add_finite(&root, "seconds", p->seconds);
    return root;
}

/* A number of two decimals; null if it is none. */
static void put_number(mote_text_writer *writer, float value)
{
    static const float largest = 1e9f;
    char text[MOTE_FIXED_BYTES];
    mote_text_writer_put(writer, "%s", fabsf(value) < largest ? mote_text_fixed(value, 2, text) : "null");
}

static void put_numbers(mote_text_writer *writer, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mote_text_writer_put(writer, i ? "," : "[");
        put_number(writer, values[i]);
    }
    mote_text_writer_put(writer, "]");
}

static float largest_of(const float *values, size_t count)
{
    float largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = isfinite(values[i]) && values[i] > largest ? values[i] : largest;
    }
    return largest;
}

/* The object head, an open one: without its closing brace. */
static void put_head(mote_text_writer *writer, const char *head, size_t length)
{
    enum { PIECE = 500 };
    for (size_t at = 0; at + 1 < length; at += PIECE) {
        mote_text_writer_put(writer, "%.*s", (int)mote_size_min(PIECE, length - 1 - at), head + at);
    }
}

/* ColabFold's keys. Written by hand, for a tree of millions of numbers is a hundred times as large as its text. */
static mote_status write_scores(writing *w)
{
    const mote_fold_prediction *p = w->prediction;
    size_t residues = w->result->residues, length;
    mote_text_writer writer;
    char *head =
        mote_json_text(w->context, describe_prediction(w, w->rank), JSON_COMPACT | JSON_REAL_PRECISION(6), &length);
    mote_status status = head ? choose_path(w, ".json") : MOTE_ERROR_MEMORY;
    status = status == MOTE_OK ? mote_text_writer_create(w->context, w->path, &writer) : status;
    if (status == MOTE_OK) {
        put_head(&writer, head, length);
        mote_text_writer_put(&writer, ",\n\"plddt\":");
        put_numbers(&writer, p->residue_lddt, residues);
        if (p->aligned_error) {
            mote_text_writer_put(&writer, ",\n\"max_pae\":");
            put_number(&writer, largest_of(p->aligned_error, residues * residues));
            mote_text_writer_put(&writer, ",\n\"pae\":[");
            for (size_t i = 0; i < residues; i++) {
                mote_text_writer_put(&writer, i ? ",\n" : "\n");
                put_numbers(&writer, p->aligned_error + i * residues, residues);
            }
            mote_text_writer_put(&writer, "]");
        }
        mote_text_writer_put(&writer, "}\n");
        status = mote_text_writer_finish(&writer);
    }
    mote_release(w->context, head);
    return status;
}

/* ---- what ran ---- */

static json_t *describe_plan(const mote_fold_plan *plan)
{
    mote_fold_part parts[MOTE_FOLD_PARTS];
    json_t *categories = json_array();
    mote_fold_parts(plan, parts);
    for (int i = 0; i < MOTE_FOLD_PARTS; i++) {
        append(&categories, json_pack("{s:s s:o}", "name", parts[i].name, "bytes", mote_json_count(parts[i].bytes)));
    }
    return json_pack("{s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o}", "peak_bytes", mote_json_count(plan->total),
                     "categories", categories, "available_bytes",
                     plan->available ? mote_json_count(plan->available) : json_null(), "longest",
                     plan->longest ? mote_json_count(plan->longest) : json_null(), "clusters",
                     mote_json_count(plan->clusters), "extra", mote_json_count(plan->extra), "recycles",
                     mote_json_count(plan->recycles), "piece", mote_json_count(plan->piece), "multiply_adds",
                     mote_json_number(plan->multiply_adds), "bytes_moved", mote_json_number(plan->bytes_moved));
}

/* "measured: a meter" taken apart. */
static json_t *describe_energy(const mote_fold_result *r)
{
    char status[sizeof r->joules_source];
    size_t length = strcspn(r->joules_source, ":");
    const char *source = r->joules_source + length;
    snprintf(status, sizeof status, "%.*s", (int)length, r->joules_source);
    source += strspn(source, ": ");
    return json_pack("{s:o s:o s:o s:o}", "status", text_of(*status ? status : "unavailable"), "joules",
                     mote_json_number(r->joules), "joules_per_residue",
                     mote_json_number(r->joules / (double)(r->residues * r->count)), "source", text_of(source));
}

static json_t *describe_predictions(const writing *w)
{
    json_t *list = json_array();
    char stem[STEM_BYTES];
    for (size_t rank = 1; rank <= w->result->count; rank++) {
        json_t *prediction = describe_prediction(w, rank);
        name_files(w, rank, stem);
        add(&prediction, "files", json_string(stem));
        append(&list, prediction);
    }
    return list;
}

static mote_status write_run(writing *w)
{
    const mote_fold_result *r = w->result;
    char written[32];
    mote_json_date(written);
    mote_status status = mote_path_join(w->context, w->folder, "run.json", w->path);
    if (status != MOTE_OK) {
        return status;
    }
    json_t *root = json_pack("{s:s s:o s:s s:o s:o s:o s:{s:o} s:o s:o s:o s:o s:o}", "mote", mote_version(), "name",
                             text_of(r->name), "written", written, "residues", mote_json_count(r->residues), "chains",
                             mote_json_count(r->chains), "rows", mote_json_count(r->rows), "policy", "name",
                             text_of(r->plan.policy), "machine", mote_machine_json(w->context), "plan",
                             describe_plan(&r->plan), "seconds", mote_json_number(r->seconds), "energy",
                             describe_energy(r), "predictions", describe_predictions(w));
    return mote_json_write(w->context, w->path, root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
}

mote_status mote_fold_write(mote_context *context, const mote_fold_result *result, const char *folder)
{
    writing w = {.context = context, .result = result, .folder = folder};
    if (result->residues == 0 || result->chains == 0) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT, "'%s': a result without residues: nothing to write", folder);
    }
    mote_status status = mote_path_make(context, folder);
    if (status != MOTE_OK) {
        return status;
    }
    w.structure = mote_structure_create(context, result->residues, result->chains);
    if (!w.structure) {
        return MOTE_ERROR_MEMORY;
    }
    plain_name(result->name, w.name);
    for (w.rank = 1; w.rank <= result->count && status == MOTE_OK; w.rank++) {
        w.prediction = &result->predictions[w.rank - 1];
        name_files(&w, w.rank, w.stem);
        fill_structure(&w);
        status = write_pdb(&w);
        status = status == MOTE_OK ? write_mmcif(&w) : status;
        status = status == MOTE_OK ? write_scores(&w) : status;
    }
    status = status == MOTE_OK ? write_run(&w) : status;
    mote_structure_free(w.structure);
    return status;
}
