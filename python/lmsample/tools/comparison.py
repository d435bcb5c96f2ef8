"""Several settings on the same rows: how many tokens each keeps, and of what share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional, Sequence

import numpy as np
import numpy.typing as npt

from .._logits import prepare
from .._params import _fresh_seed, row_seed
from .._sampler import sample
from .chain import Settings, as_floats, entropy_of

Array = npt.NDArray[Any]

_LOGITS_AT_ONCE = 1 << 24


@dataclass
class Comparison:
    """Of some settings on some rows: arrays of [settings, rows]."""

    title: str
    settings: List[Settings]
    rows: Array  # their numbers in the file
    vocab: int
    kept: Array  # tokens
    mass: Array  # of the row as the model gave it, what the kept tokens have
    entropies: Array  # after the setting, in nats
    tokens: Array  # drawn; -1: none
    raw_entropies: Array  # [rows], before
    best: Array  # [rows], the probability of the most probable token, before
    seed: int
    texts: Any = None

    @property
    def choices(self) -> Array:
        """How many equally probable tokens would be as uncertain."""
        return np.where(self.kept > 0, np.exp(self.entropies), 0.0)

    @property
    def raw_choices(self) -> Array:
        return np.exp(self.raw_entropies)


def _probs(values: Array) -> Array:
    """Of a row as the model gave it, the largest first; none where no token can be drawn."""
    live = -np.sort(-values[~np.isnan(values)].astype(np.float64))
    if len(live) == 0 or live[0] == -np.inf:
        return np.zeros(0)
    weights = np.exp(live - live[0]) if live[0] < np.inf else (live == np.inf) * 1.0
    return np.asarray(weights / weights.sum())


def _masses(probs: Array, kept: Array) -> Array:
    """[settings]: what the best `kept` tokens of a row have."""
    sums = np.concatenate([[0.0], np.cumsum(probs)])
    return np.asarray(sums[np.minimum(kept, len(probs))])


def compare(
    logits: Any,
    settings: Sequence[Settings],
    *,
    seed: Optional[int] = None,
    step: int = 0,
    rows: Optional[Sequence[int]] = None,
    title: str = "rows of logits",
    texts: Any = None,
    dtype: Optional[str] = None,
    device: Any = None,
) -> Comparison:
    """What each of the settings does to each row.

    logits: as sample() takes them; rows: of those, which (None: all). A file that is larger than
    memory may be a numpy.memmap.
    """
    if not settings:
        raise ValueError("settings: is empty, must be at least one")
    two = logits[np.newaxis] if logits.ndim == 1 else logits
    chosen = np.arange(len(two)) if rows is None else np.asarray(rows, np.int64)
    if len(chosen) == 0:
        raise ValueError("rows: is empty, must be at least one")
    vocab, many = int(two.shape[1]), len(settings)
    seed = _fresh_seed() if seed is None else seed
    shape = (many, len(chosen))
    kept, tokens = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    mass, entropies = np.zeros(shape), np.zeros(shape)
    raw_entropies, best = np.zeros(len(chosen)), np.zeros(len(chosen))
    part = max(1, _LOGITS_AT_ONCE // vocab)
    for begin in range(0, len(chosen), part):
        here = slice(begin, min(begin + part, len(chosen)))
        found = prepare(np.ascontiguousarray(two[chosen[here]]), dtype)
        count = here.stop - here.start
        index = np.arange(count)
        for number, one in enumerate(settings):
            # The same random number for every setting: what differs is the setting's.
            told = sample(
                found.memory,
                index=index % found.rows,
                seed=_seeds(seed, chosen[here]),
                step=step,
                dtype=found.dtype,
                device=device,
                outputs=("kept", "entropies"),
                **one.arguments(),
            )
            kept[number, here] = told.kept
            tokens[number, here] = told.tokens
            entropies[number, here] = np.nan_to_num(told.entropies)
        for place in range(count):
            values = as_floats(found.memory[place % found.rows], found.dtype)
            probs = _probs(values)
            mass[:, begin + place] = _masses(probs, kept[:, begin + place])
            raw_entropies[begin + place] = entropy_of(probs)
            best[begin + place] = probs.max(initial=0.0)
    return Comparison(
        title=title,
        settings=list(settings),
        rows=chosen,
        vocab=vocab,
        kept=kept,
        mass=mass,
        entropies=entropies,
        tokens=tokens,
        raw_entropies=raw_entropies,
        best=best,
        seed=seed,
        texts=texts,
    )


def _seeds(seed: int, rows: Array) -> Array:
    return np.array([row_seed(seed, int(row)) for row in rows], np.uint64)
