"""Rows of logits from files, and results that are there whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from typing import Any, Optional, Union

import numpy as np


class FileError(Exception):
    """With the exit status that goes with it."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


INPUT, OUTPUT = 3, 5


def read_logits(name: str, is_bfloat16: bool) -> Any:
    """[rows, vocabulary], of float32, float16 or bfloat16 (as uint16); "-" is standard input. A
    file is not read but mapped: it may be larger than memory."""
    try:
        if name == "-":
            import io

            if sys.stdin is None:
                raise FileError("standard input: cannot read: it is closed", INPUT)
            found = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
        else:
            found = np.load(name, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise FileError(f"{name}: cannot read: {error.strerror or error}", INPUT) from None
    except (ValueError, EOFError, OverflowError) as error:
        raise FileError(f"{name}: is no .npy file of logits: {error}", INPUT) from None
    if not isinstance(found, np.ndarray):
        raise FileError(f"{name}: is an archive of arrays, must be a .npy file of one", INPUT)
    if found.ndim not in (1, 2):
        raise FileError(f"{name}: has shape {found.shape}, must be (vocabulary,) or (rows, vocabulary)", INPUT)
    kinds = ("uint16", "int16", "float16") if is_bfloat16 else ("float32", "float16")
    if found.dtype.name not in kinds:
        more = "" if is_bfloat16 else "; if its items of 16 bits are bfloat16, say so: --bfloat16"
        raise FileError(f"{name}: has items of {found.dtype}, must be {' or '.join(kinds)}{more}", INPUT)
    if is_bfloat16:
        found = found if found.dtype.isnative else found.byteswap()
        found = found.view(np.uint16)
    rows = found[np.newaxis] if found.ndim == 1 else found
    if rows.shape[0] == 0:
        raise FileError(f"{name}: has no rows", INPUT)
    if not 1 <= rows.shape[1] <= 1 << 20:
        raise FileError(f"{name}: has {rows.shape[1]} logits a row, must be 1 to {1 << 20}", INPUT)
    return rows


def is_terminal(stream: Any) -> bool:
    """None is a stream that is closed."""
    return stream is not None and bool(stream.isatty())


def write(name: Optional[str], content: Union[str, bytes]) -> None:
    """To a file beside it first, which takes its name at the end; "-" or None: standard output."""
    # Names of files may be no UTF-8; as escapes they are good JSON, too.
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    if name is None or name == "-":
        if sys.stdout is None:
            raise FileError("standard output: cannot write: it is closed", OUTPUT)
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except OSError as error:
            raise FileError(f"standard output: cannot write: {error.strerror}", OUTPUT) from None
        return
    folder = os.path.dirname(os.path.abspath(name))
    try:
        if os.path.exists(name) and not os.path.isfile(name):  # a device, a pipe
            with open(name, "wb") as direct:
                direct.write(data)
            return
        handle, made = tempfile.mkstemp(prefix=".lmsample-", suffix=".tmp", dir=folder)
    except OSError as error:
        raise FileError(f"{name}: cannot write: {error.strerror}", OUTPUT) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(made, 0o666 & ~mask)
        os.replace(made, name)
    except OSError as error:
        with suppress(OSError):
            os.unlink(made)
        raise FileError(f"{name}: cannot write: {error.strerror}", OUTPUT) from None
