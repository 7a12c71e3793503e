"""Tasks on real sequences and graphs against their raw files: samples and splits, letters, baselines and scores."""

from collections import Counter

import numpy as np

from real_data import (
    Draws,
    accuracy,
    area,
    check_baselines,
    check_score,
    column,
    fasta,
    frequencies,
    given,
    matthews,
    open_text,
    ridge,
    same,
    spearman,
    standardize,
    table,
)

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"


def ones(text, alphabet):
    """[length, letters]; a letter that is not in the alphabet is none of them."""
    return np.array([[float(a == b) for b in alphabet] for a in text])


def texts(arrays, name, alphabet):
    """Sequences back from ones, '-' where there is none."""
    x = arrays[name].reshape(len(arrays[name]), -1, len(alphabet))
    assert np.all(np.isin(x, (0, 1))) and x.sum(2).max() == 1
    return ["".join(alphabet[a] if some else "-" for a, some in zip(row.argmax(1), row.any(1))) for row in x]


# ---- genomes ----


def test_promoters(data_folder):
    folder, data = given(data_folder, "promoters")
    classes = [[s for _, s in fasta(folder / name)] for name in ("Ecoli_non_prom.fa.gz", "Ecoli_prom.fa.gz")]
    assert [len(c) for c in classes] == [3000, 839]
    parts = {"training": [], "test": []}
    for label, sequences in enumerate(classes):
        for i, record in enumerate(Draws(70 + label).order(len(sequences))):
            parts["training" if i % 5 else "test"].append((sequences[record], label))
    for arrays, part in ((data.training, parts["training"]), (data.test, parts["test"])):
        same(arrays, sequence=np.stack([ones(s, "ACGT") for s, _ in part]), **{"class": np.array([c for _, c in part])})
    assert (len(parts["training"]), len(parts["test"])) == (3071, 768)
    truth = data.test["class"]
    guess = ridge(data.training["sequence"], np.eye(2)[data.training["class"]], data.test["sequence"], 1e-1)
    check_baselines(data, 0, matthews(truth, guess))
    check_score(data, lambda guess: matthews(truth, guess), (len(truth), 2))


def test_splice_sites(data_folder):
    folder, data = given(data_folder, "splice_sites")
    with open_text(folder / "splice.arff.gz") as file:
        lines = [line.strip() for line in file]
    begin = next(i for i, line in enumerate(lines) if line.lower() == "@data")
    rows = [[cell.strip().strip("'") for cell in line.split(",")] for line in lines[begin + 1 :] if line and not line.startswith("%")]
    raw = [("".join(b if b in "ACGT" else "-" for b in row[1:61]), ["EI", "IE", "N"].index(row[61])) for row in rows]
    assert Counter(c for _, c in raw) == {0: 767, 1: 768, 2: 1655}  # as the notes in the file say
    parts = [list(zip(texts(arrays, "sequence", "ACGT"), arrays["class"].tolist())) for arrays in (data.training, data.test)]
    assert Counter(parts[0] + parts[1]) == Counter(raw)
    assert not {s for s, _ in parts[0]} & {s for s, _ in parts[1]}  # although 185 are there twice
    assert 0.17 < len(parts[1]) / len(raw) < 0.23
    for part in parts:  # in the order of the file
        at = iter(raw)
        assert all(sample in at for sample in part)
    truth = data.test["class"]
    guess = ridge(data.training["sequence"], np.eye(3)[data.training["class"]], data.test["sequence"], 1e-1)
    check_baselines(data, np.mean(truth == 2), accuracy(truth, guess))
    check_score(data, lambda guess: accuracy(truth, guess), (len(truth), 3))


