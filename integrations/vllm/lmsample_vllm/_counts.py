"""What was done by whom: counted, and said once for each reason."""

from __future__ import annotations

import collections
import logging
from typing import Counter

_log = logging.getLogger("vllm.lmsample")

#: Steps: "one pass", and, with the reason, "lmsample draws: ..." (vLLM edits the logits,
#: lmsample samples them) and "vLLM: ..." (all of it is vLLM's own code).
counts: Counter[str] = collections.Counter()

ONE_PASS = "one pass"


def draws(reason: str) -> None:
    _count(f"lmsample draws: {reason}")


def theirs(reason: str) -> None:
    _count(f"vLLM: {reason}")


def without_a_token(rows: int) -> None:
    what = "rows without a possible token: 0 was taken"
    if what not in counts:
        _log.warning("lmsample: all tokens of a row are NaN, -inf or banned: token 0 is taken")
    counts[what] += rows


def _count(what: str) -> None:
    counts[what] += 1
    if counts[what] == 1:
        _log.info("lmsample: from now on some steps go another way. %s", what)


def reset_counts() -> None:
    counts.clear()
