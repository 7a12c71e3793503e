"""PyTorch checkpoints: pickles written by hand, friendly and hostile, and torch's own files where torch is installed."""

import importlib.util
import struct
import subprocess
import warnings
import zipfile

import mote
import numpy as np
import pytest

X = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
HOOKS = b"ccollections\nOrderedDict\n)R"


def text(string):
    raw = string.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(n):
    return b"J" + struct.pack("<i", n) if -(2**31) <= n < 2**31 else b"\x8a\x08" + struct.pack("<q", n)


def tuple_of(*items):
    return b"(" + b"".join(items) + b"t"


def storage(key="0", count=24, kind="Float"):
    return tuple_of(text("storage"), b"ctorch\n" + kind.encode() + b"Storage\n", text(key), text("cpu"), number(count)) + b"Q"


def tensor(shape=(4, 6), stride=(6, 1), offset=0, **of):
    sizes = [tuple_of(*map(number, numbers)) for numbers in (shape, stride)]
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + tuple_of(storage(**of), number(offset), *sizes, b"\x89", HOOKS) + b"R"


def dict_of(**items):
    return b"}(" + b"".join(text(k) + v for k, v in items.items()) + b"u"


def write(path, pickle, members=None, order="little", root="archive", method=zipfile.ZIP_STORED, protocol=2):
    """An archive as torch.save makes it; pickle lacks its first and last operation."""
    with zipfile.ZipFile(path, "w", method) as z:
        z.writestr(f"{root}/data.pkl", bytes([0x80, protocol]) + pickle + b".")
        z.writestr(f"{root}/byteorder", order)
        for key, raw in ({"0": X.tobytes()} if members is None else members).items():
            z.writestr(f"{root}/data/{key}", raw)
        z.writestr(f"{root}/version", "3\n")
    return path


def refused(path, *words):
    with pytest.raises(mote.MoteError) as caught:
        mote.load(path)
    message = str(caught.value)
    assert path.name in message, message
    for word in words:
        assert word in message, message
    return message


def test_containers_become_names(tmp_path):
    inner = dict_of(weight=tensor(), note=text("no tensor"), rate=b"G" + struct.pack(">d", 1e-3))
    parameter = b"ctorch._utils\n_rebuild_parameter\n" + tensor() + b"\x88" + HOOKS + b"\x87R"
    attributes = HOOKS + text("k") + tensor() + b"s}" + text("_metadata") + b"}sb"
    pickle = dict_of(
        model=inner, epoch=b"K\x07", none=b"N", big=b"\x8a\x0b" + bytes(10) + b"\x01", parameter=parameter,
        list=b"](" + tensor() + b"N" + tuple_of(tensor()) + b"e", raw=b"C\x02ab", ordered=attributes,
    )
    found = mote.load(write(tmp_path / "a.pt", pickle + b"K\x05" + tensor() + b"s" + number(-2) + tensor() + b"s"))
    assert list(found) == ["model.weight", "parameter", "list.0", "list.2.0", "ordered.k", "5", "-2"]
    assert all(np.array_equal(v, X) and v.dtype == np.float32 for v in found.values())
    assert list(mote.load(write(tmp_path / "alone.pth", tensor()))) == ["alone"]
    assert mote.load(write(tmp_path / "a.pt", b"}")) == {}


def test_storages_of_every_type(tmp_path):
    kinds = {"Float": "f4", "Half": "f2", "Double": "f8", "Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1", "Byte": "u1",
             "Bool": "?", "ComplexFloat": "c8"}
    values = {k: (np.arange(6) % 2 if d == "?" else np.arange(6) - (d[0] != "u") * 3).astype(d) for k, d in kinds.items()}
    values["Byte"] = np.arange(6, dtype="u1")
    members = {k: v.tobytes() for k, v in values.items()}
    pickle = dict_of(**{k: tensor((6,), (1,), key=k, count=6, kind=k) for k in kinds})
    found = mote.load(write(tmp_path / "a.pt", pickle, members))
    for kind, value in values.items():
        assert found[kind].dtype == value.dtype and np.array_equal(found[kind], value), kind
    raw = (X.view(np.uint32) >> 16).astype(np.uint16)
    found = mote.load(write(tmp_path / "a.pt", tensor(kind="BFloat16"), {"0": raw.tobytes()}))["a"]
    assert found.format == "bf16" and np.array_equal(found.dequantize().view(np.uint32) >> 16, raw)
    refused(write(tmp_path / "a.pt", tensor(kind="ComplexDouble", count=12)), "ComplexDoubleStorage")


