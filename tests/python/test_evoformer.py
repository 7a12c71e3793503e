"""Attention with biases and a gate from Python: against the definition in FP64, against torch where it is installed, and what it
refuses. Bounds and bits are the business of tests/unit/test_evoformer*.c."""

import numpy as np
import pytest

import mote
from definitions import evoformer

LENGTHS = (1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 257)
WIDTHS = (1, 8, 31, 32, 33, 64, 128)


def random_bias(rng, whole, hidden):
    """Of a random shape; hidden in places, or with -1e9 at odd keys: beside -1e9 everywhere FP32 would lose the scores."""
    shape = tuple(n if rng.random() < 0.5 else 1 for n in whole)
    bias = rng.normal(size=shape[rng.integers(len(shape) + 1) if rng.random() < 0.3 else 0 :])
    if hidden and rng.random() < 0.5:
        bias = np.where(rng.random(bias.shape) < 0.3, -np.inf, bias)
    elif not hidden and bias.shape and bias.shape[-1] > 1 and rng.random() < 0.5:
        bias[..., 1::2] = -1e9
    return np.asarray(bias, np.float32)


def random_problem(seed):
    rng = np.random.default_rng(seed)
    leading = tuple(rng.integers(1, 4, rng.integers(0, 4)))
    queries, keys = rng.choice(LENGTHS, 2)
    heads, width = rng.integers(1, 4), rng.choice(WIDTHS)
    q, gate, do = (rng.normal(size=(*leading, queries, heads, width)).astype(np.float32) for _ in range(3))
    k, v = (rng.normal(size=(*leading, keys, heads, width)).astype(np.float32) for _ in range(2))
    biases = [random_bias(rng, (*leading, heads, queries, keys), seed % 2) for _ in range(rng.integers(5))]
    return q, k, v, do, biases, gate if rng.random() < 0.5 else None, None if rng.random() < 0.5 else rng.random() + 0.1


def close(x, y, magnitude):
    """x within rounding of y, whose terms were of this size."""
    assert x.dtype == np.float32 and x.shape == y.shape
    assert np.abs(x - y).max(initial=0) <= 2e-5 * max(1.0, magnitude)


@pytest.mark.parametrize("seed", range(200))
def test_definition(seed):
    q, k, v, do, biases, gate, scale = random_problem(seed)
    y = mote.evoformer_attention(q, k, v, biases, gate=gate, scale=scale)
    dq, dk, dv, dbiases, dgate = mote.evoformer_attention_backward(q, k, v, do, biases, gate=gate, scale=scale)
    expected = evoformer(q, k, v, do, biases, gate, scale)
    change = 4 * q.shape[-1] ** 0.5  # of a score, before its probability; what is left of it may be nothing
    close(y, expected[0], 1)
    for x, e in zip((dq, dk, dv), expected[1:]):
        close(x, e, max(change, np.abs(e).max()))
    assert len(dbiases) == len(biases)
    for x, e, b in zip(dbiases, expected[4], biases):
        rows = y.size / y.shape[-1] / (b.size / (b.shape[-1] if b.shape else 1))  # that add to it, each as probabilities do
        close(x, e, rows * change)
    assert (dgate is None) == (gate is None)
    if gate is not None:
        close(dgate, expected[5], np.abs(expected[5]).max())


def problem():
    rng = np.random.default_rng(1)
    q, gate, do = (rng.normal(size=(2, 3, 40, 4, 16)).astype(np.float32) for _ in range(3))
    k, v = (rng.normal(size=(2, 3, 50, 4, 16)).astype(np.float32) for _ in range(2))
    mask = np.where(rng.random((2, 3, 1, 1, 50)) < 0.2, -np.inf, 0).astype(np.float32)
    pair = rng.normal(size=(2, 1, 4, 40, 50)).astype(np.float32)
    return q, k, v, do, mask, pair, gate


