"""The backend against SGLang's own code: samplers, batches, registry and log-probabilities."""

import types

import numpy as np
import pytest
import torch
from batch import Theirs, info, ours, random_logits, run
from lmsample_sglang import counts, register
from lmsample_sglang._sampler import LmsampleSampler
from sglang.srt.layers import sampler as theirs
from sglang.srt.layers.sampler import top_k_top_p_min_p_sampling_from_probs_torch

VOCAB = 128
FILTERS = [
    {},
    {"top_k": 9},
    {"top_p": 0.8},
    {"min_p": 0.1},
    {"top_k": 40, "top_p": 0.9},
    {"top_k": 40, "top_p": 0.9, "min_p": 0.02},
]


def kept(logits, batch):
    """What SGLang draws from: probabilities behind its filters, by its own function."""
    probs = torch.softmax(logits / batch.temperatures, dim=-1)
    _, weights, tokens, _ = top_k_top_p_min_p_sampling_from_probs_torch(
        probs,
        batch.top_ks,
        batch.top_ps,
        batch.min_ps,
        batch.need_min_p_sampling,
        None,
        None,
        return_filtered_probs=True,
    )
    found = torch.zeros_like(weights).scatter(1, tokens.long(), weights)
    return (found / found.sum(dim=1, keepdim=True)).numpy()


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_distribution(filters):
    from scipy import stats

    random = np.random.default_rng(1)
    rows = 64
    logits = random_logits(random, 1, VOCAB, scale=2.0).repeat(rows, 1)
    asked = [{"temperature": 0.9, "sampling_seed": row, **filters} for row in range(rows)]
    batch = info(VOCAB, asked)
    expected = kept(logits, batch)[0].astype(np.float64)
    sampler, drawn = ours(), np.zeros(VOCAB)
    for position in range(150):
        tokens, _ = run(sampler, logits, batch, position)
        drawn += np.bincount(tokens.numpy(), minlength=VOCAB)
    assert not drawn[expected == 0].any()
    expected *= drawn.sum() / expected.sum()
    is_small = expected < 8
    drawn = np.append(drawn[~is_small], drawn[is_small].sum())
    expected = np.append(expected[~is_small], expected[is_small].sum())
    some = expected > 0
    assert stats.chisquare(drawn[some], expected[some]).pvalue > 1e-4


def test_greedy_tokens_are_the_same():
    random = np.random.default_rng(2)
    logits = random_logits(random, 8, VOCAB)
    for mixed in (False, True):
        asked = [{"temperature": 0.0} for _ in range(8)]
        if mixed:
            asked[3] = {"temperature": 1.0, "top_p": 0.9}
        batch = info(VOCAB, asked)
        got, _ = run(ours(), logits, batch, 5)
        greedy = [row for row in range(8) if asked[row]["temperature"] == 0]
        assert got[greedy].tolist() == logits.argmax(dim=-1)[greedy].tolist()


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_a_draw_is_named_by_seed_and_position_and_not_by_the_batch(filters):
    random = np.random.default_rng(3)
    mine = {"temperature": 1.0, "sampling_seed": 7, **filters}
    logits = random_logits(random, 16, VOCAB, scale=1.5)
    positions = torch.arange(100, 116)
    sampler = ours()
    alone = [
        int(
            run(sampler, logits[row : row + 1], info(VOCAB, [mine]), positions[row : row + 1])[
                0
            ]
        )
        for row in range(16)
    ]
    assert len(set(alone)) > 4
    others = [{"temperature": 0.5, "top_k": 3}, {"temperature": 1.3, "min_p": 0.2}]
    for place in range(3):
        batch = others[:]
        batch.insert(place, mine)
        for row in range(16):
            x = random_logits(random, 3, VOCAB)
            x[place] = logits[row]
            at = torch.full((3,), 9)
            at[place] = positions[row]
            tokens, _ = run(sampler, x, info(VOCAB, batch), at)
            assert int(tokens[place]) == alone[row]


def test_what_sglang_itself_does_not_do():
    """Its seeded sampling knows no min-p: so the test above says something."""
    with pytest.raises(AssertionError, match="wrong results"):
        batch = info(VOCAB, [{"temperature": 1.0, "min_p": 0.1, "sampling_seed": 1}])
        run(Theirs(), torch.zeros(1, VOCAB), batch, 0)


def test_without_seeds_draws_follow_pytorchs_generator():
    logits = torch.zeros(4, VOCAB)
    batch = info(VOCAB, [{"temperature": 1.0}] * 4, deterministic=False)
    torch.manual_seed(5)
    first = [run(ours(), logits, batch, 0)[0].tolist() for _ in range(3)]
    torch.manual_seed(5)
    assert [run(ours(), logits, batch, 0)[0].tolist() for _ in range(3)] == first
    assert first[0] != first[1] and len(set(first[0])) > 1


def test_penalties_bias_and_mask_come_as_sglang_hands_them_over():
    random = np.random.default_rng(4)
    logits = random_logits(random, 2, VOCAB)

    class Grammar:
        def apply(self, x):
            x[:, 40:] = -float("inf")

    additive = torch.zeros(2, VOCAB)
    additive[:, int(logits[0, :40].argmax())] = -50.0
    bias = torch.zeros(2, VOCAB)
    bias[1, 3] = 60.0
    batch = info(
        VOCAB,
        [{"temperature": 0.0}, {"temperature": 1.0}],
        acc_additive_penalties=additive,
        acc_scaling_penalties=torch.full((2, VOCAB), 1.1),
        logit_bias=bias,
    )
    batch.grammar_mask = Grammar()
    tokens, output = run(ours(), logits, batch, 0)
    assert tokens[0] == output.next_token_logits[0].argmax() != logits[0].argmax()
    assert tokens.tolist()[1] == 3 and max(tokens.tolist()) < 40


