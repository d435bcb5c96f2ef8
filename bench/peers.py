#!/usr/bin/env python3
"""lmsample beside the samplers that users would pick instead: the same logits, in alternation.

Each peer is first held against the definitions of the filters: the tokens it keeps, and the
frequencies of its draws. Then it is timed in turns with lmsample, under the preset that has the
peer's rules. What is not installed is listed, with the command that installs it. Steps of beam
search (--beam) and of contrastive search (--contrastive) are compared with PyTorch's.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import gc
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any, Callable, Dict, List, NoReturn, Sequence, Set, Tuple

try:
    import numpy as np
except ImportError:
    sys.exit("peers: numpy is missing: pip install numpy, or apt-get install python3-numpy")

import peers_common as common
import peers_reference as reference
import peers_contrastive as contrastive
import peers_requests as requests
from peers_beam import SIZES, OursBeams, TorchBeams, check_beams, steps_of
from peers_common import Absent, Floats, Peer, Step
from peers_flashinfer import FlashInfer
from peers_install import install
from peers_llama import LlamaCpp
from peers_openmp import OpenMP
from peers_ours import Ours, import_lmsample, make_ours
from peers_torch import Torch, TorchCuda, TorchCudaSurvivors, TorchSurvivors

KINDS = (Torch, TorchSurvivors, OpenMP, LlamaCpp, TorchCuda, TorchCudaSurvivors, FlashInfer)
PEERS: Dict[str, Any] = {kind.name: kind for kind in KINDS}
CHECKED_ROWS = 4  # where all rows have one strategy
CHECK_ROWS, CHECK_TIMES = 4096, 4
PAUSE = 0.003  # a peer's threads spin for a while after their work
SHORT, WARM = 0.05, 0.02
LEAST_REPEATS = 3
ONE_CORE = ("llama.cpp",)
ONE_CORE_ENVIRONMENT = {
    "POCL_MAX_PTHREAD_COUNT": "1",
    "POCL_CPU_MAX_CU_COUNT": "1",
    "OMP_NUM_THREADS": "1",
}


class Failure(Exception):
    """What the user is told, in one line."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"peers: {message}", file=sys.stderr)
        sys.exit(2)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"is {text!r}, must be a whole number from {least} to {most}"
            )
        return int(text)

    return number


def _names(known: Sequence[str]) -> Callable[[str], List[str]]:
    """A list with commas, or "all". Blanks and dashes do not count, as for bench."""

    def plain(name: str) -> str:
        return name.lower().replace(" ", "").replace("-", "")

    by_plain = {plain(name): name for name in known}

    def names(text: str) -> List[str]:
        if text == "all":
            return list(known)
        for word in text.split(","):
            if plain(word) not in by_plain:
                raise argparse.ArgumentTypeError(
                    f"has {word.strip()!r}, must be of: {', '.join(known)}"
                )
        return [by_plain[plain(word)] for word in text.split(",")]

    return names


def _numbers(least: int, most: int) -> Callable[[str], List[int]]:
    number = _whole(least, most)
    return lambda text: [number(word.strip()) for word in text.split(",")]


def _sizes(text: str) -> List[Tuple[int, int]]:
    """REQUESTSxBEAMS, a list with commas, or "all"."""
    found: List[Tuple[int, int]] = []
    requests_of, width_of = _whole(1, 4096), _whole(1, 1024)
    for word in text.split(","):
        if word == "all":
            found += SIZES
            continue
        parts = word.strip().split("x")
        if len(parts) != 2:
            raise argparse.ArgumentTypeError(
                f"has {word.strip()!r}, must be REQUESTSxBEAMS, such as 16x4"
            )
        found.append((requests_of(parts[0]), width_of(parts[1])))
    return list(dict.fromkeys(found))