@pytest.mark.parametrize("policy, most", [("bf16", 0.01), ("mxint8", 0.05), ("mxfp6", 0.2), ("mxfp4", 0.5)])
def test_policies(policy, most):
    q, k, v, do, mask, pair, gate = problem()
    exact = mote.evoformer_attention_backward(q, k, v, do, [mask, pair], gate=gate)
    found = mote.evoformer_attention_backward(q, k, v, do, [mask, pair], gate=gate, policy=policy)
    for x, e in zip((*found[:3], *found[3], found[4]), (*exact[:3], *exact[3], exact[4])):
        error = np.linalg.norm(x - e) / np.linalg.norm(e)
        assert 0 < error < most


def test_against_torch():
    torch = pytest.importorskip("torch")
    q, k, v, do, mask, pair, gate = problem()
    tensors = [torch.tensor(x, requires_grad=True) for x in (q, k, v, mask, pair, gate)]
    tq, tk, tv, tmask, tpair, tgate = tensors
    scores = torch.matmul(tq.transpose(-2, -3) / 4, tk.transpose(-2, -3).transpose(-1, -2)) + tmask + tpair
    y = torch.sigmoid(tgate) * torch.matmul(torch.softmax(scores, -1), tv.transpose(-2, -3)).transpose(-2, -3)
    y.backward(torch.tensor(do))
    close(mote.evoformer_attention(q, k, v, [mask, pair], gate=gate), y.detach().numpy(), 1)
    dq, dk, dv, (dmask, dpair), dgate = mote.evoformer_attention_backward(q, k, v, do, [mask, pair], gate=gate)
    for x, tensor in zip((dq, dk, dv, dmask, dpair, dgate), tensors):
        close(x, tensor.grad.numpy(), float(tensor.grad.abs().max()))


def test_any_strides_and_arrays():
    q, k, v, do, mask, pair, gate = problem()
    expected = mote.evoformer_attention(q, k, v, [mask, pair], gate=gate)
    turned = np.asfortranarray(q), k.astype(np.float64), np.repeat(v, 2, axis=0)[::2]
    assert np.array_equal(mote.evoformer_attention(*turned, [mask.tolist(), np.asfortranarray(pair)], gate=gate), expected)
    assert mote.evoformer_attention(q[0, 0], k[0, 0], v[0, 0]).shape == q[0, 0].shape


def test_hidden_rows():
    q, k, v, do, mask, pair, gate = problem()
    pair[:, :, :, 7] = -np.inf
    assert not mote.evoformer_attention(q, k, v, [mask, pair])[..., 7, :, :].any()
    dq, dk, dv, (dmask, dpair), _ = mote.evoformer_attention_backward(q, k, v, do, [mask, pair])
    assert not dq[..., 7, :, :].any() and not dpair[:, :, :, 7].any()
    assert all(np.isfinite(x).all() for x in (dq, dk, dv, dmask, dpair))


def test_refused():
    q, k, v, do, mask, pair, gate = problem()
    with pytest.raises(ValueError, match=r"biases\[1\]: shape \(3,\) does not broadcast"):
        mote.evoformer_attention(q, k, v, [mask, np.zeros(3)])
    with pytest.raises(ValueError, match="k: expected shape"):
        mote.evoformer_attention(q, k[:, :1], v)
    with pytest.raises(ValueError, match="v: expected shape"):
        mote.evoformer_attention(q, k, v[..., :5])
    with pytest.raises(ValueError, match="gate: expected the shape of the result"):
        mote.evoformer_attention(q, k, v, gate=gate[..., :1])
    with pytest.raises(ValueError, match="do: expected the shape of the result"):
        mote.evoformer_attention_backward(q, k, v, do[:1])
    with pytest.raises(ValueError, match="scale: expected a finite number"):
        mote.evoformer_attention(q, k, v, scale=float("nan"))
    with pytest.raises(ValueError, match="q: expected shape"):
        mote.evoformer_attention(q[0, 0, 0], k, v)
    with pytest.raises(ValueError, match="policy"):
        mote.evoformer_attention(q, k, v, policy="none")
    with pytest.raises(ValueError, match="width"):
        mote.evoformer_attention(np.zeros((2, 1, 0)), np.zeros((2, 1, 0)), np.zeros((2, 1, 0)))
