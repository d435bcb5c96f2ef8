"""Beam search by the specification in Python and by the library, bit for bit."""
import os

import numpy as np
import pytest

import beams
import device
import generate
import rows
import scores

SLOW = os.environ.get("LMS_SPECIFICATION_SLOW") == "1"
CASES = 60 if SLOW else 6
SEARCHES = 25


@pytest.fixture(scope="module")
def library():
    return device.Library()


def same(found, want):
    found = np.asarray(found)
    want = np.asarray(want, found.dtype)
    if found.dtype == np.float32:
        return np.array_equal(found.view(np.uint32), want.view(np.uint32))
    return np.array_equal(found, want)


def make_penalty(random):
    return np.float32(random.choice([
        0, 1, 2, -1, 0.5, random.uniform(-16, 16), random.uniform(-1, 2), 2.0**-130, 3, 6, 1e30, -1e30,
    ]))  # fmt: skip


def make_params(random, V):
    mode = int(random.choice([0, 0, 0, 1, 2]))
    groups = int(random.choice([1, 1, 2, 3])) if mode == beams.SEARCH else 1
    width = groups * int(random.integers(1, 4))
    top_k, top_p, min_p, flags = generate.filters(random, V) if random.random() < 0.3 else (0, 1, 0, 0)
    filters = rows.Params(
        temperature=np.float32(1 if random.random() < 0.5 else generate.temperature(random) or 1), top_k=top_k,
        top_p=np.float32(top_p if top_p > 0 else 1), min_p=np.float32(min_p), flags=flags,
    )  # fmt: skip
    max_length = int(random.choice([1, 2, 3, 6, 10]))
    return beams.Params(
        seed=int(random.integers(2**63)), filters=filters, mode=mode, width=width, groups=groups,
        diversity_penalty=np.float32(random.choice([2.0**-32, 0.5, 3, 1e30]) if groups > 1 else 0),
        length_penalty=make_penalty(random), length_counts=int(random.integers(3)),
        early_stopping=int(random.integers(4)), flags=int(random.integers(32)),
        prompt_length=int(random.choice([0, 1, 7, 2**31 - 1])),
        min_length=int(random.choice([0, 0, 1, 3])) if max_length >= 3 else 0, max_length=max_length,
        results=int(random.integers(1, width + 1)),
        end_tokens=[int(end) for end in random.integers(0, min(V, 12), int(random.choice([0, 1, 1, 2, 4])))],
    )  # fmt: skip


def make_record(params):
    record = np.zeros((), device.BEAM)
    for name in ("seed mode width groups diversity_penalty length_penalty length_counts early_stopping flags "
                 "prompt_length min_length max_length results").split():  # fmt: skip
        record[name] = getattr(params, name)
    for name in ("temperature", "top_p", "min_p", "top_k"):
        record[name] = getattr(params.filters, name)
    record["filter_flags"], record["end_tokens"] = params.filters.flags, len(params.end_tokens)
    return record


def make_rows(random, V, count):
    if random.random() < 0.75:
        x = random.normal(0, random.choice([0.5, 3]), (count, V))
        x[:, :12] += 3
        return np.round(x * 2) / 2 if random.random() < 0.3 else x
    return np.stack([generate.logits(random, V) for _ in range(count)])


def check_results(search, asked, check):
    want = search.results()
    count, lengths, tokens, ratings, logprobs, token_logprobs, parents = asked.results()
    check("count", count, len(want))
    for i, (rating, beam) in enumerate(want):
        spare = asked.max_length - len(beam.tokens)
        check("length", lengths[i], len(beam.tokens))
        check("result", tokens[i], beam.tokens + [-1] * spare)
        check("rating", ratings[i], scores.rating_as_float(rating))
        check("logprob", logprobs[i], scores.as_float(beam.score))
        check("token_logprobs", token_logprobs[i], [scores.as_float(x) for x in beam.logprobs] + [0] * spare)
        check("beams", parents[i], beam.beams + [-1] * spare)


def compare(library, seed):
    random = np.random.default_rng(seed)
    V = int(random.choice([1, 2, 3, 5, 20, 60, 300]))
    dtype = int(random.choice([device.FLOAT32, device.FLOAT16, device.BFLOAT16]))
    params = make_params(random, V)
    asked = device.Beam(library, dtype, V, make_record(params), params.end_tokens)
    search = beams.Search(params)
    steps = 0

    def check(name, found, want):
        assert same(found, want), f"seed {seed}, step {steps}, {name}: {found} for {want}; {params}"

    for steps in range(params.max_length + 1):
        if random.random() < 0.3:
            check_results(search, asked, check)
        stored, x = device.store(dtype, make_rows(random, V, params.width))
        parents, tokens, floats, fixed, done, status = asked.step(stored)
        want = search.step(x)
        check("parents", parents, want[0])
        check("tokens", tokens, want[1])
        check("scores_fixed", fixed, want[2])
        check("scores", floats, [scores.as_float(score) for score in want[2]])
        check("status", status, want[3])
        check("done", done, want[3] & beams.DONE)
    check_results(search, asked, check)
    asked.close()
    return steps


@pytest.mark.parametrize("case", range(CASES))
def test_beams(library, case):
    for seed in range(SEARCHES):
        compare(library, case * 100 + seed + SLOW * 10**6)
