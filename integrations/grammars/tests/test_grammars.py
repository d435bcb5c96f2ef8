"""JSON by a real model, under real grammars: always valid, different by seed, the same again."""

import pathlib
import sys

import lmsample
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import example  # noqa: E402
from example import KINDS, Job  # noqa: E402

ROWS = 8


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return example.Model(example.model_file(tmp_path_factory.mktemp("model")), ROWS)


@pytest.fixture(scope="module")
def libraries(model):
    return {name: make(model) for name, make in example.LIBRARIES.items()}


def jobs_of(seed):
    """Both libraries, all grammars, two temperatures: in one batch."""
    kinds, names = list(KINDS), list(example.LIBRARIES)
    return [
        Job(
            names[row // len(kinds)], kinds[row % len(kinds)], seed + row, 0.7 + 0.5 * (row % 2)
        )
        for row in range(ROWS)
    ]


@pytest.fixture(scope="module")
def texts(model, libraries):
    """By seed."""
    return {seed: example.write(model, libraries, jobs_of(seed)) for seed in (1, 101)}


def test_valid(texts):
    for seed, some in texts.items():
        for job, text in zip(jobs_of(seed), some):
            assert example.is_valid(KINDS[job.kind], text), (job, text)


def test_another_seed_is_another_text(texts):
    assert all(one != other for one, other in zip(*texts.values()))


def test_each_row_has_its_own_grammar(texts):
    for job, text in zip(jobs_of(1), texts[1]):
        fits = [name for name, kind in KINDS.items() if example.is_valid(kind, text)]
        assert fits == [job.kind]


def test_tokens_are_those_of_a_masked_row_alone(model, libraries, texts):
    """And the whole batch once more is the same."""
    steps = []

    def look(step, logits, masks, index, tokens):
        steps.append(step)
        if step % 5:
            return
        bits = np.unpackbits(masks.view(np.uint8), axis=1, bitorder="little")[:, : model.tokens]
        for row in np.flatnonzero(index >= 0):
            alone = np.where(bits[row] == 1, logits[index[row]], -np.inf).astype(np.float32)
            job = jobs_of(1)[row]
            token = lmsample.sample(
                alone[np.newaxis],
                step=step,
                top_p=0.95,
                temperature=job.temperature,
                seed=[job.seed],
            )[0]
            assert token == tokens[row], (step, row)

    assert example.write(model, libraries, jobs_of(1), look=look) == texts[1]
    assert len(steps) > 10


def test_without_a_mask_it_is_not_valid(model, libraries):
    """So that a lenient check can't go unseen."""

    class Free:
        def start(self, name):
            return None

        def fill(self, matcher, masks, row):
            masks[row] = -1

        def accept(self, matcher, token):
            return True

    names = list(KINDS)
    jobs = [Job("free", names[row % 4], row) for row in range(4)]
    found = example.write(model, {"free": Free()}, jobs, most=15)
    assert not any(example.is_valid(KINDS[job.kind], text) for job, text in zip(jobs, found))
