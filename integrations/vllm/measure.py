"""A whole step of vLLM's V1 sampler with lmsample inside, beside vLLM's own.

    python measure.py [--vocab V] [--rows 1,16,64] [--repeat N]
    python measure.py --own: what the adapter costs beside the call of the C library

Processor time (of all threads), and the median of the ratios of steps that alternate. The
logits are copied before each step, outside of the times, because vLLM's own sampler writes to
them. Requests have prompts of 600 tokens and 300 generated ones.
"""

import argparse
import ctypes
import os
import statistics
import sys
import time
from pathlib import Path

os.environ["VLLM_TARGET_DEVICE"] = "cpu"
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
sys.path.insert(0, str(Path(__file__).parent / "tests"))

import lmsample._sampler as package  # noqa: E402
import numpy as np  # noqa: E402
from server import NativeSampler, OurSampler, Server, random_logits  # noqa: E402

KINDS = {
    "temperature": {},
    "top-k 50": {"top_k": 50},
    "top-p 0.9": {"top_p": 0.9},
    "top-k 50, top-p 0.9": {"top_k": 50, "top_p": 0.9},
    "min-p 0.05": {"min_p": 0.05},
    "logprobs 5": {"logprobs": 5},
    "penalties": {"repetition_penalty": 1.05, "presence_penalty": 0.5},
    "all of it": {
        "top_k": 50,
        "top_p": 0.9,
        "logprobs": 5,
        "repetition_penalty": 1.05,
        "presence_penalty": 0.5,
        "logit_bias": {7: 2.0},
        "min_tokens": 500,
        "stop": [2],
    },
}


def timed(sampler, server, logits):
    """A step, and the bookkeeping behind it."""
    metadata, copy = server.metadata(), logits.clone()
    began = time.process_time()
    output = sampler(copy, metadata)
    taken = time.process_time() - began
    server.take(output)
    return taken


def served(random, rows, vocab, asked):
    server = Server(vocab, max_rows=rows, max_length=4096)
    for row in range(rows):
        prompt = random.integers(0, vocab, 600).tolist()
        output = random.integers(0, vocab, 300).tolist()
        server.add(f"r{row}", prompt, output, temperature=0.8, max_tokens=1000, **asked)
    return server


def compare(vocab, counts, repeat):
    random = np.random.default_rng(0)
    print(f"vocabulary {vocab}: ms of processor time a step (lmsample, vLLM), and the ratio")
    for rows in counts:
        logits = random_logits(random, rows, vocab)
        for name, asked in KINDS.items():
            servers = [served(random, rows, vocab, asked) for _ in range(2)]
            pairs = list(zip((OurSampler(), NativeSampler()), servers))
            for sampler, server in pairs:
                timed(sampler, server, logits)
            times = [[timed(*pair, logits) for pair in pairs] for _ in range(repeat)]
            ours, theirs = (statistics.median(column) * 1e3 for column in zip(*times))
            ratio = statistics.median(b / a for a, b in times)
            print(
                f"{rows:3d} rows, {name:20s} {ours:8.2f} {theirs:9.2f}  x {ratio:.0f}",
                flush=True,
            )


class NoCall:
    """The C library, but for the call that samples: all tokens are 0."""

    def __init__(self, library):
        self._library = library

    def __getattr__(self, name):
        return getattr(self._library, name)

    @staticmethod
    def lms_sample_host(handle, pointer):
        batch = pointer._obj
        ctypes.memset(batch.tokens, 0, 4 * batch.rows)
        if batch.top_tokens:
            ctypes.memset(batch.top_tokens, 0, 4 * batch.rows * batch.top_stride)
        return 0


def median_us(function, count=2000):
    times = []
    for _ in range(count):
        began = time.process_time_ns()
        function()
        times.append(time.process_time_ns() - began)
    return statistics.median(times) / 1e3


def own(counts):
    random = np.random.default_rng(0)
    print("us of processor time a step, without the C call: all, and lmsample's Python package")
    for rows in counts:
        for name in ("top-p 0.9", "penalties", "logprobs 5"):
            server = served(random, rows, 1024, KINDS[name])
            sampler, metadata = OurSampler(), server.metadata()
            logits = random_logits(random, rows, 1024)
            sampler(logits, metadata)
            (group,) = sampler._engine._groups

            def step():
                sampler.forward(logits, metadata)
                for request in group.requests:
                    request.held, request.last = len(request.output), request.output[-1]

            library = package.lib
            package.lib = NoCall(library)
            try:
                whole = median_us(step)
                part = median_us(lambda: group.sampler.sample(logits, params=group.params))
            finally:
                package.lib = library
            print(f"{rows:3d} rows, {name:12s} {whole:6.1f} {part:6.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vocab", type=int, default=128256)
    parser.add_argument("--rows", default="1,16,64")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--own", action="store_true")
    options = parser.parse_args()
    counts = [int(rows) for rows in options.rows.split(",")]
    if options.own:
        own(counts)
    else:
        compare(options.vocab, counts, options.repeat)


if __name__ == "__main__":
    main()
