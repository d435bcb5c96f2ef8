"""Beam search: the beams of many requests, a step at a time. See include/lms_beam.h."""

from __future__ import annotations

import ctypes
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union

import numpy as np

from ._devices import Context
from ._dlpack import is_tensor
from ._library import (
    E_CONTEXT_FULL,
    E_SLOT,
    NO_TOKEN,
    SlotError,
    SlotsFullError,
    check,
    enter,
    lib,
)
from ._params import FloatParam, IntParam, PresetParam, TopKParam, _fresh_seed, _whole
from ._requests import Asked, _ids
from ._searches import (
    _POINTER,
    _SIZE,
    _STATUS,
    _U32,
    FILTERS,
    Array,
    EditsParam,
    Search,
    address,
    common_of,
    count,
    declare,
    dense,
    first_rows_of,
    number,
    one_of,
    returned,
    row_requests,
    set_filters,
    whole,
)
from ._slots import Slots

BEAM_MODES = {"search": 0, "stochastic": 1, "sample": 2}
BEAM_LENGTHS = {"generated": 0, "with-prompt": 1, "none": 2}
#: Hugging Face's values are among them.
BEAM_EARLY = {
    "heuristic": 0,
    False: 0,
    "yes": 1,
    True: 1,
    "never": 2,
    "off": 3,
    None: 3,
}
BEAM_KEEP_LIVE = 1
BEAM_END_ANY_RANK = 2
BEAM_LENGTH_WITHOUT_END = 4
BEAM_RENORMALIZE = 8
BEAM_STOP_BY_CANDIDATE = 16
BEAM_PRESETS: Dict[str, int] = {
    "hugging-face": 0,
    "tensorrt-llm": BEAM_KEEP_LIVE | BEAM_STOP_BY_CANDIDATE,
    "vllm": BEAM_KEEP_LIVE | BEAM_END_ANY_RANK | BEAM_LENGTH_WITHOUT_END,
}
_ALL_FLAGS = 31
BEAM_SCORE_ONE = 2**32

BEAM_DONE = 1
BEAM_EARLY_STOPPED = 2
BEAM_EMPTY = 4
BEAM_NOT_OPENED = 8
BEAM_BAD_REQUEST = 16

#: lms_beam_params, the fields of its filters among its own
BEAM_PARAMS = np.dtype(
    [
        ("seed", np.uint64),
        *FILTERS,
        ("mode", np.uint32),
        ("width", np.uint32),
        ("groups", np.uint32),
        ("diversity_penalty", np.float32),
        ("length_penalty", np.float32),
        ("length_counts", np.uint32),
        ("early_stopping", np.uint32),
        ("flags", np.uint32),
        ("prompt_length", np.uint32),
        ("min_length", np.uint32),
        ("max_length", np.uint32),
        ("results", np.uint32),
        ("end_tokens", np.uint32),
        ("reserved", np.uint32, (3,)),
    ]
)


class BeamDesc(ctypes.Structure):
    """lms_beam_desc"""

    _fields_ = [
        ("vocab", _U32),
        ("max_requests", _U32),
        ("max_width", _U32),
        ("max_length", _U32),
        ("max_end_tokens", _U32),
        ("max_rows", _U32),
        ("logits", ctypes.c_int),
        ("tokens", ctypes.c_int),
        ("max_in_flight", _U32),
        ("work_items", _U32),
        ("requests", _U32),
        ("max_lists", _U32),
        ("table_bytes", _SIZE),
        ("slots", _POINTER),
        ("reserved", _U32 * 2),
    ]


class BeamStepArgs(ctypes.Structure):
    """lms_beam_step_host_args"""

    _fields_ = [
        ("requests", _U32),
        ("slots", _POINTER),
        ("first_rows", _POINTER),
        ("logits", _POINTER),
        ("row_stride", _SIZE),
        ("logits_rows", _SIZE),
        ("parents", _POINTER),
        ("tokens", _POINTER),
        ("scores", _POINTER),
        ("scores_fixed", _POINTER),
        ("done", _POINTER),
        ("status", _POINTER),
        ("tables", _POINTER),
        ("row_requests", _POINTER),
    ]


