/* AlphaFold 2's trunk as graphs: embedders, templates, extra MSA stack and Evoformer, for monomers and multimers.
 *
 * One protein, no batch: MSA m [sequences, residues, c_m], pairs z [residues, residues, c_z]. Masks are FP32 values of
 * 0 and 1. Parameters are named and shaped as OpenFold's checkpoints have them ("evoformer.blocks.0.msa_att_row..."),
 * linear weights [outputs, inputs].
 *
 * Memory: with pieces nothing inside of a module is larger than a piece's rows or columns, but for the one factor of a
 * triangle multiplication [c_triangle, residues, residues], and every residual is added in place. Training keeps what
 * each module reads, or, under a plan's memory limit, what each block reads: a block is a segment.
 *
 * With config.stored the MSA and the pairs lie packed between modules, from the embedders on: pieces of them are
 * decoded to FP32 when they are cut out, and rounded again (to nearest even, scale rule floor) when they are put back,
 * so that each module rounds the residual stream once. All else, masks, biases and that factor among it, is FP32.
 * Gradients pass through as if nothing were rounded, and are FP32. What embedders, modules, blocks and stacks give lies
 * in config.stored; what they read may, or in FP32.
 *
 * Sources: Jumper et al., Nature 596 (2021), supplementary information 1 ("algorithm n" in what follows); Evans et al.,
 * bioRxiv 2021.10.04.463034 (multimer). Where paper and published code differ, this follows the code, which the
 * published weights were trained with: masked keys have a score of -1e9, the bias of the outer product mean is divided
 * too, transitions are not masked. One thing differs: in a row whose keys are all masked, where all of them weigh the
 * same, gradients reach the scores, as they do where -1e9 is added. Nothing that is not masked depends on such rows. */
#ifndef MOTE_TRUNK_H
#define MOTE_TRUNK_H

#include "mote/operations.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a trunk is. c_: channels; _width: of a head. */
typedef struct mote_trunk_config {
    int multimer; /* order of a block, one product for both factors of triangle multiplications, chains in positions,
                   * templates by their mean */
    int training; /* with dropout */
    size_t c_m, c_z, c_s, c_e, c_t; /* MSA, pairs, single representation, extra MSA, template pairs */
    size_t target_features, msa_features, extra_features, template_pair_features, template_angle_features;
    size_t relative_positions, relative_chains; /* offsets are clipped there */
    size_t recycling_bins, template_bins;       /* of distances */
    size_t evoformer_blocks, extra_blocks, template_blocks;
    size_t msa_heads, msa_width, extra_width, pair_heads, pair_width, template_heads, template_width;
    size_t c_outer, c_triangle, c_template_triangle;
    size_t transition, template_transition; /* hidden layers are so many times as wide */
    size_t piece;                           /* rows or columns computed at a time; 0: all, without pieces */
    mote_format stored; /* of the MSA and the pairs between modules: MOTE_FP32, or a narrower format but for MOTE_NVFP4,
                         * with blocks along the channels; then piece is at least 1 */
    double msa_dropout, pair_dropout; /* where training */
} mote_trunk_config;

/* The published models': pieces of 16, no training. */
MOTE_API mote_trunk_config mote_trunk_preset(int multimer);

/* Fails with the field that cannot be. */
MOTE_API mote_status mote_trunk_check(mote_context *context, const mote_trunk_config *config);

/* ---- blocks ---- */

/* What blocks read and change: m and z become the numbers of new values. Template stacks have no m. */
typedef struct mote_trunk_state {
    mote_value m, z;
    mote_value msa_mask;  /* [sequences, residues] */
    mote_value pair_mask; /* [residues, residues] */
} mote_trunk_state;

typedef enum mote_trunk_stack {
    MOTE_STACK_EVOFORMER = 0, /* algorithm 6; "evoformer.blocks.N" */
    MOTE_STACK_EXTRA = 1,     /* algorithm 18; "extra_msa_stack.blocks.N" */
    MOTE_STACK_TEMPLATE = 2   /* algorithm 16; "template_embedder.template_pair_stack.blocks.N" */
} mote_trunk_stack;

