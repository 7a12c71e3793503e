/* Reading formulas, and numbers of them. */
#include "study/composition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/elements.h"
#include "models/networks.h"
#include "study/data.h"

enum { ELEMENTS = MOTE_COMPOSITION_ELEMENTS, DEEPEST = 8 };

/* ---- formulas ---- */

typedef struct reader {
    mote_context *context;
    const char *place, *text;
    size_t length, at, depth;
    char closes[DEEPEST + 1];
    double amounts[DEEPEST + 1][ELEMENTS]; /* of each bracket that is open */
} reader;

static mote_status bad(const reader *r, size_t at, const char *what)
{
    const uint8_t byte = at < r->length ? (uint8_t)r->text[at] : 0;
    char found[16] = "the end";
    if (at < r->length) {
        snprintf(found, sizeof found, byte > ' ' && byte < 127 ? "'%c'" : "byte 0x%02X", byte);
    }
    return mote_fail(r->context, MOTE_ERROR_FILE, "%s, column %zu: expected %s, found %s", r->place, at + 1, what,
                     found);
}

/* The amount that stands at the reader's place, 1 where none does: digits with a point at most. */
static mote_status read_amount(reader *r, double *amount)
{
    char digits[32];
    const size_t begin = r->at;
    size_t points = 0, count = 0;
    while (r->at < r->length && ((r->text[r->at] >= '0' && r->text[r->at] <= '9') || r->text[r->at] == '.')) {
        points += r->text[r->at] == '.';
        r->at++;
    }
    count = r->at - begin;
    *amount = 1;
    if (count == 0) {
        return MOTE_OK;
    }
    if (count >= sizeof digits || points > 1) {
        return bad(r, begin, "an amount of at most 31 digits");
    }
    memcpy(digits, r->text + begin, count);
    digits[count] = '\0';
    *amount = strtod(digits, NULL);
    return *amount > 0 ? MOTE_OK : bad(r, begin, "an amount above 0");
}

static mote_status read_element(reader *r)
{
    size_t length;
    double amount;
    const int number = mote_element_begin(r->text + r->at, r->length - r->at, &length);
    if (number == 0 || number > ELEMENTS) {
        return bad(r, r->at, "an element from hydrogen to curium or a bracket");
    }
    r->at += length;
    mote_status status = read_amount(r, &amount);
    r->amounts[r->depth][number - 1] += status == MOTE_OK ? amount : 0;
    return status;
}

static mote_status open_bracket(reader *r)
{
    if (r->depth == DEEPEST) {
        return bad(r, r->at, "brackets at most 8 deep");
    }
    r->closes[++r->depth] = r->text[r->at++] == '(' ? ')' : ']';
    memset(r->amounts[r->depth], 0, sizeof r->amounts[r->depth]);
    return MOTE_OK;
}

static mote_status close_bracket(reader *r)
{
    double amount, all = 0;
    if (r->depth == 0 || r->closes[r->depth] != r->text[r->at]) {
        return bad(r, r->at, "an element or the bracket that fits the open one");
    }
    for (size_t e = 0; e < ELEMENTS; e++) {
        all += r->amounts[r->depth][e];
    }
    if (all == 0) {
        return bad(r, r->at, "an element in the bracket");
    }
    r->at++;
    mote_status status = read_amount(r, &amount);
    for (size_t e = 0; status == MOTE_OK && e < ELEMENTS; e++) {
        r->amounts[r->depth - 1][e] += amount * r->amounts[r->depth][e];
    }
    r->depth--;
    return status;
}

mote_status mote_composition_read(mote_context *context, const char *place, const char *text,
                                  mote_composition *composition)
{
    reader r = {.context = context, .place = place, .text = text, .length = strlen(text)};
    mote_status status = MOTE_OK;
    while (r.length > 0 && text[r.length - 1] == ' ') {
        r.length--;
    }
    while (status == MOTE_OK && r.at < r.length) {
        const char c = text[r.at];
        status = c == '(' || c == '[' ? open_bracket(&r) : c == ')' || c == ']' ? close_bracket(&r) : read_element(&r);
    }
    if (status == MOTE_OK && (r.depth > 0 || r.length == 0)) {
        status = bad(&r, r.at, r.depth > 0 ? "a closing bracket" : "an element");
    }
    double all = 0;
    for (size_t e = 0; e < ELEMENTS; e++) {
        all += r.amounts[0][e];
    }
    if (status == MOTE_OK && !isfinite(all)) {
        status = bad(&r, r.at, "amounts whose sum is finite");
    }
    for (size_t e = 0; e < ELEMENTS; e++) {
        composition->fractions[e] = status == MOTE_OK ? r.amounts[0][e] / all : 0;
    }
    return status;
}

/* ---- properties ---- */

/* Atomic weight (IUPAC), electronegativity (Pauling's scale, CRC Handbook; Pm, Eu, Tb and Yb, which it leaves out, as
 * their neighbours, noble gases but xenon 0) and covalent radius in pm (Cordero et al., Dalton Trans. (2008) 2832). */