class BeamResultsArgs(ctypes.Structure):
    """lms_beam_results_host_args"""

    _fields_ = [
        ("requests", _U32),
        ("slots", _POINTER),
        ("max_results", _U32),
        ("token_stride", _SIZE),
        ("counts", _POINTER),
        ("lengths", _POINTER),
        ("tokens", _POINTER),
        ("scores", _POINTER),
        ("logprobs", _POINTER),
        ("token_logprobs", _POINTER),
        ("beams", _POINTER),
    ]


declare(
    {
        "lms_beam_create": (_STATUS, _POINTER, _POINTER, _POINTER),
        "lms_beam_destroy": (None, _POINTER),
        "lms_beam_workspace": (_SIZE, _POINTER),
        "lms_beam_open_host": (_STATUS, _POINTER, _U32, _POINTER, _POINTER),
        "lms_beam_close": (_STATUS, _POINTER, _U32),
        "lms_beam_step_host": (_STATUS, _POINTER, _POINTER),
        "lms_beam_results_host": (_STATUS, _POINTER, _POINTER),
    }
)


class BeamStep(NamedTuple):
    """What a step says: row by row of the logits, then request by request. Tensors if the logits
    are one."""

    parents: Any
    """int32[rows], the row whose sequence, and cache, the beam continues; its own where it does
    not go on."""
    tokens: Any
    """int32 or int64[rows], what it appends to that; -1 where it does not go on."""
    scores: Any
    """float32[rows], the sum of its log-probabilities, less diversity penalties; -inf for no
    beam."""
    done: Any
    """bool[requests]: the search is over."""
    status: Any
    """uint32[requests] (PyTorch: int32), BEAM_DONE and the like, or-ed."""
    scores_fixed: Any
    """int64[rows], scores exactly, in units of 1 / BEAM_SCORE_ONE."""


class BeamResults(NamedTuple):
    """Sequences of requests, best first. [requests, most] has rows for as many as there can be;
    behind the last one of a request, lengths are 0."""

    counts: Array
    """int32[requests], how many there are."""
    lengths: Array
    """int32[requests, most], tokens, an end token included."""
    tokens: Array
    """int32 or int64[requests, most, longest]; -1 behind the last."""
    scores: Array
    """float32[requests, most], what they are ranked by: the sum over length ^ length_penalty."""
    logprobs: Array
    """float32[requests, most], the sum of log-probabilities, less diversity penalties."""
    token_logprobs: Array
    """float32[requests, most, longest], each token's; 0 behind the last."""
    beams: Array
    """int32[requests, most, longest], the beam that each token continued; -1 behind the last."""

    def sequences(self, request: int) -> List[List[int]]:
        """Those of the request at that place, as lists of tokens."""
        return [
            self.tokens[request, i, : self.lengths[request, i]].tolist()
            for i in range(self.counts[request])
        ]


class _Opened(NamedTuple):
    width: int
    results: int
    max_length: int
    steps: List[int]  # one number: how many there were

    @property
    def longest(self) -> int:
        return min(self.steps[0], self.max_length)


def _beam_flags(value: Union[str, int]) -> int:
    if isinstance(value, str):
        return one_of("flags", value, BEAM_PRESETS)
    return whole("flags", value, 0, _ALL_FLAGS)


