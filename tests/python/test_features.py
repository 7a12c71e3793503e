"""AlphaFold 2's features held to the same in plain numpy, on real and on small alignments.

What is drawn (the order of rows, the masked codes) is read from the sample, and held to what may be drawn; everything
that follows from it must be the same, to the bit where it is counting and division.
"""

import gzip
import itertools
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from test_alignments import align, read_records, read_stockholm

DUMP = Path(os.environ.get("MOTE_BUILD", Path(__file__).resolve().parents[2] / "build")) / "tests" / "fold_dump"
TYPES = "ARNDCQEGHILKMFPSTWYVX-"
GAP, MASK = 21, 22


@pytest.fixture(scope="module", autouse=True)
def tool():
    if not DUMP.is_file():
        pytest.skip("the C tests are not built")


def take(raw, at, kind, *shape):
    size = np.dtype(kind).itemsize * int(np.prod(shape))
    return np.frombuffer(raw[at : at + size], kind).reshape(shape), at + size


def run(path, model="monomer", clusters=512, extra=1024, replaced=0.15, seed=1, samples=1, threads=1):
    environment = {**os.environ, "MOTE_THREADS": str(threads)}
    arguments = [path, model, clusters, extra, replaced, seed, samples]
    raw = subprocess.run([DUMP, "features", *map(str, arguments)], capture_output=True, check=True, env=environment).stdout
    end = raw.index(b"\n")
    rows, length, chains = map(int, raw[:end].split())
    msa, at = {"rows": rows, "length": length, "chains": chains}, end + 1
    for name, kind, shape in [
        ("types", "u1", (length,)),
        ("residue_index", "i4", (length,)),
        ("asym_id", "i4", (length,)),
        ("entity_id", "i4", (length,)),
        ("sym_id", "i4", (length,)),
        ("codes", "u1", (rows, length)),
        ("deletions", "u2", (rows, length)),
        ("profile", "f4", (length, 22)),
    ]:
        msa[name], at = take(raw, at, kind, *shape)
    found = []
    for _ in range(samples):
        end = raw.index(b"\n", at)
        n, e, length, channels = map(int, raw[at:end].split())
        f, at = {}, end + 1
        for name, kind, shape in [
            ("rows", "u4", (n + min(extra, rows - n),)),
            ("target", "f4", (length, channels)),
            ("msa", "f4", (n, length, 49)),
            ("msa_mask", "f4", (n, length)),
            ("true_msa", "u1", (n, length)),
            ("bert_mask", "f4", (n, length)),
            ("extra_msa", "u1", (e, length)),
            ("extra_mask", "f4", (e, length)),
            ("extra_has_deletion", "f4", (e, length)),
            ("extra_deletion_value", "f4", (e, length)),
        ]:
            f[name], at = take(raw, at, kind, *shape)
        found.append(f)
    assert at == len(raw)
    return msa, found


# ---- the definitions ----


def unique(rows):
    seen, kept = set(), []
    for letters, deletions in rows:
        if letters not in seen:
            seen.add(letters)
            kept.append((letters, deletions))
    return kept


def numbers(rows):
    return np.array([[TYPES.index(c) for c in letters] for letters, _ in rows]), np.array([d for _, d in rows])


def deletion_value(d):
    return np.arctan(np.asarray(d, np.float64) / 3) * (2 / np.pi)


def one_hot(codes, classes):
    return np.eye(classes, dtype=np.float32)[codes]


