"""What is counted beyond the confusion table: scores, delays, sources, other views. Sparse, integer, mergeable.

A detail's code is `kind << 58 | c << 48 | actual << 24 | predicted` with the judge's numbers of classes; `c` is a bin,
a label source, a pair of them, an age or the outcome of a pair. Codes of the confusion table lie below all of them.
Changes wait as columns and are summed when somebody looks: most rounds touch many cells and most rows look at few
tables.
"""

from collections.abc import Iterable
from typing import TypeVar

import numpy as np

from streams.ledger.cells import CellKind
from streams.quality.counts.counted import Ints

SHIFT = 24
"""A cell's code is `actual << SHIFT | predicted`, both class numbers of the judge."""

UNLABELLED = (1 << SHIFT) - 1
"""The actual class of a prediction without a label."""

KIND_SHIFT = 58
C_SHIFT = 48
MOST_C = (1 << (KIND_SHIFT - C_SHIFT)) - 1
"""The greatest `c`."""

FIRST_DETAIL = 1 << KIND_SHIFT
"""Codes from here on are details; those below are of the confusion table."""

_COMPACT_AT = 4096

Columns = tuple[Ints, Ints]
"""(codes, counts)."""


Code = TypeVar("Code", int, Ints)


def detail_code(kind: Code, c: Code, actual: Code, predicted: Code) -> Code:
    """The code of a detail, or of each in columns."""
    return kind << KIND_SHIFT | c << C_SHIFT | actual << SHIFT | predicted


def sum_by(key: Ints, n: Ints) -> Columns:
    """The distinct keys in order and the sum of n of each, without those that come to zero."""
    if not len(key):
        return key, n
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sums: Ints = np.add.reduceat(n[order], starts)
    kept = sums != 0
    return ordered[starts[kept]], sums[kept]


NO_DETAILS: Columns = (np.zeros(0, np.int64), np.zeros(0, np.int64))


class Details:
    """Counts by code; none of them is zero. They form a group under `add`."""

    __slots__ = ("_parts", "_waiting")

    def __init__(self) -> None:
        self._parts: list[Columns] = []
        self._waiting = 0

    def add(self, part: Columns) -> None:
        """Add counts; nobody changes the columns afterwards."""
        self._parts.append(part)
        self._waiting += len(part[0])
        # The first part is the sum of what came before: summing when as much waits again costs a constant a cell.
        if len(self._parts) > 1 and self._waiting > max(_COMPACT_AT, len(self._parts[0][0])):
            self.columns()

    def columns(self) -> Columns:
        """The counts by code, in order of codes. Raises ValueError when something was counted less than never."""
        if len(self._parts) != 1 or self._waiting:
            code, n = added(self._parts)
            if len(n) and int(n.min()) < 0:
                raise ValueError(f"detail {int(code[n.argmin()]):#x} would be counted {int(n.min())} times")
            self._parts, self._waiting = [(code, n)], 0
        return self._parts[0]

    @property
    def empty(self) -> bool:
        """Whether nothing is counted here."""
        return not self._parts or not len(self.columns()[0])


def added(parts: Iterable[Columns]) -> Columns:
    """The sum of several columns."""
    every = list(parts)
    if not every:
        return NO_DETAILS
    return sum_by(np.concatenate([code for code, _ in every]), np.concatenate([n for _, n in every]))


def subtracted(whole: Columns, parts: Iterable[Columns]) -> Columns:
    """What is left of a whole without some of its parts."""
    return added([whole, *((code, -n) for code, n in parts)])


def of_kind(columns: Columns, kind: CellKind) -> tuple[Ints, Ints, Ints, Ints]:
    """(c, actual, predicted, n) of the details of one kind; `columns` are in order of codes."""
    code, n = columns
    begin, end = np.searchsorted(code, (int(kind) << KIND_SHIFT, (int(kind) + 1) << KIND_SHIFT)).tolist()
    some = code[begin:end]
    return some >> C_SHIFT & MOST_C, some >> SHIFT & UNLABELLED, some & UNLABELLED, n[begin:end]
