/* The page on a prediction: facts that must appear, data that must be true, text that must be harmless. */
#include <ctype.h>

#include "fold_result.h"
#include "io/json.h"
#include "report/embedded.h"

/* The page without the library in it, to be freed. */
static char *report(const mote_fold_result *r)
{
    const char *path = folder_path("page.html");
    unit_ok(context, mote_fold_report(context, r, path));
    char *text = read_whole(path);
    remove(path);
    if (mote_embedded_d3.size > 0) {
        char *start = strstr(text, "<script>//"), *end = start ? strstr(start, "</script>") : NULL;
        assert_non_null(end);
        memmove(start, end, strlen(end) + 1);
    }
    return text;
}

static void has(const char *page, const char *part)
{
    if (!strstr(page, part)) {
        fail_msg("the report lacks '%s'", part);
    }
}

static void lacks(const char *page, const char *part)
{
    if (strstr(page, part)) {
        fail_msg("the report has '%s'", part);
    }
}

/* What the page's scripts read. */
static json_t *data_of(const char *page)
{
    static const char begin[] = "id=\"data\">";
    const char *text = strstr(page, begin);
    json_error_t error;
    assert_non_null(text);
    text += strlen(begin);
    json_t *data = json_loadb(text, (size_t)(strchr(text, '<') - text), 0, &error);
    if (!data) {
        fail_msg("data: %s", error.text);
    }
    assert_memory_equal(strchr(text, '<'), "</script>", 9); /* nothing in the data ends them */
    return data;
}

/* Bytes of base64, to be freed. */
static uint8_t *decode(const json_t *text, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *string = json_string_value(text);
    uint8_t *bytes = calloc(1, size + 3);
    assert_non_null(string);
    assert_int_equal(strlen(string), (size + 2) / 3 * 4);
    for (size_t i = 0; i < strlen(string); i++) {
        uint32_t six = string[i] == '=' ? 0 : (uint32_t)(strchr(letters, string[i]) - letters);
        for (int bit = 0; bit < 6; bit++) {
            size_t at = 6 * i + (size_t)bit;
            bytes[at / 8] |= (uint8_t)((six >> (5 - bit) & 1) << (7 - at % 8));
        }
    }
    return bytes;
}

/* Alpha carbons of a prediction as the page has them, [residues, 3], to be freed. */
static double *positions_of(const json_t *protein, size_t prediction, size_t residues)
{
    const json_t *one = json_array_get(json_object_get(protein, "predictions"), prediction);
    uint8_t *bytes = decode(json_object_get(one, "positions"), residues * 6);
    double *positions = calloc(residues * 3, sizeof *positions), unit = number_at(protein, "unit");
    for (size_t i = 0; i < residues * 3; i++) {
        positions[i] = unit * (int16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
    }
    free(bytes);
    return positions;
}

static void shows_the_facts(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(50, 2, 2, 3);
    add_errors(&r->predictions[0], 50);
    r->predictions[0].interface_tm = 0.75;
    r->predictions[0].score = 76.25;
    char *page = report(r);
    static const char *const facts[] = {"<h1>protein</h1>",
                                        "50\u00a0residues",
                                        "2\u00a0chains",
                                        "3\u00a0rows in the alignment",
                                        "policy mxfp8_e4m3",
                                        "0.812",
                                        "0.750",
                                        "76.2",
                                        "2\u00a0min 6\u00a0s",
                                        "1.00\u00a0kB",
                                        "5.00\u00a0kB were there",
                                        "3.46\u00a0kJ",
                                        "modelled: a guess",
                                        "61.3\u00a0s",
                                        "1. model_1_ptm",
                                        "2. model_2_ptm",
                                        "1.50\u00a0trillion",
                                        "data-chart=\"structure\"",
                                        "data-chart=\"errors\"",
                                        "data-chart=\"coverage\"",
                                        "default-src 'none'"};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        has(page, facts[i]);
    }
    static const char *const loads[] = {"src=", "href=\"http", "http:", "@import", "url(h", "fetch(", "XMLHttpRequest"};
    for (char *name = page; (name = strstr(name, "http://www.w3.org/2000/svg")) != NULL;) {
        memset(name, ' ', 4); /* a name, not an address */
    }
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        lacks(page, loads[i]);
    }
    free(page);
    free_result(r);
}

/* In the page's data, positions are the alpha carbons to a hundredth of an angstrom, all predictions on top of the best
 * (here they are the same but for a motion); errors are exact to an eighth. */
