"""FlashInfer's sampling kernels on an NVIDIA GPU, as its users call them."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

from peers_common import Absent, Floats, Ints, Strategy
from peers_torch import _Torch

PIP = "not installed: pip install flashinfer-python"


class FlashInfer(_Torch):
    """Temperature alone: sampling_from_logits. With top-k first: top_k_top_p_sampling_from_logits.
    Top-p or min-p alone: softmax, then the sampling from probabilities. All three filters, and
    rows that differ: softmax, top_k_renorm_probs, top_p_renorm_probs, min_p_sampling_from_probs,
    with one value for each row where they differ."""

    name = "flashinfer"
    keeps_ties = True  # its renormalisation does
    _on_cuda = True

    def __init__(self) -> None:
        super().__init__()
        try:
            from flashinfer import sampling
            from flashinfer.version import __version__ as version
        except ModuleNotFoundError as error:
            is_missing = error.name == "flashinfer"
            raise Absent(PIP if is_missing else f"cannot be imported: {error}") from error
        except Exception as error:
            raise Absent(f"cannot be imported: {error}") from error
        self._api: Any = sampling
        self.version = str(version)
        self._compile()

    def _compile(self) -> None:
        """Its kernels are compiled at their first use, which needs nvcc and ninja."""
        logits = self.torch.zeros((2, 65536), device=self._device)
        try:
            self._api.sampling_from_logits(logits)
            self._api.top_k_top_p_sampling_from_logits(logits, 50, 0.9)
            self.torch.cuda.synchronize()
        except Exception as error:
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise Absent(f"its kernels cannot be compiled or run here: {line}") from error

    def _softmax(self, logits: Any, temperature: Any) -> Any:
        if hasattr(self._api, "softmax"):
            return self._api.softmax(logits, temperature=temperature)
        if not isinstance(temperature, float):
            temperature = temperature[:, None]
        return self.torch.softmax(logits / temperature, dim=-1)

    def _sample(self, logits: Any, s: Strategy) -> Any:
        api = self._api
        if s.is_greedy:
            return self.torch.argmax(logits, dim=-1)
        scaled = logits if s.temperature == 1.0 else logits / s.temperature
        if s == Strategy(temperature=s.temperature):
            return api.sampling_from_logits(scaled)
        k = min(s.top_k, logits.size(-1))
        if k > 0 and s.min_p == 0.0:
            return api.top_k_top_p_sampling_from_logits(scaled, k, s.top_p)
        probs = self._softmax(logits, s.temperature)
        if k == 0 and s.min_p == 0.0:
            return api.top_p_sampling_from_probs(probs, s.top_p)
        if k > 0:
            probs = api.top_k_renorm_probs(probs, k)
        if s.top_p < 1.0:
            probs = api.top_p_renorm_probs(probs, s.top_p)
        return api.min_p_sampling_from_probs(probs, s.min_p)

    def _tensor(self, values: List[float], dtype: Any) -> Any:
        return self.torch.tensor(values, dtype=dtype, device=self._device)

    def _sampled(self, strategies: Sequence[Strategy]) -> Any:
        if len(set(strategies)) == 1:
            return super()._sampled(strategies)
        torch, api = self.torch, self._api
        vocab = self._batches[0].shape[1]
        temperatures = self._tensor(
            [1.0 if s.is_greedy else s.temperature for s in strategies], torch.float32
        )
        ks = self._tensor(
            [1 if s.is_greedy else min(s.top_k or vocab, vocab) for s in strategies], torch.int32
        )
        ps = self._tensor([s.top_p for s in strategies], torch.float32)
        min_ps = self._tensor([s.min_p for s in strategies], torch.float32)

        def mixed(logits: Any) -> Any:
            probs = self._softmax(logits, temperatures)
            probs = api.top_p_renorm_probs(api.top_k_renorm_probs(probs, ks), ps)
            return api.min_p_sampling_from_probs(probs, min_ps)

        return mixed

    def kept(self, row: Floats, strategy: Strategy) -> Optional[Ints]:
        return None
