"""What ledger partitions said after they had passed a border that others had not passed yet.

A window is judged by what each ledger partition had counted when it passed `end + settle` itself: a flush is always
taken there, so that the verdict depends on each partition's own order and not on how the flushes of several of them
fell into rounds. What comes later counts in the rows, but is taken out of what is judged.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from streams.quality.buckets import BucketChange, Round, no_change
from streams.quality.details import Columns, added
from streams.quality.names import Names
from streams.quality.shares import Changes
from streams.quality.spec import QualitySpec
from streams.quality.table import Delta, accumulate

MOST_CELLS = 1_000_000
"""Cells that are remembered, at most; beyond it verdicts contain what came last."""


class Late:
    """What is taken out of one window before it is judged."""

    def __init__(self, changes: list[BucketChange], dimensions: tuple[str, ...]) -> None:
        self._every: Delta = {}
        self._details: Columns = added(part for change in changes for part in change.details)
        self._values: dict[str, tuple[Delta, list[Columns]]] = {}
        for change in changes:
            accumulate(self._every, change.every)
            for d, dimension in enumerate(dimensions):
                for value, delta in change.values[d].items():
                    accumulate(self._of(f"{dimension}={value}")[0], delta)
                for value, details in change.value_details[d].items():
                    self._of(f"{dimension}={value}")[1].append(details)

    def of_all(self) -> tuple[Delta, Columns]:
        """Cells and details of all predictions."""
        return self._every, self._details

    def of_segment(self, segment: str) -> tuple[Delta, Columns]:
        """The same of one value of a dimension."""
        cells, details = self._values.get(segment, ({}, []))
        return cells, added(details)

    def _of(self, segment: str) -> tuple[Delta, list[Columns]]:
        return self._values.setdefault(segment, ({}, []))


class Ahead:
    """Changes by ledger partitions that were ahead of the last round, with the watermark they had before."""

    def __init__(self, spec: QualitySpec, names: Names) -> None:
        self._spec = spec
        self._names = names
        self._parts: list[tuple[int, Changes]] = []
        self._cells = 0

    def take(self, watermark: int, changes: Changes) -> None:
        """A partition that stood at a watermark before, ahead of the others, said this."""
        # What lies in windows that the partition has not passed itself is not ahead of anything.
        old = changes.pane * self._spec.pane_ms < watermark
        some = Changes(*(column[old] for column in changes))
        if len(some.n) and self._cells + len(some.n) <= MOST_CELLS:
            self._parts.append((watermark, some))
            self._cells += len(some.n)

    def late(self, line: int, w: int, start: int) -> Late | None:
        """What is taken out of a window that settles; None for nothing."""
        window = self._spec.windows[w]
        end = start + window.size_ms
        border = end + self._names.lines[line].timing.settle_ms
        parts = [changes for watermark, changes in self._parts if watermark >= border]
        if not parts:
            return None
        every = Changes.joined(parts)
        pane_ms = self._spec.pane_ms
        within = np.flatnonzero((every.pane * pane_ms >= start) & (every.pane * pane_ms < end))
        made = Round(Changes(*(column[within] for column in every)), self._names)
        by_bucket = made.changes(window, pane_ms, self._spec.detail_ms)
        changes = [change for (of, _), change in by_bucket.items() if of == line]
        return Late(changes or [no_change(len(self._spec.dimensions))], self._spec.dimensions)

    def forget(self, watermark: int) -> None:
        """A round moved on: windows that settle from now on end later than what these partitions had passed."""
        if self._parts:
            self._parts = [(mark, changes) for mark, changes in self._parts if mark > watermark]
            self._cells = sum(len(changes.n) for _, changes in self._parts)

    def dump(self) -> list[object]:
        """Everything, as bytes of columns; for `load`."""
        return [[watermark, *(column.tobytes() for column in changes)] for watermark, changes in self._parts]

    def load(self, state: list[Any]) -> None:
        """Fill an empty one with what `dump` gave, once the names are there. Raises ValueError when it is damaged."""
        for watermark, *columns in state:
            changes = Changes(*(np.frombuffer(column, np.int64) for column in columns))
            if len({len(column) for column in changes}) > 1:
                raise ValueError("the columns of what was said ahead do not belong together")
            self._parts.append((watermark, changes))
        self._cells = sum(len(changes.n) for _, changes in self._parts)


def without(whole: Mapping[int, int], late: Delta) -> Delta:
    """Cells without those that came too late to be judged."""
    cells = dict(whole)
    accumulate(cells, late, -1)
    return cells
