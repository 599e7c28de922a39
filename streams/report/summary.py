"""What is there to say in words? For each version how it stands by its newest verdict, and what to beware of."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from streams.report.evidence import Evidence
from streams.report.incidents import Incident, incidents_of
from streams.report.rows import Window
from streams.report.words import count, interval, moment, percent, period

_FEW_LABELS = 0.5
"""Below this share of labelled predictions the missing labels are pointed out."""

_FEW_WINDOWS = 5
"""From so many settled windows on their median is told."""

_GONE = 3
"""A version without predictions in so many windows at the end is not in use any more."""


class Standing(NamedTuple):
    """One version. `verdict` is its newest settled or final window, `nowcast` the newest window that has one.

    `median` is that of the balanced accuracies of its `verdicts` settled windows; None below five.
    """

    version: str
    verdict: Window | None
    nowcast: Window | None
    median: float | None
    verdicts: int
    open_incidents: tuple[Incident, ...]
    warnings: tuple[str, ...]

    @property
    def figure(self) -> str:
        """Balanced accuracy of the verdict."""
        return percent(self.verdict.balanced_accuracy) if self.verdict else "no verdict yet"

    @property
    def sentence(self) -> str:
        """What the figure is."""
        row = self.verdict
        if row is None:
            return "no window has settled yet"
        sure = "" if row.balanced_accuracy is None else f"95 % interval {interval(row.lower, row.upper)}; "
        return f"{sure}{row.status} window {period(row.start_ms, row.end_ms)}"

    @property
    def usual(self) -> str:
        """What the version's windows usually say; empty where there are too few of them for that."""
        if self.median is None:
            return ""
        return f"The median of its {count(self.verdicts)} settled windows is {percent(self.median)}"

    @property
    def coverage(self) -> str:
        """How many predictions of the verdict's window are labelled."""
        row = self.verdict
        if row is None:
            return ""
        return f"{percent(row.labelled / row.predictions)} of {count(row.predictions)} predictions have a label"

    @property
    def nowcast_sentence(self) -> str:
        """The newest nowcast; empty without one."""
        row = self.nowcast
        if row is None:
            return ""
        return (
            f"nowcast for {period(row.start_ms, row.end_ms)}, whose labels are still coming: {percent(row.nowcast)} "
            f"({interval(row.nowcast_lower, row.nowcast_upper)})"
        )


def standings(evidence: Evidence) -> list[Standing]:
    """Every version, the one deployed last first."""
    incidents = incidents_of(evidence) or []
    return [
        _standing(evidence, version, [incident for incident in incidents if incident.version == version])
        for version in reversed(evidence.versions)
    ]


def _standing(evidence: Evidence, version: str, incidents: Sequence[Incident]) -> Standing:
    rows = evidence.windows[version]
    verdict = next((row for row in reversed(rows) if row.is_verdict), None)
    nowcast = next((row for row in reversed(rows) if not row.is_final and row.nowcast is not None), None)
    still_open = tuple(incident for incident in incidents if incident.is_open)
    values = [row.balanced_accuracy for row in rows if row.is_verdict and row.balanced_accuracy is not None]
    usual = median(values) if len(values) >= _FEW_WINDOWS else None
    return Standing(
        version, verdict, nowcast, usual, len(values), still_open, tuple(_warnings(evidence, rows, verdict))
    )


def _warnings(evidence: Evidence, rows: Sequence[Window], verdict: Window | None) -> list[str]:
    said = []
    last = rows[-1]
    if evidence.span_ms()[1] - last.end_ms >= _GONE * (last.end_ms - last.start_ms):
        said.append(f"No predictions since {moment(last.end_ms)}: the figure is from then.")
    if verdict is None:
        return [*said, "No window has settled: every number below can still move."]
    if not verdict.labelled:
        return [*said, "Nothing is labelled in this window, so there is nothing to measure."]
    if verdict.low_support and verdict.min_support is not None:
        labels = "one label" if verdict.min_support == 1 else f"{verdict.min_support} labels"
        said.append(f"Low support: the rarest class has only {labels}. Read the interval, not the number.")
    most = max(row.classes for row in rows)
    if verdict.classes_expected is not None and verdict.classes < verdict.classes_expected:
        said.append(f"{verdict.classes} of {verdict.classes_expected} expected classes have labels in this window.")
    elif verdict.classes < most:
        said.append(
            f"This window has labels of only {verdict.classes} of {most} classes: "
            "a mean over fewer classes is another quantity."
        )
    if verdict.labelled < _FEW_LABELS * verdict.predictions:
        said.append("Fewer than half of the predictions have a label.")
    if verdict.coverage_biased:
        said.append("Labels are missing more often for some predicted classes than for others.")
    return said
