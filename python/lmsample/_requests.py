"""What rows ask for beside how they are sampled: Edits, masks, and what is to come back."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._dlpack import as_numpy
from ._library import (
    MASK_BITS,
    MASK_BYTES,
    MAX_LISTS,
    MAX_NAMED,
    NO_TOKEN,
    ROW_EDITS,
    ROW_WANTS,
    WANT_LOGITS,
    WANT_RANK_FROM_0,
    WANTS,
    Tables,
)
from ._params import IntParam, _whole

Array = npt.NDArray[Any]
Tokens = Union[Sequence[int], npt.NDArray[Any]]
Bias = Union[Mapping[int, float], Tuple[Tokens, Union[Sequence[float], npt.NDArray[Any]]]]

#: Whose tokens the penalties count, and in which order they come; a preset is a set of them.
REPETITION_NOT_PROMPT = 1
REPETITION_NOT_OUTPUT = 2
FREQUENCY_PROMPT = 4
FREQUENCY_NOT_OUTPUT = 8
PRESENCE_PROMPT = 16
PRESENCE_NOT_OUTPUT = 32
ADDITIVE_FIRST = 64
ADDITIVE_TEMPERED = 128
_IGNORE_END = 256
GUIDANCE_LOGPROBS = 512
BAD_WORDS_PROMPT = 1024

EDIT_PRESETS: Dict[str, int] = {
    "vllm": 0,
    "hugging-face": GUIDANCE_LOGPROBS | BAD_WORDS_PROMPT,
    "llama.cpp": FREQUENCY_PROMPT | PRESENCE_PROMPT,
    "tensorrt-llm": FREQUENCY_PROMPT | PRESENCE_PROMPT | ADDITIVE_TEMPERED | BAD_WORDS_PROMPT,
    "sglang": REPETITION_NOT_PROMPT | ADDITIVE_FIRST,
    "mlc": REPETITION_NOT_PROMPT | ADDITIVE_FIRST,
}

#: All flags but that of ignore_end, which has a field of its own.
_PRESET_FLAGS = 2047 & ~_IGNORE_END

_MOST = 2**32 - 1
_COUNT = "a whole number from 0 to 2^32 - 1"
LIST_FIELDS = (
    "bias",
    "sequence_bias",
    "allowed",
    "banned",
    "bad_words",
    "end_tokens",
    "encoder",
    "dry_breakers",
)


class TokenList(NamedTuple):
    """A list as the C library has it: a sequence ends in NO_TOKEN."""

    ids: Array
    values: Optional[Array]
    most: int  # largest id, -1 of an empty list


def _float(name: str, value: Any, least: float, most: float, rule: str) -> np.float32:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name}: {value!r} is not a number")
    if not least <= float(value) <= most:
        raise ValueError(f"{name}: is {value}, must be {rule}")
    return np.float32(value)


def _count(name: str, value: Any, rule: str = _COUNT) -> int:
    value = int(value) if isinstance(value, np.integer) else value
    return int(_whole(name, value, 1, 0, _MOST, rule))


def _token(name: str, value: Any) -> int:
    """As 1 + it; 0: none."""
    if value is None or (type(value) is int and value == -1):
        return 0
    return 1 + int(_whole(name, value, 1, 0, 2**20 - 1, "a token"))


def listed(name: str, values: Any, what: str = "a sequence") -> List[Any]:
    try:
        return list(values)
    except TypeError:
        raise TypeError(f"{name}: is a {type(values).__name__}, must be {what}") from None


def _ids(name: str, tokens: Any) -> Array:
    tokens = as_numpy(name, tokens)
    if not isinstance(tokens, np.ndarray):
        tokens = listed(name, tokens, "a sequence of tokens")
        # Histories are long, and most are lists of int: no look at each, then.
        is_plain = set(map(type, tokens)) <= {int} and max(tokens, default=0) < 2**31
        tokens = np.array(tokens, np.int64 if is_plain and min(tokens, default=0) >= 0 else object)
    if tokens.ndim != 1:
        raise ValueError(f"{name}: has shape {tokens.shape}, must have one dimension")
    rule = "a token, from 0"
    whole: Array = np.asarray(_whole(name, tokens, len(tokens), 0, 2**20 - 1, rule)).reshape(-1)
    return whole.astype(np.int32)


def _list(ids: Array, values: Optional[Array] = None) -> TokenList:
    return TokenList(
        np.ascontiguousarray(ids, np.int32), values, int(ids.max()) if len(ids) else -1
    )


def _biases(name: str, values: Any, count: int) -> Array:
    try:
        given: Array = np.asarray(as_numpy(name, values), dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: its values must be numbers") from None
    if len(given) != count:
        raise ValueError(f"{name}: has {len(given)} values, must have {count}, one for each token")
    with np.errstate(over="ignore"):
        found: Array = given.astype(np.float32)
    bad = np.flatnonzero(np.isnan(found))
    if len(bad):
        raise ValueError(f"{name}: value {bad[0]} is NaN, must be a number")
    bad = np.flatnonzero(np.isinf(found) & ~np.isinf(given))
    if len(bad):
        rule = "infinite, or a number that float32 has room for"
        raise ValueError(f"{name}: value {bad[0]} is {given[bad[0]]}, must be {rule}")
    return found


def _bias(value: Any) -> TokenList:
    pair = (value.keys(), value.values()) if isinstance(value, Mapping) else value
    pair = listed("bias", pair, "{token: value} or (tokens, values)")
    if len(pair) != 2:
        raise ValueError(f"bias: has {len(pair)} parts, must be {{token: value}} or (tokens, values)")
    tokens, values = pair[0], pair[1]
    if isinstance(value, Mapping):
        values = list(values)
    ids = _ids("bias", tokens)
    return _list(ids, _biases("bias", values, len(ids)))


def _sequences(name: str, value: Any) -> Tuple[List[Array], Array]:
    """Each by itself, and one behind the other with NO_TOKEN behind each."""
    parts: List[Array] = []
    end = np.array([NO_TOKEN], np.int32)
    for number, sequence in enumerate(listed(name, value, "a sequence of sequences")):
        ids = _ids(f"{name}[{number}]", sequence)
        if len(ids) == 0:
            raise ValueError(f"{name}[{number}]: is empty, must have at least one token")
        parts.append(ids)
    pieces = [piece for ids in parts for piece in (ids, end)]
    return parts, np.concatenate(pieces) if pieces else np.zeros(0, np.int32)


def _sequence_bias(value: Any) -> TokenList:
    name = "sequence_bias"
    if not isinstance(value, Mapping):
        value = listed(name, value, "{(token, ...): value} or pairs of them")
    sequences = list(value.keys()) if isinstance(value, Mapping) else [item[0] for item in value]
    values = list(value.values()) if isinstance(value, Mapping) else [item[1] for item in value]
    parts, ids = _sequences(name, sequences)
    each = _biases(name, values, len(parts))
    filled: Array = np.zeros(len(ids), np.float32)
    filled[ids == NO_TOKEN] = each
    return _list(ids, filled)


def _made_list(name: str, value: Any) -> TokenList:
    if name == "bias":
        return _bias(value)
    if name == "sequence_bias":
        return _sequence_bias(value)
    if name in ("bad_words", "dry_breakers"):
        return _list(_sequences(name, value)[1])
    return _list(_ids(name, value))


def _preset(value: Any) -> int:
    if isinstance(value, str) and value in EDIT_PRESETS:
        return EDIT_PRESETS[value]
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if is_whole and 0 <= value and not int(value) & ~_PRESET_FLAGS:
        return int(value)
    raise ValueError(
        f"preset: is {value!r}, must be vllm, hugging-face, llama.cpp, tensorrt-llm, sglang or "
        "mlc, or flags, such as lmsample.ADDITIVE_FIRST"
    )


@dataclass(frozen=True, eq=False)
class Edits:
    """What is done to a row's logits before temperature and filters. Any number of rows, calls
    and samplers may share one. None is off, everywhere. In the order in which they are done;
    docs/use/requests.md has what stacks do differently.

    Penalties, n-grams, DRY, decays and sequences look back at the tokens so far: those of the
    row's slot, or of `history`. Without either there are none.
    """

    guidance: Optional[float] = None
    """With `unconditional` of the call: u + guidance * (c - u); 1: off."""
    bias: Optional[Bias] = None
    """{token: value}, or (tokens, values): added. -inf bans."""
    sequence_bias: Any = None
    """{(token, ...): value}: added to the last token of a sequence where the tokens before it
    are the row's last ones."""
    repetition: Optional[float] = None
    """2^-24 to 2^24; 1: off. Logits above 0 of tokens that are there are divided by it, others
    multiplied."""
    frequency: Optional[float] = None
    """Subtracted for each time that the token is there; 0: off."""
    presence: Optional[float] = None
    """Subtracted if the token is there at all; 0: off."""
    window: Optional[int] = None
    """Only the last so many tokens count for these three; 0, -1: all."""
    preset: Union[str, int] = "vllm"
    """Whose tokens these three count, and their order: a name of EDIT_PRESETS, or flags."""
    dry_multiplier: Optional[float] = None
    """DRY: 0: off. Subtracted from a token that would repeat what follows n tokens like the last
    n: multiplier * base ^ (n - allowed_length)."""
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_range: Optional[int] = None
    """It looks at the last so many tokens; 0, -1: all."""
    dry_breakers: Optional[Iterable[Tokens]] = None
    """Sequences at which a repetition ends."""
    decay_start: int = 0
    decay_factor: Optional[float] = None
    """With more than decay_start tokens generated, end tokens get
    |logit| * (factor ^ (generated - start) - 1) added; at least 1."""
    allowed: Optional[Tokens] = None
    """All other tokens are banned."""
    banned: Optional[Tokens] = None
    bad_words: Optional[Iterable[Tokens]] = None
    """Sequences that may not be there."""
    end_tokens: Optional[Tokens] = None
    """For min_tokens, ignore_end and decay_factor."""
    min_tokens: Optional[int] = None
    """End tokens are banned until so many are generated."""
    ignore_end: bool = False
    """End tokens are banned."""
    ngram: Optional[int] = None
    """No n tokens may be there twice; 0: off."""
    encoder_ngram: Optional[int] = None
    """No n tokens of `encoder` may be there."""
    encoder: Optional[Tokens] = None
    forced: Optional[int] = None
    """The only token that may be; -1: none."""
    top_p_decay: Optional[float] = None
    """0 to 1. top_p is multiplied by it for each generated token, ..."""
    top_p_min: float = 0.0
    """... but not below this, ..."""
    top_p_reset: Optional[int] = None
    """... and begins anew behind this token; -1: none."""
    _record: Any = field(init=False, repr=False, default=None)
    _token_lists: Any = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        lists = {
            name: _made_list(name, getattr(self, name))
            for name in LIST_FIELDS
            if getattr(self, name) is not None
        }
        # An empty list is one only of what is allowed.
        lists = {name: made for name, made in lists.items() if len(made.ids) or name == "allowed"}
        object.__setattr__(self, "_token_lists", lists)
        object.__setattr__(self, "_record", self._made_record())

    def _made_record(self) -> Array:
        big = float(np.finfo(np.float32).max)
        record: Array = np.zeros((), ROW_EDITS)

        def number(name: str, off: float, least: float, most: float, rule: str) -> None:
            value = getattr(self, name)
            record[name] = off if value is None else _float(name, value, least, most, rule)

        def count(name: str, minus: bool = False) -> None:
            value = getattr(self, name)
            is_off = value is None or (minus and value == -1)
            record[name] = 0 if is_off else _count(name, value)

        number("repetition", 1.0, 2.0**-24, 2.0**24, "from 2^-24 to 2^24 (1: off)")
        for name in ("frequency", "presence"):
            number(name, 0.0, -big, big, "a finite number (0: off)")
        number("guidance", 1.0, -big, big, "a finite number (1: off)")
        number("dry_multiplier", 0.0, 0.0, big, "a finite number from 0 (off)")
        number("dry_base", 1.75, 1.0, big, "a finite number from 1")
        if self.decay_factor is not None and self.decay_factor != 0:
            number("decay_factor", 0.0, 1.0, big, "a finite number from 1, or 0 (off)")
        number("top_p_decay", 0.0, 0.0, 1.0, "from 0 to 1")
        number("top_p_min", 0.0, 0.0, 1.0, "from 0 to 1")
        for name in ("dry_allowed_length", "min_tokens", "ngram", "encoder_ngram", "decay_start"):
            count(name)
        for name in ("window", "dry_range"):
            count(name, minus=True)
        for name in ("forced", "top_p_reset"):
            record[name] = _token(name, getattr(self, name))
        record["flags"] = _preset(self.preset) | (_IGNORE_END if self.ignore_end else 0)
        return record

    def _check(self, vocab: int) -> None:
        """Are all tokens there?"""
        for name, tokens in self._token_lists.items():
            if tokens.most >= vocab:
                raise ValueError(f"edits: {name} has token {tokens.most}, must be below {vocab}")
        for name in ("forced", "top_p_reset"):
            if self._record[name] > vocab:
                raise ValueError(
                    f"edits: {name} is {self._record[name] - 1}, must be below {vocab}"
                )

    def __repr__(self) -> str:
        given = (
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if f.init and getattr(self, f.name) is not f.default
        )
        return f"Edits({', '.join(given)})"


