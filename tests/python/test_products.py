"""Products against FP64, against products of explicitly quantized operands, and against themselves: the same bits however
they are computed. The bounds are those of docs/numerics.md."""

import itertools

import numpy as np
import pytest

import mote
from mote import _arrays
from mote._library import Context

PLAIN = ("fp32", "bf16", "fp16")
MX = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e3m2", "mxfp6_e2m3", "mxfp4_e2m1", "mxint8")
INTEGERS = ("mxfp6_e3m2", "mxfp6_e2m3", "mxfp4_e2m1", "mxint8", "nvfp4")
FORMATS = PLAIN + MX + ("nvfp4",)
PAIRS = [(a, b) for a, b in itertools.product(FORMATS, FORMATS) if "nvfp4" not in (a, b) or a == b or {a, b} & set(PLAIN)]
SEGMENT, U = 2048, 2.0**-24


def levels():
    found = []
    for cpu in ("c", "avx2", "avx512", "avx512vnni", "avx512bf16"):
        try:
            found.append((cpu, Context(cpu=cpu)))
        except mote.MoteError:
            pass
    return found


LEVELS = levels()


@pytest.fixture(params=[cpu for cpu, _ in LEVELS])
def level(request, monkeypatch):
    monkeypatch.setattr(_arrays._local, "context", dict(LEVELS)[request.param], raising=False)
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def normal(rng, *shape):
    return (rng.normal(size=shape) * np.exp2(rng.integers(-8, 8, size=shape[:-1] + (1,)))).astype(np.float32)


def block_length(a_format, b_format):
    lengths = {16 if f == "nvfp4" else 32 for f in (a_format, b_format) if f not in PLAIN}
    return min(lengths) if lengths else 1


