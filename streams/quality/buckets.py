"""Counts by bucket: the pieces that windows are added up from, and what a round changes in them.

A tumbling window is one bucket; sliding windows share theirs. A bucket keeps one table for all predictions
of a model version and one for each value of each dimension, so every marginal is exact and no product of
dimensions is kept.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from streams.quality.names import Names
from streams.quality.shares import Changes, Ints, sum_by
from streams.quality.spec import WindowSpec
from streams.quality.table import Delta, Table, accumulate


class Bucket:
    """The tables of one model version in one bucket: of all predictions, and by value for each dimension."""

    __slots__ = ("every", "values")

    def __init__(self, dimensions: int) -> None:
        self.every = Table()
        self.values: list[dict[str, Table]] = [{} for _ in range(dimensions)]

    def merge(self, change: "BucketChange") -> None:
        """Apply what a round changed; tables that became empty go."""
        self.every.merge(change.every)
        for tables, changes in zip(self.values, change.values, strict=True):
            for value, delta in changes.items():
                table = tables.get(value)
                if table is None:
                    table = tables[value] = Table()
                table.merge(delta)
                if table.empty:
                    del tables[value]


class BucketChange(NamedTuple):
    """What a round changes in a bucket, or in a window: deltas in the shape of `Bucket`."""

    every: Delta
    values: tuple[dict[str, Delta], ...]


def no_change(dimensions: int) -> BucketChange:
    """A change of nothing."""
    return BucketChange({}, tuple({} for _ in range(dimensions)))


def add_up(changes: list[BucketChange], dimensions: int) -> BucketChange:
    """The change of a window from those of its buckets; what cancels out is left out."""
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


class Round:
    """The changes of a round, ready to be added up by the buckets of any window spec."""

    def __init__(self, changes: Changes, names: Names) -> None:
        self._names = names
        group, pane, code, self._n = changes
        # Buckets are looked for once for each run of cells of one pane and group, not for each cell.
        starts = np.flatnonzero(np.concatenate(([True], (group[1:] != group[:-1]) | (pane[1:] != pane[:-1]))))
        starts = starts[: len(group)]  # none when nothing changed
        self._pane, self._length = pane[starts], np.diff(starts, append=len(group))
        self._codes, self._cell = np.unique(code, return_inverse=True)
        groups, index = np.unique(group[starts], return_inverse=True)
        numbers = [[of[g] for g in groups.tolist()] for of in (names.line_of, *names.series_of)]
        self._line, *self._series = (np.array(each, np.int64)[index] for each in numbers)

    def changes(self, window: WindowSpec, pane_ms: int) -> dict[tuple[int, int], BucketChange]:
        """The changes of every bucket of a window spec, by (line, start of the bucket in ms)."""
        result: dict[tuple[int, int], BucketChange] = {}
        if not len(self._n):
            return result
        dimensions, length_ms = len(self._series), window.bucket_ms
        bucket = (self._pane * pane_ms - window.origin_ms) // length_ms
        for b, line, delta in self._deltas(bucket, self._line):
            start = b * length_ms + window.origin_ms
            result[line, start] = BucketChange(delta, tuple({} for _ in range(dimensions)))
        for d, series in enumerate(self._series):
            for b, number, delta in self._deltas(bucket, series):
                line, value = self._names.series[d][number]
                start = b * length_ms + window.origin_ms
                place = result.get((line, start))
                if place is None:  # the values' changes cancel out in the sum: one prediction changed its segment
                    place = result[line, start] = no_change(dimensions)
                place.values[d][value] = delta
        return result

    def _deltas(self, bucket: Ints, number: Ints) -> Iterator[tuple[int, int, Delta]]:
        """Bucket, number and delta of every table that changed."""
        lowest = int(bucket.min())
        width = int(number.max()) + 1
        tables, table = np.unique((bucket - lowest) * width + number, return_inverse=True)
        key, sums = sum_by(np.repeat(table * len(self._codes), self._length) + self._cell, self._n)
        if not len(key):
            return
        table, cell = np.divmod(key, len(self._codes))
        codes, counts = self._codes[cell].tolist(), sums.tolist()
        starts = np.flatnonzero(np.concatenate(([True], table[1:] != table[:-1])))
        ends = [*starts[1:].tolist(), len(key)]
        for begin, end, where in zip(starts.tolist(), ends, tables[table[starts]].tolist(), strict=True):
            delta = dict(zip(codes[begin:end], counts[begin:end], strict=True))
            yield where // width + lowest, where % width, delta
