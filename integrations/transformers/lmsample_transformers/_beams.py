"""Beam search: one step of lmsample.Beam for all prompts of a batch."""

from __future__ import annotations

import warnings
from typing import Any, Dict, List, Mapping, Optional, Tuple

import lmsample
import numpy as np
import torch
import transformers as hf
from transformers.generation import EosTokenCriteria, MaxLengthCriteria

from . import _processors, _rows
from ._forward import Forward, last_logits
from ._outputs import Collected
from ._samplers import BeamNeed, Lent

_FILTERS = ("temperature", "top_k", "top_p", "min_p")
_WARPERS = (
    hf.TemperatureLogitsWarper,
    hf.TopKLogitsWarper,
    hf.TopPLogitsWarper,
    hf.MinPLogitsWarper,
)
_LENGTHS = (hf.MinLengthLogitsProcessor, hf.MinNewTokensLengthLogitsProcessor)


class Plan:
    """How a search goes: what of it lmsample.Beam does."""

    def __init__(
        self, processors: List[Any], config: Any, batch: _processors.Batch, has_scores: bool
    ) -> None:
        self.end_tokens = _end_tokens(config)
        self.min_length = 0
        processors = [p for p in processors if not self._take_length(p, batch)]
        # Filters of beam sampling are the search's own, from the configuration.
        self.filters: Dict[str, float] = {}
        if config.do_sample:
            names = {name: getattr(config, name) for name in _FILTERS}
            self.filters = {name: value for name, value in names.items() if value is not None}
            processors = [p for p in processors if type(p) not in _WARPERS]
        self.stay, self.native = list(processors), _processors.Native()
        is_guided = any(
            type(p) is hf.UnbatchedClassifierFreeGuidanceLogitsProcessor for p in processors
        )
        if not is_guided and not has_scores:
            self.stay, self.native = _processors.split(processors, batch)
        self._warn(processors, config)

    def _take_length(self, processor: Any, batch: _processors.Batch) -> bool:
        """End tokens that come too early are the search's to ban, as transformers has it: their
        share of the probability is nobody's."""
        if type(processor) not in _LENGTHS:
            return False
        if sorted(map(int, processor.eos_token_id.reshape(-1))) != sorted(self.end_tokens):
            return False
        if type(processor) is hf.MinLengthLogitsProcessor:
            least = processor.min_length - batch.prompt
        else:
            least = processor.prompt_length_to_skip + processor.min_new_tokens - batch.prompt
        self.min_length = max(self.min_length, least)
        return True

    def _warn(self, processors: List[Any], config: Any) -> None:
        if processors and not config.renormalize_logits and not config.do_sample:
            warnings.warn(
                "beam search: lmsample takes log-probabilities of what logits processors leave, as "
                "renormalize_logits=True does; transformers' own search takes them before that "
                "otherwise, and can find other sequences",
                stacklevel=6,
            )

    @property
    def is_scaled(self) -> bool:
        """Penalties see log-probabilities in beam search."""
        return bool({"repetition", "decay_factor"} & set(self.native.edits))


def _end_tokens(config: Any) -> List[int]:
    if config.eos_token_id is None:
        return []
    return [int(token) for token in torch.as_tensor(config.eos_token_id).reshape(-1)]


def _check(criteria: Any, config: Any, params: Optional[Mapping[str, Any]]) -> None:
    for item in criteria:
        if type(item) not in (MaxLengthCriteria, EosTokenCriteria):
            raise NotImplementedError(
                f"beam search: stopping_criteria has {type(item).__name__}, must have "
                "MaxLengthCriteria and EosTokenCriteria alone"
            )
    if set(params or {}) - {"seed"}:
        raise ValueError("lms_params: must have seed alone in beam search")


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
    _check(criteria, config, params)
    forward = Forward(model, config, kwargs)
    padding = _processors.padding_of(forward.mask, len(input_ids))
    batch = _processors.Batch(input_ids.shape[1], padding, encoder, forward.is_encoder_decoder)
    collected = Collected(config, forward)
    plan = Plan(list(processors), config, batch, collected.has_scores)
    outputs = forward.prompt(input_ids)
    logits = last_logits(outputs)
    width, rows = config.num_beams, len(input_ids)
    is_own_type = not (plan.stay or plan.is_scaled or collected.has_scores)
    need = BeamNeed(
        logits.shape[1],
        str(logits.dtype).rpartition(".")[2] if is_own_type else "float32",
        width,
        len(plan.end_tokens),
        rows // width,
        config.max_length - batch.prompt,
        config.max_length + 1 if plan.native.has_edits else 0,
    )
    with Lent(need) as beam:
        search = _Search(beam, plan, forward, collected, config, params, batch)
        try:
            return search.run(input_ids, padding, outputs)
        finally:
            search.close()


