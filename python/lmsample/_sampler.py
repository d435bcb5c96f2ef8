"""Samplers, and sample(), which keeps them."""

from __future__ import annotations

import ctypes
import operator
import os
import threading
import warnings
import weakref
from collections import OrderedDict
from typing import Any, Dict, Iterable, NamedTuple, Optional, Sequence, Tuple, Union, overload

import numpy as np
import numpy.typing as npt

from . import _library
from ._devices import Context, context_of
from ._library import (
    DTYPES,
    MAX_LISTS,
    MAX_TOP,
    OLD_OUTPUT_BITS,
    REQUESTS_DRY,
    REQUESTS_EDITS,
    SKIP_ROW,
    SLOT_PAGE,
    STEP_OF_SLOT,
    TOKEN_DTYPES,
    HostBatch,
    SamplerDesc,
    check,
    enter,
    lib,
)
from ._kept import Params
from ._logits import Logits, address_of, dtype_name, prepare, quick
from ._params import (
    FloatParam,
    IntParam,
    PresetParam,
    SeedParam,
    StepParam,
    TopKParam,
    row_index,
    row_params,
    row_uniforms,
)
from ._outputs import ALL_OUTPUTS, FIELDS, Output, Samples, blank, output_names, outputs_of
from ._requests import Asked, Edits, TableSet, histories_of, set_requests
from ._slots import Slots, slot_names

ROW_OK = 0
ROW_EMPTY = 1
ROW_SKIPPED = 2
ROW_UNIFORMS_SPENT = 5
ROW_NAN_SEEN = 0x10000
ROW_INF_SEEN = 0x20000

_KEPT_SAMPLERS = 16
# Of a kept sampler at once: workspace for outputs grows with them.
_MOST_ROWS = 1024
_MOST_LOGITS = 1 << 28
_Array = npt.NDArray[Any]
EditsParam = Union[None, Edits, Sequence[Optional[Edits]]]


class RowWarning(UserWarning):
    """Rows without a token, in a call that returns nothing but tokens."""


def _token_name(token_dtype: Any) -> str:
    name = token_dtype
    if type(token_dtype).__module__ == "torch":
        name = str(token_dtype).rpartition(".")[2]
    elif not isinstance(token_dtype, str):
        try:
            name = np.dtype(token_dtype).name
        except TypeError:
            raise TypeError(f"token_dtype: {token_dtype!r} is not a type") from None
    if name not in TOKEN_DTYPES:
        raise ValueError(f"token_dtype: is {name}, must be int32 or int64")
    return str(name)




class _Call(NamedTuple):
    """A batch with everything checked that can be checked without a device."""

    logits: Logits
    params: _Array
    seed: Any
    indices: Optional[_Array]
    uniforms: Optional[_Array]
    attempts: int
    is_flat: bool
    asked: Asked
    tables: Optional[TableSet]
    histories: Any
    is_step_of_slot: bool

    @property
    def rows(self) -> int:
        return len(self.params)


def _call_of(
    logits: object,
    dtype: Optional[object],
    index: object,
    uniforms: object,
    params: Tuple[Any, ...],
    asked: Asked = Asked(),
    max_top: int = MAX_TOP,
) -> _Call:
    read, rows, indices = _rows_of(quick(logits, dtype) or prepare(logits, dtype), index)
    is_flat = read.is_flat and index is None
    records, seed = row_params(rows, *params)
    words, attempts = None, 0
    if uniforms is not None:
        words, attempts = row_uniforms(uniforms, rows, is_flat)
    tables, histories = None, None
    if asked.is_any():
        logits_rows = read.rows if read.repeated is None else read.repeated
        tables = set_requests(records, asked, read.vocab, logits_rows, max_top)
        if read.repeated is not None:
            records["unconditional"] = np.minimum(records["unconditional"], 1)
        histories = _set_slots(records, asked, is_flat)
    is_of_slot = isinstance(params[_STEP], str)
    if is_of_slot:
        records["step"][records["slot"] != 0] = np.uint64(STEP_OF_SLOT)
    return _Call(
        read,
        records,
        seed,
        indices,
        words,
        attempts,
        is_flat,
        asked,
        tables,
        histories,
        is_of_slot,
    )


