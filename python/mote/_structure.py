"""AlphaFold 2's structure module, its heads and losses as parts of graphs; see include/mote/structure_module.h.

    >>> from mote import _structure as structure
    >>> config = structure.structure_config(structure_layers=4)
    >>> g = mote.Graph()
    >>> single, pair = g.input("single", (64, 384)), g.input("pair", (64, 64, 128))
    >>> aatype, mask = g.input("types", (64,), "int32"), g.input("mask", (64,))
    >>> made = structure.structure_module(g, config, single, pair, aatype, mask)
    >>> g.shape(made.atoms)
    (64, 14, 3)
"""

from __future__ import annotations

import numpy as np

from ._arrays import context
from ._graph import NONE
from ._library import ffi, lib


def structure_config(multimer: bool = False, aligned_error: bool = False, **changes):
    """The published models' sizes but for changes."""
    config = ffi.new("mote_structure_config *", lib.mote_structure_preset(multimer, aligned_error))
    for name, value in changes.items():
        setattr(config, name, value)
    context().check(lib.mote_structure_config_check(context().pointer, config))
    return config


def frames(rotations, translations):
    """Frames for the calls below: values of a graph."""
    return ffi.new("mote_frames *", [rotations, translations])


def _pair(made):
    return made.rotations, made.translations


def frames_from_update(graph, update):
    made = lib.mote_frames_from_update(graph._pointer, update)
    return graph._checked(_pair(made))


def frames_compose(graph, one, other):
    made = lib.mote_frames_compose(graph._pointer, frames(*one), frames(*other))
    return graph._checked(_pair(made))


def frames_apply(graph, one, x, inverse=False):
    apply = lib.mote_frames_apply_inverse if inverse else lib.mote_frames_apply
    return graph._checked(apply(graph._pointer, frames(*one), x))


def point_attention(graph, config, s, z, one, mask):
    """With parameters of its own, in the layer that is open."""
    layers = ffi.new("mote_point_attention_layers *", lib.mote_point_attention_create(graph._pointer, config))
    graph._checked(None)
    return graph._checked(lib.mote_point_attention(graph._pointer, config, layers, s, z, frames(*one), mask))


def torsion_angles(graph, config, s, initial):
    """Angles and raw angles, with parameters of its own, in the layer that is open."""
    layers, raw = ffi.new("mote_angle_layers *", lib.mote_angles_create(graph._pointer, config)), ffi.new("mote_value *")
    graph._checked(None)
    return graph._checked(lib.mote_angles(graph._pointer, config, layers, s, initial, raw)), raw[0]


def group_frames(graph, aatype, backbone, angles):
    made = lib.mote_group_frames(graph._pointer, aatype, frames(*backbone), angles)
    return graph._checked(_pair(made))


def atoms14(graph, aatype, groups):
    return graph._checked(lib.mote_atoms14(graph._pointer, aatype, frames(*groups)))


def atoms37(graph, aatype, atoms):
    return graph._checked(lib.mote_atoms37(graph._pointer, aatype, atoms))


def structure_module(graph, config, single, pair, aatype, mask, start=None):
    """A mote_structure_result of values. start: frames to begin with."""
    result = ffi.new("mote_structure_result *")
    lib.mote_structure_module(graph._pointer, config, single, pair, aatype, mask, frames(*start) if start else ffi.NULL, result)
    return graph._checked(result)


def structure_heads(graph, config, msa, pair, single, structure_single):
    """A mote_structure_scores of values."""
    scores = ffi.new("mote_structure_scores *")
    lib.mote_structure_heads(graph._pointer, config, msa, pair, single, structure_single, scores)
    return graph._checked(scores)


def structure_truth(graph, sequences, residues):
    """Inputs: a mote_structure_truth of values."""
    truth = ffi.new("mote_structure_truth *")
    lib.mote_structure_truth_inputs(graph._pointer, sequences, residues, truth)
    return graph._checked(truth)


def structure_loss(graph, config, result, scores, truth):
    """The losses by their names, and their weighted sum as "total"."""
    losses = ffi.new("mote_structure_losses *")
    lib.mote_structure_loss(graph._pointer, config, result, scores, truth, losses)
    names = [name for name, _ in ffi.typeof("mote_structure_losses").fields]
    return graph._checked({name: getattr(losses, name) for name in names if getattr(losses, name) != NONE})


def predicted_lddt(scores):
    """[residues, bins] to [residues] of 0 to 100."""
    scores = np.ascontiguousarray(scores, np.float32)
    lddt = np.empty(len(scores), np.float32)
    lib.mote_predicted_lddt(*scores.shape, ffi.from_buffer("float[]", scores), ffi.from_buffer("float[]", lddt))
    return lddt


def predicted_aligned_error(scores):
    """[residues, residues, bins] to angstrom."""
    scores = np.ascontiguousarray(scores, np.float32)
    error = np.empty(scores.shape[:2], np.float32)
    lib.mote_predicted_aligned_error(*scores.shape[1:], ffi.from_buffer("float[]", scores), ffi.from_buffer("float[]", error))
    return error


def predicted_tm(scores, weights=None, chains=None):
    """pTM, or, with the chains of residues, ipTM."""
    scores = np.ascontiguousarray(scores, np.float32)
    weights = None if weights is None else np.ascontiguousarray(weights, np.float32)
    chains = None if chains is None else np.ascontiguousarray(chains, np.int32)
    pointers = (ffi.NULL if x is None else ffi.from_buffer(kind, x) for kind, x in (("float[]", weights), ("int32_t[]", chains)))
    return lib.mote_predicted_tm(*scores.shape[1:], ffi.from_buffer("float[]", scores), *pointers)
