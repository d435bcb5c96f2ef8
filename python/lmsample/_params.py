"""Parameters as Python has them, and the records that the C library takes."""

from __future__ import annotations

import math
import numbers
import os
from typing import Any, Dict, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._library import ROW_PARAMS, lib
from ._logits import is_tensor

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
    if is_tensor(value):
        value = _array_of_tensor(name, value)
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name}: is a masked array, must be a plain one: .filled(...)")
    if not isinstance(value, np.ndarray):
        # As it is: NumPy would make floats of 0 and 2**63 in one list, and numbers of booleans.
        value = np.asarray(value, dtype=object)
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


def _as_float(value: Any) -> float:
    """Infinite what float64 has no room for, so that it is refused as too large."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _array_of_tensor(name: str, tensor: Any) -> Array:
    if tensor.device.type != "cpu":
        raise TypeError(f"{name}: is a tensor on {tensor.device}, must be on the CPU: .cpu()")
    tensor = tensor.detach()
    array: Array = (tensor.double() if tensor.is_floating_point() else tensor).numpy()
    return array


def _floats(name: str, value: object, rows: int, none: float) -> Array:
    return _numbers(name, value, rows, "fiu", "a number", none).astype(np.float64)


def _temperature(value: object, rows: int) -> Any:
    rule = "0 (greedy) or from 2^-64 to 2^64"
    if type(value) is float:
        if value == 0.0 or 2.0**-64 <= value <= 2.0**64:
            return value
        raise _refuse("temperature", None, value, rule)
    values = _floats("temperature", value, rows, 1.0)
    good = (values == 0) | ((values >= 2.0**-64) & (values <= 2.0**64))
    _check_all("temperature", values, good, rule)
    return values


def _share(name: str, value: object, rows: int, ends: str, none: float) -> Any:
    """A share of one. 0 means another thing than the smallest share, and some processes flush
    subnormals: so one that float32 has no normal number for becomes its smallest."""
    rule = f"from 0 to 1 ({ends})"
    if type(value) is float:
        if 0.0 <= value <= 1.0:
            return value if value == 0.0 else max(value, _LEAST_NORMAL)
        raise _refuse(name, None, value, rule)
    values = _floats(name, value, rows, none)
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
        limits = np.iinfo(values.dtype)
        good = np.full(values.shape, most is None or most >= limits.min)
        if least > limits.min:
            good &= values >= values.dtype.type(least)
        if most is not None and limits.min <= most < limits.max:
            good &= values <= values.dtype.type(most)
    _check_all(name, values, good, rule)
    return values


_MOST_TOP_K = 2**31 - 1


def _top_k(value: object, rows: int) -> Any:
    """Any number from the vocabulary's size on is off, so what is too large for the record is,
    too."""
    rule = "a whole number from 0 (off; -1 and None too)"
    values = _whole("top_k", value, rows, -1, None, rule, 0)
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


def _set_seeds(records: Array, value: object) -> Any:
    """Returns what names the random numbers: the seed of all rows, or an array of each row's."""
    rows = len(records)
    if value is None:
        value = _fresh_seed()
    values = _whole("seed", value, rows, -(2**63), 2**64 - 1, _SEED_RULE)
    if type(values) is not int and values.ndim == 1 and (len(values) == rows or rows == 1):
        wrapped = values % 2**64 if values.dtype.kind == "O" else values.astype(np.uint64)
        records["seed"] = wrapped
        return records["seed"].copy()
    seed = int(values if type(values) is int else values.reshape(-1)[0]) % 2**64
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


def _flags(value: object, rows: int) -> Any:
    if isinstance(value, str):
        return preset_flags(value)
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
    return _whole("preset", value, rows, 0, 15, "a preset's name or flags from 0 to 15")


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
        step_rule = "a whole number from 0 to 2^64 - 2"
        records["step"] = _whole("step", step, rows, 0, 2**64 - 2, step_rule)
    records["flags"] = _flags(preset, rows)
    return records, _set_seeds(records, seed)


def row_index(index: object, logits_rows: int) -> Array:
    """Which row of the logits each row reads."""
    values = index if isinstance(index, np.ndarray) else np.asarray(index, dtype=object)
    if values.ndim != 1:
        raise ValueError(f"index: has shape {values.shape}, must have one dimension")
    rule = f"a row of the logits, 0 to {logits_rows - 1}, or -1 (skipped)"
    if logits_rows == 0:
        rule = "-1 (skipped): there are no rows of logits"
    whole: Array = _whole("index", values, len(values), -1, logits_rows - 1, rule)
    return whole.astype(np.int32)


def row_uniforms(uniforms: object, rows: int, is_flat: bool) -> Tuple[Array, int]:
    """Random words instead of the generator's: uint32[rows][attempts][4]."""
    words = np.asarray(uniforms)
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
