"""What a call returns: Samples, in arrays of the caller's or in new ones."""

from __future__ import annotations

import functools
from typing import Any, Dict, Iterable, Mapping, NamedTuple, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._dlpack import is_tensor
from ._library import LIST_OUTPUT_BITS, NO_TOKEN, OUTPUT_BITS
from ._logits import address_of

_Array = npt.NDArray[Any]


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
    edited_logprobs: Any = None
    """float32[rows], natural log, after edits, before temperature and filters."""
    raw_ranks: Any = None
    """int32[rows], how many tokens are at least as probable before edits, the token among
    them."""
    ranks: Any = None
    """int32[rows], the same after edits."""
    raw_entropies: Any = None
    """float32[rows], of the logits as they are, in nats."""
    entropies: Any = None
    """float32[rows], of what the token was drawn from."""
    top_tokens: Any = None
    """int32[rows, most], the best tokens of each row; -1 behind the last."""
    top_logprobs: Any = None
    """float32[rows, most], theirs; NaN behind the last."""
    named_logprobs: Any = None
    """float32[rows, most], of the tokens of `named`; NaN behind the last."""


ALL_OUTPUTS = {**OUTPUT_BITS, **LIST_OUTPUT_BITS}


def output_names(outputs: Union[str, Iterable[str]]) -> Tuple[str, ...]:
    names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
    for name in names:
        if name not in ALL_OUTPUTS:
            *first, last = ALL_OUTPUTS
            raise ValueError(f"outputs: has {name!r}, must be of {', '.join(first)} and {last}")
    return tuple(name for name in ALL_OUTPUTS if name in names)


#: The fields of lms_sample_host_args, by the names of Samples.
FIELDS = {
    "tokens": "tokens",
    "status": "status",
    "logprobs": "logprob",
    "raw_logprobs": "logprob_raw",
    "kept": "kept",
    "probs": "probs",
    "edited_logprobs": "logprob_edited",
    "raw_ranks": "rank_raw",
    "ranks": "rank_edited",
    "raw_entropies": "entropy_raw",
    "entropies": "entropy",
    "top_tokens": "top_tokens",
    "top_logprobs": "top_values",
    "named_logprobs": "named_values",
}
_WHOLE = ("kept", "raw_ranks", "ranks", "top_tokens")
LISTS = ("top_tokens", "top_logprobs", "named_logprobs")
_TYPES = {name: np.dtype(np.int32 if name in _WHOLE else np.float32) for name in FIELDS}
_TYPES["status"] = np.dtype(np.uint32)
_INT32 = np.dtype(np.int32)


class Output(NamedTuple):
    """Where an output is written to."""

    address: int
    columns: int  # 0: one value for each row
    value: Any  # what is returned


@functools.lru_cache(maxsize=256)
def plan(
    names: Tuple[str, ...], token_dtype: str, vocab: int, top: int, named: int
) -> Tuple[Tuple[str, Any, int], ...]:
    """Name, type and columns (0: one value for each row) of what comes back, tokens and status
    first; lists only where a row wants one."""
    kinds = [("tokens", np.dtype(token_dtype), 0), ("status", _TYPES["status"], 0)]
    for name in names:
        if name == "probs":
            kinds.append((name, _TYPES[name], vocab))
        elif name == "top_logprobs":
            if top:
                kinds += [("top_tokens", _INT32, top), (name, _TYPES[name], top)]
        elif name != "named_logprobs":
            kinds.append((name, _TYPES[name], 0))
        elif named:
            kinds.append((name, _TYPES[name], named))
    return tuple(kinds)