def _contrasts(text: str) -> List[contrastive.Size]:
    """REQUESTSxCONTEXTxWIDTHxCANDIDATES, a list with commas."""
    most = (4096, 1 << 19, 1 << 14, 64)
    found = []
    for word in text.split(","):
        parts = word.strip().split("x")
        if len(parts) != 4:
            raise argparse.ArgumentTypeError(
                f"has {word.strip()!r}, must be REQUESTSxCONTEXTxWIDTHxCANDIDATES, such as "
                "8x2048x4096x5"
            )
        found.append(contrastive.Size(*(_whole(1, m)(part) for m, part in zip(most, parts))))
    return list(dict.fromkeys(found))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="peers.py", description=(__doc__ or "").split("\n\n", 1)[0],
                    epilog="A LIST has commas between its values; \"all\" is all of the names.")
    add = parser.add_argument
    shapes, strategies = _names(common.SHAPES), _names(common.NAMES)
    add("--rows", type=_numbers(1, 1 << 16), default=[64], metavar="LIST",
        help="rows of a batch (64)")
    add("--vocab", type=_numbers(2, 1 << 20), default=[128256], metavar="LIST",
        help="logits of a row (128256)")
    add("--shape", type=shapes, default=["peaked", "flat"], metavar="LIST",
        help=f"kinds of logits (peaked,flat), of: {', '.join(common.SHAPES)}")
    add("--strategy", type=strategies, default=list(common.NAMES), metavar="LIST",
        help=f"strategies (all), of: {', '.join(common.NAMES)}")
    add("--beam", type=_sizes, nargs="?", const=list(SIZES), metavar="LIST",
        help="compares steps of beam search instead, with torch: of all sizes, or of these, "
        "REQUESTSxBEAMS, such as 16x4")
    add("--contrastive", type=_contrasts, nargs="?", const=list(contrastive.SIZES),
        metavar="LIST", help="compares steps of contrastive search instead, with torch: of these "
        f"sizes ({','.join(map(str, contrastive.SIZES))}), REQUESTSxCONTEXTxWIDTHxCANDIDATES")
    add("--requests", type=_names(tuple(requests.ASKS)), nargs="?", const=list(requests.ASKS),
        metavar="LIST", help="compares rows that ask for something instead, with vLLM's sampler in "
        f"torch and with llama.cpp, of: {', '.join(requests.ASKS)}")
    add("--dtype", type=_names(contrastive.DTYPES), default=list(contrastive.DTYPES),
        metavar="LIST", help="of the hidden states of --contrastive (all)")
    add("--peer", type=_names(tuple(PEERS)), default=list(PEERS), metavar="LIST",
        help=f"peers (all that are here), of: {', '.join(PEERS)}")
    add("--repeats", type=_whole(1, 100000), default=31, metavar="N",
        help="times that a case is measured at most (31)")
    add("--case-seconds", type=_whole(1, 3600), default=5, metavar="S",
        help=f"seconds after which it gets no further repeat (5); it has {LEAST_REPEATS} or more")
    add("--rotate", type=_whole(1, 1 << 20), default=2048, metavar="MIB",
        help="most MiB of logits to rotate over (2048)")
    add("--device", metavar="NAME",
        help="lmsample's device, a part of \"platform name: device name\"")
    add("--json", metavar="FILE", help="writes the results as JSON")
    add("--csv", metavar="FILE", help="writes the cases as CSV")
    add("--check", action="store_true", help="checks the peers only, measures nothing")
    add("--install", metavar="FOLDER", type=Path,
        help="installs the peers into a virtual environment and does nothing else")
    add("--one-core", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    for word in arguments if options.beam else ():
        name = word.split("=")[0]
        if name in ("--rows", "--strategy", "--peer"):
            parser.error(f"argument {name}: is not for --beam")
    for word in arguments if options.requests and not options.one_core else ():
        name = word.split("=")[0]
        if name in ("--strategy", "--peer", "--beam", "--contrastive"):
            parser.error(f"argument {name}: is not for --requests")
    for word in arguments if options.contrastive else ():
        name = word.split("=")[0]
        if name in ("--rows", "--vocab", "--shape", "--strategy", "--peer", "--beam"):
            parser.error(f"argument {name}: is not for --contrastive")
    return options


# --- Logits ----------------------------------------------------------------------------------


def batch_count(rows: int, vocab: int, rotate_mib: int) -> int:
    """Enough to turn over several times the last-level cache before a batch is read again."""
    size = 4 * rows * vocab
    wanted = -(-4 * max(common.llc_bytes(), 64 << 20) // size)
    fitting = min(rotate_mib << 20, common.memory_bytes() // 4 or 1 << 30) // size
    if fitting < 1:
        raise Failure(
            f"{rows} rows of {vocab} have {size >> 20} MiB, more than --rotate {rotate_mib} or a "
            "quarter of the machine's memory"
        )
    return max(1, min(max(wanted, 4), fitting))


def make_batches(shape: str, rows: int, vocab: int, count: int) -> List[Floats]:
    """Small ones are pieces of larger arrays, which are made faster."""
    together = min(count, max(1, (1 << 22) // (rows * vocab)))
    found: List[Floats] = []
    while len(found) < count:
        block = common.make_batch(shape, rows * together, vocab, 1 + len(found))
        found += [block[i * rows : (i + 1) * rows] for i in range(together)]
    return found[:count]


# --- Checks ----------------------------------------------------------------------------------


def check_distributions(who: str, peer: Peer) -> None:
    """Of one row, drawn many times over."""
    row = reference.draws_row()
    peer.load([np.tile(row, (CHECK_ROWS, 1))])
    for strategy in common.STRATEGIES.values():
        step = peer.plan([strategy] * CHECK_ROWS)
        if step is not None:
            reference.check_draws(who, step, row, strategy, peer.keeps_ties, CHECK_TIMES)


def rows_to_check(strategies: Sequence[common.Strategy]) -> int:
    """One with each strategy at least."""
    return min(len(strategies), max(CHECKED_ROWS, len(set(strategies))))


def check_ours(ours: Ours, definitions: reference.Definitions,
               strategies: Sequence[common.Strategy]) -> None:
    """How many tokens lmsample keeps, and what it draws."""
    counts = ours.kept_counts(0, strategies)
    for row, strategy in enumerate(strategies[: rows_to_check(strategies)]):
        found = definitions.kept(row, strategy, ours)
        reference.check_count(ours.name, strategy, found, int(counts[row]))
    reference.check_peer(ours, definitions, strategies, rows_to_check(strategies))


# --- Time ------------------------------------------------------------------------------------


class Timings:
    def __init__(self) -> None:
        self.peer: List[float] = []
        self.ours: List[float] = []
        self.more: Dict[str, List[float]] = {}

    def add(self, times: Dict[str, float], details: Dict[str, Dict[str, float]]) -> None:
        self.peer.append(times["peer"])
        self.ours.append(times["ours"])
        for who, found in details.items():
            prefix = "" if who == "peer" else "lmsample_"
            for name, seconds in found.items():
                self.more.setdefault(prefix + name, []).append(seconds)


def timed(step: Step, batch: int, batches: int, last_s: float) -> float:
    """A short step follows others that are not timed: after a pause, cores and threads wake up
    slowly, and in use they do not sleep, since the model runs before the sampler."""
    time.sleep(PAUSE)
    begin = time.perf_counter()
    while last_s < SHORT:
        step((batch + batches // 4) % batches)
        if time.perf_counter() - begin >= WARM:
            break
    start = time.perf_counter()
    step(batch)
    return time.perf_counter() - start


def time_pair(steps: Dict[str, Tuple[Peer, Step]], batches: int, repeats: int,
              seconds: float) -> Timings:
    """`steps` has "ours" and "peer". They read different batches in one turn, so that none finds
    in the cache what the other has read; over the turns both read all of them."""
    found = Timings()
    times = {who: timed(step, 0, batches, 0.0) for who, (_, step) in steps.items()}
    begin = time.perf_counter()
    gc.collect()
    gc.disable()
    try:
        for turn in range(repeats):
            places = {"ours": turn % batches, "peer": (turn + batches // 2) % batches}
            for who in ("ours", "peer") if turn % 2 else ("peer", "ours"):
                times[who] = timed(steps[who][1], places[who], batches, times[who])
            found.add(times, {who: pair[0].details() for who, pair in steps.items()})
            if turn + 1 >= LEAST_REPEATS and time.perf_counter() - begin > seconds:
                break
    finally:
        gc.enable()
    return found


def _at(values: Sequence[float], share: float) -> float:
    return float(np.percentile(values, 100 * share))


def fields_of_times(peer: Peer, t: Timings) -> Dict[str, Any]:
    ratios = [peer_s / ours_s for peer_s, ours_s in zip(t.peer, t.ours)]
    return {
        "who": peer.name,
        "threads": peer.threads,
        "repeats": len(t.peer),
        "median_s": _at(t.peer, 0.5),
        "p95_s": _at(t.peer, 0.95),
        "p99_s": _at(t.peer, 0.99),
        "lmsample_median_s": _at(t.ours, 0.5),
        "speedup": _at(ratios, 0.5),
        "speedup_p5": _at(ratios, 0.05),
        "speedup_p95": _at(ratios, 0.95),
    }


def make_case(name: str, shape: str, peer: Peer, batches: Sequence[Floats], t: Timings,
              checked: int) -> Dict[str, Any]:
    rows, vocab = batches[0].shape
    times = fields_of_times(peer, t)
    case: Dict[str, Any] = {
        "strategy": name,
        "shape": shape,
        "rows": rows,
        "vocab": vocab,
        "dtype": "float32",
        **times,
        "batches": len(batches),
        "rows_per_s": rows / times["median_s"],
        "gb_per_s": 1e-9 * batches[0].nbytes / times["median_s"],
        "device_s": None,
        "checked_rows": checked,
        "preset": peer.preset,
    }
    case.update({more: _at(values, 0.5) for more, values in t.more.items()})
    if "device_s" in t.more and "lmsample_device_s" in t.more:
        pairs = zip(t.more["device_s"], t.more["lmsample_device_s"])
        case["device_speedup"] = _at([a / b for a, b in pairs if b > 0] or [0.0], 0.5)
    return case


# --- All of it -------------------------------------------------------------------------------


class Comparison:
    """Peers beside lmsample on one device."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.lmsample = import_lmsample()
        start = time.perf_counter()
        self.context = self.lmsample.Context(options.device)
        self.start_s = time.perf_counter() - start
        self.absent: List[Dict[str, str]] = []
        self.cases: List[Dict[str, Any]] = []
        self._checked: Set[Tuple[str, str, str]] = set()

    def peers(self) -> List[Peer]:
        found = []
        for name in self.options.peer:
            try:
                peer = PEERS[name]()
                check_distributions(name, peer)
                found.append(peer)
            except Absent as reason:
                self.absent.append({"who": name, "why": str(reason)})
        return found

    def run(self) -> None:
        peers = self.peers()
        ours = make_ours(self.lmsample, self.context, "vllm")
        for preset in sorted({peer.preset for peer in peers}):
            check_distributions("lmsample", ours.under(preset))
        for rows, vocab in product(self.options.rows, self.options.vocab):
            self._size(rows, vocab, peers, ours)

    def _size(self, rows: int, vocab: int, peers: Sequence[Peer], ours: Ours) -> None:
        o = self.options
        say(f"{rows} x {vocab} float32")
        count = 1 if o.check else batch_count(rows, vocab, o.rotate)
        for shape in o.shape:
            batches = make_batches(shape, rows, vocab, count)
            for one in (*peers, ours):
                one.load(batches)
            self._definitions = reference.Definitions(batches[0])
            self._checked.clear()
            for name in o.strategy:
                for peer in peers:
                    self._case(name, shape, peer, ours.under(peer.preset), batches)

    def _case(self, name: str, shape: str, peer: Peer, ours: Ours,
              batches: Sequence[Floats]) -> None:
        o, definitions = self.options, self._definitions
        strategies = common.strategies_of(name, len(batches[0]))
        step, our_step = peer.plan(strategies), ours.plan(strategies)
        if step is None or our_step is None:
            return
        if (name, shape, ours.preset) not in self._checked:
            check_ours(ours, definitions, strategies)
            self._checked.add((name, shape, ours.preset))
        checked = reference.check_peer(peer, definitions, strategies, rows_to_check(strategies))
        if o.check:
            say(f"{shape:<9} {name:<26} {peer.name:<21} {checked} rows as defined")
            return
        steps: Dict[str, Tuple[Peer, Step]] = {"ours": (ours, our_step), "peer": (peer, step)}
        timings = time_pair(steps, len(batches), o.repeats, o.case_seconds)
        case = make_case(name, shape, peer, batches, timings, checked)
        self.cases.append(case)
        show(case, o.one_core)

    def results(self) -> Dict[str, Any]:
        device = self.context.device
        return {
            "format": "lmsample-bench 1",
            "lmsample": self.lmsample.__version__,
            "date": datetime.date.today().isoformat(),
            "command": shlex.join(["bench/peers.py", *sys.argv[1:]]),
            "mode": "peers",
            "machine": common.machine(),
            "device": {
                "name": device.name,
                "platform": device.platform,
                "driver": device.driver,
                "type": "gpu" if device.type == "GPU" else "cpu",
                "compute_units": device.compute_units,
            },
            "start": {"cold_s": None, "warm_s": self.start_s},
            "cases": self.cases,
            "absent": self.absent,
        }


class BeamComparison(Comparison):
    """Steps of beam search beside PyTorch's."""

    def run(self) -> None:
        try:
            self._peer = TorchBeams()
        except Absent as reason:
            self.absent.append({"who": TorchBeams.name, "why": str(reason)})
            return
        self._ours = OursBeams(self.lmsample, self.context)
        for vocab, (requests, width) in product(self.options.vocab, self.options.beam):
            self._beams(vocab, requests, width)
        self._ours.close()

    def _beams(self, vocab: int, requests: int, width: int) -> None:
        o, rows = self.options, requests * width
        say(f"{requests} requests x {width} beams, {vocab} float32")
        count = 1 if o.check else batch_count(rows, vocab, o.rotate)
        for shape in o.shape:
            batches = make_batches(shape, rows, vocab, count)
            self._ours.load(batches)
            self._peer.load(batches)
            checked = check_beams(self._ours, self._peer, batches, requests, width)
            if o.check:
                say(f"{shape:<9} {'beam search':<26} {self._peer.name:<21} {checked} rows agree")
                continue
            steps = steps_of(self._ours, self._peer)
            timings = time_pair(steps, count, o.repeats, o.case_seconds)
            case = make_case("beam search", shape, self._peer, batches, timings, checked)
            del case["preset"]
            case.update(requests=requests, width=width)
            self.cases.append(case)
            show(case, False)

    def results(self) -> Dict[str, Any]:
        return {**super().results(), "cases": [], "beams": self.cases}


class ContrastiveComparison(Comparison):
    """Steps of contrastive search beside PyTorch's."""

    def run(self) -> None:
        try:
            self._peers = [contrastive.TorchContrastive(), contrastive.TorchCached()]
        except Absent as reason:
            self.absent.append({"who": contrastive.TorchContrastive.name, "why": str(reason)})
            return
        self._ours = contrastive.OursContrastive(self.lmsample, self.context)
        for size, dtype in product(self.options.contrastive, self.options.dtype):
            self._contrasts(size, dtype)
        self._ours.close()

    def _contrasts(self, size: contrastive.Size, dtype: str) -> None:
        o = self.options
        rows, width = size.requests * size.context, size.width
        # Of contexts as wide as these in float32, of which there are two copies.
        count = 1 if o.check else max(1, batch_count(rows, width, o.rotate) // 2)
        states = contrastive.States(self._peers[0].torch, size, dtype, count)
        for one in (self._ours, *self._peers):
            one.begin(states)
        checked = contrastive.check_contrastive(self._ours, self._peers, states)
        say(f"{size} {dtype}: {checked} candidates agree")
        for peer in () if o.check else self._peers:
            steps = contrastive.steps_of(self._ours, peer)
            timings = time_pair(steps, count, o.repeats, o.case_seconds)
            times = fields_of_times(peer, timings)
            size_in_bytes = contrastive.context_bytes(size, dtype)
            case = {
                "strategy": "contrastive search", "call": "select", **size._asdict(),
                "dtype": dtype, **times, "batches": count, "batch_bytes": size_in_bytes,
                "gb_per_s": 1e-9 * size_in_bytes / times["median_s"], "checked_rows": checked,
            }
            self.cases.append(case)
            show({**case, "shape": dtype, "strategy": str(size)}, False)

    def results(self) -> Dict[str, Any]:
        return {**super().results(), "cases": [], "contrastive": self.cases}


class RequestComparison(Comparison):
    """Rows that ask for something."""

    def run(self) -> None:
        kinds = (requests.LlamaRequests,) if self.options.one_core else (
            requests.TorchRequests, requests.LlamaRequests)
        peers = []
        for kind in kinds:
            try:
                peers.append(kind())
            except Absent as reason:
                self.absent.append({"who": kind.name, "why": str(reason)})
        for rows, vocab, shape in product(self.options.rows, self.options.vocab,
                                          self.options.shape):
            for peer in peers:
                self._requests(peer, rows, vocab, shape)

    def _requests(self, peer: requests.Asker, rows: int, vocab: int, shape: str) -> None:
        o = self.options
        count = 1 if o.check else batch_count(rows, vocab, o.rotate)
        batches, world = make_batches(shape, rows, vocab, count), requests.World(rows, vocab)
        ours = requests.OursRequests(self.lmsample, self.context, peer.counts_prompt)
        for one in (ours, peer):
            one.load(batches)
            one.begin(world)
        for name in o.requests:
            ask = requests.ASKS[name]
            step = peer.ask(ask, requests.TEMPERATURE)
            if step is None:
                continue
            checked = requests.check_asks(ours, peer, batches, world, ask)
            if o.check:
                say(f"{shape:<9} {name:<26} {peer.name:<21} {checked} rows agree")
                continue
            our_step = ours.ask(ask, requests.TEMPERATURE)
            assert our_step is not None
            steps: Dict[str, Tuple[Peer, Step]] = {"ours": (ours, our_step), "peer": (peer, step)}
            timings = time_pair(steps, count, o.repeats, o.case_seconds)
            case = make_case(name, shape, peer, batches, timings, checked)
            self.cases.append(case)
            show(case, o.one_core)
        ours.close()

    def results(self) -> Dict[str, Any]:
        return {**super().results(), "cases": [], "requests": self.cases}


def one_core(options: argparse.Namespace) -> List[Dict[str, Any]]:
    """The cases of the peers that have one thread, beside lmsample on one core. OpenCL runtimes
    take their number of threads from the environment when they start: so in another process."""
    with tempfile.TemporaryDirectory(prefix="lmsample-peers-") as folder:
        file = Path(folder) / "cases.json"
        command = [sys.executable, "-B", str(Path(__file__).resolve()), "--one-core",
                   "--json", str(file)]
        for name in ("rows", "vocab", "shape", "requests" if options.requests else "strategy"):
            command.append(f"--{name}={','.join(map(str, getattr(options, name)))}")
        command += [f"--peer={','.join(ONE_CORE)}", f"--repeats={options.repeats}",
                    f"--case-seconds={options.case_seconds}", f"--rotate={options.rotate}"]
        if options.device:
            command.append(f"--device={options.device}")
        ran = subprocess.run(command, env={**os.environ, **ONE_CORE_ENVIRONMENT}, check=False)
        if ran.returncode != 0:
            raise Failure("the comparison on one core failed")
        found = json.loads(file.read_text(encoding="utf-8"))
        return list(found["requests" if options.requests else "cases"])


def add_one_core(cases: List[Dict[str, Any]], single: List[Dict[str, Any]]) -> None:
    def key(case: Dict[str, Any]) -> Tuple[Any, ...]:
        return tuple(case[name] for name in ("strategy", "shape", "rows", "vocab", "who"))

    by_key = {key(case): case for case in single}
    for case in cases:
        found = by_key.get(key(case))
        if found is not None:
            case["one_core_median_s"] = found["median_s"]
            case["one_core_lmsample_median_s"] = found["lmsample_median_s"]
            case["one_core_speedup"] = found["speedup"]


# --- Output ----------------------------------------------------------------------------------


def say(text: str) -> None:
    print(text, flush=True)


def show_header(c: Comparison) -> None:
    o, device = c.options, c.context.device
    how = "one core" if o.one_core else f"{device.compute_units} compute units"
    say(f"lmsample on {device.name}, {how}")
    if not o.check:
        say(f"{'logits':<9} {'strategy':<26} {'peer':<21} {'peer ms':>10} {'lmsample ms':>12}"
            f" {'speedup':>8}   5 % .. 95 %")


def show(case: Dict[str, Any], is_one_core: bool) -> None:
    who = case["who"] + (" / core" if is_one_core else "")
    line = (
        f"{case['shape']:<9} {case['strategy']:<26} {who:<21}"
        f" {1e3 * case['median_s']:>10.3f} {1e3 * case['lmsample_median_s']:>12.3f}"
        f" {case['speedup']:>8.2f}  {case['speedup_p5']:>6.2f} .. {case['speedup_p95']:.2f}"
    )
    if "fill_s" in case:
        line += f"  (filling {1e3 * case['fill_s']:.3f} ms of it)"
    if "device_speedup" in case:
        line += (
            f"  (device {1e3 * case['device_s']:.3f} / {1e3 * case['lmsample_device_s']:.3f} ms:"
            f" {case['device_speedup']:.2f})"
        )
    say(line)


def show_absent(absent: Sequence[Dict[str, str]]) -> None:
    for missing in absent:
        say(f"{missing['who']:<21} absent: {missing['why']}")


def write_json(file: str, results: Dict[str, Any]) -> None:
    with open(file, "w", encoding="utf-8") as stream:
        json.dump(results, stream, indent=1, allow_nan=False)
        stream.write("\n")


def write_csv(file: str, cases: Sequence[Dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(name for case in cases for name in case))
    with open(file, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(cases)


def comparison_of(options: argparse.Namespace) -> Comparison:
    if options.contrastive:
        return ContrastiveComparison(options)
    if options.requests:
        return RequestComparison(options)
    return BeamComparison(options) if options.beam else Comparison(options)


def same_file(one: str, other: str) -> bool:
    """By any of its names. What goes to a device, such as /dev/null, may go there together."""
    if os.path.exists(one) and os.path.exists(other):
        return os.path.isfile(one) and os.path.samefile(one, other)
    return Path(one).resolve() == Path(other).resolve()


def compare(options: argparse.Namespace) -> None:
    if options.json and options.csv and same_file(options.json, options.csv):
        raise Failure(f"--csv: {options.csv} is the file of --json")
    for file in (options.json, options.csv):
        if file and not os.access(Path(file).resolve().parent, os.W_OK):
            raise Failure(f"{file}: the folder is not there, or not to be written to")
    comparison = comparison_of(options)
    show_header(comparison)
    comparison.run()
    here = {case["who"] for case in comparison.cases}
    if not options.one_core and here.intersection(ONE_CORE) and comparison.context.device.unified:
        add_one_core(comparison.cases, one_core(options))
    if not options.one_core:
        show_absent(comparison.absent)
    if options.json:
        write_json(options.json, comparison.results())
    if options.csv:
        write_csv(options.csv, comparison.cases)


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    try:
        if options.install:
            install(options.install)
        else:
            compare(options)
    except KeyboardInterrupt:
        print("peers: interrupted", file=sys.stderr)
        return 130
    except (Absent, Failure, reference.Wrong, OSError, RuntimeError, ValueError) as error:
        print(f"peers: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
