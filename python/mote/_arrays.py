"""Quantization of arrays: mote.quantize and MXArray."""

from __future__ import annotations

import os
import threading
from typing import Any, Optional, Sequence

import numpy as np

from ._library import Context, ffi, lib

_local = threading.local()
_threads = 0  # all


def context() -> Context:
    """The context of this thread."""
    if not hasattr(_local, "context"):
        _local.context = Context(threads=_threads)
    return _local.context


def _after_fork() -> None:
    """Threads do not survive a fork: children (multiprocessing, data loaders) work with one each."""
    global _local, _threads
    _local, _threads = threading.local(), 1


os.register_at_fork(after_in_child=_after_fork)


def _names(get, count):
    return {ffi.string(get(i)).decode(): i for i in range(count)}


def _format_rows():
    rows = {}
    for i in range(lib.MOTE_FORMAT_COUNT):
        traits = lib.mote_format_get(i)
        rows[ffi.string(traits.name).decode()] = (i, traits)
    return rows


_formats = _format_rows()
_roundings = _names(lib.mote_rounding_name, lib.MOTE_ROUNDING_COUNT)
_scale_rules = _names(lib.mote_scale_rule_name, lib.MOTE_SCALE_RULE_COUNT)

#: Names of the formats that quantize() makes.
formats = tuple(n for n, (_, t) in _formats.items() if t.kind == lib.MOTE_KIND_TARGET)


def _choose(kind: str, table: dict, name: str) -> int:
    if name not in table:
        raise ValueError(f"{kind}: expected one of {', '.join(table)}; found {name!r}")
    return table[name]


def format_number(name: str) -> int:
    """The library's number of a format; short names (mxfp8, mxfp6, mxfp4) are understood."""
    number = lib.mote_format_find(str(name).encode())
    if number == lib.MOTE_FORMAT_COUNT:
        raise ValueError(f"format: expected one of {', '.join(_formats)}; found {name!r}")
    return number


def make_layout(number: int, shape: Sequence[int], axis: int):
    """A mote_layout."""
    if len(shape) > lib.MOTE_MAXIMUM_RANK:
        raise ValueError(f"at most {lib.MOTE_MAXIMUM_RANK} dimensions are supported, found {len(shape)}")
    layout = ffi.new("mote_layout *", {"format": number, "rank": len(shape), "axis": axis})
    for d, size in enumerate(shape):
        layout.shape[d] = size
    return layout


def float32_array(x: Any) -> np.ndarray:
    """x as a float32 numpy array, without a copy if it is one already (any strides, DLPack, array interface)."""
    if not isinstance(x, np.ndarray) and hasattr(x, "__dlpack__"):
        x = np.from_dlpack(x)
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"expected an array of real numbers, found dtype {x.dtype}")
    x = x if x.dtype == np.float32 else x.astype(np.float32)
    if any(s % 4 for s in x.strides) or not x.dtype.isnative or not x.flags.aligned:
        x = np.ascontiguousarray(x, dtype=np.float32)
    return x


