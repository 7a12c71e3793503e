"""Files of real data that are damaged: an error that names the file, for every task and file, however it is damaged."""

import csv
import gzip
import io
import os
import shutil

import numpy as np
import pytest

import mote
from real_data import FOLDERS

# Task, file, separator, a column that holds numbers or names of classes (its place where there is no header).
TABLES = [
    ("esol", "esol.csv.gz", ",", "measured log solubility in mols per litre"),
    ("lipophilicity", "lipophilicity.csv.gz", ",", "exp"),
    ("hiv", "hiv.csv.gz", ",", "HIV_active"),
    ("matbench_expt_gap", "matbench_expt_gap.csv.gz", ",", "target"),
    ("matbench_steels", "matbench_steels.csv.gz", ",", "test_fold"),
    ("matbench_glass", "matbench_glass.csv.gz", ",", "formula"),
    ("reaction_yield", "buchwald_hartwig.csv.gz", ",", "Output"),
    ("nuclear_masses", "ame2016.csv.gz", ",", "binding"),
    ("htru2_pulsars", "HTRU_2.csv.gz", ",", "target_class"),
    ("higgs", "higgs_train.tsv.gz", "\t", 3),
    ("higgs", "higgs_test.tsv.gz", "\t", 0),
    ("well_log_facies", "facies_vectors.csv.gz", ",", "GR"),
    ("well_log_facies", "validation_data_nofacies.csv", ",", "Depth"),
    ("well_log_facies", "blind_stuart_crawford_core_facies.csv", ",", "LithCode"),
    ("gb1_landscape", "four_mutations.csv.gz", ",", "Fitness"),
    ("sars_cov_2", "example_metadata.tsv.gz", "\t", "region"),
    ("cora", "nodes.tsv.gz", "\t", "features"),
    ("cora", "edges.tsv.gz", "\t", "source"),
    ("enso", "oni.csv", ",", "NINO34_ANOM"),
    ("enso", "soi.long.csv", ",", 1),
    ("power_transformer", "ETTh1.csv.gz", ",", "OT"),
    ("sea_ice", "seaice.csv", ",", "Extent"),
    ("airfoil_noise", "data.csv.gz", ",", 5),
]
ARRAYS = [
    ("rmd17_ethanol", "rmd17_ethanol_train_01.npz", "coords"),
    ("rmd17_ethanol", "rmd17_ethanol_test_01.npz", "forces"),
    ("burgers_operator", "burgers_operator.npz", "train_y"),
    ("darcy_flow", "darcy.npz", "test16_y"),
    ("ecg_leads", "record100.npz", "adc_per_mv"),
    ("pneumonia", "pneumoniamnist.npz", "test_labels"),
    ("phasenet_picks", "waveforms.npz", "p_index"),
]
# Task, file and a letter that may not be in its sequences; None: all may.
SEQUENCES = [
    ("promoters", "Ecoli_prom.fa.gz", "N"),
    ("promoters", "Ecoli_non_prom.fa.gz", "-"),
    ("secondary_structure", "sequences.fasta.gz", None),
    ("secondary_structure", "sampled.fasta.gz", "X"),
    ("secondary_structure", "mask.fasta.gz", "2"),
    ("sars_cov_2", "example_sequences.fasta.gz", None),
]
# Task and file of what is damaged in fewer ways.
OTHERS = [
    ("splice_sites", "splice.arff.gz"),
    ("eeg_eye_state", "eeg_eye_state.arff.gz"),
    ("grasshopper_spikes", "grasshopper_stimulus2.txt.gz"),
    ("airfoil_noise", "test_mask.csv.gz"),
    ("qm7", "qm7.xyz.gz"),
]


@pytest.fixture
def copied(data_folder, tmp_path):
    """Copies a task's folder by links, but for one file; returns where that one is and where it is to be."""

    def copy(task, name):
        folder = data_folder / FOLDERS[task]
        if not folder.is_dir():
            pytest.skip(f"no {FOLDERS[task]}")
        target = tmp_path / FOLDERS[task]
        target.mkdir(parents=True)
        for file in folder.iterdir():
            if file.name != name:
                os.symlink(file, target / file.name)
        return folder / name, target / name

    return copy


def expect_refusal(task, root, path):
    with pytest.raises(mote.MoteError) as refused:
        mote.study_data(task, root)
    assert path.name in str(refused.value) and refused.value.status in ("file", "io"), refused.value


def read_text(path):
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()


def write_text(path, text):
    path.write_bytes(gzip.compress(text.encode(), 1) if path.suffix == ".gz" else text.encode())