def test_views(tmp_path):
    views = {
        "transposed": ((6, 4), (1, 6), 0, X.T),
        "row": ((6,), (1,), 12, X[2]),
        "column": ((4,), (6,), 1, X[:, 1]),
        "last": ((), (), 23, X[3, 5]),
        "every second": ((2, 3), (12, 2), 7, X[1::2, 1::2]),
        "repeated": ((3, 6), (0, 1), 6, np.stack([X[1]] * 3)),
        "one row": ((1, 6), (77, 1), 0, X[:1]),
        "empty": ((0, 6), (6, 1), 24, X[:0]),
        "three": ((2, 2, 3), (3, 12, 1), 0, X[::2].reshape(2, 2, 3).transpose(1, 0, 2)),
    }
    pickle = b"}(" + b"".join(text(k) + tensor(shape, stride, offset) for k, (shape, stride, offset, _) in views.items()) + b"u"
    found = mote.load(write(tmp_path / "a.pt", pickle))
    for name, (shape, _, _, expected) in views.items():
        assert found[name].shape == shape and np.array_equal(found[name], expected), name


def test_protocols_and_zip64(tmp_path):
    short = lambda s: b"\x8c" + bytes([len(s)]) + s.encode() + b"\x94"
    name = lambda module, n: short(module) + short(n) + b"\x93\x94"
    hooks = name("collections", "OrderedDict") + b")R"
    stored = tuple_of(short("storage"), name("torch", "FloatStorage"), short("0"), short("cpu"), b"K\x18") + b"\x94Q"
    made = name("torch._utils", "_rebuild_tensor_v2") + tuple_of(stored, b"K\0", b"K\x04K\x06\x86", b"K\x06K\x01\x86", b"\x89", hooks) + b"R\x94"
    body = b"}\x94(" + short("w") + made + short("again") + b"j" + struct.pack("<I", 15) + b"h\x0f\x86u"
    for protocol in (4, 5):
        path = write(tmp_path / "a.pt", b"\x95" + struct.pack("<Q", len(body) + 1) + body, protocol=protocol)
        found = mote.load(path)
        assert list(found) == ["w", "again.0", "again.1"]
        assert all(np.array_equal(v, X) for v in found.values())
    with zipfile.ZipFile(path, "w") as z:
        for member, raw in (("m/data.pkl", b"\x80\x02" + tensor() + b"."), ("m/data/0", X.tobytes())):
            with z.open(member, "w", force_zip64=True) as f:
                f.write(raw)
    assert np.array_equal(mote.load(path)["a"], X)


def test_nothing_is_run(tmp_path):
    mark = tmp_path / "mark"
    command = text(f"touch {mark}") + b"\x85R"
    attacks = {
        "os.system": b"cos\nsystem\n" + command,
        "posix.system": text("posix") + text("system") + b"\x93" + command,
        "builtins.exec": b"cbuiltins\nexec\n" + text(f"open({str(mark)!r}, 'w')") + b"\x85R",
        "torch.load": b"ctorch\nload\n" + command,
        "argparse.Namespace": b"cargparse\nNamespace\n)\x81}b",
        "torch._utils._rebuild_tensor": b"ctorch._utils\n_rebuild_tensor\n)R",
        "evil?name.x": b"cevil\x1bname\nx\n)R",
        "OrderedDict.?": b"cOrderedDict\n\x07\n)R",
    }
    for name, attack in attacks.items():
        for pickle in (attack, dict_of(a=tensor(), b=attack)):
            refused(write(tmp_path / "a.pt", pickle), "offset", "torch.save(model.state_dict(), PATH)", f"'{name}'")
    for operation in (b"i", b"o", b"\x81", b"\x92", b"\x82", b"P", b"\x96", b"\x97", b"0", b"1", b"2", b"I", b"S", b"\xff", b"\0"):
        refused(write(tmp_path / "a.pt", operation + b"os\nsystem\n)"), f"offset 2: operation 0x{operation[0]:02X}")
    assert not mark.exists()
    # the same bytes do run where pickles are programs: the attack is a real one
    subprocess.run(["python3", "-c", "import pickle,sys; pickle.loads(sys.stdin.buffer.read())"], check=True,
                   input=b"\x80\x02" + attacks["os.system"] + b".")
    assert mark.exists()


