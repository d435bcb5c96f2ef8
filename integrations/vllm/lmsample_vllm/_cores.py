"""Cores for OpenCL's threads.

vLLM's CPU worker binds the thread that it samples in to one core. Threads of a CPU's OpenCL
runtime are made when it is opened, and inherit that: all of them would share the one core.
"""

from __future__ import annotations

import contextlib
import os
from typing import Iterator

_HAS_AFFINITY = hasattr(os, "sched_setaffinity")  # Linux
#: As the process began: vLLM loads plug-ins before it binds anything.
_AT_FIRST = os.sched_getaffinity(0) if _HAS_AFFINITY else set()


@contextlib.contextmanager
def all_cores() -> Iterator[None]:
    """Threads that are made within may run where the process could when it began."""
    if not _HAS_AFFINITY:
        yield
        return
    now = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, _AT_FIRST)
    except OSError:  # cores were taken away meanwhile
        yield
        return
    try:
        yield
    finally:
        os.sched_setaffinity(0, now)