_STEP = 5  # of the parameters


def _rows_of(read: Logits, index: object) -> Tuple[Logits, int, Optional[_Array]]:
    """How many rows the call has, and the row of the logits in memory that each reads."""
    rows = read.rows if read.repeated is None else read.repeated
    indices = None if index is None else row_index(index, rows)
    if indices is not None:
        rows = len(indices)
    if read.repeated is not None:
        # All of the caller's rows are one in memory.
        indices = np.zeros(rows, np.int32) if indices is None else np.minimum(indices, 0)
    if read.rows == 0 and rows > 0:  # all of them skipped
        nothing: _Array = np.zeros((1, read.vocab), np.float32)
        read = read._replace(memory=nothing, address=address_of(nothing), rows=1)
    return read, rows, indices


def _set_slots(records: _Array, asked: Asked, is_flat: bool) -> Any:
    """Sets the rows' slots; returns histories that are yet to get some."""
    rows = len(records)
    if asked.append not in (False, True):
        raise TypeError(f"append: is {asked.append!r}, must be True or False")
    if asked.slots is not None and asked.history is not None:
        raise ValueError("history: must be without slots, which have one")
    if asked.append and asked.slots is None:
        raise ValueError("append: must be with slots, to which tokens are appended")
    if asked.slots is not None:
        names = slot_names(asked.slots)
        if len(names) not in (1, rows):
            raise ValueError(f"slots: has {len(names)} names, must have one for each of {rows}")
        records["slot"] = names
    if asked.history is None:
        return None
    histories = histories_of([asked.history] if is_flat else asked.history, rows)
    return histories if any(item is not None for item in histories) else None


def _destroy(handle: Optional[int], context: Context, slots: Optional[Slots]) -> None:
    """`context` and `slots` are held until here: they must outlive their samplers."""
    if _library.is_usable():
        lib.lms_sampler_destroy(handle)


def _request_bits(requests: Union[bool, str]) -> int:
    if requests is False:
        return 0
    if requests is True:
        return REQUESTS_EDITS
    if requests == "dry":
        return REQUESTS_EDITS | REQUESTS_DRY
    raise ValueError(f'requests: is {requests!r}, must be False, True or "dry"')


