"""What a table of counts says: every measure of `statistics.md` section 1, and why one cannot be said.

Only integers come in, so that a number is a function of the counts and not of the order they arrived in:
sums of integers are exact, and sums of ratios are `fsum`, which rounds once. An undefined number is None
with its reason, never 0 and never NaN. Averages are over classes as scikit-learn takes them.
"""

from enum import StrEnum
from functools import lru_cache
from math import fsum, sqrt
from typing import NamedTuple

from streams.quality.counts.table import Margins
from streams.quality.measures.intervals import balanced_accuracy_interval, macro_f1_interval, wilson


class Undefined(StrEnum):
    """Why a number cannot be said."""

    NO_PREDICTIONS = "no predictions"
    NOTHING_LABELLED = "nothing labelled"
    ONE_CLASS = "fewer than two classes with support"
    NO_EXPECTED_DISAGREEMENT = "no expected disagreement"
    NO_SUPPORT = "no label of this class"
    NEVER_PREDICTED = "never predicted with a label"
    NOT_SEEN = "neither label nor labelled prediction of this class"
    NO_NEGATIVES = "every label is of this class"
    NO_PREDICTION_OF_CLASS = "no prediction of this class"
    NEVER_CONFUSED = "no label of this class was predicted as another"
    NO_SCORES = "no scores"
    ONE_SCORE = "fewer than two scores"
    NO_LABELLED_SCORES = "no labelled prediction has a score"
    NO_FULL_SCORES = "no labelled prediction has a score for every class"
    NO_POSITIVE_SCORES = "no labelled prediction has a score of the positive class"
    ONE_OUTCOME = "labels are all positive or all negative"
    NO_RANKS = "no ranks"
    TOO_FEW_RANKS = "fewer scores are kept"
    RANK_NOT_KEPT = "a label was not among the kept scores"
    NO_DELAYS = "no label delays"
    DELAY_OPEN = "longer than the last delay that is told apart"
    NO_COSTS = "no costs are set"
    DECAYED = "not said of decayed counts"


class WindowMeasures(NamedTuple):
    """The numbers of a window, in the order of its row. `undefined` explains every None."""

    coverage: float | None  # labelled / predictions
    classes_with_support: int
    min_support: int | None  # smallest support of a class that has any
    low_support: bool  # a support, or all of them, too small to trust the numbers below
    accuracy: float | None
    accuracy_lower: float | None  # 95 % interval
    accuracy_upper: float | None
    balanced_accuracy: float | None  # mean recall of the classes with support
    balanced_accuracy_lower: float | None  # 95 % interval
    balanced_accuracy_upper: float | None
    balanced_accuracy_adjusted: float | None  # 0 = guessing, 1 = perfect
    macro_recall_union: float | None  # mean recall of labelled and predicted classes
    macro_precision: float | None  # over the same classes, 0 for one never predicted
    macro_f1: float | None  # over the same classes
    macro_f1_lower: float | None  # 95 % interval
    macro_f1_upper: float | None
    micro_f1: float | None
    weighted_f1: float | None  # by support
    mcc: float | None  # Matthews correlation, 0 when one side is constant
    kappa: float | None  # Cohen's
    undefined: str | None


class ClassMeasures(NamedTuple):
    """The counts and numbers of one class against the rest, in the order of its row."""

    tp: int
    fp: int
    fn: int
    tn: int
    support: int
    predicted: int
    predictions_of_class: int  # also those without a label
    coverage: float | None  # predicted / predictions_of_class
    recall: float | None
    recall_lower: float | None  # 95 % interval
    recall_upper: float | None
    precision: float | None
    precision_lower: float | None  # 95 % interval
    precision_upper: float | None
    f1: float | None
    specificity: float | None
    undefined: str | None


Bounded = tuple[float | None, float | None, float | None]
"""A number and the ends of its 95 % interval; all None where it is undefined."""

_ALWAYS_SAID = {"coverage", "classes_with_support", "low_support", "undefined"}
_LABELLED_FIELDS = tuple(name for name in WindowMeasures._fields if name not in _ALWAYS_SAID)


def explain(reasons: list[tuple[str, Undefined]]) -> str | None:
    """The `undefined` field of a row, "field: reason; field: reason"; None when all is defined."""
    return _explained(tuple(reasons))


@lru_cache(1 << 10)
def _explained(reasons: tuple[tuple[str, Undefined], ...]) -> str | None:
    """One text for all the rows with the same reasons: windows remember it."""
    return "; ".join([f"{name}: {reason}" for name, reason in reasons]) or None


_UNLABELLED_REASON = explain([(name, Undefined.NOTHING_LABELLED) for name in _LABELLED_FIELDS])
_EMPTY_REASON = f"{explain([('coverage', Undefined.NO_PREDICTIONS)])}; {_UNLABELLED_REASON}"


