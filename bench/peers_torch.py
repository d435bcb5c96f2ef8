"""PyTorch: Hugging Face's filters over the whole vocabulary, and top-k with the draw on the
survivors only; on the CPU, or with CUDA."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np

from peers_common import Absent, Floats, Ints, Peer, Step, Strategy, cores, groups_of

PIP = "not installed: pip install torch"
# As requirements-peers.txt says. Debian 12 has one that multiplies no float16 matrices on a CPU.
LEAST_VERSION = (2, 4)


def import_torch(on_cuda: bool) -> Any:
    try:
        import torch
    except ImportError as error:
        raise Absent(PIP) from error
    version = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])
    if version < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        raise Absent(f"PyTorch {torch.__version__} is older than {least}: pip install -U torch")
    if on_cuda and not torch.cuda.is_available():
        reason = "no NVIDIA GPU" if torch.version.cuda else "this PyTorch is built without CUDA"
        raise Absent(f"{reason} (torch.cuda.is_available() is False)")
    return torch


class _Torch(Peer):
    """A subclass samples a batch of one strategy in _sample()."""

    _on_cuda = False
    _loaded: Dict[str, Tuple[Sequence[Floats], List[Any]]] = {}  # shared: the GPU's memory is small

    def __init__(self) -> None:
        self.torch = import_torch(self._on_cuda)
        self.version = str(self.torch.__version__)
        self.threads = 0 if self._on_cuda else cores()
        if not self._on_cuda:
            self.torch.set_num_threads(self.threads)
        self._device = "cuda" if self._on_cuda else "cpu"
        self._batches: List[Any] = []
        self._events: Optional[Any] = None

    def load(self, batches: Sequence[Floats]) -> None:
        known, tensors = self._loaded.get(self._device, (None, []))
        if known is not batches:
            tensors.clear()
            tensors = [self.torch.from_numpy(batch).to(self._device) for batch in batches]
            self._loaded[self._device] = (batches, tensors)
        self._batches = tensors

    def _sample(self, logits: Any, strategy: Strategy) -> Any:
        raise NotImplementedError

    def _has(self, strategy: Strategy) -> bool:
        return True

    def _sampled(self, strategies: Sequence[Strategy]) -> Callable[[Any], Any]:
        groups = groups_of(strategies)
        if len(groups) == 1:
            return lambda logits: self._sample(logits, groups[0][0])
        # A batch takes one strategy: rows of the same one are gathered, sampled, put back.
        indices = [self.torch.tensor(rows, device=self._device) for _, rows in groups]

        def mixed(logits: Any) -> Any:
            tokens = self.torch.empty(
                len(strategies), dtype=self.torch.int64, device=self._device
            )
            for (strategy, _), rows in zip(groups, indices):
                tokens[rows] = self._sample(logits[rows], strategy).to(self.torch.int64)
            return tokens

        return mixed

    def plan(self, strategies: Sequence[Strategy]) -> Optional[Step]:
        if not all(self._has(strategy) for strategy in strategies):
            return None
        sampled = self._sampled(strategies)

        def step(batch: int) -> Ints:
            with self.torch.inference_mode():
                if not self._on_cuda:
                    return np.asarray(sampled(self._batches[batch]).numpy())
                start = self.torch.cuda.Event(enable_timing=True)
                end = self.torch.cuda.Event(enable_timing=True)
                start.record()
                tokens = sampled(self._batches[batch])
                end.record()
                self._events = (start, end)
                return np.asarray(tokens.cpu().numpy())

        return step

    def details(self) -> Dict[str, float]:
        if self._events is None:
            return {}
        self.torch.cuda.synchronize()
        start, end = self._events
        return {"device_s": 1e-3 * float(start.elapsed_time(end))}


class Torch(_Torch):
    """The formulas of transformers' TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper
    and MinPLogitsWarper in generate()'s order, then softmax and torch.multinomial over all of
    the vocabulary. A filter that is off is left out, as there."""

    name = "torch"
    keeps_ties = True

    def _cut(self, scores: Any, removed: Any) -> Any:
        return scores.masked_fill(removed, -float("inf"))

    def _top_k(self, scores: Any, k: int) -> Any:
        edge = self.torch.topk(scores, min(k, scores.size(-1)))[0][..., -1, None]
        return self._cut(scores, scores < edge)

    def _top_p(self, scores: Any, p: float) -> Any:
        ascending, indices = self.torch.sort(scores, descending=False)
        removed = ascending.softmax(dim=-1).cumsum(dim=-1) <= (1 - p)
        removed[..., -1:] = 0
        return self._cut(scores, removed.scatter(1, indices, removed))

    def _min_p(self, scores: Any, p: float) -> Any:
        probs = self.torch.softmax(scores, dim=-1)
        removed = probs < p * probs.amax(dim=-1, keepdim=True)
        removed.scatter_(-1, self.torch.topk(probs, 1, dim=-1).indices, False)
        return self._cut(scores, removed)

    def filtered(self, scores: Any, s: Strategy) -> Any:
        if s.temperature != 1.0:
            scores = scores / s.temperature
        if s.top_k > 0:
            scores = self._top_k(scores, s.top_k)
        if s.top_p < 1.0:
            scores = self._top_p(scores, s.top_p)
        if s.min_p > 0.0:
            scores = self._min_p(scores, s.min_p)
        return scores

    def _sample(self, logits: Any, strategy: Strategy) -> Any:
        if strategy.is_greedy:
            return self.torch.argmax(logits, dim=-1)
        probs = self.torch.softmax(self.filtered(logits, strategy), dim=-1)
        return self.torch.multinomial(probs, num_samples=1).squeeze(1)

    def kept(self, row: Floats, strategy: Strategy) -> Ints:
        logits = self.torch.from_numpy(row[None]).to(self._device)
        if strategy.is_greedy:
            return np.asarray(self._sample(logits, strategy).cpu().numpy())
        scores = self.filtered(logits, strategy)[0]
        return np.asarray(self.torch.isfinite(scores).nonzero()[:, 0].cpu().numpy())


class TorchSurvivors(_Torch):
    """Top-k first; the other filters, softmax and the draw on its k survivors, which come
    sorted. For strategies with top-k."""

    name = "torch survivors"
    preset = "min-p-last"

    def _has(self, strategy: Strategy) -> bool:
        return strategy.top_k > 0

    def _survivors(self, logits: Any, s: Strategy) -> Any:
        values, ids = self.torch.topk(logits, min(s.top_k, logits.size(-1)))
        probs = self.torch.softmax(values / s.temperature, dim=-1)
        if s.top_p < 1.0:
            before = probs.cumsum(dim=-1) - probs
            probs = probs.masked_fill(before >= s.top_p, 0.0)
        if s.min_p > 0.0:
            probs = probs.masked_fill(probs < s.min_p * probs[..., :1], 0.0)
        return probs, ids

    def _sample(self, logits: Any, strategy: Strategy) -> Any:
        probs, ids = self._survivors(logits, strategy)
        drawn = self.torch.multinomial(probs, num_samples=1)
        return ids.gather(1, drawn).squeeze(1)

    def kept(self, row: Floats, strategy: Strategy) -> Ints:
        logits = self.torch.from_numpy(row[None]).to(self._device)
        probs, ids = self._survivors(logits, strategy)
        return np.asarray(ids[0][probs[0] > 0.0].cpu().numpy())


class TorchCuda(Torch):
    name = "torch cuda"
    _on_cuda = True


class TorchCudaSurvivors(TorchSurvivors):
    name = "torch cuda survivors"
    _on_cuda = True
