"""What beam search and contrastive search have in common: records, slots of requests, and the
requests of rows. See include/lms_beam.h and include/lms_contrastive.h."""

from __future__ import annotations

import ctypes
import threading
import weakref
from itertools import accumulate
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _library
from ._devices import Context, context_of
from ._dlpack import as_numpy, is_tensor
from ._library import (
    DTYPES,
    MAX_LISTS,
    REQUESTS_DRY,
    REQUESTS_EDITS,
    TOKEN_DTYPES,
    check,
    enter,
    lib,
)
from ._logits import Logits, address_of, dtype_name, prepare
from ._params import _flags, _share, _temperature, _top_k, _whole
from ._requests import Asked, Edits, TableSet, set_requests
from ._sampler import _request_bits, _token_name
from ._slots import Slots, slot_names

Array = npt.NDArray[Any]
EditsParam = Union[None, Edits, Sequence[Optional[Edits]]]

#: lms_request
REQUEST = np.dtype(
    [
        ("slot", np.uint64),
        ("edits", np.uint32),
        ("mask", np.uint32),
        ("unconditional", np.uint32),
        ("reserved", np.uint32),
    ]
)
FILTERS = [
    ("temperature", np.float32),
    ("top_p", np.float32),
    ("min_p", np.float32),
    ("top_k", np.int32),
    ("filter_flags", np.uint32),
    ("rules", np.uint32),
]

_U32, _SIZE, _POINTER = ctypes.c_uint32, ctypes.c_size_t, ctypes.c_void_p
_STATUS = ctypes.c_int32
_U64 = ctypes.c_uint64


def declare(signatures: Dict[str, Any]) -> None:
    """Of functions of the C library: what they return, and what they take."""
    for name, (result, *arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype = result
        function.argtypes = arguments


def whole(name: str, value: Any, least: int, most: int) -> int:
    return int(_whole(name, value, 1, least, most, f"a whole number from {least} to {most}"))


def count(name: str, value: Any) -> int:
    return whole(name, value, 0, 2**32 - 1)


def number(name: str, value: Any) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name}: {value!r} is not a number")
    with np.errstate(over="ignore"):  # infinite, which the library refuses
        return float(np.float32(value))


def as_array(values: Any) -> Array:
    """Of whole numbers, as they are: NumPy would make floats of none at all."""
    values = values.cpu().numpy() if is_tensor(values) else as_numpy("values", values)
    is_array = isinstance(values, np.ndarray) and values.size > 0
    return values if is_array else np.asarray(values, dtype=object)


def one_of(name: str, value: Any, values: Dict[Any, int]) -> int:
    """Of names that stand for the library's numbers."""
    for known, meant in values.items():
        if type(known) is type(value) and known == value:
            return meant
    shown = ", ".join(repr(known) for known in values)
    raise ValueError(f"{name}: is {value!r}, must be one of {shown}")


def set_filters(
    record: Array, temperature: Any, top_k: Any, top_p: Any, min_p: Any, preset: Any
) -> None:
    """Of one request: what is off by None or by its own value is off in the record."""
    record["temperature"] = _temperature(temperature, 1)
    record["top_k"] = _top_k(top_k, 1)
    record["top_p"] = _share("top_p", top_p, 1, "1: off", 1.0)
    record["min_p"] = _share("min_p", min_p, 1, "0: off", 0.0)
    record["filter_flags"] = _flags(preset, 1)


def address(array: Optional[Array]) -> Optional[int]:
    return None if array is None else address_of(array)


def dense(logits: Logits, rows: Optional[int] = None) -> Tuple[Array, int, int]:
    """Rows in memory, how many there are, and how far apart, in elements. What the caller has
    once for all rows is copied to each."""
    if logits.repeated is None:
        return logits.memory, logits.rows, logits.row_stride
    many = np.repeat(logits.memory[:1], logits.repeated, axis=0)
    return many, logits.repeated, logits.vocab


def returned(array: Array, torch: Any) -> Any:
    if torch is None:
        return array
    return torch.from_numpy(array.view(np.int32) if array.dtype == np.uint32 else array)


class RowRequests(NamedTuple):
    """What the rows of a call bring. Keeps what the records name."""

    records: Optional[Array]
    tables: Any


def row_requests(
    rows: int, vocab: int, asked: Asked, bits: int, has_slots: bool, logits_rows: int
) -> RowRequests:
    if not asked.is_any():
        return RowRequests(None, None)
    if not bits:
        raise ValueError("edits, masks and slots: need a search made with requests=True, or slots")
    records: Array = np.zeros(rows, REQUEST)
    tables: TableSet = set_requests(records, asked, vocab, logits_rows, 0)
    if tables.has_dry and not bits & REQUESTS_DRY:
        raise ValueError('edits: dry_multiplier needs a search made with requests="dry"')
    if asked.slots is not None:
        if not has_slots:
            raise ValueError("slots: needs a search made with slots")
        names = slot_names(asked.slots)
        if len(names) != rows:
            raise ValueError(
                f"slots: has {len(names)} names, must have one for each of {rows} rows"
            )
        records["slot"] = names
    return RowRequests(records, tables)


class Common(NamedTuple):
    """What descriptions of both begin with."""

    vocab: int
    dtype: str
    token_dtype: str
    requests: int
    slots: Optional[Slots]

    def fields(self) -> Dict[str, Any]:
        return {
            "vocab": self.vocab,
            "logits": DTYPES[self.dtype],
            "tokens": TOKEN_DTYPES[self.token_dtype],
            "requests": self.requests,
            "max_lists": MAX_LISTS if self.requests else 0,
            "slots": None if self.slots is None else self.slots._open(),
            "max_in_flight": 1,
        }