def check_sample(msa, f, clusters, extra, multimer=False):
    codes, deletions, length = msa["codes"].astype(int), msa["deletions"].astype(np.float32), msa["length"]
    n, rows = min(clusters, msa["rows"]), f["rows"]
    assert len(set(rows)) == len(rows) and rows[0] == 0 and rows.max() < msa["rows"]
    own, rest = rows[:n], np.setdiff1d(np.arange(msa["rows"]), rows[:n])
    # target_feat, masks
    target = one_hot(msa["types"], 21)
    assert np.array_equal(f["target"], target if multimer else np.pad(target, ((0, 0), (1, 0))))
    assert (f["msa_mask"] == 1).all()
    # masked MSA: unchanged where nothing is masked
    drawn = f["msa"][..., :23].argmax(-1)
    assert np.array_equal(f["msa"][..., :23], one_hot(drawn, 23))
    assert np.array_equal(f["true_msa"], codes[own])
    assert set(np.unique(f["bert_mask"])) <= {0, 1}
    assert (drawn == codes[own])[f["bert_mask"] == 0].all()
    # deletions
    assert np.array_equal(f["msa"][..., 23], np.clip(deletions[own], 0, 1))
    assert np.abs(f["msa"][..., 24] - deletion_value(deletions[own])).max() < 1e-7
    # clusters
    weights = np.array([1] * 21 + [0, 0], np.float32)
    agreement = one_hot(codes[rest], 23).reshape(len(rest), 23 * length) @ (one_hot(drawn, 23) * weights).reshape(n, 23 * length).T
    if multimer:
        near = agreement == agreement.max(1, keepdims=True) if len(rest) else np.zeros((0, n))
        share = near / np.maximum(near.sum(1, keepdims=True), 1) * length
        counts = share.sum(0) + 1
    else:
        share = np.zeros((len(rest), n))
        share[np.arange(len(rest)), agreement.argmax(1) if len(rest) else []] = 1
        counts = np.float32(1e-6) + np.float32(1) + share.sum(0).astype(np.float32)
    sums = np.einsum("en,erc->nrc", share, one_hot(codes[rest], 23), optimize=True) + one_hot(drawn, 23)
    mean = np.einsum("en,er->nr", share, deletions[rest], optimize=True) + deletions[own]
    profile = sums.astype(np.float32) / counts.astype(np.float32)[:, None, None]
    if multimer:
        assert np.abs(f["msa"][..., 25:48] - profile).max() < 1e-5
    else:
        assert np.array_equal(f["msa"][..., 25:48], profile)
    assert np.abs(f["msa"][..., 48] - deletion_value(mean / counts[:, None])).max() < (1e-5 if multimer else 1e-6)
    # extra rows
    count = min(extra, len(rest))
    assert f["extra_msa"].shape[0] == max(count, 1) and (f["extra_mask"] == (count > 0)).all()
    if count:
        picked = rows[n:]
        assert np.array_equal(f["extra_msa"], codes[picked])
        assert np.array_equal(f["extra_has_deletion"], np.clip(deletions[picked], 0, 1))
        assert np.abs(f["extra_deletion_value"] - deletion_value(deletions[picked])).max() < 1e-7
    else:
        assert not f["extra_msa"].any() and not f["extra_has_deletion"].any() and not f["extra_deletion_value"].any()


def read_alignment(path):
    text = gzip.open(path, "rt").read()
    rows = read_stockholm(text) if text.startswith("# STOCKHOLM") else read_records(text)
    return [(letters, deletions) for _, letters, deletions in align(rows)], rows[0][1]


# ---- one chain ----


def check_monomer(path, rows, query, **options):
    msa, samples = run(path, **options)
    kept = unique(rows)
    codes, deletions = numbers(kept)
    assert np.array_equal(msa["codes"], codes) and np.array_equal(msa["deletions"], deletions)
    letters = [c.upper() for c in query if c not in "-.~_"]
    assert np.array_equal(msa["types"], [TYPES.index(c) if c in TYPES[:20] else 20 for c in letters])
    assert np.array_equal(msa["residue_index"], np.arange(len(letters)))
    assert (msa["asym_id"] == 1).all() and (msa["entity_id"] == 1).all() and (msa["sym_id"] == 1).all()
    assert np.abs(msa["profile"] - one_hot(codes, 22).mean(0, dtype=np.float64)).max() < 1e-7
    for sample in samples:
        check_sample(msa, sample, options.get("clusters", 512), options.get("extra", 1024))
    return msa, samples


def test_real_alignments(data_folder):
    files = [f for f in sorted(data_folder.glob("alignments/**/*")) if f.is_file() and ".pdb" not in f.name and "globins45" not in f.name]
    checked = 0
    for path in files:
        rows, query = read_alignment(path)
        if len(rows) * len(rows[0][0]) > 2e6 or any(c.islower() for c in query):
            continue
        check_monomer(path, rows, query, clusters=64, extra=128, samples=1)
        checked += 1
    assert checked >= 6



def write(path, text):
    path.write_text(text)
    return path


