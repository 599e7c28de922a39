"""One time value as ms since 1970: epoch numbers told by magnitude, RFC 3339 text with its zone.

Rule: a zone is never guessed. Text without one is `TIME_WITHOUT_ZONE` unless the mapping says `tz(Zone)`. Everything
below a millisecond is floored. This is the reference that `streams.formats.time_columns` must agree with.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from streams.formats.reasons import Reason
from streams.formats.values import Unreadable, shown

SECONDS_BELOW = 10**11
MILLIS_BELOW = 10**14
MICROS_BELOW = 10**17
"""The magnitudes below which a number is in seconds, ms, us; above the last it is in ns."""

_TEXT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,18}))?)? ?([Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def time_ms(field: str, value: Any, zone: ZoneInfo | None = None) -> int:
    """The time that a JSON value says, ms since 1970; raises `Unreadable` when it says none.

    >>> time_ms("time", 1700000000.5), time_ms("time", "1970-01-01T01:00:00.1239+01:00")
    (1700000000500, 123)
    """
    kind = type(value)
    if kind is int:
        return _epoch_int(value)
    if kind is float:
        return _epoch_float(field, value)
    if kind is str:
        return _text(field, value, zone)
    raise Unreadable(Reason.NOT_A_TIME, f"{field} is {shown(value)}")


def _epoch_int(value: int) -> int:
    size = abs(value)
    if size < SECONDS_BELOW:
        return value * 1000
    if size < MILLIS_BELOW:
        return value
    return value // 1000 if size < MICROS_BELOW else value // 1_000_000


def _epoch_float(field: str, value: float) -> int:
    """As for integers, over the nearest microsecond: 1700000000.123 is ...123 ms although the float is a bit less."""
    if not math.isfinite(value):
        raise Unreadable(Reason.NOT_A_TIME, f"{field} is {shown(value)}")
    size = abs(value)
    if size < SECONDS_BELOW:
        return round(value * 1e6) // 1000
    if size < MILLIS_BELOW:
        return round(value * 1e3) // 1000
    return round(value) // 1000 if size < MICROS_BELOW else round(value) // 1_000_000


def _text(field: str, text: str, zone: ZoneInfo | None) -> int:
    match = _TEXT.fullmatch(text.strip() if len(text) <= 64 else text[:64])
    if match is None:
        raise Unreadable(Reason.NOT_A_TIME, f"{field} is {shown(text)}, not a number or RFC 3339 text")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if offset is None and zone is None:
        raise Unreadable(Reason.TIME_WITHOUT_ZONE, f"{field} is {shown(text)}: say its zone with tz(Zone)")
    leap = second == "60"  # a leap second is the first second of the next minute, as in POSIX time
    try:
        at = datetime(
            int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second or 0), tzinfo=UTC
        )
        if offset is None:
            at = at.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable(Reason.NOT_A_TIME, f"{field} is {shown(text)}: {error}") from None
    ms = (at - _EPOCH) // _MS + (1000 if leap else 0) + int((fraction or "0").ljust(3, "0")[:3])
    return ms - _offset_ms(field, text, offset) if offset is not None else ms


def _offset_ms(field: str, text: str, offset: str) -> int:
    if offset in {"Z", "z"}:
        return 0
    hours, minutes = int(offset[1:3]), int(offset[-2:]) if len(offset) > 3 else 0
    if hours > 23 or minutes > 59:
        raise Unreadable(Reason.NOT_A_TIME, f"{field} is {shown(text)}: no such zone offset")
    size = (hours * 60 + minutes) * 60_000
    return -size if offset[0] == "-" else size
