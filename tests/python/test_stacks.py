"""What other stacks' own code made of one row of logits, written down: transformers 5.24.0
(generation/logits_process.py), vLLM 0.33.0 (v1/sample), SGLang 0.5.23 (srt/sampling), llama.cpp of
llama-cpp-python 0.3.36 (src/llama-sampler.cpp). `./run check stacks` runs that code, on many rows."""

import lmsample
import numpy as np
import pytest
from lmsample import Edits

INF = float("inf")
X = [2, -1, 0.5, 3, 0, -0.5, 1.5, -INF, 0.25, -2]
UNCONDITIONAL = [1, 1, 0, 2, 0.5, -1, 1.5, 0, 0, -1]
HISTORY = ([3, 1, 3, 4], [0, 3, 1, 3])
REPEATING = ([], [0, 3, 1, 3, 6, 2, 3, 1, 3])
PENALTIES = dict(repetition=1.25, frequency=0.5, presence=0.25)
DRY = dict(dry_multiplier=0.5, dry_base=2.0, dry_allowed_length=1)


def row(**changed):
    """X with some of its logits changed: _6=-1."""
    return [changed.get(f"_{token}", x) for token, x in enumerate(X)]


# source, edits, the row as that made it
CASES = [
    ("RepetitionPenaltyLogitsProcessor", Edits(repetition=1.25, preset="hugging-face"),
     row(_0=1.6, _1=-1.25, _3=2.4)),
    ("NoRepeatNGramLogitsProcessor(1)", Edits(ngram=1), row(_0=-INF, _1=-INF, _3=-INF, _4=-INF)),
    ("NoRepeatNGramLogitsProcessor(3)", Edits(ngram=3), row(_4=-INF)),
    ("NoRepeatNGramLogitsProcessor(9)", Edits(ngram=9), X),
    ("EncoderNoRepeatNGramLogitsProcessor", Edits(encoder_ngram=2, encoder=[3, 8, 3, 9]),
     row(_8=-INF, _9=-INF)),
    ("SequenceBiasLogitsProcessor",
     Edits(sequence_bias={(1, 3, 6): 2.0, (9,): -1.0, (3, 3, 5): 4.0, (5,): 0.25}),
     row(_5=-0.25, _6=3.5, _9=-3.0)),
    ("NoBadWordsLogitsProcessor", Edits(bad_words=[[1, 3, 6], [9], [3, 3, 5]]),
     row(_6=-INF, _9=-INF)),
    ("NoBadWordsLogitsProcessor, from the prompt on",
     Edits(bad_words=[[4, 0, 3, 1, 3, 5]], preset=lmsample.BAD_WORDS_PROMPT), row(_5=-INF)),
    ("SGLang penalties", Edits(preset="sglang", **PENALTIES), row(_0=1, _1=-2.1875, _3=1.4)),
    ("ExponentialDecayLengthPenalty",
     Edits(end_tokens=[9, 6, 7], decay_start=2, decay_factor=1.5), row(_6=3.375, _9=0.5)),
    ("MinNewTokensLengthLogitsProcessor", Edits(end_tokens=[9, 6], min_tokens=5),
     row(_6=-INF, _9=-INF)),
    ("ClassifierFreeGuidanceLogitsProcessor", Edits(guidance=1.5),
     [2.5, -2, 0.75, 3.5, -0.25, -0.25, 1.5, -INF, 0.375, -2.5]),
    ("UnbatchedClassifierFreeGuidanceLogitsProcessor", Edits(guidance=1.5, preset="hugging-face"),
     [-1.3553258, -5.8553257, -3.1053257, -0.35532570, -4.1053257, -4.1053257, -2.3553257, -INF,
      -3.4803257, -6.3553257]),
    ("vLLM apply_penalties", Edits(**PENALTIES), row(_0=0.85, _1=-2, _3=1.15)),
    ("vLLM logit_bias", Edits(bias={6: 2.5, 9: -1.0, 7: 3.0}, repetition=1.25),
     row(_0=1.6, _1=-1.25, _3=2.4, _6=4, _9=-3)),
    ("vLLM min_tokens", Edits(end_tokens=[9, 6], min_tokens=5), row(_6=-INF, _9=-INF)),
    ("vLLM bad_words", Edits(bad_words=[[1, 3, 6], [9], [4, 0, 3, 1, 3, 5]]),
     row(_6=-INF, _9=-INF)),
    ("vLLM allowed_token_ids", Edits(allowed=[0, 3, 7, 9]),
     [2, -INF, -INF, 3, -INF, -INF, -INF, -INF, -INF, -2]),
    ("llama.cpp penalties, last 3", Edits(preset="llama.cpp", window=3, **PENALTIES),
     row(_1=-2, _3=1.15)),
    ("llama.cpp penalties, last 99", Edits(preset="llama.cpp", window=99, **PENALTIES),
     row(_0=0.85, _1=-2.5, _3=0.15, _4=-0.75)),
    ("llama.cpp logit_bias", Edits(bias=([6, 6, 9], [2.0, 0.5, -1.0])), row(_6=4, _9=-3)),
    ("llama.cpp dry", Edits(**DRY), row(_1=-1.5, _6=-0.5)),
    ("llama.cpp dry, last 6", Edits(dry_range=6, **DRY), row(_1=-1.5, _6=1)),
    ("llama.cpp dry, breaker 1", Edits(dry_breakers=[[1]], **DRY), row(_6=1)),
    ("llama.cpp dry, breaker 3 1", Edits(dry_breakers=[[3, 1]], **DRY), row(_1=-1.5, _6=1)),
    ("llama.cpp dry, allowed 3", Edits(**{**DRY, "dry_allowed_length": 3}), row(_6=1)),
]  # fmt: skip


