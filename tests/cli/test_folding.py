"""mote fold as a user runs it, with small random weights: files, plans, narrow weights, bad input."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from conftest import BUILD, data_folder, mote_program  # noqa: E402,F401
from fold_reference import names  # noqa: E402
from test_fold import write_alignment, write_complex  # noqa: E402

PROGRAM = str(BUILD / "mote")


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Files of small models by their kind."""
    folder, found = tmp_path_factory.mktemp("weights"), {}
    for kind in ("monomer", "monomer_ptm", "multimer_v3"):
        c = names.small(kind)
        found[kind] = folder / f"params_{kind}.npz"
        names.write_npz(found[kind], c, names.random_weights(c, 3))
    return found


def test_a_protein(mote_program, weights, tmp_path):
    path, out = write_alignment(tmp_path / "query.a3m"), tmp_path / "out"
    text = mote_program("fold", path, "-w", weights["monomer_ptm"], "-w", weights["monomer"], "--seeds", 2, "--recycles", 1, "-o", out).stdout
    assert "11 residues in 1 chain" in text and "peak memory" in text and "residues would fit" in text
    assert text.count("round 1: mean pLDDT") == 4 and "report.html" in text
    files = sorted(p.name for p in out.iterdir())
    assert len([f for f in files if f.endswith(".pdb")]) == len([f for f in files if f.endswith(".cif")]) == 4
    assert {"run.json", "report.html"} <= set(files)
    run = json.loads((out / "run.json").read_text())
    energy = run["energy"]
    assert energy["source"] and (energy["status"] == "measured") == (energy["joules"] is not None)
    assert energy["joules"] is None or energy["joules_per_residue"] == pytest.approx(energy["joules"] / 44)
    scores = [json.loads((out / f).read_text()) for f in files if f.startswith("query_rank") and f.endswith(".json")]
    assert len(scores) == 4 and all(len(s["plddt"]) == 11 for s in scores) and run
    assert any("pae" in s and np.shape(s["pae"]) == (11, 11) for s in scores)
    structure = [f for f in files if f.endswith(".pdb")][0]
    assert (out / structure).read_text().count(" CA ") == 11


def test_a_complex(mote_program, weights, tmp_path):
    path, out = write_complex(tmp_path / "pair.fasta"), tmp_path / "out"
    text = mote_program("fold", path, "-w", weights["multimer_v3"], "--recycles", 1, "--tolerance", 0, "-o", out).stdout
    assert "14 residues in 3 chains" in text
    (structure,) = [p for p in out.iterdir() if p.suffix == ".pdb"]
    assert {line[21] for line in structure.read_text().splitlines() if line.startswith("ATOM")} == set("ABC")
    assert "3 chains" in mote_program("fold", path, "-w", weights["monomer"], "-o", out, status=1).stderr


def test_plan(mote_program, tmp_path):
    path = write_alignment(tmp_path / "query.a3m", length=50)
    assert "peak memory" in mote_program("fold", path, "--plan").stdout
    plan = json.loads(mote_program("fold", path, "--plan", "--json").stdout)
    assert plan["residues"] == 50 and plan["parameter_bytes"] > 3.7e8 and plan["longest"] > 50
    assert "no weights" in mote_program("fold", path, status=2).stderr
    least = mote_program("fold", path, "--plan", "--memory", "10M", status=1).stderr
    limit = float(least.split("at least ")[1].split(" MB")[0])
    mote_program("fold", path, "--plan", "--memory", f"{limit}M")
    assert json.loads(mote_program("fold", write_complex(tmp_path / "c.fasta"), "--plan", "--json").stdout)["chains"] == 3


def test_planned_memory_is_what_it_takes(weights, tmp_path):
    """The peak of the process beside the program itself, here a plan of a small length, against a longer chain's."""
    peaks = {}
    for length in (16, 420):
        path = write_alignment(tmp_path / f"{length}.a3m", length=length, rows=3)
        command = [PROGRAM, "fold", path, "-w", weights["monomer_ptm"], "--recycles", "0", "-o", tmp_path / str(length), "--json", "--threads", "1"]
        plan = json.loads(subprocess.run([*command, "--plan"], check=True, capture_output=True).stdout)
        script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        done = subprocess.run([sys.executable, "-c", script, *map(str, command)], check=True, capture_output=True, text=True)
        peaks[length] = plan["total_bytes"], int(done.stdout) * 1024
    planned, measured = (peaks[420][i] - peaks[16][i] for i in range(2))
    assert 0.9 < measured / planned < 1.1, peaks


