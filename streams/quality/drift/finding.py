"""What a detector says of one window: the fields of a drift row, in order, and why one of them cannot be said.

A finding is made for every window and kind, also when all is quiet: people plot them. A field that a kind has no
number for is always None there (`NUMBERS` lists what each kind has); one that it has but cannot say now is None with
a reason.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What may have changed."""

    PERFORMANCE = "performance"  # recall of the classes
    PREDICTION = "prediction"  # shares of the predicted classes
    LABEL = "label"  # shares of the true classes
    SCORE = "score"  # the confidence
    CONFUSION = "confusion"  # which class an error of a true class goes to
    SKEW = "skew"  # production against training
    VARIANCE = "variance"  # balanced accuracy swings more than sampling explains


class Level(StrEnum):
    """How loud a window is."""

    QUIET = "quiet"
    NOW = "now"  # this window alone is worse than chance explains; no detector has fired
    ALARM = "alarm"  # a detector fires in this window


class IncidentStatus(StrEnum):
    """Where an incident is after a window."""

    OPEN = "open"
    CLOSED = "closed"  # in this window; the next one has no incident


class Explains(StrEnum):
    """Which drift it is."""

    LABEL_SHIFT = "label_shift"  # other shares of classes, each recognised as well as before
    CONCEPT_SHIFT = "concept_shift"  # classes are recognised or mistaken otherwise: concept or covariate shift


class Why(StrEnum):
    """Why a number of a drift row cannot be said."""

    NO_REFERENCE = "no reference yet"
    NOT_IN_TRAINING = "not in the training distribution"
    NO_WEEK = "no hour of the week for windows longer than 7 d"
    NOTHING_LABELLED = "nothing labelled"
    NO_PREDICTIONS = "no predictions"
    NO_SCORES = "no scores"
    NO_ERRORS = "no wrong prediction in the window or in the reference"
    FEW = "too few to compare"
    NO_MATCH = "no class with 5 labels in the window and in the reference"
    NO_TRACKED_CLASS = "no class with enough labels and recall in the reference"
    ONE_CLASS = "fewer than two classes"
    FEW_WINDOWS = "fewer than 20 windows"


class Finding(NamedTuple):
    """What is said of a window, in the order of the row. Times are ms, shares and rates within [0, 1]."""

    kind: str
    subject: str | None  # what is to blame, while a level is not quiet or an incident is open
    level: str
    incident: int | None  # start of the first window of the open incident, ms
    incident_status: str | None
    reference: str | None  # the kind of it
    reference_version: str | None  # which training, or which windows
    reference_windows: int | None  # windows pooled in it; 0 for training
    reference_n: int | None  # predictions (of label-based kinds: labels; of confusion: errors) in it
    n: int  # the same in the window
    statistic: float | None  # z of performance, chi-square of the others; before over-dispersion is taken out
    expected: float | None  # its mean without drift
    overdispersion: float | None  # how much more than sampling the reference windows vary; 1 until it is known
    p_value: float | None
    effect: float | None  # drop of mean recall, debiased total variation, difference of means or rates
    effect_bound: float | None  # from which on it matters
    cusum: float | None
    evidence: float | None  # log of the mean of all e-processes
    psi: float | None  # debiased, for people
    js: float | None
    kl: float | None
    explains: str | None
    prevalence_effect: float | None  # change of accuracy by other shares of classes
    recall_effect: float | None  # change of accuracy by other recalls; both add up to the change
    undefined: str | None


_REFERENCE = ("reference", "reference_version", "reference_windows", "reference_n")
_TEST = ("statistic", "expected", "overdispersion", "p_value", "effect", "effect_bound")
_SHOWN = ("psi", "js", "kl")
_EFFECTS = ("prevalence_effect", "recall_effect")

NUMBERS: Mapping[str, tuple[str, ...]] = {
    Kind.PERFORMANCE: (*_REFERENCE, *_TEST, "cusum", "evidence", *_EFFECTS),
    Kind.PREDICTION: (*_REFERENCE, *_TEST, *_SHOWN),
    Kind.LABEL: (*_REFERENCE, *_TEST, *_SHOWN),
    Kind.SCORE: (*_REFERENCE, *_TEST, *_SHOWN),
    Kind.CONFUSION: (*_REFERENCE, *_TEST),
    Kind.SKEW: (*_REFERENCE, *_TEST, *_SHOWN),
    Kind.VARIANCE: (*_REFERENCE, *_TEST),
}
"""The fields that a row of a kind has, where nothing keeps them from being said."""

RATE_NUMBERS = (*_REFERENCE, *_TEST)
"""The same for a rate, whatever its kind is called."""


def finding(
    kind: str,
    n: int,
    said: Mapping[str, object],
    why: Mapping[str, Why],
    otherwise: Why,
) -> Finding:
    """A finding of what can be said. A missing number is explained by `why`, else by `otherwise`.

    A field in `why` that has a value is explained all the same: an over-dispersion of 1 that nobody knows yet.
    """
    numbers = NUMBERS.get(kind, RATE_NUMBERS)
    reasons = []
    for name in numbers:
        if said.get(name) is None:
            reasons.append(f"{name}: {why.get(name, otherwise)}")
        elif name in why:
            reasons.append(f"{name}: {why[name]}")
    fields: dict[str, object] = dict.fromkeys(Finding._fields)
    fields |= {"level": Level.QUIET.value} | dict(said) | {"kind": str(kind), "n": n}
    fields["undefined"] = "; ".join(reasons) or None
    return Finding(**fields)  # type: ignore[arg-type]  # the names are Finding's own
