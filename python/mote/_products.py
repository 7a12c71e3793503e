"""Products of arrays in any format: matmul, pack, linear and convolve with their gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Tuple, Union

import numpy as np

from ._arrays import MXArray, _choose, _options, _pointer, _strides, context, float32_array, format_number, _roundings, _scale_rules
from ._library import ffi, lib


class PackedArray:
    """The right-hand side of a product, packed once for many: packed = pack(b, "mxfp4"); matmul(a, packed)."""

    def __init__(self, pointer):
        self._pointer = ffi.gc(pointer, lib.mote_packed_destroy)

    @property
    def format(self) -> str:
        return ffi.string(lib.mote_format_get(lib.mote_packed_format(self._pointer)).name).decode()

    @property
    def shape(self) -> Tuple[int, int]:
        """(k, n), as matmul's right-hand side."""
        return lib.mote_packed_rows(self._pointer), lib.mote_packed_columns(self._pointer)

    @property
    def nbytes(self) -> int:
        return lib.mote_packed_bytes(self._pointer)

    def __repr__(self) -> str:
        return f"PackedArray({self.format}, shape={self.shape}, {self.nbytes} bytes)"


def _operand(x: Any, format: Optional[str], name: str, axis: int, options):
    """A mote_operand, its shape, and what must stay alive with it. axis: the one that the product reduces."""
    operand = ffi.new("mote_operand *")
    if isinstance(x, MXArray):
        if format is not None and format_number(format) != x._layout.format:
            raise ValueError(f"{name}: it is {x.format} already; {name}_format={format!r} would round it twice, requantize() it")
        if x._traits.block_length > 1:
            operand.tensor = x._tensor
            return operand, x.shape, (operand, x)
        format, x = x.format, x.dequantize()  # plain numbers: exact, and strides come for free
    array = float32_array(x)
    if array.ndim > lib.MOTE_MAXIMUM_RANK:
        raise ValueError(f"{name}: at most {lib.MOTE_MAXIMUM_RANK} dimensions are supported, found {array.ndim}")
    shape = array.shape
    if array.ndim == 1:
        array = array[None, :] if axis == -1 else array[:, None]
    strides = _strides(array)
    operand.values = _pointer("float *", array)
    operand.rank = array.ndim
    operand.strides = strides
    operand.format = format_number(format or "fp32")
    operand.options = options[0]
    for d, size in enumerate(array.shape):
        operand.shape[d] = size
    return operand, shape, (operand, array, strides)


def pack(
    b: Any,
    format: Optional[str] = None,
    *,
    rounding: str = "nearest_even",
    scale_rule: str = "floor",
    seed: int = 0,
) -> PackedArray:
    """Packs the right-hand side of matmul, an array [k, n] or an MXArray with axis 0, for many products.

    Weights of shape [outputs, inputs] are packed as pack(w.T, format).
    """
    operand, _, keep = _operand(b, format, "b", -2, _options(rounding, scale_rule, seed))
    out = ffi.new("mote_packed **")
    context().check(lib.mote_pack(context().pointer, operand, out))
    del keep
    return PackedArray(out[0])


def matmul(
    a: Any,
    b: Union[Any, MXArray, PackedArray],
    *,
    a_format: Optional[str] = None,
    b_format: Optional[str] = None,
    rounding: str = "nearest_even",
    scale_rule: str = "floor",
    seed: int = 0,
) -> np.ndarray:
    """a @ b in float32, with either side in any format.

    a, b: arrays (any strides; batches broadcast as in numpy.matmul), MXArrays whose blocks run along the reduced axis
    (the last of a, the last but one of b), or, for b, what pack() made.
    a_format, b_format: arrays are converted to these on the way (default: fp32), along the reduced axis, under rounding,
    scale_rule and seed. Row i of the result has the same bits alone and in any batch, on any processor and number of threads
    (but for nvfp4, whose tensor scale comes from the whole of a).
    """
    options = _options(rounding, scale_rule, seed)
    left, left_shape, keep_a = _operand(a, a_format, "a", -1, options)
    if isinstance(b, PackedArray):
        if b_format is not None and format_number(b_format) != lib.mote_packed_format(b._pointer):
            raise ValueError(f"b: it is packed as {b.format} already; found b_format={b_format!r}")
        right_shape, keep_b = b.shape, b
    else:
        right, right_shape, keep_b = _operand(b, b_format, "b", -2, options)
    if not left_shape or not right_shape:
        raise ValueError("matmul: operands must have at least one dimension")
    rows = left_shape[-2:-1]
    columns = right_shape[-1:] if len(right_shape) > 1 else ()
    try:
        batch = np.broadcast_shapes(left_shape[:-2], right_shape[:-2])
    except ValueError:
        raise ValueError(f"matmul: batches {left_shape[:-2]} and {right_shape[:-2]} do not broadcast") from None
    y = np.empty(batch + tuple(rows) + tuple(columns), np.float32)
    out = _pointer("float *", y)
    if isinstance(b, PackedArray):
        status = lib.mote_matmul_packed(context().pointer, left, b._pointer, ffi.NULL, 0, out, ffi.NULL)
    else:
        status = lib.mote_matmul(context().pointer, left, right, ffi.NULL, 0, out, ffi.NULL)
    context().check(status)
    del keep_a, keep_b
    return y


