"""Structures held to gemmi: what mote reads of real files, and what others read of the files that it writes."""

import gzip
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

gemmi = pytest.importorskip("gemmi")

DUMP = Path(os.environ.get("MOTE_BUILD", Path(__file__).resolve().parents[2] / "build")) / "tests" / "fold_dump"
THREE = "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL UNK".split()
ATOMS = (
    "N CA C CB O CG CG1 CG2 OG OG1 SG CD CD1 CD2 ND1 ND2 OD1 OD2 SD CE CE1 CE2 CE3 NE NE1 NE2 OE1 OE2 CH2 NH1 NH2 OH CZ CZ2 CZ3 NZ OXT"
).split()


@pytest.fixture(scope="module", autouse=True)
def tool():
    if not DUMP.is_file():
        pytest.skip("the C tests are not built")


@pytest.fixture(scope="session")
def structures(data_folder):
    files = sorted(data_folder.glob("structures/pdb_small_set/*.gz"))
    assert len(files) >= 10, "MOTE_DATA holds no structures"
    return files


def run(*arguments, status=0):
    done = subprocess.run([DUMP, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done.stdout


def read(path):
    """[(chain, number, insertion, name, factor, {atom: position})]"""
    residues = []
    for line in run("structure", path).splitlines():
        words = line.split()
        atoms = {words[i]: tuple(np.float32(w) for w in words[i + 1 : i + 4]) for i in range(5, len(words), 4)}
        residues.append((words[0], int(words[1]), words[2], words[3], np.float32(words[4]), atoms))
    return residues


def expected(path):
    """The same as gemmi reads it, by the rules in io/structure.h."""
    chains = {}
    model = gemmi.read_structure(str(path), merge_chain_parts=True)[0]
    for chain in model:
        for residue in chain:
            name = "MET" if residue.name == "MSE" else residue.name
            hetero = residue.het_flag == "H"
            if hetero and residue.name != "MSE":
                continue
            names = {a.name for a in residue}
            if name not in THREE and not {"N", "CA", "C"} <= names:
                continue
            place = (residue.seqid.num, residue.seqid.icode.strip() or ".")
            if any(r[1:3] == place for r in chains.get(chain.name, [])):
                continue
            atoms, occupied = {}, {}
            for a in residue:
                which = "SD" if residue.name == "MSE" and a.name == "SE" else a.name
                if which in ATOMS and a.occ > occupied.get(which, -1):
                    atoms[which], occupied[which] = a, a.occ
            if atoms:
                factor = atoms.get("CA", next(iter(atoms.values()))).b_iso
                order = {n: tuple(np.float32(v) for v in atoms[n].pos.tolist()) for n in ATOMS if n in atoms}
                kept = name if name in THREE else "UNK"
                chains.setdefault(chain.name, []).append((chain.name, *place, kept, np.float32(factor), order))
    return [r for chain in chains.values() for r in chain]


def test_every_real_structure(structures):
    count = 0
    for path in structures:
        found, wanted = read(path), expected(path)
        assert [r[:4] for r in found] == [r[:4] for r in wanted], path
        for a, b in zip(found, wanted):
            assert a[5] == b[5], (path, a[:4])
            assert a[4] == pytest.approx(b[4], abs=1e-4) or "CA" not in a[5], (path, a[:4])
        count += len(found)
    assert count > 4000


def test_plain_files_read_the_same(structures, tmp_path):
    for path in structures[:3]:
        plain = tmp_path / path.stem
        plain.write_bytes(gzip.decompress(path.read_bytes()))
        assert read(plain) == read(path)


def same(a, b, where):
    assert [r[:4] for r in a] == [r[:4] for r in b], where
    for x, y in zip(a, b):
        assert list(x[5]) == list(y[5]), where
        assert np.abs(np.array(list(x[5].values())) - np.array(list(y[5].values()))).max() <= 0.00052
        assert abs(x[4] - y[4]) <= 0.00501


@pytest.mark.parametrize("ending", ["pdb", "cif"])
def test_written_files(structures, tmp_path, ending):
    """gemmi and Biopython find in a written file what mote has read in the original."""
    biopython = pytest.importorskip("Bio.PDB")
    for path in structures:
        out = tmp_path / f"out.{ending}"
        run("structure", path, out)
        assert not list(tmp_path.glob("*.part"))
        original = read(path)
        same(read(out), original, path)
        same(expected(out), original, path)
        parser = biopython.PDBParser(QUIET=True) if ending == "pdb" else biopython.MMCIFParser(QUIET=True)
        chains = {}
        for r in original:
            chains.setdefault(r[0], []).append(r)
        model = parser.get_structure("x", out)[0]
        assert [c.id for c in model] == list(chains), path
        for chain in model:
            assert [(r.id[1], r.id[2].strip() or ".", r.get_resname()) for r in chain] == [r[1:4] for r in chains[chain.id]], path
            for residue, wanted in zip(chain, chains[chain.id]):
                assert {a.id: a.element for a in residue} == {n: n[0] for n in wanted[5]}


def test_pdb_lines(structures, tmp_path):
    """Columns as the format's description numbers them."""
    for path in structures[:4]:
        run("structure", path, tmp_path / "out.pdb")
        lines = (tmp_path / "out.pdb").read_text().split("\n")
        assert lines.pop() == "" and {len(line) for line in lines} == {80}
        assert lines[0].split() == ["MODEL", "1"] and lines[0][13] == "1"
        assert [line.strip() for line in lines[-2:]] == ["ENDMDL", "END"]
        serials = [int(line[6:11]) for line in lines[1:-2]]
        assert serials == list(range(1, len(serials) + 1))
        for line in lines[1:-2]:
            assert line[17:20] in THREE and line[21].isalnum() and line[22:26].strip().lstrip("-").isdigit()
            if line.startswith("ATOM  "):
                assert line[12] == " " and line[13:16].strip() in ATOMS and line[16] == " "
                assert all(line[i + 4] == "." for i in (30, 38, 46)) and line[54:60] == "  1.00" and line[63] == "."
                assert line[76:78] == " " + line[13]
        assert sum(line.startswith("TER") for line in lines) == len({line[21] for line in lines[1:-2]})


def test_cif_tables(structures, tmp_path):
    for path in structures:
        run("structure", path, tmp_path / "out.cif", "a_name")
        block = gemmi.cif.read(str(tmp_path / "out.cif")).sole_block()
        residues = read(path)
        assert block.name == "a_name"
        chains = list(dict.fromkeys(r[0] for r in residues))
        sequences = {c: tuple(r[3] for r in residues if r[0] == c) for c in chains}
        asym = {row[0]: row[1] for row in block.find("_struct_asym.", ["id", "entity_id"])}
        assert list(asym) == chains
        assert len(set(asym.values())) == len(set(sequences.values()))
        entities = {}
        for row in block.find("_entity_poly_seq.", ["entity_id", "num", "mon_id"]):
            entities.setdefault(row[0], []).append(row[2])
            assert int(row[1]) == len(entities[row[0]])
        assert all(tuple(entities[asym[c]]) == sequences[c] for c in chains)
        for row in block.find("_entity_poly.", ["entity_id", "type", "pdbx_seq_one_letter_code", "pdbx_strand_id"]):
            letters = gemmi.cif.as_string(row[2]).replace("\n", "")
            assert letters == "".join(dict(zip(THREE, "ARNDCQEGHILKMFPSTWYVX"))[n] for n in entities[row[0]])
            assert gemmi.cif.as_string(row[3]).split(",") == [c for c in chains if asym[c] == row[0]]
        local = block.find("_ma_qa_metric_local.", ["label_asym_id", "label_seq_id", "label_comp_id", "metric_id", "metric_value"])
        assert [(row[0], row[2]) for row in local] == [(r[0], r[3]) for r in residues]
        assert np.allclose([float(row[4]) for row in local], [r[4] for r in residues], atol=0.00501)
        assert float(block.find_value("_ma_qa_metric_global.metric_value")) == pytest.approx(np.mean([r[4] for r in residues]), abs=0.0051)
        sites = block.find("_atom_site.", ["label_asym_id", "label_seq_id", "label_comp_id", "label_entity_id"])
        assert all(entities[row[3]][int(row[1]) - 1] == row[2] and asym[row[0]] == row[3] for row in sites)


def test_more_than_pdb_holds(tmp_path):
    """Many chains with long names pass through mmCIF; PDB says why it cannot."""
    rows = [f"ATOM N GLY chain{c} {r} {c}.5 {r} 3" for c in range(70) for r in range(1, 4)]
    head = [f"_atom_site.{t}" for t in "group_PDB label_atom_id label_comp_id label_asym_id label_seq_id Cartn_x Cartn_y Cartn_z".split()]
    (tmp_path / "in.cif").write_text("\n".join(["data_x", "loop_", *head, *rows, ""]))
    run("structure", tmp_path / "in.cif", tmp_path / "out.cif")
    assert read(tmp_path / "out.cif") == read(tmp_path / "in.cif")
    assert len({r[0] for r in read(tmp_path / "out.cif")}) == 70
    done = subprocess.run([DUMP, "structure", tmp_path / "in.cif", tmp_path / "out.pdb"], capture_output=True, text=True)
    assert done.returncode == 1 and "out.pdb: chain 'chain0'" in done.stderr and "mmCIF" in done.stderr
    assert not (tmp_path / "out.pdb").exists()