def outputs_of(
    names: Tuple[str, ...],
    sizes: Tuple[int, int, int, int],
    token_dtype: str,
    torch: Any,
    out: Any,
) -> Dict[str, Output]:
    """By the names of Samples. sizes: rows, vocabulary, most best tokens, most named tokens.
    torch: the module, or None: what new ones are of."""
    rows, vocab, top, named = sizes
    given = None if out is None else given_of(out, names)
    made: Dict[str, Output] = {}
    for name, dtype, columns in plan(names, token_dtype, vocab, top, named):
        if given is not None:
            if name in given:
                made[name] = _of_caller(name, given.pop(name), dtype, rows, columns)
                continue
            if name == "top_logprobs":
                columns = made["top_tokens"].columns
        array: _Array = np.empty((rows, columns) if columns else rows, dtype)
        value: Any = array
        if torch is not None:
            value = torch.from_numpy(array.view(_INT32) if name == "status" else array)
        made[name] = Output(address_of(array), columns, value)
    if given is not None:
        for name, array in given.items():
            _look(name, array, _TYPES[name])
        if "top_tokens" in made and made["top_tokens"].columns != made["top_logprobs"].columns:
            raise ValueError("out: top_tokens and top_logprobs must have as many columns")
        for name, array in given.items():  # no row wants any
            array[:rows] = _none_of(name)
    return made


def given_of(out: Any, names: Tuple[str, ...]) -> Dict[str, Any]:
    if isinstance(out, np.ndarray) or is_tensor(out):
        return {"tokens": out}
    if isinstance(out, Samples):
        out = {n: a for n, a in out._asdict().items() if a is not None and n != "seed"}
    if not isinstance(out, Mapping):
        return {"tokens": out}
    for name in out:
        is_there = "top_logprobs" in names if name == "top_tokens" else name in names
        if name not in ("tokens", "status") and not is_there:
            raise ValueError(f"out: has {name!r}, which the sampler does not return")
    return dict(out)


def _of_caller(name: str, array: Any, dtype: Any, rows: int, columns: int) -> Output:
    shape, address = _look(name, array, dtype)
    ends = shape[1:]
    if not columns and ends == (1,):  # as engines have them
        ends = ()
    most = ends[0] if len(ends) == 1 else 0
    is_wide = most >= columns if name in LISTS else most == columns
    if len(ends) != (1 if columns else 0) or not is_wide or len(shape) == 0 or shape[0] < rows:
        rule = f"({rows}, {columns})" if columns else f"({rows},)"
        raise ValueError(f"out: {name} has shape {tuple(shape)}, must be {rule}, or more rows")
    return Output(address, most if columns else 0, array if shape[0] == rows else array[:rows])


def _look(name: str, array: Any, dtype: Any) -> Tuple[Any, int]:
    """Shape and address."""
    if isinstance(array, np.ndarray):
        found, is_good = array.dtype, array.flags.carray and array.dtype.isnative
        address = address_of(array) if is_good else 0
    elif is_tensor(array):
        if not array.is_cpu:
            raise TypeError(f"out: {name} is a tensor on {array.device}, must be on the CPU")
        found = _dtype_of_tensor(array.dtype)
        is_good = array.is_contiguous()
        address = array.data_ptr()
    else:
        raise TypeError(
            f"out: {name} is a {type(array).__name__}, must be a NumPy array or a PyTorch tensor"
        )
    if found != dtype and not (name == "status" and found == _INT32):
        raise TypeError(f"out: {name} has values of type {found}, must be {dtype}")
    if not is_good:
        raise ValueError(f"out: {name} must be in one piece, aligned and writable")
    return array.shape, address


@functools.lru_cache(maxsize=64)
def _dtype_of_tensor(dtype: Any) -> Any:
    name = str(dtype).rpartition(".")[2]
    return np.dtype(name) if name in ("int32", "int64", "float32") else name


def _none_of(name: str) -> Any:
    is_number = name.endswith("logprobs") or name.endswith("entropies")
    return np.nan if is_number else NO_TOKEN if name == "top_tokens" else 0


def blank(outputs: Dict[str, Output], rows: _Array) -> None:
    """What the library does not write: the outputs of rows that are skipped."""
    if rows.any():
        for name, item in outputs.items():
            if name not in ("tokens", "status"):
                item.value[np.flatnonzero(rows)] = _none_of(name)