def _policy_names():
    names = []
    while lib.mote_policy_name(len(names)) != ffi.NULL:
        names.append(ffi.string(lib.mote_policy_name(len(names))).decode())
    return tuple(names)


#: Names of the policies that linear() and the others know.
policies = _policy_names()

_operands = (
    "forward_activation",
    "forward_weight",
    "backward_gradient",
    "backward_weight",
    "update_gradient",
    "update_activation",
)


@dataclass(frozen=True)
class Policy:
    """Number formats of the operands of a layer's three products.

    forward: y = x w.T; backward: dx = dy w; update: dw = dy.T x. Policy.named("mxfp6") fills one from a name.
    """

    forward_activation: str = "fp32"
    forward_weight: str = "fp32"
    backward_gradient: str = "fp32"
    backward_weight: str = "fp32"
    update_gradient: str = "fp32"
    update_activation: str = "fp32"
    rounding: str = "nearest_even"
    gradient_rounding: str = "nearest_even"
    scale_rule: str = "floor"
    seed: int = 0

    @classmethod
    def named(cls, name: str, **changes: Any) -> "Policy":
        """The policy of a name (see mote.policies), with changes to its fields."""
        found = ffi.new("mote_policy *")
        if not lib.mote_policy_find(str(name).encode(), found):
            raise ValueError(f"policy: expected one of {', '.join(policies)} or a Policy; found {name!r}")
        fields = {o: ffi.string(lib.mote_format_get(getattr(found, o)).name).decode() for o in _operands}
        return cls(**{**fields, **changes})


def _policy(policy: Union[str, Policy]):
    if not isinstance(policy, Policy):
        policy = Policy.named(policy)
    out = ffi.new("mote_policy *", {o: format_number(getattr(policy, o)) for o in _operands})
    out.rounding = _choose("rounding", _roundings, policy.rounding)
    out.gradient_rounding = _choose("gradient_rounding", _roundings, policy.gradient_rounding)
    out.scale_rule = _choose("scale_rule", _scale_rules, policy.scale_rule)
    out.seed = policy.seed
    return out


def _matrix(x: Any, name: str, columns: Optional[int] = None) -> np.ndarray:
    """x as rows of contiguous float32; leading dimensions become rows."""
    x = float32_array(x)
    if x.ndim == 0 or (columns is not None and x.shape[-1] != columns):
        wanted = "at least one dimension" if columns is None else f"a last dimension of {columns}"
        raise ValueError(f"{name}: expected {wanted}, found shape {x.shape}")
    return np.ascontiguousarray(x).reshape(int(np.prod(x.shape[:-1])), x.shape[-1])


def _weights(w: Any) -> np.ndarray:
    w = float32_array(w)
    if w.ndim != 2:
        raise ValueError(f"w: expected shape [outputs, inputs], found {w.shape}")
    return np.ascontiguousarray(w)


def linear(x: Any, w: Any, b: Any = None, *, policy: Union[str, Policy]) -> np.ndarray:
    """x @ w.T + b under a policy; x [..., inputs], w [outputs, inputs], b [outputs].

    The products are quantized as the policy says, each operand along the inputs; see linear_backward for gradients.
    """
    w = _weights(w)
    rows = _matrix(x, "x", w.shape[1])
    y = np.empty((rows.shape[0], w.shape[0]), np.float32)
    bias = None if b is None else np.ascontiguousarray(float32_array(b))
    if bias is not None and bias.shape != (w.shape[0],):
        raise ValueError(f"b: expected shape ({w.shape[0]},), found {bias.shape}")
    status = lib.mote_linear(
        context().pointer, _policy(policy), rows.shape[0], w.shape[1], w.shape[0], _pointer("float *", rows), 0,
        _pointer("float *", w), 0, ffi.NULL if bias is None else _pointer("float *", bias), _pointer("float *", y), 0,
    )  # fmt: skip
    context().check(status)
    return y.reshape(np.shape(x)[:-1] + (w.shape[0],))


