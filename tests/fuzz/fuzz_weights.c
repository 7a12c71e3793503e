/* What files of weights say of themselves, names and shapes, against arbitrary ones: a line of the input is a name and
 * its extents; '@' stands for what AlphaFold's names begin with, a name that ends in '!' is of integers. What is taken
 * must lie within the arrays, and is taken twice in the same way. */
#define _GNU_SOURCE
#include "fuzz.h"
#include "models/weights/weights.h"

enum { LINES = 1024, NAME_BYTES = 512 };

static char names[LINES][NAME_BYTES];
static mote_tensor_info tensors[LINES];

/* One tensor of a line, if a file could have it. */
static bool read_line(mote_context *context, char *line, char *name, mote_tensor_info *info)
{
    char *rest = line, *word = strsep(&rest, " ");
    mote_layout_sizes sizes;
    bool key = *word == '@';
    snprintf(name, NAME_BYTES, "%s%s", key ? MOTE_ALPHAFOLD_PREFIX : "", word + key);
    size_t length = strlen(name);
    bool integers = length && name[length - 1] == '!';
    if (integers) {
        name[length - 1] = '\0';
    }
    *info = (mote_tensor_info){.name = name, .layout = {.format = integers ? MOTE_INT64 : MOTE_FP32}};
    while (rest && info->layout.rank < MOTE_MAXIMUM_RANK) {
        word = strsep(&rest, " ");
        info->layout.shape[info->layout.rank++] = (size_t)strtoull(word, NULL, 10);
    }
    info->layout.axis = info->layout.rank ? info->layout.rank - 1 : 0;
    return mote_layout_measure(context, &info->layout, &sizes) == MOTE_OK;
}

/* Parts are cut out of an array one behind the other, so that all of them must be the array. */
static void check_sources(const mote_weights *w)
{
    const struct mote_weights_memory *m = w->memory;
    size_t parameters = 0;
    for (size_t i = 0; i < m->count; i++) {
        const mote_weights_source *source = &m->sources[i];
        mote_layout_sizes part, whole;
        demand(mote_layout_measure(m->context, &m->infos[i].layout, &part) == MOTE_OK &&
                   mote_layout_measure(m->context, &m->tensors[source->tensor].layout, &whole) == MOTE_OK,
               "a layout that is none");
        demand(part.count > 0 && part.count * (source->blocks ? source->blocks : 1) == whole.count,
               "a tensor that is not its array");
        demand(source->blocks == 0 || source->block < source->blocks, "a block that is not there");
        demand(mote_weights_index(w, m->infos[i].name) == i, "a tensor that is not found");
        parameters += part.count;
    }
    demand(parameters == w->parameters, "parameters that do not add up");
}

static uint64_t describe(mote_context *context, size_t count)
{
    mote_weights *w;
    mote_status status = mote_weights_describe(context, "FILE", count, tensors, &w);
    uint64_t digest = (uint64_t)status;
    demand_message(context, status);
    demand((status == MOTE_OK) == (w != NULL), "weights and a failure, or neither");
    if (w) {
        check_sources(w);
        const mote_trunk_config *t = &w->trunk; /* without what lies between its fields */
        digest = fuzz_digest(digest, t, offsetof(mote_trunk_config, stored));
        digest = fuzz_digest(digest, &t->stored, sizeof t->stored);
        digest = fuzz_digest(digest, &t->msa_dropout, sizeof t->msa_dropout);
        digest = fuzz_digest(digest, &t->pair_dropout, sizeof t->pair_dropout);
        digest = fuzz_digest(digest, &w->parameters, sizeof w->parameters);
    } else {
        digest = fuzz_digest(digest, context->message, strlen(context->message));
    }
    mote_weights_close(w);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mote_context *context = fuzz_context();
    char *text = fuzz_text(data, size), *rest = text;
    size_t count = 0;
    while (rest && count < LINES) {
        char *line = strsep(&rest, "\n");
        count += *line && read_line(context, line, names[count], &tensors[count]);
    }
    demand(describe(context, count) == describe(context, count), "the same names and shapes were read in two ways");
    free(text);
    return 0;
}
