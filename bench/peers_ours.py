"""lmsample, as the peers are compared with it: through its Python package where the device reads
the host's arrays, and from buffers of the device, by the C calls, where it has its own memory."""

from __future__ import annotations

import copy
import ctypes
import ctypes.util
import os
import sys
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np

from peers_common import Absent, Floats, Ints, Peer, Step, Strategy

_ROOT = Path(__file__).resolve().parent.parent


def import_lmsample() -> Any:
    """The installed package, or the one of this checkout on the library in build/."""
    built = _ROOT / "build" / "liblmsample.so.0"
    if "LMSAMPLE_LIBRARY" not in os.environ and built.exists():
        os.environ["LMSAMPLE_LIBRARY"] = str(built)
    sys.path.insert(0, str(_ROOT / "python"))
    try:
        import lmsample
    except ImportError as error:
        raise Absent(str(error)) from error
    return lmsample


def parameters(strategies: Sequence[Strategy]) -> Dict[str, Any]:
    """One value for all rows where they are the same, as a caller would give them."""
    if len(set(strategies)) == 1:
        return dict(strategies[0]._asdict())
    return {
        "temperature": np.array([s.temperature for s in strategies], np.float32),
        "top_k": np.array([s.top_k for s in strategies], np.int32),
        "top_p": np.array([s.top_p for s in strategies], np.float32),
        "min_p": np.array([s.min_p for s in strategies], np.float32),
    }


class Ours(Peer):
    """lmsample's Python package over NumPy arrays, which it reads where they are."""

    name = "lmsample"

    def __init__(self, lmsample: Any, context: Any, preset: str) -> None:
        self._lmsample = lmsample
        self._context = context
        self._set_preset(preset)
        self._batches: Sequence[Floats] = ()
        self._step = 0

    def _set_preset(self, preset: str) -> None:
        self.preset = preset
        self.keeps_ties = bool(self._lmsample.PRESETS[preset] & self._lmsample.TOP_K_TIES)

    def under(self, preset: str) -> Ours:
        """The same one, with all that it has loaded, under another preset."""
        other = copy.copy(self)
        other._set_preset(preset)
        return other

    def _sampler(self, vocab: int, rows: int, outputs: Tuple[str, ...]) -> Any:
        return self._lmsample.Sampler(
            vocab, "float32", rows, device=self._context, outputs=outputs
        )

    def load(self, batches: Sequence[Floats]) -> None:
        self._batches = batches
        rows, vocab = batches[0].shape
        self._tokens_only = self._sampler(vocab, rows, ())
        self._with_kept = self._sampler(vocab, rows, ("kept",))

    def plan(self, strategies: Sequence[Strategy]) -> Optional[Step]:
        given = parameters(strategies)
        seeds = np.arange(1, len(strategies) + 1, dtype=np.uint64)

        def step(batch: int) -> Ints:
            self._step += 1
            samples = self._tokens_only.sample(
                self._batches[batch], seed=seeds, step=self._step, preset=self.preset, **given
            )
            return np.asarray(samples.tokens)

        return step

    def kept_counts(self, batch: int, strategies: Sequence[Strategy]) -> Ints:
        samples = self._with_kept.sample(
            self._batches[batch], preset=self.preset, **parameters(strategies)
        )
        return np.asarray(samples.kept)


# --- By the C calls --------------------------------------------------------------------------

_POINTER, _SIZE, _UINT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32


class View(ctypes.Structure):
    """lms_view"""

    _fields_ = [("buffer", _POINTER), ("offset", _SIZE), ("svm", _POINTER)]


class Filters(ctypes.Structure):
    """lms_filters"""

    _fields_ = [
        ("temperature", ctypes.c_float),
        ("top_p", ctypes.c_float),
        ("min_p", ctypes.c_float),
        ("top_k", ctypes.c_int32),
        ("flags", _UINT),
        ("rules", _UINT),
    ]


class Batch(ctypes.Structure):
    """lms_sampler_run_args"""

    _fields_ = [
        ("rows", _UINT),
        ("logits", View),
        ("row_stride", _SIZE),
        ("logits_rows", _SIZE),
        ("params", _POINTER),
        ("params_device", View),
        ("index", _POINTER),
        ("index_device", View),
        ("uniforms", View),
        ("uniforms_per_row", _UINT),
        ("tokens", View),
        ("status", View),
        ("logprob_raw", View),
        ("logprob", View),
        ("kept", View),
        ("probs", View),
        ("probs_stride", _SIZE),
        ("tables", _POINTER),
        ("append", _UINT),
        ("logprob_edited", View),
        ("rank_raw", View),
        ("rank_edited", View),
        ("entropy_raw", View),
        ("entropy", View),
        ("top_tokens", View),
        ("top_values", View),
        ("top_stride", _SIZE),
        ("named_values", View),
        ("named_stride", _SIZE),
    ]


