"""Graphs: a model as operations on arrays of known shape, differentiated, planned and run by libmote.

    >>> g = mote.Graph()
    >>> x, w = g.input("x", (8, 64)), g.parameter("w", (32, 64), spread=0.1)
    >>> loss = g.mean(g.map("square", g.linear(x, w)), 0, 2)
    >>> g.differentiate(loss)
    >>> plan = mote.Plan(g)
    >>> plan.initialize(seed=1)
    >>> plan[x][:] = 1
    >>> plan.run()
    >>> plan[loss], plan[g.gradient(w)].shape
    >>> mote.Optimizer(plan, "adamw").step(learning_rate=1e-3)
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Optional, Sequence, Tuple, Union

import numpy as np

from ._arrays import MXArray, context, float32_array, format_number, make_layout
from ._library import MoteValueError, ffi, lib

Value = int
NONE = -1  # an optional operand that is not there


class Graph:
    """Builder calls return the number of a value; see include/mote/operations.h for what each computes. Mistakes raise at once."""

    def __init__(self):
        out = ffi.new("mote_graph **")
        self._context = context()
        self._context.check(lib.mote_graph_create(self._context.pointer, out))
        self._pointer = ffi.gc(out[0], lib.mote_graph_destroy)

    def _checked(self, value):
        self._context.check(lib.mote_graph_status(self._pointer))
        return value

    @contextmanager
    def layer(self, name: str):
        """Names of parameters and operations made inside begin with name and a dot."""
        lib.mote_graph_enter(self._pointer, name.encode())
        yield self
        lib.mote_graph_leave(self._pointer)

    @contextmanager
    def segment(self):
        """What is made inside may be computed twice under a memory limit."""
        lib.mote_graph_begin_segment(self._pointer)
        yield self
        lib.mote_graph_end_segment(self._pointer)

    def input(self, name: str, shape: Sequence[int], dtype="float32") -> Value:
        format = lib.MOTE_INT32 if np.dtype(dtype) == np.int32 else lib.MOTE_FP32
        return self._checked(lib.mote_graph_input(self._pointer, name.encode(), format, len(shape), list(shape)))

    def parameter(self, name: str, shape: Sequence[int], spread: float = 0.0, value: int = 0) -> Value:
        """Normal numbers of standard deviation spread, or, with spread 0, value (0 or 1) everywhere."""
        kind = lib.MOTE_INITIAL_NORMAL if spread else lib.MOTE_INITIAL_ONES if value else lib.MOTE_INITIAL_ZEROS
        return self._checked(lib.mote_graph_parameter(self._pointer, name.encode(), len(shape), list(shape), kind, spread))

    @contextmanager
    def shared(self, first: Value):
        """Parameters made inside whose names are taken by one made since value first are that one."""
        lib.mote_graph_share(self._pointer, first)
        yield self
        lib.mote_graph_share(self._pointer, NONE)

    def output(self, value: Value) -> None:
        """Keeps a value until the end of a run, so that a plan can show it."""
        lib.mote_graph_output(self._pointer, value)

    def _call(self, name, *arguments):
        return self._checked(getattr(lib, f"mote_graph_{name}")(self._pointer, *arguments))

    def constant(self, shape, number):
        return self._call("constant", len(shape), list(shape), number)

    def array(self, numbers):
        """A constant."""
        numbers = np.ascontiguousarray(numbers, np.float32)
        return self._call("array", numbers.ndim, list(numbers.shape), ffi.from_buffer("float[]", numbers))

    def add(self, a, b):
        return self._call("add", a, b)

    def subtract(self, a, b):
        return self._call("subtract", a, b)

    def multiply(self, a, b):
        return self._call("multiply", a, b)

    def divide(self, a, b):
        return self._call("divide", a, b)

    def scale(self, x, factor):
        return self._call("scale", x, factor)

    def map(self, name, x):
        return self._call("map", name.encode(), x)

    def bins(self, x, breaks):
        return self._call("bins", x, len(breaks), list(breaks))

    def sum(self, x, first, count):
        return self._call("sum", x, first, count)

    def mean(self, x, first, count):
        return self._call("mean", x, first, count)

    def stop_gradient(self, x):
        return self._call("stop_gradient", x)

    def cast(self, x, format):
        """x in a narrow format, blocks along its last axis: for widen(), slice() and, as a value that it cuts, pieces()."""
        return self._call("cast", x, format_number(format))

    def widen(self, x):
        """The same in FP32."""
        return self._call("widen", x)

    def broadcast(self, x, shape):
        return self._call("broadcast", x, len(shape), list(shape))

    def reshape(self, x, shape):
        return self._call("reshape", x, len(shape), list(shape))

    def permute(self, x, axes):
        return self._call("permute", x, list(axes))

    def slice(self, x, axis, begin, count):
        return self._call("slice", x, axis, begin, count)

    def concatenate(self, values, axis):
        return self._call("concatenate", len(values), list(values), axis)

    def matmul(self, a, b, transpose_a=False, transpose_b=False):
        return self._call("matmul", a, b, transpose_a, transpose_b)

    def linear(self, x, weight, bias=NONE):
        return self._call("linear", x, weight, bias)

    def convolution(self, x, weight, bias=NONE, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
        shape = ffi.new("mote_convolution *")
        shape.stride_height, shape.stride_width = stride
        shape.padding_height, shape.padding_width = padding
        shape.dilation_height, shape.dilation_width = dilation
        return self._call("convolution", x, weight, bias, shape)

    def layer_norm(self, x, weight=NONE, bias=NONE, epsilon=1e-5):
        return self._call("layer_norm", x, weight, bias, epsilon)

    def rms_norm(self, x, weight=NONE, epsilon=1e-5):
        return self._call("rms_norm", x, weight, epsilon)

    def softmax(self, x):
        return self._call("softmax", x)

    def swiglu(self, x):
        return self._call("swiglu", x)

    def gate(self, x, gate):
        return self._call("gate", x, gate)

    def embedding(self, table, tokens):
        return self._call("embedding", table, tokens)

    def rotary(self, x, heads, width, base=10000.0):
        return self._call("rotary", x, heads, width, base)

    def attention(self, x, heads, key_heads=0, segments=NONE, causal=True, window=0, scale=0.0):
        options = ffi.new("mote_attention_options *", [heads, key_heads, causal, window, scale])
        return self._call("attention", x, segments, options)

    def evoformer_attention(self, q, k, v, biases=(), gate=NONE, scale=0.0):
        return self._call("evoformer_attention", q, k, v, gate, len(biases), ffi.new("mote_value[]", list(biases)), scale)

    def dropout(self, x, probability):
        return self._call("dropout", x, probability)

    def pieces(self, build, values, length, axes=0, result_axis=0, format="fp32"):
        """build(*pieces) for pieces of length entries of the values along axes (one for all, or one each): its results
        joined along result_axis, in format, or, where that is None, added up. build is called again for a shorter last piece and
        makes its parameters with parameter(), as ever. Nothing inside is larger than a piece; see mote_graph_pieces()."""
        raised = []

        def called(_graph, _argument, pieces):
            try:
                return build(*pieces[0 : len(values)])
            except BaseException as error:  # must not pass through C
                raised.append(error)
                return NONE

        axes = [axes] * len(values) if isinstance(axes, int) else list(axes)
        if len(axes) != len(values):
            raise MoteValueError(f"{len(values)} values to cut, {len(axes)} axes", "argument")
        sum_of_pieces = lib.MOTE_SUM_OF_PIECES
        cut, along = ffi.new("mote_value[]", list(values)), ffi.new("int[]", axes)
        joined = sum_of_pieces if result_axis is None else result_axis
        options = ffi.new("mote_pieces_options *", [len(values), cut, along, length, joined, format_number(format)])
        made = lib.mote_graph_pieces(self._pointer, options, ffi.callback("mote_piece_builder *", called), ffi.NULL)
        if raised:
            raise raised[0]
        return self._checked(made)

    def linear_cross_entropy(self, x, weight, targets, bias=NONE):
        return self._call("linear_cross_entropy", x, weight, bias, targets)

    def softmax_cross_entropy(self, scores, targets):
        return self._call("softmax_cross_entropy", scores, targets)

    def rotate(self, rotations, x, inverse=False):
        return self._call("rotate", rotations, x, inverse)

    def squared_distances(self, a, b):
        return self._call("squared_distances", a, b)

    def frame_aligned_error(self, predicted, truth, frame_mask, point_mask, chains=(NONE, NONE), clamp=0.0, unit=10.0, least_distance=False, pairs=""):
        """predicted and truth: rotations, translations and points. chains: of frames and of points. pairs: "" for all, "within" or "between" chains."""
        kind = {"": lib.MOTE_PAIRS_ALL, "within": lib.MOTE_PAIRS_WITHIN_CHAINS, "between": lib.MOTE_PAIRS_BETWEEN_CHAINS}[pairs]
        one, other = (ffi.new("mote_framed_points *", list(x)) for x in (predicted, truth))
        options = ffi.new("mote_frame_error *", [clamp, unit, least_distance, kind])
        return self._call("frame_aligned_error", one, other, frame_mask, point_mask, *chains, options)

    def renaming(self, atoms, named, other, mask, ambiguous):
        return self._call("renaming", atoms, named, other, mask, ambiguous)

    def lddt(self, points, truth, mask, bins):
        """The score and the bin of each point."""
        classes = ffi.new("mote_value *")
        return self._call("lddt", points, truth, mask, bins, classes), classes[0]

    def mean_loss(self, losses, targets):
        return self._call("mean_loss", losses, targets)

    def want_gradient(self, value: Value) -> None:
        """Asks differentiate for the gradient of an input as well."""
        lib.mote_graph_want_gradient(self._pointer, value)

    def differentiate(self, loss: Value) -> None:
        """Appends the gradients of loss, one number, with respect to every parameter."""
        self._context.check(lib.mote_graph_differentiate(self._pointer, loss))

    def gradient(self, value: Value) -> Value:
        """The value that holds the gradient of a parameter; NONE (-1) if there is none."""
        return lib.mote_graph_gradient(self._pointer, value)

    def apply_policy(self, policy: str) -> None:
        """Number formats for every product: a name ("mxfp6") or JSON; after differentiate. See include/mote/graph.h."""
        out = ffi.new("mote_policy_set **")
        self._context.check(lib.mote_policy_set_create(self._context.pointer, policy.encode(), out))
        try:
            self._context.check(lib.mote_graph_apply_policy(self._pointer, out[0]))
        finally:
            lib.mote_policy_set_destroy(self._context.pointer, out[0])

    def pack_parameters(self) -> None:
        """For inference: weights that only linear layers read lie in memory in the format in which these read them, with
        the same bits in the results. After apply_policy, before any plan, without gradients."""
        self._context.check(lib.mote_graph_pack_parameters(self._pointer))

    def format(self, value: Value) -> str:
        """The number format in which a value lies in memory."""
        layout = ffi.new("mote_layout *")
        self._context.check(lib.mote_graph_value_layout(self._pointer, value, layout))
        return ffi.string(lib.mote_format_get(layout.format).name).decode()

    def shape(self, value: Value) -> Tuple[int, ...]:
        layout = ffi.new("mote_layout *")
        self._context.check(lib.mote_graph_value_layout(self._pointer, value, layout))
        return tuple(layout.shape[0 : layout.rank])

    @property
    def parameters(self) -> dict:
        """Names of the parameters, and their values."""
        count = lib.mote_graph_value_count(self._pointer)
        return {
            ffi.string(lib.mote_graph_value_name(self._pointer, v)).decode(): v
            for v in range(count)
            if lib.mote_graph_is_parameter(self._pointer, v)
        }

    def _text(self, make):
        text = make(self._pointer)
        if text == ffi.NULL:
            raise MemoryError("no room for the graph's text")
        try:
            return ffi.string(text).decode()
        finally:
            lib.mote_text_release(self._context.pointer, text)

    def __str__(self) -> str:
        """One node a line."""
        return self._text(lib.mote_graph_text)

    def dot(self) -> str:
        """For Graphviz: dot -Tsvg."""
        return self._text(lib.mote_graph_dot)


class Plan:
    """A graph with all its memory: plan[value] is a view of an input, a parameter, an output or a gradient, or an MXArray,
    a copy, of what lies in a narrow format.

    memory_limit: bytes; segments are computed twice to stay below it, or MoteMemoryError says what would do.
    share: another plan whose parameters this one uses, by name.
    """

    def __init__(self, graph: Graph, memory_limit: int = 0, share: Optional["Plan"] = None, only_forward: bool = False):
        options = ffi.new("mote_plan_options *", [memory_limit, share._pointer if share else ffi.NULL, only_forward])
        out = ffi.new("mote_plan **")
        graph._context.check(lib.mote_plan_create(graph._pointer, options, out))
        self._graph, self._share = graph, share  # what the plan points into must outlive it
        self._pointer = ffi.gc(out[0], lib.mote_plan_destroy)

    def initialize(self, seed: int = 0) -> None:
        """Gives every parameter its starting distribution."""
        self._graph._context.check(lib.mote_plan_initialize(self._pointer, seed))

    def run(self, seed: int = 0) -> None:
        self._graph._context.check(lib.mote_plan_run(self._pointer, seed))

    def set(self, value: Value, x: Any) -> None:
        """Gives a parameter or an input the values of an array, or of an MXArray in any format, converted to its own. An
        MXArray in a narrow format that is its own, with blocks along the last axis, keeps its bits."""
        number = lib.MOTE_INT32 if self._graph.format(value) == "int32" else lib.MOTE_FP32
        if isinstance(x, MXArray):
            tensor = x._tensor
        else:
            x = np.asarray(x) if number == lib.MOTE_INT32 else float32_array(x)
            x = x.astype(np.int32 if number == lib.MOTE_INT32 else np.float32, order="C", casting="same_kind", copy=False)
            tensor = ffi.new("mote_tensor *", {"layout": make_layout(number, x.shape, -1)[0], "tensor_scale": 1.0})
            tensor.elements = ffi.cast("void *", x.ctypes.data)
        self._graph._context.check(lib.mote_plan_set(self._pointer, value, tensor))

    def __getitem__(self, value: Value) -> Union[np.ndarray, MXArray]:
        tensor = ffi.new("mote_tensor *")
        if lib.mote_plan_tensor(self._pointer, value, tensor) != lib.MOTE_OK:
            raise KeyError(f"value {value} is no input, parameter, gradient or output of the graph")
        layout = tensor.layout
        shape = tuple(layout.shape[0 : layout.rank])
        if layout.format not in (lib.MOTE_FP32, lib.MOTE_INT32):
            return MXArray._copy_of(tensor)
        dtype = np.int32 if layout.format == lib.MOTE_INT32 else np.float32
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(ffi.buffer(tensor.elements, max(count, 1) * 4), dtype)[:count].reshape(shape)
        array.flags.writeable = True
        return _Kept(array, self)

    @property
    def memory(self) -> dict:
        """Bytes by purpose: all that the plan will ever take."""
        return _named(lib.mote_plan_get_memory(self._pointer))


def _named(memory) -> dict:
    return {name: getattr(memory, name) for name, _ in ffi.typeof("mote_plan_memory").fields}


def measure(graph: Graph, memory_limit: int = 0, only_forward: bool = False) -> dict:
    """What Plan(...).memory would say, without allocating anything."""
    options, memory = ffi.new("mote_plan_options *", [memory_limit, ffi.NULL, only_forward]), ffi.new("mote_plan_memory *")
    graph._context.check(lib.mote_plan_measure(graph._pointer, options, memory))
    return _named(memory[0])


class Optimizer:
    """Moves the parameters of a plan along their gradients. name: "adamw", "adamw8" (states in 8-bit blocks), "sgd"
    (beta1 is its momentum)."""

    def __init__(self, plan: Plan, name: str = "adamw"):
        graph, out = plan._graph, ffi.new("mote_optimizer **")
        graph._context.check(lib.mote_optimizer_create(graph._context.pointer, name.encode(), graph._pointer, out))
        self._plan = plan
        self._pointer = ffi.gc(out[0], lib.mote_optimizer_destroy)
        self.steps = 0

    def step(self, learning_rate: float, beta1: float = 0.9, beta2: float = 0.95, weight_decay: float = 0.0, multiplier: float = 1.0) -> None:
        """After plan.run(). multiplier: of all gradients, for clipping."""
        self.steps += 1
        settings = ffi.new("mote_optimizer_settings *", [learning_rate, beta1, beta2, weight_decay, multiplier, self.steps, 0])
        lib.mote_optimizer_step(self._pointer, self._plan._pointer, settings)


class _Kept(np.ndarray):
    """An array that keeps its plan alive."""

    def __new__(cls, array, plan):
        view = array.view(cls)
        view._plan = plan
        return view

    def __array_finalize__(self, other):
        self._plan = getattr(other, "_plan", None)
