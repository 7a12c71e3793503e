"""Every real alignment, read by mote and by a plain parser written from the formats' descriptions."""

import gzip
import os
import subprocess
from pathlib import Path

import pytest

DUMP = Path(os.environ.get("MOTE_BUILD", Path(__file__).resolve().parents[2] / "build")) / "tests" / "alignment_dump"
TYPES = "ARNDCQEGHILKMFPSTWYVX-"
ALIASES = str.maketrans("BJOUXZ.~_", "DXXCXE---")


def read_records(text):
    records = []
    for line in text.splitlines():
        if line.startswith(">"):
            records.append((line[1:].strip(), []))
        elif line.strip():
            records[-1][1].append(line.strip())
    return [(name, "".join(parts)) for name, parts in records]


def read_stockholm(text):
    rows = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith(("#", "//")):
            name, columns = line.split()
            rows[name] = rows.get(name, "") + columns.upper()
    return list(rows.items())


def align(rows):
    """Rows without the columns in which the query has a gap, and how many residues stand before each column."""
    columns = [[c for c in row if not c.islower()] for _, row in rows]
    kept = [c not in "-.~_" for c in columns[0]]
    for name, row in rows:
        at, pending, letters, deletions = 0, 0, [], []
        for c in row:
            if c.islower():
                pending += 1
                continue
            if kept[at]:
                letters.append(c.translate(ALIASES))
                deletions.append(pending)
                pending = 0
            elif c not in "-.~_":
                pending += 1
            at += 1
        yield name, "".join(letters), deletions


def dump(path):
    done = subprocess.run([DUMP, path], capture_output=True, text=True, check=True)
    lines = done.stdout.split("\n")
    count, columns, kind = lines[0].split()
    chains = int(lines[2])
    rows = lines[3 + chains : -1]
    assert len(rows) == 4 * int(count)
    parsed = [(rows[i], rows[i + 1], [TYPES[int(t)] for t in rows[i + 2].split()], [int(d) for d in rows[i + 3].split()]) for i in range(0, len(rows), 4)]
    assert all("".join(types) == letters for _, letters, types, _ in parsed)
    return kind, int(columns), lines[1], lines[3 : 3 + chains], [(name, letters, deletions) for name, letters, _, deletions in parsed]


@pytest.fixture(scope="module")
def tool():
    if not DUMP.is_file():
        pytest.skip("the C tests are not built")


def test_every_real_alignment(tool, data_folder):
    files = [f for pattern in ("alignments/**/*", "rna/rfam_alignments/*") for f in sorted(data_folder.glob(pattern)) if f.is_file() and ".pdb" not in f.name]
    assert len(files) >= 13, "MOTE_DATA holds no alignments"
    insertions = 0
    for path in files:
        text = gzip.open(path, "rt").read()
        stockholm = text.startswith("# STOCKHOLM")
        rows = read_stockholm(text) if stockholm else read_records(text)
        kind, columns, query, chains, found = dump(path)
        if "globins45" in path.name:  # sequences that nobody has aligned
            assert kind == "fasta" and query == "".join(s for _, s in rows) == found[0][1]
            assert chains == [f"{len(s)} 1 {name}" for name, s in rows]
            continue
        expected = list(align(rows))
        assert kind == ("stockholm" if stockholm else "a3m"), path
        assert columns == len(expected[0][1]) and query.translate(ALIASES) == expected[0][1], path
        assert chains == [f"{columns} 1 "], path
        assert [(n, s, d) for n, s, d in found] == expected, path
        insertions += sum(map(sum, (d for _, _, d in found)))
    assert insertions > 10000


def test_a_plain_copy_reads_the_same(tool, data_folder, tmp_path):
    for path in sorted(data_folder.glob("alignments/openfold_6kwc/*")):
        (tmp_path / "plain").write_bytes(gzip.decompress(path.read_bytes()))
        assert dump(tmp_path / "plain") == dump(path)
        (tmp_path / "cut.gz").write_bytes(path.read_bytes()[:-1000])
        done = subprocess.run([DUMP, tmp_path / "cut.gz"], capture_output=True, text=True)
        assert done.returncode == 1 and "cut.gz: the compressed data is damaged or cut off" in done.stderr
