"""What requests ask for, penalties, biases, masks and log-probabilities: lmsample's by the C calls,
vLLM's sampler in PyTorch on the CPU, and llama.cpp's chain."""

from __future__ import annotations

import ctypes
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from peers_common import Floats, Ints, Peer, Step, cores
from peers_llama import LlamaCpp
from peers_ours import Batch, Calls, View
from peers_reference import Wrong
from peers_torch import import_torch

HISTORY, DISTINCT = 2000, 1000  # tokens of each row's sequence, the first half its prompt
BIAS, TOP = 300, 20
TEMPERATURE = 0.8
REPETITION, FREQUENCY, PRESENCE = 1.05, 0.25, 0.5
TOLERANCE = 1e-4  # of an edited logit: everybody rounds at other places

Doubles = npt.NDArray[np.float64]


class Ask(NamedTuple):
    """What every row of a batch asks for."""

    penalties: bool = False
    bias: bool = False
    mask: bool = False
    top: bool = False


ASKS: Dict[str, Ask] = {
    "penalties": Ask(penalties=True),
    "bias": Ask(bias=True),
    "mask": Ask(mask=True),
    "top 20": Ask(top=True),
    "penalties + bias": Ask(penalties=True, bias=True),
    "penalties + bias + mask": Ask(penalties=True, bias=True, mask=True),
    "penalties + bias + mask + top 20": Ask(True, True, True, True),
}


