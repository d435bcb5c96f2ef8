"""Contrastive search by the specification in Python and by the library, bit for bit."""
import os

import numpy as np
import pytest

import contrast
import device
import generate
import rows

SLOW = os.environ.get("LMS_SPECIFICATION_SLOW") == "1"
CASES = 60 if SLOW else 5
TYPES = [device.FLOAT32, device.FLOAT16, device.BFLOAT16]


@pytest.fixture(scope="module")
def library():
    return device.Library()


def same(found, want):
    found, want = np.asarray(found), np.asarray(want)
    if found.dtype == np.float32:
        return np.array_equal(found.view(np.uint32), want.astype(np.float32).view(np.uint32))
    return np.array_equal(found, want)


def make_params(random, V, k):
    top_k, top_p, min_p, flags = generate.filters(random, V)
    filters = rows.Params(
        temperature=np.float32(generate.temperature(random) or 1), top_k=top_k,
        top_p=top_p if top_p > 0 else np.float32(1), min_p=min_p, flags=flags,
    )  # fmt: skip
    alpha = np.float32(random.choice([0, 1, 0.6, random.random(), 2.0**-61, 2.0**-60, 2.0**-149]))
    begin, window = (int(random.choice([0, 0, 1, 5, 40])) for _ in range(2))
    params = contrast.Params(alpha, k, begin, window, filters)
    record = np.zeros((), device.CONTRASTIVE)
    record["alpha"], record["k"] = alpha, k
    record["context_begin"], record["context_window"] = begin, window
    record["temperature"], record["top_p"], record["min_p"] = filters.temperature, filters.top_p, filters.min_p
    record["top_k"], record["filter_flags"] = filters.top_k, filters.flags
    return params, record


def make_states(random, count, width, base):
    """States: some alike, some far apart in size, some of zeros, some bad."""
    states = random.normal(0, 1, (count, width)).astype(np.float32)
    for state in states:
        kind = random.integers(10)
        if kind == 0:
            state[:] = base * np.float32(random.choice([1, -1, 1.25]))
        elif kind == 1:
            state *= np.float32(np.exp2(random.integers(-140, 120)))
        elif kind == 2:
            state[:] = np.ldexp(state, random.integers(-60, 60, width))
        elif kind == 3:
            state[:] = random.choice([0, 0, -0.0, 2.0**-149, 1], width)
        elif kind == 4 and random.random() < 0.5:
            state[random.integers(width)] = random.choice([np.nan, np.inf, -np.inf])
        elif kind == 5:
            state[:] = state[0]
    return states


def hostile(random, tokens, probs):
    """What select is given, though it was never proposed."""
    i = int(random.integers(len(tokens)))
    tokens[i] = random.choice([-1, -7, 3])
    probs[i] = random.choice([np.nan, -0.0, -1e-3, 1.5, 1, 2.0**-65, 2.0**-64, np.inf, 0.5])


def compare(library, seed):
    random = np.random.default_rng(seed)
    V, width, k = int(random.integers(1, 400)), int(random.integers(1, 80)), int(random.integers(1, 9))
    logits_type, hidden_type = (int(random.choice(TYPES)) for _ in range(2))
    params, record = make_params(random, V, k)
    asked = device.Contrastive(library, logits_type, hidden_type, V, width, 200, record)
    context = contrast.Context(params, hidden_type == device.FLOAT16)
    base = random.normal(0, 1, width).astype(np.float32)

    def states(count):
        with np.errstate(over="ignore"):
            return device.store(hidden_type, make_states(random, count, width, base))

    def check(name, found, want):
        assert same(found, want), f"seed {seed}, {name}: {found} for {want}; {params}"

    for _ in range(6):
        if random.random() < 0.6:
            stored, x = states(int(random.choice([1, 3, 33])))
            asked.append(stored)
            for state in x:
                context.append(state)
        stored, x = device.store(logits_type, generate.logits(random, V)[None])
        index = int(random.choice([0, 0, 0, 0, 0, -1, -2, 1]))
        found, want = asked.propose(stored, index), contrast.propose(x[0], params, index)
        for name, *values in zip(("tokens", "probs", "status"), found, want):
            check(name, *values)
        tokens, probs = found[:2]
        if random.random() < 0.4:
            hostile(random, tokens, probs)
        stored, x = states(k)
        found, want = asked.select(tokens, probs, stored), context.select(tokens, probs, x)
        names = ("next", "row", "score", "penalty", "row_scores", "row_penalties", "status")
        for name, *values in zip(names, found, want):
            check(name, *values)
    asked.close()


@pytest.mark.parametrize("case", range(CASES))
def test_contrast(library, case):
    for seed in range(case * 20, case * 20 + 12):
        compare(library, seed + 10**6 * SLOW)
