"""Parameters: for all rows and row by row, and what is refused."""

import numpy as np
import pytest

import lmsample

X = np.random.default_rng(5).normal(0, 3, (6, 700)).astype(np.float32)
WHOLE = r"must be a whole number from 0 to 2\^64 - 2"
SEED = r"must be a whole number from -2\^63 to 2\^64 - 1"

GOOD = {
    "temperature": [0.0, 0.5, 1, 2.0**-64, 2.0**64, 1.3],
    "top_k": [0, 1, -1, 699, 2**40, None],
    "top_p": [0.0, 0.1, 0.5, 1, 1e-50, 0.999],
    "min_p": [0, 1e-50, 0.01, 0.5, 1.0, 0.2],
    "seed": [0, -1, 2**63, 2**64 - 1, -(2**63), 2**32],
    "step": [2**64 - 2, 2**63 + 1, 0, 1, 2, 3],
    "preset": ["vllm", "hugging-face", "llama.cpp", "joint", "top-k-ties+min-p-last", 15],
}


@pytest.mark.parametrize("name", GOOD)
def test_one_value_for_each_row(name):
    others = dict(temperature=1.5, top_k=300, top_p=0.8, min_p=0.001, seed=[9] * 6, step=4)
    others.pop(name, None)
    outputs = ("probs", "kept", "logprobs")
    values = GOOD[name]
    whole = lmsample.sample(X, outputs=outputs, **{name: values}, **others)
    for row, value in enumerate(values):
        alone = {**others, name: value}
        if name != "seed":
            alone["seed"] = 9
        one = lmsample.sample(X[row], outputs=outputs, **alone)
        for field in ("tokens", "probs", "kept", "logprobs"):
            np.testing.assert_array_equal(getattr(whole, field)[row], getattr(one, field))
    if name != "preset":
        is_seed_or_step = name in ("seed", "step")
        array = np.array(
            [value % 2**64 if is_seed_or_step else -1 if value is None else value for value in values],
            np.uint64 if is_seed_or_step else None,
        )
        for shape in ((6,), (6, 1)):
            again = lmsample.sample(X, outputs=outputs, **{name: array.reshape(shape)}, **others)
            np.testing.assert_array_equal(again.probs, whole.probs)
            np.testing.assert_array_equal(again.tokens, whole.tokens)


def test_kinds_of_numbers():
    expected = lmsample.sample(X, temperature=0.5, top_k=30, seed=7)
    for temperature in (np.float32(0.5), np.float64(0.5), np.array(0.5), [0.5], (0.5,) * 6,
                        np.full(6, 0.5, np.float16)):  # fmt: skip
        for top_k in (np.int8(30), np.array([30], np.uint64), range(30, 31), [30] * 6):
            for seed in (np.uint8(7), np.array(7), [7], np.array([[7]], np.int16)):
                found = lmsample.sample(X, temperature=temperature, top_k=top_k, seed=seed)
                assert (found == expected).all()


def test_no_seed_of_some_rows_is_a_fresh_one():
    found = [lmsample.sample(X, seed=[7, None, 8, None, 9, 10], outputs=()) for _ in range(2)]
    for fresh in (1, 3):
        assert found[0].seed[fresh] != found[1].seed[fresh]
    assert found[0].seed[[0, 2, 4, 5]].tolist() == [7, 8, 9, 10]
    again = lmsample.sample(X, seed=found[0].seed)
    assert (again == found[0].tokens).all()


def test_none_is_off():
    expected = lmsample.sample(X, seed=7, outputs=("kept", "probs"))
    for name in ("temperature", "top_k", "top_p", "min_p"):
        for value in (None, [None] * 6, [None]):
            found = lmsample.sample(X, seed=7, outputs=("kept", "probs"), **{name: value})
            np.testing.assert_array_equal(found.probs, expected.probs)
            assert found.kept.tolist() == [700] * 6
    some = lmsample.sample(X, seed=7, top_k=[None, 1, 2, None, 2**63, 4], outputs="kept")
    assert some.kept.tolist() == [700, 1, 2, 700, 700, 4]


@pytest.mark.parametrize("value", [700, 2**31 - 1, 2**31, 2**40, 2**64, 10**30,
                                   np.uint64(2**64 - 1), np.full(6, 2**62), np.full(6, 2**32 + 1),
                                   [10**30] * 6])  # fmt: skip
def test_top_k_that_no_vocabulary_has_is_off(value):
    """Not cut to the bits of the record: 2^32 + 1 is not 1."""
    assert lmsample.sample(X, top_k=value, outputs="kept").kept.tolist() == [700] * 6


