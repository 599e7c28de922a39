"""What a window shows: a view of all predictions, one of each segment value, `other` beyond the bound.

A view is what is counted now and what changed since the last round; what was counted before is the
difference, so nothing has to be kept of rows already written. Tables add up: `other` is all predictions
less those of the values shown by name, and its change follows from the same sum.
"""

from collections.abc import Callable, Collection, Iterator
from heapq import nsmallest
from typing import NamedTuple

from streams.quality.counts.buckets import Bucket, BucketChange
from streams.quality.counts.details import Columns, added, subtracted
from streams.quality.counts.table import Delta, Margins, Table, accumulate, margins_of, total
from streams.quality.rows import ALL

OTHER = "other"
"""The segment value of everything beyond the bound, and of predictions that say so themselves."""


class View(NamedTuple):
    """What one segment shows: the margins now, what changed, the counts of any cells now, all of them, and details.

    `folded` is how many values with predictions are added up in it, where that is more than its own.
    """

    segment: str
    margins: Margins
    delta: Delta
    counts: Callable[[Collection[int]], list[int]]
    everything: Callable[[], Delta]
    details: Callable[[], Columns]
    folded: int = 0


def views(
    buckets: list[Bucket],
    change: BucketChange,
    dimensions: tuple[str, ...],
    bound: int,
    shown: list[frozenset[str] | None],
    *,
    whole: bool,
) -> Iterator[View]:
    """The views of a window, from its buckets and its change: all, then each dimension by value.

    At least those with a change; all that there are when `whole`.

    `shown[d]` are the values a dimension showed by name in the last round when there were more than
    `bound`, None when it showed all of them; it is brought up to date. A value that is shown no more comes
    once with its whole count as the change, and nothing left.
    """
    every = _Sum([bucket.every for bucket in buckets])
    yield every.view(ALL, change.every)
    for d, dimension in enumerate(dimensions):
        deltas = change.values[d]
        tables = [bucket.values[d] for bucket in buckets]
        if not whole and shown[d] is None and sum(map(len, tables)) <= bound:
            for value in sorted(deltas):
                yield _Sum([t[value] for t in tables if value in t]).view(f"{dimension}={value}", deltas[value])
            continue
        now: dict[str, _Sum] = {}
        for values in tables:
            for value, table in values.items():
                now.setdefault(value, _Sum([])).tables.append(table)
        present = [v for v, s in now.items() if v != OTHER and s.margins.predictions > 0]
        if len(present) <= bound and shown[d] is None:
            for value in sorted(now.keys() | deltas.keys()):
                yield now.get(value, _NOTHING).view(f"{dimension}={value}", deltas.get(value, {}))
            continue
        before = shown[d]
        if before is None:
            before = frozenset(_before(now, deltas))
        if len(present) > bound:
            kept = shown[d] = frozenset(nsmallest(bound, present, key=lambda v: (-now[v].margins.predictions, v)))
        else:  # also of a value without predictions, whose corrections are not those of `other`
            kept, shown[d] = frozenset(v for v in now if v != OTHER), None
        yield from _bounded(dimension, (every, change.every), (now, deltas), before, kept)


class _Sum:
    """Tables added up: the margins at once, cells when asked for."""

    __slots__ = ("_margins", "tables")

    def __init__(self, tables: list[Table]) -> None:
        self.tables = tables
        self._margins: Margins | None = None

    @property
    def margins(self) -> Margins:
        if self._margins is None:
            single = len(self.tables) == 1
            self._margins = self.tables[0].margins if single else total(t.margins for t in self.tables)
        return self._margins

    def counts(self, codes: Collection[int]) -> list[int]:
        if len(self.tables) == 1:
            get = self.tables[0].cells.get
            return [get(code, 0) for code in codes]
        cells = [table.cells for table in self.tables]
        return [sum([c.get(code, 0) for c in cells]) for code in codes]

    def everything(self) -> Delta:
        result: Delta = {}
        for table in self.tables:
            accumulate(result, table.counts())
        return result

    def details(self) -> Columns:
        if len(self.tables) == 1:
            return self.tables[0].details.columns()
        return added(table.details.columns() for table in self.tables)

    def view(self, segment: str, delta: Delta) -> View:
        return View(segment, self.margins, delta, self.counts, self.everything, self.details)


_NOTHING = _Sum([])


def nothing(segment: str) -> View:
    """The view of a segment of which nothing is left."""
    return _NOTHING.view(segment, {})


def _before(now: dict[str, _Sum], deltas: dict[str, Delta]) -> Iterator[str]:
    """The values that had predictions before the change."""
    for value in now.keys() | deltas.keys():
        had = now.get(value, _NOTHING).margins.predictions - margins_of(deltas.get(value, {})).predictions
        if value != OTHER and had > 0:
            yield value


def _bounded(
    dimension: str,
    every: tuple[_Sum, Delta],
    values: tuple[dict[str, _Sum], dict[str, Delta]],
    before: frozenset[str],
    kept: frozenset[str],
) -> Iterator[View]:
    now, deltas = values
    rest_delta = dict(every[1])
    for value in sorted(before | kept):
        counted, delta = now.get(value, _NOTHING), deltas.get(value, {})
        change: Delta = {}
        if value not in before:
            change = counted.everything()  # it was part of `other`: all of it is new under its own name
        elif value not in kept:
            accumulate(change, delta)
            accumulate(change, counted.everything(), -1)  # all it showed before goes
            counted = _NOTHING
        else:
            change = delta
        accumulate(rest_delta, change, -1)
        yield counted.view(f"{dimension}={value}", change)
    named = [now[value] for value in kept]
    rest = Margins()
    rest.merge(every[0].margins)
    for part in named:
        rest.merge(part.margins, -1)

    def everything() -> Delta:
        cells = every[0].everything()
        for part in named:
            accumulate(cells, part.everything(), -1)
        return cells

    def details() -> Columns:
        return subtracted(every[0].details(), (part.details() for part in named))

    folded = sum(counted.margins.predictions > 0 for value, counted in now.items() if value not in kept)
    yield View(f"{dimension}={OTHER}", rest, rest_delta, _less(every[0], named), everything, details, folded)


def _less(whole: _Sum, parts: list[_Sum]) -> Callable[[Collection[int]], list[int]]:
    def counts(codes: Collection[int]) -> list[int]:
        columns = [part.counts(codes) for part in parts]
        return [n - sum(rest) for n, *rest in zip(whole.counts(codes), *columns, strict=True)]

    return counts