def linear_backward(
    x: Any, w: Any, dy: Any, *, policy: Union[str, Policy]
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients (dx, dw, db) of linear from dy [..., outputs].

    dx = dy @ w is quantized along the outputs, dw = dy.T @ x along the rows; db is summed in float64, in order, and rounded once.
    """
    w = _weights(w)
    rows, gradient = _matrix(x, "x", w.shape[1]), _matrix(dy, "dy", w.shape[0])
    if np.shape(x)[:-1] != np.shape(dy)[:-1]:
        raise ValueError(f"dy: expected shape {np.shape(x)[:-1] + (w.shape[0],)}, found {np.shape(dy)}")
    dx, dw, db = np.empty_like(rows), np.empty_like(w), np.empty(w.shape[0], np.float32)
    status = lib.mote_linear_backward(
        context().pointer, _policy(policy), rows.shape[0], w.shape[1], w.shape[0], _pointer("float *", rows), 0,
        _pointer("float *", w), 0, _pointer("float *", gradient), 0, 0, _pointer("float *", dx), 0,
        _pointer("float *", dw), 0, _pointer("float *", db),
    )  # fmt: skip
    context().check(status)
    return dx.reshape(np.shape(x)), dw, db


def _pair(value: Any, one: int, flat: bool, name: str) -> Tuple[int, int]:
    """Along height and width; one stands for the height of a one-dimensional convolution."""
    values = np.atleast_1d(value).tolist()
    if len(values) > (1 if flat else 2) or not all(isinstance(v, int) for v in values):
        raise ValueError(f"{name}: expected {'a whole number' if flat else 'one or two whole numbers'}, found {value!r}")
    return (one, values[0]) if flat else (values[0], values[-1])


def _convolution(x: Any, w: Any, stride: Any, padding: Any, dilation: Any):
    """The two-dimensional shapes of a one- or two-dimensional convolution."""
    x, w = np.ascontiguousarray(float32_array(x)), np.ascontiguousarray(float32_array(w))
    if x.ndim not in (3, 4) or w.ndim != x.ndim or x.shape[-1] != w.shape[-1]:
        raise ValueError(
            f"expected x [batch, (height,) width, channels] and w [filters, (height,) width, channels], found {x.shape}, {w.shape}"
        )
    flat = x.ndim == 3
    pairs = [_pair(stride, 1, flat, "stride"), _pair(padding, 0, flat, "padding"), _pair(dilation, 1, flat, "dilation")]
    sizes = x.shape[:1] + ((1,) if flat else ()) + x.shape[1:]
    kernel = ((1,) if flat else ()) + w.shape[1:-1]
    values = [*sizes, w.shape[0], *kernel, *(n for pair in pairs for n in pair)]
    if min(int(v) for v in values) < 0:
        raise ValueError(f"stride, padding and dilation cannot be negative; found {stride}, {padding}, {dilation}")
    shape = ffi.new("mote_convolution *", [int(v) for v in values])
    height, width = ffi.new("size_t *"), ffi.new("size_t *")
    context().check(lib.mote_convolution_output(context().pointer, shape, height, width))
    out = (x.shape[0],) + (() if flat else (height[0],)) + (width[0], w.shape[0])
    return x, w, shape, out


def convolve(
    x: Any, w: Any, b: Any = None, *, policy: Union[str, Policy], stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> np.ndarray:
    """Convolution (cross-correlation, as deep learning has it), channels last, in one or two dimensions.

    x [batch, width, channels] with w [filters, kernel, channels], or x [batch, height, width, channels] with
    w [filters, kernel height, kernel width, channels]. A product over (kernel, channels) under the policy; x is never
    unfolded in memory.
    """
    x, w, shape, out = _convolution(x, w, stride, padding, dilation)
    y = np.empty(out, np.float32)
    bias = None if b is None else np.ascontiguousarray(float32_array(b))
    if bias is not None and bias.shape != (w.shape[0],):
        raise ValueError(f"b: expected shape ({w.shape[0]},), found {bias.shape}")
    status = lib.mote_convolve(
        context().pointer, _policy(policy), shape, _pointer("float *", x), _pointer("float *", w),
        ffi.NULL if bias is None else _pointer("float *", bias), _pointer("float *", y),
    )  # fmt: skip
    context().check(status)
    return y


def convolve_backward(
    x: Any, w: Any, dy: Any, *, policy: Union[str, Policy], stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients (dx, dw, db) of convolve from dy."""
    x, w, shape, out = _convolution(x, w, stride, padding, dilation)
    gradient = np.ascontiguousarray(float32_array(dy))
    if gradient.shape != out:
        raise ValueError(f"dy: expected shape {out}, found {gradient.shape}")
    dx, dw, db = np.empty_like(x), np.empty_like(w), np.empty(w.shape[0], np.float32)
    status = lib.mote_convolve_backward(
        context().pointer, _policy(policy), shape, _pointer("float *", x), _pointer("float *", w),
        _pointer("float *", gradient), 0, _pointer("float *", dx), _pointer("float *", dw), _pointer("float *", db),
    )  # fmt: skip
    context().check(status)
    return dx, dw, db
