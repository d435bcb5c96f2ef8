"""What lmsample says of tokens, as SGLang's LogprobResult."""

from __future__ import annotations

from typing import Any, List, Optional

import numpy as np
import torch
from sglang.srt.layers.logprob_processor import LogprobResult

_LEAST = torch.finfo(torch.float32).min  # in the place of -inf


def written(found: Any, tops: Optional[List[int]], named: Optional[List[Any]]) -> LogprobResult:
    result = LogprobResult(token_logprobs=found.logprobs.clamp_(min=_LEAST))
    if tops is not None:
        tokens, values = found.top_tokens, found.top_logprobs
        if int(tokens.min()) < 0:
            _complete(tokens.numpy(), values.numpy())
        result.top_logprobs_val = [values[row, :count] for row, count in enumerate(tops)]
        result.top_logprobs_idx = [tokens[row, :count] for row, count in enumerate(tops)]
    if named is not None:
        values = found.named_logprobs.clamp_(min=_LEAST)
        counts = [0 if item is None else len(item) for item in named]
        result.token_ids_logprobs_val = [values[row, :n] for row, n in enumerate(counts)]
        result.token_ids_logprobs_idx = [[] if item is None else item for item in named]
    return result


def _complete(tokens: Any, values: Any) -> None:
    """Where fewer tokens are possible than a row has places, SGLang names others, each once."""
    for row in np.flatnonzero((tokens < 0).any(axis=1)):
        is_missing = tokens[row] < 0
        others = np.setdiff1d(np.arange(tokens.shape[1]), tokens[row][~is_missing])
        tokens[row, is_missing] = others[: is_missing.sum()]
        values[row, is_missing] = _LEAST
