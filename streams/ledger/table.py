"""A hash table of numpy columns: open addressing, double hashing, power-of-two capacity, whole blocks at a time.

Rows are never deleted one by one; a rebuild keeps those the caller still wants. A free slot has key word 0 == 0.
The capacity doubles when it is three quarters full, so a row costs its bytes times 1.85 on average over a doubling.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int64]
Rows = NDArray[np.int64]
Hashes = NDArray[np.uint64]

MAX_LOAD = 0.75
LOAD_AFTER_GROWTH = 0.5


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
    k0 = hashes[:, 0]
    least = int(room.min(initial=len(k0)))
    if least >= len(k0):
        return np.zeros(0, np.int64)
    if least > 0:
        ordered = np.sort(k0)
        if not (ordered[least:] == ordered[:-least]).any():
            return np.zeros(0, np.int64)
    _, word, n = np.unique(k0, return_inverse=True, return_counts=True)
    return np.flatnonzero(n[word] > room)


class Table:
    """Rows under 128-bit keys; several rows may share a key. Columns are attributes of `column`."""

    def __init__(self, columns: dict[str, Any], bits: int = 8) -> None:
        """An empty table with `columns` (name -> dtype) and room for `2 ** bits` slots."""
        self._dtypes = columns
        self.used = 0
        self._allocate(bits)

    def _allocate(self, bits: int) -> None:
        size = 1 << bits
        self.mask = size - 1
        self.key0 = np.zeros(size, np.uint64)
        self.key1 = np.zeros(size, np.uint64)
        self.column: dict[str, NDArray[Any]] = {name: np.zeros(size, d) for name, d in self._dtypes.items()}
        self._claim = np.empty(0, np.int32)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return self.key0.nbytes + self.key1.nbytes + sum(c.nbytes for c in self.column.values())

    def dump(self, keep: Callable[[Slots], NDArray[np.bool_]]) -> dict[str, object]:
        """The rows that `keep` wants, column by column, as bytes that nothing changes any more; for `load`."""
        at = self.taken()
        at = at[keep(at)]
        columns = {name: c[at].tobytes() for name, c in self.column.items()}
        return {"rows": len(at), "key0": self.key0[at].tobytes(), "key1": self.key1[at].tobytes(), "columns": columns}

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill an empty table with what `dump` gave. Raises ValueError when that is damaged or of other columns."""
        rows, columns = state["rows"], state["columns"]
        sizes = {name: np.dtype(d).itemsize * rows for name, d in self._dtypes.items()}
        keys = {len(state["key0"]), len(state["key1"])}
        if {name: len(c) for name, c in columns.items()} != sizes or keys != {8 * rows}:
            raise ValueError("a table's columns do not belong together")
        hashes = np.stack([np.frombuffer(state[key], np.uint64) for key in ("key0", "key1")], axis=1)
        self.reserve(rows, lambda slots: np.ones(len(slots), np.bool_))
        for turn in rounds(hashes):
            slot, _ = self.put(hashes[turn], lambda slots, _: np.zeros(len(slots), np.bool_))
            for name, dtype in self._dtypes.items():
                self.column[name][slot] = np.frombuffer(columns[name], dtype)[turn]

    def taken(self) -> Slots:
        """The slots in use."""
        return np.flatnonzero(self.key0)

    def reserve(self, rows: int, keep: Callable[[Slots], NDArray[np.bool_]]) -> None:
        """Make room for `rows` more; when the table is full it is rebuilt with only the rows `keep` wants."""
        if self.used + rows <= MAX_LOAD * (self.mask + 1):
            return
        slots = self.taken()
        slots = slots[keep(slots)]
        bits = 8
        while len(slots) + rows > LOAD_AFTER_GROWTH * (1 << bits):
            bits += 1
        self._rebuild(slots, bits)

    def put(self, hashes: Hashes, same: Callable[[Slots, Rows], NDArray[np.bool_]]) -> tuple[Slots, NDArray[np.bool_]]:
        """(slot of each row, whether it was made now). Rows must differ in key word 0; room must be reserved.

        `same(slots, rows)` narrows which stored rows under an equal key count as the same row.
        """
        out = np.empty(len(hashes), np.int64)
        new = np.zeros(len(hashes), np.bool_)
        if len(self._claim) != self.mask + 1:
            self._claim = np.empty(self.mask + 1, np.int32)
        at, step = self._probe(hashes)
        todo = np.arange(len(hashes))
        k0 = hashes[:, 0]
        while len(todo):
            stored = self.key0[at]
            done = stored == k0
            i = np.flatnonzero(done)
            if len(i):
                done[i] = (self.key1[at[i]] == hashes[todo[i], 1]) & same(at[i], todo[i])
            i = np.flatnonzero(stored == 0)
            if len(i):
                self._claim[at[i]] = i  # the last one to claim a free slot gets it
                i = i[self._claim[at[i]] == i]
                self.key0[at[i]] = k0[i]
                self.key1[at[i]] = hashes[todo[i], 1]
                new[todo[i]] = True
                done[i] = True
                self.used += len(i)
            out[todo[done]] = at[done]
            go_on = ~done
            todo, k0, step = todo[go_on], k0[go_on], step[go_on]
            at = (at[go_on] + step) & self.mask
        return out, new

    def find(self, hashes: Hashes) -> tuple[Rows, Slots]:
        """(row, slot) of every stored row under the keys, in no order."""
        at, step = self._probe(hashes)
        todo = np.arange(len(hashes))
        k0 = hashes[:, 0]
        rows: list[Rows] = []
        slots: list[Slots] = []
        while len(todo):
            stored = self.key0[at]
            hit = np.flatnonzero(stored == k0)
            if len(hit):
                hit = hit[self.key1[at[hit]] == hashes[todo[hit], 1]]
                rows.append(todo[hit])
                slots.append(at[hit])
            go_on = stored != 0
            todo, k0, step = todo[go_on], k0[go_on], step[go_on]
            at = (at[go_on] + step) & self.mask
        if not rows:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate(rows), np.concatenate(slots)

    def _probe(self, hashes: Hashes) -> tuple[Slots, Slots]:
        """Where each key is looked for first, and how far apart the next places are.

        The step is odd, so that it reaches every slot, and comes from the other word: keys that meet once part again.
        Whole blocks pay for their longest chain, and those of linear probing are several times as long.
        """
        first = (hashes[:, 0] & np.uint64(self.mask)).astype(np.int64)
        step = (hashes[:, 1] >> np.uint64(40)).astype(np.int64) << 1 | 1
        return first, step

    def _rebuild(self, keep: Slots, bits: int) -> None:
        k0, k1 = self.key0[keep], self.key1[keep]
        kept = {name: c[keep] for name, c in self.column.items()}
        self._allocate(bits)
        slot, step = self._probe(np.stack([k0, k1], 1))
        claim = np.full(self.mask + 1, -1, np.int32)
        todo = np.arange(len(k0))
        while len(todo):
            s = slot[todo]
            free = claim[s] < 0
            claim[s[free]] = todo[free]
            todo = todo[claim[s] != todo]
            slot[todo] = (slot[todo] + step[todo]) & self.mask
        self.key0[slot], self.key1[slot] = k0, k1
        for name, values in kept.items():
            self.column[name][slot] = values
        self.used = len(keep)
