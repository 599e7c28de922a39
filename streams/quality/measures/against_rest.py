"""How far is a part from the rest of the same counts, which part stands out, and could it be chance?

Parts (groups of people, say) differ in size, so the one with the most extreme figure is as a rule the smallest. What
stands out is therefore chosen after each difference is shrunk towards none by how uncertain it is (Efron and Morris
1975); the numbers shown are the plain ones. Tests are binomial at an effective number of trials, because a normal
tail is wrong by orders of magnitude where recalls are high and supports small (docs/outputs.md has the figures).
"""

from math import fsum, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtri

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MIN_TRIALS = 5
"""Labels of a class, or predictions, below which a ratio is not compared."""

USUAL_DIFFERENCE = 0.02
"""A difference between parts that is taken to be usual before anything is seen; keeps shrinking from being total."""


class Ratios(NamedTuple):
    """Hits of trials of G parts (rows) in C columns, and of the rest of each part. All (G, C)."""

    hits: Ints
    trials: Ints
    rest_hits: Ints
    rest_trials: Ints

    @classmethod
    def of(cls, hits: Ints, trials: Ints, all_hits: Ints, all_trials: Ints) -> "Ratios":
        """The ratios of parts of a whole (C,). Raises ValueError where a part counts more than the whole."""
        rest_hits, rest_trials = all_hits - hits, all_trials - trials
        if (rest_hits < 0).any() or (rest_trials < rest_hits).any():
            raise ValueError("a part counts more than the whole")
        return cls(hits, trials, rest_hits, rest_trials)

    def comparable(self, min_trials: int) -> Flags:
        """(G, C) where both the part and its rest have enough trials."""
        return (self.trials >= min_trials) & (self.rest_trials >= min_trials)

    def pooled(self) -> Floats:
        """(G, C) the ratio of part and rest together, half a hit and half a miss added: never 0 or 1."""
        return (self.hits + self.rest_hits + 0.5) / (self.trials + self.rest_trials + 1)


class Cells(NamedTuple):
    """Single ratios against the rest: shortfalls (rest less part), shrunken; minus infinity where not comparable."""

    comparable: Flags
    shrunken: Floats

    @classmethod
    def of(cls, ratios: Ratios, min_trials: int) -> "Cells":
        """The shortfall of every comparable ratio."""
        comparable = ratios.comparable(min_trials)
        q, n, rest = (column[comparable] for column in (ratios.pooled(), ratios.trials, ratios.rest_trials))
        shortfall = ratios.rest_hits[comparable] / rest - ratios.hits[comparable] / n
        out = np.full(comparable.shape, -np.inf)
        out[comparable] = shrunken(shortfall, q * (1 - q) * (1 / n + 1 / rest))
        return cls(comparable, out)


class Means(NamedTuple):
    """Means of ratios over the comparable columns of each part, against the rest's over the same columns. All (G,).

    `p_values` are two-sided. Meaningless where a part has no comparable column.
    """

    compared: Flags
    shrunken: Floats
    p_values: Floats

    @classmethod
    def of(cls, ratios: Ratios, min_trials: int) -> "Means":
        """Balanced accuracy against the rest, when the ratios are recalls by class (`statistics.md` section 3)."""
        comparable = ratios.comparable(min_trials)
        compared: Flags = np.logical_or.reduce(comparable, axis=1)
        n, rest = np.maximum(ratios.trials, 1), np.maximum(ratios.rest_trials, 1)
        q = ratios.pooled()
        parts = (ratios.rest_hits / rest - ratios.hits / n, q, q * (1 - q) * (1 / n + 1 / rest))
        columns = np.maximum(comparable.sum(axis=1), 1)
        shortfall, mean, variance = (_row_sums(part, comparable) / columns for part in parts)
        variance = np.where(compared, variance / columns, 1.0)
        out = np.full(len(compared), -np.inf)
        out[compared] = shrunken(shortfall[compared], variance[compared])
        return cls(compared, out, two_sided(shortfall, np.where(compared, mean, 0.5), variance))


def shrunken(differences: Floats, variances: Floats) -> Floats:
    """Each difference as far as it can be believed: `d t / (t + v)`, t the variance between parts beyond chance.

    Variances are above 0; t is at least `USUAL_DIFFERENCE` squared.
    """
    if not len(differences):
        return differences
    precision = 1 / variances
    beyond = (np.sum(differences**2 * precision) - len(differences)) / np.sum(precision)
    between = max(USUAL_DIFFERENCE**2, float(beyond))
    believed: Floats = differences * between / (between + variances)
    return believed


def two_sided(differences: Floats, expected: Floats, variances: Floats) -> Floats:
    """How likely a difference at least so large is by chance: binomial tails at `expected (1 - expected) / variance`.

    With one part in one column against a large rest that is the exact binomial test, twice its smaller tail.
    Expected ratios lie strictly between 0 and 1, variances above 0.
    """
    trials = expected * (1 - expected) / variances
    seen = np.clip(expected - differences, 0, 1)
    below = _binomial_below(seen * trials, trials, expected)
    above = _binomial_below((1 - seen) * trials, trials, 1 - expected)
    p: Floats = np.minimum(1, 2 * np.minimum(below, above))
    return p


def difference_interval(better: tuple[int, int], worse: tuple[int, int], looks: int) -> tuple[float, float]:
    """The 95 % interval of the difference of two ratios given as (hits, trials), trials above 0.

    Newcombe's hybrid of two Wilson intervals (1998, method 10), wide enough to hold for all of `looks` differences
    at once (Bonferroni): the shown difference was chosen among so many.

    >>> tuple(round(x, 4) for x in difference_interval((56, 70), (48, 80), 1))
    (0.0524, 0.3339)
    """
    z = -float(ndtri(0.025 / looks))
    (high, high_lower, high_upper), (low, low_lower, low_upper) = _wilson(*better, z), _wilson(*worse, z)
    return (
        high - low - sqrt((high - high_lower) ** 2 + (low_upper - low) ** 2),
        high - low + sqrt((high_upper - high) ** 2 + (low - low_lower) ** 2),
    )


def _wilson(hits: int, trials: int, z: float) -> tuple[float, float, float]:
    """A ratio and its Wilson interval at any z."""
    ratio, spread = hits / trials, z * z / trials
    centre = (ratio + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(ratio * (1 - ratio) / trials + spread / (4 * trials))
    return ratio, max(0.0, min(ratio, centre - half)), min(1.0, max(ratio, centre + half))


def _binomial_below(hits: Floats, trials: Floats, chance: Floats) -> Floats:
    """P(at most `hits` of `trials`), for numbers that need not be whole."""
    misses = trials - hits
    inside = misses > 0
    p: Floats = np.where(inside, betainc(np.where(inside, misses, 1), hits + 1, 1 - chance), 1)
    return p


def _row_sums(values: Floats, taken: Flags) -> Floats:
    """(G,) sums of the taken values of each row, each rounded once."""
    return np.array([fsum(row[t].tolist()) for row, t in zip(values, taken, strict=True)], np.float64)
