"""Samplers, and sample(), which keeps them."""

from __future__ import annotations

import ctypes
import os
import threading
import warnings
import weakref
from collections import OrderedDict
from typing import Any, Dict, Iterable, NamedTuple, Optional, Tuple, Union, overload

import numpy as np
import numpy.typing as npt

from . import _library
from ._devices import Context, context_of
from ._library import (
    DTYPES,
    OUTPUT_BITS,
    SKIP_ROW,
    TOKEN_DTYPES,
    HostBatch,
    SamplerDesc,
    check,
    enter,
    lib,
)
from ._logits import Logits, dtype_name, prepare
from ._params import (
    FloatParam,
    IntParam,
    PresetParam,
    SeedParam,
    TopKParam,
    row_index,
    row_params,
    row_uniforms,
)

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


class RowWarning(UserWarning):
    """Rows without a token, in a call that returns nothing but tokens."""


class Samples(NamedTuple):
    """What a call returns, row by row. For logits of one dimension each is the value of the
    one row instead of an array of them; for PyTorch tensors each is a tensor. Not so `seed`,
    which is as it says. None: was not asked for."""

    tokens: Any
    """int32 or int64[rows]; -1 where there is none: then status says why."""
    status: Any
    """uint32[rows] (PyTorch: int32). ROW_OK, ROW_EMPTY, ... in the low 8 bits, and ROW_NAN_SEEN,
    ROW_INF_SEEN."""
    logprobs: Any = None
    """float32[rows], natural log, in the distribution that the token was drawn from."""
    raw_logprobs: Any = None
    """float32[rows], natural log, before temperature and filters."""
    kept: Any = None
    """int32[rows], how many tokens the filters kept."""
    probs: Any = None
    """float32[rows, vocabulary], the probabilities after temperature and filters."""
    seed: Any = None
    """What named the random numbers: the seed of the batch, an int (the caller's, or, without
    one, the one that was drawn), or uint64[rows], the caller's seeds of the rows."""


def _output_names(outputs: Union[str, Iterable[str]]) -> Tuple[str, ...]:
    names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
    for name in names:
        if name not in OUTPUT_BITS:
            raise ValueError(
                f"outputs: has {name!r}, must be of logprobs, raw_logprobs, kept and probs"
            )
    return tuple(name for name in OUTPUT_BITS if name in names)


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