_CL_MEM_READ_WRITE, _CL_MEM_READ_ONLY, _CL_MEM_USE_HOST_PTR, _CL_MEM_COPY_HOST_PTR = 1, 4, 8, 32
_CL_TRUE = 1
_CL_QUEUE_PROFILING_ENABLE = 2
_CL_PROFILING_COMMAND_END = 0x1283


class OpenCL:
    """The few calls of OpenCL that a program with its logits in buffers makes."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("OpenCL") or "libOpenCL.so.1"
        try:
            self._library = ctypes.CDLL(name)
        except OSError as error:
            raise Absent(str(error)) from error

    def call(self, name: str, *arguments: Any) -> None:
        function = getattr(self._library, name)
        function.restype = ctypes.c_int32
        code = function(*arguments)
        if code != 0:
            raise RuntimeError(f"{name}: OpenCL error {code}")

    def make(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        function = getattr(self._library, name)
        function.restype = ctypes.c_void_p
        code = ctypes.c_int32()
        made = function(*arguments, ctypes.byref(code))
        if code.value != 0:
            raise RuntimeError(f"{name}: OpenCL error {code.value}")
        return ctypes.c_void_p(made)

    def ended(self, event: ctypes.c_void_p) -> int:
        """When, in nanoseconds of the device's clock."""
        value = ctypes.c_uint64()
        self.call(
            "clGetEventProfilingInfo",
            event,
            ctypes.c_uint32(_CL_PROFILING_COMMAND_END),
            ctypes.c_size_t(8),
            ctypes.byref(value),
            None,
        )
        self.call("clReleaseEvent", event)
        return value.value


class Calls:
    """What a search needs that is made by the C calls, and has its inputs in buffers: on a device
    that shares the host's memory, the arrays themselves."""

    def __init__(self, lmsample: Any, context: Any) -> None:
        self.check = lmsample._library.check
        # Functions of its own: the package's take the package's records only.
        self._lib = ctypes.CDLL(lmsample._library.lib._name)
        self._context = context
        self._cl = OpenCL()
        for name in ("lms_context_cl_context", "lms_context_queue"):
            getattr(self._lib, name).restype = _POINTER
            getattr(self._lib, name).argtypes = [_POINTER]
        self._cl_context = ctypes.c_void_p(self._lib.lms_context_cl_context(context._handle))
        self._queue = ctypes.c_void_p(self._lib.lms_context_queue(context._handle))

    def results_of(self, names: Sequence[str]) -> None:
        """Calls that return a status."""
        for name in names:
            getattr(self._lib, name).restype = ctypes.c_int32

    def _make(self, flags: int, size: int, host: Optional[ctypes.c_void_p]) -> ctypes.c_void_p:
        return self._cl.make(
            "clCreateBuffer", self._cl_context, ctypes.c_uint64(flags), ctypes.c_size_t(size), host
        )

    def buffer(self, size: int) -> ctypes.c_void_p:
        return self._make(_CL_MEM_READ_WRITE, size, None)

    def buffer_of(self, address: int, size: int) -> ctypes.c_void_p:
        """Of memory that stays as it is."""
        shared = self._context.device.unified
        how = _CL_MEM_USE_HOST_PTR if shared else _CL_MEM_COPY_HOST_PTR
        return self._make(_CL_MEM_READ_ONLY | how, size, ctypes.c_void_p(address))

    def release(self, buffer: ctypes.c_void_p) -> None:
        self._cl.call("clReleaseMemObject", buffer)

    def finish(self) -> None:
        self._cl.call("clFinish", self._queue)

    def read(self, buffer: ctypes.c_void_p, into: Ints) -> None:
        self._cl.call(
            "clEnqueueReadBuffer", self._queue, buffer, _UINT(_CL_TRUE), ctypes.c_size_t(0),
            ctypes.c_size_t(into.nbytes), ctypes.c_void_p(into.ctypes.data), 0, None, None,
        )


