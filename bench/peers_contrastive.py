"""Steps of contrastive search: lmsample's by the C calls, and PyTorch's in Hugging Face's formula
and in a kinder one."""

from __future__ import annotations

import ctypes
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from peers_common import Floats, Ints, Peer, Step, cores
from peers_ours import Calls, Filters, View
from peers_reference import Wrong
from peers_torch import import_torch

DTYPES = ("float32", "float16", "bfloat16")
ROOM = 1024  # positions that our steps append before a context begins anew
ALPHA = 0.6
# How far two scores may be apart, by what the peer's formula rounds to its type.
TOLERANCES = {"float32": 1e-4, "float16": 4e-3, "bfloat16": 3e-2}
OUR_TOLERANCE = 1e-4
_DTYPE_NUMBERS = {"float32": 1, "float16": 2, "bfloat16": 3}

_POINTER, _SIZE, _UINT, _FLOAT = (
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_float
)


class Size(NamedTuple):
    requests: int
    context: int
    width: int
    k: int

    def __str__(self) -> str:
        return "x".join(map(str, self))


SIZES = (Size(8, 2048, 4096, 5), Size(8, 512, 768, 5))


def context_bytes(size: Size, dtype: str) -> int:
    return size.requests * size.context * size.width * (4 if dtype == "float32" else 2)


class States:
    """Hidden states of several sets of requests, as PyTorch's tensors: contexts, with one place
    behind each, and candidates. All have a part in common, as those of models do."""

    def __init__(self, torch: Any, size: Size, dtype: str, sets: int) -> None:
        self.size, self.dtype, self.sets = size, dtype, sets
        generator = torch.Generator().manual_seed(1)
        kind = getattr(torch, dtype)
        common = torch.randn(size.width, generator=generator)

        def made(rows: int) -> Any:
            found = torch.empty(size.requests, rows, size.width, dtype=kind)
            for request in found:
                request.copy_(torch.randn(rows, size.width, generator=generator) + common)
            return found

        self.contexts = [made(size.context + 1) for _ in range(sets)]
        self.candidates = [made(size.k) for _ in range(sets)]
        probs = torch.rand(size.requests, size.k, generator=generator)
        self.probs = (probs / (2.0 * probs.sum(dim=1, keepdim=True))).sort(
            dim=1, descending=True
        ).values


# --- PyTorch ---------------------------------------------------------------------------------


class TorchContrastive(Peer):
    """As transformers' generate() with penalty_alpha has it: _ranking_fast() with all that comes
    before and after it in a step, that is, the contexts once for each candidate, and the chosen
    state behind them in new tensors."""

    name = "torch"

    def __init__(self) -> None:
        self.torch = import_torch(False)
        self.version = str(self.torch.__version__)
        self.threads = cores()
        self.torch.set_num_threads(self.threads)

    def begin(self, states: States) -> None:
        self._states, s = states, states.size
        self._mask = self.torch.ones(s.requests * s.k, s.context, dtype=self.torch.int64)

    def _ranking(self, context: Any, candidates: Any, probs: Any) -> Any:
        k = self._states.size.k
        context = context / context.norm(dim=2, keepdim=True)
        candidates = candidates / candidates.norm(dim=2, keepdim=True)
        cosines = self.torch.matmul(context, candidates.transpose(1, 2)).squeeze(-1)
        mask = self._mask.to(dtype=cosines.dtype)
        cosines = cosines + (1 - mask) * self.torch.finfo(cosines.dtype).min
        penalty, _ = self.torch.max(cosines, dim=-1)
        scores = (1.0 - ALPHA) * probs.view(-1) - ALPHA * penalty
        scores = self.torch.stack(self.torch.split(scores, k))
        return scores.max(dim=-1).indices

    def step(self, which: int) -> Ints:
        states, s = self._states, self._states.size
        with self.torch.inference_mode():
            last = states.contexts[which][:, : s.context]
            candidates = states.candidates[which].view(s.requests * s.k, 1, s.width)
            expanded = last.repeat_interleave(s.k, dim=0)
            chosen = self._ranking(expanded, candidates, states.probs)
            state = self.torch.stack(self.torch.split(candidates.squeeze(dim=1), s.k))
            state = state[range(s.requests), chosen, :]
            self._grown = self.torch.cat([last, state.unsqueeze(1)], dim=1)
            return np.asarray(chosen.numpy())


