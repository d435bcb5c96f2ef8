"""What is not lmsample's goes to vLLM's code, is counted, and is right."""

import sys
import types

import numpy as np
import torch
from lmsample_vllm import counts, reset_counts
from lmsample_vllm._batch import Batch
from lmsample_vllm._sampler import LmsampleSampler
from server import NativeSampler, OurSampler, Server, random_logits
from vllm.v1.sample.logits_processor.interface import LogitsProcessor

VOCAB = 128


class OnlyEven(LogitsProcessor):
    """Somebody else's."""

    def __init__(self, *_):
        pass

    def is_argmax_invariant(self):
        return False

    def update_state(self, batch_update):
        pass

    def apply(self, logits):
        logits[:, 1::2] = -float("inf")
        return logits


class OnlyBest(OnlyEven):
    def is_argmax_invariant(self):
        return True

    def apply(self, logits):
        best = logits.argmax(dim=-1, keepdim=True)
        return torch.full_like(logits, -float("inf")).scatter(1, best, 1.0)


def only(what):
    assert dict(counts) == {what: 1}, counts


def test_other_peoples_logits_processors():
    random = np.random.default_rng(0)
    server = Server(VOCAB, more=[OnlyEven])
    server.add("a", [1], temperature=1.0, seed=1, presence_penalty=1.0, min_p=0.1)
    server.add("b", [1], temperature=0.0)
    for _ in range(5):
        reset_counts()
        tokens = server.step(OurSampler(), random_logits(random, 2, VOCAB))
        only("lmsample draws: logits processor OnlyEven")
        assert all(token % 2 == 0 for token in tokens.values())


def test_other_peoples_last_logits_processors():
    random = np.random.default_rng(0)
    server = Server(VOCAB, more=[OnlyBest])
    server.add("a", [1], temperature=1.0)
    reset_counts()
    logits = random_logits(random, 1, VOCAB)
    assert server.step(OurSampler(), logits.clone()) == {"a": int(logits.argmax())}
    only("vLLM: logits processor OnlyBest")


def test_thinking_budgets():
    class Holder:
        def has_tracked_requests(self):
            return True

        def update_state(self, *_, **__):
            pass

        def apply_to_logits(self, logits, *_):
            logits[:] = -float("inf")
            logits[:, 77] = 0.0
            return logits

    server = Server(VOCAB)
    server.add("a", [1], temperature=1.0)
    metadata = server.metadata()
    metadata.thinking_budget_state_holder = Holder()
    reset_counts()
    output = OurSampler()(random_logits(np.random.default_rng(0), 1, VOCAB), metadata)
    assert output.sampled_token_ids.tolist() == [[77]]
    only("lmsample draws: thinking budgets")


def test_a_grammar_that_allows_end_tokens_alone_before_min_tokens():
    server = Server(VOCAB)
    from vllm.sampling_params import StructuredOutputsParams

    grammar = StructuredOutputsParams(regex="a")
    server.add("a", [1], temperature=1.0, min_tokens=3, stop=[7], structured_outputs=grammar)
    logits = torch.full((1, VOCAB), -float("inf"))
    logits[0, 7] = 1.0
    for step in range(4):
        reset_counts()
        assert server.step(OurSampler(), logits.clone()) == {"a": 7}
        only("one pass" if step == 3 else "lmsample draws: min_tokens with a grammar")


def test_a_fallback_step_draws_what_one_call_draws():
    """Of the same logits: where there is nothing to edit, the way does not matter."""
    random = np.random.default_rng(3)
    logits = random_logits(random, 2, VOCAB)
    tokens = []
    for more in ([], [type("Nothing", (OnlyEven,), {"apply": lambda self, logits: logits})]):
        server = Server(VOCAB, more=more)
        server.add("a", [1], temperature=0.7, seed=1, top_p=0.9)
        server.add("b", [1], temperature=1.3, seed=2, top_k=20, min_p=0.05)
        tokens.append([server.step(OurSampler(), logits.clone()) for _ in range(10)])
    assert tokens[0] == tokens[1]


