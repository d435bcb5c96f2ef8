"""The model's part of a decoding loop, over what is public of transformers."""

from __future__ import annotations

from typing import Any, Dict, Optional, Set

import torch
from transformers.utils import ModelOutput

# As the versions and kinds of models name what they remember.
_CACHES = ("cache", "past_key_values", "cache_params", "state", "mems")


class Forward:
    """Runs a model along growing sequences, and keeps what it is called with."""

    def __init__(
        self, model: Any, config: Any, model_kwargs: Dict[str, Any], **always: Any
    ) -> None:
        self.model = model
        self.kwargs = dict(model_kwargs)
        self.is_encoder_decoder = bool(model.config.is_encoder_decoder)
        self.prefix = "decoder_" if self.is_encoder_decoder else ""
        self._single: Dict[str, Any] = {}  # before candidates(), a row each
        self._repeated: Set[str] = set()  # what has a place for each candidate since then
        self._always = dict(always, return_dict=True)  # of every call
        for name in ("output_attentions", "output_hidden_states"):
            if getattr(config, name, None) and config.return_dict_in_generate:
                self._always.setdefault(name, True)
        if getattr(config, "prefill_chunk_size", None) is not None:
            raise NotImplementedError(
                "prefill_chunk_size: is not supported by lmsample_transformers"
            )

    @property
    def mask(self) -> Optional[torch.Tensor]:
        return self.kwargs.get(f"{self.prefix}attention_mask")

    @property
    def cache(self) -> Any:
        return next((self.kwargs[name] for name in _CACHES if name in self.kwargs), None)

    def prompt(self, input_ids: torch.Tensor) -> Any:
        """Outputs of the whole prompt, or of what of it a given cache doesn't have."""
        length = None
        past = _length(self.cache)
        if past:
            # All of the sequence was given, unless the mask is longer.
            mask = self.mask
            if mask is None or mask.shape[1] == input_ids.shape[1]:
                length = max(input_ids.shape[1] - past, 1)
        return self._run(input_ids, next_sequence_length=length, is_first_iteration=True)

    def next(self, input_ids: torch.Tensor) -> Any:
        """Outputs of the last token."""
        length = 1 if self.kwargs.get("use_cache", True) else None
        return self._run(input_ids, next_sequence_length=length)

    def _run(self, input_ids: torch.Tensor, **how: Any) -> Any:
        inputs = self.model.prepare_inputs_for_generation(input_ids, **how, **self.kwargs)
        outputs = self.model(**{**inputs, **self._always})
        self._grow(outputs)
        return outputs

    def _grow(self, outputs: Any) -> None:
        """By the token that comes next."""
        kwargs = self.kwargs
        # The first that is there: the old names of what has a new one warn.
        name = next((name for name in _CACHES if name in outputs), None)
        if name is not None:
            kwargs[name] = outputs[name]
        for name, first in (("token_type_ids", None), ("mm_token_type_ids", 0)):
            types = kwargs.get(name)
            if types is not None:
                new = types[:, -1:] if first is None else types.new_zeros((len(types), 1))
                kwargs[name] = torch.cat([types, new], dim=-1)
        positions = kwargs.get(f"{self.prefix}position_ids")
        if positions is not None:
            grown = torch.cat([positions, positions[..., -1:] + 1], dim=-1)
            kwargs[f"{self.prefix}position_ids"] = grown
        mask = self.mask
        if mask is not None:
            grown = torch.cat([mask, mask.new_ones((len(mask), 1))], dim=-1)
            kwargs[f"{self.prefix}attention_mask"] = grown

    def candidates(self, input_ids: torch.Tensor, tokens: torch.Tensor, each: int) -> Any:
        """Outputs of several tokens behind each row, `each` of them one behind the other. choose()
        says with which of them it goes on."""
        self._single = dict(self.kwargs)
        rows = len(input_ids)
        self.reorder(torch.arange(rows, device=input_ids.device).repeat_interleave(each))
        self.kwargs = {name: _repeated(item, rows, each) for name, item in self.kwargs.items()}
        self._repeated = {n for n, item in self.kwargs.items() if item is not self._single[n]}
        grown = torch.cat([input_ids.repeat_interleave(each, dim=0), tokens[:, None]], dim=-1)
        return self.next(grown)

    def choose(self, rows: torch.Tensor) -> None:
        """Candidate rows[i] is row i from now on."""
        many, self.kwargs = self.kwargs, self._single
        for name, item in many.items():
            if isinstance(item, torch.Tensor):
                self.kwargs[name] = item[rows] if name in self._repeated else item
        for name in _CACHES:
            if name in many:
                self.kwargs[name] = many[name]
        self.reorder(rows)

    def reorder(self, parents: torch.Tensor) -> None:
        """Row i goes on from what row parents[i] had; there may be other numbers of each."""
        cache = self.cache
        if cache is None and not self.kwargs.get("use_cache", True):
            return
        if not hasattr(cache, "reorder_cache"):
            raise NotImplementedError(
                f"{type(self.model).__name__}: its cache, a {type(cache).__name__}, can't be reordered"
            )
        cache.reorder_cache(parents)


def _repeated(item: Any, rows: int, each: int) -> Any:
    """What has a place for each row gets one for each candidate."""
    if isinstance(item, torch.Tensor):
        return item.repeat_interleave(each, dim=0) if item.dim() and len(item) == rows else item
    if isinstance(item, ModelOutput):
        parts = {name: _repeated(part, rows, each) for name, part in item.items()}
        return type(item)(**parts)
    return item


def _length(cache: Any) -> int:
    """Tokens that it has; 0 where it has states in their place."""
    is_linear = getattr(cache, "is_linear", None)
    if not hasattr(cache, "get_seq_length") or (is_linear and all(is_linear)):
        return 0
    return int(cache.get_seq_length())


def last_logits(outputs: Any) -> torch.Tensor:
    """[rows, vocabulary], where they are: lmsample reads the type that they have."""
    logits: torch.Tensor = outputs.logits[:, -1]
    return logits