class TorchCached(TorchContrastive):
    """What the same takes where a program takes care: norms of the context are computed once and
    kept, nothing is expanded, and the chosen state goes into a place that is there."""

    name = "torch cached"

    def begin(self, states: States) -> None:
        super().begin(states)
        with self.torch.inference_mode():
            self._inverse = [
                1.0 / context[:, : states.size.context].norm(dim=2)
                for context in states.contexts
            ]

    def step(self, which: int) -> Ints:
        states, s = self._states, self._states.size
        with self.torch.inference_mode():
            context, candidates = states.contexts[which], states.candidates[which]
            cosines = self.torch.einsum("bsw,bkw->bks", context[:, : s.context], candidates)
            penalty = (cosines * self._inverse[which][:, None]).amax(dim=2)
            penalty = penalty / candidates.norm(dim=2)
            chosen = ((1.0 - ALPHA) * states.probs - ALPHA * penalty).argmax(dim=1)
            context[:, s.context] = candidates[range(s.requests), chosen]
            return np.asarray(chosen.numpy())


# --- lmsample --------------------------------------------------------------------------------


class ContrastiveDesc(ctypes.Structure):
    """lms_contrastive_desc"""

    _fields_ = [
        ("max_positions", ctypes.c_uint64),
        ("max_buffer_bytes", ctypes.c_uint64),
        ("vocab", _UINT),
        ("width", _UINT),
        ("max_requests", _UINT),
        ("max_k", _UINT),
        ("max_length", _UINT),
        ("max_rows", _UINT),
        ("logits", ctypes.c_int),
        ("hidden", ctypes.c_int),
        ("tokens", ctypes.c_int),
        ("max_in_flight", _UINT),
        ("work_items", _UINT),
        ("requests", _UINT),
        ("table_bytes", _SIZE),
        ("slots", _POINTER),
        ("max_lists", _UINT),
        ("reserved", _UINT),
    ]


class ContrastiveParams(ctypes.Structure):
    """lms_contrastive_params"""

    _fields_ = [
        ("alpha", _FLOAT),
        ("k", _UINT),
        ("context_begin", _UINT),
        ("context_window", _UINT),
        ("filters", Filters),
        ("reserved", _UINT * 4),
    ]


class ContrastiveStates(ctypes.Structure):
    """lms_contrastive_append_args"""

    _fields_ = [
        ("requests", _UINT),
        ("slots", _POINTER),
        ("counts", _POINTER),
        ("first_rows", _POINTER),
        ("hidden", View),
        ("row_stride", _SIZE),
        ("hidden_rows", _SIZE),
    ]


class ContrastiveProposal(ctypes.Structure):
    """lms_contrastive_propose_args"""

    _fields_ = [
        ("requests", _UINT),
        ("slots", _POINTER),
        ("first_rows", _POINTER),
        ("candidate_rows", _SIZE),
        ("logits", View),
        ("row_stride", _SIZE),
        ("logits_rows", _SIZE),
        ("index", _POINTER),
        ("index_device", View),
        ("tokens", View),
        ("probs", View),
        ("status", View),
        ("tables", _POINTER),
        ("row_requests", _POINTER),
        ("row_requests_device", View),
    ]


class ContrastiveBatch(ctypes.Structure):
    """lms_contrastive_select_args"""

    _fields_ = [
        ("requests", _UINT),
        ("slots", _POINTER),
        ("first_rows", _POINTER),
        ("candidate_rows", _SIZE),
        ("hidden", View),
        ("row_stride", _SIZE),
        ("tokens", View),
        ("probs", View),
        ("next", View),
        ("rows", View),
        ("scores", View),
        ("penalties", View),
        ("row_scores", View),
        ("row_penalties", View),
        ("status", View),
    ]


