"""Folding from end to end, against the FP64 definition in fold_reference with the same weights and the same samples."""

import dataclasses

import numpy as np
import pytest

import mote
import test_features
from conftest import data_folder, mote_program  # noqa: F401
from fold_reference import features, model, names, structure
from reference_models import backend
from test_features import tool  # noqa: F401

NUMPY = backend("numpy")
TYPES = "ARNDCQEGHILKMFPSTWYV"
CLUSTERS, EXTRA, ROUNDS, SEED = 4, 5, 3, 7


def letters(random, length):
    return "".join(random.choice(list(TYPES), length))


def write_alignment(path, length=11, rows=12, seed=0):
    """An A3M of a protein with gaps and insertions."""
    random = np.random.default_rng(seed)
    query = letters(random, length)
    text = f">query\n{query}\n"
    for i in range(rows):
        row = [random.choice([c, "-", random.choice(list(TYPES))], p=[0.6, 0.2, 0.2]) for c in query]
        row.insert(random.integers(1, length), "ac" * (i % 2))
        text += f">row {i}\n{''.join(row)}\n"
    path.write_text(text)
    return path


def write_complex(path, seed=0):
    """Two chains, one of them twice, as FASTA."""
    random = np.random.default_rng(seed)
    one, other = letters(random, 5), letters(random, 4)
    path.write_text(f">a\n{one}\n>b\n{other}\n>c\n{one}\n")
    return path


def make(kind, folder):
    """A small model in AlphaFold's file, and something to fold. No shape tells how often the structure module runs: 8 times."""
    c = names.small(kind, structure_layers=8)
    weights = names.random_weights(c, 3)
    names.write_npz(folder / f"{kind}.npz", c, weights)
    path = write_complex(folder / "x.fasta") if c["multimer"] else write_alignment(folder / "x.a3m")
    return c, weights, path, folder / f"{kind}.npz"


def reference(c, weights, path):
    """What the definition makes of the samples that folding draws."""
    kind = "multimer" if c["multimer"] else "monomer"
    msa, samples = test_features.run(path, kind, CLUSTERS, EXTRA, 0.15, SEED, ROUNDS)
    previous = None
    for f in samples:
        extra = np.stack([f["extra_has_deletion"], f["extra_deletion_value"]], -1)
        batch = {
            "aatype": msa["types"].astype(int),
            "residue_index": msa["residue_index"],
            "asym_id": msa["asym_id"],
            "entity_id": msa["entity_id"],
            "sym_id": msa["sym_id"],
            "seq_mask": np.ones(msa["length"]),
            "target_feat": f["target"].astype(float),
            "msa_feat": f["msa"].astype(float),
            "msa_mask": f["msa_mask"].astype(float),
            "extra_msa_feat": np.concatenate([np.eye(23)[f["extra_msa"]], extra], -1),
            "extra_msa_mask": f["extra_mask"].astype(float),
        }
        found = model.fold(NUMPY, {**c, "templates": False}, weights, batch, previous)
        before, previous = previous, found["previous"]
    return found, before


def expected(scores, centres):
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return (e * centres).sum(-1) / e.sum(-1)


def tm(scores, residues, pairs):
    width = 31 / (scores.shape[-1] - 2)
    d0 = 1.24 * np.cbrt(max(residues, 19) - 15) - 1.8
    values = expected(scores, 1 / (1 + ((np.arange(scores.shape[-1]) + 0.5) * width / d0) ** 2))
    return max((values[i][pairs[i]]).mean() for i in range(residues) if pairs[i].any())