static void data_is_what_was_predicted(void **state)
{
    (void)state;
    enum { RESIDUES = 50 };
    mote_fold_result *r = make_result(RESIDUES, 2, 2, 4);
    add_errors(&r->predictions[0], RESIDUES);
    char *page = report(r);
    json_t *data = data_of(page), *protein = json_object_get(data, "protein");
    const json_t *first = json_array_get(json_object_get(protein, "predictions"), 0);
    double *a = positions_of(protein, 0, RESIDUES), *b = positions_of(protein, 1, RESIDUES);
    assert_true(number_at(protein, "unit") == 0.01);
    for (size_t i = 0; i < RESIDUES * 3; i++) {
        const float *at = r->predictions[0].positions + (i / 3 * MOTE_ATOM_COUNT + MOTE_ATOM_CA) * 3, *origin = at;
        origin = r->predictions[0].positions + MOTE_ATOM_CA * 3;
        assert_float_equal(a[i] - a[i % 3], at[i % 3] - origin[i % 3], 0.0101);
        assert_float_equal(a[i], b[i], 0.0101);
    }
    uint8_t *errors = decode(json_object_get(first, "error"), RESIDUES * RESIDUES);
    assert_true(number_at(protein, "edge") == RESIDUES);
    for (size_t i = 0; i < RESIDUES * RESIDUES; i++) {
        assert_float_equal(errors[i] / 8.0, r->predictions[0].aligned_error[i], 0.0626);
    }
    assert_string_equal(text_at(protein, "letters"), "ARNDCQEGHILKMFPSTWYVARNDCQEGHILKMFPSTWYVARNDCQEGHI");
    const json_t *lddt = json_array_get(json_object_get(json_object_get(data, "sets"), "lddt"), 1);
    lddt = json_object_get(json_object_get(lddt, "line"), "lddt");
    for (size_t i = 0; i < RESIDUES; i++) {
        assert_float_equal(json_number_value(json_array_get(lddt, i)), lddt_at(i), 0.0501);
    }
    free(a);
    free(b);
    free(errors);
    json_decref(data);
    free(page);
    free_result(r);
}

/* Four rows of two chains: two have both, differing from the query in 0 and 1 residues, two the first alone, in 2
 * and 3. */
static void coverage_is_counted(void **state)
{
    (void)state;
    enum { RESIDUES = 40, ROWS = 4, STRIDE = 5 };
    static const double identities[ROWS] = {1 - 3.0 / 20, 1 - 2.0 / 20, 1 - 1.0 / 40, 1}; /* from below */
    mote_fold_result *r = make_result(RESIDUES, 2, 1, ROWS);
    char *page = report(r);
    json_t *data = data_of(page), *chart = json_object_get(json_object_get(data, "charts"), "coverage");
    uint8_t *cover = decode(json_object_get(chart, "cover"), ROWS * STRIDE);
    for (size_t row = 0; row < ROWS; row++) {
        assert_float_equal(json_number_value(json_array_get(json_object_get(chart, "identity"), row)), identities[row],
                           0.000501);
        for (size_t i = 0; i < RESIDUES; i++) {
            assert_int_equal(cover[row * STRIDE + i / 8] >> i % 8 & 1, row >= 2 || i < 20);
        }
    }
    for (size_t i = 0; i < RESIDUES; i++) {
        assert_int_equal(json_integer_value(json_array_get(json_object_get(chart, "depth"), i)), i < 20 ? 4 : 2);
    }
    free(cover);
    json_decref(data);
    free(page);
    free_result(r);
}

static void text_is_harmless(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(30, 1, 2, 2);
    strcpy(r->name, "</title></script><b>\xff<!--<script>");
    strcpy(r->plan.policy, "\" onload='x' &amp;");
    strcpy(r->joules_source, "unavailable: <i>%s%n");
    strcpy(r->predictions[0].model, "</script><u>alert(1)");
    strcpy(r->predictions[1].model, "\xc3\xa9\xe2\x82");
    char *page = report(r);
    json_t *data = data_of(page);
    has(page, "</title>");
    has(page, "<h1>&lt;/title&gt;&lt;/script&gt;&lt;b&gt;?&lt;!--&lt;script&gt;</h1>");
    has(page, "&quot; onload=&#39;x&#39; &amp;amp;");
    has(page, "unavailable: &lt;i&gt;%s%n");
    has(page, "\\u003c/script>\\u003cu>alert(1)");
    static const char *const bad[] = {"<b>", "<i>", "<u>", "<!--", "\" onload", "<script>alert"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lacks(page, bad[i]);
    }
    assert_true(mote_text_valid(page, strlen(page)));
    json_decref(data);
    free(page);
    free_result(r);
}

/* What is not known is left out or a dash. */
static void missing_is_not_there(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(30, 1, 1, 1);
    mote_fold_prediction *p = &r->predictions[0];
    r->plan = (mote_fold_plan){.memory = {.total = 0}};
    r->joules = r->seconds = p->lddt = p->score = p->seconds = NAN;
    *r->name = *r->plan.policy = *r->joules_source = '\0';
    for (size_t i = 0; i < 30; i++) {
        p->residue_lddt[i] = NAN;
        p->atom_mask[i * MOTE_ATOM_COUNT + MOTE_ATOM_CA] = 0;
    }
    char *page = report(r);
    json_t *data = data_of(page); /* JSON has no NaN */
    char *end = strstr(page, "<script type=\"application/json\"");
    *end = '\0';
    for (char *c = page; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    static const char *const absent[] = {"nan",
                                         "inf",
                                         "ptm",
                                         "peak memory",
                                         "data-chart=\"errors\"",
                                         "data-chart=\"coverage\"",
                                         "data-chart=\"memory\""};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        const char *header = strcmp(absent[i], "ptm") == 0 ? strstr(page, "<h2>structure") : NULL;
        if (header) {
            char before = *header;
            *(char *)header = '\0';
            lacks(page, absent[i]);
            *(char *)header = before;
        } else {
            lacks(page, absent[i]);
        }
    }
    has(page, "<td data-key=\"\">\u2013");
    json_decref(data);
    free(page);
    free_result(r);
}

