"""OpenCL devices, and contexts on them."""

from __future__ import annotations

import ctypes
import warnings
import weakref
from dataclasses import dataclass
from typing import Any, List, Optional, Union

from . import _library
from ._library import DeviceRecord, check, enter, lib

_TYPES = {2: "cpu", 4: "gpu", 8: "accelerator", 16: "custom"}


@dataclass(frozen=True)
class Device:
    """An OpenCL device."""

    platform: str
    name: str
    type: str
    """"cpu", "gpu", "accelerator" or "custom"."""
    driver: str
    version: str
    """As the device gives it: "OpenCL 1.2 ..."."""
    compute_units: int
    memory_bytes: int
    max_alloc_bytes: int
    """The largest buffer."""
    unified: bool
    """Shares memory with the host: arrays are read where they are."""
    chosen: bool
    """What is used if no device is named."""
    problem: str
    """Why lmsample cannot use it, or ""."""

    def __str__(self) -> str:
        return f"{self.platform}: {self.name}"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _device_of(record: DeviceRecord) -> Device:
    type_bits = record.type & ~1  # without CL_DEVICE_TYPE_DEFAULT
    return Device(
        platform=_text(record.platform),
        name=_text(record.name),
        type=_TYPES.get(type_bits, f"type {type_bits}"),
        driver=_text(record.driver),
        version=_text(record.version),
        compute_units=record.compute_units,
        memory_bytes=record.memory_bytes,
        max_alloc_bytes=record.max_alloc_bytes,
        unified=bool(record.unified),
        chosen=bool(record.chosen),
        problem=_text(record.problem),
    )


def _records() -> List[DeviceRecord]:
    enter()
    count = ctypes.c_uint32()
    check(lib.lms_devices(None, 0, ctypes.byref(count)))
    capacity = count.value
    if capacity == 0:
        why = lib.lms_error_message().decode("utf-8", "replace")
        warnings.warn(f"lmsample: {why}", RuntimeWarning, stacklevel=3)
    records = (DeviceRecord * max(capacity, 1))()
    check(lib.lms_devices(records, capacity, ctypes.byref(count)))
    return list(records[: min(capacity, count.value)])


def devices() -> List[Device]:
    """Every OpenCL device, in the order of the OpenCL loader. None at all is no error, but
    a RuntimeWarning that says why."""
    return [_device_of(record) for record in _records()]


def _destroy(handle: Optional[int]) -> None:
    if _library.is_usable():
        lib.lms_context_destroy(handle)


class Context:
    """A device, opened, and the kernels that were built for it. Any number of threads may use
    it.

    device: a part of "platform: device" (as in str(Device)), in upper or lower case; None: a
    GPU if there is one, else an accelerator, else a CPU.
    """

    def __init__(self, device: Optional[str] = None) -> None:
        if device is not None and not isinstance(device, str):
            raise TypeError(
                f"device: is a {type(device).__name__}, must be None, a part of a device's name "
                "or a Context"
            )
        enter()
        handle = ctypes.c_void_p()
        name = None if device is None else device.encode("utf-8")
        if name is not None and b"\0" in name:
            raise ValueError("device: has a NUL character in it")
        check(lib.lms_context_open(name, ctypes.byref(handle)))
        self._own(handle)

    def _own(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle
        self._close = weakref.finalize(self, _destroy, handle.value)
        self._close.atexit = False  # the end of the process frees everything, in its order

    @property
    def device(self) -> Device:
        """The device that was opened."""
        enter()
        wanted = lib.lms_context_device(self._handle)
        for record in _records():
            if record.id == wanted:
                return _device_of(record)
        raise RuntimeError("the device of the context is gone")

    def __repr__(self) -> str:
        return f"<lmsample.Context on {self.device}>"


def adopt_context(context: int, device: int) -> Context:
    """On a cl_context and a cl_device_id of another package, given as numbers."""
    enter()
    handle = ctypes.c_void_p()
    check(lib.lms_context_create(context, device, ctypes.byref(handle)))
    made = Context.__new__(Context)
    made._own(handle)
    return made


def context_of(device: Union[None, str, Context, Any]) -> Context:
    """The context that an argument `device` means."""
    return device if isinstance(device, Context) else Context(device)