def test_speculation_asks_for_a_bonus_token():
    """As RejectionSampler calls it: all logits come back, and the seed is the generator's."""
    random = np.random.default_rng(4)
    server = Server(VOCAB, tracker=False)
    server.add("a", [1], temperature=1.0, seed=1, repetition_penalty=1.3)
    server.add("b", [1], temperature=0.0)
    logits = random_logits(random, 2, VOCAB)
    metadata = server.metadata()
    metadata.max_num_logprobs = -1
    states = [metadata.generators[0].get_state()]
    found = []
    for _ in range(2):
        reset_counts()
        metadata.generators[0].set_state(states[0])
        output = OurSampler()(
            logits.clone(),
            metadata,
            predict_bonus_token=True,
            logprobs_mode_override="raw_logits",
        )
        only("lmsample draws: speculative tokens")
        assert torch.equal(output.logprobs_tensors.logprobs, logits)
        found.append(output.sampled_token_ids.tolist())
    assert found[0] == found[1]
    native = NativeSampler()
    edited = native.apply_logits_processors(logits.clone(), metadata, True)
    assert found[0][1] == [int(edited[1].argmax())]


def test_metadata_of_nobody():
    """As the model runner makes them up to warm up."""
    from vllm.v1.sample.logits_processor import LogitsProcessors

    server = Server(VOCAB, tracker=False)
    for row in range(3):
        server.add(f"r{row}", [1], temperature=0.5, top_k=VOCAB - 1, top_p=0.9)
    metadata = server.metadata()
    metadata.logitsprocs = LogitsProcessors()
    reset_counts()
    output = OurSampler()(random_logits(np.random.default_rng(0), 3, VOCAB), metadata)
    assert output.sampled_token_ids.shape == (3, 1)
    only("lmsample draws: no requests are known (warming up, or speculation)")


def test_a_row_without_a_possible_token():
    server = Server(VOCAB)
    server.add("a", [1], temperature=1.0, presence_penalty=0.5)
    server.add("b", [1], temperature=1.0)
    sampler = OurSampler()
    reset_counts()
    logits = random_logits(np.random.default_rng(0), 2, VOCAB)
    logits[0] = -float("inf")
    assert server.step(sampler, logits)["a"] == 0
    assert counts["rows without a possible token: 0 was taken"] == 1
    assert server.step(sampler, random_logits(np.random.default_rng(1), 2, VOCAB))["a"] >= 0


def test_what_lmsample_refuses():
    server = Server(VOCAB)
    server.add("a", [1], temperature=0.0, repetition_penalty=1e30)
    reset_counts()
    server.step(OurSampler(), random_logits(np.random.default_rng(0), 1, VOCAB))
    (what,) = counts
    assert what.startswith("lmsample draws: a request's parameters (repetition: is 1e+30")


def test_the_plug_in_puts_itself_in(monkeypatch):
    import os

    import lmsample_vllm
    from vllm.v1.sample import sampler
    from vllm.v1.sample.logits_processor import BUILTIN_LOGITS_PROCESSORS as kinds
    from vllm.v1.structured_output import utils as grammars
    from vllm.v1.worker import gpu_model_runner as runner

    theirs = runner.Sampler
    monkeypatch.delenv("VLLM_USE_V2_MODEL_RUNNER", raising=False)
    monkeypatch.setattr(runner, "Sampler", theirs)
    monkeypatch.setattr(sampler, "Sampler", theirs)
    masks = runner.apply_grammar_bitmask
    monkeypatch.setattr(runner, "apply_grammar_bitmask", masks)
    monkeypatch.setattr(grammars, "apply_grammar_bitmask", masks)
    monkeypatch.setenv("LMSAMPLE_VLLM", "0")
    lmsample_vllm.register()
    assert runner.Sampler is theirs and Batch not in kinds
    monkeypatch.setenv("LMSAMPLE_VLLM", "1")
    for _ in range(2):
        lmsample_vllm.register()
        assert runner.Sampler is sampler.Sampler is LmsampleSampler
        assert kinds.count(Batch) == 1
        assert runner.apply_grammar_bitmask.theirs is masks
        assert os.environ["VLLM_USE_V2_MODEL_RUNNER"] == "0"
    kinds.remove(Batch)


def test_vllm_finds_it():
    """Where the package is installed."""
    from importlib.metadata import PackageNotFoundError, distribution

    import pytest

    try:
        found = distribution("lmsample-vllm")
    except PackageNotFoundError:
        pytest.skip("lmsample-vllm is not installed here")
    (point,) = [e for e in found.entry_points if e.group == "vllm.general_plugins"]
    assert point.value == "lmsample_vllm:register"
    assert types.ModuleType is type(sys.modules["lmsample_vllm"])
    assert issubclass(LmsampleSampler, NativeSampler.__mro__[1]) and Batch.__name__ == "Batch"
