"""Attention with additive biases and a gate."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np

from ._arrays import _pointer, context, float32_array
from ._library import ffi, lib
from ._products import Policy, _policy


def _dense(x: Any) -> np.ndarray:
    return np.asarray(float32_array(x), order="C")  # ascontiguousarray would make a vector of a number


def _pointer_or_null(array: Optional[np.ndarray]):
    return ffi.NULL if array is None else _pointer("float *", array)


class _Call:
    """The arguments of a call as the library takes them, checked where it cannot."""

    def __init__(self, q, k, v, biases, gate, scale, policy):
        self.q, self.k, self.v = _dense(q), _dense(k), _dense(v)
        if not 3 <= self.q.ndim <= lib.MOTE_EVOFORMER_RANK:
            raise ValueError(f"q: expected shape [..., L_q, H, D] of 3 to {lib.MOTE_EVOFORMER_RANK} dimensions, found {self.q.shape}")
        *leading, queries, heads, width = self.q.shape
        keys = self.k.shape[-3] if self.k.ndim == self.q.ndim else 0
        for name, array in (("k", self.k), ("v", self.v)):
            if array.shape != (*leading, keys, heads, width):
                raise ValueError(f"{name}: expected shape [..., L_k, H, D] with the other sizes of q's {self.q.shape}, found {array.shape}")
        self.gate = None if gate is None else _dense(gate)
        if gate is not None and self.gate.shape != self.q.shape:
            raise ValueError(f"gate: expected the shape of the result, {self.q.shape}, found {self.gate.shape}")
        if scale is not None and not (np.isfinite(scale) and scale != 0):
            raise ValueError(f"scale: expected a finite number other than 0, or None, found {scale}")
        self.biases = [_dense(b) for b in biases]
        whole = (*leading, heads, queries, keys)
        self.native = ffi.new("mote_evoformer_bias[]", len(self.biases))
        for i, (bias, to) in enumerate(zip(self.biases, self.native)):
            if bias.ndim > len(whole) or any(n not in (1, w) for n, w in zip(bias.shape[::-1], whole[::-1])):
                raise ValueError(f"biases[{i}]: shape {bias.shape} does not broadcast to [..., H, L_q, L_k] = {whole}")
            to.values, to.rank, to.shape[0 : bias.ndim] = _pointer("float *", bias), bias.ndim, bias.shape
        self.shape = ffi.new(
            "mote_evoformer_shape *",
            {"rank": len(leading), "leading": leading, "queries": queries, "keys": keys, "heads": heads, "width": width, "scale": scale or 0},
        )
        self.policy = _policy("fp32" if policy is None else policy)
        self.rows = (*leading, heads, queries, 2)

    def inputs(self):
        """What both passes begin with."""
        arrays = (_pointer("float *", x) for x in (self.q, self.k, self.v))
        return context().pointer, self.policy, self.shape, *arrays, len(self.biases), self.native, _pointer_or_null(self.gate)

    def forward(self, statistics=None):
        y = np.empty_like(self.q)
        context().check(lib.mote_evoformer_attention(*self.inputs(), _pointer("float *", y), _pointer_or_null(statistics)))
        return y


def evoformer_attention(
    q: Any,
    k: Any,
    v: Any,
    biases: Sequence[Any] = (),
    *,
    gate: Any = None,
    scale: Optional[float] = None,
    policy: Union[None, str, Policy] = None,
) -> np.ndarray:
    """sigmoid(gate) * softmax(scale * q k^T + biases[0] + biases[1] + ...) v for each head, without a matrix of scores.

    q: [..., L_q, H, D]; k, v: [..., L_k, H, D]; gate, and the result: as q. scale: by default 1 / sqrt(D).
    biases: any number, each of any shape that broadcasts to [..., H, L_q, L_k]: a mask [B, N, 1, 1, L_k], a pair bias
    [B, 1, H, L_q, L_k]. -inf hides a key; a row whose every key is hidden gives zeros. Finite numbers are plain numbers.
    policy: the number formats of the products (default: fp32). The same bits on any processor and number of threads.
    """
    return _Call(q, k, v, biases, gate, scale, policy).forward()


def evoformer_attention_backward(
    q: Any,
    k: Any,
    v: Any,
    do: Any,
    biases: Sequence[Any] = (),
    *,
    gate: Any = None,
    scale: Optional[float] = None,
    policy: Union[None, str, Policy] = None,
) -> Tuple[np.ndarray, np.ndarray, np.ndarray, List[np.ndarray], Optional[np.ndarray]]:
    """Gradients (dq, dk, dv, [dbias, ...], dgate) of evoformer_attention from do, the gradient of its result.

    A bias's gradient has the bias's shape: it is summed over the axes along which the bias is broadcast. dgate is None without a
    gate. The forward pass is computed again.
    """
    call = _Call(q, k, v, biases, gate, scale, policy)
    do = _dense(do)
    if do.shape != call.q.shape:
        raise ValueError(f"do: expected the shape of the result, {call.q.shape}, found {do.shape}")
    statistics = np.empty(call.rows, np.float32)
    y = call.forward(statistics)
    dq, dk, dv = np.empty_like(call.q), np.empty_like(call.k), np.empty_like(call.v)
    dbiases, dgate = [np.empty_like(b) for b in call.biases], None if gate is None else np.empty_like(call.q)
    for native, gradient in zip(call.native, dbiases):
        native.gradient = _pointer("float *", gradient)
    results = (_pointer("float *", x) for x in (y, statistics, do, dq, dk, dv))
    context().check(lib.mote_evoformer_attention_backward(*call.inputs(), *results, _pointer_or_null(dgate)))
    return dq, dk, dv, dbiases, dgate