def test_narrow_weights(mote_program, weights, tmp_path):
    """Cast to a block format they are smaller, fold by themselves with its policy, and keep less in memory."""
    path = write_alignment(tmp_path / "query.a3m")
    small = tmp_path / "small.safetensors"
    mote_program("cast", weights["monomer_ptm"], small, "--format", "mxint8")
    assert "mxint8" in mote_program("fold", path, "-w", small, "--recycles", 1, "-o", tmp_path / "out").stdout
    plans = [json.loads(mote_program("fold", path, "-w", w, "--plan", "--json").stdout) for w in (weights["monomer_ptm"], small)]
    assert plans[1]["parameter_bytes"] < plans[0]["parameter_bytes"]


def test_bad_input(mote_program, weights, tmp_path):
    good = write_alignment(tmp_path / "query.a3m")
    w = weights["monomer"]

    def complaint(text, *arguments, status=1):
        assert text in mote_program("fold", *arguments, status=status).stderr

    def write(name, content):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    complaint("expected an alignment", status=2)
    complaint("one input at a time", good, good, "-w", w, status=2)
    complaint("--max-msa", good, "-w", w, "--max-msa", "512", status=2)
    complaint("--max-msa", good, "-w", w, "--max-msa", "0:5", status=2)
    complaint("--tolerance", good, "-w", w, "--tolerance", "near", status=2)
    complaint("none.a3m", tmp_path / "none.a3m", "-w", w)
    complaint("none.npz", good, "-w", tmp_path / "none.npz")
    complaint("line 4", write("short.a3m", b">q\nACDEF\n>r\nAC-\n"), "-w", w)
    complaint("empty", write("empty.a3m", b""), "-w", w)
    complaint("column 4", write("odd.a3m", b">q\nACD\x01F\n"), "-w", w)
    complaint("cut.gz", write("cut.gz", gzip.compress(b">q\n" + b"ACDEF" * 2000)[:30]), "-w", w)
    complaint("cut.npz", good, "-w", write("cut.npz", w.read_bytes()[:5000]))
    complaint("--pairs", good, "-w", w, "--pairs", "bf16,fp32", status=2)
    complaint("stored", good, "-w", w, "--pairs", "nvfp4")
    complaint("unknown policy", good, "-w", w, "--policy", "mxfp5")
    folder = write("file", b"")
    complaint("file", good, "-w", w, "--recycles", 0, "-o", folder)
    missing = dict(np.load(w))
    missing.pop("alphafold/alphafold_iteration/structure_module/initial_projection//bias")
    np.savez(tmp_path / "missing.npz", **missing)
    complaint("structure_module", good, "-w", tmp_path / "missing.npz")


def test_forgiving_input(mote_program, weights, tmp_path):
    """CRLF, wrapped lines, ColabFold's line, a NUL at the end, letters that are no residue of the twenty."""
    text = b"#7\t1\r\n>q\r\nACDX\r\nEFG\r\n>r one\r\nA--\r\nacX\r\nEFG\r\n\0"
    (tmp_path / "odd.a3m").write_bytes(text)
    out = tmp_path / "out"
    assert "7 residues" in mote_program("fold", tmp_path / "odd.a3m", "-w", weights["monomer"], "--recycles", 0, "-o", out).stdout


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt(weights, tmp_path, signal_number):
    path = write_alignment(tmp_path / "long.a3m", length=300, rows=3)
    command = [PROGRAM, "fold", path, "-w", weights["monomer_ptm"], "--recycles", "100", "--json", "-o", tmp_path / "out"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert "residues" in process.stdout.readline() and "round" in process.stdout.readline()
    process.send_signal(signal_number)
    began = time.monotonic()
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 1 and "stopped" in error and time.monotonic() - began < 30
    assert not (tmp_path / "out").exists() or not os.listdir(tmp_path / "out")


def test_real_alignments(mote_program, weights, data_folder, tmp_path):
    folder = data_folder / "alignments"
    for i, name in enumerate(("esm_example_a3m/1xcr_1_A.a3m.gz", "openfold_6kwc/mgnify_hits.sto.gz")):
        out = mote_program("fold", folder / name, "-w", weights["monomer_ptm"], "--recycles", 0, "--max-msa", "32:64", "-o", tmp_path / str(i)).stdout
        assert "32 and 64 extra" in out and (tmp_path / str(i) / "report.html").stat().st_size > 10000
