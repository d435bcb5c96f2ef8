"""Samplers and searches, kept from one generate() to the next: making one may compile kernels."""

from __future__ import annotations

import threading
from typing import Any, List, NamedTuple

import lmsample

_MOST_KEPT = 6


def _power_of_two(least: int) -> int:
    return 1 << max(least - 1, 0).bit_length()


class SamplerNeed(NamedTuple):
    """What a generate() needs of a sampler. `length` 0: no slots."""

    vocab: int
    dtype: str
    has_requests: bool
    rows: int
    length: int

    def is_met_by(self, other: Any) -> bool:
        return (
            self[:3] == other[:3]
            and self.rows <= other.rows <= 4 * self.rows
            and self.length <= other.length
            and bool(self.length) == bool(other.length)
        )

    def make(self) -> Any:
        rows = _power_of_two(self.rows)
        length = _power_of_two(max(self.length, 256)) if self.length else 0
        slots = lmsample.Slots(self.vocab, rows, length) if length else None
        sampler = lmsample.Sampler(
            self.vocab,
            self.dtype,
            rows,
            requests=self.has_requests,
            slots=slots,
            token_dtype="int64",
        )
        return self._replace(rows=rows, length=length), sampler


class BeamNeed(NamedTuple):
    """The same of beam search. `length` 0: no slots."""

    vocab: int
    dtype: str
    width: int
    end_tokens: int
    requests: int
    generated: int
    length: int

    def is_met_by(self, other: Any) -> bool:
        return (
            self[:4] == other[:4]
            and self.requests <= other.requests <= 4 * self.requests
            and self.generated <= other.generated
            and self.length <= other.length
            and bool(self.length) == bool(other.length)
        )

    def make(self) -> Any:
        requests = _power_of_two(self.requests)
        generated = _power_of_two(max(self.generated, 64))
        length = _power_of_two(max(self.length, 256)) if self.length else 0
        # While beams are reordered they take twice their slots.
        slots = (
            lmsample.Slots(self.vocab, 2 * requests * self.width, length) if length else None
        )
        beam = lmsample.Beam(
            self.vocab,
            self.dtype,
            requests,
            self.width,
            generated,
            max_end_tokens=self.end_tokens,
            token_dtype="int64",
            requests=slots is not None,
            slots=slots,
        )
        return self._replace(requests=requests, generated=generated, length=length), beam


class ContrastiveNeed(NamedTuple):
    """The same of contrastive search, whose contexts take memory: nothing much is rounded up."""

    vocab: int
    dtype: str
    hidden_dtype: str
    width: int
    k: int
    has_slots: bool
    requests: int
    length: int

    def is_met_by(self, other: Any) -> bool:
        return (
            self[:6] == other[:6]
            and self.requests == other.requests
            and self.length <= other.length <= 2 * self.length + 256
        )

    def make(self) -> Any:
        length = -(-self.length // 256) * 256
        slots = lmsample.Slots(self.vocab, self.requests, length) if self.has_slots else None
        search = lmsample.Contrastive(
            self.vocab,
            self.width,
            self.dtype,
            self.requests,
            self.k,
            length,
            hidden_dtype=self.hidden_dtype,
            token_dtype="int64",
            requests=self.has_slots,
            slots=slots,
        )
        return self._replace(length=length), search


_lock = threading.Lock()
_kept: List[Any] = []  # (what it is for, what it is), of which nobody uses one just now


class Lent:
    """A sampler or search, for the length of a with statement."""

    def __init__(self, need: Any) -> None:
        self._need = need
        self._pair: Any = None

    def __enter__(self) -> Any:
        with _lock:
            for place, (made, _) in enumerate(_kept):
                if type(made) is type(self._need) and self._need.is_met_by(made):
                    self._pair = _kept.pop(place)
                    break
        if self._pair is None:
            self._pair = self._need.make()
        return self._pair[1]

    def __exit__(self, *_: Any) -> None:
        with _lock:
            _kept.append(self._pair)
            dropped = [_kept.pop(0)] if len(_kept) > _MOST_KEPT else []
        _close(dropped)


def _close(pairs: List[Any]) -> None:
    for _, kept in pairs:
        kept.close()
        if kept.slots is not None:
            kept.slots.close()


def clear() -> None:
    """Gives back what is kept."""
    with _lock:
        dropped = list(_kept)
        _kept.clear()
    _close(dropped)
