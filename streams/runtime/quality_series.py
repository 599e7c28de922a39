"""Which series say how good models are? A closed list, and the bounded store that /metrics reads.

The list is the documentation (docs/metrics.md is checked against it). Nothing is shown before it is known and nothing
after it stopped being known: a NaN makes every comparison false and looks healthy, a 0 pages. Each name has at most
`max_series` series; what comes beyond is refused and counted, so that a flood of names cannot end a Prometheus.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import isfinite

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Labels = tuple[str, ...]
"""The values of a series' labels, in the order of its entry in `SERIES`."""


class Name(StrEnum):
    """Every name."""

    OUTCOMES = "quality_outcomes_total"
    CORRECTIONS = "quality_outcome_corrections_total"
    RECALL = "quality_recall_ratio"
    RECALL_LOWER = "quality_recall_lower_ratio"
    RECALL_UPPER = "quality_recall_upper_ratio"
    PRECISION = "quality_precision_ratio"
    PRECISION_LOWER = "quality_precision_lower_ratio"
    PRECISION_UPPER = "quality_precision_upper_ratio"
    SUPPORT = "quality_support_events"
    BALANCED_ACCURACY = "quality_balanced_accuracy_ratio"
    BALANCED_ACCURACY_LOWER = "quality_balanced_accuracy_lower_ratio"
    BALANCED_ACCURACY_UPPER = "quality_balanced_accuracy_upper_ratio"
    COMPLETENESS = "quality_label_completeness_ratio"
    WINDOW_END = "quality_window_end_timestamp_seconds"
    SETTLE = "quality_settle_seconds"
    LABEL_DELAY = "quality_label_delay_seconds"
    SLO_TARGET = "quality_slo_target_ratio"
    SLO_BURN = "quality_slo_burn_rate"
    SLO_THRESHOLD = "quality_slo_burn_threshold"
    SLO_REMAINING = "quality_slo_error_budget_remaining_ratio"
    SLO_EXHAUSTION = "quality_slo_budget_exhaustion_seconds"
    ALERT_PHASE = "quality_alert_phase"
    ALERT_MUTED = "quality_alert_muted"
    ALERT_INHIBITED = "quality_alert_inhibited"
    ALERT_NO_DATA = "quality_alert_no_data"
    ALERT_STEP = "quality_alert_step_timestamp_seconds"
    TRANSITIONS = "quality_alert_transitions_total"
    MUTE_START = "quality_mute_start_timestamp_seconds"
    MUTE_END = "quality_mute_end_timestamp_seconds"
    CANARY_VERDICT = "quality_canary_verdict"
    CANARY_DELTA = "quality_canary_delta_ratio"
    CANARY_DELTA_LOWER = "quality_canary_delta_lower_ratio"
    CANARY_DELTA_UPPER = "quality_canary_delta_upper_ratio"
    UNMATCHED = "quality_join_unmatched_total"
    WAITING = "quality_join_waiting_events"
    LATE = "quality_late_events_total"
    REFUSED = "quality_series_refused_total"


@dataclass(frozen=True, slots=True)
class Series:
    """One name: its type as Prometheus knows it, its labels and what it means."""

    name: Name
    kind: str  # counter, gauge or histogram
    labels: Labels
    meaning: str


_VERSION = ("model", "version")
_CLASS = (*_VERSION, "class")
_SLO = ("slo", *_CLASS)
_ALERT = ("rule", *_CLASS, "segment", "window", "subject")
_GATE = ("gate", "candidate", "baseline")
_OF_NEWEST = "in the newest settled window"

