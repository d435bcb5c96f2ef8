"""Distributions, and seeds: what a request gets depends on nothing but it."""

import numpy as np
import pytest
import torch
from cases import chi_square
from server import NativeSampler, OurSampler, Server, random_logits
from test_edits import native_probs

VOCAB = 128

KINDS = {
    "temperature": {"temperature": 0.8},
    "top-k": {"temperature": 0.9, "top_k": 7},
    "top-p": {"temperature": 1.1, "top_p": 0.8},
    "min-p": {"temperature": 1.0, "min_p": 0.05},
    "all": {"temperature": 1.2, "top_k": 30, "top_p": 0.9, "min_p": 0.02},
    "penalties": {
        "temperature": 1.0,
        "repetition_penalty": 1.3,
        "frequency_penalty": 0.3,
        "presence_penalty": 0.4,
        "prompt": [3, 4, 5],
        "output": [7, 7, 9],
    },
    "bias and mask": {
        "temperature": 1.0,
        "logit_bias": {3: 4.0, 8: -100.0},
        "allowed_token_ids": list(range(40)),
    },
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampler", [OurSampler, NativeSampler])
def test_distribution(kind, sampler):
    """Of vLLM's sampler, too: the test holds both to one measure."""
    rows, draws = 64, 12800
    random = np.random.default_rng(len(kind))
    one = random_logits(random, 1, VOCAB, scale=2.0)
    server = Server(VOCAB, max_rows=rows)
    for row in range(rows):
        server.add(f"r{row}", **{"prompt": [1], **KINDS[kind]})
    metadata = server.metadata()
    expected = native_probs(one.repeat(rows, 1), metadata)[0].double().numpy()
    made = sampler()
    drawn = np.zeros(VOCAB, np.int64)
    torch.manual_seed(1)
    for _ in range(draws // rows):
        output = made(one.repeat(rows, 1), metadata)
        drawn += np.bincount(output.sampled_token_ids[:, 0].numpy(), minlength=VOCAB)
        if sampler is OurSampler:  # the place of the draw is that of its token
            for row in range(rows):
                server.batch.logitsprocs.argmax_invariant[-1]._requests[row].seed += 1
            made._engine._version = ()
    assert chi_square(drawn, expected) > 1e-4


def tokens_of(server, logits_of, steps, sampler=None):
    sampler = sampler or OurSampler()
    found = {name: [] for name in server.requests}
    for step in range(steps):
        logits = torch.stack([logits_of(name, step) for name in metadata_names(server)])
        for name, token in server.step(sampler, logits).items():
            found[name].append(token)
    return found


def metadata_names(server):
    server.metadata()
    return server.names()


def logits_of(name, step):
    random = np.random.default_rng([*name.encode(), step])
    return torch.from_numpy(random.standard_normal(VOCAB).astype(np.float32) * 2)


def test_seeded_requests_repeat_and_do_not_depend_on_the_batch():
    asked = {"prompt": [1, 2], "temperature": 1.0, "top_p": 0.95, "seed": 77}
    alone = Server(VOCAB)
    alone.add("mine", **asked)
    wanted = tokens_of(alone, logits_of, 30)["mine"]
    assert len(set(wanted)) > 5
    for others in (0, 1, 7):
        server = Server(VOCAB)
        for other in range(others):
            server.add(f"other{other}", [3], temperature=1.0, presence_penalty=0.5)
        server.add("mine", **asked)
        assert tokens_of(server, logits_of, 30)["mine"] == wanted


def test_requests_without_a_seed_differ_and_follow_vllms_own():
    def run(seed):
        torch.manual_seed(seed)
        server = Server(VOCAB)
        for name in "ab":
            server.add(name, [1], temperature=1.0)
        return tokens_of(server, lambda name, step: logits_of("same", step), 20)

    first = run(0)
    assert first["a"] != first["b"]
    assert run(0) == first
    assert run(1) != first
