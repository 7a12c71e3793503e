"""AlphaFold 2's trunk inside a graph: modules, blocks and stacks of include/mote/trunk.h.

    >>> g = mote.Graph()
    >>> trunk = mote.Trunk(g, {"evoformer_blocks": 4, "piece": 8})
    >>> m, z = trunk.block("evoformer", 0, m, z, msa_mask, pair_mask)
    >>> values = trunk.build(residues=256, sequences=128, extra=1024)
    >>> plan[values["offsets"]], plan[values["single"]]
"""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np

from ._arrays import format_number
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


def config_fields(config) -> dict:
    """A mote_trunk_config as Trunk takes it."""
    found = {name: getattr(config, name) for name, _ in ffi.typeof("mote_trunk_config").fields}
    found["stored"] = ffi.string(lib.mote_format_get(found["stored"]).name).decode()
    return found


class Trunk:
    """Builds into a graph. config: fields of mote_trunk_config that differ from the published model's; "multimer" chooses
    that one's, and "stored" is a format's name ("mxint8"), in which values m and z come out. Values m and z go in and come out: template stacks have no m."""

    def __init__(self, graph: Graph, config: Optional[dict] = None):
        config = config or {}
        self._graph = graph
        self._config = ffi.new("mote_trunk_config *", lib.mote_trunk_preset(bool(config.get("multimer"))))
        for key, value in config.items():
            if not hasattr(self._config, key):
                raise MoteValueError(f"trunk: unknown key {key!r}", "argument")
            setattr(self._config, key, format_number(value) if key == "stored" else value)
        graph._context.check(lib.mote_trunk_check(graph._context.pointer, self._config))

    @property
    def config(self) -> dict:
        return config_fields(self._config)

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

    def build(self, residues: int, sequences: int, extra: int, templates: int = 0) -> dict:
        """A whole round with its inputs: values by their names in mote_trunk, and "template_mask", "template_angles",
        "template_angle_mask" and, of each template, "template.0.bins", ... "types", "beta_mask", "backbone_mask", "directions"."""
        found = ffi.new("mote_trunk *")
        lengths = ffi.new("mote_trunk_lengths *", [residues, sequences, extra, templates])
        graph = self._graph
        graph._context.check(lib.mote_trunk_build(graph._pointer, self._config, lengths, found))
        values = {name: getattr(found, name) for name, field in ffi.typeof("mote_trunk").fields if field.type.kind != "struct"}
        values["template_mask"] = found.templates.there
        values["template_angles"], values["template_angle_mask"] = found.templates.angles, found.templates.angle_mask
        for i in range(templates):
            for part, _ in ffi.typeof("mote_trunk_template").fields:
                values[f"template.{i}.{part}"] = getattr(found.templates.each[i], part)
        return {name: value for name, value in values.items() if value != NONE}

    def relative_positions(self, index, asym=None, entity=None, sym=None) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        """What the inputs offsets and, for multimers, copies hold."""
        numbers = [None if x is None else np.ascontiguousarray(x, np.int32) for x in (index, asym, entity, sym)]
        count = len(numbers[0])
        given = 4 if self._config.multimer else 1
        if any(x is None or x.shape != (count,) for x in numbers[:given]):
            raise MoteValueError(f"relative positions: expected {given} arrays of {count} numbers", "shape")
        found = [np.zeros((count, count), np.int32) for _ in range(2 if self._config.multimer else 1)]
        pointers = [ffi.NULL if x is None else ffi.from_buffer("int32_t[]", x) for x in numbers]
        pointers += [ffi.from_buffer("int32_t[]", x) for x in found] + [ffi.NULL] * (2 - len(found))
        lib.mote_trunk_relative_positions(self._config, count, *pointers)
        return found[0], found[1] if len(found) > 1 else None


def distance_bins(points, count: int, last: float) -> np.ndarray:
    """Numbers 0 to count of the distances of points [residues, 3]: 20.75 angstrom is last for recycling, 50.75 for templates."""
    points = np.ascontiguousarray(points, np.float32)
    if points.ndim != 2 or points.shape[1] != 3 or count < 1:
        raise MoteValueError(f"distance bins: expected points [residues, 3] and at least 1 bin, found {points.shape}, {count}", "shape")
    found = np.zeros((len(points),) * 2, np.int32)
    lib.mote_trunk_distance_bins(len(points), ffi.from_buffer("float[]", points), count, last, ffi.from_buffer("int32_t[]", found))
    return found
