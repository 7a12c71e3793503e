/* mote plan evoformer: the memory of AlphaFold 2's blocks, in training and in inference, as planned, beside the tensors
 * of scores that attention without tiles needs. */
#include <getopt.h>
#include <stdio.h>

#include "block.h"

/* One row of a table. */
typedef struct entry {
    mote_trunk_stack stack;
    size_t sequences, residues;
    bool backward;
} entry;

/* Finetuning (Jumper et al., supplement 1.11.1, table 4), and inference of growing lengths. */
static const entry entries[] = {
    {MOTE_STACK_EVOFORMER, 512, 384, true},   {MOTE_STACK_EXTRA, 5120, 384, true},
    {MOTE_STACK_EVOFORMER, 512, 256, false},  {MOTE_STACK_EVOFORMER, 512, 512, false},
    {MOTE_STACK_EVOFORMER, 512, 1024, false}, {MOTE_STACK_EVOFORMER, 512, 2048, false},
    {MOTE_STACK_EVOFORMER, 128, 1024, false}, {MOTE_STACK_EXTRA, 1024, 256, false},
    {MOTE_STACK_EXTRA, 1024, 512, false},     {MOTE_STACK_EXTRA, 1024, 1024, false},
    {MOTE_STACK_EXTRA, 1024, 2048, false},
};
enum { ENTRIES = sizeof entries / sizeof *entries };

typedef struct found {
    double block;     /* peak beside inputs, parameters and their gradients */
    double attention; /* of the largest attention alone: workspace, and statistics of a piece */
    double scores;    /* tensors of them at the fullest moment */
    double standard;  /* the block with them; backward also without pieces */
} found;

/* Forward: scores and probabilities of the largest attention beside what the block takes here. Backward: what is kept,
 * and the gradients of probabilities and scores of the largest. */
static void add_standard(const mote_trunk_config *c, const entry *e, found *f)
{
    cli_block_standard s = cli_block_count_standard(c, e->stack, e->sequences, e->residues);
    f->scores = (e->backward ? s.scores : 0) + 2 * s.largest;
    f->standard = (e->backward ? s.kept : f->block) + 2 * s.largest;
}

/* The row attention of a piece, whose biases are a mask and the pairs'. */
static double attention_bytes(mote_context *context, const mote_policy *policy, const mote_trunk_config *c,
                              const entry *e)
{
    size_t width = e->stack == MOTE_STACK_EXTRA ? c->extra_width : c->msa_width, l = e->residues;
    mote_evoformer_shape shape = {1, {c->piece}, l, l, c->msa_heads, width, 0};
    float some = 0;
    mote_evoformer_bias biases[] = {{&some, NULL, 4, {c->piece, 1, 1, l}},
                                    {&some, e->backward ? &some : NULL, 3, {c->msa_heads, l, l}}};
    double statistics = 8.0 * (double)(c->piece * c->msa_heads * l);
    return (double)mote_evoformer_workspace(context, policy, &shape, 2, biases, e->backward) + statistics;
}

static mote_status measure(mote_context *context, const char *policy, const entry *e, found *f)
{
    mote_trunk_config config = mote_trunk_preset(0);
    mote_plan_options options = {0};
    mote_plan_memory memory;
    mote_policy_set *set;
    mote_policy formats;
    cli_block block;
    *f = (found){0};
    mote_status status = mote_policy_set_create(context, policy, &set);
    if (status != MOTE_OK) {
        return status;
    }
    if (!cli_block_build(context, &config, e->stack, e->sequences, e->residues, e->backward, &block)) {
        mote_policy_set_destroy(context, set);
        return MOTE_ERROR_MEMORY;
    }
    status = mote_graph_apply_policy(block.graph, set);
    status = status == MOTE_OK ? mote_plan_measure(block.graph, &options, &memory) : status;
    if (status == MOTE_OK) {
        uint64_t others = memory.inputs + (e->backward ? 2 : 1) * memory.parameters;
        f->block = (double)(memory.total - others);
        f->attention = mote_policy_find(policy, &formats) ? attention_bytes(context, &formats, &config, e) : 0;
        add_standard(&config, e, f);
    }
    mote_graph_destroy(block.graph);
    mote_policy_set_destroy(context, set);
    return status;
}