def test_small(tmp_path):
    """Duplicates go, whatever their insertions; B, Z and U are types of their own in the query alone."""
    text = ">q\nMKVBZUXA\n>a\nMK-DECXA\n>b\naMKgg-DECXA\n>c\naaMK---ddddCXA\n>d\nMKVDECXA\n"
    path = write(tmp_path / "a.a3m", text)
    rows = [("MKVDECXA", [0] * 8), ("MK-DECXA", [0] * 8), ("MK---CXA", [2, 0, 0, 0, 0, 4, 0, 0])]
    check_monomer(path, rows, "MKVBZUXA", clusters=2, extra=5, replaced=0)
    check_monomer(path, rows, "MKVBZUXA", clusters=2, extra=5, replaced=1)
    check_monomer(path, rows, "MKVBZUXA", clusters=2, extra=5, samples=4)
    check_monomer(path, rows, "MKVBZUXA", clusters=9, extra=5)
    check_monomer(path, rows, "MKVBZUXA", clusters=1, extra=1)


@pytest.mark.parametrize("columns", [1, 31, 32, 33, 8159, 8160, 8161, 8200])
def test_widths(tmp_path, columns):
    """Rows are compared in blocks of 32 columns, counted 255 at a time."""
    random = np.random.default_rng(columns)
    letters = np.array(list("ACDX-"))
    rows = ["A" * columns]
    for i in range(20):  # some nearly the query, so that counts run full
        changed = random.random(columns) < (0.7 if i % 2 else 3 / columns)
        rows.append("".join(np.where(changed, letters[random.integers(0, 5, columns)], "A")))
    path = write(tmp_path / "a.a3m", "".join(f">{i}\n{r}\n" for i, r in enumerate(rows)))
    check_monomer(path, [(r, [0] * columns) for r in rows], rows[0], clusters=5, extra=50, replaced=0.001)


def test_samples(tmp_path):
    """Each iteration draws its own rows; the number of threads and what was drawn before mean nothing."""
    random = np.random.default_rng(5)
    rows = ["".join(random.choice(list(TYPES[:20]), 50)) for _ in range(200)]
    path = write(tmp_path / "a.a3m", "".join(f">{i}\n{r}\n" for i, r in enumerate(rows)))
    options = {"clusters": 20, "extra": 60}
    _, one = run(path, samples=4, **options)
    _, again = run(path, samples=4, threads=3, **options)
    _, other = run(path, samples=4, seed=2**40 + 1, **options)
    for a, b in zip(one, again):
        assert all(np.array_equal(a[k], b[k]) for k in a)
    for a, b in itertools.combinations(one + other, 2):
        assert not np.array_equal(a["rows"], b["rows"]) and not np.array_equal(a["bert_mask"], b["bert_mask"])


def test_masking_draws_the_profile(tmp_path):
    """Frequencies of what replaces a code, over many samples of a column whose profile is known."""
    rows = ["A", "R", "-"]
    path = write(tmp_path / "a.a3m", "".join(f">{i}\n{r * 400}\n" for i, r in enumerate(rows)))
    _, samples = run(path, clusters=3, extra=1, replaced=1, samples=50)
    drawn = np.concatenate([s["msa"][:, :, :23].argmax(-1)[s["true_msa"] == TYPES.index("R")] for s in samples])
    expected = np.full(23, 0.005)
    expected[20:22] = 0
    expected[22] = 0.7
    for c in rows:
        expected[TYPES.index(c)] += 0.1 / 3
    expected[TYPES.index("R")] += 0.1
    counts = np.bincount(drawn, minlength=23)
    assert counts[20] == 0 and expected.sum() == pytest.approx(1)
    deviation = np.sqrt(np.maximum(expected * (1 - expected) * len(drawn), 1e-9))
    assert (np.abs(counts - expected * len(drawn)) < 5 * deviation + 1e-6).all()


# ---- complexes ----


def multimer(chains, rows):
    """The MSA by the rules in fold/msa.h. chains: [(query, copies)]; rows: [[part of each chain]] with the query first."""
    entities = list(dict.fromkeys(query for query, _ in chains))
    asym = [(e, s) for e in entities for s, (q, copies) in enumerate(chains) if q == e for _ in range(copies)]
    ids = {"residue_index": [], "asym_id": [], "entity_id": [], "sym_id": []}
    seen = {}
    for k, (e, _) in enumerate(asym):
        seen[e] = seen.get(e, 0) + 1
        for i in range(len(e)):
            for name, value in zip(ids, (i, k + 1, entities.index(e) + 1, seen[e])):
                ids[name].append(value)
    full = lambda part: bool(set(part) - {"-"})
    touched = [[s for s, part in enumerate(row) if full(part)] for row in rows]
    paired = list(dict.fromkeys(tuple(r) for r, t in zip(rows, touched) if len(t) > 1))
    msa = ["".join(r[s] for _, s in asym) for r in paired[:1024]]
    for e in entities:
        left = 2048 - sum(any(full(p) for p, (q, _) in zip(r, chains) if q == e) for r in paired[:1024])
        for s in [s for s, (q, _) in enumerate(chains) if q == e]:
            used = {r[s] for r in paired}
            for part in dict.fromkeys(r[s] for r, t in zip(rows, touched) if t == [s]):
                if part not in used and left > 0:
                    msa.append("".join(part if q == e else "-" * len(q) for q, _ in asym))
                    left -= 1
    return msa, ids


