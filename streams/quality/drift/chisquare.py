"""Do two samples of counts come from one distribution? The chi-square test with exact moments, and the sizes of change.

Dawson's moments of the statistic given the margins (J. Roy. Statist. Soc. B 16 (1954), as in `statistics.md` section
4), a gamma tail, and over-dispersion taken out of both. A distance alone decides nothing: under no drift it grows with
the number of classes and shrinks with the sample.
"""

from math import pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from streams.quality.drift.tally import Ints

Floats = NDArray[np.float64]

_ABSOLUTE_NORMAL = 0.5 * sqrt(2 / pi)


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


def compare_groups(group: Ints, window: Ints, reference: Ints) -> tuple[Ints, Comparison]:
    """Compare counts inside each group (ascending numbers, one for each column). All are of equal length.

    A group is compared when both sides have any, two columns are not empty and the variance is positive; the others
    are left out. Gives the groups that are left, and their comparison.
    """
    names, at = np.unique(group, return_inverse=True)
    groups = len(names)

    def per_group(values: Floats | Ints) -> Floats:
        return np.asarray(np.bincount(at, values, groups), np.float64)

    n, m, t = per_group(window), per_group(reference), window + reference
    columns, inverse = per_group((t > 0).astype(np.int64)), per_group(1 / np.maximum(t, 1) * (t > 0))
    possible = (n > 0) & (m > 0) & (columns >= 2) & (n + m > 3)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = n + m
        sampling = 1 / n + 1 / m
        mean = total / (total - 1) * (columns - 1)
        v1, v2 = (total - 2) / (total - 1), (columns - 1) * (total - columns) / (total - 1)
        w1, w2 = (total * sampling - 4) / (total - 2), (total * inverse - columns**2) / (total - 2)
        variance = 2 * total / (total - 3) * (v1 - w1) * (v2 - w2) + total**2 / (total - 1) * w1 * w2
        share = window / n[at] - reference / m[at]
        parts = share**2 * (n * m)[at] / np.maximum(t, 1)
        pooled = t / total[at]
        noise = np.sqrt(np.maximum(pooled * (1 - pooled), 0) * sampling[at])
    # rounding leaves some 1e-16 where the margins allow a single table
    possible &= np.where(possible, variance > 1e-9, False)  # noqa: FBT003 - the value where it is impossible
    kept = possible[at]
    parts, moved, noise = (np.where(kept, x, 0.0) for x in (parts, np.abs(share), noise))
    change = per_group(moved) / 2 - _ABSOLUTE_NORMAL * per_group(noise)
    chosen = np.flatnonzero(possible)
    return names[chosen], Comparison(
        per_group(parts)[chosen],
        mean[chosen],
        variance[chosen],
        change[chosen],
        n[chosen].astype(np.int64),
        m[chosen].astype(np.int64),
    )


def compare(window: Ints, reference: Ints) -> Comparison | None:
    """Compare two samples by class; None when it cannot be: an empty side, one class only, fewer than four in all.

    >>> c = compare(np.array([30, 5, 1, 0]), np.array([500, 120, 60, 20]))
    >>> [round(float(x[0]), 6) for x in (c.statistic, c.mean, c.variance)], round(float(tail(c)[0]), 6)
    ([3.302563, 3.004082, 6.702483], 0.344536)
    """
    chosen, comparison = compare_groups(np.zeros(len(window), np.int64), window, reference)
    return comparison if len(chosen) else None


def tail(of: Comparison, overdispersion: float = 1.0, spread: float = 1.0) -> Floats:
    """The chance of a statistic at least as large without drift, by a gamma distribution with the exact moments.

    `overdispersion` is how much larger the statistic is on average than sampling explains, `spread` how much larger
    its relative variance.
    """
    variance = of.variance * spread
    return np.asarray(gammaincc(of.mean**2 / variance, of.statistic / overdispersion * of.mean / variance))


def distances(window: Ints, reference: Ints) -> Distances | None:
    """Population stability index, Jensen-Shannon and Kullback-Leibler divergence (of the window from the reference).

    In nats, with half a count added to each class, less their mean without drift; never below 0. None when a side is
    empty.
    """
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
