"""What a call of the package takes beside the C call, in CPU time of the calling thread: the
median of calls in alternation, and ten times what was measured, for busy machines."""

import ctypes
import statistics
import time

import numpy as np
import pytest

import lmsample
from lmsample._library import HostBatch, lib

VOCAB = 32


def microseconds(calls, count=300):
    """The median of each."""
    found = [[] for _ in calls]
    for _ in range(count):
        for call, times in zip(calls, found):
            begin = time.thread_time()
            call()
            times.append(time.thread_time() - begin)
    return [1e6 * statistics.median(times[20:]) for times in found]


@pytest.mark.parametrize("rows", [1, 64])
def test_kept_parameters(rows):
    x = np.random.default_rng(3).normal(0, 3, (rows, VOCAB)).astype(np.float32)
    sampler = lmsample.Sampler(VOCAB, max_rows=64)
    params = sampler.params(rows)
    params.temperature, params.top_k, params.top_p, params.seed = 0.8, 5, 0.9, range(rows)
    tokens, out = np.empty(rows, np.int32), np.empty(rows, np.int32)
    batch = HostBatch(
        rows=rows,
        logits=x.ctypes.data,
        params=params.records.ctypes.data,
        tokens=tokens.ctypes.data,
    )
    arguments = dict(
        temperature=np.full(rows, 0.8), top_k=np.full(rows, 5), top_p=np.full(rows, 0.9),
        seed=np.arange(rows), step=np.arange(rows),
    )  # fmt: skip

    def step():
        params.step += 1

    in_c, kept, into, by_arguments, count_up = microseconds(
        [
            lambda: lib.lms_sample_host(sampler._handle, ctypes.byref(batch)),
            lambda: sampler.sample(x, params=params),
            lambda: sampler.sample(x, params=params, out=out),
            lambda: sampler.sample(x, **arguments),
            step,
        ]
    )
    print(f"{rows} rows: C {in_c:.0f} us; beside it: kept {kept - in_c:.0f}, with out "
          f"{into - in_c:.0f}, arguments {by_arguments - in_c:.0f}; step {count_up:.0f}")  # fmt: skip
    assert kept - in_c < 100 and into - in_c < 100 and count_up < 50
    assert by_arguments - in_c < 800