SERIES: tuple[Series, ...] = (
    Series(
        Name.OUTCOMES,
        "counter",
        (*_CLASS, "outcome"),
        "Labelled outcomes of a class, added once when a window of the smallest size settles. In processing time.",
    ),
    Series(
        Name.CORRECTIONS,
        "counter",
        (*_CLASS, "outcome", "change"),
        "Outcomes that labels after settling added or removed, of windows that settled while this worker looked.",
    ),
    Series(Name.RECALL, "gauge", (*_CLASS, "window"), f"Recall of a class {_OF_NEWEST}."),
    Series(Name.RECALL_LOWER, "gauge", (*_CLASS, "window"), "Lower end of its 95 % interval."),
    Series(Name.RECALL_UPPER, "gauge", (*_CLASS, "window"), "Upper end of its 95 % interval."),
    Series(Name.PRECISION, "gauge", (*_CLASS, "window"), f"Precision of a class {_OF_NEWEST}."),
    Series(Name.PRECISION_LOWER, "gauge", (*_CLASS, "window"), "Lower end of its 95 % interval."),
    Series(Name.PRECISION_UPPER, "gauge", (*_CLASS, "window"), "Upper end of its 95 % interval."),
    Series(Name.SUPPORT, "gauge", (*_CLASS, "window"), f"Labels of a class {_OF_NEWEST}."),
    Series(Name.BALANCED_ACCURACY, "gauge", (*_VERSION, "window"), f"Balanced accuracy {_OF_NEWEST}."),
    Series(Name.BALANCED_ACCURACY_LOWER, "gauge", (*_VERSION, "window"), "Lower end of its 95 % interval."),
    Series(Name.BALANCED_ACCURACY_UPPER, "gauge", (*_VERSION, "window"), "Upper end of its 95 % interval."),
    Series(Name.COMPLETENESS, "gauge", (*_VERSION, "window"), f"Predictions that have a label {_OF_NEWEST}."),
    Series(Name.WINDOW_END, "gauge", (*_VERSION, "window"), "End of the newest settled window, Unix time."),
    Series(Name.SETTLE, "gauge", ("model",), "A window of the model settles so long after its end."),
    Series(
        Name.LABEL_DELAY,
        "histogram",
        ("model",),
        "Time from event to delivery of labels, added when their window settles and when it is final.",
    ),
    Series(Name.SLO_TARGET, "gauge", _SLO, "Target of a class' error budget."),
    Series(
        Name.SLO_BURN,
        "gauge",
        (*_SLO, "tier", "span"),
        "How many times faster than allowed the budget burns over the long and the short window of a tier.",
    ),
    Series(Name.SLO_THRESHOLD, "gauge", (*_SLO, "tier"), "The burn rate at which a tier breaches."),
    Series(
        Name.SLO_REMAINING,
        "gauge",
        _SLO,
        "Share of the period's error budget that is left; negative when it is overspent.",
    ),
    Series(Name.SLO_EXHAUSTION, "gauge", _SLO, "Time until the budget is used up at the present burn rate."),
    Series(Name.ALERT_PHASE, "gauge", (*_ALERT, "severity", "phase"), "Always 1; an alert that is not inactive."),
    Series(Name.ALERT_MUTED, "gauge", _ALERT, "1 when a mute covers such an alert, so that it is not told."),
    Series(Name.ALERT_INHIBITED, "gauge", _ALERT, "1 when another alert speaks for such an alert."),
    Series(Name.ALERT_NO_DATA, "gauge", _ALERT, "1 when such an alert has no data to go on."),
    Series(Name.ALERT_STEP, "gauge", ("model",), "End of the newest step that alerts were judged at, Unix time."),
    Series(Name.TRANSITIONS, "counter", ("rule", "kind"), "Changes of alerts, by rule and kind, muted or not."),
    Series(Name.MUTE_START, "gauge", ("mute",), "When a mute with an end begins, Unix time."),
    Series(Name.MUTE_END, "gauge", ("mute",), "When it ends, Unix time; it may be past."),
    Series(Name.CANARY_VERDICT, "gauge", _GATE, "1 pass, 0 inconclusive, -1 fail."),
    Series(Name.CANARY_DELTA, "gauge", _GATE, "Balanced accuracy of the candidate minus that of the baseline."),
    Series(Name.CANARY_DELTA_LOWER, "gauge", _GATE, "Lower bound of it that holds at every look."),
    Series(Name.CANARY_DELTA_UPPER, "gauge", _GATE, "Upper bound of it that holds at every look."),
    Series(Name.UNMATCHED, "counter", ("partition", "kind"), "Predictions and labels whose partner can come no more."),
    Series(Name.WAITING, "gauge", ("partition", "kind"), "Predictions and labels whose partner can still come."),
    Series(Name.LATE, "counter", ("partition", "kind"), "Rows that came after horizon and slack."),
    Series(Name.REFUSED, "counter", ("name",), "Values not shown because their name has all the series it may have."),
)
"""Every series, in the order of docs/metrics.md."""

BY_NAME: Mapping[Name, Series] = {series.name: series for series in SERIES}


class SeriesStore:
    """The present values, by name and labels. Not safe for threads: its owner locks."""

    def __init__(self, max_series: int) -> None:
        """`max_series` is the bound of each name."""
        self._max = max_series
        self._values: dict[Name, dict[Labels, float]] = {series.name: {} for series in SERIES}

    def set(self, name: Name, labels: Labels, value: float | None) -> None:
        """Show a value; what is unknown or not a number is not shown."""
        known = self._values[name]
        if value is None or not isfinite(value):
            known.pop(labels, None)
        elif labels in known or self._has_room(name):
            known[labels] = float(value)

    def add(self, name: Name, labels: Labels, amount: float) -> None:
        """Add to a counter."""
        known = self._values[name]
        if name is Name.REFUSED or labels in known or self._has_room(name):
            known[labels] = known.get(labels, 0.0) + amount

    def raise_to(self, name: Name, labels: Labels, value: float) -> None:
        """Bring a counter up to a count that somebody else keeps; it never falls."""
        if value >= self._values[name].get(labels, 0.0):
            self.set(name, labels, value)

    def drop(self, name: Name, fits: Callable[[Labels], bool]) -> None:
        """Forget the series of a name whose labels fit."""
        known = self._values[name]
        for labels in [labels for labels in known if fits(labels)]:
            del known[labels]

    def families(self) -> Iterator[Metric]:
        """What there is, ready to be written; histograms are not among it."""
        for series in SERIES:
            names = [*series.labels]
            family: GaugeMetricFamily | CounterMetricFamily
            if series.kind == "gauge":
                family = GaugeMetricFamily(series.name, series.meaning, labels=names)
            elif series.kind == "counter":
                family = CounterMetricFamily(series.name.removesuffix("_total"), series.meaning, labels=names)
            else:
                continue
            for labels, value in self._values[series.name].items():
                family.add_metric([printable(label) for label in labels], value)
            yield family

    def _has_room(self, name: Name) -> bool:
        if len(self._values[name]) < self._max:
            return True
        self.add(Name.REFUSED, (name.value,), 1)
        return False


def printable(label: str) -> str:
    """A label's value that can be encoded whatever a team called its classes."""
    return label.encode("utf-8", "replace").decode()


@lru_cache(1 << 12)
def moment_ms(text: str) -> int:
    """A time of a row in ms."""
    return int(np.datetime64(text.removesuffix("Z"), "ms").astype(np.int64))
