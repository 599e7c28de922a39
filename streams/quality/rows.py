"""Rows for analysts: flat, fixed field order, keyed for upserts (the contract is docs/outputs.md).

A row is a function of counts, the place they were counted at, and the round they were published in; no
clock and no state of the job gets in, so that two runs over one log write the same bytes.
"""

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from streams.ledger.spec import NO_TIME
from streams.ledger.times import rfc3339
from streams.quality.measures import ClassMeasures, WindowMeasures, class_measures, window_measures
from streams.quality.table import Margins

VIEW = "prediction_time"
"""Windows are by the event time of the prediction; other views have counts of their own."""

ALL = "all"
"""The segment of every prediction."""


class Stream(StrEnum):
    """Which of the judge's outputs a row belongs to."""

    WINDOWS = "windows"
    CLASSES = "classes"
    CONFUSION = "confusion"


class Status(StrEnum):
    """How far a window is: its first verdict comes at `settled`, nothing changes after `final`."""

    OPEN = "open"
    SETTLED = "settled"
    FINAL = "final"


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
    start_ms: int
    end_ms: int


class Moment(NamedTuple):
    """When it was measured: the revision and the watermark (ms or NO_TIME) of the round."""

    revision: int
    watermark: int


_time = lru_cache(1 << 12)(rfc3339)  # a round has few times and many rows


@lru_cache(1 << 14)
def encode_part(part: str) -> str:
    """A part of a key with `%` and `|` percent-encoded, so that the parts can be told apart again.

    >>> encode_part("a|b 100%")
    'a%7Cb 100%25'
    """
    return part.replace("%", "%25").replace("|", "%7C")


def metric_key(place: Place) -> str:
    """The key of a window row: model, version, segment, window, view and start, joined by `|`."""
    before, behind = _around_segment(place)
    return f"{before}{encode_part(place.segment)}{behind}"


def _around_segment(place: Place) -> tuple[str, str]:
    """What stands before and behind the segment in a key."""
    start = encode_part(_time(place.start_ms))
    before = f"{encode_part(place.model)}|{encode_part(place.version)}|"
    return before, f"|{encode_part(place.window)}|{VIEW}|{start}"


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
            "view": VIEW,
            "window_start": _time(place.start_ms),
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

    def window(self, counts: Margins, classes_expected: int | None, min_support: int) -> OutputRow:
        """The row of the window itself."""
        measures = window_measures(counts, min_support)
        value = self._identity.copy()
        value["schema"] = "quality.window.v1"
        value["predictions"] = counts.predictions
        value["labelled"] = counts.labelled
        value["coverage"] = measures.coverage
        value["corrected"] = counts.corrected
        value["classes_expected"] = classes_expected
        value.update(zip(WindowMeasures._fields, measures, strict=True))
        return OutputRow(Stream.WINDOWS, self._key, value)

    def of_class(self, counts: Margins, cls: int, name: str) -> OutputRow:
        """The row of one class, numbered `cls` in the counts."""
        value = self._identity.copy()
        value["schema"] = "quality.class.v1"
        value["class"] = name
        value.update(zip(ClassMeasures._fields, class_measures(counts, cls), strict=True))
        return OutputRow(Stream.CLASSES, f"{self._key}|{encode_part(name)}", value)

    def confusion(self, actual: str, predicted: str, count: int) -> OutputRow:
        """The row of one cell."""
        value = self._identity.copy()
        value["schema"] = "quality.confusion.v1"
        value["actual"] = actual
        value["predicted"] = predicted
        value["count"] = count
        key = f"{self._key}|{encode_part(actual)}|{encode_part(predicted)}"
        return OutputRow(Stream.CONFUSION, key, value)
