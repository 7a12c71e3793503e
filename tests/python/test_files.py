"""Files against the field's own readers and writers: numpy, safetensors, gguf."""

import json
import struct
import zipfile

import gguf
import ml_dtypes
import mote
import numpy as np
import pytest
import safetensors
import safetensors.numpy

X = np.random.default_rng(0).normal(size=(6, 128)).astype(np.float32)
PLAIN = {
    "f4": X,
    "f2": X.astype(np.float16),
    "f8": X.astype(np.float64),
    "i1": np.arange(-3, 4, dtype=np.int8),
    "i4": np.arange(12, dtype=np.int32).reshape(3, 4),
    "i8": np.arange(5),
    "u2": np.arange(5, dtype=np.uint16),
    "b1": np.array([True, False]),
    "scalar": np.float32(2.5),
    "empty": np.zeros((0, 3), np.float32),
}


def same(a, b):
    if isinstance(a, mote.MXArray):
        return (a.format, a.shape, a.axis, a.tensor_scale) == (b.format, b.shape, b.axis, b.tensor_scale) and np.array_equal(
            a.packed, b.packed
        ) and (a.scales is None or np.array_equal(a.scales, b.scales))
    return a.dtype == b.dtype and np.array_equal(a, b)


@pytest.mark.parametrize("ending", ["npz", "safetensors", "safetensors.index.json"])
def test_round_trip(tmp_path, ending):
    tensors = {**PLAIN, **{f"{f}.{axis}": mote.quantize(X[:, :70], f, axis=axis) for f in mote.formats for axis in (0, 1)}}
    tensors = {k: v for k, v in tensors.items() if not k.startswith("fp32")}
    tensors = {k: v for k, v in tensors.items() if not k.startswith("fp16")}
    path = tmp_path / f"t.{ending}"
    mote.save(path, tensors, {"note": "grüße"})
    back = mote.load(path)
    assert set(back) == set(tensors)
    for name, value in tensors.items():
        assert same(value if isinstance(value, mote.MXArray) else np.asarray(value), back[name]), name
    assert mote.metadata(path)["note"] == "grüße"
    first = path.read_bytes()
    mote.save(path, back, {"note": "grüße"})
    assert ending == "safetensors.index.json" or sorted(first) == sorted(path.read_bytes())


def test_numpy_reads_ours_and_we_read_numpys(tmp_path):
    for name, value in PLAIN.items():
        mote.save(tmp_path / "a.npy", {"a": value})
        ours = np.load(tmp_path / "a.npy")
        assert ours.dtype == value.dtype and np.array_equal(ours, value)
        np.save(tmp_path / "b.npy", value)
        assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes(), name
        assert np.array_equal(mote.load(tmp_path / "b.npy")["b"], value)
    mote.save(tmp_path / "a.npz", PLAIN)
    with np.load(tmp_path / "a.npz") as ours:
        assert {k for k in ours.files} == set(PLAIN) and all(np.array_equal(ours[k], v) for k, v in PLAIN.items())
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "b.npz", **PLAIN)
        theirs = mote.load(tmp_path / "b.npz")
        assert all(np.array_equal(theirs[k], v) for k, v in PLAIN.items())
    order = np.asfortranarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    np.save(tmp_path / "f.npy", order)
    assert np.array_equal(mote.load(tmp_path / "f.npy")["f"], order)


