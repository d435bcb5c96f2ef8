"""Sampling on PyOpenCL's contexts, queues, buffers, arrays and events: nothing is copied, and
nothing is waited for.

    import pyopencl as cl
    import pyopencl.array
    import lmsample.opencl

    queue = cl.CommandQueue(cl.create_some_context())
    sampler = lmsample.opencl.Sampler(queue, vocab=128256, max_rows=32)
    params = sampler.params(32)                     # kept between steps: lmsample.Params
    found, event = sampler.run(logits, params=params, wait_for=[what_wrote_logits])
    found.tokens                                    # a pyopencl.array.Array

Where PyOpenCL is not there, arrays of any package that gives OpenCL's buffers by DLPack, and
handles as numbers, are taken, too; what comes back then has to be given as `out`.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _dlpack, _outputs, _sampler
from ._devices import Context, adopt_context
from ._kept import Params
from ._library import (
    ROW_PARAMS,
    HostBatch,
    SamplerDesc,
    View,
    check,
    enter,
    lib,
)
from ._outputs import Samples
from ._params import row_index
from ._slots import Slots

__all__ = ["ROW_PARAMS", "Sampler", "context"]

_Array = npt.NDArray[Any]


class Batch(ctypes.Structure):
    """lms_sampler_run_args"""

    _fields_ = [
        ("rows", ctypes.c_uint32),
        ("logits", View),
        ("row_stride", ctypes.c_size_t),
        ("logits_rows", ctypes.c_size_t),
        ("params", ctypes.c_void_p),
        ("params_device", View),
        ("index", ctypes.c_void_p),
        ("index_device", View),
        ("uniforms", View),
        ("uniforms_per_row", ctypes.c_uint32),
        ("tokens", View),
        ("status", View),
        ("logprob_raw", View),
        ("logprob", View),
        ("kept", View),
        ("probs", View),
        ("probs_stride", ctypes.c_size_t),
        ("tables", ctypes.c_void_p),
        ("append", ctypes.c_uint32),
        ("logprob_edited", View),
        ("rank_raw", View),
        ("rank_edited", View),
        ("entropy_raw", View),
        ("entropy", View),
        ("top_tokens", View),
        ("top_values", View),
        ("top_stride", ctypes.c_size_t),
        ("named_values", View),
        ("named_stride", ctypes.c_size_t),
    ]


_pointer = ctypes.c_void_p
lib.lms_sampler_run.restype = ctypes.c_int32
lib.lms_sampler_run.argtypes = [
    _pointer, _pointer, ctypes.POINTER(Batch), ctypes.c_uint32, _pointer, _pointer,
]  # fmt: skip


def _handle(name: str, value: Any) -> int:
    """Of an object of PyOpenCL, or the number itself."""
    found = getattr(value, "int_ptr", value)
    if isinstance(found, bool) or not isinstance(found, int) or found == 0:
        raise TypeError(
            f"{name}: is a {type(value).__name__}, must be PyOpenCL's object, or its handle as an "
            "int"
        )
    return found


def context(source: Any, device: Any = None) -> Context:
    """A Context on a queue of PyOpenCL, or on a context of its and one of its devices (None: its
    first). Samplers and slots can be made on it as on any other."""
    if device is None:
        device = getattr(source, "device", None)
        if device is None:
            devices = getattr(source, "devices", None)
            if not devices:
                raise TypeError("device: must be given, since source has none")
            device = devices[0]
    whole = getattr(source, "context", source)
    return adopt_context(_handle("source", whole), _handle("device", device))


class _Seen(NamedTuple):
    """An array on the device."""

    buffer: int
    svm: int  # a pointer in the place of a buffer
    offset: int  # in elements
    dtype: Optional[str]  # None: a buffer, of whatever is wanted
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]  # in elements
    events: List[Any]

    def view(self) -> View:
        return View(self.buffer, self.offset, self.svm)


@functools.lru_cache(maxsize=64)
def _name_of(dtype: Any) -> str:
    return "record" if dtype == ROW_PARAMS else str(dtype.name)


def _see(name: str, value: Any) -> Optional[_Seen]:
    """None: it is none."""
    if hasattr(value, "base_data") and hasattr(value, "strides"):  # pyopencl.array.Array
        size = value.dtype.itemsize
        if value.offset % size or any(stride % size for stride in value.strides):
            raise ValueError(
                f"{name}: offset and strides must be whole elements of {size} bytes"
            )
        strides = tuple(stride // size for stride in value.strides)
        base, svm = value.base_data, getattr(value.base_data, "svm_ptr", 0)
        handle = 0 if base is None or svm else _handle(name, base)
        dtype = _name_of(value.dtype)
        events = list(value.events)
        return _Seen(handle, svm, value.offset // size, dtype, value.shape, strides, events)
    if hasattr(value, "__dlpack_device__"):
        kind = int(value.__dlpack_device__()[0])
        if kind in _dlpack.ON_CPU:
            return None
        if kind not in (_dlpack.OPENCL, _dlpack.ONEAPI):
            raise TypeError(f"{name}: is on {_dlpack.device_name(kind)}, must be on OpenCL's")
        found = _dlpack.exchange(name, value)
        size = max(int(found.dtype.lstrip("abcdefghijklmnopqrstuvwxyz") or 8) // 8, 1)
        if found.byte_offset % size:
            raise ValueError(f"{name}: begins at byte {found.byte_offset}, within an element")
        data = (found.data, 0) if kind == _dlpack.OPENCL else (0, found.data)
        offset = found.byte_offset // size
        return _Seen(*data, offset, found.dtype, found.shape, found.strides, [])
    if hasattr(value, "int_ptr") and hasattr(value, "get_sub_region"):  # pyopencl.Buffer
        return _Seen(_handle(name, value), 0, 0, None, (), (), [])
    return None


def _rows_of(name: str, value: Any, dtype: str, columns: int) -> Tuple[_Seen, int, int]:
    """An array of rows of `columns` elements: how many, and from row to row."""
    seen = _see(name, value)
    if seen is None:
        raise TypeError(
            f"{name}: is a {type(value).__name__}, must be PyOpenCL's Array or Buffer, or have "
            "OpenCL's DLPack"
        )
    if seen.dtype is None:
        return seen, -1, columns
    same = seen.dtype == dtype or (seen.dtype == "uint16" and dtype == "bfloat16")
    if not same and not (name == "status" and seen.dtype == "int32"):
        raise TypeError(f"{name}: has values of type {seen.dtype}, must be {dtype}")
    shape, strides = seen.shape, seen.strides
    if len(shape) == 3 and shape[1] == 1:
        shape, strides = (shape[0], shape[2]), (strides[0], strides[2])
    if len(shape) == 1 and name == "logits":
        shape, strides = (1, shape[0]), (shape[0], strides[0])
    if len(shape) != 2 or (columns and shape[1] != columns):
        raise ValueError(f"{name}: has shape {seen.shape}, must be (rows, {columns})")
    rows, width = shape
    between = strides[0] if rows > 1 else width
    if (strides[1] != 1 and width > 1) or between < width:
        raise ValueError(
            f"{name}: has strides {seen.strides}, must have rows in one piece each"
        )
    return seen, rows, between


def _one_per_row(name: str, value: Any, dtype: str, rows: int) -> _Seen:
    """An array of one value for each row, or more."""
    seen = _see(name, value)
    if seen is None:
        raise TypeError(
            f"{name}: is a {type(value).__name__}, must be PyOpenCL's Array or Buffer, or have "
            "OpenCL's DLPack"
        )
    if seen.dtype is None:
        return seen
    if seen.dtype != dtype and not (name == "status" and seen.dtype == "int32"):
        raise TypeError(f"{name}: has values of type {seen.dtype}, must be {dtype}")
    shape = seen.shape[:1] if seen.shape[1:] == (1,) else seen.shape
    if len(shape) != 1 or shape[0] < rows or (shape[0] > 1 and seen.strides[0] != 1):
        raise ValueError(
            f"{name}: has shape {seen.shape}, must be ({rows},) or more, in one piece"
        )
    return seen


class Sampler(_sampler.Sampler):
    """A lmsample.Sampler on the context and device of a queue, whose run() takes and gives arrays
    on the device.

    source: a queue of PyOpenCL, or what context() made.
    max_in_flight: calls that may be unfinished at once, 1 to 64; one more is an Error.
    table_bytes: room for what rows bring of edits, lists and masks in one call; None: 256 for
        each of max_rows, and for masks of bits as many as that takes.
    The others are as for lmsample.Sampler.
    """

    def __init__(
        self,
        source: Any,
        vocab: int,
        dtype: object = "float32",
        max_rows: int = 64,
        *,
        outputs: Union[str, Iterable[str]] = (),
        token_dtype: object = "int32",
        requests: Union[bool, str] = False,
        slots: Optional[Slots] = None,
        max_top: int = 20,
        max_in_flight: int = 8,
        table_bytes: Optional[int] = None,
    ) -> None:
        self._queue = None if isinstance(source, Context) else source
        self._in_flight = _sampler._whole("max_in_flight", max_in_flight, 1, 64)
        if table_bytes is not None:
            table_bytes = _sampler._whole("table_bytes", table_bytes, 0, 2**63 - 1)
        self._table_bytes = table_bytes
        if slots is None and not isinstance(source, Context):
            source = context(source)
        super().__init__(
            vocab,
            dtype,
            max_rows,
            device=source if slots is None else None,
            outputs=outputs,
            token_dtype=token_dtype,
            requests=requests,
            slots=slots,
            max_top=max_top,
        )

    def _describe(self, desc: SamplerDesc) -> None:
        desc.max_in_flight = self._in_flight
        if self._table_bytes is not None:
            desc.table_bytes = self._table_bytes
        elif self._requests:
            desc.table_bytes = self.max_rows * (256 + 4 * ((self.vocab + 31) // 32))

    def run(
        self,
        logits: Any,
        *,
        params: Any,
        out: Any = None,
        index: Any = None,
        uniforms: Any = None,
        append: bool = False,
        wait_for: Optional[Iterable[Any]] = None,
        queue: Any = None,
    ) -> Tuple[Samples, Any]:
        """Enqueues one call, and returns at once what it will have written, Samples of
        pyopencl.array.Array, and its event, as PyOpenCL's. It waits, on the device, for `wait_for`
        and for the events of the arrays it is given; the arrays it writes get its own.

        logits: an Array, [rows, vocabulary] or [rows, 1, vocabulary], with rows in one piece each;
            or a Buffer, of rows one behind the other; or what gives OpenCL's DLPack.
        params: what params() made, which may change when this has returned; or an Array of
            lmsample.opencl.ROW_PARAMS records, which the device checks and reads.
        out: arrays for what is to be written, with a place for each row or more: one for the
            tokens, or a dict by the names of Samples. Others are made, which allocates.
        index, uniforms: as for sample(); or index as an Array of int32, uniforms only so.
        queue: None: the one that the sampler was made with.
        """
        queue = self._queue if queue is None else queue
        if queue is None:
            raise TypeError("queue: must be given, since the sampler was made without one")
        batch = Batch()
        if hasattr(wait_for, "int_ptr"):
            raise TypeError("wait_for: is an event, must be a list of them")
        events: List[Any] = [] if wait_for is None else list(wait_for)
        keep: List[Any] = []  # until the call has returned
        seen, logits_rows, stride = _rows_of("logits", logits, self.dtype, self.vocab)
        batch.logits, batch.row_stride = seen.view(), stride
        events += seen.events
        rows = self._set_params(batch, params, events)
        if index is not None:
            rows_of_index = self._set_index(batch, index, max(logits_rows, 0), events, keep)
            if rows_of_index != rows:
                raise ValueError(f"index: has {rows_of_index} rows, params has {rows}")
        elif logits_rows >= 0 and logits_rows != rows:
            raise ValueError(f"params: has {rows} rows, the call has {logits_rows}")
        batch.rows, batch.logits_rows = rows, logits_rows if logits_rows > 0 else 0
        if uniforms is not None:
            self._set_uniforms(batch, uniforms, rows, events)
        made = self._set_outputs(batch, rows, params, out, queue, events)
        if append:
            if self.slots is None:
                raise ValueError("append: needs a sampler made with slots")
            batch.append = 1
        event = self._enqueue(batch, queue, events)
        for array in made.values():
            if hasattr(array, "events"):
                # All that they had are waited for; add_event() may wait here for some of many.
                array.events[:] = [event]
        return Samples(**{"tokens": None, "status": None, **made}), event

    def _enqueue(self, batch: Batch, queue: Any, events: List[Any]) -> Any:
        handles = [_handle("wait_for", event) for event in events]
        waits = (ctypes.c_void_p * max(len(handles), 1))(*handles)
        event = ctypes.c_void_p()
        enter()
        with self._lock:
            status = lib.lms_sampler_run(
                self._open(),
                _handle("queue", queue),
                ctypes.byref(batch),
                len(handles),
                waits if handles else None,
                ctypes.byref(event),
            )
            check(status)
        return _made_event(event.value)

    def _set_params(self, batch: Batch, params: Any, events: List[Any]) -> int:
        if isinstance(params, Params):
            if params._sampler is not self:
                raise ValueError("params: must be of this sampler: what its params() made")
            kept: HostBatch = params._ready()
            batch.params, batch.tables = kept.params, kept.tables
            return len(params)
        seen = _one_per_row("params", params, "record", 0)
        if seen.dtype is None:
            raise TypeError(
                "params: is a Buffer, must be an Array of lmsample.opencl.ROW_PARAMS"
            )
        batch.params_device = seen.view()
        events += seen.events
        return seen.shape[0]

    def _set_index(
        self, batch: Batch, index: Any, logits_rows: int, events: List[Any], keep: List[Any]
    ) -> int:
        seen = _see("index", index)
        if seen is None:
            if logits_rows == 0:
                logits_rows = 2**31 - 1  # a buffer: the library checks
            rows: _Array = np.ascontiguousarray(row_index(index, logits_rows))
            keep.append(rows)
            batch.index = rows.ctypes.data
            return len(rows)
        seen = _one_per_row("index", index, "int32", 0)
        if seen.dtype is None:
            raise TypeError("index: is a Buffer, must be an Array of int32")
        batch.index_device = seen.view()
        events += seen.events
        return seen.shape[0]

    def _set_uniforms(self, batch: Batch, uniforms: Any, rows: int, events: List[Any]) -> None:
        seen = _see("uniforms", uniforms)
        if seen is None or seen.dtype != "uint32" or len(seen.shape) != 3:
            raise TypeError("uniforms: must be an Array of uint32, (rows, attempts, 4)")
        attempts = seen.shape[1]
        if seen.shape != (rows, attempts, 4) or seen.strides != (4 * attempts, 4, 1):
            raise ValueError(
                f"uniforms: has shape {seen.shape}, must be ({rows}, attempts, 4) in one piece"
            )
        if seen.offset % 4:
            raise ValueError(f"uniforms: begins at word {seen.offset}, must be a multiple of 4")
        batch.uniforms, batch.uniforms_per_row = (
            seen._replace(offset=seen.offset // 4).view(),
            attempts,
        )
        events += seen.events

    def _set_outputs(
        self, batch: Batch, rows: int, params: Any, out: Any, queue: Any, events: List[Any]
    ) -> Dict[str, Any]:
        """By the names of Samples."""
        given = {} if out is None else _outputs.given_of(out, self.outputs)
        top = named = 0
        if isinstance(params, Params):
            top, named = params._top, params._most_named
        made: Dict[str, Any] = {}
        plan = _outputs.plan(self.outputs, self.token_dtype, self.vocab, top, named)
        for name, dtype, columns in plan:
            array = given.pop(name, None)
            if array is None:
                if name == "top_logprobs" and "top_tokens" in made:
                    columns = int(batch.top_stride)
                array = _empty(queue, (rows, columns) if columns else (rows,), dtype)
            made[name] = array
            is_list = name in _outputs.LISTS
            if columns:
                seen, count, stride = _rows_of(
                    name, array, dtype.name, 0 if is_list else columns
                )
                self._check_lists(batch, name, seen, columns, stride)
                if 0 <= count < rows:
                    raise ValueError(f"{name}: has {count} rows, must have {rows}")
                if name == "probs":
                    batch.probs_stride = stride
            else:
                seen = _one_per_row(name, array, _name_of(dtype), rows)
            setattr(batch, _outputs.FIELDS[name], seen.view())
            events += seen.events
        if given:
            raise ValueError(f"out: has {next(iter(given))!r}, which no row of params wants")
        return made

    @staticmethod
    def _check_lists(batch: Batch, name: str, seen: _Seen, columns: int, stride: int) -> None:
        if name not in _outputs.LISTS:
            return
        if seen.dtype is None or stride < columns:
            raise ValueError(f"{name}: must be an Array of at least {columns} columns")
        field = "named_stride" if name == "named_logprobs" else "top_stride"
        if name == "top_logprobs" and stride != batch.top_stride:
            raise ValueError("out: top_tokens and top_logprobs must have as many columns")
        setattr(batch, field, stride)


def _pyopencl(what: str) -> Any:
    try:
        import pyopencl
        import pyopencl.array
    except ImportError as error:
        raise ImportError(f"{what} needs PyOpenCL: pip install pyopencl") from error
    return pyopencl


def _made_event(handle: Optional[int]) -> Any:
    return _pyopencl("the event of a call").Event.from_int_ptr(handle, retain=False)


def _empty(queue: Any, shape: Tuple[int, ...], dtype: Any) -> Any:
    return _pyopencl("an array for what comes back").array.empty(queue, shape, dtype)