class OursContrastive(Calls, Peer):
    """lms_contrastive with the candidates in buffers, in the place of those of a proposal that
    looks at no logits. A step ends when its choices are on the host."""

    name = "lmsample"

    def __init__(self, lmsample: Any, context: Any) -> None:
        super().__init__(lmsample, context)
        calls = ("create", "open", "close", "append", "propose", "select")
        self.results_of([f"lms_contrastive_{name}" for name in calls])
        self._lib.lms_contrastive_destroy.restype = None
        self._search: Optional[ctypes.c_void_p] = None

    def close(self) -> None:
        """Gives back what begin() took."""
        if self._search is None:
            return
        self._lib.lms_contrastive_destroy(self._search)
        for buffer in (*self._candidates, self._tokens, self._probs, self._moved, self._figures):
            self.release(buffer)
        self._search = None

    def begin(self, states: States) -> None:
        """Contexts of all sets, each in slots of its own."""
        self.close()
        self._states, s = states, states.size
        rows = s.requests * s.k
        desc = ContrastiveDesc(
            vocab=s.requests * s.k, width=s.width, max_requests=states.sets * s.requests,
            max_k=s.k, max_length=s.context + ROOM, max_rows=rows,
            logits=_DTYPE_NUMBERS["float32"], hidden=_DTYPE_NUMBERS[states.dtype],
        )
        search = ctypes.c_void_p()
        self.check(self._lib.lms_contrastive_create(
            self._context._handle, ctypes.byref(desc), ctypes.byref(search)))
        self._search = search
        self._slots = np.arange(states.sets * s.requests, dtype=np.uint32).reshape(states.sets, -1)
        self._lengths = [0] * states.sets
        self._ids = np.arange(rows, dtype=np.int32)
        self._tokens = self.buffer_of(self._ids.ctypes.data, self._ids.nbytes)
        self._probs = self.buffer_of(states.probs.data_ptr(), 4 * rows)
        self._candidates = [
            self.buffer_of(one.data_ptr(), one.numel() * one.element_size())
            for one in states.candidates
        ]
        self._moves = np.zeros(2 * s.requests, np.int32)  # tokens, rows
        self._moved = self.buffer(self._moves.nbytes)
        self.figures = np.zeros((2, s.requests, s.k), np.float32)  # scores, penalties
        self._figures = self.buffer(self.figures.nbytes)
        self._no_rows = np.full(s.requests, -1, np.int32)
        for which in range(states.sets):
            self._fill(which)

    def _fill(self, which: int) -> None:
        s, params = self._states.size, ContrastiveParams(
            alpha=ALPHA, k=self._states.size.k, filters=Filters(temperature=1.0, top_p=1.0)
        )
        for slot in self._slots[which].tolist():
            if self._lengths[which] > 0:
                self.check(self._lib.lms_contrastive_close(self._search, _UINT(slot)))
            self.check(self._lib.lms_contrastive_open(
                self._search, _UINT(slot), ctypes.byref(params)))
        context = self._states.contexts[which]
        hidden = self.buffer_of(context.data_ptr(), context.numel() * context.element_size())
        counts = np.full(s.requests, s.context, np.uint32)
        first_rows = np.arange(s.requests, dtype=np.uint32) * np.uint32(s.context + 1)
        states = ContrastiveStates(
            requests=s.requests, slots=self._slots[which].ctypes.data, counts=counts.ctypes.data,
            first_rows=first_rows.ctypes.data, hidden=View(hidden, 0),
        )
        self.check(self._lib.lms_contrastive_append(
            self._search, self._queue, ctypes.byref(states), _UINT(0), None, None))
        self.finish()
        self.release(hidden)
        self._lengths[which] = s.context

    def _propose(self, which: int) -> None:
        s = self._states.size
        proposal = ContrastiveProposal(
            requests=s.requests, slots=self._slots[which].ctypes.data,
            logits=View(self._figures, 0), logits_rows=1, index=self._no_rows.ctypes.data,
            tokens=View(self._figures, 0), probs=View(self._figures, s.requests * s.k),
        )
        self.check(self._lib.lms_contrastive_propose(
            self._search, self._queue, ctypes.byref(proposal), _UINT(0), None, None))

    def step(self, which: int, figures: bool = False) -> Ints:
        s = self._states.size
        if self._lengths[which] >= s.context + ROOM:
            self._fill(which)
        self._propose(which)
        batch = ContrastiveBatch(
            requests=s.requests, slots=self._slots[which].ctypes.data,
            hidden=View(self._candidates[which], 0), tokens=View(self._tokens, 0),
            probs=View(self._probs, 0), next=View(self._moved, 0),
            rows=View(self._moved, s.requests),
        )
        if figures:
            batch.row_scores = View(self._figures, 0)
            batch.row_penalties = View(self._figures, s.requests * s.k)
        self.check(self._lib.lms_contrastive_select(
            self._search, self._queue, ctypes.byref(batch), _UINT(0), None, None))
        self._lengths[which] += 1
        self.read(self._moved, self._moves)
        if figures:
            self.read(self._figures, self.figures)
        tokens, rows = self._moves.reshape(2, s.requests)
        if not np.array_equal(tokens, rows):
            raise Wrong(f"lmsample: {s}: rows {rows.tolist()}, tokens {tokens.tolist()}")
        return rows - np.arange(s.requests, dtype=np.int32) * s.k


