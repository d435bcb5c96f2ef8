"""What the comparison with other samplers shares: strategies, logits, and what a peer offers."""

from __future__ import annotations

import math
import os
import platform
import subprocess
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[Any]


class Absent(Exception):
    """A peer that cannot be had here; the text says why, or how to install it."""


class Strategy(NamedTuple):
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0

    @property
    def is_greedy(self) -> bool:
        return self.temperature == 0.0


MIXED = "every row different"
STRATEGIES: Dict[str, Strategy] = {
    "greedy": Strategy(temperature=0.0),
    "temperature": Strategy(temperature=0.8),
    "top-k 1": Strategy(top_k=1),
    "top-k 50": Strategy(top_k=50),
    "top-k 1024": Strategy(top_k=1024),
    "top-p 0.5": Strategy(top_p=0.5),
    "top-p 0.9": Strategy(top_p=0.9),
    "top-p 0.99": Strategy(top_p=0.99),
    "min-p 0.05": Strategy(min_p=0.05),
    "k 50 + p 0.9": Strategy(top_k=50, top_p=0.9),
    "k 50 + p 0.9 + min-p 0.05": Strategy(top_k=50, top_p=0.9, min_p=0.05),
}
NAMES: Tuple[str, ...] = (*STRATEGIES, MIXED)


def strategies_of(name: str, rows: int) -> List[Strategy]:
    """The strategy of each row."""
    if name != MIXED:
        return [STRATEGIES[name]] * rows
    every = list(STRATEGIES.values())
    return [every[row % len(every)] for row in range(rows)]


def groups_of(strategies: Sequence[Strategy]) -> List[Tuple[Strategy, List[int]]]:
    """Rows of the same strategy together, for peers that take one strategy for a batch."""
    rows: Dict[Strategy, List[int]] = {}
    for row, strategy in enumerate(strategies):
        rows.setdefault(strategy, []).append(row)
    return list(rows.items())


Step = Callable[[int], Ints]
"""Samples a batch, by its number, and returns its tokens when they are in host memory."""


class Peer:
    """One sampler that lmsample is compared with. Raises Absent when it is made but not there."""

    name = ""
    preset = "hugging-face"  # lmsample's preset with the same rules
    keeps_ties = False  # does top-k keep what is equal to the k-th?
    band = 1e-4  # by what share of the mass its rounding may move a filter's edge
    threads = 1

    def load(self, batches: Sequence[Floats]) -> None:
        """Before anything is timed. The arrays stay as they are while the peer is used."""
        raise NotImplementedError

    def plan(self, strategies: Sequence[Strategy]) -> Optional[Step]:
        """How a batch of such rows is sampled; None: this peer has no such strategy."""
        raise NotImplementedError

    def kept(self, row: Floats, strategy: Strategy) -> Optional[Ints]:
        """The tokens that the filters keep; None: the peer does not tell."""
        return None

    def details(self) -> Dict[str, float]:
        """More about the last timed step, in seconds."""
        return {}


# --- Logits ----------------------------------------------------------------------------------

SHAPES = ("peaked", "dominant", "flat", "equal", "zipf", "gumbel")


def _normal(generator: np.random.Generator, rows: int, vocab: int, sigma: float) -> Floats:
    batch = generator.standard_normal((rows, vocab), dtype=np.float32)
    batch *= np.float32(sigma)
    return batch


def make_batch(shape: str, rows: int, vocab: int, seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    if shape == "peaked":
        return _normal(generator, rows, vocab, 5.0)
    if shape == "flat":
        return _normal(generator, rows, vocab, 1.0)
    if shape == "equal":
        return np.full((rows, vocab), generator.standard_normal(), np.float32)
    if shape == "gumbel":
        exponential = generator.standard_exponential((rows, vocab), dtype=np.float32)
        return -np.log(np.maximum(exponential, np.float32(1e-30)))
    if shape == "zipf":
        ranked = (-1.1 * np.log(np.arange(1, vocab + 1))).astype(np.float32)
        return generator.permuted(np.tile(ranked, (rows, 1)), axis=1)
    batch = _normal(generator, rows, vocab, 2.0)
    for row in batch:
        place = int(generator.integers(vocab))
        mass = float(np.exp(row.astype(np.float64)).sum()) - math.exp(row[place])
        row[place] = math.log(9.0 * max(mass, 1e-6))  # 0.9 of the whole
    return batch


# --- The machine -----------------------------------------------------------------------------


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _getconf(name: str) -> int:
    try:
        found = subprocess.run(["getconf", name], capture_output=True, text=True, check=True)
        return int(found.stdout.strip() or 0)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return 0


def llc_bytes() -> int:
    """The last-level cache; 0: not known."""
    for level in ("LEVEL4_CACHE_SIZE", "LEVEL3_CACHE_SIZE", "LEVEL2_CACHE_SIZE"):
        size = _getconf(level)
        if size > 0:
            return size
    return 0


def memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def machine() -> Dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            cpu = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    try:
        os_name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, AttributeError, KeyError):
        os_name = platform.system()
    return {
        "cpu": cpu,
        "cores": cores(),
        "memory_bytes": memory_bytes(),
        "llc_bytes": llc_bytes(),
        "os": f"{os_name}, {platform.system()} {platform.release()}",
    }
