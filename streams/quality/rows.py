"""Rows for analysts: flat, fixed field order, keyed for upserts (the contract is docs/outputs.md).

A row is a function of counts, the place they were counted at, and the round they were published in; no
clock and no state of the job gets in, so that two runs over one log write the same bytes.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from streams.ledger.spec import NO_TIME
from streams.ledger.times import rfc3339
from streams.quality.counts.table import Margins
from streams.quality.drift.finding import Finding, Kind
from streams.quality.measures.class_details import class_details
from streams.quality.measures.confusion import WindowMeasures, class_measures, window_measures
from streams.quality.samples import SampleRow
from streams.quality.spec import format_length

VIEW = "prediction_time"
"""Windows are by the event time of the prediction."""

LABEL_TIME_VIEW = "label_time"
"""Windows by the time at which the label of a prediction became known."""


def maturity_view(age_ms: int) -> str:
    """The name of the view of windows with what was known at a label age.

    >>> maturity_view(3_600_000), maturity_view(86_400_000)
    ('maturity-1h', 'maturity-24h')
    """
    return f"maturity-{format_length(age_ms)}"


ALL = "all"
"""The segment of every prediction."""


class Stream(StrEnum):
    """Which of the judge's outputs a row belongs to."""

    WINDOWS = "windows"
    CLASSES = "classes"
    CONFUSION = "confusion"
    CALIBRATION = "calibration"
    DELAYS = "delays"
    DRIFT = "drift"
    GROUPS = "groups"
    LABEL_SOURCES = "label_sources"
    SAMPLES = "samples"


SCHEMAS = {
    Stream.WINDOWS: "quality.window.v1",
    Stream.CLASSES: "quality.class.v1",
    Stream.CONFUSION: "quality.confusion.v1",
    Stream.CALIBRATION: "quality.calibration.v1",
    Stream.DELAYS: "quality.delay.v1",
    Stream.DRIFT: "quality.drift.v1",
    Stream.GROUPS: "quality.group.v1",
    Stream.LABEL_SOURCES: "quality.label_source.v1",
    Stream.SAMPLES: "quality.sample.v1",
}
"""The name of the schema of each stream's rows."""


class Status(StrEnum):
    """How far a window is: its first verdict comes at `settled`, nothing changes after `final`."""

    OPEN = "open"
    SETTLED = "settled"
    FINAL = "final"


class Uncounted(NamedTuple):
    """Why something is not counted in a window or a view of it."""

    undefined: str


_UNCOUNTED = Uncounted("corrected: counted by prediction time, in windows of whole details")


class OutputRow(NamedTuple):
    """A row, the key it replaces earlier revisions under, and the stream it goes to."""

    stream: str
    key: str
    value: dict[str, object]


class Place(NamedTuple):
    """What is measured: a model version's predictions of a segment in a window `[start_ms, end_ms)`."""

    model: str
    version: str
    segment: str
    window: str
    start_ms: int | None  # None: it has no beginning (decayed)
    end_ms: int
    view: str = VIEW


class Moment(NamedTuple):
    """When it was measured: the revision and the watermark (ms or NO_TIME) of the round."""

    revision: int
    watermark: int


_BLAMING = frozenset(Kind)
_time = lru_cache(1 << 12)(rfc3339)  # a round has few times and many rows


@lru_cache(1 << 14)
def encode_part(part: str) -> str:
    """A part of a key with `%` and `|` percent-encoded, so that the parts can be told apart again.

    >>> encode_part("a|b 100%")
    'a%7Cb 100%25'
    """
    return part.replace("%", "%25").replace("|", "%7C")


def metric_key(place: Place) -> str:
    """The key of a window row: model, version, segment, window, view and start (without one the end), joined by `|`."""
    before, behind = _around_segment(place)
    return f"{before}{encode_part(place.segment)}{behind}"


def _around_segment(place: Place) -> tuple[str, str]:
    """What stands before and behind the segment in a key."""
    start = encode_part(_time(place.end_ms if place.start_ms is None else place.start_ms))
    before = f"{encode_part(place.model)}|{encode_part(place.version)}|"
    return before, f"|{encode_part(place.window)}|{encode_part(place.view)}|{start}"


