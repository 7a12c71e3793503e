/* mote plan evoformer: what blocks of AlphaFold 2 take in memory, by plan, beside a block that is computed plainly. */
#include <stdio.h>

#include "block.h"

/* Shapes of the paper: finetuning (supplement, table 4), and inference. */
static const struct row {
    const char *what;
    mote_trunk_stack stack;
    size_t sequences, residues;
    bool backward;
} rows[] = {
    {"extra MSA block, forward and backward", MOTE_STACK_EXTRA, 5120, 384, true},
    {"Evoformer block, forward and backward", MOTE_STACK_EVOFORMER, 512, 384, true},
    {"extra MSA block, forward", MOTE_STACK_EXTRA, 1024, 256, false},
    {"Evoformer block, forward", MOTE_STACK_EVOFORMER, 512, 256, false},
    {"Evoformer block, forward", MOTE_STACK_EVOFORMER, 512, 512, false},
    {"Evoformer block, forward", MOTE_STACK_EVOFORMER, 512, 1024, false},
    {"Evoformer block, forward", MOTE_STACK_EVOFORMER, 512, 2048, false},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* Bytes beside inputs, weights and their gradients; 0 with the context's message. */
static double activations(mote_context *context, const struct row *row, size_t piece, mote_format stored)
{
    mote_trunk_config config = mote_trunk_preset(0);
    mote_plan_memory m = {0};
    cli_block block;
    config.piece = piece;
    config.stored = stored;
    if (!cli_block_build(context, &config, row->stack, row->sequences, row->residues, row->backward, &block)) {
        return 0;
    }
    mote_status status = mote_plan_measure(block.graph, &(mote_plan_options){0}, &m);
    mote_graph_destroy(block.graph);
    return status == MOTE_OK ? (double)(m.total - m.parameters - m.gradients - m.inputs) : 0;
}

/* Bytes of FP32 scores where attention keeps them: its probabilities for the backward pass, of every attention; and
 * while one is computed two tensors more, forward scores and what a bias was added to, backward both gradients. */
static double score_bytes(const struct row *row)
{
    const mote_trunk_config c = mote_trunk_preset(0);
    double n = (double)row->sequences, l = (double)row->residues;
    double along_rows = 4 * n * (double)c.msa_heads * l * l, triangle = 4 * l * (double)c.pair_heads * l * l;
    double along_columns = row->stack == MOTE_STACK_EXTRA ? 0 /* global: a row of scores */
                                                          : 4 * l * (double)c.msa_heads * n * n;
    double most = along_rows > along_columns ? along_rows : along_columns;
    most = triangle > most ? triangle : most;
    return (row->backward ? along_rows + along_columns + 2 * triangle : 0) + 2 * most;
}

static void print_row(const struct row *row, double plain, double ours, double narrow, bool json)
{
    char text[3][32];
    if (json) {
        printf("{\"what\": \"%s\", \"sequences\": %zu, \"residues\": %zu, \"plain_bytes\": %.0f, \"bytes\": %.0f, "
               "\"ratio\": %.3f, \"bf16_bytes\": %.0f}\n",
               row->what, row->sequences, row->residues, plain, ours, plain / ours, narrow);
        return;
    }
    printf("%-38s %6zu %6zu %10s %10s %8.1f %10s %8.1f\n", row->what, row->sequences, row->residues,
           cli_bytes(plain, text[0], sizeof text[0]), cli_bytes(ours, text[1], sizeof text[1]), plain / ours,
           cli_bytes(narrow, text[2], sizeof text[2]), plain / narrow);
}

int cli_plan_evoformer(int argc, char **argv)
{
    bool json;
    if (!cli_only_json("plan", argc, argv, &json)) {
        return CLI_USAGE;
    }
    mote_context *context = cli_context(0, NULL);
    if (!context) {
        return CLI_FAILED;
    }
    if (!json) {
        printf(
            "Blocks of AlphaFold 2 (93 million parameters): memory beside inputs, weights and their gradients, FP32.\n"
            "plain: keeps scores and all else that its operations read; mote: attention without scores, rows and\n"
            "columns in pieces; the same with MSA and pairs in BF16 between modules.\n\n");
        printf("%-38s %6s %6s %10s %10s %8s %10s %8s\n", "", "rows", "length", "plain", "mote", "less", "mote, bf16",
               "less");
    }
    int status = CLI_DONE;
    for (int i = 0; i < ROWS && status == CLI_DONE; i++) {
        size_t piece = mote_trunk_preset(0).piece;
        double plain = activations(context, &rows[i], 0, MOTE_FP32);
        double ours = activations(context, &rows[i], piece, MOTE_FP32);
        double narrow = activations(context, &rows[i], piece, MOTE_BF16);
        if (plain > 0 && ours > 0 && narrow > 0) {
            print_row(&rows[i], plain + score_bytes(&rows[i]), ours, narrow, json);
        } else {
            status = cli_complain(CLI_FAILED, "plan", "%s", mote_context_message(context));
        }
    }
    mote_context_destroy(context);
    return status;
}
