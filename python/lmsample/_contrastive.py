"""Contrastive search, with the context's hidden states on the device. See
include/lms_contrastive.h."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from ._devices import Context
from ._dlpack import is_tensor
from ._library import DTYPES, NO_TOKEN, SKIP_ROW, check, enter, lib
from ._logits import Logits, dtype_name, prepare
from ._params import FloatParam, IntParam, PresetParam, TopKParam, row_index
from ._requests import Asked
from ._searches import (
    _POINTER,
    _SIZE,
    _STATUS,
    _U32,
    _U64,
    FILTERS,
    Array,
    EditsParam,
    Search,
    address,
    as_array,
    common_of,
    count,
    counts_of,
    declare,
    dense,
    first_rows_of,
    number,
    returned,
    row_requests,
    set_filters,
    whole,
)
from ._slots import Slots

CHOICE_NONE = 1
CHOICE_BAD_CANDIDATE = 2
CHOICE_BAD_STATE = 4
CHOICE_EMPTY_STATE = 8
CHOICE_NOT_PROPOSED = 16

MAX_K = 64
MAX_WIDTH = 16384
MAX_LENGTH = 1048576

#: lms_contrastive_params, the fields of its filters among its own
CONTRASTIVE_PARAMS = np.dtype(
    [
        ("alpha", np.float32),
        ("k", np.uint32),
        ("context_begin", np.uint32),
        ("context_window", np.uint32),
        *FILTERS,
        ("reserved", np.uint32, (4,)),
    ]
)


class ContrastiveDesc(ctypes.Structure):
    """lms_contrastive_desc"""

    _fields_ = [
        ("max_positions", _U64),
        ("max_buffer_bytes", _U64),
        ("vocab", _U32),
        ("width", _U32),
        ("max_requests", _U32),
        ("max_k", _U32),
        ("max_length", _U32),
        ("max_rows", _U32),
        ("logits", ctypes.c_int),
        ("hidden", ctypes.c_int),
        ("tokens", ctypes.c_int),
        ("max_in_flight", _U32),
        ("work_items", _U32),
        ("requests", _U32),
        ("table_bytes", _SIZE),
        ("slots", _POINTER),
        ("max_lists", _U32),
        ("reserved", _U32),
    ]


class AppendArgs(ctypes.Structure):
    """lms_contrastive_append_host_args"""

    _fields_ = [
        ("requests", _U32),
        ("slots", _POINTER),
        ("counts", _POINTER),
        ("first_rows", _POINTER),
        ("hidden", _POINTER),
        ("row_stride", _SIZE),
        ("hidden_rows", _SIZE),
    ]


class ProposeArgs(ctypes.Structure):
    """lms_contrastive_propose_host_args"""

    _fields_ = [
        ("requests", _U32),
        ("slots", _POINTER),
        ("first_rows", _POINTER),
        ("candidate_rows", _SIZE),
        ("logits", _POINTER),
        ("row_stride", _SIZE),
        ("logits_rows", _SIZE),
        ("index", _POINTER),
        ("tokens", _POINTER),
        ("probs", _POINTER),
        ("status", _POINTER),
        ("tables", _POINTER),
        ("row_requests", _POINTER),
    ]


class SelectArgs(ctypes.Structure):
    """lms_contrastive_select_host_args"""

    _fields_ = [
        ("requests", _U32),
        ("slots", _POINTER),
        ("first_rows", _POINTER),
        ("candidate_rows", _SIZE),
        ("hidden", _POINTER),
        ("row_stride", _SIZE),
        ("tokens", _POINTER),
        ("probs", _POINTER),
        ("next", _POINTER),
        ("rows", _POINTER),
        ("scores", _POINTER),
        ("penalties", _POINTER),
        ("row_scores", _POINTER),
        ("row_penalties", _POINTER),
        ("status", _POINTER),
    ]


declare(
    {
        "lms_contrastive_create": (_STATUS, _POINTER, _POINTER, _POINTER),
        "lms_contrastive_destroy": (None, _POINTER),
        "lms_contrastive_workspace": (_SIZE, _POINTER),
        "lms_contrastive_open": (_STATUS, _POINTER, _U32, _POINTER),
        "lms_contrastive_fork_host": (_STATUS, _POINTER, _U32, _U32, _POINTER),
        "lms_contrastive_update": (_STATUS, _POINTER, _U32, _POINTER),
        "lms_contrastive_close": (_STATUS, _POINTER, _U32),
        "lms_contrastive_length": (_STATUS, _POINTER, _U32, _POINTER),
        "lms_contrastive_room": (_U64, _POINTER),
        "lms_contrastive_append_host": (_STATUS, _POINTER, _POINTER),
        "lms_contrastive_propose_host": (_STATUS, _POINTER, _POINTER),
        "lms_contrastive_select_host": (_STATUS, _POINTER, _POINTER),
    }
)


class Proposal(NamedTuple):
    """Candidates: row by row, k rows for a request, then request by request. Tensors if the
    logits are one."""

    tokens: Any
    """int32 or int64[rows], by falling probability; -1 where there are fewer than k."""
    probs: Any
    """float32[rows], after temperature, of what the filters keep; 0 where there is none."""
    status: Any
    """uint32[requests] (PyTorch: int32), ROW_OK and the like."""
    requests: Array
    """uint32[requests]"""
    first_rows: Array
    """uint32[requests], the row of the first candidate of each."""


class Choice(NamedTuple):
    """What was chosen. Tensors if the hidden states are one."""

    tokens: Any
    """int32 or int64[requests]; -1 where none."""
    rows: Any
    """int32[requests], the chosen candidates' rows: which caches, and logits, go on; -1: none."""
    scores: Any
    """float32[requests], (1 - alpha) * p - alpha * penalty; NaN where none."""
    penalties: Any
    """float32[requests], the largest cosine with a state of the context; NaN where none."""
    row_scores: Any
    """float32[rows], each candidate's."""
    row_penalties: Any
    """float32[rows], the same."""
    status: Any
    """uint32[requests] (PyTorch: int32), CHOICE_NONE and the like, or-ed."""


