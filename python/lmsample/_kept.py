"""Parameters that are kept between steps: Params, and its columns."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

from ._dlpack import as_numpy
from ._library import (
    LIST_OUTPUT_BITS,
    MASK_BITS,
    MASK_BYTES,
    REQUESTS_DRY,
    ROW_PARAMS,
    ROW_WANTS,
    STEP_OF_SLOT,
    HostBatch,
    Tables,
    lib,
)
from ._params import (
    _flags,
    _fresh_seed,
    _seeds,
    _set_seeds,
    _share,
    _step,
    _temperature,
    _top_k,
    _whole,
)
from ._pools import EditsPool, Lists, set_tables
from ._requests import Edits, TokenList, _mask_array, _named, listed, want_flags
from ._slots import slot_names

if TYPE_CHECKING:
    from ._sampler import Sampler

Array = npt.NDArray[Any]


def _place(name: str, rows: Any) -> str:
    """As messages name it: temperature[3], temperature[2:5]."""
    if isinstance(rows, (int, np.integer)):
        return f"{name}[{rows}]"
    if isinstance(rows, slice):
        if rows == slice(None):
            return name
        ends = ["" if end is None else str(end) for end in (rows.start, rows.stop)]
        return f"{name}[{':'.join(ends)}]"
    return f"{name}[rows]"


# --- Columns of numbers: what is written to the records, and what is read of them -------------


def _number_from_0(name: str, value: Any, rows: int, most: int, what: str) -> Any:
    """1 + a number, of -1 (and None) for none."""
    if value is None:
        return 0
    rule = f"{what}, 0 to {most}, or -1 (none)"
    values = _whole(name, value, rows, -1, most, rule, -1)
    return values + 1 if type(values) is int else values.astype(np.int64) + 1


def _slots(params: Params, name: str, value: Any, rows: int) -> Any:
    params._needs_slots("slot")
    if value is None:
        return 0
    names = slot_names(value, name)
    if len(names) not in (1, rows):
        raise ValueError(
            f"{name}: has {len(names)} names, must have one for each of {rows} rows"
        )
    return names if len(names) == rows else names[0]


def _steps(params: Params, name: str, value: Any, rows: int) -> Any:
    if isinstance(value, str) and value == "slot":
        params._needs_slots("step")
        params._has_step_of_slot = True
        return np.uint64(STEP_OF_SLOT)
    return _step(value, rows, name)


def _unconditional(params: Params, name: str, value: Any, rows: int) -> Any:
    params._needs_requests("unconditional")
    return _number_from_0(name, value, rows, 2**32 - 2, "a row of the logits")


def _target(params: Params, name: str, value: Any, rows: int) -> Any:
    params._needs_requests("target")
    return _number_from_0(name, value, rows, params._sampler.vocab - 1, "a token")


def _mask_index(params: Params, name: str, value: Any, rows: int) -> Any:
    if params._masks is None:
        raise ValueError(f"{name}: must be set behind mask, whose rows it names")
    found = _number_from_0(name, value, rows, len(params._masks) - 1, "a row of the mask")
    params._names_masks = True
    return found


class _Kind(NamedTuple):
    """Of a column."""

    field: str  # of the records
    write: Callable[[Any, str, Any, int], Any]
    from_1: bool = False  # the records have 1 + the number


_KINDS: Dict[str, _Kind] = {
    "temperature": _Kind("temperature", lambda p, n, v, r: _temperature(v, r, n)),
    "top_k": _Kind("top_k", lambda p, n, v, r: _top_k(v, r, n)),
    "top_p": _Kind("top_p", lambda p, n, v, r: _share(n, v, r, "0: greedy, 1: off", 1.0)),
    "min_p": _Kind("min_p", lambda p, n, v, r: _share(n, v, r, "0: off", 0.0)),
    "seed": _Kind("seed", lambda p, n, v, r: _seeds(v, r, n)),
    "step": _Kind("step", _steps),
    "preset": _Kind("flags", lambda p, n, v, r: _flags(v, r, n)),
    "slot": _Kind("slot", _slots),
    "unconditional": _Kind("unconditional", _unconditional, True),
    "target": _Kind("target", _target, True),
    "mask_index": _Kind("mask", _mask_index, True),
}


#: Of steps that were assigned, and may be any.
_ANY_STEP = 2**64


class Column:
    """One parameter of all rows. p.top_k[3], p.top_k[2:5], p.top_k[rows] (numbers, or a bool
    for each row) are read and assigned to; what is assigned is checked then, and never again.
    """

    __slots__ = ("_params", "_name", "_kind")

    def __init__(self, params: Params, name: str) -> None:
        self._params = params
        self._name = name
        self._kind = _KINDS[name]

    def _values(self) -> Array:
        """The records' own."""
        params = self._params
        values: Array = params._views[self._kind.field]
        return values

    def __getitem__(self, rows: Any) -> Any:
        found = self._values()[rows]
        less = 1 if self._kind.from_1 else 0
        if not isinstance(found, np.ndarray):
            return found.item() - less  # NumPy would make a float of its uint64 and an int
        return found.astype(np.int64) - 1 if less else found.copy()

    def __setitem__(self, rows: Any, value: Any) -> None:
        params, kind = self._params, self._kind
        values = params._views[kind.field]
        if kind.field == "step":
            params._most_step = _ANY_STEP
        if kind.field == "seed" and isinstance(rows, slice) and rows == slice(None):
            _set_seeds(params._records[: params._rows], value)
        elif isinstance(rows, (int, np.integer)):
            if not -len(values) <= rows < len(values):
                raise IndexError(f"{self._name}[{rows}]: there are {len(values)} rows")
            found = kind.write(params, f"{self._name}[{rows}]", value, 1)
            values[rows] = found if not isinstance(found, np.ndarray) else found.reshape(-1)[0]
        else:
            count = values[rows].size
            if kind.field == "seed" and value is None:
                value = [None] * count  # one for each, and not one that they share
            values[rows] = kind.write(params, _place(self._name, rows), value, count)

    def __iadd__(self, value: Any) -> Column:
        if self._kind.field == "step":
            self._params._count_up(value)
        else:
            self[:] = self[:] + value
        return self

    def __len__(self) -> int:
        return len(self._values())

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> Array:
        return np.asarray(self[:], dtype=dtype)

    def tolist(self) -> List[Any]:
        values: List[Any] = self[:].tolist()
        return values

    def __repr__(self) -> str:
        return f"{self._name}: {self.tolist()}"


