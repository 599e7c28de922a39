"""Windows of one judge: which live, which a round touched, and the rows that follow.

    watermark        end          end + settle        end + horizon + slack
    status    open    .    open       |     settled          |  final, then forgotten

Rows are written for windows whose counts or status changed in a round. Work follows what changed: buckets
take the round's deltas, deadlines wait in a heap, and a window that nothing touched is not looked at.
Invariant: after a window's final rows nothing is kept of it, and a bucket goes with the last window over
it.
"""

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np

from streams.ledger.spec import NO_TIME
from streams.quality.buckets import Bucket, BucketChange, Round, add_up, no_change
from streams.quality.names import Line, Names
from streams.quality.rows import ALL, Moment, OutputRow, Place, RowWriter, Status
from streams.quality.shares import Changes
from streams.quality.spec import QualitySpec, WindowSpec
from streams.quality.table import SHIFT, UNLABELLED, changed_classes, split
from streams.quality.views import View, views

Key = tuple[int, int, int]
"""Line, index of the window spec, start of the window in ms."""


class _Life:
    """What is remembered of the rows of a window."""

    __slots__ = ("emptied", "shown", "status")

    def __init__(self, dimensions: int) -> None:
        # segment -> classes whose row says nothing is left: it must not stay behind when all rows are written again,
        # since its true negatives grew with the window
        self.emptied: dict[str, set[int]] = {}
        self.status: Status | None = None
        self.shown: list[frozenset[str] | None] = [None] * dimensions


