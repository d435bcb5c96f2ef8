"""What lmsample makes of a row is what vLLM's code makes of it, from the same metadata."""

import numpy as np
import pytest
import torch
from cases import random_request, with_output
from lmsample_vllm._engine import Engine, Wants
from server import NativeSampler, OurSampler, Server, random_logits
from vllm.v1.sample.ops.topk_topp_sampler import apply_top_k_top_p

VOCAB = 128  # so many tokens can be named: the whole row


class Probs(Wants):
    """All probabilities that the token is drawn from."""

    def outputs(self):
        return ("probs",)


def served(random, rows=12):
    server = Server(VOCAB, max_rows=rows)
    for row in range(rows):
        server.add(f"r{row}", **with_output(random, random_request(random, VOCAB), VOCAB))
    return server


def native_edits(logits, metadata):
    return NativeSampler().apply_logits_processors(logits.clone().float(), metadata, False)


def native_probs(logits, metadata):
    """Of random rows: greedy ones have no such thing."""
    native = NativeSampler()
    edited = native_edits(logits, metadata)
    if metadata.temperature is None:
        return torch.softmax(edited, dim=-1)
    edited = native.apply_temperature(edited, metadata.temperature, metadata.all_random)
    for processor in metadata.logitsprocs.argmax_invariant:
        edited = processor.apply(edited)
    edited = apply_top_k_top_p(edited, metadata.top_k, metadata.top_p)
    return torch.softmax(edited, dim=-1)


def our_rows(logits, metadata, wants):
    """What the sampler would sample, of all rows."""
    sampler = OurSampler()
    sampler._look_at(metadata.logitsprocs)
    requests = sampler._batch.requests_of(len(logits))
    for request in requests:
        request.named = list(range(VOCAB))
    engine = Engine(VOCAB, logits.dtype, sampler._batch)
    (group,) = engine.groups(sampler._batch, requests, lambda request: wants)
    engine.follow([group])
    group.begin_step()
    return group.run(logits)


@pytest.mark.parametrize("case", range(25))
def test_logits_are_edited_alike(case):
    random = np.random.default_rng(case)
    server = served(random)
    logits = random_logits(random, 12, VOCAB)
    metadata = server.metadata()
    wanted = native_edits(logits, metadata).numpy()
    found = our_rows(logits, metadata, Wants("edited", named=True, as_logits=True))
    got = found.named_logprobs.numpy()
    assert (np.isneginf(got) == np.isneginf(wanted)).all()
    is_finite = np.isfinite(wanted)
    np.testing.assert_allclose(got[is_finite], wanted[is_finite], rtol=2e-6, atol=2e-5)


@pytest.mark.parametrize("case", range(25))
def test_tokens_are_drawn_from_the_same_probabilities(case):
    random = np.random.default_rng(1000 + case)
    server = served(random)
    logits = random_logits(random, 12, VOCAB)
    metadata = server.metadata()
    wanted = native_probs(logits, metadata).numpy()
    got = our_rows(logits, metadata, Probs("processed")).probs.numpy()
    for row, request in enumerate(server.batch.req_ids):
        if server.requests[request].sampling_params.temperature == 0:
            assert got[row].max() == 1 and got[row].argmax() == wanted[row].argmax()
        else:
            # Below 2^-30 of the best, weights are 0 here.
            is_seen = wanted[row] > 1e-8
            assert ((got[row] > 0)[is_seen]).all() and not got[row][wanted[row] == 0].any()
            np.testing.assert_allclose(got[row], wanted[row], rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("case", range(4))
def test_greedy_tokens_are_the_same_and_others_possible(case, dtype):
    random = np.random.default_rng(2000 + case)
    server = served(random)
    # Of 16 bits many logits are alike, and vLLM does not say which of them is taken.
    logits = random_logits(random, 12, VOCAB, dtype=dtype)
    metadata = server.metadata()
    probs = native_probs(logits, metadata).numpy()
    best = native_edits(logits, metadata).numpy()
    native = NativeSampler()(logits.clone(), metadata).sampled_token_ids[:, 0].tolist()
    ours = OurSampler()
    for _ in range(20):
        output = ours(logits.clone(), metadata)
        assert output.sampled_token_ids.dtype == torch.int32
        assert output.sampled_token_ids.shape == (12, 1)
        tokens = output.sampled_token_ids[:, 0].tolist()
        for row, name in enumerate(server.names()):
            params = server.requests[name].sampling_params
            if params.temperature == 0:
                assert best[row, tokens[row]] == best[row].max()
                if dtype == torch.float32:
                    assert tokens[row] == native[row]
            elif dtype == torch.float32:
                assert probs[row, tokens[row]] > 0
        if case % 2:
            server.take(output)
            metadata = server.metadata()
            probs = native_probs(logits, metadata).numpy()
            best = native_edits(logits, metadata).numpy()
            native = NativeSampler()(logits.clone(), metadata).sampled_token_ids[:, 0].tolist()


def test_logits_are_not_written_to():
    random = np.random.default_rng(5)
    server = served(random)
    logits = random_logits(random, 12, VOCAB)
    before = logits.clone()
    OurSampler()(logits, server.metadata())
    assert torch.equal(logits, before)


def test_a_row_of_a_wider_tensor():
    """As vLLM has it where the vocabulary is padded."""
    random = np.random.default_rng(6)
    server = served(random)
    wide = random_logits(random, 12, VOCAB + 40)
    part = wide[:, :VOCAB]
    metadata = server.metadata()
    tokens = [OurSampler()(x, metadata).sampled_token_ids for x in (part, part.contiguous())]
    assert torch.equal(*tokens)
