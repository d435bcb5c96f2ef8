"""Bit masks of grammars, as vLLM's scheduler sends them: to its own function, which writes to
the logits, and to lmsample."""

import types

import numpy as np
import pytest
import torch
from cases import random_request
from lmsample_vllm import _grammar, counts, reset_counts
from server import OurSampler, Server, random_logits
from vllm.v1.structured_output.utils import apply_grammar_bitmask

VOCAB = 128
waiting = _grammar.waits(getattr(apply_grammar_bitmask, "theirs", apply_grammar_bitmask))


def masks_of(random, server, share=0.5):
    names = [name for name in server.names() if random.random() < share]
    words = random.integers(-(2**31), 2**31, (len(names), VOCAB // 32)).astype(np.int32)
    random.shuffle(names)
    return types.SimpleNamespace(structured_output_request_ids=names, grammar_bitmask=words)


def step(server, logits, grammar, apply):
    metadata = server.metadata()
    scheduled = types.SimpleNamespace(scheduled_spec_decode_tokens={})
    before = logits.clone()
    if grammar.structured_output_request_ids:
        apply(scheduled, grammar, server.batch, logits)
    is_written = not torch.equal(logits, before)
    return server.take(step.sampler(logits, metadata)), is_written


@pytest.mark.parametrize("logprobs", [False, True])
def test_tokens_are_the_same(logprobs):
    random = np.random.default_rng(logprobs)
    asked = [random_request(random, VOCAB) for _ in range(8)]
    for each in asked:
        # A mask that leaves nothing of these is another test's.
        each.pop("allowed_token_ids", None) if random.random() < 0.5 else None
        each.setdefault("seed", 5)
        if logprobs:
            each["logprobs"] = 2
    servers = [Server(VOCAB), Server(VOCAB)]
    for server in servers:
        for row, each in enumerate(asked):
            server.add(f"r{row}", **each)
    samplers = [OurSampler(), OurSampler()]
    written = []
    for turn in range(12):
        servers[0].metadata()
        logits = random_logits(random, 8, VOCAB)
        grammar = masks_of(random, servers[0], share=0.0 if turn % 4 == 3 else 0.5)
        found = []
        for server, sampler, apply in zip(servers, samplers, (waiting, apply_grammar_bitmask)):
            server.metadata()
            step.sampler = sampler
            tokens, is_written = step(server, logits.clone(), grammar, apply)
            found.append(tokens)
            if apply is waiting and grammar.structured_output_request_ids:
                written.append(is_written)
        assert found[0] == found[1]
    # Log-probabilities are of what is behind the masks, so that vLLM writes to the logits.
    assert set(written) == {logprobs}


def test_another_way_writes_the_masks_first():
    server = Server(VOCAB, tracker=True)
    server.add("a", [1], temperature=1.0, repetition_penalty=1e30)
    words = np.zeros((1, VOCAB // 32), np.int32)
    words[0, 2] = 1 << 5
    grammar = types.SimpleNamespace(structured_output_request_ids=["a"], grammar_bitmask=words)
    step.sampler = OurSampler()
    reset_counts()
    tokens, is_written = step(server, torch.zeros(1, VOCAB), grammar, waiting)
    assert tokens == {"a": 69} and not is_written
    (what,) = counts
    assert what.startswith("lmsample draws")


def test_masks_wait_for_their_own_logits_alone():
    server = Server(VOCAB)
    server.add("a", [1], temperature=0.0)
    metadata = server.metadata()
    words = np.zeros((1, VOCAB // 32), np.int32)
    grammar = types.SimpleNamespace(structured_output_request_ids=["a"], grammar_bitmask=words)
    scheduled = types.SimpleNamespace(scheduled_spec_decode_tokens={})
    waiting(scheduled, grammar, server.batch, torch.zeros(1, VOCAB))
    other = torch.zeros(1, VOCAB)
    other[0, 9] = 1.0
    assert OurSampler()(other, metadata).sampled_token_ids.tolist() == [[9]]
    assert _grammar._waiting is None


def test_guessed_tokens_are_vllms():
    server = Server(VOCAB)
    server.add("a", [1], temperature=0.0)
    server.metadata()
    words = np.zeros((2, VOCAB // 32), np.int32)
    words[:, 0] = 2
    grammar = types.SimpleNamespace(structured_output_request_ids=["a"], grammar_bitmask=words)
    scheduled = types.SimpleNamespace(scheduled_spec_decode_tokens={"a": [4]})
    logits = torch.zeros(2, VOCAB)
    waiting(scheduled, grammar, server.batch, logits)
    assert logits.isfinite().sum(dim=1).tolist() == [1, 1]
