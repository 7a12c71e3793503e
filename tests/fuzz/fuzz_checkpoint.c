/* The reader of checkpoints against arbitrary bytes: it takes none whose numbers are not those that were written. */
#define _GNU_SOURCE
#include "fuzz.h"
#include "graph/graph.h"
#include "mote/operations.h"
#include "train/checkpoint.h"

enum { WIDTH = 4, STEP = 7 };

/* A graph of two parameters with its plan and optimizer; *weight has its starting numbers. */
static mote_training_state make_state(mote_context *context, mote_value *weight)
{
    const mote_plan_options plain = {0};
    mote_training_state state = {.recipe = "{\"recipe\": 1}", .step = STEP};
    demand(mote_graph_create(context, &state.graph) == MOTE_OK, "no graph");
    mote_value x = mote_graph_input(state.graph, "x", MOTE_FP32, 2, (size_t[]){2, WIDTH});
    *weight = mote_graph_parameter(state.graph, "weight", 2, (size_t[]){WIDTH, WIDTH}, MOTE_INITIAL_NORMAL, 1);
    mote_value bias = mote_graph_parameter(state.graph, "bias", 1, (size_t[]){WIDTH}, MOTE_INITIAL_ONES, 0);
    mote_value loss = mote_graph_mean(state.graph, mote_graph_linear(state.graph, x, *weight, bias), 0, 2);
    demand(mote_graph_differentiate(state.graph, loss) == MOTE_OK &&
               mote_plan_create(state.graph, &plain, &state.plan) == MOTE_OK &&
               mote_plan_initialize(state.plan, 1) == MOTE_OK &&
               mote_optimizer_create(context, "sgd", state.graph, &state.optimizer) == MOTE_OK,
           "no state");
    return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mote_training_state state;
    static mote_value weight;
    static float written[WIDTH * WIDTH];
    mote_context *context = fuzz_context();
    if (!state.graph) {
        state = make_state(context, &weight);
        memcpy(written, mote_plan_data(state.plan, weight), sizeof written);
    }
    char notice[1200];
    bool found;
    fuzz_write(0, "checkpoint-000000001.safetensors", data, size);
    state.step = 0;
    memset(mote_plan_data(state.plan, weight), 0, sizeof written);
    mote_status status = mote_checkpoint_read(context, &state, fuzz_folder(), notice, sizeof notice, &found);
    demand_message(context, status);
    demand(found, "the only checkpoint was not found");
    if (status == MOTE_OK) {
        demand(state.step == STEP, "a checkpoint of another step");
        demand(memcmp(mote_plan_data(state.plan, weight), written, sizeof written) == 0,
               "a checkpoint of other numbers");
    }
    return 0;
}
