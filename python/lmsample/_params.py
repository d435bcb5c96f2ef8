"""Parameters as Python has them, and the records that the C library takes."""

from __future__ import annotations

import numbers
from typing import Any, Dict, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._library import ROW_PARAMS

FloatParam = Union[float, Sequence[float], npt.NDArray[Any]]
IntParam = Union[int, Sequence[int], npt.NDArray[Any]]
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
    if values.ndim > 1 or (values.ndim == 1 and len(values) not in (1, rows)):
        raise ValueError(
            f"{name}: has shape {values.shape}, must be one value, or one for each of the "
            f"{rows} rows"
        )
    return values


def _check_all(name: str, values: Array, good: Array, rule: str) -> None:
    """Names the first value that is not good."""
    if good.all():
        return
    row = int(np.argmin(good.reshape(-1)))
    raise _refuse(name, row if values.ndim else None, values.reshape(-1)[row], rule)


def _numbers(name: str, value: object, rows: int, kinds: str, what: str) -> Array:
    """An array of one of the kinds, of no or one dimension."""
    if not isinstance(value, np.ndarray):
        # As it is: NumPy would make floats of 0 and 2**63 in one list, and numbers of booleans.
        value = np.asarray(value, dtype=object)
    values: Array = value
    if values.dtype.kind == "O":
        for item in values.reshape(-1):
            is_number = numbers.Integral if kinds == "iu" else numbers.Real
            if isinstance(item, (bool, np.bool_)) or not isinstance(item, is_number):
                raise TypeError(f"{name}: {item!r} is not {what}")
        if kinds != "iu":
            values = values.astype(np.float64)
    elif values.size and values.dtype.kind not in kinds:
        raise TypeError(f"{name}: has values of type {values.dtype}, must be {what}")
    return _one_per_row(name, values, rows)


def _floats(name: str, value: object, rows: int) -> Array:
    return _numbers(name, value, rows, "fiu", "a number").astype(np.float64)


def _temperature(value: object, rows: int) -> Any:
    rule = "0 (greedy) or from 2^-64 to 2^64"
    if type(value) is float:
        if value == 0.0 or 2.0**-64 <= value <= 2.0**64:
            return value
        raise _refuse("temperature", None, value, rule)
    values = _floats("temperature", value, rows)
    good = (values == 0) | ((values >= 2.0**-64) & (values <= 2.0**64))
    _check_all("temperature", values, good, rule)
    return values


def _share(name: str, value: object, rows: int, ends: str) -> Any:
    """A share of one. 0 means another thing than the smallest share."""
    rule = f"from 0 to 1 ({ends})"
    if type(value) is float:
        if 0.0 <= value <= 1.0:
            return value if value == 0.0 else max(value, _LEAST_NORMAL)
        raise _refuse(name, None, value, rule)
    values = _floats(name, value, rows)
    _check_all(name, values, (values >= 0) & (values <= 1), rule)
    return np.where(values == 0, 0.0, np.maximum(values, _LEAST_NORMAL))


def _whole(name: str, value: object, rows: int, least: int, most: int, rule: str) -> Any:
    if type(value) is int:
        if least <= value <= most:
            return value
        raise _refuse(name, None, value, rule)
    values = _numbers(name, value, rows, "iu", "a whole number")
    if values.dtype.kind == "O":
        good = np.array([least <= item <= most for item in values.reshape(-1)], dtype=bool)
        good = good.reshape(values.shape)
    else:
        limits = np.iinfo(values.dtype)
        good = np.full(values.shape, most >= limits.min)
        if least > limits.min:
            good &= values >= values.dtype.type(least)
        if limits.min <= most < limits.max:
            good &= values <= values.dtype.type(most)
    _check_all(name, values, good, rule)
    return values.astype(np.uint64 if least >= 0 else np.int64)


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
    top_k: IntParam,
    top_p: FloatParam,
    min_p: FloatParam,
    seed: IntParam,
    step: IntParam,
    preset: PresetParam,
) -> Array:
    """One record for each row."""
    records: Array = np.zeros(rows, ROW_PARAMS)
    records["temperature"] = _temperature(temperature, rows)
    top_k_rule = "a whole number from 0 (off; -1 too) to 2^31 - 1"
    records["top_k"] = _whole("top_k", top_k, rows, -1, 2**31 - 1, top_k_rule)
    records["top_p"] = _share("top_p", top_p, rows, "0: greedy, 1: off")
    records["min_p"] = _share("min_p", min_p, rows, "0: off")
    whole_rule = "a whole number from 0 to 2^64 - 1"
    records["seed"] = _whole("seed", seed, rows, 0, 2**64 - 1, whole_rule)
    records["step"] = _whole("step", step, rows, 0, 2**64 - 1, whole_rule)
    records["flags"] = _flags(preset, rows)
    return records


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
