"""Training, evaluation and planning of sequence models, and models inside a graph.

    >>> result = mote.train("ecoli.fna.gz", output="runs/ecoli", model="gpt-small", policy="mxfp6", steps=2000)
    >>> result.bits, result.parameters
    >>> mote.evaluate("runs/ecoli", "other.fna.gz").bits
    >>> mote.plan_training("ecoli.fna.gz", model="gpt-medium").total
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Callable, Optional, Sequence, Union

from ._arrays import context
from ._graph import Graph, Plan, Value
from ._library import ffi, lib

Paths = Union[str, os.PathLike, Sequence[Union[str, os.PathLike]]]
Description = Union[str, dict, os.PathLike]  # a name, JSON, or what json.dumps turns into it


@dataclass(frozen=True)
class Progress:
    """After a step: loss in nats a token, bits a base or residue. Evaluations fill step, steps and loss only."""

    step: int
    steps: int
    loss: float
    bits: float
    validation_bits: float
    learning_rate: float
    gradient_norm: float
    seconds: float
    tokens_per_second: float


@dataclass(frozen=True)
class TrainResult:
    """loss, bits and perplexity are of the validation data; stopped: progress asked for it before the last step."""

    parameters: int
    steps: int
    loss: float
    bits: float
    perplexity: float
    seconds: float
    tokens_per_second: float
    limit_bits: float
    limit_error: float
    planned_bytes: int
    energy: dict
    folder: str
    notice: str
    stopped: bool


@dataclass(frozen=True)
class EvaluateResult:
    """What scored data cost: nats a token, bits a base or residue, e^loss."""

    tokens: int
    units: float
    loss: float
    bits: float
    perplexity: float
    seconds: float


@dataclass(frozen=True)
class TrainPlan:
    """What a run would take, in bytes (training: by purpose), and the work of a step."""

    model: dict
    parameters: int
    batch: int
    accumulation: int
    steps: int
    tokens: float
    training: dict
    optimizer: int
    evaluation: int
    data: int
    total: int
    counts: dict
    multiply_adds: float
    bytes_moved: float


def _plain(struct) -> Union[dict, list, str, int, float]:
    """A C structure as a dictionary of Python numbers, lists and texts."""
    if not isinstance(struct, ffi.CData):
        return struct
    kind = ffi.typeof(struct)
    if kind.kind == "array" and kind.item.cname != "char":
        return [_plain(item) for item in struct]
    if kind.kind != "struct":
        return ffi.string(struct).decode()
    return {name: _plain(getattr(struct, name)) for name, _ in kind.fields}


def _text(description: Description) -> str:
    return json.dumps(description) if isinstance(description, dict) else os.fspath(description)


class _Options:
    """An options structure of the library, filled by name; owns its strings."""

    def __init__(self, kind: str, values: dict):
        self.pointer, self._owned = ffi.new(f"{kind} *"), []
        fields = dict(ffi.typeof(kind).fields)
        counts = {"data": "data_count", "weights": "weight_count", "tasks": "task_count", "policies": "policy_count"}
        counts = {name: count for name, count in counts.items() if count in fields}
        for name, value in values.items():
            if name not in fields or name in counts.values():
                raise TypeError(f"unknown option {name!r}; known: {', '.join(f for f in fields if f not in counts.values())}")
            if name in counts:
                setattr(self.pointer, counts[name], self._set_paths(name, [] if value is None else value))
            elif value is not None:
                setattr(self.pointer, name, self._value(fields[name].type, value))

    def _set_paths(self, name: str, paths: Paths) -> int:
        paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        self._owned.append(ffi.new("char *[]", [self._string(os.fspath(p)) for p in paths]))
        setattr(self.pointer, name, self._owned[-1])
        return len(paths)

    def _string(self, text: str):
        self._owned.append(ffi.new("char[]", os.fsencode(text)))
        return self._owned[-1]

    def _value(self, kind, value):
        if kind.kind == "pointer":
            return self._string(_text(value))
        if kind.cname == "double":  # in C 0 stands for the default and a negative number for 0
            return value if value else -1.0
        return int(value)


class _Watcher:
    """A callback that passes progress on, and keeps what Python raises inside of it for later."""

    def __init__(self, progress: Optional[Callable[[Progress], object]]):
        self._raised = None

        def call(_, state):
            if state.steps == 0:
                return False  # nothing to show yet; that this runs at all is what lets Ctrl-C through
            return bool(progress and progress(Progress(**_plain(state[0]))))

        def keep(_, exception, trace):
            self._raised = exception.with_traceback(trace)

        self.function = ffi.callback("mote_train_callback", call, error=1, onerror=keep)

    def check(self, status) -> None:
        if self._raised:
            raise self._raised
        context().check(status)


def train(
    data: Paths = (),
    *,
    output: Union[str, os.PathLike, None] = None,
    model: Optional[Description] = None,
    policy: Optional[Description] = None,
    steps: Optional[int] = None,
    batch: Optional[int] = None,
    seed: int = 0,
    resume: bool = False,
    progress: Optional[Callable[[Progress], object]] = None,
    **options,
) -> TrainResult:
    """Trains a language model of sequences and leaves it in the folder output; without one nothing is written.

    data: FASTA files; none: simulated genes. model: a preset, JSON or a dictionary of its fields; policy: a name, JSON
    or a dictionary. options: the fields of mote_train_options (include/mote/train.h): learning_rate, context, schedule,
    memory_limit ... What is left out has its default there; 0 for a number that may be a fraction means 0.
    progress(p) is called after every step; if it returns something true, training stops with a checkpoint, and so it
    does before an exception of it, or KeyboardInterrupt, is raised here.
    """
    values = {"data": data, "output": output, "model": model, "policy": policy, "steps": steps, "batch": batch, "seed": seed, "resume": resume}
    chosen, watcher = _Options("mote_train_options", {**values, **options}), _Watcher(progress)
    result = ffi.new("mote_train_result *")
    status = lib.mote_train(context().pointer, chosen.pointer, watcher.function, ffi.NULL, result)
    stopped = status == lib.MOTE_ERROR_CANCELLED
    watcher.check(lib.MOTE_OK if stopped else status)
    return TrainResult(**_plain(result[0]), stopped=stopped)


def plan_training(data: Paths = (), *, model: Optional[Description] = None, policy: Optional[Description] = None, **options) -> TrainPlan:
    """What train() would take with the same arguments, without training."""
    chosen = _Options("mote_train_options", {"data": data, "model": model, "policy": policy, **options})
    plan = ffi.new("mote_train_plan *")
    context().check(lib.mote_train_measure(context().pointer, chosen.pointer, plan))
    return TrainPlan(**_plain(plan[0]))


def evaluate(
    folder: Union[str, os.PathLike],
    data: Paths = (),
    *,
    policy: Optional[Description] = None,
    progress: Optional[Callable[[Progress], object]] = None,
    **options,
) -> EvaluateResult:
    """Scores FASTA files (none: simulated genes) with the trained model of a folder by a sliding window. options: the
    fields of mote_evaluate_options: context, stride, batch, limit."""
    values = {"folder": folder, "data": data, "policy": policy, **options}
    chosen, watcher = _Options("mote_evaluate_options", values), _Watcher(progress)
    result = ffi.new("mote_evaluate_result *")
    watcher.check(lib.mote_evaluate(context().pointer, chosen.pointer, watcher.function, ffi.NULL, result))
    return EvaluateResult(**_plain(result[0]))


def report(runs: Paths, output: Union[str, os.PathLike, None] = None) -> str:
    """Writes one HTML page on a run folder, or a comparison of several; returns its path. output: by default report.html
    in the first folder."""
    folders = [os.fspath(r) for r in ([runs] if isinstance(runs, (str, os.PathLike)) else runs)]
    path = os.fspath(output) if output is not None else os.path.join(folders[0], "report.html") if folders else ""
    texts = [ffi.new("char[]", os.fsencode(f)) for f in folders]
    context().check(lib.mote_report(context().pointer, ffi.new("char *[]", texts), len(texts), os.fsencode(path)))
    return path


class Model:
    """A model in a graph. tokens, targets and segments are its inputs; hidden, losses and loss its results, as
    mote_model in include/mote/model.h has them; config: what it is, as a dictionary."""

    def __init__(self, graph: Graph, config, values):
        self._graph, self._config = graph, config
        self.config: dict = _plain(config[0])
        self.tokens: Value = values.tokens
        self.targets: Value = values.targets
        self.segments: Value = values.segments
        self.hidden: Value = values.hidden
        self.losses: Value = values.losses
        self.loss: Value = values.loss

    def save(self, plan: Plan, folder: Union[str, os.PathLike], extra: Optional[dict] = None) -> None:
        """Writes config.json and model.safetensors with the names that the architecture's other tools know."""
        text = ffi.NULL if extra is None else json.dumps(extra).encode()
        graph = self._graph
        graph._context.check(lib.mote_model_save(graph._pointer, self._config, plan._pointer, text, os.fsencode(folder)))

    def load(self, plan: Plan, folder: Union[str, os.PathLike]) -> None:
        """Reads model.safetensors of a folder into the plan's parameters."""
        graph = self._graph
        graph._context.check(lib.mote_model_load(graph._pointer, self._config, plan._pointer, os.fsencode(folder)))


def build_model(graph: Graph, model: Description, batch: int, positions: int, training: bool = False) -> Model:
    """Appends a model to a graph. model: a preset ("gpt-tiny"), JSON or a dictionary of mote_model_config's fields
    (vocabulary has no default), or the folder of a trained one. training: with dropout."""
    config, values = ffi.new("mote_model_config *"), ffi.new("mote_model *")
    check, pointer = graph._context.check, graph._context.pointer
    if not isinstance(model, dict) and os.path.isdir(model):
        check(lib.mote_model_read_config(pointer, os.fsencode(model), config, ffi.NULL))
    else:
        check(lib.mote_model_parse(pointer, _text(model).encode(), config))
    check(lib.mote_model_build(graph._pointer, config, batch, positions, training, values))
    return Model(graph, config, values)