def differing_sites(reference, genome, anchor=24, spacing=48, reach=400):
    """Where a genome differs from the reference between two of its words that both have at the same shift, by the nearest
    shift to that of the word before."""
    differs, shift, last = np.zeros(len(reference), bool), 0, None
    theirs, ours = np.frombuffer(genome.encode(), np.uint8), np.frombuffer(reference.encode(), np.uint8)
    known = np.isin(theirs, list(b"ACGT"))
    for place in range(0, len(reference) - anchor + 1, spacing):
        word, expected, found = reference[place : place + anchor], place + shift, None
        if not genome.startswith(word, max(expected, 0)) or expected < 0:
            after = genome.find(word, max(expected, 0), max(expected + reach + anchor, 0))
            before = genome.rfind(word, max(expected - reach, 0), max(expected + anchor, 0))
            near = [at for at in (after, before) if at >= 0]
            found = min(near, key=lambda at: (abs(at - expected), -at)) if near else None
        else:
            found = expected
        if found is None:
            continue
        shift = found - place
        if last is not None and last[0] == shift:
            between = slice(last[1], place)
            moved = slice(last[1] + shift, place + shift)
            differs[between] = (theirs[moved] != ours[between]) & known[moved]
        last = (shift, place + anchor)
    return differs


def test_sars_cov_2(data_folder):
    folder, data = given(data_folder, "sars_cov_2")
    records = fasta(folder / "example_sequences.fasta.gz")
    region_of = {row["strain"]: row["region"] for row in table(folder / "example_metadata.tsv.gz", "\t")}
    regions = ["North America", "Oceania", "Asia", "Europe"]
    reference = dict(records)["Wuhan/Hu-1/2019"]
    used = [(sequence, regions.index(region_of[name])) for name, sequence in records if region_of[name] in regions]
    assert len(records) - len(used) == 1 and len(reference) == 29903
    differs = np.stack([differing_sites(reference, sequence) for sequence, _ in used])
    d614g = 23403 - 1  # the site of spring 2020 that is best known, with those that came with it
    assert 0.3 < differs[:, d614g].mean() < 0.9
    assert all(np.mean(differs[:, d614g] == differs[:, s - 1]) > 0.95 for s in (241, 3037, 14408))
    order = Draws(2020).order(len(used))
    test, train = order[: len(used) // 3], order[len(used) // 3 :]
    counts = differs[train].sum(0)
    sites = sorted(range(len(reference)), key=lambda s: (-counts[s], s))[:96]
    c = np.array([c for _, c in used])
    same(data.training, sites=differs[train][:, sites], region=c[train])
    same(data.test, sites=differs[test][:, sites], region=c[test])
    truth = c[test]

    def score(guess):
        shares = guess - np.log(np.exp(guess.astype(float)).sum(1, keepdims=True))
        return np.mean([area(truth == k, shares[:, k].astype(np.float32)) for k in range(4)])

    check_baselines(data, 0.5, score(ridge(data.training["sites"], np.eye(4)[c[train]], data.test["sites"], 1e-1).astype(np.float32)))
    check_score(data, score, (len(truth), 4))


# ---- proteins ----


def test_gb1_landscape(data_folder):
    folder, data = given(data_folder, "gb1_landscape")
    rows = table(folder / "four_mutations.csv.gz")
    parts = [[r for r in rows if r["two_vs_rest"] == name] for name in ("train", "test")]
    wild = "VDGV"
    changed = [{sum(a != b for a, b in zip(r["Variants"], wild)) for r in part} for part in parts]
    assert changed == [{0, 1, 2}, {3, 4}] and [len(p) for p in parts] == [424, 8309]
    y = [column(p, "Fitness") for p in parts]
    a, b, _, _ = standardize(*y)
    for arrays, part, expected in zip((data.training, data.test), parts, (a, b)):
        assert texts(arrays, "variant", AMINO_ACIDS) == [r["Variants"] for r in part]
        same(arrays, fitness=expected[:, None])
    check_baselines(data, 0, spearman(b, ridge(data.training["variant"], a, data.test["variant"], 1e-1).ravel()))
    check_score(data, lambda guess: spearman(b, guess.ravel()), (len(b), 1))


def windows(letters, states, masks, first):
    """64 residues from first on: letters of the alphabet, 20 another, 21 none; states where they were seen."""
    at = range(first, first + 64)
    inside = [i < len(letters) for i in at]
    x = [21 if not known else AMINO_ACIDS.find(letters[i]) % 21 for i, known in zip(at, inside)]  # -1 is 20
    y = ["CEH".index(states[i]) if known and masks[i] == "1" else -1 for i, known in zip(at, inside)]
    return x, y


def test_secondary_structure(data_folder):
    folder, data = given(data_folder, "secondary_structure")
    records, states, masks = (fasta(folder / f"{name}.fasta.gz") for name in ("sequences", "sampled", "mask"))
    names = [[header.split()[0] for header, _ in file] for file in (records, states, masks)]
    assert names[0] == names[1] == names[2] and len(set(names[0])) == len(records)
    tested = ["SET=test" in header for header, _ in states]
    rooms = [max(len(s) - 64, 0) + 1 for (_, s), test in zip(records, tested) if not test]
    first, counter, parts = iter(Draws(3).below(rooms)), 0, ([], [])
    for (_, letters), (_, state), (_, mask), test in zip(records, states, masks, tested):
        begins = [next(first)] if not test else range(0, len(letters), 64) if counter % 4 == 0 else []
        counter += test
        parts[test].extend(windows(letters, state, mask, begin) for begin in begins)
    for arrays, part in zip((data.training, data.test), parts):
        same(arrays, residues=np.array([x for x, _ in part]), states=np.array([y for _, y in part]))
    (x, y), (xt, yt) = ((a["residues"], a["states"]) for a in (data.training, data.test))
    padded, padded_test = (np.pad(a, ((0, 0), (8, 8)), constant_values=21) for a in (x, xt))
    prior = np.array([np.sum(y == c) + 1 for c in range(3)], float)
    guess = np.log(prior) + np.zeros((*xt.shape, 3))
    for k in range(17):
        there = padded[:, k : k + 64]
        counts = 1 + np.stack([np.bincount(there[y == c], minlength=22) for c in range(3)], 1)
        guess += np.log(counts / prior)[padded_test[:, k : k + 64]]
    check_baselines(data, np.mean(yt[yt >= 0] == 0), accuracy(yt, guess))
    check_score(data, lambda guess: accuracy(yt, guess), (*yt.shape, 3))


# ---- a graph ----


def test_cora(data_folder):
    folder, data = given(data_folder, "cora")
    nodes, edges = table(folder / "nodes.tsv.gz", "\t"), table(folder / "edges.tsv.gz", "\t")
    labels, split = np.array([int(n["label"]) for n in nodes]), np.array([n["split"] for n in nodes])
    words = np.zeros((len(nodes), 1433))
    for i, node in enumerate(nodes):
        words[i, [int(w) for w in node["features"].split()]] = 1
    words /= np.maximum(words.sum(1, keepdims=True), 1)
    a = np.eye(len(nodes))
    for e in edges:
        a[int(e["source"]), int(e["target"])] += 1
        a[int(e["target"]), int(e["source"])] += 1
    assert a.max() == 1 and len(nodes) == 2708 and len(edges) == 5278
    a /= np.sqrt(np.outer(a.sum(0), a.sum(0)))
    smooth, classes = a @ words, []
    for arrays, name, count in ((data.training, "train", 140), (data.test, "test", 1000)):
        papers = np.flatnonzero(split == name)
        assert len(papers) == count and arrays["class"].shape[1] == 140
        padded = np.pad(labels[papers], (0, -count % 140), constant_values=-1)
        assert np.array_equal(arrays["class"].ravel(), padded)
        classes.append(padded)
        hears = np.concatenate(list(arrays["adjacency"].astype(float) @ arrays["features"]))  # A A X, whatever the order of neighbours
        assert np.abs(hears[:count] - (a @ smooth)[papers]).max() < 1e-6 and not hears[count:].any()
        assert np.allclose(np.concatenate(list(arrays["adjacency"].astype(float).sum(2)))[:count], a.sum(1)[papers], atol=1e-5)
    assert np.all(np.bincount(labels[split == "train"]) == 20) and not set(np.flatnonzero(split == "train")) & set(np.flatnonzero(split == "test"))
    start = np.eye(7)[labels] * (split == "train")[:, None]
    spread = np.zeros_like(start)
    for _ in range(50):
        spread = 0.1 * start + 0.9 * a @ spread
    truth = classes[1]
    check_baselines(data, accuracy(truth, np.tile(frequencies(classes[0], 7), (len(truth), 1))), accuracy(truth[:1000], spread[split == "test"]))
    check_score(data, lambda guess: accuracy(truth, guess), (len(truth), 7))
