"""What each ledger partition last said of each pane and group, and what changed when it says it anew.

Flushes carry absolute counts: a new word of a slot (pane, group) replaces the old one, and the difference
is what the windows get. Counts are sums over ledger partitions, so differences add up to the same whatever
the order, the cuts into flushes and the repeats. Invariant: a slot is forgotten once no window over its
pane can change.
"""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from itertools import chain, islice, pairwise
from typing import Any, NamedTuple

import numpy as np

from streams.ledger.flush import Flush
from streams.quality.counts.counted import Ints
from streams.quality.counts.details import sum_by
from streams.quality.counts.names import Names
from streams.quality.counts.numbers import known, renumbered
from streams.quality.spec import QualitySpec

MAX_PENDING_CELLS = 1_000_000
"""Changed cells that may wait for the end of a round before they are added up.

A round takes long when one ledger partition is silent."""

_CELL_BYTES = 16  # a code and a count


_GROUP = (1 << 32) - 1  # the bits of a slot's key that name the group


class Changes(NamedTuple):
    """Changed counts as columns of equal length; a cell (group, pane, code) may come more than once."""

    group: Ints
    pane: Ints
    code: Ints
    n: Ints

    @classmethod
    def joined(cls, parts: list["Changes"]) -> "Changes":
        """All of the parts, one behind the other."""
        if not parts:
            return cls(*(np.zeros(0, np.int64) for _ in cls._fields))
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))


