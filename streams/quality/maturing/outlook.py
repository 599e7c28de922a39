"""What is said of a window whose labels are still coming, and why something cannot be said."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

_HOUR_MS = 3_600_000

AGES_MS = (0, _HOUR_MS, 6 * _HOUR_MS, 24 * _HOUR_MS, 72 * _HOUR_MS, 168 * _HOUR_MS)
"""The ages at which windows are looked at: watermark less end of the window, ms."""

MOST_CLASSES = 50
"""Beyond so many classes nothing is said: K x K x bins of every window size would be kept."""

FEWEST_WINDOWS = 20
"""So many matured windows make a reference."""

SIGNIFICANT = 1e-3
"""The p-value below which a test rejects."""


class Unknown(StrEnum):
    """Why a number cannot be said of a window whose labels are still coming."""

    NOT_LOOKED_AT = "not looked at"
    TOO_MANY_CLASSES = "too many classes"
    NO_PREDICTIONS = "no predictions"
    NOTHING_LABELLED = "nothing labelled"
    ONE_PREDICTED_CLASS = "one predicted class"
    FEW_MATURED_WINDOWS = "fewer than 20 matured windows"
    COVERAGE_DRIFT = "labels come at another pace than in the reference"
    NEVER_SO_EARLY = "labels of a class that never had one so early"
    CLASS_WITHOUT_LABEL = "a predicted class has no label yet"
    NEW_CLASSES = "more than 5 % of the predictions are of classes without a reference"
    NO_ERROR_YET = "no window with an estimate matured"


class Outlook(NamedTuple):
    """What is said of a window at an age, in the order of its row. `undefined` explains every None.

    The interval is one of the window's final balanced accuracy, 95 %: its width is 0 when all labels are there. What
    a window of other predictions would have shown is not in it.
    """

    coverage_biased: bool | None  # labelled or not depends on the predicted class
    coverage_drift: bool | None  # labels come at another pace than in the reference
    coverage_model: str | None  # completeness.Model that the nowcast used
    nowcast_age_s: int | None  # age of the window, s: one of AGES_MS
    balanced_accuracy_nowcast: float | None
    balanced_accuracy_nowcast_lower: float | None
    balanced_accuracy_nowcast_upper: float | None
    balanced_accuracy_estimated: float | None  # without any label of the window
    estimate_error: float | None  # mean |estimated - final| of matured windows
    undefined: str | None


def explained(by_field: Mapping[str, Unknown]) -> str | None:
    """The `undefined` field, "field: reason; field: reason" in the order of the row; None when all is defined."""
    return "; ".join([f"{name}: {by_field[name]}" for name in Outlook._fields if name in by_field]) or None


def silent(reason: Unknown, age_ms: int | None = None) -> Outlook:
    """An outlook that says nothing, for one reason; the age stays when it is known."""
    unsaid = [name for name in Outlook._fields if name != "undefined" and (name != "nowcast_age_s" or age_ms is None)]
    age_s = None if age_ms is None else age_ms // 1000
    return Outlook(*(None,) * 3, age_s, *(None,) * 5, explained(dict.fromkeys(unsaid, reason)))