@pytest.mark.parametrize("kind", ["monomer", "monomer_ptm", "multimer_v3"])
def test_against_the_definition(kind, tmp_path):
    c, weights, path, file = make(kind, tmp_path)
    options = {"clusters": CLUSTERS, "extra": EXTRA, "recycles": ROUNDS - 1, "tolerance": 0, "seed": SEED}
    result = mote.fold(path, file, **options)
    (p,) = result.predictions
    found, before = reference(c, weights, path)
    atoms, n = found["atoms37"], len(result.types)
    assert p.rounds == ROUNDS and p.seed == SEED and p.model == kind and result.name == "x"
    scale = np.abs(atoms).max()
    assert np.abs(p.positions - atoms).max() / scale < 2e-5  # hundreds of FP32 operations one after the other
    assert np.array_equal(p.atom_mask.any(-1), np.ones(n, bool)) and not p.positions[p.atom_mask == 0].any()
    lddt = expected(found["scores"]["lddt"], (np.arange(c["lddt_bins"]) + 0.5) * 100 / c["lddt_bins"])
    assert np.abs(p.residue_lddt - lddt).max() < 2e-3 and abs(p.lddt - lddt.mean()) < 2e-3
    ca, last = (x[:, 1] for x in (atoms, before["atoms"]))
    distances = [np.linalg.norm(x[:, None] - x, axis=-1)[np.tril_indices(n, -1)] for x in (ca, last)]
    assert abs(p.change / np.sqrt(np.mean((distances[0] - distances[1]) ** 2)) - 1) < 1e-3
    if not c["aligned_error"]:
        assert p.aligned_error is None and np.isnan(p.tm) and p.score == p.lddt
        return
    scores = found["scores"]["aligned_error"]
    bins = c["error_bins"]
    error = expected(scores, (np.arange(bins) + 0.5) * 31 / (bins - 2))
    assert np.abs(p.aligned_error - error).max() < 2e-3
    assert abs(p.tm - tm(scores, n, np.ones((n, n), bool))) < 1e-4
    if c["multimer"]:
        chains = result.chain_of
        assert len(set(chains)) == 3
        assert abs(p.interface_tm - tm(scores, n, chains[:, None] != chains)) < 1e-4
        assert abs(p.score - 80 * p.interface_tm - 20 * p.tm) < 1e-9
    else:
        assert np.isnan(p.interface_tm) and p.score == p.lddt


def same(one, other):
    for p, q in zip(one.predictions, other.predictions, strict=True):
        for field in dataclasses.fields(p):
            a, b = getattr(p, field.name), getattr(q, field.name)
            assert field.name == "seconds" or np.array_equal(a, b, equal_nan=not isinstance(a, str)), field.name


def test_same_bits(tmp_path, monkeypatch):
    """Whatever the threads, the memory and the other predictions of a call."""
    _, _, path, file = make("monomer_ptm", tmp_path)
    options = {"clusters": CLUSTERS, "extra": EXTRA, "recycles": 1}
    both = mote.fold(path, file, seeds=2, seed=1, **options)
    alone = [mote.fold(path, file, seed=seed, **options).predictions[0] for seed in (1, 2)]
    assert [p.score for p in both.predictions] == sorted((p.score for p in alone), reverse=True)
    for p in both.predictions:
        other = alone[p.seed - 1]
        assert np.array_equal(p.positions, other.positions) and np.array_equal(p.aligned_error, other.aligned_error)


def test_memory_limit_changes_no_bit(tmp_path):
    *_, file = make("monomer_ptm", tmp_path)
    path, options = write_alignment(tmp_path / "long.a3m", length=70), {"clusters": CLUSTERS, "extra": EXTRA, "recycles": 1}
    free = mote.plan_fold(path, file, **options)
    with pytest.raises(mote.MoteMemoryError, match="at least .* MB") as error:
        mote.plan_fold(path, file, memory_limit=1000, **options)
    least = float(str(error.value).split("at least ")[1].split(" MB")[0])
    tight = mote.plan_fold(path, file, memory_limit=int(least * 1e6), **options)
    assert tight.piece < free.piece and tight.total < free.total and tight.total <= least * 1e6
    one, other = (mote.fold(path, file, memory_limit=limit, **options) for limit in (0, int(least * 1e6)))
    same(one, other)


def test_recycling_ends_early(tmp_path):
    _, _, path, file = make("monomer", tmp_path)
    result = mote.fold(path, file, recycles=9, tolerance=1e6, clusters=2, extra=2)
    assert result.predictions[0].rounds == 2
    assert mote.fold(path, file, recycles=-1).predictions[0].rounds == 1