class World:
    """What the rows of a batch have: sequences, biases and masks, the same for everybody."""

    def __init__(self, rows: int, vocab: int) -> None:
        generator = np.random.default_rng(50)
        self.rows, self.vocab = rows, vocab
        distinct = min(DISTINCT, vocab // 2)
        self.tokens = np.empty((rows, HISTORY), np.int32)
        self.bias_ids = np.empty((rows, min(BIAS, vocab)), np.int32)
        for row in range(rows):
            known = generator.permutation(vocab)[:distinct]
            more = known[(distinct * generator.random(HISTORY - distinct) ** 3).astype(int)]
            self.tokens[row] = generator.permutation(np.concatenate((known, more)))
            self.bias_ids[row] = generator.permutation(vocab)[: self.bias_ids.shape[1]]
        self.prompt = HISTORY // 2
        self.bias = generator.uniform(-4, 4, self.bias_ids.shape).astype(np.float32)
        self.allowed = generator.random((rows, vocab)) < 0.5
        self.allowed[:, 0] = True

    def bits(self) -> Ints:
        """The mask as xgrammar and llguidance have it."""
        words = -(-self.vocab // 32)
        padded = np.zeros((self.rows, 32 * words), bool)
        padded[:, : self.vocab] = self.allowed
        return np.packbits(padded, axis=1, bitorder="little").view(np.uint32)


def edited(world: World, row: int, logits: Floats, ask: Ask, counts_prompt: bool) -> Doubles:
    """By the definition, in float64: biases, repetition of prompt and output, frequency and
    presence of the output or, as llama.cpp's, of both; then the mask."""
    x = logits.astype(np.float64)
    if ask.bias:
        np.add.at(x, world.bias_ids[row], world.bias[row].astype(np.float64))
    if ask.penalties:
        tokens = world.tokens[row]
        there = np.bincount(tokens, minlength=world.vocab) > 0
        counted = tokens if counts_prompt else tokens[world.prompt :]
        counts = np.bincount(counted, minlength=world.vocab)
        x = np.where(there, np.where(x > 0, x / REPETITION, x * REPETITION), x)
        x -= FREQUENCY * counts + PRESENCE * (counts > 0)
    if ask.mask:
        x[~world.allowed[row]] = -np.inf
    return x


def check_greedy(who: str, world: World, logits: Floats, ask: Ask, counts_prompt: bool,
                 tokens: Ints) -> int:
    """Each row's token has the largest edited logit, or one as large within TOLERANCE."""
    for row, token in enumerate(tokens.tolist()):
        x = edited(world, row, logits[row], ask, counts_prompt)
        if not 0 <= token < len(x) or not x[token] >= x.max() - TOLERANCE:
            raise Wrong(f"{who}: {ask}: row {row} has token {token}, the definition has "
                        f"{int(x.argmax())}")
    return len(tokens)


class Asker(Peer):
    """A sampler of rows that ask for something."""

    counts_prompt = False

    def begin(self, world: World) -> None:
        """Behind load()."""
        raise NotImplementedError

    def ask(self, ask: Ask, temperature: float) -> Optional[Step]:
        """None: it has no such thing."""
        raise NotImplementedError


# --- vLLM's, in PyTorch ----------------------------------------------------------------------


class TorchRequests(Asker):
    """What vLLM's V1 sampler does with a batch on a CPU, written anew: counts of prompts and
    outputs over the whole vocabulary by scatter_add, penalties by where and masks of them,
    log_softmax of the logits, topk of that, the draw by exponential numbers. Tensors of tokens,
    lists and masks are there before, which vLLM makes in every step; edits are in place but for
    the first."""

    name = "torch"

    def __init__(self) -> None:
        self.torch = import_torch(False)
        self.version = str(self.torch.__version__)
        self.threads = cores()
        self.torch.set_num_threads(self.threads)

    def load(self, batches: Sequence[Floats]) -> None:
        self._batches = [self.torch.from_numpy(batch) for batch in batches]

    def begin(self, world: World) -> None:
        torch = self.torch
        tokens = torch.from_numpy(world.tokens).long()
        self._prompts = tokens[:, : world.prompt].contiguous()
        self._outputs = tokens[:, world.prompt :].contiguous()
        self._banned = torch.from_numpy(~world.allowed)
        self._ids = torch.from_numpy(world.bias_ids).long()
        self._rows = torch.arange(world.rows)[:, None].expand(self._ids.shape)
        self._bias = torch.from_numpy(world.bias)
        column = torch.ones((world.rows, 1))
        self._repetition = REPETITION * column
        self._frequency, self._presence = FREQUENCY * column, PRESENCE * column

    def _counts(self, tokens: Any, vocab: int) -> Tuple[Any, Any]:
        shape = (len(tokens), vocab + 1)  # one more, for what pads
        counts = self.torch.zeros(shape, dtype=self.torch.long)
        counts.scatter_add_(1, tokens, self.torch.ones_like(tokens))
        counts = counts[:, :vocab]
        return counts, counts > 0

    def _penalized(self, x: Any, is_own: bool) -> Any:
        torch, vocab = self.torch, x.shape[1]
        _, in_prompt = self._counts(self._prompts, vocab)
        counts, in_output = self._counts(self._outputs, vocab)
        factors = torch.where(in_prompt | in_output, self._repetition.expand(x.shape), 1.0)
        factors = torch.where(x > 0, 1.0 / factors, factors)
        x = x.mul_(factors) if is_own else x * factors
        x -= self._frequency * counts
        x -= self._presence * in_output
        return x

    def _edited(self, logits: Any, ask: Ask) -> Any:
        x = logits
        if ask.mask:
            x = x.masked_fill(self._banned, -float("inf"))
        if ask.bias:
            change = x.index_put_ if x is not logits else x.index_put
            x = change((self._rows, self._ids), self._bias, accumulate=True)
        if ask.penalties:
            x = self._penalized(x, x is not logits)
        return x

    def _drawn(self, x: Any, is_own: bool, temperature: float) -> Any:
        if temperature == 0.0:
            return x.argmax(dim=-1)
        x = x.div_(temperature) if is_own else x / temperature
        probs = x.softmax(dim=-1, dtype=self.torch.float32)
        return probs.div_(self.torch.empty_like(probs).exponential_()).argmax(dim=-1)

    def ask(self, ask: Ask, temperature: float) -> Optional[Step]:
        def step(batch: int) -> Ints:
            with self.torch.inference_mode():
                logits = self._batches[batch]
                raw = logits.log_softmax(dim=-1, dtype=self.torch.float32) if ask.top else None
                x = self._edited(logits, ask)
                tokens = self._drawn(x, x is not logits, temperature)
                if raw is not None:
                    self.best = raw.topk(TOP, dim=-1)
                    own = raw.gather(-1, tokens[:, None])
                    self.ranks = (raw >= own).sum(-1)
                return np.asarray(tokens.numpy())

        return step


# --- llama.cpp's chain -----------------------------------------------------------------------


class LlamaRequests(LlamaCpp, Asker):
    """A chain for each row, which has accepted the row's tokens: biases, penalties of all of them,
    temperature, the draw. It has neither masks of this kind nor log-probabilities."""

    counts_prompt = True

    def begin(self, world: World) -> None:
        self._world = world

    def _parts(self, row: int, ask: Ask, temperature: float) -> List[Any]:
        api, world = self._llama, self._world
        parts = []
        if ask.bias:
            pairs = zip(world.bias_ids[row].tolist(), world.bias[row].tolist())
            biases = (api.llama_logit_bias * len(world.bias[row]))(*pairs)
            parts.append(api.llama_sampler_init_logit_bias(world.vocab, len(biases), biases))
        if ask.penalties:
            made = api.llama_sampler_init_penalties
            values = (HISTORY, REPETITION, FREQUENCY, PRESENCE)
            with_vocab = len(made.argtypes) == 5  # some versions ask for it
            parts.append(made(world.vocab, *values) if with_vocab else made(*values))
        if temperature == 0.0:
            parts.append(api.llama_sampler_init_greedy())
        else:
            parts.append(api.llama_sampler_init_temp(temperature))
            parts.append(api.llama_sampler_init_dist(1234 + row))
        return parts

    def _row_chain(self, row: int, ask: Ask, temperature: float) -> Any:
        api = self._llama
        chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        for part in self._parts(row, ask, temperature):
            api.llama_sampler_chain_add(chain, part)
        for token in self._world.tokens[row].tolist() if ask.penalties else ():
            api.llama_sampler_accept(chain, token)
        return chain

    def ask(self, ask: Ask, temperature: float) -> Optional[Step]:
        if ask.mask or ask.top:
            return None
        return self.steps([self._row_chain(row, ask, temperature)
                           for row in range(self._world.rows)])


# --- lmsample's ------------------------------------------------------------------------------

_POINTER, _SIZE, _UINT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32
_FLOAT32 = 1
_LOGPROB_RAW, _RANK_RAW, _TOP = 1, 32, 512
_EDITS = 1
_LLAMA_CPP = 4 | 16  # frequency and presence count the prompt too

#: lms_row_edits
_ROW_EDITS = np.dtype([
    ("repetition", np.float32), ("frequency", np.float32), ("presence", np.float32),
    ("window", np.uint32), ("flags", np.uint32), ("bias", np.uint32), ("others", np.uint32, (20,)),
    ("guidance", np.float32), ("reserved", np.uint32, (5,)),
])
#: lms_row_wants
_ROW_WANTS = np.dtype([("top_n", np.uint32), ("named", np.uint32), ("flags", np.uint32),
                       ("reserved", np.uint32)])


class SlotsDesc(ctypes.Structure):
    """lms_slots_desc"""

    _fields_ = [
        ("max_tokens", ctypes.c_uint64),
        ("max_slots", _UINT),
        ("max_length", _UINT),
        ("vocab", _UINT),
        ("tokens", ctypes.c_int),
        ("max_in_flight", _UINT),
        ("max_call", _UINT),
        ("reserved", _UINT * 2),
    ]


class SlotsOpen(ctypes.Structure):
    """lms_slots_open_args"""

    _fields_ = [
        ("count", _UINT),
        ("lengths", _POINTER),
        ("prompts", _POINTER),
        ("ignored", _POINTER),
        ("firsts", _POINTER),
        ("tokens", _POINTER),
        ("tokens_device", View),
        ("token_count", _SIZE),
        ("names", _POINTER),
    ]


class Tables(ctypes.Structure):
    """lms_tables"""

    _fields_ = [
        ("edit_count", _UINT),
        ("want_count", _UINT),
        ("list_count", _UINT),
        ("mask_count", _UINT),
        ("edits", _POINTER),
        ("edits_device", View),
        ("wants", _POINTER),
        ("wants_device", View),
        ("list_offsets", _POINTER),
        ("list_offsets_device", View),
        ("list_ids", _POINTER),
        ("list_ids_device", View),
        ("list_values", _POINTER),
        ("list_values_device", View),
        ("list_entries", _SIZE),
        ("masks", _POINTER),
        ("masks_device", View),
        ("mask_type", _UINT),
        ("mask_columns", _UINT),
        ("mask_stride", _SIZE),
    ]


class OursRequests(Calls, Asker):
    """lms_sampler with its logits in buffers and its sequences in slots; records, lists and masks
    are on the host, and copied in every call. A step ends when all that was asked for is on the
    host."""

    name = "lmsample"

    def __init__(self, lmsample: Any, context: Any, counts_prompt: bool = False) -> None:
        super().__init__(lmsample, context)
        self._lmsample = lmsample
        self.counts_prompt = counts_prompt
        self._buffers: List[ctypes.c_void_p] = []
        self._samplers: List[Tuple[ctypes.c_void_p, ctypes.c_void_p]] = []
        self._slots: Optional[ctypes.c_void_p] = None
        self._step = 0
        self.results_of(["lms_slots_create", "lms_slots_open", "lms_sampler_create",
                         "lms_sampler_run"])
        for name in ("lms_slots_destroy", "lms_sampler_destroy"):
            getattr(self._lib, name).restype = None

    def load(self, batches: Sequence[Floats]) -> None:
        self.close()
        self._batches = batches
        self._buffers = [self.buffer_of(batch.ctypes.data, batch.nbytes) for batch in batches]

    def close(self) -> None:
        """Gives back what load(), begin() and ask() took."""
        for sampler, words in self._samplers:
            self._lib.lms_sampler_destroy(sampler)
            self.release(words)
        if self._slots is not None:
            self._lib.lms_slots_destroy(self._slots)
        for buffer in self._buffers:
            self.release(buffer)
        self._samplers, self._slots, self._buffers = [], None, []

    def begin(self, world: World) -> None:
        self._world = world
        self._masks = world.bits()
        self._offsets = np.arange(world.rows + 1, dtype=np.uint32) * world.bias.shape[1]
        desc = SlotsDesc(max_slots=world.rows, max_length=HISTORY, vocab=world.vocab)
        self._slots = ctypes.c_void_p()
        self.check(self._lib.lms_slots_create(self._context._handle, ctypes.byref(desc),
                                              ctypes.byref(self._slots)))
        self._names = np.zeros(world.rows, np.uint64)
        length, prompt = _UINT(HISTORY), _UINT(world.prompt)
        for row in range(world.rows):
            tokens = np.ascontiguousarray(world.tokens[row])
            given = SlotsOpen(
                count=1, lengths=ctypes.addressof(length), prompts=ctypes.addressof(prompt),
                tokens=tokens.ctypes.data, token_count=HISTORY,
                names=self._names[row:].ctypes.data)
            self.check(self._lib.lms_slots_open(self._slots, self._queue, ctypes.byref(given),
                                                _UINT(0), None, None))
            self.finish()

    def _sampler(self, ask: Ask) -> ctypes.c_void_p:
        world = self._world
        size = 256 * world.rows + 4 * (self._masks.size + 2 * world.bias.size + world.rows + 1)
        desc = self._lmsample._library.SamplerDesc(
            vocab=world.vocab, max_rows=world.rows, logits=_FLOAT32, requests=_EDITS,
            outputs=_LOGPROB_RAW | _RANK_RAW | _TOP if ask.top else 0,
            max_top=TOP if ask.top else 0, max_lists=world.rows, table_bytes=size, slots=self._slots)
        sampler = ctypes.c_void_p()
        self.check(self._lib.lms_sampler_create(self._context._handle, ctypes.byref(desc),
                                                ctypes.byref(sampler)))
        return sampler

    def _edits(self, ask: Ask) -> Ints:
        records = np.zeros(self._world.rows, _ROW_EDITS)
        records["repetition"] = records["guidance"] = 1.0
        if ask.penalties:
            records["repetition"], records["frequency"] = REPETITION, FREQUENCY
            records["presence"] = PRESENCE
        records["flags"] = _LLAMA_CPP if self.counts_prompt else 0
        if ask.bias:
            records["bias"] = 1 + np.arange(self._world.rows)
        return records

    def _tables(self, ask: Ask, edits: Ints, wants: Ints) -> Tables:
        world = self._world
        tables = Tables(edit_count=world.rows, edits=edits.ctypes.data, want_count=1,
                        wants=wants.ctypes.data)
        if ask.bias:
            tables.list_count = world.rows
            tables.list_offsets = self._offsets.ctypes.data
            tables.list_ids = world.bias_ids.ctypes.data
            tables.list_values = world.bias.ctypes.data
        if ask.mask:
            tables.mask_count, tables.masks = world.rows, self._masks.ctypes.data
            tables.mask_columns = self._masks.shape[1]
        return tables

    def _params(self, ask: Ask, temperature: float) -> Ints:
        rows = self._world.rows
        records = np.zeros(rows, self._lmsample._library.ROW_PARAMS)
        records["seed"] = np.arange(1, rows + 1)
        records["temperature"], records["top_p"] = temperature, 1.0
        records["slot"] = self._names if ask.penalties else 0
        numbers = 1 + np.arange(rows)
        records["edits"] = numbers if ask.penalties or ask.bias else 0
        records["mask"] = numbers if ask.mask else 0
        records["wants"] = 1 if ask.top else 0
        return records

    def ask(self, ask: Ask, temperature: float) -> Optional[Step]:
        rows = self._world.rows
        edits, wants = self._edits(ask), np.zeros(1, _ROW_WANTS)
        wants["top_n"] = TOP if ask.top else 0
        params, tables = self._params(ask, temperature), self._tables(ask, edits, wants)
        told = np.zeros(rows * (3 + 2 * TOP if ask.top else 1), np.int32)
        words, sampler = self.buffer(told.nbytes), self._sampler(ask)
        self._samplers.append((sampler, words))
        batch = Batch(rows=rows, params=params.ctypes.data, tokens=View(words, 0),
                      tables=ctypes.addressof(tables))
        if ask.top:
            batch.logprob_raw, batch.rank_raw = View(words, rows), View(words, 2 * rows)
            batch.top_tokens = View(words, 3 * rows)
            batch.top_values = View(words, (3 + TOP) * rows)

        def step(number: int) -> Ints:
            self._step += 1
            params["step"] = self._step
            batch.logits = View(self._buffers[number], 0)
            self.check(self._lib.lms_sampler_run(sampler, self._queue, ctypes.byref(batch),
                                                 _UINT(0), None, None))
            self.read(words, told)
            self.told, self.kept_alive = told, (edits, wants, tables)
            return told[:rows]

        return step


# --- Both ------------------------------------------------------------------------------------


def check_best(ours: OursRequests, peer: TorchRequests, rows: int) -> None:
    """After a step of both on the same logits: the best tokens' log-probabilities."""
    values = ours.told[(3 + TOP) * rows :].view(np.float32).reshape(rows, TOP)
    wanted = peer.best.values.numpy()
    if not np.allclose(values, wanted, rtol=0, atol=TOLERANCE):
        raise Wrong(f"lmsample: log-probabilities of the best {TOP} tokens differ from torch's by "
                    f"{np.abs(values - wanted).max():.2e}")


def check_asks(ours: OursRequests, peer: Asker, batches: Sequence[Floats], world: World,
               ask: Ask) -> int:
    """Greedy tokens of both against the definition, which so agree with each other; returns the
    rows looked at."""
    checked = 0
    for who in (ours, peer):
        step = who.ask(ask, 0.0)
        assert step is not None
        checked = check_greedy(who.name, world, batches[0], ask, who.counts_prompt, step(0))
    if ask.top and isinstance(peer, TorchRequests):
        check_best(ours, peer, world.rows)
    return checked
