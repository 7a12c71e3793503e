"""Element codes and conversions against ml_dtypes, an independent implementation."""

import ml_dtypes
import mote
import numpy as np
import pytest

ELEMENTS = {
    "mxfp8_e5m2": ml_dtypes.float8_e5m2,
    "mxfp8_e4m3": ml_dtypes.float8_e4m3fn,
    "mxfp6_e3m2": ml_dtypes.float6_e3m2fn,
    "mxfp6_e2m3": ml_dtypes.float6_e2m3fn,
    "mxfp4_e2m1": ml_dtypes.float4_e2m1fn,
}
BITS = {"mxfp8_e5m2": 8, "mxfp8_e4m3": 8, "mxfp6_e3m2": 6, "mxfp6_e2m3": 6, "mxfp4_e2m1": 4}
EMAX = {"mxfp8_e5m2": 15, "mxfp8_e4m3": 8, "mxfp6_e3m2": 4, "mxfp6_e2m3": 2, "mxfp4_e2m1": 2, "mxint8": 0}


def same(a, b):
    """Equal values, signs of zero included; every NaN equals every NaN."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.all((a == b) & (np.signbit(a) == np.signbit(b)) | np.isnan(a) & np.isnan(b))


@pytest.mark.parametrize("name", ELEMENTS)
def test_every_code_decodes_as_ml_dtypes(name):
    codes = np.arange(1 << BITS[name], dtype=np.uint8)
    scales = np.full(-(-codes.size // 32), 127, np.uint8)
    ours = mote.MXArray.from_codes(name, codes, scales).dequantize()
    assert same(ours, codes.view(ELEMENTS[name]).astype(np.float32))


def test_every_scale_decodes_as_ml_dtypes():
    scales = np.arange(256, dtype=np.uint8)
    codes = np.full((256, 32), 2, np.uint8)  # E2M1 code 2 is 1.0
    ours = mote.MXArray.from_codes("mxfp4", codes, scales[:, None]).dequantize()[:, 0]
    assert same(ours, scales.view(ml_dtypes.float8_e8m0fnu).astype(np.float32))


def values(seed, shape=(64, 256)):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape) * np.exp2(rng.integers(-30, 30, size=(shape[0], 1)))
    x[rng.random(shape) < 0.05] = 0
    return x.astype(np.float32)


def split_blocks(x):
    return x.reshape(*x.shape[:-1], -1, 32)


@pytest.mark.parametrize("name", ELEMENTS)
def test_conversion_is_division_and_cast(name):
    x = values(1)
    q = mote.quantize(x, name)
    blocks = split_blocks(x)
    largest = np.abs(blocks).max(-1)
    exponent = np.frexp(largest)[1] - 1 - EMAX[name]
    expected_scales = np.where(largest == 0, 0, np.clip(exponent + 127, 0, 254)).astype(np.uint8)
    assert np.array_equal(q.scales, expected_scales)
    limit = float(ml_dtypes.finfo(ELEMENTS[name]).max)
    scaled = np.ldexp(blocks.astype(np.float64), 127 - expected_scales.astype(int)[..., None])
    expected = np.clip(scaled, -limit, limit).astype(np.float32).astype(ELEMENTS[name])
    assert np.array_equal(q.codes, expected.view(np.uint8).reshape(x.shape))


def test_mxint8_is_rounded_sixty_fourths():
    x = values(2)
    q = mote.quantize(x, "mxint8")
    blocks = split_blocks(x)
    scaled = np.ldexp(blocks.astype(np.float64), 127 - q.scales.astype(int)[..., None]) * 64
    expected = np.clip(np.rint(scaled), -127, 127).astype(np.int8)
    assert np.array_equal(q.codes.view(np.int8), expected.reshape(x.shape))


def test_bf16_and_fp16_match_ml_dtypes_and_numpy():
    x = np.concatenate([values(3).ravel(), np.float32([np.inf, -np.inf, 1e30, -1e-30, 65519.99, 65520, 1e-8, 0, -0.0])])
    with np.errstate(over="ignore"):
        assert np.array_equal(mote.quantize(x, "fp16").codes, x.astype(np.float16).view(np.uint16))
    assert np.array_equal(mote.quantize(x, "bf16").codes, x.astype(ml_dtypes.bfloat16).view(np.uint16))


def test_ceil_saturates_nothing_and_even_follows_rounded_maximum():
    x = values(4)
    for name in ELEMENTS:
        limit = float(ml_dtypes.finfo(ELEMENTS[name]).max)
        largest = np.abs(split_blocks(x)).max(-1)
        scales = np.exp2(mote.quantize(x, name, scale_rule="ceil").scales.astype(float) - 127)
        inside = largest > 2.0**-100
        assert np.all(largest[inside] <= limit * scales[inside])
        assert np.all(largest[inside] > limit * scales[inside] / 2)
    x = np.zeros(32, np.float32)
    x[0] = 1.75  # rounds to 2 with one mantissa bit: the exponent steps up
    assert mote.quantize(x, "mxfp4", scale_rule="even").scales[0] == mote.quantize(x, "mxfp4").scales[0] + 1
    x[0] = np.nextafter(np.float32(1.75), np.float32(0))
    assert mote.quantize(x, "mxfp4", scale_rule="even").scales[0] == mote.quantize(x, "mxfp4").scales[0]


def test_questions_that_users_ask():
    # 957 under floor: the scale is 2^(9 - 8), 957 / 2 saturates at 448, so 896 comes back
    assert mote.quantize(np.float32([957]), "mxfp8_e4m3").dequantize()[0] == 896
    # the largest float below 2^k must take the exponent k - 1
    x = np.nextafter(np.float32(2.0**20), np.float32(0))
    assert mote.quantize(np.float32([x]), "mxfp4").scales[0] == 127 + 19 - 2
    # subnormals count
    tiny = np.float32([1e-40, -3e-41])
    assert np.allclose(mote.quantize(tiny, "mxfp8_e5m2").dequantize(), tiny, rtol=0.13)


def test_nvfp4_follows_the_report():
    x = values(5, (8, 64)) * np.float32(2.0**-20)
    q = mote.quantize(x, "nvfp4")
    f = np.float32
    encode = f(2688) / np.abs(x).max()
    assert f(q.tensor_scale) == f(1) / encode
    blocks = x.reshape(8, 4, 16)
    ratio = np.abs(blocks).max(-1) / f(6) * encode
    scales = np.minimum(ratio, f(448)).astype(ml_dtypes.float8_e4m3fn)
    assert np.array_equal(q.scales, scales.view(np.uint8))
    with np.errstate(divide="ignore"):
        factor = np.minimum(f(1) / (scales.astype(f) * f(q.tensor_scale)), np.finfo(f).max)
    factor = np.where(scales.astype(f) == 0, f(0), factor)
    codes = np.clip(blocks * factor[..., None], -6, 6).astype(f).astype(ml_dtypes.float4_e2m1fn)
    assert np.array_equal(q.codes, codes.view(np.uint8).reshape(x.shape))
