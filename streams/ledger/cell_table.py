"""The cells of all slots of a ledger partition as columns of one table: {slot key: {cell code: count}}, but narrow.

A slot has a number while it is held; a cell's key is its number and its code, mixed so that they spread over the
table, and each cell knows the one that its slot got before. So sums of a whole block are added at once, and the cells
of the slots that a flush tells are found without a look at the others. A cell takes about 53 bytes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.ledger.table import GROWTH, Hashes, Table

Ints = NDArray[np.int64]

_STATE = ("keys", "slot", "code", "count")
_KEY_BYTES = 150
"""What Python needs for the number of a slot."""

_ROUND_CELLS = 1_000
"""Following one cell's link costs as much as looking at so many cells, since each step of the way is a round."""


Cells = tuple[Ints, Ints, Ints]
"""Cells as columns: (bounds, code, count). Those of slot s are `[bounds[s], bounds[s + 1])`, in the order of codes."""


class CellTable:
    """Slots and their cells; a cell whose count is 0 is not there for anybody who asks."""

    def __init__(self) -> None:
        """No slots."""
        self._table = Table({"number": np.uint32, "count": np.int64, "before": np.uint32})  # a row + 1, 0: none
        self._numbers: dict[int, int] = {}
        self._last = np.zeros(64, np.uint32)  # of each number, the row + 1 of its newest cell
        self._cells = np.zeros(64, np.int64)  # of each number, how many
        self._held = np.zeros(64, np.bool_)
        self._next = 0
        self._free: list[int] = []
        self._dropped: list[int] = []  # numbers that have cells in the table until its next rebuild

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def nbytes(self) -> int:
        """Bytes of the table, and about those of the slots."""
        return self._table.nbytes + len(self._held) * 13 + len(self._numbers) * _KEY_BYTES

    def keys(self) -> list[int]:
        """All slots, with cells or without."""
        return list(self._numbers)

    def add(self, keys: Ints, slot: Ints, code: Ints, count: Ints) -> None:
        """Add to cells: `count` to cell `code` of the slot `keys[slot]`. No key and no cell may come twice."""
        number = self._numbered(keys).take(slot)
        self._reserve(len(code))
        hashes = _hashes(number, code)
        found = self._table.look(hashes)
        column = self._table.column
        column["count"][found.slot] += count.take(found.row)
        new = np.ones(len(code), np.bool_)
        new[found.row] = False
        i = np.flatnonzero(new)
        i = i.take(np.argsort(number.take(i), kind="stable"))
        at = self._table.append(hashes.take(i, axis=0), found.end.take(i))
        column["count"][at] = count.take(i)
        column["number"][at] = number = number.take(i)
        self._link(at, number)

    def columns(self, keys: list[int]) -> Cells:
        """The cells of these slots; one that is not held has none."""
        numbers = np.array([self._numbers.get(key, -1) for key in keys], np.int64)
        held = np.flatnonzero(numbers >= 0)
        slot, row = self._rows(numbers.take(held))
        slot, row, count = self._counted(held.take(slot), row)
        code = self._code(row)
        order = np.lexsort((code, slot))
        bounds = np.append(0, np.cumsum(np.bincount(slot, minlength=len(keys))))
        return bounds, code.take(order), count.take(order)

    def dump(self) -> dict[str, object]:
        """Everything, for `load`."""
        keys = self.keys()
        slot, row = self._rows(np.fromiter(self._numbers.values(), np.int64, len(keys)))
        slot, row, count = self._counted(slot, row)
        columns = (np.array(keys, np.int64), slot, self._code(row), count)
        return {name: column.tobytes() for name, column in zip(_STATE, columns, strict=True)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill an empty table with what `dump` gave. Raises ValueError when that is damaged."""
        keys, slot, *columns = (np.frombuffer(state[name], np.int64) for name in _STATE)
        if {len(c) for c in columns} != {len(slot)} or (len(slot) and not 0 <= slot.min() <= slot.max() < len(keys)):
            raise ValueError("the cells' columns do not belong together")
        self.add(keys, slot, *columns)

    def drop(self, keys: Iterable[int]) -> None:
        """Forget slots."""
        numbers = [number for key in keys if (number := self._numbers.pop(key, None)) is not None]
        self._held[numbers] = False
        self._dropped += numbers

    def _numbered(self, keys: Ints) -> Ints:
        """The numbers of slots; those that have none get one."""
        numbers = self._numbers
        out = [numbers.get(key, -1) for key in keys.tolist()]
        for i, number in enumerate(out):
            if number < 0:
                out[i] = numbers[int(keys[i])] = self._new_number()
        return np.array(out, np.int64)

    def _new_number(self) -> int:
        if self._free:
            number = self._free.pop()
        else:
            number, self._next = self._next, self._next + 1
            if number == len(self._held):
                size = int(number * GROWTH) + 1
                for name in ("_last", "_cells", "_held"):
                    old = getattr(self, name)
                    setattr(self, name, np.concatenate((old, np.zeros(size - number, old.dtype))))
        self._last[number], self._cells[number], self._held[number] = 0, 0, True
        return number

    def _code(self, row: Ints) -> Ints:
        return self._table.keys[:, 1].take(row).view(np.int64)

    def _number(self, row: Ints) -> Ints:
        return self._table.column["number"].take(row).astype(np.int64)

    def _counted(self, slot: Ints, row: Ints) -> tuple[Ints, Ints, Ints]:
        """(slot, row, count) of the cells that are there."""
        count = self._table.column["count"].take(row)
        some = np.flatnonzero(count)
        return slot.take(some), row.take(some), count.take(some)

    def _link(self, at: slice, number: Ints) -> None:
        """Say of new cells, sorted by number, which one of their slot is before each."""
        if not len(number):
            return
        row = np.arange(at.start + 1, at.stop + 1, dtype=np.uint32)
        first = np.append([True], number[1:] != number[:-1])
        self._table.column["before"][at] = np.where(first, self._last.take(number), row - np.uint32(1))
        begin = np.flatnonzero(first)
        ends = np.append(begin[1:], len(number))
        slots = number.take(begin)
        self._last[slots] = row.take(ends - 1)
        self._cells[slots] += ends - begin

    def _rows(self, numbers: Ints) -> tuple[Ints, Ints]:
        """(which of the numbers, row) of all their cells, in no order."""
        sizes = self._cells.take(numbers)
        if int(sizes.max(initial=0)) * _ROUND_CELLS > self._table.used:
            place = np.full(self._next + 1, -1)
            place[numbers] = np.arange(len(numbers))
            slot = place.take(self._number(self._table.taken()))
            row = np.flatnonzero(slot >= 0)
            return slot.take(row), row
        slots: list[Ints] = [np.zeros(0, np.int64)]
        rows: list[Ints] = [np.zeros(0, np.int64)]
        slot, at = np.arange(len(numbers)), self._last.take(numbers)
        while True:
            more = np.flatnonzero(at)
            if not len(more):
                return np.concatenate(slots), np.concatenate(rows)
            slot, row = slot.take(more), at.take(more).astype(np.int64) - 1
            slots.append(slot)
            rows.append(row)
            at = self._table.column["before"].take(row)

    def _reserve(self, rows: int) -> None:
        """Room for cells; when that rebuilds the table, cells of dropped slots are gone and links say the new rows."""
        kept = np.zeros(0, np.bool_)

        def keep(row: Ints) -> NDArray[np.bool_]:
            nonlocal kept
            kept = self._held.take(self._number(row))
            return kept

        before = self._table.used
        self._table.reserve(rows, keep)
        if self._table.used == before:
            return
        rank = np.append(np.uint32(0), np.cumsum(kept, dtype=np.uint32))  # of a row + 1
        link = self._table.column["before"][: self._table.used]
        link[:] = rank.take(link)  # the cells of a slot stay or go together
        self._last = rank.take(np.where(self._held, self._last, 0))
        self._free += self._dropped
        self._dropped = []


def _hashes(number: Ints, code: Ints) -> Hashes:
    """Keys of cells: the second word is the code, the first a mix that no two slots share for the same code."""
    out = np.empty((len(code), 2), np.uint64)
    out[:, 1] = code.view(np.uint64)
    word = out[:, 1] + number.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        word = (word ^ (word >> np.uint64(shift))) * np.uint64(factor)
    out[:, 0] = word ^ (word >> np.uint64(31))
    return out
