#!/usr/bin/env python3
"""What a step of sampling costs: lmsample's call, through the adapter, against transformers' own
processors and torch.multinomial, on the same logits. Processor time of all threads, medians of
pairs in alternation.

    python bench.py [--vocab 128256] [--pairs 15]"""

import argparse
import statistics
import time

import lmsample
import numpy as np
import torch
import transformers as hf
from lmsample_transformers import _processors, _sampling

EOS = 2


def settings():
    """Processors as generate() makes them, in its order; those of all rows' sequences, too."""
    cold = hf.TemperatureLogitsWarper(0.8)
    return {
        "greedy": [],
        "temperature": [cold],
        "top-k 50": [cold, hf.TopKLogitsWarper(50)],
        "top-p 0.9": [cold, hf.TopPLogitsWarper(0.9)],
        "k 50, p 0.9": [cold, hf.TopKLogitsWarper(50), hf.TopPLogitsWarper(0.9)],
        "min-p 0.05": [cold, hf.MinPLogitsWarper(0.05)],
        "penalty, 3-grams, p 0.9": [
            hf.RepetitionPenaltyLogitsProcessor(1.1),
            hf.NoRepeatNGramLogitsProcessor(3),
            hf.MinNewTokensLengthLogitsProcessor(8, 1000, [EOS]),
            cold,
            hf.TopPLogitsWarper(0.9),
        ],
    }


def theirs(processors, logits, ids, is_drawn):
    scores = logits.to(copy=True, dtype=torch.float32)
    scores = hf.LogitsProcessorList(processors)(ids, scores)
    if is_drawn:
        return torch.multinomial(scores.softmax(-1), num_samples=1).squeeze(1)
    return scores.argmax(-1)


def cpu(call, count, clock=time.process_time):
    begin = clock()
    for _ in range(count):
        call()
    return (clock() - begin) / count * 1e3


def measured(rows, vocab, processors, pairs):
    logits = [torch.randn(rows, vocab) * 3 for _ in range(2)]
    ids = torch.randint(10, vocab, (rows, 256))
    is_drawn = bool(processors)
    batch = _processors.Batch(256, torch.zeros(rows, dtype=torch.int64), None, False)
    stay, native = _processors.split(processors, batch)
    assert not stay
    asked = dict(native.filters, preset="hugging-face", seed=np.arange(rows, dtype=np.uint64))
    if not is_drawn:
        asked["temperature"] = 0.0
    slots = lmsample.Slots(vocab, rows, 4096) if native.has_edits else None
    sampler = lmsample.Sampler(
        vocab, max_rows=rows, slots=slots, requests=native.has_edits, token_dtype="int64"
    )
    names = None if slots is None else slots.open(list(ids.numpy()))
    step = _sampling.Step(sampler, asked, native, names, None)
    turn = [0]

    def next_logits():
        turn[0] ^= 1
        return logits[turn[0]]

    def ours():
        return step(next_logits(), ids)

    def others():
        return theirs(processors, next_logits(), ids, is_drawn)

    for call in (ours, others):
        call()
    count = max(1, 16 // rows)
    found = [(cpu(ours, count), cpu(others, count)) for _ in range(pairs)]
    sampler.close()
    return [statistics.median(values) for values in zip(*found)]


def overhead(pairs):
    """Microseconds of a call through the adapter beside the same call of the C library, one row: of
    the calling thread, since what the runtime's threads do is the same."""
    sampler = lmsample.Sampler(1000, max_rows=1, token_dtype="int64")
    asked = {"temperature": 0.8, "seed": np.zeros(1, np.uint64), "preset": "hugging-face"}
    step = _sampling.Step(sampler, asked, _processors.Native(), None, None)
    logits, ids = torch.randn(1, 1000), torch.zeros((1, 5), dtype=torch.int64)
    step(logits, ids)
    pointer = step._params._batch_pointer  # as the last call set it
    run, handle = lmsample._library.lib.lms_sample_host, sampler._handle
    pairs = [
        [
            cpu(call, 2000, time.thread_time)
            for call in (lambda: step(logits, ids), lambda: run(handle, pointer))
        ]
        for _ in range(pairs)
    ]
    return [1e3 * statistics.median(values) for values in zip(*pairs)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--vocab", type=int, default=128256)
    parser.add_argument("--rows", type=int, nargs="*", default=[1, 16, 64])
    parser.add_argument("--pairs", type=int, default=15)
    options = parser.parse_args()
    torch.manual_seed(0)
    # Processor time is what counts, and threads that wait for each other use it up.
    torch.set_num_threads(1)
    whole, call = overhead(options.pairs)
    print(
        f"one row of 1000, the calling thread: {whole:.1f} us a step, {call:.1f} of them the C call"
    )
    print(f"{'rows':>4} {'':24} {'lmsample':>10} {'HF':>10}   CPU ms a step")
    for rows in options.rows:
        for name, processors in settings().items():
            ours, others = measured(rows, options.vocab, processors, options.pairs)
            print(
                f"{rows:4} {name:24} {ours:10.3f} {others:10.3f}   x{others / ours:.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