def cut(source, target):
    """Half of a compressed file; of a plain one, within a row."""
    whole = source.read_bytes()
    target.write_bytes(whole[: len(whole) // 2] if source.suffix != ".csv" else whole[: whole.rindex(b",", 0, len(whole) // 2)])


def test_all_are_damaged():
    assert {files[0] for files in TABLES + ARRAYS + SEQUENCES + OTHERS} == set(FOLDERS)


@pytest.mark.parametrize("task, name", sorted({(t[0], t[1]) for t in TABLES + ARRAYS + SEQUENCES + OTHERS}))
def test_cut_or_empty(copied, tmp_path, task, name):
    source, target = copied(task, name)
    cut(source, target)
    expect_refusal(task, tmp_path, target)
    target.write_bytes(b"")
    expect_refusal(task, tmp_path, target)
    target.unlink()
    expect_refusal(task, tmp_path, target)


@pytest.mark.parametrize("task, name, separator, column", TABLES)
def test_tables(copied, tmp_path, task, name, separator, column):
    source, target = copied(task, name)
    rows = list(csv.reader(io.StringIO(read_text(source)), delimiter=separator))
    at, first = (column, 0 if task in ("higgs", "airfoil_noise") else 1) if isinstance(column, int) else (rows[0].index(column), 1)

    def damage(change):
        changed = [list(row) for row in rows[: first + 40]] + rows[first + 40 :]
        text = io.StringIO()
        csv.writer(text, delimiter=separator).writerows(change(changed))
        write_text(target, text.getvalue())
        expect_refusal(task, tmp_path, target)

    def letter(rows):
        rows[first][at] = rows[first][at][:1] + "x"
        return rows

    def more(rows):
        rows[first + 1].append("1")
        return rows

    damage(letter)
    damage(more)
    damage(lambda rows: [row[:at] + row[at + 1 :] for row in rows])
    damage(lambda rows: rows[:first])


@pytest.mark.parametrize("damage", ["letter", "class", "column", "no rows", "no data line"])
def test_splice_sites(copied, tmp_path, damage):
    source, target = copied("splice_sites", "splice.arff.gz")
    lines = read_text(source).splitlines()
    begin = next(i for i, line in enumerate(lines) if line.lower().startswith("@data"))
    row = next(i for i, line in enumerate(lines) if i > begin and line and not line.startswith("%"))
    cells = lines[row].split(",")
    if damage == "letter":
        cells[5] = "Q"
    elif damage == "class":
        cells[-1] = "EX"
    elif damage == "column":
        del cells[-2]
    lines[row] = ",".join(cells)
    lines = lines[: begin + 1] if damage == "no rows" else lines[:begin] + lines[begin + 1 :] if damage == "no data line" else lines
    write_text(target, "\n".join(lines))
    expect_refusal("splice_sites", tmp_path, target)


@pytest.mark.parametrize(
    "task, name, line, changed",
    [
        ("qm7", "qm7.xyz.gz", 2, "Fe 0 0 0"),
        ("qm7", "qm7.xyz.gz", 3, "H 0 nan 0"),
        ("eeg_eye_state", "eeg_eye_state.arff.gz", -5, "1,2,3"),
        ("grasshopper_spikes", "grasshopper_stimulus2.txt.gz", 7, "350 x"),
        ("grasshopper_spikes", "grasshopper_spike_times1.txt", -1, "10000001"),
        ("airfoil_noise", "test_mask.csv.gz", 4, "2,0,0,0,0,0,0,0,0,0"),
    ],
)
def test_lines(copied, tmp_path, task, name, line, changed):
    source, target = copied(task, name)
    lines = read_text(source).splitlines()
    lines[line] = changed
    write_text(target, "\n".join(lines))
    expect_refusal(task, tmp_path, target)


@pytest.mark.parametrize("task, name, array", ARRAYS)
@pytest.mark.parametrize("damage", ["gone", "shape", "none", "texts", "not finite"])
def test_arrays(copied, tmp_path, task, name, array, damage):
    source, target = copied(task, name)
    arrays = dict(np.load(source))
    if damage == "gone":
        del arrays[array]
    elif damage == "shape":
        arrays[array] = np.zeros((3, *arrays[array].shape), arrays[array].dtype)
    elif damage == "none":
        arrays[array] = arrays[array].reshape(-1)[:0]
    elif damage == "texts":
        arrays[array] = arrays[array].astype("S8")
    else:
        arrays[array] = np.where(np.arange(arrays[array].size).reshape(arrays[array].shape) == 0, np.nan, arrays[array])
    np.savez(target, **arrays)
    expect_refusal(task, tmp_path, target)


@pytest.mark.parametrize("task, name, letter", SEQUENCES)
def test_sequences(copied, tmp_path, task, name, letter):
    source, target = copied(task, name)
    lines = read_text(source).splitlines()
    damaged = [["text", *lines], lines[:1] + lines, [*lines, ">last"]]  # in front of the first header; records without a sequence
    if letter:
        damaged.append([lines[0], letter + lines[1][1:], *lines[2:]])
    if task == "secondary_structure" and name != "sequences.fasta.gz":
        damaged.append([lines[0], lines[1] + "C", *lines[2:]])  # longer than in the other files
    for text in damaged:
        write_text(target, "\n".join(text))
        expect_refusal(task, tmp_path, target)


def test_same_without_damage(copied, tmp_path):
    """A copy that is whole is read as the original."""
    source, target = copied("matbench_steels", "matbench_steels.csv.gz")
    shutil.copy(source, target)
    data, original = mote.study_data("matbench_steels", tmp_path), mote.study_data("matbench_steels", source.parents[2])
    assert all(np.array_equal(data.training[name], original.training[name]) for name in original.training)
