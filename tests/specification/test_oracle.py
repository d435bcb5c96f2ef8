"""Draws by the specification in Python and by the oracle in C, which were written apart from each other: token,
status and attempts, and what comes with them. No device."""
import os

import numpy as np
import pytest

import device
import generate
import oracle
import rows
import test_rows

SLOW = os.environ.get("LMS_SPECIFICATION_SLOW") == "1"
FIELDS = ("token", "status", "kept", "logprob_raw", "logprob", "attempts")
ROWS = 1500 if SLOW else 250


@pytest.fixture(scope="module")
def library():
    return oracle.Oracle()


def compare(library, x, record, uniforms=None):
    found = library.sample(x, record, uniforms)
    want = rows.sample(x, test_rows.params_of(record), uniforms)
    for field in FIELDS:
        pair = [np.nan_to_num(value, nan=1) for value in (found[field], getattr(want, field))]  # none is above 0
        assert np.array_equal(*map(test_rows.bits, pair)), f"{field}: {found} for {want}; {record}"
    return want.attempts


def small_p(random, record):
    """What makes reach shrink: little of what is in reach is kept."""
    record["temperature"] = random.choice([0.7, 1, 100])
    record["top_p"], record["min_p"] = random.choice([0.01, 0.1, 0.5]), random.choice([0, 0, 0.01])
    record["top_k"] = random.choice([0, 0, 20, 200])


@pytest.mark.parametrize("V", [33, 300, 1100])
def test_draws(library, V):
    random = np.random.default_rng(V + SLOW)
    rounds = np.zeros(3, int)  # draws of one round, of two, of more
    params, _ = test_rows.make_params(random, V, ROWS, 1)
    for i, record in enumerate(params):
        if i % 2:
            small_p(random, record)
        x = generate.logits(random, V) if i % 3 else random.normal(0, random.choice([0, 0.5, 2]), V)
        uniforms = None
        if random.random() < 0.2:
            uniforms = random.integers(0, 2**32, (int(random.integers(1, 80)), 4), dtype=np.uint32)
        attempts = compare(library, np.float32(x), record, uniforms)
        rounds[min(max(attempts - 1, 0) // 32, 2)] += 1
    print(f"V {V}: draws of one round, of two and of more: {rounds}")
    assert V < 100 or rounds.min() > ROWS / 50


@pytest.mark.parametrize("flags", [0, rows.TOP_K_TIES])
def test_no_attempt_is_accepted(library, flags):
    """Words that miss, but for some that propose what is not kept, up to the last attempt there is."""
    random = np.random.default_rng(flags)
    record = np.zeros((), device.ROW)
    record["temperature"], record["top_p"], record["flags"], record["top_k"] = 1, 0.02, flags, 3
    x = np.float32(random.integers(0, 2, 200))
    uniforms = np.full((4096, 4), 2**32 - 1, np.uint32)
    uniforms[::50] = [0, 0, 0, 2**31]
    assert compare(library, x, record, uniforms) == 4096
    assert compare(library, x, record, uniforms[:4000]) == 4000
