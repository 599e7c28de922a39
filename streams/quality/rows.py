"""Rows for analysts: flat, fixed field order, keyed for upserts (the contract is docs/outputs.md).

A row is a function of counts, the place they were counted at, and the round they were published in; no
clock and no state of the job gets in, so that two runs over one log write the same bytes.
"""

from enum import StrEnum
from typing import NamedTuple

from streams.ledger.spec import NO_TIME
from streams.ledger.times import rfc3339
from streams.quality.measures import class_measures, window_measures
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


def encode_part(part: str) -> str:
    """A part of a key with `%` and `|` percent-encoded, so that the parts can be told apart again.

    >>> encode_part("a|b 100%")
    'a%7Cb 100%25'
    """
    return part.replace("%", "%25").replace("|", "%7C")


def metric_key(place: Place) -> str:
    """The key of a window row: model, version, segment, window, view and start, joined by `|`."""
    parts = (place.model, place.version, place.segment, place.window, VIEW, rfc3339(place.start_ms))
    return "|".join([encode_part(part) for part in parts])


class RowWriter:
    """Writes the rows of one place in one round."""

    __slots__ = ("_identity", "_key")

    def __init__(self, place: Place, status: Status, moment: Moment) -> None:
        self._key = metric_key(place)
        self._identity: dict[str, object] = {
            "metric_key": self._key,
            "model": place.model,
            "model_version": place.version,
            "segment": place.segment,
            "window": place.window,
            "view": VIEW,
            "window_start": rfc3339(place.start_ms),
            "window_end": rfc3339(place.end_ms),
            "status": status.value,
            "revision": moment.revision,
            "watermark": None if moment.watermark <= NO_TIME else rfc3339(moment.watermark),
        }

    def window(self, counts: Margins, classes_expected: int | None, min_support: int) -> OutputRow:
        """The row of the window itself."""
        measures = window_measures(counts, min_support)
        value: dict[str, object] = {
            "schema": "quality.window.v1",
            **self._identity,
            "predictions": counts.predictions,
            "labelled": counts.labelled,
            "coverage": measures.coverage,
            "corrected": counts.corrected,
            "classes_expected": classes_expected,
        }
        value.update(measures._asdict())
        return OutputRow(Stream.WINDOWS, self._key, value)

    def of_class(self, counts: Margins, cls: int, name: str) -> OutputRow:
        """The row of one class, numbered `cls` in the counts."""
        value: dict[str, object] = {"schema": "quality.class.v1", **self._identity, "class": name}
        value.update(class_measures(counts, cls)._asdict())
        return OutputRow(Stream.CLASSES, f"{self._key}|{encode_part(name)}", value)

    def confusion(self, actual: str, predicted: str, count: int) -> OutputRow:
        """The row of one cell."""
        value: dict[str, object] = {
            "schema": "quality.confusion.v1",
            **self._identity,
            "actual": actual,
            "predicted": predicted,
            "count": count,
        }
        key = f"{self._key}|{encode_part(actual)}|{encode_part(predicted)}"
        return OutputRow(Stream.CONFUSION, key, value)
