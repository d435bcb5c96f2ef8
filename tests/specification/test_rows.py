"""Rows by the specification in Python and by the library: every output, bit for bit."""
import ctypes
import os

import numpy as np
import pytest

import arithmetic
import device
import generate
import rows

SLOW = os.environ.get("LMS_SPECIFICATION_SLOW") == "1"
FIELDS = ("token", "status", "kept", "logprob_raw", "logprob", "probs")
# One after the other; the last ones have many tiles.
SIZES = [1, 2, 31, 33, 255, 256, 257, 300, 513, 700] + [1100, 2049] * SLOW
ROWS = 200 if SLOW else 40


@pytest.fixture(scope="module")
def library():
    return device.Library()


def bits(value):
    value = np.asarray(value)
    return value.view(np.uint32) if value.dtype == np.float32 else value


def make_params(random, V, count, logits_rows):
    params = np.zeros(count, device.ROW)
    index = np.arange(count, dtype=np.int32) % logits_rows
    for i in range(count):
        record = params[i]
        record["seed"], record["step"] = (random.integers(2**63) * 2 + random.integers(2) for _ in range(2))
        record["temperature"] = generate.temperature(random)
        record["top_k"], record["top_p"], record["min_p"], record["flags"] = generate.filters(random, V)
        if random.random() < 0.1:
            generate.hostile(random, record)
        if random.random() < 0.05:
            index[i] = random.choice([-1, -2, logits_rows, 2**31 - 1])
    return params, index


def params_of(record):
    values = {name: record[name].item() if record[name].dtype.kind in "iu" else record[name]
              for name in record.dtype.names if name != "reserved"}  # fmt: skip
    return rows.Params(reserved=tuple(record["reserved"].tolist()), **values)


def expected(x, record, index, uniforms):
    if not 0 <= index < len(x):
        return rows.without_token(rows.Row(x[0]), rows.SKIPPED if index == -1 else rows.BAD_INDEX)
    return rows.sample(x[index], params_of(record), uniforms)


def compare(library, seed, V, dtype, count):
    random = np.random.default_rng(seed)
    stored, x = device.store(dtype, np.stack([generate.logits(random, V) for _ in range(count)]))
    params, index = make_params(random, V, count, count)
    uniforms = None
    if random.random() < 0.3:
        uniforms = random.integers(0, 2**32, (count, int(random.integers(1, 4)), 4), dtype=np.uint32)
    found = library.rows(dtype, stored, params, index, uniforms)
    for i in range(count):
        want = expected(x, params[i], index[i], None if uniforms is None else uniforms[i])
        fields = FIELDS[:2] if want.status == rows.SKIPPED else FIELDS
        for field in fields:
            assert np.array_equal(bits(found[field][i]), bits(getattr(want, field))), (
                f"seed {seed}, V {V}, type {dtype}, row {i}, {field}: {found[field][i]} for "
                f"{getattr(want, field)}; {params[i]}, index {index[i]}, {want}")  # fmt: skip


@pytest.mark.parametrize("dtype", [device.FLOAT32, device.FLOAT16, device.BFLOAT16])
@pytest.mark.parametrize("V", SIZES)
def test_rows(library, V, dtype):
    compare(library, V * 4 + dtype + SLOW * 10**6, V, dtype, ROWS)


def test_seeds_of_a_batch(library):
    call = library.calls.lms_row_seed
    call.restype, call.argtypes = ctypes.c_uint64, [ctypes.c_uint64] * 2
    for seed in (0, 1, 7, 2**63, 2**64 - 1):
        for row in (0, 1, 2, 1000, 2**32 - 1):
            assert call(seed, row) == arithmetic.row_seed(seed, row)


def proposals(masses, groups, tokens):
    """The share of the envelope's units at which one of these tokens is proposed."""
    tiles = rows.envelope(masses, groups)
    units = [inside / E_t if E_t else 0 for E_t, inside, _ in tiles]
    return sum(masses.w(i) * units[i // rows.TILE] for i in tokens) / sum(inside for _, inside, _ in tiles)


def test_one_attempt_in_33():
    """What section 7 builds on: an attempt proposes a token before the last x with a probability of at least 1/33;
    without top-p and ties, a kept one. Of the worst row there is (a token in each group, the others dead or out of
    sight), and of any."""
    random = np.random.default_rng(1)
    worst = np.where(np.arange(512) % 32 == 7, 1.5, -np.inf)
    smallest = 1
    for x in [worst] + [generate.logits(random, int(random.integers(1, 600))) for _ in range(60)]:
        row = rows.Row(x)
        if not row.order:
            continue
        params = rows.Params(temperature=np.float32(generate.temperature(random) or 1))
        params.top_k, _, params.min_p, params.flags = generate.filters(random, row.V)
        params.flags &= ~rows.TOP_K_TIES
        masses, groups = rows.Masses(row, rows.scale(params.temperature)), rows.reach(row, params)
        shares = [proposals(masses, groups, row.order[:rows.filters(row, params)[0]])]
        for n in random.integers(1, len(row.order) + 1, 3):
            left = [best for best in groups if best in row.order[:n]]
            shares.append(proposals(masses, left, row.order[:n]))
        smallest = min([smallest] + shares)
    assert 1 / 33 <= smallest < 1 / 31.9


def test_kept_tokens_are_in_reach():
    """Whatever the filters, and after any token that is not kept."""
    random = np.random.default_rng(2)
    for _ in range(100):
        row = rows.Row(generate.logits(random, int(random.integers(1, 600))))
        if not row.order:
            continue
        params = rows.Params(temperature=np.float32(generate.temperature(random) or 1))
        params.top_k, params.top_p, params.min_p, params.flags = generate.filters(random, row.V)
        kept, _ = rows.filters(row, params)
        wanted = {i // rows.GROUP for i in row.order[:kept]}
        groups = rows.reach(row, params)
        assert wanted <= {best // rows.GROUP for best in groups}
        assert all(row.order.index(best) < kept for best in groups) or params.top_k > 0 or params.top_p < 1
