"""Samplers of lmsample, and the groups of rows that share one."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import lmsample
import numpy as np
import numpy.typing as npt
import torch

from ._batch import Batch
from ._cores import all_cores
from ._grammar import Words
from ._history import PAGE, History
from ._request import Request

_Array = npt.NDArray[Any]
_MOST_ROWS = 1024  # of a sampler; a call with more is done in parts
_FEWEST_TOP = 20

#: Of the sampled token, by which row they tell of: outputs of lmsample.Sampler.
OUTPUTS = {
    "raw": ("raw_logprobs", "raw_ranks"),
    "edited": ("edited_logprobs", "ranks"),
    "processed": ("logprobs", "ranks"),
}


class Wants(NamedTuple):
    """What comes back beside the tokens; the same for all rows of a group."""

    of: str = ""  # raw, edited or processed; "": nothing
    top: bool = False
    named: bool = False
    as_logits: bool = False

    def outputs(self) -> Tuple[str, ...]:
        lists = ("top_logprobs",) * self.top + ("named_logprobs",) * self.named
        return (*OUTPUTS[self.of], *lists) if self.of else ()


class Group:
    """Rows of the batch that go through one sampler in one call, with their parameters."""

    def __init__(
        self,
        sampler: lmsample.Sampler,
        params: lmsample.Params,
        wants: Wants,
        rows: List[int],
        total: int,
    ) -> None:
        self.sampler = sampler
        self.wants = wants
        self.rows = rows
        #: None: they are all rows.
        self.index = None if len(rows) == total else np.array(rows, np.int32)
        self.places: Any = slice(None) if self.index is None else self.index
        self.params = params
        params.resize(len(rows))
        self.steps: _Array = self.params.records["step"]
        self.requests: List[Request] = []
        self._has_grammar = False
        self.with_history: List[Tuple[int, Request]] = []
        self.before_min: List[Tuple[int, Request]] = []

    def set_requests(self, requests: List[Request]) -> None:
        self.requests = requests
        p = self.params
        p.temperature = np.array([r.temperature for r in requests])
        p.top_k = np.array([r.top_k for r in requests])
        p.top_p = np.array([r.top_p for r in requests])
        p.min_p = np.array([r.min_p for r in requests])
        # One for each row, also where there is one row: so they are taken as they are.
        p.seed[np.arange(len(requests))] = np.array(
            [r.seed % 2**64 for r in requests], np.uint64
        )
        p.edits = [r.edits for r in requests]
        if self.wants.top:
            # Logits are told of rows that have a list, and of no others.
            p.top_logprobs = [r.top or 1 for r in requests]
        if self.wants.named:
            p.named = [r.named for r in requests]
        if self.wants.of and self.wants.of != "raw" or self.wants.as_logits:
            p.logprobs_of = self.wants.of
            p.as_logits = self.wants.as_logits
        self._set_masks()
        rows = list(enumerate(requests))
        self.with_history = [(row, r) for row, r in rows if r.has_history]
        names = [0 if r.history is None else r.slot for r in requests]
        p.slot = np.array(names, np.uint64)
        self.before_min = [(row, r) for row, r in rows if r.before_min is not None]
        for row, request in self.before_min:
            if request.is_before_min():
                p.edits[row] = request.before_min

    def _set_masks(self, grammar: Optional[Dict[int, Words]] = None) -> None:
        """Of requests that may use some tokens alone, and of grammars for this step."""
        masks: Dict[int, Words] = {}
        for row, request in enumerate(self.requests):
            if request.allowed is not None:
                masks[row] = request.allowed
        for row, place in enumerate(self.rows if grammar else ()):
            words = grammar.get(place) if grammar else None
            if words is not None:
                masks[row] = words & masks[row] if row in masks else words
        self._has_grammar = bool(grammar)
        self.params.mask = np.stack(list(masks.values())) if masks else None
        if masks:
            numbers = np.full(len(self.requests), -1)
            numbers[list(masks)] = np.arange(len(masks))
            self.params.mask_index = numbers

    def begin_step(self, grammar: Optional[Dict[int, Words]] = None) -> None:
        if grammar or self._has_grammar:
            self._set_masks(grammar)
        self.steps[:] = [len(r.output) for r in self.requests]
        if self.before_min:
            for row, request in self.before_min:
                if not request.is_before_min():
                    self.params.edits[row] = request.edits
            self.before_min = [item for item in self.before_min if item[1].is_before_min()]

    def run(self, logits: torch.Tensor) -> Any:
        """Samples of its rows."""
        appends = bool(self.with_history)
        found = self.sampler.sample(
            logits, params=self.params, index=self.index, append=appends
        )
        if appends:
            tokens = found.tokens.tolist()
            for row, request in self.with_history:
                request.held += 1
                request.last = tokens[row]
        return found


class Engine:
    """For logits of one type and number of tokens."""

    def __init__(self, vocab: int, dtype: torch.dtype, batch: Optional[Batch]) -> None:
        self.vocab = vocab
        self.dtype = dtype
        self.batch = batch
        self.max_rows = 256 if batch is None else batch.max_rows
        max_length = 4096 if batch is None else batch.max_length
        with all_cores():
            self.history = History(vocab, self.max_rows, max_length)
        self._samplers: Dict[Wants, lmsample.Sampler] = {}
        #: Of each sampler, kept: columns are assigned anew, for other rows.
        self._params: Dict[Wants, lmsample.Params] = {}
        self._groups: List[Group] = []
        self._version: Tuple[Any, ...] = ()
        self._drawn: Optional[lmsample.Params] = None

    def sampler(self, wants: Wants, top: int = 0) -> lmsample.Sampler:
        found = self._samplers.get(wants)
        if found is None or found.max_top < top:
            found = self._samplers[wants] = lmsample.Sampler(
                self.vocab,
                self.dtype,
                min(self.max_rows, _MOST_ROWS),
                outputs=wants.outputs(),
                requests=True,
                slots=self.history.slots,
                max_top=max(_FEWEST_TOP, top),
            )
            self._params[wants] = found.params(0)
        return found

    def groups(self, batch: Batch, requests: List[Request], wants_of: Any) -> List[Group]:
        """Those of before, until the batch changes. wants_of: of a request."""
        if self._version == (batch, batch.version):
            return self._groups
        self.history.tidy_up()
        rows_of: Dict[Wants, List[int]] = {}
        for row, request in enumerate(requests):
            rows_of.setdefault(wants_of(request), []).append(row)
        groups = []
        for wants, rows in rows_of.items():
            some = [requests[row] for row in rows]
            top = max(r.top or 0 for r in some)
            sampler = self.sampler(wants, top)
            group = Group(sampler, self._params[wants], wants, rows, len(requests))
            group.set_requests(some)
            groups.append(group)
        self._groups, self._version = groups, (batch, batch.version)
        return groups

    def follow(self, groups: List[Group]) -> bool:
        """Slots become what vLLM's lists say. False: there are other slots now, and samplers;
        ask for the groups again."""
        everyone = [r for g in groups for _, r in g.with_history]
        behind = self.history.late(everyone)
        if not behind and not any((len(r.prompt) + r.held) % PAGE == 0 for r in everyone):
            return True
        if self.history.needs_more(everyone):
            self.forget()
            self.history.grow(everyone)
            return False
        if behind:
            self.history.open(behind)
            for group in groups:
                for row, request in group.with_history:
                    group.params.slot[row] = request.slot
        return True

    def params_of(self, rows: int) -> lmsample.Params:
        """For a draw alone."""
        if self._drawn is None or len(self._drawn) != rows:
            self._drawn = self.sampler(Wants()).params(rows)
        return self._drawn

    def forget(self) -> None:
        self._samplers, self._params, self._groups, self._version = {}, {}, [], ()
        self._drawn = None