class Sampler:
    """Kernels and memory for one vocabulary, one type of logits and `max_rows` rows at once.

    vocab: tokens in a row of logits, 1 to 1048576.
    dtype: "float32", "float16" or "bfloat16", or a NumPy or PyTorch type of that name.
    max_rows: most rows at once; a call with more is done in parts.
    device: a part of a device's name, a Context, or None (see Context).
    outputs: what calls can return beside token and status: any of "logprobs", "raw_logprobs",
        "kept", "probs", "edited_logprobs", "raw_ranks", "ranks", "raw_entropies", "entropies",
        "top_logprobs", "named_logprobs". Each costs at least one more read of the logits.
    token_dtype: "int32" or "int64", or a NumPy or PyTorch type of that name.
    requests: True: rows may have edits, masks and the like, which takes other kernels, and 9
        bytes of the device for each logit that is under way; "dry": edits with DRY, too, which
        takes 4 bytes for each of max_rows and each of the slots' max_length. True where an
        output or the slots need it.
    slots: the Slots that rows name, or None; then their context is the sampler's.
    max_top: most of the best tokens of a row, 1 to 1024.

    Threads may share a sampler: their calls wait for each other.
    """

    def __init__(
        self,
        vocab: int,
        dtype: object = "float32",
        max_rows: int = 64,
        *,
        device: Union[None, str, Context] = None,
        outputs: Union[str, Iterable[str]] = (),
        token_dtype: object = "int32",
        requests: Union[bool, str] = False,
        slots: Optional[Slots] = None,
        max_top: int = 20,
    ) -> None:
        self.vocab = _whole("vocab", vocab, 1, 1 << 20)
        self.max_rows = _whole("max_rows", max_rows, 1, (1 << 31) - 1)
        self.dtype = dtype_name(dtype)
        self.outputs = output_names(outputs)
        self.token_dtype = _token_name(token_dtype)
        self.max_top = _whole("max_top", max_top, 1, MAX_TOP)
        self.slots = slots
        bits = sum(ALL_OUTPUTS[name] for name in self.outputs)
        self._requests = _request_bits(requests)
        if bits & ~OLD_OUTPUT_BITS or slots is not None:
            self._requests |= REQUESTS_EDITS
        if slots is not None and device is not None and device is not slots.context:
            raise ValueError("device: must be None or the context of the slots")
        self.context = context_of(device) if slots is None else slots.context
        self._lock: Any = threading.Lock() if slots is None else slots._lock
        desc = SamplerDesc(
            vocab=self.vocab,
            max_rows=self.max_rows,
            logits=DTYPES[self.dtype],
            tokens=TOKEN_DTYPES[self.token_dtype],
            outputs=bits,
            max_in_flight=1,
            requests=self._requests,
            max_top=self.max_top if "top_logprobs" in self.outputs else 0,
            max_lists=MAX_LISTS if self._requests else 0,
            slots=None if slots is None else slots._open(),
        )
        self._describe(desc)
        handle = ctypes.c_void_p()
        enter()
        context = self.context._handle
        status = lib.lms_sampler_create(context, ctypes.byref(desc), ctypes.byref(handle))
        check(status, context)
        self._handle = handle
        self._close = weakref.finalize(self, _destroy, handle.value, self.context, slots)
        self._close.atexit = False
        if slots is not None:
            slots._users.add(self)

    def _describe(self, desc: SamplerDesc) -> None:
        """What samplers of other modules have of their own."""

    @property
    def workspace_bytes(self) -> int:
        """Device memory that the sampler holds."""
        size: int = lib.lms_sampler_workspace(self._open())
        return size

    def close(self) -> None:
        """Gives memory and kernels back; also happens when the object goes."""
        if _library.is_usable():
            with self._lock:
                self._close()

    def __enter__(self) -> Sampler:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<lmsample.Sampler of {self.vocab} {self.dtype} logits, {self.max_rows} rows at once>"

    def sample(
        self,
        logits: Any,
        *,
        temperature: FloatParam = 1.0,
        top_k: TopKParam = 0,
        top_p: FloatParam = 1.0,
        min_p: FloatParam = 0.0,
        seed: SeedParam = None,
        step: StepParam = 0,
        preset: PresetParam = "vllm",
        index: Optional[IntParam] = None,
        uniforms: Optional[_Array] = None,
        edits: EditsParam = None,
        mask: Any = None,
        mask_index: Optional[IntParam] = None,
        unconditional: Optional[IntParam] = None,
        slots: Any = None,
        append: bool = False,
        history: Any = None,
        target: Optional[IntParam] = None,
        top_logprobs: Optional[IntParam] = None,
        named: Any = None,
        logprobs_of: str = "raw",
        as_logits: bool = False,
        ranks_from: int = 1,
        params: Optional[Params] = None,
        out: Any = None,
    ) -> Samples:
        """One token for each row; all of the sampler's outputs. See sample(). What is not there:

        step: "slot": the number of tokens that the row's slot has generated; 0 without a slot.
        slots: names of the sampler's slots, one for each row; 0: none.
        append: the slots get the tokens; then each is named once.
        params: what params() made, in the place of all other arguments but logits, index,
            uniforms, append and out.
        out: arrays to write to, of NumPy or PyTorch, with a place for each row or more: one for
            the tokens, or a dict by the names of Samples, or Samples of an earlier call. Others
            are made. They are what is returned.
        """
        if params is not None:
            given = (temperature, top_k, top_p, min_p, seed, step, preset, edits, mask, mask_index,
                     unconditional, slots, history, target, top_logprobs, named, logprobs_of,
                     as_logits, ranks_from)  # fmt: skip
            if not all(map(operator.is_, given, _NOT_GIVEN)):
                raise ValueError(
                    "params: must be the only ones: beside it there are index, uniforms, append "
                    "and out alone"
                )
            return self._sample_kept(logits, params, index, uniforms, append, out)
        others = (temperature, top_k, top_p, min_p, seed, step, preset)
        asked = Asked(
            edits,
            mask,
            mask_index,
            unconditional,
            slots,
            append,
            history,
            target,
            top_logprobs,
            named,
            logprobs_of,
            as_logits,
            ranks_from,
        )
        call = _call_of(logits, self.dtype, index, uniforms, others, asked, self.max_top)
        if call.logits.vocab != self.vocab:
            raise self._wrong_vocab(call.logits)
        return self._run(call, out)

    def params(self, rows: Optional[int] = None) -> Params:
        """What is kept of each row between calls: see Params. `rows` None: max_rows."""
        return Params(self, self.max_rows if rows is None else rows)

    def _sample_kept(
        self, logits: Any, params: Params, index: Any, uniforms: Any, append: bool, out: Any
    ) -> Samples:
        if type(params) is not Params or params._sampler is not self:
            raise ValueError("params: must be of this sampler: what its params() made")
        read = quick(logits, self.dtype) or prepare(logits, self.dtype)
        if read.vocab != self.vocab:
            raise self._wrong_vocab(read)
        if read.repeated is not None and params._views["unconditional"].any():
            read = prepare(np.array(read.memory.repeat(read.repeated, 0)), self.dtype)
        indices: Optional[_Array] = None
        rows = read.rows
        if index is not None or read.repeated is not None or rows == 0:
            read, rows, indices = _rows_of(read, index)
        if params._rows != rows:
            raise ValueError(f"params: has {params._rows} rows, the call has {rows}")
        if append is not False:
            if append is not True:
                raise TypeError(f"append: is {append!r}, must be True or False")
            if self.slots is None:
                raise ValueError("append: needs a sampler made with slots")
        words, attempts = None, 0
        if uniforms is not None:
            words, attempts = row_uniforms(uniforms, rows, read.is_flat and index is None)
        batch = params._ready()
        sizes = (rows, self.vocab, params._top, params._most_named)
        made = outputs_of(self.outputs, sizes, self.token_dtype, read.torch, out)
        if rows > 0:
            _set_batch(batch, read, indices, words, attempts, made)
            batch.append = append
            enter()  # first: in a forked child the lock may be held for ever
            with self._lock:
                status = lib.lms_sample_host(self._open(), params._batch_pointer)
                if status != 0:
                    check(status)
        found = [item.value for item in made.values()]
        if read.is_flat and index is None and out is None:
            found = [value[0] for value in found]
        return Samples(**dict(zip(made, found))) if len(found) > 2 else Samples(*found)

    def _wrong_vocab(self, read: Logits) -> ValueError:
        return ValueError(
            f"logits: has {read.vocab} tokens in a row, the sampler was made for {self.vocab}"
        )

    def _open(self) -> ctypes.c_void_p:
        if not self._close.alive:
            raise ValueError("the sampler is closed")
        return self._handle

    def _run(self, call: _Call, out: Any = None) -> Samples:
        self._check(call)
        enter()  # first: in a forked child the lock may be held for ever
        with self._lock:
            handle = self._open()
            if call.histories is None or self.slots is None:
                return _run(handle, call, self.outputs, self.token_dtype, out)
            names = _open_histories(self.slots, call)
            try:
                return _run(handle, call, self.outputs, self.token_dtype, out)
            finally:
                self.slots.close(names)

    def _check(self, call: _Call) -> None:
        """Was the sampler made for it?"""
        asked = call.asked
        if call.tables is None:
            return
        if not self._requests:
            raise ValueError(
                "edits, masks and the like: need a sampler made with requests=True, or slots"
            )
        if call.tables.has_dry and not self._requests & REQUESTS_DRY:
            raise ValueError('edits: dry_multiplier needs a sampler made with requests="dry"')
        if (asked.slots is not None or call.histories is not None) and self.slots is None:
            name = "slots" if asked.slots is not None else "history"
            raise ValueError(f"{name}: needs a sampler made with slots")
        for name, value in (("top_logprobs", asked.top_logprobs), ("named", asked.named)):
            wanted = "top_logprobs" if name == "top_logprobs" else "named_logprobs"
            if value is not None and wanted not in self.outputs:
                raise ValueError(f'{name}: needs a sampler made with outputs="{wanted}"')


