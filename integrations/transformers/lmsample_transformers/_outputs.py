"""What return_dict_in_generate gives back."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import torch
from transformers.generation import (
    GenerateBeamDecoderOnlyOutput,
    GenerateBeamEncoderDecoderOutput,
    GenerateDecoderOnlyOutput,
    GenerateEncoderDecoderOutput,
)


class Collected:
    """Of each step, what the configuration asks for."""

    def __init__(self, config: Any, forward: Any) -> None:
        self.is_wanted = bool(config.return_dict_in_generate)
        self.has_scores = bool(self.is_wanted and config.output_scores)
        self.has_logits = bool(self.is_wanted and config.output_logits)
        self.scores: List[torch.Tensor] = []
        self.logits: List[torch.Tensor] = []
        self._forward = forward
        self._names: List[str] = []
        if self.is_wanted:
            prefix = forward.prefix
            self._names += [f"{prefix}attentions"] * bool(config.output_attentions)
            self._names += [f"{prefix}hidden_states"] * bool(config.output_hidden_states)
            if forward.is_encoder_decoder and config.output_attentions:
                self._names.append("cross_attentions")
        self._steps: Dict[str, List[Any]] = {name: [] for name in self._names}

    def add(self, outputs: Any, logits: torch.Tensor) -> None:
        if self.has_logits:
            self.logits.append(logits.to(copy=True, dtype=torch.float32))
        for name in self._names:
            self._steps[name].append(outputs[name])

    @property
    def scores_so_far(self) -> Any:
        return tuple(self.scores) if self.has_scores else None

    def returned(self, sequences: torch.Tensor, is_beam: bool = False, **more: Any) -> Any:
        if not self.is_wanted:
            return sequences
        found: Dict[str, Any] = {name: tuple(items) for name, items in self._steps.items()}
        if self._forward.is_encoder_decoder:
            encoded = self._forward.kwargs["encoder_outputs"]
            for name in ("attentions", "hidden_states"):
                found[f"encoder_{name}"] = encoded.get(name)
        found["scores"] = tuple(self.scores) if self.has_scores else None
        found["logits"] = tuple(self.logits) if self.has_logits else None
        kind = _KINDS[is_beam, self._forward.is_encoder_decoder]
        # The one name that differs between versions of transformers.
        fields = kind.__dataclass_fields__
        found["cache" if "cache" in fields else "past_key_values"] = self._forward.cache
        return kind(sequences=sequences, **found, **more)


_KINDS: Dict[Tuple[bool, bool], Any] = {
    (False, False): GenerateDecoderOnlyOutput,
    (False, True): GenerateEncoderDecoderOutput,
    (True, False): GenerateBeamDecoderOnlyOutput,
    (True, True): GenerateBeamEncoderDecoderOutput,
}
