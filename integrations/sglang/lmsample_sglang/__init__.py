"""lmsample as a sampling backend of SGLang, on CPUs.

SGLang finds register() by its entry point (sglang.srt.plugins) and calls it in each process.
LMSAMPLE_SGLANG=0 leaves SGLang as it is.
"""

from __future__ import annotations

import collections
import os
from typing import Counter

__all__ = ["counts", "register"]

#: Steps: "lmsample", and, with the reason, "SGLang: ...".
counts: Counter[str] = collections.Counter()

_OFF = ("0", "false", "off", "no")


def register() -> None:
    """As "lmsample", and as "pytorch", which SGLang takes on CPUs and for deterministic
    inference, whatever --sampling-backend says. What is not on a CPU stays with SGLang."""
    if os.environ.get("LMSAMPLE_SGLANG", "1").lower() in _OFF:
        return
    from sglang.srt.layers import sampler

    from ._sampler import LmsampleSampler

    known = sampler._CUSTOM_SAMPLER_FACTORIES
    for name in ("lmsample", "pytorch"):
        if known.get(name) is not LmsampleSampler:
            sampler.register_sampler_backend(name, LmsampleSampler)
