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


def bucket_changes(
    changes: Changes, window: WindowSpec, pane_ms: int, names: Names
) -> dict[tuple[int, int], BucketChange]:
    """The changes of every bucket of a window spec, by (line, start of the bucket in ms)."""
    result: dict[tuple[int, int], BucketChange] = {}
    if not len(changes.n):
        return result
    dimensions = len(names.series)
    groups, group = np.unique(changes.group, return_inverse=True)
    bucket = (changes.pane * pane_ms - window.origin_ms) // window.bucket_ms
    codes, cell = np.unique(changes.code, return_inverse=True)
    keys = _Keys(bucket, codes, cell, changes.n)
    line = np.array([names.line_of[g] for g in groups.tolist()], np.int64)[group]
    for b, number, delta in keys.deltas(line):
        start = b * window.bucket_ms + window.origin_ms
        result[number, start] = BucketChange(delta, tuple({} for _ in range(dimensions)))
    for d in range(dimensions):
        series = np.array([names.series_of[d][g] for g in groups.tolist()], np.int64)[group]
        for b, number, delta in keys.deltas(series):
            owner, value = names.series[d][number]
            start = b * window.bucket_ms + window.origin_ms
            place = result.get((owner, start))
            if place is None:  # the values' changes cancel out in the sum: one prediction changed its segment
                place = result[owner, start] = no_change(dimensions)
            place.values[d][value] = delta
    return result


class _Keys(NamedTuple):
    bucket: Ints
    codes: Ints
    cell: Ints
    n: Ints

    def deltas(self, number: Ints) -> Iterator[tuple[int, int, Delta]]:
        """Bucket, number and delta of every table that changed."""
        lowest = int(self.bucket.min())
        width = int(number.max()) + 1
        tables, table = np.unique((self.bucket - lowest) * width + number, return_inverse=True)
        key, sums = sum_by(table * len(self.codes) + self.cell, self.n)
        if not len(key):
            return
        table, cell = np.divmod(key, len(self.codes))
        codes, counts = self.codes[cell].tolist(), sums.tolist()
        starts = np.flatnonzero(np.concatenate(([True], table[1:] != table[:-1])))
        ends = [*starts[1:].tolist(), len(key)]
        for begin, end, where in zip(starts.tolist(), ends, tables[table[starts]].tolist(), strict=True):
            delta = dict(zip(codes[begin:end], counts[begin:end], strict=True))
            yield where // width + lowest, where % width, delta
