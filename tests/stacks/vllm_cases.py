"""vLLM's sampler (vllm/v1/sample), as its wheel has it."""

import os

import numpy as np
import torch
import vllm_python
from compare import V, edited, lengths, lmsample, random_rows, random_tokens, same
from lmsample import Edits

theirs, VERSION = vllm_python.load(os.environ["LMS_STACKS_WHEELS"])
END = [7, V - 1]


def setting(random, case):
    """Rows, and requests with a prompt and an output, as long as each other's or not."""
    p, o = lengths(random, case)
    prompt, output = random_tokens(random, p), random_tokens(random, o)
    requests = []
    for row in range(len(prompt)):
        cut = row if case % 2 else 0
        requests.append({"prompt": prompt[row, cut:].tolist(), "output": output[row, cut:].tolist()})
    return random_rows(random), requests


def held(x, requests, asked, edits, scale=None):
    """`asked`: what SamplingParams have, of all rows or of each."""
    each = asked if isinstance(asked, list) else [asked] * len(requests)
    wanted = [{**request, **more} for request, more in zip(requests, each)]
    history = [(request["prompt"], request["output"]) for request in requests]
    same(edited(x, edits=edits, history=history), vllm_python.edited(theirs, x, wanted), scale)


def case_penalties(random, case):
    """repetition of prompt and output, frequency and presence of the output, in this order"""
    x, requests = setting(random, case)
    for asked in (
        {"repetition": 1.3},
        {"repetition": 0.7},
        {"frequency": 0.25},
        {"presence": -1.5},
        {"repetition": 1.05, "frequency": -2.0, "presence": 0.75},
    ):
        held(x, requests, asked, Edits(**asked), scale=64)


def case_logit_bias(random, case):
    """LogitBiasLogitsProcessor: before penalties"""
    x, requests = setting(random, case)
    bias = {int(t): float(b) for t, b in zip(random.integers(0, V, 40), 20 * random.normal(size=40))}
    bias.update({0: -100.0, V - 1: 100.0})
    held(x, requests, {"logit_bias": bias}, Edits(bias=bias), scale=100)
    held(x, requests, {"logit_bias": bias, "repetition": 1.3}, Edits(bias=bias, repetition=1.3),
         scale=100)  # fmt: skip


def case_min_tokens(random, case):
    """MinTokensLogitsProcessor: stop tokens until so many are generated"""
    x, requests = setting(random, case)
    generated = len(requests[0]["output"])
    for least in (0, generated, generated + 1):
        asked = {"min_tokens": least, "stop": END}
        held(x, requests, asked, Edits(end_tokens=END, min_tokens=least))


def case_allowed_token_ids(random, case):
    """allowed_token_ids"""
    x, requests = setting(random, case)
    allowed = [[V - 1, *map(int, random.integers(0, V, 9))] for _ in requests]
    held(x, requests, [{"allowed": some} for some in allowed],
         [Edits(allowed=some) for some in allowed])  # fmt: skip


def words(random, tokens):
    found = [[int(random.integers(0, V))], [8] * (len(tokens) + 1) + [9]]
    for n in (1, 2, 3):
        if n <= len(tokens):
            found.append([*tokens[len(tokens) - n:], int(random.integers(0, V))])
    return found


def case_bad_words(random, case):
    """bad_words: the last token of a sequence whose others end the output, not the prompt"""
    x, requests = setting(random, case)
    bad = []
    for request in requests:
        tokens = request["prompt"] + request["output"]
        bad.append(words(random, request["output"]) + words(random, tokens))
    held(x, requests, [{"bad_words": some} for some in bad], [Edits(bad_words=some) for some in bad])


def case_all_of_them(random, case):
    """all of them in the order of Sampler.apply_logits_processors()"""
    x, requests = setting(random, case)
    bias = {int(t): 5.0 for t in random.integers(0, V, 20)}
    allowed = sorted(set(range(V)) - set(map(int, random.integers(0, V - 1, 20))))
    numbers = {"repetition": 1.1, "frequency": 0.5, "presence": 0.25}
    bad = [words(random, request["output"]) for request in requests]
    asked = {**numbers, "logit_bias": bias, "min_tokens": 20, "stop": [7], "allowed": allowed}
    held(x, requests, [{**asked, "bad_words": some} for some in bad], [
        Edits(bias=bias, bad_words=some, end_tokens=[7], min_tokens=20, allowed=allowed, **numbers)
        for some in bad
    ], scale=64)  # fmt: skip


def case_log_probabilities(random, case):
    """gather_logprobs(): the sampled token's, the top N, and the rank, which counts ties"""
    x = random_rows(random)
    x[~np.isneginf(x)] = np.round(8 * x[~np.isneginf(x)]) / 8  # so that rounding makes no ties
    tokens = random.integers(0, V, len(x))
    tokens[0] = V - 1
    logprobs = theirs.Sampler.compute_logprobs(torch.from_numpy(x))
    n = int(random.choice([1, 5, 20]))
    found = theirs.Sampler.gather_logprobs(logprobs, n, torch.from_numpy(tokens))
    outputs = ("raw_logprobs", "raw_ranks", "top_logprobs")
    ours = lmsample.sample(x, target=tokens, top_logprobs=n, outputs=outputs)
    same(ours.raw_logprobs, found.logprobs[:, 0], scale=4)
    same(ours.top_logprobs, found.logprobs[:, 1:], scale=4)
    same(logprobs.numpy()[np.arange(len(x))[:, None], ours.top_tokens], found.logprobs[:, 1:])
    live = ~np.isneginf(x[np.arange(len(x)), tokens])
    np.testing.assert_array_equal(ours.raw_ranks[live], found.ranks.numpy()[live])


def case_processed_log_probabilities(random, case):
    """mode processed_logprobs: after temperature, top-k and top-p"""
    x = random_rows(random)
    temperature, k = 0.7, 20
    logits = theirs.Sampler.apply_temperature(
        torch.from_numpy(x.copy()), torch.full((len(x),), temperature), True
    )
    best = torch.topk(logits, k + 1).values
    logits[logits < best[:, k - 1:k]] = -np.inf
    ours = lmsample.sample(x, temperature=temperature, top_k=k, preset="hugging-face", seed=1,
                           outputs=("logprobs", "kept"))  # fmt: skip
    expected = theirs.Sampler.compute_logprobs(logits).numpy()[np.arange(len(x)), ours.tokens]
    same(ours.logprobs, expected, scale=4)


def case_what_differs(random, case):
    """ranks of dead tokens: as the page says"""
    x = random_rows(random, 1)
    x[0, 9] = -np.inf
    logprobs = theirs.Sampler.compute_logprobs(torch.from_numpy(x))
    rank = theirs.Sampler.gather_logprobs(logprobs, 1, torch.tensor([9])).ranks[0]
    ours = lmsample.sample(x, target=9, outputs="raw_ranks").raw_ranks[0]
    assert rank == V and ours == (x > -np.inf).sum() + 1
