"""How well did a detector do? Its alarms against known changes: how late, what it missed, how often for nothing.

An alarm is the first of an incident; what fires again while the incident is open is the same alarm. An alarm answers a
change from the window that the change falls into until its tolerance is over, or the next change comes. Every other
alarm is false. Time is event time: when a row could be read is later by the settling of its window.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from streams.cli.score_changes import Change
from streams.cli.score_rows import Judged, Watched

TOLERATED_WINDOWS = 20
"""How many windows after a change an alarm still answers it, where nobody says how long."""


class Result(StrEnum):
    """What became of a change."""

    FOUND = "found"
    MISSED = "missed"
    MASKED = "masked"  # an earlier incident was open all the time
    NOT_WATCHED = "not watched"  # no window of the change was judged: no reference yet, or no predictions


class Answer(NamedTuple):
    """What a detector made of one change. Delays are None unless it was found.

    `delay_windows`: judged windows from that of the change to that of the alarm, 1 if they are the same.
    `delay_ms`: from the change to the end of the window of the alarm.
    """

    change: Change
    watched: Watched
    result: Result
    delay_windows: int | None
    delay_ms: int | None
    alarm: Judged | None


class Marks(NamedTuple):
    """What one detector of one model version did.

    `windows`: judged ones, `calm`: those of them in which an alarm is false.
    """

    watched: Watched
    windows: int
    calm: int
    alarms: int
    false: tuple[Judged, ...]
    answers: tuple[Answer, ...]


def mark(watched: Watched, windows: Sequence[Judged], changes: Sequence[Change], tolerance_ms: int | None) -> Marks:
    """The marks of a detector that said `windows`, in order of time; `changes` are in order, too.

    Without a tolerance it is `TOLERATED_WINDOWS` windows.
    """
    judged = [window for window in windows if window.judged]
    alarms = list(_alarms(windows))
    ranges = list(_ranges(watched, windows, changes, tolerance_ms))
    explained = {window for _, begin, end in ranges for window in _within(judged, begin, end)}
    return Marks(
        watched,
        len(judged),
        sum(window not in explained for window in judged),
        len(alarms),
        tuple(alarm for alarm, _ in alarms if alarm not in explained),
        tuple(_answer(change, watched, judged, alarms, begin, end) for change, begin, end in ranges),
    )


def _ranges(
    watched: Watched, windows: Sequence[Judged], changes: Sequence[Change], tolerance_ms: int | None
) -> Iterator[tuple[Change, int, int]]:
    """(change, begin, end) of the event time in which an alarm answers a change of what is watched, ms."""
    mine = [change for change in changes if _concerns(change, watched)]
    size_ms = max(window.end_ms - window.start_ms for window in windows)
    tolerated_ms = TOLERATED_WINDOWS * size_ms if tolerance_ms is None else tolerance_ms
    for change in mine:
        end = change.until_ms + tolerated_ms
        yield change, change.at_ms, min([end, *(later.at_ms for later in mine if later.at_ms > change.at_ms)])


def _concerns(change: Change, watched: Watched) -> bool:
    said = ((change.model, watched.model), (change.version, watched.version), (change.segment, watched.segment))
    return all(wanted in (None, there) for wanted, there in said) and watched.kind in (change.kinds or (watched.kind,))


def _alarms(windows: Sequence[Judged]) -> Iterator[tuple[Judged, int]]:
    """(window of the first alarm, end of the last window in ms) of every incident.

    Alarms without an incident are one while they follow each other.
    """
    first: Judged | None = None
    last_ms = 0
    for window in windows:
        if first is not None and window.incident == first.incident and (window.incident or window.alarm):
            last_ms = window.end_ms
            continue
        if first is not None:
            yield first, last_ms
            first = None
        if window.alarm:
            first, last_ms = window, window.end_ms
    if first is not None:
        yield first, last_ms


def _within(windows: Sequence[Judged], begin: int, end: int) -> list[Judged]:
    """The windows that share an instant with [begin, end)."""
    return [window for window in windows if window.end_ms > begin and window.start_ms < end]


def _answer(
    change: Change,
    watched: Watched,
    judged: Sequence[Judged],
    alarms: Sequence[tuple[Judged, int]],
    begin: int,
    end: int,
) -> Answer:
    inside = _within(judged, begin, end)
    if not inside:
        return Answer(change, watched, Result.NOT_WATCHED, None, None, None)
    answering = [alarm for alarm, _ in alarms if alarm in inside]
    if answering:
        alarm = answering[0]
        return Answer(change, watched, Result.FOUND, inside.index(alarm) + 1, alarm.end_ms - change.at_ms, alarm)
    covered = any(alarm.start_ms < inside[0].start_ms and last_ms >= inside[-1].end_ms for alarm, last_ms in alarms)
    return Answer(change, watched, Result.MASKED if covered else Result.MISSED, None, None, None)