def check_multimer(tmp_path, chains, rows, samples=2, **options):
    head = "#" + ",".join(str(len(q)) for q, _ in chains) + "\t" + ",".join(str(c) for _, c in chains) + "\n"
    rows = [[q for q, _ in chains]] + rows
    path = write(tmp_path / "c.a3m", head + "".join(f">{i}\n{''.join(r)}\n" for i, r in enumerate(rows)))
    msa, found = run(path, "multimer", samples=samples, **options)
    wanted, ids = multimer(chains, rows)
    assert ["".join(TYPES[c] for c in row) for row in msa["codes"]] == wanted
    for name, values in ids.items():
        assert np.array_equal(msa[name], values), name
    assert msa["chains"] == max(ids["asym_id"])
    assert np.abs(msa["profile"] - one_hot(msa["codes"], 22).mean(0, dtype=np.float64)).max() < 1e-6
    for f in found:
        check_sample(msa, f, options["clusters"], options["extra"], multimer=True)
    return msa


def random_rows(random, chains, count, part=0.5):
    rows = []
    for _ in range(count):
        row = []
        for query, _ in chains:
            letters = [c if random.random() < 0.6 else random.choice(list("ACDEFG-")) for c in query]
            row.append("".join(letters) if random.random() < part else "-" * len(query))
        rows.append(row)
    return rows


@pytest.mark.parametrize(
    "chains",
    [
        [("MKVACD", 1)],
        [("MKVACD", 3)],
        [("MKVACD", 1), ("AAGG", 1)],
        [("MKVACD", 2), ("AAGG", 3)],
        [("MKVACD", 1), ("AAGG", 1), ("MKVACD", 1)],
        [("MK", 1), ("AG", 2), ("WWW", 1), ("AG", 1)],
        [("MKVACD", 1), ("MKVACD", 1)],
    ],
)
def test_complexes(tmp_path, chains):
    random = np.random.default_rng(len(chains))
    rows = random_rows(random, chains, 60)
    check_multimer(tmp_path, chains, rows + rows[:10], clusters=12, extra=20)
    check_multimer(tmp_path, chains, rows, clusters=508, extra=20)
    check_multimer(tmp_path, chains, [], clusters=5, extra=5)


def test_large_complex_is_cut(tmp_path):
    random = np.random.default_rng(0)
    chains = [("".join(random.choice(list(TYPES[:20]), 12)), 1), ("".join(random.choice(list(TYPES[:20]), 9)), 2)]
    msa = check_multimer(tmp_path, chains, random_rows(random, chains, 9000), samples=1, clusters=50, extra=100)
    assert 1024 < msa["rows"] < 1024 + 2 * 2048
    homomer = check_multimer(tmp_path, chains[:1], random_rows(random, chains[:1], 5000, 1), samples=1, clusters=50, extra=100)
    assert homomer["rows"] == 2048


def test_deletions_of_complexes(tmp_path):
    """Insertions follow their residues into every copy."""
    path = write(tmp_path / "c.a3m", "#2,2\t2,1\n>q\nMKAG\n>a\nMaaKbAG\n>b\nccMK--\n>c\n--AdddG\n")
    msa, _ = run(path, "multimer", clusters=5, extra=5)
    assert ["".join(TYPES[c] for c in row) for row in msa["codes"]] == ["MKMKAG"]
    path = write(tmp_path / "c.a3m", "#2,2\t2,1\n>q\nMKAG\n>a\nMaaRbAG\n>b\nccMC--\n>c\n--AdddC\n")
    msa, _ = run(path, "multimer", clusters=5, extra=5)
    assert ["".join(TYPES[c] for c in row) for row in msa["codes"]] == ["MKMKAG", "MRMRAG", "MCMC--", "----AC"]
    assert msa["deletions"].tolist() == [[0] * 6, [0, 2, 0, 2, 1, 0], [2, 0, 2, 0, 0, 0], [0, 0, 0, 0, 0, 3]]