def hostile_pickles():
    sizes = lambda shape, stride: tensor(shape, stride)
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    loop = b"]q\0h\0a"
    return {
        "truncated": [b"X\xff\xff\xff\x7fabc", b"X\x01", b"\x8d" + b"\xff" * 8, b"(", b"\x8a\xff", b"\x95\0", b"cos", b"J\0\0", b"}(q"],
        "the stack has": [b"\x86", b"R", b"Q", b"a", b"s", b"K\x01a", b"(\x85", b"}(K\x01s", b"b", b"q\0"],
        "a mark": [b"t", b"u", b"e", b"d", b"l"],
        "expected one value": [b"", b"NN", b"(N", b"N(", b"N.N"],
        "never set": [b"h\0", b"Nq\x01h\x02", b"j\xff\xff\xff\xff"],
        "at most 4194304 are kept": [b"Nr\xff\xff\xff\xff"],
        "contains itself": [loop, b"}q\0" + text("a") + b"h\0s", tuple_of(loop), b"]q\0" + tuple_of(b"]h\0a") + b"a"],
        "containers deep": [b"]" * 70 + tensor() + b"a" * 70],
        "shared too often": [b"]q\0" + b"".join(b"](" + (b"h" + bytes([i])) * 200 + b"eq" + bytes([i + 1]) for i in range(4)) + b"\x86\x86\x86\x86"],
        "a dict of": [b"(Nd"],
        "no dict": [b"N(NNu", b"}(Nu", b"](NNu"],
        "no list": [b"}Na"],
        "no OrderedDict": [b"N}b", b"}Nb", tensor() + b"}b"],
        "not text": [b"NN\x93"],
        "persistent id": [
            b"NQ", b")Q", text("storage") + b"Q", storage(count=-1), storage(key=""), storage(key="../../etc/passwd"), storage(key="a" * 65),
            storage(key="k" * 1000000), tuple_of(text("storage"), HOOKS, text("0"), text("cpu"), b"K\x01") + b"Q",
            tuple_of(text("module"), b"ctorch\nFloatStorage\n", text("0"), text("cpu"), b"K\x01") + b"Q",
            tuple_of(text("storage"), b"ctorch\nFloatStorage\n", text("0"), text("cpu"), b"\x8a\x09" + b"\xff" * 8 + b"\0") + b"Q",
        ],
        "a storage of": [storage(count=2**62)],
        "beyond storage": [
            sizes((4, 7), (6, 1)), tensor(offset=1), tensor(offset=25, shape=(0,), stride=(1,)), tensor((), (), offset=24),
            sizes((2**62, 2**62), (0, 0)), sizes((2, 2), (2**63 - 1, 2**63 - 1)), sizes((2**32, 2**32), (1, 1)), sizes((2**61,), (0,)),
        ],
        "repeating view": [sizes((2**30,), (0,)), sizes((1000, 24), (0, 1))],
        "negative": [sizes((4, -6), (6, 1)), sizes((4, 6), (-6, 1))],
        "a tensor: expected": [
            rebuild + b")R", rebuild + tuple_of(b"NNNNNN") + b"R", rebuild + tuple_of(storage(), b"K\0", b")", b"K\x01\x85", b"\x89", HOOKS) + b"R",
            rebuild + tuple_of(storage(), b"N", b")", b")", b"\x89", HOOKS) + b"R",
        ],
        "dimensions": [sizes((1,) * 9, (1,) * 9)],
        "a parameter": [b"ctorch._utils\n_rebuild_parameter\nN\x85R", b"ctorch._utils\n_rebuild_parameter\nNNN\x87R"],
        "no name": [b"N)R", b"ccollections\nOrderedDict\nNR"],
        "OrderedDict of 1": [b"ccollections\nOrderedDict\n]\x85R"],
        "storage type": [b"ctorch\nFloatStorage\n)R"],
        "a key of a dict": [b"}N" + tensor() + b"s", b"}" + text("") + tensor() + b"s", b"}" + text("a\0b") + tensor() + b"s",
                            b"}" + text("n" * 1024) + tensor() + b"s", dict_of(**{"a" * 600: dict_of(**{"b" * 600: tensor()})})],
        "'a.b' occurs twice": [dict_of(**{"a.b": tensor(), "a": dict_of(b=tensor())}), b"}" + text("a.b") + tensor() + b"s" + text("a.b") + tensor() + b"s"],
        "'data/7', is missing": [tensor(key="7")],
        "has 96 bytes, expected 100: truncated": [tensor(count=25)],
        "has 96 bytes, expected 92": [tensor(count=23, shape=(1,), stride=(1,))],
    }


