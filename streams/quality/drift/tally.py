"""Sparse integer counts by code: what a window, or a reference of many windows, is compared by.

One type for class shares, confusion cells and score bins, so that pooling, taking a window out and storing are
written once. The classes of a series have numbers in the order in which they first appeared.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

CLASS_BITS = 20
UNKNOWN = (1 << CLASS_BITS) - 1
"""The predicted class of an error of which nobody said what it was taken for."""


class Tally(NamedTuple):
    """Counts by code: codes ascending, each once, every n above 0."""

    code: Ints
    n: Ints

    @property
    def total(self) -> int:
        """The sum of all counts."""
        return int(self.n.sum())

    def dense(self, size: int) -> Ints:
        """(size,) counts by code; codes beyond it are left out."""
        counts = np.zeros(size, np.int64)
        inside = self.code < size
        counts[self.code[inside]] = self.n[inside]
        return counts


NOTHING = Tally(np.zeros(0, np.int64), np.zeros(0, np.int64))


def tally(code: Ints, n: Ints) -> Tally:
    """Counts by code in any order: equal codes are added up, zeros left out."""
    if not len(code):
        return NOTHING
    order = np.argsort(code, kind="stable")
    code, n = code[order], n[order]
    first = np.flatnonzero(np.concatenate(([True], code[1:] != code[:-1])))
    code, n = code[first], np.add.reduceat(n, first)
    kept = n > 0
    return Tally(code[kept], n[kept])


def pooled(parts: Iterable[Tally]) -> Tally:
    """All counts together."""
    listed = list(parts)
    if not listed:
        return NOTHING
    return tally(np.concatenate([part.code for part in listed]), np.concatenate([part.n for part in listed]))


def without(pool: Tally, part: Tally) -> Tally:
    """A pool less one of its parts."""
    n = pool.n.copy()
    n[np.searchsorted(pool.code, part.code)] -= part.n
    kept = n > 0
    return Tally(pool.code[kept], n[kept])


def aligned(a: Tally, b: Tally) -> tuple[Ints, Ints, Ints]:
    """The codes of two tallies together, ascending, and the counts of each; 0 where it has none."""
    code = np.union1d(a.code, b.code)
    n_a, n_b = np.zeros(len(code), np.int64), np.zeros(len(code), np.int64)
    n_a[np.searchsorted(code, a.code)] = a.n
    n_b[np.searchsorted(code, b.code)] = b.n
    return code, n_a, n_b


class Recalled(NamedTuple):
    """Hits and support by class, (K,) each."""

    hits: Ints
    support: Ints


def cell_codes(true: Ints, predicted: Ints) -> Ints:
    """The codes of confusion cells."""
    return true << CLASS_BITS | predicted


def recalled(cells: Tally, k: int) -> Recalled:
    """Hits and support of each of k classes, at least those that are counted, from confusion cells."""
    true = cells.code >> CLASS_BITS
    hit = true == cells.code & UNKNOWN
    # through float64: exact below 2 ** 53 predictions
    support = np.bincount(true, cells.n, k).astype(np.int64)
    return Recalled(np.bincount(true[hit], cells.n[hit], len(support)).astype(np.int64), support)


def errors(cells: Tally) -> Tally:
    """The cells off the diagonal of which the predicted class is known."""
    predicted = cells.code & UNKNOWN
    off = (cells.code >> CLASS_BITS != predicted) & (predicted != UNKNOWN)
    return Tally(cells.code[off], cells.n[off])


class ClassNumbers:
    """The classes of a series, numbered as they appear."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.listed = list(names)
        self._number = {name: i for i, name in enumerate(self.listed)}

    def __len__(self) -> int:
        return len(self.listed)

    def numbers(self, names: Sequence[str]) -> Ints:
        """The number of each name; new ones get the next."""
        known, listed = self._number, self.listed
        for name in names:
            if name not in known:
                known[name] = len(listed)
                listed.append(name)
        return np.array([known[name] for name in names], np.int64)
