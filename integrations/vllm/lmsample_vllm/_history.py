"""The tokens of requests whose penalties or bad words look at them, kept in slots."""

from __future__ import annotations

from typing import Any, List

import lmsample
import numpy as np
import numpy.typing as npt

from ._request import Request

PAGE = 256  # tokens of a page of slots
_FIRST_TOKENS = 1 << 20
MOST_LENGTH = 1 << 20  # of lmsample.Slots


class History:
    """vLLM's lists say what a sequence is; a slot is a copy of one, that the sampler appends
    to. One that is not what its list says (a token was not taken, a request began anew) is
    opened again."""

    def __init__(self, vocab: int, max_rows: int, max_length: int) -> None:
        self._vocab = vocab
        # One more: what vLLM throws away at the end of a sequence was appended.
        self._max_length = min(max_length + PAGE, MOST_LENGTH)
        self._max_slots = max_rows
        self._most = max_rows * self._max_length
        self.slots = self._made(min(self._most, _FIRST_TOKENS))
        self._left: List[int] = []

    def _made(self, tokens: int) -> lmsample.Slots:
        return lmsample.Slots(self._vocab, self._max_slots, self._max_length, max_tokens=tokens)

    def needs_more(self, requests: List[Request]) -> bool:
        """Have the slots no room for them, and for their next tokens?"""
        return self._needed(requests) > self.slots.max_tokens

    @staticmethod
    def _needed(requests: List[Request]) -> int:
        lengths = (len(r.prompt) + len(r.output) for r in requests)
        return sum((length // PAGE + 2) * PAGE for length in lengths)

    def grow(self, requests: List[Request]) -> None:
        """New slots. Samplers that were made with the ones of before go with them."""
        self.slots.close()
        self._left = []
        self.slots = self._made(min(self._most, 2 * self._needed(requests)))
        for request in requests:
            request.history = None

    def leave(self, request: Request) -> None:
        """It is gone."""
        self._left.append(request.slot)
        request.history = None

    def tidy_up(self) -> None:
        if self._left:
            self.slots.close(np.array(self._left, np.uint64))
            self._left = []

    def late(self, requests: List[Request]) -> List[Request]:
        """Those whose slot is not what their list says. Lists only grow, or lose their end."""
        return [
            r
            for r in requests
            if r.held != len(r.output)
            or r.history is not self
            or (r.held and r.output[-1] != r.last)
        ]

    def open(self, requests: List[Request]) -> None:
        for request in requests:
            if request.history is not None:
                request.history.leave(request)
        self.tidy_up()
        prompts = [self._tokens(r.prompt) for r in requests]
        outputs = [self._tokens(r.output) for r in requests]
        for request, name in zip(requests, self.slots.open(prompts, outputs).tolist()):
            request.history = self
            request.slot = name
            request.held = len(request.output)
            request.last = request.output[-1] if request.output else -1

    def _tokens(self, tokens: Any) -> npt.NDArray[np.int32]:
        """Without what is no token: places of what is not known yet, and of images."""
        array = np.asarray(tokens, np.int64)
        is_token = (array >= 0) & (array < self._vocab)
        return (array if is_token.all() else array[is_token]).astype(np.int32)
