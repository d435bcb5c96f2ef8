"""Parameters: for all rows and row by row, and what is refused."""

import numpy as np
import pytest

import lmsample

X = np.random.default_rng(5).normal(0, 3, (6, 700)).astype(np.float32)
WHOLE = r"must be a whole number from 0 to 2\^64 - 1"

GOOD = {
    "temperature": [0.0, 0.5, 1, 2.0**-64, 2.0**64, 1.3],
    "top_k": [0, 1, -1, 699, 2**31 - 1, 50],
    "top_p": [0.0, 0.1, 0.5, 1, 1e-50, 0.999],
    "min_p": [0, 1e-50, 0.01, 0.5, 1.0, 0.2],
    "seed": [0, 1, 2**63, 2**64 - 1, 5, 2**32],
    "step": [2**64 - 1, 2**63 + 1, 0, 1, 2, 3],
    "preset": ["vllm", "hugging-face", "llama.cpp", "joint", "top-k-ties+min-p-last", 15],
}


@pytest.mark.parametrize("name", GOOD)
def test_one_value_for_each_row(name):
    others = dict(temperature=1.5, top_k=300, top_p=0.8, min_p=0.001, seed=9, step=4)
    others.pop(name, None)
    outputs = ("probs", "kept", "logprobs")
    values = GOOD[name]
    whole = lmsample.sample(X, outputs=outputs, **{name: values}, **others)
    for row, value in enumerate(values):
        one = lmsample.sample(X[row], outputs=outputs, **{name: value}, **others)
        for field in ("tokens", "probs", "kept", "logprobs"):
            np.testing.assert_array_equal(getattr(whole, field)[row], getattr(one, field))
    if name != "preset":
        array = np.array(values, np.uint64 if name in ("seed", "step") else None)
        again = lmsample.sample(X, outputs=outputs, **{name: array}, **others)
        np.testing.assert_array_equal(again.probs, whole.probs)
        np.testing.assert_array_equal(again.tokens, whole.tokens)


def test_kinds_of_numbers():
    expected = lmsample.sample(X, temperature=0.5, top_k=30, seed=7)
    for temperature in (np.float32(0.5), np.float64(0.5), np.array(0.5), [0.5], (0.5,) * 6,
                        np.full(6, 0.5, np.float16)):  # fmt: skip
        for top_k in (np.int8(30), np.array([30], np.uint64), range(30, 31), [30] * 6):
            for seed in (np.uint8(7), np.array(7), [7], np.full(6, 7, np.int16)):
                found = lmsample.sample(X, temperature=temperature, top_k=top_k, seed=seed)
                assert (found == expected).all()


def test_presets():
    for name, flags in lmsample.PRESETS.items():
        params = dict(temperature=2.0, top_k=20, top_p=0.7, min_p=0.02, outputs=("probs", "kept"))
        one = lmsample.sample(X, preset=name, **params)
        two = lmsample.sample(X, preset=flags, **params)
        three = lmsample.sample(X, preset=np.array([name] * 6), **params)
        four = lmsample.sample(X, preset=np.full(6, flags, np.uint8), **params)
        for other in (two, three, four):
            np.testing.assert_array_equal(one.probs, other.probs)
    assert lmsample.PRESETS["joint"] == lmsample.TOP_P_WHOLE_ROW | lmsample.MIN_P_LAST