HOSTILE = [(words, i) for words, pickles in hostile_pickles().items() for i in range(len(pickles))]


@pytest.mark.parametrize("words, i", HOSTILE)
def test_hostile_pickles(tmp_path, words, i):
    refused(write(tmp_path / "a.pt", hostile_pickles()[words][i]), words)


def test_every_cut_and_flip_is_survived(tmp_path):
    pickle = dict_of(a=tensor(), b=tensor((6, 4), (1, 6)))
    for cut in [0, *range(2, len(pickle))]:  # one byte is an empty dict
        refused(write(tmp_path / "a.pt", pickle[:cut]), "offset")
    path = write(tmp_path / "a.pt", pickle)
    whole, said = path.read_bytes(), set()
    for at in range(len(whole)):
        for bad in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]):
            path.write_bytes(bad)
            try:
                found = mote.load(path)
                assert np.array_equal(found["a"], X)
            except (mote.MoteError, KeyError) as error:
                said.add(str(error))
    assert len(said) > 20


def test_archives(tmp_path):
    path = tmp_path / "a.pt"
    refused(write(path, tensor(), order="big"), "little-endian", "archive/byteorder")
    refused(write(path, tensor(), method=zipfile.ZIP_DEFLATED), "compressed")
    refused(write(path, tensor(), {"0": X.tobytes()[:-4]}), "has 92 bytes, expected 96: truncated")
    refused(write(path, b"N" * 10 + b"\x85" * 10, protocol=1), "protocol 1: expected 2 to 5")
    with pytest.warns(UserWarning), zipfile.ZipFile(write(path, tensor()), "a") as z:
        z.writestr("archive/data/0", X.tobytes())
    refused(path, "'archive/data/0' occurs twice")
    for members, words in (({"archive/version": "3"}, "without NAME/data.pkl"), ({"m/data.pkl": b"", "m/code/x.py": ""}, "TorchScript"),
                           ({"m/data.pkl": b"", "m/constants.pkl": ""}, "torch.jit.load"), ({"m/data.pkl": b""}, "offset 0: truncated"),
                           ({"m/data.pkl": b"hello"}, "found the byte 0x68")):
        with zipfile.ZipFile(path, "w") as z:
            for name, raw in members.items():
                z.writestr(name, raw)
        refused(path, words)
    legacy = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
    path.write_bytes(legacy)
    refused(path, "before version 1.6", "torch.save(torch.load(PATH), NEW_PATH)")
    raw = bytearray(write(path, tensor()).read_bytes())
    raw[raw.find(X.tobytes()) + 5] ^= 1
    path.write_bytes(raw)
    refused(path, "does not have its checksum")
    with pytest.raises(mote.MoteError, match="only read; write .safetensors"):
        mote.save(tmp_path / "b.pt", {"a": X})