class Asked(NamedTuple):
    """The arguments of sample() that say what rows ask for."""

    edits: Union[None, Edits, Sequence[Optional[Edits]]] = None
    mask: Any = None
    mask_index: Optional[IntParam] = None
    unconditional: Optional[IntParam] = None
    slots: Any = None
    append: bool = False
    history: Any = None
    target: Optional[IntParam] = None
    top_logprobs: Optional[IntParam] = None
    named: Any = None
    logprobs_of: str = "raw"
    as_logits: bool = False
    ranks_from: int = 1

    def is_any(self) -> bool:
        """Beside outputs."""
        given = [value is not None for value in self[:5] + self[6:10]]
        return any(given) or (self.append, *self[10:]) != (False, "raw", False, 1)


class TableSet:
    """The tables of a call, in the making; what they point to lives as long as they do."""

    def __init__(self, vocab: int) -> None:
        self.vocab = vocab
        self.record = Tables()
        self.top = 0  # most best tokens of a row
        self.named = 0  # most named tokens
        self._kept: List[Any] = []
        self._edits: List[Array] = []
        self._wants: List[Array] = []
        self._lists: List[TokenList] = []
        self._numbers: Dict[int, int] = {}
        self._want_numbers: Dict[Tuple[int, int], int] = {}

    def add_list(self, tokens: TokenList) -> int:
        """1 + its number."""
        number = self._numbers.get(id(tokens))
        if number is None:
            self._lists.append(tokens)
            number = self._numbers[id(tokens)] = len(self._lists)
        return number

    def add_edits(self, edits: Optional[Edits], row: int) -> int:
        """1 + the number of its record; rows that share an object share that."""
        if edits is None:
            return 0
        number = self._numbers.get(id(edits))
        if number is None:
            if not isinstance(edits, Edits):
                raise TypeError(
                    f"edits: row {row} is a {type(edits).__name__}, must be lmsample.Edits or None"
                )
            edits._check(self.vocab)
            record = edits._record.copy()
            for name, tokens in edits._token_lists.items():
                record[name] = self.add_list(tokens)
            self._edits.append(record)
            number = self._numbers[id(edits)] = len(self._edits)
        return number

    def add_wants(self, top: int, named: int, flags: int) -> int:
        if top == 0 and named == 0 and flags == 0:
            return 0
        number = self._want_numbers.get((top, named))
        if number is None:
            self._wants.append(np.array((top, named, flags, 0), ROW_WANTS))
            number = self._want_numbers[top, named] = len(self._wants)
        return number

    def _keep(self, array: Array) -> int:
        kept = np.require(array, requirements=["C", "A"])
        self._kept.append(kept)
        return int(kept.ctypes.data)

    def set_mask(self, mask: Any) -> int:
        """How many rows it has."""
        array = _mask_array(mask)
        rows, columns = array.shape
        self.record.mask_count = rows
        self.record.masks = self._keep(array)
        self.record.mask_type = MASK_BITS if array.dtype.itemsize == 4 else MASK_BYTES
        self.record.mask_columns = columns
        return int(rows)

    @property
    def has_dry(self) -> bool:
        return any(record["dry_multiplier"] != 0 for record in self._edits)

    def finish(self) -> Tables:
        tables = self.record
        if len(self._lists) > MAX_LISTS:
            raise ValueError(f"edits: have {len(self._lists)} lists, must have at most {MAX_LISTS}")
        if self._edits:
            tables.edit_count = len(self._edits)
            tables.edits = self._keep(np.array(self._edits, ROW_EDITS))
        if self._wants:
            tables.want_count = len(self._wants)
            tables.wants = self._keep(np.array(self._wants, ROW_WANTS))
        if self._lists:
            tables.list_count = len(self._lists)
            lengths = [len(tokens.ids) for tokens in self._lists]
            tables.list_offsets = self._keep(np.cumsum([0, *lengths]).astype(np.uint32))
            # An array of none has no address that NumPy promises.
            end: List[Array] = [np.zeros(1, np.int32)]
            tables.list_ids = self._keep(np.concatenate([t.ids for t in self._lists] + end))
            if any(tokens.values is not None for tokens in self._lists):
                values = [
                    np.zeros(len(t.ids), np.float32) if t.values is None else t.values
                    for t in self._lists
                ]
                tables.list_values = self._keep(np.concatenate(values + [np.zeros(1, np.float32)]))
        return tables


