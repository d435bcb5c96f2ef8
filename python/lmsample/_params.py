"""Parameters as Python has them, and the records that the C library takes."""

from __future__ import annotations

import math
import numbers
import os
from typing import Any, Dict, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._dlpack import as_numpy
from ._library import ROW_PARAMS, lib

FloatParam = Union[None, float, Sequence[Optional[float]], npt.NDArray[Any]]
IntParam = Union[int, Sequence[int], npt.NDArray[Any]]
TopKParam = Union[None, int, Sequence[Optional[int]], npt.NDArray[Any]]
SeedParam = Union[None, IntParam]
StepParam = Union[str, IntParam]
PresetParam = Union[str, int, Sequence[Union[str, int]], npt.NDArray[Any]]

#: Rules in which stacks differ; a preset is a set of them.
TEMPERATURE_LAST = 1
MIN_P_LAST = 2
TOP_P_WHOLE_ROW = 4
TOP_K_TIES = 8

PRESETS: Dict[str, int] = {
    "vllm": 0,
    "hugging-face": TOP_K_TIES | MIN_P_LAST,
    "llama.cpp": TEMPERATURE_LAST | MIN_P_LAST,
    "joint": TOP_P_WHOLE_ROW | MIN_P_LAST,
    "temperature-last": TEMPERATURE_LAST,
    "min-p-last": MIN_P_LAST,
    "top-p-whole-row": TOP_P_WHOLE_ROW,
    "top-k-ties": TOP_K_TIES,
}

_LEAST_NORMAL = 2.0**-126

Array = npt.NDArray[Any]


def _refuse(name: str, row: Optional[int], value: object, rule: str) -> ValueError:
    place = name if row is None else f"{name}[{row}]"
    return ValueError(f"{place}: is {value}, must be {rule}")


def _one_per_row(name: str, values: Array, rows: int) -> Array:
    shape = values.shape
    if values.ndim == 2 and shape[1] == 1:
        values = values[:, 0]  # as engines have them, to divide rows of logits by
    if values.ndim > 1 or (values.ndim == 1 and len(values) not in (1, rows)):
        raise ValueError(
            f"{name}: has shape {shape}, must be one value, or one for each of the "
            f"{rows} rows"
        )
    return values


def _are_between(values: Array, least: Any, most: Any) -> bool:
    """Quicker than to look at each; False of NaN."""
    return values.size == 0 or bool(values.min() >= least and values.max() <= most)


def _check_all(name: str, values: Array, good: Array, rule: str) -> None:
    """Names the first value that is not good."""
    if good.all():
        return
    row = int(np.argmin(good.reshape(-1)))
    raise _refuse(name, row if values.ndim else None, values.reshape(-1)[row], rule)


def _numbers(
    name: str, value: Any, rows: int, kinds: str, what: str, none: Optional[float] = None
) -> Array:
    """An array of one of the kinds, of no or one dimension. `none`: what None stands for."""
    value = as_numpy(name, value)
    if not isinstance(value, np.ndarray):
        # As it is: NumPy would make floats of 0 and 2**63 in one list, and numbers of booleans.
        plain = _plain_numbers(value, kinds, none) if type(value) in (list, tuple, range) else None
        value = np.asarray(value, dtype=object) if plain is None else plain
    elif isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name}: is a masked array, must be a plain one: .filled(...)")
    values: Array = value
    if values.dtype.kind == "O":
        if none is not None:
            filled: Array = np.empty(values.size, dtype=object)
            filled[:] = [none if item is None else item for item in values.reshape(-1)]
            values = filled.reshape(values.shape)
        for item in values.reshape(-1):
            is_number = numbers.Integral if kinds == "iu" else numbers.Real
            if isinstance(item, (bool, np.bool_)) or not isinstance(item, is_number):
                raise TypeError(f"{name}: {item!r} is not {what}")
        if kinds != "iu":
            values = np.array(
                [_as_float(item) for item in values.reshape(-1)], dtype=np.float64
            ).reshape(values.shape)
    elif values.size and values.dtype.kind not in kinds:
        raise TypeError(f"{name}: has values of type {values.dtype}, must be {what}")
    return _one_per_row(name, values, rows)


def _plain_numbers(value: Any, kinds: str, none: Optional[float]) -> Optional[Array]:
    """An array of numbers that are Python's own; None: there are others."""
    types = set(map(type, value))
    if none is not None and type(None) in types:
        types.discard(type(None))
        value = [none if item is None else item for item in value]
    try:
        if types <= {int} and types:
            return np.array(value, np.int64 if min(value) < 0 else np.uint64)
        if types <= {int, float} and kinds != "iu":
            return np.array(value, np.float64)
    except OverflowError:
        pass
    return None


