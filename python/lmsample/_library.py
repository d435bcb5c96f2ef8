"""The C library: found, loaded, checked and declared. See include/lmsample.h."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any, Dict, Type

import numpy as np

from ._version import __version__

FILE_NAME = "liblmsample.0.dylib" if sys.platform == "darwin" else "liblmsample.so.0"

OUTPUT_BITS = {"raw_logprobs": 1, "logprobs": 2, "kept": 4, "probs": 8}
DTYPES = {"float32": 1, "float16": 2, "bfloat16": 3}
TOKEN_DTYPES = {"int32": 1, "int64": 2}
SKIP_ROW = -1

#: lms_row_params, the fields of its filters among its own
ROW_PARAMS = np.dtype(
    [
        ("seed", np.uint64),
        ("step", np.uint64),
        ("temperature", np.float32),
        ("top_p", np.float32),
        ("min_p", np.float32),
        ("top_k", np.int32),
        ("flags", np.uint32),
        ("rules", np.uint32),
        ("slot", np.uint32),
        ("edits", np.uint32),
        ("wants", np.uint32),
        ("reserved", np.uint32, (3,)),
    ]
)


class DeviceRecord(ctypes.Structure):
    """lms_device"""

    _fields_ = [
        ("id", ctypes.c_void_p),
        ("type", ctypes.c_uint64),
        ("memory_bytes", ctypes.c_uint64),
        ("max_alloc_bytes", ctypes.c_uint64),
        ("compute_units", ctypes.c_uint32),
        ("unified", ctypes.c_uint32),
        ("chosen", ctypes.c_uint32),
        ("platform", ctypes.c_char * 128),
        ("name", ctypes.c_char * 128),
        ("driver", ctypes.c_char * 128),
        ("version", ctypes.c_char * 128),
        ("problem", ctypes.c_char * 128),
    ]


class SamplerDesc(ctypes.Structure):
    """lms_sampler_desc"""

    _fields_ = [
        ("vocab", ctypes.c_uint32),
        ("max_rows", ctypes.c_uint32),
        ("logits", ctypes.c_int),
        ("tokens", ctypes.c_int),
        ("outputs", ctypes.c_uint32),
        ("max_in_flight", ctypes.c_uint32),
        ("work_items", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    ]


class HostBatch(ctypes.Structure):
    """lms_sample_host_args"""

    _fields_ = [
        ("rows", ctypes.c_uint32),
        ("logits", ctypes.c_void_p),
        ("row_stride", ctypes.c_size_t),
        ("logits_rows", ctypes.c_size_t),
        ("params", ctypes.c_void_p),
        ("index", ctypes.c_void_p),
        ("uniforms", ctypes.c_void_p),
        ("uniforms_per_row", ctypes.c_uint32),
        ("tokens", ctypes.c_void_p),
        ("status", ctypes.c_void_p),
        ("logprob_raw", ctypes.c_void_p),
        ("logprob", ctypes.c_void_p),
        ("kept", ctypes.c_void_p),
        ("probs", ctypes.c_void_p),
        ("probs_stride", ctypes.c_size_t),
    ]


class Error(RuntimeError):
    """What the C library reports. `status` is its lms_status: positive for its own codes,
    negative for OpenCL's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> Any:
        return type(self), (str(self), self.status)


class ArgumentError(Error, ValueError):
    """An argument that the library refuses."""


class NoDeviceError(Error):
    """No OpenCL device fits the request."""


class UnsupportedError(Error):
    """The device lacks what the library needs, or computes otherwise than specified."""


class BuildError(Error):
    """A kernel did not compile for the device. `log` is the compiler's."""

    log = ""


class OutOfMemoryError(Error, MemoryError):
    """Memory is out, on the host or on the device."""


_CLASSES: Dict[int, Type[Error]] = {
    1: ArgumentError,
    2: ArgumentError,
    3: ArgumentError,
    4: ArgumentError,
    5: NoDeviceError,
    6: UnsupportedError,
    7: BuildError,
    8: OutOfMemoryError,
    -4: OutOfMemoryError,  # CL_MEM_OBJECT_ALLOCATION_FAILURE
    -6: OutOfMemoryError,  # CL_OUT_OF_HOST_MEMORY
}


def _path() -> str:
    wanted = os.environ.get("LMSAMPLE_LIBRARY")
    if wanted:
        return wanted
    packaged = Path(__file__).with_name(FILE_NAME)
    return str(packaged) if packaged.exists() else FILE_NAME


def _declare(library: ctypes.CDLL) -> None:
    pointer, status = ctypes.c_void_p, ctypes.c_int32
    signatures: Dict[str, Any] = {
        "lms_specification": (ctypes.c_uint32,),
        "lms_error_message": (ctypes.c_char_p,),
        "lms_devices": (
            status,
            ctypes.POINTER(DeviceRecord),
            ctypes.c_uint32,
            ctypes.POINTER(ctypes.c_uint32),
        ),
        "lms_context_open": (status, ctypes.c_char_p, ctypes.POINTER(pointer)),
        "lms_context_destroy": (None, pointer),
        "lms_context_device": (pointer, pointer),
        "lms_context_log": (ctypes.c_char_p, pointer),
        "lms_sampler_create": (
            status,
            pointer,
            ctypes.POINTER(SamplerDesc),
            ctypes.POINTER(pointer),
        ),
        "lms_sampler_destroy": (None, pointer),
        "lms_sampler_workspace": (ctypes.c_size_t, pointer),
        "lms_sample_host": (status, pointer, ctypes.POINTER(HostBatch)),
        "lms_row_seed": (ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64),
        "lms_seed_rows": (None, pointer, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_uint64),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments


def _load() -> ctypes.CDLL:
    path = _path()
    try:
        library = ctypes.CDLL(path)
        library.lms_version.restype = ctypes.c_uint32
        library.lms_version.argtypes = []
        number = library.lms_version()
    except (OSError, AttributeError) as error:
        raise ImportError(
            f"lmsample: the C library cannot be loaded: {error} (LMSAMPLE_LIBRARY can name its "
            "file; it needs an OpenCL loader, libOpenCL.so.1)"
        ) from error
    found = f"{number // 10000}.{number // 100 % 100}.{number % 100}"
    if found.split(".")[:2] != __version__.split(".")[:2]:
        raise ImportError(
            f"lmsample: the C library {path} is version {found}, the Python package is "
            f"{__version__}; the first two numbers must agree"
        )
    try:
        _declare(library)
    except AttributeError as error:
        raise ImportError(f"lmsample: {path} is not the C library: {error}") from error
    return library


lib = _load()

# The version of docs/reference/specification.md that the loaded C library follows.
SPECIFICATION: int = lib.lms_specification()

_pid = 0


def enter() -> None:
    """To be called before OpenCL is used. Its threads do not survive a fork, and to wait for
    one of them would be to wait for ever."""
    global _pid
    if _pid == 0:
        _pid = os.getpid()
    elif _pid != os.getpid():
        raise RuntimeError(
            "lmsample was used before this process was forked, and OpenCL does not survive a "
            "fork: use it in the child only, or start processes by 'spawn'"
        )


def is_usable() -> bool:
    """May handles be given back in this process?"""
    return _pid == os.getpid()


def check(status: int, log_of: Any = None) -> None:
    """Raises what a status stands for."""
    if status == 0:
        return
    message = lib.lms_error_message().decode("utf-8", "replace")
    error = _CLASSES.get(status, Error)(message, status)
    if isinstance(error, BuildError) and log_of is not None:
        error.log = lib.lms_context_log(log_of).decode("utf-8", "replace")
    raise error