#: What Sampler.sample() has for arguments that kept parameters replace.
_NOT_GIVEN = (
    1.0, 0, 1.0, 0.0, None, 0, "vllm", None, None, None, None, None, None, None, None, None, "raw",
    False, 1,
)  # fmt: skip


def _open_histories(slots: Slots, call: _Call) -> _Array:
    """Opens a slot for each row that has a history, and has the row name it."""
    rows = [row for row, item in enumerate(call.histories) if item is not None]
    prompts = [call.histories[row][0] for row in rows]
    outputs = [call.histories[row][1] for row in rows]
    names = slots.open(prompts, outputs)
    call.params["slot"][rows] = names
    if call.is_step_of_slot:
        call.params["step"][rows] = np.uint64(STEP_OF_SLOT)
    return names


def _whole(name: str, value: int, least: int, most: int) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: {value!r} is not a whole number")
    if not least <= value <= most:
        raise ValueError(f"{name}: is {value}, must be a whole number from {least} to {most}")
    return int(value)


def _run(
    handle: Optional[ctypes.c_void_p],
    call: _Call,
    names: Tuple[str, ...],
    token_dtype: str,
    out: Any = None,
) -> Samples:
    """Without rows, no sampler is needed."""
    logits, rows, tables = call.logits, call.rows, call.tables
    top, named = (tables.top, tables.named) if tables is not None else (0, 0)
    made = outputs_of(names, (rows, logits.vocab, top, named), token_dtype, logits.torch, out)
    if rows > 0:
        batch = HostBatch(rows=rows, params=address_of(call.params))
        if tables is not None:
            batch.tables = ctypes.addressof(tables.finish())
        _set_batch(batch, logits, call.indices, call.uniforms, call.attempts, made)
        batch.append = int(call.asked.append)
        check(lib.lms_sample_host(handle, ctypes.byref(batch)))
    found = {name: item.value for name, item in made.items()}
    if call.is_flat and out is None:
        found = {name: value[0] for name, value in found.items()}
    return Samples(**found, seed=call.seed)