class _ColumnOf:
    """The attribute of Params of that name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, params: Any, owner: object = None) -> Column:
        return self if params is None else Column(params, self._name)  # type: ignore

    def __set__(self, params: Params, value: Any) -> None:
        if not (isinstance(value, Column) and value._params is params):  # as += assigns it
            Column(params, self._name)[:] = value
        elif value._name != self._name:
            Column(params, self._name)[:] = value[:]


class Items:
    """A column of objects: edits, lists of tokens and numbers of best tokens, one or None for
    each row."""

    __slots__ = ("_params", "_name")

    def __init__(self, params: Params, name: str) -> None:
        self._params = params
        self._name = name

    def __getitem__(self, rows: Any) -> Any:
        values = self._params._items_of(self._name)
        if isinstance(rows, (int, np.integer, slice)):
            return values[rows]
        return [values[row] for row in self._rows(rows)]

    def __setitem__(self, rows: Any, value: Any) -> None:
        which = self._rows(rows)
        value = self._listed(rows, value)
        if isinstance(rows, (int, np.integer)):
            values, names = [value], [_place(self._name, rows)]
        elif self._is_one(value):
            values, names = [value] * len(which), [self._name] * len(which)
        else:
            values = value
            if len(values) != len(which):
                raise ValueError(
                    f"{_place(self._name, rows)}: has {len(values)} rows, must have one for each "
                    f"of {len(which)}"
                )
            names = [f"{self._name}[{row}]" for row in which]
        self._params._set_items(self._name, which, values, names)

    def _rows(self, rows: Any) -> List[int]:
        count = len(self._params)
        if isinstance(rows, (int, np.integer)):
            if not -count <= rows < count:
                raise IndexError(f"{self._name}[{rows}]: there are {count} rows")
            return [int(rows) % count]
        found: List[int] = np.arange(count)[rows].tolist()
        return found

    def _listed(self, rows: Any, value: Any) -> Any:
        """A list of what may be read but once, such as an iterator; or one value, as it is."""
        if value is None or isinstance(value, (Edits, int, np.integer)):
            return value
        value = as_numpy(self._name, value)
        if isinstance(value, np.ndarray) and value.ndim > 0:
            return value if self._name == "named" and value.ndim == 1 else list(value)
        is_list = self._name == "named" or not isinstance(rows, (int, np.integer))
        return listed(_place(self._name, rows), value) if is_list else value

    def _is_one(self, value: Any) -> bool:
        """For all rows, and not one for each?"""
        if value is None or isinstance(value, (Edits, int, np.integer, np.ndarray)):
            return True
        are_tokens = all(isinstance(item, (int, np.integer)) for item in value)
        return self._name == "named" and len(value) > 0 and are_tokens

    def __len__(self) -> int:
        return len(self._params)

    def tolist(self) -> List[Any]:
        values: List[Any] = self[:]
        return list(values)

    def __repr__(self) -> str:
        return f"{self._name}: {self.tolist()}"


class _ItemsOf:
    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, params: Any, owner: object = None) -> Items:
        return self if params is None else Items(params, self._name)  # type: ignore

    def __set__(self, params: Params, value: Any) -> None:
        Items(params, self._name)[:] = value


class Params:
    """The parameters of each row, kept between the calls of a sampler that takes them, as
    Sampler.params() makes them. Columns have the names and take the values of the arguments of
    Sampler.sample(), for all rows (p.top_k = 5, p.top_k = array), or for some
    (p.top_k[3] = 5, p.top_k[2:5] = None). What is assigned is checked and converted then; calls
    look at nothing of it again.

    temperature, top_k, top_p, min_p, preset: as for sample().
    seed: one value for all rows is the seed of a batch: row r has row_seed(seed, r). Values for
        each row, or of one row (p.seed[3] = 7), are taken as they are; None: a fresh one.
    step: p.step += 1 counts it up, but for rows that have "slot": those must have a slot.
    slot: the name of each row's slot, 0 or None: none.
    edits: Edits, for all or each of the rows, or None.
    mask: an array as for sample(), of which calls read what is in it then: it can be filled anew
        for each. One mask is for all rows; of several row r has the r-th, or the one that
        mask_index says.
    unconditional, target, mask_index: -1: none.
    top_logprobs, named: as for sample(), for all or each of the rows.
    logprobs_of, as_logits, ranks_from: as for sample(), of all rows.

    Rows come and go, as in batches of servers: put() makes one a new request, clear() takes one
    out, move() and swap() change places, resize() and take() change how many there are. A
    Params may be used by one thread at a time.
    """

    # So that a column's name that is spelled wrongly is no new attribute.
    __slots__ = (
        "_as_logits",
        "_batch",
        "_batch_pointer",
        "_edits",
        "_has_step_of_slot",
        "_is_changed",
        "_lists",
        "_logprobs_of",
        "_mask",
        "_masks",
        "_most_named",
        "_most_step",
        "_named",
        "_names_masks",
        "_ranks_from",
        "_records",
        "_rows",
        "_sampler",
        "_tables",
        "_tables_address",
        "_top",
        "_views",
        "_wants",
        "__weakref__",
    )

    temperature = _ColumnOf("temperature")
    top_k = _ColumnOf("top_k")
    top_p = _ColumnOf("top_p")
    min_p = _ColumnOf("min_p")
    seed = _ColumnOf("seed")
    step = _ColumnOf("step")
    preset = _ColumnOf("preset")
    slot = _ColumnOf("slot")
    unconditional = _ColumnOf("unconditional")
    target = _ColumnOf("target")
    edits = _ItemsOf("edits")
    named = _ItemsOf("named")
    top_logprobs = _ItemsOf("top_logprobs")

    def __init__(self, sampler: Sampler, rows: int) -> None:
        self._sampler = sampler
        self._lists = Lists()
        self._edits = EditsPool(self._lists, sampler.vocab)
        self._tables = Tables()
        self._tables_address = ctypes.addressof(self._tables)
        self._batch = HostBatch()
        self._batch_pointer = ctypes.byref(self._batch)
        self._masks: Optional[Array] = None
        self._mask: Any = None
        self._names_masks = False
        self._has_step_of_slot = False
        self._most_step = 0  # no step is above it
        self._logprobs_of, self._as_logits, self._ranks_from = "raw", False, 1
        self._top = self._most_named = 0  # the most of a row
        self._is_changed = True
        self._rows = 0
        self._records: Array = np.zeros(1, ROW_PARAMS)
        self._wants: Array = np.zeros(1, ROW_WANTS)
        self._named: List[Optional[TokenList]] = [None]
        self._views: Dict[str, Array] = {}
        self.resize(rows)
        _set_seeds(self._records[:rows], None)

    def __len__(self) -> int:
        return self._rows

    def __repr__(self) -> str:
        return f"<lmsample.Params of {self._rows} rows>"

    @property
    def records(self) -> Array:
        """The rows' lms_row_params, which the C library reads, as they are. Values that are
        written here are checked by each call."""
        self._ready()
        return self._records[: self._rows]

    # --- Rows ------------------------------------------------------------------------------

    def resize(self, rows: int) -> None:
        """Rows at the end go, or new ones come, with nothing but a fresh seed."""
        rows = int(_whole("rows", rows, 1, 0, 2**31 - 2, "a whole number from 0"))
        for row in range(rows, self._rows):
            self._release(row)
        before = self._rows
        self._set_rows(rows)
        if rows > before:
            self._reset(slice(before, rows))
        self._change_places()

    def _set_rows(self, rows: int) -> None:
        # One more than there are: what put() and swap() need.
        if rows + 1 > len(self._records):
            size = max(rows, 2 * (len(self._records) - 1)) + 1
            self._records = _resized(self._records, size)
            self._wants = _resized(self._wants, size)
            self._named += [None] * (size - len(self._named))
        self._rows = rows
        used = self._records[:rows]
        self._views = {kind.field: used[kind.field] for kind in _KINDS.values()}

    def put(self, row: int, **values: Any) -> None:
        """Makes a row that of a new request: p.put(3, temperature=0.7, edits=edits). What is not
        named is off. Row len(p) is a new one behind the last."""
        row = int(_whole("row", row, 1, 0, self._rows, f"a row, from 0 to {self._rows}"))
        for name in values:
            if name not in _PUT:
                raise TypeError(f"put: {name!r} is no column, must be of {', '.join(_PUT)}")
        spare, names_masks = self._rows, self._names_masks
        self._reset(slice(spare, spare + 1))
        try:
            for name, value in values.items():
                place = f"{name}[{row}]"
                if name in _ITEMS:
                    self._set_items(name, [spare], [value], [place])
                    continue
                field, write, _ = _KINDS[name]
                found = write(self, place, value, 1)
                is_array = isinstance(found, np.ndarray)
                self._records[field][spare] = found.reshape(-1)[0] if is_array else found
        except BaseException:
            self._release(spare)
            self._names_masks = names_masks
            raise
        if row == spare:
            self._set_rows(row + 1)
        else:
            self._release(row)
            self._copy(spare, row)
            self._named[spare] = None
        self._most_step = _ANY_STEP
        self._change_places()

    def clear(self, rows: Any) -> None:
        """Rows keep their places, but nothing else: as new ones."""
        for row in np.atleast_1d(np.arange(self._rows)[rows]).tolist():
            self._release(row)
            self._reset(slice(row, row + 1))
        self._change_places()

    def move(self, source: int, target: int) -> None:
        """What row `target` had is gone; row `source` is as a new one."""
        source, target = self._row("source", source), self._row("target", target)
        if source == target:
            return
        self._release(target)
        self._copy(source, target)
        self._named[source] = None
        self._reset(slice(source, source + 1))
        self._change_places()

    def swap(self, one: int, other: int) -> None:
        one, other = self._row("one", one), self._row("other", other)
        spare = self._rows
        self._copy(one, spare)
        self._copy(other, one)
        self._copy(spare, other)
        self._named[spare] = None
        self._change_places()

    def take(self, rows: Any) -> None:
        """Row i becomes what row rows[i] was, and there are as many as `rows` has: leaves rows
        out, sorts them anew, or takes them several times."""
        which = np.arange(self._rows)[rows].reshape(-1)
        records, wants = self._records[which], self._wants[which]
        named = [self._named[row] for row in which]
        for record, want in zip(records, wants):
            self._retain(record, want)
        for row in range(self._rows):
            self._release(row)
        count = len(which)
        self._rows = 0
        self.resize(count)
        self._records[:count], self._wants[:count] = records, wants
        self._named[:count] = named
        self._change_places()

    def _row(self, name: str, row: int) -> int:
        if not -self._rows <= row < self._rows:
            raise IndexError(f"{name}: is {row}, there are {self._rows} rows")
        return int(row) % self._rows

    def _reset(self, rows: slice) -> None:
        records = self._records[rows]
        records[:] = _OFF
        for record in records:
            record["seed"] = _fresh_seed()
        self._wants[rows] = 0

    def _copy(self, source: int, target: int) -> None:
        self._records[target] = self._records[source]
        self._wants[target] = self._wants[source]
        self._named[target] = self._named[source]

    def _retain(self, record: Any, want: Any) -> None:
        for pool, number in ((self._edits, record["edits"]), (self._lists, want["named"])):
            if number:
                pool._users[number - 1] += 1

    def _release(self, row: int) -> None:
        self._edits.drop(int(self._records[row]["edits"]))
        self._lists.drop(int(self._wants[row]["named"]))
        self._named[row] = None

    def _change_places(self) -> None:
        """What rows have by their place."""
        self._is_changed = True
        self._batch.rows = self._rows
        self._batch.params = self._records.ctypes.data
        self._set_masks()

    # --- Numbers ---------------------------------------------------------------------------

    def _count_up(self, value: Any) -> None:
        steps = self._views["step"]
        value = int(value) if isinstance(value, np.integer) else value
        if type(value) is not int or value < 0 or self._has_step_of_slot or self._rows == 0:
            old = [int(step) for step in steps]
            each = np.broadcast_to(np.asarray(value, dtype=object).reshape(-1), (self._rows,))
            new = [s if s == STEP_OF_SLOT else s + v for s, v in zip(old, each)]
            plain = [0 if s == STEP_OF_SLOT else s for s in new]
            _step(np.array(plain, object), self._rows)
            steps[:] = np.array(new, np.uint64)
        else:
            most = self._most_step + value
            if most >= _ANY_STEP - 1:
                most = int(steps.max()) + value
            _step(most, 1)
            self._most_step = most
            steps += _ONE if value == 1 else np.uint64(value)

    def _needs_requests(self, name: str) -> None:
        if not self._sampler._requests:
            raise ValueError(f"{name}: needs a sampler made with requests=True, or slots")

    def _needs_slots(self, name: str) -> None:
        if self._sampler.slots is None:
            raise ValueError(f"{name}: needs a sampler made with slots")

    # --- Masks -----------------------------------------------------------------------------

    @property
    def mask(self) -> Any:
        """As it was given."""
        return self._mask

    @mask.setter
    def mask(self, mask: Any) -> None:
        masks = None
        if mask is not None:
            self._needs_requests("mask")
            masks = _mask_array(mask)
            if masks.strides[0] == 0:
                masks = masks[:1]  # one for all rows, as np.broadcast_to() and expand() make it
            _check_in_place(masks)
        self._mask, self._masks = mask, masks
        self._names_masks = self._names_masks and masks is not None
        tables = self._tables
        tables.mask_count = 0 if masks is None else len(masks)
        if masks is not None:
            tables.masks = masks.ctypes.data
            tables.mask_type = MASK_BITS if masks.itemsize == 4 else MASK_BYTES
            tables.mask_columns = masks.shape[1]
            tables.mask_stride = masks.strides[0] // masks.itemsize if len(masks) > 1 else 0
        self._set_masks()

    @property
    def mask_index(self) -> Column:
        """The mask of each row, -1: none. None: as if it had never been set."""
        return Column(self, "mask_index")

    @mask_index.setter
    def mask_index(self, value: Any) -> None:
        if value is None:
            self._names_masks = False
            self._set_masks()
        elif not isinstance(value, Column):
            self.mask_index[:] = value

    def _set_masks(self) -> None:
        if self._names_masks:
            return
        masks = self._masks
        if masks is None:
            self._views["mask"][:] = 0
        else:
            several = len(masks) > 1
            self._views["mask"][:] = np.arange(1, self._rows + 1) if several else 1
        self._is_changed = True

    # --- Objects ---------------------------------------------------------------------------

    def _items_of(self, name: str) -> List[Any]:
        rows = self._rows
        if name == "edits":
            return [self._edits.get(int(number)) for number in self._records["edits"][:rows]]
        if name == "named":
            return [None if item is None else item.ids.copy() for item in self._named[:rows]]
        tops: List[int] = self._wants["top_n"][:rows].tolist()
        return tops

    def _set_items(
        self, name: str, rows: List[int], values: List[Any], names: List[str]
    ) -> None:
        self._needs_requests(name)
        if name == "edits":
            self._set_edits(rows, values, names)
        elif name == "named":
            self._set_named(rows, values, names)
        else:
            self._needs_output("top_logprobs", "top_logprobs")
            most = self._sampler.max_top
            rule = f"a whole number from 0 to {most}"
            tops = [
                0 if v is None else _whole(n, v, 1, 0, most, rule)
                for v, n in zip(values, names)
            ]
            self._wants["top_n"][rows] = np.array(tops, np.int64).reshape(-1)
        self._is_changed = True

    def _needs_output(self, name: str, output: str) -> None:
        if output not in self._sampler.outputs:
            raise ValueError(f'{name}: needs a sampler made with outputs="{output}"')

    def _set_edits(self, rows: List[int], values: List[Any], names: List[str]) -> None:
        for value, name in zip(values, names):
            if value is None:
                continue
            if not isinstance(value, Edits):
                raise TypeError(
                    f"{name}: is a {type(value).__name__}, must be lmsample.Edits or None"
                )
            if (
                value._record["dry_multiplier"] != 0
                and not self._sampler._requests & REQUESTS_DRY
            ):
                raise ValueError(
                    f'{name}: dry_multiplier needs a sampler made with requests="dry"'
                )
        self._set_numbers(self._edits, self._records["edits"], rows, values)

    def _set_named(self, rows: List[int], values: List[Any], names: List[str]) -> None:
        self._needs_output("named", "named_logprobs")
        made: Dict[int, Optional[TokenList]] = {id(None): None}
        for value, name in zip(values, names):
            if id(value) in made:
                continue
            tokens = made[id(value)] = _named(value, name)
            if tokens.most >= self._sampler.vocab:
                raise ValueError(
                    f"{name}: has token {tokens.most}, must be below {self._sampler.vocab}"
                )
        lists = [made[id(value)] for value in values]
        self._set_numbers(self._lists, self._wants["named"], rows, lists)
        for row, tokens in zip(rows, lists):  # type: ignore[assignment]
            self._named[row] = tokens

    @staticmethod
    def _set_numbers(pool: Any, numbers: Array, rows: List[int], values: List[Any]) -> None:
        """Takes what is new before it gives back what was there: all of it, or nothing."""
        taken: List[int] = []
        try:
            for value in values:
                taken.append(0 if value is None else pool.take(value))
        except ValueError:
            for number in taken:
                pool.drop(number)
            raise
        for row, number in zip(rows, taken):
            pool.drop(int(numbers[row]))
            numbers[row] = number

    # --- What all rows have ----------------------------------------------------------------

    @property
    def logprobs_of(self) -> str:
        """Of which row top_logprobs and named tell: "raw", "edited" or "processed"."""
        return self._logprobs_of

    @logprobs_of.setter
    def logprobs_of(self, value: str) -> None:
        self._set_flags(value, self._as_logits, self._ranks_from)

    @property
    def as_logits(self) -> bool:
        """Logits in the place of their log-probabilities?"""
        return self._as_logits

    @as_logits.setter
    def as_logits(self, value: bool) -> None:
        self._set_flags(self._logprobs_of, value, self._ranks_from)

    @property
    def ranks_from(self) -> int:
        """1: ranks count tokens at least as probable; 0: those that are more so."""
        return self._ranks_from

    @ranks_from.setter
    def ranks_from(self, value: int) -> None:
        self._set_flags(self._logprobs_of, self._as_logits, value)

    def _set_flags(self, of: str, as_logits: bool, ranks_from: int) -> None:
        self._needs_requests("logprobs_of, as_logits, ranks_from")
        want_flags(of, as_logits, ranks_from)
        self._logprobs_of, self._as_logits, self._ranks_from = of, as_logits, ranks_from
        self._is_changed = True

    # --- For the call ----------------------------------------------------------------------

    def _ready(self) -> HostBatch:
        if self._is_changed:
            self._make_tables()
        return self._batch

    def _make_tables(self) -> None:
        """Behind changes of what rows name."""
        batch, tables = self._batch, self._tables
        self._is_changed = False
        if not self._sampler._requests:
            return
        if self._lists.is_wasteful:
            moved = self._lists.pack()
            self._edits.renumber_lists(moved)
            named = self._wants["named"][: self._rows]
            named[:] = moved[named]
        self._set_wants()
        set_tables(tables, self._edits, self._lists)
        is_any = tables.edit_count or tables.want_count or tables.mask_count
        batch.tables = self._tables_address if is_any else None
        batch.top_tokens = batch.top_values = batch.named_values = None

    def _set_wants(self) -> None:
        tables, rows = self._tables, self._rows
        wants = self._wants[:rows]
        lists = set(LIST_OUTPUT_BITS) & set(self._sampler.outputs)
        of_lists, always = want_flags(self._logprobs_of, self._as_logits, self._ranks_from)
        self._top = self._most_named = 0
        names: Any = 0
        if rows and (always or (lists and (wants["top_n"].any() or wants["named"].any()))):
            has_lists = (wants["top_n"] != 0) | (wants["named"] != 0)
            wants["flags"] = always | np.where(has_lists, of_lists, 0)
            names = np.where(has_lists | (always != 0), np.arange(1, rows + 1), 0)
            self._top = int(wants["top_n"].max())
            self._most_named = max(
                len(t.ids) if t is not None else 0 for t in self._named[:rows]
            )
        self._records["wants"][:rows] = names
        tables.want_count = 0 if type(names) is int else rows
        tables.wants = self._wants.ctypes.data if tables.want_count else None


def _check_in_place(masks: Array) -> None:
    size, columns = masks.itemsize, masks.shape[1]
    between, within = masks.strides
    is_whole = within == size or columns == 1
    follows = len(masks) <= 1 or (between >= columns * size and between % size == 0)
    if not (is_whole and follows and masks.flags.aligned):
        raise ValueError(
            f"mask: has strides of {masks.strides} bytes, must have rows in one piece each, one "
            "behind the other, since it is read where it is"
        )


def _resized(array: Array, size: int) -> Array:
    made: Array = np.zeros(size, array.dtype)
    made[: len(array)] = array
    return made


_ONE = np.uint64(1)
_OFF: Array = np.zeros((), ROW_PARAMS)
_OFF["temperature"], _OFF["top_p"] = 1.0, 1.0

_ITEMS = ("edits", "named", "top_logprobs")
#: What put() can be given.
_PUT = [
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "seed",
    "step",
    "preset",
    "slot",
    "unconditional",
    "target",
    "mask_index",
    *_ITEMS,
]
