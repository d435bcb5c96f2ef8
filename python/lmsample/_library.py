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

OUTPUT_BITS = {
    "raw_logprobs": 1,
    "logprobs": 2,
    "kept": 4,
    "probs": 8,
    "edited_logprobs": 16,
    "raw_ranks": 32,
    "ranks": 64,
    "raw_entropies": 128,
    "entropies": 256,
}
#: What each row has a list of.
LIST_OUTPUT_BITS = {"top_logprobs": 512, "named_logprobs": 1024}
#: Those that every sampler can have; others need one with requests.
OLD_OUTPUT_BITS = 15
REQUESTS_EDITS, REQUESTS_DRY = 1, 2
WANTS = {"raw": 0, "edited": 1, "processed": 2}
WANT_LOGITS, WANT_RANK_FROM_0 = 4, 8
MASK_BITS, MASK_BYTES = 0, 1
MAX_TOP, MAX_NAMED, MAX_LISTS = 1024, 128, 65536
MAX_SLOTS, MAX_SLOT_LENGTH, SLOT_PAGE = 65536, 1048576, 256
NO_TOKEN = -1
STEP_OF_SLOT = 2**64 - 1
DTYPES = {"float32": 1, "float16": 2, "bfloat16": 3}
TOKEN_DTYPES = {"int32": 1, "int64": 2}
SKIP_ROW = -1

E_SLOT, E_CONTEXT_FULL = 11, 13

#: lms_row_params, the fields of its filters among its own
ROW_PARAMS = np.dtype(
    [
        ("seed", np.uint64),
        ("step", np.uint64),
        ("slot", np.uint64),
        ("edits", np.uint32),
        ("mask", np.uint32),
        ("unconditional", np.uint32),
        ("request_reserved", np.uint32),
        ("temperature", np.float32),
        ("top_p", np.float32),
        ("min_p", np.float32),
        ("top_k", np.int32),
        ("flags", np.uint32),
        ("rules", np.uint32),
        ("wants", np.uint32),
        ("target", np.uint32),
        ("reserved", np.uint32, (2,)),
    ]
)

#: lms_row_edits
ROW_EDITS = np.dtype(
    [
        ("repetition", np.float32),
        ("frequency", np.float32),
        ("presence", np.float32),
        ("window", np.uint32),
        ("flags", np.uint32),
        ("bias", np.uint32),
        ("sequence_bias", np.uint32),
        ("allowed", np.uint32),
        ("banned", np.uint32),
        ("bad_words", np.uint32),
        ("end_tokens", np.uint32),
        ("min_tokens", np.uint32),
        ("ngram", np.uint32),
        ("encoder_ngram", np.uint32),
        ("encoder", np.uint32),
        ("dry_multiplier", np.float32),
        ("dry_base", np.float32),
        ("dry_allowed_length", np.uint32),
        ("dry_range", np.uint32),
        ("dry_breakers", np.uint32),
        ("forced", np.uint32),
        ("decay_start", np.uint32),
        ("decay_factor", np.float32),
        ("top_p_decay", np.float32),
        ("top_p_min", np.float32),
        ("top_p_reset", np.uint32),
        ("guidance", np.float32),
        ("reserved", np.uint32, (5,)),
    ]
)