def _as_float(value: Any) -> float:
    """Infinite what float64 has no room for, so that it is refused as too large."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _floats(name: str, value: object, rows: int, none: float) -> Array:
    return _numbers(name, value, rows, "fiu", "a number", none).astype(np.float64)


def _temperature(value: object, rows: int, name: str = "temperature") -> Any:
    rule = "0 (greedy) or from 2^-64 to 2^64"
    if value is None:
        return 1.0
    if type(value) is float or type(value) is int:
        value = _as_float(value)
        if value == 0.0 or 2.0**-64 <= value <= 2.0**64:
            return value
        raise _refuse(name, None, value, rule)
    values = _floats(name, value, rows, 1.0)
    if not _are_between(values, 2.0**-64, 2.0**64):
        good = (values == 0) | ((values >= 2.0**-64) & (values <= 2.0**64))
        _check_all(name, values, good, rule)
    return values


def _share(name: str, value: object, rows: int, ends: str, none: float) -> Any:
    """A share of one. 0 means another thing than the smallest share, and some processes flush
    subnormals: so one that float32 has no normal number for becomes its smallest."""
    rule = f"from 0 to 1 ({ends})"
    if value is None:
        return none
    if type(value) is float or type(value) is int:
        value = _as_float(value)
        if 0.0 <= value <= 1.0:
            return value if value == 0.0 else max(value, _LEAST_NORMAL)
        raise _refuse(name, None, value, rule)
    values = _floats(name, value, rows, none)
    if _are_between(values, _LEAST_NORMAL, 1.0):
        return values
    _check_all(name, values, (values >= 0) & (values <= 1), rule)
    return np.where(values == 0, 0.0, np.maximum(values, _LEAST_NORMAL))


def _whole(
    name: str,
    value: object,
    rows: int,
    least: int,
    most: Optional[int],
    rule: str,
    none: Optional[int] = None,
) -> Any:
    """An integer or an array of them, as it came. `most` None: no limit."""
    if type(value) is int:
        if least <= value and (most is None or value <= most):
            return value
        raise _refuse(name, None, value, rule)
    values = _numbers(name, value, rows, "iu", "a whole number", none)
    if values.dtype.kind == "O":
        good = np.array(
            [least <= item and (most is None or item <= most) for item in values.reshape(-1)],
            dtype=bool,
        ).reshape(values.shape)
    else:
        if values.size and int(values.min()) >= least:
            if most is None or int(values.max()) <= most:
                return values
        limits = np.iinfo(values.dtype)
        good = np.full(values.shape, most is None or most >= limits.min)
        if least > limits.min:
            good &= values >= values.dtype.type(least)
        if most is not None and limits.min <= most < limits.max:
            good &= values <= values.dtype.type(most)
    _check_all(name, values, good, rule)
    return values


_MOST_TOP_K = 2**31 - 1


def _top_k(value: object, rows: int, name: str = "top_k") -> Any:
    """Any number from the vocabulary's size on is off, so what is too large for the record is,
    too."""
    rule = "a whole number from 0 (off; -1 and None too)"
    if value is None:
        return 0
    values = _whole(name, value, rows, -1, None, rule, 0)
    if type(values) is int:
        return min(values, _MOST_TOP_K)
    if values.dtype.kind == "O":
        return np.array([min(item, _MOST_TOP_K) for item in values.reshape(-1)]).reshape(
            values.shape
        )
    return np.minimum(values, values.dtype.type(min(_MOST_TOP_K, np.iinfo(values.dtype).max)))


_SEED_RULE = "a whole number from -2^63 to 2^64 - 1"


def _fresh_seed() -> int:
    """Below 2^53: JavaScript, spreadsheets and whoever else has numbers of float64 keep it."""
    return int.from_bytes(os.urandom(8), "little") >> 11


def _seeds(value: object, rows: int, name: str = "seed") -> Any:
    """From 0 to 2^64 - 1: an int or an array. None stands for a fresh one, also among others."""
    if value is None:
        return _fresh_seed()
    value = as_numpy(name, value)
    if type(value) is not int:
        items: Array = value if isinstance(value, np.ndarray) else np.asarray(value, dtype=object)
        if items.dtype.kind == "O" and any(item is None for item in items.flat):
            filled: Array = np.empty(items.size, dtype=object)
            filled[:] = [_fresh_seed() if item is None else item for item in items.flat]
            value = filled.reshape(items.shape)
    values = _whole(name, value, rows, -(2**63), 2**64 - 1, _SEED_RULE)
    if type(values) is int:
        return values % 2**64
    if values.dtype.kind == "O":
        wrapped = [int(item) % 2**64 for item in values.reshape(-1)]
        return np.array(wrapped, np.uint64).reshape(values.shape)
    return values.astype(np.uint64)


def _set_seeds(records: Array, value: object) -> Any:
    """Returns what names the random numbers: the seed of all rows, or an array of each row's."""
    rows = len(records)
    values = _seeds(value, rows)
    if type(values) is not int and values.ndim == 1 and (len(values) == rows or rows == 1):
        records["seed"] = values
        return records["seed"].copy()
    seed = int(values if type(values) is int else values.reshape(-1)[0])
    lib.lms_seed_rows(records.ctypes.data, rows, seed, 0)
    return seed