class Shares:
    """The last word on every slot, and the changes that wait for the end of the round."""

    def __init__(self, spec: QualitySpec, names: Names) -> None:
        self._spec = spec
        self._names = names
        # (line, pane) -> {ledger partition << 32 | group: its cells as bytes}: bytes take a third of small arrays
        self._slots: dict[tuple[int, int], dict[int, bytes]] = {}
        self._due: list[tuple[int, int, int]] = []
        self._pending: list[Changes] = []
        self._add_up_at = MAX_PENDING_CELLS

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def take(self, chunks: list[Flush]) -> Changes:
        """Replace what a flush, given as its chunks, says anew; what that changes.

        A slot that comes in several chunks is the sum of its parts. A slot that was forgotten counts anew; the
        windows it would count in are final and take nothing. Raises ValueError on cells that name no class.
        """
        slots: dict[tuple[int, int], int] = {}
        columns = [self._columns(chunk, slots) for chunk in chunks]
        slot, code, n = (np.concatenate(part) for part in zip(*columns, strict=True))
        if (slot[1:] < slot[:-1]).any():
            order = np.argsort(slot, kind="stable")
            slot, code, n = slot[order], code[order], n[order]
        bounds = np.searchsorted(slot, np.arange(len(slots) + 1)).tolist()
        data = np.stack((code, n), axis=1).tobytes()
        old_parts: list[bytes] = []
        old_slots: list[int] = []
        base = chunks[0].ledger_partition << 32
        for (pane, group), s in slots.items():
            share = data[bounds[s] * _CELL_BYTES : bounds[s + 1] * _CELL_BYTES]
            old = self._replace(pane, group, base | group, share)
            if old:
                old_parts.append(old)
                old_slots += [s] * (len(old) // _CELL_BYTES)
        old_cells = np.frombuffer(b"".join(old_parts), np.int64).reshape(-1, 2)
        slot = np.concatenate((slot, np.array(old_slots, np.int64)))
        code = np.concatenate((code, old_cells[:, 0]))
        n = np.concatenate((n, -old_cells[:, 1]))
        pairs = np.array(list(slots), np.int64).reshape(-1, 2)
        changes = _reduced(pairs[:, 1], pairs[:, 0], slot, code, n)
        self._pending.append(changes)
        if sum(len(c.n) for c in self._pending) > self._add_up_at:
            self._pending = [self.drain()]
            # Distinct changes cannot be made fewer: doubling keeps the work in proportion to what was taken.
            self._add_up_at = max(MAX_PENDING_CELLS, 2 * len(self._pending[0].n))
        return changes

    def drain(self) -> Changes:
        """The changes since the last time, each cell once."""
        pending, self._pending, self._add_up_at = self._pending, [], MAX_PENDING_CELLS
        if len(pending) == 1:
            return pending[0]  # each cell is there once
        changes = Changes.joined(pending)
        group, pane, code, n = changes
        if not len(n):
            return changes
        lowest, width = int(pane.min()), int(group.max()) + 1
        pairs, slot = np.unique((pane - lowest) * width + group, return_inverse=True)
        return _reduced(pairs % width, pairs // width + lowest, slot, code, n)

    def free(self, watermark: int) -> None:
        """Forget the slots of panes that no window needs at a watermark."""
        while self._due and self._due[0][0] <= watermark:
            _, line, pane = heappop(self._due)
            self._slots.pop((line, pane), None)

    def told(self) -> Changes:
        """All that is counted here without the changes that wait: what the windows were given of it."""
        key, size, data = self._columns_of_slots()
        cells = np.frombuffer(data, np.int64).reshape(-1, 2)
        panes = np.array([pane for _, pane in self._slots], np.int64)
        pane = np.repeat(panes, [len(shares) for shares in self._slots.values()])
        counted = Changes(np.repeat(key & _GROUP, size), np.repeat(pane, size), cells[:, 0], cells[:, 1])
        waiting = Changes.joined(self._pending)
        return Changes.joined([counted, waiting._replace(n=-waiting.n)])

    def dump(self) -> dict[str, object]:
        """Everything, as bytes of columns; for `load`."""
        key, size, data = self._columns_of_slots()
        return {
            "panes": np.array(list(self._slots), np.int64).tobytes(),
            "shares": np.array([len(shares) for shares in self._slots.values()], np.int64).tobytes(),
            "keys": key.tobytes(),
            "sizes": size.tobytes(),
            "cells": data,
            "pending": [column.tobytes() for column in Changes.joined(self._pending)],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill empty shares with what `dump` gave, once the names are there. Raises ValueError when it is damaged."""
        flat, shares, key, size = (np.frombuffer(state[x], np.int64) for x in ("panes", "shares", "keys", "sizes"))
        panes, data, waiting = (
            flat.reshape(-1, 2),
            state["cells"],
            [np.frombuffer(c, np.int64) for c in state["pending"]],
        )
        if (
            len(panes) != len(shares)
            or len(key) != len(size)
            or int(shares.sum()) != len(key)
            or int(size.sum()) * _CELL_BYTES != len(data)
            or min([0, *shares, *size]) < 0
            or len({len(column) for column in waiting}) > 1
        ):
            raise ValueError("the columns of the shares do not belong together")
        pending = Changes(*waiting)
        line = np.array(self._names.line_of, np.int64)
        partition, group = key >> 32, key & _GROUP
        named = [group.max(initial=-1), pending.group.max(initial=-1)] < np.array(len(line))
        if not named.all() or pending.group.min(initial=0) < 0 or (line[group] != np.repeat(panes[:, 0], shares)).any():
            raise ValueError("a share is of a group that has no name")
        if not ((partition >= 0) & (partition < self._spec.ledger_partitions)).all():
            raise ValueError("a share is of a ledger partition that does not exist")
        if not known(np.concatenate((np.frombuffer(data, np.int64)[::2], pending.code)), self._names):
            raise ValueError("a share counts a class or a label source that has no name")
        ends = (np.cumsum(size) * _CELL_BYTES).tolist()
        cells = zip(key.tolist(), (data[begin:end] for begin, end in pairwise([0, *ends])), strict=True)
        places = [(number, pane) for number, pane in panes.tolist()]
        self._slots = {place: dict(islice(cells, n)) for place, n in zip(places, shares.tolist(), strict=True)}
        self._due = [(self._due_ms(number, pane), number, pane) for number, pane in places]
        heapify(self._due)
        self._pending = [pending] if len(pending.n) else []

    def _columns_of_slots(self) -> tuple[Ints, Ints, bytes]:
        """Key and number of cells of every share, and their cells one behind the other."""
        cells = list(chain.from_iterable(shares.values() for shares in self._slots.values()))
        key = np.fromiter(chain.from_iterable(self._slots.values()), np.int64, len(cells))
        size = np.fromiter(map(len, cells), np.int64, len(cells)) // _CELL_BYTES
        return key, size, b"".join(cells)

    def _due_ms(self, line: int, pane: int) -> int:
        """From which watermark on no window needs a pane of a line."""
        return self._spec.last_end(pane) + self._names.lines[line].timing.final_ms

    def _replace(self, pane: int, group: int, key: int, share: bytes) -> bytes:
        line = self._names.line_of[group]
        shares = self._slots.get((line, pane))
        if shares is None:
            if not share:
                return b""
            shares = self._slots[line, pane] = {}
            heappush(self._due, (self._due_ms(line, pane), line, pane))
        old = shares.pop(key, b"")
        if share:
            shares[key] = share
        return old

    def _columns(self, chunk: Flush, slots: dict[tuple[int, int], int]) -> tuple[Ints, Ints, Ints]:
        """Slot, code and count of a chunk's cells, in the judge's numbers; adds new slots to `slots`."""
        names = self._names
        groups = [names.group_number(g) for g in chunk.groups]
        for group, newest in zip(groups, chunk.newest, strict=True):
            line = names.lines[names.line_of[group]]
            line.newest_label_ms = max(line.newest_label_ms, newest)
        numbers = [
            slots.setdefault((pane, groups[g]), len(slots))
            for pane, g in zip(chunk.pane.tolist(), chunk.group.tolist(), strict=True)
        ]
        kept = np.flatnonzero(chunk.count)
        slot = np.repeat(np.array(numbers, np.int64), np.diff(chunk.bounds))[kept]
        return slot, renumbered(chunk, kept, names), chunk.count[kept]


def _reduced(groups: Ints, panes: Ints, slot: Ints, code: Ints, n: Ints) -> Changes:
    codes, index = np.unique(code, return_inverse=True)
    key, sums = sum_by(slot * len(codes) + index, n)
    if not len(key):
        return Changes(key, key, key, sums)
    slot, index = np.divmod(key, len(codes))
    return Changes(groups[slot], panes[slot], codes[index], sums)