static const struct {
    float mass, electronegativity;
    int radius;
} elements[ELEMENTS] = {{1.008f, 2.2f, 31},     {4.003f, 0.0f, 28},     {6.94f, 0.98f, 128},    {9.012f, 1.57f, 96},
                        {10.81f, 2.04f, 84},    {12.011f, 2.55f, 73},   {14.007f, 3.04f, 71},   {15.999f, 3.44f, 66},
                        {18.998f, 3.98f, 56},   {20.18f, 0.0f, 57},     {22.99f, 0.93f, 166},   {24.305f, 1.31f, 141},
                        {26.982f, 1.61f, 121},  {28.085f, 1.9f, 111},   {30.974f, 2.19f, 107},  {32.06f, 2.58f, 105},
                        {35.45f, 3.16f, 102},   {39.948f, 0.0f, 106},   {39.098f, 0.82f, 202},  {40.078f, 1.0f, 176},
                        {44.956f, 1.36f, 170},  {47.867f, 1.54f, 160},  {50.941f, 1.63f, 153},  {51.996f, 1.66f, 139},
                        {54.938f, 1.55f, 150},  {55.845f, 1.83f, 142},  {58.933f, 1.88f, 138},  {58.693f, 1.91f, 124},
                        {63.546f, 1.9f, 132},   {65.38f, 1.65f, 122},   {69.723f, 1.81f, 122},  {72.63f, 2.01f, 120},
                        {74.922f, 2.18f, 119},  {78.971f, 2.55f, 120},  {79.904f, 2.96f, 120},  {83.798f, 0.0f, 115},
                        {85.468f, 0.82f, 220},  {87.62f, 0.95f, 195},   {88.906f, 1.22f, 190},  {91.224f, 1.33f, 175},
                        {92.906f, 1.6f, 164},   {95.95f, 2.16f, 154},   {97.907f, 2.1f, 147},   {101.07f, 2.2f, 146},
                        {102.906f, 2.28f, 142}, {106.42f, 2.2f, 139},   {107.868f, 1.93f, 145}, {112.414f, 1.69f, 144},
                        {114.818f, 1.78f, 142}, {118.71f, 1.96f, 139},  {121.76f, 2.05f, 139},  {127.6f, 2.1f, 138},
                        {126.904f, 2.66f, 139}, {131.293f, 2.6f, 140},  {132.905f, 0.79f, 244}, {137.327f, 0.89f, 215},
                        {138.905f, 1.1f, 206},  {140.116f, 1.12f, 204}, {140.908f, 1.13f, 202}, {144.242f, 1.14f, 200},
                        {144.913f, 1.2f, 199},  {150.36f, 1.17f, 198},  {151.964f, 1.2f, 198},  {157.25f, 1.2f, 196},
                        {158.925f, 1.2f, 194},  {162.5f, 1.22f, 192},   {164.93f, 1.23f, 192},  {167.259f, 1.24f, 189},
                        {168.934f, 1.25f, 190}, {173.045f, 1.2f, 187},  {174.967f, 1.0f, 187},  {178.49f, 1.3f, 175},
                        {180.948f, 1.5f, 170},  {183.84f, 1.7f, 162},   {186.207f, 1.9f, 151},  {190.23f, 2.2f, 144},
                        {192.217f, 2.2f, 141},  {195.084f, 2.2f, 136},  {196.967f, 2.4f, 136},  {200.592f, 1.9f, 132},
                        {204.38f, 1.8f, 145},   {207.2f, 1.8f, 146},    {208.98f, 1.9f, 148},   {209.0f, 2.0f, 140},
                        {210.0f, 2.2f, 150},    {222.0f, 0.0f, 150},    {223.0f, 0.7f, 260},    {226.0f, 0.9f, 221},
                        {227.0f, 1.1f, 215},    {232.038f, 1.3f, 206},  {231.036f, 1.5f, 200},  {238.029f, 1.7f, 196},
                        {237.0f, 1.3f, 190},    {244.0f, 1.3f, 187},    {243.0f, 0.0f, 180},    {247.0f, 0.0f, 169}};

/* In the long form of the table; lanthanides and actinides are in the third group. */
static void place_of(size_t number, size_t *period, size_t *group)
{
    static const size_t noble[] = {0, 2, 10, 18, 36, 54, 86, 118};
    size_t p = 1;
    while (number > noble[p]) {
        p++;
    }
    const size_t at = number - noble[p - 1], left = noble[p] - number; /* from either end of the period */
    *period = p;
    *group = at <= 2 && left > 0 ? at : left < 16 && (p > 3 || left < 6) ? 18 - left : 3;
}

enum { PROPERTIES = 6 };

static void properties_of(size_t number, double *values)
{
    size_t period, group;
    place_of(number, &period, &group);
    values[0] = (double)number;
    values[1] = (double)elements[number - 1].mass;
    values[2] = (double)period;
    values[3] = (double)group;
    values[4] = (double)elements[number - 1].electronegativity;
    values[5] = elements[number - 1].radius;
}