class OursOnDevice(Ours):
    """Logits in buffers of the device; the step ends when the tokens are on the host. Device time
    is from the end of a marker in front of the call to the end of the call."""

    _buffers: Sequence[ctypes.c_void_p] = ()

    def load(self, batches: Sequence[Floats]) -> None:
        self.close()
        super().load(batches)
        self._cl = OpenCL()
        self._lib = self._lmsample._library.lib
        for name in ("lms_context_cl_context", "lms_context_device"):
            getattr(self._lib, name).restype = _POINTER
            getattr(self._lib, name).argtypes = [_POINTER]
        self._lib.lms_sampler_run.restype = ctypes.c_int32
        self._lib.lms_sampler_run.argtypes = [
            _POINTER, _POINTER, ctypes.POINTER(Batch), _UINT, _POINTER, _POINTER,
        ]
        handle = self._context._handle
        self._cl_context = ctypes.c_void_p(self._lib.lms_context_cl_context(handle))
        self._queue = self._cl.make(
            "clCreateCommandQueue",
            self._cl_context,
            ctypes.c_void_p(self._lib.lms_context_device(handle)),
            ctypes.c_uint64(_CL_QUEUE_PROFILING_ENABLE),
        )
        self._buffers = [self._upload(batch) for batch in batches]
        self._tokens = self._buffer(4 * batches[0].shape[0])
        self._device_s = 0.0

    def _buffer(self, size: int) -> ctypes.c_void_p:
        flags, length = ctypes.c_uint64(_CL_MEM_READ_WRITE), ctypes.c_size_t(size)
        return self._cl.make("clCreateBuffer", self._cl_context, flags, length, None)

    def _upload(self, batch: Floats) -> ctypes.c_void_p:
        buffer = self._buffer(batch.nbytes)
        self._cl.call(
            "clEnqueueWriteBuffer",
            self._queue,
            buffer,
            ctypes.c_uint32(_CL_TRUE),
            ctypes.c_size_t(0),
            ctypes.c_size_t(batch.nbytes),
            ctypes.c_void_p(batch.ctypes.data),
            0,
            None,
            None,
        )
        return buffer

    def close(self) -> None:
        """Gives back what load() took."""
        if not self._buffers:
            return
        for buffer in (*self._buffers, self._tokens):
            self._cl.call("clReleaseMemObject", buffer)
        self._cl.call("clReleaseCommandQueue", self._queue)
        self._buffers = ()

    def _run(self, batch: Batch, tokens: Ints) -> Tuple[int, int]:
        """Device times before and after."""
        begin, end = ctypes.c_void_p(), ctypes.c_void_p()
        self._cl.call(
            "clEnqueueMarkerWithWaitList", self._queue, 0, None, ctypes.byref(begin)
        )
        status = self._lib.lms_sampler_run(
            self._tokens_only._handle, self._queue, ctypes.byref(batch), 0, None,
            ctypes.byref(end),
        )
        self._lmsample._library.check(status)
        self._cl.call(
            "clEnqueueReadBuffer",
            self._queue,
            self._tokens,
            ctypes.c_uint32(_CL_TRUE),
            ctypes.c_size_t(0),
            ctypes.c_size_t(tokens.nbytes),
            ctypes.c_void_p(tokens.ctypes.data),
            0,
            None,
            None,
        )
        return self._cl.ended(begin), self._cl.ended(end)

    def plan(self, strategies: Sequence[Strategy]) -> Optional[Step]:
        rows = len(strategies)
        p = parameters(strategies)
        seeds = np.arange(1, rows + 1, dtype=np.uint64)
        records, _ = self._lmsample._params.row_params(
            rows, p["temperature"], p["top_k"], p["top_p"], p["min_p"], seeds, 0, self.preset
        )
        tokens = np.empty(rows, np.int32)
        batch = Batch(rows=rows, params=records.ctypes.data)
        batch.tokens = View(self._tokens, 0)

        def step(number: int) -> Ints:
            self._step += 1
            records["step"] = self._step
            batch.logits = View(self._buffers[number], 0)
            before, after = self._run(batch, tokens)
            self._device_s = 1e-9 * (after - before)
            return tokens

        return step

    def details(self) -> Dict[str, float]:
        return {"device_s": self._device_s}


def make_ours(lmsample: Any, context: Any, preset: str) -> Ours:
    kind = Ours if context.device.unified else OursOnDevice
    return kind(lmsample, context, preset)