def _mask_array(mask: Any) -> Array:
    """Of two dimensions: int32 or uint32 words, or bytes."""
    kind = type(mask).__name__
    mask = as_numpy("mask", mask)
    if not isinstance(mask, np.ndarray):
        raise TypeError(
            f"mask: is a {kind}, must be a NumPy array, a PyTorch tensor or another array with "
            "__dlpack__"
        )
    if mask.ndim == 1:
        mask = mask[np.newaxis]
    if mask.ndim != 2 or mask.shape[1] == 0:
        raise ValueError(
            f"mask: has shape {mask.shape}, must be (rows, words) of bits or (rows, vocabulary)"
        )
    if mask.dtype not in (np.int32, np.uint32, np.bool_, np.uint8):
        raise TypeError(
            f"mask: has values of type {mask.dtype}, must be int32 or uint32 (bits of 32 tokens "
            "each), or bool or uint8 (a token each)"
        )
    array: Array = mask
    return array


def _per_row(name: str, value: Any, rows: int, least: int, most: int, rule: str) -> Array:
    """None among others is the least, which is none."""
    whole = _whole(name, value, rows, least, most, rule, least)
    array: Array = np.broadcast_to(np.asarray(whole).astype(np.int64).reshape(-1), (rows,))
    return array


def _set_mask(records: Array, asked: Asked, tables: TableSet) -> None:
    rows = len(records)
    if asked.mask is None:
        return
    masks = tables.set_mask(asked.mask)
    if asked.mask_index is not None:
        rule = f"a row of the mask, 0 to {masks - 1}, or -1 (none)"
        records["mask"] = 1 + _per_row("mask_index", asked.mask_index, rows, -1, masks - 1, rule)
    elif masks == 1:
        records["mask"] = 1
    elif masks == rows:
        records["mask"] = np.arange(1, rows + 1)
    else:
        raise ValueError(
            f"mask: has {masks} rows, must have 1 or the {rows} of the call, or mask_index"
        )


