"""How much more than sampling do windows vary that nothing happened in? Over-dispersion of a test, and its own spread.

Each reference window is compared with the others (or, for the hour of the week, with the ones before it); what those
comparisons say is kept as two numbers a window and pooled here. Real counts are never independent draws: a test that
takes them for such rings all the time.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

ENOUGH = 20
"""Windows that it takes to know."""


class Pair(NamedTuple):
    """One comparison of a reference window: a statistic over its mean, and the relative variance it should have."""

    ratio: float
    weight: float


class Spread(NamedTuple):
    """Over-dispersion (at least 1), and how much larger than its own the relative variance is (at least 1)."""

    overdispersion: float
    spread: float
    known: bool  # else both are 1


UNKNOWN_SPREAD = Spread(1.0, 1.0, known=False)


def chi_pair(statistic: float, mean: float, variance: float) -> Pair:
    """What a chi-square with its exact moments says of the spread of windows."""
    return Pair(statistic / mean, variance / mean**2)


def mean_ratio(pairs: Sequence[Pair]) -> Spread:
    """Over-dispersion of a z (ratio: its square) and of sums of squares (weight: how many squares)."""
    if len(pairs) < ENOUGH:
        return UNKNOWN_SPREAD
    ratio, weight = np.array(pairs).T
    return Spread(max(1.0, float(ratio.sum() / weight.sum())), 1.0, known=True)


def correlation(pairs: Sequence[Pair]) -> float:
    """How strongly the labels of a class in a window hang together (at least 0), by least squares.

    Ratio: sum of support * (squared standardised residual - 1); weight: sum of support ** 2.
    """
    if len(pairs) < ENOUGH:
        return 0.0
    ratio, weight = np.array(pairs).T
    return max(0.0, float(ratio.sum() / weight.sum()))


def chi_square(pairs: Sequence[Pair]) -> Spread:
    """Over-dispersion of a chi-square (ratio: statistic / mean; weight: variance / mean squared)."""
    if len(pairs) < ENOUGH:
        return UNKNOWN_SPREAD
    ratio, weight = np.array(pairs).T
    overdispersion = max(1.0, float(ratio.mean()))
    spread = float(ratio.var(ddof=1)) / overdispersion**2 / float(weight.mean())
    return Spread(overdispersion, max(1.0, spread), known=True)
