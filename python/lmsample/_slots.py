"""Sequences of tokens on the device, from step to step."""

from __future__ import annotations

import ctypes
import threading
import weakref
from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _library
from ._devices import Context, context_of
from ._dlpack import as_numpy
from ._library import (
    E_SLOT,
    MAX_SLOT_LENGTH,
    MAX_SLOTS,
    SLOT_PAGE,
    SlotError,
    SlotsAppend,
    SlotsDesc,
    SlotsOpen,
    check,
    enter,
    lib,
)
from ._params import _whole
from ._requests import Tokens, _ids

_Array = npt.NDArray[Any]
Names = Union[int, Sequence[int], npt.NDArray[Any]]


def _destroy(handle: Optional[int], context: Context) -> None:
    """`context` is held until here: it must outlive them."""
    if _library.is_usable():
        lib.lms_slots_destroy(handle)


def _size(name: str, value: Any, least: int, most: int) -> int:
    rule = f"a whole number from {least} to {most}"
    return int(_whole(name, value, 1, least, most, rule))


class Slots:
    """What is known of sequences from step to step, on the device: their tokens, prompt and
    output told apart. Rows of a call name slots (`slots=` of Sampler.sample), wherever in the
    batch they are.

    A name is a number, given by open() or fork() and never given again. Names are kept in
    arrays of uint64.

    vocab: tokens are 0 to vocab - 1.
    max_slots: open at once, 1 to 65536.
    max_length: tokens of one, 1 to 1048576.
    max_tokens: of all of them together, in pages of 256, of which no two slots share one that
        is not full; None: room for max_slots of max_length. Each takes 20 bytes of the device.
    device: as for Sampler, or its Context: samplers made with the slots use theirs.

    Calls of slots, and of the samplers made with them, wait for each other.
    """

    def __init__(
        self,
        vocab: int,
        max_slots: int = 64,
        max_length: int = 4096,
        *,
        max_tokens: Optional[int] = None,
        device: Union[None, str, Context] = None,
    ) -> None:
        self.vocab = _size("vocab", vocab, 1, 1 << 20)
        self.max_slots = _size("max_slots", max_slots, 1, MAX_SLOTS)
        self.max_length = _size("max_length", max_length, 1, MAX_SLOT_LENGTH)
        pages = -(-self.max_length // SLOT_PAGE)  # of each: its last one may be all its own
        all_tokens = self.max_slots * pages * SLOT_PAGE
        self.max_tokens = all_tokens
        if max_tokens is not None:
            self.max_tokens = _size("max_tokens", max_tokens, 1, all_tokens)
        self.context = context_of(device)
        self._lock = threading.RLock()
        self._users: Any = weakref.WeakSet()  # samplers, which must go first
        self._most_host_tokens = max(65536, self.max_length)
        desc = SlotsDesc(
            max_tokens=self.max_tokens,
            max_slots=self.max_slots,
            max_length=self.max_length,
            vocab=self.vocab,
            max_host_tokens=self._most_host_tokens,
        )
        self._most_call = min(self.max_slots, 1024)
        handle = ctypes.c_void_p()
        enter()
        context = self.context._handle
        check(lib.lms_slots_create(context, ctypes.byref(desc), ctypes.byref(handle)), context)
        self._handle = handle
        self._close = weakref.finalize(self, _destroy, handle.value, self.context)
        self._close.atexit = False

    def _open(self) -> ctypes.c_void_p:
        if not self._close.alive:
            raise ValueError("the slots are closed")
        return self._handle

    def __repr__(self) -> str:
        return (
            f"<lmsample.Slots of {self.vocab} tokens, {self.max_slots} at once, "
            f"{self.max_length} long>"
        )

    @property
    def workspace_bytes(self) -> int:
        """Device memory that they hold."""
        enter()
        size: int = lib.lms_slots_workspace(self._open())
        return size

    @property
    def room(self) -> int:
        """Tokens in pages that are free. A slot takes whole pages, of 256."""
        enter()
        with self._lock:
            tokens: int = lib.lms_slots_room(self._open())
        return tokens

    def open(
        self,
        prompts: Sequence[Tokens],
        outputs: Optional[Sequence[Optional[Tokens]]] = None,
        *,
        ignored: Optional[Sequence[int]] = None,
    ) -> _Array:
        """Opens a slot for each prompt. Returns uint64[slots], their names.

        prompts: sequences or arrays of tokens, empty ones too.
        outputs: what is already generated behind each.
        ignored: so many of each prompt's first tokens are not counted by frequency and presence
            (TensorRT-LLM's prompt_ignore_length).
        """
        items = list(prompts)
        behind: List[Any] = [None] * len(items) if outputs is None else list(outputs)
        if len(behind) != len(items):
            raise ValueError(f"outputs: has {len(behind)} items, must have {len(items)}")
        heads = [_ids(f"prompts[{i}]", tokens) for i, tokens in enumerate(items)]
        tails = [_ids(f"outputs[{i}]", t if t is not None else ()) for i, t in enumerate(behind)]
        skipped: Optional[_Array] = None
        if ignored is not None:
            rule = "a whole number from 0"
            skipped = np.asarray(
                _whole("ignored", np.asarray(ignored), len(items), 0, 2**32 - 1, rule)
            ).astype(np.uint32)
            skipped = np.broadcast_to(skipped, (len(items),))
        names: _Array = np.zeros(len(items), np.uint64)
        enter()  # first: in a forked child the lock may be held for ever
        with self._lock:
            self._open_all(heads, tails, skipped, names)
        return names

    def _open_all(
        self, heads: List[_Array], tails: List[_Array], ignored: Optional[_Array], names: _Array
    ) -> None:
        """In as many calls as it takes: all of them, or none."""
        begin = 0
        try:
            while begin < len(heads):
                end, tokens = begin, 0
                while end < len(heads) and end - begin < self._most_call:
                    tokens += len(heads[end]) + len(tails[end])
                    if end > begin and tokens > self._most_host_tokens:
                        break
                    end += 1
                self._open_some(heads[begin:end], tails[begin:end], ignored, names, begin)
                begin = end
        except BaseException:
            for name in names[:begin]:
                lib.lms_slots_close(self._handle, int(name))
            raise

    def _open_some(
        self,
        heads: List[_Array],
        tails: List[_Array],
        ignored: Optional[_Array],
        names: _Array,
        begin: int,
    ) -> None:
        end = begin + len(heads)
        lengths = np.array([len(h) + len(t) for h, t in zip(heads, tails)], np.uint32)
        prompts = np.array([len(h) for h in heads], np.uint32)
        pieces = [piece for pair in zip(heads, tails) for piece in pair]
        tokens = np.concatenate([*pieces, np.zeros(1, np.int32)])
        some = names[begin:end]
        args = SlotsOpen(
            count=len(heads),
            lengths=lengths.ctypes.data,
            prompts=prompts.ctypes.data,
            tokens=tokens.ctypes.data,
            token_count=len(tokens),
            names=some.ctypes.data,
        )
        if ignored is not None:
            part = np.ascontiguousarray(ignored[begin:end])
            args.ignored = part.ctypes.data
        check(lib.lms_slots_open_host(self._open(), ctypes.byref(args)))

    def append(self, names: Names, tokens: Any, counts: Optional[Sequence[int]] = None) -> None:
        """Appends tokens to open slots, each named once.

        tokens: int[slots], one for each, or int[slots, most]; -1 is left out.
        counts: of tokens[i] the first counts[i]; None: all. Rows that a sampler sampled with
            append=True have theirs already.
        """
        which = self._names(names)
        array: _Array = np.asarray(as_numpy("tokens", tokens))
        if array.size and array.dtype.kind not in "iu":
            raise TypeError(f"tokens: has values of type {array.dtype}, must be whole numbers")
        if array.ndim < 2:
            array = array.reshape(-1, 1)
        if array.ndim != 2 or len(array) != len(which):
            raise ValueError(
                f"tokens: has shape {array.shape}, must have a row for each of {len(which)} names"
            )
        bad = (array < -1) | (array >= self.vocab)
        if bad.any():
            raise ValueError(
                f"tokens: has {array[bad][0]}, must have tokens, 0 to {self.vocab - 1}, or -1"
            )
        each: Optional[_Array] = None
        if counts is not None:
            rule = f"a whole number from 0 to {array.shape[1]}"
            each = np.broadcast_to(
                np.asarray(
                    _whole("counts", np.asarray(counts), len(which), 0, array.shape[1], rule)
                ),
                (len(which),),
            ).astype(np.uint32)
        elif array.shape[1] != 1:
            each = np.full(len(which), array.shape[1], np.uint32)
        if len(which) == 0 or array.shape[1] == 0:
            return
        whole = np.ascontiguousarray(array, np.int32)
        self._check_count(which)
        args = SlotsAppend(
            count=len(which),
            names=which.ctypes.data,
            tokens=whole.ctypes.data,
            stride=whole.shape[1],
            token_rows=whole.shape[0],
        )
        if each is not None:
            args.counts = each.ctypes.data
        enter()
        with self._lock:
            check(lib.lms_slots_append_host(self._open(), ctypes.byref(args)))

    def roll_back(self, names: Names, lengths: Union[int, Sequence[int], _Array]) -> None:
        """Takes the last tokens of slots back, until each has its length, prompt and output
        together; one that has no more keeps what it has. Not below its prompt."""
        which = self._names(names)
        rule = "a whole number from 0 to 2^32 - 1"
        each = np.broadcast_to(
            np.asarray(_whole("lengths", lengths, len(which), 0, 2**32 - 1, rule)), (len(which),)
        ).astype(np.uint32)
        self._call(lib.lms_slots_roll_back_host, which, each.ctypes.data)

    def fork(self, names: Names) -> _Array:
        """Opens a slot with what each of these has; one may be there more than once. Returns
        uint64[slots], the new names."""
        which = self._names(names)
        made: _Array = np.zeros(len(which), np.uint64)
        self._call(lib.lms_slots_fork_host, which, made.ctypes.data)
        return made

    def reorder(self, names: Names, parents: Union[Sequence[int], _Array]) -> None:
        """Beams: slot i goes on from what slot parents[i] had, i itself where that is none of
        them. All are named once."""
        which = self._names(names)
        rule = "a whole number"
        whole = np.asarray(
            _whole("parents", np.asarray(parents), len(which), -(2**31), 2**31 - 1, rule)
        ).astype(np.int32)
        if whole.shape != which.shape:
            raise ValueError(f"parents: has shape {whole.shape}, must be {which.shape}")
        whole = np.ascontiguousarray(whole)
        self._call(lib.lms_slots_reorder_host, which, whole.ctypes.data, 0)

    def close(self, names: Optional[Names] = None) -> None:
        """Closes slots, and gives their pages back. Without names: gives everything back, which
        also happens when the object goes. Samplers that were made with it are closed first."""
        if names is None:
            if _library.is_usable():
                with self._lock:
                    for sampler in list(self._users):
                        sampler.close()
                    self._close()
            return
        which = self._names(names).tolist()
        found = ctypes.c_uint32()
        enter()
        with self._lock:
            handle = self._open()
            for name in which:  # all of them, or none
                check(lib.lms_slots_length(handle, name, ctypes.byref(found)))
            if len(set(which)) < len(which):
                raise SlotError("names: has a slot twice", E_SLOT)
            for name in which:
                check(lib.lms_slots_close(handle, name))

    def length(self, name: int) -> int:
        """The most tokens that a slot can have, prompt and output; it has fewer where -1 was
        appended."""
        found = ctypes.c_uint32()
        enter()
        with self._lock:
            check(lib.lms_slots_length(self._open(), self._name(name), ctypes.byref(found)))
        return found.value

    def export(self, name: int) -> Tuple[_Array, _Array]:
        """Reads a slot back: prompt and output, int32. open([prompt], [output]) takes it up
        again."""
        length, prompt = ctypes.c_uint32(), ctypes.c_uint32()
        enter()
        with self._lock:
            tokens: _Array = np.empty(max(self.length(name), 1), np.int32)
            check(
                lib.lms_slots_export(
                    self._open(),
                    self._name(name),
                    tokens.ctypes.data,
                    len(tokens),
                    ctypes.byref(length),
                    ctypes.byref(prompt),
                )
            )
        return tokens[: prompt.value].copy(), tokens[prompt.value : length.value].copy()

    @staticmethod
    def _name(name: Any) -> int:
        return int(_whole("name", int(name), 1, 0, 2**64 - 1, "a slot's name"))

    @staticmethod
    def _names(names: Any) -> _Array:
        return slot_names(names)

    def _check_count(self, names: _Array) -> None:
        if len(names) > self._most_call:
            raise ValueError(
                f"names: has {len(names)}, must have at most {self._most_call} in one call"
            )

    def _call(self, function: Any, names: _Array, *arguments: Any) -> None:
        self._check_count(names)
        if len(names) == 0:
            return
        enter()
        with self._lock:
            check(function(self._open(), len(names), names.ctypes.data, *arguments))


def slot_names(names: Any, name: str = "names") -> _Array:
    """uint64[slots], of what open() and fork() gave. Not by NumPy, for which a list of uint64 and
    int is one of floats."""
    values = as_numpy(name, names)
    if not isinstance(values, np.ndarray):
        values = np.asarray(values, dtype=object)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim > 1:
        raise ValueError(f"{name}: has shape {values.shape}, must have one dimension")
    rule = "a slot's name, or 0"
    whole = np.asarray(_whole(name, values, values.size, 0, 2**64 - 1, rule)).reshape(-1)
    array: _Array = np.ascontiguousarray(whole.astype(np.uint64))
    return array
