"""The requests of vLLM's persistent batch, by row: followed as logits processors follow
them."""

from __future__ import annotations

from typing import Any, List, Optional

import torch
from vllm.v1.sample.logits_processor.interface import LogitsProcessor, MoveDirectionality

from ._history import MOST_LENGTH, PAGE
from ._request import Request


class Batch(LogitsProcessor):
    """Edits nothing. vLLM tells it which requests came, went and moved, with their parameters
    and the lists that their tokens are appended to: what SamplingMetadata lacks."""

    #: The one that was made last: what warms up has none, but makes kernels for it.
    latest: Optional[Batch] = None

    def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None:
        self.is_on = torch.device(device).type == "cpu"
        self.vocab: int = vllm_config.model_config.get_vocab_size()
        self.max_rows: int = vllm_config.scheduler_config.max_num_seqs
        self.max_length: int = vllm_config.model_config.max_model_len
        self._requests: List[Optional[Request]] = []
        #: Changes whenever the batch does.
        self.version = 0
        if self.is_on:
            Batch.latest = self

    def is_argmax_invariant(self) -> bool:
        return True

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        return logits

    def requests_of(self, rows: int) -> Optional[List[Request]]:
        """None if the batch is not of so many rows."""
        requests = self._requests
        if not self.is_on or len(requests) != rows or None in requests:
            return None
        return requests  # type: ignore[return-value]

    def update_state(self, batch_update: Any) -> None:
        if batch_update is None or not self.is_on:
            return
        self.version += 1
        for row in batch_update.removed:
            self._put(row, None)
        for row, params, prompt, output in batch_update.added:
            seed = params.seed
            if seed is None:
                # Of the generator that vLLM seeds alike in all processes of a model.
                seed = int(torch.randint(0, 2**62, (1,)))
            request = Request(params, prompt, output, seed, self.vocab)
            if request.has_history and self.max_length > MOST_LENGTH - PAGE:
                request.why_not = f"penalties with max_model_len above {MOST_LENGTH - PAGE}"
            self._put(row, request)
        for a, b, direction in batch_update.moved:
            here, there = self._take(a), self._take(b)
            self._put(b, here)
            if direction == MoveDirectionality.SWAP:
                self._put(a, there)
            else:
                self._leave(there)
        for request in self._requests[batch_update.batch_size :]:
            self._leave(request)
        del self._requests[batch_update.batch_size :]

    def _take(self, row: int) -> Optional[Request]:
        if row >= len(self._requests):
            return None
        found, self._requests[row] = self._requests[row], None
        return found

    def _put(self, row: int, request: Optional[Request]) -> None:
        if row >= len(self._requests):
            self._requests += [None] * (row + 1 - len(self._requests))
        self._leave(self._requests[row])
        self._requests[row] = request

    def _leave(self, request: Optional[Request]) -> None:
        if request is not None and request.history is not None:
            request.history.leave(request)
