/* AlphaFold 2's structure module, its heads and its losses, as builders of graphs: Jumper et al. 2021, supplement
 * (numbers of algorithms and sections below are its), and the multimer's differences (Evans et al. 2021).
 *
 * One protein, no batch: single [residues, c_s], pair [residues, residues, c_z], msa [sequences, residues, c_m]; aatype
 * int32 [residues], 0 to 20; masks FP32 of 0 and 1. Parameters have OpenFold's names ("structure_module.ipa.linear_q.
 * weight", "aux_heads.plddt.linear_1.bias", ...) and its shapes, [outputs, inputs]. Where the paper and the published
 * code differ, this follows the code, since its weights were trained with it.
 *
 * Frames and points are FP32 whatever the policy. The products of the module follow it; those of "structure_module.ipa"
 * weigh points by probabilities, and published models ran the whole module in FP32.
 */
#ifndef MOTE_STRUCTURE_MODULE_H
#define MOTE_STRUCTURE_MODULE_H

#include "mote/operations.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { MOTE_STRUCTURE_LAYERS = 16, MOTE_ANGLE_BLOCKS = 8 }; /* most of each */

typedef struct mote_structure_config {
    int multimer;
    int training; /* with dropout */
    size_t c_m, c_z, c_s;
    size_t structure_layers, ipa_heads, ipa_width, query_points, value_points;
    size_t c_angles, angle_blocks;
    size_t c_lddt, lddt_bins, distance_bins, error_bins, msa_classes;
    int aligned_error;     /* with the head of 1.9.7: published models called "_ptm" and multimers */
    double position_scale; /* angstrom of a unit of translation */
    double dropout;
} mote_structure_config;

/* The published models' sizes; multimers and _ptm models set aligned_error. */
MOTE_API mote_structure_config mote_structure_preset(int multimer, int aligned_error);

/* MOTE_ERROR_ARGUMENT names what cannot be. */
MOTE_API mote_status mote_structure_config_check(mote_context *context, const mote_structure_config *config);

/* ---- frames ---- */

/* Rotations [..., 3, 3] and translations [..., 3]. */
typedef struct mote_frames {
    mote_value rotations, translations;
} mote_frames;

/* count frames that change nothing. */
MOTE_API mote_frames mote_frames_origin(mote_graph *graph, size_t count);

/* T x, and T^-1 x (1.8.1), of points x [..., points, 3] with the frame of the same leading dimensions. */
MOTE_API mote_value mote_frames_apply(mote_graph *graph, const mote_frames *frames, mote_value x);
MOTE_API mote_value mote_frames_apply_inverse(mote_graph *graph, const mote_frames *frames, mote_value x);

/* one times other, of the same shape. */
MOTE_API mote_frames mote_frames_compose(mote_graph *graph, const mote_frames *one, const mote_frames *other);

/* Frames from update [count, 6]: the quaternion (1, x, y, z), made a unit one, and a translation (Alg. 23). */
MOTE_API mote_frames mote_frames_from_update(mote_graph *graph, mote_value update);

/* ---- the module ---- */

typedef struct mote_point_attention_layers {
    mote_layer q, k, v, q_points, k_points, v_points; /* not for multimers: k and k_points have the values
                                                       * too, v and v_points are not there */
    mote_layer pair, out;
    mote_value head_weights;
} mote_point_attention_layers;

MOTE_API mote_point_attention_layers mote_point_attention_create(mote_graph *graph,
                                                                 const mote_structure_config *config);

/* Invariant point attention (Alg. 22): [residues, c_s]. z: normalized pairs. Points are as all x, all y, all z, in
 * multimers so for each head. A pair with a masked residue has its score lowered by 1e5, in multimers by 1e5 / sqrt(3).
 */
MOTE_API mote_value mote_point_attention(mote_graph *graph, const mote_structure_config *config,
                                         const mote_point_attention_layers *layers, mote_value s, mote_value z,
                                         const mote_frames *frames, mote_value mask);

typedef struct mote_angle_layers {
    mote_layer in, initial, blocks[MOTE_ANGLE_BLOCKS][2], out;
} mote_angle_layers;

MOTE_API mote_angle_layers mote_angles_create(mote_graph *graph, const mote_structure_config *config);

/* (sin, cos) of the seven torsion angles (Alg. 20, lines 11 to 14): [residues, 7, 2] of length 1; raw: as they came.
 * Unlike in the paper, a ReLU goes in front of the first layers too. */
MOTE_API mote_value mote_angles(mote_graph *graph, const mote_structure_config *config, const mote_angle_layers *layers,
                                mote_value s, mote_value initial, mote_value *raw);

/* The frames of the eight rigid groups, [residues, 8], in angstrom (Alg. 24, lines 1 to 10, and 25). backbone
 * [residues]. Groups that a residue does not have get frames of zeros. */
MOTE_API mote_frames mote_group_frames(mote_graph *graph, mote_value aatype, const mote_frames *backbone,
                                       mote_value angles);

/* Atoms [residues, 14, 3] of the groups (Alg. 24, line 11), and of those [residues, 37, 3]; 0 where there is none. */
MOTE_API mote_value mote_atoms14(mote_graph *graph, mote_value aatype, const mote_frames *groups);
MOTE_API mote_value mote_atoms37(mote_graph *graph, mote_value aatype, mote_value atoms14);

