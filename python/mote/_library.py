"""libmote through cffi, without a compiler: the public headers that lie beside this file are the declarations."""

import os
import re
from pathlib import Path

import cffi

_here = Path(__file__).resolve().parent
_headers = ("status", "context", "format", "quantize", "file", "cast", "machine", "matmul", "linear", "attention", "evoformer", "graph", "energy", "operations", "structure_module", "optimizer", "model", "trunk", "weights", "fold", "train", "report", "study")


def _find(name, *folders):
    for folder in folders:
        if folder and (Path(folder) / name).exists():
            return Path(folder) / name
    raise ImportError(
        f"mote: {name} not found in {[str(f) for f in folders if f]}; install with 'pip install .' or set MOTE_LIBRARY"
    )


def _declarations(folder):
    """The headers as cffi reads them: without preprocessor lines, comments and the export macro."""
    text = "\n".join((folder / f"{name}.h").read_text() for name in _headers)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r'#ifdef __cplusplus\n(?:extern "C" \{|\})\n#endif', "", text)
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    return text.replace("MOTE_API ", "")


ffi = cffi.FFI()
_source = _here.parent.parent
_include = _find("status.h", _here / "include", _source / "include" / "mote").parent
ffi.cdef(_declarations(_include))
_path = os.environ.get("MOTE_LIBRARY")
lib = ffi.dlopen(_path or str(_find("libmote.so", _here, _source / "build")))


class MoteError(Exception):
    """What libmote says when it cannot do something. status is one of its status names, for example "file"."""

    def __init__(self, message, status):
        super().__init__(message)
        self.status = status

    def __reduce__(self):
        return type(self), (str(self), self.status)


class MoteValueError(MoteError, ValueError):
    """An argument, a shape or the content of a file is not acceptable."""


class MoteOSError(MoteError, OSError):
    """The operating system refused to open, read, write or rename a file."""


class MoteMemoryError(MoteError, MemoryError):
    """There is not enough memory."""


class Context:
    """A mote_context. One a thread; mote makes them by itself."""

    def __init__(self, threads=0, cpu=None):
        options = ffi.new("mote_context_options *", {"threads": threads})
        name = ffi.new("char[]", cpu.encode()) if cpu else ffi.NULL
        options.cpu = name
        out, message = ffi.new("mote_context **"), ffi.new("char[512]")
        status = lib.mote_context_create(options, out, message, len(message))
        if status != lib.MOTE_OK:
            raise _error(status, ffi.string(message).decode(errors="replace"))
        self.pointer = ffi.gc(out[0], lib.mote_context_destroy)

    def check(self, status):
        """Raises the exception of a failed call."""
        if status != lib.MOTE_OK:
            raise _error(status, ffi.string(lib.mote_context_message(self.pointer)).decode(errors="replace"))


def _error(status, message):
    kinds = {lib.MOTE_ERROR_MEMORY: MoteMemoryError, lib.MOTE_ERROR_IO: MoteOSError, lib.MOTE_ERROR_CANCELLED: MoteError}
    name = ffi.string(lib.mote_status_name(status)).decode()
    return kinds.get(status, MoteValueError)(message, name)
