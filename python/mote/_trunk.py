"""AlphaFold 2's trunk inside a graph: modules, blocks and stacks of include/mote/trunk.h.

    >>> g = mote.Graph()
    >>> trunk = mote.Trunk(g, {"evoformer_blocks": 4, "piece": 32})
    >>> m, z = trunk.block("evoformer", 0, m, z, msa_mask, pair_mask)
"""

from __future__ import annotations

from typing import Optional, Tuple

from ._graph import NONE, Graph, Value
from ._library import MoteValueError, ffi, lib

STACKS = ("evoformer", "extra", "template")
MODULES = (
    "msa_row_attention",
    "msa_column_attention",
    "msa_transition",
    "outer_product_mean",
    "triangle_outgoing",
    "triangle_incoming",
    "triangle_starting",
    "triangle_ending",
    "pair_transition",
)


def _index(names, name):
    if name not in names:
        raise MoteValueError(f"expected one of {', '.join(names)}, found {name!r}", "argument")
    return names.index(name)


class Trunk:
    """Builds into a graph. config: fields of mote_trunk_config that differ from the published model's; "multimer" chooses
    that one's. Values m and z go in and come out: template stacks have no m."""

    def __init__(self, graph: Graph, config: Optional[dict] = None):
        config = config or {}
        self._graph = graph
        self._config = ffi.new("mote_trunk_config *", lib.mote_trunk_preset(bool(config.get("multimer"))))
        for key, value in config.items():
            if not hasattr(self._config, key):
                raise MoteValueError(f"trunk: unknown key {key!r}", "argument")
            setattr(self._config, key, value)
        graph._context.check(lib.mote_trunk_check(graph._context.pointer, self._config))

    @property
    def config(self) -> dict:
        return {name: getattr(self._config, name) for name, _ in ffi.typeof("mote_trunk_config").fields}

    def _state(self, call, *arguments, values) -> Tuple[Value, Value]:
        state = ffi.new("mote_trunk_state *", values)
        call(self._graph._pointer, self._config, *arguments, state)
        self._graph._checked(0)
        return state.m, state.z

    def module(self, stack: str, module: str, m: Value, z: Value, msa_mask: Value = NONE, pair_mask: Value = NONE) -> Tuple[Value, Value]:
        """One module of a block, in the caller's layer."""
        values = [m, z, msa_mask, pair_mask]
        return self._state(lib.mote_trunk_add_module, _index(STACKS, stack), _index(MODULES, module), values=values)

    def block(self, stack: str, number: int, m: Value, z: Value, msa_mask: Value = NONE, pair_mask: Value = NONE) -> Tuple[Value, Value]:
        return self._state(lib.mote_trunk_add_block, _index(STACKS, stack), number, values=[m, z, msa_mask, pair_mask])

    def stack(self, stack: str, m: Value, z: Value, msa_mask: Value = NONE, pair_mask: Value = NONE) -> Tuple[Value, Value]:
        return self._state(lib.mote_trunk_add_stack, _index(STACKS, stack), values=[m, z, msa_mask, pair_mask])

    def single(self, m: Value) -> Value:
        """The single representation of the MSA's first row."""
        return self._graph._checked(lib.mote_trunk_single(self._graph._pointer, self._config, m))
