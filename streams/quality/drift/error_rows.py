"""Where do the errors of each true class go? Rows of the confusion table without the diagonal, compared one by one.

A reference of 1000 classes has hundreds of thousands of such cells, a window far fewer. So the reference is prepared
once, and a comparison looks at the window's cells only: what the other cells add follows from the sums of their rows.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.quality.drift.chisquare import ABSOLUTE_NORMAL, Comparison, Floats, Numbers, exact_sum, moments
from streams.quality.drift.spread import Pair, chi_pair
from streams.quality.drift.tally import CLASS_BITS, Ints, Tally, errors


class Rows(NamedTuple):
    """Rows that were compared: their true classes, each row, and all together (one group)."""

    true: Ints
    each: Comparison
    together: Comparison


class ErrorRows:
    """The errors of a reference by true class, for many comparisons."""

    def __init__(self, cells: Tally) -> None:
        wrong = errors(cells)
        self._code, self._n = wrong
        self._true, self._first, at = np.unique(wrong.code >> CLASS_BITS, return_index=True, return_inverse=True)
        rows = len(self._true)
        self._row: Ints = at
        self._total = _sums(at, wrong.n, rows)
        self._columns = _sums(at, np.ones(len(at)), rows)
        self._inverse = _sums(at, 1 / wrong.n, rows)
        self.total = wrong.total

    def compare(self, window: Tally) -> Rows | None:
        """A window's errors against these, row by row; None where no row can be compared."""
        row, here, there = self._found(window)
        if not len(row):
            return None
        rows = len(self._true)
        n, m = _sums(row, here, rows), self._total
        both = here + there
        columns = self._columns + _sums(row, there == 0, rows)
        inverse = self._inverse + _sums(row, 1 / both - 1 / np.where(there > 0, there, np.inf), rows)
        share = here / n[row] - there / m[row]
        unseen = m - _sums(row, there, rows)  # errors of the reference in cells where the window has none
        statistic = _sums(row, share**2 * (n * m)[row] / both, rows) + n * unseen / m
        moved = _sums(row, np.abs(share), rows) + unseen / m
        chosen, mean, variance = moments(n, m, columns, inverse)
        if not len(chosen):
            return None
        noise = self._noise(n, row, here, there)[chosen] * np.sqrt(1 / n[chosen] + 1 / m[chosen])
        each = Comparison(
            statistic[chosen],
            mean,
            variance,
            moved[chosen] / 2 - ABSOLUTE_NORMAL * noise,
            n[chosen].astype(np.int64),
            m[chosen].astype(np.int64),
        )
        together = Comparison(
            np.array([exact_sum(each.statistic)]),
            np.array([exact_sum(each.mean)]),
            np.array([exact_sum(each.variance)]),
            np.array([exact_sum(each.n * each.change) / int(each.n.sum())]),
            np.array([each.n.sum()]),
            np.array([each.m.sum()]),
        )
        return Rows(self._true[chosen], each, together)

    def leave_out(self, part: Tally) -> Pair | None:
        """How a part of these errors differs from the rest, all rows together; None where no row can be compared."""
        row, here, total = self._found(part)
        rows = len(self._true)
        n = _sums(row, here, rows)
        m = self._total - n
        chosen, mean, variance = moments(n, m, self._columns, self._inverse)
        if not len(chosen):
            return None
        possible = np.zeros(rows, np.bool_)
        possible[chosen] = True
        kept = possible[row]
        row, here, total = row[kept], here[kept], total[kept]
        share = here / n[row] - (total - here) / m[row]
        statistic = _sums(row, share**2 * (n * m)[row] / total, rows)[chosen]
        statistic += (n / np.maximum(m, 1))[chosen] * (self._total - _sums(row, total, rows))[chosen]
        return chi_pair(exact_sum(statistic), exact_sum(mean), exact_sum(variance))

    def _found(self, window: Tally) -> tuple[Ints, Ints, Ints]:
        """The window's errors in known rows: the row, the count, and the count here."""
        wrong = errors(window)
        if not len(self._code):
            return (np.zeros(0, np.int64),) * 3
        true = wrong.code >> CLASS_BITS
        row = np.minimum(np.searchsorted(self._true, true), len(self._true) - 1)
        known = self._true[row] == true
        at = np.minimum(np.searchsorted(self._code, wrong.code), len(self._code) - 1)
        there = np.where(self._code[at] == wrong.code, self._n[at], 0)
        return row[known], wrong.n[known], there[known]

    def _noise(self, n: Floats, row: Ints, here: Ints, there: Ints) -> Floats:
        """The sum over the columns of each row of sqrt(p (1 - p)), p pooled."""
        total = n + self._total
        share = self._n / total[self._row]
        noise = np.add.reduceat(np.sqrt(share * (1 - share)), self._first)
        before, after = there / total[row], (here + there) / total[row]
        return noise + _sums(row, np.sqrt(after * (1 - after)) - np.sqrt(before * (1 - before)), len(n))


def _sums(row: Ints, values: Numbers | NDArray[np.bool_], rows: int) -> Floats:
    """The sum of values by row; counts are exact below 2 ** 53."""
    return np.asarray(np.bincount(row, values, rows), np.float64)
