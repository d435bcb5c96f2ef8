"""SGLang's Sampler with lmsample inside."""

from __future__ import annotations

import logging
from typing import Any, Dict, List, Optional, Tuple

import lmsample
import torch
from sglang.srt.layers import sampler as theirs
from sglang.srt.runtime_context import get_exec

from . import counts
from ._logprobs import written

_log = logging.getLogger("sglang.lmsample")

_MOST_ROWS = 256  # of a sampler; a call with more is done in parts
_MOST_TOP = 1024
_MOST_NAMED = 128
#: Top-k and top-p of the whole row, then min-p: SGLang's order.
_PRESET = "joint"


class LmsampleSampler(theirs.Sampler):
    """Row i draws with the random numbers of (sampling_seed[i], positions[i]), so that a token
    depends on its own logits and parameters alone. SGLang applies penalties, biases, grammars
    and custom processors before, as it always does."""

    def __init__(self) -> None:
        super().__init__()
        self._samplers: Dict[Tuple[Any, ...], lmsample.Sampler] = {}
        self._drawing: Any = None  # the sampler of _params
        self._params: Any = None
        self._columns: Tuple[Any, ...] = ()

    def forward(
        self,
        logits_output: Any,
        sampling_info: Any,
        return_logprob: bool,
        top_logprobs_nums: List[int],
        token_ids_logprobs: List[Any],
        positions: torch.Tensor,
        *,
        logprob_logits: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        logits = logits_output.next_token_logits
        why_not = self._why_not(logits, sampling_info, logprob_logits)
        if why_not is None and return_logprob:
            why_not = _why_no_logprobs(logits, top_logprobs_nums, token_ids_logprobs)
        if why_not is not None:
            return self._theirs(
                why_not,
                logits_output,
                sampling_info,
                return_logprob,
                top_logprobs_nums,
                token_ids_logprobs,
                positions,
                logprob_logits=logprob_logits,
            )
        counts["lmsample"] += 1
        logits = self._preprocess_logits(logits, sampling_info)
        if logits.shape[0] == 0:
            return torch.empty(0, dtype=torch.int64)
        tokens = self._draw(logits, sampling_info, positions)
        if return_logprob:
            told = self._tell(
                logits, sampling_info, tokens, top_logprobs_nums, token_ids_logprobs
            )
            told.write_output_to(logits_output)
        self._sync_token_ids_across_tp(tokens, sampling_info)
        return tokens

    # --- Which way -------------------------------------------------------------------------

    def _why_not(
        self, logits: torch.Tensor, info: Any, logprob_logits: Optional[torch.Tensor]
    ) -> Optional[str]:
        if not logits.is_cpu:
            return f"logits on {logits.device.type}"
        if logprob_logits is not None or info.has_watermark_candidates:
            return "watermarks"
        if info.sampling_mask_batch_indices is not None:
            return "return_sampling_mask"
        if self.rl_on_policy_target is not None:
            return "rl_on_policy_target"
        return None

    def _theirs(self, why_not: str, *arguments: Any, **more: Any) -> torch.Tensor:
        what = f"SGLang: {why_not}"
        counts[what] += 1
        if counts[what] == 1:
            _log.info("lmsample: from now on some steps are SGLang's own: %s", why_not)
        kernel = get_exec().kernel
        if kernel.sampling_backend != "lmsample":
            return super().forward(*arguments, **more)
        # SGLang's own code knows its own backends alone.
        with kernel.override(sampling_backend="pytorch"):
            return super().forward(*arguments, **more)

    # --- The draw --------------------------------------------------------------------------

    def _sampler(self, logits: torch.Tensor, outputs: Tuple[str, ...], top: int) -> Any:
        key = (logits.dtype, logits.shape[1], outputs)
        found = self._samplers.get(key)
        if found is None or found.max_top < top:
            found = self._samplers[key] = lmsample.Sampler(
                logits.shape[1],
                logits.dtype,
                _MOST_ROWS,
                outputs=outputs,
                token_dtype="int64",
                requests=bool(outputs),
                max_top=max(20, top),
            )
        return found

    def _draw(self, logits: torch.Tensor, info: Any, positions: torch.Tensor) -> torch.Tensor:
        sampler = self._sampler(logits, (), 0)
        params, rows = self._params, logits.shape[0]
        if self._drawing is not sampler or len(params) != rows:
            self._drawing = sampler
            params = self._params = sampler.params(rows)
            params.preset = _PRESET
            self._columns = ()
        # New tensors come when the batch changes; until then they are the same objects.
        columns = (info.temperatures, info.top_ks, info.top_ps, info.min_ps, info.sampling_seed)
        is_same = len(columns) == len(self._columns) and all(
            a is b for a, b in zip(columns, self._columns)
        )
        if not is_same:
            params.temperature = info.temperatures.view(-1)
            params.top_k = info.top_ks
            params.top_p = info.top_ps
            params.min_p = info.min_ps
            if info.sampling_seed is not None:
                params.seed = info.sampling_seed
            self._columns = columns
        if info.sampling_seed is None:
            # Of PyTorch's generator, which SGLang seeds alike in all ranks.
            params.records["seed"] = torch.randint(0, 2**62, (rows,)).numpy()
        params.records["step"] = positions.numpy()
        tokens: torch.Tensor = sampler.sample(logits, params=params).tokens
        array = tokens.numpy()
        if array.min() < 0:
            what = "rows without a possible token: 0 was taken"
            if what not in counts:
                _log.warning("lmsample: all tokens of a row are NaN or -inf: token 0 is taken")
            counts[what] += int((array < 0).sum())
            array[array < 0] = 0
        return tokens

    # --- Log-probabilities -----------------------------------------------------------------

    def _tell(
        self,
        logits: torch.Tensor,
        info: Any,
        tokens: torch.Tensor,
        tops: List[int],
        named: List[Any],
    ) -> Any:
        """Of what SGLang tells of: the row behind temperature, before filters."""
        has_top = any(count > 0 for count in tops)
        has_named = any(item is not None for item in named)
        outputs = ("logprobs", *("top_logprobs",) * has_top, *("named_logprobs",) * has_named)
        sampler = self._sampler(logits, outputs, max(tops) if has_top else 0)
        params = sampler.params(logits.shape[0])
        if not info.is_all_greedy and not theirs.SGLANG_RETURN_ORIGINAL_LOGPROB:
            params.temperature = info.temperatures.view(-1)
        params.target = tokens
        params.logprobs_of = "processed"
        if has_top:
            params.top_logprobs = tops
        if has_named:
            for row, item in enumerate(named):
                params.named[row] = None if item is None or not len(item) else list(item)
        found = sampler.sample(logits, params=params)
        return written(found, tops if has_top else None, named if has_named else None)


def _why_no_logprobs(logits: torch.Tensor, tops: List[int], named: List[Any]) -> Optional[str]:
    if max(tops, default=0) > min(_MOST_TOP, logits.shape[1]):
        return f"logprobs of more than {_MOST_TOP} tokens"
    if max((len(item) for item in named if item is not None), default=0) > _MOST_NAMED:
        return f"token_ids_logprob of more than {_MOST_NAMED} tokens"
    return None
