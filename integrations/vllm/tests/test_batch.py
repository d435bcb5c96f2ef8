"""vLLM's batch over hundreds of steps: requests come, go, wait and change places."""

import types

import numpy as np
import pytest
import torch
from cases import random_request
from lmsample_vllm import counts, reset_counts
from server import OurSampler, Server

VOCAB = 128


def logits_of(name, step):
    random = np.random.default_rng([*name.encode(), step])
    return torch.from_numpy(random.standard_normal(VOCAB).astype(np.float32) * 2)


def batch_logits(server):
    return torch.stack(
        [logits_of(n, len(server.requests[n].output_token_ids)) for n in server.names()]
    )


def alone(name, asked, steps):
    """What a request gets by itself."""
    if not _alone:
        _alone.extend([Server(VOCAB), OurSampler()])
    server, sampler = _alone
    server.add(name, **asked)
    for _ in range(steps):
        server.metadata()
        server.step(sampler, batch_logits(server))
    tokens = server.requests[name].output_token_ids
    server.finish(name)
    return tokens


_alone = []


class Crowd:
    def __init__(self, random, max_rows):
        self.random = random
        self.server = Server(VOCAB, max_rows=max_rows)
        self.asked, self.tokens, self.waiting = {}, {}, []
        self.max_rows = max_rows

    def come(self):
        name = f"r{len(self.asked)}"
        asked = random_request(self.random, VOCAB, logprobs=True)
        asked.setdefault("seed", int(self.random.integers(2**40)))
        self.asked[name] = asked
        self.server.add(name, **asked)

    def change(self):
        """Before a step, as the scheduler decides."""
        random, server = self.random, self.server
        for name in list(server.batch.req_id_to_index):
            chance = random.random()
            if chance < 0.03:
                self.tokens[name] = list(server.requests[name].output_token_ids)
                server.finish(name)
            elif chance < 0.06:
                server.preempt(name)
                self.waiting.append(name)
        for name in list(self.waiting):
            if random.random() < 0.3 and server.batch.num_reqs < self.max_rows:
                self.waiting.remove(name)
                server.resume(name)
        while random.random() < 0.4 and server.batch.num_reqs < self.max_rows:
            self.come()
        if server.batch.num_reqs == 0:
            self.come()
        server.batch.condense()
        if server.batch.num_reqs > 1 and random.random() < 0.3:
            a, b = random.choice(server.batch.num_reqs, 2, replace=False).tolist()
            server.batch.swap_states(a, b)

    def step(self, sampler):
        server = self.server
        self.change()
        server.metadata()
        names = server.names()
        # A prompt that is read in parts is sampled too early: the token is thrown away.
        discard = {n for n in names if self.random.random() < 0.05}
        server.step(sampler, batch_logits(server), discard)


@pytest.mark.parametrize("rows, steps", [(8, 300), (3, 150)])
def test_each_request_gets_what_it_gets_alone(rows, steps):
    crowd, sampler = Crowd(np.random.default_rng(rows), rows), OurSampler()
    reset_counts()
    for _ in range(steps):
        crowd.step(sampler)
    assert dict(counts) == {"one pass": steps}
    for name, request in crowd.server.requests.items():
        crowd.tokens[name] = request.output_token_ids
    long = [name for name, tokens in crowd.tokens.items() if len(tokens) > 5]
    assert len(long) > 10
    for name in long:
        tokens = crowd.tokens[name]
        assert alone(name, crowd.asked[name], len(tokens)) == tokens, crowd.asked[name]


def test_slots_are_given_back():
    crowd, sampler = Crowd(np.random.default_rng(9), 8), OurSampler()
    for _ in range(60):
        crowd.step(sampler)
    for name in list(crowd.server.batch.req_id_to_index):
        crowd.server.finish(name)
    crowd.server.add("last", [1], temperature=0.0)
    crowd.server.metadata()
    crowd.server.step(sampler, batch_logits(crowd.server))
    slots = sampler._engine.history.slots
    assert slots.room >= slots.max_tokens


def test_histories_that_outgrow_their_room(monkeypatch):
    """Slots begin small, and are made anew, with all that they had."""
    from lmsample_vllm import _history

    asked = {
        f"r{i}": {"prompt": [i, 1, 2], "temperature": 1.0, "repetition_penalty": 1.2, "seed": i}
        for i in range(4)
    }
    wanted = {name: alone(name, each, 300) for name, each in asked.items()}
    monkeypatch.setattr(_history, "_FIRST_TOKENS", 512)
    server, sampler = Server(VOCAB), OurSampler()
    server.add("r0", **asked["r0"])
    sizes = set()
    for step in range(300):
        if step in (5, 6, 100):
            name = f"r{len(server.requests)}"
            server.add(name, **asked[name])
        server.metadata()
        server.step(sampler, batch_logits(server))
        sizes.add(sampler._engine.history.slots.max_tokens)
    assert len(sizes) > 1
    for name, request in server.requests.items():
        tokens = request.output_token_ids
        assert tokens == wanted[name][: len(tokens)]


def test_a_request_that_begins_anew_under_its_name():
    """Streaming input: the same list, emptied, and another prompt."""
    asked = {"temperature": 1.0, "seed": 3, "frequency_penalty": 1.0, "repetition_penalty": 1.3}
    server, sampler = Server(VOCAB), OurSampler()
    server.add("a", [1, 2, 3], **asked)
    server.add("b", [9], temperature=1.0, seed=1, presence_penalty=0.3)
    for _ in range(10):
        server.metadata()
        server.step(sampler, batch_logits(server))
    state = server.requests["a"]
    server.preempt("a")
    state.prompt_token_ids = [1, 2, 3, *state.output_token_ids, 50, 51]
    state.num_prompt_tokens = len(state.prompt_token_ids)
    state.output_token_ids.clear()
    server.resume("a")
    for _ in range(10):
        server.metadata()
        server.step(sampler, batch_logits(server))
    assert state.output_token_ids == alone("a", {**asked, "prompt": state.prompt_token_ids}, 10)


def test_tokens_that_are_not_known_yet():
    """Asynchronous scheduling: -1 stands in a list until just before the next step."""
    asked = {"prompt": [1, 2], "temperature": 1.0, "seed": 5, "repetition_penalty": 1.4}
    plain = {"prompt": [1, 2], "temperature": 1.0, "seed": 6}
    wanted = {"a": alone("a", asked, 20), "b": alone("b", plain, 20)}
    server, sampler = Server(VOCAB), OurSampler()
    server.add("a", **asked)
    server.add("b", **plain)
    found = {"a": [], "b": []}
    event = types.SimpleNamespace(synchronize=lambda: None)
    for _ in range(20):
        metadata = server.metadata()
        logits = batch_logits(server)
        server.batch.update_async_output_token_ids()
        output = sampler(logits, metadata)
        for name, token in zip(server.names(), output.sampled_token_ids[:, 0].tolist()):
            found[name].append(token)
            server.requests[name].output_token_ids.append(-1)
        server.batch.prev_req_id_to_index = dict(server.batch.req_id_to_index)
        server.batch.set_async_sampled_token_ids(output.sampled_token_ids, event)
    assert found == wanted