def window_measures(counts: Margins, min_support: int) -> WindowMeasures:
    """Every measure of a window. All None when nothing is labelled; `low_support` is true then as well."""
    n = counts.labelled
    coverage = n / counts.predictions if counts.predictions else None
    if not n:
        reason = _EMPTY_REASON if coverage is None else _UNLABELLED_REASON
        return WindowMeasures(coverage, 0, None, True, *(None,) * 16, reason)  # noqa: FBT003 - it is a field
    support, predicted, hits = counts.support, counts.predicted, counts.hits
    supported = [(hits.get(c, 0), m, predicted.get(c, 0)) for c, m in support.items()]
    classes = len(supported)
    smallest = min(support.values())
    recalls = [tp / m for tp, m, _ in supported]
    recall_sum = fsum(recalls)
    balanced = recall_sum / classes
    lower, upper = balanced_accuracy_interval([(tp, m) for tp, m, _ in supported])
    # For F1 a class that was only predicted counts as well.
    every = supported + [(0, 0, p) for c, p in predicted.items() if c not in support]
    union = len(every)
    # F1 of a class is 2 tp / (support + predicted); that of a class without support is 0 and adds nothing.
    f1 = [2 * tp / (m + p) for tp, m, p in supported]
    macro_f1 = fsum(f1) / union
    accuracy = counts.correct / n
    reasons: list[tuple[str, Undefined]] = []
    adjusted = None
    if classes > 1:
        adjusted = (balanced - 1 / classes) / (1 - 1 / classes)
    else:
        reasons.append(("balanced_accuracy_adjusted", Undefined.ONE_CLASS))
    agreement = sum([m * p for _, m, p in supported])
    kappa = None
    if n * n > agreement:
        kappa = (counts.correct * n - agreement) / (n * n - agreement)
    else:
        reasons.append(("kappa", Undefined.NO_EXPECTED_DISAGREEMENT))
    return WindowMeasures(
        coverage,
        classes,
        smallest,
        smallest < min_support,
        accuracy,
        *wilson(accuracy, n),
        balanced,
        lower,
        upper,
        adjusted,
        recall_sum / union,
        fsum([hits.get(c, 0) / p for c, p in predicted.items()]) / union,
        macro_f1,
        *macro_f1_interval(macro_f1, every),
        accuracy,  # one label a prediction: every miss is one false positive and one false negative
        fsum([m * f for (_, m, _), f in zip(supported, f1, strict=True)]) / n,
        _mcc(counts, agreement),
        kappa,
        explain(reasons) if reasons else None,
    )


def _mcc(counts: Margins, agreement: int) -> float:
    n = counts.labelled
    spread = (n * n - sum([p * p for p in counts.predicted.values()])) * (
        n * n - sum([m * m for m in counts.support.values()])
    )
    if not spread:
        return 0.0
    # The root of a large integer is rounded, so a perfect score could come out just above 1.
    return max(-1.0, min(1.0, (counts.correct * n - agreement) / sqrt(spread)))


def class_measures(counts: Margins, cls: int) -> ClassMeasures:
    """The counts and measures of one class; a class that is nowhere counted has zeros and None."""
    tp = counts.hits.get(cls, 0)
    support = counts.support.get(cls, 0)
    predicted = counts.predicted.get(cls, 0)
    fp, fn = predicted - tp, support - tp
    tn = counts.labelled - tp - fp - fn
    of_class = counts.of_class.get(cls, 0)
    recall: Bounded = (None, None, None)
    precision: Bounded = (None, None, None)
    f1 = specificity = None
    if support:
        recall = (tp / support, *wilson(tp / support, support))
    if predicted:
        precision = (tp / predicted, *wilson(tp / predicted, predicted))
    if support + predicted:
        f1 = 2 * tp / (support + predicted)
    if tn + fp:
        specificity = tn / (tn + fp)
    return ClassMeasures(
        tp,
        fp,
        fn,
        tn,
        support,
        predicted,
        of_class,
        predicted / of_class if of_class else None,
        *recall,
        *precision,
        f1,
        specificity,
        _class_undefined(of_class > 0, support > 0, predicted > 0, tn + fp > 0, counts.labelled > 0),
    )


@lru_cache
def _class_undefined(predictions: bool, support: bool, predicted: bool, negatives: bool, labelled: bool) -> str | None:
    """The `undefined` field of a class by what there is any of."""
    reasons: list[tuple[str, Undefined]] = []
    if not predictions:
        reasons.append(("coverage", Undefined.NO_PREDICTION_OF_CLASS))
    if not support:
        reasons += [(name, Undefined.NO_SUPPORT) for name in ("recall", "recall_lower", "recall_upper")]
    if not predicted:
        reasons += [(name, Undefined.NEVER_PREDICTED) for name in ("precision", "precision_lower", "precision_upper")]
    if not support and not predicted:
        reasons.append(("f1", Undefined.NOT_SEEN))
    if not negatives:
        reasons.append(("specificity", Undefined.NO_NEGATIVES if labelled else Undefined.NOTHING_LABELLED))
    return explain(reasons)