typedef enum mote_trunk_module {
    MOTE_TRUNK_MSA_ROW_ATTENTION = 0,    /* algorithm 7; "msa_att_row" */
    MOTE_TRUNK_MSA_COLUMN_ATTENTION = 1, /* algorithm 8, in the extra MSA stack 19; "msa_att_col" */
    MOTE_TRUNK_MSA_TRANSITION = 2,       /* algorithm 9; "msa_transition" */
    MOTE_TRUNK_OUTER_PRODUCT_MEAN = 3,   /* algorithm 10; "outer_product_mean" */
    MOTE_TRUNK_TRIANGLE_OUTGOING = 4,    /* algorithm 11; "tri_mul_out" */
    MOTE_TRUNK_TRIANGLE_INCOMING = 5,    /* algorithm 12; "tri_mul_in" */
    MOTE_TRUNK_TRIANGLE_STARTING = 6,    /* algorithm 13; "tri_att_start" */
    MOTE_TRUNK_TRIANGLE_ENDING = 7,      /* algorithm 14; "tri_att_end" */
    MOTE_TRUNK_PAIR_TRANSITION = 8       /* algorithm 15; "pair_transition" */
} mote_trunk_module;

/* Adds one module of a block to m or z, with its residual and dropout. Its layer is that in quotes above; the block's
 * own is the caller's. */
MOTE_API void mote_trunk_add_module(mote_graph *graph, const mote_trunk_config *config, mote_trunk_stack stack,
                                    mote_trunk_module module, mote_trunk_state *state);

/* All modules of block number of a stack, in the stack's order, as a segment, under the block's own layer. m and z that
 * are not in config.stored are cast in front of it. */
MOTE_API void mote_trunk_add_block(mote_graph *graph, const mote_trunk_config *config, mote_trunk_stack stack,
                                   size_t number, mote_trunk_state *state);

/* All blocks of a stack. */
MOTE_API void mote_trunk_add_stack(mote_graph *graph, const mote_trunk_config *config, mote_trunk_stack stack,
                                   mote_trunk_state *state);

/* ---- embedders ---- */

/* Algorithms 3 and 4, "input_embedder": pairs of target [residues, target_features] and of relative positions, int32
 * [residues, residues] as mote_trunk_relative_positions() gives them; copies MOTE_NO_VALUE for monomers. */
MOTE_API mote_value mote_trunk_embed_pairs(mote_graph *graph, const mote_trunk_config *config, mote_value target,
                                           mote_value offsets, mote_value copies);

/* Algorithm 3, line 4, "input_embedder": m of features msa [sequences, residues, msa_features]. */
MOTE_API mote_value mote_trunk_embed_msa(mote_graph *graph, const mote_trunk_config *config, mote_value target,
                                         mote_value msa);

/* Algorithm 2, line 15, "extra_msa_embedder": [sequences, residues, c_e] of [sequences, residues, extra_features]. */
MOTE_API mote_value mote_trunk_embed_extra(mote_graph *graph, const mote_trunk_config *config, mote_value extra);

/* Algorithm 32, "recycling_embedder": z plus what the round before says of pairs: previous [residues, residues, c_z]
 * and the distances of its CB atoms, int32 [residues, residues] as mote_trunk_distance_bins() gives them. In the first
 * round all of that is 0. */
MOTE_API mote_value mote_trunk_recycle_pairs(mote_graph *graph, const mote_trunk_config *config, mote_value z,
                                             mote_value previous, mote_value bins);

/* The same for m's first row; previous [residues, c_m]. */
MOTE_API mote_value mote_trunk_recycle_msa(mote_graph *graph, const mote_trunk_config *config, mote_value m,
                                           mote_value previous);

