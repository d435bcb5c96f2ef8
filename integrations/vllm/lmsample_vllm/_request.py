"""A request: what its SamplingParams ask of lmsample, and its tokens so far."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

import lmsample
import numpy as np
import numpy.typing as npt

_GREEDY_BELOW = 1e-5  # vLLM's own
_MOST_NAMED = 128


class Request:
    """`output` is vLLM's own list, which grows: its length is the step of the next token."""

    __slots__ = (
        "allowed",
        "before_min",
        "edits",
        "has_history",
        "held",
        "history",
        "last",
        "min_tokens",
        "min_p",
        "named",
        "output",
        "prompt",
        "seed",
        "slot",
        "temperature",
        "top",
        "top_k",
        "top_p",
        "why_not",
        "why_not_before_min",
    )

    def __init__(
        self,
        params: Any,
        prompt: Optional[Sequence[int]],
        output: List[int],
        seed: int,
        vocab: int,
    ) -> None:
        self.prompt: Sequence[int] = () if prompt is None else prompt
        self.output = output
        self.seed = seed
        self.temperature = 0.0 if params.temperature < _GREEDY_BELOW else params.temperature
        self.top_k = params.top_k
        self.top_p = params.top_p
        self.min_p = params.min_p
        self.top: Optional[int] = params.logprobs
        self.named: Optional[List[int]] = params.logprob_token_ids
        self.min_tokens = 0
        self.edits: Optional[lmsample.Edits] = None
        #: The same, as long as there are fewer tokens than min_tokens.
        self.before_min: Optional[lmsample.Edits] = None
        self.allowed: Optional[npt.NDArray[np.uint32]] = None
        self.has_history = False
        #: Of the slot with its tokens: whose it is, its name, how many it has of the output,
        #: and the last of them.
        self.history: Any = None
        self.slot = 0
        self.held = 0
        self.last = -1
        #: What lmsample does not do, if that is so, and what not before there are min_tokens.
        self.why_not: Optional[str] = None
        self.why_not_before_min: Optional[str] = None
        try:
            self._set_edits(params, vocab)
        except (TypeError, ValueError) as error:
            self.why_not = f"a request's parameters ({error})"
        if self.named is not None and len(self.named) > _MOST_NAMED:
            self.why_not = f"logprob_token_ids of more than {_MOST_NAMED} tokens"

    def _set_edits(self, params: Any, vocab: int) -> None:
        asked: Dict[str, Any] = {}
        if params.logit_bias:
            asked["bias"] = params.logit_bias
        if params.repetition_penalty != 1.0:
            asked["repetition"] = params.repetition_penalty
        for name in ("frequency", "presence"):
            value = getattr(params, f"{name}_penalty")
            if value != 0.0:
                asked[name] = value
        penalties = ("repetition", "frequency", "presence")
        self.has_history = any(name in asked for name in penalties)
        if params.bad_words_token_ids:
            asked["bad_words"] = params.bad_words_token_ids
            self.has_history |= any(len(word) > 1 for word in params.bad_words_token_ids)
        if params.allowed_token_ids:
            self.allowed = words_of(params.allowed_token_ids, vocab)
        self.edits = lmsample.Edits(**asked) if asked else None
        ends = params.all_stop_token_ids
        if params.min_tokens and ends:
            self.min_tokens = params.min_tokens
            asked.update(end_tokens=sorted(ends), ignore_end=True)
            self.before_min = lmsample.Edits(**asked)
            if params.structured_outputs is not None:
                # vLLM gives the end tokens back where a grammar leaves nothing else.
                self.why_not_before_min = "min_tokens with a grammar"

    def is_before_min(self) -> bool:
        return len(self.output) < self.min_tokens


def words_of(tokens: Sequence[int], vocab: int) -> npt.NDArray[np.uint32]:
    """Bits of 32 tokens each, 1: allowed."""
    is_allowed = np.zeros((vocab + 31) // 32 * 32, np.uint8)
    is_allowed[np.asarray(tokens, np.int64)] = 1
    return np.packbits(is_allowed, bitorder="little").view("<u4").astype(np.uint32)