/* ---- printing ---- */

static const char *name_of(mote_trunk_stack stack) { return stack == MOTE_STACK_EXTRA ? "extra MSA" : "Evoformer"; }

static void print_head(const char *policy)
{
    const mote_trunk_config c = mote_trunk_preset(0);
    printf(
        "A block of AlphaFold 2 (monomer), policy %s, pieces of %zu rows: exact peaks beside inputs and parameters; N "
        "sequences\n"
        "of L residues; pairs: in FP32 tensors [L, L, %zu].\n\n"
        "with scores, backward: what a standard implementation in FP32 keeps for the gradients, with the probabilities "
        "of "
        "all\n"
        "attentions, h (N L^2 + L N^2) + 2 h' L^3 floats (extra MSA: L N instead of L N^2), and the gradients of "
        "probabilities and\n"
        "scores of the largest attention. Forward: this block with scores and probabilities of the largest attention.\n"
        "attention: what the largest attention takes here in the place of scores.\n\n",
        policy, c.piece, c.c_z);
    printf("%-17s %-9s %5s %5s  %9s %6s  %11s %9s %6s  %9s\n", "pass", "block", "N", "L", "here", "pairs",
           "with scores", "scores", "ratio", "attention");
}

static void print_entry(const entry *e, const found *f)
{
    const mote_trunk_config c = mote_trunk_preset(0);
    double pairs = 4.0 * (double)(e->residues * e->residues * c.c_z);
    char text[4][32];
    printf("%-17s %-9s %5zu %5zu  %9s %6.2f  %11s %9s %6.1f  %9s\n", e->backward ? "forward, backward" : "forward",
           name_of(e->stack), e->sequences, e->residues, cli_bytes(f->block, text[0], sizeof text[0]), f->block / pairs,
           cli_bytes(f->standard, text[1], sizeof text[1]), cli_bytes(f->scores, text[2], sizeof text[2]),
           f->standard / f->block, cli_bytes(f->attention, text[3], sizeof text[3]));
}

static void print_json(const entry *e, const found *f, const char *policy)
{
    printf("{\"pass\": \"%s\", \"stack\": \"%s\", \"policy\": \"%s\", \"sequences\": %zu, \"residues\": %zu, "
           "\"block_bytes\": %.0f, \"standard_bytes\": %.0f, \"score_bytes\": %.0f, \"attention_bytes\": %.0f, "
           "\"ratio\": %.2f}\n",
           e->backward ? "forward+backward" : "forward", e->stack == MOTE_STACK_EXTRA ? "extra" : "evoformer", policy,
           e->sequences, e->residues, f->block, f->standard, f->scores, f->attention, f->standard / f->block);
}

int cli_plan_evoformer(int argc, char **argv)
{
    static const struct option options[] = {
        {"policy", required_argument, NULL, 'p'}, {"json", no_argument, NULL, 'j'}, {0}};
    const char *policy = "fp32";
    bool json = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?') {
            return CLI_USAGE;
        }
        policy = option == 'p' ? optarg : policy;
        json |= option == 'j';
    }
    if (optind < argc) {
        return cli_complain(CLI_USAGE, "plan", "evoformer takes no files, found '%s'", argv[optind]);
    }
    mote_context *context = cli_context(0, NULL);
    if (!context) {
        return CLI_FAILED;
    }
    int status = CLI_DONE;
    for (int i = 0; i < ENTRIES && status == CLI_DONE && !cli_interrupted(); i++) {
        found f;
        if (measure(context, policy, &entries[i], &f) != MOTE_OK) {
            status = cli_complain(CLI_FAILED, "plan", "%s", mote_context_message(context));
            break;
        }
        if (json) {
            print_json(&entries[i], &f, policy);
            continue;
        }
        if (i == 0) {
            print_head(policy);
        }
        print_entry(&entries[i], &f);
    }
    mote_context_destroy(context);
    return status;
}
