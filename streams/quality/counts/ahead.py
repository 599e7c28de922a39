"""What ledger partitions said after they had passed a border that others had not passed yet.

A window is judged by what each ledger partition had counted when it passed `end + settle` itself: a flush is always
taken there, so that the verdict depends on each partition's own order and not on how the flushes of several of them
fell into rounds. What comes later counts in the rows, but is taken out of what is judged.
"""

from typing import Any

import numpy as np

from streams.quality.counts.buckets import BucketChange, Round
from streams.quality.counts.names import Names
from streams.quality.counts.shares import Changes
from streams.quality.lives import Key
from streams.quality.spec import QualitySpec

MOST_CELLS = 1_000_000
"""Cells that are remembered, at most; beyond it verdicts contain what came first."""


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
        if not len(some.n):
            return
        self._parts.append((watermark, some))
        self._cells += len(some.n)
        # The oldest go first: what is counted less what came after a moment is what was counted then, never below 0.
        while self._cells > MOST_CELLS:
            self._cells -= len(self._parts.pop(0)[1].n)

    def late(self, line: int, w: int, start: int) -> BucketChange | None:
        """What is taken out of a tumbling window that settles; None for nothing."""
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
        change = made.changes(window, pane_ms, self._spec.detail_ms).get((line, start))
        return None if change is None or change.nothing else change

    def settling(self, before_ms: int, watermark: int) -> list[Key]:
        """The tumbling windows in which something is taken out when a round moves on to a watermark.

        All that is counted in such a window can be gone by then, and with it every trace of what has to be judged.
        """
        keys: set[Key] = set()
        pane_ms, lines = self._spec.pane_ms, self._names.lines
        for w, window in enumerate(self._spec.windows if self._parts else ()):
            passed = {
                wait: (before_ms - wait - window.size_ms, watermark - wait - window.size_ms)
                for wait in {line.timing.settle_ms for line in lines}
            }
            if window.step_ms != window.size_ms or not any(
                window.last_start(before) < window.last_start(now) for before, now in passed.values()
            ):
                continue
            every = Changes.joined([changes for _, changes in self._parts])
            line = np.array(self._names.line_of, np.int64)[every.group]
            start = (every.pane * pane_ms - window.origin_ms) // window.size_ms * window.size_ms + window.origin_ms
            for number, begin in np.unique(np.stack((line, start)), axis=1).T.tolist():
                before, now = passed[lines[number].timing.settle_ms]
                if before < begin <= now:
                    keys.add((number, w, begin))
        return sorted(keys)

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
