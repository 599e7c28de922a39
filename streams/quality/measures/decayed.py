"""What exponentially weighted counts say: accuracy and balanced accuracy with intervals at an effective size.

Weights are whole numbers in units of 2 ** -20, so the sums are exact integers, the same in any order and after any
retraction. All numbers are ratios of them: the unit cancels. A class of m labels with weights w is as uncertain as
`(sum w) ^ 2 / sum w^2` equal ones (Kish), which go into the interval of `statistics.md` section 2.

Decayed windows overlap: detectors never judge them.
"""

from collections.abc import Collection
from math import fsum
from typing import NamedTuple

from streams.quality.counts.table import Margins
from streams.quality.measures.confusion import Undefined, WindowMeasures, explain, window_measures
from streams.quality.measures.intervals import balanced_accuracy_interval, wilson

WEIGHT_ONE = 1 << 20
"""The weight of a prediction that has not decayed."""


class DecayedClass(NamedTuple):
    """Weighted counts of one true class: sums over its labels of the weight w, of w where it was hit, and of w * w."""

    hits: int
    support: int
    squares: int


_MARGINS_OF_PREDICTIONS = (
    "macro_recall_union", "macro_precision", "macro_f1", "macro_f1_lower", "macro_f1_upper", "micro_f1", "weighted_f1",
    "mcc", "kappa",
)  # fmt: skip


def decayed_measures(classes: Collection[DecayedClass], predictions: int, min_support: int) -> WindowMeasures:
    """The measures of a decayed window. `classes` are its true classes, `predictions` the weight of all predictions.

    A class whose weight came to nothing is absent. `min_support` is the smallest effective support, rounded down, and
    `low_support` goes by it. What needs the margins of predicted classes is None; so is everything but `coverage`
    when nothing is labelled.
    """
    there = [one for one in classes if one.support]
    if not there:
        nothing = Margins()
        nothing.predictions = predictions
        return window_measures(nothing, min_support)
    k, labelled = len(there), sum(one.support for one in there)
    recalls = [one.hits / one.support for one in there]
    sizes = [one.support**2 / one.squares for one in there]
    smallest = min(one.support**2 // one.squares for one in there)
    accuracy, balanced = sum(one.hits for one in there) / labelled, fsum(recalls) / k
    missing = dict.fromkeys(_MARGINS_OF_PREDICTIONS)
    lower, upper = wilson(accuracy, labelled**2 / sum(one.squares for one in there))
    balanced_lower, balanced_upper = balanced_accuracy_interval(
        [(r * m, m) for r, m in zip(recalls, sizes, strict=True)]
    )
    reasons = [] if k > 1 else [("balanced_accuracy_adjusted", Undefined.ONE_CLASS)]
    return WindowMeasures(
        coverage=labelled / predictions,
        classes_with_support=k,
        min_support=smallest,
        low_support=smallest < min_support,
        accuracy=accuracy,
        accuracy_lower=lower,
        accuracy_upper=upper,
        balanced_accuracy=balanced,
        balanced_accuracy_lower=balanced_lower,
        balanced_accuracy_upper=balanced_upper,
        balanced_accuracy_adjusted=(balanced - 1 / k) / (1 - 1 / k) if k > 1 else None,
        undefined=explain(reasons + [(name, Undefined.DECAYED) for name in missing]),
        **missing,
    )
