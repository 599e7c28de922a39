"""What do the counts of a window say for a threshold rule? A metric with its interval and the events behind it.

Metrics by class say K numbers, the others one. What a number is about (labels of the class, predictions that say it)
are its events: too few of them, and a rule says nothing.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.alerts.evidence.series import Completeness, Counts
from streams.alerts.rules.model import DAY
from streams.alerts.verdict import Evidence
from streams.quality.measures.intervals import balanced_accuracy_interval, wilson

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Interval = Callable[[float], tuple[Floats, Floats]]

BASELINE_MS = 7 * DAY
"""`delta(baseline)` is the value less that of the same metric over so long before the window."""

OF_CLASS = frozenset({"recall", "precision", "f1", "specificity", "prediction_share", "support"})
"""Metrics that say one number for each class."""

STEP_METRICS = OF_CLASS | {"balanced_accuracy", "accuracy", "label_completeness"}
"""Metrics of any window of whole steps."""

WINDOW_METRICS = frozenset({"label_delay_p50", "expected_calibration_error", "group_gap"})
"""Metrics of configured windows that settled: `thresholds.settled`."""

WITHOUT_LABELS = frozenset({"support", "prediction_share", "label_completeness"})
"""Metrics that mean what they say however many labels are there."""


class Measured(NamedTuple):
    """Numbers of one window, (K,) by class or (1,). NaN where one is undefined; it leaves this room only as None.

    `events` are those that the number rests on: of balanced accuracy and accuracy those of the smallest class that
    has any label. `interval` gives the bounds at a normal quantile, None for a metric without interval. `further` is
    what else is evidence of a number that is not by class.
    """

    value: Floats
    events: Ints
    interval: Interval | None = None
    further: Evidence = {}  # noqa: RUF012 - never changed


def measure(metric: str, counts: Counts, completeness: Completeness | None = None) -> Measured:
    """A metric of `STEP_METRICS` in a window.

    Undefined: a ratio of nothing (recall without a label of the class, precision of a class that is never predicted
    with a label, specificity where every label is of the class), and label completeness without `completeness`,
    without predictions or where nothing is usual yet. Label completeness is relative to the share of labels that
    usually is there, and was at the time; so it can be above 1. Raises KeyError for another metric.
    """
    if metric == "label_completeness":
        return _completeness(completeness)
    return _MEASURES[metric](counts)


def events(metric: str, counts: Counts) -> Ints:
    """The events that counts bring to a metric of `STEP_METRICS`, (K,) or (1,): what being well is earned by.

    Of all classes together for balanced accuracy and accuracy.
    """
    if metric in {"balanced_accuracy", "accuracy"}:
        return np.array([counts.labelled])
    if metric == "label_completeness":
        return np.array([counts.predictions])
    return measure(metric, counts).events


def _ratios(hits: Ints, trials: Ints, events: Ints | None = None) -> Measured:
    value: Floats = np.where(trials > 0, hits / np.maximum(trials, 1), np.nan)
    return Measured(value, trials if events is None else events, lambda z: _wilson(value, trials.astype(np.float64), z))


def _wilson(value: Floats, trials: Floats, z: float) -> tuple[Floats, Floats]:
    """Wilson's interval of each ratio that is defined."""
    lower, upper = np.full(len(value), np.nan), np.full(len(value), np.nan)
    for c in np.flatnonzero(~np.isnan(value)).tolist():
        lower[c], upper[c] = wilson(float(value[c]), float(trials[c]), z)
    return lower, upper


def _recall(counts: Counts) -> Measured:
    return _ratios(counts.hits, counts.support)


def _precision(counts: Counts) -> Measured:
    return _ratios(counts.hits, counts.predicted)


def _f1(counts: Counts) -> Measured:
    """`F1 = 2J / (1 + J)` grows with J = hits / (hits + errors), so the interval of J gives its own."""
    trials = counts.support + counts.predicted - counts.hits
    share = _ratios(counts.hits, trials)

    def interval(z: float) -> tuple[Floats, Floats]:
        lower, upper = _wilson(share.value, trials.astype(np.float64), z)
        return _f1_of(lower), _f1_of(upper)

    return Measured(_f1_of(share.value), trials, interval)


def _f1_of(share: Floats) -> Floats:
    out: Floats = 2 * share / (1 + share)
    return out


def _specificity(counts: Counts) -> Measured:
    negatives = counts.labelled - counts.support
    return _ratios(negatives - (counts.predicted - counts.hits), negatives)


def _prediction_share(counts: Counts) -> Measured:
    return _ratios(counts.of_class, np.full(len(counts.of_class), counts.predictions, np.int64))


def _support(counts: Counts) -> Measured:
    return Measured(counts.support.astype(np.float64), counts.support)


def _accuracy(counts: Counts) -> Measured:
    right, labelled = np.array([int(counts.hits.sum())]), np.array([counts.labelled])
    return _ratios(right, labelled, smallest(counts.support))


def _balanced_accuracy(counts: Counts) -> Measured:
    seen = counts.support > 0
    least = smallest(counts.support)
    if not seen.any():
        return Measured(np.array([np.nan]), least)
    classes = list(zip(counts.hits[seen].tolist(), counts.support[seen].tolist(), strict=True))

    def interval(z: float) -> tuple[Floats, Floats]:
        lower, upper = balanced_accuracy_interval(classes, z)
        return np.array([lower]), np.array([upper])

    value = np.array([np.mean([hits / support for hits, support in classes])])
    return Measured(value, least, interval, {"classes": len(classes)})


def _completeness(found: Completeness | None) -> Measured:
    if found is None:
        return Measured(np.array([np.nan]), np.zeros(1, np.int64))
    n, usual = found.predictions, found.usual
    if not n or not usual:
        return Measured(np.array([np.nan]), np.array([n]))
    share = found.labelled / n
    least = usual if found.least is None else found.least

    def interval(z: float) -> tuple[Floats, Floats]:
        # above: against the least share that is still like other days, so that days that differ are no lack of labels
        lower, upper = wilson(share, n, z)
        return np.array([lower / usual]), np.array([upper / least if least else np.nan])

    return Measured(np.array([share / usual]), np.array([n]), interval, {"labelled_share": share, "usual_share": usual})


def smallest(support: Ints) -> Ints:
    """(1,) the support of the smallest class that has any; 0 without labels."""
    seen = support[support > 0]
    return np.array([int(seen.min()) if len(seen) else 0])


_MEASURES: dict[str, Callable[[Counts], Measured]] = {
    "recall": _recall,
    "precision": _precision,
    "f1": _f1,
    "specificity": _specificity,
    "prediction_share": _prediction_share,
    "support": _support,
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
}
