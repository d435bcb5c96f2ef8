"""Logits of every type and layout, and that they are not copied."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest

import lmsample

ALL = ("logprobs", "raw_logprobs", "kept", "probs")
ROW_FIELDS = ("tokens", "status", *ALL)
PARAMS = dict(temperature=0.8, top_k=60, seed=3)


def rows(count, vocab, seed=0):
    return np.random.default_rng(seed).normal(0, 3, (count, vocab)).astype(np.float32)


def bfloat16_of(x):
    return (x.view(np.uint32) >> 16).astype(np.uint16)


def same(found, expected):
    for one, other in zip(found, expected):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    return True


def sample(x, **more):
    count = more.pop("count", None) or (len(x) if x.ndim == 2 else 1)
    return lmsample.sample(x, step=range(count), outputs=ALL, **PARAMS, **more)


def memory_map(x):
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, x.dtype, "w+", shape=x.shape)
    mapped[:] = x
    return mapped


LAYOUTS = {
    "a memory map": memory_map,
    "every other row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "a window": lambda x: np.pad(x, ((1, 2), (3, 5)))[1:-2, 3:-5],
    "rows backwards": lambda x: x[::-1].copy()[::-1],
    "tokens backwards": lambda x: x[:, ::-1].copy()[:, ::-1],
    "every other token": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "Fortran's order": lambda x: np.asfortranarray(x),
    "transposed": lambda x: x.T.copy().T,
    "the other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "a subclass": lambda x: x.view(np.matrix),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "at an odd address": lambda x: np.frombuffer(
        b"?" + x.tobytes(), np.uint8, offset=1).view(x.dtype).reshape(x.shape),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_layouts(layout, dtype):
    x = rows(7, 300).astype(dtype)
    y = LAYOUTS[layout](x)
    before = np.array(y)
    assert same(sample(y), sample(x))
    np.testing.assert_array_equal(y, before)


def test_overlapping_rows():
    x = np.lib.stride_tricks.sliding_window_view(rows(1, 306)[0], 300)
    assert same(sample(x), sample(np.ascontiguousarray(x)))


def test_one_row_many_times():
    x = rows(1, 300)[0]
    many = np.broadcast_to(x, (9, 300))
    expected = sample(np.ascontiguousarray(many))
    assert same(sample(many), expected)
    assert len(set(expected.tokens.tolist())) > 1
    assert same(sample(x, index=np.zeros(9, int), count=9), expected)
    skipping = [0, 1, -1, 8, -1]
    assert same(
        sample(many, index=skipping, count=5),
        sample(np.ascontiguousarray(many), index=skipping, count=5),
    )


def test_types():
    x = rows(5, 300)
    half = x.astype(np.float16)
    assert same(sample(half), sample(half.astype(np.float32)))
    brain = bfloat16_of(x)
    wide = (brain.astype(np.uint32) << 16).view(np.float32)
    assert same(sample(brain, dtype="bfloat16"), sample(wide))
    assert same(sample(half, dtype="float16"), sample(half))
    assert same(sample(x, dtype=np.float32), sample(x))


def test_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = rows(5, 300).astype(ml_dtypes.bfloat16)
    for y in (x, x[::2], x[:, ::2], x[0]):
        assert same(sample(y), sample(np.asarray(y, np.float32)))
    sampler = lmsample.Sampler(300, ml_dtypes.bfloat16)
    assert sampler.dtype == "bfloat16"
    assert (sampler.sample(x, seed=1).tokens == lmsample.sample(x, seed=1)).all()


def test_index():
    x = rows(4, 300)
    for index in ([3, 0, 0, 2, 1, 3], [2], np.array([1, 1], np.uint8), (0, -1, 2, -1)):
        chosen = np.array(index, dtype=int)
        found = sample(x, index=index, count=len(chosen))
        expected = sample(x[chosen], count=len(chosen))
        skipped = chosen < 0
        for name in ROW_FIELDS:
            one, other = getattr(found, name), getattr(expected, name)
            np.testing.assert_array_equal(one[~skipped], other[~skipped])
        assert (found.tokens[skipped] == -1).all()
        assert (found.status[skipped] == lmsample.ROW_SKIPPED).all()
        assert np.isnan(found.logprobs[skipped]).all()
        assert np.isnan(found.raw_logprobs[skipped]).all()
        assert (found.kept[skipped] == 0).all() and (found.probs[skipped] == 0).all()


def test_no_rows():
    x = np.empty((0, 300), np.float32)
    assert lmsample.sample(x).shape == (0,)
    found = lmsample.sample(x, seed=[], temperature=[], preset=[], outputs=ALL, token_dtype="int64")
    assert found.tokens.shape == (0,) and found.tokens.dtype == np.int64
    assert found.probs.shape == (0, 300)
    assert lmsample.sample(rows(3, 300), index=[]).shape == (0,)
    assert lmsample.sample(x, index=[-1, -1]).tolist() == [-1, -1]
    assert lmsample.Sampler(300).sample(x).tokens.shape == (0,)


def test_one_dimension():
    x = rows(1, 300)
    whole, one = sample(x), sample(x[0])
    assert isinstance(lmsample.sample(x[0]), np.int32)
    assert isinstance(one.tokens, np.int32) and isinstance(one.logprobs, np.float32)
    assert one.probs.shape == (300,)
    for name in ROW_FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(whole, name)[0])
    assert isinstance(lmsample.sample(x[0], token_dtype=np.int64), np.int64)


def test_smallest_and_largest():
    assert lmsample.sample(np.zeros((3, 1), np.float32)).tolist() == [0, 0, 0]
    assert lmsample.sample(np.zeros((3, 4), np.float32)[:, 2:3]).tolist() == [0, 0, 0]
    x = np.zeros(1 << 20, np.float16)
    x[777777] = 60
    assert lmsample.sample(x) == 777777
    with pytest.raises(ValueError, match="vocab: is 1048577, must be .* from 1 to 1048576"):
        lmsample.sample(np.zeros((1 << 20) + 1, np.float16))


def test_token_types():
    x = rows(5, 300)
    assert lmsample.sample(x).dtype == np.int32
    for wanted in ("int64", np.int64, np.dtype(np.int64)):
        found = lmsample.sample(x, seed=4, token_dtype=wanted)
        assert found.dtype == np.int64
        assert (found == lmsample.sample(x, seed=4)).all()


REFUSED = [
    (lambda: rows(2, 3).astype(np.float64), TypeError,
     r"logits: has values of type float64, must be float32, float16 or bfloat16: "
     r'\.astype\("float32"\) converts'),
    (lambda: np.ones((2, 3), int), TypeError, "logits: has values of type int64"),
    (lambda: np.ones((2, 3), np.uint16), TypeError, 'uint16; if they are bfloat16, .*dtype="bf'),
    (lambda: np.ones((2, 3), complex), TypeError, "complex128"),
    (lambda: np.ones((2, 3), object), TypeError, "object"),
    (lambda: [1.0, 2.0], TypeError, "logits: is a list, must be a NumPy array, a PyTorch tensor or"),
    (lambda: None, TypeError, "logits: is a NoneType"),
    (lambda: np.ma.array(rows(2, 3), mask=True), TypeError, "masked array.*filled"),
    (lambda: np.float32(1), TypeError, "logits: is a float32"),
    (lambda: np.array(1, np.float32), ValueError, r"shape \(\), must be \(vocabulary,\), \(rows, voc"),
    (lambda: np.ones((2, 3, 4), np.float32), ValueError, r"shape \(2, 3, 4\)"),
    (lambda: np.ones((2, 0), np.float32), ValueError, r"shape \(2, 0\), must have at least one"),
]  # fmt: skip


@pytest.mark.parametrize("make, error, message", REFUSED)
def test_refused(make, error, message):
    with pytest.raises(error, match=message):
        lmsample.sample(make())


def test_dtype_that_is_not_the_array_s():
    with pytest.raises(TypeError, match="of type float32, must be float16, as dtype says"):
        lmsample.sample(rows(2, 3), dtype="float16")
    with pytest.raises(ValueError, match="dtype: is float64, must be float32, float16 or bf"):
        lmsample.sample(rows(2, 3), dtype="float64")


def test_rows_without_a_token():
    x = rows(4, 300)
    x[1] = -np.inf
    x[2] = np.nan
    x[3, 5] = np.nan
    x[3, 7] = np.inf
    why = r"2 of 4 rows have no token \(-1\), the first is row 1: every logit is NaN"
    with pytest.warns(lmsample.RowWarning, match=why) as caught:
        tokens = lmsample.sample(x)
    assert caught[0].filename == __file__
    assert tokens[1] == tokens[2] == -1 and tokens[3] == 7
    found = sample(x)  # with the status there, no warning
    assert found.status[1] == lmsample.ROW_EMPTY
    assert found.status[2] == lmsample.ROW_EMPTY | lmsample.ROW_NAN_SEEN
    assert found.status[3] == lmsample.ROW_OK | lmsample.ROW_NAN_SEEN | lmsample.ROW_INF_SEEN
    assert np.isnan(found.logprobs[1]) and found.kept[1] == 0 and not found.probs[1].any()
    spent = np.full((4, 1, 4), 2**32 - 1, np.uint32)
    with pytest.warns(lmsample.RowWarning, match="uniforms are spent"):
        assert lmsample.sample(rows(4, 300), uniforms=spent)[0] == -1


MEMORY = """
import tracemalloc, numpy as np, lmsample
def peak():
    return int(next(x for x in open("/proc/self/status") if x.startswith("VmHWM")).split()[1])
