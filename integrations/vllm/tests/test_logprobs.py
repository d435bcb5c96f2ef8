"""Log-probabilities and ranks, as vLLM's own functions give them for the same tokens."""

import numpy as np
import pytest
import torch
from cases import random_request, with_output
from lmsample_vllm import counts, reset_counts
from server import NativeSampler, OurSampler, Server, random_logits

VOCAB = 128
MODES = ["raw_logprobs", "raw_logits", "processed_logprobs"]


def served(random, rows=12, **more):
    server = Server(VOCAB, max_rows=rows)
    for row in range(rows):
        asked = with_output(random, random_request(random, VOCAB, logprobs=True), VOCAB)
        server.add(f"r{row}", **{**asked, **more})
    return server


def native_scores(logits, metadata, mode):
    """[rows, vocabulary]: what vLLM gathers logprobs of."""
    native = NativeSampler(logprobs_mode=mode)
    if mode == "raw_logprobs":
        return native.compute_logprobs(logits)
    if mode == "raw_logits":
        return logits.float()
    edited = native.apply_logits_processors(logits.clone().float(), metadata, False)
    return native.sample(edited, metadata)[1]


def check_row(got, wanted, count):
    """The sampled token, its rank, and the best `count`."""
    tokens, values, rank = got
    their_tokens, their_values, their_rank = wanted
    assert tokens[0] == their_tokens[0]
    # With another row's top-p, vLLM takes what has no weight as a float out of all rows.
    values, their_values = (np.where(v < -80, -np.inf, v) for v in (values, their_values))
    np.testing.assert_allclose(
        values[: count + 1], their_values[: count + 1], atol=2e-4, rtol=1e-5
    )
    assert rank == their_rank
    is_finite = np.isfinite(their_values[1 : count + 1])
    assert (tokens[1 : count + 1] == their_tokens[1 : count + 1])[is_finite].all()
    assert len(set(tokens[1 : count + 1].tolist())) == count


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", range(12))
def test_logprobs(mode, case):
    random = np.random.default_rng(case)
    server = served(random)
    logits = random_logits(random, 12, VOCAB)
    metadata = server.metadata()
    if metadata.max_num_logprobs is None:
        pytest.skip("no request of this case wants any")
    ours = OurSampler(logprobs_mode=mode)
    output = ours(logits.clone(), metadata)
    tokens = output.sampled_token_ids[:, 0].long()
    scores = native_scores(logits, metadata, mode)
    wanted = NativeSampler.gather_logprobs(scores, metadata.max_num_logprobs, tokens)
    got = output.logprobs_tensors
    for a, b in zip(got[:3], wanted[:3]):
        assert a.dtype == b.dtype and a.shape == b.shape
    for row, name in enumerate(server.names()):
        count = server.requests[name].sampling_params.logprobs
        if count is None:
            continue
        rows = [[item[row].numpy() for item in of[:3]] for of in (got, wanted)]
        check_row(*rows, count)


@pytest.mark.parametrize("mode", MODES)
def test_named_tokens(mode):
    random = np.random.default_rng(3)
    server = Server(VOCAB)
    server.add("none", [1], temperature=1.0)
    server.add("three", [1], temperature=1.0, logprobs=3, logprob_token_ids=[5, 4, 99])
    server.add("one", [1], temperature=0.0, logprob_token_ids=[7])
    logits = random_logits(random, 3, VOCAB)
    metadata = server.metadata()
    output = OurSampler(logprobs_mode=mode)(logits.clone(), metadata)
    got = output.logprobs_tensors
    scores = native_scores(logits, metadata, mode)
    tokens = output.sampled_token_ids[:, 0].long()
    native = NativeSampler(logprobs_mode=mode)
    wanted = native.gather_specific_token_logprobs(scores, metadata.logprob_token_ids, tokens)
    assert torch.equal(got.logprob_token_ids[1:], wanted.logprob_token_ids[1:])
    torch.testing.assert_close(got.logprobs[1:], wanted.logprobs[1:], atol=1e-4, rtol=1e-5)
    assert torch.equal(got.selected_token_ranks[1:], wanted.selected_token_ranks[1:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_banned_tokens_of_a_grammar_come_last(dtype):
    """vLLM writes -inf into the logits for a grammar, before it samples."""
    random = np.random.default_rng(4)
    server = Server(VOCAB)
    server.add("a", [1], temperature=1.0, logprobs=10)
    logits = random_logits(random, 1, VOCAB, dtype=dtype)
    logits[:, 6:] = -float("inf")
    output = OurSampler()(logits, server.metadata())
    tokens, values, ranks = output.logprobs_tensors[:3]
    assert values[0].isfinite().tolist() == [True] * 7 + [False] * 4
    assert len(set(tokens[0, 1:].tolist())) == 10 and tokens.max() < VOCAB
    assert 1 <= ranks[0] <= 6


def test_all_logprobs_and_processed_logits_are_vllms():
    random = np.random.default_rng(6)
    for mode, count, what in (
        ("raw_logprobs", -1, "lmsample draws: logprobs of more than 1024 tokens"),
        ("processed_logits", 5, "vLLM: processed_logits of logits that vLLM edited"),
        ("processed_logprobs", -1, "vLLM: processed_logprobs of logits that vLLM edited"),
    ):
        server = Server(2000)
        server.add(
            "a", [1, 2], temperature=0.9, top_k=30, repetition_penalty=1.2, logprobs=count
        )
        logits = random_logits(random, 1, 2000)
        metadata = server.metadata()
        reset_counts()
        output = OurSampler(logprobs_mode=mode)(logits.clone(), metadata)
        assert counts[what] == 1, counts
        values = output.logprobs_tensors.logprobs
        if count < 0:
            assert values.shape == (1, 2001) or values.shape == (1, 2000)
