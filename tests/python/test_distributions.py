"""Tokens, probabilities and log-probabilities, against the textbook in float64."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import reference

import lmsample

ROOT = Path(__file__).resolve().parents[2]
ALL = ("logprobs", "raw_logprobs", "kept", "probs")
PRESETS = {"vllm": 0, "hugging-face": 10, "llama.cpp": 3, "joint": 6}
FILTERS = list(itertools.product([1.0, 0.6, 1.7], [0, 40], [1.0, 0.85], [0.0, 0.02]))


def rows(count, vocab, seed=0):
    return np.random.default_rng(seed).normal(0, 3, (count, vocab)).astype(np.float32)


@pytest.mark.parametrize("preset", PRESETS)
def test_filters(preset):
    x = rows(len(FILTERS), 1000, seed=len(preset))
    if preset == "hugging-face":
        x = np.round(x * 4) / 4  # with ties
    temperature, top_k, top_p, min_p = (list(column) for column in zip(*FILTERS))
    found = lmsample.sample(
        x, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, seed=5,
        step=range(len(x)), preset=preset, outputs=ALL,
    )  # fmt: skip
    assert not found.status.any()
    for row, (t, k, p, m) in enumerate(FILTERS):
        expected = reference.probs(x[row], t, k, p, m, PRESETS[preset])
        order, kept = reference.kept_in_order(x[row], t, k, p, m, PRESETS[preset])
        token = found.tokens[row]
        assert found.kept[row] == kept
        assert token in order[:kept]
        np.testing.assert_allclose(found.probs[row], expected, rtol=2e-6, atol=1e-9)
        np.testing.assert_allclose(found.logprobs[row], np.log(expected[token]), atol=1e-5)
        raw = reference.log_softmax(x[row].astype(np.float64))
        np.testing.assert_allclose(found.raw_logprobs[row], raw[token], atol=1e-5)


def test_presets_differ_where_they_should():
    x = np.array([[2.0, 1.0, 1.0, 0.0, -1.0, -4.0]], np.float32)
    params = dict(temperature=2.0, top_k=2, top_p=0.9, min_p=0.1, outputs=("kept",))
    kept = {name: int(lmsample.sample(x, preset=name, **params).kept[0]) for name in PRESETS}
    expected = {
        name: reference.kept_in_order(x[0], 2.0, 2, 0.9, 0.1, flags)[1]
        for name, flags in PRESETS.items()
    }
    assert kept == expected
    assert kept["hugging-face"] == 3 and kept["vllm"] == 2


def test_greedy_is_argmax():
    x = rows(50, 4000)
    assert (lmsample.sample(x, temperature=0) == x.argmax(1)).all()
    assert (lmsample.sample(x, top_p=0.0) == x.argmax(1)).all()
    assert (lmsample.sample(x, top_k=1) == x.argmax(1)).all()


def test_frequencies():
    """Pearson's chi-square over 20 tokens: above 60 once in 2 * 10^5 times, were it not for the
    seeds, which make it the same each time."""
    x, draws = rows(1, 20, seed=3)[0] / 3, 20000
    tokens = lmsample.sample(np.broadcast_to(x, (draws, 20)), seed=11, step=range(draws))
    expected = reference.probs(x) * draws
    found = np.bincount(tokens, minlength=20)
    assert ((found - expected) ** 2 / expected).sum() < 60


def test_the_example_in_c():
    """The tokens of examples/minimal.c."""
    x = np.array(
        [
            [0.1, 2.0, -1.0, 0.5, 3.0, 0.0, 1.0, -2.0],
            [1.0] * 8,
            [4.0, 3.5, 3.0, 2.5, 2.0, 1.5, 1.0, 0.5],
        ],
        np.float32,
    )
    lines = []
    for step in range(4):
        tokens = lmsample.sample(
            x, temperature=[0, 1, 0.8], top_k=[0, 0, 5], top_p=[1, 1, 0.9],
            min_p=[0, 0, 0.05], seed=[0, 42, 43], step=step,
        )  # fmt: skip
        lines.append(f"step {step}: {tokens[0]} {tokens[1]} {tokens[2]}\n")
    assert "".join(lines) == (ROOT / "tests/api/minimal.txt").read_text()


def test_a_row_depends_on_itself_alone():
    x = rows(40, 3000, seed=9)
    params = dict(temperature=0.9, top_p=0.95, top_k=500)
    whole = lmsample.sample(x, seed=range(40), step=7, **params)
    assert len(set(whole.tolist())) > 10
    for row in (0, 17, 39):
        assert lmsample.sample(x[row], seed=row, step=7, **params) == whole[row]
    back = lmsample.sample(x[::-1], seed=range(39, -1, -1), step=7, **params)
    assert (back[::-1] == whole).all()
    other = lmsample.sample(x, seed=range(40), step=8, **params)
    assert (other != whole).any()


def test_uniforms():
    """Equal words, equal tokens, whatever the seed."""
    x = rows(6, 500, seed=2)
    words = np.random.default_rng(1).integers(0, 2**32, (6, 64, 4), dtype=np.uint32)
    one = lmsample.sample(x, uniforms=words, seed=1)
    two = lmsample.sample(x, uniforms=words, seed=2)
    assert (one == two).all()
    assert (one != lmsample.sample(x, seed=1)).any()
    assert lmsample.sample(x[3], uniforms=words[3]) == one[3]
    strided = np.repeat(words, 2, axis=1)[:, ::2]
    assert (lmsample.sample(x, uniforms=strided) == one).all()