def _named_lists(named: Any, rows: int) -> List[Optional[TokenList]]:
    """One for each row: of one list of tokens, or of one for each row."""
    if named is None:
        return [None] * rows
    items = listed("named", as_numpy("named", named), "tokens, or a sequence of them for each row")
    is_one = all(isinstance(item, (int, np.integer)) for item in items)
    if is_one and items:
        return [_named(items, "named")] * rows
    if len(items) != rows:
        raise ValueError(f"named: has {len(items)} lists, must have one for each of {rows} rows")
    return [
        None if item is None else _named(item, f"named[{row}]") for row, item in enumerate(items)
    ]


def _named(tokens: Any, name: str) -> TokenList:
    ids = _ids(name, tokens)
    if len(ids) > MAX_NAMED:
        raise ValueError(f"{name}: has {len(ids)} tokens, must have at most {MAX_NAMED}")
    return _list(ids)


def want_flags(of: str, as_logits: bool, ranks_from: int) -> Tuple[int, int]:
    """Of rows that want lists, and of all rows."""
    if of not in WANTS:
        raise ValueError(f"logprobs_of: is {of!r}, must be raw, edited or processed")
    if as_logits and of == "processed":
        raise ValueError("as_logits: must be with logprobs_of raw or edited")
    if ranks_from not in (0, 1):
        raise ValueError(f"ranks_from: is {ranks_from}, must be 0 or 1")
    always = WANT_RANK_FROM_0 if ranks_from == 0 else 0
    return WANTS[of] | (WANT_LOGITS if as_logits else 0), always


