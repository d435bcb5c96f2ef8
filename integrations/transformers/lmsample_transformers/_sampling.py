"""Sampling and greedy search: one call of lmsample for each step of the whole batch."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional

import numpy as np
import torch

from . import _processors, _rows
from ._forward import Forward, last_logits
from ._outputs import Collected
from ._samplers import Lent, SamplerNeed


def pad_token(config: Any) -> Optional[int]:
    """As transformers has it: the first end token, where none is given."""
    for token in (config.pad_token_id, config.eos_token_id):
        if token is not None:
            return int(torch.as_tensor(token).reshape(-1)[0])
    return None


class Step:
    """Draws the tokens of a step. What doesn't change from step to step is set once."""

    def __init__(
        self,
        sampler: Any,
        asked: Dict[str, Any],
        native: _processors.Native,
        names: Optional[np.ndarray],
        mask: Optional[Callable[[torch.Tensor], Any]],
    ) -> None:
        self._sampler, self._native, self._mask = sampler, native, mask
        self._rows = len(asked["seed"])
        self._params = sampler.params(self._rows)
        self._number = 0
        self._index: Any = None  # None: all rows read their own
        self._has_slots = names is not None
        asked = dict(asked)
        self._usual = asked.pop("edits", None)
        if native.has_edits:
            self._usual = native.edits_of(-1, self._rows)
        for name, value in asked.items():
            setattr(self._params, name, value)
        if names is not None:
            self._params.slot = names
        if self._usual is not None:
            self._params.edits = self._usual
        if native.guidance is not None:
            self._params.unconditional = np.arange(self._rows, 2 * self._rows)
            self._index = np.arange(self._rows)

    def skip(self, live: torch.Tensor) -> None:
        """From now on only these rows get tokens."""
        self._index = np.where(live.numpy(), np.arange(self._rows), -1)

    def __call__(self, logits: torch.Tensor, input_ids: torch.Tensor) -> torch.Tensor:
        params, number = self._params, self._number
        is_special = self._native.is_special(number)
        if is_special:
            params.edits = self._native.edits_of(number, self._rows)
        if self._native.guidance is not None:
            others = self._native.guidance.get_unconditional_logits(input_ids)[:, -1]
            logits = torch.cat([logits, others.to(logits.dtype)])
        if self._mask is not None:
            params.mask = self._mask(input_ids)
        if logits.device.type != "cpu":
            logits = logits.cpu()
        found = self._sampler.sample(
            logits, params=params, index=self._index, append=self._has_slots
        )
        tokens: torch.Tensor = found.tokens
        if int(tokens.min()) < 0:
            self._check(tokens)
        if is_special:
            params.edits = self._usual
        params.step += 1
        self._number += 1
        return tokens

    def _check(self, tokens: torch.Tensor) -> None:
        for row in torch.nonzero(tokens < 0).reshape(-1).tolist():
            if self._index is None or self._index[row] >= 0:
                raise ValueError(
                    f"row {row}: has no token that may be drawn: all are -inf or banned"
                )


def run(
    model: Any,
    input_ids: torch.Tensor,
    processors: List[Any],
    criteria: Any,
    config: Any,
    params: Optional[Mapping[str, Any]],
    streamer: Any,
    mask: Optional[Callable[[torch.Tensor], Any]],
    encoder: Optional[torch.Tensor],
    kwargs: Dict[str, Any],
) -> Any:
    rows, each = len(input_ids), config.num_return_sequences or 1
    forward = Forward(model, config, kwargs)
    padding = _processors.padding_of(forward.mask, rows)
    prompt = input_ids.shape[1]
    collected = Collected(config, forward)
    outputs = forward.prompt(input_ids)
    batch = _processors.Batch(prompt, padding, encoder, forward.is_encoder_decoder)
    has_edits = not (params and params.get("edits") is not None)
    # Where the scores are wanted, transformers makes them: all its processors stay.
    stay, native = list(processors), _processors.Native()
    if not collected.has_scores:
        stay, native = _processors.split(processors, batch, has_edits=has_edits)
    asked = _rows.columns(params, native.filters, bool(config.do_sample), rows // each, each)
    logits = last_logits(outputs)
    has_slots = native.has_edits or not has_edits
    need = SamplerNeed(
        logits.shape[1],
        "float32" if stay else str(logits.dtype).rpartition(".")[2],
        has_slots or mask is not None,
        rows,
        config.max_length + 1 if has_slots else 0,
    )
    with Lent(need) as sampler:
        names = None
        if has_slots:
            names = sampler.slots.open(_processors.prompts_of(input_ids, padding))
        try:
            step = Step(sampler, asked, native, names, mask)
            loop = _Loop(forward, stay, criteria, config, collected, streamer, step)
            return loop.run(input_ids, outputs)
        finally:
            if names is not None:
                sampler.slots.close(names)


class _Loop:
    def __init__(self, forward, stay, criteria, config, collected, streamer, step) -> None:
        self.forward, self.stay, self.criteria = forward, stay, criteria
        self.collected, self.streamer, self.step = collected, streamer, step
        self.pad = pad_token(config)
        self.has_end = any(hasattr(item, "eos_token_id") for item in criteria)

    def scores(self, outputs: Any, input_ids: torch.Tensor) -> torch.Tensor:
        """What lmsample draws from, [rows, vocabulary]."""
        logits = last_logits(outputs)
        self.collected.add(outputs, logits)
        if self.stay:
            logits = logits.to(copy=True, dtype=torch.float32, device=input_ids.device)
            for processor in self.stay:
                logits = processor(input_ids, logits)
        if self.collected.has_scores:
            self.collected.scores.append(logits.float())
        return logits

    def run(self, input_ids: torch.Tensor, outputs: Any) -> Any:
        rows = len(input_ids)
        unfinished = torch.ones(rows, dtype=torch.bool)
        left = rows
        if self.streamer is not None:
            self.streamer.put(input_ids.cpu())
        while True:
            tokens = self.step(self.scores(outputs, input_ids), input_ids)
            del outputs
            if self.has_end and left < rows:
                tokens = torch.where(unfinished, tokens, self.pad)
            input_ids = torch.cat([input_ids, tokens[:, None].to(input_ids.device)], dim=-1)
            if self.streamer is not None:
                self.streamer.put(tokens)
            ended = self.criteria(input_ids, self.collected.scores_so_far)
            unfinished = unfinished & ~ended.cpu()
            before, left = left, int(unfinished.sum())
            if left == 0:
                break
            # Without end tokens, all rows go on until all are finished.
            if self.has_end and left < before:
                self.step.skip(unfinished)
            outputs = self.forward.next(input_ids)
        if self.streamer is not None:
            self.streamer.end()
        return self.collected.returned(input_ids)
