"""A window against a reference: every test statistic of labels, predictions and scores, before anybody judges.

The same comparison is made for a new window and for each window of a reference against the others, which tells how
much windows vary by themselves (`spread.py`): `pairs` is what is kept of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import fsum, sqrt
from typing import NamedTuple

import numpy as np

from streams.ledger.cells import CONFIDENCE_BINS
from streams.quality.drift.chisquare import Comparison, compare, compare_groups
from streams.quality.drift.performance import Matched, matched
from streams.quality.drift.spread import Pair
from streams.quality.drift.tally import CLASS_BITS, Ints, Recalled, Tally, aligned, errors, recalled

SCORE_SUM = CONFIDENCE_BINS
"""The code of the sum of confidence, in 1 / CONFIDENCE_SCALE; below it are the counts of the bins."""

SCORE_SQUARES = CONFIDENCE_BINS + 1
"""The code of the sum of confidence squared, in 1 / CONFIDENCE_SCALE ** 2."""

QUANTILES = 10
"""Bins of about equal size, by the reference, that scores are compared in."""


class Test(StrEnum):
    """What is compared; each has an over-dispersion of its own."""

    DROP = "drop"  # z of the matched drop
    CLASSES = "classes"  # the drops of the classes one by one
    LABEL = "label"
    CONFUSION = "confusion"
    PREDICTION = "prediction"
    MEAN = "mean"  # z of the mean confidence
    BINS = "bins"


Pairs = Mapping[str, Pair]


def chi_pair(of: Comparison) -> Pair:
    """What a chi-square over one group says of the spread of windows."""
    mean = float(of.mean[0])
    return Pair(float(of.statistic[0]) / mean, float(of.variance[0]) / mean**2)


class Rows(NamedTuple):
    """Where the errors of each true class go: compared row by row, and all rows together (one group)."""

    true: Ints
    each: Comparison
    together: Comparison


def compare_rows(window: Tally, reference: Tally) -> Rows | None:
    """Compare error targets from tallies of confusion cells; None where no row can be."""
    code, n, m = aligned(errors(window), errors(reference))
    true, each = compare_groups(code >> CLASS_BITS, n, m)
    if not len(true):
        return None
    together = Comparison(
        np.array([fsum(each.statistic)]),
        np.array([fsum(each.mean)]),
        np.array([fsum(each.variance)]),
        np.array([fsum(each.n * each.change) / int(each.n.sum())]),
        np.array([each.n.sum()]),
        np.array([each.m.sum()]),
    )
    return Rows(true, each, together)


@dataclass(frozen=True, slots=True)
class LabelComparison:
    """The labelled predictions of a window against a reference; None where a part cannot be compared."""

    window: Recalled
    reference: Recalled
    drop: Matched | None
    shares: Comparison | None
    rows: Rows | None

    @classmethod
    def of(cls, window: Tally, reference: Tally, k: int) -> "LabelComparison":
        """Compare confusion cells over k classes."""
        here, there = recalled(window, k), recalled(reference, k)
        return cls(
            here,
            there,
            matched(here, there),
            compare(here.support, there.support),
            compare_rows(window, reference),
        )

    def pairs(self) -> Pairs:
        """What is kept of it to know the spread of windows."""
        pairs: dict[str, Pair] = {}
        if self.drop is not None:
            pairs[Test.DROP] = Pair(self.drop.z**2, 1.0)
            pairs[Test.CLASSES] = Pair(self.drop.misfit, float(len(self.drop.classes)))
        if self.shares is not None:
            pairs[Test.LABEL] = chi_pair(self.shares)
        if self.rows is not None:
            pairs[Test.CONFUSION] = chi_pair(self.rows.together)
        return pairs


@dataclass(frozen=True, slots=True)
class PredictionComparison:
    """The predicted classes of a window against a reference."""

    window: Ints
    reference: Ints
    shares: Comparison | None

    @classmethod
    def of(cls, window: Tally, reference: Tally) -> "PredictionComparison":
        """Compare counts by class."""
        _, here, there = aligned(window, reference)
        return cls(here, there, compare(here, there))

    def pairs(self) -> Pairs:
        """What is kept of it to know the spread of windows."""
        return {} if self.shares is None else {Test.PREDICTION: chi_pair(self.shares)}


class Moments(NamedTuple):
    """Scores as numbers: how many, their sum, the sum of their squares."""

    n: int
    total: float
    squares: float


def moments(scores: Tally, scale: int) -> Moments | None:
    """The moments of scores in [0, 1]; None where only bins are known, or nothing is."""
    counts = scores.dense(SCORE_SQUARES + 1)
    n, total, squares = int(counts[:SCORE_SUM].sum()), int(counts[SCORE_SUM]), int(counts[SCORE_SQUARES])
    return Moments(n, total / scale, squares / scale**2) if n and squares else None


class MeanShift(NamedTuple):
    """The mean score of a window less that of the reference, and in standard deviations."""

    difference: float
    z: float


def mean_shift(window: Moments | None, reference: Moments | None) -> MeanShift | None:
    """Compare mean scores; None when a side has none, there are fewer than three, or none differ at all."""
    if window is None or reference is None or window.n + reference.n < 3:
        return None
    n, m = window.n, reference.n
    inside = [x.squares - x.total**2 / x.n for x in (window, reference)]
    variance = max(0.0, fsum(inside)) / (n + m - 2) * (1 / n + 1 / m)
    # rounding of squares: below this the scores of a side are all the same
    if variance < 1e-18:
        return None
    difference = window.total / n - reference.total / m
    return MeanShift(difference, difference / sqrt(variance))


def quantile_bins(reference: Ints) -> Ints:
    """(CONFIDENCE_BINS,) the number of the quantile, in [0, QUANTILES), that the middle of each bin lies in."""
    below = np.cumsum(reference) * 2 - reference
    return np.asarray(np.minimum(QUANTILES * below // max(1, 2 * int(reference.sum())), QUANTILES - 1), np.int64)


@dataclass(frozen=True, slots=True)
class ScoreComparison:
    """The scores of a window against a reference, by quantile of the reference and by their mean."""

    window: Ints
    reference: Ints
    bins: Comparison | None
    mean: MeanShift | None

    @classmethod
    def of(cls, window: Tally, reference: Tally, scale: int) -> "ScoreComparison":
        """Compare counts in equal bins, and sums in 1 / scale."""
        there = reference.dense(CONFIDENCE_BINS)
        at = quantile_bins(there)
        here, there = (np.bincount(at, x, QUANTILES).astype(np.int64) for x in (window.dense(CONFIDENCE_BINS), there))
        mean = mean_shift(moments(window, scale), moments(reference, scale))
        return cls(here, there, compare(here, there), mean)

    def pairs(self) -> Pairs:
        """What is kept of it to know the spread of windows."""
        pairs: dict[str, Pair] = {}
        if self.bins is not None:
            pairs[Test.BINS] = chi_pair(self.bins)
        if self.mean is not None:
            pairs[Test.MEAN] = Pair(self.mean.z**2, 1.0)
        return pairs
