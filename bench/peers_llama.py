"""llama.cpp's sampler chain, through llama-cpp-python: one thread, row after row."""

from __future__ import annotations

import ctypes
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from peers_common import Absent, Floats, Ints, Peer, Step, Strategy

PIP = "not installed: pip install llama-cpp-python"

# llama_token_data
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class LlamaCpp(Peer):
    """As llama_sampler_sample() does it: the row's logits are written into an array of
    candidates, the chain is applied to it, the selected candidate is the token. The filters in
    llama.cpp's order: top-k, top-p, min-p, temperature, then the draw."""

    name = "llama.cpp"
    preset = "llama.cpp"
    band = 2e-3  # it adds up in float32, from the first to the last

    def __init__(self) -> None:
        try:
            import llama_cpp
        except Exception as error:  # a wheel for another processor fails with other errors too
            is_missing = isinstance(error, ModuleNotFoundError)
            raise Absent(PIP if is_missing else f"cannot be imported: {error}") from error
        self._llama: Any = llama_cpp
        self.version = str(llama_cpp.__version__)
        if ctypes.sizeof(llama_cpp.llama_token_data) != _CANDIDATE.itemsize:
            raise Absent(f"llama-cpp-python {self.version} has another llama_token_data")
        self._chains: Dict[Strategy, Any] = {}
        self._batches: Sequence[Floats] = ()
        self._spent: Tuple[float, float] = (0.0, 0.0)

    def load(self, batches: Sequence[Floats]) -> None:
        self._batches = batches
        vocab = batches[0].shape[1]
        self._ids = np.arange(vocab, dtype=np.int32)
        self._candidates = np.zeros(vocab, _CANDIDATE)

    def _chain(self, s: Strategy) -> Any:
        if s in self._chains:
            return self._chains[s]
        api = self._llama
        chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        parts: List[Any] = []
        if s.is_greedy:
            parts = [api.llama_sampler_init_greedy()]
        else:
            if s.top_k > 0:
                parts.append(api.llama_sampler_init_top_k(s.top_k))
            if s.top_p < 1.0:
                parts.append(api.llama_sampler_init_top_p(s.top_p, 1))
            if s.min_p > 0.0:
                parts.append(api.llama_sampler_init_min_p(s.min_p, 1))
            if s.temperature != 1.0:
                parts.append(api.llama_sampler_init_temp(s.temperature))
            parts.append(api.llama_sampler_init_dist(1234))
        for part in parts:
            api.llama_sampler_chain_add(chain, part)
        self._chains[s] = chain
        return chain

    def _fill(self, row: Floats) -> Any:
        """The chain sorts the candidates and cuts them, so each row begins afresh. It writes the
        probabilities before it reads them."""
        self._candidates["id"] = self._ids
        self._candidates["logit"] = row
        array = self._llama.llama_token_data_array()
        address = self._candidates.__array_interface__["data"][0]
        array.data = ctypes.cast(address, type(array.data))
        array.size = len(row)
        array.selected = -1
        array.sorted = False
        return array

    def plan(self, strategies: Sequence[Strategy]) -> Optional[Step]:
        return self.steps([self._chain(strategy) for strategy in strategies])

    def steps(self, chains: Sequence[Any]) -> Step:
        """One chain for each row."""
        apply = self._llama.llama_sampler_apply

        def step(batch: int) -> Ints:
            tokens = np.empty(len(chains), np.int32)
            filled = applied = 0.0
            for number, (row, chain) in enumerate(zip(self._batches[batch], chains)):
                start = time.perf_counter()
                array = self._fill(row)
                middle = time.perf_counter()
                apply(chain, ctypes.byref(array))
                filled += middle - start
                applied += time.perf_counter() - middle
                tokens[number] = self._candidates["id"][array.selected]
            self._spent = (filled, applied)
            return tokens

        return step

    def details(self) -> Dict[str, float]:
        return {"fill_s": self._spent[0], "apply_s": self._spent[1]}

    def kept(self, row: Floats, strategy: Strategy) -> Optional[Ints]:
        if strategy.is_greedy:
            return None
        array = self._fill(row)
        self._llama.llama_sampler_apply(self._chain(strategy), ctypes.byref(array))
        return self._candidates["id"][: array.size].copy()
