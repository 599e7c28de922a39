"""Sums over combinations of slot, bin and two classes, whole columns at a time.

Sums go through a dense array over all combinations while that is small, else through a sort. All are exact: `float64`
holds every integer below 2 ** 53.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.ledger.cells import NONE, CellKind, codes

_DENSE_PER_ROW = 32
"""Sums go through a dense array while it has at most this many cells a row, else through a sort."""

Ints = NDArray[np.int64]
Signs = NDArray[np.float64]

CellSums = tuple[Ints, Ints, Ints]
"""(number of the slot, code of the cell, sum)."""


@dataclass(slots=True)
class Crosstab:
    """Rows to sum: the number of each one's slot, and its cell `first * t + second` where `first` is below k.

    `second` is 0 for NONE and one more than the class else.
    """

    slot: Ints
    cell: Ints
    k: int
    t: int
    sign: Signs

    def some(self, at: Ints) -> "Crosstab":
        """Some of the rows."""
        if len(at) == len(self.slot):
            return Crosstab(self.slot, self.cell, self.k, self.t, self.sign)
        return Crosstab(self.slot.take(at), self.cell.take(at), self.k, self.t, self.sign.take(at))

    def cells(self, kind: CellKind, c: Ints | int = 0, bins: int = 1) -> CellSums:
        """The sums of a kind of cell; `c` is below `bins`."""
        at, (n,) = sum_by(self.index(c, bins), self.size(bins), self.sign)
        slot, bin_, first, second = self.split(at, bins)
        return slot, codes(kind, bin_, first, (second - 1) & NONE), n

    def index(self, c: Ints | int, bins: int) -> Ints:
        """One number for each combination of slot, bin and cell."""
        return (self.slot if bins == 1 else self.slot * bins + c) * (self.k * self.t) + self.cell

    def size(self, bins: int) -> int:
        """How many such numbers there can be."""
        return (int(self.slot.max()) + 1) * bins * self.k * self.t

    def split(self, index: Ints, bins: int) -> tuple[Ints, Ints, Ints, Ints]:
        """(slot, bin, first, second) of such numbers."""
        upper, cell = np.divmod(index, self.k * self.t)
        slot, bin_ = np.divmod(upper, bins)
        first, second = np.divmod(cell, self.t)
        return slot, bin_, first, second


def ranked(values: Ints) -> tuple[Ints, Ints]:
    """(the distinct values in order, the number of each value among them)."""
    low, high = int(values.min()), int(values.max())
    if high - low >= _DENSE_PER_ROW * len(values) + 4096:
        distinct, number = np.unique(values, return_inverse=True)
        return distinct, number
    seen = np.zeros(high - low + 1, np.bool_)
    seen[values - low] = True
    distinct = np.flatnonzero(seen)
    number = np.empty(len(seen), np.int64)
    number[distinct] = np.arange(len(distinct))
    return distinct + low, number.take(values - low)


def sum_by(index: Ints, size: int, *weights: Signs) -> tuple[Ints, list[Ints]]:
    """(distinct indices, sums of each of the weights there) where one is not 0. Exact below 2 ** 53."""
    distinct: Ints | None = None
    if size > _DENSE_PER_ROW * len(index) + 4096:
        distinct, index = np.unique(index, return_inverse=True)
        size = len(distinct)
    totals: list[NDArray[Any]] = [np.bincount(index, w, size) for w in weights]
    some = totals[0] != 0
    for total in totals[1:]:
        some |= total != 0
    at = np.flatnonzero(some)
    return at if distinct is None else distinct.take(at), [total.take(at).astype(np.int64) for total in totals]
