"""Edits and lists of tokens that kept rows name by number. Rows come and go: what none names any
more leaves its number behind, and lists are packed again once most are such."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import numpy as np
import numpy.typing as npt

from ._library import MAX_LISTS, ROW_EDITS, Tables
from ._requests import LIST_FIELDS, Edits, TokenList

Array = npt.NDArray[Any]


def _grown(array: Array, size: int) -> Array:
    """The same with room for `size`, at least twice as much as before."""
    bigger: Array = np.zeros(max(size, 2 * len(array)), array.dtype)
    bigger[: len(array)] = array
    return bigger


class Lists:
    """One behind the other, as lms_tables has them."""

    def __init__(self) -> None:
        self.offsets: Array = np.zeros(65, np.uint32)
        self.ids: Array = np.zeros(256, np.int32)
        self.values: Array = np.zeros(256, np.float32)
        self.count = 0
        self._lists: List[Optional[TokenList]] = []
        self._users: List[int] = []
        self._numbers: Dict[int, int] = {}
        self._unused = 0

    def take(self, tokens: TokenList) -> int:
        """1 + its number."""
        number = self._numbers.get(id(tokens))
        if number is None:
            if self.count - self._unused >= MAX_LISTS:
                raise ValueError(f"edits: have {MAX_LISTS} lists, the most that there can be")
            number = self._append(tokens, 0)
        self._users[number - 1] += 1
        return number

    def _append(self, tokens: TokenList, users: int) -> int:
        begin = int(self.offsets[self.count])
        end = begin + len(tokens.ids)
        if end > len(self.ids):
            self.ids, self.values = _grown(self.ids, end), _grown(self.values, end)
        if self.count + 2 > len(self.offsets):
            self.offsets = _grown(self.offsets, self.count + 2)
        self.ids[begin:end] = tokens.ids
        self.values[begin:end] = 0 if tokens.values is None else tokens.values
        self.count += 1
        self.offsets[self.count] = end
        self._lists.append(tokens)
        self._users.append(users)
        self._numbers[id(tokens)] = self.count
        return self.count

    def drop(self, number: int) -> None:
        if number == 0:
            return
        self._users[number - 1] -= 1
        if self._users[number - 1] == 0:
            tokens = self._lists[number - 1]
            del self._numbers[id(tokens)]
            self._lists[number - 1] = None
            self._unused += 1

    @property
    def is_wasteful(self) -> bool:
        is_most = self._unused > 64 and self._unused > self.count // 2
        return is_most or self.count > MAX_LISTS

    def pack(self) -> Array:
        """Leaves out what nobody uses. Returns the new number of each old one."""
        moved: Array = np.zeros(self.count + 1, np.uint32)
        olds, users = self._lists, self._users
        self.count, self._unused = 0, 0
        self._lists, self._users, self._numbers = [], [], {}
        for number, tokens in enumerate(olds):
            if tokens is not None:
                moved[number + 1] = self._append(tokens, users[number])
        return moved


class EditsPool:
    """Records of edits; rows with the same object share one."""

    def __init__(self, lists: Lists, vocab: int) -> None:
        self.records: Array = np.zeros(16, ROW_EDITS)
        self.count = 0
        self._lists = lists
        self._vocab = vocab
        self._edits: List[Optional[Edits]] = []
        self._users: List[int] = []
        self._numbers: Dict[int, int] = {}
        self._free: List[int] = []
        self._off = Edits()._record

    def take(self, edits: Edits) -> int:
        """1 + its number."""
        number = self._numbers.get(id(edits))
        if number is None:
            number = self._add(edits)
        self._users[number - 1] += 1
        return number

    def _add(self, edits: Edits) -> int:
        edits._check(self._vocab)
        record = edits._record.copy()
        taken: List[int] = []
        try:
            for name, tokens in edits._token_lists.items():
                taken.append(self._lists.take(tokens))
                record[name] = taken[-1]
        except ValueError:
            for number in taken:
                self._lists.drop(number)
            raise
        if not self._free:
            self.count += 1
            if self.count > len(self.records):
                self.records = _grown(self.records, self.count)
            self._edits.append(None)
            self._users.append(0)
            self._free.append(self.count)
        number = self._free.pop()
        self.records[number - 1] = record
        self._edits[number - 1] = edits
        self._numbers[id(edits)] = number
        return number

    def drop(self, number: int) -> None:
        if number == 0:
            return
        self._users[number - 1] -= 1
        if self._users[number - 1] > 0:
            return
        edits, record = self._edits[number - 1], self.records[number - 1]
        del self._numbers[id(edits)]
        for name in LIST_FIELDS:
            self._lists.drop(int(record[name]))
        self.records[number - 1] = self._off  # records that nobody names are checked, too
        self._edits[number - 1] = None
        self._free.append(number)

    def get(self, number: int) -> Optional[Edits]:
        return None if number == 0 else self._edits[number - 1]

    def renumber_lists(self, moved: Array) -> None:
        used = self.records[: self.count]
        for name in LIST_FIELDS:
            used[name] = moved[used[name]]


def set_tables(tables: Tables, edits: EditsPool, lists: Lists) -> None:
    tables.edit_count = edits.count
    tables.edits = edits.records.ctypes.data if edits.count else None
    tables.list_count = lists.count
    if lists.count:
        tables.list_offsets = lists.offsets.ctypes.data
        tables.list_ids = lists.ids.ctypes.data
        tables.list_values = lists.values.ctypes.data