def test_the_smallest_shares():
    """What float32 has no number for becomes its smallest normal one, 2^-126, of which the
    logarithm is -87.34; 0 would be off, and of top-p greedy."""
    x = np.array([[0, -87, -88, 0]], np.float32)
    for value in (1e-50, 5e-324, 1e-40, np.float64(1e-300), np.array([[1e-50]])):
        assert lmsample.sample(x, min_p=value, outputs="kept").kept.tolist() == [3]
    assert lmsample.sample(x, min_p=0.0, outputs="kept").kept.tolist() == [4]
    found = lmsample.sample(x, top_p=1e-50, outputs="probs")
    assert found.probs.tolist() == [[1, 0, 0, 0]]


# --- Seeds -----------------------------------------------------------------------------------

#: What SplitMix64 gives as others publish it, from the state 1234567 = mix(SEED_1234567).
SEED_1234567 = 0x4373FDBF155465A3
#: The tokens are what oracle_sample (tests/support/oracle.h) draws from 100000 equal logits with
#: those seeds; tests/cli/test_sample.py has the same.
SHARED = [4065, 26510, 6503, 23707, 17088, 30446]
PUBLISHED = [SEED_1234567, 6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_seed_names_the_batch():
    derived = [lmsample.row_seed(SEED_1234567, row) for row in range(6)]
    assert derived[:4] == PUBLISHED
    rows = np.zeros((6, 100_000), np.float32)
    found = lmsample.sample(rows, seed=SEED_1234567, outputs=())
    by_row = lmsample.sample(rows, seed=derived, outputs=())
    assert found.tokens.tolist() == by_row.tokens.tolist() == SHARED
    assert found.seed == SEED_1234567 and by_row.seed.tolist() == derived
    # An array is taken as it is.
    assert len(set(lmsample.sample(rows, seed=[5] * 6).tolist())) == 1
    assert lmsample.sample(rows[0], seed=5) == lmsample.sample(rows, seed=[5] * 6)[3]


#: Seed, step, and the token that oracle_sample (tests/support/oracle.h) draws with them from
#: 65536 equal logits: numbers of more than 32 bits, and their halves.
ORACLE = [
    (0x0, 0x0, 57755),
    (0x1, 0x0, 58806),
    (0x100000000, 0x0, 64216),
    (0x100000001, 0x0, 11266),
    (0xDEADBEEFCAFEF00D, 0x0, 42284),
    (0xCAFEF00D, 0x0, 33404),
    (0x8000000000000000, 0x0, 33115),
    (0xFFFFFFFFFFFFFFFF, 0x0, 5410),
    (0x7, 0x1, 11065),
    (0x7, 0x100000001, 41067),
]


def test_tokens_are_the_oracles():
    rows = np.zeros((len(ORACLE), 65536), np.float32)
    seeds, steps, tokens = zip(*ORACLE)
    assert lmsample.sample(rows, seed=seeds, step=steps).tolist() == list(tokens)
    seeds, steps = np.array(seeds, np.uint64), np.array(steps, np.uint64)
    assert lmsample.sample(rows, seed=seeds, step=steps).tolist() == list(tokens)
    signed = seeds.astype(np.int64)
    assert lmsample.sample(rows, seed=signed, step=steps).tolist() == list(tokens)
    for seed, step, token in ORACLE:
        assert lmsample.sample(rows[0], seed=seed, step=step) == token


def test_rows_of_a_batch_are_independent():
    """Flat rows of 50: with equal random numbers, one token had all of them."""
    for seed in (None, 0, 1):
        counts = np.bincount(lmsample.sample(np.zeros((2000, 50), np.float32), seed=seed))
        # 49 degrees of freedom: above 112 once in 10^6
        assert ((counts - 40) ** 2 / 40).sum() < 112


def test_batches_of_neighbouring_seeds_share_no_row():
    seeds = {lmsample.row_seed(seed, row) for seed in range(-20, 20) for row in range(50)}
    assert len(seeds) == 40 * 50


def test_without_a_seed_a_fresh_one_is_drawn_and_told():
    rows = np.zeros((4, 100_000), np.float32)
    found = [lmsample.sample(rows, outputs=()) for _ in range(4)]
    assert len({one.seed for one in found}) == 4
    for one in found:
        assert type(one.seed) is int and 0 <= one.seed < 2**53
        again = lmsample.sample(rows, seed=one.seed)
        assert one.tokens.tolist() == again.tolist()
    assert len({tuple(lmsample.sample(rows).tolist()) for _ in range(4)}) == 4
    sampler = lmsample.Sampler(100_000, max_rows=4)
    one, two = sampler.sample(rows), sampler.sample(rows)
    assert one.seed != two.seed
    assert sampler.sample(rows, seed=one.seed).tokens.tolist() == one.tokens.tolist()


def test_the_index_does_not_change_which_seed_a_row_has():
    x = np.zeros((2, 100_000), np.float32)
    plain = lmsample.sample(np.zeros((4, 100_000), np.float32), seed=3)
    assert (lmsample.sample(x, index=[1, 1, 0, 1], seed=3) == plain).all()


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
    ("temperature", 10**400, r"temperature: is inf"),
    ("top_p", [1, 1, 1, 1, 1, -(10**400)], r"top_p\[5\]: is -inf"),
    ("temperature", float("inf"), "temperature: is inf"),
    ("temperature", 1e-30, "temperature: is 1e-30"),
    ("temperature", [1, 1, 1, 1e30, 1, 1], r"temperature\[3\]: is 1e\+30"),
    ("temperature", np.array([1, 1, 1, 1, 1, np.nan]), r"temperature\[5\]: is nan"),
    ("top_k", -2, r"top_k: is -2, must be a whole number from 0 \(off; -1 and None too\)"),
    ("top_k", [1, 2, 3, 4, 5, -3], r"top_k\[5\]: is -3"),
    ("top_k", np.full(6, -(2**40)), r"top_k\[0\]: is -1099511627776"),
    ("top_p", 1.5, r"top_p: is 1\.5, must be from 0 to 1 \(0: greedy, 1: off\)"),
    ("top_p", -0.1, r"top_p: is -0\.1"),
    ("top_p", float("nan"), "top_p: is nan"),
    ("top_p", [0.5, 0.5, 2, 0.5, 0.5, 3], r"top_p\[2\]: is 2"),
    ("min_p", 1.01, r"min_p: is 1\.01, must be from 0 to 1 \(0: off\)"),
    ("min_p", np.array([0, 0, -1, 0, 0, 0.0]), r"min_p\[2\]: is -1\.0"),
    ("seed", -(2**63) - 1, "seed: is -9223372036854775809, " + SEED),
    ("seed", 2**64, "seed: is 18446744073709551616, " + SEED),
    ("seed", [0, 1, 2**64, 3, 4, 5], r"seed\[2\]: is 18446744073709551616, " + SEED),
    ("step", -1, "step: is -1, " + WHOLE),
    ("preset", "vllm2", "preset: is 'vllm2', must be vllm, hugging-face, llama.cpp or joint"),
    ("preset", "vllm+", r"preset: is 'vllm\+'"),
    ("preset", ["vllm"] * 5 + ["x"], r"preset\[5\]: is 'x'"),
    ("preset", 16, "preset: is 16, must be a preset's name or flags from 0 to 15"),
    ("preset", [0, 1, 2, 3, 4, -1], r"preset\[5\]: is -1"),
    ("temperature", [1.0, 2.0], r"temperature: has shape \(2,\), must be one value, or one for"),
    ("step", np.array([0, -7, 0, 0, 0, 0]), r"step\[1\]: is -7, " + WHOLE),
    ("seed", np.zeros((1, 6), int), r"seed: has shape \(1, 6\)"),
    ("seed", np.zeros((5, 1), int), r"seed: has shape \(5, 1\)"),
    ("preset", ["vllm"] * 7, r"preset: has shape \(7,\).*each of the 6 rows"),
    ("index", [0, 6], r"index\[1\]: is 6, must be a row of the logits, 0 to 5, or -1 \(skipped\)"),
    ("index", [0, 0, -2], r"index\[2\]: is -2"),
    ("index", 3, r"index: has shape \(\), must have one dimension"),
    ("uniforms", np.zeros((6, 2, 3), np.uint32), r"uniforms: has shape \(6, 2, 3\), must be \(6,"),
    ("uniforms", np.zeros((5, 2, 4), np.uint32), r"uniforms: has shape \(5, 2, 4\)"),
    ("uniforms", np.zeros((6, 0, 4), np.uint32), r"uniforms: has shape \(6, 0, 4\)"),
    ("outputs", "entropy", "outputs: has 'entropy', must be of raw_logprobs, logprobs, kept, probs, "),
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
    ("seed", np.ma.masked_array(range(6), [1] * 6), "seed: is a masked array, must be a plain one"),
    ("temperature", True, "temperature: True is not a number"),
    ("temperature", np.ones(6, bool), "temperature: has values of type bool, must be a number"),
    ("step", None, "step: None is not a whole number"),
    ("seed", [1, 2, 3, 4, 5, 6.0], r"seed: 6\.0 is not a whole number"),
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
    ("token_dtype", object(), "token_dtype: <object .*> is not a type"),
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
    with pytest.raises(lmsample.ArgumentError, match=r"params\[4\]\.filters\.min_p: 2 is not") as caught:
        sampler._run(call)
    assert caught.value.status == 3
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, lmsample.Error)