@pytest.fixture(scope="module")
def found():
    """All cases as rows of one batch."""
    names = [name for name, _, _ in CASES]
    return lmsample.sample(
        np.array([X, UNCONDITIONAL], np.float32),
        index=[0] * len(CASES),
        edits=[edits for _, edits, _ in CASES],
        history=[REPEATING if " dry" in name else HISTORY for name in names],
        unconditional=[1 if "Guidance" in name else -1 for name in names],
        named=list(range(len(X))),
        logprobs_of="edited",
        as_logits=True,
        seed=1,
    ).named_logprobs


@pytest.mark.parametrize("number", range(len(CASES)), ids=[name for name, _, _ in CASES])
def test_edits(found, number):
    np.testing.assert_allclose(found[number], CASES[number][2], rtol=1e-6)


def test_log_probabilities_and_ranks():
    """vLLM's gather_logprobs() of token 6, without and with a tie."""
    x = np.array([X, row(_0=1.5)], np.float32)
    ours = lmsample.sample(
        x, target=6, top_logprobs=3, outputs=("raw_logprobs", "raw_ranks")
    )
    np.testing.assert_allclose(ours.raw_logprobs, [-2.1109, -2.0290], atol=5e-5)
    np.testing.assert_array_equal(ours.raw_ranks, [3, 3])
    expected = [[-0.6109, -1.6109, -2.1109], [-0.5290, -2.0290, -2.0290]]
    np.testing.assert_allclose(ours.top_logprobs, expected, atol=5e-5)
    np.testing.assert_array_equal(ours.top_tokens, [[3, 0, 6], [3, 0, 6]])


def test_what_is_not_as_there():
    """docs/use/coming-from.md: a row in which nothing is left has a status. Hugging Face's
    PrefixConstrainedLogitsProcessor would give token 7 a logit of 0 here."""
    x = np.array([X], np.float32)
    found = lmsample.sample(x, edits=Edits(allowed=[7]), outputs=())
    assert found.status[0] == lmsample.ROW_EMPTY and found.tokens[0] == -1


def test_no_row_has_a_history():
    sampler = lmsample.Sampler(len(X), requests=True)
    x = np.array([X], np.float32)
    assert sampler.sample(x, history=[None], temperature=0).tokens[0] == 3
