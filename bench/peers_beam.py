"""Steps of beam search: lmsample's by the C calls, and PyTorch's in Hugging Face's formulas."""

from __future__ import annotations

import ctypes
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from peers_common import Floats, Ints, Peer, Step, cores
from peers_ours import Calls, Filters, View
from peers_reference import Wrong
from peers_torch import import_torch

SIZES = ((64, 1), (16, 4), (8, 8), (4, 16), (1, 64), (1, 4), (64, 4))
LENGTH = 4096  # after so many tokens our searches begin anew
TOLERANCE = 1e-4
CHECKED_STEPS = 3
_NEVER = -1e9  # Hugging Face's score of beams that are not there yet

_POINTER, _SIZE, _UINT, _FLOAT = (
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_float
)


class Moves(NamedTuple):
    """The best continuations of each request, its beams in falling order: [requests, beams]."""

    parents: Ints  # which of the request's beams they continue
    tokens: Ints
    scores: Floats


# --- PyTorch ---------------------------------------------------------------------------------


class TorchBeams(Peer):
    """As transformers' generate() with num_beams: log_softmax in float32, the sums, torch.topk
    over all continuations of a request, twice as many as it has beams."""

    name = "torch"

    def __init__(self) -> None:
        self.torch = import_torch(False)
        self.version = str(self.torch.__version__)
        self.threads = cores()
        self.torch.set_num_threads(self.threads)

    def load(self, batches: Sequence[Floats]) -> None:
        self._batches = [self.torch.from_numpy(batch) for batch in batches]

    def begin(self, requests: int, width: int) -> None:
        """Searches of which only the first beams are there."""
        self._requests, self._width = requests, width
        scores = self.torch.full((requests, width), _NEVER)
        scores[:, 0] = 0.0
        self.continue_from(scores.numpy())

    def continue_from(self, scores: Floats) -> None:
        self._scores = self.torch.from_numpy(scores.reshape(-1).copy())

    def totals(self, batch: int) -> Any:
        """Of all continuations: [requests, beams * vocabulary]."""
        logits = self._batches[batch]
        scores = self.torch.nn.functional.log_softmax(logits.float(), dim=-1)
        scores = scores + self._scores[:, None]
        return scores.view(self._requests, self._width * logits.shape[1])

    def step(self, batch: int) -> Moves:
        with self.torch.inference_mode():
            vocab, width = self._batches[batch].shape[1], self._width
            best, at = self.torch.topk(self.totals(batch), 2 * width, dim=1, largest=True,
                                       sorted=True)
            parents = self.torch.div(at, vocab, rounding_mode="floor")[:, :width]
            tokens = (at % vocab)[:, :width]
            self._scores = best[:, :width].reshape(-1)
            return Moves(parents.numpy(), tokens.numpy(), best[:, :width].numpy())


# --- lmsample --------------------------------------------------------------------------------


class BeamDesc(ctypes.Structure):
    """lms_beam_desc"""

    _fields_ = [
        ("vocab", _UINT),
        ("max_requests", _UINT),
        ("max_width", _UINT),
        ("max_length", _UINT),
        ("max_end_tokens", _UINT),
        ("max_rows", _UINT),
        ("logits", ctypes.c_int),
        ("tokens", ctypes.c_int),
        ("max_in_flight", _UINT),
        ("work_items", _UINT),
        ("requests", _UINT),
        ("max_lists", _UINT),
        ("table_bytes", _SIZE),
        ("slots", _POINTER),
        ("reserved", _UINT * 2),
    ]


class BeamParams(ctypes.Structure):
    """lms_beam_params"""

    _fields_ = [
        ("seed", ctypes.c_uint64),
        ("filters", Filters),
        ("mode", _UINT),
        ("width", _UINT),
        ("groups", _UINT),
        ("diversity_penalty", _FLOAT),
        ("length_penalty", _FLOAT),
        ("length_counts", _UINT),
        ("early_stopping", _UINT),
        ("flags", _UINT),
        ("prompt_length", _UINT),
        ("min_length", _UINT),
        ("max_length", _UINT),
        ("results", _UINT),
        ("end_tokens", _UINT),
        ("reserved", _UINT * 3),
    ]


class BeamBatch(ctypes.Structure):
    """lms_beam_step_args"""

    _fields_ = [
        ("requests", _UINT),
        ("slots", _POINTER),
        ("first_rows", _POINTER),
        ("logits", View),
        ("row_stride", _SIZE),
        ("logits_rows", _SIZE),
        ("parents", View),
        ("tokens", View),
        ("scores", View),
        ("scores_fixed", View),
        ("done", View),
        ("status", View),
        ("tables", _POINTER),
        ("row_requests", _POINTER),
        ("row_requests_device", View),
    ]


_FLOAT32 = 1