@pytest.mark.parametrize("case", ["greedy", "plain", "filters", "original", "grammar"])
def test_logprobs(case, monkeypatch):
    random = np.random.default_rng(6)
    logits = random_logits(random, 4, VOCAB)
    if case == "grammar":
        logits[:, 3:] = -float("inf")
    monkeypatch.setattr(theirs, "SGLANG_RETURN_ORIGINAL_LOGPROB", case == "original")
    temperatures = [0.0] * 4 if case == "greedy" else [0.0, 0.5, 1.0, 1.7]
    filters = {} if case in ("greedy", "plain") else {"top_k": 20, "top_p": 0.9}
    batch = info(VOCAB, [{"temperature": t, **filters} for t in temperatures])
    tops, named = [0, 5, 2, 20], [None, [1, 2, 3], [], [100]]
    tokens, got = run(ours(), logits, batch, 3, True, tops, named)
    scaled = logits if case in ("greedy", "original") else logits / batch.temperatures
    wanted = theirs.OutputLogprobProcessor().compute_logprobs(
        torch.log_softmax(scaled, dim=-1), tops, named, tokens
    )
    close = {"atol": 2e-4, "rtol": 1e-5}
    torch.testing.assert_close(got.next_token_logprobs, wanted.token_logprobs, **close)
    for row in range(4):
        torch.testing.assert_close(
            got.next_token_top_logprobs_val[row], wanted.top_logprobs_val[row], **close
        )
        mine, its = got.next_token_top_logprobs_idx[row], wanted.top_logprobs_idx[row]
        likely = wanted.top_logprobs_val[row] > -1e30
        assert mine[likely].tolist() == its[likely].tolist()
        assert len(set(mine.tolist())) == tops[row]
        torch.testing.assert_close(
            got.next_token_token_ids_logprobs_val[row],
            wanted.token_ids_logprobs_val[row],
            **close,
        )
    assert got.next_token_token_ids_logprobs_idx == wanted.token_ids_logprobs_idx


def test_custom_logit_processors():
    from sglang.srt.sampling.sampling_batch_info import ProcessorEntry

    entry = ProcessorEntry(
        processor=lambda x, params: torch.full_like(x, -1e9).index_fill(
            1, torch.tensor(77), 1.0
        ),
        rows=[1],
        indices=torch.tensor([1]),
    )
    batch = info(
        VOCAB,
        [{"temperature": 1.0}] * 2,
        has_custom_logit_processor=True,
        custom_params=[None, None],
        custom_logit_processor={1: entry},
    )
    tokens, _ = run(ours(), torch.zeros(2, VOCAB), batch, 0)
    assert tokens[1] == 77 != tokens[0]


def test_sampling_masks_are_sglangs_own():
    batch = info(VOCAB, [{"temperature": 1.0, "top_k": 3}], deterministic=False)
    batch.sampling_mask_batch_indices = torch.tensor([0])
    counts.clear()
    logits = random_logits(np.random.default_rng(7), 1, VOCAB)
    tokens, output = run(ours(), logits, batch, 0)
    assert dict(counts) == {"SGLang: return_sampling_mask": 1}
    assert output.sampling_mask_output.lengths.tolist() == [3]
    assert int(tokens) in logits[0].topk(3).indices.tolist()


def test_a_batch_that_changes():
    """SGLang makes new tensors when requests come and go."""
    sampler, logits = ours(), random_logits(np.random.default_rng(8), 3, VOCAB)
    asked = [{"temperature": 1.0, "sampling_seed": s, "top_k": 20} for s in range(3)]
    whole = run(sampler, logits, info(VOCAB, asked), 4)[0].tolist()
    keep = torch.tensor([0, 2])
    batch = info(VOCAB, asked)
    batch.penalizer_orchestrator = types.SimpleNamespace(
        filter=lambda *_: None, is_required=False
    )
    batch.filter_batch([0, 2], keep)
    assert run(sampler, logits[keep], batch, 4)[0].tolist() == [whole[0], whole[2]]
    swapped = info(VOCAB, asked[::-1])
    assert run(sampler, logits.flip(0), swapped, 4)[0].tolist() == whole[::-1]


def test_a_row_without_a_possible_token():
    counts.clear()
    logits = torch.full((2, VOCAB), -float("inf"))
    logits[1, 5] = 0.0
    tokens, _ = run(ours(), logits, info(VOCAB, [{"temperature": 1.0}] * 2), 0)
    assert tokens.tolist() == [0, 5]
    assert counts["rows without a possible token: 0 was taken"] == 1


def test_the_backend_is_registered(monkeypatch):
    monkeypatch.setattr(theirs, "_CUSTOM_SAMPLER_FACTORIES", {})
    monkeypatch.setenv("LMSAMPLE_SGLANG", "0")
    register()
    assert type(theirs.create_sampler("pytorch")) is theirs.Sampler
    monkeypatch.setenv("LMSAMPLE_SGLANG", "1")
    for _ in range(2):
        register()
        for name in ("lmsample", "pytorch"):
            assert type(theirs.create_sampler(name)) is LmsampleSampler
    from sglang.srt.server_args import SAMPLING_BACKEND_CHOICES

    assert "lmsample" in SAMPLING_BACKEND_CHOICES
