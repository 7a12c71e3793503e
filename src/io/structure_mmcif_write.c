/* Writes mmCIF files with ModelCIF's tables of confidence, as the AlphaFold database has them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/structure_format.h"
#include "io/text_writer.h"

enum { SEQUENCE_LINE = 80, NAME_MAXIMUM = 128, VALUE_BYTES = 512 };

/* Numbers beyond this are no structure's, and would not fit the width of mote_text_fixed(). */
static const float number_maximum = 1e9f;

/* What is written, and which residues and entity each chain is. */
typedef struct document {
    mote_text_writer writer;
    const mote_structure *structure;
    size_t *begins;      /* [chain_count + 1]: the first residue of each chain, and the end */
    size_t *entities;    /* [chain_count]: from 1 on */
    size_t *firsts;      /* [entity_count]: the first chain of each */
    size_t entity_count; /* chains with the same residues are one entity */
} document;

/* A name as a CIF value: in quotes unless it begins with a letter or digit and is no reserved word. */
static const char *value(const char *name, char text[VALUE_BYTES])
{
    static const char *const reserved[] = {"data_", "loop_", "save_", "global_", "stop_"};
    char first = (char)(*name | 0x20);
    bool plain = (first >= 'a' && first <= 'z') || (*name >= '0' && *name <= '9');
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        size_t k = 0;
        while (reserved[i][k] && (name[k] == reserved[i][k] || (name[k] | 0x20) == reserved[i][k])) {
            k++;
        }
        plain = plain && reserved[i][k];
    }
    const char *quote = plain ? "" : "'";
    snprintf(text, VALUE_BYTES, "%s%s%s", quote, name, quote);
    return text;
}

static bool same_chain(const document *d, size_t a, size_t b)
{
    size_t length = d->begins[a + 1] - d->begins[a];
    const uint8_t *types = d->structure->types;
    return length == d->begins[b + 1] - d->begins[b] && memcmp(types + d->begins[a], types + d->begins[b], length) == 0;
}

static void find_entities(document *d)
{
    const mote_structure *s = d->structure;
    for (size_t i = s->residues; i-- > 0;) {
        d->begins[s->chains[i]] = i;
    }
    d->begins[s->chain_count] = s->residues;
    for (size_t c = 0; c < s->chain_count; c++) {
        size_t e = 0;
        while (e < d->entity_count && !same_chain(d, d->firsts[e], c)) {
            e++;
        }
        if (e == d->entity_count) {
            d->firsts[d->entity_count++] = c;
        }
        d->entities[c] = e + 1;
    }
}

/* ---- tables ---- */

static void put_sequence(document *d, size_t entity)
{
    mote_text_writer *w = &d->writer;
    size_t chain = d->firsts[entity], begin = d->begins[chain], end = d->begins[chain + 1];
    mote_text_writer_put(w, "%zu polypeptide(L) no no\n;", entity + 1);
    for (size_t i = begin; i < end; i++) {
        bool full = (i - begin) % SEQUENCE_LINE == 0 && i > begin;
        mote_text_writer_put(w, "%s%c", full ? "\n" : "", "ARNDCQEGHILKMFPSTWYVX"[d->structure->types[i]]);
    }
    mote_text_writer_put(w, "\n;\n");
    char before = '\''; /* a list of names is one value */
    for (size_t c = 0; c < d->structure->chain_count; c++) {
        if (d->entities[c] == entity + 1) {
            mote_text_writer_put(w, "%c%s", before, d->structure->chain_names[c]);
            before = ',';
        }
    }
    mote_text_writer_put(w, "'\n");
}

static void put_entities(document *d)
{
    mote_text_writer *w = &d->writer;
    const mote_structure *s = d->structure;
    char name[VALUE_BYTES];
    mote_text_writer_put(w, "loop_\n_entity.id\n_entity.type\n_entity.pdbx_description\n");
    for (size_t e = 0; e < d->entity_count; e++) {
        mote_text_writer_put(w, "%zu polymer .\n", e + 1);
    }
    mote_text_writer_put(w, "#\nloop_\n_entity_poly.entity_id\n_entity_poly.type\n_entity_poly.nstd_linkage\n"
                            "_entity_poly.nstd_monomer\n_entity_poly.pdbx_seq_one_letter_code\n"
                            "_entity_poly.pdbx_strand_id\n");
    for (size_t e = 0; e < d->entity_count; e++) {
        put_sequence(d, e);
    }
    mote_text_writer_put(w, "#\nloop_\n_entity_poly_seq.entity_id\n_entity_poly_seq.num\n_entity_poly_seq.mon_id\n"
                            "_entity_poly_seq.hetero\n");
    for (size_t e = 0; e < d->entity_count; e++) {
        size_t begin = d->begins[d->firsts[e]], end = d->begins[d->firsts[e] + 1];
        for (size_t i = begin; i < end; i++) {
            mote_text_writer_put(w, "%zu %zu %s n\n", e + 1, i - begin + 1, mote_residue_name(s->types[i]));
        }
    }
    mote_text_writer_put(w, "#\nloop_\n_struct_asym.id\n_struct_asym.entity_id\n");
    for (size_t c = 0; c < s->chain_count; c++) {
        mote_text_writer_put(w, "%s %zu\n", value(s->chain_names[c], name), d->entities[c]);
    }
}

