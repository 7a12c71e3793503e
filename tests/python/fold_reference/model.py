"""AlphaFold 2 as a whole in FP64: Alg. 2 and its training loss."""

import numpy as np

from . import losses, modules, structure


def empty(c, residues):
    """What the first round has of a round before."""
    return {"m": np.zeros((residues, c["c_m"])), "z": np.zeros((residues, residues, c["c_z"])), "atoms": np.zeros((residues, 37, 3))}


def fold(b, c, p, batch, previous=None):
    """One round of Alg. 2: {"m", "z", "single" of the trunk, "frames", "angles", "raw_angles", "groups", "atoms" (structure_module), "atoms37", "scores" (heads), "previous" for the next round}."""
    previous = empty(c, len(batch["aatype"])) if previous is None else previous
    found = modules.trunk(b, c, p, batch, {key: b.array(x) for key, x in previous.items()})
    made = structure.structure_module(b, c, p, found["single"], found["z"], batch["aatype"], batch["seq_mask"])
    scores = structure.heads(c, p, found["m"], found["z"], found["single"], made.pop("single"))
    atoms = structure.to_atom37(b, batch["aatype"], made["atoms"])
    following = {"m": found.pop("first_row"), "z": found["z"], "atoms": atoms}
    return {**found, **made, "atoms37": atoms, "scores": scores, "previous": {k: b.stop(x) for k, x in following.items()}}


def rounds(b, c, p, batch, count):
    """Alg. 30 and 31: `count` rounds, of which only the last has a gradient."""
    previous = None
    for _ in range(count):
        found = fold(b, c, p, batch, previous)
        previous = found["previous"]
    return found


def loss(b, c, p, batch, count=1, weights=losses.WEIGHTS):
    """The training loss after `count` rounds, its terms, and what `fold` found."""
    found = rounds(b, c, p, batch, count)
    terms = losses.losses(b, c, found, batch)
    return sum(weights[name] * term for name, term in terms.items()), terms, found


def loss_and_gradients(b, c, batch, count=1):
    """A function from parameters to the loss, its terms, and the gradients of all parameters (zero where none is)."""

    def f(p):
        total, terms, _ = loss(b, c, p, batch, count)
        return total, terms

    return b.gradient(f)
