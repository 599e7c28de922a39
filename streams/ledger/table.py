"""A compact hash table of numpy columns, whole blocks at a time: an index of open addressing over dense rows.

Rows lie in their columns in the order in which they came, so that a block's new rows are one slice, a look-up that
misses reads the index only, and the columns are what a checkpoint keeps. A slot of the index is 0 (free) or
`upper half of key word 0 << 32 | row + 1`; the lower bits of the word are where a key is looked for first, its upper
bits how far apart the next places are. Chains of whole blocks are walked together: a block pays for its longest one,
which is why steps differ and the index is at most two thirds full.

Rows are never deleted one by one; `reserve` rebuilds a full table with those the caller still wants, if a third of
them is gone, and extends its columns by a quarter else. Mean over a doubling: 1.12 times a row's bytes, and 17 bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int64]
"""Row numbers of a table, until its next `reserve`."""

Rows = NDArray[np.int64]
"""Row numbers of what is asked or given."""

Hashes = NDArray[np.uint64]
"""Keys, shape (n, 2)."""

_Words = NDArray[np.uint64]

MAX_LOAD = 2 / 3
GROWTH = 1.25
GONE = 1 / 3
"""The share of rows no longer wanted from which a full table is rebuilt instead of extended."""

MIN_ROWS = 64
_MIN_BITS = 8
_UPPER = np.uint64(0xFFFFFFFF << 32)
_LOWER = np.uint64(0xFFFFFFFF)
_ONE = np.uint64(1)


def repeats(hashes: Hashes) -> bool:
    """Whether an id may come twice: whether two first words are equal."""
    ordered = np.sort(hashes[:, 0])
    return bool((ordered[1:] == ordered[:-1]).any())


def matches(one: Rows, other: Rows) -> tuple[Rows, Rows]:
    """All pairs of places (i, j) with `one[i] == other[j]`, in order."""
    order = np.argsort(other, kind="stable")
    ordered = other[order]
    first = np.searchsorted(ordered, one)
    n = np.searchsorted(ordered, one, side="right") - first
    i = np.repeat(np.arange(len(one)), n)
    return i, order[np.arange(len(i)) - np.repeat(np.cumsum(n) - n, n) + np.repeat(first, n)]


def rounds(hashes: Hashes) -> Iterator[Rows]:
    """Rows in groups such that no id comes twice in one, in order for each id."""
    k0 = hashes[:, 0]
    order = np.argsort(k0, kind="stable")
    ordered = k0[order]
    again = ordered[1:] == ordered[:-1]
    if not again.any():
        yield np.arange(len(k0))
        return
    starts = np.flatnonzero(np.concatenate(([True], ~again)))
    turn = np.arange(len(k0)) - np.repeat(starts, np.diff(np.append(starts, len(k0))))
    for t in range(int(turn.max()) + 1):
        yield np.sort(order[turn == t])


def crowded(hashes: Hashes, room: NDArray[np.int64]) -> Rows:
    """The rows whose first word comes in more rows than `room` of the row."""
    _, word, n = np.unique(hashes[:, 0], return_inverse=True, return_counts=True)
    return np.flatnonzero(n[word] > room)


@dataclass(slots=True)
class Found:
    """What a look-up tells: pairs (row asked, slot under its key) in no order, and where each chain ended."""

    row: Rows
    slot: Slots
    end: Slots  # a free place of the index for each row asked, for `append`


class Table:
    """Rows under 128-bit keys; several rows may share a key. Slots `[0, used)` are in use in `keys` and `column`."""

    def __init__(self, columns: dict[str, Any]) -> None:
        """An empty table with `columns` (name -> dtype)."""
        self.used = 0
        self.keys: Hashes = np.empty((0, 2), np.uint64)
        self.column: dict[str, NDArray[Any]] = {name: np.empty(0, d) for name, d in columns.items()}
        self._index: _Words = np.zeros(1 << _MIN_BITS, np.uint64)

    @property
    def nbytes(self) -> int:
        """Bytes of the index and of all columns, used or not."""
        return self._index.nbytes + self.keys.nbytes + sum(c.nbytes for c in self.column.values())

    def dump(self, keep: Callable[[Slots], NDArray[np.bool_]]) -> dict[str, object]:
        """The rows that `keep` wants, column by column, as bytes that nothing changes any more; for `load`."""
        at = self.taken()
        kept = keep(at)
        every = bool(kept.all())
        at = at[kept]
        columns = {name: (c[: self.used] if every else c.take(at)).tobytes() for name, c in self.column.items()}
        keys = self.keys[: self.used] if every else self.keys.take(at, axis=0)
        return {"rows": len(at), "keys": keys.tobytes(), "columns": columns}

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill an empty table with what `dump` gave. Raises ValueError when that is damaged or of other columns."""
        rows, columns = state["rows"], state["columns"]
        sizes = {name: c.itemsize * rows for name, c in self.column.items()}
        if {name: len(c) for name, c in columns.items()} != sizes or len(state["keys"]) != 16 * rows:
            raise ValueError("a table's columns do not belong together")
        self._resize(int(rows * GROWTH))
        self.keys[:rows] = np.frombuffer(state["keys"], np.uint64).reshape(-1, 2)
        for name, column in self.column.items():
            column[:rows] = np.frombuffer(columns[name], column.dtype)
        self.used = rows
        self._make_index(rows)

    def taken(self) -> Slots:
        """The slots in use."""
        return np.arange(self.used)

    def reserve(self, rows: int, keep: Callable[[Slots], NDArray[np.bool_]]) -> None:
        """Make room for `rows` more; a table that is full keeps only the rows `keep` wants, if many are gone."""
        needed = self.used + rows
        if needed > len(self.keys):
            at = self.taken()
            at = at[keep(at)]
            if self.used - len(at) > GONE * self.used:
                needed = len(at) + rows
                self._compact(at, int(needed * GROWTH))
                self._make_index(needed)
                return
            self._resize(int(needed * GROWTH))
        if needed > MAX_LOAD * len(self._index):
            self._make_index(needed)

    def look(self, hashes: Hashes) -> Found:
        """Every stored row under the keys, and where each key would go."""
        k0 = hashes[:, 0]
        end = (k0 & np.uint64(len(self._index) - 1)).view(np.int64)
        entry = self._index.take(end)
        todo = entry.nonzero()[0]
        if not len(todo):
            return Found(todo, todo, end)
        rows: list[Rows] = []
        entries: list[_Words] = []
        entry, word, at = entry.take(todo), k0.take(todo), end.take(todo)
        step, mask = _steps(word), len(self._index) - 1
        while len(todo):
            hit = ((entry ^ word) <= _LOWER).nonzero()[0]
            if len(hit):
                rows.append(todo.take(hit))
                entries.append(entry.take(hit))
            at = (at + step) & mask
            entry = self._index.take(at)
            end[todo] = at
            more = entry.nonzero()[0]
            if len(more) < len(todo):
                todo, entry, word = todo.take(more), entry.take(more), word.take(more)
                at, step = at.take(more), step.take(more)
        if not rows:
            return Found(todo, todo, end)
        row = np.concatenate(rows) if len(rows) > 1 else rows[0]
        slot = ((np.concatenate(entries) if len(rows) > 1 else entries[0]) & _LOWER).view(np.int64) - 1
        mine, asked = self.keys.take(slot, axis=0), hashes.take(row, axis=0)
        equal = (mine[:, 0] == asked[:, 0]) & (mine[:, 1] == asked[:, 1])
        return Found(row, slot, end) if equal.all() else Found(row[equal], slot[equal], end)

    def find(self, hashes: Hashes) -> tuple[Rows, Slots]:
        """(row, slot) of every stored row under the keys, in no order."""
        found = self.look(hashes)
        return found.row, found.slot

    def append(self, hashes: Hashes, end: Slots) -> slice:
        """The slots of new rows under the keys, whose columns the caller writes next.

        Room must be reserved. `end` is what `look` told since the table last changed.
        """
        first, last = self.used, self.used + len(hashes)
        self.keys[first:last] = hashes
        self.used = last
        self._enter(first, last, end)
        return slice(first, last)

    def _enter(self, first: int, last: int, at: Slots) -> None:
        """Write rows into the index. Each goes to its place, which is free, unless another one of them gets it."""
        word = self.keys[first:last, 0]
        entry = (word & _UPPER) | np.arange(first + 1, last + 1, dtype=np.uint64)
        self._index[at] = entry  # the last one that claims a place has it
        todo = (self._index.take(at) != entry).nonzero()[0]
        if not len(todo):
            return
        mask = len(self._index) - 1
        at, entry, step = at.take(todo), entry.take(todo), _steps(word.take(todo))
        while len(at):
            at = (at + step) & mask
            free = (self._index.take(at) == 0).nonzero()[0]
            self._index[at.take(free)] = entry.take(free)
            more = (self._index.take(at) != entry).nonzero()[0]
            at, entry, step = at.take(more), entry.take(more), step.take(more)

    def _make_index(self, rows: int) -> None:
        """The index of all rows, with room for `rows`."""
        bits = _MIN_BITS
        while rows > MAX_LOAD * (1 << bits):
            bits += 1
        self._index = np.zeros(1 << bits, np.uint64)
        self._enter(0, self.used, (self.keys[: self.used, 0] & np.uint64((1 << bits) - 1)).view(np.int64))

    def _compact(self, at: Slots, size: int) -> None:
        """Only the rows at `at`, in their order, and room for `size`."""
        used = len(at)
        keys: Hashes = np.zeros((size, 2), np.uint64)  # zeros: what a row does not say must not be in a checkpoint
        keys[:used] = self.keys.take(at, axis=0)
        self.keys = keys
        for name, old in self.column.items():
            self.column[name] = column = np.zeros(size, old.dtype)
            column[:used] = old.take(at)
        self.used = used

    def _resize(self, size: int) -> None:
        """Room for `size` rows in the columns, of which those in use are kept."""
        used, size = self.used, max(size, MIN_ROWS)
        keys: Hashes = np.zeros((size, 2), np.uint64)
        keys[:used] = self.keys[:used]
        self.keys = keys
        for name, old in self.column.items():
            self.column[name] = column = np.zeros(size, old.dtype)
            column[:used] = old[:used]


def _steps(word: _Words) -> Slots:
    """How far apart the places of keys are: odd, so that they reach every slot."""
    return (word >> np.uint64(40) << _ONE | _ONE).view(np.int64)