def test_safetensors_reads_ours_and_we_read_theirs(tmp_path):
    plain = {k: np.asarray(v) for k, v in PLAIN.items()}
    safetensors.numpy.save_file(plain, tmp_path / "a.safetensors", {"k": "v"})
    theirs = mote.load(tmp_path / "a.safetensors")
    assert all(np.array_equal(theirs[k], v) for k, v in plain.items())
    narrow = {f: mote.quantize(X, f) for f in mote.formats if f not in ("fp32", "fp16")}
    mote.save(tmp_path / "b.safetensors", {**plain, **narrow})
    dtypes = {
        "mxfp8_e4m3": "F8_E4M3", "mxfp8_e5m2": "F8_E5M2", "mxfp6_e3m2": "F6_E3M2", "mxfp6_e2m3": "F6_E2M3",
        "mxfp4_e2m1": "F4", "mxint8": "I8", "nvfp4": "F4", "bf16": "BF16",
    }
    with safetensors.safe_open(tmp_path / "b.safetensors", "np") as f:
        assert all(np.array_equal(f.get_tensor(k), v) for k, v in plain.items())
        for name, dtype in dtypes.items():
            assert f.get_slice(name).get_dtype() == dtype
            assert f.get_slice(name).get_shape() == [6, 128]
            if name != "bf16":
                block = 16 if name == "nvfp4" else 32
                assert f.get_slice(name + "_scale").get_dtype() == ("F8_E4M3" if name == "nvfp4" else "F8_E8M0")
                assert f.get_slice(name + "_scale").get_shape() == [6, 128 // block]


def write_safetensors(path, entries):
    header, data = {}, b""
    for name, dtype, shape, raw in entries:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_conventions_of_other_tools(tmp_path):
    path = tmp_path / "m.safetensors"
    q = mote.quantize(X, "mxfp4")
    blocks, scales = q.packed.tobytes(), q.scales.tobytes()
    gpt_oss = [("w_blocks", "U8", [6, 4, 16], blocks), ("w_scales", "U8", [6, 4], scales)]
    compressed = [("w_packed", "U8", [6, 64], blocks), ("w_scale", "U8", [6, 4], scales)]
    typed = [("w_scale", "F8_E8M0", [6, 4], scales), ("w", "F4", [6, 128], blocks)]
    for entries in (gpt_oss, compressed, typed):
        write_safetensors(path, entries)
        found = mote.load(path)
        assert list(found) == ["w"] and same(found["w"], q)
    n = mote.quantize(X, "nvfp4")
    elements, scales = n.packed.tobytes(), n.scales.tobytes()
    scale = np.float32(n.tensor_scale)
    model_opt = [("w", "U8", [6, 64], elements), ("w_scale", "F8_E4M3", [6, 8], scales), ("w_scale_2", "F32", [], scale.tobytes())]
    inverse = np.float32(0.25)
    compressed = [("w_packed", "U8", [6, 64], elements), ("w_scale", "F8_E4M3", [6, 8], scales),
                  ("w_global_scale", "F32", [1], inverse.tobytes())]
    write_safetensors(path, model_opt)
    assert same(mote.load(path)["w"], n)
    write_safetensors(path, compressed)
    assert mote.load(path)["w"].tensor_scale == 4
    # elements without scales keep their values
    e4m3 = X.astype(ml_dtypes.float8_e4m3fn)
    write_safetensors(path, [("w", "F8_E4M3", [6, 128], e4m3.tobytes())])
    assert np.array_equal(mote.load(path)["w"].dequantize(), e4m3.astype(np.float32))


def test_gguf_reads_ours_and_we_read_theirs(tmp_path):
    path = tmp_path / "m.gguf"
    ours = {
        "plain": X, "half": X.astype(np.float16), "b": mote.quantize(X, "bf16"), "m.weight": mote.quantize(X, "mxfp4"),
        "n.weight": mote.quantize(X, "nvfp4"), "i": mote.quantize(X, "mxint8"),
    }
    mote.save(path, ours, {"general.name": "test"})
    reader = gguf.GGUFReader(path)
    seen = {t.name: t for t in reader.tensors}
    assert reader.get_field("general.name").contents() == "test"
    for name, value in ours.items():
        tensor = seen[name]
        assert list(tensor.shape) == [128, 6]
        if tensor.tensor_type.name == "NVFP4" and not hasattr(gguf.quants, "NVFP4"):
            continue
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if name == "n.weight":
            values = values * np.float32(value.tensor_scale)
            assert seen["n.scale"].data[0] == np.float32(value.tensor_scale)
        expected = value.dequantize() if isinstance(value, mote.MXArray) else value
        assert np.array_equal(np.asarray(values, np.float32).reshape(6, 128), np.asarray(expected, np.float32)), name
    writer = gguf.GGUFWriter(path, "test")
    writer.add_array("tokens", ["a", "b"])
    writer.add_tensor("q8", gguf.quants.quantize(X, gguf.GGMLQuantizationType.Q8_0), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("m4", gguf.quants.quantize(X, gguf.GGMLQuantizationType.MXFP4), raw_dtype=gguf.GGMLQuantizationType.MXFP4)
    writer.add_tensor("f", X)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    theirs, reader = mote.load(path), gguf.GGUFReader(path)
    for tensor in reader.tensors:
        found = theirs[tensor.name]
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        found = found.dequantize() if isinstance(found, mote.MXArray) else found
        assert np.array_equal(values, found), tensor.name
    assert mote.metadata(path)["general.architecture"] == "test"


def test_hostile_zip(tmp_path):
    path = tmp_path / "bomb.npz"
    header = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        text = header % (1 << 30)
        z.writestr("a.npy", text.ljust(127) + b"\n" + bytes(1 << 20))
    with pytest.raises(mote.MoteValueError, match="expected 1073741824 bytes"):
        mote.load(path)
    raw = bytearray(path.read_bytes())
    at = raw.rfind(b"PK\x01\x02")
    raw[at + 24 : at + 28] = struct.pack("<I", 0xF0000000)  # a claim of 4 GB from a kilobyte
    path.write_bytes(raw)
    with pytest.raises(mote.MoteValueError, match="bomb"):
        mote.load(path)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("readme.txt", "hello")
    with pytest.raises(mote.MoteValueError, match="only .npy members"):
        mote.load(path)
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(mote.MoteValueError, match="pickled"):
        mote.load(path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(mote.MoteValueError, match="zip"):
        mote.load(path)


def test_damaged_and_ambiguous_files(tmp_path):
    path = tmp_path / "a.npz"
    mote.save(path, {"a": X})
    raw = bytearray(path.read_bytes())
    raw[1000] ^= 1  # one bit of the data
    path.write_bytes(raw)
    with pytest.raises(mote.MoteValueError, match="checksum"):
        mote.load(path)
    note = b"{}"
    with zipfile.ZipFile(path, "w") as z:
        header = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118)
        text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }".ljust(117) + b"\n"
        with pytest.warns(UserWarning):
            z.writestr("__metadata__.npy", header + text + note)
            z.writestr("__metadata__.npy", header + text + note)
    with pytest.raises(mote.MoteValueError, match="twice"):
        mote.load(path)
    path = tmp_path / "a.safetensors"
    write_safetensors(path, [("x", "U8", [2], b"ab"), ("x_packed", "U8", [1, 16], bytes(16)), ("x_scale", "U8", [1, 1], b"x")])
    with pytest.raises(mote.MoteValueError, match="twice"):
        mote.load(path)
    text = b'{"__metadata__":null,"a":null}'
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(mote.MoteValueError, match="expected dtype"):
        mote.load(path)
    with pytest.raises(mote.MoteValueError, match="twice"):
        mote.save(tmp_path / "a.gguf", {"x": mote.quantize(X, "nvfp4"), "x.scale": np.ones(1, np.float32)})
    text = json.dumps({"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}).encode().ljust(379)
    path.write_bytes(struct.pack("<Q", len(text)) + text)  # its first byte is that of JSON text
    assert mote.load(path)["a"].shape == (0,)


def test_errors(tmp_path):
    with pytest.raises(mote.MoteOSError, match="No such file"):
        mote.load(tmp_path / "absent.npy")
    with pytest.raises(mote.MoteValueError, match="ending|end it in"):
        mote.save(tmp_path / "x.txt", {"a": X})
    with pytest.raises(TypeError, match="complex128"):
        mote.save(tmp_path / "x.npz", {"a": np.zeros(2, complex)})
    with pytest.raises(mote.MoteValueError, match="multiple of 32"):
        mote.save(tmp_path / "x.gguf", {"a": mote.quantize(X[:, :70], "mxfp4")})
    nan = X.copy()
    nan[0, 0] = np.nan
    with pytest.raises(mote.MoteValueError, match="NaN"):
        mote.save(tmp_path / "x.gguf", {"a": mote.quantize(nan, "mxfp4")})
    assert list(tmp_path.iterdir()) == []
