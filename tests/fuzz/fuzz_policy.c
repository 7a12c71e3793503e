/* The reader of policies against arbitrary text: a policy that is taken fits a graph with every kind of product, twice
 * in the same way, the graph stays whole, and without gradients its packed parameters give the bits of FP32 ones. */
#define _GNU_SOURCE
#include "fuzz.h"
#include "graph/policy_set.h"
#include "mote/operations.h"

enum { ROWS = 32, WIDTH = 32 };

/* Three products in two layers. */
static mote_graph *make_graph(mote_context *context, bool gradients, mote_value *loss)
{
    mote_graph *graph;
    demand(mote_graph_create(context, &graph) == MOTE_OK, "no graph");
    mote_graph_enter(graph, "block");
    mote_value x = mote_graph_input(graph, "x", MOTE_FP32, 2, (size_t[]){ROWS, WIDTH});
    mote_value weight =
        mote_graph_parameter(graph, "weight", 2, (size_t[]){3 * WIDTH, WIDTH}, MOTE_INITIAL_NORMAL, 0.1);
    mote_value y = mote_graph_reshape(graph, mote_graph_linear(graph, x, weight, MOTE_NO_VALUE), 3,
                                      (size_t[]){1, ROWS, 3 * WIDTH});
    mote_attention_options options = {.heads = 2, .causal = 1};
    y = mote_graph_attention(graph, y, MOTE_NO_VALUE, &options);
    mote_graph_leave(graph);
    mote_graph_enter(graph, "head");
    mote_value scores = mote_graph_matmul(graph, y, y, 0, 1);
    mote_graph_leave(graph);
    *loss = mote_graph_mean(graph, mote_graph_map(graph, "gelu", scores), 0, 3);
    mote_graph_output(graph, *loss);
    demand(!gradients || mote_graph_differentiate(graph, *loss) == MOTE_OK, "no gradients");
    return graph;
}

static void demand_same_bits(mote_context *context, const mote_policy_set *set)
{
    float losses[2];
    for (int packed = 0; packed < 2; packed++) {
        mote_value loss;
        mote_graph *graph = make_graph(context, false, &loss);
        mote_plan *plan;
        demand(mote_graph_apply_policy(graph, set) == MOTE_OK, "a policy fits with gradients only");
        demand(!packed || mote_graph_pack_parameters(graph) == MOTE_OK, "parameters cannot be packed");
        demand(mote_plan_create(graph, &(mote_plan_options){0}, &plan) == MOTE_OK, "no plan");
        demand(mote_plan_initialize(plan, 1) == MOTE_OK, "no values");
        float *x = mote_plan_data(plan, 0);
        for (int i = 0; i < ROWS * WIDTH; i++) {
            x[i] = (float)(i * 37 % 101) / 50 - 1;
        }
        demand(mote_plan_run(plan, 1) == MOTE_OK, "a policy that was taken does not run");
        memcpy(&losses[packed], mote_plan_data(plan, loss), sizeof *losses);
        mote_plan_destroy(plan);
        mote_graph_destroy(graph);
    }
    demand(memcmp(&losses[0], &losses[1], sizeof *losses) == 0, "packed parameters give another result");
}

static uint64_t read_policy(mote_context *context, const char *text)
{
    mote_policy_set *set;
    mote_status status = mote_policy_set_create(context, text, &set);
    uint64_t digest = (uint64_t)status;
    demand_message(context, status);
    demand((status == MOTE_OK) == (set != NULL), "a policy and a failure, or neither");
    if (status != MOTE_OK) {
        return digest;
    }
    mote_value loss;
    mote_graph *graph = make_graph(context, true, &loss);
    status = mote_graph_apply_policy(graph, set);
    demand_message(context, status);
    digest = fuzz_digest(digest, &status, sizeof status);
    if (status == MOTE_OK) {
        demand(mote_graph_verify(graph) == MOTE_OK, "a policy broke the graph");
        char *shown = mote_graph_text(graph);
        digest = fuzz_digest(digest, shown, strlen(shown));
        mote_text_release(context, shown);
        mote_plan *plan;
        const mote_plan_options plain = {0};
        demand(mote_plan_create(graph, &plain, &plan) == MOTE_OK && mote_plan_initialize(plan, 1) == MOTE_OK,
               "no plan");
        demand(mote_plan_run(plan, 1) == MOTE_OK, "a policy that was taken does not run");
        mote_plan_destroy(plan);
        demand_same_bits(context, set);
    }
    mote_graph_destroy(graph);
    mote_policy_set_destroy(context, set);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    mote_context *context = fuzz_context();
    demand(read_policy(context, text) == read_policy(context, text), "the same text was read in two ways");
    free(text);
    return 0;
}
