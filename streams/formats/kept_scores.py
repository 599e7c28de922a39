"""The scores that a prediction keeps: those of its most probable classes, and the sum of the squares of all.

What the rank of the true class, Brier score and log-loss need, in a few integers a row. Rule: scores are kept only
where they say what those measures ask. They must name the predicted class (else they speak of other names), name no
class twice and hold no number that is no probability; and the classes kept must be the `keep` most probable ones, or
all there are. Otherwise nothing is kept of the row, which rejects nothing. A key that can be no class of the job (not
in a closed list, too long) is not kept, but its probability counts in the sums.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from streams.formats.classes import ClassNames
from streams.formats.columns import CONFIDENCE_SCALE, NO_KEPT, Kept
from streams.formats.name_columns import distinct
from streams.formats.scores import TOLERANCE
from streams.formats.spec import ClassSpec
from streams.formats.values import Unreadable

N = TypeVar("N", int, NDArray[np.int64])

Bools = NDArray[np.bool_]
Predicted = tuple[NDArray[np.uint16], list[str]]
"""The predicted class of row i is `classes[codes[i]]`."""

_FINE = 10**8  # sums are of integers, so that the order of the classes cannot matter
_SUM_TOLERANCE = _FINE // 50  # logs round to two digits
_MOST_KEYS = 100_000  # distinct keys whose classes are remembered
_CHUNK_CELLS = 200_000  # of tables of keys by rows, so that wide maps take no more memory than narrow ones
_SPARSE = 8  # times as many cells as numbers: such tables are not made


@dataclass(frozen=True, slots=True)
class RowScores:
    """What one row keeps: (class, fixed point), highest first and ties by name, and `Kept.squares`."""

    top: tuple[tuple[str, int], ...] = ()
    squares: int = 0


NOTHING: Final = RowScores()


class KeptScores:
    """Reads the scores of one mapping. `keep` is the number of classes a row keeps, 0: none."""

    def __init__(self, keep: int, spec: ClassSpec, classes: ClassNames) -> None:
        self.keep = keep
        self._expected = spec.expected
        self._classes = classes
        self._known: dict[str, str | None] = {}
        self._binary: tuple[str, str] | None = None  # the positive class and the other one
        if len(set(spec.expected)) == 2 and spec.positive is not None and spec.positive in spec.expected:
            self._binary = spec.positive, next(name for name in spec.expected if name != spec.positive)

    def of(self, score: Any, cls: str) -> RowScores:
        """What a row keeps of its score; `cls` is its predicted class.

        A map names its classes; an array as long as the list of expected classes is in their order; a single number
        says both classes where the mapping names the positive one of two. Null in a map or array is not there.
        """
        named: dict[str, float] = {}
        others: list[float] = []
        for name, number in self._numbers(score):
            p = _clipped(number)
            if p is None or name in named:
                return NOTHING
            if name is None:
                others.append(p)
            else:
                named[name] = p
        if cls not in named:
            return NOTHING
        ordered = sorted(named.items(), key=lambda item: (-item[1], item[0]))
        fine = [round(p * _FINE) for _, p in ordered]
        everything = fine + [round(p * _FINE) for p in others]
        whole = abs(sum(everything) - _FINE) <= _SUM_TOLERANCE and not any(fine[self.keep :])
        if not whole and len(ordered) < self.keep:
            return NOTHING
        top = tuple((name, round(p * CONFIDENCE_SCALE)) for name, p in ordered[: self.keep])
        return RowScores(top, _coarse(sum(f * f for f in everything)) if whole else 0)

    def columns(self, numbers: Iterable[tuple[str, NDArray[np.float64]]], predicted: Predicted) -> Kept:
        """What rows keep whose scores are columns (n,), one for each key; NaN: not there."""
        codes, classes = predicted
        n = len(codes)
        named: dict[str, NDArray[np.float64]] = {}
        others: list[NDArray[np.float64]] = []
        kept = np.ones(n, bool)
        for key, column in numbers:
            kept &= np.isnan(column) | ((column >= -TOLERANCE) & (column <= 1 + TOLERANCE))
            name, p = self.class_of(key), np.clip(column, 0.0, 1.0)
            if name is None:
                others.append(p)
            elif name in named:
                kept &= np.isnan(named[name]) | np.isnan(p)
                named[name] = np.where(np.isnan(p), named[name], p)
            else:
                named[name] = p
        if not named:
            return self.none(n)
        names = sorted(named)
        table = np.array([named[name] for name in names], np.float64).reshape(len(names), n).T
        there = ~np.isnan(table)
        order = np.argsort(np.where(there, -table, 1.0), axis=1, kind="stable")[:, : self.keep]
        fine = _fine(table)
        total, squares = fine.sum(axis=1), (fine * fine).sum(axis=1)
        whole = np.take_along_axis(fine, order, axis=1).sum(axis=1) == total
        for p in others:
            rest = _fine(p)
            total += rest
            squares += rest * rest
        whole &= np.abs(total - _FINE) <= _SUM_TOLERANCE
        kept &= whole | (there.sum(axis=1) >= self.keep)
        kept &= _at(there, {name: place for place, name in enumerate(names)}, codes, classes)
        out = self.none(n)
        chosen = np.take_along_axis(there, order, axis=1) & kept[:, None]
        scaled = np.rint(np.where(chosen, np.take_along_axis(table, order, axis=1), 0.0) * CONFIDENCE_SCALE)
        width = order.shape[1]
        out.codes[:, :width] = np.where(chosen, order, NO_KEPT)
        out.scores[:, :width] = scaled
        out.squares[:] = _coarse(np.where(kept & whole, squares, 0))
        out.names = names
        return out

    def numbers(self, column: NDArray[np.float64], predicted: Predicted) -> Kept:
        """What rows keep whose scores are plain numbers, NaN: none."""
        if self._binary is None:
            return self.none(len(column))
        positive, other = self._binary
        return self.columns(((positive, column), (other, 1 - column)), predicted)

    def maps(self, column: list[dict[str, float]], predicted: Predicted) -> Kept:
        """What rows keep whose scores are maps of numbers."""
        codes, classes = predicted
        kept = self.none(len(column))
        widest = max(map(len, column))
        step = max(1, _CHUNK_CELLS // (widest + 1))
        for start in range(0, len(column), step):
            some, mine = column[start : start + step], codes[start : start + step]
            if not any(some):
                continue
            keys = distinct([*chain.from_iterable(some)])
            if len(keys.values) * len(some) > _SPARSE * len(keys.codes):
                part = self.rows(
                    [self.of(score, classes[code]) for score, code in zip(some, mine.tolist(), strict=True)]
                )
            else:
                table = np.full((len(keys.values), len(some)), np.nan)
                row = np.repeat(np.arange(len(some)), np.fromiter(map(len, some), np.int64, len(some)))
                values = chain.from_iterable(score.values() for score in some)
                table[keys.codes, row] = np.fromiter(values, np.float64, len(row))
                part = self.columns(zip(keys.values, table, strict=True), (mine, classes))
            kept.put(np.arange(start, start + len(some)), part)
        return kept

    def rows(self, found: list[RowScores]) -> Kept:
        """Rows read one by one as columns."""
        kept = self.none(len(found))
        names: dict[str, int] = {}
        for i, row in enumerate(found):
            for rank, (name, score) in enumerate(row.top):
                kept.codes[i, rank] = names.setdefault(name, len(names))
                kept.scores[i, rank] = score
        kept.squares[:] = [row.squares for row in found]
        kept.names = list(names)
        return kept

    def none(self, n: int) -> Kept:
        """Rows that keep nothing."""
        return Kept(
            np.full((n, self.keep), NO_KEPT, np.uint32), np.zeros((n, self.keep), np.uint16), np.zeros(n, np.uint32), []
        )

    def class_of(self, key: str) -> str | None:
        """The class that a key of a map names, None where it names none of the job's."""
        if key in self._known:
            return self._known[key]
        try:
            name: str | None = self._classes.of(key)
        except Unreadable:
            name = None
        if len(self._known) < _MOST_KEYS:
            self._known[key] = name
        return name

    def _numbers(self, score: Any) -> Iterable[tuple[str | None, Any]]:
        """(class, number) of all that a score says."""
        kind = type(score)
        if kind is dict:
            return [(self.class_of(key), number) for key, number in score.items() if number is not None]
        if kind is list and len(score) == len(self._expected):
            pairs = zip(self._expected, score, strict=True)
            return [(name, number) for name, number in pairs if number is not None]
        if kind is list and len(score) == 1:
            score = score[0]
        if self._binary is None or (type(score) is not float and type(score) is not int):
            return []
        return [(self._binary[0], score), (self._binary[1], 1 - score)]


def _at(there: Bools, place: dict[str, int], codes: NDArray[np.uint16], classes: list[str]) -> Bools:
    """Whether each row has the class `classes[codes[i]]`, which is the column `place` of that name."""
    column = np.array([place.get(name, -1) for name in classes], np.int64).take(codes)
    found: Bools = (column >= 0) & there[np.arange(len(codes)), column]
    return found


def _clipped(number: Any) -> float | None:
    """A probability within [0, 1], None when it is none."""
    if type(number) is not float and type(number) is not int:
        return None
    return min(max(float(number), 0.0), 1.0) if -TOLERANCE <= number <= 1 + TOLERANCE else None


def _fine(p: NDArray[np.float64]) -> NDArray[np.int64]:
    """Probabilities as integers; what is not there adds nothing."""
    fine: NDArray[np.int64] = np.rint(np.where(np.isnan(p), 0.0, p) * _FINE).astype(np.int64)
    return fine


def _coarse(squares: N) -> N:
    """A sum of squares in 1/_FINE^2 as one in 1/CONFIDENCE_SCALE^2, to the nearest."""
    return (squares * (CONFIDENCE_SCALE**2 // 10**8) + _FINE // 2) // _FINE