REFUSED = [
    ("temperature", -1, r"temperature: is -1.*, must be 0 \(greedy\) or from 2\^-64 to 2\^64"),
    ("temperature", -1.0, r"temperature: is -1\.0, must be 0 \(greedy\) or from"),
    ("temperature", float("nan"), "temperature: is nan"),
    ("temperature", float("inf"), "temperature: is inf"),
    ("temperature", 1e-30, "temperature: is 1e-30"),
    ("temperature", [1, 1, 1, 1e30, 1, 1], r"temperature\[3\]: is 1e\+30"),
    ("temperature", np.array([1, 1, 1, 1, 1, np.nan]), r"temperature\[5\]: is nan"),
    ("top_k", -2, r"top_k: is -2, must be a whole number from 0 \(off; -1 too\) to 2\^31 - 1"),
    ("top_k", 2**31, "top_k: is 2147483648"),
    ("top_k", [1, 2, 3, 4, 5, -3], r"top_k\[5\]: is -3"),
    ("top_k", np.full(6, 2**40), r"top_k\[0\]: is 1099511627776"),
    ("top_p", 1.5, r"top_p: is 1\.5, must be from 0 to 1 \(0: greedy, 1: off\)"),
    ("top_p", -0.1, r"top_p: is -0\.1"),
    ("top_p", float("nan"), "top_p: is nan"),
    ("top_p", [0.5, 0.5, 2, 0.5, 0.5, 3], r"top_p\[2\]: is 2"),
    ("min_p", 1.01, r"min_p: is 1\.01, must be from 0 to 1 \(0: off\)"),
    ("min_p", np.array([0, 0, -1, 0, 0, 0.0]), r"min_p\[2\]: is -1\.0"),
    ("seed", -1, "seed: is -1, " + WHOLE),
    ("seed", 2**64, "seed: is 18446744073709551616, " + WHOLE),
    ("seed", [0, 1, 2**64, 3, 4, 5], r"seed\[2\]: is 18446744073709551616, " + WHOLE),
    ("seed", np.array([0, -7, 0, 0, 0, 0]), r"seed\[1\]: is -7, " + WHOLE),
    ("step", -1, "step: is -1, " + WHOLE),
    ("preset", "vllm2", "preset: is 'vllm2', must be vllm, hugging-face, llama.cpp or joint"),
    ("preset", "vllm+", r"preset: is 'vllm\+'"),
    ("preset", ["vllm"] * 5 + ["x"], r"preset\[5\]: is 'x'"),
    ("preset", 16, "preset: is 16, must be a preset's name or flags from 0 to 15"),
    ("preset", [0, 1, 2, 3, 4, -1], r"preset\[5\]: is -1"),
    ("temperature", [1.0, 2.0], r"temperature: has shape \(2,\), must be one value, or one for"),
    ("seed", np.zeros((6, 1), int), r"seed: has shape \(6, 1\)"),
    ("preset", ["vllm"] * 7, r"preset: has shape \(7,\).*each of the 6 rows"),
    ("index", [0, 6], r"index\[1\]: is 6, must be a row of the logits, 0 to 5, or -1 \(skipped\)"),
    ("index", [0, 0, -2], r"index\[2\]: is -2"),
    ("index", 3, r"index: has shape \(\), must have one dimension"),
    ("uniforms", np.zeros((6, 2, 3), np.uint32), r"uniforms: has shape \(6, 2, 3\), must be \(6,"),
    ("uniforms", np.zeros((5, 2, 4), np.uint32), r"uniforms: has shape \(5, 2, 4\)"),
    ("uniforms", np.zeros((6, 0, 4), np.uint32), r"uniforms: has shape \(6, 0, 4\)"),
    ("outputs", "entropy", "outputs: has 'entropy', must be of logprobs, raw_logprobs, kept and"),
    ("outputs", ["kept", "p"], "outputs: has 'p'"),
    ("token_dtype", "int16", "token_dtype: is int16, must be int32 or int64"),
    ("token_dtype", np.float32, "token_dtype: is float32"),
]


@pytest.mark.parametrize("name, value, message", REFUSED)
def test_refused(name, value, message):
    with pytest.raises(ValueError, match=message) as caught:
        lmsample.sample(X, **{name: value})
    assert "\n" not in str(caught.value)


WRONG = [
    ("temperature", "hot", "temperature: 'hot' is not a number"),
    ("temperature", np.array(["hot"]), "temperature: has values of type <U3, must be a number"),
    ("temperature", [[1.0], [2.0, 3.0]], r"temperature: \[1\.0\] is not a number"),
    ("temperature", True, "temperature: True is not a number"),
    ("temperature", np.ones(6, bool), "temperature: has values of type bool, must be a number"),
    ("temperature", None, "temperature: None is not a number"),
    ("temperature", 1j, "temperature: 1j is not a number"),
    ("top_k", 2.0, r"top_k: 2\.0 is not a whole number"),
    ("top_k", np.array([1.0] * 6), "top_k: has values of type float64, must be a whole number"),
    ("top_k", True, "top_k: True is not a whole number"),
    ("seed", "7", "seed: '7' is not a whole number"),
    ("seed", [1, 2, 3, 4, 5, 6.5], r"seed: 6\.5 is not a whole number"),
    ("preset", 1.5, r"preset: 1\.5 is not a whole number"),
    ("preset", None, "preset: None is not"),
    ("index", [0.0], r"index: 0\.0 is not a whole number"),
    ("uniforms", np.zeros((6, 2, 4)), "uniforms: has values of type float64, must be uint32"),
    ("device", 7, "device: is a int, must be None, a part of a device's name or a Context"),
]


@pytest.mark.parametrize("name, value, message", WRONG)
def test_wrong_type(name, value, message):
    with pytest.raises(TypeError, match=message):
        lmsample.sample(X, **{name: value})


def test_the_library_has_the_last_word():
    """Whatever gets past Python's checks is refused by the C library's."""
    sampler = lmsample.Sampler(700)
    call = lmsample._sampler._call_of(X, None, None, None, (1.0, 0, 1.0, 0.0, 0, 0, 0))
    call.params["min_p"][4] = 2
    with pytest.raises(lmsample.ArgumentError, match=r"params\[4\]\.min_p: 2 is not") as caught:
        sampler._run(call)
    assert caught.value.status == 3
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, lmsample.Error)