static void one_residue(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(1, 1, 1, 1);
    add_errors(&r->predictions[0], 1);
    char *page = report(r);
    json_decref(data_of(page));
    has(page, "1\u00a0residue ");
    free(page);
    free_result(r);
}

/* A map of 400 by 400 cells, each the mean over its residues; a page that stays small. */
static void long_proteins(void **state)
{
    (void)state;
    enum { RESIDUES = 1500, EDGE = 400, ROWS = 1000 };
    mote_fold_result *r = make_result(RESIDUES, 3, 5, ROWS);
    add_errors(&r->predictions[0], RESIDUES);
    char *page = report(r);
    assert_true(strlen(page) < 1000000);
    json_t *data = data_of(page), *protein = json_object_get(data, "protein");
    assert_true(number_at(protein, "edge") == EDGE);
    uint8_t *errors =
        decode(json_object_get(json_array_get(json_object_get(protein, "predictions"), 0), "error"), EDGE * EDGE);
    for (size_t cell = 0; cell < EDGE * EDGE; cell += 37) {
        size_t y = cell / EDGE, x = cell % EDGE, y0 = y * RESIDUES / EDGE, y1 = (y + 1) * RESIDUES / EDGE,
               x0 = x * RESIDUES / EDGE, x1 = (x + 1) * RESIDUES / EDGE;
        double sum = 0;
        for (size_t i = y0; i < y1; i++) {
            for (size_t k = x0; k < x1; k++) {
                sum += error_at(i, k);
            }
        }
        assert_float_equal(errors[cell] / 8.0, sum / (double)((y1 - y0) * (x1 - x0)), 0.0626);
    }
    const json_t *coverage = json_object_get(json_object_get(data, "charts"), "coverage");
    assert_int_equal(json_array_size(json_object_get(coverage, "identity")), 400);
    assert_true(number_at(coverage, "rows") == ROWS);
    free(errors);
    json_decref(data);
    free(page);
    free_result(r);
}

static void nothing_half_there(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(30, 1, 1, 1);
    const char *page = folder_path("page.html");
    signal(SIGXFSZ, SIG_IGN);
    limit_files(9000);
    mote_status status = mote_fold_report(context, r, page);
    limit_files(RLIM_INFINITY);
    refused(status, MOTE_ERROR_IO, "page.html: cannot write: File too large");
    refused(mote_fold_report(context, r, folder_path("no/page.html")), MOTE_ERROR_IO, "cannot create: No such file");
    r->residues = 0;
    refused(mote_fold_report(context, r, page), MOTE_ERROR_ARGUMENT, "without residues");
    assert_int_equal(count_files(folder, ""), 0);
    free_result(r);
}

/* Every allocation, open, write and rename fails once: an error, and nothing that is half there. */
static void faults(void **state)
{
    (void)state;
    mote_fold_result *r = make_result(12, 2, 2, 3);
    const char *page = folder_path("page.html");
    mote_fault_site site = MOTE_FAULT_ALLOCATE;
    add_errors(&r->predictions[0], 12);
    context->fault = fail_one;
    context->fault_user = &site;
    for (; site <= MOTE_FAULT_RENAME; site++) {
        bool fired = true;
        for (long k = 0; fired; k++) {
            remove(page);
            faults_left = k;
            mote_status status = mote_fold_report(context, r, page);
            fired = faults_left < 0;
            assert_int_equal(status, !fired                        ? MOTE_OK
                                     : site == MOTE_FAULT_ALLOCATE ? MOTE_ERROR_MEMORY
                                                                   : MOTE_ERROR_IO);
            assert_int_equal(count_files(folder, ".part"), 0);
            assert_int_equal(access(page, F_OK), fired ? -1 : 0);
        }
    }
    context->fault = NULL;
    json_set_alloc_funcs(json_allocate, json_release);
    bool fired = true;
    for (long k = 0; fired; k++) {
        json_left = k;
        mote_status status = mote_fold_report(context, r, page);
        fired = json_left < 0;
        assert_int_equal(status, fired ? MOTE_ERROR_MEMORY : MOTE_OK);
        assert_int_equal(json_live, 0);
    }
    json_set_alloc_funcs(malloc, free);
    remove(page);
    free_result(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_the_facts),
        cmocka_unit_test(data_is_what_was_predicted),
        cmocka_unit_test(coverage_is_counted),
        cmocka_unit_test(text_is_harmless),
        cmocka_unit_test(missing_is_not_there),
        cmocka_unit_test(one_residue),
        cmocka_unit_test(long_proteins),
        cmocka_unit_test(nothing_half_there),
        cmocka_unit_test(faults),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
