"""A window against a reference: every test statistic of labels, predictions and scores, before anybody judges.

The same comparison is made for a new window and for each window of a reference against the others, which tells how
much windows vary by themselves (`spread.py`): `pairs` is what is kept of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import fsum, sqrt
from typing import NamedTuple

import numpy as np

from streams.formats.columns import CONFIDENCE_SCALE
from streams.ledger.cells import CONFIDENCE_BINS
from streams.quality.drift.chisquare import Comparison, compare
from streams.quality.drift.error_rows import ErrorRows, Rows
from streams.quality.drift.performance import Matched, matched
from streams.quality.drift.spread import Pair, chi_pair
from streams.quality.drift.tally import Ints, Recalled, Tally, aligned, pooled, recalled, without

SCORE_SUM = CONFIDENCE_BINS
"""The code of the sum of confidence, in 1 / CONFIDENCE_SCALE; below it are the counts of the bins."""

SCORE_SQUARES = CONFIDENCE_BINS + 1
"""The code of the sum of confidence squared, in 1 / CONFIDENCE_SCALE, rounded down a window."""

QUANTILES = 10
"""Bins of about equal size, by the reference, that scores are compared in."""


class Test(StrEnum):
    """What is compared; each has an over-dispersion of its own."""

    DROP = "drop"  # z of the matched drop
    CLASSES = "classes"  # the drops of the classes one by one
    CLUMPING = "clumping"  # the same, by how many labels they have
    LABEL = "label"
    CONFUSION = "confusion"
    PREDICTION = "prediction"
    MEAN = "mean"  # z of the mean confidence
    BINS = "bins"


Pairs = Mapping[str, Pair]


class LabelReference:
    """The labelled predictions of a reference, prepared for many comparisons."""

    def __init__(self, cells: Tally) -> None:
        self.rows = ErrorRows(cells)
        self.total = cells.total
        self._recalled = recalled(cells, 0)

    def recalled(self, k: int) -> Recalled:
        """Hits and support of k classes, at least those that are counted here."""
        return Recalled(*(np.pad(x, (0, max(0, k - len(x)))) for x in self._recalled))


@dataclass(frozen=True, slots=True)
class LabelComparison:
    """The labelled predictions of a window against a reference; None where a part cannot be compared."""

    window: Recalled
    reference: Recalled
    drop: Matched | None
    shares: Comparison | None
    rows: Rows | None

    @classmethod
    def of(cls, window: Tally, reference: LabelReference, k: int) -> "LabelComparison":
        """Compare confusion cells over k classes."""
        here, there = recalled(window, k), reference.recalled(k)
        shares = compare(here.support, there.support)
        return cls(here, there, matched(here, there), shares, reference.rows.compare(window))

    def pairs(self) -> Pairs:
        """What is kept of it to know the spread of windows."""
        pairs = self._pairs_by_class()
        if self.rows is not None:
            pairs[Test.CONFUSION] = _pair(self.rows.together)
        return pairs

    def _pairs_by_class(self) -> dict[str, Pair]:
        pairs: dict[str, Pair] = {}
        if self.drop is not None:
            pairs[Test.DROP] = Pair(self.drop.z**2, 1.0)
            pairs[Test.CLASSES] = Pair(self.drop.misfit, float(len(self.drop.classes)))
            pairs[Test.CLUMPING] = Pair(self.drop.excess, self.drop.squares)
        if self.shares is not None:
            pairs[Test.LABEL] = _pair(self.shares)
        return pairs

    @classmethod
    def among(cls, windows: Sequence[Tally]) -> list[Pairs]:
        """The pairs of each window against the others together."""
        everything = LabelReference(pooled(windows))
        every = everything.recalled(0)
        k, found = len(every.support), list[Pairs]()
        for window in windows:
            here = recalled(window, k)
            rest = Recalled(every.hits - here.hits, every.support - here.support)
            one = cls(here, rest, matched(here, rest), compare(here.support, rest.support), None)
            pairs, wrong = one._pairs_by_class(), everything.rows.leave_out(window)
            found.append(pairs if wrong is None else {**pairs, Test.CONFUSION: wrong})
        return found


def _pair(of: Comparison) -> Pair:
    return chi_pair(float(of.statistic[0]), float(of.mean[0]), float(of.variance[0]))


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
        return {} if self.shares is None else {Test.PREDICTION: _pair(self.shares)}

    @classmethod
    def among(cls, windows: Sequence[Tally]) -> list[Pairs]:
        """The pairs of each window against the others together."""
        everything = pooled(windows)
        return [cls.of(window, without(everything, window)).pairs() for window in windows]


class Moments(NamedTuple):
    """Scores as numbers: how many, their sum, the sum of their squares."""

    n: int
    total: float
    squares: float


def score_moments(scores: Tally) -> Moments | None:
    """The moments of scores in [0, 1]; None where only bins are known, or nothing is."""
    counts = scores.dense(SCORE_SQUARES + 1)
    n, total, squares = int(counts[:SCORE_SUM].sum()), int(counts[SCORE_SUM]), int(counts[SCORE_SQUARES])
    return Moments(n, total / CONFIDENCE_SCALE, squares / CONFIDENCE_SCALE) if n and squares else None


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
    def of(cls, window: Tally, reference: Tally) -> "ScoreComparison":
        """Compare counts in equal bins, and the sums of scores."""
        there = reference.dense(CONFIDENCE_BINS)
        at = quantile_bins(there)
        here, there = (np.bincount(at, x, QUANTILES).astype(np.int64) for x in (window.dense(CONFIDENCE_BINS), there))
        mean = mean_shift(score_moments(window), score_moments(reference))
        return cls(here, there, compare(here, there), mean)

    def pairs(self) -> Pairs:
        """What is kept of it to know the spread of windows."""
        pairs: dict[str, Pair] = {}
        if self.bins is not None:
            pairs[Test.BINS] = _pair(self.bins)
        if self.mean is not None:
            pairs[Test.MEAN] = Pair(self.mean.z**2, 1.0)
        return pairs

    @classmethod
    def among(cls, windows: Sequence[Tally]) -> list[Pairs]:
        """The pairs of each window against the others together."""
        everything = pooled(windows)
        return [cls.of(window, without(everything, window)).pairs() for window in windows]
