"""Logits as Python has them, and what the C library reads."""

from __future__ import annotations

import ctypes
import sys
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

from ._dlpack import array_of, is_tensor
from ._library import DTYPES


class Logits(NamedTuple):
    """Memory that the C library can read. `memory` owns it."""

    memory: Any
    address: int
    dtype: str
    vocab: int
    rows: int  # in memory, row_stride elements apart
    row_stride: int
    repeated: Optional[int]  # the rows of the caller if all of them are the one in memory
    is_flat: bool  # the caller's logits have one dimension
    torch: Any  # the module if they are a tensor


def dtype_name(dtype: object) -> str:
    """The name of a type of logits: of a string, a NumPy type or a PyTorch type."""
    name = dtype if isinstance(dtype, str) else str(getattr(dtype, "__name__", dtype))
    name = name.rpartition(".")[2]
    if name not in DTYPES:
        raise ValueError(f"dtype: is {name}, must be float32, float16 or bfloat16")
    return name


def address_of(array: npt.NDArray[Any]) -> int:
    """Of its first element."""
    try:  # three times as fast as the other way
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):  # not writable, not in one piece, empty, ...
        address: int = array.__array_interface__["data"][0]
        return address


def _array_of_tensor(tensor: Any, torch: Any) -> npt.NDArray[Any]:
    if tensor.device.type != "cpu":
        raise TypeError(f"logits: is a tensor on {tensor.device}, must be on the CPU: .cpu()")
    if tensor.layout != torch.strided:
        raise TypeError(f"logits: is a {tensor.layout} tensor, must be dense: .to_dense()")
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        array: npt.NDArray[Any] = tensor.view(torch.int16).numpy().view(np.uint16)
        return array
    if tensor.dtype not in (torch.float32, torch.float16):
        raise TypeError(_wrong_type(tensor.dtype, ".to(torch.float32)"))
    array = tensor.numpy()
    return array


def _wrong_type(found: object, remedy: str) -> str:
    return (
        f"logits: has values of type {found}, must be float32, float16 or bfloat16: {remedy} "
        "converts"
    )


def _type_of(array: npt.NDArray[Any], wanted: Optional[str]) -> str:
    name: str = array.dtype.name
    if name == "uint16" and wanted == "bfloat16":
        return "bfloat16"
    if name == "uint16":
        raise TypeError(
            'logits: has values of type uint16; if they are bfloat16, say so: dtype="bfloat16"'
        )
    if name not in DTYPES:
        raise TypeError(_wrong_type(name, '.astype("float32")'))
    if wanted is not None and wanted != name:
        raise TypeError(f"logits: has values of type {name}, must be {wanted}, as dtype says")
    return name


def _is_readable(array: npt.NDArray[Any]) -> bool:
    """Rows in one piece each, from the first to the last, as the C library has them."""
    rows, vocab = array.shape
    between, within = array.strides
    return (
        array.flags.aligned
        and array.dtype.isnative
        and (within == array.itemsize or vocab == 1)
        and (
            rows <= 1
            or between == 0
            or (between >= vocab * array.itemsize and between % array.itemsize == 0)
        )
    )


def quick(logits: Any, dtype: Any) -> Optional[Logits]:
    """What prepare() gives for what nearly all have, rows of plain numbers in one piece; None:
    ask prepare()."""
    dtype = "float32" if dtype is None else dtype
    if type(dtype) is not str or dtype not in _NUMPY:
        return None
    if type(logits) is np.ndarray:
        if logits.ndim != 2 or logits.dtype is not _NUMPY[dtype]:
            return None
        flags = logits.flags
        if not flags.c_contiguous or not flags.aligned:
            return None
        rows, vocab = logits.shape
        if rows == 0 or vocab == 0:
            return None
        address = address_of(logits)
        return Logits(logits, address, dtype, vocab, rows, vocab, None, False, None)
    torch = sys.modules.get("torch")
    if torch is None or type(logits) is not torch.Tensor:
        return None
    if logits.dtype is not getattr(torch, dtype) or not logits.is_cpu or logits.dim() != 2:
        return None
    if logits.layout is not torch.strided:
        return None
    rows, vocab = logits.shape
    between, within = logits.stride()
    if rows == 0 or vocab == 0 or within != 1 or between < vocab:
        return None
    return Logits(logits, logits.data_ptr(), dtype, vocab, rows, between, None, False, torch)


_NUMPY = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": None,
}


def prepare(logits: object, dtype: Optional[object]) -> Logits:
    """Without a copy where the layout allows it."""
    torch = None
    wanted = None if dtype is None else dtype_name(dtype)
    if is_tensor(logits):
        torch = sys.modules["torch"]
        array = _array_of_tensor(logits, torch)
        if array.dtype == np.uint16:
            if wanted not in (None, "bfloat16"):
                raise TypeError(
                    f"logits: has values of type bfloat16, must be {wanted}, as dtype says"
                )
            wanted = "bfloat16"
    elif isinstance(logits, np.ma.MaskedArray):
        raise TypeError(
            "logits: is a masked array, must be a plain one: .filled(-numpy.inf) takes the "
            "masked tokens out"
        )
    elif isinstance(logits, np.ndarray):
        array = logits
    else:
        found = None if isinstance(logits, np.generic) else array_of("logits", logits)
        if found is None:
            raise TypeError(
                f"logits: is a {type(logits).__name__}, must be a NumPy array, a PyTorch tensor or "
                "another array with __dlpack__"
            )
        array, exchanged = found
        if exchanged == "bfloat16":
            if wanted not in (None, "bfloat16"):
                raise TypeError(
                    f"logits: has values of type bfloat16, must be {wanted}, as dtype says"
                )
            wanted = exchanged
    name = _type_of(array, wanted)
    if array.ndim == 3 and array.shape[1] == 1:
        array = array[:, 0]  # the one position of each row, as models return them
    if array.ndim not in (1, 2):
        raise ValueError(
            f"logits: has shape {array.shape}, must be (vocabulary,), (rows, vocabulary) or "
            "(rows, 1, vocabulary)"
        )
    is_flat = array.ndim == 1
    if is_flat:
        array = array[np.newaxis]
    rows, vocab = array.shape
    if vocab == 0:
        raise ValueError(f"logits: has shape {array.shape}, must have at least one token")
    if not _is_readable(array):
        array = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    stride = array.strides[0] // array.itemsize if rows > 1 else vocab
    address = address_of(array)
    if stride == 0:
        return Logits(array, address, name, vocab, 1, vocab, rows, is_flat, torch)
    return Logits(array, address, name, vocab, rows, stride, None, is_flat, torch)