# --- Both ------------------------------------------------------------------------------------


def exact_figures(torch: Any, states: States, which: int) -> Tuple[Floats, Floats]:
    """Scores and penalties of all candidates, in float64: [requests, k]."""
    penalties = []
    for context, candidates in zip(states.contexts[which], states.candidates[which]):
        known = context[: states.size.context].double()
        cosines = (known @ candidates.double().T) / known.norm(dim=1)[:, None]
        penalties.append(cosines.amax(dim=0) / candidates.double().norm(dim=1))
    penalty = torch.stack(penalties)
    return ((1.0 - ALPHA) * states.probs.double() - ALPHA * penalty).numpy(), penalty.numpy()


def check_choices(who: str, where: str, scores: Floats, chosen: Ints, tolerance: float) -> None:
    """The best candidate, or one whose score is as good within the tolerance."""
    for request, (row, choice) in enumerate(zip(scores, chosen.tolist())):
        if not 0 <= choice < len(row) or row[choice] < row.max() - 2 * tolerance:
            raise Wrong(
                f"{who}: {where}, request {request}: chose {choice}, of the scores "
                f"{[round(float(score), 6) for score in row]}"
            )


def check_figures(where: str, wanted: Floats, found: Floats) -> None:
    off = float(np.abs(found - wanted).max())
    if not off <= OUR_TOLERANCE:
        raise Wrong(f"lmsample: {where}: a figure is off by {off:.3g}")


def check_contrastive(ours: OursContrastive, peers: List[TorchContrastive],
                      states: States) -> int:
    """The first step of each set, of all, against float64. Returns the candidates looked at."""
    for which in range(states.sets):
        where = f"{states.size} {states.dtype}"
        scores, penalties = exact_figures(peers[0].torch, states, which)
        found = ours.step(which, True)
        check_choices("lmsample", where, scores, found, OUR_TOLERANCE)
        check_figures(where, np.stack([scores, penalties]), ours.figures)
        for peer in peers:
            check_choices(peer.name, where, scores, peer.step(which), TOLERANCES[states.dtype])
    return states.sets * states.size.requests * states.size.k


def steps_of(ours: OursContrastive, peer: TorchContrastive) -> Dict[str, Tuple[Peer, Step]]:
    """As peers.time_pair() takes them."""
    return {"ours": (ours, ours.step), "peer": (peer, peer.step)}
