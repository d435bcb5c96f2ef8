"""What lmsample says of tokens, as vLLM's LogprobsTensors."""

from __future__ import annotations

from typing import Any, List

import numpy as np
import numpy.typing as npt
import torch
from vllm.v1.outputs import LogprobsTensors

from ._engine import OUTPUTS, Group

_Array = npt.NDArray[Any]


class Table:
    """A row for each of the batch: the sampled token first, then others. Where a request asked
    for none or for fewer, its row ends in -inf."""

    def __init__(self, rows: int, others: int) -> None:
        self.tokens: _Array = np.zeros((rows, others + 1), np.int32)
        self.values: _Array = np.full((rows, others + 1), -np.inf, np.float32)
        self.ranks: _Array = np.zeros(rows, np.int64)

    def add(self, group: Group, found: Any) -> None:
        wants, rows = group.wants, group.places
        self.tokens[rows, 0] = found.tokens.numpy()
        if not wants.of:
            return
        value, rank = OUTPUTS[wants.of]
        self.values[rows, 0] = getattr(found, value).numpy()
        self.ranks[rows] = getattr(found, rank).numpy()
        if wants.named:
            self._add_named(group, found)
        elif wants.top and found.top_tokens is not None:
            self._add_top(group, found)

    def _add_named(self, group: Group, found: Any) -> None:
        for row, request, values in zip(group.rows, group.requests, found.named_logprobs):
            count = len(request.named or ())
            self.tokens[row, 1 : count + 1] = request.named or ()
            self.values[row, 1 : count + 1] = values[:count]

    def _add_top(self, group: Group, found: Any) -> None:
        tokens, values = found.top_tokens.numpy(), found.top_logprobs.numpy()
        if tokens.min() < 0:
            _complete(group, tokens, values)
        # Beside rows with named tokens vLLM has room for as many as these are.
        count = min(tokens.shape[1], self.tokens.shape[1] - 1)
        self.tokens[group.places, 1 : count + 1] = tokens[:, :count]
        self.values[group.places, 1 : count + 1] = values[:, :count]

    def tensors(self) -> LogprobsTensors:
        tokens, values = torch.from_numpy(self.tokens), torch.from_numpy(self.values)
        return LogprobsTensors(tokens, values, torch.from_numpy(self.ranks))


def _complete(group: Group, tokens: _Array, values: _Array) -> None:
    """Places that a request did not ask for are not looked at. Where fewer tokens are possible
    than it asked for, vLLM names others, of -inf: each once, since it makes a dictionary."""
    is_missing = tokens < 0
    tops = np.array([request.top or 0 for request in group.requests])
    wanted = np.arange(tokens.shape[1]) < tops[:, None]
    for row in np.flatnonzero((is_missing & wanted).any(axis=1)):
        missing = is_missing[row]
        others = np.setdiff1d(np.arange(tokens.shape[1]), tokens[row][~missing])
        tokens[row, missing] = others[: missing.sum()]
    values[is_missing] = -np.inf
    tokens[tokens < 0] = 0


def others(metadata: Any) -> int:
    """How many tokens a row has beside the sampled one."""
    named: List[Any] = list((metadata.logprob_token_ids or {}).values())
    return max(map(len, named)) if named else metadata.max_num_logprobs