#: lms_row_wants
ROW_WANTS = np.dtype(
    [
        ("top_n", np.uint32),
        ("named", np.uint32),
        ("flags", np.uint32),
        ("reserved", np.uint32),
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
        ("requests", ctypes.c_uint32),
        ("max_top", ctypes.c_uint32),
        ("max_lists", ctypes.c_uint32),
        ("table_bytes", ctypes.c_size_t),
        ("slots", ctypes.c_void_p),
        ("reserved", ctypes.c_uint32 * 2),
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
        ("tables", ctypes.c_void_p),
        ("append", ctypes.c_uint32),
        ("logprob_edited", ctypes.c_void_p),
        ("rank_raw", ctypes.c_void_p),
        ("rank_edited", ctypes.c_void_p),
        ("entropy_raw", ctypes.c_void_p),
        ("entropy", ctypes.c_void_p),
        ("top_tokens", ctypes.c_void_p),
        ("top_values", ctypes.c_void_p),
        ("top_stride", ctypes.c_size_t),
        ("named_values", ctypes.c_void_p),
        ("named_stride", ctypes.c_size_t),
    ]


class View(ctypes.Structure):
    """lms_view"""

    _fields_ = [
        ("buffer", ctypes.c_void_p),
        ("offset", ctypes.c_size_t),
        ("svm", ctypes.c_void_p),
    ]


class Tables(ctypes.Structure):
    """lms_tables"""

    _fields_ = [
        ("edit_count", ctypes.c_uint32),
        ("want_count", ctypes.c_uint32),
        ("list_count", ctypes.c_uint32),
        ("mask_count", ctypes.c_uint32),
        ("edits", ctypes.c_void_p),
        ("edits_device", View),
        ("wants", ctypes.c_void_p),
        ("wants_device", View),
        ("list_offsets", ctypes.c_void_p),
        ("list_offsets_device", View),
        ("list_ids", ctypes.c_void_p),
        ("list_ids_device", View),
        ("list_values", ctypes.c_void_p),
        ("list_values_device", View),
        ("list_entries", ctypes.c_size_t),
        ("masks", ctypes.c_void_p),
        ("masks_device", View),
        ("mask_type", ctypes.c_uint32),
        ("mask_columns", ctypes.c_uint32),
        ("mask_stride", ctypes.c_size_t),
    ]


class SlotsDesc(ctypes.Structure):
    """lms_slots_desc"""

    _fields_ = [
        ("max_tokens", ctypes.c_uint64),
        ("max_slots", ctypes.c_uint32),
        ("max_length", ctypes.c_uint32),
        ("vocab", ctypes.c_uint32),
        ("tokens", ctypes.c_int),
        ("max_in_flight", ctypes.c_uint32),
        ("max_call", ctypes.c_uint32),
        ("max_host_tokens", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    ]


class SlotsOpen(ctypes.Structure):
    """lms_slots_open_args"""

    _fields_ = [
        ("count", ctypes.c_uint32),
        ("lengths", ctypes.c_void_p),
        ("prompts", ctypes.c_void_p),
        ("ignored", ctypes.c_void_p),
        ("firsts", ctypes.c_void_p),
        ("tokens", ctypes.c_void_p),
        ("tokens_device", View),
        ("token_count", ctypes.c_size_t),
        ("names", ctypes.c_void_p),
    ]


class SlotsAppend(ctypes.Structure):
    """lms_slots_append_host_args"""

    _fields_ = [
        ("count", ctypes.c_uint32),
        ("names", ctypes.c_void_p),
        ("counts", ctypes.c_void_p),
        ("tokens", ctypes.c_void_p),
        ("stride", ctypes.c_size_t),
        ("rows", ctypes.c_void_p),
        ("token_rows", ctypes.c_size_t),
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


class SlotError(ArgumentError):
    """A name that is none of an open slot, or is there twice."""


class SlotsFullError(Error):
    """There is no slot, or no room for more tokens."""


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
    10: ArgumentError,
    12: ArgumentError,
    11: SlotError,
    13: SlotsFullError,
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
    pointer, status, count = ctypes.c_void_p, ctypes.c_int32, ctypes.c_uint32
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
        "lms_context_create": (status, pointer, pointer, ctypes.POINTER(pointer)),
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
        "lms_slots_create": (
            status,
            pointer,
            ctypes.POINTER(SlotsDesc),
            ctypes.POINTER(pointer),
        ),
        "lms_slots_destroy": (None, pointer),
        "lms_slots_workspace": (ctypes.c_size_t, pointer),
        "lms_slots_open_host": (status, pointer, ctypes.POINTER(SlotsOpen)),
        "lms_slots_append_host": (status, pointer, ctypes.POINTER(SlotsAppend)),
        "lms_slots_roll_back_host": (status, pointer, count, pointer, pointer),
        "lms_slots_fork_host": (status, pointer, count, pointer, pointer),
        "lms_slots_reorder_host": (status, pointer, count, pointer, pointer, ctypes.c_int32),
        "lms_slots_close": (status, pointer, ctypes.c_uint64),
        "lms_slots_length": (status, pointer, ctypes.c_uint64, ctypes.POINTER(count)),
        "lms_slots_room": (ctypes.c_uint64, pointer),
        "lms_slots_export": (
            status,
            pointer,
            ctypes.c_uint64,
            pointer,
            count,
            ctypes.POINTER(count),
            ctypes.POINTER(count),
        ),
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
