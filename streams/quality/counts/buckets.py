"""Counts by bucket: the pieces that windows are added up from, and what a round changes in them.

A tumbling window is one bucket; sliding windows share theirs. A bucket keeps one table for all predictions
of a model version and one for each value of each dimension, so every marginal is exact and no product of
dimensions is kept.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from streams.ledger.cells import CellKind
from streams.quality.counts.counted import Ints
from streams.quality.counts.details import FIRST_DETAIL, KIND_SHIFT, Columns, sum_by
from streams.quality.counts.names import Names
from streams.quality.counts.shares import Changes
from streams.quality.counts.table import CORRECTED, Delta, Table, accumulate
from streams.quality.spec import WindowSpec


class Bucket:
    """The tables of one model version in one bucket: of all predictions, and by value for each dimension."""

    __slots__ = ("every", "values")

    def __init__(self, dimensions: int) -> None:
        self.every = Table()
        self.values: list[dict[str, Table]] = [{} for _ in range(dimensions)]

    def merge(self, change: "BucketChange") -> None:
        """Apply what a round changed; tables that became empty go."""
        self.every.merge(change.every)
        for part in change.details:
            self.every.details.add(part)
        for tables, changes, details in zip(self.values, change.values, change.value_details, strict=True):
            for value in [*changes, *(value for value in details if value not in changes)]:
                table = tables.get(value)
                if table is None:
                    table = tables[value] = Table()
                table.merge(changes.get(value, {}))
                if value in details:
                    table.details.add(details[value])
                if table.empty:
                    del tables[value]


class BucketChange(NamedTuple):
    """What a round changes in a bucket, or in a window: deltas in the shape of `Bucket`.

    Details are changes of a bucket only: what a window shows of them is added up anew from its buckets.
    """

    every: Delta
    values: tuple[dict[str, Delta], ...]
    details: list[Columns]  # none or one
    value_details: tuple[dict[str, Columns], ...]

    @property
    def nothing(self) -> bool:
        """Whether it changes nothing."""
        return not (self.every or self.details or any(self.values) or any(self.value_details))


def no_change(dimensions: int) -> BucketChange:
    """A change of nothing."""
    return BucketChange({}, tuple({} for _ in range(dimensions)), [], tuple({} for _ in range(dimensions)))


def add_up(changes: list[BucketChange], dimensions: int) -> BucketChange:
    """The change of a window's tables from those of its buckets; what cancels out is left out."""
    if len(changes) == 1:
        return changes[0]
    result = no_change(dimensions)
    for change in changes:
        accumulate(result.every, change.every)
        for into, values in zip(result.values, change.values, strict=True):
            for value, delta in values.items():
                accumulate(into.setdefault(value, {}), delta)
    return result


def contents(buckets: list[Bucket], dimensions: int) -> BucketChange:
    """All that buckets count, as the change of a window over them that showed nothing yet."""
    result = no_change(dimensions)
    for bucket in buckets:
        accumulate(result.every, bucket.every.counts())
        for into, tables in zip(result.values, bucket.values, strict=True):
            for value, table in tables.items():
                accumulate(into.setdefault(value, {}), table.counts())
    return result


def without(bucket: Bucket, change: BucketChange, dimensions: int) -> Bucket:
    """A bucket as it was before a change."""
    before = Bucket(dimensions)
    values = tuple({value: table.details.columns() for value, table in tables.items()} for tables in bucket.values)
    before.merge(
        contents([bucket], dimensions)._replace(details=[bucket.every.details.columns()], value_details=values)
    )
    before.merge(_negative(change))
    return before


def _negative(change: BucketChange) -> BucketChange:
    return BucketChange(
        {code: -n for code, n in change.every.items()},
        tuple(
            {value: {code: -n for code, n in delta.items()} for value, delta in values.items()}
            for values in change.values
        ),
        [(code, -n) for code, n in change.details],
        tuple({value: (code, -n) for value, (code, n) in values.items()} for values in change.value_details),
    )


