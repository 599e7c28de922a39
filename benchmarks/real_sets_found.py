"""What was found when on a log set whose changes are known? Incidents of one replay against changes and deployments."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from benchmarks.real_sets_known import Known
from streams.cli.moments import parse_moment
from streams.cli.score_changes import Change
from streams.cli.score_marks import Marks, mark
from streams.cli.score_rows import FILE, Judged, Watched, read_drift
from streams.quality.drift.finding import Kind
from streams.quality.rows import ALL

TOLERANCE_MS = 2 * 86_400_000
"""How long after a known change an alarm answers it; later ones, and earlier ones, are false."""

_KINDS = frozenset(kind.value for kind in Kind)

_TOLD_FIRST = ("performance", "confusion", "label", "prediction", "score", "variance")
"""The kinds in the order in which they are told; others follow by name."""


class Incident(NamedTuple):
    """What one detector said from its first alarm on; times are ms, `told_ms` is the end of that window and settling.

    `blamed` and what follows are those of the first alarm. `answers`: it answers a known change, else it is false by
    the rules. `is_open`: it had not closed when the log ended.
    """

    watched: Watched
    start_ms: int
    told_ms: int
    end_ms: int
    is_open: bool
    blamed: str
    effect: float | None
    explains: str
    answers: bool


class Found(NamedTuple):
    """Everything that detectors on one window size said of a set."""

    window: str
    marks: tuple[Marks, ...]
    series: Mapping[Watched, Sequence[Judged]]
    incidents: tuple[Incident, ...]


def order(watched: Watched) -> tuple[str, int, str, str]:
    """Versions by name, kinds in the order in which they are told."""
    known = _TOLD_FIRST.index(watched.kind) if watched.kind in _TOLD_FIRST else len(_TOLD_FIRST)
    return watched.version, known, watched.kind, watched.subject


def found(folder: Path, window: str, known: Known, settle_ms: int) -> Found:
    """What the detectors said that judged windows of this size of all predictions together."""
    series = {watched: rows for watched, rows in read_drift(folder, window).items() if watched.segment == ALL}
    ordered = sorted(series, key=order)
    marks = tuple(mark(watched, series[watched], visible(watched, series, known), TOLERANCE_MS) for watched in ordered)
    rows = _alarm_rows(folder, window)
    incidents = [incident for one in marks for incident in _incidents(one, series[one.watched], rows, settle_ms)]
    incidents.sort(key=lambda incident: (incident.start_ms, order(incident.watched)))
    return Found(window, marks, {watched: series[watched] for watched in ordered}, tuple(incidents))


def visible(watched: Watched, series: Mapping[Watched, Sequence[Judged]], known: Known) -> list[Change]:
    """The changes that a detector can see: those after the first window of its version that any detector judged.

    To a version that came later, or a reference made later, the world after the change is the normal one. Rates of
    label quality are about labels alone, and no known change is one of labels.
    """
    first_ms = min(
        (
            rows.start_ms
            for other, of in series.items()
            if other.version == watched.version
            for rows in of
            if rows.judged
        ),
        default=None,
    )
    if first_ms is None or watched.kind not in _KINDS:
        return []
    return [change for change in known.changes if change.until_ms >= first_ms]


def _incidents(
    one: Marks, series: Sequence[Judged], rows: Mapping[tuple[object, ...], Mapping[str, Any]], settle_ms: int
) -> Iterator[Incident]:
    false = {window.start_ms for window in one.false}
    for name in sorted({window.incident for window in series if window.incident}):
        members = [window for window in series if window.incident == name]
        first, last = members[0], members[-1]
        row = rows[_key(one.watched, first.start_ms)]
        yield Incident(
            one.watched,
            first.start_ms,
            first.end_ms + settle_ms,
            last.end_ms,
            bool(rows[_key(one.watched, last.start_ms)]["incident_status"] == "open"),
            first.blamed or "",
            row["effect"],
            str(row["explains"] or "").replace("_", " "),
            first.start_ms not in false,
        )


def _key(watched: Watched, start_ms: int) -> tuple[object, ...]:
    return watched.version, watched.kind, watched.subject, start_ms


def _alarm_rows(folder: Path, window: str) -> dict[tuple[object, ...], Mapping[str, Any]]:
    """The newest row of each window that is part of an incident."""
    newest: dict[tuple[object, ...], Mapping[str, Any]] = {}
    with (folder / FILE).open("rb") as lines:
        for line in lines:
            row = orjson.loads(line)
            if row["window"] == window and row["segment"] == ALL and row["incident"]:
                subject = "" if row["kind"] in _KINDS else str(row["subject"])
                newest[row["model_version"], row["kind"], subject, parse_moment(row["window_start"])] = row
    return newest


def judged_spans(series: Sequence[Judged]) -> list[tuple[int, int]]:
    """The times in which a detector judged, neighbouring windows as one."""
    judged = [window for window in series if window.judged]
    if not judged:
        return []
    breaks = [after.start_ms for before, after in pairwise(judged) if after.start_ms > before.end_ms]
    starts = [judged[0].start_ms, *breaks]
    return [
        (start, max(w.end_ms for w in judged if start <= w.start_ms < after))
        for start, after in zip(starts, [*starts[1:], judged[-1].end_ms], strict=True)
    ]