class Contrastive(Search):
    """Contrastive searches (Su et al. 2022) over one vocabulary, of many requests at once. The
    model and its cache are the caller's; the hidden states of contexts are on the device.

        request = search.open(alpha=0.6, k=5)
        search.append([request], states)                  # of the prompt, [tokens, width]
        while True:
            proposed = search.propose([request], logits)  # [1, vocabulary]
            ...                                           # the model on proposed.tokens, a row
                                                          # each: hidden states, logits of then
            choice = search.select(proposed, hidden)      # [k, width]
            logits = logits_of_then[choice.rows]

    vocab, dtype: of the logits, as for Sampler.
    width: elements of a hidden state, 1 to 16384.
    hidden_dtype: their type; None: as the logits'.
    max_requests: open at once.
    max_k: most candidates of a request, 1 to 64.
    max_length: most positions of a context, 1 to 1048576.
    max_positions: of all contexts together, shared ones once; None: max_requests * max_length. All
        of it is reserved: a state takes `width`, rounded up to 64, elements and 5 bytes.
    device, token_dtype, requests, slots: as for Sampler; here each request may have a slot.

    Threads may share a search: their calls wait for each other.
    """

    _prefix = "lms_contrastive_"

    def __init__(
        self,
        vocab: int,
        width: int,
        dtype: object = "float32",
        max_requests: int = 16,
        max_k: int = 8,
        max_length: int = 1024,
        *,
        hidden_dtype: object = None,
        max_positions: Optional[int] = None,
        max_rows: Optional[int] = None,
        device: Union[None, str, Context] = None,
        token_dtype: object = "int32",
        requests: Union[bool, str] = False,
        slots: Optional[Slots] = None,
    ) -> None:
        common = common_of(vocab, dtype, token_dtype, requests, slots)
        self.width = whole("width", width, 1, MAX_WIDTH)
        self.hidden_dtype = common.dtype if hidden_dtype is None else dtype_name(hidden_dtype)
        self.max_k = whole("max_k", max_k, 1, MAX_K)
        self.max_length = whole("max_length", max_length, 1, MAX_LENGTH)
        most = whole("max_requests", max_requests, 1, (2**31 - 1) // self.max_k)
        positions = 0
        if max_positions is not None:
            positions = whole("max_positions", max_positions, 1, 2**63)
        desc = ContrastiveDesc(
            max_positions=positions,
            width=self.width,
            max_requests=most,
            max_k=self.max_k,
            max_length=self.max_length,
            max_rows=0 if max_rows is None else count("max_rows", max_rows),
            hidden=DTYPES[self.hidden_dtype],
            **common.fields(),
        )
        self._make(common, desc, most, device)

    def __repr__(self) -> str:
        return (
            f"<lmsample.Contrastive of {self.vocab} {self.dtype} logits and {self.width} "
            f"{self.hidden_dtype} states, {self.max_requests} requests at once>"
        )

    def open(
        self,
        alpha: float = 0.6,
        k: int = 5,
        *,
        context_begin: int = 0,
        context_window: int = 0,
        temperature: FloatParam = 1.0,
        top_k: TopKParam = 0,
        top_p: FloatParam = 1.0,
        min_p: FloatParam = 0.0,
        preset: PresetParam = "vllm",
        request: Optional[int] = None,
    ) -> int:
        """Opens a request with an empty context. Returns its number, 0 to max_requests - 1.

        alpha: weight of the penalty, 0 (greedy) to 1 [Hugging Face's penalty_alpha].
        k: candidates [top_k].
        context_begin: positions before it take no part, such as those of the prompt.
        context_window: only the last so many positions do; 0: all.
        temperature, top_k, top_p, min_p, preset: as for sample(), but never greedy: what they
            cut is no candidate.
        request: the number that it gets; None: the first free one.
        """
        record = _params(
            alpha, k, context_begin, context_window, temperature, top_k, top_p, min_p, preset
        )
        enter()
        with self._lock:
            slot = self._slot(request)
            check(lib.lms_contrastive_open(self._open(), slot, address(record)))
            self._opened[slot] = int(record["k"][0])
        return slot

    def fork(self, source: int, request: Optional[int] = None) -> int:
        """Opens a request with the context and the parameters of another one; both share what is
        there. Returns its number."""
        enter()
        with self._lock:
            found = self._one(source)
            slot = self._slot(request)
            check(lib.lms_contrastive_fork_host(self._open(), found, slot, None))
            self._opened[slot] = self._opened[found]
        return slot

    def update(
        self,
        request: int,
        alpha: float = 0.6,
        k: int = 5,
        *,
        context_begin: int = 0,
        context_window: int = 0,
        temperature: FloatParam = 1.0,
        top_k: TopKParam = 0,
        top_p: FloatParam = 1.0,
        min_p: FloatParam = 0.0,
        preset: PresetParam = "vllm",
    ) -> None:
        """Other parameters for an open request, all of them, from the next propose() on."""
        record = _params(
            alpha, k, context_begin, context_window, temperature, top_k, top_p, min_p, preset
        )
        enter()
        with self._lock:
            slot = self._one(request)
            check(lib.lms_contrastive_update(self._open(), slot, address(record)))
            self._opened[slot] = int(record["k"][0])

    def append(
        self,
        requests: Union[int, Sequence[int], Array],
        hidden: Any,
        counts: Optional[IntParam] = None,
        *,
        first_rows: Union[None, Sequence[int], Array] = None,
    ) -> None:
        """Appends hidden states to contexts.

        hidden: [rows, width], an array or a tensor on the CPU, of the search's type.
        counts: so many rows for each request, one behind the other; None: for one request all,
            else one each.
        first_rows: the first row of each, where they are not one behind the other, as in a
            padded batch.
        """
        states = self._states(hidden)
        enter()
        with self._lock:
            handle = self._open()
            which = self._listed(requests)
            memory, rows, stride = dense(states)
            if counts is None and len(which) == 1 and first_rows is None:
                counts = [rows]
            each = counts_of(counts, len(which), rows)
            firsts = None if first_rows is None else first_rows_of(first_rows, each.tolist())
            args = AppendArgs(
                requests=len(which),
                slots=address(which),
                counts=address(each),
                first_rows=address(firsts),
                hidden=address(memory),
                row_stride=stride,
                hidden_rows=rows,
            )
            check(lib.lms_contrastive_append_host(handle, ctypes.byref(args)))

    def propose(
        self,
        requests: Union[int, Sequence[int], Array],
        logits: Any,
        *,
        first_rows: Union[None, Sequence[int], Array] = None,
        index: Optional[IntParam] = None,
        edits: EditsParam = None,
        mask: Any = None,
        mask_index: Optional[IntParam] = None,
        unconditional: Optional[IntParam] = None,
        slots: Any = None,
    ) -> Proposal:
        """First half of a step: the candidates of some requests, each there once.

        logits: [requests, vocabulary], as for sample().
        first_rows: the row of each request's first candidate, rising; None: one behind the
            other.
        index: the row of the logits that each request reads, such as the last choice's rows;
            -1: none.
        edits, mask, mask_index, unconditional: as for Sampler.sample, by requests.
        slots: names of slots of lmsample.Slots, one for each request; 0: none. They get the
            chosen tokens by Slots.append.
        """
        read = self._read(logits)
        enter()
        with self._lock:
            handle = self._open()
            which = self._listed(requests)
            widths = [self._opened[slot] for slot in which.tolist()]
            memory, rows, stride = dense(read)
            indices = None if index is None else row_index(index, rows)
            _check_rows("logits" if index is None else "index", rows, indices, len(which))
            firsts = first_rows_of(first_rows, widths)
            candidates = int(firsts[-1]) + widths[-1] if widths else 0
            asked = Asked(edits, mask, mask_index, unconditional, slots)
            brought = row_requests(
                len(which), self.vocab, asked, self._requests, self.slots is not None, rows
            )
            proposal = Proposal(
                np.full(candidates, NO_TOKEN, self.token_dtype),
                np.zeros(candidates, np.float32),
                np.zeros(len(which), np.uint32),
                which,
                firsts,
            )
            args = ProposeArgs(
                requests=len(which),
                slots=address(which),
                first_rows=address(firsts),
                candidate_rows=candidates,
                logits=address(memory),
                row_stride=stride,
                logits_rows=rows,
                index=address(indices),
                tokens=address(proposal.tokens),
                probs=address(proposal.probs),
                status=address(proposal.status),
                row_requests=address(brought.records),
            )
            if brought.tables is not None:
                args.tables = ctypes.addressof(brought.tables.finish())
            check(lib.lms_contrastive_propose_host(handle, ctypes.byref(args)))
        return proposal._replace(
            tokens=returned(proposal.tokens, read.torch),
            probs=returned(proposal.probs, read.torch),
            status=returned(proposal.status, read.torch),
        )

    def select(
        self,
        proposal: Proposal,
        hidden: Any,
        requests: Union[None, Sequence[int], Array] = None,
    ) -> Choice:
        """Second half: chooses among what was proposed, and appends the chosen ones' states.

        hidden: [rows, width], the candidates' states, by the proposal's rows; those of -1 are
            not looked at.
        requests: some of the proposal's; None: all of them.
        """
        states = self._states(hidden)
        tokens = np.ascontiguousarray(_numpy(proposal.tokens), self.token_dtype)
        probs = np.ascontiguousarray(_numpy(proposal.probs), np.float32)
        rows = len(tokens)
        enter()
        with self._lock:
            handle = self._open()
            which = self._listed(proposal.requests)
            firsts = first_rows_of(proposal.first_rows, [1] * len(which))
            if requests is not None:
                which, firsts = _part_of(which, firsts, self._listed(requests))
            memory, given, stride = dense(states)
            if given != rows or len(probs) != rows:
                raise ValueError(f"hidden: has {given} rows, must have {rows}, as the proposal has")
            choice = Choice(
                np.empty(len(which), self.token_dtype),
                np.full(len(which), SKIP_ROW, np.int32),
                np.empty(len(which), np.float32),
                np.empty(len(which), np.float32),
                np.full(rows, np.nan, np.float32),
                np.full(rows, np.nan, np.float32),
                np.zeros(len(which), np.uint32),
            )
            names = ("next", "rows", "scores", "penalties", "row_scores", "row_penalties", "status")
            args = SelectArgs(
                requests=len(which),
                slots=address(which),
                first_rows=address(firsts),
                candidate_rows=rows,
                hidden=address(memory),
                row_stride=stride,
                tokens=address(tokens),
                probs=address(probs),
                **{name: address(array) for name, array in zip(names, choice)},
            )
            check(lib.lms_contrastive_select_host(handle, ctypes.byref(args)))
        return Choice(*(returned(array, states.torch) for array in choice))

    def length(self, request: int) -> int:
        """Positions of the request's context."""
        found = ctypes.c_uint32()
        enter()
        with self._lock:
            slot = self._one(request)
            check(lib.lms_contrastive_length(self._open(), slot, ctypes.byref(found)))
        return found.value

    @property
    def room(self) -> int:
        """Positions in pages that are free. A context takes whole pages, of 32."""
        enter()
        with self._lock:
            positions: int = lib.lms_contrastive_room(self._open())
        return positions

    def _states(self, hidden: Any) -> Logits:
        try:
            read = prepare(hidden, self.hidden_dtype)
        except (TypeError, ValueError) as error:
            message = str(error).replace("logits:", "hidden:", 1).replace("vocabulary", "width")
            raise type(error)(message) from None
        if read.vocab != self.width:
            raise ValueError(
                f"hidden: has {read.vocab} elements in a row, the search was made for {self.width}"
            )
        return read

def _part_of(requests: Array, firsts: Array, some: Array) -> Tuple[Array, Array]:
    """Those of a proposal's requests, in its order: rows rise."""
    listed = requests.tolist()
    for request in some.tolist():
        if request not in listed:
            raise ValueError(f"requests: {request} is none of the proposal's")
    kept = np.isin(requests, some)
    return np.ascontiguousarray(requests[kept]), np.ascontiguousarray(firsts[kept])


def _params(
    alpha: Any,
    k: Any,
    begin: Any,
    window: Any,
    temperature: Any,
    top_k: Any,
    top_p: Any,
    min_p: Any,
    preset: Any,
) -> Array:
    record: Array = np.zeros(1, CONTRASTIVE_PARAMS)
    set_filters(record, temperature, top_k, top_p, min_p, preset)
    record["alpha"] = number("alpha", alpha)
    record["k"] = count("k", k)
    record["context_begin"] = count("context_begin", begin)
    record["context_window"] = count("context_window", window)
    return record


def _numpy(values: Any) -> Array:
    return values.cpu().numpy() if is_tensor(values) else as_array(values)


def _check_rows(name: str, rows: int, indices: Optional[Array], requests: int) -> None:
    given = rows if indices is None else len(indices)
    if given < requests or (indices is not None and given != requests):
        raise ValueError(f"{name}: has {given} rows, must have {requests}, one for each request")
