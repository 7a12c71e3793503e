"""What tests of the study's real data share: raw files as Python reads them, and definitions of draws, baselines and scores."""

import csv
import gzip
import math

import numpy as np
import pytest

import mote


def open_text(path):
    return gzip.open(path, "rt", newline="", encoding="utf-8-sig") if path.suffix == ".gz" else open(path, newline="", encoding="utf-8-sig")


def table(path, delimiter=","):
    """Rows as dictionaries."""
    with open_text(path) as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def column(rows, name):
    """Numbers as the program holds them, in FP64 for what follows."""
    return np.array([float(row[name]) for row in rows]).astype(np.float32).astype(float)


def fasta(path):
    """Headers and sequences."""
    records = []
    with open_text(path) as file:
        for line in file:
            if line.startswith(">"):
                records.append([line[1:].strip(), ""])
            else:
                records[-1][1] += "".join(line.split())
    return records


FOLDERS = {
    "rmd17_ethanol": "quantum_chemistry/rmd17",
    "esol": "drug_discovery/esol",
    "lipophilicity": "drug_discovery/lipophilicity",
    "hiv": "drug_discovery/hiv",
    "burgers_operator": "pde/burgers_operator",
    "darcy_flow": "pde/darcy_flow",
    "matbench_expt_gap": "materials/matbench_expt_gap",
    "matbench_steels": "materials/matbench_steels",
    "matbench_glass": "materials/matbench_glass",
    "reaction_yield": "reactions/buchwald_hartwig",
    "nuclear_masses": "nuclear_physics/ame2016_masses",
    "htru2_pulsars": "astronomy/htru2_pulsars",
    "higgs": "particle_physics/higgs_slice",
    "well_log_facies": "geology/well_log_facies",
    "phasenet_picks": "seismology/phasenet_waveforms",
    "ecg_leads": "medical/mitbih_record_100",
    "pneumonia": "medical/pneumonia_mnist",
    "promoters": "genomics/promoters_umarov",
    "splice_sites": "genomics/splice_junctions_uci",
    "secondary_structure": "proteins/flip_secondary_structure",
    "gb1_landscape": "proteins/gb1_landscape",
    "sars_cov_2": "genomics/sars_cov_2",
    "cora": "science_of_science/cora",
    "enso": "climate/enso_indices",
    "power_transformer": "energy/ett_h1",
    "sea_ice": "climate/sea_ice_extent",
    "qm7": "quantum_chemistry/qm7",
    "airfoil_noise": "engineering/airfoil_self_noise",
    "eeg_eye_state": "neuroscience/eeg_eye_state",
    "grasshopper_spikes": "neuroscience/grasshopper_auditory",
}


def given(data_folder, task):
    """The folder of a task's raw files, and what the task makes of them; skips where there are none."""
    if not (data_folder / FOLDERS[task]).is_dir():
        pytest.skip(f"no {FOLDERS[task]}")
    return data_folder / FOLDERS[task], mote.study_data(task, data_folder)


# ---- draws: Philox4x32-10 (Salmon et al. 2011, section 3.3), words of a stream one after the other ----


