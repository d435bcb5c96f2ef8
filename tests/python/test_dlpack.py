"""Arrays of other packages, by DLPack and by NumPy's array interface: read where they are."""

import ctypes

import numpy as np
import pytest

import lmsample
from lmsample._dlpack import _Tensor, exchange
from lmsample._logits import prepare

X = np.random.default_rng(21).normal(0, 3, (5, 300)).astype(np.float32)


class Foreign:
    """NumPy's tensor, but not its array. `code`: another DLDataTypeCode."""

    def __init__(self, array, code=None, device=(1, 0)):
        self.array, self.code, self.device = array, code, device

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, stream=None):
        capsule = self.array.__dlpack__()
        if self.code is not None:
            pointer = ctypes.pythonapi.PyCapsule_GetPointer
            pointer.restype = ctypes.c_void_p
            _Tensor.from_address(pointer(ctypes.py_object(capsule), b"dltensor")).code = (
                self.code
            )
        return capsule


class Interface:
    def __init__(self, array):
        self.__array_interface__ = array.__array_interface__
        self.array = array


def test_logits_of_others_are_read_where_they_are():
    expected = lmsample.sample(X, seed=7, temperature=0.8)
    for other in (Foreign(X), Interface(X)):
        assert prepare(other, None).address == X.ctypes.data
        found = lmsample.sample(other, seed=7, temperature=0.8)
        assert type(found) is np.ndarray and (found == expected).all()
    window = Foreign(X[1::2, 50:250])
    assert prepare(window, None).address == X[1:, 50:].ctypes.data
    again = lmsample.sample(window, seed=7)
    assert (again == lmsample.sample(X[1::2, 50:250].copy(), seed=7)).all()
    backwards = lmsample.sample(Foreign(X[::-1, ::-2]), seed=7)
    assert (backwards == lmsample.sample(X[::-1, ::-2], seed=7)).all()
    sampler = lmsample.Sampler(300)
    assert (sampler.sample(Foreign(X), seed=7, temperature=0.8).tokens == expected).all()
    assert lmsample.sample(Foreign(X[:0])).shape == (0,)


def test_bfloat16():
    bits = (X.view(np.uint32) >> 16).astype(np.uint16)
    expected = lmsample.sample(bits, dtype="bfloat16", seed=7)
    assert (lmsample.sample(Foreign(bits, code=4), seed=7) == expected).all()
    assert (lmsample.sample(Foreign(bits, code=4), dtype="bfloat16", seed=7) == expected).all()
    with pytest.raises(TypeError, match="logits: has values of type bfloat16, must be float32"):
        lmsample.Sampler(300).sample(Foreign(bits, code=4))
    half = (np.full(5, 0.5, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    found = lmsample.sample(X, temperature=Foreign(half, code=4), seed=7)
    assert (found == lmsample.sample(X, temperature=0.5, seed=7)).all()


def test_parameters_and_requests_of_others():
    columns = {
        "temperature": np.linspace(0.1, 1, 5),
        "top_p": np.linspace(0.1, 1, 5, dtype=np.float32)[:, np.newaxis],
        "top_k": np.arange(5),
        "seed": np.arange(5, dtype=np.uint64),
        "step": np.arange(5, dtype=np.int8),
        "preset": np.arange(5),
        "index": np.array([4, 3, 2, 1, 0]),
        "mask": np.random.default_rng(1).integers(0, 2, (5, 300)).astype(np.uint8),
        "target": np.array([-1, 3, -1, 4, -1]),
        "history": [np.array([1, 2, 3])] * 5,
        "uniforms": np.random.default_rng(1).integers(0, 2**32, (5, 9, 4), dtype=np.uint32),
    }
    edits = lmsample.Edits(banned=np.arange(100), repetition=1.5)
    expected = lmsample.sample(X, edits=edits, outputs=(), **columns)
    for kind in (Foreign, Interface):
        others = {
            name: [kind(item) for item in value] if name == "history" else kind(value)
            for name, value in columns.items()
        }
        foreign = lmsample.Edits(banned=kind(np.arange(100)), repetition=1.5)
        found = lmsample.sample(X, edits=foreign, outputs=(), **others)
        assert (found.tokens == expected.tokens).all() and (
            found.status == expected.status
        ).all()


def test_one_position_of_each_row():
    expected = lmsample.sample(X, seed=7)
    for logits in (X[:, np.newaxis], Foreign(X[:, np.newaxis]), X[:, np.newaxis].copy()):
        assert (lmsample.sample(logits, seed=7) == expected).all()
    wide = np.stack([X, X + 1], axis=1)[:, -1:]  # the last of several positions
    assert prepare(wide, None).address == wide.ctypes.data
    assert (lmsample.sample(wide, temperature=0.0) == X.argmax(1)).all()
    assert lmsample.sample(X[:1, np.newaxis]).shape == (1,)
    with pytest.raises(ValueError, match=r"shape \(5, 2, 150\), must be .* or \(rows, 1, voc"):
        lmsample.sample(X.reshape(5, 2, 150))


REFUSED = [
    (Foreign(X, device=(2, 0)), TypeError, "logits: is on a CUDA device, must be on the CPU"),
    (Foreign(X, device=(4, 0)), TypeError, "an OpenCL device, .*; lmsample.opencl takes those"),
    (Foreign(X, device=(99, 0)), TypeError, "logits: is on DLPack's device 99, must be"),
    (Foreign(X, code=5), TypeError, "logits: has values of DLPack's type 5, 32 bits, 1 lanes"),
    (Foreign(X.astype(np.float64)), TypeError, "logits: has values of type float64, must be"),
    (Foreign(X.astype(np.int32)), TypeError, "logits: has values of type int32, must be"),
]


@pytest.mark.parametrize("logits, error, message", REFUSED)
def test_refused(logits, error, message):
    with pytest.raises(error, match=message):
        lmsample.sample(logits)


def test_memory_is_given_back():
    """When the array is gone that was made of it."""
    import weakref

    class Array(np.ndarray):
        pass

    array = X.copy().view(Array)
    gone = weakref.ref(array)
    read = prepare(Foreign(array), None)
    del array
    assert gone() is not None
    assert read.memory[0, 0] == X[0, 0]
    del read
    assert gone() is None


def test_other_packages():
    tried = 0
    try:
        import jax.numpy as jnp

        x = jnp.asarray(X)
        assert (lmsample.sample(x, seed=7) == lmsample.sample(X, seed=7)).all()
        tokens = lmsample.sample(x.astype(jnp.bfloat16), seed=7)
        bits = np.asarray(x.astype(jnp.bfloat16)).view(np.uint16)
        assert (tokens == lmsample.sample(bits, dtype="bfloat16", seed=7)).all()
        tried += 1
    except ImportError:
        pass
    try:
        import torch

        tensor = torch.from_numpy(X).to(torch.bfloat16)

        class Wrapped:
            __dlpack__, __dlpack_device__ = tensor.__dlpack__, tensor.__dlpack_device__

        assert exchange("logits", Wrapped()).dtype == "bfloat16"
        found = lmsample.sample(Wrapped(), seed=7)
        assert (found == lmsample.sample(tensor, seed=7).numpy()).all()
        tried += 1
    except ImportError:
        pass
    if not tried:
        pytest.skip("neither JAX nor PyTorch is there")