def _address(array: _Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _make_outputs(names: Tuple[str, ...], rows: int, vocab: int) -> Dict[str, _Array]:
    made: Dict[str, _Array] = {}
    for name in names:
        if name == "kept":
            made[name] = np.empty(rows, np.int32)
        elif name == "probs":
            made[name] = np.empty((rows, vocab), np.float32)
        else:
            made[name] = np.empty(rows, np.float32)
    return made


def _blank(outputs: Dict[str, _Array], rows: _Array) -> None:
    """What the library does not write: the outputs of rows that are skipped."""
    for name, array in outputs.items():
        array[rows] = np.nan if name.endswith("logprobs") else 0


def _returned(array: _Array, logits: Logits, is_flat: bool) -> Any:
    if logits.torch is not None:
        if array.dtype == np.uint32:
            array = array.view(np.int32)
        tensor = logits.torch.from_numpy(array)
        return tensor[0] if is_flat else tensor
    return array[0] if is_flat else array


class _Call(NamedTuple):
    """A batch with everything checked that can be checked without a device."""

    logits: Logits
    params: _Array
    seed: Any
    indices: Optional[_Array]
    uniforms: Optional[_Array]
    attempts: int
    is_flat: bool

    @property
    def rows(self) -> int:
        return len(self.params)


def _call_of(
    logits: object,
    dtype: Optional[object],
    index: object,
    uniforms: object,
    params: Tuple[Any, ...],
) -> _Call:
    read = prepare(logits, dtype)
    rows = read.rows if read.repeated is None else read.repeated
    indices = None if index is None else row_index(index, rows)
    if indices is not None:
        rows = len(indices)
    if read.repeated is not None:
        # All of the caller's rows are one in memory.
        indices = np.zeros(rows, np.int32) if indices is None else np.minimum(indices, 0)
    if read.rows == 0 and rows > 0:  # all of them skipped
        read = read._replace(memory=np.zeros((1, read.vocab), read.memory.dtype), rows=1)
    is_flat = read.is_flat and index is None
    records, seed = row_params(rows, *params)
    words, attempts = None, 0
    if uniforms is not None:
        words, attempts = row_uniforms(uniforms, rows, is_flat)
    return _Call(read, records, seed, indices, words, attempts, is_flat)


def _destroy(handle: Optional[int], context: Context) -> None:
    """`context` is held until here: it must outlive its samplers."""
    if _library.is_usable():
        lib.lms_sampler_destroy(handle)


class Sampler:
    """Kernels and memory for one vocabulary, one type of logits and `max_rows` rows at once.

    vocab: tokens in a row of logits, 1 to 1048576.
    dtype: "float32", "float16" or "bfloat16", or a NumPy or PyTorch type of that name.
    max_rows: most rows at once; a call with more is done in parts.
    device: a part of a device's name, a Context, or None (see Context).
    outputs: what calls can return beside token and status: any of "logprobs", "raw_logprobs",
        "kept", "probs". Each costs at least one more read of the logits.
    token_dtype: "int32" or "int64", or a NumPy or PyTorch type of that name.

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
    ) -> None:
        self.vocab = _whole("vocab", vocab, 1, 1 << 20)
        self.max_rows = _whole("max_rows", max_rows, 1, (1 << 31) - 1)
        self.dtype = dtype_name(dtype)
        self.outputs = _output_names(outputs)
        self.token_dtype = _token_name(token_dtype)
        self.context = context_of(device)
        self._lock = threading.Lock()
        desc = SamplerDesc(
            vocab=self.vocab,
            max_rows=self.max_rows,
            logits=DTYPES[self.dtype],
            tokens=TOKEN_DTYPES[self.token_dtype],
            outputs=sum(OUTPUT_BITS[name] for name in self.outputs),
            max_in_flight=1,
        )
        handle = ctypes.c_void_p()
        enter()
        context = self.context._handle
        status = lib.lms_sampler_create(context, ctypes.byref(desc), ctypes.byref(handle))
        check(status, context)
        self._handle = handle
        self._close = weakref.finalize(self, _destroy, handle.value, self.context)
        self._close.atexit = False

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
        step: IntParam = 0,
        preset: PresetParam = "vllm",
        index: Optional[IntParam] = None,
        uniforms: Optional[_Array] = None,
    ) -> Samples:
        """One token for each row; all of the sampler's outputs. See sample()."""
        params = (temperature, top_k, top_p, min_p, seed, step, preset)
        call = _call_of(logits, self.dtype, index, uniforms, params)
        if call.logits.vocab != self.vocab:
            raise ValueError(
                f"logits: has {call.logits.vocab} tokens in a row, the sampler was made for "
                f"{self.vocab}"
            )
        return self._run(call)

    def _open(self) -> ctypes.c_void_p:
        if not self._close.alive:
            raise ValueError("the sampler is closed")
        return self._handle

    def _run(self, call: _Call) -> Samples:
        enter()  # first: in a forked child the lock may be held for ever
        with self._lock:
            handle = self._open()
            return _run(handle, call, self.outputs, self.token_dtype)


def _whole(name: str, value: int, least: int, most: int) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: {value!r} is not a whole number")
    if not least <= value <= most:
        raise ValueError(f"{name}: is {value}, must be a whole number from {least} to {most}")
    return int(value)


def _run(
    handle: Optional[ctypes.c_void_p], call: _Call, names: Tuple[str, ...], token_dtype: str
) -> Samples:
    """Without rows, no sampler is needed."""
    logits, rows = call.logits, call.rows
    tokens: _Array = np.empty(rows, token_dtype)
    status: _Array = np.empty(rows, np.uint32)
    outputs = _make_outputs(names, rows, logits.vocab)
    if rows > 0:
        batch = HostBatch(
            rows=rows,
            logits=_address(logits.memory),
            row_stride=logits.row_stride,
            logits_rows=logits.rows,
            params=_address(call.params),
            tokens=_address(tokens),
            status=_address(status),
        )
        if call.indices is not None:
            batch.index = _address(call.indices)
            skipped = call.indices == SKIP_ROW
            if skipped.any():
                _blank(outputs, skipped)
        if call.uniforms is not None:
            batch.uniforms = _address(call.uniforms)
            batch.uniforms_per_row = call.attempts
        for name, array in outputs.items():
            setattr(batch, _FIELDS[name], _address(array))
        check(lib.lms_sample_host(handle, ctypes.byref(batch)))
    found = {"tokens": tokens, "status": status, **outputs}
    returned = {n: _returned(a, logits, call.is_flat) for n, a in found.items()}
    return Samples(**returned, seed=call.seed)


_FIELDS = {
    "logprobs": "logprob",
    "raw_logprobs": "logprob_raw",
    "kept": "kept",
    "probs": "probs",
}


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
    ) -> Sampler:
        """One that is large enough, or does its rows in parts; a larger one takes a smaller
        one's place."""
        with self.lock:
            if not isinstance(device, Context):
                if device not in self.contexts:
                    self.contexts[device] = Context(device)
                device = self.contexts[device]
            key = (device, vocab, dtype, outputs, token_dtype)
            rows = min(rows, _MOST_ROWS, _MOST_LOGITS // vocab)
            found = self.samplers.get(key)
            if found is None or found.max_rows < rows:
                max_rows = max(16, 1 << (rows - 1).bit_length())
                found = Sampler(
                    vocab,
                    dtype,
                    max_rows,
                    device=device,
                    outputs=outputs,
                    token_dtype=token_dtype,
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
    step: IntParam = ...,
    preset: PresetParam = ...,
    index: Optional[IntParam] = ...,
    uniforms: Optional[_Array] = ...,
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
    step: IntParam = ...,
    preset: PresetParam = ...,
    index: Optional[IntParam] = ...,
    uniforms: Optional[_Array] = ...,
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
    step: IntParam = 0,
    preset: PresetParam = "vllm",
    index: Optional[IntParam] = None,
    uniforms: Optional[_Array] = None,
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
    step: 0 to 2^64 - 1. Count it up from token to token.
    preset: "vllm", "hugging-face", "llama.cpp" or "joint" (how those apply the filters);
        or rules with "+" between; or the same as flags, 0 to 15.
    index: the row of the logits that each row reads, or -1: no row (skipped). Without it, row r
        reads row r of the logits.
    uniforms: uint32[rows, attempts, 4], random words in the place of the generator's.
    dtype: "bfloat16" if uint16 logits are that; otherwise the type is the array's.
    token_dtype: "int32" or "int64", or a NumPy or PyTorch type of that name.
    device: a part of a device's name, a Context, or None (see Context).
    outputs: None, or any of "logprobs", "raw_logprobs", "kept", "probs".

    Returns the tokens, as an array of one for each row (for logits of one dimension: one
    token), or, if `outputs` is given (() is enough), Samples. A row without a token has -1: its
    logits are all NaN or -inf, it was skipped, or its uniforms were spent. Where the tokens are
    all that is returned, a RowWarning says that there are such rows (not for skipped ones).
    """
    names = () if outputs is None else _output_names(outputs)
    token_name = _token_name(token_dtype)
    params = (temperature, top_k, top_p, min_p, seed, step, preset)
    call = _call_of(logits, dtype, index, uniforms, params)
    if call.rows == 0:
        found = _run(None, call, names, token_name)
    else:
        sampler = _cache.sampler(
            device, call.logits.vocab, call.logits.dtype, call.rows, names, token_name
        )
        found = sampler._run(call)
    if outputs is not None:
        return found
    _warn_of_rows(found)
    return found.tokens


def _warn_of_rows(found: Samples) -> None:
    codes = np.atleast_1d(np.asarray(found.status)) & 0xFF
    if not codes.any():
        return
    missing = np.flatnonzero((codes != ROW_OK) & (codes != ROW_SKIPPED))
    if len(missing):
        row = int(missing[0])
        why = "every logit is NaN or -inf" if codes[row] == ROW_EMPTY else "uniforms are spent"
        warnings.warn(
            f"{len(missing)} of {len(codes)} rows have no token (-1), the first is row {row}: "
            f"{why}",
            RowWarning,
            stacklevel=3,
        )