static void put_components(document *d)
{
    mote_text_writer *w = &d->writer;
    bool has[MOTE_RESIDUE_TYPES] = {false};
    for (size_t i = 0; i < d->structure->residues; i++) {
        has[d->structure->types[i]] = true;
    }
    mote_text_writer_put(w, "#\nloop_\n_chem_comp.id\n_chem_comp.type\n");
    for (int type = 0; type < MOTE_RESIDUE_TYPES; type++) {
        const char *name = mote_residue_name(type);
        if (has[type]) {
            mote_text_writer_put(w, "%s '%speptide linking'\n", name, strcmp(name, "GLY") == 0 ? "" : "L-");
        }
    }
    mote_text_writer_put(w, "#\nloop_\n_atom_type.symbol\nC\nN\nO\nS\n");
}

static void put_confidence(document *d)
{
    mote_text_writer *w = &d->writer;
    const mote_structure *s = d->structure;
    char name[VALUE_BYTES], number[MOTE_FIXED_BYTES];
    double sum = 0;
    for (size_t i = 0; i < s->residues; i++) {
        sum += s->factors[i];
    }
    mote_text_writer_put(w,
                         "#\n_ma_data.id 1\n_ma_data.name Model\n_ma_data.content_type 'model coordinates'\n"
                         "#\n_ma_model_list.ordinal_id 1\n_ma_model_list.model_id 1\n_ma_model_list.data_id 1\n"
                         "_ma_model_list.model_type 'Ab initio model'\n"
                         "#\nloop_\n_ma_qa_metric.id\n_ma_qa_metric.mode\n_ma_qa_metric.name\n_ma_qa_metric.type\n"
                         "1 global pLDDT pLDDT\n2 local pLDDT pLDDT\n"
                         "#\n_ma_qa_metric_global.ordinal_id 1\n_ma_qa_metric_global.model_id 1\n"
                         "_ma_qa_metric_global.metric_id 1\n_ma_qa_metric_global.metric_value %s\n",
                         mote_text_fixed(sum / (double)s->residues, 2, number));
    mote_text_writer_put(w, "#\nloop_\n_ma_qa_metric_local.ordinal_id\n_ma_qa_metric_local.model_id\n"
                            "_ma_qa_metric_local.label_asym_id\n_ma_qa_metric_local.label_seq_id\n"
                            "_ma_qa_metric_local.label_comp_id\n_ma_qa_metric_local.metric_id\n"
                            "_ma_qa_metric_local.metric_value\n");
    for (size_t i = 0; i < s->residues; i++) {
        size_t chain = s->chains[i];
        mote_text_writer_put(w, "%zu 1 %s %zu %s 2 %s\n", i + 1, value(s->chain_names[chain], name),
                             i - d->begins[chain] + 1, mote_residue_name(s->types[i]),
                             mote_text_fixed(s->factors[i], 2, number));
    }
}

