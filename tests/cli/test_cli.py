"""The mote program as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mote
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from conftest import BUILD, data_folder, mote_program  # noqa: E402,F401

X = np.random.default_rng(0).normal(size=(40, 96)).astype(np.float32)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.safetensors"
    mote.save(path, {"layer.weight": X, "layer.norm": X[0], "ids": np.arange(4)}, {"author": "test"})
    return path


def test_help_and_usage(mote_program):
    assert "usage" in mote_program("--help").stdout
    assert mote_program("--version").stdout.startswith("mote ")
    for verb in ("info", "cast", "inspect", "train", "eval", "fold", "plan", "report", "bench"):
        text = mote_program(verb, "--help").stdout
        assert text.startswith(f"usage: mote {verb}") and "examples:" in text
        assert mote_program("help", verb).stdout == text
    assert "unknown verb" in mote_program("tell", status=2).stderr
    mote_program(status=2)
    for arguments in (["cast"], ["cast", "a.npy"], ["cast", "a.npy", "--format", "mxfp5"], ["inspect"], ["bench"], ["report"], ["report", "--format", "pdf"],
                      ["cast", "a.npy", "b.npy", "--format", "all"], ["cast", "a", "b", "--format", "mxfp4", "--axis", "x"],
                      ["cast", "a", "b", "--format", "mxfp4", "--rounding", "up"], ["info", "more"]):
        mote_program(*arguments, status=2)


def test_info(mote_program):
    text = mote_program("info").stdout
    assert "processor" in text and "energy" in text
    info = json.loads(mote_program("info", "--json", env={"MOTE_CPU": "c", "MOTE_THREADS": "1"}).stdout)
    assert info["cpu_used"] == "c" and info["threads"] == 1 and len(info["meters"]) >= 4
    assert all(m["available"] or m["detail"] for m in info["meters"])
    assert "avx1024" in mote_program("info", status=1, env={"MOTE_CPU": "avx1024"}).stderr


def test_info_energy(mote_program):
    text = mote_program("info", "--energy").stdout
    assert "powercap (RAPL)" in text and "raspberry-pi-5" in text
    energy = json.loads(mote_program("info", "--energy", "--json").stdout)
    assert energy["status"] in ("measured", "unavailable") and energy["source"].startswith(energy["status"])
    assert (energy["watts"] is not None) == (energy["status"] == "measured")
    assert len(energy["meters"]) == 5 and all(m["detail"] for m in energy["meters"])
    assert all(m["grant"] == "" or m["grant"].startswith("sudo ") for m in energy["meters"])
    assert [p["name"] for p in energy["profiles"]] == ["epyc-9654", "h200", "mx-paper", "raspberry-pi-5", "ryzen-7840u"]
    mote_program("info", "--watts", status=2)


def test_cast_and_back(mote_program, model, tmp_path):
    small, back = tmp_path / "small.safetensors", tmp_path / "back.npz"
    out = mote_program("cast", model, small, "--format", "mxfp8", "--exclude", "*norm*")
    assert "layer.weight" in out.stdout and "unchanged" in out.stdout and "total" in out.stdout
    tensors = mote.load(small)
    assert np.array_equal(tensors["layer.weight"].packed, mote.quantize(X, "mxfp8").packed)
    assert np.array_equal(tensors["layer.norm"], X[0]) and np.array_equal(tensors["ids"], np.arange(4))
    assert mote.metadata(small)["author"] == "test"
    mote_program("cast", small, back, "--to", "fp32")
    assert np.array_equal(np.load(back)["layer.weight"], mote.quantize(X, "mxfp8").dequantize())


def test_cast_options(mote_program, model, tmp_path):
    out = tmp_path / "o.safetensors"
    mote_program("cast", model, out, "--format", "mxfp4", "--axis", "0", "--rounding", "stochastic", "--scale-rule", "ceil",
                 "--seed", "9", "--include", "*.weight")
    expected = mote.quantize(X, "mxfp4", axis=0, rounding="stochastic", scale_rule="ceil", seed=9)
    found = mote.load(out)["layer.weight"]
    assert found.axis == 0 and np.array_equal(found.packed, expected.packed)
    assert "--exclude" in mote_program("cast", model, out, "--format", "mxfp4", "--axis", "1", status=1).stderr


def test_cast_table(mote_program, model):
    rows = [json.loads(line) for line in mote_program("cast", model, "--format", "all", "--json").stdout.splitlines()]
    totals = [r for r in rows if r.get("total")]
    weights = {r["to"]: r for r in rows if r.get("tensor") == "layer.weight"}
    assert len(totals) == 10 and set(weights) == set(mote.formats)
    assert not weights.pop("fp32")["converted"]
    for name, row in weights.items():
        q = mote.quantize(X, name).dequantize()
        noise = float(((X.astype(np.float64) - q) ** 2).sum())
        snr = 10 * np.log10(float((X.astype(np.float64) ** 2).sum()) / noise)
        assert abs(row["snr_db"] - snr) < 1e-9
        relative = np.abs(X.astype(np.float64) - q) / np.abs(X)
        assert abs(row["max_relative_error"] - relative.max()) < 1e-12
        assert row["flushed"] == int(((q == 0) & (X != 0)).sum())


def test_cast_between_all_file_formats(mote_program, tmp_path):
    mote.save(tmp_path / "a.npy", {"a": X})
    chain = ["a.npy", "b.safetensors", "c.gguf", "d.npz", "e.safetensors.index.json", "f.npy"]
    for source, target in zip(chain, chain[1:]):
        mote_program("cast", tmp_path / source, tmp_path / target, "--format", "fp32")
    assert np.array_equal(np.load(tmp_path / "f.npy"), X)
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".part")]


def test_gguf_metadata_is_carried(mote_program, tmp_path):
    import gguf

    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "llama")
    writer.add_array("tokens", ["x", "yy"])
    writer.add_uint32("count", 7)
    writer.add_tensor("w.weight", X)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    mote_program("cast", tmp_path / "a.gguf", tmp_path / "b.gguf", "--format", "mxfp4")
    reader = gguf.GGUFReader(tmp_path / "b.gguf")
    assert reader.get_field("tokens").contents() == ["x", "yy"] and reader.get_field("count").contents() == 7
    assert reader.tensors[0].tensor_type.name == "MXFP4"


def test_inspect(mote_program, model, tmp_path):
    small = tmp_path / "small.safetensors"
    mote_program("cast", model, small, "--format", "mxfp6", "--axis", "0")
    text = mote_program("inspect", small).stdout
    assert "mxfp6_e3m2 [40, 96], axis 0" in text and "magnitudes" in text and "scales" in text and "author: test" in text
    whole = json.loads(mote_program("inspect", small, "--json").stdout)
    row = next(t for t in whole["tensors"] if t["name"] == "layer.weight")
    assert row["shape"] == [40, 96] and sum(n for _, n in row["scales"]) == 96 * 2
    assert sum(n for _, n in row["magnitudes"]) + row["zeros"] == X.size


def test_bad_files(mote_program, tmp_path):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"nothing of the kind")
    for verb in (["inspect", bad], ["cast", bad, tmp_path / "o.npz", "--format", "mxfp4"]):
        error = mote_program(*verb, status=1).stderr
        assert "bad.safetensors" in error and "not a tensor file" in error
    assert "directory" in mote_program("inspect", tmp_path, status=1).stderr
    assert not (tmp_path / "o.npz").exists()


def test_no_permission(mote_program, model, tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir()
    os.chmod(folder, 0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    assert "Permission" in mote_program("cast", model, folder / "o.npz", "--format", "mxfp4", status=1).stderr


def test_interrupt_leaves_nothing(tmp_path):
    big = {f"t{i}": np.zeros((512, 1024), np.float32) for i in range(60)}
    mote.save(tmp_path / "big.safetensors", big)
    out = tmp_path / "out.safetensors"
    process = subprocess.Popen(
        [str(BUILD / "mote"), "cast", str(tmp_path / "big.safetensors"), str(out), "--format", "mxfp8"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "MOTE_CPU": "c"},
    )
    process.stdout.readline()  # the heading: the first tensor is done
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("it was faster than the signal")
    assert process.returncode == 1 and "stopped at tensor" in error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["big.safetensors"]


def test_bench_runs(mote_program):
    out = mote_program("bench", "quantize", "--format", "mxfp4", "--size", "16", "--runs", "1", "--threads", "1", "--json").stdout
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == 8 and all(r["gb_per_second"] > 0 and r["ratio_to_copy"] > 0 for r in rows)


def test_real_data(mote_program, data_folder, tmp_path):  # noqa: F811
    files = sorted(data_folder.glob("**/*.npz"))
    assert files, "MOTE_DATA holds no .npz"
    seen = 0
    for path in files:
        try:
            with np.load(path) as archive:
                numbers = all(a.dtype.kind in "fiub" and a.dtype.itemsize in (1, 2, 4, 8) for a in archive.values())
        except ValueError:
            numbers = False
        if not numbers:
            mote_program("inspect", path, status=1)
            continue
        mote_program("inspect", path)
        mote_program("cast", path, tmp_path / "o.safetensors", "--format", "mxfp6")
        seen += 1
    assert seen > 5


def test_bench_matmul(mote_program):
    """At a level without a probe for every kind; also where a library is missing or its figures are."""
    options = ["--format", "mxfp4,fp32", "--size", "1024", "--runs", "1", "--threads", "1", "--json"]
    rows = [json.loads(line) for line in mote_program("bench", "matmul", *options, env={"MOTE_CPU": "avx2"}).stdout.splitlines()]
    assert [row["what"] for row in rows] == ["forward"] * 6 + ["vector"] * 4 + ["training"] * 2
    assert all(row["gop_per_second"] > 0 for row in rows)
    assert all(row["of_limit"] > 0 for row in rows if row["what"] == "vector")


def test_bench_attention(mote_program):
    """Without torch, and with a child that is no Python at all."""
    options = ["--format", "fp32,mxint8", "--size", "100", "--runs", "1", "--threads", "1"]
    rows = [json.loads(line) for line in mote_program("bench", "attention", *options, "--json", env={"MOTE_TORCH_PYTHON": "/none"}).stdout.splitlines()]
    assert [(row["what"], row["format"]) for row in rows] == [(what, f) for what in ("forward", "forward+backward") for f in ("fp32", "mxint8")]
    assert all(row["gop_per_second"] > 0 and row["ratio"] == 0 for row in rows)
    out = mote_program("bench", "attention", *options, env={"MOTE_TORCH_PYTHON": "/bin/false"}).stdout
    assert "no torch beside it: /bin/false has none" in out and "workspace" in out


def test_bench_block(mote_program):
    """Without torch: times of the block and its modules add up, and the memory is what was planned."""
    options = ["--format", "fp32,mxint8", "--size", "20", "--runs", "1", "--threads", "2", "--json"]
    rows = [json.loads(line) for line in mote_program("bench", "block", *options, env={"MOTE_TORCH_PYTHON": "/none"}).stdout.splitlines()]
    blocks, modules = ([row for row in rows if row["what"] == what] for what in ("block", "module"))
    assert [row["policy"] for row in blocks] == ["fp32", "mxint8"] and len(modules) == 2 * 9 and rows[-1]["what"] == "memory"
    for block in blocks:
        own = [row for row in modules if row["policy"] == block["policy"]]
        assert sum(row["multiply_adds"] for row in own) == block["multiply_adds"]
        assert 0 < sum(row["ms"] for row in own) <= block["ms"]
    assert 0 < rows[-1]["bytes"] < rows[-1]["planned_bytes"] < 2 * rows[-1]["process_grew"] + 64e6


def test_plan_evoformer(mote_program):
    """The finetuning shape beside what a standard implementation keeps, counted here once more; a policy; bad use."""
    rows = [json.loads(line) for line in mote_program("plan", "evoformer", "--json").stdout.splitlines()]
    n, l, m, z = 512, 384, 4 * 512 * 384 * 256, 4 * 384 * 384 * 128
    scores = 4 * (8 * n * l * l + 8 * l * n * n + 2 * 4 * l**3)
    largest = 4 * max(8 * n * l * l, 8 * l * n * n, 4 * l**3)
    first = rows[0]
    assert (first["sequences"], first["residues"], first["pass"]) == (n, l, "forward+backward")
    assert first["score_bytes"] == scores + 2 * largest
    assert abs(first["standard_bytes"] - (23.25 * m + 59 * z + scores + 2 * largest)) < 1
    assert all(row["ratio"] > 10 and row["attention_bytes"] < 4e6 for row in rows)
    assert rows[1]["stack"] == "extra" and rows[1]["ratio"] > 25
    assert "pairs" in mote_program("plan", "evoformer", "--policy", "mxint8").stdout
    mote_program("plan", "evoformer", "x.fasta", status=2)
    assert "unknown policy" in mote_program("plan", "evoformer", "--policy", "mxfp5", status=1).stderr
