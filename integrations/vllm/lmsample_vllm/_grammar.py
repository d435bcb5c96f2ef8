"""Bit masks of grammars: vLLM writes -inf into the logits for them, just before it samples.
Where lmsample does the whole step, it takes the bits as they are instead."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np
import numpy.typing as npt

from ._batch import Batch

Words = npt.NDArray[np.uint32]

_waiting: Optional[Tuple[Callable[..., None], Tuple[Any, ...]]] = None


def waits(theirs: Callable[..., None]) -> Callable[..., None]:
    """In the place of vLLM's apply_grammar_bitmask(): the sampler is called next, with the same
    logits, and does then what is to be done."""

    def apply_grammar_bitmask(
        scheduler_output: Any, grammar_output: Any, input_batch: Any, logits: Any
    ) -> None:
        global _waiting
        _waiting = None
        arguments = (scheduler_output, grammar_output, input_batch, logits)
        if _is_ours(*arguments):
            _waiting = theirs, arguments
        else:
            theirs(*arguments)

    apply_grammar_bitmask.theirs = theirs  # type: ignore[attr-defined]
    return apply_grammar_bitmask


def _is_ours(scheduler_output: Any, grammar_output: Any, input_batch: Any, logits: Any) -> bool:
    """Log-probabilities of vLLM are of the logits behind grammars: then they are written to.
    With tokens that are guessed ahead, another sampler is called."""
    metadata = input_batch.sampling_metadata
    return (
        logits.is_cpu
        and not scheduler_output.scheduled_spec_decode_tokens
        and metadata.max_num_logprobs is None
        and not metadata.logprob_token_ids
        and any(type(p) is Batch for p in metadata.logitsprocs.argmax_invariant)
        and logits.shape[0] == len(input_batch.req_ids)
    )


def taken(logits: Any) -> Optional[Dict[int, Words]]:
    """The bits of each row that has a grammar."""
    arguments = _take(logits)
    if arguments is None:
        return None
    _, (_, grammar, batch, _) = arguments
    names = grammar.structured_output_request_ids
    words = grammar.grammar_bitmask.view(np.uint32)
    stride = len(words) // len(names)
    rows = [batch.req_id_to_index.get(name) for name in names]
    return {row: words[i * stride] for i, row in enumerate(rows) if row is not None}


def apply_now(logits: Any) -> None:
    """As vLLM does it."""
    arguments = _take(logits)
    if arguments is not None:
        theirs, given = arguments
        theirs(*given)


def _take(logits: Any) -> Any:
    global _waiting
    found, _waiting = _waiting, None
    return found if found is not None and found[1][3] is logits else None
