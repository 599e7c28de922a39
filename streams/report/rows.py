"""What does a row of the job's output say? Rows as they were written, checked and turned into plain records.

The contract is docs/outputs.md. A row that lacks what is needed here, or holds it as another type, raises `RowError`;
fields that came into being later, and numbers that are undefined, are None.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from streams.quality.drift.finding import Kind
from streams.quality.rows import Status

RawRow = Mapping[str, Any]
"""One JSON object."""

VERDICT = frozenset({Status.SETTLED.value, Status.FINAL.value})
"""The states of a window whose numbers are a verdict."""

_BLAMING = frozenset(kind.value for kind in Kind)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RowError(ValueError):
    """A row is not what docs/outputs.md says; the text is the field and what was seen."""


class Window(NamedTuple):
    """One window of one version. Times are ms, ratios lie in [0, 1]."""

    version: str
    start_ms: int
    end_ms: int
    status: str
    watermark_ms: int | None
    predictions: int
    labelled: int
    classes: int
    classes_expected: int | None
    min_support: int | None
    low_support: bool
    balanced_accuracy: float | None
    lower: float | None
    upper: float | None
    nowcast: float | None
    nowcast_lower: float | None
    nowcast_upper: float | None
    coverage_biased: bool

    @property
    def is_verdict(self) -> bool:
        """Whether the window has settled."""
        return self.status in VERDICT

    @property
    def is_final(self) -> bool:
        """Whether nothing can change any more."""
        return self.status == Status.FINAL.value


class ClassRow(NamedTuple):
    """One class in one window."""

    version: str
    start_ms: int
    name: str
    hits: int
    support: int
    predicted: int
    recall: float | None
    lower: float | None
    upper: float | None
    precision: float | None
    f1: float | None


class Cell(NamedTuple):
    """One cell of the confusion table of one window."""

    version: str
    start_ms: int
    actual: str
    predicted: str
    labelled: int


class Bin(NamedTuple):
    """One confidence bin of one window."""

    version: str
    start_ms: int
    number: int
    low: float
    high: float
    predictions: int
    labelled: int
    correct: int
    confidence: float | None


class Finding(NamedTuple):
    """What one detector said about one window; `incident_ms` is where the incident began that the window is part of."""

    version: str
    start_ms: int
    end_ms: int
    kind: str
    subject: str | None
    level: str
    incident_ms: int | None
    incident_status: str | None
    statistic: float | None
    p_value: float | None
    effect: float | None
    reference: str | None
    explains: str | None
    undefined: str | None


class Delay(NamedTuple):
    """How many labels came at an age in `[low_s, high_s)`; without a bound `high_s` is None. The class None is all."""

    version: str
    start_ms: int
    name: str | None
    low_s: float
    high_s: float | None
    labels: int


Record = Window | ClassRow | Cell | Bin | Finding | Delay


def window(row: RawRow) -> Window:
    """A row of `windows`."""
    return Window(
        text(row, "model_version"), time_ms(row, "window_start"), time_ms(row, "window_end"), text(row, "status"),
        None if row.get("watermark") is None else time_ms(row, "watermark"),
        whole(row, "predictions"), whole(row, "labelled"), whole(row, "classes_with_support"),
        _optional(row, "classes_expected"), _optional(row, "min_support"), row.get("low_support") is True,
        number(row, "balanced_accuracy"), number(row, "balanced_accuracy_lower"),
        number(row, "balanced_accuracy_upper"), number(row, "balanced_accuracy_nowcast"),
        number(row, "balanced_accuracy_nowcast_lower"), number(row, "balanced_accuracy_nowcast_upper"),
        row.get("coverage_biased") is True,
    )  # fmt: skip


def class_row(row: RawRow) -> ClassRow:
    """A row of `classes`."""
    return ClassRow(
        text(row, "model_version"), time_ms(row, "window_start"), text(row, "class"), whole(row, "tp"),
        whole(row, "support"), whole(row, "predicted"), number(row, "recall"), number(row, "recall_lower"),
        number(row, "recall_upper"), number(row, "precision"), number(row, "f1"),
    )  # fmt: skip


def cell(row: RawRow) -> Cell:
    """A row of `confusion`."""
    return Cell(
        text(row, "model_version"), time_ms(row, "window_start"), text(row, "actual"), text(row, "predicted"),
        whole(row, "count"),
    )  # fmt: skip


def confidence_bin(row: RawRow) -> Bin:
    """A row of `calibration`."""
    low, high = number(row, "confidence_lower"), number(row, "confidence_upper")
    if low is None or high is None:
        raise RowError("confidence_lower and confidence_upper must be numbers")
    return Bin(
        text(row, "model_version"), time_ms(row, "window_start"), whole(row, "bin"), low, high,
        whole(row, "predictions"), whole(row, "labelled"), whole(row, "correct"), number(row, "confidence_mean"),
    )  # fmt: skip


def finding(row: RawRow) -> Finding:
    """A row of `drift`."""
    return Finding(
        text(row, "model_version"), time_ms(row, "window_start"), time_ms(row, "window_end"), text(row, "kind"),
        _words(row, "subject"), text(row, "level"),
        None if row.get("incident") is None else time_ms(row, "incident"), _words(row, "incident_status"),
        number(row, "statistic"), number(row, "p_value"), number(row, "effect"), _words(row, "reference"),
        _words(row, "explains"), _words(row, "undefined"),
    )  # fmt: skip


def delay(row: RawRow) -> Delay:
    """A row of `delays`."""
    low = number(row, "delay_from_s")
    if low is None:
        raise RowError("delay_from_s must be a number")
    return Delay(
        text(row, "model_version"), time_ms(row, "window_start"), _words(row, "class"), low,
        number(row, "delay_to_s"), whole(row, "count"),
    )  # fmt: skip


StreamName = Literal["windows", "classes", "confusion", "calibration", "drift", "delays"]
"""The outputs that a page is made of, by the name of their file."""

PARSERS: Mapping[StreamName, Callable[[RawRow], Record]] = {
    "windows": window,
    "classes": class_row,
    "confusion": cell,
    "calibration": confidence_bin,
    "drift": finding,
    "delays": delay,
}
"""How a row of each is read."""

KEYS: Mapping[StreamName, tuple[str, ...]] = {
    "windows": (),
    "classes": ("class",),
    "confusion": ("actual", "predicted"),
    "calibration": ("bin",),
    "drift": ("kind",),
    "delays": ("class", "delay_from_s"),
}
"""What makes the key of a row beside `metric_key`."""


def key_of(stream: StreamName, row: RawRow) -> tuple[object, ...]:
    """The key that a row replaces earlier revisions under.

    A rate is watched for each subject, so that is part of its key; the subject of other drift is whom it blames, and
    may change.
    """
    parts = [row.get(part) for part in KEYS[stream]]
    if stream == "drift" and row.get("kind") not in _BLAMING:
        parts.append(row.get("subject"))
    return (row.get("metric_key"), *parts)


def text(row: RawRow, name: str) -> str:
    """A field that must be text."""
    value = row.get(name)
    if not isinstance(value, str):
        raise RowError(f"{name} must be text")
    return value


def whole(row: RawRow, name: str) -> int:
    """A field that must be a count."""
    value = row.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RowError(f"{name} must be a count")
    return value


def number(row: RawRow, name: str) -> float | None:
    """A field that is a number or undefined."""
    value = row.get(name)
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise RowError(f"{name} must be a number or null")
    return value


def time_ms(row: RawRow, name: str) -> int:
    """A field that must be a time, in ms since 1970."""
    try:
        return _milliseconds(text(row, name))
    except ValueError:
        raise RowError(f"{name} must be a time such as 2026-01-31T00:00:00.000Z") from None


def _optional(row: RawRow, name: str) -> int | None:
    return None if row.get(name) is None else whole(row, name)


def _words(row: RawRow, name: str) -> str | None:
    return None if row.get(name) is None else text(row, name)


@lru_cache(1 << 14)  # a window has many rows
def _milliseconds(written: str) -> int:
    moment = datetime.fromisoformat(written)
    if moment.tzinfo is None:
        raise ValueError(written)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
