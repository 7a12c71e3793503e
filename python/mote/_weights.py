"""Parameters of AlphaFold 2 from files: see include/mote/weights.h.

    >>> weights = mote.Weights("params_model_1_ptm.npz")
    >>> g = mote.Graph()
    >>> values = mote.Trunk(g, weights.trunk).build(residues=256, sequences=128, extra=1024)
    >>> plan = mote.Plan(g)
    >>> weights.load(g, plan)
"""

from __future__ import annotations

import os
from typing import Union

from ._arrays import context
from ._graph import Graph, Plan
from ._library import ffi, lib
from ._trunk import config_fields


def _fields(config) -> dict:
    return {name: getattr(config, name) for name, _ in ffi.typeof(config).fields}


class Weights:
    """A file with AlphaFold's or OpenFold's names: .npz, .pt, .safetensors and what else mote.load reads."""

    def __init__(self, path: Union[str, os.PathLike]):
        out = ffi.new("mote_weights **")
        self._context = context()
        self._context.check(lib.mote_weights_open(self._context.pointer, os.fsencode(path), out))
        self._pointer = ffi.gc(out[0], lib.mote_weights_close)

    @property
    def names(self) -> str:
        """Whose: "alphafold" or "openfold"."""
        return ffi.string(self._pointer.names).decode()

    @property
    def trunk(self) -> dict:
        """Fields of mote_trunk_config, for mote.Trunk."""
        return config_fields(self._pointer.trunk)

    @property
    def structure(self) -> dict:
        """Fields of mote_structure_config."""
        return _fields(self._pointer.structure)

    @property
    def templates(self) -> bool:
        """There are parameters of templates."""
        return self._pointer.templates

    @property
    def format(self) -> str:
        """The block format that all matrices have, or "fp32"."""
        return ffi.string(lib.mote_format_get(self._pointer.format).name).decode()

    @property
    def parameters(self) -> int:
        """Values of all tensors."""
        return self._pointer.parameters

    def load(self, graph: Graph, plan: Plan) -> None:
        """Fills all parameters of a plan of graph."""
        self._context.check(lib.mote_weights_load(self._pointer, graph._pointer, plan._pointer))