class Windows:
    """The windows of every model version of a judge, and the watermark of the last round."""

    def __init__(self, spec: QualitySpec, names: Names) -> None:
        self.watermark = NO_TIME
        self._spec = spec
        self._names = names
        self._buckets: dict[tuple[int, int], dict[int, Bucket]] = {}  # (line, window spec) -> start -> bucket
        self._lives: dict[Key, _Life] = {}
        self._deadlines: list[tuple[int, Key]] = []

    def __len__(self) -> int:
        return len(self._lives)

    @property
    def buckets(self) -> int:
        """How many buckets are kept."""
        return sum(map(len, self._buckets.values()))

    def close_round(self, changes: Changes, moment: Moment, *, quiet: bool = False) -> list[OutputRow]:
        """The rows of every window that the round changed in counts or status, in a fixed order.

        None of them when `quiet`; what is remembered is the same.
        """
        touched = self._apply(changes)
        while self._deadlines and self._deadlines[0][0] <= moment.watermark:
            key = heappop(self._deadlines)[1]
            if key in self._lives:
                touched.setdefault(key, [])
        self.watermark = moment.watermark
        rows: list[OutputRow] = []
        final: list[Key] = []
        for key in sorted(touched, key=self._order):
            rows += self._write(key, touched[key], moment, quiet=quiet)
            if self._lives[key].status is Status.FINAL:
                final.append(key)
        for key in final:
            self._forget(key)
        return rows

    def dump(self) -> dict[str, object]:
        """What does not follow from the shares; for `load`."""
        lives = list(self._lives.values())
        return {
            "watermark": self.watermark,
            "windows": np.array(list(self._lives), np.int64).tobytes(),
            "shown": [
                [i, [None if values is None else sorted(values) for values in life.shown]]
                for i, life in enumerate(lives)
                if any(values is not None for values in life.shown)
            ],
            "emptied": [
                [i, [[segment, sorted(classes)] for segment, classes in sorted(life.emptied.items())]]
                for i, life in enumerate(lives)
                if life.emptied
            ],
        }

    def load(self, state: Mapping[str, Any], told: Changes) -> None:
        """Fill empty windows with what `dump` gave, once the names are there; their tables from what they were told.

        Raises ValueError when that is damaged.
        """
        self.watermark = state["watermark"]
        for number, w, start in np.frombuffer(state["windows"], np.int64).reshape(-1, 3).tolist():
            if not (0 <= number < len(self._names.lines) and 0 <= w < len(self._spec.windows)):
                raise ValueError("a window of an unknown model version or size")
            window = self._spec.windows[w]
            self._begin((number, w, start), window)
            # Whatever a round turned was written in it, so between rounds a status is what the watermark says.
            status = self._status(self._names.lines[number], start + window.size_ms)
            if status is Status.FINAL:
                raise ValueError("a window that should be forgotten")
            self._lives[number, w, start].status = status
        self._deadlines = [deadline for deadline in self._deadlines if deadline[0] > self.watermark]
        heapify(self._deadlines)
        lives = list(self._lives.values())
        for i, shown in state["shown"]:
            if len(shown) != len(self._spec.dimensions):
                raise ValueError("a window shows values of other dimensions")
            lives[i].shown = [None if values is None else frozenset(values) for values in shown]
        for i, emptied in state["emptied"]:
            lives[i].emptied = {segment: set(classes) for segment, classes in emptied}
        self._apply(told)
        if len(self._lives) != len(lives):
            raise ValueError("there are counts of a window that is not there")

    def _apply(self, changes: Changes) -> dict[Key, list[BucketChange]]:
        touched: dict[Key, list[BucketChange]] = {}
        dimensions = len(self._spec.dimensions)
        made = Round(changes, self._names)
        for w, window in enumerate(self._spec.windows):
            for (line, start), change in made.changes(window, self._spec.pane_ms).items():
                if not change.every and not any(change.values):
                    continue
                starts = window.starts(start)
                live = [(line, w, begin) for begin in starts if not self._is_final(line, window, begin)]
                if not live:
                    continue  # every window over it is final; the ledger changes nothing that old
                buckets = self._buckets.setdefault((line, w), {})
                bucket = buckets.get(start)
                if bucket is None:
                    bucket = buckets[start] = Bucket(dimensions)
                bucket.merge(change)
                for key in live:
                    if key not in self._lives:
                        self._begin(key, window)
                    touched.setdefault(key, []).append(change)
        return touched

    def _begin(self, key: Key, window: WindowSpec) -> None:
        self._lives[key] = _Life(len(self._spec.dimensions))
        timing = self._names.lines[key[0]].timing
        end = key[2] + window.size_ms
        heappush(self._deadlines, (end + timing.settle_ms, key))
        heappush(self._deadlines, (end + timing.final_ms, key))

    def _is_final(self, line: int, window: WindowSpec, start: int) -> bool:
        return start + window.size_ms + self._names.lines[line].timing.final_ms <= self.watermark

    def _order(self, key: Key) -> tuple[str, str, int, int]:
        line = self._names.lines[key[0]]
        return line.model, line.version, key[1], key[2]

    def _status(self, line: Line, end: int) -> Status:
        if self.watermark >= end + line.timing.final_ms:
            return Status.FINAL
        return Status.SETTLED if self.watermark >= end + line.timing.settle_ms else Status.OPEN

    def _write(self, key: Key, changes: list[BucketChange], moment: Moment, *, quiet: bool) -> list[OutputRow]:
        number, w, start = key
        line, window, life = self._names.lines[number], self._spec.windows[w], self._lives[key]
        end = start + window.size_ms
        status = self._status(line, end)
        turned = status is not life.status
        life.status = status
        spec = self._spec
        change = add_up(changes, len(spec.dimensions)) if changes else no_change(len(spec.dimensions))
        rows: list[OutputRow] = []
        buckets = self._inside(number, w, start)
        writer = RowWriter(Place(line.model, line.version, ALL, window.name, start, end), status, moment)
        for view in views(buckets, change, spec.dimensions, spec.max_segment_values, life.shown, whole=turned):
            if not (view.delta or turned):
                continue
            codes = [code for code in view.delta if code >= 0]
            counts = view.counts(codes)
            if 0 in counts and (gone := _emptied(view, codes, counts)):
                life.emptied.setdefault(view.segment, set()).update(gone)
            if not quiet:
                writer.turn_to(view.segment)
                emptied = life.emptied.get(view.segment, set()) if turned else None
                rows += self._rows(view, zip(codes, counts, strict=True), writer, line, emptied)
        return rows

    def _inside(self, line: int, w: int, start: int) -> list[Bucket]:
        window, buckets = self._spec.windows[w], self._buckets.get((line, w), {})
        inside = range(start, start + window.size_ms, window.bucket_ms)
        return [bucket for begin in inside if (bucket := buckets.get(begin)) is not None]

    def _rows(
        self,
        view: View,
        cells: Iterable[tuple[int, int]],
        writer: RowWriter,
        line: Line,
        emptied: set[int] | None,
    ) -> list[OutputRow]:
        """The rows of a view: of all its classes and of the `emptied` ones where these are given."""
        counts = view.margins
        if not counts.predictions and not sum(n for code, n in view.delta.items() if code >= 0):
            return []  # there was nothing and there is nothing: no row, not even of corrections
        names = self._names.classes
        rows = [writer.window(counts, line.classes_expected, self._spec.min_support)]
        classes = changed_classes(view.delta)
        if emptied is not None:
            classes |= counts.classes() | emptied
        rows += [writer.of_class(counts, c, names[c]) for c in sorted(classes, key=names.__getitem__)]
        changed = [
            (names[actual], names[code & UNLABELLED], count)
            for code, count in cells
            if (actual := code >> SHIFT) != UNLABELLED
        ]
        changed.sort()
        rows += [writer.confusion(*cell) for cell in changed]
        return rows

    def _forget(self, key: Key) -> None:
        line, w, start = key
        del self._lives[key]
        window, buckets = self._spec.windows[w], self._buckets.get((line, w), {})
        # No window that begins later reaches over what lies before the next start.
        for begin in range(start, start + window.step_ms, window.bucket_ms):
            buckets.pop(begin, None)
        if not buckets:
            self._buckets.pop((line, w), None)


def _emptied(view: View, codes: list[int], counts: list[int]) -> set[int]:
    """The classes of which a change left nothing: they lost their last cell."""
    lost = {c for code, count in zip(codes, counts, strict=True) if not count for c in split(code)}
    return {c for c in lost if c != UNLABELLED and c not in view.margins.of_class and c not in view.margins.support}
