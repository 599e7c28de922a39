"""Whether a confidence means what it says: calibration bins, debiased ECE, Brier score, log-loss.

Over the labelled predictions of a confidence bin the mean confidence should be the accuracy. Bins are those of the
counts, `CONFIDENCE_BINS` of equal width.
"""

from functools import lru_cache
from math import fsum, pi, sqrt
from typing import NamedTuple

import numpy as np

from streams.formats.columns import CONFIDENCE_SCALE
from streams.ledger.cells import CONFIDENCE_BINS, Outcome
from streams.quality.counts.counted import NO_LABEL, Counted
from streams.quality.measures.confusion import Undefined, explain
from streams.quality.measures.intervals import wilson

_MILLION = 1_000_000


class CalibrationBin(NamedTuple):
    """The predictions whose confidence lies in one bin, in the order of its row. `undefined` explains every None."""

    bin: int
    confidence_lower: float  # where the bin begins
    confidence_upper: float  # where it ends; only the last bin holds its end
    predictions: int
    labelled: int
    correct: int
    confidence_mean: float | None  # of the labelled ones, so that it compares with their accuracy
    accuracy: float | None  # correct / labelled
    accuracy_lower: float | None  # 95 % interval
    accuracy_upper: float | None
    undefined: str | None


class CalibrationError(NamedTuple):
    """Expected calibration error: `raw` as it is seen, `debiased` by what a perfect model would show."""

    raw: float
    debiased: float


class _Bin(NamedTuple):
    bin: int
    predictions: int
    labelled: int
    correct: int
    confidence: int  # sum over the labelled ones, in 1 / CONFIDENCE_SCALE


_UNLABELLED_FIELDS = ("confidence_mean", "accuracy", "accuracy_lower", "accuracy_upper")


def calibration_bins(counted: Counted) -> list[CalibrationBin]:
    """The bins that have predictions, in order; none where no scores are counted."""
    return [_row(one) for one in _bins(counted)]


def emptied_bin(number: int) -> CalibrationBin:
    """The row of a bin that has no prediction any more."""
    return _row(_Bin(number, 0, 0, 0, 0))


def _row(one: _Bin) -> CalibrationBin:
    edges = (one.bin / CONFIDENCE_BINS, (one.bin + 1) / CONFIDENCE_BINS)
    counts = (one.predictions, one.labelled, one.correct)
    if not one.labelled:
        return CalibrationBin(one.bin, *edges, *counts, None, None, None, None, _unlabelled())
    mean, accuracy = one.confidence / (CONFIDENCE_SCALE * one.labelled), one.correct / one.labelled
    return CalibrationBin(one.bin, *edges, *counts, mean, accuracy, *wilson(accuracy, one.labelled), None)


@lru_cache(1)
def _unlabelled() -> str | None:
    return explain([(name, Undefined.NOTHING_LABELLED) for name in _UNLABELLED_FIELDS])


def calibration_error(counted: Counted) -> CalibrationError | None:
    """Expected calibration error over the labelled predictions with a score; None when there is none.

    `raw = sum N_b / N |accuracy_b - confidence_b|` grows when labels are few, also for a perfect model, by about
    `sum N_b / N sqrt(2 / pi) sqrt(p_b (1 - p_b) / N_b)` with p_b the mean confidence of the bin, which is its accuracy
    where a model is calibrated. `debiased` is without that, and 0 where nothing is left (`statistics.md` section 6).
    """
    bins = [one for one in _bins(counted) if one.labelled]
    n = sum(one.labelled for one in bins)
    if not n:
        return None
    gaps, null = [], []
    for one in bins:
        p = one.confidence / (CONFIDENCE_SCALE * one.labelled)
        gaps.append(abs(one.correct - one.confidence / CONFIDENCE_SCALE))
        null.append(sqrt(one.labelled * p * (1 - p)))
    raw = fsum(gaps) / n
    return CalibrationError(raw, max(0.0, raw - sqrt(2 / pi) * fsum(null) / n))


def _bins(counted: Counted) -> list[_Bin]:
    scored = counted.scored
    if not len(scored.n):
        return []
    labelled = scored.true != NO_LABEL
    right = scored.true == scored.predicted
    outcome = np.where(labelled, np.where(right, Outcome.RIGHT, Outcome.WRONG), Outcome.UNLABELLED)
    flat = np.bincount(scored.bin * len(Outcome) + outcome, scored.n, CONFIDENCE_BINS * len(Outcome))
    counts = flat.astype(np.int64).reshape(CONFIDENCE_BINS, len(Outcome)).tolist()
    sums = (counted.confidence_sum[:, Outcome.WRONG] + counted.confidence_sum[:, Outcome.RIGHT]).tolist()
    return [
        _Bin(b, sum(n), n[Outcome.WRONG] + n[Outcome.RIGHT], n[Outcome.RIGHT], total)
        for b, (n, total) in enumerate(zip(counts, sums, strict=True))
        if any(n)
    ]


def brier_score(counted: Counted) -> float | None:
    """Mean of `sum over classes (p - y)^2`, in [0, 2]; None when no labelled prediction has a score for every class.

    Two classes count both (scikit-learn's `scale_by_half=False`). Fixed point: exact to half a millionth a prediction.
    """
    return counted.brier_sum / (_MILLION * counted.proper) if counted.proper else None


def log_loss(counted: Counted) -> float | None:
    """Mean of `-ln p(true class)`; None when no labelled prediction has a score for every class.

    A probability of 0 counts as half the smallest one that is told apart. Fixed point as the Brier score's.
    """
    return counted.log_loss_sum / (_MILLION * counted.proper) if counted.proper else None