def _set_batch(
    batch: HostBatch,
    logits: Logits,
    indices: Optional[_Array],
    words: Optional[_Array],
    attempts: int,
    outputs: Dict[str, Output],
) -> None:
    """What a call has of its own."""
    batch.logits = logits.address
    batch.row_stride = logits.row_stride
    batch.logits_rows = logits.rows
    batch.index = None if indices is None else address_of(indices)
    batch.uniforms = None if words is None else address_of(words)
    batch.uniforms_per_row = attempts
    for name, item in outputs.items():
        setattr(batch, FIELDS[name], item.address)
    if "top_tokens" in outputs:
        batch.top_stride = outputs["top_tokens"].columns
    if "named_logprobs" in outputs:
        batch.named_stride = outputs["named_logprobs"].columns
    if indices is not None and len(outputs) > 2:
        blank(outputs, indices == SKIP_ROW)


def _power_of_two(least: int) -> int:
    return 1 << max(least - 1, 0).bit_length()


class _Needs(NamedTuple):
    """What a call of sample() wants of a sampler for its requests."""

    requests: Union[bool, str]
    top: int
    slots: int  # histories; 0: none
    length: int  # of the longest
    tokens: int  # of all of them, in whole pages

    def is_met_by(self, sampler: Sampler) -> bool:
        slots = sampler.slots
        return sampler.max_top >= self.top and (
            slots is None
            or (
                slots.max_slots >= self.slots
                and slots.max_length >= self.length
                and slots.max_tokens >= self.tokens
            )
        )

    def make_slots(self, vocab: int, context: Context) -> Optional[Slots]:
        if self.slots == 0:
            return None
        count, length = max(16, _power_of_two(self.slots)), max(256, _power_of_two(self.length))
        tokens = min(count * length, max(16 * SLOT_PAGE, _power_of_two(self.tokens)))
        return Slots(vocab, count, length, max_tokens=tokens, device=context)