static void put_atoms(document *d)
{
    static const char *const items[] = {
        "group_PDB",      "id",
        "type_symbol",    "label_atom_id",
        "label_alt_id",   "label_comp_id",
        "label_asym_id",  "label_entity_id",
        "label_seq_id",   "pdbx_PDB_ins_code",
        "Cartn_x",        "Cartn_y",
        "Cartn_z",        "occupancy",
        "B_iso_or_equiv", "auth_seq_id",
        "auth_comp_id",   "auth_asym_id",
        "auth_atom_id",   "pdbx_PDB_model_num",
    };
    mote_text_writer *w = &d->writer;
    const mote_structure *s = d->structure;
    char chain[VALUE_BYTES], x[MOTE_FIXED_BYTES], y[MOTE_FIXED_BYTES], z[MOTE_FIXED_BYTES], factor[MOTE_FIXED_BYTES];
    mote_text_writer_put(w, "#\nloop_\n");
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        mote_text_writer_put(w, "_atom_site.%s\n", items[i]);
    }
    for (size_t i = 0, id = 0; i < s->residues; i++) {
        const char *residue = mote_residue_name(s->types[i]);
        char insertion[2] = {s->insertions[i] ? s->insertions[i] : '?', '\0'}, quoted[VALUE_BYTES];
        value(s->chain_names[s->chains[i]], chain);
        mote_text_fixed(s->factors[i], 2, factor);
        for (int a = 0; a < MOTE_ATOM_COUNT; a++) {
            const char *atom = mote_atom_name(a);
            const float *p = s->positions + (i * MOTE_ATOM_COUNT + (size_t)a) * 3;
            if (s->mask[i * MOTE_ATOM_COUNT + (size_t)a]) {
                mote_text_writer_put(w, "ATOM %zu %.1s %s . %s %s %zu %zu %s %s %s %s 1.00 %s %d %s %s %s 1\n", ++id,
                                     atom, atom, residue, chain, d->entities[s->chains[i]],
                                     i - d->begins[s->chains[i]] + 1,
                                     s->insertions[i] ? value(insertion, quoted) : insertion,
                                     mote_text_fixed(p[0], 3, x), mote_text_fixed(p[1], 3, y),
                                     mote_text_fixed(p[2], 3, z), factor, s->numbers[i], residue, chain, atom);
            }
        }
    }
    mote_text_writer_put(w, "#\n");
}

/* ---- the file ---- */

static bool is_printable(const char *name, size_t most)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] >= 0x7F) {
            return false;
        }
    }
    return length > 0 && length <= most;
}

static mote_status check(mote_context *context, const char *path, const char *name, const mote_structure *s)
{
    for (const char *c = name; *c; c++) {
        if (!((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') && !(*c >= '0' && *c <= '9') && !strchr("-_.", *c)) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT,
                             "%s: expected a name of letters, digits, '-', '_' and '.', found '%.60s'", path, name);
        }
    }
    for (size_t i = 0; i < s->chain_count; i++) {
        if (!is_printable(s->chain_names[i], NAME_MAXIMUM)) {
            return mote_fail(
                context, MOTE_ERROR_ARGUMENT,
                "%s: chain %zu: expected a name of 1 to %d printable letters without blanks, found '%.60s'", path,
                i + 1, NAME_MAXIMUM, s->chain_names[i]);
        }
    }
    for (size_t i = 0; i < s->residues * MOTE_ATOM_COUNT * 3; i++) {
        size_t residue = i / 3 / MOTE_ATOM_COUNT;
        if ((s->mask[i / 3] && fabsf(s->positions[i]) > number_maximum) ||
            fabsf(s->factors[residue]) > number_maximum) {
            return mote_fail(context, MOTE_ERROR_ARGUMENT, "%s: residue %zu: a number beyond 10^9", path, residue + 1);
        }
    }
    return mote_structure_check(context, path, s);
}

mote_status mote_structure_write_mmcif(mote_context *context, const char *path, const char *name,
                                       const mote_structure *structure)
{
    document d = {.structure = structure};
    name = *name ? name : "model";
    mote_status status = check(context, path, name, structure);
    if (status != MOTE_OK) {
        return status;
    }
    d.begins = mote_allocate_array(context, structure->chain_count + 1, sizeof *d.begins);
    d.entities = mote_allocate_array(context, structure->chain_count, sizeof *d.entities);
    d.firsts = mote_allocate_array(context, structure->chain_count, sizeof *d.firsts);
    status = d.begins && d.entities && d.firsts ? mote_text_writer_create(context, path, &d.writer) : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        find_entities(&d);
        mote_text_writer_put(&d.writer,
                             "data_%.100s\n#\n_entry.id '%.100s'\n#\n"
                             "loop_\n_audit_conform.dict_name\n_audit_conform.dict_version\n"
                             "mmcif_pdbx.dic 5.398\nmmcif_ma.dic 1.4.6\n#\n",
                             name, name);
        put_entities(&d);
        put_components(&d);
        put_confidence(&d);
        put_atoms(&d);
        status = mote_text_writer_finish(&d.writer);
    }
    mote_release(context, d.begins);
    mote_release(context, d.entities);
    mote_release(context, d.firsts);
    return status;
}
