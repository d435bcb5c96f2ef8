#!/usr/bin/env python3
"""Do two devices give the same bits? Samples the same logits on both, with every strategy, preset
and output, and compares all that comes back. The devices may be of two machines: what one gives
can be noted in a file."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from itertools import product
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Sequence

try:
    import numpy as np
except ImportError:
    sys.exit("peers_bits: numpy is missing: pip install numpy, or apt-get install python3-numpy")

import peers_common as common
from peers_common import Absent
from peers_ours import import_lmsample, parameters

OUTPUTS = ("logprobs", "raw_logprobs", "kept", "probs")
VOCABS = (1, 97, 4096, 32000, 128256)
DTYPES = ("float32", "float16", "bfloat16")
PRESETS = ("vllm", "hugging-face", "llama.cpp", "joint")


def as_dtype(logits: common.Floats, dtype: str) -> Any:
    if dtype != "bfloat16":
        return logits.astype(dtype)
    return (logits.view(np.uint32) >> 16).astype(np.uint16)


class Batch(NamedTuple):
    name: str
    rows: int
    vocab: int
    dtype: str
    logits: Any
    preset: str
    step: int


def batches(rows: int) -> Iterator[Batch]:
    for vocab, dtype, shape in product(VOCABS, DTYPES, common.SHAPES):
        logits = as_dtype(common.make_batch(shape, rows, vocab, 5), dtype)
        for step, preset in enumerate(PRESETS):
            name = f"{vocab} {dtype} {shape} {preset}"
            yield Batch(name, rows, vocab, dtype, logits, preset, step)


def digest(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


class Device:
    """All that comes back for a batch, as digests."""

    def __init__(self, lmsample: Any, name: str) -> None:
        self._lmsample = lmsample
        self.context = lmsample.Context(name)
        self._key: Any = None
        self._sampler: Any = None

    def found(self, batch: Batch) -> Dict[str, str]:
        key = (batch.vocab, batch.dtype, batch.rows)
        if key != self._key:
            self._sampler = self._lmsample.Sampler(
                *key, device=self.context, outputs=OUTPUTS
            )
            self._key = key
        samples = self._sampler.sample(
            batch.logits,
            seed=np.arange(batch.rows),
            step=batch.step,
            preset=batch.preset,
            **parameters(common.strategies_of(common.MIXED, batch.rows)),
        )
        named = samples._asdict().items()
        return {"logits": digest(batch.logits), **{name: digest(x) for name, x in named}}


def compare(rows: int, one: Device, other: Callable[[Batch], Optional[Dict[str, str]]]) -> int:
    """Prints what differs, and returns in how many batches something did."""
    compared = bad = skipped = 0
    for batch in batches(rows):
        wanted, found = other(batch), one.found(batch)
        if wanted is None or wanted["logits"] != found["logits"]:
            skipped += 1
            continue
        compared += 1
        differing = [name for name in found if found[name] != wanted.get(name)]
        if differing:
            bad += 1
            print(f"{batch.name}: differ in {', '.join(differing)}")
    # NumPy's logarithm is not the same everywhere, so some logits are not.
    print(f"{compared} batches of {rows} rows compared, {bad} of them differ; {skipped} have other "
          "logits there")
    return bad if compared else 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="peers_bits.py", description=__doc__)
    parser.add_argument("devices", nargs="*", metavar="DEVICE",
                        help="one or two, each a part of a device's name")
    parser.add_argument("--write", metavar="FILE", help="notes what the device gives")
    parser.add_argument("--against", metavar="FILE", help="compares with what --write noted")
    parser.add_argument("--rows", type=int, default=2 * len(common.STRATEGIES))
    options = parser.parse_args(arguments)
    files = [file for file in (options.write, options.against) if file]
    if len(files) > 1 or len(options.devices) > (1 if files else 2):
        parser.error("takes two devices, or one of --write and --against with one device")
    if not files and len(options.devices) != 2:
        parser.error("takes two devices to compare")
    return options


def run(options: argparse.Namespace) -> int:
    lmsample = import_lmsample()
    devices = [Device(lmsample, name) for name in options.devices or [""]]
    print(" and ".join(str(device.context.device) for device in devices))
    if options.write:
        noted = {batch.name: devices[0].found(batch) for batch in batches(options.rows)}
        with open(options.write, "w", encoding="utf-8") as stream:
            json.dump({"rows": options.rows, "batches": noted}, stream, indent=0)
        return 0
    if options.against:
        with open(options.against, encoding="utf-8") as stream:
            known = json.load(stream)
        return compare(known["rows"], devices[0], lambda batch: known["batches"].get(batch.name))
    return compare(options.rows, devices[0], devices[1].found)


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    try:
        return 1 if run(options) else 0
    except (Absent, OSError, KeyError, RuntimeError, ValueError, MemoryError) as error:
        print(f"peers_bits: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