def check_bound(y, a, b, a_format, b_format):
    """|y - a b| against the bound; a [m, k] and b [k, n] hold the exact values of the operands."""
    k, length = a.shape[1], block_length(a_format, b_format)
    count = -(-k // length)
    pad = count * length - k
    a, b = np.pad(a, ((0, 0), (0, pad))), np.pad(b, ((0, pad), (0, 0)))
    exact = a @ b
    left, right = a.reshape(len(a), count, length), b.reshape(count, length, -1)
    # sums of whole blocks where those are exact, of single products otherwise
    if a_format in INTEGERS and b_format in INTEGERS:
        weight, inside = np.abs(np.einsum("mck,ckn->mcn", left, right)).sum(1), 0
    else:
        weight, inside = np.abs(a) @ np.abs(b), length - (a_format not in PLAIN and b_format not in PLAIN)
    blocks, segments = min(count, SEGMENT // length), -(-k // SEGMENT)
    n = inside + blocks + segments + (2 if "nvfp4" in (a_format, b_format) else 0)
    bound = n * U / (1 - n * U) * weight + (blocks + segments) * 2.0**-149 + 1e-13 * np.abs(a) @ np.abs(b)
    assert np.all(np.abs(y - exact) <= bound), (a_format, b_format, np.max(np.abs(y - exact) / bound))


def values(array):
    return array.dequantize().astype(np.float64)


SIZES = [(1, 1, 1), (2, 31, 3), (3, 33, 17), (12, 64, 32), (13, 96, 33), (27, 40, 67), (5, 2049, 18), (49, 130, 131)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_pair_keeps_its_bound(level, rng, size):
    m, k, n = size
    if level == "c" and m * k * n > 300_000:
        size = m, k, n = m // 8 + 1, k, n // 8 + 1
    a, b = normal(rng, m, k), normal(rng, n, k).T
    for fa, fb in PAIRS:
        y = mote.matmul(a, b, a_format=fa, b_format=fb)
        qa, qb = mote.quantize(a, fa, axis=-1), mote.quantize(b, fb, axis=0)
        check_bound(y, values(qa), values(qb), fa, fb)
        if fa in MX and fb in MX:
            assert np.array_equal(y, mote.matmul(qa, qb)), (fa, fb)


def test_same_bits_on_every_level_and_number_of_threads(monkeypatch, rng):
    a, b = normal(rng, 70, 2100), normal(rng, 2100, 75)
    contexts = [c for _, c in LEVELS] + [Context(threads=n) for n in (1, 2, 3, 4)]
    for fa, fb in PAIRS:
        corners, wholes = [], []
        for context in contexts:
            monkeypatch.setattr(_arrays._local, "context", context, raising=False)
            packed = mote.pack(b, fb)
            slow = context is dict(LEVELS)["c"] and fa != "nvfp4"  # a corner will do: rows do not depend on each other
            y = mote.matmul(a[:9] if slow else a, packed, a_format=fa)
            corners.append(y[:9])
            wholes += [] if slow else [y]
        assert all(np.array_equal(r, corners[0]) for r in corners), (fa, fb)
        assert all(np.array_equal(r, wholes[0]) for r in wholes), (fa, fb)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 11, 12, 13, 64, 257])
def test_a_row_has_the_same_bits_alone_and_in_any_batch(level, rng, count):
    if level == "c" and count > 13:
        pytest.skip("portable C is slow; the same walk as on the other levels")
    a, b = normal(rng, 257, 321), normal(rng, 321, 50)
    for fa, fb in PAIRS:
        if fa == "nvfp4":
            continue  # its tensor scale belongs to the whole operand
        packed = mote.pack(b, fb)
        batch = mote.matmul(a[:count], packed, a_format=fa)
        for row in {0, count // 2, count - 1}:
            assert np.array_equal(batch[row], mote.matmul(a[row], packed, a_format=fa)), (fa, fb, row)
        assert np.array_equal(batch[:, 7:40], mote.matmul(a[:count], b[:, 7:40], a_format=fa, b_format=fb)) or fb == "nvfp4"


def extreme(rng, format, shape, scales):
    """Codes of any value but NaN and infinity, with block scales from a list."""
    bits = {"mxint8": 8, "mxfp8_e4m3": 8, "mxfp8_e5m2": 8, "mxfp6_e3m2": 6, "mxfp6_e2m3": 6, "mxfp4_e2m1": 4}[format]
    codes = rng.integers(0, 2**bits, size=shape).astype(np.uint8)
    if format.startswith("mxfp8"):
        codes[(codes & 0x7F) >= (0x7F if format == "mxfp8_e4m3" else 0x7C)] = 0x3A
    blocks = (shape[0], -(-shape[1] // 32))
    return mote.MXArray.from_codes(format, codes, rng.choice(scales, size=blocks).astype(np.uint8), axis=1)


def exact_values(q):
    """Values in FP64: blocks near the largest scale are beyond FP32."""
    scale = np.exp2(q.scales.astype(np.float64) - 127)
    element = mote.MXArray.from_codes(q.format, q.codes, np.full_like(q.scales, 127), axis=q.axis).dequantize()
    return element.astype(np.float64) * np.repeat(scale, 32, axis=1)[:, : q.shape[1]]


@pytest.mark.parametrize("scales", [[0x00], [0xFE], [0x00, 0xFE], [0, 1, 60, 127, 200, 254]], ids=str)
def test_extreme_scales(level, rng, scales):
    """Against each other's counterpart, so that results are ordinary numbers although no FP32 could hold the operands."""
    other = [254 - s for s in scales]
    for fa, fb in itertools.product(MX, MX):
        a = extreme(rng, fa, (7, 96), scales)
        # each block of b undoes the scales of the same block of one row of a, and is tiny or huge for the others
        b = extreme(rng, fb, (5, 96), other)
        y = mote.matmul(a, b.transpose())
        exact = exact_values(a) @ exact_values(b).T
        blocks = np.einsum("mck,nck->mnc", exact_values(a).reshape(7, 3, 32), exact_values(b).reshape(5, 3, 32))
        weight = np.abs(exact_values(a)) @ np.abs(exact_values(b)).T
        ordinary = (np.abs(blocks) < 2.0**125).all(-1)
        bound = 40 * U * weight + 8 * 2.0**-149
        assert np.all(np.abs(y - exact)[ordinary] <= bound[ordinary]), (fa, fb)
        huge = (np.abs(blocks[..., 0]) > 2.0**140) & (np.abs(blocks[..., 1:]) < 2.0**120).all(-1)
        assert np.all(np.isinf(y[huge]) & (np.sign(y[huge]) == np.sign(exact[huge]))), (fa, fb)


@pytest.mark.parametrize("scales", [(40, 70), (60, 62), (1, 120), (20, 20)], ids=str)
def test_results_among_the_smallest_numbers(level, rng, scales):
    for fa, fb in itertools.product(MX, MX):
        a = extreme(rng, fa, (7, 96), [scales[0], scales[0] + 3])
        b = extreme(rng, fb, (35, 96), [scales[1], scales[1] + 9])
        y = mote.matmul(a, b.transpose())
        exact = exact_values(a) @ exact_values(b).T
        weight = np.abs(exact_values(a)) @ np.abs(exact_values(b)).T
        assert np.all(np.abs(y - exact) <= 40 * U * weight + 8 * 2.0**-149), (fa, fb)


def test_tensor_scales_of_nvfp4_beyond_fp32(level, rng):
    """Their product need not fit FP32; only the result must."""
    a, b = np.zeros((3, 64), np.float32), normal(rng, 64, 5)
    a[1] = normal(rng, 1, 64)[0]
    for up, down in ((30, 30), (-18, -18), (-30, 25), (30, -36)):
        left, right = (a * np.float32(10.0**up), b * np.float32(10.0**down))
        qa, qb = mote.quantize(left, "nvfp4", axis=1), mote.quantize(right, "nvfp4", axis=0)
        y = mote.matmul(left, right, a_format="nvfp4", b_format="nvfp4")
        exact, weight = values(qa) @ values(qb), np.abs(values(qa)) @ np.abs(values(qb))
        assert np.all(y[[0, 2]] == 0)
        ordinary = np.abs(exact) < 3e38
        assert np.all(np.abs(y - exact)[ordinary] <= (20 * U * weight + 8 * 2.0**-149)[ordinary]), (up, down)
        assert np.all(np.isinf(y[~ordinary]))


def test_more_columns_and_rows_than_a_stretch(rng):
    a, b, bias = normal(rng, 1100, 33), normal(rng, 4100, 33), normal(rng, 4100)
    for name in ("fp32", "mxfp4", "mxfp8", "mxfp6", "nvfp4"):
        y = mote.linear(a, b, bias, policy=name)
        policy = mote.Policy.named(name)
        packed = mote.pack(b.T, policy.forward_weight)
        assert np.array_equal(y, mote.matmul(a, packed, a_format=policy.forward_activation) + bias), name


def test_gradients_round_as_the_policy_says(rng):
    x, w, dy = normal(rng, 40, 64), normal(rng, 96, 64), normal(rng, 40, 96)
    policy = mote.Policy.named("mxfp4", gradient_rounding="toward_zero", scale_rule="ceil")
    gradient = dict(rounding="toward_zero", scale_rule="ceil")
    dx, dw, _ = mote.linear_backward(x, w, dy, policy=policy)
    assert np.array_equal(dx, mote.matmul(mote.quantize(dy, "mxfp4", **gradient), mote.quantize(w, "mxfp4", axis=0, scale_rule="ceil")))
    assert np.array_equal(dw, mote.matmul(mote.quantize(dy.T, "mxfp4", **gradient), mote.quantize(x, "mxfp4", axis=0, scale_rule="ceil")))
    noisy = [mote.linear(x, w, policy=mote.Policy.named("mxfp4", rounding="stochastic", seed=seed)) for seed in (1, 1, 2)]
    assert np.array_equal(noisy[0], noisy[1]) and not np.array_equal(noisy[0], noisy[2])


def test_plain_numbers_at_the_ends_of_the_range(monkeypatch, rng):
    """The bits of a row do not depend on whether its tile had to take care of scales."""
    for f, scale in itertools.product(MX, (1, 60, 107, 187, 254)):
        q = extreme(rng, f, (20, 96), [scale])
        codes, scales = q.codes, q.scales.copy()
        scales[7] = 0xFF
        poisoned = mote.MXArray.from_codes(f, codes, scales, axis=1)
        x = np.ldexp(normal(rng, 5, 96), rng.integers(-150, 120, (5, 96))).astype(np.float32)
        x[0, :2], x[4, 3] = (2.0**-130, 2.0**-141), -np.inf
        results = []
        for _, context in LEVELS:
            monkeypatch.setattr(_arrays._local, "context", context, raising=False)
            y, other = mote.matmul(x, q.transpose()), mote.matmul(x, poisoned.transpose())
            others = np.arange(20) != 7
            assert np.array_equal(y[:, others], other[:, others], equal_nan=True), (f, scale)
            results.append(y)
        assert all(np.array_equal(r, results[0], equal_nan=True) for r in results), (f, scale)


def test_nothing_at_all():
    assert mote.matmul(np.zeros((0, 32)), mote.pack(np.zeros((32, 3)), "mxfp4")).shape == (0, 3)
    assert mote.matmul(np.zeros((2**36, 0)), np.zeros((0, 0))).shape == (2**36, 0)
    assert np.array_equal(mote.linear(np.zeros((5, 0)), np.zeros((3, 0)), np.arange(3.0), policy="mxint8"), [[0, 1, 2]] * 5)
    dx, dw, db = mote.linear_backward(np.zeros((5, 0)), np.zeros((3, 0)), np.ones((5, 3)), policy="mxint8")
    assert dx.shape == (5, 0) and dw.shape == (3, 0) and np.array_equal(db, [5, 5, 5])
    assert mote.convolve(np.zeros((0, 5, 4)), np.zeros((2, 3, 4)), policy="mxfp4").shape == (0, 3, 2)


def test_saturated_blocks_and_cancelling_sums(level):
    signs = np.where(np.arange(96) % 3 == 0, -1, 1).astype(np.float32)
    for fa, fb in itertools.product(MX, MX):
        # every element the largest there is: with the scale rule floor, what is just below the next power of two saturates
        a = np.full((3, 96), np.float32(1.999), np.float32)
        a[1], a[2] = -a[1], a[2] * signs
        y = mote.matmul(a, a.T, a_format=fa, b_format=fb)
        check_bound(y, values(mote.quantize(a, fa)), values(mote.quantize(a.T, fb, axis=0)), fa, fb)
        ones = np.ones((2, 64), np.float32)
        ones[:, 32:] = -1
        assert np.all(mote.matmul(ones, np.ones((64, 3), np.float32), a_format=fa, b_format=fb) == 0), (fa, fb)


def test_a_nan_block_makes_nan_of_exactly_what_it_touches(level, rng):
    for fa, fb in itertools.product(MX + ("nvfp4",), MX + ("nvfp4",)):
        if ("nvfp4" in (fa, fb)) and fa != fb:
            continue
        a, b = normal(rng, 20, 128), normal(rng, 128, 40)
        a[3, 40], a[17, 0], b[100, 5], b[0, 39] = np.nan, np.inf, -np.inf, np.nan
        y = mote.matmul(a, b, a_format=fa, b_format=fb)
        expected = np.zeros(y.shape, bool)
        expected[[3, 17]], expected[:, [5, 39]] = True, True
        assert np.array_equal(np.isnan(y), expected), (fa, fb)


def test_nan_codes_infinities_and_minus_128_of_other_makers(level):
    codes = np.full((2, 64), 0x38, np.uint8)  # 1.0 in e4m3
    codes[1, 40] = 0x7F
    a = mote.MXArray.from_codes("mxfp8_e4m3", codes, np.full((2, 2), 127, np.uint8))
    ones = np.ones((64, 3), np.float32)
    for y in (mote.matmul(a, ones), mote.matmul(ones.T, a.transpose()).T):
        assert np.all(y[0] == 64) and np.isnan(y[1]).all()
    codes = np.full((2, 64), 0x3C, np.uint8)  # 1.0 in e5m2
    codes[1, 40] = 0x7C
    b = mote.MXArray.from_codes("mxfp8_e5m2", codes, np.full((2, 2), 127, np.uint8))
    assert np.array_equal(mote.matmul(b, ones)[:, 0], [64, np.inf])
    for nan in (0x7D, 0x7F, 0xFE):
        codes[1, 40] = nan
        b = mote.MXArray.from_codes("mxfp8_e5m2", codes, np.full((2, 2), 127, np.uint8))
        assert np.array_equal(np.isnan(mote.matmul(b, ones)[:, 0]), [False, True])
    c = mote.MXArray.from_codes("mxint8", np.full((3, 64), 0x80, np.uint8), np.full((3, 2), 127, np.uint8))
    assert np.all(mote.matmul(c, c.transpose()) == 64 * 4)


def test_padding_of_other_makers_is_not_read(level, rng):
    for f in MX:
        a, b = mote.quantize(normal(rng, 3, 40), f), mote.quantize(normal(rng, 4, 40), f)
        y = mote.matmul(a, b.transpose())
        full = mote.MXArray.from_codes(f, np.full((3, 64), 1, np.uint8), np.full((3, 2), 127, np.uint8))
        line = full.packed.size // 3
        dirty = mote.MXArray.from_codes(f, a.codes, a.scales)
        view, filler = dirty.packed.reshape(3, line), full.packed.reshape(3, line)
        bits = 8 * line // 64
        view[:, 40 * bits // 8 :] = filler[:, 40 * bits // 8 :]
        assert np.array_equal(dirty.dequantize(), a.dequantize())
        assert np.array_equal(mote.matmul(dirty, b.transpose()), y), f
        assert np.array_equal(mote.matmul(b, dirty.transpose()), y.T), f
        assert np.array_equal(mote.matmul(dirty, dirty.transpose()), mote.matmul(a, a.transpose())), f


def test_batches_strides_and_vectors(level, rng):
    a, b = normal(rng, 4, 1, 5, 17, 33), normal(rng, 3, 1, 33, 20)
    for fa, fb in (("fp32", "fp32"), ("mxint8", "mxfp4"), ("mxfp8", "mxfp8"), ("fp32", "mxfp6_e3m2")):
        y = mote.matmul(a, b, a_format=fa, b_format=fb)
        assert y.shape == (4, 3, 5, 17, 20)
        assert np.array_equal(y[2, 1, 3], mote.matmul(a[2, 0, 3], b[1, 0], a_format=fa, b_format=fb))
        assert np.array_equal(y, mote.matmul(np.asfortranarray(a), np.asfortranarray(b), a_format=fa, b_format=fb))
        assert np.array_equal(mote.matmul(a[..., ::-1, ::2], b[..., ::2, ::-1], a_format=fa, b_format=fb)[0, 0, 0],
                              mote.matmul(a[0, 0, 0, ::-1, ::2].copy(), b[0, 0, ::2, ::-1].copy(), a_format=fa, b_format=fb))  # fmt: skip
        assert mote.matmul(a[0, 0, 0, 0], b[0, 0], a_format=fa, b_format=fb).shape == (20,)
        assert mote.matmul(a[0, 0, 0], b[0, 0, :, 0], a_format=fa, b_format=fb).shape == (17,)
        assert np.array_equal(mote.matmul(a, mote.pack(b[0, 0], fb), a_format=fa), mote.matmul(a, b[0, 0], a_format=fa, b_format=fb))
    assert mote.matmul(np.zeros((0, 3)), np.zeros((3, 2))).shape == (0, 2)
    assert np.array_equal(mote.matmul(np.zeros((2, 0)), np.zeros((0, 3)), a_format="mxfp4"), np.zeros((2, 3)))


def test_refusals_say_what_is_wrong(rng):
    a = normal(rng, 4, 8)
    for call, words in (
        (lambda: mote.matmul(a, a), "a has 8 columns, b has 4 rows"),
        (lambda: mote.matmul(a, a.T, a_format="nvfp4", b_format="mxfp4"), "no product of nvfp4 with mxfp4_e2m1"),
        (lambda: mote.matmul(a, mote.quantize(a.T, "mxfp4", axis=1)), "blocks run along axis 1"),
        (lambda: mote.matmul(a, a.T, a_format="mxfp5"), "mxfp5"),
        (lambda: mote.pack(a[None], "mxfp4"), "one matrix"),
        (lambda: mote.linear(a, a, policy="mxfp3"), "expected one of fp32"),
        (lambda: mote.linear(a, a[:, :3], policy="mxfp4"), "x: expected a last dimension of 3"),
        (lambda: mote.convolve(a[None], a[None, :, :8], policy="fp32", dilation=0), "at least 1"),
        (lambda: mote.convolve(a[None], a[None, :, :8], policy="fp32", stride=(1, 2)), "stride: expected a whole number"),
        (lambda: mote.matmul(a, mote.pack(a.T, "mxfp4"), b_format="mxint8"), "packed as mxfp4_e2m1 already"),
        (lambda: mote.pack(np.broadcast_to(np.float32(1), (1, 16 * (2**64 // 2050 + 1))), "fp32"), "too"),
        (lambda: mote.convolve(a[None], np.zeros((1, 9, 8), np.float32), policy="fp32"), "does not fit into an image"),
    ):
        with pytest.raises(ValueError, match=words.replace("(", r"\(")):
            call()


ROUNDINGS = [("nearest_even", "floor"), ("stochastic", "floor"), ("nearest_away", "even"), ("toward_zero", "ceil")]


@pytest.mark.parametrize("rounding, rule", ROUNDINGS)
def test_operands_are_quantized_as_quantize_does(level, rng, rounding, rule):
    a, b = normal(rng, 70, 130), normal(rng, 130, 90)
    for f in MX + ("bf16", "fp16"):
        options = dict(rounding=rounding, scale_rule=rule, seed=9)
        y = mote.matmul(a, b, a_format=f, b_format=f, **options)
        qa, qb = mote.quantize(a, f, axis=1, **options), mote.quantize(b, f, axis=0, **options)
        assert np.array_equal(y, mote.matmul(qa, qb)), f
        turned = mote.matmul(np.asfortranarray(a), np.asfortranarray(b), a_format=f, b_format=f, **options)
        assert np.array_equal(y, turned), f


def product(a, b, a_format, b_format, **options):
    return mote.matmul(mote.quantize(a, a_format, axis=-1, **options), mote.quantize(b, b_format, axis=0, **options))


@pytest.mark.parametrize("name", mote.policies)
@pytest.mark.parametrize("size", [(1, 1, 1), (5, 70, 33), (65, 96, 40)], ids=str)
def test_linear_is_the_products_of_quantized_operands(level, rng, name, size):
    rows, inputs, outputs = size
    policy = mote.Policy.named(name)
    x, w, b, dy = normal(rng, rows, inputs), normal(rng, outputs, inputs), normal(rng, outputs), normal(rng, rows, outputs)
    y = mote.linear(x, w, b, policy=name)
    assert np.array_equal(y, product(x, w.T, policy.forward_activation, policy.forward_weight) + b)
    dx, dw, db = mote.linear_backward(x, w, dy, policy=name)
    assert np.array_equal(dx, product(dy, w, policy.backward_gradient, policy.backward_weight))
    assert np.array_equal(dw, product(dy.T, x, policy.update_gradient, policy.update_activation))
    assert np.array_equal(db, dy.astype(np.float64).sum(0).astype(np.float32))
    assert np.array_equal(mote.linear(x.reshape(1, rows, inputs), w, b, policy=policy)[0], y)


def test_bias_is_added_once_whatever_the_length(level, rng):
    for inputs in (30, 2049, 4200):
        x, w, b = rng.normal(size=(14, inputs)), rng.normal(size=(40, inputs)), rng.normal(size=40) * 1000
        for name in ("fp32", "mxint8", "mxfp8", "nvfp4"):
            plain = mote.linear(x, w, policy=name)
            assert np.allclose(mote.linear(x, w, b, policy=name), plain + b, rtol=1e-5, atol=1e-3), (inputs, name)


CONVOLUTIONS = [((1, 1), (0, 0), (1, 1)), ((2, 1), (1, 2), (1, 1)), ((1, 2), (2, 0), (2, 1)), ((3, 2), (1, 1), (1, 2))]


def unfold(x, kernel, stride, padding, dilation, out):
    padded = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))
    places = [
        padded[:, i * dilation[0] :: stride[0], j * dilation[1] :: stride[1]][:, : out[0], : out[1]]
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]
    return np.stack(places, 3).reshape(-1, kernel[0] * kernel[1] * x.shape[-1])


def unfold_gradient(dy, shape, kernel, stride, padding, dilation):
    """For each position of the image, the gradients that reach it through each place of the kernel."""
    batch, height, width, _ = shape
    out = np.zeros((batch, height, width, *kernel, dy.shape[-1]), np.float32)
    for oy, ox, ky, kx in itertools.product(range(dy.shape[1]), range(dy.shape[2]), range(kernel[0]), range(kernel[1])):
        y, x = oy * stride[0] + ky * dilation[0] - padding[0], ox * stride[1] + kx * dilation[1] - padding[1]
        if 0 <= y < height and 0 <= x < width:
            out[:, y, x, ky, kx] = dy[:, oy, ox]
    return out.reshape(batch * height * width, -1)


@pytest.mark.parametrize("stride, padding, dilation", CONVOLUTIONS)
def test_convolution_is_the_product_of_the_unfolded_image(level, rng, stride, padding, dilation):
    x, w = normal(rng, 2, 9, 11, 5), normal(rng, 7, 3, 2, 5)
    bias = normal(rng, 7)
    for name in mote.policies:
        policy = mote.Policy.named(name)
        options = dict(policy=name, stride=stride, padding=padding, dilation=dilation)
        y = mote.convolve(x, w, bias, **options)
        dy = normal(rng, *y.shape)
        dx, dw, db = mote.convolve_backward(x, w, dy, **options)
        patches, flat = unfold(x, (3, 2), stride, padding, dilation, y.shape[1:3]), dy.reshape(-1, 7)
        if name != "nvfp4":  # its scale comes from the whole image, of which a patch may see less
            assert np.array_equal(y.reshape(-1, 7), product(patches, w.reshape(7, -1).T, policy.forward_activation, policy.forward_weight) + bias)  # fmt: skip
            assert np.array_equal(dw.reshape(7, -1), product(flat.T, patches, policy.update_gradient, policy.update_activation))
        assert np.array_equal(db, flat.astype(np.float64).sum(0).astype(np.float32))
        if name != "nvfp4":
            spread, turned = unfold_gradient(dy, x.shape, (3, 2), stride, padding, dilation), w.transpose(1, 2, 0, 3).reshape(-1, 5)
            assert np.array_equal(dx.reshape(-1, 5), product(spread, turned, policy.backward_gradient, policy.backward_weight))
        else:
            v = normal(rng, *x.shape)
            left = (unfold(v, (3, 2), stride, padding, dilation, y.shape[1:3]).astype(float) @ w.reshape(7, -1).T.astype(float) * flat).sum()
            assert abs(left - (dx.astype(float) * v).sum()) <= 0.3 * np.linalg.norm(v) * np.linalg.norm(dx)


def test_one_dimensional_convolution(rng):
    x, w = normal(rng, 2, 30, 8), normal(rng, 4, 5, 8)
    y = mote.convolve(x, w, policy="mxfp6", padding=2, stride=3)
    assert np.array_equal(y, mote.convolve(x[:, None], w[:, None], policy="mxfp6", padding=(0, 2), stride=(1, 3))[:, 0])


def test_packed_weights_take_the_bits_of_their_format(rng):
    w = normal(rng, 512, 1024)
    for f in MX + ("nvfp4",):
        packed = mote.pack(w.T, f)
        assert packed.shape == (1024, 512) and packed.format == f
        assert packed.nbytes <= 1.01 * mote.quantize(w, f).nbytes


def test_real_fields_keep_the_bounds(data_folder, rng):
    """Solutions of the Korteweg-de Vries equation: smooth, mostly small, with a few waves."""
    path = next(data_folder.rglob("kdv.npz"), None)
    if path is None:
        pytest.skip("MOTE_DATA holds no kdv.npz")
    field = np.load(path)["uu"].astype(np.float32)
    weights = normal(rng, field.shape[1], 48)
    for fa, fb in PAIRS:
        qa, qb = mote.quantize(field, fa, axis=1), mote.quantize(weights, fb, axis=0)
        check_bound(mote.matmul(field, weights, a_format=fa, b_format=fb), values(qa), values(qb), fa, fb)