class Beam(Search):
    """Beam searches over one vocabulary, of many requests at once. The model and its cache are
    the caller's.

        request = beam.open(width=4, max_length=100, end_tokens=eos)
        while True:
            step = beam.step([request], logits)      # of the beams, [4, vocabulary]
            if step.done.all():
                break
            ...                                      # cache = cache[step.parents]; the model goes
                                                     # on with step.tokens
        best = beam.results([request]).sequences(0)[0]
        beam.close(request)

    vocab: tokens in a row of logits, 1 to 1048576.
    dtype: "float32", "float16" or "bfloat16", or a NumPy or PyTorch type of that name.
    max_requests: open at once.
    max_width: most beams of a request, 1 to 1024.
    max_length: most generated tokens of a sequence, 1 to 1048576.
    max_end_tokens: most end tokens of a request. max(2, 1 + it) * max_width is at most 4096.
    max_rows: most beams of one step, all requests together; None: max_requests * max_width.
    device, token_dtype, requests, slots: as for Sampler; here each beam has a slot.

    Threads may share a search: their calls wait for each other.
    """

    _prefix = "lms_beam_"

    def __init__(
        self,
        vocab: int,
        dtype: object = "float32",
        max_requests: int = 16,
        max_width: int = 8,
        max_length: int = 256,
        *,
        max_end_tokens: int = 1,
        max_rows: Optional[int] = None,
        device: Union[None, str, Context] = None,
        token_dtype: object = "int32",
        requests: Union[bool, str] = False,
        slots: Optional[Slots] = None,
    ) -> None:
        common = common_of(vocab, dtype, token_dtype, requests, slots)
        self.max_width = whole("max_width", max_width, 1, 1024)
        self.max_length = whole("max_length", max_length, 1, 1 << 20)
        self.max_end_tokens = count("max_end_tokens", max_end_tokens)
        most = whole("max_requests", max_requests, 1, (2**31 - 1) // self.max_width)
        rows = 0 if max_rows is None else count("max_rows", max_rows)
        desc = BeamDesc(
            max_requests=most,
            max_width=self.max_width,
            max_length=self.max_length,
            max_end_tokens=self.max_end_tokens,
            max_rows=rows,
            **common.fields(),
        )
        self._make(common, desc, most, device)

    def __repr__(self) -> str:
        return (
            f"<lmsample.Beam of {self.vocab} {self.dtype} logits, {self.max_requests} requests "
            f"of {self.max_width} beams at once>"
        )

    def open(
        self,
        width: int,
        max_length: Optional[int] = None,
        *,
        end_tokens: Union[None, int, Sequence[int], Array] = None,
        results: Optional[int] = None,
        length_penalty: float = 1.0,
        early_stopping: Union[None, bool, str] = False,
        min_length: int = 0,
        groups: int = 1,
        diversity_penalty: float = 0.0,
        length_counts: str = "generated",
        prompt_length: int = 0,
        flags: Union[str, int] = "hugging-face",
        mode: str = "search",
        seed: Optional[int] = None,
        temperature: FloatParam = 1.0,
        top_k: TopKParam = 0,
        top_p: FloatParam = 1.0,
        min_p: FloatParam = 0.0,
        preset: PresetParam = "vllm",
        request: Optional[int] = None,
    ) -> int:
        """Opens a request. Returns its number, 0 to max_requests - 1. Hugging Face's names, where
        it has some, in brackets.

        width: beams [num_beams].
        max_length: most generated tokens [max_new_tokens]; None: the search's.
        end_tokens: one or several [eos_token_id].
        results: sequences that are wanted [num_return_sequences]; None: width.
        length_penalty: scores are divided by length ^ this.
        early_stopping: when a search with `width` finished sequences is done: False or
            "heuristic", True or "yes", "never", and None or "off": at max_length alone.
        min_length: tokens before the first at which a sequence may end [min_new_tokens].
        groups, diversity_penalty: [num_beam_groups, diversity_penalty].
        length_counts: "generated", "with-prompt" (the prompt has prompt_length tokens), "none":
            scores are not divided.
        flags: "hugging-face", "tensorrt-llm" or "vllm", or lmsample.BEAM_KEEP_LIVE and the like,
            or-ed.
        mode: "search"; "stochastic": whole sequences are drawn without replacement; "sample":
            each step draws without replacement [do_sample].
        seed: names the draws; None: a fresh one.
        temperature, top_k, top_p, min_p, preset: as for sample(), but never greedy.
        request: the number that it gets; None: the first free one.
        """
        ends = _ids("end_tokens", _listed_ends(end_tokens))
        record: Array = np.zeros(1, BEAM_PARAMS)
        set_filters(record, temperature, top_k, top_p, min_p, preset)
        rule = "a whole number from -2^63 to 2^64 - 1"
        seed = (
            _fresh_seed()
            if seed is None
            else int(_whole("seed", seed, 1, -(2**63), 2**64 - 1, rule))
        )
        wanted = whole("width", width, 1, self.max_width)
        values = {
            "seed": seed % 2**64,
            "mode": one_of("mode", mode, BEAM_MODES),
            "width": wanted,
            "groups": count("groups", groups),
            "diversity_penalty": number("diversity_penalty", diversity_penalty),
            "length_penalty": number("length_penalty", length_penalty),
            "length_counts": one_of("length_counts", length_counts, BEAM_LENGTHS),
            "early_stopping": one_of("early_stopping", early_stopping, BEAM_EARLY),
            "flags": _beam_flags(flags),
            "prompt_length": count("prompt_length", prompt_length),
            "min_length": count("min_length", min_length),
            "max_length": (
                self.max_length if max_length is None else count("max_length", max_length)
            ),
            "results": wanted if results is None else count("results", results),
            "end_tokens": len(ends),
        }
        for name, value in values.items():
            record[name] = value
        enter()
        with self._lock:
            slot = self._slot(request)
            check(lib.lms_beam_open_host(self._open(), slot, address(record), address(ends)))
            self._opened[slot] = _Opened(
                wanted, int(values["results"]), int(values["max_length"]), [0]
            )
        return slot

    def step(
        self,
        requests: Union[int, Sequence[int], Array],
        logits: Any,
        *,
        first_rows: Union[None, Sequence[int], Array] = None,
        edits: EditsParam = None,
        mask: Any = None,
        mask_index: Optional[IntParam] = None,
        unconditional: Optional[IntParam] = None,
        slots: Any = None,
        append: bool = False,
    ) -> BeamStep:
        """One step of some requests, any of those that are open, each once.

        logits: [rows, vocabulary], as for sample(): a request's rows are its beams', 0 to
            width - 1, and the requests' rows are one behind the other. At the first step of
            requests, the rows of beam 0 alone are read; where it is the first of all of them,
            [requests, vocabulary] will do: one row each.
        first_rows: the first row of each request, rising; rows between them are nobody's.
        edits, mask, mask_index, unconditional: as for Sampler.sample, by rows.
        slots: names of slots of lmsample.Slots, one for each row, each once: the texts of the
            beams, for edits that look back; 0: none.
        append: the slots follow their beams: each goes on from its parent's, and gets its token.

        A request whose search is done may be among them: nothing of it changes.
        """
        read = self._read(logits)
        if append not in (False, True) or (append and slots is None):
            raise ValueError(f"append: is {append!r}, must be False, or True with slots")
        asked = Asked(edits, mask, mask_index, unconditional, slots)
        enter()
        with self._lock:
            handle = self._open()
            which = self._listed(requests)
            opened = [self._opened[slot] for slot in which.tolist()]
            widths = [item.width for item in opened]
            firsts = first_rows_of(first_rows, widths)
            memory, rows, stride = dense(read)
            needed = int(firsts[-1]) + widths[-1] if widths else 0
            is_first = first_rows is None and all(item.steps[0] == 0 for item in opened)
            if is_first and rows == len(which) and rows != needed:
                memory, rows, stride = _spread(memory, firsts, needed), needed, self.vocab
            if rows < needed:
                raise ValueError(f"logits: has {rows} rows, must have {needed}, one for each beam")
            brought = row_requests(
                rows, self.vocab, asked, self._requests, self.slots is not None, rows
            )
            step = _empty_step(rows, len(which), self.token_dtype, sum(widths) == rows)
            done: Array = np.zeros(len(which), np.uint32)
            if append and brought.records is not None:
                self._check_follow(brought.records["slot"])
            args = BeamStepArgs(
                requests=len(which),
                slots=address(which),
                first_rows=address(firsts),
                logits=address(memory),
                row_stride=stride,
                logits_rows=rows,
                parents=address(step.parents),
                tokens=address(step.tokens),
                scores=address(step.scores),
                scores_fixed=address(step.scores_fixed),
                done=address(done),
                status=address(step.status),
                row_requests=address(brought.records),
            )
            if brought.tables is not None:
                args.tables = ctypes.addressof(brought.tables.finish())
            check(lib.lms_beam_step_host(handle, ctypes.byref(args)))
            for item in opened:
                item.steps[0] += 1
            if append and brought.records is not None:
                self._follow(brought.records["slot"], firsts, widths, step)
        step = step._replace(done=done != 0)
        return BeamStep(*(returned(array, read.torch) for array in step))

    def _check_follow(self, names: Array) -> None:
        """Before the step, which cannot be taken back."""
        assert self.slots is not None
        there = names[names != 0].tolist()
        if len(set(there)) < len(there):
            raise SlotError("slots: has one twice", E_SLOT)
        for name in there:
            if self.slots.length(name) >= self.slots.max_length:
                raise SlotsFullError(
                    f"slots: {name} has max_length ({self.slots.max_length}) tokens",
                    E_CONTEXT_FULL,
                )

    def _follow(self, names: Array, firsts: Array, widths: List[int], step: BeamStep) -> None:
        """The slots go on as the beams do. Each request's by itself: a reordering counts all of
        its slots as long as the longest."""
        assert self.slots is not None
        for first, width in zip(firsts.tolist(), widths):
            own = np.ascontiguousarray(names[first : first + width])
            if own.any():
                self.slots.reorder(own, step.parents[first : first + width] - first)
        there = np.flatnonzero(names)
        for begin in range(0, len(there), self.slots._most_call):
            some = there[begin : begin + self.slots._most_call]
            self.slots.append(names[some], step.tokens[some])

    def results(
        self, requests: Union[int, Sequence[int], Array], max_results: Optional[int] = None
    ) -> BeamResults:
        """The best sequences of some requests so far, done or not; changes nothing. What is
        live stands behind what is finished.

        max_results: at least the `results` of each request; None: that.
        """
        enter()
        with self._lock:
            handle = self._open()
            which = self._listed(requests)
            opened = [self._opened[slot] for slot in which.tolist()]
            most = max((item.results for item in opened), default=1)
            if max_results is not None:
                most = whole("max_results", max_results, most, self.max_width)
            longest = max([1, *(item.longest for item in opened)])
            shape = (len(which), most)
            results = BeamResults(
                np.zeros(len(which), np.int32),
                np.zeros(shape, np.int32),
                np.full((*shape, longest), NO_TOKEN, self.token_dtype),
                np.full(shape, -np.inf, np.float32),
                np.full(shape, -np.inf, np.float32),
                np.zeros((*shape, longest), np.float32),
                np.full((*shape, longest), -1, np.int32),
            )
            args = BeamResultsArgs(
                requests=len(which),
                slots=address(which),
                max_results=most,
                token_stride=longest,
                **{name: address(array) for name, array in results._asdict().items()},
            )
            check(lib.lms_beam_results_host(handle, ctypes.byref(args)))
        return results


def _listed_ends(value: Any) -> Any:
    """None, one token, or several."""
    if value is None:
        return []
    if is_tensor(value):
        value = value.cpu().numpy()
    if isinstance(value, np.ndarray):
        return value.reshape(-1) if value.size else []
    return [value] if isinstance(value, (int, np.integer)) else value


def _spread(memory: Array, firsts: Array, rows: int) -> Array:
    """The rows of first steps where beams 0 have theirs; nobody reads the others."""
    spread: Array = np.empty((rows, memory.shape[1]), memory.dtype)
    spread[firsts] = memory
    return spread


def _empty_step(rows: int, requests: int, token_dtype: str, is_full: bool) -> BeamStep:
    """As rows are that are nobody's, if there are such."""
    status = np.zeros(requests, np.uint32)
    if is_full:
        parents, tokens = np.empty(rows, np.int32), np.empty(rows, token_dtype)
        return BeamStep(
            parents, tokens, np.empty(rows, np.float32), None, status, np.empty(rows, np.int64)
        )
    return BeamStep(
        np.arange(rows, dtype=np.int32),
        np.full(rows, NO_TOKEN, token_dtype),
        np.full(rows, -np.inf, np.float32),
        None,
        status,
        np.full(rows, np.iinfo(np.int64).min, np.int64),
    )
