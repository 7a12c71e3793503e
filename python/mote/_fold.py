"""Folding: structures from alignments; see include/mote/fold.h.

    >>> result = mote.fold("query.a3m", "params_model_1_ptm.npz", output="query")
    >>> best = result.predictions[0]
    >>> best.lddt, best.positions.shape, best.residue_lddt.shape
    (87.2, (191, 37, 3), (191,))
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Callable, List, Optional, Union

import numpy as np

from ._arrays import context, format_number
from ._library import ffi, lib
from ._training import Description, Paths, _Options, _plain

STAGES = ("reading", "features", "predicting")


@dataclass(frozen=True)
class FoldProgress:
    """Where a prediction is: stage is one of reading, features, predicting."""

    stage: str
    prediction: int
    predictions: int
    round: int
    rounds: int
    layer: str
    done: float
    lddt: float
    seconds: float


@dataclass(frozen=True)
class FoldPlan:
    """What fold() would take, in bytes."""

    residues: int
    chains: int
    rows: int
    clusters: int
    extra: int
    recycles: int
    predictions: int
    piece: int
    parameters: int
    total: int
    available: int
    longest: int
    multiply_adds: float
    bytes_moved: float


@dataclass(frozen=True)
class Prediction:
    """One model's with one seed. positions [residues, 37, 3] in angstrom, atom_mask [residues, 37], residue_lddt
    [residues] from 0 to 100, aligned_error [residues, residues] in angstrom or None."""

    model: str
    seed: int
    rounds: int
    change: float
    lddt: float
    tm: float
    interface_tm: float
    score: float
    seconds: float
    residue_lddt: np.ndarray
    aligned_error: Optional[np.ndarray]
    positions: np.ndarray
    atom_mask: np.ndarray


@dataclass(frozen=True)
class FoldResult:
    """predictions: best first. types, chain_of and index are of residues; types in the order ARNDCQEGHILKMFPSTWYVX."""

    name: str
    predictions: List[Prediction]
    types: np.ndarray
    chain_of: np.ndarray
    index: np.ndarray
    seconds: float


def _array(pointer, kind, *shape):
    count = int(np.prod(shape))
    return np.frombuffer(ffi.buffer(pointer, count * np.dtype(kind).itemsize), kind).reshape(shape).copy()


def _prediction(p, residues):
    fields = "seed rounds change lddt tm interface_tm score seconds".split()
    return Prediction(
        ffi.string(p.model).decode(errors="replace"),
        *(getattr(p, f) for f in fields),
        _array(p.residue_lddt, np.float32, residues),
        _array(p.aligned_error, np.float32, residues, residues) if p.aligned_error else None,
        _array(p.positions, np.float32, residues, 37, 3),
        _array(p.atom_mask, np.uint8, residues, 37),
    )


def _options(input, weights, policy, options):
    if "pairs" in options:
        options["pairs"] = format_number(options["pairs"])
    return _Options("mote_fold_options", {"input": input, "weights": weights, "policy": policy, **options})


def fold(
    input: Union[str, os.PathLike],
    weights: Paths,
    *,
    output: Union[str, os.PathLike, None] = None,
    policy: Optional[Description] = None,
    progress: Optional[Callable[[FoldProgress], object]] = None,
    **options,
) -> FoldResult:
    """Predicts the structure of an alignment (A3M, Stockholm, FASTA) with each of the weights' files. output: a folder
    for structures, scores and report.html; without one nothing is written. options: the fields of mote_fold_options
    (include/mote/fold.h): seeds, recycles, clusters, extra, memory_limit, pairs (a format's name) ... progress(p) is called often; if it returns
    something true, or raises, folding stops."""
    chosen, raised, result = _options(input, weights, policy, options), [], ffi.new("mote_fold_result **")

    def call(_, p):
        values = _plain(p[0])
        values["stage"] = STAGES[values["stage"]]
        return bool(progress and progress(FoldProgress(**values)))

    function = ffi.callback("mote_fold_callback", call, error=1, onerror=lambda kind, value, trace: raised.append(value.with_traceback(trace)))
    status = lib.mote_fold(context().pointer, chosen.pointer, function, ffi.NULL, result)
    if raised:
        raise raised[0]
    context().check(status)
    try:
        r = result[0]
        if output is not None:
            folder = os.fspath(output)
            context().check(lib.mote_fold_write(context().pointer, r, os.fsencode(folder)))
            context().check(lib.mote_fold_report(context().pointer, r, os.fsencode(os.path.join(folder, "report.html"))))
        return FoldResult(
            ffi.string(r.name).decode(errors="replace"),
            [_prediction(r.predictions[i], r.residues) for i in range(r.count)],
            _array(r.types, np.uint8, r.residues),
            _array(r.chain_of, np.intc, r.residues),
            _array(r.index, np.intc, r.residues),
            r.seconds,
        )
    finally:
        lib.mote_fold_free(result[0])


def plan_fold(input: Union[str, os.PathLike], weights: Paths = (), *, policy: Optional[Description] = None, **options) -> FoldPlan:
    """What fold() would take with the same arguments; without weights, with the published model's."""
    chosen, plan = _options(input, weights, policy, options), ffi.new("mote_fold_plan *")
    context().check(lib.mote_fold_measure(context().pointer, chosen.pointer, plan))
    fields = FoldPlan.__dataclass_fields__
    return FoldPlan(**{f: plan.memory.parameters if f == "parameters" else getattr(plan, f) for f in fields})
