"""Tensor files: mote.load and mote.save."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Optional, Union

import numpy as np

from ._arrays import MXArray, _pointer, context, make_layout, format_number
from ._library import ffi, lib

# formats that numpy has a type for; the others are read as MXArray
_dtypes = {
    "fp32": np.float32,
    "fp16": np.float16,
    "fp64": np.float64,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "bool": np.bool_,
    "complex64": np.complex64,
}
_names = {np.dtype(d): n for n, d in _dtypes.items()}

Tensor = Union[np.ndarray, MXArray]


def _read(file, index: int) -> Tensor:
    info = lib.mote_file_tensor(file, index)
    name = ffi.string(lib.mote_format_get(info.layout.format).name).decode()
    shape = [info.layout.shape[d] for d in range(info.layout.rank)]
    if name in _dtypes:
        out = np.empty(shape, _dtypes[name])
        tensor = ffi.new("mote_tensor *")
        tensor.elements = _pointer("void *", out)
        context().check(lib.mote_file_read(file, index, tensor))
        return out
    array = MXArray(name, shape, info.layout.axis)
    context().check(lib.mote_file_read(file, index, array._tensor))
    return array


def load(path: Union[str, os.PathLike]) -> Dict[str, Tensor]:
    """Reads every tensor of a .npy, .npz, .pt, .safetensors (or sharded index) or GGUF file.

    Plain numbers come as numpy arrays, everything narrower as MXArray. The format is recognized by content.
    """
    out = ffi.new("mote_file **")
    context().check(lib.mote_file_open(context().pointer, os.fsencode(path), out))
    file = out[0]
    try:
        count = lib.mote_file_tensor_count(file)
        return {ffi.string(lib.mote_file_tensor(file, i).name).decode(): _read(file, i) for i in range(count)}
    finally:
        lib.mote_file_close(file)


def metadata(path: Union[str, os.PathLike]) -> Dict[str, str]:
    """The metadata of a file as text."""
    out = ffi.new("mote_file **")
    context().check(lib.mote_file_open(context().pointer, os.fsencode(path), out))
    file = out[0]
    try:
        items = [lib.mote_file_metadata(file, i) for i in range(lib.mote_file_metadata_count(file))]
        return {ffi.string(m.key).decode(): ffi.string(m.text).decode(errors="replace") for m in items}
    finally:
        lib.mote_file_close(file)


def _prepare(name: str, value: Any):
    """A mote_tensor for a value and what must stay alive with it."""
    if isinstance(value, MXArray):
        return value._tensor, value
    array = np.asarray(value, order="C")
    if array.dtype not in _names:
        raise TypeError(f"{name}: cannot save dtype {array.dtype}; known: {', '.join(_dtypes)} and MXArray")
    layout = make_layout(format_number(_names[array.dtype]), array.shape, -1 if array.ndim else 0)
    tensor = ffi.new("mote_tensor *", {"layout": layout[0], "tensor_scale": 1.0})
    tensor.elements = _pointer("void *", array)
    return tensor, array


def save(path: Union[str, os.PathLike], tensors: Mapping[str, Any], metadata: Optional[Mapping[str, str]] = None) -> None:
    """Writes tensors (numpy arrays, MXArrays) to a file whose kind follows from the name's ending.

    The file appears under its name only when it is complete. metadata: text that the format can carry.
    """
    if not isinstance(tensors, Mapping):
        tensors = {"array": tensors}
    prepared = {name: _prepare(name, value) for name, value in tensors.items()}
    keep = []

    def text(value):
        if "\0" in str(value):
            raise ValueError(f"names and metadata cannot hold a NUL: {value!r}")
        keep.append(ffi.new("char[]", str(value).encode()))
        return keep[-1]

    infos = ffi.new("mote_tensor_info[]", max(len(prepared), 1))
    for i, (name, (tensor, _)) in enumerate(prepared.items()):
        infos[i].name = text(name)
        infos[i].layout = tensor.layout
    items = ffi.new("mote_metadata[]", max(len(metadata or {}), 1))
    for i, (key, value) in enumerate((metadata or {}).items()):
        items[i].key, items[i].text = text(key), text(value)
    out = ffi.new("mote_writer **")
    context().check(
        lib.mote_writer_create(
            context().pointer, os.fsencode(path), len(prepared), infos, len(metadata or {}), items, out
        )
    )
    for tensor, _ in prepared.values():
        status = lib.mote_writer_put(out[0], tensor)
        if status != lib.MOTE_OK:
            try:
                context().check(status)
            finally:
                lib.mote_writer_discard(out[0])
    context().check(lib.mote_writer_finish(out[0]))