void mote_composition_properties(const mote_composition *composition, float *properties)
{
    double mean[PROPERTIES] = {0}, deviation[PROPERTIES] = {0}, least[PROPERTIES], most[PROPERTIES];
    for (size_t p = 0; p < PROPERTIES; p++) {
        least[p] = INFINITY;
        most[p] = -INFINITY;
    }
    for (int turn = 0; turn < 2; turn++) {
        for (size_t e = 0; e < ELEMENTS; e++) {
            const double fraction = composition->fractions[e];
            double values[PROPERTIES];
            properties_of(e + 1, values);
            for (size_t p = 0; fraction > 0 && p < PROPERTIES; p++) {
                mean[p] += turn ? 0 : fraction * values[p];
                deviation[p] += turn ? fraction * fabs(values[p] - mean[p]) : 0;
                least[p] = fmin(least[p], values[p]);
                most[p] = fmax(most[p], values[p]);
            }
        }
    }
    for (size_t p = 0; p < PROPERTIES; p++) {
        properties[4 * p] = (float)mean[p];
        properties[4 * p + 1] = (float)deviation[p];
        properties[4 * p + 2] = (float)least[p];
        properties[4 * p + 3] = (float)most[p];
    }
}

/* ---- tables ---- */

typedef struct columns {
    size_t formula, target, fold, classes;
} columns;

static mote_status read_row(mote_task_data *data, const mote_sheet *sheet, const columns *c, size_t row,
                            const mote_task_split *split, size_t sample)
{
    char place[512];
    mote_composition composition;
    snprintf(place, sizeof place, "%s: row %zu, 'formula'", sheet->path, row + 1);
    mote_status status =
        mote_composition_read(data->context, place, mote_sheet_text(sheet, row, c->formula), &composition);
    if (status != MOTE_OK) {
        return status;
    }
    float *fractions = mote_data_at(data, split, MOTE_COMPOSITION_FRACTION, sample);
    for (size_t e = 0; e < ELEMENTS; e++) {
        fractions[e] = (float)composition.fractions[e];
    }
    mote_composition_properties(&composition, mote_data_at(data, split, MOTE_COMPOSITION_PROPERTY, sample));
    return c->classes
               ? mote_sheet_class_number(sheet, row, c->target, c->classes,
                                         mote_data_classes(data, split, MOTE_COMPOSITION_TARGET, sample))
               : mote_sheet_finite(sheet, row, c->target, mote_data_at(data, split, MOTE_COMPOSITION_TARGET, sample));
}

static mote_status read_table(mote_task_data *data, const mote_sheet *sheet, const columns *c)
{
    int32_t *folds = mote_data_memory(data, sheet->rows, sizeof *folds);
    mote_status status = folds ? MOTE_OK : MOTE_ERROR_MEMORY;
    size_t test = 0, counts[2] = {0, 0};
    for (size_t i = 0; status == MOTE_OK && i < sheet->rows; i++) {
        status = mote_sheet_class_number(sheet, i, c->fold, 5, &folds[i]);
        test += status == MOTE_OK && folds[i] == 0;
    }
    status = status == MOTE_OK ? mote_data_allocate(data, sheet->rows - test, test) : status;
    for (size_t i = 0; status == MOTE_OK && i < sheet->rows; i++) {
        const bool tested = folds[i] == 0;
        status = read_row(data, sheet, c, i, tested ? &data->test : &data->training, counts[tested]++);
    }
    return status;
}

mote_status mote_matbench_read(mote_task_data *data, const char *name, size_t classes)
{
    mote_sheet sheet;
    columns c = {.classes = classes};
    mote_data_array(data, "fractions", MOTE_FP32, 1, (size_t[]){ELEMENTS});
    mote_data_array(data, "properties", MOTE_FP32, 1, (size_t[]){MOTE_COMPOSITION_PROPERTIES});
    mote_data_array(data, "target", classes ? MOTE_INT32 : MOTE_FP32, 0, NULL);
    mote_status status = mote_sheet_read(data, name, ',', MOTE_SHEET_HEADER, &sheet);
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "formula", &c.formula) : status;
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "target", &c.target) : status;
    status = status == MOTE_OK ? mote_sheet_column(&sheet, "test_fold", &c.fold) : status;
    status = status == MOTE_OK ? read_table(data, &sheet, &c) : status;
    if (status == MOTE_OK) {
        mote_data_standardize(data, MOTE_COMPOSITION_PROPERTY, MOTE_COMPOSITION_PROPERTIES, NULL, NULL);
    }
    return status;
}

mote_value mote_composition_network(mote_graph *graph, const mote_value *inputs, size_t outputs, double dropout)
{
    const mote_value both[] = {inputs[MOTE_COMPOSITION_FRACTION], inputs[MOTE_COMPOSITION_PROPERTY]};
    mote_value x = mote_graph_concatenate(graph, 2, both, 1);
    x = mote_graph_map(graph, "gelu", mote_multilayer(graph, "embedding", x, 2, (size_t[]){256, 256}, "gelu"));
    x = dropout > 0 ? mote_graph_dropout(graph, x, dropout) : x;
    return mote_multilayer(graph, "network", x, 3, (size_t[]){256, 128, outputs}, "gelu");
}