def _strides(x: np.ndarray):
    if x.flags.c_contiguous:
        return ffi.NULL
    return ffi.new("ptrdiff_t[]", [s // 4 for s in x.strides] or [0])


def _pointer(kind: str, array: np.ndarray):
    return ffi.cast(kind, array.ctypes.data)


class MXArray:
    """An array in a narrow format: packed elements and block scales. Made by quantize() and load().

    Blocks run along ``axis``; ``packed`` holds whole blocks line after line, so its bytes do not depend on the order of
    the other axes (docs/formats.md draws it).
    """

    def __init__(self, format: str, shape: Sequence[int], axis: int = -1):
        number = format_number(format)
        layout = make_layout(number, shape, axis)
        sizes = ffi.new("mote_layout_sizes *")
        context().check(lib.mote_layout_measure(context().pointer, layout, sizes))
        self._layout, self._sizes = layout, sizes
        self._traits = lib.mote_format_get(number)
        self._elements = np.zeros(sizes.element_bytes, np.uint8)
        self._scales = np.zeros(sizes.scale_bytes, np.uint8)
        self._tensor = ffi.new("mote_tensor *", {"layout": layout[0], "tensor_scale": 1.0})
        self._tensor.elements = _pointer("void *", self._elements)
        self._tensor.scales = _pointer("uint8_t *", self._scales)

    @property
    def format(self) -> str:
        """Name of the format, for example "mxfp4_e2m1"."""
        return ffi.string(self._traits.name).decode()

    @property
    def shape(self) -> tuple:
        return tuple(self._layout.shape[d] for d in range(self._layout.rank))

    @property
    def ndim(self) -> int:
        return self._layout.rank

    @property
    def size(self) -> int:
        return int(self._sizes.count)

    @property
    def axis(self) -> int:
        """The axis along which blocks run, not negative."""
        rank = max(self._layout.rank, 1)
        return self._layout.axis % rank

    @property
    def nbytes(self) -> int:
        """Bytes of elements and scales."""
        return self._elements.nbytes + self._scales.nbytes + (4 if self.format == "nvfp4" else 0)

    @property
    def packed(self) -> np.ndarray:
        """The element plane, a flat uint8 array (a view)."""
        return self._elements

    @property
    def tensor_scale(self) -> float:
        """nvfp4's scale of the whole array; 1 otherwise."""
        return float(self._tensor.tensor_scale)

    @property
    def codes(self) -> np.ndarray:
        """Element codes, one a value, in the shape of the array; uint8, or uint16 for fp16 and bf16."""
        if self._traits.element_bits == 16:
            return self._elements.view(np.uint16).reshape(self.shape).copy()
        out = np.zeros(self.shape, np.uint8)
        context().check(lib.mote_codes_unpack(context().pointer, self._tensor, _pointer("uint8_t *", out)))
        return out

    @property
    def scales(self) -> Optional[np.ndarray]:
        """Block scales as uint8, in the shape of the array with ``axis`` shortened to the number of blocks; None without."""
        if self._traits.block_length == 1:
            return None
        lines = [n for d, n in enumerate(self.shape) if d != self.axis]
        kind = np.uint8 if self._traits.scale_bytes == 1 else np.uint16
        planes = self._scales.view(kind).reshape([*lines, self._sizes.blocks_per_line])
        return np.moveaxis(planes, -1, self.axis)

    def dequantize(self) -> np.ndarray:
        """The values as float32."""
        out = np.empty(self.shape, np.float32)
        context().check(lib.mote_dequantize(context().pointer, self._tensor, _pointer("float *", out), ffi.NULL))
        return out

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("an MXArray has no float32 array to share: converting it makes a copy")
        return self.dequantize() if dtype is None else self.dequantize().astype(dtype)

    def requantize(
        self,
        format: Optional[str] = None,
        *,
        axis: Optional[int] = None,
        rounding: str = "nearest_even",
        scale_rule: str = "floor",
        seed: int = 0,
    ) -> "MXArray":
        """The same values in another format or with blocks along another axis, without a float32 copy."""
        out = MXArray(format or self.format, self.shape, self.axis if axis is None else axis)
        options = _options(rounding, scale_rule, seed)
        context().check(lib.mote_requantize(context().pointer, self._tensor, options, out._tensor))
        return out

    def transpose(self) -> "MXArray":
        """The last two axes exchanged, the same bits: no value is rounded again."""
        if self.ndim < 2:
            raise ValueError("transpose needs at least two dimensions")
        a, b = self.ndim - 2, self.ndim - 1
        shape = list(self.shape)
        shape[a], shape[b] = shape[b], shape[a]
        out = MXArray(self.format, shape, {a: b, b: a}.get(self.axis, self.axis))
        context().check(lib.mote_transpose(context().pointer, self._tensor, out._tensor))
        return out

    @classmethod
    def from_codes(cls, format: str, codes: Any, scales: Any, *, axis: int = -1, tensor_scale: float = 1.0) -> "MXArray":
        """An array from element codes (uint8, one a value) and block scales, as .codes and .scales give them."""
        codes, scales = np.asarray(codes), np.asarray(scales)
        for what, array in (("codes", codes), ("scales", scales)):
            if array.dtype.kind not in "ui" or (array.size and not 0 <= array.min() <= array.max() <= 255):
                raise ValueError(f"{what}: expected whole numbers from 0 to 255")
        out = cls(format, codes.shape, axis)
        codes, scales = np.array(codes, np.uint8, order="C"), scales.astype(np.uint8)
        if tensor_scale != 1 and out.format != "nvfp4":
            raise ValueError(f"tensor_scale: {out.format} has none")
        if out.scales is None or scales.shape != out.scales.shape:
            wanted = None if out.scales is None else out.scales.shape
            raise ValueError(f"scales: expected shape {wanted}, found {scales.shape}")
        context().check(lib.mote_codes_pack(context().pointer, _pointer("uint8_t *", codes), out._tensor))
        out.scales[...] = scales
        out._tensor.tensor_scale = tensor_scale
        return out

    @classmethod
    def _copy_of(cls, tensor) -> "MXArray":
        """Of a mote_tensor whose planes the library owns."""
        layout = tensor.layout
        out = cls(ffi.string(lib.mote_format_get(layout.format).name).decode(), layout.shape[0 : layout.rank], layout.axis)
        for plane, memory in ((out._elements, tensor.elements), (out._scales, tensor.scales)):
            if plane.nbytes:
                plane[...] = np.frombuffer(ffi.buffer(memory, plane.nbytes), np.uint8)
        out._tensor.tensor_scale = tensor.tensor_scale
        return out

    def __reduce__(self):
        return _restore, (self.format, self.shape, self.axis, self._elements, self._scales, self.tensor_scale)

    def __repr__(self) -> str:
        return f"MXArray({self.format}, shape={self.shape}, axis={self.axis}, {self.nbytes} bytes)"


def _restore(format, shape, axis, elements, scales, tensor_scale) -> MXArray:
    """The inverse of MXArray.__reduce__, for pickle and copy."""
    out = MXArray(format, shape, axis)
    out._elements[...], out._scales[...] = elements, scales
    out._tensor.tensor_scale = tensor_scale
    return out


def _options(rounding: str, scale_rule: str, seed: int):
    return ffi.new(
        "mote_quantize_options *",
        {
            "rounding": _choose("rounding", _roundings, rounding),
            "scale_rule": _choose("scale_rule", _scale_rules, scale_rule),
            "seed": int(seed),
        },
    )


def quantize(
    x: Any,
    format: str,
    *,
    axis: int = -1,
    rounding: str = "nearest_even",
    scale_rule: str = "floor",
    seed: int = 0,
) -> MXArray:
    """Converts an array to a format.

    x: float32 numpy array (any strides), DLPack tensor, or anything numpy makes an array of real numbers of.
    format: fp32 bf16 fp16 mxfp8_e4m3 mxfp8_e5m2 mxfp6_e3m2 mxfp6_e2m3 mxfp4_e2m1 mxint8 nvfp4 (short: mxfp8, mxfp6, mxfp4).
    axis: blocks of 32 (nvfp4: 16) values run along it.
    rounding: nearest_even, nearest_away, toward_zero, stochastic (a pure function of seed and position).
    scale_rule: floor (OCP MX v1.0), even, ceil.
    """
    array = float32_array(x)
    out = MXArray(format, array.shape, axis)
    options = _options(rounding, scale_rule, seed)
    status = lib.mote_quantize(context().pointer, _pointer("float *", array), _strides(array), options, out._tensor)
    context().check(status)
    return out
