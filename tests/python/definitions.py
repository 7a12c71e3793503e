"""The operations of graphs in FP64, straight from their formulas: what tests hold the engine against."""

import math

import numpy as np

_erf = np.vectorize(math.erf, otypes=[np.float64])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


MAPS = {
    "negate": lambda x: -x,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "reciprocal": lambda x: 1 / x,
    "tanh": np.tanh,
    "erf": _erf,
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
    "square": lambda x: x * x,
    "abs": np.abs,
}


def layer_norm(x, weight, bias, epsilon):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * weight + bias


def rms_norm(x, weight, epsilon):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) * weight


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def swiglu(x):
    gate, up = np.split(x, 2, -1)
    return gate * sigmoid(gate) * up


def rotary(x, heads, width, base):
    batch, positions, columns = x.shape
    half = width // 2
    angles = np.arange(positions)[:, None] * base ** (-2.0 * np.arange(half) / width)
    y = x.copy()
    turned = x[..., : heads * width].reshape(batch, positions, heads, 2, half)
    first, second = turned[..., 0, :], turned[..., 1, :]
    cosine, sine = np.cos(angles)[None, :, None], np.sin(angles)[None, :, None]
    y[..., : heads * width] = np.stack([first * cosine - second * sine, second * cosine + first * sine], -2).reshape(
        batch, positions, heads * width
    )
    return y


def evoformer_attention(q, k, v, biases=(), gate=None, scale=None):
    """q [..., queries, heads, width], k and v [..., keys, heads, width]."""
    scores = np.einsum("...ihd,...jhd->...hij", q, k) * (scale or q.shape[-1] ** -0.5)
    for b in biases:
        scores = scores + b
    y = np.einsum("...hij,...jhd->...ihd", softmax(scores), v)
    return y if gate is None else y / (1 + np.exp(-gate))


def attention(x, heads, key_heads, causal=True, window=0, segments=None, scale=0.0):
    batch, positions, columns = x.shape
    width = columns // (heads + 2 * key_heads)
    q = x[..., : heads * width].reshape(batch, positions, heads, width)
    k, v = x[..., heads * width :].reshape(batch, positions, 2, key_heads, width).transpose(2, 0, 1, 3, 4)
    k, v = (np.repeat(a, heads // key_heads, 2) for a in (k, v))
    i, j = np.arange(positions)[:, None], np.arange(positions)[None, :]
    seen = np.ones((batch, 1, positions, positions), bool)
    if causal:
        seen &= j <= i
    if window:
        seen &= np.abs(i - j) < window
    if segments is not None:
        seen &= ((segments[:, :, None] == segments[:, None, :]) & (segments[:, :, None] >= 0))[:, None]
    scores = np.einsum("bihd,bjhd->bhij", q, k) * (scale or 1 / math.sqrt(width))
    scores = np.where(seen, scores, -np.inf)
    largest = scores.max(-1, keepdims=True)
    e = np.where(seen, np.exp(scores - np.where(np.isfinite(largest), largest, 0)), 0)
    total = e.sum(-1, keepdims=True)
    p = np.divide(e, total, out=np.zeros_like(e), where=total > 0)
    return np.einsum("bhij,bjhd->bihd", p, v).reshape(batch, positions, heads * width)


def linear_cross_entropy(x, weight, bias, targets):
    logits = x @ weight.T + bias
    largest = logits.max(-1, keepdims=True)
    logsumexp = np.log(np.exp(logits - largest).sum(-1)) + largest[:, 0]
    picked = np.take_along_axis(logits, np.maximum(targets, 0)[:, None], -1)[:, 0]
    return np.where(targets >= 0, logsumexp - picked, 0)


def convolution(x, weight, bias, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    batch, height, width, channels = x.shape
    filters, kh, kw, _ = weight.shape
    padded = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))
    oh = (height + 2 * padding[0] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    ow = (width + 2 * padding[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((batch, oh, ow, filters)) + bias
    for a in range(kh):
        for b in range(kw):
            rows, columns = a * dilation[0], b * dilation[1]
            part = padded[:, rows : rows + oh * stride[0] : stride[0], columns : columns + ow * stride[1] : stride[1]]
            y += part[:, :oh, :ow] @ weight[:, a, b].T
    return y


def evoformer(q, k, v, do, biases=(), gate=None, scale=None):
    """Attention with biases and a gate and its gradients: y, dq, dk, dv, [dbias, ...], dgate."""
    q, k, v, do = (np.asarray(x, np.float64) for x in (q, k, v, do))
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = np.einsum("...qhd,...khd->...hqk", q, k) * scale + sum(np.asarray(b, np.float64) for b in biases)
    most = scores.max(-1, keepdims=True)
    powers = np.exp(scores - np.where(np.isfinite(most), most, 0))
    total = powers.sum(-1, keepdims=True)
    p = np.divide(powers, total, out=np.zeros_like(powers), where=total > 0)
    attended, opened = np.einsum("...hqk,...khd->...qhd", p, v), 1.0
    if gate is not None:
        opened = 1 / (1 + np.exp(-np.asarray(gate, np.float64)))
    dy = do * opened
    dp = np.einsum("...qhd,...khd->...hqk", dy, v)
    ds = p * (dp - (p * dp).sum(-1, keepdims=True))
    return (
        attended * opened,
        np.einsum("...hqk,...khd->...qhd", ds, k) * scale,
        np.einsum("...hqk,...qhd->...khd", ds, q) * scale,
        np.einsum("...hqk,...qhd->...khd", p, dy),
        [_summed(ds, np.shape(b)) for b in biases],
        None if gate is None else do * attended * opened * (1 - opened),
    )


def _summed(x, shape):
    """The gradient of an array of this shape that was broadcast to x."""
    x = x.sum(tuple(range(x.ndim - len(shape))))
    return x.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)
