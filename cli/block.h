/* A block of AlphaFold 2's trunk as a graph of its own, as benchmarks run it and plans measure it. */
#ifndef CLI_BLOCK_H
#define CLI_BLOCK_H

#include "cli.h"

enum { CLI_BLOCK_MODULES = 9 };

/* The modules of a block, as mote_trunk_module numbers them: the layers' names, and names for people. */
extern const char *const cli_block_layers[CLI_BLOCK_MODULES];
extern const char *const cli_block_names[CLI_BLOCK_MODULES];

typedef struct cli_block {
    mote_graph *graph;
    mote_trunk_state inputs;  /* of the graph */
    mote_trunk_state results; /* m and z behind the block */
    mote_value weights[2];    /* inputs, with backward: of m and of z; MOTE_NO_VALUE: none */
} cli_block;

/* The graph of block 0 of a stack: forward, m and z its outputs, or, with backward, with the gradients of a sum of m
 * and z weighted by further inputs (the extra MSA ends with its block: z alone). m and z are copied first, for a block
 * within a stack may change them where they lie. Owned by the caller (mote_graph_destroy). False with the context's
 * message. */
bool cli_block_build(mote_context *context, const mote_trunk_config *config, mote_trunk_stack stack, size_t sequences,
                     size_t residues, bool backward, cli_block *block);

/* Fills all inputs and parameters with a repeatable sequence: weights that keep the spread of what they multiply,
 * biases near 0, norms near 1, m, z and the loss's weights roughly normal, masks with a twentieth missing. */
void cli_block_fill(const cli_block *block, const mote_plan *plan);

/* Writes inputs and parameters under their names, or the results as "m" and "z", for what reads .safetensors. */
mote_status cli_block_save(mote_context *context, const cli_block *block, const mote_plan *plan, bool results,
                           const char *path);

/* What a block takes without tiles and pieces, in FP32. */
typedef struct cli_block_standard {
    double kept;    /* for the backward pass, all of it */
    double scores;  /* of that, probabilities of attention */
    double largest; /* one attention's tensor of scores */
} cli_block_standard;

/* Counted from the operations of a standard implementation that computes nothing twice (the one mote bench block
 * measures against keeps this much): what autograd keeps for them. In tensors of the MSA and of the pairs: attention 7
 * (normed input, q, k, v, values gathered, gate, gated values) and its probabilities; transition 5; outer product mean
 * the normed MSA, two sides and the outer products; triangle multiplication 13; the results of all modules but the last
 * one of the pairs; and for the pairs' bias of the MSA's attention the normed pairs. */
cli_block_standard cli_block_count_standard(const mote_trunk_config *config, mote_trunk_stack stack, size_t sequences,
                                            size_t residues);

/* mote plan evoformer. */
int cli_plan_evoformer(int argc, char **argv);

/* Multiply-adds of one module, forward. */
double cli_block_module_work(mote_context *context, const mote_trunk_config *config, mote_trunk_stack stack,
                             size_t sequences, size_t residues, mote_trunk_module module);

/* mote plan evoformer: the table of blocks' memory. Returns the exit status. */
int cli_plan_evoformer(int argc, char **argv);

#endif
