"""vLLM's V1 Sampler with lmsample inside."""

from __future__ import annotations

from typing import Any, List, Optional

import numpy as np
import torch
from vllm.v1.outputs import SamplerOutput
from vllm.v1.sample.logits_processor import (
    LogitBiasLogitsProcessor,
    MinPLogitsProcessor,
    MinTokensLogitsProcessor,
)
from vllm.v1.sample.sampler import Sampler

from . import _counts, _grammar
from ._batch import Batch
from ._engine import Engine, Wants
from ._logprobs import Table, others
from ._request import Request

_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_OURS = (LogitBiasLogitsProcessor, MinPLogitsProcessor, MinTokensLogitsProcessor, Batch)
_MOST_LOGPROBS = 1024
_GREEDY_BELOW = 1e-5


class LmsampleSampler(Sampler):
    """A step takes the first of these ways that can do all that its requests ask for:

    1. all of it is one call of lmsample;
    2. vLLM edits the logits (logits processors of other people, thinking budgets, speculation),
       and lmsample does temperature, min-p, top-k, top-p and the draw;
    3. vLLM does it all.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._engine: Optional[Engine] = None
        self._processors: Any = None  # those of the last step, and what is known of them
        self._batch: Optional[Batch] = None
        self._custom: Optional[str] = None
        self._custom_draw: Optional[str] = None

    def forward(
        self,
        logits: torch.Tensor,
        sampling_metadata: Any,
        predict_bonus_token: bool = False,
        logprobs_mode_override: Any = None,
    ) -> SamplerOutput:
        metadata = sampling_metadata
        if metadata.logitsprocs is not self._processors:
            self._look_at(metadata.logitsprocs)
        requests: Optional[List[Request]] = None
        if predict_bonus_token or logprobs_mode_override is not None:
            reason: Optional[str] = "speculative tokens"
        else:
            batch = self._batch
            requests = None if batch is None else batch.requests_of(logits.shape[0])
            reason = self._why_not_all(logits, metadata, requests)
        if reason is None and requests is not None:
            _counts.counts[_counts.ONE_PASS] += 1
            return self._all(logits, metadata, requests)
        self._reason = reason
        _grammar.apply_now(logits)
        return super().forward(logits, metadata, predict_bonus_token, logprobs_mode_override)

    def sample(
        self, logits: torch.Tensor, sampling_metadata: Any, logprobs_mode_override: Any = None
    ) -> Any:
        """The last stage alone: what vLLM's forward() calls with logits that it has edited."""
        mode = logprobs_mode_override or self.logprobs_mode
        why_not = self._why_not_draw(logits, sampling_metadata, mode)
        if why_not is not None:
            _counts.theirs(why_not)
            return super().sample(logits, sampling_metadata, logprobs_mode_override)
        _counts.draws(self._reason or "called for this alone")
        return self._draw(logits, sampling_metadata), None

    _reason: Optional[str] = None

    # --- Which way -------------------------------------------------------------------------

    def _look_at(self, processors: Any) -> None:
        self._processors = processors
        everyone = list(processors.all)
        self._batch = next((p for p in everyone if type(p) is Batch), None)
        custom = [p for p in everyone if type(p) not in _OURS]
        self._custom = self._custom_draw = None
        if custom:
            self._custom = f"logits processor {type(custom[0]).__name__}"
        last = [p for p in processors.argmax_invariant if type(p) not in _OURS]
        if last:
            self._custom_draw = f"logits processor {type(last[0]).__name__}"

    def _why_not_all(
        self, logits: torch.Tensor, metadata: Any, requests: Optional[List[Request]]
    ) -> Optional[str]:
        if not logits.is_cpu:
            return f"logits on {logits.device.type}"
        if requests is None:
            return "no requests are known (warming up, or speculation)"
        if self._custom is not None:
            return self._custom
        if metadata.max_num_logprobs is not None or metadata.logprob_token_ids:
            if self.logprobs_mode == "processed_logits":
                return "processed logits as logprobs"
            most = metadata.max_num_logprobs or 0
            if not 0 <= most <= min(_MOST_LOGPROBS, logits.shape[1]):
                return f"logprobs of more than {_MOST_LOGPROBS} tokens"
        holder = metadata.thinking_budget_state_holder
        if holder is not None and holder.has_tracked_requests():
            return "thinking budgets"
        for request in requests:
            if request.why_not is not None:
                return request.why_not
            if request.why_not_before_min is not None and request.is_before_min():
                return request.why_not_before_min
        return None

    def _why_not_draw(self, logits: torch.Tensor, metadata: Any, mode: str) -> Optional[str]:
        if not logits.is_cpu:
            return f"logits on {logits.device.type}"
        if self._custom_draw is not None:
            return self._custom_draw
        wants_logprobs = metadata.max_num_logprobs is not None or metadata.logprob_token_ids
        if wants_logprobs and mode.startswith("processed"):
            return f"{mode} of logits that vLLM edited"
        return None

    # --- All in one call -------------------------------------------------------------------

    def _all(
        self, logits: torch.Tensor, metadata: Any, requests: List[Request]
    ) -> SamplerOutput:
        engine = self._engine_for(logits)
        batch = self._batch
        assert batch is not None
        groups = engine.groups(batch, requests, self._wants)
        while not engine.follow(groups):
            groups = engine.groups(batch, requests, self._wants)
        table: Optional[Table] = None
        if len(groups) > 1 or groups[0].wants.of:
            wants_logprobs = metadata.max_num_logprobs is not None or metadata.logprob_token_ids
            table = Table(len(requests), others(metadata) if wants_logprobs else 0)
        tokens = None
        grammar = _grammar.taken(logits)
        for group in groups:
            group.begin_step(grammar)
            found = group.run(logits)
            tokens = self._checked(found.tokens)
            if table is not None:
                table.add(group, found)
        if table is None:
            assert tokens is not None
            return SamplerOutput(tokens.unsqueeze(-1), None)
        sampled = torch.from_numpy(table.tokens[:, :1].copy())
        is_wanted = any(group.wants.of for group in groups)
        return SamplerOutput(sampled, table.tensors() if is_wanted else None)

    def _wants(self, request: Request) -> Wants:
        if request.top is None and request.named is None:
            return Wants()
        mode, of = self.logprobs_mode, "raw"
        if mode == "processed_logprobs":
            # vLLM's of a greedy request are of what it is the best of.
            of = "edited" if request.temperature == 0 else "processed"
        is_named, as_logits = request.named is not None, mode == "raw_logits"
        has_top = not is_named and (bool(request.top) or as_logits)
        return Wants(of, has_top, is_named, as_logits)

    def _checked(self, tokens: torch.Tensor) -> torch.Tensor:
        """vLLM has no word for a row without a token: all of it is NaN, -inf or banned."""
        array = tokens.numpy()
        if array.size and array.min() < 0:
            _counts.without_a_token(int((array < 0).sum()))
            array[array < 0] = 0
        return tokens

    def _engine_for(self, logits: torch.Tensor) -> Engine:
        engine = self._engine
        vocab, batch = logits.shape[1], self._batch or Batch.latest
        if engine is None or (engine.dtype, engine.vocab, engine.batch) != (
            logits.dtype,
            vocab,
            batch,
        ):
            engine = self._engine = Engine(vocab, logits.dtype, batch)
        return engine

    # --- The draw alone --------------------------------------------------------------------

    def _draw(self, logits: torch.Tensor, metadata: Any) -> torch.Tensor:
        rows = logits.shape[0]
        params = self._engine_for(logits).params_of(rows)
        params.temperature = 0.0
        if not metadata.all_greedy:
            values = metadata.temperature.numpy().astype(np.float64)
            params.temperature = np.where(values < _GREEDY_BELOW, 0.0, values)
        params.top_k = 0 if metadata.top_k is None else metadata.top_k
        params.top_p = 1.0 if metadata.top_p is None else metadata.top_p
        params.min_p = self._min_p(metadata, rows)
        self._set_seeds(params, metadata, rows)
        found = self._engine_for(logits).sampler(Wants()).sample(logits, params=params)
        return self._checked(found.tokens).long()

    @staticmethod
    def _min_p(metadata: Any, rows: int) -> Any:
        for processor in metadata.logitsprocs.argmax_invariant:
            if type(processor) is MinPLogitsProcessor and processor.min_p_count:
                return processor.min_p_cpu[:rows].astype(np.float64)
        return 0.0

    def _set_seeds(self, params: Any, metadata: Any, rows: int) -> None:
        requests = None if self._batch is None else self._batch.requests_of(rows)
        if requests is not None:
            # As in one call: a step that goes another way draws alike.
            for row, request in enumerate(requests):
                params.seed[row] = request.seed
            params.step = np.array([len(r.output) for r in requests], np.uint64)
            return
        seeds = torch.randint(0, 2**62, (rows,)).numpy().astype(np.uint64)
        for row, generator in metadata.generators.items():
            seeds[row] = int(torch.randint(0, 2**62, (1,), generator=generator))
        params.seed = seeds
        params.step = 0