def _needs_of(call: _Call) -> _Needs:
    tables = call.tables
    if tables is None:
        return _Needs(False, 0, 0, 0, 0)
    lengths = [len(p) + len(o) for p, o in filter(None, call.histories or ())]
    pages = sum(length // SLOT_PAGE + 1 for length in lengths)
    return _Needs(
        "dry" if tables.has_dry else True,
        tables.top,
        len(lengths),
        max(lengths, default=0),
        pages * SLOT_PAGE,
    )


class _Cache:
    """The samplers that sample() has made, the latest used last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.contexts: Dict[Optional[str], Context] = {}
        self.samplers: OrderedDict[Tuple[Any, ...], Sampler] = OrderedDict()

    def sampler(
        self,
        device: Union[None, str, Context],
        vocab: int,
        dtype: str,
        rows: int,
        outputs: Tuple[str, ...],
        token_dtype: str,
        needs: _Needs,
    ) -> Sampler:
        """One that is large enough, or does its rows in parts; a larger one takes a smaller
        one's place."""
        with self.lock:
            if not isinstance(device, Context):
                if device not in self.contexts:
                    self.contexts[device] = Context(device)
                device = self.contexts[device]
            key = (device, vocab, dtype, outputs, token_dtype, needs.requests, needs.slots > 0)
            rows = min(rows, _MOST_ROWS, _MOST_LOGITS // vocab)
            found = self.samplers.get(key)
            if found is None or found.max_rows < rows or not needs.is_met_by(found):
                max_rows = max(16, _power_of_two(rows))
                slots = needs.make_slots(vocab, device)
                found = Sampler(
                    vocab,
                    dtype,
                    max_rows,
                    device=device,
                    outputs=outputs,
                    token_dtype=token_dtype,
                    requests=needs.requests,
                    slots=slots,
                    max_top=min(MAX_TOP, max(20, _power_of_two(needs.top))),
                )
                self.samplers[key] = found
            self.samplers.move_to_end(key)
            # One that another thread is using goes when that call is over.
            while len(self.samplers) > _KEPT_SAMPLERS:
                self.samplers.popitem(last=False)
            return found


_cache = _Cache()


def _forget() -> None:
    """In a forked child, where the parent's locks may be held for ever."""
    global _cache
    _cache = _Cache()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def clear_cache() -> None:
    """Gives back what sample() keeps for later calls: samplers and contexts."""
    with _cache.lock:
        _cache.samplers.clear()
        _cache.contexts.clear()


@overload
def sample(
    logits: Any,
    *,
    temperature: FloatParam = ...,
    top_k: TopKParam = ...,
    top_p: FloatParam = ...,
    min_p: FloatParam = ...,
    seed: SeedParam = ...,
    step: StepParam = ...,
    preset: PresetParam = ...,
    index: Optional[IntParam] = ...,
    uniforms: Optional[_Array] = ...,
    edits: EditsParam = ...,
    mask: Any = ...,
    mask_index: Optional[IntParam] = ...,
    unconditional: Optional[IntParam] = ...,
    history: Any = ...,
    target: Optional[IntParam] = ...,
    top_logprobs: Optional[IntParam] = ...,
    named: Any = ...,
    logprobs_of: str = ...,
    as_logits: bool = ...,
    ranks_from: int = ...,
    dtype: Optional[object] = ...,
    token_dtype: object = ...,
    device: Union[None, str, Context] = ...,
    outputs: None = ...,
) -> Any: ...


@overload
def sample(
    logits: Any,
    *,
    temperature: FloatParam = ...,
    top_k: TopKParam = ...,
    top_p: FloatParam = ...,
    min_p: FloatParam = ...,
    seed: SeedParam = ...,
    step: StepParam = ...,
    preset: PresetParam = ...,
    index: Optional[IntParam] = ...,
    uniforms: Optional[_Array] = ...,
    edits: EditsParam = ...,
    mask: Any = ...,
    mask_index: Optional[IntParam] = ...,
    unconditional: Optional[IntParam] = ...,
    history: Any = ...,
    target: Optional[IntParam] = ...,
    top_logprobs: Optional[IntParam] = ...,
    named: Any = ...,
    logprobs_of: str = ...,
    as_logits: bool = ...,
    ranks_from: int = ...,
    dtype: Optional[object] = ...,
    token_dtype: object = ...,
    device: Union[None, str, Context] = ...,
    outputs: Union[str, Iterable[str]],
) -> Samples: ...


def sample(
    logits: Any,
    *,
    temperature: FloatParam = 1.0,
    top_k: TopKParam = 0,
    top_p: FloatParam = 1.0,
    min_p: FloatParam = 0.0,
    seed: SeedParam = None,
    step: StepParam = 0,
    preset: PresetParam = "vllm",
    index: Optional[IntParam] = None,
    uniforms: Optional[_Array] = None,
    edits: EditsParam = None,
    mask: Any = None,
    mask_index: Optional[IntParam] = None,
    unconditional: Optional[IntParam] = None,
    history: Any = None,
    target: Optional[IntParam] = None,
    top_logprobs: Optional[IntParam] = None,
    named: Any = None,
    logprobs_of: str = "raw",
    as_logits: bool = False,
    ranks_from: int = 1,
    dtype: Optional[object] = None,
    token_dtype: object = "int32",
    device: Union[None, str, Context] = None,
    outputs: Union[None, str, Iterable[str]] = None,
) -> Any:
    """Samples one token for each row of logits.

    A parameter is one value for all rows, or a sequence or array of one value for each row, of
    shape [rows] or [rows, 1]. None stands for a filter that is off, and for temperature 1.

    logits: [vocabulary] or [rows, vocabulary], float32, float16 or bfloat16: a NumPy array
        (bfloat16: of ml_dtypes.bfloat16, or of uint16 with dtype="bfloat16") or a PyTorch
        tensor on the CPU. Read where it is if the device shares memory with the host and each
        row is in one piece; else copied. Never written.
    temperature: 0 (greedy), or from 2^-64 to 2^64.
    top_k: keep the k most probable tokens; 0, -1 and whatever is not less than the vocabulary:
        off.
    top_p: keep the most probable tokens that reach this share together; 0: greedy, 1: off.
    min_p: keep the tokens at least this many times as probable as the best one; 0: off.
    seed: -2^63 to 2^64 - 1 (modulo 2^64). Names the random numbers: the same logits,
        parameters, seed and step give the same tokens on any device. One seed is that of the
        batch, of which row r has row_seed(seed, r), as in the command line; seeds for each row
        are taken as they are. None: a fresh one, which Samples.seed has.
    step: 0 to 2^64 - 2. Count it up from token to token. "slot": the number of tokens that
        the row's history has generated.
    preset: "vllm", "hugging-face", "llama.cpp" or "joint" (how those apply the filters);
        or rules with "+" between; or the same as flags, 0 to 15.
    index: the row of the logits that each row reads, or -1: no row (skipped). Without it, row r
        reads row r of the logits.
    uniforms: uint32[rows, attempts, 4], random words in the place of the generator's.
    edits: Edits, for all rows, or a sequence with those of each row, or None.
    mask: int32 or uint32[masks, words], bit t % 32 of word t / 32 of token t, as xgrammar and
        llguidance write them, or bool or uint8[masks, vocabulary]: tokens that may be chosen.
        One for all rows, or one for each. Those beyond the mask may not.
    mask_index: the mask of each row, -1: none.
    unconditional: for guidance of Edits: the row of the logits that each row goes away from,
        -1: none.
    history: the tokens so far of each row, that it has generated; or (prompt, output); or
        {"prompt": ..., "output": ...}; or None. (Of logits of one dimension: of the one row.)
    target: for each row the token that outputs tell of: nothing is drawn; -1: one is drawn.
    top_logprobs: 0 to 1024: so many of the best tokens, and theirs, of each row.
    named: at most 128 tokens whose log-probabilities are wanted, or a list of them for each row.
    logprobs_of: "raw", "edited" or "processed": the row that top_logprobs and named tell of.
    as_logits: logits in the place of their log-probabilities; not of "processed".
    ranks_from: 1: ranks count tokens at least as probable; 0: those that are more so.
    dtype: "bfloat16" if uint16 logits are that; otherwise the type is the array's.
    token_dtype: "int32" or "int64", or a NumPy or PyTorch type of that name.
    device: a part of a device's name, a Context, or None (see Context).
    outputs: None, or any of "logprobs", "raw_logprobs", "kept", "probs", "edited_logprobs",
        "raw_ranks", "ranks", "raw_entropies", "entropies".

    Returns the tokens, as an array of one for each row (for logits of one dimension: one
    token), or, if `outputs` (() is enough), `top_logprobs` or `named` is given, Samples. A row
    without a token has -1: its logits are all NaN, -inf or banned, it was skipped, or its
    uniforms were spent. Where the tokens are all that is returned, a RowWarning says that there
    are such rows (not for skipped ones).
    """
    names = () if outputs is None else output_names(outputs)
    lists = [("top_logprobs", top_logprobs), ("named_logprobs", named)]
    names += tuple(name for name, value in lists if value is not None and name not in names)
    token_name = _token_name(token_dtype)
    params = (temperature, top_k, top_p, min_p, seed, step, preset)
    asked = Asked(
        edits,
        mask,
        mask_index,
        unconditional,
        None,
        False,
        history,
        target,
        top_logprobs,
        named,
        logprobs_of,
        as_logits,
        ranks_from,
    )
    call = _call_of(logits, dtype, index, uniforms, params, asked, MAX_TOP)
    if call.rows == 0:
        found = _run(None, call, names, token_name)
    else:
        sampler = _cache.sampler(
            device,
            call.logits.vocab,
            call.logits.dtype,
            call.rows,
            names,
            token_name,
            _needs_of(call),
        )
        found = sampler._run(call)
    if outputs is not None or top_logprobs is not None or named is not None:
        return found
    _warn_of_rows(found, call.tables is not None)
    return found.tokens


def _warn_of_rows(found: Samples, may_be_banned: bool) -> None:
    codes = np.atleast_1d(np.asarray(found.status)) & 0xFF
    if not codes.any():
        return
    missing = np.flatnonzero((codes != ROW_OK) & (codes != ROW_SKIPPED))
    if len(missing):
        row = int(missing[0])
        why = "uniforms are spent"
        if codes[row] == ROW_EMPTY:
            why = "every logit is NaN or -inf" + (", or banned" if may_be_banned else "")
        warnings.warn(
            f"{len(missing)} of {len(codes)} rows have no token (-1), the first is row {row}: "
            f"{why}",
            RowWarning,
            stacklevel=3,
        )