class _Search:
    def __init__(self, beam, plan, forward, collected, config, params, batch) -> None:
        self.beam, self.plan, self.forward, self.collected = beam, plan, forward, collected
        self.config, self.prompt = config, batch.prompt
        self.width = config.num_beams
        # As transformers' beam search has it: a padding token of 0 counts as none.
        self.pad = config.pad_token_id or (plan.end_tokens or [0])[0]
        self.asked: Dict[str, Any] = {}
        self.names: Optional[np.ndarray] = None
        self.requests: List[int] = []
        prompts = batch.rows // self.width
        seeds = _rows.seeds_of((params or {}).get("seed"), prompts, 1)
        for seed in seeds:
            self.requests.append(
                beam.open(
                    self.width,
                    config.max_length - batch.prompt,
                    end_tokens=plan.end_tokens,
                    results=config.num_return_sequences or 1,
                    length_penalty=config.length_penalty,
                    early_stopping=config.early_stopping,
                    min_length=plan.min_length,
                    flags=lmsample.BEAM_RENORMALIZE if config.renormalize_logits else 0,
                    mode="sample" if config.do_sample else "search",
                    seed=int(seed),
                    preset="hugging-face",
                    **plan.filters,
                )
            )

    def close(self) -> None:
        for request in self.requests:
            self.beam.close(request)
        if self.names is not None:
            self.beam.slots.close(self.names)

    def scores(self, outputs: Any, input_ids: torch.Tensor) -> torch.Tensor:
        """What the search reads: logits, or, where transformers' processors or penalties are to
        see them, log-probabilities."""
        logits = last_logits(outputs)
        self.collected.add(outputs, logits)
        if self.plan.stay or self.plan.is_scaled or self.collected.has_scores:
            logits = logits.float().log_softmax(-1)
            for processor in self.plan.stay:
                logits = processor(input_ids, logits)
        if self.collected.has_scores:
            self.collected.scores.append(logits.clone())
        return logits.cpu()

    def run(self, input_ids: torch.Tensor, padding: torch.Tensor, outputs: Any) -> Any:
        rows, native = len(input_ids), self.plan.native
        if native.has_edits:
            self.names = self.beam.slots.open(_processors.prompts_of(input_ids, padding))
            self.asked.update(slots=self.names, append=True)
        usual = native.edits_of(-1, rows) if native.has_edits else None
        number = 0
        while True:
            if native.has_edits:
                is_special = native.is_special(number)
                self.asked["edits"] = native.edits_of(number, rows) if is_special else usual
            step = self.beam.step(self.requests, self.scores(outputs, input_ids), **self.asked)
            del outputs
            if step.done.all():
                break
            parents = step.parents.to(input_ids.device, torch.int64)
            tokens = torch.where(step.tokens < 0, self.pad, step.tokens).to(input_ids.device)
            input_ids = torch.cat([input_ids[parents], tokens[:, None].long()], dim=-1)
            self.forward.reorder(parents)
            outputs = self.forward.next(input_ids)
            number += 1
        return self.results(input_ids)

    def results(self, input_ids: torch.Tensor) -> Any:
        wanted = self.config.num_return_sequences or 1
        found = self.beam.results(self.requests)
        longest = int(found.lengths[:, :wanted].max())
        tokens, beams = _filled(found, wanted, longest, self.pad)
        prompts = input_ids[:: self.width, : self.prompt].cpu()
        begin = prompts.repeat_interleave(wanted, dim=0)
        sequences = torch.cat([begin, torch.from_numpy(tokens)], dim=1).to(input_ids.device)
        more: Dict[str, Any] = {}
        if self.collected.is_wanted:
            first = np.repeat(np.arange(len(self.requests)) * self.width, wanted)[:, None]
            indices = np.where(beams < 0, -1, beams + first).astype(np.int32)
            more["beam_indices"] = torch.from_numpy(indices)
            if self.collected.has_scores:
                scores = found.scores[:, :wanted].reshape(-1)
                more["sequences_scores"] = torch.from_numpy(np.array(scores))
        return self.collected.returned(sequences, is_beam=True, **more)


def _filled(found: Any, wanted: int, longest: int, pad: int) -> Tuple[np.ndarray, np.ndarray]:
    """Tokens and beams of all sequences, [sequences, longest]."""
    shape = (-1, found.tokens.shape[2])
    tokens = found.tokens[:, :wanted].reshape(shape)[:, :longest].astype(np.int64)
    beams = found.beams[:, :wanted].reshape(shape)[:, :longest]
    return np.where(tokens < 0, pad, tokens), beams
