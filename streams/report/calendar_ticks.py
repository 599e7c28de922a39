"""Where do the ticks of a time axis go? On whole minutes, hours, days, months or years in UTC, as many as have room.

A label says what changes between ticks, and at its borders the next larger unit: hours and at midnight the day, months
and in January the year. Where no border is in sight the first label says it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
_MONDAY_MS = 4 * _DAY_MS  # 1970-01-05: weeks begin on Mondays
_STEPS_MS = (
    *(step * _MINUTE_MS for step in (1, 2, 5, 10, 15, 30)),
    *(step * _HOUR_MS for step in (1, 2, 3, 6, 12)),
    *(step * _DAY_MS for step in (1, 2, 4, 7, 14)),
)
_STEPS_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Tick(NamedTuple):
    """A tick at a time in ms since 1970."""

    at_ms: int
    label: str


def calendar_ticks(start_ms: int, end_ms: int, most: int) -> list[Tick]:
    """The ticks in `[start_ms, end_ms]`: the finest step of which at most `most` (2 or more) fit.

    >>> [tick.label for tick in calendar_ticks(0, 86_400_000, 3)]
    ['1 Jan', '12:00', '2 Jan']
    """
    for step_ms in _STEPS_MS:
        if (end_ms - start_ms) // step_ms < most:
            places = list(range(-((_MONDAY_MS - start_ms) // step_ms) * step_ms + _MONDAY_MS, end_ms + 1, step_ms))
            return _labelled([_EPOCH + timedelta(milliseconds=place) for place in places], step_ms)
    for months in chain(_STEPS_MONTHS, count(240, 120)):
        places_in_months = list(_months(start_ms, end_ms, months))
        if len(places_in_months) <= most:
            return _labelled(places_in_months, months * 28 * _DAY_MS)
    raise AssertionError  # the second loop only ends by returning


def _months(start_ms: int, end_ms: int, step: int) -> Iterator[datetime]:
    start, end = (_EPOCH + timedelta(milliseconds=ms) for ms in (start_ms, end_ms))
    at = -(-(start.year * 12 + start.month - 1) // step) * step
    while (place := datetime(at // 12, at % 12 + 1, 1, tzinfo=UTC)) <= end:
        if place >= start:
            yield place
        at += step


def _labelled(places: list[datetime], step_ms: int) -> list[Tick]:
    has_border = any(_is_border(place, step_ms) for place in places)
    return [
        Tick(
            (place - _EPOCH) // timedelta(milliseconds=1), _label(place, step_ms, is_full=not has_border and not number)
        )
        for number, place in enumerate(places)
    ]


def _is_border(place: datetime, step_ms: int) -> bool:
    """Whether the next larger unit begins."""
    is_midnight = place.hour == place.minute == 0
    return is_midnight if step_ms < _DAY_MS else step_ms < 28 * _DAY_MS or place.month == 1


def _label(place: datetime, step_ms: int, *, is_full: bool) -> str:
    day, time, month = f"{place.day} {_MONTHS[place.month - 1]}", f"{place:%H:%M}", _MONTHS[place.month - 1]
    if step_ms < _DAY_MS:
        return f"{day} {time}" if is_full else day if _is_border(place, step_ms) else time
    if step_ms < 28 * _DAY_MS:
        return day
    return f"{month} {place.year}" if is_full else str(place.year) if _is_border(place, step_ms) else month