/* What a template says of pairs, in few numbers; all masks FP32 [residues, residues]. */
typedef struct mote_trunk_template {
    mote_value bins;          /* int32 [residues, residues]: distances of CB, template_bins of them; 0: none */
    mote_value types;         /* int32 [residues]: 0 to 21 */
    mote_value beta_mask;     /* both have a CB */
    mote_value backbone_mask; /* both have a whole backbone */
    mote_value directions;    /* [residues, residues, 3]: masked unit vectors; monomer: MOTE_NO_VALUE */
} mote_trunk_template;

enum { MOTE_TRUNK_TEMPLATES = 4 }; /* at most */

typedef struct mote_trunk_templates {
    size_t count;
    mote_value there;      /* [count]: 0 or 1 */
    mote_value angles;     /* [count, residues, template_angle_features] */
    mote_value angle_mask; /* [count, residues] */
    mote_trunk_template each[MOTE_TRUNK_TEMPLATES];
} mote_trunk_templates;

/* Algorithm 2, lines 9 to 13, "template_embedder": z plus the templates' pairs. Monomer: algorithms 16 and 17;
 * multimer: Evans et al. 7.2, their mean. Templates are computed one after the other, and all have the same parameters.
 */
MOTE_API mote_value mote_trunk_add_template_pairs(mote_graph *graph, const mote_trunk_config *config,
                                                  const mote_trunk_templates *templates, mote_value z,
                                                  mote_value pair_mask);

/* Algorithm 2, lines 7 and 8: a row of m and of msa_mask for each template, behind the others. */
MOTE_API void mote_trunk_add_template_rows(mote_graph *graph, const mote_trunk_config *config,
                                           const mote_trunk_templates *templates, mote_trunk_state *state);

/* ---- as a whole ---- */

typedef struct mote_trunk_lengths {
    size_t residues, sequences, extra, templates; /* templates 0: none, and no parameters of theirs */
} mote_trunk_lengths;

/* Values of a trunk in its graph; shapes as above. */
typedef struct mote_trunk {
    mote_value target, msa, msa_mask, extra, extra_mask, residue_mask; /* inputs; residue_mask [residues] */
    mote_value offsets, copies;                                        /* inputs; copies: multimer only */
    mote_value previous_m, previous_z, previous_bins;                  /* inputs; previous_z in config.stored */
    mote_trunk_templates templates;                                    /* inputs, if there are templates */
    mote_value m, z, single; /* results; m without the templates' rows, z of pairs, both in config.stored, see
                              * mote_graph_widen(); single [residues, c_s] */
} mote_trunk;

/* Algorithm 2, lines 5 to 18: one round, with its inputs. Errors: those of mote_trunk_check() and of the graph. */
MOTE_API mote_status mote_trunk_build(mote_graph *graph, const mote_trunk_config *config,
                                      const mote_trunk_lengths *lengths, mote_trunk *trunk);

/* ---- what the inputs hold ---- */

/* Residue i's number relative to j's, clipped to relative_positions: offsets [residues, residues]. Multimer (asym,
 * entity, sym: of each residue's chain; NULL otherwise): another number for other chains, and copies [residues,
 * residues]: of the same sequence, clipped to relative_chains (Evans et al. 7.1). */
MOTE_API void mote_trunk_relative_positions(const mote_trunk_config *config, size_t residues, const int32_t *index,
                                            const int32_t *asym, const int32_t *entity, const int32_t *sym,
                                            int32_t *offsets, int32_t *copies);

/* Distances of points [residues, 3]: bin n + 1 of count begins at 3.25 + n (last - 3.25) / (count - 1) angstrom, the
 * last has no end; 0: nearer, or just on an edge. found [residues, residues]. Recycling: last 20.75; templates: 50.75.
 */
MOTE_API void mote_trunk_distance_bins(size_t residues, const float *points, size_t count, double last, int32_t *found);

/* Algorithm 6, line 12: the single representation [residues, c_s] of m's first row; "evoformer.linear". */
MOTE_API mote_value mote_trunk_single(mote_graph *graph, const mote_trunk_config *config, mote_value m);

#ifdef __cplusplus
}
#endif
#endif