def _set_wants(records: Array, asked: Asked, tables: TableSet, max_top: int) -> None:
    rows = len(records)
    flags, always = want_flags(asked.logprobs_of, asked.as_logits, asked.ranks_from)
    top = 0 if asked.top_logprobs is None else asked.top_logprobs
    rule = f"a whole number from 0 to {max_top}"
    tops = _per_row("top_logprobs", top, rows, 0, max_top, rule)
    tables.top = int(tops.max()) if rows else 0
    if asked.top_logprobs is None and asked.named is None and not always:
        return
    for row, tokens in enumerate(_named_lists(asked.named, rows)):
        if tokens is not None and tokens.most >= tables.vocab:
            raise ValueError(f"named: has token {tokens.most}, must be below {tables.vocab}")
        number = 0 if tokens is None else tables.add_list(tokens)
        tables.named = max(tables.named, 0 if tokens is None else len(tokens.ids))
        some = flags if tops[row] or number else 0
        records["wants"][row] = tables.add_wants(int(tops[row]), number, some | always)


def set_requests(
    records: Array, asked: Asked, vocab: int, logits_rows: int, max_top: int
) -> TableSet:
    """Sets what the rows name, and makes the tables that they name it of."""
    rows = len(records)
    tables = TableSet(vocab)
    edits: Any = asked.edits
    if edits is not None:
        each = [edits] * rows if isinstance(edits, Edits) else listed("edits", edits)
        if len(each) != rows:
            raise ValueError(f"edits: has {len(each)} rows, must have one for each of {rows}")
        records["edits"] = [tables.add_edits(item, row) for row, item in enumerate(each)]
    _set_mask(records, asked, tables)
    if asked.unconditional is not None:
        rule = f"a row of the logits, 0 to {logits_rows - 1}, or -1 (none)"
        records["unconditional"] = 1 + _per_row(
            "unconditional", asked.unconditional, rows, -1, logits_rows - 1, rule
        )
    if asked.target is not None:
        rule = f"a token, 0 to {vocab - 1}, or -1 (one is drawn)"
        records["target"] = 1 + _per_row("target", asked.target, rows, -1, vocab - 1, rule)
    _set_wants(records, asked, tables, max_top)
    return tables


def histories_of(history: Any, rows: int) -> List[Optional[Tuple[Array, Array]]]:
    """Prompt and output of each row: a list by itself is what was generated."""
    items = listed("history", history, "a sequence for each row")
    if len(items) != rows:
        raise ValueError(f"history: has {len(items)} rows, must have one for each of {rows}")
    found: List[Optional[Tuple[Array, Array]]] = []
    for row, item in enumerate(items):
        if item is None:
            found.append(None)
            continue
        name = f"history[{row}]"
        prompt: Any = ()
        output: Any = item
        if isinstance(item, Mapping):
            unknown = set(item) - {"prompt", "output"}
            if unknown:
                raise ValueError(f'{name}: has {unknown.pop()!r}, must have "prompt" and "output"')
            prompt, output = item.get("prompt", ()), item.get("output", ())
        elif isinstance(item, tuple) and len(item) == 2 and not _is_token(item[0]):
            prompt, output = item
        found.append((_ids(name, prompt), _ids(name, output)))
    return found


def _is_token(value: Any) -> bool:
    return isinstance(value, (int, np.integer))
