"""What do the counts of a settled window say for a threshold rule? How labels came, confidences, groups of people.

These need more than counts by class, and are known of the job's tumbling windows when they settle.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from streams.alerts.thresholds.metrics import Floats, Ints, Measured
from streams.quality.counts.counted import Counted
from streams.quality.measures.against_rest import MIN_TRIALS
from streams.quality.measures.calibration import calibration_error
from streams.quality.measures.groups import compare_groups
from streams.quality.measures.intervals import balanced_accuracy_interval
from streams.quality.measures.label_delay import delay_counts, delay_quantiles_s
from streams.quality.settings import GroupsSpec

Group = tuple[str, Counted]
"""A value of a dimension and the counts of the window that have it."""


def measure_settled(
    metric: str, counted: Counted, dimension: str | None = None, groups: Sequence[Group] = (), min_support: int = 0
) -> Measured:
    """A metric of `WINDOW_METRICS` in a window; one number.

    `label_delay_p50`: the median delay of labels in seconds, by `label_delay`; undefined without labels, or where it
    is longer than what is told apart. `expected_calibration_error`: the debiased one; undefined without labelled
    predictions that have a confidence. Events are the labels, and the labelled predictions with a confidence.

    `group_gap`: of `dimension`, by its `groups` (without `other`): the balanced accuracy of one group less that of
    the worst, over the classes of which both have `min_support` labels (at least 5). Its interval is wide enough to
    hold for every pair of groups at once, since this one was chosen among them. Undefined where no two groups share
    such a class. Events are the labels of the smallest class of either group that it is over.

    Raises KeyError for another metric.
    """
    if metric == "label_delay_p50":
        return _delay(counted)
    if metric == "expected_calibration_error":
        return _calibration(counted)
    if metric == "group_gap":
        return _gap(dimension or "", groups, counted, max(min_support, MIN_TRIALS))
    raise KeyError(metric)


def _one(value: float | None) -> Floats:
    return np.array([np.nan if value is None else value])


def _delay(counted: Counted) -> Measured:
    counts = delay_counts(counted)
    return Measured(delay_quantiles_s(counts[None], (50,))[0], np.array([int(counts.sum())]))


def _calibration(counted: Counted) -> Measured:
    error = calibration_error(counted)
    labelled = int(counted.scored.n[counted.scored.true >= 0].sum())
    return Measured(_one(None if error is None else error.debiased), np.array([labelled]))


def _gap(dimension: str, groups: Sequence[Group], whole: Counted, least: int) -> Measured:
    found = compare_groups(dimension, groups, whole, 0, GroupsSpec(), min_support=least)
    if found.gap is None or found.gap_from is None or found.gap_to is None:
        return Measured(_one(None), np.zeros(1, np.int64), None, {"gap_from": None, "gap_to": None})
    by_value = dict(groups)
    better, worse = _shared(by_value[found.gap_from], by_value[found.gap_to], least)
    pairs = found.groups_compared * (found.groups_compared - 1) // 2

    def interval(z: float) -> tuple[Floats, Floats]:
        lower, upper = _difference(better, worse, -float(ndtri(ndtr(-z) / max(1, pairs))))
        return _one(lower), _one(upper)

    events = np.array([min(support for _, support in (*better, *worse))])
    return Measured(_one(found.gap), events, interval, {"gap_from": found.gap_from, "gap_to": found.gap_to})


def _shared(one: Counted, other: Counted, least: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(hits, support) of the classes of which both have enough labels."""
    counts = [
        dict(zip(of.classes, zip(_list(of.hits), _list(of.support), strict=True), strict=True)) for of in (one, other)
    ]
    names = [name for name in one.classes if all(of.get(name, (0, 0))[1] >= least for of in counts)]
    return [counts[0][name] for name in names], [counts[1][name] for name in names]


def _list(numbers: Ints) -> list[int]:
    out: list[int] = numbers.tolist()
    return out


def _difference(better: list[tuple[int, int]], worse: list[tuple[int, int]], z: float) -> tuple[float, float]:
    """The interval of a difference of two balanced accuracies, from that of each (Newcombe 1998, method 10)."""
    (high, low), (high_at, low_at) = (
        [balanced_accuracy_interval(classes, z) for classes in (better, worse)],
        [float(np.mean([hits / support for hits, support in classes])) for classes in (better, worse)],
    )
    gap = high_at - low_at
    return (
        gap - float(np.hypot(high_at - high[0], low[1] - low_at)),
        gap + float(np.hypot(high[1] - high_at, low_at - low[0])),
    )