class RowWriter:
    """Writes the rows of one place in one round, and with `turn_to` those of other segments of the same window."""

    __slots__ = ("_around", "_identity", "_key")

    def __init__(self, place: Place, status: Status, moment: Moment) -> None:
        self._around = _around_segment(place)
        self._key = ""
        self._identity: dict[str, object] = {
            "schema": "",
            "metric_key": "",
            "model": place.model,
            "model_version": place.version,
            "segment": "",
            "window": place.window,
            "view": place.view,
            "window_start": None if place.start_ms is None else _time(place.start_ms),
            "window_end": _time(place.end_ms),
            "status": status.value,
            "revision": moment.revision,
            "watermark": None if moment.watermark <= NO_TIME else _time(moment.watermark),
        }
        self.turn_to(place.segment)

    def turn_to(self, segment: str) -> None:
        """Go on with another segment."""
        before, behind = self._around
        self._key = self._identity["metric_key"] = f"{before}{encode_part(segment)}{behind}"
        self._identity["segment"] = segment

    def window(
        self,
        counts: Margins,
        classes_expected: int | None,
        min_support: int,
        *more: tuple[object, ...],
        corrected: bool = True,
    ) -> OutputRow:
        """The row of the window itself; `more` are named tuples of further measures, each with its `undefined`.

        `corrected` says whether corrections are counted there.
        """
        totals = (counts.predictions, counts.labelled, counts.corrected if corrected else None)
        return self.measured(totals, window_measures(counts, min_support), classes_expected, *more)

    def measured(
        self,
        totals: tuple[int, int, int | None],
        measures: WindowMeasures,
        classes_expected: int | None,
        *more: tuple[object, ...],
    ) -> OutputRow:
        """The row of a window of which the measures are known.

        `totals` are predictions, labelled and corrected, None where corrections are not counted.
        """
        value = self._start(Stream.WINDOWS)
        value["predictions"], value["labelled"] = totals[:2]
        value["coverage"] = measures.coverage
        value["corrected"] = totals[2]
        value["classes_expected"] = classes_expected
        _enter(value, *(() if totals[2] is not None else (_UNCOUNTED,)), measures, *more)
        return OutputRow(Stream.WINDOWS, self._key, value)

    def of_classes(
        self, margins: Margins, classes: Collection[int], names: Sequence[str], cells: Mapping[int, int]
    ) -> list[OutputRow]:
        """The rows of some classes, in order of names; `cells` are the counts by code behind the margins."""
        details = class_details(cells, classes, names)
        rows = []
        for name, cls in sorted((names[cls], cls) for cls in classes):
            value = self._start(Stream.CLASSES)
            value["class"] = name
            _enter(value, class_measures(margins, cls), details[cls])
            rows.append(OutputRow(Stream.CLASSES, f"{self._key}|{encode_part(name)}", value))
        return rows

    def of(
        self,
        stream: Stream,
        key: tuple[str, ...],
        measures: tuple[object, ...],
        names: Mapping[str, str] | None = None,
    ) -> OutputRow:
        """A row of a named tuple; `key` is what follows the metric key, `names` what fields are called in the row."""
        value = self._start(stream)
        for field, measure in zip(_fields(measures), measures, strict=True):
            value[names.get(field, field) if names else field] = measure
        return OutputRow(stream, "|".join((self._key, *map(encode_part, key))), value)

    def finding(self, finding: Finding) -> OutputRow:
        """The row of what a detector found."""
        # A rate is of its subject; the subject of the others is whom they blame, and that may change.
        by_subject = finding.kind not in _BLAMING and finding.subject is not None
        key = (finding.kind, str(finding.subject)) if by_subject else (finding.kind,)
        row = self.of(Stream.DRIFT, key, finding)
        if finding.incident is not None:
            row.value["incident"] = _time(finding.incident)
        return row

    def sample(self, sample: SampleRow) -> OutputRow:
        """The row of a prediction worth a look."""
        row = self.of(Stream.SAMPLES, (), sample)
        return row._replace(key=sample.key)

    def _start(self, stream: Stream) -> dict[str, object]:
        value = self._identity.copy()
        value["schema"] = SCHEMAS[stream]
        return value

    def confusion(self, actual: str, predicted: str, count: int) -> OutputRow:
        """The row of one cell."""
        value = self._start(Stream.CONFUSION)
        value["actual"] = actual
        value["predicted"] = predicted
        value["count"] = count
        key = f"{self._key}|{encode_part(actual)}|{encode_part(predicted)}"
        return OutputRow(Stream.CONFUSION, key, value)


def _fields(measures: tuple[object, ...]) -> tuple[str, ...]:
    fields: tuple[str, ...] = measures._fields  # type: ignore[attr-defined]
    return fields


def _enter(value: dict[str, object], *parts: tuple[object, ...]) -> None:
    """Enter the fields of several measures into a row; their reasons are joined in one last field."""
    for part in parts:
        value.update(zip(_fields(part), part, strict=True))
    reasons = [str(part[-1]) for part in parts if part[-1] is not None]
    del value["undefined"]
    value["undefined"] = "; ".join(reasons) if reasons else None
