"""What did the detectors say, window by window? The drift rows of a replay as one series for each detector."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import typer

from streams.cli.moments import parse_moment
from streams.quality.drift.finding import Kind, Level
from streams.runtime.errors import ConfigError
from streams.runtime.replayed import rows_of

FILE = "drift.jsonl"


class Watched(NamedTuple):
    """One detector of one model version: what it watches. `subject` is empty but for rates of one of several things."""

    window: str
    kind: str
    model: str
    version: str
    segment: str
    subject: str


class Judged(NamedTuple):
    """What it said of the window [start_ms, end_ms).

    `alarm`: it fired. `incident`: the time that names the incident which the window belongs to. `judged` is False
    where it could say nothing: no reference yet, no labels. `blamed`: the class it names.
    """

    start_ms: int
    end_ms: int
    judged: bool
    alarm: bool
    incident: str | None
    blamed: str | None


def read_drift(folder: Path, window: str | None) -> dict[Watched, list[Judged]]:
    """The newest rows of every detector, in the order of time; only of one window size where one is named.

    Raises `ConfigError` when there is no such file, or when a line of it is no drift row.
    """
    path = folder / FILE
    newest: dict[tuple[Watched, int], tuple[int, Judged]] = {}
    for number, row in rows_of(path, "quality.drift.v1"):
        try:
            watched, judged, revision = _watched(row), _judged(row), int(row["revision"])
        except (KeyError, TypeError, ValueError, typer.BadParameter):
            raise ConfigError(f"{path}:{number} is not a row of quality.drift.v1.") from None
        if window is not None and watched.window != window:
            continue
        key = (watched, judged.start_ms)
        if key not in newest or newest[key][0] <= revision:
            newest[key] = (revision, judged)
    series: dict[Watched, list[Judged]] = {}
    for (watched, _), (_, judged) in sorted(newest.items(), key=lambda item: item[0]):
        series.setdefault(watched, []).append(judged)
    return series


def _watched(row: Mapping[str, Any]) -> Watched:
    kind = str(row["kind"])
    # The subject of a rate is what it is the rate of; that of another detector is whom it blames in this window.
    subject = "" if kind in set(Kind) else str(row["subject"])
    model, version, segment = (str(row[name]) for name in ("model", "model_version", "segment"))
    return Watched(str(row["window"]), kind, model, version, segment, subject)


def _judged(row: Mapping[str, Any]) -> Judged:
    level = Level(row["level"])
    is_alarm = level is Level.ALARM
    return Judged(
        parse_moment(row["window_start"]),
        parse_moment(row["window_end"]),
        is_alarm or row["p_value"] is not None,
        is_alarm,
        row["incident"],
        row["subject"],
    )