def test_the_program_casts_them(tmp_path, mote_program):
    values = np.random.default_rng(2).normal(size=(8, 64)).astype(np.float32)
    path = write(tmp_path / "a.pt", dict_of(model=dict_of(w=tensor((64, 8), (1, 64), count=512))), {"0": values.tobytes()})
    mote_program("cast", path, tmp_path / "b.safetensors", "--format", "mxfp6")
    assert np.array_equal(mote.load(tmp_path / "b.safetensors")["model.w"].dequantize(), mote.quantize(np.ascontiguousarray(values.T), "mxfp6").dequantize())
    assert "model.w" in mote_program("inspect", path).stdout


def test_alphafold_parameters(tmp_path):
    """AlphaFold's parameters are an .npz whose names are paths with two slashes before the last part."""
    root = "alphafold/alphafold_iteration/evoformer/evoformer_iteration/msa_row_attention_with_pair_bias//"
    arrays = {root + "query_norm/scale": X, root + "query_norm//offset": X[0], "alphafold/b": np.asfortranarray(X), root + "weights": X[:, :0]}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "params_model_1.npz", **arrays)
        found = mote.load(tmp_path / "params_model_1.npz")
        assert list(found) == list(arrays)
        assert all(np.array_equal(found[k], v) and found[k].dtype == v.dtype for k, v in arrays.items())


# ---- torch's own files ----


@pytest.fixture(scope="module")
def torch():
    if not importlib.util.find_spec("torch"):
        pytest.skip("torch is not installed")
    import torch

    return torch


def flat(value, name=""):
    if isinstance(value, (dict, list, tuple)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flat(item, f"{name}.{key}" if name else str(key))
    elif hasattr(value, "detach"):
        yield name, value.detach().contiguous()


def test_torchs_own_checkpoints(tmp_path, torch):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(5, 6, dtype=torch.bfloat16))
    adam = torch.optim.Adam(model.parameters())
    model[0](torch.ones(1, 3, 5, 5)).sum().backward()
    adam.step()
    base = torch.arange(24.0).reshape(4, 6)
    everything = {
        "model": model.state_dict(), "ema": {"params": model.state_dict(), "decay": 0.999}, "optimizer": adam.state_dict(),
        "parameters": list(model.parameters()),
        "views": [base.t(), base[1:, ::2], base[2], base.flip(0), base.expand(2, 4, 6), base[0, 0], base[:0], base.half(),
                  base.double(), base.long(), base.bool(), base.to(torch.complex64), base.char(), base.byte(), base.short(), base.int(),
                  base.reshape(1, 2, 3, 4).to(memory_format=torch.channels_last)],
        "tied": (base, base), "epoch": 3, "best": None, "name": "grüße", "big": 1 << 90, "negative": -(1 << 40), "flag": True,
    }
    for protocol in (2, 3, 4, 5):
        torch.save(everything, tmp_path / "a.pt", pickle_protocol=protocol)
        found, expected = mote.load(tmp_path / "a.pt"), dict(flat(everything))
        assert set(found) == set(expected)
        for name, value in expected.items():
            if value.dtype == torch.bfloat16:
                assert found[name].format == "bf16" and np.array_equal(found[name].dequantize(), value.float().numpy()), name
            else:
                assert found[name].dtype == value.numpy().dtype and np.array_equal(found[name], value.numpy()), name
    torch.save(base.t(), tmp_path / "one.pth")
    assert np.array_equal(mote.load(tmp_path / "one.pth")["one"], base.t().numpy())


def test_torchs_other_files_are_refused(tmp_path, torch):
    model = torch.nn.Linear(2, 3)
    path = tmp_path / "a.pt"
    torch.save(model, path)
    refused(path, "torch.nn.modules.linear.Linear", "state_dict")
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False)
    refused(path, "before version 1.6")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(model), path)
    refused(path, "TorchScript")
    import argparse

    torch.save({"state_dict": model.state_dict(), "hyper_parameters": argparse.Namespace(a=1)}, path)
    refused(path, "argparse.Namespace")
