"""lmsample in vLLM's V1 sampler, on CPUs.

vLLM finds register() by its entry point (vllm.general_plugins) and calls it in each process.
LMSAMPLE_VLLM=0 leaves vLLM as it is.
"""

from __future__ import annotations

import os
import sys
from typing import Dict

from ._counts import counts, reset_counts

__all__ = ["counts", "register", "reset_counts"]

_OFF = ("0", "false", "off", "no")


def register() -> None:
    """Puts lmsample's sampler in the place of vLLM's V1 one. Once or often: the same."""
    if os.environ.get("LMSAMPLE_VLLM", "1").lower() in _OFF:
        return
    from vllm.v1.sample import logits_processor
    from vllm.v1.sample import sampler as theirs
    from vllm.v1.structured_output import utils as grammars

    from . import _grammar
    from ._batch import Batch
    from ._sampler import LmsampleSampler

    # The newer model runner ("V2") has a sampler of Triton kernels, which is not this one.
    if _is_cpu():
        os.environ.setdefault("VLLM_USE_V2_MODEL_RUNNER", "0")
    if Batch not in logits_processor.BUILTIN_LOGITS_PROCESSORS:
        logits_processor.BUILTIN_LOGITS_PROCESSORS.append(Batch)
    before = theirs.Sampler
    if before is LmsampleSampler:
        return
    _replace("Sampler", before, LmsampleSampler)
    masks = grammars.apply_grammar_bitmask
    _replace("apply_grammar_bitmask", masks, _grammar.waits(masks))


def _replace(name: str, before: object, now: object) -> None:
    """Modules that were imported already have a name of their own for it."""
    for module in list(sys.modules.values()):
        place = getattr(module, "__name__", "")
        if place.startswith("vllm.v1.") and vars(module).get(name) is before:
            setattr(module, name, now)


def _is_cpu() -> bool:
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def versions() -> Dict[str, str]:
    """Of what works together here, for a report."""
    from importlib.metadata import version

    return {name: version(name) for name in ("lmsample", "lmsample-vllm", "vllm", "torch")}
