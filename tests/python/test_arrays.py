"""The Python face: arrays of all kinds in, exceptions with the library's message out."""

import copy
import multiprocessing
import pickle
import threading

import mote
import numpy as np
import pytest


def test_attributes():
    x = np.arange(6 * 70, dtype=np.float32).reshape(2, 3, 70)
    q = mote.quantize(x, "mxfp6_e3m2", axis=1)
    assert (q.format, q.shape, q.ndim, q.axis, q.size) == ("mxfp6_e3m2", (2, 3, 70), 3, 1, 420)
    assert q.codes.shape == x.shape and q.codes.dtype == np.uint8 and q.codes.max() < 64
    assert q.scales.shape == (2, 1, 70) and q.scales.dtype == np.uint8
    assert q.packed.nbytes == 2 * 70 * 24 and q.nbytes == 2 * 70 * 25
    assert "mxfp6_e3m2" in repr(q)
    assert np.array_equal(np.asarray(q), q.dequantize())


@pytest.mark.parametrize("name", mote.formats)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_strided_arrays_equal_copies(name, axis):
    base = np.random.default_rng(0).normal(size=(80, 90)).astype(np.float32)
    for view in (base[::2, ::-1], base.T, base[:, 3:50], base[5], base[::-3, 7]):
        here = min(axis, view.ndim - 1)
        a, b = mote.quantize(view, name, axis=here), mote.quantize(view.copy(), name, axis=here)
        assert np.array_equal(a.packed, b.packed) and np.array_equal(a.dequantize(), b.dequantize())
        assert a.scales is None or np.array_equal(a.scales, b.scales)


def test_other_inputs():
    for x in ([1.0, 2.0], np.arange(5), np.float64([0.1, 0.2]), np.float32(3), np.zeros((0, 4), np.float32)):
        q = mote.quantize(x, "mxint8")
        assert q.shape == np.shape(x)
        assert np.allclose(q.dequantize(), x, atol=0.02)

    class Capsule:  # any DLPack producer
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    x = np.linspace(-1, 1, 64, dtype=np.float32).reshape(4, 16).T
    assert np.array_equal(mote.quantize(Capsule(x), "mxfp8").codes, mote.quantize(x, "mxfp8").codes)


def test_stochastic_depends_on_seed_and_position_only():
    x = np.random.default_rng(1).normal(size=(40, 50)).astype(np.float32)
    a = mote.quantize(x, "mxfp4", rounding="stochastic", seed=7)
    assert np.array_equal(a.codes, mote.quantize(np.asfortranarray(x), "mxfp4", rounding="stochastic", seed=7).codes)
    assert not np.array_equal(a.codes, mote.quantize(x, "mxfp4", rounding="stochastic", seed=8).codes)


def test_requantize_and_transpose():
    x = np.random.default_rng(2).normal(size=(3, 64, 96)).astype(np.float32)
    q = mote.quantize(x, "mxfp8", axis=2)
    r = q.requantize(axis=1)
    assert np.array_equal(r.codes, mote.quantize(q.dequantize(), "mxfp8", axis=1).codes)
    t = q.transpose()
    assert t.axis == 1 and t.shape == (3, 96, 64)
    assert np.array_equal(t.dequantize(), q.dequantize().swapaxes(1, 2))
    assert np.array_equal(q.transpose().transpose().packed, q.packed)


def test_from_codes_is_the_inverse():
    x = np.random.default_rng(3).normal(size=(5, 70)).astype(np.float32)
    for name in ("mxfp4", "mxfp6", "mxint8", "nvfp4"):
        for axis in (0, 1):
            q = mote.quantize(x, name, axis=axis)
            back = mote.MXArray.from_codes(name, q.codes, q.scales, axis=axis, tensor_scale=q.tensor_scale)
            assert np.array_equal(back.packed, q.packed) and np.array_equal(back.dequantize(), q.dequantize())


def test_pickle_and_fork():
    x = np.random.default_rng(5).normal(size=(300, 300)).astype(np.float32)
    for name in mote.formats:
        q = mote.quantize(x, name, axis=0)
        back = pickle.loads(pickle.dumps(q))
        assert (back.format, back.shape, back.axis, back.tensor_scale) == (q.format, q.shape, q.axis, q.tensor_scale)
        assert np.array_equal(back.packed, q.packed) and np.array_equal(copy.deepcopy(q).dequantize(), q.dequantize())
    error = pickle.loads(pickle.dumps(mote.MoteValueError("no", "file")))
    assert str(error) == "no" and error.status == "file"
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert all(np.array_equal(p, mote.quantize(x, "mxfp8").packed) for p in pool.map(packed, [x] * 4))


def packed(x):
    return mote.quantize(x, "mxfp8").packed


def test_errors():
    x = np.zeros((4, 4), np.float32)
    for arguments, part in [
        ((x, "mxfp5"), "mxfp5"),
        ((x, "fp64"), "cannot convert"),
    ]:
        with pytest.raises(ValueError, match=part):
            mote.quantize(*arguments)
    with pytest.raises(mote.MoteValueError, match="axis 2"):
        mote.quantize(x, "mxfp4", axis=2)
    with pytest.raises(ValueError, match="nearest"):
        mote.quantize(x, "mxfp4", rounding="up")
    with pytest.raises(mote.MoteValueError, match="nvfp4"):
        mote.quantize(x, "nvfp4", scale_rule="ceil")
    with pytest.raises(TypeError):
        mote.quantize(np.zeros(3, complex), "mxfp4")
    with pytest.raises(ValueError, match="dimensions"):
        mote.quantize(np.zeros((1,) * 9, np.float32), "mxfp4")
    with pytest.raises(ValueError, match="scales"):
        mote.MXArray.from_codes("mxfp4", np.zeros(64, np.uint8), np.zeros(1, np.uint8))
    with pytest.raises(ValueError, match="does not fit"):
        mote.MXArray.from_codes("mxfp4", np.full(32, 16), np.zeros(1, np.uint8))


def test_threads_have_their_own_contexts():
    x = np.random.default_rng(4).normal(size=(200, 200)).astype(np.float32)
    expected = mote.quantize(x, "mxfp6").packed
    results = []

    def work():
        results.append(np.array_equal(mote.quantize(x, "mxfp6").packed, expected))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [True] * 8
