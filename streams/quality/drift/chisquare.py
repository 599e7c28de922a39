"""Do two samples of counts come from one distribution? The chi-square test with exact moments, and the sizes of change.

Dawson's moments of the statistic given the margins (J. Roy. Statist. Soc. B 16 (1954), as in `statistics.md` section
4), a gamma tail, and over-dispersion taken out of both. A distance alone decides nothing: under no drift it grows with
the number of classes and shrinks with the sample.
"""

from math import fsum, pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from streams.quality.drift.tally import Ints

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64] | NDArray[np.float64]

ABSOLUTE_NORMAL = 0.5 * sqrt(2 / pi)
"""Half the mean of the absolute value of a standard normal: what sampling adds to a total variation."""


def exact_sum(values: Floats) -> float:
    """The sum of floats, rounded once."""
    return fsum(values.tolist())


class Comparison(NamedTuple):
    """A two-sample chi-square test; arrays by group where there are many. `change` is debiased, may be below 0."""

    statistic: Floats
    mean: Floats
    variance: Floats
    change: Floats  # total variation less what sampling alone shows
    n: Ints
    m: Ints


class Distances(NamedTuple):
    """Debiased distances, for people: 0 where a difference is no larger than sampling shows."""

    psi: float
    js: float
    kl: float


def moments(n: Numbers, m: Numbers, columns: Numbers, inverse: Floats) -> tuple[Ints, Floats, Floats]:
    """Which of some comparisons can be made, and the statistic's mean and variance of those.

    `columns` counts columns that are not empty, `inverse` is the sum of 1 / total over them. A comparison can be made
    when both sides have any, two columns are not empty and the variance is positive.
    """
    chosen = np.flatnonzero((n > 0) & (m > 0) & (columns >= 2) & (n + m > 3))
    n, m, columns, inverse = (np.asarray(x[chosen], np.float64) for x in (n, m, columns, inverse))
    total = n + m
    mean = total / (total - 1) * (columns - 1)
    v1, v2 = (total - 2) / (total - 1), (columns - 1) * (total - columns) / (total - 1)
    w1 = (total * (1 / n + 1 / m) - 4) / (total - 2)
    w2 = (total * inverse - columns**2) / (total - 2)
    variance = 2 * total / (total - 3) * (v1 - w1) * (v2 - w2) + total**2 / (total - 1) * w1 * w2
    # rounding leaves some 1e-16 where the margins allow a single table
    varies = variance > 1e-9
    return np.asarray(chosen[varies], np.int64), mean[varies], variance[varies]


def compare(window: Ints, reference: Ints) -> Comparison | None:
    """Compare two samples by class; None when it cannot be: an empty side, one class only, fewer than four in all.

    >>> c = compare(np.array([30, 5, 1, 0]), np.array([500, 120, 60, 20]))
    >>> [round(float(x[0]), 6) for x in (c.statistic, c.mean, c.variance)], round(float(tail(c)[0]), 6)
    ([3.302563, 3.004082, 6.702483], 0.344536)
    """
    seen = window + reference > 0
    a, b = window[seen], reference[seen]
    both, n, m = a + b, int(a.sum()), int(b.sum())
    chosen, mean, variance = moments(
        np.array([float(n)]), np.array([float(m)]), np.array([len(both)]), np.array([exact_sum(1 / both)])
    )
    if not len(chosen):
        return None
    share, pooled = a / n - b / m, both / (n + m)
    noise = exact_sum(np.sqrt(pooled * (1 - pooled))) * sqrt(1 / n + 1 / m)
    return Comparison(
        np.array([exact_sum(share**2 / both) * n * m]),
        mean,
        variance,
        np.array([exact_sum(np.abs(share)) / 2 - ABSOLUTE_NORMAL * noise]),
        np.array([n]),
        np.array([m]),
    )


def tail(of: Comparison, overdispersion: float = 1.0, spread: float = 1.0) -> Floats:
    """The chance of a statistic at least as large without drift, by a gamma distribution with the exact moments.

    `overdispersion` is how much larger the statistic is on average than sampling explains, `spread` how much larger
    its relative variance.
    """
    variance = of.variance * spread
    return np.asarray(gammaincc(of.mean**2 / variance, of.statistic / overdispersion * of.mean / variance))


def distances(window: Ints, reference: Ints) -> Distances | None:
    """Population stability index, Jensen-Shannon and Kullback-Leibler divergence (of the window from the reference).

    In nats, with half a count added to each class that is not empty, less their mean without drift; never below 0.
    None when a side is empty.
    """
    seen = window + reference > 0
    window, reference = window[seen], reference[seen]
    n, m, columns = int(window.sum()), int(reference.sum()), len(window)
    if not n or not m:
        return None
    p = (window + 0.5) / (n + 0.5 * columns)
    q = (reference + 0.5) / (m + 0.5 * columns)
    middle, ratio = (p + q) / 2, np.log(p / q)
    null = (columns - 1) * (1 / n + 1 / m)
    js = float((p * np.log(p / middle)).sum() + (q * np.log(q / middle)).sum()) / 2
    return Distances(
        max(0.0, float(((p - q) * ratio).sum()) - null),
        max(0.0, js - null / 8),
        max(0.0, float((p * ratio).sum()) - null / 2),
    )