base = np.zeros((256, 131072), np.float32)
base[:, 5] = 9
layouts = {"plain": base, "window": base[3:200:2, 4:100004], "repeated":
           np.broadcast_to(base[0], (200, 131072)), "half": base.view(np.float16)}
for x in layouts.values():
    lmsample.sample(x, index=[0])
    lmsample.sample(x)
for name, x in layouts.items():
    open("/proc/self/clear_refs", "w").write("5")
    tracemalloc.start()
    before = peak()
    lmsample.sample(x, seed=1)
    print(name, x.nbytes // 1024, peak() - before, tracemalloc.get_traced_memory()[1] // 1024)
    tracemalloc.stop()
open("/proc/self/clear_refs", "w").write("5")
before = peak()
lmsample.sample(base[::-1], seed=1)
print("copy", base.nbytes // 1024, peak() - before, 0)
"""


def test_no_copy():
    """The peak of the process's memory, of layouts that need no copy, and of one that does."""
    if not any(device.chosen and device.unified for device in lmsample.devices()):
        pytest.skip("the device has memory of its own")
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("no /proc/self/clear_refs")
    command = [sys.executable, "-B", "-c", MEMORY]
    text = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = [line.split() for line in text.stdout.splitlines()]
    assert [line[0] for line in lines] == ["plain", "window", "repeated", "half", "copy"]
    for name, size, grown, traced in lines[:-1]:
        assert int(size) > 30000
        assert int(grown) < 4000 and int(traced) < 1000, name
    assert int(lines[-1][2]) > 100000
