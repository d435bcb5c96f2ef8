"""Contrastive search (Su et al. 2022), which transformers had until version 4: lmsample.Contrastive
keeps the hidden states of all contexts, proposes candidates and chooses among them."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

import numpy as np
import torch

from . import _processors
from ._forward import Forward, last_logits
from ._outputs import Collected
from ._samplers import ContrastiveNeed, Lent
from ._sampling import pad_token


def _check(config: Any, forward: Forward, params: Optional[Mapping[str, Any]]) -> None:
    if params:
        raise ValueError("lms_params: must be none in contrastive search")
    if not forward.kwargs.get("use_cache", True):
        raise NotImplementedError("contrastive search: needs use_cache=True")
    if config.return_dict_in_generate and (
        config.output_attentions or config.output_hidden_states
    ):
        raise NotImplementedError(
            "contrastive search: output_attentions and output_hidden_states are not supported"
        )


def _states(outputs: Any, forward: Forward) -> torch.Tensor:
    """The last layer's, [rows, length, width]."""
    states: torch.Tensor = outputs[f"{forward.prefix}hidden_states"][-1]
    return states


def run(
    model: Any,
    input_ids: torch.Tensor,
    processors: List[Any],
    criteria: Any,
    config: Any,
    params: Optional[Mapping[str, Any]],
    encoder: Optional[torch.Tensor],
    kwargs: Dict[str, Any],
) -> Any:
    forward = Forward(model, config, kwargs, output_hidden_states=True)
    _check(config, forward, params)
    padding = _processors.padding_of(forward.mask, len(input_ids))
    batch = _processors.Batch(input_ids.shape[1], padding, encoder, forward.is_encoder_decoder)
    collected = Collected(config, forward)
    stay, native = list(processors), _processors.Native()
    if not collected.has_scores:
        stay, native = _processors.split(processors, batch)
    if native.guidance is not None:
        stay, native = list(processors), _processors.Native()
    outputs = forward.prompt(input_ids)
    states, logits = _states(outputs, forward), last_logits(outputs)
    if states.shape[1] != input_ids.shape[1]:
        raise NotImplementedError(
            "contrastive search: can't go on from a cache that is not empty"
        )
    need = ContrastiveNeed(
        logits.shape[1],
        "float32" if stay else _name(logits),
        _name(states),
        states.shape[2],
        config.top_k,
        native.has_edits,
        len(input_ids),
        config.max_length + 1,
    )
    with Lent(need) as search:
        loop = _Loop(search, forward, stay, native, criteria, config, collected, len(input_ids))
        try:
            loop.begin(input_ids, padding, states)
            return loop.run(input_ids, logits)
        finally:
            loop.close()


def _name(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).rpartition(".")[2]


class _Loop:
    def __init__(
        self, search, forward, stay, native, criteria, config, collected, rows
    ) -> None:
        self.search, self.forward, self.stay, self.native = search, forward, stay, native
        self.criteria, self.collected = criteria, collected
        self.k, self.pad = config.top_k, pad_token(config)
        self.has_end = any(hasattr(item, "eos_token_id") for item in criteria)
        alpha = config.penalty_alpha
        self.requests = [search.open(alpha, self.k, preset="hugging-face") for _ in range(rows)]
        self.names: Optional[np.ndarray] = None

    def begin(
        self, input_ids: torch.Tensor, padding: torch.Tensor, states: torch.Tensor
    ) -> None:
        """The prompts' states, without those of padding."""
        rows, length = input_ids.shape
        self.search.append(
            self.requests,
            states.detach().reshape(rows * length, -1).cpu(),
            counts=length - padding.numpy(),
            first_rows=np.arange(rows) * length + padding.numpy(),
        )
        if self.native.has_edits:
            self.names = self.search.slots.open(_processors.prompts_of(input_ids, padding))

    def close(self) -> None:
        for request in self.requests:
            self.search.close(request)
        if self.names is not None:
            self.search.slots.close(self.names)

    def propose(self, logits: torch.Tensor, input_ids: torch.Tensor, number: int) -> Any:
        if self.collected.has_logits:
            self.collected.logits.append(logits.to(copy=True, dtype=torch.float32))
        if self.stay:
            logits = logits.to(copy=True, dtype=torch.float32)
            for processor in self.stay:
                logits = processor(input_ids, logits)
        if self.collected.has_scores:
            self.collected.scores.append(logits.float())
        asked: Dict[str, Any] = {}
        if self.native.has_edits:
            step = number if self.native.is_special(number) else -1
            asked = dict(edits=self.native.edits_of(step, len(input_ids)), slots=self.names)
        return self.search.propose(self.requests, logits.cpu(), **asked)

    def run(self, input_ids: torch.Tensor, logits: torch.Tensor) -> Any:
        unfinished = torch.ones(len(input_ids), dtype=torch.bool)
        number = 0
        while True:
            proposal = self.propose(logits, input_ids, number)
            tried = torch.where(proposal.tokens < 0, 0, proposal.tokens).to(input_ids.device)
            outputs = self.forward.candidates(input_ids, tried, self.k)
            states = _states(outputs, self.forward)[:, -1]
            choice = self.search.select(proposal, states.detach().cpu())
            if (choice.rows < 0).any():
                row = int((choice.rows < 0).nonzero()[0])
                raise ValueError(
                    f"row {row}: has no token that may be chosen: all are -inf or banned"
                )
            rows = choice.rows.to(input_ids.device, torch.int64)
            self.forward.choose(rows)
            logits = last_logits(outputs)[rows]
            del outputs
            tokens = choice.tokens
            if self.names is not None:
                self.search.slots.append(self.names, tokens)
            if self.has_end:
                tokens = torch.where(unfinished, tokens, self.pad)
            input_ids = torch.cat([input_ids, tokens[:, None].to(input_ids.device)], dim=-1)
            ended = self.criteria(input_ids, self.collected.scores_so_far)
            unfinished = unfinished & ~ended.cpu()
            if not unfinished.any():
                return self.collected.returned(input_ids)
            number += 1
