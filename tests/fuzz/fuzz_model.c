/* The readers of models against arbitrary text: what mote_model_parse takes, and a folder's config.json. A model that
 * passes mote_model_check, if it is small, can be built, and what is written of it is read as the same. */
#define _GNU_SOURCE
#include "fuzz.h"
#include "models/config.h"

/* As its JSON has it, so that padding does not count. */
static uint64_t digest_of(const mote_model_config *config)
{
    json_t *object = mote_model_to_json(config);
    char *text = json_dumps(object, JSON_COMPACT);
    demand(text != NULL, "no text of a model that was read");
    uint64_t digest = fuzz_digest(0, text, strlen(text));
    free(text);
    json_decref(object);
    return digest;
}

/* Every field comes back; NaN and infinity have no JSON, and the check refuses them. */
static void demand_round_trip(mote_context *context, const mote_model_config *config)
{
    mote_model_config back;
    json_t *object = mote_model_to_json(config);
    demand(object && mote_model_from_json(context, object, &back) == MOTE_OK && digest_of(&back) == digest_of(config),
           "a model is not read as it was written");
    json_decref(object);
}

static void build(mote_context *context, const mote_model_config *config)
{
    enum { SMALL = 64, FEW = 3, POSITIONS = 8 };
    mote_graph *graph;
    mote_model model;
    if (config->layers > FEW || config->width > SMALL || config->hidden > SMALL || config->vocabulary > SMALL ||
        config->context > SMALL) {
        return;
    }
    size_t positions = config->context < POSITIONS ? config->context : POSITIONS;
    demand(mote_graph_create(context, &graph) == MOTE_OK, "no graph");
    demand(mote_model_build(graph, config, 1, positions, 1, &model) == MOTE_OK &&
               mote_graph_differentiate(graph, model.loss) == MOTE_OK && mote_graph_verify(graph) == MOTE_OK,
           "a model that passed the check cannot be built");
    mote_graph_destroy(graph);
}

static uint64_t read_model(mote_context *context, const char *text)
{
    mote_model_config config;
    char *extra = NULL;
    mote_status parsed = mote_model_parse(context, text, &config);
    uint64_t digest = (uint64_t)parsed;
    demand_message(context, parsed);
    if (parsed == MOTE_OK) {
        mote_status checked = mote_model_check(context, &config);
        demand_message(context, checked);
        digest = fuzz_digest(digest, &checked, sizeof checked);
        if (checked == MOTE_OK) {
            digest ^= digest_of(&config);
            demand_round_trip(context, &config);
            build(context, &config);
        }
    }
    mote_status status = mote_model_read_config(context, fuzz_folder(), &config, &extra);
    demand_message(context, status);
    demand((status == MOTE_OK) == (extra != NULL), "text and a failure, or neither");
    if (status == MOTE_OK) {
        digest = fuzz_digest(digest ^ digest_of(&config), extra, strlen(extra));
        demand_round_trip(context, &config);
    }
    mote_text_release(context, extra);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    mote_context *context = fuzz_context();
    fuzz_write(0, "config.json", data, size);
    demand(read_model(context, text) == read_model(context, text), "the same text was read in two ways");
    free(text);
    return 0;
}