def words(seed, begin, count):
    index = np.arange(begin // 4, (begin + count + 3) // 4, dtype=np.uint64)
    low = np.uint64(0xFFFFFFFF)
    c = [index & low, index >> np.uint64(32), np.zeros_like(index), np.zeros_like(index)]
    keys = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [b >> np.uint64(32) ^ c[1] ^ np.uint64(keys[0]), b & low, a >> np.uint64(32) ^ c[3] ^ np.uint64(keys[1]), a & low]
        keys = [(keys[0] + 0x9E3779B9) & 0xFFFFFFFF, (keys[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, 1).ravel()[begin % 4 : begin % 4 + count]


class Draws:
    """Uniform numbers of 53 bits, two words each."""

    def __init__(self, seed):
        self.seed, self.next = seed, 0

    def uniform(self, count):
        w = words(self.seed, self.next, 2 * count).reshape(-1, 2)
        self.next += 2 * count
        return ((w[:, 0] >> np.uint64(5)) * 67108864.0 + (w[:, 1] >> np.uint64(6))) / 2.0**53

    def below(self, limits):
        """One below each of limits."""
        return [int(u * n) for u, n in zip(self.uniform(len(limits)), limits)]

    def order(self, count):
        """Fisher and Yates's shuffle from the end."""
        order = list(range(count))
        for i, j in zip(range(count - 1, 0, -1), self.below(range(count, 1, -1))):
            order[i], order[j] = order[j], order[i]
        return np.array(order)


def fifth(seed, count):
    """Training and test rows where every fifth in a drawn order is a test sample."""
    order = Draws(seed).order(count)
    return order[count // 5 :], order[: count // 5]


# ---- scaling and baselines ----


def standardize(training, test):
    """By column, with what the training samples have; also mean and deviation."""
    mean, deviation = training.mean(0), training.std(0)
    deviation = np.where(deviation > 1e-12 * np.abs(mean), deviation, 1)
    return (training - mean) / deviation, (test - mean) / deviation, mean, deviation


def ridge(x, y, at, penalty):
    """Centred; the penalty times the mean square of an input."""
    x, y, at = (a.reshape(len(a), -1).astype(float) for a in (x, y, at))
    centre, mean = x.mean(0), y.mean(0)
    gram = (x - centre).T @ (x - centre)
    return (at - centre) @ np.linalg.solve(gram + penalty * np.trace(gram) / len(gram) * np.eye(len(gram)), (x - centre).T @ (y - mean)) + mean


def frequencies(classes, count):
    """Logarithms, of half a sample more in each class."""
    seen = np.array([np.sum(classes == c) for c in range(count)])
    return np.log((seen + 0.5) / (np.sum(classes >= 0) + 0.5 * count))


# ---- scores ----


def rmse(truth, predicted):
    return np.sqrt(np.mean((np.asarray(predicted, float) - truth) ** 2))


def mae(truth, predicted):
    return np.mean(np.abs(np.asarray(predicted, float) - truth))


def r2(truth, predicted):
    return 1 - np.sum((predicted - truth) ** 2) / np.sum((truth - truth.mean()) ** 2)


def relative(truth, predicted):
    truth, predicted = truth.reshape(len(truth), -1), predicted.reshape(len(truth), -1)
    return np.mean(np.linalg.norm(predicted - truth, axis=1) / np.linalg.norm(truth, axis=1))


def ranks(x):
    """From 1; ties share the mean of theirs."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse.ravel()]


def spearman(truth, predicted):
    return np.corrcoef(ranks(truth), ranks(predicted))[0, 1]


def area(truth, margins):
    """The probability that a margin of class 1 is above one of class 0, by the statistic of Mann and Whitney."""
    n = np.sum(truth == 1)
    return (ranks(margins)[truth == 1].sum() - n * (n + 1) / 2) / (n * (len(truth) - n))


def auroc(truth, scores):
    return area(truth, scores[:, 1].astype(np.float32) - scores[:, 0].astype(np.float32))


def accuracy(truth, scores):
    answers = scores.reshape(-1, scores.shape[-1]).argmax(1)
    return np.mean(answers[truth.ravel() >= 0] == truth.ravel()[truth.ravel() >= 0])


def matthews(truth, scores):
    answers = scores.argmax(1)
    return np.corrcoef(truth, answers)[0, 1] if answers.any() and not answers.all() else 0.0


# ---- checks ----


def same(arrays, **expected):
    """Every number of the named arrays (blanks as _), within the rounding of FP32."""
    found = {name.replace(" ", "_"): a for name, a in arrays.items()}
    for name, e in expected.items():
        a, e = found[name], np.asarray(e)
        assert a.shape == e.shape, name
        if a.dtype == np.int32:
            assert np.array_equal(a, e), name
        else:
            np.testing.assert_allclose(a, e, rtol=2e-5, atol=2e-6 * max(1, np.abs(e).max()), err_msg=name)


def check_baselines(data, trivial, strong=None):
    assert data.trivial == pytest.approx(trivial, rel=1e-5, abs=1e-7)
    if strong is None:
        assert data.strong is None
    else:
        assert data.strong == pytest.approx(strong, rel=2e-4)


def check_score(data, score, shape, seeds=2):
    """Of random predictions; and not a number where a prediction is none."""
    for seed in range(seeds):
        guess = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        assert data.score(guess) == pytest.approx(score(guess), rel=1e-5, abs=1e-7)
    guess.flat[guess.size // 2] = np.nan
    assert math.isnan(data.score(guess))
