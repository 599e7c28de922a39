"""Which predictions have labels: does it depend on the predicted class, and is it as it always was at this age?

Chi-square tests with Dawson's exact moments under permutation and a gamma tail (`statistics.md` section 4), because
the counts of a window that has just ended are small: a plain chi-square tail would cry wolf.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

Ints = NDArray[np.int64]


class Disagreement(NamedTuple):
    """A chi-square, its mean and its variance where nothing differs. They add up over independent tables."""

    chi_square: float
    mean: float
    variance: float

    def p_value(self) -> float | None:
        """How likely so much disagreement is by chance; None where the table leaves nothing to chance."""
        if self.mean <= 0 or self.variance <= 0:
            return None
        scale = self.variance / self.mean
        return float(gammaincc(self.mean / scale, self.chi_square / scale))


def two_samples(window: Ints, reference: Ints) -> Disagreement:
    """How far two samples of counts (C,) differ in their shares; Dawson 1954 for the variance.

    Categories that are empty in both count for nothing. With fewer than two categories, an empty sample or fewer than
    four counts there is nothing to compare: all zeros.

    >>> found = two_samples(np.array([30, 5, 1, 0]), np.array([500, 120, 60, 20]))
    >>> [round(x, 6) for x in found], round(found.p_value(), 6)
    ([3.302563, 3.004082, 6.702483], 0.344536)
    """
    columns = window + reference
    there = columns > 0
    t, x = columns[there].astype(np.float64), window[there].astype(np.float64)
    c, n, m = len(t), float(x.sum()), float(t.sum() - x.sum())
    total = n + m
    if c < 2 or n == 0 or m == 0 or total < 4:
        return Disagreement(0.0, 0.0, 0.0)
    chi_square = float((np.square(x - t * (n / total)) / t).sum() * total * total / (n * m))
    mean = total / (total - 1) * (c - 1)
    v1, v2 = (total - 2) / (total - 1), (c - 1) * (total - c) / (total - 1)
    w1 = (total * (1 / n + 1 / m) - 4) / (total - 2)
    w2 = (total * float((1 / t).sum()) - c * c) / (total - 2)
    variance = 2 * total / (total - 3) * (v1 - w1) * (v2 - w2) + total * total / (total - 1) * w1 * w2
    return Disagreement(chi_square, mean, max(0.0, variance))


def pace(labelled: Ints, predictions: Ints, labelled_before: Ints, predictions_before: Ints) -> Disagreement:
    """How far the coverage of each predicted class differs from the reference's at the same age; all (K,) counts.

    One table labelled or not by window or reference for each predicted class, summed. All predictions are the
    denominator, also those whose label never comes: they never come in the reference either.
    """
    tables = [
        two_samples(np.array([n, total - n]), np.array([before, total_before - before]))
        for n, total, before, total_before in zip(
            labelled, predictions, labelled_before, predictions_before, strict=True
        )
    ]
    return Disagreement(*(float(np.sum(column)) for column in zip(*tables, strict=True)))