@pytest.mark.parametrize("format, policy", [("mxint8", "mxint8"), ("mxfp8", "mxfp8"), ("mxfp6_e2m3", "mxfp6_e2m3"), ("mxfp4", "mxfp4-w_mxfp6-ag")])
def test_narrow_weights(format, policy, tmp_path, mote_program):
    """Weights cast to a format fold in the policy that suits it, and give the bits that this policy gives with FP32 weights."""
    _, _, path, file = make("monomer_ptm", tmp_path)
    small, options = tmp_path / "monomer_ptm.safetensors", {"clusters": CLUSTERS, "extra": EXTRA, "recycles": 1}
    mote_program("cast", file, small, "--format", format)
    same(mote.fold(path, small, **options), mote.fold(path, file, policy=policy, **options))
    assert mote.plan_fold(path, small).parameters < mote.plan_fold(path, file).parameters


@pytest.mark.parametrize("pairs, bits", [("bf16", 8), ("mxint8", 7)])
def test_narrow_pairs(pairs, bits, tmp_path):
    """Pairs and MSA that are rounded between modules: less memory, another structure, though not by far; the rounds hand them on."""
    *_, file = make("monomer_ptm", tmp_path)
    path, options = write_alignment(tmp_path / "long.a3m", length=70), {"clusters": CLUSTERS, "extra": EXTRA, "recycles": 1}
    wide, narrow = (mote.fold(path, file, pairs=x, **options).predictions[0] for x in ("fp32", pairs))
    assert not np.array_equal(wide.positions, narrow.positions) and np.isfinite(narrow.positions).all()
    assert mote.plan_fold(path, pairs=pairs, **options).total < mote.plan_fold(path, **options).total  # of the published model
    # one round, whose pairs go through nine roundings in each of three blocks
    wide, narrow = (mote.fold(path, file, pairs=x, **{**options, "recycles": -1}).predictions[0] for x in ("fp32", pairs))
    assert np.abs(narrow.residue_lddt - wide.residue_lddt).mean() < 100 * 3 * 9 * 2.0**-bits


def test_progress_and_stop(tmp_path):
    _, _, path, file = make("monomer", tmp_path)
    seen = []
    mote.fold(path, file, seeds=2, recycles=1, clusters=2, extra=2, progress=seen.append)
    assert [p.done for p in seen] == sorted(p.done for p in seen) and {p.stage for p in seen} == {"reading", "features", "predicting"}
    assert any(p.layer.startswith("evoformer.blocks.1") for p in seen) and {(p.prediction, p.round) for p in seen} == {(a, b) for a in (0, 1) for b in (0, 1)}
    with pytest.raises(mote.MoteError, match="stopped"):
        mote.fold(path, file, progress=lambda p: p.layer.startswith("evoformer"))
    with pytest.raises(KeyError):
        mote.fold(path, file, progress=lambda p: {}["no"])


def test_what_cannot_be(tmp_path):
    _, _, path, file = make("monomer", tmp_path)
    *_, complexes = make("multimer_v3", tmp_path)
    with pytest.raises(mote.MoteValueError, match="no weights"):
        mote.fold(path, [])
    with pytest.raises(mote.MoteValueError, match="3 chains.*monomer"):
        mote.fold(tmp_path / "x.fasta", file)
    with pytest.raises(mote.MoteValueError, match="cannot predict together"):
        mote.fold(path, [file, complexes])
    with pytest.raises(mote.MoteOSError, match="no.npz"):
        mote.fold(path, tmp_path / "no.npz")
    with pytest.raises(mote.MoteError, match="x.a3m"):
        mote.fold(path, path)
    with pytest.raises(TypeError, match="unknown option 'recycle'"):
        mote.fold(path, file, recycle=1)
    c, broken, *_ = make("monomer", tmp_path)
    broken["structure_module.linear_in.weight"][0, 0] = np.nan
    names.write_npz(tmp_path / "broken.npz", c, broken)
    with pytest.raises(mote.MoteError, match="not finite"):
        mote.fold(path, tmp_path / "broken.npz")


def test_real_alignment(data_folder, tmp_path):
    """A real protein with random weights: everything is finite and has its shape."""
    *_, file = make("monomer_ptm", tmp_path)
    path = data_folder / "alignments" / "esm_example_a3m" / "1a3a_1_A.a3m.gz"
    result = mote.fold(path, file, recycles=1, clusters=32, extra=64)
    (p,) = result.predictions
    assert p.positions.shape == (145, 37, 3) and np.isfinite(p.positions).all() and np.isfinite(p.aligned_error).all()
