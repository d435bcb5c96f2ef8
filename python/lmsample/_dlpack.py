"""Arrays of other packages: those that speak DLPack or NumPy's array interface, where they are."""

from __future__ import annotations

import ctypes
from typing import Any, Dict, NamedTuple, Optional, Tuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: kDLCPU, kDLCUDAHost and kDLROCMHost: memory that the CPU reads as its own.
ON_CPU = (1, 3, 11)
OPENCL = 4
ONEAPI = 14
_DEVICES = {2: "a CUDA device", OPENCL: "an OpenCL device", 7: "a Vulkan device",
            8: "a Metal device", 10: "a ROCm device", 13: "CUDA's managed memory",
            ONEAPI: "a oneAPI device", 15: "a WebGPU device", 16: "a Hexagon device"}  # fmt: skip
#: By DLDataTypeCode.
_KINDS = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 6: "bool"}


class _Tensor(ctypes.Structure):
    """DLTensor, as dlpack.h has it."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Versioned(ctypes.Structure):
    """DLManagedTensorVersioned; the older DLManagedTensor begins with the tensor."""

    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    ]


class Exchanged(NamedTuple):
    """What another package has given. Strides are in elements."""

    owner: Any  # the capsule, which gives it back when it goes
    device: int
    data: int  # address, or the handle of a device's buffer
    byte_offset: int
    dtype: str
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]


def exchange(name: str, value: Any) -> Exchanged:
    try:
        capsule = value.__dlpack__(max_version=(1, 0))
    except TypeError:  # of before there were versions
        capsule = value.__dlpack__()
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    kind = api.PyCapsule_GetName(ctypes.py_object(capsule))
    if kind not in (b"dltensor", b"dltensor_versioned"):
        raise TypeError(
            f"{name}: has given a capsule that is {kind!r}, must be a DLPack tensor"
        )
    pointer = api.PyCapsule_GetPointer(ctypes.py_object(capsule), ctypes.c_char_p(kind))
    if kind == b"dltensor":
        tensor = _Tensor.from_address(pointer)
    else:
        managed = _Versioned.from_address(pointer)
        if managed.major != 1:
            raise TypeError(f"{name}: speaks DLPack {managed.major}, must speak 1 or older")
        tensor = managed.tensor
    return _read(name, capsule, tensor)


def _read(name: str, capsule: Any, tensor: Any) -> Exchanged:
    kind = _KINDS.get(tensor.code)
    if kind is None or tensor.lanes != 1 or (kind == "bool" and tensor.bits != 8):
        raise TypeError(
            f"{name}: has values of DLPack's type {tensor.code}, {tensor.bits} bits, "
            f"{tensor.lanes} lanes, which NumPy has not"
        )
    shape = tuple(tensor.shape[axis] for axis in range(tensor.ndim))
    strides = []
    step = 1
    for size in reversed(shape):  # without strides: rows of rows in one piece
        strides.append(step)
        step *= size
    strides.reverse()
    if tensor.strides:
        strides = [tensor.strides[axis] for axis in range(tensor.ndim)]
    dtype = "bool" if kind == "bool" else f"{kind}{tensor.bits}"
    return Exchanged(
        capsule,
        tensor.device_type,
        tensor.data or 0,
        tensor.byte_offset,
        dtype,
        shape,
        tuple(strides),
    )


class _Memory:
    """For NumPy, whose array then keeps the capsule."""

    def __init__(self, found: Exchanged, typestr: str, itemsize: int) -> None:
        self._owner = found.owner
        self.__array_interface__ = {
            "version": 3,
            "shape": found.shape,
            "typestr": typestr,
            "data": (found.data + found.byte_offset, True),
            "strides": tuple(stride * itemsize for stride in found.strides),
        }


_PLAIN = (list, tuple, range, int, float, str, type(None))
_is_tensor_type: Dict[type, bool] = {}


def is_tensor(value: object) -> bool:
    """Of PyTorch, which is not imported for that."""
    kind = type(value)
    found = _is_tensor_type.get(kind)
    if found is None:
        found = any(cls.__module__.partition(".")[0] == "torch" for cls in kind.__mro__)
        _is_tensor_type[kind] = found
    return found


def _array_of_tensor(name: str, tensor: Any) -> Array:
    if tensor.device.type != "cpu":
        raise TypeError(f"{name}: is a tensor on {tensor.device}, must be on the CPU: .cpu()")
    tensor = tensor.detach()
    array: Array = (tensor.double() if tensor.is_floating_point() else tensor).numpy()
    return array


def device_name(kind: int) -> str:
    return _DEVICES.get(kind, f"DLPack's device {kind}")


def array_of(name: str, value: Any) -> Optional[Tuple[Array, str]]:
    """The array, which is read-only, and the name of its type, which for bfloat16 is not the
    array's (uint16). None: it is none of another package."""
    if hasattr(value, "__dlpack__") and hasattr(value, "__dlpack_device__"):
        kind = int(value.__dlpack_device__()[0])
        if kind not in ON_CPU:
            more = "; lmsample.opencl takes those" if kind == OPENCL else ""
            raise TypeError(f"{name}: is on {device_name(kind)}, must be on the CPU{more}")
        found = exchange(name, value)
        plain = "uint16" if found.dtype == "bfloat16" else found.dtype
        try:
            dtype = np.dtype(plain)
        except TypeError:
            raise TypeError(f"{name}: has values of type {found.dtype}") from None
        if not found.data or 0 in found.shape:
            return np.zeros(found.shape, dtype), found.dtype
        return np.asarray(_Memory(found, dtype.str, dtype.itemsize)), found.dtype
    if hasattr(value, "__array_interface__"):
        array: Array = np.asarray(value)
        return array, array.dtype.name
    return None


def as_numpy(name: str, value: Any) -> Any:
    """An array of it, where it is one of any package: bfloat16 as float32. Else as it is."""
    kind = type(value)
    if kind is np.ndarray or kind in _PLAIN or isinstance(value, (np.ndarray, np.generic)):
        return value
    if is_tensor(value):
        return _array_of_tensor(name, value)
    found = array_of(name, value)
    if found is None:
        return value
    array, dtype = found
    if dtype == "bfloat16":
        words: Array = array.astype(np.uint32) << np.uint32(16)
        return words.view(np.float32)
    return array