class Round:
    """The changes of a round, ready to be added up by the buckets of any window spec."""

    def __init__(self, changes: Changes, names: Names) -> None:
        self._names = names
        corrected = changes.code >> KIND_SHIFT == CellKind.CORRECTED
        detail = changes.code >= FIRST_DETAIL
        code = np.where(corrected, CORRECTED, changes.code)
        self._tables = _Sums(changes, np.flatnonzero(~detail), names)
        self._corrections = _Sums(changes._replace(code=code), np.flatnonzero(corrected), names)
        self._details = _Sums(changes, np.flatnonzero(detail), names)

    def changes(self, window: WindowSpec, pane_ms: int, detail_ms: int) -> dict[tuple[int, int], BucketChange]:
        """The changes of every bucket of a window spec, by (line, start of the bucket in ms).

        Buckets that are not whole details have none: which of them a prediction lies in is not known there.
        """
        result: dict[tuple[int, int], BucketChange] = {}
        names, dimensions = self._names, len(self._names.series)
        for line, start, codes, n in self._tables.by_line(window, pane_ms):
            place = result[line, start] = no_change(dimensions)
            place.every.update(zip(codes.tolist(), n.tolist(), strict=True))
        for d in range(dimensions):
            for number, start, codes, n in self._tables.by_series(d, window, pane_ms):
                line, value = names.series[d][number]
                # it is new where the values' changes cancel out in the sum: one prediction changed its segment
                place = result.setdefault((line, start), no_change(dimensions))
                place.values[d][value] = dict(zip(codes.tolist(), n.tolist(), strict=True))
        if not window.is_of_details(detail_ms):
            return result
        for line, start, _, n in self._corrections.by_line(window, pane_ms):
            result.setdefault((line, start), no_change(dimensions)).every[CORRECTED] = int(n[0])
        for d in range(dimensions):
            for number, start, _, n in self._corrections.by_series(d, window, pane_ms):
                line, value = names.series[d][number]
                values = result.setdefault((line, start), no_change(dimensions)).values[d]
                values.setdefault(value, {})[CORRECTED] = int(n[0])
        for line, start, codes, n in self._details.by_line(window, pane_ms):
            result.setdefault((line, start), no_change(dimensions)).details.append((codes, n))
        for d in range(dimensions):
            for number, start, codes, n in self._details.by_series(d, window, pane_ms):
                line, value = names.series[d][number]
                result.setdefault((line, start), no_change(dimensions)).value_details[d][value] = codes, n
        return result


class _Sums:
    """Some of the changes, to be summed by bucket and by what their groups are part of."""

    def __init__(self, changes: Changes, rows: Ints, names: Names) -> None:
        group, pane, code, self._n = (column[rows] for column in changes)
        # Buckets are looked for once for each run of cells of one pane and group, not for each cell.
        starts = np.flatnonzero(np.concatenate(([True], (group[1:] != group[:-1]) | (pane[1:] != pane[:-1]))))
        starts = starts[: len(group)]  # none when nothing changed
        self._pane, self._length = pane[starts], np.diff(starts, append=len(group))
        self._codes, self._cell = np.unique(code, return_inverse=True)
        groups, index = np.unique(group[starts], return_inverse=True)
        numbers = [[of[g] for g in groups.tolist()] for of in (names.line_of, *names.series_of)]
        self._line, *self._series = (np.array(each, np.int64)[index] for each in numbers)

    def by_line(self, window: WindowSpec, pane_ms: int) -> Iterator[tuple[int, int, Ints, Ints]]:
        """(line, start of the bucket in ms, codes, counts) of every table that changed."""
        return self._summed(self._line, window, pane_ms)

    def by_series(self, d: int, window: WindowSpec, pane_ms: int) -> Iterator[tuple[int, int, Ints, Ints]]:
        """The same for the values of a dimension: (number of the series, ...)."""
        return self._summed(self._series[d], window, pane_ms)

    def _summed(self, number: Ints, window: WindowSpec, pane_ms: int) -> Iterator[tuple[int, int, Ints, Ints]]:
        if not len(self._n):
            return
        bucket = (self._pane * pane_ms - window.origin_ms) // window.bucket_ms
        lowest = int(bucket.min())
        width = int(number.max()) + 1
        tables, table = np.unique((bucket - lowest) * width + number, return_inverse=True)
        key, sums = sum_by(np.repeat(table * len(self._codes), self._length) + self._cell, self._n)
        if not len(key):
            return
        table, cell = np.divmod(key, len(self._codes))
        codes = self._codes[cell]
        starts = np.flatnonzero(np.concatenate(([True], table[1:] != table[:-1])))
        ends = [*starts[1:].tolist(), len(key)]
        for begin, end, where in zip(starts.tolist(), ends, tables[table[starts]].tolist(), strict=True):
            start = (where // width + lowest) * window.bucket_ms + window.origin_ms
            yield where % width, start, codes[begin:end], sums[begin:end]