def common_of(
    vocab: Any, dtype: Any, token_dtype: Any, requests: Union[bool, str], slots: Optional[Slots]
) -> Common:
    bits = _request_bits(requests)
    if slots is not None:
        bits |= REQUESTS_EDITS
    return Common(
        whole("vocab", vocab, 1, 1 << 20), dtype_name(dtype), _token_name(token_dtype), bits, slots
    )


def _destroy(name: str, handle: Optional[int], context: Context, slots: Optional[Slots]) -> None:
    """`context` and `slots` are held until here: they must outlive their searches."""
    if _library.is_usable():
        getattr(lib, name)(handle)


class Search:
    """Requests in slots, of a search of the C library whose functions begin with `_prefix`."""

    _prefix = ""

    def _make(
        self, common: Common, desc: Any, requests: int, device: Union[None, str, Context]
    ) -> None:
        slots = common.slots
        if slots is not None and device is not None and device is not slots.context:
            raise ValueError("device: must be None or the context of the slots")
        self.vocab, self.dtype, self.token_dtype = common.vocab, common.dtype, common.token_dtype
        self.slots = slots
        self.max_requests = requests
        self._requests = common.requests
        self.context = context_of(device) if slots is None else slots.context
        self._lock: Any = threading.RLock() if slots is None else slots._lock
        #: What is known of each open request, by its slot.
        self._opened: Dict[int, Any] = {}
        handle = ctypes.c_void_p()
        enter()
        context = self.context._handle
        create = getattr(lib, self._prefix + "create")
        check(create(context, ctypes.byref(desc), ctypes.byref(handle)), context)
        self._handle = handle
        self._end = weakref.finalize(
            self, _destroy, self._prefix + "destroy", handle.value, self.context, slots
        )
        self._end.atexit = False
        if slots is not None:
            slots._users.add(self)

    def _open(self) -> ctypes.c_void_p:
        if not self._end.alive:
            raise ValueError("the search is closed")
        return self._handle

    @property
    def workspace_bytes(self) -> int:
        """Device memory that the search holds."""
        enter()
        size: int = getattr(lib, self._prefix + "workspace")(self._open())
        return size

    def _slot(self, wanted: Optional[int]) -> int:
        """One that is free: the first one, or the one that is wanted."""
        if wanted is not None:
            return whole("request", wanted, 0, self.max_requests - 1)
        for slot in range(self.max_requests):
            if slot not in self._opened:
                return slot
        raise ValueError(f"open: all of max_requests ({self.max_requests}) are open")

    def _listed(self, requests: Any) -> Array:
        """uint32[requests], each open and none twice."""
        if type(requests) is int:
            requests = [requests]
        if type(requests) is list and set(map(type, requests)) <= {int}:
            if all(slot in self._opened for slot in requests):
                return np.array(requests, np.uint32)
        values = as_array(requests)
        rule = f"a request, 0 to {self.max_requests - 1}"
        slots = np.asarray(_whole("requests", values, values.size, 0, self.max_requests - 1, rule))
        slots = np.ascontiguousarray(slots.reshape(-1), np.uint32)
        for slot in slots.tolist():
            if slot not in self._opened:
                raise _library.SlotError(f"requests: {slot} is not open", _library.E_SLOT)
        return slots

    def _one(self, request: Any) -> int:
        found: List[int] = self._listed(request).tolist()
        if len(found) != 1:
            raise ValueError(f"request: has {len(found)} requests, must be one")
        return found[0]

    def _read(self, logits: Any) -> Logits:
        read = prepare(logits, self.dtype)
        if read.vocab != self.vocab:
            raise ValueError(
                f"logits: has {read.vocab} tokens in a row, the search was made for {self.vocab}"
            )
        return read

    def close(self, requests: Any = None) -> None:
        """Closes requests, whose slots are free then. Without any: gives memory and kernels
        back, which also happens when the object goes."""
        if requests is None:
            if _library.is_usable():
                with self._lock:
                    self._end()
            return
        enter()
        with self._lock:
            handle, which = self._open(), self._listed(requests).tolist()
            if len(set(which)) < len(which):
                raise _library.SlotError("requests: has one twice", _library.E_SLOT)
            for slot in which:
                check(getattr(lib, self._prefix + "close")(handle, slot))
                del self._opened[slot]

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def first_rows_of(given: Any, widths: List[int]) -> Array:
    """Where each request's rows begin: one behind the other, if the caller does not say."""
    if given is None:
        return np.array(list(accumulate(widths[:-1], initial=0)) if widths else [], np.uint32)
    values = as_array(given)
    rule = "a row, from 0"
    firsts = np.asarray(_whole("first_rows", values, len(widths), 0, 2**31 - 1, rule))
    if firsts.shape != (len(widths),):
        raise ValueError(
            f"first_rows: has shape {firsts.shape}, must have one row for each of {len(widths)} "
            "requests"
        )
    return np.ascontiguousarray(firsts, np.uint32)


def counts_of(given: Any, requests: int, rows: int) -> Array:
    """How many rows each request has; 1 each, if the caller does not say."""
    if given is None:
        return np.ones(requests, np.uint32)
    rule = f"a whole number from 0 to {rows}"
    counts = np.asarray(_whole("counts", as_array(given), requests, 0, rows, rule))
    return np.ascontiguousarray(np.broadcast_to(counts.reshape(-1), (requests,)), np.uint32)
