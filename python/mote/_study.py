"""The study: scientific tasks in every number format; see include/mote/study.h and docs/study.md.

    >>> result = mote.study(["lorenz96"], policies=["mxfp6"], seeds=1, out="runs/lorenz96")
    >>> result.summary["tasks"][0]["results"][0]["mean"]
    >>> data = mote.study_data("lorenz96")
    >>> data.training["state"].shape, data.trivial, data.strong
    >>> data.score(my_model(data.test["state"]))
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

import numpy as np

from ._arrays import _pointer, context, float32_array
from ._fold import _array
from ._library import ffi, lib
from ._training import _Options

SETTINGS = ("train", "cast", "finetune")


@dataclass(frozen=True)
class StudyProgress:
    """After an experiment: setting is one of train, cast, finetune; seconds are the experiment's."""

    done: int
    total: int
    task: str
    policy: str
    setting: str
    metric: str
    seed: int
    score: float
    seconds: float


@dataclass(frozen=True)
class StudyResult:
    """What ran: not_run for want of data or a library, failed by an error, of which failure is the first; experiments that
    were kept from before do not count. summary: study.json."""

    tasks: int
    not_run: int
    failed: int
    experiments: int
    seconds: float
    failure: str
    folder: str
    report: str
    summary: dict


@dataclass(frozen=True)
class StudyTask:
    """A task of the library. published is None where there is no figure; strong_name and published_source likewise."""

    name: str
    science: str
    title: str
    model: str
    metric: str
    unit: str
    larger_is_better: bool
    simulated: bool
    trivial_name: str
    strong_name: Optional[str]
    published: Optional[float]
    published_source: Optional[str]
    steps: int
    batch: int


def _text(pointer) -> Optional[str]:
    return ffi.string(pointer).decode(errors="replace") if pointer else None


def _number(value: float) -> Optional[float]:
    return None if np.isnan(value) else value


def _progress(p) -> StudyProgress:
    texts = (_text(p.task), _text(p.policy), SETTINGS[p.setting], _text(p.metric))
    return StudyProgress(p.done, p.total, *texts, p.seed, p.score, p.seconds)


class _Run:
    """A study in a thread of its own: the caller's stays free for Ctrl-C."""

    def __init__(self, options: _Options, progress: Optional[Callable[[StudyProgress], object]]):
        self.result, self._options, self._progress = ffi.new("mote_study_result *"), options, progress
        self._stopping, self._raised, self._status = False, None, lib.MOTE_OK
        self._context = context()

    def _call(self, _, p):
        if p.task and self._progress and not self._stopping:
            self._stopping = bool(self._progress(_progress(p)))
        return self._stopping

    def _keep(self, kind, exception, trace):
        self._raised, self._stopping = exception.with_traceback(trace), True

    def _work(self):
        function = ffi.callback("mote_study_callback", self._call, error=1, onerror=self._keep)
        self._status = lib.mote_study(self._context.pointer, self._options.pointer, function, ffi.NULL, self.result)

    def wait(self) -> None:
        worker = threading.Thread(target=self._work)
        worker.start()
        try:
            while worker.is_alive():
                worker.join(0.1)
        except BaseException:
            self._stopping = True
            worker.join()
            raise
        if self._raised:
            raise self._raised
        self._context.check(self._status)


def study(
    tasks: Optional[Sequence[str]] = None,
    policies: Optional[Sequence[str]] = None,
    seeds: Optional[int] = None,
    quick: bool = False,
    *,
    out: Union[str, os.PathLike],
    resume: bool = False,
    data: Union[str, os.PathLike, None] = None,
    jobs: Optional[int] = None,
    profile: Optional[str] = None,
    progress: Optional[Callable[[StudyProgress], object]] = None,
) -> StudyResult:
    """Trains and runs tasks in number formats and leaves results, study.json, results.csv and report.html in the folder out.

    What is left out has its default in mote_study_options (include/mote/study.h). progress(p) is called after every
    experiment, from any thread, one at a time; if it returns something true, or raises, or at Ctrl-C, the study stops, and with
    resume the same call goes on. A task that cannot be run is listed in the summary with the reason.
    """
    folder = os.fspath(out)
    values = {"tasks": tasks, "policies": policies, "seeds": seeds, "quick": quick, "jobs": jobs, "data": data}
    options = _Options("mote_study_options", {**values, "output": folder, "profile": profile, "resume": resume})
    run, report = _Run(options, progress), os.path.join(folder, "report.html")
    run.wait()
    context().check(lib.mote_study_report(context().pointer, os.fsencode(folder), os.fsencode(report)))
    with open(os.path.join(folder, "study.json"), encoding="utf-8") as file:
        summary = json.load(file)
    r = run.result
    return StudyResult(r.tasks, r.not_run, r.failed, r.experiments, r.seconds, _text(r.failure), folder, report, summary)


def _task(t) -> StudyTask:
    texts = (_text(getattr(t, name)) for name in "name science title model metric unit".split())
    flags = (bool(t.larger_is_better), bool(t.simulated))
    baselines = (_text(t.trivial_name), _text(t.strong_name), _number(t.published), _text(t.published_source))
    return StudyTask(*texts, *flags, *baselines, t.steps, t.batch)


def study_tasks() -> List[StudyTask]:
    """All tasks of the library, in the order of its table."""
    found, task = [], ffi.new("mote_study_task *")
    while lib.mote_study_task_at(len(found), task):
        found.append(_task(task))
    return found


class StudyData:
    """The data of a task, for models of one's own: training and test map the names of arrays to [samples, ...], float32 or
    int32; trivial and strong are the baselines' scores on the test samples, None where there is none."""

    def __init__(self, task: str, data: Union[str, os.PathLike, None] = None):
        out, root = ffi.new("mote_study_data **"), ffi.NULL if data is None else os.fsencode(data)
        self._context = context()
        self._context.check(lib.mote_study_data_open(self._context.pointer, task.encode(), root, out))
        self._pointer = ffi.gc(out[0], lib.mote_study_data_close)
        self.task: StudyTask = next(t for t in study_tasks() if t.name == task)
        self.training, self.test = self._arrays(0), self._arrays(1)
        scores = ffi.new("double[2]")
        lib.mote_study_data_baselines(self._pointer, scores, scores + 1)
        self.trivial, self.strong = _number(scores[0]), _number(scores[1])

    def _arrays(self, split: int) -> Dict[str, np.ndarray]:
        arrays, name, tensor = {}, ffi.new("char **"), ffi.new("mote_tensor *")
        for i in range(lib.mote_study_data_count(self._pointer)):
            self._context.check(lib.mote_study_data_array(self._pointer, i, split, name, tensor))
            kind = np.int32 if tensor.layout.format == lib.MOTE_INT32 else np.float32
            arrays[_text(name[0])] = _array(tensor.elements, kind, *(tensor.layout.shape[d] for d in range(tensor.layout.rank)))
        return arrays

    def score(self, predictions: Any) -> float:
        """The task's metric of predictions for all test samples, as many numbers as its model makes, in the samples' order."""
        values, score = np.ascontiguousarray(float32_array(predictions)), ffi.new("double *")
        self._context.check(lib.mote_study_data_score(self._pointer, values.size, _pointer("float *", values), score))
        return score[0]


def study_data(task: str, data: Union[str, os.PathLike, None] = None) -> StudyData:
    """Makes or reads the data of a task. data: the folder of real data sets (default: the environment's MOTE_DATA)."""
    return StudyData(task, data)