typedef struct mote_structure_result {
    size_t layers;
    mote_frames frames[MOTE_STRUCTURE_LAYERS]; /* of the backbone after each iteration, in angstrom */
    mote_value angles, raw_angles;             /* [layers, residues, 7, 2] */
    mote_frames groups;                        /* of the last iteration: [residues, 8] */
    mote_value atoms;                          /* [residues, 14, 3] */
    mote_value single;                         /* [residues, c_s] */
} mote_structure_result;

/* Alg. 20 without its losses. pair may lie in a narrow format (mote_graph_cast()). start: the frames to begin with,
 * translations in units of position_scale; NULL: the origin. No gradient goes through rotations from one iteration to
 * the next. Each iteration is a segment. */
MOTE_API void mote_structure_module(mote_graph *graph, const mote_structure_config *config, mote_value single,
                                    mote_value pair, mote_value aatype, mote_value mask, const mote_frames *start,
                                    mote_structure_result *result);

/* ---- heads ---- */

/* Scores in front of a softmax or, for resolved, a sigmoid. */
typedef struct mote_structure_scores {
    mote_value lddt;          /* [residues, lddt_bins]: Alg. 29 */
    mote_value distances;     /* [residues, residues, distance_bins]: 1.9.8; symmetric */
    mote_value msa;           /* [sequences, residues, msa_classes]: 1.9.9 */
    mote_value resolved;      /* [residues, 37]: 1.9.10 */
    mote_value aligned_error; /* [residues, residues, error_bins]: 1.9.7; MOTE_NO_VALUE without that head */
} mote_structure_scores;

/* msa, pair, single: of the trunk, the first two in any format; structure_single: of the structure module. */
MOTE_API void mote_structure_heads(mote_graph *graph, const mote_structure_config *config, mote_value msa,
                                   mote_value pair, mote_value single, mote_value structure_single,
                                   mote_structure_scores *scores);

/* What scores that were read from a run mean. lddt [residues]: 0 to 100 (Alg. 29, line 5). */
MOTE_API void mote_predicted_lddt(size_t residues, size_t bins, const float *scores, float *lddt);

/* error [residues, residues]: expected error of a residue's CA in another one's frame, in angstrom (1.9.7). */
MOTE_API void mote_predicted_aligned_error(size_t residues, size_t bins, const float *scores, float *error);

/* pTM (1.9.7, eq. 40): the best mean over a frame. chains (int32 [residues]): only pairs of two chains count: ipTM
 * (Evans et al., eq. 1); otherwise NULL. weights [residues] of 0 to 1, or NULL: all 1. */
MOTE_API double mote_predicted_tm(size_t residues, size_t bins, const float *scores, const float *weights,
                                  const int32_t *chains);

/* ---- losses ---- */

/* What structures are compared with; FP32 inputs of a graph unless said otherwise. "other": with the other names of
 * symmetric atoms. Positions are in angstrom. */
typedef struct mote_structure_truth {
    mote_value aatype, chains;                                            /* int32 [residues] */
    mote_value seq_mask;                                                  /* [residues] */
    mote_value group_rotations, other_group_rotations;                    /* [residues, 8, 3, 3] */
    mote_value group_origins, group_mask;                                 /* [residues, 8, 3], [residues, 8] */
    mote_value atoms14, other_atoms14, mask14, other_mask14, ambiguous14; /* [residues, 14, 3], [residues, 14] */
    mote_value chi, chi_mask;                 /* (sin, cos) [residues, 4, 2], [residues, 4] */
    mote_value pseudo_beta, pseudo_beta_mask; /* [residues, 3], [residues]: CB, or CA */
    mote_value ca, atom37_mask;               /* [residues, 3], [residues, 37] */
    mote_value true_msa, bert_mask;           /* int32, FP32 [sequences, residues] */
    mote_value clamped; /* [1]: the share of the clamped in the backbone's loss (1.11.5); not read for multimers */
    mote_value well_resolved; /* [1]: 1 for resolutions of 0.1 to 3 angstrom, 0 otherwise (1.9.6) */
} mote_structure_truth;

/* Inputs of those names. */
MOTE_API void mote_structure_truth_inputs(mote_graph *graph, size_t sequences, size_t residues,
                                          mote_structure_truth *truth);

/* One number each; violations (1.9.11) are not among them. */
typedef struct mote_structure_losses {
    mote_value backbone, side_chains; /* Alg. 20, lines 17 and 28; multimers: Evans et al. 7.4 */
    mote_value chi, angle_norm;       /* Alg. 27 */
    mote_value distances, msa, lddt, resolved, aligned_error; /* 1.9.6 to 1.9.10; the last as its scores */
    mote_value total; /* 1.9, eq. 7: 0.5, 0.5, 0.5, 0.01, 0.3, 2, 0.01, 0.01 and 0.1 times these, in their order */
} mote_structure_losses;

MOTE_API void mote_structure_loss(mote_graph *graph, const mote_structure_config *config,
                                  const mote_structure_result *result, const mote_structure_scores *scores,
                                  const mote_structure_truth *truth, mote_structure_losses *losses);

#ifdef __cplusplus
}
#endif
#endif