def row_seed(seed: int, row: int) -> int:
    """The seed of row `row`, from 0, of a batch whose rows have one seed for all of them:
    sample(x, seed=s) is sample(x, seed=[row_seed(s, 0), row_seed(s, 1), ...])."""
    seed = int(_whole("seed", seed, 1, -(2**63), 2**64 - 1, _SEED_RULE))
    row = int(_whole("row", row, 1, 0, 2**64 - 1, "a whole number from 0 to 2^64 - 1"))
    derived: int = lib.lms_row_seed(seed % 2**64, row)
    return derived


def preset_flags(name: str, row: Optional[int] = None) -> int:
    """The rules that a preset stands for: names, with "+" between."""
    flags = 0
    for word in name.split("+"):
        if word not in PRESETS:
            raise _refuse(
                "preset",
                row,
                repr(name),
                "vllm, hugging-face, llama.cpp or joint, or of temperature-last, min-p-last, "
                "top-p-whole-row, top-k-ties with + between",
            )
        flags |= PRESETS[word]
    return flags


def _step(value: object, rows: int, name: str = "step") -> Any:
    return _whole(name, value, rows, 0, 2**64 - 2, "a whole number from 0 to 2^64 - 2")


def _flags(value: object, rows: int, name: str = "preset") -> Any:
    if isinstance(value, str):
        return preset_flags(value)
    value = as_numpy(name, value)
    is_array = isinstance(value, np.ndarray) and value.dtype.kind not in "OU"
    if type(value) is not int and not is_array:
        values = _one_per_row("preset", np.asarray(value, dtype=object), rows)
        flags = [
            preset_flags(item, row if values.ndim else None) if isinstance(item, str) else item
            for row, item in enumerate(values.reshape(-1))
        ]
        value = np.empty(len(flags), dtype=object)
        value[:] = flags
        value = value.reshape(values.shape)
    return _whole(name, value, rows, 0, 15, "a preset's name or flags from 0 to 15")


def row_params(
    rows: int,
    temperature: FloatParam,
    top_k: TopKParam,
    top_p: FloatParam,
    min_p: FloatParam,
    seed: SeedParam,
    step: StepParam,
    preset: PresetParam,
) -> Tuple[Array, Any]:
    """One record for each row, and the seed: see Samples."""
    records: Array = np.zeros(rows, ROW_PARAMS)
    records["temperature"] = _temperature(temperature, rows)
    records["top_k"] = _top_k(top_k, rows)
    records["top_p"] = _share("top_p", top_p, rows, "0: greedy, 1: off", 1.0)
    records["min_p"] = _share("min_p", min_p, rows, "0: off", 0.0)
    if not (isinstance(step, str) and step == "slot"):
        records["step"] = _step(step, rows)
    records["flags"] = _flags(preset, rows)
    return records, _set_seeds(records, seed)


def row_index(index: object, logits_rows: int) -> Array:
    """Which row of the logits each row reads."""
    index = as_numpy("index", index)
    values = index if isinstance(index, np.ndarray) else np.asarray(index, dtype=object)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(f"index: has shape {values.shape}, must have one dimension")
    rule = f"a row of the logits, 0 to {logits_rows - 1}, or -1 (skipped)"
    if logits_rows == 0:
        rule = "-1 (skipped): there are no rows of logits"
    whole: Array = _whole("index", values, len(values), -1, logits_rows - 1, rule)
    return whole.astype(np.int32)


def row_uniforms(uniforms: object, rows: int, is_flat: bool) -> Tuple[Array, int]:
    """Random words instead of the generator's: uint32[rows][attempts][4]."""
    words: Array = np.asarray(as_numpy("uniforms", uniforms))
    if words.dtype != np.dtype(np.uint32):
        raise TypeError(f"uniforms: has values of type {words.dtype}, must be uint32")
    if is_flat and words.ndim == 2:
        words = words[np.newaxis]
    if words.ndim != 3 or words.shape[0] != rows or words.shape[1] < 1 or words.shape[2] != 4:
        raise ValueError(
            f"uniforms: has shape {words.shape}, must be ({rows}, attempts, 4): four words for "
            "each attempt of each row"
        )
    return np.ascontiguousarray(words), int(words.shape[1])