class OursBeams(Calls, Peer):
    """lms_beam with its logits in buffers. A step ends when its moves are on the host."""

    name = "lmsample"

    def __init__(self, lmsample: Any, context: Any) -> None:
        super().__init__(lmsample, context)
        self._beam: Optional[ctypes.c_void_p] = None
        self._buffers: List[ctypes.c_void_p] = []
        self.results_of([f"lms_beam_{name}" for name in ("create", "open", "close", "step")])
        self._lib.lms_beam_destroy.restype = None

    def load(self, batches: Sequence[Floats]) -> None:
        self.close()
        self._batches = batches
        self._buffers = [self.buffer_of(batch.ctypes.data, batch.nbytes) for batch in batches]

    def close(self) -> None:
        """Gives back what load() and begin() took."""
        self._end()
        for buffer in self._buffers:
            self.release(buffer)
        self._buffers = []

    def _end(self) -> None:
        if self._beam is None:
            return
        self._lib.lms_beam_destroy(self._beam)
        self.release(self._moved)
        self._beam = None

    def begin(self, requests: int, width: int) -> None:
        """New searches; all of their beams are there after the first step."""
        self._end()
        vocab = self._batches[0].shape[1]
        desc = BeamDesc(vocab=vocab, max_requests=requests, max_width=width, max_length=LENGTH,
                        logits=_FLOAT32)
        beam = ctypes.c_void_p()
        self.check(self._lib.lms_beam_create(
            self._context._handle, ctypes.byref(desc), ctypes.byref(beam)))
        self._beam = beam
        self._slots = np.arange(requests, dtype=np.uint32)
        rows = requests * width
        self._moves = np.zeros(3 * rows + requests, np.int32)  # parents, tokens, scores, done
        self._moved = self.buffer(self._moves.nbytes)
        self._batch = BeamBatch(requests=requests, slots=self._slots.ctypes.data)
        for place, name in enumerate(("parents", "tokens", "scores", "done")):
            setattr(self._batch, name, View(self._moved, place * rows))
        self._shape, self._length = (requests, width), 0
        self._params = BeamParams(filters=Filters(temperature=1.0, top_p=1.0), width=width, groups=1,
                                  length_penalty=1.0, max_length=LENGTH, results=1)
        self._open()

    def _open(self) -> None:
        for slot in self._slots.tolist():
            self.check(self._lib.lms_beam_open(
                self._beam, self._queue, _UINT(slot), ctypes.byref(self._params), None, _UINT(0),
                None, None))
            self.finish()
        self._length = 0

    def _reopen(self) -> None:
        for slot in self._slots.tolist():
            self.check(self._lib.lms_beam_close(self._beam, _UINT(slot)))
        self._open()

    def step(self, batch: int) -> Moves:
        if self._length + 2 >= LENGTH:
            self._reopen()
        self._length += 1
        self._batch.logits = View(self._buffers[batch], 0)
        self.check(self._lib.lms_beam_step(
            self._beam, self._queue, ctypes.byref(self._batch), _UINT(0), None, None))
        self.read(self._moved, self._moves)
        requests, width = self._shape
        parents, tokens, scores = self._moves[: 3 * requests * width].reshape(3, requests, width)
        return Moves(parents - self._slots[:, None].astype(np.int32) * width, tokens,
                     scores.view(np.float32))


# --- Both ------------------------------------------------------------------------------------


def check_moves(where: str, totals: Floats, vocab: int, ours: Moves, theirs: Moves) -> None:
    """The same scores, within TOLERANCE, at every place; where parents or tokens differ, ours has
    by PyTorch's totals the score of that place too."""
    for request, width in enumerate([ours.tokens.shape[1]] * len(ours.tokens)):
        for place in range(width):
            at = (request, place)
            flat = int(ours.parents[at]) * vocab + int(ours.tokens[at])
            same = (ours.parents[at], ours.tokens[at]) == (theirs.parents[at], theirs.tokens[at])
            known = 0 <= flat < totals.shape[1]
            other = float(totals[request, flat]) if known else float("nan")
            wanted = float(theirs.scores[at])
            if abs(ours.scores[at] - wanted) <= TOLERANCE and (
                    same or abs(other - wanted) <= TOLERANCE):
                continue
            raise Wrong(
                f"lmsample: {where}, request {request}, place {place}: parent "
                f"{ours.parents[at]}, token {ours.tokens[at]}, score {ours.scores[at]:.6f}; torch "
                f"has {theirs.parents[at]}, {theirs.tokens[at]}, {wanted:.6f}"
            )
    if len({(r, p, t) for r in range(len(ours.tokens))
            for p, t in zip(ours.parents[r].tolist(), ours.tokens[r].tolist())}) < ours.tokens.size:
        raise Wrong(f"lmsample: {where}: a continuation is there twice")


def check_beams(ours: OursBeams, peer: TorchBeams, batches: Sequence[Floats], requests: int,
                width: int) -> int:
    """The first steps of both, each from our scores before it. Returns the rows looked at."""
    ours.begin(requests, width)
    peer.begin(requests, width)
    vocab = batches[0].shape[1]
    for number in range(CHECKED_STEPS):
        batch = number % len(batches)
        totals = peer.totals(batch).numpy()
        found, theirs = ours.step(batch), peer.step(batch)
        check_moves(f"{requests} x {width} beams, step {number + 1}", totals, vocab, found, theirs)
        peer.continue_from(found.scores)
    return CHECKED_STEPS * requests * width


def steps_of(ours: OursBeams, peer: TorchBeams) -> Dict[str, Tuple[Peer, Step]]:
    """As peers.time_pair() takes them; both searches go on from where they are."""

    def tokens_of(who: Any) -> Step:
        return lambda batch: who.step(batch).tokens

    return {"ours": (ours, tokens_of(ours)), "peer": (peer, tokens_of(peer))}
