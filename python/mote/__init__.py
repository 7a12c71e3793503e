"""mote, the MicroscOpic Tensor Engine: microscaling (MX) number formats for science.

    >>> import numpy as np, mote
    >>> x = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    >>> q = mote.quantize(x, "mxfp4")
    >>> q.format, q.shape, q.nbytes
    ('mxfp4_e2m1', (4, 64), 136)
    >>> error = q.dequantize() - x
"""

from ._arrays import MXArray, formats, quantize
from ._evoformer import evoformer_attention, evoformer_attention_backward
from ._graph import Graph, Optimizer, Plan, measure
from ._files import load, metadata, save
from ._fold import FoldPlan, FoldProgress, FoldResult, Prediction, fold, plan_fold
from ._products import (
    PackedArray,
    Policy,
    convolve,
    convolve_backward,
    linear,
    linear_backward,
    matmul,
    pack,
    policies,
)
from ._study import StudyData, StudyProgress, StudyResult, StudyTask, study, study_data, study_tasks
from ._trunk import Trunk, distance_bins
from ._training import EvaluateResult, Model, Progress, TrainPlan, TrainResult, build_model, evaluate, plan_training, report, train
from ._weights import Weights
from ._library import MoteError, MoteMemoryError, MoteOSError, MoteValueError, ffi as _ffi, lib as _lib

__all__ = [
    "EvaluateResult",
    "FoldPlan",
    "FoldProgress",
    "FoldResult",
    "Graph",
    "MXArray",
    "Model",
    "MoteError",
    "MoteMemoryError",
    "MoteOSError",
    "MoteValueError",
    "Optimizer",
    "PackedArray",
    "Plan",
    "Policy",
    "Prediction",
    "Progress",
    "StudyData",
    "StudyProgress",
    "StudyResult",
    "StudyTask",
    "TrainPlan",
    "TrainResult",
    "Trunk",
    "Weights",
    "build_model",
    "convolve",
    "convolve_backward",
    "distance_bins",
    "evaluate",
    "evoformer_attention",
    "evoformer_attention_backward",
    "fold",
    "formats",
    "linear",
    "linear_backward",
    "load",
    "matmul",
    "measure",
    "metadata",
    "pack",
    "plan_fold",
    "plan_training",
    "policies",
    "quantize",
    "report",
    "save",
    "study",
    "study_data",
    "study_tasks",
    "train",
]
__version__ = _ffi.string(_lib.mote_version()).decode()
